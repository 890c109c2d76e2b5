//! Exchanging a network header for another, as translators between IPv4 and IPv6 do (RFC 7915).

use crate::amend::amend;
use crate::checksum;
use crate::header::{FieldRef, HeaderId};
use crate::layout::Fault;
use crate::packet::Packet;
use crate::parse::{ethertype, protocol};
use crate::stack::Stack;
use crate::transport::{Shape, Transport, has_open_route, word};

/// True if `new` may take the place of the network header `old`: a header of either family, for
/// the packet itself (an IPv6 one may have a fragment header behind it) or for one that is quoted.
pub fn may_replace(old: HeaderId, new: &[HeaderId]) -> bool {
    use HeaderId as H;
    match old {
        H::IP | H::IP6 => matches!(new, [H::IP] | [H::IP6] | [H::IP6, H::FRAG6]),
        H::INNER | H::INNER6 => matches!(new, [H::INNER] | [H::INNER6]),
        _ => false,
    }
}

impl Packet {
    /// Puts a stack in the place of the network header `old`: of `ip`, with its options, or of
    /// `ip6`, with all its extension headers; or of the one that an ICMP error quotes.
    ///
    /// What stands behind it stays. Fields that are not given are filled: versions, lengths and
    /// protocol numbers to be right (ICMP and ICMPv6 exchanged with the family), `ttl` 64, others
    /// 0. Checksums of transport headers follow the pseudo-header: what was right stays right,
    /// what was wrong stays wrong; that of a UDP datagram without one is computed if the new
    /// header is IPv6's, which demands one, and the datagram is whole. Afterwards the packet is
    /// parsed anew.
    ///
    /// False, and nothing changed, if that is impossible: the packet has no such header, it is
    /// [faulty](Fault), its lengths contradict each other or would exceed 65,535, it is
    /// authenticated (RFC 4302), or it has a routing header with segments left.
    pub fn replace<F: AsRef<[(FieldRef, u128)]>>(
        &mut self,
        old: HeaderId,
        stack: &[(HeaderId, F)],
    ) -> bool {
        let Some(exchange) = self.exchange(old, stack) else { return false };
        let mut plain: [(HeaderId, &[(FieldRef, u128)]); 2] = [(old, &[]); 2];
        for (to, (id, fields)) in plain.iter_mut().zip(stack) {
            *to = (*id, fields.as_ref());
        }
        self.make(&exchange, &plain[..stack.len()]);
        true
    }

    /// Checks whether the exchange is possible, and how it is made.
    fn exchange<F>(&self, old: HeaderId, stack: &[(HeaderId, F)]) -> Option<Exchange> {
        let mut ids = [old; 2];
        let ids = ids.get_mut(..stack.len())?;
        ids.iter_mut().zip(stack).for_each(|(to, (id, _))| *to = *id);
        let (frame, layout) = (self.bytes(), &self.layout);
        let from = layout.start(old)?;
        if !may_replace(old, ids) || layout.fault != Fault::None {
            return None;
        }
        let quoted = matches!(old, HeaderId::INNER | HeaderId::INNER6);
        let known = if quoted {
            [HeaderId::INNER_L4, HeaderId::INNER_ICMP, HeaderId::INNER_ICMP]
        } else {
            [HeaderId::L4, HeaderId::ICMP, HeaderId::ICMP6]
        };
        let to = match known.into_iter().find_map(|id| layout.start(id)) {
            Some(at) => at,
            None if quoted => return None,
            None => layout.payload as usize,
        };
        let was_v6 = matches!(old, HeaderId::IP6 | HeaderId::INNER6);
        if was_v6 && has_open_route(frame, from, to) {
            return None;
        }
        let v6 = matches!(ids[0], HeaderId::IP6 | HeaderId::INNER6);
        let proto = match (quoted, was_v6) {
            (false, _) => layout.proto,
            (true, false) => frame[from + 9],
            (true, true) => frame[from + 6],
        };
        let new_proto = match (proto, was_v6, v6) {
            (protocol::ICMP, false, true) => protocol::ICMP6,
            (protocol::ICMP6, true, false) => protocol::ICMP,
            _ => proto,
        };
        let new_len: usize = ids.iter().map(|id| usize::from(id.def().min_len)).sum();
        // What the header says follows it; without a length, what is there.
        let said = usize::from(word(frame, from + if was_v6 { 4 } else { 2 }));
        let said = if was_v6 && said != 0 { said + 40 } else { said };
        let upper_len = match said {
            0 => layout.end as usize - to,
            said => said.checked_sub(to - from)?,
        };
        let len = upper_len + new_len - if v6 { 40 } else { 0 };
        let len = u16::try_from(len).ok()?;
        let outer_len = if quoted { Some(self.outer_len(from, to, new_len)?) } else { None };
        let shape = Shape { network: from, v6, proto: new_proto, at: from + new_len };
        Some(Exchange { from, to, new_len, len, proto: new_proto, quoted, outer_len, shape })
    }

    /// The length that the outer datagram has after its quote has changed, and where it stands.
    fn outer_len(&self, from: usize, to: usize, new_len: usize) -> Option<(usize, u16)> {
        let at = match self.layout.start(HeaderId::IP) {
            Some(at) => at + 2,
            None => self.layout.start(HeaderId::IP6)? + 4,
        };
        match word(self.bytes(), at) {
            0 => Some((at, 0)),
            len => {
                let len = (usize::from(len) + new_len).checked_sub(to - from)?;
                Some((at, u16::try_from(len).ok()?))
            }
        }
    }

    fn make(&mut self, exchange: &Exchange, stack: &Stack<'_>) {
        let &Exchange { from, to, new_len, len, proto, quoted, outer_len, shape } = exchange;
        let inner = Transport::quoted(self.bytes(), &self.layout).filter(|_| quoted);
        let inner = inner.map(|transport| transport.sum(self.bytes()));
        self.follow(|packet| {
            // Padding would be taken for a part of the datagram.
            packet.cut(packet.layout.end);
            let frame_len = packet.len() + new_len - (to - from);
            if to - from > new_len {
                packet.close(from, from + (to - from) - new_len);
            } else {
                packet.open(from, new_len - (to - from));
            }
            debug_assert_eq!(packet.len(), frame_len);
            packet.overwrite(stack, from, (len, proto));
            let frame = packet.bytes_mut();
            if let Some((at, len)) = outer_len {
                frame[at..at + 2].copy_from_slice(&len.to_be_bytes());
            } else {
                let kind = if shape.v6 { ethertype::IP6 } else { ethertype::IP };
                frame[from - 2..from].copy_from_slice(&kind.to_be_bytes());
            }
            // Afterwards the quote may not be recognised: the error around it is of the old kind.
            let now = Transport::new(frame, shape, frame.len());
            if let (Some(before), Some(now)) = (inner, now) {
                let difference = checksum::difference(before, now.sum(frame));
                amend(frame, now.checksum_at, difference, now.is_udp());
            }
            packet.parse();
        });
        let whole = !crate::transport::has_more_fragments(self.bytes(), &self.layout);
        if shape.v6 && !quoted && whole {
            self.complete_udp();
        }
    }

    /// Computes the checksum of a UDP datagram that has none.
    fn complete_udp(&mut self) {
        let Some(transport) = Transport::outer(self.bytes(), &self.layout) else { return };
        let at = transport.checksum_at;
        if transport.is_udp() && word(self.bytes(), at) == 0 {
            let fresh = transport.fresh(self.bytes());
            self.bytes_mut()[at..at + 2].copy_from_slice(&fresh.to_be_bytes());
        }
    }
}

/// An exchange that is known to be possible.
struct Exchange {
    /// First byte of the old header, and of the new one.
    from: usize,
    /// First byte behind the old header.
    to: usize,
    /// Bytes of the new one.
    new_len: usize,
    /// The new header's length field.
    len: u16,
    /// Protocol number of what follows.
    proto: u8,
    /// The header is the one that an ICMP error quotes.
    quoted: bool,
    /// Where the outer length stands and what it becomes, if this is a quoted header.
    outer_len: Option<(usize, u16)>,
    /// Network and transport header afterwards.
    shape: Shape,
}

#[cfg(test)]
mod tests;
