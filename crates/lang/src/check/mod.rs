//! From syntax to IR: names, types, constants, header facts, ownership of packets.
//!
//! An element is checked and lowered in one pass, once for each instance, since its parameters are
//! constants ([`lower_element`]). Messages are never repeated ([`Sink`]), and what was reported once
//! is silent afterwards ([`Type::Error`](types::Type::Error)): one mistake, one message.
//!
//! **Invariants:** no panic on any syntax tree; no I/O (tables are read through [`Tables`]); the IR
//! of an element without errors is well formed.

mod declare;
mod element;
mod facts;
mod flow;
mod fold;
mod items;
mod lower;
mod sink;
mod suggest;
mod walk;

pub mod codes;
pub mod network;
pub mod tables;
pub mod types;
pub mod value;

#[cfg(test)]
mod tests;

pub use declare::CAPACITY_MAX;
pub use element::{
    PORTS_MAX, check_element, check_items, declared_ports, lower_element, ports,
};
pub use items::Items;
pub use lower::{DEPTH_MAX, STATEMENTS_MAX};
pub use sink::Sink;
pub use suggest::nearest;
pub use value::{Signature, Tables, Value, bind_args, eval_const};
