//! Ring queue.

use crate::ops::{Entry, ObjectOps, RingOps};
use crate::{StateKind, StateSpec, StateStats, WhenFull};
use trama_base::Nanos;

/// Places for values, side by side, used in turn.
#[derive(Debug)]
pub struct Ring {
    capacity: u64,
    when_full: WhenFull,
    value_bytes: usize,
    bytes: Vec<u8>,
    /// Place of the oldest value.
    head: u64,
    stats: StateStats,
}

impl Ring {
    /// The ring of a valid specification of that kind.
    pub(super) fn new(spec: &StateSpec) -> Self {
        let StateKind::Ring { capacity, when_full } = spec.kind else {
            unreachable!("a ring was asked for")
        };
        Self {
            capacity: capacity.into(),
            when_full,
            value_bytes: spec.value.bytes(),
            bytes: vec![0; Self::bytes(spec) as usize],
            head: 0,
            stats: StateStats::default(),
        }
    }

    pub(super) fn bytes(spec: &StateSpec) -> u64 {
        spec.kind.capacity().saturating_mul(spec.value.bytes() as u64)
    }

    /// Bytes that it has reserved.
    pub fn reserved_bytes(&self) -> u64 {
        self.bytes.capacity() as u64
    }

    /// First byte of the value that is `behind` places behind the oldest.
    fn place(&self, behind: u64) -> usize {
        let place = self.head + behind;
        let place = if place < self.capacity { place } else { place - self.capacity };
        place as usize * self.value_bytes
    }

    fn drop_oldest(&mut self) {
        self.head = if self.head + 1 == self.capacity { 0 } else { self.head + 1 };
        self.stats.len -= 1;
    }
}

impl RingOps for Ring {
    #[inline]
    fn push(&mut self, value: &[u8]) -> bool {
        if self.stats.len == self.capacity {
            if self.when_full == WhenFull::Refuse {
                self.stats.refused += 1;
                return false;
            }
            self.drop_oldest();
            self.stats.evicted += 1;
        }
        let at = self.place(self.stats.len);
        self.bytes[at..at + self.value_bytes].copy_from_slice(value);
        self.stats.len += 1;
        self.stats.inserted += 1;
        self.stats.peak = self.stats.peak.max(self.stats.len);
        true
    }

    #[inline]
    fn pop(&mut self) -> Option<&[u8]> {
        if self.stats.len == 0 {
            return None;
        }
        let at = self.place(0);
        self.drop_oldest();
        Some(&self.bytes[at..at + self.value_bytes])
    }

    #[inline]
    fn peek(&self) -> Option<&[u8]> {
        let at = self.place(0);
        (self.stats.len > 0).then(|| &self.bytes[at..at + self.value_bytes])
    }

    fn len(&self) -> u64 {
        self.stats.len
    }

    fn clear(&mut self) {
        self.head = 0;
        self.stats.len = 0;
    }
}

impl ObjectOps for Ring {
    fn stats(&mut self, _now: Nanos) -> StateStats {
        self.stats
    }

    fn entries(&mut self, _now: Nanos) -> Vec<Entry> {
        let value = |behind: u64| {
            let at = self.place(behind);
            (behind.to_le_bytes().to_vec(), self.bytes[at..at + self.value_bytes].to_vec())
        };
        let mut entries: Vec<Entry> = (0..self.stats.len).map(value).collect();
        entries.sort();
        entries
    }
}
