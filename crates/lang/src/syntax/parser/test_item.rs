//! Tests written in programs.

use super::{Parse, Parser, Reported};
use crate::syntax::ast::{Frame, Literal, PayloadPart, Test, TestStep, TestStepKind};
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
            "close" => {
                self.bump();
                Ok(TestStepKind::Close)
            }
            _ if self.at_name() || self.at_word("in") => self.frame_step(),
            _ => Err(self.unexpected("a step: `port <- packet`, `expect …` or `at 10s`")),
        }
    }

    /// `port <- packet`
    fn frame_step(&mut self) -> Parse<TestStepKind> {
        let port = self.port_name()?;
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
            "record" if self.at_expected_record() => {
                self.bump();
                let mut stream = self.name("a stream of records")?;
                let mut node = None;
                if self.eat(".") {
                    node = Some(std::mem::replace(&mut stream, self.name("a stream of records")?));
                }
                let fields = self.list(("{", "}"), Self::field_value)?;
                return Ok(TestStepKind::ExpectRecord { node, stream, fields });
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

    /// What follows is `record name {` or `record name.name {`, and no port with a filter.
    fn at_expected_record(&self) -> bool {
        let token = |i: usize| &self.tokens[(self.at + i).min(self.tokens.len() - 1)].kind;
        let is_dotted = *token(2) == TokenKind::Symbol(".") && *token(3) == TokenKind::Word;
        let brace = if is_dotted { 4 } else { 2 };
        *token(1) == TokenKind::Word && *token(brace) == TokenKind::Symbol("{")
    }

    /// `port filter` or `port`: a name, perhaps with an index, that the line ends with or that an
    /// operand follows. Takes nothing if it is something else.
    fn expected_packet(&mut self) -> Parse<Option<TestStepKind>> {
        if !self.at_name() && !self.at_word("in") {
            return Ok(None);
        }
        let saved = (self.at, self.diagnostics.len(), self.last_fault);
        let port = self.port_name()?;
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
        let (mut stack, mut payload) = (vec![self.header_literal()?], Vec::new());
        while self.eat("/") {
            match self.payload_part()? {
                Some(part) => payload.push(part),
                None if payload.is_empty() => stack.push(self.header_literal()?),
                None => return Err(self.unexpected("more of the payload")),
            }
        }
        Ok(Frame::Stack(stack, payload))
    }

    /// `"…"` or `hex "…"`, perhaps with `* 20` behind it, if that is what comes.
    fn payload_part(&mut self) -> Parse<Option<PayloadPart>> {
        let hex = self.at_word("hex") && self.second().kind == TokenKind::Str;
        if hex {
            self.bump();
        } else if self.token().kind != TokenKind::Str {
            return Ok(None);
        }
        let (raw, span) = self.raw_string("the payload")?;
        let bytes = self.decoded(if hex { text::hex(raw) } else { text::bytes(raw) }, span);
        let mut times = 1;
        if self.eat("*") {
            let number = match &self.token().kind {
                TokenKind::Literal(Literal::Int { value, .. }) => u16::try_from(*value).ok(),
                _ => None,
            };
            let Some(number) = number else {
                return Err(self.unexpected("how often it is repeated, at most 65535 times"));
            };
            self.bump();
            times = number;
        }
        Ok(Some(PayloadPart { bytes, hex, times }))
    }
}
