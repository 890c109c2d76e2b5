//! Declarations of pattern sets: from lists, files and tables of rules.

use super::declare::StateType;
use super::lower::Lowerer;
use super::types::{RecordType, Type};
use super::value::{Value, eval_const};
use crate::diagnostic::Diagnostic;
use crate::source::{SourceMap, Span};
use crate::syntax::ast::{self, PatternSource};
use crate::syntax::parse_patterns;
use std::sync::Arc;
use trama_state::{Pattern, PatternSet, StateKind};
use trama_wire::bytes::ByteString;

impl Lowerer<'_> {
    /// Declares a pattern set; one that is wrong is reported and silent from then on.
    pub(super) fn declare_patterns(&mut self, patterns: &ast::Patterns) {
        if self.declared_before(&patterns.name) {
            return;
        }
        if self.try_declare_patterns(patterns).is_none() {
            self.broken.insert(patterns.name.text.clone());
        }
    }

    fn try_declare_patterns(&mut self, declared: &ast::Patterns) -> Option<()> {
        let (patterns, span) = match &declared.source {
            PatternSource::List(items, span) if items.is_empty() => {
                self.sink.error("E0804", "a list of patterns is not empty", *span, "no pattern");
                return None;
            }
            PatternSource::List(items, span) => (self.byte_patterns(items)?, *span),
            PatternSource::From(source) => (self.patterns_from(source)?, source.span),
        };
        match PatternSet::new(patterns) {
            Ok(set) => {
                let kind = StateKind::Patterns(Arc::new(set));
                self.add_state(&declared.name, StateType::Patterns, kind)
            }
            Err(error) => {
                let message = format!("`{}`: {error}", declared.name.text);
                self.sink.error("E0804", message, span, "these patterns");
                None
            }
        }
    }

    fn byte_patterns(&mut self, items: &[ast::BytePattern]) -> Option<Vec<Pattern>> {
        let one = |item: &ast::BytePattern| {
            let mut number = |expr: &Option<ast::Expr>| match expr {
                None => Some(None),
                Some(expr) => {
                    let value = self.const_expr(expr, &Type::Uint(32))?.as_u64()?;
                    Some(u32::try_from(value).ok())
                }
            };
            let (offset, depth) = (number(&item.offset)?, number(&item.depth)?);
            let (bytes, nocase) = (item.bytes.clone(), item.nocase);
            Some(Pattern { bytes, nocase, offset: offset.unwrap_or(0), depth })
        };
        items.iter().map(one).collect()
    }

    /// The patterns of a file, or of a table's rows.
    fn patterns_from(&mut self, source: &ast::Expr) -> Option<Vec<Pattern>> {
        self.mark_names(source);
        match eval_const(self.items, self.env, source, None, self.tables, self.sink)? {
            Value::Str(path) => {
                let (name, text) =
                    self.tables.text(source.span.file, &path, source.span, self.sink)?;
                self.patterns_of_file(name, text, source.span)
            }
            Value::Table { record, rows } => self.patterns_of_rows(&record, &rows, source.span),
            other => {
                let message = "patterns come from a file or from a table";
                let label = format!("this is {}", other.ty().with_article());
                self.sink.error("E0804", message, source.span, label);
                None
            }
        }
    }

    /// A pattern for each row: its field `pattern`, and if there are such fields `nocase`, `offset`
    /// and `depth`, of which zero means none.
    fn patterns_of_rows(
        &mut self,
        record: &RecordType,
        rows: &[Vec<u128>],
        span: Span,
    ) -> Option<Vec<Pattern>> {
        let fields = RuleFields::of(record);
        let Some((at, count)) = fields.pattern else {
            let message = format!("`{}` has no field `pattern` of byte strings", record.name);
            self.sink.error("E0804", message, span, "where are the patterns?");
            return None;
        };
        let number = |row: &[u128], field: Option<usize>| field.map_or(0, |at| row[at] as u32);
        let one = |row: &Vec<u128>| Pattern {
            bytes: ByteString::from_leaves(&row[at..at + count]).as_slice().to_vec(),
            nocase: number(row, fields.nocase) != 0,
            offset: number(row, fields.offset),
            depth: Some(number(row, fields.depth)).filter(|depth| *depth > 0),
        };
        Some(rows.iter().map(one).collect())
    }

    fn patterns_of_file(&mut self, name: String, text: String, span: Span) -> Option<Vec<Pattern>> {
        let text = text.lines().map(without_comment).collect::<Vec<_>>().join("\n");
        let mut sources = SourceMap::default();
        let file = sources.add(name.clone(), text);
        let (items, faults) = parse_patterns(&sources, file);
        if let Some(fault) = faults.first() {
            let (line, _) = sources.line_column(fault.label.0);
            let message = format!("{name}, line {line}: {}", fault.message);
            self.sink.report(
                Diagnostic::error("E0804", message, span, "from this file")
                    .note("a line holds a pattern as in a program: `\"cmd.exe\" nocase offset 4`"),
            );
            return None;
        }
        let is_plain = |expr: &Option<ast::Expr>| expr.as_ref().is_none_or(is_small_number);
        match items.iter().find(|item| !is_plain(&item.offset) || !is_plain(&item.depth)) {
            None => self.byte_patterns(&items),
            Some(item) => {
                let (line, _) = sources.line_column(item.span);
                let message = format!("{name}, line {line}: offset and depth are numbers here");
                self.sink.error("E0804", message, span, "from this file");
                None
            }
        }
    }
}

/// Where the leaves of a rule are that say what its pattern is.
#[derive(Default)]
struct RuleFields {
    /// First leaf of the byte string and how many it has.
    pattern: Option<(usize, usize)>,
    nocase: Option<usize>,
    offset: Option<usize>,
    depth: Option<usize>,
}

impl RuleFields {
    fn of(record: &RecordType) -> Self {
        let (mut found, mut at) = (Self::default(), 0);
        for (name, ty) in &record.fields {
            match (name.as_str(), ty) {
                ("pattern", Type::Bytes(_)) => found.pattern = Some((at, ty.leaf_count())),
                ("nocase", Type::Bool) => found.nocase = Some(at),
                ("offset", Type::Uint(1..=32)) => found.offset = Some(at),
                ("depth", Type::Uint(1..=32)) => found.depth = Some(at),
                _ => {}
            }
            at += ty.leaf_count();
        }
        found
    }
}

/// True for a number of 32 bits that stands there as such.
fn is_small_number(expr: &ast::Expr) -> bool {
    matches!(
        &expr.kind,
        ast::ExprKind::Literal(ast::Literal::Int { value, .. }) if u32::try_from(*value).is_ok()
    )
}

/// A line up to a `#` that is not within quotes.
fn without_comment(line: &str) -> &str {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            b'#' if !quoted => return &line[..at],
            _ => {}
        }
    }
    line
}
