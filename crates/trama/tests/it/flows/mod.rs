//! Records of connections over real captures are those that an independent computation makes of
//! what tshark says about the packets, and those of FACTS.tsv.

mod oracle;
mod tshark;

use crate::captures;
use oracle::Row;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use trama_base::Nanos;
use trama_lang::compile::{Options, Unit};
use trama_lang::engine::Engine;
use trama_lang::files::NoFiles;
use trama_lang::interp::Interpreter;
use trama_lang::ir::{Program, View};
use trama_lang::records::{Column, Record};
use trama_lang::values;
use trama_native::NativeEngine;
use trama_wire::Pool;
use tshark::{Proto, Seen};

/// A record: its columns by name; times in nanoseconds.
type Columns = BTreeMap<String, String>;

struct Capture {
    name: String,
    frames: Vec<(u32, Nanos, Vec<u8>)>,
    seen: Vec<Vec<String>>,
    packets: Vec<Seen>,
}

impl Capture {
    /// The packets between two ends, in both directions.
    fn between(&self, id: &str) -> impl Iterator<Item = &Seen> {
        let ids = [id.to_owned(), reversed(id)];
        self.packets.iter().filter(move |packet| ids.contains(&packet.id))
    }
}

/// Both ends exchanged.
fn reversed(id: &str) -> String {
    let mut words: Vec<&str> = id.split(' ').collect();
    words.rotate_left(2);
    words.join(" ")
}

/// Captures in which there is much to see: gaps, scans, both versions of IP, wrong checksums.
const BUSY: [&str; 5] =
    ["tunnelbear.pcap", "tcp_scan.pcapng", "wa_voice.pcap", "syncthing.pcap", "ethereum.pcap"];

/// The Ethernet captures with what tshark says of them: all where everything must run, else those
/// in which there is most to see.
static CAPTURES: LazyLock<Option<Vec<Capture>>> = LazyLock::new(|| {
    let folder = captures::folder()?;
    let all = std::env::var_os("TRAMA_REQUIRE_LIVE").is_some_and(|v| v == "1");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder can be read")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| captures::frames(path).is_ok_and(|frames| !frames.is_empty()))
        .collect();
    paths.sort();
    let mut read = Vec::new();
    for path in &paths {
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        if !all && !BUSY.contains(&name.as_str()) {
            continue;
        }
        let Some(seen) = tshark::frames(path) else {
            captures::skip("tshark is not installed");
            return None;
        };
        let frames = captures::frames(path).expect("it was read before");
        let frames = frames.into_iter().map(|(time, frame)| (0, time, frame)).collect();
        let packets = tshark::packets(&seen);
        read.push(Capture { name, frames, seen, packets });
    }
    Some(read)
});

fn program(element: &str, arguments: &str) -> Arc<Program> {
    let name = element.split("element ").nth(1).and_then(|rest| rest.split('(').next());
    let name = name.unwrap_or(element);
    let text = if name == element { "" } else { element };
    let text = format!("{text}\nnetwork n {{ port tap\n tap -> {name}({arguments}) -> discard }}");
    let mut unit = Unit::parse("flows.trama", &text, &NoFiles);
    let checked = unit.check(&Options::default(), &NoFiles);
    Arc::new(checked.program.unwrap_or_else(|| panic!("{:?}", checked.diagnostics)))
}

fn columns(program: &Program, record: &Record) -> Columns {
    let stream = &program.nodes[record.node as usize].streams[record.stream.0 as usize];
    let value = |column: &Column| {
        let text = match (column.value(&record.leaves), &column.view) {
            (None, _) => String::new(),
            (Some(value), View::Time | View::Duration) => value[0].to_string(),
            (Some(value), view) => values::part(view, value),
        };
        (column.name.clone(), text)
    };
    Column::all(stream).iter().map(value).collect()
}

fn run(program: &Program, engine: &mut dyn Engine, capture: &Capture) -> Vec<Columns> {
    captures::feed(engine, &capture.frames);
    let end = capture.frames.iter().map(|frame| frame.1).max().unwrap_or_default();
    engine.finish(end, &mut Vec::new(), &mut Pool::default());
    engine.take_records().iter().map(|record| columns(program, record)).collect()
}

/// The records of a capture, which are the same on both engines.
fn records(program: &Arc<Program>, capture: &Capture) -> Vec<Columns> {
    let start = capture.frames[0].1;
    let mut native = NativeEngine::new(Arc::clone(program), start, 0).expect("it compiles");
    let mut reference = Interpreter::new(Arc::clone(program), start, 0).expect("it runs");
    let found = run(program, &mut native, capture);
    assert_eq!(
        found,
        run(program, &mut reference, capture),
        "{}: the engines differ",
        capture.name
    );
    found
}

fn row(columns: &Columns) -> Row {
    let text = |name: &str| columns[name].clone();
    let number = |name: &str| columns[name].parse::<u64>().ok();
    let count = |name: &str| number(name).expect("a count");
    Row {
        ts: count("ts"),
        id: ["id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p"].map(text).join(" "),
        proto: text("proto"),
        duration: number("duration"),
        bytes: number("orig_bytes").zip(number("resp_bytes")),
        state: text("conn_state"),
        missed: count("missed_bytes"),
        history: text("history"),
        counts: ["orig_pkts", "orig_ip_bytes", "resp_pkts", "resp_ip_bytes"].map(count),
    }
}

/// Connections in all, and what differs from the oracle: where a datagram claims to be longer than
/// its frame, which is explained, and elsewhere.
///
/// tshark then takes the length of the frame, Zeek drops the packet, and a program, which does not
/// know how much of a frame was captured, believes the header.
fn compare(program: &Arc<Program>, capture: &Capture) -> (usize, usize, Vec<String>) {
    let mut ours: Vec<Row> = records(program, capture).iter().map(row).collect();
    ours.sort();
    let theirs = oracle::rows(&capture.packets, true);
    let is_overlong = |row: &Row| capture.between(&row.id).any(|packet| packet.is_overlong);
    let (mut explained, mut wrong) = (0, Vec::new());
    for (of, others, whose) in [(&ours, &theirs, "ours"), (&theirs, &ours, "expected")] {
        for row in of.iter().filter(|row| !others.contains(row)) {
            if is_overlong(row) {
                explained += 1;
            } else {
                wrong.push(format!("{} {whose}: {row:?}", capture.name));
            }
        }
    }
    (ours.len(), explained, wrong)
}

#[test]
fn connections_are_those_of_an_independent_computation() {
    let Some(captures) = CAPTURES.as_ref() else { return };
    let program = program("FlowExporter", "");
    let (mut connections, mut explained, mut wrong) = (0, 0, Vec::new());
    for capture in captures {
        let (count, known, differences) = compare(&program, capture);
        connections += count;
        explained += known;
        wrong.extend(differences);
    }
    println!("{connections} connections in {} captures, {explained} explained", captures.len());
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
    assert!(connections > 100 && explained <= 2, "{connections} {explained}");
}

/// The negative control: an element that is wrong in one place is found out.
#[test]
fn wrong_records_are_found_out() {
    let Some(captures) = CAPTURES.as_ref() else { return };
    let files = trama_lang::library::FILES;
    let (_, text) = files.iter().find(|(name, _)| *name == "FlowExporter").expect("it is there");
    let faults = [
        // A handshake is a SYN; 10 s instead of 5; a FIN takes no place; no flip; ACKs of RST.
        ("p.tcp.flags.ack { 72 } else { 83 }", "p.tcp.flags.ack { 83 } else { 83 }"),
        ("const LINGER: Duration = 5s", "const LINGER: Duration = 10s"),
        ("if side.fin && size > 0 { size -= 1 }", ""),
        ("let flip = is_answer(p, flow)", "let flip = false && is_answer(p, flow)"),
        ("step != 0 && step < 0x8000_0000", "step < 0x8000_0000"),
        ("entry.missed += hole_end - peer.whole", "entry.missed += 1"),
        ("if p.tcp.window == 0 && !rst", "if p.tcp.window == 0"),
    ];
    for (right, wrong) in faults {
        let broken = text.replace(right, wrong);
        assert_ne!(broken, *text, "{right}: broken on purpose");
        let program = program(&broken, "");
        let found = captures.iter().any(|capture| !compare(&program, capture).2.is_empty());
        assert!(found, "`{right}` as `{wrong}` is not found");
    }
}

/// What is in FACTS.tsv of each capture.
fn facts() -> Option<BTreeMap<String, BTreeMap<String, u64>>> {
    let text = std::fs::read_to_string(captures::folder()?.join("FACTS.tsv")).expect("facts");
    let mut lines = text.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let names = lines.next().expect("names");
    let line = |line: Vec<&str>| {
        let numbers = names.iter().zip(&line).skip(1);
        let numbers = numbers.map(|(name, n)| ((*name).to_owned(), n.parse().expect("a number")));
        (line[0].to_owned(), numbers.collect())
    };
    Some(lines.map(line).collect())
}

/// Packets, five-tuples and sources are those of the facts. Fragments behind the first and headers
/// that are cut belong to no connection: what is missing must be these, frame by frame.
#[test]
fn packets_and_five_tuples_are_those_of_the_facts() {
    let (Some(captures), Some(facts)) = (CAPTURES.as_ref(), facts()) else { return };
    let program = program("FlowExporter", "checksums: false");
    let mut compared = 0;
    for capture in captures {
        // The facts leave out what has two VLAN tags.
        let tagged_twice = |frame: &Vec<String>| {
            tshark::column(frame, "frame.protocols").contains("vlan:ethertype:vlan")
        };
        if capture.seen.iter().any(tagged_twice) {
            continue;
        }
        let facts = &facts[&capture.name];
        let records = records(&program, capture);
        let (mut all_sources, mut no_more) = (BTreeSet::new(), true);
        for (number, name) in [(6, "tcp"), (17, "udp"), (1, "icmp")] {
            let (mut packets, mut tuples) = (0, BTreeSet::new());
            for columns in &records {
                let text = |name: &str| columns[name].as_str();
                if text("ip_proto") != number.to_string() || text("id.orig_h").contains(':') {
                    continue;
                }
                let orig = (text("id.orig_h"), text("id.orig_p"));
                let resp = (text("id.resp_h"), text("id.resp_p"));
                for (count, from, to) in [("orig_pkts", orig, resp), ("resp_pkts", resp, orig)] {
                    let count: u64 = text(count).parse().expect("a count");
                    packets += count;
                    if count > 0 {
                        tuples.insert((from, to));
                        all_sources.insert(from.0);
                    }
                }
            }
            let outside = |frame: &&Vec<String>| {
                let layers = tshark::column(frame, "frame.protocols");
                let layers = layers.trim_start_matches("eth:ethertype:");
                layers.trim_start_matches("vlan:ethertype:").starts_with("ip")
                    && tshark::column(frame, "ip.proto") == number.to_string()
                    && tshark::packets(&[frame.to_vec()]).is_empty()
            };
            let outside: Vec<_> = capture.seen.iter().filter(outside).collect();
            let sum = packets + outside.len() as u64;
            assert_eq!(sum, facts[&format!("ipv4_{name}")], "{name}: {}", capture.name);
            no_more &= outside.is_empty();
            let is_cut = |frame: &&Vec<String>| tshark::column(frame, "ip.frag_offset") == "0";
            // The facts believe the ports of a header that is cut.
            if number != 1 && !outside.iter().any(is_cut) {
                let known = facts[&format!("ipv4_{name}_5tuples")];
                assert_eq!(tuples.len() as u64, known, "{name}: {}", capture.name);
                compared += 1;
            }
        }
        let sum: u64 = ["ipv4_tcp", "ipv4_udp", "ipv4_icmp"].iter().map(|name| facts[*name]).sum();
        if no_more && sum == facts["ipv4"] {
            assert_eq!(all_sources.len() as u64, facts["ipv4_sources"], "{}", capture.name);
        }
    }
    assert!(compared > captures.len(), "{compared}");
}

/// tshark notes for each stream of TCP which kinds of segments it had (`tcp.completeness`).
#[test]
fn histories_have_what_tshark_noted() {
    let Some(captures) = CAPTURES.as_ref() else { return };
    let program = program("FlowExporter", "checksums: false");
    let mut compared = 0;
    for capture in captures {
        let mut streams: BTreeMap<String, BTreeMap<u32, u32>> = BTreeMap::new();
        for packet in &capture.packets {
            if let Some((stream, kinds)) = packet.stream {
                let back = reversed(&packet.id);
                let id = if streams.contains_key(&back) { back } else { packet.id.clone() };
                *streams.entry(id).or_default().entry(stream).or_default() |= kinds;
            }
        }
        let rows: Vec<Row> = records(&program, capture).iter().map(row).collect();
        for (id, of) in &streams {
            let back = reversed(id);
            let own: Vec<&Row> = rows.iter().filter(|r| r.id == *id || r.id == back).collect();
            // Where one side cut the conversation into several, there is nothing to compare.
            let (Some(bits), [row], 1) = (of.values().next(), &own[..], of.len()) else { continue };
            // tshark notes a FIN only with an ACK, which a scanner's has not.
            let is_scan = |p: &Seen| match p.proto {
                Proto::Tcp { flags, .. } => flags & 0x17 == 1,
                _ => false,
            };
            if capture.between(id).any(is_scan) || row.history.contains(['I', 'i', 'Q', 'q']) {
                continue;
            }
            let has = |letter: char| row.history.to_ascii_uppercase().contains(letter);
            let ours = [('S', 1), ('H', 2), ('F', 16), ('R', 32)];
            let ours: u32 = ours.iter().filter(|(c, _)| has(*c)).map(|(_, bit)| bit).sum();
            assert_eq!(ours, bits & 0b11_0011, "{}: {row:?}", capture.name);
            compared += 1;
        }
    }
    println!("{compared} streams compared");
    assert!(compared > 20, "{compared}");
}

/// What the first bytes say is what tshark found in the same conversation.
#[test]
fn services_are_those_of_tshark() {
    let Some(captures) = CAPTURES.as_ref() else { return };
    let program = program("FlowExporter", "checksums: false");
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    let mut unnamed = Vec::new();
    for capture in captures {
        for columns in records(&program, capture) {
            let service = columns["service"].clone();
            if service.is_empty() {
                continue;
            }
            let id = row(&columns).id;
            let layers: BTreeSet<&str> =
                capture.between(&id).flat_map(|packet| packet.layers.split(':')).collect();
            let names: &[&str] = match service.as_str() {
                "ssl" => &["tls"],
                "dns" => &["dns", "mdns"],
                "quic" => &["quic", "gquic"],
                "smb" => &["smb", "smb2", "nbss"],
                "sip" => &["sip"],
                other => &[other],
            };
            // Of a protocol on the port of another one, tshark may say nothing at all.
            let plain = ["eth", "ethertype", "ip", "ipv6", "tcp", "udp", "data"];
            if layers.iter().all(|layer| plain.contains(layer)) {
                unnamed.push(format!("{} {service} {id}", capture.name));
                continue;
            }
            let known = layers.iter().any(|layer| names.contains(layer));
            assert!(known, "{}: {service} {id}, but tshark says {layers:?}", capture.name);
            *found.entry(service).or_default() += 1;
        }
    }
    println!("{found:?}, {unnamed:?}");
    assert!(unnamed.len() < 5, "{unnamed:?}");
    assert!(found.values().sum::<usize>() > 20, "{found:?}");
}
