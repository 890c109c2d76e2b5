//! Loops over maps, events that a program generates, and records.

use super::function::{Lowering, Memory};
use super::registers::Known;
use super::stmt::registers_changed;
use crate::error::NativeError;
use crate::runtime::Routine;
use crate::runtime::each::Cursor;
use crate::runtime::logs::site_word;
use cranelift_codegen::ir::{InstBuilder, Value};
use std::mem::offset_of;
use trama_lang::ir::{EventId, Expr, LocalId, StmtKind, StreamId, Top};
use trama_state::{Shape, StateSpec, mem};

impl Lowering<'_, '_> {
    pub(super) fn for_each(&mut self, stmt: &StmtKind) -> Result<(), NativeError> {
        let StmtKind::ForEach { label, continue_label, state, key, value, top, body } = stmt else {
            return Ok(());
        };
        let spec = &self.source.node.states[state.0 as usize];
        let map = self.backend(*state, mem::Object::as_map_mut)?;
        let cursor = self.address(self.source.image.cursor().cast_const());
        let (now, wanted) = (self.now(), self.word(top.as_ref().map_or(0, |t| t.count.into())));
        self.call(Routine::EachBegin, &[cursor, map, now, wanted]);
        if let Some(top) = top {
            self.rank_all(cursor, spec, (key, value), top)?;
        }
        let [head, round, end] = [(); 3].map(|()| self.b.create_block());
        self.labels.insert(label.0, (end, None));
        self.labels.insert(continue_label.0, (head, None));
        self.b.ins().jump(head, &[]);

        // What a round does to a register is not known when the head is built.
        self.b.switch_to_block(head);
        let mut touched = Vec::new();
        registers_changed(body, &mut touched);
        for p in touched {
            self.known[p.0 as usize] = Known::Nothing;
        }
        let at_head = self.known.clone();
        let more = self.call_word(Routine::EachNext, &[cursor]);
        self.b.ins().brif(more, round, &[], end, &[]);

        self.b.switch_to_block(round);
        self.b.seal_block(round);
        self.load_entry(cursor, spec, key, value);
        if self.list(body)? {
            self.b.ins().jump(head, &[]);
        }
        self.b.seal_block(head);
        self.labels.remove(&continue_label.0);
        let after = self.close(*label, Some(at_head));
        self.resume(end, after)?;
        Ok(())
    }

    /// Ranks every entry, so that the loop goes over the best.
    fn rank_all(
        &mut self,
        cursor: Value,
        spec: &StateSpec,
        (key, value): (&[LocalId], &[LocalId]),
        top: &Top,
    ) -> Result<(), NativeError> {
        let [head, one, done] = [(); 3].map(|()| self.b.create_block());
        self.b.ins().jump(head, &[]);
        self.b.switch_to_block(head);
        let more = self.call_word(Routine::EachNext, &[cursor]);
        self.b.ins().brif(more, one, &[], done, &[]);
        self.b.switch_to_block(one);
        self.b.seal_block(one);
        self.load_entry(cursor, spec, key, value);
        let rank = self.expr(&top.by)?;
        let rank = self.resize(rank, top.by.width, 128);
        let (low, high) = self.b.ins().isplit(rank);
        self.call(Routine::EachRank, &[cursor, low, high]);
        self.b.ins().jump(head, &[]);
        self.b.seal_block(head);
        self.b.switch_to_block(done);
        self.b.seal_block(done);
        self.call(Routine::EachTop, &[cursor]);
        Ok(())
    }

    /// Stores the entry at which a cursor is in locals.
    fn load_entry(&mut self, cursor: Value, spec: &StateSpec, key: &[LocalId], value: &[LocalId]) {
        for (offset, shape, locals) in [
            (offset_of!(Cursor, key), &spec.key, key),
            (offset_of!(Cursor, value), &spec.value, value),
        ] {
            let at = self.load(Memory::Frame, 8, cursor, offset);
            self.load_leaves(at, shape, locals);
        }
    }

    /// Stores packed leaves in locals.
    pub(super) fn load_leaves(&mut self, at: Value, shape: &Shape, locals: &[LocalId]) {
        for ((&width, offset), &local) in shape.0.iter().zip(shape.offsets()).zip(locals) {
            let leaf = self.load(Memory::Value, Shape::leaf_bytes(width), at, offset);
            self.assign(local, leaf, width);
        }
    }

    pub(super) fn generate(
        &mut self,
        event: EventId,
        args: &[Expr],
        delay: &Expr,
        ok: LocalId,
    ) -> Result<(), NativeError> {
        let (args, len) = self.packed(args, &self.source.node.events[event.0 as usize].shape)?;
        let delay = self.expr(delay)?;
        let index = self.word(site_word(self.source.image.index(), event.0));
        let done = self.call_word(Routine::Generate, &[self.frame, index, delay, args, len]);
        self.assign(ok, done, 1);
        Ok(())
    }

    pub(super) fn emit(&mut self, stream: StreamId, args: &[Expr]) -> Result<(), NativeError> {
        let values = self.wide_values(&args.iter().collect::<Vec<_>>())?;
        let index = self.word(site_word(self.source.image.index(), stream.0));
        let count = self.word(args.len() as u64);
        self.call(Routine::Emit, &[self.frame, index, values, count]);
        Ok(())
    }
}
