//! Where the parts of objects lie in memory, for generated code that does the usual case of an
//! operation itself: an entry that is there, at a time when nothing is due to expire.
//!
//! The usual case changes nothing but the time of writing of an entry and its value; whatever else
//! may have to happen is left to the operation proper. Addresses are good as long as the object is
//! neither moved nor dropped; no operation reallocates. Reading through them is sound between
//! operations, and writing where nobody else holds the object.

/// How a bucket of a hash index lies in its line: see `index`.
pub mod bucket {
    /// Bytes of a bucket.
    pub const BYTES: i64 = super::super::lines::LINE_BYTES as i64;
    /// Where the tags of the first eight places are: a word of eight bytes, one for each place.
    pub const TAGS: i32 = 0;
    /// Where the other tags and the count of entries that went on are: a word of eight bytes. While
    /// it is zero, a key whose tag is not among the first eight is not in the table.
    pub const REST: i32 = 8;
    /// Where the slots are: four bytes for each place.
    pub const SLOTS: i32 = 16;
    /// What a tag has set beside the low bits of the hash.
    pub const TAG_BIT: u8 = 0x80;
}

/// When an object has something to let go, and when a write moves nothing.
#[derive(Clone, Copy, Debug)]
pub struct AgesDirect {
    /// While the time is less than this number, nothing expires.
    pub due_ns: *const u64,
    /// A write moves nothing if the exclusive or of its time and that of the last one is less.
    pub epoch_ns: u64,
}

/// A map. An entry has its key, then the time of writing if there is one, then the value.
#[derive(Clone, Copy, Debug)]
pub struct MapDirect {
    /// The two words that [`crate::hash::Hasher::quick`] mixes keys with.
    pub seeds: [u64; 2],
    /// The first bucket.
    pub buckets: *const u8,
    /// Number of buckets; the upper half of a hash, scaled to it, is a key's.
    pub bucket_count: u32,
    /// The entry in slot 0.
    pub entries: *mut u8,
    /// Bytes from one entry to the next.
    pub stride: u32,
    /// Bytes of a key.
    pub key_bytes: usize,
    /// Where in an entry the time of writing is, 8 bytes, if entries expire.
    pub written_at: Option<usize>,
    /// Where in an entry the value is.
    pub value_at: usize,
    /// When entries expire.
    pub ages: AgesDirect,
    /// True if every write changes the order in which entries are evicted.
    pub is_ordered: bool,
}

/// An array or counters: values side by side.
#[derive(Clone, Copy, Debug)]
pub struct ArrayDirect {
    /// The value at index 0.
    pub values: *mut u8,
    /// Number of values.
    pub len: u64,
    /// Bytes of a value.
    pub value_bytes: usize,
}

/// A ring.
#[derive(Clone, Copy, Debug)]
pub struct RingDirect {
    /// The places of its values.
    pub places: ArrayDirect,
    /// Place of the oldest value.
    pub head: *const u64,
    /// Number of values.
    pub len: *const u64,
}

/// A pool: for each index 16 bytes, the time of its last use and which use that was, or zero if
/// the index is free.
#[derive(Clone, Copy, Debug)]
pub struct PoolDirect {
    /// The uses.
    pub uses: ArrayDirect,
    /// Uses so far.
    pub turn: *mut u64,
    /// When indices become free.
    pub ages: AgesDirect,
    /// True if they do at all.
    pub expires: bool,
}
