//! The rules of R2P2, on traces worked out by hand.

use super::*;
use trama_base::Rate;

const FABRIC: Fabric = Fabric {
    hosts: 8,
    link: Rate::from_gbps(10),
    delay: Picos::from_micros(4),
    base_rtt: Picos::from_micros(5),
    links: 2,
    paths: 1,
};

fn endpoint(host: u32, change: impl Fn(&mut Config)) -> R2p2 {
    let mut config = Config { servers: 2, distribution: Distribution::Fixed, ..Config::default() };
    change(&mut config);
    R2p2::new(&config, &FABRIC, HostId(host), 1)
}

fn sent(it: &mut R2p2, now: Picos) -> Vec<Packet> {
    let mut telemetry = Vec::new();
    let next = || it.transmit(now, &mut Outlet { paused: 0, telemetry: &mut telemetry });
    std::iter::from_fn(next).collect()
}

fn receive(it: &mut R2p2, now: Picos, packet: Packet) -> Vec<Packet> {
    it.receive(now, &Arrival { packet: &packet, at: now, telemetry: &[] });
    sent(it, now)
}

/// A request of one packet, from host 7 by way of the router.
fn request(flow: u32) -> Packet {
    Packet {
        flow: FlowId(flow),
        source: HostId(7),
        wire_bytes: 158,
        payload_bytes: 100,
        extent: 100,
        detail: 1,
        ..Packet::default()
    }
}

fn note(kind: Kind, flow: u32, source: u32) -> Packet {
    Packet { kind, flow: FlowId(flow), source: HostId(source), ..Packet::default() }
}

/// To which servers a router sends.
fn servers(packets: &[Packet]) -> Vec<(u32, u32)> {
    packets.iter().map(|it| (it.flow.0, it.destination.0)).collect()
}

#[test]
fn a_server_has_so_many_requests_and_the_others_wait_for_the_first_that_has_room() {
    let mut router = endpoint(0, |config| config.bound = 2);
    let now = Picos::ZERO;
    let all: Vec<_> = (0..6).flat_map(|flow| receive(&mut router, now, request(flow))).collect();
    assert_eq!(servers(&all), [(0, 1), (1, 2), (2, 1), (3, 2)]);
    assert!(all.iter().all(|it| it.source == HostId(7)), "servers answer the client");
    // Server 2 has ended one: the first that waits goes there.
    let next = receive(&mut router, now, note(Kind::Feedback, 1, 2));
    assert_eq!(servers(&next), [(4, 2)]);
    // An end that is told twice counts once.
    assert_eq!(receive(&mut router, now, note(Kind::Feedback, 1, 2)), []);
    // What a client sends again goes where it is under way; what waits goes on waiting.
    assert_eq!(servers(&receive(&mut router, now, request(0))), [(0, 1)]);
    assert_eq!(receive(&mut router, now, request(5)), []);
    // Ends that were lost are forgotten after a while, and with them what they hold up.
    let later = router.next_timeout().expect("there are requests under way");
    router.timeout(later);
    assert_eq!(servers(&sent(&mut router, later)), [(5, 1)]);
}

#[test]
fn other_policies_do_not_let_requests_wait() {
    let choices = |policy| {
        let mut router = endpoint(0, |config| config.policy = policy);
        let all = (0..8).flat_map(|flow| receive(&mut router, Picos::ZERO, request(flow)));
        servers(&all.collect::<Vec<_>>()).iter().map(|&(_, server)| server).collect::<Vec<_>>()
    };
    assert_eq!(choices(Policy::RoundRobin), [1, 2, 1, 2, 1, 2, 1, 2]);
    assert_eq!(choices(Policy::Jsq), [1, 2, 1, 2, 1, 2, 1, 2]);
    let random = choices(Policy::Random);
    assert!(random.len() == 8 && random.contains(&1) && random.contains(&2), "{random:?}");
}

#[test]
fn a_full_router_refuses() {
    let mut router = endpoint(0, |config| (config.bound, config.queue) = (1, 1));
    let now = Picos::ZERO;
    (0..3).for_each(|flow| drop(receive(&mut router, now, request(flow))));
    let refused = receive(&mut router, now, request(3));
    assert_eq!(
        refused.iter().map(|it| (it.kind, it.destination.0)).collect::<Vec<_>>(),
        [(Kind::Refusal, 7)]
    );
}

#[test]
fn a_server_works_on_one_request_at_a_time_answers_the_client_and_tells_the_router() {
    let mut server = endpoint(1, |_| ());
    for flow in 0..2 {
        assert_eq!(receive(&mut server, Picos::ZERO, request(flow)), []);
    }
    for (flow, us) in [(0, 10), (1, 20)] {
        let now = Picos::from_micros(us);
        assert_eq!(server.next_timeout(), Some(now));
        server.timeout(now);
        let sent = sent(&mut server, now);
        let what: Vec<_> = sent.iter().map(|it| (it.kind, it.flow.0, it.destination.0)).collect();
        assert_eq!(what, [(Kind::Feedback, flow, 0), (Kind::Response, flow, 7)]);
    }
    // One that it has ended is answered again, and not worked on.
    let again = receive(&mut server, Picos::from_micros(30), request(0));
    assert_eq!((again.len(), server.next_timeout()), (2, None));
}

#[test]
fn a_long_request_goes_on_when_a_server_is_ready() {
    let now = Picos::ZERO;
    let mut client = endpoint(7, |_| ());
    let (flow, destination) = (FlowId(1), ROUTER);
    let (tag, deadline) = (0, Picos::MAX);
    client.submit(now, Message { flow, destination, bytes: 3000, tag, deadline });
    let first = sent(&mut client, now);
    assert_eq!(first.iter().map(|it| it.destination).collect::<Vec<_>>(), [ROUTER]);
    let mut server = endpoint(2, |_| ());
    let ready = receive(&mut server, now, Packet { destination: HostId(2), ..first[0] });
    assert_eq!(ready.iter().map(|it| it.kind).collect::<Vec<_>>(), [Kind::Ready]);
    let rest = receive(&mut client, now, ready[0]);
    assert_eq!(servers(&rest), [(1, 2), (1, 2)], "the rest does not go through the router");
    for packet in rest {
        receive(&mut server, now, packet);
    }
    let end = server.next_timeout().expect("it works");
    server.timeout(end);
    let answer = *sent(&mut server, end).last().expect("it answers");
    receive(&mut client, end, answer);
    let (source, bytes) = (HostId(2), 3000);
    assert_eq!(client.take_event(), Some(Event::Received { flow, source, bytes }));
    assert_eq!(client.take_event(), Some(Event::Acknowledged(flow)));
}

#[test]
fn times_of_service_have_their_mean_whatever_the_distribution() {
    for distribution in [Distribution::Fixed, Distribution::Exponential, Distribution::Bimodal] {
        let config = Config { distribution, ..Config::default() };
        let times = (0..50_000).map(|flow| config.service_time(3, FlowId(flow)).as_micros_f64());
        let mean = times.sum::<f64>() / 50_000.0;
        assert!((mean - 10.0).abs() < 0.2, "{distribution:?}: {mean}");
    }
}
