//! Transports as machines without sockets, clocks or threads: congestion control and message
//! protocols of datacentres, written once for the simulator and for live hosts.
//!
//! An [`Endpoint`] is the transport of one host. Its host feeds it messages, packets and the time,
//! and takes packets, events and the time of the next timeout ([`endpoint`]). What travels is a
//! [`Packet`], a small typed record with its sizes: a simulator carries it as it is, a live host
//! writes it into a datagram.
//!
//! **Invariants:** time only comes from the host and never goes back; the same inputs give the same
//! outputs; no packet, however wrong, makes an endpoint panic or grow without bound.
#![forbid(unsafe_code)]

mod answers;
pub mod congestion;
pub mod endpoint;
pub mod expresspass;
pub mod fabric;
mod flows;
pub mod homa;
pub mod ndp;
pub mod packet;
pub mod r2p2;
mod ranges;
pub mod registry;
pub mod stream;

pub use endpoint::{Arrival, Endpoint, Event, Hop, Message, Outlet};
pub use fabric::{Balance, Fabric, Queueing};
pub use packet::{Flags, FlowId, HostId, Kind, Packet};
pub use registry::{TRANSPORTS, Transport};
