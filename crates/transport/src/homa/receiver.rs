//! The receiving side of a message.

use super::Rules;
use crate::packet::{FlowId, HostId, Packet};
use crate::ranges::Ranges;
use trama_base::Picos;

/// Ranges that are asked for at once.
const GAPS_MAX: usize = 16;
/// Times in a row that nothing came of asking again, after which a message is forgotten: its sender
/// is gone, or will begin anew.
const SILENCE_MAX: u32 = 50;

/// A message that is being received.
#[derive(Debug)]
pub(super) struct Receiver {
    pub(super) flow: FlowId,
    pub(super) source: HostId,
    pub(super) bytes: u64,
    received: Ranges,
    received_bytes: u64,
    /// Bytes up to which the sender may send.
    granted: u64,
    /// Priority of the last grant.
    pub(super) level: u8,
    /// Its key in the order of messages that need grants.
    pub(super) rank: Option<u64>,
    heard: Picos,
    silences: u32,
    /// When it is looked at.
    pub(super) check_at: Picos,
}

/// What to do about a message that was looked at.
pub(super) enum Look {
    /// Nothing yet.
    Wait,
    /// These ranges are missing.
    Ask(Vec<(u64, u64)>),
    /// Nothing comes any more.
    Forget,
}

impl Receiver {
    pub(super) fn new(packet: &Packet, rules: &Rules, now: Picos) -> Self {
        let bytes = packet.extent.max(1);
        Self {
            flow: packet.flow,
            source: packet.source,
            bytes,
            received: Ranges::default(),
            received_bytes: 0,
            granted: bytes.min(rules.rtt_bytes),
            level: rules.lowest(),
            rank: None,
            heard: now,
            silences: 0,
            check_at: Picos::MAX,
        }
    }

    /// Takes a packet; false if it brought nothing new. Such a packet is no sign that what is
    /// missing is on its way.
    pub(super) fn take(&mut self, now: Picos, packet: &Packet) -> bool {
        let end = packet.sequence.saturating_add(u64::from(packet.payload_bytes)).min(self.bytes);
        let new = self.received.add(packet.sequence, end);
        self.received_bytes += new;
        if new > 0 {
            self.hear(now);
        }
        new > 0
    }

    /// The sender lives, and will send.
    pub(super) fn hear(&mut self, now: Picos) {
        self.heard = now;
        self.silences = 0;
    }

    pub(super) fn is_complete(&self) -> bool {
        self.received_bytes == self.bytes
    }

    pub(super) fn needs_grants(&self) -> bool {
        self.granted < self.bytes
    }

    /// Bytes that have not arrived: fewer are granted first.
    pub(super) fn remaining(&self) -> u64 {
        self.bytes - self.received_bytes
    }

    /// Grants so that a round trip's bytes are on their way; up to which byte, if that is new.
    pub(super) fn grant(&mut self, level: u8, rules: &Rules) -> Option<u64> {
        let end = (self.received_bytes + rules.rtt_bytes).min(self.bytes);
        let is_new = end >= self.granted + rules.payload_bytes || end == self.bytes;
        if end <= self.granted || !is_new {
            return None;
        }
        self.granted = end;
        self.level = level;
        Some(end)
    }

    /// Looks at the time without news (section 3.7).
    pub(super) fn check(&mut self, now: Picos, rules: &Rules) -> Look {
        self.check_at = now + rules.resend_interval;
        if self.heard + rules.resend_interval > now {
            return Look::Wait;
        }
        let gaps = self.gaps();
        if gaps.is_empty() {
            // All that was granted is there: it waits for its turn.
            return Look::Wait;
        }
        self.silences += 1;
        if self.silences > SILENCE_MAX { Look::Forget } else { Look::Ask(gaps) }
    }

    /// The first ranges that were granted and have not arrived.
    fn gaps(&self) -> Vec<(u64, u64)> {
        let mut gaps = Vec::new();
        let mut at = 0;
        while gaps.len() < GAPS_MAX {
            at = self.received.first_gap(at);
            if at >= self.granted {
                break;
            }
            let end = self.received.next_start(at).unwrap_or(u64::MAX).min(self.granted);
            gaps.push((at, end));
            at = end;
        }
        gaps
    }
}
