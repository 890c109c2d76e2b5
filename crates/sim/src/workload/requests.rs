//! Requests to a router of servers, whatever became of those before.

use super::{Flow, MESSAGES_MAX, Traffic, Workload, check_range};
use crate::network::Network;
use crate::scenario::{Load, Wrong};
use trama_base::{Bytes, Picos, Rng, parameters};
use trama_transport::HostId;

parameters! {
    /// Clients send requests to host 0 at the times of a Poisson process: an open loop, so that a
    /// slow answer delays no other request.
    pub struct Requests {
        /// Hosts behind host 0 that are servers; all others are clients.
        servers: u32 = 16,
        /// Time between two requests on average, those of all clients taken together.
        interval: Picos = Picos::from_micros(1),
        /// Number of requests.
        requests: u32 = 10_000,
        /// Length of a request.
        bytes: Bytes = Bytes(64),
    }
}

impl Workload for Requests {
    fn messages(&self, _: u32) -> u64 {
        self.requests.into()
    }

    fn traffic(&self, network: &Network, seed: u64, _: &Load<'_>) -> Result<Traffic, Wrong> {
        let hosts = network.hosts();
        if hosts < 3 {
            return Err(("servers", "a router, a server and a client are three hosts".into()));
        }
        check_range("servers", self.servers, 1, hosts - 2)?;
        check_range("requests", self.requests, 1, MESSAGES_MAX as u32)?;
        let clients = hosts - 1 - self.servers;
        let mut rng = Rng::stream(seed, "requests");
        let mut at_s = 0.0;
        let mut request = || {
            // 1 - u is never 0, so its logarithm is finite.
            at_s -= self.interval.as_secs_f64() * (1.0 - rng.unit()).ln();
            Flow {
                at: Picos::from_secs_f64(at_s),
                source: HostId(hosts - 1 - rng.below(clients.into()) as u32),
                destination: HostId(0),
                bytes: self.bytes.0,
                ..Flow::default()
            }
        };
        Ok((0..self.requests).map(|_| request()).collect::<Vec<_>>().into())
    }
}
