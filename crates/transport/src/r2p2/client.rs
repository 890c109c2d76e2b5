//! A client: a request that is sent, and the answer to it.

use super::Rules;
use crate::endpoint::Message;
use crate::packet::{Flags, HostId, Kind, Packet};
use crate::ranges::Ranges;
use trama_base::Picos;

/// A request under way.
#[derive(Debug)]
pub(super) struct Call {
    host: HostId,
    pub(super) message: Message,
    /// The server that has it, when it has said so.
    server: Option<HostId>,
    /// First byte not sent yet, and up to which byte may be sent.
    next: u64,
    free_until: u64,
    /// Whether it was tried before.
    is_again: bool,
    answer: Ranges,
    answer_bytes: u64,
    heard: Picos,
    /// When it is looked at.
    pub(super) check_at: Picos,
}

impl Call {
    pub(super) fn new(host: HostId, mut message: Message, rules: &Rules, now: Picos) -> Self {
        message.bytes = message.bytes.max(1);
        Self {
            host,
            message,
            server: None,
            next: 0,
            free_until: message.bytes.min(rules.payload_bytes),
            is_again: false,
            answer: Ranges::default(),
            answer_bytes: 0,
            heard: now,
            check_at: Picos::MAX,
        }
    }

    pub(super) fn has_data(&self) -> bool {
        self.next < self.free_until
    }

    /// The next packet: the first one goes to whom the message is for, the others to the server
    /// that has said it is ready for them.
    pub(super) fn send(&mut self, now: Picos, rules: &Rules) -> Option<Packet> {
        if !self.has_data() {
            return None;
        }
        let (start, end) = (self.next, self.free_until.min(self.next + rules.payload_bytes));
        self.next = end;
        let is_routed = self.server.is_none() && self.message.destination == super::ROUTER;
        Some(Packet {
            flow: self.message.flow,
            source: self.host,
            destination: self.server.unwrap_or(self.message.destination),
            wire_bytes: (end - start) as u16 + rules.header_bytes,
            payload_bytes: (end - start) as u16,
            kind: Kind::Data,
            flags: Flags::default()
                .with_if(Flags::RETRANSMISSION, self.is_again)
                .with_if(Flags::LAST, end == self.message.bytes),
            sequence: start,
            extent: self.message.bytes,
            sent: now,
            detail: u64::from(is_routed),
            ..Packet::default()
        })
    }

    /// A server is ready for the rest of the request.
    pub(super) fn go_on(&mut self, now: Picos, server: HostId) {
        self.heard = now;
        self.server = Some(server);
        self.free_until = self.message.bytes;
    }

    /// The router has no room; the call is tried again after the timeout.
    pub(super) fn refuse(&mut self, now: Picos) {
        self.heard = now;
    }

    /// Takes a packet of the answer; whether all of it is there.
    pub(super) fn take(&mut self, now: Picos, packet: &Packet) -> bool {
        self.heard = now;
        self.server = Some(packet.source);
        let bytes = packet.extent.max(1);
        let end = packet.sequence.saturating_add(u64::from(packet.payload_bytes)).min(bytes);
        self.answer_bytes += self.answer.add(packet.sequence, end);
        self.answer_bytes == bytes
    }

    /// Looks at the time without news; whether it begins again, with the server that has it if
    /// that is known.
    pub(super) fn check(&mut self, now: Picos, rules: &Rules) -> bool {
        self.check_at = now + rules.timeout;
        if self.heard + rules.timeout > now || self.has_data() {
            return false;
        }
        self.heard = now;
        self.is_again = true;
        self.next = 0;
        let known = self.server.is_some();
        let first = self.message.bytes.min(rules.payload_bytes);
        self.free_until = if known { self.message.bytes } else { first };
        true
    }
}
