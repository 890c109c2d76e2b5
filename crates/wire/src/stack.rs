//! Which headers may stand on which, and how one names the next.
//!
//! A header names what follows it in a field: an EtherType or a protocol number. That field is the
//! whole grammar of a packet, and both changes of structure (`insert`, `remove`) are made of it.

use crate::above::port;
use crate::header::{FieldRef, HeaderId};
use crate::parse::{ethertype, protocol};

/// Most headers in one stack to insert or remove.
pub(crate) const STACK_MAX: usize = 12;

/// Headers from the outermost in, each with the fields that are given.
pub(crate) type Stack<'a> = [(HeaderId, &'a [(FieldRef, u128)])];

/// What follows a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Follower {
    /// A header.
    Header(HeaderId),
    /// What an EtherType says.
    Typed(u16),
    /// A whole Ethernet frame.
    Frame,
    /// Bytes without a type.
    Bytes,
}

/// True if `next` may stand directly behind `id` in a stack.
pub fn may_follow(id: HeaderId, next: HeaderId) -> bool {
    use HeaderId as H;
    match id {
        H::ETH => matches!(next, H::VLAN | H::ARP | H::IP | H::IP6),
        H::VLAN => matches!(next, H::VLAN2 | H::ARP | H::IP | H::IP6),
        H::VLAN2 => matches!(next, H::ARP | H::IP | H::IP6),
        H::IP => matches!(next, H::TCP | H::UDP | H::ICMP | H::GRE),
        H::IP6 => matches!(next, H::FRAG6 | H::TCP | H::UDP | H::ICMP6 | H::GRE),
        H::FRAG6 => matches!(next, H::TCP | H::UDP | H::ICMP6),
        H::UDP => matches!(next, H::VXLAN | H::DNS),
        H::GRE => matches!(next, H::GRE_CHECKSUM | H::GRE_KEY | H::GRE_SEQ),
        H::GRE_CHECKSUM => matches!(next, H::GRE_KEY | H::GRE_SEQ),
        H::GRE_KEY => next == H::GRE_SEQ,
        H::ICMP => next == H::INNER,
        H::ICMP6 => next == H::INNER6,
        H::INNER | H::INNER6 => matches!(next, H::INNER_L4 | H::INNER_ICMP),
        _ => false,
    }
}

/// True if a stack may begin with `id`.
pub fn may_begin(id: HeaderId) -> bool {
    matches!(id, HeaderId::ETH | HeaderId::VLAN) || is_network(id)
}

/// True for what stands behind the link headers.
pub fn is_network(id: HeaderId) -> bool {
    matches!(id, HeaderId::ARP | HeaderId::IP | HeaderId::IP6)
}

/// The field by which `id` names this follower, if it has one.
pub(crate) fn next_field(id: HeaderId, follower: Follower) -> Option<FieldRef> {
    use HeaderId as H;
    let name = match id {
        H::ETH | H::VLAN | H::VLAN2 | H::GRE => "type",
        H::UDP if matches!(follower, Follower::Header(_)) => "dst",
        H::IP | H::INNER => "proto",
        H::IP6 | H::INNER6 | H::FRAG6 => "next",
        _ => return None,
    };
    id.field(name)
}

/// The value of [`next_field`] of `id` for a follower; none if there is no number for it.
pub(crate) fn next_value(id: HeaderId, follower: Follower) -> Option<u16> {
    use HeaderId as H;
    match id {
        H::ETH | H::VLAN | H::VLAN2 | H::GRE => ether_type(follower),
        H::UDP => match follower {
            Follower::Header(H::VXLAN) => Some(port::VXLAN),
            Follower::Header(H::DNS) => Some(port::DNS),
            _ => None,
        },
        H::IP | H::INNER | H::IP6 | H::INNER6 | H::FRAG6 => {
            let v6 = matches!(id, H::IP6 | H::INNER6 | H::FRAG6);
            protocol_number(follower, v6).map(u16::from)
        }
        _ => None,
    }
}

fn ether_type(follower: Follower) -> Option<u16> {
    Some(match follower {
        Follower::Typed(kind) => kind,
        Follower::Frame => ethertype::BRIDGED,
        Follower::Bytes => ethertype::EXPERIMENT,
        Follower::Header(HeaderId::ARP) => ethertype::ARP,
        Follower::Header(HeaderId::IP) => ethertype::IP,
        Follower::Header(HeaderId::IP6) => ethertype::IP6,
        Follower::Header(HeaderId::VLAN | HeaderId::VLAN2) => ethertype::VLAN,
        Follower::Header(_) => return None,
    })
}

fn protocol_number(follower: Follower, v6: bool) -> Option<u8> {
    use HeaderId as H;
    Some(match follower {
        Follower::Typed(ethertype::IP) => protocol::IP,
        Follower::Typed(ethertype::IP6) => protocol::IP6,
        Follower::Typed(_) => return None,
        Follower::Frame => protocol::ETHERNET,
        Follower::Bytes => protocol::EXPERIMENT,
        Follower::Header(H::TCP) => protocol::TCP,
        // Of a quoted header only eight bytes are there; UDP is whole in them.
        Follower::Header(H::UDP | H::INNER_L4) => protocol::UDP,
        Follower::Header(H::ICMP) => protocol::ICMP,
        Follower::Header(H::ICMP6) => protocol::ICMP6,
        Follower::Header(H::INNER_ICMP) if v6 => protocol::ICMP6,
        Follower::Header(H::INNER_ICMP) => protocol::ICMP,
        Follower::Header(H::FRAG6) => protocol::FRAGMENT,
        Follower::Header(H::GRE) => protocol::GRE,
        Follower::Header(_) => return None,
    })
}

/// The EtherType of a network datagram that begins with this byte.
pub(crate) fn type_of(first: u8) -> Option<u16> {
    match first >> 4 {
        4 => Some(ethertype::IP),
        6 => Some(ethertype::IP6),
        _ => None,
    }
}
