use super::*;
use crate::packet::Packet;
use crate::samples::{field, header, packets};
use proptest::prelude::*;

/// What holds for the layout of any bytes.
fn assert_sound(frame: &[u8], layout: &Layout) {
    assert_eq!(*layout, parse_any(frame), "the short way and the long way agree");
    assert_eq!(layout.len as usize, frame.len());
    assert!(layout.payload <= layout.end && layout.end <= layout.len, "{layout:?}");
    for id in layout.present.iter() {
        let end = layout.start(id).expect("present") + usize::from(id.def().min_len);
        let limit = if matches!(id, HeaderId::ETH) { layout.len } else { layout.end };
        assert!(end <= limit as usize, "{id:?} ends at {end} in {layout:?}");
    }
    for id in (0..HeaderId::COUNT as u8).map(HeaderId).filter(|id| !layout.present.has(*id)) {
        assert_eq!(layout.offset[usize::from(id.0)], 0, "absent headers have offset zero");
    }
    let transports = [HeaderId::TCP, HeaderId::UDP];
    let ports = transports.iter().filter(|id| layout.present.has(**id)).count();
    assert_eq!(usize::from(layout.present.has(HeaderId::L4)), ports);
    assert!(!(layout.present.has(HeaderId::IP) && layout.present.has(HeaderId::IP6)));
}

proptest! {
    #[test]
    fn any_bytes_have_a_sound_layout(frame in prop::collection::vec(any::<u8>(), 0..300)) {
        assert_sound(&frame, &parse(&frame));
    }

    #[test]
    fn damaged_packets_have_sound_layouts(
        which in 0_usize..30,
        damage in prop::collection::vec((0_usize..120, any::<u8>()), 0..6),
    ) {
        let samples = packets(1);
        let mut frame = samples[which % samples.len()].bytes().to_vec();
        for (at, byte) in damage {
            let at = at % frame.len();
            frame[at] = byte;
        }
        assert_sound(&frame, &parse(&frame));
    }
}

#[test]
fn every_truncation_keeps_the_headers_that_are_whole() {
    for packet in packets(2) {
        let frame = packet.bytes();
        let whole = packet.layout();
        for len in 0..frame.len() {
            let layout = parse(&frame[..len]);
            assert_sound(&frame[..len], &layout);
            for id in layout.present.iter() {
                assert_eq!(layout.start(id), whole.start(id), "{id:?} at {len}");
            }
            let mut outer = whole.present.iter().filter(|id| id.0 < HeaderId::INNER.0);
            let lost = outer.any(|id| !layout.present.has(id));
            assert_eq!(layout.fault, if lost { Fault::Truncated } else { Fault::None }, "{len}");
        }
    }
}

fn datagram(fields: &[(&str, u128)], payload: &[u8]) -> Vec<u8> {
    Packet::build(&[header(HeaderId::IP, fields)], payload).expect("IPv4").bytes().to_vec()
}

#[test]
fn lengths_of_ipv4() {
    let udp = [0, 1, 0, 2, 0, 12, 0, 0, 1, 2, 3, 4];
    let layout = |len: u128| parse(&datagram(&[("proto", 17), ("len", len)], &udp));
    // Padding lies beyond the end.
    assert_eq!(layout(30).end, 44);
    assert!(layout(30).present.has(HeaderId::UDP));
    // More than was captured, and zero as segmentation offload leaves it.
    assert_eq!((layout(1500).end, layout(1500).fault), (46, Fault::None));
    assert_eq!((layout(0).end, layout(0).fault), (46, Fault::None));
    // Less than its own header, or than the transport's.
    assert_eq!(layout(19).fault, Fault::Malformed);
    assert!(!layout(19).present.has(HeaderId::IP));
    assert_eq!(layout(27).fault, Fault::Malformed);
    assert!(layout(27).present.has(HeaderId::IP) && !layout(27).present.has(HeaderId::UDP));
    assert_eq!(layout(27).proto, 17);
}

#[test]
fn wrong_versions_and_header_lengths_of_ipv4() {
    for (fields, fault) in [
        (&[("version", 6)][..], Fault::Malformed),
        (&[("ihl", 4)], Fault::Malformed),
        (&[("ihl", 15), ("len", 60)], Fault::Truncated),
    ] {
        let layout = parse(&datagram(&[fields, &[("proto", 99)]].concat(), &[0; 8]));
        assert_eq!(layout.fault, fault, "{fields:?}");
        assert!(!layout.present.has(HeaderId::IP));
        assert_eq!(layout.payload, 14);
    }
    let options = parse(&datagram(&[("ihl", 6), ("proto", 17)], &[0; 12]));
    assert_eq!(options.start(HeaderId::UDP), Some(14 + 24));
}

#[test]
fn fragments_of_ipv4_have_a_transport_header_only_in_the_first() {
    let first = parse(&datagram(&[("mf", 1), ("proto", 17)], &[0; 8]));
    assert!(first.present.has(HeaderId::UDP));
    let later = parse(&datagram(&[("frag", 1), ("proto", 17)], &[0; 8]));
    assert!(!later.present.has(HeaderId::UDP));
    assert_eq!((later.proto, later.payload, later.fault), (17, 34, Fault::None));
}

#[test]
fn tcp_header_lengths() {
    for (offset, payload, fault) in [
        (4, 8, Fault::Malformed),
        (5, 0, Fault::None),
        (6, 4, Fault::None),
        (7, 4, Fault::Malformed),
    ] {
        let stack = [header(HeaderId::IP, &[]), header(HeaderId::TCP, &[("offset", offset)])];
        let packet = Packet::build(&stack, &vec![1; payload]).expect("TCP stands on IPv4");
        assert_eq!(packet.layout().fault, fault, "{offset} words");
        assert_eq!(packet.layout().present.has(HeaderId::TCP), fault == Fault::None);
    }
}

/// An IPv6 packet with these extension headers (type, bytes) in front of eight bytes of UDP.
fn extended(extensions: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let first = extensions.first().map_or(protocol::UDP, |e| e.0);
    let mut payload = Vec::new();
    for (i, (_, bytes)) in extensions.iter().enumerate() {
        let at = payload.len();
        payload.extend(bytes);
        payload[at] = extensions.get(i + 1).map_or(protocol::UDP, |e| e.0);
    }
    payload.extend([0, 1, 0, 2, 0, 8, 0, 0]);
    let ip6 = header(HeaderId::IP6, &[("next", first.into())]);
    Packet::build(&[ip6], &payload).expect("IPv6").bytes().to_vec()
}

#[test]
fn extension_headers_of_ipv6() {
    let options = |words: u8| [vec![0, words], vec![0; 6 + 8 * usize::from(words)]].concat();
    let authentication = [vec![0, 4], vec![0; 22]].concat();
    let fragment = |offset: u8| vec![0, 0, 0, offset << 3, 0, 0, 0, 7];
    let layout = parse(&extended(&[
        (protocol::HOP_BY_HOP, options(0)),
        (protocol::DESTINATION, options(2)),
        (protocol::ROUTING, options(1)),
        (protocol::FRAGMENT, fragment(0)),
        (protocol::AUTHENTICATION, authentication),
    ]));
    assert_eq!(layout.start(HeaderId::UDP), Some(54 + 8 + 24 + 16 + 8 + 24));
    assert_eq!(layout.start(HeaderId::FRAG6), Some(54 + 8 + 24 + 16));
    assert_eq!((layout.proto, layout.fault), (protocol::UDP, Fault::None));

    let later = parse(&extended(&[(protocol::FRAGMENT, fragment(3))]));
    assert!(later.present.has(HeaderId::FRAG6) && !later.present.has(HeaderId::UDP));
    assert_eq!((later.proto, later.payload), (protocol::UDP, 62));

    let many = |n: usize| parse(&extended(&vec![(protocol::DESTINATION, options(0)); n]));
    assert!(many(EXTENSIONS_MAX).present.has(HeaderId::UDP));
    assert_eq!(many(EXTENSIONS_MAX + 1).fault, Fault::TooDeep);
    assert_eq!(many(EXTENSIONS_MAX + 1).proto, 0);

    let long = parse(&extended(&[(protocol::DESTINATION, [vec![0, 200], vec![0; 6]].concat())]));
    assert_eq!(long.fault, Fault::Malformed);
}

#[test]
fn tags_up_to_the_limit() {
    for depth in 0..=TAGS_MAX + 1 {
        let mut frame = vec![0; 12];
        for i in 0..depth {
            let kind = [ethertype::VLAN, ethertype::SERVICE_VLAN, ethertype::OLD_VLAN][i % 3];
            frame.extend(kind.to_be_bytes());
            frame.extend([0, i as u8]);
        }
        frame.extend(&datagram(&[("proto", 17)], &[0; 8])[12..]);
        let packet = Packet::new(&frame);
        let layout = packet.layout();
        assert_eq!(layout.present.has(HeaderId::VLAN), depth > 0);
        assert_eq!(layout.present.has(HeaderId::VLAN2), depth > 1);
        if depth > 1 {
            assert_eq!(packet.get(field(HeaderId::VLAN, "id")), 0);
            assert_eq!(packet.get(field(HeaderId::VLAN2, "id")), 1);
        }
        assert_eq!(layout.present.has(HeaderId::UDP), depth <= TAGS_MAX);
        assert_eq!(layout.fault == Fault::TooDeep, depth > TAGS_MAX);
    }
}

#[test]
fn arp_only_of_ipv4_over_ethernet() {
    let arp = Packet::build(&[header(HeaderId::ARP, &[("op", 1)])], b"").expect("ARP");
    let mut frame = arp.bytes().to_vec();
    frame.resize(60, 0);
    assert_eq!((parse(&frame).end, parse(&frame).payload), (42, 42));
    frame[18] = 8;
    assert!(!parse(&frame).present.has(HeaderId::ARP));
    assert_eq!(parse(&frame).fault, Fault::None);
}

#[test]
fn quotes_stay_within_what_they_claim() {
    let quote = |len: u128, frag: u128| {
        let stack = [
            header(HeaderId::IP, &[]),
            header(HeaderId::ICMP, &[("type", 11)]),
            header(HeaderId::INNER, &[("len", len), ("frag", frag)]),
            header(HeaderId::INNER_L4, &[]),
        ];
        Packet::build(&stack, b"").expect("a quote").layout().present
    };
    assert!(quote(1500, 0).has(HeaderId::INNER_L4));
    assert!(!quote(27, 0).has(HeaderId::INNER_L4), "seven bytes are no header");
    assert!(!quote(1500, 9).has(HeaderId::INNER_L4), "a later fragment has none");
    assert!(quote(1500, 9).has(HeaderId::INNER));
    assert!(!quote(19, 0).has(HeaderId::INNER));
}
