use super::*;
use crate::samples;
use trama_base::Rng;

fn field(id: HeaderId, name: &str) -> FieldRef {
    id.field(name).expect("it is in the table")
}

fn ends(network: HeaderId) -> Vec<(FieldRef, u128)> {
    vec![(field(network, "src"), 0x0a00_0001), (field(network, "dst"), 0x0102_0304)]
}

fn packet(stack: &[(HeaderId, Vec<(FieldRef, u128)>)], payload: &[u8]) -> Packet {
    Packet::build(stack, payload).expect("the headers stand on each other")
}

#[test]
fn every_transport_goes_there_and_back() {
    for (four, six) in [
        (HeaderId::TCP, HeaderId::TCP),
        (HeaderId::UDP, HeaderId::UDP),
        (HeaderId::ICMP, HeaderId::ICMP6),
    ] {
        for payload in [&b""[..], b"x", b"some payload"] {
            // A type of message that a sum of zero cannot hide.
            let name = if four == HeaderId::ICMP { "type" } else { "src" };
            let stack = [(HeaderId::IP, ends(HeaderId::IP)), (four, vec![(field(four, name), 9)])];
            let mut subject = packet(&stack, payload);
            let original = subject.bytes().to_vec();
            assert!(subject.replace(HeaderId::IP, &[(HeaderId::IP6, ends(HeaderId::IP6))]));
            assert!(subject.layout().present.has(six), "{:?}", subject.layout());
            assert!(subject.checksum_ok(six), "{four:?} {payload:?}");
            assert_eq!(subject.payload(), payload);
            assert_eq!(subject.get(field(HeaderId::IP6, "len")), (original.len() - 34) as u128);
            assert!(subject.replace(HeaderId::IP6, &[(HeaderId::IP, ends(HeaderId::IP))]));
            assert_eq!(subject.bytes(), original);
        }
    }
}

#[test]
fn padding_goes_and_lengths_are_those_that_the_header_says() {
    let stack = [(HeaderId::IP, ends(HeaderId::IP)), (HeaderId::UDP, vec![])];
    let mut subject = packet(&stack, b"ab");
    let mut padded = subject.bytes().to_vec();
    padded.resize(60, 0);
    subject.refill(&padded);
    assert!(subject.replace(HeaderId::IP, &[(HeaderId::IP6, ends(HeaderId::IP6))]));
    assert_eq!(subject.len(), 14 + 40 + 8 + 2);
    assert!(subject.checksum_ok(HeaderId::UDP));
    // A capture that cut the datagram: the header goes on saying how long it was.
    let mut cut = packet(&stack, &[7; 100]);
    cut.truncate(80);
    assert!(cut.replace(HeaderId::IP, &[(HeaderId::IP6, ends(HeaderId::IP6))]));
    assert_eq!(cut.get(field(HeaderId::IP6, "len")), 108);
}

#[test]
fn fragments_get_and_lose_their_header() {
    let fragment = vec![
        (field(HeaderId::IP, "mf"), 1),
        (field(HeaderId::IP, "frag"), 3),
        (field(HeaderId::IP, "proto"), 17),
    ];
    let mut subject = packet(&[(HeaderId::IP, fragment)], b"12345678");
    let frag6 = vec![(field(HeaderId::FRAG6, "frag"), 3), (field(HeaderId::FRAG6, "mf"), 1)];
    assert!(subject.replace(HeaderId::IP, &[(HeaderId::IP6, vec![]), (HeaderId::FRAG6, frag6)]));
    assert_eq!(subject.get(field(HeaderId::IP6, "next")), 44);
    assert_eq!(subject.get(field(HeaderId::FRAG6, "next")), 17);
    assert_eq!(subject.get(field(HeaderId::IP6, "len")), 16);
    let whole = vec![(field(HeaderId::IP, "frag"), 3)];
    assert!(subject.replace(HeaderId::IP6, &[(HeaderId::IP, whole)]));
    assert_eq!((subject.len(), subject.payload()), (42, &b"12345678"[..]));
    assert_eq!(subject.get(field(HeaderId::IP, "proto")), 17);
    assert!(subject.checksum_ok(HeaderId::IP));
}

#[test]
fn a_missing_udp_checksum_is_computed_for_ipv6_only() {
    let none = vec![(field(HeaderId::UDP, "checksum"), 0)];
    let mut subject = packet(&[(HeaderId::IP, vec![]), (HeaderId::UDP, none)], b"odd");
    assert!(subject.replace(HeaderId::IP, &[(HeaderId::IP, ends(HeaderId::IP))]));
    assert_eq!(subject.get(field(HeaderId::UDP, "checksum")), 0);
    assert!(subject.replace(HeaderId::IP, &[(HeaderId::IP6, ends(HeaderId::IP6))]));
    assert!(subject.checksum_ok(HeaderId::UDP));
}

#[test]
fn what_is_quoted_is_exchanged_under_the_same_error() {
    let error = [
        (HeaderId::IP, ends(HeaderId::IP)),
        (HeaderId::ICMP, vec![(field(HeaderId::ICMP, "type"), 3)]),
        (HeaderId::INNER, ends(HeaderId::INNER)),
        (HeaderId::INNER_L4, vec![(field(HeaderId::INNER_L4, "src"), 5000)]),
    ];
    let mut subject = packet(&error, b"");
    let ports = subject.layout().start(HeaderId::INNER_L4).expect("it is there");
    assert!(subject.replace(HeaderId::INNER, &[(HeaderId::INNER6, ends(HeaderId::INNER6))]));
    assert!(subject.checksum_ok(HeaderId::ICMP) && subject.checksum_ok(HeaderId::IP));
    let quoted = Shape { network: 42, v6: true, proto: protocol::UDP, at: ports + 20 };
    let transport = Transport::new(subject.bytes(), quoted, subject.len()).expect("it is UDP");
    assert!(transport.is_right(subject.bytes()), "the quoted checksum follows, too");
    subject.set(field(HeaderId::ICMP, "type"), 1);
    assert!(subject.replace(HeaderId::IP, &[(HeaderId::IP6, ends(HeaderId::IP6))]));
    assert!(subject.checksum_ok(HeaderId::ICMP6));
    assert!(subject.layout().present.has(HeaderId::INNER6), "{:?}", subject.layout());
    assert_eq!(subject.get(field(HeaderId::INNER_L4, "src")), 5000);
}

#[test]
fn what_is_wrong_stays_wrong() {
    let stack = [(HeaderId::IP, ends(HeaderId::IP)), (HeaderId::TCP, vec![])];
    let mut subject = packet(&stack, b"payload");
    let last = subject.len() - 1;
    subject.bytes_mut()[last] ^= 1;
    assert!(subject.replace(HeaderId::IP, &[(HeaderId::IP6, ends(HeaderId::IP6))]));
    assert!(!subject.checksum_ok(HeaderId::TCP));
}

#[test]
fn what_cannot_be_exchanged_is_left_alone() {
    let none: Vec<(FieldRef, u128)> = Vec::new();
    let refuse = |mut subject: Packet, old: HeaderId, new: &[HeaderId]| {
        let before = subject.bytes().to_vec();
        let stack: Vec<_> = new.iter().map(|id| (*id, none.clone())).collect();
        assert!(!subject.replace(old, &stack), "{old:?} {new:?}");
        assert_eq!(subject.bytes(), before);
    };
    let udp = packet(&[(HeaderId::IP, vec![]), (HeaderId::UDP, vec![])], b"x");
    refuse(udp.clone(), HeaderId::IP6, &[HeaderId::IP]);
    refuse(udp.clone(), HeaderId::IP, &[HeaderId::INNER6]);
    refuse(udp.clone(), HeaderId::IP, &[HeaderId::IP, HeaderId::FRAG6]);
    refuse(udp.clone(), HeaderId::UDP, &[HeaderId::IP]);
    refuse(udp.clone(), HeaderId::IP, &[]);
    refuse(udp, HeaderId::IP, &[HeaderId::IP6; 3]);
    // A routing header with a segment left; then without.
    let mut routed = packet(&[(HeaderId::IP6, vec![(field(HeaderId::IP6, "next"), 43)])], b"");
    let mut frame = routed.bytes().to_vec();
    frame.extend([59, 2, 3, 1, 0, 0, 0, 0]);
    frame.extend([0; 16]);
    frame[18..20].copy_from_slice(&24_u16.to_be_bytes());
    routed.refill(&frame);
    refuse(routed.clone(), HeaderId::IP6, &[HeaderId::IP]);
    frame[57] = 0;
    routed.refill(&frame);
    assert!(routed.replace(HeaderId::IP6, &[(HeaderId::IP, none)]));
}

/// No frame makes it panic, and what it made can be parsed.
#[test]
fn any_frame_will_do() {
    let none: Vec<(FieldRef, u128)> = Vec::new();
    let stacks: [&[HeaderId]; 5] = [
        &[HeaderId::IP],
        &[HeaderId::IP6],
        &[HeaderId::IP6, HeaderId::FRAG6],
        &[HeaderId::INNER],
        &[HeaderId::INNER6],
    ];
    let mut done = 0;
    let mut rng = Rng::stream(1, "replace");
    for seed in 0..300 {
        for mut subject in samples::packets(seed) {
            let mut frame = subject.bytes().to_vec();
            for _ in 0..rng.below(4) {
                let at = rng.below(frame.len() as u64) as usize;
                frame[at] = rng.next_u64() as u8;
            }
            frame.truncate(14 + rng.below(200) as usize);
            subject.refill(&frame);
            for new in stacks {
                let stack: Vec<_> = new.iter().map(|id| (*id, none.clone())).collect();
                for old in [HeaderId::IP, HeaderId::IP6, HeaderId::INNER, HeaderId::INNER6] {
                    done += u32::from(subject.replace(old, &stack));
                }
            }
            subject.set_tcp_options(&[Some(1), None, Some(1), Some(2), None]);
            subject.shift_sack(7);
        }
    }
    assert!(done > 10_000, "{done}");
}
