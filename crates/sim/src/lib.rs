//! The simulated world: a deterministic discrete-event simulation of datacentre fabrics.
//!
//! A [`Network`] is hosts and switches joined by links, built by a [`topology`]; each host has a
//! transport ([`trama_transport::Endpoint`]), the same machine that runs live. A [`Simulation`]
//! moves packets between them, one event at a time ([`calendar`]), and records what became of each
//! flow ([`record`]).
//!
//! **Invariants:** the same scenario and seed give the same run, to the last bit; nothing depends
//! on the order of a hash table or on a clock; every packet is delivered, dropped with a reason, or
//! in flight, which is checked while the simulation runs.
#![forbid(unsafe_code)]

mod arena;
mod buffer;
pub mod calendar;
pub mod compare;
pub mod network;
pub mod port;
pub mod record;
pub mod report;
mod route;
pub mod sampler;
pub mod scenario;
pub mod simulation;
pub mod topology;
pub mod trace;
pub mod workload;

pub use network::Network;
pub use record::{FlowRecord, Record};
pub use report::Report;
pub use scenario::Scenario;
pub use simulation::Simulation;
