//! eBPF instructions, as many as the programs here need (RFC 9669).

use std::os::fd::{AsRawFd as _, BorrowedFd};

/// One instruction in the encoding of the kernel.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Insn {
    opcode: u8,
    /// Destination in the low, source in the high four bits.
    registers: u8,
    offset: i16,
    immediate: i32,
}

/// A register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reg(u8);

/// Result and first scratch register.
pub const R0: Reg = Reg(0);
/// First argument: the context at entry.
pub const R1: Reg = Reg(1);
/// Second argument.
pub const R2: Reg = Reg(2);
/// Third argument.
pub const R3: Reg = Reg(3);

/// The helper `bpf_redirect_map`.
pub const REDIRECT_MAP: i32 = 51;

impl Insn {
    const fn new(opcode: u8, dst: Reg, src: u8, offset: i16, immediate: i32) -> Self {
        Self { opcode, registers: dst.0 | src << 4, offset, immediate }
    }
}

/// `dst = immediate`, 64 bits wide with the sign extended.
pub const fn move_imm(dst: Reg, immediate: i32) -> Insn {
    Insn::new(0xb7, dst, 0, 0, immediate)
}

/// `dst = *(u32 *)(src + offset)`.
pub const fn load_word(dst: Reg, src: Reg, offset: i16) -> Insn {
    Insn::new(0x61, dst, src.0, offset, 0)
}

/// `dst = ` the address of a map; takes two slots.
pub fn load_map(dst: Reg, map: BorrowedFd<'_>) -> [Insn; 2] {
    const PSEUDO_MAP_FD: u8 = 1;
    [Insn::new(0x18, dst, PSEUDO_MAP_FD, 0, map.as_raw_fd()), Insn::new(0, Reg(0), 0, 0, 0)]
}

/// Calls a helper by its number.
pub const fn call(helper: i32) -> Insn {
    Insn::new(0x85, R0, 0, 0, helper)
}

/// Returns R0.
pub const fn exit() -> Insn {
    Insn::new(0x95, R0, 0, 0, 0)
}

/// A program that returns a constant.
pub const fn constant(value: i32) -> [Insn; 2] {
    [move_imm(R0, value), exit()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_eight_bytes_in_the_kernels_order() {
        assert_eq!(size_of::<Insn>(), 8);
        let load = load_word(R2, R1, 16);
        assert_eq!((load.opcode, load.registers, load.offset), (0x61, 0x12, 16));
        assert_eq!(constant(7)[0].immediate, 7);
    }
}
