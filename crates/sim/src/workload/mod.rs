//! Which messages are sent when.

mod sizes;

pub use sizes::{PUBLISHED, Published, Sizes};

use trama_base::{Picos, Rate, Rng};
use trama_transport::HostId;

/// A message of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// When it is submitted.
    pub at: Picos,
    /// From.
    pub source: HostId,
    /// To.
    pub destination: HostId,
    /// Its length.
    pub bytes: u64,
}

/// Every host sends to one other and receives from one other, all at once.
pub fn permutation(hosts: u32, bytes: u64, seed: u64) -> Vec<Flow> {
    let mut rng = Rng::stream(seed, "permutation");
    let mut targets: Vec<u32> = (0..hosts).collect();
    // Sattolo's algorithm: a single cycle, so nobody sends to himself.
    for i in (1..targets.len()).rev() {
        targets.swap(i, rng.below(i as u64) as usize);
    }
    let flow = |(source, destination)| Flow {
        at: Picos::ZERO,
        source: HostId(source),
        destination: HostId(destination),
        bytes,
    };
    (0..hosts).zip(targets).map(flow).collect()
}

/// Hosts `1..=senders` send to host 0, all at once.
pub fn incast(senders: u32, bytes: u64) -> Vec<Flow> {
    let flow =
        |source| Flow { at: Picos::ZERO, source: HostId(source), destination: HostId(0), bytes };
    (1..=senders).map(flow).collect()
}

/// What arrives at random: each message from any host to any other one, at the times of a Poisson
/// process that loads the hosts' interfaces to a share of their rate.
#[derive(Clone, Debug, PartialEq)]
pub struct Poisson {
    /// Number of hosts.
    pub hosts: u32,
    /// Bits per second of an interface.
    pub rate: Rate,
    /// Share of it that messages take on average, payload only.
    pub load: f64,
    /// Their sizes.
    pub sizes: Sizes,
}

impl Poisson {
    /// Messages per second in all.
    pub fn messages_per_s(&self) -> f64 {
        self.load * f64::from(self.hosts) * self.rate.bytes_per_s() / self.sizes.mean()
    }

    /// The first `count` messages.
    pub fn flows(&self, count: usize, seed: u64) -> Vec<Flow> {
        let mut rng = Rng::stream(seed, "poisson");
        let gap_s = 1.0 / self.messages_per_s();
        let mut at_s = 0.0;
        let mut flow = || {
            // 1 - u is never 0, so its logarithm is finite.
            let u = (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
            at_s -= gap_s * (1.0 - u).ln();
            let source = rng.below(self.hosts.into()) as u32;
            let other = rng.below(u64::from(self.hosts) - 1) as u32;
            Flow {
                at: Picos::from_secs_f64(at_s),
                source: HostId(source),
                destination: HostId(other + u32::from(other >= source)),
                bytes: self.sizes.sample(&mut rng),
            }
        };
        (0..count).map(|_| flow()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permutation_has_everyone_once_and_nobody_to_himself() {
        let flows = permutation(128, 1, 5);
        let mut targets: Vec<u32> = flows.iter().map(|f| f.destination.0).collect();
        targets.sort_unstable();
        assert_eq!(targets, (0..128).collect::<Vec<_>>());
        assert!(flows.iter().all(|f| f.source != f.destination));
    }

    #[test]
    fn poisson_arrivals_load_the_interfaces_as_they_should() {
        let (hosts, rate, load) = (16, Rate::from_gbps(10), 0.6);
        let sizes = Sizes::published("web-search").expect("it is published");
        let flows = Poisson { hosts, rate, load, sizes }.flows(100_000, 3);
        let bytes: u64 = flows.iter().map(|f| f.bytes).sum();
        let end = flows.last().expect("there are flows").at.as_secs_f64();
        let measured = bytes as f64 / end / (rate.bytes_per_s() * f64::from(hosts));
        assert!((measured / load - 1.0).abs() < 0.03, "{measured}");
        assert!(flows.iter().all(|f| f.source != f.destination));
        assert!(flows.is_sorted_by_key(|f| f.at));
    }
}
