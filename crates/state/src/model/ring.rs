//! The model of a ring queue.

use crate::ops::{Entry, ObjectOps, RingOps};
use crate::{StateKind, StateSpec, StateStats, WhenFull};
use std::collections::VecDeque;
use trama_base::Nanos;

/// The values, the oldest first.
#[derive(Clone, Debug)]
pub struct Ring {
    capacity: usize,
    when_full: WhenFull,
    value_bytes: usize,
    values: VecDeque<Vec<u8>>,
    /// The value that was popped last, to be looked at.
    popped: Vec<u8>,
    stats: StateStats,
}

impl Ring {
    /// The ring of a valid specification of that kind.
    pub(super) fn new(spec: &StateSpec) -> Self {
        let StateKind::Ring { capacity, when_full } = spec.kind else {
            unreachable!("a ring was asked for")
        };
        Self {
            capacity: capacity as usize,
            when_full,
            value_bytes: spec.value.bytes(),
            values: VecDeque::new(),
            popped: Vec::new(),
            stats: StateStats::default(),
        }
    }
}

impl RingOps for Ring {
    fn push(&mut self, value: &[u8]) -> bool {
        assert_eq!(value.len(), self.value_bytes, "a value has the length that its shape says");
        if self.values.len() == self.capacity {
            if self.when_full == WhenFull::Refuse {
                self.stats.refused += 1;
                return false;
            }
            self.values.pop_front();
            self.stats.evicted += 1;
        }
        self.values.push_back(value.to_vec());
        self.stats.inserted += 1;
        self.stats.peak = self.stats.peak.max(self.len());
        true
    }

    fn pop(&mut self) -> Option<&[u8]> {
        self.popped = self.values.pop_front()?;
        Some(&self.popped)
    }

    fn peek(&self) -> Option<&[u8]> {
        self.values.front().map(Vec::as_slice)
    }

    fn len(&self) -> u64 {
        self.values.len() as u64
    }

    fn clear(&mut self) {
        self.values.clear();
    }
}

impl ObjectOps for Ring {
    fn stats(&mut self, _now: Nanos) -> StateStats {
        StateStats { len: self.len(), ..self.stats }
    }

    fn entries(&mut self, _now: Nanos) -> Vec<Entry> {
        let values = (0_u64..).zip(&self.values);
        let mut entries: Vec<Entry> =
            values.map(|(place, value)| (place.to_le_bytes().to_vec(), value.clone())).collect();
        entries.sort();
        entries
    }
}
