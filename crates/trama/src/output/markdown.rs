//! The Markdown of the book on a terminal: headings, tables with aligned columns, code, lists.
//!
//! It knows what the book uses, and shows anything else as it is.

use crate::output::table::Table;
use std::io::IsTerminal;

/// Prints a text to standard output, with bold and colour on a terminal.
pub(crate) fn print(text: &str) {
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    print!("{}", render(text, colour));
}

/// The text as it is printed.
fn render(text: &str, colour: bool) -> String {
    let style = Style { colour };
    let mut out = String::new();
    let mut fenced = false;
    let mut rows: Vec<Vec<String>> = Vec::new();
    for line in text.lines().chain([""]) {
        if line.starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if !fenced && let Some(cells) = cells(line) {
            rows.push(cells.iter().map(|cell| inline(cell, style_none())).collect());
            continue;
        }
        table(&mut out, &mut rows, style);
        if fenced {
            out.push_str("    ");
            out.push_str(line);
        } else if let Some(heading) = line.strip_prefix('#') {
            let heading = heading.trim_start_matches('#').trim();
            let heading = heading.split(" {#").next().unwrap_or(heading);
            out.push_str(&style.wrap("1", &inline(heading, style_none())));
        } else {
            out.push_str(&inline(line, style));
        }
        out.push('\n');
    }
    let mut end = out.trim_end().to_owned();
    end.push('\n');
    end
}

#[derive(Clone, Copy)]
struct Style {
    colour: bool,
}

const fn style_none() -> Style {
    Style { colour: false }
}

impl Style {
    /// Text in a style of ECMA-48.
    fn wrap(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// The cells of a row of a table.
fn cells(line: &str) -> Option<Vec<String>> {
    let inner = line.strip_prefix('|')?.strip_suffix('|')?.replace("\\|", "\u{0}");
    Some(inner.split('|').map(|cell| cell.trim().replace('\u{0}', "|")).collect())
}

/// Writes the rows collected so far: a heading, a line of dashes, and the rest.
fn table(out: &mut String, rows: &mut Vec<Vec<String>>, style: Style) {
    let mut rows = std::mem::take(rows).into_iter();
    let Some(head) = rows.next() else { return };
    let mut table = Table::new(&head.iter().map(String::as_str).collect::<Vec<_>>());
    let is_rule = |row: &[String]| row.iter().all(|cell| cell.chars().all(|c| "-: ".contains(c)));
    for row in rows.filter(|row| !is_rule(row)) {
        table.row(row);
    }
    for (index, line) in table.render().lines().enumerate() {
        // Where all headings are empty there is nothing to show.
        if index == 0 && line.trim().is_empty() {
            continue;
        }
        out.push_str(&if index == 0 { style.wrap("4", line) } else { line.to_owned() });
        out.push('\n');
    }
}

/// Code spans, bold words and links within a line.
fn inline(line: &str, style: Style) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(['`', '*', '[']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some((code, after)) = rest.strip_prefix('`').and_then(|r| r.split_once('`')) {
            out.push_str(&style.wrap("36", code));
            rest = after;
        } else if let Some((bold, after)) = rest.strip_prefix("**").and_then(|r| r.split_once("**"))
        {
            out.push_str(&style.wrap("1", bold));
            rest = after;
        } else if let Some((text, after)) = italic(rest) {
            out.push_str(&style.wrap("3", text));
            rest = after;
        } else if let Some((text, after)) = link(rest) {
            out.push_str(&inline(text, style));
            rest = after;
        } else {
            out.push_str(&rest[..1]);
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    out
}

/// `*text*`
fn italic(text: &str) -> Option<(&str, &str)> {
    let (inner, after) = text.strip_prefix('*')?.split_once('*')?;
    let tight = !inner.is_empty() && !inner.starts_with(' ') && !inner.ends_with(' ');
    tight.then_some((inner, after))
}

/// `[text](target)`
fn link(text: &str) -> Option<(&str, &str)> {
    let (inner, rest) = text.strip_prefix('[')?.split_once("](")?;
    let (_, after) = rest.split_once(')')?;
    (!inner.contains('[')).then_some((inner, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_the_book_are_shown() {
        let text = "# `map`\n\nSee [Events](events.md) for **more** *and* on `m[k]`.\n\n\
                    | op | |\n|---|---|\n| `a \\| b` | either |\n| `m.len` | n |\n\n\
                    ```trama\nlet x = [1](2)\n```\n- one\n";
        let plain = "map\n\nSee Events for more and on m[k].\n\n\
                     \x20 op\n  a | b  either\n  m.len  n\n\n\
                     \x20   let x = [1](2)\n- one\n";
        assert_eq!(render(text, false), plain);
        assert!(render(text, true).contains("\x1b[36mm[k]\x1b[0m"));
    }

    #[test]
    fn what_is_no_markup_stays() {
        for text in ["a * b", "`open", "[no link]", "| half a row", "2 ** 3", "[a](b"] {
            assert_eq!(render(text, true), format!("{text}\n"));
        }
    }
}
