//! Where the checker's messages go: in order, each once.

use crate::diagnostic::{Diagnostic, Severity};
use crate::source::Span;
use std::collections::BTreeSet;

/// Collects diagnostics.
///
/// An element may be lowered once for each of its instances, and a function once for each call: a
/// message with a code and span that were seen before is dropped.
#[derive(Debug, Default)]
pub struct Sink {
    /// What was reported, in order.
    pub diagnostics: Vec<Diagnostic>,
    seen: BTreeSet<(&'static str, Span)>,
}

impl Sink {
    /// An empty sink.
    pub fn new() -> Self {
        Self::default()
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
