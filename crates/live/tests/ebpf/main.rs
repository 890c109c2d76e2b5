//! The kernel beside our interpreter of eBPF: random programs, and programs that clang compiled on
//! every recorded packet. The kernel runs them by `BPF_PROG_TEST_RUN`.

mod captures;
#[path = "../../../ebpf/tests/clang/mod.rs"]
mod clang;

use trama_base::Rng;
use trama_ebpf::elf;
use trama_ebpf::insn::{Insn, R0, move_imm};
use trama_ebpf::object::{Object, Program};
use trama_ebpf::random::{Kind, program};
use trama_ebpf::text::disassemble;
use trama_ebpf::vm::{Machine, Run};
use trama_live::kernel::{self, KernelMap, Loaded, TestRun};

/// Random programs that are compared.
const PROGRAMS: u64 = 300;

/// Longest packet that the kernel takes for a program that wants it in one piece.
const PACKET_MAX: usize = 3520;

/// Whether the kernel lets us load programs; if not, says why.
fn has_kernel() -> bool {
    let object = of_code(trama_ebpf::insn::constant(0).to_vec());
    let Err(why) = kernel::load(&object) else { return true };
    clang::skip(&why.to_string());
    false
}

fn of_code(code: Vec<Insn>) -> Object {
    let section = "xdp".into();
    let program = Program { name: "random".into(), section, code, ..Program::default() };
    Object { programs: vec![program], license: "GPL".into(), ..Object::default() }
}

/// Results of an object's only program here and in the kernel.
fn both(object: &Object) -> (u32, u32) {
    let mut machine = Machine::new(object, 0).expect("the program is well-formed");
    let packet = [0; 64];
    let ours = machine.run(0, &Run { packet: &packet, ..Run::default() }).expect("it runs").value;
    let loaded = kernel::load(object).unwrap_or_else(|why| panic!("{why}\n{}", text(object)));
    let theirs = TestRun::run(&loaded.programs[0].fd, &packet, 1).expect("it runs").value;
    (ours, theirs)
}

fn text(object: &Object) -> String {
    let lines = disassemble(&object.programs[0].code).into_iter();
    lines.map(|line| format!("{}: {}\n", line.slot, line.text)).collect()
}

#[test]
fn random_programs_end_as_in_the_kernel() {
    if !has_kernel() {
        return;
    }
    let mut rng = Rng::stream(11, "programs");
    for round in 0..PROGRAMS {
        let kind = Kind { allow: |_| true, len: 100 };
        let object = of_code(program(&mut rng, kind));
        let (ours, theirs) = both(&object);
        assert_eq!(ours, theirs, "program {round}:\n{}", text(&object));
    }
}

/// Negative control: a constant that is changed in one of the two is noticed.
#[test]
fn a_changed_program_is_noticed() {
    if !has_kernel() {
        return;
    }
    let mut rng = Rng::stream(11, "programs");
    let mut noticed = 0;
    for _ in 0..10 {
        let object = of_code(program(&mut rng, Kind { allow: |_| true, len: 100 }));
        let mut changed = object.clone();
        let last = changed.programs[0].code.len() - 1;
        changed.programs[0].code.insert(last, move_imm(R0, 5));
        noticed += usize::from(both(&object).0 != both(&changed).1);
    }
    assert!(noticed > 8, "{noticed} of 10");
}

/// An object in both, with its state so far.
struct Pair {
    machine: Machine,
    loaded: Loaded,
}

impl Pair {
    fn new(object: &Object) -> Self {
        let machine = Machine::new(object, 0).expect("the object is right");
        let loaded = kernel::load(object).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(loaded.notices, [""; 0]);
        Self { machine, loaded }
    }

    /// Runs a program on a packet in both.
    fn run(&mut self, index: usize, packet: &[u8], what: &str) {
        let ours = self.machine.run(index, &Run { packet, ..Run::default() });
        let ours = ours.unwrap_or_else(|why| panic!("{what}: {why}"));
        let theirs = TestRun::run(&self.loaded.programs[index].fd, packet, 1).expect("it runs");
        assert_eq!((ours.value, ours.packet), (theirs.value, theirs.packet), "{what}");
    }

    /// Compares all maps that have entries.
    fn compare(&self, what: &str) {
        for (index, map) in self.loaded.maps.iter().enumerate() {
            let has_entries = map.def().key_bytes != 0 && map.def().programs.is_empty();
            if has_entries {
                let theirs = map.entries().expect("the map can be read");
                let theirs: Vec<_> = theirs.into_iter().map(|(k, v)| (k, merged(map, v))).collect();
                let ours = self.machine.entries(index);
                assert_eq!(ours, theirs, "{what}: {}", map.def().name);
            }
        }
    }
}

/// The sum of the values of all processors, word by word.
fn merged(map: &KernelMap, value: Vec<u8>) -> Vec<u8> {
    if !map.def().kind.is_per_cpu() {
        return value;
    }
    let len = map.def().value_bytes as usize;
    let words = |bytes: &[u8]| -> Vec<u64> {
        bytes.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word)).collect()
    };
    let mut sum = vec![0u64; len / 8];
    for one in value.chunks(len) {
        sum.iter_mut().zip(words(one)).for_each(|(sum, word)| *sum += word);
    }
    sum.into_iter().flat_map(u64::to_le_bytes).collect()
}

/// Programs that clang compiled, on all captures.
fn on_captures(name: &str, flags: &[&str], prepare: impl Fn(&mut Pair)) {
    if !has_kernel() {
        return;
    }
    let Some(bytes) = clang::compile(name, flags) else { return };
    let object = elf::read(&bytes).unwrap_or_else(|why| panic!("{name}: {why}"));
    for path in captures::all() {
        let mut pair = Pair::new(&object);
        prepare(&mut pair);
        for (number, packet) in captures::frames(&path).iter().enumerate() {
            if !(14..=PACKET_MAX).contains(&packet.len()) {
                continue;
            }
            for index in 0..object.programs.len() {
                let what = format!("{name}: {}, frame {number}, program {index}", path.display());
                pair.run(index, packet, &what);
            }
        }
        pair.compare(&format!("{name}: {}", path.display()));
    }
}

#[test]
fn the_firewall_does_the_same_to_every_capture() {
    on_captures("firewall", &[], |_| {});
}

#[test]
fn the_firewall_of_version_4_does_too() {
    on_captures("firewall", &["-mcpu=v4"], |_| {});
}

#[test]
fn the_tunnel_does_the_same_to_every_capture() {
    on_captures("tunnel", &[], |_| {});
}

#[test]
fn the_classifier_does_the_same_to_every_capture() {
    on_captures("classifier", &[], |_| {});
}

#[test]
fn the_router_does_the_same_to_every_capture() {
    on_captures("router", &["-mcpu=v1"], |pair| {
        let routes = pair.loaded.maps.iter().position(|map| map.def().name == "routes");
        let routes = routes.expect("the program has it");
        for (len, address) in [(0u32, [0u8; 4]), (8, [10, 0, 0, 0]), (24, [192, 168, 1, 0])] {
            let key = [&len.to_le_bytes()[..], &address].concat();
            let mut value = vec![len as u8; 16];
            value[0] = 7;
            assert_eq!(pair.machine.update(routes, &key, &value), 0);
            pair.loaded.maps[routes].update(&key, &value).expect("there is room");
        }
    });
}

#[test]
fn a_refusal_shows_the_verifiers_reason() {
    if !has_kernel() {
        return;
    }
    let code = trama_ebpf::text::assemble("r0 = *(u64 *)(r1 + 4096)\nexit", &|_| None).unwrap();
    let why = kernel::load(&of_code(code)).unwrap_err().to_string();
    assert!(why.contains("invalid bpf_context access"), "{why}");
    let mut object = of_code(trama_ebpf::insn::constant(0).to_vec());
    object.programs[0].section = "nowhere".into();
    let why = kernel::load(&object).unwrap_err().to_string();
    assert!(why.contains("nothing is known of programs of section `nowhere`"), "{why}");
}

/// What was loaded is in the kernel's list, and nothing of it when the handle is gone.
#[test]
fn what_is_loaded_goes_with_its_handle() {
    if !has_kernel() {
        return;
    }
    let mut object = of_code(trama_ebpf::insn::constant(0).to_vec());
    object.programs[0].name = format!("t{}", std::process::id());
    let name = object.programs[0].name.clone();
    let is_there = || kernel::programs().expect("it can be asked").iter().any(|p| p.name == name);
    let loaded = kernel::load(&object).expect("it loads");
    assert!(is_there());
    drop(loaded);
    // The kernel frees programs a moment after their last handle.
    let gone = (0..1000).any(|_| {
        std::thread::yield_now();
        !is_there()
    });
    assert!(gone);
}
