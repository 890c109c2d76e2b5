//! What the compiler tells the user. Rendered by the command line; never printed here.

use crate::source::Span;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The program can run, but probably not as meant.
    Warning,
    /// The program cannot run.
    Error,
}

/// A message about a place in the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable code: `E0201` for errors, `W0101` for warnings. Each has a page in the book.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// One sentence: what is wrong, in the user's terms.
    pub message: String,
    /// Where; what to write beside the caret.
    pub label: (Span, String),
    /// Other places that matter.
    pub others: Vec<(Span, String)>,
    /// What to do about it.
    pub note: Option<String>,
    /// An edit that mends it: replace the span by the text.
    pub patch: Option<(Span, String)>,
}

impl Diagnostic {
    /// An error with its label.
    pub fn error(
        code: &'static str,
        message: impl Into<String>,
        span: Span,
        label: impl Into<String>,
    ) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            label: (span, label.into()),
            others: Vec::new(),
            note: None,
            patch: None,
        }
    }

    /// A warning with its label.
    pub fn warning(
        code: &'static str,
        message: impl Into<String>,
        span: Span,
        label: impl Into<String>,
    ) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message, span, label) }
    }

    /// Adds another place.
    #[must_use]
    pub fn other(mut self, span: Span, label: impl Into<String>) -> Self {
        self.others.push((span, label.into()));
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// Adds an edit.
    #[must_use]
    pub fn patch(mut self, span: Span, text: impl Into<String>) -> Self {
        self.patch = Some((span, text.into()));
        self
    }
}
