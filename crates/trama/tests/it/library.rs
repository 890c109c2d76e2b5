//! Every element of the library on every capture, both ways, on both engines; and its own tests.

use crate::captures;
use std::sync::Arc;
use trama_base::Nanos;
use trama_lang::compile::{Unit, tests_of};
use trama_lang::files::NoFiles;
use trama_lang::ir::Program;
use trama_native::differential::compare;
use trama_wire::Packet;

/// What the tests of the library are written for, each way of instantiating an element once.
fn instances() -> Vec<(String, Arc<Program>)> {
    let unit = Unit::parse("empty.trama", "", &NoFiles);
    let mut instances: Vec<(String, Arc<Program>)> = Vec::new();
    for test in unit.library_files().iter().flat_map(tests_of) {
        let name = unit.sources.text(test.subject.span).to_owned();
        if instances.iter().all(|(known, _)| *known != name) {
            let checked = unit.check_test(test, &NoFiles);
            let program = checked.program.unwrap_or_else(|| panic!("{:?}", checked.diagnostics));
            instances.push((name, Arc::new(program)));
        }
    }
    instances
}

#[test]
fn both_engines_do_the_same_with_every_capture() {
    let instances = instances();
    assert!(instances.len() > 15, "the library has tests with parameters");
    let Some(folder) = captures::folder() else { return };
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .expect("the folder can be read")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| captures::frames(path).is_ok_and(|frames| !frames.is_empty()))
        .collect();
    files.sort();
    assert!(files.len() > 80, "most reference captures can be read");
    for (name, program) in &instances {
        let ports = program.ports.len() as u32;
        let mut packets = Vec::new();
        for path in &files {
            let frames = captures::frames(path).expect("it was read before");
            for (index, (time, frame)) in frames.iter().take(60).enumerate() {
                let mut packet = Packet::new(frame);
                // Both ways: a conversation enters at each port in turn.
                packet.port = index as u32 % ports;
                packet.time = *time;
                packets.push(packet);
            }
        }
        compare(program, Nanos::ZERO, &packets, Nanos::from_secs(3600))
            .unwrap_or_else(|why| panic!("{name}: {why}"));
    }
}
