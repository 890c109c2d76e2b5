//! The engine: takes one event after the other and does what it says.

use crate::arena::{Arena, Handle};
use crate::calendar::Calendar;
use crate::network::Network;
use crate::record::{FlowRecord, Record};
use crate::sampler::Sampler;
use crate::workload::Flow;
use std::collections::VecDeque;
use trama_base::{Picos, Rng};
use trama_transport::{
    Arrival, Endpoint, Event as Told, Flags, FlowId, Hop, HostId, Message, Outlet,
};

/// What happens, with the two numbers that say where: 4, 28 and 32 bits of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Event(u64);

/// What an [`Event`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Happening {
    /// A packet has crossed the link of a port.
    Arrival { port: u32, packet: Handle },
    /// The link of a port is free.
    Free { port: u32 },
    /// A host wanted to be called.
    Timeout { host: u32 },
    /// A host has the next packet of those that arrived ready for its endpoint.
    Ready { host: u32 },
    /// The next flow is due.
    Submission,
}

impl Event {
    fn new(happening: Happening) -> Self {
        let word = |kind: u64, place: u32, packet: u32| {
            Self(kind << 60 | u64::from(place) << 32 | u64::from(packet))
        };
        match happening {
            Happening::Arrival { port, packet } => word(0, port, packet.0),
            Happening::Free { port } => word(1, port, 0),
            Happening::Timeout { host } => word(2, host, 0),
            Happening::Submission => word(3, 0, 0),
            Happening::Ready { host } => word(4, host, 0),
        }
    }

    fn happening(self) -> Happening {
        let place = (self.0 >> 32) as u32 & 0x0fff_ffff;
        match self.0 >> 60 {
            0 => Happening::Arrival { port: place, packet: Handle(self.0 as u32) },
            1 => Happening::Free { port: place },
            2 => Happening::Timeout { host: place },
            3 => Happening::Submission,
            _ => Happening::Ready { host: place },
        }
    }
}

/// How long hosts take for what arrives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostTimes {
    /// From the interface to the transport.
    pub delay: Picos,
    /// Work on each packet, one after the other.
    pub work: Picos,
}

/// A host with its transport.
struct Host<E> {
    endpoint: E,
    /// When it will be called; [`Picos::MAX`] if not.
    called_at: Picos,
    times: HostTimes,
    /// Packets that the endpoint has not seen yet, with the times of their arrival.
    arrived: VecDeque<(Handle, Picos)>,
    /// When all of them will have been worked on.
    busy_until: Picos,
}

/// A network with a transport on every host and flows to carry.
pub struct Simulation<E> {
    network: Network,
    hosts: Vec<Host<E>>,
    arena: Arena,
    calendar: Calendar<Event>,
    now: Picos,
    rng: Rng,
    flows: Vec<Flow>,
    submitted: usize,
    unfinished: usize,
    record: Record,
    telemetry: Vec<Hop>,
    sampler: Sampler,
}

impl<E: Endpoint> Simulation<E> {
    /// `endpoint` makes the transport of each host; `flows` are in order of time.
    pub fn new(
        network: Network,
        flows: Vec<Flow>,
        seed: u64,
        mut endpoint: impl FnMut(HostId) -> E,
    ) -> Self {
        assert!(flows.is_sorted_by_key(|flow| flow.at), "flows are in order of time");
        let hosts = (0..network.hosts())
            .map(|host| Host {
                endpoint: endpoint(HostId(host)),
                called_at: Picos::MAX,
                times: HostTimes::default(),
                arrived: VecDeque::new(),
                busy_until: Picos::ZERO,
            })
            .collect();
        let records = flows
            .iter()
            .map(|&flow| FlowRecord { flow, received: None, acknowledged: None })
            .collect();
        let mut calendar = Calendar::new();
        if let Some(first) = flows.first() {
            calendar.insert(first.at, Event::new(Happening::Submission));
        }
        Self {
            network,
            hosts,
            arena: Arena::new(),
            calendar,
            now: Picos::ZERO,
            rng: Rng::stream(seed, "fabric"),
            unfinished: flows.len(),
            flows,
            submitted: 0,
            record: Record { flows: records, ..Record::default() },
            telemetry: Vec::new(),
            sampler: Sampler::default(),
        }
    }

    /// Watches the queues of these ports besides those of all together.
    pub fn watch(&mut self, ports: Vec<u32>) {
        self.sampler = Sampler::new(ports);
    }

    /// What was sampled so far.
    pub fn sampler(&self) -> &Sampler {
        &self.sampler
    }

    /// Says how long all hosts take for what arrives; nothing if it is not said.
    pub fn set_host_times(&mut self, times: HostTimes) {
        for host in &mut self.hosts {
            host.times = times;
        }
    }

    /// The time that it has come to.
    pub fn now(&self) -> Picos {
        self.now
    }

    /// What was recorded so far.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Messages that have arrived and are known to have.
    pub fn arrived(&self) -> usize {
        self.flows.len() - self.unfinished
    }

    /// Whether every message has arrived and is known to have.
    pub fn is_over(&self) -> bool {
        self.unfinished == 0
    }

    /// The network, with its counts.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The transports.
    pub fn endpoints(&self) -> impl Iterator<Item = &E> {
        self.hosts.iter().map(|host| &host.endpoint)
    }

    /// Runs until every flow has arrived and is known to have, or until `end`, or until nothing
    /// happens any more.
    pub fn run(&mut self, end: Picos) -> &Record {
        while self.unfinished > 0
            && let Some((at, event)) = self.calendar.pop_until(end)
        {
            if at >= self.sampler.next() {
                self.sampler.take(at, &self.network);
            }
            self.now = at.max(self.now);
            self.record.events += 1;
            match event.happening() {
                Happening::Arrival { port, packet } => self.arrive(port, packet),
                Happening::Free { port } => self.free(port),
                Happening::Timeout { host } => self.call(host),
                Happening::Submission => self.submit(),
                Happening::Ready { host } => {
                    let next = self.hosts[host as usize].arrived.pop_front();
                    let (handle, at) = next.expect("a packet that is ready has arrived");
                    self.deliver(host, handle, at);
                }
            }
        }
        self.check();
        &self.record
    }

    /// Packets sent are delivered, dropped or in flight; all of them are accounted for.
    fn check(&self) {
        let Record { sent, delivered, dropped, unroutable, .. } = self.record;
        let flying = u64::from(self.arena.live());
        assert_eq!(sent, delivered + dropped + unroutable + flying, "a packet went astray");
    }

    fn submit(&mut self) {
        while let Some(&flow) = self.flows.get(self.submitted).filter(|flow| flow.at <= self.now) {
            let name = FlowId(self.submitted as u32);
            self.submitted += 1;
            let message = Message {
                flow: name,
                destination: flow.destination,
                bytes: flow.bytes,
                tag: 0,
                deadline: Picos::MAX,
            };
            self.hosts[flow.source.0 as usize].endpoint.submit(self.now, message);
            self.attend(flow.source.0);
        }
        if let Some(next) = self.flows.get(self.submitted) {
            self.calendar.insert(next.at, Event::new(Happening::Submission));
        }
    }

    fn arrive(&mut self, port: u32, handle: Handle) {
        self.record.links += 1;
        let node = self.network.ports[port as usize].to;
        if node < self.network.hosts() {
            return self.reach(node, handle);
        }
        let switch = node - self.network.hosts();
        let packet = self.arena.get_mut(handle);
        packet.hops = packet.hops.saturating_add(1);
        let route = &self.network.routes[switch as usize];
        let rng = &mut self.rng;
        let out = route.port(packet, self.network.balance, switch, || rng.next_u64());
        match out {
            Some(out) => self.forward(out, handle),
            None => {
                self.record.unroutable += 1;
                self.arena.remove(handle);
            }
        }
    }

    /// A packet has come to the interface of its host.
    fn reach(&mut self, node: u32, handle: Handle) {
        let host = &mut self.hosts[node as usize];
        if host.times == HostTimes::default() {
            return self.deliver(node, handle, self.now);
        }
        host.busy_until = host.busy_until.max(self.now) + host.times.work;
        host.arrived.push_back((handle, self.now));
        let at = host.busy_until + host.times.delay;
        self.calendar.insert(at, Event::new(Happening::Ready { host: node }));
    }

    /// Gives a packet that arrived at `at` to its endpoint.
    fn deliver(&mut self, host: u32, handle: Handle, at: Picos) {
        self.record.delivered += 1;
        let (packet, telemetry) = (self.arena.get(handle), self.arena.records(handle));
        let arrival = Arrival { packet, at, telemetry };
        self.hosts[host as usize].endpoint.receive(self.now, &arrival);
        self.arena.remove(handle);
        self.attend(host);
    }

    /// Sends a packet out of a port of a switch, or queues it.
    fn forward(&mut self, out: u32, handle: Handle) {
        let port = &mut self.network.ports[out as usize];
        let rules = &self.network.queueings[port.queueing()];
        port.mark(rules, &mut self.arena, handle, &mut self.rng, false);
        if !port.is_waking && port.busy_until <= self.now {
            return self.send_on(out, handle);
        }
        let victim = port.enqueue(rules, &mut self.arena, handle, &mut self.rng);
        if !port.is_waking {
            port.is_waking = true;
            self.calendar.insert(port.busy_until, Event::new(Happening::Free { port: out }));
        }
        if let Some(victim) = victim {
            self.record.dropped += 1;
            self.arena.remove(victim);
        }
    }

    /// Puts a packet on the link of a port of a switch that is free.
    fn send_on(&mut self, out: u32, handle: Handle) {
        let port = &mut self.network.ports[out as usize];
        let rules = &self.network.queueings[port.queueing()];
        port.mark(rules, &mut self.arena, handle, &mut self.rng, true);
        if self.arena.get(handle).flags.has(Flags::TELEMETRY) {
            let hop = self.network.ports[out as usize].tell(self.now);
            self.arena.record(handle, hop);
        }
        self.send(out, handle);
    }

    /// Puts a packet on the link of a port that is free.
    fn send(&mut self, out: u32, handle: Handle) {
        let port = &mut self.network.ports[out as usize];
        let bytes = self.arena.get(handle).wire_bytes;
        port.busy_until = self.now + port.serialisation(bytes);
        port.counters.packets += 1;
        port.counters.bytes += u64::from(bytes);
        let at = port.busy_until + port.delay;
        self.calendar.insert(at, Event::new(Happening::Arrival { port: out, packet: handle }));
    }

    fn free(&mut self, out: u32) {
        let is_interface = out < self.network.hosts();
        let port = &mut self.network.ports[out as usize];
        port.is_waking = false;
        if is_interface {
            self.pump(out);
            return self.arm(out);
        }
        let rules = &self.network.queueings[port.queueing()];
        let Some(handle) = port.dequeue(rules, &mut self.arena) else { return };
        let has_more = port.has_waiting();
        self.send_on(out, handle);
        if has_more {
            let port = &mut self.network.ports[out as usize];
            port.is_waking = true;
            self.calendar.insert(port.busy_until, Event::new(Happening::Free { port: out }));
        }
    }

    fn call(&mut self, host: u32) {
        let it = &mut self.hosts[host as usize];
        if it.called_at <= self.now {
            it.called_at = Picos::MAX;
            it.endpoint.timeout(self.now);
            self.attend(host);
        }
    }

    /// Takes what an endpoint has to say after an input.
    fn attend(&mut self, host: u32) {
        while let Some(told) = self.hosts[host as usize].endpoint.take_event() {
            match told {
                Told::Received { flow, .. } => {
                    let record = &mut self.record.flows[flow.0 as usize];
                    assert!(record.received.is_none(), "a message is received once");
                    record.received = Some(self.now);
                }
                Told::Acknowledged(flow) => {
                    let record = &mut self.record.flows[flow.0 as usize];
                    assert!(record.received.is_some(), "what is acknowledged has arrived");
                    record.acknowledged = Some(self.now);
                    self.unfinished -= 1;
                }
            }
        }
        if !self.network.ports[host as usize].is_waking {
            self.pump(host);
        }
        self.arm(host);
    }

    /// Gives the interface of a host its next packet, if it is free and there is one.
    fn pump(&mut self, host: u32) {
        if self.network.ports[host as usize].busy_until > self.now {
            return;
        }
        self.telemetry.clear();
        let endpoint = &mut self.hosts[host as usize].endpoint;
        let mut outlet = Outlet { paused: 0, telemetry: &mut self.telemetry };
        let Some(packet) = endpoint.transmit(self.now, &mut outlet) else { return };
        self.record.sent += 1;
        let handle = self.arena.insert(packet);
        for &hop in &self.telemetry {
            self.arena.record(handle, hop);
        }
        self.send(host, handle);
        let port = &mut self.network.ports[host as usize];
        port.is_waking = true;
        self.calendar.insert(port.busy_until, Event::new(Happening::Free { port: host }));
    }

    /// Has a host called when it wants to be, unless it will be before.
    fn arm(&mut self, host: u32) {
        let it = &mut self.hosts[host as usize];
        let Some(at) = it.endpoint.next_timeout() else { return };
        let port = &self.network.ports[host as usize];
        if port.is_waking && at <= port.busy_until {
            // It will be asked for a packet then, and armed after that.
            return;
        }
        let at = at.max(self.now);
        if at < it.called_at {
            it.called_at = at;
            self.calendar.insert(at, Event::new(Happening::Timeout { host }));
        }
    }

    /// Most packets that were in flight at once.
    pub fn peak_packets(&self) -> usize {
        self.arena.peak()
    }
}
