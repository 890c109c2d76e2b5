use super::*;
use crate::header::HeaderId as H;
use crate::samples::{field, header, packets};

fn whole(packet: &Packet) -> bool {
    packet
        .layout()
        .present
        .iter()
        .filter(|id| matches!(*id, H::IP | H::TCP | H::UDP | H::ICMP | H::ICMP6))
        .all(|id| packet.checksum_ok(id))
}

#[test]
fn built_packets_have_right_checksums_and_no_faults() {
    for packet in packets(1) {
        let fragment = packet.layout().present.has(H::FRAG6);
        assert!(fragment || whole(&packet), "{:?}", packet.layout());
        assert_eq!(packet.layout().fault, crate::layout::Fault::None);
        assert_eq!(packet.layout().end, packet.layout().len);
    }
}

#[test]
fn removing_undoes_inserting() {
    let stacks: &[&[H]] = &[
        &[H::ETH],
        &[H::ETH, H::VLAN],
        &[H::VLAN],
        &[H::VLAN, H::VLAN2],
        &[H::IP],
        &[H::IP6],
        &[H::IP, H::UDP],
        &[H::IP6, H::UDP],
        &[H::IP6, H::TCP],
        &[H::ETH, H::IP, H::UDP],
        &[H::ETH, H::VLAN, H::IP6, H::UDP],
        &[H::IP, H::ICMP],
        &[],
    ];
    let mut done = 0;
    for packet in packets(2) {
        for stack in stacks {
            let mut changed = packet.clone();
            let network = [H::IP, H::IP6].iter().any(|id| packet.layout().present.has(*id));
            let with: Vec<_> = stack.iter().map(|id| header(*id, &[])).collect();
            if !changed.insert(&with) {
                assert_eq!(changed.bytes(), packet.bytes(), "a refusal changes nothing");
                assert!(!network || stack[0] == H::VLAN, "{stack:?} into {:?}", packet.layout());
                continue;
            }
            let added: usize = stack.iter().map(|id| usize::from(id.def().min_len)).sum();
            assert_eq!(changed.len(), packet.len() + added);
            for id in *stack {
                assert!(changed.layout().present.has(*id), "{id:?} of {stack:?}");
            }
            assert!(stack.is_empty() || stack[0] == H::VLAN || whole(&changed), "{stack:?}");
            if stack.contains(&H::ETH) || network {
                let more = &[H::TCP][..stack.len().min(1)];
                assert!(more.is_empty() || !changed.clone().remove(&[stack, more].concat()));
                assert!(changed.remove(stack), "{stack:?} out of {:?}", changed.layout());
                assert_eq!(changed.bytes(), packet.bytes(), "{stack:?}");
                assert_eq!(changed.layout(), packet.layout());
                done += 1;
            }
        }
    }
    assert!(done > 200, "{done}");
}

#[test]
fn given_fields_win_and_the_rest_is_filled() {
    let mut packet = packets(3).remove(0);
    let inner_source = packet.get(field(H::IP, "src"));
    let outer = [
        header(H::IP, &[("src", 0x0a00_0001), ("dst", 0x0a00_0002), ("df", 1)]),
        header(H::UDP, &[("dst", 4789), ("checksum", 0)]),
    ];
    assert!(packet.insert(&outer));
    assert_eq!(packet.get(field(H::IP, "src")), 0x0a00_0001);
    assert_eq!(packet.get(field(H::IP, "ttl")), 64);
    assert_eq!(packet.get(field(H::IP, "df")), 1);
    assert_eq!(packet.get(field(H::UDP, "checksum")), 0, "given");
    assert_eq!(packet.get(field(H::UDP, "len")) as usize, packet.payload().len() + 8);
    assert!(packet.checksum_ok(H::IP) && packet.checksum_ok(H::UDP));
    assert!(packet.remove(&[H::IP, H::UDP]));
    assert_eq!(packet.get(field(H::IP, "src")), inner_source);
}

#[test]
fn tags_get_their_ethertypes() {
    let mut packet = packets(4).remove(0);
    let tag = |id: u128| header(H::VLAN, &[("id", id)]);
    assert!(packet.insert(&[tag(5)]));
    assert_eq!(packet.get(field(H::ETH, "type")), 0x8100);
    assert_eq!(packet.get(field(H::VLAN, "type")), 0x0800);
    assert!(packet.insert(&[tag(6)]));
    assert_eq!(packet.get(field(H::ETH, "type")), 0x88a8);
    assert_eq!(packet.get(field(H::VLAN, "type")), 0x8100);
    assert_eq!(packet.get(field(H::VLAN, "id")), 6);
    assert_eq!(packet.get(field(H::VLAN2, "id")), 5);
    assert!(packet.layout().present.has(H::TCP));
    assert!(!packet.insert(&[tag(7), header(H::IP, &[])]), "a tag cannot end up in a datagram");
}

#[test]
fn padding_is_cut_when_a_network_header_comes_or_goes() {
    let mut bytes = packets(5).remove(0).bytes().to_vec();
    let plain = bytes.clone();
    bytes.extend([0xee; 9]);
    let mut packet = Packet::new(&bytes);
    assert!(packet.insert(&[header(H::VLAN, &[])]));
    assert_eq!(packet.len(), bytes.len() + 4, "a tag leaves padding alone");
    assert!(packet.remove(&[H::VLAN]));
    assert_eq!(packet.bytes(), bytes);
    assert!(packet.insert(&[header(H::IP, &[])]));
    assert!(packet.remove(&[H::IP]));
    assert_eq!(packet.bytes(), plain);
}

#[test]
fn what_makes_no_packet_is_refused() {
    let plain = packets(6).remove(0);
    let refused: &[&[H]] = &[
        &[H::TCP],
        &[H::VLAN2],
        &[H::IP, H::ETH],
        &[H::IP, H::ICMP6],
        &[H::IP6, H::ICMP],
        &[H::IP, H::IP],
        &[H::ARP],
        &[H::L4],
        &[H::IP, H::L4],
        &[H::INNER],
        &[H::ETH; 13],
    ];
    for stack in refused {
        let mut packet = plain.clone();
        let with: Vec<_> = stack.iter().map(|id| header(*id, &[])).collect();
        assert!(!packet.insert(&with), "{stack:?}");
        assert!(!packet.remove(stack), "{stack:?}");
        assert_eq!(packet.bytes(), plain.bytes());
        let built = Packet::build(&with, b"x");
        assert!(built.is_none(), "{stack:?}");
    }
    // Nothing to name in a protocol field, no place, or too long.
    let mut unknown = Packet::new(&[0; 60]);
    assert!(!unknown.insert(&[header(H::IP, &[])]));
    assert!(unknown.insert(&[header(H::IP, &[("proto", 99)])]));
    let mut short = Packet::new(&[0; 9]);
    assert!(!short.insert(&[header(H::IP, &[("proto", 99)])]));
    assert!(!short.insert(&[header(H::VLAN, &[])]));
    assert!(!short.remove(&[H::ETH]));
    let long = Packet::build(&[header(H::IP, &[]), header(H::UDP, &[])], &[0; 65_508]);
    assert!(long.is_none());
    let longest = Packet::build(&[header(H::IP, &[]), header(H::UDP, &[])], &[0; 65_507]);
    assert!(longest.is_some_and(|packet| packet.checksum_ok(H::UDP)));
}

#[test]
fn headroom_grows_when_it_is_used_up_and_reads_stay_in_the_buffer() {
    let mut packet = packets(7).remove(0);
    let plain = packet.bytes().to_vec();
    let stack = [header(H::ETH, &[]), header(H::IP6, &[]), header(H::UDP, &[])];
    let ids = [H::ETH, H::IP6, H::UDP];
    for _ in 0..50 {
        assert!(packet.insert(&stack));
        assert!(packet.buffer.len() >= packet.start as usize + READABLE_MIN.max(packet.len()));
    }
    for _ in 0..50 {
        assert!(packet.remove(&ids));
        assert!(packet.buffer.len() >= packet.start as usize + READABLE_MIN.max(packet.len()));
    }
    assert_eq!(packet.bytes(), plain);
}

#[test]
fn an_icmp_error_is_an_insertion() {
    let mut packet = packets(8).remove(2);
    let original = packet.bytes()[14..].to_vec();
    packet.truncate(14 + 28);
    let error = [header(H::IP, &[("src", 1), ("dst", 2)]), header(H::ICMP, &[("type", 11)])];
    assert!(packet.insert(&error));
    assert!(packet.checksum_ok(H::ICMP) && packet.checksum_ok(H::IP));
    assert!(packet.layout().present.has(H::INNER_L4));
    assert_eq!(packet.bytes()[42..], original[..28]);
}

#[test]
fn no_frame_makes_a_change_of_structure_panic() {
    let mut rng = trama_base::Rng::new(9);
    let all: Vec<H> = (0..H::COUNT as u8).map(H).collect();
    let samples = packets(9);
    for _ in 0..20_000 {
        let mut packet = rng.pick(&samples).clone();
        for _ in 0..rng.below(4) {
            let at = rng.below(packet.len() as u64) as usize;
            packet.bytes_mut()[at] = rng.next_u64() as u8;
        }
        if rng.one_in(2) {
            packet.parse();
        }
        if rng.one_in(3) {
            packet.truncate(rng.below(90) as u32);
        }
        let stack: Vec<H> = (0..rng.below(4)).map(|_| *rng.pick(&all)).collect();
        if rng.one_in(2) {
            packet.remove(&stack);
        } else {
            let with: Vec<_> = stack.iter().map(|id| header(*id, &[])).collect();
            packet.insert(&with);
        }
        for id in packet.layout().present.iter() {
            packet.checksum_ok(id);
        }
    }
}
