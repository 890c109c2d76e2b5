//! Statements: one run of one handler.

use super::event::{Flying, World};
use super::expr::{Packets, Scope, mask};
use super::observe::{Observer, Seen};
use crate::ir::{
    Expr, Extract, Handler, Label, LocalId, Node, PacketId, Program, Stmt, StmtKind, Trigger,
};
use crate::source::Span;
use trama_wire::packet::Packet;

/// A handler while it runs.
pub(super) struct Run<'a, O> {
    pub(super) program: &'a Program,
    pub(super) world: &'a mut World<O>,
    pub(super) node_index: u32,
    handler: &'a Handler,
    locals: Vec<u128>,
    pub(super) packets: Vec<Option<Flying>>,
    /// Handlers that a packet sent from here has passed, this one included.
    pub(super) hops: u32,
}

/// How control goes on after a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    /// With the next statement.
    Next,
    /// Behind the block or loop with this label.
    Break(Label),
    /// Nowhere: the handler ends.
    Return,
}

impl Packets for [Option<Flying>] {
    fn packet(&self, id: PacketId) -> Option<&Packet> {
        self[id.0 as usize].as_ref().map(|flying| &*flying.frame)
    }
}

impl<'a, O: Observer> Run<'a, O> {
    /// A handler about to run, with its input packet and the index within its port array.
    pub(super) fn new(
        program: &'a Program,
        world: &'a mut World<O>,
        node_index: u32,
        handler_index: u32,
        input: Option<Flying>,
        array_index: u32,
    ) -> Self {
        let handler = &program.nodes[node_index as usize].handlers[handler_index as usize];
        world.see(|| Seen::Handler {
            packet: input.as_ref().map(|p| p.no),
            node: node_index,
            handler: handler_index,
        });
        let hops = input.as_ref().map_or(0, |p| p.hops) + 1;
        let mut locals = vec![0; handler.locals.len()];
        if let Trigger::Packet { index_local: Some(local), .. } = handler.trigger {
            let width = handler.locals[local.0 as usize];
            locals[local.0 as usize] = u128::from(array_index) & mask(width);
        }
        let mut packets: Vec<Option<Flying>> = (0..handler.packets).map(|_| None).collect();
        if let Some(input) = input {
            packets[0] = Some(input);
        }
        Self { program, world, node_index, handler, locals, packets, hops }
    }

    /// Runs it to its end.
    pub(super) fn run(mut self) {
        self.list(&self.handler.body);
        for register in 0..self.packets.len() {
            self.forget(PacketId(register as u32));
        }
    }

    /// The node whose handler runs.
    pub(super) fn node(&self) -> &'a Node {
        &self.program.nodes[self.node_index as usize]
    }

    /// The value of an expression.
    pub(super) fn eval(&self, expr: &Expr) -> u128 {
        self.scope().eval(expr)
    }

    /// The values of several expressions.
    pub(super) fn eval_all(&self, exprs: &[Expr]) -> Vec<u128> {
        self.scope().eval_all(exprs)
    }

    fn scope(&self) -> Scope<'_, [Option<Flying>]> {
        Scope {
            now: self.world.now,
            tables: &self.node().tables,
            locals: &self.locals,
            packets: &self.packets[..],
        }
    }

    /// Stores a value in a local.
    pub(super) fn assign(&mut self, local: LocalId, value: u128) {
        let width = self.handler.locals[local.0 as usize];
        debug_assert_eq!(value & !mask(width), 0, "a value fits its local");
        self.locals[local.0 as usize] = value & mask(width);
    }

    fn list(&mut self, stmts: &[Stmt]) -> Flow {
        for stmt in stmts {
            let flow = self.stmt(stmt);
            if flow != Flow::Next {
                return flow;
            }
        }
        Flow::Next
    }

    fn stmt(&mut self, stmt: &Stmt) -> Flow {
        let span = stmt.span;
        match &stmt.kind {
            StmtKind::Assign(local, expr) => {
                let value = self.eval(expr);
                self.assign(*local, value);
                self.world.see(|| Seen::Assigned { span, local: *local, value });
            }
            StmtKind::If(condition, then, or) => {
                let taken = self.eval(condition) == 1;
                self.world.see(|| Seen::Branch { span, taken });
                return self.list(if taken { then } else { or });
            }
            StmtKind::Loop { label, continue_label, var, from, to, bound, body } => {
                return self.repeat([*label, *continue_label], *var, [from, to], *bound, body);
            }
            StmtKind::Block(label, body) => {
                return match self.list(body) {
                    Flow::Break(to) if to == *label => Flow::Next,
                    flow => flow,
                };
            }
            StmtKind::Break(label) => return Flow::Break(*label),
            StmtKind::Return => return Flow::Return,

            StmtKind::SetField(p, field, value) => self.set_field(*p, *field, value, span),
            StmtKind::SetMark(p, value) => self.set_mark(*p, value, span),
            StmtKind::SetPayload(p, offset, value) => self.set_payload(*p, offset, value, span),
            StmtKind::SetTcpOption(p, opt, value) => self.set_tcp_option(*p, *opt, value, span),
            StmtKind::Insert(p, stack, ok) => self.insert(*p, stack, *ok, span),
            StmtKind::Remove(p, stack, ok) => self.remove(*p, stack, *ok, span),
            StmtKind::Truncate(p, len) => self.truncate(*p, len, span),
            StmtKind::Copy(to, from) => self.copy(*to, *from, span),
            StmtKind::Send { packet, first_port, index, count } => {
                let index = index.as_ref().map_or(0, |index| self.eval(index));
                self.send(*packet, *first_port, index, *count, span);
            }
            StmtKind::Drop(p, reason) => self.drop(*p, *reason, span),
            StmtKind::Log(site, args) => self.log(*site, args, span),
            StmtKind::State(state, op) => self.state(*state, op, span),
            StmtKind::Extract { packet, extract, args, results } => {
                self.extract(*packet, *extract, args, results, span);
            }
        }
        Flow::Next
    }

    /// A loop: labels that end it and its round, variable, first value and first beyond.
    fn repeat(
        &mut self,
        [label, continue_label]: [Label; 2],
        var: LocalId,
        [from, to]: [&Expr; 2],
        bound: u32,
        body: &[Stmt],
    ) -> Flow {
        let (from, to) = (self.eval(from), self.eval(to));
        self.assign(var, from);
        for _ in 0..bound {
            let value = self.locals[var.0 as usize];
            if value >= to {
                break;
            }
            match self.list(body) {
                Flow::Next => {}
                Flow::Break(at) if at == continue_label => {}
                Flow::Break(at) if at == label => return Flow::Next,
                flow => return flow,
            }
            self.assign(var, (value + 1) & mask(64));
        }
        Flow::Next
    }

    fn extract(
        &mut self,
        packet: Option<PacketId>,
        extract: Extract,
        args: &[Expr],
        results: &[LocalId],
        span: Span,
    ) {
        let args = self.eval_all(args);
        let mut values = vec![0; results.len()];
        let given = packet.and_then(|p| self.packets.packet(p));
        if packet.is_none() || given.is_some() {
            extract.run(given, &args, &mut values);
        }
        for (local, value) in results.iter().zip(&values) {
            self.assign(*local, *value);
        }
        self.world.see(|| Seen::Extracted { span, extract, values: &values });
    }

    fn log(&mut self, site: u32, args: &[Expr], span: Span) {
        let args = self.eval_all(args);
        let (now, node) = (self.world.now, self.node_index);
        let log_site = &self.node().log_sites[site as usize];
        let written = self.world.logs.write(now, node, site, log_site, &args);
        self.world.see(|| Seen::Log { span, node, site, args: &args, written });
    }
}
