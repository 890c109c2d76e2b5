//! Programs count exactly what an independent tool counts in real captures.

use crate::captures;
use std::sync::Arc;
use trama_base::Nanos;
use trama_lang::compile::{Options, Unit};
use trama_lang::engine::Engine;
use trama_lang::files::NoFiles;
use trama_lang::interp::Interpreter;
use trama_lang::ir::Program;
use trama_native::NativeEngine;

/// State objects of the program in the order of the facts' columns from `ipv4` on.
const COUNTERS: [&str; 8] = ["ipv4", "ipv6", "arp", "vlan", "tcp", "udp", "icmp", "syns"];
const SETS: [&str; 3] = ["sources", "tcp_flows", "udp_flows"];

fn program(text: &str) -> Arc<Program> {
    let mut unit = Unit::parse("facts.trama", text, &NoFiles);
    let checked = unit.check(&Options::default(), &NoFiles);
    Arc::new(checked.program.unwrap_or_else(|| panic!("{:?}", checked.diagnostics)))
}

fn state(program: &Program, name: &str) -> usize {
    program.nodes[0].states.iter().position(|s| s.name == name).expect("the program has it")
}

/// Frames, captured bytes, then the columns from `ipv4` on.
fn numbers(program: &Program, engine: &mut dyn Engine) -> Vec<u64> {
    let report = engine.report();
    let mut numbers = vec![report.received[0].packets, report.received[0].bytes];
    for name in COUNTERS {
        let entries = engine.state(0, state(program, name));
        let packets = entries.first().map_or(0, |e| {
            u64::from_le_bytes(e.value[..8].try_into().expect("a counter has two numbers"))
        });
        numbers.push(packets);
    }
    for name in SETS {
        numbers.push(engine.state(0, state(program, name)).len() as u64);
    }
    numbers
}

/// One line of the facts: file, link type, numbers comparable with [`numbers`].
fn facts(folder: &std::path::Path) -> Vec<(String, bool, Vec<u64>)> {
    let text = std::fs::read_to_string(folder.join("FACTS.tsv")).expect("the facts can be read");
    let line = |line: &str| {
        let columns: Vec<&str> = line.split('\t').collect();
        let number = |i: usize| columns[i].parse::<u64>().expect("a number");
        let rest = 5..columns.len();
        let numbers = [number(2), number(4)].into_iter().chain(rest.map(number)).collect();
        (columns[0].to_owned(), columns[1] == "1", numbers)
    };
    text.lines().skip(1).map(line).collect()
}

fn mismatches(text: &str) -> Option<(usize, Vec<String>)> {
    let folder = captures::folder()?;
    let program = program(text);
    let (mut files, mut wrong) = (0, Vec::new());
    for (file, is_ethernet, expected) in facts(&folder) {
        let frames = match captures::frames(&folder.join(&file)) {
            Ok(frames) => frames,
            // Another link type, and in one file a record that is cut short as well.
            Err(_) if !is_ethernet => continue,
            Err(why) => panic!("{file}: {why}"),
        };
        assert!(is_ethernet, "{file} was not refused");
        files += 1;
        let frames: Vec<_> = frames.into_iter().map(|(time, f)| (0, time, f)).collect();
        let mut native = NativeEngine::new(Arc::clone(&program), Nanos::ZERO, 0).expect("runs");
        let mut reference = Interpreter::new(Arc::clone(&program), Nanos::ZERO, 0).expect("runs");
        captures::feed(&mut native, &frames);
        captures::feed(&mut reference, &frames);
        let found = numbers(&program, &mut native);
        assert_eq!(found, numbers(&program, &mut reference), "{file}: the engines differ");
        if found != expected {
            wrong.push(format!("{file}: {found:?}, expected {expected:?}"));
        }
    }
    Some((files, wrong))
}

#[test]
fn a_program_counts_what_tshark_counts() {
    let Some((files, wrong)) = mismatches(include_str!("facts.trama")) else { return };
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(files > 80, "most of the reference captures are Ethernet, but only {files} were read");
}

#[test]
fn other_link_types_are_refused() {
    let Some(folder) = captures::folder() else { return };
    let trama = env!("CARGO_BIN_EXE_trama");
    let program = captures::project("examples/monitor.trama");
    let mut refused = 0;
    for (file, is_ethernet, _) in facts(&folder) {
        if is_ethernet {
            continue;
        }
        let input = format!("tap={}", folder.join(&file).display());
        let mut command = std::process::Command::new(trama);
        let output = command.arg("run").arg(&program).args(["--in", &input]).output();
        let output = output.expect("trama runs");
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        // One of the files is cut short before its first frame.
        let is_cut = file == "fuzz-2021-10-13.pcap";
        assert_eq!(output.status.code(), Some(if is_cut { 4 } else { 2 }), "{file}: {out}");
        assert!(is_cut || out.contains("only Ethernet can be replayed"), "{file}: {out}");
        refused += 1;
    }
    assert!(refused > 10, "{refused}");
}

#[test]
fn a_program_that_counts_wrongly_is_found_out() {
    let text = include_str!("facts.trama").replace("p.ip.frag == 0", "p.ip.frag <= 8000");
    assert_ne!(text, include_str!("facts.trama"), "the program was broken on purpose");
    let Some((_, wrong)) = mismatches(&text) else { return };
    assert!(!wrong.is_empty(), "counting fragments as flows must show");
}
