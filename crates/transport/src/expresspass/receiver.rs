//! The receiving side of a message: what has arrived, and how fast credits go out.

use super::Rules;
use crate::packet::{FlowId, HostId, Packet};
use crate::ranges::Ranges;
use trama_base::{Picos, Rng};

/// Ranges that are told to be missing at once.
const GAPS_MAX: usize = 32;

/// The rate of credits of a message: algorithm 1 of the paper, section 3.3.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pace {
    /// Share of the most that the link of the receiver bears.
    pub(super) share: f64,
    /// How far it goes towards all of the link in a round trip.
    pub(super) eagerness: f64,
    /// Whether the last round trip was without too much loss.
    was_raised: bool,
    /// Number of the last credit that came back with data.
    last: u64,
    /// Credits that came back, and credits that did not, since the last change.
    returned: u64,
    lost: u64,
    changed_at: Picos,
    changes_at: Picos,
}

impl Pace {
    pub(super) fn new(rules: &Rules, now: Picos) -> Self {
        Self {
            share: rules.config.rate_initial,
            eagerness: rules.config.eagerness_initial,
            was_raised: false,
            last: 0,
            returned: 0,
            lost: 0,
            changed_at: now,
            changes_at: now + rules.base_rtt,
        }
    }

    /// Learns from data that a credit has brought. Credits go one way, so a number that is left
    /// out is one that switches have dropped.
    pub(super) fn learn(&mut self, now: Picos, number: u64, rtt: Picos, rules: &Rules) {
        if number > self.last {
            self.lost += number - self.last - 1;
            self.last = number;
        }
        self.returned += 1;
        if now >= self.changes_at {
            self.change(now - self.changed_at, rules);
            self.changed_at = now;
            self.changes_at = now + rtt.max(rules.base_rtt);
        }
    }

    /// Changes the rate by what has come back in so long a time.
    fn change(&mut self, time: Picos, rules: &Rules) {
        let loss = self.lost as f64 / (self.lost + self.returned) as f64;
        let target = (1.0 - self.share) * rules.config.target_loss;
        if loss > target {
            // What came back is what the network bears: loss is old news by a round trip.
            let most = time.0 as f64 / rules.credit_gap.0 as f64;
            self.share = (self.returned as f64 / most * (1.0 + target)).min(self.share);
            self.eagerness = (self.eagerness / 2.0).max(rules.config.eagerness_min);
            self.was_raised = false;
        } else {
            if self.was_raised {
                self.eagerness = (self.eagerness + EAGERNESS_STEP).min(EAGERNESS_MAX);
            }
            self.share = self.eagerness + (1.0 - self.eagerness) * self.share;
            self.was_raised = true;
        }
        self.share = self.share.clamp(rules.share_min, 1.0);
        (self.lost, self.returned) = (0, 0);
    }
}

/// Growth of the eagerness in a round trip without loss, and its limit.
const EAGERNESS_STEP: f64 = 0.05;
const EAGERNESS_MAX: f64 = 0.5;

/// A message that is being received.
#[derive(Debug)]
pub(super) struct Receiver {
    pub(super) flow: FlowId,
    pub(super) source: HostId,
    pub(super) bytes: u64,
    received: Ranges,
    received_bytes: u64,
    pub(super) pace: Pace,
    /// Number of the last credit.
    credits: u64,
    heard: Picos,
    /// When the next credit is made; [`Picos::MAX`] if none is.
    pub(super) credit_at: Picos,
}

impl Receiver {
    pub(super) fn new(packet: &Packet, rules: &Rules, now: Picos) -> Self {
        Self {
            flow: packet.flow,
            source: packet.source,
            bytes: packet.extent.max(1),
            received: Ranges::default(),
            received_bytes: 0,
            pace: Pace::new(rules, now),
            credits: 0,
            heard: now,
            credit_at: Picos::MAX,
        }
    }

    /// The sender has said something.
    pub(super) fn hear(&mut self, now: Picos) {
        self.heard = now;
    }

    /// Takes a packet of data; false if it brought nothing new.
    pub(super) fn take(&mut self, packet: &Packet) -> bool {
        let end = packet.sequence.saturating_add(u64::from(packet.payload_bytes)).min(self.bytes);
        let new = self.received.add(packet.sequence, end);
        self.received_bytes += new;
        new > 0
    }

    pub(super) fn is_complete(&self) -> bool {
        self.received_bytes == self.bytes
    }

    /// What is missing of the bytes below `sent`.
    pub(super) fn gaps(&self, sent: u64) -> Vec<(u64, u64)> {
        let sent = sent.min(self.bytes);
        let mut gaps = Vec::new();
        let mut at = self.received.first_gap(0);
        while at < sent && gaps.len() < GAPS_MAX {
            let end = self.received.next_start(at).unwrap_or(u64::MAX).min(sent);
            gaps.push((at, end));
            at = self.received.first_gap(end);
        }
        gaps
    }

    /// The number of a credit that is due, and when the next one is. None if the sender has been
    /// silent for so long that there will be none before it says something.
    pub(super) fn credit(&mut self, now: Picos, rules: &Rules, rng: &mut Rng) -> Option<u64> {
        if self.heard + rules.patience < now {
            self.credit_at = Picos::MAX;
            return None;
        }
        self.credits += 1;
        let spread = 1.0 + rules.config.jitter * (2.0 * rng.unit() - 1.0);
        self.credit_at = now + rules.credit_gap.scaled(spread / self.pace.share);
        Some(self.credits)
    }
}
