//! Texts of rows, cut into pieces; and lines of assembly, cut likewise.

use crate::isa::{Row, table};
use std::sync::LazyLock;

/// A piece of text: a word or number, or a single sign. White space only separates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// Letters, digits, `_`, `.`, `$` and `@`.
    Word(String),
    /// Anything else.
    Sign(char),
}

/// A piece of a row's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Must be there as it is.
    Literal(Token),
    /// One of the placeholders.
    Field(Field),
}

/// What a placeholder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Dst,
    DstHalf,
    Src,
    SrcHalf,
    Imm,
    Memory,
    Jump,
    JumpImm,
    Function,
    High,
    Number,
}

impl Field {
    fn named(name: &str) -> Self {
        match name {
            "d" => Self::Dst,
            "wd" => Self::DstHalf,
            "s" => Self::Src,
            "ws" => Self::SrcHalf,
            "i" => Self::Imm,
            "m" => Self::Memory,
            "j" => Self::Jump,
            "J" => Self::JumpImm,
            "p" => Self::Function,
            "h" => Self::High,
            "n" => Self::Number,
            _ => unreachable!("the table has no placeholder {name}"),
        }
    }
}

/// A row with its text in pieces, split at the placeholders for printing.
pub(super) struct Template {
    pub(super) row: &'static Row,
    pub(super) pieces: Vec<Piece>,
}

/// The texts of all rows, in the order of the table.
pub(super) fn templates() -> &'static [Template] {
    static TEMPLATES: LazyLock<Vec<Template>> = LazyLock::new(|| {
        table().iter().map(|row| Template { row, pieces: pieces(&row.text) }).collect()
    });
    &TEMPLATES
}

fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (literal, field) in parts(text) {
        pieces.extend(tokens(literal).into_iter().map(Piece::Literal));
        pieces.extend(field.map(Piece::Field));
    }
    pieces
}

/// The text as literals, each with the placeholder that follows it.
pub(super) fn parts(text: &str) -> Vec<(&str, Option<Field>)> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((literal, tail)) = rest.split_once('{') {
        let (name, tail) = tail.split_once('}').expect("braces of the table are paired");
        parts.push((literal, Some(Field::named(name))));
        rest = tail;
    }
    parts.push((rest, None));
    parts
}

/// Cuts a line into tokens.
pub(super) fn tokens(line: &str) -> Vec<Token> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '$' | '@');
    let mut tokens = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let len = match is_word(first) {
            true => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            false => first.len_utf8(),
        };
        let (token, tail) = rest.split_at(len);
        tokens.push(match is_word(first) {
            true => Token::Word(token.to_owned()),
            false => Token::Sign(first),
        });
        rest = tail.trim_start();
    }
    tokens
}
