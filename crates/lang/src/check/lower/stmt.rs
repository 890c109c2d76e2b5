//! Statements and blocks.

use super::port::Send;
use super::{Bound, Lowerer, Val, closing};
use crate::check::types::{Type, resolve};
use crate::diagnostic::Diagnostic;
use crate::ir::StmtKind as Out;
use crate::source::Span;
use crate::syntax::ast::{self, ExprKind, PatKind, StmtKind};

impl Lowerer<'_> {
    /// A block. If its value is wanted, that is the value of its last statement.
    pub(super) fn block(
        &mut self,
        block: &ast::Block,
        expected: Option<&Type>,
        wants: bool,
    ) -> Val {
        if !self.descend(block.span) {
            return Val::error();
        }
        let value =
            self.scoped(closing(block.span), |this| this.statements_of(block, expected, wants));
        self.depth -= 1;
        if self.flow.reachable { value } else { Val::never() }
    }

    fn statements_of(&mut self, block: &ast::Block, expected: Option<&Type>, wants: bool) -> Val {
        let mut warned = false;
        for (i, stmt) in block.stmts.iter().enumerate() {
            if !self.flow.reachable && !warned {
                warned = true;
                let message = "this is never reached";
                self.sink.warning("W0106", message, stmt.span, "nothing leads here");
            }
            let is_last = i + 1 == block.stmts.len();
            match &stmt.kind {
                StmtKind::Expr(expr, None) if is_last && wants => return self.expr(expr, expected),
                _ => self.stmt(stmt),
            }
        }
        Val::unit()
    }

    fn stmt(&mut self, stmt: &ast::Stmt) {
        let outer = std::mem::replace(&mut self.span, stmt.span);
        self.stmt_kind(stmt);
        self.span = outer;
    }

    fn stmt_kind(&mut self, stmt: &ast::Stmt) {
        let span = stmt.span;
        match &stmt.kind {
            StmtKind::Let { pattern, mutable, ty, value, otherwise } => {
                self.let_stmt((pattern, *mutable), ty.as_ref(), value, otherwise.as_ref());
            }
            StmtKind::Assign { place, op, value, otherwise } => {
                self.assign(place, *op, value, otherwise.as_ref(), span);
            }
            StmtKind::For { pattern, over, top, limit, body } => {
                self.for_loop(pattern, over, (top.as_deref(), limit.as_ref()), body);
            }
            StmtKind::Generate { event, args, after, otherwise } => {
                self.generate(event, args, after.as_ref(), otherwise.as_ref());
            }
            StmtKind::Emit(stream, value) => self.emit_record(stream, value),
            StmtKind::Break => self.break_loop(span, true),
            StmtKind::Continue => self.break_loop(span, false),
            StmtKind::Return(value) => self.return_stmt(value.as_ref(), span),
            StmtKind::Send { copy, packet, port, index } => {
                let send = Send { copy: *copy, packet, port, index: index.as_ref() };
                self.send(send, span);
            }
            StmtKind::Drop { packet, reason, .. } => self.drop_packet(packet, reason, span),
            StmtKind::Insert { stack, packet, otherwise } => {
                self.insert(stack, packet, otherwise.as_ref(), span);
            }
            StmtKind::Replace { old, stack, packet, otherwise } => {
                self.replace((old, stack), packet, otherwise.as_ref(), span);
            }
            StmtKind::Remove { headers, packet, otherwise } => {
                self.remove(headers, packet, otherwise.as_ref(), span);
            }
            StmtKind::Log { alert, text, args, limit } => {
                self.log(*alert, text, args, limit.as_ref());
            }
            StmtKind::Expr(expr, otherwise) => self.expr_stmt(expr, otherwise.as_ref()),
        }
    }

    /// An expression for its effect.
    pub(super) fn expr_stmt(&mut self, expr: &ast::Expr, otherwise: Option<&ast::Block>) {
        let span = expr.span;
        match (&expr.kind, otherwise) {
            (ExprKind::If(condition, yes, no), None) => {
                self.if_expr(condition, yes, no.as_ref(), None, false, span);
            }
            (ExprKind::IfLet(pattern, value, yes, no), None) => {
                self.if_let(pattern, value, (yes, no.as_ref()), None, false, span);
            }
            (ExprKind::Match(value, arms), None) => {
                self.match_expr(value, arms, None, false, span);
            }
            (ExprKind::Block(block), None) => {
                self.block(block, None, false);
            }
            (_, Some(otherwise)) => {
                let ok = self.condition(expr);
                self.or_else(ok, otherwise);
            }
            _ => {
                let emitted = self.statements;
                let value = self.expr(expr, None);
                let is_idle = self.statements == emitted && self.flow.reachable;
                if is_idle && !value.ty.is_silent() && value.ty != Type::Unit {
                    let message = "this value is not used";
                    self.sink.warning("W0108", message, span, "it has no effect");
                }
            }
        }
    }

    /// Runs a block if `ok` is 0.
    pub(super) fn or_else(&mut self, ok: crate::ir::Expr, otherwise: &ast::Block) {
        let base = self.flow.clone();
        let (code, _) = self.nested(|this| this.block(otherwise, None, false));
        let refused = std::mem::replace(&mut self.flow, base.clone());
        let end = closing(otherwise.span);
        let went_well = (base.clone(), self.span);
        self.flow = crate::check::flow::Flow::merge(&base, [went_well, (refused, end)]);
        self.emit(Out::If(ok, Vec::new(), code));
    }

    fn let_stmt(
        &mut self,
        (pattern, mutable): (&ast::Pat, bool),
        ty: Option<&ast::Type>,
        value: &ast::Expr,
        otherwise: Option<&ast::Block>,
    ) {
        if let (PatKind::Name(name), ExprKind::Copy(from)) = (&pattern.kind, &value.kind) {
            self.let_copy(name, from, self.span);
            return;
        }
        let value_span = value.span;
        let value = match ty.map(|ty| resolve(self.items, ty, self.sink)) {
            Some(ty) => self.expr_as(value, &ty),
            None => self.expr(value, None),
        };
        if !value.ty.is_silent() && !value.ty.is_storable() {
            let message = "a `let` needs a value";
            self.sink.error("E0201", message, value_span, "this gives no value");
            self.bind_all(pattern, Val::error(), mutable);
            return;
        }
        if otherwise.is_none()
            && let PatKind::Name(name) = &pattern.kind
        {
            self.bind_value(name, value, mutable);
            return;
        }
        let value = self.stable(value);
        let mut bound = Vec::new();
        let matches = self.pattern(pattern, &value, &mut bound);
        if let Some(otherwise) = otherwise {
            self.diverging(matches, otherwise);
        } else if !self.is_irrefutable(pattern, &value.ty) {
            let message = "this pattern does not fit every value";
            self.sink.report(
                Diagnostic::error("E0207", message, pattern.span, "what if it does not?")
                    .note("add `else { … }` that drops, returns or breaks"),
            );
        }
        for (name, value) in bound {
            self.bind_value(&name, value, mutable);
        }
    }

    /// The `else` of a `let`, which must not come to its end.
    fn diverging(&mut self, matches: crate::ir::Expr, otherwise: &ast::Block) {
        let before = self.flow.clone();
        let (code, _) = self.nested(|this| this.block(otherwise, None, false));
        let after = std::mem::replace(&mut self.flow, before);
        if after.reachable && self.flow.reachable {
            let message = "this `else` must not go on";
            self.sink.report(
                Diagnostic::error("E0216", message, closing(otherwise.span), "it ends here").note(
                    "the names of the pattern have no value then: `return`, `break` or `continue`",
                ),
            );
        }
        self.flow.epoch = self.flow.epoch.max(after.epoch);
        self.emit(Out::If(matches, Vec::new(), code));
    }

    /// Binds a name to a value that lives on.
    pub(super) fn bind_value(&mut self, name: &ast::Ident, value: Val, mutable: bool) {
        self.check_shadowing(name);
        let value = if mutable {
            let ids = self.fresh_all(&value.ty);
            for (&id, leaf) in ids.iter().zip(value.leaves) {
                self.mutable[id.0 as usize] = true;
                self.emit(Out::Assign(id, leaf));
            }
            self.read_all(value.ty, &ids)
        } else {
            self.stable(value)
        };
        self.bind(name, Bound::Value { value, mutable });
    }

    /// A local must not hide a state object or a packet: that is a mistake more often than not.
    fn check_shadowing(&mut self, name: &ast::Ident) {
        let hides_packet = self.bindings[self.visible_from..]
            .iter()
            .any(|b| b.name == name.text && matches!(b.bound, Bound::Packet(_)));
        if hides_packet || (!self.in_global_fn && self.states.contains_key(&name.text)) {
            let what = if hides_packet { "packet" } else { "state object" };
            let message = format!("`{}` is the name of a {what}", name.text);
            self.sink.error("E0104", message, name.span, "choose another name");
        }
    }

    /// Binds every name of a pattern to a value that is silent.
    fn bind_all(&mut self, pattern: &ast::Pat, value: Val, mutable: bool) {
        match &pattern.kind {
            PatKind::Name(name) => self.bind_value(name, value, mutable),
            PatKind::Tuple(parts) | PatKind::Variant(_, parts) | PatKind::Or(parts) => {
                parts.iter().for_each(|part| self.bind_all(part, value.clone(), mutable));
            }
            _ => {}
        }
    }

    fn return_stmt(&mut self, value: Option<&ast::Expr>, span: Span) {
        let Some(frame) = self.frames.last() else {
            if let Some(value) = value {
                let message = "a handler gives no value";
                self.sink.error("E0217", message, value.span, "remove this");
            }
            self.require_gone(0, span, "the handler returns here");
            self.emit_at(Out::Return, span);
            self.flow.reachable = false;
            return;
        };
        let (ty, label, packets) = (frame.result.clone(), frame.label, frame.packets_before);
        let results = frame.result_locals.clone();
        match (value, &ty) {
            (Some(expr), Some(ty)) => {
                let value = self.expr_as(expr, ty);
                for (id, leaf) in results.into_iter().zip(value.leaves) {
                    self.emit_at(Out::Assign(id, leaf), span);
                }
            }
            (None, None) => {}
            (Some(expr), None) => {
                let message = "this function gives no value";
                self.sink.report(
                    Diagnostic::error("E0217", message, expr.span, "remove this")
                        .note("or write its type after the parameters: `-> u32`"),
                );
            }
            (None, Some(ty)) => {
                let message = format!("this function gives {}", ty.with_article());
                self.sink.error("E0217", message, span, "return what?");
            }
        }
        self.require_gone(packets, span, "the function returns here");
        self.emit_at(Out::Break(label), span);
        let mut flow = self.flow.clone();
        flow.packets.truncate(packets);
        self.flow.reachable = false;
        if flow.reachable
            && let Some(frame) = self.frames.last_mut()
        {
            frame.returns.push((flow, span));
        }
    }
}
