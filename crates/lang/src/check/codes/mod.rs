//! The codes of the checker's messages: what each means, and programs with and without it.
//!
//! The book's page of error codes is made from this table. A test compiles every example: the bad
//! one must give exactly this one message, the good one none.

mod events;
mod headers;
mod limits;
mod names;
mod networks;
mod packets;
mod queries;
mod state;
mod types;
mod warnings;

use crate::syntax::codes::Code;

/// All codes, in order.
pub fn all() -> impl Iterator<Item = &'static Code> {
    let families = [
        names::CODES,
        types::CODES,
        headers::CODES,
        packets::CODES,
        networks::CODES,
        limits::CODES,
        state::CODES,
        queries::CODES,
        events::CODES,
        warnings::CODES,
    ];
    families.into_iter().flatten()
}

/// What a code means.
pub fn explain(code: &str) -> Option<&'static Code> {
    all().find(|doc| doc.code == code)
}
