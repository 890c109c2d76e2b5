//! Reading packets: header fields and properties.

use super::{Lowerer, Val};
use crate::check::facts::closure;
use crate::check::fold;
use crate::check::headers::{UserField, UserHeader};
use crate::check::types::{TCP_OPTIONS, Type, flow_type, tcp_options_type};
use crate::diagnostic::Diagnostic;
use crate::ir::{BinaryOp as Op, Expr, ExprKind, Extractor, Meta, PacketId, TcpOption};
use crate::source::Span;
use crate::syntax::ast;
use crate::syntax::nearest;
use trama_wire::bytes::LEN_MAX;
use trama_wire::header::{FieldRef, FieldType, HEADERS, HeaderId, HeaderSet};

/// Something of a packet that can be read, and mostly written.
#[derive(Clone, Debug)]
pub(super) enum Property {
    /// A stored field.
    Field(FieldRef),
    /// A field of a declared header.
    Declared(UserField),
    /// `p.mark`
    Mark,
    /// `p.tcp.mss` and the like.
    Option(TcpOption),
    /// `p.tcp.options`
    Options,
    /// What can only be read.
    ReadOnly(Val),
}

impl Lowerer<'_> {
    /// `p.path` as a value.
    pub(super) fn property(&mut self, packet: usize, path: &[&ast::Ident], span: Span) -> Val {
        match self.find_property(packet, path, span) {
            Some(property) => self.read_property(packet, &property),
            None => Val::error(),
        }
    }

    /// The value of a property.
    pub(super) fn read_property(&self, packet: usize, property: &Property) -> Val {
        let register = self.packets[packet].register;
        match property {
            Property::Field(field) => Val::scalar(field_type(*field), field_expr(register, *field)),
            Property::Declared(field) => Val::scalar(field.ty.clone(), field.read(register)),
            Property::Mark => Val::scalar(Type::Uint(32), meta(register, Meta::Mark, 32)),
            Property::Option(TcpOption::SackPermitted) => {
                let has = Meta::HasTcpOption(TcpOption::SackPermitted);
                Val::truth(meta(register, has, 1))
            }
            Property::Option(option) => {
                let width = option_width(*option);
                let has = meta(register, Meta::HasTcpOption(*option), 1);
                let value = meta(register, Meta::TcpOption(*option), 32);
                let leaves = vec![has, fold::cast(value, width)];
                Val { ty: Type::Uint(width).optional(), leaves }
            }
            Property::Options => {
                let each = TCP_OPTIONS.iter().map(|option| Property::Option(option.1));
                let leaves = each.flat_map(|option| self.read_property(packet, &option).leaves);
                Val { ty: Type::Record(tcp_options_type()), leaves: leaves.collect() }
            }
            Property::ReadOnly(value) => value.clone(),
        }
    }

    /// What `p.path` means. Reports unknown names, headers that are not proven to be there, and
    /// packets that are gone.
    pub(super) fn find_property(
        &mut self,
        packet: usize,
        path: &[&ast::Ident],
        span: Span,
    ) -> Option<Property> {
        let (first, rest) = path.split_first()?;
        if let Some(found) = self.message_property(packet, first, rest, span) {
            return found;
        }
        if let Some(header) = HeaderId::by_name(&first.text) {
            let property = self.header_property(packet, header, first, rest)?;
            let held = self.require_held(packet, span);
            return (held && self.require_header(packet, header, span)).then_some(property);
        }
        if let ("payload", [len]) = (first.text.as_str(), rest)
            && len.text == "len"
        {
            let register = self.packets[packet].register;
            let len = meta(register, Meta::PayloadLen, 32);
            let held = self.require_held(packet, span);
            return held.then(|| Property::ReadOnly(Val::scalar(Type::Uint(32), len)));
        }
        let property = match first.text.as_str() {
            "len" | "proto" | "mark" | "flow" | "flow6" => first.text.as_str(),
            "payload" => {
                let message = "the payload is read by `.len`, `.u8(offset)`, `.u16(offset)` …";
                self.sink.error("E0105", message, span, "not a value by itself");
                return None;
            }
            _ => {
                self.unknown_property(packet, first);
                return None;
            }
        };
        if !self.require_held(packet, span) {
            return None;
        }
        let register = self.packets[packet].register;
        let (property, ty) = match property {
            "mark" => (Property::Mark, Type::Uint(32)),
            "len" => {
                let value = Val::scalar(Type::Uint(32), meta(register, Meta::Len, 32));
                (Property::ReadOnly(value), Type::Uint(32))
            }
            "proto" => {
                let value = Val::scalar(Type::Uint(8), meta(register, Meta::Proto, 8));
                (Property::ReadOnly(value), Type::Uint(8))
            }
            name => {
                let header = if name == "flow" { HeaderId::IP } else { HeaderId::IP6 };
                if !self.require_header(packet, header, span) {
                    return None;
                }
                let flow = self.flow_value(packet, header);
                let ty = flow.ty.clone();
                (Property::ReadOnly(flow), ty)
            }
        };
        self.rest_of_property(packet, property, &ty, rest)
    }

    /// What a path means that begins with a declared header, `tls` or `quic`; none for others.
    fn message_property(
        &mut self,
        packet: usize,
        first: &ast::Ident,
        rest: &[&ast::Ident],
        span: Span,
    ) -> Option<Option<Property>> {
        if let Some(header) = self.items.headers.iter().find(|h| h.name == first.text) {
            return Some(self.declared_property(packet, header, rest, span));
        }
        if self.items.broken_headers.contains(first.text.as_str()) {
            return Some(None);
        }
        if !matches!(first.text.as_str(), "tls" | "quic") {
            return None;
        }
        let Some((name, rest)) = rest.split_first() else {
            let message = format!("`{}` is not a value by itself", first.text);
            let note = format!("it has {}", CLIENT_PROPERTIES.map(|known| known.0).join(", "));
            let diagnostic = Diagnostic::error("E0105", message, first.span, "which part?");
            self.sink.report(diagnostic.note(note));
            return Some(None);
        };
        let value = self.client_property(packet, first, name, span);
        Some(value.and_then(|value| {
            let (property, ty) = (Property::ReadOnly(value.clone()), value.ty);
            self.rest_of_property(packet, property, &ty, rest)
        }))
    }

    /// `p.header.field` of a declared header.
    fn declared_property(
        &mut self,
        packet: usize,
        header: &UserHeader,
        rest: &[&ast::Ident],
        span: Span,
    ) -> Option<Property> {
        let dotted: Vec<_> = rest.iter().map(|part| part.text.as_str()).collect();
        let held = self.require_held(packet, span);
        if !held || !self.require_header(packet, header.id, span) {
            return None;
        }
        if let Some(field) = header.field(&dotted.join(".")) {
            return Some(Property::Declared(field.clone()));
        }
        let at = rest.last().map_or(span, |part| part.span);
        let message = format!("the header `{}` has no field `{}`", header.name, dotted.join("."));
        let names: Vec<&str> = header.fields.iter().map(|field| field.name.as_str()).collect();
        let diagnostic = Diagnostic::error("E0105", message, at, "no such field");
        self.sink.report(match nearest(&dotted.join("."), names.iter().copied()) {
            Some(near) => diagnostic.note(format!("did you mean `{near}`?")).patch(at, near),
            None => diagnostic.note(format!("it has {}", names.join(", "))),
        });
        None
    }

    /// `p.tls.name`, `p.quic.name`: what a client says first.
    fn client_property(
        &mut self,
        packet: usize,
        protocol: &ast::Ident,
        name: &ast::Ident,
        span: Span,
    ) -> Option<Val> {
        let Some(known) = CLIENT_PROPERTIES.iter().find(|known| known.0 == name.text) else {
            let message = format!("`{}` has no `{}`", protocol.text, name.text);
            let names = CLIENT_PROPERTIES.map(|known| known.0);
            let mut diagnostic = Diagnostic::error("E0105", message, name.span, "no such part");
            diagnostic = match nearest(&name.text, names) {
                Some(near) => {
                    diagnostic.note(format!("did you mean `{near}`?")).patch(name.span, near)
                }
                None => diagnostic.note(format!("it has {}", names.join(", "))),
            };
            self.sink.report(diagnostic);
            return None;
        };
        let (header, what) = match protocol.text.as_str() {
            "tls" => (HeaderId::TCP, known.1),
            _ => (HeaderId::UDP, known.2),
        };
        let held = self.require_held(packet, span);
        let proven = held && self.require_header(packet, header, span);
        proven.then(|| self.extract(Some(packet), what, LEN_MAX as u8, Vec::new()))
    }

    /// Applies field names that follow a property: `p.flow.src`, `p.flow.reversed`.
    fn rest_of_property(
        &mut self,
        packet: usize,
        property: Property,
        ty: &Type,
        rest: &[&ast::Ident],
    ) -> Option<Property> {
        let Some(last) = rest.first() else { return Some(property) };
        if ty.scalar_width().is_some() {
            self.unknown_field(ty, last);
            return None;
        }
        let mut value = self.read_property(packet, &property);
        for field in rest {
            value = self.value_field(value, field);
        }
        (!value.ty.is_silent()).then_some(Property::ReadOnly(value))
    }

    /// `p.header.rest`
    fn header_property(
        &mut self,
        packet: usize,
        header: HeaderId,
        name: &ast::Ident,
        rest: &[&ast::Ident],
    ) -> Option<Property> {
        if rest.is_empty() {
            let message = format!("the header `{}` is not a value by itself", name.text);
            self.sink.report(Diagnostic::error("E0105", message, name.span, "which field?").note(
                format!("ask if it is there by `{} is {}`", self.packets[packet].name, name.text),
            ));
            return None;
        }
        let dotted: Vec<_> = rest.iter().map(|part| part.text.as_str()).collect();
        if let Some(field) = header.field(&dotted.join(".")) {
            return Some(Property::Field(field));
        }
        let register = self.packets[packet].register;
        let read_only = |ty, value| Some(Property::ReadOnly(Val::scalar(ty, value)));
        if (header, dotted[0]) == (HeaderId::DNS, "question") {
            let max = LEN_MAX as u8;
            let question = self.extract(Some(packet), Extractor::DnsQuestion, max, Vec::new());
            let (property, ty) = (Property::ReadOnly(question.clone()), question.ty);
            return self.rest_of_property(packet, property, &ty, &rest[1..]);
        }
        match (header, dotted[0]) {
            (_, "offset") if rest.len() == 1 => {
                return read_only(Type::Uint(32), meta(register, Meta::Offset(header), 32));
            }
            (id, "checksum_ok") if rest.len() == 1 && has_checksum(id) => {
                return read_only(Type::Bool, meta(register, Meta::ChecksumOk(id), 1));
            }
            (HeaderId::TCP, "options") => {
                let ty = Type::Record(tcp_options_type());
                return self.rest_of_property(packet, Property::Options, &ty, &rest[1..]);
            }
            (HeaderId::TCP, name) => {
                if let Some(option) = tcp_option(name) {
                    let property = Property::Option(option);
                    let ty = self.read_property(packet, &property).ty;
                    return self.rest_of_property(packet, property, &ty, &rest[1..]);
                }
            }
            _ => {}
        }
        // `p.ip.src.x`: the field is right, what follows is not.
        for taken in (1..rest.len()).rev() {
            if let Some(field) = header.field(&dotted[..taken].join(".")) {
                self.unknown_field(&field_type(field), rest[taken]);
                return None;
            }
        }
        self.unknown_header_field(header, rest);
        None
    }

    /// Reports a field that a header has not.
    pub(super) fn unknown_header_field(&mut self, header: HeaderId, rest: &[&ast::Ident]) {
        let dotted: Vec<_> = rest.iter().map(|part| part.text.as_str()).collect();
        let dotted = dotted.join(".");
        let span = rest.iter().fold(rest[0].span, |all, part| all.to(part.span));
        let def = header.def();
        let message = format!("the header `{}` has no field `{dotted}`", def.name);
        let mut diagnostic = Diagnostic::error("E0105", message, span, "no such field");
        let mut names: Vec<&str> = def.fields.iter().map(|field| field.name).collect();
        names.push("offset");
        if has_checksum(header) {
            names.push("checksum_ok");
        }
        if header == HeaderId::DNS {
            names.extend(["question", "answer(n)"]);
        }
        if header == HeaderId::TCP {
            names.push("options");
            names.extend(TCP_OPTIONS.iter().map(|option| option.0));
        }
        let flag = format!("flags.{dotted}");
        let near = match names.iter().find(|name| **name == flag) {
            Some(&name) => Some(name),
            None => {
                field_alias(header, &dotted).or_else(|| nearest(&dotted, names.iter().copied()))
            }
        };
        diagnostic = match near {
            Some(near) => diagnostic.note(format!("did you mean `{near}`?")).patch(span, near),
            None => diagnostic.note(format!("it has {}", names.join(", "))),
        };
        self.sink.report(diagnostic);
    }

    fn unknown_property(&mut self, packet: usize, name: &ast::Ident) {
        let packet = &self.packets[packet].name;
        let message = format!("a packet has no `{}`", name.text);
        let label = "neither a header nor a property";
        let mut diagnostic = Diagnostic::error("E0105", message, name.span, label);
        let own = ["len", "payload", "proto", "mark", "flow", "flow6", "tls", "quic"];
        let names = HEADERS.iter().map(|h| h.name).chain(own);
        let owner =
            HEADERS.iter().find(|header| header.fields.iter().any(|field| field.name == name.text));
        if let Some(near) = nearest(&name.text, names) {
            diagnostic = diagnostic.note(format!("did you mean `{near}`?")).patch(name.span, near);
        } else if let Some(header) = owner {
            let header = header.name;
            let note =
                format!("a field is written with its header: `{packet}.{header}.{}`", name.text);
            diagnostic = diagnostic.note(note);
        }
        self.sink.report(diagnostic);
    }

    /// True if the packet certainly has the header here; else reports why it may not.
    pub(super) fn require_header(&mut self, packet: usize, header: HeaderId, span: Span) -> bool {
        let facts = &self.flow.packets[packet].facts;
        if facts.present().has(header) || !self.flow.reachable {
            return true;
        }
        if self.missing_headers.contains(&(packet, header)) {
            return false;
        }
        self.missing_headers.push((packet, header));
        let var = &self.packets[packet];
        let (name, header_name) = (&var.name, self.items.header_name(header));
        let mut diagnostic = if facts.absent().has(header) {
            let message = format!("`{name}` has no `{header_name}` header here");
            Diagnostic::error("E0301", message, span, self.why_absent(packet, header))
        } else {
            let message = format!("`{name}` may have no `{header_name}` header here");
            let label = format!("not every packet that comes here has `{header_name}`");
            Diagnostic::error("E0301", message, span, label)
        };
        if !facts.absent().has(header) {
            diagnostic = diagnostic.note(format!(
                "ask first: `if {name} is {header_name} {{ … }}`, or add it to the pattern"
            ));
            let in_table = usize::from(header.0) < HeaderId::COUNT;
            if in_table && let Some(patch) = pattern_patch(var, header) {
                diagnostic = diagnostic.patch(patch.0, patch.1);
            }
        }
        self.sink.report(diagnostic);
        // Said once: from here on it is taken to be there.
        let needed = self.items.with_parents(header);
        let assumed = self.flow.packets[packet].facts.assume(&[needed]);
        if !assumed.is_impossible() {
            self.flow.packets[packet].facts = assumed;
        }
        false
    }

    fn why_absent(&self, packet: usize, header: HeaderId) -> String {
        let present = self.flow.packets[packet].facts.present();
        let rival = present.iter().filter(|&id| closure(HeaderSet::of(id).with(header)).is_none());
        match rival.last() {
            Some(rival) => format!("it has `{}`, which excludes it", rival.def().name),
            None => "it was tested before, or removed".into(),
        }
    }

    /// `p.flow`, `p.flow6`: the five-tuple.
    fn flow_value(&self, packet: usize, header: HeaderId) -> Val {
        let register = self.packets[packet].register;
        let facts = &self.flow.packets[packet].facts;
        let field = |header: HeaderId, name: &str| {
            let field = header.field(name).expect("the header table has the field");
            field_expr(register, field)
        };
        let (name, address, icmp, echo_types) = if header == HeaderId::IP {
            ("Flow", Type::Ip4, HeaderId::ICMP, [0, 8])
        } else {
            ("Flow6", Type::Ip6, HeaderId::ICMP6, [128, 129])
        };
        let zero = || fold::constant(0, 16);
        let has = |header: HeaderId| {
            if facts.present().has(header) {
                return fold::truth(true);
            }
            if facts.absent().has(header) {
                return fold::truth(false);
            }
            Expr { kind: ExprKind::Has(register, HeaderSet::of(header)), width: 1 }
        };
        let kind = field(icmp, "type");
        let is_echo = fold::any(
            echo_types.map(|value| fold::binary(Op::Eq, kind.clone(), fold::constant(value, 8))),
        );
        let id = fold::select(fold::both(has(icmp), is_echo), field(icmp, "id"), zero());
        let port = |name| fold::select(has(HeaderId::L4), field(HeaderId::L4, name), id.clone());
        let proto = if header == HeaderId::IP {
            field(HeaderId::IP, "proto")
        } else {
            meta(register, Meta::Proto, 8)
        };
        let leaves =
            vec![field(header, "src"), field(header, "dst"), port("src"), port("dst"), proto];
        Val { ty: Type::Record(flow_type(name, &address)), leaves }
    }
}

/// The edit that adds a header to the handler's pattern.
fn pattern_patch(var: &super::PacketVar, header: HeaderId) -> Option<(Span, String)> {
    let pattern = var.pattern.as_ref()?;
    let stack = |names: &[&str]| names.join("/");
    let base = match header {
        HeaderId::TCP | HeaderId::UDP | HeaderId::ICMP | HeaderId::L4 => Some("ip"),
        HeaderId::ICMP6 | HeaderId::FRAG6 => Some("ip6"),
        _ => None,
    };
    let name = header.def().name;
    if pattern.alternatives.is_empty() {
        let at = Span { start: var.span.end, ..var.span };
        let text = base.map_or_else(|| name.to_owned(), |base| stack(&[base, name]));
        return Some((at, format!(": {text}")));
    }
    let alternatives: Vec<_> = pattern
        .alternatives
        .iter()
        .map(|names| {
            let mut names: Vec<_> = names.iter().map(|n| n.text.as_str()).collect();
            names.push(name);
            stack(&names)
        })
        .collect();
    let sound = pattern.alternatives.iter().all(|names| {
        let ids: Option<Vec<_>> = names.iter().map(|n| HeaderId::by_name(&n.text)).collect();
        ids.is_some_and(|ids| {
            let set = ids.into_iter().fold(HeaderSet::of(header), HeaderSet::with);
            closure(set).is_some()
        })
    });
    sound.then(|| (pattern.span, alternatives.join(" | ")))
}

/// Reads a stored field.
pub(super) fn field_expr(packet: PacketId, field: FieldRef) -> Expr {
    Expr { kind: ExprKind::Field(packet, field), width: field.def().width }
}

/// Reads a property of a packet.
pub(super) fn meta(packet: PacketId, property: Meta, width: u8) -> Expr {
    Expr { kind: ExprKind::Meta(packet, property), width }
}

/// The type of a header field.
pub(super) fn field_type(field: FieldRef) -> Type {
    let def = field.def();
    match def.ty {
        FieldType::Uint => Type::Uint(def.width),
        FieldType::Bool => Type::Bool,
        FieldType::Mac => Type::Mac,
        FieldType::Ip4 => Type::Ip4,
        FieldType::Ip6 => Type::Ip6,
    }
}

/// What a TLS client says first, with its extractors for TCP and QUIC.
const CLIENT_PROPERTIES: [(&str, Extractor, Extractor); 2] = [
    ("server_name", Extractor::TlsServerName, Extractor::QuicServerName),
    ("client_hello", Extractor::TlsClientHello, Extractor::QuicClientHello),
];

fn tcp_option(name: &str) -> Option<TcpOption> {
    TCP_OPTIONS.iter().find(|option| option.0 == name).map(|option| option.1)
}

/// Width of the value of a TCP option.
pub(super) fn option_width(option: TcpOption) -> u8 {
    TCP_OPTIONS.iter().find(|known| known.1 == option).map_or(32, |known| known.2)
}

const fn has_checksum(header: HeaderId) -> bool {
    matches!(
        header,
        HeaderId::IP
            | HeaderId::TCP
            | HeaderId::UDP
            | HeaderId::ICMP
            | HeaderId::ICMP6
            | HeaderId::GRE_CHECKSUM
    )
}

/// What others call a field.
fn field_alias(header: HeaderId, name: &str) -> Option<&'static str> {
    Some(match (header, name) {
        (HeaderId::IP | HeaderId::IP6, "tos" | "dsfield") => "dscp",
        (HeaderId::IP, "protocol") => "proto",
        (HeaderId::IP6, "hop_limit" | "hlim") => "ttl",
        (HeaderId::IP, "length" | "total_length") | (HeaderId::UDP, "length") => "len",
        (HeaderId::TCP | HeaderId::UDP | HeaderId::L4, "sport") => "src",
        (HeaderId::TCP | HeaderId::UDP | HeaderId::L4, "dport") => "dst",
        (HeaderId::VLAN | HeaderId::VLAN2, "vid") => "id",
        _ => return None,
    })
}
