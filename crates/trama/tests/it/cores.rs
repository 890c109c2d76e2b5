//! Programs on several cores do what they do on one.

#![allow(clippy::vec_box, reason = "packets are boxed at the seam to the engine")]

mod library;

use crate::captures;
use std::collections::BTreeMap;
use std::sync::Arc;
use trama_base::Nanos;
use trama_lab::bench::{Workload, workloads};
use trama_lang::compile::{Options, Unit};
use trama_lang::cores::{self, Division, divide};
use trama_lang::engine::{Engine, Entry, Report};
use trama_lang::files::NoFiles;
use trama_lang::interp::Interpreter;
use trama_lang::ir::Program;
use trama_live::io::discard::Discard;
use trama_live::io::memory::MemorySource;
use trama_live::parallel::{Cores, preloaded};
use trama_live::run::{RunOptions, Runner};
use trama_native::NativeEngine;
use trama_wire::{FlowKey, Packet, Pool};

/// Frames with the port at which they enter and their time.
type Frames = Vec<(u32, Nanos, Vec<u8>)>;

/// A frame that left, and when.
type Left = (Nanos, Vec<u8>);

/// What can be observed of a run, apart from the order of packets of different flows.
#[derive(Debug, PartialEq)]
struct Seen {
    /// By port and flow: the frames that left, with their times, in order.
    flows: BTreeMap<(u32, Option<FlowKey>), Vec<Left>>,
    states: Vec<Vec<Vec<Entry>>>,
    report: Report,
    /// In the order of time, and of what they say.
    records: Vec<(Nanos, u32, u32, Vec<u128>)>,
    logs: Vec<(Nanos, u32, String)>,
}

fn see(program: &Program, engine: &mut dyn Engine, output: Vec<Box<Packet>>) -> Seen {
    let mut flows: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for packet in output {
        let key = (packet.port, FlowKey::of(&packet));
        flows.entry(key).or_default().push((packet.time, packet.bytes().to_vec()));
    }
    let states =
        program.nodes.iter().enumerate().map(|(n, node)| {
            (0..node.states.len()).map(|s| engine.state(n, s)).collect::<Vec<_>>()
        });
    let states = states.collect();
    let mut report = engine.report();
    for stats in report.nodes.iter_mut().flat_map(|node| &mut node.states) {
        // The cores' peaks are not at one time, and an entry that several of them count in was
        // made by each.
        (stats.peak, stats.inserted) = (0, 0);
    }
    for stats in report.nodes.iter_mut().flat_map(|node| &mut node.events) {
        stats.peak = 0;
    }
    let records = engine.take_records();
    assert!(records.is_sorted_by_key(|record| record.time), "records are in order of time");
    let mut records: Vec<_> =
        records.into_iter().map(|r| (r.time, r.node, r.stream.0, r.leaves)).collect();
    records.sort();
    let mut logs: Vec<_> =
        engine.take_logs().into_iter().map(|line| (line.time, line.node, line.text)).collect();
    logs.sort();
    Seen { flows, states, report, records, logs }
}

fn feed(program: &Program, engine: &mut dyn Engine, frames: &Frames) -> Seen {
    let (mut pool, mut output) = (Pool::default(), Vec::new());
    for batch in frames.chunks(64) {
        let packet = |(port, time, frame): &(u32, Nanos, Vec<u8>)| {
            let mut packet = Box::new(Packet::new(frame));
            (packet.port, packet.time) = (*port, *time);
            packet
        };
        engine.process(&mut batch.iter().map(packet).collect(), &mut output, &mut pool);
    }
    let end = frames.last().map(|frame| frame.1).unwrap_or_default();
    engine.finish(end, &mut output, &mut pool);
    engine.drain(true, &mut output, &mut pool);
    assert!(output.is_sorted_by_key(|packet| packet.time), "what leaves is in order of time");
    see(program, engine, output)
}

fn start(frames: &Frames) -> Nanos {
    frames.first().map(|frame| frame.1).unwrap_or_default()
}

fn native(program: &Program, start: Nanos) -> Box<dyn Engine> {
    Box::new(NativeEngine::new(program.clone(), start, 0).expect("it compiles"))
}

fn on_cores(program: &Program, division: &Division, count: usize, interpret: bool) -> Cores {
    let (own, cut) = (program.clone(), division.clone());
    let make = move |seat, start| -> Result<Box<dyn Engine>, String> {
        let program = cut.program(&own, seat, count);
        match interpret {
            true => Ok(Box::new(Interpreter::new(program, start, 0).expect("it runs"))),
            false => Ok(native(&program, start)),
        }
    };
    let program = Arc::new(program.clone());
    Cores::new(program, division.clone(), count, None, Box::new(make)).expect("it starts")
}

/// Compares lists, and tells the first difference.
fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &[T], expected: &[T]) {
    let len = found.len().max(expected.len());
    for at in 0..len {
        assert_eq!(found.get(at), expected.get(at), "{what}, {at} of {len}");
    }
}

/// Compares one core with several.
fn compare(name: &str, program: &Program, division: &Division, frames: &Frames) {
    let expected = feed(program, &mut *native(program, start(frames)), frames);
    for count in [1, 2, 3] {
        let found = feed(program, &mut on_cores(program, division, count, count == 3), frames);
        let what = |what| format!("{name}: {what} on {count} cores");
        assert!(found.flows == expected.flows, "{}", what("flows"));
        same(&what("state"), &found.states.concat(), &expected.states.concat());
        assert_eq!(found.report, expected.report, "{}", what("counters"));
        same(&what("records"), &found.records, &expected.records);
        same(&what("lines"), &found.logs, &expected.logs);
    }
}

fn program(text: &str) -> Program {
    let mut unit = Unit::parse("test.trama", text, &NoFiles);
    let checked = unit.check(&Options::default(), &NoFiles);
    let messages: Vec<_> = checked.diagnostics.iter().map(|d| d.message.clone()).collect();
    checked.program.unwrap_or_else(|| panic!("{messages:?}"))
}

fn division(program: &Program) -> Division {
    let options = cores::Options { split_limits: false };
    divide(program, options).unwrap_or_else(|blockers| panic!("{blockers:?}"))
}

const FIREWALL: &str = "network n { port lan, wan\n lan <-> Counter <-> Firewall <-> wan }";

const PER_SOURCE: &str = "element PerSource {
    port lan, wan
    state seen: map<ip4, u64>[64k] expire 30s
    state sizes: map<u16, u64>[64k]
    state ticks: array<u64>[1]
    on lan(p: ip) {
        seen[p.ip.src] = seen[p.ip.src].or(0) + 1
        sizes[p.ip.len] += 1
        if seen[p.ip.src].or(0) & 3 == 3 { drop p because \"every fourth\" } else { send p to wan }
    }
    on wan(p: ip) { if p.ip.dst in seen { send p to lan } else { drop p because \"unknown\" } }
    every 100ms { ticks[0] += 1 }
}";

/// ARP is known to all cores; the rest is divided.
const RESOLVED: &str = "element Resolved {
    port lan, wan
    state known: map<ip4, mac>[4k] expire 10min
    state seen: set<ip4>[64k] expire 5min
    state all: counter
    on lan(p: arp) {
        all.count(p)
        if p.arp.spa in known { drop p because \"known\" } else {
            known[p.arp.spa] = p.arp.sha
            send p to wan
        }
    }
    on lan(p: ip/l4) {
        all.count(p)
        seen.add(p.ip.src)
        if let Some(station) = known[p.ip.dst] { p.eth.dst = station }
        send p to wan
    }
    on wan(p: ip/l4) { if p.ip.dst in seen { send p to lan } else { drop p because \"no\" } }
}";

/// What packets generate fires on their core, at the time at which it would on one.
const WATCHED: &str = "record Idle { source: ip4, packets: u64, at: Time }
element Watched {
    port lan, wan
    state packets: map<ip4, u64>[64k]
    event check(source: ip4, seen: u64) [64k]
    stream idle: Idle
    on lan(p: ip) {
        let n = packets[p.ip.src].or(0) + 1
        packets[p.ip.src] = n
        generate check(p.ip.src, n) after 20ms
        send p to wan
    }
    on wan(p: ip) { send p to lan }
    on check(source, seen) {
        if packets[source].or(0) == seen {
            packets.remove(source)
            emit idle Idle { source: source, packets: seen, at: now }
        }
    }
    on close { for (source, n) in packets { emit idle Idle { source: source, packets: n, at: now } } }
}";

/// Windows over what is merged, and over what is divided.
const QUERIES: &str = "
query talkers = packets(ip) |> group(ip.src) window(1s) { bytes: sum(len) } |> emit
query reached = packets(ip) |> group(ip.dst) window(3s) { bytes: sum(len), packets: count() }
    |> top(3) by bytes |> emit
query spread = packets(ip) |> distinct(ip.src, ip.dst) window(2s)
    |> group(ip.src) window(2s) { hosts: count() } |> where(hosts >= 2)
    |> alert(\"{ip.src} reaches {hosts}\") limit 1000000/s |> emit
query sizes = packets |> group(len) { packets: count() } |> emit
network tap { port lan, wan
    lan <-> talkers <-> reached <-> spread <-> sizes <-> Entropy(every: 5s) <-> wan }";

/// The frames of a capture that go both ways: those of private sources enter at the first port.
fn two_sided(path: &std::path::Path) -> Option<Frames> {
    let frames = captures::frames(path).ok()?;
    let mut first = None;
    let side = |frame: Vec<u8>, first: &mut Option<Vec<u8>>| {
        let source = frame.get(6..12).unwrap_or_default().to_vec();
        let lan = *first.get_or_insert_with(|| source.clone()) == source;
        (u32::from(!lan), frame)
    };
    let mut now = Nanos::ZERO;
    let each = frames.into_iter().map(|(time, frame)| {
        now = now.max(time);
        let (port, frame) = side(frame, &mut first);
        (port, now, frame)
    });
    Some(each.collect())
}

#[test]
fn captures_come_out_the_same() {
    let Some(all) = captures_in_a_row(1, 300) else { return };
    let programs = [FIREWALL, PER_SOURCE, RESOLVED, WATCHED, QUERIES].map(|text| {
        let program = program(text);
        let division = division(&program);
        (program, division)
    });
    assert!(programs[2].1.has_broadcast, "ARP goes to all cores");
    assert_eq!(programs[3].1.lookahead, Some(Nanos::from_millis(20)));
    assert!(!programs[4].1.gathered.is_empty(), "windows of sums gather what the cores counted");
    // Where all cores meet at every window and event, fewer do.
    let some = captures_in_a_row(6, 300).unwrap_or_default();
    for (program, division) in &programs {
        let frames = if division.has_keeper { &some } else { &all };
        compare(&program.name, program, division, frames);
    }
}

/// The beginnings of every so manieth capture, one after the other, ten seconds apart, so that
/// engines are made once.
fn captures_in_a_row(every: usize, most: usize) -> Option<Frames> {
    let mut paths: Vec<_> = std::fs::read_dir(captures::folder()?)
        .expect("it is a folder")
        .flatten()
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    let captures = paths.iter().filter_map(|path| two_sided(path)).step_by(every);
    let (mut all, mut now, mut count) = (Frames::new(), Nanos::from_secs(1), 0);
    for frames in captures {
        let Some((_, first, _)) = frames.first() else { continue };
        let begin = now;
        for (port, time, frame) in frames.iter().take(most) {
            now = begin + time.since(*first);
            all.push((*port, now, frame.clone()));
        }
        now += Nanos::from_secs(10);
        count += 1;
    }
    assert!(count * every > 40, "only {count} captures were compared");
    Some(all)
}

/// Two-sided traffic of many flows.
fn generated(workload: &Workload, program: &Arc<Program>, flows: u32) -> Frames {
    let now = Nanos::from_secs(1);
    let mut engine = workload.engine(program, now, false).expect("it starts");
    let traffic = workload.traffic(&mut *engine, flows, 64, now).expect("flows get through");
    let frames = (0..traffic.len()).map(|at| {
        let (frame, port) = traffic.frame(at);
        (port, now + Nanos(1_000 * at as u64), frame.to_vec())
    });
    frames.collect()
}

#[test]
fn generated_traffic_comes_out_the_same() {
    for workload in
        workloads().iter().filter(|w| ["firewall", "maglev", "counter"].contains(&w.name.as_str()))
    {
        let program = workload.program().expect("it is accepted");
        let frames = generated(workload, &program, 2_000);
        compare(&workload.name, &program, &division(&program), &frames);
    }
}

/// The control: steered by the source alone, answers come to another core than their questions.
#[test]
fn a_wrong_steering_is_found() {
    let workload = Workload::find("firewall").expect("there is one");
    let program = workload.program().expect("it is accepted");
    let frames = generated(&workload, &program, 200);
    let expected = feed(&program, &mut *native(&program, start(&frames)), &frames);
    let mut wrong = division(&program);
    wrong.steering = division(&self::program(
        "element E { port lan, wan
            state x: map<ip4, u64>[16]
            on lan(p: ip) { x[p.ip.src] = 1\n send p to wan }
            on wan(p: ip) { x[p.ip.src] = 1\n send p to lan } }",
    ))
    .steering;
    let found = feed(&program, &mut on_cores(&program, &wrong, 2, false), &frames);
    assert_ne!(found.flows, expected.flows);
}

/// The control: a window that does not get what the cores have counted says something else.
#[test]
fn a_window_that_gathers_nothing_is_found() {
    let program = program(QUERIES);
    let workload = Workload::find("counter").expect("there is one");
    let own = workload.program().expect("it is accepted");
    let mut frames = generated(&workload, &own, 100);
    for (at, frame) in (0_u64..).zip(&mut frames) {
        frame.1 = Nanos::from_millis(10 * at);
    }
    let expected = feed(&program, &mut *native(&program, start(&frames)), &frames);
    let mut division = division(&program);
    let found = feed(&program, &mut on_cores(&program, &division, 2, false), &frames);
    assert_eq!(found.records, expected.records);
    division.gathered.clear();
    let found = feed(&program, &mut on_cores(&program, &division, 2, false), &frames);
    assert_ne!(found.records, expected.records);
}

#[test]
fn traces_that_are_cut_up_before_come_out_the_same() {
    let Some(folder) = captures::folder() else { return };
    let program = program(RESOLVED);
    let division = division(&program);
    let path = std::fs::read_dir(folder).expect("it is a folder").flatten().map(|e| e.path());
    let frames = path.filter_map(|path| two_sided(&path)).find(|f| f.len() > 500);
    let frames = frames.expect("there is a long capture");
    let traces = || -> Vec<(u32, MemorySource)> {
        let of = |port: u32| {
            let own = frames.iter().filter(|frame| frame.0 == port);
            MemorySource::of_frames(own.map(|(_, time, frame)| (*time, &frame[..])))
        };
        vec![(0, of(0)), (1, of(1))]
    };
    let options = RunOptions { loops: 3, ..RunOptions::default() };
    let mut runner = Runner::new(native(&program, start(&frames)));
    for (port, trace) in traces() {
        runner.add_input(port, Box::new(trace));
        runner.add_output(port, Box::new(Discard::default()));
    }
    let summary = runner.run(&options, &mut |_, _| {});
    let last = summary.progress.last_event.expect("there were packets");
    runner.engine.advance(last, &mut Vec::new(), &mut Pool::default());
    // Records go nowhere there.
    let expected = see(&program, &mut *runner.engine, Vec::new());
    for count in [1, 2, 4] {
        let (own, cut) = (program.clone(), division.clone());
        let make: Box<trama_live::parallel::MakeSeat> =
            Box::new(move |seat, start| Ok(native(&cut.program(&own, seat, count), start)));
        let plan = preloaded::Plan {
            program: &program,
            division: &division,
            cores: count,
            warm_up: count == 2,
        };
        let outcome = preloaded::run(&plan, &traces(), &options, &*make).expect("it runs");
        let mut engine = outcome.engine;
        let found = see(&program, &mut engine, Vec::new());
        assert_eq!(found, expected, "{count} cores");
        assert_eq!(outcome.summary.progress.packets, summary.progress.packets);
        for (a, b) in outcome.summary.progress.outputs.iter().zip(&summary.progress.outputs) {
            assert_eq!(a, b);
        }
    }
}
