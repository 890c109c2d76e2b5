//! The interpreter beside rbpf, another interpreter of eBPF, on random programs.

use std::sync::Arc;
use trama_base::Rng;
use trama_ebpf::graph::Code;
use trama_ebpf::insn::{Insn, to_bytes};
use trama_ebpf::isa::{Effect, Row};
use trama_ebpf::object::{Object, Program};
use trama_ebpf::random::{Kind, program};
use trama_ebpf::vm::{Machine, Run};

const PROGRAMS: u64 = 400;

/// What rbpf has: up to version 3, no atomic operations.
const KIND: Kind = Kind { allow: is_in_rbpf, len: 120 };

/// Whether rbpf has an instruction and does what the standard says. Where it does not, the kernel
/// is the judge, in the tests of `trama-live`.
fn is_in_rbpf(row: &Row) -> bool {
    const OTHERWISE: [&str; 10] = [
        // Compares with the immediate without its sign.
        "if {d} == {i} goto {j}",
        "if {d} != {i} goto {j}",
        "if {d} > {i} goto {j}",
        "if {d} >= {i} goto {j}",
        "if {d} < {i} goto {j}",
        "if {d} <= {i} goto {j}",
        // Keeps the high half for a divisor of 0.
        "{wd} %= {ws}",
        "{wd} %= {i}",
        // Panics on the least number.
        "{d} = -{d}",
        "{wd} = -{wd}",
    ];
    let is_atomic = matches!(row.effect, Effect::Atomic { .. });
    row.version <= 3 && !is_atomic && !OTHERWISE.contains(&row.text.as_str())
}

fn ours(code: Vec<Insn>) -> u32 {
    let section = "xdp".into();
    let program = Program { name: "random".into(), section, code, ..Program::default() };
    let object = Object { programs: vec![program], ..Object::default() };
    let mut machine = Machine::new(&object, 0).expect("the program is well-formed");
    machine.run(0, &Run { packet: &[0; 64], ..Run::default() }).expect("it runs").value
}

fn theirs(code: &[Insn]) -> u32 {
    let bytes = to_bytes(code);
    let vm = rbpf::EbpfVmNoData::new(Some(&bytes)).expect("rbpf accepts the program");
    vm.execute_program().expect("rbpf runs it") as u32
}

#[test]
fn random_programs_end_as_in_rbpf() {
    let mut rng = Rng::stream(7, "programs");
    for round in 0..PROGRAMS {
        let code = program(&mut rng, KIND);
        assert_eq!(ours(code.clone()), theirs(&code), "program {round}:\n{}", text(&code));
    }
}

/// Negative control: a program with one instruction replaced is noticed.
#[test]
fn a_changed_program_is_noticed() {
    let mut rng = Rng::stream(7, "programs");
    let mut noticed = 0;
    for _ in 0..20 {
        let code = program(&mut rng, KIND);
        let mut changed = code.clone();
        // The last constant of the stack's words, which is always mixed in.
        changed[18].immediate ^= 1;
        noticed += usize::from(ours(changed) != theirs(&code));
    }
    assert!(noticed > 10, "{noticed} of 20");
}

#[test]
fn every_random_program_is_one_graph() {
    let mut rng = Rng::stream(9, "programs");
    for _ in 0..50 {
        let kind = Kind { allow: |_| true, len: 60 };
        let code = Arc::new(Code::new(program(&mut rng, kind)).expect("it is well-formed"));
        assert_eq!(code.unreachable(), [0usize; 0], "{}", text(code.insns()));
    }
}

fn text(code: &[Insn]) -> String {
    let lines = trama_ebpf::text::disassemble(code).into_iter();
    lines.map(|line| format!("{}: {}\n", line.slot, line.text)).collect()
}
