use super::*;
use crate::samples::{field, header, packets, tcp_with_options};
use trama_base::Rng;

/// Ones' complement sum by definition, modulo its two zeros.
fn residue(parts: &[&[u8]]) -> u32 {
    let mut total = 0_u32;
    for part in parts {
        for pair in part.chunks(2) {
            total += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
        }
    }
    total % 0xffff
}

/// The residue of a datagram's transport checksum, from the RFCs' text. `at` is where its upper
/// layer starts.
fn transport_residue(frame: &[u8], network: usize, at: usize, proto: u8) -> u32 {
    let v6 = frame[network] >> 4 == 6 || (frame[network] >> 4 != 4 && proto == 58);
    let word = |at: usize| usize::from(frame[at]) << 8 | usize::from(frame[at + 1]);
    let network_end =
        if v6 { network + 40 + word(network + 4) } else { network + word(network + 2) };
    let end = if proto == 17 { at + word(at + 4) } else { network_end };
    let segment = &frame[at..end.min(frame.len())];
    if proto == 1 {
        return residue(&[segment]);
    }
    let len = ((end - at) as u32).to_be_bytes();
    let addresses =
        if v6 { &frame[network + 8..network + 40] } else { &frame[network + 12..][..8] };
    let said = if !v6 {
        frame[network + 9]
    } else if at > network + 40 {
        frame[network + 40]
    } else {
        frame[network + 6]
    };
    residue(&[addresses, &len, &[0, said], segment])
}

/// Residues of all checksums of a packet, inner ones first. Zero where the checksum is right.
fn residues(packet: &Packet, layout: &Layout) -> Vec<(&'static str, u32)> {
    let frame = packet.bytes();
    let at = |id| layout.start(id);
    let mut all = Vec::new();
    if let Some(ip) = at(HeaderId::IP) {
        all.push(("ip", residue(&[&frame[ip..ip + 20]])));
    }
    if let (Some(network), Some(upper)) = (
        at(HeaderId::IP).or(at(HeaderId::IP6)),
        at(HeaderId::L4).or(at(HeaderId::ICMP)).or(at(HeaderId::ICMP6)),
    ) {
        all.push(("outer", transport_residue(frame, network, upper, layout.proto)));
    }
    if let Some(ip) = at(HeaderId::INNER) {
        all.push(("inner ip", residue(&[&frame[ip..ip + 20]])));
    }
    if let (Some(network), Some(upper)) = (
        at(HeaderId::INNER).or(at(HeaderId::INNER6)),
        at(HeaderId::INNER_L4).or(at(HeaderId::INNER_ICMP)),
    ) {
        let v6 = at(HeaderId::INNER6).is_some();
        let proto = frame[network + if v6 { 6 } else { 9 }];
        all.push(("inner", transport_residue(frame, network, upper, proto)));
    }
    all
}

/// Fields whose value decides where headers are or how long something is; they are tested apart.
fn is_structural(id: HeaderId, name: &str) -> bool {
    matches!(name, "ihl" | "len" | "version" | "checksum")
        || (id != HeaderId::FRAG6 && matches!(name, "proto" | "next"))
        // Over UDP the checksum lies there.
        || (id == HeaderId::INNER_L4 && name == "seq")
}

#[test]
fn the_samples_are_valid() {
    let mut checks = 0;
    for packet in packets(1) {
        for (what, residue) in residues(&packet, packet.layout()) {
            assert_eq!(residue, 0, "{what} of {:?}", packet.layout());
            checks += 1;
        }
    }
    assert!(checks > 50);
}

#[test]
fn every_field_write_keeps_right_checksums_right_and_wrong_ones_wrong() {
    let mut rng = Rng::new(2);
    let mut writes = 0;
    for seed in 0..40 {
        for mut packet in packets(seed) {
            if seed % 2 == 1 {
                spoil(&mut packet, &mut rng);
            }
            let layout = *packet.layout();
            for id in layout.present.iter() {
                for (index, def) in id.def().fields.iter().enumerate() {
                    if is_structural(id, def.name) {
                        continue;
                    }
                    let before = residues(&packet, &layout);
                    let value = u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64());
                    let target = FieldRef { header: id, field: index as u8 };
                    packet.set(target, value);
                    let kept = if def.width == 128 { u128::MAX } else { (1 << def.width) - 1 };
                    assert_eq!(packet.get(target), value & kept);
                    let after = residues(&packet, &layout);
                    assert_eq!(before, after, "{id:?}.{} in {layout:?}", def.name);
                    writes += 1;
                }
            }
            assert_eq!(*packet.layout(), layout, "a write moves no header");
        }
    }
    assert!(writes > 10_000, "{writes}");
}

/// Adds an error to every checksum that is in use.
fn spoil(packet: &mut Packet, rng: &mut Rng) {
    let layout = *packet.layout();
    for id in layout.present.iter() {
        if let Some(checksum) = id.field("checksum") {
            let wrong = packet.get(checksum) ^ u128::from(1 + rng.below(0xfffe));
            packet.set_raw(checksum, wrong.max(1));
        }
    }
}

#[test]
fn a_raw_write_leaves_checksums_behind() {
    // The negative control of the test above.
    for mut packet in packets(3) {
        let layout = *packet.layout();
        let network = [HeaderId::IP, HeaderId::IP6].into_iter().find(|id| layout.present.has(*id));
        let Some(id) = network else { continue };
        let source = field(id, "src");
        let before = residues(&packet, &layout);
        packet.set_raw(source, packet.get(source) ^ 0x0101);
        let gre = layout.present.has(HeaderId::GRE);
        let covered = before.iter().any(|(what, _)| *what == "ip") || (layout.proto != 0 && !gre);
        assert!(!covered || before != residues(&packet, &layout), "{layout:?}");
    }
}

#[test]
fn lengths_and_protocols_move_what_is_covered() {
    for seed in 0..10 {
        for (id, name) in [
            (HeaderId::IP, "len"),
            (HeaderId::IP6, "len"),
            (HeaderId::UDP, "len"),
            (HeaderId::IP, "proto"),
            (HeaderId::IP6, "next"),
        ] {
            for mut packet in packets(seed) {
                let layout = *packet.layout();
                if !layout.present.has(id) || layout.present.has(HeaderId::FRAG6) {
                    continue;
                }
                let target = field(id, name);
                let old = packet.get(target);
                let before = residues(&packet, &layout);
                for less in [1, 5, 2, 0] {
                    packet.set(target, old.saturating_sub(less));
                    assert_eq!(before, residues(&packet, &layout), "{id:?}.{name} in {layout:?}");
                }
            }
        }
    }
}

#[test]
fn a_gre_checksum_covers_what_it_encloses() {
    use HeaderId as H;
    let stack = [H::IP, H::GRE, H::GRE_CHECKSUM, H::GRE_KEY].map(|id| header(id, &[]));
    let mut packet = Packet::build(&stack, b"odd payload").expect("GRE stands on IPv4");
    assert!(packet.checksum_ok(H::GRE_CHECKSUM) && packet.checksum_ok(H::IP));
    packet.set(field(H::GRE_KEY, "key"), 0x1234_5678);
    packet.payload_set(14, 32, 0xdead_beef);
    packet.set(field(H::IP, "src"), 77);
    assert!(packet.checksum_ok(H::GRE_CHECKSUM) && packet.checksum_ok(H::IP));
    packet.set_raw(field(H::GRE_KEY, "key"), 5);
    assert!(!packet.checksum_ok(H::GRE_CHECKSUM), "the negative control");
}

#[test]
fn payload_writes_at_any_offset_keep_checksums() {
    let mut rng = Rng::new(4);
    for mut packet in packets(4) {
        let layout = *packet.layout();
        let len = packet.payload().len() as u64;
        for offset in 0..len + 2 {
            for width in [8_u8, 16, 32, 64] {
                let value = u128::from(rng.next_u64()) & ((1 << width) - 1);
                let old = packet.bytes().to_vec();
                let before = residues(&packet, &layout);
                packet.payload_set(offset, width, value);
                if offset + u64::from(width / 8) <= len {
                    if !overlaps_quoted_checksum(&packet, offset, width) {
                        assert_eq!(packet.payload_get(offset, width), value);
                        assert_eq!(before, residues(&packet, &layout), "{offset} {layout:?}");
                    }
                } else {
                    assert_eq!(packet.payload_get(offset, width), 0);
                    assert_eq!(packet.bytes(), old, "beyond the end nothing is written");
                }
            }
        }
        packet.payload_set(u64::MAX, 8, 1);
        packet.payload_set(u64::MAX - 7, 64, 1);
    }
}

/// The checksum of a quoted TCP segment is payload; writing it breaks it, as it should.
fn overlaps_quoted_checksum(packet: &Packet, offset: u64, width: u8) -> bool {
    let tcp = packet.layout().present.has(HeaderId::INNER_L4)
        && packet.layout().present.has(HeaderId::INNER)
        && packet.get(field(HeaderId::INNER, "proto")) == 6;
    tcp && offset < 10 && offset + u64::from(width / 8) > 8
}

#[test]
fn tcp_options_are_written_with_the_checksum() {
    for network in [HeaderId::IP, HeaderId::IP6] {
        let mut packet = tcp_with_options(network, &mut Rng::new(5));
        assert_eq!(packet.tcp_option(TcpOption::Mss), Some(1460));
        assert_eq!(packet.tcp_option(TcpOption::WindowScale), Some(7));
        assert_eq!(packet.tcp_option(TcpOption::SackPermitted), Some(1));
        assert_eq!(packet.tcp_option(TcpOption::TsVal), Some(0x102));
        assert_eq!(packet.tcp_option(TcpOption::TsEcr), Some(0x304));
        for (option, value) in [
            (TcpOption::Mss, 536),
            (TcpOption::WindowScale, 2),
            (TcpOption::TsVal, 0xdead_beef),
            (TcpOption::TsEcr, 0),
        ] {
            packet.set_tcp_option(option, value);
            assert_eq!(packet.tcp_option(option), Some(value));
            assert!(packet.checksum_ok(HeaderId::TCP), "{option:?}");
        }
        packet.set_tcp_option(TcpOption::SackPermitted, 9);
        assert_eq!(packet.tcp_option(TcpOption::SackPermitted), Some(1));
    }
}

#[test]
fn a_udp_checksum_of_zero_stays_and_a_computed_zero_does_not_occur() {
    let udp = field(HeaderId::UDP, "checksum");
    let port = field(HeaderId::UDP, "dst");
    for mut packet in packets(6) {
        if !packet.layout().present.has(HeaderId::UDP) {
            continue;
        }
        let whole = !packet.layout().present.has(HeaderId::FRAG6);
        // All 65,536 ports: one of them makes the sum all ones.
        let mut all_ones = 0;
        for value in 0..=0xffff {
            packet.set(port, value);
            assert_ne!(packet.get(udp), 0);
            all_ones += u32::from(packet.get(udp) == 0xffff);
        }
        assert_eq!(all_ones, 1);
        assert!(!whole || packet.checksum_ok(HeaderId::UDP));
        packet.set(udp, 0);
        packet.set(port, 53);
        assert_eq!(packet.get(udp), 0);
        let v4 = packet.layout().present.has(HeaderId::IP);
        assert_eq!(packet.checksum_ok(HeaderId::UDP), v4 && whole);
    }
}

#[test]
fn later_fragments_and_cut_headers() {
    let source = field(HeaderId::IP, "src");
    let mut packet = packets(7).remove(0);
    assert!(packet.layout().present.has(HeaderId::TCP));
    let upper = packet.layout().offset[usize::from(HeaderId::TCP.0)] as usize;
    // Cut behind the checksum field: the header is not present, its checksum is.
    packet.truncate(upper as u32 + 18);
    assert!(!packet.layout().present.has(HeaderId::TCP));
    let old = packet.bytes().to_vec();
    packet.set(source, packet.get(source) ^ 0xff);
    assert_ne!(packet.bytes()[upper + 16..], old[upper + 16..], "the checksum followed");
    // As a later fragment the same bytes are payload.
    packet.set(field(HeaderId::IP, "frag"), 100);
    packet.parse();
    let old = packet.bytes().to_vec();
    packet.set(source, packet.get(source) ^ 0xff);
    assert_eq!(packet.bytes()[upper..], old[upper..]);
    assert!(packet.checksum_ok(HeaderId::IP));
}

#[test]
fn a_routing_header_keeps_the_final_destination() {
    use crate::parse::protocol;
    let packet = packets(8).remove(8);
    assert!(packet.layout().present.has(HeaderId::UDP));
    // Make room for a segment routing header (RFC 8754) with one segment, then resend.
    let udp = packet.bytes()[54..].to_vec();
    let final_address = packet.bytes()[38..54].to_vec();
    let mut frame = packet.bytes()[..54].to_vec();
    frame[20] = protocol::ROUTING;
    frame[18..20].copy_from_slice(&(udp.len() as u16 + 24).to_be_bytes());
    frame.extend([protocol::UDP, 2, 4, 1, 0, 0, 0, 0]);
    frame.extend(&final_address);
    frame.extend(&udp);
    let mut packet = Packet::new(&frame);
    assert!(packet.checksum_ok(HeaderId::UDP), "{:?}", packet.layout());
    packet.set(field(HeaderId::IP6, "dst"), 0x42);
    assert!(packet.checksum_ok(HeaderId::UDP), "the next segment is not in the pseudo-header");
    packet.set(field(HeaderId::IP6, "src"), 0x43);
    assert!(packet.checksum_ok(HeaderId::UDP));
    // With no segment left the destination counts again.
    frame[57] = 0;
    let mut packet = Packet::new(&frame);
    packet.set(field(HeaderId::IP6, "dst"), 0x42);
    assert!(packet.checksum_ok(HeaderId::UDP));
}

#[test]
fn writes_to_absent_headers_do_nothing() {
    let mut packet = Packet::new(&[0; 60]);
    for header in crate::header::HEADERS.iter().filter(|h| h.id != HeaderId::ETH) {
        for index in 0..header.fields.len() {
            let target = FieldRef { header: header.id, field: index as u8 };
            packet.set(target, u128::MAX);
            packet.set_raw(target, u128::MAX);
            assert_eq!(packet.get(target), 0);
        }
    }
    assert_eq!(packet.bytes(), [0; 60]);
}
