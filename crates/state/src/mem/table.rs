//! The hash table under maps, buckets and prefix tables.
//!
//! Two arrays. The [`Index`] leads from a hash to slots. The *slab* holds the entries, each in one
//! slot that it keeps for life: key, stamp and value side by side, at a stride that keeps an entry
//! within one cache line if it fits one. A hit thus touches two lines, and a miss one.
//!
//! The stamp, if there is one, belongs to the owner of the table. Slots that are free are linked
//! through their first four bytes; those never used yet are not touched at all.

use super::direct::{AgesDirect, MapDirect};
use super::index::Index;
pub(super) use super::index::Probe;
use super::lines::LINE_BYTES;
use crate::hash::Hasher;

/// No slot.
pub(super) const NIL: u32 = u32::MAX;

/// Bytes of a stamp.
const STAMP_BYTES: usize = 8;

/// Bytes that can be read from the start of any entry.
const HEAD_BYTES: usize = 16;

/// How entries lie in the slab.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) capacity: u32,
    pub(super) key_bytes: usize,
    pub(super) has_stamp: bool,
    pub(super) value_bytes: usize,
}

impl Layout {
    /// Where in an entry its value starts.
    fn value_at(&self) -> usize {
        self.key_bytes + if self.has_stamp { STAMP_BYTES } else { 0 }
    }

    /// From one entry to the next: a power of two up to a line, then whole lines.
    fn stride(&self) -> usize {
        let bytes = self.value_at() + self.value_bytes;
        if bytes <= LINE_BYTES {
            bytes.next_power_of_two().max(8)
        } else {
            bytes.next_multiple_of(LINE_BYTES)
        }
    }

    /// Room for all entries, and to start them at a line and read on behind the last.
    fn slab_len(&self) -> u64 {
        u64::from(self.capacity)
            .saturating_mul(self.stride() as u64)
            .saturating_add((LINE_BYTES + HEAD_BYTES) as u64)
    }

    /// Bytes that a table of this layout reserves.
    pub(super) fn bytes(&self) -> u64 {
        self.slab_len().saturating_add(Index::bytes(self.capacity))
    }
}

/// A hash table of a fixed capacity with entries that do not move.
#[derive(Debug)]
pub(super) struct Table {
    hasher: Hasher,
    index: Index,
    slab: Vec<u8>,
    /// Where in `slab` the first line starts.
    first: u8,
    stride: u32,
    layout: Layout,
    value_at: usize,
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
            hasher: Hasher::new(seed),
            index: Index::new(layout.capacity),
            first: slab.as_ptr().align_offset(LINE_BYTES).min(LINE_BYTES - 1) as u8,
            slab,
            stride: u32::try_from(layout.stride()).expect("an entry is smaller than an object"),
            layout,
            value_at: layout.value_at(),
            len: 0,
            fresh: 0,
            free: NIL,
        }
    }

    /// Where the parts are, for generated code; what the table does not know is for its owner.
    pub(super) fn direct(&mut self, ages: AgesDirect) -> MapDirect {
        let (buckets, bucket_count) = self.index.direct();
        MapDirect {
            seeds: self.hasher.seeds(),
            buckets,
            bucket_count,
            entries: self.slab[usize::from(self.first)..].as_mut_ptr(),
            stride: self.stride,
            key_bytes: self.layout.key_bytes,
            written_at: self.layout.has_stamp.then_some(self.layout.key_bytes),
            value_at: self.value_at,
            ages,
            is_ordered: false,
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
        self.hasher.quick(key)
    }

    /// The first half of a search, without a loop or a call, for keys of 4 to 16 bytes (addresses,
    /// flows over IPv4); of other keys it finds out nothing.
    #[inline(always)]
    pub(super) fn probe(&self, key: &[u8]) -> Probe {
        let n = key.len();
        if (8..=16).contains(&n) {
            self.index.probe(self.hash(key), |slot| self.has_two_words(slot, key))
        } else if (4..=7).contains(&n) {
            self.index.probe(self.hash(key), |slot| self.has_two_halves(slot, key))
        } else {
            Probe::Unknown
        }
    }

    /// The slot of a key with that hash.
    #[inline]
    pub(super) fn find(&self, hash: u64, key: &[u8]) -> Option<u32> {
        let n = key.len();
        match n {
            4..=7 => self.index.find(hash, |slot| self.has_two_halves(slot, key)),
            8..=16 => self.index.find(hash, |slot| self.has_two_words(slot, key)),
            17.. => self.index.find(hash, |slot| {
                let other = self.key(slot);
                let (words, _) = key.as_chunks::<8>();
                let (other_words, _) = other.as_chunks::<8>();
                words == other_words && read_u64(key, n - 8) == read_u64(other, n - 8)
            }),
            _ => self.index.find(hash, |slot| self.key(slot) == key),
        }
    }

    /// True if the key in a slot is this one, of 8 to 16 bytes: two words that may overlap.
    #[inline(always)]
    fn has_two_words(&self, slot: u32, key: &[u8]) -> bool {
        let other = self.head(slot);
        let is_equal = |at| read_u64(key, at) == read_u64(other, at);
        is_equal(0) & is_equal(key.len() - 8)
    }

    /// True if the key in a slot is this one, of 4 to 7 bytes: two half words that may overlap.
    #[inline(always)]
    fn has_two_halves(&self, slot: u32, key: &[u8]) -> bool {
        let other = self.head(slot);
        let is_equal = |at| read_u32(key, at) == read_u32(other, at);
        is_equal(0) & is_equal(key.len() - 4)
    }

    /// Makes an entry, with stamp and value all zero, of a key that has none. The table must not
    /// be full.
    pub(super) fn insert(&mut self, hash: u64, key: &[u8]) -> u32 {
        assert!(!self.is_full(), "the owner makes room first");
        let slot = if self.free == NIL {
            self.fresh += 1;
            self.fresh - 1
        } else {
            let slot = self.free;
            self.free = read_u32(self.head(slot), 0);
            slot
        };
        self.index.insert(hash, slot);
        self.len += 1;
        let entry = self.part_mut(slot, 0, self.stride as usize);
        entry.fill(0);
        entry[..key.len()].copy_from_slice(key);
        slot
    }

    /// Removes the entry in a slot that has one.
    pub(super) fn remove(&mut self, slot: u32) {
        let hash = self.hash(self.key(slot));
        self.index.remove(hash, slot);
        let next = self.free;
        self.part_mut(slot, 0, 4).copy_from_slice(&next.to_le_bytes());
        self.free = slot;
        self.len -= 1;
    }

    /// Slots of all entries, in no useful order.
    pub(super) fn slots(&self) -> impl Iterator<Item = u32> {
        self.index.slots()
    }

    /// The stamp of an entry. The table must have stamps.
    #[inline]
    pub(super) fn stamp(&self, slot: u32) -> u64 {
        read_u64(self.part(slot, self.layout.key_bytes, STAMP_BYTES), 0)
    }

    #[inline]
    pub(super) fn set_stamp(&mut self, slot: u32, stamp: u64) {
        let bytes = self.part_mut(slot, self.layout.key_bytes, STAMP_BYTES);
        bytes.copy_from_slice(&stamp.to_le_bytes());
    }

    #[inline]
    pub(super) fn key(&self, slot: u32) -> &[u8] {
        self.part(slot, 0, self.layout.key_bytes)
    }

    #[inline]
    pub(super) fn value(&self, slot: u32) -> &[u8] {
        self.part(slot, self.value_at, self.layout.value_bytes)
    }

    #[inline]
    pub(super) fn value_mut(&mut self, slot: u32) -> &mut [u8] {
        self.part_mut(slot, self.value_at, self.layout.value_bytes)
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
            Some(slot) => self.head(slot).as_ptr(),
            None => self.index.address(hash),
        }
    }

    /// A byte of the entry that the search for a hash looks at first.
    #[inline]
    pub(super) fn touch_line(&self, hash: u64) -> u8 {
        self.index.first(hash).map_or(0, |slot| self.head(slot)[0])
    }

    /// First byte of an entry.
    #[inline]
    fn at(&self, slot: u32) -> usize {
        usize::from(self.first) + slot as usize * self.stride as usize
    }

    /// The first bytes of an entry, whatever they are.
    #[inline]
    fn head(&self, slot: u32) -> &[u8; HEAD_BYTES] {
        let at = self.at(slot);
        self.slab[at..at + HEAD_BYTES].try_into().expect("the slice has so many bytes")
    }

    /// So many bytes of an entry, from `from`.
    #[inline]
    fn part(&self, slot: u32, from: usize, len: usize) -> &[u8] {
        &self.slab[self.at(slot) + from..][..len]
    }

    #[inline]
    fn part_mut(&mut self, slot: u32, from: usize, len: usize) -> &mut [u8] {
        let at = self.at(slot) + from;
        &mut self.slab[at..][..len]
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
