//! Names in the expressions of a query: columns of the row, and headers and properties of the
//! packet, which a query writes without the packet before them.

use super::code::Code;
use crate::check::items::Items;
use crate::check::walk::{self, Node};
use crate::diagnostic::Diagnostic;
use crate::source::{SourceMap, Span};
use crate::syntax::ast::{Expr, ExprKind};
use std::collections::BTreeSet;

/// The packet in what is made.
pub(super) const PACKET: &str = "packet";

/// Properties of packets that are no headers.
const PROPERTIES: &[&str] = &["len", "proto", "mark", "flow", "flow6", "payload"];

/// What names may mean.
#[derive(Clone, Copy)]
pub(super) struct Words<'a> {
    pub(super) items: &'a Items<'a>,
    pub(super) sources: &'a SourceMap,
}

/// What a row consists of, where an expression stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    /// Its columns: how a query writes each (`ip.src`), and what it is called (`ip_src`).
    pub(super) columns: Vec<Column>,
    /// The row is a packet, perhaps with columns.
    pub(super) has_packet: bool,
}

/// A column of a row.
#[derive(Clone, Debug)]
pub(super) struct Column {
    /// As a query writes it, name by name.
    pub(super) path: Vec<String>,
    /// A plain name.
    pub(super) name: String,
    /// Number of its type among those that were probed.
    pub(super) ty: usize,
    /// Where it was made.
    pub(super) span: Span,
}

/// A replacement within the user's text.
struct Edit {
    /// What is replaced; empty for an insertion.
    span: Span,
    text: String,
}

impl Row {
    /// The user's text at `span`, whose expressions are `exprs`, with names as they are in what is
    /// made. Reports headers that the row does not have.
    pub(super) fn rewrite(
        &self,
        words: Words<'_>,
        (span, exprs): (Span, &[&Expr]),
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Code {
        let mut edits: Vec<Edit> = Vec::new();
        for expr in exprs {
            self.edits(words, expr, &mut edits, diagnostics);
        }
        edits.sort_by_key(|edit| edit.span.start);
        let mut code = Code::default();
        let mut at = span.start;
        for edit in edits {
            code.verbatim(words.sources, Span { start: at, end: edit.span.start, ..span });
            code.push(edit.text, edit.span);
            at = edit.span.end;
        }
        code.verbatim(words.sources, Span { start: at, ..span });
        code
    }

    /// An expression, in parentheses.
    pub(super) fn expr(
        &self,
        words: Words<'_>,
        expr: &Expr,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Code {
        let inner = self.rewrite(words, (expr.span, &[expr]), diagnostics);
        Code::fill("($)", &[&inner], expr.span)
    }

    fn edits(
        &self,
        words: Words<'_>,
        expr: &Expr,
        edits: &mut Vec<Edit>,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        let mut seen = BTreeSet::new();
        walk::expr(expr, &mut |node| {
            let Node::Expr(e) = node else { return };
            let Some(path) = path(e) else { return };
            let (root, start) = path[0];
            if !seen.insert(start.start) {
                return;
            }
            if let Some((column, end)) = self.column(&path) {
                let whole = start.to(end);
                if column.path.len() > 1 {
                    edits.push(Edit { span: whole, text: column.name.clone() });
                }
                return;
            }
            let is_property = PROPERTIES.contains(&root) || words.items.header_id(root).is_some();
            if is_property && self.has_packet {
                let span = Span { end: start.start, ..start };
                edits.push(Edit { span, text: format!("{PACKET}.") });
            } else if is_property || root == PACKET && !self.has_packet {
                diagnostics.push(self.no_column(root, start.to(e.span)));
            }
        });
    }

    fn no_column(&self, root: &str, span: Span) -> Diagnostic {
        let names: Vec<String> = self.columns.iter().map(|c| c.path.join(".")).collect();
        let message =
            format!("`{root}` is of a packet, and the rows here are not packets any more");
        let note = format!("the columns are {}", names.join(", "));
        Diagnostic::error("E0903", message, span, "not a column").note(note)
    }

    /// The column that a path begins with, and where its name ends.
    fn column(&self, path: &[(&str, Span)]) -> Option<(&Column, Span)> {
        let begins = |column: &&Column| {
            column.path.len() <= path.len()
                && column.path.iter().zip(path).all(|(name, (given, _))| name == given)
        };
        let longest = self.columns.iter().rev().filter(begins).max_by_key(|c| c.path.len());
        longest.map(|column| (column, path[column.path.len() - 1].1))
    }

    /// The column of that name or path.
    pub(super) fn named(&self, name: &str) -> Option<&Column> {
        self.columns.iter().rev().find(|c| c.name == name || c.path.join(".") == name)
    }

    /// Adds a column, or replaces the one of that name.
    pub(super) fn set(&mut self, column: Column) {
        self.columns.retain(|known| known.name != column.name);
        self.columns.push(column);
    }
}

/// The names of `a.b.c`, each with its place; `None` for anything else.
fn path(expr: &Expr) -> Option<Vec<(&str, Span)>> {
    match &expr.kind {
        ExprKind::Name(name) => Some(vec![(name, expr.span)]),
        ExprKind::Field(base, field) => {
            let mut names = path(base)?;
            names.push((&field.text, field.span));
            Some(names)
        }
        _ => None,
    }
}

/// The path by which an expression names itself: `ip.src`.
pub(super) fn own_path(expr: &Expr) -> Option<Vec<String>> {
    let names = path(expr)?;
    Some(names.into_iter().map(|(name, _)| name.to_owned()).collect())
}
