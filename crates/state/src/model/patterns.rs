//! The model of a pattern set: each pattern is tried at each place.

use crate::ops::{Entry, ObjectOps, PatternsOps};
use crate::pattern::Pattern;
use crate::{StateKind, StateSpec, StateStats};
use std::collections::BTreeSet;
use trama_base::Nanos;

/// The patterns, and which of them the last scan found.
#[derive(Clone, Debug)]
pub struct Patterns {
    patterns: Vec<Pattern>,
    found: BTreeSet<u32>,
}

impl Patterns {
    /// The set of a valid specification of that kind.
    pub(super) fn new(spec: &StateSpec) -> Self {
        let StateKind::Patterns(set) = &spec.kind else {
            unreachable!("a pattern set was asked for")
        };
        Self { patterns: set.patterns().to_vec(), found: BTreeSet::new() }
    }
}

impl PatternsOps for Patterns {
    fn first(&mut self, bytes: &[u8]) -> Option<u32> {
        (0..).zip(&self.patterns).find(|(_, pattern)| occurs(pattern, bytes)).map(|(i, _)| i)
    }

    fn scan(&mut self, bytes: &[u8]) -> u32 {
        let all = (0..).zip(&self.patterns).filter(|(_, pattern)| occurs(pattern, bytes));
        self.found = all.map(|(i, _)| i).collect();
        self.found.len() as u32
    }

    fn next(&self, from: u32) -> Option<u32> {
        self.found.range(from..).next().copied()
    }
}

impl ObjectOps for Patterns {
    fn stats(&mut self, _now: Nanos) -> StateStats {
        let len = self.patterns.len() as u64;
        StateStats { len, peak: len, ..StateStats::default() }
    }

    fn entries(&mut self, _now: Nanos) -> Vec<Entry> {
        Vec::new()
    }
}

fn occurs(pattern: &Pattern, bytes: &[u8]) -> bool {
    let same = |window: &[u8]| match pattern.nocase {
        true => window.eq_ignore_ascii_case(&pattern.bytes),
        false => window == pattern.bytes,
    };
    let places = bytes.windows(pattern.bytes.len()).enumerate();
    places.filter(|(_, window)| same(window)).any(|(at, _)| {
        let begins = at >= pattern.offset as usize;
        let depth = pattern.depth.map(|depth| pattern.offset as usize + depth as usize);
        begins && depth.is_none_or(|end| at + pattern.bytes.len() <= end)
    })
}
