//! The receiving side of a stream: what has arrived, and when to say so.

use super::Rules;
use crate::answers::Answers;
use crate::endpoint::{Arrival, Hop};
use crate::packet::{Flags, Held, Kind, Packet};
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
    /// The packet that an acknowledgement is due for, with the time of its arrival.
    pending: Option<(Packet, Picos)>,
    /// What switches told of the last packet.
    telemetry: Vec<Hop>,
    pending_packets: u32,
    /// No notification of marks before.
    silent_until: Picos,
    /// When it is due at the latest.
    pub(super) due: Picos,
    pub(super) is_armed: bool,
}

impl Receiver {
    pub(super) fn new(packet: &Packet) -> Self {
        Self {
            bytes: packet.extent.max(1),
            received: Ranges::default(),
            received_bytes: 0,
            is_congested: false,
            pending: None,
            telemetry: Vec::new(),
            pending_packets: 0,
            silent_until: Picos::ZERO,
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

    /// Takes a packet; false if it brought nothing new. `answers` gets the acknowledgements that
    /// are due at once.
    ///
    /// Acknowledgements are delayed until two packets have come, unless something is out of order
    /// (RFC 5681, 4.2). When the mark changes, what came before is acknowledged first, so that the
    /// sender learns exactly which bytes were marked (RFC 8257, 3.2).
    pub(super) fn take(
        &mut self,
        now: Picos,
        arrival: &Arrival<'_>,
        rules: &Rules,
        answers: &mut Answers,
    ) -> bool {
        let packet = arrival.packet;
        let is_marked = packet.flags.has(Flags::CONGESTION);
        if let Some(pause) = rules.needs.notify_every
            && is_marked
            && now >= self.silent_until
        {
            self.silent_until = now + pause;
            answers.push(Packet { kind: Kind::Congestion, ..template(packet, rules, 0) }, &[]);
        }
        if is_marked != self.is_congested {
            self.acknowledge(now, rules, answers);
            self.is_congested = is_marked;
        }
        let end = packet.sequence.saturating_add(u64::from(packet.payload_bytes)).min(self.bytes);
        let new = self.received.add(packet.sequence, end);
        self.received_bytes += new;
        self.pending_packets += 1;
        // The stamp of the first packet tells the whole delay (RFC 7323, 4.3).
        let (first, _) = self.pending.get_or_insert((*packet, arrival.at));
        first.sequence = packet.sequence;
        self.telemetry.clear();
        self.telemetry.extend_from_slice(arrival.telemetry);
        let is_in_order = new > 0 && self.received.end() == self.received.prefix();
        let is_due = !is_in_order
            || self.pending_packets >= rules.config.packets_per_ack
            || packet.flags.has(Flags::LAST)
            || self.is_complete();
        if is_due {
            self.acknowledge(now, rules, answers);
        } else if self.due == Picos::MAX {
            self.due = now + rules.config.ack_delay;
        }
        new > 0
    }

    /// Acknowledges what has come since the last time, if anything has.
    pub(super) fn acknowledge(&mut self, now: Picos, rules: &Rules, answers: &mut Answers) {
        let Some((packet, arrived)) = self.pending.take() else { return };
        self.pending_packets = 0;
        self.due = Picos::MAX;
        let (start, end) = self.received.around(packet.sequence).unwrap_or_default();
        let answer = Packet {
            held: Held::of(now - arrived),
            sequence: start,
            detail: end,
            flags: Flags::default().with_if(Flags::ECHO, self.is_congested),
            ..template(&packet, rules, self.received.prefix())
        };
        answers.push(answer, &self.telemetry);
    }
}

/// What a packet of a message that is complete is answered with.
pub(super) fn acknowledge_all(packet: &Packet, rules: &Rules) -> Packet {
    template(packet, rules, packet.extent.max(1))
}

/// The acknowledgement of a packet without a range: all up to `prefix` is there.
fn template(packet: &Packet, rules: &Rules, prefix: u64) -> Packet {
    Packet {
        flow: packet.flow,
        source: packet.destination,
        destination: packet.source,
        wire_bytes: rules.header_bytes,
        kind: Kind::Ack,
        priority: rules.config.ack_priority,
        path: packet.path,
        extent: prefix,
        sent: packet.sent,
        ..Packet::default()
    }
}
