//! What travels between endpoints.
//!
//! One record serves all transports: the fields that every one needs by name, three numbers whose
//! meaning depends on the kind. A packet is 56 bytes of memory however long it is on the wire;
//! payloads are lengths.

use trama_base::Picos;

/// A host of the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(pub u32);

/// A message from one host to another: one flow of a workload. Unique in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowId(pub u32);

/// What a packet is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Carries payload.
    #[default]
    Data,
    /// Tells what has arrived.
    Ack,
    /// Tells that a packet arrived without its payload.
    Nack,
    /// Asks for one packet more (NDP).
    Pull,
    /// Tells that packets of a message were marked (CNP of DCQCN).
    Congestion,
    /// Lets a message be sent up to a byte (Homa).
    Grant,
    /// Asks for a range of a message again (Homa).
    Resend,
    /// Tells that what was asked for will come later (Homa).
    Busy,
    /// Tells which lengths of messages shall have which priority (Homa).
    Cutoffs,
    /// Asks for credits (ExpressPass).
    Request,
    /// Lets one packet be sent (ExpressPass).
    Credit,
    /// Tells up to which byte a message was sent, and asks what of it is missing (Aeolus).
    Probe,
    /// Tells that the rest of a request may be sent (REQREADY of R2P2).
    Ready,
    /// Carries a part of an answer (R2P2).
    Response,
    /// Tells a router that a request has ended (R2P2).
    Feedback,
    /// Tells that there is no room for a request (DROP of R2P2).
    Refusal,
}

impl Kind {
    /// Whether it carries no payload and belongs to the control of a transfer.
    pub const fn is_control(self) -> bool {
        !matches!(self, Self::Data)
    }
}

/// Marks on a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(pub u8);

impl Flags {
    /// The sender understands congestion marks (ECT, RFC 3168).
    pub const ECN_CAPABLE: Self = Self(1);
    /// A queue was congested (CE, RFC 3168).
    pub const CONGESTION: Self = Self(1 << 1);
    /// An acknowledgement of marked packets (ECE, RFC 3168).
    pub const ECHO: Self = Self(1 << 2);
    /// A switch has cut the payload off.
    pub const TRIMMED: Self = Self(1 << 3);
    /// The last packet of its message.
    pub const LAST: Self = Self(1 << 4);
    /// Sent before, and lost.
    pub const RETRANSMISSION: Self = Self(1 << 5);
    /// Switches append a record to it (in-band telemetry).
    pub const TELEMETRY: Self = Self(1 << 6);
    /// Sent before the receiver has said anything.
    pub const UNSCHEDULED: Self = Self(1 << 7);

    /// Whether all of `other` is set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// These and `other`.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These, and `other` if a condition holds.
    #[must_use]
    pub const fn with_if(self, other: Self, condition: bool) -> Self {
        if condition { self.with(other) } else { self }
    }
}

/// A packet, headers and lengths only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packet {
    /// The message that it belongs to.
    pub flow: FlowId,
    /// Where it comes from.
    pub source: HostId,
    /// Where it goes.
    pub destination: HostId,
    /// Length on the wire in bytes, all headers included.
    pub wire_bytes: u16,
    /// Length of the payload in bytes. Stays when the payload is trimmed, so that the receiver
    /// knows what it has missed.
    pub payload_bytes: u16,
    /// What it is for.
    pub kind: Kind,
    /// Class of service: 0 is served first.
    pub priority: u8,
    /// Marks.
    pub flags: Flags,
    /// Switches passed.
    pub hops: u8,
    /// What chooses among equal paths, besides the hosts.
    pub path: u16,
    /// Of an acknowledgement: how long the host that sent it had what it acknowledges.
    pub held: Held,
    /// First byte of the payload within the message; for acknowledgements the first one of the
    /// range that is acknowledged; for pulls their number.
    pub sequence: u64,
    /// Of data the length of the message in bytes; of acknowledgements the bytes of it that have
    /// arrived without a gap.
    pub extent: u64,
    /// When it left its endpoint; acknowledgements return the stamp of what they acknowledge.
    pub sent: Picos,
    /// Of data its rank in switches that order by it: bytes that remain. Of acknowledgements the
    /// end of the range that is acknowledged. Otherwise by transport.
    pub detail: u64,
}

impl Packet {
    /// Its rank in switches that order by it, best first: control is before all data.
    pub const fn rank(&self) -> u64 {
        if self.kind.is_control() { 0 } else { self.detail }
    }
}

/// A short length of time in steps of 64 ns; longer than 4.19 ms is as long as that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Held(u16);

impl Held {
    /// Picoseconds of a step.
    const STEP_PS: u64 = 64_000;

    /// The nearest one below.
    pub const fn of(time: Picos) -> Self {
        let steps = time.0 / Self::STEP_PS;
        Self(if steps > u16::MAX as u64 { u16::MAX } else { steps as u16 })
    }

    /// The length of time.
    pub const fn time(self) -> Picos {
        Picos(self.0 as u64 * Self::STEP_PS)
    }
}

const _: () = assert!(size_of::<Packet>() == 56, "a packet and its links fill one cache line");
