//! The parts of expressions, statements and state operations, for whoever walks over the IR.

use crate::ir::{Expr, ExprKind, LocalId, PacketId, StateOp, Stmt, StmtKind, Update};

impl Expr {
    /// The expressions directly inside.
    pub fn parts(&self) -> Vec<&Self> {
        match &self.kind {
            ExprKind::Const(_)
            | ExprKind::Local(_)
            | ExprKind::Now
            | ExprKind::Field(..)
            | ExprKind::Has(..)
            | ExprKind::Meta(..) => vec![],
            ExprKind::Payload(_, a)
            | ExprKind::Not(a)
            | ExprKind::Cast(a)
            | ExprKind::SignExtend(a)
            | ExprKind::Table(_, a, _) => vec![a],
            ExprKind::Binary(_, a, b) => vec![a, b],
            ExprKind::Select(a, b, c) => vec![a, b, c],
            ExprKind::Hash(operands) => operands.iter().collect(),
        }
    }

    /// This expression and all inside it, outermost first.
    pub fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Self)) {
        visit(self);
        for part in self.parts() {
            part.walk(visit);
        }
    }

    /// The packet register that it reads directly.
    pub fn packet(&self) -> Option<PacketId> {
        match self.kind {
            ExprKind::Field(p, _)
            | ExprKind::Has(p, _)
            | ExprKind::Meta(p, _)
            | ExprKind::Payload(p, _) => Some(p),
            _ => None,
        }
    }
}

impl StmtKind {
    /// The expressions directly inside: not those of nested bodies.
    pub fn exprs(&self) -> Vec<&Expr> {
        match self {
            Self::Block(..)
            | Self::Break(_)
            | Self::Return
            | Self::Remove(..)
            | Self::Copy(..)
            | Self::Drop(..) => vec![],
            Self::Assign(_, e)
            | Self::If(e, ..)
            | Self::SetField(_, _, e)
            | Self::SetMark(_, e)
            | Self::SetTcpOption(_, _, e)
            | Self::ShiftSack(_, e)
            | Self::Truncate(_, e) => vec![e],
            Self::Loop { from, to, .. } => vec![from, to],
            Self::SetPayload(_, offset, value) => vec![offset, value],
            Self::SetTcpOptions(_, options) => {
                options.iter().flat_map(|(is_there, value)| [is_there, value]).collect()
            }
            Self::Insert(_, stack, _) | Self::Replace(_, _, stack, _) => {
                stack.iter().flat_map(|(_, fields)| fields.iter().map(|(_, e)| e)).collect()
            }
            Self::Send { index, .. } => index.iter().collect(),
            Self::ForEach { top, .. } => top.iter().map(|top| &top.by).collect(),
            Self::Generate { args, delay, .. } => args.iter().chain([delay]).collect(),
            Self::Emit(_, args) | Self::Log(_, args) | Self::Extract { args, .. } => {
                args.iter().collect()
            }
            Self::State(_, op) => op.operands(),
        }
    }

    /// The nested bodies.
    pub fn bodies(&self) -> Vec<&[Stmt]> {
        match self {
            Self::If(_, then, or) => vec![then, or],
            Self::Loop { body, .. } | Self::ForEach { body, .. } | Self::Block(_, body) => {
                vec![body]
            }
            _ => vec![],
        }
    }

    /// The nested bodies, to be changed.
    pub fn bodies_mut(&mut self) -> Vec<&mut Vec<Stmt>> {
        match self {
            Self::If(_, then, or) => vec![then, or],
            Self::Loop { body, .. } | Self::ForEach { body, .. } | Self::Block(_, body) => {
                vec![body]
            }
            _ => vec![],
        }
    }

    /// The locals that it writes itself; nested bodies not counted.
    pub fn assigns(&self) -> Vec<LocalId> {
        match self {
            Self::Assign(local, _)
            | Self::Loop { var: local, .. }
            | Self::Insert(_, _, local)
            | Self::Replace(_, _, _, local)
            | Self::Remove(_, _, local) => vec![*local],
            Self::ForEach { key, value, .. } => key.iter().chain(value).copied().collect(),
            Self::Generate { ok, .. } => vec![*ok],
            Self::State(_, op) => op.results(),
            Self::Extract { results, .. } => results.clone(),
            _ => vec![],
        }
    }

    /// The packet registers that it names itself, apart from its expressions.
    pub fn packets(&self) -> Vec<PacketId> {
        match self {
            Self::SetField(p, ..)
            | Self::SetMark(p, _)
            | Self::SetPayload(p, ..)
            | Self::SetTcpOption(p, ..)
            | Self::SetTcpOptions(p, _)
            | Self::ShiftSack(p, _)
            | Self::Insert(p, ..)
            | Self::Replace(p, ..)
            | Self::Remove(p, ..)
            | Self::Truncate(p, _)
            | Self::Send { packet: p, .. }
            | Self::Drop(p, _) => vec![*p],
            Self::Copy(to, from) => vec![*to, *from],
            Self::State(_, StateOp::Call { packet, .. }) => packet.iter().copied().collect(),
            Self::Extract { packet, .. } => packet.iter().copied().collect(),
            _ => vec![],
        }
    }
}

/// Calls `visit` for each statement of a body and of all bodies nested in it, in source order.
pub fn walk_stmts<'a>(body: &'a [Stmt], visit: &mut dyn FnMut(&'a Stmt)) {
    for stmt in body {
        visit(stmt);
        for nested in stmt.kind.bodies() {
            walk_stmts(nested, visit);
        }
    }
}

impl StateOp {
    /// The operation's name in the language.
    pub fn name(&self) -> &'static str {
        match self {
            Self::MapGet { .. } | Self::ArrayGet { .. } | Self::CounterGet { .. } => "get",
            Self::LpmGet { .. } => "get",
            Self::MapPut { .. } | Self::LpmPut { .. } => "put",
            Self::MapUpdate { .. } | Self::ArrayUpdate { .. } => "update",
            Self::MapTouch { .. } | Self::PoolTouch { .. } => "touch",
            Self::MapRemove { .. } | Self::LpmRemove { .. } => "remove",
            Self::MapClear => "clear",
            Self::Len(_) => "len",
            Self::Count { .. } => "count",
            Self::PoolAlloc { .. } => "alloc",
            Self::PoolTake { .. } | Self::BucketTake { .. } => "take",
            Self::PoolFree { .. } => "free",
            Self::PoolUsed { .. } => "used",
            Self::MaglevSet { .. } => "set",
            Self::MaglevPick { .. } => "pick",
            Self::Call { method, .. } => method.name(),
        }
    }

    /// What selects the entry: leaves of the key, index, prefix, member or hash.
    pub fn key(&self) -> Vec<&Expr> {
        match self {
            Self::MapGet { key, .. }
            | Self::MapPut { key, .. }
            | Self::MapUpdate { key, .. }
            | Self::MapTouch { key, .. }
            | Self::MapRemove { key, .. }
            | Self::BucketTake { key, .. }
            | Self::Call { key, .. }
            | Self::MaglevSet { member: key, .. } => key.iter().collect(),
            Self::ArrayGet { index, .. }
            | Self::ArrayUpdate { index, .. }
            | Self::Count { index, .. }
            | Self::CounterGet { index, .. }
            | Self::PoolTake { index, .. }
            | Self::PoolTouch { index, .. }
            | Self::PoolFree { index, .. }
            | Self::PoolUsed { index, .. }
            | Self::LpmGet { address: index, .. }
            | Self::MaglevPick { hash: index, .. } => vec![index],
            Self::LpmPut { address, prefix_len, .. }
            | Self::LpmRemove { address, prefix_len, .. } => vec![address, prefix_len],
            Self::MapClear | Self::Len(_) | Self::PoolAlloc { .. } => vec![],
        }
    }

    /// All expressions: the key, then what is written or taken.
    pub fn operands(&self) -> Vec<&Expr> {
        let mut all = self.key();
        match self {
            Self::MapPut { value, .. } | Self::LpmPut { value, .. } => all.extend(value),
            Self::Call { operands, .. } => all.extend(operands),
            Self::Count { bytes, .. } => all.push(bytes),
            Self::BucketTake { amount, .. } => all.push(amount),
            Self::MaglevSet { weight, .. } => all.push(weight),
            _ => all.extend(self.updates().iter().map(|update| &update.operand)),
        }
        all
    }

    /// The in-place changes.
    pub fn updates(&self) -> &[Update] {
        match self {
            Self::MapUpdate { updates, .. } | Self::ArrayUpdate { updates, .. } => updates,
            _ => &[],
        }
    }

    /// The local that tells yes or no.
    pub fn answer(&self) -> Option<LocalId> {
        match self {
            Self::MapGet { found: local, .. }
            | Self::MapPut { ok: local, .. }
            | Self::MapUpdate { ok: local, .. }
            | Self::MapTouch { found: local, .. }
            | Self::MapRemove { found: local, .. }
            | Self::PoolAlloc { found: local, .. }
            | Self::PoolTake { ok: local, .. }
            | Self::PoolTouch { ok: local, .. }
            | Self::PoolFree { ok: local, .. }
            | Self::PoolUsed { used: local, .. }
            | Self::LpmPut { ok: local, .. }
            | Self::LpmGet { found: local, .. }
            | Self::LpmRemove { found: local, .. }
            | Self::BucketTake { ok: local, .. }
            | Self::MaglevSet { ok: local, .. }
            | Self::MaglevPick { found: local, .. } => Some(*local),
            Self::Call { answer, .. } => *answer,
            Self::MapClear
            | Self::Len(_)
            | Self::ArrayGet { .. }
            | Self::ArrayUpdate { .. }
            | Self::Count { .. }
            | Self::CounterGet { .. } => None,
        }
    }

    /// The locals that receive what was found: value leaves, an index, a length, a member.
    pub fn found(&self) -> Vec<LocalId> {
        match self {
            Self::MapGet { value, .. }
            | Self::ArrayGet { value, .. }
            | Self::LpmGet { value, .. }
            | Self::Call { results: value, .. }
            | Self::MaglevPick { member: value, .. } => value.clone(),
            Self::Len(local) | Self::PoolAlloc { index: local, .. } => vec![*local],
            Self::CounterGet { packets, bytes, .. } => vec![*packets, *bytes],
            _ => vec![],
        }
    }

    /// All locals that it writes: what was found, then the answer.
    pub fn results(&self) -> Vec<LocalId> {
        let mut all = self.found();
        all.extend(self.answer());
        all
    }
}
