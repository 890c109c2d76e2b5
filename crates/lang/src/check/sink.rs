//! Where the checker's messages go: in order, each once; and, for editors, what it found out.

use super::types::Type;
use crate::diagnostic::{Diagnostic, Severity};
use crate::source::Span;
use std::collections::{BTreeMap, BTreeSet};
use trama_wire::header::HeaderSet;

/// What the checker found out about places in the source. An element that is lowered several times
/// leaves the notes of the last time.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    /// Types of expressions and of the names that `let`, `for`, patterns and functions bind.
    pub types: BTreeMap<Span, Type>,
    /// Headers that a packet certainly has where it is named.
    pub headers: BTreeMap<Span, HeaderSet>,
}

/// Collects diagnostics.
///
/// An element may be lowered once for each of its instances, and a function once for each call: a
/// message with a code and span that were seen before is dropped.
#[derive(Debug, Default)]
pub struct Sink {
    /// What was reported, in order.
    pub diagnostics: Vec<Diagnostic>,
    /// Kept for an editor; nothing is noted without it.
    pub notes: Option<Notes>,
    seen: BTreeSet<(&'static str, Span)>,
}

impl Sink {
    /// An empty sink.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes note of the type of what stands at a place, if somebody wants to know.
    pub fn note_type(&mut self, span: Span, ty: &Type) {
        if let Some(notes) = &mut self.notes
            && !ty.is_silent()
        {
            notes.types.insert(span, ty.clone());
        }
    }

    /// Takes note of the headers of the packet named at a place, if somebody wants to know.
    pub fn note_headers(&mut self, span: Span, headers: HeaderSet) {
        if let Some(notes) = &mut self.notes {
            notes.headers.insert(span, headers);
        }
    }

    /// Adds a message unless the same code was reported at the same place before.
    pub fn report(&mut self, diagnostic: Diagnostic) {
        if self.seen.insert((diagnostic.code, diagnostic.label.0)) {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Reports an error that needs no more than a message and a label.
    pub fn error(
        &mut self,
        code: &'static str,
        message: impl Into<String>,
        span: Span,
        label: impl Into<String>,
    ) {
        self.report(Diagnostic::error(code, message, span, label));
    }

    /// Reports a warning that needs no more than a message and a label.
    pub fn warning(
        &mut self,
        code: &'static str,
        message: impl Into<String>,
        span: Span,
        label: impl Into<String>,
    ) {
        self.report(Diagnostic::warning(code, message, span, label));
    }

    /// Drops the warnings among the messages from `first` on. They are not reported again.
    ///
    /// What is unused or never reached may only seem so where there are errors.
    pub fn drop_warnings(&mut self, first: usize) {
        let mut index = 0;
        self.diagnostics.retain(|d| {
            index += 1;
            index <= first || d.severity == Severity::Error
        });
    }

    /// True if any error was reported.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|d| d.severity == Severity::Error)
    }

    /// Number of errors so far.
    pub fn error_count(&self) -> usize {
        self.diagnostics.iter().filter(|d| d.severity == Severity::Error).count()
    }
}
