//! The packets of a capture as tshark dissects them.

use std::net::IpAddr;
use std::path::Path;
use std::process::Command;

/// A packet of TCP, UDP or ICMP: the outermost one, and not a later fragment.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// Nanoseconds since 1970, never less than before.
    pub(super) time: u64,
    pub(super) src: IpAddr,
    pub(super) dst: IpAddr,
    pub(super) sport: u16,
    pub(super) dport: u16,
    /// Bytes of IP.
    pub(super) ip_len: u64,
    /// Bytes behind the header of the protocol.
    pub(super) payload: u64,
    pub(super) is_bad: bool,
    /// The datagram says that it is longer than the frame was.
    pub(super) is_overlong: bool,
    pub(super) proto: Proto,
    /// Address and port of the sender, then of the receiver, as in [`super::oracle::Row::id`].
    pub(super) id: String,
    /// All layers, with colons between them.
    pub(super) layers: String,
    /// Number of its TCP stream, and the kinds of segments that the stream has.
    pub(super) stream: Option<(u32, u32)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proto {
    Tcp {
        seq: u32,
        ack: u32,
        flags: u32,
        window: u32,
    },
    Udp,
    /// Type and code.
    Icmp(u8, u8),
    Icmp6(u8, u8),
}

impl Proto {
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Tcp { .. } => 6,
            Self::Udp => 17,
            Self::Icmp(..) => 1,
            Self::Icmp6(..) => 58,
        }
    }
}

const FIELDS: [&str; 33] = [
    "frame.len",
    "frame.time_epoch",
    "frame.protocols",
    "ip.src",
    "ip.dst",
    "ip.proto",
    "ip.len",
    "ip.hdr_len",
    "ip.frag_offset",
    "ipv6.src",
    "ipv6.dst",
    "ipv6.plen",
    "ipv6.fraghdr.offset",
    "tcp.srcport",
    "tcp.dstport",
    "tcp.seq_raw",
    "tcp.ack_raw",
    "tcp.flags",
    "tcp.len",
    "tcp.window_size_value",
    "tcp.checksum.status",
    "udp.srcport",
    "udp.dstport",
    "udp.length",
    "udp.checksum.status",
    "icmp.type",
    "icmp.code",
    "icmp.checksum.status",
    "icmpv6.type",
    "icmpv6.code",
    "icmpv6.checksum.status",
    "tcp.stream",
    "tcp.completeness",
];

/// What tshark says about each frame, as columns; nothing if it cannot be run.
pub(super) fn frames(path: &Path) -> Option<Vec<Vec<String>>> {
    let mut command = Command::new("tshark");
    command.arg("-n").arg("-r").arg(path).args(["-2", "-T", "fields", "-E", "occurrence=f"]);
    let preferences = [
        "tcp.check_checksum:TRUE",
        "udp.check_checksum:TRUE",
        "ip.defragment:FALSE",
        "ipv6.defragment:FALSE",
        "tcp.desegment_tcp_streams:FALSE",
        "tcp.relative_sequence_numbers:FALSE",
    ];
    for preference in preferences {
        command.args(["-o", preference]);
    }
    for field in FIELDS {
        command.args(["-e", field]);
    }
    let output = command.output().ok()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Some(text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect())
}

/// A column by its name; empty if the frame does not have it.
pub(super) fn column<'f>(frame: &'f [String], name: &str) -> &'f str {
    let at = FIELDS.iter().position(|field| *field == name).expect("it was asked for");
    frame.get(at).map_or("", String::as_str)
}

/// The packets that belong to connections.
pub(super) fn packets(frames: &[Vec<String>]) -> Vec<Seen> {
    let mut now = 0;
    let mut all = Vec::new();
    for frame in frames {
        now = now.max(nanoseconds(column(frame, "frame.time_epoch")));
        all.extend(packet(frame, now));
    }
    all
}

fn nanoseconds(text: &str) -> u64 {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let part = format!("{part:0<9}");
    whole.parse::<u64>().expect("seconds") * 1_000_000_000 + part.parse::<u64>().expect("a part")
}

/// Whether the first network header, behind nothing but Ethernet and VLAN tags, is that of IPv6,
/// and what stands behind it.
fn outermost(layers: &str) -> Option<(bool, &str)> {
    let mut layers = layers.split(':');
    let network = layers.find(|l| !matches!(*l, "eth" | "ethertype" | "vlan"))?;
    let upper = layers.find(|l| !l.starts_with("ipv6.") && *l != "data")?;
    matches!(network, "ip" | "ipv6").then_some((network == "ipv6", upper))
}

fn packet(frame: &[String], time: u64) -> Option<Seen> {
    let text = |name: &str| column(frame, name);
    let number = |name: &str| -> Option<u64> {
        let text = column(frame, name);
        match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        }
    };
    let (v6, upper) = outermost(text("frame.protocols"))?;
    let fragment = if v6 { "ipv6.fraghdr.offset" } else { "ip.frag_offset" };
    if number(fragment).is_some_and(|offset| offset != 0) {
        return None;
    }
    let address = |name: &str| text(name).parse().ok();
    let (src, dst) = if v6 { ("ipv6.src", "ipv6.dst") } else { ("ip.src", "ip.dst") };
    let ip_len = if v6 { number("ipv6.plen")? + 40 } else { number("ip.len")? };
    let bad = |name| number(name) == Some(0);
    let (proto, sport, dport, payload, is_bad) = match upper {
        "tcp" => {
            let proto = Proto::Tcp {
                seq: number("tcp.seq_raw")? as u32,
                ack: number("tcp.ack_raw")? as u32,
                flags: number("tcp.flags")? as u32,
                window: number("tcp.window_size_value")? as u32,
            };
            let ports = (number("tcp.srcport")?, number("tcp.dstport")?);
            (proto, ports.0, ports.1, number("tcp.len")?, bad("tcp.checksum.status"))
        }
        "udp" => {
            let ports = (number("udp.srcport")?, number("udp.dstport")?);
            let payload = number("udp.length")?.saturating_sub(8);
            (Proto::Udp, ports.0, ports.1, payload, bad("udp.checksum.status"))
        }
        "icmp" => {
            let (kind, code) = (number("icmp.type")? as u8, number("icmp.code")? as u8);
            let payload = ip_len.saturating_sub(number("ip.hdr_len")? + 8);
            (Proto::Icmp(kind, code), 0, 0, payload, bad("icmp.checksum.status"))
        }
        "icmpv6" => {
            let (kind, code) = (number("icmpv6.type")? as u8, number("icmpv6.code")? as u8);
            // Those of multicast routers are told by a header for every hop (RFC 2710).
            let extension = if text("frame.protocols").contains("ipv6.hopopts") { 8 } else { 0 };
            let payload = ip_len.saturating_sub(48 + extension);
            (Proto::Icmp6(kind, code), 0, 0, payload, bad("icmpv6.checksum.status"))
        }
        _ => return None,
    };
    let (src, dst): (IpAddr, IpAddr) = (address(src)?, address(dst)?);
    let stream = number("tcp.stream").zip(number("tcp.completeness"));
    Some(Seen {
        time,
        src,
        dst,
        sport: sport as u16,
        dport: dport as u16,
        ip_len,
        payload,
        is_bad,
        is_overlong: ip_len + 14 > number("frame.len")?,
        proto,
        id: format!("{src} {sport} {dst} {dport}"),
        layers: text("frame.protocols").to_owned(),
        stream: stream
            .filter(|_| proto.number() == 6)
            .map(|(stream, kinds)| (stream as u32, kinds as u32)),
    })
}
