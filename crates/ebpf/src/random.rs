//! Random programs that the kernel's verifier accepts, to compare what runs programs.
//!
//! A program fills all registers and eight words of stack with constants, does random things to
//! them with every kind of instruction that computes, reads, writes or jumps forward, and returns a
//! mix of all that it has then.

use crate::insn::{Insn, R0, R1, R10, REGISTERS, Reg, exit, wide};
use crate::isa::{Effect, Row, table};
use trama_base::Rng;

/// What may be in a program.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Instructions that may be used.
    pub allow: fn(&Row) -> bool,
    /// Instructions between the constants and the mix.
    pub len: usize,
}

/// Words of stack that are used.
const WORDS: i16 = 8;

/// Makes a program.
pub fn program(rng: &mut Rng, kind: Kind) -> Vec<Insn> {
    let rows: Vec<&Row> = table().iter().filter(|row| is_allowed(row, kind)).collect();
    let mut code = Vec::new();
    for register in 0..REGISTERS - 1 {
        code.extend(constant(rng, Reg(register)));
    }
    for word in 1..=WORDS {
        let store = find("*(u64 *)({d}{m}) = {s}");
        code.push(store.make(R10, Reg(rng.next_u64() as u8 % 10), -8 * word, 0));
    }
    let mut body: Vec<Vec<Insn>> = Vec::new();
    for _ in 0..kind.len {
        let row = rows[(rng.next_u64() % rows.len() as u64) as usize];
        body.push(instruction(rng, row));
    }
    let slots: Vec<usize> = body.iter().map(Vec::len).collect();
    for (at, instruction) in body.iter_mut().enumerate() {
        let first = instruction[0];
        let is_jump =
            crate::isa::decode(first).is_some_and(|row| matches!(row.effect, Effect::Jump { .. }));
        if is_jump {
            // A distance counts slots, not instructions.
            let behind = &slots[at + 1..];
            let over = first.offset as usize % (behind.len() + 1);
            instruction[0].offset = behind[..over].iter().sum::<usize>() as i16;
        }
    }
    code.extend(body.into_iter().flatten());
    mix(&mut code);
    code
}

fn find(text: &str) -> &'static Row {
    table().iter().find(|row| row.text == text).expect("the table has it")
}

fn is_allowed(row: &Row, kind: Kind) -> bool {
    let is_kind = match &row.effect {
        Effect::Set(_) | Effect::Load { .. } | Effect::Store { .. } => true,
        Effect::Jump { taken, .. } => taken.is_some(),
        Effect::Atomic { .. } => true,
        _ => false,
    };
    is_kind && (kind.allow)(row)
}

fn constant(rng: &mut Rng, register: Reg) -> [Insn; 2] {
    let number = number(rng);
    wide(register, 0, number as i32, (number >> 32) as i32)
}

/// A number, often one where something happens.
fn number(rng: &mut Rng) -> u64 {
    let random = rng.next_u64();
    match random % 8 {
        0 => 0,
        1 => u64::MAX,
        2 => 1 << (random >> 32 & 63),
        3 => (1 << (random >> 32 & 63)) - 1,
        4 => random >> 40,
        5 => 1 << 63,
        _ => rng.next_u64(),
    }
}

fn instruction(rng: &mut Rng, row: &Row) -> Vec<Insn> {
    let (a, b) = (Reg(rng.next_u64() as u8 % 10), Reg(rng.next_u64() as u8 % 10));
    let mut imm = number(rng) as i32;
    let word = rng.next_u64() % WORDS as u64 + 1;
    // Within a word, so that every access is aligned.
    let within = |bits: u8| {
        let bytes = u64::from(bits / 8);
        (rng.next_u64() % (8 / bytes) * bytes) as i16 - 8 * word as i16
    };
    let insn = match &row.effect {
        Effect::Load { bits, .. } => row.make(a, R10, { within }(*bits), imm),
        Effect::Store { bits, .. } | Effect::Atomic { bits, .. } => {
            row.make(R10, b, { within }(*bits), imm)
        }
        Effect::Jump { .. } => row.make(a, b, (number(rng) & 7) as i16, imm),
        _ => {
            // What the verifier refuses: a division by a constant zero, too long a shift.
            if row.text.contains("<<=") || row.text.contains(">>=") {
                imm &= 31;
            } else if imm == 0 {
                imm = 3;
            }
            row.make(a, b, 0, imm)
        }
    };
    vec![insn]
}

/// Folds registers and stack into r0.
fn mix(code: &mut Vec<Insn>) {
    let (add, times) = (find("{d} ^= {s}"), find("{d} *= {i}"));
    for register in 1..REGISTERS - 1 {
        code.push(times.make(R0, R0, 0, 0x9e37_79b1u32 as i32));
        code.push(add.make(R0, Reg(register), 0, 0));
    }
    for word in 1..=WORDS {
        code.push(find("{d} = *(u64 *)({s}{m})").make(R1, R10, -8 * word, 0));
        code.push(times.make(R0, R0, 0, 0x85eb_ca6bu32 as i32));
        code.push(add.make(R0, R1, 0, 0));
    }
    // The kernel shows 32 bits of the result.
    code.push(find("{d} = {s}").make(R1, R0, 0, 0));
    code.push(find("{d} >>= {i}").make(R1, R0, 0, 32));
    code.push(add.make(R0, R1, 0, 0));
    code.push(exit());
}
