//! The algebra of updates: what the order of packets, copies and repetitions do to state.
//!
//! A class is computed, never declared. The handlers of an element are executed symbolically
//! ([`exec`]), which gives for each entry they change its new value as an expression over the old
//! one and the packet; [`class`] and [`linear`] say what kind of function that is. It is exact:
//! numbers wrap around as the language says. What a class permits is said by [`licence`], and shown
//! to be true by [`partial`], which merges runs over parts of a stream.
//!
//! The classes follow Narayana et al., *Language-Directed Hardware Design for Network Performance
//! Monitoring*, SIGCOMM 2017, section 3.2.

mod class;
mod exec;
pub mod explain;
mod licence;
mod linear;
pub mod partial;
mod settle;
mod show;
mod sym;
#[cfg(test)]
mod tests;

pub use class::{Class, LeafClass, Merge, whole};
pub use licence::{licence, licence_if_observed};
pub use linear::{Blame, Form};
pub use show::Names;
pub use sym::{FOUND, Kind, Old, Sym};

use crate::ir::{Expr, ExprKind, Handler, LocalId, Node, Trigger};
use crate::source::Span;
use std::collections::BTreeMap;
use trama_state::StateKind;

/// A leaf of an entry or fold, and how it is updated.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// Its index in the value, or [`FOUND`].
    pub index: u32,
    /// What it holds afterwards.
    pub value: Sym,
    /// What it holds at first.
    pub first: u128,
    /// The class of that.
    pub class: LeafClass,
}

/// The update of one entry by one handler, or that of a fold.
#[derive(Clone, Debug)]
pub struct Update {
    /// Number that the symbols of this update name their old values by.
    pub cell: u32,
    /// The leaves that it has, the unchanged ones included.
    pub leaves: Vec<Leaf>,
    /// The class of the whole.
    pub class: Class,
    /// The statement that changes it.
    pub span: Span,
}

impl Update {
    fn new(cell: u32, value: &[(u32, Sym)], firsts: &BTreeMap<u32, u128>, span: Span) -> Self {
        let (value, settled) = settle::settle(cell, value);
        let classes = class::leaves(cell, &value);
        let class = class::whole(&without_presence(&value, &classes));
        let leaves = value.into_iter().zip(classes).map(|((index, value), class)| {
            let first = settled.get(&index).or(firsts.get(&index)).copied().unwrap_or(0);
            Leaf { index, value, first, class }
        });
        Self { cell, leaves: leaves.collect(), class, span }
    }

    /// What prevents a better class, if it is general.
    pub fn blame(&self) -> Option<(&Leaf, &Blame)> {
        self.leaves.iter().find_map(|leaf| match &leaf.class {
            LeafClass::General(blame) => Some((leaf, blame)),
            _ => None,
        })
    }
}

/// A change of a state object by a handler.
#[derive(Clone, Debug)]
pub struct Change {
    /// Index of the handler in the node.
    pub handler: usize,
    /// Key or index of the entry.
    pub key: Vec<Sym>,
    /// What happens to the entry.
    pub update: Update,
}

/// How all handlers of a node together treat a state object.
#[derive(Clone, Debug)]
pub struct ObjectClass {
    /// Index of the object in the node.
    pub object: u32,
    /// Its changes by packets, timers and events; what `init` writes is its first content.
    pub changes: Vec<Change>,
    /// Changes that are not of single entries, by handler, and why they are not analysed.
    pub opaque: Vec<(usize, &'static str, Span)>,
    /// Handlers that empty it: the classes are about what happens between two times of that.
    pub cleared_by: Vec<usize>,
    /// Handlers in which what it holds decides about something else: a packet, other state.
    pub observed_by: Vec<usize>,
    /// The class of all changes together.
    pub class: Class,
    /// How two copies of an entry that took different packets become one, by leaf of the value, if
    /// the order of packets does not matter and no packet's fate depends on it. The first content
    /// is in both copies: of sums it is taken away once.
    pub merge: Option<Vec<Merge>>,
}

impl ObjectClass {
    /// True if what it holds decides about a packet, or about other state while packets come.
    pub fn decides_about_packets(&self, node: &Node) -> bool {
        let of_packets =
            |handler: &usize| matches!(node.handlers[*handler].trigger, Trigger::Packet { .. });
        self.observed_by.iter().any(of_packets)
    }
}

/// The classes of the leaves of a value: that an entry comes to be there merges with anything.
fn without_presence(value: &[(u32, Sym)], classes: &[LeafClass]) -> Vec<LeafClass> {
    let is_made = |class: &LeafClass| matches!(class, LeafClass::Commutative(..));
    let leaves = value.iter().zip(classes);
    let leaves =
        leaves.filter(|((leaf, _), class)| *leaf != FOUND || value.len() == 1 || !is_made(class));
    leaves.map(|(_, class)| class.clone()).collect()
}

/// The classes of a node's state objects.
pub fn classes(node: &Node) -> Vec<ObjectClass> {
    let outcomes: Vec<_> = node.handlers.iter().map(|h| exec::run(node, h, &[])).collect();
    let object = |object: u32| {
        let mut changes = Vec::new();
        let mut opaque = Vec::new();
        let (mut observed_by, mut cleared_by) = (Vec::new(), Vec::new());
        for (index, (handler, outcome)) in node.handlers.iter().zip(&outcomes).enumerate() {
            if handler.trigger == Trigger::Init {
                continue;
            }
            changes.extend(changes_of(node, object, index, outcome));
            let own = outcome.opaque.iter().filter(|(o, ..)| *o == object);
            opaque.extend(own.map(|(_, why, span)| (index, *why, *span)));
            if outcome.cleared.contains(&object) {
                cleared_by.push(index);
            }
            if outcome.observed.contains(&object) {
                observed_by.push(index);
            }
        }
        combined(
            node,
            ObjectClass {
                object,
                changes,
                opaque,
                cleared_by,
                observed_by,
                class: Class::Unchanged,
                merge: None,
            },
        )
    };
    (0..node.states.len() as u32).map(object).collect()
}

fn changes_of(node: &Node, object: u32, handler: usize, outcome: &exec::Outcome) -> Vec<Change> {
    let kind = &node.states[object as usize].kind;
    let has_presence = matches!(kind, StateKind::Map { .. } | StateKind::Bloom { .. });
    let own =
        outcome.changed.iter().filter(|(cell, _)| outcome.cells[**cell as usize].object == object);
    own.map(|(&cell, content)| {
        let mut value: Vec<(u32, Sym)> = (0..).zip(content.value.iter().cloned()).collect();
        if has_presence {
            value.push((FOUND, content.found.clone()));
        }
        let update = Update::new(cell, &value, &BTreeMap::new(), content.span);
        Change { handler, key: outcome.cells[cell as usize].key.clone(), update }
    })
    .filter(|change| change.update.class != Class::Unchanged)
    .collect()
}

/// Joins the classes of all changes of an object.
fn combined(node: &Node, mut of: ObjectClass) -> ObjectClass {
    let leaves: Vec<u32> = of
        .changes
        .iter()
        .flat_map(|change| change.update.leaves.iter().map(|leaf| leaf.index))
        .collect::<std::collections::BTreeSet<u32>>()
        .into_iter()
        .collect();
    let spec = &node.states[of.object as usize];
    let is_set = match spec.kind {
        StateKind::Map { .. } => spec.value.0.is_empty(),
        StateKind::Bloom { .. } => true,
        _ => false,
    };
    let mut merges = Vec::new();
    let mut parts = Vec::new();
    for leaf in leaves {
        let classes = of.changes.iter().flat_map(|change| {
            change.update.leaves.iter().filter(|l| l.index == leaf).map(|l| &l.class)
        });
        let (class, merge) = joined(classes);
        let is_made = leaf == FOUND && class <= Class::Commutative;
        if !is_made || is_set {
            parts.push((class, !matches!(merge, Some(other) if other != Merge::Sum)));
        }
        if leaf != FOUND {
            merges.push(merge);
        }
    }
    let joint = class::together(parts.into_iter());
    let is_general = !of.opaque.is_empty() || rewrites_two(&of);
    of.class = if is_general { Class::General } else { joint };
    if of.class <= Class::Commutative
        && !of.decides_about_packets(node)
        && spec.algebra().is_mergeable
    {
        of.merge = merges.into_iter().collect();
    }
    of
}

/// True if a handler changes two entries of the object, which may be the same one, by reading and
/// writing them back.
fn rewrites_two(of: &ObjectClass) -> bool {
    let rewritten = |change: &&Change| change.update.class > Class::Commutative;
    let mut handlers: Vec<usize> =
        of.changes.iter().filter(rewritten).map(|change| change.handler).collect();
    let before = handlers.len();
    handlers.dedup();
    handlers.len() < before
}

/// The class of several updates of one leaf, in any order.
fn joined<'c>(classes: impl Iterator<Item = &'c LeafClass>) -> (Class, Option<Merge>) {
    let mut merges = std::collections::BTreeSet::new();
    let (mut history, mut is_linear, mut is_general, mut commutes) = (None, false, false, None);
    for class in classes {
        match class {
            LeafClass::Unchanged => {}
            LeafClass::Commutative(merge, _) => {
                merges.insert(*merge);
                commutes = Some(*merge);
            }
            LeafClass::History(packets) => history = history.max(Some(*packets)),
            LeafClass::Linear(_) => is_linear = true,
            LeafClass::General(_) => is_general = true,
        }
    }
    let packets = history.unwrap_or(0);
    let only_sums = commutes.is_none_or(|merge| merge == Merge::Sum) && merges.len() <= 1;
    let class = match (commutes, history) {
        _ if is_general || merges.len() > 1 => Class::General,
        (Some(merge), None) if !is_linear => {
            if merge.is_idempotent() {
                Class::Idempotent
            } else {
                Class::Commutative
            }
        }
        (None, None) if !is_linear => Class::Unchanged,
        (None, Some(_)) if !is_linear => Class::History(packets),
        _ if only_sums => Class::Linear(packets),
        // A maximum that something else resets has neither form.
        _ => Class::General,
    };
    // An unchanged leaf merges by either value.
    let merge = (class <= Class::Commutative).then(|| commutes.unwrap_or(Merge::Max));
    (class, merge)
}

/// The update of a fold: the locals that hold the parameters and the old values at the start of
/// its handler, and those that hold the new values at the end. In the result, parameters are
/// locals numbered from zero.
pub fn of_fold(
    handler: &Handler,
    (params, states): (&[LocalId], &[LocalId]),
    results: &[LocalId],
    firsts: &[u128],
) -> Update {
    let inputs: Vec<LocalId> = params.iter().chain(states).copied().collect();
    let outcome = exec::run(&Node::default(), handler, &inputs);
    let leaf = |id: &LocalId| outcome.locals.get(id.0 as usize).cloned();
    let renamed = |part: &Sym| {
        let Kind::Input(e, _) = part.kind() else { return None };
        let ExprKind::Local(id) = e.kind else { return None };
        if let Some(leaf) = states.iter().position(|s| *s == id) {
            let old = Old { cell: 0, leaf: leaf as u32 };
            return Some(Sym::old(old, part.width(), part.span()));
        }
        let param = LocalId(params.iter().position(|p| *p == id)? as u32);
        let local = Expr { kind: ExprKind::Local(param), width: part.width() };
        Some(Sym::input(local, 0, part.span()))
    };
    let value: Vec<(u32, Sym)> = results
        .iter()
        .enumerate()
        .map(|(index, id)| {
            let sym = leaf(id).unwrap_or_else(|| Sym::constant(0, handler.locals[id.0 as usize]));
            (index as u32, sym.with_state(&renamed))
        })
        .collect();
    let firsts = (0..).zip(firsts.iter().copied()).collect();
    Update::new(0, &value, &firsts, handler.span)
}
