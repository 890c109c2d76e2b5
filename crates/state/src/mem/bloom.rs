//! Bloom filter.

use crate::hash::{self, Hasher};
use crate::ops::{BloomOps, Entry, ObjectOps};
use crate::spec::bloom_size;
use crate::{StateKind, StateSpec, StateStats};
use trama_base::Nanos;

/// Bits in words of 64.
#[derive(Debug)]
pub struct Bloom {
    bits: u64,
    rows: u32,
    hasher: Hasher,
    words: Vec<u64>,
    stats: StateStats,
}

impl Bloom {
    /// The filter of a valid specification of that kind.
    pub(super) fn new(spec: &StateSpec) -> Self {
        let StateKind::Bloom { capacity, error_ppm, seed } = spec.kind else {
            unreachable!("a Bloom filter was asked for")
        };
        let (bits, rows) = bloom_size(capacity, error_ppm);
        let words = vec![0; bits.div_ceil(64) as usize];
        Self { bits, rows, hasher: Hasher::new(seed), words, stats: StateStats::default() }
    }

    pub(super) fn bytes(capacity: u32, error_ppm: u32) -> u64 {
        bloom_size(capacity, error_ppm).0.div_ceil(64) * 8
    }

    /// Bytes that it has reserved.
    pub fn reserved_bytes(&self) -> u64 {
        self.words.capacity() as u64 * 8
    }
}

impl BloomOps for Bloom {
    #[inline]
    fn insert(&mut self, key: &[u8]) {
        let hash = self.hasher.hash(key);
        let mut missing = 0;
        for row in 0..self.rows {
            let bit = hash::spread(hash, row, self.bits);
            let word = &mut self.words[(bit / 64) as usize];
            missing |= !*word & 1 << (bit % 64);
            *word |= 1 << (bit % 64);
        }
        let is_new = u64::from(missing != 0);
        self.stats.len += is_new;
        self.stats.inserted += is_new;
        self.stats.peak = self.stats.peak.max(self.stats.len);
    }

    #[inline]
    fn contains(&self, key: &[u8]) -> bool {
        let hash = self.hasher.hash(key);
        (0..self.rows).all(|row| {
            let bit = hash::spread(hash, row, self.bits);
            self.words[(bit / 64) as usize] >> (bit % 64) & 1 == 1
        })
    }

    fn len(&self) -> u64 {
        self.stats.len
    }

    fn clear(&mut self) {
        self.words.fill(0);
        self.stats.len = 0;
    }
}

impl ObjectOps for Bloom {
    fn stats(&mut self, _now: Nanos) -> StateStats {
        self.stats
    }

    fn entries(&mut self, _now: Nanos) -> Vec<Entry> {
        super::nonzero_words(&self.words)
    }
}
