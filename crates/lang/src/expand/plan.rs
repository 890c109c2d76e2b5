//! From the stages of a query to steps whose expressions are text for an element, with the program
//! that finds out what types they have.
//!
//! The *probe* is a handler in which every column of every row is a `let`: lowering it checks the
//! expressions and says their types, with all that the checker knows about headers.

use super::aggregate::{self, Aggregate};
use super::code::Code;
use super::names::{Column, Row, Words, own_path};
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::syntax::ast::{self, ExprKind, Source, StageKind, When};

/// Most queries that one begins with, one after the other.
const DEPTH_MAX: usize = 16;

/// A value with its type's number.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) name: String,
    pub(super) code: Code,
    pub(super) ty: usize,
}

/// How long entries live and how many there are.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    pub(super) window: Option<Code>,
    pub(super) capacity: Option<Code>,
    pub(super) evict_oldest: bool,
    pub(super) span: Span,
}

/// A `group` as it is written.
struct Grouping<'g> {
    keys: &'g [ast::Column],
    bounds: &'g ast::Bounds,
    until: Option<&'g ast::Expr>,
    aggregates: &'g [(ast::Ident, ast::Expr)],
}

/// Groups of rows with what is computed of each.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) keys: Vec<Value>,
    pub(super) aggregates: Vec<Aggregate>,
    pub(super) limits: Limits,
    pub(super) until: Option<Code>,
    /// When its rows come out.
    pub(super) when: When,
    pub(super) span: Span,
}

/// Pairs of rows of two pipelines.
#[derive(Clone, Debug)]
pub(super) struct Join {
    pub(super) left: Vec<Column>,
    pub(super) right: Pipeline,
    /// Columns of the right side, under their names in a pair.
    pub(super) right_columns: Vec<(Column, String)>,
    pub(super) on: Vec<String>,
    pub(super) within: Code,
    pub(super) limits: Limits,
    pub(super) span: Span,
}

/// What happens to a row.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Where(Code, Span),
    Lets(Vec<Value>, Span),
    List {
        name: String,
        items: Vec<Code>,
        span: Span,
    },
    Range {
        name: String,
        over: Code,
        limit: Option<Code>,
        span: Span,
    },
    Distinct {
        keys: Vec<Value>,
        limits: Limits,
    },
    Group(Box<Group>),
    Top {
        count: Code,
        by: Code,
        columns: Vec<Column>,
        span: Span,
    },
    Join(Box<Join>),
    Alert {
        line: Code,
        limit: Option<Code>,
        columns: Vec<Column>,
        span: Span,
    },
    Emit {
        columns: Vec<Column>,
        span: Span,
    },
    /// What a join does with the rows of its other side.
    Raw(Code),
}

/// Packets with these headers, and what happens to them.
#[derive(Clone, Debug)]
pub(super) struct Pipeline {
    pub(super) pattern: Option<Code>,
    pub(super) steps: Vec<Step>,
}

/// Makes plans and their probe.
pub(super) struct Planner<'a> {
    pub(super) words: Words<'a>,
    pub(super) diagnostics: &'a mut Vec<Diagnostic>,
    /// Body of the probe.
    pub(super) probe: Code,
    /// Blocks of the probe that are still open.
    pub(super) open: usize,
    /// Types that the probe asks for.
    pub(super) types: usize,
    depth: usize,
}

impl<'a> Planner<'a> {
    pub(super) fn new(words: Words<'a>, diagnostics: &'a mut Vec<Diagnostic>) -> Self {
        Self { words, diagnostics, probe: Code::default(), open: 0, types: 0, depth: 0 }
    }

    pub(super) fn error(&mut self, code: &'static str, message: String, span: Span, label: &str) {
        self.diagnostics.push(Diagnostic::error(code, message, span, label));
    }

    /// The plan of a query, and the rows that come out of it.
    pub(super) fn query(&mut self, query: &ast::Query) -> Option<(Pipeline, Row)> {
        if self.depth >= DEPTH_MAX {
            let message = format!("the query `{}` is made of itself", query.name.text);
            self.error("E0907", message, query.name.span, "queries cannot go in circles");
            return None;
        }
        self.depth += 1;
        let planned = self.source(query).map(|(mut pipeline, mut row)| {
            for (index, stage) in query.stages.iter().enumerate() {
                self.stage(stage, &query.stages[index + 1..], &mut pipeline.steps, &mut row);
            }
            (pipeline, row)
        });
        self.depth -= 1;
        planned
    }

    fn source(&mut self, query: &ast::Query) -> Option<(Pipeline, Row)> {
        match &query.source {
            Source::Packets(pattern) => {
                let mut code = Code::default();
                let is_any = pattern.alternatives.is_empty();
                if !is_any {
                    code.verbatim(self.words.sources, pattern.span);
                    let test = Code::fill("if packet is $ {\n", &[&code], pattern.span);
                    self.probe.append(&test);
                    self.open += 1;
                }
                let pattern = (!is_any).then_some(code);
                let row = Row { columns: Vec::new(), has_packet: true };
                Some((Pipeline { pattern, steps: Vec::new() }, row))
            }
            Source::Query(name) => self.other(name),
        }
    }

    /// The rows of another query, without what it does with them in the end.
    fn other(&mut self, name: &ast::Ident) -> Option<(Pipeline, Row)> {
        let Some(query) = self.words.items.queries.get(name.text.as_str()) else {
            let message = format!("there is no query `{}`", name.text);
            self.error("E0907", message, name.span, "not known");
            return None;
        };
        if !query.params.is_empty() {
            let message = format!("`{}` has parameters, so its rows are not known", name.text);
            self.error("E0907", message, name.span, "only a query without parameters goes here");
            return None;
        }
        let (mut pipeline, row) = self.query(query)?;
        pipeline.steps.retain(|step| !matches!(step, Step::Alert { .. } | Step::Emit { .. }));
        Some((pipeline, row))
    }

    // --- Expressions ---

    pub(super) fn expr(&mut self, row: &Row, expr: &ast::Expr) -> Code {
        row.expr(self.words, expr, self.diagnostics)
    }

    /// A constant: parameters and constants only.
    fn constant(&mut self, expr: &ast::Expr) -> Code {
        self.expr(&Row::default(), expr)
    }

    /// Asks for the type of what is bound to a name in the probe.
    pub(super) fn ask(&mut self, name: &str, span: Span) -> usize {
        let number = self.types;
        self.types += 1;
        self.probe.push(format!("let t{number}_ = {name}\n"), span);
        number
    }

    /// Binds a name in the probe and asks for its type.
    pub(super) fn bind(&mut self, name: &str, code: &Code, span: Span) -> usize {
        let binding = Code::fill(&format!("let {name} = $\n"), &[code], span);
        self.probe.append(&binding);
        self.ask(name, span)
    }

    fn column_name(&mut self, column: &ast::Column) -> Option<(Vec<String>, String)> {
        if let Some(name) = &column.name {
            return Some((vec![name.text.clone()], name.text.clone()));
        }
        if let Some(path) = own_path(&column.value) {
            let name = path.join("_");
            return Some((path, name));
        }
        let message = "this column has no name".to_owned();
        self.error("E0904", message, column.value.span, "write `name: …`");
        None
    }

    /// Columns of a new row, computed from the old one.
    fn columns(&mut self, row: &Row, columns: &[ast::Column]) -> (Vec<Value>, Vec<Column>) {
        let (mut values, mut made): (Vec<Value>, Vec<Column>) = (Vec::new(), Vec::new());
        // All are computed before any is bound: they may use names that others take.
        let codes: Vec<Code> = columns.iter().map(|c| self.expr(row, &c.value)).collect();
        for (column, code) in columns.iter().zip(codes) {
            let Some((path, name)) = self.column_name(column) else { continue };
            if made.iter().any(|known| known.name == name) {
                let message = format!("there are two columns `{name}`");
                self.error("E0904", message, column.value.span, "declared before");
                continue;
            }
            let span = column.value.span;
            let hidden = format!("{name}_new_");
            let ty = self.bind(&hidden, &code, span);
            values.push(Value { name: name.clone(), code, ty });
            made.push(Column { path, name, ty, span });
        }
        for value in &values {
            let name = &value.name;
            let span = columns[0].value.span;
            self.probe.push(format!("let {name} = {name}_new_\n"), span);
        }
        (values, made)
    }

    fn limits(&mut self, bounds: &ast::Bounds, span: Span) -> Limits {
        Limits {
            window: bounds.window.as_ref().map(|e| self.constant(e)),
            capacity: bounds.capacity.as_ref().map(|e| self.constant(e)),
            evict_oldest: bounds.evict_oldest,
            span,
        }
    }

    // --- Stages ---

    fn stage(
        &mut self,
        stage: &ast::Stage,
        rest: &[ast::Stage],
        steps: &mut Vec<Step>,
        row: &mut Row,
    ) {
        let span = stage.span;
        match &stage.kind {
            StageKind::Where(condition) => {
                let code = self.expr(row, condition);
                self.probe.append(&Code::fill("if $ {\n", &[&code], span));
                self.open += 1;
                steps.push(Step::Where(code, span));
            }
            StageKind::Map(columns) => {
                let (values, made) = self.columns(row, columns);
                *row = Row { columns: made, has_packet: false };
                steps.push(Step::Lets(values, span));
            }
            StageKind::FlatMap { name, over, limit } => {
                let step = self.flat_map(row, (name, over, limit.as_ref()), span);
                let ty = self.ask(&name.text, span);
                let (path, text) = (vec![name.text.clone()], name.text.clone());
                row.set(Column { path, name: text, ty, span: name.span });
                steps.push(step);
            }
            StageKind::Distinct { keys, bounds } => {
                let (keys, _) = self.columns(row, keys);
                let limits = self.limits(bounds, span);
                steps.push(Step::Distinct { keys, limits });
            }
            StageKind::Group { keys, bounds, until, aggregates } => {
                let until = until.as_ref();
                let grouping = Grouping { keys, bounds, until, aggregates };
                let group = self.group(row, grouping, (rest, span));
                steps.push(Step::Group(Box::new(group)));
            }
            StageKind::Top { count, by } => {
                let count = self.constant(count);
                let by = self.expr(row, by);
                let columns = row.columns.clone();
                self.require_close(steps, "top", span);
                steps.push(Step::Top { count, by, columns, span });
            }
            StageKind::Join { other, on, within, bounds } => {
                let limits = self.limits(bounds, span);
                if let Some(join) = self.join(row, (other, on, within), limits, span) {
                    steps.push(Step::Join(Box::new(join)));
                }
            }
            StageKind::Alert { text_span, args, when, limit, .. } => {
                self.require_group(steps, *when, span);
                let columns = row.columns.clone();
                let args: Vec<&ast::Expr> = args.iter().collect();
                let line = row.rewrite(self.words, (*text_span, &args), self.diagnostics);
                let limit = limit.as_ref().map(|e| self.constant(e));
                steps.push(Step::Alert { line, limit, columns, span });
            }
            StageKind::Emit(when) => {
                self.require_group(steps, *when, span);
                if row.has_packet && row.columns.is_empty() {
                    let message = "a packet is no record".to_owned();
                    self.error("E0904", message, span, "say with `map` which values to emit");
                }
                steps.push(Step::Emit { columns: row.columns.clone(), span });
            }
        }
    }

    fn flat_map(
        &mut self,
        row: &Row,
        (name, over, limit): (&ast::Ident, &ast::Expr, Option<&ast::Expr>),
        span: Span,
    ) -> Step {
        let text = name.text.clone();
        if let ExprKind::List(items) = &over.kind {
            let items: Vec<Code> = items.iter().map(|e| self.expr(row, e)).collect();
            match items.first() {
                Some(first) => {
                    let binding = Code::fill(&format!("let {text} = $\n"), &[first], span);
                    self.probe.append(&binding);
                }
                None => self.error("E0904", "the list is empty".into(), over.span, "no rows"),
            }
            return Step::List { name: text, items, span };
        }
        let over = row.rewrite(self.words, (over.span, &[over]), self.diagnostics);
        let limit = limit.map(|e| self.constant(e));
        let bound = bound_code(limit.as_ref(), span);
        self.probe.append(&Code::fill(&format!("for {text} in $$ {{\n"), &[&over, &bound], span));
        self.open += 1;
        Step::Range { name: text, over, limit, span }
    }

    fn group(
        &mut self,
        row: &mut Row,
        Grouping { keys, bounds, until, aggregates }: Grouping<'_>,
        (rest, span): (&[ast::Stage], Span),
    ) -> Group {
        let limits = self.limits(bounds, span);
        let mut aggregates: Vec<Aggregate> = aggregates
            .iter()
            .filter_map(|(name, call)| aggregate::plan(self, row, name, call))
            .collect();
        let (keys, mut made) = self.columns(row, keys);
        if limits.window.is_some() {
            self.probe.push("let window_start = now\n", span);
            let ty = self.ask("window_start", span);
            let path = vec!["window".into(), "start".into()];
            made.insert(0, Column { path, name: "window_start".into(), ty, span });
        }
        for aggregate in &mut aggregates {
            let name = aggregate.name.clone();
            if made.iter().any(|known| known.name == name) {
                let message = format!("there are two columns `{name}`");
                self.error("E0904", message, aggregate.span, "declared before");
            }
            let value = format!("let {name} = {name}_new_\n");
            self.probe.push(value, aggregate.span);
            let ty = self.ask(&name, aggregate.span);
            made.push(Column { path: vec![name.clone()], name, ty, span: aggregate.span });
        }
        let inner = Row { columns: made.clone(), has_packet: row.has_packet };
        let until = until.map(|e| self.expr(&inner, e));
        *row = Row { columns: made, has_packet: false };
        Group { keys, aggregates, limits, until, when: self.when(rest, span), span }
    }

    /// When the rows of a group come out: as the sinks behind it say.
    fn when(&mut self, rest: &[ast::Stage], span: Span) -> When {
        let mut found: Option<When> = None;
        for stage in rest {
            let when = match &stage.kind {
                StageKind::Group { .. } | StageKind::Top { .. } => return When::AtClose,
                StageKind::Alert { when, .. } | StageKind::Emit(when) => {
                    when.unwrap_or(When::AtClose)
                }
                _ => continue,
            };
            if found.is_some_and(|before| before != when) {
                let message = "the rows of this group cannot come out at two times".to_owned();
                self.error("E0906", message, span, "the stages behind it disagree");
            }
            found = Some(when);
        }
        found.unwrap_or(When::AtClose)
    }

    fn require_group(&mut self, steps: &[Step], when: Option<When>, span: Span) {
        let has_group = steps.iter().any(|step| matches!(step, Step::Group(_)));
        if let Some(when @ (When::OnChange | When::AtClose)) = when
            && !has_group
        {
            let message = format!("`{}` needs a group whose rows can change", when.text());
            self.error("E0906", message, span, "there is no group before it");
        }
    }

    fn require_close(&mut self, steps: &[Step], what: &str, span: Span) {
        if !steps.iter().any(|step| matches!(step, Step::Group(_))) {
            let message = format!("`{what}` needs rows that come together, at the end of a window");
            self.error("E0906", message, span, "there is no group before it");
        }
    }

    fn join(
        &mut self,
        row: &mut Row,
        (other, on, within): (&ast::Ident, &[ast::Ident], &ast::Expr),
        limits: Limits,
        span: Span,
    ) -> Option<Join> {
        let left = row.columns.clone();
        // The other side may use the same names: those of this one are kept aside.
        for column in &left {
            self.probe.push(format!("let {0}_left_ = {0}\n", column.name), span);
        }
        let (right, right_row) = self.other(other)?;
        if row.has_packet || right_row.has_packet {
            let message = "a join pairs rows, not packets".to_owned();
            self.error("E0904", message, span, "say with `map` which values to join");
            return None;
        }
        let mut columns = left.clone();
        let mut right_columns = Vec::new();
        for column in &right_row.columns {
            if on.iter().any(|name| name.text == column.name) {
                continue;
            }
            let mut path = vec![other.text.clone()];
            path.extend(column.path.iter().cloned());
            let name = path.join("_");
            right_columns.push((column.clone(), name.clone()));
            columns.push(Column { path, name, ty: column.ty, span: column.span });
        }
        for name in on {
            for (side, whose) in [(&*row, "the rows before it"), (&right_row, other.text.as_str())]
            {
                if side.named(&name.text).is_none() {
                    let message = format!("there is no column `{}` in {whose}", name.text);
                    self.error("E0904", message, name.span, "both sides need it");
                    return None;
                }
            }
        }
        let on = on.iter().map(|name| name.text.clone()).collect();
        let within = self.constant(within);
        for (column, name) in &right_columns {
            self.probe.push(format!("let {name} = {}\n", column.name), span);
        }
        for column in &left {
            self.probe.push(format!("let {0} = {0}_left_\n", column.name), span);
        }
        *row = Row { columns, has_packet: false };
        Some(Join { left, right, right_columns, on, within, limits, span })
    }

    /// Closes the blocks of the probe.
    pub(super) fn close_probe(&mut self, span: Span) {
        for _ in 0..std::mem::take(&mut self.open) {
            self.probe.push("}\n", span);
        }
    }
}

/// The number of the type that a name of the probe asks for.
pub(super) fn type_number(name: &str) -> Option<usize> {
    name.strip_prefix('t')?.strip_suffix('_')?.parse().ok()
}

/// ` limit n`
pub(super) fn bound_code(limit: Option<&Code>, span: Span) -> Code {
    limit.map_or_else(Code::default, |limit| Code::fill(" limit $", &[limit], span))
}
