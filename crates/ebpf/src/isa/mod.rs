//! The instruction set, described once (RFC 9669, versions 1 to 4 of the set, and what the kernel
//! adds to it in loaded programs).
//!
//! Each [`Row`] of the [`table`] says how an instruction is encoded, how it reads and what it
//! does. The assembler and the disassembler follow the row's text, the interpreter and later the
//! bit-vector semantics its [`Effect`], the control-flow graph too, and the page of the
//! book is printed from it. Nothing else in Trama knows what an instruction does.
//!
//! **Invariants:** a slot decodes to one row at most; fields that a row does not use are zero;
//! the text of each row can be parsed back to the same slots.

mod build;
mod page;
pub mod term;
#[cfg(test)]
mod tests;

pub use build::{CALL_LOCAL, MAP_INDEX, MAP_VALUE_INDEX};
pub use page::page;

use crate::insn::{Insn, R0, REGISTERS, Reg};
use std::sync::LazyLock;
use term::Term;

/// An instruction: encoding, text, meaning.
#[derive(Clone, Debug)]
pub struct Row {
    /// First byte of the slot.
    pub opcode: u8,
    /// How it reads; [`crate::text`] explains the placeholders.
    pub text: String,
    /// Value of the source field, if the text does not name it.
    pub src: u8,
    /// Value of the offset, if the text does not name it.
    pub offset: i16,
    /// Value of the immediate, if the text does not name it.
    pub imm: i32,
    /// Version of the instruction set that has it, as compilers count (`-mcpu=v3`).
    pub version: u8,
    /// What it does.
    pub effect: Effect,
    /// Which fields the text names.
    fields: Fields,
}

/// Which fields of a slot are operands.
#[derive(Clone, Copy, Debug, Default)]
struct Fields {
    dst: bool,
    src: bool,
    offset: bool,
    imm: bool,
}

impl Fields {
    /// Those that a row's text names.
    fn of(text: &str) -> Self {
        let any = |names: &[&str]| names.iter().any(|name| text.contains(name));
        Self {
            dst: any(&["{d}", "{wd}"]),
            src: any(&["{s}", "{ws}"]),
            offset: any(&["{m}", "{j}"]),
            imm: any(&["{i}", "{J}", "{p}", "{n}"]),
        }
    }
}

/// What an instruction does. Afterwards the next one runs, unless it says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Destination = term.
    Set(Term),
    /// Destination = so many bits of memory at source + offset.
    Load {
        /// 8 to 64.
        bits: u8,
        /// Whether the sign is extended; zeros otherwise.
        signed: bool,
    },
    /// So many bits of memory at destination + offset = low bits of the term.
    Store {
        /// 8 to 64.
        bits: u8,
        /// What is stored.
        value: Term,
    },
    /// As one step: old = memory at destination + offset; memory = term; a register = old.
    Atomic {
        /// 32 or 64.
        bits: u8,
        /// New contents.
        new: Term,
        /// Which register takes the old contents.
        fetch: Fetch,
    },
    /// r0 = so many bits of the packet at this index, big endian; the program ends with 0 if they
    /// lie beyond its end. Socket filters and traffic classifiers only.
    LoadPacket {
        /// 8 to 32.
        bits: u8,
        /// Index of the first byte.
        index: Term,
    },
    /// Goes on so many slots behind the next one if the term is not 0, or always.
    Jump {
        /// The condition.
        taken: Option<Term>,
        /// Which field has the distance.
        distance: Distance,
    },
    /// As a jump, at most as often as the kernel pleases: it bounds loops (`may_goto`).
    MayJump,
    /// r0 = result of a function of r1 to r5, which are lost.
    Call(Callee),
    /// Ends the function with r0.
    Exit,
    /// Destination = a number or an address, by the immediates of both slots.
    Wide(Wide),
    /// Destination = source as an address of another space. Arenas only.
    CastAddress,
}

/// Who takes what an atomic operation found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetch {
    /// Nobody.
    None,
    /// The source register.
    Src,
    /// Register r0.
    R0,
}

/// Where the distance of a jump is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distance {
    /// In the offset.
    Offset,
    /// In the immediate.
    Imm,
}

/// Who is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callee {
    /// The helper whose number is the immediate.
    Helper,
    /// The function of the program so many slots behind the next instruction as the immediate says.
    Local,
    /// The kernel's function whose BTF type is the immediate.
    Kernel,
    /// The helper whose number is in the destination register.
    Register,
}

/// What the two slots of a wide instruction stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wide {
    /// The number of both immediates, low half first.
    Number,
    /// The map with this descriptor.
    MapFd,
    /// The value of the map with this descriptor, plus the second immediate.
    MapValueFd,
    /// The kernel's variable with this BTF type.
    Variable,
    /// The function of the program so many slots behind the next instruction.
    Function,
    /// The map at this index of the object's maps.
    MapIndex,
    /// The value of the map at this index of the object's maps, plus the second immediate.
    MapValueIndex,
}

/// All rows.
pub fn table() -> &'static [Row] {
    &TABLE.rows
}

/// The row of a slot. `None` if it is no instruction, or names a register that does not exist, or
/// a field that must be zero is not. Of a wide instruction this is the first slot.
pub fn decode(insn: Insn) -> Option<&'static Row> {
    let candidates = &TABLE.by_opcode[usize::from(insn.opcode)];
    candidates.iter().map(|index| &TABLE.rows[usize::from(*index)]).find(|row| row.is(insn))
}

struct Table {
    rows: Vec<Row>,
    by_opcode: Vec<Vec<u16>>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let rows = build::rows();
    let mut by_opcode = vec![Vec::new(); 256];
    for (index, row) in (0u16..).zip(&rows) {
        by_opcode[usize::from(row.opcode)].push(index);
    }
    Table { rows, by_opcode }
});

impl Row {
    /// True if the slot is an instruction of this row.
    pub fn is(&self, insn: Insn) -> bool {
        let dst_fits = if self.fields.dst { insn.dst() < REGISTERS } else { insn.dst() == 0 };
        let src_fits = match self.fields.src {
            true => insn.src() < REGISTERS,
            false => insn.src() == self.src,
        };
        insn.opcode == self.opcode
            && dst_fits
            && src_fits
            && (self.fields.offset || insn.offset == self.offset)
            && (self.fields.imm || insn.immediate == self.imm)
    }

    /// An instruction of this row: the fields that its text names are these, the others as they
    /// must be.
    pub fn make(&self, dst: Reg, src: Reg, offset: i16, imm: i32) -> Insn {
        let fields = self.fields;
        let dst = if fields.dst { dst } else { R0 };
        let src = if fields.src { src } else { Reg(self.src) };
        let offset = if fields.offset { offset } else { self.offset };
        Insn::new(self.opcode, dst, src, offset, if fields.imm { imm } else { self.imm })
    }

    /// Whether the second slot of a wide instruction carries a number.
    pub fn uses_high(&self) -> bool {
        self.text.contains("{h}") || self.text.contains("{n}")
    }

    /// Slots that it takes.
    pub const fn slots(&self) -> usize {
        if matches!(self.effect, Effect::Wide(_)) { 2 } else { 1 }
    }

    /// The distance of a jump or of a local call, in slots behind the next instruction.
    pub fn distance(&self, insn: Insn) -> Option<i64> {
        match &self.effect {
            Effect::Jump { distance: Distance::Imm, .. } | Effect::Call(Callee::Local) => {
                Some(insn.immediate.into())
            }
            Effect::Jump { .. } | Effect::MayJump => Some(insn.offset.into()),
            _ => None,
        }
    }
}
