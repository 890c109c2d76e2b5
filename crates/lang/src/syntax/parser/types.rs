//! Types as written, header patterns and value patterns.

use super::{Parse, Parser};
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::syntax::ast::{Ident, Literal, Pat, PatKind, Pattern, Type, TypeKind};
use crate::syntax::token::TokenKind;

impl Parser<'_> {
    pub(super) fn ty(&mut self) -> Parse<Type> {
        self.nested(Self::ty_inner)
    }

    /// The type after `as`, which has no arguments: a `<` behind it compares.
    pub(super) fn plain_type(&mut self) -> Parse<Type> {
        let name = self.name("a type")?;
        Ok(Type { kind: TypeKind::Name(name.text), span: name.span })
    }

    fn ty_inner(&mut self) -> Parse<Type> {
        let start = self.at;
        if self.at_symbol("(") {
            let parts = self.list(("(", ")"), Self::ty)?;
            return Ok(Type { kind: TypeKind::Tuple(parts), span: self.since(start) });
        }
        if self.word().is_empty() {
            return Err(self.unexpected("a type"));
        }
        let name = self.name("a type")?;
        if name.text == "bytes"
            && let Some(size) = self.index()?
        {
            let kind = TypeKind::Sized(name, Box::new(size));
            return Ok(Type { kind, span: self.since(start) });
        }
        if !self.at_symbol("<") || self.newline() {
            return Ok(Type { kind: TypeKind::Name(name.text), span: name.span });
        }
        self.bump();
        let mut args = vec![self.ty()?];
        while self.eat(",") {
            args.push(self.ty()?);
        }
        let end = self.close_angle()?;
        let span = Span { end, ..name.span };
        Ok(Type { kind: TypeKind::Generic(name, args), span })
    }

    /// Takes a `>`, also off the front of `>>`, `>=` or `>>=`; where it ends.
    fn close_angle(&mut self) -> Parse<u32> {
        let rest = match self.token().kind {
            TokenKind::Symbol(">>") => ">",
            TokenKind::Symbol(">=") => "=",
            TokenKind::Symbol(">>=") => ">=",
            _ => {
                self.expect(">")?;
                return Ok(self.previous().end);
            }
        };
        let token = &mut self.tokens[self.at];
        token.kind = TokenKind::Symbol(rest);
        token.span.start += 1;
        Ok(token.span.start)
    }

    /// `ip/tcp | ip6/tcp`
    pub(super) fn pattern(&mut self) -> Parse<Pattern> {
        let start = self.at;
        let mut alternatives = vec![self.header_stack()?];
        while self.eat("|") {
            alternatives.push(self.header_stack()?);
        }
        Ok(Pattern { alternatives, span: self.since(start) })
    }

    /// `ip/tcp`
    pub(super) fn header_stack(&mut self) -> Parse<Vec<Ident>> {
        let mut headers = vec![self.name("a header")?];
        while self.eat("/") {
            headers.push(self.name("a header")?);
        }
        Ok(headers)
    }

    /// A pattern over values with its alternatives.
    pub(super) fn pat(&mut self) -> Parse<Pat> {
        let start = self.at;
        let first = self.nested(Self::pat_one)?;
        if !self.at_symbol("|") {
            return Ok(first);
        }
        let mut alternatives = vec![first];
        while self.eat("|") {
            alternatives.push(self.nested(Self::pat_one)?);
        }
        Ok(Pat { kind: PatKind::Or(alternatives), span: self.since(start) })
    }

    fn pat_one(&mut self) -> Parse<Pat> {
        let start = self.at;
        let kind = if self.at_symbol("(") {
            let mut parts = self.list(("(", ")"), Self::pat)?;
            if parts.len() == 1 && !self.ends_with_comma() {
                return Ok(parts.remove(0));
            }
            PatKind::Tuple(parts)
        } else if self.at_symbol("-") {
            let span = self.span();
            return Err(self.report(
                Diagnostic::error("E0010", "a pattern cannot be negative", span, "in a pattern")
                    .note("bind a name and compare it in a guard: `x if x == -1 => …`"),
            ));
        } else if let Some(literal) = self.pat_literal()? {
            self.pat_range(literal)?
        } else if self.eat_word("_") {
            PatKind::Any
        } else if self.word().is_empty() {
            return Err(self.unexpected("a pattern"));
        } else {
            let name = self.name("a variant or variable")?;
            if self.at_symbol("(") && !self.newline() {
                PatKind::Variant(name, self.list(("(", ")"), Self::pat)?)
            } else {
                PatKind::Name(name)
            }
        };
        Ok(Pat { kind, span: self.since(start) })
    }

    /// The last list taken ended with a comma before its closing token.
    pub(super) fn ends_with_comma(&self) -> bool {
        self.at >= 2 && self.tokens[self.at - 2].kind == TokenKind::Symbol(",")
    }

    fn pat_literal(&mut self) -> Parse<Option<Literal>> {
        let literal = match &self.token().kind {
            TokenKind::Literal(literal) => literal.clone(),
            TokenKind::Str => return Ok(Some(Literal::Str(self.string("a text")?.0))),
            TokenKind::ByteStr => return Ok(Some(Literal::Bytes(self.byte_string()?))),
            TokenKind::Word if matches!(self.word(), "true" | "false") => {
                Literal::Bool(self.word() == "true")
            }
            _ => return Ok(None),
        };
        self.bump();
        Ok(Some(literal))
    }

    fn pat_range(&mut self, from: Literal) -> Parse<PatKind> {
        let inclusive = self.at_symbol("..=");
        if !inclusive && !self.at_symbol("..") {
            return Ok(PatKind::Literal(from));
        }
        self.bump();
        match self.pat_literal()? {
            Some(to) => Ok(PatKind::Range { from, to, inclusive }),
            None => Err(self.unexpected("the end of the range")),
        }
    }
}
