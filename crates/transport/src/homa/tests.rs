//! The rules of Homa, on traces worked out by hand: packets of 1440 B of payload, seven of which
//! are on their way in a round trip.

use super::*;
use trama_base::Rate;

const PAYLOAD: u64 = 1440;
const RTT_BYTES: u64 = 7 * PAYLOAD;
const FABRIC: Fabric = Fabric {
    hosts: 4,
    link: Rate::from_gbps(10),
    delay: Picos::from_micros(6),
    base_rtt: Picos::from_micros(8),
    links: 2,
    paths: 1,
};

fn homa(change: impl Fn(&mut Config)) -> Homa {
    let mut config = Config { rtt_bytes: Some(Bytes(RTT_BYTES)), ..Config::default() };
    change(&mut config);
    Homa::new(&config, &FABRIC, HostId(0))
}

fn submit(homa: &mut Homa, flow: u32, bytes: u64) {
    let (flow, destination) = (FlowId(flow), HostId(1));
    let message = Message { flow, destination, bytes, tag: 0, deadline: Picos::MAX };
    homa.submit(Picos::ZERO, message);
}

/// Everything that can be sent now.
fn sent(homa: &mut Homa, now: Picos) -> Vec<Packet> {
    let mut telemetry = Vec::new();
    let next = || homa.transmit(now, &mut Outlet { paused: 0, telemetry: &mut telemetry });
    std::iter::from_fn(next).collect()
}

fn receive(homa: &mut Homa, now: Picos, packet: Packet) {
    homa.receive(now, &Arrival { packet: &packet, at: now, telemetry: &[] });
}

fn note(kind: Kind, flow: u32, sequence: u64, extent: u64, detail: u64) -> Packet {
    let (flow, source, destination) = (FlowId(flow), HostId(1), HostId(0));
    Packet { kind, flow, source, destination, sequence, extent, detail, ..Packet::default() }
}

/// A packet of a message from another host.
fn data(source: u32, flow: u32, bytes: u64, sequence: u64) -> Packet {
    let payload_bytes = PAYLOAD.min(bytes - sequence) as u16;
    let source = HostId(source);
    Packet { source, payload_bytes, ..note(Kind::Data, flow, sequence, bytes, 0) }
}

/// Grants among packets: message, end and priority.
fn grants(packets: &[Packet]) -> Vec<(u32, u64, u64)> {
    let grants = packets.iter().filter(|it| it.kind == Kind::Grant);
    grants.map(|it| (it.flow.0, it.extent, it.detail)).collect()
}

#[test]
fn a_round_trip_goes_at_once_and_the_rest_as_it_is_granted() {
    let mut homa = homa(|_| ());
    submit(&mut homa, 1, 100_000);
    let first = sent(&mut homa, Picos::ZERO);
    assert_eq!(first.len(), 7);
    // Four priorities for unscheduled packets at first: the longest messages have the last.
    assert!(first.iter().all(|it| it.flags.has(Flags::UNSCHEDULED) && it.priority == 3));
    receive(&mut homa, Picos::ZERO, note(Kind::Grant, 1, 0, RTT_BYTES + PAYLOAD, 6));
    let more = sent(&mut homa, Picos::ZERO);
    let [packet] = more[..] else { panic!("one packet was granted: {more:?}") };
    assert_eq!((packet.sequence, packet.priority), (RTT_BYTES, 6));
    assert!(!packet.flags.has(Flags::UNSCHEDULED));
}

#[test]
fn the_message_with_the_fewest_bytes_left_is_sent_first() {
    let mut homa = homa(|_| ());
    submit(&mut homa, 1, 5 * PAYLOAD);
    submit(&mut homa, 2, 2 * PAYLOAD);
    let mut telemetry = Vec::new();
    let mut outlet = Outlet { paused: 0, telemetry: &mut telemetry };
    let first = homa.transmit(Picos::ZERO, &mut outlet).map(|it| it.flow);
    // One that has as many left as the other waits for it; a shorter one does not.
    submit(&mut homa, 3, 100);
    let rest: Vec<u32> = sent(&mut homa, Picos::ZERO).iter().map(|it| it.flow.0).collect();
    assert_eq!((first, rest), (Some(FlowId(2)), vec![3, 2, 1, 1, 1, 1, 1]));
}

#[test]
fn grants_go_to_the_shortest_message_of_each_sender_at_the_lowest_priorities() {
    let mut homa = homa(|_| ());
    let (a, b, c) = (100_000, 50_000, 30_000);
    let grant = RTT_BYTES + PAYLOAD;
    let mut arrive = |packet| {
        receive(&mut homa, Picos::ZERO, packet);
        grants(&sent(&mut homa, Picos::ZERO))
    };
    assert_eq!(arrive(data(1, 1, a, 0)), [(1, grant, 7)]);
    // The longer one stays at the lowest priority, the shorter one is just above it.
    assert_eq!(arrive(data(2, 2, b, 0)), [(2, grant, 6)]);
    assert_eq!(arrive(data(1, 1, a, PAYLOAD)), [(1, grant + PAYLOAD, 7)]);
    // A shorter one of the same sender is granted in its place.
    assert_eq!(arrive(data(2, 3, c, 0)), [(3, grant, 6)]);
    assert_eq!(arrive(data(2, 2, b, PAYLOAD)), []);
    assert_eq!(arrive(data(1, 1, a, PAYLOAD)), [], "nothing new has arrived");
}

#[test]
fn as_many_messages_are_granted_as_may_be_and_the_next_one_when_one_needs_no_more() {
    let mut homa = homa(|config| config.overcommitment = Some(1));
    let mut arrive = |packet| {
        receive(&mut homa, Picos::ZERO, packet);
        grants(&sent(&mut homa, Picos::ZERO))
    };
    let (short, long) = (RTT_BYTES + PAYLOAD, 100_000);
    assert_eq!(arrive(data(1, 1, long, 0)), [(1, RTT_BYTES + PAYLOAD, 7)]);
    // All of the short one is granted at once, so the long one goes on.
    assert_eq!(arrive(data(2, 2, short, 0)), [(2, short, 7)]);
    assert_eq!(arrive(data(1, 1, long, PAYLOAD)), [(1, RTT_BYTES + 2 * PAYLOAD, 7)]);
    // A middle one is first now, and the long one gets nothing.
    assert_eq!(arrive(data(3, 3, 50_000, 0)), [(3, RTT_BYTES + PAYLOAD, 7)]);
    assert_eq!(arrive(data(1, 1, long, 2 * PAYLOAD)), []);
}

#[test]
fn what_does_not_arrive_is_asked_for_and_sent_again() {
    let later = Picos::from_millis(2);
    let mut receiver = homa(|_| ());
    for sequence in [0, 2 * PAYLOAD] {
        receive(&mut receiver, Picos::ZERO, data(1, 1, 3 * PAYLOAD, sequence));
    }
    assert_eq!(receiver.next_timeout(), Some(later));
    receiver.timeout(later);
    let asked = sent(&mut receiver, later);
    let [resend] = asked[..] else { panic!("one range is missing: {asked:?}") };
    let range = (resend.kind, resend.sequence, resend.extent);
    assert_eq!(range, (Kind::Resend, PAYLOAD, 2 * PAYLOAD));

    let mut sender = homa(|_| ());
    submit(&mut sender, 1, 3 * PAYLOAD);
    assert_eq!(sent(&mut sender, Picos::ZERO).len(), 3);
    receive(&mut sender, later, note(Kind::Resend, 1, PAYLOAD, 2 * PAYLOAD, 7));
    let again = sent(&mut sender, later);
    let [packet] = again[..] else { panic!("one packet goes again: {again:?}") };
    assert_eq!((packet.sequence, packet.payload_bytes), (PAYLOAD, PAYLOAD as u16));
    assert!(packet.flags.has(Flags::RETRANSMISSION));
    // Nothing is granted to a message that nobody asks for.
    receive(&mut sender, later, note(Kind::Resend, 9, 0, PAYLOAD, 7));
    assert_eq!(sender.counters().stray, 1);
}

#[test]
fn a_sender_with_something_better_to_send_says_busy() {
    let mut homa = homa(|_| ());
    submit(&mut homa, 1, 100_000);
    sent(&mut homa, Picos::ZERO);
    submit(&mut homa, 2, PAYLOAD);
    receive(&mut homa, Picos::ZERO, note(Kind::Resend, 1, 0, PAYLOAD, 7));
    let kinds: Vec<_> =
        sent(&mut homa, Picos::ZERO).iter().map(|it| (it.kind, it.flow.0)).collect();
    assert_eq!(kinds, [(Kind::Busy, 1), (Kind::Data, 2), (Kind::Data, 1)]);
}

#[test]
fn receivers_tell_senders_which_lengths_are_urgent() {
    let mut receiver = homa(|_| ());
    // 99 messages of 1 kB and one of a megabyte: most bytes are scheduled, so one priority is
    // left for unscheduled ones.
    for flow in 0..99 {
        receive(&mut receiver, Picos::ZERO, data(1, flow, 1000, 0));
    }
    assert!(sent(&mut receiver, Picos::ZERO).iter().all(|it| it.kind == Kind::Ack));
    receive(&mut receiver, Picos::ZERO, data(1, 99, 1_000_000, 0));
    let told = sent(&mut receiver, Picos::ZERO);
    let told = told.iter().find(|it| it.kind == Kind::Cutoffs).expect("it has new cutoffs");
    let mut sender = homa(|_| ());
    receive(&mut sender, Picos::ZERO, Packet { source: HostId(1), ..*told });
    submit(&mut sender, 1, 100_000);
    let first = sent(&mut sender, Picos::ZERO)[0];
    assert_eq!((first.priority, first.path), (0, told.path), "and says which it goes by");
    // Whoever knows them is not told again.
    let known = Packet { path: told.path, ..data(1, 200, 1000, 0) };
    receive(&mut receiver, Picos::ZERO, known);
    assert!(sent(&mut receiver, Picos::ZERO).iter().all(|it| it.kind != Kind::Cutoffs));
    // Nonsense is counted, and changes nothing.
    receive(&mut sender, Picos::ZERO, note(Kind::Cutoffs, 1, 0, 0, 200));
    assert_eq!(sender.counters().stray, 1);
}

#[test]
fn a_sender_that_hears_nothing_sends_its_first_packet_until_it_does() {
    let mut homa = homa(|_| ());
    submit(&mut homa, 1, 3 * PAYLOAD);
    assert_eq!(sent(&mut homa, Picos::ZERO).len(), 3);
    for round in 1..=3 {
        let now = Picos::from_millis(2 * round);
        homa.timeout(now);
        let again = sent(&mut homa, now);
        assert_eq!(again.iter().map(|it| it.sequence).collect::<Vec<_>>(), [0]);
    }
    receive(&mut homa, Picos::ZERO, note(Kind::Ack, 1, 0, 3 * PAYLOAD, 0));
    assert_eq!(homa.take_event(), Some(Event::Acknowledged(FlowId(1))));
    homa.timeout(Picos::from_millis(8));
    assert_eq!((sent(&mut homa, Picos::from_millis(8)), homa.next_timeout()), (vec![], None));
}
