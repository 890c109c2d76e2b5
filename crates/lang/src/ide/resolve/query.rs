//! Names in folds and queries.

use super::Walker;
use crate::source::Span;
use crate::syntax::ast::{self, Expr, Fold, Query, Source, StageKind};

impl<'a> Walker<'a> {
    pub(super) fn fold(&mut self, fold: &'a Fold, source: Span, docs: &[String]) {
        let head = Span { end: fold.body.span.start.max(source.start), ..source };
        self.declare(&fold.name, "fold", head, docs);
        self.scoped(|this| {
            for param in &fold.params {
                if let ast::FnParamType::Value(ty) = &param.ty {
                    this.ty(ty);
                    this.local(&param.name, "parameter", param.name.span.to(ty.span), false);
                }
            }
            for state in &fold.states {
                this.ty(&state.ty);
                this.local(&state.name, "state of the fold", state.span, false);
                state.initial.iter().for_each(|value| this.expr(value));
            }
            this.block(&fold.body);
        });
    }

    pub(super) fn query(&mut self, query: &'a Query, source: Span, docs: &[String]) {
        self.declare(&query.name, "query", source, docs);
        self.params(&query.params);
        match &query.source {
            Source::Packets(pattern) => self.pattern(pattern),
            Source::Query(name) => self.name(name.span, self.subject(&name.text)),
        }
        for stage in &query.stages {
            if let StageKind::Join { other, .. } = &stage.kind {
                self.name(other.span, self.subject(&other.text));
            }
            expressions(&stage.kind).into_iter().for_each(|e| self.expr(e));
        }
    }
}

/// The expressions of a stage.
fn expressions(stage: &StageKind) -> Vec<&Expr> {
    match stage {
        StageKind::Where(e) => vec![e],
        StageKind::Map(columns) => columns.iter().map(|c| &c.value).collect(),
        StageKind::FlatMap { over, limit, .. } => [over].into_iter().chain(limit).collect(),
        StageKind::Distinct { keys, bounds } => {
            keys.iter().map(|c| &c.value).chain(bounds.exprs()).collect()
        }
        StageKind::Group { keys, bounds, until, aggregates } => {
            let keys = keys.iter().map(|c| &c.value);
            let aggregates = aggregates.iter().map(|a| &a.1);
            keys.chain(bounds.exprs()).chain(until).chain(aggregates).collect()
        }
        StageKind::Top { count, by } => vec![count, by],
        StageKind::Join { within, bounds, .. } => {
            [within].into_iter().chain(bounds.exprs()).collect()
        }
        StageKind::Alert { args, limit, .. } => args.iter().chain(limit).collect(),
        StageKind::Emit(_) => Vec::new(),
    }
}
