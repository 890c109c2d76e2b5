//! The documentation of an element: what its source says, and what the checker computes.

use crate::check::walk::{self, Node as Visited};
use crate::compile::{Options, Unit};
use crate::effects;
use crate::files::Files;
use crate::source::Span;
use crate::syntax::ast::{self, ItemKind, MemberKind};
use std::fmt::Write;
use trama_base::quantity;

/// A parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParamDoc {
    /// Name.
    pub name: String,
    /// Type as written.
    pub ty: String,
    /// Default as written, if it may be left out.
    pub default: Option<String>,
}

/// A state object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateDoc {
    /// Name.
    pub name: String,
    /// Lines of its doc comment.
    pub docs: Vec<String>,
    /// Its declaration.
    pub declaration: String,
    /// The declaration.
    pub span: Span,
    /// Bytes at full capacity with the default parameters, if the element is sound.
    pub bytes_at_capacity: Option<u64>,
    /// Who shares its entries, if the element is sound.
    pub scope: Option<String>,
}

/// A handler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandlerDoc {
    /// What runs it: `on lan(ip/tcp)`.
    pub head: String,
    /// All of it.
    pub span: Span,
    /// What it may do: kind of effect and what it is about.
    pub effects: Vec<(String, Vec<String>)>,
    /// Most operations it takes.
    pub operations_max: u64,
    /// Most operations on state.
    pub state_operations_max: u64,
}

/// All that there is to say about an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElementDoc {
    /// Name.
    pub name: String,
    /// The file that declares it.
    pub file: String,
    /// Where its name stands.
    pub span: Span,
    /// Lines of its doc comment.
    pub docs: Vec<String>,
    /// Ports as written, arrays with their length.
    pub ports: Vec<String>,
    /// Parameters.
    pub params: Vec<ParamDoc>,
    /// State objects.
    pub states: Vec<StateDoc>,
    /// Reasons for which it drops packets, in the order of the source.
    pub drops: Vec<String>,
    /// Handlers with their effects; none if the element is not sound.
    pub handlers: Vec<HandlerDoc>,
}

/// The item that declares an element of the program or of the library, the user's first.
fn declaration<'u>(unit: &'u Unit, name: &str) -> Option<&'u ast::Item> {
    let mut items = unit.files().iter().flat_map(|file| &file.items);
    items.find(|item| match &item.kind {
        ItemKind::Element(element) => element.name.text == name,
        ItemKind::Query(query) => query.name.text == name,
        _ => false,
    })
}

/// The element that an item is, or that a query stands for.
fn element_of<'u>(unit: &'u Unit, item: &'u ast::Item) -> Option<&'u ast::Element> {
    let ItemKind::Query(query) = &item.kind else {
        let ItemKind::Element(element) = &item.kind else { return None };
        return Some(element);
    };
    unit.made().flat_map(|file| &file.items).find_map(|made| match &made.kind {
        ItemKind::Element(element) if element.name.text == query.name.text => Some(element),
        _ => None,
    })
}

/// The documentation of an element, with what the checker knows of it with its default parameters.
pub fn element(unit: &mut Unit, name: &str, files: &dyn Files) -> Option<ElementDoc> {
    let mut doc = written(unit, declaration(unit, name)?)?;
    let options = Options { subject: Some(name.into()), check_only: true, ..Options::default() };
    let checked = unit.check(&options, files);
    let node = checked.program.as_ref().and_then(|program| program.nodes.first());
    if let Some(node) = node {
        let effects = effects::node_effects(node);
        for state in &mut doc.states {
            let at = node.states.iter().position(|spec| spec.name == state.name);
            state.bytes_at_capacity = at.map(|at| node.states[at].bytes_at_capacity());
            state.scope = at.map(|at| effects.states[at].scope.to_string());
        }
        let handler = |row: &effects::EffectRow| HandlerDoc {
            head: row.handler.clone(),
            span: row.span,
            effects: row.summary(),
            operations_max: row.cost.operations,
            state_operations_max: row.cost.state_operations,
        };
        doc.handlers = effects.handlers.iter().map(handler).collect();
    }
    Some(doc)
}

/// What the source says about an element.
fn written(unit: &Unit, item: &ast::Item) -> Option<ElementDoc> {
    let element = element_of(unit, item)?;
    let source = |span: Span| unit.sources.text(span).to_owned();
    let mut doc = ElementDoc {
        name: element.name.text.clone(),
        file: unit.sources.files[item.span.file as usize].name.clone(),
        span: unit.sources.origin(element.name.span),
        docs: item.docs.clone(),
        ports: Vec::new(),
        params: Vec::new(),
        states: Vec::new(),
        drops: drop_reasons(unit, element),
        handlers: Vec::new(),
    };
    for param in &element.params {
        doc.params.push(ParamDoc {
            name: param.name.text.clone(),
            ty: source(param.ty.span),
            default: param.default.as_ref().map(|default| source(default.span)),
        });
    }
    for member in &element.members {
        match &member.kind {
            MemberKind::Ports(ports) => doc.ports.extend(ports.iter().map(|port| {
                let count = port.count.as_ref().map(|count| format!("[{}]", source(count.span)));
                format!("{}{}", port.name.text, count.unwrap_or_default())
            })),
            MemberKind::State(state) => doc.states.push(StateDoc {
                name: state.name.text.clone(),
                docs: member.docs.clone(),
                declaration: source(member.span),
                span: member.span,
                bytes_at_capacity: None,
                scope: None,
            }),
            _ => {}
        }
    }
    Some(doc)
}

/// The reasons for which an element drops packets itself, each once, in the order of the source,
/// those of the functions of its file that it calls included.
pub fn drop_reasons(unit: &Unit, element: &ast::Element) -> Vec<String> {
    let mut reasons: Vec<String> = Vec::new();
    let mut called: Vec<String> = Vec::new();
    let mut visit = |body: &ast::Block, called: &mut Vec<String>| {
        walk::block(body, &mut |node| match node {
            Visited::Stmt(ast::Stmt { kind: ast::StmtKind::Drop { reason, .. }, .. })
                if !reasons.contains(reason) =>
            {
                reasons.push(reason.clone());
            }
            Visited::Expr(ast::Expr { kind: ast::ExprKind::Call(name, _), .. })
                if !called.contains(&name.text) =>
            {
                called.push(name.text.clone());
            }
            _ => {}
        });
    };
    for member in &element.members {
        match &member.kind {
            MemberKind::On(on) => visit(&on.body, &mut called),
            MemberKind::Init(body) | MemberKind::Every(_, body) => visit(body, &mut called),
            MemberKind::Fn(function) => visit(&function.body, &mut called),
            _ => {}
        }
    }
    // Functions outside of elements, and those that they call.
    let functions = unit.files().iter().flat_map(|file| &file.items);
    let functions: Vec<&ast::Fn> = functions
        .filter_map(|item| match &item.kind {
            ItemKind::Fn(function) => Some(function),
            _ => None,
        })
        .collect();
    let mut next = 0;
    while let Some(name) = called.get(next).cloned() {
        if let Some(function) = functions.iter().find(|function| function.name.text == name) {
            visit(&function.body, &mut called);
        }
        next += 1;
    }
    reasons
}

/// What the source says about an element, as text.
pub(super) fn text(unit: &Unit, item: &ast::Item) -> Option<String> {
    written(unit, item).map(|doc| doc.to_markdown())
}

impl ElementDoc {
    /// The text, in the Markdown of the book.
    pub fn to_markdown(&self) -> String {
        let mut out = format!("# element {}\n\n", self.name);
        for line in &self.docs {
            out.push_str(line);
            out.push('\n');
        }
        // Writing to a String cannot fail.
        let _ = write!(out, "\nPorts: {}.\n", self.ports.join(", "));
        if !self.params.is_empty() {
            out.push_str("\n| parameter | type | default |\n|---|---|---|\n");
        }
        for param in &self.params {
            let default = param.default.as_ref().map_or("required".into(), |d| format!("`{d}`"));
            let _ = writeln!(out, "| `{}` | `{}` | {default} |", param.name, param.ty);
        }
        self.write_states(&mut out);
        if !self.drops.is_empty() {
            out.push_str("\nDrops because of:\n\n");
        }
        for reason in &self.drops {
            let _ = writeln!(out, "- {reason}");
        }
        for handler in &self.handlers {
            let _ = write!(out, "\n## {}\n\n{}", handler.head, handler.to_markdown());
        }
        let _ = write!(out, "\nSource: `{}`\n", self.file);
        out
    }

    fn write_states(&self, out: &mut String) {
        if self.states.is_empty() {
            return;
        }
        out.push_str("\n| state | at capacity | shared by |\n|---|---|---|\n");
        for state in &self.states {
            let bytes = state.bytes_at_capacity.map_or_else(String::new, quantity::bytes);
            let scope = state.scope.as_deref().unwrap_or_default();
            let declaration = state.declaration.split_whitespace().collect::<Vec<_>>().join(" ");
            let declaration = declaration.strip_prefix("state ").unwrap_or(&declaration);
            let _ = writeln!(out, "| `{declaration}` | {bytes} | {scope} |");
        }
    }
}

impl HandlerDoc {
    /// Its effects, one on each line.
    pub fn to_markdown(&self) -> String {
        let mut out = String::new();
        for (what, items) in &self.effects {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "- {what}: {}", items.join(", "));
        }
        out
    }
}
