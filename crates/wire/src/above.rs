//! Headers above the transport layer, and of tunnels: they lie in the payload and do not move it.
//!
//! A message that is cut or strange has no such header; that is no fault of the packet, because
//! a port number is only a hint at what is inside.

use crate::header::HeaderId;
use crate::layout::Layout;
use crate::parse::chunk;
use crate::transport::word;

/// UDP ports (IANA) of what is recognised.
pub mod port {
    /// DNS.
    pub const DNS: u16 = 53;
    /// VXLAN.
    pub const VXLAN: u16 = 4789;
    /// Multicast DNS.
    pub const MDNS: u16 = 5353;
}

/// True if a UDP datagram between these ports (source, destination, big endian) may hold a header
/// that [`udp`] recognises.
///
/// Every UDP packet passes here, so most leave by the first test: it looks at the lower bytes of
/// the ports, modulo 64, as indices into a set of bits.
#[inline(always)]
pub(crate) fn is_known(ports: [u8; 4]) -> bool {
    const LOWER: u64 = 1 << (port::DNS & 63) | 1 << (port::VXLAN & 63) | 1 << (port::MDNS & 63);
    let may_be = LOWER >> (ports[1] & 63) | LOWER >> (ports[3] & 63);
    may_be & 1 != 0 && is_known_pair(ports)
}

#[cold]
fn is_known_pair([a, b, c, d]: [u8; 4]) -> bool {
    let (src, dst) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    is_dns(src) || is_dns(dst) || dst == port::VXLAN
}

fn is_dns(port: u16) -> bool {
    port == port::DNS || port == port::MDNS
}

/// Records what a UDP datagram holds whose header starts at `at`.
#[cold]
pub(crate) fn udp(datagram: &[u8], at: usize, layout: &mut Layout) {
    let (src, dst) = (word(datagram, at), word(datagram, at + 2));
    let (id, len) = match dst {
        port::VXLAN => (HeaderId::VXLAN, 8),
        _ if is_dns(src) || is_dns(dst) => (HeaderId::DNS, 12),
        _ => return,
    };
    if at + 8 + len <= datagram.len() {
        layout.record(id, at + 8);
    }
}

/// Records a GRE header of version 0 and its optional words.
#[cold]
pub(crate) fn gre(datagram: &[u8], at: usize, layout: &mut Layout) {
    let Some(header) = chunk::<4>(datagram, at) else { return };
    // Source routes (RFC 1701) and other versions, such as PPTP's, are left alone.
    let strange = header[0] & 0x40 != 0 || header[1] & 0x07 != 0;
    if strange || at + gre_len(header[0]) > datagram.len() {
        return;
    }
    layout.record(HeaderId::GRE, at);
    let mut at = at + 4;
    for (id, _) in GRE_WORDS.iter().filter(|(_, bit)| header[0] & bit != 0) {
        layout.record(*id, at);
        at += 4;
    }
}

/// The optional words of a GRE header, in their order, and their bits in its first byte.
pub(crate) const GRE_WORDS: [(HeaderId, u8); 3] =
    [(HeaderId::GRE_CHECKSUM, 0x80), (HeaderId::GRE_KEY, 0x20), (HeaderId::GRE_SEQ, 0x10)];

/// The bit of an optional word of a GRE header; 0 for other headers.
pub(crate) fn gre_bit(id: HeaderId) -> u8 {
    GRE_WORDS.iter().find(|word| word.0 == id).map_or(0, |word| word.1)
}

/// Length of a GRE header with this first byte, optional words included.
pub(crate) fn gre_len(first: u8) -> usize {
    4 + 4 * GRE_WORDS.iter().filter(|(_, bit)| first & bit != 0).count()
}
