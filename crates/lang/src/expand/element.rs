//! From the plan of a query to the text of an element.
//!
//! The element lets packets through from `in` to `out` and back, and looks at each. Rows that a
//! packet gives are followed in its handler; those of groups, in the functions `roll…`, which run
//! when a window or the run ends.

use super::aggregate::Aggregate;
use super::code::Code;
use super::names::{Column, PACKET};
use super::plan::{Group, Join, Limits, Pipeline, Step, Value, bound_code};
use crate::check::types::Type;
use crate::source::Span;
use crate::syntax::ast::When;
use std::fmt::Write;

/// Capacity of what keeps rows, if the query does not say.
const CAPACITY: &str = "64k";

/// Text of an element in the making.
pub(super) struct Generator<'t> {
    pub(super) name: Code,
    /// Types by their numbers.
    types: &'t [Type],
    /// Records before the element.
    records: Code,
    /// States, constants, functions and events of the element.
    members: Code,
    /// Patterns, and the functions that look at packets that have them.
    observers: Vec<(Option<Code>, String)>,
    /// Groups and sets in order, with a window or not: what ends at a boundary.
    rolls: Vec<(usize, bool)>,
    /// What the roll that is being written does after its rows.
    flush: Code,
    /// What the groups that are being written keep to notice changes: types.
    shown: Vec<String>,
    next: usize,
    emitted: Option<Vec<Column>>,
}

/// Where a row comes from.
#[derive(Clone, Copy, Debug)]
struct Origin {
    /// The group whose entry it shows, and when its rows come out.
    group: Option<(usize, When)>,
}

impl<'t> Generator<'t> {
    pub(super) fn new(name: Code, types: &'t [Type]) -> Self {
        Self {
            name,
            types,
            records: Code::default(),
            members: Code::default(),
            observers: Vec::new(),
            rolls: Vec::new(),
            flush: Code::default(),
            shown: Vec::new(),
            next: 0,
            emitted: None,
        }
    }

    fn ty(&self, number: usize) -> String {
        self.types.get(number).map_or_else(|| "u8".into(), ToString::to_string)
    }

    fn fresh(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }

    /// Records and element.
    pub(super) fn finish(mut self, pipeline: &Pipeline, params: &Code, span: Span) -> Code {
        self.pipeline(pipeline, span);
        let mut head = Code::default();
        if let Some(columns) = self.emitted.take() {
            let fields: String =
                columns.iter().map(|c| format!("{}: {}, ", c.name, self.ty(c.ty))).collect();
            let record = format!("record $ {{ {fields}}}\n");
            head.append(&Code::fill(&record, &[&self.name], span));
            self.members.append(&Code::fill("stream $: $\n", &[&self.name, &self.name], span));
        }
        let rolls = self.closing();
        let template = format!("$$element $$ {{\nport in, out\n$$${rolls}}}\n");
        let (inward, outward) = (self.passing("in", "out", span), self.passing("out", "in", span));
        let parts = [&head, &self.records, &self.name, params, &self.members, &inward, &outward];
        Code::fill(&template, &parts, span)
    }

    /// Handlers that look at what comes in at a port and let it through to the other one.
    fn passing(&self, from: &str, to: &str, span: Span) -> Code {
        let send = format!("send {PACKET} to {to}\n");
        if let [(Some(pattern), function)] = &self.observers[..] {
            let template = format!(
                "on {from}({PACKET}: $) {{\n{function}({PACKET})\n{send}}}\n\
                 on {from}({PACKET}) {{\n{send}}}\n"
            );
            return Code::fill(&template, &[pattern], span);
        }
        let mut code = Code::new(format!("on {from}({PACKET}) {{\n"), span);
        for (pattern, function) in &self.observers {
            let call = format!("{function}({PACKET})");
            match pattern {
                None => code.push(format!("{call}\n"), span),
                Some(pattern) => {
                    let template = format!("if {PACKET} is $ {{ {call} }}\n");
                    code.append(&Code::fill(&template, &[pattern], span));
                }
            }
        }
        code.push(format!("{send}}}\n"), span);
        code
    }

    /// Handlers that end windows, and the one that ends the run.
    fn closing(&self) -> String {
        let mut out = String::new();
        let due = |id: usize| format!("if opened{id}_ + window{id}_ <= now {{ roll{id}_() }}\n");
        let again = |id: usize| {
            let rest = format!("now as u64 % (window{id}_ as u64)");
            format!("generate edge{id}_() after window{id}_ - (({rest}) as Duration)\n")
        };
        let windows: Vec<usize> = self.rolls.iter().filter(|r| r.1).map(|r| r.0).collect();
        if !windows.is_empty() {
            let starts: String =
                windows.iter().map(|id| format!("open{id}_()\n{}", again(*id))).collect();
            let _ = write!(out, "init {{\n{starts}}}\n");
        }
        for (index, id) in windows.iter().enumerate() {
            let before: String = windows[..=index].iter().map(|id| due(*id)).collect();
            let _ = write!(out, "on edge{id}_() {{\n{before}{}}}\n", again(*id));
        }
        let all: String = self.rolls.iter().map(|(id, _)| format!("roll{id}_()\n")).collect();
        if !all.is_empty() {
            let _ = write!(out, "on close {{\n{all}}}\n");
        }
        out
    }

    fn pipeline(&mut self, pipeline: &Pipeline, span: Span) {
        let id = self.fresh();
        let body = self.steps(&pipeline.steps, Origin { group: None });
        let function = format!("observe{id}_");
        let any = Code::new("packet", span);
        let pattern = pipeline.pattern.as_ref().unwrap_or(&any);
        let template = format!("fn {function}({PACKET}: $) {{\n$}}\n");
        self.members.append(&Code::fill(&template, &[pattern, &body], span));
        self.observers.push((pipeline.pattern.clone(), function));
    }

    /// What happens to a row from here on.
    fn steps(&mut self, steps: &[Step], origin: Origin) -> Code {
        let Some((step, rest)) = steps.split_first() else { return Code::default() };
        match step {
            Step::Where(condition, span) => {
                let rest = self.steps(rest, origin);
                Code::fill("if $ {\n$}\n", &[condition, &rest], *span)
            }
            Step::Lets(values, span) => {
                let mut code = lets(values, *span);
                code.append(&self.steps(rest, origin));
                code
            }
            Step::List { name, items, span } => self.list((name, items), rest, origin, *span),
            Step::Range { name, over, limit, span } => {
                let rest = self.steps(rest, origin);
                let bound = bound_code(limit.as_ref(), *span);
                let template = format!("for {name} in $$ {{\n$}}\n");
                Code::fill(&template, &[over, &bound, &rest], *span)
            }
            Step::Distinct { keys, limits } => self.distinct((keys, limits), rest, origin),
            Step::Group(group) => self.group(group, rest),
            Step::Top { count, by, columns, span } => {
                self.top((count, by, columns), rest, origin, *span)
            }
            Step::Join(join) => self.join(join, rest),
            Step::Raw(code) => code.clone(),
            Step::Alert { line, limit, columns, span } => {
                let limit = match limit {
                    Some(limit) => Code::fill(" limit $/s", &[limit], *span),
                    None => Code::default(),
                };
                let sink = Code::fill("alert $$\n", &[line, &limit], *span);
                let mut code = self.sink(&sink, columns, origin, *span);
                code.append(&self.steps(rest, origin));
                code
            }
            Step::Emit { columns, span } => {
                let fields: String =
                    columns.iter().map(|c| format!("{0}: {0}, ", c.name)).collect();
                let template = format!("emit $ $ {{ {fields}}}\n");
                let sink = Code::fill(&template, &[&self.name, &self.name], *span);
                self.emitted.get_or_insert_with(|| columns.clone());
                let mut code = self.sink(&sink, columns, origin, *span);
                code.append(&self.steps(rest, origin));
                code
            }
        }
    }

    /// A sink, or what runs it only for rows that differ from the last one of their group.
    fn sink(&mut self, sink: &Code, columns: &[Column], origin: Origin, span: Span) -> Code {
        let Some((id, When::OnChange)) = origin.group else { return sink.clone() };
        let number = self.shown.len();
        let types: String = columns.iter().map(|c| format!("{}, ", self.ty(c.ty))).collect();
        let values: String = columns.iter().map(|c| format!("{}, ", c.name)).collect();
        self.shown.push(format!("Option<({types})>"));
        let field = format!("shown{number}_");
        let row = format!("row{number}_");
        let template = format!(
            "let {row} = ({values})\nif entry{id}_.{field} != Some({row}) {{\n\
             group{id}_[key{id}_].{field} = Some({row})\n$}}\n"
        );
        Code::fill(&template, &[sink], span)
    }

    fn list(
        &mut self,
        (name, items): (&str, &[Code]),
        rest: &[Step],
        origin: Origin,
        span: Span,
    ) -> Code {
        let rest = self.steps(rest, origin);
        let Some((last, others)) = items.split_last() else { return Code::default() };
        let mut choice = Code::default();
        for (index, item) in others.iter().enumerate() {
            choice.append(&Code::fill(&format!("if i_ == {index} {{ $ }} else "), &[item], span));
        }
        choice.append(&Code::fill(if others.is_empty() { "$" } else { "{ $ }" }, &[last], span));
        let count = items.len();
        let template = format!("for i_ in 0..{count} {{\nlet {name} = $\n$}}\n");
        Code::fill(&template, &[&choice, &rest], span)
    }

    /// The key made of these values, and its type.
    fn key(&self, keys: &[Value], span: Span) -> (Code, String) {
        match keys {
            [] => (Code::new("0 as u8", span), "u8".into()),
            [key] => (key.code.clone(), self.ty(key.ty)),
            _ => {
                let mut code = Code::new("(", span);
                for key in keys {
                    code.append(&Code::fill("$, ", &[&key.code], span));
                }
                code.push(")", span);
                let types: Vec<String> = keys.iter().map(|key| self.ty(key.ty)).collect();
                (code, format!("({})", types.join(", ")))
            }
        }
    }

    /// Size and what happens beyond it.
    fn bounds(limits: &Limits) -> Code {
        let default = Code::new(CAPACITY, limits.span);
        let capacity = limits.capacity.as_ref().unwrap_or(&default);
        let evict = if limits.evict_oldest { " evict oldest" } else { "" };
        Code::fill(&format!("[$]{evict}"), &[capacity], limits.span)
    }

    /// Declares the window of a group or set. Those in front end before those behind them.
    fn window(&mut self, id: usize, limits: &Limits, is_group: bool) {
        if is_group || limits.window.is_some() {
            self.rolls.push((id, limits.window.is_some()));
        }
        let Some(length) = &limits.window else { return };
        let span = limits.span;
        let length = Code::fill(&format!("const window{id}_: Duration = $\n"), &[length], span);
        self.members.append(&length);
        let whole = format!("(window{id}_ as u64)");
        self.members.push(
            format!(
                "state opened{id}_: Time\nevent edge{id}_() [2]\n\
                 fn open{id}_() {{ opened{id}_ = (now as u64 / {whole} * {whole}) as Time }}\n"
            ),
            span,
        );
    }

    fn roll(&mut self, id: usize, body: &Code, has_window: bool, span: Span) {
        let open = if has_window { format!("open{id}_()\n") } else { String::new() };
        let template = format!("fn roll{id}_() {{\n${open}}}\n");
        self.members.append(&Code::fill(&template, &[body], span));
    }

    fn distinct(
        &mut self,
        (keys, limits): (&[Value], &Limits),
        rest: &[Step],
        origin: Origin,
    ) -> Code {
        let (id, span) = (self.fresh(), limits.span);
        let (key, ty) = self.key(keys, span);
        let bounds = Self::bounds(limits);
        let state = match &limits.error {
            None => Code::fill(&format!("state seen{id}_: set<{ty}>$\n"), &[&bounds], span),
            Some(error) => {
                let template = format!("state seen{id}_: bloom<{ty}>$ error $\n");
                Code::fill(&template, &[&bounds, error], span)
            }
        };
        self.members.append(&state);
        self.window(id, limits, false);
        if limits.window.is_some() {
            self.roll(id, &Code::new(format!("seen{id}_.clear()\n"), span), true, span);
        }
        let rest = self.steps(rest, origin);
        let taken = match &limits.error {
            None => format!("if seen{id}_.add(key{id}_) {{\n$}}\n"),
            Some(_) => format!("seen{id}_.insert(key{id}_)\n$"),
        };
        let template = format!("let key{id}_ = $\nif !(key{id}_ in seen{id}_) {{\n{taken}}}\n");
        Code::fill(&template, &[&key, &rest], span)
    }

    fn group(&mut self, group: &Group, rest: &[Step]) -> Code {
        let (id, span) = (self.fresh(), group.span);
        let (key, key_ty) = self.key(&group.keys, span);
        self.window(id, &group.limits, true);
        let outer = (std::mem::take(&mut self.flush), std::mem::take(&mut self.shown));
        let mut row = self.row(id, group);
        row.append(&self.steps(rest, Origin { group: Some((id, group.when)) }));
        let flush = std::mem::replace(&mut self.flush, outer.0);
        let shown = std::mem::replace(&mut self.shown, outer.1);

        let record = format!("{}_group{id}_", self.name.text);
        let mut fields = String::new();
        for aggregate in &group.aggregates {
            for (name, ty) in aggregate.fields(&self.argument(aggregate.ty)) {
                let _ = write!(fields, "{name}: {ty}, ");
            }
        }
        for (number, ty) in shown.iter().enumerate() {
            let _ = write!(fields, "shown{number}_: {ty}, ");
        }
        self.records.push(format!("record {record} {{ {fields}}}\n"), span);
        let bounds = Self::bounds(&group.limits);
        let state = format!("state group{id}_: map<{key_ty}, {record}>$\n");
        self.members.append(&Code::fill(&state, &[&bounds], span));
        let error = match &group.limits.error {
            Some(error) => Code::fill(" error $", &[error], span),
            None => Code::default(),
        };
        let mut clear = format!("group{id}_.clear()\n");
        let mut forget = format!("group{id}_.remove(key{id}_)\n");
        for name in histograms(id, group) {
            let state = format!("state {name}: histogram<{key_ty}>$$\n");
            self.members.append(&Code::fill(&state, &[&bounds, &error], span));
            let _ = writeln!(clear, "{name}.clear()");
            let _ = writeln!(forget, "{name}.remove(key{id}_)");
        }

        let is_late = group.when == When::AtClose;
        let mut closing = Code::default();
        if is_late {
            let template = format!("for (key{id}_, entry{id}_) in group{id}_ {{\n$}}\n$");
            closing.append(&Code::fill(&template, &[&row, &flush], span));
        }
        closing.push(clear, span);
        self.roll(id, &closing, group.limits.window.is_some(), span);

        let mut code = Code::fill(&format!("let key{id}_ = $\n"), &[&key], span);
        code.append(&self.update(id, group, (&record, shown.len())));
        let until = match &group.until {
            None => Code::default(),
            Some(until) => {
                let late = if is_late { row.clone() } else { Code::default() };
                Code::fill(&format!("if $ {{\n${forget}}}\n"), &[until, &late], span)
            }
        };
        let now = match (is_late, &group.until) {
            (true, None) => return code,
            (true, Some(_)) => self.row(id, group),
            (false, _) => row,
        };
        let template = format!("if let Some(entry{id}_) = group{id}_[key{id}_] {{\n$$}}\n");
        code.append(&Code::fill(&template, &[&now, &until], span));
        code
    }

    fn argument(&self, ty: Option<usize>) -> String {
        ty.map_or_else(|| "u64".into(), |ty| self.ty(ty))
    }

    /// The columns of a group's row as names.
    fn row(&self, id: usize, group: &Group) -> Code {
        let mut out = String::new();
        for (index, key) in group.keys.iter().enumerate() {
            let part = if group.keys.len() > 1 { format!(".{index}") } else { String::new() };
            let _ = writeln!(out, "let {} = key{id}_{part}", key.name);
        }
        if group.limits.window.is_some() {
            let _ = writeln!(out, "let window_start = opened{id}_");
        }
        let mut code = Code::new(out, group.span);
        for aggregate in &group.aggregates {
            let ty = self.argument(aggregate.ty);
            let entry = (&*format!("entry{id}_"), &*format!("key{id}_"));
            let result = aggregate.result(entry, &histogram(id, group, aggregate), &ty);
            let template = format!("let {} = $\n", aggregate.name);
            code.append(&Code::fill(&template, &[&result], group.span));
        }
        code
    }

    /// Takes a row into its group.
    fn update(&self, id: usize, group: &Group, (record, shown): (&str, usize)) -> Code {
        let span = group.span;
        let place = format!("group{id}_[key{id}_]");
        let types = group.aggregates.iter().map(|a| self.argument(a.ty));
        let mut code = Code::default();
        let mut numbers = Code::default();
        for aggregate in owners(group) {
            let name = histogram(id, group, aggregate);
            let template = format!("{name}.add(key{id}_, $ as u64)\n");
            numbers.append(&Code::fill(&template, &[&aggregate.args[0]], aggregate.span));
        }
        if group.aggregates.iter().all(Aggregate::is_in_place) {
            for (aggregate, ty) in group.aggregates.iter().zip(types) {
                code.append(&aggregate.update(&place, &ty));
            }
            if group.aggregates.iter().all(Aggregate::is_quantile) {
                code.push(format!("{place} = zero()\n"), span);
            }
            code.append(&numbers);
            return code;
        }
        let (mut first, mut next) = (Code::default(), Code::default());
        for (aggregate, ty) in group.aggregates.iter().zip(types) {
            first.append(&aggregate.first(&ty));
            let found = format!("found{id}_.is_some");
            next.append(&aggregate.next(&format!("old{id}_"), &found, &ty));
        }
        for number in 0..shown {
            first.push(format!("shown{number}_: None, "), span);
            next.push(format!("shown{number}_: old{id}_.shown{number}_, "), span);
        }
        let template = format!(
            "let found{id}_ = {place}\nlet old{id}_ = found{id}_.or({record} {{ $ }})\n\
             {place} = {record} {{ $ }}\n$"
        );
        Code::fill(&template, &[&first, &next, &numbers], span)
    }

    fn top(
        &mut self,
        (count, by, columns): (&Code, &Code, &[Column]),
        rest: &[Step],
        origin: Origin,
        span: Span,
    ) -> Code {
        let id = self.fresh();
        let record = format!("{}_top{id}_", self.name.text);
        let fields: String =
            columns.iter().map(|c| format!("{}: {}, ", c.name, self.ty(c.ty))).collect();
        self.records.push(format!("record {record} {{ by_: u64, {fields}}}\n"), span);
        self.members.push(
            format!("state top{id}_: map<u64, {record}>[{CAPACITY}]\nstate rows{id}_: u64\n"),
            span,
        );
        let row: String =
            columns.iter().map(|c| format!("let {0} = best{id}_.{0}\n", c.name)).collect();
        let mut row = Code::new(row, span);
        let outer = std::mem::take(&mut self.flush);
        row.append(&self.steps(rest, origin));
        let inner = std::mem::replace(&mut self.flush, outer);
        let template = format!(
            "for (_, best{id}_) in top{id}_ top $ by best{id}_.by_ {{\n$}}\n\
             top{id}_.clear()\nrows{id}_ = 0\n$"
        );
        self.flush.append(&Code::fill(&template, &[count, &row, &inner], span));
        let values: String = columns.iter().map(|c| format!("{0}: {0}, ", c.name)).collect();
        let template = format!(
            "top{id}_[rows{id}_] = {record} {{ by_: $ as u64, {values}}}\nrows{id}_ += 1\n"
        );
        Code::fill(&template, &[by], span)
    }

    fn join(&mut self, join: &Join, rest: &[Step]) -> Code {
        let (id, span) = (self.fresh(), join.span);
        let own: Vec<(String, usize)> = join.left.iter().map(|c| (c.name.clone(), c.ty)).collect();
        let other: Vec<(String, usize)> =
            join.right_columns.iter().map(|(c, _)| (c.name.clone(), c.ty)).collect();
        let typed = |columns: &[(String, usize)]| -> String {
            columns.iter().map(|(name, ty)| format!("{name}: {}, ", self.ty(*ty))).collect()
        };
        let name = self.name.text.clone();
        let key_of = |name: &String| join.left.iter().find(|c| c.name == *name);
        let key_types: Vec<String> =
            join.on.iter().filter_map(key_of).map(|c| self.ty(c.ty)).collect();
        let (key, key_ty) = match &join.on[..] {
            [one] => (one.clone(), key_types.concat()),
            _ => (format!("({},)", join.on.join(", ")), format!("({})", key_types.join(", "))),
        };
        let mut records = String::new();
        let mut states = Code::default();
        for (side, columns) in [("left", &own), ("right", &other)] {
            let fields = typed(columns);
            let record = format!("{name}_{side}{id}_");
            let _ = writeln!(records, "record {record} {{ present_: bool, {fields}}}");
            let bounds = Self::bounds(&join.limits);
            let (size, evict) = match bounds.text.split_once(']') {
                Some((size, evict)) => (format!("{size}]"), evict.trim().to_owned()),
                None => (bounds.text.clone(), String::new()),
            };
            let template =
                format!("state {side}{id}_: map<{key_ty}, {record}>{size} expire $ {evict}\n");
            states.append(&Code::fill(&template, &[&join.within], span));
        }
        let params: Vec<String> = own
            .iter()
            .map(|(name, ty)| format!("{name}: {}", self.ty(*ty)))
            .chain(join.right_columns.iter().map(|(c, name)| format!("{name}: {}", self.ty(c.ty))))
            .collect();
        self.records.push(records, span);
        self.members.append(&states);

        let pair = self.steps(rest, Origin { group: None });
        let template = format!("fn pair{id}_({}) {{\n$}}\n", params.join(", "));
        self.members.append(&Code::fill(&template, &[&pair], span));
        let half = |side: &str, others: &str, columns: &[(String, usize)], call: &str| {
            let values: String =
                columns.iter().map(|(name, _)| format!("{name}: {name}, ")).collect();
            format!(
                "let key{id}_ = {key}\n\
                 {side}{id}_[key{id}_] = {name}_{side}{id}_ {{ present_: true, {values}}}\n\
                 if let Some(other{id}_) = {others}{id}_[key{id}_] {{ pair{id}_({call}) }}\n"
            )
        };
        let of_other = |name: &String| format!("other{id}_.{name}");
        let here = |(name, _): &(String, usize)| name.clone();
        let there = |(name, _): &(String, usize)| of_other(name);
        let call: Vec<String> = own.iter().map(here).chain(other.iter().map(there)).collect();
        let left = half("left", "right", &own, &call.join(", "));
        let call: Vec<String> = own.iter().map(there).chain(other.iter().map(here)).collect();
        let right = half("right", "left", &other, &call.join(", "));

        let mut pipeline = join.right.clone();
        pipeline.steps.push(Step::Raw(Code::new(right, span)));
        self.pipeline(&pipeline, span);
        Code::new(left, span)
    }
}

/// The quantiles of a group of which each is the first of its numbers.
fn owners(group: &Group) -> impl Iterator<Item = &Aggregate> {
    let is_first = |(index, aggregate): &(usize, &Aggregate)| {
        let before = &group.aggregates[..*index];
        aggregate.is_quantile() && !before.iter().any(|known| known.shares_numbers(aggregate))
    };
    group.aggregates.iter().enumerate().filter(is_first).map(|(_, aggregate)| aggregate)
}

/// The histograms of a group.
fn histograms(id: usize, group: &Group) -> impl Iterator<Item = String> {
    owners(group).map(move |aggregate| histogram(id, group, aggregate))
}

/// The histogram of the numbers of a quantile.
fn histogram(id: usize, group: &Group, of: &Aggregate) -> String {
    let owner = owners(group).find(|known| known.shares_numbers(of)).unwrap_or(of);
    format!("numbers{id}_{}_", owner.name)
}

/// `let a = …` for each value, all computed before any is named.
fn lets(values: &[Value], span: Span) -> Code {
    let mut code = Code::default();
    for value in values {
        code.append(&Code::fill(&format!("let {}_new_ = $\n", value.name), &[&value.code], span));
    }
    for value in values {
        code.push(format!("let {0} = {0}_new_\n", value.name), span);
    }
    code
}
