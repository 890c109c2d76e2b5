//! The fields to steer by: the greatest solution of what all uses demand.
//!
//! Each use of an object demands that the leaves by which the object is divided are, in the packets
//! that use it, exactly the fields by which these packets are steered. Then two packets with the
//! same key are steered by the same values and meet on one core.

use super::Placement;
use super::classes::Classes;
use super::reasons::{self, Blocker};
use super::steer::Part;
use super::uses::{Use, Uses, Who};
use crate::effects::AccessKind;
use crate::ir::{Program, UpdateOp};
use std::collections::{BTreeMap, BTreeSet};
use trama_state::StateKind;
use trama_wire::header::HeaderId;

/// A state object: node and index.
pub(super) type Object = (usize, usize);

/// An external port and a class of packets.
pub(super) type Stream = (usize, usize);

/// What was found.
#[derive(Clone, Debug)]
pub(super) struct Solution {
    pub(super) placements: Vec<Vec<Placement>>,
    /// What to steer by, in an order in which the same place means the same for all; streams that
    /// are not here are free.
    pub(super) fields: BTreeMap<Stream, Vec<Part>>,
    /// Streams that go to all cores.
    pub(super) broadcast: BTreeSet<Stream>,
    /// Whether the order cannot be the same for all.
    pub(super) symmetric: bool,
}

/// Leaves for each object and fields for each stream.
#[derive(Clone, Debug, Default)]
struct Fit {
    leaves: BTreeMap<Object, BTreeSet<usize>>,
    fields: BTreeMap<Stream, BTreeSet<Part>>,
}

impl Fit {
    fn holds(&self) -> bool {
        self.leaves.values().all(|leaves| !leaves.is_empty())
    }
}

/// Finds a solution, or what prevents it.
pub(super) fn solve(
    program: &Program,
    classes: &Classes,
    uses: &Uses,
    fixed: &[Vec<Option<Placement>>],
) -> Result<Solution, Vec<Blocker>> {
    let open: BTreeSet<Object> = objects(fixed).collect();
    let mut replicated = BTreeSet::new();
    let mut broadcast = BTreeSet::new();
    let mut fit = fit(program, uses, &open, &broadcast);
    if !fit.holds() {
        for culprit in culprits(program, uses, &open, &broadcast) {
            let found = replicate(program, classes, uses, fixed, culprit);
            let (objects, streams) = found.unwrap_or_default();
            replicated.extend(objects);
            broadcast.extend(streams);
        }
        let rest: BTreeSet<Object> = open.difference(&replicated).copied().collect();
        fit = self::fit(program, uses, &rest, &broadcast);
        if !fit.holds() {
            let rest = culprits(program, uses, &rest, &broadcast);
            return Err(reasons::blockers(program, uses, &rest));
        }
    }
    let place = |n: usize, s: usize| match fixed[n][s] {
        Some(placement) => placement,
        None if replicated.contains(&(n, s)) => Placement::Replicated,
        None => Placement::Divided,
    };
    let placements = (fixed.iter().enumerate())
        .map(|(n, row)| (0..row.len()).map(|s| place(n, s)).collect())
        .collect();
    let (fields, symmetric) = order(uses, &fit);
    Ok(Solution { placements, fields, broadcast, symmetric })
}

fn objects(fixed: &[Vec<Option<Placement>>]) -> impl Iterator<Item = Object> {
    fixed.iter().enumerate().flat_map(|(n, row)| {
        let open = row.iter().enumerate().filter(|(_, placement)| placement.is_none());
        open.map(move |(s, _)| (n, s))
    })
}

/// The greatest solution for these objects alone.
fn fit(
    program: &Program,
    uses: &Uses,
    objects: &BTreeSet<Object>,
    broadcast: &BTreeSet<Stream>,
) -> Fit {
    let all: Vec<&Use> = (uses.all.iter())
        .filter(|u| objects.contains(&(u.node, u.state)))
        // To do the same with each entry demands nothing.
        .filter(|u| !(u.who == Who::Alone && u.is_each))
        .filter(|u| !matches!(u.who, Who::Packets(p, c) if broadcast.contains(&(p, c))))
        .collect();
    let mut fit = Fit::default();
    for object in objects {
        fit.leaves.insert(*object, candidates(program, *object, &all));
    }
    loop {
        fit.fields = BTreeMap::new();
        for u in &all {
            let Who::Packets(port, class) = u.who else { continue };
            let own = parts(u, &fit.leaves[&(u.node, u.state)]);
            let fields = fit.fields.entry((port, class)).or_insert_with(|| own.clone());
            *fields = fields.intersection(&own).copied().collect();
        }
        let mut changed = false;
        for u in &all {
            let Who::Packets(port, class) = u.who else { continue };
            let fields = &fit.fields[&(port, class)];
            if let Some(leaves) = fit.leaves.get_mut(&(u.node, u.state)) {
                let before = leaves.len();
                leaves.retain(|leaf| u.key[*leaf].is_some_and(|part| fields.contains(&part)));
                changed |= leaves.len() < before;
            }
        }
        if !changed {
            return fit;
        }
    }
}

/// The leaves of an object's key that are a field of the packet in every use, no two of them the
/// same one.
fn candidates(program: &Program, object: Object, uses: &[&Use]) -> BTreeSet<usize> {
    let spec = &program.nodes[object.0].states[object.1];
    let leaves = match spec.kind {
        StateKind::Map { .. }
        | StateKind::Bucket { .. }
        | StateKind::Streams { .. }
        | StateKind::Histogram { .. } => spec.key.0.len(),
        StateKind::Array { .. } | StateKind::Counter { .. } => 1,
        // Keys of a sketch or a filter meet in its cells: what one reads depends on the others.
        StateKind::Sketch { .. } | StateKind::Bloom { .. } => 0,
        StateKind::Pool { .. }
        | StateKind::Lpm { .. }
        | StateKind::Maglev { .. }
        | StateKind::Ring { .. }
        | StateKind::Patterns(_) => 0,
    };
    let mut found: BTreeSet<usize> = (0..leaves).collect();
    for u in uses.iter().filter(|u| (u.node, u.state) == object) {
        let mut seen = BTreeSet::new();
        found.retain(|leaf| {
            let part = u.key.get(*leaf).copied().flatten();
            part.is_some_and(|part| seen.insert(part))
        });
    }
    found
}

fn parts(u: &Use, leaves: &BTreeSet<usize>) -> BTreeSet<Part> {
    leaves.iter().filter_map(|leaf| u.key[*leaf]).collect()
}

/// The objects that prevent a solution: those that alone have none, else those without which there
/// is one, else all.
fn culprits(
    program: &Program,
    uses: &Uses,
    objects: &BTreeSet<Object>,
    broadcast: &BTreeSet<Stream>,
) -> BTreeSet<Object> {
    let mut found = objects.clone();
    found.retain(|object| !fit(program, uses, &[*object].into(), broadcast).holds());
    if found.is_empty() {
        found = objects.clone();
        found.retain(|object| {
            let mut rest = objects.clone();
            rest.remove(object);
            fit(program, uses, &rest, broadcast).holds()
        });
    }
    if found.is_empty() { objects.clone() } else { found }
}

/// The objects to keep alike on all cores so that `wanted` is, and the streams that must go to all
/// cores for it; none if that is not possible.
fn replicate(
    program: &Program,
    classes: &Classes,
    uses: &Uses,
    fixed: &[Vec<Option<Placement>>],
    wanted: Object,
) -> Option<(BTreeSet<Object>, BTreeSet<Stream>)> {
    let mut objects = BTreeSet::from([wanted]);
    loop {
        let writers = uses
            .all
            .iter()
            .filter(|u| objects.contains(&(u.node, u.state)) && u.kind != AccessKind::Read);
        let streams: BTreeSet<Stream> = writers
            .filter_map(|u| match u.who {
                Who::Packets(port, class) => Some((port, class)),
                Who::Alone => None,
            })
            .collect();
        let is_control = |(_, class): &Stream| {
            let excludes = |id| classes.excludes(classes.all[*class], id);
            excludes(HeaderId::IP) && excludes(HeaderId::IP6)
        };
        if !streams.iter().all(is_control) {
            return None;
        }
        // What else these packets touch must be the same everywhere, or count them once.
        let mut more = objects.clone();
        for u in &uses.all {
            if !matches!(u.who, Who::Packets(p, c) if streams.contains(&(p, c))) {
                continue;
            }
            match fixed[u.node][u.state] {
                Some(Placement::Same) => {}
                Some(Placement::Merged) => {
                    let operators = uses.operators(program, u.node, u.state)?;
                    if operators.contains(&UpdateOp::Xor) {
                        return None;
                    }
                }
                None => {
                    more.insert((u.node, u.state));
                }
                Some(_) => return None,
            }
        }
        if more == objects {
            return Some((objects, streams));
        }
        objects = more;
    }
}

/// Puts the fields of each stream into an order in which fields at one place belong to the same
/// leaves. Where two fields of a stream do, or one place has several widths, only a hash that does
/// not mind the order serves: the second result.
fn order(uses: &Uses, fit: &Fit) -> (BTreeMap<Stream, Vec<Part>>, bool) {
    // Place of each leaf: the smallest leaf that it is connected with through common fields.
    let leaves = || fit.leaves.iter().flat_map(|(o, leaves)| leaves.iter().map(|l| (*o, *l)));
    let mut place_of_leaf: BTreeMap<(Object, usize), usize> =
        leaves().enumerate().map(|(place, leaf)| (leaf, place)).collect();
    let mut place_of_field: BTreeMap<(Stream, Part), usize> = BTreeMap::new();
    let mut changed = true;
    while changed {
        changed = false;
        for u in &uses.all {
            let Who::Packets(port, class) = u.who else { continue };
            let object = (u.node, u.state);
            let Some(own) = fit.leaves.get(&object) else { continue };
            if !fit.fields.contains_key(&(port, class)) {
                continue;
            }
            for leaf in own {
                let Some(part) = u.key[*leaf] else { continue };
                let of_leaf = place_of_leaf.get_mut(&(object, *leaf));
                let of_leaf = of_leaf.expect("every leaf has a place");
                let of_field = place_of_field.entry(((port, class), part)).or_insert(*of_leaf);
                let least = (*of_leaf).min(*of_field);
                changed |= *of_leaf != least || *of_field != least;
                (*of_leaf, *of_field) = (least, least);
            }
        }
    }
    let mut widths: BTreeMap<usize, u8> = BTreeMap::new();
    let mut symmetric = false;
    let mut ordered = BTreeMap::new();
    for (stream, parts) in &fit.fields {
        let mut placed: Vec<(usize, Part)> = parts
            .iter()
            .map(|part| (place_of_field.get(&(*stream, *part)).copied().unwrap_or(0), *part))
            .collect();
        placed.sort();
        symmetric |= placed.windows(2).any(|pair| pair[0].0 == pair[1].0);
        for (place, part) in &placed {
            symmetric |= *widths.entry(*place).or_insert(part.bits()) != part.bits();
        }
        ordered.insert(*stream, placed.into_iter().map(|(_, part)| part).collect());
    }
    (ordered, symmetric)
}
