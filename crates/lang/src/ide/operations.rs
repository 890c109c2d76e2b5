//! The operations of state objects, as the book lists them.

use crate::doc;

/// An operation or property of a kind of state object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Operation {
    /// Its name behind the dot.
    pub(super) name: String,
    /// As the book writes it: `m.touch(k)`.
    pub(super) form: String,
    /// What it gives, and what it does.
    pub(super) text: String,
}

/// The operations of a kind of state object.
pub(super) fn operations(kind: &str) -> Vec<Operation> {
    let pages = doc::find(kind);
    let Some(page) = pages.iter().find(|page| page.topic.kind == doc::Kind::State) else {
        return Vec::new();
    };
    let mut found: Vec<Operation> = Vec::new();
    for line in page.text.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.trim_matches('|').splitn(2, " | ").collect();
        let [forms, text] = cells[..] else { continue };
        for form in forms.split('`').skip(1).step_by(2) {
            // A name, perhaps an index, a dot, a name.
            let base = form.trim_start_matches(|c: char| c.is_ascii_lowercase());
            let base = base.split_once(']').map_or(base, |(_, rest)| rest);
            let Some(rest) = base.strip_prefix('.') else { continue };
            let name = rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next();
            let name = name.unwrap_or_default().to_owned();
            if !name.is_empty() && name != "field" && found.iter().all(|known| known.name != name) {
                let text = text.trim().trim_matches('|').trim().replace(" | ", "; ");
                found.push(Operation { name, form: form.to_owned(), text });
            }
        }
    }
    found
}
