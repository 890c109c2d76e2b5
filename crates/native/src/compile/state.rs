//! State operations: a call into the backend, and loads and stores of value leaves in place.

use super::direct::{Access, Key};
use super::function::{Lowering, Memory, type_of};
use crate::error::NativeError;
use crate::runtime::Routine;
use crate::runtime::state::NO_INDEX;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value};
use trama_lang::ir::{Expr, LocalId, StateId, StateOp, Update, UpdateOp};
use trama_state::{Shape, StateSpec, mem};

impl Lowering<'_, '_> {
    pub(super) fn state(&mut self, state: StateId, op: &StateOp) -> Result<(), NativeError> {
        let spec = &self.source.node.states[state.0 as usize];
        match op {
            StateOp::MapGet { .. }
            | StateOp::MapPut { .. }
            | StateOp::MapUpdate { .. }
            | StateOp::MapTouch { .. }
            | StateOp::MapRemove { .. }
            | StateOp::MapClear => self.map(state, spec, op),
            StateOp::Len(local) => {
                let object = self.source.image.state_address(state.0 as usize);
                let (object, now) = (self.address(object), self.now());
                let len = self.call_word(Routine::Len, &[object, now]);
                self.assign(*local, len, 64);
                Ok(())
            }
            StateOp::ArrayGet { .. }
            | StateOp::ArrayUpdate { .. }
            | StateOp::Count { .. }
            | StateOp::CounterGet { .. } => self.indexed(state, spec, op),
            StateOp::PoolAlloc { .. }
            | StateOp::PoolTake { .. }
            | StateOp::PoolTouch { .. }
            | StateOp::PoolFree { .. }
            | StateOp::PoolUsed { .. } => self.pool(state, op),
            StateOp::LpmPut { .. } | StateOp::LpmGet { .. } | StateOp::LpmRemove { .. } => {
                self.lpm(state, spec, op)
            }
            StateOp::Call { .. } => self.method(state, op),
            StateOp::BucketTake { key, amount, ok } => {
                let bucket = self.backend(state, mem::Object::as_bucket_mut)?;
                let key = self.packed(key, &spec.key)?;
                let (amount, now) = (self.expr(amount)?, self.now());
                let taken =
                    self.call_word(Routine::BucketTake, &[bucket, key.0, key.1, amount, now]);
                self.assign(*ok, taken, 1);
                Ok(())
            }
            StateOp::MaglevSet { member, weight, ok } => {
                let maglev = self.backend(state, mem::Object::as_maglev_mut)?;
                let member = self.packed(member, &spec.key)?;
                let weight = self.expr(weight)?;
                let done =
                    self.call_word(Routine::MaglevSet, &[maglev, member.0, member.1, weight]);
                self.assign(*ok, done, 1);
                Ok(())
            }
            StateOp::MaglevPick { hash, found, member } => {
                let maglev = self.backend(state, mem::Object::as_maglev_mut)?;
                let hash = self.expr(hash)?;
                let value = self.call_word(Routine::MaglevPick, &[maglev, hash]);
                self.found_value(value, &spec.key, Some(*found), member);
                Ok(())
            }
        }
    }

    fn map(&mut self, state: StateId, spec: &StateSpec, op: &StateOp) -> Result<(), NativeError> {
        match op {
            StateOp::MapGet { key, found, value } => {
                let at = self.map_entry(state, spec, (key, Access::Read), Routine::MapGet)?;
                self.found_value(at, &spec.value, Some(*found), value);
            }
            StateOp::MapPut { key, value, ok } => {
                // To write an entry is to make it and to set all its leaves: no copy of the value.
                let updates = set_all(value);
                self.map_update(state, spec, (key, &updates), *ok)?;
            }
            StateOp::MapUpdate { key, updates, ok } => {
                self.map_update(state, spec, (key, updates), *ok)?;
            }
            StateOp::MapTouch { key, found } => {
                let at = self.map_entry(state, spec, (key, Access::Touch), Routine::MapTouch)?;
                self.assign_truth(*found, at);
            }
            StateOp::MapClear => {
                let map = self.backend(state, mem::Object::as_map_mut)?;
                let now = self.now();
                self.call(Routine::MapClear, &[map, now]);
            }
            StateOp::MapRemove { key, found } => {
                let map = self.backend(state, mem::Object::as_map_mut)?;
                let key = self.packed(key, &spec.key)?;
                let now = self.now();
                let done = self.call_word(Routine::MapRemove, &[map, key.0, key.1, now]);
                self.assign(*found, done, 1);
            }
            _ => return Err(self.wrong_kind(state)),
        }
        Ok(())
    }

    /// Changes the value of a key, made if need be.
    fn map_update(
        &mut self,
        state: StateId,
        spec: &StateSpec,
        (key, updates): (&[Expr], &[Update]),
        ok: LocalId,
    ) -> Result<(), NativeError> {
        let operands = self.operands(updates)?;
        let at = self.map_entry(state, spec, (key, Access::Write), Routine::MapEntry)?;
        if !updates.is_empty() {
            self.update_if_there(at, &spec.value, updates, &operands);
        }
        self.assign_truth(ok, at);
        Ok(())
    }

    /// What `routine` would answer for a key, which is not zero if there is an entry.
    fn map_entry(
        &mut self,
        state: StateId,
        spec: &StateSpec,
        (key, access): (&[Expr], Access),
        routine: Routine,
    ) -> Result<Value, NativeError> {
        let map = self.direct(state, mem::Object::as_map_mut, mem::Map::direct)?;
        let backend = self.backend(state, mem::Object::as_map_mut)?;
        let (words, bytes) = (self.packed_words(key, &spec.key)?, spec.key.bytes());
        let key = Key { words, bytes };
        Ok(self.map_value(&map, &key, access, |slow| {
            let (at, len) = (slow.in_memory(&key.words), slow.word(bytes as u64));
            let now = slow.now();
            slow.call_word(routine, &[backend, at, len, now])
        }))
    }

    /// Sets a local of one bit: 1 if a word is not zero.
    fn assign_truth(&mut self, to: LocalId, word: Value) {
        let truth = self.b.ins().icmp_imm_u(IntCC::NotEqual, word, 0);
        let truth = self.bit(truth);
        self.assign(to, truth, 1);
    }

    fn indexed(
        &mut self,
        state: StateId,
        spec: &StateSpec,
        op: &StateOp,
    ) -> Result<(), NativeError> {
        match op {
            StateOp::ArrayGet { index, value } => {
                let array = self.direct(state, mem::Object::as_array_mut, mem::Array::direct)?;
                let index = self.expr(index)?;
                let at = self.array_value(array, index, |slow| slow.word(0));
                self.found_value(at, &spec.value, None, value);
            }
            StateOp::ArrayUpdate { index, updates } => {
                let array = self.backend(state, mem::Object::as_array_mut)?;
                let operands = self.operands(updates)?;
                let index = self.expr(index)?;
                let direct = self.direct(state, mem::Object::as_array_mut, mem::Array::direct)?;
                let at = self.array_value(direct, index, |slow| {
                    slow.call_word(Routine::ArrayEntry, &[array, index])
                });
                self.update_if_there(at, &spec.value, updates, &operands);
            }
            StateOp::Count { index, bytes } => {
                let counter = self.backend(state, mem::Object::as_counter_mut)?;
                let (index, bytes) = (self.expr(index)?, self.expr(bytes)?);
                let pairs =
                    self.direct(state, mem::Object::as_counter_mut, mem::Counter::direct)?;
                self.count_pair(pairs, [index, bytes], |slow| {
                    slow.call(Routine::Count, &[counter, index, bytes]);
                    slow.word(0)
                });
            }
            StateOp::CounterGet { index, packets, bytes } => {
                let counter = self.backend(state, mem::Object::as_counter_mut)?;
                let index = self.expr(index)?;
                let out = self.stack(16);
                self.call(Routine::CounterGet, &[counter, index, out]);
                for (local, offset) in [(packets, 0), (bytes, 8)] {
                    let value = self.load(Memory::Stack, 8, out, offset);
                    self.assign(*local, value, 64);
                }
            }
            _ => return Err(self.wrong_kind(state)),
        }
        Ok(())
    }

    fn pool(&mut self, state: StateId, op: &StateOp) -> Result<(), NativeError> {
        let pool = self.backend(state, mem::Object::as_pool_mut)?;
        let (routine, index, result) = match op {
            StateOp::PoolAlloc { found, index } => {
                let now = self.now();
                let taken = self.call_word(Routine::PoolAlloc, &[pool, now]);
                let none = self.word(NO_INDEX);
                let some = self.b.ins().icmp(IntCC::NotEqual, taken, none);
                let zero = self.word(0);
                let value = self.select(some, taken, zero);
                let some = self.bit(some);
                self.assign(*index, value, 32);
                self.assign(*found, some, 1);
                return Ok(());
            }
            StateOp::PoolTouch { index, ok } => {
                let direct = self.direct(state, mem::Object::as_pool_mut, mem::Pool::direct)?;
                let index = self.expr(index)?;
                let done = self.pool_touch(direct, index, |slow| {
                    let now = slow.now();
                    slow.call_word(Routine::PoolTouch, &[pool, index, now])
                });
                self.assign(*ok, done, 1);
                return Ok(());
            }
            StateOp::PoolUsed { index, used } => {
                let direct = self.direct(state, mem::Object::as_pool_mut, mem::Pool::direct)?;
                let index = self.expr(index)?;
                let done = self.pool_used(direct, index, |slow| {
                    let now = slow.now();
                    slow.call_word(Routine::PoolUsed, &[pool, index, now])
                });
                self.assign(*used, done, 1);
                return Ok(());
            }
            StateOp::PoolTake { index, ok } => (Routine::PoolTake, index, ok),
            StateOp::PoolFree { index, ok } => (Routine::PoolFree, index, ok),
            _ => return Err(self.wrong_kind(state)),
        };
        let (index, now) = (self.expr(index)?, self.now());
        let done = self.call_word(routine, &[pool, index, now]);
        self.assign(*result, done, 1);
        Ok(())
    }

    fn lpm(&mut self, state: StateId, spec: &StateSpec, op: &StateOp) -> Result<(), NativeError> {
        let lpm = self.backend(state, mem::Object::as_lpm_mut)?;
        match op {
            StateOp::LpmGet { address, found, value } => {
                let address = self.wide_values(&[address])?;
                let at = self.call_word(Routine::LpmGet, &[lpm, address]);
                self.found_value(at, &spec.value, Some(*found), value);
            }
            StateOp::LpmPut { address, prefix_len, value, ok } => {
                let address = self.wide_values(&[address])?;
                let prefix_len = self.expr(prefix_len)?;
                let value = self.packed(value, &spec.value)?;
                let args = [lpm, address, prefix_len, value.0, value.1];
                let done = self.call_word(Routine::LpmPut, &args);
                self.assign(*ok, done, 1);
            }
            StateOp::LpmRemove { address, prefix_len, found } => {
                let address = self.wide_values(&[address])?;
                let prefix_len = self.expr(prefix_len)?;
                let there = self.call_word(Routine::LpmRemove, &[lpm, address, prefix_len]);
                self.assign(*found, there, 1);
            }
            _ => return Err(self.wrong_kind(state)),
        }
        Ok(())
    }

    /// The address of a state object's backend.
    pub(super) fn backend<T>(
        &mut self,
        state: StateId,
        of: fn(&mut mem::Object) -> Option<&mut T>,
    ) -> Result<Value, NativeError> {
        match self.source.image.backend(state.0 as usize, of) {
            Some(backend) => Ok(self.address(backend)),
            None => Err(self.wrong_kind(state)),
        }
    }

    /// What is known of the parts of a state object's backend.
    pub(super) fn direct<T, D>(
        &self,
        state: StateId,
        of: fn(&mut mem::Object) -> Option<&mut T>,
        direct: fn(&mut T) -> D,
    ) -> Result<D, NativeError> {
        let found = self.source.image.direct(state.0 as usize, of, direct);
        found.ok_or_else(|| self.wrong_kind(state))
    }

    /// Packed leaves: their address and their length in bytes.
    pub(super) fn packed(
        &mut self,
        leaves: &[Expr],
        shape: &Shape,
    ) -> Result<(Value, Value), NativeError> {
        let at = self.pack(leaves, shape)?;
        Ok((at, self.word(shape.bytes() as u64)))
    }

    /// Reads the leaves of a value at an address that may be null, which reads as zeros.
    pub(super) fn found_value(
        &mut self,
        at: Value,
        shape: &Shape,
        found: Option<LocalId>,
        to: &[LocalId],
    ) {
        let zeros = self.source.frame.zeros();
        let zeros = self.address(zeros);
        let readable = self.select(at, at, zeros);
        self.load_leaves(readable, shape, to);
        if let Some(found) = found {
            let there = self.b.ins().icmp_imm_u(IntCC::NotEqual, at, 0);
            let there = self.bit(there);
            self.assign(found, there, 1);
        }
    }

    fn operands(&mut self, updates: &[Update]) -> Result<Vec<Value>, NativeError> {
        updates.iter().map(|update| self.expr(&update.operand)).collect()
    }

    /// Changes the leaves of a value at an address, unless that is null.
    fn update_if_there(
        &mut self,
        at: Value,
        shape: &Shape,
        updates: &[Update],
        operands: &[Value],
    ) {
        let (there, end) = (self.b.create_block(), self.b.create_block());
        self.b.ins().brif(at, there, &[], end, &[]);
        self.b.switch_to_block(there);
        self.b.seal_block(there);
        let offsets = shape.offsets();
        for (update, &operand) in updates.iter().zip(operands) {
            let leaf = update.leaf as usize;
            let (width, offset) = (shape.0[leaf], offsets[leaf]);
            let operand = self.resize(operand, update.operand.width, width);
            let bytes = Shape::leaf_bytes(width);
            let new = if update.op == UpdateOp::Set {
                operand
            } else {
                let old = self.load(Memory::Value, bytes, at, offset);
                self.combine(update.op, old, operand, width)
            };
            self.store(Memory::Value, bytes, new, at, offset);
        }
        self.b.ins().jump(end, &[]);
        self.b.switch_to_block(end);
        self.b.seal_block(end);
    }

    fn combine(&mut self, op: UpdateOp, old: Value, operand: Value, width: u8) -> Value {
        debug_assert_eq!(self.b.func.dfg.value_type(old), type_of(width));
        match op {
            UpdateOp::Set => operand,
            UpdateOp::Add => {
                let sum = self.b.ins().iadd(old, operand);
                if width > 64 { sum } else { self.cut(sum, 64, width) }
            }
            UpdateOp::Max => {
                let greater = self.b.ins().icmp(IntCC::UnsignedGreaterThan, operand, old);
                self.select(greater, operand, old)
            }
            UpdateOp::Min => {
                let less = self.b.ins().icmp(IntCC::UnsignedLessThan, operand, old);
                self.select(less, operand, old)
            }
            UpdateOp::Or => self.b.ins().bor(old, operand),
            UpdateOp::And => self.b.ins().band(old, operand),
            UpdateOp::Xor => self.b.ins().bxor(old, operand),
        }
    }
}

/// Updates that set every leaf.
fn set_all(value: &[Expr]) -> Vec<Update> {
    let set = |(leaf, operand): (u32, &Expr)| Update {
        leaf,
        op: UpdateOp::Set,
        operand: operand.clone(),
    };
    (0..).zip(value).map(set).collect()
}
