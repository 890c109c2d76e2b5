//! Exact-match table with expiry and eviction.

use super::ages::{Ages, Precision};
use super::direct::MapDirect;
use super::table::{Layout, Probe, Table};
use crate::ops::{Entry, MapOps, ObjectOps};
use crate::{StateKind, StateSpec, StateStats, WhenFull};
use trama_base::Nanos;

/// A hash table whose entries bear the time of their last write, beside the order of these times.
///
/// A read looks at the time of the entry it hits only while something may be gone; writes of new
/// keys and [`len`](MapOps::len) let go what is. A write costs amortised constant time: it may find
/// many expired entries, but each is let go once. Hosts that are idle can do that work early
/// ([`expire`](Self::expire)). A map that evicts keeps the exact order of writes, one that only
/// expires the little of it that expiry needs, and one that does neither has no order and no times.
#[derive(Debug)]
pub struct Map {
    table: Table,
    ages: Ages<u64>,
    expires: bool,
    evicts: bool,
    stats: StateStats,
}

impl Map {
    /// The map of a valid specification of that kind.
    pub(super) fn new(spec: &StateSpec, seed: u64) -> Self {
        let StateKind::Map { expire, when_full, .. } = spec.kind else {
            unreachable!("a map was asked for")
        };
        let (order, slots) = order(spec);
        Self {
            table: Table::new(layout(spec), seed),
            ages: Ages::new(slots, expire.map(|expire| expire.0), order),
            expires: expire.is_some(),
            evicts: when_full == WhenFull::EvictOldest,
            stats: StateStats::default(),
        }
    }

    pub(super) fn bytes(spec: &StateSpec) -> u64 {
        let layout = layout(spec);
        layout.bytes().saturating_add(Ages::<u64>::bytes(order(spec).1, layout.has_stamp))
    }

    /// Where the parts are, for generated code.
    pub fn direct(&mut self) -> MapDirect {
        MapDirect { is_ordered: self.evicts, ..self.table.direct(self.ages.direct()) }
    }

    /// Bytes that it has reserved.
    pub fn reserved_bytes(&self) -> u64 {
        self.table.reserved_bytes() + self.ages.reserved_bytes()
    }

    /// The hash under which this table looks for a key.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        self.table.hash(key)
    }

    /// Address of the line that a search for this hash reads first: worth prefetching.
    #[inline]
    pub fn index_address(&self, hash: u64) -> *const u8 {
        self.table.index_address(hash)
    }

    /// Address of the entry that a search for this hash most likely ends at: worth prefetching
    /// once the line of [`index_address`](Self::index_address) has arrived, which this reads.
    #[inline]
    pub fn entry_address(&self, hash: u64) -> *const u8 {
        self.table.entry_address(hash)
    }

    /// Reads a byte at [`entry_address`](Self::entry_address): what safe code can do to have the
    /// line arrive before it is needed. The byte itself means nothing.
    #[inline]
    pub fn touch_line(&self, hash: u64) -> u8 {
        self.table.touch_line(hash)
    }

    /// The slot of the entry of a key whose hash is known. A slot is good until the next write of
    /// a new key, removal or expiry.
    #[inline]
    pub fn find(&self, hash: u64, key: &[u8], now: Nanos) -> Option<u32> {
        let slot = self.table.find(hash, key)?;
        if self.ages.is_due(now.0) && self.is_gone(slot, now) {
            return None;
        }
        Some(slot)
    }

    /// The value in a slot that was found.
    #[inline]
    pub fn value(&self, slot: u32) -> &[u8] {
        self.table.value(slot)
    }

    /// The value in a slot that was found; changing it is no write: the entry ages on.
    #[inline]
    pub fn value_mut(&mut self, slot: u32) -> &mut [u8] {
        self.table.value_mut(slot)
    }

    /// [`MapOps::get`] of a key whose hash is known.
    #[inline]
    pub fn get_hashed(&self, hash: u64, key: &[u8], now: Nanos) -> Option<&[u8]> {
        self.find(hash, key, now).map(|slot| self.value(slot))
    }

    /// [`MapOps::put`] of a key whose hash is known.
    #[inline]
    pub fn put_hashed(&mut self, hash: u64, key: &[u8], value: &[u8], now: Nanos) -> bool {
        let Some(slot) = self.write(hash, key, now) else { return false };
        self.value_mut(slot).copy_from_slice(value);
        true
    }

    /// [`MapOps::entry`] of a key whose hash is known.
    #[inline]
    pub fn entry_hashed(&mut self, hash: u64, key: &[u8], now: Nanos) -> Option<&mut [u8]> {
        let slot = self.write(hash, key, now)?;
        Some(self.value_mut(slot))
    }

    /// [`MapOps::touch`] of a key whose hash is known.
    #[inline]
    pub fn touch_hashed(&mut self, hash: u64, key: &[u8], now: Nanos) -> bool {
        let Some(slot) = self.find(hash, key, now) else { return false };
        self.rejuvenate(slot, now);
        true
    }

    /// [`MapOps::remove`] of a key whose hash is known.
    #[inline]
    pub fn remove_hashed(&mut self, hash: u64, key: &[u8], now: Nanos) -> bool {
        let Some(slot) = self.find(hash, key, now) else { return false };
        self.drop_slot(slot);
        true
    }

    /// Puts the slots of all entries into `into`, in the order of their packed keys, in place of
    /// what it held. They are good until the next write of a new key, or expiry; that of a removed
    /// entry means nothing any more.
    pub fn slots_in_order(&mut self, now: Nanos, into: &mut Vec<u32>) {
        self.slots(now, into);
        into.sort_unstable_by(|a, b| self.table.key(*a).cmp(self.table.key(*b)));
    }

    /// As [`slots_in_order`](Self::slots_in_order), in no useful order.
    pub fn slots(&mut self, now: Nanos, into: &mut Vec<u32>) {
        self.let_go(now);
        into.clear();
        into.extend(self.table.slots());
    }

    /// The key in a slot.
    #[inline]
    pub fn key(&self, slot: u32) -> &[u8] {
        self.table.key(slot)
    }

    /// Lets go at most `budget` entries that have expired, and tells how many. Results do not
    /// depend on when this is done: it only moves work away from later writes.
    pub fn expire(&mut self, now: Nanos, budget: u64) -> u64 {
        for done in 0..budget {
            let Some(slot) = self.ages.next_gone(now.0, |slot| self.table.stamp(slot)) else {
                return done;
            };
            self.table.remove(slot);
            self.stats.expired += 1;
        }
        budget
    }

    #[inline]
    fn let_go(&mut self, now: Nanos) {
        if self.ages.is_due(now.0) {
            self.expire(now, u64::MAX);
        }
    }

    /// [`MapOps::get`] when something may be gone, or the search is not a short one.
    #[inline(never)]
    fn get_slowly(&mut self, key: &[u8], now: Nanos) -> Option<&[u8]> {
        self.let_go(now);
        self.get_hashed(self.hash(key), key, now)
    }

    /// [`MapOps::touch`] when something may be gone, or the search is not a short one.
    #[inline(never)]
    fn touch_slowly(&mut self, key: &[u8], now: Nanos) -> bool {
        self.let_go(now);
        self.touch_hashed(self.hash(key), key, now)
    }

    fn is_gone(&self, slot: u32, now: Nanos) -> bool {
        self.expires && self.ages.is_gone(self.table.stamp(slot), now.0)
    }

    /// The slot of `key`, made of zeros if there was none, as the youngest.
    #[inline]
    fn write(&mut self, hash: u64, key: &[u8], now: Nanos) -> Option<u32> {
        self.let_go(now);
        if let Some(slot) = self.table.find(hash, key) {
            self.rejuvenate(slot, now);
            return Some(slot);
        }
        self.write_new(hash, key, now)
    }

    fn write_new(&mut self, hash: u64, key: &[u8], now: Nanos) -> Option<u32> {
        if self.table.is_full() {
            if !self.evicts {
                self.stats.refused += 1;
                return None;
            }
            self.drop_slot(self.ages.oldest());
            self.stats.evicted += 1;
        }
        let slot = self.table.insert(hash, key);
        if self.expires {
            self.table.set_stamp(slot, now.0);
        }
        if self.is_aging() {
            self.ages.queue(slot, now.0, |slot| self.table.stamp(slot));
        }
        self.stats.inserted += 1;
        self.stats.peak = self.stats.peak.max(u64::from(self.table.len()));
        Some(slot)
    }

    fn drop_slot(&mut self, slot: u32) {
        if self.is_aging() {
            self.ages.forget(slot);
        }
        self.table.remove(slot);
    }

    fn is_aging(&self) -> bool {
        self.evicts || self.expires
    }

    #[inline]
    fn rejuvenate(&mut self, slot: u32, now: Nanos) {
        if self.expires {
            let written_ns = self.table.stamp(slot);
            self.table.set_stamp(slot, now.0);
            if self.ages.is_same_epoch(written_ns, now.0) {
                return;
            }
        }
        self.requeue(slot);
    }

    #[inline(never)]
    fn requeue(&mut self, slot: u32) {
        if self.is_aging() {
            self.ages.requeue(slot);
        }
    }
}

impl MapOps for Map {
    #[inline]
    fn get(&mut self, key: &[u8], now: Nanos) -> Option<&[u8]> {
        if !self.ages.is_due(now.0) {
            match self.table.probe(key) {
                Probe::Found(slot) => return Some(self.table.value(slot)),
                Probe::Absent => return None,
                Probe::Unknown => {}
            }
        }
        self.get_slowly(key, now)
    }

    #[inline]
    fn put(&mut self, key: &[u8], value: &[u8], now: Nanos) -> bool {
        self.put_hashed(self.hash(key), key, value, now)
    }

    #[inline]
    fn entry(&mut self, key: &[u8], now: Nanos) -> Option<&mut [u8]> {
        self.entry_hashed(self.hash(key), key, now)
    }

    #[inline]
    fn touch(&mut self, key: &[u8], now: Nanos) -> bool {
        if !self.ages.is_due(now.0) {
            match self.table.probe(key) {
                Probe::Found(slot) => {
                    self.rejuvenate(slot, now);
                    return true;
                }
                Probe::Absent => return false,
                Probe::Unknown => {}
            }
        }
        self.touch_slowly(key, now)
    }

    #[inline]
    fn remove(&mut self, key: &[u8], now: Nanos) -> bool {
        self.remove_hashed(self.hash(key), key, now)
    }

    fn clear(&mut self, now: Nanos) {
        self.let_go(now);
        let slots: Vec<u32> = self.table.slots().collect();
        slots.into_iter().for_each(|slot| self.drop_slot(slot));
    }

    fn len(&mut self, now: Nanos) -> u64 {
        self.let_go(now);
        u64::from(self.table.len())
    }
}

impl ObjectOps for Map {
    fn stats(&mut self, now: Nanos) -> StateStats {
        StateStats { len: self.len(now), ..self.stats }
    }

    fn entries(&mut self, now: Nanos) -> Vec<Entry> {
        self.let_go(now);
        let packed = |slot| (self.table.key(slot).to_vec(), self.table.value(slot).to_vec());
        let mut entries: Vec<Entry> = self.table.slots().map(packed).collect();
        entries.sort();
        entries
    }

    fn refill(&mut self, entries: &[Entry], now: Nanos) -> bool {
        if self.expires || self.evicts {
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

fn layout(spec: &StateSpec) -> Layout {
    let StateKind::Map { capacity, expire, .. } = spec.kind else {
        unreachable!("a map was asked for")
    };
    Layout {
        capacity,
        key_bytes: spec.key.bytes(),
        has_stamp: expire.is_some(),
        value_bytes: spec.value.bytes(),
    }
}

/// How exactly the order of age is kept, and of how many slots.
fn order(spec: &StateSpec) -> (Precision, u32) {
    match spec.kind {
        StateKind::Map { capacity, when_full: WhenFull::EvictOldest, .. } => {
            (Precision::Write, capacity)
        }
        StateKind::Map { capacity, expire: Some(_), .. } => (Precision::Epoch, capacity),
        _ => (Precision::Epoch, 0),
    }
}
