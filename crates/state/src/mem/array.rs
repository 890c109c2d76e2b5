//! Array of packed values.

use super::direct::ArrayDirect;
use crate::ops::{ArrayOps, Entry, ObjectOps, indexed};
use crate::{StateKind, StateSpec, StateStats};
use trama_base::Nanos;

/// Values side by side.
#[derive(Debug)]
pub struct Array {
    len: u64,
    value_bytes: usize,
    bytes: Vec<u8>,
    refused: u64,
}

impl Array {
    /// The array of a valid specification of that kind.
    pub(super) fn new(spec: &StateSpec) -> Self {
        let StateKind::Array { len } = spec.kind else { unreachable!("an array was asked for") };
        Self {
            len: u64::from(len),
            value_bytes: spec.value.bytes(),
            bytes: vec![0; Self::bytes(spec) as usize],
            refused: 0,
        }
    }

    pub(super) fn bytes(spec: &StateSpec) -> u64 {
        let StateKind::Array { len } = spec.kind else { unreachable!("an array was asked for") };
        u64::from(len).saturating_mul(spec.value.bytes() as u64)
    }

    /// Where the values are, for generated code.
    pub fn direct(&mut self) -> ArrayDirect {
        let values = self.bytes.as_mut_ptr();
        ArrayDirect { values, len: self.len, value_bytes: self.value_bytes }
    }

    /// Bytes that it has reserved.
    pub fn reserved_bytes(&self) -> u64 {
        self.bytes.capacity() as u64
    }
}

impl ArrayOps for Array {
    #[inline]
    fn get(&self, index: u64) -> Option<&[u8]> {
        if index >= self.len {
            return None;
        }
        let at = index as usize * self.value_bytes;
        Some(&self.bytes[at..at + self.value_bytes])
    }

    #[inline]
    fn entry(&mut self, index: u64) -> Option<&mut [u8]> {
        if index >= self.len {
            self.refused += 1;
            return None;
        }
        let at = index as usize * self.value_bytes;
        Some(&mut self.bytes[at..at + self.value_bytes])
    }
}

impl ObjectOps for Array {
    fn stats(&mut self, _now: Nanos) -> StateStats {
        StateStats { len: self.len, peak: self.len, refused: self.refused, ..StateStats::default() }
    }

    fn entries(&mut self, _now: Nanos) -> Vec<Entry> {
        let values = self.bytes.chunks_exact(self.value_bytes).enumerate();
        let mut entries: Vec<Entry> = values
            .filter(|(_, value)| value.iter().any(|&byte| byte != 0))
            .map(|(index, value)| ((index as u64).to_le_bytes().to_vec(), value.to_vec()))
            .collect();
        entries.sort();
        entries
    }

    fn refill(&mut self, entries: &[Entry], _now: Nanos) -> bool {
        self.bytes.fill(0);
        for (index, value) in entries.iter().filter_map(indexed) {
            if let Some(place) = self.entry(index) {
                place.copy_from_slice(value);
            }
        }
        true
    }
}
