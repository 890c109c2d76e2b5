//! What a transport checksum covers: pseudo-header, bytes, and where the checksum itself stands.
//!
//! One description serves the outer datagram and the one that an ICMP error quotes, the check of
//! a whole checksum and its incremental update (RFC 9293 section 3.1, RFC 768, RFC 792, RFC 4443
//! section 2.3, RFC 8200 section 8.1).

use crate::checksum;
use crate::header::HeaderId;
use crate::layout::Layout;
use crate::parse::{chunk, extension_len, is_extension, protocol};

/// The upper-layer part of a datagram whose checksum field is in the captured bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transport {
    /// First byte of the network header.
    network: usize,
    /// IPv6, not IPv4.
    v6: bool,
    /// Upper-layer protocol: TCP, UDP, ICMP or ICMPv6.
    proto: u8,
    /// First byte of the upper-layer header.
    at: usize,
    /// The byte that names the protocol in the pseudo-header.
    proto_at: usize,
    /// First byte of the destination address in the pseudo-header.
    destination_at: usize,
    /// First byte of the checksum field.
    pub(crate) checksum_at: usize,
    /// End of the bytes that can be looked at.
    limit: usize,
}

/// Where network and transport header are, and which.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// First byte of the network header.
    pub(crate) network: usize,
    /// IPv6, not IPv4.
    pub(crate) v6: bool,
    /// Upper-layer protocol.
    pub(crate) proto: u8,
    /// First byte of the upper-layer header.
    pub(crate) at: usize,
}

impl Transport {
    /// The transport part of the outer datagram; none in later fragments, for other protocols,
    /// or if its checksum field is not there.
    pub(crate) fn outer(frame: &[u8], layout: &Layout) -> Option<Self> {
        let (network, v6) = match (layout.start(HeaderId::IP), layout.start(HeaderId::IP6)) {
            (Some(at), _) => (at, false),
            (_, Some(at)) => (at, true),
            _ => return None,
        };
        let known = [HeaderId::L4, HeaderId::ICMP, HeaderId::ICMP6];
        let at = match known.into_iter().find_map(|id| layout.start(id)) {
            Some(at) => at,
            // A header that is cut may still hold its checksum; it starts where parsing stopped.
            None if is_later_fragment(frame, layout) => return None,
            None => layout.payload as usize,
        };
        Self::new(frame, Shape { network, v6, proto: layout.proto, at }, frame.len())
    }

    /// The transport part of the datagram that an ICMP error quotes.
    pub(crate) fn quoted(frame: &[u8], layout: &Layout) -> Option<Self> {
        let upper = layout.start(HeaderId::INNER_L4).or(layout.start(HeaderId::INNER_ICMP))?;
        let limit = layout.end as usize;
        let (network, v6, proto_at) = match layout.start(HeaderId::INNER) {
            Some(at) => (at, false, at + 9),
            None => {
                let at = layout.start(HeaderId::INNER6)?;
                (at, true, at + 6)
            }
        };
        let proto = *frame.get(proto_at)?;
        Self::new(frame, Shape { network, v6, proto, at: upper }, limit)
    }

    /// The transport part of that shape; none if its checksum field lies beyond `limit`, the end
    /// of the bytes that can be looked at, or beyond the datagram's own end.
    pub(crate) fn new(frame: &[u8], shape: Shape, limit: usize) -> Option<Self> {
        let checksum_at = shape.at
            + match shape.proto {
                protocol::TCP => 16,
                protocol::UDP => 6,
                protocol::ICMP if !shape.v6 => 2,
                protocol::ICMP6 if shape.v6 => 2,
                _ => return None,
            };
        let Shape { network, v6, proto, at } = shape;
        let (proto_at, destination_at) =
            if v6 { pseudo_header6(frame, network, at) } else { (network + 9, network + 16) };
        let transport =
            Self { network, v6, proto, at, proto_at, destination_at, checksum_at, limit };
        let there = limit.min(frame.len()).min(transport.network_end(frame));
        (checksum_at + 2 <= there).then_some(transport)
    }

    /// The checksum to store, computed anew.
    pub(crate) fn fresh(&self, frame: &[u8]) -> u16 {
        match checksum::finish(self.sum(frame)) {
            0 if self.is_udp() => 0xffff,
            new => new,
        }
    }

    /// The stored checksum.
    fn stored(&self, frame: &[u8]) -> u16 {
        word(frame, self.checksum_at)
    }

    /// The stored checksum says that there is none (RFC 768; over IPv6 only RFC 6935 permits it).
    fn is_unused(&self, frame: &[u8]) -> bool {
        self.is_udp() && self.stored(frame) == 0
    }

    /// True for UDP, whose checksum has two special values.
    pub(crate) fn is_udp(&self) -> bool {
        self.proto == protocol::UDP
    }

    /// Sum of the pseudo-header and of all covered bytes at hand, the checksum field left aside.
    pub(crate) fn sum(&self, frame: &[u8]) -> u16 {
        let end = self.end(frame).min(self.limit).max(self.checksum_at + 2);
        let head = checksum::sum(&frame[self.at..self.checksum_at]);
        let tail = checksum::sum(&frame[self.checksum_at + 2..end]);
        checksum::add(self.pseudo_header(frame), checksum::add(head, tail))
    }

    /// True if the stored checksum is right, or absent where that is permitted. False for a
    /// datagram that is not whole in the capture.
    pub(crate) fn is_right(&self, frame: &[u8]) -> bool {
        if self.is_unused(frame) {
            return !self.v6;
        }
        let end = self.end(frame);
        let whole = end <= self.limit && end <= self.network_end(frame) && end >= self.at + 8;
        if self.is_udp() && !self.v6 && word(frame, self.at + 4) == 0 {
            return false;
        }
        whole && checksum::is_whole(checksum::add(self.sum(frame), self.stored(frame)))
    }

    /// End of the covered bytes as the headers say, in the capture or beyond.
    fn end(&self, frame: &[u8]) -> usize {
        let udp_len = usize::from(word(frame, self.at + 4));
        if self.is_udp() && udp_len != 0 {
            return self.at + udp_len;
        }
        self.network_end(frame)
    }

    /// End of the datagram as the network header says; a length of zero means all there is.
    fn network_end(&self, frame: &[u8]) -> usize {
        let len_at = if self.v6 { 4 } else { 2 };
        let len = usize::from(word(frame, self.network + len_at));
        match (len, self.v6) {
            (0, _) => self.limit,
            (_, true) => self.network + 40 + len,
            (_, false) => self.network + len,
        }
    }

    /// Sum of the pseudo-header; ICMP has none.
    fn pseudo_header(&self, frame: &[u8]) -> u16 {
        if self.proto == protocol::ICMP {
            return 0;
        }
        let len = self.end(frame).saturating_sub(self.at) as u32;
        let rest = checksum::add(checksum::sum_u32(len), u16::from(frame[self.proto_at]));
        let address_len = if self.v6 { 16 } else { 4 };
        let source = self.network + if self.v6 { 8 } else { 12 };
        let target = self.destination_at;
        let addresses = checksum::add(
            checksum::sum(&frame[source..source + address_len]),
            checksum::sum(&frame[target..target + address_len]),
        );
        checksum::add(addresses, rest)
    }
}

/// Where protocol number and destination address of an IPv6 pseudo-header stand, for an upper
/// layer that starts at `end`: in the last extension header, and in the network header or, if a
/// routing header has segments left, in that one (RFC 8200, section 8.1).
fn pseudo_header6(frame: &[u8], network: usize, end: usize) -> (usize, usize) {
    let (mut proto_at, mut destination_at) = (network + 6, network + 24);
    let mut at = network + 40;
    while let Some(header) = chunk::<8>(frame, at)
        && at < end
        && is_extension(frame[proto_at])
    {
        let kind = frame[proto_at];
        let len = extension_len(kind, header[1]);
        if at + len > end {
            break;
        }
        if kind == protocol::ROUTING && header[3] > 0 && len >= 24 {
            // Segment routing (RFC 8754) lists the segments backwards; others forwards.
            destination_at = if header[2] == 4 { at + 8 } else { at + len - 16 };
        }
        proto_at = at;
        at += len;
    }
    (proto_at, destination_at)
}

/// True if an IPv6 packet whose upper layer starts at `end` is authenticated, or has a routing
/// header with segments left: then its destination is not the last one.
pub(crate) fn has_open_route(frame: &[u8], network: usize, end: usize) -> bool {
    let (mut kind, mut at) = (frame[network + 6], network + 40);
    while at < end && is_extension(kind) {
        let Some(header) = chunk::<8>(frame, at) else { return true };
        let open = kind == protocol::ROUTING && header[3] > 0;
        if open || kind == protocol::AUTHENTICATION {
            return true;
        }
        at += extension_len(kind, header[1]);
        kind = header[0];
    }
    false
}

/// True for fragments other than the first.
fn is_later_fragment(frame: &[u8], layout: &Layout) -> bool {
    match (layout.start(HeaderId::IP), layout.start(HeaderId::FRAG6)) {
        (Some(at), _) => word(frame, at + 6) & 0x1fff != 0,
        (_, Some(at)) => word(frame, at + 2) & 0xfff8 != 0,
        _ => false,
    }
}

/// The big-endian word at `at`; zero beyond the end.
#[inline]
pub(crate) fn word(frame: &[u8], at: usize) -> u16 {
    chunk::<2>(frame, at).map_or(0, |b| u16::from_be_bytes(*b))
}

/// True if more fragments of the outer datagram follow.
pub(crate) fn has_more_fragments(frame: &[u8], layout: &Layout) -> bool {
    match (layout.start(HeaderId::IP), layout.start(HeaderId::FRAG6)) {
        (Some(at), _) => word(frame, at + 6) & 0x2000 != 0,
        (_, Some(at)) => word(frame, at + 2) & 1 != 0,
        _ => false,
    }
}
