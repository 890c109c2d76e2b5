//! What is measured: programs made of library elements, each with its traffic.

use super::traffic::{self, Traffic, TrafficPlan};
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
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// Name on the command line.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    text: &'static str,
    /// Where its flows go to.
    destination: u32,
    /// Where its inside hosts send their frames.
    station: u64,
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
        name: &'static str,
        /// The first message.
        message: String,
    },
    /// Its program could not be compiled.
    #[error("the program of `{name}` cannot run: {message}")]
    Engine {
        /// The workload.
        name: &'static str,
        /// Why.
        message: String,
    },
    /// Its program let too few flows through.
    #[error("the program of `{name}` lost {lost} of {flows} flows")]
    Lost {
        /// The workload.
        name: &'static str,
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

/// All workloads.
// long: one table.
pub fn workloads() -> &'static [Workload] {
    &[
        Workload {
            name: "counter",
            about: "Counter: the least that a program does",
            text: "network bench { port lan, wan\n lan <-> Counter <-> wan }",
            destination: OUTSIDE,
            station: 1,
        },
        Workload {
            name: "bridge",
            about: "LearningBridge with two ports",
            text: "network bench { port lan, wan\n let b = LearningBridge(ports: 2)\n \
                   lan <-> b.lan[0]\n wan <-> b.lan[1] }",
            destination: OUTSIDE,
            station: 0x0200_0000_ffff,
        },
        Workload {
            name: "firewall",
            about: "Firewall without rules",
            text: "network bench { port lan, wan\n lan <-> Firewall <-> wan }",
            destination: OUTSIDE,
            station: 1,
        },
        Workload {
            name: "nat",
            about: "Nat",
            text: "network bench { port lan, wan\n \
                   lan <-> Nat(public: 203.0.113.7) <-> wan }",
            destination: OUTSIDE,
            station: 1,
        },
        Workload {
            name: "chain",
            about: "Firewall, then Nat, both directions",
            text: "network bench { port lan, wan\n \
                   lan <-> Firewall <-> Nat(public: 203.0.113.7) <-> wan }",
            destination: OUTSIDE,
            station: 1,
        },
        Workload {
            name: "edge",
            about: "the office edge: Interface, Firewall, Nat, Interface",
            text: "network bench { port lan, wan\n \
                   let inner = Interface(address: 10.0.0.1, subnet: 10.0.0.0/24, \
                   mac: 02:00:0a:00:00:01)\n \
                   let outer = Interface(address: 203.0.113.7, subnet: 203.0.113.0/24, \
                   mac: 02:00:cb:00:71:07, gateway: 203.0.113.1)\n \
                   lan <-> inner <-> Firewall <-> Nat(public: 203.0.113.7) <-> outer.up <-> wan }",
            destination: OUTSIDE,
            station: EDGE_MAC,
        },
        Workload {
            name: "maglev",
            about: "Maglev over 100 backends",
            text: "network bench { port lan, wan\n \
                   lan <-> Maglev(service: 198.51.100.80, backends: load(\"backends.csv\")) \
                   <-> wan }",
            destination: SERVICE,
            station: 1,
        },
        Workload {
            name: "router",
            about: "LpmRouter with 10 000 routes",
            text: "const PORTS: table<RouterPort> = [\
                   RouterPort { address: 10.0.0.1, mac: 02:00:00:00:00:01, mtu: 1500 }, \
                   RouterPort { address: 10.1.0.1, mac: 02:00:00:00:01:01, mtu: 1500 }]\n\
                   network bench { port lan, wan\n \
                   let r = LpmRouter(ports: PORTS, routes: load(\"routes.csv\"))\n \
                   lan <-> r.net[0]\n wan <-> r.net[1] }",
            destination: OUTSIDE,
            station: 1,
        },
        Workload {
            name: "query",
            about: "packets and bytes of each flow, a plain group-by",
            text: "query tally = packets(ip) \
                   |> group(flow) [256Ki] { packets: count(), bytes: sum(len) } |> emit\n\
                   network bench { port lan, wan\n lan <-> tally <-> wan }",
            destination: OUTSIDE,
            station: 1,
        },
        Workload {
            name: "query-host",
            about: "packets and bytes of each source",
            text: "query tally = packets(ip) \
                   |> group(ip.src) [256Ki] { packets: count(), bytes: sum(len) } |> emit\n\
                   network bench { port lan, wan\n lan <-> tally <-> wan }",
            destination: OUTSIDE,
            station: 1,
        },
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
            "routes.csv" => routes(),
            _ => return Err(format!("there is no `{path}`")),
        };
        Ok((path.into(), text))
    }
}

/// Routes to both sides among 10 000 others of lengths 12 to 28.
fn routes() -> String {
    let mut rng = trama_base::Rng::stream(1, "bench routes");
    let mut text = String::from("prefix,port,station\n");
    text.push_str("10.0.0.0/24,0,02:00:00:00:00:05\n198.51.100.0/24,1,02:00:00:00:01:05\n");
    for _ in 0..10_000 {
        let length = 12 + rng.below(17) as u32;
        let address = (rng.next_u64() as u32 | 0x1000_0000) & (u32::MAX << (32 - length));
        let [a, b, c, d] = address.to_be_bytes();
        text.push_str(&format!("{a}.{b}.{c}.{d}/{length},1,02:00:00:00:01:06\n"));
    }
    text
}

impl Workload {
    /// The workload of that name.
    pub fn find(name: &str) -> Result<&'static Self, WorkloadError> {
        workloads().iter().find(|w| w.name == name).ok_or_else(|| WorkloadError::Unknown {
            name: name.into(),
            known: workloads().iter().map(|w| w.name).collect::<Vec<_>>().join(", "),
        })
    }

    /// Its program.
    pub fn program(&self) -> Result<Arc<Program>, WorkloadError> {
        let mut unit = Unit::parse(self.name, self.text, &BenchFiles);
        let checked = unit.check(&Options::default(), &BenchFiles);
        checked.program.map(Arc::new).ok_or_else(|| WorkloadError::Rejected {
            name: self.name,
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
        let fail = |message| WorkloadError::Engine { name: self.name, message };
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

    /// Its traffic, with the flows opened in `engine`.
    pub fn traffic(
        &self,
        engine: &mut dyn Engine,
        flows: u32,
        frame_bytes: u32,
        now: Nanos,
    ) -> Result<Traffic, WorkloadError> {
        let (destination, station) = (self.destination, self.station);
        let destinations = if destination == SERVICE { 1 } else { 2 };
        let ports = (0, 1);
        let plan = TrafficPlan { flows, frame_bytes, destination, destinations, station, ports };
        let (traffic, lost) = Traffic::make(&plan, engine, now);
        // The bridge floods the first packet to every port; nobody may lose more than that.
        if lost > 0 {
            return Err(WorkloadError::Lost { name: self.name, lost, flows });
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
