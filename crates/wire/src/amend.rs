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
use crate::field::Write;
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
        let write = Write::of_field(self.bytes(), at, def, value);
        if !write.is_idle() && !self.write_common(field, def, &write) {
            self.write_general(&write);
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

    /// Makes a write whose checksums are evident. False if they are not; then nothing is done.
    #[inline]
    fn write_common(&mut self, field: FieldRef, def: &FieldDef, write: &Write) -> bool {
        let present = self.layout.present;
        let touches = match field.header {
            HeaderId::ETH | HeaderId::VLAN | HeaderId::VLAN2 | HeaderId::ARP => Touches::NOTHING,
            HeaderId::IP => match def.bit {
                // Header length, length, protocol, and the checksum itself.
                4 | 16 | 72 | 80 => return false,
                // Addresses. ICMP has no pseudo-header; without a transport header look closer.
                96.. if present.has(HeaderId::L4) => Touches { network: true, transport: true },
                96.. if !present.has(HeaderId::ICMP) => return false,
                _ => Touches { network: true, transport: false },
            },
            HeaderId::IP6 => match def.bit {
                32 | 48 => return false,
                64.. => {
                    let next = self.layout.start(HeaderId::IP6).map(|at| self.bytes()[at + 6]);
                    if !present.has(HeaderId::L4) || next != Some(self.layout.proto) {
                        return false;
                    }
                    Touches { network: false, transport: true }
                }
                _ => Touches::NOTHING,
            },
            HeaderId::TCP if def.bit != 128 => Touches { network: false, transport: true },
            HeaderId::UDP if def.bit < 32 => Touches { network: false, transport: true },
            HeaderId::L4 => Touches { network: false, transport: true },
            _ => return false,
        };
        let ip = self.layout.start(HeaderId::IP).unwrap_or_default();
        let l4 = self.layout.start(HeaderId::L4).unwrap_or_default();
        let udp = present.has(HeaderId::UDP);
        let frame = self.bytes_mut();
        write.make(frame);
        // All these headers start at even distances from each other.
        if touches.network {
            amend(frame, ip + 10, write.difference(ip), false);
        }
        if touches.transport {
            let origin = if write.from < l4 { write.from } else { l4 };
            amend(frame, l4 + if udp { 6 } else { 16 }, write.difference(origin), udp);
        }
        true
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

/// The checksums of the outer datagram that a write concerns.
struct Touches {
    /// The IPv4 header's.
    network: bool,
    /// That of TCP or UDP.
    transport: bool,
}

impl Touches {
    const NOTHING: Self = Self { network: false, transport: false };
}

/// Adds a difference to the stored checksum at `at`.
#[inline]
fn amend(frame: &mut [u8], at: usize, difference: u16, udp: bool) {
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
}

impl Cover {
    /// All checksums of a packet, from the inside out.
    fn all(frame: &[u8], layout: &Layout) -> [Option<Self>; 4] {
        [
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
            Self::Network(at) => at + 10,
        }
    }

    fn is_udp(&self) -> bool {
        matches!(self, Self::Transport(transport) if transport.is_udp())
    }
}

#[cfg(test)]
mod tests;
