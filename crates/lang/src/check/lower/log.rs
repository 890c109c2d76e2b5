//! `log` and `alert`.

use super::{Lowerer, Val};
use crate::check::fold;
use crate::check::types::{Type, leaves};
use crate::check::value::Value;
use crate::ir::{self, Expr, StmtKind, View};
use crate::source::Span;
use crate::syntax::ast::{self, ExprKind};

/// A log line being put together: literal pieces, and the leaves between them.
struct Line {
    text: Vec<String>,
    views: Vec<View>,
    args: Vec<Expr>,
}

impl Line {
    fn push_text(&mut self, text: &str) {
        if let Some(last) = self.text.last_mut() {
            last.push_str(text);
        }
    }

    fn push_leaf(&mut self, view: View, leaf: Expr) {
        self.views.push(view);
        self.args.push(leaf);
        self.text.push(String::new());
    }

    /// A value: a scalar as such, tuples and records with their parts' names.
    fn push_value(&mut self, value: Val) {
        let named = leaves(&value.ty);
        match (&value.ty, named.len()) {
            (Type::Prefix4 | Type::Prefix6, _) => {
                let mut parts = value.leaves.into_iter().zip(named);
                if let Some((leaf, (_, _, view))) = parts.next() {
                    self.push_leaf(view, leaf);
                }
                self.push_text("/");
                if let Some((leaf, (_, _, view))) = parts.next() {
                    self.push_leaf(view, leaf);
                }
            }
            (Type::Bytes(_), _) | (_, 1) => {
                for ((_, _, view), leaf) in named.into_iter().zip(value.leaves) {
                    self.push_leaf(view, leaf);
                }
            }
            _ => {
                self.push_text("{");
                for (i, ((name, _, view), leaf)) in named.into_iter().zip(value.leaves).enumerate()
                {
                    if view != View::Word {
                        let comma = if i == 0 { "" } else { ", " };
                        self.push_text(&format!("{comma}{name}: "));
                    }
                    self.push_leaf(view, leaf);
                }
                self.push_text("}");
            }
        }
    }
}

impl Lowerer<'_> {
    /// `log "text {value}" [limit 10/s]`
    pub(super) fn log(
        &mut self,
        alert: bool,
        text: &[String],
        args: &[ast::Expr],
        limit: Option<&ast::Expr>,
    ) {
        let limit_per_s = match limit {
            Some(expr) => {
                let value = self.const_expr(expr, &Type::Uint(64)).and_then(|v| v.as_u64());
                if value == Some(0) {
                    let message = "a limit of 0 would never let a line through";
                    self.sink.error("E0803", message, expr.span, "must be at least 1");
                }
                value
            }
            None => None,
        };
        let mut values: Vec<(Option<String>, Val)> = Vec::new();
        for arg in args {
            let mark = self.code.len();
            let value = self.log_arg(arg);
            for (_, earlier) in &mut values {
                self.protect(earlier, mark);
            }
            values.push(value);
        }
        let first = text.first().cloned().unwrap_or_default();
        let mut line = Line { text: vec![first], views: Vec::new(), args: Vec::new() };
        for (i, (word, value)) in values.into_iter().enumerate() {
            match word {
                Some(word) => line.push_text(&word),
                None => line.push_value(value),
            }
            line.push_text(text.get(i + 1).map_or("", String::as_str));
        }
        let Line { text, views, args } = line;
        self.node.log_sites.push(ir::LogSite { alert, text, views, limit_per_s });
        let site = (self.node.log_sites.len() - 1) as u32;
        self.emit(StmtKind::Log(site, args));
    }

    /// An argument: a constant text, or a value.
    fn log_arg(&mut self, arg: &ast::Expr) -> (Option<String>, Val) {
        if let ExprKind::Name(name) = &arg.kind
            && let Some(text) = self.constant_text(name, arg.span)
        {
            return (Some(text), Val::unit());
        }
        let value = self.expr(arg, None);
        if value.ty.is_silent() {
            return (Some(String::new()), Val::unit());
        }
        if let Type::Option(_) = value.ty {
            let message = "an option is not printed";
            self.sink.report(
                crate::diagnostic::Diagnostic::error(
                    "E0212",
                    message,
                    arg.span,
                    "it may be `None`",
                )
                .note("take it apart: `.or(default)`, or `if let Some(x) = …`"),
            );
            return (Some(String::new()), Val::unit());
        }
        if !value.ty.is_storable() {
            let message = "a value is needed here";
            self.sink.error("E0212", message, arg.span, "this has none");
            return (Some(String::new()), Val::unit());
        }
        if value.ty.leaf_count() == 0 {
            let zero = Val::scalar(Type::Uint(1), fold::constant(0, 1));
            return (Some("()".into()), zero);
        }
        (None, value)
    }

    fn constant_text(&mut self, name: &str, span: Span) -> Option<String> {
        let is_text = |value: &Value| matches!(value, Value::Str(_));
        let bound = self.bindings[self.visible_from..].iter().rfind(|b| b.name == name);
        let known = match bound {
            Some(binding) => matches!(&binding.bound, super::Bound::Constant(v) if is_text(v)),
            None => self.env.get(name).is_some_and(is_text) || self.items.consts.contains_key(name),
        };
        if !known {
            return None;
        }
        match self.lookup(name, span)? {
            super::name::Named::Constant(Value::Str(text)) => Some(text),
            _ => None,
        }
    }
}
