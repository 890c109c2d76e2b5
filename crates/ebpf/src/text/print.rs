//! Instructions to text.

use super::template::{Field, parts};
use crate::insn::Insn;
use crate::isa::{Row, decode};
use std::fmt::Write as _;

/// A line of a disassembly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The slot where the instruction starts.
    pub slot: usize,
    /// Slots that it takes: 1 or 2.
    pub slots: usize,
    /// The instruction; for what is none the eight bytes of the slot as a comment.
    pub text: String,
}

/// The text of all instructions. What is no instruction is shown as such, and one slot long.
pub fn disassemble(code: &[Insn]) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut slot = 0;
    while let Some(insn) = code.get(slot) {
        let second = code.get(slot + 1).copied();
        let line = match whole(*insn, second) {
            Some(row) => Line { slot, slots: row.slots(), text: show(row, *insn, second) },
            None => Line { slot, slots: 1, text: unknown(*insn) },
        };
        slot += line.slots;
        lines.push(line);
    }
    lines
}

/// The row of an instruction, if its second slot is right too.
pub(crate) fn whole(insn: Insn, second: Option<Insn>) -> Option<&'static Row> {
    let row = decode(insn)?;
    let is_plain = |second: Insn| {
        (second.opcode, second.registers, second.offset) == (0, 0, 0)
            && (row.uses_high() || second.immediate == 0)
    };
    (row.slots() == 1 || second.is_some_and(is_plain)).then_some(row)
}

fn unknown(insn: Insn) -> String {
    let mut text = String::from("; not an instruction:");
    for byte in insn.to_bytes() {
        let _ = write!(text, " {byte:02x}");
    }
    text
}

/// The text of one instruction of a row; `second` is the slot behind it, for those of two.
pub fn show(row: &Row, insn: Insn, second: Option<Insn>) -> String {
    let high = second.unwrap_or_default().immediate;
    let mut text = String::new();
    for (literal, field) in parts(&row.text) {
        text.push_str(literal);
        let Some(field) = field else { continue };
        let _ = match field {
            Field::Dst => write!(text, "r{}", insn.dst()),
            Field::DstHalf => write!(text, "w{}", insn.dst()),
            Field::Src => write!(text, "r{}", insn.src()),
            Field::SrcHalf => write!(text, "w{}", insn.src()),
            Field::Imm => write!(text, "{}", insn.immediate),
            Field::Memory if insn.offset < 0 => write!(text, " - {}", insn.offset.unsigned_abs()),
            Field::Memory => write!(text, " + {}", insn.offset),
            Field::Jump => write!(text, "{:+}", insn.offset),
            Field::JumpImm | Field::Function => write!(text, "{:+}", insn.immediate),
            Field::High => write!(text, "{high}"),
            Field::Number => {
                let number = i64::from(high) << 32 | i64::from(insn.immediate.cast_unsigned());
                write!(text, "{number}")
            }
        };
    }
    text
}
