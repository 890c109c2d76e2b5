//! Folds and queries become what elements are made of.
//!
//! A fold is a record and a function ([`fold`]); a query is an element ([`element`]), so that
//! engines, effects, traces and tests know nothing of queries. What is made is text: it is parsed
//! and checked like any program, and can be read. Each piece of it knows the place in the user's
//! text that it was made from ([`crate::source::SourceMap::origin`]), and messages point there.

mod aggregate;
mod code;
mod element;
mod fold;
mod names;
mod plan;
#[cfg(test)]
mod tests;

use crate::check::element::probe;
use crate::check::items::Items;
use crate::check::sink::Sink;
use crate::check::types::Type;
use crate::check::value::Tables;
use crate::diagnostic::{Diagnostic, Severity};
use crate::source::{Origin, SourceMap, Span};
use crate::syntax::{ast, parse};
use code::Code;
use names::Words;
use plan::{Pipeline, Planner, Step};

/// Name of what is made.
const FILE: &str = "<made of folds and queries>";

/// What was made of some items.
pub(crate) struct Made {
    /// Its text.
    pub(crate) text: String,
    /// Where its pieces come from.
    pub(crate) origins: Vec<Origin>,
    /// What is wrong with the items.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl Made {
    /// Adds the text to the sources and parses it.
    pub(crate) fn file(self, sources: &mut SourceMap) -> (ast::File, Vec<Diagnostic>) {
        let index = sources.add_made(FILE, self.text, self.origins);
        let (mut file, messages) = parse(sources, index);
        file.is_generated = true;
        (file, messages)
    }
}

/// Records and functions of all folds.
pub(crate) fn folds(files: &[ast::File], sources: &SourceMap) -> Made {
    let mut code = Code::default();
    let mut diagnostics = Vec::new();
    for item in files.iter().flat_map(|file| &file.items) {
        if let ast::ItemKind::Fold(fold) = &item.kind
            && let Some(made) = fold::expand(fold, sources, &mut diagnostics)
        {
            code.append(&made);
        }
    }
    Made { text: code.text, origins: code.origins, diagnostics }
}

/// Elements of all queries. The items are those of the program and of its folds.
pub(crate) fn queries(items: &Items<'_>, tables: &dyn Tables, sources: &SourceMap) -> Made {
    let mut code = Code::default();
    let mut diagnostics = Vec::new();
    for query in items.queries.values() {
        code.append(&query_code(query, items, tables, sources, &mut diagnostics));
    }
    let user: Vec<&ast::Query> = items.query_order.clone();
    if let (Some(first), true) = (user.first(), items.network_order.is_empty()) {
        let names: Vec<&str> = user.iter().map(|query| query.name.text.as_str()).collect();
        let text =
            format!("network {NETWORK} {{\nport in\nin -> {} -> discard\n}}\n", names.join(" -> "));
        code.push(text, first.name.span);
    }
    Made { text: code.text, origins: code.origins, diagnostics }
}

/// The network in which all queries of a program without networks look at the same packets.
pub(crate) const NETWORK: &str = "queries";

fn query_code(
    query: &ast::Query,
    items: &Items<'_>,
    tables: &dyn Tables,
    sources: &SourceMap,
    diagnostics: &mut Vec<Diagnostic>,
) -> Code {
    let faults = diagnostics.len();
    let mut name = Code::default();
    name.verbatim(sources, query.name.span);
    let params = params(query, sources);
    let mut planner = Planner::new(Words { items, sources }, diagnostics);
    let planned = planner.query(query);
    let span = query.name.span;
    planner.close_probe(span);
    let (body, asked) = (std::mem::take(&mut planner.probe), planner.types);
    let sound = diagnostics.len() == faults;
    let Some((pipeline, _)) = planned.filter(|_| sound) else {
        return stub(&name, &params, span);
    };
    let types = probed(&body, &params, (items, tables, sources), diagnostics);
    let Some(types) = types.filter(|types| types.len() == asked) else {
        return stub(&name, &params, span);
    };
    misfits(&pipeline, &types, diagnostics);
    if diagnostics.len() > faults {
        return stub(&name, &params, span);
    }
    let mut code = tap(query, &name, &params);
    code.append(&element::Generator::new(name, &types).finish(&pipeline, &params, span));
    code
}

/// The network in which a query runs by itself.
fn tap(query: &ast::Query, name: &Code, params: &Code) -> Code {
    let args: Vec<String> = query.params.iter().map(|p| format!("{0}: {0}", p.name.text)).collect();
    let args = if args.is_empty() { String::new() } else { format!("({})", args.join(", ")) };
    let template = format!("network $$ {{\nport in\nin -> ${args} -> discard\n}}\n");
    Code::fill(&template, &[name, params, name], query.name.span)
}

/// An element in the place of one that cannot be made, so that no more is said about it.
fn stub(name: &Code, params: &Code, span: Span) -> Code {
    let template = "element $$ {\nport in, out\non in(packet) { send packet to out }\n\
                    on out(packet) { send packet to in }\n}\n";
    Code::fill(template, &[name, params], span)
}

/// `(a: type = value, …)`
fn params(query: &ast::Query, sources: &SourceMap) -> Code {
    let mut code = Code::default();
    for param in &query.params {
        let end = param.default.as_ref().map_or(param.ty.span, |default| default.span);
        code.push(if code.text.is_empty() { "(" } else { ", " }, param.name.span);
        code.verbatim(sources, param.name.span.to(end));
    }
    if !query.params.is_empty() {
        code.push(")", query.name.span);
    }
    code
}

/// The types that a probe asks for; what is wrong with its expressions is reported.
fn probed(
    body: &Code,
    params: &Code,
    (items, tables, sources): (&Items<'_>, &dyn Tables, &SourceMap),
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<Type>> {
    let template = "element probe_ $ {\nport in\non in(packet) {\n$send packet to in\n}\n}\n";
    let code = Code::fill(template, &[params, body], Span::default());
    let mut sources = sources.clone();
    let index = sources.add_made(FILE, code.text, code.origins);
    let (file, messages) = parse(&sources, index);
    let mut sink = Sink::new();
    if !messages.is_empty() {
        // The parser has told about the user's text already, or it does not stand by itself.
        messages.into_iter().for_each(|m| diagnostics.push(at_origin(m, &sources)));
        return None;
    }
    let mut types: Vec<(usize, Type)> = Vec::new();
    if let Some(ast::ItemKind::Element(element)) = file.items.first().map(|item| &item.kind) {
        let names = probe(items, element, tables, &mut sink);
        types.extend(names.into_iter().filter_map(|(n, ty)| Some((plan::type_number(&n)?, ty))));
    }
    let errors = sink.diagnostics.into_iter().filter(|d| d.severity == Severity::Error);
    let before = diagnostics.len();
    diagnostics.extend(errors.map(|d| at_origin(d, &sources)));
    types.sort_by_key(|(number, _)| *number);
    types.dedup_by_key(|(number, _)| *number);
    let types = types.into_iter().map(|(_, ty)| ty).collect();
    (diagnostics.len() == before).then_some(types)
}

/// The message with its places in the user's text.
pub(crate) fn at_origin(mut d: Diagnostic, sources: &SourceMap) -> Diagnostic {
    let is_made = |span: Span| !sources.files[span.file as usize].origins.is_empty();
    // An edit of what was made cannot be made in what it was made from.
    d.patch = d.patch.filter(|(span, _)| !is_made(*span));
    d.label.0 = sources.origin(d.label.0);
    for (span, _) in &mut d.others {
        *span = sources.origin(*span);
    }
    d
}

/// Reports aggregates of types that they are not for.
fn misfits(pipeline: &Pipeline, types: &[Type], diagnostics: &mut Vec<Diagnostic>) {
    let mut error = |message: String, span: Span, label: &str| {
        diagnostics.push(Diagnostic::error("E0905", message, span, label));
    };
    for step in &pipeline.steps {
        if let Step::Group(group) = step {
            for aggregate in &group.aggregates {
                let Some(ty) = aggregate.ty.and_then(|number| types.get(number)) else { continue };
                if let Some(label) = aggregate.misfit(ty) {
                    let message =
                        format!("`{}` cannot be of {}", aggregate.name, ty.with_article());
                    error(message, aggregate.span, label);
                }
            }
        }
    }
    for step in &pipeline.steps {
        if let Step::Join(join) = step {
            misfits(&join.right, types, diagnostics);
        }
    }
}
