//! The index of a hash table: from a hash to the slots whose keys may have it.
//!
//! Buckets of one cache line, as in F14 (Bronson and Shi, "Open-sourcing F14 for faster, more
//! memory-efficient hash tables", 2019): twelve tags of eight bits from the hash, a count, and
//! twelve slot numbers. Tags are compared eight at once, so that a search has hardly a branch to
//! guess and several searches overlap in the processor. At capacity a bucket holds five entries on
//! average, and one entry in forty is not among the first eight places.
//!
//! An entry whose home bucket is full goes to the next that is not; each bucket that it passes
//! counts it. A search goes on behind a bucket only while that count is not zero, and a removal
//! takes back what the insertion counted: there are no tombstones and nothing is ever rebuilt.

use super::direct::bucket::TAG_BIT;
use super::lines::{LINE_WORDS, Lines};

/// Places in a bucket.
const PLACES: usize = 12;

/// Entries for each bucket at capacity.
const LOAD: u32 = 5;

/// Word of a bucket with the tags of places 8 to 11; those before it have the others.
const LATE_TAGS: usize = 2;

/// Word of a bucket with the count of entries that passed it.
const PASSED: usize = 3;

/// Word of a bucket with the slot of place 0; those behind it have the others.
const SLOTS: usize = 4;

/// A word with the lowest bit of each byte set.
const LOW_BITS: u64 = 0x0101_0101_0101_0101;

/// What the first half of a search finds out.
pub(super) enum Probe {
    /// The slot.
    Found(u32),
    /// That there is none.
    Absent,
    /// Nothing.
    Unknown,
}

type Bucket = [u32; LINE_WORDS];

/// A hash index of fixed capacity.
#[derive(Debug)]
pub(super) struct Index {
    buckets: u32,
    lines: Lines,
}

impl Index {
    pub(super) fn new(capacity: u32) -> Self {
        let buckets = Self::buckets(capacity);
        Self { buckets, lines: Lines::new(buckets) }
    }

    /// Bytes that an index reserves.
    pub(super) fn bytes(capacity: u32) -> u64 {
        Lines::bytes(Self::buckets(capacity))
    }

    fn buckets(capacity: u32) -> u32 {
        capacity.div_ceil(LOAD).max(1)
    }

    pub(super) fn reserved_bytes(&self) -> u64 {
        self.lines.reserved_bytes()
    }

    /// The first bucket and their number, for generated code.
    pub(super) fn direct(&self) -> (*const u8, u32) {
        (self.lines.line(0).as_ptr().cast(), self.buckets)
    }

    /// The first half of a search, without a loop: asks about one slot at most.
    #[inline(always)]
    pub(super) fn probe(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Probe {
        let bucket = self.lines.line(self.home(hash));
        let places = likely_places(early_tags(bucket), tag(hash));
        if places != 0 {
            let slot = bucket[SLOTS + first_place(places)];
            return if is_it(slot) { Probe::Found(slot) } else { Probe::Unknown };
        }
        let is_all = bucket[LATE_TAGS] | bucket[PASSED] == 0;
        if is_all { Probe::Absent } else { Probe::Unknown }
    }

    /// The slot under a hash for which `is_it` holds.
    #[inline]
    pub(super) fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let home = self.home(hash);
        let mut number = home;
        loop {
            let bucket = self.lines.line(number);
            let (mut tags, mut slots) = (early_tags(bucket), SLOTS);
            loop {
                let mut places = likely_places(tags, tag(hash));
                while places != 0 {
                    let slot = bucket[(slots + first_place(places)) % LINE_WORDS];
                    if is_it(slot) {
                        return Some(slot);
                    }
                    places &= places - 1;
                }
                if slots != SLOTS || bucket[LATE_TAGS] == 0 {
                    break;
                }
                (tags, slots) = (bucket[LATE_TAGS].into(), SLOTS + 8);
            }
            if bucket[PASSED] == 0 {
                return None;
            }
            number = self.after(number);
            if number == home {
                return None;
            }
        }
    }

    /// The first slot that a search for a hash asks about.
    #[inline]
    pub(super) fn first(&self, hash: u64) -> Option<u32> {
        let bucket = self.lines.line(self.home(hash));
        let places = likely_places(early_tags(bucket), tag(hash));
        (places != 0).then(|| bucket[SLOTS + first_place(places)])
    }

    /// Address of the line where the search for a hash starts.
    #[inline]
    pub(super) fn address(&self, hash: u64) -> *const u8 {
        self.lines.line(self.home(hash)).as_ptr().cast()
    }

    /// Puts a slot under a hash. There must be fewer than the capacity.
    pub(super) fn insert(&mut self, hash: u64, slot: u32) {
        let mut number = self.home(hash);
        loop {
            let bucket = self.lines.line_mut(number);
            let places = places_of(bucket, 0);
            if places != 0 {
                set(bucket, places.trailing_zeros() as usize, tag(hash), slot);
                return;
            }
            bucket[PASSED] += 1;
            number = self.after(number);
        }
    }

    /// Takes a slot away that is under a hash.
    pub(super) fn remove(&mut self, hash: u64, slot: u32) {
        let mut number = self.home(hash);
        loop {
            let bucket = self.lines.line_mut(number);
            let mut places = places_of(bucket, tag(hash));
            while places != 0 {
                let place = places.trailing_zeros() as usize;
                if bucket[SLOTS + place] == slot {
                    set(bucket, place, 0, 0);
                    return;
                }
                places &= places - 1;
            }
            bucket[PASSED] -= 1;
            number = self.after(number);
        }
    }

    /// All slots, in no useful order.
    pub(super) fn slots(&self) -> impl Iterator<Item = u32> {
        (0..self.buckets).flat_map(|number| {
            let bucket = *self.lines.line(number);
            let free = places_of(&bucket, 0);
            let taken = move |&place: &usize| free >> place & 1 == 0;
            (0..PLACES).filter(taken).map(move |place| bucket[SLOTS + place])
        })
    }

    /// The bucket where the search for a hash starts: the upper half of the hash, scaled.
    #[inline]
    fn home(&self, hash: u64) -> u32 {
        (((hash >> 32) * u64::from(self.buckets)) >> 32) as u32
    }

    fn after(&self, number: u32) -> u32 {
        if number + 1 == self.buckets { 0 } else { number + 1 }
    }
}

/// What a place shows of the hash of its entry: seven bits, and one to tell it from a free place,
/// which shows zero.
#[inline]
fn tag(hash: u64) -> u8 {
    hash as u8 | TAG_BIT
}

/// Tags of places 0 to 7.
#[inline]
fn early_tags(bucket: &Bucket) -> u64 {
    u64::from(bucket[0]) | u64::from(bucket[1]) << 32
}

/// The highest bit of each byte of `tags` that is `tag`, which is not zero; maybe of some behind
/// the first that are neither that nor zero.
#[inline]
fn likely_places(tags: u64, tag: u8) -> u64 {
    let differ = tags ^ (LOW_BITS * u64::from(tag));
    differ.wrapping_sub(LOW_BITS) & !differ & (LOW_BITS << 7)
}

/// The place of the lowest bit that [`likely_places`] has set.
#[inline]
fn first_place(places: u64) -> usize {
    (places.trailing_zeros() as usize / 8) & 7
}

/// One bit for each place with a tag.
fn places_of(bucket: &Bucket, tag: u8) -> u32 {
    // Gathers the lowest bits of the bytes in the uppermost byte.
    let gather = |bits: u64| (bits.wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32;
    let has_tag = |tags: u64| {
        let differ = tags ^ (LOW_BITS * u64::from(tag));
        let low_seven = LOW_BITS * 0x7f;
        gather(!(((differ & low_seven) + low_seven) | differ | low_seven) >> 7)
    };
    has_tag(early_tags(bucket)) | (has_tag(bucket[LATE_TAGS].into()) & 0xf) << 8
}

fn set(bucket: &mut Bucket, place: usize, tag: u8, slot: u32) {
    let shift = place % 4 * 8;
    let tags = &mut bucket[place / 4];
    *tags = (*tags & !(0xff << shift)) | (u32::from(tag) << shift);
    bucket[SLOTS + place] = slot;
}
