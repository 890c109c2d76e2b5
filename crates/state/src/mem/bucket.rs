//! Token buckets.

use super::table::{Layout, Table, read_u64};
use crate::ops::{BucketOps, Entry, ObjectOps};
use crate::{StateKind, StateSpec, StateStats};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use trama_base::Nanos;

/// Token-nanoseconds in a token.
const TOKEN: u128 = 1_000_000_000;

// An entry's value: fill in token-nanoseconds, its time, and how many keys were tracked before.
const FILL: usize = 0;
const TIME: usize = 16;
const TURN: usize = 24;
const VALUE_BYTES: usize = 32;

/// (A time at which a bucket is not yet full, its turn, its slot).
type Candidate = Reverse<(u64, u64, u32)>;

/// Levels in a hash table, as of the last take, and a heap that finds the bucket full first.
///
/// A take makes its bucket full later, never sooner, so what the heap knows is a lower bound;
/// it is corrected only when a new key finds no room, and only at the top, until the top is right.
/// Each take causes at most one correction: a take costs amortised constant time, plus a logarithm
/// when the table is full.
#[derive(Debug)]
pub struct Bucket {
    table: Table,
    rate_per_s: u64,
    burst: u64,
    full: u128,
    fills_first: BinaryHeap<Candidate>,
    stats: StateStats,
}

#[derive(Clone, Copy)]
struct Level {
    fill: u128,
    time: Nanos,
}

impl Bucket {
    /// The buckets of a valid specification of that kind.
    pub(super) fn new(spec: &StateSpec, seed: u64) -> Self {
        let StateKind::Bucket { capacity, rate_per_s, burst } = spec.kind else {
            unreachable!("a bucket was asked for")
        };
        Self {
            table: Table::new(layout(spec), seed),
            rate_per_s,
            burst,
            full: u128::from(burst) * TOKEN,
            fills_first: BinaryHeap::with_capacity(capacity as usize),
            stats: StateStats::default(),
        }
    }

    pub(super) fn bytes(spec: &StateSpec) -> u64 {
        let layout = layout(spec);
        layout.bytes().saturating_add(u64::from(layout.capacity) * size_of::<Candidate>() as u64)
    }

    /// Bytes that it has reserved.
    pub fn reserved_bytes(&self) -> u64 {
        let heap_bytes = self.fills_first.capacity() * size_of::<Candidate>();
        self.table.reserved_bytes() + heap_bytes as u64
    }

    /// The hash under which this table looks for a key.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        self.table.hash(key)
    }

    /// Address of the line that a search for this hash reads first: worth prefetching.
    #[inline]
    pub fn index_address(&self, hash: u64) -> *const u8 {
        self.table.index_address(hash)
    }

    /// [`BucketOps::take`] of a key whose hash is known.
    #[inline]
    pub fn take_hashed(&mut self, hash: u64, key: &[u8], amount: u64, now: Nanos) -> bool {
        if amount == 0 {
            return true;
        }
        if amount > self.burst {
            return false;
        }
        let cost = u128::from(amount) * TOKEN;
        let Some(slot) = self.table.find(hash, key) else {
            return self.take_first(hash, key, cost, now);
        };
        let fill = self.fill_at(self.level(slot), now);
        if cost > fill {
            return false;
        }
        self.set_level(slot, Level { fill: fill - cost, time: now });
        true
    }

    /// The first take from a bucket that is not tracked yet.
    fn take_first(&mut self, hash: u64, key: &[u8], cost: u128, now: Nanos) -> bool {
        if self.table.is_full() && !self.forget_one(now) {
            self.stats.refused += 1;
            return false;
        }
        let turn = self.stats.inserted;
        let slot = self.table.insert(hash, key);
        self.set_level(slot, Level { fill: self.full - cost, time: now });
        self.table.value_mut(slot)[TURN..TURN + 8].copy_from_slice(&turn.to_le_bytes());
        self.fills_first.push(Reverse((now.0, turn, slot)));
        self.stats.inserted += 1;
        self.stats.peak = self.stats.peak.max(u64::from(self.table.len()));
        true
    }

    /// Forgets the bucket that is full first, if it is by now.
    fn forget_one(&mut self, now: Nanos) -> bool {
        loop {
            let Some(&Reverse((known_ns, turn, slot))) = self.fills_first.peek() else {
                return false;
            };
            let level = self.level(slot);
            let full_ns = self.full_at(level).0;
            let is_full = self.fill_at(level, now) == self.full;
            let Some(mut top) = self.fills_first.peek_mut() else { return false };
            if full_ns > known_ns {
                *top = Reverse((full_ns, turn, slot));
                continue;
            }
            if !is_full {
                return false;
            }
            PeekMut::pop(top);
            self.table.remove(slot);
            self.stats.evicted += 1;
            return true;
        }
    }

    #[inline]
    fn level(&self, slot: u32) -> Level {
        let value = self.table.value(slot);
        let fill = u128::from(read_u64(value, FILL)) | u128::from(read_u64(value, FILL + 8)) << 64;
        Level { fill, time: Nanos(read_u64(value, TIME)) }
    }

    #[inline]
    fn set_level(&mut self, slot: u32, level: Level) {
        let value = self.table.value_mut(slot);
        value[FILL..FILL + 16].copy_from_slice(&level.fill.to_le_bytes());
        value[TIME..TIME + 8].copy_from_slice(&level.time.0.to_le_bytes());
    }

    #[inline]
    fn fill_at(&self, level: Level, now: Nanos) -> u128 {
        let gain = u128::from(self.rate_per_s) * u128::from(now.since(level.time).0);
        level.fill.saturating_add(gain).min(self.full)
    }

    /// The first nanosecond at which a bucket is full again; the last there is if it is later.
    fn full_at(&self, level: Level) -> Nanos {
        let wait = (self.full - level.fill).div_ceil(u128::from(self.rate_per_s));
        level.time + Nanos(u64::try_from(wait).unwrap_or(u64::MAX))
    }
}

impl BucketOps for Bucket {
    #[inline]
    fn take(&mut self, key: &[u8], amount: u64, now: Nanos) -> bool {
        self.take_hashed(self.hash(key), key, amount, now)
    }

    fn len(&self) -> u64 {
        u64::from(self.table.len())
    }
}

impl ObjectOps for Bucket {
    fn stats(&mut self, _now: Nanos) -> StateStats {
        StateStats { len: self.len(), ..self.stats }
    }

    fn entries(&mut self, now: Nanos) -> Vec<Entry> {
        let mut entries: Vec<Entry> = self
            .table
            .slots()
            .map(|slot| {
                let tokens = (self.fill_at(self.level(slot), now) / TOKEN) as u64;
                (self.table.key(slot).to_vec(), tokens.to_le_bytes().to_vec())
            })
            .collect();
        entries.sort();
        entries
    }
}

fn layout(spec: &StateSpec) -> Layout {
    let StateKind::Bucket { capacity, .. } = spec.kind else {
        unreachable!("a bucket was asked for")
    };
    Layout { capacity, has_stamp: false, key_bytes: spec.key.bytes(), value_bytes: VALUE_BYTES }
}
