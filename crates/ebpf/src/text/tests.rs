//! Both ways agree for every row.

use super::{assemble, disassemble, show};
use crate::insn::{Insn, Reg};
use crate::isa::{Row, decode, table};

/// An instruction of a row with some values in the fields that it names.
fn sample(row: &Row, seed: i32) -> Vec<Insn> {
    let (dst, src) = (Reg((seed & 7) as u8), Reg((seed >> 3 & 7) as u8));
    let first = row.make(dst, src, (seed % 30_000) as i16, seed);
    let high = if row.uses_high() { seed ^ 0x55 } else { 0 };
    [first, Insn { immediate: high, ..Insn::default() }][..row.slots()].to_vec()
}

#[test]
fn every_row_is_printed_and_read_back() {
    for row in table() {
        for seed in [1, -1, 0, 77, i32::MAX, i32::MIN, -3000] {
            let code = sample(row, seed);
            assert!(std::ptr::eq(decode(code[0]).unwrap(), row), "{}", row.text);
            let lines = disassemble(&code);
            assert_eq!(lines.len(), 1, "{code:?}");
            let again = assemble(&lines[0].text, &|_| None);
            assert_eq!(again.as_deref(), Ok(&code[..]), "{}", lines[0].text);
        }
    }
}

#[test]
fn rows_exclude_each_other() {
    for row in table() {
        let insn = sample(row, 5)[0];
        let rows = table().iter().filter(|row| row.is(insn)).count();
        assert_eq!(rows, 1, "{}", show(row, insn, None));
    }
}

#[test]
fn labels_and_names_are_resolved() {
    let text = "
        start:  ; a comment
            r1 = map(counts)
            if w1 s> 5 goto out
            call lookup   // another
            call pc+sub
            goto start
        out:
            exit
        sub:
            r0 = 0x10 ll
            exit";
    let names = |name: &str| match name {
        "counts" => Some(3),
        "lookup" => Some(1),
        _ => None,
    };
    let code = assemble(text, &names).unwrap();
    let text: Vec<String> = disassemble(&code).into_iter().map(|line| line.text).collect();
    let wanted = [
        "r1 = map(3)",
        "if w1 s> 5 goto +3",
        "call 1",
        "call pc+2",
        "goto -6",
        "exit",
        "r0 = 16 ll",
        "exit",
    ];
    assert_eq!(text, wanted);
}

#[test]
fn mistakes_have_a_line_and_a_reason() {
    let check = |text: &str, wanted: &str| {
        let error = assemble(text, &|_| None).unwrap_err().to_string();
        assert_eq!(error, wanted);
    };
    check("exit\nr1 = r11", "line 2: `r1 = r11` is no instruction");
    check("r1 +=", "line 1: `r1 +=` is no instruction");
    check("goto nowhere", "line 1: there is no label `nowhere`");
    check("a:\na:", "line 2: there are two labels `a`");
    check("r1 = 4294967296", "line 1: `r1 = 4294967296` is no instruction");
    check("r1 = be16 r2", "line 1: `r1 = be16 r2` is no instruction");
}

#[test]
fn what_is_no_instruction_is_shown() {
    let broken = [
        Insn { opcode: 0xff, ..Insn::default() },
        Insn::new(0xb7, Reg(11), Reg(0), 0, 0),
        Insn::new(0x95, Reg(0), Reg(0), 0, 1),
        Insn::new(0x18, Reg(0), Reg(0), 0, 1),
    ];
    for line in disassemble(&broken) {
        assert!(line.text.starts_with("; not an instruction:"), "{}", line.text);
    }
}

#[test]
fn objects_are_written_and_read_back() {
    let text = "
.license GPL
.map counts hash key 4 value 8 entries 16 flags 1
.program one xdp
    r1 = map(counts)  ; the only one
    call map_lookup_elem
    exit
.program two tc
    r0 = 0
    exit";
    let object = super::read_object(text).unwrap();
    assert_eq!((object.programs.len(), object.maps.len()), (2, 1));
    let written = super::write_object(&object);
    assert_eq!(super::read_object(&written).unwrap().programs, object.programs, "{written}");
    let error = |text: &str| super::read_object(text).unwrap_err().to_string();
    assert_eq!(error("\n.map a b"), "line 2: `b` is no kind of map");
    assert_eq!(error(".map a hash key"), "line 1: `key` has no number");
    assert_eq!(error("exit"), "line 1: an instruction before the first `.program`");
    assert_eq!(error(".program a xdp\nexit\nnonsense"), "line 3: `nonsense` is no instruction");
    assert_eq!(error(".nothing"), "line 1: `.nothing` is no directive");
}
