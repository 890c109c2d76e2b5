//! Deliberate faults: programs changed in one respect, to see if the harness notices.

use trama_lang::ir::{
    BinaryOp, Expr, ExprKind, Extractor, Program, StateOp, Stmt, StmtKind, Trigger, UpdateOp,
};
use trama_state::Method;

/// A fault, by name: it changes an expression or a statement, or leaves it.
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    pub(crate) change: fn(Part<'_>),
}

/// A part of a program.
pub(crate) enum Part<'a> {
    Expr(&'a mut Expr),
    Stmt(&'a mut StmtKind),
    Guard(&'a mut Expr),
}

/// One fault for each group of things that code generation could get wrong.
pub(crate) const FAULTS: &[Fault] = &[
    Fault {
        name: "difference as sum",
        change: |part| operator(part, BinaryOp::Sub, BinaryOp::Add),
    },
    Fault { name: "less as at most", change: |part| operator(part, BinaryOp::LtU, BinaryOp::LeU) },
    Fault {
        name: "signed as unsigned",
        change: |part| operator(part, BinaryOp::LtS, BinaryOp::LtU),
    },
    Fault {
        name: "shift without sign",
        change: |part| operator(part, BinaryOp::ShrS, BinaryOp::ShrU),
    },
    Fault {
        name: "remainder by zero",
        change: |part| operator(part, BinaryOp::RemU, BinaryOp::DivU),
    },
    Fault { name: "no sign extension", change: no_sign },
    Fault { name: "select the wrong way", change: wrong_way },
    Fault { name: "loop once more", change: once_more },
    Fault { name: "value never written", change: |part| state(part, never_written) },
    Fault { name: "maximum as minimum", change: |part| state(part, minimum) },
    Fault { name: "addition lost", change: |part| state(part, not_added) },
    Fault { name: "field not written", change: not_written },
    Fault { name: "mark lost", change: mark_lost },
    Fault { name: "event a nanosecond late", change: late },
    Fault { name: "record lost", change: record_lost },
    Fault { name: "one entry too few", change: too_few },
    Fault { name: "table not cleared", change: |part| state(part, not_cleared) },
    Fault { name: "guard passed over", change: no_guard },
    Fault { name: "slice cut", change: cut_slice },
];

/// Applies a fault everywhere.
pub(crate) fn apply(program: &mut Program, fault: &Fault) {
    for handler in program.nodes.iter_mut().flat_map(|node| &mut node.handlers) {
        if let Trigger::Packet { guard: Some(guard), .. } = &mut handler.trigger {
            (fault.change)(Part::Guard(guard));
        }
        list(&mut handler.body, fault);
    }
}

fn list(stmts: &mut [Stmt], fault: &Fault) {
    for stmt in stmts {
        for e in exprs_mut(&mut stmt.kind) {
            expr(e, fault);
        }
        match &mut stmt.kind {
            StmtKind::If(_, then, or) => {
                list(then, fault);
                list(or, fault);
            }
            StmtKind::Loop { body, .. }
            | StmtKind::ForEach { body, .. }
            | StmtKind::Block(_, body) => list(body, fault),
            _ => {}
        }
        (fault.change)(Part::Stmt(&mut stmt.kind));
    }
}

fn expr(e: &mut Expr, fault: &Fault) {
    match &mut e.kind {
        ExprKind::Payload(_, a) | ExprKind::Not(a) | ExprKind::Cast(a) => expr(a, fault),
        ExprKind::SignExtend(a) | ExprKind::Table(_, a, _) => expr(a, fault),
        ExprKind::Binary(_, a, b) => [a, b].into_iter().for_each(|e| expr(e, fault)),
        ExprKind::Select(a, b, c) => [a, b, c].into_iter().for_each(|e| expr(e, fault)),
        ExprKind::Hash(operands) => operands.iter_mut().for_each(|e| expr(e, fault)),
        _ => {}
    }
    (fault.change)(Part::Expr(e));
}

/// Expressions of the statements whose values show soon.
fn exprs_mut(stmt: &mut StmtKind) -> Vec<&mut Expr> {
    match stmt {
        StmtKind::Assign(_, e) | StmtKind::If(e, ..) | StmtKind::SetField(_, _, e) => vec![e],
        StmtKind::SetMark(_, e) => vec![e],
        StmtKind::Log(_, args) => args.iter_mut().collect(),
        StmtKind::State(_, StateOp::MapPut { key, value, .. }) => {
            key.iter_mut().chain(value).collect()
        }
        _ => vec![],
    }
}

fn operator(part: Part<'_>, from: BinaryOp, to: BinaryOp) {
    if let Part::Expr(Expr { kind: ExprKind::Binary(op, ..), .. }) = part
        && *op == from
    {
        *op = to;
    }
}

fn no_sign(part: Part<'_>) {
    if let Part::Expr(Expr { kind, .. }) = part
        && let ExprKind::SignExtend(a) = kind
    {
        *kind = ExprKind::Cast(a.clone());
    }
}

fn wrong_way(part: Part<'_>) {
    if let Part::Expr(Expr { kind: ExprKind::Select(_, a, b), .. }) = part {
        std::mem::swap(a, b);
    }
}

fn once_more(part: Part<'_>) {
    if let Part::Stmt(StmtKind::Loop { bound, .. }) = part {
        *bound += 1;
    }
}

fn state(part: Part<'_>, change: fn(&mut StateOp)) {
    if let Part::Stmt(StmtKind::State(_, op)) = part {
        change(op);
    }
}

fn never_written(op: &mut StateOp) {
    if let StateOp::MapPut { key, ok, .. } = op {
        *op = StateOp::MapTouch { key: key.clone(), found: *ok };
    }
}

fn minimum(op: &mut StateOp) {
    if let StateOp::MapUpdate { updates, .. } | StateOp::ArrayUpdate { updates, .. } = op {
        for update in updates.iter_mut().filter(|update| update.op == UpdateOp::Max) {
            update.op = UpdateOp::Min;
        }
    }
}

fn not_added(op: &mut StateOp) {
    if let StateOp::Call { method: Method::SketchAdd, operands, .. } = op {
        operands[0].kind = ExprKind::Const(0);
    }
}

fn not_written(part: Part<'_>) {
    if let Part::Stmt(kind @ StmtKind::SetField(..)) = part {
        *kind = nothing();
    }
}

fn late(part: Part<'_>) {
    if let Part::Stmt(StmtKind::Generate { delay, .. }) = part {
        let one = Expr { kind: ExprKind::Const(1), width: 64 };
        let sum = ExprKind::Binary(BinaryOp::Add, Box::new(delay.clone()), Box::new(one));
        *delay = Expr { kind: sum, width: 64 };
    }
}

fn record_lost(part: Part<'_>) {
    if let Part::Stmt(kind @ StmtKind::Emit(..)) = part {
        *kind = nothing();
    }
}

fn too_few(part: Part<'_>) {
    if let Part::Stmt(StmtKind::ForEach { top: Some(top), .. }) = part {
        top.count = (top.count - 1).max(1);
    }
}

fn not_cleared(op: &mut StateOp) {
    if let StateOp::MapClear = op {
        *op = StateOp::Len(trama_lang::ir::LocalId(4));
    }
}

fn mark_lost(part: Part<'_>) {
    if let Part::Stmt(kind @ StmtKind::SetMark(..)) = part {
        *kind = nothing();
    }
}

fn no_guard(part: Part<'_>) {
    if let Part::Guard(guard) = part {
        *guard = Expr { kind: ExprKind::Const(1), width: 1 };
    }
}

fn cut_slice(part: Part<'_>) {
    if let Part::Stmt(StmtKind::Extract { extract, args, .. }) = part
        && matches!(extract.what, Extractor::Payload | Extractor::Slice)
    {
        args[1] = args[0].clone();
    }
}

/// A statement that does nothing.
fn nothing() -> StmtKind {
    let condition = Expr { kind: ExprKind::Const(0), width: 1 };
    StmtKind::If(condition, Vec::new(), Vec::new())
}
