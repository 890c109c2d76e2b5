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
mod bucket;
mod counter;
pub mod direct;
mod index;
mod lines;
mod lpm;
mod maglev;
mod map;
mod pool;
mod table;

pub use array::Array;
pub use bucket::Bucket;
pub use counter::Counter;
pub use lpm::Lpm;
pub(crate) use lpm::root_bits as lpm_root_bits;
pub use maglev::Maglev;
pub use map::Map;
pub use pool::Pool;

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
        }
    }
}

/// What [`Object::reserved_bytes`] will be for a specification. Saturates.
pub(crate) fn bytes(spec: &crate::StateSpec) -> u64 {
    use crate::StateKind;
    match spec.kind {
        StateKind::Map { .. } => Map::bytes(spec),
        StateKind::Array { .. } => Array::bytes(spec),
        StateKind::Counter { len } => Counter::bytes(len),
        StateKind::Pool { size, expire } => Pool::bytes(size, expire.is_some()),
        StateKind::Lpm { .. } => Lpm::bytes(spec),
        StateKind::Bucket { .. } => Bucket::bytes(spec),
        StateKind::Maglev { table_size, capacity } => {
            Maglev::bytes(table_size, capacity, spec.key.bytes())
        }
    }
}
