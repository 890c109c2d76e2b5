//! Things of any kind that live under keys as the entries of a map do.

use super::Map;
use crate::ops::{MapOps, ObjectOps};
use crate::{StateSpec, StateStats};
use std::collections::BTreeMap;
use trama_base::Nanos;

/// A map that says which keys there are, and beside it what belongs to them.
#[derive(Clone, Debug)]
pub(super) struct Keyed<T> {
    keys: Map,
    things: BTreeMap<Vec<u8>, T>,
    /// Operations that were refused for another reason than that of the map.
    pub(super) refused: u64,
}

impl<T> Keyed<T> {
    pub(super) fn new(spec: &StateSpec) -> Self {
        let keys = Map::new(&spec.lifetime_map(0));
        Self { keys, things: BTreeMap::new(), refused: 0 }
    }

    /// What belongs to a key.
    pub(super) fn get(&mut self, key: &[u8], now: Nanos) -> Option<&mut T> {
        self.keys.get(key, now)?;
        self.things.get_mut(key)
    }

    /// What belongs to a key, made if there is none; the key is written. None without room.
    pub(super) fn write(
        &mut self,
        key: &[u8],
        now: Nanos,
        make: impl FnOnce() -> T,
    ) -> Option<&mut T> {
        let is_known = self.keys.get(key, now).is_some();
        if !self.keys.put(key, &[], now) {
            return None;
        }
        if !is_known {
            self.things.insert(key.to_vec(), make());
            let keys = &mut self.keys;
            self.things.retain(|key, _| keys.get(key, now).is_some());
        }
        self.things.get_mut(key)
    }

    pub(super) fn touch(&mut self, key: &[u8], now: Nanos) -> bool {
        self.keys.touch(key, now)
    }

    pub(super) fn remove(&mut self, key: &[u8], now: Nanos) -> bool {
        self.keys.remove(key, now)
    }

    pub(super) fn clear(&mut self, now: Nanos) {
        self.keys.clear(now);
        self.things.clear();
    }

    pub(super) fn stats(&mut self, now: Nanos) -> StateStats {
        let stats = self.keys.stats(now);
        StateStats { refused: stats.refused + self.refused, ..stats }
    }

    /// All keys with what belongs to them, in order.
    pub(super) fn all(&mut self, now: Nanos) -> impl Iterator<Item = (&Vec<u8>, &T)> {
        let keys = self.keys.entries(now);
        let is_there = move |key: &Vec<u8>| keys.binary_search_by(|(k, _)| k.cmp(key)).is_ok();
        self.things.iter().filter(move |(key, _)| is_there(key))
    }
}
