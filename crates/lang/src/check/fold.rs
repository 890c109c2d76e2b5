//! Builders of IR expressions that compute what is constant.
//!
//! The arithmetic is that of the IR: wrapping, total, truncated to the width.

use crate::ir::{BinaryOp, Expr, ExprKind, LocalId};

/// The bits of a width.
pub(super) const fn mask(width: u8) -> u128 {
    if width >= 128 { u128::MAX } else { (1 << width) - 1 }
}

/// A constant of some width; the value is truncated to it.
pub(super) fn constant(value: u128, width: u8) -> Expr {
    Expr { kind: ExprKind::Const(value & mask(width)), width }
}

/// A truth value.
pub(super) fn truth(value: bool) -> Expr {
    constant(u128::from(value), 1)
}

/// A local.
pub(super) fn local(id: LocalId, width: u8) -> Expr {
    Expr { kind: ExprKind::Local(id), width }
}

/// The value of a constant expression.
pub(super) fn known(expr: &Expr) -> Option<u128> {
    match expr.kind {
        ExprKind::Const(value) => Some(value),
        _ => None,
    }
}

/// Sign-extends a value of `width` bits to 128.
pub(super) fn signed(value: u128, width: u8) -> i128 {
    let unused = 128 - u32::from(width.clamp(1, 128));
    ((value << unused) as i128) >> unused
}

/// `left op right`.
pub(super) fn binary(op: BinaryOp, left: Expr, right: Expr) -> Expr {
    let operand_width = left.width;
    let width = if is_comparison(op) { 1 } else { operand_width };
    if let (Some(a), Some(b)) = (known(&left), known(&right)) {
        return constant(compute(op, a, b, operand_width), width);
    }
    match (op, known(&left), known(&right)) {
        (BinaryOp::And, Some(0), _) | (BinaryOp::And, _, Some(0)) => return constant(0, width),
        (BinaryOp::And, Some(all), _) if all == mask(width) => return right,
        (BinaryOp::And, _, Some(all)) if all == mask(width) => return left,
        (BinaryOp::Or | BinaryOp::Add | BinaryOp::Xor, Some(0), _) => return right,
        (BinaryOp::Or | BinaryOp::Add | BinaryOp::Xor | BinaryOp::Sub, _, Some(0)) => return left,
        (BinaryOp::Or, Some(all), _) | (BinaryOp::Or, _, Some(all)) if all == mask(width) => {
            return constant(all, width);
        }
        _ => {}
    }
    Expr { kind: ExprKind::Binary(op, Box::new(left), Box::new(right)), width }
}

const fn is_comparison(op: BinaryOp) -> bool {
    use BinaryOp::{Eq, LeS, LeU, LtS, LtU, Ne};
    matches!(op, Eq | Ne | LtU | LeU | LtS | LeS)
}

/// The result of an operator over values of `width` bits, not yet truncated.
fn compute(op: BinaryOp, a: u128, b: u128, width: u8) -> u128 {
    let (sa, sb) = (signed(a, width), signed(b, width));
    let shift = u32::try_from(b).unwrap_or(u32::MAX);
    let in_range = shift < u32::from(width);
    match op {
        BinaryOp::Add => a.wrapping_add(b),
        BinaryOp::Sub => a.wrapping_sub(b),
        BinaryOp::Mul => a.wrapping_mul(b),
        BinaryOp::DivU => a.checked_div(b).unwrap_or(0),
        BinaryOp::RemU => a.checked_rem(b).unwrap_or(a),
        BinaryOp::DivS if sb == 0 => 0,
        BinaryOp::DivS => sa.wrapping_div(sb) as u128,
        BinaryOp::RemS if sb == 0 => a,
        BinaryOp::RemS => sa.wrapping_rem(sb) as u128,
        BinaryOp::And => a & b,
        BinaryOp::Or => a | b,
        BinaryOp::Xor => a ^ b,
        BinaryOp::Shl if in_range => a << shift,
        BinaryOp::ShrU if in_range => a >> shift,
        BinaryOp::Shl | BinaryOp::ShrU => 0,
        BinaryOp::ShrS => (sa >> shift.min(127)) as u128,
        BinaryOp::Eq => u128::from(a == b),
        BinaryOp::Ne => u128::from(a != b),
        BinaryOp::LtU => u128::from(a < b),
        BinaryOp::LeU => u128::from(a <= b),
        BinaryOp::LtS => u128::from(sa < sb),
        BinaryOp::LeS => u128::from(sa <= sb),
    }
}

/// The complement within the width.
pub(super) fn not(operand: Expr) -> Expr {
    let width = operand.width;
    match operand.kind {
        ExprKind::Const(value) => constant(!value, width),
        ExprKind::Not(inner) if inner.width == width => *inner,
        kind => {
            let operand = Expr { kind, width };
            Expr { kind: ExprKind::Not(Box::new(operand)), width }
        }
    }
}

/// The operand zero-extended or truncated.
pub(super) fn cast(operand: Expr, width: u8) -> Expr {
    if operand.width == width {
        return operand;
    }
    if let Some(value) = known(&operand) {
        return constant(value, width);
    }
    Expr { kind: ExprKind::Cast(Box::new(operand)), width }
}

/// The operand sign-extended to a greater width.
pub(super) fn sign_extend(operand: Expr, width: u8) -> Expr {
    if operand.width == width {
        return operand;
    }
    if let Some(value) = known(&operand) {
        return constant(signed(value, operand.width) as u128, width);
    }
    Expr { kind: ExprKind::SignExtend(Box::new(operand)), width }
}

/// `yes` if the condition is 1, else `no`.
pub(super) fn select(condition: Expr, yes: Expr, no: Expr) -> Expr {
    match known(&condition) {
        Some(0) => return no,
        Some(_) => return yes,
        None => {}
    }
    if yes == no {
        return yes;
    }
    let width = yes.width;
    if width == 1 && (known(&yes), known(&no)) == (Some(1), Some(0)) {
        return condition;
    }
    let kind = ExprKind::Select(Box::new(condition), Box::new(yes), Box::new(no));
    Expr { kind, width }
}

/// 1 if both are 1; the operands have 1 bit.
pub(super) fn both(left: Expr, right: Expr) -> Expr {
    binary(BinaryOp::And, left, right)
}

/// 1 if any is 1; the operands have 1 bit.
pub(super) fn any(conditions: impl IntoIterator<Item = Expr>) -> Expr {
    conditions.into_iter().fold(truth(false), |all, one| binary(BinaryOp::Or, all, one))
}

/// 1 if the lists are equal leaf by leaf.
pub(super) fn equal(left: &[Expr], right: &[Expr]) -> Expr {
    left.iter()
        .zip(right)
        .map(|(a, b)| binary(BinaryOp::Eq, a.clone(), b.clone()))
        .fold(truth(true), both)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(op: BinaryOp, a: u128, b: u128, width: u8) -> u128 {
        known(&binary(op, constant(a, width), constant(b, width))).expect("constants fold")
    }

    #[test]
    fn constants_follow_the_arithmetic_of_the_ir() {
        assert_eq!(value(BinaryOp::Add, 255, 1, 8), 0);
        assert_eq!(value(BinaryOp::Sub, 0, 1, 16), 0xffff);
        assert_eq!(value(BinaryOp::DivU, 7, 0, 32), 0);
        assert_eq!(value(BinaryOp::RemU, 7, 0, 32), 7);
        assert_eq!(value(BinaryOp::DivS, 0x80, 0xff, 8), 0x80, "-128 / -1 wraps");
        assert_eq!(value(BinaryOp::Shl, 1, 8, 8), 0);
        assert_eq!(value(BinaryOp::ShrU, 0x80, 200, 8), 0);
        assert_eq!(value(BinaryOp::ShrS, 0x80, 200, 8), 0xff);
        assert_eq!(value(BinaryOp::LtS, 0xff, 0, 8), 1);
        assert_eq!(value(BinaryOp::Xor, u128::MAX, 1, 128), u128::MAX - 1);
    }

    #[test]
    fn neutral_operands_disappear() {
        let x = local(LocalId(0), 8);
        assert_eq!(binary(BinaryOp::And, x.clone(), constant(0xff, 8)), x);
        assert_eq!(binary(BinaryOp::Or, constant(0, 8), x.clone()), x);
        assert_eq!(known(&binary(BinaryOp::And, x.clone(), constant(0, 8))), Some(0));
        assert_eq!(not(not(x.clone())), x);
        assert_eq!(select(truth(true), x.clone(), constant(3, 8)), x);
    }
}
