//! The page of the book, printed from the table.

use super::{Callee, Distance, Effect, Fetch, Row, Wide, table};
use std::fmt::Write as _;

/// The instruction set as a page of Markdown.
pub fn page() -> String {
    let mut page = String::from(HEAD);
    for row in table() {
        let _ = writeln!(
            page,
            "| `{}` | `{:#04x}` | {} | `{}` | v{} |",
            cell(&readable(&row.text)),
            row.opcode,
            cell(&fixed(row)),
            cell(&meaning(&row.effect)),
            row.version
        );
    }
    page
}

const HEAD: &str = "<!-- Generated from crates/ebpf/src/isa. Do not edit. -->\n
# Instructions of eBPF\n
This is the table that the assembler, the disassembler, the interpreter and the analyses of Trama \
follow.
It has the instruction set of RFC 9669 in its versions 1 to 4, and what the kernel adds to it in \
loaded programs.
Fields of a slot that an instruction does not name are zero unless the third column says otherwise.
`zext` and `sext` extend the low bits with zeros or with the sign, `swap` reverses their bytes.\n
| text | opcode | fields | meaning | since |
|---|---|---|---|---|
";

/// The row's text with names in the place of placeholders.
fn readable(text: &str) -> String {
    let names = [
        ("{d}", "rD"),
        ("{s}", "rS"),
        ("{wd}", "wD"),
        ("{ws}", "wS"),
        ("{i}", "IMM"),
        ("{m}", " + OFF"),
        ("{j}", "+OFF"),
        ("{J}", "+IMM"),
        ("{p}", "+IMM"),
        ("{h}", "HIGH"),
        ("{n}", "NUMBER"),
    ];
    names.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

fn fixed(row: &Row) -> String {
    let mut fields = Vec::new();
    if !row.fields.src && row.src != 0 {
        fields.push(format!("source {}", row.src));
    }
    if !row.fields.offset && row.offset != 0 {
        fields.push(format!("offset {}", row.offset));
    }
    if !row.fields.imm && row.imm != 0 {
        fields.push(format!("immediate {:#x}", row.imm));
    }
    fields.join(", ")
}

/// The effect in words and terms.
fn meaning(effect: &Effect) -> String {
    match effect {
        Effect::Set(term) => format!("dst = {term}"),
        Effect::Load { bits, signed } => {
            let extend = if *signed { "sext" } else { "zext" };
            format!("dst = {extend}{bits}(memory[src + off])")
        }
        Effect::Store { bits, value } => format!("memory{bits}[dst + off] = {value}"),
        Effect::Atomic { bits, new, fetch } => {
            let fetched = match fetch {
                Fetch::None => "",
                Fetch::Src => "; src = old",
                Fetch::R0 => "; r0 = old",
            };
            format!("atomically: old = memory{bits}[dst + off]; memory = {new}{fetched}")
        }
        Effect::LoadPacket { bits, index } => {
            format!("r0 = packet{bits}[{index}], or exit with 0")
        }
        Effect::Jump { taken, distance } => {
            let field = match distance {
                Distance::Offset => "off",
                Distance::Imm => "imm",
            };
            match taken {
                Some(taken) => format!("if {taken} skip {field} slots"),
                None => format!("skip {field} slots"),
            }
        }
        Effect::MayJump => "skip off slots when the loop has run long enough".into(),
        Effect::Call(Callee::Helper) => "r0 = helper imm of r1 to r5".into(),
        Effect::Call(Callee::Local) => "r0 = function at imm slots of r1 to r5".into(),
        Effect::Call(Callee::Kernel) => "r0 = kernel function imm of r1 to r5".into(),
        Effect::Call(Callee::Register) => "r0 = helper dst of r1 to r5".into(),
        Effect::Exit => "return r0".into(),
        Effect::Wide(Wide::Number) => "dst = imm of both slots".into(),
        Effect::Wide(Wide::MapFd) => "dst = map with descriptor imm".into(),
        Effect::Wide(Wide::MapValueFd) => "dst = value of map with descriptor imm, + high".into(),
        Effect::Wide(Wide::Variable) => "dst = address of the kernel's variable imm".into(),
        Effect::Wide(Wide::Function) => "dst = function at imm slots".into(),
        Effect::Wide(Wide::MapIndex) => "dst = map imm of the object".into(),
        Effect::Wide(Wide::MapValueIndex) => "dst = value of map imm of the object, + high".into(),
        Effect::CastAddress => "dst = src as an address of another space".into(),
    }
}

/// Signs that would end a cell of the table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
