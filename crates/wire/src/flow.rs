//! Flow keys: who talks to whom.

use crate::header::HeaderId;
use crate::packet::Packet;
use crate::parse::protocol;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::fmt;

/// The five values that tell flows apart, in the direction of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowKey {
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// Source port; the identifier of an ICMP echo; 0 for other protocols.
    pub src_port: u16,
    /// Destination port; the identifier of an ICMP echo; 0 for other protocols.
    pub dst_port: u16,
    /// Upper-layer protocol number.
    pub proto: u8,
}

impl FlowKey {
    /// The key of a packet's outermost datagram. None without an IP header, and for TCP and UDP
    /// without ports: later fragments and cut headers.
    pub fn of(packet: &Packet) -> Option<Self> {
        let present = packet.layout().present;
        let number = |id: HeaderId, name| id.field(name).map_or(0, |field| packet.get(field));
        let (src, dst) = if present.has(HeaderId::IP) {
            let address = |name| IpAddr::V4(Ipv4Addr::from(number(HeaderId::IP, name) as u32));
            (address("src"), address("dst"))
        } else if present.has(HeaderId::IP6) {
            let address = |name| IpAddr::V6(Ipv6Addr::from(number(HeaderId::IP6, name)));
            (address("src"), address("dst"))
        } else {
            return None;
        };
        let proto = packet.layout().proto;
        let port = |id, name| number(id, name) as u16;
        let echo = |id, types: [u8; 2]| {
            let echo = types.contains(&(number(id, "type") as u8));
            if echo { port(id, "id") } else { 0 }
        };
        let (src_port, dst_port) = if present.has(HeaderId::L4) {
            (port(HeaderId::L4, "src"), port(HeaderId::L4, "dst"))
        } else if matches!(proto, protocol::TCP | protocol::UDP) {
            return None;
        } else if present.has(HeaderId::ICMP) {
            let id = echo(HeaderId::ICMP, [0, 8]);
            (id, id)
        } else if present.has(HeaderId::ICMP6) {
            let id = echo(HeaderId::ICMP6, [128, 129]);
            (id, id)
        } else {
            (0, 0)
        };
        Some(Self { src, dst, src_port, dst_port, proto })
    }

    /// The key of packets that answer.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self {
            src: self.dst,
            dst: self.src,
            src_port: self.dst_port,
            dst_port: self.src_port,
            proto: self.proto,
        }
    }
}

impl fmt::Display for FlowKey {
    /// `tcp 10.0.0.1:1234 > 10.0.0.2:80`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.proto {
            protocol::TCP => f.write_str("tcp ")?,
            protocol::UDP => f.write_str("udp ")?,
            protocol::ICMP => f.write_str("icmp ")?,
            protocol::ICMP6 => f.write_str("icmp6 ")?,
            other => write!(f, "protocol {other} ")?,
        }
        let src = SocketAddr::new(self.src, self.src_port);
        let dst = SocketAddr::new(self.dst, self.dst_port);
        write!(f, "{src} > {dst}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{header, packets};

    #[test]
    fn keys_of_ports_and_echoes() {
        let addresses = [("src", 0x0a00_0001), ("dst", 0x0a00_0002)];
        let key = |upper| {
            let packet = Packet::build(&[header(HeaderId::IP, &addresses), upper], b"").unwrap();
            FlowKey::of(&packet).unwrap().to_string()
        };
        assert_eq!(
            key(header(HeaderId::TCP, &[("src", 1234), ("dst", 80)])),
            "tcp 10.0.0.1:1234 > 10.0.0.2:80"
        );
        assert_eq!(
            key(header(HeaderId::ICMP, &[("type", 8), ("id", 77)])),
            "icmp 10.0.0.1:77 > 10.0.0.2:77"
        );
        assert_eq!(
            key(header(HeaderId::ICMP, &[("type", 13), ("id", 77)])),
            "icmp 10.0.0.1:0 > 10.0.0.2:0"
        );
    }

    #[test]
    fn reversing_twice_is_nothing_and_once_is_something() {
        let keys: Vec<_> = packets(1).iter().filter_map(FlowKey::of).collect();
        assert!(keys.len() > 20);
        for key in keys {
            assert_eq!(key.reversed().reversed(), key);
            assert_ne!(key.reversed(), key);
        }
    }

    #[test]
    fn a_later_fragment_has_no_key() {
        let fields = [("frag", 5), ("proto", 17)];
        let packet = Packet::build(&[header(HeaderId::IP, &fields)], &[0; 16]).unwrap();
        assert_eq!(FlowKey::of(&packet), None);
    }
}
