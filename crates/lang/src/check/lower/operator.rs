//! Arithmetic, comparisons and bit operations.

use super::convert::{as_int, is_flexible};
use super::{Lowerer, Val};
use crate::check::fold;
use crate::check::types::Type;
use crate::diagnostic::Diagnostic;
use crate::ir::{BinaryOp as Op, Expr};
use crate::source::Span;
use crate::syntax::ast::{self, BinaryOp, UnaryOp};

/// How a message names an operator.
pub(super) const fn symbol(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mul => "*",
        BinaryOp::Div => "/",
        BinaryOp::Rem => "%",
        BinaryOp::And => "&",
        BinaryOp::Or => "|",
        BinaryOp::Xor => "^",
        BinaryOp::Shl => "<<",
        BinaryOp::Shr => ">>",
        BinaryOp::AndAnd => "&&",
        BinaryOp::OrOr => "||",
        BinaryOp::Eq => "==",
        BinaryOp::Ne => "!=",
        BinaryOp::Lt => "<",
        BinaryOp::Le => "<=",
        BinaryOp::Gt => ">",
        BinaryOp::Ge => ">=",
    }
}

/// An infix operator with its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Infix {
    /// Which.
    pub(super) op: BinaryOp,
    /// The whole expression.
    pub(super) span: Span,
}

impl Lowerer<'_> {
    /// `-x`, `!x`
    pub(super) fn unary(
        &mut self,
        op: UnaryOp,
        operand: &ast::Expr,
        expected: Option<&Type>,
        span: Span,
    ) -> Val {
        if op == UnaryOp::Neg
            && let Some((value, false)) = as_int(operand)
        {
            return self.int_literal(value, true, expected, span);
        }
        let value = self.expr(operand, expected);
        match (op, &value.ty) {
            (_, ty) if ty.is_silent() => Val::error(),
            (UnaryOp::Neg, Type::Uint(width) | Type::Int(width)) => {
                let (ty, width) = (value.ty.clone(), *width);
                let zero = fold::constant(0, width);
                Val::scalar(ty, fold::binary(Op::Sub, zero, value.leaf(width)))
            }
            (UnaryOp::Not, Type::Bool | Type::Uint(_) | Type::Int(_)) => {
                let ty = value.ty.clone();
                Val::scalar(ty, fold::not(value.leaf(1)))
            }
            (UnaryOp::Neg, ty) => {
                let message = format!("`-` is not defined for `{ty}`");
                self.sink.error("E0203", message, span, "only for numbers");
                Val::error()
            }
            (UnaryOp::Not, ty) => {
                let message = format!("`!` is not defined for `{ty}`");
                self.sink.error("E0203", message, span, "only for truth values and numbers");
                Val::error()
            }
        }
    }

    /// `left op right`
    pub(super) fn binary(
        &mut self,
        op: BinaryOp,
        left: &ast::Expr,
        right: &ast::Expr,
        expected: Option<&Type>,
        span: Span,
    ) -> Val {
        if matches!(op, BinaryOp::AndAnd | BinaryOp::OrOr) {
            return self.short_circuit(op == BinaryOp::AndAnd, left, right);
        }
        let is_comparison = is_comparison(op);
        let hint = expected.filter(|ty| !is_comparison && ty.is_integer());
        let (a, b) = if matches!(op, BinaryOp::Shl | BinaryOp::Shr) {
            self.shift_operands(left, right, hint)
        } else {
            self.balanced(left, right, hint, op)
        };
        self.combine(Infix { op, span }, a, b)
    }

    /// Combines two values that were lowered before.
    pub(super) fn combine(&mut self, infix: Infix, a: Val, b: Val) -> Val {
        if a.ty.is_silent() || b.ty.is_silent() {
            return if is_comparison(infix.op) {
                Val::truth(fold::truth(false))
            } else {
                Val::error()
            };
        }
        let result = match infix.op {
            BinaryOp::Eq | BinaryOp::Ne => Self::equality(infix.op, a.clone(), b.clone()),
            BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => {
                Self::ordering(infix.op, a.clone(), b.clone())
            }
            op => Self::arithmetic(op, a.clone(), b.clone()),
        };
        result.unwrap_or_else(|| {
            self.undefined(infix, &a.ty, &b.ty);
            Val::error()
        })
    }

    fn undefined(&mut self, infix: Infix, a: &Type, b: &Type) {
        let symbol = symbol(infix.op);
        let message = if is_comparison(infix.op) && a != b {
            format!("`{a}` and `{b}` cannot be compared")
        } else if a == b {
            format!("`{symbol}` is not defined for `{a}`")
        } else {
            format!("`{symbol}` is not defined for `{a}` and `{b}`")
        };
        let label = format!("left is `{a}`, right is `{b}`");
        let mut diagnostic = Diagnostic::error("E0203", message, infix.span, label);
        diagnostic.note = match (a, b) {
            (Type::Option(inner), other) | (other, Type::Option(inner)) if **inner == *other => {
                Some("one side may be `None`: use `.or(default)` or `if let Some(x) = …`".into())
            }
            (Type::Int(_), Type::Uint(_)) | (Type::Uint(_), Type::Int(_)) => {
                Some("make both signed or both unsigned by `as`".into())
            }
            (Type::Int(_), Type::Int(_)) if a != b => Some("make both of one width by `as`".into()),
            (Type::Ip4 | Type::Ip6, Type::Prefix4 | Type::Prefix6) => {
                Some("write `address in prefix`".into())
            }
            (Type::Uint(_), Type::Duration | Type::Time)
            | (Type::Duration | Type::Time, Type::Uint(_)) => {
                Some("write lengths of time with a unit: `5s`, `200ms`".into())
            }
            (Type::Uint(128), _) | (_, Type::Uint(128)) => {
                Some("128-bit numbers have no `*`, `/` and `%`".into())
            }
            (Type::Ip4, _) => Some("calculate with its number: `… as u32`".into()),
            _ => None,
        };
        self.sink.report(diagnostic);
    }

    /// Both operands, literals taking the type of the other side.
    pub(super) fn balanced(
        &mut self,
        left: &ast::Expr,
        right: &ast::Expr,
        hint: Option<&Type>,
        op: BinaryOp,
    ) -> (Val, Val) {
        if is_flexible(left) && !is_flexible(right) {
            let b = self.expr(right, hint);
            let hint = literal_hint(left, &b.ty, hint, op);
            return (self.expr(left, hint.as_ref()), b);
        }
        let mut a = self.expr(left, hint);
        let mark = self.code.len();
        let hint = literal_hint(right, &a.ty, hint, op);
        let b = self.expr(right, hint.as_ref());
        self.protect(&mut a, mark);
        (a, b)
    }

    fn shift_operands(
        &mut self,
        left: &ast::Expr,
        right: &ast::Expr,
        hint: Option<&Type>,
    ) -> (Val, Val) {
        let mut a = self.expr(left, hint);
        let mark = self.code.len();
        let b = self.expr(right, Some(&Type::Uint(32)));
        self.protect(&mut a, mark);
        (a, b)
    }

    fn equality(op: BinaryOp, a: Val, b: Val) -> Option<Val> {
        let (a, b) = widen(a, b)?;
        if !a.ty.is_storable() {
            return None;
        }
        let equal = fold::equal(&a.leaves, &b.leaves);
        Some(Val::truth(if op == BinaryOp::Eq { equal } else { fold::not(equal) }))
    }

    fn ordering(op: BinaryOp, a: Val, b: Val) -> Option<Val> {
        let (a, b) = widen(a, b)?;
        let width = a.ty.scalar_width().filter(|_| a.ty != Type::Bool)?;
        let is_signed = matches!(a.ty, Type::Int(_));
        let (a, b) = (a.leaf(width), b.leaf(width));
        let (ir_op, a, b) = match op {
            BinaryOp::Lt => (if is_signed { Op::LtS } else { Op::LtU }, a, b),
            BinaryOp::Gt => (if is_signed { Op::LtS } else { Op::LtU }, b, a),
            BinaryOp::Le => (if is_signed { Op::LeS } else { Op::LeU }, a, b),
            _ => (if is_signed { Op::LeS } else { Op::LeU }, b, a),
        };
        Some(Val::truth(fold::binary(ir_op, a, b)))
    }

    fn arithmetic(op: BinaryOp, a: Val, b: Val) -> Option<Val> {
        use BinaryOp::{Add, And, Div, Mul, Or, Rem, Shl, Shr, Sub, Xor};
        let result =
            |ty: Type, op: Op, a: Expr, b: Expr| Some(Val::scalar(ty, fold::binary(op, a, b)));
        match (op, a.ty.clone(), b.ty.clone()) {
            (Shl | Shr, ty @ (Type::Uint(width) | Type::Int(width)), Type::Uint(by)) => {
                let ir_op = match (op, &ty) {
                    (Shl, _) => Op::Shl,
                    (_, Type::Int(_)) => Op::ShrS,
                    _ => Op::ShrU,
                };
                result(ty, ir_op, a.leaf(width), b.leaf(by))
            }
            (And | Or | Xor, Type::Bool, Type::Bool) => {
                result(Type::Bool, plain(op, false)?, a.leaf(1), b.leaf(1))
            }
            (Add | Sub, Type::Time, Type::Duration) | (Add, Type::Duration, Type::Time) => {
                result(Type::Time, plain(op, false)?, a.leaf(64), b.leaf(64))
            }
            (Sub, Type::Time, Type::Time) => {
                result(Type::Duration, Op::Sub, a.leaf(64), b.leaf(64))
            }
            (Add | Sub | Rem, Type::Duration, Type::Duration) => {
                result(Type::Duration, plain(op, false)?, a.leaf(64), b.leaf(64))
            }
            (Div, Type::Duration, Type::Duration) => {
                result(Type::Uint(64), Op::DivU, a.leaf(64), b.leaf(64))
            }
            (Mul | Div, Type::Duration, Type::Uint(width)) if width <= 64 => {
                let by = fold::cast(b.leaf(width), 64);
                result(Type::Duration, plain(op, false)?, a.leaf(64), by)
            }
            (Mul, Type::Uint(width), Type::Duration) if width <= 64 => {
                let by = fold::cast(a.leaf(width), 64);
                result(Type::Duration, Op::Mul, by, b.leaf(64))
            }
            (Shl | Shr, ..) => None,
            _ => {
                let (a, b) = widen(a, b)?;
                let (Type::Uint(width) | Type::Int(width)) = a.ty else { return None };
                if width == 128 && matches!(op, Mul | Div | Rem) {
                    return None;
                }
                let ir_op = plain(op, matches!(a.ty, Type::Int(_)))?;
                result(a.ty.clone(), ir_op, a.leaf(width), b.leaf(width))
            }
        }
    }
}

/// The type that a literal beside a value of type `other` takes.
fn literal_hint(
    literal: &ast::Expr,
    other: &Type,
    expected: Option<&Type>,
    op: BinaryOp,
) -> Option<Type> {
    let wider = match (other, expected, as_int(literal)) {
        // `ttl + 300` where a u16 is expected: the literal decides.
        (Type::Uint(w), Some(Type::Uint(e)), Some((value, false))) => {
            w < e && value > fold::mask(*w)
        }
        _ => false,
    };
    if wider {
        return expected.cloned();
    }
    match other {
        Type::Error | Type::Never => expected.cloned(),
        Type::Duration if matches!(op, BinaryOp::Mul | BinaryOp::Div) => Some(Type::Uint(64)),
        ty => Some(ty.clone()),
    }
}

const fn is_comparison(op: BinaryOp) -> bool {
    use BinaryOp::{Eq, Ge, Gt, Le, Lt, Ne};
    matches!(op, Eq | Ne | Lt | Le | Gt | Ge)
}

/// The operator of the IR for operands of one type.
const fn plain(op: BinaryOp, is_signed: bool) -> Option<Op> {
    Some(match (op, is_signed) {
        (BinaryOp::Add, _) => Op::Add,
        (BinaryOp::Sub, _) => Op::Sub,
        (BinaryOp::Mul, _) => Op::Mul,
        (BinaryOp::Div, false) => Op::DivU,
        (BinaryOp::Div, true) => Op::DivS,
        (BinaryOp::Rem, false) => Op::RemU,
        (BinaryOp::Rem, true) => Op::RemS,
        (BinaryOp::And, _) => Op::And,
        (BinaryOp::Or, _) => Op::Or,
        (BinaryOp::Xor, _) => Op::Xor,
        _ => return None,
    })
}

/// Both values in one type: their own, or the wider of two unsigned ones.
pub(super) fn widen(a: Val, b: Val) -> Option<(Val, Val)> {
    if a.ty == b.ty {
        return Some((a, b));
    }
    if let (&Type::Bytes(x), &Type::Bytes(y)) = (&a.ty, &b.ty) {
        return Some((Lowerer::grown(a, x.max(y)), Lowerer::grown(b, x.max(y))));
    }
    let (Type::Uint(x), Type::Uint(y)) = (&a.ty, &b.ty) else { return None };
    let (x, y) = (*x, *y);
    let width = x.max(y);
    let grow = |value: Val, own| Val::scalar(Type::Uint(width), fold::cast(value.leaf(own), width));
    Some((grow(a, x), grow(b, y)))
}
