//! The receiving side of a stream: what has arrived, and when to say so.

use super::Config;
use crate::packet::{Flags, Kind, Packet};
use crate::ranges::Ranges;
use trama_base::Picos;

/// A message that is being received.
#[derive(Debug)]
pub(super) struct Receiver {
    bytes: u64,
    received: Ranges,
    received_bytes: u64,
    /// Whether the last packet was marked: an acknowledgement says so of all it covers.
    is_congested: bool,
    /// The packet that an acknowledgement is due for.
    pending: Option<Packet>,
    pending_packets: u32,
    /// When it is due at the latest.
    pub(super) due: Picos,
    pub(super) is_armed: bool,
}

impl Receiver {
    pub(super) fn new(packet: &Packet) -> Self {
        Self {
            bytes: packet.detail.max(1),
            received: Ranges::default(),
            received_bytes: 0,
            is_congested: false,
            pending: None,
            pending_packets: 0,
            due: Picos::MAX,
            is_armed: false,
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn is_complete(&self) -> bool {
        self.received_bytes == self.bytes
    }

    /// Takes a packet; false if it brought nothing new. `answer` gets the acknowledgements that
    /// are due at once.
    ///
    /// Acknowledgements are delayed until two packets have come, unless something is out of order
    /// (RFC 5681, 4.2). When the mark changes, what came before is acknowledged first, so that the
    /// sender learns exactly which bytes were marked (RFC 8257, 3.2).
    pub(super) fn take(
        &mut self,
        now: Picos,
        packet: &Packet,
        config: &Config,
        mut answer: impl FnMut(Packet),
    ) -> bool {
        let is_marked = packet.flags.has(Flags::CONGESTION);
        if is_marked != self.is_congested {
            if let Some(acknowledgement) = self.acknowledge(config) {
                answer(acknowledgement);
            }
            self.is_congested = is_marked;
        }
        let end = packet.sequence.saturating_add(u64::from(packet.payload_bytes)).min(self.bytes);
        let new = self.received.add(packet.sequence, end);
        self.received_bytes += new;
        self.pending_packets += 1;
        // The stamp of the first packet tells the whole delay (RFC 7323, 4.3).
        let first = self.pending.get_or_insert(*packet);
        first.sequence = packet.sequence;
        let is_in_order = new > 0 && self.received.end() == self.received.prefix();
        let is_due = !is_in_order
            || self.pending_packets >= config.packets_per_ack
            || packet.flags.has(Flags::LAST)
            || self.is_complete();
        if is_due && let Some(acknowledgement) = self.acknowledge(config) {
            answer(acknowledgement);
        } else if self.pending.is_some() && self.due == Picos::MAX {
            self.due = now + config.ack_delay;
        }
        new > 0
    }

    /// The acknowledgement of what has come since the last one.
    pub(super) fn acknowledge(&mut self, config: &Config) -> Option<Packet> {
        let packet = self.pending.take()?;
        self.pending_packets = 0;
        self.due = Picos::MAX;
        let (start, end) = self.received.around(packet.sequence).unwrap_or_default();
        Some(Packet {
            flow: packet.flow,
            source: packet.destination,
            destination: packet.source,
            wire_bytes: config.header_bytes,
            kind: Kind::Ack,
            flags: Flags::default().with_if(Flags::ECHO, self.is_congested),
            path: packet.path,
            sequence: start,
            detail: end,
            acknowledged: self.received.prefix(),
            sent: packet.sent,
            ..Packet::default()
        })
    }
}

/// What a packet of a message that is complete is answered with.
pub(super) fn acknowledge_all(packet: &Packet, config: &Config) -> Packet {
    Packet {
        flow: packet.flow,
        source: packet.destination,
        destination: packet.source,
        wire_bytes: config.header_bytes,
        kind: Kind::Ack,
        path: packet.path,
        acknowledged: packet.detail.max(1),
        sent: packet.sent,
        ..Packet::default()
    }
}
