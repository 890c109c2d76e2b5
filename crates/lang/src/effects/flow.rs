//! What the keys of state operations depend on: an abstract run of a handler.
//!
//! Each local and each written header field has a [`Value`]. Both arms of an `If` are run and
//! joined; a loop runs until nothing changes. A value assigned under a condition depends on the
//! condition too, and so does one assigned where only some paths still arrive (behind a `Break`),
//! up to the end of the block that the break leaves.
//!
//! The run may start with what elements before this one wrote, and may know which headers the
//! packet has ([`Arrival`]): then questions about presence are decided and only one arm is run.

use super::exposure::{Exposure, Source, Value, exposure};
use super::written::Written;
use super::{Access, AccessKind, access_kind};
use crate::interp::expr::{binary, mask};
use crate::ir::{
    BinaryOp, Expr, ExprKind, Handler, Label, LocalId, Meta, Node, PacketId, StateId, StateOp,
    Stmt, StmtKind, Trigger,
};
use crate::ir_parts::walk_stmts;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use trama_state::contract::{self, Operation};
use trama_state::{Method, StateSpec};
use trama_wire::header::{HeaderId, HeaderSet};

/// The state operations of each handler of a node, in source order.
///
/// What the parameters of an event are depends on where it is generated: the handlers are run until
/// nothing more comes of that.
pub(super) fn accesses(node: &Node) -> Vec<Vec<Access>> {
    let mut generated = Generated::new();
    loop {
        let before = generated.clone();
        let mut all = Vec::new();
        for handler in &node.handlers {
            let args = match handler.trigger {
                Trigger::Event { event, .. } => before.get(&event.0).cloned(),
                _ => None,
            };
            let arrival = Arrival { written: Written::default(), has: &|_| None, args };
            let passage = run(node, handler, &arrival);
            all.push(passage.accesses.into_iter().map(|(access, _)| access).collect());
            join_generated(&mut generated, passage.generated);
        }
        if generated == before {
            return all;
        }
    }
}

/// The arguments with which events are generated, by event, as far as they are known.
pub(crate) type Generated = BTreeMap<u32, Vec<Value>>;

/// Adds what else is generated; true if that is new.
pub(crate) fn join_generated(known: &mut Generated, more: Generated) -> bool {
    let mut is_new = false;
    for (event, args) in more {
        match known.entry(event) {
            Entry::Vacant(place) => {
                place.insert(args);
                is_new = true;
            }
            Entry::Occupied(mut place) => {
                let joined: Vec<Value> =
                    place.get().iter().cloned().zip(args).map(|(a, b)| a.or(b)).collect();
                is_new |= joined != *place.get();
                place.insert(joined);
            }
        }
    }
    is_new
}

/// What is known when a handler begins.
pub(crate) struct Arrival<'a> {
    /// What was written to its packet before.
    pub(crate) written: Written,
    /// Whether the packet has all these headers, where that is known.
    pub(crate) has: &'a dyn Fn(HeaderSet) -> Option<bool>,
    /// The arguments of its event, if it has one and they are known.
    pub(crate) args: Option<Vec<Value>>,
}

/// What a handler does.
pub(crate) struct Passage {
    /// The state operations in source order, with the leaves of their keys.
    pub(crate) accesses: Vec<(Access, Vec<Value>)>,
    /// What the packets carry that are sent, by port of the node.
    pub(crate) sent: BTreeMap<u32, Written>,
    /// The events that it generates.
    pub(crate) generated: Generated,
}

/// Runs a handler.
pub(crate) fn run(node: &Node, handler: &Handler, arrival: &Arrival<'_>) -> Passage {
    let mut flow = Flow {
        node,
        only: only_protocol(&handler.trigger),
        has: arrival.has,
        breaks: BTreeMap::new(),
        order: BTreeMap::new(),
        accesses: BTreeMap::new(),
        rounds: Vec::new(),
        sent: BTreeMap::new(),
        generated: Generated::new(),
    };
    walk_stmts(&handler.body, &mut |stmt| {
        let place = flow.order.len();
        flow.order.insert(address(stmt), place);
    });
    // Locals begin as zero, but for those that a trigger fills.
    let is_plain =
        matches!(handler.trigger, Trigger::Init | Trigger::Packet { .. } | Trigger::Timer { .. });
    let first = if is_plain { Value::number(0) } else { Value::of(Source::Property) };
    let (first, written) = (Rc::new(first), Rc::new(arrival.written.clone()));
    let mut env = Env {
        locals: vec![first; handler.locals.len()],
        packets: vec![written; handler.packets as usize],
        control: BTreeSet::new(),
        attempt: None,
    };
    if let Trigger::Packet { index_local: Some(local), .. } = handler.trigger {
        env.locals[local.0 as usize] = Rc::new(Value::of(Source::Port));
    }
    if let Trigger::Event { params, .. } = &handler.trigger {
        let given = arrival.args.iter().flatten();
        for (local, value) in params.iter().zip(given) {
            env.locals[local.0 as usize] = Rc::new(value.clone());
        }
    }
    flow.list(&handler.body, Some(env));
    let accesses = flow.accesses.into_values().collect();
    Passage { accesses, sent: flow.sent, generated: flow.generated }
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
    /// Shared between the arms of a branch: most of them change few.
    locals: Vec<Rc<Value>>,
    packets: Vec<Rc<Written>>,
    /// What decides that this point is reached, as far as it decides values that are joined later.
    control: BTreeSet<Source>,
    /// The statement before was a change of headers: the local that tells if it was possible, the
    /// packet, and what it is if so and if not.
    attempt: Option<(LocalId, PacketId, [Rc<Written>; 2])>,
}

impl Env {
    /// What holds on both of two paths.
    fn join(mut self, other: Self) -> Self {
        let mut other_locals = other.locals.into_iter();
        for local in &mut self.locals {
            let Some(theirs) = other_locals.next() else { break };
            if *local != theirs {
                *local = Rc::new(Value::clone(local).or(Rc::unwrap_or_clone(theirs)));
            }
        }
        for (ours, theirs) in self.packets.iter_mut().zip(other.packets) {
            if *ours != theirs {
                Rc::make_mut(ours).join(Rc::unwrap_or_clone(theirs));
            }
        }
        self.control.extend(other.control);
        self
    }

    /// What was written to a packet, to be changed.
    fn changed(&mut self, p: PacketId) -> &mut Written {
        Rc::make_mut(&mut self.packets[p.0 as usize])
    }

    /// A change of a packet's headers, which may have been impossible.
    fn packet(&mut self, p: PacketId, ok: LocalId, change: impl FnOnce(&mut Written)) {
        let packet = &mut self.packets[p.0 as usize];
        let before = Rc::clone(packet);
        let mut changed = Written::clone(&before);
        change(&mut changed);
        Rc::make_mut(packet).join(changed.clone());
        self.assign(ok, Value::of(Source::Property));
        self.attempt = Some((ok, p, [Rc::new(changed), before]));
    }

    /// The two ways on from a condition that asks if the change before it was possible.
    fn outcomes(&self, condition: &Expr) -> Option<[Self; 2]> {
        let (ok, p, packets) = self.attempt.as_ref()?;
        let (local, is_negated) = match &condition.kind {
            ExprKind::Local(local) => (local, false),
            ExprKind::Not(inner) => match &inner.kind {
                ExprKind::Local(local) => (local, true),
                _ => return None,
            },
            _ => return None,
        };
        if local != ok {
            return None;
        }
        let mut ways = [self.clone(), self.clone()];
        for (way, packet) in ways.iter_mut().zip(packets.iter()) {
            way.packets[p.0 as usize] = Rc::clone(packet);
            way.attempt = None;
        }
        if is_negated {
            ways.reverse();
        }
        Some(ways)
    }

    fn assign(&mut self, local: LocalId, value: Value) {
        self.locals[local.0 as usize] = Rc::new(value.under(&self.control));
    }
}

struct Flow<'a> {
    node: &'a Node,
    only: Option<HeaderId>,
    has: &'a dyn Fn(HeaderSet) -> Option<bool>,
    /// What holds where a label's block or loop is left.
    breaks: BTreeMap<u32, Env>,
    /// Place of each statement in source order, by its address.
    order: BTreeMap<usize, usize>,
    /// By the statement's place. The body of a loop is run several times: the last run, which
    /// knows most, stands.
    accesses: BTreeMap<usize, (Access, Vec<Value>)>,
    /// The loops around this place that take all entries of a map: it, and the locals of the key.
    rounds: Vec<(StateId, &'a [LocalId])>,
    sent: BTreeMap<u32, Written>,
    generated: Generated,
}

impl<'a> Flow<'a> {
    /// Runs a list; nothing comes out where no path arrives at its end.
    fn list(&mut self, stmts: &'a [Stmt], mut env: Option<Env>) -> Option<Env> {
        for stmt in stmts {
            env = self.stmt(stmt, env?);
        }
        env
    }

    // long: one match.
    fn stmt(&mut self, stmt: &'a Stmt, mut env: Env) -> Option<Env> {
        if !matches!(stmt.kind, StmtKind::If(..)) {
            env.attempt = None;
        }
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
                let value = self.eval(e, &env);
                env.assign(*local, value);
            }
            StmtKind::SetField(p, field, e) => {
                let value = self.eval(e, &env).under(&env.control);
                env.changed(*p).write(*field, value);
            }
            StmtKind::SetMark(p, e) => {
                let value = self.eval(e, &env).under(&env.control);
                env.changed(*p).mark = Some(value);
            }
            StmtKind::Insert(p, stack, ok) => {
                let stack: Vec<_> = stack
                    .iter()
                    .map(|(id, fields)| {
                        let value =
                            |(f, e): &(_, Expr)| (*f, self.eval(e, &env).under(&env.control));
                        (*id, fields.iter().map(value).collect())
                    })
                    .collect();
                env.packet(*p, *ok, |written| written.insert(&stack));
            }
            StmtKind::Replace(p, _, _, ok) => env.packet(*p, *ok, |w| w.rebuilt = true),
            StmtKind::Remove(p, stack, ok) => env.packet(*p, *ok, |w| w.remove(stack)),
            StmtKind::Truncate(p, _) => env.changed(*p).cut(),
            StmtKind::Copy(to, from) => {
                env.packets[to.0 as usize] = Rc::clone(&env.packets[from.0 as usize]);
            }
            StmtKind::State(id, op) => self.state(*id, op, stmt, &mut env),
            // The lengths that go with them; addresses and ports stay what they are.
            StmtKind::SetTcpOptions(p, _) => {
                for (header, name) in
                    [(HeaderId::IP, "len"), (HeaderId::IP6, "len"), (HeaderId::TCP, "offset")]
                {
                    let field = header.field(name).expect("the header table has it");
                    env.changed(*p).write(field, Value::of(Source::Property));
                }
            }
            StmtKind::Send { packet, first_port, index, count } => {
                for port in targets(index.as_ref(), *count) {
                    self.send(first_port + port, &env.packets[packet.0 as usize]);
                }
            }
            StmtKind::Extract { packet, args, results, .. } => {
                let payload = packet.map(|_| Value::of(Source::Payload));
                let args: Vec<Value> = args.iter().map(|e| self.eval(e, &env)).collect();
                let value = Value::mixed(args.into_iter().chain(payload));
                results.iter().for_each(|local| env.assign(*local, value.clone()));
            }
            StmtKind::Generate { event, args, ok, .. } => {
                let args = args.iter().map(|e| self.eval(e, &env)).collect();
                join_generated(&mut self.generated, [(event.0, args)].into());
                // Whether there is room depends on all that was generated before.
                env.assign(*ok, Value::of(Source::Property));
            }
            StmtKind::SetPayload(..)
            | StmtKind::Emit(..)
            | StmtKind::SetTcpOption(..)
            | StmtKind::ShiftSack(..)
            | StmtKind::Drop(..)
            | StmtKind::Log(..) => {}
        }
        Some(env)
    }

    fn send(&mut self, port: u32, packet: &Written) {
        match self.sent.entry(port) {
            Entry::Vacant(place) => {
                place.insert(packet.clone());
            }
            Entry::Occupied(place) => place.into_mut().join(packet.clone()),
        }
    }

    fn branch(
        &mut self,
        condition: &'a Expr,
        then: &'a [Stmt],
        or: &'a [Stmt],
        mut env: Env,
    ) -> Option<Env> {
        if let Some(holds) = self.decided(condition, &env) {
            return self.list(if holds { then } else { or }, Some(env));
        }
        let before = env.control.clone();
        env.control.extend(self.eval(condition, &env).sources);
        let escapes = escapes(then, &[]) || escapes(or, &[]);
        let [yes, no] = env.outcomes(condition).unwrap_or_else(|| {
            env.attempt = None;
            [env.clone(), env]
        });
        let taken = self.list(then, Some(yes));
        let not_taken = self.list(or, Some(no));
        settle(join(taken, not_taken), before, escapes)
    }

    fn repeat(&mut self, stmt: &'a StmtKind, mut env: Env) -> Option<Env> {
        let StmtKind::Loop { var, from, to, .. } = stmt else {
            return Some(env);
        };
        let before = env.control.clone();
        let bounds = Value::mixed([self.eval(from, &env), self.eval(to, &env)]);
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
        self.accesses.insert(self.order[&address(stmt)], (access, Vec::new()));
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
            _ => op.key().into_iter().map(|e| self.eval(e, env)).collect(),
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
        self.accesses.insert(self.order[&address(stmt)], (access, key));
        for local in op.results() {
            env.assign(local, Value::of(Source::State(id.0)));
        }
    }

    fn eval(&self, e: &Expr, env: &Env) -> Value {
        let parts = || e.parts().into_iter().map(|part| self.eval(part, env));
        match &e.kind {
            ExprKind::Const(value) => Value::number(*value),
            ExprKind::Local(local) => Value::clone(&env.locals[local.0 as usize]),
            ExprKind::Now => Value::of(Source::Time),
            ExprKind::Field(p, field) => env.packets[p.0 as usize].read(*field),
            ExprKind::Has(p, headers) => self.presence(*p, *headers, env),
            ExprKind::Meta(p, meta) => property(*p, *meta, env),
            ExprKind::Payload(..) => Value::mixed(parts().chain([Value::of(Source::Payload)])),
            // Widening keeps the value; cutting it down does not.
            ExprKind::Cast(a) if a.width <= e.width => self.eval(a, env),
            ExprKind::Cast(a) => match self.eval(a, env).known {
                Some(value) => Value::number(value & mask(e.width)),
                None => Value::mixed(parts()),
            },
            ExprKind::Not(a) => match self.eval(a, env).known {
                Some(value) => Value::number(!value & mask(e.width)),
                None => Value::mixed(parts()),
            },
            ExprKind::Binary(op, a, b) => self.eval_binary(e, *op, a, b, env),
            ExprKind::Select(condition, then, or) => match self.decided(condition, env) {
                Some(holds) => self.eval(if holds { then } else { or }, env),
                None => {
                    let either = self.eval(then, env).or(self.eval(or, env));
                    either.under(&self.eval(condition, env).sources)
                }
            },
            _ => Value::mixed(parts()),
        }
    }

    fn presence(&self, p: PacketId, headers: HeaderSet, env: &Env) -> Value {
        let packet = &env.packets[p.0 as usize];
        match packet.has(headers, self.has) {
            Some(known) => Value::number(known.into()),
            None if packet.rebuilt => Value::of(Source::Rebuilt),
            None => Value::mixed(headers.iter().map(|id| Value::of(Source::Presence(id)))),
        }
    }

    /// True if an ICMP type is compared with one of a message that quotes nothing (an echo, say),
    /// and the packet has a quoted header: the parser finds those in errors only.
    fn is_no_query(&self, a: &Expr, b: &Expr, env: &Env) -> bool {
        let (ExprKind::Field(p, field), ExprKind::Const(kind)) = (&a.kind, &b.kind) else {
            return false;
        };
        let (inner, quotes) = match field.header {
            HeaderId::ICMP => (HeaderId::INNER, [3, 4, 5, 11, 12].contains(kind)),
            HeaderId::ICMP6 => (HeaderId::INNER6, (1..128).contains(kind)),
            _ => return false,
        };
        let packet = &env.packets[p.0 as usize];
        let is_brought = packet.read(*field).exact == Some(Source::Field(*field));
        field.def().name == "type"
            && !quotes
            && is_brought
            && packet.has(HeaderSet::of(inner), self.has) == Some(true)
    }

    /// The value of a condition, where it is known.
    fn decided(&self, condition: &Expr, env: &Env) -> Option<bool> {
        self.eval(condition, env).known.map(|value| value != 0)
    }

    fn eval_binary(&self, e: &Expr, op: BinaryOp, a: &Expr, b: &Expr, env: &Env) -> Value {
        if op == BinaryOp::Eq && self.is_no_query(a, b, env) {
            return Value::number(0);
        }
        let (left, right) = (self.eval(a, env), self.eval(b, env));
        let either = |value| left.known == Some(value) || right.known == Some(value);
        match (left.known, right.known) {
            (Some(x), Some(y)) => Value::number(binary(op, a.width, x, y) & mask(e.width)),
            _ if op == BinaryOp::And && either(0) => Value::number(0),
            _ if op == BinaryOp::Or && either(mask(e.width)) => Value::number(mask(e.width)),
            _ => Value::mixed([left, right]),
        }
    }
}

/// The ports of an array of `count` to which an index may lead.
fn targets(index: Option<&Expr>, count: u32) -> std::ops::Range<u32> {
    match index.map(|e| &e.kind) {
        None => 0..1,
        Some(ExprKind::Const(i)) if *i < u128::from(count) => *i as u32..*i as u32 + 1,
        Some(ExprKind::Const(_)) => 0..0,
        Some(_) => 0..count,
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

fn property(p: PacketId, meta: Meta, env: &Env) -> Value {
    let written = &env.packets[p.0 as usize];
    match meta {
        Meta::Mark => written.mark.clone().unwrap_or_else(|| Value::of(Source::Property)),
        _ if written.rebuilt => Value::of(Source::Rebuilt),
        Meta::Proto if !written.has_moved(HeaderId::IP) => Value::of(Source::Proto),
        _ => Value::of(Source::Property),
    }
}
