//! State objects: what a program remembers between packets.
#![forbid(unsafe_code)]

pub mod spec;

pub use spec::{Shape, StateKind, StateSpec, StateStats, WhenFull};
