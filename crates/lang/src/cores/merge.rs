//! The whole from its parts: counters and state of a program that ran on several cores.
//!
//! Packets that went to all cores, and `init`, were counted on each. A further engine, the
//! *shadow*, saw those and nothing else; it decides their share, since they depend on nothing but
//! what is the same everywhere. So a sum is the sum over the cores, less the shadow's for each core
//! but one.

use super::uses::{Uses, Who};
use super::{Division, Placement};
use crate::engine::{Entry, EventStats, NodeReport, Report, Traffic};
use crate::ir::{Program, StateOp, StmtKind, Trigger, UpdateOp};
use crate::ir_parts::walk_stmts;
use crate::records::RecordStats;
use crate::snapshot::Snapshot;
use std::collections::{BTreeMap, BTreeSet};
use trama_state::{Shape, StateKind, StateSpec, StateStats, WhenFull};

impl Uses {
    /// The operator by which packets change each leaf of a state object, if they only change it, by
    /// operators that commute, each leaf by the same one, and none of its entries goes with time or
    /// to make room. A counter has two leaves.
    ///
    /// Handlers that no packet leads to may do with it what they want: they have all of it. But
    /// entries begin as zeros on each core, so if they write to it, zero must change nothing; and
    /// events that packets generate must not touch it, for they would have to be sorted in with
    /// those handlers.
    pub(super) fn operators(
        &self,
        program: &Program,
        n: usize,
        state: usize,
    ) -> Option<Vec<UpdateOp>> {
        let node = &program.nodes[n];
        let spec = &node.states[state];
        let mut leaves = match spec.kind {
            StateKind::Map { expire: None, when_full: WhenFull::Refuse, .. }
            | StateKind::Array { .. } => vec![None; spec.value.0.len()],
            StateKind::Counter { .. } => vec![Some(UpdateOp::Add); 2],
            _ => return None,
        };
        let touched_alone = self.of_state(n, state).any(|u| u.who == Who::Alone);
        let (mut mergeable, mut written_alone) = (true, false);
        for (h, handler) in node.handlers.iter().enumerate() {
            let by_packets = self.by_packets.contains(&(n, h));
            let is_event = matches!(handler.trigger, Trigger::Event { .. });
            walk_stmts(&handler.body, &mut |stmt| {
                match &stmt.kind {
                    StmtKind::ForEach { state: id, .. } if id.0 as usize == state => {
                        mergeable &= !by_packets && handler.trigger != Trigger::Init;
                    }
                    _ => {}
                }
                let StmtKind::State(id, op) = &stmt.kind else { return };
                if id.0 as usize != state {
                    return;
                }
                mergeable &= handler.trigger != Trigger::Init;
                mergeable &= !(by_packets && is_event && touched_alone);
                if !by_packets {
                    let puts = matches!(op, StateOp::MapPut { .. });
                    written_alone |= puts || !op.updates().is_empty();
                    return;
                }
                let only_changes = matches!(
                    op,
                    StateOp::MapUpdate { .. } | StateOp::ArrayUpdate { .. } | StateOp::Count { .. }
                );
                mergeable &= only_changes;
                for update in op.updates() {
                    let leaf = &mut leaves[update.leaf as usize];
                    let same = leaf.is_none_or(|op| op == update.op);
                    mergeable &= update.op != UpdateOp::Set && same;
                    *leaf = Some(update.op);
                }
            });
        }
        // A leaf that nobody changes is zero on each core, and so is the sum.
        let leaves: Vec<UpdateOp> =
            leaves.into_iter().map(|op| op.unwrap_or(UpdateOp::Add)).collect();
        let absorbs = leaves.iter().any(|op| matches!(op, UpdateOp::Min | UpdateOp::And));
        (mergeable && !(written_alone && absorbs)).then_some(leaves)
    }
}

/// The entries of a merged object from those of its copies; `base` are those that every copy has.
pub fn gather(
    program: &Program,
    division: &Division,
    (node, state): (usize, usize),
    parts: &[&[Entry]],
    base: &[Entry],
) -> Vec<Entry> {
    let operators = division.operators.get(&(node, state)).map_or(&[][..], Vec::as_slice);
    merged(&program.nodes[node].states[state], operators, parts, base)
}

/// What a program as a whole did and holds, from its cores and the shadow.
pub fn combine(
    program: &Program,
    division: &Division,
    cores: &[Snapshot],
    shadow: &Snapshot,
) -> Snapshot {
    let has_states = cores.iter().all(|core| !core.states.is_empty());
    let mut states = Vec::new();
    for (n, node) in program.nodes.iter().enumerate().filter(|_| has_states) {
        let object = |s: usize| {
            let parts: Vec<&[Entry]> = cores.iter().map(|core| &core.states[n][s][..]).collect();
            let base = &shadow.states[n][s];
            match division.placements[n][s] {
                Placement::Same | Placement::Replicated | Placement::Alone => parts[0].to_vec(),
                // The keeper's is not in use.
                Placement::Share => parts[parts.len() - 1].to_vec(),
                Placement::Divided => union(&parts, base),
                Placement::Merged => gather(program, division, (n, s), &parts, base),
            }
        };
        states.push((0..node.states.len()).map(object).collect());
    }
    let mut report = reports(program, division, cores, shadow);
    for (n, row) in division.placements.iter().enumerate().filter(|_| has_states) {
        for (s, _) in row.iter().enumerate().filter(|(_, p)| **p == Placement::Merged) {
            // Entries of one key on several cores are one.
            if matches!(program.nodes[n].states[s].kind, StateKind::Map { .. }) {
                let entries: &Vec<Vec<Entry>> = &states[n];
                report.nodes[n].states[s].len = entries[s].len() as u64;
            }
        }
    }
    let mut logs: Vec<_> = cores.iter().flat_map(|core| core.logs.clone()).collect();
    logs.sort_by_key(|line| line.time);
    Snapshot { report, states, logs }
}

/// Entries of a divided object: those that a core made or changed, and those of `base` that none
/// did. A key belongs to one core; on the others it is as in the base.
fn union(parts: &[&[Entry]], base: &[Entry]) -> Vec<Entry> {
    type Table<'a> = BTreeMap<&'a [u8], &'a [u8]>;
    let table = |entries: &'_ [Entry]| -> BTreeMap<Vec<u8>, Vec<u8>> {
        entries.iter().map(|e| (e.key.clone(), e.value.clone())).collect()
    };
    let base = table(base);
    let mut all = base.clone();
    for part in parts {
        let part: Table<'_> = part.iter().map(|e| (&e.key[..], &e.value[..])).collect();
        for (key, value) in &part {
            if base.get(*key).map(Vec::as_slice) != Some(*value) {
                all.insert(key.to_vec(), value.to_vec());
            }
        }
        for key in base.keys().filter(|key| !part.contains_key(&key[..])) {
            all.remove(key);
        }
    }
    all.into_iter().map(|(key, value)| Entry { key, value }).collect()
}

/// Entries of a merged object: leaf by leaf what its operator makes of the cores' values.
fn merged(
    spec: &StateSpec,
    operators: &[UpdateOp],
    parts: &[&[Entry]],
    base: &[Entry],
) -> Vec<Entry> {
    let shape = match spec.kind {
        StateKind::Counter { .. } => Shape(vec![64, 64]),
        _ => spec.value.clone(),
    };
    let zero = vec![0_u128; shape.0.len()];
    let keys: BTreeSet<&Vec<u8>> = parts.iter().flat_map(|p| p.iter().map(|e| &e.key)).collect();
    let value_in = |entries: &[Entry], key: &Vec<u8>| {
        let at = entries.binary_search_by(|entry| entry.key.cmp(key));
        at.ok().map(|at| shape.unpack(&entries[at].value))
    };
    let entry = |key: &Vec<u8>| {
        let values: Vec<Vec<u128>> = parts.iter().filter_map(|p| value_in(p, key)).collect();
        let base = value_in(base, key).unwrap_or_else(|| zero.clone());
        let leaf = |(i, op): (usize, &UpdateOp)| {
            let all = values.iter().map(|value| value[i]);
            let repeats = (values.len() as u128).saturating_sub(1);
            let whole = match op {
                UpdateOp::Add => {
                    let sum = all.fold(0_u128, u128::wrapping_add);
                    sum.wrapping_sub(base[i].wrapping_mul(repeats))
                }
                UpdateOp::Max => all.max().unwrap_or(0),
                UpdateOp::Min => all.min().unwrap_or(0),
                UpdateOp::Or => all.fold(0, |a, b| a | b),
                UpdateOp::And => all.reduce(|a, b| a & b).unwrap_or(0),
                UpdateOp::Xor => all.fold(0, |a, b| a ^ b),
                UpdateOp::Set => unreachable!("an object that is set is not merged"),
            };
            let width = u32::from(shape.0[i]);
            if width == 128 { whole } else { whole & ((1 << width) - 1) }
        };
        let leaves: Vec<u128> = operators.iter().enumerate().map(leaf).collect();
        let mut value = Vec::new();
        shape.pack(&leaves, &mut value);
        Entry { key: key.clone(), value }
    };
    keys.into_iter().map(entry).collect()
}

fn reports(
    program: &Program,
    division: &Division,
    cores: &[Snapshot],
    shadow: &Snapshot,
) -> Report {
    let all: Vec<&Report> = cores.iter().map(|core| &core.report).collect();
    let base = &shadow.report;
    let nodes = program.nodes.iter().enumerate().map(|(n, node)| {
        let parts: Vec<&NodeReport> = all.iter().map(|report| &report.nodes[n]).collect();
        let base = &base.nodes[n];
        NodeReport {
            received: traffics(&parts, base, |r| &r.received),
            sent: traffics(&parts, base, |r| &r.sent),
            drops: (0..base.drops.len()).map(|i| total(&parts, base, |r| r.drops[i])).collect(),
            discarded: total(&parts, base, |r| r.discarded),
            consumed: total(&parts, base, |r| r.consumed),
            states: (0..node.states.len())
                .map(|s| match division.placements[n][s] {
                    Placement::Same | Placement::Replicated | Placement::Alone => {
                        parts[0].states[s]
                    }
                    _ => match node.states[s].kind {
                        // Their length is fixed.
                        StateKind::Array { .. } | StateKind::Counter { .. } => {
                            let StateStats { len, peak, .. } = parts[0].states[s];
                            StateStats { len, peak, ..stats(&parts, base, s) }
                        }
                        _ => stats(&parts, base, s),
                    },
                })
                .collect(),
            logs: (0..base.logs.len())
                .map(|i| {
                    let of =
                        |pick: fn(&(u64, u64)) -> u64| total(&parts, base, |r| pick(&r.logs[i]));
                    (of(|log| log.0), of(|log| log.1))
                })
                .collect(),
            events: (0..base.events.len())
                .map(|i| {
                    let of =
                        |pick: fn(&EventStats) -> u64| total(&parts, base, |r| pick(&r.events[i]));
                    EventStats {
                        generated: of(|stats| stats.generated),
                        fired: of(|stats| stats.fired),
                        refused: of(|stats| stats.refused),
                        pending: of(|stats| stats.pending),
                        peak: of(|stats| stats.peak),
                    }
                })
                .collect(),
            streams: (0..base.streams.len())
                .map(|i| {
                    let of = |pick: fn(&RecordStats) -> u64| {
                        total(&parts, base, |r| pick(&r.streams[i]))
                    };
                    RecordStats { emitted: of(|stats| stats.emitted), lost: of(|stats| stats.lost) }
                })
                .collect(),
        }
    });
    Report {
        nodes: nodes.collect(),
        received: traffics(&all, base, |r| &r.received),
        sent: traffics(&all, base, |r| &r.sent),
        unconnected: total(&all, base, |r| r.unconnected),
        discarded: total(&all, base, |r| r.discarded),
    }
}

/// A number as a whole: the cores' sum, less what each of them but one counted in common.
fn total<T>(parts: &[&T], base: &T, number: impl Fn(&T) -> u64) -> u64 {
    let sum: u64 = parts.iter().map(|part| number(part)).sum();
    sum.saturating_sub(number(base) * (parts.len() as u64 - 1))
}

fn traffics<T>(parts: &[&T], base: &T, of: impl Fn(&T) -> &Vec<Traffic>) -> Vec<Traffic> {
    let one = |i: usize| Traffic {
        packets: total(parts, base, |part| of(part)[i].packets),
        bytes: total(parts, base, |part| of(part)[i].bytes),
    };
    (0..of(base).len()).map(one).collect()
}

/// The peak is the sum of the cores' peaks: not less than what it was.
fn stats(parts: &[&NodeReport], base: &NodeReport, s: usize) -> StateStats {
    let of = |number: fn(&StateStats) -> u64| total(parts, base, |r| number(&r.states[s]));
    StateStats {
        len: of(|stats| stats.len),
        peak: of(|stats| stats.peak),
        inserted: of(|stats| stats.inserted),
        expired: of(|stats| stats.expired),
        evicted: of(|stats| stats.evicted),
        refused: of(|stats| stats.refused),
    }
}
