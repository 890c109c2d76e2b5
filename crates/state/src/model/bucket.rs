//! The model of token buckets.

use crate::ops::{BucketOps, Entry, ObjectOps};
use crate::{StateKind, StateSpec, StateStats};
use std::collections::BTreeMap;
use trama_base::Nanos;

/// Token-nanoseconds in a token: a rate of one token per second adds one of them each nanosecond.
const TOKEN: u128 = 1_000_000_000;

/// The levels of all tracked buckets, each as of its last take.
#[derive(Clone, Debug)]
pub struct Bucket {
    capacity: usize,
    key_bytes: usize,
    rate_per_s: u64,
    burst: u64,
    levels: BTreeMap<Vec<u8>, Level>,
    stats: StateStats,
}

#[derive(Clone, Copy, Debug)]
struct Level {
    /// Token-nanoseconds at `time`.
    fill: u128,
    time: Nanos,
    /// How many keys had been tracked before this one.
    turn: u64,
}

impl Bucket {
    /// The buckets of a valid specification of that kind.
    pub(super) fn new(spec: &StateSpec) -> Self {
        let StateKind::Bucket { capacity, rate_per_s, burst } = spec.kind else {
            unreachable!("a bucket was asked for")
        };
        Self {
            capacity: capacity as usize,
            key_bytes: spec.key.bytes(),
            rate_per_s,
            burst,
            levels: BTreeMap::new(),
            stats: StateStats::default(),
        }
    }

    fn full(&self) -> u128 {
        u128::from(self.burst) * TOKEN
    }

    fn fill_at(&self, level: &Level, now: Nanos) -> u128 {
        let gain = u128::from(self.rate_per_s) * u128::from(now.since(level.time).0);
        level.fill.saturating_add(gain).min(self.full())
    }

    /// The first nanosecond at which a bucket is full again; the last there is if it is later.
    fn full_at(&self, level: &Level) -> Nanos {
        let wait = (self.full() - level.fill).div_ceil(u128::from(self.rate_per_s));
        level.time + Nanos(u64::try_from(wait).unwrap_or(u64::MAX))
    }

    /// Forgets the bucket that is full first, if it is by now.
    fn forget_one(&mut self, now: Nanos) -> bool {
        let first = self.levels.iter().min_by_key(|(_, level)| (self.full_at(level), level.turn));
        let Some((key, level)) = first.map(|(key, level)| (key.clone(), *level)) else {
            return false;
        };
        if self.fill_at(&level, now) < self.full() {
            return false;
        }
        self.levels.remove(&key);
        self.stats.evicted += 1;
        true
    }
}

impl BucketOps for Bucket {
    fn take(&mut self, key: &[u8], amount: u64, now: Nanos) -> bool {
        assert_eq!(key.len(), self.key_bytes, "a key has the length that its shape says");
        if amount == 0 {
            return true;
        }
        let cost = u128::from(amount) * TOKEN;
        if cost > self.full() {
            return false;
        }
        if let Some(level) = self.levels.get(key) {
            let fill = self.fill_at(level, now);
            if cost > fill {
                return false;
            }
            let level = Level { fill: fill - cost, time: now, ..*level };
            self.levels.insert(key.to_vec(), level);
            return true;
        }
        if self.levels.len() == self.capacity && !self.forget_one(now) {
            self.stats.refused += 1;
            return false;
        }
        let level = Level { fill: self.full() - cost, time: now, turn: self.stats.inserted };
        self.levels.insert(key.to_vec(), level);
        self.stats.inserted += 1;
        self.stats.peak = self.stats.peak.max(self.levels.len() as u64);
        true
    }

    fn len(&self) -> u64 {
        self.levels.len() as u64
    }
}

impl ObjectOps for Bucket {
    fn stats(&mut self, _now: Nanos) -> StateStats {
        StateStats { len: self.len(), ..self.stats }
    }

    fn entries(&mut self, now: Nanos) -> Vec<Entry> {
        let tokens = |level| (self.fill_at(level, now) / TOKEN) as u64;
        self.levels
            .iter()
            .map(|(key, level)| (key.clone(), tokens(level).to_le_bytes().to_vec()))
            .collect()
    }
}
