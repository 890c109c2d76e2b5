//! Frames by choice: mostly sound ones between a few ends, so that they meet in the tables of
//! programs, and some that are cut, changed or no frames at all.

use crate::choices::Choices;
use trama_wire::Packet;
use trama_wire::header::{FieldRef, HeaderId};

type Header = (HeaderId, Vec<(FieldRef, u128)>);

/// IPv4 ends: hosts, public addresses and services that the tests of the library use.
const ENDS4: [u32; 8] =
    [0x0a00_0005, 0x0a00_0006, 0xcb00_7107, 0xc633_640a, 0x0a00_0050, 0xc633_6450, 0x0a00_0001, 0];

/// IPv6 ends, one of them an IPv4 address behind the well-known prefix.
const ENDS6: [u128; 6] = [
    0x2001_0db8_0000_0000_0000_0000_0000_0005,
    0x2001_0db8_0009_0000_0000_0000_0000_0001,
    0x0064_ff9b_0000_0000_0000_0000_c633_640a,
    0xfe80_0000_0000_0000_0000_0000_0000_0005,
    0xff02_0000_0000_0000_0000_0000_0000_0001,
    0xfe80_0000_0000_0000_0000_0000_0000_0001,
];

const PORTS: [u16; 10] = [5000, 80, 53, 67, 68, 546, 547, 1024, 1025, 22];

const STATIONS: [u64; 5] =
    [0x0200_0000_000a, 0x0200_0000_000b, 0x0200_0000_0001, 0xffff_ffff_ffff, 0x0180_c200_0000];

/// A header with fields by name.
fn header(id: HeaderId, fields: &[(&str, u128)]) -> Header {
    let field =
        |&(name, value): &(&str, u128)| (id.field(name).expect("it is in the table"), value);
    (id, fields.iter().map(field).collect())
}

/// The next frame.
pub fn frame(choices: &mut Choices<'_>) -> Packet {
    if choices.one_in(24) {
        let len = choices.below(120);
        return Packet::new(choices.bytes(len));
    }
    let mut packet = built(choices);
    match choices.below(16) {
        0 => {
            let mut bytes = packet.bytes().to_vec();
            let at = choices.below(bytes.len().min(256));
            bytes[at] = choices.byte();
            packet = Packet::new(&bytes);
        }
        1 => packet.truncate(choices.byte().into()),
        2 => {
            let mut bytes = packet.bytes().to_vec();
            bytes.resize(bytes.len().max(60), 0);
            packet = Packet::new(&bytes);
        }
        _ => {}
    }
    packet
}

fn built(choices: &mut Choices<'_>) -> Packet {
    let stations =
        [("src", choices.pick(&STATIONS).into()), ("dst", choices.pick(&STATIONS).into())];
    let mut stack = vec![header(HeaderId::ETH, &stations)];
    if choices.one_in(12) {
        stack.push(header(HeaderId::VLAN, &[("id", choices.number(1))]));
    }
    match choices.below(10) {
        0 => stack.push(arp(choices)),
        1..=6 => {
            stack.push(ip(choices, HeaderId::IP));
            upper(choices, &mut stack, HeaderId::ICMP);
        }
        _ => {
            stack.push(ip(choices, HeaderId::IP6));
            if choices.one_in(8) {
                let more = choices.below(2) as u128;
                stack.push(header(HeaderId::FRAG6, &[("mf", more), ("id", choices.number(1))]));
            }
            upper(choices, &mut stack, HeaderId::ICMP6);
        }
    }
    let len = choices.below(40);
    let payload = choices.bytes(len).to_vec();
    let payload =
        if stack.last().is_some_and(|h| h.0 == HeaderId::ARP) { &[][..] } else { &payload };
    let built = Packet::build(&stack, payload);
    let mut packet = built.unwrap_or_else(|| panic!("the builder knows {stack:?}"));
    if choices.one_in(4) {
        let options = std::array::from_fn(|_| choices.one_in(2).then(|| choices.number(1) as u32));
        packet.set_tcp_options(&options);
    }
    packet
}

fn arp(choices: &mut Choices<'_>) -> Header {
    let fields = [
        ("op", 1 + choices.below(2) as u128),
        ("sha", choices.pick(&STATIONS).into()),
        ("spa", choices.pick(&ENDS4).into()),
        ("tpa", choices.pick(&ENDS4).into()),
    ];
    header(HeaderId::ARP, &fields)
}

fn ip(choices: &mut Choices<'_>, id: HeaderId) -> Header {
    let ttl = choices.pick(&[64_u128, 255, 1, 2, 0]);
    let ends = |choices: &mut Choices<'_>| match id {
        HeaderId::IP => u128::from(choices.pick(&ENDS4)),
        _ => choices.pick(&ENDS6),
    };
    let mut fields = vec![("src", ends(choices)), ("dst", ends(choices)), ("ttl", ttl)];
    if id == HeaderId::IP && choices.one_in(8) {
        fields.push(("mf", choices.below(2) as u128));
        fields.push(("frag", choices.below(3) as u128));
        fields.push(("id", choices.below(4) as u128));
    }
    header(id, &fields)
}

fn upper(choices: &mut Choices<'_>, stack: &mut Vec<Header>, icmp: HeaderId) {
    let ports = [("src", choices.pick(&PORTS).into()), ("dst", choices.pick(&PORTS).into())];
    match choices.below(8) {
        0..=2 => {
            let mut fields = ports.to_vec();
            fields.push(("flags", choices.pick(&[0x02_u128, 0x12, 0x10, 0x11, 0x04, 0x14, 0x18])));
            fields.push(("seq", choices.number(1)));
            fields.push(("ack", choices.number(1)));
            stack.push(header(HeaderId::TCP, &fields));
        }
        3 | 4 => stack.push(header(HeaderId::UDP, &ports)),
        5 | 6 => {
            let types = [8_u128, 0, 128, 129, 134, 135, 136];
            let fields = [("type", choices.pick(&types)), ("id", choices.below(4) as u128 + 1023)];
            stack.push(header(icmp, &fields));
        }
        _ => {
            let types = [3_u128, 1, 2, 11, 12, 4];
            let fields = [("type", choices.pick(&types)), ("code", choices.below(5) as u128)];
            stack.push(header(icmp, &fields));
            let (inner, name) = match icmp {
                HeaderId::ICMP => (HeaderId::INNER, HeaderId::IP),
                _ => (HeaderId::INNER6, HeaderId::IP6),
            };
            let quoted = ip(choices, name).1.into_iter().map(|(field, value)| {
                (inner.field(field.def().name).expect("a quote has the same fields"), value)
            });
            stack.push((inner, quoted.collect()));
            stack.push(header(HeaderId::INNER_L4, &ports));
        }
    }
}

/// What the other end would answer: ends and ports exchanged, numbers following on.
pub fn reply(packet: &Packet, flags: u8) -> Packet {
    let mut reply = Packet::new(packet.bytes());
    let pairs = [
        (HeaderId::ETH, "src", "dst"),
        (HeaderId::IP, "src", "dst"),
        (HeaderId::IP6, "src", "dst"),
        (HeaderId::L4, "src", "dst"),
        (HeaderId::TCP, "seq", "ack"),
    ];
    for (id, a, b) in pairs {
        let [a, b] = [a, b].map(|name| id.field(name).expect("it is in the table"));
        let (left, right) = (reply.get(a), reply.get(b));
        reply.set(a, right);
        reply.set(b, left);
    }
    let one = |name| HeaderId::TCP.field(name).expect("it is in the table");
    reply.set(one("ack"), reply.get(one("ack")).wrapping_add(1));
    reply.set(one("flags"), flags.into());
    for (id, request, answer) in [(HeaderId::ICMP, 8, 0), (HeaderId::ICMP6, 128, 129)] {
        let kind = id.field("type").expect("it is in the table");
        if reply.get(kind) == request {
            reply.set(kind, answer);
        }
    }
    reply
}

/// A frame of each kind, at each port in turn.
pub fn samples(ports: u32) -> Vec<Packet> {
    let mut packets = Vec::new();
    for seed in 0..24_u8 {
        let bytes: Vec<u8> =
            (0..60_u8).map(|i| seed.wrapping_mul(31).wrapping_add(i.wrapping_mul(7))).collect();
        let mut packet = frame(&mut Choices::new(&bytes));
        packet.port = u32::from(seed) % ports.max(1);
        packets.push(packet);
    }
    packets
}
