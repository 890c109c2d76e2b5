//! In-memory backends: what programs run on, on one core.
//!
//! Every object reserves all its memory when it is made, as zeroed pages that the operating system
//! provides at first touch: a table for 4 million entries costs nothing until it holds some, and no
//! operation allocates. [`crate::StateSpec::bytes_at_capacity`] tells the amount beforehand.
//!
//! The methods beyond [`crate::ops`] serve generated code that works on batches: it hashes the
//! keys of a batch first ([`Map::hash`]), prefetches the lines they fall to
//! ([`Map::index_address`], then [`Map::entry_address`]) and looks them up last
//! ([`Map::find`]). [`direct`] tells where things are, so that it can do the usual case itself.

mod ages;
mod array;
mod bloom;
mod bucket;
mod counter;
pub mod direct;
mod histogram;
mod index;
mod lines;
mod lpm;
mod maglev;
mod map;
mod patterns;
mod pool;
mod ring;
mod sketch;
mod streams;
mod table;

pub use array::Array;
pub use bloom::Bloom;
pub use bucket::Bucket;
pub use counter::Counter;
pub use histogram::Histogram;
pub use lpm::Lpm;
pub(crate) use lpm::root_bits as lpm_root_bits;
pub use maglev::Maglev;
pub use map::Map;
pub use patterns::Patterns;
pub use pool::Pool;
pub use ring::Ring;
pub use sketch::Sketch;
pub use streams::Streams;

crate::object::object_of_kinds! {
    /// The in-memory backend of any kind of object.
    (spec, seed) => (spec, seed)
}

impl Object {
    /// Bytes that it has reserved: what [`crate::StateSpec::bytes_at_capacity`] foretold.
    pub fn reserved_bytes(&self) -> u64 {
        match self {
            Self::Map(map) => map.reserved_bytes(),
            Self::Array(array) => array.reserved_bytes(),
            Self::Counter(counter) => counter.reserved_bytes(),
            Self::Pool(pool) => pool.reserved_bytes(),
            Self::Lpm(lpm) => lpm.reserved_bytes(),
            Self::Bucket(bucket) => bucket.reserved_bytes(),
            Self::Maglev(maglev) => maglev.reserved_bytes(),
            Self::Sketch(sketch) => sketch.reserved_bytes(),
            Self::Bloom(bloom) => bloom.reserved_bytes(),
            Self::Ring(ring) => ring.reserved_bytes(),
            Self::Streams(streams) => streams.reserved_bytes(),
            Self::Histogram(histogram) => histogram.reserved_bytes(),
            Self::Patterns(patterns) => patterns.reserved_bytes(),
        }
    }
}

/// What [`Object::reserved_bytes`] will be for a specification. Saturates.
pub(crate) fn bytes(spec: &crate::StateSpec) -> u64 {
    use crate::StateKind;
    match &spec.kind {
        StateKind::Map { .. } => Map::bytes(spec),
        StateKind::Array { .. } => Array::bytes(spec),
        StateKind::Counter { len } => Counter::bytes(*len),
        StateKind::Pool { size, expire } => Pool::bytes(*size, expire.is_some()),
        StateKind::Lpm { .. } => Lpm::bytes(spec),
        StateKind::Bucket { .. } => Bucket::bytes(spec),
        StateKind::Maglev { table_size, capacity } => {
            Maglev::bytes(*table_size, *capacity, spec.key.bytes())
        }
        StateKind::Sketch { width, depth, .. } => Sketch::bytes(*width, *depth),
        StateKind::Bloom { capacity, error_ppm, .. } => Bloom::bytes(*capacity, *error_ppm),
        StateKind::Ring { .. } => Ring::bytes(spec),
        StateKind::Streams { window_bytes, .. } => Streams::bytes(spec, *window_bytes),
        StateKind::Histogram { precision, .. } => Histogram::bytes(spec, *precision),
        StateKind::Patterns(set) => Patterns::bytes(set),
    }
}

/// The words that are not zero, as entries by their index.
fn nonzero_words(words: &[u64]) -> Vec<crate::ops::Entry> {
    let shown = (0_u64..).zip(words).filter(|(_, word)| **word != 0);
    let mut entries: Vec<crate::ops::Entry> = shown
        .map(|(index, word)| (index.to_le_bytes().to_vec(), word.to_le_bytes().to_vec()))
        .collect();
    entries.sort();
    entries
}
