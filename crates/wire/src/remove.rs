//! Taking headers out of a packet.

use crate::above;
use crate::header::HeaderId;
use crate::insert::link_end;
use crate::layout::Layout;
use crate::packet::{Packet, READABLE_MIN};
use crate::parse::{ethertype, protocol};
use crate::stack::{STACK_MAX, is_network, may_begin, may_follow, type_of};
use crate::transport::word;

impl Packet {
    /// Takes a stack of headers, from the outermost in, out of the packet: what
    /// [`Packet::insert`] of the same stack put in, and any options they have. The EtherType in
    /// front of what remains is kept right; padding is cut off when a network header goes.
    /// Afterwards the packet is parsed anew.
    ///
    /// False, and nothing changed, if the packet does not have these headers at that place, or if
    /// it cannot be told what remains.
    pub fn remove(&mut self, stack: &[HeaderId]) -> bool {
        let Some(first) = stack.first() else { return true };
        let Some(cut) = self.cut_for(stack) else { return false };
        let network = stack.iter().any(|id| is_network(*id));
        if network {
            self.cut(self.layout.end);
        }
        if *first != HeaderId::ETH {
            let kind = cut.kind.to_be_bytes();
            self.bytes_mut()[cut.from - 2..cut.from].copy_from_slice(&kind);
        }
        self.close(cut.from, cut.to);
        self.parse();
        true
    }

    /// The bytes that go, if they can.
    fn cut_for(&self, stack: &[HeaderId]) -> Option<Cut> {
        let frame = self.bytes();
        let first = *stack.first()?;
        let last = *stack.last()?;
        let from = match first {
            HeaderId::ETH => 0,
            HeaderId::VLAN => 14,
            _ => link_end(frame)?,
        };
        let mut to = from;
        for (i, id) in stack.iter().enumerate().take(STACK_MAX) {
            let allowed = if i == 0 { may_begin(*id) } else { may_follow(stack[i - 1], *id) };
            if !allowed || self.layout.start(*id) != Some(to) {
                return None;
            }
            to += match (*id, stack.get(i + 1)) {
                (HeaderId::GRE, Some(_)) => 4,
                _ => header_len(frame, *id, to),
            };
        }
        let network = stack.iter().any(|id| is_network(*id));
        let end = if network { self.layout.end as usize } else { frame.len() };
        if stack.len() > STACK_MAX || to > end {
            return None;
        }
        let kind = match last {
            _ if first == HeaderId::ETH => {
                return (to + 14 <= end).then_some(Cut { from, to, kind: 0 });
            }
            HeaderId::VLAN | HeaderId::VLAN2 => word(frame, to - 2),
            HeaderId::GRE => word(frame, start_of(&self.layout, HeaderId::GRE) + 2),
            HeaderId::GRE_CHECKSUM | HeaderId::GRE_KEY | HeaderId::GRE_SEQ => {
                let gre = start_of(&self.layout, HeaderId::GRE);
                // Nothing may be left of the header.
                if gre + above::gre_len(frame[gre]) != to {
                    return None;
                }
                word(frame, gre + 2)
            }
            HeaderId::VXLAN => ethertype::BRIDGED,
            HeaderId::IP | HeaderId::IP6 if self.layout.proto == protocol::IP => ethertype::IP,
            HeaderId::IP | HeaderId::IP6 if self.layout.proto == protocol::IP6 => ethertype::IP6,
            HeaderId::IP | HeaderId::IP6 | HeaderId::FRAG6 | HeaderId::ARP => return None,
            _ => type_of(*frame.get(to).filter(|_| to < end)?)?,
        };
        Some(Cut { from, to, kind })
    }

    /// Takes `from..to` out of the frame.
    pub(crate) fn close(&mut self, from: usize, to: usize) {
        let start = self.start as usize;
        self.buffer.copy_within(start..start + from, start + to - from);
        self.start += (to - from) as u32;
        self.layout.len -= (to - from) as u32;
        let need = self.start as usize + READABLE_MIN;
        if self.buffer.len() < need {
            self.buffer.resize(need, 0);
        }
    }
}

/// Bytes to take out.
struct Cut {
    from: usize,
    to: usize,
    /// EtherType of what remains.
    kind: u16,
}

/// Where a header starts that is known to be there.
fn start_of(layout: &Layout, id: HeaderId) -> usize {
    usize::from(layout.offset[usize::from(id.0)])
}

/// Length of the header, options included.
fn header_len(frame: &[u8], id: HeaderId, at: usize) -> usize {
    match id {
        HeaderId::IP | HeaderId::INNER => usize::from(frame[at] & 0x0f) * 4,
        HeaderId::TCP => usize::from(frame[at + 12] >> 4) * 4,
        HeaderId::GRE => above::gre_len(frame[at]),
        _ => id.def().min_len.into(),
    }
}
