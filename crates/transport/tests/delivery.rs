//! Every transport of the registry on a network that loses, repeats and reorders packets: each
//! message arrives once and whole, and all of them arrive when the faults are over.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use trama_base::{Picos, Rate, Rng};
use trama_transport::{
    Arrival, Endpoint, Event, Fabric, Flags, FlowId, Hop, HostId, Kind, Message, Outlet, Packet,
    TRANSPORTS,
};

const HOSTS: u32 = 3;
const LINK: Rate = Rate::from_gbps(10);
const DELAY: Picos = Picos::from_micros(5);
/// When the network stops losing packets.
const FAULTS_END: Picos = Picos::from_millis(40);
/// When everything has to be there: longer than the longest timeout, several times.
const END: Picos = Picos::from_millis(20_000);

/// What the network does until [`FAULTS_END`].
#[derive(Clone, Copy, Debug)]
struct Faults {
    loss: f64,
    duplication: f64,
    /// Longest extra delay of a packet.
    jitter: Picos,
    /// Nothing arrives from this time until the end of the faults.
    dark_from: Picos,
}

/// A packet on its way.
struct Flying {
    packet: Packet,
    telemetry: Vec<Hop>,
}

/// A network of a wire from each host to each other.
struct Net {
    hosts: Vec<Box<dyn Endpoint>>,
    free_at: Vec<Picos>,
    sent_bytes: Vec<u64>,
    flying: Vec<Option<Flying>>,
    arrivals: BinaryHeap<Reverse<(Picos, usize)>>,
    faults: Faults,
    rng: Rng,
    now: Picos,
    /// Bytes of each message that have reached their host.
    there: BTreeMap<FlowId, Vec<bool>>,
    received: BTreeMap<FlowId, u64>,
    acknowledged: Vec<FlowId>,
}

impl Net {
    fn new(name: &str, faults: Faults, seed: u64) -> Self {
        let entry = TRANSPORTS.iter().find(|entry| entry.name == name).expect("it is there");
        let transport = (entry.make)();
        let fabric = Fabric {
            hosts: HOSTS,
            link: LINK,
            delay: Picos(2 * DELAY.0),
            base_rtt: Picos(2 * DELAY.0) + LINK.time_of(transport.packet_bytes().into()),
            links: 2,
            paths: 4,
        };
        let hosts = (0..HOSTS).map(|host| transport.endpoint(&fabric, HostId(host), seed));
        Self {
            hosts: hosts.collect(),
            free_at: vec![Picos::ZERO; HOSTS as usize],
            sent_bytes: vec![0; HOSTS as usize],
            flying: Vec::new(),
            arrivals: BinaryHeap::new(),
            faults,
            rng: Rng::stream(seed, "network"),
            now: Picos::ZERO,
            there: BTreeMap::new(),
            received: BTreeMap::new(),
            acknowledged: Vec::new(),
        }
    }

    fn submit(&mut self, source: u32, message: Message) {
        let bytes = message.bytes.max(1) as usize;
        self.there.insert(message.flow, vec![false; bytes]);
        self.hosts[source as usize].submit(self.now, message);
        self.attend(source as usize);
    }

    /// Lets things happen until `end`, or until nothing will.
    fn run(&mut self, end: Picos) {
        loop {
            let arrival = self.arrivals.peek().map(|&Reverse((at, _))| at);
            let frees = self.free_at.iter().copied().filter(|&at| at > self.now);
            // A host that wants to send while its interface is busy is asked when that is free.
            let wanted = self.hosts.iter().zip(&self.free_at);
            let timeouts = wanted.filter_map(|(it, &free)| Some(it.next_timeout()?.max(free)));
            let next = arrival.into_iter().chain(frees).chain(timeouts).min();
            let Some(next) = next.filter(|&at| at <= end) else { break };
            self.now = next.max(self.now);
            while let Some(&Reverse((at, index))) = self.arrivals.peek()
                && at <= self.now
            {
                self.arrivals.pop();
                self.arrive(index);
            }
            for host in 0..self.hosts.len() {
                if self.hosts[host].next_timeout().is_some_and(|at| at <= self.now) {
                    self.hosts[host].timeout(self.now);
                }
                self.attend(host);
            }
        }
        self.now = end;
    }

    fn arrive(&mut self, index: usize) {
        let Flying { packet, telemetry } = self.flying[index].take().expect("it flies once");
        if packet.kind == Kind::Data && !packet.flags.has(Flags::TRIMMED) {
            let there = self.there.get_mut(&packet.flow).expect("it was submitted");
            let start = packet.sequence as usize;
            let end = (start + usize::from(packet.payload_bytes)).min(there.len());
            there[start.min(end)..end].fill(true);
        }
        let host = packet.destination.0 as usize;
        let arrival = Arrival { packet: &packet, at: self.now, telemetry: &telemetry };
        self.hosts[host].receive(self.now, &arrival);
        self.attend(host);
    }

    fn attend(&mut self, host: usize) {
        while let Some(event) = self.hosts[host].take_event() {
            match event {
                Event::Received { flow, bytes, .. } => {
                    assert!(self.there[&flow].iter().all(|&it| it), "{flow:?} has a hole");
                    assert_eq!(bytes as usize, self.there[&flow].len(), "all of {flow:?}");
                    assert!(self.received.insert(flow, bytes).is_none(), "{flow:?} came twice");
                }
                Event::Acknowledged(flow) => {
                    assert!(self.received.contains_key(&flow), "{flow:?} has not arrived");
                    assert!(!self.acknowledged.contains(&flow), "{flow:?} is acknowledged once");
                    self.acknowledged.push(flow);
                }
            }
        }
        while self.free_at[host] <= self.now {
            let mut telemetry = Vec::new();
            let mut outlet = Outlet { paused: 0, telemetry: &mut telemetry };
            let Some(packet) = self.hosts[host].transmit(self.now, &mut outlet) else { break };
            self.send(host, packet, telemetry);
        }
    }

    fn send(&mut self, host: usize, mut packet: Packet, mut telemetry: Vec<Hop>) {
        let wire_bytes = u64::from(packet.wire_bytes);
        let gone = self.now + LINK.time_of(wire_bytes);
        self.free_at[host] = gone;
        self.sent_bytes[host] += wire_bytes;
        packet.hops += 1;
        if packet.flags.has(Flags::TELEMETRY) {
            telemetry.push(Hop {
                port: host as u32,
                time: self.now,
                queue_bytes: self.rng.below(100_000),
                sent_bytes: self.sent_bytes[host],
                bits_per_s: LINK.0,
            });
        }
        if packet.flags.has(Flags::ECN_CAPABLE) && self.rng.one_in(10) {
            packet.flags = packet.flags.with(Flags::CONGESTION);
        }
        let is_faulty = self.now < FAULTS_END;
        let is_dark = is_faulty && self.now >= self.faults.dark_from;
        if is_dark || is_faulty && self.rng.unit() < self.faults.loss {
            return;
        }
        let copies = 1 + usize::from(is_faulty && self.rng.unit() < self.faults.duplication);
        for _ in 0..copies {
            let extra = if is_faulty { self.rng.below(self.faults.jitter.0 + 1) } else { 0 };
            let at = gone + DELAY + Picos(extra);
            self.arrivals.push(Reverse((at, self.flying.len())));
            self.flying.push(Some(Flying { packet, telemetry: telemetry.clone() }));
        }
    }
}

/// Sends messages of many sizes through a network with faults; those that have not ended by `end`.
fn unfinished(name: &str, faults: Faults, seed: u64, end: Picos) -> Vec<u32> {
    let mut net = Net::new(name, faults, seed);
    let mut rng = Rng::stream(seed, "messages");
    let sizes = [0, 1, 1000, 1448, 20_000, 100_000];
    let messages = 12;
    for flow in 0..messages {
        let source = rng.below(HOSTS.into()) as u32;
        let destination = (source + 1 + rng.below(u64::from(HOSTS) - 1) as u32) % HOSTS;
        let bytes = *rng.pick(&sizes) + rng.below(3);
        let message = Message {
            flow: FlowId(flow),
            destination: HostId(destination),
            bytes,
            tag: 0,
            deadline: Picos::MAX,
        };
        net.submit(source, message);
        let pause = Picos(rng.below(1_000_000_000));
        net.run(net.now + pause);
    }
    net.run(end);
    (0..messages).filter(|&flow| !net.acknowledged.contains(&FlowId(flow))).collect()
}

const CLEAN: Faults =
    Faults { loss: 0.0, duplication: 0.0, jitter: Picos::ZERO, dark_from: Picos::MAX };

fn check_all(faults: impl Fn(&mut Rng) -> Faults, runs: u64) {
    for entry in TRANSPORTS {
        for seed in 0..runs {
            let faults = faults(&mut Rng::stream(seed, "faults"));
            let missing = unfinished(entry.name, faults, seed, END);
            assert_eq!(missing, [], "{}, {faults:?}, seed {seed}", entry.name);
        }
    }
}

#[test]
fn messages_arrive_when_nothing_goes_wrong() {
    check_all(|_| CLEAN, 3);
}

#[test]
fn messages_arrive_once_whatever_is_lost_repeated_or_reordered() {
    let faults = |rng: &mut Rng| Faults {
        loss: 0.3 * rng.unit(),
        duplication: 0.3 * rng.unit(),
        jitter: Picos(rng.below(200_000_000)),
        ..CLEAN
    };
    check_all(faults, 12);
}

#[test]
fn messages_arrive_after_the_network_was_gone() {
    let faults = |rng: &mut Rng| Faults { dark_from: Picos(rng.below(10_000_000_000)), ..CLEAN };
    check_all(faults, 6);
}

#[test]
fn a_network_that_does_not_come_back_is_noticed() {
    let faults = Faults { loss: 1.0, ..CLEAN };
    assert_eq!(unfinished("new-reno", faults, 1, Picos(FAULTS_END.0 - 1)).len(), 12);
}
