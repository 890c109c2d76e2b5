//! What to prefetch: map entries that a packet will be looked up by, known from its headers as it
//! enters.
//!
//! For each external port this follows the handlers that a packet may pass, as far as their map
//! keys are functions of header fields that no handler has changed before. A probe is a hint and
//! nothing more: it changes no result, so where this is wrong (a branch not taken, a field written
//! under another name) it costs a few nanoseconds.

use std::collections::{BTreeMap, BTreeSet};
use trama_lang::ir::{
    Dest, Expr, ExprKind, Handler, LocalId, Meta, PacketId, Program, StateId, StateOp, Stmt,
    StmtKind, Trigger,
};
use trama_wire::header::{FieldRef, HeaderSet};

/// Most probes for packets of one external port.
pub(crate) const PROBES_MAX: usize = 8;

/// Most handlers that are followed one after the other.
const DEPTH_MAX: usize = 4;

/// Most handlers that are looked at for one external port.
const HANDLERS_MAX: usize = 64;

/// The input of a handler.
const INPUT: PacketId = PacketId(0);

/// An entry that will probably be asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Probe {
    /// Index of the node.
    pub(crate) node: usize,
    /// The map.
    pub(crate) state: StateId,
    /// Leaves of the key: expressions over the packet in register 0.
    pub(crate) key: Vec<Expr>,
    /// Headers without which the key has no meaning.
    pub(crate) needs: HeaderSet,
}

/// The probes for packets that enter at each external port.
pub(crate) fn probes(program: &Program) -> Vec<Vec<Probe>> {
    let of_port = |dest: &Dest| {
        let mut search = Search { program, found: Vec::new(), left: HANDLERS_MAX };
        search.follow(*dest, HeaderSet::EMPTY, &BTreeSet::new(), 0);
        search.found
    };
    program.ingress.iter().map(of_port).collect()
}

struct Search<'a> {
    program: &'a Program,
    found: Vec<Probe>,
    /// Handlers that may still be looked at.
    left: usize,
}

/// What is known at one place of a handler.
#[derive(Clone, Default)]
struct Known {
    /// Locals that are functions of the packet as it entered.
    locals: BTreeMap<u32, Expr>,
    /// Fields that were changed.
    changed: BTreeSet<FieldRef>,
    /// True once the headers are no longer those with which the packet entered.
    restructured: bool,
}

/// What a handler does besides.
struct Walk<'s, 'a> {
    search: &'s mut Search<'a>,
    node: usize,
    needs: HeaderSet,
    /// Where it sends its input, with what is known there.
    onward: Vec<(Dest, Known)>,
}

impl Search<'_> {
    fn follow(&mut self, dest: Dest, needs: HeaderSet, changed: &BTreeSet<FieldRef>, depth: usize) {
        let Dest::Node(node, port) = dest else { return };
        if depth == DEPTH_MAX {
            return;
        }
        let program = self.program;
        let node = node as usize;
        for handler in &program.nodes[node].handlers {
            let Some(patterns) = listens(handler, port) else { continue };
            let Some(left) = self.left.checked_sub(1) else { return };
            self.left = left;
            let needs = match patterns {
                [only] => needs.union(*only),
                _ => needs,
            };
            let mut known = Known { changed: changed.clone(), ..Known::default() };
            let mut walk = Walk { search: self, node, needs, onward: Vec::new() };
            walk.list(&handler.body, &mut known);
            let mut seen = Vec::new();
            for (dest, known) in walk.onward {
                if !known.restructured && !seen.contains(&dest) {
                    seen.push(dest);
                    self.follow(dest, needs, &known.changed, depth + 1);
                }
            }
        }
    }

    fn add(&mut self, probe: Probe) {
        let same = |p: &Probe| (p.node, p.state) == (probe.node, probe.state) && p.key == probe.key;
        if self.found.len() < PROBES_MAX && !self.found.iter().any(same) {
            self.found.push(probe);
        }
    }
}

/// The patterns of a handler that listens at a port.
fn listens(handler: &Handler, port: u32) -> Option<&[HeaderSet]> {
    match &handler.trigger {
        Trigger::Packet { first_port, port_count, patterns, .. } => {
            let index = port.checked_sub(*first_port)?;
            (index < *port_count).then_some(patterns)
        }
        _ => None,
    }
}

impl Walk<'_, '_> {
    fn list(&mut self, stmts: &[Stmt], known: &mut Known) {
        for stmt in stmts {
            self.stmt(&stmt.kind, known);
        }
    }

    fn stmt(&mut self, stmt: &StmtKind, known: &mut Known) {
        let value = match stmt {
            StmtKind::Assign(_, e) => known.resolve(e),
            _ => None,
        };
        for body in stmt.bodies() {
            let mut inside = known.clone();
            self.list(body, &mut inside);
            known.changed.extend(inside.changed);
            known.restructured |= inside.restructured;
            known.locals.retain(|local, e| inside.locals.get(local) == Some(e));
        }
        for LocalId(local) in stmt.assigns() {
            known.locals.remove(&local);
        }
        match stmt {
            StmtKind::Assign(LocalId(local), _) => {
                known.locals.extend(value.map(|value| (*local, value)));
            }
            StmtKind::SetField(INPUT, field, _) => {
                known.changed.insert(*field);
            }
            StmtKind::Insert(INPUT, ..) | StmtKind::Remove(INPUT, ..) => known.restructured = true,
            StmtKind::Send { packet: INPUT, first_port, index: None, .. } => {
                let wire = self.search.program.nodes[self.node].wires[*first_port as usize];
                self.onward.push((wire, known.clone()));
            }
            StmtKind::State(state, op) => self.state(*state, op, known),
            _ => {}
        }
    }

    fn state(&mut self, state: StateId, op: &StateOp, known: &Known) {
        let (StateOp::MapGet { key, .. }
        | StateOp::MapPut { key, .. }
        | StateOp::MapUpdate { key, .. }
        | StateOp::MapTouch { key, .. }
        | StateOp::MapRemove { key, .. }) = op
        else {
            return;
        };
        let resolved: Option<Vec<Expr>> = key.iter().map(|leaf| known.resolve(leaf)).collect();
        let Some(key) = resolved.filter(|_| !known.restructured) else { return };
        let mut needs = self.needs;
        for leaf in &key {
            leaf.walk(&mut |e| {
                if let ExprKind::Field(_, field) = e.kind {
                    needs = needs.with(field.header);
                }
            });
        }
        self.search.add(Probe { node: self.node, state, key, needs });
    }
}

impl Known {
    /// The expression as a function of the packet as it entered, if it is one and costs little.
    fn resolve(&self, e: &Expr) -> Option<Expr> {
        let boxed = |e: &Expr| self.resolve(e).map(Box::new);
        let kind = match &e.kind {
            ExprKind::Const(value) => ExprKind::Const(*value),
            ExprKind::Local(LocalId(local)) => return self.locals.get(local).cloned(),
            ExprKind::Field(INPUT, field) if !self.changed.contains(field) => {
                ExprKind::Field(INPUT, *field)
            }
            ExprKind::Has(INPUT, headers) => ExprKind::Has(INPUT, *headers),
            ExprKind::Meta(INPUT, Meta::Proto) => ExprKind::Meta(INPUT, Meta::Proto),
            ExprKind::Binary(op, a, b) => ExprKind::Binary(*op, boxed(a)?, boxed(b)?),
            ExprKind::Not(a) => ExprKind::Not(boxed(a)?),
            ExprKind::Cast(a) => ExprKind::Cast(boxed(a)?),
            ExprKind::Select(c, a, b) => ExprKind::Select(boxed(c)?, boxed(a)?, boxed(b)?),
            _ => return None,
        };
        Some(Expr { kind, width: e.width })
    }
}

#[cfg(test)]
mod tests;
