//! Engines on other threads and in other processes, behind the same seam as one in place.
//!
//! - [`Cores`]: a program on several cores. Packets are steered so that no state is shared (see
//!   [`trama_lang::cores`]); each core has an engine of its own.
//! - [`Chain`]: each element of a network in a thread or a process of its own, joined by queues.
//! - [`preloaded`]: traces in memory, cut up for the cores before the run, as a card with receive
//!   queues would, so that no thread hands packets to another.
//!
//! The thread that calls the engine hands out [`Job`](worker::Job)s through rings and takes back
//! what is [`Done`](worker::Done). So packets come out later than they go in:
//! [`Engine::drain`](trama_lang::engine::Engine::drain) asks for them.

mod chain;
mod cores;
mod idle;
pub mod preloaded;
mod process;
pub mod ring;
mod shared;
mod sync;
#[cfg(test)]
mod tests;
mod ticks;
mod worker;

pub use chain::{
    Chain, Incident, Isolation, QUEUE_MAX, StageReport, Stages, WINDOW, stage_program,
};
pub use cores::{CoreLoad, Cores, Loads};

use trama_base::Nanos;
use trama_lang::cores::Seat;
use trama_lang::engine::Engine;

/// Makes the engine of a seat of a division, that starts at the given time.
pub type MakeSeat = dyn Fn(Seat, Nanos) -> Result<Box<dyn Engine>, String> + Send + Sync;

/// Makes the engine of a stage, by the number of its node, that starts at the given time.
pub type Make = dyn Fn(usize, Nanos) -> Result<Box<dyn Engine>, String> + Send + Sync;
