//! Statements: control flow, and what touches packets.

use super::field::{Window, is_uncovered};
use super::function::{Lowering, Memory};
use super::registers::Known;
use crate::error::NativeError;
use crate::runtime::Routine;
use crate::runtime::logs::site_word;
use crate::runtime::packet::{InsertPlan, RemovePlan, field_word, option_word};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, Value, types};
use std::mem::offset_of;
use trama_lang::ir::{Expr, Label, LocalId, PacketId, Stmt, StmtKind, reason};
use trama_wire::header::{FieldRef, HeaderId};
use trama_wire::packet::Packet;

/// The parts of a loop.
struct Loop<'a> {
    label: Label,
    continue_label: Label,
    var: LocalId,
    from: &'a Expr,
    to: &'a Expr,
    bound: u32,
    body: &'a [Stmt],
}

impl Lowering<'_, '_> {
    /// Lowers statements. False if control never comes out behind them.
    pub(super) fn list(&mut self, stmts: &[Stmt]) -> Result<bool, NativeError> {
        for stmt in stmts {
            if !self.stmt(stmt)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn stmt(&mut self, stmt: &Stmt) -> Result<bool, NativeError> {
        match &stmt.kind {
            StmtKind::Assign(local, expr) => {
                let value = self.expr(expr)?;
                self.assign(*local, value, expr.width);
            }
            StmtKind::If(condition, then, or) => return self.branch(condition, then, or),
            StmtKind::Loop { label, continue_label, var, from, to, bound, body } => {
                let (label, continue_label, var, bound) = (*label, *continue_label, *var, *bound);
                self.repeat(&Loop { label, continue_label, var, from, to, bound, body })?;
            }
            StmtKind::Block(label, body) => return self.block(*label, body),
            StmtKind::Break(label) => {
                let target = self.label(*label)?;
                self.note_break(*label);
                self.b.ins().jump(target, &[]);
                return Ok(false);
            }
            StmtKind::Return => {
                self.b.ins().return_(&[]);
                return Ok(false);
            }
            StmtKind::SetField(p, field, value) => self.set_field(*p, *field, value)?,
            StmtKind::SetMark(p, value) => {
                let mark = self.expr(value)?;
                let packet = self.packet(*p);
                let at = self.b.ins().iadd_imm_s(packet, offset_of!(Packet, mark) as i64);
                let at = self.or_sink(*p, at);
                self.store(Memory::Frame, 4, mark, at, 0);
            }
            StmtKind::SetPayload(p, offset, value) => self.set_payload(*p, offset, value)?,
            StmtKind::SetTcpOption(p, option, value) => {
                let value = self.expr(value)?;
                let (packet, option) = (self.packet(*p), self.word(option_word(*option)));
                self.call(Routine::SetTcpOption, &[packet, option, value]);
            }
            StmtKind::Insert(p, stack, ok) => self.insert(*p, stack, *ok)?,
            StmtKind::Remove(p, stack, ok) => self.remove(*p, stack, *ok),
            StmtKind::Truncate(p, len) => {
                let len = self.expr(len)?;
                let (frame, register) = (self.frame, self.word(p.0.into()));
                self.call(Routine::Truncate, &[frame, register, len]);
                self.reload(*p);
            }
            StmtKind::Copy(to, from) => self.copy(*to, *from),
            StmtKind::Send { packet, first_port, index, count } => {
                self.send(*packet, *first_port, index.as_ref(), *count)?;
            }
            StmtKind::Drop(p, reason) => self.drop_packet(*p, *reason),
            StmtKind::Log(site, args) => self.log(*site, args)?,
            StmtKind::State(state, op) => self.state(*state, op)?,
            StmtKind::Extract { packet, extract, args, results } => {
                self.extract(*packet, *extract, args, results)?;
            }
        }
        Ok(true)
    }

    fn branch(
        &mut self,
        condition: &Expr,
        then: &[Stmt],
        or: &[Stmt],
    ) -> Result<bool, NativeError> {
        let condition = self.expr(condition)?;
        let (then_block, or_block) = (self.b.create_block(), self.b.create_block());
        let join = self.b.create_block();
        self.b.ins().brif(condition, then_block, &[], or_block, &[]);
        let before = self.known.clone();
        let mut after: Option<Vec<Known>> = None;
        for (block, body) in [(then_block, then), (or_block, or)] {
            self.b.switch_to_block(block);
            self.b.seal_block(block);
            self.known.clone_from(&before);
            if self.list(body)? {
                self.b.ins().jump(join, &[]);
                after = Some(join_known(after, &self.known));
            }
        }
        self.resume(join, after)
    }

    fn block(&mut self, label: Label, body: &[Stmt]) -> Result<bool, NativeError> {
        let end = self.b.create_block();
        self.labels.insert(label.0, (end, None));
        let mut after = None;
        if self.list(body)? {
            self.b.ins().jump(end, &[]);
            after = Some(self.known.clone());
        }
        let after = self.close(label, after);
        self.resume(end, after)
    }

    fn repeat(&mut self, parts: &Loop<'_>) -> Result<(), NativeError> {
        let (from, to) = (self.expr(parts.from)?, self.expr(parts.to)?);
        self.assign(parts.var, from, 64);
        let rounds = self.b.declare_var(types::I64);
        let zero = self.word(0);
        self.b.def_var(rounds, zero);
        let [head, body, next, end] = [(); 4].map(|()| self.b.create_block());
        self.labels.insert(parts.label.0, (end, None));
        self.labels.insert(parts.continue_label.0, (next, None));
        self.b.ins().jump(head, &[]);

        // What a round does to a register is not known when the head is built.
        self.b.switch_to_block(head);
        let mut touched = Vec::new();
        registers_changed(parts.body, &mut touched);
        for p in touched {
            self.known[p.0 as usize] = Known::Nothing;
        }
        let at_head = self.known.clone();
        let (value, done) =
            (self.b.use_var(self.locals[parts.var.0 as usize]), self.b.use_var(rounds));
        let more = self.b.ins().icmp(IntCC::UnsignedLessThan, value, to);
        let permitted =
            self.b.ins().icmp_imm_u(IntCC::UnsignedLessThan, done, i64::from(parts.bound));
        let on = self.b.ins().band(more, permitted);
        self.b.ins().brif(on, body, &[], end, &[]);

        self.b.switch_to_block(body);
        self.b.seal_block(body);
        if self.list(parts.body)? {
            self.b.ins().jump(next, &[]);
        }
        self.b.switch_to_block(next);
        self.b.seal_block(next);
        let value = self.b.use_var(self.locals[parts.var.0 as usize]);
        let value = self.b.ins().iadd_imm_s(value, 1);
        self.b.def_var(self.locals[parts.var.0 as usize], value);
        let done = self.b.use_var(rounds);
        let done = self.b.ins().iadd_imm_s(done, 1);
        self.b.def_var(rounds, done);
        self.b.ins().jump(head, &[]);
        self.b.seal_block(head);

        self.labels.remove(&parts.continue_label.0);
        let after = self.close(parts.label, Some(at_head));
        self.resume(end, after)?;
        Ok(())
    }

    /// Notes what is known where a break is taken.
    fn note_break(&mut self, label: Label) {
        if let Some((_, known)) = self.labels.get_mut(&label.0) {
            *known = Some(join_known(known.take(), &self.known));
        }
    }

    /// Ends the scope of a label; joins what is known at its breaks with what is known otherwise.
    fn close(&mut self, label: Label, otherwise: Option<Vec<Known>>) -> Option<Vec<Known>> {
        let at_breaks = self.labels.remove(&label.0).and_then(|(_, known)| known);
        match (otherwise, at_breaks) {
            (some, None) => some,
            (otherwise, Some(at_breaks)) => Some(join_known(otherwise, &at_breaks)),
        }
    }

    /// Goes on in a block to which all jumps are made, if there are any.
    fn resume(&mut self, block: Block, known: Option<Vec<Known>>) -> Result<bool, NativeError> {
        let Some(known) = known else { return Ok(false) };
        self.b.switch_to_block(block);
        self.b.seal_block(block);
        self.known = known;
        Ok(true)
    }

    fn set_field(&mut self, p: PacketId, field: FieldRef, value: &Expr) -> Result<(), NativeError> {
        let new = self.expr(value)?;
        if is_uncovered(field) {
            self.store_field(p, field, new);
            return Ok(());
        }
        let (packet, name) = (self.packet(p), self.word(field_word(field)));
        if value.width > 64 {
            let (low, high) = self.b.ins().isplit(new);
            self.call(Routine::SetWide, &[packet, name, low, high]);
        } else {
            self.call(Routine::SetField, &[packet, name, new]);
        }
        Ok(())
    }

    /// Writes a field that no checksum covers.
    fn store_field(&mut self, p: PacketId, field: FieldRef, new: Value) {
        let window = Window::of(field);
        let (data, offset) = (self.data_to_write(p), self.header_offset(p, field.header));
        let at = self.b.ins().iadd(data, offset);
        let mut whole = new;
        if !window.is_whole() {
            let old = self.big_endian(window.bytes, at, window.byte);
            let others = self.word(!window.mask());
            let kept = self.b.ins().band(old, others);
            let shift = self.word(window.shift.into());
            let placed = self.b.ins().ishl(new, shift);
            whole = self.b.ins().bor(kept, placed);
        }
        let flags = self.memory(Memory::Bytes);
        let narrow = match window.bytes {
            1 => {
                self.b.ins().istore8(flags, whole, at, window.byte);
                return;
            }
            2 => types::I16,
            4 => types::I32,
            _ => types::I64,
        };
        let cut = if narrow == types::I64 { whole } else { self.b.ins().ireduce(narrow, whole) };
        let swapped = self.b.ins().bswap(cut);
        self.b.ins().store(flags, swapped, at, window.byte);
    }

    fn set_payload(&mut self, p: PacketId, at: &Expr, value: &Expr) -> Result<(), NativeError> {
        let new = self.expr(value)?;
        let offset = self.expr(at)?;
        let offset = self.capped(offset, at.width, u64::MAX);
        let (packet, width) = (self.packet(p), self.word(value.width.into()));
        self.call(Routine::SetPayload, &[packet, offset, width, new]);
        Ok(())
    }

    fn insert(
        &mut self,
        p: PacketId,
        stack: &[(HeaderId, Vec<(FieldRef, Expr)>)],
        ok: LocalId,
    ) -> Result<(), NativeError> {
        let given: Vec<&Expr> = stack.iter().flat_map(|(_, f)| f.iter().map(|(_, e)| e)).collect();
        let values = self.wide_values(&given)?;
        let fields = |given: &[(FieldRef, Expr)]| given.iter().map(|(f, _)| *f).collect();
        let plan = InsertPlan { stack: stack.iter().map(|(id, g)| (*id, fields(g))).collect() };
        let plan = self.source.image.inserts().keep(plan);
        let (frame, register, plan) = (self.frame, self.word(p.0.into()), self.address(plan));
        let done = self.call_word(Routine::Insert, &[frame, register, plan, values]);
        self.reload(p);
        self.assign(ok, done, 1);
        Ok(())
    }

    fn remove(&mut self, p: PacketId, stack: &[HeaderId], ok: LocalId) {
        let plan = self.source.image.removes().keep(RemovePlan { stack: stack.to_vec() });
        let (frame, register, plan) = (self.frame, self.word(p.0.into()), self.address(plan));
        let done = self.call_word(Routine::Remove, &[frame, register, plan]);
        self.reload(p);
        self.assign(ok, done, 1);
    }

    /// Values as an array of 128-bit numbers on the stack.
    pub(super) fn wide_values(&mut self, values: &[&Expr]) -> Result<Value, NativeError> {
        let at = self.stack(values.len() * 16);
        for (index, expr) in values.iter().enumerate() {
            let value = self.expr(expr)?;
            let value = self.resize(value, expr.width, 128);
            self.store(Memory::Stack, 16, value, at, index * 16);
        }
        Ok(at)
    }

    fn copy(&mut self, to: PacketId, from: PacketId) {
        let (frame, to_index) = (self.frame, self.word(to.0.into()));
        let from_index = self.word(from.0.into());
        self.call(Routine::Copy, &[frame, to_index, from_index]);
        self.reload(to);
        self.known[to.0 as usize] = Known::Nothing;
    }

    fn drop_packet(&mut self, p: PacketId, reason: u32) {
        let (frame, register) = (self.frame, self.word(p.0.into()));
        let reason = self.word(reason.into());
        self.call(Routine::Drop, &[frame, register, reason]);
        self.set_empty(p);
    }

    /// Sends a packet: to the port, or to a drop if the index is out of range.
    fn send(
        &mut self,
        p: PacketId,
        first_port: u32,
        index: Option<&Expr>,
        count: u32,
    ) -> Result<(), NativeError> {
        let first = self.word(first_port.into());
        let (port, in_range) = match index {
            None => (first, None),
            Some(index) => {
                let value = self.expr(index)?;
                let count = self.constant(index.width, count.into());
                let in_range = self.b.ins().icmp(IntCC::UnsignedLessThan, value, count);
                let value = self.resize(value, index.width, 64);
                (self.b.ins().iadd(first, value), Some(in_range))
            }
        };
        let full = match self.known[p.0 as usize] {
            Known::Empty => return Ok(()),
            Known::Full => None,
            Known::Nothing => Some(self.is_full(p)),
        };
        let end = self.b.create_block();
        if let Some(full) = full {
            let holds = self.b.create_block();
            self.b.ins().brif(full, holds, &[], end, &[]);
            self.b.switch_to_block(holds);
            self.b.seal_block(holds);
        }
        if let Some(in_range) = in_range {
            let (inside, outside) = (self.b.create_block(), self.b.create_block());
            self.b.set_cold_block(outside);
            self.b.ins().brif(in_range, inside, &[], outside, &[]);
            self.b.switch_to_block(outside);
            self.b.seal_block(outside);
            self.drop_packet(p, reason::NO_PORT);
            self.b.ins().jump(end, &[]);
            self.b.switch_to_block(inside);
            self.b.seal_block(inside);
        }
        self.push_sent(p, port);
        self.b.ins().jump(end, &[]);
        self.b.switch_to_block(end);
        self.b.seal_block(end);
        self.set_empty(p);
        Ok(())
    }

    fn log(&mut self, site: u32, args: &[Expr]) -> Result<(), NativeError> {
        let values = self.wide_values(&args.iter().collect::<Vec<_>>())?;
        let source = self.source;
        let index = self.word(site_word(source.image.index(), site));
        let text = self.address(source.image.log_site(site as usize));
        let (frame, count) = (self.frame, self.word(args.len() as u64));
        self.call(Routine::Log, &[frame, index, text, values, count]);
        Ok(())
    }
}

fn join_known(a: Option<Vec<Known>>, b: &[Known]) -> Vec<Known> {
    match a {
        None => b.to_vec(),
        Some(a) => a.iter().zip(b).map(|(a, b)| a.join(*b)).collect(),
    }
}

/// Registers that statements may fill or empty.
fn registers_changed(stmts: &[Stmt], out: &mut Vec<PacketId>) {
    for stmt in stmts {
        match &stmt.kind {
            StmtKind::If(_, then, or) => {
                registers_changed(then, out);
                registers_changed(or, out);
            }
            StmtKind::Loop { body, .. } | StmtKind::Block(_, body) => registers_changed(body, out),
            StmtKind::Copy(p, _) | StmtKind::Drop(p, _) => out.push(*p),
            StmtKind::Send { packet, .. } => out.push(*packet),
            _ => {}
        }
    }
}
