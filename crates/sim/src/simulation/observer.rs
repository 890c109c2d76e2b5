//! Watching packets while they travel.

use trama_base::Picos;
use trama_transport::{FlowId, Hop, Packet};

/// What an observer is shown.
#[derive(Clone, Copy, Debug)]
pub enum Seen<'a> {
    /// A message is given to its transport.
    Submitted {
        /// Which.
        flow: FlowId,
    },
    /// A port begins to send a packet.
    Sent {
        /// The packet.
        packet: &'a Packet,
        /// The port.
        port: u32,
    },
    /// A packet waits at a port, or was trimmed or dropped there, which is shown next.
    Queued {
        /// The packet.
        packet: &'a Packet,
        /// The port.
        port: u32,
        /// Bytes that wait there now.
        queue_bytes: u32,
    },
    /// A port has no room for a packet.
    Dropped {
        /// The packet.
        packet: &'a Packet,
        /// The port.
        port: u32,
    },
    /// No port leads to the destination of a packet.
    Unroutable {
        /// The packet.
        packet: &'a Packet,
        /// The link over which it came.
        link: u32,
    },
    /// A packet is lost on a link.
    Lost {
        /// The packet.
        packet: &'a Packet,
        /// The port at the beginning of the link.
        link: u32,
    },
    /// A packet is given to the transport of its host.
    Delivered {
        /// The packet.
        packet: &'a Packet,
        /// What it has of the records of switches.
        telemetry: &'a [Hop],
    },
    /// All of a message has arrived.
    Received {
        /// Which.
        flow: FlowId,
    },
    /// The sender of a message knows that all of it has arrived.
    Acknowledged {
        /// Which.
        flow: FlowId,
    },
}

/// Someone who watches a simulation.
pub trait Observer {
    /// Sees something.
    fn see(&mut self, now: Picos, seen: &Seen<'_>);
}

/// Nobody watches, which costs nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Nobody;

impl Observer for Nobody {
    fn see(&mut self, _: Picos, _: &Seen<'_>) {}
}
