//! What a loader tells the kernel about an object besides code and maps: types, functions, lines.

use crate::btf::Strings;
use crate::object::{Object, Program};

/// Types of an object and records of its programs, in the kernel's form.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Contents for `BPF_BTF_LOAD`.
    pub btf: Vec<u8>,
    /// One for each program.
    pub programs: Vec<Records>,
}

/// Records of a program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Records {
    /// `struct bpf_func_info`, 8 bytes each; empty if not known of all functions.
    pub functions: Vec<u8>,
    /// `struct bpf_line_info`, 16 bytes each; empty if some function's first is not known.
    pub lines: Vec<u8>,
}

/// Bytes of a record of a function.
pub const FUNCTION_BYTES: u32 = 8;
/// Bytes of a record of a line.
pub const LINE_BYTES: u32 = 16;

/// `None` if the object has no types.
pub fn told(object: &Object) -> Option<Told> {
    let btf = object.btf.as_ref()?;
    let mut strings = Strings::new();
    let programs = object.programs.iter().map(|p| records(p, &mut strings)).collect();
    Some(Told { btf: btf.write_with(strings), programs })
}

fn records(program: &Program, strings: &mut Strings) -> Records {
    if program.functions.is_empty() {
        return Records::default();
    }
    let words = |words: Vec<u32>| words.into_iter().flat_map(u32::to_le_bytes).collect();
    let functions = program.functions.iter().flat_map(|f| [f.slot, f.type_id]).collect();
    let has_first = |slot: u32| program.lines.iter().any(|line| line.slot == slot);
    let mut lines = Vec::new();
    if program.functions.iter().all(|function| has_first(function.slot)) {
        let mut last = None;
        for line in &program.lines {
            if last.is_some_and(|last| line.slot <= last) {
                continue;
            }
            last = Some(line.slot);
            let (file, text) = (strings.add(&line.file), strings.add(&line.text));
            lines.extend([line.slot, file, text, line.line << 10 | line.column.min(0x3ff)]);
        }
    }
    Records { functions: words(functions), lines: words(lines) }
}
