//! What the files of a program declare, by name.

use super::headers::{self, UserHeader};
use super::sink::Sink;
use super::types::{EnumType, RecordType, Type, resolve};
use super::value::Value;
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::syntax::ast;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use trama_wire::header::{HeaderId, HeaderSet};

/// Names that a program cannot give to something of its own.
pub(crate) const RESERVED: &[&str] =
    &["Some", "None", "now", "hash", "min", "max", "zero", "load", "discard"];

/// The declarations of a program and of the library, by name.
///
/// Files of the user come first in the slice; from `first_library` on they are library files, whose
/// declarations give way to the user's without a message.
#[derive(Debug)]
pub struct Items<'a> {
    /// Constants.
    pub consts: BTreeMap<&'a str, &'a ast::Const>,
    /// Records.
    pub records: BTreeMap<&'a str, &'a ast::Record>,
    /// Headers, in the order of their declaration.
    pub headers: Vec<UserHeader>,
    /// Names of headers whose declaration was reported: silent.
    pub(super) broken_headers: BTreeSet<&'a str>,
    /// Enums.
    pub enums: BTreeMap<&'a str, &'a ast::Enum>,
    /// Global functions.
    pub fns: BTreeMap<&'a str, &'a ast::Fn>,
    /// Elements.
    pub elements: BTreeMap<&'a str, &'a ast::Element>,
    /// Networks.
    pub networks: BTreeMap<&'a str, &'a ast::Network>,
    /// Networks of the user in source order.
    pub network_order: Vec<&'a ast::Network>,
    /// Folds.
    pub folds: BTreeMap<&'a str, &'a ast::Fold>,
    /// Queries.
    pub queries: BTreeMap<&'a str, &'a ast::Query>,
    /// The network in which a query runs by itself.
    pub taps: BTreeMap<&'a str, &'a ast::Network>,
    /// Queries of the user in source order.
    pub query_order: Vec<&'a ast::Query>,
    /// Default captures.
    pub inputs: BTreeMap<&'a str, &'a ast::Inputs>,
    /// Tests of the user, in order.
    pub tests: Vec<&'a ast::Test>,
    /// Tests of library files, in order.
    pub library_tests: Vec<&'a ast::Test>,
    variants: BTreeMap<&'a str, Vec<&'a ast::Enum>>,
    types: RefCell<BTreeMap<String, Slot<Type>>>,
    values: RefCell<BTreeMap<String, Slot<Option<Value>>>>,
    called: RefCell<BTreeSet<String>>,
}

/// Something computed on first use; a second use meanwhile is a cycle.
#[derive(Debug, Clone)]
pub(super) enum Slot<T> {
    /// Being computed.
    Open,
    /// Computed.
    Done(T),
}

impl<'a> Items<'a> {
    /// Collects the declarations of `files`, of which those from `first_library` on are the
    /// library's, and reports names that are declared twice.
    pub fn new(files: &'a [ast::File], first_library: usize, sink: &mut Sink) -> Self {
        let mut items = Self {
            consts: BTreeMap::new(),
            records: BTreeMap::new(),
            headers: Vec::new(),
            broken_headers: BTreeSet::new(),
            enums: BTreeMap::new(),
            fns: BTreeMap::new(),
            elements: BTreeMap::new(),
            networks: BTreeMap::new(),
            network_order: Vec::new(),
            folds: BTreeMap::new(),
            queries: BTreeMap::new(),
            taps: BTreeMap::new(),
            query_order: Vec::new(),
            inputs: BTreeMap::new(),
            tests: Vec::new(),
            library_tests: Vec::new(),
            variants: BTreeMap::new(),
            types: RefCell::default(),
            values: RefCell::default(),
            called: RefCell::default(),
        };
        let mut names = Names::default();
        let mut headers = Vec::new();
        for (index, file) in files.iter().enumerate() {
            let is_library = index >= first_library;
            for item in &file.items {
                if let ast::ItemKind::Header(header) = &item.kind
                    && names.declare(Space::Header, &header.name, is_library, sink)
                {
                    headers.push(header);
                }
                if file.is_generated {
                    items.add_generated(&item.kind);
                } else {
                    items.add(&item.kind, is_library, &mut names, sink);
                }
            }
        }
        for def in items.enums.values() {
            for (variant, _) in &def.variants {
                items.variants.entry(variant.text.as_str()).or_default().push(def);
            }
        }
        items.headers = headers::declare(&items, &headers, sink);
        let names = headers.iter().map(|header| header.name.text.as_str());
        let is_sound = |name: &&str| items.headers.iter().any(|header| header.name == **name);
        items.broken_headers = names.filter(|name| !is_sound(name)).collect();
        items
    }

    fn add(
        &mut self,
        item: &'a ast::ItemKind,
        is_library: bool,
        names: &mut Names<'a>,
        sink: &mut Sink,
    ) {
        use ast::ItemKind as Kind;
        let mut new = |space, name| names.declare(space, name, is_library, sink);
        match item {
            Kind::Import(..) => {}
            Kind::Const(c) if new(Space::Value, &c.name) => {
                self.consts.insert(&c.name.text, c);
            }
            Kind::Record(r) if new(Space::Type, &r.name) => {
                self.records.insert(&r.name.text, r);
            }
            Kind::Enum(e) if new(Space::Type, &e.name) => {
                self.enums.insert(&e.name.text, e);
            }
            Kind::Fn(f) if new(Space::Fn, &f.name) => {
                self.fns.insert(&f.name.text, f);
            }
            // A fold gives a record and a function of its name; a query an element.
            Kind::Fold(f) if new(Space::Type, &f.name) && new(Space::Fn, &f.name) => {
                self.folds.insert(&f.name.text, f);
            }
            Kind::Query(q) if new(Space::Element, &q.name) => {
                self.queries.insert(&q.name.text, q);
                if !is_library {
                    self.query_order.push(q);
                }
            }
            Kind::Element(e) if new(Space::Element, &e.name) => {
                self.elements.insert(&e.name.text, e);
            }
            Kind::Network(n) if new(Space::Element, &n.name) => {
                self.networks.insert(&n.name.text, n);
                if !is_library {
                    self.network_order.push(n);
                }
            }
            Kind::Inputs(i) if new(Space::Inputs, &i.name) => {
                self.inputs.insert(&i.name.text, i);
            }
            Kind::Test(t) if is_library => self.library_tests.push(t),
            Kind::Test(t) => self.tests.push(t),
            _ => {}
        }
    }

    /// Takes what was made of a fold or query, whose name is declared where that stands.
    fn add_generated(&mut self, item: &'a ast::ItemKind) {
        match item {
            ast::ItemKind::Record(r) => drop(self.records.entry(&r.name.text).or_insert(r)),
            ast::ItemKind::Fn(f) => drop(self.fns.entry(&f.name.text).or_insert(f)),
            ast::ItemKind::Element(e) => drop(self.elements.entry(&e.name.text).or_insert(e)),
            ast::ItemKind::Network(n) if self.queries.contains_key(n.name.text.as_str()) => {
                self.taps.insert(&n.name.text, n);
            }
            ast::ItemKind::Network(n) => drop(self.networks.entry(&n.name.text).or_insert(n)),
            _ => {}
        }
    }

    /// The header of that name, declared or of the table.
    pub fn header_id(&self, name: &str) -> Option<HeaderId> {
        let declared = self.headers.iter().find(|header| header.name == name);
        declared.map(|header| header.id).or_else(|| HeaderId::by_name(name))
    }

    /// The name of a header.
    pub fn header_name(&self, id: HeaderId) -> &str {
        match headers::find(&self.headers, id) {
            Some(header) => &header.name,
            None => id.def().name,
        }
    }

    /// A header with those that it needs below it.
    pub fn with_parents(&self, id: HeaderId) -> HeaderSet {
        match headers::find(&self.headers, id) {
            Some(header) => header.with_parents(&self.headers),
            None => HeaderSet::of(id),
        }
    }

    /// Names of all records and enums.
    pub fn type_names(&self) -> impl Iterator<Item = &str> {
        self.records.keys().chain(self.enums.keys()).copied()
    }

    /// The enums that have a variant of this name.
    pub fn enums_with_variant(&self, variant: &str) -> &[&'a ast::Enum] {
        self.variants.get(variant).map_or(&[], Vec::as_slice)
    }

    /// The record or enum of that name. A type that contains itself is reported at `span`.
    pub fn named_type(&self, name: &str, span: Span, sink: &mut Sink) -> Option<Type> {
        let known = self.types.borrow().get(name).cloned();
        match known {
            Some(Slot::Done(ty)) => return Some(ty),
            Some(Slot::Open) => {
                let message = format!("`{name}` would contain itself");
                sink.error("E0213", message, span, "a value cannot hold another of its own type");
                return Some(Type::Error);
            }
            None => {}
        }
        if !self.records.contains_key(name) && !self.enums.contains_key(name) {
            return None;
        }
        self.types.borrow_mut().insert(name.into(), Slot::Open);
        let ty = if let Some(record) = self.records.get(name) {
            self.record_type(record, sink)
        } else {
            self.enum_type(self.enums[name], sink)
        };
        self.types.borrow_mut().insert(name.into(), Slot::Done(ty.clone()));
        Some(ty)
    }

    fn record_type(&self, record: &ast::Record, sink: &mut Sink) -> Type {
        let mut fields: Vec<(String, Type)> = Vec::with_capacity(record.fields.len());
        let mut sound = true;
        for (name, ty) in &record.fields {
            if fields.iter().any(|f| f.0 == name.text) {
                let message = format!("the record has two fields `{}`", name.text);
                sink.error("E0104", message, name.span, "declared before");
                continue;
            }
            let resolved = self.member_type(ty, sink);
            sound &= resolved != Type::Error;
            fields.push((name.text.clone(), resolved));
        }
        if !sound {
            return Type::Error;
        }
        Type::Record(Rc::new(RecordType { name: record.name.text.clone(), fields }))
    }

    fn enum_type(&self, def: &ast::Enum, sink: &mut Sink) -> Type {
        let mut variants: Vec<(String, Vec<Type>)> = Vec::with_capacity(def.variants.len());
        let mut sound = true;
        for (name, payload) in &def.variants {
            if variants.iter().any(|v| v.0 == name.text) {
                let message = format!("the enum has two variants `{}`", name.text);
                sink.error("E0104", message, name.span, "declared before");
                continue;
            }
            let payload: Vec<_> = payload.iter().map(|ty| self.member_type(ty, sink)).collect();
            sound &= !payload.contains(&Type::Error);
            variants.push((name.text.clone(), payload));
        }
        if variants.is_empty() || variants.len() > 256 {
            let message = format!("an enum has 1 to 256 variants, this one has {}", variants.len());
            sink.error("E0604", message, def.name.span, "cannot be represented");
            return Type::Error;
        }
        if !sound {
            return Type::Error;
        }
        Type::Enum(Rc::new(EnumType { name: def.name.text.clone(), variants }))
    }

    /// The type of a field or payload, which must be a value that can be stored.
    fn member_type(&self, ty: &ast::Type, sink: &mut Sink) -> Type {
        let resolved = resolve(self, ty, sink);
        if resolved == Type::Error || resolved.is_storable() {
            return resolved;
        }
        let message = format!("{} cannot be part of another value", resolved.with_article());
        sink.error("E0212", message, ty.span, "not possible here");
        Type::Error
    }

    /// Takes note that a global function was expanded, and so checked.
    pub(super) fn mark_called(&self, function: &str) {
        self.called.borrow_mut().insert(function.into());
    }

    /// True if a global function was expanded.
    pub(super) fn is_called(&self, function: &str) -> bool {
        self.called.borrow().contains(function)
    }

    /// The slot of a global constant's value.
    pub(super) fn const_slot(&self, name: &str) -> Option<Slot<Option<Value>>> {
        self.values.borrow().get(name).cloned()
    }

    /// Fills the slot of a global constant's value.
    pub(super) fn set_const_slot(&self, name: &str, slot: Slot<Option<Value>>) {
        self.values.borrow_mut().insert(name.into(), slot);
    }
}

/// Names that live side by side.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Space {
    Value,
    Type,
    Fn,
    Element,
    Header,
    Inputs,
}

/// The names declared so far, and where.
#[derive(Default)]
struct Names<'a>(BTreeMap<(Space, &'a str), (Span, bool)>);

impl<'a> Names<'a> {
    /// True if the name is new here: neither declared before nor hidden by the user's.
    fn declare(
        &mut self,
        space: Space,
        name: &'a ast::Ident,
        is_library: bool,
        sink: &mut Sink,
    ) -> bool {
        if space != Space::Inputs && RESERVED.contains(&name.text.as_str()) {
            let message = format!("`{}` is a word of the language", name.text);
            sink.error("E0111", message, name.span, "choose another name");
            return false;
        }
        match self.0.get(&(space, name.text.as_str())) {
            None => {
                self.0.insert((space, &name.text), (name.span, is_library));
                true
            }
            Some((_, false)) if is_library => false,
            Some((before, _)) => {
                let message = format!("`{}` is declared twice", name.text);
                sink.report(
                    Diagnostic::error("E0104", message, name.span, "declared again")
                        .other(*before, "declared here first"),
                );
                false
            }
        }
    }
}
