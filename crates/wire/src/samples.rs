//! Packets for the tests of this crate.

use crate::header::{FieldRef, HeaderId};
use crate::packet::Packet;
use trama_base::Rng;

type Header = (HeaderId, Vec<(FieldRef, u128)>);

/// Fields of a header, by name.
pub(crate) fn header(id: HeaderId, fields: &[(&str, u128)]) -> Header {
    let field = |(name, value): &(&str, u128)| (id.field(name).expect("a field"), *value);
    (id, fields.iter().map(field).collect())
}

/// A field such as `ip.src`.
pub(crate) fn field(id: HeaderId, name: &str) -> FieldRef {
    id.field(name).unwrap_or_else(|| panic!("{id:?} has no field {name}"))
}

fn addresses(id: HeaderId, rng: &mut Rng) -> Header {
    let mut address = || match id {
        HeaderId::IP6 | HeaderId::INNER6 => {
            0x2001_0db8_u128 << 96 | u128::from(rng.next_u64()) << 32 | u128::from(rng.next_u64())
        }
        _ => u128::from(rng.next_u64() as u32),
    };
    header(id, &[("src", address()), ("dst", address())])
}

fn ports(id: HeaderId, rng: &mut Rng) -> Header {
    let mut port = || u128::from(rng.next_u64() as u16);
    header(id, &[("src", port()), ("dst", port())])
}

/// One valid packet of each shape, with payloads of even and odd length.
pub(crate) fn packets(seed: u64) -> Vec<Packet> {
    use HeaderId as H;
    let rng = &mut Rng::stream(seed, "samples");
    let mut packets = Vec::new();
    let shapes: &[&[HeaderId]] = &[
        &[H::IP, H::TCP],
        &[H::IP, H::UDP],
        &[H::IP, H::ICMP],
        &[H::IP6, H::TCP],
        &[H::IP6, H::UDP],
        &[H::IP6, H::ICMP6],
        &[H::IP6, H::FRAG6, H::UDP],
        &[H::ETH, H::VLAN, H::IP, H::UDP],
        &[H::ETH, H::VLAN, H::VLAN2, H::IP6, H::TCP],
        &[H::IP, H::ICMP, H::INNER, H::INNER_L4],
        &[H::IP, H::ICMP, H::INNER, H::INNER_ICMP],
        &[H::IP6, H::ICMP6, H::INNER6, H::INNER_L4],
        &[H::IP6, H::ICMP6, H::INNER6, H::INNER_ICMP],
        &[H::IP, H::ICMP, H::INNER],
        &[H::ETH, H::ARP],
        &[H::IP],
        &[H::IP, H::UDP, H::VXLAN],
        &[H::IP6, H::UDP, H::DNS],
        &[H::IP, H::GRE],
        &[H::ETH, H::VLAN, H::IP, H::GRE, H::GRE_KEY],
        &[H::IP6, H::GRE, H::GRE_KEY, H::GRE_SEQ],
    ];
    for shape in shapes {
        for odd in 0..2 {
            let mut payload = vec![0; 2 * rng.below(40) as usize + odd + 14];
            rng.fill(&mut payload);
            if shape.last() == Some(&H::ARP) {
                payload.clear();
            }
            let stack: Vec<_> = shape
                .iter()
                .map(|id| match *id {
                    H::IP | H::IP6 | H::INNER | H::INNER6 => addresses(*id, rng),
                    H::TCP | H::UDP | H::INNER_L4 => ports(*id, rng),
                    H::ICMP | H::ICMP6 if shape.len() == 2 => header(*id, &[("type", 200)]),
                    _ => header(*id, &[]),
                })
                .collect();
            packets.push(Packet::build(&stack, &payload).expect("shapes are legal"));
        }
    }
    packets.push(quoted_tcp(rng));
    packets.extend([tcp_with_options(H::IP, rng), tcp_with_options(H::IP6, rng)]);
    packets
}

/// An ICMP error that quotes a whole TCP segment.
fn quoted_tcp(rng: &mut Rng) -> Packet {
    let mut packet =
        Packet::build(&[addresses(HeaderId::IP, rng), ports(HeaderId::TCP, rng)], b"odd payload")
            .expect("TCP stands on IPv4");
    let error = [addresses(HeaderId::IP, rng), header(HeaderId::ICMP, &[("type", 3), ("code", 1)])];
    assert!(packet.insert(&error));
    assert!(packet.layout().present.has(HeaderId::INNER_L4));
    packet
}

/// A TCP segment with maximum segment size, window scale (at an odd place) and timestamps.
pub(crate) fn tcp_with_options(network: HeaderId, rng: &mut Rng) -> Packet {
    let options = [2, 4, 5, 0xb4, 1, 3, 3, 7, 8, 10, 0, 0, 1, 2, 0, 0, 3, 4, 4, 2];
    let mut tcp = ports(HeaderId::TCP, rng);
    tcp.1.push((field(HeaderId::TCP, "offset"), 10));
    let mut payload = options.to_vec();
    payload.extend(b"some data");
    Packet::build(&[addresses(network, rng), tcp], &payload).expect("TCP stands on IP")
}
