//! Reliable streams whose window a congestion controller sets: TCP's machinery, with every
//! message a connection of its own that is open already.
//!
//! Selective acknowledgements, a threshold for reordering and repair limited by what is in flight
//! (RFC 2018, RFC 6675), retransmission timeouts (RFC 6298), delayed acknowledgements that tell
//! exactly which bytes were marked (RFC 8257, 3.2). One simplification is stated: an
//! acknowledgement carries the range around the packet that caused it, not three of them.

mod receiver;
mod sender;
mod transport;

pub use transport::{Algorithm, Reliable};

use crate::answers::Answers;
use crate::congestion::CongestionControl;
use crate::endpoint::{Arrival, Counters, Endpoint, Event, Message, Outlet};
use crate::flows::{Flows, Known, Timers};
use crate::packet::{Flags, FlowId, HostId, Kind, Packet};
use receiver::Receiver;
use sender::{Readiness, Sender};
use std::collections::VecDeque;
use trama_base::{Bytes, Picos, parameters};

parameters! {
    /// How streams work, whoever controls their window.
    pub struct Config {
        /// Longest packet on the wire.
        mtu: Bytes = Bytes(1500),
        /// Headers of a packet, and length of an acknowledgement.
        header: Bytes = Bytes(52),
        /// Packets of the first window.
        initial_window: u32 = 10,
        /// Most bytes that may be in flight.
        window_max: Bytes = Bytes(1_000_000_000),
        /// Packets of data for one acknowledgement.
        packets_per_ack: u32 = 2,
        /// Longest time for which an acknowledgement is delayed.
        ack_delay: Picos = Picos::from_micros(500),
        /// Retransmission timeout before a round trip was measured.
        timeout_initial: Picos = Picos::from_millis(10),
        /// Shortest retransmission timeout.
        timeout_min: Picos = Picos::from_millis(10),
        /// Priority of data.
        priority: u8 = 0,
        /// Priority of acknowledgements.
        ack_priority: u8 = 0,
    }
}

/// What a controller needs of the streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Data may be marked, and marks are told (RFC 3168).
    pub marks: bool,
    /// Switches append records to data, and they are told.
    pub telemetry: bool,
    /// The message with the fewest bytes left is sent first; otherwise messages take turns.
    pub shortest_first: bool,
    /// The receiver of a marked packet says so at once, in a packet of its own, but not more often
    /// than this for each message.
    pub notify_every: Option<Picos>,
}

/// What senders and receivers go by.
#[derive(Clone, Debug)]
struct Rules {
    config: Config,
    needs: Needs,
    payload_bytes: u64,
    header_bytes: u16,
}

impl Rules {
    fn new(config: Config, needs: Needs) -> Self {
        let payload_bytes = config.mtu.0 - config.header.0;
        Self { payload_bytes, header_bytes: config.header.0 as u16, config, needs }
    }
}

/// Makes the controller of a message.
type MakeControl = dyn Fn(&Message) -> Box<dyn CongestionControl>;

/// An endpoint of streams.
pub struct Streams {
    rules: Rules,
    host: HostId,
    make_control: Box<MakeControl>,
    senders: Flows<Sender>,
    receivers: Flows<Receiver>,
    /// Senders that may send, in turn.
    ready: VecDeque<u32>,
    /// Senders that may send later.
    paced: Timers,
    answers: Answers,
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
        needs: Needs,
        host: HostId,
        make_control: impl Fn(&Message) -> Box<dyn CongestionControl> + 'static,
    ) -> Self {
        assert!(config.mtu > config.header, "a packet has room for payload");
        Self {
            rules: Rules::new(config, needs),
            host,
            make_control: Box::new(make_control),
            senders: Flows::new(),
            receivers: Flows::new(),
            ready: VecDeque::new(),
            paced: Timers::default(),
            answers: Answers::default(),
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
        match sender.readiness(&self.rules) {
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

    fn receive_data(&mut self, now: Picos, arrival: &Arrival<'_>) {
        let packet = arrival.packet;
        let slot = match self.receivers.find(packet.flow) {
            Known::Slot(slot) => slot,
            Known::New => self.receivers.insert(packet.flow, Receiver::new(packet)),
            Known::Ended => {
                // Its last acknowledgement was lost.
                self.counters.duplicates += 1;
                self.answers
                    .push(receiver::acknowledge_all(packet, &self.rules), arrival.telemetry);
                return;
            }
        };
        let receiver = self.receivers.get(slot).expect("it was just found");
        let is_news = receiver.take(now, arrival, &self.rules, &mut self.answers);
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

    fn receive_acknowledgement(&mut self, now: Picos, arrival: &Arrival<'_>) {
        let packet = arrival.packet;
        let slot = match self.senders.find(packet.flow) {
            Known::Slot(slot) => slot,
            Known::Ended => return,
            Known::New => {
                self.counters.stray += 1;
                return;
            }
        };
        let sender = self.senders.get(slot).expect("it was just found");
        sender.hear(now, arrival, &self.rules);
        if sender.is_done() {
            self.senders.end(packet.flow);
            self.events.push_back(Event::Acknowledged(packet.flow));
        } else {
            self.arm(slot);
            self.enqueue(now, slot);
        }
    }

    fn receive_notification(&mut self, now: Picos, flow: FlowId) {
        let Known::Slot(slot) = self.senders.find(flow) else {
            self.counters.stray += 1;
            return;
        };
        self.senders.get(slot).expect("it was just found").notify(now);
        self.arm(slot);
    }

    fn check_timeouts(&mut self, now: Picos) {
        while let Some(slot) = self.timeouts.due(now) {
            let Some(sender) = self.senders.get(slot) else { continue };
            if sender.take_alarm(now) {
                self.counters.timeouts += u64::from(sender.check_timeout(now, &self.rules));
                self.arm(slot);
                self.enqueue(now, slot);
            }
        }
    }

    /// Has a sender looked at when one of its timers is due.
    fn arm(&mut self, slot: u32) {
        if let Some(sender) = self.senders.get(slot)
            && let Some(at) = sender.new_alarm()
        {
            self.timeouts.arm(at, slot);
        }
    }

    fn check_delayed(&mut self, now: Picos) {
        while let Some(slot) = self.delayed.due(now) {
            let Some(receiver) = self.receivers.get(slot) else { continue };
            receiver.is_armed = false;
            if receiver.due <= now {
                receiver.acknowledge(now, &self.rules, &mut self.answers);
            } else if receiver.due != Picos::MAX {
                receiver.is_armed = true;
                self.delayed.arm(receiver.due, slot);
            }
        }
    }

    /// Takes the sender whose turn it is out of those that may send.
    fn next_ready(&mut self) -> Option<u32> {
        if !self.rules.needs.shortest_first {
            return self.ready.pop_front();
        }
        let remaining = |slot| self.senders.get(slot).map_or(0, |it| it.remaining());
        let (place, _) = self
            .ready
            .iter()
            .copied()
            .map(remaining)
            .enumerate()
            .min_by_key(|&(_, bytes)| bytes)?;
        self.ready.remove(place)
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

    fn receive(&mut self, now: Picos, arrival: &Arrival<'_>) {
        match arrival.packet.kind {
            Kind::Data => self.receive_data(now, arrival),
            Kind::Ack => self.receive_acknowledgement(now, arrival),
            Kind::Congestion => self.receive_notification(now, arrival.packet.flow),
            _ => self.counters.stray += 1,
        }
    }

    fn timeout(&mut self, now: Picos) {
        self.check_timeouts(now);
        self.check_delayed(now);
        self.release_paced(now);
    }

    fn transmit(&mut self, now: Picos, outlet: &mut Outlet<'_>) -> Option<Packet> {
        if let Some(answer) = self.answers.pop(outlet) {
            self.counters.control_packets += 1;
            return Some(answer);
        }
        if !outlet.takes(self.rules.config.priority) {
            return None;
        }
        self.release_paced(now);
        while let Some(slot) = self.next_ready() {
            let Some(sender) = self.senders.get(slot) else { continue };
            sender.leave_queue();
            if !matches!(sender.readiness(&self.rules), Readiness::At(at) if at <= now) {
                self.enqueue(now, slot);
                continue;
            }
            let packet = sender.send(now, &self.rules);
            self.arm(slot);
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
