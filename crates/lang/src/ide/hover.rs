//! What there is to say about a place.

use super::operations::operations;
use super::resolve::{Declaration, Target};
use super::{Analysis, Hover, is_word_of_the_grammar, word_at};
use crate::doc;
use crate::effects;
use crate::files::Files;
use crate::source::Span;
use crate::syntax::ast::{ItemKind, MemberKind};
use std::fmt::Write;
use trama_base::quantity;
use trama_wire::header::HeaderSet;

/// The text about an offset of the program's file.
pub(super) fn hover(analysis: &mut Analysis, offset: usize, files: &dyn Files) -> Option<Hover> {
    if let Some(hover) = handler(analysis, offset, files) {
        return Some(hover);
    }
    if let Some(occurrence) = analysis.occurrence(offset).cloned() {
        let span = occurrence.span;
        let text = match &occurrence.target {
            Target::Declared(at) => declared(analysis, *at, span, files),
            Target::Header(header) => doc::header_line(*header, None),
            Target::Field(header, field) => doc::header_line(*header, Some(field)),
            Target::Topic(name) => topic(name),
            Target::Operation(kind, name) => operation(kind, name),
        };
        let known = known(analysis, span);
        let text = match (text, known) {
            (Some(text), Some(known)) => Some(format!("{text}\n\n{known}")),
            (text, known) => text.or(known),
        };
        return text.map(|text| Hover { span, text });
    }
    if let Some((start, word)) = word_at(&analysis.unit.sources.files[0].text, offset)
        && is_word_of_the_grammar(word)
    {
        let end = (start + word.len()) as u32;
        let text = topic(word)?;
        return Some(Hover { span: Span { file: 0, start: start as u32, end }, text });
    }
    expression(analysis, offset)
}

/// What the checker knows about what stands at a place.
fn known(analysis: &Analysis, span: Span) -> Option<String> {
    if let Some(headers) = analysis.notes.headers.get(&span) {
        return Some(format!("here it certainly has {}", headers_text(*headers)));
    }
    analysis.notes.types.get(&span).map(|ty| format!("type: `{ty}`"))
}

fn headers_text(headers: HeaderSet) -> String {
    let names: Vec<String> = headers.iter().map(|id| format!("`{}`", id.def().name)).collect();
    if names.is_empty() { "no header for sure".into() } else { names.join(", ") }
}

/// The type of the smallest expression around an offset.
fn expression(analysis: &Analysis, offset: usize) -> Option<Hover> {
    let at = offset as u32;
    let around = analysis.notes.types.iter().filter(|(span, _)| {
        span.file == 0 && span.start <= at && at <= span.end && span.end - span.start < 200
    });
    let (span, ty) = around.min_by_key(|(span, _)| span.end - span.start)?;
    Some(Hover { span: *span, text: format!("type: `{ty}`") })
}

/// The beginning of the page of a topic: up to its first table or example, which say the most.
fn topic(name: &str) -> Option<String> {
    let page = doc::find(name).into_iter().next()?;
    let mut text = String::new();
    for (paragraphs, paragraph) in page.text.split("\n\n").enumerate() {
        // An example goes on to its closing fence.
        let open = text.matches("```").count() % 2 == 1;
        if paragraphs >= 6 && !open {
            break;
        }
        text.push_str(paragraph);
        text.push_str("\n\n");
    }
    Some(text.trim_end().to_owned())
}

fn operation(kind: &str, name: &str) -> Option<String> {
    let found = operations(kind).into_iter().find(|operation| operation.name == name)?;
    Some(format!("`{}` of a {kind}\n\n{}", found.form, found.text))
}

/// What is declared at `at`, for the name at `span`.
fn declared(analysis: &mut Analysis, at: Span, span: Span, files: &dyn Files) -> Option<String> {
    let found = analysis.declarations.iter().find(|d| d.span == at)?.clone();
    if found.what == "element" {
        let name = analysis.unit.sources.text(at).to_owned();
        return doc::element(&mut analysis.unit, &name, files).map(|doc| doc.to_markdown());
    }
    let source = analysis.unit.sources.text(found.source);
    let mut text = format!("```trama\n{}\n```\n\n{}", dedented(source), found.what);
    if let Some(element) = &found.element {
        // Writing to a String cannot fail.
        let _ = write!(text, " of `{element}`");
    }
    if !found.docs.is_empty() {
        let _ = write!(text, "\n\n{}", found.docs.join("\n"));
    }
    if let Some(size) = size(analysis, &found, files) {
        let _ = write!(text, "\n\n{size}");
    }
    if span != at
        && let Some(ty) = analysis.notes.types.get(&at)
    {
        let _ = write!(text, "\n\ndeclared as `{ty}`");
    }
    Some(text)
}

/// The size of a state object and who shares it.
fn size(analysis: &mut Analysis, found: &Declaration, files: &dyn Files) -> Option<String> {
    if found.what != "state object" {
        return None;
    }
    let element = found.element.as_ref()?;
    let doc = doc::element(&mut analysis.unit, element, files)?;
    let state = doc.states.into_iter().find(|state| state.span == found.source)?;
    let bytes = quantity::bytes(state.bytes_at_capacity?);
    let scope = state.scope.map(|scope| format!("; {scope}")).unwrap_or_default();
    Some(format!("{bytes} at capacity, with the default parameters{scope}"))
}

/// A declaration of several lines with the indentation of its first.
fn dedented(source: &str) -> String {
    let margins = source.lines().skip(1).filter(|line| !line.trim().is_empty());
    let margin = margins.map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    let lines = source.lines().enumerate();
    let lines = lines.map(|(i, line)| if i == 0 { line } else { line.get(margin..).unwrap_or("") });
    lines.collect::<Vec<_>>().join("\n")
}

/// The effects and cost of a handler, on its first word.
fn handler(analysis: &mut Analysis, offset: usize, files: &dyn Files) -> Option<Hover> {
    let at = offset as u32;
    let items = &analysis.unit.main_file().items;
    let item = items.iter().find(|item| item.span.start <= at && at < item.span.end)?;
    let ItemKind::Element(element) = &item.kind else { return None };
    let member = element.members.iter().find(|m| m.span.start <= at && at < m.span.end)?;
    let word = match &member.kind {
        MemberKind::On(_) => "on",
        MemberKind::Init(_) => "init",
        MemberKind::Every(..) => "every",
        _ => return None,
    };
    let span = Span { end: member.span.start + word.len() as u32, ..member.span };
    if at > span.end {
        return None;
    }
    let (name, member) = (element.name.text.clone(), member.span);
    let doc = doc::element(&mut analysis.unit, &name, files)?;
    let rows = doc.handlers.iter().filter(|handler| handler.span == member);
    let rows: Vec<String> =
        rows.map(|row| format!("**{}**\n\n{}", row.head, row.to_markdown())).collect();
    (!rows.is_empty()).then(|| Hover { span, text: rows.join("\n\n") })
}

/// The effects of the handlers of the program that runs, for those who want all of them.
impl Analysis {
    /// The effects of each node of the program, if it is sound.
    pub fn effects(&self) -> Option<Vec<effects::NodeEffects>> {
        self.program.as_ref().map(effects::effects)
    }
}
