//! Count-min sketch.

use crate::hash::{self, Hasher};
use crate::ops::{Entry, ObjectOps, SketchOps};
use crate::{StateKind, StateSpec, StateStats};
use trama_base::Nanos;

/// Rows of cells, one behind the other.
#[derive(Debug)]
pub struct Sketch {
    width: u64,
    conservative: bool,
    hasher: Hasher,
    cells: Vec<u64>,
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
            width: width.into(),
            conservative,
            hasher: Hasher::new(seed),
            cells: vec![0; width as usize * depth as usize],
            total: 0,
            stats: StateStats::default(),
        }
    }

    pub(super) fn bytes(width: u32, depth: u32) -> u64 {
        u64::from(width) * u64::from(depth) * 8
    }

    /// Bytes that it has reserved.
    pub fn reserved_bytes(&self) -> u64 {
        self.cells.capacity() as u64 * 8
    }

    /// The column in each row, for a hash.
    #[inline]
    fn column(hash: u64, row: usize, width: u64) -> usize {
        hash::spread(hash, row as u32, width) as usize
    }

    #[inline]
    fn least(&self, hash: u64) -> u64 {
        let rows = self.cells.chunks_exact(self.width as usize).enumerate();
        rows.map(|(row, cells)| cells[Self::column(hash, row, self.width)]).min().unwrap_or(0)
    }
}

impl SketchOps for Sketch {
    #[inline]
    fn add(&mut self, key: &[u8], amount: u64) {
        if amount == 0 {
            return;
        }
        let hash = self.hasher.hash(key);
        let least = if self.conservative { self.least(hash).saturating_add(amount) } else { 0 };
        for (row, cells) in self.cells.chunks_exact_mut(self.width as usize).enumerate() {
            let cell = &mut cells[Self::column(hash, row, self.width)];
            self.stats.len += u64::from(*cell == 0);
            *cell = if self.conservative { least.max(*cell) } else { cell.saturating_add(amount) };
        }
        self.total = self.total.saturating_add(amount);
        self.stats.inserted += 1;
        self.stats.peak = self.stats.peak.max(self.stats.len);
    }

    #[inline]
    fn estimate(&self, key: &[u8]) -> u64 {
        self.least(self.hasher.hash(key))
    }

    fn total(&self) -> u64 {
        self.total
    }

    fn clear(&mut self) {
        self.cells.fill(0);
        self.total = 0;
        self.stats.len = 0;
    }
}

impl ObjectOps for Sketch {
    fn stats(&mut self, _now: Nanos) -> StateStats {
        self.stats
    }

    fn entries(&mut self, _now: Nanos) -> Vec<Entry> {
        super::nonzero_words(&self.cells)
    }
}
