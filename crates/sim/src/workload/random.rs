//! Messages at random times, and questions with answers.

use super::{Flow, MESSAGES_MAX, Sizes, Traffic, Workload, check_range};
use crate::network::Network;
use crate::scenario::{Load, Wrong};
use trama_base::{Bytes, Picos, Rate, Rng, parameters};
use trama_transport::HostId;

parameters! {
    /// Messages from any host to any other one, at the times of a Poisson process that loads the
    /// hosts' interfaces to a share of their rate.
    pub struct Poisson {
        /// A published distribution of sizes, or a file of them.
        sizes: String = "web-search".into(),
        /// Share of the interfaces' rate that messages take on average, payload only.
        load: f64 = 0.5,
        /// Number of messages.
        messages: u32 = 1000,
        /// Messages that come together, from one host to different ones: more make it bursty.
        burst: u32 = 1,
        /// How long after its submission a message should have arrived.
        deadline: Option<Picos> = None,
    }
}

impl Poisson {
    fn draw(&self, hosts: u32, rate: Rate, sizes: &Sizes, seed: u64) -> Vec<Flow> {
        let mut rng = Rng::stream(seed, "poisson");
        let burst = f64::from(self.burst);
        let gap_s = burst * sizes.mean() / (self.load * f64::from(hosts) * rate.bytes_per_s());
        let (mut at_s, mut source) = (0.0, 0);
        let mut flow = |index: u32| {
            if index.is_multiple_of(self.burst) {
                // 1 - u is never 0, so its logarithm is finite.
                at_s -= gap_s * (1.0 - rng.unit()).ln();
                source = rng.below(hosts.into()) as u32;
            }
            let other = rng.below(u64::from(hosts) - 1) as u32;
            Flow {
                at: Picos::from_secs_f64(at_s),
                source: HostId(source),
                destination: HostId(other + u32::from(other >= source)),
                bytes: sizes.sample(&mut rng),
                tag: 0,
                deadline: self.deadline.unwrap_or(Picos::MAX),
            }
        };
        (0..self.messages).map(&mut flow).collect()
    }
}

impl Workload for Poisson {
    fn messages(&self, _: u32) -> u64 {
        self.messages.into()
    }

    fn traffic(&self, network: &Network, seed: u64, load: &Load<'_>) -> Result<Traffic, Wrong> {
        if !(self.load > 0.0 && self.load < 2.0) {
            return Err(("load", "it is above 0 and below 2".into()));
        }
        check_range("messages", self.messages, 1, MESSAGES_MAX as u32)?;
        check_range("burst", self.burst, 1, 1_000_000)?;
        let sizes = Sizes::find(&self.sizes, load).map_err(|why| ("sizes", why))?;
        Ok(self.draw(network.hosts(), network.host_rate(), &sizes, seed).into())
    }
}

parameters! {
    /// Clients ask servers, wait for the answer, think, and ask again.
    pub struct Rpc {
        /// Hosts that are servers, from host 0 on; all others are clients.
        servers: u32 = 1,
        /// Questions that a client has under way at once.
        parallel: u32 = 1,
        /// Questions that each of those asks one after the other.
        rounds: u32 = 100,
        /// Size of a question.
        request: Bytes = Bytes(200),
        /// Sizes of answers: a published distribution, or a file of them.
        responses: String = "homa-w3".into(),
        /// Time that a server takes for a question, on average (exponential).
        service: Picos = Picos::ZERO,
        /// Time between an answer and the next question, on average (exponential).
        think: Picos = Picos::from_micros(10),
    }
}

impl Workload for Rpc {
    fn messages(&self, hosts: u32) -> u64 {
        let chains = u64::from(hosts.saturating_sub(self.servers)) * u64::from(self.parallel);
        2 * chains * u64::from(self.rounds)
    }

    fn traffic(&self, network: &Network, seed: u64, load: &Load<'_>) -> Result<Traffic, Wrong> {
        check_range("servers", self.servers, 1, network.hosts() - 1)?;
        check_range("parallel", self.parallel, 1, 10_000)?;
        check_range("rounds", self.rounds, 1, MESSAGES_MAX as u32)?;
        let sizes = Sizes::find(&self.responses, load).map_err(|why| ("responses", why))?;
        let mut rng = Rng::stream(seed, "rpc");
        let (mut flows, mut edges) = (Vec::new(), Vec::new());
        for client in (self.servers..network.hosts()).map(HostId) {
            for _ in 0..self.parallel {
                for round in 0..self.rounds {
                    let server = HostId(rng.below(self.servers.into()) as u32);
                    let mut time = |mean: Picos| mean.scaled(-(1.0 - rng.unit()).ln());
                    let (think, service) = (time(self.think), time(self.service));
                    let index = flows.len() as u32;
                    if round > 0 {
                        edges.push((index - 1, index));
                    }
                    edges.push((index, index + 1));
                    let message = |at, source, destination, bytes| Flow {
                        at,
                        source,
                        destination,
                        bytes,
                        ..Flow::default()
                    };
                    flows.push(message(think, client, server, self.request.0));
                    flows.push(message(service, server, client, sizes.sample(&mut rng)));
                }
            }
        }
        Ok(Traffic::arrange(flows, edges))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poisson_arrivals_load_the_interfaces_as_they_should() {
        for burst in [1, 10] {
            let (hosts, rate, load) = (16, Rate::from_gbps(10), 0.6);
            let sizes = Sizes::published("web-search").expect("it is published");
            let poisson = Poisson { load, burst, messages: 100_000, ..Poisson::default() };
            let flows = poisson.draw(hosts, rate, &sizes, 3);
            let bytes: u64 = flows.iter().map(|f| f.bytes).sum();
            let end = flows.last().expect("there are flows").at.as_secs_f64();
            let measured = bytes as f64 / end / (rate.bytes_per_s() * f64::from(hosts));
            assert!((measured / load - 1.0).abs() < 0.03, "{measured}");
            assert!(flows.iter().all(|f| f.source != f.destination));
            assert!(flows.is_sorted_by_key(|f| f.at));
        }
    }
}
