//! Loops over the entries of a divided map: whether all cores together do what one would.
//!
//! Each core goes through the entries that it has. That comes to the same if no round knows of
//! another: it uses and changes its own entry only, leaves nothing behind in variables that
//! something else reads, and cannot end the loop.

use crate::ir::{Expr, ExprKind, Handler, Label, LocalId, StateId, StateOp, Stmt, StmtKind};
use crate::ir_parts::walk_stmts;
use std::collections::BTreeSet;

/// Whether the loops of a handler over divided maps are such; if not, what a round does.
pub(super) fn check(
    handler: &Handler,
    is_divided: &dyn Fn(StateId) -> bool,
) -> Result<(), &'static str> {
    let mut loops = Vec::new();
    walk_stmts(&handler.body, &mut |stmt| {
        if matches!(stmt.kind, StmtKind::ForEach { state, .. } if is_divided(state)) {
            loops.push(stmt);
        }
    });
    for stmt in loops {
        let StmtKind::ForEach { label, key, value, top, body, state, .. } = &stmt.kind else {
            continue;
        };
        if top.is_some() {
            return Err("compares entries with each other");
        }
        body_stays_apart(body, *label, *state)?;
        let mut inside = BTreeSet::new();
        walk_stmts(body, &mut |stmt| inside.extend(stmt.kind.assigns()));
        let mut defined: BTreeSet<LocalId> = key.iter().chain(value).copied().collect();
        let before = exposed(body, &mut defined);
        if !before.is_disjoint(&inside) {
            return Err("uses what an earlier round left in a variable");
        }
        inside.extend(key.iter().chain(value));
        if !read_elsewhere(&handler.body, stmt).is_disjoint(&inside) {
            return Err("leaves something behind in a variable");
        }
    }
    Ok(())
}

fn body_stays_apart(body: &[Stmt], label: Label, state: StateId) -> Result<(), &'static str> {
    let mut found = Ok(());
    walk_stmts(body, &mut |stmt| match &stmt.kind {
        StmtKind::Break(target) if *target == label => found = Err("ends the loop"),
        StmtKind::Return => found = Err("ends the loop"),
        StmtKind::Generate { .. } => found = Err("generates an event"),
        StmtKind::ForEach { .. } => found = Err("goes through another map"),
        // With its own entry as the key, or the analysis of keys would have found it out.
        StmtKind::State(id, op) if *id != state && !reads(op) => found = Err("changes other state"),
        _ => {}
    });
    found
}

fn reads(op: &StateOp) -> bool {
    matches!(
        op,
        StateOp::MapGet { .. }
            | StateOp::ArrayGet { .. }
            | StateOp::CounterGet { .. }
            | StateOp::LpmGet { .. }
            | StateOp::PoolUsed { .. }
            | StateOp::Len(_)
    )
}

/// The locals that a list may read before it has written them; those written are added to
/// `defined`, if every path writes them.
fn exposed(body: &[Stmt], defined: &mut BTreeSet<LocalId>) -> BTreeSet<LocalId> {
    let mut found = BTreeSet::new();
    for stmt in body {
        let mut read = BTreeSet::new();
        stmt.kind.exprs().into_iter().for_each(|e| locals(e, &mut read));
        found.extend(read.difference(defined));
        match &stmt.kind {
            StmtKind::If(_, then, or) => {
                let (mut yes, mut no) = (defined.clone(), defined.clone());
                found.extend(exposed(then, &mut yes));
                found.extend(exposed(or, &mut no));
                // A way that does not come out here decides nothing.
                *defined = match (leaves(then), leaves(or)) {
                    (true, _) => no,
                    (_, true) => yes,
                    _ => yes.intersection(&no).copied().collect(),
                };
            }
            // What is written inside may not be: the loop may not run, the block may be left.
            _ => {
                let mut own = defined.clone();
                own.extend(stmt.kind.assigns());
                for nested in stmt.kind.bodies() {
                    found.extend(exposed(nested, &mut own.clone()));
                }
                defined.extend(stmt.kind.assigns());
            }
        }
    }
    found
}

fn leaves(body: &[Stmt]) -> bool {
    matches!(body.last().map(|s| &s.kind), Some(StmtKind::Break(_) | StmtKind::Return))
}

/// The locals that a handler reads outside of one statement.
fn read_elsewhere(body: &[Stmt], except: &Stmt) -> BTreeSet<LocalId> {
    let mut found = BTreeSet::new();
    for stmt in body.iter().filter(|stmt| !std::ptr::eq(*stmt, except)) {
        stmt.kind.exprs().into_iter().for_each(|e| locals(e, &mut found));
        for nested in stmt.kind.bodies() {
            found.extend(read_elsewhere(nested, except));
        }
    }
    found
}

fn locals(e: &Expr, into: &mut BTreeSet<LocalId>) {
    e.walk(&mut |e| {
        if let ExprKind::Local(local) = e.kind {
            into.insert(local);
        }
    });
}
