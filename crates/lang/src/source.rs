//! Places in source text.

/// A range of bytes in one of the source files of a program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Index of the file in [`SourceMap`].
    pub file: u32,
    /// First byte.
    pub start: u32,
    /// First byte beyond.
    pub end: u32,
}

impl Span {
    /// The shortest span that covers both, which are in one file.
    #[must_use]
    pub fn to(self, end: Self) -> Self {
        Self { file: self.file, start: self.start.min(end.start), end: self.end.max(end.end) }
    }

    /// True if `inner` begins in this span.
    pub fn contains(self, inner: Self) -> bool {
        self.file == inner.file && (self.start..self.end).contains(&inner.start)
    }
}

/// A source file.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Name to print: a path, or `<library>/Nat.trama`.
    pub name: String,
    /// Its text.
    pub text: String,
    /// Where its pieces come from, in order, if it was made from other files.
    pub origins: Vec<Origin>,
}

/// A piece of a file that was made from other files: it goes on to the next piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// First byte of the piece.
    pub at: u32,
    /// What it was made from.
    pub from: Span,
    /// It is the same text.
    pub is_verbatim: bool,
}

/// All files of a program; spans index it.
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    /// The files, in the order in which they were added.
    pub files: Vec<SourceFile>,
}

impl SourceMap {
    /// Adds a file and returns its index.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> u32 {
        self.add_made(name, text, Vec::new())
    }

    /// Adds a file that was made from others and returns its index.
    pub fn add_made(
        &mut self,
        name: impl Into<String>,
        text: impl Into<String>,
        origins: Vec<Origin>,
    ) -> u32 {
        self.files.push(SourceFile { name: name.into(), text: text.into(), origins });
        (self.files.len() - 1) as u32
    }

    /// The place in the user's text that a span stands for; itself if its file was not made from
    /// others.
    pub fn origin(&self, span: Span) -> Span {
        let Some(file) = self.files.get(span.file as usize) else { return span };
        let piece = |at: u32| {
            let next = file.origins.partition_point(|o| o.at <= at);
            next.checked_sub(1).map(|index| file.origins[index])
        };
        let last = span.end.saturating_sub(1).max(span.start);
        let (Some(first), Some(end)) = (piece(span.start), piece(last)) else { return span };
        // What was added in front of a text that is the user's is not the user's.
        let next = file.origins.iter().find(|o| o.at > span.start && o.at <= last && o.is_verbatim);
        let (first, start) = match next {
            Some(next) if !first.is_verbatim && end.is_verbatim => (*next, next.at),
            _ => (first, span.start),
        };
        if !first.is_verbatim || !end.is_verbatim || first.from.file != end.from.file {
            return first.from;
        }
        let start = first.from.start + (start - first.at);
        let end = end.from.start + (last - end.at) + u32::from(span.end > span.start);
        Span { file: first.from.file, start, end: end.max(start) }
    }

    /// The text of a span.
    pub fn text(&self, span: Span) -> &str {
        &self.files[span.file as usize].text[span.start as usize..span.end as usize]
    }

    /// Line and column, from 1, of the start of a span; the column counts characters.
    pub fn line_column(&self, span: Span) -> (usize, usize) {
        let before = &self.files[span.file as usize].text[..span.start as usize];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
        (line, column)
    }
}
