//! Folds: a record of what is kept, and a function from the record and the parameters to the
//! record.

use super::code::Code;
use crate::check::walk::{self, Node};
use crate::diagnostic::Diagnostic;
use crate::source::{SourceMap, Span};
use crate::syntax::ast::{ExprKind, FnParamType, Fold, StmtKind};

/// Name of the record's parameter.
const BEFORE: &str = "before_";

/// The record and the function that a fold stands for; what cannot be is reported.
pub(super) fn expand(
    fold: &Fold,
    sources: &SourceMap,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Code> {
    let faults = diagnostics.len();
    check(fold, diagnostics);
    if diagnostics.len() > faults {
        return None;
    }
    let at = fold.name.span;
    let mut name = Code::default();
    name.verbatim(sources, at);
    let mut fields = Code::default();
    let mut lets = Code::default();
    let mut results = Code::default();
    for state in &fold.states {
        fields.verbatim(sources, state.name.span);
        fields.push(": ", state.span);
        fields.verbatim(sources, state.ty.span);
        fields.push(", ", state.span);
        lets.push("    let mut ", state.span);
        lets.verbatim(sources, state.name.span);
        lets.push(format!(" = {BEFORE}.{}\n", state.name.text), state.span);
        results.push(format!("{0}: {0}, ", state.name.text), state.span);
    }
    let mut params = Code::default();
    for param in &fold.params {
        let FnParamType::Value(ty) = &param.ty else { continue };
        params.push(", ", param.name.span);
        params.verbatim(sources, param.name.span.to(ty.span));
    }
    let mut body = Code::default();
    if let (Some(first), Some(last)) = (fold.body.stmts.first(), fold.body.stmts.last()) {
        body.push("    ", first.span);
        body.verbatim(sources, first.span.to(last.span));
    }
    let template = format!("record $ {{ $ }}\nfn $({BEFORE}: $$) -> $ {{\n$$\n    $ {{ $ }}\n}}\n");
    let parts = [&name, &fields, &name, &name, &params, &name, &lets, &body, &name, &results];
    let mut code = Code::fill(&template, &parts, at);
    let first = Code::new(first_value(fold), at);
    let value = first_fields(fold, sources);
    let template = "fn $ -> $ {\n    $ { $ }\n}\n";
    code.append(&Code::fill(template, &[&first, &name, &name, &value], at));
    Some(code)
}

/// The call that gives the value of a fold before its first update.
pub(super) fn first_value(fold: &Fold) -> String {
    format!("{}_first_()", fold.name.text)
}

fn first_fields(fold: &Fold, sources: &SourceMap) -> Code {
    let mut fields = Code::default();
    for state in &fold.states {
        fields.push(format!("{}: ", state.name.text), state.span);
        match &state.initial {
            Some(initial) => fields.verbatim(sources, initial.span),
            None => fields.push("zero()", state.span),
        }
        fields.push(", ", state.span);
    }
    fields
}

fn check(fold: &Fold, diagnostics: &mut Vec<Diagnostic>) {
    let mut error = |code, message: &str, span: Span, label: &str| {
        diagnostics.push(Diagnostic::error(code, message, span, label));
    };
    if fold.states.is_empty() {
        let message = format!("the fold `{}` keeps nothing", fold.name.text);
        error("E0901", &message, fold.name.span, "it needs a `state name: type`");
    }
    for (index, state) in fold.states.iter().enumerate() {
        if fold.states[..index].iter().any(|known| known.name.text == state.name.text) {
            let message = format!("`{}` is declared twice", state.name.text);
            error("E0104", &message, state.name.span, "declared again");
        }
    }
    for param in &fold.params {
        if let FnParamType::Packet(pattern) = &param.ty {
            let message = "a fold takes values, not packets";
            error("E0902", message, param.name.span.to(pattern.span), "not a value");
        }
    }
    let mut visit = |node: Node<'_>| match node {
        Node::Stmt(stmt) => {
            let what = match &stmt.kind {
                StmtKind::Return(_) => "return",
                StmtKind::Send { .. } => "send",
                StmtKind::Drop { .. } => "drop",
                StmtKind::Insert { .. } | StmtKind::Remove { .. } => "change headers",
                StmtKind::Log { .. } => "log",
                _ => return,
            };
            let message = format!("a fold cannot {what}: it only updates its state");
            error("E0902", &message, stmt.span, "not in a fold");
        }
        Node::Expr(e) => {
            if matches!(&e.kind, ExprKind::Name(name) if name == "now") {
                let message = "a fold does not know the time";
                error("E0902", message, e.span, "give it `now` as an argument");
            }
        }
    };
    walk::block(&fold.body, &mut visit);
    for initial in fold.states.iter().filter_map(|state| state.initial.as_ref()) {
        walk::expr(initial, &mut visit);
    }
}
