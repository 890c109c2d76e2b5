//! Reference models: the definition of what every kind of object does.
//!
//! Ordered maps and queues, one kind a file, nothing clever: these are to be believed by reading.
//! The reference interpreter runs on them, and the backends are compared with them.

mod array;
mod bloom;
mod bucket;
mod counter;
mod histogram;
mod keyed;
mod lpm;
mod maglev;
mod map;
mod patterns;
mod pool;
mod ring;
mod sketch;
mod streams;

pub use array::Array;
pub use bloom::Bloom;
pub use bucket::Bucket;
pub use counter::Counter;
pub use histogram::Histogram;
pub use lpm::Lpm;
pub use maglev::Maglev;
pub use map::Map;
pub use patterns::Patterns;
pub use pool::Pool;
pub use ring::Ring;
pub use sketch::Sketch;
pub use streams::Streams;

crate::object::object_of_kinds! {
    /// The reference model of any kind of object. It draws nothing from the seed.
    (spec, _seed) => (spec)
}
