//! Which port leads to a host.

use crate::port::Port;
use std::collections::VecDeque;
use trama_transport::{Balance, Packet};

/// Where hosts are attached: by host, the switch and its port to the host.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attached(Vec<(u32, u32)>);

impl Attached {
    pub(crate) fn new(ports: &[Port], hosts: u32) -> Self {
        let interface = |port: &Port| (port.to - hosts, port.reverse);
        Self(ports[..hosts as usize].iter().map(interface).collect())
    }
}

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
    /// By the switch of the destination `d`, the equal ports: `ports[starts[d]..starts[d + 1]]`.
    Table {
        /// One more than there are switches.
        starts: Vec<u32>,
        /// Ports.
        ports: Vec<u32>,
    },
}

impl Route {
    /// That of a switch above all hosts, with `stride` of them below each port from `down` on.
    pub(crate) const fn down(count: u32, stride: u32, down: u32) -> Self {
        Self::Tree { first: 0, count, stride, down, up: 0, ups: 0, divisor: 1 }
    }

    /// The port for a packet; `chance` is a random number for this packet and switch. None if no
    /// port leads there.
    pub(crate) fn port(
        &self,
        packet: &Packet,
        balance: Balance,
        switch: u32,
        attached: &Attached,
        chance: impl FnOnce() -> u64,
    ) -> Option<u32> {
        let choose = |count: u32, divisor: Option<u32>| -> u32 {
            match (balance, divisor) {
                _ if count == 1 => 0,
                (Balance::Source, Some(divisor)) => u32::from(packet.path) / divisor % count,
                (Balance::Source, None) => {
                    (mix(u64::from(packet.path) << 32 | u64::from(switch)) % u64::from(count))
                        as u32
                }
                (Balance::Flow, _) => (flow_hash(packet, switch) % u64::from(count)) as u32,
                (Balance::Spray, _) => (chance() % u64::from(count)) as u32,
            }
        };
        match self {
            Self::Tree { first, count, stride, down, up, ups, divisor } => {
                let offset = packet.destination.0.wrapping_sub(*first);
                if offset < *count {
                    return Some(down + offset / stride);
                }
                (*ups > 0).then(|| up + choose(*ups, Some(*divisor)))
            }
            Self::Table { starts, ports } => {
                let &(leaf, port) = attached.0.get(packet.destination.0 as usize)?;
                if leaf == switch {
                    return Some(port);
                }
                let (start, end) = (starts[leaf as usize], starts[leaf as usize + 1]);
                let equal = &ports[start as usize..end as usize];
                (!equal.is_empty()).then(|| equal[choose(equal.len() as u32, None) as usize])
            }
        }
    }
}

/// Symmetric in the two hosts, so that answers take the way of what they answer.
fn flow_hash(packet: &Packet, salt: u32) -> u64 {
    let ends = u64::from(packet.source.0 ^ packet.destination.0);
    mix(ends << 32 ^ u64::from(packet.flow.0) ^ u64::from(salt) << 20)
}

/// A number that looks random (the finalizer of SplitMix64).
const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// All shortest ways between switches over the links that are up.
pub(crate) fn shortest(
    ports: &[Port],
    hosts: u32,
    switches: usize,
    attached: &Attached,
) -> Vec<Route> {
    let is_leaf = {
        let mut leaf = vec![false; switches];
        attached.0.iter().for_each(|&(switch, _)| leaf[switch as usize] = true);
        leaf
    };
    // The links between switches, by the switch at which they begin.
    let mut links: Vec<Vec<(u32, u32)>> = vec![Vec::new(); switches];
    for (index, port) in ports.iter().enumerate().skip(hosts as usize) {
        if port.to >= hosts && !port.is_down {
            links[(port.from - hosts) as usize].push((index as u32, port.to - hosts));
        }
    }
    let mut tables: Vec<(Vec<u32>, Vec<u32>)> = vec![(vec![0], Vec::new()); switches];
    let mut distance = vec![u32::MAX; switches];
    for leaf in 0..switches {
        distance.fill(u32::MAX);
        if is_leaf[leaf] {
            // Links are up in both directions or in none, so distances are the same both ways.
            distance[leaf] = 0;
            let mut queue = VecDeque::from([leaf]);
            while let Some(at) = queue.pop_front() {
                for &(_, next) in &links[at] {
                    if distance[next as usize] == u32::MAX {
                        distance[next as usize] = distance[at] + 1;
                        queue.push_back(next as usize);
                    }
                }
            }
        }
        for (switch, (starts, table)) in tables.iter_mut().enumerate() {
            if distance[switch] != u32::MAX && distance[switch] > 0 {
                let closer =
                    |&&(_, next): &&(u32, u32)| distance[next as usize] + 1 == distance[switch];
                table.extend(links[switch].iter().filter(closer).map(|&(port, _)| port));
            }
            starts.push(table.len() as u32);
        }
    }
    tables.into_iter().map(|(starts, ports)| Route::Table { starts, ports }).collect()
}
