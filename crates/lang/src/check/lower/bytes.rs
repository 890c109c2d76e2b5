//! Byte strings: literals, slices, and what is asked of them.

use super::expr::path_of;
use super::{Lowerer, Val};
use crate::check::fold;
use crate::check::types::{Type, message_type};
use crate::diagnostic::Diagnostic;
use crate::ir::{Extract, Extractor, StmtKind};
use crate::source::Span;
use crate::syntax::ast::{self, ExprKind};
use trama_wire::bytes::{ByteString, LEN_MAX, leaf_count};

/// Methods of byte strings.
pub(super) const METHODS: [&str; 6] =
    ["starts_with", "ends_with", "contains", "lower", "labels", "push"];

/// Most characters of an IPv4 address.
const IP4_TEXT_MAX: u8 = 15;
/// Most characters of an IPv6 address.
const IP6_TEXT_MAX: u8 = 39;

impl Lowerer<'_> {
    /// Constant bytes as a value of the expected type, if that is one of bytes, else of their own
    /// length.
    pub(super) fn bytes_literal(
        &mut self,
        bytes: &[u8],
        expected: Option<&Type>,
        span: Span,
    ) -> Val {
        let max = match expected {
            Some(Type::Bytes(max)) => usize::from(*max),
            _ => bytes.len().clamp(1, LEN_MAX),
        };
        if bytes.len() > max {
            let message = format!("{} bytes do not fit `bytes[{max}]`", bytes.len());
            self.sink.error("E0202", message, span, format!("the most is {max}"));
            return Val::error();
        }
        let max = max as u8;
        let widths = Type::Bytes(max).widths();
        let leaves = ByteString::new(bytes).leaves(max).into_iter().zip(widths);
        let leaves = leaves.map(|(leaf, width)| fold::constant(leaf, width)).collect();
        Val { ty: Type::Bytes(max), leaves }
    }

    /// A byte string as one that may be longer.
    pub(super) fn grown(mut value: Val, max: u8) -> Val {
        value.leaves.resize(leaf_count(max), fold::constant(0, 128));
        Val { ty: Type::Bytes(max), leaves: value.leaves }
    }

    /// `base[from..to]` of a payload or a byte string; `None` if `base` is neither or `index` is no
    /// range.
    pub(super) fn slice(&mut self, base: &ast::Expr, index: &ast::Expr) -> Option<Val> {
        let ExprKind::Range { from, to, inclusive } = &index.kind else { return None };
        let payload = match path_of(base) {
            Some((root, path)) if matches!(&path[..], [name] if name.text == "payload") => {
                self.packet_named(root)
            }
            _ => None,
        };
        let mark = self.code.len();
        let mut text = match payload {
            Some(_) => Val::unit(),
            None if self.state_named(base).is_some() => return None,
            None => self.expr(base, None),
        };
        let number = Type::Uint(32);
        let ends = self.operands([(&**from, Some(number.clone())), (&**to, Some(number))]);
        self.protect(&mut text, mark);
        let [from, to] = <[Val; 2]>::try_from(ends).ok()?.map(|end| end.leaf(32));
        let one = fold::constant(u128::from(*inclusive), 32);
        let to = fold::binary(crate::ir::BinaryOp::Add, to, one);
        let span = match (fold::known(&from), fold::known(&to)) {
            (Some(from), Some(to)) => usize::try_from(to.saturating_sub(from)).unwrap_or(LEN_MAX),
            _ => LEN_MAX,
        };
        if span == 0 || span > LEN_MAX {
            let message = format!("a slice has 1 to {LEN_MAX} bytes");
            self.sink.error("E0202", message, index.span, format!("this has {span}"));
            return Some(Val::error());
        }
        if let Some(packet) = payload {
            if !self.require_held(packet, base.span) {
                return Some(Val::error());
            }
            return Some(self.extract(
                Some(packet),
                Extractor::Payload,
                span as u8,
                vec![from, to],
            ));
        }
        match text.ty {
            Type::Bytes(max) => {
                let args = [from, to].into_iter().chain(text.leaves).collect();
                let whole = self.extract(None, Extractor::Slice, max, args);
                let max = max.min(span as u8);
                let leaves = whole.leaves[..leaf_count(max)].to_vec();
                // A slice is not longer than its ends say.
                Some(Val { ty: Type::Bytes(max), leaves })
            }
            ref ty if ty.is_silent() => Some(Val::error()),
            ty => {
                let message = format!("{} has no slices", ty.with_article());
                self.sink.error("E0203", message, base.span, "only byte strings and payloads");
                Some(Val::error())
            }
        }
    }

    /// Emits an extraction and gives its one result.
    pub(super) fn extract(
        &mut self,
        packet: Option<usize>,
        what: Extractor,
        max: u8,
        args: Vec<crate::ir::Expr>,
    ) -> Val {
        let extract = Extract { what, max };
        let results: Vec<_> =
            extract.result_widths().into_iter().map(|width| self.fresh(width)).collect();
        let value = self.read_all(result_type(what, max), &results);
        let packet = packet.map(|packet| self.packets[packet].register);
        self.emit(StmtKind::Extract { packet, extract, args, results });
        value
    }

    /// `text.method(args)` of a byte string.
    pub(super) fn bytes_method(
        &mut self,
        text: Val,
        max: u8,
        method: &ast::Ident,
        args: &[ast::Expr],
        span: Span,
    ) -> Val {
        match method.text.as_str() {
            "lower" => match self.args_as(method, args, &[], span) {
                Some(_) => self.extract(None, Extractor::Lower, max, text.leaves),
                None => Val::error(),
            },
            "labels" => self.bytes_and_number(Extractor::Labels, text, max, (method, args), span),
            "push" => self.bytes_and_number(Extractor::Push, text, max, (method, args), span),
            name => {
                let what = match name {
                    "starts_with" => Extractor::StartsWith,
                    "ends_with" => Extractor::EndsWith,
                    _ => Extractor::Contains,
                };
                self.compare_bytes(what, text, max, (method, args), span)
            }
        }
    }

    /// What an extractor makes of a number and a byte string.
    fn bytes_and_number(
        &mut self,
        what: Extractor,
        mut text: Val,
        max: u8,
        (method, args): (&ast::Ident, &[ast::Expr]),
        span: Span,
    ) -> Val {
        let width = if what == Extractor::Push { 8 } else { 32 };
        let mark = self.code.len();
        let Some(number) = self.args_as(method, args, &[Type::Uint(width)], span) else {
            return Val::error();
        };
        self.protect(&mut text, mark);
        let number = number.into_iter().map(|number| number.leaf(width));
        self.extract(None, what, max, number.chain(text.leaves).collect())
    }

    /// `address.text()`
    pub(super) fn address_text(
        &mut self,
        address: Val,
        method: &ast::Ident,
        args: &[ast::Expr],
        span: Span,
    ) -> Val {
        let (what, max, width) = match address.ty {
            Type::Ip4 => (Extractor::Ip4Text, IP4_TEXT_MAX, 32),
            _ => (Extractor::Ip6Text, IP6_TEXT_MAX, 128),
        };
        match self.args_as(method, args, &[], span) {
            Some(_) => self.extract(None, what, max, vec![address.leaf(width)]),
            None => Val::error(),
        }
    }

    fn compare_bytes(
        &mut self,
        what: Extractor,
        mut text: Val,
        max: u8,
        (method, args): (&ast::Ident, &[ast::Expr]),
        span: Span,
    ) -> Val {
        let [arg] = args else {
            let message = format!("`{}` takes a text", method.text);
            self.sink.error("E0204", message, span, "write `.starts_with(\"www.\")`");
            return Val::error();
        };
        let mark = self.code.len();
        // A text that is longer than the byte string can be is not in it; it is no mistake.
        let part = self.expr(arg, Some(&Type::Bytes(LEN_MAX as u8)));
        self.protect(&mut text, mark);
        match part.ty {
            Type::Bytes(own) => {
                let known = fold::known(&part.leaves[0]);
                let own = known.map_or(own, |len| (len as u8).max(1));
                let max = max.max(own);
                let mut leaves = Self::grown(text, max).leaves;
                leaves.extend(Self::grown(part, max).leaves);
                self.extract(None, what, max, leaves)
            }
            ty if ty.is_silent() => Val::error(),
            ty => {
                let message = format!("`{}` takes a text, not {}", method.text, ty.with_article());
                self.sink.report(
                    Diagnostic::error("E0201", message, arg.span, "not bytes")
                        .note("for example `\".example.com\"`, or a value of type `bytes[64]`"),
                );
                Val::error()
            }
        }
    }
}

/// The type of what an extractor gives.
fn result_type(what: Extractor, max: u8) -> Type {
    let message = match what {
        Extractor::Payload
        | Extractor::Slice
        | Extractor::Lower
        | Extractor::Labels
        | Extractor::Push
        | Extractor::Ip4Text
        | Extractor::Ip6Text => return Type::Bytes(max),
        Extractor::StartsWith | Extractor::EndsWith | Extractor::Contains => return Type::Bool,
        Extractor::TlsServerName | Extractor::QuicServerName => {
            return Type::Bytes(max).optional();
        }
        Extractor::DnsQuestion => "DnsQuestion",
        Extractor::DnsAnswer => "DnsRecord",
        Extractor::TlsClientHello | Extractor::QuicClientHello => "ClientHello",
    };
    message_type(message).map_or(Type::Error, Type::optional)
}
