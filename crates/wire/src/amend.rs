//! Writing so that checksums follow: what was right stays right, what was wrong stays wrong.
//!
//! The difference that a write makes to the covered sum is added to whatever checksum is stored
//! (RFC 1624, equation 3). There are two ways to it. The *common* one serves the writes that
//! network functions make for every packet: it knows which checksums the field touches and
//! computes the difference from the written bytes alone. The *general* one takes the whole sums
//! before and after the write; it is right for every field, also for those that decide how much
//! is covered, and for datagrams quoted in ICMP errors, whose own checksums are covered by the
//! outer one.
//!
//! A UDP checksum of zero says that there is none, and stays zero; one that comes out as zero is
//! stored as `0xffff` (RFC 768).

use crate::checksum;
use crate::field::{Write, replace_whole};
use crate::header::{FieldDef, FieldRef, HeaderId};
use crate::layout::Layout;
use crate::option::TcpOption;
use crate::packet::Packet;
use crate::transport::{Transport, word};

impl Packet {
    /// Writes a header field, cut to the field's width; no effect if the packet lacks the header.
    ///
    /// The IPv4, TCP, UDP, ICMP and ICMPv6 checksums that cover the field, pseudo-headers and
    /// quoted packets included, follow. In a fragment other than the first an address changes only
    /// the IPv4 header checksum. Writing a checksum field itself leaves that checksum as written.
    #[inline]
    pub fn set(&mut self, field: FieldRef, value: u128) {
        let def = field.def();
        let Some(at) = self.layout.start(field.header) else { return };
        let touched = self.touched(field, def);
        let frame = self.bytes_mut();
        let Some(Touched { network, transport, udp }) = touched else {
            let write = Write::of_field(frame, at, def, value);
            if !write.is_idle() {
                self.write_general(&write);
            }
            return;
        };
        // All headers start at even distances from each other, so one difference serves both.
        let difference = match replace_whole(frame, at, def, value as u32) {
            Some(difference) => difference,
            None => {
                let write = Write::of_field(frame, at, def, value);
                write.make(frame);
                if write.is_idle() { 0 } else { write.difference(at) }
            }
        };
        if let Some(at) = network {
            amend(frame, at, difference, false);
        }
        if let Some(at) = transport {
            amend(frame, at, difference, udp);
        }
    }

    /// Writes a header field and leaves all checksums alone; no effect if the packet lacks the
    /// header.
    pub fn set_raw(&mut self, field: FieldRef, value: u128) {
        let Some(at) = self.layout.start(field.header) else { return };
        Write::of_field(self.bytes(), at, field.def(), value).make(self.bytes_mut());
    }

    /// Writes `width` bits (8, 16, 32 or 64), big endian, at `offset` bytes from the start of the
    /// payload; checksums follow. No effect if any byte lies beyond the end of the datagram.
    pub fn payload_set(&mut self, offset: u64, width: u8, value: u128) {
        if let Some((from, to)) = self.payload_range(offset, width) {
            self.write_bytes(from, to, value);
        }
    }

    /// Writes the value of a TCP option that is there; checksums follow. No effect if it is not
    /// there or has no value.
    pub fn set_tcp_option(&mut self, option: TcpOption, value: u32) {
        if let Some((from, to)) = self.tcp_option_range(option) {
            self.write_bytes(from, to, value.into());
        }
    }

    fn write_bytes(&mut self, from: usize, to: usize, value: u128) {
        let write = Write::of_bytes(self.bytes(), from, to, value);
        if !write.is_idle() {
            self.write_general(&write);
        }
    }

    /// The checksums that a write to the field touches, if they are evident.
    #[inline]
    fn touched(&self, field: FieldRef, def: &FieldDef) -> Option<Touched> {
        let present = self.layout.present;
        let has_l4 = present.has(HeaderId::L4);
        let (network, transport) = match (field.header, def.bit) {
            (HeaderId::ETH | HeaderId::VLAN | HeaderId::VLAN2 | HeaderId::ARP, _) => (false, false),
            // Header length, length, protocol, and the checksum itself.
            (HeaderId::IP, 4 | 16 | 72 | 80) => return None,
            // Addresses. ICMP has no pseudo-header; without a transport header look closer.
            (HeaderId::IP, 96..) if has_l4 => (true, true),
            (HeaderId::IP, 96..) if !present.has(HeaderId::ICMP) => return None,
            (HeaderId::IP, _) => (true, false),
            (HeaderId::IP6, 32 | 48) => return None,
            (HeaderId::IP6, 64..) => {
                // Behind extension headers the pseudo-header may be another.
                let next_at = usize::from(self.layout.offset[usize::from(HeaderId::IP6.0)]) + 6;
                let direct = self.bytes().get(next_at) == Some(&self.layout.proto);
                if !has_l4 || !direct {
                    return None;
                }
                (false, true)
            }
            (HeaderId::IP6, _) => (false, false),
            (HeaderId::TCP, 128) => return None,
            (HeaderId::UDP, 32..) => return None,
            (HeaderId::TCP | HeaderId::UDP | HeaderId::L4, _) => (false, true),
            _ => return None,
        };
        let start = |id: HeaderId| usize::from(self.layout.offset[usize::from(id.0)]);
        let udp = present.has(HeaderId::UDP);
        let checksum_at = start(HeaderId::L4) + if udp { 6 } else { 16 };
        Some(Touched {
            network: network.then_some(start(HeaderId::IP) + 10),
            transport: transport.then_some(checksum_at),
            udp,
        })
    }

    /// Makes a change of structure, the layout's included, so that the transport checksum and the
    /// IPv4 header's follow, each if it was there before and is there afterwards.
    pub(crate) fn follow(&mut self, change: impl FnOnce(&mut Self)) {
        let before = Cover::all(self.bytes(), &self.layout);
        let before = before.map(|cover| cover.map(|cover| cover.sum(self.bytes())));
        change(self);
        let layout = self.layout;
        let frame = self.bytes_mut();
        // What is quoted is covered by what is outside and not changed by itself.
        let covers = Cover::all(frame, &layout).into_iter().zip(before).skip(2);
        for (cover, before) in covers {
            if let (Some(cover), Some(before)) = (cover, before) {
                let difference = checksum::difference(before, cover.sum(frame));
                if !matches!(difference, 0 | 0xffff) {
                    amend(frame, cover.checksum_at(), difference, cover.is_udp());
                }
            }
        }
    }

    /// Makes any write.
    fn write_general(&mut self, write: &Write) {
        let layout = self.layout;
        let frame = self.bytes_mut();
        let covers = Cover::all(frame, &layout);
        let before = covers.map(|cover| cover.map_or(0, |c| c.sum(frame)));
        write.make(frame);
        // From the inside out: an inner checksum is among the bytes that an outer one covers.
        for (cover, before) in covers.into_iter().zip(before) {
            if let Some(cover) = cover {
                let difference = checksum::difference(before, cover.sum(frame));
                // Zeros of both signs: nothing that this checksum covers was changed.
                if !matches!(difference, 0 | 0xffff) {
                    amend(frame, cover.checksum_at(), difference, cover.is_udp());
                }
            }
        }
    }
}

/// The checksums of the outer datagram that a write touches.
struct Touched {
    /// Where the IPv4 header's is.
    network: Option<usize>,
    /// Where that of TCP or UDP is.
    transport: Option<usize>,
    /// The latter is UDP's.
    udp: bool,
}

/// Adds a difference to the stored checksum at `at`.
#[inline]
pub(crate) fn amend(frame: &mut [u8], at: usize, difference: u16, udp: bool) {
    let stored = word(frame, at);
    if udp && stored == 0 {
        return;
    }
    let new = match checksum::update(stored, difference) {
        0 if udp => 0xffff,
        new => new,
    };
    if let Some(target) = frame.get_mut(at..at + 2) {
        target.copy_from_slice(&new.to_be_bytes());
    }
}

/// A checksum of a packet and what it covers.
#[derive(Clone, Copy, Debug)]
enum Cover {
    /// The IPv4 header that starts here.
    Network(usize),
    /// Upper-layer header, payload and pseudo-header.
    Transport(Transport),
    /// GRE header and payload (RFC 2784, section 2.3), from the first byte to the end.
    Gre(usize, usize),
}

impl Cover {
    /// All checksums of a packet, from the inside out.
    fn all(frame: &[u8], layout: &Layout) -> [Option<Self>; 5] {
        let gre = layout.start(HeaderId::GRE_CHECKSUM);
        [
            gre.map(|at| Self::Gre(at - 4, layout.end as usize)),
            Transport::quoted(frame, layout).map(Self::Transport),
            layout.start(HeaderId::INNER).map(Self::Network),
            Transport::outer(frame, layout).map(Self::Transport),
            layout.start(HeaderId::IP).map(Self::Network),
        ]
    }

    /// Sum of what is covered, the checksum field left aside.
    fn sum(&self, frame: &[u8]) -> u16 {
        match *self {
            Self::Transport(transport) => transport.sum(frame),
            Self::Gre(at, end) => {
                let rest = frame.get(at + 6..end).unwrap_or_default();
                checksum::add(checksum::sum(&frame[at..at + 4]), checksum::sum(rest))
            }
            Self::Network(at) => {
                let header_len = usize::from(frame[at] & 0x0f) * 4;
                let end = frame.len().min(at + header_len.max(20));
                let head = checksum::sum(&frame[at..at + 10]);
                checksum::add(head, checksum::sum(&frame[at + 12..end]))
            }
        }
    }

    fn checksum_at(&self) -> usize {
        match self {
            Self::Transport(transport) => transport.checksum_at,
            Self::Gre(at, _) => at + 4,
            Self::Network(at) => at + 10,
        }
    }

    fn is_udp(&self) -> bool {
        matches!(self, Self::Transport(transport) if transport.is_udp())
    }
}

#[cfg(test)]
mod tests;
