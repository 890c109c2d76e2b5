//! Loops over the entries of maps and sets.

use super::control::Rounds;
use super::{Lowerer, StateVar, Val};
use crate::check::declare::{CAPACITY_MAX, StateType};
use crate::check::fold;
use crate::check::types::Type;
use crate::diagnostic::Diagnostic;
use crate::ir::{self, BinaryOp, Expr, ExprKind, LocalId, StateId, StateOp, StmtKind};
use crate::ir_parts::walk_stmts;
use crate::source::Span;
use crate::syntax::ast;

impl Lowerer<'_> {
    /// `for (key, value) in map [top n by expr] { … }`, `for key in set { … }`
    pub(super) fn for_entries(
        &mut self,
        pattern: &ast::Pat,
        (state, over): (&StateVar, Span),
        top: Option<&(ast::Expr, ast::Expr)>,
        body: &ast::Block,
    ) {
        let (ty, key_ty, value_ty) = match &state.ty {
            StateType::Map { key, value } => {
                (Type::Tuple([key.clone(), value.clone()].into()), key.clone(), Some(value.clone()))
            }
            StateType::Set(key) => (key.clone(), key.clone(), None),
            other => {
                let message = format!("a loop does not run over {}", other.describe());
                self.sink.error("E0201", message, over, "not a map or a set");
                return self.body_only(pattern, Val::error(), body);
            }
        };
        if self.in_packet_handler {
            let message = "a loop over a whole table cannot run for each packet";
            self.sink.report(
                Diagnostic::error("E1003", message, over, "as many rounds as it has entries").note(
                    "let it run in `every`, in `on close` or in the handler of an event, which a \
                     packet may generate",
                ),
            );
        }
        let key = self.fresh_all(&key_ty);
        let value = value_ty.map(|ty| self.fresh_all(&ty)).unwrap_or_default();
        let entry = self.read_all(ty, &[&key[..], &value].concat());
        let top = match top {
            Some(top) => match self.top(pattern, &entry, top) {
                Some(top) => Some(top),
                None => return self.body_only(pattern, entry, body),
            },
            None => None,
        };
        let own = key.clone();
        let rounds = Rounds::Entries { state: state.id, key, value, top };
        self.rounds(pattern, entry, rounds, body);
        self.check_own_entry(state.id, &own);
    }

    /// `top count by expr`
    fn top(
        &mut self,
        pattern: &ast::Pat,
        entry: &Val,
        (count, by): &(ast::Expr, ast::Expr),
    ) -> Option<ir::Top> {
        let number = self.const_expr(count, &Type::Uint(64)).and_then(|value| value.as_u64());
        let in_range = number.is_some_and(|count| (1..=CAPACITY_MAX).contains(&count));
        if let (Some(count_given), false) = (number, in_range) {
            let message = format!("the entries wanted are 1 to {CAPACITY_MAX}, not {count_given}");
            self.sink.error("E0803", message, count.span, "out of range");
        }
        let bindings = self.bindings.len();
        let (code, rank) = self.nested(|this| {
            this.bind_round(pattern, entry.clone());
            this.expr(by, None)
        });
        // A name that is compared by is used, though perhaps not in the body.
        let compared = self.bindings.split_off(bindings).into_iter().filter(|b| b.used);
        self.compared = compared.map(|binding| binding.name).collect();
        if rank.ty.is_silent() {
            return None;
        }
        if !code.is_empty() {
            let message = "what entries are compared by is computed from the entry alone";
            self.sink.error("E1005", message, by.span, "this does more");
            return None;
        }
        let (ty, width) = (rank.ty.clone(), rank.ty.scalar_width());
        let by = match (&ty, width) {
            (Type::Int(width), _) => {
                // With the sign turned around, the order is that of unsigned numbers.
                let sign = fold::constant(1 << (width - 1), *width);
                fold::binary(BinaryOp::Xor, rank.leaf(*width), sign)
            }
            (Type::Uint(_) | Type::Bool | Type::Time | Type::Duration, Some(width)) => {
                rank.leaf(width)
            }
            _ => {
                let message = format!("entries are not compared by {}", ty.with_article());
                self.sink.error("E1005", message, by.span, "a number or a time is needed");
                return None;
            }
        };
        let count = u32::try_from(number.filter(|_| in_range)?).ok()?;
        Some(ir::Top { count, by })
    }

    /// Reports changes of other entries in the loop that was lowered last.
    fn check_own_entry(&mut self, map: StateId, own: &[LocalId]) {
        let Some(ir::Stmt { kind: StmtKind::ForEach { body, .. }, .. }) = self.code.last() else {
            return;
        };
        let mut wrong = Vec::new();
        walk_stmts(body, &mut |stmt| {
            if let StmtKind::State(id, op) = &stmt.kind
                && *id == map
                && !is_of_own_entry(op, own)
            {
                wrong.push((stmt.span, op.name()));
            }
        });
        for (span, op) in wrong {
            let message = "a loop over a map changes no entry but that of its round";
            self.sink.report(
                Diagnostic::error("E1004", message, span, format!("`{op}` of another entry")).note(
                    "name the key as the loop gives it, or collect what is to be changed and \
                     change it after the loop",
                ),
            );
        }
    }
}

/// True if an operation leaves the map as it is, or is on the entry with this key.
fn is_of_own_entry(op: &StateOp, own: &[LocalId]) -> bool {
    if matches!(op, StateOp::MapGet { .. } | StateOp::Len(_)) {
        return true;
    }
    let key = op.key();
    let is_own = |(e, local): (&&Expr, &LocalId)| e.kind == ExprKind::Local(*local);
    !matches!(op, StateOp::MapClear) && key.len() == own.len() && key.iter().zip(own).all(is_own)
}
