//! Linear forms: a value as `A₁·S₁ + A₂·S₂ + … + B`, where no `A` or `B` depends on the `S`.
//!
//! The arithmetic is that of the language, modulo two to the width, so that a form is exact: no
//! rounding, no overflow to worry about (Narayana et al., SIGCOMM 2017, section 3.2, have the same
//! over the integers). Truncation is linear; widening, division and comparison are not. Truth
//! values are numbers modulo two, in which exclusive or is the sum and conjunction the product.

use super::sym::{Kind, Old, Sym};
use crate::ir::BinaryOp as Op;
use crate::source::Span;
use std::collections::BTreeMap;

/// A linear form over leaves of state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// The factor of each leaf; what is missing is zero.
    pub factors: BTreeMap<Old, Sym>,
    /// What is added.
    pub rest: Sym,
}

/// What keeps a value from having a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blame {
    /// The part of the update.
    pub part: Sym,
    /// Why.
    pub why: &'static str,
}

/// The form of a value over the leaves for which `variable` holds.
pub(super) fn form(value: &Sym, variable: &dyn Fn(Old) -> bool) -> Result<Form, Blame> {
    if !mentions(value, variable) {
        return match unknown(value) {
            Some(why) => Err(Blame { part: value.clone(), why }),
            None => Ok(Form { factors: BTreeMap::new(), rest: value.clone() }),
        };
    }
    let (width, span) = (value.width(), value.span());
    let blame = |why| Err(Blame { part: value.clone(), why });
    match value.kind() {
        Kind::Old(old) => Ok(Form {
            factors: [(*old, Sym::constant(1, width))].into(),
            rest: Sym::constant(0, width),
        }),
        Kind::Binary(Op::Xor | Op::Ne, a, b) if a.width() == 1 => {
            Ok(form(a, variable)?.zip(form(b, variable)?, Op::Xor, span))
        }
        Kind::Binary(Op::Eq, a, b) if a.width() == 1 => {
            let sum = form(a, variable)?.zip(form(b, variable)?, Op::Xor, span);
            Ok(sum.zip(Form::free(Sym::constant(1, 1)), Op::Xor, span))
        }
        Kind::Binary(op @ (Op::Add | Op::Sub), a, b) => {
            Ok(form(a, variable)?.zip(form(b, variable)?, *op, span))
        }
        Kind::Binary(op @ (Op::Mul | Op::And), a, b) if *op == Op::Mul || width == 1 => {
            let (factor, other) = match (mentions(a, variable), mentions(b, variable)) {
                (false, _) => (a, b),
                (_, false) => (b, a),
                _ => return blame("state is multiplied by state"),
            };
            Ok(form(other, variable)?.map(|x| Sym::binary(*op, x, factor.clone(), span)))
        }
        Kind::Binary(Op::Or, a, b) if width == 1 => {
            let (known, other) = match (mentions(a, variable), mentions(b, variable)) {
                (false, _) => (a, b),
                (_, false) => (b, a),
                _ => return blame("two parts of the state are combined by a bitwise operator"),
            };
            // a | b = b·(1 - a) + a
            let keep = known.clone().not(span);
            let scaled =
                form(other, variable)?.map(|x| Sym::binary(Op::And, x, keep.clone(), span));
            Ok(scaled.zip(Form::free(known.clone()), Op::Xor, span))
        }
        Kind::Binary(Op::Shl, a, by) => {
            if mentions(by, variable) {
                return blame("the state decides how far to shift");
            }
            Ok(form(a, variable)?.map(|x| Sym::binary(Op::Shl, x, by.clone(), span)))
        }
        // The complement of x is -x - 1.
        Kind::Not(a) => {
            let all = Form::free(Sym::constant(u128::MAX, width));
            let minus = if width == 1 { Op::Xor } else { Op::Sub };
            Ok(all.zip(form(a, variable)?, minus, span))
        }
        Kind::Cast(a) if a.width() > width => Ok(form(a, variable)?.map(|x| x.cast(width, span))),
        Kind::Select(condition, a, b) if !mentions(condition, variable) => {
            if let Some(why) = unknown(condition) {
                return Err(Blame { part: condition.clone(), why });
            }
            let pick = |a, b| Sym::select(condition.clone(), a, b, span);
            Ok(form(a, variable)?.with(form(b, variable)?, pick))
        }
        Kind::Select(condition, ..) => {
            Err(Blame { part: condition.clone(), why: "a condition depends on the state" })
        }
        other => blame(why_not(other)),
    }
}

/// Why an operator over state has no linear form.
const fn why_not(kind: &Kind) -> &'static str {
    match kind {
        Kind::Binary(Op::DivU | Op::DivS | Op::ShrU | Op::ShrS, ..) => {
            "a division of the state rounds"
        }
        Kind::Binary(Op::RemU | Op::RemS, ..) => "a remainder of the state is not linear",
        Kind::Binary(Op::And | Op::Or | Op::Xor, ..) => {
            "bits of the state are combined, which is not linear"
        }
        Kind::Binary(..) => "the state is compared",
        Kind::Cast(_) | Kind::SignExtend(_) => {
            "a narrow number is widened after it may have wrapped"
        }
        Kind::Apply(..) => "it is looked up or hashed by the state",
        _ => "it is not analysed",
    }
}

/// True if the value depends on a leaf for which `variable` holds.
pub(super) fn mentions(value: &Sym, variable: &dyn Fn(Old) -> bool) -> bool {
    let mut found = false;
    if value.has_state() {
        value.walk(&mut |part| {
            found |= matches!(part.kind(), Kind::Old(old) if variable(*old));
        });
    }
    found
}

/// Why a part of the value is unknown, if one is.
pub(super) fn unknown(value: &Sym) -> Option<&'static str> {
    let mut found = None;
    if value.has_state() {
        value.walk(&mut |part| {
            if let Kind::Unknown(_, why) = part.kind() {
                found = Some(*why);
            }
        });
    }
    found
}

impl Form {
    fn free(rest: Sym) -> Self {
        Self { factors: BTreeMap::new(), rest }
    }

    fn map(self, scale: impl Fn(Sym) -> Sym) -> Self {
        let factors = self.factors.into_iter().map(|(old, factor)| (old, scale(factor)));
        Self { factors: factors.collect(), rest: scale(self.rest) }.pruned()
    }

    fn zip(self, other: Self, op: Op, span: Span) -> Self {
        self.with(other, |a, b| Sym::binary(op, a, b, span))
    }

    fn with(mut self, mut other: Self, join: impl Fn(Sym, Sym) -> Sym) -> Self {
        let mut keys: Vec<Old> = self.factors.keys().chain(other.factors.keys()).copied().collect();
        keys.sort_unstable();
        keys.dedup();
        let zero = Sym::constant(0, self.rest.width());
        let mut factors = BTreeMap::new();
        for key in keys {
            let a = self.factors.remove(&key).unwrap_or_else(|| zero.clone());
            let b = other.factors.remove(&key).unwrap_or_else(|| zero.clone());
            factors.insert(key, join(a, b));
        }
        Self { factors, rest: join(self.rest, other.rest) }.pruned()
    }

    fn pruned(mut self) -> Self {
        self.factors.retain(|_, factor| factor.known() != Some(0));
        self
    }
}
