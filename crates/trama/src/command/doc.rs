//! `trama doc`: what a name means, and what is in a program.

use crate::args::DocArgs;
use crate::exit::{Exit, Failure, Outcome};
use crate::files::{self, DiskFiles};
use crate::output::markdown;
use serde_json::{Value, json};
use std::path::Path;
use trama_lang::compile::Unit;
use trama_lang::doc::{self, ElementDoc, Kind, Page};
use trama_lang::files::NoFiles;
use trama_lang::syntax::{ast, nearest};

pub(crate) fn doc(args: &DocArgs) -> Outcome {
    match &args.name {
        None => list(args.json),
        Some(name) if Path::new(name).extension().is_some_and(|e| e == "trama") => {
            file(Path::new(name), args.element.as_deref(), args.json)
        }
        Some(_) if args.element.is_some() => {
            Err(Failure::usage("an element is chosen from a file: trama doc FILE ELEMENT"))
        }
        Some(name) => topic(name, args.json),
    }
}

/// All topics, by kind.
fn list(as_json: bool) -> Outcome {
    let topics = doc::topics();
    if as_json {
        let one =
            |t: &doc::Topic| json!({ "kind": t.kind.name(), "name": t.name, "summary": t.summary });
        println!("{}", topics.iter().map(one).collect::<Value>().to_string());
        return Ok(Exit::Ok);
    }
    let mut text = String::from(
        "`trama doc NAME` explains one of these, `trama doc FILE` what is in a program.\n",
    );
    let mut kinds: Vec<Kind> = topics.iter().map(|topic| topic.kind).collect();
    kinds.sort();
    kinds.dedup();
    for kind in kinds {
        let names: Vec<&str> =
            topics.iter().filter(|t| t.kind == kind).map(|t| t.name.as_str()).collect();
        let names = match kind {
            // A field is found through its header.
            Kind::Field => "`HEADER.FIELD`, for example `ip.ttl`".to_owned(),
            Kind::Code => format!("`{}` to `{}`", names[0], names[names.len() - 1]),
            Kind::Drop => names.iter().map(|n| format!("\"{n}\"")).collect::<Vec<_>>().join(", "),
            _ => names.join(", "),
        };
        text.push_str(&format!("\n## {}\n\n{names}\n", kind.name()));
    }
    markdown::print(&text);
    Ok(Exit::Ok)
}

fn topic(name: &str, as_json: bool) -> Outcome {
    let pages = doc::find(name);
    if pages.is_empty() {
        let failure = Failure::usage(format!("there is nothing called `{name}`"));
        let near = doc::near(name);
        return Err(match near.is_empty() {
            true => failure.hint("`trama doc` lists everything that has a page"),
            false => failure.hint(format!("did you mean {}?", near.join(", "))),
        });
    }
    let mut library = Unit::parse("", "", &NoFiles);
    let mut objects = Vec::new();
    for (index, page) in pages.iter().enumerate() {
        // Of an element the checker knows more than its source says.
        let element = (page.topic.kind == Kind::Element)
            .then(|| doc::element(&mut library, &page.topic.name, &NoFiles))
            .flatten();
        if as_json {
            objects.push(page_to_json(page, element.as_ref()));
            continue;
        }
        if index > 0 {
            markdown::print("\n");
        }
        markdown::print(&element.map_or_else(|| page.text.clone(), |e| e.to_markdown()));
        if let Some(book) = &page.book {
            markdown::print(&format!("More in the book: {book}"));
        }
    }
    if as_json {
        println!("{}", Value::from(objects).to_string());
    }
    Ok(Exit::Ok)
}

/// The elements that a program declares.
fn file(path: &Path, wanted: Option<&str>, as_json: bool) -> Outcome {
    let mut unit = files::parse(path)?;
    let main = unit.main_file();
    let head = main.docs.clone();
    let all: Vec<String> = (main.items.iter())
        .filter_map(|item| match &item.kind {
            ast::ItemKind::Element(element) => Some(element.name.text.clone()),
            ast::ItemKind::Query(query) => Some(query.name.text.clone()),
            _ => None,
        })
        .collect();
    let names: Vec<&String> =
        all.iter().filter(|name| wanted.is_none_or(|wanted| *name == wanted)).collect();
    if let (Some(wanted), true) = (wanted, names.is_empty()) {
        let failure = Failure::usage(format!("`{}` has no element `{wanted}`", path.display()));
        return Err(match nearest(wanted, all.iter().map(String::as_str)) {
            Some(near) => failure.hint(format!("did you mean `{near}`?")),
            None if all.is_empty() => failure.hint("it declares none"),
            None => failure.hint(format!("it has {}", all.join(", "))),
        });
    }
    let docs: Vec<ElementDoc> =
        names.iter().filter_map(|name| doc::element(&mut unit, name, &DiskFiles)).collect();
    if as_json {
        let elements: Vec<Value> = docs.iter().map(element_to_json).collect();
        println!("{}", json!({ "docs": head, "elements": elements }).to_string());
        return Ok(Exit::Ok);
    }
    if wanted.is_none() {
        markdown::print(&head.join("\n"));
    }
    if docs.is_empty() {
        markdown::print(&format!("{} declares no element", path.display()));
    }
    for doc in &docs {
        markdown::print("\n");
        markdown::print(&doc.to_markdown());
    }
    Ok(Exit::Ok)
}

fn page_to_json(page: &Page, element: Option<&ElementDoc>) -> Value {
    json!({
        "kind": page.topic.kind.name(),
        "name": page.topic.name,
        "summary": page.topic.summary,
        "markdown": page.text,
        "book": page.book,
        "element": element.map(element_to_json),
    })
}

fn element_to_json(doc: &ElementDoc) -> Value {
    json!({
        "name": doc.name,
        "file": doc.file,
        "docs": doc.docs,
        "ports": doc.ports,
        "parameters": doc.params.iter().map(|param| json!({
            "name": param.name,
            "type": param.ty,
            "default": param.default,
        })).collect::<Vec<_>>(),
        "states": doc.states.iter().map(|state| json!({
            "name": state.name,
            "docs": state.docs,
            "declaration": state.declaration,
            "bytes_at_capacity": state.bytes_at_capacity,
            "scope": state.scope,
        })).collect::<Vec<_>>(),
        "drops": doc.drops,
        "handlers": doc.handlers.iter().map(|handler| json!({
            "handler": handler.head,
            "effects": handler.effects.iter()
                .map(|(what, items)| json!({ "kind": what, "of": items }))
                .collect::<Vec<_>>(),
            "operations_max": handler.operations_max,
            "state_operations_max": handler.state_operations_max,
        })).collect::<Vec<_>>(),
    })
}
