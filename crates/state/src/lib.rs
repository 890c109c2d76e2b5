//! State objects: what a program remembers between packets.
//!
//! A [`StateSpec`] says what an object is. Two implementations of every kind stand behind the
//! same traits ([`ops`]):
//!
//! - [`model`] defines the semantics. It is made of ordered maps and queues, to be believed by
//!   reading, and is what the reference interpreter runs on.
//! - [`mem`] is what programs run on: flat tables in the memory of one core, all of it reserved
//!   when the object is made.
//!
//! Both give the same results, the same [`StateStats`] and the same entries after every sequence
//! of operations; the tests of this crate hold them to that.
//!
//! [`contract`] says of every operation what it reads and writes, what it costs and where else the
//! object could live, as data. [`hash`] is the one hash of the language.
//!
//! **Time** is an argument (`now`) and must not go back from one call to the next; hosts clamp it.
//! **Lengths:** keys and values given to an object have exactly the length that its [`Shape`]s say;
//! another length is a programming error and panics.
#![forbid(unsafe_code)]

pub mod contract;
pub mod hash;
pub mod mem;
mod method;
pub mod model;
mod object;
pub mod ops;
mod pattern;
pub mod spec;
mod validate;

pub use method::{Method, Operands, Signature};
pub use pattern::{
    PATTERN_BYTES_MAX, PATTERNS_MAX, Pattern, PatternError, PatternSet, SET_BYTES_MAX,
};
pub use spec::{Shape, StateKind, StateSpec, StateStats, WhenFull};
pub use validate::{BYTES_MAX, SpecError};
