//! Text to tokens and comments.

mod address;
mod number;
#[cfg(test)]
mod tests;

use super::token::{Comment, CommentKind, Token, TokenKind};
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::syntax::MESSAGES_MAX;
use std::ops::Range;

/// What the lexer made of a text.
#[derive(Debug, Default)]
pub(crate) struct Lexed {
    /// Tokens in order; the last one is the end of the text.
    pub(crate) tokens: Vec<Token>,
    /// Comments in order.
    pub(crate) comments: Vec<Comment>,
    /// What was wrong.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Punctuation and operators, longest first.
const SYMBOLS: &[&str] = &[
    "<->", "<<=", ">>=", "..=", "=>", "->", "<-", "|>", "==", "!=", "<=", ">=", "&&", "||", "<<",
    ">>", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "..", "+", "-", "*", "/", "%", "&", "|",
    "^", "!", "<", ">", "=", ".", ",", ";", ":", "(", ")", "[", "]", "{", "}",
];

/// Splits a range of a source text, which must begin and end between characters.
pub(crate) fn lex(text: &str, file: u32, range: Range<usize>) -> Lexed {
    let mut lexer = Lexer {
        text: &text[..range.end],
        file,
        at: range.start,
        newline: true,
        out: Lexed::default(),
    };
    lexer.run();
    lexer.out
}

/// True for a character that a name may contain.
fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

struct Lexer<'a> {
    text: &'a str,
    file: u32,
    at: usize,
    newline: bool,
    out: Lexed,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span { file: self.file, start: start as u32, end: end as u32 }
    }

    /// Emits a token that ends `len` bytes from here.
    fn token(&mut self, kind: TokenKind, len: usize) {
        let span = self.span(self.at, self.at + len);
        self.out.tokens.push(Token { kind, span, newline: self.newline });
        self.at += len;
        self.newline = false;
    }

    fn error(&mut self, code: &'static str, message: &str, len: usize, label: &str) {
        let span = self.span(self.at, self.at + len);
        self.diagnose(Diagnostic::error(code, message, span, label));
    }

    fn diagnose(&mut self, diagnostic: Diagnostic) {
        if self.out.diagnostics.len() < MESSAGES_MAX {
            self.out.diagnostics.push(diagnostic);
        }
    }

    fn run(&mut self) {
        while let Some(c) = self.rest().chars().next() {
            match c {
                '\n' => {
                    self.newline = true;
                    self.at += 1;
                }
                ' ' | '\t' | '\r' | '\u{feff}' => self.at += c.len_utf8(),
                '/' if self.rest().starts_with("//") => self.line_comment(),
                '/' if self.rest().starts_with("/*") => self.block_comment(),
                '"' => self.string(TokenKind::Str),
                'b' if self.rest().starts_with("b\"") => self.string(TokenKind::ByteStr),
                ':' | 'a'..='f' | 'A'..='F' | '0'..='9' if self.address() => {}
                '0'..='9' => self.number(),
                _ if is_word(c) => {
                    let len = self.rest().find(|c| !is_word(c)).unwrap_or(self.rest().len());
                    self.token(TokenKind::Word, len);
                }
                _ => self.symbol(c),
            }
        }
        self.newline = true;
        self.token(TokenKind::Eof, 0);
    }

    fn symbol(&mut self, c: char) {
        if let Some(symbol) = SYMBOLS.iter().find(|s| self.rest().starts_with(**s)) {
            self.token(TokenKind::Symbol(symbol), symbol.len());
            return;
        }
        let strange = |c: char| c.is_ascii() && (is_word(c) || c.is_ascii_whitespace() || c == '"');
        let is_known = |c: char| strange(c) || SYMBOLS.iter().any(|s| s.starts_with(c));
        let len = self.rest().find(is_known).unwrap_or(self.rest().len()).max(c.len_utf8());
        let shown: String = self.rest()[..len].chars().take(8).collect();
        let message = match c {
            '\u{201c}' | '\u{201d}' => "texts are written in straight quotes: \"…\"".to_string(),
            '\'' => "texts are written in double quotes: \"…\"".to_string(),
            _ => format!("`{}` has no meaning here", shown.escape_debug()),
        };
        self.error("E0001", &message, len, "unknown character");
        self.token(TokenKind::Bad, len);
    }

    fn comment(&mut self, kind: CommentKind, len: usize) {
        let span = self.span(self.at, self.at + len);
        self.out.comments.push(Comment { kind, span, newline: self.newline });
        self.at += len;
    }

    fn line_comment(&mut self) {
        let rest = self.rest();
        let len = rest.find('\n').unwrap_or(rest.len());
        let kind = if rest.starts_with("//!") {
            CommentKind::HeadDoc
        } else if rest.starts_with("///") && !rest.starts_with("////") {
            CommentKind::Doc
        } else {
            CommentKind::Plain
        };
        self.comment(kind, rest[..len].trim_end().len());
    }

    fn block_comment(&mut self) {
        let bytes = self.rest().as_bytes();
        let (mut depth, mut i) = (0_u32, 0);
        while i < bytes.len() {
            match (bytes[i], bytes.get(i + 1)) {
                (b'/', Some(b'*')) => {
                    depth += 1;
                    i += 2;
                }
                (b'*', Some(b'/')) => {
                    depth -= 1;
                    i += 2;
                    if depth == 0 {
                        let spans_lines = self.rest()[..i].contains('\n');
                        self.comment(CommentKind::Plain, i);
                        self.newline |= spans_lines;
                        return;
                    }
                }
                _ => i += 1,
            }
        }
        self.error("E0004", "this comment is never closed", 2, "no `*/` follows");
        self.at = self.text.len();
    }

    /// A string ends at its closing quote or, with a message, at the end of its line.
    fn string(&mut self, kind: TokenKind) {
        let rest = self.rest();
        let opening = if kind == TokenKind::ByteStr { 2 } else { 1 };
        let mut chars = rest.char_indices().skip(opening);
        let mut len = rest.len();
        let mut closed = false;
        while let Some((i, c)) = chars.next() {
            match c {
                '"' => {
                    len = i + 1;
                    closed = true;
                    break;
                }
                '\n' => {
                    len = i;
                    break;
                }
                '\\' if rest[i + 1..].starts_with('\n') => {}
                '\\' => {
                    chars.next();
                }
                _ => {}
            }
        }
        if closed {
            self.token(kind, len);
        } else {
            let end = rest[..len].trim_end().len();
            // The quoted part: what the parser knows an unclosed text by.
            let span = self.span(self.at + opening - 1, self.at + end);
            let after = self.span(self.at + end, self.at + end);
            self.diagnose(
                Diagnostic::error("E0002", "this text is never closed", span, "no `\"` follows")
                    .note("a text ends on the line where it begins; write `\\n` for a line feed")
                    .patch(after, "\""),
            );
            self.token(kind, end);
        }
    }
}
