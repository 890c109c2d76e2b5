//! From a scenario to a simulation.

use super::{
    Balance, NdpOptions, Scenario, ScenarioError, StreamOptions, Topology, Transport, Workload,
};
use crate::network::{self, Link, Network};
use crate::port::Discipline;
use crate::record::FlowRecord;
use crate::report::Report;
use crate::simulation::Simulation;
use crate::topology::{self, LeafSpine};
use crate::workload::{self, Flow, Poisson, Sizes};
use trama_base::Picos;
use trama_transport::congestion::{CongestionControl, Cubic, Dctcp, NewReno, Setting};
use trama_transport::ndp::{self, Ndp};
use trama_transport::stream::{self, Streams};
use trama_transport::{Endpoint, HostId};

/// Most hosts of a topology.
const HOSTS_MAX: u64 = 1 << 17;
/// Simulated time between two calls for progress.
const SLICE: Picos = Picos::from_millis(1);
/// Most messages of a run.
const MESSAGES_MAX: u32 = 50_000_000;

/// A simulation of any transport.
pub type Run = Simulation<Box<dyn Endpoint>>;

/// What a run will take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// Hosts.
    pub hosts: u32,
    /// Messages.
    pub messages: usize,
    /// Bytes of all messages.
    pub bytes: u64,
    /// Packets crossing a link, roughly: each packet of data and one answer, six links each.
    pub links: u64,
}

fn wrong(key: &'static str, why: impl Into<String>) -> ScenarioError {
    ScenarioError::Value { key, why: why.into() }
}

impl Scenario {
    /// The simulation, and what it will take.
    pub fn build(&self) -> Result<(Run, Estimate), ScenarioError> {
        self.check()?;
        let network = self.network()?;
        let flows = self.flows(&network)?;
        let bytes = flows.iter().map(|flow| flow.bytes).sum();
        let estimate = Estimate {
            hosts: network.hosts(),
            messages: flows.len(),
            bytes,
            links: 12 * (bytes / u64::from(self.mtu()?) + flows.len() as u64),
        };
        let make = self.endpoints(&network)?;
        Ok((Simulation::new(network, flows, self.seed, make), estimate))
    }

    /// Runs it, and reports. `progress` is called now and then with the simulated time and the
    /// number of events so far.
    pub fn run(
        &self,
        mut progress: impl FnMut(Picos, u64),
    ) -> Result<(Report, Vec<FlowRecord>), ScenarioError> {
        let (mut run, _) = self.build()?;
        let end = self.limit.0;
        let mut pause = Picos::ZERO;
        loop {
            pause = (pause + SLICE).min(end);
            run.run(pause);
            if run.is_over() || pause == end {
                break;
            }
            progress(run.now(), run.record().events);
        }
        let (mtu, header) = (self.mtu()?, self.header_bytes());
        let duration = run.now();
        let report = Report::new(run.record(), run.network(), duration, mtu, header);
        Ok((report, run.record().flows.clone()))
    }

    fn header_bytes(&self) -> u16 {
        match self.transport {
            Transport::Ndp(_) => ndp::Config::default().header_bytes,
            _ => stream::Config::default().header_bytes,
        }
    }

    fn check(&self) -> Result<(), ScenarioError> {
        let hosts = match self.topology {
            Topology::Star { hosts, .. } => u64::from(hosts),
            Topology::LeafSpine { leaves, spines, hosts_per_leaf, .. } => {
                if spines == 0 || spines > 4096 {
                    return Err(wrong("topology.spines", "there are 1 to 4096"));
                }
                u64::from(leaves) * u64::from(hosts_per_leaf)
            }
            Topology::FatTree { k, .. } => {
                if k < 2 || k % 2 == 1 || k > 64 {
                    return Err(wrong("topology.k", "it is even, from 2 to 64"));
                }
                u64::from(k).pow(3) / 4
            }
        };
        if !(2..=HOSTS_MAX).contains(&hosts) {
            return Err(wrong("topology", format!("{hosts} hosts; there are 2 to {HOSTS_MAX}")));
        }
        let rates = match &self.topology {
            Topology::LeafSpine { rate, spine_rate, .. } => vec![rate, spine_rate],
            Topology::Star { rate, .. } | Topology::FatTree { rate, .. } => vec![rate],
        };
        if rates.iter().any(|rate| rate.0.0 < 1_000) {
            return Err(wrong("topology.rate", "a link carries at least 1kbps"));
        }
        Ok(())
    }

    fn mtu(&self) -> Result<u16, ScenarioError> {
        let (mtu, default) = match &self.transport {
            Transport::NewReno(it) | Transport::Cubic(it) | Transport::Dctcp(it) => (it.mtu, 1500),
            Transport::Ndp(it) => (it.mtu, 9000),
        };
        let bytes = mtu.map_or(default, |bytes| bytes.0);
        u16::try_from(bytes)
            .ok()
            .filter(|bytes| *bytes >= 256)
            .ok_or_else(|| wrong("transport.mtu", "a packet has 256 to 65535 bytes"))
    }

    fn discipline(&self) -> Result<Discipline, ScenarioError> {
        let mtu = u32::from(self.mtu()?);
        let buffer = match self.switch.buffer {
            Some(bytes) => u32::try_from(bytes.0)
                .ok()
                .filter(|bytes| *bytes >= mtu)
                .ok_or_else(|| wrong("switch.buffer", "it holds at least a packet, below 4GB"))?,
            None => 250 * mtu,
        };
        let mark = self.switch.mark_above.map(|bytes| bytes.0.min(u64::from(u32::MAX)) as u32);
        Ok(match &self.transport {
            Transport::Ndp(options) => {
                let packets = options.queue_packets.unwrap_or(8);
                let headers = 1_000 * u32::from(ndp::Config::default().header_bytes);
                Discipline::trimming(
                    packets,
                    64,
                    packets.saturating_mul(mtu).saturating_add(headers),
                )
            }
            // As the paper's table: 65 packets at 10 Gbit/s.
            Transport::Dctcp(_) => Discipline::marking(buffer, mark.unwrap_or(65 * mtu)),
            _ => Discipline { mark_above_bytes: mark, ..Discipline::drop_tail(buffer) },
        })
    }

    fn network(&self) -> Result<Network, ScenarioError> {
        let rules = self.discipline()?;
        let balance = match (self.switch.balance, &self.transport) {
            (Some(Balance::Flow), _) => network::Balance::Flow,
            (Some(Balance::Spray), _) => network::Balance::Spray,
            (Some(Balance::Source), _) | (None, Transport::Ndp(_)) => network::Balance::Source,
            (None, _) => network::Balance::Flow,
        };
        Ok(match self.topology {
            Topology::Star { hosts, rate, delay } => {
                topology::star(hosts, Link { rate: rate.0, delay: delay.0 }, rules, balance)
            }
            Topology::LeafSpine { leaves, spines, hosts_per_leaf, rate, spine_rate, delay } => {
                let host_link = Link { rate: rate.0, delay: delay.0 };
                let spine_link = Link { rate: spine_rate.0, delay: delay.0 };
                let shape = LeafSpine { leaves, spines, hosts_per_leaf, host_link, spine_link };
                topology::leaf_spine(shape, rules, balance)
            }
            Topology::FatTree { k, rate, delay } => {
                topology::fat_tree(k, Link { rate: rate.0, delay: delay.0 }, rules, balance)
            }
        })
    }

    fn flows(&self, network: &Network) -> Result<Vec<Flow>, ScenarioError> {
        match &self.workload {
            Workload::Permutation { bytes } => {
                Ok(workload::permutation(network.hosts(), bytes.0, self.seed))
            }
            Workload::Incast { senders, bytes } => {
                if !(1..network.hosts()).contains(senders) {
                    let most = network.hosts() - 1;
                    return Err(wrong("workload.senders", format!("there are 1 to {most}")));
                }
                Ok(workload::incast(*senders, bytes.0))
            }
            Workload::Poisson { sizes, load, messages } => {
                if !(*load > 0.0 && *load < 2.0) {
                    return Err(wrong("workload.load", "it is above 0 and below 2"));
                }
                if !(1..=MESSAGES_MAX).contains(messages) {
                    return Err(wrong(
                        "workload.messages",
                        format!("there are 1 to {MESSAGES_MAX}"),
                    ));
                }
                let sizes = Sizes::published(sizes).map_err(|why| wrong("workload.sizes", why))?;
                let (hosts, rate) = (network.hosts(), network.host_rate());
                Ok(Poisson { hosts, rate, load: *load, sizes }.flows(*messages as usize, self.seed))
            }
        }
    }

    /// What makes the endpoint of each host.
    fn endpoints(
        &self,
        network: &Network,
    ) -> Result<Box<dyn FnMut(HostId) -> Box<dyn Endpoint>>, ScenarioError> {
        let mtu_bytes = self.mtu()?;
        let link = network.host_rate();
        let base_rtt = network.base_rtt();
        let seed = self.seed;
        let streams = |options: &StreamOptions, is_ecn_capable, make: fn(Setting) -> Control| {
            let defaults = stream::Config::default();
            let timeout_min = options.timeout_min.map_or(defaults.timeout_min, |it| it.0);
            let config = stream::Config { mtu_bytes, is_ecn_capable, timeout_min, ..defaults };
            let segment_bytes = u64::from(mtu_bytes - config.header_bytes);
            let packets = u64::from(options.initial_window.unwrap_or(10).max(1));
            let setting = Setting {
                segment_bytes,
                initial_window_bytes: packets * segment_bytes,
                window_bytes_max: 1 << 30,
                link,
                base_rtt,
            };
            let boxed = move |host| -> Box<dyn Endpoint> {
                Box::new(Streams::new(config, host, move |_| make(setting)))
            };
            Box::new(boxed)
        };
        Ok(match &self.transport {
            Transport::NewReno(it) => streams(it, false, |setting| Box::new(NewReno::new(setting))),
            Transport::Cubic(it) => streams(it, false, |setting| Box::new(Cubic::new(setting))),
            Transport::Dctcp(it) => streams(it, true, |setting| Box::new(Dctcp::new(setting))),
            Transport::Ndp(NdpOptions { initial_window, .. }) => {
                let defaults = ndp::Config::default();
                let config = ndp::Config {
                    mtu_bytes,
                    link,
                    paths: network.paths(),
                    initial_window: initial_window.unwrap_or(defaults.initial_window).max(1),
                    timeout: Picos(10 * base_rtt.0).max(defaults.timeout),
                    ..defaults
                };
                Box::new(move |host| Box::new(Ndp::new(config, host, seed)))
            }
        })
    }
}

type Control = Box<dyn CongestionControl>;
