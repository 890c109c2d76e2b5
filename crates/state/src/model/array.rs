//! The model of an array.

use crate::ops::{ArrayOps, Entry, ObjectOps};
use crate::{StateKind, StateSpec, StateStats};
use trama_base::Nanos;

/// A vector of values.
#[derive(Clone, Debug)]
pub struct Array {
    values: Vec<Vec<u8>>,
    refused: u64,
}

impl Array {
    /// The array of a valid specification of that kind.
    pub(super) fn new(spec: &StateSpec) -> Self {
        let StateKind::Array { len } = spec.kind else { unreachable!("an array was asked for") };
        Self { values: vec![vec![0; spec.value.bytes()]; len as usize], refused: 0 }
    }
}

impl ArrayOps for Array {
    fn get(&self, index: u64) -> Option<&[u8]> {
        self.values.get(usize::try_from(index).ok()?).map(Vec::as_slice)
    }

    fn entry(&mut self, index: u64) -> Option<&mut [u8]> {
        if index >= self.values.len() as u64 {
            self.refused += 1;
            return None;
        }
        Some(&mut self.values[index as usize])
    }
}

impl ObjectOps for Array {
    fn stats(&mut self, _now: Nanos) -> StateStats {
        let len = self.values.len() as u64;
        StateStats { len, peak: len, refused: self.refused, ..StateStats::default() }
    }

    fn entries(&mut self, _now: Nanos) -> Vec<Entry> {
        let indexed = self.values.iter().enumerate();
        let mut entries: Vec<Entry> = indexed
            .filter(|(_, value)| value.iter().any(|&byte| byte != 0))
            .map(|(index, value)| ((index as u64).to_le_bytes().to_vec(), value.clone()))
            .collect();
        entries.sort();
        entries
    }
}
