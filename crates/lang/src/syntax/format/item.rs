//! Files, items and their members.

use super::{List, Printer};
use crate::source::Span;
use crate::syntax::ast::{
    Arrow, Const, Element, Event, Expr, File, Fn, FnParam, FnParamType, Frame, HeaderLiteral,
    Ident, Inputs, Instance, Item, ItemKind, Member, MemberKind, Network, NetworkMemberKind, On,
    Param, PatternSource, Patterns, Port, State, Stop, Test, TestStep, TestStepKind, Type,
};
use crate::syntax::text;

impl Printer<'_> {
    pub(super) fn file(&mut self, file: &File) {
        let mut previous: Option<&Item> = None;
        for item in &file.items {
            if let Some(previous) = previous
                && !(is_line(previous) && is_line(item))
            {
                self.separate(item.span.start);
            }
            self.begin(item.span.start);
            self.item(item);
            self.end(item.span.end);
            previous = Some(item);
        }
        self.comments_before(u32::MAX);
    }

    /// A blank line before an item and its comments, which the source may lack.
    fn separate(&mut self, start: u32) {
        let first = self.comments.get(self.next).map_or(start, |c| c.span.start.min(start));
        let between = self.text.get(self.last_end as usize..first as usize).unwrap_or("");
        if between.matches('\n').count() < 2 {
            self.out.push('\n');
        }
    }

    fn item(&mut self, item: &Item) {
        match &item.kind {
            ItemKind::Import(path, _) => {
                self.push("import ");
                self.string(path);
            }
            ItemKind::Const(c) => self.const_def(c),
            ItemKind::Record(record) => {
                self.push(&format!("record {} ", record.name.text));
                self.declarations(
                    &record.fields,
                    record.name.span,
                    item.span,
                    |p, (name, ty)| {
                        p.push(&name.text);
                        p.push(": ");
                        p.ty(ty);
                    },
                    |f: &(Ident, Type)| f.0.span.to(f.1.span),
                    |f| f.0.span,
                );
            }
            ItemKind::Header(h) => {
                let value = self.unbroken(&h.value);
                let after = format!("{}.{} == {value}", h.parent.text, h.field.text);
                self.push(&format!("header {} after {after} ", h.name.text));
                self.declarations(
                    &h.fields,
                    h.value.span,
                    item.span,
                    |p, (name, ty)| {
                        p.push(&name.text);
                        p.push(": ");
                        p.ty(ty);
                    },
                    |f: &(Ident, Type)| f.0.span.to(f.1.span),
                    |f| f.0.span,
                );
            }
            ItemKind::Enum(e) => {
                self.push(&format!("enum {} ", e.name.text));
                self.declarations(
                    &e.variants,
                    e.name.span,
                    item.span,
                    |p, (name, payload)| {
                        p.push(&name.text);
                        if !payload.is_empty() {
                            p.push("(");
                            p.joined(payload, ", ", Self::ty);
                            p.push(")");
                        }
                    },
                    |v: &(Ident, Vec<Type>)| v.1.last().map_or(v.0.span, |t| v.0.span.to(t.span)),
                    |v| v.0.span,
                );
            }
            ItemKind::Fn(f) => self.function(f),
            ItemKind::Fold(fold) => self.fold(fold),
            ItemKind::Query(query) => self.query(query, item.span),
            ItemKind::Element(element) => self.element(element, item.span),
            ItemKind::Network(network) => self.network(network, item.span),
            ItemKind::Inputs(inputs) => self.inputs(inputs, item.span),
            ItemKind::Test(test) => self.test(test, item.span),
        }
    }

    /// `{ a, b, … }` behind the name of a record or enum.
    fn declarations<T>(
        &mut self,
        items: &[T],
        name: Span,
        span: Span,
        item: impl core::ops::Fn(&mut Self, &T),
        place: fn(&T) -> Span,
        first: fn(&T) -> Span,
    ) {
        let broken = items.first().is_some_and(|i| self.breaks(name.end, first(i).start));
        let span = Span { start: name.end, ..span };
        let brackets = ("{", "}");
        self.list(&List { brackets, items, span, place, broken, single: false, tail: 0 }, item);
    }

    fn const_def(&mut self, c: &Const) {
        self.push(&format!("const {}: ", c.name.text));
        self.ty(&c.ty);
        self.push(" = ");
        self.expr(&c.value, 0);
    }

    fn function(&mut self, f: &Fn) {
        self.push(&format!("fn {}", f.name.text));
        self.fn_params(&f.params, &f.name);
        if let Some(result) = &f.result {
            self.push(" -> ");
            self.ty(result);
        }
        self.push(" ");
        self.block(&f.body, 0);
    }

    /// `(x: type, p: pattern, …)` behind the name of a function or fold.
    pub(super) fn fn_params(&mut self, params: &[FnParam], name: &Ident) {
        let place = |p: &FnParam| match &p.ty {
            FnParamType::Value(ty) => p.name.span.to(ty.span),
            FnParamType::Packet(pattern) => p.name.span.to(pattern.span),
        };
        let last = params.last().map_or(name.span.end + 1, |p| place(p).end);
        let list = List {
            brackets: ("(", ")"),
            items: params,
            span: Span { start: name.span.end, end: self.closing(last) + 1, ..name.span },
            place,
            broken: false,
            single: false,
            tail: 20,
        };
        self.list(&list, |p, param| {
            p.push(&param.name.text);
            p.push(": ");
            match &param.ty {
                FnParamType::Value(ty) => p.ty(ty),
                FnParamType::Packet(pattern) if pattern.alternatives.is_empty() => p.push("packet"),
                FnParamType::Packet(pattern) => p.pattern(pattern),
            }
        });
    }

    /// `(name: type = default, …)` behind a name; nothing if there are none.
    pub(super) fn params(&mut self, params: &[Param], name: &Ident) {
        let Some(last) = params.last() else { return };
        let place = |p: &Param| {
            let end = p.default.as_ref().map_or(p.ty.span, |d| d.span);
            p.name.span.to(end)
        };
        let broken = self.breaks(name.span.end, params[0].name.span.start);
        let span =
            Span { start: name.span.end, end: self.closing(place(last).end) + 1, ..name.span };
        let brackets = ("(", ")");
        let list = List { brackets, items: params, span, place, broken, single: false, tail: 2 };
        self.list(&list, |p, param| {
            p.push(&param.name.text);
            p.push(": ");
            p.ty(&param.ty);
            if let Some(default) = &param.default {
                p.push(" = ");
                p.expr(default, 1);
            }
        });
    }

    fn element(&mut self, element: &Element, span: Span) {
        self.push(&format!("element {}", element.name.text));
        self.params(&element.params, &element.name);
        self.push(" ");
        self.braces("{", "}", span.end - 1, |p| {
            for member in &element.members {
                p.begin(member.span.start);
                p.member(member);
                p.end(member.span.end);
            }
        });
    }

    fn member(&mut self, member: &Member) {
        match &member.kind {
            MemberKind::Ports(ports) => self.ports(ports),
            MemberKind::State(state) => self.state(state),
            MemberKind::Patterns(patterns) => self.patterns(patterns),
            MemberKind::Const(c) => self.const_def(c),
            MemberKind::Fn(f) => self.function(f),
            MemberKind::On(on) => self.on(on),
            MemberKind::Init(block) => {
                self.push("init ");
                self.block(block, 0);
            }
            MemberKind::Every(period, block) => {
                self.push("every ");
                self.head(period);
                self.block(block, 0);
            }
            MemberKind::Event(event) => self.event(event),
            MemberKind::OnEvent(on) => {
                self.push(&format!("on {}(", on.name.text));
                self.joined(&on.params, ", ", |p, param| p.push(&param.text));
                self.push(") ");
                self.block(&on.body, 0);
            }
            MemberKind::Stream(name, ty) => {
                self.push(&format!("stream {}: ", name.text));
                self.ty(ty);
            }
            MemberKind::Close(block) => {
                self.push("on close ");
                self.block(block, 0);
            }
        }
    }

    fn ports(&mut self, ports: &[Port]) {
        self.push("port ");
        self.joined(ports, ", ", |p, port| {
            p.push(&port.name.text);
            if let Some(count) = &port.count {
                p.index(count);
            }
        });
    }

    fn state(&mut self, state: &State) {
        self.push(&format!("state {}: ", state.name.text));
        self.ty(&state.kind);
        match (&state.size, &state.by) {
            (Some(size), Some(by)) => {
                self.push("[");
                self.expr(size, 0);
                self.push(" x ");
                self.expr(by, 0);
                self.push("]");
            }
            (Some(size), None) => self.index(size),
            (None, _) => {}
        }
        for (word, value) in &state.options {
            self.push(&format!(" {} ", word.text));
            self.expr(value, 0);
        }
    }

    fn event(&mut self, event: &Event) {
        self.push(&format!("event {}(", event.name.text));
        self.joined(&event.params, ", ", |p, (name, ty)| {
            p.push(&name.text);
            p.push(": ");
            p.ty(ty);
        });
        self.push(")");
        if let Some(capacity) = &event.capacity {
            self.push(" ");
            self.index(capacity);
        }
    }

    fn patterns(&mut self, patterns: &Patterns) {
        self.push(&format!("patterns {} ", patterns.name.text));
        let (items, span) = match &patterns.source {
            PatternSource::From(source) => {
                self.push("from ");
                return self.expr(source, 0);
            }
            PatternSource::List(items, span) => (items, *span),
        };
        self.push("= ");
        let list = List {
            brackets: ("[", "]"),
            items,
            span,
            place: |item| item.span,
            broken: false,
            single: false,
            tail: 0,
        };
        self.list(&list, |p, item| {
            match item.is_hex {
                true => p.push(&format!("hex \"{}\"", hex(&item.bytes))),
                false => p.push(&format!("\"{}\"", text::escaped(&item.bytes))),
            }
            p.push(if item.nocase { " nocase" } else { "" });
            for (word, value) in [("offset", &item.offset), ("depth", &item.depth)] {
                if let Some(value) = value {
                    p.push(&format!(" {word} "));
                    p.expr(value, 1);
                }
            }
        });
    }

    fn on(&mut self, on: &On) {
        self.push("on ");
        self.joined(&on.ports, ", ", |p, (port, index)| {
            p.push(&port.text);
            if let Some(index) = index {
                p.push(&format!("[{}]", index.text));
            }
        });
        self.push(&format!("({}", on.packet.text));
        if !on.pattern.alternatives.is_empty() {
            self.push(": ");
            self.pattern(&on.pattern);
        }
        self.push(") ");
        self.block(&on.body, 0);
    }

    fn network(&mut self, network: &Network, span: Span) {
        self.push(&format!("network {}", network.name.text));
        self.params(&network.params, &network.name);
        self.push(" ");
        self.braces("{", "}", span.end - 1, |p| {
            for member in &network.members {
                p.begin(member.span.start);
                match &member.kind {
                    NetworkMemberKind::Ports(ports) => p.ports(ports),
                    NetworkMemberKind::Instance(name, instance) => {
                        p.push(&format!("let {} = ", name.text));
                        p.instance(instance);
                    }
                    NetworkMemberKind::Chain(first, rest) => p.wires(first, rest),
                }
                p.end(member.span.end);
            }
        });
    }

    fn instance(&mut self, instance: &Instance) {
        self.push(&instance.name.text);
        if instance.args.is_empty() {
            return;
        }
        let list = List {
            brackets: ("(", ")"),
            items: instance.args.as_slice(),
            span: Span { start: instance.name.span.end, ..instance.span },
            place: |a: &(Ident, Expr)| a.0.span.to(a.1.span),
            broken: self.breaks(instance.name.span.end, instance.args[0].0.span.start),
            single: false,
            tail: 2,
        };
        self.list(&list, |p, (name, value)| {
            p.push(&name.text);
            p.push(": ");
            p.expr(value, 1);
        });
    }

    /// A chain: flat, or with each arrow on a new line.
    fn wires(&mut self, first: &Stop, rest: &[(Arrow, Stop)]) {
        let flat = |p: &mut Self| {
            p.stop(first);
            for (arrow, stop) in rest {
                p.push(arrow_text(*arrow, " -> ", " <-> "));
                p.stop(stop);
            }
        };
        if self.fits(0, flat) {
            return;
        }
        self.stop(first);
        self.level += 1;
        for (arrow, stop) in rest {
            self.line();
            self.push(arrow_text(*arrow, "-> ", "<-> "));
            self.stop(stop);
        }
        self.level -= 1;
    }

    fn stop(&mut self, stop: &Stop) {
        self.instance(&stop.instance);
        if let Some(port) = &stop.port {
            self.push(&format!(".{}", port.text));
        }
        if let Some(index) = &stop.index {
            self.index(index);
        }
    }

    fn inputs(&mut self, inputs: &Inputs, span: Span) {
        self.push(&format!("inputs {} ", inputs.name.text));
        self.declarations(
            &inputs.files,
            inputs.name.span,
            span,
            |p, (port, path, _)| {
                p.push(&port.text);
                p.push(": ");
                p.string(path);
            },
            |f: &(Ident, String, Span)| f.0.span.to(f.2),
            |f| f.0.span,
        );
    }

    fn test(&mut self, test: &Test, span: Span) {
        self.push("test ");
        self.string(&test.title);
        self.push(" for ");
        self.instance(&test.subject);
        self.push(" ");
        self.braces("{", "}", span.end - 1, |p| {
            for step in &test.steps {
                p.begin(step.span.start);
                if !p.fits(0, |p| p.step(step)) {
                    p.step(step);
                }
                p.end(step.span.end);
            }
        });
    }

    fn step(&mut self, step: &TestStep) {
        match &step.kind {
            TestStepKind::At(time) => {
                self.push("at ");
                self.expr(time, 0);
            }
            TestStepKind::Send { port, index, frame } => {
                self.port(port, index.as_ref());
                self.push(" <- ");
                self.frame(frame);
            }
            TestStepKind::ExpectPacket { port, index, filter } => {
                self.push("expect ");
                self.port(port, index.as_ref());
                if let Some(filter) = filter {
                    self.push(" ");
                    self.filter(filter);
                }
            }
            TestStepKind::ExpectDrop(reason) => {
                self.push("expect drop");
                if let Some((reason, _)) = reason {
                    self.push(" ");
                    self.string(reason);
                }
            }
            TestStepKind::ExpectLog(line, _) => {
                let alert = self.source(step.span)["expect".len()..].trim_start().starts_with('a');
                self.push(if alert { "expect alert " } else { "expect log " });
                self.string(line);
            }
            TestStepKind::ExpectRecord { node, stream, fields } => {
                self.push("expect record ");
                if let Some(node) = node {
                    self.push(&format!("{}.", node.text));
                }
                let stream = HeaderLiteral {
                    header: stream.clone(),
                    fields: fields.clone(),
                    span: Span { start: stream.span.start, ..step.span },
                };
                self.header(&stream);
                if fields.is_empty() {
                    self.push(" {}");
                }
            }
            TestStepKind::ExpectNothing => self.push("expect nothing"),
            TestStepKind::Close => self.push("close"),
            TestStepKind::ExpectState(expr) => {
                self.push("expect ");
                self.expr(expr, 0);
            }
        }
    }

    fn port(&mut self, port: &Ident, index: Option<&Expr>) {
        self.push(&port.text);
        if let Some(index) = index {
            self.index(index);
        }
    }

    fn frame(&mut self, frame: &Frame) {
        let (stack, payload) = match frame {
            Frame::Hex(bytes) => return self.push(&format!("hex \"{}\"", hex(bytes))),
            Frame::Stack(stack, payload) => (stack, payload),
        };
        self.stack(stack);
        for part in payload {
            if self.flat {
                self.push(" / ");
            } else {
                self.level += 1;
                self.line();
                self.level -= 1;
                self.push("/ ");
            }
            if part.hex {
                self.push(&format!("hex \"{}\"", hex(&part.bytes)));
            } else {
                self.push(&format!("\"{}\"", text::escaped(&part.bytes)));
            }
            if part.times != 1 {
                self.push(&format!(" * {}", part.times));
            }
        }
    }

    /// A filter behind a port's name: what might be read as an operator is put in parentheses.
    fn filter(&mut self, filter: &Expr) {
        let written = self.source(filter.span);
        let plain = written.starts_with(|c: char| c.is_ascii_alphabetic() || c == '!');
        if plain { self.expr(filter, 0) } else { self.parenthesised(filter) }
    }
}

/// An item that takes one line: no blank line is needed around it.
const fn is_line(item: &Item) -> bool {
    matches!(item.kind, ItemKind::Import(..) | ItemKind::Const(_))
}

const fn arrow_text(arrow: Arrow, forward: &'static str, both: &'static str) -> &'static str {
    match arrow {
        Arrow::Forward => forward,
        Arrow::Both => both,
    }
}

/// Hex digits in groups of two bytes.
fn hex(bytes: &[u8]) -> String {
    let group = |pair: &[u8]| pair.iter().map(|b| format!("{b:02x}")).collect::<String>();
    bytes.chunks(2).map(group).collect::<Vec<_>>().join(" ")
}
