//! The compiler's messages with their source, for people and as JSON.

use annotate_snippets::{AnnotationKind, Group, Level, Patch, Renderer, Snippet};
use serde_json::{Value, json};
use std::io::IsTerminal;
use std::ops::Range;
use trama_lang::diagnostic::{Diagnostic, Severity};
use trama_lang::source::{SourceMap, Span};

/// Prints messages to standard error, in colour on a terminal.
pub(crate) fn print(sources: &SourceMap, diagnostics: &[Diagnostic]) {
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    for diagnostic in diagnostics {
        eprintln!("{}\n", render(sources, diagnostic, colour));
    }
}

/// One message as text.
pub(crate) fn render(sources: &SourceMap, diagnostic: &Diagnostic, colour: bool) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let (span, label) = &diagnostic.label;
    let mut snippet = snippet(sources, *span)
        .annotation(AnnotationKind::Primary.span(range(sources, *span)).label(label.as_str()));
    let (near, far): (Vec<_>, Vec<_>) =
        diagnostic.others.iter().partition(|(other, _)| other.file == span.file);
    for (other, label) in near {
        let annotation = AnnotationKind::Context.span(range(sources, *other));
        snippet = snippet.annotation(annotation.label(label.as_str()));
    }
    let mut main =
        level.primary_title(diagnostic.message.as_str()).id(diagnostic.code).element(snippet);
    for (other, label) in far {
        main = main.element(self::snippet(sources, *other).annotation(
            AnnotationKind::Context.span(range(sources, *other)).label(label.as_str()),
        ));
    }
    if let Some(note) = &diagnostic.note {
        main = main.element(Level::HELP.message(note.as_str()));
    }
    let mut groups: Vec<Group<'_>> = vec![main];
    if let Some((place, text)) = &diagnostic.patch {
        let patch = Patch::new(range(sources, *place), text.as_str());
        let edited: Snippet<'_, Patch<'_>> =
            Snippet::source(text_of(sources, *place)).path(name_of(sources, *place)).patch(patch);
        groups.push(Level::HELP.secondary_title("change it to this").element(edited));
    }
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    renderer.render(&groups).to_string()
}

fn snippet<'a>(
    sources: &'a SourceMap,
    span: Span,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    Snippet::source(text_of(sources, span)).path(name_of(sources, span))
}

fn text_of(sources: &SourceMap, span: Span) -> &str {
    &sources.files[span.file as usize].text
}

fn name_of(sources: &SourceMap, span: Span) -> &str {
    &sources.files[span.file as usize].name
}

/// The bytes of a span, on character boundaries of its file.
fn range(sources: &SourceMap, span: Span) -> Range<usize> {
    let text = text_of(sources, span);
    let start = text.floor_char_boundary(span.start as usize);
    let end = text.ceil_char_boundary((span.end as usize).min(text.len()));
    start..end.max(start)
}

/// Messages for machines.
pub(crate) fn to_json(sources: &SourceMap, diagnostics: &[Diagnostic]) -> Value {
    let place = |span: Span| {
        let (line, column) = sources.line_column(span);
        json!({
            "file": name_of(sources, span),
            "line": line,
            "column": column,
            "start": span.start,
            "end": span.end,
        })
    };
    let one = |d: &Diagnostic| {
        json!({
            "code": d.code,
            "severity": if d.severity == Severity::Error { "error" } else { "warning" },
            "message": d.message,
            "place": place(d.label.0),
            "label": d.label.1,
            "others": d.others.iter()
                .map(|(span, text)| json!({ "place": place(*span), "label": text }))
                .collect::<Vec<_>>(),
            "note": d.note,
            "patch": d.patch.as_ref()
                .map(|(span, text)| json!({ "place": place(*span), "text": text })),
        })
    };
    diagnostics.iter().map(one).collect()
}
