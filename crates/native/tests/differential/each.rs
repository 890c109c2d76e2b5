//! Random events, records and loops over maps.

use crate::body::Body;
use crate::expr::expr;
use trama_lang::ir::{EventId, ExprKind, StateId, StmtKind, StreamId, Top};
use trama_state::StateKind;
use trama_wire::header::HeaderSet;

impl Body<'_> {
    pub(super) fn generate(&mut self) -> StmtKind {
        let event = self.rng.below(self.place.node.events.len() as u64) as u32;
        let args = self.leaves(&self.place.node.events[event as usize].shape);
        // Chains of events are for patient people: those with short delays from packet to packet,
        // and often those without.
        let in_event = self.place.in_event;
        let delay = match self.rng.below(8) {
            _ if in_event && self.rng.one_in(16) => expr(ExprKind::Const(0), 64),
            _ if in_event => expr(ExprKind::Const(1 << (20 + self.rng.below(14))), 64),
            0 => self.expr(64, 1),
            1 => expr(ExprKind::Const(0), 64),
            _ => expr(ExprKind::Const(1 << self.rng.below(34)), 64),
        };
        let ok = self.assignable(1, &[]);
        StmtKind::Generate { event: EventId(event), args, delay, ok }
    }

    pub(super) fn emit(&mut self) -> StmtKind {
        let stream = self.rng.below(self.place.node.streams.len() as u64) as u32;
        let leaves = self.leaves(&self.place.node.streams[stream as usize].shape);
        StmtKind::Emit(StreamId(stream), leaves)
    }

    pub(super) fn for_each(&mut self, depth: u32) -> StmtKind {
        // Loops over large maps, for each event and in each other, are for patient people.
        let large = self.rounds.is_empty() && self.rng.one_in(16);
        let is_map = |s: &&usize| {
            let kind = &self.place.node.states[**s].kind;
            matches!(kind, StateKind::Map { capacity, .. } if *capacity < 10 || large)
        };
        let all: Vec<usize> = (0..self.place.node.states.len()).collect();
        let maps: Vec<usize> = all.iter().filter(is_map).copied().collect();
        let Some(&state) = maps.get(self.rng.below(maps.len().max(1) as u64) as usize) else {
            return self.generate_or_nothing();
        };
        let spec = &self.place.node.states[state];
        let mut fresh = |widths: &[u8]| -> Vec<_> {
            let first = self.locals.len() as u32;
            self.locals.extend(widths);
            (first..).take(widths.len()).map(trama_lang::ir::LocalId).collect()
        };
        let (key, value) = (fresh(&spec.key.0), fresh(&spec.value.0));
        let top = self.rng.one_in(2).then(|| {
            let width = crate::program::width(self.rng);
            let count = self.rng.below(4) as u32 + 1;
            let by = match value.iter().chain(&key).next() {
                Some(local) if !self.rng.one_in(4) => {
                    expr(ExprKind::Local(*local), self.locals[local.0 as usize])
                }
                _ => self.expr(width, 2),
            };
            Top { count, by }
        });
        let (label, continue_label) = (self.label(), self.label());
        self.present.fill(HeaderSet::EMPTY);
        let outer = self.loop_vars.len();
        self.loop_vars.extend(&key);
        self.labels.extend([label, continue_label]);
        self.rounds.push((StateId(state as u32), key.clone()));
        let body = self.statements(depth, 4);
        self.rounds.pop();
        self.labels.truncate(self.labels.len() - 2);
        self.loop_vars.truncate(outer);
        self.present.fill(HeaderSet::EMPTY);
        let state = StateId(state as u32);
        StmtKind::ForEach { label, continue_label, state, key, value, top, body }
    }

    fn generate_or_nothing(&mut self) -> StmtKind {
        match self.place.node.events.is_empty() {
            true => StmtKind::Block(self.label(), Vec::new()),
            false => self.generate(),
        }
    }
}
