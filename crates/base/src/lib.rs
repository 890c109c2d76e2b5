//! What every crate of Trama shares and nothing more: time, rates, seeded randomness, statistics
//! and the printing of quantities.
//!
//! **Invariant:** nothing here reads a clock, opens a file or draws entropy. Time and seeds are
//! given by the host that drives a component; that is what lets a live decision be replayed.
#![forbid(unsafe_code)]

pub mod parameter;
pub mod picos;
pub mod quantity;
pub mod rng;
pub mod stats;
pub mod time;
pub mod units;

pub use parameter::Parameters;
pub use picos::{Bytes, Picos, Rate};
pub use rng::Rng;
pub use time::Nanos;
