//! Events that an element generates, their handlers, and records.

use super::{Bound, EventVar, Lowerer, StreamVar, closing};
use crate::check::declare::{PENDING_MAX, views};
use crate::check::fold;
use crate::check::types::{Type, resolve};
use crate::diagnostic::Diagnostic;
use crate::ir::{self, EventId, StmtKind, StreamId, Trigger};
use crate::source::Span;
use crate::syntax::{ast, nearest};
use std::iter::repeat_n;
use trama_state::Shape;

impl Lowerer<'_> {
    /// `event name(param: type, …) [capacity]`
    pub(in crate::check) fn declare_event(&mut self, event: &ast::Event) {
        let name = &event.name;
        let taken = self.events.get(&name.text).map(|known| known.span);
        let taken = taken.or_else(|| self.ports.get(&name.text).map(|port| port.span));
        if let Some(before) = taken {
            let message = format!("`{}` is declared twice", name.text);
            self.sink.report(
                Diagnostic::error("E0104", message, name.span, "declared again")
                    .other(before, "declared here first"),
            );
            return;
        }
        if self.try_declare_event(event).is_none() {
            self.broken.insert(name.text.clone());
        }
    }

    fn try_declare_event(&mut self, event: &ast::Event) -> Option<()> {
        let mut fields: Vec<(String, Type)> = Vec::new();
        let mut sound = true;
        for (name, ty) in &event.params {
            if fields.iter().any(|field| field.0 == name.text) {
                let message = format!("the event has two parameters `{}`", name.text);
                self.sink.error("E0104", message, name.span, "declared before");
                sound = false;
            }
            match self.stored(ty) {
                Some(ty) => fields.push((name.text.clone(), ty)),
                None => sound = false,
            }
        }
        let capacity = self.event_capacity(event)?;
        if !sound {
            return None;
        }
        let (mut widths, mut all) = (Vec::new(), Vec::new());
        for (name, ty) in &fields {
            widths.extend(ty.widths());
            all.extend(views(ty).into_iter().map(|(path, view)| match path.as_str() {
                "" => (name.clone(), view),
                _ => (format!("{name}.{path}"), view),
            }));
        }
        self.node.events.push(ir::Event {
            name: event.name.text.clone(),
            capacity,
            shape: Shape(widths),
            views: all,
        });
        let id = EventId((self.node.events.len() - 1) as u32);
        let params = fields.into_iter().map(|(_, ty)| ty).collect();
        let var = EventVar { id, params, span: event.name.span };
        self.events.insert(event.name.text.clone(), var);
        Some(())
    }

    fn event_capacity(&mut self, event: &ast::Event) -> Option<u32> {
        let name = &event.name;
        let Some(expr) = &event.capacity else {
            let message = format!("the event `{}` needs a capacity", name.text);
            self.sink.report(
                Diagnostic::error("E1001", message, name.span, "how many?")
                    .note("the most that are pending at once, behind the parameters: `[1k]`"),
            );
            return None;
        };
        let capacity = self.const_expr(expr, &Type::Uint(64))?.as_u64()?;
        if (1..=PENDING_MAX).contains(&capacity) {
            return u32::try_from(capacity).ok();
        }
        let message = format!("the capacity must be 1 to {PENDING_MAX}, not {capacity}");
        self.sink.error("E0803", message, expr.span, "out of range");
        None
    }

    /// `stream name: Record`
    pub(in crate::check) fn declare_stream(&mut self, name: &ast::Ident, ty: &ast::Type) {
        if self.streams.contains_key(&name.text) {
            let message = format!("`{}` is declared twice", name.text);
            self.sink.error("E0104", message, name.span, "declared again");
            return;
        }
        let record = resolve(self.items, ty, self.sink);
        if let Type::Record(_) = record {
            self.node.streams.push(ir::Stream {
                name: name.text.clone(),
                shape: Shape(record.widths()),
                views: views(&record),
            });
        } else {
            if record != Type::Error {
                let message = format!("a stream has records, not {}", record.with_article());
                self.sink.report(
                    Diagnostic::error("E1001", message, ty.span, "not a record")
                        .note("declare one: `record Name { field: type, … }`"),
                );
            }
            self.broken.insert(name.text.clone());
            return;
        }
        let id = StreamId((self.node.streams.len() - 1) as u32);
        self.streams.insert(name.text.clone(), StreamVar { id, ty: record });
    }

    /// `on name(params) { … }`
    pub(in crate::check) fn event_handler(&mut self, on: &ast::OnEvent, span: Span) {
        self.begin();
        let event = self.require_event(&on.name);
        let params = self.event_params(on, event.as_ref());
        self.block(&on.body, None, false);
        self.leave_scope(0, 0, closing(on.body.span));
        let Some(event) = event.map(|event| event.id) else { return };
        let of = |trigger: &Trigger| match trigger {
            Trigger::Event { event, .. } => Some(*event),
            _ => None,
        };
        if let Some(before) = self.node.handlers.iter().find(|h| of(&h.trigger) == Some(event)) {
            let message = format!("the event `{}` has two handlers", on.name.text);
            self.sink.report(
                Diagnostic::error("E0104", message, on.name.span, "the second one")
                    .other(before.span, "the first one")
                    .note("an event has one handler: let it do both"),
            );
            return;
        }
        self.finish(Trigger::Event { event, params }, span);
    }

    /// Binds the names that a handler gives the parameters of its event, to locals.
    fn event_params(&mut self, on: &ast::OnEvent, event: Option<&EventVar>) -> Vec<ir::LocalId> {
        let types = event.map(|event| event.params.clone()).unwrap_or_default();
        if let Some(event) = event.filter(|_| types.len() != on.params.len()) {
            let plural = if types.len() == 1 { "" } else { "s" };
            let message = format!("`{}` has {} parameter{plural}", on.name.text, types.len());
            let label = format!("{} named here", on.params.len());
            self.sink.report(
                Diagnostic::error("E0204", message, on.name.span, label)
                    .other(event.span, "declared here"),
            );
        }
        let mut params = Vec::new();
        // What has no parameter of its own was reported.
        let types = types.into_iter().chain(repeat_n(Type::Error, on.params.len()));
        for (name, ty) in on.params.iter().zip(types) {
            let locals = self.fresh_all(&ty);
            let value = self.read_all(ty, &locals);
            params.extend(locals);
            self.bind(name, Bound::Value { value, mutable: false });
        }
        params
    }

    /// `on close { … }`
    pub(in crate::check) fn close_handler(&mut self, body: &ast::Block, span: Span) {
        self.begin();
        self.block(body, None, false);
        self.finish(Trigger::Close, span);
    }

    /// `generate name(args) [after expr] [else { … }]`
    pub(super) fn generate(
        &mut self,
        name: &ast::Ident,
        args: &[ast::Expr],
        after: Option<&ast::Expr>,
        otherwise: Option<&ast::Block>,
    ) {
        let Some(event) = self.require_event(name) else {
            args.iter().chain(after).for_each(|arg| drop(self.expr(arg, None)));
            otherwise.iter().for_each(|block| drop(self.block(block, None, false)));
            return;
        };
        self.used.generated.insert(name.text.clone());
        if event.params.len() != args.len() {
            let types: Vec<_> = event.params.iter().map(ToString::to_string).collect();
            let message = format!("`{}` takes ({})", name.text, types.join(", "));
            self.sink.report(
                Diagnostic::error("E0204", message, name.span, format!("{} given", args.len()))
                    .other(event.span, "declared here"),
            );
            return;
        }
        let types = event.params.iter().cloned().chain([Type::Duration]).map(Some);
        let mut values = self.operands(args.iter().chain(after).zip(types));
        let delay = match after {
            Some(_) => values.pop().map_or_else(|| fold::constant(0, 64), |value| value.leaf(64)),
            None => fold::constant(0, 64),
        };
        let args: Vec<ir::Expr> = values.into_iter().flat_map(|value| value.leaves).collect();
        if args.len() != self.node.events[event.id.0 as usize].shape.0.len() {
            // Something is wrong with an argument, and was reported.
            return;
        }
        let ok = self.fresh(1);
        self.emit(StmtKind::Generate { event: event.id, args, delay, ok });
        if let Some(otherwise) = otherwise {
            let ok = self.read(ok);
            self.or_else(ok, otherwise);
        }
    }

    /// `emit stream record`
    pub(super) fn emit_record(&mut self, name: &ast::Ident, value: &ast::Expr) {
        let known = self.streams.get(&name.text).filter(|_| !self.in_global_fn).cloned();
        let Some(stream) = known else {
            self.expr(value, None);
            let names: Vec<String> = self.streams.keys().cloned().collect();
            self.unknown_member(name, "stream", &names);
            return;
        };
        self.used.emitted.insert(name.text.clone());
        let record = self.expr_as(value, &stream.ty);
        if record.leaves.len() == stream.ty.leaf_count() {
            self.emit(StmtKind::Emit(stream.id, record.leaves));
        }
    }

    fn require_event(&mut self, name: &ast::Ident) -> Option<EventVar> {
        let known = self.events.get(&name.text).filter(|_| !self.in_global_fn).cloned();
        if known.is_none() {
            let names: Vec<String> = self.events.keys().cloned().collect();
            self.unknown_member(name, "event", &names);
        }
        known
    }

    /// Reports an event or stream that the element does not have.
    fn unknown_member(&mut self, name: &ast::Ident, what: &str, known: &[String]) {
        if self.broken.contains(&name.text) && !self.in_global_fn {
            return;
        }
        let message = format!("there is no {what} `{}`", name.text);
        let label = if what == "event" { "not an event" } else { "not a stream" };
        let mut diagnostic = Diagnostic::error("E1002", message, name.span, label);
        if self.in_global_fn {
            diagnostic = diagnostic.note("move the function into the element that declares it");
        } else if let Some(near) = nearest(&name.text, known.iter().map(String::as_str)) {
            diagnostic = diagnostic.note(format!("did you mean `{near}`?")).patch(name.span, near);
        } else if known.is_empty() {
            let example = match what {
                "event" => "declare it in the element: `event name(param: u32) [1k]`",
                _ => "declare it in the element: `stream name: Record`",
            };
            diagnostic = diagnostic.note(example);
        } else {
            diagnostic = diagnostic.note(format!("the element has {}", known.join(", ")));
        }
        self.sink.report(diagnostic);
    }
}
