//! Objects that keep what passes in its order: rings and stream buffers; and pattern sets, which
//! search it.

use super::ObjectOps;
use trama_base::Nanos;

/// A bounded queue.
pub trait RingOps: ObjectOps {
    /// Puts a value at the end. When full, either the oldest value makes room (counted as
    /// evicted), or the answer is false (counted as refused).
    fn push(&mut self, value: &[u8]) -> bool;

    /// Takes the oldest value out.
    fn pop(&mut self) -> Option<&[u8]>;

    /// The oldest value.
    fn peek(&self) -> Option<&[u8]>;

    /// Number of values.
    fn len(&self) -> u64;

    /// Makes it empty.
    fn clear(&mut self);
}

/// Byte streams put together from segments, one for each key.
///
/// Offsets are numbers of 32 bits that wrap around, like the sequence numbers of TCP (RFC 9293,
/// 3.4): a distance below `2^31` is ahead, another behind. A stream has a *start*, the offset of
/// the first byte that was not consumed, and holds bytes of the window `start .. start + window`.
///
/// - Bytes ahead of a gap wait until the gap is filled.
/// - Where segments overlap, the byte that came first stays.
/// - Bytes before the start are ignored; they were consumed.
/// - Bytes beyond the window are left out, and the operation counts as refused.
///
/// Keys live and expire as in a map; `open`, `insert`, `advance` and `touch` are writing.
pub trait StreamsOps: ObjectOps {
    /// Begins the stream of a key at an offset; what it held is forgotten. False, and counted as
    /// refused, if the key is new and there is no room.
    fn open(&mut self, key: &[u8], offset: u32, now: Nanos) -> bool;

    /// Adds a segment; a stream that was not opened begins with it. False, and counted as
    /// refused, if there was no room for the key or for all of the bytes.
    fn insert(&mut self, key: &[u8], offset: u32, bytes: &[u8], now: Nanos) -> bool;

    /// How many bytes are there from the start to the first gap.
    fn available(&mut self, key: &[u8], now: Nanos) -> u32;

    /// How many bytes wait behind a gap.
    fn waiting(&mut self, key: &[u8], now: Nanos) -> u32;

    /// The offset of the start.
    fn offset(&mut self, key: &[u8], now: Nanos) -> Option<u32>;

    /// The number in `size` available bytes, 1 to 8, at a distance from the start, big endian; 0
    /// if they are not all available.
    fn read(&mut self, key: &[u8], at: u32, size: u8, now: Nanos) -> u64;

    /// Moves the start ahead, also over bytes that did not come; below `2^31`. False if the key has
    /// no stream.
    fn advance(&mut self, key: &[u8], distance: u32, now: Nanos) -> bool;

    /// Sets the time of writing of a key to `now`. False if it has no stream.
    fn touch(&mut self, key: &[u8], now: Nanos) -> bool;

    /// Forgets a key. False if it had no stream.
    fn remove(&mut self, key: &[u8], now: Nanos) -> bool;

    /// Forgets all keys.
    fn clear(&mut self, now: Nanos);

    /// Number of streams.
    fn len(&mut self, now: Nanos) -> u64;
}

/// A constant set of byte patterns, searched for all at once
/// ([`crate::PatternSet`] says what occurs where).
///
/// It holds the numbers of the patterns that the last `scan` found, in ascending order, so that
/// they can be asked for one by one; that is its only memory, and no part of its entries.
pub trait PatternsOps: ObjectOps {
    /// The lowest number of a pattern that occurs.
    fn first(&mut self, bytes: &[u8]) -> Option<u32>;

    /// Finds the patterns that occur, and tells how many do.
    fn scan(&mut self, bytes: &[u8]) -> u32;

    /// The lowest number from `from` up that the last scan found.
    fn next(&self, from: u32) -> Option<u32>;
}
