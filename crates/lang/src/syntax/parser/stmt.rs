//! Blocks and statements.

use super::{Parse, Parser, Reported};
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::syntax::ast::{
    BinaryOp, Block, Expr, ExprKind, HeaderLiteral, Pat, PatKind, Stmt, StmtKind,
};
use crate::syntax::text::{self, Piece};
use crate::syntax::token::TokenKind;

impl Parser<'_> {
    /// `{ … }`
    pub(super) fn block(&mut self) -> Parse<Block> {
        let start = self.at;
        let opened = self.span();
        self.expect("{")?;
        let stmts = self.nested(|p| p.within(false, true, |p| Ok(p.stmts(opened))))?;
        Ok(Block { stmts, span: self.since(start) })
    }

    /// Statements up to the closing brace, or a message that it is missing.
    pub(super) fn stmts(&mut self, opened: Span) -> Vec<Stmt> {
        let mut stmts = Vec::new();
        loop {
            while self.eat(";") {}
            if self.eat("}") {
                return stmts;
            }
            if self.at_end() || (self.at_member_word() && !self.at_word("const")) {
                self.unclosed(opened, "}");
                return stmts;
            }
            let start = self.at;
            match self.stmt_and_end() {
                Ok(stmt) => {
                    self.recovering = false;
                    stmts.push(stmt);
                }
                Err(Reported) => {
                    self.skip_statement(start);
                    let span = self.since(start);
                    let error = Expr { kind: ExprKind::Error, span };
                    stmts.push(Stmt { kind: StmtKind::Expr(error, None), span });
                }
            }
        }
    }

    fn stmt_and_end(&mut self) -> Parse<Stmt> {
        let stmt = self.stmt()?;
        let is_block = matches!(stmt.kind, StmtKind::Expr(..) | StmtKind::For { .. });
        let after_block = is_block && self.tokens[self.at - 1].kind == TokenKind::Symbol("}");
        let ended = self.newline() || self.at_symbol(";") || self.at_symbol("}") || self.at_end();
        if ended && !self.at_word("else") || after_block && !self.at_word("else") {
            return Ok(stmt);
        }
        Err(self.statement_end())
    }

    fn statement_end(&mut self) -> Reported {
        let span = self.span();
        if self.at_word("else") {
            return self.report(Diagnostic::error(
                "E0023",
                "this `else` belongs to nothing",
                span,
                "there is no `if` or statement that may fail before it",
            ));
        }
        let behind = self.behind();
        let starts = matches!(self.token().kind, TokenKind::Word | TokenKind::Literal(_));
        let message = format!("expected the end of the statement, found {}", self.found());
        let error = Diagnostic::error("E0018", message, span, "the statement does not go on so");
        let error = error.note("a statement ends at the end of its line or at a `;`");
        self.report(if starts { error.patch(behind, ";") } else { error })
    }

    /// One statement, without what ends it.
    pub(super) fn stmt(&mut self) -> Parse<Stmt> {
        let start = self.at;
        let kind = match self.word() {
            "let" => self.let_stmt()?,
            "for" => self.for_stmt()?,
            "break" => {
                self.bump();
                StmtKind::Break
            }
            "continue" => {
                self.bump();
                StmtKind::Continue
            }
            "return" => self.return_stmt()?,
            "send" => self.send_stmt()?,
            "drop" => self.drop_stmt()?,
            "insert" => self.insert_stmt()?,
            "remove" => self.remove_stmt()?,
            "replace" => self.replace_stmt()?,
            "log" | "alert" => self.log_stmt()?,
            "generate" if self.heads() => self.generate_stmt()?,
            "emit" if self.heads() => {
                self.bump();
                let stream = self.name("a stream of records")?;
                StmtKind::Emit(stream, self.expr()?)
            }
            "if" | "match" => self.block_like()?,
            "const" => {
                let span = self.span();
                return Err(self.report(
                    Diagnostic::error("E0021", "`const` cannot stand here", span, "in a block")
                        .note("write `let`, or declare the constant in the element or file")
                        .patch(span, "let"),
                ));
            }
            _ if self.at_symbol("{") => self.block_like()?,
            _ => self.expr_stmt()?,
        };
        Ok(Stmt { kind, span: self.since(start) })
    }

    /// `if`, `match` or a block: complete at its closing brace.
    fn block_like(&mut self) -> Parse<StmtKind> {
        let expr = self.nested(Self::primary)?;
        Ok(StmtKind::Expr(expr, None))
    }

    /// An expression, or an assignment to it.
    fn expr_stmt(&mut self) -> Parse<StmtKind> {
        use BinaryOp as B;
        let place = self.expr()?;
        let op = match self.token().kind {
            _ if self.newline() => None,
            TokenKind::Symbol("=") => Some(None),
            TokenKind::Symbol("+=") => Some(Some(B::Add)),
            TokenKind::Symbol("-=") => Some(Some(B::Sub)),
            TokenKind::Symbol("*=") => Some(Some(B::Mul)),
            TokenKind::Symbol("/=") => Some(Some(B::Div)),
            TokenKind::Symbol("%=") => Some(Some(B::Rem)),
            TokenKind::Symbol("&=") => Some(Some(B::And)),
            TokenKind::Symbol("|=") => Some(Some(B::Or)),
            TokenKind::Symbol("^=") => Some(Some(B::Xor)),
            TokenKind::Symbol("<<=") => Some(Some(B::Shl)),
            TokenKind::Symbol(">>=") => Some(Some(B::Shr)),
            _ => None,
        };
        let Some(op) = op else {
            let otherwise = self.otherwise()?;
            return Ok(StmtKind::Expr(place, otherwise));
        };
        self.bump();
        let value = self.expr()?;
        let otherwise = self.otherwise()?;
        Ok(StmtKind::Assign { place, op, value, otherwise })
    }

    /// `else { … }` after a statement that may fail.
    fn otherwise(&mut self) -> Parse<Option<Block>> {
        if self.eat_word("else") { self.block().map(Some) } else { Ok(None) }
    }

    fn let_stmt(&mut self) -> Parse<StmtKind> {
        self.bump();
        let mutable = self.eat_word("mut");
        let pattern = self.pat()?;
        let ty = if self.eat(":") { Some(self.ty()?) } else { None };
        if !self.eat("=") {
            return Err(self.unexpected("`=` and a value"));
        }
        let value = self.expr()?;
        let otherwise = self.otherwise()?;
        Ok(StmtKind::Let { pattern, mutable, ty, value, otherwise })
    }

    fn for_stmt(&mut self) -> Parse<StmtKind> {
        self.bump();
        let pattern = if self.at_symbol("(") || self.at_word("_") {
            self.pat()?
        } else {
            let name = self.name("the loop's variable")?;
            Pat { span: name.span, kind: PatKind::Name(name) }
        };
        self.expect_word("in")?;
        let over = self.head()?;
        let top = if self.eat_word("top") {
            let count = self.head()?;
            self.expect_word("by")?;
            Some(Box::new((count, self.head()?)))
        } else {
            None
        };
        let limit = if self.eat_word("limit") { Some(self.head()?) } else { None };
        let body = self.block()?;
        Ok(StmtKind::For { pattern, over, top, limit, body })
    }

    /// `generate event(args) [after expr] [else { … }]`
    fn generate_stmt(&mut self) -> Parse<StmtKind> {
        self.bump();
        let event = self.name("an event")?;
        let args = self.list(("(", ")"), Self::expr)?;
        let after = if self.at_word("after") && !self.newline() {
            self.bump();
            Some(self.expr()?)
        } else {
            None
        };
        let otherwise = self.otherwise()?;
        Ok(StmtKind::Generate { event, args, after, otherwise })
    }

    fn return_stmt(&mut self) -> Parse<StmtKind> {
        self.bump();
        let ends = self.newline()
            || self.at_end()
            || matches!(self.token().kind, TokenKind::Symbol(";" | "}" | ","));
        Ok(StmtKind::Return(if ends { None } else { Some(self.expr()?) }))
    }

    fn send_stmt(&mut self) -> Parse<StmtKind> {
        self.bump();
        let copy = self.eat_word("copy");
        let packet = self.name("a packet")?;
        self.expect_word("to")?;
        let port = self.port_name()?;
        let index = self.index()?;
        Ok(StmtKind::Send { copy, packet, port, index })
    }

    /// `[expr]` on the same line, if it is there.
    pub(super) fn index(&mut self) -> Parse<Option<Expr>> {
        if !self.at_symbol("[") || self.newline() {
            return Ok(None);
        }
        self.bump();
        self.within(true, true, |p| {
            let index = p.expr()?;
            p.expect("]")?;
            Ok(Some(index))
        })
    }

    fn drop_stmt(&mut self) -> Parse<StmtKind> {
        self.bump();
        let packet = self.name("a packet")?;
        if !self.at_word("because") || self.newline() {
            let behind = self.behind();
            let span = self.previous();
            return Err(self.report(
                Diagnostic::error("E0014", "a drop needs its reason", span, "dropped without one")
                    .note("counters and traces show the reason: drop p because \"…\"")
                    .patch(behind, " because \"not wanted\""),
            ));
        }
        self.bump();
        let (reason, reason_span) = self.string("the reason")?;
        Ok(StmtKind::Drop { packet, reason, reason_span })
    }

    fn insert_stmt(&mut self) -> Parse<StmtKind> {
        self.bump();
        let stack = self.header_literals()?;
        self.expect_word("into")?;
        let packet = self.name("a packet")?;
        let otherwise = self.otherwise()?;
        Ok(StmtKind::Insert { stack, packet, otherwise })
    }

    fn replace_stmt(&mut self) -> Parse<StmtKind> {
        self.bump();
        let old = self.name("a header")?;
        self.expect_word("with")?;
        let stack = self.header_literals()?;
        self.expect_word("in")?;
        let packet = self.name("a packet")?;
        let otherwise = self.otherwise()?;
        Ok(StmtKind::Replace { old, stack, packet, otherwise })
    }

    /// `eth { … } / vlan { … }`
    fn header_literals(&mut self) -> Parse<Vec<HeaderLiteral>> {
        let mut stack = vec![self.header_literal()?];
        while self.eat("/") {
            stack.push(self.header_literal()?);
        }
        Ok(stack)
    }

    /// `ip { src: a, dst: b }`, or `tcp` with everything filled in.
    pub(super) fn header_literal(&mut self) -> Parse<HeaderLiteral> {
        let start = self.at;
        let header = self.name("a header")?;
        let fields = if self.at_symbol("{") && !self.newline() {
            self.list(("{", "}"), Self::field_value)?
        } else {
            Vec::new()
        };
        Ok(HeaderLiteral { header, fields, span: self.since(start) })
    }

    fn remove_stmt(&mut self) -> Parse<StmtKind> {
        self.bump();
        let headers = self.header_stack()?;
        self.expect_word("from")?;
        let packet = self.name("a packet")?;
        let otherwise = self.otherwise()?;
        Ok(StmtKind::Remove { headers, packet, otherwise })
    }

    fn log_stmt(&mut self) -> Parse<StmtKind> {
        let alert = self.at_word("alert");
        self.bump();
        let (text, args, _) = self.line_text()?;
        Ok(StmtKind::Log { alert, text, args, limit: self.line_limit()? })
    }

    /// A text with `{expr}` parts: the literal pieces around them, the expressions, and the place.
    pub(super) fn line_text(&mut self) -> Parse<(Vec<String>, Vec<Expr>, Span)> {
        let (raw, span) = self.raw_string("the line to write")?;
        let pieces = self.decoded(text::pieces(raw), span);
        let mut text = Vec::new();
        let mut args = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Text(piece) => text.push(piece),
                Piece::Expr(range) => {
                    let base = span.start as usize + 1;
                    args.push(self.interpolated(base + range.start..base + range.end)?);
                }
            }
        }
        if text.is_empty() {
            text.push(String::new());
        }
        Ok((text, args, span))
    }

    /// `limit n/s`, if it is there.
    pub(super) fn line_limit(&mut self) -> Parse<Option<Expr>> {
        if !self.at_word("limit") || self.newline() {
            return Ok(None);
        }
        self.bump();
        let limit = self.tight()?;
        let per_second = self.at_symbol("/") && self.word_of(self.at + 1) == "s";
        if !per_second {
            return Err(self.unexpected("`/s`"));
        }
        self.bump();
        self.bump();
        Ok(Some(limit))
    }

    /// The expression between the braces of a log text.
    fn interpolated(&mut self, range: std::ops::Range<usize>) -> Parse<Expr> {
        let mut inner = Parser::new(self.text, self.file, range);
        inner.grouped = true;
        inner.depth = self.depth;
        let result = inner.whole_expr();
        self.height = self.height.max(inner.height);
        self.too_deep |= inner.too_deep;
        self.diagnostics.append(&mut inner.diagnostics);
        if result.is_err() {
            self.last_fault = Some(self.at);
        }
        result
    }
}
