//! The simulator against arithmetic and queueing theory.
//!
//! Every check is also given a wrong answer, which it must notice.

use std::collections::VecDeque;
use trama_base::{Parameters as _, Picos, Rate, Rng};
use trama_sim::simulation::{Observer, Seen};
use trama_sim::topology::{Dumbbell, Plan, Star, Topology};
use trama_sim::workload::Flow;
use trama_sim::{Network, Simulation};
use trama_transport::endpoint::Counters;
use trama_transport::fabric::{Credits, Service, Sharing};
use trama_transport::{
    Arrival, Balance, Endpoint, Event, Flags, Hop, HostId, Message, Outlet, Packet, Queueing,
    registry,
};

/// Sends each message as one packet without headers, at once, and never again; its tag is its
/// priority.
struct Datagrams {
    host: HostId,
    waiting: VecDeque<Packet>,
    events: VecDeque<Event>,
}

impl Datagrams {
    fn new(host: HostId) -> Self {
        Self { host, waiting: VecDeque::new(), events: VecDeque::new() }
    }
}

impl Endpoint for Datagrams {
    fn submit(&mut self, _: Picos, message: Message) {
        let bytes = u16::try_from(message.bytes).expect("one packet holds it");
        self.waiting.push_back(Packet {
            flow: message.flow,
            source: self.host,
            destination: message.destination,
            wire_bytes: bytes,
            payload_bytes: bytes,
            priority: message.tag as u8,
            flags: Flags::TELEMETRY,
            ..Packet::default()
        });
    }

    fn receive(&mut self, _: Picos, arrival: &Arrival<'_>) {
        let Packet { flow, source, payload_bytes, .. } = *arrival.packet;
        self.events.push_back(Event::Received { flow, source, bytes: payload_bytes.into() });
    }

    fn timeout(&mut self, _: Picos) {}

    fn transmit(&mut self, _: Picos, outlet: &mut Outlet<'_>) -> Option<Packet> {
        let next = self.waiting.iter().position(|packet| outlet.takes(packet.priority))?;
        self.waiting.remove(next)
    }

    fn next_timeout(&self) -> Option<Picos> {
        None
    }

    fn take_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn counters(&self) -> Counters {
        Counters::default()
    }
}

/// A topology with a way to queue.
fn build(topology: &impl Topology, queueing: Queueing, balance: Balance) -> Network {
    let load = |_: &str| Err("there are no files".into());
    topology.build(&Plan { queueing, balance, load: &load }).expect("it is sound")
}

fn flow(at: Picos, source: u32, destination: u32, bytes: u64) -> Flow {
    let (source, destination) = (HostId(source), HostId(destination));
    Flow { at, source, destination, bytes, ..Flow::default() }
}

/// When each message has arrived, in nanoseconds.
fn arrivals(network: Network, flows: Vec<Flow>) -> Vec<f64> {
    let mut run = Simulation::new(network, flows.into(), 1, Datagrams::new);
    let record = run.run(Picos::MAX);
    let arrived = |it: &trama_sim::FlowRecord| it.received.map_or(f64::NAN, |at| at.0 as f64 / 1e3);
    record.flows.iter().map(arrived).collect()
}

#[test]
fn two_packets_for_one_host_wait_for_each_other() {
    let star = Star { hosts: 3, ..Star::default() };
    let with = |capacity| build(&star, Queueing::drop_tail(capacity), Balance::Flow);
    let flows = || vec![flow(Picos::ZERO, 1, 0, 1500), flow(Picos::ZERO, 2, 0, 1500)];
    // 1500 B take 1.2 us on each of two links with 1 us of delay; the second waits 1.2 us.
    assert_eq!(arrivals(with(100_000), flows()), [4400.0, 5600.0]);
    // One that finds no room is dropped.
    let times = arrivals(with(1000), flows());
    assert!(times[0] == 4400.0 && times[1].is_nan());
    // Another rate gives another time.
    let slower = Star { rate: Rate::from_gbps(5), ..star };
    let network = build(&slower, Queueing::drop_tail(100_000), Balance::Flow);
    assert_eq!(arrivals(network, flows()), [6800.0, 9200.0]);
}

#[test]
fn a_message_takes_the_time_that_its_packets_take() {
    // Two segments of 1500 B, then an acknowledgement of 52 B (41.6 ns on each of two links).
    let times = |name: &str, gbps: u64, bytes: u64| {
        let transport = (registry::find(name).expect("it is there").make)();
        let star = Star { hosts: 2, rate: Rate::from_gbps(gbps), ..Star::default() };
        let (packet, header) = (transport.packet_bytes(), transport.header_bytes());
        let bare = build(&star, Queueing::drop_tail(1 << 20), Balance::Flow);
        let fabric = bare.fabric(packet, header);
        let network = build(&star, transport.queueing(&fabric), transport.balance());
        let flows = vec![flow(Picos::ZERO, 0, 1, bytes)];
        let mut run =
            Simulation::new(network, flows.into(), 1, |host| transport.endpoint(&fabric, host, 1));
        let it = run.run(Picos::MAX).flows[0];
        (it.received.map(|at| at.0), it.acknowledged.map(|at| at.0))
    };
    assert_eq!(times("dctcp", 10, 2896), (Some(5_600_000), Some(7_683_200)));
    // The odd packet waits for its acknowledgement, but the last one does not.
    assert_eq!(times("dctcp", 10, 1448), (Some(4_400_000), Some(6_483_200)));
    // Two packets of 9 kB take 720 ns each, answers of 64 B 5.12 ns.
    assert_eq!(times("ndp", 100, 2 * 8936), (Some(4_160_000), Some(6_170_240)));
}

/// Keeps what switches told in the packets that arrived.
#[derive(Default)]
struct Told(Vec<Vec<Hop>>);

impl Observer for Told {
    fn see(&mut self, _: Picos, seen: &Seen<'_>) {
        if let Seen::Delivered { telemetry, .. } = seen {
            self.0.push(telemetry.to_vec());
        }
    }
}

#[test]
fn switches_tell_of_their_ports() {
    let star = Star { hosts: 4, ..Star::default() };
    let network = build(&star, Queueing::drop_tail(100_000), Balance::Flow);
    let flows: Vec<Flow> = (1..4).map(|host| flow(Picos::ZERO, host, 0, 1500)).collect();
    let mut run = Simulation::observed(network, flows.into(), 1, Datagrams::new, Told::default());
    run.run(Picos::MAX);
    // All come at 2.2 us; one goes at once, the others after 1.2 us each; what waits behind a
    // packet is told by it.
    let hop = |ns, queue_bytes, sent_bytes| {
        let time = Picos::from_nanos(ns);
        vec![Hop { time, queue_bytes, sent_bytes, bits_per_s: 10_000_000_000 }]
    };
    assert_eq!(run.observer().0, [hop(2200, 0, 0), hop(3400, 1500, 1500), hop(4600, 0, 3000)]);
}

/// Two hosts send packets of 1500 B in two classes to a third one as fast as they can, for 1 ms;
/// how many of each arrive, and the network as it is then.
fn contest(queueing: Queueing) -> ([usize; 2], trama_sim::port::PortCounters) {
    let star = Star { hosts: 3, ..Star::default() };
    let one = |tag| Flow { tag, ..flow(Picos::ZERO, tag + 1, 0, 1500) };
    let flows: Vec<Flow> = (0..2000).map(|index| one(index % 2)).collect();
    let network = build(&star, queueing, Balance::Flow);
    let mut run = Simulation::new(network, flows.into(), 1, Datagrams::new);
    let record = run.run(Picos::from_millis(1)).clone();
    let arrived =
        |tag| record.flows.iter().filter(|it| it.flow.tag == tag && it.received.is_some()).count();
    let counters = run.network().counters().find(|(name, _)| *name == "switch to host 0");
    ([arrived(0), arrived(1)], counters.expect("it is there").1)
}

#[test]
fn classes_get_what_they_are_given() {
    let service = |service| {
        let queueing = Queueing { service, ..Queueing::priorities(2, 1 << 30) };
        contest(queueing).0
    };
    // 830 packets fit into a millisecond; each host can send all of them.
    assert_eq!(service(Service::Strict), [830, 0]);
    let share = |[first, second]: [usize; 2]| first as f64 / (first + second) as f64;
    let weights = |first, second| {
        let mut all = [1; 8];
        (all[0], all[1]) = (first, second);
        Service::Weighted(all)
    };
    assert!((share(service(weights(1, 3))) - 0.25).abs() < 0.01);
    assert!((share(service(weights(7, 3))) - 0.7).abs() < 0.01);
    assert_eq!(service(weights(0, 3))[1], 0, "a weight of 0 goes before all others");
    assert!((share(service(Service::FirstFavoured(9))) - 0.9).abs() < 0.01);
}

#[test]
fn a_shared_buffer_lets_a_queue_grow_to_its_threshold() {
    // One busy port takes alpha / (1 + alpha) of the buffer.
    for (alpha, share) in [(1.0, 0.5), (0.5, 1.0 / 3.0), (4.0, 0.8)] {
        let sharing = Sharing::Dynamic { alpha };
        let (arrived, port) = contest(Queueing { sharing, ..Queueing::drop_tail(300_000) });
        let peak = f64::from(port.peak_bytes) / 300_000.0;
        assert!((peak - share).abs() < 0.01, "{alpha}: {peak}");
        assert!(port.dropped > 0 && arrived[0] + arrived[1] == 830);
    }
}

#[test]
fn senders_that_are_paused_lose_nothing() {
    let total = |[first, second]: [usize; 2]| first + second;
    let (arrived, port) = contest(Queueing::lossless(400_000));
    assert_eq!((total(arrived), port.dropped), (830, 0));
    assert!(port.peak_bytes < 400_000);
    // The same buffer without pauses drops.
    assert!(contest(Queueing::drop_tail(100_000)).1.dropped > 0);
    // A class that is paused does not stop the other one.
    let classes = Queueing { classes: 2, ..Queueing::lossless(400_000) };
    let (arrived, port) = contest(classes);
    assert_eq!((arrived, port.dropped), ([830, 0], 0));
}

#[test]
fn credits_have_their_share_of_the_link() {
    let credits = Some(Credits { share: 0.05, packets: 8, burst: 2 });
    let queueing = Queueing { credits, ..Queueing::priorities(2, 1 << 30) };
    let (arrived, port) = contest(queueing);
    // 5 % of 830, with what the burst adds; the queue of credits has 8, so most are dropped.
    assert!((41..=44).contains(&arrived[0]), "{arrived:?}");
    assert!(port.dropped > 700);
    assert!(arrived[1] > 780, "the rest is for data: {arrived:?}");
}

/// Times in the system of a queue with Poisson arrivals, in units of the mean time of service.
fn sojourns(load: f64, exponential: bool) -> Vec<f64> {
    const MEAN_BYTES: f64 = 4000.0;
    let mut dumbbell = Dumbbell { hosts_per_side: 1, delay: Picos::ZERO, ..Dumbbell::default() };
    dumbbell.set("middle_rate", "1Gbps").expect("it is a rate");
    dumbbell.set("rate", "10Tbps").expect("it is a rate");
    let service_ps = MEAN_BYTES * 8000.0;
    let mut rng = Rng::stream(5, "queue");
    let mut at_ps = 0.0;
    let mut packet = || {
        at_ps -= service_ps / load * (1.0 - rng.unit()).ln();
        let size = if exponential { -MEAN_BYTES * (1.0 - rng.unit()).ln() } else { MEAN_BYTES };
        flow(Picos(at_ps as u64), 0, 1, (size.round() as u64).clamp(1, 65_000))
    };
    let flows: Vec<Flow> = (0..150_000).map(|_| packet()).collect();
    let network = build(&dumbbell, Queueing::drop_tail(u32::MAX), Balance::Flow);
    let arrived = arrivals(network, flows.clone());
    arrived.iter().zip(&flows).map(|(ns, it)| (ns * 1e3 - it.at.0 as f64) / service_ps).collect()
}

/// How far the mean and the shares above 1, 2, 4 and 8 are from what they should be, at most;
/// relative for the mean, absolute for shares.
fn distance(times: &[f64], mean: f64, above: impl Fn(f64) -> f64) -> f64 {
    let n = times.len() as f64;
    let measured = times.iter().sum::<f64>() / n;
    [1.5_f64, 2.0, 4.0, 8.0].into_iter().fold((measured / mean - 1.0).abs(), |worst, t| {
        let share = times.iter().filter(|&&it| it > t).count() as f64 / n;
        worst.max((share - above(t)).abs())
    })
}

/// Share of times in an M/D/1 queue above `t` services (Erlang, 1909): that of waits above t - 1.
fn md1_above(load: f64, t: f64) -> f64 {
    let wait = t - 1.0;
    let term = |k: i32| {
        let x = load * (f64::from(k) - wait);
        let factorial: f64 = (1..=k).map(f64::from).product();
        x.powi(k) / factorial * (-x).exp()
    };
    1.0 - (1.0 - load) * (0..=wait.floor() as i32).map(term).sum::<f64>()
}

#[test]
fn a_queue_is_as_long_as_theory_says() {
    let load = 0.7;
    let mm1 = |load: f64| (1.0 / (1.0 - load), move |t: f64| (-(1.0 - load) * t).exp());
    let md1 = |load: f64| {
        let mean = 1.0 + load / (2.0 * (1.0 - load));
        (mean, move |t: f64| md1_above(load, t))
    };
    let exponential = sojourns(load, true);
    let fixed = sojourns(load, false);
    let (mean, above) = mm1(load);
    let far = distance(&exponential, mean, above);
    assert!(far < 0.03, "M/M/1: {far}");
    let (mean, above) = md1(load);
    let far = distance(&fixed, mean, above);
    assert!(far < 0.02, "M/D/1: {far}");
    // Another load, or the other queue, is told apart.
    let (mean, above) = mm1(load + 0.03);
    assert!(distance(&exponential, mean, above) > 0.06);
    let (mean, above) = md1(load + 0.03);
    assert!(distance(&fixed, mean, above) > 0.05);
    let (mean, above) = md1(load);
    assert!(distance(&exponential, mean, above) > 0.3);
}
