//! Text that is made from the user's, with the place of each piece.

use crate::source::{Origin, SourceMap, Span};

/// Program text in the making.
#[derive(Clone, Debug, Default)]
pub(super) struct Code {
    pub(super) text: String,
    pub(super) origins: Vec<Origin>,
}

impl Code {
    /// Text of our own, made because of `from`.
    pub(super) fn new(text: impl AsRef<str>, from: Span) -> Self {
        let mut code = Self::default();
        code.push(text, from);
        code
    }

    /// Adds text of our own, made because of `from`.
    pub(super) fn push(&mut self, text: impl AsRef<str>, from: Span) {
        self.piece(text.as_ref(), from, false);
    }

    /// Adds what the user wrote at `from`.
    pub(super) fn verbatim(&mut self, sources: &SourceMap, from: Span) {
        self.piece(sources.text(from), from, true);
    }

    fn piece(&mut self, text: &str, from: Span, is_verbatim: bool) {
        if !text.is_empty() {
            self.origins.push(Origin { at: self.text.len() as u32, from, is_verbatim });
            self.text.push_str(text);
        }
    }

    /// Adds other code.
    pub(super) fn append(&mut self, other: &Self) {
        let shift = self.text.len() as u32;
        self.origins.extend(other.origins.iter().map(|o| Origin { at: o.at + shift, ..*o }));
        self.text.push_str(&other.text);
    }

    /// `template` with each `$` replaced by the next part.
    pub(super) fn fill(template: &str, parts: &[&Self], from: Span) -> Self {
        let mut code = Self::default();
        let mut parts = parts.iter();
        for (index, text) in template.split('$').enumerate() {
            if index > 0
                && let Some(part) = parts.next()
            {
                code.append(part);
            }
            code.push(text, from);
        }
        debug_assert!(parts.next().is_none(), "a part for each mark: {template}");
        code
    }
}
