//! The value of an expression.

use crate::ir::{BinaryOp, Expr, ExprKind, Meta, PacketId, Table};
use trama_base::Nanos;
use trama_state::{Shape, hash};
use trama_wire::header::FieldRef;
use trama_wire::packet::Packet;

/// Where an expression finds what it names.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a, P: ?Sized> {
    /// Time of the event.
    pub now: Nanos,
    /// Constant tables of the node.
    pub tables: &'a [Table],
    /// Locals of the handler.
    pub locals: &'a [u128],
    /// Packet registers.
    pub packets: &'a P,
}

/// The packet registers of a handler, for reading.
pub trait Packets {
    /// The packet in a register, if it holds one.
    fn packet(&self, id: PacketId) -> Option<&Packet>;
}

/// A packet alone is register 0: what a filter sees.
impl Packets for Packet {
    fn packet(&self, id: PacketId) -> Option<&Packet> {
        (id.0 == 0).then_some(self)
    }
}

impl<P: Packets + ?Sized> Scope<'_, P> {
    /// The value of an expression, within its width.
    pub fn eval(&self, expr: &Expr) -> u128 {
        let value = match &expr.kind {
            ExprKind::Const(value) => *value,
            ExprKind::Local(id) => self.locals[id.0 as usize],
            ExprKind::Now => self.now.0.into(),
            ExprKind::Field(p, field) => self.packet(*p, |p| read_field(p, *field)),
            ExprKind::Has(p, headers) => {
                self.packet(*p, |p| p.layout().present.contains(*headers).into())
            }
            ExprKind::Meta(p, what) => self.packet(*p, |p| meta(p, *what)),
            ExprKind::Payload(p, offset) => {
                let offset = self.eval(offset);
                self.packet(*p, |p| payload(p, offset, expr.width))
            }
            ExprKind::Binary(op, a, b) => binary(*op, a.width, self.eval(a), self.eval(b)),
            ExprKind::Not(a) => !self.eval(a),
            ExprKind::Cast(a) => self.eval(a),
            ExprKind::SignExtend(a) => signed(self.eval(a), a.width) as u128,
            ExprKind::Select(condition, then, or) => {
                self.eval(if self.eval(condition) == 1 { then } else { or })
            }
            ExprKind::Table(table, row, column) => {
                let rows = &self.tables[table.0 as usize].rows;
                let row = usize::try_from(self.eval(row)).ok().and_then(|row| rows.get(row));
                row.map_or(0, |row| row[*column as usize])
            }
            ExprKind::Hash(operands) => {
                let shape = Shape(operands.iter().map(|e| e.width).collect());
                let mut packed = Vec::with_capacity(shape.bytes());
                shape.pack(&self.eval_all(operands), &mut packed);
                hash::stable(&packed).into()
            }
        };
        value & mask(expr.width)
    }

    /// The values of several expressions.
    pub fn eval_all(&self, exprs: &[Expr]) -> Vec<u128> {
        exprs.iter().map(|expr| self.eval(expr)).collect()
    }

    /// What `read` finds in a packet; 0 if the register is empty.
    fn packet(&self, id: PacketId, read: impl FnOnce(&Packet) -> u128) -> u128 {
        self.packets.packet(id).map_or(0, read)
    }
}

/// The value of an expression over one packet (register 0) without locals and tables, such as a
/// filter on the command line.
pub fn eval_on_packet(expr: &Expr, packet: &Packet, now: Nanos) -> u128 {
    Scope { now, tables: &[], locals: &[], packets: packet }.eval(expr)
}

/// All ones in the low `width` bits.
pub const fn mask(width: u8) -> u128 {
    if width >= 128 { u128::MAX } else { (1 << width) - 1 }
}

/// The value of `op` over operands of `width` bits; the right operand of a shift may be wider.
/// Constant folding and both engines agree on this table.
pub fn binary(op: BinaryOp, width: u8, a: u128, b: u128) -> u128 {
    let bits = u128::from(width);
    let (sa, sb) = (signed(a, width), signed(b, width));
    let value = match op {
        BinaryOp::Add => a.wrapping_add(b),
        BinaryOp::Sub => a.wrapping_sub(b),
        BinaryOp::Mul => a.wrapping_mul(b),
        BinaryOp::DivU => a.checked_div(b).unwrap_or(0),
        BinaryOp::RemU => a.checked_rem(b).unwrap_or(a),
        BinaryOp::DivS if b == 0 => 0,
        BinaryOp::DivS => sa.wrapping_div(sb) as u128,
        BinaryOp::RemS if b == 0 => a,
        BinaryOp::RemS => sa.wrapping_rem(sb) as u128,
        BinaryOp::And => a & b,
        BinaryOp::Or => a | b,
        BinaryOp::Xor => a ^ b,
        BinaryOp::Shl if b >= bits => 0,
        BinaryOp::Shl => a << b,
        BinaryOp::ShrU if b >= bits => 0,
        BinaryOp::ShrU => a >> b,
        BinaryOp::ShrS => (sa >> b.min(bits - 1)) as u128,
        BinaryOp::Eq => (a == b).into(),
        BinaryOp::Ne => (a != b).into(),
        BinaryOp::LtU => (a < b).into(),
        BinaryOp::LeU => (a <= b).into(),
        BinaryOp::LtS => (sa < sb).into(),
        BinaryOp::LeS => (sa <= sb).into(),
    };
    value & mask(width)
}

/// The two's complement number in the low `width` bits.
fn signed(value: u128, width: u8) -> i128 {
    let unused = 128 - u32::from(width);
    ((value << unused) as i128) >> unused
}

fn read_field(packet: &Packet, field: FieldRef) -> u128 {
    if packet.layout().present.has(field.header) { packet.get(field) } else { 0 }
}

fn payload(packet: &Packet, offset: u128, width: u8) -> u128 {
    u64::try_from(offset).map_or(0, |offset| packet.payload_get(offset, width))
}

fn meta(packet: &Packet, what: Meta) -> u128 {
    let layout = packet.layout();
    match what {
        Meta::Len => layout.len.into(),
        Meta::PayloadLen => layout.end.saturating_sub(layout.payload).into(),
        Meta::Offset(id) => layout.start(id).map_or(0, |start| start as u128),
        Meta::Proto => layout.proto.into(),
        Meta::Mark => packet.mark.into(),
        Meta::HasTcpOption(option) => packet.has_tcp_option(option).into(),
        Meta::TcpOption(option) => packet.tcp_option(option).unwrap_or(0).into(),
        Meta::HasIpOption(kind) => packet.has_ip_option(kind).into(),
        Meta::ChecksumOk(id) => packet.checksum_ok(id).into(),
    }
}
