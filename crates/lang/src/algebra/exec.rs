//! Symbolic execution of a handler: every path at once, joined by choices.
//!
//! What it finds is, for each entry of a state object that the handler changes, the new value as
//! an expression over the old one and the packet. A write is taken to find room: a full table is
//! counted elsewhere, and no class can say what a refused write would have been.

mod methods;

use super::sym::{FOUND, Old, Sym, is_input};
use crate::ir::{
    BinaryOp, Expr, ExprKind, Handler, Label, LocalId, Node, StateId, StateOp, Stmt, StmtKind,
    Update, UpdateOp,
};
use crate::ir_parts::walk_stmts;
use crate::source::Span;
use std::collections::{BTreeMap, BTreeSet};
use trama_state::StateKind;

/// Most rounds of a loop that is followed round by round.
const ROUNDS_MAX: u128 = 32;

/// An entry of a state object that a handler names.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    /// Index of the object in the node.
    pub(super) object: u32,
    /// The key or index.
    pub(super) key: Vec<Sym>,
}

/// What an entry holds.
#[derive(Clone, Debug)]
pub(super) struct Content {
    pub(super) value: Vec<Sym>,
    pub(super) found: Sym,
    /// The statement that changed it last.
    pub(super) span: Span,
}

/// What a handler does to state.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) cells: Vec<Cell>,
    /// Contents at the end of the cells that were changed.
    pub(super) changed: BTreeMap<u32, Content>,
    /// Objects whose changes are not of entries, or not analysed, and why.
    pub(super) opaque: Vec<(u32, &'static str, Span)>,
    /// Objects that are emptied.
    pub(super) cleared: BTreeSet<u32>,
    /// Objects whose old contents decide about something else than themselves.
    pub(super) observed: BTreeSet<u32>,
    /// What the locals hold where the handler ends.
    pub(super) locals: Vec<Sym>,
}

#[derive(Clone, Debug)]
struct Env {
    locals: Vec<Sym>,
    contents: BTreeMap<u32, Content>,
    /// Conditions under which this path is still followed.
    guards: Vec<Sym>,
    /// How often the packet has been changed.
    version: u32,
}

/// A path that left by `Break` or, without a label, by `Return`.
struct Exit {
    label: Option<Label>,
    condition: Sym,
    env: Env,
}

pub(super) struct Executor<'n> {
    node: &'n Node,
    out: Outcome,
    path: Vec<Sym>,
    unknowns: u32,
}

/// Runs a handler; `inputs` are locals that the caller fills.
pub(super) fn run(node: &Node, handler: &Handler, inputs: &[LocalId]) -> Outcome {
    let mut executor = Executor { node, out: Outcome::default(), path: Vec::new(), unknowns: 0 };
    let local = |(id, &width): (usize, &u8)| {
        let id = LocalId(id as u32);
        if inputs.contains(&id) {
            let expr = Expr { kind: ExprKind::Local(id), width };
            Sym::input(expr, 0, handler.span)
        } else {
            Sym::constant(0, width)
        }
    };
    let env = Env {
        locals: handler.locals.iter().enumerate().map(local).collect(),
        contents: BTreeMap::new(),
        guards: Vec::new(),
        version: 0,
    };
    let (end, exits) = executor.body(&handler.body, env);
    if let Some(env) = join(end, exits) {
        executor.out.changed = env.contents;
        executor.out.locals = env.locals;
    }
    executor.out
}

/// The paths that come together where some fell through and others left before.
fn join(end: Option<Env>, exits: Vec<Exit>) -> Option<Env> {
    exits.into_iter().rev().fold(end, |later, exit| {
        Some(match later {
            None => exit.env,
            Some(later) => merge(&exit.condition, exit.env, later),
        })
    })
}

/// `yes` where the condition holds, else `no`.
fn merge(condition: &Sym, yes: Env, no: Env) -> Env {
    let pick = |a: &Sym, b: &Sym| Sym::select(condition.clone(), a.clone(), b.clone(), a.span());
    let mut contents = BTreeMap::new();
    let keys: BTreeSet<u32> = yes.contents.keys().chain(no.contents.keys()).copied().collect();
    for key in keys {
        let sides = (yes.contents.get(&key), no.contents.get(&key));
        let Some(shape) = sides.0.or(sides.1) else { continue };
        let before = untouched(key, shape);
        let (a, b) = (sides.0.unwrap_or(&before), sides.1.unwrap_or(&before));
        let value = a.value.iter().zip(&b.value).map(|(a, b)| pick(a, b)).collect();
        let found = pick(&a.found, &b.found);
        contents.insert(key, Content { value, found, span: shape.span });
    }
    let locals = yes.locals.iter().zip(&no.locals).map(|(a, b)| pick(a, b)).collect();
    let version = yes.version.max(no.version);
    let shared = yes.guards.iter().filter(|guard| no.guards.contains(guard)).cloned().collect();
    Env { locals, contents, guards: shared, version }
}

/// A cell as it was before the handler, of the same shape.
fn untouched(cell: u32, shape: &Content) -> Content {
    let span = shape.span;
    let leaf =
        |(leaf, s): (usize, &Sym)| Sym::old(Old { cell, leaf: leaf as u32 }, s.width(), span);
    let value = shape.value.iter().enumerate().map(leaf).collect();
    let found = match shape.found.known() {
        // Entries of arrays and counters are always there.
        Some(1) if shape.value.is_empty() => shape.found.clone(),
        _ => Sym::old(Old { cell, leaf: FOUND }, 1, span),
    };
    Content { value, found, span }
}

impl Executor<'_> {
    fn body(&mut self, stmts: &[Stmt], env: Env) -> (Option<Env>, Vec<Exit>) {
        let (mut now, mut exits) = (Some(env), Vec::new());
        for stmt in stmts {
            let Some(env) = now.take() else { break };
            let (next, left) = self.stmt(stmt, env);
            exits.extend(left);
            now = next;
        }
        (now, exits)
    }

    fn stmt(&mut self, stmt: &Stmt, mut env: Env) -> (Option<Env>, Vec<Exit>) {
        let span = stmt.span;
        match &stmt.kind {
            StmtKind::Assign(id, value) => {
                env.locals[id.0 as usize] = self.expr(value, &env, span);
            }
            StmtKind::If(condition, yes, no) => {
                return self.branch(condition, (yes, no), env, span);
            }
            StmtKind::Block(label, body) => {
                let (end, exits) = self.body(body, env);
                let (own, others) = exits.into_iter().partition(|e| e.label == Some(*label));
                return (join(end, own), others);
            }
            StmtKind::Break(label) => return leave(Some(*label), env),
            StmtKind::Return => return leave(None, env),
            StmtKind::Loop { .. } => return self.repeat(stmt, env),
            // What is read out of a packet is an input like its fields.
            StmtKind::Extract { args, results, .. } => {
                let args: Vec<Sym> = args.iter().map(|e| self.expr(e, &env, span)).collect();
                for id in results {
                    let width = env.locals[id.0 as usize].width();
                    let name = Expr { kind: ExprKind::Local(*id), width };
                    env.locals[id.0 as usize] = Sym::apply(&name, args.clone(), span);
                }
            }
            StmtKind::ForEach { state, .. } => {
                self.out.observed.insert(state.0);
                self.forget(stmt, &mut env, "a loop over a map is not followed");
            }
            StmtKind::State(id, op) => self.state(*id, op, &mut env, span),
            other => {
                let operands: Vec<Sym> =
                    other.exprs().into_iter().map(|e| self.expr(e, &env, span)).collect();
                self.observe(&operands, &env, None);
                env.version += u32::from(changes_packet(other));
                self.forget(stmt, &mut env, "it depends on what became of the packet");
            }
        }
        (Some(env), Vec::new())
    }

    fn branch(
        &mut self,
        condition: &Expr,
        (yes, no): (&[Stmt], &[Stmt]),
        env: Env,
        span: Span,
    ) -> (Option<Env>, Vec<Exit>) {
        let condition = self.expr(condition, &env, span);
        if let Some(known) = condition.known() {
            return self.body(if known == 1 { yes } else { no }, env);
        }
        let side = |this: &mut Self, stmts: &[Stmt], condition: &Sym| {
            this.path.push(condition.clone());
            let (end, mut exits) = this.body(stmts, env.clone());
            this.path.pop();
            for exit in &mut exits {
                let both = exit.condition.clone();
                exit.condition = Sym::binary(BinaryOp::And, condition.clone(), both, span);
            }
            (end, exits)
        };
        let (then, mut exits) = side(self, yes, &condition);
        let (or, left) = side(self, no, &condition.clone().not(span));
        let any_left = !exits.is_empty() || !left.is_empty();
        exits.extend(left);
        let mut end = match (then, or) {
            (Some(then), Some(or)) => Some(merge(&condition, then, or)),
            (one, other) => one.or(other),
        };
        if let Some(env) = &mut end
            && any_left
        {
            env.guards.push(condition);
        }
        (end, exits)
    }

    fn repeat(&mut self, stmt: &Stmt, mut env: Env) -> (Option<Env>, Vec<Exit>) {
        let StmtKind::Loop { label, continue_label, var, from, to, bound, body } = &stmt.kind
        else {
            return (Some(env), Vec::new());
        };
        let ends =
            (self.expr(from, &env, stmt.span).known(), self.expr(to, &env, stmt.span).known());
        let rounds = match ends {
            (Some(from), Some(to)) => to.saturating_sub(from).min(u128::from(*bound)),
            _ => u128::MAX,
        };
        if rounds > ROUNDS_MAX {
            self.forget(stmt, &mut env, "a loop with many rounds is not followed");
            return (Some(env), Vec::new());
        }
        let (mut now, mut ended, mut outer) = (Some(env), Vec::new(), Vec::new());
        for round in 0..rounds {
            let Some(mut env) = now.take() else { break };
            let value = ends.0.unwrap_or(0) + round;
            env.locals[var.0 as usize] = Sym::constant(value, 64);
            let (end, exits) = self.body(body, env);
            let (own, rest): (Vec<_>, Vec<_>) =
                exits.into_iter().partition(|e| e.label == Some(*continue_label));
            now = join(end, own);
            let (breaks, rest): (Vec<_>, Vec<_>) =
                rest.into_iter().partition(|e| e.label == Some(*label));
            ended.extend(breaks);
            outer.extend(rest);
        }
        if let Some(env) = &mut now {
            env.locals[var.0 as usize] = Sym::constant(ends.0.unwrap_or(0) + rounds, 64);
        }
        (join(now, ended), outer)
    }

    /// Takes a statement for one of which only is known what it may touch.
    fn forget(&mut self, stmt: &Stmt, env: &mut Env, why: &'static str) {
        let stmts = std::slice::from_ref(stmt);
        walk_stmts(stmts, &mut |inner| {
            for id in inner.kind.assigns() {
                let width = env.locals[id.0 as usize].width();
                env.locals[id.0 as usize] = self.unknown(why, width, inner.span);
            }
            if let StmtKind::State(id, op) = &inner.kind {
                let spec = &self.node.states[id.0 as usize];
                if crate::effects::access_kind(spec, op) == crate::effects::AccessKind::Read {
                    self.out.observed.insert(id.0);
                } else {
                    self.out.opaque.push((id.0, why, inner.span));
                }
            }
        });
    }

    fn unknown(&mut self, why: &'static str, width: u8, span: Span) -> Sym {
        self.unknowns += 1;
        Sym::unknown(self.unknowns, why, width, span)
    }

    /// Takes note of the objects, other than `except`, whose old contents these values, or the
    /// way to here, depend on.
    fn observe(&mut self, values: &[Sym], env: &Env, except: Option<u32>) {
        let conditions = self.path.iter().chain(&env.guards);
        let (cells, observed) = (&self.out.cells, &mut self.out.observed);
        for value in values.iter().chain(conditions) {
            value.walk(&mut |part| {
                if let super::sym::Kind::Old(old) = part.kind() {
                    let object = cells[old.cell as usize].object;
                    if Some(object) != except {
                        observed.insert(object);
                    }
                }
            });
        }
    }

    fn expr(&mut self, e: &Expr, env: &Env, span: Span) -> Sym {
        let width = e.width;
        match &e.kind {
            ExprKind::Const(value) => Sym::constant(*value, width),
            ExprKind::Local(id) => env.locals[id.0 as usize].clone(),
            ExprKind::Binary(op, a, b) => {
                let (a, b) = (self.expr(a, env, span), self.expr(b, env, span));
                Sym::binary(*op, a, b, span)
            }
            ExprKind::Not(a) => self.expr(a, env, span).not(span),
            ExprKind::Cast(a) => self.expr(a, env, span).cast(width, span),
            ExprKind::SignExtend(a) => self.expr(a, env, span).sign_extend(width, span),
            ExprKind::Select(c, a, b) => {
                let c = self.expr(c, env, span);
                Sym::select(c, self.expr(a, env, span), self.expr(b, env, span), span)
            }
            // The time is the same for the whole event.
            ExprKind::Now => Sym::input(e.clone(), 0, span),
            _ if is_input(e) => Sym::input(e.clone(), env.version, span),
            _ => {
                let parts: Vec<Sym> =
                    e.parts().into_iter().map(|part| self.expr(part, env, span)).collect();
                Sym::apply(e, parts, span)
            }
        }
    }

    // --- State ---

    fn cell(&mut self, object: StateId, key: &[Expr], env: &Env, span: Span) -> u32 {
        let key: Vec<Sym> = key.iter().map(|e| self.expr(e, env, span)).collect();
        self.observe(&key, env, None);
        let known = self.out.cells.iter().position(|c| c.object == object.0 && c.key == key);
        known.unwrap_or_else(|| {
            self.out.cells.push(Cell { object: object.0, key });
            self.out.cells.len() - 1
        }) as u32
    }

    fn content(&self, cell: u32, env: &Env, span: Span) -> Content {
        if let Some(content) = env.contents.get(&cell) {
            return content.clone();
        }
        let spec = &self.node.states[self.out.cells[cell as usize].object as usize];
        let widths: &[u8] = match spec.kind {
            StateKind::Counter { .. } => &[64, 64],
            StateKind::Sketch { .. } | StateKind::Histogram { .. } => &[64],
            _ => &spec.value.0,
        };
        let old =
            |(leaf, &width): (usize, &u8)| Sym::old(Old { cell, leaf: leaf as u32 }, width, span);
        let found = match spec.kind {
            StateKind::Map { .. } | StateKind::Bloom { .. } => {
                Sym::old(Old { cell, leaf: FOUND }, 1, span)
            }
            _ => Sym::constant(1, 1),
        };
        Content { value: widths.iter().enumerate().map(old).collect(), found, span }
    }

    fn read(
        &self,
        cell: u32,
        found: Option<LocalId>,
        value: &[LocalId],
        env: &mut Env,
        span: Span,
    ) {
        let content = self.content(cell, env, span);
        if let Some(found) = found {
            env.locals[found.0 as usize] = content.found;
        }
        for (id, leaf) in value.iter().zip(content.value) {
            env.locals[id.0 as usize] = leaf;
        }
    }

    fn update(&mut self, cell: u32, updates: &[Update], env: &mut Env, span: Span) {
        let mut content = self.content(cell, env, span);
        let operands: Vec<Sym> = updates.iter().map(|u| self.expr(&u.operand, env, span)).collect();
        let object = self.out.cells[cell as usize].object;
        self.observe(&operands, env, Some(object));
        for (update, operand) in updates.iter().zip(operands) {
            let leaf = &mut content.value[update.leaf as usize];
            *leaf = combine(update.op, leaf.clone(), operand, span);
        }
        content.found = Sym::constant(1, 1);
        env.contents.insert(cell, Content { span, ..content });
    }

    /// What all entries begin anew after is no update of one.
    fn clear(&mut self, id: StateId, env: &mut Env) {
        let own = self.out.cells.iter().map(|cell| cell.object == id.0);
        let own: Vec<u32> =
            (0..).zip(own).filter(|(_, is_own)| *is_own).map(|(cell, _)| cell).collect();
        env.contents.retain(|cell, _| !own.contains(cell));
        self.out.cleared.insert(id.0);
    }

    fn state(&mut self, id: StateId, op: &StateOp, env: &mut Env, span: Span) {
        match op {
            StateOp::MapGet { key, found, value } => {
                let cell = self.cell(id, key, env, span);
                self.read(cell, Some(*found), value, env, span);
            }
            StateOp::ArrayGet { index, value } => {
                let cell = self.cell(id, std::slice::from_ref(index), env, span);
                self.read(cell, None, value, env, span);
            }
            StateOp::CounterGet { index, packets, bytes } => {
                let cell = self.cell(id, std::slice::from_ref(index), env, span);
                self.read(cell, None, &[*packets, *bytes], env, span);
            }
            StateOp::MapUpdate { key, updates, ok } => {
                let cell = self.cell(id, key, env, span);
                self.update(cell, updates, env, span);
                env.locals[ok.0 as usize] = Sym::constant(1, 1);
            }
            StateOp::ArrayUpdate { index, updates } => {
                let cell = self.cell(id, std::slice::from_ref(index), env, span);
                self.update(cell, updates, env, span);
            }
            StateOp::Count { index, bytes } => {
                let cell = self.cell(id, std::slice::from_ref(index), env, span);
                let add = |leaf, operand| Update { leaf, op: UpdateOp::Add, operand };
                let one = Expr { kind: ExprKind::Const(1), width: 64 };
                self.update(cell, &[add(0, one), add(1, bytes.clone())], env, span);
            }
            StateOp::MapPut { key, value, ok } => {
                let cell = self.cell(id, key, env, span);
                let value: Vec<Sym> = value.iter().map(|e| self.expr(e, env, span)).collect();
                self.observe(&value, env, Some(id.0));
                env.contents.insert(cell, Content { value, found: Sym::constant(1, 1), span });
                env.locals[ok.0 as usize] = Sym::constant(1, 1);
            }
            StateOp::MapTouch { key, found } => {
                let cell = self.cell(id, key, env, span);
                self.read(cell, Some(*found), &[], env, span);
            }
            StateOp::MapRemove { key, found } => {
                let cell = self.cell(id, key, env, span);
                self.read(cell, Some(*found), &[], env, span);
                let shape = self.content(cell, env, span);
                let value = shape.value.iter().map(|s| Sym::constant(0, s.width())).collect();
                let found = Sym::constant(0, 1);
                env.contents.insert(cell, Content { value, found, span });
            }
            StateOp::MapClear => self.clear(id, env),
            StateOp::Call { .. } => self.call(id, op, env, span),
            _ => {
                let why = "the object does not consist of independent entries";
                let stmt = Stmt { kind: StmtKind::State(id, op.clone()), span };
                self.forget(&stmt, env, why);
            }
        }
    }
}

const fn changes_packet(kind: &StmtKind) -> bool {
    use StmtKind as S;
    !matches!(kind, S::Log(..) | S::Emit(..) | S::Generate { .. } | S::Send { .. } | S::Drop(..))
}

fn leave(label: Option<Label>, env: Env) -> (Option<Env>, Vec<Exit>) {
    (None, vec![Exit { label, condition: Sym::constant(1, 1), env }])
}

/// The new value of a leaf.
fn combine(op: UpdateOp, old: Sym, operand: Sym, span: Span) -> Sym {
    let less = |a: &Sym, b: &Sym| Sym::binary(BinaryOp::LtU, a.clone(), b.clone(), span);
    match op {
        UpdateOp::Set => operand,
        UpdateOp::Add => Sym::binary(BinaryOp::Add, old, operand, span),
        UpdateOp::Or => Sym::binary(BinaryOp::Or, old, operand, span),
        UpdateOp::And => Sym::binary(BinaryOp::And, old, operand, span),
        UpdateOp::Xor => Sym::binary(BinaryOp::Xor, old, operand, span),
        UpdateOp::Max => Sym::select(less(&old, &operand), operand, old, span),
        UpdateOp::Min => Sym::select(less(&operand, &old), operand, old, span),
    }
}
