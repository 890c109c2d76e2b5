//! Array of packet and byte counts.

use super::direct::ArrayDirect;
use crate::ops::{CounterOps, Entry, ObjectOps, indexed};
use crate::{StateKind, StateSpec, StateStats};
use trama_base::Nanos;

/// Pairs side by side: an update touches one line.
#[derive(Debug)]
pub struct Counter {
    /// Packets, bytes.
    pairs: Vec<[u64; 2]>,
    refused: u64,
}

impl Counter {
    /// The counters of a valid specification of that kind.
    pub(super) fn new(spec: &StateSpec) -> Self {
        let StateKind::Counter { len } = spec.kind else { unreachable!("counters were asked for") };
        Self { pairs: vec![[0; 2]; len as usize], refused: 0 }
    }

    pub(super) fn bytes(len: u32) -> u64 {
        u64::from(len) * 16
    }

    /// Where the pairs are, for generated code: packets, then bytes.
    pub fn direct(&mut self) -> ArrayDirect {
        let len = self.pairs.len() as u64;
        ArrayDirect { values: self.pairs.as_mut_ptr().cast(), len, value_bytes: 16 }
    }

    /// Bytes that it has reserved.
    pub fn reserved_bytes(&self) -> u64 {
        self.pairs.capacity() as u64 * 16
    }
}

impl CounterOps for Counter {
    #[inline]
    fn add(&mut self, index: u64, bytes: u64) -> bool {
        let Some([packets, total]) = self.pairs.get_mut(index as usize) else {
            self.refused += 1;
            return false;
        };
        *packets = packets.wrapping_add(1);
        *total = total.wrapping_add(bytes);
        true
    }

    #[inline]
    fn get(&self, index: u64) -> Option<(u64, u64)> {
        self.pairs.get(index as usize).map(|&[packets, bytes]| (packets, bytes))
    }
}

impl ObjectOps for Counter {
    fn stats(&mut self, _now: Nanos) -> StateStats {
        let len = self.pairs.len() as u64;
        StateStats { len, peak: len, refused: self.refused, ..StateStats::default() }
    }

    fn entries(&mut self, _now: Nanos) -> Vec<Entry> {
        let mut entries = Vec::new();
        for (index, [packets, bytes]) in self.pairs.iter().enumerate() {
            if packets | bytes != 0 {
                let value = [packets.to_le_bytes(), bytes.to_le_bytes()].concat();
                entries.push(((index as u64).to_le_bytes().to_vec(), value));
            }
        }
        entries.sort();
        entries
    }

    fn refill(&mut self, entries: &[Entry], _now: Nanos) -> bool {
        self.pairs.fill([0; 2]);
        for (index, value) in entries.iter().filter_map(indexed) {
            if let Some(pair) = self.pairs.get_mut(index as usize) {
                let words = value.as_chunks::<8>().0;
                pair.iter_mut().zip(words).for_each(|(to, word)| *to = u64::from_le_bytes(*word));
            }
        }
        true
    }
}
