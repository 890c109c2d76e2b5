//! Patterns over values, `match`, and the variants of enums.

use super::control::{Way, flexible_value, hint_of};
use super::operator::Infix;
use super::{Lowerer, Val};
use crate::check::flow::Flow;
use crate::check::fold;
use crate::check::types::{EnumType, Type};
use crate::diagnostic::Diagnostic;
use crate::ir::{self, Expr};
use crate::source::Span;
use crate::syntax::ast::{self, BinaryOp, PatKind};
use crate::syntax::nearest;
use std::rc::Rc;

/// Most arms of a `match`.
const ARMS_MAX: usize = 128;

/// An arm that was lowered.
struct Lowered {
    /// Statements that the test needs: those of an effectful guard.
    before: Vec<ir::Stmt>,
    test: Expr,
    way: Way,
}

impl Lowerer<'_> {
    /// `match value { pattern [if guard] => body, … }`
    pub(super) fn match_expr(
        &mut self,
        value: &ast::Expr,
        arms: &[ast::Arm],
        expected: Option<&Type>,
        wants: bool,
        span: Span,
    ) -> Val {
        let value_span = value.span;
        let value = self.expr(value, None);
        let value = self.stable(value);
        if arms.len() > ARMS_MAX {
            let message = format!("a `match` has at most {ARMS_MAX} arms");
            self.sink.error("E0604", message, span, format!("{} arms", arms.len()));
            return Val::error();
        }
        let base = self.flow.clone();
        let mut hint = expected.cloned();
        let mut ways = Vec::new();
        let mut lowered: Vec<Lowered> = Vec::new();
        for arm in arms {
            let before = self.flow.clone();
            let one = self.arm(arm, &value, hint.as_ref(), wants);
            if hint.is_none() && flexible_value(&arm.body).is_none() {
                hint = hint_of(&one.way.value);
            }
            let after = std::mem::replace(&mut self.flow, before);
            self.flow.epoch = self.flow.epoch.max(after.epoch);
            ways.push((after, one.way.end));
            lowered.push(one);
        }
        if expected.is_none() && wants {
            for (arm, one) in arms.iter().zip(&mut lowered) {
                self.retype(&mut one.way, flexible_value(&arm.body), hint.as_ref());
            }
        }
        let covered = self.check_coverage(&value.ty, arms, value_span);
        if !covered && !wants {
            // Reported; what happens to packets in no arm must not be reported too.
            ways.extend(ways.first().cloned());
        }
        self.flow = Flow::merge(&base, ways);
        self.chain(lowered, covered, wants, span)
    }

    fn arm(&mut self, arm: &ast::Arm, value: &Val, hint: Option<&Type>, wants: bool) -> Lowered {
        let end = arm.body.span;
        let mut bound = Vec::new();
        let test = self.pattern(&arm.pattern, value, &mut bound);
        let mut guard = (Vec::new(), fold::truth(true));
        let (code, result) = self.nested(|this| {
            this.scoped(end, |this| {
                for (name, value) in bound {
                    this.bind_value(&name, value, false);
                }
                if let Some(condition) = &arm.guard {
                    let epoch = this.flow.epoch;
                    guard = this.nested(|this| this.condition(condition));
                    this.flow = this.refined(condition, true, epoch);
                }
                this.arm_body(&arm.body, hint, wants)
            })
        });
        let way = Way { code, value: result, end };
        let (guard_code, holds) = guard;
        if guard_code.is_empty() {
            return Lowered { before: Vec::new(), test: fold::both(test, holds), way };
        }
        let flag = self.fresh(1);
        let mut yes = guard_code;
        Self::assign_all(&mut yes, &[flag], &Val::truth(holds), arm.span);
        let mut no = Vec::new();
        Self::assign_all(&mut no, &[flag], &Val::truth(fold::truth(false)), arm.span);
        let decide = ir::StmtKind::If(test, yes, no);
        let before = vec![ir::Stmt { kind: decide, span: arm.span }];
        Lowered { before, test: self.read(flag), way }
    }

    fn arm_body(&mut self, body: &ast::Expr, hint: Option<&Type>, wants: bool) -> Val {
        let value = if wants {
            self.expr(body, hint)
        } else {
            self.expr_stmt(body, None);
            Val::unit()
        };
        if self.flow.reachable { value } else { Val::never() }
    }

    /// Arms as a chain of choices; the last one needs no test if all values are covered.
    fn chain(&mut self, arms: Vec<Lowered>, covered: bool, wants: bool, span: Span) -> Val {
        let mut rest: Option<Way> = None;
        for arm in arms.into_iter().rev() {
            let Some(others) = rest else {
                if covered {
                    rest = Some(arm.way);
                    continue;
                }
                let end = arm.way.end;
                let others = Way { code: Vec::new(), value: Val::error(), end };
                rest = Some(self.link(arm, others, wants, span));
                continue;
            };
            rest = Some(self.link(arm, others, wants, span));
        }
        match rest {
            Some(way) => {
                self.code.extend(way.code);
                way.value
            }
            None => Val::error(),
        }
    }

    fn link(&mut self, arm: Lowered, others: Way, wants: bool, span: Span) -> Way {
        let end = arm.way.end;
        let (code, value) = self.nested(|this| {
            this.code.extend(arm.before);
            this.choose(arm.test, arm.way, others, wants, span)
        });
        Way { code, value, end }
    }

    // --- Patterns ---

    /// The test of a pattern against a value whose leaves are stable, and what it binds.
    pub(super) fn pattern(
        &mut self,
        pattern: &ast::Pat,
        value: &Val,
        bound: &mut Vec<(ast::Ident, Val)>,
    ) -> Expr {
        match &pattern.kind {
            PatKind::Any => fold::truth(true),
            PatKind::Name(name) => self.name_pattern(name, value, bound),
            PatKind::Literal(literal) => self.literal_pattern(literal, value, pattern.span),
            PatKind::Range { from, to, inclusive } => {
                self.range_pattern((from, to), *inclusive, value, pattern.span)
            }
            PatKind::Variant(name, parts) => {
                self.variant_pattern(name, parts, value, bound, pattern.span)
            }
            PatKind::Tuple(parts) => self.tuple_pattern(parts, value, bound, pattern.span),
            PatKind::Or(parts) => {
                let mut names = Vec::new();
                let tests: Vec<_> =
                    parts.iter().map(|part| self.pattern(part, value, &mut names)).collect();
                if let Some((name, value)) = names.into_iter().next() {
                    let message = "alternatives cannot bind names";
                    self.sink.error("E0207", message, name.span, "use `_`, or separate arms");
                    bound.push((name, Val { ty: Type::Error, ..value }));
                }
                fold::any(tests)
            }
        }
    }

    fn name_pattern(
        &mut self,
        name: &ast::Ident,
        value: &Val,
        bound: &mut Vec<(ast::Ident, Val)>,
    ) -> Expr {
        if is_variant(&value.ty, &name.text) {
            return self.variant_pattern(name, &[], value, bound, name.span);
        }
        if let Some(constant) = self.constant_named(name) {
            return self.equals(constant, value, name.span);
        }
        let looks_like_variant = name.text.starts_with(|c: char| c.is_ascii_uppercase());
        if looks_like_variant && let Type::Enum(def) = &value.ty {
            let def = Rc::clone(def);
            self.unknown_variant(&def, name);
        }
        bound.push((name.clone(), value.clone()));
        fold::truth(true)
    }

    /// The value of a constant or parameter, if there is one of that name.
    fn constant_named(&mut self, name: &ast::Ident) -> Option<Val> {
        let in_element = !self.in_global_fn && self.env.contains_key(&name.text);
        if !in_element && !self.items.consts.contains_key(name.text.as_str()) {
            return None;
        }
        match self.lookup(&name.text, name.span)? {
            super::name::Named::Value(value) => {
                value.leaves.iter().all(|leaf| fold::known(leaf).is_some()).then_some(value)
            }
            _ => None,
        }
    }

    fn equals(&mut self, constant: Val, value: &Val, span: Span) -> Expr {
        match (&value.ty, &constant.ty) {
            (Type::Ip4, Type::Prefix4) | (Type::Ip6, Type::Prefix6) => {
                Self::in_prefix(value.clone().leaf(32), &constant)
            }
            (ty, _) if ty.is_silent() => fold::truth(true),
            _ => {
                let infix = Infix { op: BinaryOp::Eq, span };
                self.combine(infix, value.clone(), constant).leaf(1)
            }
        }
    }

    fn literal_pattern(&mut self, literal: &ast::Literal, value: &Val, span: Span) -> Expr {
        if value.ty.is_silent() {
            return fold::truth(true);
        }
        let constant = self.literal(literal, Some(&value.ty), span);
        if constant.ty.is_silent() {
            return fold::truth(false);
        }
        self.equals(constant, value, span)
    }

    fn range_pattern(
        &mut self,
        (from, to): (&ast::Literal, &ast::Literal),
        inclusive: bool,
        value: &Val,
        span: Span,
    ) -> Expr {
        if value.ty.is_silent() {
            return fold::truth(true);
        }
        let from = self.literal(from, Some(&value.ty), span);
        let to = self.literal(to, Some(&value.ty), span);
        let op = if inclusive { BinaryOp::Le } else { BinaryOp::Lt };
        let above = self.combine(Infix { op: BinaryOp::Ge, span }, value.clone(), from);
        if above.ty == Type::Error {
            return fold::truth(false);
        }
        let below = self.combine(Infix { op, span }, value.clone(), to);
        fold::both(above.leaf(1), below.leaf(1))
    }

    fn variant_pattern(
        &mut self,
        name: &ast::Ident,
        parts: &[ast::Pat],
        value: &Val,
        bound: &mut Vec<(ast::Ident, Val)>,
        span: Span,
    ) -> Expr {
        if value.ty.is_silent() {
            let error = Val::error();
            parts.iter().for_each(|part| drop(self.pattern(part, &error, bound)));
            return fold::truth(true);
        }
        let (tag, payload, start) = match (&value.ty, name.text.as_str()) {
            (Type::Option(inner), "Some") => (value.leaves[0].clone(), vec![(**inner).clone()], 1),
            (Type::Option(_), "None") => (fold::not(value.leaves[0].clone()), Vec::new(), 1),
            (Type::Enum(def), variant) => {
                let Some(index) = def.variants.iter().position(|v| v.0 == variant) else {
                    let def = Rc::clone(def);
                    self.unknown_variant(&def, name);
                    let error = Val::error();
                    parts.iter().for_each(|part| drop(self.pattern(part, &error, bound)));
                    return fold::truth(false);
                };
                let number = fold::constant(index as u128, 8);
                let tag = fold::binary(ir::BinaryOp::Eq, value.leaves[0].clone(), number);
                (tag, def.variants[index].1.clone(), def.payload_start(index))
            }
            (ty, _) => {
                let message = format!("`{}` is no pattern for `{ty}`", name.text);
                self.sink.error("E0207", message, span, "only for options and enums");
                let error = Val::error();
                parts.iter().for_each(|part| drop(self.pattern(part, &error, bound)));
                return fold::truth(false);
            }
        };
        if parts.len() != payload.len() {
            let message = format!("`{}` has {} values", name.text, payload.len());
            self.sink.error("E0207", message, span, format!("{} are named here", parts.len()));
            let error = Val::error();
            parts.iter().for_each(|part| drop(self.pattern(part, &error, bound)));
            return fold::truth(false);
        }
        self.parts(parts, &payload, &value.leaves[start..], bound).into_iter().fold(tag, fold::both)
    }

    fn tuple_pattern(
        &mut self,
        parts: &[ast::Pat],
        value: &Val,
        bound: &mut Vec<(ast::Ident, Val)>,
        span: Span,
    ) -> Expr {
        let types = match &value.ty {
            Type::Tuple(types) if types.len() == parts.len() => Rc::clone(types),
            ty => {
                if !ty.is_silent() {
                    let message = format!("this is no pattern for `{ty}`");
                    let label = format!("a tuple of {} values", parts.len());
                    self.sink.error("E0207", message, span, label);
                }
                let error = Val::error();
                parts.iter().for_each(|part| drop(self.pattern(part, &error, bound)));
                return fold::truth(true);
            }
        };
        self.parts(parts, &types, &value.leaves, bound)
            .into_iter()
            .fold(fold::truth(true), fold::both)
    }

    fn parts(
        &mut self,
        parts: &[ast::Pat],
        types: &[Type],
        leaves: &[Expr],
        bound: &mut Vec<(ast::Ident, Val)>,
    ) -> Vec<Expr> {
        let mut at = 0;
        let mut tests = Vec::with_capacity(parts.len());
        for (part, ty) in parts.iter().zip(types) {
            let end = at + ty.leaf_count();
            let value = Val { ty: ty.clone(), leaves: leaves[at..end].to_vec() };
            tests.push(self.pattern(part, &value, bound));
            at = end;
        }
        tests
    }

    // --- Variants as values ---

    /// `Variant` without values, of the expected enum or of the only one that has it.
    pub(super) fn unit_variant(
        &mut self,
        name: &str,
        expected: Option<&Type>,
        span: Span,
    ) -> Option<Val> {
        let (def, index) = self.variant_named(name, expected, span)?;
        let (_, payload) = &def.variants[index];
        if !payload.is_empty() {
            let message = format!("`{name}` has {} values", payload.len());
            self.sink.error("E0204", message, span, format!("write `{name}(…)`"));
            return Some(Val::error());
        }
        let mut value = Val::zero(Type::Enum(def));
        value.leaves[0] = fold::constant(index as u128, 8);
        Some(value)
    }

    /// `Variant(values)`
    pub(super) fn variant_call(
        &mut self,
        name: &ast::Ident,
        args: &[ast::Expr],
        expected: Option<&Type>,
        span: Span,
    ) -> Option<Val> {
        let (def, index) = self.variant_named(&name.text, expected, name.span)?;
        let payload = def.variants[index].1.clone();
        let start = def.payload_start(index);
        let Some(args) = self.args_as(name, args, &payload, span) else {
            return Some(Val::error());
        };
        let mut value = Val::zero(Type::Enum(def));
        value.leaves[0] = fold::constant(index as u128, 8);
        for (i, leaf) in args.into_iter().flat_map(|arg| arg.leaves).enumerate() {
            value.leaves[start + i] = leaf;
        }
        Some(value)
    }

    fn variant_named(
        &mut self,
        name: &str,
        expected: Option<&Type>,
        span: Span,
    ) -> Option<(Rc<EnumType>, usize)> {
        if let Some(Type::Enum(def)) = expected
            && let Some(index) = def.variants.iter().position(|v| v.0 == name)
        {
            return Some((Rc::clone(def), index));
        }
        let enums = self.items.enums_with_variant(name);
        let first = enums.first()?;
        if enums.len() > 1 {
            let names: Vec<_> = enums.iter().map(|def| format!("`{}`", def.name.text)).collect();
            let message = format!("`{name}` is a variant of {}", names.join(" and "));
            self.sink.error("E0219", message, span, "which one is meant is not known here");
            return None;
        }
        match self.items.named_type(&first.name.text, span, self.sink)? {
            Type::Enum(def) => {
                let index = def.variants.iter().position(|v| v.0 == name)?;
                Some((def, index))
            }
            _ => None,
        }
    }

    fn unknown_variant(&mut self, def: &EnumType, name: &ast::Ident) {
        let message = format!("`{}` has no variant `{}`", def.name, name.text);
        let mut diagnostic = Diagnostic::error("E0207", message, name.span, "no such variant");
        let known = def.variants.iter().map(|v| v.0.as_str());
        if let Some(near) = nearest(&name.text, known) {
            diagnostic = diagnostic.note(format!("did you mean `{near}`?")).patch(name.span, near);
        }
        self.sink.report(diagnostic);
    }
}

/// True if `name` is a variant of the type.
fn is_variant(ty: &Type, name: &str) -> bool {
    match ty {
        Type::Option(_) => matches!(name, "None" | "Some"),
        Type::Enum(def) => def.variants.iter().any(|v| v.0 == name),
        _ => false,
    }
}
