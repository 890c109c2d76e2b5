//! Programs in memory: helpers, maps, faults.

use super::{Fault, Limits, Machine, Run, Stopped, Verdict};
use crate::object::{MapDef, MapKind, Object, Program};
use crate::text::assemble;

/// A machine with one program of a section and these maps.
fn machine(section: &str, text: &str, maps: Vec<MapDef>) -> Machine {
    let names = |name: &str| crate::helper::number(name);
    let code = assemble(text, &names).expect("the text is right");
    let program =
        Program { name: "main".into(), section: section.into(), code, ..Program::default() };
    let object = Object { programs: vec![program], maps, ..Object::default() };
    Machine::new(&object, 1).expect("the object is right")
}

fn map(kind: MapKind, key_bytes: u32, value_bytes: u32, entries: u32) -> MapDef {
    MapDef { name: "m".into(), kind, key_bytes, value_bytes, entries, ..MapDef::default() }
}

fn run(section: &str, text: &str, packet: &[u8]) -> Result<Verdict, Stopped> {
    machine(section, text, Vec::new()).run(0, &Run { packet, ..Run::default() })
}

fn fault(text: &str) -> Fault {
    run("xdp", text, &[0; 64]).unwrap_err().fault
}

#[test]
fn packets_are_read_and_written_between_data_and_end() {
    let text = "
        r2 = *(u32 *)(r1 + 0)
        r3 = *(u32 *)(r1 + 4)
        r0 = r3
        r0 -= r2
        *(u8 *)(r2 + 0) = 7
        exit";
    let verdict = run("xdp", text, &[1; 60]).unwrap();
    assert_eq!((verdict.value, verdict.packet[0], verdict.packet[1]), (60, 7, 1));
    let beyond = "r2 = *(u32 *)(r1 + 4)\nr0 = *(u8 *)(r2 + 0)\nexit";
    assert!(matches!(fault(beyond), Fault::Access { len: 1, .. }));
    let before = "r2 = *(u32 *)(r1 + 0)\nr0 = *(u8 *)(r2 - 1)\nexit";
    assert!(matches!(fault(before), Fault::Access { len: 1, .. }));
}

#[test]
fn faults_have_a_place() {
    let stopped = run("xdp", "r0 = 0\nr0 = *(u64 *)(r0 + 0)\nexit", &[0; 64]).unwrap_err();
    assert_eq!(stopped.slot, 1);
    assert!(matches!(fault("*(u32 *)(r1 + 0) = 1\nexit"), Fault::ReadOnly { .. }));
    assert!(matches!(fault("call 9999\nexit"), Fault::Unknown { number: 9999, .. }));
    assert!(matches!(fault("a:\ncall pc+a\nexit"), Fault::Frames));
    let limits = Limits { steps: 100, ..Limits::default() };
    let mut machine = machine("xdp", "a:\ngoto a", Vec::new());
    let stopped = machine.run(0, &Run { packet: &[0; 64], limits, ..Run::default() });
    assert_eq!(stopped.unwrap_err().fault, Fault::Steps(100));
}

#[test]
fn heads_and_tails_move() {
    let text = "
        r6 = r1
        r2 = -4
        call xdp_adjust_head
        r1 = r6
        r2 = 2
        call xdp_adjust_tail
        r7 = *(u32 *)(r6 + 0)
        *(u32 *)(r7 + 0) = 0x04030201
        r1 = r6
        r2 = -4000
        call xdp_adjust_head
        exit";
    let verdict = run("xdp", text, &[9; 20]).unwrap();
    let wanted = [&[1, 2, 3, 4][..], &[9; 20], &[0, 0]].concat();
    assert_eq!((verdict.value as i32, verdict.packet), (-22, wanted));
}

/// Looks up or makes an entry under the length of the packet and adds one to it.
const COUNT: &str = "
    r2 = *(u32 *)(r1 + 0)
    r3 = *(u32 *)(r1 + 4)
    r3 -= r2
    *(u32 *)(r10 - 4) = r3
    r1 = map(0)
    r2 = r10
    r2 += -4
    call map_lookup_elem
    if r0 == 0 goto new
    r1 = 1
    lock *(u64 *)(r0 + 0) += r1
    r0 = 0
    exit
    new:
    *(u64 *)(r10 - 16) = 1
    r1 = map(0)
    r2 = r10
    r2 += -4
    r3 = r10
    r3 += -16
    r4 = 0
    call map_update_elem
    exit";

#[test]
fn hash_maps_keep_what_programs_count() {
    let mut machine = machine("xdp", COUNT, vec![map(MapKind::HASH, 4, 8, 2)]);
    let mut run = |len: usize| {
        let packet = vec![0; len];
        machine.run(0, &Run { packet: &packet, ..Run::default() }).unwrap().value as i32
    };
    assert_eq!((run(60), run(60), run(70)), (0, 0, 0));
    // The third key finds no room.
    assert_eq!(run(80), -7);
    let entries = machine.entries(0);
    let pair = |key: u32, value: u64| (key.to_le_bytes().to_vec(), value.to_le_bytes().to_vec());
    assert_eq!(entries, [pair(60, 2), pair(70, 1)]);
}

#[test]
fn lru_maps_forget_what_was_used_longest_ago() {
    let mut machine = machine("xdp", COUNT, vec![map(MapKind::LRU_HASH, 4, 8, 2)]);
    for len in [60, 70, 60, 80] {
        let packet = vec![0; len];
        assert_eq!(machine.run(0, &Run { packet: &packet, ..Run::default() }).unwrap().value, 0);
    }
    let keys: Vec<_> = machine.entries(0).into_iter().map(|(key, _)| key[0]).collect();
    assert_eq!(keys, [60, 80]);
}

#[test]
fn tries_find_the_longest_prefix() {
    let text = "
        r2 = *(u32 *)(r1 + 0)
        r3 = *(u32 *)(r2 + 0)
        *(u32 *)(r10 - 8) = 32
        *(u32 *)(r10 - 4) = r3
        r1 = map(0)
        r2 = r10
        r2 += -8
        call map_lookup_elem
        if r0 == 0 goto out
        r0 = *(u32 *)(r0 + 0)
        out:
        exit";
    let mut machine = machine("xdp", text, vec![map(MapKind::LPM_TRIE, 8, 4, 4)]);
    for (len, address, value) in [(8u8, [10, 0, 0, 0], 1u32), (24, [10, 1, 2, 0], 2)] {
        let key = [&[len, 0, 0, 0], &address[..]].concat();
        assert_eq!(machine.update(0, &key, &value.to_le_bytes()), 0);
    }
    let mut find = |address: [u8; 4]| {
        let packet = [&address[..], &[0; 60]].concat();
        machine.run(0, &Run { packet: &packet, ..Run::default() }).unwrap().value
    };
    assert_eq!([find([10, 1, 2, 3]), find([10, 9, 9, 9]), find([11, 0, 0, 0])], [2, 1, 0]);
}

#[test]
fn callbacks_run_until_they_say_stop() {
    let text = "
        *(u64 *)(r10 - 8) = 0
        r1 = 10
        r2 = function(+6)
        r3 = r10
        r3 += -8
        r4 = 0
        call loop
        exit
        r3 = *(u64 *)(r2 + 0)
        r3 += r1
        *(u64 *)(r2 + 0) = r3
        r0 = 0
        if r1 < 6 goto +1
        r0 = 1
        exit";
    assert_eq!(run("xdp", text, &[0; 64]).unwrap().value, 7);
}

#[test]
fn maps_that_make_no_sense_are_refused() {
    let object = |map| Object { maps: vec![map], ..Object::default() };
    let error = |map| Machine::new(&object(map), 0).unwrap_err().to_string();
    assert_eq!(error(map(MapKind::HASH, 0, 4, 1)), "map `m`: its sizes make no sense");
    assert_eq!(error(map(MapKind::ARRAY, 4, 1 << 20, 1 << 20)), "map `m`: it is too big");
    assert_eq!(
        error(map(MapKind(13), 4, 4, 1)),
        "map `m`: the interpreter has no hash_of_maps maps"
    );
}
