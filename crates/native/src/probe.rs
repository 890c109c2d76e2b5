//! What to prefetch: entries of maps, arrays and pools that a packet will be looked up by, known
//! from its headers as it enters.
//!
//! For each external port, and each handler that may take a packet there, this follows the packet
//! through the program as it goes in the steady state: what is looked up is found, what is touched
//! is there. Keys and indices that are functions of the packet become probes of the first stage;
//! those that also need values of arrays or maps become probes of a later stage, which run when the
//! lines of these have come. A probe is a hint and nothing more: it changes no result, so where the
//! prediction is wrong it costs a few nanoseconds.

mod known;

use known::{Guarded, Known};
use std::collections::BTreeMap;
use trama_lang::ir::{
    Dest, Expr, Handler, LocalId, PacketId, Program, StateId, StateOp, Stmt, StmtKind, Trigger,
};
use trama_lang::ir_parts::walk_stmts;
use trama_state::StateKind;
use trama_wire::header::{HeaderId, HeaderSet};

/// Most probes for one packet.
pub(crate) const PROBES_MAX: usize = 8;

/// Most handlers that are followed one after the other.
const DEPTH_MAX: usize = 4;

/// Most handlers that are looked at for one handler at an external port.
const HANDLERS_MAX: usize = 64;

/// Most values that the probes of one plan use.
const LOADS_MAX: usize = 8;

/// Headers of which a packet has at most one.
const NETWORK: HeaderSet = HeaderSet::of(HeaderId::ARP).with(HeaderId::IP).with(HeaderId::IP6);

/// Headers of which a packet has at most one.
const TRANSPORT: HeaderSet =
    HeaderSet::of(HeaderId::TCP).with(HeaderId::UDP).with(HeaderId::ICMP).with(HeaderId::ICMP6);

/// The input of a handler.
pub(crate) const INPUT: PacketId = PacketId(0);

/// What to prefetch for packets that one handler takes at an external port.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    /// The handler's patterns.
    pub(crate) patterns: Vec<HeaderSet>,
    /// The entries, in the order of their stages.
    pub(crate) probes: Vec<Probe>,
    /// Values that probes of later stages use.
    pub(crate) loads: Vec<Load>,
}

impl Plan {
    /// When a probe can run: the first line of its entry is asked for then, and if it is in a map
    /// its second one a stage later.
    pub(crate) fn stage(&self, probe: &Probe) -> usize {
        let used = self.loads.iter().filter(|load| probe.uses(load));
        used.map(Load::ready).max().unwrap_or(0)
    }

    /// The probe that brings the entry which a load reads.
    pub(crate) fn probe_for(&self, load: &Load) -> Option<usize> {
        let is_it = |p: &Probe| (p.node, p.state) == (load.node, load.state) && p.key == load.key;
        self.probes.iter().position(is_it)
    }

    /// Keeps the probes for which `pays` holds, and those whose entries these need.
    pub(crate) fn retain(&mut self, pays: impl Fn(&Probe) -> bool) {
        let paying: Vec<Probe> = self.probes.iter().filter(|p| pays(p)).cloned().collect();
        let loads = &self.loads;
        let is_read = |p: &Probe| {
            let reads = |l: &&Load| (l.node, l.state) == (p.node, p.state) && l.key == p.key;
            loads.iter().filter(reads).any(|load| paying.iter().any(|other| other.uses(load)))
        };
        self.probes.retain(|probe| pays(probe) || is_read(probe));
    }
}

/// An entry that will probably be asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Probe {
    /// Index of the node.
    pub(crate) node: usize,
    /// The map, array or pool.
    pub(crate) state: StateId,
    /// Leaves of the key, or the index: expressions over the packet in register 0 and, as locals,
    /// the leaves of [`Plan::loads`].
    pub(crate) key: Vec<Expr>,
    /// Headers without which the key has no meaning.
    pub(crate) needs: HeaderSet,
    /// Conditions under which the packet comes to the entry: expressions like those of the key.
    pub(crate) guards: Vec<Expr>,
}

/// A value of an array or a map, to be read without any effect. Of a map it is that of the entry
/// which the key most likely has.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Load {
    /// Index of the node.
    pub(crate) node: usize,
    /// The array or map.
    pub(crate) state: StateId,
    /// The index, or the leaves of the key: expressions over the packet in register 0.
    pub(crate) key: Vec<Expr>,
    /// True for a map.
    pub(crate) is_map: bool,
    /// The local that stands for its first leaf; the others follow it.
    pub(crate) first: u32,
    /// Widths of the leaves.
    pub(crate) widths: Vec<u8>,
}

impl Load {
    /// The first stage that can read it.
    fn ready(&self) -> usize {
        if self.is_map { 2 } else { 1 }
    }

    /// The locals that stand for its leaves.
    pub(crate) fn locals(&self) -> Vec<LocalId> {
        (self.first..).take(self.widths.len()).map(LocalId).collect()
    }
}

impl Probe {
    /// True if the probe uses a load.
    pub(crate) fn uses(&self, load: &Load) -> bool {
        let locals = load.locals();
        self.key.iter().chain(&self.guards).any(|e| locals.iter().any(|l| known::names(e, *l)))
    }
}

/// The plans for packets that enter at each external port, in the order in which handlers are
/// asked.
pub(crate) fn plans(program: &Program) -> Vec<Vec<Plan>> {
    let of_port = |dest: &Dest| {
        let Dest::Node(node, port) = *dest else { return Vec::new() };
        let handlers = &program.nodes[node as usize].handlers;
        let taking = handlers.iter().filter_map(|h| Some((h, listens(h, port)?)));
        let mut refused = Vec::new();
        let mut plans = Vec::new();
        for (handler, all_patterns) in taking {
            for patterns in by_transport(all_patterns) {
                let known = Known::default().entering(sure(HeaderSet::EMPTY, &patterns));
                let plan = Plan { patterns: patterns.clone(), ..Plan::default() };
                let refused_so_far = refused.clone();
                let mut search =
                    Search { program, plan, left: HANDLERS_MAX, refused: refused_so_far };
                search.handler(node as usize, handler, known, 0);
                let mut plan = search.plan;
                let mut probes = std::mem::take(&mut plan.probes);
                probes.sort_by_key(|probe| plan.stage(probe));
                plan.probes = probes;
                plans.push(plan);
                refused.extend(patterns);
            }
        }
        plans
    };
    program.ingress.iter().map(of_port).collect()
}

/// The patterns of a handler for each transport apart, then for all that is left, so that what
/// later handlers do with one does not crowd out what they do with another.
fn by_transport(patterns: &[HeaderSet]) -> Vec<Vec<HeaderSet>> {
    const APART: [HeaderSet; 3] = [
        HeaderSet::of(HeaderId::TCP).with(HeaderId::L4),
        HeaderSet::of(HeaderId::UDP).with(HeaderId::L4),
        HeaderSet::of(HeaderId::ICMP),
    ];
    let is_open =
        |p: &&HeaderSet| p.has(HeaderId::IP) && p.intersection(TRANSPORT) == HeaderSet::EMPTY;
    let open: Vec<HeaderSet> = patterns.iter().filter(is_open).copied().collect();
    let apart = APART.map(|with| open.iter().map(|p| p.union(with)).collect::<Vec<_>>());
    let some = apart.into_iter().filter(|patterns| !patterns.is_empty());
    some.chain([patterns.to_vec()]).collect()
}

/// The headers of a packet that a handler with these patterns takes.
fn sure(needs: HeaderSet, patterns: &[HeaderSet]) -> HeaderSet {
    match patterns {
        [only] => needs.union(*only),
        _ => needs,
    }
}

/// The patterns of a handler that listens at a port.
pub(crate) fn listens(handler: &Handler, port: u32) -> Option<&[HeaderSet]> {
    match &handler.trigger {
        Trigger::Packet { first_port, port_count, patterns, .. } => {
            let index = port.checked_sub(*first_port)?;
            (index < *port_count).then_some(patterns)
        }
        _ => None,
    }
}

/// True if no packet has the headers of both sets.
pub(crate) fn exclude(a: HeaderSet, b: HeaderSet) -> bool {
    [NETWORK, TRANSPORT].iter().any(|layer| {
        let (a, b) = (a.intersection(*layer), b.intersection(*layer));
        a != HeaderSet::EMPTY && b != HeaderSet::EMPTY && a.intersection(b) == HeaderSet::EMPTY
    })
}

struct Search<'a> {
    program: &'a Program,
    plan: Plan,
    /// Handlers that may still be looked at.
    left: usize,
    /// Patterns that the packet does not have, or an earlier handler would have taken it.
    refused: Vec<HeaderSet>,
}

/// The way through one handler.
struct Walk<'s, 'a> {
    search: &'s mut Search<'a>,
    node: usize,
    /// What is known where each label ends, so far.
    labels: BTreeMap<u32, Option<Known>>,
    /// Where the handler sends its input, with what is known there.
    onward: Vec<(Dest, Known)>,
}

impl Search<'_> {
    fn follow(&mut self, dest: Dest, known: &Known, depth: usize) {
        let Dest::Node(node, port) = dest else { return };
        if depth == DEPTH_MAX {
            return;
        }
        let program = self.program;
        let node = node as usize;
        for handler in &program.nodes[node].handlers {
            let Some(patterns) = listens(handler, port) else { continue };
            let has_not = |p: &HeaderSet| {
                exclude(known.needs, *p) || self.refused.iter().any(|r| p.contains(*r))
            };
            if patterns.iter().all(has_not) {
                continue;
            }
            let certain = patterns.iter().any(|p| known.needs.contains(*p));
            self.handler(node, handler, known.entering(sure(known.needs, patterns)), depth);
            if certain {
                return;
            }
        }
    }

    fn handler(&mut self, node: usize, handler: &Handler, mut known: Known, depth: usize) {
        let Some(left) = self.left.checked_sub(1) else { return };
        self.left = left;
        let labels = BTreeMap::new();
        let mut walk = Walk { search: self, node, labels, onward: Vec::new() };
        walk.list(&handler.body, &mut known);
        let mut seen = Vec::new();
        for (dest, known) in walk.onward {
            if !known.restructured && !seen.contains(&dest) {
                seen.push(dest);
                self.follow(dest, &known, depth + 1);
            }
        }
    }

    fn add(&mut self, probe: Probe) {
        let same =
            |p: &&mut Probe| (p.node, p.state) == (probe.node, probe.state) && p.key == probe.key;
        if let Some(earlier) = self.plan.probes.iter_mut().find(same) {
            earlier.guards.retain(|guard| probe.guards.contains(guard));
        } else if self.plan.probes.len() < PROBES_MAX {
            self.plan.probes.push(probe);
        }
    }

    /// The load of a value, a new one if need be.
    fn load(&mut self, node: usize, state: StateId, key: &[Expr]) -> Option<Load> {
        let same = |l: &&Load| (l.node, l.state) == (node, state) && l.key == *key;
        if let Some(load) = self.plan.loads.iter().find(same) {
            return Some(load.clone());
        }
        if self.plan.loads.len() == LOADS_MAX || key.iter().any(known::needs_values) {
            return None;
        }
        let spec = &self.program.nodes[node].states[state.0 as usize];
        let is_map = matches!(spec.kind, StateKind::Map { .. });
        let widths = spec.value.0.clone();
        let first = self.plan.loads.last().map_or(0, |l| l.first + l.widths.len() as u32);
        let load = Load { node, state, key: key.to_vec(), is_map, first, widths };
        self.plan.loads.push(load.clone());
        Some(load)
    }
}

impl Walk<'_, '_> {
    /// Follows statements; false if what comes behind them is not reached.
    fn list(&mut self, stmts: &[Stmt], known: &mut Known) -> bool {
        stmts.iter().all(|stmt| self.stmt(&stmt.kind, known))
    }

    fn stmt(&mut self, stmt: &StmtKind, known: &mut Known) -> bool {
        match stmt {
            StmtKind::Assign(local, e) => {
                let value = known.resolve(e);
                known.set_local(*local, value);
            }
            StmtKind::If(condition, then, or) => return self.branch(condition, then, or, known),
            StmtKind::Block(label, body) => return self.block(label.0, body, known),
            StmtKind::Loop { label, continue_label, body, .. }
            | StmtKind::ForEach { label, continue_label, body, .. } => {
                self.rounds([label.0, continue_label.0], stmt, body, known);
            }
            StmtKind::Break(label) => {
                let there = self.labels.entry(label.0).or_default();
                *there = Some(known.clone().join(there.take()));
                return false;
            }
            StmtKind::Return => return false,
            StmtKind::SetField(INPUT, field, e) => {
                let value = known.resolve(e);
                known.set_field(*field, value);
            }
            StmtKind::Insert(INPUT, ..)
            | StmtKind::Remove(INPUT, ..)
            | StmtKind::Replace(INPUT, ..)
            | StmtKind::SetTcpOptions(INPUT, _)
            | StmtKind::Truncate(INPUT, _) => {
                known.restructured = true;
                known.forget(stmt);
            }
            StmtKind::Send { packet: INPUT, first_port, index: None, .. } => {
                let wire = self.search.program.nodes[self.node].wires[*first_port as usize];
                self.onward.push((wire, known.clone()));
            }
            StmtKind::State(state, op) => self.state(*state, op, known),
            _ => known.forget(stmt),
        }
        true
    }

    fn branch(&mut self, condition: &Expr, then: &[Stmt], or: &[Stmt], known: &mut Known) -> bool {
        let condition = known.resolve(condition);
        if let Some(truth) = condition.as_ref().and_then(known::constant) {
            return self.list(if truth != 0 { then } else { or }, known);
        }
        let mut other = known.clone();
        let guards = known.guards.clone();
        known.guard(condition.clone(), Guarded::IfTrue);
        other.guard(condition, Guarded::IfFalse);
        let reached = self.list(then, known);
        let other_reached = self.list(or, &mut other);
        if reached && other_reached {
            *known = known.clone().join(Some(other));
        } else if other_reached {
            *known = other;
        }
        known.guards = guards;
        reached || other_reached
    }

    fn block(&mut self, label: u32, body: &[Stmt], known: &mut Known) -> bool {
        let guards = known.guards.clone();
        let reached = self.list(body, known);
        let broken = self.labels.remove(&label).flatten();
        let reachable = reached || broken.is_some();
        match broken {
            Some(broken) if reached => *known = broken.join(Some(known.clone())),
            Some(broken) => *known = broken,
            None => {}
        }
        known.guards = guards;
        reachable
    }

    /// Follows one round of a loop for all.
    fn rounds(&mut self, labels: [u32; 2], stmt: &StmtKind, body: &[Stmt], known: &mut Known) {
        known.forget(stmt);
        walk_stmts(body, &mut |inner| known.forget(&inner.kind));
        let before = known.clone();
        self.list(body, known);
        let mut after = known.clone().join(Some(before.clone()));
        for label in labels {
            after = after.join(self.labels.remove(&label).flatten());
        }
        *known = after;
        known.guards = before.guards;
    }

    fn state(&mut self, state: StateId, op: &StateOp, known: &mut Known) {
        let key: &[&Expr] = match op {
            StateOp::MapGet { key, .. }
            | StateOp::MapPut { key, .. }
            | StateOp::MapUpdate { key, .. }
            | StateOp::MapTouch { key, .. }
            | StateOp::MapRemove { key, .. } => &key.iter().collect::<Vec<_>>(),
            StateOp::ArrayGet { index, .. }
            | StateOp::ArrayUpdate { index, .. }
            | StateOp::PoolTouch { index, .. }
            | StateOp::PoolUsed { index, .. } => &[index],
            _ => &[],
        };
        let resolved: Option<Vec<Expr>> = key.iter().map(|leaf| known.resolve(leaf)).collect();
        let resolved = resolved.filter(|key| !key.is_empty() && !known.restructured);
        for local in op.results() {
            known.set_local(local, None);
        }
        known.expect_success(op);
        let Some(key) = resolved else { return };
        if let StateOp::ArrayGet { value, .. } | StateOp::MapGet { value, .. } = op
            && !value.is_empty()
            && let Some(load) = self.search.load(self.node, state, &key)
        {
            known.set_leaves(value, &load);
        }
        self.probe(state, key, known);
    }

    fn probe(&mut self, state: StateId, key: Vec<Expr>, known: &Known) {
        let loads = &self.search.plan.loads;
        let mut read = HeaderSet::EMPTY;
        key.iter().for_each(|leaf| known::add_headers(leaf, loads, &mut read));
        if exclude(known.needs, read) {
            return;
        }
        let needs = known.needs.union(read);
        let guards = known.guards.clone();
        self.search.add(Probe { node: self.node, state, key, needs, guards });
    }
}

#[cfg(test)]
mod tests;
