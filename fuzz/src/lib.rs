//! Fuzz targets: each is a function of bytes that panics when something does not hold.
//!
//! `cargo xtask fuzz` builds them with coverage instrumentation and runs libFuzzer on them. Bytes
//! that are not a text or a file are read as a sequence of choices ([`choices`]), so that the
//! fuzzer mutates operations on a state machine, not only its input.
//!
//! With the feature `canary` every target contains a deliberate fault behind [`CANARY`]; a smoke
//! run that does not find it within seconds fails. So a fuzzer that has stopped looking is noticed.
#![forbid(unsafe_code)]

pub mod capture;
pub mod check;
pub mod choices;
pub mod ebpf;
pub mod frames;
pub mod library;
pub mod packet;
pub mod state;
pub mod syntax;

/// Whether the deliberate faults are in.
pub const CANARY: bool = cfg!(feature = "canary");
