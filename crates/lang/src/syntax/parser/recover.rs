//! Where to go on after a mistake.

use super::Parser;
use crate::source::Span;
use crate::syntax::token::{ITEM_WORDS, MEMBER_WORDS, STATEMENT_WORDS, TokenKind};

impl Parser<'_> {
    /// After a mistake in the statement (or test step) that begins at token `start`: goes to the
    /// start of the next one or to the brace that closes the block.
    pub(super) fn skip_statement(&mut self, start: usize) {
        self.recovering = true;
        self.skip(start, |p, braces, parens| {
            let fresh = p.tokens[p.at].newline
                && braces == 0
                && (parens == 0 || STATEMENT_WORDS.contains(&p.word()));
            fresh || (braces == 0 && p.at_member_word())
        });
        if self.at_symbol(";") {
            self.bump();
        }
    }

    /// After a mistake in the member that begins at token `start`: goes to the start of the next
    /// one or to the brace that closes the element or network.
    pub(super) fn skip_member(&mut self, start: usize, lines: bool) {
        self.recovering = true;
        self.skip(start, |p, braces, parens| {
            let fresh = p.tokens[p.at].newline && braces == 0;
            fresh && (p.at_member_word() || (lines && parens == 0))
        });
    }

    /// After a mistake in the item that begins at token `start`: goes to the start of the next.
    pub(super) fn skip_item(&mut self, mut start: usize) {
        loop {
            self.skip(start, |p, braces, _| {
                p.tokens[p.at].newline && braces == 0 && p.at_item_word()
            });
            if !self.at_symbol("}") {
                return;
            }
            self.bump();
            if self.at_item_word() && self.token().newline {
                return;
            }
            start = self.at;
        }
    }

    /// Takes the `}` that closes the element, network or test whose members began when there were
    /// `faults` messages. After a mistake in it, a `}` that no item follows is one too many
    /// rather than the end.
    pub(super) fn closes_item(&mut self, faults: usize) -> bool {
        while self.eat("}") {
            if self.diagnostics.len() == faults || self.at_end() || self.at_item_word() {
                return true;
            }
        }
        false
    }

    /// True if another member comes in the body of an item that was opened at `opened`. At its end
    /// the brace is taken, or missed.
    pub(super) fn has_more(&mut self, opened: Span, faults: usize) -> bool {
        while self.eat(";") {}
        if self.closes_item(faults) {
            return false;
        }
        let is_cut = self.at_end() || self.at_foreign_item();
        if is_cut {
            self.unclosed(opened, "}");
        }
        !is_cut
    }

    /// The next token begins an item.
    pub(super) fn at_item_word(&self) -> bool {
        ITEM_WORDS.contains(&self.word()) && self.heads()
    }

    /// The next token, first on its line, begins a member of an element or an item: within a
    /// block, a sign that a brace is missing.
    pub(super) fn at_member_word(&self) -> bool {
        let word = self.word();
        let begins = MEMBER_WORDS.contains(&word) || ITEM_WORDS.contains(&word);
        self.token().newline && begins && self.heads()
    }

    /// An item's keyword at the very left: an item begins, whatever the braces say.
    fn at_left_margin(&self) -> bool {
        let start = self.span().start as usize;
        let left = start == 0 || self.text.as_bytes()[start - 1] == b'\n';
        left && self.at_item_word()
    }

    /// Walks from token `start`, counting braces, and stops beyond the place of the mistake where
    /// `stop` (given open braces and parentheses) agrees, at a `;` or closing brace of the level
    /// where it began, or at the end.
    fn skip(&mut self, start: usize, stop: impl Fn(&Self, u32, u32) -> bool) {
        let fault = self.at;
        let (mut braces, mut parens) = (0_u32, 0_u32);
        self.at = start;
        while !self.at_end() {
            let beyond = self.at >= fault && self.at > start;
            if beyond && (stop(self, braces, parens) || self.at_left_margin()) {
                return;
            }
            match self.token().kind {
                TokenKind::Symbol("{") => braces += 1,
                TokenKind::Symbol("(" | "[") => parens += 1,
                TokenKind::Symbol(")" | "]") => parens = parens.saturating_sub(1),
                TokenKind::Symbol("}") if braces == 0 && self.at >= fault => return,
                TokenKind::Symbol("}") => {
                    braces = braces.saturating_sub(1);
                    parens = 0;
                }
                TokenKind::Symbol(";") if beyond && braces == 0 && parens == 0 => return,
                _ => {}
            }
            self.bump();
        }
    }
}
