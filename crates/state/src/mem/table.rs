//! The hash table under maps, buckets and prefix tables.
//!
//! Two arrays. The [`Index`] leads from a hash to slots. The *slab* holds the entries, each in one
//! slot that it keeps for life: header, key and value side by side, at a stride that keeps an entry
//! within one cache line if it fits one. A hit thus touches two lines, and a miss one.
//!
//! The header belongs to the owner of the table. Slots that are free are linked through their
//! first four bytes; those never used yet are not touched at all.

use super::index::Index;
use super::lines::LINE_BYTES;
use crate::hash::Hasher;

/// No slot.
pub(super) const NIL: u32 = u32::MAX;

/// How entries lie in the slab.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) capacity: u32,
    pub(super) header_bytes: usize,
    pub(super) key_bytes: usize,
    pub(super) value_bytes: usize,
}

impl Layout {
    /// From one entry to the next: a power of two up to a line, then whole lines.
    fn stride(&self) -> usize {
        let bytes = self.header_bytes + self.key_bytes + self.value_bytes;
        if bytes <= LINE_BYTES {
            bytes.next_power_of_two().max(8)
        } else {
            bytes.next_multiple_of(LINE_BYTES)
        }
    }

    fn slab_len(&self) -> u64 {
        u64::from(self.capacity)
            .saturating_mul(self.stride() as u64)
            .saturating_add(LINE_BYTES as u64)
    }

    /// Bytes that a table of this layout reserves.
    pub(super) fn bytes(&self) -> u64 {
        self.slab_len().saturating_add(Index::bytes(self.capacity))
    }
}

/// A hash table of a fixed capacity with entries that do not move.
#[derive(Debug)]
pub(super) struct Table {
    layout: Layout,
    stride: usize,
    /// Where in an entry its value starts.
    value_at: usize,
    hasher: Hasher,
    index: Index,
    slab: Vec<u8>,
    /// Where in `slab` the first line starts.
    first: usize,
    len: u32,
    /// Slots from here on were never used.
    fresh: u32,
    /// First free slot below `fresh`.
    free: u32,
}

impl Table {
    pub(super) fn new(layout: Layout, seed: u64) -> Self {
        let slab = vec![0_u8; layout.slab_len() as usize];
        Self {
            layout,
            stride: layout.stride(),
            value_at: layout.header_bytes + layout.key_bytes,
            hasher: Hasher::new(seed),
            index: Index::new(layout.capacity),
            first: slab.as_ptr().align_offset(LINE_BYTES).min(LINE_BYTES - 1),
            slab,
            len: 0,
            fresh: 0,
            free: NIL,
        }
    }

    pub(super) fn len(&self) -> u32 {
        self.len
    }

    pub(super) fn is_full(&self) -> bool {
        self.len == self.layout.capacity
    }

    pub(super) fn reserved_bytes(&self) -> u64 {
        self.index.reserved_bytes() + self.slab.capacity() as u64
    }

    #[inline]
    pub(super) fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash(key)
    }

    /// The slot of a key with that hash.
    #[inline]
    pub(super) fn find(&self, hash: u64, key: &[u8]) -> Option<u32> {
        let n = key.len();
        if (8..=16).contains(&n) && n == self.layout.key_bytes {
            // Two words that overlap, read once: the keys of flows over IPv4 and the like.
            let (first, last) = (read_u64(key, 0), read_u64(key, n - 8));
            return self.index.find(hash, |slot| {
                let other = self.part(slot, self.layout.header_bytes, n);
                (read_u64(other, 0) ^ first) | (read_u64(other, n - 8) ^ last) == 0
            });
        }
        self.index.find(hash, |slot| same(self.key(slot), key))
    }

    /// Makes an entry, with header and value all zero, of a key that has none. The table must not
    /// be full.
    pub(super) fn insert(&mut self, hash: u64, key: &[u8]) -> u32 {
        assert!(!self.is_full(), "the owner makes room first");
        let slot = if self.free == NIL {
            self.fresh += 1;
            self.fresh - 1
        } else {
            let slot = self.free;
            self.free = read_u32(self.entry(slot), 0);
            slot
        };
        self.index.insert(hash, slot);
        self.len += 1;
        let key_at = self.layout.header_bytes;
        let entry = self.entry_mut(slot);
        entry.fill(0);
        entry[key_at..key_at + key.len()].copy_from_slice(key);
        slot
    }

    /// Removes the entry in a slot that has one.
    pub(super) fn remove(&mut self, slot: u32) {
        let hash = self.hash(self.key(slot));
        self.index.remove(hash, slot);
        let next = self.free;
        self.entry_mut(slot)[..4].copy_from_slice(&next.to_le_bytes());
        self.free = slot;
        self.len -= 1;
    }

    /// Slots of all entries, in no useful order.
    pub(super) fn slots(&self) -> impl Iterator<Item = u32> {
        self.index.slots()
    }

    #[inline]
    pub(super) fn header(&self, slot: u32) -> &[u8] {
        self.part(slot, 0, self.layout.header_bytes)
    }

    #[inline]
    pub(super) fn header_mut(&mut self, slot: u32) -> &mut [u8] {
        let at = self.at(slot);
        &mut self.slab[at..at + self.layout.header_bytes]
    }

    #[inline]
    pub(super) fn key(&self, slot: u32) -> &[u8] {
        self.part(slot, self.layout.header_bytes, self.layout.key_bytes)
    }

    #[inline]
    pub(super) fn value(&self, slot: u32) -> &[u8] {
        self.part(slot, self.value_at, self.layout.value_bytes)
    }

    #[inline]
    pub(super) fn value_mut(&mut self, slot: u32) -> &mut [u8] {
        let at = self.at(slot) + self.value_at;
        &mut self.slab[at..at + self.layout.value_bytes]
    }

    /// Address of the index line where the search for a hash starts.
    #[inline]
    pub(super) fn index_address(&self, hash: u64) -> *const u8 {
        self.index.address(hash)
    }

    /// Address of the entry that the search for a hash looks at first; of the index line if
    /// there is none.
    #[inline]
    pub(super) fn entry_address(&self, hash: u64) -> *const u8 {
        match self.index.first(hash) {
            Some(slot) => self.entry(slot).as_ptr(),
            None => self.index.address(hash),
        }
    }

    /// The slot of the entry that the search for a hash looks at first.
    #[inline]
    pub(super) fn likely_slot(&self, hash: u64) -> Option<u32> {
        self.index.first(hash)
    }

    /// Address of the entry in a slot.
    #[inline]
    pub(super) fn slot_address(&self, slot: u32) -> *const u8 {
        self.slab[self.at(slot)..].as_ptr()
    }

    /// A byte of the entry that the search for a hash looks at first.
    #[inline]
    pub(super) fn touch_line(&self, hash: u64) -> u8 {
        self.index.first(hash).map_or(0, |slot| self.slab[self.at(slot)])
    }

    /// First byte of an entry.
    #[inline]
    fn at(&self, slot: u32) -> usize {
        self.first + slot as usize * self.stride
    }

    /// So many bytes of an entry, from `from`.
    #[inline]
    fn part(&self, slot: u32, from: usize, len: usize) -> &[u8] {
        let at = self.at(slot) + from;
        &self.slab[at..at + len]
    }

    #[inline]
    fn entry(&self, slot: u32) -> &[u8] {
        self.part(slot, 0, self.stride)
    }

    #[inline]
    fn entry_mut(&mut self, slot: u32) -> &mut [u8] {
        let at = self.at(slot);
        &mut self.slab[at..at + self.stride]
    }
}

/// Four bytes from `at`, little endian.
#[inline]
pub(super) fn read_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("the slice has four bytes"))
}

/// Eight bytes from `at`, little endian.
#[inline]
pub(super) fn read_u64(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("the slice has eight bytes"))
}

/// Equality of two keys, by words that overlap at the end: for the few bytes of a key this is
/// quicker than the general comparison.
#[inline]
fn same(a: &[u8], b: &[u8]) -> bool {
    let n = b.len();
    if a.len() != n {
        return false;
    }
    match n {
        0..=3 => a == b,
        4..=7 => {
            let differ = |at| read_u32(a, at) ^ read_u32(b, at);
            differ(0) | differ(n - 4) == 0
        }
        8..=40 => {
            let differ = |at| read_u64(a, at) ^ read_u64(b, at);
            let whole = (0..n - 8).step_by(8).fold(0, |all, at| all | differ(at));
            whole | differ(n - 8) == 0
        }
        _ => a == b,
    }
}
