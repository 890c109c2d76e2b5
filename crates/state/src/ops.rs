//! The operations of each kind of object: what the models and the backends have in common.
//!
//! Reads take `&mut self` where a read may notice that time has passed.
#![allow(clippy::len_without_is_empty, reason = "a number that programs read, not a container")]

mod buffers;
mod summaries;

pub use buffers::{PatternsOps, RingOps, StreamsOps};
pub use summaries::{BloomOps, HistogramOps, SketchOps};

use crate::StateStats;
use trama_base::Nanos;

/// A packed key with its packed value, as dumps, traces and comparisons see it.
pub type Entry = (Vec<u8>, Vec<u8>);

/// What every object can tell about itself.
pub trait ObjectOps {
    /// Counters since the object was made, with all that expired up to `now` accounted for.
    fn stats(&mut self, now: Nanos) -> StateStats;

    /// What it holds, sorted by packed key.
    ///
    /// Maps: key, value. Arrays and counters: each index whose value is not all zero, as 8 bytes
    /// little endian; a counter's value is packets and bytes, 8 bytes each. Pools: each index in
    /// use, no value. LPM: the packed address with the bits beyond the prefix zero, then one byte
    /// of length. Buckets: each tracked key with the whole tokens left at `now`, 8 bytes. Maglev:
    /// each member with its weight, 4 bytes. Sketches: each cell that is not zero, as the index
    /// `row * width + column`, with its count. Bloom filters: the words of 64 bits that are not
    /// zero, by index. Rings: the values by their place, the oldest at 0. Streams: each key with
    /// its start, the bytes available and the bytes waiting, 4 bytes each. Histograms: each key
    /// with how many numbers it has. Pattern sets: nothing.
    fn entries(&mut self, now: Nanos) -> Vec<Entry>;

    /// Puts these entries, as [`entries`](Self::entries) gives them, in the place of all that it
    /// holds. What was inserted before counts on, and these do not; those without room are refused,
    /// and count. False, and nothing is changed, if it is neither an array, a counter nor a map
    /// whose entries stay until they are removed.
    fn refill(&mut self, _entries: &[Entry], _now: Nanos) -> bool {
        false
    }
}

/// The index and the value of an entry of an array or a counter.
pub(crate) fn indexed((key, value): &Entry) -> Option<(u64, &[u8])> {
    Some((u64::from_le_bytes(key[..].try_into().ok()?), value))
}

/// An exact-match table.
///
/// An entry written at `t` is there as long as `now - t < expire`. Every operation below first
/// lets go what has expired, so such an entry takes no room and is not counted in `len`.
pub trait MapOps: ObjectOps {
    /// The value of a key.
    fn get(&mut self, key: &[u8], now: Nanos) -> Option<&[u8]>;

    /// Writes an entry, new or not; its time of writing becomes `now`. False, and counted as
    /// refused, if the key is new, the table is full and it refuses when full.
    fn put(&mut self, key: &[u8], value: &[u8], now: Nanos) -> bool;

    /// The value of a key to be changed in place, after a zero entry was made if there was none;
    /// its time of writing becomes `now`. None, and counted as refused, if there was no room.
    fn entry(&mut self, key: &[u8], now: Nanos) -> Option<&mut [u8]>;

    /// Sets the time of writing of an entry to `now`. False if there is none.
    fn touch(&mut self, key: &[u8], now: Nanos) -> bool;

    /// Removes an entry. False if there was none.
    fn remove(&mut self, key: &[u8], now: Nanos) -> bool;

    /// Removes all entries.
    fn clear(&mut self, now: Nanos);

    /// Number of entries.
    fn len(&mut self, now: Nanos) -> u64;
}

/// A fixed number of values, all zero at first. All of them count as held: `len` and `peak` of
/// its statistics are that number, and nothing is ever inserted.
pub trait ArrayOps: ObjectOps {
    /// The value at an index; None (which programs see as zero) if it is out of range.
    fn get(&self, index: u64) -> Option<&[u8]>;

    /// The value at an index to be changed in place. None, and counted as refused, if it is out of
    /// range.
    fn entry(&mut self, index: u64) -> Option<&mut [u8]>;
}

/// Pairs of packet and byte counts, all zero at first. Statistics are as for arrays.
pub trait CounterOps: ObjectOps {
    /// Adds one packet and so many bytes, wrapping. False, and counted as refused, if the index is
    /// out of range.
    fn add(&mut self, index: u64, bytes: u64) -> bool;

    /// Packets and bytes at an index; None (which programs see as zeros) if it is out of range.
    fn get(&self, index: u64) -> Option<(u64, u64)>;
}

/// An allocator of indices.
///
/// An index allocated, taken or touched at `t` is in use as long as `now - t < expire`. Free
/// indices wait in a queue, at first 0, 1, 2, …; indices that expire enter it in the order in which
/// they were last allocated or touched, before what the current operation frees.
pub trait PoolOps: ObjectOps {
    /// Takes the index that has been free longest. None, and counted as refused, if all are in use.
    fn alloc(&mut self, now: Nanos) -> Option<u32>;

    /// Takes a given index if it is free. False, and counted as refused, if it is not, or is out
    /// of range.
    fn take(&mut self, index: u64, now: Nanos) -> bool;

    /// Restarts the time to live of an index. False if it is not in use; counted as refused only
    /// if it is out of range.
    fn touch(&mut self, index: u64, now: Nanos) -> bool;

    /// Gives an index back. False if it is not in use; counted as refused only if it is out of
    /// range.
    fn free(&mut self, index: u64, now: Nanos) -> bool;

    /// True if an index is in use. Changes nothing.
    fn used(&mut self, index: u64, now: Nanos) -> bool;

    /// Number of indices in use.
    fn len(&mut self, now: Nanos) -> u64;
}

/// A longest-prefix-match table. Addresses are numbers whose most significant bit is the first
/// bit of the address; bits above the width of the table are ignored.
pub trait LpmOps: ObjectOps {
    /// Inserts a prefix or replaces its value; bits beyond the length are ignored. False, and
    /// counted as refused, if there is no room or the length is greater than the width.
    fn put(&mut self, address: u128, prefix_len: u8, value: &[u8]) -> bool;

    /// Value of the longest prefix that contains the address.
    fn get(&self, address: u128) -> Option<&[u8]>;

    /// Removes exactly this prefix. False if it was not there.
    fn remove(&mut self, address: u128, prefix_len: u8) -> bool;

    /// Number of prefixes.
    fn len(&self) -> u64;
}

/// Token buckets.
///
/// Levels are exact: they are kept in token-nanoseconds (10^-9 tokens), of which a bucket gains
/// `rate_per_s` in each nanosecond, up to `burst` tokens.
/// A key is tracked from its first successful take; a key that is not tracked has a full bucket.
/// When a new key finds no room, the tracked bucket that is full again first (of several at the
/// same nanosecond, the one tracked first) is forgotten, and counted as evicted, if it is full by
/// now.
pub trait BucketOps: ObjectOps {
    /// Takes `amount` tokens. False, with nothing taken, if the bucket holds fewer; false too, and
    /// counted as refused, if the bucket is not tracked and there is no room to track it.
    /// Zero tokens are always given, and do not make a key tracked; more than the burst never are.
    fn take(&mut self, key: &[u8], amount: u64, now: Nanos) -> bool;

    /// Number of keys tracked.
    fn len(&self) -> u64;
}

/// A consistent-hashing table of weighted members.
///
/// The table is a function of the set of (member, weight) pairs and the table size alone: the
/// history that led to the set does not matter. [`crate::model::Maglev`] defines that function.
pub trait MaglevOps: ObjectOps {
    /// Adds a member, or sets its weight; weight 0 removes it, present or not. False, and counted
    /// as refused, if there is no room.
    fn set(&mut self, member: &[u8], weight: u32) -> bool;

    /// The member at slot `hash % table_size`; None if there are no members.
    fn pick(&mut self, hash: u64) -> Option<&[u8]>;

    /// Number of members.
    fn len(&self) -> u64;
}
