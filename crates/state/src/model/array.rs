//! The model of an array.

use crate::ops::{ArrayOps, Entry, ObjectOps, indexed};
use crate::{StateKind, StateSpec, StateStats};
use std::collections::BTreeMap;
use trama_base::Nanos;

/// The values that were ever asked for to be changed; all others are zero.
#[derive(Clone, Debug)]
pub struct Array {
    len: u64,
    zero: Vec<u8>,
    values: BTreeMap<u64, Vec<u8>>,
    refused: u64,
}

impl Array {
    /// The array of a valid specification of that kind.
    pub(super) fn new(spec: &StateSpec) -> Self {
        let StateKind::Array { len } = spec.kind else { unreachable!("an array was asked for") };
        Self {
            len: u64::from(len),
            zero: vec![0; spec.value.bytes()],
            values: BTreeMap::new(),
            refused: 0,
        }
    }
}

impl ArrayOps for Array {
    fn get(&self, index: u64) -> Option<&[u8]> {
        (index < self.len).then(|| self.values.get(&index).unwrap_or(&self.zero).as_slice())
    }

    fn entry(&mut self, index: u64) -> Option<&mut [u8]> {
        if index >= self.len {
            self.refused += 1;
            return None;
        }
        Some(self.values.entry(index).or_insert_with(|| self.zero.clone()))
    }
}

impl ObjectOps for Array {
    fn stats(&mut self, _now: Nanos) -> StateStats {
        StateStats { len: self.len, peak: self.len, refused: self.refused, ..StateStats::default() }
    }

    fn entries(&mut self, _now: Nanos) -> Vec<Entry> {
        let mut entries: Vec<Entry> = self
            .values
            .iter()
            .filter(|(_, value)| **value != self.zero)
            .map(|(index, value)| (index.to_le_bytes().to_vec(), value.clone()))
            .collect();
        entries.sort();
        entries
    }

    fn refill(&mut self, entries: &[Entry], _now: Nanos) -> bool {
        self.values.clear();
        for (index, value) in entries.iter().filter_map(indexed) {
            if let Some(place) = self.entry(index) {
                place.copy_from_slice(value);
            }
        }
        true
    }
}
