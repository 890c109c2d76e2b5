//! Expressions, by precedence climbing.
//!
//! From loose to tight: `||`, `&&`, comparisons with `in` and `is` (which do not chain), ranges,
//! `|`, `^`, `&`, shifts, sums, products, `as`, prefix operators, and what follows a value.

use super::{Parse, Parser};
use crate::diagnostic::Diagnostic;
use crate::syntax::ast::{
    Arm, BinaryOp, Block, Expr, ExprKind, Ident, Literal, Stmt, StmtKind, UnaryOp,
};
use crate::syntax::token::{KEYWORDS, TokenKind};

/// An operator between two operands.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Infix {
    Binary(BinaryOp),
    In,
    Is,
    Range { inclusive: bool },
    As,
}

const COMPARISON: u8 = 3;
const RANGE: u8 = 4;
/// Tighter than any division: what comes before the `/s` of a limit.
const AS: u8 = 11;

impl Infix {
    /// How tightly it binds; greater is tighter.
    const fn strength(self) -> u8 {
        use BinaryOp as B;
        match self {
            Self::Binary(op) => match op {
                B::OrOr => 1,
                B::AndAnd => 2,
                B::Eq | B::Ne | B::Lt | B::Le | B::Gt | B::Ge => COMPARISON,
                B::Or => 5,
                B::Xor => 6,
                B::And => 7,
                B::Shl | B::Shr => 8,
                B::Add | B::Sub => 9,
                B::Mul | B::Div | B::Rem => 10,
            },
            Self::In | Self::Is => COMPARISON,
            Self::Range { .. } => RANGE,
            Self::As => AS,
        }
    }
}

impl Parser<'_> {
    /// An expression.
    pub(super) fn expr(&mut self) -> Parse<Expr> {
        self.nested(|p| p.binary(0))
    }

    /// An expression before a block: `Name {` is not a record.
    pub(super) fn head(&mut self) -> Parse<Expr> {
        let grouped = self.grouped;
        self.within(grouped, false, Self::expr)
    }

    /// An operand that ends before any division.
    pub(super) fn tight(&mut self) -> Parse<Expr> {
        self.nested(|p| p.binary(AS))
    }

    /// The condition of an `if` or guard.
    pub(super) fn condition(&mut self) -> Parse<Expr> {
        let condition = self.head()?;
        if !self.at_symbol("=") {
            return Ok(condition);
        }
        let span = self.span();
        self.report(
            Diagnostic::error(
                "E0013",
                "`=` assigns; it does not compare",
                span,
                "not a comparison",
            )
            .note("to compare, write `==`")
            .patch(span, "=="),
        );
        self.bump();
        let right = self.head()?;
        Ok(Expr { kind: ExprKind::Error, span: condition.span.to(right.span) })
    }

    pub(super) fn infix(&self) -> Option<Infix> {
        use BinaryOp as B;
        let op = match &self.token().kind {
            TokenKind::Symbol(symbol) => match *symbol {
                "+" => B::Add,
                "-" => B::Sub,
                "*" => B::Mul,
                "/" => B::Div,
                "%" => B::Rem,
                "&" => B::And,
                "|" => B::Or,
                "^" => B::Xor,
                "<<" => B::Shl,
                ">>" => B::Shr,
                "&&" => B::AndAnd,
                "||" => B::OrOr,
                "==" => B::Eq,
                "!=" => B::Ne,
                // `x <-1` has the arrow's letters.
                "<" | "<-" => B::Lt,
                "<=" => B::Le,
                ">" => B::Gt,
                ">=" => B::Ge,
                ".." => return Some(Infix::Range { inclusive: false }),
                "..=" => return Some(Infix::Range { inclusive: true }),
                _ => return None,
            },
            TokenKind::Word => match self.word() {
                "in" => return Some(Infix::In),
                "is" => return Some(Infix::Is),
                "as" => return Some(Infix::As),
                _ => return None,
            },
            _ => return None,
        };
        Some(Infix::Binary(op))
    }

    fn binary(&mut self, loosest: u8) -> Parse<Expr> {
        let mut left = self.unary()?;
        let mut compared = None;
        while let Some(infix) = self.infix() {
            let strength = infix.strength();
            if strength < loosest {
                break;
            }
            if strength == COMPARISON
                && let Some(first) = compared.replace(self.span())
            {
                return Err(self.chained(first));
            }
            self.taller()?;
            left = self.with_right(left, infix)?;
        }
        Ok(left)
    }

    fn chained(&mut self, first: crate::source::Span) -> super::Reported {
        let span = self.span();
        self.report(
            Diagnostic::error("E0020", "comparisons do not chain", span, "a second comparison")
                .other(first, "the first")
                .note("join two comparisons with `&&`, or compare with a range: `x in 1..5`"),
        )
    }

    fn with_right(&mut self, left: Expr, infix: Infix) -> Parse<Expr> {
        if self.at_symbol("<-") {
            // Leave the minus sign for the operand.
            let token = &mut self.tokens[self.at];
            token.kind = TokenKind::Symbol("-");
            token.span.start += 1;
        } else {
            self.bump();
        }
        let start = left.span;
        let left = Box::new(left);
        let kind = match infix {
            Infix::As => ExprKind::As(left, self.plain_type()?),
            Infix::Is => ExprKind::Is(left, self.pattern()?),
            _ => {
                let right = Box::new(self.nested(|p| p.binary(infix.strength() + 1))?);
                match infix {
                    Infix::Binary(op) => ExprKind::Binary(op, left, right),
                    Infix::Range { inclusive } => {
                        ExprKind::Range { from: left, to: right, inclusive }
                    }
                    _ => ExprKind::In(left, right),
                }
            }
        };
        Ok(Expr { kind, span: start.to(self.previous()) })
    }

    fn unary(&mut self) -> Parse<Expr> {
        let op = if self.at_symbol("!") {
            UnaryOp::Not
        } else if self.at_symbol("-") {
            UnaryOp::Neg
        } else {
            return self.postfix();
        };
        let start = self.at;
        self.bump();
        let operand = self.nested(Self::unary)?;
        Ok(Expr { kind: ExprKind::Unary(op, Box::new(operand)), span: self.since(start) })
    }

    fn postfix(&mut self) -> Parse<Expr> {
        let start = self.at;
        let mut base = self.primary()?;
        loop {
            // Only a dot may begin a line and belong to the line before.
            let kind = if self.at_symbol(".") {
                self.bump();
                let name = self.member_name()?;
                if self.at_symbol("(") && !self.newline() {
                    let args = self.list(("(", ")"), Self::expr)?;
                    ExprKind::Method(Box::new(base), name, args)
                } else {
                    ExprKind::Field(Box::new(base), name)
                }
            } else if self.at_symbol("[") && !self.newline() {
                self.bump();
                let index = self.within(true, true, |p| {
                    let index = p.expr()?;
                    p.expect("]")?;
                    Ok(index)
                })?;
                ExprKind::Index(Box::new(base), Box::new(index))
            } else {
                return Ok(base);
            };
            self.taller()?;
            base = Expr { kind, span: self.since(start) };
        }
    }

    /// What follows a dot: any word, or the number of a part of a tuple.
    fn member_name(&mut self) -> Parse<Ident> {
        if let TokenKind::Literal(Literal::Int { text, .. }) = &self.token().kind {
            let ident = Ident { text: text.clone(), span: self.span() };
            self.bump();
            return Ok(ident);
        }
        self.field_name("a field")
    }

    pub(super) fn primary(&mut self) -> Parse<Expr> {
        let start = self.at;
        let kind = match &self.token().kind {
            TokenKind::Literal(literal) => {
                let literal = literal.clone();
                self.bump();
                ExprKind::Literal(literal)
            }
            TokenKind::Str => ExprKind::Literal(Literal::Str(self.string("a text")?.0)),
            TokenKind::ByteStr => ExprKind::Literal(Literal::Bytes(self.byte_string()?)),
            TokenKind::Symbol("(") => return self.parens(),
            TokenKind::Symbol("[") => ExprKind::List(self.list(("[", "]"), Self::expr)?),
            // Before a block, an operand is missing.
            TokenKind::Symbol("{") if self.records => ExprKind::Block(self.block()?),
            TokenKind::Bad => {
                self.last_fault = Some(self.at);
                self.bump();
                ExprKind::Error
            }
            TokenKind::Word => self.word_expr()?,
            _ => return Err(self.unexpected("an expression")),
        };
        Ok(Expr { kind, span: self.since(start) })
    }

    fn word_expr(&mut self) -> Parse<ExprKind> {
        match self.word() {
            "true" | "false" => {
                let value = self.word() == "true";
                self.bump();
                Ok(ExprKind::Literal(Literal::Bool(value)))
            }
            "if" => self.if_expr(),
            "match" => self.match_expr(),
            "copy" => {
                self.bump();
                Ok(ExprKind::Copy(self.name("a packet")?))
            }
            word if KEYWORDS.contains(&word) || self.at_member_word() => {
                Err(self.unexpected("an expression"))
            }
            _ => {
                let name = self.name("a value")?;
                if self.newline() {
                    Ok(ExprKind::Name(name.text))
                } else if self.at_symbol("(") {
                    Ok(ExprKind::Call(name, self.list(("(", ")"), Self::expr)?))
                } else if self.records && self.at_symbol("{") {
                    Ok(ExprKind::Record(name, self.list(("{", "}"), Self::field_value)?))
                } else {
                    Ok(ExprKind::Name(name.text))
                }
            }
        }
    }

    /// `field: value`; the name may be dotted.
    pub(super) fn field_value(&mut self) -> Parse<(Ident, Expr)> {
        let mut name = self.field_name("a field")?;
        while self.eat(".") {
            let part = self.field_name("a field")?;
            name = Ident {
                text: format!("{}.{}", name.text, part.text),
                span: name.span.to(part.span),
            };
        }
        self.expect(":")?;
        Ok((name, self.expr()?))
    }

    /// Grouping or a tuple.
    fn parens(&mut self) -> Parse<Expr> {
        let start = self.at;
        let mut parts = self.list(("(", ")"), Self::expr)?;
        if parts.len() == 1 && !self.ends_with_comma() {
            return Ok(parts.remove(0));
        }
        Ok(Expr { kind: ExprKind::Tuple(parts), span: self.since(start) })
    }

    fn if_expr(&mut self) -> Parse<ExprKind> {
        self.expect_word("if")?;
        if self.eat_word("let") {
            let pattern = Box::new(self.pat()?);
            self.expect("=")?;
            let value = Box::new(self.head()?);
            let then = self.block()?;
            let otherwise = self.else_block()?;
            return Ok(ExprKind::IfLet(pattern, value, then, otherwise));
        }
        let condition = Box::new(self.condition()?);
        let then = self.block()?;
        let otherwise = self.else_block()?;
        Ok(ExprKind::If(condition, then, otherwise))
    }

    /// `else { … }` or `else if …`, which becomes a block of that span.
    fn else_block(&mut self) -> Parse<Option<Block>> {
        if !self.eat_word("else") {
            return Ok(None);
        }
        if !self.at_word("if") {
            return self.block().map(Some);
        }
        let start = self.at;
        let kind = self.nested(Self::if_expr)?;
        let span = self.since(start);
        let stmt = Stmt { kind: StmtKind::Expr(Expr { kind, span }, None), span };
        Ok(Some(Block { stmts: vec![stmt], span }))
    }

    fn match_expr(&mut self) -> Parse<ExprKind> {
        self.expect_word("match")?;
        let value = Box::new(self.head()?);
        let opened = self.span();
        self.expect("{")?;
        let arms = self.within(false, true, |p| {
            let mut arms = Vec::new();
            while !p.eat("}") {
                if p.at_end() || p.at_member_word() {
                    return Err(p.unclosed(opened, "}"));
                }
                arms.push(p.arm()?);
            }
            Ok(arms)
        })?;
        Ok(ExprKind::Match(value, arms))
    }

    fn arm(&mut self) -> Parse<Arm> {
        let start = self.at;
        let pattern = self.pat()?;
        let guard = if self.eat_word("if") { Some(self.condition()?) } else { None };
        self.expect("=>")?;
        let stmt = self.stmt()?;
        let body = match stmt {
            Stmt { kind: StmtKind::Expr(expr, None), .. } => expr,
            stmt => {
                let span = stmt.span;
                Expr { kind: ExprKind::Block(Block { stmts: vec![stmt], span }), span }
            }
        };
        let span = self.since(start);
        let after_block = self.tokens[self.at - 1].kind == TokenKind::Symbol("}");
        if !self.eat(",")
            && !self.eat(";")
            && !self.at_symbol("}")
            && !self.newline()
            && !after_block
        {
            return Err(self.unexpected("`,` or a new line after the arm"));
        }
        Ok(Arm { pattern, guard, body, span })
    }
}
