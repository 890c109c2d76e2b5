//! The model of a counter array.

use crate::ops::{CounterOps, Entry, ObjectOps};
use crate::{StateKind, StateSpec, StateStats};
use trama_base::Nanos;

/// A vector of (packets, bytes).
#[derive(Clone, Debug)]
pub struct Counter {
    pairs: Vec<(u64, u64)>,
    refused: u64,
}

impl Counter {
    /// The counters of a valid specification of that kind.
    pub(super) fn new(spec: &StateSpec) -> Self {
        let StateKind::Counter { len } = spec.kind else { unreachable!("counters were asked for") };
        Self { pairs: vec![(0, 0); len as usize], refused: 0 }
    }
}

impl CounterOps for Counter {
    fn add(&mut self, index: u64, bytes: u64) -> bool {
        if index >= self.pairs.len() as u64 {
            self.refused += 1;
            return false;
        }
        let pair = &mut self.pairs[index as usize];
        *pair = (pair.0.wrapping_add(1), pair.1.wrapping_add(bytes));
        true
    }

    fn get(&self, index: u64) -> Option<(u64, u64)> {
        self.pairs.get(usize::try_from(index).ok()?).copied()
    }
}

impl ObjectOps for Counter {
    fn stats(&mut self, _now: Nanos) -> StateStats {
        let len = self.pairs.len() as u64;
        StateStats { len, peak: len, refused: self.refused, ..StateStats::default() }
    }

    fn entries(&mut self, _now: Nanos) -> Vec<Entry> {
        let indexed = self.pairs.iter().enumerate();
        let mut entries: Vec<Entry> = indexed
            .filter(|(_, pair)| **pair != (0, 0))
            .map(|(index, (packets, bytes))| {
                let value = [packets.to_le_bytes(), bytes.to_le_bytes()].concat();
                ((index as u64).to_le_bytes().to_vec(), value)
            })
            .collect();
        entries.sort();
        entries
    }
}
