//! All-reduce: hosts sum vectors that each of them has, and all get the sum.

use super::{Flow, Traffic, Workload, check_range};
use crate::network::Network;
use crate::scenario::{Load, Wrong};
use trama_base::{Bytes, Picos, choices, parameters};
use trama_transport::HostId;

/// Who sends to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Each vector has as many pieces as there are hosts; in 2 (n - 1) steps every host sends a
    /// piece to the next one (Patarasuk and Yuan, JPDC 2009).
    Ring,
    /// Whole vectors go up a binary tree, the sum comes down.
    Tree,
}

choices!(Shape { Ring = "ring", Tree = "tree" });

parameters! {
    /// Hosts compute, then sum their vectors, and again.
    pub struct AllReduce {
        /// Who sends to whom.
        shape: Shape = Shape::Ring,
        /// Hosts that take part, from host 0 on; 0 for all.
        hosts: u32 = 0,
        /// Size of a vector.
        bytes: Bytes = Bytes(100_000_000),
        /// Time that a host computes before it sends.
        compute: Picos = Picos::ZERO,
        /// How often.
        rounds: u32 = 1,
    }
}

impl AllReduce {
    fn members(&self, hosts: u32) -> u32 {
        if self.hosts == 0 { hosts } else { self.hosts }
    }
}

impl Workload for AllReduce {
    fn messages(&self, hosts: u32) -> u64 {
        let n = u64::from(self.members(hosts));
        let a_round = match self.shape {
            Shape::Ring => 2 * n.saturating_sub(1) * n,
            Shape::Tree => 2 * n.saturating_sub(1),
        };
        a_round * u64::from(self.rounds)
    }

    fn traffic(&self, network: &Network, _: u64, _: &Load<'_>) -> Result<Traffic, Wrong> {
        let n = self.members(network.hosts());
        check_range("hosts", n, 2, network.hosts())?;
        check_range("rounds", self.rounds, 1, 100_000)?;
        let mut plan = Builder::default();
        // What each host has to wait for before it computes again.
        let mut before: Vec<Vec<u32>> = vec![Vec::new(); n as usize];
        for _ in 0..self.rounds {
            before = match self.shape {
                Shape::Ring => self.ring(n, &before, &mut plan),
                Shape::Tree => self.tree(n, &before, &mut plan),
            };
        }
        Ok(Traffic::arrange(plan.flows, plan.edges))
    }
}

impl AllReduce {
    /// A round of the ring; by host, what arrives at it last.
    fn ring(&self, n: u32, before: &[Vec<u32>], plan: &mut Builder) -> Vec<Vec<u32>> {
        let piece = self.bytes.0.div_ceil(n.into());
        let next = |host: u32| (host + 1) % n;
        let mut last: Vec<u32> = (0..n)
            .map(|host| plan.add(host, next(host), piece, self.compute, &before[host as usize]))
            .collect();
        for _ in 1..2 * (n - 1) {
            // A host sends on what came from the one before it.
            last = (0..n)
                .map(|host| {
                    let from = last[((host + n - 1) % n) as usize];
                    plan.add(host, next(host), piece, Picos::ZERO, &[from])
                })
                .collect();
        }
        (0..n).map(|host| vec![last[((host + n - 1) % n) as usize]]).collect()
    }

    /// A round of the tree; by host, what arrives at it last.
    fn tree(&self, n: u32, before: &[Vec<u32>], plan: &mut Builder) -> Vec<Vec<u32>> {
        let children = |host: u32| [2 * host + 1, 2 * host + 2].into_iter().filter(|it| *it < n);
        let mut up = vec![0; n as usize];
        for host in (1..n).rev() {
            let mut waits = before[host as usize].clone();
            waits.extend(children(host).map(|child| up[child as usize]));
            let parent = (host - 1) / 2;
            up[host as usize] = plan.add(host, parent, self.bytes.0, self.compute, &waits);
        }
        let mut down: Vec<Vec<u32>> = vec![Vec::new(); n as usize];
        down[0] = before[0].iter().copied().chain(children(0).map(|it| up[it as usize])).collect();
        for host in 1..n {
            let parent = (host - 1) / 2;
            let waits = down[parent as usize].clone();
            let delay = if parent == 0 { self.compute } else { Picos::ZERO };
            down[host as usize] = vec![plan.add(parent, host, self.bytes.0, delay, &waits)];
        }
        down
    }
}

/// Messages with what they wait for.
#[derive(Default)]
struct Builder {
    flows: Vec<Flow>,
    edges: Vec<(u32, u32)>,
}

impl Builder {
    fn add(&mut self, source: u32, destination: u32, bytes: u64, at: Picos, waits: &[u32]) -> u32 {
        let index = self.flows.len() as u32;
        let (source, destination) = (HostId(source), HostId(destination));
        self.flows.push(Flow { at, source, destination, bytes, ..Flow::default() });
        self.edges.extend(waits.iter().map(|&first| (first, index)));
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::{Plan, Star, Topology as _};
    use trama_transport::{Balance, Queueing};

    #[test]
    fn every_host_gets_a_part_of_every_other_one() {
        for shape in [Shape::Ring, Shape::Tree] {
            let load = |_: &str| Err(String::new());
            let (queueing, balance) = (Queueing::drop_tail(1), Balance::Flow);
            let plan = Plan { queueing, balance, load: &load };
            let network = Star { hosts: 7, ..Star::default() }.build(&plan).expect("it is sound");
            let reduce = AllReduce { shape, rounds: 2, ..AllReduce::default() };
            let traffic = reduce.traffic(&network, 1, &load).expect("it is sound");
            assert_eq!(traffic.flows.len() as u64, reduce.messages(7));
            // In an order that respects what waits, everyone's knowledge spreads to everyone.
            let mut waits = vec![0; traffic.flows.len()];
            traffic.edges.iter().for_each(|&(_, then)| waits[then as usize] += 1);
            let mut ready: Vec<u32> = (0..traffic.independent() as u32).collect();
            let mut knows: Vec<u32> = (0..7).map(|host| 1 << host).collect();
            let mut done = 0;
            while let Some(index) = ready.pop() {
                done += 1;
                let flow = traffic.flows[index as usize];
                knows[flow.destination.0 as usize] |= knows[flow.source.0 as usize];
                for &(_, then) in traffic.edges.iter().filter(|edge| edge.0 == index) {
                    waits[then as usize] -= 1;
                    if waits[then as usize] == 0 {
                        ready.push(then);
                    }
                }
            }
            assert_eq!(done, traffic.flows.len(), "nothing waits for itself");
            assert!(knows.iter().all(|it| *it == 0x7f), "{shape:?}: {knows:?}");
        }
    }
}
