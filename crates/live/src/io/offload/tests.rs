use super::*;
use trama_wire::Packet;

const ETH_LEN: usize = 14;

/// An Ethernet frame with an IPv4 or IPv6 header and a TCP or UDP header before `payload`, all
/// checksums right.
fn frame(ipv6: bool, tcp: bool, payload: &[u8]) -> Vec<u8> {
    let l4: Vec<u8> = match tcp {
        true => {
            let mut header = vec![0x30, 0x39, 0x00, 0x50, 0xff, 0xff, 0xff, 0xf0, 0, 0, 0, 1];
            // With a no-operation option; CWR, ACK, PSH, FIN.
            header.extend([0x60, 0x99, 0x10, 0, 0, 0, 0, 0, 1, 1, 1, 1]);
            header
        }
        false => {
            let len = (8 + payload.len()) as u16;
            [&[0x30, 0x39, 0x00, 0x35][..], &len.to_be_bytes(), &[0, 0]].concat()
        }
    };
    let len = (l4.len() + payload.len()) as u16;
    let proto = if tcp { 6 } else { 17 };
    let mut bytes = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    if ipv6 {
        bytes.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
        bytes.extend(len.to_be_bytes());
        bytes.extend([proto, 64]);
        bytes.extend([0xfd; 32]);
    } else {
        bytes.extend([0x08, 0x00, 0x45, 0]);
        bytes.extend((len + 20).to_be_bytes());
        bytes.extend([0xff, 0xfe, 0x40, 0, 64, proto, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        let sum = checksum::finish(checksum::sum(&bytes[ETH_LEN..]));
        put(&mut bytes, ETH_LEN + 10, sum);
    }
    bytes.extend(&l4);
    bytes.extend(payload);
    let layout = parse(&bytes);
    Transport::of(&bytes, &layout).expect("it has a transport header").fill(&mut bytes);
    bytes
}

/// What the kernel leaves in the checksum field for hardware to finish.
fn unfilled(whole: &[u8]) -> (Vec<u8>, PartialChecksum) {
    let transport = Transport::of(whole, &parse(whole)).expect("it has a transport header");
    let mut bytes = whole.to_vec();
    put(&mut bytes, transport.field, transport.pseudo);
    let start = transport.start;
    (bytes, PartialChecksum { start, field: transport.field - start })
}

fn all_kinds(payload: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    [(false, false), (false, true), (true, false), (true, true)]
        .into_iter()
        .map(|(ipv6, tcp)| frame(ipv6, tcp, payload))
}

fn is_right(bytes: &[u8]) -> bool {
    let packet = Packet::new(bytes);
    let present = |id| packet.layout().present.has(id);
    [HeaderId::IP, HeaderId::TCP, HeaderId::UDP]
        .into_iter()
        .all(|id| !present(id) || packet.checksum_ok(id))
}

#[test]
fn an_unfilled_checksum_is_completed_as_noted_and_as_found() {
    for len in [0usize, 1, 2, 33, 1400] {
        let payload: Vec<u8> = (0..len).map(|i| (i * 7) as u8).collect();
        for whole in all_kinds(&payload) {
            assert!(is_right(&whole));
            let (mut noted, note) = unfilled(&whole);
            let mut found = noted.clone();
            assert!(!is_right(&noted), "the control: unfilled is wrong");
            assert!(complete(&mut noted, note));
            assert_eq!(noted, whole);
            let layout = parse(&found);
            assert!(complete_if_unfilled(&mut found, &layout));
            assert_eq!(found, whole);
        }
    }
}

#[test]
fn right_checksums_and_those_wrong_in_another_way_stay() {
    for whole in all_kinds(&[1, 2, 3]) {
        let field = Transport::of(&whole, &parse(&whole)).expect("a transport header").field;
        for change in [0u8, 1, 0x80] {
            let mut bytes = whole.clone();
            bytes[field] ^= change;
            let before = bytes.clone();
            let layout = parse(&bytes);
            assert!(!complete_if_unfilled(&mut bytes, &layout));
            assert_eq!(bytes, before);
        }
    }
}

#[test]
fn fragments_and_notes_beyond_the_frame_are_left_alone() {
    let (mut bytes, _) = unfilled(&frame(false, false, &[9; 40]));
    // More fragments follow.
    bytes[ETH_LEN + 6] = 0x20;
    let layout = parse(&bytes);
    assert!(!complete_if_unfilled(&mut bytes, &layout));
    let len = bytes.len();
    assert!(!complete(&mut bytes, PartialChecksum { start: 40, field: len }));
    assert!(!complete(&mut bytes, PartialChecksum { start: 0xffff, field: 0xffff }));
}

#[test]
fn segments_have_the_payload_in_order_and_right_headers() {
    let payload: Vec<u8> = (0..5000).map(|i| (i % 256) as u8).collect();
    for (index, whole) in all_kinds(&payload).enumerate() {
        let tcp = index % 2 == 1;
        let kind = if tcp { Segments::Tcp(1448) } else { Segments::Udp(1448) };
        let mut parts = Vec::new();
        assert!(segment(&whole, kind, &mut Vec::new(), |part| parts.push(part.to_vec())));
        assert_eq!(parts.len(), 4);
        let mut joined = Vec::new();
        for (number, part) in parts.iter().enumerate() {
            assert!(is_right(part), "part {number} of kind {index}");
            let packet = Packet::new(part);
            joined.extend_from_slice(packet.payload());
            if let Some(l4) = packet.layout().start(HeaderId::TCP) {
                let sequence = u32::from_be_bytes(part[l4 + 4..l4 + 8].try_into().expect("four"));
                assert_eq!(sequence, 0xffff_fff0u32.wrapping_add(number as u32 * 1448));
                let flags = match number {
                    0 => 0x90,
                    3 => 0x19,
                    _ => 0x10,
                };
                assert_eq!(part[l4 + 13], flags, "CWR leads, PSH and FIN trail");
            }
            if let Some(ip) = packet.layout().start(HeaderId::IP) {
                let id = u16::from_be_bytes([part[ip + 4], part[ip + 5]]);
                assert_eq!(id, 0xfffe_u16.wrapping_add(number as u16));
            }
        }
        assert_eq!(joined, payload);
    }
}

#[test]
fn what_is_not_what_the_notes_say_is_refused() {
    let refused = |bytes: &[u8], kind| !segment(bytes, kind, &mut Vec::new(), |_| {});
    let whole = frame(false, true, &[0; 100]);
    assert!(refused(&whole, Segments::Udp(10)));
    assert!(refused(&whole, Segments::Unknown));
    assert!(refused(&whole[..40], Segments::Tcp(10)));
    assert!(refused(&[], Segments::Tcp(10)));
    assert!(refused(&frame(false, true, &[0; 5000]), Segments::Tcp(1)), "too many");
    assert!(!refused(&whole, Segments::Tcp(10)), "the control");
}

#[test]
fn notes_are_read() {
    let bytes = |flags, kind, size: u16, start: u16, field: u16| {
        let words = [0u16, size, start, field].map(u16::to_ne_bytes).concat();
        let mut all = [flags, kind, 0, 0, 0, 0, 0, 0, 0, 0];
        all[2..].copy_from_slice(&words);
        Notes::read(all)
    };
    assert_eq!(bytes(0, 0, 0, 34, 16), Notes::default());
    let partial = PartialChecksum { start: 34, field: 16 };
    let notes = bytes(1, 0x81, 1448, 34, 16);
    assert_eq!(notes, Notes { checksum: Some(partial), segments: Some(Segments::Tcp(1448)) });
    assert_eq!(bytes(0, 5, 1200, 0, 0).segments, Some(Segments::Udp(1200)));
    assert_eq!(bytes(0, 1, 0, 0, 0).segments, Some(Segments::Unknown));
    assert_eq!(bytes(0, 3, 100, 0, 0).segments, Some(Segments::Unknown));
}

/// Frames with a few bytes changed, cut anywhere, with any notes: no panic, and a frame that is
/// not changed on purpose stays as long as it was.
#[test]
fn hostile_frames_and_notes_break_nothing() {
    let mut rng = trama_base::Rng::stream(7, "offload");
    let seeds: Vec<Vec<u8>> = all_kinds(&[3; 300]).collect();
    let mut cut = 0;
    for _ in 0..20_000 {
        let mut bytes = rng.pick(&seeds).clone();
        for _ in 0..rng.below(6) {
            let at = rng.below(bytes.len().min(90) as u64) as usize;
            bytes[at] = rng.below(256) as u8;
        }
        bytes.truncate(rng.below(bytes.len() as u64 + 1) as usize);
        let mut raw = [0; NOTES_LEN];
        rng.fill(&mut raw);
        let notes = Notes::read(raw);
        let size = 1 + rng.below(400) as usize;
        for kind in [Segments::Tcp(size), Segments::Udp(size)] {
            let mut total = 0;
            let whole = segment(&bytes, kind, &mut Vec::new(), |part| total += part.len());
            assert!(!whole || total >= parse(&bytes).end as usize);
            cut += u32::from(whole);
        }
        let len = bytes.len();
        if let Some(partial) = notes.checksum {
            complete(&mut bytes, partial);
        }
        let layout = parse(&bytes);
        complete_if_unfilled(&mut bytes, &layout);
        assert_eq!(bytes.len(), len);
    }
    assert!(cut > 1_000, "the control: many frames can be cut, {cut}");
}
