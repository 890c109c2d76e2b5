//! Hosts, switches and the links between them.

use crate::port::{Discipline, Port, PortCounters};
pub use crate::route::Balance;
use crate::route::Route;
use crate::workload::Flow;
use trama_base::{Picos, Rate};
use trama_transport::{HostId, Packet};

/// A link in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Bits per second, each way.
    pub rate: Rate,
    /// From the end of sending a packet to its arrival.
    pub delay: Picos,
}

/// A fabric with nothing on it yet.
///
/// Nodes are numbered with the hosts first; port `h` is the interface of host `h`.
#[derive(Debug)]
pub struct Network {
    pub(crate) hosts: u32,
    pub(crate) ports: Vec<Port>,
    /// Of the switches: node `hosts + s` is switch `s`.
    pub(crate) routes: Vec<Route>,
    pub(crate) disciplines: Vec<Discipline>,
    pub(crate) balance: Balance,
    /// Equal paths between hosts that are far from each other.
    pub(crate) paths: u16,
    names: Vec<String>,
}

impl Network {
    pub(crate) fn new(hosts: u32, discipline: Discipline, balance: Balance) -> Self {
        Self {
            hosts,
            ports: Vec::new(),
            routes: Vec::new(),
            disciplines: vec![discipline],
            balance,
            paths: 1,
            names: Vec::new(),
        }
    }

    /// Adds a port to node `to`; the first ones must be those of the hosts, in order.
    pub(crate) fn add_port(&mut self, to: u32, link: Link, name: String) -> u32 {
        self.ports.push(Port::new(to, link.rate, link.delay, 0));
        self.names.push(name);
        self.ports.len() as u32 - 1
    }

    /// Number of hosts.
    pub fn hosts(&self) -> u32 {
        self.hosts
    }

    /// Number of switches.
    pub fn switches(&self) -> usize {
        self.routes.len()
    }

    /// Number of ports: links count twice.
    pub fn ports(&self) -> usize {
        self.ports.len()
    }

    /// Equal paths between hosts that are far from each other.
    pub fn paths(&self) -> u16 {
        self.paths
    }

    /// Rate of the hosts' interfaces.
    pub fn host_rate(&self) -> Rate {
        self.ports[0].rate
    }

    /// The round trip of a small packet between the first host and the last, which are as far from
    /// each other as any, without waiting or sending times.
    pub fn base_rtt(&self) -> Picos {
        self.way(HostId(0), HostId(self.hosts - 1))
            .fold(Picos::ZERO, |sum, port| sum + Picos(2 * self.ports[port as usize].delay.0))
    }

    /// How long a message takes when nothing else is on its way: each packet waits only for the
    /// one before it on the slowest link.
    pub fn unloaded(&self, flow: &Flow, mtu_bytes: u16, header_bytes: u16) -> Picos {
        let payload = u64::from(mtu_bytes - header_bytes);
        let packets = flow.bytes.max(1).div_ceil(payload);
        let last = flow.bytes.max(1) - (packets - 1) * payload + u64::from(header_bytes);
        let full = u64::from(mtu_bytes);
        let (mut time, mut slowest) = (Picos::ZERO, Picos::ZERO);
        for port in self.way(flow.source, flow.destination) {
            let port = &self.ports[port as usize];
            slowest = slowest.max(port.rate.time_of(full));
            time += port.delay + port.rate.time_of(if packets > 1 { full } else { last });
        }
        // The first packet crosses all links; the others follow at the pace of the slowest.
        let rest = if packets > 1 { slowest.0 * (packets - 2) } else { 0 };
        let end = if packets > 1 { slowest.scaled(last as f64 / full as f64) } else { Picos::ZERO };
        time + Picos(rest) + end
    }

    /// The ports on one way between two hosts.
    fn way(&self, source: HostId, destination: HostId) -> impl Iterator<Item = u32> {
        let packet = Packet { source, destination, ..Packet::default() };
        let next = move |&port: &u32| {
            let switch = self.ports[port as usize].to.checked_sub(self.hosts)?;
            self.routes[switch as usize].port(&packet, Balance::Source, switch, || 0)
        };
        std::iter::successors(Some(source.0), next)
    }

    /// Name and counts of each port.
    pub fn counters(&self) -> impl Iterator<Item = (&str, PortCounters)> {
        self.names.iter().zip(&self.ports).map(|(name, port)| (name.as_str(), port.counters))
    }
}
