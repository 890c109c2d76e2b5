//! The model of a Maglev lookup table.
//!
//! Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016,
//! section 3.4, with weights. With `m` slots (a prime):
//!
//! - A member prefers the slots `(offset + j * skip) % m` for `j` = 0, 1, 2, … where
//!   `offset = seeded(1, member) % m` and `skip = seeded(2, member) % (m - 1) + 1`
//!   ([`crate::hash::seeded`] of the packed member).
//! - The members, sorted by their packed bytes, take turns in rounds. In each round a member's
//!   credit, 0 at first, grows by its weight; if it then is at least the greatest weight of all
//!   members, it shrinks by that much and the member takes the first slot in its order that is
//!   still free. With equal weights everyone moves in every round, which is the paper's algorithm.
//! - It ends when no slot is free.

use crate::hash;
use crate::ops::{Entry, MaglevOps, ObjectOps};
use crate::{StateKind, StateSpec, StateStats};
use std::collections::BTreeMap;
use trama_base::Nanos;

/// The members with their weights, and for each slot its member.
#[derive(Clone, Debug)]
pub struct Maglev {
    capacity: usize,
    table_size: u64,
    member_bytes: usize,
    weights: BTreeMap<Vec<u8>, u32>,
    /// Empty if there are no members; None if it has yet to be made of a changed set.
    table: Option<Vec<Vec<u8>>>,
    stats: StateStats,
}

impl Maglev {
    /// The table of a valid specification of that kind.
    pub(super) fn new(spec: &StateSpec) -> Self {
        let StateKind::Maglev { table_size, capacity } = spec.kind else {
            unreachable!("a Maglev table was asked for")
        };
        Self {
            capacity: capacity as usize,
            table_size: u64::from(table_size),
            member_bytes: spec.key.bytes(),
            weights: BTreeMap::new(),
            table: None,
            stats: StateStats::default(),
        }
    }

    fn populate(&self) -> Vec<Vec<u8>> {
        let Some(&greatest) = self.weights.values().max() else { return Vec::new() };
        let size = self.table_size;
        let mut table: Vec<Option<&Vec<u8>>> = vec![None; size as usize];
        let mut free = size;
        let mut players: Vec<_> = self
            .weights
            .iter()
            .map(|(member, &weight)| {
                let offset = hash::seeded(1, member) % size;
                let skip = hash::seeded(2, member) % (size - 1) + 1;
                (member, weight, 0_u64, offset, skip)
            })
            .collect();
        while free > 0 {
            for (member, weight, credit, slot, skip) in &mut players {
                *credit += u64::from(*weight);
                if *credit < u64::from(greatest) || free == 0 {
                    continue;
                }
                *credit -= u64::from(greatest);
                while table[*slot as usize].is_some() {
                    *slot = (*slot + *skip) % size;
                }
                table[*slot as usize] = Some(member);
                free -= 1;
            }
        }
        table.into_iter().flatten().cloned().collect()
    }
}

impl MaglevOps for Maglev {
    fn set(&mut self, member: &[u8], weight: u32) -> bool {
        assert_eq!(member.len(), self.member_bytes, "a member has the length of its shape");
        if weight == 0 {
            self.weights.remove(member);
        } else {
            if !self.weights.contains_key(member) {
                if self.weights.len() == self.capacity {
                    self.stats.refused += 1;
                    return false;
                }
                self.stats.inserted += 1;
            }
            self.weights.insert(member.to_vec(), weight);
            self.stats.peak = self.stats.peak.max(self.weights.len() as u64);
        }
        self.table = None;
        true
    }

    fn pick(&mut self, hash: u64) -> Option<&[u8]> {
        let table = self.table.take().unwrap_or_else(|| self.populate());
        let table = self.table.insert(table);
        table.get((hash % self.table_size) as usize).map(Vec::as_slice)
    }

    fn len(&self) -> u64 {
        self.weights.len() as u64
    }
}

impl ObjectOps for Maglev {
    fn stats(&mut self, _now: Nanos) -> StateStats {
        StateStats { len: self.len(), ..self.stats }
    }

    fn entries(&mut self, _now: Nanos) -> Vec<Entry> {
        let packed =
            |(member, weight): (&Vec<u8>, &u32)| (member.clone(), weight.to_le_bytes().to_vec());
        self.weights.iter().map(packed).collect()
    }
}
