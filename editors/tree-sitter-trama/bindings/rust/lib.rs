//! The grammar of Trama as editors use it, for tree-sitter.
//!
//! `grammar.js` is the source; `src/parser.c` is generated from it and committed, because editors
//! compile it. The tests hold the grammar to the compiler's own parser.

use tree_sitter_language::LanguageFn;

unsafe extern "C" {
    fn tree_sitter_trama() -> *const ();
}

// SAFETY: the function is that of `src/parser.c`, and gives a language that lives forever.
/// The language.
pub const LANGUAGE: LanguageFn = unsafe { LanguageFn::from_raw(tree_sitter_trama) };

/// What is shown in which colour.
pub const HIGHLIGHTS: &str = include_str!("../../queries/highlights.scm");

/// Scopes, definitions and references of locals.
pub const LOCALS: &str = include_str!("../../queries/locals.scm");

/// What can be folded.
pub const FOLDS: &str = include_str!("../../queries/folds.scm");

/// What is indented.
pub const INDENTS: &str = include_str!("../../queries/indents.scm");
