//! `insert`, `remove` and `replace`: changing which headers a packet has.

use super::{Lowerer, Val};
use crate::check::facts::Facts;
use crate::check::flow::{Flow, How, Own};
use crate::check::walk::{self, Node};
use crate::diagnostic::Diagnostic;
use crate::ir::{Expr, LocalId, StmtKind, reason};
use crate::source::Span;
use crate::syntax::ast::{self, ExprKind};
use std::collections::BTreeSet;
use trama_wire::header::{FieldRef, HeaderId};
use trama_wire::replace::may_replace;
use trama_wire::stack::{may_begin, may_follow};

impl Lowerer<'_> {
    /// `insert stack into p [else { … }]`
    pub(super) fn insert(
        &mut self,
        stack: &[ast::HeaderLiteral],
        packet: &ast::Ident,
        otherwise: Option<&ast::Block>,
        span: Span,
    ) {
        let headers = self.literals(stack);
        let sound = headers.as_ref().is_some_and(|headers| self.stack_is_sound(&headers.names));
        let Some(index) = self.require_packet(packet) else { return };
        let held = self.require_held(index, packet.span);
        let Some(headers) = headers.filter(|_| held && sound) else {
            return self.failed_change(index, otherwise);
        };
        let before = &self.flow.packets[index].facts;
        let after =
            if headers.is_shaped() { Facts::any() } else { before.after_insert(&headers.ids()) };
        let ok = self.fresh(1);
        let register = self.packets[index].register;
        self.emit_at(StmtKind::Insert(register, headers.stack(), ok), span);
        self.after_change((index, ok), after, otherwise, span);
    }

    /// `replace old with stack in p [else { … }]`
    pub(super) fn replace(
        &mut self,
        (old, stack): (&ast::Ident, &[ast::HeaderLiteral]),
        packet: &ast::Ident,
        otherwise: Option<&ast::Block>,
        span: Span,
    ) {
        let header = self.header(old);
        let headers = self.literals(stack);
        let mut sound = match (header, &headers) {
            (Some(header), Some(new)) => may_replace(header, &new.ids()),
            _ => true,
        };
        if !sound {
            let message = format!("these headers cannot take the place of `{}`", old.text);
            self.sink.report(
                Diagnostic::error("E0304", message, old.span, "what replaces it?").note(
                    "`ip` and `ip6` are replaced with `ip`, `ip6` or `ip6/frag6`; \
                     `inner` and `inner6` with each other",
                ),
            );
        }
        let Some(index) = self.require_packet(packet) else { return };
        let held = self.require_held(index, packet.span);
        sound = sound && header.is_none_or(|header| self.require_header(index, header, old.span));
        let (Some(header), Some(headers)) = (header, headers.filter(|_| held && sound)) else {
            return self.failed_change(index, otherwise);
        };
        let before = &self.flow.packets[index].facts;
        let after = if headers.is_shaped() {
            Facts::any()
        } else {
            before.after_replace(header, &headers.ids())
        };
        let ok = self.fresh(1);
        let register = self.packets[index].register;
        self.emit_at(StmtKind::Replace(register, header, headers.stack(), ok), span);
        self.after_change((index, ok), after, otherwise, span);
    }

    /// Goes on after a change of headers that was reported as wrong.
    fn failed_change(&mut self, index: usize, otherwise: Option<&ast::Block>) {
        // What is known of the headers now is not known.
        self.headers_changed(index, Facts::any());
        if let Some(otherwise) = otherwise {
            self.or_else(crate::check::fold::truth(true), otherwise);
        }
    }

    /// The headers of a stack with the values of their fields; `None` if there is an unknown one.
    fn literals(&mut self, stack: &[ast::HeaderLiteral]) -> Option<Headers> {
        let mut headers = Headers::default();
        let mut known = true;
        for literal in stack {
            match self.header(&literal.header) {
                // What a program declares itself is not put in; that is reported of the stack.
                Some(header) if usize::from(header.0) >= HeaderId::COUNT => {
                    headers.fields.push(Vec::new());
                    headers.names.push((header, literal.header.span));
                }
                Some(header) => {
                    let fields = self.header_fields(header, literal, &mut headers.values);
                    headers.fields.push(fields.into_iter().map(|field| field.0).collect());
                    headers.names.push((header, literal.header.span));
                }
                None => known = false,
            }
        }
        known.then_some(headers)
    }

    /// The fields of a header literal; their values, each of its field's type, go to `values`.
    fn header_fields(
        &mut self,
        header: HeaderId,
        literal: &ast::HeaderLiteral,
        values: &mut Vec<Val>,
    ) -> Vec<(FieldRef, Span)> {
        let mut fields: Vec<(FieldRef, Span)> = Vec::new();
        for (name, expr) in &literal.fields {
            let Some(field) = header.field(&name.text) else {
                self.unknown_header_field(header, &[name]);
                continue;
            };
            if fields.iter().any(|known| known.0 == field) {
                let message = format!("the field `{}` is given twice", name.text);
                self.sink.error("E0211", message, name.span, "given again");
                continue;
            }
            let mark = self.code.len();
            let ty = super::property::field_type(field);
            let mut value = self.expr_as(expr, &ty);
            if value.leaves.is_empty() {
                value = Val::zero(ty);
            }
            for earlier in values.iter_mut() {
                self.protect(earlier, mark);
            }
            values.push(value);
            fields.push((field, name.span));
        }
        fields
    }

    /// `remove headers from p [else { … }]`
    pub(super) fn remove(
        &mut self,
        headers: &[ast::Ident],
        packet: &ast::Ident,
        otherwise: Option<&ast::Block>,
        span: Span,
    ) {
        let mut stack = Vec::new();
        let mut sound = true;
        for name in headers {
            match self.header(name) {
                Some(header) => stack.push((header, name.span)),
                None => sound = false,
            }
        }
        sound = sound && self.stack_is_sound(&stack);
        let Some(index) = self.require_packet(packet) else { return };
        let ids: Vec<HeaderId> = stack.iter().map(|header| header.0).collect();
        let facts = self.flow.packets[index].facts.clone();
        if sound && let Some(&absent) = ids.iter().find(|&&id| facts.absent().has(id)) {
            if self.flow.reachable {
                let name = &packet.text;
                let message = format!("`{name}` has no `{}` header here", absent.def().name);
                self.sink.error("E0301", message, span, "there is nothing to remove");
            }
            sound = false;
        }
        if !self.require_held(index, packet.span) || !sound {
            return self.failed_change(index, otherwise);
        }
        let after = facts.after_remove(&ids);
        let ok = self.fresh(1);
        self.emit_at(StmtKind::Remove(self.packets[index].register, ids, ok), span);
        self.after_change((index, ok), after, otherwise, span);
    }

    /// True if the headers can stand on each other as a stack; else reports.
    fn stack_is_sound(&mut self, stack: &[(HeaderId, Span)]) -> bool {
        let Some(&(first, first_span)) = stack.first() else { return false };
        let declared = stack.iter().find(|(id, _)| usize::from(id.0) >= HeaderId::COUNT);
        if let Some((id, span)) = declared {
            let name = self.items.header_name(*id);
            let message = format!("`{name}` is part of the payload: it cannot come or go");
            self.sink.report(
                Diagnostic::error("E0304", message, *span, "a declared header")
                    .note("its fields can be written where it is"),
            );
            return false;
        }
        if !may_begin(first) {
            let name = first.def().name;
            let message = format!("a stack cannot begin with `{name}`");
            self.sink.report(
                Diagnostic::error("E0304", message, first_span, "it needs a header before it")
                    .note("a stack begins with `eth`, `vlan`, `arp`, `ip` or `ip6`"),
            );
            return false;
        }
        for pair in stack.windows(2) {
            let [(below, _), (above, span)] = pair else { continue };
            if !may_follow(*below, *above) {
                let (below, above) = (below.def().name, above.def().name);
                let message = format!("`{above}` cannot stand on `{below}`");
                self.sink.error("E0304", message, *span, format!("not directly behind `{below}`"));
                return false;
            }
        }
        true
    }

    /// What follows a change that may be impossible: the `else`, or the end of the handler.
    fn after_change(
        &mut self,
        (index, ok): (usize, LocalId),
        after: Facts,
        otherwise: Option<&ast::Block>,
        span: Span,
    ) {
        let base = self.flow.clone();
        let (code, end) = match otherwise {
            Some(otherwise) => {
                let (code, _) = self.nested(|this| this.block(otherwise, None, false));
                (code, super::closing(otherwise.span))
            }
            None => {
                let (code, ()) = self.nested(|this| this.give_up(index, span));
                self.flow.reachable = false;
                (code, span)
            }
        };
        let failed = std::mem::replace(&mut self.flow, base.clone());
        self.headers_changed(index, after);
        let done = std::mem::replace(&mut self.flow, Flow::start());
        self.flow = Flow::merge(&base, [(done, span), (failed, end)]);
        let ok = self.read(ok);
        self.emit_at(StmtKind::If(ok, Vec::new(), code), span);
    }

    /// Drops every packet that is held and ends the handler.
    fn give_up(&mut self, index: usize, span: Span) {
        for other in 0..self.packets.len() {
            match self.flow.packets[other].own {
                Own::Held => {
                    let register = self.packets[other].register;
                    self.emit_at(StmtKind::Drop(register, reason::UNFIT), span);
                    self.consume(other, span, How::Dropped);
                }
                Own::MaybeGone { .. } if other != index => {
                    let name = self.packets[other].name.clone();
                    let message = format!("this may fail, and `{name}` may still be held then");
                    self.sink.report(
                        Diagnostic::error("E0403", message, span, "the handler would end here")
                            .note("say what happens then: add `else { … }`"),
                    );
                    self.flow.packets[other].own = Own::Reported;
                }
                _ => {}
            }
        }
        self.emit_at(StmtKind::Return, span);
    }

    /// True if a block may change which headers some packet has: by a statement, or by a function
    /// that it calls.
    pub(super) fn may_change_headers(&self, block: &ast::Block) -> bool {
        let mut seen = BTreeSet::new();
        let mut found = false;
        let mut blocks = vec![block];
        while let Some(block) = blocks.pop() {
            walk::block(block, &mut |node| match node {
                Node::Stmt(stmt) => {
                    let kind = &stmt.kind;
                    found |= matches!(
                        kind,
                        ast::StmtKind::Insert { .. }
                            | ast::StmtKind::Remove { .. }
                            | ast::StmtKind::Replace { .. }
                    );
                }
                Node::Expr(expr) => match &expr.kind {
                    ExprKind::Method(_, name, _) => found |= name.text == "truncate",
                    ExprKind::Call(name, _) if seen.insert(name.text.as_str()) => {
                        let own = self.fns.get(name.text.as_str());
                        let called = own.or_else(|| self.items.fns.get(name.text.as_str()));
                        blocks.extend(called.map(|function| &function.body));
                    }
                    _ => {}
                },
            });
        }
        found
    }
}

/// A stack of headers to put in.
#[derive(Default)]
struct Headers {
    /// From the outermost in, with the place in the source.
    names: Vec<(HeaderId, Span)>,
    /// The fields that are given, for each header.
    fields: Vec<Vec<FieldRef>>,
    /// Their values, in one list.
    values: Vec<Val>,
}

impl Headers {
    fn ids(&self) -> Vec<HeaderId> {
        self.names.iter().map(|name| name.0).collect()
    }

    /// True if a field is given that decides how what follows it is parsed.
    fn is_shaped(&self) -> bool {
        let last = self.fields.len().saturating_sub(1);
        let mut headers = self.fields.iter().enumerate();
        headers.any(|(i, fields)| fields.iter().any(|&field| shapes_parsing(field, i == last)))
    }

    fn stack(self) -> Vec<(HeaderId, Vec<(FieldRef, Expr)>)> {
        let mut leaves = self.values.into_iter().map(|value| value.leaf(1));
        let named = self.names.into_iter().zip(self.fields);
        named
            .map(|((id, _), fields)| (id, fields.into_iter().zip(leaves.by_ref()).collect()))
            .collect()
    }
}

/// True for fields that decide how what follows them is parsed; `is_last`: no header of the same
/// stack does.
fn shapes_parsing(field: FieldRef, is_last: bool) -> bool {
    let link = matches!(field.header, HeaderId::ETH | HeaderId::VLAN | HeaderId::VLAN2);
    match field.def().name {
        "dst" => field.header == HeaderId::UDP && !is_last,
        "has_checksum" | "has_key" | "has_seq" => true,
        "version" | "ihl" | "len" | "frag" | "proto" | "next" | "offset" => true,
        "type" => link,
        _ => false,
    }
}
