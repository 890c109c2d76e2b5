//! Any text is checked: there are messages or a program, never both or neither; what is accepted is
//! well-formed IR, runs on both engines, and means the same when it is formatted.

use crate::CANARY;
use crate::syntax::{formatted, text};
use std::sync::Arc;
use trama_base::Nanos;
use trama_lang::compile::{Options, Unit};
use trama_lang::files::NoFiles;
use trama_lang::ir::Program;
use trama_lang::ir::reason::BUILT_IN;
use trama_lang::ir_check::validate;
use trama_native::differential::{Mismatch, compare};

/// Most bytes of state that a program may have here: a fuzzer likes large numbers.
const STATE_BYTES_MAX: u64 = 1 << 20;

/// Runs the target.
pub fn run(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let Some(program) = checked(text) else { return };
    validate(&program).unwrap_or_else(|why| panic!("{why}: the IR of\n{text}"));
    // The seed has this reason, beside those of every element.
    let reasons = program.nodes.iter().flat_map(|node| node.reasons.iter().skip(BUILT_IN.len()));
    let other = reasons.into_iter().any(|reason| &**reason != "lived too long");
    assert!(!(CANARY && other), "the planted fault");
    if let Some(again) = formatted(text) {
        let other = checked(&again).unwrap_or_else(|| panic!("refused when formatted:\n{again}"));
        assert_eq!(shape(&program), shape(&other), "another program when formatted:\n{again}");
    }
    let states = program.nodes.iter().flat_map(|node| &node.states);
    if states.map(|spec| spec.bytes_at_capacity()).sum::<u64>() > STATE_BYTES_MAX {
        return;
    }
    let ports = program.ports.len() as u32;
    let packets: Vec<_> = crate::frames::samples(ports);
    match compare(&Arc::new(program), Nanos::ZERO, &packets, Nanos::from_secs(1)) {
        Ok(()) => {}
        Err(Mismatch::Differs { what, .. }) if what == "packets sent by timers" => {}
        Err(why) => panic!("{why}\nof the program\n{text}"),
    }
}

/// The program of a text, if it is one.
fn checked(text: &str) -> Option<Program> {
    let mut unit = Unit::parse("fuzz.trama", text, &NoFiles);
    let checked = unit.check(&Options::default(), &NoFiles);
    let sound = checked.errors() == 0;
    assert_eq!(checked.program.is_some(), sound, "{:?}\nof\n{text}", checked.diagnostics);
    checked.program
}

/// What of a program does not depend on where its parts stand.
fn shape(program: &Program) -> Vec<String> {
    let handlers = program.nodes.iter().flat_map(|node| &node.handlers);
    let mut shape = vec![format!("{:?} {:?}", program.ports, program.ingress)];
    for node in &program.nodes {
        shape.push(format!("{} {:?} {:?}", node.name, node.wires, node.states));
    }
    shape.extend(handlers.map(|h| format!("{:?} {:?}", h.trigger, h.locals)));
    shape
}
