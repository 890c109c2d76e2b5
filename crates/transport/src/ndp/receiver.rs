//! The receiving side of a message.

use super::{Config, HEADER_BYTES, payload_bytes};
use crate::packet::{Flags, HostId, Kind, Packet};
use crate::ranges::Ranges;
use trama_base::{Picos, Rng};

/// A message that is being received.
#[derive(Debug)]
pub(super) struct Receiver {
    source: HostId,
    /// Names the message in pulls.
    template: Packet,
    bytes: u64,
    received: Ranges,
    received_bytes: u64,
    /// Packets known to be needed beyond the sender's first window.
    wanted: u64,
    /// Pulls to be sent.
    owed: u32,
    /// Number of the last pull sent.
    pulls: u64,
}

impl Receiver {
    pub(super) fn new(packet: &Packet, config: &Config) -> Self {
        let bytes = packet.extent.max(1);
        let packets = bytes.div_ceil(payload_bytes(config));
        Self {
            wanted: packets.saturating_sub(u64::from(config.initial_window)),
            source: packet.source,
            template: Packet { flow: packet.flow, kind: Kind::Pull, ..Packet::default() },
            bytes,
            received: Ranges::default(),
            received_bytes: 0,
            owed: 0,
            pulls: 0,
        }
    }

    /// Takes a packet, whole or trimmed; false if it brought nothing new.
    pub(super) fn take(&mut self, packet: &Packet) -> bool {
        if packet.flags.has(Flags::TRIMMED) {
            self.wanted += 1;
            return true;
        }
        let end = packet.sequence.saturating_add(u64::from(packet.payload_bytes)).min(self.bytes);
        let new = self.received.add(packet.sequence, end);
        self.received_bytes += new;
        new > 0
    }

    pub(super) fn is_complete(&self) -> bool {
        self.received_bytes == self.bytes
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn prefix(&self) -> u64 {
        self.received.prefix()
    }

    /// Owes the sender one pull more, unless enough are under way for all that is missing; true
    /// if it owed none before.
    pub(super) fn owe_pull(&mut self) -> bool {
        let owes = self.pulls + u64::from(self.owed) < self.wanted;
        self.owed += u32::from(owes);
        owes && self.owed == 1
    }

    pub(super) fn owes_more(&self) -> bool {
        self.owed > 0
    }

    /// A pull that is owed.
    pub(super) fn pull(&mut self, host: HostId, paths: u16, rng: &mut Rng) -> Option<Packet> {
        self.owed = self.owed.checked_sub(1)?;
        self.pulls += 1;
        Some(Packet {
            source: host,
            destination: self.source,
            wire_bytes: HEADER_BYTES,
            sequence: self.pulls,
            path: rng.below(u64::from(paths)) as u16,
            sent: Picos::ZERO,
            ..self.template
        })
    }
}

/// What a receiver answers at once: ACK to a packet, NACK to a trimmed one. `prefix` of
/// `u64::MAX` says that all of the message is there.
pub(super) fn answer(packet: &Packet, prefix: u64) -> Packet {
    let is_trimmed = packet.flags.has(Flags::TRIMMED) && prefix != u64::MAX;
    Packet {
        flow: packet.flow,
        source: packet.destination,
        destination: packet.source,
        wire_bytes: HEADER_BYTES,
        kind: if is_trimmed { Kind::Nack } else { Kind::Ack },
        path: packet.path,
        sequence: packet.sequence,
        extent: prefix,
        sent: packet.sent,
        ..Packet::default()
    }
}
