//! The operations of sketches, Bloom filters, rings, stream buffers, histograms and pattern sets.
//!
//! Where the order of additions does not matter, an object is taken for what it stands for: a
//! sketch for a map of counts, a filter for a set, a histogram for a counter of each number of
//! each key. What is read out of one is not: it depends on other keys too, or on what was rounded.

use super::{Content, Env, Executor};
use crate::algebra::sym::Sym;
use crate::effects::{AccessKind, access_kind};
use crate::ir::{Expr, ExprKind, StateId, StateOp, Stmt, StmtKind, Update, UpdateOp};
use crate::source::Span;
use trama_state::{Method, StateKind};

impl Executor<'_> {
    pub(super) fn call(&mut self, id: StateId, op: &StateOp, env: &mut Env, span: Span) {
        let StateOp::Call { method, key, operands, results, answer, .. } = op else { return };
        let spec = &self.node.states[id.0 as usize];
        if let StateKind::Patterns(_) = spec.kind {
            // What occurs in a packet is an input like its fields.
            let args: Vec<Sym> = operands.iter().map(|e| self.expr(e, env, span)).collect();
            for local in results.iter().chain(answer) {
                let width = env.locals[local.0 as usize].width();
                let name = Expr { kind: ExprKind::Local(*local), width };
                env.locals[local.0 as usize] = Sym::apply(&name, args.clone(), span);
            }
            return;
        }
        let is_conservative = matches!(spec.kind, StateKind::Sketch { conservative: true, .. });
        match method {
            Method::SketchAdd if !is_conservative => {
                let cell = self.cell(id, key, env, span);
                let operand = operands[0].clone();
                self.update(cell, &[Update { leaf: 0, op: UpdateOp::Add, operand }], env, span);
            }
            Method::BloomInsert => {
                let cell = self.cell(id, key, env, span);
                let content = Content { value: Vec::new(), found: Sym::constant(1, 1), span };
                env.contents.insert(cell, content);
            }
            Method::HistogramAdd => {
                let number: Vec<Expr> = key.iter().chain(operands).cloned().collect();
                let cell = self.cell(id, &number, env, span);
                let operand = Expr { kind: ExprKind::Const(1), width: 64 };
                self.update(cell, &[Update { leaf: 0, op: UpdateOp::Add, operand }], env, span);
                if let Some(answer) = answer {
                    env.locals[answer.0 as usize] = Sym::constant(1, 1);
                }
            }
            Method::SketchClear
            | Method::BloomClear
            | Method::RingClear
            | Method::StreamClear
            | Method::HistogramClear => self.clear(id, env),
            _ => {
                let why = match (access_kind(spec, op), &spec.kind) {
                    (AccessKind::Read, StateKind::Sketch { .. } | StateKind::Bloom { .. }) => {
                        "other keys share its cells"
                    }
                    (AccessKind::Read, StateKind::Histogram { .. }) => {
                        "it depends on all numbers that were added"
                    }
                    (_, StateKind::Sketch { .. }) => {
                        "what a conservative addition raises depends on those before it"
                    }
                    (_, StateKind::Ring { .. }) => "a queue has one order",
                    (_, StateKind::Streams { .. }) => "a stream is in the order of its offsets",
                    _ => "it is not about single entries",
                };
                let stmt = Stmt { kind: StmtKind::State(id, op.clone()), span };
                self.forget(&stmt, env, why);
            }
        }
    }
}
