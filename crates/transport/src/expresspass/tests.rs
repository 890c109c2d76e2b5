//! The rules of ExpressPass and Aeolus, on traces worked out by hand.

use super::receiver::Pace;
use super::*;
use trama_base::Rate;

const PAYLOAD: u64 = 1460;
/// A packet and its credit take 1297.6 ns; a round trip has room for ten of them.
const FABRIC: Fabric = Fabric {
    hosts: 4,
    link: Rate::from_gbps(10),
    delay: Picos::from_micros(10),
    base_rtt: Picos::from_nanos(12_976),
    links: 2,
    paths: 1,
};

fn endpoint(config: &Config) -> ExpressPass {
    ExpressPass::new(config, &FABRIC, HostId(0), 1)
}

fn submit(it: &mut ExpressPass, flow: u32, bytes: u64) {
    let (flow, destination) = (FlowId(flow), HostId(1));
    let message = Message { flow, destination, bytes, tag: 0, deadline: Picos::MAX };
    it.submit(Picos::ZERO, message);
}

fn sent(it: &mut ExpressPass, now: Picos) -> Vec<Packet> {
    let mut telemetry = Vec::new();
    let next = || it.transmit(now, &mut Outlet { paused: 0, telemetry: &mut telemetry });
    std::iter::from_fn(next).collect()
}

fn kinds(packets: &[Packet]) -> Vec<(Kind, u64)> {
    packets.iter().map(|it| (it.kind, it.sequence)).collect()
}

fn receive(it: &mut ExpressPass, now: Picos, packet: Packet) {
    it.receive(now, &Arrival { packet: &packet, at: now, telemetry: &[] });
}

fn note(kind: Kind, flow: u32, sequence: u64, extent: u64) -> Packet {
    let (flow, source, destination) = (FlowId(flow), HostId(1), HostId(0));
    Packet { kind, flow, source, destination, sequence, extent, ..Packet::default() }
}

#[test]
fn the_rate_rises_towards_the_link_and_falls_by_what_is_lost() {
    let rules = Rules::new(&Config::default(), &FABRIC);
    let mut pace = Pace::new(&rules, Picos::ZERO);
    let rtt = FABRIC.base_rtt;
    let mut now = Picos::ZERO;
    let mut number = 0;
    // Credits of a round trip of which some are lost: the share and the eagerness after it.
    let mut round = |lost: u64, pace: &mut Pace| {
        now += rtt;
        // The first of ten comes before the round trip is over.
        for _ in 1..10 - lost {
            number += 1;
            pace.learn(now - Picos(1), number, rtt, &rules);
        }
        number += 1 + lost;
        pace.learn(now, number, rtt, &rules);
        (pace.share, pace.eagerness)
    };
    // w = 1/16 at first: 1/16 + 15/16 * 1/2, then w grows by 0.05.
    assert_eq!(round(0, &mut pace), (0.53125, 0.0625));
    let (w, share) = (0.1125, 0.1125 + 0.8875 * 0.53125);
    assert_eq!(round(0, &mut pace), (share, w));
    // Six of ten are lost, the target is (1 - share) / 8, and four of ten times came back.
    let target = (1.0 - share) * 0.125;
    let fallen = 0.4 * (1.0 + target);
    assert_eq!(round(6, &mut pace), (fallen, w / 2.0));
    // The first rise after a fall does not make it more eager.
    let risen = w / 2.0 + (1.0 - w / 2.0) * fallen;
    assert_eq!(round(0, &mut pace), (risen, w / 2.0));
    // Never less than one credit in a round trip.
    for _ in 0..20 {
        round(9, &mut pace);
    }
    assert!(pace.share >= 0.1 && pace.eagerness == 0.01, "{pace:?}");
}

#[test]
fn one_packet_goes_for_each_credit_and_a_probe_behind_the_last_one() {
    let mut it = endpoint(&Config::default());
    submit(&mut it, 1, 2 * PAYLOAD);
    assert_eq!(kinds(&sent(&mut it, Picos::ZERO)), [(Kind::Request, 0)]);
    receive(&mut it, Picos::ZERO, note(Kind::Credit, 1, 7, 0));
    let first = sent(&mut it, Picos::ZERO);
    assert_eq!(kinds(&first), [(Kind::Data, 0)]);
    assert_eq!(first[0].detail, 7, "data tells which credit brought it");
    receive(&mut it, Picos::ZERO, note(Kind::Credit, 1, 8, 0));
    let rest = [(Kind::Data, PAYLOAD), (Kind::Probe, 2 * PAYLOAD)];
    assert_eq!(kinds(&sent(&mut it, Picos::ZERO)), rest);
    // More credits are wasted.
    receive(&mut it, Picos::ZERO, note(Kind::Credit, 1, 9, 0));
    assert_eq!(sent(&mut it, Picos::ZERO), []);
    // What is missing goes again when there is a credit for it.
    receive(&mut it, Picos::ZERO, note(Kind::Nack, 1, 0, PAYLOAD));
    assert_eq!(sent(&mut it, Picos::ZERO), []);
    receive(&mut it, Picos::ZERO, note(Kind::Credit, 1, 10, 0));
    let again = [(Kind::Data, 0), (Kind::Probe, 2 * PAYLOAD)];
    assert_eq!(kinds(&sent(&mut it, Picos::ZERO)), again);
    assert_eq!(it.counters().retransmissions, 1);
    receive(&mut it, Picos::ZERO, note(Kind::Ack, 1, 0, 2 * PAYLOAD));
    assert_eq!(it.take_event(), Some(Event::Acknowledged(FlowId(1))));
}

/// Lets time pass until `end`; credits sent meanwhile, with their times in nanoseconds.
fn credits(it: &mut ExpressPass, end: Picos) -> Vec<u64> {
    let mut times = Vec::new();
    while let Some(now) = it.next_timeout().filter(|&at| at <= end) {
        it.timeout(now);
        let credits = sent(it, now);
        times.extend(credits.iter().filter(|it| it.kind == Kind::Credit).map(|_| now.0 / 1000));
    }
    times
}

#[test]
fn credits_go_at_half_the_rate_of_the_link_at_first() {
    let mut it = endpoint(&Config { jitter: 0.0, ..Config::default() });
    receive(&mut it, Picos::ZERO, note(Kind::Request, 1, 0, 1_000_000));
    assert_eq!(kinds(&sent(&mut it, Picos::ZERO)), [(Kind::Credit, 1)]);
    // Every other time of a packet with its credit: 2595.2 ns.
    let times = credits(&mut it, Picos::from_nanos(8_000));
    assert_eq!(times, [2595, 5190, 7785]);
    // A sender that says nothing gets no more after a while.
    let times = credits(&mut it, Picos::from_millis(10));
    assert!(times.last().is_some_and(|&at| at <= 2_000_000), "{:?}", times.last());
    receive(&mut it, Picos::from_millis(11), note(Kind::Request, 1, 0, 1_000_000));
    assert_eq!(sent(&mut it, Picos::from_millis(11)).len(), 1);
}

#[test]
fn the_interface_holds_credits_of_all_messages_to_their_share() {
    let mut it = endpoint(&Config { jitter: 0.0, ..Config::default() });
    for flow in 0..8 {
        let request = note(Kind::Request, flow, 0, 1_000_000);
        receive(&mut it, Picos::ZERO, request);
    }
    // Two at once, then one in the time of a packet with its credit.
    assert_eq!(sent(&mut it, Picos::ZERO).len(), 2);
    let times = credits(&mut it, Picos::from_nanos(5_000));
    assert_eq!(times, [1297, 2595, 3892]);
}

#[test]
fn aeolus_sends_a_round_trip_at_once_and_a_probe_behind_it() {
    let mut it = endpoint(&Config::aeolus());
    // 16 220 B are on their way in a round trip: eleven packets and a bit.
    submit(&mut it, 1, 100_000);
    let first = sent(&mut it, Picos::ZERO);
    let data: Vec<_> = first.iter().filter(|it| it.kind == Kind::Data).collect();
    assert!(data.iter().all(|it| it.flags.has(Flags::UNSCHEDULED)));
    assert_eq!(data.iter().map(|it| u64::from(it.payload_bytes)).sum::<u64>(), 16_220);
    assert_eq!((first[0].kind, data.len()), (Kind::Request, 12));
    assert_eq!(first.last().map(|it| (it.kind, it.sequence)), Some((Kind::Probe, 16_220)));
    // What was lost of it goes first, and what credits bring is protected.
    receive(&mut it, Picos::ZERO, note(Kind::Nack, 1, PAYLOAD, 2 * PAYLOAD));
    (1..=2).for_each(|n| receive(&mut it, Picos::ZERO, note(Kind::Credit, 1, n, 0)));
    let next = sent(&mut it, Picos::ZERO);
    assert_eq!(kinds(&next), [(Kind::Data, PAYLOAD), (Kind::Data, 16_220)]);
    assert!(next.iter().all(|it| !it.flags.has(Flags::UNSCHEDULED)));
}

#[test]
fn a_probe_is_answered_with_what_is_missing() {
    let mut it = endpoint(&Config::aeolus());
    let data = |sequence| Packet {
        payload_bytes: PAYLOAD as u16,
        flags: Flags::UNSCHEDULED,
        ..note(Kind::Data, 1, sequence, 4 * PAYLOAD)
    };
    receive(&mut it, Picos::ZERO, data(PAYLOAD));
    receive(&mut it, Picos::ZERO, data(3 * PAYLOAD));
    receive(&mut it, Picos::ZERO, note(Kind::Probe, 1, 4 * PAYLOAD, 4 * PAYLOAD));
    let answers = sent(&mut it, Picos::ZERO);
    let missing: Vec<_> = answers
        .iter()
        .filter(|it| it.kind == Kind::Nack)
        .map(|it| (it.sequence, it.extent))
        .collect();
    assert_eq!(missing, [(0, PAYLOAD), (2 * PAYLOAD, 3 * PAYLOAD)]);
    // When all is there it says so, and does so again if it is asked.
    receive(&mut it, Picos::ZERO, data(0));
    receive(&mut it, Picos::ZERO, data(2 * PAYLOAD));
    assert!(sent(&mut it, Picos::ZERO).iter().any(|it| it.kind == Kind::Ack));
    receive(&mut it, Picos::ZERO, note(Kind::Probe, 1, 4 * PAYLOAD, 4 * PAYLOAD));
    assert!(sent(&mut it, Picos::ZERO).iter().any(|it| it.kind == Kind::Ack));
}
