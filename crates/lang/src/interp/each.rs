//! Loops over maps, events that a program generates, and records.

use super::objects::pack;
use super::observe::{Observer, Seen};
use super::stmt::{Flow, Run};
use crate::ir::{EventId, Expr, LocalId, StateId, Stmt, StmtKind, StreamId, Top};
use crate::source::Span;
use std::cmp::Reverse;
use trama_base::Nanos;
use trama_state::ops::{MapOps as _, ObjectOps as _};

impl<O: Observer> Run<'_, O> {
    pub(super) fn for_each(&mut self, stmt: &Stmt) -> Flow {
        let StmtKind::ForEach { label, continue_label, state, key, value, top, body } = &stmt.kind
        else {
            return Flow::Next;
        };
        let mut keys = self.keys_of(*state);
        if let Some(top) = top {
            keys = self.best(*state, (key, value), top, keys);
        }
        for packed in keys {
            if !self.take_entry(*state, (key, value), &packed) {
                continue;
            }
            self.see_round(*state, (key, value), stmt.span);
            match self.list(body) {
                Flow::Next => {}
                Flow::Break(at) if at == *continue_label => {}
                Flow::Break(at) if at == *label => return Flow::Next,
                flow => return flow,
            }
        }
        Flow::Next
    }

    /// The packed keys of a map, in order.
    fn keys_of(&mut self, state: StateId) -> Vec<Vec<u8>> {
        let now = self.world.now;
        let object = &mut self.world.states[self.node_index as usize][state.0 as usize];
        let entries = object.as_map_mut().map(|map| map.entries(now)).unwrap_or_default();
        entries.into_iter().map(|(key, _)| key).collect()
    }

    /// The keys of the best entries, best first.
    fn best(
        &mut self,
        state: StateId,
        locals: (&[LocalId], &[LocalId]),
        top: &Top,
        keys: Vec<Vec<u8>>,
    ) -> Vec<Vec<u8>> {
        let mut ranked: Vec<(Reverse<u128>, Vec<u8>)> = Vec::with_capacity(keys.len());
        for key in keys {
            self.take_entry(state, locals, &key);
            ranked.push((Reverse(self.eval(&top.by)), key));
        }
        ranked.sort();
        ranked.truncate(top.count as usize);
        ranked.into_iter().map(|(_, key)| key).collect()
    }

    /// Stores an entry in the locals of a round. False if it is not there.
    fn take_entry(
        &mut self,
        state: StateId,
        (key, value): (&[LocalId], &[LocalId]),
        packed: &[u8],
    ) -> bool {
        let spec = &self.node().states[state.0 as usize];
        let now = self.world.now;
        let object = &mut self.world.states[self.node_index as usize][state.0 as usize];
        let found = object.as_map_mut().and_then(|map| map.get(packed, now).map(<[u8]>::to_vec));
        let Some(found) = found else { return false };
        let leaves = spec.key.unpack(packed).into_iter().chain(spec.value.unpack(&found));
        for (local, leaf) in key.iter().chain(value).zip(leaves) {
            self.assign(*local, leaf);
        }
        true
    }

    fn see_round(&mut self, state: StateId, (key, value): (&[LocalId], &[LocalId]), span: Span) {
        if !self.world.observer.listens() {
            return;
        }
        let values = |locals: &[LocalId]| -> Vec<u128> {
            locals.iter().map(|local| self.locals[local.0 as usize]).collect()
        };
        let (node, key, value) = (self.node_index, values(key), values(value));
        self.world.see(|| Seen::Round { span, node, state: state.0, key: &key, value: &value });
    }

    pub(super) fn generate(
        &mut self,
        event: EventId,
        args: &[Expr],
        delay: &Expr,
        ok: LocalId,
        span: Span,
    ) {
        let args = self.eval_all(args);
        let delay = Nanos(self.eval(delay) as u64);
        let packed = pack(&self.node().events[event.0 as usize].shape, &args);
        let (now, node) = (self.world.now, self.node_index);
        let done = self.world.agenda.generate(now, node, event, delay, &packed);
        self.assign(ok, done.into());
        self.world.see(|| {
            let event = event.0;
            Seen::Generated { span, node, event, args: &args, delay, done }
        });
    }

    pub(super) fn emit(&mut self, stream: StreamId, args: &[Expr], span: Span) {
        let leaves = self.eval_all(args);
        let (now, node) = (self.world.now, self.node_index);
        self.world.records.emit(now, node, stream, &leaves);
        self.world.see(|| Seen::Emitted { span, node, stream: stream.0, leaves: &leaves });
    }
}
