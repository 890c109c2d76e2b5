//! What an update of state is, as a function of the old value and of the packet.
//!
//! Each leaf is looked at by itself, with what the others are:
//!
//! - **commutative**: `S' = S ∘ x`, where `∘` is a sum, maximum, minimum or bitwise operator and
//!   `x` comes from the packet alone. Where `S ∘ x ∘ x = S ∘ x` it is *idempotent* as well.
//! - **history**: `S'` depends on the last `k` packets only. As in Marple's compiler, this is a
//!   fixed point: a leaf set from the packet has `k = 1`, one set from leaves of that kind has one
//!   more than theirs; a leaf that depends on itself has none.
//! - **linear**: `S' = A·S + B`, where `A` and `B` come from the packet and from leaves with a
//!   history ([`super::linear`]).
//! - **general**: anything else, with the part of the update that is to blame.

use super::linear::{Blame, Form, form, mentions, unknown};
use super::sym::{FOUND, Kind, Old, Sym};
use crate::ir::{BinaryOp, ExprKind};
use std::collections::BTreeMap;

/// How two values of a commutative leaf become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Merge {
    /// Wrapping sum of what was added.
    Sum,
    /// Unsigned maximum.
    Max,
    /// Unsigned minimum.
    Min,
    /// Maximum of two's complement numbers.
    MaxSigned,
    /// Minimum of two's complement numbers.
    MinSigned,
    /// Bitwise or.
    Or,
    /// Bitwise and.
    And,
    /// Bitwise exclusive or.
    Xor,
}

/// The class of one leaf's update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeafClass {
    /// It is left as it is.
    Unchanged,
    /// `S' = S ∘ operand`.
    Commutative(Merge, Sym),
    /// It depends on the last so many packets only.
    History(u32),
    /// `S' = A·S + B`.
    Linear(Form),
    /// None of these.
    General(Blame),
}

/// The class of a whole update, from what permits most to what permits least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Nothing changes.
    Unchanged,
    /// Commutative, and taking the same packet twice is taking it once.
    Idempotent,
    /// The order of packets does not matter.
    Commutative,
    /// The last so many packets decide.
    History(u32),
    /// Linear in the state, over exact numbers, with a history of so many packets for the factors.
    Linear(u32),
    /// Parts of several classes, each of which merges in its own way; with such a history.
    Mixed(u32),
    /// The packets have to be taken one after the other.
    General,
}

impl Class {
    /// How many of the last packets decide about a part of the state.
    pub const fn history(self) -> u32 {
        match self {
            Self::History(packets) | Self::Linear(packets) | Self::Mixed(packets) => packets,
            _ => 0,
        }
    }
}

impl Merge {
    /// The value that changes nothing, of so many bits.
    pub fn identity(self, width: u8) -> u128 {
        let all = crate::interp::expr::mask(width);
        let sign = 1 << (width - 1);
        match self {
            Self::Sum | Self::Max | Self::Or | Self::Xor => 0,
            Self::Min | Self::And => all,
            Self::MaxSigned => sign,
            Self::MinSigned => all ^ sign,
        }
    }

    /// The two values as one.
    pub fn apply(self, width: u8, a: u128, b: u128) -> u128 {
        use crate::interp::expr::binary;
        let less = |op| binary(op, width, a, b) == 1;
        match self {
            Self::Sum => binary(BinaryOp::Add, width, a, b),
            Self::Or => a | b,
            Self::And => a & b,
            Self::Xor => a ^ b,
            Self::Max => a.max(b),
            Self::Min => a.min(b),
            Self::MaxSigned => {
                if less(BinaryOp::LtS) {
                    b
                } else {
                    a
                }
            }
            Self::MinSigned => {
                if less(BinaryOp::LtS) {
                    a
                } else {
                    b
                }
            }
        }
    }

    /// True if merging a value with itself gives the same value.
    pub const fn is_idempotent(self) -> bool {
        !matches!(self, Self::Sum | Self::Xor)
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Max | Self::MaxSigned => "maximum",
            Self::Min | Self::MinSigned => "minimum",
            Self::Or => "or",
            Self::And => "and",
            Self::Xor => "exclusive or",
        }
    }
}

/// The classes of the leaves of one entry, given what each holds afterwards.
pub(super) fn leaves(cell: u32, value: &[(u32, Sym)]) -> Vec<LeafClass> {
    let own = |old: Old| old.cell == cell;
    let histories = histories(cell, value);
    let mut classes: Vec<Option<LeafClass>> = value
        .iter()
        .map(|(leaf, sym)| {
            let old = Old { cell, leaf: *leaf };
            if matches!(sym.kind(), Kind::Old(same) if *same == old) {
                return Some(LeafClass::Unchanged);
            }
            if let Some(blame) = foreign(sym, cell) {
                return Some(LeafClass::General(blame));
            }
            if let Some((merge, operand)) = commutative(sym, old) {
                return Some(LeafClass::Commutative(merge, operand));
            }
            histories.get(leaf).map(|packets| LeafClass::History(*packets))
        })
        .collect();
    // Linear leaves may use each other: those that turn out not to be linear are taken away until
    // nothing changes.
    loop {
        let variable = |old: Old| own(old) && !histories.contains_key(&old.leaf);
        let is_usable = |leaf: u32| {
            let at = value.iter().position(|(known, _)| *known == leaf);
            at.is_some_and(|at| match &classes[at] {
                None | Some(LeafClass::Unchanged | LeafClass::Commutative(Merge::Sum, _)) => true,
                Some(_) => false,
            })
        };
        let verdict = value.iter().zip(&classes).position(|((_, sym), class)| {
            class.is_none() && linear(sym, &variable, &is_usable).is_err()
        });
        let Some(at) = verdict else {
            for ((_, sym), class) in value.iter().zip(&mut classes) {
                if class.is_none()
                    && let Ok(form) = linear(sym, &variable, &|_| true)
                {
                    *class = Some(LeafClass::Linear(form));
                }
            }
            break;
        };
        if let Err(blame) = linear(&value[at].1, &variable, &is_usable) {
            classes[at] = Some(LeafClass::General(blame));
        }
    }
    classes.into_iter().map(|class| class.unwrap_or(LeafClass::Unchanged)).collect()
}

fn linear(
    sym: &Sym,
    variable: &dyn Fn(Old) -> bool,
    is_usable: &dyn Fn(u32) -> bool,
) -> Result<Form, Blame> {
    let form = form(sym, variable)?;
    match form.factors.keys().find(|old| !is_usable(old.leaf)) {
        None => Ok(form),
        Some(_) => {
            let why = "it depends on a part of the state that is not linear";
            Err(Blame { part: sym.clone(), why })
        }
    }
}

/// What in a value comes from elsewhere than this entry and the packet.
fn foreign(sym: &Sym, cell: u32) -> Option<Blame> {
    let mut found = None;
    sym.walk(&mut |part| match part.kind() {
        Kind::Old(old) if old.cell != cell => {
            found = Some(Blame { part: part.clone(), why: "it depends on other state" });
        }
        Kind::Unknown(_, why) => found = Some(Blame { part: part.clone(), why }),
        _ => {}
    });
    found
}

/// History of each leaf that has one, in packets.
fn histories(cell: u32, value: &[(u32, Sym)]) -> BTreeMap<u32, u32> {
    let mut known: BTreeMap<u32, u32> = BTreeMap::new();
    loop {
        let before = known.len();
        for (leaf, sym) in value {
            if known.contains_key(leaf) || unknown(sym).is_some() {
                continue;
            }
            let mut packets = Some(1);
            sym.walk(&mut |part| {
                if let Kind::Old(old) = part.kind() {
                    let of = (old.cell == cell).then(|| known.get(&old.leaf)).flatten();
                    packets = packets.zip(of).map(|(all, of)| all.max(of + 1));
                }
            });
            if let Some(packets) = packets {
                known.insert(*leaf, packets);
            }
        }
        if known.len() == before {
            return known;
        }
    }
}

/// `S' = S ∘ x`: the operator and `x`, which is free of state.
fn commutative(sym: &Sym, old: Old) -> Option<(Merge, Sym)> {
    combined(sym, old).flatten()
}

/// As [`commutative`]; `Some(None)` for the old value itself.
fn combined(sym: &Sym, old: Old) -> Option<Option<(Merge, Sym)>> {
    let (width, span) = (sym.width(), sym.span());
    let is_old = |s: &Sym| matches!(s.kind(), Kind::Old(same) if *same == old);
    if is_old(sym) {
        return Some(None);
    }
    if !mentions(sym, &|o| o == old) {
        return constant_presence(sym, old);
    }
    if let Ok(form) = form(sym, &|_| true)
        && width > 1
        && form.factors.len() == 1
        && form.factors.get(&old).and_then(Sym::known) == Some(1)
    {
        return Some(Some((Merge::Sum, form.rest)));
    }
    let join = |merge: Merge, inner: &Sym, operand: &Sym| {
        if operand.has_state() {
            return None;
        }
        match combined(inner, old)? {
            None => Some(Some((merge, operand.clone()))),
            Some((same, before)) if same == merge => {
                Some(Some((merge, merged(merge, before, operand.clone()))))
            }
            Some(_) => None,
        }
    };
    match sym.kind() {
        Kind::Binary(op, a, b) => {
            let merge = match op {
                BinaryOp::And => Merge::And,
                BinaryOp::Or => Merge::Or,
                BinaryOp::Xor => Merge::Xor,
                BinaryOp::Ne if a.width() == 1 => Merge::Xor,
                _ => return None,
            };
            let (inner, operand) = if a.has_state() { (a, b) } else { (b, a) };
            join(merge, inner, operand)
        }
        Kind::Select(condition, yes, no) => {
            if let Some((merge, a, b)) = extremum(condition, yes, no) {
                let (inner, operand) = if a.has_state() { (a, b) } else { (b, a) };
                return join(merge, inner, operand);
            }
            if condition.has_state() {
                return None;
            }
            let sides = (combined(yes, old)?, combined(no, old)?);
            let merge = match &sides {
                (None, None) => return Some(None),
                (Some((a, _)), Some((b, _))) if a != b => return None,
                (Some((merge, _)), _) | (None, Some((merge, _))) => *merge,
            };
            let neutral = Sym::constant(merge.identity(width), width);
            let operand = |side: Option<(Merge, Sym)>| side.map_or(neutral.clone(), |s| s.1);
            let chosen = Sym::select(condition.clone(), operand(sides.0), operand(sides.1), span);
            Some(Some((merge, chosen)))
        }
        _ => None,
    }
}

/// Making an entry is adding to a set; the time never goes back, so setting the time of an event
/// is taking the maximum.
fn constant_presence(sym: &Sym, old: Old) -> Option<Option<(Merge, Sym)>> {
    let is_now = matches!(sym.kind(), Kind::Input(e, _) if e.kind == ExprKind::Now);
    if is_now {
        return Some(Some((Merge::Max, sym.clone())));
    }
    (old.leaf == FOUND && sym.known() == Some(1)).then(|| Some((Merge::Or, sym.clone())))
}

/// Two operands as one.
fn merged(merge: Merge, a: Sym, b: Sym) -> Sym {
    let span = a.span();
    let choose = |op, a: Sym, b: Sym| {
        let condition = Sym::binary(op, a.clone(), b.clone(), span);
        Sym::select(condition, b, a, span)
    };
    match merge {
        Merge::Sum => Sym::binary(BinaryOp::Add, a, b, span),
        Merge::Or => Sym::binary(BinaryOp::Or, a, b, span),
        Merge::And => Sym::binary(BinaryOp::And, a, b, span),
        Merge::Xor => Sym::binary(BinaryOp::Xor, a, b, span),
        Merge::Max => choose(BinaryOp::LtU, a, b),
        Merge::Min => choose(BinaryOp::LtU, b, a),
        Merge::MaxSigned => choose(BinaryOp::LtS, a, b),
        Merge::MinSigned => choose(BinaryOp::LtS, b, a),
    }
}

/// `if a < b { b } else { a }` and its like: which extremum of which two values.
fn extremum<'s>(condition: &Sym, yes: &'s Sym, no: &'s Sym) -> Option<(Merge, &'s Sym, &'s Sym)> {
    let Kind::Binary(op, a, b) = condition.kind() else { return None };
    let is_signed = match op {
        BinaryOp::LtU | BinaryOp::LeU => false,
        BinaryOp::LtS | BinaryOp::LeS => true,
        _ => return None,
    };
    let greater = if a == no && b == yes {
        true
    } else if a == yes && b == no {
        false
    } else {
        return None;
    };
    let merge = match (greater, is_signed) {
        (true, false) => Merge::Max,
        (false, false) => Merge::Min,
        (true, true) => Merge::MaxSigned,
        (false, true) => Merge::MinSigned,
    };
    Some((merge, yes, no))
}

/// The class of a whole update.
pub fn whole(leaves: &[LeafClass]) -> Class {
    together(leaves.iter().map(|leaf| match leaf {
        LeafClass::Unchanged => (Class::Unchanged, true),
        LeafClass::Commutative(merge, _) if merge.is_idempotent() => (Class::Idempotent, false),
        LeafClass::Commutative(merge, _) => (Class::Commutative, *merge == Merge::Sum),
        LeafClass::History(packets) => (Class::History(*packets), true),
        LeafClass::Linear(_) => (Class::Linear(0), true),
        LeafClass::General(_) => (Class::General, false),
    }))
}

/// The class of parts that are updated together: the class of each, and whether it can be part of
/// a linear whole.
pub(super) fn together(parts: impl Iterator<Item = (Class, bool)>) -> Class {
    let parts: Vec<(Class, bool)> = parts.filter(|part| part.0 != Class::Unchanged).collect();
    let packets = parts.iter().map(|part| part.0.history()).max().unwrap_or(0);
    let is_history = |part: &(Class, bool)| matches!(part.0, Class::History(_));
    let worst = parts.iter().map(|part| part.0).max().unwrap_or(Class::Unchanged);
    match worst {
        Class::General => Class::General,
        Class::History(_) | Class::Linear(_) | Class::Mixed(_) => {
            if parts.iter().all(is_history) {
                Class::History(packets)
            } else if parts.iter().all(|part| part.1) {
                Class::Linear(packets)
            } else {
                Class::Mixed(packets)
            }
        }
        commutes => commutes,
    }
}
