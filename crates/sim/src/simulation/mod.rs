//! The engine: takes one event after the other and does what it says.

mod event;
mod faults;
mod host;
mod observer;
mod switch;

pub use faults::{Change, Impairments};
pub use host::HostTimes;
pub use observer::{Nobody, Observer, Seen};

use crate::arena::Arena;
use crate::calendar::Calendar;
use crate::network::Network;
use crate::record::{FlowRecord, Record};
use crate::sampler::Sampler;
use crate::workload::Traffic;
use event::{Event, Happening};
use faults::Faults;
use host::Host;
use std::collections::VecDeque;
use std::ops::Range;
use trama_base::{Picos, Rng};
use trama_transport::{Endpoint, Hop, HostId};

/// A network with a transport on every host and messages to carry.
pub struct Simulation<E, O = Nobody> {
    network: Network,
    hosts: Vec<Host<E>>,
    host_times: HostTimes,
    arena: Arena,
    calendar: Calendar<Event>,
    now: Picos,
    rng: Rng,
    traffic: Traffic,
    /// Messages that wait for no other; they come first, in order of time.
    independent: u32,
    /// Those of them that were submitted.
    submitted: u32,
    /// By message that waits for others: for how many it still does.
    waits: Vec<u32>,
    successors: Successors,
    unfinished: usize,
    record: Record,
    telemetry: Vec<Hop>,
    sampler: Sampler,
    faults: Option<Faults>,
    changes: VecDeque<Change>,
    observer: O,
}

/// The messages that wait for a message: `flows[starts[f]..starts[f + 1]]`.
#[derive(Debug, Default)]
struct Successors {
    starts: Vec<u32>,
    flows: Vec<u32>,
}

impl Successors {
    fn new(edges: &[(u32, u32)], flows: usize) -> Self {
        if edges.is_empty() {
            return Self::default();
        }
        let mut starts = vec![0; flows + 1];
        edges.iter().for_each(|&(first, _)| starts[first as usize + 1] += 1);
        for index in 0..flows {
            starts[index + 1] += starts[index];
        }
        // The edges are in the order of what they begin with.
        Self { starts, flows: edges.iter().map(|&(_, then)| then).collect() }
    }

    fn range(&self, flow: u32) -> Range<usize> {
        match self.starts.get(flow as usize..flow as usize + 2) {
            Some(&[start, end]) => start as usize..end as usize,
            _ => 0..0,
        }
    }
}

impl<E: Endpoint> Simulation<E> {
    /// `endpoint` makes the transport of each host.
    pub fn new(
        network: Network,
        traffic: Traffic,
        seed: u64,
        endpoint: impl FnMut(HostId) -> E,
    ) -> Self {
        Self::observed(network, traffic, seed, endpoint, Nobody)
    }
}

impl<E: Endpoint, O: Observer> Simulation<E, O> {
    /// The same with someone who watches.
    pub fn observed(
        network: Network,
        traffic: Traffic,
        seed: u64,
        mut endpoint: impl FnMut(HostId) -> E,
        observer: O,
    ) -> Self {
        let hosts = (0..network.hosts).map(|host| Host::new(endpoint(HostId(host)))).collect();
        let record =
            |&flow: &_| FlowRecord { flow, submitted: None, received: None, acknowledged: None };
        let flows: Vec<FlowRecord> = traffic.flows.iter().map(record).collect();
        let independent = traffic.independent();
        let mut waits = vec![0; flows.len() - independent];
        for &(_, then) in &traffic.edges {
            waits[then as usize - independent] += 1;
        }
        let mut calendar = Calendar::new();
        if independent > 0 {
            let first = traffic.flows[0].at;
            calendar.insert(first, Event::new(Happening::Submission));
        }
        Self {
            network,
            hosts,
            host_times: HostTimes::default(),
            arena: Arena::new(),
            calendar,
            now: Picos::ZERO,
            rng: Rng::stream(seed, "fabric"),
            independent: independent as u32,
            submitted: 0,
            waits,
            successors: Successors::new(&traffic.edges, flows.len()),
            traffic,
            unfinished: flows.len(),
            record: Record { flows, ..Record::default() },
            telemetry: Vec::new(),
            sampler: Sampler::default(),
            faults: None,
            changes: VecDeque::new(),
            observer,
        }
    }

    /// Says how long all hosts take for what arrives; nothing if it is not said.
    pub fn set_host_times(&mut self, times: HostTimes) {
        self.host_times = times;
    }

    /// Watches the queues of these ports besides those of all together.
    pub fn watch(&mut self, ports: Vec<u32>) {
        self.sampler = Sampler::new(ports);
    }

    /// Runs until every message has arrived and is known to have, or until `end`, or until nothing
    /// happens any more.
    pub fn run(&mut self, end: Picos) -> &Record {
        while self.unfinished > 0
            && let Some((at, event)) = self.calendar.pop_until(end)
        {
            if at >= self.sampler.next() {
                self.sampler.take(at, &self.network);
            }
            assert!(at >= self.now, "time does not go back");
            self.now = at;
            self.record.events += 1;
            match event.happening() {
                Happening::Arrival { port, packet } => self.arrive(port, packet),
                Happening::Free { port } => self.free(port),
                Happening::Timeout { host } => self.call(host),
                Happening::Submission => self.submit(),
                Happening::Due { flow } => self.submit_one(flow),
                Happening::Ready { host } => self.ready(host),
                Happening::Pause { port, class, is_paused } => self.pause(port, class, is_paused),
                Happening::Change => self.change(),
            }
        }
        self.check();
        &self.record
    }

    /// Packets sent are delivered, dropped, lost or in flight; all of them are accounted for.
    fn check(&self) {
        let Record { sent, delivered, dropped, lost, unroutable, .. } = self.record;
        let flying = u64::from(self.arena.live());
        assert_eq!(sent, delivered + dropped + lost + unroutable + flying, "a packet went astray");
    }

    /// The time that it has come to.
    pub fn now(&self) -> Picos {
        self.now
    }

    /// What was recorded so far.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// What was sampled so far.
    pub fn sampler(&self) -> &Sampler {
        &self.sampler
    }

    /// Messages that have arrived and are known to have.
    pub fn arrived(&self) -> usize {
        self.record.flows.len() - self.unfinished
    }

    /// Whether every message has arrived and is known to have.
    pub fn is_over(&self) -> bool {
        self.unfinished == 0
    }

    /// Whether nothing will happen any more.
    pub fn is_idle(&self) -> bool {
        self.calendar.is_empty()
    }

    /// The network, with its counts.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The transports.
    pub fn endpoints(&self) -> impl Iterator<Item = &E> {
        self.hosts.iter().map(|host| &host.endpoint)
    }

    /// Who watches.
    pub fn observer(&mut self) -> &mut O {
        &mut self.observer
    }

    /// Most packets that were in flight at once.
    pub fn peak_packets(&self) -> usize {
        self.arena.peak()
    }
}
