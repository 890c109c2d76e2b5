//! An owned packet with headroom, its layout and its metadata.
//!
//! Reading is here; [writing fields](Packet::set) is in `amend`, changing the
//! [stack of headers](Packet::insert) in `stack`, making packets [from nothing](Packet::build) in
//! `build`.
//!
//! **Layout and bytes.** The layout is what [`parse`](crate::parse()) found. Writing a field never
//! moves a header: if a length, a type or a fragment offset is written, the layout stays as it was
//! until [`Packet::parse`] looks anew.

use crate::header::{FieldRef, HeaderId};
use crate::layout::Layout;
use crate::option::{TcpOption, option_at, tcp_option_at};
use crate::parse::parse_into;
use crate::transport::{Transport, has_more_fragments};
use crate::{checksum, field};
use trama_base::Nanos;

/// Free bytes in front of a new frame, for headers to be put in without moving the payload.
pub const HEADROOM: usize = 128;

/// Bytes from the start of the frame that may be read however short the frame is, so that
/// generated code may load a field before it knows that the header is there.
pub const READABLE_MIN: usize = 256;

/// An Ethernet frame in a buffer of its own.
#[derive(Debug)]
pub struct Packet {
    /// The frame is `buffer[start..start + layout.len]`; at least [`READABLE_MIN`] bytes of buffer
    /// follow `start`.
    pub(crate) buffer: Vec<u8>,
    pub(crate) start: u32,
    pub(crate) layout: Layout,
    /// When it arrived.
    pub time: Nanos,
    /// External port: where it entered, or, in an engine's output, where it leaves.
    pub port: u32,
    /// The mark that elements pass along; initially 0.
    pub mark: u32,
}

impl Default for Packet {
    /// A packet of no bytes, to be [refilled](Packet::refill).
    fn default() -> Self {
        Self::new(&[])
    }
}

impl Clone for Packet {
    fn clone(&self) -> Self {
        let mut packet = Self::default();
        packet.copy_from(self);
        packet
    }
}

impl Packet {
    /// A packet of these bytes, at time zero, on port 0.
    pub fn new(frame: &[u8]) -> Self {
        let mut packet = Self {
            buffer: Vec::new(),
            start: HEADROOM as u32,
            layout: Layout::default(),
            time: Nanos::ZERO,
            port: 0,
            mark: 0,
        };
        packet.refill(frame);
        packet
    }

    /// Becomes a packet of these bytes, as [`Packet::new`], in the same buffer.
    pub fn refill(&mut self, frame: &[u8]) {
        self.place(frame);
        parse_into(frame, &mut self.layout);
        self.time = Nanos::ZERO;
        self.port = 0;
        self.mark = 0;
    }

    /// Becomes a copy of another packet, metadata included, in the same buffer.
    pub fn copy_from(&mut self, other: &Self) {
        self.place(other.bytes());
        self.layout = other.layout;
        self.time = other.time;
        self.port = other.port;
        self.mark = other.mark;
    }

    /// Puts a frame behind the usual headroom.
    fn place(&mut self, frame: &[u8]) {
        let need = HEADROOM + frame.len().max(READABLE_MIN);
        if self.buffer.len() < need {
            self.buffer.resize(need, 0);
        }
        self.start = HEADROOM as u32;
        self.buffer[HEADROOM..HEADROOM + frame.len()].copy_from_slice(frame);
    }

    /// Parses the frame anew, for fields that were written or bytes changed through
    /// [`Packet::bytes_mut`].
    pub fn parse(&mut self) {
        let start = self.start as usize;
        let frame = &self.buffer[start..start + self.layout.len as usize];
        parse_into(frame, &mut self.layout);
    }

    /// The frame.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        let start = self.start as usize;
        &self.buffer[start..start + self.layout.len as usize]
    }

    /// The frame, to change in place. Checksums do not follow and the layout stays as it was:
    /// [`Packet::parse`] looks anew.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        let start = self.start as usize;
        &mut self.buffer[start..start + self.layout.len as usize]
    }

    /// Length of the captured frame in bytes.
    #[inline]
    #[expect(clippy::len_without_is_empty, reason = "emptiness of a frame is no useful question")]
    pub fn len(&self) -> usize {
        self.layout.len as usize
    }

    /// Where the headers are.
    #[inline]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Addresses for generated code: the frame's first byte, with [`READABLE_MIN`] readable bytes
    /// or the frame's length behind it, whichever is more, and the layout. Both stay valid until
    /// the next call of a method that takes the packet by `&mut`.
    #[inline]
    pub fn parts_mut(&mut self) -> (*mut u8, *mut Layout) {
        (self.buffer[self.start as usize..].as_mut_ptr(), &raw mut self.layout)
    }

    /// What follows the last recognised header, up to the end of the datagram.
    #[inline]
    pub fn payload(&self) -> &[u8] {
        let (from, to) = (self.layout.payload as usize, self.layout.end as usize);
        self.bytes().get(from..to).unwrap_or_default()
    }

    /// Value of a header field; 0 if the packet lacks the header.
    #[inline]
    pub fn get(&self, field: FieldRef) -> u128 {
        let def = field.def();
        match self.layout.start(field.header) {
            Some(at) => field::load(self.bytes(), at, def),
            None => 0,
        }
    }

    /// Big-endian value of `width` bits (8, 16, 32 or 64) at `offset` bytes from the start of the
    /// payload; 0 if any of them lies beyond the end of the datagram.
    pub fn payload_get(&self, offset: u64, width: u8) -> u128 {
        match self.payload_range(offset, width) {
            Some((from, to)) => field::load_bytes(&self.bytes()[from..to]),
            None => 0,
        }
    }

    /// The bytes in the frame of such a payload access.
    pub(crate) fn payload_range(&self, offset: u64, width: u8) -> Option<(usize, usize)> {
        let from = u64::from(self.layout.payload).checked_add(offset)?;
        let to = from.checked_add(u64::from(width / 8))?;
        (to <= u64::from(self.layout.end)).then_some((from as usize, to as usize))
    }

    /// True if the TCP header has the option.
    pub fn has_tcp_option(&self, option: TcpOption) -> bool {
        self.tcp_option_range(option).is_some()
    }

    /// Value of a TCP option, if it is there; 1 for options without one.
    pub fn tcp_option(&self, option: TcpOption) -> Option<u32> {
        let (from, to) = self.tcp_option_range(option)?;
        Some(if from == to { 1 } else { field::load_bytes(&self.bytes()[from..to]) as u32 })
    }

    /// The bytes in the frame that hold the value of a TCP option.
    pub(crate) fn tcp_option_range(&self, option: TcpOption) -> Option<(usize, usize)> {
        let at = self.layout.start(HeaderId::TCP)?;
        let options = self.bytes().get(at + 20..self.layout.payload as usize)?;
        let (from, to) = tcp_option_at(options, option)?;
        Some((at + 20 + from, at + 20 + to))
    }

    /// True if the IPv4 header has an option of this type (the whole option-type octet of
    /// RFC 791, section 3.1).
    pub fn has_ip_option(&self, kind: u8) -> bool {
        let Some(at) = self.layout.start(HeaderId::IP) else { return false };
        let header_len = usize::from(self.bytes()[at] & 0x0f) * 4;
        let options = self.bytes().get(at + 20..at + header_len);
        options.is_some_and(|options| option_at(options, kind).is_some())
    }

    /// True if the checksum of this header (IP, TCP, UDP, ICMP, ICMP6 or GRE_CHECKSUM) is right, or
    /// absent where that is allowed. False for other headers, absent ones, and datagrams that are
    /// not whole in the capture.
    pub fn checksum_ok(&self, id: HeaderId) -> bool {
        let Some(at) = self.layout.start(id) else { return false };
        let frame = self.bytes();
        match id {
            HeaderId::IP => {
                let header_len = usize::from(frame[at] & 0x0f) * 4;
                let header = frame.get(at..at + header_len);
                header.is_some_and(|h| checksum::is_whole(checksum::sum(h)))
            }
            HeaderId::GRE_CHECKSUM => {
                let whole = !has_more_fragments(frame, &self.layout);
                let covered = frame.get(at - 4..self.layout.end as usize);
                whole && covered.is_some_and(|c| checksum::is_whole(checksum::sum(c)))
            }
            HeaderId::TCP | HeaderId::UDP | HeaderId::ICMP | HeaderId::ICMP6 => {
                let transport = Transport::outer(frame, &self.layout);
                !has_more_fragments(frame, &self.layout)
                    && transport.is_some_and(|transport| transport.is_right(frame))
            }
            _ => false,
        }
    }

    /// Cuts the frame to at most `len` bytes, but not below 14, and parses it anew. Lengths and
    /// checksums in the headers stay as they are.
    pub fn truncate(&mut self, len: u32) {
        self.cut(len.max(14));
        self.parse();
    }

    /// Shortens the frame; the layout but for its length is stale afterwards.
    pub(crate) fn cut(&mut self, len: u32) {
        self.layout.len = self.layout.len.min(len);
    }
}

#[cfg(test)]
mod tests;
