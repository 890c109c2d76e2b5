//! A bound on the work of a handler.

use crate::ir::{Expr, Stmt, StmtKind};

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

/// The cost of a list of statements.
pub(super) fn body(stmts: &[Stmt]) -> Cost {
    stmts.iter().map(|s| stmt(&s.kind)).fold(Cost::default(), Cost::then)
}

fn stmt(kind: &StmtKind) -> Cost {
    let own = kind.exprs().into_iter().map(expr).fold(Cost::ONE, Cost::then);
    match kind {
        StmtKind::If(_, then, or) => own.then(body(then).dearer(body(or))),
        // A round costs its body, the comparison and the step.
        StmtKind::Loop { bound, body: round, .. } => {
            own.then(Cost::ONE.then(Cost::ONE).then(body(round)).times(*bound))
        }
        StmtKind::Block(_, inner) => body(inner),
        StmtKind::State(..) => own.then(Cost { operations: 0, state_operations: 1 }),
        _ => own,
    }
}

/// Operators of an expression; constants and locals are free.
fn expr(e: &Expr) -> Cost {
    let mut operations = 0_u64;
    e.walk(&mut |e| {
        use crate::ir::ExprKind as Kind;
        operations += u64::from(!matches!(e.kind, Kind::Const(_) | Kind::Local(_)));
    });
    Cost { operations, state_operations: 0 }
}
