//! The control-flow graph of a program, and what makes code malformed before it runs.

use crate::insn::Insn;
use crate::isa::{Callee, Effect, Row};
use crate::text::whole;
use std::collections::BTreeSet;

/// Why code cannot be a program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodeError {
    /// There are no instructions.
    #[error("the program is empty")]
    Empty,
    /// A slot is no instruction.
    #[error("slot {slot}: the bytes {bytes:02x?} are no instruction")]
    Unknown {
        /// Which.
        slot: usize,
        /// What is there.
        bytes: [u8; 8],
    },
    /// A jump or call leads out of the program, or into the middle of an instruction.
    #[error("slot {slot}: it goes to slot {target}, where no instruction starts")]
    Target {
        /// Where.
        slot: usize,
        /// Where to.
        target: i64,
    },
    /// The code ends without an exit or a jump.
    #[error("slot {slot}: the program can run off its end")]
    End {
        /// The last slot.
        slot: usize,
    },
}

/// Code whose every slot is known and whose jumps stay inside.
#[derive(Clone, Debug)]
pub struct Code {
    insns: Vec<Insn>,
    /// The row of each slot; none for second slots.
    rows: Vec<Option<&'static Row>>,
}

/// A run of instructions that is entered at its start only and left at its end only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// First slot.
    pub start: usize,
    /// First slot behind.
    pub end: usize,
    /// Starts of the blocks that can follow; the one without a jump first.
    pub next: Vec<usize>,
}

impl Code {
    /// Checks code.
    pub fn new(insns: Vec<Insn>) -> Result<Self, CodeError> {
        let mut rows = vec![None; insns.len()];
        let mut slot = 0;
        while let Some(insn) = insns.get(slot) {
            let row = whole(*insn, insns.get(slot + 1).copied())
                .ok_or(CodeError::Unknown { slot, bytes: insn.to_bytes() })?;
            rows[slot] = Some(row);
            slot += row.slots();
        }
        let code = Self { insns, rows };
        code.check_targets()?;
        Ok(code)
    }

    fn check_targets(&self) -> Result<(), CodeError> {
        let mut last = None;
        for (slot, insn, row) in self.iter() {
            if let Some(distance) = row.distance(insn).or_else(|| function(insn, row)) {
                let target = slot as i64 + 1 + distance;
                if self.at(target).is_none() {
                    return Err(CodeError::Target { slot, target });
                }
            }
            last = Some((slot, row));
        }
        let (slot, row) = last.ok_or(CodeError::Empty)?;
        let ends = matches!(row.effect, Effect::Exit | Effect::Jump { taken: None, .. });
        if ends { Ok(()) } else { Err(CodeError::End { slot }) }
    }

    /// The slots.
    pub fn insns(&self) -> &[Insn] {
        &self.insns
    }

    /// The row of the instruction that starts at a slot.
    pub fn row(&self, slot: usize) -> Option<&'static Row> {
        self.rows.get(slot).copied().flatten()
    }

    fn at(&self, slot: i64) -> Option<usize> {
        let slot = usize::try_from(slot).ok()?;
        self.row(slot).map(|_| slot)
    }

    /// All instructions: slot, first slot's fields, row.
    pub fn iter(&self) -> impl Iterator<Item = (usize, Insn, &'static Row)> {
        let rows = self.rows.iter().enumerate();
        rows.filter_map(|(slot, row)| row.map(|row| (slot, self.insns[slot], row)))
    }

    /// The target of a jump or local call at a slot.
    pub fn target(&self, slot: usize) -> Option<usize> {
        let row = self.row(slot)?;
        self.at(slot as i64 + 1 + row.distance(self.insns[slot])?)
    }

    /// First slots of all functions: the program's own at 0 and what is called or named.
    pub fn functions(&self) -> BTreeSet<usize> {
        let mut starts = BTreeSet::from([0]);
        for (slot, insn, row) in self.iter() {
            let is_call = row.effect == Effect::Call(Callee::Local);
            let called = if is_call { row.distance(insn) } else { function(insn, row) };
            starts.extend(called.and_then(|distance| self.at(slot as i64 + 1 + distance)));
        }
        starts
    }

    /// The blocks, by their first slot.
    pub fn blocks(&self) -> Vec<Block> {
        let mut starts = self.functions();
        for (slot, _, row) in self.iter() {
            if let Effect::Jump { .. } | Effect::MayJump = row.effect {
                starts.extend(self.target(slot));
                starts.insert(slot + row.slots());
            } else if row.effect == Effect::Exit {
                starts.insert(slot + row.slots());
            }
        }
        starts.remove(&self.insns.len());
        let starts: Vec<usize> = starts.into_iter().collect();
        let ends = starts.iter().skip(1).copied().chain([self.insns.len()]);
        starts.iter().zip(ends).map(|(start, end)| self.block(*start, end)).collect()
    }

    fn block(&self, start: usize, end: usize) -> Block {
        let last = (start..end).rev().find(|slot| self.rows[*slot].is_some());
        let mut next = Vec::new();
        if let Some((slot, row)) = last.and_then(|slot| Some((slot, self.row(slot)?))) {
            let falls = !matches!(row.effect, Effect::Exit | Effect::Jump { taken: None, .. });
            next.extend(falls.then_some(end));
            if let Effect::Jump { .. } | Effect::MayJump = row.effect {
                next.extend(self.target(slot));
            }
        }
        Block { start, end, next }
    }

    /// Slots of instructions that no path from a function's start reaches.
    pub fn unreachable(&self) -> Vec<usize> {
        let blocks = self.blocks();
        let mut open: Vec<usize> = self.functions().into_iter().collect();
        let mut seen = BTreeSet::new();
        while let Some(start) = open.pop() {
            if seen.insert(start)
                && let Ok(at) = blocks.binary_search_by_key(&start, |block| block.start)
            {
                open.extend(&blocks[at].next);
            }
        }
        let dead = blocks.iter().filter(|block| !seen.contains(&block.start));
        dead.flat_map(|block| block.start..block.end)
            .filter(|slot| self.rows[*slot].is_some())
            .collect()
    }
}

/// Where a wide instruction that names a function leads.
fn function(insn: Insn, row: &Row) -> Option<i64> {
    let names = row.effect == Effect::Wide(crate::isa::Wide::Function);
    names.then_some(insn.immediate.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::assemble;

    fn code(text: &str) -> Result<Code, CodeError> {
        Code::new(assemble(text, &|_| None).expect("the text is right"))
    }

    #[test]
    fn blocks_end_where_control_splits_or_meets() {
        let code = code(
            "if r1 == 0 goto out
             call pc+sub
             goto out
             r0 = 9
             out: \n exit
             sub: \n r0 = 1 ll \n exit"
                .replace(" out:", "\nout:")
                .replace(" sub:", "\nsub:")
                .as_str(),
        )
        .unwrap();
        let blocks = code.blocks();
        let shape: Vec<_> = blocks.iter().map(|b| (b.start, b.end, &b.next[..])).collect();
        let wanted: [(usize, usize, &[usize]); 5] =
            [(0, 1, &[1, 4]), (1, 3, &[4]), (3, 4, &[4]), (4, 5, &[]), (5, 8, &[])];
        assert_eq!(shape, wanted);
        assert_eq!(code.unreachable(), [3]);
    }

    #[test]
    fn malformed_code_is_refused() {
        assert_eq!(code("").unwrap_err(), CodeError::Empty);
        assert_eq!(code("goto +1\nexit").unwrap_err(), CodeError::Target { slot: 0, target: 2 });
        let wide = code("goto +1\nr1 = 5 ll\nexit");
        assert_eq!(wide.unwrap_err(), CodeError::Target { slot: 0, target: 2 });
        assert_eq!(code("goto -2\nexit").unwrap_err(), CodeError::Target { slot: 0, target: -1 });
        assert_eq!(code("r0 = 0").unwrap_err(), CodeError::End { slot: 0 });
        let unknown = Code::new(vec![Insn { opcode: 0xff, ..Insn::default() }]);
        assert!(matches!(unknown, Err(CodeError::Unknown { slot: 0, .. })));
    }
}
