//! The outline of a program.

use crate::compile::Unit;
use crate::source::Span;
use crate::syntax::ast::{self, ItemKind, Member, MemberKind, NetworkMemberKind};

/// What a symbol is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SymbolKind {
    /// An element.
    Element,
    /// A network.
    Network,
    /// A record.
    Record,
    /// An enum.
    Enum,
    /// A field of a record.
    Field,
    /// A variant of an enum.
    Variant,
    /// A constant.
    Const,
    /// A function.
    Function,
    /// A port.
    Port,
    /// A state object.
    State,
    /// An event or a stream of records.
    Event,
    /// A handler, timer or start.
    Handler,
    /// An instance in a network.
    Instance,
    /// A test.
    Test,
}

/// Something that the program declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// Its name, or the head of a handler.
    pub name: String,
    /// What it is.
    pub kind: SymbolKind,
    /// All of it.
    pub span: Span,
    /// Its name.
    pub name_span: Span,
    /// What is declared within it.
    pub children: Vec<Self>,
}

fn leaf(name: &str, kind: SymbolKind, span: Span, name_span: Span) -> Symbol {
    Symbol { name: name.to_owned(), kind, span, name_span, children: Vec::new() }
}

/// What the program's file declares.
pub(super) fn symbols(unit: &Unit) -> Vec<Symbol> {
    let mut found = Vec::new();
    for item in &unit.main_file().items {
        let of = |kind, name: &crate::syntax::ast::Ident, children| Symbol {
            name: name.text.clone(),
            kind,
            span: item.span,
            name_span: name.span,
            children,
        };
        found.push(match &item.kind {
            ItemKind::Import(..) | ItemKind::Inputs(_) => continue,
            ItemKind::Const(c) => of(SymbolKind::Const, &c.name, Vec::new()),
            ItemKind::Fn(f) => of(SymbolKind::Function, &f.name, Vec::new()),
            ItemKind::Fold(f) => of(SymbolKind::Function, &f.name, Vec::new()),
            ItemKind::Query(q) => of(SymbolKind::Element, &q.name, Vec::new()),
            ItemKind::Record(r) => {
                let fields = r.fields.iter().map(|(name, ty)| {
                    leaf(&name.text, SymbolKind::Field, name.span.to(ty.span), name.span)
                });
                of(SymbolKind::Record, &r.name, fields.collect())
            }
            ItemKind::Header(h) => {
                let fields = h.fields.iter().map(|(name, ty)| {
                    leaf(&name.text, SymbolKind::Field, name.span.to(ty.span), name.span)
                });
                of(SymbolKind::Record, &h.name, fields.collect())
            }
            ItemKind::Enum(e) => {
                let variants = e.variants.iter().map(|(name, payload)| {
                    let end = payload.last().map_or(name.span, |ty| ty.span);
                    leaf(&name.text, SymbolKind::Variant, name.span.to(end), name.span)
                });
                of(SymbolKind::Enum, &e.name, variants.collect())
            }
            ItemKind::Element(e) => {
                let members = e.members.iter().flat_map(|member| self::member(unit, member));
                of(SymbolKind::Element, &e.name, members.collect())
            }
            ItemKind::Network(n) => {
                let mut children = Vec::new();
                for member in &n.members {
                    match &member.kind {
                        NetworkMemberKind::Ports(ports) => children.extend(ports.iter().map(|p| {
                            leaf(&p.name.text, SymbolKind::Port, p.name.span, p.name.span)
                        })),
                        NetworkMemberKind::Instance(name, _) => children.push(leaf(
                            &name.text,
                            SymbolKind::Instance,
                            member.span,
                            name.span,
                        )),
                        NetworkMemberKind::Chain(..) => {}
                    }
                }
                of(SymbolKind::Network, &n.name, children)
            }
            ItemKind::Test(t) => leaf(&t.title, SymbolKind::Test, item.span, t.title_span),
        });
    }
    found
}

fn member(unit: &Unit, member: &Member) -> Vec<Symbol> {
    // The head of a handler: its source up to the brace, on one line.
    let head = |body: Span| {
        let end = body.start.max(member.span.start);
        let text = unit.sources.text(Span { end, ..member.span });
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        leaf(&text, SymbolKind::Handler, member.span, Span { end, ..member.span })
    };
    match &member.kind {
        MemberKind::Ports(ports) => ports
            .iter()
            .map(|port| leaf(&port.name.text, SymbolKind::Port, port.name.span, port.name.span))
            .collect(),
        MemberKind::State(s) => {
            vec![leaf(&s.name.text, SymbolKind::State, member.span, s.name.span)]
        }
        MemberKind::Patterns(set) => {
            vec![leaf(&set.name.text, SymbolKind::State, member.span, set.name.span)]
        }
        MemberKind::Const(c) => {
            vec![leaf(&c.name.text, SymbolKind::Const, member.span, c.name.span)]
        }
        MemberKind::Fn(f) => {
            vec![leaf(&f.name.text, SymbolKind::Function, member.span, f.name.span)]
        }
        MemberKind::Event(ast::Event { name, .. }) | MemberKind::Stream(name, _) => {
            vec![leaf(&name.text, SymbolKind::Event, member.span, name.span)]
        }
        MemberKind::On(on) => vec![head(on.body.span)],
        MemberKind::OnEvent(on) => vec![head(on.body.span)],
        MemberKind::Init(body) | MemberKind::Every(_, body) | MemberKind::Close(body) => {
            vec![head(body.span)]
        }
    }
}
