//! Builders of the usual fabrics.

use crate::network::{Balance, Link, Network};
use crate::port::Discipline;
use crate::route::Route;

/// A switch with so many hosts.
pub fn star(hosts: u32, link: Link, discipline: Discipline, balance: Balance) -> Network {
    let mut network = Network::new(hosts, discipline, balance);
    for host in 0..hosts {
        network.add_port(hosts, link, format!("host {host}"));
    }
    for host in 0..hosts {
        network.add_port(host, link, format!("switch to host {host}"));
    }
    network.routes.push(Route::Tree {
        first: 0,
        count: hosts,
        stride: 1,
        down: hosts,
        up: 0,
        ups: 0,
        divisor: 1,
    });
    network
}

/// The measures of a leaf-spine fabric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeafSpine {
    /// Leaf switches.
    pub leaves: u32,
    /// Spine switches.
    pub spines: u32,
    /// Hosts of each leaf.
    pub hosts_per_leaf: u32,
    /// Between hosts and leaves.
    pub host_link: Link,
    /// Between leaves and spines.
    pub spine_link: Link,
}

/// Leaves with hosts, each of them joined to every spine.
pub fn leaf_spine(shape: LeafSpine, discipline: Discipline, balance: Balance) -> Network {
    let LeafSpine { leaves, spines, hosts_per_leaf, host_link, spine_link } = shape;
    let hosts = leaves * hosts_per_leaf;
    let mut network = Network::new(hosts, discipline, balance);
    for host in 0..hosts {
        network.add_port(hosts + host / hosts_per_leaf, host_link, format!("host {host}"));
    }
    for leaf in 0..leaves {
        let first = leaf * hosts_per_leaf;
        let down = network.ports.len() as u32;
        for host in first..first + hosts_per_leaf {
            network.add_port(host, host_link, format!("leaf {leaf} to host {host}"));
        }
        let up = network.ports.len() as u32;
        for spine in 0..spines {
            let name = format!("leaf {leaf} to spine {spine}");
            network.add_port(hosts + leaves + spine, spine_link, name);
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
            network.add_port(hosts + leaf, spine_link, format!("spine {spine} to leaf {leaf}"));
        }
        let (count, stride) = (hosts, hosts_per_leaf);
        network.routes.push(Route::Tree {
            first: 0,
            count,
            stride,
            down,
            up: 0,
            ups: 0,
            divisor: 1,
        });
    }
    network.paths = spines as u16;
    network
}

/// A fat tree of `k`-port switches: k³/4 hosts in k pods, all links alike (Al-Fares, Loukissas and
/// Vahdat, SIGCOMM 2008, section 3). `k` is even.
pub fn fat_tree(k: u32, link: Link, discipline: Discipline, balance: Balance) -> Network {
    assert!(k >= 2 && k.is_multiple_of(2), "switches have an even number of ports");
    let half = k / 2;
    let (per_pod, hosts) = (half * half, half * half * k);
    let (edges, aggregates) = (k * half, k * half);
    let edge = |pod: u32, i: u32| hosts + pod * half + i;
    let aggregate = |pod: u32, i: u32| hosts + edges + pod * half + i;
    let core = |i: u32| hosts + edges + aggregates + i;
    let mut network = Network::new(hosts, discipline, balance);
    for host in 0..hosts {
        network.add_port(hosts + host / half, link, format!("host {host}"));
    }
    for pod in 0..k {
        for i in 0..half {
            let first = pod * per_pod + i * half;
            let down = network.ports.len() as u32;
            for host in first..first + half {
                network.add_port(host, link, format!("edge {pod}.{i} to host {host}"));
            }
            let up = network.ports.len() as u32;
            for j in 0..half {
                network.add_port(
                    aggregate(pod, j),
                    link,
                    format!("edge {pod}.{i} to agg {pod}.{j}"),
                );
            }
            let (count, stride) = (half, 1);
            network.routes.push(Route::Tree {
                first,
                count,
                stride,
                down,
                up,
                ups: half,
                divisor: 1,
            });
        }
    }
    for pod in 0..k {
        for i in 0..half {
            let first = pod * per_pod;
            let down = network.ports.len() as u32;
            for j in 0..half {
                network.add_port(edge(pod, j), link, format!("agg {pod}.{i} to edge {pod}.{j}"));
            }
            let up = network.ports.len() as u32;
            for j in 0..half {
                let name = format!("agg {pod}.{i} to core {}", i * half + j);
                network.add_port(core(i * half + j), link, name);
            }
            let (count, stride) = (per_pod, half);
            let route = Route::Tree { first, count, stride, down, up, ups: half, divisor: half };
            network.routes.push(route);
        }
    }
    for i in 0..per_pod {
        let down = network.ports.len() as u32;
        for pod in 0..k {
            network.add_port(aggregate(pod, i / half), link, format!("core {i} to pod {pod}"));
        }
        let (count, stride) = (hosts, per_pod);
        network.routes.push(Route::Tree {
            first: 0,
            count,
            stride,
            down,
            up: 0,
            ups: 0,
            divisor: 1,
        });
    }
    network.paths = per_pod as u16;
    network
}
