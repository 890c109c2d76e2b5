//! What a state object is: its kind, its capacity and the shape of its keys and values.
//!
//! Keys and values are *packed*: their scalar leaves in order, each in 1, 2, 4, 8 or 16 bytes,
//! little endian, without padding ([`Shape`]). So one implementation serves every program, and
//! generated code can read a value in place.

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
}

/// A state object of an element instance: its name, kind and shapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateSpec {
    /// Name in the program.
    pub name: String,
    /// Kind with its parameters.
    pub kind: StateKind,
    /// Shape of the key; one address for LPM tables, the member for Maglev tables; empty for
    /// arrays, counters, pools and single buckets.
    pub key: Shape,
    /// Shape of the value; empty for sets, counters, pools, buckets and Maglev tables.
    pub value: Shape,
}

/// What happened at a state object since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateStats {
    /// Entries held now; for buckets the keys tracked, for pools the indices in use.
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

impl StateKind {
    /// Most entries, indices, prefixes, keys or members that it holds.
    pub const fn capacity(&self) -> u64 {
        let entries = match *self {
            Self::Map { capacity, .. }
            | Self::Lpm { capacity, .. }
            | Self::Bucket { capacity, .. }
            | Self::Maglev { capacity, .. } => capacity,
            Self::Array { len } | Self::Counter { len } => len,
            Self::Pool { size, .. } => size,
        };
        entries as u64
    }
}

impl std::fmt::Display for StateKind {
    /// Prints the kind with what fixes it: `map[65536] expire 5min`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let expiring = |f: &mut std::fmt::Formatter<'_>, expire: &Option<Nanos>| match expire {
            Some(expire) => write!(f, " expire {expire}"),
            None => Ok(()),
        };
        match self {
            Self::Map { capacity, expire, when_full } => {
                write!(f, "map[{capacity}]")?;
                expiring(f, expire)?;
                f.write_str(if *when_full == WhenFull::EvictOldest { " evict oldest" } else { "" })
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
        }
    }
}
