//! Random expressions.

use crate::body::Body;
use crate::program;
use trama_base::Rng;
use trama_lang::ir::{BinaryOp, Expr, ExprKind, LocalId, Meta, PacketId, TableId, TcpOption};
use trama_wire::header::{FieldRef, HEADERS, HeaderId, HeaderSet};

/// A constant of a width, often one at which something changes.
pub(crate) fn constant(rng: &mut Rng, width: u8) -> u128 {
    let wide = u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64());
    let value = match rng.below(6) {
        0 => 0,
        1 => 1,
        2 => u128::MAX,
        3 => 1 << (width - 1),
        4 => wide % 70,
        _ => wide,
    };
    if width == 128 { value } else { value & ((1 << width) - 1) }
}

pub(crate) fn expr(kind: ExprKind, width: u8) -> Expr {
    Expr { kind, width }
}

const OPTIONS: [TcpOption; 5] = [
    TcpOption::Mss,
    TcpOption::WindowScale,
    TcpOption::SackPermitted,
    TcpOption::TsVal,
    TcpOption::TsEcr,
];

impl Body<'_> {
    /// An expression of a width.
    pub(crate) fn expr(&mut self, width: u8, depth: u32) -> Expr {
        if depth == 0 || self.rng.one_in(6) {
            return self.leaf(width);
        }
        let depth = depth - 1;
        let kind = match self.rng.below(12) {
            0 => ExprKind::Not(Box::new(self.expr(width, depth))),
            1 => {
                let from = program::width(self.rng);
                ExprKind::Cast(Box::new(self.expr(from, depth)))
            }
            2 => {
                let from = program::width(self.rng).min(width);
                ExprKind::SignExtend(Box::new(self.expr(from, depth)))
            }
            3 => {
                let condition = Box::new(self.expr(1, depth));
                let (a, b) = (self.expr(width, depth), self.expr(width, depth));
                ExprKind::Select(condition, Box::new(a), Box::new(b))
            }
            4 => match self.cell(width, depth) {
                Some(kind) => kind,
                None => return self.leaf(width),
            },
            5 if width == 64 => {
                let operands = (0..self.rng.below(5)).map(|_| {
                    let width = program::width(self.rng);
                    self.expr(width, depth)
                });
                ExprKind::Hash(operands.collect())
            }
            6 if matches!(width, 8 | 16 | 32 | 64) && self.registers > 0 => {
                let offset_width = self.small_width();
                ExprKind::Payload(self.register(), Box::new(self.expr(offset_width, depth)))
            }
            7 => return self.guarded_field(width, depth),
            _ => self.binary(width, depth),
        };
        expr(kind, width)
    }

    fn small_width(&mut self) -> u8 {
        *self.rng.pick(&[3, 5, 8, 32, 64])
    }

    fn binary(&mut self, width: u8, depth: u32) -> ExprKind {
        use BinaryOp as Op;
        if width == 1 && !self.rng.one_in(4) {
            let of = program::width(self.rng);
            let op = *self.rng.pick(&[Op::Eq, Op::Ne, Op::LtU, Op::LeU, Op::LtS, Op::LeS]);
            let (a, b) = (self.expr(of, depth), self.expr(of, depth));
            return ExprKind::Binary(op, Box::new(a), Box::new(b));
        }
        let ops = [
            Op::Mul,
            Op::DivU,
            Op::RemU,
            Op::DivS,
            Op::RemS,
            Op::Add,
            Op::Sub,
            Op::And,
            Op::Or,
            Op::Xor,
            Op::Shl,
            Op::ShrU,
            Op::ShrS,
        ];
        let op = *self.rng.pick(if width == 128 { &ops[5..] } else { &ops });
        let shift = matches!(op, Op::Shl | Op::ShrU | Op::ShrS);
        let right = if shift { program::width(self.rng) } else { width };
        let (a, b) = (self.expr(width, depth), self.expr(right, depth));
        ExprKind::Binary(op, Box::new(a), Box::new(b))
    }

    /// A cell of a table whose column has the width, if there is one.
    fn cell(&mut self, width: u8, depth: u32) -> Option<ExprKind> {
        let columns: Vec<(u32, u32)> = (0..)
            .zip(&self.place.node.tables)
            .flat_map(|(t, table)| (0..).zip(&table.columns).map(move |(c, &w)| (t, c, w)))
            .filter(|&(_, _, w)| w == width)
            .map(|(t, c, _)| (t, c))
            .collect();
        if columns.is_empty() {
            return None;
        }
        let &(table, column) = self.rng.pick(&columns);
        let row = program::width(self.rng);
        Some(ExprKind::Table(TableId(table), Box::new(self.expr(row, depth)), column))
    }

    fn leaf(&mut self, width: u8) -> Expr {
        let kind = match self.rng.below(6) {
            0 => ExprKind::Const(constant(self.rng, width)),
            1 if width == 64 => ExprKind::Now,
            1 | 2 if self.registers > 0 => return self.read(width),
            _ => match self.local(width) {
                Some(local) => ExprKind::Local(local),
                None => ExprKind::Const(constant(self.rng, width)),
            },
        };
        expr(kind, width)
    }

    /// A local of a width, if there is one.
    pub(crate) fn local(&mut self, width: u8) -> Option<LocalId> {
        let fitting: Vec<u32> =
            (0..).zip(&self.locals).filter(|&(_, &w)| w == width).map(|(n, _)| n).collect();
        (!fitting.is_empty()).then(|| LocalId(*self.rng.pick(&fitting)))
    }

    /// Something read from a packet, cut or extended to the width.
    fn read(&mut self, width: u8) -> Expr {
        let p = self.register();
        let value = match self.rng.below(3) {
            0 => expr(ExprKind::Has(p, self.headers()), 1),
            1 => self.meta(p),
            _ => match self.known_field(p) {
                Some(field) => expr(ExprKind::Field(p, field), field.def().width),
                None => self.meta(p),
            },
        };
        if value.width == width { value } else { expr(ExprKind::Cast(Box::new(value)), width) }
    }

    fn meta(&mut self, p: PacketId) -> Expr {
        let header = HeaderId(self.rng.below(HeaderId::COUNT as u64) as u8);
        let option = *self.rng.pick(&OPTIONS);
        let (meta, width) = match self.rng.below(9) {
            0 => (Meta::Len, 32),
            1 => (Meta::PayloadLen, 32),
            2 => (Meta::Offset(header), 32),
            3 => (Meta::Proto, 8),
            4 => (Meta::Mark, 32),
            5 => (Meta::HasTcpOption(option), 1),
            6 => (Meta::TcpOption(option), 32),
            7 => (Meta::HasIpOption(self.rng.below(256) as u8), 1),
            _ => (Meta::ChecksumOk(header), 1),
        };
        expr(ExprKind::Meta(p, meta), width)
    }

    /// A field of a header that is present.
    pub(crate) fn known_field(&mut self, p: PacketId) -> Option<FieldRef> {
        let present: Vec<HeaderId> = self.present[p.0 as usize].iter().collect();
        if present.is_empty() {
            return None;
        }
        let header = *self.rng.pick(&present);
        let field = self.rng.below(header.def().fields.len() as u64) as u8;
        Some(FieldRef { header, field })
    }

    /// A field that is read whether its header is present or not, but used only if it is.
    fn guarded_field(&mut self, width: u8, depth: u32) -> Expr {
        if self.registers == 0 {
            return self.leaf(width);
        }
        let p = self.register();
        let header = self.rng.pick(HEADERS);
        let field = self.rng.below(header.fields.len() as u64) as u8;
        let field = FieldRef { header: header.id, field };
        let present = expr(ExprKind::Has(p, HeaderSet::of(header.id)), 1);
        let value = expr(ExprKind::Field(p, field), field.def().width);
        let value = expr(ExprKind::Cast(Box::new(value)), width);
        let otherwise = self.expr(width, depth);
        let [condition, then, or] = [present, value, otherwise].map(Box::new);
        expr(ExprKind::Select(condition, then, or), width)
    }

    /// A packet register; there must be one.
    pub(crate) fn register(&mut self) -> PacketId {
        PacketId(self.rng.below(self.registers.into()) as u32)
    }

    /// A few headers.
    pub(crate) fn headers(&mut self) -> HeaderSet {
        (0..self.rng.below(3)).fold(HeaderSet::EMPTY, |set, _| {
            set.with(HeaderId(self.rng.below(HeaderId::COUNT as u64) as u8))
        })
    }
}
