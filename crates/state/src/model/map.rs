//! The model of a map.

use crate::ops::{Entry, MapOps, ObjectOps};
use crate::{StateKind, StateSpec, StateStats, WhenFull};
use std::collections::BTreeMap;
use trama_base::Nanos;

/// An ordered map, and beside it the keys in the order in which they were last written.
#[derive(Clone, Debug)]
pub struct Map {
    capacity: usize,
    expire: Option<Nanos>,
    when_full: WhenFull,
    key_bytes: usize,
    value_bytes: usize,
    cells: BTreeMap<Vec<u8>, Cell>,
    /// Key of each entry by [`Cell::turn`]: the first was written longest ago.
    by_age: BTreeMap<u64, Vec<u8>>,
    /// Number of writes so far.
    turns: u64,
    stats: StateStats,
}

#[derive(Clone, Debug)]
struct Cell {
    value: Vec<u8>,
    written: Nanos,
    /// Which write it was that wrote this last.
    turn: u64,
}

impl Map {
    /// The map of a valid specification of that kind.
    pub(super) fn new(spec: &StateSpec) -> Self {
        let StateKind::Map { capacity, expire, when_full } = spec.kind else {
            unreachable!("a map was asked for")
        };
        Self {
            capacity: capacity as usize,
            expire,
            when_full,
            key_bytes: spec.key.bytes(),
            value_bytes: spec.value.bytes(),
            cells: BTreeMap::new(),
            by_age: BTreeMap::new(),
            turns: 0,
            stats: StateStats::default(),
        }
    }

    /// Lets go what has expired. Time does not go back, so the oldest writes expire first.
    fn let_go(&mut self, now: Nanos) {
        let Some(expire) = self.expire else { return };
        while let Some((_, key)) = self.by_age.first_key_value() {
            if now.since(self.cells[key].written) < expire {
                break;
            }
            self.drop_oldest();
            self.stats.expired += 1;
        }
    }

    fn drop_oldest(&mut self) {
        if let Some((_, key)) = self.by_age.pop_first() {
            self.cells.remove(&key);
        }
    }

    /// The entry of `key`, made of zeros if there was none, as the youngest.
    fn write(&mut self, key: &[u8], now: Nanos) -> Option<&mut Cell> {
        assert_eq!(key.len(), self.key_bytes, "a key has the length that its shape says");
        self.let_go(now);
        if !self.cells.contains_key(key) {
            if self.cells.len() == self.capacity {
                match self.when_full {
                    WhenFull::Refuse => {
                        self.stats.refused += 1;
                        return None;
                    }
                    WhenFull::EvictOldest => {
                        self.drop_oldest();
                        self.stats.evicted += 1;
                    }
                }
            }
            let cell = Cell { value: vec![0; self.value_bytes], written: now, turn: self.turns };
            self.cells.insert(key.to_vec(), cell);
            self.stats.inserted += 1;
            self.stats.peak = self.stats.peak.max(self.cells.len() as u64);
        }
        self.rejuvenate(key, now);
        self.cells.get_mut(key)
    }

    fn rejuvenate(&mut self, key: &[u8], now: Nanos) -> bool {
        let Some(cell) = self.cells.get_mut(key) else { return false };
        self.by_age.remove(&cell.turn);
        cell.written = now;
        cell.turn = self.turns;
        self.by_age.insert(self.turns, key.to_vec());
        self.turns += 1;
        true
    }
}

impl MapOps for Map {
    fn get(&mut self, key: &[u8], now: Nanos) -> Option<&[u8]> {
        self.let_go(now);
        self.cells.get(key).map(|cell| cell.value.as_slice())
    }

    fn put(&mut self, key: &[u8], value: &[u8], now: Nanos) -> bool {
        let Some(cell) = self.write(key, now) else { return false };
        cell.value.copy_from_slice(value);
        true
    }

    fn entry(&mut self, key: &[u8], now: Nanos) -> Option<&mut [u8]> {
        self.write(key, now).map(|cell| cell.value.as_mut_slice())
    }

    fn touch(&mut self, key: &[u8], now: Nanos) -> bool {
        self.let_go(now);
        self.rejuvenate(key, now)
    }

    fn remove(&mut self, key: &[u8], now: Nanos) -> bool {
        self.let_go(now);
        let Some(cell) = self.cells.remove(key) else { return false };
        self.by_age.remove(&cell.turn);
        true
    }

    fn clear(&mut self, now: Nanos) {
        self.let_go(now);
        self.cells.clear();
        self.by_age.clear();
    }

    fn len(&mut self, now: Nanos) -> u64 {
        self.let_go(now);
        self.cells.len() as u64
    }
}

impl ObjectOps for Map {
    fn stats(&mut self, now: Nanos) -> StateStats {
        StateStats { len: self.len(now), ..self.stats }
    }

    fn entries(&mut self, now: Nanos) -> Vec<Entry> {
        self.let_go(now);
        self.cells.iter().map(|(key, cell)| (key.clone(), cell.value.clone())).collect()
    }

    fn refill(&mut self, entries: &[Entry], now: Nanos) -> bool {
        if self.expire.is_some() || self.when_full == WhenFull::EvictOldest {
            return false;
        }
        let inserted = self.stats.inserted;
        self.clear(now);
        for (key, value) in entries {
            self.put(key, value, now);
        }
        self.stats.inserted = inserted;
        true
    }
}
