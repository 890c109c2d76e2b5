//! Documentation by name: what `trama doc` prints and what an editor shows.
//!
//! Nothing is written down here. The text comes from where it stands already: the doc comments of
//! elements, the table of headers, the tables of codes, and the sections of the book's language
//! reference, which are part of the binary. What is here is an index from words to sections, and
//! tests find a word of the language that it lacks.

mod book;
mod element;
#[cfg(test)]
mod tests;

pub use element::{ElementDoc, HandlerDoc, ParamDoc, StateDoc, drop_reasons, element};

use crate::check::codes;
use crate::compile::Unit;
use crate::files::NoFiles;
use crate::filter;
use crate::ir::reason;
use crate::syntax::codes::Code;
use crate::syntax::{self, ast, nearest};
use std::fmt::Write;
use trama_wire::header::{FieldType, HEADERS, HeaderDef, HeaderId};

/// What a topic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An element of the library.
    Element,
    /// A record or enum of the library.
    Type,
    /// A header.
    Header,
    /// A field of a header.
    Field,
    /// A property of packets.
    Property,
    /// A kind of state object.
    State,
    /// A word of the grammar.
    Word,
    /// A function or name that is always there.
    BuiltIn,
    /// A code of a message.
    Code,
    /// A reason for which packets are dropped.
    Drop,
}

impl Kind {
    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Element => "element",
            Self::Type => "type",
            Self::Header => "header",
            Self::Field => "field",
            Self::Property => "property",
            Self::State => "state",
            Self::Word => "word",
            Self::BuiltIn => "built in",
            Self::Code => "code",
            Self::Drop => "drop reason",
        }
    }
}

/// Something that is documented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// What it is.
    pub kind: Kind,
    /// By what it is found, for example `ip.ttl`.
    pub name: String,
    /// One line.
    pub summary: String,
}

/// The documentation of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// What it is about.
    pub topic: Topic,
    /// The text, in the Markdown of the book.
    pub text: String,
    /// The book's page that says more, for example `language/state.md`.
    pub book: Option<String>,
}

/// All topics, in the order of their kinds.
pub fn topics() -> Vec<Topic> {
    pages().into_iter().map(|page| page.topic).collect()
}

/// What is documented under a name. Letter case matters only where it decides between topics.
pub fn find(name: &str) -> Vec<Page> {
    let pages = pages();
    let is_exact = |page: &&Page| page.topic.name == name;
    let exact: Vec<Page> = pages.iter().filter(is_exact).cloned().collect();
    if !exact.is_empty() {
        return exact;
    }
    // One row of the book is about all widths of numbers.
    let digits = name.strip_prefix('u').unwrap_or("");
    let is_width = matches!(digits.parse(), Ok(1..=64_u8 | 128));
    let name = if is_width { "u1" } else { name };
    let is_same = |page: &Page| page.topic.name.eq_ignore_ascii_case(name);
    pages.into_iter().filter(is_same).collect()
}

/// The names nearest to one that is not documented: slips of the keyboard, and names that contain
/// it. At most ten.
pub fn near(name: &str) -> Vec<String> {
    let topics = topics();
    let names = || topics.iter().map(|topic| topic.name.as_str());
    let mut found: Vec<&str> = nearest(name, names()).into_iter().collect();
    let lower = name.to_lowercase();
    let contains = |known: &&str| lower.len() > 1 && known.to_lowercase().contains(&lower);
    found.extend(names().filter(contains));
    let mut shown = Vec::new();
    for name in found {
        if !shown.contains(&name) {
            shown.push(name);
        }
    }
    shown.into_iter().take(10).map(str::to_owned).collect()
}

fn pages() -> Vec<Page> {
    let library = Unit::parse("", "", &NoFiles);
    let mut pages = Vec::new();
    library_pages(&library, &mut pages);
    for header in HEADERS {
        header_pages(header, &mut pages);
    }
    pages.extend(book::pages());
    pages.extend(all_codes().map(code_page));
    drop_pages(&library, &mut pages);
    pages
}

/// The page of a code of a message.
pub fn code(code: &str) -> Option<Page> {
    all_codes().find(|known| known.code == code).map(code_page)
}

fn all_codes() -> impl Iterator<Item = &'static Code> {
    let families = [syntax::codes::CODES.iter(), filter::codes::CODES.iter()];
    families.into_iter().flatten().chain(codes::all())
}

fn code_page(code: &Code) -> Page {
    let topic =
        Topic { kind: Kind::Code, name: code.code.into(), summary: sentence(code.title).into() };
    let Code { title, explanation, bad, good, .. } = code;
    let (bad, good) = (bad.trim_end(), good.trim_end());
    let text = format!(
        "# {}: {title}\n\n{explanation}\n\nRejected:\n\n```trama\n{bad}\n```\n\n\
         Right:\n\n```trama\n{good}\n```\n",
        code.code
    );
    Page { topic, text, book: Some("codes.md".into()) }
}

/// Library elements, and the types of their parameters.
fn library_pages(library: &Unit, pages: &mut Vec<Page>) {
    for item in library.library_files().iter().flat_map(|file| &file.items) {
        let (kind, name) = match &item.kind {
            ast::ItemKind::Element(element) => (Kind::Element, &element.name),
            ast::ItemKind::Query(query) => (Kind::Element, &query.name),
            ast::ItemKind::Record(record) => (Kind::Type, &record.name),
            ast::ItemKind::Enum(def) => (Kind::Type, &def.name),
            _ => continue,
        };
        let summary = sentence(&item.docs.join(" ")).to_owned();
        let topic = Topic { kind, name: name.text.clone(), summary };
        let text = if kind == Kind::Element {
            element::text(library, item).unwrap_or_default()
        } else {
            let source = library.sources.text(item.span);
            format!("# {}\n\n{}\n\n```trama\n{source}\n```\n", name.text, item.docs.join("\n"))
        };
        pages.push(Page { topic, text, book: Some("library.md".into()) });
    }
}

/// The type of a field, as a program writes it.
fn field_type(ty: FieldType, width: u8) -> String {
    match ty {
        FieldType::Uint => format!("u{width}"),
        other => format!("{other:?}").to_lowercase(),
    }
}

/// The page of a header, and one for each of its fields.
fn header_pages(header: &HeaderDef, pages: &mut Vec<Page>) {
    let name = header.name;
    let book = Some("language/headers.md".to_owned());
    let mut text = format!("# {name}\n\n{}; {} bytes", header.doc, header.min_len);
    let follows = HEADERS.iter().filter(|next| trama_wire::stack::may_follow(header.id, next.id));
    let follows: Vec<_> = follows.map(|next| next.name).collect();
    text.push_str(" without options.\n");
    if !follows.is_empty() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "Directly on it may stand: {}.", follows.join(", "));
    }
    text.push_str("\n| field | type | bit | meaning |\n|---|---|---|---|\n");
    let mut fields = Vec::new();
    for field in header.fields {
        let ty = field_type(field.ty, field.width);
        let full = format!("{name}.{}", field.name);
        let _ = writeln!(text, "| `{full}` | `{ty}` | {} | {} |", field.bit, field.doc);
        let topic =
            Topic { kind: Kind::Field, name: full.clone(), summary: sentence(field.doc).into() };
        let text = format!(
            "# {full}: {ty}\n\n{}.\n\n{} bits from bit {} of `{name}`: {}.\n\
             Written `p.{full}`, where the header is known to be there.\n",
            capital(field.doc),
            field.width,
            field.bit,
            header.doc
        );
        fields.push(Page { topic, text, book: book.clone() });
    }
    let topic =
        Topic { kind: Kind::Header, name: name.into(), summary: sentence(header.doc).into() };
    pages.push(Page { topic, text, book });
    pages.extend(fields);
}

/// The header of a `name`, or the field of a `header.name`, in one paragraph.
pub fn header_line(header: HeaderId, field: Option<&str>) -> Option<String> {
    let def = header.def();
    let Some(field) = field else { return Some(format!("`{}`: {}", def.name, def.doc)) };
    let found = header.field(field)?.def();
    let ty = field_type(found.ty, found.width);
    Some(format!("`{}.{}: {ty}`\n\n{}", def.name, found.name, capital(found.doc)))
}

fn drop_pages(library: &Unit, pages: &mut Vec<Page>) {
    let mut page = |name: &str, summary: String, text: String| {
        let topic = Topic { kind: Kind::Drop, name: name.into(), summary };
        let text = format!("# \"{name}\"\n\n{text}\n");
        pages.push(Page { topic, text, book: Some("language/drops.md".into()) });
    };
    for reason in reason::BUILT_IN {
        let when = book::row("drops", reason).unwrap_or_default();
        page(
            reason,
            when.clone(),
            format!("Every element drops a packet for this reason if {when}."),
        );
    }
    let mut by_reason: Vec<(String, Vec<String>)> = Vec::new();
    for item in library.library_files().iter().flat_map(|file| &file.items) {
        let ast::ItemKind::Element(element) = &item.kind else { continue };
        for reason in drop_reasons(library, element) {
            let name = element.name.text.clone();
            match by_reason.iter_mut().find(|known| known.0 == reason) {
                Some(known) => known.1.push(name),
                None => by_reason.push((reason, vec![name])),
            }
        }
    }
    for (reason, elements) in by_reason {
        let who = format!("dropped by {}", elements.join(", "));
        let text = format!("{}: `trama doc {}` says what it does.", capital(&who), elements[0]);
        page(&reason, who, text);
    }
}

/// The first sentence of a text.
fn sentence(text: &str) -> &str {
    let text = text.split("\n\n").next().unwrap_or(text);
    &text[..text.find(". ").unwrap_or(text.trim_end_matches('.').len())]
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |c| c.to_uppercase().chain(letters).collect())
}
