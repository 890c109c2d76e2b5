//! Source text to syntax tree, and back to formatted text.

pub mod ast;
pub mod codes;
pub mod format;
mod lexer;
mod nearest;
mod parser;
pub(crate) mod text;
mod token;

pub use nearest::nearest;
pub use parser::{parse, parse_expr, parse_patterns};
pub use token::{
    CONTEXTUAL, ITEM_WORDS, KEYWORDS, MEMBER_WORDS, RESERVED, STATE_OPTIONS, STATEMENT_WORDS,
};

/// Longest source file, in bytes.
pub const FILE_BYTES_MAX: usize = 1 << 20;

/// How deep expressions, blocks, types and patterns may nest.
pub const NESTING_MAX: u32 = 64;

/// Most operators that may stand on top of each other in the tree of an expression; a longer chain
/// has to be split with `let`. It bounds the depth of every walk over the tree.
pub const HEIGHT_MAX: u32 = 128;

/// Most messages about the syntax of one file.
pub const MESSAGES_MAX: usize = 100;

/// The length of time that a text means as the language writes it, for example `1.5ms` or `5min`.
pub fn parse_duration(text: &str) -> Option<trama_base::Nanos> {
    let mut sources = crate::source::SourceMap::default();
    let file = sources.add("time", text);
    match parse_expr(&sources, file) {
        (
            ast::Expr {
                kind: ast::ExprKind::Literal(ast::Literal::Duration { nanos, .. }), ..
            },
            messages,
        ) if messages.is_empty() => Some(trama_base::Nanos(nanos)),
        _ => None,
    }
}
