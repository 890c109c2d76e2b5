//! Effect rows: what a handler may do, read off its IR.
//!
//! A row says which state is read, written or updated, in which order and under which keys; which
//! headers are read, changed, put in and taken out; where packets go; whether time is used; and a
//! bound on the cost. It errs on the side of more: what a row does not list cannot happen.
//!
//! The scope of a state object, derived from all its uses, says who shares its entries: that
//! decides how it may be sharded, and later where it may live.

mod cost;
mod exposure;
mod flow;
mod show;
#[cfg(test)]
mod tests;
mod written;

pub use cost::Cost;
pub(crate) use exposure::Value;
pub use exposure::{Exposure, FlowKey, Scope, Source};
pub(crate) use flow::{Arrival, Generated, Passage, join_generated, run};
pub(crate) use show::field_name;
pub use show::handler_head;
pub(crate) use written::Written;

use crate::ir::{
    BinaryOp, Expr, ExprKind, Handler, Meta, Node, Program, StateOp, Stmt, StmtKind, Trigger,
    Update, UpdateOp, reason,
};
use crate::ir_parts::walk_stmts;
use crate::source::Span;
use std::collections::BTreeSet;
use trama_state::StateSpec;
use trama_state::contract::{Effect, Operation};
use trama_wire::header::{FieldRef, HeaderId};

/// The effects of an element instance.
#[derive(Clone, Debug)]
pub struct NodeEffects {
    /// Name of the node.
    pub node: String,
    /// Name of its element.
    pub element: String,
    /// One row for each handler, in source order.
    pub handlers: Vec<EffectRow>,
    /// One for each state object.
    pub states: Vec<StateEffects>,
}

/// How a state object is used by all handlers together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateEffects {
    /// Name of the object.
    pub state: String,
    /// Who shares an entry.
    pub scope: Scope,
    /// Some handler reads it.
    pub read: bool,
    /// Some handler writes it.
    pub written: bool,
    /// Some handler updates it in a way that commutes.
    pub updated: bool,
}

/// What one handler may do, or several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EffectRow {
    /// What runs it: `on lan(ip/tcp)`, `every 1s`, `init`.
    pub handler: String,
    /// Its source.
    pub span: Span,
    /// State operations in source order.
    pub accesses: Vec<Access>,
    /// Header fields read.
    pub reads: BTreeSet<FieldRef>,
    /// Headers whose presence is asked for in the body.
    pub asks: BTreeSet<HeaderId>,
    /// Header fields written.
    pub changes: BTreeSet<FieldRef>,
    /// Headers put in.
    pub inserts: BTreeSet<HeaderId>,
    /// Headers taken out.
    pub removes: BTreeSet<HeaderId>,
    /// Payload bytes are read.
    pub reads_payload: bool,
    /// Payload bytes are written.
    pub changes_payload: bool,
    /// Values of TCP options are written.
    pub changes_options: bool,
    /// The mark is read.
    pub reads_mark: bool,
    /// The mark is written.
    pub changes_mark: bool,
    /// Frames are cut.
    pub truncates: bool,
    /// Packets are copied.
    pub copies: bool,
    /// Names of the ports that packets are sent to.
    pub sends: BTreeSet<String>,
    /// Reasons for which packets may be dropped.
    pub drops: BTreeSet<String>,
    /// The time of the event matters.
    pub uses_time: bool,
    /// Log and alert statements.
    pub logs: bool,
    /// Names of the events that are generated.
    pub generates: BTreeSet<String>,
    /// Names of the streams that records are emitted to.
    pub emits: BTreeSet<String>,
    /// Bound on the work.
    pub cost: Cost,
}

/// One state operation of a handler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Name of the state object.
    pub state: String,
    /// Its index in the node.
    pub index: u32,
    /// Name of the operation.
    pub op: &'static str,
    /// What it does to the object.
    pub kind: AccessKind,
    /// What its key depends on.
    pub exposure: Exposure,
    /// The statement.
    pub span: Span,
}

/// What a state operation does to its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AccessKind {
    /// Leaves it as it is.
    Read,
    /// Changes it in a way that commutes with itself: the order of several does not matter.
    Update,
    /// Changes it.
    Write,
}

/// The effects of every node of a program.
pub fn effects(program: &Program) -> Vec<NodeEffects> {
    program.nodes.iter().map(node_effects).collect()
}

/// The effects of one node.
pub fn node_effects(node: &Node) -> NodeEffects {
    let accesses = flow::accesses(node);
    let handlers = node.handlers.iter().zip(accesses).map(|(h, a)| handler_row(node, h, a));
    let handlers: Vec<EffectRow> = handlers.collect();
    let uses = |index: usize| {
        handlers.iter().zip(&node.handlers).flat_map(move |(row, handler)| {
            let init = handler.trigger == Trigger::Init;
            let own = row.accesses.iter().filter(move |a| a.index as usize == index);
            own.map(move |access| (init, access))
        })
    };
    let states = node.states.iter().enumerate().map(|(i, spec)| StateEffects {
        state: spec.name.clone(),
        scope: exposure::scope(uses(i)),
        read: uses(i).any(|(_, access)| access.kind == AccessKind::Read),
        written: uses(i).any(|(_, access)| access.kind == AccessKind::Write),
        updated: uses(i).any(|(_, access)| access.kind == AccessKind::Update),
    });
    let states = states.collect();
    NodeEffects { node: node.name.clone(), element: node.element.clone(), handlers, states }
}

impl NodeEffects {
    /// All handlers together: what the node may do. The cost is that of the dearest handler.
    pub fn total(&self) -> EffectRow {
        let mut total = EffectRow { handler: self.node.clone(), ..EffectRow::default() };
        for row in &self.handlers {
            total.merge(row);
        }
        total
    }
}

impl EffectRow {
    /// Adds what another row may do.
    pub fn merge(&mut self, other: &Self) {
        self.accesses.extend(other.accesses.iter().cloned());
        self.reads.extend(&other.reads);
        self.asks.extend(&other.asks);
        self.changes.extend(&other.changes);
        self.inserts.extend(&other.inserts);
        self.removes.extend(&other.removes);
        self.reads_payload |= other.reads_payload;
        self.changes_payload |= other.changes_payload;
        self.changes_options |= other.changes_options;
        self.reads_mark |= other.reads_mark;
        self.changes_mark |= other.changes_mark;
        self.truncates |= other.truncates;
        self.copies |= other.copies;
        self.sends.extend(other.sends.iter().cloned());
        self.drops.extend(other.drops.iter().cloned());
        self.uses_time |= other.uses_time;
        self.logs |= other.logs;
        self.generates.extend(other.generates.iter().cloned());
        self.emits.extend(other.emits.iter().cloned());
        self.cost = self.cost.dearer(other.cost);
    }

    fn expr(&mut self, e: &Expr) {
        e.walk(&mut |e| match &e.kind {
            ExprKind::Now => self.uses_time = true,
            ExprKind::Field(_, field) => {
                self.reads.insert(*field);
            }
            ExprKind::Has(_, headers) => self.asks.extend(headers.iter()),
            ExprKind::Payload(..) => self.reads_payload = true,
            ExprKind::Meta(_, Meta::Mark) => self.reads_mark = true,
            _ => {}
        });
    }

    fn stmt(&mut self, node: &Node, stmt: &Stmt) {
        for e in stmt.kind.exprs() {
            self.expr(e);
        }
        match &stmt.kind {
            StmtKind::SetField(_, field, _) => {
                self.changes.insert(*field);
            }
            StmtKind::SetMark(..) => self.changes_mark = true,
            StmtKind::SetPayload(..) => self.changes_payload = true,
            StmtKind::SetTcpOption(..) | StmtKind::SetTcpOptions(..) | StmtKind::ShiftSack(..) => {
                self.changes_options = true;
            }
            StmtKind::Replace(_, old, stack, _) => {
                self.removes.insert(*old);
                self.inserts.extend(stack.iter().map(|(id, _)| *id));
            }
            StmtKind::Insert(_, stack, _) => self.inserts.extend(stack.iter().map(|(id, _)| *id)),
            StmtKind::Remove(_, stack, _) => self.removes.extend(stack),
            StmtKind::Truncate(..) => self.truncates = true,
            StmtKind::Copy(..) => {
                self.copies = true;
                self.drop_for(node, reason::FANOUT);
            }
            StmtKind::Send { first_port, index, count, .. } => {
                self.send(node, *first_port, index.as_ref(), *count);
            }
            StmtKind::Drop(_, reason) => self.drop_for(node, *reason),
            StmtKind::Log(..) => self.logs = true,
            StmtKind::Generate { event, .. } => {
                let event = node.events.get(event.0 as usize);
                self.generates.extend(event.map(|event| event.name.clone()));
                self.uses_time = true;
            }
            StmtKind::Emit(stream, _) => {
                let stream = node.streams.get(stream.0 as usize);
                self.emits.extend(stream.map(|stream| stream.name.clone()));
                self.uses_time = true;
            }
            StmtKind::State(_, StateOp::Call { packet: Some(_), .. }) => self.reads_payload = true,
            StmtKind::Extract { packet, .. } => self.reads_payload |= packet.is_some(),
            _ => {}
        }
    }

    fn send(&mut self, node: &Node, first_port: u32, index: Option<&Expr>, count: u32) {
        let constant = match index.map(|e| &e.kind) {
            None => Some(0),
            Some(ExprKind::Const(value)) => Some(*value),
            Some(_) => None,
        };
        for i in (0..count).filter(|i| constant.is_none_or(|c| c == u128::from(*i))) {
            if let Some(name) = node.ports.get((first_port + i) as usize) {
                self.sends.insert(name.clone());
            }
        }
        if constant.is_none_or(|index| index >= u128::from(count)) && !masked(index, count) {
            self.drop_for(node, reason::NO_PORT);
        }
    }

    fn drop_for(&mut self, node: &Node, reason: u32) {
        self.drops.extend(node.reasons.get(reason as usize).cloned());
    }
}

/// True if an index is taken modulo a number that keeps it below `count`.
fn masked(index: Option<&Expr>, count: u32) -> bool {
    let Some(ExprKind::Binary(op, _, right)) = index.map(|e| &e.kind) else { return false };
    match (op, &right.kind) {
        (BinaryOp::RemU, ExprKind::Const(n)) => (1..=u128::from(count)).contains(n),
        (BinaryOp::And, ExprKind::Const(n)) => *n < u128::from(count),
        _ => false,
    }
}

fn handler_row(node: &Node, handler: &Handler, accesses: Vec<Access>) -> EffectRow {
    let mut row = EffectRow {
        handler: handler_head(node, &handler.trigger),
        span: handler.span,
        cost: cost::body(node, &handler.body),
        ..EffectRow::default()
    };
    if let Trigger::Packet { guard: Some(guard), .. } = &handler.trigger {
        row.expr(guard);
    }
    walk_stmts(&handler.body, &mut |stmt| row.stmt(node, stmt));
    row.accesses = accesses;
    row.uses_time |= row.accesses.iter().any(|a| node.states[a.index as usize].is_timed());
    row
}

/// What an operation does to its object.
pub fn access_kind(spec: &StateSpec, op: &StateOp) -> AccessKind {
    match op {
        StateOp::Call { method, .. } => {
            match spec.contract(Operation::Call(*method)).map(|contract| contract.effect) {
                Some(Effect::Read) => AccessKind::Read,
                Some(Effect::CommutativeUpdate) => AccessKind::Update,
                _ => AccessKind::Write,
            }
        }
        StateOp::MapGet { .. }
        | StateOp::Len(_)
        | StateOp::ArrayGet { .. }
        | StateOp::CounterGet { .. }
        | StateOp::PoolUsed { .. }
        | StateOp::LpmGet { .. }
        | StateOp::MaglevPick { .. } => AccessKind::Read,
        StateOp::MapUpdate { updates, .. } | StateOp::ArrayUpdate { updates, .. } => {
            // Each leaf by an operator of its own.
            let alone = |u: &Update| updates.iter().all(|v| v.leaf != u.leaf || v.op == u.op);
            let commute = updates.iter().all(|u| u.op != UpdateOp::Set && alone(u));
            if commute { AccessKind::Update } else { AccessKind::Write }
        }
        StateOp::Count { .. } | StateOp::MapTouch { .. } | StateOp::PoolTouch { .. } => {
            AccessKind::Update
        }
        StateOp::MapPut { .. }
        | StateOp::MapRemove { .. }
        | StateOp::MapClear
        | StateOp::PoolAlloc { .. }
        | StateOp::PoolTake { .. }
        | StateOp::PoolFree { .. }
        | StateOp::LpmPut { .. }
        | StateOp::LpmRemove { .. }
        | StateOp::BucketTake { .. }
        | StateOp::MaglevSet { .. } => AccessKind::Write,
    }
}
