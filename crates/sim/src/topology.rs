//! The usual fabrics, by name.

mod file;

pub use file::FromFile;

use crate::network::{Link, Network};
use crate::route::Route;
use crate::scenario::{Load, Wrong};
use trama_base::{Parameters, Picos, Rate, parameters};
use trama_transport::{Balance, Queueing};

/// A fabric with its measures, before it is built.
pub trait Topology: Parameters {
    /// The network; or which measure is wrong, and what it may be.
    fn build(&self, plan: &Plan<'_>) -> Result<Network, Wrong>;
}

/// What a network is built with.
pub struct Plan<'a> {
    /// What switches do with packets that wait.
    pub queueing: Queueing,
    /// How they choose among equal ports.
    pub balance: Balance,
    /// Where the text of a file comes from.
    pub load: &'a Load<'a>,
}

/// A topology by name.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name in scenarios.
    pub name: &'static str,
    /// What it is.
    pub summary: &'static str,
    /// It with its default measures.
    pub make: fn() -> Box<dyn Topology>,
}

/// All topologies.
pub const TOPOLOGIES: &[Entry] = &[
    Entry { name: "star", summary: "one switch with hosts", make: || Box::new(Star::default()) },
    Entry {
        name: "dumbbell",
        summary: "two switches with hosts, joined by one link",
        make: || Box::new(Dumbbell::default()),
    },
    Entry {
        name: "leaf-spine",
        summary: "leaf switches with hosts, each joined to all spine switches",
        make: || Box::new(LeafSpine::default()),
    },
    Entry {
        name: "fat-tree",
        summary: "three levels of switches with `k` ports: k^3/4 hosts, all links alike \
                  (Al-Fares, Loukissas and Vahdat, SIGCOMM 2008)",
        make: || Box::new(FatTree::default()),
    },
    Entry {
        name: "file",
        summary: "switches, hosts and links as a file lists them",
        make: || Box::new(FromFile::default()),
    },
];

/// Most hosts of a topology.
const HOSTS_MAX: u64 = 1 << 17;

fn check_hosts(name: &'static str, hosts: u64) -> Result<(), Wrong> {
    if (2..=HOSTS_MAX).contains(&hosts) {
        return Ok(());
    }
    Err((name, format!("these are {hosts} hosts; there may be 2 to {HOSTS_MAX}")))
}

fn check_rate(name: &'static str, rate: Rate) -> Result<(), Wrong> {
    if rate.0 >= 1_000 {
        return Ok(());
    }
    Err((name, "a link carries at least 1kbps".into()))
}

parameters! {
    /// One switch with hosts.
    pub struct Star {
        /// Hosts.
        hosts: u32 = 16,
        /// Rate of the links.
        rate: Rate = Rate::from_gbps(10),
        /// Delay of the links.
        delay: Picos = Picos::from_micros(1),
    }
}

impl Topology for Star {
    fn build(&self, plan: &Plan<'_>) -> Result<Network, Wrong> {
        check_rate("rate", self.rate)?;
        check_hosts("hosts", self.hosts.into())?;
        let (hosts, link) = (self.hosts, Link { rate: self.rate, delay: self.delay });
        let mut network = Network::new(hosts, plan.queueing, plan.balance);
        for host in 0..hosts {
            network.add_port(host, hosts, link, format!("host {host}"));
        }
        for host in 0..hosts {
            network.add_port(hosts, host, link, format!("switch to host {host}"));
        }
        network.routes.push(Route::down(hosts, 1, hosts));
        Ok(network.join())
    }
}

parameters! {
    /// Two switches with hosts, joined by one link: the first half of the hosts is on the left.
    pub struct Dumbbell {
        /// Hosts on each side.
        hosts_per_side: u32 = 2,
        /// Rate of the hosts' links.
        rate: Rate = Rate::from_gbps(10),
        /// Rate of the link between the switches.
        middle_rate: Rate = Rate::from_gbps(10),
        /// Delay of each link.
        delay: Picos = Picos::from_micros(1),
    }
}

impl Topology for Dumbbell {
    fn build(&self, plan: &Plan<'_>) -> Result<Network, Wrong> {
        check_rate("rate", self.rate)?;
        check_rate("middle_rate", self.middle_rate)?;
        check_hosts("hosts_per_side", 2 * u64::from(self.hosts_per_side))?;
        let outer = Link { rate: self.rate, delay: self.delay };
        let middle = Link { rate: self.middle_rate, delay: self.delay };
        let (side, hosts) = (self.hosts_per_side, 2 * self.hosts_per_side);
        let mut network = Network::new(hosts, plan.queueing, plan.balance);
        for host in 0..hosts {
            network.add_port(host, hosts + host / side, outer, format!("host {host}"));
        }
        for (switch, name) in ["left", "right"].into_iter().enumerate() {
            let switch = switch as u32;
            let (first, down) = (switch * side, network.ports.len() as u32);
            for host in first..first + side {
                network.add_port(hosts + switch, host, outer, format!("{name} to host {host}"));
            }
            let other = ["left to right", "right to left"][switch as usize];
            let up = network.add_port(hosts + switch, hosts + 1 - switch, middle, other.into());
            let (count, stride) = (side, 1);
            let route = Route::Tree { first, count, stride, down, up, ups: 1, divisor: 1 };
            network.routes.push(route);
        }
        Ok(network.join())
    }
}

parameters! {
    /// Leaves with hosts, each of them joined to every spine.
    pub struct LeafSpine {
        /// Leaf switches.
        leaves: u32 = 9,
        /// Spine switches.
        spines: u32 = 4,
        /// Hosts of each leaf.
        hosts_per_leaf: u32 = 16,
        /// Rate of the hosts' links.
        rate: Rate = Rate::from_gbps(10),
        /// Rate of the links between leaves and spines.
        spine_rate: Rate = Rate::from_gbps(40),
        /// Delay of each link.
        delay: Picos = Picos::from_micros(1),
    }
}

impl Topology for LeafSpine {
    fn build(&self, plan: &Plan<'_>) -> Result<Network, Wrong> {
        check_rate("rate", self.rate)?;
        check_rate("spine_rate", self.spine_rate)?;
        if !(1..=4096).contains(&self.spines) {
            return Err(("spines", "there are 1 to 4096".into()));
        }
        check_hosts("leaves", u64::from(self.leaves) * u64::from(self.hosts_per_leaf))?;
        Ok(leaf_spine(self, plan))
    }
}

fn leaf_spine(shape: &LeafSpine, plan: &Plan<'_>) -> Network {
    let &LeafSpine { leaves, spines, hosts_per_leaf, rate, spine_rate, delay } = shape;
    let (host_link, spine_link) = (Link { rate, delay }, Link { rate: spine_rate, delay });
    let hosts = leaves * hosts_per_leaf;
    let mut network = Network::new(hosts, plan.queueing, plan.balance);
    for host in 0..hosts {
        network.add_port(host, hosts + host / hosts_per_leaf, host_link, format!("host {host}"));
    }
    for leaf in 0..leaves {
        let first = leaf * hosts_per_leaf;
        let down = network.ports.len() as u32;
        for host in first..first + hosts_per_leaf {
            network.add_port(hosts + leaf, host, host_link, format!("leaf {leaf} to host {host}"));
        }
        let up = network.ports.len() as u32;
        for spine in 0..spines {
            let name = format!("leaf {leaf} to spine {spine}");
            network.add_port(hosts + leaf, hosts + leaves + spine, spine_link, name);
        }
        let (count, stride) = (hosts_per_leaf, 1);
        network.routes.push(Route::Tree {
            first,
            count,
            stride,
            down,
            up,
            ups: spines,
            divisor: 1,
        });
    }
    for spine in 0..spines {
        let down = network.ports.len() as u32;
        for leaf in 0..leaves {
            let name = format!("spine {spine} to leaf {leaf}");
            network.add_port(hosts + leaves + spine, hosts + leaf, spine_link, name);
        }
        let (count, stride) = (hosts, hosts_per_leaf);
        network.routes.push(Route::down(count, stride, down));
    }
    network.paths = spines as u16;
    network.join()
}

parameters! {
    /// Three levels of switches with `k` ports: k³/4 hosts in k pods, all links alike (Al-Fares,
    /// Loukissas and Vahdat, SIGCOMM 2008, section 3).
    pub struct FatTree {
        /// Ports of a switch.
        k: u32 = 4,
        /// Rate of the links.
        rate: Rate = Rate::from_gbps(100),
        /// Delay of the links.
        delay: Picos = Picos::from_micros(1),
    }
}

impl Topology for FatTree {
    fn build(&self, plan: &Plan<'_>) -> Result<Network, Wrong> {
        check_rate("rate", self.rate)?;
        if self.k < 2 || self.k % 2 == 1 || self.k > 64 {
            return Err(("k", "it is even, from 2 to 64".into()));
        }
        check_hosts("k", u64::from(self.k).pow(3) / 4)?;
        Ok(fat_tree(self.k, Link { rate: self.rate, delay: self.delay }, plan))
    }
}

fn fat_tree(k: u32, link: Link, plan: &Plan<'_>) -> Network {
    let half = k / 2;
    let (per_pod, hosts) = (half * half, half * half * k);
    let aggregates = hosts + k * half;
    let cores = aggregates + k * half;
    let mut network = Network::new(hosts, plan.queueing, plan.balance);
    for host in 0..hosts {
        network.add_port(host, hosts + host / half, link, format!("host {host}"));
    }
    for (pod, i) in (0..k).flat_map(|pod| (0..half).map(move |i| (pod, i))) {
        let (first, down) = (pod * per_pod + i * half, network.ports.len() as u32);
        for host in first..first + half {
            network.add_port(
                hosts + pod * half + i,
                host,
                link,
                format!("edge {pod}.{i} to host {host}"),
            );
        }
        let up = network.ports.len() as u32;
        for j in 0..half {
            let name = format!("edge {pod}.{i} to agg {pod}.{j}");
            network.add_port(hosts + pod * half + i, aggregates + pod * half + j, link, name);
        }
        let (count, stride, ups) = (half, 1, half);
        let route = Route::Tree { first, count, stride, down, up, ups, divisor: 1 };
        network.routes.push(route);
    }
    for (pod, i) in (0..k).flat_map(|pod| (0..half).map(move |i| (pod, i))) {
        let (first, down) = (pod * per_pod, network.ports.len() as u32);
        for j in 0..half {
            let name = format!("agg {pod}.{i} to edge {pod}.{j}");
            network.add_port(aggregates + pod * half + i, hosts + pod * half + j, link, name);
        }
        let up = network.ports.len() as u32;
        for core in i * half..(i + 1) * half {
            let name = format!("agg {pod}.{i} to core {core}");
            network.add_port(aggregates + pod * half + i, cores + core, link, name);
        }
        let (count, stride, ups) = (per_pod, half, half);
        let route = Route::Tree { first, count, stride, down, up, ups, divisor: half };
        network.routes.push(route);
    }
    for core in 0..per_pod {
        let down = network.ports.len() as u32;
        for pod in 0..k {
            let name = format!("core {core} to pod {pod}");
            network.add_port(cores + core, aggregates + pod * half + core / half, link, name);
        }
        network.routes.push(Route::down(hosts, per_pod, down));
    }
    network.paths = per_pod as u16;
    network.join()
}
