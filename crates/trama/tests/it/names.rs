//! DNS names and server names that programs find are those that tshark finds.
//!
//! tshark puts TCP segments and QUIC packets together, looks into tunnels, and shows what is said
//! twice once; a program sees one packet, and its outermost datagram. Every difference must be one
//! of the [`Kind`]s, and which one is told from what tshark says about the frame, not by hand.
//!
//! Where everything must run, all captures are compared; else those in which the program finds
//! names, because each run of tshark takes its time.

use crate::captures;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, LazyLock};
use trama_base::Nanos;
use trama_lang::compile::{Options, Unit};
use trama_lang::engine::Engine;
use trama_lang::files::NoFiles;
use trama_lang::interp::Interpreter;
use trama_lang::ir::Program;
use trama_native::NativeEngine;
use trama_wire::{Packet, Pool};

/// Names by frame number, from 1: `dns NAME`, `tls NAME`, `quic NAME`. Bytes that are no UTF-8 are
/// replaced, as tshark does.
type Names = BTreeMap<usize, Vec<String>>;

/// A capture with what tshark says about it.
struct Capture {
    file: String,
    frames: Vec<(Nanos, Vec<u8>)>,
    theirs: BTreeMap<usize, Seen>,
}

/// The captures to compare, or why there are none; read once for all tests.
static CAPTURES: LazyLock<Option<Vec<Capture>>> = LazyLock::new(read_captures);

/// Why a program and tshark may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// The client repeats itself, in a TCP segment or a QUIC packet sent again: tshark shows
    /// the handshake data of a connection once.
    SaidAgain,
    /// The name is in a datagram within another one.
    Tunnel,
    /// Link-local multicast name resolution (RFC 4795), another protocol on another port.
    Llmnr,
    /// The message goes over several TCP segments, which a program sees one by one.
    Segments,
    /// DNS over TCP, whose messages are a stream.
    DnsOverTcp,
    /// A version of QUIC that Google used before the standard (`Qnnn`, `Tnnn`).
    GoogleQuic,
}

/// What tshark says about a frame.
#[derive(Clone, Debug, Default)]
struct Seen {
    protocols: String,
    dns: String,
    server: String,
    /// UDP and TCP stream.
    stream: [String; 2],
    segments: String,
    /// Version of QUIC in hexadecimal.
    quic: String,
}

impl Seen {
    /// The names as a program would say them.
    fn names(&self) -> Vec<String> {
        let root = if self.dns == "<Root>" { "\"\"" } else { &self.dns };
        let protocol = if self.protocols.contains(":quic") { "quic" } else { "tls" };
        let dns = (!self.dns.is_empty()).then(|| format!("dns {root}"));
        let server = (!self.server.is_empty()).then(|| format!("{protocol} {}", self.server));
        dns.into_iter().chain(server).collect()
    }
}

fn program(text: &str) -> Arc<Program> {
    let mut unit = Unit::parse("names.trama", text, &NoFiles);
    let checked = unit.check(&Options::default(), &NoFiles);
    Arc::new(checked.program.unwrap_or_else(|| panic!("{:?}", checked.diagnostics)))
}

/// What a program says about each frame.
fn said(engine: &mut dyn Engine, frames: &[(Nanos, Vec<u8>)]) -> Names {
    let mut names = Names::new();
    let (mut input, mut output, mut pool) = (Vec::new(), Vec::new(), Pool::default());
    for (number, (time, frame)) in (1..).zip(frames) {
        let mut packet = Packet::new(frame);
        packet.time = *time;
        input.push(Box::new(packet));
        engine.process(&mut input, &mut output, &mut pool);
        for line in engine.take_logs() {
            names.entry(number).or_default().push(unprinted(&line.text));
        }
    }
    names
}

/// A line with the bytes that it shows as digits.
fn unprinted(line: &str) -> String {
    let Some((protocol, digits)) = line.split_once(" 0x") else { return line.into() };
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("digits");
    let bytes: Vec<u8> = (0..digits.len()).step_by(2).map(byte).collect();
    format!("{protocol} {}", String::from_utf8_lossy(&bytes))
}

/// With one replacement for all bytes in a row that are no UTF-8: how many it takes is a matter of
/// taste.
fn squeezed(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c != char::REPLACEMENT_CHARACTER || !out.ends_with(c) {
            out.push(c);
        }
    }
    out
}

/// What tshark says about the frames with names and of QUIC.
fn tshark(file: &Path) -> Option<BTreeMap<usize, Seen>> {
    const FIELDS: [&str; 8] = [
        "frame.number",
        "frame.protocols",
        "dns.qry.name",
        "tls.handshake.extensions_server_name",
        "udp.stream",
        "tcp.stream",
        "tcp.segment.count",
        "quic.version",
    ];
    let mut command = Command::new("tshark");
    command.arg("-n").arg("-r").arg(file).args(["-T", "fields", "-E", "occurrence=f"]);
    let names = "dns.qry.name || tls.handshake.extensions_server_name";
    command.args(["-Y", &format!("{names} || quic || tcp.analysis.retransmission")]);
    for field in FIELDS {
        command.args(["-e", field]);
    }
    let output = command.output().ok()?.stdout;
    let output = String::from_utf8_lossy(&output);
    let line = |line: &str| {
        let mut columns = line.split('\t').map(str::to_owned);
        let number = columns.next()?.parse().ok()?;
        let mut next = || columns.next().unwrap_or_default();
        let (protocols, dns, server) = (next(), next(), next());
        let stream = [next(), next()];
        let (segments, quic) = (next(), next());
        Some((number, Seen { protocols, dns, server, stream, segments, quic }))
    };
    Some(output.lines().filter_map(line).collect())
}

/// The kind of a difference at a frame, if it is of any.
fn explain(number: usize, ours: &[String], theirs: &BTreeMap<usize, Seen>) -> Option<Kind> {
    let seen = theirs.get(&number)?;
    let has = |protocol: &str| seen.protocols.split(':').any(|p| p == protocol);
    if let ([ours], []) = (ours, &seen.names()[..]) {
        let earlier = theirs.range(..number).map(|(_, earlier)| earlier);
        let mut same = earlier.filter(|e| e.stream == seen.stream && e.names().contains(ours));
        return same.next().is_some().then_some(Kind::SaidAgain);
    }
    if !ours.is_empty() {
        return None;
    }
    let networks = seen.protocols.split(':').filter(|p| matches!(*p, "ip" | "ipv6")).count();
    Some(match () {
        () if has("llmnr") => Kind::Llmnr,
        () if networks > 1 => Kind::Tunnel,
        () if has("tcp") && has("dns") => Kind::DnsOverTcp,
        () if seen.quic.starts_with("0x51") || seen.quic.starts_with("0x54") => Kind::GoogleQuic,
        () if !seen.segments.is_empty() => Kind::Segments,
        () => return None,
    })
}

/// Names found, differences by kind, and differences of no kind.
type Comparison = (usize, BTreeMap<Kind, usize>, Vec<String>);

fn read_captures() -> Option<Vec<Capture>> {
    let folder = captures::folder()?;
    if Command::new("tshark").arg("-v").output().is_err() {
        captures::skip("tshark is not installed");
        return None;
    }
    let all = std::env::var_os("TRAMA_REQUIRE_LIVE").is_some_and(|v| v == "1");
    let program = program(include_str!("names.trama"));
    let facts = std::fs::read_to_string(folder.join("FACTS.tsv")).expect("the facts can be read");
    let files = facts.lines().skip(1).filter_map(|line| line.split('\t').next());
    let capture = |file: &str| {
        let frames = captures::frames(&folder.join(file)).ok()?;
        let mut engine = NativeEngine::new(Arc::clone(&program), Nanos::ZERO, 0).expect("runs");
        let wanted = all || !said(&mut engine, &frames).is_empty();
        let theirs = wanted.then(|| tshark(&folder.join(file)).expect("tshark runs"))?;
        Some(Capture { file: file.to_owned(), frames, theirs })
    };
    Some(files.filter_map(capture).collect())
}

/// Compares a program with tshark; nothing if one of them cannot be had.
fn compare(text: &str) -> Option<Comparison> {
    let captures = CAPTURES.as_ref()?;
    let program = program(text);
    let (mut found, mut kinds, mut wrong) = (0, BTreeMap::new(), Vec::new());
    for Capture { file, frames, theirs } in captures {
        let mut native = NativeEngine::new(Arc::clone(&program), Nanos::ZERO, 0).expect("runs");
        let mut reference = Interpreter::new(Arc::clone(&program), Nanos::ZERO, 0).expect("runs");
        let ours = said(&mut native, frames);
        assert_eq!(ours, said(&mut reference, frames), "{file}: the engines differ");
        for number in 1..=frames.len() {
            let own = ours.get(&number).map_or(&[][..], Vec::as_slice);
            let other = theirs.get(&number).map(Seen::names).unwrap_or_default();
            found += own.len();
            if own.iter().map(|n| squeezed(n)).eq(other.iter().map(|n| squeezed(n))) {
                continue;
            }
            match explain(number, own, theirs) {
                Some(kind) => *kinds.entry(kind).or_default() += 1,
                None => wrong.push(format!("{file}:{number}: {own:?}, but tshark {other:?}")),
            }
        }
    }
    Some((found, kinds, wrong))
}

#[test]
fn programs_find_the_names_that_tshark_finds() {
    let Some((found, kinds, wrong)) = compare(include_str!("names.trama")) else { return };
    println!("{found} names; differences: {kinds:?}");
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
    assert!(found > 700, "{found}");
    assert!(kinds.get(&Kind::SaidAgain).is_some_and(|n| *n > 50), "{kinds:?}");
}

#[test]
fn a_program_that_reads_names_wrongly_is_found_out() {
    let right = include_str!("names.trama");
    let text = right.replace("{question.name}", "{question.name.labels(3)}");
    assert_ne!(text, right, "the program was broken on purpose");
    let Some((_, _, wrong)) = compare(&text) else { return };
    assert!(wrong.len() > 100, "{}", wrong.len());
}
