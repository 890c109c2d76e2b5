//! Random packets: valid ones of every kind that the parser knows, and what becomes of them when
//! they are cut, mutated or were never packets at all.

use trama_base::{Nanos, Rng};
use trama_wire::Packet;
use trama_wire::header::{FieldRef, HeaderId};

type Stack = Vec<(HeaderId, Vec<(FieldRef, u128)>)>;

/// `count` packets at random times, mostly increasing, on random ports out of `ports`.
pub(crate) fn stream(rng: &mut Rng, start: Nanos, ports: u32, count: usize) -> Vec<Packet> {
    let mut now = start;
    (0..count)
        .map(|_| {
            let mut packet = any(rng);
            let scale = 3 * rng.below(11);
            now += Nanos(rng.below(1 << scale));
            packet.time = if rng.one_in(10) { Nanos(now.0 / 2) } else { now };
            packet.port = rng.below(u64::from(ports) + 1) as u32;
            if packet.port == ports && !rng.one_in(8) {
                packet.port = 0;
            }
            packet
        })
        .collect()
}

fn any(rng: &mut Rng) -> Packet {
    if rng.one_in(20) {
        let mut bytes = vec![0; rng.below(120) as usize];
        rng.fill(&mut bytes);
        return Packet::new(&bytes);
    }
    let mut frame = valid(rng).bytes().to_vec();
    if rng.one_in(6) {
        frame.resize(frame.len().max(60), 0);
    }
    if rng.one_in(6) {
        let len = rng.below(frame.len() as u64 + 1) as usize;
        frame.truncate(len);
    }
    if rng.one_in(6) && !frame.is_empty() {
        for _ in 0..=rng.below(3) {
            let at = rng.below(frame.len() as u64) as usize;
            frame[at] = rng.next_u64() as u8;
        }
    }
    Packet::new(&frame)
}

fn valid(rng: &mut Rng) -> Packet {
    let mut stack: Stack = vec![(HeaderId::ETH, addresses(rng))];
    for tag in [HeaderId::VLAN, HeaderId::VLAN2] {
        if !rng.one_in(4) {
            break;
        }
        stack.push((tag, random_fields(rng, tag, &["pcp", "id"])));
    }
    let mut payload = vec![0; rng.below(48) as usize];
    rng.fill(&mut payload);
    match rng.below(13) {
        10 => {
            let fields = [("id", rng.below(4).into()), ("questions", 1), ("answers", 1)];
            let dns = given(HeaderId::DNS, &fields);
            stack.push((HeaderId::IP, ip4(rng)));
            stack.push((HeaderId::UDP, given(HeaderId::UDP, &[("src", 1000)])));
            stack.push((HeaderId::DNS, dns));
            payload =
                b"\x03www\x07example\0\0\x01\0\x01\xc0\x0c\0\x01\0\x01\0\0\0\x09\0\x04\x0a\0\0\x01"
                    .to_vec();
        }
        11 => {
            stack.push((HeaderId::IP, ip4(rng)));
            let words = [HeaderId::GRE, HeaderId::GRE_CHECKSUM, HeaderId::GRE_KEY];
            let chosen = words.into_iter().filter(|id| *id == HeaderId::GRE || rng.one_in(2));
            stack.extend(chosen.map(|id| (id, Vec::new())).collect::<Vec<_>>());
        }
        12 => {
            stack.push((HeaderId::IP, ip4(rng)));
            stack.push((HeaderId::UDP, Vec::new()));
            stack.push((HeaderId::VXLAN, random_fields(rng, HeaderId::VXLAN, &["vni"])));
        }
        0 => {
            stack.push((HeaderId::ARP, random_fields(rng, HeaderId::ARP, &["op", "spa", "tpa"])));
            payload.clear();
        }
        1..=6 => {
            stack.push((HeaderId::IP, ip4(rng)));
            stack.push(upper(rng, [HeaderId::TCP, HeaderId::UDP, HeaderId::ICMP]));
        }
        7 => {
            stack.push((HeaderId::IP6, ip6(rng)));
            if rng.one_in(4) {
                let more = [("frag", 0), ("mf", rng.below(2).into())];
                stack.push((HeaderId::FRAG6, given(HeaderId::FRAG6, &more)));
            }
            stack.push(upper(rng, [HeaderId::TCP, HeaderId::UDP, HeaderId::ICMP6]));
        }
        8 => {
            stack.push((HeaderId::IP, ip4(rng)));
            stack.push((HeaderId::ICMP, given(HeaderId::ICMP, &[("type", 3), ("code", 1)])));
            payload = quoted(rng, HeaderId::IP, [HeaderId::TCP, HeaderId::UDP, HeaderId::ICMP]);
        }
        _ => {
            stack.push((HeaderId::IP6, ip6(rng)));
            stack.push((HeaderId::ICMP6, given(HeaderId::ICMP6, &[("type", 1), ("code", 4)])));
            payload = quoted(rng, HeaderId::IP6, [HeaderId::TCP, HeaderId::UDP, HeaderId::ICMP6]);
        }
    }
    let built = Packet::build(&stack, &payload);
    let mut packet = built.unwrap_or_else(|| panic!("the builder knows {stack:?}"));
    if rng.one_in(10) {
        fragment(rng, &mut packet);
    }
    let options = rng.one_in(5);
    if options { with_tcp_options(&packet).unwrap_or(packet) } else { packet }
}

/// Makes a packet look like a part of a larger one.
fn fragment(rng: &mut Rng, packet: &mut Packet) {
    for header in [HeaderId::IP, HeaderId::FRAG6] {
        for (field, value) in given(header, &[("mf", 1), ("frag", rng.below(3).into())]) {
            packet.set(field, value);
        }
    }
    packet.parse();
}

/// The start of a datagram as an ICMP error quotes it.
fn quoted(rng: &mut Rng, network: HeaderId, above: [HeaderId; 3]) -> Vec<u8> {
    let fields = if network == HeaderId::IP { ip4(rng) } else { ip6(rng) };
    let stack: Stack = vec![(network, fields), upper(rng, above)];
    let inside = Packet::build(&stack, &[1, 2, 3]).expect("the stack is one the builder knows");
    let datagram = &inside.bytes()[14..];
    datagram[..datagram.len().min(28 + rng.below(24) as usize)].to_vec()
}

/// The same TCP packet over plain IPv4 with MSS, window scale and timestamps; built by hand.
fn with_tcp_options(packet: &Packet) -> Option<Packet> {
    const OPTIONS: [u8; 20] = [2, 4, 5, 0xb4, 3, 3, 7, 1, 4, 2, 8, 10, 0, 0, 1, 2, 0, 0, 3, 4];
    let (ip, tcp) = (packet.layout().start(HeaderId::IP)?, packet.layout().start(HeaderId::TCP)?);
    let mut frame = packet.bytes().to_vec();
    frame.splice(tcp + 20..tcp + 20, OPTIONS);
    frame[tcp + 12] = 0xa0;
    let len = (frame.len() - ip) as u16;
    frame[ip + 2..ip + 4].copy_from_slice(&len.to_be_bytes());
    Some(Packet::new(&frame))
}

fn addresses(rng: &mut Rng) -> Vec<(FieldRef, u128)> {
    let mac = |rng: &mut Rng| 0x0200_0000_0000 + u128::from(rng.below(4));
    given(HeaderId::ETH, &[("dst", mac(rng)), ("src", mac(rng))])
}

fn ip4(rng: &mut Rng) -> Vec<(FieldRef, u128)> {
    let address = |rng: &mut Rng| 0x0a00_0000 + u128::from(rng.below(6));
    let fields = [("src", address(rng)), ("dst", address(rng)), ("ttl", rng.below(256).into())];
    given(HeaderId::IP, &fields)
}

fn ip6(rng: &mut Rng) -> Vec<(FieldRef, u128)> {
    let address = |rng: &mut Rng| (0x2001_0db8 << 96) + u128::from(rng.below(4));
    let fields = [("src", address(rng)), ("dst", address(rng)), ("ttl", rng.below(256).into())];
    given(HeaderId::IP6, &fields)
}

fn upper(rng: &mut Rng, kinds: [HeaderId; 3]) -> (HeaderId, Vec<(FieldRef, u128)>) {
    let id = *rng.pick(&kinds);
    let port = |rng: &mut Rng| 1000 + u128::from(rng.below(4));
    let fields = match id {
        HeaderId::TCP => {
            let flags = rng.below(256).into();
            vec![("src", port(rng)), ("dst", port(rng)), ("flags", flags)]
        }
        HeaderId::UDP if rng.one_in(5) => vec![("src", port(rng)), ("checksum", 0)],
        HeaderId::UDP => vec![("src", port(rng)), ("dst", port(rng))],
        HeaderId::ICMP => vec![("type", *rng.pick(&[0, 8])), ("id", port(rng))],
        _ => vec![("type", *rng.pick(&[128, 129])), ("id", port(rng))],
    };
    (id, given(id, &fields))
}

fn random_fields(rng: &mut Rng, id: HeaderId, names: &[&str]) -> Vec<(FieldRef, u128)> {
    let fields: Vec<_> = names.iter().map(|name| (*name, rng.below(8).into())).collect();
    given(id, &fields)
}

fn given(id: HeaderId, fields: &[(&str, u128)]) -> Vec<(FieldRef, u128)> {
    let field = |name| id.field(name).expect("a field of the table");
    fields.iter().map(|&(name, value)| (field(name), value)).collect()
}
