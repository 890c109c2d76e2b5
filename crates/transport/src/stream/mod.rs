//! Reliable streams whose window a congestion controller sets: TCP's machinery, with every
//! message a connection of its own that is open already.
//!
//! Selective acknowledgements, a threshold for reordering and repair limited by what is in flight
//! (RFC 2018, RFC 6675), retransmission timeouts (RFC 6298), delayed acknowledgements that tell
//! exactly which bytes were marked (RFC 8257, 3.2). One simplification is stated: an
//! acknowledgement carries the range around the packet that caused it, not three of them.

mod receiver;
mod sender;

use crate::congestion::CongestionControl;
use crate::endpoint::{Counters, Endpoint, Event, Hop, Message};
use crate::flows::{Flows, Known, Timers};
use crate::packet::{Flags, FlowId, HostId, Kind, Packet};
use receiver::Receiver;
use sender::{Readiness, Sender};
use std::collections::VecDeque;
use trama_base::Picos;

/// How streams work on a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Longest packet on the wire in bytes.
    pub mtu_bytes: u16,
    /// Length of the headers in bytes, and of acknowledgements.
    pub header_bytes: u16,
    /// Packets of data for one acknowledgement.
    pub packets_per_ack: u32,
    /// Longest time for which an acknowledgement is delayed.
    pub ack_delay: Picos,
    /// Whether data may be marked.
    pub is_ecn_capable: bool,
    /// Retransmission timeout before a round trip was measured.
    pub timeout_initial: Picos,
    /// Shortest retransmission timeout.
    pub timeout_min: Picos,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            mtu_bytes: 1500,
            header_bytes: 52,
            packets_per_ack: 2,
            ack_delay: Picos::from_micros(500),
            is_ecn_capable: false,
            timeout_initial: Picos::from_millis(10),
            timeout_min: Picos::from_millis(10),
        }
    }
}

impl Config {
    fn payload_bytes(&self) -> u64 {
        u64::from(self.mtu_bytes - self.header_bytes)
    }
}

/// Makes the controller of a message.
type MakeControl = dyn Fn(&Message) -> Box<dyn CongestionControl>;

/// An endpoint of streams.
pub struct Streams {
    config: Config,
    host: HostId,
    make_control: Box<MakeControl>,
    senders: Flows<Sender>,
    receivers: Flows<Receiver>,
    /// Senders that may send, in turn.
    ready: VecDeque<u32>,
    /// Senders that may send later.
    paced: Timers,
    answers: VecDeque<Packet>,
    timeouts: Timers,
    /// Receivers with delayed acknowledgements.
    delayed: Timers,
    events: VecDeque<Event>,
    counters: Counters,
}

impl Streams {
    /// The endpoint of a host; `make_control` makes the controller of each message.
    pub fn new(
        config: Config,
        host: HostId,
        make_control: impl Fn(&Message) -> Box<dyn CongestionControl> + 'static,
    ) -> Self {
        assert!(config.mtu_bytes > config.header_bytes, "a packet has room for payload");
        Self {
            config,
            host,
            make_control: Box::new(make_control),
            senders: Flows::new(),
            receivers: Flows::new(),
            ready: VecDeque::new(),
            paced: Timers::default(),
            answers: VecDeque::new(),
            timeouts: Timers::default(),
            delayed: Timers::default(),
            events: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// Window of a message that is being sent, in bytes.
    pub fn window_bytes(&mut self, flow: FlowId) -> Option<u64> {
        let Known::Slot(slot) = self.senders.find(flow) else { return None };
        self.senders.get(slot).map(|sender| sender.window_bytes())
    }

    /// Puts a sender in line if it may send.
    fn enqueue(&mut self, now: Picos, slot: u32) {
        let Some(sender) = self.senders.get(slot) else { return };
        match sender.readiness(&self.config) {
            Readiness::At(at) if sender.join_queue() => {
                if at <= now {
                    self.ready.push_back(slot);
                } else {
                    self.paced.arm(at, slot);
                }
            }
            _ => {}
        }
    }

    fn receive_data(&mut self, now: Picos, packet: &Packet) {
        let slot = match self.receivers.find(packet.flow) {
            Known::Slot(slot) => slot,
            Known::New => self.receivers.insert(packet.flow, Receiver::new(packet)),
            Known::Ended => {
                // Its last acknowledgement was lost.
                self.counters.duplicates += 1;
                self.answers.push_back(receiver::acknowledge_all(packet, &self.config));
                return;
            }
        };
        let receiver = self.receivers.get(slot).expect("it was just found");
        let is_news =
            receiver.take(now, packet, &self.config, |answer| self.answers.push_back(answer));
        self.counters.duplicates += u64::from(!is_news);
        if receiver.is_complete() {
            let bytes = receiver.bytes();
            self.events.push_back(Event::Received {
                flow: packet.flow,
                source: packet.source,
                bytes,
            });
            self.receivers.end(packet.flow);
        } else if receiver.due != Picos::MAX && !receiver.is_armed {
            receiver.is_armed = true;
            self.delayed.arm(receiver.due, slot);
        }
    }

    fn receive_acknowledgement(&mut self, now: Picos, packet: &Packet, telemetry: &[Hop]) {
        let slot = match self.senders.find(packet.flow) {
            Known::Slot(slot) => slot,
            Known::Ended => return,
            Known::New => {
                self.counters.stray += 1;
                return;
            }
        };
        let sender = self.senders.get(slot).expect("it was just found");
        sender.hear(now, packet, &self.config, telemetry);
        if sender.is_done() {
            self.senders.end(packet.flow);
            self.events.push_back(Event::Acknowledged(packet.flow));
        } else {
            self.enqueue(now, slot);
        }
    }

    fn check_timeouts(&mut self, now: Picos) {
        while let Some(slot) = self.timeouts.due(now) {
            let Some(sender) = self.senders.get(slot) else { continue };
            let (again, has_fired) = sender.check_timeout(now, &self.config);
            self.counters.timeouts += u64::from(has_fired);
            self.timeouts.arm(again, slot);
            self.enqueue(now, slot);
        }
    }

    fn check_delayed(&mut self, now: Picos) {
        while let Some(slot) = self.delayed.due(now) {
            let Some(receiver) = self.receivers.get(slot) else { continue };
            receiver.is_armed = false;
            if receiver.due <= now {
                self.answers.extend(receiver.acknowledge(&self.config));
            } else if receiver.due != Picos::MAX {
                receiver.is_armed = true;
                self.delayed.arm(receiver.due, slot);
            }
        }
    }

    fn release_paced(&mut self, now: Picos) {
        while let Some(slot) = self.paced.due(now) {
            self.ready.push_back(slot);
        }
    }
}

impl Endpoint for Streams {
    fn submit(&mut self, now: Picos, message: Message) {
        let control = (self.make_control)(&message);
        let slot = self.senders.insert(message.flow, Sender::new(self.host, message, control));
        self.enqueue(now, slot);
    }

    fn receive(&mut self, now: Picos, packet: &Packet, telemetry: &[Hop]) {
        match packet.kind {
            Kind::Data => self.receive_data(now, packet),
            Kind::Ack => self.receive_acknowledgement(now, packet, telemetry),
            Kind::Nack | Kind::Pull => self.counters.stray += 1,
        }
    }

    fn timeout(&mut self, now: Picos) {
        self.check_timeouts(now);
        self.check_delayed(now);
        self.release_paced(now);
    }

    fn transmit(&mut self, now: Picos, _: &mut Vec<Hop>) -> Option<Packet> {
        if let Some(answer) = self.answers.pop_front() {
            self.counters.control_packets += 1;
            return Some(answer);
        }
        self.release_paced(now);
        while let Some(slot) = self.ready.pop_front() {
            let Some(sender) = self.senders.get(slot) else { continue };
            sender.leave_queue();
            if !matches!(sender.readiness(&self.config), Readiness::At(at) if at <= now) {
                self.enqueue(now, slot);
                continue;
            }
            let packet = sender.send(now, &self.config);
            if !sender.is_armed {
                sender.is_armed = true;
                self.timeouts.arm(now + self.config.timeout_min, slot);
            }
            self.enqueue(now, slot);
            self.counters.data_packets += 1;
            self.counters.retransmissions += u64::from(packet.flags.has(Flags::RETRANSMISSION));
            return Some(packet);
        }
        None
    }

    fn next_timeout(&self) -> Option<Picos> {
        [self.timeouts.next(), self.delayed.next(), self.paced.next()].into_iter().flatten().min()
    }

    fn take_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn counters(&self) -> Counters {
        self.counters
    }
}
