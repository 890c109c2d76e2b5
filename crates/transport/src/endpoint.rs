//! The contract between the transport of a host and the host.

use crate::packet::{FlowId, HostId, Packet};
use trama_base::Picos;

/// A message to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its name, unique in a run.
    pub flow: FlowId,
    /// Where it goes.
    pub destination: HostId,
    /// Its length in bytes. An empty message is sent as one of a single byte.
    pub bytes: u64,
    /// What the application says of it; transports that know deadlines or layers look at it.
    pub tag: u32,
    /// When it should have arrived; [`Picos::MAX`] if it does not matter.
    pub deadline: Picos,
}

/// What one switch tells about its port in a packet (in-band telemetry).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hop {
    /// Which port: its number in the network. Another one means another way.
    pub port: u32,
    /// When the packet left the port.
    pub time: Picos,
    /// Bytes in the queue of the port at that time.
    pub queue_bytes: u64,
    /// Bytes that the port has sent so far.
    pub sent_bytes: u64,
    /// Rate of the port in bits per second.
    pub bits_per_s: u64,
}

/// Most switches on a way that can tell something.
pub const HOPS_MAX: usize = 8;

/// A packet that has arrived.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// The packet.
    pub packet: &'a Packet,
    /// When the interface had it; the endpoint gets it later if the host is slow.
    pub at: Picos,
    /// What the switches on its way have told, in their order; or, of an acknowledgement, what
    /// its endpoint gave along ([`Outlet::telemetry`]).
    pub telemetry: &'a [Hop],
}

/// The interface, as it takes a packet.
#[derive(Debug)]
pub struct Outlet<'a> {
    /// Priorities that may not be sent now (priority flow control, IEEE 802.1Qbb): bit `p` for
    /// priority `p`. The interface keeps a packet that may not go and takes no other until then.
    pub paused: u8,
    /// Empty; gets what the packet takes along of the records of another one, [`HOPS_MAX`] at
    /// most.
    pub telemetry: &'a mut Vec<Hop>,
}

impl Outlet<'_> {
    /// Whether a packet of this priority may be sent now.
    pub const fn takes(&self, priority: u8) -> bool {
        let priority = if priority > 7 { 7 } else { priority };
        self.paused & 1 << priority == 0
    }
}

/// What an endpoint tells its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// All bytes of a message have arrived here, each of them once.
    Received {
        /// Which.
        flow: FlowId,
        /// From whom.
        source: HostId,
        /// Its length in bytes.
        bytes: u64,
    },
    /// The other side has acknowledged all of a message that was submitted here.
    Acknowledged(FlowId),
}

/// What an endpoint has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets with payload sent, retransmissions included.
    pub data_packets: u64,
    /// Packets with payload that were sent more than once.
    pub retransmissions: u64,
    /// Timeouts that led to a retransmission.
    pub timeouts: u64,
    /// Packets without payload sent.
    pub control_packets: u64,
    /// Arrivals that carried nothing new.
    pub duplicates: u64,
    /// Arrivals that made no sense here.
    pub stray: u64,
}

impl std::ops::Add for Counters {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            data_packets: self.data_packets + other.data_packets,
            retransmissions: self.retransmissions + other.retransmissions,
            timeouts: self.timeouts + other.timeouts,
            control_packets: self.control_packets + other.control_packets,
            duplicates: self.duplicates + other.duplicates,
            stray: self.stray + other.stray,
        }
    }
}

/// The transport of one host, for all its messages in both directions.
///
/// Inputs: [`submit`](Self::submit), [`receive`](Self::receive), [`timeout`](Self::timeout), with
/// times that do not go back. Outputs, to be asked for after each input:
/// [`transmit`](Self::transmit) whenever the interface can take a packet, until it gives none;
/// [`take_event`](Self::take_event) until there is none; [`next_timeout`](Self::next_timeout), when
/// [`timeout`](Self::timeout) is due at the latest (calling it early does no harm).
pub trait Endpoint {
    /// Takes a message to be sent.
    fn submit(&mut self, now: Picos, message: Message);

    /// Takes a packet that has arrived.
    fn receive(&mut self, now: Picos, arrival: &Arrival<'_>);

    /// Lets time pass.
    fn timeout(&mut self, now: Picos);

    /// The next packet for the interface, if any may go now.
    fn transmit(&mut self, now: Picos, outlet: &mut Outlet<'_>) -> Option<Packet>;

    /// When the endpoint needs to be called again without an arrival: for a timer, or because a
    /// packet may go from then on.
    fn next_timeout(&self) -> Option<Picos>;

    /// The oldest event not taken yet.
    fn take_event(&mut self) -> Option<Event>;

    /// Counts since the start.
    fn counters(&self) -> Counters;
}

impl Endpoint for Box<dyn Endpoint> {
    fn submit(&mut self, now: Picos, message: Message) {
        (**self).submit(now, message);
    }

    fn receive(&mut self, now: Picos, arrival: &Arrival<'_>) {
        (**self).receive(now, arrival);
    }

    fn timeout(&mut self, now: Picos) {
        (**self).timeout(now);
    }

    fn transmit(&mut self, now: Picos, outlet: &mut Outlet<'_>) -> Option<Packet> {
        (**self).transmit(now, outlet)
    }

    fn next_timeout(&self) -> Option<Picos> {
        (**self).next_timeout()
    }

    fn take_event(&mut self) -> Option<Event> {
        (**self).take_event()
    }

    fn counters(&self) -> Counters {
        (**self).counters()
    }
}
