//! Elements and their members.

use super::{Parse, Parser, Reported};
use crate::diagnostic::Diagnostic;
use crate::syntax::ast::{Element, Expr, Ident, Member, MemberKind, On, Pattern, Port, State};
use crate::syntax::nearest;
use crate::syntax::token::{MEMBER_WORDS, STATE_OPTIONS, TokenKind};

impl Parser<'_> {
    pub(super) fn element(&mut self) -> Parse<Element> {
        self.bump();
        let name = self.name("an element")?;
        let params = self.params()?;
        let opened = self.span();
        self.expect("{")?;
        let faults = self.diagnostics.len();
        let mut members = Vec::new();
        while self.has_more(opened, faults) {
            let start = self.at;
            let docs = self.docs();
            self.recovering &= !self.at_member_word();
            match self.member() {
                Ok(kind) => members.push(Member { docs, kind, span: self.since(start) }),
                Err(Reported) => self.skip_member(start, false),
            }
        }
        Ok(Element { name, params, members })
    }

    /// The keyword of an item that cannot stand in an element or network.
    pub(super) fn at_foreign_item(&self) -> bool {
        self.at_item_word() && !matches!(self.word(), "const" | "fn")
    }

    fn member(&mut self) -> Parse<MemberKind> {
        match self.word() {
            "port" => self.ports().map(MemberKind::Ports),
            "state" => self.state().map(MemberKind::State),
            "const" => self.const_def().map(MemberKind::Const),
            "fn" => self.function().map(MemberKind::Fn),
            "on" => self.on().map(MemberKind::On),
            "init" => {
                self.bump();
                self.block().map(MemberKind::Init)
            }
            "every" => {
                self.bump();
                let period = self.head()?;
                Ok(MemberKind::Every(period, self.block()?))
            }
            word => {
                let span = self.span();
                let message = format!("expected a member of the element, found {}", self.found());
                let label = "port, state, const, fn, on, every or init";
                let error = Diagnostic::error("E0016", message, span, label);
                let near = nearest(word, MEMBER_WORDS.iter().copied());
                Err(self.report(match near {
                    Some(near) => error.note(format!("`{near}` perhaps?")).patch(span, near),
                    None => error.note("statements stand in a handler: `on port(p) { … }`"),
                }))
            }
        }
    }

    /// `port a, b[4]`
    pub(super) fn ports(&mut self) -> Parse<Vec<Port>> {
        self.bump();
        let mut ports = Vec::new();
        loop {
            let name = self.name("a port")?;
            let count = self.index()?;
            ports.push(Port { name, count });
            if !self.eat(",") {
                break;
            }
        }
        self.member_end()?;
        Ok(ports)
    }

    fn state(&mut self) -> Parse<State> {
        self.bump();
        let name = self.name("a state object")?;
        self.expect(":")?;
        let kind = self.ty()?;
        let size = self.index()?;
        let mut options = Vec::new();
        while !self.newline() && !self.word().is_empty() {
            options.push(self.state_option()?);
        }
        self.member_end()?;
        Ok(State { name, kind, size, options })
    }

    fn state_option(&mut self) -> Parse<(Ident, Expr)> {
        let word = self.word();
        if !STATE_OPTIONS.contains(&word) {
            let span = self.span();
            let message = format!("{} is no option of a state object", self.found());
            let label = "the options are expire, evict, rate, burst and members";
            let error = Diagnostic::error("E0010", message, span, label);
            let near = nearest(word, STATE_OPTIONS.iter().copied());
            return Err(self.report(match near {
                Some(near) => error.patch(span, near),
                None => error,
            }));
        }
        let option = self.any_word();
        Ok((option, self.expr()?))
    }

    fn on(&mut self) -> Parse<On> {
        self.bump();
        if matches!(self.word(), "request") || self.second().kind == TokenKind::Symbol(".") {
            let second = self.second().span;
            let what = if self.word() == "request" {
                "on request".to_string()
            } else {
                let last = self.tokens[(self.at + 2).min(self.tokens.len() - 1)].span;
                format!("on {}", self.slice(self.span().to(second).to(last)))
            };
            return Err(self.not_yet(&what));
        }
        let mut ports = Vec::new();
        loop {
            let port = self.name("a port")?;
            let index = if self.eat("[") {
                let index = self.name("the index")?;
                self.expect("]")?;
                Some(index)
            } else {
                None
            };
            ports.push((port, index));
            if !self.eat(",") {
                break;
            }
        }
        self.expect("(")?;
        let (packet, pattern) = self.within(true, true, |p| {
            let packet = p.name("the packet")?;
            let pattern = if p.eat(":") {
                if p.eat_word("packet") { Pattern::default() } else { p.pattern()? }
            } else {
                Pattern::default()
            };
            p.expect(")")?;
            Ok((packet, pattern))
        })?;
        let body = self.block()?;
        Ok(On { ports, packet, pattern, body })
    }
}
