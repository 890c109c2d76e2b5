//! What the keys of state operations depend on: an abstract run of a handler.
//!
//! Each local and each written header field has a [`Value`]. Both arms of an `If` are run and
//! joined; a loop runs until nothing changes. A value assigned under a condition depends on the
//! condition too, and so does one assigned where only some paths still arrive (behind a `Break`),
//! up to the end of the block that the break leaves.

use super::exposure::{Exposure, Source, Value, exposure};
use super::{Access, AccessKind, access_kind};
use crate::ir::{
    Expr, ExprKind, Handler, Label, LocalId, Meta, Node, PacketId, StateId, StateOp, Stmt,
    StmtKind, Trigger,
};
use crate::ir_parts::walk_stmts;
use std::collections::{BTreeMap, BTreeSet};
use trama_state::contract::{self, Operation};
use trama_state::{Method, StateSpec};
use trama_wire::header::{FieldRef, HeaderId, HeaderSet};

/// The state operations of each handler of a node, in source order.
///
/// What the parameters of an event are depends on where it is generated: the handlers are run until
/// nothing more comes of that.
pub(super) fn accesses(node: &Node) -> Vec<Vec<Access>> {
    let mut generated = vec![None; node.events.len()];
    loop {
        let before = generated.clone();
        let all = node.handlers.iter().map(|h| of_handler(node, h, &mut generated)).collect();
        if generated == before {
            return all;
        }
    }
}

/// The arguments with which each event of a node is generated, as far as they are known; none if it
/// is not.
type Generated = [Option<Vec<Value>>];

fn of_handler(node: &Node, handler: &Handler, generated: &mut Generated) -> Vec<Access> {
    let mut flow = Flow {
        node,
        only: only_protocol(&handler.trigger),
        breaks: BTreeMap::new(),
        order: BTreeMap::new(),
        accesses: BTreeMap::new(),
        rounds: Vec::new(),
        generated,
    };
    walk_stmts(&handler.body, &mut |stmt| {
        let place = flow.order.len();
        flow.order.insert(address(stmt), place);
    });
    let mut env = Env {
        locals: vec![Value::constant(); handler.locals.len()],
        packets: vec![Written::default(); handler.packets as usize],
        control: BTreeSet::new(),
    };
    if let Trigger::Packet { index_local: Some(local), .. } = handler.trigger {
        env.locals[local.0 as usize] = Value::of(Source::Port);
    }
    if let Trigger::Event { event, params } = &handler.trigger {
        let given = flow.generated[event.0 as usize].iter().flatten();
        params.iter().zip(given).for_each(|(l, value)| env.locals[l.0 as usize] = value.clone());
    }
    flow.list(&handler.body, Some(env));
    flow.accesses.into_values().collect()
}

/// The transport protocol of every packet that the handler sees, if it is one.
fn only_protocol(trigger: &Trigger) -> Option<HeaderId> {
    let Trigger::Packet { patterns, .. } = trigger else { return None };
    [HeaderId::TCP, HeaderId::UDP]
        .into_iter()
        .find(|id| !patterns.is_empty() && patterns.iter().all(|pattern| pattern.has(*id)))
}

/// What is known at a point of the program.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Env {
    locals: Vec<Value>,
    packets: Vec<Written>,
    /// What decides that this point is reached, as far as it decides values that are joined later.
    control: BTreeSet<Source>,
}

/// What was written to a packet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Written {
    fields: BTreeMap<FieldRef, Value>,
    mark: Option<Value>,
    /// Headers moved: fields are no longer those that the packet brought.
    rebuilt: bool,
}

impl Env {
    /// What holds on both of two paths.
    fn join(mut self, other: Self) -> Self {
        let mut other_locals = other.locals.into_iter();
        for local in &mut self.locals {
            let theirs = other_locals.next().unwrap_or_default();
            *local = std::mem::take(local).or(theirs);
        }
        for (ours, theirs) in self.packets.iter_mut().zip(other.packets) {
            ours.join(theirs);
        }
        self.control.extend(other.control);
        self
    }

    fn assign(&mut self, local: LocalId, value: Value) {
        self.locals[local.0 as usize] = value.under(&self.control);
    }
}

impl Written {
    fn join(&mut self, other: Self) {
        self.rebuilt |= other.rebuilt;
        // A field that only one path wrote is, on the other, what the packet brought.
        for field in other.fields.keys().chain(&self.fields.keys().copied().collect::<Vec<_>>()) {
            let brought = || Value::of(Source::Field(*field));
            let ours = self.fields.get(field).cloned().unwrap_or_else(brought);
            let theirs = other.fields.get(field).cloned().unwrap_or_else(brought);
            self.fields.insert(*field, ours.or(theirs));
        }
        self.mark = match (self.mark.take(), other.mark) {
            (None, None) => None,
            (ours, theirs) => {
                let brought = || Value::of(Source::Property);
                Some(ours.unwrap_or_else(brought).or(theirs.unwrap_or_else(brought)))
            }
        };
    }

    /// The value of a field: as written, or as the packet brought it. A write to a field that
    /// overlaps (`tcp.flags` and `tcp.flags.syn`, `l4.src` and `tcp.src`) mixes in.
    fn read(&self, field: FieldRef) -> Value {
        if self.rebuilt {
            return Value::of(Source::Rebuilt);
        }
        if let Some(value) = self.fields.get(&field) {
            return value.clone();
        }
        let own = Value::of(Source::Field(field));
        let overlapping: Vec<Value> = self
            .fields
            .iter()
            .filter(|(other, _)| overlap(field, **other))
            .map(|(_, value)| value.clone())
            .collect();
        if overlapping.is_empty() {
            return own;
        }
        Value::mixed(overlapping.into_iter().chain([own]))
    }

    /// A write leaves what it overlaps as a mixture.
    fn write(&mut self, field: FieldRef, value: Value) {
        let overlapped: Vec<FieldRef> =
            self.fields.keys().copied().filter(|other| overlap(field, *other)).collect();
        for other in overlapped {
            let mixture = Value::mixed([self.read(other), value.clone()]);
            self.fields.insert(other, mixture);
        }
        self.fields.insert(field, value);
    }
}

/// True if two different fields share bits.
fn overlap(a: FieldRef, b: FieldRef) -> bool {
    let ports = [HeaderId::TCP, HeaderId::UDP, HeaderId::L4];
    let place = |id: HeaderId| if ports.contains(&id) { HeaderId::L4 } else { id };
    let end = |f: FieldRef| f.def().bit + u16::from(f.def().width);
    a != b && place(a.header) == place(b.header) && a.def().bit < end(b) && b.def().bit < end(a)
}

struct Flow<'a> {
    node: &'a Node,
    only: Option<HeaderId>,
    /// What holds where a label's block or loop is left.
    breaks: BTreeMap<u32, Env>,
    /// Place of each statement in source order, by its address.
    order: BTreeMap<usize, usize>,
    /// By the statement's place. The body of a loop is run several times: the last run, which
    /// knows most, stands.
    accesses: BTreeMap<usize, Access>,
    /// The loops around this place that take all entries of a map: it, and the locals of the key.
    rounds: Vec<(StateId, &'a [LocalId])>,
    generated: &'a mut Generated,
}

impl<'a> Flow<'a> {
    /// Runs a list; nothing comes out where no path arrives at its end.
    fn list(&mut self, stmts: &'a [Stmt], mut env: Option<Env>) -> Option<Env> {
        for stmt in stmts {
            env = self.stmt(stmt, env?);
        }
        env
    }

    fn stmt(&mut self, stmt: &'a Stmt, mut env: Env) -> Option<Env> {
        match &stmt.kind {
            StmtKind::If(condition, then, or) => return self.branch(condition, then, or, env),
            StmtKind::Loop { .. } => return self.repeat(&stmt.kind, env),
            StmtKind::ForEach { .. } => return self.for_each(stmt, env),
            StmtKind::Block(label, body) => {
                let control = env.control.clone();
                let through = self.list(body, Some(env));
                let out = join(through, self.breaks.remove(&label.0));
                return settle(out, control, escapes(body, &[*label]));
            }
            StmtKind::Break(label) => {
                let joined = join(self.breaks.remove(&label.0), Some(env));
                self.breaks.extend(joined.map(|env| (label.0, env)));
                return None;
            }
            StmtKind::Return => return None,
            StmtKind::Assign(local, e) => {
                let value = eval(e, &env);
                env.assign(*local, value);
            }
            StmtKind::SetField(p, field, e) => {
                let value = eval(e, &env).under(&env.control);
                env.packets[p.0 as usize].write(*field, value);
            }
            StmtKind::SetMark(p, e) => {
                let value = eval(e, &env).under(&env.control);
                env.packets[p.0 as usize].mark = Some(value);
            }
            StmtKind::Insert(p, _, ok)
            | StmtKind::Remove(p, _, ok)
            | StmtKind::Replace(p, _, _, ok) => {
                env.packets[p.0 as usize].rebuilt = true;
                env.assign(*ok, Value::of(Source::Property));
            }
            StmtKind::Truncate(p, _) => env.packets[p.0 as usize].rebuilt = true,
            StmtKind::Copy(to, from) => {
                env.packets[to.0 as usize] = env.packets[from.0 as usize].clone();
            }
            StmtKind::State(id, op) => self.state(*id, op, stmt, &mut env),
            // The lengths that go with them; addresses and ports stay what they are.
            StmtKind::SetTcpOptions(p, _) => {
                for (header, name) in
                    [(HeaderId::IP, "len"), (HeaderId::IP6, "len"), (HeaderId::TCP, "offset")]
                {
                    let field = header.field(name).expect("the header table has it");
                    env.packets[p.0 as usize].write(field, Value::of(Source::Property));
                }
            }
            StmtKind::Extract { packet, args, results, .. } => {
                let payload = packet.map(|_| Value::of(Source::Payload));
                let args: Vec<Value> = args.iter().map(|e| eval(e, &env)).collect();
                let value = Value::mixed(args.into_iter().chain(payload));
                results.iter().for_each(|local| env.assign(*local, value.clone()));
            }
            StmtKind::Generate { event, args, ok, .. } => {
                let args = args.iter().map(|e| eval(e, &env));
                let known = &mut self.generated[event.0 as usize];
                *known = Some(match known.take() {
                    Some(known) => known.into_iter().zip(args).map(|(a, b)| a.or(b)).collect(),
                    None => args.collect(),
                });
                // Whether there is room depends on all that was generated before.
                env.assign(*ok, Value::of(Source::Property));
            }
            StmtKind::SetPayload(..)
            | StmtKind::Emit(..)
            | StmtKind::SetTcpOption(..)
            | StmtKind::ShiftSack(..)
            | StmtKind::Send { .. }
            | StmtKind::Drop(..)
            | StmtKind::Log(..) => {}
        }
        Some(env)
    }

    fn branch(
        &mut self,
        condition: &'a Expr,
        then: &'a [Stmt],
        or: &'a [Stmt],
        mut env: Env,
    ) -> Option<Env> {
        let before = env.control.clone();
        env.control.extend(eval(condition, &env).sources);
        let escapes = escapes(then, &[]) || escapes(or, &[]);
        let taken = self.list(then, Some(env.clone()));
        let not_taken = self.list(or, Some(env));
        settle(join(taken, not_taken), before, escapes)
    }

    fn repeat(&mut self, stmt: &'a StmtKind, mut env: Env) -> Option<Env> {
        let StmtKind::Loop { var, from, to, .. } = stmt else {
            return Some(env);
        };
        let before = env.control.clone();
        let bounds = Value::mixed([eval(from, &env), eval(to, &env)]);
        env.control.extend(bounds.sources.clone());
        env.assign(*var, bounds);
        self.repeated(stmt, env, before)
    }

    /// A loop over a map: which entries there are, in which order, depends on all of it.
    fn for_each(&mut self, stmt: &'a Stmt, mut env: Env) -> Option<Env> {
        let StmtKind::ForEach { state, key, value, top, .. } = &stmt.kind else {
            return Some(env);
        };
        let access = Access {
            state: self.node.states[state.0 as usize].name.clone(),
            index: state.0,
            op: "each",
            kind: AccessKind::Read,
            exposure: if top.is_some() { Exposure::Global } else { Exposure::Each },
            span: stmt.span,
        };
        self.accesses.insert(self.order[&address(stmt)], access);
        let before = env.control.clone();
        env.control.insert(Source::State(state.0));
        for local in key.iter().chain(value) {
            env.assign(*local, Value::of(Source::State(state.0)));
        }
        if top.is_some() {
            return self.repeated(&stmt.kind, env, before);
        }
        self.rounds.push((*state, key));
        let out = self.repeated(&stmt.kind, env, before);
        self.rounds.pop();
        out
    }

    /// The rounds of a loop, whose variables have their values; `before` is what decided that the
    /// loop is reached.
    fn repeated(&mut self, stmt: &'a StmtKind, env: Env, before: BTreeSet<Source>) -> Option<Env> {
        let (StmtKind::Loop { label, continue_label, body, .. }
        | StmtKind::ForEach { label, continue_label, body, .. }) = stmt
        else {
            return Some(env);
        };
        let mut head = env;
        loop {
            let through = self.list(body, Some(head.clone()));
            let round = join(through, self.breaks.remove(&continue_label.0));
            let next = join(Some(head.clone()), round)?;
            if next == head {
                break;
            }
            self.breaks.remove(&label.0);
            head = next;
        }
        let out = join(Some(head), self.breaks.remove(&label.0));
        settle(out, before, escapes(body, &[*label, *continue_label]))
    }

    fn state(&mut self, id: StateId, op: &StateOp, stmt: &'a Stmt, env: &mut Env) {
        let spec = &self.node.states[id.0 as usize];
        let key: Vec<Value> = match op {
            // What all keys share is no one key's.
            StateOp::Call { method, .. } if !names_entry(spec, *method) => Vec::new(),
            _ => op.key().into_iter().map(|e| eval(e, env)).collect(),
        };
        let access = Access {
            state: spec.name.clone(),
            index: id.0,
            op: op.name(),
            kind: access_kind(spec, op),
            exposure: if self.is_apart(id, op) {
                Exposure::Each
            } else {
                exposure(&key, self.only)
            },
            span: stmt.span,
        };
        self.accesses.insert(self.order[&address(stmt)], access);
        for local in op.results() {
            env.assign(local, Value::of(Source::State(id.0)));
        }
    }
}

impl Flow<'_> {
    /// True if an operation treats every entry alike, or is one of a round with its own entry.
    fn is_apart(&self, id: StateId, op: &StateOp) -> bool {
        let key = op.key();
        let is_own = |(state, own): &(StateId, &[LocalId])| {
            let same = key.iter().zip(*own).all(|(e, local)| e.kind == ExprKind::Local(*local));
            *state == id && key.len() == own.len() && same
        };
        matches!(op, StateOp::MapClear) || !key.is_empty() && self.rounds.iter().any(is_own)
    }
}

/// True if a method is about the entry of its key alone.
fn names_entry(spec: &StateSpec, method: Method) -> bool {
    spec.contract(Operation::Call(method)).is_some_and(|c| c.exposure == contract::Exposure::Key)
}

/// What identifies a statement while the program is borrowed.
fn address(stmt: &Stmt) -> usize {
    std::ptr::from_ref(stmt).addr()
}

/// The join of two paths of which either may not arrive.
fn join(a: Option<Env>, b: Option<Env>) -> Option<Env> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.join(b)),
        (a, b) => a.or(b),
    }
}

/// Behind a statement all paths that entered it are together again, unless some escaped.
fn settle(env: Option<Env>, before: BTreeSet<Source>, escaped: bool) -> Option<Env> {
    let mut env = env?;
    if !escaped {
        env.control = before;
    }
    Some(env)
}

/// True if a body breaks out to a label that is not its own. (A `Return` needs no care: what did
/// not arrive decides no value.)
fn escapes(body: &[Stmt], own: &[Label]) -> bool {
    body.iter().any(|stmt| match &stmt.kind {
        StmtKind::Break(label) => !own.contains(label),
        StmtKind::If(_, then, or) => escapes(then, own) || escapes(or, own),
        StmtKind::Block(label, body) => escapes(body, &[own, &[*label]].concat()),
        StmtKind::Loop { label, continue_label, body, .. }
        | StmtKind::ForEach { label, continue_label, body, .. } => {
            escapes(body, &[own, &[*label, *continue_label]].concat())
        }
        _ => false,
    })
}

fn eval(e: &Expr, env: &Env) -> Value {
    let parts = || e.parts().into_iter().map(|part| eval(part, env));
    match &e.kind {
        ExprKind::Const(_) => Value::constant(),
        ExprKind::Local(local) => env.locals[local.0 as usize].clone(),
        ExprKind::Now => Value::of(Source::Time),
        ExprKind::Field(p, field) => env.packets[p.0 as usize].read(*field),
        ExprKind::Has(p, headers) => presence(*p, *headers, env),
        ExprKind::Meta(p, meta) => property(*p, *meta, env),
        ExprKind::Payload(..) => Value::mixed(parts().chain([Value::of(Source::Payload)])),
        // Widening keeps the value; cutting it down does not.
        ExprKind::Cast(a) if a.width <= e.width => eval(a, env),
        ExprKind::Select(condition, then, or) => {
            eval(then, env).or(eval(or, env)).under(&eval(condition, env).sources)
        }
        _ => Value::mixed(parts()),
    }
}

fn presence(p: PacketId, headers: HeaderSet, env: &Env) -> Value {
    if env.packets[p.0 as usize].rebuilt {
        return Value::of(Source::Rebuilt);
    }
    Value::mixed(headers.iter().map(|id| Value::of(Source::Presence(id))))
}

fn property(p: PacketId, meta: Meta, env: &Env) -> Value {
    let written = &env.packets[p.0 as usize];
    match meta {
        Meta::Mark => written.mark.clone().unwrap_or_else(|| Value::of(Source::Property)),
        _ if written.rebuilt => Value::of(Source::Rebuilt),
        Meta::Proto => Value::of(Source::Proto),
        _ => Value::of(Source::Property),
    }
}
