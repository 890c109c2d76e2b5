//! Messages that are sent at once.

use super::{Flow, MESSAGES_MAX, Traffic, Workload, check_range};
use crate::network::Network;
use crate::scenario::{Load, Wrong};
use trama_base::{Bytes, Picos, Rng, parameters};
use trama_transport::HostId;

parameters! {
    /// Every host sends to one other and receives from one other, all at once.
    pub struct Permutation {
        /// Size of each message.
        bytes: Bytes = Bytes(1_000_000),
        /// When they are sent.
        at: Picos = Picos::ZERO,
    }
}

impl Workload for Permutation {
    fn messages(&self, hosts: u32) -> u64 {
        hosts.into()
    }

    fn traffic(&self, network: &Network, seed: u64, _: &Load<'_>) -> Result<Traffic, Wrong> {
        let hosts = network.hosts();
        let mut rng = Rng::stream(seed, "permutation");
        let mut targets: Vec<u32> = (0..hosts).collect();
        // Sattolo's algorithm: a single cycle, so nobody sends to himself.
        for i in (1..targets.len()).rev() {
            targets.swap(i, rng.below(i as u64) as usize);
        }
        let flow = |(source, destination)| Flow {
            at: self.at,
            source: HostId(source),
            destination: HostId(destination),
            bytes: self.bytes.0,
            ..Flow::default()
        };
        Ok((0..hosts).zip(targets).map(flow).collect::<Vec<_>>().into())
    }
}

parameters! {
    /// Hosts send to one, all at once; once, or again and again to random ones.
    pub struct Incast {
        /// Hosts that send.
        senders: u32 = 8,
        /// Size of each message.
        bytes: Bytes = Bytes(1_000_000),
        /// When they are sent first.
        at: Picos = Picos::ZERO,
        /// How often it happens. Once it is hosts 1, 2 … to host 0; of more than once, who sends
        /// and who receives is left to chance.
        times: u32 = 1,
        /// Time between two of them on average (a Poisson process).
        every: Picos = Picos::from_millis(1),
    }
}

impl Workload for Incast {
    fn messages(&self, _: u32) -> u64 {
        u64::from(self.senders) * u64::from(self.times)
    }

    fn traffic(&self, network: &Network, seed: u64, _: &Load<'_>) -> Result<Traffic, Wrong> {
        check_range("senders", self.senders, 1, network.hosts() - 1)?;
        check_range("times", self.times, 1, 1_000_000)?;
        let flow = |at, source, destination| Flow {
            at,
            source: HostId(source),
            destination: HostId(destination),
            bytes: self.bytes.0,
            ..Flow::default()
        };
        if self.times == 1 {
            let flows = (1..=self.senders).map(|source| flow(self.at, source, 0));
            return Ok(flows.collect::<Vec<_>>().into());
        }
        let mut rng = Rng::stream(seed, "incast");
        let mut hosts: Vec<u32> = (0..network.hosts()).collect();
        let mut at = self.at;
        let mut flows = Vec::new();
        for _ in 0..self.times {
            // The first of a random order receives, those behind it send.
            for place in 0..=self.senders as usize {
                let other = place + rng.below((hosts.len() - place) as u64) as usize;
                hosts.swap(place, other);
            }
            let senders = &hosts[1..=self.senders as usize];
            flows.extend(senders.iter().map(|&source| flow(at, source, hosts[0])));
            at += self.every.scaled(-(1.0 - rng.unit()).ln());
        }
        Ok(flows.into())
    }
}

parameters! {
    /// Every host sends one message to every other one, to its next neighbour in number first.
    pub struct AllToAll {
        /// Size of each message.
        bytes: Bytes = Bytes(100_000),
        /// When the first ones are sent.
        at: Picos = Picos::ZERO,
        /// Messages that a host sends at once; the next one follows when one has arrived.
        parallel: u32 = 8,
    }
}

impl Workload for AllToAll {
    fn messages(&self, hosts: u32) -> u64 {
        u64::from(hosts) * u64::from(hosts - 1)
    }

    fn traffic(&self, network: &Network, _: u64, _: &Load<'_>) -> Result<Traffic, Wrong> {
        let hosts = network.hosts();
        check_range("parallel", self.parallel, 1, MESSAGES_MAX as u32)?;
        let (mut flows, mut edges) = (Vec::new(), Vec::new());
        for source in 0..hosts {
            for step in 1..hosts {
                let waits = step > self.parallel;
                if waits {
                    let index = flows.len() as u32;
                    edges.push((index - self.parallel, index));
                }
                flows.push(Flow {
                    at: if waits { Picos::ZERO } else { self.at },
                    source: HostId(source),
                    destination: HostId((source + step) % hosts),
                    bytes: self.bytes.0,
                    ..Flow::default()
                });
            }
        }
        Ok(Traffic::arrange(flows, edges))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::{Plan, Star, Topology as _};
    use trama_transport::{Balance, Queueing};

    fn traffic(workload: &impl Workload) -> Traffic {
        let load = |_: &str| Err(String::new());
        let (queueing, balance) = (Queueing::drop_tail(1), Balance::Flow);
        let plan = Plan { queueing, balance, load: &load };
        let network = Star { hosts: 128, ..Star::default() }.build(&plan).expect("it is sound");
        let traffic = workload.traffic(&network, 5, &load).expect("it is sound");
        assert_eq!(traffic.flows.len() as u64, workload.messages(128));
        assert!(traffic.flows.iter().all(|flow| flow.source != flow.destination));
        traffic
    }

    #[test]
    fn a_permutation_has_everyone_once() {
        let flows = traffic(&Permutation::default()).flows;
        let mut targets: Vec<u32> = flows.iter().map(|f| f.destination.0).collect();
        targets.sort_unstable();
        assert_eq!(targets, (0..128).collect::<Vec<_>>());
    }

    #[test]
    fn an_incast_that_is_repeated_goes_from_others_to_others() {
        let flows = traffic(&Incast { senders: 100, times: 50, ..Incast::default() }).flows;
        for burst in flows.chunks(100) {
            let mut senders: Vec<u32> = burst.iter().map(|flow| flow.source.0).collect();
            senders.sort_unstable();
            senders.dedup();
            assert_eq!(senders.len(), 100);
            assert!(
                burst
                    .iter()
                    .all(|flow| (flow.destination, flow.at) == (burst[0].destination, burst[0].at))
            );
        }
        let end_ms = flows[4999].at.as_secs_f64() * 1e3;
        assert!((28.0..72.0).contains(&end_ms), "{end_ms}");
    }

    #[test]
    fn all_to_all_has_every_pair_and_a_limit_at_once() {
        let all = traffic(&AllToAll::default());
        assert_eq!(all.independent(), 128 * 8);
        let mut pairs: Vec<_> = all.flows.iter().map(|f| (f.source, f.destination)).collect();
        pairs.sort_unstable();
        pairs.dedup();
        assert_eq!(pairs.len(), 128 * 127);
    }
}
