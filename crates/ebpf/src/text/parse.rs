//! Text to instructions.
//!
//! A line is an instruction, `label:`, or nothing; `;` and `//` begin comments. A dump of
//! `llvm-objdump -d` is accepted as it is: the slot number before an instruction and `<…>` after it
//! are skipped.

use super::template::{Field, Piece, Template, Token, templates, tokens};
use crate::insn::{Insn, REGISTERS, Reg};
use crate::isa::Effect;
use std::collections::BTreeMap;

/// A line that cannot be assembled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct AsmError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

/// Names that stand for numbers in a text: maps by index, helpers by number.
pub type Names<'a> = &'a dyn Fn(&str) -> Option<i32>;

/// Assembles the code of a program and its functions. `names` gives numbers for the names in the
/// place of immediates, for example of maps and helpers.
pub fn assemble(text: &str, names: Names<'_>) -> Result<Vec<Insn>, AsmError> {
    let mut code = Vec::new();
    let mut labels = BTreeMap::new();
    let mut open = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let error = |reason| AsmError { line: number, reason };
        let line = without_comment(line);
        let mut words = &tokens(&line)[..];
        if let [Token::Word(name), Token::Sign(':')] = words {
            if labels.insert(name.clone(), code.len()).is_some() {
                return Err(error(format!("there are two labels `{name}`")));
            }
            continue;
        }
        if let [Token::Word(slot), Token::Sign(':'), rest @ ..] = words
            && slot.bytes().all(|byte| byte.is_ascii_digit())
        {
            words = rest;
        }
        if words.is_empty() {
            continue;
        }
        let parsed = instruction(words, names)
            .ok_or_else(|| error(format!("`{}` is no instruction", line.trim())))?;
        if let Some(label) = parsed.label {
            open.push((number, code.len(), label));
        }
        code.push(parsed.first);
        code.extend(parsed.second);
    }
    for (line, slot, (label, field)) in open {
        let error = |reason| AsmError { line, reason };
        let target =
            labels.get(&label).ok_or_else(|| error(format!("there is no label `{label}`")))?;
        let distance = *target as i64 - slot as i64 - 1;
        let place: &mut Insn = &mut code[slot];
        let far = || error(format!("`{label}` is too far away; use gotol"));
        match field {
            Field::Jump => place.offset = i16::try_from(distance).map_err(|_| far())?,
            _ => place.immediate = i32::try_from(distance).map_err(|_| far())?,
        }
    }
    Ok(code)
}

fn without_comment(line: &str) -> String {
    let end = line.find(';').into_iter().chain(line.find("//")).min().unwrap_or(line.len());
    let line = &line[..end];
    // LLVM names the target of a jump behind it.
    let goto = line.find("goto").unwrap_or(line.len());
    let name = line[goto..].find('<').map_or(line.len(), |at| goto + at);
    line[..name].to_owned()
}

/// An instruction that was read.
#[derive(Default)]
struct Parsed {
    first: Insn,
    second: Option<Insn>,
    label: Option<(String, Field)>,
}

/// Reads an instruction; `None` if it is none.
fn instruction(words: &[Token], names: Names<'_>) -> Option<Parsed> {
    templates().iter().find_map(|template| {
        let mut reader = Reader { words, at: 0, names };
        let parsed = reader.template(template)?;
        (reader.at == words.len()).then_some(parsed)
    })
}

/// Which register may be written as its low half though the row names the whole: LLVM does so
/// where memory has no more than 32 bits, which is the same instruction.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Halves {
    None,
    Dst,
    Src,
}

impl Halves {
    const fn of(effect: &Effect) -> Self {
        match effect {
            Effect::Load { bits: ..=32, signed: false } => Self::Dst,
            Effect::Store { bits: ..=32, .. } => Self::Src,
            _ => Self::None,
        }
    }
}

struct Reader<'a> {
    words: &'a [Token],
    at: usize,
    names: Names<'a>,
}

impl Reader<'_> {
    fn template(&mut self, template: &Template) -> Option<Parsed> {
        let row = template.row;
        let first = Insn::new(row.opcode, Reg(0), Reg(row.src), row.offset, row.imm);
        let second = (row.slots() == 2).then(Insn::default);
        let mut parsed = Parsed { first, second, label: None };
        let (mut dst, mut src) = (None, None);
        let halves = Halves::of(&row.effect);
        for piece in &template.pieces {
            match piece {
                Piece::Literal(token) => self.literal(token)?,
                Piece::Field(Field::DstHalf) => self.register('w', &mut dst)?,
                Piece::Field(Field::Src) if halves == Halves::Src => self.either(&mut src)?,
                Piece::Field(Field::Dst) if halves == Halves::Dst => self.either(&mut dst)?,
                Piece::Field(Field::Dst) => self.register('r', &mut dst)?,
                Piece::Field(Field::Src) => self.register('r', &mut src)?,
                Piece::Field(Field::SrcHalf) => self.register('w', &mut src)?,
                Piece::Field(field) => self.field(*field, &mut parsed)?,
            }
        }
        let src = src.unwrap_or(row.src);
        parsed.first.registers = dst.unwrap_or(0) | src << 4;
        Some(parsed)
    }

    /// A register under either name.
    fn either(&mut self, slot: &mut Option<u8>) -> Option<()> {
        self.register('r', slot).or_else(|| self.register('w', slot))
    }

    fn next(&mut self) -> Option<&Token> {
        self.at += 1;
        self.words.get(self.at - 1)
    }

    fn sign(&mut self, sign: char) -> bool {
        let is_next = self.words.get(self.at) == Some(&Token::Sign(sign));
        self.at += usize::from(is_next);
        is_next
    }

    fn literal(&mut self, token: &Token) -> Option<()> {
        (self.words.get(self.at)? == token).then(|| self.at += 1)
    }

    /// A register; one that is named twice must be the same both times.
    fn register(&mut self, letter: char, slot: &mut Option<u8>) -> Option<()> {
        let Token::Word(word) = self.words.get(self.at)? else { return None };
        let number = word.strip_prefix(letter)?.parse().ok().filter(|n| *n < REGISTERS)?;
        self.at += 1;
        (*slot.get_or_insert(number) == number).then_some(())
    }

    fn field(&mut self, field: Field, parsed: &mut Parsed) -> Option<()> {
        let first = &mut parsed.first;
        match field {
            Field::Imm => first.immediate = self.immediate()?,
            Field::High => {
                let high = self.immediate()?;
                parsed.second.as_mut()?.immediate = high;
            }
            Field::Number => {
                let number = self.number()?;
                first.immediate = number as i32;
                parsed.second.as_mut()?.immediate = (number >> 32) as i32;
            }
            Field::Memory => {
                if let Some(Token::Sign('+' | '-')) = self.words.get(self.at) {
                    first.offset = i16::try_from(self.signed()?).ok()?;
                }
            }
            Field::Jump | Field::JumpImm | Field::Function => {
                if let Some(Token::Sign('+' | '-')) = self.words.get(self.at) {
                    let distance = self.signed();
                    match (distance, field) {
                        (Some(near), Field::Jump) => first.offset = i16::try_from(near).ok()?,
                        (Some(far), _) => first.immediate = i32::try_from(far).ok()?,
                        // `pc+name`: the name follows the sign.
                        (None, _) => parsed.label = Some((self.name()?, field)),
                    }
                } else {
                    parsed.label = Some((self.name()?, field));
                }
            }
            _ => unreachable!("registers are read by their own function"),
        }
        Some(())
    }

    fn name(&mut self) -> Option<String> {
        match self.next()? {
            Token::Word(word) if !word.starts_with(|c: char| c.is_ascii_digit()) => {
                Some(word.clone())
            }
            _ => None,
        }
    }

    /// A number of 32 bits with or without sign, or a name for one.
    fn immediate(&mut self) -> Option<i32> {
        if let Some(Token::Word(word)) = self.words.get(self.at)
            && let Some(number) = (self.names)(word)
        {
            self.at += 1;
            return Some(number);
        }
        let number = self.number()?;
        let is_narrow = i32::try_from(number).is_ok() || u32::try_from(number).is_ok();
        is_narrow.then_some(number as i32)
    }

    /// A number behind a sign that must be there. The sign is consumed even without a number.
    fn signed(&mut self) -> Option<i64> {
        let negative = self.sign('-');
        if !negative && !self.sign('+') {
            return None;
        }
        let Some(Token::Word(word)) = self.words.get(self.at) else { return None };
        let magnitude = i64::try_from(digits(word)?).ok()?;
        self.at += 1;
        Some(if negative { -magnitude } else { magnitude })
    }

    /// A number of 64 bits, with or without sign.
    fn number(&mut self) -> Option<i64> {
        let negative = self.sign('-');
        let Some(Token::Word(word)) = self.words.get(self.at) else { return None };
        let magnitude = digits(word)?;
        self.at += 1;
        match negative {
            true if magnitude > 1 << 63 => None,
            true => Some((magnitude as i64).wrapping_neg()),
            false => Some(magnitude as i64),
        }
    }
}

fn digits(word: &str) -> Option<u64> {
    match word.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => word.parse().ok(),
    }
}
