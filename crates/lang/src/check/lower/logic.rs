//! Conditions: `&&`, `||`, `in`, `is`, and what they tell about packets.

use super::{Lowerer, Val};
use crate::check::declare::StateType;
use crate::check::facts::{Facts, closure};
use crate::check::flow::Flow;
use crate::check::fold;
use crate::check::headers;
use crate::check::types::Type;
use crate::diagnostic::Diagnostic;
use crate::ir::{BinaryOp as Op, Expr, ExprKind, StmtKind};
use crate::source::Span;
use crate::syntax::ast::{self, BinaryOp, UnaryOp};
use crate::syntax::nearest;
use trama_wire::header::{HEADERS, HeaderId, HeaderSet};

impl Lowerer<'_> {
    /// `left && right`, `left || right`: the right side is evaluated only if it decides.
    pub(super) fn short_circuit(
        &mut self,
        is_and: bool,
        left: &ast::Expr,
        right: &ast::Expr,
    ) -> Val {
        let before = self.flow.epoch;
        let a = self.condition(left);
        let base = self.flow.clone();
        let decided = self.refined(left, !is_and, before);
        self.flow = self.refined(left, is_and, before);
        let (code, b) = self.nested(|this| this.condition(right));
        let evaluated = std::mem::replace(&mut self.flow, Flow::start());
        self.flow = Flow::merge(&base, [(decided, left.span), (evaluated, right.span)]);
        if code.is_empty() {
            let op = if is_and { Op::And } else { Op::Or };
            return Val::truth(fold::binary(op, a, b));
        }
        let result = self.fresh(1);
        let span = self.span;
        let mut evaluated = code;
        let truth = Val::truth(b);
        Self::assign_all(&mut evaluated, &[result], &truth, span);
        let mut skipped = Vec::new();
        let decided = Val::truth(fold::truth(!is_and));
        Self::assign_all(&mut skipped, &[result], &decided, span);
        let (yes, no) = if is_and { (evaluated, skipped) } else { (skipped, evaluated) };
        self.emit(StmtKind::If(a, yes, no));
        Val::truth(self.read(result))
    }

    /// The flow where `condition`, which was just lowered, has the given truth value. Says no more
    /// than the flow if headers changed since `epoch`, while it was evaluated.
    pub(super) fn refined(&self, condition: &ast::Expr, truth: bool, epoch: u32) -> Flow {
        let mut flow = self.flow.clone();
        if flow.epoch == epoch {
            self.refine(condition, truth, &mut flow);
        }
        flow
    }

    fn refine(&self, condition: &ast::Expr, truth: bool, flow: &mut Flow) {
        match &condition.kind {
            ast::ExprKind::Unary(UnaryOp::Not, inner) => self.refine(inner, !truth, flow),
            ast::ExprKind::Binary(op @ (BinaryOp::AndAnd | BinaryOp::OrOr), a, b) => {
                if (*op == BinaryOp::AndAnd) == truth {
                    self.refine(a, truth, flow);
                    self.refine(b, truth, flow);
                    return;
                }
                let mut by_right = flow.clone();
                self.refine(a, !truth, &mut by_right);
                self.refine(b, truth, &mut by_right);
                self.refine(a, truth, flow);
                for (left, right) in flow.packets.iter_mut().zip(by_right.packets) {
                    left.facts = left.facts.join(&right.facts);
                }
            }
            ast::ExprKind::Is(packet, pattern) => {
                let ast::ExprKind::Name(name) = &packet.kind else { return };
                let Some(index) = self.packet_bound(name) else { return };
                let Some(alternatives) = self.quiet_pattern(pattern) else { return };
                let facts = &flow.packets[index].facts;
                let refined =
                    if truth { facts.assume(&alternatives) } else { facts.refute(&alternatives) };
                flow.packets[index].facts = refined;
            }
            _ => {}
        }
    }

    /// The packet variable of that name, without counting as a use.
    fn packet_bound(&self, name: &str) -> Option<usize> {
        let binding = self.bindings[self.visible_from..].iter().rfind(|b| b.name == name)?;
        match binding.bound {
            super::Bound::Packet(index) => Some(index),
            _ => None,
        }
    }

    /// `p is ip/tcp`
    pub(super) fn is(&mut self, packet: &ast::Expr, pattern: &ast::Pattern) -> Val {
        let no = Val::truth(fold::truth(false));
        let ast::ExprKind::Name(name) = &packet.kind else {
            let message = "`is` asks for the headers of a packet";
            self.sink.error("E0220", message, packet.span, "not a packet");
            return no;
        };
        let name = ast::Ident { text: name.clone(), span: packet.span };
        let Some(index) = self.require_packet(&name) else { return no };
        if !self.require_held(index, packet.span) {
            return no;
        }
        let Some(alternatives) = self.header_pattern(pattern) else { return no };
        let facts = self.flow.packets[index].facts.clone();
        if facts.is_impossible() {
            return no;
        }
        if facts.proves(&alternatives) {
            self.constant_test(&name, pattern.span, true);
            return Val::truth(fold::truth(true));
        }
        if facts.assume(&alternatives).is_impossible() {
            self.constant_test(&name, pattern.span, false);
            return no;
        }
        let register = self.packets[index].register;
        let known = facts.present();
        let tests = alternatives.into_iter().map(|headers| {
            let open = HeaderSet(headers.0 & !known.0);
            let below = headers::of_table(open);
            let has = match below {
                HeaderSet::EMPTY => fold::truth(true),
                _ => Expr { kind: ExprKind::Has(register, below), width: 1 },
            };
            match headers::condition(&self.items.headers, open, register) {
                Some(declared) => fold::both(has, declared),
                None => has,
            }
        });
        Val::truth(fold::any(tests))
    }

    fn constant_test(&mut self, name: &ast::Ident, span: Span, truth: bool) {
        let message = if truth {
            format!("`{}` always has these headers here", name.text)
        } else {
            format!("`{}` never has these headers here", name.text)
        };
        self.sink.warning("W0109", message, span, format!("always {truth}"));
    }

    /// The header sets of a pattern, with what the headers imply; empty for any packet. Reports
    /// unknown and impossible ones.
    pub(super) fn header_pattern(&mut self, pattern: &ast::Pattern) -> Option<Vec<HeaderSet>> {
        let mut sets = Vec::with_capacity(pattern.alternatives.len());
        for alternative in &pattern.alternatives {
            let mut set = HeaderSet::EMPTY;
            for header in alternative {
                set = set.union(self.items.with_parents(self.header(header)?));
            }
            let Some(closed) = closure(set) else {
                let stack: Vec<_> = alternative.iter().map(|h| h.text.as_str()).collect();
                let message = format!("no packet has the headers `{}`", stack.join("/"));
                self.sink.error("E0302", message, pattern.span, "they exclude each other");
                return None;
            };
            sets.push(closed);
        }
        if sets.is_empty() {
            sets.push(HeaderSet::of(HeaderId::ETH));
        }
        Some(sets)
    }

    /// The header sets of a pattern if it is sound.
    fn quiet_pattern(&self, pattern: &ast::Pattern) -> Option<Vec<HeaderSet>> {
        pattern
            .alternatives
            .iter()
            .map(|alternative| {
                let mut set = HeaderSet::EMPTY;
                for header in alternative {
                    let id = self.items.header_id(&header.text)?;
                    set = set.union(self.items.with_parents(id));
                }
                closure(set)
            })
            .collect()
    }

    /// The header of that name; reports if there is none.
    pub(super) fn header(&mut self, name: &ast::Ident) -> Option<HeaderId> {
        let found = self.items.header_id(&name.text);
        if found.is_none() && !self.items.broken_headers.contains(name.text.as_str()) {
            let message = format!("there is no header `{}`", name.text);
            let mut diagnostic = Diagnostic::error("E0303", message, name.span, "unknown header");
            let declared = self.items.headers.iter().map(|h| h.name.as_str());
            let names = HEADERS.iter().map(|h| h.name).chain(declared);
            if let Some(near) = alias(&name.text).or_else(|| nearest(&name.text, names)) {
                diagnostic =
                    diagnostic.note(format!("did you mean `{near}`?")).patch(name.span, near);
            }
            self.sink.report(diagnostic);
        }
        found
    }

    /// `left in right`: a prefix, a range, a list, or a state object.
    pub(super) fn contains(&mut self, left: &ast::Expr, right: &ast::Expr) -> Val {
        if let Some(state) = self.state_named(right)
            && !matches!(state.ty, StateType::Single(_))
        {
            return self.state_contains(&state, left, right.span);
        }
        match &right.kind {
            ast::ExprKind::Range { from, to, inclusive } => {
                self.in_range(left, (from, to), *inclusive)
            }
            ast::ExprKind::List(items) => self.in_list(left, items),
            _ => self.in_value(left, right),
        }
    }

    fn in_range(
        &mut self,
        left: &ast::Expr,
        ends: (&ast::Expr, &ast::Expr),
        inclusive: bool,
    ) -> Val {
        let value = self.expr(left, None);
        let mut value = self.simple_all(value);
        let mark = self.code.len();
        let hint = value.ty.clone();
        let from = self.expr(ends.0, Some(&hint));
        let to = self.expr(ends.1, Some(&hint));
        self.protect(&mut value, mark);
        let span = self.span;
        let low = super::operator::Infix { op: BinaryOp::Ge, span };
        let op = if inclusive { BinaryOp::Le } else { BinaryOp::Lt };
        let above = self.combine(low, value.clone(), from);
        if above.ty == Type::Error {
            return Val::error();
        }
        let below = self.combine(super::operator::Infix { op, span }, value, to);
        Val::truth(fold::both(above.leaf(1), below.leaf(1)))
    }

    fn in_list(&mut self, left: &ast::Expr, items: &[ast::Expr]) -> Val {
        let value = self.expr(left, None);
        let mut value = self.simple_all(value);
        let hint = value.ty.clone();
        let mut tests: Vec<Val> = Vec::new();
        for item in items {
            let mark = self.code.len();
            let other = self.expr(item, Some(&hint));
            self.protect(&mut value, mark);
            for test in &mut tests {
                self.protect(test, mark);
            }
            let test = match (&value.ty, &other.ty) {
                (Type::Ip4, Type::Prefix4) | (Type::Ip6, Type::Prefix6) => {
                    Val::truth(Self::in_prefix(value.clone().leaf(32), &other))
                }
                _ => {
                    let infix = super::operator::Infix { op: BinaryOp::Eq, span: item.span };
                    self.combine(infix, value.clone(), other)
                }
            };
            tests.push(test);
        }
        Val::truth(fold::any(tests.into_iter().map(|test| test.leaf(1))))
    }

    fn in_value(&mut self, left: &ast::Expr, right: &ast::Expr) -> Val {
        let mut a = self.expr(left, None);
        let mark = self.code.len();
        let b = self.expr(right, None);
        self.protect(&mut a, mark);
        match (&a.ty, &b.ty) {
            (x, y) if x.is_silent() || y.is_silent() => Val::error(),
            (Type::Ip4, Type::Prefix4) | (Type::Ip6, Type::Prefix6) => {
                let prefix = self.simple_all(b);
                Val::truth(Self::in_prefix(a.leaf(32), &prefix))
            }
            (x, Type::Prefix4 | Type::Prefix6) => {
                let message = format!("{} cannot lie in a `{}`", x.with_article(), b.ty);
                let label = "not an address of this kind";
                self.sink.error("E0203", message, left.span, label);
                Val::error()
            }
            (_, y) => {
                let message = format!("nothing is `in` {}", y.with_article());
                self.sink.report(
                    Diagnostic::error("E0203", message, right.span, "not a collection")
                        .note("`in` takes a prefix, a range, a list, a map, a set or a pool"),
                );
                Val::error()
            }
        }
    }

    /// The value with leaves that cost nothing to repeat.
    pub(super) fn simple_all(&mut self, value: Val) -> Val {
        let leaves = value.leaves.into_iter().map(|leaf| self.simple(leaf)).collect();
        Val { ty: value.ty, leaves }
    }
}

/// What other languages call a header.
fn alias(name: &str) -> Option<&'static str> {
    Some(match name {
        "ipv4" | "ip4" => "ip",
        "ipv6" => "ip6",
        "ethernet" | "ether" | "mac" => "eth",
        "icmpv6" => "icmp6",
        "qinq" => "vlan2",
        _ => return None,
    })
}

/// What a pattern without alternatives, or with these, says about a packet.
pub(super) fn facts_of(alternatives: &[HeaderSet]) -> Facts {
    Facts::pattern(alternatives)
}
