//! Reference models: the definition of what every kind of object does.
//!
//! Ordered maps and queues, one kind a file, nothing clever: these are to be believed by reading.
//! The reference interpreter runs on them, and the backends are compared with them.

mod array;
mod bucket;
mod counter;
mod lpm;
mod maglev;
mod map;
mod pool;

pub use array::Array;
pub use bucket::Bucket;
pub use counter::Counter;
pub use lpm::Lpm;
pub use maglev::Maglev;
pub use map::Map;
pub use pool::Pool;

crate::object::object_of_kinds! {
    /// The reference model of any kind of object. It draws nothing from the seed.
    (spec, _seed) => (spec)
}
