//! Keeping the order of evaluation: operands that were read before an effect that changes them.

use super::{Lowerer, Val};
use crate::ir::{Expr, ExprKind, LocalId, PacketId, StateOp, Stmt, StmtKind};

/// What a list of statements may change.
#[derive(Debug, Default)]
struct Changes {
    locals: Vec<LocalId>,
    packets: Vec<PacketId>,
}

impl Lowerer<'_> {
    /// Copies leaves of `value`, which was lowered before statement `mark` of the current list, to
    /// locals in front of it if any statement since then may change what they read.
    pub(super) fn protect(&mut self, value: &mut Val, mark: usize) {
        if self.code.len() == mark {
            return;
        }
        let mut changes = Changes::default();
        changes.add_all(&self.code[mark..]);
        for leaf in &mut value.leaves {
            if changes.affect(leaf) {
                let id = self.fresh(leaf.width);
                let read = self.read(id);
                let old = std::mem::replace(leaf, read);
                let kind = StmtKind::Assign(id, old);
                self.statements += 1;
                self.code.insert(mark, Stmt { kind, span: self.span });
            }
        }
    }
}

impl Changes {
    fn add_all(&mut self, stmts: &[Stmt]) {
        stmts.iter().for_each(|stmt| self.add(&stmt.kind));
    }

    fn add(&mut self, stmt: &StmtKind) {
        match stmt {
            StmtKind::Assign(id, _) => self.locals.push(*id),
            StmtKind::If(_, yes, no) => {
                self.add_all(yes);
                self.add_all(no);
            }
            StmtKind::Loop { var, body, .. } => {
                self.locals.push(*var);
                self.add_all(body);
            }
            StmtKind::Block(_, body) => self.add_all(body),
            StmtKind::Break(_) | StmtKind::Return | StmtKind::Log(..) => {}
            StmtKind::SetField(p, ..)
            | StmtKind::SetMark(p, _)
            | StmtKind::SetPayload(p, ..)
            | StmtKind::SetTcpOption(p, ..)
            | StmtKind::Truncate(p, _)
            | StmtKind::Copy(p, _)
            | StmtKind::Send { packet: p, .. }
            | StmtKind::Drop(p, _) => self.packets.push(*p),
            StmtKind::Insert(p, _, ok) | StmtKind::Remove(p, _, ok) => {
                self.packets.push(*p);
                self.locals.push(*ok);
            }
            StmtKind::State(_, op) => self.locals.extend(results(op)),
            StmtKind::Extract { results, .. } => self.locals.extend(results),
        }
    }

    fn affect(&self, expr: &Expr) -> bool {
        match &expr.kind {
            ExprKind::Const(_) | ExprKind::Now => false,
            ExprKind::Local(id) => self.locals.contains(id),
            ExprKind::Field(p, _) | ExprKind::Has(p, _) | ExprKind::Meta(p, _) => {
                self.packets.contains(p)
            }
            ExprKind::Payload(p, offset) => self.packets.contains(p) || self.affect(offset),
            ExprKind::Binary(_, a, b) => self.affect(a) || self.affect(b),
            ExprKind::Not(a) | ExprKind::Cast(a) | ExprKind::SignExtend(a) => self.affect(a),
            ExprKind::Table(_, row, _) => self.affect(row),
            ExprKind::Select(a, b, c) => self.affect(a) || self.affect(b) || self.affect(c),
            ExprKind::Hash(parts) => parts.iter().any(|part| self.affect(part)),
        }
    }
}

/// Locals that a state operation writes.
fn results(op: &StateOp) -> Vec<LocalId> {
    let with = |found: &LocalId, value: &[LocalId]| {
        let mut all = vec![*found];
        all.extend_from_slice(value);
        all
    };
    match op {
        StateOp::MapGet { found, value, .. } | StateOp::LpmGet { found, value, .. } => {
            with(found, value)
        }
        StateOp::MaglevPick { found, member, .. } => with(found, member),
        StateOp::ArrayGet { value, .. } => value.clone(),
        StateOp::CounterGet { packets, bytes, .. } => vec![*packets, *bytes],
        StateOp::PoolAlloc { found, index } => vec![*found, *index],
        StateOp::MapPut { ok, .. }
        | StateOp::MapUpdate { ok, .. }
        | StateOp::PoolTake { ok, .. }
        | StateOp::PoolTouch { ok, .. }
        | StateOp::PoolFree { ok, .. }
        | StateOp::LpmPut { ok, .. }
        | StateOp::BucketTake { ok, .. }
        | StateOp::MaglevSet { ok, .. } => vec![*ok],
        StateOp::MapTouch { found, .. }
        | StateOp::MapRemove { found, .. }
        | StateOp::LpmRemove { found, .. } => vec![*found],
        StateOp::PoolUsed { used, .. } => vec![*used],
        StateOp::Len(len) => vec![*len],
        StateOp::ArrayUpdate { .. } | StateOp::Count { .. } => Vec::new(),
    }
}
