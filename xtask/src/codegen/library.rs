//! The book's page about the library, made from the doc comments of its programs.
//!
//! Text processing, not parsing: items begin at the left margin with their keyword, and `///` lines
//! stand right before what they describe. The compiler checks the programs themselves.

use crate::files::File;
use std::fmt::Write;

/// Words that begin a part of an element's documentation.
const LABELS: [&str; 4] = ["Ports", "Parameters", "State", "Example"];

/// An item of a library file that the page shows.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Item {
    keyword: String,
    name: String,
    /// Lines of its `///` comment, without the marker.
    docs: Vec<String>,
    /// Parameters, fields or variants.
    members: Vec<Member>,
}

impl Item {
    /// A query is an element too.
    fn is_element(&self) -> bool {
        matches!(self.keyword.as_str(), "element" | "query")
    }
}

/// A parameter, field or variant.
#[derive(Debug, PartialEq, Eq)]
struct Member {
    name: String,
    /// As written; empty for a variant.
    ty: String,
    default: Option<String>,
    docs: String,
}

/// The elements, queries, records and enums of a library file, in order.
pub(super) fn items(text: &str) -> Result<Vec<Item>, String> {
    let mut items = Vec::new();
    let mut docs = Vec::new();
    let mut rest = text;
    let mut number = 0;
    while let Some((line, tail)) = rest.split_once('\n') {
        number += 1;
        let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
        let keyword = words.next().unwrap_or("");
        if let Some(doc) = line.strip_prefix("///") {
            docs.push(doc.strip_prefix(' ').unwrap_or(doc).to_owned());
        } else if matches!(keyword, "element" | "query" | "record" | "enum") {
            let name = words.next().unwrap_or("").to_owned();
            let open = if matches!(keyword, "element" | "query") { '(' } else { '{' };
            let head = &rest[keyword.len() + 1 + name.len()..];
            let list = bracketed(head, open).map_err(|why| format!("{number}: {why}"))?;
            let members = split(list).map(member).filter(|m| !m.name.is_empty()).collect();
            let docs = std::mem::take(&mut docs);
            items.push(Item { keyword: keyword.into(), name, docs, members });
        } else {
            docs.clear();
        }
        rest = tail;
    }
    Ok(items)
}

/// What stands in the brackets that `text` begins with; nothing if it begins otherwise.
fn bracketed(text: &str, open: char) -> Result<&str, String> {
    let Some(inner) = text.trim_start().strip_prefix(open) else { return Ok("") };
    let mut scan = Scan::default();
    for (at, c) in inner.char_indices() {
        if scan.is_closed_by(c) {
            return Ok(&inner[..at]);
        }
    }
    Err(format!("`{open}` is never closed"))
}

/// The parts between commas that stand in no brackets, strings or comments.
fn split(list: &str) -> impl Iterator<Item = &str> {
    let mut parts = Vec::new();
    let mut scan = Scan::default();
    let mut start = 0;
    for (at, c) in list.char_indices() {
        scan.is_closed_by(c);
        if c == ',' && scan.is_outside() {
            parts.push(&list[start..at]);
            start = at + 1;
        }
    }
    parts.push(&list[start..]);
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty())
}

/// What encloses the current character.
#[derive(Default)]
struct Scan {
    depth: u32,
    text: bool,
    comment: bool,
    slash: bool,
}

impl Scan {
    /// Takes a character; true if it closes what was open before the first one.
    fn is_closed_by(&mut self, c: char) -> bool {
        let slash = std::mem::replace(&mut self.slash, c == '/');
        if self.comment {
            self.comment = c != '\n';
        } else if c == '"' {
            self.text = !self.text;
        } else if !self.text {
            match c {
                '/' if slash => self.comment = true,
                '(' | '[' | '{' | '<' => self.depth += 1,
                ')' | ']' | '}' | '>' if self.depth == 0 => return true,
                ')' | ']' | '}' | '>' => self.depth -= 1,
                _ => {}
            }
        }
        false
    }

    fn is_outside(&self) -> bool {
        self.depth == 0 && !self.text && !self.comment
    }
}

/// `/// docs`, then `name: type = default`, or the name of a variant.
fn member(text: &str) -> Member {
    let (docs, code): (Vec<_>, Vec<_>) =
        text.lines().map(str::trim).partition(|line| line.starts_with("//"));
    let docs: Vec<_> = docs.iter().map(|line| line.trim_start_matches('/').trim()).collect();
    let code = code.join(" ");
    let (name, rest) = code.split_once(": ").unwrap_or((&code, ""));
    let (ty, default) = match rest.split_once(" = ") {
        Some((ty, default)) => (ty, Some(default.trim().to_owned())),
        None => (rest, None),
    };
    let (name, ty) = (name.trim().to_owned(), ty.trim().to_owned());
    Member { name, ty, default, docs: docs.join(" ") }
}

/// The page, from all files of the library in order.
pub(super) fn page(files: &[File]) -> Result<String, String> {
    let mut library = Vec::new();
    for file in files {
        let items = items(&file.text).map_err(|message| format!("{}:{message}", file.path))?;
        library.push((file, items));
    }
    let elements: Vec<&Item> =
        (library.iter()).flat_map(|(_, items)| items).filter(|item| item.is_element()).collect();
    let mut out = String::from(
        "<!-- Generated by `cargo xtask codegen` from crates/lang/library. -->\n\n\
         # Library of elements\n\n\
         These elements are part of the language: a program uses them without an import.\n\
         Each is an ordinary program with its tests, and can be read as an example.\n\
         A program that declares something of the same name uses its own instead.\n\n\
         | element | what it does |\n|---|---|\n",
    );
    for element in &elements {
        let anchor = element.name.to_lowercase();
        let summary = cell(&summary(element)?);
        // Writing to a String cannot fail.
        let _ = writeln!(out, "| [{}](#{anchor}) | {summary} |", element.name);
    }
    for (file, items) in &library {
        for element in items.iter().filter(|item| item.is_element()) {
            write_element(&mut out, file, element, items);
        }
    }
    Ok(out)
}

/// First sentence of an element's documentation.
fn summary(element: &Item) -> Result<String, String> {
    let first: Vec<_> = element.docs.iter().take_while(|line| !line.is_empty()).cloned().collect();
    let text = first.join(" ");
    let end = text.find(". ").map_or(text.len(), |at| at + 1);
    if text.is_empty() {
        return Err(format!("the element `{}` has no documentation", element.name));
    }
    Ok(text[..end].to_owned())
}

fn write_element(out: &mut String, file: &File, element: &Item, items: &[Item]) {
    let name = &element.name;
    // Writing to a String cannot fail.
    let _ = write!(out, "\n## {name}\n\n");
    for (index, line) in element.docs.iter().enumerate() {
        let label = LABELS.iter().find(|label| line.starts_with(&format!("{label}: ")));
        let _ = match label {
            // A paragraph for each part.
            Some(label) => {
                let blank = index > 0 && !element.docs[index - 1].is_empty();
                let text = &line[label.len() + 2..];
                writeln!(out, "{}**{label}**: {text}", if blank { "\n" } else { "" })
            }
            None => writeln!(out, "{line}"),
        };
    }
    let _ = writeln!(out, "\nSource: `{}`.", file.path);
    if !element.members.is_empty() {
        let _ = write!(out, "\n| parameter | type | default |\n|---|---|---|\n");
    }
    for param in &element.members {
        let default = param.default.as_ref().map_or("required".into(), |d| format!("`{d}`"));
        let _ = writeln!(out, "| `{}` | `{}` | {default} |", param.name, param.ty);
    }
    let mut shown: Vec<&str> = Vec::new();
    write_types(out, &element.members, items, &mut shown);
}

/// The records and enums that the types of `members` name, and those that these name.
fn write_types<'a>(
    out: &mut String,
    members: &[Member],
    items: &'a [Item],
    shown: &mut Vec<&'a str>,
) {
    for item in items.iter().filter(|item| !item.is_element()) {
        let named = |ty: &str| {
            ty.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == item.name)
        };
        if shown.contains(&item.name.as_str()) || !members.iter().any(|m| named(&m.ty)) {
            continue;
        }
        shown.push(&item.name);
        let docs = item.docs.join(" ");
        // Writing to a String cannot fail.
        if item.keyword == "enum" {
            let variants: Vec<_> = item.members.iter().map(|m| format!("`{}`", m.name)).collect();
            let _ = write!(out, "\n`{}`: {docs}\n", item.name);
            let _ = writeln!(out, "One of {}.", variants.join(", "));
        } else {
            let _ = write!(out, "\n`{}`: {docs}\n\n", item.name);
            let _ = write!(out, "| field | type | meaning |\n|---|---|---|\n");
            for field in &item.members {
                let _ =
                    writeln!(out, "| `{}` | `{}` | {} |", field.name, field.ty, cell(&field.docs));
            }
        }
        write_types(out, &item.members, items, shown);
    }
}

/// Text as it may stand in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "//! Gate: opens.\n\n/// How.\nenum How { Slow, Fast }\n\n\
        /// One row.\nrecord Row {\n    how: How,\n\
        \x20   /// First port, included.\n    low: u16,\n}\n\n\
        /// Opens. Then closes.\n///\n/// Ports: `a`, `b`,\n/// in this order.\n\
        element Gate(rows: table<Row> = [], at: (u8, u8) = (1, 2), // why\n) {\n\
        \x20   port a, b\n}\n\nelement Bare {\n}\n";

    fn file(text: &str) -> File {
        File { path: "library/Gate.trama".into(), text: text.into() }
    }

    #[test]
    fn parameters_fields_and_variants_are_found() {
        let items = items(TEXT).expect("the brackets are closed");
        let names: Vec<_> = items.iter().map(|item| item.name.as_str()).collect();
        assert_eq!(names, ["How", "Row", "Gate", "Bare"]);
        let params: Vec<_> = (items[2].members.iter())
            .map(|m| (m.name.as_str(), m.ty.as_str(), m.default.as_deref()))
            .collect();
        let expected = [("rows", "table<Row>", Some("[]")), ("at", "(u8, u8)", Some("(1, 2)"))];
        assert_eq!(params, expected);
        assert_eq!(items[1].members[1].docs, "First port, included.");
        assert!(items[3].members.is_empty());
    }

    #[test]
    fn the_page_has_parts_parameters_and_rows() {
        let documented = TEXT.replace("element Bare", "/// Bare.\nelement Bare");
        let page = page(&[file(&documented)]).expect("all is documented");
        assert!(page.contains("| [Gate](#gate) | Opens. |"), "{page}");
        assert!(page.contains("\n\n**Ports**: `a`, `b`,\nin this order.\n"), "{page}");
        assert!(page.contains("| `rows` | `table<Row>` | `[]` |"), "{page}");
        assert!(page.contains("| `low` | `u16` | First port, included. |"), "{page}");
        assert!(page.contains("One of `Slow`, `Fast`."), "{page}");
    }

    #[test]
    fn what_cannot_be_shown_is_refused() {
        let why = page(&[file(TEXT)]).expect_err("an element has no documentation");
        assert!(why.contains("`Bare`"), "{why}");
        let why = page(&[file("\nrecord Open {\n    a: u8,\n")]).expect_err("a brace is open");
        assert_eq!(why, "library/Gate.trama:2: `{` is never closed");
    }
}
