//! The model of keyed histograms.

use super::keyed::Keyed;
use crate::ops::{Entry, HistogramOps, ObjectOps};
use crate::spec::{bucket_bounds, bucket_count, bucket_middle, quantile_rank};
use crate::{StateKind, StateSpec, StateStats};
use std::collections::BTreeMap;
use trama_base::Nanos;

/// For each key how many numbers are in which bucket.
#[derive(Clone, Debug)]
pub struct Histogram {
    precision: u8,
    buckets: Keyed<BTreeMap<u32, u64>>,
}

impl Histogram {
    /// The histograms of a valid specification of that kind.
    pub(super) fn new(spec: &StateSpec) -> Self {
        let StateKind::Histogram { precision, .. } = spec.kind else {
            unreachable!("histograms were asked for")
        };
        Self { precision, buckets: Keyed::new(spec) }
    }

    /// The bucket between whose bounds a number is.
    fn bucket(&self, number: u64) -> u32 {
        let is_below = |bucket: &u32| bucket_bounds(self.precision, *bucket).1 < number;
        (0..bucket_count(self.precision))
            .find(|bucket| !is_below(bucket))
            .expect("the last has all")
    }
}

impl HistogramOps for Histogram {
    fn add(&mut self, key: &[u8], number: u64, now: Nanos) -> bool {
        let bucket = self.bucket(number);
        let buckets = self.buckets.write(key, now, BTreeMap::new);
        buckets.map(|buckets| *buckets.entry(bucket).or_default() += 1).is_some()
    }

    fn count(&mut self, key: &[u8], now: Nanos) -> u64 {
        self.buckets.get(key, now).map_or(0, |buckets| buckets.values().sum())
    }

    fn quantile(&mut self, key: &[u8], part: u64, whole: u64, now: Nanos) -> Option<u64> {
        let rank = quantile_rank(self.count(key, now), part, whole);
        let mut below = 0;
        let buckets = self.buckets.get(key, now).filter(|_| whole > 0)?;
        let holds = |count: &u64| {
            below += count;
            below >= rank
        };
        let bucket = buckets.values().position(holds).and_then(|at| buckets.keys().nth(at));
        bucket.map(|&bucket| bucket_middle(self.precision, bucket))
    }

    fn remove(&mut self, key: &[u8], now: Nanos) -> bool {
        self.buckets.remove(key, now)
    }

    fn clear(&mut self, now: Nanos) {
        self.buckets.clear(now);
    }

    fn len(&mut self, now: Nanos) -> u64 {
        self.buckets.stats(now).len
    }
}

impl ObjectOps for Histogram {
    fn stats(&mut self, now: Nanos) -> StateStats {
        self.buckets.stats(now)
    }

    fn entries(&mut self, now: Nanos) -> Vec<Entry> {
        let packed = |(key, buckets): (&Vec<u8>, &BTreeMap<u32, u64>)| {
            (key.clone(), buckets.values().sum::<u64>().to_le_bytes().to_vec())
        };
        self.buckets.all(now).map(packed).collect()
    }
}
