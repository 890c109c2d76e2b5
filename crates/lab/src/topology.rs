//! Nodes, wires and addresses as data, and the topologies that come with Trama.
//!
//! `office`: two clients on a LAN, a box with a leg to it and a leg to the internet.
//!
//! ```text
//! client1 10.0.0.11 ─┐
//!                    ├─ 10.0.0.1 (lan) box (wan) 203.0.113.7 ── 203.0.113.1 internet
//! client2 10.0.0.12 ─┘                                          198.51.100.10 (a server in it)
//! ```
//!
//! `balance`: a client, a box, three backends that all own the service address 198.51.100.80.
//! `pair`: two hosts on one wire. `wire`: two hosts with a box in the wire between them.
//! `families`: a host with IPv6 only and one with IPv4 only, and a box between them.
//! `access`: a server, a client without an address and a rogue, each on a wire to a box.

use crate::LabError;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use trama_live::netlink::links::{DEFAULT_ROUTE, Prefix};

/// A network to bring up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    /// Its name.
    pub name: &'static str,
    /// Its hosts and boxes.
    pub nodes: Vec<Node>,
    /// Point-to-point wires.
    pub wires: Vec<Wire>,
    /// Shared segments.
    pub segments: Vec<Segment>,
}

/// A namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name within the lab.
    pub name: &'static str,
    /// What it is for.
    pub role: Role,
    /// Its addresses, by interface.
    pub addresses: Vec<(&'static str, Prefix)>,
    /// Where it sends what is not local, by interface.
    pub routes: Vec<(&'static str, Prefix, IpAddr)>,
}

/// What a node is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Ends connections.
    Host,
    /// Stands in the middle: a program under test, or the kernel's forwarding, takes its place. In
    /// a bare lab its interfaces are up but have no addresses.
    Box,
}

/// An interface of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    /// The node.
    pub node: &'static str,
    /// The interface.
    pub interface: &'static str,
}

/// Two legs joined by a veth pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wire(pub Leg, pub Leg);

/// A segment that several hosts share with one box: MACVLAN interfaces on the far end of the box's
/// wire, which lies in a namespace of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Name of that namespace within the lab.
    pub name: &'static str,
    /// The box's leg.
    pub uplink: Leg,
    /// The hosts' legs.
    pub members: Vec<Leg>,
}

/// Names of the topologies that come with Trama.
pub const NAMES: [&str; 6] = ["pair", "wire", "families", "access", "office", "balance"];

impl Topology {
    /// The topology with this name.
    pub fn named(name: &str) -> Result<Self, LabError> {
        match name {
            "pair" => Ok(Self::pair()),
            "wire" => Ok(Self::wire()),
            "families" => Ok(Self::families()),
            "access" => Ok(Self::access()),
            "office" => Ok(Self::office()),
            "balance" => Ok(Self::balance()),
            _ => Err(LabError::NoTopology { name: name.into(), known: NAMES.to_vec() }),
        }
    }

    /// `a` and `b`, on one wire, with IPv4 and IPv6.
    pub fn pair() -> Self {
        Self {
            name: "pair",
            nodes: two_hosts(),
            wires: vec![Wire(leg("a", "eth0"), leg("b", "eth0"))],
            segments: Vec::new(),
        }
    }

    /// `a` and `b` with `box` in the wire between them: its legs are `left` and `right`.
    pub fn wire() -> Self {
        let mut nodes = two_hosts();
        nodes.push(Node::new("box", Role::Box));
        Self {
            name: "wire",
            nodes,
            wires: vec![
                Wire(leg("a", "eth0"), leg("box", "left")),
                Wire(leg("b", "eth0"), leg("box", "right")),
            ],
            segments: Vec::new(),
        }
    }

    /// `six` with IPv6 only and `four` with IPv4 only; the box's legs are named after them.
    pub fn families() -> Self {
        Self {
            name: "families",
            nodes: vec![
                Node::new("six", Role::Host).address6(
                    "eth0",
                    [0x2001, 0xdb8, 0, 0, 0, 0, 0, 5],
                    64,
                ),
                Node::new("four", Role::Host).address("eth0", [198, 51, 100, 10], 24),
                Node::new("box", Role::Box),
            ],
            wires: vec![
                Wire(leg("six", "eth0"), leg("box", "six")),
                Wire(leg("four", "eth0"), leg("box", "four")),
            ],
            segments: Vec::new(),
        }
    }

    /// A `server`, a `client` without an address and a `rogue`; the box's legs are `p0` to `p2`.
    pub fn access() -> Self {
        Self {
            name: "access",
            nodes: vec![
                Node::new("server", Role::Host).address("eth0", [10, 0, 0, 1], 24),
                Node::new("client", Role::Host),
                Node::new("rogue", Role::Host).address("eth0", [10, 0, 0, 66], 24),
                Node::new("box", Role::Box),
            ],
            wires: vec![
                Wire(leg("server", "eth0"), leg("box", "p0")),
                Wire(leg("client", "eth0"), leg("box", "p1")),
                Wire(leg("rogue", "eth0"), leg("box", "p2")),
            ],
            segments: Vec::new(),
        }
    }

    /// Two clients, a box between them and the internet, a server in the internet.
    pub fn office() -> Self {
        let client = |name, last| {
            Node::new(name, Role::Host)
                .address("eth0", [10, 0, 0, last], 24)
                .default_route("eth0", [10, 0, 0, 1])
        };
        Self {
            name: "office",
            nodes: vec![
                client("client1", 11),
                client("client2", 12),
                Node::new("box", Role::Box)
                    .address("lan", [10, 0, 0, 1], 24)
                    .address("wan", [203, 0, 113, 7], 24)
                    .default_route("wan", [203, 0, 113, 1]),
                Node::new("internet", Role::Host).address("eth0", [203, 0, 113, 1], 24).address(
                    "lo",
                    [198, 51, 100, 10],
                    32,
                ),
            ],
            wires: vec![Wire(leg("box", "wan"), leg("internet", "eth0"))],
            segments: vec![Segment {
                name: "segment",
                uplink: leg("box", "lan"),
                members: vec![leg("client1", "eth0"), leg("client2", "eth0")],
            }],
        }
    }

    /// A client, a box, and three backends that own the service address.
    pub fn balance() -> Self {
        let backend = |name, last| {
            Node::new(name, Role::Host)
                .address("eth0", [10, 0, 1, last], 24)
                .address("lo", [198, 51, 100, 80], 32)
                .default_route("eth0", [10, 0, 1, 1])
        };
        Self {
            name: "balance",
            nodes: vec![
                Node::new("client", Role::Host)
                    .address("eth0", [10, 0, 0, 11], 24)
                    .default_route("eth0", [10, 0, 0, 1]),
                Node::new("box", Role::Box).address("front", [10, 0, 0, 1], 24).address(
                    "back",
                    [10, 0, 1, 1],
                    24,
                ),
                backend("backend1", 11),
                backend("backend2", 12),
                backend("backend3", 13),
            ],
            wires: vec![Wire(leg("client", "eth0"), leg("box", "front"))],
            segments: vec![Segment {
                name: "segment",
                uplink: leg("box", "back"),
                members: ["backend1", "backend2", "backend3"]
                    .into_iter()
                    .map(|node| leg(node, "eth0"))
                    .collect(),
            }],
        }
    }

    /// All namespaces that it takes: its nodes and the insides of its segments.
    pub fn namespaces(&self) -> impl Iterator<Item = &'static str> {
        let nodes = self.nodes.iter().map(|node| node.name);
        nodes.chain(self.segments.iter().map(|segment| segment.name))
    }

    /// The node with this name.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name == name)
    }
}

impl Node {
    fn new(name: &'static str, role: Role) -> Self {
        Self { name, role, addresses: Vec::new(), routes: Vec::new() }
    }

    fn address(mut self, interface: &'static str, address: [u8; 4], bits: u8) -> Self {
        let address = IpAddr::V4(Ipv4Addr::from(address));
        self.addresses.push((interface, Prefix { address, bits }));
        self
    }

    fn address6(mut self, interface: &'static str, address: [u16; 8], bits: u8) -> Self {
        let address = IpAddr::V6(Ipv6Addr::from(address));
        self.addresses.push((interface, Prefix { address, bits }));
        self
    }

    fn default_route(mut self, interface: &'static str, gateway: [u8; 4]) -> Self {
        let gateway = IpAddr::V4(Ipv4Addr::from(gateway));
        self.routes.push((interface, DEFAULT_ROUTE, gateway));
        self
    }

    /// Whether it has an IPv6 address; if not, IPv6 is switched off in it, so that links are
    /// silent until somebody talks.
    pub fn has_ipv6(&self) -> bool {
        self.addresses.iter().any(|(_, prefix)| prefix.address.is_ipv6())
    }
}

fn leg(node: &'static str, interface: &'static str) -> Leg {
    Leg { node, interface }
}

fn two_hosts() -> Vec<Node> {
    let host = |name, last: u8| {
        Node::new(name, Role::Host).address("eth0", [10, 0, 0, last], 24).address6(
            "eth0",
            [0xfd00, 0, 0, 0, 0, 0, 0, u16::from(last)],
            64,
        )
    };
    vec![host("a", 1), host("b", 2)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// Each topology refers only to what it has, and no leg is wired twice.
    #[test]
    fn topologies_are_consistent() {
        for name in NAMES {
            let topology = Topology::named(name).expect("it is in the list");
            assert_eq!(topology.name, name);
            let mut legs = HashSet::new();
            let wires = topology.wires.iter().flat_map(|Wire(a, b)| [*a, *b]);
            let shared = topology
                .segments
                .iter()
                .flat_map(|segment| segment.members.iter().copied().chain([segment.uplink]));
            for leg in wires.chain(shared) {
                assert!(topology.node(leg.node).is_some(), "{name}: {leg:?}");
                assert!(legs.insert((leg.node, leg.interface)), "{name}: {leg:?} twice");
            }
            for node in &topology.nodes {
                for (interface, _) in &node.addresses {
                    assert!(*interface == "lo" || legs.contains(&(node.name, *interface)));
                }
            }
        }
    }

    #[test]
    fn an_unknown_topology_is_an_error_that_lists_the_known() {
        let error = Topology::named("star").expect_err("there is none");
        assert!(
            error.to_string().ends_with("there are: pair, wire, families, access, office, balance"),
            "{error}"
        );
    }
}
