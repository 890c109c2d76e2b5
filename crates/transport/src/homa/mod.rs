//! Homa (Montazeri et al., "Homa: A Receiver-Driven Low-Latency Transport Protocol Using Network
//! Priorities", SIGCOMM 2018).
//!
//! A sender transmits the first bytes of a message at once, as many as fit into a round trip; for
//! the others it waits for grants (section 3.2). Receivers keep a round trip's bytes on their way
//! of each of the few messages with the fewest bytes missing, one for each sender: several,
//! because a sender may have better to do ("overcommitment", 3.5). Each of these messages has a
//! priority of its own, the lowest ones if there are few, so that a shorter one can go before them
//! at once (3.4). Unscheduled packets have priorities by the length of their message, which
//! receivers choose by what they have seen, and tell ([`priorities`]). Senders send the message
//! with the fewest bytes left first. Receivers ask for what does not arrive; a sender that has
//! better to do says BUSY (3.7).
//!
//! Messages go one way here: the parts of Homa that pair a response with its request (a response as
//! an acknowledgement, UNKNOWN, incast control by marks on requests, 3.6 to 3.8) have no place. A
//! message is acknowledged by a packet of its own, and a sender that hears nothing sends its first
//! packet again.

mod priorities;
mod receiver;
mod sender;
#[cfg(test)]
mod tests;

use crate::endpoint::{Arrival, Counters, Endpoint, Event, Message, Outlet};
use crate::fabric::{Balance, Fabric, Queueing};
use crate::flows::{Flows, Known, Timers};
use crate::packet::{Flags, FlowId, HostId, Kind, Packet};
use crate::registry::{self, Transport};
use priorities::{Cutoffs, Traffic};
use receiver::{Look, Receiver};
use sender::Sender;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use trama_base::{Bytes, Picos, parameters};

parameters! {
    /// How Homa works.
    pub struct Config {
        /// Longest packet on the wire.
        mtu: Bytes = Bytes(1500),
        /// Headers of a packet, and length of one without payload.
        header: Bytes = Bytes(60),
        /// Bytes that are sent without a grant, and kept on their way of each granted message: a
        /// bandwidth-delay product if it is not said.
        rtt_bytes: Option<Bytes> = None,
        /// Priorities of the network.
        priorities: u8 = 8,
        /// Priorities for unscheduled packets; if it is not said, as many as the traffic asks for.
        unscheduled_priorities: Option<u8> = None,
        /// Messages that a receiver grants at once; the number of scheduled priorities if it is
        /// not said.
        overcommitment: Option<u32> = None,
        /// After this time without news a receiver asks again, and a sender that has sent all it
        /// may asks whether the receiver knows.
        resend_interval: Picos = Picos::from_millis(2),
        /// What a port of a switch holds.
        port_buffer: Bytes = Bytes(1_000_000),
    }
}

impl Transport for Config {
    fn check(&self) -> Result<(), (&'static str, String)> {
        registry::check_range("header", self.header.0, 20, 256)?;
        registry::check_packet("mtu", self.mtu, self.header_bytes())?;
        registry::check_range("priorities", self.priorities, 1, 8)?;
        if let Some(levels) = self.unscheduled_priorities {
            registry::check_range("unscheduled_priorities", levels, 1, self.priorities)?;
        }
        registry::check_range("overcommitment", self.overcommitment.unwrap_or(1), 1, 64)?;
        registry::check_range("port_buffer", self.port_buffer.0, 10_000, u32::MAX.into())?;
        if self.resend_interval == Picos::ZERO {
            return Err(("resend_interval", "a timeout is longer than nothing".into()));
        }
        Ok(())
    }

    fn packet_bytes(&self) -> u16 {
        self.mtu.0 as u16
    }

    fn header_bytes(&self) -> u16 {
        self.header.0 as u16
    }

    fn queueing(&self, _: &Fabric) -> Queueing {
        Queueing::priorities(self.priorities, self.port_buffer.0 as u32)
    }

    fn balance(&self) -> Balance {
        Balance::Spray
    }

    fn endpoint(&self, fabric: &Fabric, host: HostId, _: u64) -> Box<dyn Endpoint> {
        Box::new(Homa::new(self, fabric, host))
    }
}

/// What senders and receivers go by.
#[derive(Clone, Debug)]
struct Rules {
    header_bytes: u16,
    payload_bytes: u64,
    rtt_bytes: u64,
    priorities: u8,
    unscheduled: Option<u8>,
    overcommitment: Option<u32>,
    resend_interval: Picos,
}

impl Rules {
    fn lowest(&self) -> u8 {
        self.priorities - 1
    }

    fn first_cutoffs(&self) -> Cutoffs {
        Cutoffs::initial(self.unscheduled.map_or(self.priorities, |it| 2 * it), self.rtt_bytes)
    }
}

/// A Homa endpoint.
#[derive(Debug)]
pub struct Homa {
    rules: Rules,
    host: HostId,
    hosts: u32,
    senders: Flows<Sender>,
    receivers: Flows<Receiver>,
    /// Messages with something to send, by what remains.
    ready: BTreeSet<(u64, u32)>,
    /// Messages that need grants, by what is missing.
    grantable: BTreeSet<(u64, u32)>,
    /// What other hosts want messages of a length to have as priority.
    wishes: BTreeMap<HostId, Cutoffs>,
    traffic: Traffic,
    /// What this host wants.
    cutoffs: Cutoffs,
    /// Packets without payload that wait for the interface.
    control: VecDeque<Packet>,
    sender_timers: Timers,
    receiver_timers: Timers,
    events: VecDeque<Event>,
    counters: Counters,
}

impl Homa {
    /// The endpoint of a host.
    pub fn new(config: &Config, fabric: &Fabric, host: HostId) -> Self {
        let rules = Rules {
            header_bytes: config.header.0 as u16,
            payload_bytes: config.mtu.0 - config.header.0,
            rtt_bytes: config.rtt_bytes.map_or(fabric.bandwidth_delay_bytes(), |it| it.0),
            priorities: config.priorities,
            unscheduled: config.unscheduled_priorities,
            overcommitment: config.overcommitment,
            resend_interval: config.resend_interval.max(Picos(4 * fabric.base_rtt.0)),
        };
        Self {
            cutoffs: rules.first_cutoffs(),
            rules,
            host,
            hosts: fabric.hosts,
            senders: Flows::new(),
            receivers: Flows::new(),
            ready: BTreeSet::new(),
            grantable: BTreeSet::new(),
            wishes: BTreeMap::new(),
            traffic: Traffic::new(),
            control: VecDeque::new(),
            sender_timers: Timers::default(),
            receiver_timers: Timers::default(),
            events: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// A packet without payload about a message.
    fn note(&self, kind: Kind, flow: FlowId, destination: HostId) -> Packet {
        let wire_bytes = self.rules.header_bytes;
        Packet { flow, source: self.host, destination, wire_bytes, kind, ..Packet::default() }
    }

    fn receive_data(&mut self, now: Picos, packet: &Packet) {
        let slot = match self.receivers.find(packet.flow) {
            Known::Slot(slot) => slot,
            Known::New => self.begin(now, packet),
            Known::Ended => {
                // The acknowledgement was lost, or a packet was sent again too early.
                self.counters.duplicates += 1;
                self.acknowledge(packet);
                return;
            }
        };
        let receiver = self.receivers.get(slot).expect("it was just found");
        let is_news = receiver.take(now, packet);
        self.counters.duplicates += u64::from(!is_news);
        if receiver.is_complete() {
            let bytes = receiver.bytes;
            self.unrank_receiver(slot);
            self.receivers.end(packet.flow);
            let (flow, source) = (packet.flow, packet.source);
            self.events.push_back(Event::Received { flow, source, bytes });
            self.acknowledge(packet);
        } else {
            self.rank_receiver(slot);
        }
        self.grant();
    }

    /// The first packet of a message.
    fn begin(&mut self, now: Picos, packet: &Packet) -> u32 {
        let slot = self.receivers.insert(packet.flow, Receiver::new(packet, &self.rules, now));
        self.arm_receiver(now, slot);
        let bytes = packet.extent.max(1);
        let unscheduled = bytes.min(self.rules.rtt_bytes);
        let levels = self.rules.priorities;
        if let Some(cutoffs) = self.traffic.see(bytes, unscheduled, levels, self.rules.unscheduled)
        {
            self.cutoffs = cutoffs;
        }
        if packet.path != self.cutoffs.version {
            let (sequence, extent, detail) = self.cutoffs.pack();
            let note = self.note(Kind::Cutoffs, packet.flow, packet.source);
            let path = self.cutoffs.version;
            self.control.push_back(Packet { path, sequence, extent, detail, ..note });
        }
        slot
    }

    fn acknowledge(&mut self, packet: &Packet) {
        let note = self.note(Kind::Ack, packet.flow, packet.source);
        self.control.push_back(Packet { extent: packet.extent, sent: packet.sent, ..note });
    }

    /// Grants the messages with the fewest bytes missing, one for each sender.
    fn grant(&mut self) {
        let first_scheduled = self.cutoffs.levels().min(self.rules.lowest());
        let scheduled = u32::from(self.rules.priorities - first_scheduled);
        let most = self.rules.overcommitment.unwrap_or(scheduled) as usize;
        let mut chosen: Vec<(HostId, u32)> = Vec::with_capacity(most);
        for &(_, slot) in &self.grantable {
            let Some(receiver) = self.receivers.get(slot) else { continue };
            if chosen.iter().all(|&(source, _)| source != receiver.source) {
                chosen.push((receiver.source, slot));
            }
            if chosen.len() == most {
                break;
            }
        }
        let mut has_room = false;
        for (above, &(_, slot)) in chosen.iter().rev().enumerate() {
            // The last one has the lowest priority, the ones before it the next higher ones.
            let level = self.rules.lowest().saturating_sub(above as u8).max(first_scheduled);
            has_room |= self.grant_one(slot, level);
        }
        if has_room {
            self.grant();
        }
    }

    /// Grants a message what it may have; whether it needs no more after that.
    fn grant_one(&mut self, slot: u32, level: u8) -> bool {
        let Some(receiver) = self.receivers.get(slot) else { return false };
        let Some(extent) = receiver.grant(level, &self.rules) else { return false };
        let (flow, source, is_done) = (receiver.flow, receiver.source, !receiver.needs_grants());
        let note = self.note(Kind::Grant, flow, source);
        self.control.push_back(Packet { extent, detail: level.into(), ..note });
        if is_done {
            self.unrank_receiver(slot);
        }
        is_done
    }

    /// Takes what a receiver tells a sender here.
    fn receive_note(&mut self, now: Picos, packet: &Packet) {
        let Known::Slot(slot) = self.senders.find(packet.flow) else {
            self.counters.stray += u64::from(matches!(self.senders.find(packet.flow), Known::New));
            return;
        };
        let sender = self.senders.get(slot).expect("it was just found");
        let level = packet.detail.min(self.rules.lowest().into()) as u8;
        match packet.kind {
            Kind::Ack => {
                self.unrank_sender(slot);
                self.senders.end(packet.flow);
                self.events.push_back(Event::Acknowledged(packet.flow));
                return;
            }
            Kind::Grant => sender.grant(now, packet.extent, level),
            _ => sender.resend(now, packet.sequence, packet.extent, level),
        }
        self.rank_sender(slot);
        let is_first = self.ready.first().is_none_or(|&(_, first)| first == slot);
        if packet.kind == Kind::Resend && !is_first {
            self.control.push_back(self.note(Kind::Busy, packet.flow, packet.source));
        }
    }

    fn receive_cutoffs(&mut self, packet: &Packet) {
        let words = [packet.sequence, packet.extent];
        let cutoffs = Cutoffs::unpack(packet.path, words, packet.detail, self.rules.priorities);
        match cutoffs {
            Some(cutoffs) if packet.source.0 < self.hosts => {
                self.wishes.insert(packet.source, cutoffs);
            }
            _ => self.counters.stray += 1,
        }
    }

    fn receive_busy(&mut self, now: Picos, packet: &Packet) {
        if let Known::Slot(slot) = self.receivers.find(packet.flow)
            && let Some(receiver) = self.receivers.get(slot)
        {
            receiver.hear(now);
        }
    }

    /// Puts a sender where it belongs in the order.
    fn rank_sender(&mut self, slot: u32) {
        let Some(sender) = self.senders.get(slot) else { return };
        let rank = sender.has_data().then(|| sender.remaining());
        let before = std::mem::replace(&mut sender.rank, rank);
        if before != rank {
            before.map(|it| self.ready.remove(&(it, slot)));
            rank.map(|it| self.ready.insert((it, slot)));
        }
    }

    fn unrank_sender(&mut self, slot: u32) {
        let rank = self.senders.get(slot).and_then(|it| it.rank.take());
        rank.map(|it| self.ready.remove(&(it, slot)));
    }

    fn rank_receiver(&mut self, slot: u32) {
        let Some(receiver) = self.receivers.get(slot) else { return };
        let rank = receiver.needs_grants().then(|| receiver.remaining());
        let before = std::mem::replace(&mut receiver.rank, rank);
        if before != rank {
            before.map(|it| self.grantable.remove(&(it, slot)));
            rank.map(|it| self.grantable.insert((it, slot)));
        }
    }

    fn unrank_receiver(&mut self, slot: u32) {
        let rank = self.receivers.get(slot).and_then(|it| it.rank.take());
        rank.map(|it| self.grantable.remove(&(it, slot)));
    }

    fn arm_receiver(&mut self, now: Picos, slot: u32) {
        if let Some(receiver) = self.receivers.get(slot) {
            receiver.check_at = now + self.rules.resend_interval;
            self.receiver_timers.arm(receiver.check_at, slot);
        }
    }

    fn check_receivers(&mut self, now: Picos) {
        while let Some(slot) = self.receiver_timers.due(now) {
            let Some(receiver) = self.receivers.get(slot) else { continue };
            if receiver.check_at > now {
                // The timer of a message that was in this slot before.
                continue;
            }
            let (flow, source, level) = (receiver.flow, receiver.source, receiver.level);
            match receiver.check(now, &self.rules) {
                Look::Wait => {}
                Look::Ask(gaps) => {
                    self.counters.timeouts += 1;
                    let note = self.note(Kind::Resend, flow, source);
                    let ask = |(sequence, extent)| Packet {
                        sequence,
                        extent,
                        detail: level.into(),
                        ..note
                    };
                    self.control.extend(gaps.into_iter().map(ask));
                }
                Look::Forget => {
                    self.unrank_receiver(slot);
                    self.receivers.forget(flow);
                    self.grant();
                    continue;
                }
            }
            self.arm_receiver(now, slot);
        }
    }

    fn check_senders(&mut self, now: Picos) {
        while let Some(slot) = self.sender_timers.due(now) {
            let Some(sender) = self.senders.get(slot) else { continue };
            if sender.check_at > now {
                continue;
            }
            self.counters.timeouts += u64::from(sender.check(now, &self.rules));
            self.sender_timers.arm(sender.check_at, slot);
            self.rank_sender(slot);
        }
    }

    fn next_data(&mut self, now: Picos, outlet: &Outlet<'_>) -> Option<Packet> {
        let senders = &mut self.senders;
        let mut may_go = |slot| senders.get(slot).is_some_and(|it| outlet.takes(it.level()));
        let slot = self.ready.iter().map(|&(_, slot)| slot).find(|&slot| may_go(slot))?;
        let sender = self.senders.get(slot)?;
        let mut packet = sender.send(now, &self.rules)?;
        packet.path = self.wishes.get(&packet.destination).map_or(0, |it| it.version);
        self.rank_sender(slot);
        self.counters.data_packets += 1;
        let is_again = packet.flags.has(Flags::RETRANSMISSION);
        self.counters.retransmissions += u64::from(is_again);
        Some(packet)
    }
}

impl Endpoint for Homa {
    fn submit(&mut self, now: Picos, message: Message) {
        let bytes = message.bytes.max(1);
        let level = match self.wishes.get(&message.destination) {
            Some(cutoffs) => cutoffs.level(bytes),
            None => self.rules.first_cutoffs().level(bytes),
        };
        let mut sender = Sender::new(self.host, message, level, &self.rules, now);
        sender.check_at = now + self.rules.resend_interval;
        let check_at = sender.check_at;
        let slot = self.senders.insert(message.flow, sender);
        self.sender_timers.arm(check_at, slot);
        self.rank_sender(slot);
    }

    fn receive(&mut self, now: Picos, arrival: &Arrival<'_>) {
        let packet = arrival.packet;
        match packet.kind {
            Kind::Data => self.receive_data(now, packet),
            Kind::Ack | Kind::Grant | Kind::Resend => self.receive_note(now, packet),
            Kind::Busy => self.receive_busy(now, packet),
            Kind::Cutoffs => self.receive_cutoffs(packet),
            _ => self.counters.stray += 1,
        }
    }

    fn timeout(&mut self, now: Picos) {
        self.check_receivers(now);
        self.check_senders(now);
    }

    fn transmit(&mut self, now: Picos, outlet: &mut Outlet<'_>) -> Option<Packet> {
        if outlet.takes(0)
            && let Some(packet) = self.control.pop_front()
        {
            self.counters.control_packets += 1;
            return Some(packet);
        }
        self.next_data(now, outlet)
    }

    fn next_timeout(&self) -> Option<Picos> {
        [self.sender_timers.next(), self.receiver_timers.next()].into_iter().flatten().min()
    }

    fn take_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn counters(&self) -> Counters {
        self.counters
    }
}
