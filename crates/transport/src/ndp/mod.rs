//! NDP (Handley et al., "Re-architecting datacenter networks and stacks for low latency and high
//! performance", SIGCOMM 2017).
//!
//! A sender starts at full rate with a window of packets, then sends one packet for each PULL.
//! Switches trim what does not fit to its header, so a receiver learns at once of every packet
//! sent to it, and paces its PULLs so that packets arrive at the rate of its link (section 3).
//! Each packet takes another path: senders permute the list of paths (3.1.1), and leave out for a
//! round those that trim much more than the others (3.2.3).

mod paths;
mod receiver;
mod sender;
#[cfg(test)]
mod tests;

use crate::endpoint::{Arrival, Counters, Endpoint, Event, Message, Outlet};
use crate::fabric::{Balance, Fabric, Queueing};
use crate::flows::{Flows, Known, Timers};
use crate::packet::{Flags, HostId, Kind, Packet};
use crate::registry::{self, Transport};
use receiver::Receiver;
use sender::Sender;
use std::collections::VecDeque;
use trama_base::{Bytes, Picos, Rng, choices, parameters};

parameters! {
    /// How NDP works.
    pub struct Config {
        /// Longest packet on the wire.
        mtu: Bytes = Bytes(9000),
        /// Packets that a sender sends before it hears from the receiver: about one
        /// bandwidth-delay product (30 in the paper's evaluation).
        initial_window: u32 = 30,
        /// Data packets that the port of a switch holds; more are trimmed.
        queue_packets: u32 = 8,
        /// How paths are taken.
        spray: Spray = Spray::Permute,
        /// Whether pulls are paced. If not, each arrival is answered by a pull at once.
        paces_pulls: bool = true,
        /// After this time without news a packet is sent again, for packets that are lost whole;
        /// at least ten round trips.
        timeout: Picos = Picos::from_millis(1),
        /// Whether paths that trim more than others are avoided.
        penalises_paths: bool = true,
    }
}

/// Length of the headers in bytes: of a trimmed packet, and of acknowledgements and pulls.
const HEADER_BYTES: u16 = 64;
/// Headers that the port of a switch holds.
const HEADERS_MAX: u32 = 1_000;

impl Transport for Config {
    fn check(&self) -> Result<(), (&'static str, String)> {
        registry::check_packet("mtu", self.mtu, HEADER_BYTES)?;
        registry::check_range("initial_window", self.initial_window, 1, 1 << 20)?;
        registry::check_range("queue_packets", self.queue_packets, 1, 1 << 15)
    }

    fn packet_bytes(&self) -> u16 {
        self.mtu.0 as u16
    }

    fn header_bytes(&self) -> u16 {
        HEADER_BYTES
    }

    fn queueing(&self, _: &Fabric) -> Queueing {
        let data = self.queue_packets * u32::from(self.packet_bytes());
        let capacity = data + HEADERS_MAX * u32::from(HEADER_BYTES);
        Queueing::trimming(self.queue_packets, HEADER_BYTES, capacity)
    }

    fn balance(&self) -> Balance {
        Balance::Source
    }

    fn endpoint(&self, fabric: &Fabric, host: HostId, seed: u64) -> Box<dyn Endpoint> {
        Box::new(Ndp::new(self.clone(), fabric, host, seed))
    }
}

/// How the packets of a sender take paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spray {
    /// Each path once, in random order, then again in another.
    Permute,
    /// Any path, each time.
    Random,
    /// The same path for a message: an ablation.
    PerFlow,
}

choices!(Spray { Permute = "permute", Random = "random", PerFlow = "per-flow" });

fn payload_bytes(config: &Config) -> u64 {
    config.mtu.0 - u64::from(HEADER_BYTES)
}

/// An NDP endpoint.
#[derive(Debug)]
pub struct Ndp {
    config: Config,
    paths: u16,
    /// Time between pulls: that of a full packet on the receiver's link.
    pull_gap: Picos,
    host: HostId,
    rng: Rng,
    senders: Flows<Sender>,
    receivers: Flows<Receiver>,
    /// Senders with a packet to send now, in turn.
    ready: VecDeque<u32>,
    /// Acknowledgements that wait for the interface.
    answers: VecDeque<Packet>,
    /// Receivers with pulls to send, in turn.
    pulling: VecDeque<u32>,
    /// When the next pull may go.
    pull_at: Picos,
    timers: Timers,
    events: VecDeque<Event>,
    counters: Counters,
}

impl Ndp {
    /// The endpoint of a host; `seed` fixes its choice of paths.
    pub fn new(mut config: Config, fabric: &Fabric, host: HostId, seed: u64) -> Self {
        config.timeout = config.timeout.max(Picos(10 * fabric.base_rtt.0));
        Self {
            paths: fabric.paths.max(1),
            pull_gap: fabric.link.time_of(config.mtu.0),
            config,
            host,
            rng: Rng::stream(seed ^ u64::from(host.0) << 32, "ndp"),
            senders: Flows::new(),
            receivers: Flows::new(),
            ready: VecDeque::new(),
            answers: VecDeque::new(),
            pulling: VecDeque::new(),
            pull_at: Picos::ZERO,
            timers: Timers::default(),
            events: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    fn receive_data(&mut self, packet: &Packet) {
        let slot = match self.receivers.find(packet.flow) {
            Known::Slot(slot) => slot,
            Known::New => self.receivers.insert(packet.flow, Receiver::new(packet, &self.config)),
            Known::Ended => {
                // The acknowledgement was lost, or a retransmission was not needed.
                self.counters.duplicates += 1;
                self.answers.push_back(receiver::answer(packet, u64::MAX));
                return;
            }
        };
        let receiver = self.receivers.get(slot).expect("it was just found");
        let is_news = receiver.take(packet);
        self.counters.duplicates += u64::from(!is_news);
        self.answers.push_back(receiver::answer(packet, receiver.prefix()));
        if receiver.is_complete() {
            let bytes = receiver.bytes();
            self.events.push_back(Event::Received {
                flow: packet.flow,
                source: packet.source,
                bytes,
            });
            self.receivers.end(packet.flow);
        } else if receiver.owe_pull() {
            self.pulling.push_back(slot);
        }
    }

    /// Takes what a receiver tells a sender here.
    fn receive_answer(&mut self, now: Picos, packet: &Packet) {
        let Known::Slot(slot) = self.senders.find(packet.flow) else {
            self.counters.stray += u64::from(matches!(self.senders.find(packet.flow), Known::New));
            return;
        };
        let sender = self.senders.get(slot).expect("it was just found");
        sender.hear(now, packet, &self.config);
        if sender.is_done() {
            self.senders.end(packet.flow);
            self.events.push_back(Event::Acknowledged(packet.flow));
        } else {
            self.enqueue(slot);
        }
    }

    /// Puts a sender in line if it has something to send and is not there.
    fn enqueue(&mut self, slot: u32) {
        if let Some(sender) = self.senders.get(slot)
            && sender.join_queue()
        {
            self.ready.push_back(slot);
        }
    }

    fn next_pull(&mut self, now: Picos) -> Option<Packet> {
        if now < self.pull_at {
            return None;
        }
        while let Some(slot) = self.pulling.pop_front() {
            // A receiver whose message has come in meanwhile is gone, or has another message.
            let Some(receiver) = self.receivers.get(slot) else { continue };
            let Some(packet) = receiver.pull(self.host, self.paths, &mut self.rng) else {
                continue;
            };
            if receiver.owes_more() {
                self.pulling.push_back(slot);
            }
            if self.config.paces_pulls {
                self.pull_at = self.pull_at.max(now.since(self.pull_gap)) + self.pull_gap;
            }
            return Some(packet);
        }
        None
    }

    fn next_data(&mut self, now: Picos) -> Option<Packet> {
        while let Some(slot) = self.ready.pop_front() {
            let Some(sender) = self.senders.get(slot) else { continue };
            let Some(packet) = sender.send(now, &self.config, &mut self.rng) else { continue };
            self.enqueue(slot);
            self.counters.data_packets += 1;
            let again = packet.flags.has(Flags::RETRANSMISSION);
            self.counters.retransmissions += u64::from(again);
            return Some(packet);
        }
        None
    }
}

impl Endpoint for Ndp {
    fn submit(&mut self, now: Picos, message: Message) {
        let sender = Sender::new(self.host, message, &self.config, self.paths, now);
        let slot = self.senders.insert(message.flow, sender);
        self.timers.arm(now + self.config.timeout, slot);
        self.enqueue(slot);
    }

    fn receive(&mut self, now: Picos, arrival: &Arrival<'_>) {
        match arrival.packet.kind {
            Kind::Data => self.receive_data(arrival.packet),
            Kind::Ack | Kind::Nack | Kind::Pull => self.receive_answer(now, arrival.packet),
            _ => self.counters.stray += 1,
        }
    }

    fn timeout(&mut self, now: Picos) {
        while let Some(slot) = self.timers.due(now) {
            let Some(sender) = self.senders.get(slot) else { continue };
            let (again, fired) = sender.check_timeout(now, &self.config);
            self.counters.timeouts += u64::from(fired);
            self.timers.arm(again, slot);
            self.enqueue(slot);
        }
    }

    fn transmit(&mut self, now: Picos, _: &mut Outlet<'_>) -> Option<Packet> {
        let control = self.answers.pop_front().or_else(|| self.next_pull(now));
        if let Some(mut packet) = control {
            self.counters.control_packets += 1;
            if packet.kind == Kind::Pull {
                packet.sent = now;
            }
            return Some(packet);
        }
        self.next_data(now)
    }

    fn next_timeout(&self) -> Option<Picos> {
        let pull = (!self.pulling.is_empty()).then_some(self.pull_at);
        pull.into_iter().chain(self.timers.next()).min()
    }

    fn take_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn counters(&self) -> Counters {
        self.counters
    }
}
