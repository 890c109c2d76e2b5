//! Hosts, switches and the links between them.

use crate::port::{Discipline, Port, PortCounters};
pub use crate::route::Balance;
use crate::route::Route;
use trama_base::{Picos, Rate};

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
    /// Of a packet of one byte, there and back between hosts that are far from each other, without
    /// waiting, sending times included.
    pub(crate) base_delay: Picos,
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
            base_delay: Picos::ZERO,
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

    /// Name and counts of each port.
    pub fn counters(&self) -> impl Iterator<Item = (&str, PortCounters)> {
        self.names.iter().zip(&self.ports).map(|(name, port)| (name.as_str(), port.counters))
    }
}
