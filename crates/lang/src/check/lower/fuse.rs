//! Changes in place of one entry that follow each other directly become one operation.
//!
//! `use[k].packets += 1` and `use[k].bytes += n` on the next line look the entry up once.

use crate::ir::{ExprKind, LocalId, StateOp, Stmt, StmtKind};
use crate::ir_parts::walk_stmts;
use std::collections::BTreeSet;

/// Fuses the operations of a handler's body.
pub(super) fn fuse(body: &mut Vec<Stmt>) {
    let mut read = BTreeSet::new();
    walk_stmts(body, &mut |stmt| {
        for e in stmt.kind.exprs() {
            e.walk(&mut |part| {
                if let ExprKind::Local(id) = part.kind {
                    read.insert(id.0);
                }
            });
        }
    });
    fuse_body(body, &|id: LocalId| read.contains(&id.0));
}

fn fuse_body(body: &mut Vec<Stmt>, is_read: &dyn Fn(LocalId) -> bool) {
    let mut fused: Vec<Stmt> = Vec::with_capacity(body.len());
    for mut stmt in std::mem::take(body) {
        for nested in stmt.kind.bodies_mut() {
            fuse_body(nested, is_read);
        }
        if let Some(last) = fused.last_mut()
            && joins(&last.kind, &stmt.kind, is_read)
        {
            join(last, stmt);
        } else {
            fused.push(stmt);
        }
    }
    *body = fused;
}

/// True if the second operation changes other leaves of the entry that the first one changes.
fn joins(first: &StmtKind, second: &StmtKind, is_read: &dyn Fn(LocalId) -> bool) -> bool {
    let (StmtKind::State(a, first), StmtKind::State(b, second)) = (first, second) else {
        return false;
    };
    let (before, after) = match (first, second) {
        (
            StateOp::MapUpdate { key, updates, ok },
            StateOp::MapUpdate { key: same, updates: more, .. },
        ) if key == same && !is_read(*ok) => (updates, more),
        (
            StateOp::ArrayUpdate { index, updates },
            StateOp::ArrayUpdate { index: same, updates: more },
        ) if index == same => (updates, more),
        _ => return false,
    };
    let is_new = |leaf: u32| before.iter().all(|update| update.leaf != leaf);
    a == b && after.iter().all(|update| is_new(update.leaf))
}

fn join(first: &mut Stmt, second: Stmt) {
    let StmtKind::State(_, op) = second.kind else { return };
    match (&mut first.kind, op) {
        (
            StmtKind::State(_, StateOp::MapUpdate { updates, ok, .. }),
            StateOp::MapUpdate { updates: more, ok: later, .. },
        ) => {
            updates.extend(more);
            *ok = later;
        }
        (
            StmtKind::State(_, StateOp::ArrayUpdate { updates, .. }),
            StateOp::ArrayUpdate { updates: more, .. },
        ) => updates.extend(more),
        _ => {}
    }
    first.span = first.span.to(second.span);
}
