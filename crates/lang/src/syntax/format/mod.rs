//! The one way to lay out a program: `trama fmt`.
//!
//! Four spaces, 100 columns, one statement on a line. A block or list that stood on one line and
//! fits stays on one line; everything else is broken, with trailing commas. Comments and single
//! blank lines are kept; a comment in the midst of an expression moves behind its statement.
//! Formatting what has been formatted changes nothing, and never changes what a program means.

mod expr;
mod item;
mod query;
mod stmt;

#[cfg(test)]
mod tests;

use super::ast::File;
use super::parser::parse_with_comments;
use super::token::Comment;
use crate::diagnostic::Diagnostic;
use crate::source::{SourceMap, Span};

/// Width of a line in characters.
const COLUMNS: usize = 100;

/// Spaces for each level.
const INDENT: usize = 4;

/// Most rounds until the layout rests. Comments in the midst of things take a second round to find
/// their lines; more are not known to be needed.
const ROUNDS_MAX: usize = 4;

/// The formatted text of a file of the source map, which has been parsed to this tree. What has
/// syntax errors is given back as it is.
pub fn format(sources: &SourceMap, file: &File) -> String {
    let source = &sources.files[file.file as usize].text;
    let Ok(mut text) = layout(sources, file.file) else { return source.clone() };
    for _ in 1..ROUNDS_MAX {
        let mut again = SourceMap::default();
        again.add("", text.as_str());
        let Ok(next) = layout(&again, 0) else {
            debug_assert!(false, "what was laid out parses: {text}");
            return source.clone();
        };
        if next == text {
            break;
        }
        text = next;
    }
    text
}

fn layout(sources: &SourceMap, file: u32) -> Result<String, Vec<Diagnostic>> {
    let (tree, comments) = parse_with_comments(sources, file)?;
    let mut printer = Printer::new(&sources.files[file as usize].text, comments);
    printer.file(&tree);
    let mut out = printer.out;
    if !out.is_empty() {
        out.push('\n');
    }
    Ok(out)
}

/// Writes text, either flat (all on this line, or it fails) or broken over lines.
struct Printer<'a> {
    text: &'a str,
    comments: Vec<Comment>,
    /// Index of the first comment that is not yet written.
    next: usize,
    out: String,
    /// Width of a line in characters.
    columns: usize,
    level: usize,
    /// End, in the source, of what was written last; blank lines are looked for behind it.
    last_end: u32,
    /// Nothing has been written since a brace was opened: no blank line goes here.
    fresh: bool,
    /// Only this line may be written to.
    flat: bool,
    /// What was to be flat cannot be.
    failed: bool,
    /// `Name { … }` is a record here, not a name before a block.
    records: bool,
}

impl<'a> Printer<'a> {
    fn new(text: &'a str, comments: Vec<Comment>) -> Self {
        Self {
            text,
            comments,
            next: 0,
            out: String::new(),
            columns: COLUMNS,
            level: 0,
            last_end: 0,
            fresh: true,
            flat: false,
            failed: false,
            records: true,
        }
    }

    fn push(&mut self, text: &str) {
        if !self.failed {
            self.out.push_str(text);
            self.failed = self.flat && self.column() > self.columns;
        }
    }

    /// Characters on the line so far.
    fn column(&self) -> usize {
        self.out.rsplit('\n').next().map_or(0, |line| line.chars().count())
    }

    /// A new line, indented. The first line of the file is not preceded by one.
    fn line(&mut self) {
        debug_assert!(!self.flat, "flat text has no lines");
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        self.out.extend(std::iter::repeat_n(' ', self.level * INDENT));
    }

    /// Writes with `write`, flat if that fits with `tail` columns to spare; else takes it back and
    /// returns false.
    fn fits(&mut self, tail: usize, write: impl FnOnce(&mut Self)) -> bool {
        if self.flat {
            write(self);
            return true;
        }
        let mark = (self.out.len(), self.next, self.last_end, self.fresh);
        self.flat = true;
        self.failed = false;
        write(self);
        self.flat = false;
        if !self.failed && self.column() + tail <= self.columns {
            return true;
        }
        self.failed = false;
        self.out.truncate(mark.0);
        (self.next, self.last_end, self.fresh) = (mark.1, mark.2, mark.3);
        false
    }

    // The source.

    fn source(&self, span: Span) -> &'a str {
        &self.text[span.start as usize..span.end as usize]
    }

    /// The source between two places spans lines.
    fn breaks(&self, from: u32, to: u32) -> bool {
        from < to && self.text[from as usize..to as usize].contains('\n')
    }

    /// Where the bracket stands that closes a list whose last item ends at `end`.
    fn closing(&self, mut end: u32) -> u32 {
        loop {
            let rest = &self.text[end as usize..];
            let blank = rest.len() - rest.trim_start_matches([',', ' ', '\t', '\r', '\n']).len();
            end += blank as u32;
            let at = self.comments.partition_point(|c| c.span.start < end);
            match self.comments.get(at) {
                Some(comment) if comment.span.start == end => end = comment.span.end,
                _ => return end,
            }
        }
    }

    fn has_comment(&self, span: Span) -> bool {
        let first = self.comments.partition_point(|c| c.span.start < span.start);
        self.comments.get(first).is_some_and(|c| c.span.start < span.end)
    }

    // Lines, with the comments and blank lines around them.

    /// A blank line, if the source has one before `start` and this is not the first thing in
    /// braces.
    fn gap(&mut self, start: u32) {
        let between = self.text.get(self.last_end as usize..start as usize).unwrap_or("");
        if !self.fresh && between.matches('\n').count() > 1 {
            self.out.push('\n');
        }
        self.fresh = false;
    }

    /// Writes the comments before `limit`, each on its line.
    fn comments_before(&mut self, limit: u32) {
        while let Some(comment) = self.comments.get(self.next).filter(|c| c.span.start < limit) {
            let span = comment.span;
            self.next += 1;
            self.gap(span.start);
            self.line();
            let text = self.source(span);
            self.out.push_str(text);
            self.last_end = self.last_end.max(span.end);
        }
    }

    /// Starts the line of what begins at `start` in the source.
    fn begin(&mut self, start: u32) {
        self.comments_before(start);
        self.gap(start);
        self.line();
    }

    /// Ends the line of what ends at `end` in the source: adds the comment behind it, and writes
    /// below it the ones that were within.
    fn end(&mut self, end: u32) {
        self.last_end = self.last_end.max(end);
        if self.comments.get(self.next).is_some_and(|c| c.span.start < end) {
            self.comments_before(end);
            return;
        }
        let Some(comment) = self.comments.get(self.next) else { return };
        let span = comment.span;
        let between = &self.text[end as usize..span.start as usize];
        if !between.contains('\n') && matches!(between.trim(), "" | "," | ";") {
            self.next += 1;
            self.out.push(' ');
            let text = self.source(span);
            self.out.push_str(text);
            self.last_end = span.end;
        }
    }

    /// `open … close` with one thing on each line; `body` writes them.
    fn braces(&mut self, open: &str, close: &str, end: u32, body: impl FnOnce(&mut Self)) {
        if self.flat {
            self.failed = true;
            return;
        }
        self.push(open);
        let length = self.out.len();
        self.level += 1;
        self.fresh = true;
        body(self);
        self.comments_before(end);
        self.level -= 1;
        self.fresh = false;
        if self.out.len() > length {
            self.line();
        }
        self.push(close);
        self.last_end = self.last_end.max(end);
    }

    /// A list of things separated by commas: flat if `flat_source` and it fits, else one on each
    /// line.
    fn list<T>(&mut self, list: &List<'_, T>, item: impl Fn(&mut Self, &T)) {
        let (open, close) = list.brackets;
        let records = std::mem::replace(&mut self.records, true);
        let broken = list.broken || self.has_comment(list.span);
        let spaced = open == "{" && !list.items.is_empty();
        let flat = |p: &mut Self| {
            p.push(if spaced { "{ " } else { open });
            for (i, element) in list.items.iter().enumerate() {
                if i > 0 {
                    p.push(", ");
                }
                item(p, element);
            }
            p.push(if list.single && list.items.len() == 1 { "," } else { "" });
            p.push(if spaced { " }" } else { close });
        };
        if broken || !self.fits(list.tail, flat) {
            self.braces(open, close, list.span.end.saturating_sub(1), |p| {
                for element in list.items {
                    let span = (list.place)(element);
                    p.begin(span.start);
                    item(p, element);
                    p.push(",");
                    p.end(span.end);
                }
            });
        }
        self.records = records;
    }
}

/// A list to write.
struct List<'l, T> {
    brackets: (&'static str, &'static str),
    items: &'l [T],
    /// From somewhere before the opening bracket's content to the closing bracket.
    span: Span,
    /// Where an item stands.
    place: fn(&T) -> Span,
    /// Must be broken.
    broken: bool,
    /// A single item is followed by a comma (tuples).
    single: bool,
    /// Columns needed behind it on the same line.
    tail: usize,
}
