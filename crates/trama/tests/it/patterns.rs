//! Pattern sets and rules find in real captures exactly what tshark's display filters find.

use crate::captures::{self, project};
use crate::edge::Examples;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use trama_lang::compile::{Options, Unit};
use trama_lang::engine::Engine;
use trama_lang::files::NoFiles;
use trama_lang::interp::Interpreter;
use trama_lang::ir::Program;
use trama_native::NativeEngine;

/// Captures with requests, names and ciphertext, of which one has retransmissions and IPv6.
const CAPTURES: [&str; 2] = ["1kxun.pcap", "instagram.pcap"];

/// A pattern as a program writes it, and the same as a condition on a payload in tshark's words,
/// in which `_` is the payload.
const PATTERNS: [(&str, &str); 8] = [
    (r#""GET ""#, r#"_ contains "GET ""#),
    (r#""Host: ""#, r#"_ contains "Host: ""#),
    (r#""host:" nocase"#, r#"_ matches "(?i)host:""#),
    (r#"hex "16 03 01""#, r#"_ contains 16:03:01"#),
    (r#"hex "16 03 01" depth 3"#, r#"_[0:3] == 16:03:01"#),
    (r#""HTTP/1.1 200" depth 12"#, r#"_[0:12] == "HTTP/1.1 200""#),
    (r#""com" offset 4"#, r#"_[4:] contains "com""#),
    (r#""\x00\x00\xff""#, r#"_ contains 00:00:ff"#),
];

/// (Number of a pattern, number of a frame from 1).
type Found = BTreeSet<(usize, usize)>;

/// A program that sends a copy of each packet to the port of each pattern that it has.
fn finder(patterns: &[&str]) -> Arc<Program> {
    let list = patterns.join(",\n        ");
    let text = format!(
        "element Finder {{
    port tap, hit[{count}]
    patterns words = [
        {list},
    ]
    on tap(p: l4) {{
        for i in words.matches(p) {{ send copy p to hit[i as u64] }}
        drop p because \"seen\"
    }}
    on tap(p) {{ drop p because \"seen\" }}
    on hit(p) {{ drop p because \"seen\" }}
}}
",
        count = patterns.len()
    );
    let mut unit = Unit::parse("finder.trama", &text, &NoFiles);
    let checked = unit.check(&Options::default(), &NoFiles);
    Arc::new(checked.program.unwrap_or_else(|| panic!("{:?}", checked.diagnostics)))
}

fn ours(engine: &mut dyn Engine, capture: &Path) -> Found {
    let mut found = Found::new();
    let frames = captures::frames(capture).expect("it is a sound capture");
    for (number, (time, frame)) in (1..).zip(frames) {
        // Ports are those of the patterns, behind the tap.
        let sent = captures::feed(engine, &[(0, time, frame)]);
        found.extend(sent.iter().map(|(port, ..)| (*port as usize - 1, number)));
    }
    found
}

/// The frames that a display filter lets through; None if there is no tshark.
fn tshark(capture: &Path, filter: &str) -> Option<BTreeSet<usize>> {
    // A datagram in fragments has its payload in each of them here, not in the last.
    let run = Command::new("tshark")
        .args(["-n", "-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE", "-r"])
        .arg(capture)
        .args(["-Y", filter, "-T", "fields", "-e", "frame.number"])
        .stderr(Stdio::null())
        .output()
        .ok()?;
    assert!(run.status.success(), "tshark knows the filter {filter}");
    let text = String::from_utf8(run.stdout).expect("numbers are text");
    Some(text.lines().map(|line| line.parse().expect("a number")).collect())
}

fn theirs(capture: &Path) -> Option<Found> {
    let mut found = Found::new();
    for (number, (_, filter)) in PATTERNS.iter().enumerate() {
        let mut either = String::new();
        for (at, payload) in ["tcp.payload", "udp.payload"].into_iter().enumerate() {
            let or = if at == 0 { "" } else { " || " };
            let _ = write!(either, "{or}({})", filter.replace('_', payload));
        }
        found.extend(tshark(capture, &either)?.into_iter().map(|frame| (number, frame)));
    }
    Some(found)
}

#[test]
fn patterns_are_found_where_tshark_finds_them() {
    let Some(folder) = captures::folder() else { return };
    let program = finder(&PATTERNS.map(|(pattern, _)| pattern));
    // The negative control: one pattern is searched for in all places.
    let mut wrong = PATTERNS.map(|(pattern, _)| pattern);
    wrong[4] = PATTERNS[3].0;
    let wrong = finder(&wrong);
    for file in CAPTURES {
        let capture = folder.join(file);
        let Some(expected) = theirs(&capture) else {
            return captures::skip("there is no tshark");
        };
        assert!(expected.len() > 20, "{file} has something to find");
        let start = captures::frames(&capture).expect("it is sound")[0].0;
        let mut native = NativeEngine::new(Arc::clone(&program), start, 0).expect("it runs");
        let found = ours(&mut native, &capture);
        let differences: Vec<_> = found.symmetric_difference(&expected).take(9).collect();
        assert!(differences.is_empty(), "{file}: (pattern, frame) {differences:?}");
        let mut interpreter = Interpreter::new(Arc::clone(&program), start, 0).expect("it runs");
        assert!(ours(&mut interpreter, &capture) == expected, "{file}, interpreted");
        if file == CAPTURES[0] {
            let mut native = NativeEngine::new(Arc::clone(&wrong), start, 0).expect("it runs");
            assert!(ours(&mut native, &capture) != expected, "{file}: nothing was noticed");
        }
    }
}

/// Alerts of the sample rules in the bundled traffic, and the same by tshark.
#[test]
fn the_sample_rules_alert_where_tshark_says() {
    let path = project("examples/ids.trama");
    let text = std::fs::read_to_string(&path).expect("it is there");
    let mut unit = Unit::parse("ids.trama", &text, &Examples);
    let checked = unit.check(&Options::default(), &Examples);
    let program = Arc::new(checked.program.unwrap_or_else(|| panic!("{:?}", checked.diagnostics)));
    let hits = program.nodes[0].states.iter().position(|s| s.name == "hits").expect("it counts");
    let captures =
        ["office-lan.pcap", "office-wan.pcap"].map(|f| project("examples/captures").join(f));
    let filters = [
        "tcp.dstport == 80 && tcp.payload matches \"(?i)user-agent: curl\"",
        "tcp.payload[0:4] == \"SSH-\"",
        "udp.dstport == 53 && udp.payload contains 03:77:77:77:07:65:78:61:6d:70:6c:65:04:74:65",
        "tcp.srcport == 80 && tcp.payload contains \"Server: nginx/1.22\"",
    ];
    for (rule, filter) in filters.iter().enumerate() {
        let mut expected = 0;
        let mut frames = Vec::new();
        for (port, capture) in (0..).zip(&captures) {
            let Some(found) = tshark(capture, filter) else {
                return captures::skip("there is no tshark");
            };
            expected += found.len();
            let read = captures::frames(capture).expect("it is a sound capture");
            frames.extend(read.into_iter().map(|(time, frame)| (port, time, frame)));
        }
        frames.sort_by_key(|(_, time, _)| *time);
        let mut engine = NativeEngine::new(Arc::clone(&program), frames[0].1, 0).expect("it runs");
        captures::feed(&mut engine, &frames);
        let counted = engine.state(0, hits);
        let packets =
            counted.iter().find(|e| e.key == (rule as u64).to_le_bytes()).map_or(0, |e| {
                u64::from_le_bytes(e.value[..8].try_into().expect("a counter has two numbers"))
            });
        assert!(expected > 0 && packets == expected as u64, "{filter}: {packets}, not {expected}");
    }
}
