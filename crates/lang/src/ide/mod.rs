//! What an editor asks about a program: what is under the cursor, where it is declared and used,
//! what could be typed next.
//!
//! Everything is a function of the texts; no protocol is known here, and places are byte offsets.
//! Names are resolved by a walk over the syntax tree that follows the language's rules of scope
//! ([`resolve`]), so it works in programs that are being typed; types and headers come from the
//! checker's notes.
//!
//! **Invariant:** no text makes it panic.

mod complete;
mod hover;
mod operations;
mod resolve;
mod symbols;
#[cfg(test)]
mod tests;

pub use complete::{Completion, CompletionKind};
pub use symbols::{Symbol, SymbolKind};

use crate::check::sink::Notes;
use crate::compile::{Options, Unit};
use crate::diagnostic::Diagnostic;
use crate::files::Files;
use crate::ir::Program;
use crate::source::{SourceMap, Span};
use crate::syntax::{CONTEXTUAL, KEYWORDS, RESERVED, ast};
use resolve::{Declaration, Occurrence, Target};

/// A program as far as it can be understood.
#[derive(Debug)]
pub struct Analysis {
    unit: Unit,
    /// Messages in the order of the source.
    pub diagnostics: Vec<Diagnostic>,
    program: Option<Program>,
    notes: Notes,
    occurrences: Vec<Occurrence>,
    declarations: Vec<Declaration>,
}

/// A text for people about a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hover {
    /// What it is about.
    pub span: Span,
    /// Markdown.
    pub text: String,
}

impl Analysis {
    /// Understands a program called `name` as far as possible.
    pub fn new(name: &str, text: &str, files: &dyn Files) -> Self {
        let mut unit = Unit::parse(name, text, files);
        let options = Options { check_only: true, notes: true, ..Options::default() };
        let checked = unit.check(&options, files);
        let (occurrences, declarations) = resolve::resolve(&unit, &checked.notes);
        let (diagnostics, program, notes) = (checked.diagnostics, checked.program, checked.notes);
        Self { unit, diagnostics, program, notes, occurrences, declarations }
    }

    /// The texts; file 0 is the program's.
    pub fn sources(&self) -> &SourceMap {
        &self.unit.sources
    }

    /// The name that stands at an offset of the program's file.
    fn occurrence(&self, offset: usize) -> Option<&Occurrence> {
        let at = offset as u32;
        let here = |o: &&Occurrence| o.span.file == 0 && o.span.start <= at && at <= o.span.end;
        // Of two that touch, the one that begins here.
        self.occurrences.iter().filter(here).max_by_key(|o| o.span.start)
    }

    /// Where the name at an offset is declared.
    pub fn definition(&self, offset: usize) -> Option<Span> {
        match self.occurrence(offset)?.target {
            Target::Declared(span) => Some(span),
            _ => None,
        }
    }

    /// All places in the program's own files that name what is named at an offset, its declaration
    /// among them.
    pub fn references(&self, offset: usize) -> Vec<Span> {
        let Some(occurrence) = self.occurrence(offset) else { return Vec::new() };
        let user = self.unit.user_files().len() as u32;
        let same = |o: &&Occurrence| o.target == occurrence.target && o.span.file < user;
        let mut found: Vec<Span> = self.occurrences.iter().filter(same).map(|o| o.span).collect();
        found.sort();
        found.dedup();
        found
    }

    /// The name at an offset, if the program declares it, so that it can be given another.
    pub fn renameable(&self, offset: usize) -> Option<Span> {
        let declared = self.definition(offset)?;
        let is_own = (declared.file as usize) < self.unit.user_files().len();
        is_own.then(|| self.occurrence(offset).map(|o| o.span)).flatten()
    }

    /// All edits that give what is named at an offset another name; or a sentence why not.
    pub fn rename(&self, offset: usize, name: &str) -> Result<Vec<Span>, String> {
        if self.renameable(offset).is_none() {
            return Err("only what the program declares can be given another name".into());
        }
        let mut letters = name.chars();
        let starts = letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
        if !starts || !letters.all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(format!("`{name}` is not a name"));
        }
        if KEYWORDS.contains(&name) || RESERVED.contains(&name) {
            return Err(format!("`{name}` is a keyword"));
        }
        Ok(self.references(offset))
    }

    /// What there is to say about an offset.
    pub fn hover(&mut self, offset: usize, files: &dyn Files) -> Option<Hover> {
        hover::hover(self, offset, files)
    }

    /// What the program's file declares, as a tree.
    pub fn symbols(&self) -> Vec<Symbol> {
        symbols::symbols(&self.unit)
    }

    /// The types of the names that the program binds without writing them: place behind the name,
    /// and type.
    pub fn hints(&self) -> Vec<(Span, String)> {
        let untyped = self.declarations.iter().filter(|d| d.is_untyped && d.span.file == 0);
        untyped.filter_map(|d| Some((d.span, self.notes.types.get(&d.span)?.to_string()))).collect()
    }
}

/// What may be typed at an offset of a program.
pub fn complete(name: &str, text: &str, offset: usize, files: &dyn Files) -> Vec<Completion> {
    complete::complete(name, text, offset, files)
}

/// The first word of a type: `map` of `map<Flow, Time>`.
fn head(ty: &ast::Type) -> &str {
    match &ty.kind {
        ast::TypeKind::Name(name) => name,
        ast::TypeKind::Generic(name, _) | ast::TypeKind::Sized(name, _) => &name.text,
        ast::TypeKind::Tuple(_) => "",
    }
}

/// True for words that have a meaning in the grammar.
fn is_word_of_the_grammar(word: &str) -> bool {
    KEYWORDS.contains(&word) || CONTEXTUAL.contains(&word)
}

/// The word that an offset touches, and where it begins.
fn word_at(text: &str, offset: usize) -> Option<(usize, &str)> {
    let is_word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    let bytes = text.as_bytes();
    let offset = offset.min(bytes.len());
    let before = bytes[..offset].iter().rev().take_while(|b| is_word(b)).count();
    let after = bytes[offset..].iter().take_while(|b| is_word(b)).count();
    (before + after > 0).then(|| (offset - before, &text[offset - before..offset + after]))
}
