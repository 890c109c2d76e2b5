//! Handlers that no packet leads to: whether they run on each core or once.
//!
//! Those of a node that generate each other's events, or share an object that no packet uses, are
//! one *group*, and run alike. A group that touches merged objects runs once, on the *keeper*, an
//! engine beside the cores that gets what the cores have counted before it runs. A group that
//! concerns divided objects, or changes what packets read, runs on each core at the same times; it
//! may go through the entries of divided objects, each for itself ([`rounds`](super::rounds)).

use super::reasons::{self, Blocker};
use super::rounds;
use super::solve::{Object, Solution};
use super::uses::{Use, Uses};
use super::{Firing, Placement};
use crate::effects::{AccessKind, handler_head};
use crate::ir::{Node, Program, StateId, StateOp, StmtKind, Trigger};
use crate::ir_parts::walk_stmts;
use std::collections::BTreeSet;

/// Why handlers have no place to run.
pub(super) enum Misfit {
    /// It would do if these merged objects were divided.
    Merged(BTreeSet<Object>),
    /// Nothing would do.
    Blocked(Vec<Blocker>),
}

/// Where each handler runs, by node and handler; those of packets run everywhere.
pub(super) fn firings(
    program: &Program,
    uses: &Uses,
    solution: &Solution,
) -> Result<Vec<Vec<Firing>>, Misfit> {
    let mut all = Vec::new();
    for (n, node) in program.nodes.iter().enumerate() {
        let mut row = vec![Firing::Everywhere; node.handlers.len()];
        if let Some(both) = uses.alone.iter().find(|h| h.0 == n && uses.by_packets.contains(h)) {
            return Err(Misfit::Blocked(vec![reasons::generated_by_both(node, both.1)]));
        }
        for group in groups(node, n, uses, solution) {
            let firing = of_group(program, uses, solution, n, &group)?;
            group.iter().for_each(|h| row[*h] = firing);
        }
        all.push(row);
    }
    Ok(all)
}

/// What ties handlers together: an event, or an object that no packet uses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tie {
    Event(u32),
    Object(usize),
}

/// The handlers of a node that no packet leads to, in groups.
fn groups(node: &Node, n: usize, uses: &Uses, solution: &Solution) -> Vec<BTreeSet<usize>> {
    let mut groups: Vec<(BTreeSet<usize>, BTreeSet<Tie>)> = Vec::new();
    for &(_, h) in uses.alone.iter().filter(|(node, _)| *node == n) {
        let mut ties = BTreeSet::new();
        if let Trigger::Event { event, .. } = node.handlers[h].trigger {
            ties.insert(Tie::Event(event.0));
        }
        walk_stmts(&node.handlers[h].body, &mut |stmt| {
            if let StmtKind::Generate { event, .. } = stmt.kind {
                ties.insert(Tie::Event(event.0));
            }
        });
        let own = uses.of_handler(n, h).filter(|u| u.node == n);
        let shared = own.filter(|u| solution.placements[n][u.state] == Placement::Alone);
        ties.extend(shared.map(|u| Tie::Object(u.state)));
        let (tied, rest): (Vec<_>, Vec<_>) =
            groups.into_iter().partition(|(_, others)| !others.is_disjoint(&ties));
        let mut group = (BTreeSet::from([h]), ties);
        for (handlers, ties) in tied {
            group.0.extend(handlers);
            group.1.extend(ties);
        }
        groups = rest;
        groups.push(group);
    }
    groups.into_iter().map(|(handlers, _)| handlers).collect()
}

fn of_group(
    program: &Program,
    uses: &Uses,
    solution: &Solution,
    n: usize,
    group: &BTreeSet<usize>,
) -> Result<Firing, Misfit> {
    let node = &program.nodes[n];
    let all: Vec<&Use> = group.iter().flat_map(|h| uses.of_handler(n, *h)).collect();
    let placed = |u: &Use| solution.placements[u.node][u.state];
    let changes = |u: &Use| u.kind != AccessKind::Read;
    let everywhere = all.iter().find(|u| match placed(u) {
        Placement::Divided => true,
        Placement::Replicated | Placement::Share => changes(u),
        Placement::Same | Placement::Merged | Placement::Alone => false,
    });
    let Some(everywhere) = everywhere else { return Ok(Firing::Once) };
    let merged: BTreeSet<Object> =
        all.iter().filter(|u| placed(u) == Placement::Merged).map(|u| (u.node, u.state)).collect();
    if !merged.is_empty() {
        return Err(Misfit::Merged(merged));
    }
    let is_divided = |id: StateId| solution.placements[n][id.0 as usize] == Placement::Divided;
    for h in group {
        if let Err(why) = rounds::check(&node.handlers[*h], &is_divided) {
            let head = handler_head(node, &node.handlers[*h].trigger);
            return Err(Misfit::Blocked(vec![reasons::not_apart(program, everywhere, &head, why)]));
        }
    }
    for u in all.iter().filter(|u| placed(u) == Placement::Divided) {
        if is_written_by_init(node, u.state) {
            return Err(Misfit::Blocked(vec![reasons::begun_everywhere(program, u)]));
        }
    }
    Ok(Firing::Everywhere)
}

fn is_written_by_init(node: &Node, state: usize) -> bool {
    let mut found = false;
    let inits = node.handlers.iter().filter(|handler| handler.trigger == Trigger::Init);
    for handler in inits {
        walk_stmts(&handler.body, &mut |stmt| {
            let StmtKind::State(id, op) = &stmt.kind else { return };
            let reads = matches!(op, StateOp::MapGet { .. } | StateOp::Len(_));
            found |= id.0 as usize == state && !reads;
        });
    }
    found
}
