//! From syntax to IR: names, types, constants, header facts, ownership of packets.
//!
//! An element is checked and lowered in one pass, once for each instance, since its parameters are
//! constants ([`element::lower_element`]). Messages are never repeated ([`sink::Sink`]), and what
//! was reported once is silent afterwards ([`Type::Error`](types::Type::Error)): one mistake, one
//! message.
//!
//! **Invariants:** no panic on any syntax tree; no I/O (tables are read through
//! [`value::Tables`]); the IR of an element without errors is well formed.

pub mod codes;
mod declare;
pub mod element;
mod facts;
mod flow;
mod fold;
pub mod headers;
pub mod items;
mod lower;
pub mod network;
mod patterns;
pub mod sink;
pub mod tables;
pub mod types;
pub mod update;
pub mod value;
pub(crate) mod walk;

#[cfg(test)]
mod tests;

pub use declare::{CAPACITY_MAX, PENDING_MAX};
pub use lower::{DEPTH_MAX, STATEMENTS_MAX};
