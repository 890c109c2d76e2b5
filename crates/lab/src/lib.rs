//! Topologies of network namespaces joined by veth, in which programs meet real clients and
//! servers.
//!
//! A [`Lab`] is brought up from a [`Topology`]; its namespaces are called `trama-LAB-NODE` and
//! bound where `ip netns exec` and `nsenter --net=` find them. What a lab consists of is written
//! down before it is made, so that [`Lab::down`] and [`clean`] find all of it after a crash too.
//!
//! **Invariants:** nothing outside the lab's own namespaces is changed, except for their names in
//! `/run/netns` and the notes in `/run/trama/lab`; a failed [`Lab::up`] leaves nothing behind.
#![forbid(unsafe_code)]
#![allow(
    clippy::disallowed_methods,
    reason = "clocks are forbidden to the pure crates; here processes are waited for"
)]

pub mod bench;
mod build;
mod counters;
mod error;
mod lab;
mod lock;
mod process;
mod record;
pub mod topology;

pub use counters::LinkCounters;
pub use error::LabError;
pub use lab::{Lab, LabInfo, Lifetime, UpOptions, clean, list};
pub use lock::{LabLock, require_root};
pub use process::Child;
pub use topology::Topology;
