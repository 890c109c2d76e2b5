//! What the language calls by itself: `Some`, `hash`, `min`, `max`, `zero`, and methods of values
//! and packets.

use super::expr::path_of;
use super::property::meta;
use super::{Lowerer, Val, bytes};
use crate::check::facts::Facts;
use crate::check::fold;
use crate::check::types::Type;
use crate::check::value::Value;
use crate::diagnostic::Diagnostic;
use crate::ir::{BinaryOp as Op, Expr, ExprKind, Extractor, Meta, StmtKind};
use crate::source::Span;
use crate::syntax::ast;
use crate::syntax::nearest;
use trama_state::Shape;
use trama_wire::header::HeaderId;

impl Lowerer<'_> {
    /// A call of a built-in function, if `name` is one.
    pub(super) fn built_in(
        &mut self,
        name: &ast::Ident,
        args: &[ast::Expr],
        expected: Option<&Type>,
        span: Span,
    ) -> Option<Val> {
        Some(match name.text.as_str() {
            "Some" => self.some(name, args, expected, span),
            "hash" => self.hash(args, span),
            "min" | "max" => self.extreme(name, args, expected, span),
            "zero" => self.zero(args, expected, span),
            "load" => {
                let message = "`load` gives a table: for constants and parameters only";
                self.sink.error("E0212", message, span, "not possible here");
                Val::error()
            }
            _ => return None,
        })
    }

    /// `zero()`: a value all of whose parts are zero, of the type that is expected.
    fn zero(&mut self, args: &[ast::Expr], expected: Option<&Type>, span: Span) -> Val {
        if !args.is_empty() {
            self.sink.error("E0204", "`zero` takes nothing", span, "wrong number of values");
            return Val::error();
        }
        match expected {
            Some(ty) if ty.is_silent() => Val::error(),
            Some(ty) if ty.is_storable() => Val::zero(ty.clone()),
            _ => {
                let message = "the type of this `zero()` is not known";
                self.sink.report(
                    Diagnostic::error("E0219", message, span, "zeros of what?")
                        .note("write the type: `let x: Usage = zero()`"),
                );
                Val::error()
            }
        }
    }

    fn some(
        &mut self,
        name: &ast::Ident,
        args: &[ast::Expr],
        expected: Option<&Type>,
        span: Span,
    ) -> Val {
        let [arg] = args else {
            self.sink.error("E0204", "`Some` takes one value", span, "wrong number of values");
            return Val::error();
        };
        let value = match expected {
            Some(Type::Option(inner)) => self.expr_as(arg, inner),
            _ => self.expr(arg, None),
        };
        if value.ty.is_silent() {
            return Val::error();
        }
        if !value.ty.is_storable() {
            let message = format!("there is no option of {}", value.ty.with_article());
            self.sink.error("E0212", message, name.span, "not possible here");
            return Val::error();
        }
        let mut leaves = vec![fold::truth(true)];
        leaves.extend(value.leaves);
        Val { ty: value.ty.optional(), leaves }
    }

    /// `hash(a, b, …)`
    fn hash(&mut self, args: &[ast::Expr], span: Span) -> Val {
        if args.is_empty() {
            self.sink.error("E0204", "`hash` takes at least one value", span, "hash of what?");
            return Val::error();
        }
        let values = self.operands(args.iter().map(|arg| (arg, None)));
        for (value, arg) in values.iter().zip(args) {
            if value.ty.is_silent() {
                return Val::error();
            }
            if !value.ty.is_storable() {
                let message = format!("{} has no hash", value.ty.with_article());
                self.sink.error("E0212", message, arg.span, "not possible here");
                return Val::error();
            }
        }
        let leaves: Vec<Expr> = values.into_iter().flat_map(|value| value.leaves).collect();
        let known: Option<Vec<u128>> = leaves.iter().map(fold::known).collect();
        let hash = match known {
            Some(known) => {
                let shape = Shape(leaves.iter().map(|leaf| leaf.width).collect());
                let mut packed = Vec::new();
                shape.pack(&known, &mut packed);
                fold::constant(u128::from(trama_state::hash::stable(&packed)), 64)
            }
            None => Expr { kind: ExprKind::Hash(leaves), width: 64 },
        };
        Val::scalar(Type::Uint(64), hash)
    }

    /// `min(a, b)`, `max(a, b)`
    fn extreme(
        &mut self,
        name: &ast::Ident,
        args: &[ast::Expr],
        expected: Option<&Type>,
        span: Span,
    ) -> Val {
        let [a, b] = args else {
            let message = format!("`{}` takes two values", name.text);
            self.sink.error("E0204", message, span, "wrong number of values");
            return Val::error();
        };
        let hint = expected.filter(|ty| ty.is_integer());
        let (a, b) = self.balanced(a, b, hint, ast::BinaryOp::Add);
        if a.ty.is_silent() || b.ty.is_silent() {
            return Val::error();
        }
        let (x, y) = (a.ty.clone(), b.ty.clone());
        let comparable = super::operator::widen(a, b)
            .and_then(|(a, b)| Some((a.ty.scalar_width().filter(|_| a.ty != Type::Bool)?, a, b)));
        let Some((width, a, b)) = comparable else {
            let message = format!("`{}` is not defined for `{x}` and `{y}`", name.text);
            self.sink.error("E0203", message, span, "only for numbers of one type");
            return Val::error();
        };
        let less = if matches!(a.ty, Type::Int(_)) { Op::LtS } else { Op::LtU };
        let ty = a.ty.clone();
        let (a, b) = (a.leaf(width), b.leaf(width));
        let (a, b) = (self.simple(a), self.simple(b));
        let a_is_less = fold::binary(less, a.clone(), b.clone());
        let (yes, no) = if name.text == "min" { (a, b) } else { (b, a) };
        Val::scalar(ty, fold::select(a_is_less, yes, no))
    }

    /// `base.method(args)`
    pub(super) fn method(
        &mut self,
        base: &ast::Expr,
        method: &ast::Ident,
        args: &[ast::Expr],
        span: Span,
    ) -> Val {
        if let Some((root, path)) = path_of(base)
            && let Some(packet) = self.packet_named(root)
            && let Some(value) = self.packet_method(packet, &path, method, args, span)
        {
            return value;
        }
        if let Some(value) = self.state_method(base, method, args, span) {
            return value;
        }
        let mut value = self.expr(base, None);
        match (&value.ty, method.text.as_str()) {
            (ty, _) if ty.is_silent() => {
                self.check_args(args);
                Val::error()
            }
            (Type::Option(inner), "or") => {
                let inner = (**inner).clone();
                let [default] = args else {
                    let message = "`or` takes the value to use if there is none";
                    self.sink.error("E0204", message, span, "write `.or(default)`");
                    return Val::error();
                };
                let mark = self.code.len();
                let default = self.expr_as(default, &inner);
                self.protect(&mut value, mark);
                let mut leaves = value.leaves.into_iter();
                let tag = leaves.next().unwrap_or_else(|| fold::truth(false));
                let tag = self.simple(tag);
                let leaves = leaves
                    .zip(default.leaves)
                    .map(|(some, none)| fold::select(tag.clone(), some, none))
                    .collect();
                Val { ty: inner, leaves }
            }
            (&Type::Bytes(max), name) if bytes::METHODS.contains(&name) => {
                self.bytes_method(value, max, method, args, span)
            }
            (Type::Ip4 | Type::Ip6, "text") => self.address_text(value, method, args, span),
            (Type::Prefix4 | Type::Prefix6, "contains") => {
                let address = if value.ty == Type::Prefix4 { Type::Ip4 } else { Type::Ip6 };
                let mark = self.code.len();
                let Some(args) = self.args_as(method, args, &[address], span) else {
                    return Val::error();
                };
                self.protect(&mut value, mark);
                let prefix = self.simple_all(value);
                let address = args.into_iter().next().unwrap_or_else(Val::error).leaf(32);
                Val::truth(Self::in_prefix(address, &prefix))
            }
            _ => self.unknown_method(&value.ty, method, args),
        }
    }

    /// Checks the arguments of a call that cannot be understood. A packet may be one.
    pub(super) fn check_args(&mut self, args: &[ast::Expr]) {
        for arg in args {
            if self.packet_named(arg).is_none() {
                self.expr(arg, None);
            }
        }
    }

    fn unknown_method(&mut self, ty: &Type, method: &ast::Ident, args: &[ast::Expr]) -> Val {
        let message = format!("`{ty}` has no `{}`", method.text);
        let mut diagnostic = Diagnostic::error("E0110", message, method.span, "no such operation");
        let known: &[&str] = match ty {
            Type::Option(_) => &["or", "is_some", "is_none"],
            Type::Prefix4 | Type::Prefix6 => &["contains"],
            Type::Bytes(_) => &bytes::METHODS,
            Type::Ip4 | Type::Ip6 => &["text"],
            _ => &[],
        };
        if known.contains(&method.text.as_str()) && !matches!(ty, Type::Bytes(_)) {
            let note = format!("it takes no arguments: write `.{}`", method.text);
            diagnostic = diagnostic.note(note);
        } else if let Some(near) = nearest(&method.text, known.iter().copied()) {
            diagnostic =
                diagnostic.note(format!("did you mean `{near}`?")).patch(method.span, near);
        } else if ty.field(&method.text).is_some() {
            diagnostic = diagnostic.note(format!("it is a field: write `.{}`", method.text));
        }
        self.sink.report(diagnostic);
        self.check_args(args);
        Val::error()
    }

    /// `table.len`; `None` if `base` is no table.
    pub(super) fn table_property(&mut self, base: &ast::Expr, field: &ast::Ident) -> Option<Val> {
        let ast::ExprKind::Name(name) = &base.kind else { return None };
        let is_bound = self.bindings[self.visible_from..]
            .iter()
            .any(|b| b.name == *name && !matches!(b.bound, super::Bound::Constant(_)));
        if is_bound || field.text != "len" {
            return None;
        }
        match self.lookup(name, base.span)? {
            super::name::Named::Constant(Value::Table { rows, .. }) => {
                let len = fold::constant(rows.len() as u128, 64);
                Some(Val::scalar(Type::Uint(64), len))
            }
            _ => None,
        }
    }

    /// A method of a packet; `None` if the path is that of a value, whose method it is then.
    fn packet_method(
        &mut self,
        packet: usize,
        path: &[&ast::Ident],
        method: &ast::Ident,
        args: &[ast::Expr],
        span: Span,
    ) -> Option<Val> {
        let words: Vec<&str> = path.iter().map(|part| part.text.as_str()).collect();
        match (&words[..], method.text.as_str()) {
            ([], "truncate") => {
                let args = self.args_as(method, args, &[Type::Uint(32)], span);
                let len = args?.into_iter().next()?.leaf(32);
                if self.require_held(packet, span) {
                    self.emit(StmtKind::Truncate(self.packets[packet].register, len));
                    self.headers_changed(packet, Facts::any());
                }
                Some(Val::unit())
            }
            (["tcp"], "shift_sack") => {
                let args = self.args_as(method, args, &[Type::Uint(32)], span);
                let delta = args?.into_iter().next()?.leaf(32);
                let sound = self.require_held(packet, span)
                    && self.require_header(packet, HeaderId::TCP, span);
                if sound {
                    self.emit(StmtKind::ShiftSack(self.packets[packet].register, delta));
                }
                Some(Val::unit())
            }
            (["dns"], "answer") => {
                let index = self.args_as(method, args, &[Type::Uint(32)], span)?;
                let index = index.into_iter().map(|index| index.leaf(32)).collect();
                let there = self.require_held(packet, span)
                    && self.require_header(packet, HeaderId::DNS, span);
                let max = trama_wire::bytes::LEN_MAX as u8;
                Some(match there {
                    true => self.extract(Some(packet), Extractor::DnsAnswer, max, index),
                    false => Val::error(),
                })
            }
            (["ip"], "has_option") => Some(self.has_option(packet, args, span)),
            (["payload"], name) => {
                let (is_write, size) = match name.strip_prefix("set_") {
                    Some(size) => (true, size),
                    None => (false, name),
                };
                let Some(width) = payload_width(size) else {
                    self.unknown_payload_method(method);
                    return Some(Val::error());
                };
                Some(self.payload(packet, method, args, (is_write, width), span))
            }
            ([], _) => {
                let message = format!("a packet has no operation `{}`", method.text);
                let mut diagnostic =
                    Diagnostic::error("E0110", message, method.span, "no such operation");
                if nearest(&method.text, ["truncate"]).is_some() {
                    diagnostic =
                        diagnostic.note("did you mean `truncate`?").patch(method.span, "truncate");
                }
                self.sink.report(diagnostic);
                Some(Val::error())
            }
            _ => None,
        }
    }

    fn has_option(&mut self, packet: usize, args: &[ast::Expr], span: Span) -> Val {
        let number = match args {
            [arg] => self.const_expr(arg, &Type::Uint(8)).and_then(|value| value.as_u64()),
            _ => {
                let message = "`has_option` takes the type of an IPv4 option";
                self.sink.error("E0204", message, span, "for example `has_option(131)`");
                None
            }
        };
        let held =
            self.require_held(packet, span) && self.require_header(packet, HeaderId::IP, span);
        let Some(number) = number.and_then(|n| u8::try_from(n).ok()).filter(|_| held) else {
            return Val::error();
        };
        let register = self.packets[packet].register;
        Val::truth(meta(register, Meta::HasIpOption(number), 1))
    }

    /// `p.payload.u16(offset)`, `p.payload.set_u16(offset, value)`
    fn payload(
        &mut self,
        packet: usize,
        method: &ast::Ident,
        args: &[ast::Expr],
        (is_write, width): (bool, u8),
        span: Span,
    ) -> Val {
        let types = [Type::Uint(32), Type::Uint(width)];
        let types = if is_write { &types[..] } else { &types[..1] };
        let Some(args) = self.args_as(method, args, types, span) else { return Val::error() };
        if !self.require_held(packet, span) {
            return Val::error();
        }
        let mut args = args.into_iter();
        let offset = args.next().unwrap_or_else(Val::error).leaf(32);
        let register = self.packets[packet].register;
        if is_write {
            let value = args.next().unwrap_or_else(Val::error).leaf(width);
            self.emit(StmtKind::SetPayload(register, offset, value));
            return Val::unit();
        }
        let offset = self.simple(offset);
        let bytes = fold::constant(u128::from(width / 8), 64);
        let end = fold::binary(Op::Add, fold::cast(offset.clone(), 64), bytes);
        let len = fold::cast(meta(register, Meta::PayloadLen, 32), 64);
        let is_there = fold::binary(Op::LeU, end, len);
        let value = Expr { kind: ExprKind::Payload(register, Box::new(offset)), width };
        Val { ty: Type::Uint(width).optional(), leaves: vec![is_there, value] }
    }

    fn unknown_payload_method(&mut self, method: &ast::Ident) {
        let message = format!("a payload has no operation `{}`", method.text);
        let known = ["u8", "u16", "u32", "u64", "set_u8", "set_u16", "set_u32", "set_u64"];
        self.sink.report(
            Diagnostic::error("E0110", message, method.span, "no such operation")
                .note(format!("it has {}", known.join(", "))),
        );
    }
}

fn payload_width(name: &str) -> Option<u8> {
    Some(match name {
        "u8" => 8,
        "u16" => 16,
        "u32" => 32,
        "u64" => 64,
        _ => return None,
    })
}
