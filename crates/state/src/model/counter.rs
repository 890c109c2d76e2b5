//! The model of a counter array.

use crate::ops::{CounterOps, Entry, ObjectOps, indexed};
use crate::{StateKind, StateSpec, StateStats};
use std::collections::BTreeMap;
use trama_base::Nanos;

/// The pairs (packets, bytes) that ever counted; all others are zero.
#[derive(Clone, Debug)]
pub struct Counter {
    len: u64,
    pairs: BTreeMap<u64, (u64, u64)>,
    refused: u64,
}

impl Counter {
    /// The counters of a valid specification of that kind.
    pub(super) fn new(spec: &StateSpec) -> Self {
        let StateKind::Counter { len } = spec.kind else { unreachable!("counters were asked for") };
        Self { len: u64::from(len), pairs: BTreeMap::new(), refused: 0 }
    }
}

impl CounterOps for Counter {
    fn add(&mut self, index: u64, bytes: u64) -> bool {
        if index >= self.len {
            self.refused += 1;
            return false;
        }
        let pair = self.pairs.entry(index).or_default();
        *pair = (pair.0.wrapping_add(1), pair.1.wrapping_add(bytes));
        true
    }

    fn get(&self, index: u64) -> Option<(u64, u64)> {
        (index < self.len).then(|| self.pairs.get(&index).copied().unwrap_or_default())
    }
}

impl ObjectOps for Counter {
    fn stats(&mut self, _now: Nanos) -> StateStats {
        StateStats { len: self.len, peak: self.len, refused: self.refused, ..StateStats::default() }
    }

    fn entries(&mut self, _now: Nanos) -> Vec<Entry> {
        let mut entries: Vec<Entry> = self
            .pairs
            .iter()
            .filter(|(_, pair)| **pair != (0, 0))
            .map(|(index, (packets, bytes))| {
                let value = [packets.to_le_bytes(), bytes.to_le_bytes()].concat();
                (index.to_le_bytes().to_vec(), value)
            })
            .collect();
        entries.sort();
        entries
    }

    fn refill(&mut self, entries: &[Entry], _now: Nanos) -> bool {
        let pairs = entries.iter().filter_map(indexed).map(|(index, value)| {
            let (packets, bytes) = value.split_at(8);
            let number = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_le_bytes);
            (index, (number(packets), number(bytes)))
        });
        self.pairs = pairs.filter(|(index, _)| *index < self.len).collect();
        true
    }
}
