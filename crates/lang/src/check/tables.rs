//! Tables from CSV and TOML files.
//!
//! A column (CSV) or key (TOML) has the name of the record's field; fields of nested records have
//! dotted names. Cells hold what a program would write: `10.0.0.0/8`, `443`, `allow`, `true`,
//! `64k`.
//! Enum variants without payload are matched without regard to case.

use super::sink::Sink;
use super::types::{RecordType, Type};
use super::value::{Tables, Value};
use crate::diagnostic::Diagnostic;
use crate::files::Files;
use crate::source::{SourceMap, Span};
use crate::syntax::{ast, parse_expr};
use crate::syntax::{nearest, text};
use std::rc::Rc;
use trama_wire::bytes::ByteString;

/// Most rows of a table.
pub const ROWS_MAX: usize = 65_536;

/// Most bytes of a table's file.
pub const BYTES_MAX: usize = 64 << 20;

/// Reads tables through the host's [`Files`].
pub struct FileTables<'a> {
    /// The host's files.
    pub files: &'a dyn Files,
    /// Name of each source file, by index.
    pub names: Vec<String>,
}

/// A scalar or composite column of a record: dotted name and type.
struct Column {
    name: String,
    ty: Type,
}

impl Tables for FileTables<'_> {
    fn load(
        &self,
        from_file: u32,
        path: &str,
        key: Option<&str>,
        record: &Rc<RecordType>,
        span: Span,
        sink: &mut Sink,
    ) -> Option<Value> {
        let (name, text) = self.text(from_file, path, span, sink)?;
        let mut columns = Vec::new();
        push_columns(&Type::Record(Rc::clone(record)), "", &mut columns);
        let rows = match path.rsplit('.').next() {
            Some("csv") => csv_rows(&text, &columns),
            Some("toml") => toml_rows(&text, key, &columns),
            _ => Err("the name of a table's file ends in .csv or .toml".into()),
        };
        match rows {
            Ok(rows) => Some(Value::Table { record: Rc::clone(record), rows }),
            Err(why) => {
                let expected: Vec<_> =
                    columns.iter().map(|c| format!("{}: {}", c.name, c.ty)).collect();
                sink.report(
                    Diagnostic::error("E0521", format!("{name}: {why}"), span, "loaded here")
                        .note(format!("a row of `{}` has {}", record.name, expected.join(", "))),
                );
                None
            }
        }
    }

    fn text(
        &self,
        from_file: u32,
        path: &str,
        span: Span,
        sink: &mut Sink,
    ) -> Option<(String, String)> {
        let from = self.names.get(from_file as usize).map_or("", String::as_str);
        let read = match self.files.read(from, path) {
            Ok((name, text)) if text.len() > BYTES_MAX => {
                Err(format!("`{name}` is longer than {BYTES_MAX} bytes"))
            }
            other => other,
        };
        read.map_err(|why| sink.error("E0520", why, span, "this file is needed")).ok()
    }
}

fn push_columns(ty: &Type, path: &str, out: &mut Vec<Column>) {
    let Type::Record(record) = ty else {
        out.push(Column { name: path.into(), ty: ty.clone() });
        return;
    };
    for (name, ty) in &record.fields {
        let name = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        push_columns(ty, &name, out);
    }
}

/// Index of the column for each expected name in a header, or what is wrong.
fn match_header(header: &[String], columns: &[Column]) -> Result<Vec<usize>, String> {
    for found in header {
        if !columns.iter().any(|c| c.name == *found) {
            let hint = nearest(found, columns.iter().map(|c| c.name.as_str()))
                .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            return Err(format!("there is no field for the column `{found}`{hint}"));
        }
    }
    columns
        .iter()
        .map(|c| {
            header
                .iter()
                .position(|h| *h == c.name)
                .ok_or_else(|| format!("the column `{}` is missing", c.name))
        })
        .collect()
}

fn csv_rows(text: &str, columns: &[Column]) -> Result<Vec<Vec<u128>>, String> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    let header = reader.headers().map_err(|e| e.to_string())?;
    let header: Vec<_> = header.iter().map(str::to_owned).collect();
    let order = match_header(&header, columns)?;
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| e.to_string())?;
        let line = record.position().map_or(0, csv::Position::line);
        if rows.len() == ROWS_MAX {
            return Err(format!("more than {ROWS_MAX} rows"));
        }
        let mut row = Vec::new();
        for (column, &at) in columns.iter().zip(&order) {
            let cell = record.get(at).unwrap_or("");
            push_cell(cell, &column.ty, &mut row)
                .map_err(|why| format!("line {line}, column `{}`: {why}", column.name))?;
        }
        rows.push(row);
    }
    Ok(rows)
}

fn toml_rows(text: &str, key: Option<&str>, columns: &[Column]) -> Result<Vec<Vec<u128>>, String> {
    let document: toml::Table = text.parse().map_err(|e: toml::de::Error| e.to_string())?;
    let Some(key) = key else {
        return Err("say which array of tables: load(\"file.toml\", \"name\")".into());
    };
    let entries = match document.get(key) {
        Some(toml::Value::Array(entries)) => entries,
        Some(_) => return Err(format!("`{key}` is not an array of tables")),
        None => return Err(format!("there is no array of tables `[[{key}]]`")),
    };
    if entries.len() > ROWS_MAX {
        return Err(format!("more than {ROWS_MAX} rows"));
    }
    let mut rows = Vec::with_capacity(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        let place = |name: &str| format!("entry {} of `{key}`, `{name}`", index + 1);
        let mut cells = Vec::new();
        flatten(entry, "", &mut cells);
        let header: Vec<_> = cells.iter().map(|(name, _)| name.clone()).collect();
        let order = match_header(&header, columns)
            .map_err(|why| format!("entry {} of `{key}`: {why}", index + 1))?;
        let mut row = Vec::new();
        for (column, &at) in columns.iter().zip(&order) {
            push_cell(&cells[at].1, &column.ty, &mut row)
                .map_err(|why| format!("{}: {why}", place(&column.name)))?;
        }
        rows.push(row);
    }
    Ok(rows)
}

fn flatten(value: &toml::Value, path: &str, out: &mut Vec<(String, String)>) {
    match value {
        toml::Value::Table(table) => {
            for (name, value) in table {
                let name = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                flatten(value, &name, out);
            }
        }
        toml::Value::String(text) => out.push((path.into(), text.clone())),
        toml::Value::Integer(number) => out.push((path.into(), number.to_string())),
        toml::Value::Float(number) => out.push((path.into(), number.to_string())),
        toml::Value::Boolean(truth) => out.push((path.into(), truth.to_string())),
        toml::Value::Datetime(time) => out.push((path.into(), time.to_string())),
        toml::Value::Array(_) => out.push((path.into(), "[…]".into())),
    }
}

/// Appends the leaves of a cell.
fn push_cell(cell: &str, ty: &Type, row: &mut Vec<u128>) -> Result<(), String> {
    if let Type::Enum(def) = ty {
        let Some(tag) = def.variants.iter().position(|v| v.0.eq_ignore_ascii_case(cell)) else {
            let names: Vec<_> = def.variants.iter().map(|v| v.0.as_str()).collect();
            return Err(format!("`{cell}` is none of {}", names.join(", ")));
        };
        if !def.variants[tag].1.is_empty() {
            return Err(format!("`{cell}` carries a value, which a cell cannot hold"));
        }
        row.push(tag as u128);
        row.extend(std::iter::repeat_n(0, ty.leaf_count() - 1));
        return Ok(());
    }
    if let Type::Option(inner) = ty {
        if cell.is_empty() {
            row.extend(std::iter::repeat_n(0, ty.leaf_count()));
            return Ok(());
        }
        row.push(1);
        return push_cell(cell, inner, row);
    }
    if let Type::Bytes(max) = ty {
        let bytes = text::bytes(cell).map_err(|fault| format!("`{cell}`: {}", fault.why))?;
        if bytes.len() > usize::from(*max) {
            return Err(format!("`{cell}` has {} bytes, the most are {max}", bytes.len()));
        }
        row.extend(ByteString::new(&bytes).leaves(*max));
        return Ok(());
    }
    let wrong = || format!("`{cell}` is not {}", ty.with_article());
    let literal = parse_literal(cell).ok_or_else(wrong)?;
    push_literal(&literal, ty, row).ok_or_else(wrong)
}

fn push_literal(literal: &ast::Literal, ty: &Type, row: &mut Vec<u128>) -> Option<()> {
    use ast::Literal as L;
    match (ty, literal) {
        (Type::Uint(width), L::Int { value, .. }) if fits(*value, *width) => row.push(*value),
        (Type::Int(width), L::Int { value, .. }) if fits(*value, width - 1) => row.push(*value),
        (Type::Bool, L::Bool(b)) => row.push(u128::from(*b)),
        (Type::Bool, L::Int { value: value @ (0 | 1), .. }) => row.push(*value),
        (Type::Mac, L::Mac(a)) => row.push(u128::from(*a)),
        (Type::Ip4, L::Ip4(a)) => row.push(u128::from(*a)),
        (Type::Ip6, L::Ip6(a)) => row.push(*a),
        (Type::Prefix4, L::Prefix4(a, len)) => row.extend([u128::from(*a), u128::from(*len)]),
        (Type::Prefix4, L::Ip4(a)) => row.extend([u128::from(*a), 32]),
        (Type::Prefix6, L::Prefix6(a, len)) => row.extend([*a, u128::from(*len)]),
        (Type::Prefix6, L::Ip6(a)) => row.extend([*a, 128]),
        (Type::Duration | Type::Time, L::Duration { nanos, .. }) => row.push(u128::from(*nanos)),
        _ => return None,
    }
    Some(())
}

/// The literal that a cell consists of.
fn parse_literal(cell: &str) -> Option<ast::Literal> {
    let mut sources = SourceMap::default();
    let file = sources.add("cell", cell);
    match parse_expr(&sources, file) {
        (ast::Expr { kind: ast::ExprKind::Literal(literal), .. }, messages)
            if messages.is_empty() =>
        {
            Some(literal)
        }
        _ => None,
    }
}

const fn fits(value: u128, width: u8) -> bool {
    width >= 128 || value >> width == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    struct One(&'static str);

    impl Files for One {
        fn read(&self, _from: &str, path: &str) -> Result<(String, String), String> {
            Ok((path.into(), self.0.into()))
        }
    }

    fn record() -> Rc<RecordType> {
        let fields = [
            ("prefix", Type::Prefix4),
            ("port", Type::Uint(8)),
            ("idle", Type::Duration.optional()),
        ];
        let fields = fields.into_iter().map(|(n, t)| (n.to_owned(), t)).collect();
        Rc::new(RecordType { name: "Row".into(), fields })
    }

    fn load(path: &str, key: Option<&str>, text: &'static str) -> Result<Vec<Vec<u128>>, String> {
        let files = One(text);
        let tables = FileTables { files: &files, names: vec!["p.trama".into()] };
        let mut sink = Sink::new();
        match tables.load(0, path, key, &record(), Span::default(), &mut sink) {
            Some(Value::Table { rows, .. }) => Ok(rows),
            _ => Err(sink.diagnostics.remove(0).message),
        }
    }

    #[test]
    fn csv_columns_may_stand_in_any_order() {
        let rows =
            load("t.csv", None, "port, idle, prefix\n# note\n80, 2s, 10.0.0.0/8\n81,,1.2.3.4\n");
        let expected =
            vec![vec![0x0a00_0000, 8, 80, 1, 2_000_000_000], vec![0x0102_0304, 32, 81, 0, 0]];
        assert_eq!(rows, Ok(expected));
    }

    #[test]
    fn toml_arrays_of_tables_are_rows() {
        let text = "[[a]]\nprefix = \"10.0.0.0/8\"\nport = 80\nidle = \"1ms\"\n";
        assert_eq!(
            load("t.toml", Some("a"), text),
            Ok(vec![vec![0x0a00_0000, 8, 80, 1, 1_000_000]])
        );
        let why = load("t.toml", Some("b"), text).expect_err("there is no such array");
        assert!(why.contains("[[b]]"), "{why}");
    }

    #[test]
    fn wrong_cells_are_named() {
        let why =
            load("t.csv", None, "prefix,port,idle\n10.0.0.0/8,256,\n").expect_err("too great");
        assert!(why.contains("line 2") && why.contains("`port`") && why.contains("256"), "{why}");
        let why = load("t.csv", None, "prefix,prot,idle\n").expect_err("misspelt");
        assert!(why.contains("`port`"), "{why}");
        let why = load("t.csv", None, "prefix,port\n").expect_err("missing");
        assert!(why.contains("`idle` is missing"), "{why}");
    }
}
