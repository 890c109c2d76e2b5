//! The sending side of a stream: what is in flight, what is lost, what may go.

use super::Rules;
use crate::congestion::{Acked, CongestionControl};
use crate::endpoint::{Arrival, Message};
use crate::packet::{Flags, HostId, Kind, Packet};
use crate::ranges::Ranges;
use trama_base::Picos;

/// Packets above a gap that show it to be lost (RFC 6675, DupThresh).
const REORDERING: u64 = 3;
/// Most doublings of the timeout.
const BACKOFF_MAX: u32 = 6;

/// A message that is being sent.
pub(super) struct Sender {
    host: HostId,
    message: Message,
    control: Box<dyn CongestionControl>,
    /// First byte never sent.
    next: u64,
    /// Bytes acknowledged, selectively or not.
    acknowledged: Ranges,
    acknowledged_bytes: u64,
    /// Bytes below are lost unless acknowledged; 0 if none is.
    lost_below: u64,
    /// Lost bytes below have been sent again.
    repaired: u64,
    /// A loss is being repaired until this byte is acknowledged.
    recovers_until: Option<u64>,
    smoothed_rtt: Option<Picos>,
    rtt_variation: Picos,
    backoff: u32,
    /// When the timeout is, if something is in flight.
    deadline: Picos,
    /// When the next packet may go.
    paced_until: Picos,
    is_queued: bool,
    /// When it will be looked at; [`Picos::MAX`] if not.
    alarm: Picos,
}

/// Whether a sender may send.
pub(super) enum Readiness {
    /// It has nothing to send, or its window is full.
    No,
    /// From then on.
    At(Picos),
}

impl Sender {
    pub(super) fn new(
        host: HostId,
        mut message: Message,
        control: Box<dyn CongestionControl>,
    ) -> Self {
        message.bytes = message.bytes.max(1);
        Self {
            host,
            message,
            control,
            next: 0,
            acknowledged: Ranges::default(),
            acknowledged_bytes: 0,
            lost_below: 0,
            repaired: 0,
            recovers_until: None,
            smoothed_rtt: None,
            rtt_variation: Picos::ZERO,
            backoff: 0,
            deadline: Picos::MAX,
            paced_until: Picos::ZERO,
            is_queued: false,
            alarm: Picos::MAX,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.acknowledged_bytes == self.message.bytes
    }

    pub(super) fn window_bytes(&self) -> u64 {
        self.control.window_bytes()
    }

    /// The next byte to send again, if there is one.
    fn gap(&self) -> Option<u64> {
        let at = self.acknowledged.first_gap(self.repaired);
        (at < self.lost_below).then_some(at)
    }

    /// Bytes that are thought to be on their way.
    fn in_flight(&self) -> u64 {
        let sent = self.next - self.acknowledged_bytes;
        let mut lost = 0;
        let mut at = self.repaired;
        while at < self.lost_below {
            at = self.acknowledged.first_gap(at);
            let end = self.acknowledged.next_start(at).unwrap_or(u64::MAX).min(self.lost_below);
            lost += end.saturating_sub(at);
            at = end.max(at);
        }
        sent - lost
    }

    pub(super) fn hear(&mut self, now: Picos, arrival: &Arrival<'_>, rules: &Rules) {
        let packet = arrival.packet;
        let before = self.acknowledged.prefix();
        let new = self.acknowledged.add(0, packet.extent.min(self.next))
            + self.acknowledged.add(packet.sequence.min(self.next), packet.detail.min(self.next));
        self.acknowledged_bytes += new;
        let prefix = self.acknowledged.prefix();
        let rtt = now.since(packet.sent);
        if new > 0 {
            self.measure(rtt);
        }
        // Only a gap that closes puts the timeout off (RFC 6298, 5.3): a retransmission that is
        // lost is found by it, however much arrives above the gap.
        if prefix > before {
            self.backoff = 0;
            self.deadline = now + self.timeout(rules);
        }
        self.repaired = self.repaired.max(prefix);
        if self.recovers_until.is_some_and(|end| prefix >= end) {
            self.recovers_until = None;
        }
        let edge = self.acknowledged.end().saturating_sub(REORDERING * rules.payload_bytes);
        if prefix < edge && self.acknowledged.end() > prefix {
            self.lost_below = self.lost_below.max(edge);
            if self.recovers_until.is_none() && self.gap().is_some() {
                self.recovers_until = Some(self.next);
                self.control.lose(now, self.next - self.acknowledged_bytes);
            }
        }
        self.control.acknowledge(&Acked {
            now,
            bytes: new,
            acknowledged: prefix,
            next: self.next,
            is_marked: packet.flags.has(Flags::ECHO),
            rtt: Some(rtt),
            held: packet.held.time() + now.since(arrival.at),
            sent: packet.sent,
            switches: packet.hops,
            is_recovering: self.recovers_until.is_some(),
            telemetry: arrival.telemetry,
        });
    }

    /// RFC 6298, section 2.
    fn measure(&mut self, rtt: Picos) {
        let Some(smoothed) = self.smoothed_rtt else {
            self.smoothed_rtt = Some(rtt);
            self.rtt_variation = Picos(rtt.0 / 2);
            return;
        };
        let difference = smoothed.0.abs_diff(rtt.0);
        self.rtt_variation =
            Picos(self.rtt_variation.0 - self.rtt_variation.0 / 4 + difference / 4);
        self.smoothed_rtt = Some(Picos(smoothed.0 - smoothed.0 / 8 + rtt.0 / 8));
    }

    fn timeout(&self, rules: &Rules) -> Picos {
        let measured = self.smoothed_rtt.map(|rtt| rtt + Picos(4 * self.rtt_variation.0));
        let timeout =
            measured.unwrap_or(rules.config.timeout_initial).max(rules.config.timeout_min);
        Picos(timeout.0 << self.backoff)
    }

    /// When it may send.
    pub(super) fn readiness(&self, rules: &Rules) -> Readiness {
        let has_data = self.gap().is_some() || self.next < self.message.bytes;
        let in_flight = self.in_flight();
        let fits = in_flight == 0 || in_flight + rules.payload_bytes <= self.window_bytes();
        if has_data && fits { Readiness::At(self.paced_until) } else { Readiness::No }
    }

    /// True once, when it gets in line.
    pub(super) fn join_queue(&mut self) -> bool {
        !std::mem::replace(&mut self.is_queued, true)
    }

    pub(super) fn leave_queue(&mut self) {
        self.is_queued = false;
    }

    /// The next packet; it must be ready.
    pub(super) fn send(&mut self, now: Picos, rules: &Rules) -> Packet {
        let gap = self.gap();
        let start = gap.unwrap_or(self.next);
        let limit = match gap {
            Some(at) => self.acknowledged.next_start(at).unwrap_or(self.next).min(self.next),
            None => self.message.bytes,
        };
        let end = (start + rules.payload_bytes).min(limit);
        if gap.is_some() {
            self.repaired = end;
        }
        self.next = self.next.max(end);
        if self.deadline == Picos::MAX {
            self.deadline = now + self.timeout(rules);
        }
        let wire_bytes = (end - start) as u16 + rules.header_bytes;
        self.control.send(now, end - start);
        if let Some(rate) = self.control.pacing() {
            self.paced_until = self.paced_until.max(now) + rate.time_of(u64::from(wire_bytes));
        }
        Packet {
            flow: self.message.flow,
            source: self.host,
            destination: self.message.destination,
            wire_bytes,
            payload_bytes: (end - start) as u16,
            kind: Kind::Data,
            priority: rules.config.priority,
            flags: Flags::default()
                .with_if(Flags::ECN_CAPABLE, rules.needs.marks)
                .with_if(Flags::TELEMETRY, rules.needs.telemetry)
                .with_if(Flags::LAST, end == self.message.bytes)
                .with_if(Flags::RETRANSMISSION, gap.is_some()),
            sequence: start,
            extent: self.message.bytes,
            sent: now,
            detail: self.message.bytes - self.acknowledged_bytes,
            ..Packet::default()
        }
    }

    /// When it has to be looked at, if that is earlier than it will be.
    pub(super) fn new_alarm(&mut self) -> Option<Picos> {
        let control = self.control.next_timeout().unwrap_or(Picos::MAX);
        let wanted = self.deadline.min(control);
        (wanted < self.alarm).then(|| {
            self.alarm = wanted;
            wanted
        })
    }

    /// Whether it is time to look at it: not if an earlier alarm was set since.
    pub(super) fn take_alarm(&mut self, now: Picos) -> bool {
        let is_due = self.alarm <= now;
        if is_due {
            self.alarm = Picos::MAX;
        }
        is_due
    }

    /// Looks at its timers; whether all in flight is taken for lost.
    pub(super) fn check_timeout(&mut self, now: Picos, rules: &Rules) -> bool {
        if self.control.next_timeout().is_some_and(|at| at <= now) {
            self.control.timeout(now);
        }
        if now < self.deadline {
            return false;
        }
        self.control.expire(now, self.next - self.acknowledged_bytes);
        self.lost_below = self.next;
        self.repaired = self.acknowledged.prefix();
        self.recovers_until = Some(self.next);
        self.backoff = (self.backoff + 1).min(BACKOFF_MAX);
        self.deadline = now + self.timeout(rules);
        true
    }
}
