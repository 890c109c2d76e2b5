//! Filters: conditions on packets, for `trama trace` and for `expect` in tests.
//!
//! A filter is an expression over header fields without a packet's name:
//! `ip.src == 10.0.0.5 && tcp.dst == 443 || arp`. A header's name alone asks if it is present; a
//! comparison with a field of a header that is absent is false, and so `!(…)` of it is true.

mod build;
pub mod codes;

#[cfg(test)]
mod tests;

use crate::diagnostic::Diagnostic;
use crate::source::SourceMap;
use crate::syntax::ast::Expr;
use crate::syntax::parse_expr;
use trama_wire::Packet;
use trama_wire::header::{FieldRef, HeaderId, HeaderSet};
use trama_wire::option::TcpOption;

/// A condition that a packet meets or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter(Condition);

/// What a constant in a filter may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Constant {
    /// A number of any width.
    Number(u128),
    /// A truth value.
    Bool(bool),
    /// An Ethernet address.
    Mac(u64),
    /// An IPv4 address.
    Ip4(u32),
    /// An IPv6 address.
    Ip6(u128),
    /// An IPv4 prefix: first address and length.
    Prefix4(u32, u8),
    /// An IPv6 prefix: first address and length.
    Prefix6(u128, u8),
}

/// Knows what the names in a filter stand for that are not headers or fields: the constants of a
/// program. None for what it does not know.
pub type Constants<'a> = dyn Fn(&Expr) -> Option<Constant> + 'a;

impl Filter {
    /// Reads a filter as written on the command line. Spans of the messages are in a source map
    /// whose only file is the text.
    pub fn parse(text: &str) -> Result<Self, Vec<Diagnostic>> {
        let mut sources = SourceMap::default();
        let file = sources.add("filter", text);
        let (expr, diagnostics) = parse_expr(&sources, file);
        if !diagnostics.is_empty() {
            return Err(diagnostics);
        }
        Self::of(&expr, &|_| None).map_err(|diagnostic| vec![*diagnostic])
    }

    /// The filter that an expression of a program means.
    pub fn of(expr: &Expr, constants: &Constants<'_>) -> Result<Self, Box<Diagnostic>> {
        build::Builder { constants }.condition(expr).map(Self)
    }

    /// True if the packet meets the condition.
    pub fn matches(&self, packet: &Packet) -> bool {
        self.0.holds(packet)
    }
}

/// What a packet has where a filter has `expr`, as it reads to a person; none if the packet lacks
/// it or it is no value.
pub fn value_of(expr: &Expr, packet: &Packet, constants: &Constants<'_>) -> Option<String> {
    build::Builder { constants }.shown(expr, packet)
}

/// A truth value that depends on a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Condition {
    Always(bool),
    Has(HeaderSet),
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Compare(Operand, Comparison, Operand),
    /// Within one of these ranges, both ends included.
    Within(Operand, Vec<(u128, u128)>),
    /// A truth value of the packet is true.
    True(Operand),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

/// A scalar that depends on a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Operand {
    Constant(u128),
    Field(FieldRef),
    Len,
    PayloadLen,
    Proto,
    Mark,
    Offset(HeaderId),
    ChecksumOk(HeaderId),
    TcpOption(TcpOption),
    HasTcpOption(TcpOption),
    HasIpOption(u8),
    Payload {
        /// First byte, from the start of the payload.
        offset: u64,
        /// Bits: 8, 16, 32 or 64.
        width: u8,
    },
    /// Bits of the operand that are also in the mask.
    Masked(Box<Self>, u128),
}

impl Condition {
    fn holds(&self, packet: &Packet) -> bool {
        match self {
            Self::Always(value) => *value,
            Self::Has(headers) => packet.layout().present.contains(*headers),
            Self::Not(inner) => !inner.holds(packet),
            Self::And(a, b) => a.holds(packet) && b.holds(packet),
            Self::Or(a, b) => a.holds(packet) || b.holds(packet),
            Self::Compare(a, comparison, b) => match (a.value(packet), b.value(packet)) {
                (Some(a), Some(b)) => comparison.holds(a, b),
                _ => false,
            },
            Self::Within(operand, ranges) => operand
                .value(packet)
                .is_some_and(|v| ranges.iter().any(|&(first, last)| (first..=last).contains(&v))),
            Self::True(operand) => operand.value(packet) == Some(1),
        }
    }
}

impl Comparison {
    const fn holds(self, a: u128, b: u128) -> bool {
        match self {
            Self::Eq => a == b,
            Self::Ne => a != b,
            Self::Lt => a < b,
            Self::Le => a <= b,
            Self::Gt => a > b,
            Self::Ge => a >= b,
        }
    }
}

impl Operand {
    /// The value; `None` if the packet lacks what it is about.
    fn value(&self, packet: &Packet) -> Option<u128> {
        let layout = packet.layout();
        let if_present = |id: HeaderId| layout.present.has(id).then_some(());
        match self {
            Self::Constant(value) => Some(*value),
            Self::Field(field) => if_present(field.header).map(|()| packet.get(*field)),
            Self::Len => Some(u128::from(layout.len)),
            Self::PayloadLen => Some(u128::from(layout.end.saturating_sub(layout.payload))),
            Self::Proto => Some(u128::from(layout.proto)),
            Self::Mark => Some(u128::from(packet.mark)),
            Self::Offset(id) => layout.start(*id).map(|start| start as u128),
            Self::ChecksumOk(id) => if_present(*id).map(|()| packet.checksum_ok(*id).into()),
            Self::TcpOption(option) => {
                if_present(HeaderId::TCP)?;
                packet.tcp_option(*option).map(u128::from)
            }
            Self::HasTcpOption(option) => {
                if_present(HeaderId::TCP).map(|()| packet.has_tcp_option(*option).into())
            }
            Self::HasIpOption(kind) => {
                if_present(HeaderId::IP).map(|()| packet.has_ip_option(*kind).into())
            }
            Self::Payload { offset, width } => {
                let end = offset.checked_add(u64::from(*width / 8))?;
                let len = u64::from(layout.end.saturating_sub(layout.payload));
                (end <= len).then(|| packet.payload_get(*offset, *width))
            }
            Self::Masked(inner, mask) => inner.value(packet).map(|value| value & mask),
        }
    }
}
