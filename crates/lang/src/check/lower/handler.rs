//! Handlers: from a member of an element to one or several handlers of the IR.

use super::{Bound, Lowerer, STATEMENTS_MAX, Val, closing};
use crate::check::facts::Facts;
use crate::check::flow::Flow;
use crate::check::types::Type;
use crate::check::{fold, headers};
use crate::ir::{Expr, ExprKind, Handler, LocalId, PacketId, Trigger};
use crate::source::Span;
use crate::syntax::ast;
use trama_base::Nanos;
use trama_wire::header::HeaderSet;

impl Lowerer<'_> {
    /// Forgets the handler that was lowered last.
    pub(super) fn begin(&mut self) {
        self.code.clear();
        self.statements = 0;
        self.is_too_long = false;
        self.missing_headers.clear();
        self.is_too_deep = false;
        self.locals.clear();
        self.mutable.clear();
        self.packets.clear();
        self.registers = 0;
        self.labels = 0;
        self.bindings.clear();
        self.visible_from = 0;
        self.in_packet_handler = false;
        self.in_global_fn = false;
        self.flow = Flow::start();
        self.frames.clear();
        self.loops.clear();
        self.depth = 0;
    }

    pub(super) fn finish(&mut self, trigger: Trigger, span: Span) {
        if self.statements > STATEMENTS_MAX {
            self.too_long(span);
        }
        super::fuse::fuse(&mut self.code);
        self.node.handlers.push(Handler {
            trigger,
            locals: std::mem::take(&mut self.locals),
            packets: self.registers,
            body: std::mem::take(&mut self.code),
            span,
        });
    }

    /// `init { … }`
    pub(in crate::check) fn init_handler(&mut self, body: &ast::Block, span: Span) {
        self.begin();
        self.block(body, None, false);
        self.finish(Trigger::Init, span);
    }

    /// `every period { … }`
    pub(in crate::check) fn timer(&mut self, period: &ast::Expr, body: &ast::Block, span: Span) {
        self.begin();
        let value = self.const_expr(period, &Type::Duration).and_then(|v| v.as_u64());
        if value == Some(0) {
            let message = "a timer needs a period longer than zero";
            self.sink.error("E0803", message, period.span, "would fire without end");
        }
        self.block(body, None, false);
        let period = Nanos(value.unwrap_or(0).max(1));
        self.finish(Trigger::Timer { period }, span);
    }

    /// `on a, b[i](p: pattern) { … }`: one handler for each port, with one body.
    pub(in crate::check) fn packet_handler(&mut self, on: &ast::On, span: Span) {
        self.begin();
        self.in_packet_handler = true;
        let ports = self.handler_ports(on);
        let patterns = self.header_pattern(&on.pattern);
        let facts = patterns.as_deref().map_or_else(Facts::any, super::logic::facts_of);
        self.declare_packet(&on.packet, facts, Some(on.pattern.clone()));
        if patterns.is_none() {
            // The pattern was reported: what the headers are is not known.
            self.flow.packets[0].own = crate::check::flow::Own::Reported;
        }
        let mut index_locals: Vec<(String, LocalId)> = Vec::new();
        for (_, index) in &on.ports {
            let Some(index) = index else { continue };
            if index_locals.iter().any(|known| known.0 == index.text) {
                continue;
            }
            let local = self.fresh(64);
            let value = Val::scalar(Type::Uint(64), self.read(local));
            self.bind(index, Bound::Value { value, mutable: false });
            index_locals.push((index.text.clone(), local));
        }
        self.block(&on.body, None, false);
        self.leave_scope(0, 0, closing(on.body.span));
        let (Some(ports), Some(patterns)) = (ports, patterns) else { return };
        let guard = self.handler_guard(&patterns);
        self.finish(Trigger::Init, span);
        let Some(whole) = self.node.handlers.pop() else { return };
        for (first_port, port_count, name) in ports {
            let index_local = name
                .and_then(|name| index_locals.iter().find(|known| known.0 == name))
                .map(|known| known.1);
            let guard = guard.clone();
            let patterns = patterns.iter().map(|pattern| headers::of_table(*pattern)).collect();
            let trigger = Trigger::Packet { first_port, port_count, index_local, patterns, guard };
            self.node.handlers.push(Handler { trigger, ..whole.clone() });
        }
    }

    /// What a packet with the table's headers of a pattern must satisfy to have declared ones too.
    fn handler_guard(&self, patterns: &[HeaderSet]) -> Option<Expr> {
        let input = PacketId(0);
        let conditions: Vec<Option<Expr>> = patterns
            .iter()
            .map(|pattern| headers::condition(&self.items.headers, *pattern, input))
            .collect();
        if conditions.iter().all(Option::is_none) {
            return None;
        }
        let alternatives = patterns.iter().zip(conditions).map(|(pattern, condition)| {
            let below = headers::of_table(*pattern);
            let has = Expr { kind: ExprKind::Has(input, below), width: 1 };
            fold::both(has, condition.unwrap_or_else(|| fold::truth(true)))
        });
        Some(fold::any(alternatives))
    }

    /// First port, number of ports and name of the index, of each port of a handler.
    fn handler_ports(&mut self, on: &ast::On) -> Option<Vec<(u32, u32, Option<String>)>> {
        let mut ports = Vec::new();
        let mut sound = true;
        for (name, index) in &on.ports {
            let Some(port) = self.require_port(name) else {
                sound = false;
                continue;
            };
            if let (None, Some(index)) = (port.count, index) {
                let message = format!("`{}` is a single port", name.text);
                self.sink.error("E0106", message, index.span, "it has no index");
                sound = false;
            }
            let name = index.as_ref().map(|index| index.text.clone());
            ports.push((port.first, port.count.unwrap_or(1), name));
        }
        sound.then_some(ports)
    }
}
