//! The sending side of a message.

use super::Rules;
use crate::endpoint::Message;
use crate::packet::{Flags, HostId, Kind, Packet};
use std::collections::VecDeque;
use trama_base::Picos;

/// Ranges to be sent again that are kept; more are asked for again.
const AGAIN_MAX: usize = 64;

/// A message that is being sent.
#[derive(Debug)]
pub(super) struct Sender {
    host: HostId,
    pub(super) message: Message,
    /// First byte never sent.
    next: u64,
    /// Bytes up to which the receiver has granted; the unscheduled ones at first.
    granted: u64,
    unscheduled: u64,
    /// Priority of unscheduled and of scheduled packets.
    levels: (u8, u8),
    /// Ranges that the receiver has asked for again.
    again: VecDeque<(u64, u64)>,
    /// Its key in the order of messages that have something to send.
    pub(super) rank: Option<u64>,
    heard: Picos,
    /// When it is looked at.
    pub(super) check_at: Picos,
}

impl Sender {
    pub(super) fn new(
        host: HostId,
        mut message: Message,
        level: u8,
        rules: &Rules,
        now: Picos,
    ) -> Self {
        message.bytes = message.bytes.max(1);
        let unscheduled = message.bytes.min(rules.rtt_bytes);
        Self {
            host,
            message,
            next: 0,
            granted: unscheduled,
            unscheduled,
            levels: (level, rules.lowest()),
            again: VecDeque::new(),
            rank: None,
            heard: now,
            check_at: Picos::MAX,
        }
    }

    /// Bytes that have not been sent: fewer go first.
    pub(super) fn remaining(&self) -> u64 {
        self.message.bytes - self.next
    }

    pub(super) fn has_data(&self) -> bool {
        self.next < self.granted || !self.again.is_empty()
    }

    /// Takes a grant up to a byte, at a priority.
    pub(super) fn grant(&mut self, now: Picos, end: u64, level: u8) {
        self.heard = now;
        self.granted = self.granted.max(end.min(self.message.bytes));
        self.levels.1 = level;
    }

    /// Takes the wish for a range that has not arrived. What was never sent is granted by it.
    pub(super) fn resend(&mut self, now: Picos, start: u64, end: u64, level: u8) {
        self.grant(now, end, level);
        let range = (start, end.min(self.next));
        if range.0 < range.1 && !self.again.contains(&range) && self.again.len() < AGAIN_MAX {
            self.again.push_back(range);
        }
    }

    /// The priority of the next packet.
    pub(super) fn level(&self) -> u8 {
        let start = self.again.front().map_or(self.next, |&(start, _)| start);
        if start < self.unscheduled { self.levels.0 } else { self.levels.1 }
    }

    /// The next packet, if there is one: what was asked for again comes first.
    pub(super) fn send(&mut self, now: Picos, rules: &Rules) -> Option<Packet> {
        let priority = self.level();
        let is_again = !self.again.is_empty();
        let (start, limit) = self.again.front().copied().unwrap_or((self.next, self.granted));
        // A packet is scheduled or unscheduled.
        let limit = if start < self.unscheduled { limit.min(self.unscheduled) } else { limit };
        if start >= limit {
            return None;
        }
        let end = limit.min(start + rules.payload_bytes);
        if let Some(range) = self.again.front_mut() {
            range.0 = end;
            if range.0 >= range.1 {
                self.again.pop_front();
            }
        } else {
            self.next = end;
        }
        Some(Packet {
            flow: self.message.flow,
            source: self.host,
            destination: self.message.destination,
            wire_bytes: (end - start) as u16 + rules.header_bytes,
            payload_bytes: (end - start) as u16,
            kind: Kind::Data,
            priority,
            flags: Flags::default()
                .with_if(Flags::UNSCHEDULED, start < self.unscheduled && !is_again)
                .with_if(Flags::RETRANSMISSION, is_again)
                .with_if(Flags::LAST, end == self.message.bytes),
            sequence: start,
            extent: self.message.bytes,
            sent: now,
            detail: self.remaining(),
            ..Packet::default()
        })
    }

    /// Looks at the time without news; whether the first packet is to be sent again, so that the
    /// receiver learns of the message, or tells that it has all of it.
    ///
    /// A receiver asks for what it misses, but it must know that there is a message.
    pub(super) fn check(&mut self, now: Picos, rules: &Rules) -> bool {
        let is_silent = self.heard + rules.resend_interval <= now;
        let asks = is_silent && !self.has_data();
        if asks {
            self.heard = now;
            self.again.push_back((0, self.next.min(rules.payload_bytes)));
        }
        self.check_at = now + rules.resend_interval;
        asks
    }
}
