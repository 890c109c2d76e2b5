//! Rules of expressions.

use super::{Checked, Checker, fits, is_width};
use crate::ir::{BinaryOp, Expr, ExprKind, Meta, TableId};
use trama_wire::header::HeaderId;

impl Checker<'_> {
    /// An expression is well formed and, where the place wants it, has a given width.
    pub(super) fn expr(&self, e: &Expr, wanted: Option<u8>) -> Checked {
        self.ensure(is_width(e.width), || format!("no value has {} bits", e.width))?;
        self.width(e, wanted.unwrap_or(e.width))?;
        if let Some(p) = e.packet() {
            self.register(p)?;
        }
        match &e.kind {
            ExprKind::Const(value) => {
                self.ensure(fits(*value, e.width), || "a constant fits its width".into())?;
            }
            ExprKind::Local(local) => self.local(*local, Some(e.width))?,
            ExprKind::Now => self.width(e, 64)?,
            ExprKind::Field(_, field) => self.field(*field, e.width)?,
            ExprKind::Has(_, headers) => {
                self.width(e, 1)?;
                let known = headers.0 >> HeaderId::COUNT == 0;
                self.ensure(known, || "a set of headers has known ones".into())?;
            }
            ExprKind::Meta(_, meta) => self.meta(*meta, e)?,
            ExprKind::Payload(_, offset) => {
                self.ensure(offset.width <= 64, || "an offset has at most 64 bits".into())?;
                self.payload_width(e.width)?;
            }
            ExprKind::Binary(op, a, b) => self.binary(*op, a.width, b.width, e.width)?,
            ExprKind::Not(a) => self.width(a, e.width)?,
            ExprKind::Cast(_) => {}
            ExprKind::SignExtend(a) => {
                self.ensure(a.width <= e.width, || "sign extension does not narrow".into())?;
            }
            ExprKind::Select(condition, then, or) => {
                self.width(condition, 1)?;
                self.width(then, e.width)?;
                self.width(or, e.width)?;
            }
            ExprKind::Table(table, _, column) => self.column(*table, *column, e.width)?,
            ExprKind::Hash(_) => self.width(e, 64)?,
        }
        e.parts().into_iter().try_for_each(|part| self.expr(part, None))
    }

    pub(super) fn payload_width(&self, width: u8) -> Checked {
        let known = matches!(width, 8 | 16 | 32 | 64);
        self.ensure(known, || format!("payload is not read in units of {width} bits"))
    }

    fn binary(&self, op: BinaryOp, a: u8, b: u8, result: u8) -> Checked {
        use BinaryOp as Op;
        let shift = matches!(op, Op::Shl | Op::ShrU | Op::ShrS);
        let compares = matches!(op, Op::Eq | Op::Ne | Op::LtU | Op::LeU | Op::LtS | Op::LeS);
        let wide = matches!(op, Op::Mul | Op::DivU | Op::RemU | Op::DivS | Op::RemS);
        self.ensure(shift || a == b, || format!("{op:?} of {a} and {b} bits"))?;
        self.ensure(!(wide && a > 64), || format!("{op:?} is not defined for 128 bits"))?;
        let wanted = if compares { 1 } else { a };
        self.ensure(result == wanted, || format!("{op:?} of {a} bits gives {wanted}, not {result}"))
    }

    fn meta(&self, meta: Meta, e: &Expr) -> Checked {
        if let Meta::Offset(header) | Meta::ChecksumOk(header) = meta {
            self.header(header)?;
        }
        let width = match meta {
            Meta::Len | Meta::PayloadLen | Meta::Offset(_) => 32,
            Meta::Mark | Meta::TcpOption(_) => 32,
            Meta::Proto => 8,
            Meta::HasTcpOption(_) | Meta::HasIpOption(_) | Meta::ChecksumOk(_) => 1,
        };
        self.width(e, width)
    }

    fn column(&self, table: TableId, column: u32, width: u8) -> Checked {
        let table = self.node.tables.get(table.0 as usize);
        let own = table.and_then(|table| table.columns.get(column as usize));
        self.ensure(own == Some(&width), || format!("no such table column of {width} bits"))
    }
}
