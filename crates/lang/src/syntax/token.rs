//! Tokens, comments, and the words that have a meaning of their own.

use super::ast::Literal;
use crate::source::Span;

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TokenKind {
    /// A name or keyword; its text is that of the span.
    Word,
    /// A number, address or prefix.
    Literal(Literal),
    /// A string, quotes included; decoded by whoever knows what it is for.
    Str,
    /// A string of bytes, `b` and quotes included.
    ByteStr,
    /// Punctuation or an operator.
    Symbol(&'static str),
    /// Something for which a message has been given.
    Bad,
    /// End of the text.
    Eof,
}

/// A token with its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    /// What.
    pub(crate) kind: TokenKind,
    /// Where.
    pub(crate) span: Span,
    /// The first one on its line.
    pub(crate) newline: bool,
}

/// Kinds of comments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CommentKind {
    /// `// …` or `/* … */`
    Plain,
    /// `/// …`
    Doc,
    /// `//! …`
    HeadDoc,
}

/// A comment with its place, markers included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Comment {
    /// What.
    pub(crate) kind: CommentKind,
    /// Where; a line comment ends before its line feed.
    pub(crate) span: Span,
    /// Nothing but blanks stands before it on its line.
    pub(crate) newline: bool,
}

/// Words that cannot be names. After a dot, and before the colon of a field or an argument, any
/// word will do.
pub const KEYWORDS: &[&str] = &[
    "alert", "as", "break", "const", "continue", "copy", "drop", "else", "false", "fn", "for",
    "if", "in", "insert", "is", "let", "log", "match", "mut", "remove", "replace", "return",
    "send", "true",
];

/// Words that mean something in one place of the grammar and may be names in all others. Those
/// that begin an item or a member do so where what they declare follows on the same line.
pub const CONTEXTUAL: &[&str] = &[
    "after", "at", "because", "by", "close", "element", "emit", "enum", "event", "every", "expect",
    "fold", "from", "generate", "header", "import", "init", "inputs", "into", "limit", "network",
    "on", "patterns", "port", "query", "record", "state", "stream", "test", "to", "top", "with",
];

/// Words kept for what the language will do later: no names.
pub const RESERVED: &[&str] = &["deploy", "path", "request"];

/// Words that begin an item.
pub const ITEM_WORDS: &[&str] = &[
    "const", "element", "enum", "fn", "fold", "header", "import", "inputs", "network", "query",
    "record", "test",
];

/// Words that begin a member of an element.
pub const MEMBER_WORDS: &[&str] =
    &["const", "event", "every", "fn", "init", "on", "patterns", "port", "state", "stream"];

/// Words that stand behind an operand.
pub(crate) const INFIX_WORDS: &[&str] = &["as", "else", "in", "is"];

/// Words that begin a statement.
pub const STATEMENT_WORDS: &[&str] = &[
    "alert", "break", "continue", "drop", "emit", "for", "generate", "if", "insert", "let", "log",
    "match", "remove", "replace", "return", "send",
];

/// Words that begin an option of a state object.
pub const STATE_OPTIONS: &[&str] =
    &["expire", "evict", "rate", "burst", "members", "update", "error", "seed"];
