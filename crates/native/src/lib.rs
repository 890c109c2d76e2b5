//! Machine code for programs, over batches of packets, on one core.
//!
//! `compile` turns each handler of a program into a function, and all that can happen to a packet
//! from an external port on into another, by way of Cranelift; `frame` is the memory that functions
//! and the engine share; `runtime` is what they call for all that is not worth inlining; `image`
//! keeps the state objects and constants whose addresses they name; `ways` counts packets by the
//! way they took; `network` moves packets where there is more than one to go on with; `probe` and
//! `prefetch` bring state near before it is needed; `engine` puts the whole behind the seam that
//! hosts drive. `differential` compares engines.
//!
//! **Invariants:** what a program does is what the reference interpreter does, packet by packet.
//! Generated code reads and writes only what the engine owns, whatever the packet. Nothing here
//! reads a clock.

#![allow(clippy::vec_box, reason = "packets travel boxed; what code names by address stays put")]

mod compile;
pub mod differential;
mod engine;
mod error;
mod frame;
mod image;
mod network;
mod prefetch;
mod probe;
mod runtime;
mod timer;
mod ways;

pub use compile::{CodeStats, HandlerCode};
pub use engine::{Fusion, Listings, NativeEngine};
pub use error::NativeError;
pub use prefetch::prefetch;
