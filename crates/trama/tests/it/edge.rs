//! The office edge does with the bundled traffic what the kernel did with it.

use crate::captures::{self, project};
use std::collections::BTreeMap;
use std::sync::Arc;
use trama_base::Nanos;
use trama_lang::compile::{Options, Unit};
use trama_lang::files::Files;
use trama_lang::ir::Program;
use trama_native::NativeEngine;
use trama_wire::Packet;
use trama_wire::header::HeaderId;

/// The folder of the examples, for what they load.
pub(crate) struct Examples;

impl Files for Examples {
    fn read(&self, _from: &str, path: &str) -> Result<(String, String), String> {
        let file = project("examples").join(path);
        let text = std::fs::read_to_string(&file).map_err(|why| why.to_string())?;
        Ok((path.into(), text))
    }
}

fn edge(change: impl Fn(String) -> String) -> Arc<Program> {
    let text = std::fs::read_to_string(project("examples/edge.trama")).expect("it is there");
    let mut unit = Unit::parse("edge.trama", &change(text), &Examples);
    let checked = unit.check(&Options::default(), &Examples);
    Arc::new(checked.program.unwrap_or_else(|| panic!("{:?}", checked.diagnostics)))
}

fn capture(name: &str) -> Vec<(Nanos, Vec<u8>)> {
    captures::frames(&project("examples/captures").join(name)).expect("it is a sound capture")
}

/// Frames by content, with how often each occurs. Only forwarded IPv4 counts: what the router says
/// in its own name, with the client or with its neighbour, is its own affair.
fn forwarded(frames: impl Iterator<Item = Vec<u8>>) -> BTreeMap<Vec<u8>, u32> {
    const ROUTER: [u8; 4] = [10, 0, 0, 1];
    const NEIGHBOUR: [u8; 4] = [203, 0, 113, 1];
    let mut counts = BTreeMap::new();
    for frame in frames {
        let packet = Packet::new(&frame);
        let Some(ip) = packet.layout().start(HeaderId::IP) else { continue };
        let is_own = frame[ip + 12..ip + 16] == ROUTER || frame[ip + 16..ip + 20] == NEIGHBOUR;
        if !is_own {
            *counts.entry(frame).or_default() += 1;
        }
    }
    counts
}

/// Frames that only one of the two sides sent, at each port: (ours only, kernel's only, common).
fn differences(program: &Arc<Program>) -> BTreeMap<&'static str, (usize, usize, usize)> {
    let mut input: Vec<_> = [(0, "office-lan.pcap"), (1, "office-wan.pcap")]
        .into_iter()
        .flat_map(|(port, file)| capture(file).into_iter().map(move |(t, f)| (port, t, f)))
        .collect();
    input.sort_by_key(|(_, time, _)| *time);
    let start = input.first().expect("there is traffic").1;
    let mut engine = NativeEngine::new(Arc::clone(program), start, 0).expect("it runs");
    let sent = captures::feed(&mut engine, &input);
    let ports = [("lan", 0, "office-lan-kernel.pcap"), ("wan", 1, "office-wan-kernel.pcap")];
    let mut result = BTreeMap::new();
    for (name, port, file) in ports {
        let ours = sent.iter().filter(|s| s.0 == port).map(|s| s.2.clone());
        let ours = forwarded(ours);
        let kernel = forwarded(capture(file).into_iter().map(|(_, frame)| frame));
        let missing = |from: &BTreeMap<Vec<u8>, u32>, of: &BTreeMap<Vec<u8>, u32>| {
            let lacks = |(f, n): (&Vec<u8>, &u32)| n.saturating_sub(*of.get(f).unwrap_or(&0));
            from.iter().map(lacks).sum::<u32>() as usize
        };
        let total: u32 = ours.values().sum();
        let ours_only = missing(&ours, &kernel);
        let entry = (ours_only, missing(&kernel, &ours), total as usize - ours_only);
        result.insert(name, entry);
    }
    result
}

#[test]
fn the_edge_translates_as_the_kernel_did() {
    let found = differences(&edge(|text| text));
    println!("{found:?}");
    // On each side, the kernel alone sent two frames: the one that became an ARP request here (the
    // kernel keeps it until the answer comes), and one of the SMTP connection that a rule denies.
    assert_eq!(found["lan"], (0, 2, 697));
    assert_eq!(found["wan"], (0, 2, 447));
}

#[test]
fn an_edge_with_another_address_is_found_out() {
    let other = edge(|text| text.replace("203.0.113.7", "203.0.113.8"));
    let (ours, _, common) = differences(&other)["wan"];
    assert!(ours > 10 || common < 10, "{ours} {common}");
}
