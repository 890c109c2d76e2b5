//! Which messages are sent when.

mod sizes;

pub use sizes::{PUBLISHED, Published, Sizes};

use crate::network::Network;
use crate::scenario::Load;
use trama_base::{Bytes, Parameters, Picos, Rate, Rng, parameters};
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

/// Most messages of a run.
pub const MESSAGES_MAX: u32 = 50_000_000;

/// What is sent, before it is put on a network.
pub trait Workload: Parameters {
    /// Its messages; or which setting is wrong, and what it may be.
    fn flows(
        &self,
        network: &Network,
        seed: u64,
        load: &Load<'_>,
    ) -> Result<Vec<Flow>, (&'static str, String)>;
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
        name: "poisson",
        summary: "messages at random times between random hosts",
        make: || Box::new(Poisson::default()),
    },
];

parameters! {
    /// Every host sends to one other and receives from one other, all at once.
    pub struct Permutation {
        /// Size of each message.
        bytes: Bytes = Bytes(1_000_000),
    }
}

impl Workload for Permutation {
    fn flows(
        &self,
        network: &Network,
        seed: u64,
        _: &Load<'_>,
    ) -> Result<Vec<Flow>, (&'static str, String)> {
        Ok(permutation(network.hosts(), self.bytes.0, seed))
    }
}

fn permutation(hosts: u32, bytes: u64, seed: u64) -> Vec<Flow> {
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

parameters! {
    /// Hosts `1..=senders` send to host 0, all at once.
    pub struct Incast {
        /// Hosts that send.
        senders: u32 = 8,
        /// Size of each message.
        bytes: Bytes = Bytes(1_000_000),
    }
}

impl Workload for Incast {
    fn flows(
        &self,
        network: &Network,
        _: u64,
        _: &Load<'_>,
    ) -> Result<Vec<Flow>, (&'static str, String)> {
        let most = network.hosts() - 1;
        if !(1..=most).contains(&self.senders) {
            return Err(("senders", format!("there are 1 to {most}")));
        }
        let flow = |source| Flow {
            at: Picos::ZERO,
            source: HostId(source),
            destination: HostId(0),
            bytes: self.bytes.0,
        };
        Ok((1..=self.senders).map(flow).collect())
    }
}

parameters! {
    /// Messages from any host to any other one, at the times of a Poisson process that loads the
    /// hosts' interfaces to a share of their rate.
    pub struct Poisson {
        /// A published distribution of sizes.
        sizes: String = "web-search".into(),
        /// Share of the interfaces' rate that messages take on average, payload only.
        load: f64 = 0.5,
        /// Number of messages.
        messages: u32 = 1000,
    }
}

impl Poisson {
    fn draw(&self, hosts: u32, rate: Rate, sizes: &Sizes, seed: u64) -> Vec<Flow> {
        let mut rng = Rng::stream(seed, "poisson");
        let gap_s = sizes.mean() / (self.load * f64::from(hosts) * rate.bytes_per_s());
        let mut at_s = 0.0;
        let mut flow = || {
            // 1 - u is never 0, so its logarithm is finite.
            at_s -= gap_s * (1.0 - rng.unit()).ln();
            let source = rng.below(hosts.into()) as u32;
            let other = rng.below(u64::from(hosts) - 1) as u32;
            Flow {
                at: Picos::from_secs_f64(at_s),
                source: HostId(source),
                destination: HostId(other + u32::from(other >= source)),
                bytes: sizes.sample(&mut rng),
            }
        };
        (0..self.messages).map(|_| flow()).collect()
    }
}

impl Workload for Poisson {
    fn flows(
        &self,
        network: &Network,
        seed: u64,
        _: &Load<'_>,
    ) -> Result<Vec<Flow>, (&'static str, String)> {
        if !(self.load > 0.0 && self.load < 2.0) {
            return Err(("load", "it is above 0 and below 2".into()));
        }
        if !(1..=MESSAGES_MAX).contains(&self.messages) {
            return Err(("messages", format!("there are 1 to {MESSAGES_MAX}")));
        }
        let sizes = Sizes::published(&self.sizes).map_err(|why| ("sizes", why))?;
        Ok(self.draw(network.hosts(), network.host_rate(), &sizes, seed))
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
        let poisson = Poisson { load, messages: 100_000, ..Poisson::default() };
        let flows = poisson.draw(hosts, rate, &sizes, 3);
        let bytes: u64 = flows.iter().map(|f| f.bytes).sum();
        let end = flows.last().expect("there are flows").at.as_secs_f64();
        let measured = bytes as f64 / end / (rate.bytes_per_s() * f64::from(hosts));
        assert!((measured / load - 1.0).abs() < 0.03, "{measured}");
        assert!(flows.iter().all(|f| f.source != f.destination));
        assert!(flows.is_sorted_by_key(|f| f.at));
    }
}
