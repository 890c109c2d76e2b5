//! The model of a count-min sketch.

use crate::hash;
use crate::ops::{Entry, ObjectOps, SketchOps};
use crate::{StateKind, StateSpec, StateStats};
use std::collections::BTreeMap;
use trama_base::Nanos;

/// The cells that are not zero, by row and column.
#[derive(Clone, Debug)]
pub struct Sketch {
    width: u32,
    depth: u32,
    conservative: bool,
    seed: u64,
    key_bytes: usize,
    cells: BTreeMap<(u32, u64), u64>,
    total: u64,
    stats: StateStats,
}

impl Sketch {
    /// The sketch of a valid specification of that kind.
    pub(super) fn new(spec: &StateSpec) -> Self {
        let StateKind::Sketch { width, depth, conservative, seed } = spec.kind else {
            unreachable!("a sketch was asked for")
        };
        Self {
            width,
            depth,
            conservative,
            seed,
            key_bytes: spec.key.bytes(),
            cells: BTreeMap::new(),
            total: 0,
            stats: StateStats::default(),
        }
    }

    /// The cells of a key: one in each row.
    fn places(&self, key: &[u8]) -> Vec<(u32, u64)> {
        assert_eq!(key.len(), self.key_bytes, "a key has the length that its shape says");
        let hash = hash::seeded(self.seed, key);
        (0..self.depth).map(|row| (row, hash::spread(hash, row, self.width.into()))).collect()
    }

    fn cell(&self, place: &(u32, u64)) -> u64 {
        self.cells.get(place).copied().unwrap_or(0)
    }
}

impl SketchOps for Sketch {
    fn add(&mut self, key: &[u8], amount: u64) {
        if amount == 0 {
            return;
        }
        let least = self.estimate(key).saturating_add(amount);
        for place in self.places(key) {
            let old = self.cell(&place);
            let new = if self.conservative { old.max(least) } else { old.saturating_add(amount) };
            self.cells.insert(place, new);
        }
        self.total = self.total.saturating_add(amount);
        self.stats.inserted += 1;
        self.stats.peak = self.stats.peak.max(self.cells.len() as u64);
    }

    fn estimate(&self, key: &[u8]) -> u64 {
        self.places(key).iter().map(|place| self.cell(place)).min().unwrap_or(0)
    }

    fn total(&self) -> u64 {
        self.total
    }

    fn clear(&mut self) {
        self.cells.clear();
        self.total = 0;
    }
}

impl ObjectOps for Sketch {
    fn stats(&mut self, _now: Nanos) -> StateStats {
        StateStats { len: self.cells.len() as u64, ..self.stats }
    }

    fn entries(&mut self, _now: Nanos) -> Vec<Entry> {
        let index = |(row, column): &(u32, u64)| u64::from(*row) * u64::from(self.width) + column;
        let packed = |(place, count): (&(u32, u64), &u64)| {
            (index(place).to_le_bytes().to_vec(), count.to_le_bytes().to_vec())
        };
        let mut entries: Vec<Entry> = self.cells.iter().map(packed).collect();
        entries.sort();
        entries
    }
}
