//! The Linux world: packet input and output, the clock, signals, namespaces and probes of what the
//! running kernel can do.
//!
//! This crate is the only home of system calls below the command line.
//! It decides nothing about packets: [`run`] moves them from [`io`] sources through an
//! [`Engine`](trama_lang::engine::Engine) to sinks and counts what happens to each.
//!
//! **Invariants:** nothing is printed; no frame is lost uncounted where the kernel lets us see it;
//! whatever is attached, created or switched on goes away with the handle that owns it, and with
//! the process; no configuration of an interface is changed.
#![allow(
    clippy::disallowed_methods,
    reason = "clocks and threads are forbidden to the pure crates; here is where they live"
)]
#![allow(clippy::vec_box, reason = "packets are boxed at the seam to the engine")]

pub mod affinity;
pub mod bpf;
pub mod capability;
pub mod clock;
pub mod doctor;
pub mod interface;
pub mod io;
pub mod kernel;
pub mod mapping;
pub mod namespace;
pub mod netlink;
pub mod parallel;
pub mod poll;
pub mod run;
pub mod signal;
pub mod sys;
