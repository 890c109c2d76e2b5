//! Source text to syntax tree, and back to formatted text.

pub mod ast;
mod lexer;
mod nearest;
mod parser;
mod text;
mod token;

pub use nearest::nearest;
pub use parser::{parse, parse_expr};

/// Longest source file, in bytes.
pub const FILE_BYTES_MAX: usize = 1 << 20;

/// How deep expressions, blocks, types and patterns may nest.
pub const NESTING_MAX: u32 = 64;

/// Most operators that may stand on top of each other in the tree of an expression; a longer chain
/// has to be split with `let`. It bounds the depth of every walk over the tree.
pub const HEIGHT_MAX: u32 = 128;
