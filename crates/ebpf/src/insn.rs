//! One instruction slot, as memory and files hold it (RFC 9669, section 3).
//!
//! What an instruction *means* is in [`crate::isa`]; here are only its fields, and constructors by
//! their names for those who write programs in Rust.

/// A slot of eight bytes. An instruction with a 64-bit immediate takes two.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Insn {
    /// Class, operation, source or size and mode.
    pub opcode: u8,
    /// Destination register in the low, source register in the high four bits.
    pub registers: u8,
    /// Of memory accesses in bytes, of jumps in slots behind the next one.
    pub offset: i16,
    /// Signed immediate.
    pub immediate: i32,
}

/// A register: r0 to r10.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reg(pub u8);

/// Result of calls and of the program.
pub const R0: Reg = Reg(0);
/// First argument: the context at entry.
pub const R1: Reg = Reg(1);
/// Second argument.
pub const R2: Reg = Reg(2);
/// Third argument.
pub const R3: Reg = Reg(3);
/// Fourth argument.
pub const R4: Reg = Reg(4);
/// Fifth argument.
pub const R5: Reg = Reg(5);
/// Kept by calls.
pub const R6: Reg = Reg(6);
/// Kept by calls.
pub const R7: Reg = Reg(7);
/// Kept by calls.
pub const R8: Reg = Reg(8);
/// Kept by calls.
pub const R9: Reg = Reg(9);
/// End of the frame on the stack; read only.
pub const R10: Reg = Reg(10);

/// Registers that programs name.
pub const REGISTERS: u8 = 11;

/// Opcode of the instruction with a 64-bit immediate, in two slots.
pub const WIDE: u8 = 0x18;

impl Insn {
    /// A slot of these fields.
    pub const fn new(opcode: u8, dst: Reg, src: Reg, offset: i16, immediate: i32) -> Self {
        Self { opcode, registers: dst.0 & 15 | src.0 << 4, offset, immediate }
    }

    /// Destination register, which may not exist.
    pub const fn dst(self) -> u8 {
        self.registers & 15
    }

    /// Source register or kind, which may not exist.
    pub const fn src(self) -> u8 {
        self.registers >> 4
    }

    /// True for the first slot of an instruction of two.
    pub const fn is_wide(self) -> bool {
        self.opcode == WIDE
    }

    /// The bytes, little endian.
    pub fn to_bytes(self) -> [u8; 8] {
        let [o0, o1] = self.offset.to_le_bytes();
        let [i0, i1, i2, i3] = self.immediate.to_le_bytes();
        [self.opcode, self.registers, o0, o1, i0, i1, i2, i3]
    }

    /// A slot from its bytes, little endian.
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        let [opcode, registers, o0, o1, i0, i1, i2, i3] = bytes;
        let offset = i16::from_le_bytes([o0, o1]);
        Self { opcode, registers, offset, immediate: i32::from_le_bytes([i0, i1, i2, i3]) }
    }
}

/// The slots in `bytes`; `None` if they do not fill the last one.
pub fn from_bytes(bytes: &[u8]) -> Option<Vec<Insn>> {
    let (slots, rest) = bytes.as_chunks::<8>();
    rest.is_empty().then(|| slots.iter().map(|slot| Insn::from_bytes(*slot)).collect())
}

/// The bytes of `code`.
pub fn to_bytes(code: &[Insn]) -> Vec<u8> {
    code.iter().flat_map(|insn| insn.to_bytes()).collect()
}

/// The two slots of a 64-bit immediate of a kind (0 is a plain number).
pub const fn wide(dst: Reg, kind: u8, low: i32, high: i32) -> [Insn; 2] {
    [Insn::new(WIDE, dst, Reg(kind), 0, low), Insn::new(0, R0, R0, 0, high)]
}

/// `dst = value`, with the sign extended to 64 bits.
pub const fn move_imm(dst: Reg, value: i32) -> Insn {
    Insn::new(0xb7, dst, R0, 0, value)
}

/// `dst = src`.
pub const fn move_reg(dst: Reg, src: Reg) -> Insn {
    Insn::new(0xbf, dst, src, 0, 0)
}

/// `dst = *(u32 *)(src + offset)`.
pub const fn load_word(dst: Reg, src: Reg, offset: i16) -> Insn {
    Insn::new(0x61, dst, src, offset, 0)
}

/// Calls a helper by its number.
pub const fn call(helper: i32) -> Insn {
    Insn::new(0x85, R0, R0, 0, helper)
}

/// Returns r0.
pub const fn exit() -> Insn {
    Insn::new(0x95, R0, R0, 0, 0)
}

/// A program that returns a constant.
pub const fn constant(value: i32) -> [Insn; 2] {
    [move_imm(R0, value), exit()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_eight_bytes_in_the_order_of_the_kernel() {
        assert_eq!(size_of::<Insn>(), 8);
        let load = load_word(R2, R1, 16);
        assert_eq!(load.to_bytes(), [0x61, 0x12, 16, 0, 0, 0, 0, 0]);
        assert_eq!(Insn::from_bytes(load.to_bytes()), load);
        assert_eq!(from_bytes(&to_bytes(&constant(-7))), Some(constant(-7).to_vec()));
        assert_eq!(from_bytes(&[0; 9]), None);
    }
}
