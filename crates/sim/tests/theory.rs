//! The simulator against arithmetic and queueing theory.
//!
//! Every check is also given a wrong answer, which it must notice.

use std::collections::VecDeque;
use trama_base::{Parameters as _, Picos, Rate, Rng};
use trama_sim::topology::{Dumbbell, Star, Topology as _};
use trama_sim::workload::Flow;
use trama_sim::{Network, Simulation};
use trama_transport::endpoint::Counters;
use trama_transport::{
    Arrival, Balance, Endpoint, Event, HostId, Message, Outlet, Packet, Queueing, registry,
};

/// Sends each message as one packet without headers, at once, and never again.
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
            ..Packet::default()
        });
    }

    fn receive(&mut self, _: Picos, arrival: &Arrival<'_>) {
        let Packet { flow, source, payload_bytes, .. } = *arrival.packet;
        self.events.push_back(Event::Received { flow, source, bytes: payload_bytes.into() });
    }

    fn timeout(&mut self, _: Picos) {}

    fn transmit(&mut self, _: Picos, _: &mut Outlet<'_>) -> Option<Packet> {
        self.waiting.pop_front()
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

fn flow(at: Picos, source: u32, destination: u32, bytes: u64) -> Flow {
    Flow { at, source: HostId(source), destination: HostId(destination), bytes }
}

/// When each message has arrived, in nanoseconds.
fn arrivals(network: Network, flows: Vec<Flow>) -> Vec<f64> {
    let mut run = Simulation::new(network, flows, 1, Datagrams::new);
    let record = run.run(Picos::MAX);
    let arrived = |it: &trama_sim::FlowRecord| it.received.map_or(f64::NAN, |at| at.0 as f64 / 1e3);
    record.flows.iter().map(arrived).collect()
}

#[test]
fn two_packets_for_one_host_wait_for_each_other() {
    let star = Star { hosts: 3, ..Star::default() };
    let build = |capacity| star.build(Queueing::drop_tail(capacity), Balance::Flow);
    let flows = || vec![flow(Picos::ZERO, 1, 0, 1500), flow(Picos::ZERO, 2, 0, 1500)];
    // 1500 B take 1.2 us on each of two links with 1 us of delay; the second waits 1.2 us.
    assert_eq!(arrivals(build(100_000), flows()), [4400.0, 5600.0]);
    // One that finds no room is dropped.
    let times = arrivals(build(1000), flows());
    assert!(times[0] == 4400.0 && times[1].is_nan());
    // Another rate gives another time.
    let slower = Star { rate: Rate::from_gbps(5), ..star };
    let network = slower.build(Queueing::drop_tail(100_000), Balance::Flow);
    assert_eq!(arrivals(network, flows()), [6800.0, 9200.0]);
}

#[test]
fn a_message_takes_the_time_that_its_packets_take() {
    // Two segments of 1500 B, then an acknowledgement of 52 B (41.6 ns on each of two links).
    let times = |name: &str, gbps: u64, bytes: u64| {
        let transport = (registry::find(name).expect("it is there").make)();
        let star = Star { hosts: 2, rate: Rate::from_gbps(gbps), ..Star::default() };
        let (packet, header) = (transport.packet_bytes(), transport.header_bytes());
        let bare = star.build(Queueing::drop_tail(1 << 20), Balance::Flow);
        let fabric = bare.fabric(packet, header);
        let network = star.build(transport.queueing(&fabric), transport.balance());
        let flows = vec![flow(Picos::ZERO, 0, 1, bytes)];
        let mut run =
            Simulation::new(network, flows, 1, |host| transport.endpoint(&fabric, host, 1));
        let it = run.run(Picos::MAX).flows[0];
        (it.received.map(|at| at.0), it.acknowledged.map(|at| at.0))
    };
    assert_eq!(times("dctcp", 10, 2896), (Some(5_600_000), Some(7_683_200)));
    // The odd packet waits for its acknowledgement, but the last one does not.
    assert_eq!(times("dctcp", 10, 1448), (Some(4_400_000), Some(6_483_200)));
    // Two packets of 9 kB take 720 ns each, answers of 64 B 5.12 ns.
    assert_eq!(times("ndp", 100, 2 * 8936), (Some(4_160_000), Some(6_170_240)));
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
    let network = dumbbell.build(Queueing::drop_tail(u32::MAX), Balance::Flow);
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
