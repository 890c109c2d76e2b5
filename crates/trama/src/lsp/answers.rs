//! Answers to requests about a document.

use super::text::{self, Encoding};
use super::transport::Fault;
use super::{place, uri_of_source};
use serde_json::{Value, json};
use trama_lang::diagnostic::{Diagnostic, Severity};
use trama_lang::files::Files;
use trama_lang::ide::{self, Analysis, CompletionKind, Symbol, SymbolKind};
use trama_lang::source::{SourceMap, Span};
use trama_lang::syntax::{format, parse};

/// A request about a document.
pub(super) struct Ask<'q> {
    pub(super) analysis: &'q mut Analysis,
    pub(super) files: &'q dyn Files,
    pub(super) uri: &'q str,
    pub(super) text: &'q str,
    pub(super) params: &'q Value,
    pub(super) encoding: Encoding,
}

type Answer = Result<Value, Fault>;

/// What answers a method.
pub(super) fn by_method(method: &str) -> Option<fn(Ask<'_>) -> Answer> {
    Some(match method {
        "textDocument/hover" => hover,
        "textDocument/definition" => definition,
        "textDocument/references" => references,
        "textDocument/documentHighlight" => highlights,
        "textDocument/documentSymbol" => symbols,
        "textDocument/formatting" => formatting,
        "textDocument/completion" => completion,
        "textDocument/codeAction" => code_actions,
        "textDocument/prepareRename" => prepare_rename,
        "textDocument/rename" => rename,
        "textDocument/inlayHint" => hints,
        _ => return None,
    })
}

impl Ask<'_> {
    /// The byte offset that the request is about.
    fn offset(&self) -> Result<usize, Fault> {
        let position = self.params.get("position").unwrap_or(&Value::Null);
        text::offset(self.text, position, self.encoding)
            .ok_or_else(|| Fault::params("`position` is missing"))
    }

    /// The `Range` of a span of the document.
    fn range(&self, span: Span) -> Value {
        text::range(self.text, span.start as usize..span.end as usize, self.encoding)
    }
}

/// The `Range` of a span of any file.
fn range_of(sources: &SourceMap, span: Span, encoding: Encoding) -> Value {
    let text = &sources.files[span.file as usize].text;
    text::range(text, span.start as usize..span.end as usize, encoding)
}

/// The `Location` of a span; none if it is in no file that a client could open.
fn location(sources: &SourceMap, span: Span, uri: &str, encoding: Encoding) -> Option<Value> {
    let name = &sources.files[span.file as usize].name;
    let uri = uri_of_source(name, span.file, uri)?;
    Some(json!({ "uri": uri, "range": range_of(sources, span, encoding) }))
}

/// The messages about a document. One about another file stands at the head of the document, since
/// that file's own messages are published when it is open.
pub(super) fn diagnostics(analysis: &Analysis, uri: &str, encoding: Encoding) -> Value {
    analysis.diagnostics.iter().map(|d| diagnostic(analysis.sources(), d, uri, encoding)).collect()
}

fn diagnostic(sources: &SourceMap, d: &Diagnostic, uri: &str, encoding: Encoding) -> Value {
    let (span, label) = &d.label;
    let mut related = Vec::new();
    let mut relate = |span: Span, message: &str| {
        if let Some(location) = location(sources, span, uri, encoding) {
            related.push(json!({ "location": location, "message": message }));
        }
    };
    let (range, mut message) = if span.file == 0 {
        (range_of(sources, *span, encoding), d.message.clone())
    } else {
        relate(*span, label);
        let name = &sources.files[span.file as usize].name;
        let head = Span { file: 0, start: 0, end: 0 };
        (range_of(sources, head, encoding), format!("in {name}: {}", d.message))
    };
    d.others.iter().for_each(|(span, text)| relate(*span, text));
    if !label.is_empty() && span.file == 0 {
        message.push_str(&format!("\n{label}"));
    }
    if let Some(note) = &d.note {
        message.push_str(&format!("\nhelp: {note}"));
    }
    let mut object = json!({
        "range": range,
        "severity": if d.severity == Severity::Error { 1 } else { 2 },
        "code": d.code,
        "source": "trama",
        "message": message,
        "relatedInformation": related,
    });
    if let Some(page) = place::code_page(d.code) {
        object["codeDescription"] = json!({ "href": place::uri_of(&page) });
    }
    // W0101 to W0104 and W0107 are about what is never used.
    if matches!(d.code, "W0101" | "W0102" | "W0103" | "W0104" | "W0107") {
        object["tags"] = json!([1]);
    }
    object
}

fn hover(ask: Ask<'_>) -> Answer {
    let offset = ask.offset()?;
    let Some(hover) = ask.analysis.hover(offset, ask.files) else { return Ok(Value::Null) };
    let contents = json!({ "kind": "markdown", "value": hover.text });
    Ok(json!({ "contents": contents, "range": ask.range(hover.span) }))
}

fn definition(ask: Ask<'_>) -> Answer {
    let found = ask.analysis.definition(ask.offset()?);
    let sources = ask.analysis.sources();
    Ok(found.and_then(|span| location(sources, span, ask.uri, ask.encoding)).unwrap_or_default())
}

fn references(ask: Ask<'_>) -> Answer {
    let offset = ask.offset()?;
    let declared = ask.analysis.definition(offset);
    let wanted = ask.params.pointer("/context/includeDeclaration").and_then(Value::as_bool);
    let mut found = ask.analysis.references(offset);
    if wanted == Some(false) {
        found.retain(|span| Some(*span) != declared);
    }
    let sources = ask.analysis.sources();
    Ok(found.iter().filter_map(|s| location(sources, *s, ask.uri, ask.encoding)).collect())
}

fn highlights(ask: Ask<'_>) -> Answer {
    let found = ask.analysis.references(ask.offset()?);
    let here = found.iter().filter(|span| span.file == 0);
    Ok(here.map(|span| json!({ "range": ask.range(*span) })).collect())
}

fn symbols(ask: Ask<'_>) -> Answer {
    fn one(ask: &Ask<'_>, symbol: &Symbol) -> Value {
        // The numbers of `SymbolKind`.
        let kind = match symbol.kind {
            SymbolKind::Element => 5,
            SymbolKind::Network => 2,
            SymbolKind::Record => 23,
            SymbolKind::Enum => 10,
            SymbolKind::Field => 8,
            SymbolKind::Variant => 22,
            SymbolKind::Const => 14,
            SymbolKind::Function => 12,
            SymbolKind::Port => 11,
            SymbolKind::State => 13,
            SymbolKind::Handler | SymbolKind::Event => 24,
            SymbolKind::Instance => 19,
            SymbolKind::Test => 6,
        };
        // A client refuses a symbol without a name.
        let name = if symbol.name.is_empty() { "(unnamed)" } else { &symbol.name };
        json!({
            "name": name,
            "kind": kind,
            "range": ask.range(symbol.span),
            "selectionRange": ask.range(symbol.name_span),
            "children": symbol.children.iter().map(|child| one(ask, child)).collect::<Vec<_>>(),
        })
    }
    let symbols = ask.analysis.symbols();
    Ok(symbols.iter().map(|symbol| one(&ask, symbol)).collect())
}

fn formatting(ask: Ask<'_>) -> Answer {
    let mut sources = SourceMap::default();
    let index = sources.add("", ask.text);
    let (file, messages) = parse(&sources, index);
    if !messages.is_empty() {
        return Err(Fault::failed("a program with syntax errors is left as it is"));
    }
    let formatted = format::format(&sources, &file);
    let (bytes, new) = text::difference(ask.text, &formatted);
    if bytes.is_empty() && new.is_empty() {
        return Ok(json!([]));
    }
    Ok(json!([{ "range": text::range(ask.text, bytes, ask.encoding), "newText": new }]))
}

fn completion(ask: Ask<'_>) -> Answer {
    let name = &ask.analysis.sources().files[0].name;
    let found = ide::complete(name, ask.text, ask.offset()?, ask.files);
    let items = found.into_iter().enumerate().map(|(index, completion)| {
        // The numbers of `CompletionItemKind`.
        let kind = match completion.kind {
            CompletionKind::Word => 14,
            CompletionKind::Value => 6,
            CompletionKind::State => 10,
            CompletionKind::Port => 23,
            CompletionKind::Header => 9,
            CompletionKind::Field => 5,
            CompletionKind::Function => 3,
            CompletionKind::Type => 22,
            CompletionKind::Element => 7,
        };
        json!({
            "label": completion.label,
            "kind": kind,
            "detail": completion.detail,
            // In the order in which they were found: the likely ones first.
            "sortText": format!("{index:04}"),
        })
    });
    Ok(items.collect())
}

/// Edits that mend what messages in the range are about.
fn code_actions(ask: Ask<'_>) -> Answer {
    let range = ask.params.get("range").unwrap_or(&Value::Null);
    let wanted = text::bytes(ask.text, range, ask.encoding)
        .ok_or_else(|| Fault::params("`range` is missing"))?;
    let sources = ask.analysis.sources();
    let mut actions = Vec::new();
    for d in &ask.analysis.diagnostics {
        let Some((span, new)) = &d.patch else { continue };
        let touches = |s: Span| {
            s.file == 0 && s.start as usize <= wanted.end && wanted.start <= s.end as usize
        };
        if span.file != 0 || !(touches(d.label.0) || touches(*span)) {
            continue;
        }
        let old = sources.text(*span);
        let title = match (old.is_empty(), new.is_empty()) {
            (true, _) => format!("insert `{}`", new.trim()),
            (_, true) => format!("remove `{old}`"),
            _ => format!("replace `{old}` by `{new}`"),
        };
        let edit = json!({ "range": ask.range(*span), "newText": new });
        actions.push(json!({
            "title": title,
            "kind": "quickfix",
            "isPreferred": true,
            "diagnostics": [diagnostic(sources, d, ask.uri, ask.encoding)],
            "edit": { "changes": { (ask.uri): [edit] } },
        }));
    }
    Ok(actions.into())
}

fn prepare_rename(ask: Ask<'_>) -> Answer {
    let found = ask.analysis.renameable(ask.offset()?);
    Ok(found.map_or(Value::Null, |span| ask.range(span)))
}

fn rename(ask: Ask<'_>) -> Answer {
    let name = ask.params.get("newName").and_then(Value::as_str);
    let name = name.ok_or_else(|| Fault::params("`newName` is missing"))?;
    let spans = ask.analysis.rename(ask.offset()?, name).map_err(Fault::failed)?;
    let sources = ask.analysis.sources();
    let mut changes = serde_json::Map::new();
    for span in spans {
        let name_of_file = &sources.files[span.file as usize].name;
        let Some(uri) = uri_of_source(name_of_file, span.file, ask.uri) else { continue };
        let edit = json!({ "range": range_of(sources, span, ask.encoding), "newText": name });
        let edits = changes.entry(uri).or_insert_with(|| json!([]));
        edits.as_array_mut().expect("it was made as one").push(edit);
    }
    Ok(json!({ "changes": changes }))
}

/// The types of locals that do not write one.
fn hints(ask: Ask<'_>) -> Answer {
    let range = ask.params.get("range").unwrap_or(&Value::Null);
    let wanted = text::bytes(ask.text, range, ask.encoding).unwrap_or(0..ask.text.len());
    let hints = ask.analysis.hints();
    let shown = hints.iter().filter(|(span, _)| wanted.contains(&(span.start as usize)));
    let one = |(span, ty): &(Span, String)| {
        json!({
            "position": text::position(ask.text, span.end as usize, ask.encoding),
            "label": format!(": {ty}"),
            "kind": 1,
        })
    };
    Ok(shown.map(one).collect())
}
