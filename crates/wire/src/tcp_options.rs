//! The options of a TCP header as a whole, and the edges of its selective acknowledgments.

use crate::amend::amend;
use crate::checksum;
use crate::header::HeaderId;
use crate::option::option_at;
use crate::packet::Packet;
use crate::transport::word;

/// Most bytes of options (RFC 9293, section 3.1).
const OPTIONS_MAX: usize = 40;

/// The kind of the option that holds selective acknowledgments (RFC 2018, section 3).
const SACK: u8 = 5;

/// Options to write into a TCP header, in the order of
/// [`TcpOption::ALL`](crate::option::TcpOption::ALL); `None` leaves one out. Timestamps are there
/// if either of the two is, with 0 for the other.
pub type TcpOptions = [Option<u32>; 5];

impl Packet {
    /// Gives the TCP header exactly these options, padded to a multiple of four bytes; the header
    /// and the datagram become longer or shorter, and checksums follow. No effect if the packet has
    /// no TCP header, a length that is none, or would exceed 65,535 bytes.
    pub fn set_tcp_options(&mut self, options: &TcpOptions) {
        let (bytes, new_len) = encode(options);
        let Some(tcp) = self.layout.start(HeaderId::TCP) else { return };
        let from = tcp + 20;
        let old_len = self.layout.payload as usize - from;
        let len_at = match (self.layout.start(HeaderId::IP), self.layout.start(HeaderId::IP6)) {
            (Some(at), _) => at + 2,
            (_, Some(at)) => at + 4,
            _ => return,
        };
        let len = usize::from(word(self.bytes(), len_at));
        // A length that was written may be shorter than the options, or none.
        let new_total = (len + new_len).checked_sub(old_len).filter(|_| len > 0);
        let Some(Ok(new_total)) = new_total.map(u16::try_from) else { return };
        self.follow(|packet| {
            packet.cut(packet.layout.end);
            if old_len > new_len {
                packet.close(from, from + old_len - new_len);
            } else {
                packet.open(from, new_len - old_len);
            }
            let frame = packet.bytes_mut();
            frame[from..from + new_len].copy_from_slice(&bytes[..new_len]);
            frame[tcp + 12] = frame[tcp + 12] & 0x0f | ((20 + new_len) as u8 / 4) << 4;
            frame[len_at..len_at + 2].copy_from_slice(&new_total.to_be_bytes());
            packet.layout.payload = (from + new_len) as u32;
            // Headers in the payload move with it.
            for at in packet.layout.offset.iter_mut().filter(|at| usize::from(**at) >= from) {
                *at = (usize::from(*at) + new_len - old_len) as u16;
            }
            packet.layout.end = packet.layout.len;
        });
    }

    /// Adds `delta` to the edges of all blocks that the TCP header's SACK option names (RFC 2018);
    /// the checksum follows. For whoever changes sequence numbers on the way.
    pub fn shift_sack(&mut self, delta: u32) {
        let Some(tcp) = self.layout.start(HeaderId::TCP) else { return };
        let (from, to) = (tcp + 20, self.layout.payload as usize);
        let frame = self.bytes_mut();
        let Some(at) = frame.get(from..to).and_then(|options| option_at(options, SACK)) else {
            return;
        };
        let (start, len) = (from + at, usize::from(frame[from + at + 1]));
        // The option may begin at an odd offset: take the sums over whole words around it.
        let (first, last) = (start & !1, (start + len + 1) & !1);
        let before = checksum::sum(&frame[first..last.min(to)]);
        for edge in frame[start + 2..start + len].chunks_exact_mut(4) {
            let old = u32::from_be_bytes([edge[0], edge[1], edge[2], edge[3]]);
            edge.copy_from_slice(&old.wrapping_add(delta).to_be_bytes());
        }
        let difference = checksum::difference(before, checksum::sum(&frame[first..last.min(to)]));
        // TCP starts at an even offset behind Ethernet and its tags.
        amend(frame, tcp + 16, difference, false);
    }
}

/// The options as they stand on the wire, and how many bytes they take. The order and the padding
/// are those that Linux uses.
fn encode(options: &TcpOptions) -> ([u8; OPTIONS_MAX], usize) {
    let mut bytes = [0; OPTIONS_MAX];
    let mut len = 0;
    let mut push = |part: &[u8]| {
        bytes[len..len + part.len()].copy_from_slice(part);
        len += part.len();
    };
    let [mss, window_scale, sack_permitted, ts_val, ts_ecr] = *options;
    if let Some(mss) = mss {
        push(&[2, 4]);
        push(&(mss as u16).to_be_bytes());
    }
    let stamped = ts_val.is_some() || ts_ecr.is_some();
    match (sack_permitted, stamped) {
        (Some(_), _) => push(&[4, 2]),
        (None, true) => push(&[1, 1]),
        (None, false) => {}
    }
    if stamped {
        push(&[8, 10]);
        push(&ts_val.unwrap_or(0).to_be_bytes());
        push(&ts_ecr.unwrap_or(0).to_be_bytes());
    } else if sack_permitted.is_some() {
        push(&[1, 1]);
    }
    if let Some(scale) = window_scale {
        push(&[1, 3, 3, scale as u8]);
    }
    (bytes, len)
}

#[cfg(test)]
mod tests;
