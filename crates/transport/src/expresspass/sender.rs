//! The sending side of a message.

use super::Rules;
use crate::endpoint::Message;
use crate::packet::{Flags, HostId, Kind, Packet};
use std::collections::VecDeque;
use trama_base::Picos;

/// Ranges to be sent again that are kept; the receiver tells of more when it is asked again.
const LOST_MAX: usize = 64;

/// A message that is being sent.
#[derive(Debug)]
pub(super) struct Sender {
    host: HostId,
    pub(super) message: Message,
    /// First byte never sent.
    next: u64,
    /// Bytes that may be sent without a credit.
    free_until: u64,
    /// Ranges that have not arrived.
    lost: VecDeque<(u64, u64)>,
    heard: Picos,
    /// When it is looked at.
    pub(super) check_at: Picos,
}

/// A credit that has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Credit {
    pub(super) number: u64,
    pub(super) sent: Picos,
}

impl Sender {
    pub(super) fn new(host: HostId, mut message: Message, rules: &Rules, now: Picos) -> Self {
        message.bytes = message.bytes.max(1);
        Self {
            host,
            message,
            next: 0,
            free_until: message.bytes.min(rules.first_bytes),
            lost: VecDeque::new(),
            heard: now,
            check_at: Picos::MAX,
        }
    }

    /// A packet without payload to the receiver.
    pub(super) fn note(&self, kind: Kind, rules: &Rules) -> Packet {
        Packet {
            flow: self.message.flow,
            source: self.host,
            destination: self.message.destination,
            wire_bytes: rules.credit_bytes,
            kind,
            priority: 1,
            sequence: self.next,
            extent: self.message.bytes,
            ..Packet::default()
        }
    }

    /// The receiver has said something.
    pub(super) fn hear(&mut self, now: Picos) {
        self.heard = now;
    }

    /// A range has not arrived.
    pub(super) fn lose(&mut self, start: u64, end: u64) {
        let range = (start, end.min(self.next));
        if range.0 < range.1 && !self.lost.contains(&range) && self.lost.len() < LOST_MAX {
            self.lost.push_back(range);
        }
    }

    /// Whether all of it was sent, as far as is known.
    pub(super) fn is_sent(&self) -> bool {
        self.next == self.message.bytes && self.lost.is_empty()
    }

    /// Whether there is something that needs no credit.
    pub(super) fn has_free(&self) -> bool {
        self.next < self.free_until
    }

    /// The next packet without a credit.
    pub(super) fn send_free(&mut self, now: Picos, rules: &Rules) -> Option<Packet> {
        if !self.has_free() {
            return None;
        }
        let (start, end) = (self.next, self.free_until.min(self.next + rules.payload_bytes));
        self.next = end;
        let flags = Flags::default().with(Flags::UNSCHEDULED);
        Some(Packet { sent: now, ..self.data(start, end, flags, rules) })
    }

    /// The next packet for a credit: what was lost, then what was never sent.
    pub(super) fn send(&mut self, credit: Credit, rules: &Rules) -> Option<Packet> {
        // Nothing goes without a credit any more.
        self.free_until = self.free_until.min(self.next);
        let (start, limit) = self.lost.front().copied().unwrap_or((self.next, self.message.bytes));
        let end = limit.min(start + rules.payload_bytes);
        if start >= end {
            return None;
        }
        let is_again = !self.lost.is_empty();
        if let Some(range) = self.lost.front_mut() {
            range.0 = end;
            if end >= limit {
                self.lost.pop_front();
            }
        } else {
            self.next = end;
        }
        let flags = Flags::default().with_if(Flags::RETRANSMISSION, is_again);
        let (sent, detail) = (credit.sent, credit.number);
        Some(Packet { sent, detail, ..self.data(start, end, flags, rules) })
    }

    fn data(&self, start: u64, end: u64, flags: Flags, rules: &Rules) -> Packet {
        Packet {
            kind: Kind::Data,
            wire_bytes: (end - start) as u16 + rules.header_bytes,
            payload_bytes: (end - start) as u16,
            flags: flags.with_if(Flags::LAST, end == self.message.bytes),
            sequence: start,
            ..self.note(Kind::Data, rules)
        }
    }

    /// What it says after a time without news, if that is over: the request, or what it has sent.
    pub(super) fn check(&mut self, now: Picos, rules: &Rules) -> Option<Packet> {
        self.check_at = now + rules.timeout;
        if self.heard + rules.timeout > now || self.has_free() {
            return None;
        }
        self.heard = now;
        let kind = if self.is_sent() { Kind::Probe } else { Kind::Request };
        Some(self.note(kind, rules))
    }
}
