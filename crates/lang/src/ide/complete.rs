//! What could be typed at a place.
//!
//! The word before the cursor is completed to one that cannot be meant, so that what is around it
//! can be parsed and checked; then the checker's notes say what stands before a dot.

use super::operations::operations;
use super::{Analysis, head};
use crate::check::types::{BUILT_IN, STATE_KINDS, Type};
use crate::compile::Unit;
use crate::files::Files;
use crate::source::Span;
use crate::syntax::ast::{self, ItemKind, MemberKind, NetworkMemberKind};
use crate::syntax::{ITEM_WORDS, MEMBER_WORDS, STATE_OPTIONS, STATEMENT_WORDS};
use trama_wire::header::{HEADERS, HeaderId, HeaderSet};

/// What a completion is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompletionKind {
    /// A word of the grammar.
    Word,
    /// A local, parameter or constant.
    Value,
    /// A state object.
    State,
    /// A port.
    Port,
    /// A header.
    Header,
    /// A field or property.
    Field,
    /// An operation of a state object or a function.
    Function,
    /// A type.
    Type,
    /// An element or network.
    Element,
}

/// Something that may be typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The text.
    pub label: String,
    /// What it is.
    pub kind: CompletionKind,
    /// What to say beside it.
    pub detail: String,
}

/// Stands for the word that is being typed.
const STAND_IN: &str = "being_typed__";

struct Found(Vec<Completion>);

impl Found {
    fn add(&mut self, label: &str, kind: CompletionKind, detail: impl Into<String>) {
        if !label.contains(STAND_IN) && self.0.iter().all(|known| known.label != label) {
            self.0.push(Completion { label: label.into(), kind, detail: detail.into() });
        }
    }

    fn words(&mut self, words: &[&str], kind: CompletionKind) {
        words.iter().for_each(|word| self.add(word, kind, ""));
    }
}

/// What may be typed at an offset of a program.
pub(super) fn complete(
    name: &str,
    text: &str,
    offset: usize,
    files: &dyn Files,
) -> Vec<Completion> {
    let offset = text.floor_char_boundary(offset.min(text.len()));
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let typed = text[..offset].len() - text[..offset].trim_end_matches(is_word).len();
    let start = offset - typed;
    let rest = text[offset..].trim_start_matches(is_word);
    let whole = format!("{}{STAND_IN}{rest}", &text[..start]);
    let analysis = Analysis::new(name, &whole, files);
    let mut found = Found(Vec::new());
    let before = text[..start].trim_end_matches([' ', '\t']);
    if let Some(base) = before.strip_suffix('.') {
        after_dot(&analysis, base.len(), &mut found);
    } else {
        at_word(&analysis, before, start, &mut found);
    }
    found.0
}

/// The word that a text ends with.
fn last_word(text: &str) -> &str {
    let start = text.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '_').len();
    &text[start..]
}

/// `base.`, which ends at `end`.
fn after_dot(analysis: &Analysis, end: usize, found: &mut Found) {
    let text = &analysis.sources().files[0].text;
    let base = &text[..end];
    let word = last_word(base);
    let span = Span { file: 0, start: (end - word.len()) as u32, end: end as u32 };
    if let Some(headers) = analysis.notes.headers.get(&span) {
        return packet(*headers, found);
    }
    let before = base[..base.len() - word.len()].strip_suffix('.');
    if let (Some(before), Some(header)) = (before, HeaderId::by_name(word)) {
        let root = last_word(before);
        let start = (before.len() - root.len()) as u32;
        let root = Span { file: 0, start, end: before.len() as u32 };
        if analysis.notes.headers.contains_key(&root) {
            for field in header.def().fields {
                found.add(field.name, CompletionKind::Field, field.doc);
            }
            found.add("offset", CompletionKind::Field, "first byte of the header in the frame");
            return;
        }
    }
    if let Some(kind) = kind_of_object(analysis, end, word) {
        for operation in operations(kind) {
            let detail = format!("{} {}", operation.form, operation.text);
            found.add(&operation.name, CompletionKind::Function, detail);
        }
    }
    if let Some(ty) = type_that_ends(analysis, end) {
        value(&ty, found);
    }
}

/// The type of the longest expression that ends at an offset.
fn type_that_ends(analysis: &Analysis, end: usize) -> Option<Type> {
    let ends = |span: &Span| span.file == 0 && span.end as usize == end;
    let types = analysis.notes.types.iter().filter(|(span, _)| ends(span));
    types.min_by_key(|(span, _)| span.start).map(|(_, ty)| ty.clone())
}

/// Fields of a value.
fn value(ty: &Type, found: &mut Found) {
    for name in ty.field_names() {
        let ty = ty.field(name).map(|(ty, _)| ty.to_string());
        found.add(name, CompletionKind::Field, ty.unwrap_or_default());
    }
    match ty {
        Type::Option(inner) => {
            found.add("or", CompletionKind::Function, format!("or(default) -> {inner}"));
            found.add("is_some", CompletionKind::Field, "bool");
            found.add("is_none", CompletionKind::Field, "bool");
        }
        Type::Record(record) if record.name.starts_with("Flow") => {
            found.add("reversed", CompletionKind::Field, "sources and destinations exchanged");
        }
        Type::Prefix4 | Type::Prefix6 => {
            found.add("contains", CompletionKind::Function, "contains(address) -> bool");
        }
        _ => {}
    }
}

/// What follows a packet: the headers that it certainly has first.
fn packet(headers: HeaderSet, found: &mut Found) {
    let (known, others): (Vec<_>, Vec<_>) =
        HEADERS.iter().partition(|header| headers.has(header.id));
    for header in known {
        found.add(header.name, CompletionKind::Header, header.doc);
    }
    for topic in crate::doc::topics() {
        if let (crate::doc::Kind::Property, Some(name)) =
            (topic.kind, topic.name.strip_prefix("p."))
            && !name.contains(['.', 'H'])
        {
            found.add(name, CompletionKind::Field, topic.summary);
        }
    }
    for header in others {
        let detail = format!("{}; ask first: `is {}`", header.doc, header.name);
        found.add(header.name, CompletionKind::Header, detail);
    }
    found.add("payload", CompletionKind::Field, "payload.u16(offset), payload.len …");
}

/// The item around an offset.
fn item_at(unit: &Unit, offset: usize) -> Option<&ast::Item> {
    let at = offset as u32;
    unit.main_file().items.iter().find(|item| item.span.start <= at && at <= item.span.end)
}

/// The kind of the state object or pattern set of that name in the element around an offset.
fn kind_of_object<'u>(analysis: &'u Analysis, offset: usize, name: &str) -> Option<&'u str> {
    let ItemKind::Element(element) = &item_at(&analysis.unit, offset)?.kind else { return None };
    element.members.iter().find_map(|member| match &member.kind {
        MemberKind::State(state) if state.name.text == name => {
            Some(head(&state.kind)).filter(|kind| STATE_KINDS.contains(kind))
        }
        MemberKind::Patterns(set) if set.name.text == name => Some("patterns"),
        _ => None,
    })
}

/// A word that follows no dot; `before` is the text up to it.
fn at_word(analysis: &Analysis, before: &str, start: usize, found: &mut Found) {
    let item = item_at(&analysis.unit, start);
    let element = item.and_then(|item| match &item.kind {
        ItemKind::Element(element) => Some(element),
        _ => None,
    });
    let previous = last_word(before);
    match (previous, element) {
        ("to" | "on", Some(element)) => return ports(element, found),
        ("is" | "insert" | "remove", _) => return headers(found),
        ("evict", _) => return found.add("oldest", CompletionKind::Word, ""),
        ("as", _) => return types(analysis, found),
        _ => {}
    }
    let line = before.rsplit('\n').next().unwrap_or_default().trim_start();
    if line.starts_with("on ") && line.contains(':') && !line.contains('{') {
        return headers(found);
    }
    if line.starts_with("state ") && before.ends_with(':') {
        found.words(STATE_KINDS, CompletionKind::Type);
        return types(analysis, found);
    }
    if line.starts_with("state ") && before.ends_with(']') {
        return found.words(STATE_OPTIONS, CompletionKind::Word);
    }
    if before.ends_with(':') || before.ends_with('<') && line.starts_with("state ") {
        types(analysis, found);
    }
    match item.map(|item| &item.kind) {
        Some(ItemKind::Element(element)) => in_element(analysis, element, start, found),
        Some(ItemKind::Network(network)) => in_network(analysis, network, found),
        Some(ItemKind::Test(_)) => {
            found.words(&["at", "expect"], CompletionKind::Word);
            headers(found);
        }
        Some(ItemKind::Fn(function)) if function.body.span.start <= start as u32 => {
            in_body(analysis, start, found);
        }
        _ => found.words(ITEM_WORDS, CompletionKind::Word),
    }
}

fn headers(found: &mut Found) {
    HEADERS.iter().for_each(|header| found.add(header.name, CompletionKind::Header, header.doc));
}

fn types(analysis: &Analysis, found: &mut Found) {
    found.words(BUILT_IN, CompletionKind::Type);
    for file in analysis.unit.files() {
        for item in &file.items {
            let name = match &item.kind {
                ItemKind::Record(record) => &record.name,
                ItemKind::Enum(def) => &def.name,
                _ => continue,
            };
            found.add(&name.text, CompletionKind::Type, item.docs.join(" "));
        }
    }
}

fn ports(element: &ast::Element, found: &mut Found) {
    for member in &element.members {
        if let MemberKind::Ports(ports) = &member.kind {
            ports.iter().for_each(|port| found.add(&port.name.text, CompletionKind::Port, ""));
        }
    }
}

fn in_element(analysis: &Analysis, element: &ast::Element, start: usize, found: &mut Found) {
    let at = start as u32;
    let inside = element.members.iter().any(|member| {
        let body = match &member.kind {
            MemberKind::On(on) => on.body.span,
            MemberKind::Init(body) | MemberKind::Every(_, body) => body.span,
            MemberKind::Fn(function) => function.body.span,
            _ => return false,
        };
        body.start < at && at <= body.end
    });
    if !inside {
        return found.words(MEMBER_WORDS, CompletionKind::Word);
    }
    in_body(analysis, start, found);
    for param in &element.params {
        found.add(&param.name.text, CompletionKind::Value, "parameter");
    }
    for member in &element.members {
        match &member.kind {
            MemberKind::State(state) => {
                found.add(&state.name.text, CompletionKind::State, "state object");
            }
            MemberKind::Patterns(set) => {
                found.add(&set.name.text, CompletionKind::State, "pattern set");
            }
            MemberKind::Const(c) => found.add(&c.name.text, CompletionKind::Value, "constant"),
            MemberKind::Fn(f) => found.add(&f.name.text, CompletionKind::Function, "function"),
            _ => {}
        }
    }
}

/// Locals before the cursor, what the files declare, and the words of statements.
fn in_body(analysis: &Analysis, start: usize, found: &mut Found) {
    let around = item_at(&analysis.unit, start).map(|item| item.span);
    for declared in &analysis.declarations {
        let span = declared.span;
        let near = around.is_some_and(|around| around.contains(span) && span.end < start as u32);
        if near && matches!(declared.what, "local" | "packet" | "loop variable" | "index") {
            let name = analysis.sources().text(span);
            let ty = analysis.notes.types.get(&span).map(ToString::to_string);
            found.add(name, CompletionKind::Value, ty.unwrap_or_else(|| declared.what.into()));
        }
    }
    for item in analysis.unit.user_files().iter().flat_map(|file| &file.items) {
        match &item.kind {
            ItemKind::Const(c) => found.add(&c.name.text, CompletionKind::Value, "constant"),
            ItemKind::Fn(f) => found.add(&f.name.text, CompletionKind::Function, "function"),
            ItemKind::Enum(e) => {
                let detail = format!("of `{}`", e.name.text);
                e.variants.iter().for_each(|variant| {
                    found.add(&variant.0.text, CompletionKind::Value, detail.clone());
                });
            }
            _ => {}
        }
    }
    for name in ["now", "hash", "min", "max", "Some", "None"] {
        found.add(name, CompletionKind::Function, "built in");
    }
    found.words(STATEMENT_WORDS, CompletionKind::Word);
}

fn in_network(analysis: &Analysis, network: &ast::Network, found: &mut Found) {
    for member in &network.members {
        match &member.kind {
            NetworkMemberKind::Ports(ports) => {
                ports.iter().for_each(|p| found.add(&p.name.text, CompletionKind::Port, "port"));
            }
            NetworkMemberKind::Instance(name, instance) => {
                let detail = format!("instance of {}", instance.name.text);
                found.add(&name.text, CompletionKind::Value, detail);
            }
            NetworkMemberKind::Chain(..) => {}
        }
    }
    for item in analysis.unit.files().iter().flat_map(|file| &file.items) {
        let name = match &item.kind {
            ItemKind::Element(element) => &element.name,
            ItemKind::Network(other) if other.name != network.name => &other.name,
            _ => continue,
        };
        found.add(&name.text, CompletionKind::Element, item.docs.join(" "));
    }
    found.words(&["port", "let", "discard"], CompletionKind::Word);
}
