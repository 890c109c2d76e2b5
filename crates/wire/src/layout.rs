//! Where each header of one packet starts: the result of parsing it, kept beside it.

use crate::header::{HeaderId, HeaderSet};

/// The parsed-header cache of one packet.
///
/// A header is present only if all of it, options included, lies inside the captured bytes and
/// inside what the enclosing header's length allows; so a reader that finds it here may read any
/// of its fields without a bounds check.
/// The layout of this struct in memory is part of the contract with generated code.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Headers that are present.
    pub present: HeaderSet,
    /// Length of the captured frame in bytes.
    pub len: u32,
    /// First byte after the last header of the link, network and transport layers. Headers above
    /// those (`vxlan`, `gre`, `dns`) lie in the payload.
    pub payload: u32,
    /// End of the network datagram in the captured bytes: Ethernet padding lies beyond it. Equal
    /// to `len` for frames without a network header.
    pub end: u32,
    /// First byte of each present header, indexed by [`HeaderId`]; zero if absent.
    pub offset: [u16; HeaderId::COUNT],
    /// Upper-layer protocol number of the outermost datagram, behind IPv6 extension headers; zero
    /// if there is none.
    pub proto: u8,
    /// Why parsing stopped early, if it did.
    pub fault: Fault,
}

/// Why parsing stopped before the payload.
#[repr(u8)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// It did not: all that is there was understood.
    #[default]
    None = 0,
    /// The captured bytes end inside a header.
    Truncated = 1,
    /// A length or version field contradicts itself or its surroundings.
    Malformed = 2,
    /// More nested or extension headers than the parser's limit.
    TooDeep = 3,
}

impl Layout {
    /// First byte of `id`, if it is present.
    pub fn start(&self, id: HeaderId) -> Option<usize> {
        self.present.has(id).then(|| usize::from(self.offset[usize::from(id.0)]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::packets;

    #[test]
    fn what_is_impossible_is_never_found() {
        for seed in 1..20 {
            assert!(packets(seed).iter().all(|packet| packet.layout().present.is_possible()));
        }
        let both = HeaderSet::of(HeaderId::TCP).with(HeaderId::UDP);
        assert!(!both.is_possible(), "the control");
    }
}
