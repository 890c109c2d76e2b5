//! Expressions: the dispatch over their kinds, fields, records, tuples.

use super::{Lowerer, Val};
use crate::check::fold;
use crate::check::types::{Type, resolve};
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::syntax::ast::{self, ExprKind};
use crate::syntax::nearest;
use std::rc::Rc;

impl Lowerer<'_> {
    /// An expression of exactly this type; reports any other.
    pub(super) fn expr_as(&mut self, expr: &ast::Expr, ty: &Type) -> Val {
        let value = self.expr(expr, Some(ty));
        self.coerce(value, ty, expr.span)
    }

    /// An expression that must be a truth value.
    pub(super) fn condition(&mut self, expr: &ast::Expr) -> crate::ir::Expr {
        self.expr_as(expr, &Type::Bool).leaf(1)
    }

    /// An unsigned number as 64 bits.
    pub(super) fn number64(&mut self, expr: &ast::Expr) -> crate::ir::Expr {
        self.expr_as(expr, &Type::Uint(64)).leaf(64)
    }

    /// An expression. `expected` is a hint for literals and constructors; the result may be of
    /// another type.
    pub(super) fn expr(&mut self, expr: &ast::Expr, expected: Option<&Type>) -> Val {
        if !self.descend(expr.span) {
            return Val::error();
        }
        let outer = std::mem::replace(&mut self.span, expr.span);
        let value = self.expr_kind(expr, expected);
        self.span = outer;
        self.depth -= 1;
        value
    }

    fn expr_kind(&mut self, expr: &ast::Expr, expected: Option<&Type>) -> Val {
        let span = expr.span;
        match &expr.kind {
            ExprKind::Literal(literal) => self.literal(literal, expected, span),
            ExprKind::Name(name) => self.name_value(name, expected, span),
            ExprKind::Field(base, field) => self.field(expr, base, field),
            ExprKind::Index(base, index) => self.index(base, index),
            ExprKind::Call(name, args) => self.call(name, args, expected, span),
            ExprKind::Method(base, method, args) => self.method(base, method, args, span),
            ExprKind::Record(name, fields) => self.record(name, fields, span),
            ExprKind::Tuple(parts) => self.tuple(parts, expected),
            ExprKind::Unary(op, operand) => self.unary(*op, operand, expected, span),
            ExprKind::Binary(op, left, right) => self.binary(*op, left, right, expected, span),
            ExprKind::In(left, right) => self.contains(left, right),
            ExprKind::Is(packet, pattern) => self.is(packet, pattern),
            ExprKind::As(operand, ty) => self.convert(operand, ty, span),
            ExprKind::If(condition, yes, no) => {
                self.if_expr(condition, yes, no.as_ref(), expected, true, span)
            }
            ExprKind::IfLet(pattern, value, yes, no) => {
                self.if_let(pattern, value, (yes, no.as_ref()), expected, true, span)
            }
            ExprKind::Match(value, arms) => self.match_expr(value, arms, expected, true, span),
            ExprKind::Block(block) => self.block(block, expected, true),
            ExprKind::List(_) => {
                let message = "a list is no value: it stands after `in`, or makes a table";
                self.sink.error("E0212", message, span, "not possible here");
                Val::error()
            }
            ExprKind::Range { .. } => {
                let message = "a range is no value: it stands after `in`";
                self.sink.error("E0212", message, span, "not possible here");
                Val::error()
            }
            ExprKind::Copy(packet) => {
                let message = "a copy of a packet needs a name";
                self.sink.report(
                    Diagnostic::error("E0220", message, span, "not possible here")
                        .note(format!("write `let q = copy {}`", packet.text)),
                );
                Val::error()
            }
            ExprKind::Error => Val::error(),
        }
    }

    /// Operands in order; each keeps the value that it had when it was read.
    pub(super) fn operands<'e>(
        &mut self,
        exprs: impl IntoIterator<Item = (&'e ast::Expr, Option<Type>)>,
    ) -> Vec<Val> {
        let mut values: Vec<Val> = Vec::new();
        for (expr, ty) in exprs {
            let mark = self.code.len();
            let value = match &ty {
                Some(ty) => self.expr_as(expr, ty),
                None => self.expr(expr, None),
            };
            for earlier in &mut values {
                self.protect(earlier, mark);
            }
            values.push(value);
        }
        values
    }

    fn tuple(&mut self, parts: &[ast::Expr], expected: Option<&Type>) -> Val {
        let hints: Option<Rc<[Type]>> = match expected {
            Some(Type::Tuple(types)) if types.len() == parts.len() => Some(Rc::clone(types)),
            _ => None,
        };
        let mut values: Vec<Val> = Vec::new();
        for (i, part) in parts.iter().enumerate() {
            let mark = self.code.len();
            let value = match &hints {
                Some(types) => self.expr_as(part, &types[i]),
                None => self.expr(part, None),
            };
            for earlier in &mut values {
                self.protect(earlier, mark);
            }
            if !value.ty.is_silent() && !value.ty.is_storable() {
                self.mismatch_storable(&value.ty, part.span);
                return Val::error();
            }
            values.push(value);
        }
        if values.iter().any(|value| value.ty.is_silent()) {
            return Val::error();
        }
        let ty = Type::Tuple(values.iter().map(|value| value.ty.clone()).collect());
        Val { ty, leaves: values.into_iter().flat_map(|value| value.leaves).collect() }
    }

    fn mismatch_storable(&mut self, found: &Type, span: Span) {
        let message = if *found == Type::Unit {
            "a value is needed here".to_owned()
        } else {
            format!("{} cannot be part of another value", found.with_article())
        };
        self.sink.error("E0212", message, span, "not possible here");
    }

    /// `Name { field: value, … }`
    fn record(&mut self, name: &ast::Ident, fields: &[(ast::Ident, ast::Expr)], span: Span) -> Val {
        let ty = ast::Type { kind: ast::TypeKind::Name(name.text.clone()), span: name.span };
        let record = match resolve(self.items, &ty, self.sink) {
            Type::Record(record) => record,
            Type::Error => return Val::error(),
            other => {
                let message = format!("`{other}` is not a record");
                self.sink.error("E0102", message, name.span, "a record is needed here");
                return Val::error();
            }
        };
        let mut values: Vec<Option<Val>> = vec![None; record.fields.len()];
        for (field, expr) in fields {
            let position = record.fields.iter().position(|f| f.0 == field.text);
            let Some(index) = position else {
                self.unknown_field(&Type::Record(Rc::clone(&record)), field);
                continue;
            };
            if values[index].is_some() {
                let message = format!("the field `{}` is given twice", field.text);
                self.sink.error("E0211", message, field.span, "given again");
                continue;
            }
            let mark = self.code.len();
            let value = self.expr_as(expr, &record.fields[index].1);
            for earlier in values.iter_mut().flatten() {
                self.protect(earlier, mark);
            }
            values[index] = Some(value);
        }
        let unknown = fields.iter().any(|f| record.fields.iter().all(|known| known.0 != f.0.text));
        let missing: Vec<_> = std::iter::zip(&record.fields, &values)
            .filter(|(_, value)| value.is_none())
            .map(|(field, _)| format!("`{}`", field.0))
            .collect();
        if !missing.is_empty() {
            // A misspelt field is missing too, but was reported.
            if !unknown {
                let message = format!("`{}` lacks {}", record.name, missing.join(", "));
                self.sink.error("E0211", message, span, "give every field a value");
            }
            return Val::error();
        }
        let leaves = values.into_iter().flatten().flat_map(|value| value.leaves).collect();
        Val { ty: Type::Record(record), leaves }
    }

    /// `base.field`, of a packet, a state object or a value.
    fn field(&mut self, whole: &ast::Expr, base: &ast::Expr, field: &ast::Ident) -> Val {
        if let Some((root, path)) = path_of(whole)
            && let Some(packet) = self.packet_named(root)
        {
            return self.property(packet, &path, whole.span);
        }
        if let Some(value) = self.state_property(base, field) {
            return value;
        }
        if let Some(value) = self.table_property(base, field) {
            return value;
        }
        let value = self.expr(base, None);
        self.value_field(value, field)
    }

    /// A field or property of a value.
    pub(super) fn value_field(&mut self, value: Val, field: &ast::Ident) -> Val {
        if value.ty.is_silent() {
            return Val::error();
        }
        if let Some((ty, at)) = value.ty.field(&field.text) {
            let leaves = value.leaves[at..at + ty.leaf_count()].to_vec();
            return Val { ty, leaves };
        }
        match (&value.ty, field.text.as_str()) {
            (Type::Bytes(_), "len") => Val::scalar(Type::Uint(16), value.leaves[0].clone()),
            (Type::Option(_), "is_some") => Val::truth(value.leaves[0].clone()),
            (Type::Option(_), "is_none") => Val::truth(fold::not(value.leaves[0].clone())),
            (Type::Record(record), "reversed") if matches!(&*record.name, "Flow" | "Flow6") => {
                let mut leaves = value.leaves;
                leaves.swap(0, 1);
                leaves.swap(2, 3);
                Val { ty: value.ty, leaves }
            }
            _ => {
                self.unknown_field(&value.ty, field);
                Val::error()
            }
        }
    }

    /// Reports a field that a type has not.
    pub(super) fn unknown_field(&mut self, ty: &Type, field: &ast::Ident) {
        let message = format!("`{ty}` has no field `{}`", field.text);
        let mut diagnostic = Diagnostic::error("E0105", message, field.span, "no such field");
        let mut names = ty.field_names();
        match ty {
            Type::Option(inner) => {
                names.extend(["is_some", "is_none"]);
                if inner.field(&field.text).is_some() {
                    diagnostic = diagnostic.note(
                        "it may be `None`: take it apart by `if let Some(x) = …` or `let … else`",
                    );
                }
            }
            Type::Record(record) if record.name.starts_with("Flow") => names.push("reversed"),
            Type::Bytes(_) => names.push("len"),
            _ => {}
        }
        if let Some(near) = nearest(&field.text, names.iter().copied()) {
            diagnostic = diagnostic.note(format!("did you mean `{near}`?")).patch(field.span, near);
        } else if !names.is_empty() && diagnostic.note.is_none() {
            diagnostic = diagnostic.note(format!("it has {}", names.join(", ")));
        }
        self.sink.report(diagnostic);
    }
}

/// The name at the root of `a.b.c` with the fields after it.
pub(super) fn path_of(expr: &ast::Expr) -> Option<(&ast::Expr, Vec<&ast::Ident>)> {
    let mut path = Vec::new();
    let mut at = expr;
    while let ExprKind::Field(base, field) = &at.kind {
        path.push(field);
        at = base;
    }
    path.reverse();
    matches!(at.kind, ExprKind::Name(_)).then_some((at, path))
}
