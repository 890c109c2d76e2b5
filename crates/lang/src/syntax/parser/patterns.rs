//! Sets of byte patterns.

use super::{Parse, Parser, too_long};
use crate::diagnostic::Diagnostic;
use crate::source::SourceMap;
use crate::syntax::ast::{BytePattern, PatternSource, Patterns};
use crate::syntax::text;
use crate::syntax::token::TokenKind;

/// Parses a file of byte patterns: one on each line, written as in a program's list; nothing
/// matters behind `#`.
pub fn parse_patterns(sources: &SourceMap, file: u32) -> (Vec<BytePattern>, Vec<Diagnostic>) {
    let Some(mut parser) = Parser::of_file(sources, file) else {
        return (Vec::new(), vec![too_long(file)]);
    };
    let mut patterns = Vec::new();
    while !parser.at_end() {
        match parser.byte_pattern().and_then(|pattern| parser.member_end().map(|()| pattern)) {
            Ok(pattern) => patterns.push(pattern),
            Err(_) => break,
        }
    }
    (patterns, parser.finish())
}

impl Parser<'_> {
    /// `patterns name = ["text" nocase, …]`, `patterns name from source`
    pub(super) fn patterns(&mut self) -> Parse<Patterns> {
        self.bump();
        let name = self.name("a pattern set")?;
        let source = if self.eat_word("from") {
            PatternSource::From(self.expr()?)
        } else {
            self.expect("=")?;
            let start = self.at;
            let items = self.list(("[", "]"), Self::byte_pattern)?;
            PatternSource::List(items, self.since(start))
        };
        self.member_end()?;
        Ok(Patterns { name, source })
    }

    /// `"text" nocase offset 4 depth 20`
    fn byte_pattern(&mut self) -> Parse<BytePattern> {
        let start = self.at;
        let is_hex = self.at_word("hex") && self.second().kind == TokenKind::Str;
        if is_hex {
            self.bump();
        }
        let (raw, span) = self.raw_string("a pattern")?;
        let bytes = if is_hex { text::hex(raw) } else { text::bytes(raw) };
        let bytes = self.decoded(bytes, span);
        let (mut nocase, mut offset, mut depth) = (false, None, None);
        loop {
            if self.eat_word("nocase") {
                nocase = true;
            } else if self.eat_word("offset") {
                offset = Some(self.expr()?);
            } else if self.eat_word("depth") {
                depth = Some(self.expr()?);
            } else {
                let span = self.since(start);
                return Ok(BytePattern { bytes, is_hex, nocase, offset, depth, span });
            }
        }
    }
}
