//! Literals, implicit conversions and `as`.

use super::{Lowerer, Val};
use crate::check::fold;
use crate::check::types::Type;
use crate::diagnostic::Diagnostic;
use crate::ir::{BinaryOp, Expr};
use crate::source::Span;
use crate::syntax::ast;

impl Lowerer<'_> {
    /// The value as one of type `ty`: itself, or an unsigned number made wider. Reports what does
    /// not fit.
    pub(super) fn coerce(&mut self, value: Val, ty: &Type, span: Span) -> Val {
        if value.ty == *ty {
            return value;
        }
        if value.ty.is_silent() || ty.is_silent() {
            return Val::zero(ty.clone());
        }
        if let (&Type::Uint(from), &Type::Uint(to)) = (&value.ty, ty)
            && from < to
        {
            return Val::scalar(ty.clone(), fold::cast(value.leaf(from), to));
        }
        if let (&Type::Bytes(from), &Type::Bytes(to)) = (&value.ty, ty)
            && from < to
        {
            return Self::grown(value, to);
        }
        self.mismatch(&value.ty, ty, span);
        Val::zero(ty.clone())
    }

    /// Reports that a value of one type stands where another is needed.
    pub(super) fn mismatch(&mut self, found: &Type, expected: &Type, span: Span) {
        if *found == Type::Unit {
            let message = format!("expected {}, found no value", expected.with_article());
            self.sink.error("E0201", message, span, "this gives no value");
            return;
        }
        let message = format!("expected `{expected}`, found `{found}`");
        let label = format!("this is {}", found.with_article());
        let mut diagnostic = Diagnostic::error("E0201", message, span, label);
        let note = match (found, expected) {
            (Type::Uint(_), Type::Duration) => Some("write a unit: `5s`, `200ms`, `1min`".into()),
            (Type::Option(inner), _) if **inner == *expected => Some(
                "it may be `None`: use `.or(default)`, `if let Some(x) = …` or `let … else`".into(),
            ),
            (Type::Uint(_) | Type::Int(_), Type::Uint(_) | Type::Int(_)) => {
                Some(format!("convert it on purpose: `… as {expected}`"))
            }
            (Type::Bytes(_), Type::Bytes(to)) => Some(format!("cut it on purpose: `…[0..{to}]`")),
            (_, Type::Option(inner)) if **inner == *found => Some("write `Some(…)`".into()),
            (found, Type::Bool) if found.is_integer() => {
                Some("a number is no truth value: compare it, for example `!= 0`".into())
            }
            _ => None,
        };
        diagnostic.note = note;
        self.sink.report(diagnostic);
    }

    /// A literal. Numbers take the expected type.
    pub(super) fn literal(
        &mut self,
        literal: &ast::Literal,
        expected: Option<&Type>,
        span: Span,
    ) -> Val {
        use ast::Literal;
        match literal {
            Literal::Int { value, .. } => self.int_literal(*value, false, expected, span),
            Literal::Duration { nanos, .. } => {
                Val::scalar(Type::Duration, fold::constant(u128::from(*nanos), 64))
            }
            Literal::Bool(value) => Val::truth(fold::truth(*value)),
            Literal::Ip4(address) => {
                Val::scalar(Type::Ip4, fold::constant(u128::from(*address), 32))
            }
            Literal::Ip6(address) => Val::scalar(Type::Ip6, fold::constant(*address, 128)),
            Literal::Mac(address) => {
                Val::scalar(Type::Mac, fold::constant(u128::from(*address), 48))
            }
            Literal::Prefix4(address, len) => {
                let address = fold::constant(u128::from(*address), 32);
                let len = fold::constant(u128::from(*len), 8);
                Val { ty: Type::Prefix4, leaves: vec![address, len] }
            }
            Literal::Prefix6(address, len) => {
                let len = fold::constant(u128::from(*len), 8);
                let leaves = vec![fold::constant(*address, 128), len];
                Val { ty: Type::Prefix6, leaves }
            }
            Literal::Bytes(bytes) => self.bytes_literal(bytes, expected, span),
            Literal::Str(text) if matches!(expected, Some(Type::Bytes(_))) => {
                self.bytes_literal(text.as_bytes(), expected, span)
            }
            Literal::Str(_) => {
                let message = "a text is no value here";
                self.sink.report(
                    Diagnostic::error("E0212", message, span, "only for parameters and log texts")
                        .note("for bytes whose type is not known here write `b\"…\"`"),
                );
                Val::error()
            }
        }
    }

    /// A number with or without a minus sign before it, of the expected type if that is one of
    /// numbers, else of the smallest of `u64`, `u128` and `i64` that holds it.
    pub(super) fn int_literal(
        &mut self,
        value: u128,
        negative: bool,
        expected: Option<&Type>,
        span: Span,
    ) -> Val {
        let ty = match expected {
            Some(ty @ (Type::Uint(_) | Type::Int(_))) => ty.clone(),
            _ if negative => Type::Int(64),
            _ if value > u128::from(u64::MAX) => Type::Uint(128),
            _ => Type::Uint(64),
        };
        let (width, most) = match ty {
            Type::Uint(width) => (width, if negative { 0 } else { fold::mask(width) }),
            Type::Int(width) if negative => (width, 1 << (width - 1)),
            Type::Int(width) => (width, (1 << (width - 1)) - 1),
            _ => return Val::error(),
        };
        if value > most {
            let sign = if negative { "-" } else { "" };
            let message = format!("`{sign}{value}` does not fit `{ty}`");
            let label = match (&ty, negative) {
                (Type::Uint(_), true) => "a negative number in an unsigned type".to_owned(),
                (_, true) => format!("the least is -{most}"),
                _ => format!("the most is {most}"),
            };
            self.sink.error("E0202", message, span, label);
            return Val::error();
        }
        let bits = if negative { value.wrapping_neg() } else { value };
        Val::scalar(ty, fold::constant(bits, width))
    }

    /// `value as ty`.
    pub(super) fn convert(&mut self, operand: &ast::Expr, to: &ast::Type, span: Span) -> Val {
        let to = crate::check::types::resolve(self.items, to, self.sink);
        let hint = if to.is_integer() && is_flexible(operand) { Some(&to) } else { None };
        let value = match as_int(operand) {
            // A number that is too great is cut to the type, as `as` says.
            Some((number, negative)) if to.is_integer() => {
                let bits = if negative { number.wrapping_neg() } else { number };
                let width = to.scalar_width().unwrap_or(64);
                return Val::scalar(to, fold::constant(bits, width));
            }
            _ => self.expr(operand, hint),
        };
        if value.ty.is_silent() || to.is_silent() {
            return Val::error();
        }
        let from = value.ty.clone();
        match convertible(&from, &to) {
            Some(width) if matches!(from, Type::Int(own) if width > own) => {
                let own = from.scalar_width().unwrap_or(width);
                Val::scalar(to, fold::sign_extend(value.leaf(own), width))
            }
            Some(width) => Val::scalar(to, fold::cast(value.leaf(width), width)),
            None => {
                let message = format!("`{from}` cannot be converted to `{to}`");
                let label = format!("this is {}", from.with_article());
                let mut diagnostic = Diagnostic::error("E0205", message, span, label);
                if let Some(natural) = natural_number(&from) {
                    diagnostic = diagnostic.note(format!("its number is `… as {natural}`"));
                }
                self.sink.report(diagnostic);
                Val::error()
            }
        }
    }

    /// 1 if an address lies in a prefix.
    pub(super) fn in_prefix(address: Expr, prefix: &Val) -> Expr {
        let width = address.width;
        let len = prefix.leaves[1].clone();
        let network = prefix.leaves[0].clone();
        if let (Some(len), Some(bits)) = (fold::known(&len), fold::known(&network)) {
            let host = u32::from(width).saturating_sub(u32::try_from(len).unwrap_or(0));
            let net = fold::mask(width) & u128::MAX.checked_shl(host).unwrap_or(0);
            let masked = fold::binary(BinaryOp::And, address, fold::constant(net, width));
            return fold::binary(BinaryOp::Eq, masked, fold::constant(bits & net, width));
        }
        let host = fold::binary(BinaryOp::Sub, fold::constant(u128::from(width), 8), len);
        let left = fold::binary(BinaryOp::ShrU, address, host.clone());
        let right = fold::binary(BinaryOp::ShrU, network, host);
        fold::binary(BinaryOp::Eq, left, right)
    }
}

/// The number type that an address or time is converted to.
fn natural_number(ty: &Type) -> Option<&'static str> {
    Some(match ty {
        Type::Ip4 => "u32",
        Type::Ip6 => "u128",
        Type::Mac => "u48",
        Type::Time | Type::Duration => "u64",
        Type::Bool => "u1",
        _ => return None,
    })
}

/// Width of the result of a conversion that is allowed.
fn convertible(from: &Type, to: &Type) -> Option<u8> {
    let width = to.scalar_width()?;
    from.scalar_width()?;
    let allowed = match (from, to) {
        (a, b) if a.is_integer() && b.is_integer() => true,
        (Type::Ip4, Type::Uint(w)) | (Type::Uint(w), Type::Ip4) => *w == 32,
        (Type::Ip6, Type::Uint(w)) | (Type::Uint(w), Type::Ip6) => *w == 128,
        (Type::Mac, Type::Uint(w)) | (Type::Uint(w), Type::Mac) => *w == 48,
        (Type::Time | Type::Duration, Type::Uint(w)) => *w == 64,
        (Type::Uint(w), Type::Time | Type::Duration) => *w == 64,
        (Type::Bool, Type::Uint(_)) => true,
        (Type::Uint(w), Type::Bool) => *w == 1,
        (a, b) => a == b,
    };
    allowed.then_some(width)
}

/// True for numbers without a type of their own: literals and arithmetic over them.
pub(super) fn is_flexible(expr: &ast::Expr) -> bool {
    use ast::BinaryOp as Op;
    match &expr.kind {
        ast::ExprKind::Literal(ast::Literal::Int { .. } | ast::Literal::Str(_)) => true,
        ast::ExprKind::Unary(_, inner) => is_flexible(inner),
        ast::ExprKind::Binary(op, left, right) => {
            let arithmetic = matches!(
                op,
                Op::Add
                    | Op::Sub
                    | Op::Mul
                    | Op::Div
                    | Op::Rem
                    | Op::And
                    | Op::Or
                    | Op::Xor
                    | Op::Shl
                    | Op::Shr
            );
            arithmetic && is_flexible(left) && is_flexible(right)
        }
        _ => false,
    }
}

/// The number of an integer literal, and if a minus sign stands before it.
pub(super) fn as_int(expr: &ast::Expr) -> Option<(u128, bool)> {
    match &expr.kind {
        ast::ExprKind::Literal(ast::Literal::Int { value, .. }) => Some((*value, false)),
        ast::ExprKind::Unary(ast::UnaryOp::Neg, inner) => match inner.kind {
            ast::ExprKind::Literal(ast::Literal::Int { value, .. }) => Some((value, true)),
            _ => None,
        },
        _ => None,
    }
}
