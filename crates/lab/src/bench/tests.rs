//! Small measurements of everything: that it runs, and that the comparison compares.

use super::hand::{self, Hand, Verdict};
use super::measure::compare_with;
use super::traffic::{field, turn_round};
use super::*;
use trama_base::{Nanos, Rng};
use trama_wire::header::HeaderId;
use trama_wire::{Packet, Pool};

const PLAN: Plan = Plan {
    rounds: 1,
    packets: 500,
    beside: Beside { hand: true, interpreter: true, alone: false },
};

fn case(name: &str) -> Case {
    let workload = Workload::find(name).expect("a workload of that name");
    Case { workload, flows: 300, frame_bytes: 64 }
}

#[test]
fn every_workload_runs_and_lets_its_traffic_through() {
    let cases: Vec<Case> = workloads().iter().map(|w| case(&w.name)).collect();
    for result in measure(&cases, &PLAN).expect("all can be measured") {
        let name = &result.case.workload.name;
        assert!(result.forwarded > 0.99, "{name} forwards {}", result.forwarded);
        assert!(result.native_ns.is_some() && result.interpreter_ns.is_some(), "{name}");
        assert_eq!(result.hand_ns.is_some(), result.case.workload.has_hand(), "{name}");
    }
}

#[test]
fn a_page_has_a_bar_for_each_and_a_curve() {
    let results = measure(&[case("nat")], &PLAN).expect("it can be measured");
    let points = vec![(1, results[0].clone()), (2, results[0].clone())];
    let html = page("few", &results, &[Curve { axis: Axis::Length, points }]);
    assert_eq!(html.matches("<rect").count(), 2, "machine code and by hand");
    assert_eq!(html.matches("<circle").count(), 2);
    assert!(html.ends_with("</html>\n") && !html.contains("NaN"));
}

/// The negative control: a function that changes one byte of one packet in a thousand.
struct Careless {
    inner: Box<dyn Hand>,
    count: u32,
}

impl Hand for Careless {
    fn fetch(&mut self, packets: &[Box<Packet>]) {
        self.inner.fetch(packets);
    }

    fn handle(&mut self, place: usize, packet: &mut Packet, now: Nanos) -> Verdict {
        self.count += 1;
        if self.count.is_multiple_of(1000) {
            packet.bytes_mut()[20] ^= 1;
        }
        self.inner.handle(place, packet, now)
    }

    fn counters(&mut self) -> &mut hand::Counters {
        self.inner.counters()
    }
}

#[test]
fn a_careless_yardstick_is_found() {
    for name in ["firewall", "nat", "chain", "maglev", "router", "scan"] {
        assert!(compare_with(&case(name), |hand| hand).is_ok(), "{name}");
        let careless = compare_with(&case(name), |inner| Box::new(Careless { inner, count: 0 }));
        assert!(matches!(careless, Err(WorkloadError::Differs { .. })), "{name}");
    }
}

/// A TCP segment of one of some flows from inside, sometimes the first fragment of a datagram.
fn segment(case: &Case, rng: &mut Rng) -> Packet {
    let (ip, tcp) = (HeaderId::IP, HeaderId::TCP);
    let flow = rng.below(40);
    let stack = [
        (
            ip,
            vec![
                (field(ip, "src"), 0x0a00_0002 + u128::from(flow % 4)),
                (field(ip, "dst"), case.workload.destination().into()),
                (field(ip, "mf"), u128::from(rng.one_in(20))),
            ],
        ),
        (tcp, vec![(field(tcp, "src"), 1000 + u128::from(flow)), (field(tcp, "dst"), 80)]),
    ];
    Packet::build(&stack, &[0; 10]).expect("a segment can be built")
}

/// Connections that open, talk, close, are reset and forgotten, as the traffic that is measured
/// does not: the yardstick follows them too.
#[test]
fn connections_are_followed_by_hand_as_well() {
    // SYN, SYN ACK, ACK, FIN ACK, RST.
    const FLAGS: [u128; 7] = [0x02, 0x12, 0x10, 0x10, 0x10, 0x11, 0x04];
    for name in ["firewall", "nat", "chain", "maglev", "router", "scan"] {
        let case = case(name);
        let mut now = Nanos::from_secs(1000);
        let program = case.workload.program().expect("it compiles");
        let mut engine = case.workload.engine(&program, now, false).expect("it runs");
        let mut by_hand = case.workload.hand(0, 64, now).expect("it is there");
        let (mut rng, mut pool) = (Rng::stream(3, name), Pool::default());
        let mut answers = Vec::new();
        let mut sent = 0;
        for round in 0..4000 {
            let mut packet = segment(&case, &mut rng);
            if rng.one_in(2) && !answers.is_empty() {
                packet = Packet::clone(rng.pick(&answers));
                packet.port = 1;
            }
            packet.set(field(HeaderId::TCP, "flags"), *rng.pick(&FLAGS));
            now += Nanos::from_secs(if rng.one_in(500) { 300 } else { 0 }) + Nanos(1000);
            packet.time = now;
            let (mut expected, mut found) = (Vec::new(), Vec::new());
            engine.process(&mut vec![Box::new(packet.clone())], &mut expected, &mut pool);
            let mut input = vec![Box::new(packet)];
            hand::process(&mut *by_hand, &mut input, &mut found, &mut pool);
            let seen = |packets: &[Box<Packet>]| -> Vec<(u32, Vec<u8>)> {
                packets.iter().map(|p| (p.port, p.bytes().to_vec())).collect()
            };
            assert_eq!(seen(&expected), seen(&found), "{name}, packet {round}");
            sent += expected.len();
            for mut packet in expected.into_iter().filter(|p| p.port == 1) {
                turn_round(&mut packet);
                answers.push(*packet);
            }
        }
        assert!(sent > 1000, "{name} sent {sent}");
    }
}
