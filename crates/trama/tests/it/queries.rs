//! Queries over real captures give what a plain computation and tshark give.

use crate::captures;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use trama_base::Nanos;
use trama_lang::compile::{Options, Unit};
use trama_lang::engine::Engine;
use trama_lang::files::NoFiles;
use trama_lang::interp::Interpreter;
use trama_lang::ir::Program;
use trama_native::NativeEngine;
use trama_wire::header::HeaderId;
use trama_wire::{Packet, Pool};

/// A record: the stream and the leaves of its fields by name.
pub(crate) type Row = (String, Vec<(String, u128)>);
pub(crate) type Frames = Vec<(Nanos, Vec<u8>)>;

fn program(text: &str) -> Arc<Program> {
    let mut unit = Unit::parse("queries.trama", text, &NoFiles);
    let checked = unit.check(&Options::default(), &NoFiles);
    Arc::new(checked.program.unwrap_or_else(|| panic!("{:?}", checked.diagnostics)))
}

/// All records of a run over the frames, on one of the engines.
fn rows_of(program: &Program, engine: &mut dyn Engine, frames: &Frames) -> Vec<Row> {
    let input: Vec<_> = frames.iter().map(|(time, f)| (0, *time, f.clone())).collect();
    captures::feed(engine, &input);
    let end = frames.iter().map(|(time, _)| *time).max().unwrap_or_default();
    engine.finish(end, &mut Vec::new(), &mut Pool::default());
    let row = |record: trama_lang::records::Record| {
        let stream = &program.nodes[record.node as usize].streams[record.stream.0 as usize];
        let names = stream.views.iter().map(|view| view.0.clone());
        (stream.name.clone(), names.zip(record.leaves).collect())
    };
    engine.take_records().into_iter().map(row).collect()
}

/// The records of a run, which are the same on both engines.
pub(crate) fn rows(text: &str, frames: &Frames) -> Vec<Row> {
    let program = program(text);
    let start = frames.first().map_or(Nanos::ZERO, |frame| frame.0);
    let mut native = NativeEngine::new(Arc::clone(&program), start, 0).expect("it compiles");
    let mut reference = Interpreter::new(Arc::clone(&program), start, 0).expect("it runs");
    let found = rows_of(&program, &mut native, frames);
    assert_eq!(found, rows_of(&program, &mut reference, frames), "the engines differ");
    found
}

pub(crate) fn field(row: &Row, name: &str) -> u128 {
    row.1.iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("{name} in {row:?}")).1
}

/// What a query may know of a packet, read without one.
pub(crate) struct Seen {
    pub(crate) time: u64,
    pub(crate) src: u32,
    pub(crate) dst: u32,
    pub(crate) proto: u8,
    pub(crate) len: u64,
}

/// The IPv4 packets of a capture. Time does not go back, whatever the capture says.
pub(crate) fn seen(frames: &Frames) -> Vec<Seen> {
    let mut now = frames.first().map_or(0, |frame| frame.0.0);
    let mut all = Vec::new();
    for (time, bytes) in frames {
        now = now.max(time.0);
        let packet = Packet::new(bytes);
        let layout = packet.layout();
        let Some(at) = layout.start(HeaderId::IP).filter(|_| layout.present.has(HeaderId::IP))
        else {
            continue;
        };
        let address =
            |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        all.push(Seen {
            time: now,
            src: address(at + 12),
            dst: address(at + 16),
            proto: bytes[at + 9],
            len: bytes.len() as u64,
        });
    }
    all
}

/// The Ethernet captures, with their frames.
pub(crate) fn all_captures() -> Option<Vec<(PathBuf, Frames)>> {
    let folder = captures::folder()?;
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder can be read")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "pcap" || e == "pcapng"))
        .collect();
    files.sort();
    let read = |path: PathBuf| captures::frames(&path).ok().map(|frames| (path, frames));
    Some(files.into_iter().filter_map(read).collect())
}

const TALLY: &str = "query tally = packets(ip)
    |> group(source: ip.src) [16k] {
        bytes: sum(len), packets: count(), least: min(len), most: max(len), mean: avg(len),
        first: min(now), last: max(now), begin: first(len), end: last(len),
    }
    |> emit";

#[test]
fn groups_without_a_window_are_those_of_a_plain_computation() {
    let Some(captures) = all_captures() else { return };
    let mut groups = 0;
    for (path, frames) in &captures {
        let mut expected: BTreeMap<u32, Vec<Seen>> = BTreeMap::new();
        for packet in seen(frames) {
            expected.entry(packet.src).or_default().push(packet);
        }
        let found = rows(TALLY, frames);
        assert_eq!(found.len(), expected.len(), "{}", path.display());
        for row in &found {
            let own = &expected[&(field(row, "source") as u32)];
            let lengths = || own.iter().map(|p| p.len);
            let sum: u64 = lengths().sum();
            let wanted = [
                ("bytes", sum),
                ("packets", own.len() as u64),
                ("least", lengths().min().unwrap_or(0)),
                ("most", lengths().max().unwrap_or(0)),
                ("mean", sum / own.len() as u64),
                ("first", own[0].time),
                ("last", own[own.len() - 1].time),
                ("begin", own[0].len),
                ("end", own[own.len() - 1].len),
            ];
            for (name, wanted) in wanted {
                assert_eq!(field(row, name), wanted.into(), "{name}: {}", path.display());
            }
            groups += 1;
        }
    }
    assert!(groups > 700, "{groups} groups in all");
}

#[test]
fn windows_are_multiples_of_their_length() {
    let Some(captures) = all_captures() else { return };
    let text = "query tally = packets(ip)
        |> group(ip.proto) window(2s) { packets: count(), bytes: sum(len) } |> emit";
    let mut windows = 0;
    for (path, frames) in &captures {
        let mut expected: BTreeMap<(u64, u8), (u64, u64)> = BTreeMap::new();
        for packet in seen(frames) {
            let start = packet.time / 2_000_000_000 * 2_000_000_000;
            let group = expected.entry((start, packet.proto)).or_default();
            group.0 += 1;
            group.1 += packet.len;
        }
        let found: Vec<_> = rows(text, frames)
            .iter()
            .map(|row| {
                let of = |name| field(row, name) as u64;
                ((of("window_start"), of("ip_proto") as u8), (of("packets"), of("bytes")))
            })
            .collect();
        // In the order of windows, then of keys.
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{}", path.display());
        windows += found.len();
    }
    assert!(windows > 500, "{windows} windows in all");
}

#[test]
fn distinct_top_and_a_second_group() {
    let Some(captures) = all_captures() else { return };
    let text = "query spread = packets(ip)
        |> distinct(ip.src, ip.dst) [64k]
        |> group(ip.src) { peers: count() }
        |> top(3) by peers
        |> emit
        query degrees = packets(ip)
        |> distinct(ip.src, ip.dst) [64k]
        |> group(ip.src) { peers: count() }
        |> group(peers) { hosts: count() }
        |> emit";
    for (path, frames) in &captures {
        let pairs: BTreeSet<(u32, u32)> = seen(frames).iter().map(|p| (p.src, p.dst)).collect();
        let mut peers: BTreeMap<u32, u128> = BTreeMap::new();
        pairs.iter().for_each(|(src, _)| *peers.entry(*src).or_default() += 1);
        let mut degrees: BTreeMap<u128, u128> = BTreeMap::new();
        peers.values().for_each(|degree| *degrees.entry(*degree).or_default() += 1);
        let mut best: Vec<u128> = peers.values().copied().collect();
        best.sort_unstable_by(|a, b| b.cmp(a));
        best.truncate(3);
        let found = rows(text, frames);
        let of =
            |stream: &str| found.iter().filter(move |row| row.0 == *stream).collect::<Vec<_>>();
        let top: Vec<u128> = of("spread").iter().map(|row| field(row, "peers")).collect();
        assert_eq!(top, best, "{}", path.display());
        for row in of("spread") {
            assert_eq!(peers[&(field(row, "ip_src") as u32)], field(row, "peers"));
        }
        let counted: BTreeMap<u128, u128> =
            of("degrees").iter().map(|row| (field(row, "peers"), field(row, "hosts"))).collect();
        assert_eq!(counted, degrees, "{}", path.display());
    }
}

/// Packets and bytes by source, as tshark dissects the capture; outermost IPv4 headers behind
/// Ethernet and VLAN tags only.
fn tshark(path: &Path) -> Option<Sums> {
    let fields = ["frame.protocols", "ip.src", "frame.cap_len"];
    let mut command = Command::new("tshark");
    command.arg("-r").arg(path).args(["-n", "-T", "fields", "-E", "occurrence=f"]);
    for name in fields {
        command.args(["-e", name]);
    }
    let output = match command.output() {
        Ok(output) => output,
        Err(why) => {
            captures::skip(&format!("tshark cannot be run: {why}"));
            return None;
        }
    };
    let mut sums = Sums::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let columns: Vec<&str> = line.split('\t').collect();
        let [protocols, source, length] = columns[..] else { continue };
        let protocols = protocols.trim_start_matches("eth:ethertype:");
        let protocols = protocols.trim_start_matches("vlan:ethertype:");
        if source.is_empty() || !(protocols == "ip" || protocols.starts_with("ip:")) {
            continue;
        }
        let sum = sums.entry(source.to_owned()).or_default();
        sum.0 += 1;
        sum.1 += length.parse::<u128>().expect("a length");
    }
    Some(sums)
}

type Sums = BTreeMap<String, (u128, u128)>;

/// What the first has and the second has not.
fn beyond(first: &Sums, second: &Sums) -> String {
    let differs = first.iter().filter(|(key, sums)| second.get(*key) != Some(sums));
    let text: Vec<String> = differs.map(|(key, sums)| format!("{key} {sums:?}")).collect();
    text.join(", ")
}

#[test]
fn groups_are_those_of_tshark() {
    let Some(captures) = all_captures() else { return };
    let (mut groups, mut wrong) = (0, Vec::new());
    // Each start of tshark takes a second: a part of the captures has to do.
    for (path, frames) in captures.iter().step_by(4) {
        let Some(expected) = tshark(path) else { return };
        let found: Sums = rows(TALLY, frames)
            .iter()
            .map(|row| {
                let source = std::net::Ipv4Addr::from(field(row, "source") as u32).to_string();
                (source, (field(row, "packets"), field(row, "bytes")))
            })
            .collect();
        groups += found.len();
        if found != expected {
            let path = path.display();
            let (ours, theirs) = (beyond(&found, &expected), beyond(&expected, &found));
            wrong.push(format!("{path}: ours {ours}; tshark's {theirs}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(groups > 100, "{groups} groups in all");
}

/// The negative control: a query that counts something else is found out.
#[test]
fn a_wrong_query_is_found_out() {
    let Some(captures) = all_captures() else { return };
    let wrong = TALLY.replace("sum(len)", "sum(payload.len)");
    let differs = captures.iter().any(|(_, frames)| rows(TALLY, frames) != rows(&wrong, frames));
    assert!(differs, "payloads are shorter than frames");
}
