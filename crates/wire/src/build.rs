//! Packets from nothing.

use crate::header::{FieldRef, HeaderId};
use crate::insert::Place;
use crate::packet::Packet;
use crate::stack::{Follower, STACK_MAX, is_network, may_begin};

impl Packet {
    /// A packet of these headers, from the outermost in, around a payload. Fields that are not
    /// given are filled as [`Packet::insert`] does. An Ethernet header with zero addresses comes
    /// in front if the stack begins at the network layer. Frames are not padded to Ethernet's
    /// minimum. None if the headers do not stand on each other.
    ///
    /// ```
    /// use trama_wire::header::HeaderId;
    /// use trama_wire::Packet;
    ///
    /// let ttl = HeaderId::IP.field("ttl").expect("IPv4 has a time to live");
    /// let stack = [(HeaderId::IP, vec![(ttl, 7)]), (HeaderId::UDP, vec![])];
    /// let packet = Packet::build(&stack, b"hello").expect("UDP stands on IPv4");
    /// assert_eq!(packet.get(ttl), 7);
    /// assert!(packet.checksum_ok(HeaderId::UDP));
    /// ```
    pub fn build<F: AsRef<[(FieldRef, u128)]>>(
        stack: &[(HeaderId, F)],
        payload: &[u8],
    ) -> Option<Self> {
        let mut packet = Self::new(payload);
        let Some((first, _)) = stack.first() else { return Some(packet) };
        let bare = is_network(*first);
        let mut plain: [(HeaderId, &[(FieldRef, u128)]); STACK_MAX + 1] =
            [(HeaderId::ETH, &[]); STACK_MAX + 1];
        let plain = plain.get_mut(..stack.len() + usize::from(bare))?;
        for (to, (id, fields)) in plain[usize::from(bare)..].iter_mut().zip(stack) {
            *to = (*id, fields.as_ref());
        }
        // The payload is no frame, whatever its bytes look like.
        packet.layout.end = packet.layout.len;
        let fits = may_begin(*first) && *first != HeaderId::VLAN && stack.len() < STACK_MAX;
        let place = Place { at: 0, follower: Follower::Bytes };
        (fits && packet.insert_at(plain, place)).then_some(packet)
    }
}
