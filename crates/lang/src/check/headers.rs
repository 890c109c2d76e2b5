//! Headers that a program declares: `header Telemetry after udp.dst == 5000 { hop: u8, … }`.
//!
//! Such a header lies in the payload, behind the header that it follows, in packets where a field
//! of that one has a value. The engines need not know it: whether it is there is a condition, and
//! its fields are bits of the payload. Only the checker gives it an identity, a [`HeaderId`] beyond
//! the table's, so that it takes part in patterns and in what is known of packets.

use super::fold;
use super::items::Items;
use super::sink::Sink;
use super::types::{Type, resolve};
use crate::diagnostic::Diagnostic;
use crate::ir::{BinaryOp as Op, Expr, ExprKind, Meta, PacketId};
use crate::syntax::ast;
use trama_wire::header::{FieldRef, HeaderId, HeaderSet};

/// Most headers that a program declares.
pub const HEADERS_MAX: usize = 8;

/// Most bytes of a declared header.
pub const HEADER_BYTES_MAX: u32 = 256;

/// A declared header.
#[derive(Clone, Debug)]
pub struct UserHeader {
    /// Its name in the program.
    pub name: String,
    /// Its identity in the checker: not one of the table.
    pub id: HeaderId,
    /// The header that it follows; of the table, or declared before.
    parent: HeaderId,
    /// What makes it follow.
    condition: Condition,
    /// First bit behind it, counted from the start of the payload.
    end_bit: u32,
    /// Its fields.
    pub fields: Vec<UserField>,
}

/// A field of a declared header.
#[derive(Clone, Debug)]
pub struct UserField {
    /// Name.
    pub name: String,
    /// Type, which has one scalar.
    pub ty: Type,
    /// First bit, counted from the start of the payload.
    bit: u32,
}

/// A field that has a value.
#[derive(Clone, Debug)]
enum Condition {
    /// A field of a header of the table.
    Field(FieldRef, u128),
    /// The EtherType of what stands behind all tags.
    EtherType(u128),
    /// The upper-layer protocol, behind IPv6 extension headers.
    Protocol(u128),
    /// A field of a declared header: first bit, width.
    Payload(u32, u8, u128),
}

impl UserHeader {
    /// It and all headers of the program that it follows.
    pub fn with_parents(&self, known: &[Self]) -> HeaderSet {
        let mut set = HeaderSet::of(self.id).with(self.parent);
        let mut parent = self.parent;
        while let Some(next) = find(known, parent) {
            parent = next.parent;
            set = set.with(parent);
        }
        set
    }

    /// 1 if a packet that has the headers of the table below it has this one too.
    fn is_there(&self, p: PacketId) -> Expr {
        let end = fold::constant(u128::from(self.end_bit / 8), 32);
        let len = Expr { kind: ExprKind::Meta(p, Meta::PayloadLen), width: 32 };
        let fits = fold::binary(Op::LeU, end, len);
        let equals = |value: Expr, wanted: u128| {
            let wanted = fold::constant(wanted, value.width);
            fold::binary(Op::Eq, value, wanted)
        };
        let holds = match self.condition {
            Condition::Field(field, value) => {
                let read = Expr { kind: ExprKind::Field(p, field), width: field.def().width };
                equals(read, value)
            }
            Condition::EtherType(value) => equals(ether_type(p), value),
            Condition::Protocol(value) => {
                let proto = Expr { kind: ExprKind::Meta(p, Meta::Proto), width: 8 };
                fold::both(equals(proto, value), is_first_fragment(p, self.parent))
            }
            Condition::Payload(bit, width, value) => equals(read_bits(p, bit, width), value),
        };
        fold::both(fits, holds)
    }

    /// The field of that name.
    pub fn field(&self, name: &str) -> Option<&UserField> {
        self.fields.iter().find(|field| field.name == name)
    }
}

impl UserField {
    /// Its value in a packet that has the header.
    pub fn read(&self, p: PacketId) -> Expr {
        read_bits(p, self.bit, self.ty.scalar_width().unwrap_or(1))
    }

    /// The writes of payload bytes that give it a value: offset and value of each.
    pub fn write(&self, p: PacketId, value: &Expr) -> Vec<(Expr, Expr)> {
        let width = self.ty.scalar_width().unwrap_or(1);
        let end = self.bit + u32::from(width);
        let chunks = chunks(self.bit / 8, end.div_ceil(8));
        let part = |(byte, bytes): (u32, u32)| {
            let chunk_width = (bytes * 8) as u8;
            let (first, last) = (byte * 8, (byte + bytes) * 8);
            // The bits of the field in this chunk, and how far they are from their places.
            let (from, to) = (self.bit.max(first), end.min(last));
            let bits = fold::mask((to - from) as u8) << (last - to);
            let placed = if end >= last {
                let shift = fold::constant(u128::from(end - last), 32);
                fold::cast(fold::binary(Op::ShrU, value.clone(), shift), chunk_width)
            } else {
                let shift = fold::constant(u128::from(last - end), 32);
                fold::binary(Op::Shl, fold::cast(value.clone(), chunk_width), shift)
            };
            let new = fold::binary(Op::And, placed, fold::constant(bits, chunk_width));
            let others = fold::mask(chunk_width) & !bits;
            let kept = match others {
                0 => new,
                _ => {
                    let old = payload(p, byte, chunk_width);
                    let kept = fold::binary(Op::And, old, fold::constant(others, chunk_width));
                    fold::binary(Op::Or, kept, new)
                }
            };
            (fold::constant(u128::from(byte), 32), kept)
        };
        chunks.into_iter().map(part).collect()
    }
}

/// The declared header with this identity.
pub fn find(known: &[UserHeader], id: HeaderId) -> Option<&UserHeader> {
    known.iter().find(|header| header.id == id)
}

/// The headers of a set that are the table's.
pub fn of_table(set: HeaderSet) -> HeaderSet {
    HeaderSet(set.0 & ((1 << HeaderId::COUNT) - 1))
}

/// 1 if a packet with the table's headers of a set has its declared ones; none if there are none.
pub fn condition(known: &[UserHeader], set: HeaderSet, p: PacketId) -> Option<Expr> {
    let declared = known.iter().filter(|header| set.has(header.id));
    declared.map(|header| header.is_there(p)).reduce(fold::both)
}

/// The EtherType behind all recorded tags.
fn ether_type(p: PacketId) -> Expr {
    let read = |id: HeaderId| {
        let field = id.field("type").unwrap_or(FieldRef { header: id, field: 0 });
        Expr { kind: ExprKind::Field(p, field), width: 16 }
    };
    let has = |id| Expr { kind: ExprKind::Has(p, HeaderSet::of(id)), width: 1 };
    let inner = fold::select(has(HeaderId::VLAN), read(HeaderId::VLAN), read(HeaderId::ETH));
    fold::select(has(HeaderId::VLAN2), read(HeaderId::VLAN2), inner)
}

/// 1 unless the packet is a later fragment, whose payload is the middle of something.
fn is_first_fragment(p: PacketId, network: HeaderId) -> Expr {
    let header = if network == HeaderId::IP { HeaderId::IP } else { HeaderId::FRAG6 };
    let Some(field) = header.field("frag") else { return fold::truth(true) };
    let frag = Expr { kind: ExprKind::Field(p, field), width: field.def().width };
    let zero = fold::binary(Op::Eq, frag, fold::constant(0, field.def().width));
    if network == HeaderId::IP {
        return zero;
    }
    let has = Expr { kind: ExprKind::Has(p, HeaderSet::of(HeaderId::FRAG6)), width: 1 };
    fold::select(has, zero, fold::truth(true))
}

/// Splits bytes into pieces that payload accesses have: offset and size of each.
fn chunks(from: u32, to: u32) -> Vec<(u32, u32)> {
    let mut out = Vec::new();
    let mut at = from;
    while at < to {
        let size = [8, 4, 2, 1].into_iter().find(|size| *size <= to - at).unwrap_or(1);
        out.push((at, size));
        at += size;
    }
    out
}

fn payload(p: PacketId, byte: u32, width: u8) -> Expr {
    let offset = fold::constant(u128::from(byte), 32);
    Expr { kind: ExprKind::Payload(p, Box::new(offset)), width }
}

/// Bits of the payload as a number.
fn read_bits(p: PacketId, bit: u32, width: u8) -> Expr {
    let end = bit + u32::from(width);
    let (from, to) = (bit / 8, end.div_ceil(8));
    let wide = if to - from > 8 { 128 } else { 64 };
    let whole = chunks(from, to).into_iter().fold(None, |before, (byte, bytes)| {
        let piece = payload(p, byte, (bytes * 8) as u8);
        let Some(before) = before else { return Some(piece) };
        let shift = fold::constant(u128::from(bytes * 8), 32);
        let high = fold::binary(Op::Shl, fold::cast(before, wide), shift);
        Some(fold::binary(Op::Or, high, fold::cast(piece, wide)))
    });
    let whole = whole.unwrap_or_else(|| fold::constant(0, width));
    let below = u128::from(to * 8 - end);
    let shifted = match below {
        0 => whole,
        _ => fold::binary(Op::ShrU, whole, fold::constant(below, 32)),
    };
    fold::cast(shifted, width)
}

/// Makes sense of the declarations of a program, in their order; what is wrong is reported and left
/// out.
pub(super) fn declare(
    items: &Items<'_>,
    decls: &[&ast::Header],
    sink: &mut Sink,
) -> Vec<UserHeader> {
    let mut known: Vec<UserHeader> = Vec::new();
    for decl in decls {
        if known.len() == HEADERS_MAX {
            let message = format!("a program declares at most {HEADERS_MAX} headers");
            sink.error("E0606", message, decl.name.span, "one too many");
            break;
        }
        known.extend(declare_one(items, decl, &known, sink));
    }
    known
}

fn declare_one(
    items: &Items<'_>,
    decl: &ast::Header,
    known: &[UserHeader],
    sink: &mut Sink,
) -> Option<UserHeader> {
    let own = ["len", "payload", "proto", "mark", "flow", "flow6", "tls", "quic", "packet"];
    if HeaderId::by_name(&decl.name.text).is_some() || own.contains(&&*decl.name.text) {
        let message = format!("`{}` is a word of the language", decl.name.text);
        sink.error("E0111", message, decl.name.span, "choose another name");
        return None;
    }
    let (parent, start_bit, condition) = follows(items, decl, known, sink)?;
    let mut fields: Vec<UserField> = Vec::new();
    let mut bit = start_bit;
    for (name, ty) in &decl.fields {
        let resolved = resolve(items, ty, sink);
        if resolved == Type::Error {
            return None;
        }
        let width = resolved.scalar_width();
        let Some(width) = width.filter(|_| !matches!(resolved, Type::Time | Type::Duration)) else {
            let message = format!("{} cannot be a field of a header", resolved.with_article());
            sink.report(
                Diagnostic::error("E0212", message, ty.span, "not one number of bits")
                    .note("fields are numbers, `bool`, `mac`, `ip4` and `ip6`"),
            );
            return None;
        };
        if fields.iter().any(|field| field.name == name.text) {
            let message = format!("the header has two fields `{}`", name.text);
            sink.error("E0104", message, name.span, "declared before");
            return None;
        }
        fields.push(UserField { name: name.text.clone(), ty: resolved, bit });
        bit += u32::from(width);
    }
    let bits = bit - start_bit;
    if bits == 0 || !bits.is_multiple_of(8) || bits / 8 > HEADER_BYTES_MAX {
        let message = format!("the header `{}` has {bits} bits", decl.name.text);
        let label = format!("a header has 1 to {HEADER_BYTES_MAX} whole bytes");
        let mut diagnostic = Diagnostic::error("E0606", message, decl.name.span, label);
        if !bits.is_multiple_of(8) {
            let more = 8 - bits % 8;
            diagnostic = diagnostic.note(format!("fill it up, for example by `reserved: u{more}`"));
        }
        sink.report(diagnostic);
        return None;
    }
    Some(UserHeader {
        name: decl.name.text.clone(),
        id: HeaderId((HeaderId::COUNT + known.len()) as u8),
        parent,
        condition,
        end_bit: bit,
        fields,
    })
}

/// The header that a declared one follows, the bit of the payload behind it, and the condition.
fn follows(
    items: &Items<'_>,
    decl: &ast::Header,
    known: &[UserHeader],
    sink: &mut Sink,
) -> Option<(HeaderId, u32, Condition)> {
    let value = number(items, &decl.value);
    let fits = |width: u8| value.filter(|v| width >= 128 || v >> width == 0);
    let unfit = |width: u8, sink: &mut Sink| {
        let message = format!("the value of a field of {width} bits is needed here");
        sink.error("E0206", message, decl.value.span, "no number, or one that does not fit");
    };
    if let Some(parent) = known.iter().find(|header| header.name == decl.parent.text) {
        let Some(field) = parent.field(&decl.field.text) else {
            let message = format!("`{}` has no field `{}`", parent.name, decl.field.text);
            sink.error("E0105", message, decl.field.span, "no such field");
            return None;
        };
        let width = field.ty.scalar_width().unwrap_or(1);
        let Some(value) = fits(width) else {
            unfit(width, sink);
            return None;
        };
        let condition = Condition::Payload(field.bit, width, value);
        return Some((parent.id, parent.end_bit, condition));
    }
    let Some(parent) = HeaderId::by_name(&decl.parent.text) else {
        let message = format!("there is no header `{}`", decl.parent.text);
        sink.report(
            Diagnostic::error("E0303", message, decl.parent.span, "unknown header")
                .note("a header follows one of the language, or one that is declared before it"),
        );
        return None;
    };
    let Some(field) = parent.field(&decl.field.text) else {
        let message =
            format!("the header `{}` has no field `{}`", decl.parent.text, decl.field.text);
        sink.error("E0105", message, decl.field.span, "no such field");
        return None;
    };
    let width = field.def().width;
    let Some(value) = fits(width) else {
        unfit(width, sink);
        return None;
    };
    let (start_bit, condition) = match (parent, field.def().name) {
        (HeaderId::ETH, "type") => (0, Condition::EtherType(value)),
        (HeaderId::IP, "proto") | (HeaderId::IP6, "next") => (0, Condition::Protocol(value)),
        (HeaderId::UDP | HeaderId::TCP, _) => (0, Condition::Field(field, value)),
        (HeaderId::VXLAN, _) => (64, Condition::Field(field, value)),
        (HeaderId::DNS, _) => (96, Condition::Field(field, value)),
        _ => {
            let message = format!("no header follows `{}.{}`", decl.parent.text, decl.field.text);
            sink.report(Diagnostic::error("E0304", message, decl.parent.span, "not here").note(
                "headers follow `eth.type`, `ip.proto`, `ip6.next`, fields of `udp`, `tcp`, \
                     `vxlan` and `dns`, and those of headers declared before",
            ));
            return None;
        }
    };
    Some((parent, start_bit, condition))
}

/// A number, or a constant that is written as one.
fn number(items: &Items<'_>, expr: &ast::Expr) -> Option<u128> {
    let named = match &expr.kind {
        ast::ExprKind::Name(name) => items.consts.get(name.as_str()).map(|found| &found.value),
        _ => None,
    };
    match named.unwrap_or(expr).kind {
        ast::ExprKind::Literal(ast::Literal::Int { value, .. }) => Some(value),
        ast::ExprKind::Literal(ast::Literal::Bool(value)) => Some(value.into()),
        _ => None,
    }
}
