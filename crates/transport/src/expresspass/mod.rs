//! ExpressPass (Cho, Jang and Han, "Credit-Scheduled Delay-Bounded Congestion Control for
//! Datacenters", SIGCOMM 2017), and Aeolus upon it (Hu et al., "Aeolus: A Building Block for
//! Proactive Transport in Datacenters", SIGCOMM 2020).
//!
//! A sender asks for credits, and sends one packet for each that comes. All ports, those of hosts
//! too, hold credits to the share of their link that the data which they bring leaves on the way
//! back ([`Credits`]), and drop those for which there is no room: so data never exceeds a link
//! (ExpressPass, section 3.1). Credits and data must take the same way, so switches choose among
//! equal ports by a hash that is the same both ways. Data tells which credit has brought it, so a
//! receiver sees how many were dropped, and changes the rate of its credits once for each round
//! trip by that loss ([`receiver`], 3.3). Credits differ in length by some bytes, and in distance,
//! so that none loses always (3.2).
//!
//! With Aeolus the first bandwidth-delay product is sent at once, and a probe behind it. Switches
//! drop such unscheduled packets above a small threshold of their one queue, never those that
//! credits have brought (Aeolus, 3.2). The receiver answers a probe with what is missing, and
//! that goes first when credits come (3.3).
//!
//! The probe is also CREDIT_STOP: it says up to which byte was sent, and what is missing of that
//! is answered, so that a packet that was lost after all is sent again. One simplification is
//! stated: unscheduled packets are not acknowledged one by one, as the answer to the probe says
//! the same.

mod receiver;
mod sender;
#[cfg(test)]
mod tests;

use crate::endpoint::{Arrival, Counters, Endpoint, Event, Message, Outlet};
use crate::fabric::{Balance, Credits, Fabric, Queueing};
use crate::flows::{Flows, Known, Timers};
use crate::packet::{Flags, FlowId, HostId, Kind, Packet};
use crate::registry::{self, Transport};
use receiver::Receiver;
use sender::{Credit, Sender};
use std::collections::VecDeque;
use trama_base::{Bytes, Picos, Rng, parameters};

parameters! {
    /// How ExpressPass works.
    pub struct Config {
        /// Longest packet, with what Ethernet puts around it.
        mtu: Bytes = Bytes(1538),
        /// Headers of it.
        header: Bytes = Bytes(78),
        /// Mean length of a credit, and length of other packets without payload.
        credit: Bytes = Bytes(84),
        /// Most by which the length of a credit differs from the mean.
        credit_spread: Bytes = Bytes(8),
        /// Most by which the distance of credits differs from the mean, as a share of it.
        jitter: f64 = 0.1,
        /// Rate of credits at first, as a share of what the link bears.
        rate_initial: f64 = 0.5,
        /// How far the rate goes towards the link's in a round trip, at first (w of the paper).
        eagerness_initial: f64 = 0.0625,
        /// The least that it falls to.
        eagerness_min: f64 = 0.01,
        /// Share of credits that may be lost; less as the rate comes near to the link's.
        target_loss: f64 = 0.125,
        /// Credits that a port holds.
        credit_queue: u32 = 8,
        /// Credits that a port sends at once after a pause.
        credit_burst: u32 = 2,
        /// Data packets that a port holds.
        data_queue: u32 = 250,
        /// Credits stop after this time without a word from the sender.
        patience: Picos = Picos::from_millis(2),
        /// A sender that hears nothing for so long asks again.
        timeout: Picos = Picos::from_millis(10),
        /// Whether ports of switches hold credits to their share; if not, an ablation.
        shapes: bool = true,
        /// Whether a bandwidth-delay product is sent before credits come (Aeolus).
        sends_first: bool = false,
        /// With that, the queue above which switches drop packets that no credit has brought.
        drop_above: Bytes = Bytes(6_000),
    }
}

impl Config {
    /// With Aeolus.
    pub fn aeolus() -> Self {
        Self { sends_first: true, ..Self::default() }
    }

    /// The share of a link that credits may take: data and credits together fill it.
    fn share(&self) -> f64 {
        self.credit.0 as f64 / (self.credit.0 + self.mtu.0) as f64
    }
}

impl Transport for Config {
    fn check(&self) -> Result<(), (&'static str, String)> {
        registry::check_range("header", self.header.0, 20, 256)?;
        registry::check_packet("mtu", self.mtu, self.header_bytes())?;
        registry::check_range("credit", self.credit.0, 40, 1000)?;
        registry::check_range("credit_spread", self.credit_spread.0, 0, self.credit.0 / 2)?;
        registry::check_range("jitter", self.jitter, 0.0, 0.9)?;
        registry::check_range("rate_initial", self.rate_initial, 0.001, 1.0)?;
        registry::check_range("eagerness_initial", self.eagerness_initial, 0.001, 0.5)?;
        registry::check_range("eagerness_min", self.eagerness_min, 0.001, 0.5)?;
        registry::check_range("target_loss", self.target_loss, 0.0, 1.0)?;
        registry::check_range("credit_queue", self.credit_queue, 1, 1 << 15)?;
        registry::check_range("credit_burst", self.credit_burst, 1, 1 << 15)?;
        registry::check_range("data_queue", self.data_queue, 1, 1 << 15)?;
        if self.timeout == Picos::ZERO {
            return Err(("timeout", "a timeout is longer than nothing".into()));
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
        let credits = self.credit_queue * self.credit.0 as u32;
        let mut queueing = Queueing::priorities(2, self.data_queue * self.mtu.0 as u32 + credits);
        queueing.credits = self.shapes.then(|| Credits {
            share: self.share(),
            packets: self.credit_queue,
            burst: self.credit_burst,
        });
        queueing.drop_unscheduled_above_bytes =
            self.sends_first.then_some(self.drop_above.0.min(u32::MAX.into()) as u32);
        queueing
    }

    fn balance(&self) -> Balance {
        Balance::Flow
    }

    fn needs_way_back(&self) -> bool {
        true
    }

    fn endpoint(&self, fabric: &Fabric, host: HostId, seed: u64) -> Box<dyn Endpoint> {
        Box::new(ExpressPass::new(self, fabric, host, seed))
    }
}

/// What senders and receivers go by.
#[derive(Clone, Debug)]
struct Rules {
    config: Config,
    payload_bytes: u64,
    header_bytes: u16,
    credit_bytes: u16,
    /// Bytes that a sender sends without credits.
    first_bytes: u64,
    /// Time between credits at the rate of the link.
    credit_gap: Picos,
    base_rtt: Picos,
    /// One credit in a round trip, as a share of the link's rate of credits.
    share_min: f64,
    patience: Picos,
    timeout: Picos,
}

impl Rules {
    fn new(config: &Config, fabric: &Fabric) -> Self {
        let credit_gap = fabric.link.time_of(config.mtu.0 + config.credit.0);
        let share_min = credit_gap.0 as f64 / fabric.base_rtt.0.max(1) as f64;
        Self {
            payload_bytes: config.mtu.0 - config.header.0,
            header_bytes: config.header.0 as u16,
            credit_bytes: config.credit.0 as u16,
            first_bytes: if config.sends_first { fabric.bandwidth_delay_bytes() } else { 0 },
            credit_gap,
            base_rtt: fabric.base_rtt,
            share_min: share_min.min(1.0),
            patience: config.patience.max(Picos(10 * fabric.base_rtt.0)),
            timeout: config.timeout.max(Picos(10 * fabric.base_rtt.0)),
            config: config.clone(),
        }
    }
}

/// An ExpressPass endpoint.
#[derive(Debug)]
pub struct ExpressPass {
    rules: Rules,
    host: HostId,
    rng: Rng,
    senders: Flows<Sender>,
    receivers: Flows<Receiver>,
    /// Requests, probes and answers that wait for the interface.
    control: VecDeque<Packet>,
    /// Credits that have come, in their order.
    earned: VecDeque<(FlowId, Credit)>,
    /// Senders with something that needs no credit, in turn.
    free: VecDeque<u32>,
    /// Credits that wait to be sent.
    credits: VecDeque<Packet>,
    /// When the next credit may be sent if there was no burst.
    credit_at: Picos,
    pacing: Timers,
    timers: Timers,
    events: VecDeque<Event>,
    counters: Counters,
}

impl ExpressPass {
    /// The endpoint of a host; `seed` fixes lengths and distances of its credits.
    pub fn new(config: &Config, fabric: &Fabric, host: HostId, seed: u64) -> Self {
        Self {
            rules: Rules::new(config, fabric),
            host,
            rng: Rng::stream(seed ^ u64::from(host.0) << 32, "credits"),
            senders: Flows::new(),
            receivers: Flows::new(),
            control: VecDeque::new(),
            earned: VecDeque::new(),
            free: VecDeque::new(),
            credits: VecDeque::new(),
            credit_at: Picos::ZERO,
            pacing: Timers::default(),
            timers: Timers::default(),
            events: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// What a receiver here says of a message, to whoever sent `packet`.
    fn answer(&self, kind: Kind, packet: &Packet) -> Packet {
        Packet {
            flow: packet.flow,
            source: self.host,
            destination: packet.source,
            wire_bytes: self.rules.credit_bytes,
            kind,
            priority: 1,
            extent: packet.extent,
            sent: packet.sent,
            ..Packet::default()
        }
    }

    /// Takes what a sender says: a request, data or a probe.
    fn receive_from_sender(&mut self, now: Picos, packet: &Packet) {
        let slot = match self.receivers.find(packet.flow) {
            Known::Slot(slot) => slot,
            Known::New => {
                let receiver = Receiver::new(packet, &self.rules, now);
                self.receivers.insert(packet.flow, receiver)
            }
            Known::Ended => {
                self.counters.duplicates += u64::from(packet.kind == Kind::Data);
                self.control.push_back(self.answer(Kind::Ack, packet));
                return;
            }
        };
        let receiver = self.receivers.get(slot).expect("it was just found");
        receiver.hear(now);
        match packet.kind {
            Kind::Data => {
                self.counters.duplicates += u64::from(!receiver.take(packet));
                if !packet.flags.has(Flags::UNSCHEDULED) {
                    let rtt = now.since(packet.sent);
                    receiver.pace.learn(now, packet.detail, rtt, &self.rules);
                }
            }
            Kind::Probe => {
                let gaps = receiver.gaps(packet.sequence);
                let answer = self.answer(Kind::Nack, packet);
                let nack = |(sequence, extent)| Packet { sequence, extent, ..answer };
                self.control.extend(gaps.into_iter().map(nack));
            }
            _ => {}
        }
        self.go_on(now, slot, packet);
    }

    /// Ends a message that is complete; otherwise sees that it gets credits.
    fn go_on(&mut self, now: Picos, slot: u32, packet: &Packet) {
        let receiver = self.receivers.get(slot).expect("it was just found");
        if receiver.is_complete() {
            let (flow, source, bytes) = (receiver.flow, receiver.source, receiver.bytes);
            self.receivers.end(flow);
            self.events.push_back(Event::Received { flow, source, bytes });
            self.control.push_back(self.answer(Kind::Ack, packet));
        } else if receiver.credit_at == Picos::MAX {
            receiver.credit_at = now;
            self.pacing.arm(now, slot);
            self.make_credits(now);
        }
    }

    /// Makes the credits that are due; those that find no room at the interface are lost.
    fn make_credits(&mut self, now: Picos) {
        while let Some(slot) = self.pacing.due(now) {
            let Some(receiver) = self.receivers.get(slot) else { continue };
            if receiver.credit_at > now {
                // The timer of a message that was in this slot before.
                continue;
            }
            let (flow, destination) = (receiver.flow, receiver.source);
            let Some(sequence) = receiver.credit(now, &self.rules, &mut self.rng) else { continue };
            self.pacing.arm(receiver.credit_at, slot);
            if self.credits.len() < self.rules.config.credit_queue as usize {
                let spread = self.rules.config.credit_spread.0;
                let more = self.rng.below(2 * spread + 1);
                let wire_bytes = self.rules.credit_bytes - spread as u16 + more as u16;
                let kind = Kind::Credit;
                let source = self.host;
                let credit = Packet { flow, source, destination, ..Packet::default() };
                self.credits.push_back(Packet { wire_bytes, kind, sequence, ..credit });
            }
        }
    }

    /// When the first credit that waits may be sent: ports of hosts hold credits as switches do.
    fn credit_allowed_at(&self) -> Option<Picos> {
        let gap = self.rules.credit_gap.0;
        let burst = u64::from(self.rules.config.credit_burst - 1);
        (!self.credits.is_empty()).then(|| self.credit_at.since(Picos(gap * burst)))
    }

    fn next_credit(&mut self, now: Picos) -> Option<Packet> {
        if self.credit_allowed_at()? > now {
            return None;
        }
        let credit = self.credits.pop_front()?;
        self.credit_at = self.credit_at.max(now) + self.rules.credit_gap;
        Some(Packet { sent: now, ..credit })
    }

    /// Takes what a receiver says of a message that is sent here.
    fn receive_from_receiver(&mut self, now: Picos, packet: &Packet) {
        let Known::Slot(slot) = self.senders.find(packet.flow) else {
            self.counters.stray += u64::from(matches!(self.senders.find(packet.flow), Known::New));
            return;
        };
        let sender = self.senders.get(slot).expect("it was just found");
        // Credits for what was all sent are no news: something may be missing there.
        if packet.kind != Kind::Credit || !sender.is_sent() {
            sender.hear(now);
        }
        match packet.kind {
            Kind::Credit => {
                let credit = Credit { number: packet.sequence, sent: packet.sent };
                self.earned.push_back((packet.flow, credit));
            }
            Kind::Nack => sender.lose(packet.sequence, packet.extent),
            _ => {
                self.senders.end(packet.flow);
                self.events.push_back(Event::Acknowledged(packet.flow));
            }
        }
    }

    /// The next packet for which there is a credit. A credit for a message that has nothing to
    /// send is wasted.
    fn next_scheduled(&mut self) -> Option<Packet> {
        while let Some((flow, credit)) = self.earned.pop_front() {
            let Known::Slot(slot) = self.senders.find(flow) else { continue };
            let Some(sender) = self.senders.get(slot) else { continue };
            let Some(packet) = sender.send(credit, &self.rules) else { continue };
            if sender.is_sent() {
                self.control.push_back(sender.note(Kind::Probe, &self.rules));
            }
            return Some(packet);
        }
        None
    }

    /// The next packet that needs no credit; behind the last one goes a probe.
    fn next_free(&mut self, now: Picos) -> Option<Packet> {
        while let Some(slot) = self.free.pop_front() {
            let Some(sender) = self.senders.get(slot) else { continue };
            let Some(packet) = sender.send_free(now, &self.rules) else { continue };
            if sender.has_free() {
                self.free.push_back(slot);
            } else {
                self.control.push_back(sender.note(Kind::Probe, &self.rules));
            }
            return Some(packet);
        }
        None
    }
}

impl Endpoint for ExpressPass {
    fn submit(&mut self, now: Picos, message: Message) {
        let mut sender = Sender::new(self.host, message, &self.rules, now);
        sender.check_at = now + self.rules.timeout;
        self.control.push_back(sender.note(Kind::Request, &self.rules));
        let (check_at, has_free) = (sender.check_at, sender.has_free());
        let slot = self.senders.insert(message.flow, sender);
        self.timers.arm(check_at, slot);
        if has_free {
            self.free.push_back(slot);
        }
    }

    fn receive(&mut self, now: Picos, arrival: &Arrival<'_>) {
        let packet = arrival.packet;
        match packet.kind {
            Kind::Data | Kind::Request | Kind::Probe => self.receive_from_sender(now, packet),
            Kind::Credit | Kind::Nack | Kind::Ack => self.receive_from_receiver(now, packet),
            _ => self.counters.stray += 1,
        }
    }

    fn timeout(&mut self, now: Picos) {
        self.make_credits(now);
        while let Some(slot) = self.timers.due(now) {
            let Some(sender) = self.senders.get(slot) else { continue };
            if sender.check_at > now {
                continue;
            }
            let note = sender.check(now, &self.rules);
            self.timers.arm(sender.check_at, slot);
            self.counters.timeouts += u64::from(note.is_some());
            self.control.extend(note);
        }
    }

    fn transmit(&mut self, now: Picos, outlet: &mut Outlet<'_>) -> Option<Packet> {
        let credit = if outlet.takes(0) { self.next_credit(now) } else { None };
        let is_open = outlet.takes(1);
        let mut control = credit;
        if control.is_none() && is_open {
            control = self.control.pop_front();
        }
        if control.is_some() || !is_open {
            self.counters.control_packets += u64::from(control.is_some());
            return control;
        }
        let packet = self.next_scheduled().or_else(|| self.next_free(now))?;
        self.counters.data_packets += 1;
        let is_again = packet.flags.has(Flags::RETRANSMISSION);
        self.counters.retransmissions += u64::from(is_again);
        Some(packet)
    }

    fn next_timeout(&self) -> Option<Picos> {
        let times = [self.pacing.next(), self.timers.next(), self.credit_allowed_at()];
        times.into_iter().flatten().min()
    }

    fn take_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn counters(&self) -> Counters {
        self.counters
    }
}
