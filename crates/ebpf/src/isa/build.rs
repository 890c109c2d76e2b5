//! The rows, made from the regular structure of the encoding.

use super::term::{Op, Term};
use super::{Callee, Distance, Effect, Fetch, Fields, Row, Wide};

/// Source field of a call to a function of the program.
pub const CALL_LOCAL: u8 = 1;
/// Source field of a wide instruction that names a map by its index.
pub const MAP_INDEX: u8 = 5;
/// Source field of a wide instruction that names the value of a map by the map's index.
pub const MAP_VALUE_INDEX: u8 = 6;

// Classes.
const LD: u8 = 0x00;
const LDX: u8 = 0x01;
const ST: u8 = 0x02;
const STX: u8 = 0x03;
const ALU: u8 = 0x04;
const JMP: u8 = 0x05;
const JMP32: u8 = 0x06;
const ALU64: u8 = 0x07;

/// The bit that makes the source a register, of arithmetic and jumps.
const REGISTER: u8 = 0x08;

// Modes of memory access.
const ABS: u8 = 0x20;
const IND: u8 = 0x40;
const MEM: u8 = 0x60;
const MEMSX: u8 = 0x80;
const ATOMIC: u8 = 0xc0;

/// Sizes of memory access: bits of the opcode, bits of memory.
const SIZES: [(u8, u8); 4] = [(0x10, 8), (0x08, 16), (0x00, 32), (0x18, 64)];

/// Arithmetic on two operands: operation bits, offset, sign, operator, version.
const ARITHMETIC: [(u8, i16, &str, Op, u8); 14] = [
    (0x00, 0, "+=", Op::Add, 1),
    (0x10, 0, "-=", Op::Sub, 1),
    (0x20, 0, "*=", Op::Mul, 1),
    (0x30, 0, "/=", Op::DivU, 1),
    (0x30, 1, "s/=", Op::DivS, 4),
    (0x40, 0, "|=", Op::Or, 1),
    (0x50, 0, "&=", Op::And, 1),
    (0x60, 0, "<<=", Op::Shl, 1),
    (0x70, 0, ">>=", Op::ShrU, 1),
    (0x90, 0, "%=", Op::RemU, 1),
    (0x90, 1, "s%=", Op::RemS, 4),
    (0xa0, 0, "^=", Op::Xor, 1),
    (0xb0, 0, "=", Op::Or, 1),
    (0xc0, 0, "s>>=", Op::ShrS, 1),
];

/// Bits of the operation that moves.
const MOVE: u8 = 0xb0;

/// Conditional jumps: operation bits, sign, version.
const CONDITIONS: [(u8, &str, u8); 11] = [
    (0x10, "==", 1),
    (0x20, ">", 1),
    (0x30, ">=", 1),
    (0x40, "&", 1),
    (0x50, "!=", 1),
    (0x60, "s>", 1),
    (0x70, "s>=", 1),
    (0xa0, "<", 2),
    (0xb0, "<=", 2),
    (0xc0, "s<", 2),
    (0xd0, "s<=", 2),
];

/// Atomic operations on memory: immediate, sign, name, operator.
const ATOMICS: [(i32, &str, &str, Op); 4] = [
    (0x00, "+", "add", Op::Add),
    (0x40, "|", "or", Op::Or),
    (0x50, "&", "and", Op::And),
    (0xa0, "^", "xor", Op::Xor),
];

/// Kinds of wide instructions: source field, text, kind.
const WIDES: [(u8, &str, Wide); 7] = [
    (0, "{d} = {n} ll", Wide::Number),
    (1, "{d} = map_fd({i})", Wide::MapFd),
    (2, "{d} = map_fd_value({i}) + {h}", Wide::MapValueFd),
    (3, "{d} = variable({i})", Wide::Variable),
    (4, "{d} = function({p})", Wide::Function),
    (MAP_INDEX, "{d} = map({i})", Wide::MapIndex),
    (MAP_VALUE_INDEX, "{d} = map_value({i}) + {h}", Wide::MapValueIndex),
];

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for bits in [64, 32] {
        arithmetic(&mut rows, bits);
        sign_moves(&mut rows, bits);
    }
    swaps(&mut rows);
    memory(&mut rows);
    atomics(&mut rows);
    packet(&mut rows);
    for bits in [64, 32] {
        conditions(&mut rows, bits);
    }
    jumps(&mut rows);
    calls(&mut rows);
    for (src, text, kind) in WIDES {
        rows.push(Row { src, ..row(LD | 0x18, text, 1, Effect::Wide(kind)) });
    }
    rows
}

/// A row whose unnamed fields are zero.
fn row(opcode: u8, text: impl Into<String>, version: u8, effect: Effect) -> Row {
    let text = text.into();
    let fields = Fields::of(&text);
    Row { opcode, text, src: 0, offset: 0, imm: 0, version, effect, fields }
}

/// The names of destination and source of so many bits.
const fn registers(bits: u8) -> (&'static str, &'static str) {
    if bits == 64 { ("{d}", "{s}") } else { ("{wd}", "{ws}") }
}

/// Both kinds of second operand: opcode bit, text, term.
fn operands(bits: u8) -> [(u8, &'static str, Term); 2] {
    [(0, "{i}", Term::Imm), (REGISTER, registers(bits).1, Term::Src)]
}

fn arithmetic(rows: &mut Vec<Row>, bits: u8) {
    let class = if bits == 64 { ALU64 } else { ALU };
    let d = registers(bits).0;
    for (code, offset, sign, op, version) in ARITHMETIC {
        for (source, operand, term) in operands(bits) {
            let value = match code {
                MOVE => Term::zero_extend(bits, term),
                _ => combined(op, bits, term),
            };
            let text = format!("{d} {sign} {operand}");
            let made = row(class | code | source, text, version, Effect::Set(value));
            rows.push(Row { offset, ..made });
        }
    }
    let negative = Term::apply(Op::Sub, Term::Const(0), Term::Dst);
    let effect = Effect::Set(Term::zero_extend(bits, negative));
    rows.push(row(class | 0x80, format!("{d} = -{d}"), 1, effect));
}

/// Destination and operand under an operator, of so many bits.
fn combined(op: Op, bits: u8, operand: Term) -> Term {
    let (a, b) = match op {
        Op::DivS | Op::RemS => {
            (Term::sign_extend(bits, Term::Dst), Term::sign_extend(bits, operand))
        }
        Op::ShrS | Op::Shl | Op::ShrU => {
            let extended = match op {
                Op::ShrS => Term::sign_extend(bits, Term::Dst),
                _ => Term::zero_extend(bits, Term::Dst),
            };
            // Only the low bits of a distance count.
            (extended, Term::apply(Op::And, operand, Term::Const(u64::from(bits) - 1)))
        }
        Op::DivU | Op::RemU => {
            (Term::zero_extend(bits, Term::Dst), Term::zero_extend(bits, operand))
        }
        _ => (Term::Dst, operand),
    };
    Term::zero_extend(bits, Term::apply(op, a, b))
}

fn sign_moves(rows: &mut Vec<Row>, bits: u8) {
    let class = if bits == 64 { ALU64 } else { ALU };
    let (d, s) = registers(bits);
    for from in [8u8, 16, 32] {
        if from < bits {
            let value = Term::zero_extend(bits, Term::sign_extend(from, Term::Src));
            let text = format!("{d} = (s{from}){s}");
            let made = row(class | MOVE | REGISTER, text, 4, Effect::Set(value));
            rows.push(Row { offset: from.into(), ..made });
        }
    }
    if bits == 64 {
        let made = row(ALU64 | MOVE | REGISTER, "{d} = addr_space_cast({s}, {i})", 4, {
            Effect::CastAddress
        });
        rows.push(Row { offset: 1, ..made });
    }
}

fn swaps(rows: &mut Vec<Row>) {
    for bits in [16u8, 32, 64] {
        // The machine is little endian: to that order is a cut, to the other a swap.
        let cut = Term::zero_extend(bits, Term::Dst);
        let swap = Term::swap(bits, Term::Dst);
        let kinds = [
            (ALU | 0xd0, "le", cut, 1),
            (ALU | 0xd0 | REGISTER, "be", swap.clone(), 1),
            (ALU64 | 0xd0, "bswap", swap, 4),
        ];
        for (opcode, name, value, version) in kinds {
            let made =
                row(opcode, format!("{{d}} = {name}{bits} {{d}}"), version, Effect::Set(value));
            rows.push(Row { imm: bits.into(), ..made });
        }
    }
}

fn memory(rows: &mut Vec<Row>) {
    for (size, bits) in SIZES {
        let load = Effect::Load { bits, signed: false };
        rows.push(row(LDX | MEM | size, format!("{{d}} = *(u{bits} *)({{s}}{{m}})"), 1, load));
        if bits < 64 {
            let load = Effect::Load { bits, signed: true };
            let text = format!("{{d}} = *(s{bits} *)({{s}}{{m}})");
            rows.push(row(LDX | MEMSX | size, text, 4, load));
        }
        for (class, operand, value) in [(ST, "{i}", Term::Imm), (STX, "{s}", Term::Src)] {
            let text = format!("*(u{bits} *)({{d}}{{m}}) = {operand}");
            rows.push(row(class | MEM | size, text, 1, Effect::Store { bits, value }));
        }
    }
}

fn atomics(rows: &mut Vec<Row>) {
    for (size, bits) in [(0x18, 64), (0x00, 32)] {
        let opcode = STX | ATOMIC | size;
        let s = registers(bits).1;
        let cut = |term| Term::zero_extend(bits, term);
        for (imm, sign, name, op) in ATOMICS {
            let new = cut(Term::apply(op, Term::Old, Term::Src));
            let text = format!("lock *(u{bits} *)({{d}}{{m}}) {sign}= {s}");
            let version = if op == Op::Add { 1 } else { 3 };
            let effect = Effect::Atomic { bits, new: new.clone(), fetch: Fetch::None };
            rows.push(Row { imm, ..row(opcode, text, version, effect) });
            let text = format!("{s} = atomic_fetch_{name}((u{bits} *)({{d}}{{m}}), {s})");
            let effect = Effect::Atomic { bits, new, fetch: Fetch::Src };
            rows.push(Row { imm: imm | 1, ..row(opcode, text, 3, effect) });
        }
        let (tail, r0) = if bits == 64 { ("64", "r0") } else { ("32_32", "w0") };
        let gap = if bits == 64 { "_" } else { "" };
        let text = format!("{s} = xchg{gap}{tail}({{d}}{{m}}, {s})");
        let effect = Effect::Atomic { bits, new: cut(Term::Src), fetch: Fetch::Src };
        rows.push(Row { imm: 0xe1, ..row(opcode, text, 3, effect) });
        let equal = Term::apply(Op::Eq, Term::Old, cut(Term::R0));
        let new = Term::select(equal, cut(Term::Src), Term::Old);
        let text = format!("{r0} = cmpxchg{gap}{tail}({{d}}{{m}}, {r0}, {s})");
        let effect = Effect::Atomic { bits, new, fetch: Fetch::R0 };
        rows.push(Row { imm: 0xf1, ..row(opcode, text, 3, effect) });
    }
}

fn packet(rows: &mut Vec<Row>) {
    for (size, bits) in &SIZES[..3] {
        let direct = Effect::LoadPacket { bits: *bits, index: Term::zero_extend(32, Term::Imm) };
        rows.push(row(LD | ABS | size, format!("r0 = *(u{bits} *)skb[{{i}}]"), 1, direct));
        let sum = Term::zero_extend(32, Term::apply(Op::Add, Term::Src, Term::Imm));
        let indirect = Effect::LoadPacket { bits: *bits, index: sum };
        let text = format!("r0 = *(u{bits} *)skb[{{s}} + {{i}}]");
        rows.push(row(LD | IND | size, text, 1, indirect));
    }
}

fn conditions(rows: &mut Vec<Row>, bits: u8) {
    let (class, since) = if bits == 64 { (JMP, 1) } else { (JMP32, 3) };
    let d = registers(bits).0;
    for (code, sign, version) in CONDITIONS {
        for (source, operand, term) in operands(bits) {
            let text = format!("if {d} {sign} {operand} goto {{j}}");
            let taken = Some(condition(sign, bits, term));
            let effect = Effect::Jump { taken, distance: Distance::Offset };
            rows.push(row(class | code | source, text, since.max(version), effect));
        }
    }
}

/// The comparison of the destination with an operand, of so many bits.
fn condition(sign: &str, bits: u8, operand: Term) -> Term {
    let extend = |term| match sign.starts_with('s') {
        true => Term::sign_extend(bits, term),
        false => Term::zero_extend(bits, term),
    };
    let (a, b) = (extend(Term::Dst), extend(operand));
    let not = |term| Term::apply(Op::Eq, term, Term::Const(0));
    match sign {
        "==" => Term::apply(Op::Eq, a, b),
        "!=" => not(Term::apply(Op::Eq, a, b)),
        "&" => not(not(Term::apply(Op::And, a, b))),
        ">" => Term::apply(Op::LtU, b, a),
        ">=" => not(Term::apply(Op::LtU, a, b)),
        "<" => Term::apply(Op::LtU, a, b),
        "<=" => not(Term::apply(Op::LtU, b, a)),
        "s>" => Term::apply(Op::LtS, b, a),
        "s>=" => not(Term::apply(Op::LtS, a, b)),
        "s<" => Term::apply(Op::LtS, a, b),
        _ => not(Term::apply(Op::LtS, b, a)),
    }
}

fn jumps(rows: &mut Vec<Row>) {
    let jump = |distance| Effect::Jump { taken: None, distance };
    rows.push(row(JMP, "goto {j}", 1, jump(Distance::Offset)));
    rows.push(row(JMP32, "gotol {J}", 4, jump(Distance::Imm)));
    rows.push(row(JMP | 0xe0, "may_goto {j}", 4, Effect::MayJump));
}

fn calls(rows: &mut Vec<Row>) {
    let call = |callee| Effect::Call(callee);
    rows.push(row(JMP | 0x80, "call {i}", 1, call(Callee::Helper)));
    let local = row(JMP | 0x80, "call pc{p}", 1, call(Callee::Local));
    rows.push(Row { src: CALL_LOCAL, ..local });
    let kernel = row(JMP | 0x80, "call kernel({i})", 1, call(Callee::Kernel));
    rows.push(Row { src: 2, ..kernel });
    rows.push(row(JMP | 0x80 | REGISTER, "callx {d}", 1, call(Callee::Register)));
    rows.push(row(JMP | 0x90, "exit", 1, Effect::Exit));
}
