//! Topologies from files, in the form of HPCC's artifact (SIGCOMM 2019).
//!
//! The first line has the numbers of nodes, switches and links; the second one the numbers of the
//! nodes that are switches; each line that follows a link: two nodes, rate, delay, and the share of
//! packets that it loses, which must be 0.

use super::{Plan, Topology, check_hosts};
use crate::network::{Link, Network};
use crate::scenario::Wrong;
use trama_base::{parameters, units};

parameters! {
    /// Switches, hosts and links as a file lists them.
    pub struct FromFile {
        /// The file, relative to the scenario.
        path: String = String::new(),
    }
}

impl Topology for FromFile {
    fn build(&self, plan: &Plan<'_>) -> Result<Network, Wrong> {
        if self.path.is_empty() {
            return Err(("path", "it must be said".into()));
        }
        let text = (plan.load)(&self.path).map_err(|why| ("path", why))?;
        let listing =
            Listing::parse(&text).map_err(|why| ("path", format!("{}: {why}", self.path)))?;
        check_hosts("path", u64::from(listing.hosts))?;
        listing.network(plan).map_err(|why| ("path", format!("{}: {why}", self.path)))
    }
}

/// A file as it was read. Hosts are numbered first, both in the order of the file's numbers.
struct Listing {
    hosts: u32,
    switches: u32,
    links: Vec<(u32, u32, Link)>,
}

impl Listing {
    fn parse(text: &str) -> Result<Self, String> {
        let mut lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
        let mut next = |what: &str| lines.next().ok_or_else(|| format!("it ends before {what}"));
        let (line, first) = next("the numbers of nodes, switches and links")?;
        let numbers = parse_numbers(line, first)?;
        let [nodes, switches, links] = numbers[..] else {
            return Err(format!("line {line}: not three numbers: `{first}`"));
        };
        if nodes > 1 << 20 || switches > nodes || links > 1 << 22 {
            return Err(format!("line {line}: too large"));
        }
        let (line, second) = next("the switches")?;
        let is_switch = parse_numbers(line, second)?;
        if is_switch.len() != switches as usize || is_switch.iter().any(|it| *it >= nodes) {
            return Err(format!("line {line}: not {switches} nodes below {nodes}"));
        }
        let mut number = vec![0; nodes as usize];
        is_switch.iter().for_each(|&node| number[node as usize] = 1);
        let hosts = nodes - number.iter().sum::<u32>();
        let (mut host, mut switch) = (0, hosts);
        for it in &mut number {
            let next = if *it == 1 { &mut switch } else { &mut host };
            *it = *next;
            *next += 1;
        }
        let mut read = Vec::new();
        for _ in 0..links {
            let (line, text) = next("all links")?;
            let (from, to, link) =
                parse_link(text, nodes).map_err(|why| format!("line {line}: {why}: `{text}`"))?;
            read.push((number[from as usize], number[to as usize], link));
        }
        Ok(Self { hosts, switches, links: read })
    }

    fn network(&self, plan: &Plan<'_>) -> Result<Network, String> {
        let mut network = Network::new(self.hosts, plan.queueing, plan.balance);
        let name = |node: u32| match node.checked_sub(self.hosts) {
            Some(switch) => format!("switch {switch}"),
            None => format!("host {node}"),
        };
        for host in 0..self.hosts {
            let mut own = self.links.iter().filter(|(a, b, _)| *a == host || *b == host);
            let (Some(&(a, b, link)), None) = (own.next(), own.next()) else {
                return Err(format!("host {host} has not exactly one link"));
            };
            if a.max(b) < self.hosts {
                return Err(format!("hosts {a} and {b} are joined without a switch"));
            }
            network.add_port(host, a.max(b), link, name(host));
        }
        for &(a, b, link) in &self.links {
            for (from, to) in [(a, b), (b, a)] {
                if from >= self.hosts {
                    network.add_port(from, to, link, format!("{} to {}", name(from), name(to)));
                }
            }
        }
        network.routes = vec![crate::route::Route::down(0, 1, 0); self.switches as usize];
        let mut network = network.join();
        network.reroute();
        // Labels that switches hash: enough to reach every path.
        network.paths = 256;
        Ok(network)
    }
}

fn parse_numbers(line: usize, text: &str) -> Result<Vec<u32>, String> {
    let numbers = text.split_whitespace().map(|it| it.parse().ok());
    numbers.collect::<Option<_>>().ok_or_else(|| format!("line {line}: not numbers: `{text}`"))
}

fn parse_link(text: &str, nodes: u32) -> Result<(u32, u32, Link), String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [from, to, rate, delay, loss] = words[..] else {
        return Err("not two nodes, rate, delay and loss".into());
    };
    let node = |text: &str| text.parse().ok().filter(|node| *node < nodes);
    let (Some(from), Some(to)) = (node(from), node(to)) else {
        return Err("no such node".into());
    };
    if from == to {
        return Err("a link joins two nodes".into());
    }
    if loss.parse() != Ok(0.0) {
        return Err("the loss must be 0; `[link]` in the scenario has losses".into());
    }
    let rate = units::rate(rate).map_err(|error| error.to_string())?;
    if rate.0 < 1000 {
        return Err("a link carries at least 1kbps".into());
    }
    let delay = units::duration(delay).map_err(|error| error.to_string())?;
    Ok((from, to, Link { rate, delay }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Flow;
    use trama_base::Picos;
    use trama_transport::{Balance, HostId, Queueing};

    /// Two hosts on each of two switches, which two others join.
    const SQUARE: &str = "8 4 8\n0 1 2 3\n\
        4 0 10Gbps 1us 0\n5 0 10Gbps 1us 0\n6 1 10Gbps 1us 0\n7 1 10Gbps 1us 0.0\n\
        0 2 10Gbps 1us 0\n2 1 10Gbps 1us 0\n0 3 10Gbps 1us 0\n1 3 10Gbps 1us 0\n";

    fn build(text: &str) -> Result<Network, Wrong> {
        let load = |_: &str| Ok(text.to_owned());
        let (queueing, balance) = (Queueing::drop_tail(1), Balance::Flow);
        FromFile { path: "x".into() }.build(&Plan { queueing, balance, load: &load })
    }

    #[test]
    fn a_listing_is_a_network() {
        let network = build(SQUARE).expect("it is sound");
        assert_eq!((network.hosts(), network.switches(), network.ports()), (4, 4, 16));
        // Four links of 1.2 us and 1 us each.
        let (source, destination) = (HostId(0), HostId(3));
        let flow = Flow { source, destination, bytes: 1448, ..Flow::default() };
        assert_eq!(network.unloaded(&flow, 1500, 52), Picos::from_nanos(8_800));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let wrong = |from: &str, to: &str| build(&SQUARE.replace(from, to)).expect_err("wrong").1;
        assert_eq!(wrong("8 4 8", "8 4"), "x: line 1: not three numbers: `8 4`");
        assert_eq!(wrong("0 1 2 3", "0 1 2"), "x: line 2: not 4 nodes below 8");
        assert_eq!(
            wrong("4 0 10Gbps", "4 9 10Gbps"),
            "x: line 3: no such node: `4 9 10Gbps 1us 0`"
        );
        assert!(wrong("7 1 10Gbps 1us 0.0", "7 1 10Gbps 1us 0.5").contains("loss must be 0"));
        assert!(wrong("5 0 10Gbps", "4 0 10Gbps").contains("host 0 has not exactly one link"));
        assert!(wrong("8 4 8", "8 4 9").contains("ends before all links"));
    }
}
