//! Any bytes are read as an object of eBPF; what can be read can be shown, written and run.

use crate::CANARY;
use trama_ebpf::elf;
use trama_ebpf::insn::from_bytes;
use trama_ebpf::object::{Object, Program};
use trama_ebpf::text::{read_object, write_object};
use trama_ebpf::vm::{Limits, Machine, Run};

/// Instructions that a run may take.
const STEPS: u64 = 5_000;

/// Runs the target. The first byte chooses: a file, or bare instructions of a program.
pub fn run(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let object = match first % 2 {
        0 => elf::read(rest).ok(),
        _ => from_bytes(&rest[..rest.len() / 8 * 8]).map(bare),
    };
    let Some(object) = object else { return };
    let text = write_object(&object);
    assert!(!(CANARY && text.contains("call map_lookup_elem")), "the planted fault");
    let _ = read_object(&text);
    if let Ok(bytes) = elf::write(&object) {
        let again = elf::read(&bytes);
        assert!(again.is_ok() || object.programs.is_empty(), "{again:?}");
    }
    let Ok(mut machine) = Machine::new(&object, 1) else { return };
    let limits = Limits { steps: STEPS, rounds: 100 };
    for index in 0..object.programs.len() {
        let packet = &rest[..rest.len().min(1000)];
        let _ = machine.run(index, &Run { packet, limits, ..Run::default() });
    }
}

/// An object of one program.
fn bare(code: Vec<trama_ebpf::insn::Insn>) -> Object {
    let (name, section) = ("bare".into(), "xdp".into());
    let program = Program { name, section, code, ..Program::default() };
    Object { programs: vec![program], ..Object::default() }
}
