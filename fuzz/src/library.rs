//! The elements of the library as state machines on both engines: packets by choice, answers to
//! what came out, jumps of time; interpreter and machine code must agree at every step and inside
//! at the end.

use crate::CANARY;
use crate::choices::Choices;
use crate::frames::{frame, reply};
use std::sync::{Arc, OnceLock};
use trama_base::Nanos;
use trama_lang::compile::{Unit, tests_of};
use trama_lang::files::NoFiles;
use trama_lang::interp::Interpreter;
use trama_lang::ir::{Program, StateOp, Stmt, StmtKind};
use trama_native::NativeEngine;
use trama_native::differential::Comparison;
use trama_state::{StateKind, StateSpec};
use trama_wire::Packet;

/// Most steps of one run.
const STEPS_MAX: usize = 200;

const START: Nanos = Nanos::from_secs(1_000_000_000);

/// An element as one of its tests instantiates it, and the program that the compiled engine gets.
struct Instance {
    name: String,
    reference: Arc<Program>,
    subject: Arc<Program>,
}

/// Each way of instantiating an element of the library, once.
fn instances() -> &'static [Instance] {
    static ALL: OnceLock<Vec<Instance>> = OnceLock::new();
    ALL.get_or_init(|| {
        let unit = Unit::parse("empty.trama", "", &NoFiles);
        let mut all: Vec<Instance> = Vec::new();
        for test in unit.library_files().iter().flat_map(tests_of) {
            let name = unit.sources.text(test.subject.span).to_owned();
            if all.iter().any(|known| known.name == name) {
                continue;
            }
            let checked = unit.check_test(test, &NoFiles);
            let program = checked.program.unwrap_or_else(|| panic!("{:?}", checked.diagnostics));
            let mut program = program;
            program.nodes.iter_mut().flat_map(|node| &mut node.states).for_each(shrink);
            let mut subject = program.clone();
            if CANARY {
                subject
                    .nodes
                    .iter_mut()
                    .flat_map(|n| &mut n.handlers)
                    .for_each(|h| wrong(&mut h.body));
            }
            all.push(Instance { name, reference: Arc::new(program), subject: Arc::new(subject) });
        }
        all
    })
}

/// Makes an object so small that it is soon full, and quickly made.
#[allow(unreachable_patterns, reason = "kinds that are added stay as they are at first")]
fn shrink(spec: &mut StateSpec) {
    match &mut spec.kind {
        StateKind::Map { capacity, .. } | StateKind::Bucket { capacity, .. } => {
            *capacity = 8.min(*capacity);
        }
        StateKind::Pool { size: capacity, .. } | StateKind::Lpm { capacity, .. } => {
            *capacity = 16.min(*capacity);
        }
        StateKind::Array { len } | StateKind::Counter { len } => *len = 64.min(*len),
        StateKind::Maglev { table_size, capacity } => {
            *capacity = 8.min(*capacity);
            *table_size = 251.min(*table_size);
        }
        _ => {}
    }
}

/// The planted fault: entries of maps are renewed and never written.
fn wrong(body: &mut [Stmt]) {
    for stmt in body {
        match &mut stmt.kind {
            StmtKind::If(_, yes, no) => {
                wrong(yes);
                wrong(no);
            }
            StmtKind::Loop { body, .. } | StmtKind::Block(_, body) => wrong(body),
            StmtKind::State(_, op) => {
                if let StateOp::MapPut { key, ok, .. } = op {
                    *op = StateOp::MapTouch { key: std::mem::take(key), found: *ok };
                }
            }
            _ => {}
        }
    }
}

/// Runs the target.
pub fn run(data: &[u8]) {
    let mut choices = Choices::new(data);
    let instances = instances();
    let Instance { name, reference, subject } = &instances[choices.below(instances.len())];
    let ports = reference.ports.len();
    let fail = |why: &dyn std::fmt::Display| -> ! { panic!("{name}: {why}") };
    let mut interpreter =
        Interpreter::new(Arc::clone(reference), START, 1).unwrap_or_else(|why| fail(&why));
    let mut compiled =
        NativeEngine::new(Arc::clone(subject), START, 2).unwrap_or_else(|why| fail(&why));
    let mut both = Comparison::new(reference, [&mut interpreter, &mut compiled]);
    let (mut now, mut left): (Nanos, Vec<Packet>) = (START, Vec::new());
    for _ in 0..STEPS_MAX {
        if choices.is_done() {
            break;
        }
        let batch: Vec<Packet> = (0..=choices.below(4))
            .map(|_| {
                let mut packet = next(&mut choices, &left, ports);
                now += jump(&mut choices);
                packet.time = now;
                packet
            })
            .collect();
        let out = both.step(&batch).unwrap_or_else(|why| fail(&why));
        left.extend(out.into_iter().map(|packet| *packet));
        let extra = left.len().saturating_sub(8);
        left.drain(..extra);
    }
    let idle = jump(&mut choices);
    both.finish(idle).unwrap_or_else(|why| fail(&why));
}

/// A new packet, one that left again, or the answer to one.
fn next(choices: &mut Choices<'_>, left: &[Packet], ports: usize) -> Packet {
    match (choices.below(4), left.len()) {
        (0, 1..) => {
            let before = &left[choices.below(left.len())];
            let mut packet = reply(before, choices.pick(&[0x12, 0x10, 0x11, 0x14]));
            packet.port = before.port;
            packet
        }
        (1, 1..) => {
            let before = &left[choices.below(left.len())];
            let mut packet = Packet::new(before.bytes());
            packet.port = choices.below(ports) as u32;
            packet
        }
        _ => {
            let mut packet = frame(choices);
            packet.port = choices.below(ports) as u32;
            packet
        }
    }
}

/// How long until the next packet: mostly not at all, now and then so long that much expires.
fn jump(choices: &mut Choices<'_>) -> Nanos {
    match choices.below(16) {
        0..=9 => Nanos::ZERO,
        10 | 11 => Nanos(choices.number(2) as u64),
        12 => Nanos::from_secs(1),
        13 => Nanos::from_secs(30),
        14 => Nanos::from_secs(60),
        _ => Nanos::from_secs(choices.number(2) as u64),
    }
}
