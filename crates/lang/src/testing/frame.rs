//! Frames as tests write them: headers with some of their fields, and a payload.

use super::{Constant, Constants};
use crate::filter;
use crate::syntax::ast::{Expr, ExprKind, Frame, HeaderLiteral, Literal};
use crate::syntax::nearest;
use trama_wire::Packet;
use trama_wire::header::{FieldDef, FieldRef, FieldType, HEADERS, HeaderId};

/// Builds the frame; the reason if it cannot be built.
pub(super) fn build(frame: &Frame, constants: &Constants<'_>) -> Result<Packet, String> {
    let (stack, payload) = match frame {
        Frame::Hex(bytes) => return Ok(Packet::new(bytes)),
        Frame::Stack(stack, payload) => (stack, payload),
    };
    let mut headers = Vec::with_capacity(stack.len());
    for literal in stack {
        headers.push(header(literal, constants)?);
    }
    Packet::build(&headers, payload).ok_or_else(|| {
        let names: Vec<_> = stack.iter().map(|h| h.header.text.as_str()).collect();
        format!("the headers {} do not stand on each other", names.join("/"))
    })
}

fn header(
    literal: &HeaderLiteral,
    constants: &Constants<'_>,
) -> Result<(HeaderId, Vec<(FieldRef, u128)>), String> {
    let name = &literal.header.text;
    let Some(id) = HeaderId::by_name(name) else {
        return Err(unknown("header", name, HEADERS.iter().map(|h| h.name)));
    };
    let mut fields = Vec::with_capacity(literal.fields.len());
    for (field, value) in &literal.fields {
        let Some(known) = id.field(&field.text) else {
            let names = id.def().fields.iter().map(|f| f.name);
            return Err(unknown(&format!("field of `{name}`"), &field.text, names));
        };
        let value = constant(value, constants)?;
        let value = field_value(known.def(), value.scalar)
            .map_err(|why| format!("`{name}.{}` {why}", field.text))?;
        fields.push((known, value));
    }
    Ok((id, fields))
}

fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> String {
    match nearest(name, known) {
        Some(near) => format!("`{name}` is no {what}; `{near}` perhaps?"),
        None => format!("`{name}` is no {what}"),
    }
}

/// The value as the field holds it, or what is wrong with it.
fn field_value(def: &FieldDef, value: Option<filter::Constant>) -> Result<u128, String> {
    use filter::Constant as C;
    let wanted = match def.ty {
        FieldType::Uint => "a number",
        FieldType::Bool => "true or false",
        FieldType::Mac => "an Ethernet address",
        FieldType::Ip4 => "an IPv4 address",
        FieldType::Ip6 => "an IPv6 address",
    };
    match (def.ty, value) {
        (FieldType::Uint, Some(C::Number(n))) if def.width == 128 || n >> def.width == 0 => Ok(n),
        (FieldType::Uint, Some(C::Number(n))) => {
            Err(format!("has {} bits, which {n} does not fit", def.width))
        }
        (FieldType::Bool, Some(C::Bool(b))) => Ok(b.into()),
        (FieldType::Mac, Some(C::Mac(a))) => Ok(a.into()),
        (FieldType::Ip4, Some(C::Ip4(a))) => Ok(a.into()),
        (FieldType::Ip6, Some(C::Ip6(a))) => Ok(a),
        _ => Err(format!("takes {wanted}")),
    }
}

/// The value of a constant expression: literals here, the rest by the program.
pub(super) fn constant(expr: &Expr, constants: &Constants<'_>) -> Result<Constant, String> {
    let ExprKind::Literal(literal) = &expr.kind else { return constants(expr) };
    use filter::Constant as C;
    let one = |leaf: u128, scalar| Ok(Constant { leaves: vec![leaf], scalar: Some(scalar) });
    match literal {
        Literal::Int { value, .. } => one(*value, C::Number(*value)),
        Literal::Duration { nanos, .. } => {
            Ok(Constant { leaves: vec![(*nanos).into()], scalar: None })
        }
        Literal::Bool(value) => one((*value).into(), C::Bool(*value)),
        Literal::Ip4(a) => one((*a).into(), C::Ip4(*a)),
        Literal::Ip6(a) => one(*a, C::Ip6(*a)),
        Literal::Mac(a) => one((*a).into(), C::Mac(*a)),
        Literal::Prefix4(a, len) => Ok(Constant {
            leaves: vec![(*a).into(), (*len).into()],
            scalar: Some(C::Prefix4(*a, *len)),
        }),
        Literal::Prefix6(a, len) => {
            Ok(Constant { leaves: vec![*a, (*len).into()], scalar: Some(C::Prefix6(*a, *len)) })
        }
        Literal::Str(_) | Literal::Bytes(_) => {
            Err("a text is a value of a state object with bytes only".to_string())
        }
    }
}
