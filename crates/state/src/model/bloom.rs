//! The model of a Bloom filter.

use crate::hash;
use crate::ops::{BloomOps, Entry, ObjectOps};
use crate::spec::bloom_size;
use crate::{StateKind, StateSpec, StateStats};
use std::collections::{BTreeMap, BTreeSet};
use trama_base::Nanos;

/// The numbers of the bits that are set.
#[derive(Clone, Debug)]
pub struct Bloom {
    bits: u64,
    rows: u32,
    seed: u64,
    key_bytes: usize,
    set: BTreeSet<u64>,
    stats: StateStats,
}

impl Bloom {
    /// The filter of a valid specification of that kind.
    pub(super) fn new(spec: &StateSpec) -> Self {
        let StateKind::Bloom { capacity, error_ppm, seed } = spec.kind else {
            unreachable!("a Bloom filter was asked for")
        };
        let (bits, rows) = bloom_size(capacity, error_ppm);
        let (set, stats) = (BTreeSet::new(), StateStats::default());
        Self { bits, rows, seed, key_bytes: spec.key.bytes(), set, stats }
    }

    fn bits_of(&self, key: &[u8]) -> Vec<u64> {
        assert_eq!(key.len(), self.key_bytes, "a key has the length that its shape says");
        let hash = hash::seeded(self.seed, key);
        (0..self.rows).map(|row| hash::spread(hash, row, self.bits)).collect()
    }
}

impl BloomOps for Bloom {
    fn insert(&mut self, key: &[u8]) {
        if self.contains(key) {
            return;
        }
        self.set.extend(self.bits_of(key));
        self.stats.len += 1;
        self.stats.inserted += 1;
        self.stats.peak = self.stats.peak.max(self.stats.len);
    }

    fn contains(&self, key: &[u8]) -> bool {
        self.bits_of(key).iter().all(|bit| self.set.contains(bit))
    }

    fn len(&self) -> u64 {
        self.stats.len
    }

    fn clear(&mut self) {
        self.set.clear();
        self.stats.len = 0;
    }
}

impl ObjectOps for Bloom {
    fn stats(&mut self, _now: Nanos) -> StateStats {
        self.stats
    }

    fn entries(&mut self, _now: Nanos) -> Vec<Entry> {
        let mut words: BTreeMap<u64, u64> = BTreeMap::new();
        for bit in &self.set {
            *words.entry(bit / 64).or_default() |= 1 << (bit % 64);
        }
        let packed =
            |(index, word): (u64, u64)| (index.to_le_bytes().to_vec(), word.to_le_bytes().to_vec());
        let mut entries: Vec<Entry> = words.into_iter().map(packed).collect();
        entries.sort();
        entries
    }
}
