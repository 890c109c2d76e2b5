//! What every name in a program stands for.
//!
//! One walk over the syntax trees with the scopes of the language: locals from their `let` to the
//! end of the block, then the element's parameters, constants and state, then what the files
//! declare. Ports, functions, types, elements and headers have name spaces of their own. What
//! follows a dot needs a type: that of the checker's notes, else that of the declaration.

mod body;
mod query;
mod scope;

use crate::check::items::Items;
use crate::check::sink::{Notes, Sink};
use crate::compile::Unit;
use crate::source::Span;
use crate::syntax::ast::{self, Ident, ItemKind, MemberKind, NetworkMemberKind, PatternSource};
use scope::{Local, Members};
use trama_wire::header::HeaderId;

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// What is declared there: the place of its name.
    Declared(Span),
    /// A header.
    Header(HeaderId),
    /// A field of a header.
    Field(HeaderId, String),
    /// A topic of the documentation: a type, a kind of state, something built in.
    Topic(String),
    /// An operation or property of a kind of state object.
    Operation(String, String),
}

/// A name in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Occurrence {
    /// Where.
    pub(super) span: Span,
    /// What it stands for.
    pub(super) target: Target,
}

/// What is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Declaration {
    /// Its name.
    pub(super) span: Span,
    /// What it is, in a word or two.
    pub(super) what: &'static str,
    /// The source that declares it.
    pub(super) source: Span,
    /// Lines of its doc comment.
    pub(super) docs: Vec<String>,
    /// The element it is in.
    pub(super) element: Option<String>,
    /// It is a local without a written type.
    pub(super) is_untyped: bool,
}

/// All names of a program and its library, and all declarations.
pub(super) fn resolve(unit: &Unit, notes: &Notes) -> (Vec<Occurrence>, Vec<Declaration>) {
    let mut sink = Sink::new();
    let items = Items::new(unit.files(), unit.user_files().len(), &mut sink);
    let mut walker = Walker {
        items: &items,
        notes,
        occurrences: Vec::new(),
        declarations: Vec::new(),
        locals: Vec::new(),
        members: Members::default(),
        element: None,
        user_files: unit.user_files().len(),
    };
    // What was made of folds and queries has no names that somebody wrote there.
    let written = unit.files().iter().filter(|file| !file.is_generated);
    for item in written.flat_map(|file| &file.items) {
        walker.item(item);
    }
    (walker.occurrences, walker.declarations)
}

struct Walker<'a> {
    items: &'a Items<'a>,
    notes: &'a Notes,
    occurrences: Vec<Occurrence>,
    declarations: Vec<Declaration>,
    /// Locals in scope, inner ones last.
    locals: Vec<Local>,
    /// The members of the element or network being walked.
    members: Members<'a>,
    element: Option<String>,
    /// Files from this one on are the library's.
    user_files: usize,
}

impl<'a> Walker<'a> {
    fn name(&mut self, span: Span, target: Option<Target>) {
        if let Some(target) = target {
            self.occurrences.push(Occurrence { span, target });
        }
    }

    fn declare(&mut self, name: &Ident, what: &'static str, source: Span, docs: &[String]) {
        self.name(name.span, Some(Target::Declared(name.span)));
        self.declarations.push(Declaration {
            span: name.span,
            what,
            source,
            docs: docs.to_vec(),
            element: self.element.clone(),
            is_untyped: false,
        });
    }

    fn item(&mut self, item: &'a ast::Item) {
        let docs = &item.docs;
        match &item.kind {
            ItemKind::Import(..) => {}
            ItemKind::Const(c) => self.constant(c, item.span, docs),
            ItemKind::Record(r) => {
                self.declare(&r.name, "record", item.span, docs);
                for (name, ty) in &r.fields {
                    self.declare(name, "field", name.span.to(ty.span), &[]);
                    self.ty(ty);
                }
            }
            ItemKind::Enum(e) => {
                self.declare(&e.name, "enum", item.span, docs);
                for (name, payload) in &e.variants {
                    let end = payload.last().map_or(name.span, |ty| ty.span);
                    self.declare(name, "variant", name.span.to(end), &[]);
                    payload.iter().for_each(|ty| self.ty(ty));
                }
            }
            ItemKind::Header(h) => {
                self.declare(&h.name, "header", item.span, docs);
                self.expr(&h.value);
                for (name, ty) in &h.fields {
                    self.declare(name, "field", name.span.to(ty.span), &[]);
                    self.ty(ty);
                }
            }
            ItemKind::Fn(f) => self.function(f, item.span, docs),
            ItemKind::Fold(f) => self.fold(f, item.span, docs),
            ItemKind::Query(q) => self.query(q, item.span, docs),
            ItemKind::Element(e) => self.element(e, item.span, docs),
            ItemKind::Network(n) => self.network(n, item.span, docs),
            ItemKind::Inputs(inputs) => {
                let ports = self.subject_ports(&inputs.name.text);
                self.name(inputs.name.span, self.subject(&inputs.name.text));
                for (port, _, _) in &inputs.files {
                    let name = port.text.split('[').next().unwrap_or_default();
                    let end = port.span.start + name.len() as u32;
                    let target = ports.iter().find(|p| p.0 == name).map(|p| p.1);
                    self.name(Span { end, ..port.span }, target.map(Target::Declared));
                }
            }
            ItemKind::Test(test) => self.test(test),
        }
    }

    fn constant(&mut self, c: &'a ast::Const, source: Span, docs: &[String]) {
        self.declare(&c.name, "constant", source, docs);
        self.ty(&c.ty);
        self.expr(&c.value);
    }

    /// A function; its source shows up to the body.
    fn function(&mut self, f: &'a ast::Fn, source: Span, docs: &[String]) {
        let head = Span { end: f.body.span.start.max(source.start), ..source };
        self.declare(&f.name, "function", head, docs);
        self.scoped(|this| {
            for param in &f.params {
                match &param.ty {
                    ast::FnParamType::Value(ty) => {
                        this.ty(ty);
                        this.local(&param.name, "parameter", param.name.span.to(ty.span), false);
                    }
                    ast::FnParamType::Packet(pattern) => {
                        this.pattern(pattern);
                        let source = param.name.span.to(pattern.span);
                        this.local(&param.name, "packet", source, true);
                    }
                }
            }
            f.result.iter().for_each(|ty| this.ty(ty));
            this.block(&f.body);
        });
    }

    fn params(&mut self, params: &'a [ast::Param]) {
        for param in params {
            let end = param.default.as_ref().map_or(param.ty.span, |default| default.span);
            self.declare(&param.name, "parameter", param.name.span.to(end), &[]);
            self.ty(&param.ty);
            param.default.iter().for_each(|default| self.expr(default));
        }
    }

    fn ports(&mut self, ports: &'a [ast::Port]) {
        for port in ports {
            let end = port.count.as_ref().map_or(port.name.span, |count| count.span);
            self.declare(&port.name, "port", port.name.span.to(end), &[]);
            port.count.iter().for_each(|count| self.expr(count));
        }
    }

    fn element(&mut self, e: &'a ast::Element, source: Span, docs: &[String]) {
        self.members = Members::of_element(e);
        self.element = Some(e.name.text.clone());
        self.declare(&e.name, "element", source, docs);
        self.params(&e.params);
        for member in &e.members {
            match &member.kind {
                MemberKind::Ports(ports) => self.ports(ports),
                MemberKind::State(s) => {
                    self.declare(&s.name, "state object", member.span, &member.docs);
                    self.ty(&s.kind);
                    s.size.iter().chain(&s.by).for_each(|size| self.expr(size));
                    for (option, value) in &s.options {
                        self.name(option.span, Some(Target::Topic(option.text.clone())));
                        self.expr(value);
                    }
                }
                MemberKind::Patterns(set) => {
                    self.declare(&set.name, "pattern set", member.span, &member.docs);
                    match &set.source {
                        PatternSource::From(source) => self.expr(source),
                        PatternSource::List(patterns, _) => patterns
                            .iter()
                            .flat_map(|pattern| pattern.offset.iter().chain(&pattern.depth))
                            .for_each(|number| self.expr(number)),
                    }
                }
                MemberKind::Const(c) => self.constant(c, member.span, &member.docs),
                MemberKind::Fn(f) => self.function(f, member.span, &member.docs),
                MemberKind::On(on) => self.on(on),
                MemberKind::Event(event) => {
                    self.declare(&event.name, "event", member.span, &member.docs);
                    event.params.iter().for_each(|(_, ty)| self.ty(ty));
                    event.capacity.iter().for_each(|capacity| self.expr(capacity));
                }
                MemberKind::Stream(name, ty) => {
                    self.declare(name, "stream of records", member.span, &member.docs);
                    self.ty(ty);
                }
                MemberKind::OnEvent(on) => {
                    self.name(on.name.span, self.members.event(&on.name.text));
                    self.scoped(|this| {
                        for param in &on.params {
                            this.local(param, "parameter", param.span, false);
                        }
                        this.block(&on.body);
                    });
                }
                MemberKind::Init(body) | MemberKind::Close(body) => self.block(body),
                MemberKind::Every(period, body) => {
                    self.expr(period);
                    self.block(body);
                }
            }
        }
        self.members = Members::default();
        self.element = None;
    }

    fn on(&mut self, on: &'a ast::On) {
        self.scoped(|this| {
            for (port, index) in &on.ports {
                let target = this.members.port(&port.text);
                this.name(port.span, target);
                if let Some(index) = index {
                    this.local(index, "index", index.span, false);
                }
            }
            this.pattern(&on.pattern);
            let end =
                if on.pattern.alternatives.is_empty() { on.packet.span } else { on.pattern.span };
            this.local(&on.packet, "packet", on.packet.span.to(end), true);
            this.block(&on.body);
        });
    }

    fn network(&mut self, n: &'a ast::Network, source: Span, docs: &[String]) {
        self.members = Members::of_network(n);
        self.declare(&n.name, "network", source, docs);
        self.params(&n.params);
        for member in &n.members {
            match &member.kind {
                NetworkMemberKind::Ports(ports) => self.ports(ports),
                NetworkMemberKind::Instance(name, instance) => {
                    self.declare(name, "instance", member.span, &member.docs);
                    self.instance(instance, false);
                }
                NetworkMemberKind::Chain(first, rest) => {
                    let stops = std::iter::once(first).chain(rest.iter().map(|(_, stop)| stop));
                    stops.for_each(|stop| self.stop(stop));
                }
            }
        }
        self.members = Members::default();
    }

    fn stop(&mut self, stop: &'a ast::Stop) {
        self.instance(&stop.instance, stop.instance.args.is_empty());
        if let Some(port) = &stop.port {
            let name = &stop.instance.name.text;
            let element = self.members.instance(name).unwrap_or(name).to_owned();
            let ports = self.subject_ports(&element);
            let target = ports.iter().find(|p| p.0 == port.text).map(|p| p.1);
            self.name(port.span, target.map(Target::Declared));
        }
        stop.index.iter().for_each(|index| self.expr(index));
    }

    /// An instance; a bare one in a chain may be a port or an instance of the network.
    fn instance(&mut self, instance: &'a ast::Instance, is_stop: bool) {
        let name = &instance.name;
        let member = self.members.stop(&name.text).filter(|_| is_stop);
        let word = (name.text == "discard").then(|| Target::Topic(name.text.clone()));
        self.name(name.span, member.or(word).or_else(|| self.subject(&name.text)));
        let params = self.subject_params(&name.text);
        for (arg, value) in &instance.args {
            let param = params.iter().find(|param| param.name.text == arg.text);
            self.name(arg.span, param.map(|param| Target::Declared(param.name.span)));
            self.expr(value);
        }
    }

    fn test(&mut self, test: &'a ast::Test) {
        self.instance(&test.subject, false);
        let subject = &test.subject.name.text;
        if let Some(element) = self.items.elements.get(subject.as_str()) {
            self.members = Members::of_element(element);
        } else if let Some(network) = self.items.networks.get(subject.as_str()) {
            self.members = Members::of_network(network);
        }
        for step in &test.steps {
            match &step.kind {
                ast::TestStepKind::At(time) => self.expr(time),
                ast::TestStepKind::Send { port, index, frame } => {
                    self.name(port.span, self.members.port(&port.text));
                    index.iter().for_each(|index| self.expr(index));
                    if let ast::Frame::Stack(stack, _) = frame {
                        stack.iter().for_each(|header| self.header(header));
                    }
                }
                ast::TestStepKind::ExpectPacket { port, index, filter } => {
                    self.name(port.span, self.members.port(&port.text));
                    index.iter().for_each(|index| self.expr(index));
                    filter.iter().for_each(|filter| self.filter(filter));
                }
                ast::TestStepKind::ExpectState(expr) => self.expr(expr),
                ast::TestStepKind::ExpectRecord { stream, fields, .. } => {
                    self.name(stream.span, self.members.stream(&stream.text));
                    fields.iter().for_each(|(_, value)| self.expr(value));
                }
                ast::TestStepKind::Close
                | ast::TestStepKind::ExpectDrop(_)
                | ast::TestStepKind::ExpectLog(..)
                | ast::TestStepKind::ExpectNothing => {}
            }
        }
        self.members = Members::default();
    }

    /// The element or network of that name.
    fn subject(&self, name: &str) -> Option<Target> {
        if let Some(query) = self.items.queries.get(name) {
            return Some(Target::Declared(query.name.span));
        }
        let element = self.items.elements.get(name).map(|e| e.name.span);
        let network = || self.items.networks.get(name).map(|n| n.name.span);
        element.or_else(network).map(Target::Declared)
    }

    fn subject_params(&self, name: &str) -> &'a [ast::Param] {
        if let Some(query) = self.items.queries.get(name) {
            return &query.params;
        }
        let element = self.items.elements.get(name).map(|e| e.params.as_slice());
        let network = || self.items.networks.get(name).map(|n| n.params.as_slice());
        element.or_else(network).unwrap_or_default()
    }

    fn subject_ports(&self, name: &str) -> Vec<(&'a str, Span)> {
        let element = self.items.elements.get(name).map(|e| Members::of_element(e));
        let network = || self.items.networks.get(name).map(|n| Members::of_network(n));
        element.or_else(network).map(|members| members.ports).unwrap_or_default()
    }
}
