//! Elements and their members.

use super::{Parse, Parser, Reported};
use crate::diagnostic::Diagnostic;
use crate::syntax::ast::{
    Element, Event, Expr, Ident, Member, MemberKind, On, OnEvent, Pattern, Port, State,
};
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
        self.tell_events_apart(&mut members);
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
            "patterns" => self.patterns().map(MemberKind::Patterns),
            "const" => self.const_def().map(MemberKind::Const),
            "fn" => self.function().map(MemberKind::Fn),
            "on" => self.on(),
            "event" => self.event().map(MemberKind::Event),
            "stream" => {
                self.bump();
                let name = self.name("a stream of records")?;
                self.expect(":")?;
                let ty = self.ty()?;
                self.member_end()?;
                Ok(MemberKind::Stream(name, ty))
            }
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
                let label = "port, state, event, stream, patterns, const, fn, on, every or init";
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
            let name = self.port_name()?;
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
        let (size, by) = self.size()?;
        let mut options = Vec::new();
        while !self.newline() && !self.word().is_empty() {
            options.push(self.state_option()?);
        }
        self.member_end()?;
        Ok(State { name, kind, size, by, options })
    }

    /// `[n]` or `[n x m]`
    fn size(&mut self) -> Parse<(Option<Expr>, Option<Expr>)> {
        if !self.at_symbol("[") || self.newline() {
            return Ok((None, None));
        }
        self.bump();
        self.within(true, true, |p| {
            let size = p.expr()?;
            let by = if p.eat_word("x") { Some(p.expr()?) } else { None };
            p.expect("]")?;
            Ok((Some(size), by))
        })
    }

    fn state_option(&mut self) -> Parse<(Ident, Expr)> {
        let word = self.word();
        if !STATE_OPTIONS.contains(&word) {
            let span = self.span();
            let message = format!("{} is no option of a state object", self.found());
            let label = "the options are expire, evict, rate, burst, members, update, error, seed";
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

    /// `event name(param: type, …) [capacity]`
    fn event(&mut self) -> Parse<Event> {
        self.bump();
        let name = self.name("an event")?;
        let params = self.list(("(", ")"), |p| {
            let name = p.name("a parameter")?;
            p.expect(":")?;
            Ok((name, p.ty()?))
        })?;
        let capacity = self.index()?;
        self.member_end()?;
        Ok(Event { name, params, capacity })
    }

    /// `on close { … }`, `on event(a, b) { … }` or `on port(p: pattern) { … }`. With one plain
    /// name in the parentheses, it is a handler of packets until all events are known.
    fn on(&mut self) -> Parse<MemberKind> {
        self.bump();
        if self.at_word("close") && self.second().kind == TokenKind::Symbol("{") {
            self.bump();
            return self.block().map(MemberKind::Close);
        }
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
            let port = self.port_name()?;
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
        let is_list = self.at_symbol(")") || matches!(self.second().kind, TokenKind::Symbol(","));
        if ports.len() == 1 && is_list {
            let (name, _) = ports.remove(0);
            self.at -= 1;
            let params = self.list(("(", ")"), |p| p.name("a parameter of the event"))?;
            return Ok(MemberKind::OnEvent(OnEvent { name, params, body: self.block()? }));
        }
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
        Ok(MemberKind::On(On { ports, packet, pattern, body }))
    }

    /// Makes handlers of events of the handlers whose port is an event of the element.
    fn tell_events_apart(&mut self, members: &mut [Member]) {
        let mut events: Vec<String> = Vec::new();
        for member in &*members {
            if let MemberKind::Event(event) = &member.kind {
                events.push(event.name.text.clone());
            }
        }
        // A name that is both is wrong, and more likely a port.
        for member in &*members {
            if let MemberKind::Ports(ports) = &member.kind {
                events.retain(|event| ports.iter().all(|port| port.name.text != *event));
            }
        }
        for member in members {
            let MemberKind::On(on) = &member.kind else { continue };
            let [(name, None)] = &on.ports[..] else { continue };
            if !events.contains(&name.text) {
                continue;
            }
            if on.pattern.span.end > on.pattern.span.start {
                let message = "the parameters of an event have their types from its declaration";
                let error = Diagnostic::error("E0010", message, on.pattern.span, "remove this");
                let _ = self.report(error);
            }
            let (name, params, body) = (name.clone(), vec![on.packet.clone()], on.body.clone());
            member.kind = MemberKind::OnEvent(OnEvent { name, params, body });
        }
    }
}
