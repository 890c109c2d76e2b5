//! Symbolic values: what a local or a leaf of state holds after a handler, as an expression over
//! what the state held before it and what the packet brought.
//!
//! They are trees shared by reference, simplified as they are built, and bounded in size: what
//! grows beyond [`SIZE_MAX`] becomes unknown.

use crate::interp::expr::{binary as compute, mask};
use crate::ir::{BinaryOp, Expr, ExprKind};
use crate::source::Span;
use std::rc::Rc;

/// Most nodes of a value, shared ones counted as often as they appear.
pub(super) const SIZE_MAX: u32 = 4096;

/// The leaf that stands for the presence of an entry.
pub const FOUND: u32 = u32::MAX;

/// A leaf of an entry, as it was before the handler ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Old {
    /// Which entry: index of a cell.
    pub cell: u32,
    /// Which leaf of its value, or [`FOUND`].
    pub leaf: u32,
}

/// A symbolic value.
#[derive(Clone, Debug)]
pub struct Sym(Rc<Node>);

#[derive(Debug)]
struct Node {
    kind: Kind,
    width: u8,
    size: u32,
    has_state: bool,
    span: Span,
}

/// What a symbolic value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A constant.
    Const(u128),
    /// State before the handler.
    Old(Old),
    /// What the packet or the caller brings; the number tells readings apart between which the
    /// packet was changed.
    Input(Expr, u32),
    /// As in the IR.
    Binary(BinaryOp, Sym, Sym),
    /// As in the IR.
    Not(Sym),
    /// As in the IR.
    Cast(Sym),
    /// As in the IR.
    SignExtend(Sym),
    /// As in the IR.
    Select(Sym, Sym, Sym),
    /// A hash, a cell of a table or payload bytes; the expression says which, its operands are
    /// these.
    Apply(Expr, Vec<Sym>),
    /// Not analysed, and why: the answer of another kind of state object, a long loop.
    Unknown(u32, &'static str),
}

impl PartialEq for Sym {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
            || self.0.width == other.0.width
                && self.0.size == other.0.size
                && self.0.kind == other.0.kind
    }
}

impl Eq for Sym {}

impl Sym {
    fn new(kind: Kind, width: u8, span: Span) -> Self {
        let (mut size, mut has_state) = (1_u32, matches!(kind, Kind::Old(_)));
        each_part(&kind, &mut |part| {
            size = size.saturating_add(part.0.size);
            has_state |= part.0.has_state;
        });
        if size > SIZE_MAX {
            let kind = Kind::Unknown(u32::MAX, "the update is too large to be analysed");
            return Self(Rc::new(Node { kind, width, size: 1, has_state: true, span }));
        }
        has_state |= matches!(kind, Kind::Unknown(..));
        Self(Rc::new(Node { kind, width, size, has_state, span }))
    }

    /// What it is.
    pub fn kind(&self) -> &Kind {
        &self.0.kind
    }

    /// Width in bits.
    pub fn width(&self) -> u8 {
        self.0.width
    }

    /// The statement that computed it.
    pub fn span(&self) -> Span {
        self.0.span
    }

    /// True if it depends on state, or on something that was not analysed.
    pub fn has_state(&self) -> bool {
        self.0.has_state
    }

    /// A constant.
    pub fn constant(value: u128, width: u8) -> Self {
        Self::new(Kind::Const(value & mask(width)), width, Span::default())
    }

    /// A leaf of state before the handler.
    pub fn old(old: Old, width: u8, span: Span) -> Self {
        Self::new(Kind::Old(old), width, span)
    }

    pub(super) fn input(expr: Expr, version: u32, span: Span) -> Self {
        let width = expr.width;
        Self::new(Kind::Input(expr, version), width, span)
    }

    pub(super) fn unknown(number: u32, why: &'static str, width: u8, span: Span) -> Self {
        Self::new(Kind::Unknown(number, why), width, span)
    }

    pub(super) fn apply(expr: &Expr, operands: Vec<Self>, span: Span) -> Self {
        Self::new(Kind::Apply(expr.clone(), operands), expr.width, span)
    }

    /// The value of a constant.
    pub fn known(&self) -> Option<u128> {
        match self.0.kind {
            Kind::Const(value) => Some(value),
            _ => None,
        }
    }

    fn is(&self, value: u128) -> bool {
        self.known() == Some(value & mask(self.width()))
    }

    /// `self op right`
    #[must_use]
    pub fn binary(op: BinaryOp, left: Self, right: Self, span: Span) -> Self {
        use BinaryOp as B;
        let comparison = matches!(op, B::Eq | B::Ne | B::LtU | B::LeU | B::LtS | B::LeS);
        let width = if comparison { 1 } else { left.width() };
        if let (Some(a), Some(b)) = (left.known(), right.known()) {
            return Self::constant(compute(op, left.width(), a, b), width);
        }
        let all = mask(left.width());
        match op {
            B::Add | B::Or | B::Xor if left.is(0) => return right,
            B::Add | B::Or | B::Xor | B::Sub | B::Shl | B::ShrU if right.is(0) => return left,
            B::And | B::Mul if left.is(0) || right.is(0) => return Self::constant(0, width),
            B::And if left.is(all) => return right,
            B::And if right.is(all) => return left,
            B::Or if left.is(all) || right.is(all) => return Self::constant(all, width),
            B::Mul if left.is(1) => return right,
            B::Mul | B::DivU if right.is(1) => return left,
            B::Sub | B::Xor | B::Ne | B::LtU | B::LtS if left == right => {
                return Self::constant(0, width);
            }
            B::Eq | B::LeU | B::LeS if left == right => return Self::constant(1, width),
            B::And | B::Or if left == right => return left,
            _ => {}
        }
        Self::new(Kind::Binary(op, left, right), width, span)
    }

    /// The complement.
    #[must_use]
    pub fn not(self, span: Span) -> Self {
        let width = self.width();
        match self.kind() {
            Kind::Const(value) => Self::constant(!value, width),
            Kind::Not(inner) => inner.clone(),
            _ => Self::new(Kind::Not(self), width, span),
        }
    }

    /// Zero-extended or truncated.
    #[must_use]
    pub fn cast(self, width: u8, span: Span) -> Self {
        match self.kind() {
            _ if self.width() == width => self,
            Kind::Const(value) => Self::constant(*value, width),
            // Twice wider is once wider; wider and back is nothing.
            Kind::Cast(inner) if inner.width() <= self.width().min(width) => {
                inner.clone().cast(width, span)
            }
            Kind::Cast(inner) if inner.width() > self.width() && self.width() > width => {
                inner.clone().cast(width, span)
            }
            _ => Self::new(Kind::Cast(self), width, span),
        }
    }

    /// Sign-extended.
    #[must_use]
    pub fn sign_extend(self, width: u8, span: Span) -> Self {
        if self.width() == width { self } else { Self::new(Kind::SignExtend(self), width, span) }
    }

    /// `yes` where the condition is 1, else `no`.
    #[must_use]
    pub fn select(condition: Self, yes: Self, no: Self, span: Span) -> Self {
        match condition.known() {
            Some(0) => return no,
            Some(_) => return yes,
            None if yes == no => return yes,
            None => {}
        }
        if let Kind::Not(inner) = condition.kind() {
            return Self::select(inner.clone(), no, yes, span);
        }
        // An inner choice by the same condition is decided.
        let settled = |value: Self, truth: bool| match value.kind() {
            Kind::Select(c, a, b) if *c == condition => if truth { a } else { b }.clone(),
            _ => value,
        };
        let (yes, no) = (settled(yes, true), settled(no, false));
        if yes.width() == 1 && yes.is(1) && no.is(0) {
            return condition;
        }
        if yes == no {
            return yes;
        }
        let width = yes.width();
        Self::new(Kind::Select(condition, yes, no), width, span)
    }

    /// Visits the value and all in it.
    pub fn walk(&self, visit: &mut dyn FnMut(&Self)) {
        visit(self);
        each_part(&self.0.kind, &mut |part| part.walk(visit));
    }

    /// The value with every part for which `with` gives another one replaced, outer ones first.
    #[must_use]
    pub fn replace(&self, with: &dyn Fn(&Self) -> Option<Self>) -> Self {
        if self.has_state() { self.with_state(with) } else { self.clone() }
    }

    /// As [`Self::replace`], in values without state as well.
    #[must_use]
    pub fn with_state(&self, with: &dyn Fn(&Self) -> Option<Self>) -> Self {
        if let Some(other) = with(self) {
            return other;
        }
        let sub = |s: &Self| s.with_state(with);
        let (width, span) = (self.width(), self.span());
        match self.kind() {
            Kind::Const(_) | Kind::Old(_) | Kind::Input(..) | Kind::Unknown(..) => self.clone(),
            Kind::Binary(op, a, b) => Self::binary(*op, sub(a), sub(b), span),
            Kind::Not(a) => sub(a).not(span),
            Kind::Cast(a) => sub(a).cast(width, span),
            Kind::SignExtend(a) => sub(a).sign_extend(width, span),
            Kind::Select(c, a, b) => Self::select(sub(c), sub(a), sub(b), span),
            Kind::Apply(expr, operands) => {
                Self::apply(expr, operands.iter().map(sub).collect(), span)
            }
        }
    }

    /// The value, given those of the state and of what the packet brings. What was not analysed,
    /// and applications, count as zero: a fold has none.
    pub fn eval(&self, old: &dyn Fn(Old) -> u128, input: &dyn Fn(&Expr) -> u128) -> u128 {
        let eval = |s: &Self| s.eval(old, input);
        let value = match self.kind() {
            Kind::Const(value) => *value,
            Kind::Old(leaf) => old(*leaf),
            Kind::Input(expr, _) => input(expr),
            Kind::Binary(op, a, b) => compute(*op, a.width(), eval(a), eval(b)),
            Kind::Not(a) => !eval(a),
            Kind::Cast(a) => eval(a),
            Kind::SignExtend(a) => {
                let unused = 128 - u32::from(a.width());
                (((eval(a) << unused) as i128) >> unused) as u128
            }
            Kind::Select(c, a, b) => eval(if eval(c) == 1 { a } else { b }),
            Kind::Apply(..) | Kind::Unknown(..) => 0,
        };
        value & mask(self.width())
    }
}

fn each_part(kind: &Kind, visit: &mut dyn FnMut(&Sym)) {
    match kind {
        Kind::Const(_) | Kind::Old(_) | Kind::Input(..) | Kind::Unknown(..) => {}
        Kind::Not(a) | Kind::Cast(a) | Kind::SignExtend(a) => visit(a),
        Kind::Binary(_, a, b) => [a, b].into_iter().for_each(visit),
        Kind::Select(a, b, c) => [a, b, c].into_iter().for_each(visit),
        Kind::Apply(_, operands) => operands.iter().for_each(visit),
    }
}

/// True for expressions without operands that read the packet, the time or a parameter.
pub(super) const fn is_input(expr: &Expr) -> bool {
    matches!(
        expr.kind,
        ExprKind::Now | ExprKind::Field(..) | ExprKind::Has(..) | ExprKind::Meta(..)
    )
}
