//! Which messages are sent when.

mod burst;
mod collective;
mod file;
mod random;
mod sizes;

pub use burst::{AllToAll, Incast, Permutation};
pub use collective::AllReduce;
pub use file::FromFile;
pub use random::{Poisson, Rpc};
pub use sizes::{PUBLISHED, Published, Sizes};

use crate::network::Network;
use crate::scenario::{Load, Wrong};
use trama_base::{Parameters, Picos};
use trama_transport::HostId;

/// Most messages of a run.
pub const MESSAGES_MAX: usize = 10_000_000;

/// A message of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// When it is submitted; of one that waits for others, how long after the last of them has
    /// arrived.
    pub at: Picos,
    /// From.
    pub source: HostId,
    /// To.
    pub destination: HostId,
    /// Its length.
    pub bytes: u64,
    /// What the application says of it.
    pub tag: u32,
    /// How long after its submission it should have arrived; [`Picos::MAX`] if it does not matter.
    pub deadline: Picos,
}

impl Default for Flow {
    fn default() -> Self {
        Self {
            at: Picos::ZERO,
            source: HostId(0),
            destination: HostId(0),
            bytes: 0,
            tag: 0,
            deadline: Picos::MAX,
        }
    }
}

/// Messages, some of which wait for others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// The messages: first those that wait for no other, in order of time.
    pub flows: Vec<Flow>,
    /// A message, and one that waits until it has arrived; sorted.
    pub edges: Vec<(u32, u32)>,
}

impl From<Vec<Flow>> for Traffic {
    fn from(mut flows: Vec<Flow>) -> Self {
        flows.sort_by_key(|flow| flow.at);
        Self { flows, edges: Vec::new() }
    }
}

impl Traffic {
    /// All of them together.
    pub fn merge(parts: Vec<Self>) -> Self {
        let mut flows = Vec::new();
        let mut edges = Vec::new();
        for part in parts {
            let base = flows.len() as u32;
            flows.extend(part.flows);
            edges.extend(part.edges.into_iter().map(|(a, b)| (a + base, b + base)));
        }
        Self::arrange(flows, edges)
    }

    /// Messages and edges in any order.
    fn arrange(flows: Vec<Flow>, mut edges: Vec<(u32, u32)>) -> Self {
        let mut waits = vec![false; flows.len()];
        edges.iter().for_each(|&(_, then)| waits[then as usize] = true);
        let mut order: Vec<u32> = (0..flows.len() as u32).collect();
        order.sort_by_key(|&index| {
            let (waits, flow) = (waits[index as usize], &flows[index as usize]);
            (waits, if waits { Picos::ZERO } else { flow.at })
        });
        let mut place = vec![0; flows.len()];
        for (index, &old) in (0..).zip(&order) {
            place[old as usize] = index;
        }
        for (first, then) in &mut edges {
            (*first, *then) = (place[*first as usize], place[*then as usize]);
        }
        edges.sort_unstable();
        edges.dedup();
        Self { flows: order.into_iter().map(|old| flows[old as usize]).collect(), edges }
    }

    /// How many wait for no other.
    pub fn independent(&self) -> usize {
        self.edges.iter().map(|&(_, then)| then as usize).min().unwrap_or(self.flows.len())
    }
}

/// What is sent, before it is put on a network.
pub trait Workload: Parameters {
    /// How many messages that will be.
    fn messages(&self, hosts: u32) -> u64;

    /// Its messages; or which setting is wrong, and what it may be.
    fn traffic(&self, network: &Network, seed: u64, load: &Load<'_>) -> Result<Traffic, Wrong>;
}

/// A workload by name.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name in scenarios.
    pub name: &'static str,
    /// What it is.
    pub summary: &'static str,
    /// It with its default settings.
    pub make: fn() -> Box<dyn Workload>,
}

/// All workloads.
pub const WORKLOADS: &[Entry] = &[
    Entry {
        name: "permutation",
        summary: "every host sends one message to another one, and gets one, all at once",
        make: || Box::new(Permutation::default()),
    },
    Entry {
        name: "incast",
        summary: "some hosts send one message each to the same one, all at once",
        make: || Box::new(Incast::default()),
    },
    Entry {
        name: "all-to-all",
        summary: "every host sends one message to every other one",
        make: || Box::new(AllToAll::default()),
    },
    Entry {
        name: "all-reduce",
        summary: "hosts compute, then sum their vectors around a ring or up and down a tree",
        make: || Box::new(AllReduce::default()),
    },
    Entry {
        name: "poisson",
        summary: "messages at random times between random hosts",
        make: || Box::new(Poisson::default()),
    },
    Entry {
        name: "rpc",
        summary: "clients ask servers, wait for the answer, and think",
        make: || Box::new(Rpc::default()),
    },
    Entry {
        name: "file",
        summary: "messages as a file lists them",
        make: || Box::new(FromFile::default()),
    },
];

/// A number must be within limits.
fn check_range<T: PartialOrd + std::fmt::Display>(
    name: &'static str,
    value: T,
    least: T,
    most: T,
) -> Result<(), Wrong> {
    if (&least..=&most).contains(&&value) {
        return Ok(());
    }
    Err((name, format!("it is from {least} to {most}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_that_wait_come_last_and_keep_what_they_wait_for() {
        let flow = |us, tag| Flow { at: Picos::from_micros(us), tag, ..Flow::default() };
        // 20 waits for 10 and 11; 21 for 20.
        let chain = Traffic::arrange(
            vec![flow(1, 20), flow(9, 10), flow(2, 21), flow(5, 11)],
            vec![(0, 2), (1, 0), (3, 0)],
        );
        let all = Traffic::merge(vec![chain, vec![flow(7, 1), flow(3, 2)].into()]);
        let tags: Vec<u32> = all.flows.iter().map(|flow| flow.tag).collect();
        assert_eq!(tags, [2, 11, 1, 10, 20, 21]);
        assert_eq!(all.independent(), 4);
        assert_eq!(all.edges, [(1, 4), (3, 4), (4, 5)]);
    }
}
