//! Objects that clang makes: read, shown, written, run.

mod clang;

use std::process::Command;
use trama_ebpf::elf;
use trama_ebpf::insn::from_bytes;
use trama_ebpf::object::{MapKind, Object};
use trama_ebpf::text::{assemble, disassemble};
use trama_ebpf::vm::{Machine, Run};

const PROGRAMS: [&str; 4] = ["firewall", "router", "tunnel", "classifier"];

fn object(name: &str) -> Option<Object> {
    let bytes = clang::compile(name, &[])?;
    Some(elf::read(&bytes).unwrap_or_else(|why| panic!("{name}: {why}")))
}

#[test]
fn maps_and_programs_are_found() {
    let Some(object) = object("firewall") else { return };
    let maps: Vec<_> = object.maps.iter().map(|m| (m.name.as_str(), m.kind, m.entries)).collect();
    let wanted = [
        (".bss", MapKind::ARRAY, 1),
        (".data", MapKind::ARRAY, 1),
        (".rodata", MapKind::ARRAY, 1),
        ("flows", MapKind::LRU_HASH, 4096),
        ("verdicts", MapKind::PER_CPU_ARRAY, 4),
    ];
    let mut maps = maps;
    maps.sort_by_key(|map| map.0);
    assert_eq!(maps, wanted);
    let flows = &object.maps[object.map("flows").unwrap()];
    assert_eq!((flows.key_bytes, flows.value_bytes), (16, 8));
    assert_eq!(object.programs.len(), 1);
    let program = &object.programs[0];
    assert_eq!((program.name.as_str(), program.section.as_str()), ("firewall", "xdp"));
    assert!(program.lines.len() > 20 && program.functions.len() == 1);
    assert_eq!(object.license, "GPL");
    let types = object.btf.as_ref().unwrap().to_string();
    assert!(types.contains("struct flow {") && types.contains("u32 proto;  // at 12"), "{types}");
}

#[test]
fn functions_are_linked() {
    let Some(object) = object("router") else { return };
    let program = &object.programs[0];
    assert_eq!(program.functions.len(), 2);
    let text: Vec<_> = disassemble(&program.code).into_iter().map(|line| line.text).collect();
    let start = program.functions[1].slot as usize;
    assert!(text.iter().any(|line| line.starts_with("call pc+")), "{text:#?}");
    assert!(start > 10 && start < program.code.len());
}

/// Our text of what clang compiled is LLVM's, after both went through our assembler; and where
/// LLVM says a name or a number in hexadecimal it is the same number.
#[test]
fn text_is_that_of_llvm() {
    let tools = ["llvm-objdump-19", "llvm-objdump"];
    let is_there = |tool: &&&str| Command::new(tool).arg("--version").output().is_ok();
    let Some(tool) = tools.iter().find(is_there) else {
        println!("skipped: there is no llvm-objdump");
        return;
    };
    for name in PROGRAMS {
        let Some(bytes) = clang::compile(name, &[]) else { return };
        let path = std::env::temp_dir().join(format!("trama-text-{name}-{}.o", std::process::id()));
        std::fs::write(&path, &bytes).unwrap();
        let dump = Command::new(tool)
            .args(["-d", "--no-show-raw-insn", "--mcpu=v4", "-j", "xdp", "-j", "tc"])
            .arg(&path)
            .output()
            .unwrap();
        std::fs::remove_file(&path).unwrap();
        let dump = String::from_utf8(dump.stdout).unwrap();
        let is_code = |line: &&str| {
            line.split_once(':').is_some_and(|(n, rest)| {
                !rest.trim().is_empty() && n.trim().bytes().all(|b| b.is_ascii_digit())
            })
        };
        // Calls of functions in the program read `call -0x1` there, before they are linked.
        let lines: Vec<_> = dump.lines().filter(is_code).collect();
        let text = lines.join("\n").replace("call -0x1", "call pc-1");
        let code = assemble(&text, &|_| None).unwrap_or_else(|why| panic!("{name}: {why}"));
        let section = match name {
            "classifier" => "tc",
            _ => "xdp",
        };
        let raw = section_bytes(&bytes, section);
        let expected = from_bytes(&raw).unwrap();
        assert_eq!(code, expected, "{name}");
        let again: Vec<_> = disassemble(&expected).into_iter().map(|line| line.text).collect();
        assert_eq!(assemble(&again.join("\n"), &|_| None).unwrap(), expected);
    }
}

fn section_bytes(file: &[u8], name: &str) -> Vec<u8> {
    use object::{Object as _, ObjectSection as _};
    let file = object::File::parse(file).expect("clang wrote it");
    let section = file.section_by_name(name).expect("it has programs");
    section.data().expect("it is whole").to_vec()
}

#[test]
fn what_is_written_is_read_back() {
    for name in PROGRAMS {
        let Some(object) = object(name) else { return };
        let written = elf::write(&object).unwrap_or_else(|why| panic!("{name}: {why}"));
        let again = elf::read(&written).unwrap_or_else(|why| panic!("{name}: {why}"));
        // Maps may come in another order: code names them by index, so names are compared.
        for (program, wanted) in again.programs.iter().zip(&object.programs) {
            assert_eq!(program.name, wanted.name);
            let (a, b) = (named(program, &again), named(wanted, &object));
            assert_eq!(a, b, "{name}");
            assert_eq!(program.lines, wanted.lines);
        }
        assert_eq!(again.programs.len(), object.programs.len());
        for map in &object.maps {
            let twin = &again.maps[again.map(&map.name).unwrap()];
            let sizes = |m: &trama_ebpf::object::MapDef| {
                (m.kind, m.key_bytes, m.value_bytes, m.entries, m.flags, m.initial.clone())
            };
            assert_eq!(sizes(twin), sizes(map), "{name}");
        }
    }
}

/// Code with the names of maps.
fn named(program: &trama_ebpf::object::Program, object: &Object) -> Vec<String> {
    let lines = disassemble(&program.code).into_iter();
    lines
        .map(|line| {
            let insn = program.code[line.slot];
            let is_map = insn.is_wide() && matches!(insn.src(), 5 | 6);
            let map = is_map.then(|| object.maps[insn.immediate as usize].name.clone());
            match map {
                Some(map) => {
                    format!("r{} = {map} {}", insn.dst(), program.code[line.slot + 1].immediate)
                }
                None => line.text,
            }
        })
        .collect()
}

/// A frame of UDP over IPv4.
fn frame(src: [u8; 4], dst: [u8; 4]) -> Vec<u8> {
    let mut frame = vec![2; 12];
    frame.extend([8, 0, 0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0]);
    frame.extend(src);
    frame.extend(dst);
    frame.extend([0, 53, 0, 54, 0, 12, 0, 0, 1, 2, 3, 4]);
    frame
}

#[test]
fn the_firewall_opens_the_way_back() {
    let Some(object) = object("firewall") else { return };
    let mut machine = Machine::new(&object, 0).unwrap();
    let mut run = |packet: &[u8]| {
        machine.run(0, &Run { packet, ..Run::default() }).unwrap_or_else(|e| panic!("{e}")).value
    };
    let (inside, outside) = ([10, 0, 0, 5], [192, 0, 2, 1]);
    let mut back = frame(outside, inside);
    back[34..38].copy_from_slice(&[0, 54, 0, 53]);
    assert_eq!([run(&back), run(&frame(inside, outside)), run(&back), run(&[0; 5])], [1, 2, 2, 1]);
    let flows = machine.entries(object.map("flows").unwrap());
    assert_eq!(flows.len(), 1);
    let packets = machine.entries(object.map(".bss").unwrap());
    assert_eq!(packets[0].1[..8], 4u64.to_le_bytes());
}

/// Every prefix of an object and every flipped byte gives an object or a message.
#[test]
fn damaged_objects_do_no_harm() {
    let Some(bytes) = clang::compile("tunnel", &[]) else { return };
    let mut refused = 0;
    let mut check = |bytes: &[u8]| match elf::read(bytes) {
        Ok(object) => {
            let _ = elf::write(&object);
            if let Ok(mut machine) = Machine::new(&object, 0) {
                let limits = trama_ebpf::vm::Limits { steps: 2000, ..Default::default() };
                for program in 0..object.programs.len() {
                    let _ =
                        machine.run(program, &Run { packet: &[0; 60], limits, ..Run::default() });
                }
            }
        }
        Err(_) => refused += 1,
    };
    for len in (0..bytes.len()).step_by(97) {
        check(&bytes[..len]);
    }
    for at in (0..bytes.len()).step_by(5) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        check(&damaged);
    }
    assert!(refused > 100, "{refused} refused");
}
