//! `if`, `if let` and loops.

use super::convert::is_flexible;
use super::{Bound, LoopFrame, Lowerer, StateVar, Val, closing};
use crate::check::flow::{Flow, Own};
use crate::check::fold;
use crate::check::types::Type;
use crate::check::value::Value;
use crate::diagnostic::Diagnostic;
use crate::ir::{self, Expr, StmtKind};
use crate::source::Span;
use crate::syntax::ast;
use trama_state::StateKind;

/// Most rounds of a loop.
pub(super) const ROUNDS_MAX: u64 = 65_536;

/// One way through a choice: its statements, its value, where it ends.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) code: Vec<ir::Stmt>,
    pub(super) value: Val,
    pub(super) end: Span,
}

impl Lowerer<'_> {
    /// `if condition { } else { }`
    pub(super) fn if_expr(
        &mut self,
        condition: &ast::Expr,
        yes: &ast::Block,
        no: Option<&ast::Block>,
        expected: Option<&Type>,
        wants: bool,
        span: Span,
    ) -> Val {
        let epoch = self.flow.epoch;
        let test = self.condition(condition);
        let base = self.flow.clone();
        let (holds, fails) =
            (self.refined(condition, true, epoch), self.refined(condition, false, epoch));
        self.flow = holds;
        let (code, value) = self.nested(|this| this.block(yes, expected, wants));
        let yes_flow = std::mem::replace(&mut self.flow, fails);
        let flexible = flexible_block(yes).filter(|_| expected.is_none() && wants);
        let mut yes = Way { code, value, end: closing(yes.span) };
        let hint = expected.cloned().or_else(|| hint_of(&yes.value).filter(|_| flexible.is_none()));
        let no = self.other_way(no, hint.as_ref(), wants, condition.span);
        let no_flow = std::mem::replace(&mut self.flow, Flow::start());
        self.flow = Flow::merge(&base, [(yes_flow, yes.end), (no_flow, no.end)]);
        self.retype(&mut yes, flexible, hint_of(&no.value).as_ref());
        self.choose(test, yes, no, wants, span)
    }

    /// `if let pattern = value { } else { }`
    pub(super) fn if_let(
        &mut self,
        pattern: &ast::Pat,
        value: &ast::Expr,
        (yes, no): (&ast::Block, Option<&ast::Block>),
        expected: Option<&Type>,
        wants: bool,
        span: Span,
    ) -> Val {
        let value_span = value.span;
        let value = self.expr(value, None);
        let value = self.stable(value);
        let base = self.flow.clone();
        let mut bound = Vec::new();
        let test = self.pattern(pattern, &value, &mut bound);
        let (code, result) = self.nested(|this| {
            this.scoped(closing(yes.span), |this| {
                for (name, value) in bound {
                    this.bind_value(&name, value, false);
                }
                this.block(yes, expected, wants)
            })
        });
        let yes_flow = std::mem::replace(&mut self.flow, base.clone());
        let flexible = flexible_block(yes).filter(|_| expected.is_none() && wants);
        let mut yes = Way { code, value: result, end: closing(yes.span) };
        let hint = expected.cloned().or_else(|| hint_of(&yes.value).filter(|_| flexible.is_none()));
        let no = self.other_way(no, hint.as_ref(), wants, value_span);
        let no_flow = std::mem::replace(&mut self.flow, Flow::start());
        self.flow = Flow::merge(&base, [(yes_flow, yes.end), (no_flow, no.end)]);
        self.retype(&mut yes, flexible, hint_of(&no.value).as_ref());
        self.choose(test, yes, no, wants, span)
    }

    /// Gives a way whose value is a number without a type of its own the type of the others.
    pub(super) fn retype(&mut self, way: &mut Way, number: Option<&ast::Expr>, ty: Option<&Type>) {
        if let (Some(number), Some(Type::Uint(_) | Type::Int(_))) = (number, ty) {
            way.value = self.expr(number, ty);
        }
    }

    fn other_way(
        &mut self,
        block: Option<&ast::Block>,
        hint: Option<&Type>,
        wants: bool,
        condition: Span,
    ) -> Way {
        match block {
            Some(block) => {
                let (code, value) = self.nested(|this| this.block(block, hint, wants));
                Way { code, value, end: closing(block.span) }
            }
            None => Way { code: Vec::new(), value: Val::unit(), end: condition },
        }
    }

    /// Brings two ways together: emits the choice and gives its value.
    pub(super) fn choose(&mut self, test: Expr, yes: Way, no: Way, wants: bool, span: Span) -> Val {
        let diverges = yes.value.ty == Type::Never && no.value.ty == Type::Never;
        let Some((mut yes, mut no)) = self.one_type(yes, no, wants, span) else {
            return Val::error();
        };
        let ty = yes.value.ty.clone();
        if let Some(known) = fold::known(&test) {
            let chosen = if known == 1 { yes } else { no };
            self.code.extend(chosen.code);
            return if diverges { Val::never() } else { chosen.value };
        }
        let count = yes.value.leaves.len();
        if yes.code.is_empty() && no.code.is_empty() && (1..=4).contains(&count) {
            let test = if count > 1 { self.simple(test) } else { test };
            let pairs = yes.value.leaves.into_iter().zip(no.value.leaves);
            let leaves = pairs.map(|(a, b)| fold::select(test.clone(), a, b)).collect();
            return Val { ty, leaves };
        }
        let results = self.fresh_all(&ty);
        Self::assign_all(&mut yes.code, &results, &yes.value, yes.end);
        Self::assign_all(&mut no.code, &results, &no.value, no.end);
        if !(yes.code.is_empty() && no.code.is_empty()) {
            self.emit_at(StmtKind::If(test, yes.code, no.code), span);
        }
        if diverges { Val::never() } else { self.read_all(ty, &results) }
    }

    /// Both values in one type. `None` if they have none, which was reported.
    fn one_type(&mut self, yes: Way, no: Way, wants: bool, span: Span) -> Option<(Way, Way)> {
        let with = |way: Way, value: Val| Way { value, ..way };
        if !wants || (yes.value.ty == Type::Unit && no.value.ty == Type::Unit) {
            return Some((with(yes, Val::unit()), with(no, Val::unit())));
        }
        let (a, b) = (yes.value.clone(), no.value.clone());
        match (&a.ty, &b.ty) {
            (Type::Never, Type::Never) => Some((with(yes, Val::unit()), with(no, Val::unit()))),
            (Type::Error, _) | (_, Type::Error) => {
                let ty = if a.ty == Type::Error { b.ty } else { a.ty };
                // The code is kept: what follows may rely on its effects.
                let zero = Val::zero(ty);
                Some((with(yes, zero.clone()), with(no, zero)))
            }
            (Type::Never, ty) => Some((with(yes, Val::zero(ty.clone())), no)),
            (ty, Type::Never) => {
                let zero = Val::zero(ty.clone());
                Some((yes, with(no, zero)))
            }
            (x, y) => {
                if let Some((a, b)) = super::operator::widen(a.clone(), b.clone()) {
                    return Some((with(yes, a), with(no, b)));
                }
                let message = format!("one way gives `{x}`, the other `{y}`");
                let label = if *y == Type::Unit { "without a value here" } else { "another type" };
                self.sink.report(
                    Diagnostic::error(
                        "E0201",
                        message,
                        span,
                        "as a value, both must be of one type",
                    )
                    .other(no.end, label),
                );
                None
            }
        }
    }

    /// `break`, `continue`
    pub(super) fn break_loop(&mut self, span: Span, is_break: bool) {
        let word = if is_break { "break" } else { "continue" };
        let frames = self.frames.len();
        let Some(target) = self.loops.last().filter(|l| l.frames_before == frames) else {
            let message = format!("`{word}` stands in no loop");
            self.sink.error("E0217", message, span, "there is nothing to leave");
            return;
        };
        let (label, packets) = if is_break {
            (target.label, target.packets_before)
        } else {
            (target.continue_label, target.packets_before)
        };
        self.require_gone(packets, span, "the round ends here");
        self.emit_at(StmtKind::Break(label), span);
        let mut flow = self.flow.clone();
        flow.packets.truncate(packets);
        self.flow.reachable = false;
        if flow.reachable
            && let Some(target) = self.loops.last_mut()
        {
            let list = if is_break { &mut target.breaks } else { &mut target.continues };
            list.push((flow, span));
        }
    }

    /// `for pattern in over [top n by expr] [limit n] { … }`
    pub(super) fn for_loop(
        &mut self,
        pattern: &ast::Pat,
        over: &ast::Expr,
        (top, limit): (Option<&(ast::Expr, ast::Expr)>, Option<&ast::Expr>),
        body: &ast::Block,
    ) {
        let name = pattern;
        if let Some(state) = self.state_named(over) {
            if let Some(limit) = limit {
                let message = "a loop over a table needs no limit";
                self.sink.error("E0602", message, limit.span, "remove this");
            }
            return self.for_entries(pattern, (&state, over.span), top, body);
        }
        if let Some((count, _)) = top {
            let message = "only entries of a map or set are chosen by `top`";
            self.sink.error("E1005", message, count.span, "not possible here");
        }
        match &over.kind {
            ast::ExprKind::Range { from, to, inclusive } => {
                let mut from = self.number64_val(from);
                let mark = self.code.len();
                let to = self.number64_val(to);
                self.protect(&mut from, mark);
                let (from, mut to) = (from.leaf(64), to.leaf(64));
                if *inclusive {
                    to = fold::binary(ir::BinaryOp::Add, to, fold::constant(1, 64));
                }
                let Some(bound) = self.bound(&from, &to, limit, over.span) else {
                    return self.body_only(name, Val::error(), body);
                };
                let var = self.fresh(64);
                let value = Val::scalar(Type::Uint(64), self.read(var));
                self.rounds(name, value, Rounds::counting(var, from, to, bound), body);
            }
            ast::ExprKind::Error => self.body_only(name, Val::error(), body),
            ast::ExprKind::Method(set, method, args) if method.text == "matches" => {
                match self.state_named(set) {
                    Some(set) => self.for_matches(name, &set, (method, args), limit, body),
                    None => self.for_rows(name, over, limit, body),
                }
            }
            _ => self.for_rows(name, over, limit, body),
        }
    }

    fn number64_val(&mut self, expr: &ast::Expr) -> Val {
        self.expr_as(expr, &Type::Uint(64))
    }

    /// Most rounds of a loop over a range.
    fn bound(
        &mut self,
        from: &Expr,
        to: &Expr,
        limit: Option<&ast::Expr>,
        span: Span,
    ) -> Option<u32> {
        let known = fold::known(to).and_then(|to| {
            let from = fold::known(from).unwrap_or(0);
            u64::try_from(to.saturating_sub(from)).ok()
        });
        let limit = match limit {
            Some(expr) => self.const_expr(expr, &Type::Uint(64))?.as_u64(),
            None => None,
        };
        let rounds = match (known, limit) {
            (Some(known), Some(limit)) => known.min(limit),
            (Some(rounds), None) | (None, Some(rounds)) => rounds,
            (None, None) => {
                let message = "how often this loop runs is not known before the program runs";
                let end = Span { start: span.end, ..span };
                self.sink.report(
                    Diagnostic::error("E0602", message, span, "not constant")
                        .note("say how often at most: `for i in 0..n limit 64`")
                        .patch(end, " limit 64"),
                );
                return None;
            }
        };
        if rounds > ROUNDS_MAX {
            let message = format!("a loop runs at most {ROUNDS_MAX} rounds");
            self.sink.error("E0601", message, span, format!("{rounds} rounds"));
            return None;
        }
        u32::try_from(rounds).ok()
    }

    /// `for row in table { … }`
    fn for_rows(
        &mut self,
        name: &ast::Pat,
        over: &ast::Expr,
        limit: Option<&ast::Expr>,
        body: &ast::Block,
    ) {
        if let Some(limit) = limit {
            let message = "a loop over a table needs no limit";
            self.sink.error("E0602", message, limit.span, "remove this");
        }
        let table = match &over.kind {
            ast::ExprKind::Name(table) => self.lookup(table, over.span),
            _ => None,
        };
        let Some(super::name::Named::Constant(Value::Table { record, rows })) = table else {
            match (table, &over.kind) {
                (Some(super::name::Named::Broken), _) => {}
                (None, ast::ExprKind::Name(table)) => self.unknown_name(table, over.span),
                _ => {
                    let message = "a loop runs over a range `0..n`, a table, a map or a set";
                    self.sink.error("E0201", message, over.span, "neither of them");
                }
            }
            return self.body_only(name, Val::error(), body);
        };
        let ast::ExprKind::Name(table) = &over.kind else { return };
        let row_type = Type::Record(record);
        if rows.is_empty() {
            return self.body_only(name, Val::zero(row_type), body);
        }
        let count = rows.len() as u64;
        if count > ROUNDS_MAX {
            let message = format!("a loop runs at most {ROUNDS_MAX} rounds");
            self.sink.error("E0601", message, over.span, format!("{count} rows"));
            return;
        }
        let id = self.table(table, &row_type, &rows);
        let var = self.fresh(64);
        let value = row_value(id, row_type, &self.read(var));
        let (from, to) = (fold::constant(0, 64), fold::constant(u128::from(count), 64));
        self.rounds(name, value, Rounds::counting(var, from, to, count as u32), body);
    }

    /// `for i in set.matches(p) [limit n] { … }`: the numbers of the patterns that occur in a
    /// payload, in ascending order.
    fn for_matches(
        &mut self,
        name: &ast::Pat,
        set: &StateVar,
        (method, args): (&ast::Ident, &[ast::Expr]),
        limit: Option<&ast::Expr>,
        body: &ast::Block,
    ) {
        let StateKind::Patterns(patterns) = &self.node.states[set.id.0 as usize].kind else {
            let message = format!("{} has no `matches`", set.ty.describe());
            self.sink.error("E0110", message, method.span, "only pattern sets are searched");
            return self.body_only(name, Val::error(), body);
        };
        let to = fold::constant(patterns.len() as u128, 64);
        let [arg] = args else {
            self.sink.error("E0204", "`matches` takes (packet)", method.span, "search what?");
            return self.body_only(name, Val::error(), body);
        };
        if self.searching.contains(&set.id) {
            let message = "this set is searched by a loop around this one";
            self.sink.report(
                Diagnostic::error("E0805", message, method.span, "it would lose its place")
                    .note("note what was found, and search again after that loop"),
            );
            return self.body_only(name, Val::error(), body);
        }
        let Some(bound) = self.bound(&fold::constant(0, 64), &to, limit, method.span) else {
            return self.body_only(name, Val::error(), body);
        };
        let Some(packet) = self.packet_operand(arg, method) else {
            return self.body_only(name, Val::error(), body);
        };
        let count = self.scan(set, packet);
        let from = self.fresh(32);
        self.mutable[from.0 as usize] = true;
        self.emit(StmtKind::Assign(from, fold::constant(0, 32)));
        let (prelude, number) = self.nested(|this| {
            let number = this.next_match(set, from);
            let after = fold::binary(ir::BinaryOp::Add, this.read(number), fold::constant(1, 32));
            this.emit(StmtKind::Assign(from, after));
            number
        });
        let (var, to) = (self.fresh(64), fold::cast(self.read(count), 64));
        let value = Val::scalar(Type::Uint(32), self.read(number));
        let rounds = Rounds::Count { var, from: fold::constant(0, 64), to, bound, prelude };
        self.searching.push(set.id);
        self.rounds(name, value, rounds, body);
        self.searching.pop();
    }

    /// `table[index]`: a row, zeros if there is none of that number; `None` if `base` is no table.
    pub(super) fn table_row(&mut self, base: &ast::Expr, index: &ast::Expr) -> Option<Val> {
        let ast::ExprKind::Name(name) = &base.kind else { return None };
        let bound = self.bindings[self.visible_from..].iter().rfind(|b| b.name == *name);
        let is_constant = match bound {
            Some(binding) => matches!(binding.bound, Bound::Constant(Value::Table { .. })),
            None => self.env.contains_key(name) || self.items.consts.contains_key(name.as_str()),
        };
        if !is_constant || (bound.is_none() && self.states.contains_key(name)) {
            return None;
        }
        let named = self.lookup(name, base.span)?;
        let super::name::Named::Constant(Value::Table { record, rows }) = named else {
            return None;
        };
        let row = self.number64(index);
        let row = self.simple(row);
        let row_type = Type::Record(record);
        if rows.is_empty() {
            return Some(Val::zero(row_type));
        }
        let id = self.table(name, &row_type, &rows);
        Some(row_value(id, row_type, &row))
    }

    /// The constant table of the node with these rows.
    fn table(&mut self, name: &str, row: &Type, rows: &[Vec<u128>]) -> ir::TableId {
        let table = ir::Table { name: name.to_owned(), columns: row.widths(), rows: rows.to_vec() };
        let same = |known: &ir::Table| known.name == table.name && known.rows == table.rows;
        let index = self.node.tables.iter().position(same).unwrap_or_else(|| {
            self.node.tables.push(table);
            self.node.tables.len() - 1
        });
        ir::TableId(index as u32)
    }

    /// Checks the body of a loop that has no rounds.
    pub(super) fn body_only(&mut self, name: &ast::Pat, value: Val, body: &ast::Block) {
        let var = self.fresh(64);
        let (from, to) = (fold::constant(0, 64), fold::constant(0, 64));
        self.nested(|this| this.rounds(name, value, Rounds::counting(var, from, to, 0), body));
    }

    pub(super) fn rounds(
        &mut self,
        pattern: &ast::Pat,
        value: Val,
        rounds: Rounds,
        body: &ast::Block,
    ) {
        if self.may_change_headers(body) {
            for index in 0..self.packets.len() {
                self.headers_changed(index, crate::check::facts::Facts::any());
            }
        }
        let base = self.flow.clone();
        let (label, continue_label) = (self.fresh_label(), self.fresh_label());
        self.loops.push(LoopFrame {
            label,
            continue_label,
            breaks: Vec::new(),
            continues: Vec::new(),
            packets_before: self.packets.len(),
            frames_before: self.frames.len(),
        });
        let (code, ()) = self.nested(|this| {
            this.scoped(closing(body.span), |this| {
                let first = this.bindings.len();
                this.bind_round(pattern, value);
                let compared = std::mem::take(&mut this.compared);
                for binding in &mut this.bindings[first..] {
                    binding.used |= compared.contains(&binding.name);
                }
                this.block(body, None, false);
            });
        });
        let Some(frame) = self.loops.pop() else { return };
        let ended = std::mem::replace(&mut self.flow, base.clone());
        for (flow, _) in frame.continues.iter().chain([&(ended, closing(body.span))]) {
            self.require_kept(&base, flow);
        }
        let base = self.flow.clone();
        let ways = [(base.clone(), pattern.span)].into_iter().chain(frame.breaks);
        self.flow = Flow::merge(&base, ways);
        self.emit(match rounds {
            Rounds::Count { var, from, to, bound, prelude } => {
                let body = prelude.into_iter().chain(code).collect();
                StmtKind::Loop { label, continue_label, var, from, to, bound, body }
            }
            Rounds::Entries { state, key, value, top } => {
                StmtKind::ForEach { label, continue_label, state, key, value, top, body: code }
            }
        });
    }

    /// Gives what a round is about its name, or names to its parts.
    pub(super) fn bind_round(&mut self, pattern: &ast::Pat, value: Val) {
        if let ast::PatKind::Name(name) = &pattern.kind {
            self.bind(name, Bound::Value { value, mutable: false });
            return;
        }
        if !self.is_irrefutable(pattern, &value.ty) {
            let message = "this pattern does not fit every value";
            self.sink.error("E0207", message, pattern.span, "what if it does not?");
        }
        let mut bound = Vec::new();
        self.pattern(pattern, &value, &mut bound);
        for (name, value) in bound {
            self.bind_value(&name, value, false);
        }
    }

    /// Reports packets that a round took away from the next one.
    fn require_kept(&mut self, base: &Flow, end: &Flow) {
        if !end.reachable || !base.reachable {
            return;
        }
        for (index, (before, after)) in base.packets.iter().zip(&end.packets).enumerate() {
            let (Own::Gone(span, how) | Own::MaybeGone { gone: (span, how), .. }) = after.own
            else {
                continue;
            };
            if before.own != Own::Held {
                continue;
            }
            let name = &self.packets[index].name;
            let message = format!("`{name}` is {} in a loop that goes on", how.participle());
            self.sink.report(
                Diagnostic::error("E0404", message, span, "the next round has no packet")
                    .note("leave the loop after it by `break` or `return`, or send a copy"),
            );
            self.flow.packets[index].own = Own::Reported;
        }
    }
}

/// The leaves of a row of a table.
fn row_value(id: ir::TableId, row_type: Type, row: &Expr) -> Val {
    let columns = row_type.widths().into_iter().zip(0..);
    let leaf = |(width, column)| {
        let kind = ir::ExprKind::Table(id, Box::new(row.clone()), column);
        Expr { kind, width }
    };
    let leaves = columns.map(leaf).collect();
    Val { ty: row_type, leaves }
}

/// What the rounds of a loop are.
pub(super) enum Rounds {
    /// Numbers.
    Count {
        var: ir::LocalId,
        from: Expr,
        to: Expr,
        bound: u32,
        /// What each round begins with.
        prelude: Vec<ir::Stmt>,
    },
    /// Entries of a map.
    Entries {
        state: ir::StateId,
        key: Vec<ir::LocalId>,
        value: Vec<ir::LocalId>,
        top: Option<ir::Top>,
    },
}

impl Rounds {
    fn counting(var: ir::LocalId, from: Expr, to: Expr, bound: u32) -> Self {
        Self::Count { var, from, to, bound, prelude: Vec::new() }
    }
}

/// The number without a type of its own with which a block ends.
pub(super) fn flexible_block(block: &ast::Block) -> Option<&ast::Expr> {
    match &block.stmts.last()?.kind {
        ast::StmtKind::Expr(expr, None) => flexible_value(expr),
        _ => None,
    }
}

/// The number without a type of its own that is the value of an expression.
pub(super) fn flexible_value(expr: &ast::Expr) -> Option<&ast::Expr> {
    match &expr.kind {
        ast::ExprKind::Block(block) => flexible_block(block),
        _ => is_flexible(expr).then_some(expr),
    }
}

/// The type of a value, as a hint for another way.
pub(super) fn hint_of(value: &Val) -> Option<Type> {
    (value.ty != Type::Unit && !value.ty.is_silent()).then(|| value.ty.clone())
}
