//! Expressions, types and patterns.

use super::{List, Printer};
use crate::source::Span;
use crate::syntax::ast::{
    Arm, BinaryOp, Block, Expr, ExprKind, Literal, Pat, PatKind, Pattern, StmtKind, Type, TypeKind,
    UnaryOp,
};
use crate::syntax::text;
use core::net::{Ipv4Addr, Ipv6Addr};

const COMPARISON: u8 = 3;
const RANGE: u8 = 4;
const AS: u8 = 11;
const PREFIX: u8 = 12;
const POSTFIX: u8 = 13;
const ATOM: u8 = 14;

/// How an operator is written.
const fn symbol(op: BinaryOp) -> &'static str {
    use BinaryOp as B;
    match op {
        B::Add => "+",
        B::Sub => "-",
        B::Mul => "*",
        B::Div => "/",
        B::Rem => "%",
        B::And => "&",
        B::Or => "|",
        B::Xor => "^",
        B::Shl => "<<",
        B::Shr => ">>",
        B::AndAnd => "&&",
        B::OrOr => "||",
        B::Eq => "==",
        B::Ne => "!=",
        B::Lt => "<",
        B::Le => "<=",
        B::Gt => ">",
        B::Ge => ">=",
    }
}

/// How tightly an operator binds, as in the parser.
const fn op_strength(op: BinaryOp) -> u8 {
    use BinaryOp as B;
    match op {
        B::OrOr => 1,
        B::AndAnd => 2,
        B::Eq | B::Ne | B::Lt | B::Le | B::Gt | B::Ge => COMPARISON,
        B::Or => 5,
        B::Xor => 6,
        B::And => 7,
        B::Shl | B::Shr => 8,
        B::Add | B::Sub => 9,
        B::Mul | B::Div | B::Rem => 10,
    }
}

/// How tightly an expression holds together; what begins with a block never does as an operand.
const fn strength(expr: &Expr) -> u8 {
    match &expr.kind {
        ExprKind::Binary(op, ..) => op_strength(*op),
        ExprKind::In(..) | ExprKind::Is(..) => COMPARISON,
        ExprKind::Range { .. } => RANGE,
        ExprKind::As(..) => AS,
        ExprKind::Unary(..) => PREFIX,
        ExprKind::Field(..) | ExprKind::Index(..) | ExprKind::Method(..) => POSTFIX,
        ExprKind::If(..)
        | ExprKind::IfLet(..)
        | ExprKind::Match(..)
        | ExprKind::Block(_)
        | ExprKind::Copy(_) => 0,
        _ => ATOM,
    }
}

/// True if the expression is written with a minus sign in front.
pub(super) fn begins_with_minus(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Unary(UnaryOp::Neg, _) => true,
        ExprKind::Binary(_, left, _) | ExprKind::In(left, _) => begins_with_minus(left),
        ExprKind::As(left, _) | ExprKind::Is(left, _) => begins_with_minus(left),
        ExprKind::Range { from, .. } => begins_with_minus(from),
        _ => false,
    }
}

impl Printer<'_> {
    /// An expression, flat if it fits with `tail` columns to spare.
    pub(super) fn expr(&mut self, expr: &Expr, tail: usize) {
        if !self.fits(tail, |p| p.expr_kind(expr, 0)) {
            self.expr_kind(expr, tail);
        }
    }

    /// An expression on one line however long, as in the braces of a text.
    pub(super) fn unbroken(&self, expr: &Expr) -> String {
        let mut inner = Printer::new(self.text, Vec::new());
        inner.columns = usize::MAX;
        inner.flat = true;
        inner.expr_kind(expr, 0);
        inner.out
    }

    /// The number before the `/s` of a limit.
    pub(super) fn limit(&mut self, expr: &Expr) {
        self.operand(expr, AS);
        self.push("/s");
    }

    /// An expression before a block; the opening brace goes to a line of its own if that must be.
    pub(super) fn head(&mut self, expr: &Expr) {
        let records = std::mem::replace(&mut self.records, false);
        let before = self.out.len();
        self.expr(expr, 2);
        self.records = records;
        if self.out[before.min(self.out.len())..].contains('\n') {
            self.line();
        } else {
            self.push(" ");
        }
    }

    /// An operand: in parentheses unless it holds together at least as tightly as `least`.
    fn operand(&mut self, expr: &Expr, least: u8) {
        if strength(expr) < least {
            self.parenthesised(expr);
        } else {
            self.expr(expr, 0);
        }
    }

    pub(super) fn parenthesised(&mut self, expr: &Expr) {
        let records = std::mem::replace(&mut self.records, true);
        self.push("(");
        self.expr(expr, 1);
        self.push(")");
        self.records = records;
    }

    fn expr_kind(&mut self, expr: &Expr, tail: usize) {
        match &expr.kind {
            ExprKind::Literal(literal) => self.literal(literal),
            ExprKind::Name(name) => self.push(name),
            ExprKind::Field(base, name) => {
                self.operand(base, POSTFIX);
                self.push(".");
                self.push(&name.text);
            }
            ExprKind::Index(base, index) => {
                self.operand(base, POSTFIX);
                self.index(index);
            }
            ExprKind::Call(name, args) => {
                self.push(&name.text);
                self.args(args, name.span.end, expr.span, tail);
            }
            ExprKind::Method(base, name, args) => {
                self.operand(base, POSTFIX);
                self.push(".");
                self.push(&name.text);
                self.args(args, name.span.end, expr.span, tail);
            }
            ExprKind::Record(name, _) if !self.records => {
                debug_assert!(!name.text.is_empty());
                self.parenthesised(expr);
            }
            ExprKind::Block(_) if !self.records => self.parenthesised(expr),
            ExprKind::Record(name, fields) => {
                self.push(&name.text);
                self.push(" ");
                self.fields(fields, name.span, expr.span, tail);
            }
            ExprKind::Tuple(parts) => self.sequence(("(", ")"), parts, expr.span, true, tail),
            ExprKind::List(items) => self.sequence(("[", "]"), items, expr.span, false, tail),
            ExprKind::Unary(op, operand) => {
                self.push(if *op == UnaryOp::Not { "!" } else { "-" });
                self.operand(operand, PREFIX);
            }
            ExprKind::Binary(op, ..) => self.chain(expr, op_strength(*op)),
            ExprKind::In(item, set) => {
                self.operand(item, COMPARISON + 1);
                self.push(" in ");
                self.operand(set, COMPARISON + 1);
            }
            ExprKind::Is(packet, pattern) => {
                self.operand(packet, COMPARISON + 1);
                self.push(" is ");
                self.pattern(pattern);
            }
            ExprKind::Range { from, to, inclusive } => {
                self.operand(from, RANGE + 1);
                self.push(if *inclusive { "..=" } else { ".." });
                self.operand(to, RANGE + 1);
            }
            ExprKind::As(value, ty) => {
                self.operand(value, AS);
                self.push(" as ");
                self.ty(ty);
            }
            ExprKind::If(..) | ExprKind::IfLet(..) => self.if_expr(expr),
            ExprKind::Match(value, arms) => self.match_expr(value, arms, expr.span),
            ExprKind::Block(block) => self.block(block, tail),
            ExprKind::Copy(packet) => {
                self.push("copy ");
                self.push(&packet.text);
            }
            ExprKind::Error => self.push(self.source(expr.span)),
        }
    }

    pub(super) fn index(&mut self, index: &Expr) {
        let records = std::mem::replace(&mut self.records, true);
        self.push("[");
        self.expr(index, 1);
        self.push("]");
        self.records = records;
    }

    fn args(&mut self, args: &[Expr], open: u32, span: Span, tail: usize) {
        let span = Span { start: open, ..span };
        self.sequence(("(", ")"), args, span, false, tail);
    }

    fn sequence(
        &mut self,
        brackets: (&'static str, &'static str),
        items: &[Expr],
        span: Span,
        single: bool,
        tail: usize,
    ) {
        let is_list = brackets.0 == "[";
        let broken =
            is_list && items.first().is_some_and(|i| self.breaks(span.start, i.span.start));
        let place = |e: &Expr| e.span;
        let list = List { brackets, items, span, place, broken, single, tail };
        self.list(&list, |p, item| p.expr(item, 1));
    }

    /// `{ field: value, … }` behind `name`.
    pub(super) fn fields(
        &mut self,
        fields: &[(crate::syntax::ast::Ident, Expr)],
        name: Span,
        span: Span,
        tail: usize,
    ) {
        let broken = fields.first().is_some_and(|f| self.breaks(name.end, f.0.span.start));
        let list = List {
            brackets: ("{", "}"),
            items: fields,
            span: Span { start: name.end, ..span },
            place: |f| f.0.span.to(f.1.span),
            broken,
            single: false,
            tail,
        };
        self.list(&list, |p, (name, value)| {
            p.push(&name.text);
            p.push(": ");
            p.expr(value, 1);
        });
    }

    /// Operators of one strength: flat, or each on a line of its own.
    fn chain(&mut self, expr: &Expr, level: u8) {
        let mut rest = Vec::new();
        let mut first = expr;
        while let ExprKind::Binary(op, left, right) = &first.kind
            && op_strength(*op) == level
        {
            rest.push((*op, right));
            first = left;
            if level == COMPARISON {
                break;
            }
        }
        let left_least = if level == COMPARISON { level + 1 } else { level };
        self.operand(first, left_least);
        let broken = !self.flat;
        self.level += 1;
        for (op, right) in rest.into_iter().rev() {
            if broken {
                self.line();
            } else {
                self.push(" ");
            }
            self.push(symbol(op));
            self.push(" ");
            self.operand(right, level + 1);
        }
        self.level -= 1;
    }

    // Blocks.

    /// `if` on one line if it was; else with every block broken.
    fn if_expr(&mut self, expr: &Expr) {
        if self.flat && self.breaks(expr.span.start, expr.span.end) {
            self.failed = true;
            return;
        }
        let (then, otherwise) = match &expr.kind {
            ExprKind::If(condition, then, otherwise) => {
                self.push("if ");
                self.head(condition);
                (then, otherwise)
            }
            ExprKind::IfLet(pattern, value, then, otherwise) => {
                self.push("if let ");
                self.pat(pattern);
                self.push(" = ");
                self.head(value);
                (then, otherwise)
            }
            _ => return,
        };
        self.block_forced(then);
        if let Some(otherwise) = otherwise {
            self.push(" else ");
            self.else_block(otherwise);
        }
    }

    /// The block behind an `else`, which is an `if` without braces for `else if`.
    fn else_block(&mut self, block: &Block) {
        if let [stmt] = block.stmts.as_slice()
            && let StmtKind::Expr(inner, None) = &stmt.kind
            && inner.span == block.span
        {
            self.if_expr(inner);
        } else {
            self.block_forced(block);
        }
    }

    fn match_expr(&mut self, value: &Expr, arms: &[Arm], span: Span) {
        if self.flat && (self.breaks(span.start, span.end) || self.has_comment(span)) {
            self.failed = true;
            return;
        }
        self.push("match ");
        self.head(value);
        let records = std::mem::replace(&mut self.records, true);
        if self.flat {
            self.push("{ ");
            for (i, arm) in arms.iter().enumerate() {
                self.push(if i > 0 { ", " } else { "" });
                self.arm(arm);
            }
            self.push(" }");
        } else {
            self.braces("{", "}", span.end - 1, |p| {
                for arm in arms {
                    p.begin(arm.span.start);
                    p.arm(arm);
                    if !p.ends_with_block(&arm.body) {
                        p.push(",");
                    }
                    p.end(arm.span.end);
                }
            });
        }
        self.records = records;
    }

    fn ends_with_block(&self, body: &Expr) -> bool {
        match &body.kind {
            ExprKind::Block(block) => self.has_braces(block),
            kind => matches!(kind, ExprKind::If(..) | ExprKind::IfLet(..) | ExprKind::Match(..)),
        }
    }

    /// The block was written with braces; the body of an arm may do without.
    fn has_braces(&self, block: &Block) -> bool {
        self.source(block.span).starts_with('{')
    }

    fn arm(&mut self, arm: &Arm) {
        self.pat(&arm.pattern);
        if let Some(guard) = &arm.guard {
            self.push(" if ");
            let records = std::mem::replace(&mut self.records, false);
            self.expr(guard, 4);
            self.records = records;
        }
        self.push(" => ");
        match &arm.body.kind {
            ExprKind::Block(block) if !self.has_braces(block) => {
                for stmt in &block.stmts {
                    self.stmt(stmt, 1);
                }
            }
            _ => self.expr(&arm.body, 1),
        }
    }

    // Leaves.

    pub(super) fn literal(&mut self, literal: &Literal) {
        let text = match literal {
            Literal::Int { text, .. } | Literal::Duration { text, .. } => text.clone(),
            Literal::Bool(value) => value.to_string(),
            Literal::Ip4(a) => Ipv4Addr::from(*a).to_string(),
            Literal::Ip6(a) => Ipv6Addr::from(*a).to_string(),
            Literal::Prefix4(a, len) => format!("{}/{len}", Ipv4Addr::from(*a)),
            Literal::Prefix6(a, len) => format!("{}/{len}", Ipv6Addr::from(*a)),
            Literal::Mac(a) => {
                let bytes = a.to_be_bytes();
                bytes[2..].iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(":")
            }
            Literal::Str(s) => return self.string(s),
            Literal::Bytes(bytes) => format!("b\"{}\"", text::escaped(bytes)),
        };
        self.push(&text);
    }

    pub(super) fn string(&mut self, value: &str) {
        self.push(&format!("\"{}\"", text::escaped(value.as_bytes())));
    }

    pub(super) fn ty(&mut self, ty: &Type) {
        match &ty.kind {
            TypeKind::Name(name) => self.push(name),
            TypeKind::Generic(name, args) => {
                self.push(&name.text);
                self.push("<");
                self.joined(args, ", ", Self::ty);
                self.push(">");
            }
            TypeKind::Sized(name, size) => {
                self.push(&name.text);
                self.push("[");
                self.push(&self.unbroken(size));
                self.push("]");
            }
            TypeKind::Tuple(parts) => {
                self.push("(");
                self.joined(parts, ", ", Self::ty);
                self.push(")");
            }
        }
    }

    pub(super) fn joined<T>(&mut self, items: &[T], between: &str, item: fn(&mut Self, &T)) {
        for (i, x) in items.iter().enumerate() {
            if i > 0 {
                self.push(between);
            }
            item(self, x);
        }
    }

    pub(super) fn pattern(&mut self, pattern: &Pattern) {
        self.joined(&pattern.alternatives, " | ", |p, headers| {
            p.joined(headers, "/", |p, header| p.push(&header.text));
        });
    }

    pub(super) fn pat(&mut self, pat: &Pat) {
        match &pat.kind {
            PatKind::Any => self.push("_"),
            PatKind::Name(name) => self.push(&name.text),
            PatKind::Literal(literal) => self.literal(literal),
            PatKind::Range { from, to, inclusive } => {
                self.literal(from);
                self.push(if *inclusive { "..=" } else { ".." });
                self.literal(to);
            }
            PatKind::Variant(name, parts) => {
                self.push(&name.text);
                self.push("(");
                self.joined(parts, ", ", Self::pat);
                self.push(")");
            }
            PatKind::Tuple(parts) => {
                self.push("(");
                self.joined(parts, ", ", Self::pat);
                self.push(if parts.len() == 1 { ",)" } else { ")" });
            }
            PatKind::Or(parts) => self.joined(parts, " | ", |p, part| {
                // Alternatives within alternatives were in parentheses.
                let inner = matches!(part.kind, PatKind::Or(_));
                p.push(if inner { "(" } else { "" });
                p.pat(part);
                p.push(if inner { ")" } else { "" });
            }),
        }
    }
}
