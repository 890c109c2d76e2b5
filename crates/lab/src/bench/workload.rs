//! What is measured: programs made of library elements, each with its traffic.

use super::hand::{self, Hand, Leg};
use super::traffic::{self, Opening, Traffic, TrafficPlan};
use std::sync::Arc;
use trama_base::Nanos;
use trama_lang::compile::{Options, Unit};
use trama_lang::engine::Engine;
use trama_lang::files::Files;
use trama_lang::interp::Interpreter;
use trama_lang::ir::Program;
use trama_native::NativeEngine;
use trama_wire::header::HeaderId;
use trama_wire::{Packet, Pool};

/// A program to measure.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Name on the command line.
    pub name: String,
    /// What it is.
    pub about: String,
    text: String,
    /// Where its flows go to.
    destination: u32,
    /// Where its inside hosts send their frames.
    station: u64,
    /// The same function written by hand.
    hand: Option<fn() -> Box<dyn Hand>>,
}

/// Why a workload could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkloadError {
    /// There is no workload of that name.
    #[error("there is nothing called `{name}` to measure; there are {known}")]
    Unknown {
        /// The name.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// Its program was rejected.
    #[error("the program of `{name}` was rejected: {message}")]
    Rejected {
        /// The workload.
        name: String,
        /// The first message.
        message: String,
    },
    /// Its program could not be compiled.
    #[error("the program of `{name}` cannot run: {message}")]
    Engine {
        /// The workload.
        name: String,
        /// Why.
        message: String,
    },
    /// The function written by hand does something else.
    #[error("`{name}` written by hand sends something else within {packets} packets")]
    Differs {
        /// The workload.
        name: String,
        /// Packets given to both.
        packets: u64,
    },
    /// Its program let too few flows through.
    #[error("the program of `{name}` lost {lost} of {flows} flows")]
    Lost {
        /// The workload.
        name: String,
        /// Flows that did not get through.
        lost: u32,
        /// Flows in all.
        flows: u32,
    },
}

/// 198.51.100.10
const OUTSIDE: u32 = 0xc633_640a;

/// 198.51.100.80, the balancer's service.
const SERVICE: u32 = 0xc633_6450;

/// The inside interface of the edge.
const EDGE_MAC: u64 = 0x0200_0a00_0001;

/// Most elements of a chain.
const CHAIN_MAX: u32 = 16;

/// All workloads that are measured unless others are asked for.
pub fn workloads() -> Vec<Workload> {
    const NAMES: [&str; 15] = [
        "counter",
        "arp-responder",
        "icmp-responder",
        "policer",
        "classifier",
        "bridge",
        "firewall",
        "nat",
        "chain",
        "edge",
        "maglev",
        "router",
        "scan",
        "query",
        "query-flow",
    ];
    NAMES.into_iter().filter_map(made).collect()
}

/// A query that counts packets and bytes by a key.
fn tally(key: &str) -> String {
    format!(
        "query tally = packets(ip)\n\
         |> group({key}) [256Ki] {{ packets: count(), bytes: sum(len) }}\n\
         network bench {{ port lan, wan\n lan <-> tally <-> wan }}"
    )
}

/// The workload of a name.
// long: one table.
fn made(name: &str) -> Option<Workload> {
    let two_ports = |body: &str| format!("network bench {{ port lan, wan\n {body} }}");
    let (about, text): (&str, String) = match name {
        "counter" => {
            ("Counter: the least that a program does", two_ports("lan <-> Counter <-> wan"))
        }
        "bridge" => (
            "LearningBridge with two ports",
            two_ports("let b = LearningBridge(ports: 2)\n lan <-> b.lan[0]\n wan <-> b.lan[1]"),
        ),
        "policer" => (
            "Policer that lets all pass",
            two_ports("lan <-> Policer(rate: 100Gbps, burst: 1GB) <-> wan"),
        ),
        "classifier" => (
            "Classifier with 16 rules, of which the last matches",
            format!(
                "const RULES: table<ClassRule> = [{}]\n{}",
                (0..16).map(class_rule).collect::<String>(),
                two_ports("let c = Classifier(rules: RULES)\n lan <-> c.all\n c.class[1] <-> wan",),
            ),
        ),
        "arp-responder" => (
            "ArpResponder, passed by other traffic",
            two_ports("lan <-> ArpResponder(owned: 10.0.0.1/32, mac: 02:00:0a:00:00:01) <-> wan"),
        ),
        "icmp-responder" => (
            "IcmpResponder, passed by other traffic",
            two_ports("lan <-> IcmpResponder(address: 10.0.0.1) <-> wan"),
        ),
        "firewall" => ("Firewall without rules", two_ports("lan <-> Firewall <-> wan")),
        "query" => ("packets and bytes of each source, a plain group-by", tally("ip.src")),
        "query-flow" => ("packets and bytes of each flow", tally("flow")),
        "nat" => ("Nat", two_ports("lan <-> Nat(public: 203.0.113.7) <-> wan")),
        "chain" => (
            "Firewall, then Nat, both directions",
            two_ports("lan <-> Firewall <-> Nat(public: 203.0.113.7) <-> wan"),
        ),
        "edge" => (
            "the office edge: Interface, Firewall, Nat, Interface",
            two_ports(
                "let inner = Interface(address: 10.0.0.1, subnet: 10.0.0.0/24, \
                 mac: 02:00:0a:00:00:01)\n \
                 let outer = Interface(address: 203.0.113.7, subnet: 203.0.113.0/24, \
                 mac: 02:00:cb:00:71:07, gateway: 203.0.113.1)\n \
                 lan <-> inner <-> Firewall <-> Nat(public: 203.0.113.7) <-> outer.up <-> wan",
            ),
        ),
        "maglev" => (
            "Maglev over 100 backends",
            two_ports(
                "lan <-> Maglev(service: 198.51.100.80, backends: load(\"backends.csv\")) <-> wan",
            ),
        ),
        "router" => (
            "LpmRouter with 10 000 routes",
            format!(
                "const PORTS: table<RouterPort> = [\
                 RouterPort {{ address: 10.0.0.1, mac: 02:00:00:00:00:01, mtu: 1500 }}, \
                 RouterPort {{ address: 10.1.0.1, mac: 02:00:00:00:01:01, mtu: 1500 }}]\n{}",
                two_ports(
                    "let r = LpmRouter(ports: PORTS, routes: load(\"routes.csv\"))\n \
                     lan <-> r.net[0]\n wan <-> r.net[1]",
                ),
            ),
        ),
        "scan" => (
            "PortScanDetector: SYNs of clients with two targets each, and answers",
            two_ports("lan <-> PortScanDetector <-> wan"),
        ),
        "tracker" => ("a set of 4M flows, for curves", TRACKER.into()),
        _ => {
            let length = name.strip_prefix("counters-")?.parse::<u32>().ok()?;
            if !(1..=CHAIN_MAX).contains(&length) {
                return None;
            }
            let counters = (0..length).map(|_| "Counter <-> ").collect::<String>();
            ("so many Counters in a row", two_ports(&format!("lan <-> {counters}wan")))
        }
    };
    let destination = if name == "maglev" { SERVICE } else { OUTSIDE };
    let station = match name {
        "edge" => EDGE_MAC,
        "bridge" => 0x0200_0000_ffff,
        _ => 1,
    };
    let hand = by_hand(name);
    let (name, about) = (name.into(), about.into());
    Some(Workload { name, about, text, destination, station, hand })
}

/// A rule that traffic to port 53 passes by, or, for the last of 16, the one that takes it.
fn class_rule(n: u16) -> String {
    let (low, high) = if n == 15 { (0, 65_535) } else { (6000 + n, 6000 + n) };
    format!(
        "ClassRule {{ proto: 17, src: 10.0.0.0/8, dst: 0.0.0.0/0, port_low: {low}, \
         port_high: {high}, class: 1 }}, "
    )
}

/// Remembers flows of 4M connections; nothing else.
const TRACKER: &str = "element Tracker {
    port lan, wan
    state seen: set<Flow>[4194304] expire 5min
    on lan(p: ip/l4) {
        seen.add(p.flow) else {
            drop p because \"full\"
            return
        }
        send p to wan
    }
    on wan(p: ip/l4) {
        if p.flow.reversed in seen { send p to lan } else { drop p because \"unsolicited\" }
    }
}
network bench { port lan, wan\n lan <-> Tracker <-> wan }";

/// 203.0.113.7
const PUBLIC: u32 = 0xcb00_7107;

/// The function of a workload written by hand.
fn by_hand(name: &str) -> Option<fn() -> Box<dyn Hand>> {
    Some(match name {
        "firewall" => || Box::new(hand::Firewall::new()),
        "nat" => || Box::new(hand::Nat::new(PUBLIC)),
        "chain" => || Box::new(hand::Chain::new(PUBLIC)),
        "maglev" => || Box::new(hand::Maglev::new(SERVICE, (1..=100).map(|i| 0x0a09_0000 | i))),
        "scan" => || Box::new(hand::PortScanDetector::new()),
        "router" => || Box::new(hand::Router::new(legs(), routes())),
        _ => return None,
    })
}

fn legs() -> Vec<Leg> {
    vec![
        Leg { address: 0x0a00_0001, station: 0x0200_0000_0001, mtu: 1500 },
        Leg { address: 0x0a01_0001, station: 0x0200_0000_0101, mtu: 1500 },
    ]
}

/// The tables that the programs load.
struct BenchFiles;

impl Files for BenchFiles {
    fn read(&self, _from: &str, path: &str) -> Result<(String, String), String> {
        let text = match path {
            "backends.csv" => {
                let rows = (0..100).map(|i| format!("10.9.0.{},1\n", i + 1));
                format!("address,weight\n{}", rows.collect::<String>())
            }
            "routes.csv" => {
                let mut text = String::from("prefix,port,station\n");
                for ((address, length), port, station) in routes() {
                    let [a, b, c, d] = address.to_be_bytes();
                    let [_, _, station @ ..] = station.to_be_bytes();
                    let station = station.map(|byte| format!("{byte:02x}")).join(":");
                    text.push_str(&format!("{a}.{b}.{c}.{d}/{length},{port},{station}\n"));
                }
                text
            }
            _ => return Err(format!("there is no `{path}`")),
        };
        Ok((path.into(), text))
    }
}

/// Routes to both sides among 10 000 others of lengths 12 to 28: prefix, port, station.
fn routes() -> impl Iterator<Item = ((u32, u8), u16, u64)> {
    let mut rng = trama_base::Rng::stream(1, "bench routes");
    let others = (0..10_000).map(move |_| {
        let length = 12 + rng.below(17) as u8;
        let address = (rng.next_u64() as u32 | 0x1000_0000) & (u32::MAX << (32 - length));
        ((address, length), 1, 0x0200_0000_0106)
    });
    let sides =
        [((0x0a00_0000, 24), 0, 0x0200_0000_0005), ((0xc633_6400, 24), 1, 0x0200_0000_0105)];
    sides.into_iter().chain(others)
}

impl Workload {
    /// The workload of that name.
    pub fn find(name: &str) -> Result<Self, WorkloadError> {
        made(name).ok_or_else(|| {
            let known: Vec<String> = workloads().into_iter().map(|w| w.name).collect();
            let known = format!("{} and counters-1 to counters-{CHAIN_MAX}", known.join(", "));
            WorkloadError::Unknown { name: name.into(), known }
        })
    }

    /// True if the same function is there written by hand.
    pub fn has_hand(&self) -> bool {
        self.hand.is_some()
    }

    /// Where its flows go to.
    #[cfg(test)]
    pub(super) fn destination(&self) -> u32 {
        self.destination
    }

    /// Its program.
    pub fn program(&self) -> Result<Arc<Program>, WorkloadError> {
        let mut unit = Unit::parse(&self.name, &self.text, &BenchFiles);
        let checked = unit.check(&Options::default(), &BenchFiles);
        checked.program.map(Arc::new).ok_or_else(|| WorkloadError::Rejected {
            name: self.name.clone(),
            message: checked.diagnostics.first().map_or_else(String::new, |d| d.message.clone()),
        })
    }

    /// The program as machine code or, for comparison, on the reference interpreter; with its
    /// neighbours known.
    pub fn engine(
        &self,
        program: &Arc<Program>,
        now: Nanos,
        interpret: bool,
    ) -> Result<Box<dyn Engine>, WorkloadError> {
        let fail = |message| WorkloadError::Engine { name: self.name.clone(), message };
        let program = Arc::clone(program);
        let mut engine: Box<dyn Engine> = if interpret {
            Box::new(Interpreter::new(program, now, 0).map_err(|e| fail(e.to_string()))?)
        } else {
            Box::new(NativeEngine::new(program, now, 0).map_err(|e| fail(e.to_string()))?)
        };
        if self.station == EDGE_MAC {
            introduce(&mut *engine, now);
        }
        Ok(engine)
    }

    fn plan(&self, flows: u32, frame_bytes: u32) -> TrafficPlan {
        let (destination, station) = (self.destination, self.station);
        let destinations = if destination == SERVICE { 1 } else { 2 };
        let is_scan = self.name == "scan";
        let opening = if is_scan { Opening::Handshake } else { Opening::Datagram };
        let ports = (0, 1);
        TrafficPlan { flows, frame_bytes, destination, destinations, station, ports, opening }
    }

    /// The function written by hand, with the flows opened as [`traffic`](Self::traffic) does.
    pub(super) fn hand(&self, flows: u32, frame_bytes: u32, now: Nanos) -> Option<Box<dyn Hand>> {
        let mut hand = self.hand?();
        let plan = self.plan(flows, frame_bytes);
        let (mut pool, mut output) = (Pool::default(), Vec::new());
        for frame in traffic::openings(&plan) {
            let mut packet = pool.take();
            packet.refill(&frame);
            packet.time = now;
            hand::process(&mut *hand, &mut vec![packet], &mut output, &mut pool);
            output.drain(..).for_each(|packet| pool.give(packet));
        }
        Some(hand)
    }

    /// Its traffic, with the flows opened in `engine`.
    pub fn traffic(
        &self,
        engine: &mut dyn Engine,
        flows: u32,
        frame_bytes: u32,
        now: Nanos,
    ) -> Result<Traffic, WorkloadError> {
        let plan = self.plan(flows, frame_bytes);
        let (traffic, lost) = Traffic::make(&plan, engine, now);
        // The bridge floods the first packet to every port; nobody may lose more than that.
        if lost > 0 {
            return Err(WorkloadError::Lost { name: self.name.clone(), lost, flows });
        }
        Ok(traffic)
    }
}

/// Lets the hosts and the gateway of the edge ask for its addresses, which makes them known.
fn introduce(engine: &mut dyn Engine, now: Nanos) {
    let mut pool = Pool::default();
    let gateway = (0x0200_0000_00fe, 0xcb00_7101, 0xcb00_7107, 1);
    let inside = traffic::hosts()
        .map(|host| (traffic::host_mac(host), traffic::host_address(host), 0x0a00_0001, 0));
    for (mac, address, target, port) in inside.chain([gateway]) {
        let (eth, arp) = (HeaderId::ETH, HeaderId::ARP);
        let set = |header: HeaderId, name, value: u64| {
            (header.field(name).expect("the header table has it"), u128::from(value))
        };
        let stack = [
            (eth, vec![set(eth, "src", mac), set(eth, "dst", 0xffff_ffff_ffff)]),
            (
                arp,
                vec![
                    set(arp, "op", 1),
                    set(arp, "sha", mac),
                    set(arp, "spa", u64::from(address)),
                    set(arp, "tpa", target),
                ],
            ),
        ];
        let mut packet = Box::new(Packet::build(&stack, &[]).expect("ARP can always be built"));
        packet.port = port;
        packet.time = now;
        let (mut input, mut output) = (vec![packet], Vec::new());
        engine.process(&mut input, &mut output, &mut pool);
    }
}
