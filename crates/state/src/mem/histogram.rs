//! Keyed histograms.

use super::Map;
use super::table::read_u64;
use crate::ops::{Entry, HistogramOps, MapOps, ObjectOps};
use crate::spec::{bucket_count, bucket_middle, quantile_rank};
use crate::{StateKind, StateSpec, StateStats};
use trama_base::Nanos;

/// Entries of a hash table: the number of numbers, then that in each bucket, 8 bytes each.
#[derive(Debug)]
pub struct Histogram {
    map: Map,
    precision: u8,
}

impl Histogram {
    /// The histograms of a valid specification of that kind.
    pub(super) fn new(spec: &StateSpec, seed: u64) -> Self {
        let StateKind::Histogram { precision, .. } = spec.kind else {
            unreachable!("histograms were asked for")
        };
        Self { map: Map::new(&spec.lifetime_map(value_bytes(precision)), seed), precision }
    }

    pub(super) fn bytes(spec: &StateSpec, precision: u8) -> u64 {
        Map::bytes(&spec.lifetime_map(value_bytes(precision)))
    }

    /// Bytes that it has reserved.
    pub fn reserved_bytes(&self) -> u64 {
        self.map.reserved_bytes()
    }
}

fn value_bytes(precision: u8) -> usize {
    8 * (1 + bucket_count(precision) as usize)
}

/// The bucket of a number: itself below `2^p`; above, the octave and the `p` bits behind its
/// highest.
#[inline]
fn bucket_of(precision: u8, number: u64) -> u32 {
    let highest = 63 - (number | 1).leading_zeros();
    let shift = highest.saturating_sub(precision.into());
    (shift << precision) + (number >> shift) as u32
}

/// Adds one to a number of 8 bytes.
#[inline]
fn increment(value: &mut [u8], at: usize) {
    let sum = read_u64(value, at).wrapping_add(1);
    value[at..at + 8].copy_from_slice(&sum.to_le_bytes());
}

impl HistogramOps for Histogram {
    #[inline]
    fn add(&mut self, key: &[u8], number: u64, now: Nanos) -> bool {
        let Some(value) = self.map.entry(key, now) else { return false };
        increment(value, 0);
        increment(value, 8 * (1 + bucket_of(self.precision, number) as usize));
        true
    }

    fn count(&mut self, key: &[u8], now: Nanos) -> u64 {
        self.map.get(key, now).map_or(0, |value| read_u64(value, 0))
    }

    fn quantile(&mut self, key: &[u8], part: u64, whole: u64, now: Nanos) -> Option<u64> {
        let value = self.map.get(key, now).filter(|_| whole > 0)?;
        let rank = quantile_rank(read_u64(value, 0), part, whole);
        let mut below = 0;
        let buckets = value[8..].as_chunks().0.iter().map(|bytes| u64::from_le_bytes(*bytes));
        for (bucket, count) in (0..).zip(buckets) {
            below += count;
            if below >= rank {
                return Some(bucket_middle(self.precision, bucket));
            }
        }
        None
    }

    fn remove(&mut self, key: &[u8], now: Nanos) -> bool {
        self.map.remove(key, now)
    }

    fn clear(&mut self, now: Nanos) {
        self.map.clear(now);
    }

    fn len(&mut self, now: Nanos) -> u64 {
        self.map.len(now)
    }
}

impl ObjectOps for Histogram {
    fn stats(&mut self, now: Nanos) -> StateStats {
        self.map.stats(now)
    }

    fn entries(&mut self, now: Nanos) -> Vec<Entry> {
        let shown = |(key, value): Entry| (key, value[..8].to_vec());
        self.map.entries(now).into_iter().map(shown).collect()
    }
}
