//! Folds and queries.

use super::{Parse, Parser};
use crate::diagnostic::Diagnostic;
use crate::syntax::ast::{
    Block, Bounds, Column, Expr, Fold, FoldState, Ident, Pattern, Query, Source, Stage, StageKind,
    When,
};
use crate::syntax::nearest;

/// Words that begin a stage.
const STAGE_WORDS: &[&str] =
    &["where", "map", "flat_map", "distinct", "group", "top", "join", "alert", "emit"];

impl Parser<'_> {
    /// `fold name(x: type, …) { state a: type = expr … statements }`
    pub(super) fn fold(&mut self) -> Parse<Fold> {
        self.bump();
        let name = self.name("a fold")?;
        let params = self.list(("(", ")"), Self::fn_param)?;
        let start = self.at;
        let opened = self.span();
        self.expect("{")?;
        let (states, stmts) = self.within(false, true, |p| {
            let mut states = Vec::new();
            loop {
                while p.eat(";") {}
                if !p.at_word("state") || !p.heads() {
                    break;
                }
                states.push(p.fold_state()?);
            }
            let stmts = p.nested(|p| Ok(p.stmts(opened)))?;
            Ok((states, stmts))
        })?;
        let body = Block { stmts, span: self.since(start) };
        Ok(Fold { name, params, states, body })
    }

    fn fold_state(&mut self) -> Parse<FoldState> {
        let start = self.at;
        self.bump();
        let name = self.name("what the fold keeps")?;
        self.expect(":")?;
        let ty = self.ty()?;
        let initial = if self.eat("=") { Some(self.whole()?) } else { None };
        self.member_end()?;
        Ok(FoldState { name, ty, initial, span: self.since(start) })
    }

    /// `query name(params) = source |> stage |> …`
    pub(super) fn query(&mut self) -> Parse<Query> {
        self.bump();
        let name = self.name("a query")?;
        let params = self.params()?;
        self.expect("=")?;
        let source = self.source()?;
        let mut stages = Vec::new();
        while self.eat("|>") {
            let start = self.at;
            let kind = self.stage()?;
            stages.push(Stage { kind, span: self.since(start) });
        }
        self.member_end()?;
        Ok(Query { name, params, source, stages })
    }

    fn source(&mut self) -> Parse<Source> {
        if !self.at_word("packets") {
            return self.name("a query, or `packets`").map(Source::Query);
        }
        self.bump();
        if !self.at_symbol("(") || self.newline() {
            return Ok(Source::Packets(Pattern::default()));
        }
        self.parenthesised(|p| {
            let any = p.eat_word("packet") || p.at_symbol(")");
            Ok(Source::Packets(if any { Pattern::default() } else { p.pattern()? }))
        })
    }

    /// An expression with all its parentheses within its place: what is made of a query repeats
    /// the text.
    pub(super) fn whole(&mut self) -> Parse<Expr> {
        let start = self.at;
        let mut expr = self.expr()?;
        expr.span = self.since(start);
        Ok(expr)
    }

    /// `( … )`
    fn parenthesised<T>(&mut self, inside: impl FnOnce(&mut Self) -> Parse<T>) -> Parse<T> {
        self.expect("(")?;
        self.within(true, true, |p| {
            let value = inside(p)?;
            p.expect(")")?;
            Ok(value)
        })
    }

    fn stage(&mut self) -> Parse<StageKind> {
        let word = self.word();
        if !STAGE_WORDS.contains(&word) {
            let span = self.span();
            let message = format!("expected a stage of the query, found {}", self.found());
            let label = "where, map, flat_map, distinct, group, top, join, alert or emit";
            let error = Diagnostic::error("E0010", message, span, label);
            let near = nearest(word, STAGE_WORDS.iter().copied());
            return Err(self.report(match near {
                Some(near) => error.note(format!("`{near}` perhaps?")).patch(span, near),
                None => error,
            }));
        }
        self.bump();
        match word {
            "where" => self.parenthesised(Self::whole).map(StageKind::Where),
            "map" => self.columns().map(StageKind::Map),
            "flat_map" => self.parenthesised(|p| {
                let name = p.name("a column")?;
                p.expect_word("in")?;
                let over = p.whole()?;
                let limit = if p.eat_word("limit") { Some(p.whole()?) } else { None };
                Ok(StageKind::FlatMap { name, over, limit })
            }),
            "distinct" => {
                let keys = self.columns()?;
                Ok(StageKind::Distinct { keys, bounds: self.bounds(None)? })
            }
            "group" => self.group(),
            "top" => {
                let count = self.parenthesised(Self::whole)?;
                self.expect_word("by")?;
                Ok(StageKind::Top { count, by: self.whole()? })
            }
            "join" => self.join(),
            "alert" => {
                let (text, args, text_span) = self.parenthesised(Self::line_text)?;
                let when = self.when()?;
                let limit = self.line_limit()?;
                Ok(StageKind::Alert { text, args, text_span, when, limit })
            }
            _ => self.when().map(StageKind::Emit),
        }
    }

    /// `(name: expr, expr, …)`
    fn columns(&mut self) -> Parse<Vec<Column>> {
        self.list(("(", ")"), |p| {
            let named =
                p.at_name() && p.second().kind == crate::syntax::token::TokenKind::Symbol(":");
            let name = if named { Some(p.field_name("a column")?) } else { None };
            if named {
                p.expect(":")?;
            }
            Ok(Column { name, value: p.whole()? })
        })
    }

    /// `window(1s) [64k] evict oldest error 1%`, and `until(expr)` where it is asked for.
    fn bounds(&mut self, mut until: Option<&mut Option<Expr>>) -> Parse<Bounds> {
        let mut bounds = Bounds::default();
        loop {
            match self.word() {
                "window" if bounds.window.is_none() => {
                    self.bump();
                    bounds.window = Some(self.parenthesised(Self::whole)?);
                }
                "evict" if !bounds.evict_oldest => {
                    self.bump();
                    self.expect_word("oldest")?;
                    bounds.evict_oldest = true;
                }
                "error" if bounds.error.is_none() => {
                    self.bump();
                    bounds.error = Some(self.whole()?);
                }
                "until" => {
                    let Some(until) = until.as_deref_mut().filter(|until| until.is_none()) else {
                        return Ok(bounds);
                    };
                    self.bump();
                    *until = Some(self.parenthesised(Self::whole)?);
                }
                _ if self.at_symbol("[") && bounds.capacity.is_none() => {
                    bounds.capacity = self.index()?;
                    if bounds.capacity.is_none() {
                        return Ok(bounds);
                    }
                }
                _ => return Ok(bounds),
            }
        }
    }

    fn group(&mut self) -> Parse<StageKind> {
        let keys = self.columns()?;
        let mut until = None;
        let bounds = self.bounds(Some(&mut until))?;
        let aggregates = self.list(("{", "}"), |p| {
            let name = p.name("a column")?;
            p.expect(":")?;
            Ok((name, p.whole()?))
        })?;
        Ok(StageKind::Group { keys, bounds, until, aggregates })
    }

    fn join(&mut self) -> Parse<StageKind> {
        let other = self.parenthesised(|p| p.name("a query"))?;
        self.expect_word("on")?;
        let on: Vec<Ident> = self.list(("(", ")"), |p| p.name("a column"))?;
        self.expect_word("within")?;
        // Without what may follow a value: the size in brackets is that of the join.
        let within = self.nested(Self::primary)?;
        Ok(StageKind::Join { other, on, within, bounds: self.bounds(None)? })
    }

    /// `each`, `on change`, `at close`, on the same line.
    fn when(&mut self) -> Parse<Option<When>> {
        if self.newline() {
            return Ok(None);
        }
        let when = match self.word() {
            "each" => When::Each,
            "on" => When::OnChange,
            "at" => When::AtClose,
            _ => return Ok(None),
        };
        self.bump();
        match when {
            When::Each => {}
            When::OnChange => self.expect_word("change")?,
            When::AtClose => self.expect_word("close")?,
        }
        Ok(Some(when))
    }
}
