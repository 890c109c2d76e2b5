//! Finishing what a kernel left to hardware that is not there: filling checksums, cutting segments.
//!
//! The kernel notes per frame what is left to do in the header that virtual machines use (virtio
//! 1.2, section 5.1.6): [`Notes`].

use trama_wire::checksum;
use trama_wire::header::HeaderId;
use trama_wire::layout::Layout;
use trama_wire::parse::parse;

/// Bytes of the header that `PACKET_VNET_HDR` puts before a frame.
pub const NOTES_LEN: usize = 10;

/// Most segments of one frame; the kernel stays below.
const SEGMENTS_MAX: usize = 2048;

/// What is left to do to a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// Sum up from here to the end of the frame, if the checksum is to be filled.
    pub checksum: Option<PartialChecksum>,
    /// How to cut it, if it is more than one packet.
    pub segments: Option<Segments>,
}

/// A checksum field that holds only the sum of the pseudo-header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartialChecksum {
    /// First byte that is covered, counted from the start of the frame.
    pub start: usize,
    /// Where the field is, counted from `start`.
    pub field: usize,
}

/// A frame that is several packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segments {
    /// TCP segments with this much payload each.
    Tcp(usize),
    /// UDP datagrams with this much payload each.
    Udp(usize),
    /// Some other kind.
    Unknown,
}

impl Notes {
    /// Reads the header, which is in the machine's byte order.
    pub fn read(bytes: [u8; NOTES_LEN]) -> Self {
        const NEEDS_CHECKSUM: u8 = 1;
        const ECN: u8 = 0x80;
        let half = |at: usize| usize::from(u16::from_ne_bytes([bytes[at], bytes[at + 1]]));
        let size = half(4);
        let segments = match bytes[1] & !ECN {
            0 => None,
            1 | 4 if size > 0 => Some(Segments::Tcp(size)),
            5 if size > 0 => Some(Segments::Udp(size)),
            _ => Some(Segments::Unknown),
        };
        let needed = bytes[0] & NEEDS_CHECKSUM != 0;
        let checksum = needed.then(|| PartialChecksum { start: half(6), field: half(8) });
        Self { checksum, segments }
    }
}

/// Fills a checksum; false if the note points outside the frame.
pub fn complete(frame: &mut [u8], note: PartialChecksum) -> bool {
    let field = note.start + note.field;
    if field + 2 > frame.len() {
        return false;
    }
    let sum = checksum::sum(&frame[note.start..]);
    put(frame, field, filled(sum));
    true
}

/// The checksum for a sum; never zero, which over UDP would mean that there is none.
fn filled(sum: u16) -> u16 {
    match checksum::finish(sum) {
        0 => 0xffff,
        sum => sum,
    }
}

/// A transport header and what its checksum covers.
#[derive(Clone, Copy, Debug)]
struct Transport {
    start: usize,
    end: usize,
    field: usize,
    pseudo: u16,
}

impl Transport {
    /// The TCP or UDP header of a packet that is not a fragment.
    fn of(frame: &[u8], layout: &Layout) -> Option<Self> {
        let (id, field, protocol) = match layout.start(HeaderId::TCP) {
            Some(_) => (HeaderId::TCP, 16, 6u16),
            None => (HeaderId::UDP, 6, 17),
        };
        let start = layout.start(id)?;
        let end = layout.end as usize;
        let (addresses, fragment) = match layout.start(HeaderId::IP) {
            Some(ip) => {
                let more = u16::from_be_bytes([frame[ip + 6], frame[ip + 7]]) & 0x3fff;
                (frame.get(ip + 12..ip + 20)?, more != 0)
            }
            None => {
                let ip = layout.start(HeaderId::IP6)?;
                // Only the plain stack: behind extension headers the address that counts may be
                // another one, and there may be a fragment header.
                (frame.get(ip + 8..ip + 40)?, start != ip + 40)
            }
        };
        if fragment || end < start {
            return None;
        }
        let len = checksum::sum_u32(u32::try_from(end - start).ok()?);
        let pseudo = checksum::add(checksum::sum(addresses), checksum::add(len, protocol));
        Some(Self { start, end, field: start + field, pseudo })
    }

    fn fill(&self, frame: &mut [u8]) {
        put(frame, self.field, 0);
        let sum = checksum::add(self.pseudo, checksum::sum(&frame[self.start..self.end]));
        put(frame, self.field, filled(sum));
    }
}

/// Fills the transport checksum of a frame if it holds just the sum of the pseudo-header, which
/// is what Linux leaves in a packet whose checksum is to be filled by a device. True if it did.
///
/// A packet with a right checksum is never changed. One with a wrong checksum would be taken for
/// unfinished if it happened to be wrong in just this way, so this is only for virtual links, on
/// which bits do not flip.
pub fn complete_if_unfilled(frame: &mut [u8], layout: &Layout) -> bool {
    let Some(transport) = Transport::of(frame, layout) else { return false };
    let field = u16::from_be_bytes([frame[transport.field], frame[transport.field + 1]]);
    if field != transport.pseudo {
        return false;
    }
    let covered = checksum::sum(&frame[transport.start..transport.end]);
    if checksum::is_whole(checksum::add(transport.pseudo, covered)) {
        return false;
    }
    transport.fill(frame);
    true
}

/// Cuts a frame into packets with checksums of their own and gives each to `emit`; false if the
/// frame is not what `segments` says. `scratch` is reused between calls.
pub fn segment(
    frame: &[u8],
    segments: Segments,
    scratch: &mut Vec<u8>,
    mut emit: impl FnMut(&[u8]),
) -> bool {
    let layout = parse(frame);
    let (id, size) = match segments {
        Segments::Tcp(size) => (HeaderId::TCP, size),
        Segments::Udp(size) => (HeaderId::UDP, size),
        Segments::Unknown => return false,
    };
    let Some(l4) = layout.start(id) else { return false };
    let (head, end) = (layout.payload as usize, layout.end as usize);
    if head > end || (end - head).div_ceil(size) > SEGMENTS_MAX {
        return false;
    }
    let payload = &frame[head..end];
    let count = payload.len().div_ceil(size).max(1);
    for index in 0..count {
        let from = index * size;
        let part = &payload[from..payload.len().min(from + size)];
        scratch.clear();
        scratch.extend_from_slice(&frame[..head]);
        scratch.extend_from_slice(part);
        let cut = Cut { l4, index, from, last: index + 1 == count };
        if !cut.finish(scratch, &layout, id) {
            return false;
        }
        emit(scratch);
    }
    true
}

/// One packet being cut out of a larger one.
struct Cut {
    l4: usize,
    index: usize,
    /// First byte of payload.
    from: usize,
    last: bool,
}

impl Cut {
    /// Sets the lengths, the sequence number, the flags and the checksums.
    fn finish(&self, frame: &mut [u8], whole: &Layout, id: HeaderId) -> bool {
        let len = frame.len();
        if let Some(ip) = whole.start(HeaderId::IP) {
            let number = u16::from_be_bytes([frame[ip + 4], frame[ip + 5]]);
            put(frame, ip + 4, number.wrapping_add(self.index as u16));
            put(frame, ip + 2, (len - ip) as u16);
            put(frame, ip + 10, 0);
            let header = ip..ip + usize::from(frame[ip] & 0x0f) * 4;
            let sum = checksum::finish(checksum::sum(&frame[header]));
            put(frame, ip + 10, sum);
        } else if let Some(ip) = whole.start(HeaderId::IP6) {
            put(frame, ip + 4, (len - ip - 40) as u16);
        }
        if id == HeaderId::TCP {
            self.advance_tcp(frame);
        } else {
            put(frame, self.l4 + 4, (len - self.l4) as u16);
        }
        let layout = parse(frame);
        let Some(transport) = Transport::of(frame, &layout) else { return false };
        transport.fill(frame);
        true
    }

    fn advance_tcp(&self, frame: &mut [u8]) {
        const FIN: u8 = 0x01;
        const PSH: u8 = 0x08;
        const CWR: u8 = 0x80;
        let at = self.l4 + 4;
        let bytes = frame[at..at + 4].try_into().expect("four bytes");
        let sequence = u32::from_be_bytes(bytes).wrapping_add(self.from as u32);
        frame[at..at + 4].copy_from_slice(&sequence.to_be_bytes());
        let flags = &mut frame[self.l4 + 13];
        if !self.last {
            *flags &= !(FIN | PSH);
        }
        if self.index > 0 {
            *flags &= !CWR;
        }
    }
}

fn put(frame: &mut [u8], at: usize, value: u16) {
    frame[at..at + 2].copy_from_slice(&value.to_be_bytes());
}

#[cfg(test)]
mod tests;
