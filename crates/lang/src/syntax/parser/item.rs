//! Files and items.

use super::{Parse, Parser, Reported};
use crate::diagnostic::Diagnostic;
use crate::syntax::ast::{
    Const, Enum, Expr, File, Fn, FnParam, FnParamType, Header, Ident, Inputs, Instance, Item,
    ItemKind, Param, Pattern, Record,
};
use crate::syntax::nearest;
use crate::syntax::token::{CommentKind, ITEM_WORDS, MEMBER_WORDS, RESERVED, TokenKind};
use trama_wire::header::HeaderId;

impl Parser<'_> {
    pub(super) fn file(&mut self) -> File {
        let docs = self.doc_lines(CommentKind::HeadDoc, 0, self.span().start);
        let mut items = Vec::new();
        loop {
            while self.eat(";") {}
            if self.at_end() {
                return File { file: self.file, docs, items, is_generated: false };
            }
            let start = self.at;
            let docs = self.docs();
            self.recovering = false;
            match self.item() {
                Ok(kind) => items.push(Item { docs, kind, span: self.since(start) }),
                Err(Reported) => self.skip_item(start),
            }
        }
    }

    fn item(&mut self) -> Parse<ItemKind> {
        match self.word() {
            "import" => {
                self.bump();
                let (path, span) = self.string("the file to import")?;
                Ok(ItemKind::Import(path, span))
            }
            "const" => self.const_def().map(ItemKind::Const),
            "record" => self.record().map(ItemKind::Record),
            "enum" => self.enumeration().map(ItemKind::Enum),
            "header" => self.header_decl().map(ItemKind::Header),
            "fn" => self.function().map(ItemKind::Fn),
            "fold" => self.fold().map(ItemKind::Fold),
            "query" => self.query().map(ItemKind::Query),
            "element" => self.element().map(ItemKind::Element),
            "network" => self.network().map(ItemKind::Network),
            "inputs" => self.inputs().map(ItemKind::Inputs),
            "test" => self.test().map(ItemKind::Test),
            word if RESERVED.contains(&word) => Err(self.not_yet(word)),
            _ => Err(self.no_item()),
        }
    }

    fn no_item(&mut self) -> Reported {
        let span = self.span();
        let word = self.word();
        if self.at_symbol("}") {
            return self.report(
                Diagnostic::error("E0012", "this `}` closes nothing", span, "one too many")
                    .note("everything opened before is closed already"),
            );
        }
        if MEMBER_WORDS.contains(&word) {
            let message = format!("`{word}` stands outside of an element");
            return self.report(
                Diagnostic::error("E0021", message, span, "not within an element")
                    .note("is there one `}` too many before it?"),
            );
        }
        let message = format!("expected an item, found {}", self.found());
        let label = "element, network, query, fold, record, enum, header, const, fn, inputs, test";
        let error = Diagnostic::error("E0016", message, span, label);
        let near = nearest(word, ITEM_WORDS.iter().copied());
        self.report(match near {
            Some(near) => error.note(format!("`{near}` perhaps?")).patch(span, near),
            None => error,
        })
    }

    /// The message about something that the language will have later.
    pub(super) fn not_yet(&mut self, what: &str) -> Reported {
        let span = self.span();
        let message = format!("`{what}` is not yet part of this version of the language");
        self.report(Diagnostic::error("E0015", message, span, "kept for a later version"))
    }

    /// `const NAME: type = expr`
    pub(super) fn const_def(&mut self) -> Parse<Const> {
        self.bump();
        let name = self.name("a constant")?;
        self.expect(":")?;
        let ty = self.ty()?;
        self.expect("=")?;
        let value = self.expr()?;
        self.member_end()?;
        Ok(Const { name, ty, value })
    }

    /// What ends a one-line item or member.
    pub(super) fn member_end(&mut self) -> Parse<()> {
        let ended = self.newline() || self.at_symbol(";") || self.at_symbol("}") || self.at_end();
        if ended { Ok(()) } else { Err(self.unexpected("the end of the line")) }
    }

    fn record(&mut self) -> Parse<Record> {
        self.bump();
        let name = self.name("a record")?;
        let fields = self.list(("{", "}"), |p| {
            let name = p.field_name("a field")?;
            p.expect(":")?;
            Ok((name, p.ty()?))
        })?;
        Ok(Record { name, fields })
    }

    /// `header name after parent.field == value { field: type, … }`
    fn header_decl(&mut self) -> Parse<Header> {
        self.bump();
        let name = self.name("a header")?;
        self.expect_word("after")?;
        let parent = self.name("a header")?;
        self.expect(".")?;
        let mut field = self.field_name("a field")?;
        while self.eat(".") {
            let part = self.field_name("a field")?;
            let text = format!("{}.{}", field.text, part.text);
            field = Ident { text, span: field.span.to(part.span) };
        }
        self.expect("==")?;
        let value = self.head()?;
        let fields = self.list(("{", "}"), |p| {
            let name = p.field_name("a field")?;
            p.expect(":")?;
            Ok((name, p.ty()?))
        })?;
        Ok(Header { name, parent, field, value, fields })
    }

    fn enumeration(&mut self) -> Parse<Enum> {
        self.bump();
        let name = self.name("an enum")?;
        let variants = self.list(("{", "}"), |p| {
            let name = p.name("a variant")?;
            let payload = if p.at_symbol("(") { p.list(("(", ")"), Self::ty)? } else { Vec::new() };
            Ok((name, payload))
        })?;
        Ok(Enum { name, variants })
    }

    /// `fn name(…) -> type { … }`
    pub(super) fn function(&mut self) -> Parse<Fn> {
        self.bump();
        let name = self.name("a function")?;
        let params = self.list(("(", ")"), Self::fn_param)?;
        let result = if self.eat("->") { Some(self.ty()?) } else { None };
        let body = self.block()?;
        Ok(Fn { name, params, result, body })
    }

    /// `x: type` or `p: pattern`. A header's name means a packet, except that `ip6` alone, and
    /// what names no header, is a type.
    pub(super) fn fn_param(&mut self) -> Parse<FnParam> {
        let name = self.name("a parameter")?;
        self.expect(":")?;
        let start = self.at;
        if self.eat_word("packet") {
            let pattern = Pattern { alternatives: Vec::new(), span: self.since(start) };
            return Ok(FnParam { name, ty: FnParamType::Packet(pattern) });
        }
        let stacked = matches!(self.second().kind, TokenKind::Symbol("/" | "|"));
        let header = HeaderId::by_name(self.word()).is_some();
        let ty = if header && (stacked || self.word() != "ip6") {
            FnParamType::Packet(self.pattern()?)
        } else {
            FnParamType::Value(self.ty()?)
        };
        Ok(FnParam { name, ty })
    }

    /// `(name: type = default, …)`, which may be left out.
    pub(super) fn params(&mut self) -> Parse<Vec<Param>> {
        if !self.at_symbol("(") {
            return Ok(Vec::new());
        }
        self.list(("(", ")"), |p| {
            let name = p.name("a parameter")?;
            p.expect(":")?;
            let ty = p.ty()?;
            let default = if p.eat("=") { Some(p.whole()?) } else { None };
            Ok(Param { name, ty, default })
        })
    }

    /// `Name` or `Name(argument: value, …)`
    pub(super) fn instance(&mut self) -> Parse<Instance> {
        let start = self.at;
        let name = self.name("an element or network")?;
        let args = if self.at_symbol("(") && !self.newline() {
            self.list(("(", ")"), Self::argument)?
        } else {
            Vec::new()
        };
        Ok(Instance { name, args, span: self.since(start) })
    }

    fn argument(&mut self) -> Parse<(Ident, Expr)> {
        let named = self.second().kind == TokenKind::Symbol(":");
        if named && !self.word().is_empty() {
            return self.field_value();
        }
        let span = self.span();
        Err(self.report(
            Diagnostic::error("E0019", "arguments are given by name", span, "no name before it")
                .note("write `name: value`, for example `idle: 5min`"),
        ))
    }

    fn inputs(&mut self) -> Parse<Inputs> {
        self.bump();
        let name = self.name("a network or element")?;
        let files = self.list(("{", "}"), |p| {
            let port = p.port_label()?;
            p.expect(":")?;
            let (path, span) = p.string("a file")?;
            Ok((port, path, span))
        })?;
        Ok(Inputs { name, files })
    }

    /// A port's name, with the index of an array as `lan[0]`.
    fn port_label(&mut self) -> Parse<Ident> {
        let start = self.at;
        let name = self.field_name("a port")?;
        if self.index()?.is_none() {
            return Ok(name);
        }
        let span = self.since(start);
        let text: String = self.slice(span).chars().filter(|c| !c.is_whitespace()).collect();
        Ok(Ident { text, span })
    }
}
