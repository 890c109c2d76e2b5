//! Folds and queries: each stage on a line of its own, unless the whole fits on one.

use super::{List, Printer};
use crate::source::Span;
use crate::syntax::ast::{
    Bounds, Column, Expr, ExprKind, Fold, FoldState, Ident, Query, Source, Stage, StageKind, When,
};

impl Printer<'_> {
    pub(super) fn fold(&mut self, fold: &Fold) {
        self.push(&format!("fold {}", fold.name.text));
        self.fn_params(&fold.params, &fold.name);
        self.push(" ");
        self.braces("{", "}", fold.body.span.end - 1, |p| {
            for state in &fold.states {
                p.begin(state.span.start);
                p.fold_state(state);
                p.end(state.span.end);
            }
            p.statements(&fold.body);
        });
    }

    fn fold_state(&mut self, state: &FoldState) {
        self.push(&format!("state {}: ", state.name.text));
        self.ty(&state.ty);
        if let Some(initial) = &state.initial {
            self.push(" = ");
            self.expr(initial, 0);
        }
    }

    pub(super) fn query(&mut self, query: &Query, span: Span) {
        self.push(&format!("query {}", query.name.text));
        self.params(&query.params, &query.name);
        let flat = |p: &mut Self| {
            p.push(" = ");
            p.query_source(&query.source);
            for stage in &query.stages {
                p.push(" |> ");
                p.stage(stage);
            }
        };
        let broken = self.breaks(query.name.span.end, span.end) || self.has_comment(span);
        if !broken && self.fits(0, flat) {
            return;
        }
        self.push(" =");
        self.level += 1;
        self.line();
        self.query_source(&query.source);
        for stage in &query.stages {
            self.comments_before(stage.span.start);
            self.line();
            self.push("|> ");
            self.stage(stage);
            self.end(stage.span.end);
        }
        self.level -= 1;
    }

    fn query_source(&mut self, source: &Source) {
        match source {
            Source::Query(name) => self.push(&name.text),
            Source::Packets(pattern) if pattern.alternatives.is_empty() => self.push("packets"),
            Source::Packets(pattern) => {
                self.push("packets(");
                self.pattern(pattern);
                self.push(")");
            }
        }
    }

    fn stage(&mut self, stage: &Stage) {
        match &stage.kind {
            StageKind::Where(condition) => self.called("where", condition),
            StageKind::Map(columns) => self.columns("map", columns, stage.span),
            StageKind::FlatMap { name, over, limit } => {
                self.push(&format!("flat_map({} in ", name.text));
                self.expr(over, 1);
                if let Some(limit) = limit {
                    self.push(" limit ");
                    self.expr(limit, 1);
                }
                self.push(")");
            }
            StageKind::Distinct { keys, bounds } => {
                self.columns("distinct", keys, stage.span);
                self.bounds(bounds, None);
            }
            StageKind::Group { keys, bounds, until, aggregates } => {
                self.columns("group", keys, stage.span);
                self.bounds(bounds, until.as_ref());
                self.push(" ");
                self.aggregates(aggregates, stage.span);
            }
            StageKind::Top { count, by } => {
                self.called("top", count);
                self.push(" by ");
                self.expr(by, 0);
            }
            StageKind::Join { other, on, within, bounds } => {
                let on: Vec<&str> = on.iter().map(|name| name.text.as_str()).collect();
                self.push(&format!("join({}) on({}) within ", other.text, on.join(", ")));
                match within.kind {
                    ExprKind::Literal(_) | ExprKind::Name(_) => self.expr(within, 0),
                    _ => self.parenthesised(within),
                }
                self.bounds(bounds, None);
            }
            StageKind::Alert { text, args, when, limit, .. } => {
                self.push("alert(");
                self.line_text(text, args);
                self.push(")");
                self.when(*when);
                self.line_limit(limit.as_ref());
            }
            StageKind::Emit(when) => {
                self.push("emit");
                self.when(*when);
            }
        }
    }

    fn called(&mut self, name: &str, argument: &Expr) {
        self.push(name);
        self.push("(");
        self.expr(argument, 1);
        self.push(")");
    }

    fn columns(&mut self, name: &str, columns: &[Column], stage: Span) {
        self.push(name);
        let Some(last) = columns.last() else { return self.push("()") };
        let place = |c: &Column| c.name.as_ref().map_or(c.value.span, |n| n.span.to(c.value.span));
        let span = Span { end: self.closing(last.value.span.end) + 1, ..stage };
        let brackets = ("(", ")");
        let broken = self.breaks(stage.start, place(&columns[0]).start);
        let list = List { brackets, items: columns, span, place, broken, single: false, tail: 2 };
        self.list(&list, |p, column| {
            if let Some(name) = &column.name {
                p.push(&format!("{}: ", name.text));
            }
            p.expr(&column.value, 1);
        });
    }

    fn aggregates(&mut self, aggregates: &[(Ident, Expr)], stage: Span) {
        let Some((first, _)) = aggregates.first() else { return self.push("{}") };
        let open = self.source(Span { end: first.span.start, ..stage }).rfind('{');
        let open = stage.start + open.unwrap_or(0) as u32;
        let list = List {
            brackets: ("{", "}"),
            items: aggregates,
            span: Span { start: open, ..stage },
            place: |a: &(Ident, Expr)| a.0.span.to(a.1.span),
            broken: self.breaks(open, first.span.start),
            single: false,
            tail: 0,
        };
        self.list(&list, |p, (name, value)| {
            p.push(&format!("{}: ", name.text));
            p.expr(value, 1);
        });
    }

    fn bounds(&mut self, bounds: &Bounds, until: Option<&Expr>) {
        if let Some(window) = &bounds.window {
            self.push(" ");
            self.called("window", window);
        }
        if let Some(capacity) = &bounds.capacity {
            self.push(" ");
            self.index(capacity);
        }
        if bounds.evict_oldest {
            self.push(" evict oldest");
        }
        if let Some(error) = &bounds.error {
            self.push(" error ");
            self.expr(error, 0);
        }
        if let Some(until) = until {
            self.push(" ");
            self.called("until", until);
        }
    }

    fn when(&mut self, when: Option<When>) {
        if let Some(when) = when {
            self.push(" ");
            self.push(when.text());
        }
    }
}
