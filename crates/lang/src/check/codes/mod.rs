//! The codes of the checker's messages: what each means, and programs with and without it.
//!
//! The book's page of error codes is made from this table. A test compiles every example: the bad
//! one must give exactly this one message, the good one none.

mod headers;
mod limits;
mod names;
mod networks;
mod packets;
mod state;
mod types;
mod warnings;

/// What a code means.
#[derive(Clone, Copy, Debug)]
pub struct CodeDoc {
    /// `E0101`, `W0101`.
    pub code: &'static str,
    /// A few words, for headings.
    pub title: &'static str,
    /// What is wrong, why it matters, what to do.
    pub explanation: &'static str,
    /// A program with this mistake and no other.
    pub bad: &'static str,
    /// The program without it.
    pub good: &'static str,
}

/// All codes, in order.
pub fn all() -> impl Iterator<Item = &'static CodeDoc> {
    let families = [
        names::CODES,
        types::CODES,
        headers::CODES,
        packets::CODES,
        networks::CODES,
        limits::CODES,
        state::CODES,
        warnings::CODES,
    ];
    families.into_iter().flatten()
}

/// What a code means.
pub fn explain(code: &str) -> Option<&'static CodeDoc> {
    all().find(|doc| doc.code == code)
}
