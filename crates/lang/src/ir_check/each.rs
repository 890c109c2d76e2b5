//! Rules of events, records and loops over maps.

use super::{Checked, Checker};
use crate::ir::{EventId, Expr, ExprKind, LocalId, StateId, StateOp, StmtKind, StreamId};
use crate::ir_parts::walk_stmts;
use trama_state::StateKind;

impl<'a> Checker<'a> {
    /// The parameters of a handler fit the event.
    pub(super) fn event(&self, event: EventId, params: &[LocalId]) -> Checked {
        let Some(event) = self.node.events.get(event.0 as usize) else {
            return self.ensure(false, || format!("there is no event {}", event.0));
        };
        let count = event.shape.0.len();
        self.ensure(params.len() == count, || format!("`{}` has {count} leaves", event.name))?;
        for (local, width) in params.iter().zip(&event.shape.0) {
            self.local(*local, Some(*width))?;
        }
        self.distinct(params)
    }

    pub(super) fn generate(
        &self,
        event: EventId,
        args: &[Expr],
        delay: &Expr,
        ok: LocalId,
    ) -> Checked {
        let Some(event) = self.node.events.get(event.0 as usize) else {
            return self.ensure(false, || format!("there is no event {}", event.0));
        };
        self.leaves(args, &event.shape)?;
        self.width(delay, 64)?;
        self.local(ok, Some(1))
    }

    pub(super) fn emit(&self, stream: StreamId, args: &[Expr]) -> Checked {
        let Some(stream) = self.node.streams.get(stream.0 as usize) else {
            return self.ensure(false, || format!("there is no stream {}", stream.0));
        };
        self.leaves(args, &stream.shape)
    }

    pub(super) fn for_each(&mut self, stmt: &'a StmtKind) -> Checked {
        let StmtKind::ForEach { label, continue_label, state, key, value, top, body } = stmt else {
            return Ok(());
        };
        let spec = self.node.states.get(state.0 as usize);
        let map = spec.filter(|spec| matches!(spec.kind, StateKind::Map { .. }));
        let Some(map) = map else {
            return self.ensure(false, || format!("there is no map {}", state.0));
        };
        for (locals, shape) in [(key, &map.key), (value, &map.value)] {
            let count = shape.0.len();
            self.ensure(locals.len() == count, || format!("the map has {count} leaves"))?;
            for (local, width) in locals.iter().zip(&shape.0) {
                self.local(*local, Some(*width))?;
            }
        }
        self.distinct(&[&key[..], value].concat())?;
        if let Some(top) = top {
            self.ensure(top.count > 0, || "at least one entry is chosen".into())?;
            self.expr(&top.by, None)?;
        }
        let mut assigned = false;
        walk_stmts(body, &mut |stmt| {
            assigned |= stmt.kind.assigns().iter().any(|local| key.contains(local));
        });
        self.ensure(!assigned, || "the key of a round is not assigned in the body".into())?;
        self.rounds.push((*state, key));
        let checked = self.labelled(&[*label, *continue_label], body);
        self.rounds.pop();
        checked
    }

    /// An operation changes no entry of a map around which a loop goes but that of the round.
    pub(super) fn in_rounds(&self, id: StateId, op: &StateOp) -> Checked {
        if matches!(op, StateOp::MapGet { .. } | StateOp::Len(_)) {
            return Ok(());
        }
        for (_, own) in self.rounds.iter().filter(|(state, _)| *state == id) {
            let is_own = |(e, local): (&&Expr, &LocalId)| e.kind == ExprKind::Local(*local);
            let key = op.key();
            let fits = !matches!(op, StateOp::MapClear)
                && key.len() == own.len()
                && key.iter().zip(*own).all(is_own);
            self.ensure(fits, || "a loop over a map changes the entry of its round only".into())?;
        }
        Ok(())
    }

    pub(super) fn distinct(&self, locals: &[LocalId]) -> Checked {
        let mut sorted: Vec<u32> = locals.iter().map(|local| local.0).collect();
        sorted.sort_unstable();
        sorted.dedup();
        self.ensure(sorted.len() == locals.len(), || "leaves go to different locals".into())
    }
}
