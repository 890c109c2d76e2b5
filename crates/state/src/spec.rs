//! What a state object is: its kind, its capacity and the shape of its keys and values.
//!
//! Keys and values are *packed*: their scalar leaves in order, each in 1, 2, 4, 8 or 16 bytes,
//! little endian, without padding ([`Shape`]). So one implementation serves every program, and
//! generated code can read a value in place.

use crate::PatternSet;
use std::sync::Arc;
use trama_base::Nanos;

/// The widths in bits of the scalar leaves of a key or value, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Shape(pub Vec<u8>);

impl Shape {
    /// Bytes that a leaf of `width` bits takes when packed.
    pub const fn leaf_bytes(width: u8) -> usize {
        match width {
            0..=8 => 1,
            9..=16 => 2,
            17..=32 => 4,
            33..=64 => 8,
            _ => 16,
        }
    }

    /// Bytes that the whole takes when packed.
    pub fn bytes(&self) -> usize {
        self.0.iter().map(|&w| Self::leaf_bytes(w)).sum()
    }

    /// First byte of each leaf.
    pub fn offsets(&self) -> Vec<usize> {
        self.0
            .iter()
            .scan(0, |at, &w| {
                let start = *at;
                *at += Self::leaf_bytes(w);
                Some(start)
            })
            .collect()
    }

    /// Packs `leaves` behind what `out` holds. There must be as many as the shape has.
    pub fn pack(&self, leaves: &[u128], out: &mut Vec<u8>) {
        assert_eq!(leaves.len(), self.0.len(), "one value for each leaf");
        for (&width, leaf) in self.0.iter().zip(leaves) {
            out.extend_from_slice(&leaf.to_le_bytes()[..Self::leaf_bytes(width)]);
        }
    }

    /// The leaves of packed `bytes`.
    pub fn unpack(&self, bytes: &[u8]) -> Vec<u128> {
        let mut rest = bytes;
        self.0
            .iter()
            .map(|&width| {
                let (leaf, tail) = rest.split_at(Self::leaf_bytes(width));
                rest = tail;
                let mut wide = [0; 16];
                wide[..leaf.len()].copy_from_slice(leaf);
                u128::from_le_bytes(wide)
            })
            .collect()
    }
}

/// What a full map does with a new key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// The write is refused and counted.
    #[default]
    Refuse,
    /// The entry that was written longest ago makes room, and is counted.
    EvictOldest,
}

/// A kind of state object with all that fixes its behaviour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateKind {
    /// Exact-match table. An empty value shape makes it a set.
    Map {
        /// Most entries it holds.
        capacity: u32,
        /// An entry written at `t` is gone at `t + expire`.
        expire: Option<Nanos>,
        /// What a write of a new key does when the table holds `capacity` entries.
        when_full: WhenFull,
    },
    /// Fixed number of values, indexed from zero, initially all zero.
    Array {
        /// Number of values.
        len: u32,
    },
    /// Pairs of packet and byte counts.
    Counter {
        /// Number of pairs.
        len: u32,
    },
    /// Allocator of the indices `0..size`.
    Pool {
        /// Number of indices.
        size: u32,
        /// An index allocated or touched at `t` is free again at `t + expire`.
        expire: Option<Nanos>,
    },
    /// Longest-prefix match over addresses of 32 or 128 bits.
    Lpm {
        /// 32 or 128.
        address_bits: u8,
        /// Most prefixes it holds.
        capacity: u32,
    },
    /// Token buckets: one, or one per key.
    Bucket {
        /// Most keys tracked at once; a bucket that is full again is forgotten first. With an
        /// empty key shape there is one bucket and this is 1.
        capacity: u32,
        /// Tokens added per second.
        rate_per_s: u64,
        /// Most tokens a bucket holds; it starts full.
        burst: u64,
    },
    /// Consistent-hashing lookup table of weighted members (Eisenbud et al., NSDI 2016, 3.4).
    Maglev {
        /// Slots of the lookup table; prime.
        table_size: u32,
        /// Most members.
        capacity: u32,
    },
    /// Count-min sketch.
    Sketch {
        /// Cells in a row.
        width: u32,
        /// Rows, at most [`ROWS_MAX`].
        depth: u32,
        /// Raises only the cells that are below the new estimate.
        conservative: bool,
        /// Seed of the hash. Who knows it can choose keys whose counts add up.
        seed: u64,
    },
    /// Bloom filter.
    Bloom {
        /// Keys up to which the error holds.
        capacity: u32,
        /// Share of strangers taken for members, in millionths.
        error_ppm: u32,
        /// Seed of the hash.
        seed: u64,
    },
    /// Bounded queue.
    Ring {
        /// Most values.
        capacity: u32,
        /// What a push does then.
        when_full: WhenFull,
    },
    /// Byte streams put together from segments.
    Streams {
        /// Most keys.
        capacity: u32,
        /// Bytes from the start of a stream that it can hold, at most [`WINDOW_BYTES_MAX`].
        window_bytes: u32,
        /// A stream written at `t` is gone at `t + expire`.
        expire: Option<Nanos>,
        /// What a new key does when there are `capacity`.
        when_full: WhenFull,
    },
    /// Distributions of numbers.
    Histogram {
        /// Most keys.
        capacity: u32,
        /// Binary logarithm of the buckets in an octave, at most [`PRECISION_MAX`].
        precision: u8,
        /// A distribution added to at `t` is gone at `t + expire`.
        expire: Option<Nanos>,
        /// What a new key does when there are `capacity`.
        when_full: WhenFull,
    },
    /// Set of byte patterns.
    Patterns(Arc<PatternSet>),
}

/// Most rows of a sketch, and most bits of a key in a Bloom filter.
pub const ROWS_MAX: u32 = 32;

/// Most bytes that one stream can hold.
pub const WINDOW_BYTES_MAX: u32 = 1 << 24;

/// Greatest precision of a histogram: errors of one in two thousand.
pub const PRECISION_MAX: u8 = 10;

/// Bits of a Bloom filter, and how many of them a key sets.
///
/// For `n` keys and an error of `p`: `-n ln p / ln(2)^2` bits, of which a key sets
/// `bits / n * ln 2`, rounded to the nearest; 64 and 1 at least.
pub fn bloom_size(capacity: u32, error_ppm: u32) -> (u64, u32) {
    let (keys, error) = (f64::from(capacity.max(1)), f64::from(error_ppm.max(1)) / 1e6);
    let ln_2 = std::f64::consts::LN_2;
    let bits = (-keys * error.ln() / (ln_2 * ln_2)).ceil().max(64.0);
    let rows = (bits / keys * ln_2).round().clamp(1.0, f64::from(ROWS_MAX));
    (bits as u64, rows as u32)
}

/// Number of buckets of a histogram.
pub const fn bucket_count(precision: u8) -> u32 {
    (65 - precision as u32) << precision
}

/// The least and the greatest number of a bucket of a histogram.
pub const fn bucket_bounds(precision: u8, bucket: u32) -> (u64, u64) {
    let octave = bucket >> precision;
    let place = bucket as u64 & ((1 << precision) - 1);
    if octave == 0 {
        return (place, place);
    }
    let least = (place + (1 << precision)) << (octave - 1);
    (least, least + ((1 << (octave - 1)) - 1))
}

/// The number that stands for all of a bucket: its middle.
pub(crate) const fn bucket_middle(precision: u8, bucket: u32) -> u64 {
    let (least, greatest) = bucket_bounds(precision, bucket);
    least + (greatest - least) / 2
}

/// The place, from one, of a quantile among `count` numbers.
pub(crate) fn quantile_rank(count: u64, part: u64, whole: u64) -> u64 {
    let rank = (u128::from(count) * u128::from(part)).div_ceil(u128::from(whole.max(1)));
    rank.clamp(1, count.max(1).into()) as u64
}

/// A state object of an element instance: its name, kind and shapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateSpec {
    /// Name in the program.
    pub name: String,
    /// Kind with its parameters.
    pub kind: StateKind,
    /// Shape of the key; one address for LPM tables, the member for Maglev tables; empty for
    /// arrays, counters, pools, single buckets, rings and pattern sets.
    pub key: Shape,
    /// Shape of the value; empty for all but maps, arrays, LPM tables and rings.
    pub value: Shape,
}

/// What happened at a state object since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateStats {
    /// Entries held now; for buckets the keys tracked, for pools the indices in use, for sketches
    /// the cells that are not zero.
    pub len: u64,
    /// Most entries ever held at once.
    pub peak: u64,
    /// New entries.
    pub inserted: u64,
    /// Entries that went because their time was over.
    pub expired: u64,
    /// Entries that went to make room.
    pub evicted: u64,
    /// Writes that found no room, or an index out of range.
    pub refused: u64,
}

impl StateSpec {
    /// The map in which keys of stream buffers and histograms live, with so many bytes for each.
    pub(crate) fn lifetime_map(&self, value_bytes: usize) -> Self {
        let (StateKind::Streams { capacity, expire, when_full, .. }
        | StateKind::Histogram { capacity, expire, when_full, .. }) = self.kind
        else {
            unreachable!("only these live in a map")
        };
        let kind = StateKind::Map { capacity, expire, when_full };
        let value = Shape(vec![8; value_bytes]);
        Self { name: self.name.clone(), kind, key: self.key.clone(), value }
    }
}

impl StateKind {
    /// Most entries, indices, prefixes, keys or members that it holds; of a Bloom filter the keys
    /// up to which its error holds, of a sketch its cells, of a pattern set its patterns.
    pub fn capacity(&self) -> u64 {
        let entries = match self {
            Self::Map { capacity, .. }
            | Self::Lpm { capacity, .. }
            | Self::Bucket { capacity, .. }
            | Self::Maglev { capacity, .. }
            | Self::Bloom { capacity, .. }
            | Self::Ring { capacity, .. }
            | Self::Streams { capacity, .. }
            | Self::Histogram { capacity, .. } => *capacity,
            Self::Array { len } | Self::Counter { len } => *len,
            Self::Pool { size, .. } => *size,
            Self::Sketch { width, depth, .. } => return u64::from(*width) * u64::from(*depth),
            Self::Patterns(set) => return set.len() as u64,
        };
        u64::from(entries)
    }
}

impl std::fmt::Display for StateKind {
    /// Prints the kind with what fixes it: `map[65536] expire 5min`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let evicting = |f: &mut std::fmt::Formatter<'_>, when_full: &WhenFull| {
            f.write_str(if *when_full == WhenFull::EvictOldest { " evict oldest" } else { "" })
        };
        let expiring = |f: &mut std::fmt::Formatter<'_>, expire: &Option<Nanos>| match expire {
            Some(expire) => write!(f, " expire {expire}"),
            None => Ok(()),
        };
        match self {
            Self::Map { capacity, expire, when_full } => {
                write!(f, "map[{capacity}]")?;
                expiring(f, expire)?;
                evicting(f, when_full)
            }
            Self::Array { len } => write!(f, "array[{len}]"),
            Self::Counter { len: 1 } => f.write_str("counter"),
            Self::Counter { len } => write!(f, "counter[{len}]"),
            Self::Pool { size, expire } => {
                write!(f, "pool[{size}]")?;
                expiring(f, expire)
            }
            Self::Lpm { address_bits, capacity } => write!(f, "lpm{address_bits}[{capacity}]"),
            Self::Bucket { capacity: 1, rate_per_s, burst } => {
                write!(f, "bucket rate {rate_per_s} burst {burst}")
            }
            Self::Bucket { capacity, rate_per_s, burst } => {
                write!(f, "bucket[{capacity}] rate {rate_per_s} burst {burst}")
            }
            Self::Maglev { table_size, capacity } => {
                write!(f, "maglev[{table_size}] members {capacity}")
            }
            Self::Sketch { width, depth, conservative, seed: _ } => {
                write!(f, "sketch[{width} x {depth}]")?;
                f.write_str(if *conservative { " conservative" } else { "" })
            }
            Self::Bloom { capacity, error_ppm, seed: _ } => {
                write!(f, "bloom[{capacity}] error {}%", f64::from(*error_ppm) / 1e4)
            }
            Self::Ring { capacity, when_full } => {
                write!(f, "ring[{capacity}]")?;
                evicting(f, when_full)
            }
            Self::Streams { capacity, window_bytes, expire, when_full } => {
                write!(f, "stream_buffer[{capacity} x {window_bytes}]")?;
                expiring(f, expire)?;
                evicting(f, when_full)
            }
            Self::Histogram { capacity, precision, expire, when_full } => {
                let error = 100.0 / f64::from(2_u32 << precision);
                write!(f, "histogram[{capacity}] error {error:.2}%")?;
                expiring(f, expire)?;
                evicting(f, when_full)
            }
            Self::Patterns(set) => write!(f, "patterns[{}]", set.len()),
        }
    }
}
