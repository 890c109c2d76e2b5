//! Expressions.

use super::field::{Window, ones};
use super::function::{Lowering, Memory, type_of};
use crate::error::NativeError;
use crate::runtime::Routine;
use crate::runtime::packet::option_word;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use std::mem::offset_of;
use trama_lang::ir::{BinaryOp, Expr, ExprKind, Meta, PacketId};
use trama_state::Shape;
use trama_wire::header::{FieldRef, HeaderId, HeaderSet};
use trama_wire::layout::Layout;
use trama_wire::packet::Packet;

impl Lowering<'_, '_> {
    /// The value of an expression, with zeros above its width.
    pub(super) fn expr(&mut self, expr: &Expr) -> Result<Value, NativeError> {
        let width = expr.width;
        Ok(match &expr.kind {
            ExprKind::Const(value) => self.constant(width, *value),
            ExprKind::Local(local) => self.b.use_var(self.locals[local.0 as usize]),
            ExprKind::Now => {
                let now = self.now();
                self.resize(now, 64, width)
            }
            ExprKind::Field(p, field) => self.field(*p, *field),
            ExprKind::Has(p, headers) => self.has(*p, *headers),
            ExprKind::Meta(p, what) => {
                let value = self.meta(*p, *what);
                self.resize(value, 64, width)
            }
            ExprKind::Payload(p, offset) => {
                let at = self.expr(offset)?;
                self.payload(*p, at, offset.width, width)
            }
            ExprKind::Binary(op, a, b) => self.binary(*op, a, b)?,
            ExprKind::Not(a) => {
                let value = self.expr(a)?;
                if width > 64 {
                    self.b.ins().bnot(value)
                } else {
                    let mask = self.word(ones(width));
                    self.b.ins().bxor(value, mask)
                }
            }
            ExprKind::Cast(a) => {
                let value = self.expr(a)?;
                self.resize(value, a.width, width)
            }
            ExprKind::SignExtend(a) => {
                let value = self.expr(a)?;
                self.sign_extend(value, a.width, width)
            }
            ExprKind::Select(condition, then, or) => {
                let condition = self.expr(condition)?;
                let (then, or) = (self.expr(then)?, self.expr(or)?);
                self.select(condition, then, or)
            }
            ExprKind::Table(table, row, column) => {
                let at = self.expr(row)?;
                self.table(table.0 as usize, at, row.width, *column as usize)
            }
            ExprKind::Hash(operands) => {
                let shape = Shape(operands.iter().map(|e| e.width).collect());
                let packed = self.pack(operands, &shape)?;
                let len = self.word(shape.bytes() as u64);
                let hash = self.call_word(Routine::Hash, &[packed, len]);
                self.resize(hash, 64, width)
            }
        })
    }

    /// A header field. Where the header is absent its offset is 0 and the value arbitrary.
    pub(super) fn field(&mut self, p: PacketId, field: FieldRef) -> Value {
        let window = Window::of(field);
        let (data, offset) = (self.data(p), self.header_offset(p, field.header));
        let start = self.b.ins().iadd(data, offset);
        if window.bytes == 16 {
            let high = self.big_endian(8, start, window.byte);
            let low = self.big_endian(8, start, window.byte + 8);
            return self.b.ins().iconcat(low, high);
        }
        let loaded = self.big_endian(window.bytes, start, window.byte);
        if window.is_whole() {
            return loaded;
        }
        let shift = self.word(window.shift.into());
        let shifted = self.b.ins().ushr(loaded, shift);
        // What the shift leaves above the field.
        let left = window.bytes * 8 - window.shift;
        self.cut(shifted, left, window.width)
    }

    /// Loads a big-endian number of 1, 2, 4 or 8 bytes of a frame.
    pub(super) fn big_endian(&mut self, bytes: u8, at: Value, offset: i32) -> Value {
        let flags = self.memory(Memory::Bytes);
        let narrow = match bytes {
            1 => return self.b.ins().uload8(types::I64, flags, at, offset),
            2 => types::I16,
            4 => types::I32,
            _ => types::I64,
        };
        let loaded = self.b.ins().load(narrow, flags, at, offset);
        let swapped = self.b.ins().bswap(loaded);
        if bytes == 8 { swapped } else { self.b.ins().uextend(types::I64, swapped) }
    }

    pub(super) fn has(&mut self, p: PacketId, headers: HeaderSet) -> Value {
        if headers == HeaderSet::EMPTY {
            let full = self.is_full(p);
            return self.bit(full);
        }
        if self.surely_has(p, headers) {
            return self.word(1);
        }
        let present = self.layout(p, 4, offset_of!(Layout, present));
        let wanted = self.word(headers.0.into());
        let both = self.b.ins().band(present, wanted);
        let truth = self.b.ins().icmp(IntCC::Equal, both, wanted);
        self.bit(truth)
    }

    fn meta(&mut self, p: PacketId, what: Meta) -> Value {
        match what {
            Meta::Len => self.layout(p, 4, offset_of!(Layout, len)),
            Meta::PayloadLen => {
                let end = self.layout(p, 4, offset_of!(Layout, end));
                let start = self.layout(p, 4, offset_of!(Layout, payload));
                let start = self.b.ins().umin(start, end);
                self.b.ins().isub(end, start)
            }
            Meta::Offset(header) => self.header_offset(p, header),
            Meta::Proto => self.layout(p, 1, offset_of!(Layout, proto)),
            Meta::Mark => {
                let packet = self.packet(p);
                let mark = self.b.ins().iadd_imm_s(packet, offset_of!(Packet, mark) as i64);
                let mark = self.or_zeros(p, mark);
                self.load(Memory::Frame, 4, mark, 0)
            }
            Meta::HasTcpOption(option) => self.ask(Routine::HasTcpOption, p, option_word(option)),
            Meta::TcpOption(option) => self.ask(Routine::TcpOption, p, option_word(option)),
            Meta::HasIpOption(kind) => self.ask(Routine::HasIpOption, p, kind.into()),
            Meta::ChecksumOk(HeaderId::IP) => self.ip_checksum_ok(p),
            Meta::ChecksumOk(header) => self.ask(Routine::ChecksumOk, p, header.0.into()),
        }
    }

    pub(super) fn ask(&mut self, routine: Routine, p: PacketId, what: u64) -> Value {
        let (packet, what) = (self.packet(p), self.word(what));
        self.call_word(routine, &[packet, what])
    }

    /// Payload bytes at an offset, 0 if any lies beyond the datagram. The load goes to the start of
    /// the frame then, so there is no branch.
    fn payload(&mut self, p: PacketId, offset: Value, offset_width: u8, width: u8) -> Value {
        let bytes = width / 8;
        let start = self.layout(p, 4, offset_of!(Layout, payload));
        let end = self.layout(p, 4, offset_of!(Layout, end));
        let offset = self.capped(offset, offset_width, u32::MAX.into());
        // At most two 32-bit numbers and 8 more: no wrap.
        let from = self.b.ins().iadd(start, offset);
        let to = self.b.ins().iadd_imm_s(from, i64::from(bytes));
        let inside = self.b.ins().icmp(IntCC::UnsignedLessThanOrEqual, to, end);
        let zero = self.word(0);
        let from = self.select(inside, from, zero);
        let data = self.data(p);
        let at = self.b.ins().iadd(data, from);
        let loaded = self.big_endian(bytes, at, 0);
        self.select(inside, loaded, zero)
    }

    /// A cell of a constant table, 0 beyond its rows.
    fn table(&mut self, table: usize, row: Value, row_width: u8, column: usize) -> Value {
        let source = self.source;
        let definition = &source.node.tables[table];
        let width = definition.columns[column];
        let bytes = Shape::leaf_bytes(width);
        let rows = self.constant(row_width, definition.rows.len() as u128);
        let inside = self.b.ins().icmp(IntCC::UnsignedLessThan, row, rows);
        let row = if row_width > 64 { self.b.ins().ireduce(types::I64, row) } else { row };
        let zero = self.word(0);
        let row = self.select(inside, row, zero);
        let offset = self.b.ins().imul_imm_s(row, bytes as i64);
        let start = self.address(source.image.column(table, column));
        let at = self.b.ins().iadd(start, offset);
        let cell = self.load(Memory::Constant, bytes, at, 0);
        let zero = self.constant(width, 0);
        self.select(inside, cell, zero)
    }

    /// A value with its sign bit copied into all higher bits of `to`.
    fn sign_extend(&mut self, value: Value, from: u8, to: u8) -> Value {
        if from > 64 {
            return self.resize(value, from, to);
        }
        let wide = self.signed(value, from);
        if to > 64 { self.b.ins().sextend(types::I128, wide) } else { self.cut(wide, 64, to) }
    }

    /// The two's complement number in the low `width` bits, in a whole register.
    fn signed(&mut self, value: Value, width: u8) -> Value {
        let narrow = match width {
            8 => types::I8,
            16 => types::I16,
            32 => types::I32,
            64 | 128 => return value,
            _ => {
                let unused = self.word(u64::from(64 - width));
                let up = self.b.ins().ishl(value, unused);
                return self.b.ins().sshr(up, unused);
            }
        };
        let cut = self.b.ins().ireduce(narrow, value);
        self.b.ins().sextend(types::I64, cut)
    }

    fn binary(&mut self, op: BinaryOp, left: &Expr, right: &Expr) -> Result<Value, NativeError> {
        use BinaryOp as Op;
        let width = left.width;
        let (a, b) = (self.expr(left)?, self.expr(right)?);
        let value = match op {
            Op::Add => self.b.ins().iadd(a, b),
            Op::Sub => self.b.ins().isub(a, b),
            Op::And => return Ok(self.b.ins().band(a, b)),
            Op::Or => return Ok(self.b.ins().bor(a, b)),
            Op::Xor => return Ok(self.b.ins().bxor(a, b)),
            Op::Mul | Op::DivU | Op::RemU | Op::DivS | Op::RemS if width > 64 => {
                return Err(self.ill_formed("product or quotient of 128 bits"));
            }
            Op::Mul => self.b.ins().imul(a, b),
            Op::DivU | Op::RemU => return Ok(self.divide(op == Op::DivU, a, b)),
            Op::DivS | Op::RemS => self.divide_signed(op == Op::DivS, a, b, width),
            Op::Shl | Op::ShrU | Op::ShrS => self.shift(op, a, width, b, right.width),
            Op::Eq => return Ok(self.compare(IntCC::Equal, a, b)),
            Op::Ne => return Ok(self.compare(IntCC::NotEqual, a, b)),
            Op::LtU => return Ok(self.compare(IntCC::UnsignedLessThan, a, b)),
            Op::LeU => return Ok(self.compare(IntCC::UnsignedLessThanOrEqual, a, b)),
            Op::LtS | Op::LeS => {
                let (a, b) = (self.signed(a, width), self.signed(b, width));
                let less = if op == Op::LtS {
                    IntCC::SignedLessThan
                } else {
                    IntCC::SignedLessThanOrEqual
                };
                return Ok(self.compare(less, a, b));
            }
        };
        Ok(if width > 64 { value } else { self.cut(value, 64, width) })
    }

    fn compare(&mut self, how: IntCC, a: Value, b: Value) -> Value {
        let truth = self.b.ins().icmp(how, a, b);
        self.bit(truth)
    }

    /// Unsigned quotient (0 for a zero divisor) or remainder (the dividend for a zero divisor).
    fn divide(&mut self, quotient: bool, a: Value, b: Value) -> Value {
        let (zero, one) = (self.word(0), self.word(1));
        let safe = self.select(b, b, one);
        if quotient {
            let q = self.b.ins().udiv(a, safe);
            self.select(b, q, zero)
        } else {
            let r = self.b.ins().urem(a, safe);
            self.select(b, r, a)
        }
    }

    /// Signed quotient or remainder, wrapping: by -1 it is the negated dividend and 0, which the
    /// processor's division would trap on for the smallest dividend.
    fn divide_signed(&mut self, quotient: bool, a: Value, b: Value, width: u8) -> Value {
        let (a, b) = (self.signed(a, width), self.signed(b, width));
        let (zero, one) = (self.word(0), self.word(1));
        // b + 1 < 2 (unsigned) holds for -1 and 0 alone.
        let above = self.b.ins().iadd_imm_s(b, 1);
        let special = self.b.ins().icmp_imm_u(IntCC::UnsignedLessThan, above, 2);
        let safe = self.select(special, one, b);
        let (value, by_zero, by_minus_one) = if quotient {
            (self.b.ins().sdiv(a, safe), zero, self.b.ins().ineg(a))
        } else {
            (self.b.ins().srem(a, safe), a, zero)
        };
        let exception = self.select(b, by_minus_one, by_zero);
        self.select(special, exception, value)
    }

    /// A shift; the result may have bits above the width.
    fn shift(&mut self, op: BinaryOp, a: Value, width: u8, b: Value, b_width: u8) -> Value {
        let size = if width > 64 { 128 } else { 64 };
        let amount = if b_width > 64 { self.capped(b, b_width, size) } else { b };
        if op == BinaryOp::ShrS {
            let amount = self.capped(amount, 64, size - 1);
            let a = self.signed(a, width);
            return self.b.ins().sshr(a, amount);
        }
        let shifted = if op == BinaryOp::Shl {
            self.b.ins().ishl(a, amount)
        } else {
            self.b.ins().ushr(a, amount)
        };
        let inside = self.b.ins().icmp_imm_u(IntCC::UnsignedLessThan, amount, i64::from(width));
        let zero = self.constant(if width > 64 { 128 } else { 64 }, 0);
        self.select(inside, shifted, zero)
    }

    /// The smaller of a value and `most`, in a word.
    pub(super) fn capped(&mut self, value: Value, width: u8, most: u64) -> Value {
        let most = self.word(most);
        if width <= 64 {
            return self.b.ins().umin(value, most);
        }
        let (low, high) = self.b.ins().isplit(value);
        let low = self.b.ins().umin(low, most);
        self.select(high, most, low)
    }

    /// Packs values into new memory on the stack and gives its address.
    ///
    /// Leaves are joined into words, and words stored two by two: a load by a routine soon after
    /// gets its bytes from one store then, which processors forward, and not from two, for which
    /// they wait.
    pub(super) fn pack(&mut self, leaves: &[Expr], shape: &Shape) -> Result<Value, NativeError> {
        let words = self.packed_words(leaves, shape)?;
        Ok(self.in_memory(&words))
    }

    /// Stores words in new memory on the stack and gives its address.
    pub(super) fn in_memory(&mut self, words: &[Value]) -> Value {
        let at = self.stack(words.len().next_multiple_of(2) * 8);
        let flags = self.memory(Memory::Stack);
        for (n, pair) in words.chunks(2).enumerate() {
            let offset = n as i32 * 16;
            if let [low, high] = *pair {
                let both = self.b.ins().scalar_to_vector(types::I64X2, low);
                let both = self.b.ins().insertlane(both, high, 1);
                self.b.ins().store(flags, both, at, offset);
            } else {
                self.b.ins().store(flags, pair[0], at, offset);
            }
        }
        at
    }

    /// The packed form of values as little-endian words, zeros behind the last leaf.
    pub(super) fn packed_words(
        &mut self,
        leaves: &[Expr],
        shape: &Shape,
    ) -> Result<Vec<Value>, NativeError> {
        let mut words = Vec::new();
        // The word that is being filled, and how many bytes of it are.
        let (mut word, mut filled) = (None, 0);
        for (leaf, &width) in leaves.iter().zip(&shape.0) {
            let value = self.expr(leaf)?;
            let value = self.resize(value, leaf.width, width);
            let parts = if width > 64 {
                let (low, high) = self.b.ins().isplit(value);
                vec![(low, 8), (high, 8)]
            } else {
                vec![(value, Shape::leaf_bytes(width))]
            };
            for (part, bytes) in parts {
                word = Some(match word {
                    None => part,
                    Some(lower) => {
                        let by = self.word(filled as u64 * 8);
                        let up = self.b.ins().ishl(part, by);
                        self.b.ins().bor(lower, up)
                    }
                });
                filled += bytes;
                if filled < 8 {
                    continue;
                }
                words.extend(word.take());
                filled -= 8;
                if filled > 0 {
                    let by = self.word((bytes - filled) as u64 * 8);
                    word = Some(self.b.ins().ushr(part, by));
                }
            }
        }
        words.extend(word);
        Ok(words)
    }

    /// Stores a value in a local, fitted to its width.
    pub(super) fn assign(&mut self, local: trama_lang::ir::LocalId, value: Value, width: u8) {
        let to = self.source.handler.locals[local.0 as usize];
        let fitted = self.resize(value, width, to);
        debug_assert_eq!(self.b.func.dfg.value_type(fitted), type_of(to));
        self.b.def_var(self.locals[local.0 as usize], fitted);
    }
}
