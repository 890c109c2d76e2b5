//! Visiting all expressions and statements below a piece of syntax.

use crate::syntax::ast::{Block, Expr, ExprKind, Stmt, StmtKind};

/// Something that is visited.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Node<'a> {
    /// An expression.
    Expr(&'a Expr),
    /// A statement.
    Stmt(&'a Stmt),
}

/// Visits a block's statements and expressions, outer ones first.
pub(crate) fn block<'a>(block: &'a Block, visit: &mut dyn FnMut(Node<'a>)) {
    block.stmts.iter().for_each(|s| stmt(s, visit));
}

fn optional<'a>(otherwise: Option<&'a Block>, visit: &mut dyn FnMut(Node<'a>)) {
    if let Some(otherwise) = otherwise {
        block(otherwise, visit);
    }
}

fn stmt<'a>(stmt: &'a Stmt, visit: &mut dyn FnMut(Node<'a>)) {
    visit(Node::Stmt(stmt));
    match &stmt.kind {
        StmtKind::Let { value, otherwise, .. } => {
            expr(value, visit);
            optional(otherwise.as_ref(), visit);
        }
        StmtKind::Assign { place, value, otherwise, .. } => {
            expr(place, visit);
            expr(value, visit);
            optional(otherwise.as_ref(), visit);
        }
        StmtKind::For { over, top, limit, body, .. } => {
            expr(over, visit);
            top.iter().for_each(|top| {
                expr(&top.0, visit);
                expr(&top.1, visit);
            });
            limit.iter().for_each(|e| expr(e, visit));
            block(body, visit);
        }
        StmtKind::Break | StmtKind::Continue | StmtKind::Drop { .. } => {}
        StmtKind::Return(value) => value.iter().for_each(|e| expr(e, visit)),
        StmtKind::Send { index, .. } => index.iter().for_each(|e| expr(e, visit)),
        StmtKind::Insert { stack, otherwise, .. } | StmtKind::Replace { stack, otherwise, .. } => {
            stack.iter().flat_map(|h| &h.fields).for_each(|(_, e)| expr(e, visit));
            optional(otherwise.as_ref(), visit);
        }
        StmtKind::Remove { otherwise, .. } => optional(otherwise.as_ref(), visit),
        StmtKind::Generate { args, after, otherwise, .. } => {
            args.iter().chain(after).for_each(|e| expr(e, visit));
            optional(otherwise.as_ref(), visit);
        }
        StmtKind::Emit(_, value) => expr(value, visit),
        StmtKind::Log { args, limit, .. } => {
            args.iter().chain(limit).for_each(|e| expr(e, visit));
        }
        StmtKind::Expr(value, otherwise) => {
            expr(value, visit);
            optional(otherwise.as_ref(), visit);
        }
    }
}

/// Visits an expression and all below it, outer ones first.
pub(crate) fn expr<'a>(e: &'a Expr, visit: &mut dyn FnMut(Node<'a>)) {
    visit(Node::Expr(e));
    match &e.kind {
        ExprKind::Literal(_) | ExprKind::Name(_) | ExprKind::Copy(_) | ExprKind::Error => {}
        ExprKind::Field(a, _) | ExprKind::Unary(_, a) | ExprKind::Is(a, _) | ExprKind::As(a, _) => {
            expr(a, visit);
        }
        ExprKind::Index(a, b) | ExprKind::Binary(_, a, b) | ExprKind::In(a, b) => {
            expr(a, visit);
            expr(b, visit);
        }
        ExprKind::Range { from, to, .. } => {
            expr(from, visit);
            expr(to, visit);
        }
        ExprKind::Call(_, args) | ExprKind::Tuple(args) | ExprKind::List(args) => {
            args.iter().for_each(|a| expr(a, visit));
        }
        ExprKind::Method(base, _, args) => {
            expr(base, visit);
            args.iter().for_each(|a| expr(a, visit));
        }
        ExprKind::Record(_, fields) => fields.iter().for_each(|(_, a)| expr(a, visit)),
        ExprKind::If(condition, yes, no) => {
            expr(condition, visit);
            block(yes, visit);
            optional(no.as_ref(), visit);
        }
        ExprKind::IfLet(_, value, yes, no) => {
            expr(value, visit);
            block(yes, visit);
            optional(no.as_ref(), visit);
        }
        ExprKind::Match(value, arms) => {
            expr(value, visit);
            for arm in arms {
                arm.guard.iter().for_each(|guard| expr(guard, visit));
                expr(&arm.body, visit);
            }
        }
        ExprKind::Block(body) => block(body, visit),
    }
}
