//! The index of a hash table: from a hash to the slots whose keys may have it.
//!
//! Buckets of one cache line, as in F14 (Bronson and Shi, "Open-sourcing F14 for faster, more
//! memory-efficient hash tables", 2019): twelve tags of eight bits from the hash, a count, and
//! twelve slot numbers. All tags of a bucket are compared at once, so that a search has hardly a
//! branch to guess and several searches overlap in the processor.
//!
//! An entry whose home bucket is full goes to the next that is not; each bucket that it passes
//! counts it. A search goes on behind a bucket only while that count is not zero, and a removal
//! takes back what the insertion counted: there are no tombstones and nothing is ever rebuilt. On
//! average eight of twelve places are taken at capacity, when about one entry in fifty has passed
//! a bucket.

use super::lines::Lines;

/// Places in a bucket.
const PLACES: usize = 12;

/// Entries for each bucket at capacity.
const LOAD: u32 = 8;

/// A word with the lowest bit of each byte set.
const LOW_BITS: u64 = 0x0101_0101_0101_0101;

/// The count of passing entries is the upper half of word 1.
const PASSED_ONE: u64 = 1 << 32;

/// Tags 0 to 7; tags 8 to 11 and the count; then the slots, two a word.
type Bucket = [u64; 8];

/// A hash index of fixed capacity.
#[derive(Debug)]
pub(super) struct Index {
    buckets: u64,
    words: Lines,
}

impl Index {
    pub(super) fn new(capacity: u32) -> Self {
        let buckets = Self::buckets(capacity);
        Self { buckets, words: Lines::new(buckets) }
    }

    /// Bytes that an index reserves.
    pub(super) fn bytes(capacity: u32) -> u64 {
        Lines::bytes(Self::buckets(capacity))
    }

    fn buckets(capacity: u32) -> u64 {
        u64::from(capacity.div_ceil(LOAD)).max(1)
    }

    pub(super) fn reserved_bytes(&self) -> u64 {
        self.words.reserved_bytes()
    }

    /// The slot under a hash for which `is_it` holds.
    #[inline]
    pub(super) fn find(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let home = self.home(hash);
        let bucket = self.bucket(home);
        let mut places = places_of(bucket, tag(hash));
        while places != 0 {
            let slot = slot_at(bucket, first_place(places));
            if is_it(slot) {
                return Some(slot);
            }
            places &= places - 1;
        }
        if bucket[1] < PASSED_ONE { None } else { self.find_behind(home, hash, is_it) }
    }

    /// The rest of a search that did not end in the home bucket.
    #[cold]
    fn find_behind(&self, home: u64, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let mut number = self.after(home);
        while number != home {
            let bucket = self.bucket(number);
            let mut places = places_of(bucket, tag(hash));
            while places != 0 {
                let slot = slot_at(bucket, first_place(places));
                if is_it(slot) {
                    return Some(slot);
                }
                places &= places - 1;
            }
            if bucket[1] < PASSED_ONE {
                return None;
            }
            number = self.after(number);
        }
        None
    }

    /// The first slot that a search for a hash asks about in its home bucket.
    #[inline]
    pub(super) fn first(&self, hash: u64) -> Option<u32> {
        let bucket = self.bucket(self.home(hash));
        let places = places_of(bucket, tag(hash));
        (places != 0).then(|| slot_at(bucket, first_place(places)))
    }

    /// Address of the line where the search for a hash starts.
    #[inline]
    pub(super) fn address(&self, hash: u64) -> *const u8 {
        self.bucket(self.home(hash)).as_ptr().cast()
    }

    /// Puts a slot under a hash. There must be fewer than the capacity.
    pub(super) fn insert(&mut self, hash: u64, slot: u32) {
        let mut number = self.home(hash);
        loop {
            let bucket = self.bucket_mut(number);
            let places = places_of(bucket, 0);
            if places != 0 {
                set(bucket, first_place(places), tag(hash), slot);
                return;
            }
            bucket[1] += PASSED_ONE;
            number = self.after(number);
        }
    }

    /// Takes a slot away that is under a hash.
    pub(super) fn remove(&mut self, hash: u64, slot: u32) {
        let mut number = self.home(hash);
        loop {
            let bucket = self.bucket_mut(number);
            let mut places = places_of(bucket, tag(hash));
            while places != 0 {
                let place = first_place(places);
                if slot_at(bucket, place) == slot {
                    set(bucket, place, 0, 0);
                    return;
                }
                places &= places - 1;
            }
            bucket[1] -= PASSED_ONE;
            number = self.after(number);
        }
    }

    /// All slots, in no useful order.
    pub(super) fn slots(&self) -> impl Iterator<Item = u32> {
        (0..self.buckets).flat_map(|number| {
            let bucket = *self.bucket(number);
            let taken = move |&place: &usize| tag_at(&bucket, place) != 0;
            (0..PLACES).filter(taken).map(move |place| slot_at(&bucket, place))
        })
    }

    /// The bucket where the search for a hash starts: the upper half of the hash, scaled.
    #[inline]
    fn home(&self, hash: u64) -> u64 {
        ((hash >> 32) * self.buckets) >> 32
    }

    #[inline]
    fn after(&self, number: u64) -> u64 {
        if number + 1 == self.buckets { 0 } else { number + 1 }
    }

    #[inline]
    fn bucket(&self, number: u64) -> &Bucket {
        self.words.line(number)
    }

    #[inline]
    fn bucket_mut(&mut self, number: u64) -> &mut Bucket {
        self.words.line_mut(number)
    }
}

/// What a place shows of the hash of its entry: its lowest byte, but never zero, which is "free".
#[inline]
fn tag(hash: u64) -> u8 {
    (hash as u8).max(1)
}

/// The places with a tag: bit `8 * i` for place `i`, bit `8 * i + 4` for place `8 + i`.
#[inline]
fn places_of(bucket: &Bucket, tag: u8) -> u64 {
    let wanted = LOW_BITS * u64::from(tag);
    let upper = u64::from((bucket[1] ^ wanted) as u32) | u64::from(u32::MAX) << 32;
    zero_bytes(bucket[0] ^ wanted) >> 7 | zero_bytes(upper) >> 3
}

/// The highest bit of each byte that is zero.
#[inline]
fn zero_bytes(word: u64) -> u64 {
    let low_seven = LOW_BITS * 0x7f;
    !(((word & low_seven) + low_seven) | word | low_seven)
}

/// The place of the lowest bit.
#[inline]
fn first_place(places: u64) -> usize {
    let bit = places.trailing_zeros() as usize;
    bit >> 3 | (bit & 4) << 1
}

#[inline]
fn slot_at(bucket: &Bucket, place: usize) -> u32 {
    (bucket[(2 + place / 2) & 7] >> (place % 2 * 32)) as u32
}

fn tag_at(bucket: &Bucket, place: usize) -> u8 {
    (bucket[place / 8] >> (place % 8 * 8)) as u8
}

fn set(bucket: &mut Bucket, place: usize, tag: u8, slot: u32) {
    let tag_shift = place % 8 * 8;
    let tags = &mut bucket[place / 8];
    *tags = *tags & !(0xff << tag_shift) | u64::from(tag) << tag_shift;
    let slot_shift = place % 2 * 32;
    let slots = &mut bucket[2 + place / 2];
    *slots = *slots & !(u64::from(u32::MAX) << slot_shift) | u64::from(slot) << slot_shift;
}
