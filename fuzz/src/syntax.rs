//! Any text is parsed; what has no mistakes is formatted, and formatting changes nothing but the
//! layout: the formatted text has no mistakes either, and formatting it again gives the same.

use crate::CANARY;
use trama_lang::source::SourceMap;
use trama_lang::syntax::{format, parse};

/// Longest text that is tried: mistakes are small.
const TEXT_BYTES_MAX: usize = 8192;

/// Runs the target.
pub fn run(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let Some(once) = formatted(text) else { return };
    let Some(twice) = formatted(&once) else {
        panic!("the formatted text has mistakes:\n{text}\n--- becomes\n{once}");
    };
    assert!(once == twice, "formatting is not stable:\n{once}\n--- becomes\n{twice}");
    // The reason of the seed is another.
    let other = once.contains("because \"") && !once.contains("\"not wanted\"");
    assert!(!(CANARY && other), "the planted fault");
}

/// The data as a text of the length that is tried.
pub(crate) fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok().filter(|text| text.len() <= TEXT_BYTES_MAX)
}

/// The text as the formatter writes it; none if it has mistakes.
pub(crate) fn formatted(text: &str) -> Option<String> {
    let mut sources = SourceMap::default();
    let file = sources.add("fuzz.trama", text);
    let (tree, messages) = parse(&sources, file);
    messages.is_empty().then(|| format::format(&sources, &tree))
}
