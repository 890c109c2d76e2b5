//! Pattern sets.

use crate::ops::{Entry, ObjectOps, PatternsOps};
use crate::pattern::PatternSet;
use crate::{StateKind, StateSpec, StateStats};
use std::sync::Arc;
use trama_base::Nanos;

/// A set, shared with all who search for it, and a bit for each pattern that the last scan found.
#[derive(Debug)]
pub struct Patterns {
    set: Arc<PatternSet>,
    found: Vec<u64>,
}

impl Patterns {
    /// The set of a valid specification of that kind.
    pub(super) fn new(spec: &StateSpec) -> Self {
        let StateKind::Patterns(set) = &spec.kind else {
            unreachable!("a pattern set was asked for")
        };
        Self { set: Arc::clone(set), found: vec![0; set.len().div_ceil(64)] }
    }

    pub(super) fn bytes(set: &PatternSet) -> u64 {
        set.automata_bytes() + 8 * set.len().div_ceil(64) as u64
    }

    /// Bytes that it has reserved, those of the shared automata included.
    pub fn reserved_bytes(&self) -> u64 {
        self.set.automata_bytes() + 8 * self.found.capacity() as u64
    }
}

impl PatternsOps for Patterns {
    fn first(&mut self, bytes: &[u8]) -> Option<u32> {
        let mut lowest = None;
        self.set.search(bytes, |number| {
            lowest = Some(lowest.map_or(number, |known: u32| known.min(number)));
            lowest == Some(0)
        });
        lowest
    }

    fn scan(&mut self, bytes: &[u8]) -> u32 {
        let Self { set, found } = self;
        found.fill(0);
        let (mut count, all) = (0, set.len() as u32);
        set.search(bytes, |number| {
            let word = &mut found[number as usize / 64];
            count += u32::from(*word >> (number % 64) & 1 == 0);
            *word |= 1 << (number % 64);
            count == all
        });
        count
    }

    fn next(&self, from: u32) -> Option<u32> {
        let first = from as usize / 64;
        let words = self.found.iter().enumerate().skip(first);
        let mut masked = words.map(|(at, word)| {
            (at, if at == first { word & (u64::MAX << (from % 64)) } else { *word })
        });
        let (at, word) = masked.find(|(_, word)| *word != 0)?;
        Some(at as u32 * 64 + word.trailing_zeros())
    }
}

impl ObjectOps for Patterns {
    fn stats(&mut self, _now: Nanos) -> StateStats {
        let len = self.set.len() as u64;
        StateStats { len, peak: len, ..StateStats::default() }
    }

    fn entries(&mut self, _now: Nanos) -> Vec<Entry> {
        Vec::new()
    }
}
