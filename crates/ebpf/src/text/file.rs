//! Whole objects as text: directives before and between the instructions.
//!
//! ```text
//! .license GPL
//! .map counts hash key 4 value 8 entries 1024
//! .program count xdp
//!     r1 = map(counts)
//!     …
//! .program other tc
//!     …
//! ```
//!
//! Maps are named in `map(NAME)`, helpers by their names behind `call`.

use super::{AsmError, assemble, disassemble};
use crate::helper;
use crate::isa::{Callee, Effect, Wide, decode};
use crate::object::{MapDef, MapKind, Object, Program};
use std::fmt::Write as _;

/// An object from its text.
pub fn read_object(text: &str) -> Result<Object, AsmError> {
    let mut object = Object::default();
    // Name, section, line and text of each program.
    let mut parts: Vec<(String, String, usize, String)> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let error = |reason: String| AsmError { line: number, reason };
        let words: Vec<&str> =
            line.split(';').next().unwrap_or_default().split_whitespace().collect();
        match words[..] {
            [".license", ref rest @ ..] => object.license = rest.join(" "),
            [".map", name, kind, ref rest @ ..] => {
                object.maps.push(map(name, kind, rest).map_err(error)?);
            }
            [".program", name, section] => {
                parts.push((name.into(), section.into(), number, String::new()));
            }
            [first, ..] if first.starts_with('.') => {
                return Err(error(format!("`{}` is no directive", line.trim())));
            }
            _ => match parts.last_mut() {
                Some((.., text)) => text.push_str(line),
                None if words.is_empty() => {}
                None => return Err(error("an instruction before the first `.program`".into())),
            },
        }
        if let Some((_, _, start, text)) = parts.last_mut()
            && *start != number
        {
            text.push('\n');
        }
    }
    for (name, section, start, text) in parts {
        let names = |name: &str| {
            let map = object.map(name).and_then(|map| i32::try_from(map).ok());
            map.or_else(|| helper::number(name))
        };
        let code = assemble(&text, &names)
            .map_err(|error| AsmError { line: error.line + start, ..error })?;
        object.programs.push(Program { name, section, code, ..Program::default() });
    }
    Ok(object)
}

fn map(name: &str, kind: &str, words: &[&str]) -> Result<MapDef, String> {
    let kind = MapKind::named(kind).ok_or_else(|| format!("`{kind}` is no kind of map"))?;
    let mut def = MapDef { name: name.to_owned(), kind, ..MapDef::default() };
    let (pairs, rest) = words.as_chunks::<2>();
    if let [odd] = rest {
        return Err(format!("`{odd}` has no number"));
    }
    for [what, number] in pairs {
        let number = number.parse().map_err(|_| format!("`{number}` is no number"))?;
        match *what {
            "key" => def.key_bytes = number,
            "value" => def.value_bytes = number,
            "entries" => def.entries = number,
            "flags" => def.flags = number,
            other => return Err(format!("`{other}` is none of key, value, entries, flags")),
        }
    }
    Ok(def)
}

/// An object as text, which [`read_object`] reads. Variables of programs are shown in comments.
pub fn write_object(object: &Object) -> String {
    let mut text = format!(".license {}\n", object.license);
    for map in &object.maps {
        let MapDef { name, kind, key_bytes, value_bytes, entries, flags, .. } = map;
        let _ = write!(text, ".map {name} {kind} key {key_bytes} value {value_bytes}");
        let _ = write!(text, " entries {entries}");
        if *flags != 0 {
            let _ = write!(text, " flags {flags}");
        }
        text.push_str(if map.initial.is_some() { "  ; variables\n" } else { "\n" });
    }
    for program in &object.programs {
        text.push_str(&write_program(object, program));
    }
    text
}

/// A program of an object as text, with the lines of its source as comments.
pub fn write_program(object: &Object, program: &Program) -> String {
    let mut text = format!("\n.program {} {}\n", program.name, program.section);
    for line in disassemble(&program.code) {
        if program.functions.iter().skip(1).any(|f| f.slot as usize == line.slot) {
            text.push('\n');
        }
        for known in program.lines.iter().filter(|known| known.slot as usize == line.slot) {
            let source = known.text.trim();
            if !source.is_empty() {
                let _ = writeln!(text, "                    ; {}: {source}", known.line);
            }
        }
        let named = named(object, program, line.slot).unwrap_or(line.text);
        let _ = writeln!(text, "{:8}: {named}", line.slot);
    }
    text
}

/// The text of an instruction that names a map or a helper.
fn named(object: &Object, program: &Program, slot: usize) -> Option<String> {
    let insn = program.code[slot];
    let map = || object.maps.get(usize::try_from(insn.immediate).ok()?);
    match decode(insn)?.effect {
        Effect::Call(Callee::Helper) => Some(format!("call {}", helper::name(insn.immediate)?)),
        Effect::Wide(Wide::MapIndex) => Some(format!("r{} = map({})", insn.dst(), map()?.name)),
        Effect::Wide(Wide::MapValueIndex) => {
            let offset = program.code.get(slot + 1)?.immediate;
            Some(format!("r{} = map_value({}) + {offset}", insn.dst(), map()?.name))
        }
        _ => None,
    }
}
