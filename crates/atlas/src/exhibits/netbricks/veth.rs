//! Each element in a process and a network namespace of its own, joined by veth: what stands here
//! for the paper's containers behind a virtual switch.

use super::super::Effort;
use super::chain::{HOP, frame};
use std::path::Path;
use std::process::{Command, Stdio};
use trama_base::Nanos;
use trama_lab::topology::{Leg, Node, Role, Wire};
use trama_lab::{Child, Lab, LabLock, Lifetime, Topology, UpOptions, require_root};
use trama_live::clock;
use trama_live::io::endpoint::{self, Opened, Want, parse_endpoint};
use trama_live::io::{Received, Sink, Source};
use trama_live::signal::StopFlag;
use trama_wire::{Packet, Pool};

/// Names of nodes: the sender, up to 16 elements, the receiver.
const NODES: [&str; 18] = [
    "n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8", "n9", "n10", "n11", "n12", "n13", "n14",
    "n15", "n16", "n17",
];

/// Packets on their way at a time: enough for batches, few enough that no ring overflows.
const WINDOW: u64 = 256;

/// A run in which nothing arrives for so long has lost what was on its way.
const PATIENCE: Nanos = Nanos::from_millis(200);

/// Nanoseconds per packet by length of the chain.
type Found = Vec<(usize, f64)>;

/// One round for each length, and how packets got in and out of the interfaces.
pub(super) fn round(
    trama: Option<&Path>,
    lengths: &[usize],
    effort: Effort,
) -> Result<(Found, String), String> {
    let trama = trama.ok_or("the program `trama` is not at hand")?;
    require_root()?;
    let _lock = LabLock::acquire().map_err(|error| error.to_string())?;
    let (mut found, mut how) = (Vec::new(), String::new());
    for length in lengths {
        let (ns, mechanism) = measure(trama, *length, effort)?;
        found.push((*length, ns));
        how = mechanism;
    }
    Ok((found, how))
}

fn measure(trama: &Path, length: usize, effort: Effort) -> Result<(f64, String), String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let options = UpOptions { bare: true, lifetime: Lifetime::Handle };
    let lab = Lab::up("netbricks", &topology(length), options).map_err(|e| text(&e))?;
    let program = std::env::temp_dir().join(format!("trama-hop-{}.trama", std::process::id()));
    std::fs::write(&program, HOP).map_err(|e| text(&e))?;
    let elements: Result<Vec<Child>, String> = (1..=length)
        .map(|index| {
            let mut command = Command::new(trama);
            command.arg("run").arg(&program).args(["--in", "a=if:left", "--out", "b=if:right"]);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            lab.spawn(NODES[index], &mut command).map_err(|e| text(&e))
        })
        .collect();
    let elements = elements?;
    let sender = open(&lab, NODES[0], "if:right", false)?;
    let receiver = open(&lab, NODES[length + 1], "if:left", true)?;
    let mechanism = format!("by {} and {}", sender.mechanism, receiver.mechanism);
    let mut driver = Driver {
        sink: sender.sink.ok_or("the sender has no output")?,
        source: receiver.source.ok_or("the receiver has no input")?,
        pool: Pool::default(),
        sent: 0,
        received: 0,
    };
    let ready = driver.wait_until_through();
    let result = ready.and_then(|()| driver.run(super::Mode::Veth.packets(effort) as u64));
    drop(elements);
    // What stays behind is only temporary.
    let _ = std::fs::remove_file(&program);
    let ns = result.map_err(|why| format!("{length} elements: {why}"))?;
    Ok((ns, mechanism))
}

/// A line of namespaces, each wired to the next.
fn topology(length: usize) -> Topology {
    let node = |name| Node { name, role: Role::Box, addresses: Vec::new(), routes: Vec::new() };
    let leg = |node, interface| Leg { node, interface };
    let names = &NODES[..length + 2];
    Topology {
        name: "line",
        nodes: names.iter().map(|name| node(*name)).collect(),
        wires: names
            .windows(2)
            .map(|pair| Wire(leg(pair[0], "right"), leg(pair[1], "left")))
            .collect(),
        segments: Vec::new(),
    }
}

fn open(lab: &Lab, node: &str, end: &str, input: bool) -> Result<Opened, String> {
    let endpoint = parse_endpoint(end).map_err(|error| error.to_string())?;
    let want = Want { input, output: !input, port: node.into(), stop: StopFlag::new() };
    let opened = lab.within(node, || endpoint::open(&endpoint, &want));
    opened.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}

/// Sends at one end and counts at the other.
struct Driver {
    sink: Box<dyn Sink>,
    source: Box<dyn Source>,
    pool: Pool,
    sent: u64,
    received: u64,
}

impl Driver {
    fn send(&mut self, count: u64) -> Result<(), String> {
        let bytes = frame(0);
        let mut packets: Vec<Box<Packet>> = (0..count)
            .map(|_| {
                let mut packet = self.pool.take();
                packet.refill(&bytes);
                packet
            })
            .collect();
        self.sink.send(&mut packets, &mut self.pool).map_err(|error| error.to_string())?;
        self.sink.flush().map_err(|error| error.to_string())?;
        self.sent += count;
        Ok(())
    }

    /// Counts what has arrived; false if nothing has.
    fn receive(&mut self) -> Result<bool, String> {
        let mut packets = Vec::new();
        let got = self.source.receive(64, &mut packets, &mut self.pool);
        let got = got.map_err(|error| error.to_string())?;
        // Anything else on the wire is not ours.
        self.received +=
            packets.iter().filter(|packet| packet.payload().len() == 22).count() as u64;
        packets.drain(..).for_each(|packet| self.pool.give(packet));
        Ok(matches!(got, Received::Some(_)))
    }

    /// Sends single packets until one comes through all elements.
    fn wait_until_through(&mut self) -> Result<(), String> {
        let deadline = clock::monotonic() + Nanos::from_secs(20);
        while self.received == 0 {
            self.send(1)?;
            let next = clock::monotonic() + Nanos::from_millis(20);
            while clock::monotonic() < next && self.received == 0 {
                if !self.receive()? {
                    std::thread::yield_now();
                }
            }
            if clock::monotonic() > deadline {
                return Err("no packet came through within 20 s".to_owned());
            }
        }
        // What was sent in vain may still come.
        let quiet = clock::monotonic() + Nanos::from_millis(50);
        while clock::monotonic() < quiet {
            self.receive()?;
            std::thread::yield_now();
        }
        (self.sent, self.received) = (0, 0);
        Ok(())
    }

    /// Nanoseconds per packet that arrives, with a window of packets on their way.
    fn run(&mut self, packets: u64) -> Result<f64, String> {
        let started = clock::monotonic();
        let (mut last, mut lost) = (started, 0);
        while self.received + lost < packets {
            let on_the_way = self.sent - self.received - lost;
            if on_the_way + 32 <= WINDOW && self.sent < packets {
                self.send(32.min(packets - self.sent))?;
            }
            if self.receive()? {
                last = clock::monotonic();
            } else if clock::monotonic().since(last) > PATIENCE {
                lost += self.sent - self.received - lost;
                last = clock::monotonic();
            } else {
                std::thread::yield_now();
            }
        }
        let elapsed = clock::monotonic().since(started);
        if self.received < packets / 2 {
            return Err(format!("only {} of {packets} packets came through", self.received));
        }
        Ok(elapsed.0 as f64 / self.received as f64)
    }
}
