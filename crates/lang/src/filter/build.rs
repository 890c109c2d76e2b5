//! From expressions to conditions, with the messages about what is no filter.

use super::{Comparison, Condition, Constant, Constants, Operand};
use crate::diagnostic::Diagnostic;
use crate::ir::View;
use crate::source::Span;
use crate::syntax::ast::{BinaryOp, Expr, ExprKind, Ident, Literal, UnaryOp};
use crate::syntax::nearest;
use crate::values;
use trama_wire::Packet;
use trama_wire::header::{FieldType, HEADERS, HeaderId, HeaderSet};
use trama_wire::option::TcpOption;

type Built<T> = Result<T, Box<Diagnostic>>;

/// What an operand is, for comparing like with like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A number below two to this power.
    Number(u8),
    Bool,
    Mac,
    Ip4,
    Ip6,
}

impl Kind {
    const fn noun(self) -> &'static str {
        match self {
            Self::Number(_) => "a number",
            Self::Bool => "a truth value",
            Self::Mac => "an Ethernet address",
            Self::Ip4 => "an IPv4 address",
            Self::Ip6 => "an IPv6 address",
        }
    }

    const fn comparable(self, other: Self) -> bool {
        matches!(
            (self, other),
            (Self::Number(_), Self::Number(_))
                | (Self::Bool, Self::Bool)
                | (Self::Mac, Self::Mac)
                | (Self::Ip4, Self::Ip4)
                | (Self::Ip6, Self::Ip6)
        )
    }
}

/// A scalar with its kind, or a prefix.
enum Term {
    Scalar(Kind, Operand),
    Prefix(Kind, u128, u128),
    /// A header's name alone.
    Header(HeaderId),
}

/// Properties of a packet that are not header fields.
const PROPERTIES: &[&str] = &["len", "payload", "proto", "mark"];

pub(super) struct Builder<'a> {
    pub(super) constants: &'a Constants<'a>,
}

fn error(code: &'static str, message: String, span: Span, label: &str) -> Diagnostic {
    Diagnostic::error(code, message, span, label)
}

fn refuse<T>(why: Diagnostic) -> Built<T> {
    Err(Box::new(why))
}

impl Builder<'_> {
    /// The value of an operand for a packet, printed.
    pub(super) fn shown(&self, expr: &Expr, packet: &Packet) -> Option<String> {
        let (kind, operand) = self.scalar(expr).ok()?;
        let view = match kind {
            Kind::Number(_) => View::Uint,
            Kind::Bool => View::Bool,
            Kind::Mac => View::Mac,
            Kind::Ip4 => View::Ip4,
            Kind::Ip6 => View::Ip6,
        };
        operand.value(packet).map(|value| values::leaf(&view, value))
    }

    pub(super) fn condition(&self, expr: &Expr) -> Built<Condition> {
        let both = |a: &Expr, b: &Expr| -> Built<(Box<Condition>, Box<Condition>)> {
            Ok((Box::new(self.condition(a)?), Box::new(self.condition(b)?)))
        };
        match &expr.kind {
            ExprKind::Binary(BinaryOp::AndAnd, a, b) => {
                both(a, b).map(|(a, b)| Condition::And(a, b))
            }
            ExprKind::Binary(BinaryOp::OrOr, a, b) => both(a, b).map(|(a, b)| Condition::Or(a, b)),
            ExprKind::Unary(UnaryOp::Not, inner) => {
                Ok(Condition::Not(Box::new(self.condition(inner)?)))
            }
            ExprKind::Binary(op, a, b) if comparison(*op).is_some() => {
                let op = comparison(*op).unwrap_or(Comparison::Eq);
                self.compare(a, op, b)
            }
            ExprKind::In(item, set) => self.within(item, set),
            _ => match self.term(expr)? {
                Term::Header(id) => Ok(Condition::Has(HeaderSet::of(id))),
                Term::Scalar(Kind::Bool, Operand::Constant(value)) => {
                    Ok(Condition::Always(value == 1))
                }
                Term::Scalar(Kind::Bool, operand) => Ok(Condition::True(operand)),
                Term::Scalar(kind, _) => refuse(error(
                    "E0703",
                    format!("this is {}, not a condition", kind.noun()),
                    expr.span,
                    "compare it with something",
                )),
                Term::Prefix(..) => refuse(error(
                    "E0703",
                    "this is a prefix, not a condition".to_string(),
                    expr.span,
                    "write `ip.src in` before it",
                )),
            },
        }
    }

    fn compare(&self, a: &Expr, op: Comparison, b: &Expr) -> Built<Condition> {
        let (left_kind, left) = self.scalar(a)?;
        let (right_kind, right) = self.scalar(b)?;
        self.alike((left_kind, &left, a.span), (right_kind, &right, b.span))?;
        Ok(Condition::Compare(left, op, right))
    }

    /// Refuses to compare different kinds, and numbers that cannot be equal.
    fn alike(
        &self,
        (left_kind, left, left_span): (Kind, &Operand, Span),
        (right_kind, right, right_span): (Kind, &Operand, Span),
    ) -> Built<()> {
        if !left_kind.comparable(right_kind) {
            let message = format!("this is {}, not {}", right_kind.noun(), left_kind.noun());
            return refuse(
                error("E0704", message, right_span, right_kind.noun())
                    .other(left_span, left_kind.noun()),
            );
        }
        fits(left_kind, right, right_span)?;
        fits(right_kind, left, left_span)
    }

    fn within(&self, item: &Expr, set: &Expr) -> Built<Condition> {
        let (kind, operand) = self.scalar(item)?;
        let members = match &set.kind {
            ExprKind::List(members) => members.as_slice(),
            _ => std::slice::from_ref(set),
        };
        let listed = matches!(set.kind, ExprKind::List(_));
        let mut ranges = Vec::new();
        for member in members {
            ranges.extend(self.range(kind, member, item.span, listed)?);
        }
        Ok(Condition::Within(operand, ranges))
    }

    /// The values that a member of a set covers, if any.
    fn range(
        &self,
        kind: Kind,
        member: &Expr,
        item: Span,
        listed: bool,
    ) -> Built<Option<(u128, u128)>> {
        let unlike = |found: Kind| {
            error(
                "E0704",
                format!("this is {}, not {}", found.noun(), kind.noun()),
                member.span,
                found.noun(),
            )
            .other(item, kind.noun())
        };
        if let ExprKind::Range { from, to, inclusive } = &member.kind {
            let (first_kind, first) = self.fixed(from)?;
            let (last_kind, last) = self.fixed(to)?;
            for found in [first_kind, last_kind] {
                if !kind.comparable(found) {
                    return refuse(unlike(found));
                }
            }
            let last = if *inclusive { Some(last) } else { last.checked_sub(1) };
            return Ok(last.filter(|&last| first <= last).map(|last| (first, last)));
        }
        match self.term(member)? {
            Term::Prefix(found, first, last) if kind.comparable(found) => Ok(Some((first, last))),
            Term::Prefix(found, ..) => refuse(unlike(found)),
            Term::Scalar(found, Operand::Constant(value)) if listed => {
                if !kind.comparable(found) {
                    return refuse(unlike(found));
                }
                fits(kind, &Operand::Constant(value), member.span)?;
                Ok(Some((value, value)))
            }
            _ => refuse(error(
                "E0705",
                "`in` needs a prefix, a range or a list of constants".to_string(),
                member.span,
                "for example 10.0.0.0/8, 1..=1023 or [80, 443]",
            )),
        }
    }

    fn fixed(&self, expr: &Expr) -> Built<(Kind, u128)> {
        match self.scalar(expr)? {
            (kind, Operand::Constant(value)) => Ok((kind, value)),
            _ => refuse(error(
                "E0705",
                "the ends of a range are constants".to_string(),
                expr.span,
                "this depends on the packet",
            )),
        }
    }

    fn scalar(&self, expr: &Expr) -> Built<(Kind, Operand)> {
        match self.term(expr)? {
            Term::Scalar(kind, operand) => Ok((kind, operand)),
            Term::Prefix(..) => refuse(error(
                "E0705",
                "a prefix is no single value".to_string(),
                expr.span,
                "write `in` instead of a comparison",
            )),
            Term::Header(id) => refuse(error(
                "E0703",
                format!("`{}` is a header", id.def().name),
                expr.span,
                "name one of its fields",
            )),
        }
    }

    fn term(&self, expr: &Expr) -> Built<Term> {
        let scalar = |kind, operand| Ok(Term::Scalar(kind, operand));
        match &expr.kind {
            ExprKind::Literal(literal) => literal_term(literal, expr.span),
            ExprKind::Name(name) => self.name(name, expr),
            ExprKind::Binary(BinaryOp::And, a, b) => {
                let (kind, operand) = self.scalar(a)?;
                match self.fixed(b)? {
                    (Kind::Number(_), mask) if matches!(kind, Kind::Number(_)) => {
                        scalar(kind, Operand::Masked(Box::new(operand), mask))
                    }
                    (found, _) => refuse(error(
                        "E0704",
                        "`&` masks numbers".to_string(),
                        expr.span,
                        found.noun(),
                    )),
                }
            }
            ExprKind::Method(base, name, args) => self.method(base, name, args, expr.span),
            ExprKind::Field(..) => {
                let Some((head, rest)) = dotted(expr) else { return self.constant(expr) };
                self.field(&head, &rest, expr)
            }
            _ => self.constant(expr),
        }
    }

    fn name(&self, name: &str, expr: &Expr) -> Built<Term> {
        if let Some(id) = HeaderId::by_name(name) {
            return Ok(Term::Header(id));
        }
        let number = |width, operand| Ok(Term::Scalar(Kind::Number(width), operand));
        match name {
            "len" => number(32, Operand::Len),
            "proto" => number(8, Operand::Proto),
            "mark" => number(32, Operand::Mark),
            _ => self.constant(expr),
        }
    }

    /// What the program knows by this expression.
    fn constant(&self, expr: &Expr) -> Built<Term> {
        let scalar = |kind, value| Ok(Term::Scalar(kind, Operand::Constant(value)));
        match (self.constants)(expr) {
            Some(Constant::Number(value)) => scalar(Kind::Number(128), value),
            Some(Constant::Bool(value)) => scalar(Kind::Bool, value.into()),
            Some(Constant::Mac(value)) => scalar(Kind::Mac, value.into()),
            Some(Constant::Ip4(value)) => scalar(Kind::Ip4, value.into()),
            Some(Constant::Ip6(value)) => scalar(Kind::Ip6, value),
            Some(Constant::Prefix4(address, len)) => Ok(prefix4(address, len)),
            Some(Constant::Prefix6(address, len)) => Ok(prefix6(address, len)),
            None => refuse(self.unknown(expr)),
        }
    }

    fn unknown(&self, expr: &Expr) -> Diagnostic {
        let ExprKind::Name(name) = &expr.kind else {
            return error(
                "E0702",
                "this cannot be part of a filter".to_string(),
                expr.span,
                "filters compare header fields with constants",
            );
        };
        let known = HEADERS.iter().map(|h| h.name).chain(PROPERTIES.iter().copied());
        let message = format!("`{name}` is no header, property or constant");
        let unknown = error("E0701", message, expr.span, "not known");
        match nearest(name, known) {
            Some(near) => unknown.note(format!("`{near}` perhaps?")).patch(expr.span, near),
            None => unknown,
        }
    }

    /// `head.rest`
    fn field(&self, head: &Ident, rest: &str, expr: &Expr) -> Built<Term> {
        let scalar = |kind, operand| Ok(Term::Scalar(kind, operand));
        if head.text == "payload" && rest == "len" {
            return scalar(Kind::Number(32), Operand::PayloadLen);
        }
        let Some(id) = HeaderId::by_name(&head.text) else {
            if (self.constants)(expr).is_some() {
                return self.constant(expr);
            }
            let kind = ExprKind::Name(head.text.clone());
            return refuse(self.unknown(&Expr { kind, span: head.span }));
        };
        if let Some(field) = id.field(rest) {
            let def = field.def();
            let kind = match def.ty {
                FieldType::Uint => Kind::Number(def.width),
                FieldType::Bool => Kind::Bool,
                FieldType::Mac => Kind::Mac,
                FieldType::Ip4 => Kind::Ip4,
                FieldType::Ip6 => Kind::Ip6,
            };
            return scalar(kind, Operand::Field(field));
        }
        match (id, rest) {
            (_, "offset") => scalar(Kind::Number(32), Operand::Offset(id)),
            (
                HeaderId::IP | HeaderId::TCP | HeaderId::UDP | HeaderId::ICMP | HeaderId::ICMP6,
                "checksum_ok",
            ) => scalar(Kind::Bool, Operand::ChecksumOk(id)),
            (HeaderId::TCP, "mss") => tcp_option(TcpOption::Mss),
            (HeaderId::TCP, "window_scale") => tcp_option(TcpOption::WindowScale),
            (HeaderId::TCP, "ts_val") => tcp_option(TcpOption::TsVal),
            (HeaderId::TCP, "ts_ecr") => tcp_option(TcpOption::TsEcr),
            (HeaderId::TCP, "sack_permitted") => {
                scalar(Kind::Bool, Operand::HasTcpOption(TcpOption::SackPermitted))
            }
            _ => refuse(unknown_field(id, rest, expr.span)),
        }
    }

    /// `payload.u16(4)`, `ip.has_option(131)`
    fn method(&self, base: &Expr, name: &Ident, args: &[Expr], span: Span) -> Built<Term> {
        let base_name = if let ExprKind::Name(name) = &base.kind { name.as_str() } else { "" };
        let [arg] = args else {
            return refuse(error("E0702", "one argument is needed".to_string(), span, "here"));
        };
        let (_, value) = self.fixed(arg)?;
        let width = match (base_name, name.text.as_str()) {
            ("payload", "u8") => 8,
            ("payload", "u16") => 16,
            ("payload", "u32") => 32,
            ("payload", "u64") => 64,
            ("ip", "has_option") => {
                let operand = Operand::HasIpOption(value as u8);
                return Ok(Term::Scalar(Kind::Bool, operand));
            }
            _ => {
                let message = format!("`{}` cannot be part of a filter", name.text);
                let label = "payload.u8, u16, u32, u64 and ip.has_option can";
                return refuse(error("E0702", message, name.span, label));
            }
        };
        let offset = u64::try_from(value).unwrap_or(u64::MAX);
        Ok(Term::Scalar(Kind::Number(width), Operand::Payload { offset, width }))
    }
}

fn tcp_option(option: TcpOption) -> Built<Term> {
    Ok(Term::Scalar(Kind::Number(32), Operand::TcpOption(option)))
}

const fn comparison(op: BinaryOp) -> Option<Comparison> {
    Some(match op {
        BinaryOp::Eq => Comparison::Eq,
        BinaryOp::Ne => Comparison::Ne,
        BinaryOp::Lt => Comparison::Lt,
        BinaryOp::Le => Comparison::Le,
        BinaryOp::Gt => Comparison::Gt,
        BinaryOp::Ge => Comparison::Ge,
        _ => return None,
    })
}

/// `a.b.c` as `a` and `b.c`.
fn dotted(expr: &Expr) -> Option<(Ident, String)> {
    let ExprKind::Field(base, name) = &expr.kind else { return None };
    if let ExprKind::Name(head) = &base.kind {
        let head = Ident { text: head.clone(), span: base.span };
        return Some((head, name.text.clone()));
    }
    let (head, rest) = dotted(base)?;
    Some((head, format!("{rest}.{}", name.text)))
}

fn unknown_field(id: HeaderId, rest: &str, span: Span) -> Diagnostic {
    let def = id.def();
    let message = format!("the header `{}` has no field `{rest}`", def.name);
    let unknown = error("E0701", message, span, "not known");
    match nearest(rest, def.fields.iter().map(|f| f.name)) {
        Some(near) => {
            let whole = format!("{}.{near}", def.name);
            unknown.note(format!("`{whole}` perhaps?")).patch(span, whole)
        }
        None => {
            let names: Vec<_> = def.fields.iter().map(|f| f.name).collect();
            unknown.note(format!("its fields are {}", names.join(", ")))
        }
    }
}

fn fits(kind: Kind, operand: &Operand, span: Span) -> Built<()> {
    if let (Kind::Number(width), Operand::Constant(value)) = (kind, operand)
        && width < 128
        && value >> width != 0
    {
        let message = format!("{value} does not fit the {width} bits of what it is compared with");
        return refuse(error("E0706", message, span, "too great"));
    }
    Ok(())
}

fn prefix4(address: u32, len: u8) -> Term {
    let host = u32::MAX.checked_shr(len.into()).unwrap_or(0);
    Term::Prefix(Kind::Ip4, (address & !host).into(), (address | host).into())
}

fn prefix6(address: u128, len: u8) -> Term {
    let host = u128::MAX.checked_shr(len.into()).unwrap_or(0);
    Term::Prefix(Kind::Ip6, address & !host, address | host)
}

fn literal_term(literal: &Literal, span: Span) -> Built<Term> {
    let scalar = |kind, value| Ok(Term::Scalar(kind, Operand::Constant(value)));
    match literal {
        Literal::Int { value, .. } => scalar(Kind::Number(128), *value),
        Literal::Bool(value) => scalar(Kind::Bool, (*value).into()),
        Literal::Ip4(address) => scalar(Kind::Ip4, (*address).into()),
        Literal::Ip6(address) => scalar(Kind::Ip6, *address),
        Literal::Mac(address) => scalar(Kind::Mac, (*address).into()),
        Literal::Prefix4(address, len) => Ok(prefix4(*address, *len)),
        Literal::Prefix6(address, len) => Ok(prefix6(*address, *len)),
        Literal::Duration { .. } | Literal::Str(_) | Literal::Bytes(_) => refuse(error(
            "E0702",
            "this cannot be part of a filter".to_string(),
            span,
            "filters compare header fields with numbers and addresses",
        )),
    }
}
