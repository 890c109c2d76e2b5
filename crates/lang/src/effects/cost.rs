//! A bound on the work of a handler.

use crate::ir::{Expr, Node, StateOp, Stmt, StmtKind};

/// Most operations that a handler performs for one event. Saturates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Statements and operators of the IR.
    pub operations: u64,
    /// State operations among them.
    pub state_operations: u64,
}

impl Cost {
    const ONE: Self = Self { operations: 1, state_operations: 0 };

    /// One after the other.
    #[must_use]
    pub const fn then(self, next: Self) -> Self {
        Self {
            operations: self.operations.saturating_add(next.operations),
            state_operations: self.state_operations.saturating_add(next.state_operations),
        }
    }

    /// Either of them: the larger of each number.
    #[must_use]
    pub fn dearer(self, other: Self) -> Self {
        Self {
            operations: self.operations.max(other.operations),
            state_operations: self.state_operations.max(other.state_operations),
        }
    }

    /// So many times.
    #[must_use]
    pub fn times(self, rounds: u32) -> Self {
        Self {
            operations: self.operations.saturating_mul(rounds.into()),
            state_operations: self.state_operations.saturating_mul(rounds.into()),
        }
    }
}

/// The cost of a list of statements of a node's handler.
pub(super) fn body(node: &Node, stmts: &[Stmt]) -> Cost {
    stmts.iter().map(|s| stmt(node, &s.kind)).fold(Cost::default(), Cost::then)
}

fn stmt(node: &Node, kind: &StmtKind) -> Cost {
    let own = kind.exprs().into_iter().map(expr).fold(Cost::ONE, Cost::then);
    match kind {
        StmtKind::If(_, then, or) => own.then(body(node, then).dearer(body(node, or))),
        // A round costs its body, the comparison and the step.
        StmtKind::Loop { bound, body: round, .. } => {
            own.then(Cost::ONE.then(Cost::ONE).then(body(node, round)).times(*bound))
        }
        StmtKind::ForEach { state, top, body: round, .. } => {
            let capacity = node.states.get(state.0 as usize).map_or(0, |s| s.kind.capacity());
            let capacity = u32::try_from(capacity).unwrap_or(u32::MAX);
            let rounds = top.as_ref().map_or(capacity, |top| top.count.min(capacity));
            let ranked = top.iter().map(|top| expr(&top.by).then(STATE).times(capacity));
            let rounds = STATE.then(body(node, round)).times(rounds);
            ranked.fold(Cost::ONE, Cost::then).then(rounds)
        }
        StmtKind::Block(_, inner) => body(node, inner),
        StmtKind::State(id, StateOp::MapClear) => {
            let capacity = node.states.get(id.0 as usize).map_or(0, |s| s.kind.capacity());
            own.then(STATE.times(u32::try_from(capacity).unwrap_or(u32::MAX)))
        }
        StmtKind::State(..) => own.then(Cost { operations: 0, state_operations: 1 }),
        _ => own,
    }
}

/// One entry of a state object.
const STATE: Cost = Cost { operations: 1, state_operations: 1 };

/// Operators of an expression; constants and locals are free.
fn expr(e: &Expr) -> Cost {
    let mut operations = 0_u64;
    e.walk(&mut |e| {
        use crate::ir::ExprKind as Kind;
        operations += u64::from(!matches!(e.kind, Kind::Const(_) | Kind::Local(_)));
    });
    Cost { operations, state_operations: 0 }
}
