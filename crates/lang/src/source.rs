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
        self.files.push(SourceFile { name: name.into(), text: text.into() });
        (self.files.len() - 1) as u32
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
