//! R2P2 (Kogias, Prekas, Ghosn, Fietz and Bugnion, "R2P2: Making RPCs First-Class Datacenter
//! Citizens", USENIX ATC 2019).
//!
//! A request goes to a router, which chooses a server for it; the server answers the client
//! directly, and tells the router when it has ended (FEEDBACK). Of a request of several packets
//! only the first goes through the router; the server says that it is ready (REQREADY), and the
//! client sends it the rest (section 3). The router balances requests, not connections: with
//! JBSQ(n) a server has n of them at most, and the others wait at the router for the first server
//! that has room (section 4.2). For comparison it chooses by chance, in turn, or the server with
//! the fewest.
//!
//! Host 0 is the router, the next ones are servers, the others are clients. Messages to host 0 are
//! routed; others go to the host that they are for, which serves them too. A message is a request;
//! it has arrived when its client has the answer. Servers work on one request at a time, for a
//! time that depends on the request and the seed alone, so that policies can be compared.
//!
//! The paper leaves it to applications to try again; here a client does after a timeout. A router
//! sends what is under way to the same server again, which knows it, and a server that has ended a
//! request answers again, so a request is worked on twice only if the router has forgotten it.

mod client;
mod router;
mod server;
#[cfg(test)]
mod tests;

use crate::endpoint::{Arrival, Counters, Endpoint, Event, Message, Outlet};
use crate::fabric::{Balance, Fabric, Queueing};
use crate::flows::{Flows, Known, Timers};
use crate::packet::{Flags, FlowId, HostId, Kind, Packet};
use crate::registry::{self, Transport};
use client::Call;
use router::{Router, Verdict};
use server::{Request, Workers};
use std::collections::VecDeque;
use trama_base::{Bytes, Picos, Rng, choices, parameters};

/// The host that routes.
const ROUTER: HostId = HostId(0);

parameters! {
    /// How R2P2 works.
    pub struct Config {
        /// Longest packet on the wire.
        mtu: Bytes = Bytes(1500),
        /// Headers of a packet, and length of one without payload: Ethernet, IP, UDP and 16 B.
        header: Bytes = Bytes(58),
        /// Servers: the hosts behind host 0, which is the router. Fewer if there are not so many.
        servers: u32 = 16,
        /// How the router chooses a server.
        policy: Policy = Policy::Jbsq,
        /// Requests that a server has at most, with JBSQ.
        bound: u32 = 3,
        /// Requests that wait at the router at most; what is beyond is refused.
        queue: u32 = 100_000,
        /// Mean time that a server takes for a request.
        service: Picos = Picos::from_micros(10),
        /// How the times are distributed.
        distribution: Distribution = Distribution::Exponential,
        /// Length of an answer.
        response: Bytes = Bytes(64),
        /// A client that hears nothing for so long tries again.
        timeout: Picos = Picos::from_millis(20),
    }
}

/// How the router chooses a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// By chance.
    Random,
    /// In turn.
    RoundRobin,
    /// The one with the fewest requests.
    Jsq,
    /// The same, but requests wait at the router when all have as many as they may.
    Jbsq,
}

choices!(Policy { Random = "random", RoundRobin = "round-robin", Jsq = "jsq", Jbsq = "jbsq" });

/// How times of service are distributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distribution {
    /// All alike.
    Fixed,
    /// Exponentially.
    Exponential,
    /// Nine of ten take half of the mean, the tenth 5.5 times the mean.
    Bimodal,
}

choices!(Distribution { Fixed = "fixed", Exponential = "exponential", Bimodal = "bimodal" });

impl Config {
    /// How long a server takes for a request.
    pub fn service_time(&self, seed: u64, flow: FlowId) -> Picos {
        let chance = Rng::stream(seed ^ u64::from(flow.0) << 32, "service").unit();
        self.service.scaled(match self.distribution {
            Distribution::Fixed => 1.0,
            Distribution::Exponential => -(1.0 - chance).ln(),
            Distribution::Bimodal if chance < 0.9 => 0.5,
            Distribution::Bimodal => 5.5,
        })
    }
}

impl Transport for Config {
    fn check(&self) -> Result<(), (&'static str, String)> {
        registry::check_range("header", self.header.0, 20, 256)?;
        registry::check_packet("mtu", self.mtu, self.header_bytes())?;
        registry::check_range("servers", self.servers, 1, 1 << 20)?;
        registry::check_range("bound", self.bound, 1, 1 << 20)?;
        registry::check_range("queue", self.queue, 0, 1 << 24)?;
        registry::check_range("response", self.response.0, 1, 1 << 30)?;
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
        Queueing::drop_tail(250 * self.mtu.0 as u32)
    }

    fn balance(&self) -> Balance {
        Balance::Flow
    }

    fn endpoint(&self, fabric: &Fabric, host: HostId, seed: u64) -> Box<dyn Endpoint> {
        Box::new(R2p2::new(self, fabric, host, seed))
    }
}

/// What clients and servers go by.
#[derive(Clone, Debug)]
struct Rules {
    config: Config,
    payload_bytes: u64,
    header_bytes: u16,
    timeout: Picos,
    seed: u64,
}

/// Whether a packet of a request goes through the router.
fn is_routed(packet: &Packet) -> bool {
    packet.detail == 1
}

/// An answer that is being sent: to whom, and its first byte not sent yet.
#[derive(Clone, Copy, Debug)]
struct Response {
    flow: FlowId,
    client: HostId,
    next: u64,
}

/// An R2P2 endpoint: a router, a server and a client.
#[derive(Debug)]
pub struct R2p2 {
    rules: Rules,
    host: HostId,
    router: Option<Router>,
    calls: Flows<Call>,
    requests: Flows<Request>,
    workers: Workers,
    /// Packets without payload, and those that the router passes on.
    control: VecDeque<Packet>,
    responses: VecDeque<Response>,
    /// Calls with something to send, in turn.
    ready: VecDeque<u32>,
    timers: Timers,
    events: VecDeque<Event>,
    counters: Counters,
    passed: Vec<Packet>,
}

impl R2p2 {
    /// The endpoint of a host; `seed` fixes times of service, and the router's choices by chance.
    pub fn new(config: &Config, fabric: &Fabric, host: HostId, seed: u64) -> Self {
        let timeout = config.timeout.max(Picos(10 * fabric.base_rtt.0));
        let router = (host == ROUTER).then(|| {
            let servers = config.servers.min(fabric.hosts.saturating_sub(1)).max(1);
            let rng = Rng::stream(seed, "router");
            let router = Router::new(config.policy, config.bound, config.queue, servers, rng);
            router.forget_after(Picos(10 * timeout.0))
        });
        Self {
            rules: Rules {
                payload_bytes: config.mtu.0 - config.header.0,
                header_bytes: config.header.0 as u16,
                config: config.clone(),
                timeout,
                seed,
            },
            host,
            router,
            calls: Flows::new(),
            requests: Flows::new(),
            workers: Workers::default(),
            control: VecDeque::new(),
            responses: VecDeque::new(),
            ready: VecDeque::new(),
            timers: Timers::default(),
            events: VecDeque::new(),
            counters: Counters::default(),
            passed: Vec::new(),
        }
    }

    fn note(&self, kind: Kind, flow: FlowId, destination: HostId) -> Packet {
        let wire_bytes = self.rules.header_bytes;
        Packet { flow, source: self.host, destination, wire_bytes, kind, ..Packet::default() }
    }

    /// The router gets a request.
    fn route(&mut self, now: Picos, packet: &Packet) {
        let Some(router) = &mut self.router else { return };
        let verdict = router.take(now, *packet, &mut self.passed);
        self.control.extend(self.passed.drain(..));
        if verdict == Verdict::Refused {
            self.control.push_back(self.note(Kind::Refusal, packet.flow, packet.source));
        }
    }

    /// The router hears that a request has ended.
    fn hear_feedback(&mut self, now: Picos, packet: &Packet) {
        let Some(router) = &mut self.router else {
            self.counters.stray += 1;
            return;
        };
        router.end(now, packet.flow, &mut self.passed);
        self.control.extend(self.passed.drain(..));
    }

    /// A server gets a packet of a request.
    fn serve(&mut self, now: Picos, packet: &Packet) {
        let slot = match self.requests.find(packet.flow) {
            Known::Slot(slot) => slot,
            Known::New => self.requests.insert(packet.flow, Request::new(packet)),
            Known::Ended => {
                // The answer was lost, or the end was.
                self.counters.duplicates += 1;
                self.respond(packet.flow, packet.source, is_routed(packet));
                return;
            }
        };
        let request = self.requests.get(slot).expect("it was just found");
        let is_news = request.take(packet);
        self.counters.duplicates += u64::from(!is_news);
        if request.is_complete() && !request.is_submitted {
            request.is_submitted = true;
            let takes = self.rules.config.service_time(self.rules.seed, packet.flow);
            self.workers.submit(now, packet.flow, takes);
        } else if packet.sequence == 0 && !request.is_complete() {
            self.control.push_back(self.note(Kind::Ready, packet.flow, packet.source));
        }
        self.finish(now);
    }

    /// Answers what has been worked on.
    fn finish(&mut self, now: Picos) {
        while let Some(flow) = self.workers.ended(now) {
            let Known::Slot(slot) = self.requests.find(flow) else { continue };
            let Some(request) = self.requests.get(slot) else { continue };
            let (client, is_routed) = (request.client, request.is_routed);
            self.requests.end(flow);
            self.respond(flow, client, is_routed);
        }
    }

    fn respond(&mut self, flow: FlowId, client: HostId, is_routed: bool) {
        self.responses.push_back(Response { flow, client, next: 0 });
        if is_routed {
            self.control.push_back(self.note(Kind::Feedback, flow, ROUTER));
        }
    }

    /// A client hears of its request.
    fn hear_answer(&mut self, now: Picos, packet: &Packet) {
        let Known::Slot(slot) = self.calls.find(packet.flow) else {
            self.counters.stray += u64::from(matches!(self.calls.find(packet.flow), Known::New));
            return;
        };
        let call = self.calls.get(slot).expect("it was just found");
        match packet.kind {
            Kind::Ready => {
                let had_data = call.has_data();
                call.go_on(now, packet.source);
                if !had_data && call.has_data() {
                    self.ready.push_back(slot);
                }
            }
            Kind::Response => {
                if call.take(now, packet) {
                    let Message { flow, bytes, .. } = call.message;
                    self.calls.end(flow);
                    let source = packet.source;
                    self.events.push_back(Event::Received { flow, source, bytes });
                    self.events.push_back(Event::Acknowledged(flow));
                }
            }
            _ => call.refuse(now),
        }
    }

    fn next_response(&mut self, now: Picos) -> Option<Packet> {
        let Response { flow, client, next } = self.responses.pop_front()?;
        let bytes = self.rules.config.response.0;
        let end = bytes.min(next + self.rules.payload_bytes);
        if end < bytes {
            self.responses.push_back(Response { flow, client, next: end });
        }
        let payload_bytes = (end - next) as u16;
        Some(Packet {
            wire_bytes: payload_bytes + self.rules.header_bytes,
            payload_bytes,
            sequence: next,
            extent: bytes,
            sent: now,
            ..self.note(Kind::Response, flow, client)
        })
    }

    fn next_request(&mut self, now: Picos) -> Option<Packet> {
        while let Some(slot) = self.ready.pop_front() {
            let Some(call) = self.calls.get(slot) else { continue };
            let Some(packet) = call.send(now, &self.rules) else { continue };
            if call.has_data() {
                self.ready.push_back(slot);
            }
            return Some(packet);
        }
        None
    }
}

impl Endpoint for R2p2 {
    fn submit(&mut self, now: Picos, message: Message) {
        let mut call = Call::new(self.host, message, &self.rules, now);
        call.check_at = now + self.rules.timeout;
        let check_at = call.check_at;
        let slot = self.calls.insert(message.flow, call);
        self.timers.arm(check_at, slot);
        self.ready.push_back(slot);
    }

    fn receive(&mut self, now: Picos, arrival: &Arrival<'_>) {
        let packet = arrival.packet;
        match packet.kind {
            Kind::Data if self.router.is_some() && is_routed(packet) => self.route(now, packet),
            Kind::Data => self.serve(now, packet),
            Kind::Feedback => self.hear_feedback(now, packet),
            Kind::Ready | Kind::Response | Kind::Refusal => self.hear_answer(now, packet),
            _ => self.counters.stray += 1,
        }
    }

    fn timeout(&mut self, now: Picos) {
        self.finish(now);
        if let Some(router) = &mut self.router {
            router.timeout(now, &mut self.passed);
            self.control.extend(self.passed.drain(..));
        }
        while let Some(slot) = self.timers.due(now) {
            let Some(call) = self.calls.get(slot) else { continue };
            if call.check_at > now {
                // The timer of a call that was in this slot before.
                continue;
            }
            if call.check(now, &self.rules) {
                self.counters.timeouts += 1;
                self.ready.push_back(slot);
            }
            self.timers.arm(call.check_at, slot);
        }
    }

    fn transmit(&mut self, now: Picos, outlet: &mut Outlet<'_>) -> Option<Packet> {
        if !outlet.takes(0) {
            return None;
        }
        if let Some(packet) = self.control.pop_front() {
            self.counters.control_packets += 1;
            return Some(packet);
        }
        let packet = self.next_response(now).or_else(|| self.next_request(now))?;
        self.counters.data_packets += 1;
        let is_again = packet.flags.has(Flags::RETRANSMISSION);
        self.counters.retransmissions += u64::from(is_again);
        Some(packet)
    }

    fn next_timeout(&self) -> Option<Picos> {
        let router = self.router.as_ref().and_then(Router::next_timeout);
        [self.timers.next(), self.workers.next_timeout(), router].into_iter().flatten().min()
    }

    fn take_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn counters(&self) -> Counters {
        self.counters
    }
}
