//! Types of values and how they fall apart into scalar leaves.

use super::items::Items;
use super::sink::Sink;
use crate::ir::{TcpOption, View};
use crate::syntax::ast;
use crate::syntax::nearest;
use std::fmt;
use std::rc::Rc;
use trama_wire::bytes;

/// Most scalar leaves of one value.
pub const LEAVES_MAX: usize = 64;

/// The type of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// Unsigned integer of 1 to 64 bits, or 128.
    Uint(u8),
    /// Two's complement integer of 8, 16, 32 or 64 bits.
    Int(u8),
    /// Truth value.
    Bool,
    /// Ethernet address.
    Mac,
    /// IPv4 address.
    Ip4,
    /// IPv6 address.
    Ip6,
    /// IPv4 prefix: address and length.
    Prefix4,
    /// IPv6 prefix: address and length.
    Prefix6,
    /// Point in time, in nanoseconds.
    Time,
    /// Length of time, in nanoseconds.
    Duration,
    /// At most this many bytes, 1 to 255.
    Bytes(u8),
    /// A value or none.
    Option(Rc<Self>),
    /// Several values in order.
    Tuple(Rc<[Self]>),
    /// Named values in order.
    Record(Rc<RecordType>),
    /// One of several variants with their values.
    Enum(Rc<EnumType>),
    /// Constant rows.
    Table(Rc<RecordType>),
    /// Constant text.
    Str,
    /// No value.
    Unit,
    /// The type of what does not come to an end: `return`, a block that drops and returns.
    Never,
    /// The type of what was reported as wrong: it fits everywhere and is never reported again.
    Error,
}

/// A record: its name and fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordType {
    /// Name in the program.
    pub name: String,
    /// Field names and types, in order.
    pub fields: Vec<(String, Type)>,
}

/// An enum: its name and variants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnumType {
    /// Name in the program.
    pub name: String,
    /// Variant names with the types of their payloads, in order.
    pub variants: Vec<(String, Vec<Type>)>,
}

impl EnumType {
    /// First leaf of the payload of a variant, counted from the tag, which is leaf 0.
    pub fn payload_start(&self, variant: usize) -> usize {
        1 + self.variants[..variant].iter().flat_map(|v| &v.1).map(Type::leaf_count).sum::<usize>()
    }
}

impl Type {
    /// `Option<self>`
    #[must_use]
    pub fn optional(self) -> Self {
        Self::Option(Rc::new(self))
    }

    /// True for plain numbers, signed or not.
    pub fn is_integer(&self) -> bool {
        matches!(self, Self::Uint(_) | Self::Int(_))
    }

    /// True for types without a value of their own that silence further messages.
    pub fn is_silent(&self) -> bool {
        matches!(self, Self::Never | Self::Error)
    }

    /// Width of a type that is one scalar.
    pub fn scalar_width(&self) -> Option<u8> {
        match self {
            Self::Uint(width) | Self::Int(width) => Some(*width),
            Self::Bool => Some(1),
            Self::Mac => Some(48),
            Self::Ip4 => Some(32),
            Self::Ip6 => Some(128),
            Self::Time | Self::Duration => Some(64),
            _ => None,
        }
    }

    /// Number of scalar leaves.
    pub fn leaf_count(&self) -> usize {
        match self {
            Self::Prefix4 | Self::Prefix6 => 2,
            Self::Bytes(max) => bytes::leaf_count(*max),
            Self::Option(inner) => 1 + inner.leaf_count(),
            Self::Tuple(items) => items.iter().map(Self::leaf_count).sum(),
            Self::Record(record) => record.fields.iter().map(|f| f.1.leaf_count()).sum(),
            Self::Enum(def) => def.payload_start(def.variants.len()),
            Self::Table(_) | Self::Str | Self::Unit | Self::Never | Self::Error => 0,
            _ => 1,
        }
    }

    /// Widths of the leaves in bits, in order.
    pub fn widths(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.leaf_count());
        self.push_widths(&mut out);
        out
    }

    fn push_widths(&self, out: &mut Vec<u8>) {
        match self {
            Self::Prefix4 => out.extend([32, 8]),
            Self::Prefix6 => out.extend([128, 8]),
            Self::Bytes(max) => {
                out.push(16);
                out.extend(std::iter::repeat_n(128, bytes::leaf_count(*max) - 1));
            }
            Self::Option(inner) => {
                out.push(1);
                inner.push_widths(out);
            }
            Self::Tuple(items) => items.iter().for_each(|t| t.push_widths(out)),
            Self::Record(record) => record.fields.iter().for_each(|f| f.1.push_widths(out)),
            Self::Enum(def) => {
                out.push(8);
                def.variants.iter().flat_map(|v| &v.1).for_each(|t| t.push_widths(out));
            }
            _ => out.extend(self.scalar_width()),
        }
    }

    /// The type of a field of a record, tuple or prefix, with the index of its first leaf.
    pub fn field(&self, name: &str) -> Option<(Self, usize)> {
        let mut at = 0;
        match self {
            Self::Record(record) => {
                for (field, ty) in &record.fields {
                    if field == name {
                        return Some((ty.clone(), at));
                    }
                    at += ty.leaf_count();
                }
                None
            }
            Self::Tuple(items) => {
                let index: usize = name.parse().ok()?;
                let at = items.get(..index)?.iter().map(Self::leaf_count).sum();
                Some((items.get(index)?.clone(), at))
            }
            Self::Prefix4 if name == "address" => Some((Self::Ip4, 0)),
            Self::Prefix6 if name == "address" => Some((Self::Ip6, 0)),
            Self::Prefix4 | Self::Prefix6 if name == "length" => Some((Self::Uint(8), 1)),
            _ => None,
        }
    }

    /// Names of the fields that [`field`](Self::field) knows.
    pub fn field_names(&self) -> Vec<&str> {
        match self {
            Self::Record(record) => record.fields.iter().map(|f| f.0.as_str()).collect(),
            Self::Prefix4 | Self::Prefix6 => vec!["address", "length"],
            _ => Vec::new(),
        }
    }

    /// True if a value of it can be kept in state, a local or a table cell.
    pub fn is_storable(&self) -> bool {
        match self {
            Self::Table(_) | Self::Str | Self::Unit | Self::Never => false,
            Self::Option(inner) => inner.is_storable(),
            Self::Tuple(items) => items.iter().all(Self::is_storable),
            Self::Record(record) => record.fields.iter().all(|f| f.1.is_storable()),
            Self::Enum(def) => def.variants.iter().flat_map(|v| &v.1).all(Self::is_storable),
            _ => true,
        }
    }

    /// `an ip4`, `a u16`: for messages.
    pub fn with_article(&self) -> String {
        let name = self.to_string();
        let vowel = name.starts_with(['a', 'e', 'i', 'o', 'A', 'E', 'I', 'O']);
        format!("{} `{name}`", if vowel { "an" } else { "a" })
    }
}

/// Name, width in bits and view of each leaf of a type. Names are dotted paths from the value;
/// that of a scalar is empty.
pub fn leaves(ty: &Type) -> Vec<(String, u8, View)> {
    let mut out = Vec::with_capacity(ty.leaf_count());
    push_leaves(ty, "", &mut out);
    out
}

fn push_leaves(ty: &Type, path: &str, out: &mut Vec<(String, u8, View)>) {
    let join = |name: &str| if path.is_empty() { name.into() } else { format!("{path}.{name}") };
    let own = |width, view| (path.to_owned(), width, view);
    match ty {
        Type::Uint(width) => out.push(own(*width, View::Uint)),
        Type::Int(width) => out.push(own(*width, View::Int(*width))),
        Type::Bool => out.push(own(1, View::Bool)),
        Type::Mac => out.push(own(48, View::Mac)),
        Type::Ip4 => out.push(own(32, View::Ip4)),
        Type::Ip6 => out.push(own(128, View::Ip6)),
        Type::Time => out.push(own(64, View::Time)),
        Type::Duration => out.push(own(64, View::Duration)),
        Type::Prefix4 => {
            out.push((join("address"), 32, View::Ip4));
            out.push((join("length"), 8, View::Uint));
        }
        Type::Prefix6 => {
            out.push((join("address"), 128, View::Ip6));
            out.push((join("length"), 8, View::Uint));
        }
        Type::Bytes(max) => {
            let words = bytes::leaf_count(*max) as u8 - 1;
            out.push(own(16, View::Bytes(words)));
            out.extend((0..words).map(|i| (join(&i.to_string()), 128, View::Word)));
        }
        Type::Option(inner) => {
            out.push(own(1, View::Tag(vec!["None".into(), "Some".into()])));
            push_leaves(inner, &join("some"), out);
        }
        Type::Tuple(items) => {
            items.iter().enumerate().for_each(|(i, t)| push_leaves(t, &join(&i.to_string()), out));
        }
        Type::Record(record) => {
            record.fields.iter().for_each(|(name, t)| push_leaves(t, &join(name), out));
        }
        Type::Enum(def) => {
            let names = def.variants.iter().map(|v| v.0.clone()).collect();
            out.push(own(8, View::Tag(names)));
            for (variant, payload) in &def.variants {
                for (i, t) in payload.iter().enumerate() {
                    let name = join(variant);
                    let name = if payload.len() == 1 { name } else { format!("{name}.{i}") };
                    push_leaves(t, &name, out);
                }
            }
        }
        Type::Table(_) | Type::Str | Type::Unit | Type::Never | Type::Error => {}
    }
}

/// Names of the kinds of state objects.
pub const STATE_KINDS: &[&str] = &[
    "map",
    "set",
    "array",
    "counter",
    "pool",
    "lpm",
    "bucket",
    "maglev",
    "sketch",
    "bloom",
    "ring",
    "stream_buffer",
    "histogram",
];

/// Names of the types that the language has by itself, for suggestions.
pub const BUILT_IN: &[&str] = &[
    "u8",
    "u16",
    "u32",
    "u64",
    "u128",
    "i8",
    "i16",
    "i32",
    "i64",
    "bool",
    "mac",
    "ip4",
    "ip6",
    "Time",
    "Duration",
    "Flow",
    "Flow6",
    "TcpOptions",
    "DnsQuestion",
    "DnsRecord",
    "ClientHello",
    "string",
    "bytes",
    "Option",
    "prefix",
    "table",
];

/// The type that a program wrote. Reports what is wrong with it and gives [`Type::Error`] then.
pub fn resolve(items: &Items<'_>, ty: &ast::Type, sink: &mut Sink) -> Type {
    let resolved = match &ty.kind {
        ast::TypeKind::Name(name) => named(items, name, ty, sink),
        ast::TypeKind::Generic(name, args) => generic(items, name, args, ty, sink),
        ast::TypeKind::Sized(name, size) => sized(items, name, size, sink),
        ast::TypeKind::Tuple(parts) => {
            let parts: Vec<_> = parts.iter().map(|t| resolve(items, t, sink)).collect();
            if parts.contains(&Type::Error) {
                return Type::Error;
            }
            Type::Tuple(parts.into())
        }
    };
    if resolved.leaf_count() > LEAVES_MAX {
        sink.error(
            "E0604",
            format!("a value of this type has more than {LEAVES_MAX} parts"),
            ty.span,
            format!("{} scalar parts", resolved.leaf_count()),
        );
        return Type::Error;
    }
    resolved
}

/// A type that is one word of the language.
fn word(name: &str) -> Option<Type> {
    Some(match name {
        "bool" => Type::Bool,
        "mac" => Type::Mac,
        "ip4" => Type::Ip4,
        "ip6" => Type::Ip6,
        "Time" => Type::Time,
        "Duration" => Type::Duration,
        "string" => Type::Str,
        "Flow" => Type::Record(flow_type("Flow", &Type::Ip4)),
        "Flow6" => Type::Record(flow_type("Flow6", &Type::Ip6)),
        "TcpOptions" => Type::Record(tcp_options_type()),
        "DnsQuestion" | "DnsRecord" | "ClientHello" => message_type(name)?,
        "i8" => Type::Int(8),
        "i16" => Type::Int(16),
        "i32" => Type::Int(32),
        "i64" => Type::Int(64),
        _ => {
            let digits = name.strip_prefix('u')?;
            if digits.starts_with('0') || digits.len() > 3 {
                return None;
            }
            match digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse()) {
                Some(Ok(width @ (1..=64 | 128))) => Type::Uint(width),
                _ => return None,
            }
        }
    })
}

/// The five-tuple records `Flow` and `Flow6`.
pub fn flow_type(name: &str, address: &Type) -> Rc<RecordType> {
    let fields = [
        ("src", address.clone()),
        ("dst", address.clone()),
        ("sport", Type::Uint(16)),
        ("dport", Type::Uint(16)),
        ("proto", Type::Uint(8)),
    ];
    let fields = fields.into_iter().map(|(name, ty)| (name.to_owned(), ty)).collect();
    Rc::new(RecordType { name: name.into(), fields })
}

/// The record `TcpOptions`: the options of a TCP header.
pub fn tcp_options_type() -> Rc<RecordType> {
    let field = |(name, option, width): &(&str, TcpOption, u8)| {
        let ty = match option {
            TcpOption::SackPermitted => Type::Bool,
            _ => Type::Uint(*width).optional(),
        };
        ((*name).to_owned(), ty)
    };
    Rc::new(RecordType {
        name: "TcpOptions".into(),
        fields: TCP_OPTIONS.iter().map(field).collect(),
    })
}

/// TCP options by name, with the width of their values; in the order of [`TcpOption::ALL`].
pub const TCP_OPTIONS: [(&str, TcpOption, u8); 5] = [
    ("mss", TcpOption::Mss, 16),
    ("window_scale", TcpOption::WindowScale, 8),
    ("sack_permitted", TcpOption::SackPermitted, 1),
    ("ts_val", TcpOption::TsVal, 32),
    ("ts_ecr", TcpOption::TsEcr, 32),
];

/// What extractors read from messages, by name.
pub fn message_type(name: &str) -> Option<Type> {
    let text = Type::Bytes(bytes::LEN_MAX as u8);
    let fields = match name {
        "DnsQuestion" => {
            vec![("name", text), ("type", Type::Uint(16)), ("class", Type::Uint(16))]
        }
        "DnsRecord" => vec![
            ("name", text.clone()),
            ("type", Type::Uint(16)),
            ("class", Type::Uint(16)),
            ("ttl", Type::Uint(32)),
            ("data", text),
            ("ip4", Type::Ip4.optional()),
            ("ip6", Type::Ip6.optional()),
        ],
        "ClientHello" => vec![
            ("complete", Type::Bool),
            ("version", Type::Uint(16)),
            ("server_name", text.clone().optional()),
            ("alpn", text),
        ],
        _ => return None,
    };
    let fields = fields.into_iter().map(|(name, ty)| (name.to_owned(), ty)).collect();
    Some(Type::Record(Rc::new(RecordType { name: name.into(), fields })))
}

fn named(items: &Items<'_>, name: &str, ty: &ast::Type, sink: &mut Sink) -> Type {
    if let Some(found) = word(name).or_else(|| items.named_type(name, ty.span, sink)) {
        return found;
    }
    let message = match name {
        "bytes" => "`bytes` needs the most bytes in brackets, for example `bytes[64]`".into(),
        "Option" | "prefix" | "table" => {
            format!("`{name}` needs a type in angle brackets, for example `{}`", example(name))
        }
        "packet" => "a packet is not a value: only functions take one, as `p: packet`".into(),
        _ => format!("there is no type `{name}`"),
    };
    let names = BUILT_IN.iter().copied().chain(items.type_names());
    let mut diagnostic =
        crate::diagnostic::Diagnostic::error("E0102", message, ty.span, "not a type");
    if let Some(near) = nearest(name, names).filter(|near| *near != name) {
        diagnostic = diagnostic.note(format!("did you mean `{near}`?")).patch(ty.span, near);
    } else if name.starts_with(['u', 'i']) && name[1..].parse::<u32>().is_ok() {
        diagnostic =
            diagnostic.note("integers are `u1` to `u64`, `u128`, `i8`, `i16`, `i32` and `i64`");
    }
    sink.report(diagnostic);
    Type::Error
}

/// `bytes[64]`; the size is a number, or a constant that is one.
fn sized(items: &Items<'_>, name: &ast::Ident, size: &ast::Expr, sink: &mut Sink) -> Type {
    if name.text != "bytes" {
        let message = format!("`{}` has no size", name.text);
        sink.error("E0102", message, size.span, "only `bytes` has one");
        return Type::Error;
    }
    let named = match &size.kind {
        ast::ExprKind::Name(name) => items.consts.get(name.as_str()).map(|found| &found.value),
        _ => None,
    };
    let number = match named.unwrap_or(size).kind {
        ast::ExprKind::Literal(ast::Literal::Int { value, .. }) => Some(value),
        _ => None,
    };
    match number.map(u8::try_from) {
        Some(Ok(max @ 1..)) => Type::Bytes(max),
        Some(_) => {
            let message = format!("the size of `bytes` is 1 to {}", bytes::LEN_MAX);
            sink.error("E0803", message, size.span, "out of range");
            Type::Error
        }
        None => {
            let message = "the size of `bytes` is a number, or a constant that is written as one";
            sink.error("E0206", message, size.span, "not a number");
            Type::Error
        }
    }
}

fn example(generic: &str) -> &'static str {
    match generic {
        "Option" => "Option<u16>",
        "prefix" => "prefix<ip4>",
        _ => "table<Rule>",
    }
}

fn generic(
    items: &Items<'_>,
    name: &ast::Ident,
    args: &[ast::Type],
    ty: &ast::Type,
    sink: &mut Sink,
) -> Type {
    let [arg] = args else {
        sink.error("E0102", format!("`{}` takes one type", name.text), ty.span, "not a type");
        return Type::Error;
    };
    match name.text.as_str() {
        "Option" => match resolve(items, arg, sink) {
            Type::Error => Type::Error,
            inner if inner.is_storable() => inner.optional(),
            inner => {
                let message = format!("there is no option of {}", inner.with_article());
                sink.error("E0212", message, arg.span, "not possible here");
                Type::Error
            }
        },
        "prefix" => match resolve(items, arg, sink) {
            Type::Ip4 => Type::Prefix4,
            Type::Ip6 => Type::Prefix6,
            Type::Error => Type::Error,
            _ => {
                let message = "a prefix is over `ip4` or `ip6`";
                sink.error("E0102", message, arg.span, "not an address type");
                Type::Error
            }
        },
        "table" => match resolve(items, arg, sink) {
            Type::Record(record) => Type::Table(record),
            Type::Error => Type::Error,
            _ => {
                sink.error("E0102", "the rows of a table are records", arg.span, "not a record");
                Type::Error
            }
        },
        kind if STATE_KINDS.contains(&kind) => {
            let message = format!("`{}` is a kind of state, not a type of values", name.text);
            sink.error("E0102", message, ty.span, "only after `state name:`");
            Type::Error
        }
        other => {
            let message = format!("there is no type `{other}<…>`");
            sink.error("E0102", message, ty.span, "not a type");
            Type::Error
        }
    }
}

impl fmt::Display for Type {
    /// Prints the type as a program writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uint(width) => write!(f, "u{width}"),
            Self::Int(width) => write!(f, "i{width}"),
            Self::Bool => f.write_str("bool"),
            Self::Mac => f.write_str("mac"),
            Self::Ip4 => f.write_str("ip4"),
            Self::Ip6 => f.write_str("ip6"),
            Self::Prefix4 => f.write_str("prefix<ip4>"),
            Self::Prefix6 => f.write_str("prefix<ip6>"),
            Self::Bytes(max) => write!(f, "bytes[{max}]"),
            Self::Time => f.write_str("Time"),
            Self::Duration => f.write_str("Duration"),
            Self::Option(inner) => write!(f, "Option<{inner}>"),
            Self::Tuple(items) => {
                f.write_str("(")?;
                for (i, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if i == 0 { "" } else { ", " })?;
                }
                f.write_str(if items.len() == 1 { ",)" } else { ")" })
            }
            Self::Record(record) => f.write_str(&record.name),
            Self::Enum(def) => f.write_str(&def.name),
            Self::Table(record) => write!(f, "table<{}>", record.name),
            Self::Str => f.write_str("string"),
            Self::Unit => f.write_str("()"),
            Self::Never => f.write_str("!"),
            Self::Error => f.write_str("?"),
        }
    }
}
