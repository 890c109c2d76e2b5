//! Names in statements, expressions, patterns and types.

use super::scope::Local;
use super::{Target, Walker};
use crate::check::types::{BUILT_IN, STATE_KINDS, Type};
use crate::ide::head;
use crate::source::Span;
use crate::syntax::ast::{
    Block, Expr, ExprKind, HeaderLiteral, Ident, Pat, PatKind, Pattern, Stmt, StmtKind, TypeKind,
};
use trama_wire::header::HeaderId;

impl<'a> Walker<'a> {
    pub(super) fn scoped(&mut self, walk: impl FnOnce(&mut Self)) {
        let before = self.locals.len();
        walk(self);
        self.locals.truncate(before);
    }

    /// Binds a local from here to the end of the scope.
    pub(super) fn local(
        &mut self,
        name: &Ident,
        what: &'static str,
        source: Span,
        is_packet: bool,
    ) {
        self.declare(name, what, source, &[]);
        self.locals.push(Local { name: name.text.clone(), span: name.span, is_packet });
    }

    fn find_local(&self, name: &str) -> Option<&Local> {
        self.locals.iter().rfind(|local| local.name == name)
    }

    pub(super) fn block(&mut self, block: &'a Block) {
        self.scoped(|this| block.stmts.iter().for_each(|stmt| this.stmt(stmt)));
    }

    fn blocks(&mut self, blocks: impl IntoIterator<Item = &'a Block>) {
        blocks.into_iter().for_each(|block| self.block(block));
    }

    fn stmt(&mut self, stmt: &'a Stmt) {
        match &stmt.kind {
            StmtKind::Let { pattern, ty, value, otherwise, .. } => {
                ty.iter().for_each(|ty| self.ty(ty));
                self.expr(value);
                self.blocks(otherwise);
                let is_packet = matches!(value.kind, ExprKind::Copy(_));
                let source = Span { end: value.span.end, ..stmt.span };
                self.pat(pattern, source, is_packet, ty.is_none());
            }
            StmtKind::Assign { place, value, otherwise, .. } => {
                self.expr(place);
                self.expr(value);
                self.blocks(otherwise);
            }
            StmtKind::For { pattern, over, top, limit, body } => {
                self.expr(over);
                limit.iter().for_each(|limit| self.expr(limit));
                self.scoped(|this| {
                    let source = Span { end: over.span.end, ..stmt.span };
                    match &pattern.kind {
                        PatKind::Name(name) => this.local(name, "loop variable", source, false),
                        _ => this.pat(pattern, source, false, true),
                    }
                    if let Some(top) = top {
                        this.expr(&top.0);
                        this.expr(&top.1);
                    }
                    this.block(body);
                });
            }
            StmtKind::Break | StmtKind::Continue => {}
            StmtKind::Return(value) => value.iter().for_each(|value| self.expr(value)),
            StmtKind::Send { packet, port, index, .. } => {
                self.packet(packet);
                self.name(port.span, self.members.port(&port.text));
                index.iter().for_each(|index| self.expr(index));
            }
            StmtKind::Drop { packet, .. } => self.packet(packet),
            StmtKind::Insert { stack, packet, otherwise } => {
                stack.iter().for_each(|header| self.header(header));
                self.packet(packet);
                self.blocks(otherwise);
            }
            StmtKind::Remove { headers, packet, otherwise } => {
                headers.iter().for_each(|header| self.header_name(header));
                self.packet(packet);
                self.blocks(otherwise);
            }
            StmtKind::Replace { old, stack, packet, otherwise } => {
                self.header_name(old);
                stack.iter().for_each(|header| self.header(header));
                self.packet(packet);
                self.blocks(otherwise);
            }
            StmtKind::Generate { event, args, after, otherwise } => {
                self.name(event.span, self.members.event(&event.text));
                args.iter().chain(after).for_each(|arg| self.expr(arg));
                self.blocks(otherwise);
            }
            StmtKind::Emit(stream, value) => {
                self.name(stream.span, self.members.stream(&stream.text));
                self.expr(value);
            }
            StmtKind::Log { args, limit, .. } => {
                args.iter().chain(limit).for_each(|arg| self.expr(arg));
            }
            StmtKind::Expr(expr, otherwise) => {
                self.expr(expr);
                self.blocks(otherwise);
            }
        }
    }

    fn packet(&mut self, name: &Ident) {
        let target = self.find_local(&name.text).map(|local| Target::Declared(local.span));
        self.name(name.span, target);
    }

    fn header_name(&mut self, name: &Ident) {
        self.name(name.span, HeaderId::by_name(&name.text).map(Target::Header));
    }

    /// `ip { src: a }`
    pub(super) fn header(&mut self, literal: &'a HeaderLiteral) {
        self.header_name(&literal.header);
        let header = HeaderId::by_name(&literal.header.text);
        for (field, value) in &literal.fields {
            self.name(field.span, header.map(|header| Target::Field(header, field.text.clone())));
            self.expr(value);
        }
    }

    pub(super) fn pattern(&mut self, pattern: &Pattern) {
        pattern.alternatives.iter().flatten().for_each(|name| self.header_name(name));
    }

    /// A pattern over values; `source` binds its names.
    fn pat(&mut self, pat: &Pat, source: Span, is_packet: bool, is_untyped: bool) {
        match &pat.kind {
            PatKind::Any | PatKind::Literal(_) | PatKind::Range { .. } => {}
            PatKind::Name(name) => {
                match self.variant(&name.text).or_else(|| self.constant_named(&name.text)) {
                    Some(target) => self.name(name.span, Some(target)),
                    None => {
                        self.local(name, "local", source, is_packet);
                        if let Some(declared) = self.declarations.last_mut() {
                            declared.is_untyped = is_untyped && !is_packet;
                        }
                    }
                }
            }
            PatKind::Variant(name, parts) => {
                self.name(name.span, self.variant(&name.text));
                parts.iter().for_each(|part| self.pat(part, source, is_packet, is_untyped));
            }
            PatKind::Tuple(parts) | PatKind::Or(parts) => {
                parts.iter().for_each(|part| self.pat(part, source, is_packet, is_untyped));
            }
        }
    }

    fn variant(&self, name: &str) -> Option<Target> {
        if matches!(name, "Some" | "None") {
            return Some(Target::Topic(name.into()));
        }
        // An enum of the program hides one of the library.
        let all = self.items.enums_with_variant(name);
        let def = all.iter().find(|def| self.is_users(def.name.span)).or(all.first())?;
        let variant = def.variants.iter().find(|variant| variant.0.text == name)?;
        Some(Target::Declared(variant.0.span))
    }

    fn is_users(&self, declared: Span) -> bool {
        (declared.file as usize) < self.user_files
    }

    fn constant_named(&self, name: &str) -> Option<Target> {
        self.items.consts.get(name).map(|c| Target::Declared(c.name.span))
    }

    /// What a name used as a value stands for.
    fn value(&self, name: &str) -> Option<Target> {
        if let Some(local) = self.find_local(name) {
            return Some(Target::Declared(local.span));
        }
        let word = matches!(name, "now" | "None").then(|| Target::Topic(name.into()));
        word.or_else(|| self.members.value(name))
            .or_else(|| self.constant_named(name))
            .or_else(|| self.variant(name))
    }

    fn called(&self, name: &str) -> Option<Target> {
        let word = matches!(name, "Some" | "hash" | "min" | "max" | "zero" | "load");
        if word {
            return Some(Target::Topic(name.into()));
        }
        let fold = || self.items.folds.get(name).map(|f| f.name.span);
        let global = || {
            let function = fold().or_else(|| self.items.fns.get(name).map(|f| f.name.span));
            function.map(Target::Declared)
        };
        self.members.function(name).or_else(global).or_else(|| self.variant(name))
    }

    pub(super) fn ty(&mut self, ty: &crate::syntax::ast::Type) {
        match &ty.kind {
            TypeKind::Name(name) => self.name(ty.span, self.type_named(name)),
            TypeKind::Sized(name, _) => self.name(name.span, self.type_named(&name.text)),
            TypeKind::Generic(name, args) => {
                self.name(name.span, self.type_named(&name.text));
                args.iter().for_each(|arg| self.ty(arg));
            }
            TypeKind::Tuple(parts) => parts.iter().for_each(|part| self.ty(part)),
        }
    }

    fn type_named(&self, name: &str) -> Option<Target> {
        let fold = self.items.folds.get(name).map(|f| f.name.span);
        let record = fold.or_else(|| self.items.records.get(name).map(|r| r.name.span));
        let named = record.or_else(|| self.items.enums.get(name).map(|e| e.name.span));
        let is_word = BUILT_IN.contains(&name) || STATE_KINDS.contains(&name);
        let word = (is_word || name.starts_with('u')).then(|| Target::Topic(name.into()));
        named.map(Target::Declared).or(word)
    }

    pub(super) fn expr(&mut self, expr: &'a Expr) {
        match &expr.kind {
            ExprKind::Literal(_) | ExprKind::Error => {}
            ExprKind::Name(name) => self.name(expr.span, self.value(name)),
            ExprKind::Field(..) => self.field(expr),
            ExprKind::Call(name, args) => {
                self.name(name.span, self.called(&name.text));
                args.iter().for_each(|arg| self.expr(arg));
            }
            ExprKind::Method(base, name, args) => {
                self.expr(base);
                let kind = self.state_kind(base);
                let target = match kind {
                    Some(kind) => Target::Operation(kind.into(), name.text.clone()),
                    // `p.payload.u16(0)` is not about the type `u16`.
                    None if self.is_of_packet(base) => Target::Topic("p.payload.len".into()),
                    None => Target::Topic(name.text.clone()),
                };
                self.name(name.span, Some(target));
                args.iter().for_each(|arg| self.expr(arg));
            }
            ExprKind::Record(name, fields) => {
                self.name(name.span, self.type_named(&name.text));
                for (field, value) in fields {
                    self.name(field.span, self.record_field(&name.text, &field.text));
                    self.expr(value);
                }
            }
            ExprKind::Is(packet, pattern) => {
                self.expr(packet);
                self.pattern(pattern);
            }
            ExprKind::As(value, ty) => {
                self.expr(value);
                self.ty(ty);
            }
            ExprKind::Unary(_, value) => self.expr(value),
            ExprKind::Index(a, b) | ExprKind::Binary(_, a, b) | ExprKind::In(a, b) => {
                self.expr(a);
                self.expr(b);
            }
            ExprKind::Range { from, to, .. } => {
                self.expr(from);
                self.expr(to);
            }
            ExprKind::Tuple(parts) | ExprKind::List(parts) => {
                parts.iter().for_each(|part| self.expr(part));
            }
            ExprKind::If(..) | ExprKind::IfLet(..) | ExprKind::Match(..) => self.choice(expr),
            ExprKind::Block(block) => self.block(block),
            ExprKind::Copy(packet) => self.packet(packet),
        }
    }

    fn choice(&mut self, expr: &'a Expr) {
        match &expr.kind {
            ExprKind::If(condition, yes, no) => {
                self.expr(condition);
                self.block(yes);
                self.blocks(no);
            }
            ExprKind::IfLet(pattern, value, yes, no) => {
                self.expr(value);
                self.scoped(|this| {
                    let source = Span { end: value.span.end, ..pattern.span };
                    this.pat(pattern, source, false, true);
                    this.block(yes);
                });
                self.blocks(no);
            }
            ExprKind::Match(value, arms) => {
                self.expr(value);
                for arm in arms {
                    self.scoped(|this| {
                        this.pat(&arm.pattern, arm.pattern.span, false, true);
                        arm.guard.iter().for_each(|guard| this.expr(guard));
                        this.expr(&arm.body);
                    });
                }
            }
            _ => {}
        }
    }

    /// `a.b.c`: of a packet, a state object or a value.
    fn field(&mut self, whole: &'a Expr) {
        let (root, path) = path_of(whole);
        if self.is_of_packet(whole) {
            self.expr(root);
            self.packet_path(&path);
            return;
        }
        let ExprKind::Field(base, name) = &whole.kind else { return };
        self.expr(base);
        let target = match (self.state_kind(base), self.type_of(base)) {
            (_, Some(ty)) if self.record_field(&ty, &name.text).is_some() => {
                self.record_field(&ty, &name.text)
            }
            (Some(kind), _) => Some(Target::Operation(kind.into(), name.text.clone())),
            _ => Some(Target::Topic(name.text.clone())),
        };
        self.name(name.span, target);
    }

    /// `p`, `p.tcp` …
    fn is_of_packet(&self, expr: &Expr) -> bool {
        match &path_of(expr).0.kind {
            ExprKind::Name(name) => self.find_local(name).is_some_and(|local| local.is_packet),
            _ => false,
        }
    }

    /// What follows a packet: a header and its field, or a property.
    fn packet_path(&mut self, path: &[&Ident]) {
        let Some((first, rest)) = path.split_first() else { return };
        let Some(header) = HeaderId::by_name(&first.text) else {
            self.name(first.span, Some(Target::Topic(format!("p.{}", first.text))));
            let flow = |ident: &Ident| Target::Topic(ident.text.clone());
            rest.iter().for_each(|ident| self.name(ident.span, Some(flow(ident))));
            return;
        };
        self.name(first.span, Some(Target::Header(header)));
        let Some(last) = rest.last() else { return };
        let names: Vec<&str> = rest.iter().map(|ident| ident.text.as_str()).collect();
        let field = names.join(".");
        let target = if header.field(&field).is_some() {
            Target::Field(header, field)
        } else {
            Target::Topic(format!("p.{}.{field}", first.text))
        };
        self.name(rest[0].span.to(last.span), Some(target));
    }

    /// A filter: its names are headers.
    pub(super) fn filter(&mut self, filter: &'a Expr) {
        crate::check::walk::expr(filter, &mut |node| {
            let crate::check::walk::Node::Expr(expr) = node else { return };
            match &expr.kind {
                ExprKind::Field(..) => {
                    let (root, path) = path_of(expr);
                    if let ExprKind::Name(name) = &root.kind {
                        let root = Ident { text: name.clone(), span: root.span };
                        let path: Vec<&Ident> = std::iter::once(&root).chain(path).collect();
                        self.packet_path(&path);
                    }
                }
                ExprKind::Name(name) if HeaderId::by_name(name).is_some() => {
                    self.name(expr.span, HeaderId::by_name(name).map(Target::Header));
                }
                _ => {}
            }
        });
    }

    /// The kind of the state object that `state` or `state[index]` names.
    fn state_kind(&self, base: &Expr) -> Option<&'a str> {
        let (name, is_entry) = match &base.kind {
            ExprKind::Name(name) => (name, false),
            ExprKind::Index(base, _) => match &base.kind {
                ExprKind::Name(name) => (name, true),
                _ => return None,
            },
            _ => return None,
        };
        if self.find_local(name).is_some() {
            return None;
        }
        if self.members.pattern_set(name).is_some() {
            return (!is_entry).then_some("patterns");
        }
        let kind = head(&self.members.state(name)?.kind);
        let fits = !is_entry || kind == "counter";
        (fits && STATE_KINDS.contains(&kind)).then_some(kind)
    }

    /// The name of the record that an expression is, if it is one.
    fn type_of(&self, expr: &Expr) -> Option<String> {
        if let Some(Type::Record(record)) = self.notes.types.get(&expr.span) {
            return Some(record.name.clone());
        }
        let name = |kind: &TypeKind| match kind {
            TypeKind::Name(name) => Some(name.clone()),
            _ => None,
        };
        match &expr.kind {
            ExprKind::Name(state) => name(&self.members.state(state)?.kind.kind),
            ExprKind::Index(base, _) => {
                let ExprKind::Name(state) = &base.kind else { return None };
                let TypeKind::Generic(_, args) = &self.members.state(state)?.kind.kind else {
                    return None;
                };
                name(&args.last()?.kind)
            }
            ExprKind::Field(base, field) => {
                let record = self.items.records.get(self.type_of(base)?.as_str())?;
                let field = record.fields.iter().find(|f| f.0.text == field.text)?;
                name(&field.1.kind)
            }
            _ => None,
        }
    }

    fn record_field(&self, record: &str, field: &str) -> Option<Target> {
        let record = self.items.records.get(record)?;
        let field = record.fields.iter().find(|f| f.0.text == field)?;
        Some(Target::Declared(field.0.span))
    }
}

/// The root of `a.b.c` with the names after it.
fn path_of(expr: &Expr) -> (&Expr, Vec<&Ident>) {
    let mut path = Vec::new();
    let mut at = expr;
    while let ExprKind::Field(base, field) = &at.kind {
        path.push(field);
        at = base;
    }
    path.reverse();
    (at, path)
}
