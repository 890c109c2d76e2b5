//! `trama explain`: the class of every fold and state object, why it has it, and what it permits.

use crate::args::ExplainArgs;
use crate::exit::{Exit, Failure, Outcome};
use crate::files::{self, DiskFiles};
use crate::output::diagnostics;
use serde_json::{Value, json};
use trama_lang::algebra::explain::{self, Explanation, ObjectExplanation};
use trama_lang::algebra::{self, Class, licence};
use trama_lang::compile::{Options, Unit};
use trama_lang::ir::Node;
use trama_lang::source::Span;
use trama_lang::syntax::format::format;
use trama_state::StateKind;

pub(crate) fn explain(args: &ExplainArgs) -> Outcome {
    let mut unit = files::parse(&args.program.file)?;
    let options = Options { check_only: true, ..files::options(&args.program)? };
    let checked = unit.check(&options, &DiskFiles);
    if checked.errors() > 0 {
        diagnostics::print(&unit.sources, &checked.diagnostics);
        return Err(Failure::rejected(checked.errors()));
    }
    if args.elements {
        for file in unit.made() {
            println!("{}", format(&unit.sources, file));
        }
        return Ok(Exit::Ok);
    }
    let folds: Vec<Explanation> = unit
        .folds(&DiskFiles)
        .into_iter()
        .map(|(fold, update, names)| {
            let params: Vec<_> = fold.params.iter().map(|p| p.name.text.as_str()).collect();
            let subject = format!("fold {}({})", fold.name.text, params.join(", "));
            explain::explain(subject, fold.name.span, (&update, &names), &unit.sources)
        })
        .collect();
    let nodes = checked.program.iter().flat_map(|program| &program.nodes);
    let objects: Vec<ObjectExplanation> = nodes
        .flat_map(|node| {
            let classes = algebra::classes(node);
            let is_own = |of: &&algebra::ObjectClass| !is_clock(&unit, node, of.object as usize);
            let own = classes.iter().filter(is_own);
            own.map(|of| explain::explain_object(node, of, &unit.sources)).collect::<Vec<_>>()
        })
        .collect();
    if args.json {
        let folds: Vec<_> = folds.iter().map(|fold| fold_to_json(&unit, fold)).collect();
        let objects: Vec<_> = objects.iter().map(|object| object_to_json(&unit, object)).collect();
        println!("{}", json!({ "folds": folds, "states": objects }));
        return Ok(Exit::Ok);
    }
    if folds.is_empty() && objects.is_empty() {
        println!("no folds and no state: nothing has to be merged");
    }
    for fold in &folds {
        print_update(&unit, fold, "");
        print_licence(licence(fold.class));
    }
    objects.iter().for_each(|object| print_object(&unit, object));
    Ok(Exit::Ok)
}

/// True for what a query keeps to know when its windows end.
fn is_clock(unit: &Unit, node: &Node, object: usize) -> bool {
    let declared = node.state_views.get(object).map(|view| view.span).unwrap_or_default();
    let is_made = !unit.sources.files[declared.file as usize].origins.is_empty();
    let is_single = matches!(node.states[object].kind, StateKind::Array { len: 1 });
    is_made && is_single
}

/// `file:line:column`
fn place(unit: &Unit, span: Span) -> String {
    let (line, column) = unit.sources.line_column(span);
    format!("{}:{line}:{column}", unit.sources.files[span.file as usize].name)
}

fn print_licence(lines: &[&str]) {
    for (index, line) in lines.iter().enumerate() {
        println!("  {:<9}{line}", if index == 0 { "permits" } else { "" });
    }
    println!();
}

fn print_update(unit: &Unit, of: &Explanation, indent: &str) {
    println!("{indent}{}  ({})", of.subject, place(unit, of.span));
    println!("{indent}  class    {}", of.class);
    let width = of.parts.iter().map(|part| part.name.len()).max().unwrap_or(0);
    for part in &of.parts {
        println!("{indent}  {:width$}' = {}   [{}]", part.name, part.next, part.class);
    }
    if let Some(matrix) = &of.matrix {
        let columns = matrix.parts.len();
        let longest =
            |column: usize| matrix.factors.iter().map(|row| row[column].len()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(longest).collect();
        let names = matrix.parts.iter().map(String::len).max().unwrap_or(0);
        for (row, name) in matrix.parts.iter().enumerate() {
            let cells = matrix.factors[row].iter().zip(&widths);
            let cells: Vec<String> = cells.map(|(cell, width)| format!("{cell:width$}")).collect();
            let head = if row == 0 { "S' = A S + B" } else { "" };
            let (cells, sum) = (cells.join("  "), &matrix.sums[row]);
            println!("{indent}  {head:<12}  {name:names$}   A | {cells} |   B | {sum} |");
        }
    }
    if let Some((text, why, at)) = &of.reason {
        println!("{indent}  because  `{text}`: {why} ({})", place(unit, *at));
    }
}

fn print_object(unit: &Unit, of: &ObjectExplanation) {
    println!("state {}: {}  ({})", of.object, of.kind, place(unit, of.span));
    println!("  class    {}", of.class);
    for update in &of.updates {
        print_update(unit, update, "  ");
    }
    for (handler, why, at) in &of.opaque {
        println!("  because  {handler}: {why} ({})", place(unit, *at));
    }
    let is_joint = of.class == Class::General && of.opaque.is_empty();
    if is_joint && of.updates.iter().all(|update| update.class != Class::General) {
        println!("  because  its updates are of different kinds, which do not merge together");
    }
    if !of.cleared_by.is_empty() {
        println!("  emptied  {}", of.cleared_by.join(", "));
    }
    if !of.observed_by.is_empty() {
        println!("  read by  {}", of.observed_by.join(", "));
    }
    match &of.merge {
        Some(merge) if !merge.is_empty() => {
            let merge: Vec<_> =
                merge.iter().map(|(part, how)| format!("{part} by {how}")).collect();
            println!("  merge    copies become one: {}", merge.join(", "));
        }
        Some(_) => println!("  merge    copies become one: their entries together"),
        None => {}
    }
    print_licence(&of.licence);
}

fn fold_to_json(unit: &Unit, of: &Explanation) -> Value {
    let mut json = update_to_json(unit, of);
    json["licence"] = json!(licence(of.class));
    json
}

fn update_to_json(unit: &Unit, of: &Explanation) -> Value {
    let parts = of
        .parts
        .iter()
        .map(|part| json!({ "name": part.name, "next": part.next, "class": part.class }));
    json!({
        "subject": of.subject,
        "place": place(unit, of.span),
        "class": of.class.to_string(),
        "parts": parts.collect::<Vec<_>>(),
        "matrix": of.matrix.as_ref().map(|matrix| json!({
            "parts": matrix.parts, "a": matrix.factors, "b": matrix.sums,
        })),
        "reason": of.reason.as_ref().map(|(text, why, at)| json!({
            "part": text, "why": why, "place": place(unit, *at),
        })),
    })
}

fn object_to_json(unit: &Unit, of: &ObjectExplanation) -> Value {
    let updates: Vec<_> = of.updates.iter().map(|update| update_to_json(unit, update)).collect();
    let opaque = of.opaque.iter().map(
        |(handler, why, at)| json!({ "handler": handler, "why": why, "place": place(unit, *at) }),
    );
    let merge = of.merge.as_ref().map(|merge| {
        merge.iter().map(|(part, how)| json!({ "part": part, "by": how })).collect::<Vec<_>>()
    });
    json!({
        "state": of.object,
        "kind": of.kind,
        "place": place(unit, of.span),
        "class": of.class.to_string(),
        "updates": updates,
        "not_analysed": opaque.collect::<Vec<_>>(),
        "emptied_by": of.cleared_by,
        "read_by": of.observed_by,
        "merge": merge,
        "licence": of.licence,
    })
}
