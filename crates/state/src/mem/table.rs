//! The hash table under maps, buckets and prefix tables.
//!
//! Two arrays. The *index* is probed linearly; its words hold the upper 32 bits of the key's hash
//! and the number of a slot, so that a probe compares hashes without leaving the line, and a word
//! can be moved without knowing its key. The *slab* holds the entries, each in one slot that it
//! keeps for life: header, key and value side by side, at a stride that keeps an entry within one
//! cache line if it fits one. A hit thus touches two lines, and a miss one.
//!
//! At most two thirds of the index are taken, so a run of taken words is short and every probe
//! ends. Deletion shifts the rest of its run back (Knuth, TAOCP 3, 6.4, algorithm R): there are no
//! tombstones and no rebuilding, and a table is as fast after a year as on its first day.
//!
//! The header belongs to the owner of the table. Slots that are free are linked through their
//! first four bytes; those never used yet are not touched at all.

use crate::hash::Hasher;

/// No slot.
pub(super) const NIL: u32 = u32::MAX;

/// Bytes of a cache line.
const LINE: usize = 64;

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
        if bytes <= LINE { bytes.next_power_of_two().max(8) } else { bytes.next_multiple_of(LINE) }
    }

    /// Words of the index: a power of two of which at most two thirds are taken.
    fn index_len(&self) -> u64 {
        (u64::from(self.capacity) * 3 / 2 + 1).next_power_of_two()
    }

    fn slab_len(&self) -> u64 {
        u64::from(self.capacity).saturating_mul(self.stride() as u64).saturating_add(LINE as u64)
    }

    /// Bytes that a table of this layout reserves.
    pub(super) fn bytes(&self) -> u64 {
        self.slab_len().saturating_add(self.index_len() * 8)
    }
}

/// A hash table of a fixed capacity with entries that do not move.
#[derive(Debug)]
pub(super) struct Table {
    layout: Layout,
    stride: usize,
    hasher: Hasher,
    /// Upper half: upper half of the hash. Lower half: slot + 1. Zero: not taken.
    index: Vec<u64>,
    mask: usize,
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
        let index = vec![0_u64; layout.index_len() as usize];
        let slab = vec![0_u8; layout.slab_len() as usize];
        Self {
            layout,
            stride: layout.stride(),
            hasher: Hasher::new(seed),
            mask: index.len() - 1,
            index,
            first: slab.as_ptr().align_offset(LINE).min(LINE - 1),
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
        (self.index.capacity() * 8 + self.slab.capacity()) as u64
    }

    #[inline]
    pub(super) fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash(key)
    }

    /// The slot of a key with that hash.
    #[inline]
    pub(super) fn find(&self, hash: u64, key: &[u8]) -> Option<u32> {
        let mut at = self.home(hash);
        loop {
            let word = self.index[at];
            if word == 0 {
                return None;
            }
            if word >> 32 == hash >> 32 {
                let slot = word as u32 - 1;
                if same(self.key(slot), key) {
                    return Some(slot);
                }
            }
            at = (at + 1) & self.mask;
        }
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
        let mut at = self.home(hash);
        while self.index[at] != 0 {
            at = (at + 1) & self.mask;
        }
        self.index[at] = hash >> 32 << 32 | u64::from(slot + 1);
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
        let word = hash >> 32 << 32 | u64::from(slot + 1);
        let mut hole = self.home(hash);
        while self.index[hole] != word {
            hole = (hole + 1) & self.mask;
        }
        let mut at = hole;
        loop {
            at = (at + 1) & self.mask;
            let word = self.index[at];
            if word == 0 {
                break;
            }
            // A word may fill the hole unless its home lies behind the hole.
            let from_home = at.wrapping_sub(self.home(word)) & self.mask;
            let from_hole = at.wrapping_sub(hole) & self.mask;
            if from_home >= from_hole {
                self.index[hole] = word;
                hole = at;
            }
        }
        self.index[hole] = 0;
        let next = self.free;
        self.entry_mut(slot)[..4].copy_from_slice(&next.to_le_bytes());
        self.free = slot;
        self.len -= 1;
    }

    /// Slots of all entries, in no useful order.
    pub(super) fn slots(&self) -> impl Iterator<Item = u32> {
        self.index.iter().filter(|&&word| word != 0).map(|&word| word as u32 - 1)
    }

    #[inline]
    pub(super) fn header(&self, slot: u32) -> &[u8] {
        &self.entry(slot)[..self.layout.header_bytes]
    }

    #[inline]
    pub(super) fn header_mut(&mut self, slot: u32) -> &mut [u8] {
        let len = self.layout.header_bytes;
        &mut self.entry_mut(slot)[..len]
    }

    #[inline]
    pub(super) fn key(&self, slot: u32) -> &[u8] {
        let at = self.layout.header_bytes;
        &self.entry(slot)[at..at + self.layout.key_bytes]
    }

    #[inline]
    pub(super) fn value(&self, slot: u32) -> &[u8] {
        let at = self.layout.header_bytes + self.layout.key_bytes;
        &self.entry(slot)[at..at + self.layout.value_bytes]
    }

    #[inline]
    pub(super) fn value_mut(&mut self, slot: u32) -> &mut [u8] {
        let at = self.layout.header_bytes + self.layout.key_bytes;
        let end = at + self.layout.value_bytes;
        &mut self.entry_mut(slot)[at..end]
    }

    /// Address of the index word where the search for a hash starts.
    #[inline]
    pub(super) fn index_address(&self, hash: u64) -> *const u8 {
        (&raw const self.index[self.home(hash)]).cast()
    }

    /// Address of the entry that the search for a hash looks at first; of the index word if that
    /// is not taken.
    #[inline]
    pub(super) fn entry_address(&self, hash: u64) -> *const u8 {
        let mut at = self.home(hash);
        loop {
            let word = self.index[at];
            if word == 0 {
                return self.index_address(hash);
            }
            if word >> 32 == hash >> 32 {
                return self.entry(word as u32 - 1).as_ptr();
            }
            at = (at + 1) & self.mask;
        }
    }

    /// Where the search for a hash starts; an index word serves as well.
    #[inline]
    fn home(&self, hash: u64) -> usize {
        (hash >> 32) as usize & self.mask
    }

    #[inline]
    fn entry(&self, slot: u32) -> &[u8] {
        let at = self.first + slot as usize * self.stride;
        &self.slab[at..at + self.stride]
    }

    #[inline]
    fn entry_mut(&mut self, slot: u32) -> &mut [u8] {
        let at = self.first + slot as usize * self.stride;
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
        8..=16 => {
            let differ = |at| read_u64(a, at) ^ read_u64(b, at);
            differ(0) | differ(n - 8) == 0
        }
        17..=40 => {
            let differ = |at| read_u64(a, at) ^ read_u64(b, at);
            let whole = (0..n - 8).step_by(8).fold(0, |all, at| all | differ(at));
            whole | differ(n - 8) == 0
        }
        _ => a == b,
    }
}
