//! Objects that keep less than what they were given: sketches, Bloom filters, histograms.

use super::ObjectOps;
use trama_base::Nanos;

/// A count-min sketch: counts of keys in less room than the keys would take.
///
/// Cormode and Muthukrishnan, "An improved data stream summary: the count-min sketch and its
/// applications", J. Algorithms 55 (2005). With `depth` rows of `width` cells, cell of a key in
/// each row by [`crate::hash::spread`]:
///
/// - an estimate is never less than the true count;
/// - it is more by `e / width` of the total at most, but for a share of `e^-depth` of the keys
///   (theorem 1; e = 2.718…), for keys chosen without knowing the seed.
///
/// A *conservative* sketch (Estan and Varghese, SIGCOMM 2002, 3.3.2) raises only the cells that
/// are below the new estimate: its errors are smaller, but copies of it cannot be summed.
/// Cells and the total stop at `u64::MAX`.
pub trait SketchOps: ObjectOps {
    /// Adds `amount` to the count of a key.
    fn add(&mut self, key: &[u8], amount: u64);

    /// The count of a key, or more.
    fn estimate(&self, key: &[u8]) -> u64;

    /// The sum of all that was added.
    fn total(&self) -> u64;

    /// Makes all counts zero.
    fn clear(&mut self);
}

/// A Bloom filter: a set that may take a stranger for a member, never a member for a stranger.
///
/// Bloom, "Space/time trade-offs in hash coding with allowable errors", CACM 13 (1970). Its size
/// follows from capacity and error ([`crate::spec::bloom_size`]). A key more than the capacity is
/// taken in like any other, since a member must not be forgotten: the error then grows beyond
/// what was asked for, and `len` beyond the capacity tells so.
///
/// Statistics: a key counts as inserted if it was not yet taken for a member.
pub trait BloomOps: ObjectOps {
    /// Makes a key a member.
    fn insert(&mut self, key: &[u8]);

    /// False if the key is no member; true if it is one, and by mistake.
    fn contains(&self, key: &[u8]) -> bool;

    /// Number of keys inserted since it was cleared, but for those taken for members already.
    fn len(&self) -> u64;

    /// Makes it empty.
    fn clear(&mut self);
}

/// Distributions of numbers, one for each key, in buckets whose width grows with the numbers.
///
/// With a precision of `p` bits, a number below `2^(p+1)` has a bucket of its own, and each octave
/// above is divided in `2^p` buckets of equal width ([`crate::spec::bucket_bounds`]). A quantile is
/// the middle of its bucket: it is off by `2^-(p+1)` of the true one at most.
/// Keys live and expire as in a map; adding is writing.
pub trait HistogramOps: ObjectOps {
    /// Adds a number to the distribution of a key. False, and counted as refused, if the key is
    /// new and there is no room.
    fn add(&mut self, key: &[u8], number: u64, now: Nanos) -> bool;

    /// How many numbers a key has.
    fn count(&mut self, key: &[u8], now: Nanos) -> u64;

    /// The least number that `part / whole` of the numbers of a key do not exceed: of `n` numbers
    /// in order the `ceil(n * part / whole)`th, the first at least and the last at most. None if
    /// the key has no numbers or `whole` is zero.
    fn quantile(&mut self, key: &[u8], part: u64, whole: u64, now: Nanos) -> Option<u64>;

    /// Forgets a key. False if there was none.
    fn remove(&mut self, key: &[u8], now: Nanos) -> bool;

    /// Forgets all keys.
    fn clear(&mut self, now: Nanos);

    /// Number of keys.
    fn len(&mut self, now: Nanos) -> u64;
}
