//! Rules of state operations.

use super::{Checked, Checker};
use crate::ir::{Expr, StateId, StateOp};
use trama_state::{Shape, StateKind, StateSpec};

impl Checker<'_> {
    pub(super) fn state(&self, id: StateId, op: &StateOp) -> Checked {
        let known = (id.0 as usize) < self.node.states.len();
        self.ensure(known, || format!("there is no state object {}", id.0))?;
        let spec = &self.node.states[id.0 as usize];
        self.ensure(kind_has(&spec.kind, op), || {
            format!("`{}` is no operation of `{}`", op.name(), spec.name)
        })?;
        self.in_rounds(id, op)?;
        self.operands(spec, op)?;
        self.results(spec, op)
    }

    fn operands(&self, spec: &StateSpec, op: &StateOp) -> Checked {
        let word = Shape(vec![64]);
        match op {
            StateOp::LpmGet { address, .. } => self.width(address, spec.key.0[0])?,
            StateOp::LpmPut { address, prefix_len, value, .. } => {
                self.width(address, spec.key.0[0])?;
                self.width(prefix_len, 8)?;
                self.leaves(value.iter(), &spec.value)?;
            }
            StateOp::LpmRemove { address, prefix_len, .. } => {
                self.width(address, spec.key.0[0])?;
                self.width(prefix_len, 8)?;
            }
            StateOp::Count { index, bytes } => self.leaves([index, bytes], &Shape(vec![64, 64]))?,
            StateOp::MapPut { key, value, .. } => {
                self.leaves(key, &spec.key)?;
                self.leaves(value, &spec.value)?;
            }
            StateOp::BucketTake { key, amount, .. } => {
                self.leaves(key, &spec.key)?;
                self.width(amount, 64)?;
            }
            StateOp::MaglevSet { member, weight, .. } => {
                self.leaves(member, &spec.key)?;
                self.width(weight, 32)?;
            }
            StateOp::MapGet { key, .. }
            | StateOp::MapUpdate { key, .. }
            | StateOp::MapTouch { key, .. }
            | StateOp::MapRemove { key, .. } => self.leaves(key, &spec.key)?,
            StateOp::MapClear | StateOp::Len(_) | StateOp::PoolAlloc { .. } => {}
            StateOp::Call { method, packet, key, operands, answer, .. } => {
                let signature = method.signature(spec);
                self.leaves(key, &signature.key)?;
                self.leaves(operands, &signature.operands)?;
                self.ensure(packet.is_some() == signature.takes_payload, || {
                    format!("`{}` with a packet where it takes none, or without", op.name())
                })?;
                self.ensure(answer.is_some() == signature.answers, || {
                    format!("`{}` with an answer where it gives none, or without", op.name())
                })?;
            }
            _ => self.leaves(op.key(), &word)?,
        }
        for update in op.updates() {
            let width = spec.value.0.get(update.leaf as usize);
            let fits = width == Some(&update.operand.width);
            self.ensure(fits, || "an update has the width of its leaf".into())?;
        }
        Ok(())
    }

    fn results(&self, spec: &StateSpec, op: &StateOp) -> Checked {
        let found = op.found();
        let of_call;
        let shape = match op {
            StateOp::Call { method, .. } => {
                of_call = method.signature(spec).results;
                &*of_call.0
            }
            StateOp::MapGet { .. } | StateOp::ArrayGet { .. } | StateOp::LpmGet { .. } => {
                &*spec.value.0
            }
            StateOp::MaglevPick { .. } => &*spec.key.0,
            StateOp::PoolAlloc { .. } => &[32],
            StateOp::CounterGet { .. } => &[64, 64],
            StateOp::Len(_) => &[64],
            _ => &[],
        };
        self.ensure(found.len() == shape.len(), || "one result for each leaf".into())?;
        for (local, width) in found.iter().zip(shape) {
            self.local(*local, Some(*width))?;
        }
        if let Some(local) = op.answer() {
            self.local(local, Some(1))?;
        }
        self.distinct(&op.results())
    }

    pub(super) fn leaves<'e>(
        &self,
        exprs: impl IntoIterator<Item = &'e Expr>,
        shape: &Shape,
    ) -> Checked {
        let widths: Vec<u8> = exprs.into_iter().map(|e| e.width).collect();
        self.ensure(widths == shape.0, || format!("leaves of {widths:?} bits for {:?}", shape.0))
    }
}

fn kind_has(kind: &StateKind, op: &StateOp) -> bool {
    use StateOp as Op;
    match op {
        Op::MapGet { .. }
        | Op::MapPut { .. }
        | Op::MapUpdate { .. }
        | Op::MapTouch { .. }
        | Op::MapRemove { .. }
        | Op::MapClear => matches!(kind, StateKind::Map { .. }),
        Op::Len(_) => !matches!(
            kind,
            StateKind::Array { .. }
                | StateKind::Counter { .. }
                | StateKind::Sketch { .. }
                | StateKind::Patterns(_)
        ),
        Op::ArrayGet { .. } | Op::ArrayUpdate { .. } => matches!(kind, StateKind::Array { .. }),
        Op::Count { .. } | Op::CounterGet { .. } => matches!(kind, StateKind::Counter { .. }),
        Op::PoolAlloc { .. }
        | Op::PoolTake { .. }
        | Op::PoolTouch { .. }
        | Op::PoolFree { .. }
        | Op::PoolUsed { .. } => matches!(kind, StateKind::Pool { .. }),
        Op::LpmPut { .. } | Op::LpmGet { .. } | Op::LpmRemove { .. } => {
            matches!(kind, StateKind::Lpm { .. })
        }
        Op::BucketTake { .. } => matches!(kind, StateKind::Bucket { .. }),
        Op::MaglevSet { .. } | Op::MaglevPick { .. } => matches!(kind, StateKind::Maglev { .. }),
        Op::Call { method, .. } => method.is_of(kind),
    }
}
