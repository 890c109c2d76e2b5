//! Which port leads to a host.

use trama_transport::{Balance, Packet};

/// The ports of a switch by destination.
#[derive(Clone, Debug)]
pub(crate) enum Route {
    /// In a tree the hosts below a switch are neighbours in number.
    Tree {
        /// First host below.
        first: u32,
        /// Hosts below.
        count: u32,
        /// Hosts below each of its ports.
        stride: u32,
        /// Port to the first of them.
        down: u32,
        /// First port upwards.
        up: u32,
        /// Ports upwards.
        ups: u32,
        /// A path chooses `path / divisor % ups`.
        divisor: u32,
    },
}

impl Route {
    /// That of a switch above all hosts, with `stride` of them below each port from `down` on.
    pub(crate) const fn down(count: u32, stride: u32, down: u32) -> Self {
        Self::Tree { first: 0, count, stride, down, up: 0, ups: 0, divisor: 1 }
    }

    /// The port for a packet; `chance` is a random number for this packet and switch, `salt` tells
    /// switches apart. None if no port leads there.
    pub(crate) fn port(
        &self,
        packet: &Packet,
        balance: Balance,
        salt: u32,
        chance: impl FnOnce() -> u64,
    ) -> Option<u32> {
        let choose = |count: u32, divisor: u32| -> u32 {
            match balance {
                _ if count == 1 => 0,
                Balance::Source => u32::from(packet.path) / divisor % count,
                Balance::Flow => (flow_hash(packet, salt) % u64::from(count)) as u32,
                Balance::Spray => (chance() % u64::from(count)) as u32,
            }
        };
        match self {
            Self::Tree { first, count, stride, down, up, ups, divisor } => {
                let offset = packet.destination.0.wrapping_sub(*first);
                if offset < *count {
                    return Some(down + offset / stride);
                }
                (*ups > 0).then(|| up + choose(*ups, *divisor))
            }
        }
    }
}

/// Symmetric in the two hosts, so that answers take the way of what they answer.
fn flow_hash(packet: &Packet, salt: u32) -> u64 {
    let ends = u64::from(packet.source.0 ^ packet.destination.0);
    let mut z = ends << 32 ^ u64::from(packet.flow.0) ^ u64::from(salt) << 20;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
