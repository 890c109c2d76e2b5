//! Hosts, switches and the links between them.

use crate::buffer::Buffers;
use crate::port::{Port, PortCounters};
use crate::route::{self, Attached, Route};
use crate::workload::Flow;
use std::collections::BTreeMap;
use trama_base::{Picos, Rate};
use trama_transport::{Balance, Fabric, HostId, Packet, Queueing};

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
    pub(crate) attached: Attached,
    pub(crate) queueing: Queueing,
    pub(crate) buffers: Buffers,
    pub(crate) balance: Balance,
    /// Equal paths between hosts that are far from each other.
    pub(crate) paths: u16,
    names: Vec<String>,
}

impl Network {
    pub(crate) fn new(hosts: u32, queueing: Queueing, balance: Balance) -> Self {
        Self {
            hosts,
            ports: Vec::new(),
            routes: Vec::new(),
            attached: Attached::default(),
            queueing,
            buffers: Buffers::default(),
            balance,
            paths: 1,
            names: Vec::new(),
        }
    }

    /// Adds a port of node `from` to node `to`; the first ones must be those of the hosts, in
    /// order.
    pub(crate) fn add_port(&mut self, from: u32, to: u32, link: Link, name: String) -> u32 {
        self.ports.push(Port::new(from, to, link.rate, link.delay));
        self.names.push(name);
        self.ports.len() as u32 - 1
    }

    /// Joins the two directions of each link, when all ports are there.
    pub(crate) fn join(mut self) -> Self {
        let mut between: BTreeMap<(u32, u32), Vec<u32>> = BTreeMap::new();
        for (index, port) in self.ports.iter().enumerate() {
            between.entry((port.from, port.to)).or_default().push(index as u32);
        }
        for (&(from, to), ports) in &between {
            let back = &between[&(to, from)];
            for (&port, &reverse) in ports.iter().zip(back) {
                self.ports[port as usize].reverse = reverse;
            }
        }
        self.attached = Attached::new(&self.ports, self.hosts);
        self.buffers = Buffers::new(&self.queueing, &self.ports, self.hosts);
        self
    }

    /// Finds all shortest ways anew over the links that are up.
    pub(crate) fn reroute(&mut self) {
        self.routes = route::shortest(&self.ports, self.hosts, self.routes.len(), &self.attached);
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

    /// What transports know of it, with full packets and headers of so many bytes. The first host
    /// and the last are taken to be as far from each other as any.
    pub fn fabric(&self, packet_bytes: u16, header_bytes: u16) -> Fabric {
        let (mut delay, mut base_rtt, mut links) = (Picos::ZERO, Picos::ZERO, 0);
        for port in self.way(HostId(0), HostId(self.hosts - 1)) {
            let port = &self.ports[port as usize];
            delay += Picos(2 * port.delay.0);
            base_rtt += port.rate.time_of(packet_bytes.into());
            base_rtt += port.rate.time_of(header_bytes.into());
            links += 1;
        }
        Fabric {
            hosts: self.hosts,
            link: self.host_rate(),
            delay,
            base_rtt: delay + base_rtt,
            links,
            paths: self.paths,
        }
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
            let route = &self.routes[switch as usize];
            route.port(&packet, Balance::Source, switch, &self.attached, || 0)
        };
        std::iter::successors(Some(source.0), next)
    }

    /// The port of a name.
    pub fn port(&self, name: &str) -> Option<u32> {
        self.names.iter().position(|it| it == name).map(|index| index as u32)
    }

    /// The port of a name, or the ports of the switch of a name.
    pub fn ports_of(&self, name: &str) -> Vec<u32> {
        if let Some(port) = self.port(name) {
            return vec![port];
        }
        let of_switch =
            |it: &&String| it.strip_prefix(name).is_some_and(|it| it.starts_with(" to "));
        let all = (0..).zip(&self.names);
        all.filter(|(_, it)| of_switch(it)).map(|(port, _)| port).collect()
    }

    /// Name of a port.
    pub fn port_name(&self, port: u32) -> &str {
        &self.names[port as usize]
    }

    /// The ports of switches.
    pub(crate) fn switch_ports(&self) -> &[Port] {
        &self.ports[self.hosts as usize..]
    }

    /// Share of the time for which each port was sending, by the end of `duration`.
    pub fn utilisation(&self, duration: Picos) -> impl Iterator<Item = (&str, f64)> {
        self.names.iter().zip(&self.ports).map(move |(name, port)| {
            let able = port.rate.bytes_per_s() * duration.as_secs_f64();
            (name.as_str(), if able > 0.0 { port.counters.bytes as f64 / able } else { 0.0 })
        })
    }

    /// Name and counts of each port.
    pub fn counters(&self) -> impl Iterator<Item = (&str, PortCounters)> {
        self.names.iter().zip(&self.ports).map(|(name, port)| (name.as_str(), port.counters))
    }
}
