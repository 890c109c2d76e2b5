//! One line about a packet, in the manner of tcpdump.

use crate::header::HeaderId;
use crate::layout::Fault;
use crate::option::TcpOption;
use crate::packet::Packet;
use crate::parse::protocol;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::fmt::{self, Display, Formatter};

/// Prints a packet as one line: link, addresses, ports, flags, lengths. What is quoted in an ICMP
/// error comes in brackets.
#[derive(Clone, Copy, Debug)]
pub struct Describe<'a>(pub &'a Packet);

impl Packet {
    /// The packet in one line, for traces and failure messages.
    ///
    /// ```
    /// # use trama_wire::{Packet, header::HeaderId};
    /// let field = |id: HeaderId, name, value| (id.field(name).expect("a field"), value);
    /// let ip = vec![
    ///     field(HeaderId::IP, "src", 0x0a00_0001),
    ///     field(HeaderId::IP, "dst", 0x0a00_0002),
    /// ];
    /// let udp = vec![field(HeaderId::UDP, "src", 5353), field(HeaderId::UDP, "dst", 53)];
    /// let packet = Packet::build(&[(HeaderId::IP, ip), (HeaderId::UDP, udp)], b"?")
    ///     .expect("UDP stands on IPv4");
    /// assert_eq!(packet.describe().to_string(), "10.0.0.1:5353 > 10.0.0.2:53 udp len 1");
    /// ```
    pub fn describe(&self) -> Describe<'_> {
        Describe(self)
    }
}

impl Display for Describe<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.link(f)?;
        if self.has(HeaderId::ARP) {
            self.arp(f)?;
        } else if self.has(HeaderId::IP) {
            self.datagram(f, HeaderId::IP)?;
        } else if self.has(HeaderId::IP6) {
            self.datagram(f, HeaderId::IP6)?;
        } else {
            self.unknown(f)?;
        }
        match self.0.layout().fault {
            Fault::None => Ok(()),
            Fault::Truncated => f.write_str(", cut"),
            Fault::Malformed => f.write_str(", malformed"),
            Fault::TooDeep => f.write_str(", nested too deep"),
        }
    }
}

impl Describe<'_> {
    fn has(&self, id: HeaderId) -> bool {
        self.0.layout().present.has(id)
    }

    fn get(&self, id: HeaderId, name: &str) -> u64 {
        id.field(name).map_or(0, |field| self.0.get(field) as u64)
    }

    fn address(&self, id: HeaderId, name: &str) -> IpAddr {
        let value = id.field(name).map_or(0, |field| self.0.get(field));
        match id {
            HeaderId::IP6 | HeaderId::INNER6 => IpAddr::V6(Ipv6Addr::from(value)),
            _ => IpAddr::V4(Ipv4Addr::from(value as u32)),
        }
    }

    fn link(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for id in [HeaderId::VLAN, HeaderId::VLAN2] {
            if self.has(id) {
                write!(f, "vlan {} ", self.get(id, "id"))?;
                let priority = self.get(id, "pcp");
                if priority != 0 {
                    write!(f, "p{priority} ")?;
                }
            }
        }
        Ok(())
    }

    fn arp(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let address = |name| self.address(HeaderId::ARP, name);
        let sender = Mac(self.get(HeaderId::ARP, "sha"));
        match self.get(HeaderId::ARP, "op") {
            1 => write!(f, "arp who-has {} tell {}", address("tpa"), address("spa")),
            2 => write!(f, "arp {} is-at {sender}", address("spa")),
            op => write!(f, "arp op {op} from {sender}"),
        }
    }

    fn unknown(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if !self.has(HeaderId::ETH) {
            return write!(f, "{} bytes", self.0.len());
        }
        let (src, dst) = (self.get(HeaderId::ETH, "src"), self.get(HeaderId::ETH, "dst"));
        let at = self.0.layout().payload as usize;
        let kind = self.0.bytes()[..at].last_chunk::<2>().copied().unwrap_or_default();
        let kind = u16::from_be_bytes(kind);
        write!(f, "{} > {} type 0x{kind:04x} len {}", Mac(src), Mac(dst), self.0.len())
    }

    fn datagram(&self, f: &mut Formatter<'_>, network: HeaderId) -> fmt::Result {
        let ports = self.has(HeaderId::L4).then_some(HeaderId::L4);
        self.addresses(f, network, ports)?;
        let payload = self.0.payload().len();
        if self.has(HeaderId::TCP) {
            self.tcp(f)?;
        } else if self.has(HeaderId::UDP) {
            write!(f, " udp len {payload}")?;
            self.above_udp(f)?;
        } else if self.has(HeaderId::ICMP) {
            self.icmp(f, HeaderId::ICMP)?;
        } else if self.has(HeaderId::ICMP6) {
            self.icmp(f, HeaderId::ICMP6)?;
        } else {
            write!(f, " {} len {payload}", Protocol(self.0.layout().proto))?;
            if self.has(HeaderId::GRE_KEY) {
                write!(f, " key {}", self.get(HeaderId::GRE_KEY, "key"))?;
            }
        }
        self.fragment(f, network)
    }

    fn above_udp(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.has(HeaderId::VXLAN) {
            return write!(f, " vxlan {}", self.get(HeaderId::VXLAN, "vni"));
        }
        if !self.has(HeaderId::DNS) {
            return Ok(());
        }
        let get = |name| self.get(HeaderId::DNS, name);
        let kind = if get("qr") == 1 { "answer" } else { "query" };
        write!(f, " dns {kind} {}", get("id"))?;
        if get("rcode") != 0 {
            write!(f, " rcode {}", get("rcode"))?;
        }
        Ok(())
    }

    fn addresses(
        &self,
        f: &mut Formatter<'_>,
        network: HeaderId,
        ports: Option<HeaderId>,
    ) -> fmt::Result {
        let (src, dst) = (self.address(network, "src"), self.address(network, "dst"));
        match ports {
            None => write!(f, "{src} > {dst}"),
            Some(id) => {
                let src = SocketAddr::new(src, self.get(id, "src") as u16);
                let dst = SocketAddr::new(dst, self.get(id, "dst") as u16);
                write!(f, "{src} > {dst}")
            }
        }
    }

    fn fragment(&self, f: &mut Formatter<'_>, network: HeaderId) -> fmt::Result {
        let id = if network == HeaderId::IP { HeaderId::IP } else { HeaderId::FRAG6 };
        let offset = self.get(id, "frag") * 8;
        let more = self.get(id, "mf") == 1;
        if offset == 0 && !more {
            return Ok(());
        }
        let plus = if more { "+" } else { "" };
        write!(f, " frag {}:{offset}{plus}", self.get(id, "id"))
    }

    fn tcp(&self, f: &mut Formatter<'_>) -> fmt::Result {
        const LETTERS: [(&str, char); 8] = [
            ("flags.syn", 'S'),
            ("flags.fin", 'F'),
            ("flags.rst", 'R'),
            ("flags.psh", 'P'),
            ("flags.urg", 'U'),
            ("flags.ece", 'E'),
            ("flags.cwr", 'W'),
            ("flags.ack", '.'),
        ];
        let get = |name| self.get(HeaderId::TCP, name);
        let flags: String =
            LETTERS.iter().filter(|(name, _)| get(name) == 1).map(|(_, letter)| letter).collect();
        write!(f, " tcp [{}] seq {}", if flags.is_empty() { "-" } else { &flags }, get("seq"))?;
        if get("flags.ack") == 1 {
            write!(f, " ack {}", get("ack"))?;
        }
        write!(f, " win {} len {}", get("window"), self.0.payload().len())?;
        match self.0.tcp_option(TcpOption::Mss) {
            Some(mss) => write!(f, " mss {mss}"),
            None => Ok(()),
        }
    }

    fn icmp(&self, f: &mut Formatter<'_>, id: HeaderId) -> fmt::Result {
        let get = |name| self.get(id, name);
        let (kind, code) = (get("type"), get("code"));
        write!(f, " {} ", id.def().name)?;
        match (id, kind, code) {
            (HeaderId::ICMP, 8, _) | (HeaderId::ICMP6, 128, _) => self.echo(f, id, "request")?,
            (HeaderId::ICMP, 0, _) | (HeaderId::ICMP6, 129, _) => self.echo(f, id, "reply")?,
            (HeaderId::ICMP, 3, 4) => write!(f, "fragmentation needed mtu {}", get("mtu"))?,
            (HeaderId::ICMP6, 2, _) => write!(f, "packet too big mtu {}", get("mtu"))?,
            (HeaderId::ICMP, 3, _) | (HeaderId::ICMP6, 1, _) => {
                write!(f, "unreachable code {code}")?;
            }
            (HeaderId::ICMP, 11, _) | (HeaderId::ICMP6, 3, _) => f.write_str("time exceeded")?,
            (HeaderId::ICMP, 5, _) | (HeaderId::ICMP6, 137, _) => f.write_str("redirect")?,
            (HeaderId::ICMP6, 133, _) => f.write_str("router solicitation")?,
            (HeaderId::ICMP6, 134, _) => f.write_str("router advertisement")?,
            (HeaderId::ICMP6, 135, _) => f.write_str("neighbor solicitation")?,
            (HeaderId::ICMP6, 136, _) => f.write_str("neighbor advertisement")?,
            _ => write!(f, "type {kind} code {code}")?,
        }
        self.quote(f)
    }

    fn echo(&self, f: &mut Formatter<'_>, id: HeaderId, what: &str) -> fmt::Result {
        let (number, seq) = (self.get(id, "id"), self.get(id, "seq"));
        write!(f, "echo {what} id {number} seq {seq} len {}", self.0.payload().len())
    }

    fn quote(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (network, proto) = if self.has(HeaderId::INNER) {
            (HeaderId::INNER, self.get(HeaderId::INNER, "proto"))
        } else if self.has(HeaderId::INNER6) {
            (HeaderId::INNER6, self.get(HeaderId::INNER6, "next"))
        } else {
            return Ok(());
        };
        f.write_str(" [")?;
        self.addresses(f, network, self.has(HeaderId::INNER_L4).then_some(HeaderId::INNER_L4))?;
        write!(f, " {}", Protocol(proto as u8))?;
        if self.has(HeaderId::INNER_ICMP) {
            let get = |name| self.get(HeaderId::INNER_ICMP, name);
            write!(f, " echo id {} seq {}", get("id"), get("seq"))?;
        }
        f.write_str("]")
    }
}

/// An Ethernet address.
struct Mac(u64);

impl Display for Mac {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let [_, _, a, b, c, d, e, g] = self.0.to_be_bytes();
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// A protocol by its name, if it is a common one.
struct Protocol(u8);

impl Display for Protocol {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            protocol::ICMP => "icmp",
            2 => "igmp",
            protocol::IP => "ip-in-ip",
            protocol::TCP => "tcp",
            protocol::UDP => "udp",
            protocol::IP6 => "ip6-in-ip",
            protocol::GRE => "gre",
            50 => "esp",
            protocol::AUTHENTICATION => "ah",
            protocol::ICMP6 => "icmp6",
            89 => "ospf",
            103 => "pim",
            112 => "vrrp",
            132 => "sctp",
            other => return write!(f, "protocol {other}"),
        };
        f.write_str(name)
    }
}

#[cfg(test)]
mod tests;
