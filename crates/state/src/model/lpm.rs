//! The model of a longest-prefix-match table.

use crate::ops::{Entry, LpmOps, ObjectOps};
use crate::{StateKind, StateSpec, StateStats};
use std::collections::BTreeMap;
use trama_base::Nanos;

/// The prefixes by length and address; a lookup tries the lengths from the greatest.
#[derive(Clone, Debug)]
pub struct Lpm {
    address_bits: u8,
    capacity: usize,
    value_bytes: usize,
    prefixes: BTreeMap<(u8, u128), Vec<u8>>,
    stats: StateStats,
}

impl Lpm {
    /// The table of a valid specification of that kind.
    pub(super) fn new(spec: &StateSpec) -> Self {
        let StateKind::Lpm { address_bits, capacity } = spec.kind else {
            unreachable!("a longest-prefix-match table was asked for")
        };
        Self {
            address_bits,
            capacity: capacity as usize,
            value_bytes: spec.value.bytes(),
            prefixes: BTreeMap::new(),
            stats: StateStats::default(),
        }
    }

    /// The address with all bits behind the first `prefix_len` zero.
    fn masked(&self, address: u128, prefix_len: u8) -> u128 {
        (0..prefix_len).map(|bit| 1 << (self.address_bits - 1 - bit)).sum::<u128>() & address
    }
}

impl LpmOps for Lpm {
    fn put(&mut self, address: u128, prefix_len: u8, value: &[u8]) -> bool {
        assert_eq!(value.len(), self.value_bytes, "a value has the length that its shape says");
        if prefix_len > self.address_bits {
            self.stats.refused += 1;
            return false;
        }
        let prefix = (prefix_len, self.masked(address, prefix_len));
        if !self.prefixes.contains_key(&prefix) {
            if self.prefixes.len() == self.capacity {
                self.stats.refused += 1;
                return false;
            }
            self.stats.inserted += 1;
        }
        self.prefixes.insert(prefix, value.to_vec());
        self.stats.peak = self.stats.peak.max(self.prefixes.len() as u64);
        true
    }

    fn get(&self, address: u128) -> Option<&[u8]> {
        (0..=self.address_bits)
            .rev()
            .find_map(|len| self.prefixes.get(&(len, self.masked(address, len))))
            .map(Vec::as_slice)
    }

    fn remove(&mut self, address: u128, prefix_len: u8) -> bool {
        prefix_len <= self.address_bits
            && self.prefixes.remove(&(prefix_len, self.masked(address, prefix_len))).is_some()
    }

    fn len(&self) -> u64 {
        self.prefixes.len() as u64
    }
}

impl ObjectOps for Lpm {
    fn stats(&mut self, _now: Nanos) -> StateStats {
        StateStats { len: self.len(), ..self.stats }
    }

    fn entries(&mut self, _now: Nanos) -> Vec<Entry> {
        let address_bytes = usize::from(self.address_bits / 8);
        let mut entries: Vec<Entry> = self
            .prefixes
            .iter()
            .map(|((len, address), value)| {
                let mut key = address.to_le_bytes()[..address_bytes].to_vec();
                key.push(*len);
                (key, value.clone())
            })
            .collect();
        entries.sort();
        entries
    }
}
