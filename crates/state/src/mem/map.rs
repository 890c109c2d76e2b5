//! Exact-match table with expiry and eviction.

use super::table::{Layout, NIL, Table, read_u32, read_u64};
use crate::ops::{Entry, MapOps, ObjectOps};
use crate::{StateKind, StateSpec, StateStats, WhenFull};
use trama_base::Nanos;

// An entry's header, if its age matters: time of writing, and its neighbours in order of age.
const WRITTEN: usize = 0;
const OLDER: usize = 8;
const YOUNGER: usize = 12;
const HEADER_BYTES: usize = 16;

/// A hash table whose entries are linked in the order in which they were last written.
///
/// Since the time to live is the same for all and time does not go back, that order is the order
/// of expiry, and its first entry is the one to evict. Reads look at the time of the entry they
/// hit; only writes and [`len`](MapOps::len) let go what has expired. A write costs amortised
/// constant time: it may find many expired entries, but each is let go once. Hosts that are idle
/// can do that work early ([`expire`](Self::expire)). Without expiry and eviction there is no list
/// and no header.
#[derive(Debug)]
pub struct Map {
    table: Table,
    expires: bool,
    /// Time to live; without meaning if entries stay.
    expire_ns: u64,
    evicts: bool,
    /// Ends of the list; `NIL` if there are no entries or there is no list.
    oldest: u32,
    youngest: u32,
    /// No entry expires before this time.
    due_ns: u64,
    stats: StateStats,
}

impl Map {
    /// The map of a valid specification of that kind.
    pub(super) fn new(spec: &StateSpec, seed: u64) -> Self {
        let StateKind::Map { expire, when_full, .. } = spec.kind else {
            unreachable!("a map was asked for")
        };
        Self {
            table: Table::new(layout(spec), seed),
            expires: expire.is_some(),
            expire_ns: expire.map_or(u64::MAX, |expire| expire.0),
            evicts: when_full == WhenFull::EvictOldest,
            oldest: NIL,
            youngest: NIL,
            due_ns: u64::MAX,
            stats: StateStats::default(),
        }
    }

    pub(super) fn bytes(spec: &StateSpec) -> u64 {
        layout(spec).bytes()
    }

    /// Bytes that it has reserved.
    pub fn reserved_bytes(&self) -> u64 {
        self.table.reserved_bytes()
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

    /// Addresses of the entries next in age to the one that a search for this hash most likely ends
    /// at: a write links them to each other. Worth prefetching once the line of
    /// [`entry_address`](Self::entry_address) has arrived, which this reads.
    #[inline]
    pub fn neighbour_addresses(&self, hash: u64) -> Option<[*const u8; 2]> {
        if !self.is_aging() {
            return None;
        }
        let slot = self.table.likely_slot(hash)?;
        let header = self.table.header(slot);
        let (older, younger) = (read_u32(header, OLDER), read_u32(header, YOUNGER));
        let address =
            |neighbour| self.table.slot_address(if neighbour == NIL { slot } else { neighbour });
        Some([address(older), address(younger)])
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
        if self.expires && now.0.saturating_sub(self.written_ns(slot)) >= self.expire_ns {
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

    /// Lets go at most `budget` entries that have expired, and tells how many. Results do not
    /// depend on when this is done: it only moves work away from later writes.
    pub fn expire(&mut self, now: Nanos, budget: u64) -> u64 {
        if now.0 < self.due_ns || !self.expires {
            return 0;
        }
        for done in 0..budget {
            if self.oldest == NIL {
                self.due_ns = u64::MAX;
                return done;
            }
            let written_ns = self.written_ns(self.oldest);
            if now.0.saturating_sub(written_ns) < self.expire_ns {
                self.due_ns = written_ns.saturating_add(self.expire_ns);
                return done;
            }
            self.drop_slot(self.oldest);
            self.stats.expired += 1;
        }
        budget
    }

    #[inline]
    fn let_go(&mut self, now: Nanos) {
        if now.0 >= self.due_ns {
            self.expire(now, u64::MAX);
        }
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
            self.drop_slot(self.oldest);
            self.stats.evicted += 1;
        }
        let slot = self.table.insert(hash, key);
        if self.is_aging() {
            self.link_youngest(slot, now);
        }
        self.stats.inserted += 1;
        self.stats.peak = self.stats.peak.max(u64::from(self.table.len()));
        Some(slot)
    }

    fn drop_slot(&mut self, slot: u32) {
        if self.is_aging() {
            self.unlink(slot);
        }
        self.table.remove(slot);
    }

    #[inline]
    fn is_aging(&self) -> bool {
        self.evicts || self.expires
    }

    #[inline]
    fn written_ns(&self, slot: u32) -> u64 {
        read_u64(self.table.header(slot), WRITTEN)
    }

    #[inline]
    fn rejuvenate(&mut self, slot: u32, now: Nanos) {
        if !self.is_aging() {
            return;
        }
        if slot == self.youngest {
            self.set_written(slot, now);
            return;
        }
        self.unlink(slot);
        self.link_youngest(slot, now);
    }

    fn set_written(&mut self, slot: u32, now: Nanos) {
        let header = self.table.header_mut(slot);
        header[WRITTEN..WRITTEN + 8].copy_from_slice(&now.0.to_le_bytes());
    }

    fn set_link(&mut self, slot: u32, side: usize, to: u32) {
        self.table.header_mut(slot)[side..side + 4].copy_from_slice(&to.to_le_bytes());
    }

    fn link_youngest(&mut self, slot: u32, now: Nanos) {
        let older = self.youngest;
        self.set_written(slot, now);
        self.set_link(slot, OLDER, older);
        self.set_link(slot, YOUNGER, NIL);
        if older == NIL {
            self.oldest = slot;
            self.due_ns = now.0.saturating_add(self.expire_ns);
        } else {
            self.set_link(older, YOUNGER, slot);
        }
        self.youngest = slot;
    }

    fn unlink(&mut self, slot: u32) {
        let header = self.table.header(slot);
        let (older, younger) = (read_u32(header, OLDER), read_u32(header, YOUNGER));
        if older == NIL {
            self.oldest = younger;
        } else {
            self.set_link(older, YOUNGER, younger);
        }
        if younger == NIL {
            self.youngest = older;
        } else {
            self.set_link(younger, OLDER, older);
        }
    }
}

impl MapOps for Map {
    #[inline]
    fn get(&mut self, key: &[u8], now: Nanos) -> Option<&[u8]> {
        self.get_hashed(self.hash(key), key, now)
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
        self.touch_hashed(self.hash(key), key, now)
    }

    #[inline]
    fn remove(&mut self, key: &[u8], now: Nanos) -> bool {
        self.remove_hashed(self.hash(key), key, now)
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
}

fn layout(spec: &StateSpec) -> Layout {
    let StateKind::Map { capacity, expire, when_full } = spec.kind else {
        unreachable!("a map was asked for")
    };
    let ages = expire.is_some() || when_full == WhenFull::EvictOldest;
    Layout {
        capacity,
        header_bytes: if ages { HEADER_BYTES } else { 0 },
        key_bytes: spec.key.bytes(),
        value_bytes: spec.value.bytes(),
    }
}
