//! Calls: functions are expanded where they are called.

use super::{Bound, Frame, Lowerer, STATEMENTS_MAX, Val, closing};
use crate::check::facts::Facts;
use crate::check::flow::Flow;
use crate::check::types::{Type, resolve};
use crate::check::value::{Value, eval_const};
use crate::check::walk::{self, Node};
use crate::diagnostic::Diagnostic;
use crate::ir::{Handler, LocalId, StmtKind, Trigger};
use crate::source::Span;
use crate::syntax::ast::{self, ExprKind, FnParamType};
use crate::syntax::nearest;
use std::collections::BTreeSet;

/// An argument that was evaluated in the caller's scope.
enum Arg {
    Value(Val),
    Constant(Value),
    /// A packet and the facts that the function may assume.
    Packet(usize, Facts),
    /// Something that was reported.
    Broken,
}

/// A call that is being expanded.
struct Expansion<'f> {
    function: &'f ast::Fn,
    is_global: bool,
    args: Vec<Arg>,
    result: Option<Type>,
    span: Span,
}

/// A function as a handler, with the locals in which its values lie.
pub(in crate::check) struct FunctionHandler {
    pub(in crate::check) handler: Handler,
    pub(in crate::check) states: Vec<LocalId>,
    pub(in crate::check) params: Vec<LocalId>,
    pub(in crate::check) results: Vec<LocalId>,
}

impl<'a> Lowerer<'a> {
    /// A constant that stands inside an element: a size, a limit.
    pub(in crate::check) fn const_expr(&mut self, expr: &ast::Expr, ty: &Type) -> Option<Value> {
        self.mark_names(expr);
        eval_const(self.items, self.env, expr, Some(ty), self.tables, self.sink)
    }

    /// Takes every name in an expression for used.
    pub(in crate::check) fn mark_names(&mut self, expr: &ast::Expr) {
        let mut names = Vec::new();
        walk::expr(expr, &mut |node| {
            if let Node::Expr(ast::Expr { kind: ExprKind::Name(name), .. }) = node {
                names.push(name.clone());
            }
        });
        self.used.names.extend(names);
    }

    /// Declares a function of the element.
    pub(in crate::check) fn declare_fn(&mut self, function: &'a ast::Fn) {
        if self.fns.contains_key(function.name.text.as_str()) {
            let message = format!("`{}` is declared twice", function.name.text);
            self.sink.error("E0104", message, function.name.span, "declared again");
            return;
        }
        self.fns.insert(&function.name.text, function);
    }

    /// Checks the functions of the element that nothing calls.
    pub(in crate::check) fn check_uncalled_fns(&mut self, element: &'a ast::Element) {
        let called = called_in(element);
        for member in &element.members {
            if let ast::MemberKind::Fn(function) = &member.kind
                && !called.contains(function.name.text.as_str())
            {
                self.check_uncalled(function, false);
            }
        }
    }

    /// True, with a message, if a state object or constant of that name was declared before.
    pub(in crate::check) fn declared_before(&mut self, name: &ast::Ident) -> bool {
        let known = self.states.contains_key(&name.text)
            || self.env.contains_key(&name.text)
            || self.broken.contains(&name.text);
        if known {
            let message = format!("`{}` is declared twice", name.text);
            self.sink.error("E0104", message, name.span, "declared again");
        }
        known
    }

    /// `name(args)`
    pub(super) fn call(
        &mut self,
        name: &ast::Ident,
        args: &[ast::Expr],
        expected: Option<&Type>,
        span: Span,
    ) -> Val {
        if let Some(value) = self.built_in(name, args, expected, span) {
            return value;
        }
        let own = self.fns.get(name.text.as_str()).copied().filter(|_| !self.in_global_fn);
        if own.is_some() {
            self.used.fns.insert(name.text.clone());
        }
        let global = self.items.fns.get(name.text.as_str()).copied();
        let Some(function) = own.or(global) else {
            if let Some(value) = self.variant_call(name, args, expected, span) {
                return value;
            }
            self.unknown_function(name);
            args.iter().for_each(|arg| drop(self.expr(arg, None)));
            return Val::error();
        };
        self.expand(function, own.is_none(), args, name, span)
    }

    fn unknown_function(&mut self, name: &ast::Ident) {
        let message = if self.in_global_fn && self.fns.contains_key(name.text.as_str()) {
            format!("`{}` belongs to the element and cannot be called from here", name.text)
        } else {
            format!("there is no function `{}`", name.text)
        };
        let mut diagnostic = Diagnostic::error("E0103", message, name.span, "not a function");
        let known = self.fns.keys().chain(self.items.fns.keys()).copied();
        let known = known.chain(["hash", "min", "max", "Some"]);
        if let Some(near) = nearest(&name.text, known).filter(|near| *near != name.text) {
            diagnostic = diagnostic.note(format!("did you mean `{near}`?")).patch(name.span, near);
        }
        self.sink.report(diagnostic);
    }

    fn expand(
        &mut self,
        function: &'a ast::Fn,
        is_global: bool,
        args: &[ast::Expr],
        name: &ast::Ident,
        span: Span,
    ) -> Val {
        if self.frames.iter().any(|frame| frame.name == function.name.text) {
            let message = format!("`{}` calls itself", name.text);
            self.sink.report(
                Diagnostic::error("E0214", message, span, "functions are not recursive")
                    .note("use a loop: every program comes to its end"),
            );
            return Val::error();
        }
        self.statements += 1;
        if self.statements > STATEMENTS_MAX {
            self.too_long(span);
            return Val::error();
        }
        if args.len() != function.params.len() {
            let expects = function.params.len();
            let plural = if expects == 1 { "" } else { "s" };
            let message = format!("`{}` takes {expects} argument{plural}", name.text);
            self.sink.report(
                Diagnostic::error("E0204", message, span, format!("{} given", args.len()))
                    .other(function.name.span, "declared here"),
            );
            return Val::error();
        }
        if is_global {
            self.items.mark_called(&function.name.text);
        }
        let args = self.args(function, args);
        let errors = self.sink.error_count();
        let result = function.result.as_ref().map(|ty| resolve(self.items, ty, self.sink));
        if self.sink.error_count() > errors {
            return Val::error();
        }
        self.expand_body(Expansion { function, is_global, args, result, span })
    }

    /// Reports a handler that became too long.
    pub(super) fn too_long(&mut self, span: Span) {
        if std::mem::replace(&mut self.is_too_long, true) {
            return;
        }
        let message = format!("the handler expands to more than {STATEMENTS_MAX} statements");
        self.sink.report(
            Diagnostic::error("E0605", message, span, "too many calls")
                .note("functions are expanded where they are called: call them less often"),
        );
    }

    fn args(&mut self, function: &ast::Fn, exprs: &[ast::Expr]) -> Vec<Arg> {
        let mut args: Vec<Arg> = Vec::new();
        for (param, expr) in function.params.iter().zip(exprs) {
            let mark = self.code.len();
            let arg = match &param.ty {
                FnParamType::Packet(pattern) => self.packet_arg(pattern, expr),
                FnParamType::Value(ty) => match resolve(self.items, ty, self.sink) {
                    Type::Error => Arg::Broken,
                    ty @ (Type::Table(_) | Type::Str) => self.constant_arg(&ty, expr),
                    ty => Arg::Value(self.expr_as(expr, &ty)),
                },
            };
            for earlier in &mut args {
                if let Arg::Value(value) = earlier {
                    self.protect(value, mark);
                }
            }
            args.push(arg);
        }
        args
    }

    fn constant_arg(&mut self, ty: &Type, expr: &ast::Expr) -> Arg {
        if let ExprKind::Name(name) = &expr.kind
            && let Some(super::name::Named::Constant(value)) = self.lookup(name, expr.span)
        {
            if value.ty() == *ty {
                return Arg::Constant(value);
            }
            self.mismatch(&value.ty(), ty, expr.span);
            return Arg::Broken;
        }
        self.const_expr(expr, ty).map_or(Arg::Broken, Arg::Constant)
    }

    fn packet_arg(&mut self, pattern: &ast::Pattern, expr: &ast::Expr) -> Arg {
        let ExprKind::Name(name) = &expr.kind else {
            let message = "the function takes a packet here";
            self.sink.error("E0220", message, expr.span, "not a packet");
            return Arg::Broken;
        };
        let name = ast::Ident { text: name.clone(), span: expr.span };
        let Some(index) = self.require_packet(&name) else { return Arg::Broken };
        let Some(alternatives) = self.header_pattern(pattern) else { return Arg::Broken };
        if !self.require_held(index, expr.span) {
            return Arg::Broken;
        }
        if self.flow.reachable && !self.flow.packets[index].facts.proves(&alternatives) {
            self.unproven_pattern(&name, pattern);
            return Arg::Broken;
        }
        Arg::Packet(index, super::logic::facts_of(&alternatives))
    }

    fn unproven_pattern(&mut self, name: &ast::Ident, pattern: &ast::Pattern) {
        let text: Vec<String> = pattern
            .alternatives
            .iter()
            .map(|names| names.iter().map(|n| n.text.as_str()).collect::<Vec<_>>().join("/"))
            .collect();
        let text = text.join(" | ");
        let message = format!("`{}` may not have the headers `{text}` here", name.text);
        self.sink.report(
            Diagnostic::error("E0301", message, name.span, "the function needs them")
                .other(pattern.span, "declared here")
                .note(format!("ask first: `if {} is {text} {{ … }}`", name.text)),
        );
    }

    fn expand_body(&mut self, expansion: Expansion<'_>) -> Val {
        let Expansion { function, is_global, args, result, span } = expansion;
        let base = self.flow.clone();
        let label = self.fresh_label();
        let result_locals = result.as_ref().map(|ty| self.fresh_all(ty)).unwrap_or_default();
        for &id in &result_locals {
            self.mutable[id.0 as usize] = true;
        }
        self.frames.push(Frame {
            name: function.name.text.clone(),
            result: result.clone(),
            result_locals: result_locals.clone(),
            label,
            returns: Vec::new(),
            packets_before: self.packets.len(),
        });
        let outer_loops = std::mem::take(&mut self.loops);
        let outer_global = std::mem::replace(&mut self.in_global_fn, is_global);
        let outer_visible = std::mem::replace(&mut self.visible_from, self.bindings.len());
        let end = closing(function.body.span);
        let (mut code, value) = self.nested(|this| {
            this.scoped(end, |this| {
                this.bind_args(function, args);
                let value = this.block(&function.body, result.as_ref(), result.is_some());
                let last = function.body.stmts.last().map_or(end, |stmt| stmt.span);
                this.function_value(value, result.as_ref(), (last, end))
            })
        });
        self.visible_from = outer_visible;
        self.in_global_fn = outer_global;
        self.loops = outer_loops;
        let Some(frame) = self.frames.pop() else { return Val::error() };
        let ended = std::mem::replace(&mut self.flow, base.clone());
        let ways = [(ended, end)].into_iter().chain(frame.returns.iter().cloned());
        self.flow = Flow::merge(&base, ways);
        if self.flow.epoch == base.epoch {
            // The function saw its pattern only; the caller still knows what it knew.
            for (now, before) in self.flow.packets.iter_mut().zip(&base.packets) {
                now.facts = before.facts.clone();
            }
        }
        if frame.returns.is_empty() {
            self.code.extend(code);
            return if self.flow.reachable { value } else { Val::never() };
        }
        Self::assign_all(&mut code, &result_locals, &value, end);
        self.emit_at(StmtKind::Block(label, code), span);
        match result {
            Some(ty) => self.read_all(ty, &result_locals),
            None => Val::unit(),
        }
    }

    fn bind_args(&mut self, function: &ast::Fn, args: Vec<Arg>) {
        for (param, arg) in function.params.iter().zip(args) {
            match arg {
                Arg::Value(value) => self.bind_value(&param.name, value, false),
                Arg::Constant(value) => self.bind(&param.name, Bound::Constant(value)),
                Arg::Packet(index, facts) => {
                    self.flow.packets[index].facts = facts;
                    self.bind(&param.name, Bound::Packet(index));
                }
                Arg::Broken if matches!(param.ty, FnParamType::Packet(_)) => {
                    self.declare_reported(&param.name);
                }
                Arg::Broken => {
                    let value = Val::error();
                    self.bind(&param.name, Bound::Value { value, mutable: false });
                }
            }
        }
    }

    /// The value with which the body of a function ends.
    fn function_value(
        &mut self,
        value: Val,
        result: Option<&Type>,
        (last, end): (Span, Span),
    ) -> Val {
        let Some(ty) = result else { return Val::unit() };
        if !self.flow.reachable {
            return Val::zero(ty.clone());
        }
        if value.ty == Type::Unit {
            let message =
                format!("the function gives {}, but ends without a value", ty.with_article());
            self.sink.report(
                Diagnostic::error("E0215", message, end, "no value here")
                    .note("end it with an expression, or return on every way"),
            );
            return Val::zero(ty.clone());
        }
        self.coerce(value, ty, last)
    }

    /// The handler that a function from values to a value is by itself. The first `own` leaves of
    /// its parameters are its state.
    pub(in crate::check) fn as_handler(
        &mut self,
        function: &'a ast::Fn,
        own: usize,
    ) -> Option<FunctionHandler> {
        self.begin();
        let mut inputs = Vec::new();
        let mut args = Vec::new();
        for param in &function.params {
            let FnParamType::Value(ty) = &param.ty else { return None };
            let ty = resolve(self.items, ty, self.sink);
            let locals = self.fresh_all(&ty);
            args.push(Arg::Value(self.read_all(ty, &locals)));
            inputs.extend(locals);
        }
        let result = function.result.as_ref().map(|ty| resolve(self.items, ty, self.sink));
        let ty = result.clone()?;
        let span = function.name.span;
        let value = self.expand_body(Expansion { function, is_global: true, args, result, span });
        let results = self.fresh_all(&ty);
        let mut code = std::mem::take(&mut self.code);
        Self::assign_all(&mut code, &results, &value, span);
        let locals = std::mem::take(&mut self.locals);
        let handler = Handler { trigger: Trigger::Init, locals, packets: 0, body: code, span };
        let params = inputs.split_off(own.min(inputs.len()));
        Some(FunctionHandler { handler, states: inputs, params, results })
    }

    /// Checks a function that nobody calls, with arguments of which nothing is known.
    pub(in crate::check) fn check_uncalled(&mut self, function: &'a ast::Fn, is_global: bool) {
        self.begin();
        let errors = self.sink.error_count();
        let mut args = Vec::new();
        for param in &function.params {
            args.push(match &param.ty {
                FnParamType::Packet(pattern) => match self.header_pattern(pattern) {
                    Some(alternatives) => {
                        let facts = super::logic::facts_of(&alternatives);
                        self.declare_packet(&param.name, facts.clone(), None);
                        Arg::Packet(self.packets.len() - 1, facts)
                    }
                    None => Arg::Broken,
                },
                FnParamType::Value(ty) => match resolve(self.items, ty, self.sink) {
                    Type::Error => Arg::Broken,
                    ty @ (Type::Table(_) | Type::Str) => {
                        Value::placeholder(&ty).map_or(Arg::Broken, Arg::Constant)
                    }
                    ty => {
                        let locals = self.fresh_all(&ty);
                        Arg::Value(self.read_all(ty, &locals))
                    }
                },
            });
        }
        let result = function.result.as_ref().map(|ty| resolve(self.items, ty, self.sink));
        if self.sink.error_count() == errors {
            let span = function.name.span;
            self.expand_body(Expansion { function, is_global, args, result, span });
        }
    }
}

/// Names of all functions that are called somewhere in an element.
fn called_in(element: &ast::Element) -> BTreeSet<&str> {
    let mut called = BTreeSet::new();
    let bodies = element.members.iter().filter_map(|member| match &member.kind {
        ast::MemberKind::Fn(function) => Some(&function.body),
        ast::MemberKind::On(on) => Some(&on.body),
        ast::MemberKind::OnEvent(on) => Some(&on.body),
        ast::MemberKind::Init(body)
        | ast::MemberKind::Every(_, body)
        | ast::MemberKind::Close(body) => Some(body),
        _ => None,
    });
    for body in bodies {
        walk::block(body, &mut |node| {
            if let Node::Expr(ast::Expr { kind: ExprKind::Call(name, _), .. }) = node {
                called.insert(name.text.as_str());
            }
        });
    }
    called
}
