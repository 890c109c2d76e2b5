//! Tokens to tree: recursive descent, with precedence climbing for expressions.
//!
//! A mistake is reported once, where it is; the parser then skips to the next statement, member or
//! item and goes on. What was skipped is [`ExprKind::Error`] in the tree, about which the checker
//! stays silent. The parser never fails and never panics; nesting and size are bounded.

mod element;
mod expr;
mod item;
mod network;
mod patterns;
mod query;
mod recover;
mod stmt;
mod test_item;
mod types;

#[cfg(test)]
mod tests;

pub use patterns::parse_patterns;

use super::ast::{Expr, ExprKind, File, Ident};
use super::lexer::{Lexed, lex};
use super::token::{Comment, CommentKind, Token, TokenKind};
use super::token::{INFIX_WORDS, KEYWORDS, RESERVED, STATEMENT_WORDS};
use super::{FILE_BYTES_MAX, HEIGHT_MAX, MESSAGES_MAX, NESTING_MAX, text};
use crate::diagnostic::Diagnostic;
use crate::source::{SourceMap, Span};
use std::ops::Range;

/// A message has been given; the caller skips to where it can go on.
pub(super) struct Reported;

pub(super) type Parse<T> = Result<T, Reported>;

/// Parses a file of the source map. With errors, the tree holds what could be understood.
pub fn parse(sources: &SourceMap, file: u32) -> (File, Vec<Diagnostic>) {
    let Some(mut parser) = Parser::of_file(sources, file) else {
        return (File { file, ..File::default() }, vec![too_long(file)]);
    };
    let tree = parser.file();
    (tree, parser.finish())
}

/// Parses a file, keeping its comments for the formatter; with mistakes, only the messages.
pub(in crate::syntax) fn parse_with_comments(
    sources: &SourceMap,
    file: u32,
) -> Result<(File, Vec<Comment>), Vec<Diagnostic>> {
    let mut parser = Parser::of_file(sources, file).ok_or_else(|| vec![too_long(file)])?;
    let tree = parser.file();
    let comments = std::mem::take(&mut parser.comments);
    let diagnostics = parser.finish();
    if diagnostics.is_empty() { Ok((tree, comments)) } else { Err(diagnostics) }
}

/// Parses a source that is one expression, such as a filter or the value of a parameter. Line
/// feeds count as blanks.
pub fn parse_expr(sources: &SourceMap, file: u32) -> (Expr, Vec<Diagnostic>) {
    let error = |span| Expr { kind: ExprKind::Error, span };
    let Some(mut parser) = Parser::of_file(sources, file) else {
        return (error(Span { file, ..Span::default() }), vec![too_long(file)]);
    };
    parser.grouped = true;
    let result = parser.whole_expr();
    let span = parser.all();
    (result.unwrap_or_else(|Reported| error(span)), parser.finish())
}

fn too_long(file: u32) -> Diagnostic {
    let span = Span { file, start: 0, end: 0 };
    Diagnostic::error("E0008", "this file is too long", span, "a source file has at most 1 MiB")
}

pub(super) struct Parser<'a> {
    text: &'a str,
    file: u32,
    tokens: Vec<Token>,
    comments: Vec<Comment>,
    diagnostics: Vec<Diagnostic>,
    /// Index of the next token.
    at: usize,
    /// Index of the token at which the last message was given: no second one there.
    last_fault: Option<usize>,
    /// Since the last mistake nothing has been understood: what else seems wrong follows from it.
    recovering: bool,
    /// Within parentheses or brackets, where line feeds mean nothing.
    grouped: bool,
    /// `Name { … }` is a record here, not a name before a block.
    records: bool,
    /// How deep the parser has descended.
    depth: u32,
    /// Height of the tallest tree built since the enclosing expression began.
    height: u32,
    /// The message about depth has been given.
    too_deep: bool,
}

impl<'a> Parser<'a> {
    fn of_file(sources: &'a SourceMap, file: u32) -> Option<Self> {
        let text = &sources.files[file as usize].text;
        (text.len() <= FILE_BYTES_MAX).then(|| Self::new(text, file, 0..text.len()))
    }

    fn new(text: &'a str, file: u32, range: Range<usize>) -> Self {
        let Lexed { tokens, comments, diagnostics } = lex(text, file, range);
        Self {
            text,
            file,
            tokens,
            comments,
            diagnostics,
            at: 0,
            last_fault: None,
            recovering: false,
            grouped: false,
            records: true,
            depth: 0,
            height: 0,
            too_deep: false,
        }
    }

    /// The messages in the order of their places. Prose that lost its comment marker has many
    /// strange characters: they are not told on a line that has a message already.
    fn finish(mut self) -> Vec<Diagnostic> {
        let text = self.text;
        self.diagnostics.sort_by_key(|d| d.label.0.start);
        self.diagnostics.dedup_by(|next, kept| {
            let between = kept.label.0.start as usize..next.label.0.start as usize;
            next.code == "E0001" && !text[between].contains('\n')
        });
        self.diagnostics
    }

    fn all(&self) -> Span {
        Span { file: self.file, start: 0, end: self.text.len() as u32 }
    }

    fn whole_expr(&mut self) -> Parse<Expr> {
        let expr = self.expr()?;
        if self.at_end() { Ok(expr) } else { Err(self.unexpected("the end of the expression")) }
    }

    // Looking at tokens.

    fn token(&self) -> &Token {
        &self.tokens[self.at]
    }

    /// The token after the next one; the end again at the end.
    fn second(&self) -> &Token {
        &self.tokens[(self.at + 1).min(self.tokens.len() - 1)]
    }

    fn span(&self) -> Span {
        self.token().span
    }

    /// The span of the token before the next one.
    fn previous(&self) -> Span {
        self.tokens[self.at.saturating_sub(1)].span
    }

    /// The empty span behind the last token taken.
    fn behind(&self) -> Span {
        let end = self.previous().end;
        Span { file: self.file, start: end, end }
    }

    /// From the start of token `start` to the end of the last token taken.
    fn since(&self, start: usize) -> Span {
        let first = self.tokens[start].span;
        if self.at > start { first.to(self.previous()) } else { Span { end: first.start, ..first } }
    }

    fn slice(&self, span: Span) -> &'a str {
        &self.text[span.start as usize..span.end as usize]
    }

    fn at_end(&self) -> bool {
        self.token().kind == TokenKind::Eof
    }

    /// The next token is the first on its line, and lines matter here.
    fn newline(&self) -> bool {
        self.token().newline && !self.grouped
    }

    fn at_symbol(&self, symbol: &str) -> bool {
        matches!(self.token().kind, TokenKind::Symbol(s) if s == symbol)
    }

    /// The text of the next token if it is a word, else an empty text.
    fn word(&self) -> &'a str {
        self.word_of(self.at)
    }

    fn word_of(&self, at: usize) -> &'a str {
        let token = &self.tokens[at];
        if token.kind == TokenKind::Word { self.slice(token.span) } else { "" }
    }

    fn at_word(&self, word: &str) -> bool {
        self.word() == word
    }

    /// The next token is a word that may name something. A declaration on the next line is none:
    /// what should have been named is missing.
    fn at_name(&self) -> bool {
        let word = self.word();
        let reserved = KEYWORDS.contains(&word) || RESERVED.contains(&word);
        !word.is_empty() && !reserved && !self.at_member_word()
    }

    /// What follows the next token is on its line and can only follow a word that declares or
    /// commands: a name, a literal, a text or a block. A word that is used as a name has an
    /// operator or nothing behind it.
    fn heads(&self) -> bool {
        let second = self.second();
        let follows = match second.kind {
            TokenKind::Word => !INFIX_WORDS.contains(&self.word_of(self.at + 1)),
            TokenKind::Literal(_) | TokenKind::Str | TokenKind::Symbol("{") => true,
            _ => false,
        };
        follows && !second.newline
    }

    // Taking tokens.

    fn bump(&mut self) {
        if !self.at_end() {
            self.at += 1;
        }
    }

    fn eat(&mut self, symbol: &str) -> bool {
        let found = self.at_symbol(symbol);
        if found {
            self.bump();
        }
        found
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = self.at_word(word);
        if found {
            self.bump();
        }
        found
    }

    fn expect(&mut self, symbol: &str) -> Parse<()> {
        if self.eat(symbol) { Ok(()) } else { Err(self.unexpected(&format!("`{symbol}`"))) }
    }

    fn expect_word(&mut self, word: &str) -> Parse<()> {
        if self.eat_word(word) { Ok(()) } else { Err(self.unexpected(&format!("`{word}`"))) }
    }

    /// A name of the user's; `what` it names is for the message.
    fn name(&mut self, what: &str) -> Parse<Ident> {
        if self.at_name() {
            return Ok(self.any_word());
        }
        let word = self.word();
        if !KEYWORDS.contains(&word) && !RESERVED.contains(&word) {
            return Err(self.unexpected(&format!("the name of {what}")));
        }
        let span = self.span();
        let message = if RESERVED.contains(&word) {
            format!("`{word}` is kept for a later version and cannot be a name")
        } else {
            format!("`{word}` is a keyword and cannot be the name of {what}")
        };
        Err(self.report(
            Diagnostic::error("E0017", message, span, "choose another name")
                .note("keywords may name fields and arguments, and stand after a dot"),
        ))
    }

    /// The name of a port: that of a query's first port, `in`, is a keyword elsewhere.
    fn port_name(&mut self) -> Parse<Ident> {
        if self.at_word("in") { Ok(self.any_word()) } else { self.name("a port") }
    }

    /// The next token, which is a word.
    fn any_word(&mut self) -> Ident {
        let span = self.span();
        self.bump();
        Ident { text: self.slice(span).to_string(), span }
    }

    /// The name of a field or argument: any word.
    fn field_name(&mut self, what: &str) -> Parse<Ident> {
        if self.word().is_empty() {
            return Err(self.unexpected(&format!("the name of {what}")));
        }
        Ok(self.any_word())
    }

    /// A string; its raw inside and the span with the quotes.
    fn raw_string(&mut self, what: &str) -> Parse<(&'a str, Span)> {
        if self.token().kind != TokenKind::Str {
            return Err(self.unexpected(&format!("{what} in double quotes")));
        }
        let span = self.span();
        self.bump();
        let raw = &self.slice(span)[1..];
        // The closing quote is missing if there has been a message about it.
        let closed = raw.ends_with('"') && !self.is_unclosed(span);
        Ok((if closed { &raw[..raw.len() - 1] } else { raw }, span))
    }

    fn is_unclosed(&self, span: Span) -> bool {
        self.diagnostics.iter().any(|d| d.code == "E0002" && d.label.0 == span)
    }

    fn string(&mut self, what: &str) -> Parse<(String, Span)> {
        let (raw, span) = self.raw_string(what)?;
        let text = self.decoded(text::text(raw), span);
        Ok((text, span))
    }

    /// The bytes of `b"…"`, which is next.
    fn byte_string(&mut self) -> Parse<Vec<u8>> {
        // Behind the `b` it is a string like any other.
        let token = &mut self.tokens[self.at];
        token.kind = TokenKind::Str;
        token.span.start += 1;
        let (raw, span) = self.raw_string("bytes")?;
        self.tokens[self.at - 1].span.start -= 1;
        Ok(self.decoded(text::bytes(raw), span))
    }

    /// The value of a string, or its default after a message.
    fn decoded<T: Default>(&mut self, result: Result<T, text::Fault>, span: Span) -> T {
        result.unwrap_or_else(|fault| {
            if !self.is_unclosed(span) {
                let start = span.start + 1 + fault.range.start as u32;
                let end = span.start + 1 + fault.range.end as u32;
                let place = Span { file: self.file, start, end };
                self.diagnostics.push(Diagnostic::error(
                    "E0003",
                    "this text cannot be read",
                    place,
                    fault.why,
                ));
            }
            T::default()
        })
    }

    // Messages.

    /// Gives a message, unless there has been one at the next token, that token is one that the
    /// lexer has complained about, or nothing has been understood since the last message.
    fn report(&mut self, diagnostic: Diagnostic) -> Reported {
        let bad = self.token().kind == TokenKind::Bad;
        let full = self.diagnostics.len() >= MESSAGES_MAX;
        if !bad && !full && !self.recovering && self.last_fault != Some(self.at) {
            self.diagnostics.push(diagnostic);
        }
        self.last_fault = Some(self.at);
        Reported
    }

    /// What the next token is, for messages.
    fn found(&self) -> String {
        match &self.token().kind {
            TokenKind::Eof => "the end of the text".to_string(),
            TokenKind::Str | TokenKind::ByteStr => "a text".to_string(),
            TokenKind::Word if KEYWORDS.contains(&self.word()) => {
                format!("the keyword `{}`", self.word())
            }
            _ => format!("`{}`", self.slice(self.span())),
        }
    }

    fn unexpected(&mut self, expected: &str) -> Reported {
        let message = format!("expected {expected}, found {}", self.found());
        // At a line's end the place to point at is behind what is there.
        let previous = self.at.checked_sub(1).map(|i| &self.tokens[i].kind);
        let goes_on = !matches!(previous, None | Some(TokenKind::Symbol("{" | "}" | ";")));
        let span = if self.token().newline && goes_on { self.behind() } else { self.span() };
        self.report(Diagnostic::error("E0010", message, span, format!("{expected} goes here")))
    }

    // Bounds.

    /// Runs `f` one level deeper, or gives a message if that is too deep.
    fn nested<T>(&mut self, f: impl FnOnce(&mut Self) -> Parse<T>) -> Parse<T> {
        if self.depth >= NESTING_MAX {
            return Err(self.report_depth(format!("at most {NESTING_MAX} levels are possible")));
        }
        self.depth += 1;
        let outer = std::mem::take(&mut self.height);
        let result = f(self);
        self.depth -= 1;
        self.height = outer.max(self.height + 1);
        result
    }

    /// One operator more on top of the tree that is being built.
    fn taller(&mut self) -> Parse<()> {
        self.height += 1;
        if self.height <= HEIGHT_MAX {
            return Ok(());
        }
        Err(self.report_depth(format!("at most {HEIGHT_MAX} operators may be chained; use `let`")))
    }

    fn report_depth(&mut self, label: String) -> Reported {
        let span = self.span();
        if !std::mem::replace(&mut self.too_deep, true) {
            self.report(Diagnostic::error("E0009", "this is nested too deeply", span, label));
        }
        self.last_fault = Some(self.at);
        Reported
    }

    /// Runs `f` where line feeds count or not and `Name {` is a record or not.
    fn within<T>(
        &mut self,
        grouped: bool,
        records: bool,
        f: impl FnOnce(&mut Self) -> Parse<T>,
    ) -> Parse<T> {
        let saved = (self.grouped, self.records);
        (self.grouped, self.records) = (grouped, records);
        let result = f(self);
        (self.grouped, self.records) = saved;
        result
    }

    // Lists and documentation.

    /// `open item, item, … close`; the opening token is next.
    fn list<T>(
        &mut self,
        (open, close): (&str, &str),
        item: impl FnMut(&mut Self) -> Parse<T>,
    ) -> Parse<Vec<T>> {
        let opened = self.span();
        self.expect(open)?;
        let grouped = open != "{";
        self.within(grouped, true, |p| p.list_items(opened, close, item))
    }

    fn list_items<T>(
        &mut self,
        opened: Span,
        close: &str,
        mut item: impl FnMut(&mut Self) -> Parse<T>,
    ) -> Parse<Vec<T>> {
        let mut items = Vec::new();
        while !self.at_symbol(close) {
            if self.at_end() {
                return Err(self.unclosed(opened, close));
            }
            items.push(item(self)?);
            if !self.eat(",") && !self.at_symbol(close) {
                return Err(self.missing_comma(opened, close));
            }
        }
        self.bump();
        Ok(items)
    }

    fn missing_comma(&mut self, opened: Span, close: &str) -> Reported {
        let starts_item =
            matches!(self.token().kind, TokenKind::Word | TokenKind::Literal(_) | TokenKind::Str)
                || self.token().kind == TokenKind::ByteStr;
        let behind = self.behind();
        let next_statement = self.token().newline && STATEMENT_WORDS.contains(&self.word());
        if self.at_end() || next_statement || self.at_member_word() {
            self.unclosed(opened, close)
        } else if starts_item {
            let message = format!("a comma is missing before {}", self.found());
            self.report(
                Diagnostic::error("E0022", message, behind, "a comma goes here").patch(behind, ","),
            )
        } else {
            let message = format!("expected `,` or `{close}`, found {}", self.found());
            let span = self.span();
            self.report(
                Diagnostic::error("E0010", message, span, "the list does not go on like this")
                    .other(opened, "it begins here"),
            )
        }
    }

    fn unclosed(&mut self, opened: Span, close: &str) -> Reported {
        let message = format!("`{}` is never closed", self.slice(opened));
        let behind = self.behind();
        self.report(
            Diagnostic::error("E0011", message, opened, "opened here")
                .other(behind, format!("`{close}` is missing here at the latest"))
                .note(format!("add the `{close}` that belongs to it")),
        )
    }

    /// The `///` lines right before the next token.
    fn docs(&self) -> Vec<String> {
        let from = if self.at == 0 { 0 } else { self.previous().end };
        self.doc_lines(CommentKind::Doc, from, self.span().start)
    }

    fn doc_lines(&self, kind: CommentKind, from: u32, to: u32) -> Vec<String> {
        let first = self.comments.partition_point(|c| c.span.start < from);
        self.comments[first..]
            .iter()
            .take_while(|c| c.span.end <= to)
            .filter(|c| c.kind == kind)
            .map(|c| {
                let line = &self.slice(c.span)[3..];
                line.strip_prefix(' ').unwrap_or(line).to_string()
            })
            .collect()
    }
}
