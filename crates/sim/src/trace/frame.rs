//! Frames that stand for simulated packets in captures.
//!
//! Data and acknowledgements are TCP segments with their numbers, marks and selective
//! acknowledgements, so that Wireshark can follow the stream; everything else is UDP with words as
//! payload. Payloads are left out: a frame is recorded shorter than it was.

use trama_transport::{Flags, HostId, Kind, Packet};
use trama_wire::checksum;

/// Port of the receiving side of a stream.
const SERVER_PORT: u16 = 5001;
/// Port of everything else, at both ends.
const CONTROL_PORT: u16 = 4791;

/// The beginning of a frame for a packet.
pub(super) fn of(packet: &Packet) -> Vec<u8> {
    let (protocol, transport) = match packet.kind {
        Kind::Data | Kind::Ack => (6, tcp(packet)),
        _ => (17, udp(packet)),
    };
    let mut frame = Vec::with_capacity(34 + transport.len());
    frame.extend(mac(packet.destination));
    frame.extend(mac(packet.source));
    frame.extend([0x08, 0x00]);
    let total = usize::from(packet.wire_bytes).saturating_sub(14).max(20 + transport.len());
    let codepoint =
        match (packet.flags.has(Flags::CONGESTION), packet.flags.has(Flags::ECN_CAPABLE)) {
            (true, _) => 3,
            (false, true) => 2,
            (false, false) => 0,
        };
    let mut ip = [0; 20];
    ip[0] = 0x45;
    ip[1] = packet.priority.min(63) << 2 | codepoint;
    ip[2..4].copy_from_slice(&(total.min(65_535) as u16).to_be_bytes());
    ip[4..6].copy_from_slice(&packet.path.to_be_bytes());
    ip[8] = 64_u8.saturating_sub(packet.hops);
    ip[9] = protocol;
    ip[12..16].copy_from_slice(&address(packet.source));
    ip[16..20].copy_from_slice(&address(packet.destination));
    let sum = !checksum::sum(&ip);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    frame.extend(ip);
    frame.extend(transport);
    frame
}

fn mac(host: HostId) -> [u8; 6] {
    let [a, b, c, d] = host.0.to_be_bytes();
    [2, 0, a, b, c, d]
}

/// 10.0.0.1 for host 0, and on.
fn address(host: HostId) -> [u8; 4] {
    (0x0a00_0001 + host.0).to_be_bytes()
}

fn tcp(packet: &Packet) -> Vec<u8> {
    let client = 10_000 + (packet.flow.0 % 50_000) as u16;
    let is_data = packet.kind == Kind::Data;
    let ports = if is_data { [client, SERVER_PORT] } else { [SERVER_PORT, client] };
    let (sequence, acknowledged) =
        if is_data { (packet.sequence as u32, 0) } else { (0, packet.extent as u32) };
    let mut segment = Vec::new();
    ports.iter().for_each(|port| segment.extend(port.to_be_bytes()));
    segment.extend(sequence.to_be_bytes());
    segment.extend(acknowledged.to_be_bytes());
    let has_range = !is_data && packet.extent != u64::MAX && packet.detail > packet.extent;
    let words: u8 = if has_range { 8 } else { 5 };
    let flag = |flag, bit: u8| if packet.flags.has(flag) { bit } else { 0 };
    let flags = 0x10 | flag(Flags::LAST, 0x08) | flag(Flags::ECHO, 0x40);
    segment.extend([words << 4, flags, 0xff, 0xff, 0, 0, 0, 0]);
    if has_range {
        // Selective acknowledgement (RFC 2018).
        segment.extend([1, 1, 5, 10]);
        segment.extend((packet.sequence as u32).to_be_bytes());
        segment.extend((packet.detail as u32).to_be_bytes());
    }
    segment
}

fn udp(packet: &Packet) -> Vec<u8> {
    let words = format!("{:?} {} of message {}", packet.kind, packet.sequence, packet.flow.0);
    let mut datagram = Vec::new();
    datagram.extend(CONTROL_PORT.to_be_bytes());
    datagram.extend(CONTROL_PORT.to_be_bytes());
    datagram.extend((8 + words.len() as u16).to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(words.as_bytes());
    datagram
}
