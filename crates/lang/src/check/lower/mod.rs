//! One pass from syntax to IR: names, types, header facts, ownership of packets and lowering.
//!
//! [`Lowerer`] holds the element being lowered and, while it lowers a handler, the handler's
//! registers, scopes and flow. Each file below adds one concern to it.
//!
//! **Order of evaluation** is left to right. Expressions of the IR are pure, so everything with an
//! effect becomes a statement when it is met, with its results in fresh locals; an operand that
//! was read before and that such a statement may change is copied to a local first
//! ([`Lowerer::protect`]).

mod assign;
mod builtin;
mod bytes;
mod call;
mod clobber;
mod control;
mod convert;
mod coverage;
mod entries;
mod event;
mod expr;
mod fuse;
mod handler;
mod log;
mod logic;
mod method;
mod name;
mod operator;
mod packet;
mod pattern;
mod port;
mod property;
mod stack;
mod state;
mod stmt;

use super::declare::StateType;
use super::flow::Flow;
use super::fold;
use super::items::Items;
use super::sink::Sink;
use super::types::Type;
use super::value::{Tables, Value};
use crate::ir::{self, Expr, LocalId, PacketId, StateId, StmtKind};
use crate::source::Span;
use crate::syntax::ast;
use std::collections::{BTreeMap, BTreeSet};
use trama_wire::header::HeaderId;

/// Most statements that a handler may expand to.
pub const STATEMENTS_MAX: usize = 16_384;

/// Most levels of nested blocks, expressions and expanded calls.
pub const DEPTH_MAX: u32 = 200;

/// A typed value: its leaves as pure expressions.
#[derive(Clone, Debug)]
pub(super) struct Val {
    /// Type.
    pub(super) ty: Type,
    /// One expression for each leaf; none if the type is silent.
    pub(super) leaves: Vec<Expr>,
}

impl Val {
    fn unit() -> Self {
        Self { ty: Type::Unit, leaves: Vec::new() }
    }

    fn never() -> Self {
        Self { ty: Type::Never, leaves: Vec::new() }
    }

    fn error() -> Self {
        Self { ty: Type::Error, leaves: Vec::new() }
    }

    fn scalar(ty: Type, leaf: Expr) -> Self {
        Self { ty, leaves: vec![leaf] }
    }

    fn truth(leaf: Expr) -> Self {
        Self::scalar(Type::Bool, leaf)
    }

    /// All leaves zero.
    fn zero(ty: Type) -> Self {
        let leaves = ty.widths().into_iter().map(|width| fold::constant(0, width)).collect();
        Self { ty, leaves }
    }

    fn constant(value: &Value) -> Self {
        let ty = value.ty();
        let leaves = value.leaves().into_iter().zip(ty.widths());
        Self { leaves: leaves.map(|(leaf, width)| fold::constant(leaf, width)).collect(), ty }
    }

    /// The only leaf, or a zero of that width if the value was reported as wrong.
    fn leaf(self, width: u8) -> Expr {
        let leaf = self.leaves.into_iter().next();
        leaf.unwrap_or_else(|| fold::constant(0, width))
    }
}

/// What a name stands for inside a body.
#[derive(Clone, Debug)]
enum Bound {
    /// A value; assignable if it is `mut`, its leaves are then locals.
    Value { value: Val, mutable: bool },
    /// A packet variable: index into [`Lowerer::packets`].
    Packet(usize),
    /// A table or text given to a function.
    Constant(Value),
}

/// A name in scope.
#[derive(Clone, Debug)]
struct Binding {
    name: String,
    span: Span,
    bound: Bound,
    used: bool,
    assigned: bool,
}

/// A packet variable.
#[derive(Clone, Debug)]
struct PacketVar {
    name: String,
    register: PacketId,
    span: Span,
    /// The handler's pattern, which a suggested edit can extend.
    pattern: Option<ast::Pattern>,
}

/// A state object of the element.
#[derive(Clone, Debug)]
pub(super) struct StateVar {
    /// Where it is in the node.
    pub(super) id: StateId,
    /// What it is.
    pub(super) ty: StateType,
}

/// An event of the element.
#[derive(Clone, Debug)]
pub(super) struct EventVar {
    /// Where it is in the node.
    pub(super) id: ir::EventId,
    /// Types of its parameters.
    pub(super) params: Vec<Type>,
    /// Its declaration.
    pub(super) span: Span,
}

/// A stream of records of the element.
#[derive(Clone, Debug)]
pub(super) struct StreamVar {
    /// Where it is in the node.
    pub(super) id: ir::StreamId,
    /// Type of its records.
    pub(super) ty: Type,
}

/// A declared port or port array.
#[derive(Clone, Debug)]
pub(super) struct PortVar {
    /// Index of the first in the node.
    pub(super) first: u32,
    /// Length of the array; `None` for a single port.
    pub(super) count: Option<u32>,
    /// Its name in the declaration.
    pub(super) span: Span,
}

/// A function that is being expanded.
#[derive(Debug)]
struct Frame {
    name: String,
    result: Option<Type>,
    /// Locals that `return` writes.
    result_locals: Vec<LocalId>,
    label: ir::Label,
    /// Flows that left by `return`.
    returns: Vec<(Flow, Span)>,
    /// Packet variables before the body.
    packets_before: usize,
}

/// A loop that is being lowered.
#[derive(Debug)]
struct LoopFrame {
    label: ir::Label,
    continue_label: ir::Label,
    /// Flows that left by `break`.
    breaks: Vec<(Flow, Span)>,
    /// Flows that ended a round by `continue`.
    continues: Vec<(Flow, Span)>,
    /// Packet variables before the body.
    packets_before: usize,
    /// Functions being expanded around it.
    frames_before: usize,
}

/// What was used of an element, for warnings.
#[derive(Debug, Default)]
pub(super) struct Used {
    /// Parameters, constants and state objects by name.
    pub(super) names: BTreeSet<String>,
    /// Functions of the element.
    pub(super) fns: BTreeSet<String>,
    /// Ports.
    pub(super) ports: BTreeSet<String>,
    /// Events that are generated.
    pub(super) generated: BTreeSet<String>,
    /// Streams that records are emitted to.
    pub(super) emitted: BTreeSet<String>,
}

/// Lowers an element, or evaluates a constant.
pub(super) struct Lowerer<'a> {
    pub(super) items: &'a Items<'a>,
    pub(super) tables: &'a dyn Tables,
    pub(super) sink: &'a mut Sink,
    /// Parameters and constants of the element.
    pub(super) env: &'a BTreeMap<String, Value>,
    pub(super) states: BTreeMap<String, StateVar>,
    pub(super) ports: BTreeMap<String, PortVar>,
    pub(super) events: BTreeMap<String, EventVar>,
    pub(super) streams: BTreeMap<String, StreamVar>,
    pub(super) fns: BTreeMap<&'a str, &'a ast::Fn>,
    /// Names that were declared but whose declaration was reported: silent.
    pub(super) broken: BTreeSet<String>,
    pub(super) used: Used,
    /// Types of the names that were bound, if somebody asks.
    pub(super) bound: Option<Vec<(String, Type)>>,
    /// What is being built: states, tables, reasons, log sites.
    pub(super) node: ir::Node,
    /// Names that the entries of the loop that begins are compared by.
    compared: Vec<String>,
    /// True while a handler of packets is lowered.
    in_packet_handler: bool,
    /// True while a function outside of the element is expanded: it sees nothing of the element.
    in_global_fn: bool,
    /// True while a constant is evaluated: nothing but values is there.
    constant_only: bool,

    code: Vec<ir::Stmt>,
    /// Statements emitted so far in this handler.
    statements: usize,
    /// The handler was reported as too long.
    is_too_long: bool,
    /// Packets and headers that were reported as absent.
    missing_headers: Vec<(usize, HeaderId)>,
    /// The handler was reported as too deep.
    is_too_deep: bool,
    locals: Vec<u8>,
    /// Which locals are written more than once in an evaluation.
    mutable: Vec<bool>,
    packets: Vec<PacketVar>,
    registers: u32,
    labels: u32,
    bindings: Vec<Binding>,
    /// Bindings before this one belong to a caller.
    visible_from: usize,
    flow: Flow,
    frames: Vec<Frame>,
    loops: Vec<LoopFrame>,
    /// Pattern sets whose matches loops around this place run over.
    searching: Vec<StateId>,
    depth: u32,
    /// Places of the statements being lowered, for what expressions emit.
    span: Span,
}

impl<'a> Lowerer<'a> {
    /// A lowerer for an element with these parameters.
    pub(super) fn new(
        items: &'a Items<'a>,
        env: &'a BTreeMap<String, Value>,
        tables: &'a dyn Tables,
        sink: &'a mut Sink,
    ) -> Self {
        Self {
            items,
            tables,
            sink,
            env,
            states: BTreeMap::new(),
            ports: BTreeMap::new(),
            events: BTreeMap::new(),
            streams: BTreeMap::new(),
            fns: BTreeMap::new(),
            broken: BTreeSet::new(),
            used: Used::default(),
            bound: None,
            node: ir::Node::default(),
            compared: Vec::new(),
            in_packet_handler: false,
            in_global_fn: false,
            constant_only: false,
            code: Vec::new(),
            statements: 0,
            is_too_long: false,
            missing_headers: Vec::new(),
            is_too_deep: false,
            locals: Vec::new(),
            mutable: Vec::new(),
            packets: Vec::new(),
            registers: 0,
            labels: 0,
            bindings: Vec::new(),
            visible_from: 0,
            flow: Flow::start(),
            frames: Vec::new(),
            loops: Vec::new(),
            searching: Vec::new(),
            depth: 0,
            span: Span::default(),
        }
    }

    /// A lowerer for one constant expression.
    pub(super) fn for_constant(
        items: &'a Items<'a>,
        env: &'a BTreeMap<String, Value>,
        tables: &'a dyn Tables,
        sink: &'a mut Sink,
    ) -> Self {
        Self { constant_only: true, ..Self::new(items, env, tables, sink) }
    }

    /// Type and leaves of a constant expression; reports and gives `None` if it is not constant.
    pub(super) fn constant_leaves(
        &mut self,
        expr: &ast::Expr,
        expected: Option<&Type>,
    ) -> Option<(Type, Vec<u128>)> {
        let value = match expected {
            Some(ty) => self.expr_as(expr, ty),
            None => self.expr(expr, None),
        };
        if value.ty.is_silent() {
            return None;
        }
        if value.ty == Type::Unit {
            self.sink.error("E0206", "a value is needed here", expr.span, "this has none");
            return None;
        }
        let leaves: Option<Vec<_>> = value.leaves.iter().map(fold::known).collect();
        if leaves.is_none() {
            let message = "this must be known before the program runs";
            self.sink.error("E0206", message, expr.span, "not a constant");
        }
        leaves.map(|leaves| (value.ty, leaves))
    }

    // --- Emission ---

    fn emit(&mut self, kind: StmtKind) {
        self.emit_at(kind, self.span);
    }

    fn emit_at(&mut self, kind: StmtKind, span: Span) {
        self.statements += 1;
        self.code.push(ir::Stmt { kind, span });
    }

    /// Lowers something into a list of its own.
    fn nested<T>(&mut self, lower: impl FnOnce(&mut Self) -> T) -> (Vec<ir::Stmt>, T) {
        let outer = std::mem::take(&mut self.code);
        let result = lower(self);
        (std::mem::replace(&mut self.code, outer), result)
    }

    fn fresh(&mut self, width: u8) -> LocalId {
        self.locals.push(width);
        self.mutable.push(false);
        LocalId((self.locals.len() - 1) as u32)
    }

    fn fresh_all(&mut self, ty: &Type) -> Vec<LocalId> {
        ty.widths().into_iter().map(|width| self.fresh(width)).collect()
    }

    fn fresh_label(&mut self) -> ir::Label {
        self.labels += 1;
        ir::Label(self.labels - 1)
    }

    fn fresh_register(&mut self) -> PacketId {
        self.registers += 1;
        PacketId(self.registers - 1)
    }

    fn read(&self, id: LocalId) -> Expr {
        fold::local(id, self.locals[id.0 as usize])
    }

    /// A value whose leaves are these locals.
    fn read_all(&self, ty: Type, ids: &[LocalId]) -> Val {
        Val { ty, leaves: ids.iter().map(|&id| self.read(id)).collect() }
    }

    /// Copies an expression to a fresh local.
    fn spill(&mut self, expr: Expr) -> Expr {
        let id = self.fresh(expr.width);
        self.emit(StmtKind::Assign(id, expr));
        self.read(id)
    }

    /// An expression that costs nothing to repeat: a constant, or a local.
    fn simple(&mut self, expr: Expr) -> Expr {
        match expr.kind {
            ir::ExprKind::Const(_) | ir::ExprKind::Local(_) => expr,
            _ => self.spill(expr),
        }
    }

    /// The value with leaves that keep their values whatever happens later.
    fn stable(&mut self, value: Val) -> Val {
        let leaves = value.leaves.into_iter().map(|leaf| self.stable_leaf(leaf)).collect();
        Val { ty: value.ty, leaves }
    }

    fn stable_leaf(&mut self, leaf: Expr) -> Expr {
        match leaf.kind {
            ir::ExprKind::Const(_) => leaf,
            ir::ExprKind::Local(id) if !self.mutable[id.0 as usize] => leaf,
            _ => self.spill(leaf),
        }
    }

    /// Writes the leaves of a value to locals, in `code`.
    fn assign_all(code: &mut Vec<ir::Stmt>, to: &[LocalId], value: &Val, span: Span) {
        for (&id, leaf) in to.iter().zip(&value.leaves) {
            code.push(ir::Stmt { kind: StmtKind::Assign(id, leaf.clone()), span });
        }
    }

    // --- Scopes ---

    fn bind(&mut self, name: &ast::Ident, bound: Bound) {
        if let (Some(known), Bound::Value { value, .. }) = (&mut self.bound, &bound) {
            known.push((name.text.clone(), value.ty.clone()));
        }
        match &bound {
            Bound::Value { value, .. } => self.sink.note_type(name.span, &value.ty),
            Bound::Packet(index) => self.note_packet(*index, name.span),
            Bound::Constant(value) => self.sink.note_type(name.span, &value.ty()),
        }
        self.bindings.push(Binding {
            name: name.text.clone(),
            span: name.span,
            bound,
            used: name.text.starts_with('_'),
            assigned: false,
        });
    }

    /// Takes note of what is known about a packet where it is named.
    fn note_packet(&mut self, packet: usize, span: Span) {
        if let Some(state) = self.flow.packets.get(packet) {
            self.sink.note_headers(span, state.facts.present());
        }
    }

    /// Lowers something in a scope of its own: what it binds ends with it.
    fn scoped<T>(&mut self, end: Span, lower: impl FnOnce(&mut Self) -> T) -> T {
        let (bindings, packets) = (self.bindings.len(), self.packets.len());
        let result = lower(self);
        self.leave_scope(bindings, packets, end);
        result
    }

    fn leave_scope(&mut self, bindings: usize, packets: usize, end: Span) {
        self.require_gone(packets, end, "the block ends here");
        self.packets.truncate(packets);
        self.flow.packets.truncate(packets);
        for binding in self.bindings.split_off(bindings) {
            self.warn_unused(&binding);
        }
    }

    fn warn_unused(&mut self, binding: &Binding) {
        if binding.used || self.constant_only {
            return;
        }
        if let Bound::Value { value, .. } = &binding.bound
            && !value.ty.is_silent()
        {
            let message = if binding.assigned {
                format!("`{}` is assigned but never read", binding.name)
            } else {
                format!("`{}` is never used", binding.name)
            };
            self.sink.report(
                crate::diagnostic::Diagnostic::warning("W0101", message, binding.span, "unused")
                    .note("a leading `_` in its name says that this is intended"),
            );
        }
    }

    /// Goes one level deeper; false, with a message, if that is too deep.
    fn descend(&mut self, span: Span) -> bool {
        if self.depth >= DEPTH_MAX {
            let message = format!("nested more than {DEPTH_MAX} levels deep");
            if !std::mem::replace(&mut self.is_too_deep, true) {
                self.sink.error("E0603", message, span, "too deep; use a `let` or a function");
            }
            return false;
        }
        self.depth += 1;
        true
    }
}

/// The last byte of a block: its closing brace.
fn closing(span: Span) -> Span {
    Span { start: span.end.saturating_sub(1).max(span.start), ..span }
}
