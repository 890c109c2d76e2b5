//! Putting headers into a packet.

use crate::above;
use crate::checksum;
use crate::field::Write;
use crate::header::{FieldRef, HeaderId};
use crate::packet::{HEADROOM, Packet, READABLE_MIN};
use crate::parse::{ethertype, protocol};
use crate::stack::{
    Follower, STACK_MAX, Stack, is_network, may_begin, may_follow, next_field, next_value,
};
use crate::transport::{Shape, Transport, word};

impl Packet {
    /// Puts a stack of headers, from the outermost in, into the packet: in front of the frame if
    /// the first is `eth`, behind the MAC addresses if it is `vlan`, else behind the link headers.
    /// Each header comes with the fields that are given; the others are filled: versions, lengths,
    /// protocol numbers, EtherTypes, checksums, `ttl` 64, and zero for the rest.
    ///
    /// Ethernet padding is cut off first when a network header is inserted. Afterwards the packet
    /// is parsed anew. False, and nothing changed, if that is impossible: headers that do not
    /// stand on each other, a datagram over 65,535 bytes, a protocol without a number for what
    /// follows, or a frame without the place.
    pub fn insert<F: AsRef<[(FieldRef, u128)]>>(&mut self, stack: &[(HeaderId, F)]) -> bool {
        let Some((first, _)) = stack.first() else { return true };
        let mut plain: [(HeaderId, &[(FieldRef, u128)]); STACK_MAX] = [(*first, &[]); STACK_MAX];
        let Some(plain) = plain.get_mut(..stack.len()) else { return false };
        for (to, (id, fields)) in plain.iter_mut().zip(stack) {
            *to = (*id, fields.as_ref());
        }
        let Some(place) = self.place_for(plain) else { return false };
        self.insert_at(plain, place)
    }

    /// Where a stack goes, and what will follow it.
    fn place_for(&self, stack: &Stack<'_>) -> Option<Place> {
        let frame = self.bytes();
        let first = stack.first()?.0;
        if !may_begin(first) {
            return None;
        }
        if first == HeaderId::ETH {
            let follower = if frame.is_empty() { Follower::Bytes } else { Follower::Frame };
            return Some(Place { at: 0, follower });
        }
        if !self.layout.present.has(HeaderId::ETH) {
            return None;
        }
        let at = if first == HeaderId::VLAN { 14 } else { link_end(frame)? };
        let tagged = self.layout.present.has(HeaderId::VLAN);
        if first == HeaderId::VLAN && tagged && stack.iter().any(|(id, _)| is_network(*id)) {
            return None;
        }
        Some(Place { at, follower: Follower::Typed(word(frame, at - 2)) })
    }

    /// Puts a stack in at a place.
    pub(crate) fn insert_at(&mut self, stack: &Stack<'_>, place: Place) -> bool {
        let network = stack.iter().any(|(id, _)| is_network(*id));
        let frame_len = if network { self.layout.end as usize } else { self.len() };
        let Some(plan) = Plan::of(stack, place, frame_len) else { return false };
        self.cut(frame_len as u32);
        self.open(place.at, plan.len);
        let frame = self.bytes_mut();
        frame[place.at..place.at + plan.len].fill(0);
        if place.at > 0 {
            let kind = next_value(HeaderId::ETH, Follower::Header(stack[0].0)).unwrap_or_default();
            frame[place.at - 2..place.at].copy_from_slice(&kind.to_be_bytes());
            // A tag around another one is a service tag (IEEE 802.1ad).
            if stack[0].0 == HeaderId::VLAN && plan.next[0].is_some_and(ethertype::is_tag) {
                frame[12..14].copy_from_slice(&ethertype::SERVICE_VLAN.to_be_bytes());
            }
        }
        plan.fill(frame, stack);
        self.parse();
        true
    }

    /// Writes a stack over the bytes at `at`, where its first header has the length `len` and its
    /// last one names `next`. The layout is stale afterwards.
    pub(crate) fn overwrite(&mut self, stack: &Stack<'_>, at: usize, (len, next): (u16, u8)) {
        let mut plan = Plan::blank(Some(len));
        for (i, (id, _)) in stack.iter().enumerate() {
            plan.at[i] = at + plan.len;
            plan.len += usize::from(id.def().min_len);
            plan.next[i] = match stack.get(i + 1) {
                Some((above, _)) => next_value(*id, Follower::Header(*above)),
                None => Some(next.into()),
            };
        }
        let frame = self.bytes_mut();
        frame[at..at + plan.len].fill(0);
        plan.fill(frame, stack);
    }

    /// Makes room of `len` bytes at `at` in the frame.
    pub(crate) fn open(&mut self, at: usize, len: usize) {
        let start = self.start as usize;
        let frame_len = self.layout.len as usize;
        if len <= start {
            self.buffer.copy_within(start..start + at, start - len);
            self.start = (start - len) as u32;
        } else {
            let need = HEADROOM + (frame_len + len).max(READABLE_MIN);
            let mut buffer = vec![0; need];
            let frame = &self.buffer[start..start + frame_len];
            buffer[HEADROOM..HEADROOM + at].copy_from_slice(&frame[..at]);
            buffer[HEADROOM + at + len..HEADROOM + len + frame_len].copy_from_slice(&frame[at..]);
            self.buffer = buffer;
            self.start = HEADROOM as u32;
        }
        self.layout.len = (frame_len + len) as u32;
    }
}

/// Where the link headers of a frame end: Ethernet and all its tags.
pub(crate) fn link_end(frame: &[u8]) -> Option<usize> {
    let mut at = 14;
    while at <= frame.len() && ethertype::is_tag(word(frame, at - 2)) {
        at += 4;
    }
    (at <= frame.len()).then_some(at)
}

/// What stands behind the header at `i`; behind GRE, that is what stands behind its words.
fn follower(stack: &Stack<'_>, i: usize, place: Place) -> Follower {
    let is_gre = stack[i].0 == HeaderId::GRE;
    let next =
        stack[i + 1..].iter().map(|(id, _)| *id).find(|id| !is_gre || above::gre_bit(*id) == 0);
    next.map_or(place.follower, Follower::Header)
}

/// Where a stack goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Offset in the frame.
    pub(crate) at: usize,
    /// What stands there now.
    pub(crate) follower: Follower,
}

/// An insertion that is known to be possible.
struct Plan {
    /// Offset of each header in the new frame.
    at: [usize; STACK_MAX],
    /// Number that each header gives for what follows.
    next: [Option<u16>; STACK_MAX],
    /// Bytes inserted.
    len: usize,
    /// Length that the first header gives; without one, that of what is there.
    first_len: Option<u16>,
}

impl Plan {
    fn blank(first_len: Option<u16>) -> Self {
        Self { at: [0; STACK_MAX], next: [None; STACK_MAX], len: 0, first_len }
    }

    /// Checks a stack against its place in a frame that has `frame_len` bytes now.
    fn of(stack: &Stack<'_>, place: Place, frame_len: usize) -> Option<Self> {
        let mut plan = Self::blank(None);
        for (i, (id, _)) in stack.iter().enumerate() {
            plan.at[i] = place.at + plan.len;
            plan.len += usize::from(id.def().min_len);
        }
        let frame_len = frame_len + plan.len;
        for (i, (id, fields)) in stack.iter().enumerate() {
            if stack.get(i + 1).is_some_and(|(next, _)| !may_follow(*id, *next)) {
                return None;
            }
            let follower = follower(stack, i, place);
            plan.next[i] = next_value(*id, follower);
            if let Some(field) = next_field(*id, follower)
                && plan.next[i].is_none()
                && !fields.iter().any(|(given, _)| *given == field)
            {
                return None;
            }
            let rest = frame_len - plan.at[i];
            let too_long = match *id {
                HeaderId::IP => rest > 0xffff,
                HeaderId::IP6 => rest > 0xffff + 40,
                // What stands behind an ARP header would become padding.
                HeaderId::ARP => stack.len() > i + 1 || rest > 28,
                // Nothing but a frame goes into a VXLAN.
                HeaderId::VXLAN => matches!(
                    follower, Follower::Typed(kind) if kind != ethertype::BRIDGED
                ),
                _ => false,
            };
            if too_long {
                return None;
            }
        }
        Some(plan)
    }

    /// Writes all headers of the stack: defaults, then what is given, then checksums from the
    /// inside out.
    fn fill(&self, frame: &mut [u8], stack: &Stack<'_>) {
        for (i, (id, fields)) in stack.iter().enumerate() {
            self.fill_defaults(frame, stack, i);
            let above = stack.get(i + 1).map_or(Follower::Bytes, |next| Follower::Header(next.0));
            if let (Some(field), Some(next)) = (next_field(*id, above), self.next[i]) {
                self.put(frame, i, field, next.into());
            }
            for (field, value) in fields.iter().filter(|(field, _)| field.header == *id) {
                self.put(frame, i, *field, *value);
            }
        }
        for (i, (id, fields)) in stack.iter().enumerate().rev() {
            let field = id.field("checksum");
            if !fields.iter().any(|(given, _)| Some(*given) == field) {
                self.fill_checksum(frame, stack, i);
            }
        }
    }

    /// Writes what makes a header one of its kind.
    fn fill_defaults(&self, frame: &mut [u8], stack: &Stack<'_>, i: usize) {
        let at = self.at[i];
        let rest = frame.len() - at;
        let next = stack.get(i + 1).map(|(id, _)| *id);
        let mut put = |offset: usize, bytes: &[u8]| {
            frame[at + offset..at + offset + bytes.len()].copy_from_slice(bytes);
        };
        // Lengths of quoted datagrams that would not fit are cut: the quote is what there is.
        let first_len = self.first_len.filter(|_| i == 0);
        let len = |len: usize| {
            first_len.unwrap_or_else(|| u16::try_from(len).unwrap_or(u16::MAX)).to_be_bytes()
        };
        match stack[i].0 {
            HeaderId::ARP => put(0, &[0, 1, 8, 0, 6, 4]),
            HeaderId::IP | HeaderId::INNER => {
                put(0, &[0x45]);
                put(2, &len(rest));
                put(8, &[64]);
            }
            HeaderId::IP6 | HeaderId::INNER6 => {
                put(0, &[0x60]);
                put(4, &len(rest - 40));
                put(7, &[64]);
            }
            HeaderId::TCP => put(12, &[0x50]),
            HeaderId::UDP => put(4, &len(rest)),
            HeaderId::VXLAN => put(0, &[0x08]),
            HeaderId::GRE => {
                let words = stack[i + 1..].iter().map(|(id, _)| above::gre_bit(*id));
                put(0, &[words.fold(0, |all, bit| all | bit)]);
            }
            HeaderId::INNER_L4 if self.quotes_udp(stack, i) => put(4, &len(rest)),
            // Types of messages that can quote, and of an echo request over IPv6.
            HeaderId::ICMP if next.is_some() => put(0, &[3]),
            HeaderId::ICMP6 if next.is_some() => put(0, &[1]),
            HeaderId::INNER_ICMP if i > 0 && stack[i - 1].0 == HeaderId::INNER6 => put(0, &[128]),
            _ => {}
        }
    }

    /// True if the quoted transport header at `i` is UDP's, as it is unless its network header is
    /// given another protocol.
    fn quotes_udp(&self, stack: &Stack<'_>, i: usize) -> bool {
        let (network, fields) = stack[i - 1];
        let field = next_field(network, Follower::Bytes);
        let given = fields.iter().rev().find(|(given, _)| Some(*given) == field);
        given.is_none_or(|(_, proto)| *proto as u8 == protocol::UDP)
    }

    fn fill_checksum(&self, frame: &mut [u8], stack: &Stack<'_>, i: usize) {
        let at = self.at[i];
        let id = stack[i].0;
        if matches!(id, HeaderId::IP | HeaderId::INNER) {
            let header_len = (usize::from(frame[at] & 0x0f) * 4).min(frame.len() - at);
            let sum = checksum::sum(&frame[at..at + header_len]);
            frame[at + 10..at + 12].copy_from_slice(&checksum::finish(sum).to_be_bytes());
            return;
        }
        if id == HeaderId::GRE_CHECKSUM {
            let sum = checksum::sum(&frame[at - 4..]);
            frame[at..at + 2].copy_from_slice(&checksum::finish(sum).to_be_bytes());
            return;
        }
        let proto = match id {
            HeaderId::TCP => protocol::TCP,
            HeaderId::UDP => protocol::UDP,
            HeaderId::INNER_L4 if self.quotes_udp(stack, i) => protocol::UDP,
            HeaderId::ICMP => protocol::ICMP,
            HeaderId::ICMP6 => protocol::ICMP6,
            HeaderId::INNER_ICMP if stack[i - 1].0 == HeaderId::INNER6 => protocol::ICMP6,
            HeaderId::INNER_ICMP => protocol::ICMP,
            _ => return,
        };
        let networks = [HeaderId::IP, HeaderId::IP6, HeaderId::INNER, HeaderId::INNER6];
        let Some(network) = (0..i).rev().find(|j| networks.contains(&stack[*j].0)) else { return };
        let v6 = matches!(stack[network].0, HeaderId::IP6 | HeaderId::INNER6);
        let shape = Shape { network: self.at[network], v6, proto, at };
        if let Some(transport) = Transport::new(frame, shape, frame.len()) {
            let new = transport.fresh(frame);
            let field = transport.checksum_at..transport.checksum_at + 2;
            frame[field].copy_from_slice(&new.to_be_bytes());
        }
    }

    fn put(&self, frame: &mut [u8], i: usize, field: FieldRef, value: u128) {
        Write::of_field(frame, self.at[i], field.def(), value).make(frame);
    }
}

#[cfg(test)]
mod tests;
