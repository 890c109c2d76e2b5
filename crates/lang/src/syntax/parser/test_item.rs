//! Tests written in programs.

use super::{Parse, Parser, Reported};
use crate::syntax::ast::{Frame, Test, TestStep, TestStepKind};
use crate::syntax::text;
use crate::syntax::token::TokenKind;

impl Parser<'_> {
    pub(super) fn test(&mut self) -> Parse<Test> {
        self.bump();
        let (title, title_span) = self.string("the title")?;
        self.expect_word("for")?;
        let subject = self.instance()?;
        let opened = self.span();
        self.expect("{")?;
        let faults = self.diagnostics.len();
        let mut steps = Vec::new();
        while self.has_more(opened, faults) {
            let start = self.at;
            match self.step_and_end() {
                Ok(kind) => {
                    self.recovering = false;
                    steps.push(TestStep { kind, span: self.since(start) });
                }
                Err(Reported) => self.skip_statement(start),
            }
        }
        Ok(Test { title, title_span, subject, steps })
    }

    fn step_and_end(&mut self) -> Parse<TestStepKind> {
        let step = self.step()?;
        self.member_end()?;
        Ok(step)
    }

    fn step(&mut self) -> Parse<TestStepKind> {
        let is_port = matches!(self.second().kind, TokenKind::Symbol("<-" | "["));
        match self.word() {
            _ if is_port => self.frame_step(),
            "at" => {
                self.bump();
                self.expr().map(TestStepKind::At)
            }
            "expect" => {
                self.bump();
                self.expectation()
            }
            _ if self.at_name() => self.frame_step(),
            _ => Err(self.unexpected("a step: `port <- packet`, `expect …` or `at 10s`")),
        }
    }

    /// `port <- packet`
    fn frame_step(&mut self) -> Parse<TestStepKind> {
        let port = self.name("a port")?;
        let index = self.index()?;
        if !self.eat("<-") {
            return Err(self.unexpected("`<-` and a packet"));
        }
        Ok(TestStepKind::Send { port, index, frame: self.frame()? })
    }

    fn expectation(&mut self) -> Parse<TestStepKind> {
        match self.word() {
            "drop" => {
                self.bump();
                let any = self.newline() || self.token().kind != TokenKind::Str;
                let reason = if any { None } else { Some(self.string("the reason")?) };
                return Ok(TestStepKind::ExpectDrop(reason));
            }
            "log" | "alert" => {
                self.bump();
                let (text, span) = self.string("a part of the line")?;
                return Ok(TestStepKind::ExpectLog(text, span));
            }
            "nothing" => {
                self.bump();
                return Ok(TestStepKind::ExpectNothing);
            }
            _ => {}
        }
        if let Some(step) = self.expected_packet()? {
            return Ok(step);
        }
        self.expr().map(TestStepKind::ExpectState)
    }

    /// `port filter` or `port`: a name, perhaps with an index, that the line ends with or that an
    /// operand follows. Takes nothing if it is something else.
    fn expected_packet(&mut self) -> Parse<Option<TestStepKind>> {
        if !self.at_name() {
            return Ok(None);
        }
        let saved = (self.at, self.diagnostics.len(), self.last_fault);
        let port = self.name("a port")?;
        let index = self.index();
        if let Ok(index) = index {
            // A line that begins with an operator goes on with an expression.
            let goes_on = self.infix().is_some() || self.at_symbol(".");
            let ended = (self.newline() && !goes_on) || self.at_end();
            let glued = self.previous().end == self.span().start;
            let filter = match self.token().kind {
                _ if ended => {
                    return Ok(Some(TestStepKind::ExpectPacket { port, index, filter: None }));
                }
                TokenKind::Symbol(";" | "}") => {
                    return Ok(Some(TestStepKind::ExpectPacket { port, index, filter: None }));
                }
                TokenKind::Symbol("!") => true,
                TokenKind::Symbol("(") => !glued,
                TokenKind::Word => !matches!(self.word(), "in" | "is" | "as"),
                _ => false,
            };
            if filter {
                let filter = Some(self.expr()?);
                return Ok(Some(TestStepKind::ExpectPacket { port, index, filter }));
            }
        }
        (self.at, self.last_fault) = (saved.0, saved.2);
        self.diagnostics.truncate(saved.1);
        Ok(None)
    }

    /// `hex "…"`, or headers and payload with `/` between them.
    fn frame(&mut self) -> Parse<Frame> {
        if self.at_word("hex") && self.second().kind == TokenKind::Str {
            self.bump();
            let (raw, span) = self.raw_string("the frame")?;
            return Ok(Frame::Hex(self.decoded(text::hex(raw), span)));
        }
        let mut stack = vec![self.header_literal()?];
        while self.eat("/") {
            if self.at_word("hex") && self.second().kind == TokenKind::Str {
                self.bump();
                let (raw, span) = self.raw_string("the payload")?;
                return Ok(Frame::Stack(stack, self.decoded(text::hex(raw), span)));
            }
            if self.token().kind == TokenKind::Str {
                let (raw, span) = self.raw_string("the payload")?;
                return Ok(Frame::Stack(stack, self.decoded(text::bytes(raw), span)));
            }
            stack.push(self.header_literal()?);
        }
        Ok(Frame::Stack(stack, Vec::new()))
    }
}
