use super::*;
use crate::samples::{field, header, packets};

#[test]
fn a_refilled_packet_keeps_nothing_of_the_old_one() {
    let samples = packets(1);
    let mut packet = samples[0].clone();
    packet.mark = 7;
    packet.port = 3;
    packet.time = Nanos(5);
    assert!(packet.insert(&[header(HeaderId::VLAN, &[])]));
    for sample in &samples {
        packet.refill(sample.bytes());
        assert_eq!(packet.bytes(), sample.bytes());
        assert_eq!(packet.layout(), sample.layout());
        assert_eq!((packet.mark, packet.port, packet.time), (0, 0, Nanos::ZERO));
        assert_eq!(packet.start as usize, HEADROOM);
    }
}

#[test]
fn a_copy_has_the_metadata_and_a_life_of_its_own() {
    let mut original = packets(2).remove(1);
    original.mark = 7;
    original.port = 3;
    original.time = Nanos(5);
    let mut copy = original.clone();
    assert_eq!((copy.mark, copy.port, copy.time), (7, 3, Nanos(5)));
    copy.set(field(HeaderId::IP, "ttl"), 1);
    assert_eq!(original.get(field(HeaderId::IP, "ttl")), 64);
    assert_ne!(copy.bytes(), original.bytes());
}

#[test]
fn enough_bytes_are_readable_behind_every_start() {
    for len in [0, 1, 13, 14, 60, 255, 256, 257, 1514, 9000] {
        let mut packet = Packet::new(&vec![1; len]);
        let start = packet.start as usize;
        assert!(packet.buffer.len() - start >= READABLE_MIN.max(len));
        let (frame, _) = packet.parts_mut();
        assert_eq!(frame.cast_const(), packet.buffer[start..].as_ptr());
    }
}

#[test]
fn truncation_stops_at_the_ethernet_header_and_leaves_the_headers_alone() {
    let whole = packets(3).remove(0);
    let mut packet = whole.clone();
    packet.truncate(u32::MAX);
    assert_eq!(packet.bytes(), whole.bytes());
    packet.truncate(40);
    assert_eq!(packet.bytes(), &whole.bytes()[..40]);
    assert!(packet.layout().present.has(HeaderId::IP));
    assert!(!packet.layout().present.has(HeaderId::TCP));
    packet.truncate(3);
    assert_eq!(packet.len(), 14);
    let mut short = Packet::new(&[1, 2, 3]);
    short.truncate(0);
    assert_eq!(short.bytes(), [1, 2, 3], "it was shorter before");
}

#[test]
fn a_damaged_byte_is_a_wrong_checksum() {
    for packet in packets(4) {
        for id in [HeaderId::IP, HeaderId::TCP, HeaderId::UDP, HeaderId::ICMP, HeaderId::ICMP6] {
            if !packet.checksum_ok(id) {
                continue;
            }
            let at = packet.layout().start(id).expect("a right checksum is present");
            let mut damaged = packet.clone();
            damaged.bytes_mut()[at + 1] ^= 0x10;
            assert!(!damaged.checksum_ok(id), "{id:?}");
            // Not whole in the capture.
            let mut cut = packet.clone();
            cut.truncate(packet.len() as u32 - 1);
            assert!(id == HeaderId::IP || !cut.checksum_ok(id), "{id:?}");
        }
    }
}

#[test]
fn what_is_not_there_reads_as_nothing() {
    let packet = Packet::new(&[0; 20]);
    assert_eq!(packet.get(field(HeaderId::TCP, "src")), 0);
    assert_eq!(packet.tcp_option(TcpOption::Mss), None);
    assert!(!packet.has_tcp_option(TcpOption::SackPermitted));
    assert!(!packet.has_ip_option(148));
    assert!(!packet.checksum_ok(HeaderId::TCP) && !packet.checksum_ok(HeaderId::ETH));
    assert_eq!(packet.payload(), [0; 6]);
    assert_eq!(packet.payload_get(0, 64), 0, "two of the eight bytes are missing");
}

#[test]
fn options_of_ipv4_are_found() {
    let stack = [header(HeaderId::IP, &[("ihl", 6), ("proto", 2)])];
    let packet = Packet::build(&stack, &[148, 4, 0, 0, 1, 2, 3, 4]).expect("IPv4");
    assert!(packet.has_ip_option(148));
    assert!(!packet.has_ip_option(131));
    assert_eq!(packet.payload(), [1, 2, 3, 4]);
}
