//! What a name stands for.

use super::{Bound, Lowerer, StateVar, Val};
use crate::check::types::Type;
use crate::check::value::{Value, global};
use crate::diagnostic::Diagnostic;
use crate::ir::ExprKind;
use crate::source::Span;
use crate::syntax::ast;
use crate::syntax::nearest;

/// What a name stands for.
#[derive(Debug)]
pub(super) enum Named {
    /// A value.
    Value(Val),
    /// A packet variable: index.
    Packet(usize),
    /// A state object.
    State(StateVar),
    /// A table or a text.
    Constant(Value),
    /// Something whose declaration was reported as wrong.
    Broken,
}

impl Lowerer<'_> {
    /// What a name stands for, if anything.
    pub(super) fn lookup(&mut self, name: &str, span: Span) -> Option<Named> {
        let visible = self.visible_from;
        if let Some(binding) = self.bindings[visible..].iter_mut().rfind(|b| b.name == name) {
            binding.used = true;
            return Some(match &binding.bound {
                Bound::Value { value, .. } => Named::Value(value.clone()),
                Bound::Packet(index) => Named::Packet(*index),
                Bound::Constant(value) => Named::Constant(value.clone()),
            });
        }
        if !self.in_global_fn {
            if let Some(value) = self.env.get(name) {
                self.used.names.insert(name.to_owned());
                return Some(named_constant(value.clone()));
            }
            if let Some(state) = self.states.get(name) {
                self.used.names.insert(name.to_owned());
                return Some(Named::State(state.clone()));
            }
            if self.broken.contains(name) {
                self.used.names.insert(name.to_owned());
                return Some(Named::Broken);
            }
        }
        if self.items.consts.contains_key(name) {
            let value = global(self.items, name, span, self.tables, self.sink);
            return Some(value.map_or(Named::Broken, named_constant));
        }
        None
    }

    /// What a name stands for if it is a packet; anything else is not looked at.
    pub(super) fn packet_named(&mut self, expr: &ast::Expr) -> Option<usize> {
        let ast::ExprKind::Name(name) = &expr.kind else { return None };
        let visible = self.visible_from;
        let binding = self.bindings[visible..].iter_mut().rfind(|b| b.name == *name)?;
        match binding.bound {
            Bound::Packet(index) => {
                binding.used = true;
                Some(index)
            }
            _ => None,
        }
    }

    /// The packet variable that a statement names; reports if it is none.
    pub(super) fn require_packet(&mut self, name: &ast::Ident) -> Option<usize> {
        match self.lookup(&name.text, name.span) {
            Some(Named::Packet(index)) => Some(index),
            Some(Named::Broken) => None,
            Some(_) => {
                let message = format!("`{}` is not a packet", name.text);
                self.sink.error("E0220", message, name.span, "a packet is needed here");
                None
            }
            None => {
                self.unknown_name(&name.text, name.span);
                None
            }
        }
    }

    /// The state object that an expression names.
    pub(super) fn state_named(&mut self, expr: &ast::Expr) -> Option<StateVar> {
        let ast::ExprKind::Name(name) = &expr.kind else { return None };
        let is_bound = self.bindings[self.visible_from..].iter().any(|b| b.name == *name);
        if is_bound || self.in_global_fn || self.env.contains_key(name) {
            return None;
        }
        let state = self.states.get(name)?.clone();
        self.used.names.insert(name.clone());
        Some(state)
    }

    /// A name used as a value.
    pub(super) fn name_value(&mut self, name: &str, expected: Option<&Type>, span: Span) -> Val {
        match name {
            "now" if self.constant_only => {
                let message = "`now` is not known before the program runs";
                self.sink.error("E0206", message, span, "not a constant");
                return Val::error();
            }
            "now" => {
                let now = crate::ir::Expr { kind: ExprKind::Now, width: 64 };
                return Val::scalar(Type::Time, now);
            }
            "None" => return self.none(expected, span),
            _ => {}
        }
        match self.lookup(name, span) {
            Some(Named::Value(value)) => value,
            Some(Named::Broken) => Val::error(),
            Some(Named::State(state)) => self.whole_state(&state, name, span),
            Some(Named::Packet(_)) => {
                let message = format!("`{name}` is a packet, not a value");
                self.sink.report(
                    Diagnostic::error("E0220", message, span, "a value is needed here")
                        .note(format!("read a field of it, for example `{name}.len`")),
                );
                Val::error()
            }
            Some(Named::Constant(Value::Str(text))) if matches!(expected, Some(Type::Bytes(_))) => {
                self.bytes_literal(text.as_bytes(), expected, span)
            }
            Some(Named::Constant(value)) => {
                let message = format!("{} is no value here", value.ty().with_article());
                self.sink.error("E0212", message, span, "tables are for `for`, texts for logs");
                Val::error()
            }
            None => {
                if let Some(variant) = self.unit_variant(name, expected, span) {
                    return variant;
                }
                self.unknown_name(name, span);
                Val::error()
            }
        }
    }

    /// `None`, whose type must be known from where it stands.
    fn none(&mut self, expected: Option<&Type>, span: Span) -> Val {
        match expected {
            Some(ty @ Type::Option(_)) => Val::zero(ty.clone()),
            Some(ty) if ty.is_silent() => Val::error(),
            Some(ty) => {
                let message = format!("expected `{ty}`, found `None`");
                self.sink.error("E0201", message, span, "this is an option");
                Val::error()
            }
            None => {
                let message = "the type of this `None` is not known";
                self.sink.report(
                    Diagnostic::error("E0219", message, span, "an option of what?")
                        .note("write the type: `let x: Option<u16> = None`"),
                );
                Val::error()
            }
        }
    }

    /// Reports a name that stands for nothing.
    pub(super) fn unknown_name(&mut self, name: &str, span: Span) {
        let (message, hint): (String, Option<&str>) =
            if self.fns.contains_key(name) || self.items.fns.contains_key(name) {
                (format!("`{name}` is a function: call it"), None)
            } else if self.ports.contains_key(name) {
                let note = "ports stand after `on`, and after `to` in `send`";
                (format!("`{name}` is a port, not a value"), Some(note))
            } else {
                (format!("there is nothing called `{name}` here"), None)
            };
        let mut diagnostic = Diagnostic::error("E0101", message, span, "not a value");
        diagnostic.note = hint.map(Into::into);
        let locals = self.bindings[self.visible_from..].iter().map(|b| b.name.as_str());
        let element = self.env.keys().chain(self.states.keys()).map(String::as_str);
        let known = locals.chain(element).chain(self.items.consts.keys().copied());
        if let Some(near) = nearest(name, known.chain(["now", "None"])) {
            diagnostic = diagnostic.note(format!("did you mean `{near}`?")).patch(span, near);
        }
        self.sink.report(diagnostic);
    }
}

fn named_constant(value: Value) -> Named {
    match value {
        Value::Data { .. } => Named::Value(Val::constant(&value)),
        Value::Table { .. } | Value::Str(_) => Named::Constant(value),
    }
}
