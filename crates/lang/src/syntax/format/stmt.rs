//! Blocks and statements.

use super::expr::begins_with_minus;
use super::{List, Printer};
use crate::source::Span;
use crate::syntax::ast::{BinaryOp, Block, Expr, HeaderLiteral, Ident, Stmt, StmtKind};
use crate::syntax::text;

impl Printer<'_> {
    /// A block: on one line if it was and fits, else broken.
    pub(super) fn block(&mut self, block: &Block, tail: usize) {
        let one_line = !self.breaks(block.span.start, block.span.end);
        let quiet = !self.has_comment(block.span);
        if one_line && quiet && self.fits(tail, |p| p.block_flat(block)) {
            return;
        }
        self.block_broken(block);
    }

    /// A block of an `if`: on one line only if all of the `if` is.
    pub(super) fn block_forced(&mut self, block: &Block) {
        if self.flat {
            self.block(block, 0);
        } else {
            self.block_broken(block);
        }
    }

    fn block_flat(&mut self, block: &Block) {
        let records = std::mem::replace(&mut self.records, true);
        self.push("{");
        for (i, stmt) in block.stmts.iter().enumerate() {
            self.push(if i > 0 { "; " } else { " " });
            self.line_stmt(stmt);
        }
        self.push(if block.stmts.is_empty() { "}" } else { " }" });
        self.records = records;
    }

    fn block_broken(&mut self, block: &Block) {
        let records = std::mem::replace(&mut self.records, true);
        self.braces("{", "}", block.span.end.saturating_sub(1), |p| p.statements(block));
        self.records = records;
    }

    /// The statements of a block, each on its line.
    pub(super) fn statements(&mut self, block: &Block) {
        for stmt in &block.stmts {
            self.begin(stmt.span.start);
            self.line_stmt(stmt);
            self.end(stmt.span.end);
        }
    }

    /// A statement at the start of a line, where a minus sign would continue the line before.
    fn line_stmt(&mut self, stmt: &Stmt) {
        match &stmt.kind {
            StmtKind::Expr(expr, None) if begins_with_minus(expr) => self.parenthesised(expr),
            _ => self.stmt(stmt, 0),
        }
    }

    pub(super) fn stmt(&mut self, stmt: &Stmt, tail: usize) {
        if !self.fits(tail, |p| p.stmt_kind(stmt, 0)) {
            self.stmt_kind(stmt, tail);
        }
    }

    // long: one arm for each statement
    fn stmt_kind(&mut self, stmt: &Stmt, tail: usize) {
        match &stmt.kind {
            StmtKind::Let { pattern, mutable, ty, value, otherwise } => {
                self.push(if *mutable { "let mut " } else { "let " });
                self.pat(pattern);
                if let Some(ty) = ty {
                    self.push(": ");
                    self.ty(ty);
                }
                self.push(" = ");
                self.value(value, otherwise.as_ref(), tail);
            }
            StmtKind::Assign { place, op, value, otherwise } => {
                self.expr(place, 0);
                self.push(assignment(*op));
                self.value(value, otherwise.as_ref(), tail);
            }
            StmtKind::For { pattern, over, top, limit, body } => {
                self.push("for ");
                self.pat(pattern);
                self.push(" in ");
                self.head(over);
                if let Some(top) = top {
                    self.push("top ");
                    self.head(&top.0);
                    self.push("by ");
                    self.head(&top.1);
                }
                if let Some(limit) = limit {
                    self.push("limit ");
                    self.head(limit);
                }
                self.block(body, tail);
            }
            StmtKind::Break => self.push("break"),
            StmtKind::Continue => self.push("continue"),
            StmtKind::Return(value) => {
                self.push(if value.is_some() { "return " } else { "return" });
                if let Some(value) = value {
                    self.expr(value, tail);
                }
            }
            StmtKind::Send { copy, packet, port, index } => {
                self.push(if *copy { "send copy " } else { "send " });
                self.push(&packet.text);
                self.push(" to ");
                self.push(&port.text);
                if let Some(index) = index {
                    self.index(index);
                }
            }
            StmtKind::Drop { packet, reason, .. } => {
                self.push(&format!("drop {} because ", packet.text));
                self.string(reason);
            }
            StmtKind::Insert { stack, packet, otherwise } => {
                self.push("insert ");
                self.stack(stack);
                self.push(" into ");
                self.push(&packet.text);
                self.otherwise(otherwise.as_ref(), tail);
            }
            StmtKind::Remove { headers, packet, otherwise } => {
                self.push("remove ");
                self.joined(headers, "/", |p, header| p.push(&header.text));
                self.push(" from ");
                self.push(&packet.text);
                self.otherwise(otherwise.as_ref(), tail);
            }
            StmtKind::Generate { event, args, after, otherwise } => {
                self.generate(event, args, (after.as_ref(), otherwise.as_ref()), tail);
            }
            StmtKind::Emit(stream, value) => {
                self.push(&format!("emit {} ", stream.text));
                self.expr(value, tail);
            }
            StmtKind::Replace { old, stack, packet, otherwise } => {
                self.push(&format!("replace {} with ", old.text));
                self.stack(stack);
                self.push(" in ");
                self.push(&packet.text);
                self.otherwise(otherwise.as_ref(), tail);
            }
            StmtKind::Log { alert, text, args, limit } => self.log(*alert, text, args, limit),
            StmtKind::Expr(expr, otherwise) => {
                self.expr(expr, if otherwise.is_some() { 7 } else { tail });
                self.otherwise(otherwise.as_ref(), tail);
            }
        }
    }

    /// The value of a `let` or assignment, and what is done if it fails.
    fn value(&mut self, value: &Expr, otherwise: Option<&Block>, tail: usize) {
        self.expr(value, if otherwise.is_some() { 7 } else { tail });
        self.otherwise(otherwise, tail);
    }

    fn otherwise(&mut self, otherwise: Option<&Block>, tail: usize) {
        if let Some(block) = otherwise {
            self.push(" else ");
            self.block(block, tail);
        }
    }

    /// Headers with slashes between them; on a line each if they do not fit.
    pub(super) fn stack(&mut self, stack: &[HeaderLiteral]) {
        let broken = !self.flat;
        self.level += 1;
        for (i, header) in stack.iter().enumerate() {
            match (i, broken) {
                (0, _) => {}
                (_, false) => self.push(" / "),
                (_, true) => {
                    self.line();
                    self.push("/ ");
                }
            }
            self.header(header);
        }
        self.level -= 1;
    }

    pub(super) fn header(&mut self, header: &HeaderLiteral) {
        self.push(&header.header.text);
        if header.fields.is_empty() {
            return;
        }
        self.push(" ");
        let list = List {
            brackets: ("{", "}"),
            items: header.fields.as_slice(),
            span: header.span,
            place: |f| f.0.span.to(f.1.span),
            broken: false,
            single: false,
            tail: 6,
        };
        self.list(&list, |p, (name, value)| {
            p.push(&name.text);
            p.push(": ");
            p.expr(value, 1);
        });
    }

    fn generate(
        &mut self,
        event: &Ident,
        args: &[Expr],
        (after, otherwise): (Option<&Expr>, Option<&Block>),
        tail: usize,
    ) {
        self.push(&format!("generate {}", event.text));
        let end = args.last().map_or(event.span.end + 2, |a| self.closing(a.span.end) + 1);
        let list = List {
            brackets: ("(", ")"),
            items: args,
            span: Span { start: event.span.end, end, ..event.span },
            place: |arg: &Expr| arg.span,
            broken: false,
            single: false,
            tail: if after.is_some() || otherwise.is_some() { 12 } else { tail },
        };
        self.list(&list, |p, arg| p.expr(arg, 1));
        if let Some(after) = after {
            self.push(" after ");
            self.expr(after, if otherwise.is_some() { 7 } else { tail });
        }
        self.otherwise(otherwise, tail);
    }

    fn log(&mut self, alert: bool, pieces: &[String], args: &[Expr], limit: &Option<Expr>) {
        self.push(if alert { "alert " } else { "log " });
        self.line_text(pieces, args);
        self.line_limit(limit.as_ref());
    }

    /// A text with `{expr}` parts, in quotes.
    pub(super) fn line_text(&mut self, pieces: &[String], args: &[Expr]) {
        self.push("\"");
        for (i, piece) in pieces.iter().enumerate() {
            if i > 0
                && let Some(arg) = args.get(i - 1)
            {
                let arg = self.unbroken(arg);
                self.push(&format!("{{{arg}}}"));
            }
            let escaped = text::escaped(piece.as_bytes());
            self.push(&escaped.replace('{', "{{").replace('}', "}}"));
        }
        self.push("\"");
    }

    /// ` limit n/s`, if there is one.
    pub(super) fn line_limit(&mut self, limit: Option<&Expr>) {
        if let Some(limit) = limit {
            self.push(" limit ");
            self.limit(limit);
        }
    }
}

const fn assignment(op: Option<BinaryOp>) -> &'static str {
    use BinaryOp as B;
    match op {
        Some(B::Add) => " += ",
        Some(B::Sub) => " -= ",
        Some(B::Mul) => " *= ",
        Some(B::Div) => " /= ",
        Some(B::Rem) => " %= ",
        Some(B::And) => " &= ",
        Some(B::Or) => " |= ",
        Some(B::Xor) => " ^= ",
        Some(B::Shl) => " <<= ",
        Some(B::Shr) => " >>= ",
        _ => " = ",
    }
}
