//! Constant values: parameters, constants, sizes, rows of tables.

use super::fold;
use super::items::{Items, Slot};
use super::lower::Lowerer;
use super::sink::Sink;
use super::types::{RecordType, Type, resolve};
use crate::source::Span;
use crate::syntax::ast;
use crate::syntax::text::escaped;
use core::net::{Ipv4Addr, Ipv6Addr};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use trama_base::Nanos;
use trama_wire::bytes::ByteString;

/// Most rows of a table that is written in the program.
pub const LIST_ROWS_MAX: usize = 65_536;

/// A value that is known before the program runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A value with its leaves in the order of [`types::leaves`](super::types::leaves).
    Data {
        /// Its type; neither a table nor a string.
        ty: Type,
        /// One scalar for each leaf, within the leaf's width.
        leaves: Vec<u128>,
    },
    /// Rows of records.
    Table {
        /// Type of the rows.
        record: Rc<RecordType>,
        /// The leaves of each row.
        rows: Vec<Vec<u128>>,
    },
    /// Text.
    Str(String),
}

/// Reads tables from files; implemented by the compiler's driver, which knows where files are.
pub trait Tables {
    /// The rows of `path`, which the source file `from_file` names. `key` is the name of the array
    /// of tables in a TOML file. Reports what is wrong at `span`.
    fn load(
        &self,
        from_file: u32,
        path: &str,
        key: Option<&str>,
        record: &Rc<RecordType>,
        span: Span,
        sink: &mut Sink,
    ) -> Option<Value>;

    /// Name and text of a file that `from_file` names; reports at `span` if it cannot be read.
    fn text(
        &self,
        from_file: u32,
        path: &str,
        span: Span,
        sink: &mut Sink,
    ) -> Option<(String, String)>;
}

impl Value {
    /// Its type.
    pub fn ty(&self) -> Type {
        match self {
            Self::Data { ty, .. } => ty.clone(),
            Self::Table { record, .. } => Type::Table(Rc::clone(record)),
            Self::Str(_) => Type::Str,
        }
    }

    /// The scalar leaves; none for tables and strings.
    pub fn leaves(&self) -> Vec<u128> {
        match self {
            Self::Data { leaves, .. } => leaves.clone(),
            Self::Table { .. } | Self::Str(_) => Vec::new(),
        }
    }

    /// The value as a number, if it is one scalar of at most 64 bits.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Data { leaves, .. } => match leaves[..] {
                [leaf] => u64::try_from(leaf).ok(),
                _ => None,
            },
            _ => None,
        }
    }

    /// A value of a type to check an element with that nobody instantiates: two for numbers
    /// and lengths of time, zeros for the rest, no rows.
    pub fn placeholder(ty: &Type) -> Option<Self> {
        Some(match ty {
            Type::Error | Type::Never | Type::Unit => return None,
            Type::Str => Self::Str(String::new()),
            Type::Table(record) => Self::Table { record: Rc::clone(record), rows: Vec::new() },
            _ => {
                // Two is a size, a prime number of slots, a period.
                let number = match ty {
                    Type::Uint(1) => 1,
                    Type::Uint(_) | Type::Int(_) | Type::Duration => 2,
                    _ => 0,
                };
                Self::Data { ty: ty.clone(), leaves: vec![number; ty.leaf_count()] }
            }
        })
    }
}

/// Evaluates a constant expression. `env` holds what is known by name besides the program's
/// constants: parameters of the enclosing element or network. Reports and gives `None` if it is not
/// constant or of the wrong type.
pub fn eval_const(
    items: &Items<'_>,
    env: &BTreeMap<String, Value>,
    expr: &ast::Expr,
    expected: Option<&Type>,
    loader: &dyn Tables,
    sink: &mut Sink,
) -> Option<Value> {
    if let Some(value) = named_value(items, env, expr, loader, sink) {
        return match (value, expected) {
            (None, _) => None,
            (Some(value), Some(Type::Error)) => Some(value),
            (Some(value), None) => Some(value),
            (Some(value), Some(ty)) => fit(value, ty, expr.span, sink),
        };
    }
    match expected {
        Some(Type::Error) => None,
        Some(Type::Table(record)) => eval_table(items, env, expr, record, loader, sink),
        Some(Type::Str) => match &expr.kind {
            ast::ExprKind::Literal(ast::Literal::Str(text)) => Some(Value::Str(text.clone())),
            ast::ExprKind::Error => None,
            _ => {
                sink.error("E0206", "a text in quotes is needed here", expr.span, "not a text");
                None
            }
        },
        _ => {
            if let ast::ExprKind::Literal(ast::Literal::Str(text)) = &expr.kind
                && expected.is_none()
            {
                return Some(Value::Str(text.clone()));
            }
            let errors = sink.error_count();
            let mut lowerer = Lowerer::for_constant(items, env, loader, sink);
            let (ty, leaves) = lowerer.constant_leaves(expr, expected)?;
            (sink.error_count() == errors).then_some(Value::Data { ty, leaves })
        }
    }
}

/// The value of an expression that is just the name of a parameter or constant. The outer `None`:
/// it is something else; the inner one: it was reported.
fn named_value(
    items: &Items<'_>,
    env: &BTreeMap<String, Value>,
    expr: &ast::Expr,
    loader: &dyn Tables,
    sink: &mut Sink,
) -> Option<Option<Value>> {
    let ast::ExprKind::Name(name) = &expr.kind else { return None };
    if let Some(value) = env.get(name) {
        return Some(Some(value.clone()));
    }
    items.consts.contains_key(name.as_str()).then(|| global(items, name, expr.span, loader, sink))
}

/// A value as one of the type `ty`: itself, or widened.
fn fit(value: Value, ty: &Type, span: Span, sink: &mut Sink) -> Option<Value> {
    let own = value.ty();
    if own == *ty {
        return Some(value);
    }
    match (own, ty, value) {
        (Type::Uint(from), Type::Uint(to), Value::Data { leaves, .. }) if from < *to => {
            Some(Value::Data { ty: ty.clone(), leaves })
        }
        (own, _, _) => {
            let message = format!("expected `{ty}`, found `{own}`");
            sink.error("E0201", message, span, format!("this is {}", own.with_article()));
            None
        }
    }
}

/// The value of a global constant, computed on first use.
pub fn global(
    items: &Items<'_>,
    name: &str,
    span: Span,
    loader: &dyn Tables,
    sink: &mut Sink,
) -> Option<Value> {
    match items.const_slot(name) {
        Some(Slot::Done(value)) => return value,
        Some(Slot::Open) => {
            let message = format!("the constant `{name}` depends on itself");
            sink.error("E0218", message, span, "used in its own value");
            return None;
        }
        None => {}
    }
    let constant = items.consts.get(name)?;
    items.set_const_slot(name, Slot::Open);
    let ty = resolve(items, &constant.ty, sink);
    let value = eval_const(items, &BTreeMap::new(), &constant.value, Some(&ty), loader, sink);
    let value = value.filter(|_| ty != Type::Error);
    items.set_const_slot(name, Slot::Done(value.clone()));
    value
}

/// A table: a list of records, or `load("file.csv")`.
fn eval_table(
    items: &Items<'_>,
    env: &BTreeMap<String, Value>,
    expr: &ast::Expr,
    record: &Rc<RecordType>,
    loader: &dyn Tables,
    sink: &mut Sink,
) -> Option<Value> {
    match &expr.kind {
        ast::ExprKind::List(rows) if rows.len() > LIST_ROWS_MAX => {
            let message = format!("a table in the program has at most {LIST_ROWS_MAX} rows");
            sink.error("E0601", message, expr.span, format!("{} rows", rows.len()));
            None
        }
        ast::ExprKind::List(rows) => {
            let row_type = Type::Record(Rc::clone(record));
            let rows: Vec<_> = rows
                .iter()
                .map(|row| eval_const(items, env, row, Some(&row_type), loader, sink))
                .collect();
            let rows: Option<Vec<_>> =
                rows.into_iter().map(|row| row.map(|value| value.leaves())).collect();
            rows.map(|rows| Value::Table { record: Rc::clone(record), rows })
        }
        ast::ExprKind::Call(name, args) if name.text == "load" => {
            let mut texts = Vec::new();
            for arg in args {
                match eval_const(items, env, arg, Some(&Type::Str), loader, sink)? {
                    Value::Str(text) => texts.push(text),
                    _ => return None,
                }
            }
            match &texts[..] {
                [path] => loader.load(expr.span.file, path, None, record, expr.span, sink),
                [path, key] => {
                    loader.load(expr.span.file, path, Some(key), record, expr.span, sink)
                }
                _ => {
                    let message = "`load` takes a file and, for TOML, the name of the array";
                    sink.error("E0204", message, expr.span, format!("{} arguments", texts.len()));
                    None
                }
            }
        }
        ast::ExprKind::Error => None,
        _ => {
            let message = format!("expected a table of `{}`", record.name);
            sink.report(
                crate::diagnostic::Diagnostic::error("E0201", message, expr.span, "not a table")
                    .note("write a list `[Row { … }, …]` or `load(\"rows.csv\")`"),
            );
            None
        }
    }
}

impl fmt::Display for Value {
    /// Prints the value as a program writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data { ty, leaves } => write_data(f, ty, leaves),
            Self::Table { record, rows } => {
                f.write_str("[")?;
                for (i, row) in rows.iter().enumerate() {
                    f.write_str(if i == 0 { "" } else { ", " })?;
                    write_data(f, &Type::Record(Rc::clone(record)), row)?;
                }
                f.write_str("]")
            }
            Self::Str(text) => write!(f, "{text:?}"),
        }
    }
}

fn write_data(f: &mut fmt::Formatter<'_>, ty: &Type, leaves: &[u128]) -> fmt::Result {
    let first = leaves.first().copied().unwrap_or(0);
    let second = leaves.get(1).copied().unwrap_or(0);
    match ty {
        Type::Int(width) => write!(f, "{}", fold::signed(first, *width)),
        Type::Bool => write!(f, "{}", first != 0),
        Type::Mac => {
            let b = (first as u64).to_be_bytes();
            write!(
                f,
                "{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}",
                b[2], b[3], b[4], b[5], b[6], b[7]
            )
        }
        Type::Ip4 => write!(f, "{}", Ipv4Addr::from(first as u32)),
        Type::Ip6 => write!(f, "{}", Ipv6Addr::from(first)),
        Type::Prefix4 => write!(f, "{}/{second}", Ipv4Addr::from(first as u32)),
        Type::Prefix6 => write!(f, "{}/{second}", Ipv6Addr::from(first)),
        Type::Bytes(_) => {
            let bytes = ByteString::from_leaves(&leaves[..ty.leaf_count()]);
            write!(f, "b\"{}\"", escaped(bytes.as_slice()))
        }
        Type::Duration | Type::Time => write!(f, "{}", Nanos(first as u64)),
        Type::Option(_) if first == 0 => f.write_str("None"),
        Type::Option(inner) => {
            f.write_str("Some(")?;
            write_data(f, inner, &leaves[1..])?;
            f.write_str(")")
        }
        Type::Tuple(items) => {
            f.write_str("(")?;
            write_list(f, items.iter(), leaves)?;
            f.write_str(if items.len() == 1 { ",)" } else { ")" })
        }
        Type::Record(record) => {
            write!(f, "{} {{ ", record.name)?;
            let mut at = 0;
            for (i, (name, ty)) in record.fields.iter().enumerate() {
                write!(f, "{}{name}: ", if i == 0 { "" } else { ", " })?;
                write_data(f, ty, &leaves[at..])?;
                at += ty.leaf_count();
            }
            f.write_str(" }")
        }
        Type::Enum(def) => {
            let index = usize::try_from(first).unwrap_or(usize::MAX);
            let Some((name, payload)) = def.variants.get(index) else {
                return write!(f, "{}", def.name);
            };
            f.write_str(name)?;
            if payload.is_empty() {
                return Ok(());
            }
            f.write_str("(")?;
            write_list(f, payload.iter(), &leaves[def.payload_start(index)..])?;
            f.write_str(")")
        }
        _ => write!(f, "{first}"),
    }
}

fn write_list<'t>(
    f: &mut fmt::Formatter<'_>,
    types: impl Iterator<Item = &'t Type>,
    leaves: &[u128],
) -> fmt::Result {
    let mut at = 0;
    for (i, ty) in types.enumerate() {
        f.write_str(if i == 0 { "" } else { ", " })?;
        write_data(f, ty, &leaves[at..])?;
        at += ty.leaf_count();
    }
    Ok(())
}
