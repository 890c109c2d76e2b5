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

use crate::endpoint::{Counters, Endpoint, Event, Hop, Message};
use crate::flows::{Flows, Known, Timers};
use crate::packet::{HostId, Kind, Packet};
use receiver::Receiver;
use sender::Sender;
use std::collections::VecDeque;
use trama_base::{Picos, Rate, Rng};

/// How NDP works on a network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// Longest packet on the wire in bytes.
    pub mtu_bytes: u16,
    /// Length of the headers in bytes: of a trimmed packet, and of acknowledgements and pulls.
    pub header_bytes: u16,
    /// Packets that a sender may send before it hears from the receiver: about one
    /// bandwidth-delay product (30 in the paper's evaluation).
    pub initial_window: u32,
    /// Number of equal paths to choose from.
    pub paths: u16,
    /// How paths are taken.
    pub spray: Spray,
    /// Rate of the receiver's link, at which packets are pulled.
    pub link: Rate,
    /// Whether pulls are paced. Off, each arrival is answered by a pull at once: an ablation.
    pub paces_pulls: bool,
    /// After this time without news a packet is sent again: for packets that are lost whole.
    pub timeout: Picos,
    /// Whether paths that trim more than others are avoided.
    pub penalises_paths: bool,
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

impl Default for Config {
    fn default() -> Self {
        Self {
            mtu_bytes: 9000,
            header_bytes: 64,
            initial_window: 30,
            paths: 1,
            spray: Spray::Permute,
            link: Rate::from_gbps(100),
            paces_pulls: true,
            timeout: Picos::from_millis(1),
            penalises_paths: true,
        }
    }
}

/// An NDP endpoint.
#[derive(Debug)]
pub struct Ndp {
    config: Config,
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
    pub fn new(config: Config, host: HostId, seed: u64) -> Self {
        assert!(config.mtu_bytes > config.header_bytes, "a packet has room for payload");
        assert!(config.paths > 0, "there is a path");
        Self {
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
                self.answers.push_back(receiver::answer(packet, &self.config, u64::MAX));
                return;
            }
        };
        let receiver = self.receivers.get(slot).expect("it was just found");
        let is_news = receiver.take(packet);
        self.counters.duplicates += u64::from(!is_news);
        self.answers.push_back(receiver::answer(packet, &self.config, receiver.prefix()));
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
            let Some(packet) = receiver.pull(self.host, &self.config, &mut self.rng) else {
                continue;
            };
            if receiver.owes_more() {
                self.pulling.push_back(slot);
            }
            if self.config.paces_pulls {
                let gap = self.config.link.time_of(u64::from(self.config.mtu_bytes));
                self.pull_at = self.pull_at.max(now.since(gap)) + gap;
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
            let again = packet.flags.has(crate::Flags::RETRANSMISSION);
            self.counters.retransmissions += u64::from(again);
            return Some(packet);
        }
        None
    }
}

impl Endpoint for Ndp {
    fn submit(&mut self, now: Picos, message: Message) {
        let sender = Sender::new(self.host, message, &self.config, now);
        let slot = self.senders.insert(message.flow, sender);
        self.timers.arm(now + self.config.timeout, slot);
        self.enqueue(slot);
    }

    fn receive(&mut self, now: Picos, packet: &Packet, _: &[Hop]) {
        match packet.kind {
            Kind::Data => self.receive_data(packet),
            Kind::Ack | Kind::Nack | Kind::Pull => self.receive_answer(now, packet),
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

    fn transmit(&mut self, now: Picos, _: &mut Vec<Hop>) -> Option<Packet> {
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
