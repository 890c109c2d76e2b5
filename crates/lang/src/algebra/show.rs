//! Symbolic values and classes as text.

use super::class::{Class, LeafClass};
use super::sym::{FOUND, Kind, Old, Sym};
use crate::effects::field_name;
use crate::ir::{BinaryOp, Expr, ExprKind, Meta, Node, View};
use std::fmt;

/// The names in which an update is printed.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Those of the leaves of the entry, by index.
    pub leaves: Vec<String>,
    /// How the leaves print.
    pub views: Vec<View>,
    /// Those of the inputs, by local; what has none is part of the packet.
    pub inputs: Vec<String>,
    /// What the entry is called: `bytes` or `bytes[k]`; empty for a fold.
    pub entry: String,
}

/// Loosest to tightest, as the language has them.
const fn strength(op: BinaryOp) -> u8 {
    use BinaryOp as B;
    match op {
        B::Eq | B::Ne | B::LtU | B::LeU | B::LtS | B::LeS => 3,
        B::Or => 5,
        B::Xor => 6,
        B::And => 7,
        B::Shl | B::ShrU | B::ShrS => 8,
        B::Add | B::Sub => 9,
        B::Mul | B::DivU | B::DivS | B::RemU | B::RemS => 10,
    }
}

const fn symbol(op: BinaryOp) -> &'static str {
    use BinaryOp as B;
    match op {
        B::Eq => "==",
        B::Ne => "!=",
        B::LtU | B::LtS => "<",
        B::LeU | B::LeS => "<=",
        B::Or => "|",
        B::Xor => "^",
        B::And => "&",
        B::Shl => "<<",
        B::ShrU | B::ShrS => ">>",
        B::Add => "+",
        B::Sub => "-",
        B::Mul => "*",
        B::DivU | B::DivS => "/",
        B::RemU | B::RemS => "%",
    }
}

impl Names {
    /// Those of an object of a node, whose entry is called `entry`.
    pub fn of_object(node: &Node, object: u32) -> Self {
        let index = object as usize;
        let entry = node.states[index].name.clone();
        let view = node.state_views.get(index);
        let (leaves, views) = match node.states[index].kind {
            trama_state::StateKind::Counter { .. } => {
                (vec!["packets".into(), "bytes".into()], vec![View::Uint, View::Uint])
            }
            trama_state::StateKind::Sketch { .. } | trama_state::StateKind::Histogram { .. } => {
                (vec!["count".into()], vec![View::Uint])
            }
            _ => view.map(|v| v.value.iter().cloned().unzip()).unwrap_or_default(),
        };
        Self { leaves, views, inputs: Vec::new(), entry }
    }

    /// The name of a leaf.
    pub fn leaf(&self, leaf: u32) -> String {
        if leaf == FOUND {
            return "present".into();
        }
        match self.leaves.get(leaf as usize).map(String::as_str) {
            Some("") | None if self.entry.is_empty() => format!("part {leaf}"),
            Some("") | None => self.entry.clone(),
            Some(name) => name.to_owned(),
        }
    }

    fn input(&self, e: &Expr) -> String {
        match &e.kind {
            ExprKind::Local(id) => {
                self.inputs.get(id.0 as usize).cloned().unwrap_or_else(|| "input".into())
            }
            ExprKind::Now => "now".into(),
            ExprKind::Field(_, field) => field_name(*field),
            ExprKind::Has(_, headers) => {
                let names: Vec<&str> = headers.iter().map(|id| id.def().name).collect();
                format!("packet is {}", names.join("/"))
            }
            ExprKind::Meta(_, meta) => match meta {
                Meta::Len => "len".into(),
                Meta::PayloadLen => "payload.len".into(),
                Meta::Proto => "proto".into(),
                Meta::Mark => "mark".into(),
                Meta::Offset(id) => format!("offset of {}", id.def().name),
                Meta::ChecksumOk(id) => format!("{}.checksum_ok", id.def().name),
                Meta::HasTcpOption(_) => "tcp option is there".into(),
                Meta::TcpOption(_) => "tcp option".into(),
                Meta::HasIpOption(kind) => format!("ip option {kind} is there"),
            },
            _ => "input".into(),
        }
    }

    /// A value as a program would write it.
    pub fn show(&self, sym: &Sym) -> String {
        self.tight(sym, 0)
    }

    fn tight(&self, sym: &Sym, loosest: u8) -> String {
        let wrap = |strength: u8, text: String| {
            if strength < loosest { format!("({text})") } else { text }
        };
        match sym.kind() {
            Kind::Const(value) if sym.width() == 1 => (*value == 1).to_string(),
            Kind::Const(value) => number(*value, sym.width()),
            Kind::Old(Old { leaf, .. }) => self.leaf(*leaf),
            Kind::Input(e, _) => self.input(e),
            Kind::Binary(op, a, b) => {
                let own = strength(*op);
                let (a, b) = (self.tight(a, own), self.tight(b, own + 1));
                wrap(own, format!("{a} {} {b}", symbol(*op)))
            }
            Kind::Not(a) => format!("!{}", self.tight(a, 12)),
            Kind::Cast(a) if a.width() < sym.width() => self.tight(a, loosest),
            Kind::Cast(a) => wrap(11, format!("{} as u{}", self.tight(a, 11), sym.width())),
            Kind::SignExtend(a) => wrap(11, format!("{} as i{}", self.tight(a, 11), sym.width())),
            Kind::Select(c, a, b) => {
                let (c, a, b) = (self.show(c), self.show(a), self.show(b));
                wrap(1, format!("if {c} {{ {a} }} else {{ {b} }}"))
            }
            Kind::Apply(e, operands) => {
                let operands: Vec<String> = operands.iter().map(|s| self.show(s)).collect();
                let name = match e.kind {
                    ExprKind::Hash(_) => "hash",
                    ExprKind::Payload(..) => "payload",
                    ExprKind::Local(_) => "extracted",
                    _ => "table",
                };
                format!("{name}({})", operands.join(", "))
            }
            Kind::Unknown(_, why) => format!("({why})"),
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let packets = |n: u32| if n == 1 { "packet".into() } else { format!("{n} packets") };
        match self {
            Self::Unchanged => f.write_str("constant"),
            Self::Idempotent => f.write_str("associative-commutative and idempotent"),
            Self::Commutative => f.write_str("associative-commutative"),
            Self::History(n) => write!(f, "history of the last {}", packets(*n)),
            Self::Linear(0) => f.write_str("exact-linear"),
            Self::Linear(n) => {
                write!(f, "exact-linear, with a history of the last {}", packets(*n))
            }
            Self::Mixed(0) => f.write_str("mixed: each part merges in its own way"),
            Self::Mixed(n) => {
                write!(f, "mixed: each part merges in its own way, with a history of ")?;
                write!(f, "the last {}", packets(*n))
            }
            Self::General => f.write_str("general"),
        }
    }
}

/// A constant; one a little below zero as a negative number, as which it acts.
fn number(value: u128, width: u8) -> String {
    let below_zero = value.wrapping_neg() & crate::interp::expr::mask(width);
    let is_negative = width > 8 && (1..1 << 16).contains(&below_zero) && below_zero < value;
    if is_negative { format!("-{below_zero}") } else { value.to_string() }
}

impl LeafClass {
    /// The class in a few words, with its merge function.
    pub fn describe(&self, width: u8) -> String {
        match self {
            Self::Unchanged => "unchanged".into(),
            Self::Commutative(merge, _) => {
                let again = if merge.is_idempotent() { ", idempotent" } else { "" };
                format!("merge by {} of {width} bits{again}", merge.name())
            }
            Self::History(1) => "history: the last packet".into(),
            Self::History(packets) => format!("history: the last {packets} packets"),
            Self::Linear(_) => "linear".into(),
            Self::General(_) => "general".into(),
        }
    }
}
