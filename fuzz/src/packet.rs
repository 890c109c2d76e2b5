//! A packet as a state machine: any frame, and then any changes to its fields and structure.
//!
//! After each, what the packet says about itself must be true: headers lie within the frame; after
//! a change of structure the layout is that of the same bytes parsed anew; a checksum that was
//! right is right; and taking out what was put in gives what was there before.

use crate::CANARY;
use crate::choices::Choices;
use crate::frames::frame;
use trama_wire::Packet;
use trama_wire::header::{FieldRef, HEADERS, HeaderId};

/// Most changes to one packet.
const STEPS_MAX: usize = 64;

/// Longest frame that is changed further: tunnels in tunnels grow.
const FRAME_BYTES_MAX: usize = 4096;

const STACKS: [&[HeaderId]; 9] = [
    &[HeaderId::ETH],
    &[HeaderId::VLAN],
    &[HeaderId::VLAN, HeaderId::VLAN2],
    &[HeaderId::IP],
    &[HeaderId::IP, HeaderId::UDP],
    &[HeaderId::IP, HeaderId::ICMP],
    &[HeaderId::IP6],
    &[HeaderId::IP6, HeaderId::UDP],
    &[HeaderId::ETH, HeaderId::IP, HeaderId::UDP],
];

const EXCHANGES: [(HeaderId, &[HeaderId]); 7] = [
    (HeaderId::IP, &[HeaderId::IP6]),
    (HeaderId::IP6, &[HeaderId::IP]),
    (HeaderId::IP, &[HeaderId::IP6, HeaderId::FRAG6]),
    (HeaderId::IP, &[HeaderId::IP]),
    (HeaderId::IP6, &[HeaderId::IP6]),
    (HeaderId::INNER, &[HeaderId::INNER6]),
    (HeaderId::INNER6, &[HeaderId::INNER]),
];

const SUMMED: [HeaderId; 4] = [HeaderId::TCP, HeaderId::UDP, HeaderId::ICMP, HeaderId::ICMP6];

/// Runs the target.
pub fn run(data: &[u8]) {
    let mut choices = Choices::new(data);
    let mut packet = frame(&mut choices);
    for _ in 0..STEPS_MAX {
        if choices.is_done() || packet.len() > FRAME_BYTES_MAX {
            break;
        }
        step(&mut packet, &mut choices);
        assert_sound(&packet);
    }
    let _ = packet.describe().to_string();
}

fn step(packet: &mut Packet, choices: &mut Choices<'_>) {
    match choices.below(12) {
        0..=2 => set(packet, choices),
        3 => insert_and_remove(packet, choices),
        4 => {
            if packet.insert(&plain(choices.pick(&STACKS))) {
                assert_parsed(packet);
            }
        }
        5 => {
            if packet.remove(choices.pick(&STACKS)) {
                assert_parsed(packet);
            }
        }
        6 => exchange(packet, choices),
        7 => {
            packet.truncate(choices.number(2) as u32);
            assert_parsed(packet);
        }
        8 => {
            let right = right(packet);
            let options =
                std::array::from_fn(|_| choices.one_in(2).then(|| choices.number(2) as u32));
            packet.set_tcp_options(&options);
            assert_still_right(packet, right, "options");
        }
        9 => {
            let right = right(packet);
            packet.shift_sack(choices.number(4) as u32);
            assert_still_right(packet, right, "SACK");
        }
        10 => {
            let right = right(packet);
            let width = 8 << choices.below(4);
            packet.payload_set(choices.number(1) as u64, width, choices.number(8));
            assert_still_right(packet, right, "payload");
        }
        _ => packet.parse(),
    }
}

fn plain(ids: &[HeaderId]) -> Vec<(HeaderId, Vec<(FieldRef, u128)>)> {
    ids.iter().map(|id| (*id, Vec::new())).collect()
}

fn set(packet: &mut Packet, choices: &mut Choices<'_>) {
    let def = &HEADERS[choices.below(HEADERS.len())];
    let field = FieldRef { header: def.id, field: choices.below(def.fields.len()) as u8 };
    let value = choices.number(usize::from(field.def().width).div_ceil(8));
    let right = right(packet);
    packet.set(field, value);
    if !packet.layout().present.has(field.header) {
        return assert_still_right(packet, right, "a field that is not there");
    }
    let mask = u128::MAX >> (128 - u32::from(field.def().width));
    // In a quoted UDP header a checksum that follows stands at the place of a sequence number.
    let moves = field.header == HeaderId::INNER_L4 && field.def().name == "seq";
    assert!(moves || packet.get(field) == value & mask, "{:?}", field.def());
    if CANARY && field.def().name == "ecn" && value & mask == 3 {
        let at = packet.len() - 1;
        packet.bytes_mut()[at] ^= 1;
    }
    // Those that say what is summed, where and whether, may make a right sum a wrong one.
    let name = field.def().name;
    let decides = ["checksum", "len", "ihl", "offset", "version", "mf", "frag", "proto", "next"];
    let nested = matches!(field.header, HeaderId::INNER_L4 | HeaderId::INNER_ICMP);
    if !decides.contains(&name) && !(nested && name == "seq") && !is_kind(field) {
        assert_still_right(packet, right, name);
    }
}

/// EtherTypes and types of messages decide how the packet is read from then on.
fn is_kind(field: FieldRef) -> bool {
    field.def().name == "type"
}

fn insert_and_remove(packet: &mut Packet, choices: &mut Choices<'_>) {
    let stack = choices.pick(&STACKS);
    let before = packet.clone();
    // Behind a transport header nothing names what follows: it is told by its first byte.
    let present = Packet::new(before.bytes()).layout().present;
    let named = present.has(HeaderId::IP) || present.has(HeaderId::IP6);
    let named = named || matches!(stack, [HeaderId::ETH | HeaderId::VLAN, ..] | [_]);
    if packet.insert(&plain(stack)) {
        assert_parsed(packet);
        let inserted = packet.bytes().to_vec();
        if packet.remove(stack) {
            assert_parsed(packet);
            // Padding goes with the first change of the network layer.
            let len = packet.len();
            assert!(len <= before.len(), "{stack:?} took nothing out");
            if named && packet.bytes() != &before.bytes()[..len] {
                panic!(
                    "{stack:?}: {:02x?}\n{inserted:02x?}\n{:02x?}",
                    before.bytes(),
                    packet.bytes()
                );
            }
        }
    } else {
        assert_eq!(packet.bytes(), before.bytes(), "{stack:?} changed what it could not");
    }
}

fn exchange(packet: &mut Packet, choices: &mut Choices<'_>) {
    let (old, new) = choices.pick(&EXCHANGES);
    let before = packet.clone();
    let right = right(packet);
    if !packet.replace(old, &plain(new)) {
        return assert_eq!(packet.bytes(), before.bytes(), "{new:?} changed what it could not");
    }
    assert_parsed(packet);
    let fragment = [
        ("mf", HeaderId::IP),
        ("frag", HeaderId::IP),
        ("mf", HeaderId::FRAG6),
        ("frag", HeaderId::FRAG6),
    ];
    let is_fragment = fragment
        .iter()
        .any(|(name, id)| before.get(id.field(name).expect("it is in the table")) != 0);
    // Without a checksum one may be made; without a length only IPv6 has a meaning for it.
    let udp = |name| before.get(HeaderId::UDP.field(name).expect("it is in the table"));
    let special =
        before.layout().present.has(HeaderId::UDP) && (udp("checksum") == 0 || udp("len") == 0);
    // Fields that were written may say something else than what was recognised before.
    let read_anew = Packet::new(before.bytes());
    let same = read_anew.layout() == before.layout();
    if same && !is_fragment && !special {
        let now = crate::packet::right(packet);
        let [before_bytes, after_bytes] = [before.bytes(), packet.bytes()];
        assert_eq!(
            right.contains(&true),
            now.contains(&true),
            "{old:?} {new:?} {right:?} {now:?} {:?}\n{before_bytes:02x?}\n{after_bytes:02x?}",
            before.layout()
        );
    }
}

/// Which transport checksums are right.
fn right(packet: &Packet) -> [bool; SUMMED.len()] {
    SUMMED.map(|id| packet.checksum_ok(id))
}

fn assert_still_right(packet: &Packet, before: [bool; SUMMED.len()], what: &str) {
    for (id, before) in SUMMED.into_iter().zip(before) {
        assert!(!before || packet.checksum_ok(id), "{id:?} was right before {what} was written");
    }
}

fn assert_parsed(packet: &Packet) {
    let fresh = Packet::new(packet.bytes());
    assert_eq!(packet.layout(), fresh.layout(), "{:02x?}", packet.bytes());
}

fn assert_sound(packet: &Packet) {
    let layout = packet.layout();
    assert_eq!(layout.len as usize, packet.len());
    assert!(layout.payload <= layout.len.max(layout.payload.min(14)) && layout.end <= layout.len);
    for id in layout.present.iter() {
        let start = layout.start(id).expect("it is present");
        let end = start + usize::from(id.def().min_len);
        assert!(end <= packet.len(), "{id:?} ends at {end} of {}", packet.len());
    }
}
