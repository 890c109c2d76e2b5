//! Measurement of programs: nanoseconds per packet on one core, from memory.
//!
//! What is measured is the whole way of a packet through the product: copying its bytes from
//! memory into a packet buffer, parsing, the program, and giving the buffer back. Rounds of all
//! workloads are interleaved, so that a machine that gets slower does so for each of them; the
//! median and the spread over the rounds are reported.
//!
//! The yardstick is [`hand`]: the same functions without a compiler.

#![allow(clippy::vec_box, reason = "packets travel boxed, as engines take them")]

mod cores;
mod curve;
mod fabric;
mod hand;
mod instructions;
mod live;
mod measure;
mod page;
mod traffic;
mod workload;

#[cfg(test)]
mod tests;

pub use cores::{CoresPlan, CoresResult, cores};
pub use curve::{Axis, Curve, curve};
pub use fabric::{FABRIC_CASES, FabricCase, FabricError, FabricRun};
pub use instructions::{CountError, instructions};
pub use live::{Contender, LivePlan, LiveResult, Task, live};
pub use measure::{Beside, Case, Measurement, Plan, measure};
pub use page::page;
pub use traffic::{Traffic, TrafficPlan};
pub use workload::{Workload, WorkloadError, workloads};
