//! The language reference, by word.

use super::{Kind, Page, Topic, sentence};

/// A page of the book's language reference: its name and text.
type Chapter = (&'static str, &'static str);

macro_rules! chapters {
    ($($name:literal)*) => {
        /// The pages that words point into.
        const CHAPTERS: &[Chapter] = &[$((
            $name,
            include_str!(concat!("../../../../docs/book/src/language/", $name, ".md")),
        ),)*];
    };
}

chapters! {
    "constants" "drops" "elements" "events" "expressions" "folds" "functions" "networks" "packets"
    "queries" "state" "statements" "tests" "types"
}

/// Words that a section is about.
struct Section {
    kind: Kind,
    words: &'static [&'static str],
    chapter: &'static str,
    /// Its heading without marks; the head of the chapter if empty.
    heading: &'static str,
}

const fn word(
    words: &'static [&'static str],
    chapter: &'static str,
    heading: &'static str,
) -> Section {
    Section { kind: Kind::Word, words, chapter, heading }
}

const fn state(words: &'static [&'static str], heading: &'static str) -> Section {
    Section { kind: Kind::State, words, chapter: "state", heading }
}

/// Which section a word of the language is explained in.
const SECTIONS: &[Section] = &[
    state(&["map"], "Maps"),
    state(&["set"], "Sets"),
    state(&["array"], "Arrays and single values"),
    state(&["counter"], "Counters"),
    state(&["pool"], "Pools"),
    state(&["lpm"], "Longest-prefix match"),
    state(&["bucket", "rate", "burst"], "Token buckets"),
    state(&["maglev", "members"], "Consistent hashing"),
    state(&["sketch", "update", "seed"], "Sketches"),
    state(&["bloom", "error"], "Bloom filters"),
    state(&["ring"], "Rings"),
    state(&["stream_buffer"], "Stream buffers"),
    state(&["histogram"], "Histograms"),
    state(&["patterns"], "Pattern sets"),
    state(&["state", "expire", "evict"], ""),
    word(&["let", "mut"], "statements", "let"),
    word(&["send", "to"], "statements", "send"),
    word(&["drop", "because"], "statements", "drop"),
    word(&["copy"], "statements", "copy"),
    word(
        &["insert", "remove", "replace", "truncate", "into", "from", "with"],
        "statements",
        "insert, remove, replace and truncate",
    ),
    word(&["log", "alert"], "statements", "log and alert"),
    word(&["fn", "return"], "functions", "Functions"),
    word(&["if", "else"], "functions", "if"),
    word(&["match"], "functions", "match"),
    word(&["for", "limit", "break", "continue"], "functions", "Loops"),
    word(&["top", "by"], "functions", "Loops over maps and sets"),
    word(&["in"], "expressions", "in"),
    word(&["is"], "packets", "Flow typing"),
    word(&["header"], "packets", "Headers of your own"),
    word(&["as"], "types", "Conversions"),
    word(&["true", "false"], "types", ""),
    word(&["record", "enum"], "types", "Records and enums"),
    word(&["Some", "None"], "types", "Options"),
    word(&["const"], "constants", ""),
    word(&["load"], "constants", "Tables"),
    word(&["element"], "elements", ""),
    word(&["port"], "elements", "Ports"),
    word(&["on"], "elements", "Handlers"),
    word(&["init", "every"], "events", "Start and timers"),
    word(&["fold"], "folds", ""),
    word(&["query"], "queries", ""),
    word(&["event", "generate", "after"], "events", "Events of an element's own"),
    word(&["stream", "emit"], "events", "Records"),
    word(&["close"], "events", "The end of a run"),
    word(&["network"], "networks", ""),
    word(&["discard"], "networks", "Wires"),
    word(&["inputs"], "networks", "Inputs"),
    word(&["import"], "networks", "Imports"),
    word(&["test"], "tests", ""),
    word(&["expect", "at"], "tests", "Steps"),
];

/// Tables of which each row is about what its first cell writes.
const TABLES: &[(Kind, &str, &str)] = &[
    (Kind::Property, "packets", "Properties"),
    (Kind::BuiltIn, "expressions", "Built-in functions and names"),
    (Kind::BuiltIn, "types", ""),
];

fn chapter(name: &str) -> &'static str {
    CHAPTERS.iter().find(|chapter| chapter.0 == name).map_or("", |chapter| chapter.1)
}

/// A heading without its marks: `` ## `in` {#in} `` is `in`.
fn heading(line: &str) -> Option<(usize, String)> {
    let level = line.bytes().take_while(|&b| b == b'#').count();
    let rest = line[level..].strip_prefix(' ')?;
    let text = rest.split(" {#").next().unwrap_or(rest).replace('`', "");
    (level > 0).then_some((level, text))
}

/// The text below a heading, up to the next one; that of the chapter's own if it is empty.
fn section(name: &str, wanted: &str) -> Option<(String, String)> {
    let mut found: Option<String> = None;
    let mut body = String::new();
    let mut fenced = false;
    for line in chapter(name).lines() {
        fenced ^= line.starts_with("```");
        let head = if fenced { None } else { heading(line) };
        if let Some((level, text)) = head {
            if found.is_some() {
                break;
            }
            found = (text == wanted || wanted.is_empty() && level == 1).then_some(text);
        } else if found.is_some() {
            // What the book's tests want to know of an example is nobody else's business.
            let is_fence = line.starts_with("```");
            let line = if is_fence { line.split(',').next().unwrap_or(line) } else { line };
            body.push_str(line);
            body.push('\n');
        }
    }
    found.map(|head| (head, body.trim().to_owned()))
}

/// The cells of a row of a table.
fn cells(row: &str) -> Option<Vec<String>> {
    let inner = row.strip_prefix('|')?.strip_suffix('|')?;
    let inner = inner.replace("\\|", "\u{0}");
    Some(inner.split('|').map(|cell| cell.trim().replace('\u{0}', "|")).collect())
}

/// The rest of the row of a chapter whose first cell is `first`.
pub(super) fn row(name: &str, first: &str) -> Option<String> {
    let rows = chapter(name).lines().filter_map(cells);
    rows.filter(|row| row[0] == first).map(|row| row[1..].join(" ")).next()
}

/// What the code spans of a cell write: `min(a, b)` is about `min`, `p.len` about itself.
fn subjects(cell: &str) -> Vec<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    let spans = cell.split('`').skip(1).step_by(2);
    spans
        .map(|span| span.split(|c: char| !is_name(c)).next().unwrap_or("").to_owned())
        .map(|name| match name.split_once('.') {
            // `x.or(default)` is about `or`, whatever it is called on.
            Some((base, rest)) if base != "p" => rest.to_owned(),
            _ => name,
        })
        .filter(|name| !name.is_empty())
        .collect()
}

/// A page for each word of the index and each row of its tables.
pub(super) fn pages() -> Vec<Page> {
    let mut pages = Vec::new();
    for Section { kind, words, chapter, heading } in SECTIONS {
        let Some((head, body)) = section(chapter, heading) else { continue };
        for word in *words {
            let plain = body.split("\n\n").find(|p| !p.starts_with(['|', '`', '#', '*', '-']));
            let summary = sentence(plain.unwrap_or(&head)).replace(['\n', '`'], " ");
            let summary = summary.split(". ").next().unwrap_or("").to_owned();
            let topic = Topic { kind: *kind, name: (*word).to_owned(), summary };
            let text = format!("# {head}\n\n{body}\n");
            pages.push(Page { topic, text, book: Some(format!("language/{chapter}.md")) });
        }
    }
    for (kind, chapter, heading) in TABLES {
        let Some((head, body)) = section(chapter, heading) else { continue };
        let rows: Vec<&str> = body.lines().filter(|line| line.starts_with('|')).collect();
        let Some((top, rows)) = rows.split_at_checked(2) else { continue };
        for row in rows {
            let Some(cells) = cells(row) else { continue };
            for name in subjects(&cells[0]) {
                let summary = cells[1..].join(" ").replace('`', "").trim().to_owned();
                let text = format!("# {name}\n\n{head}:\n\n{}\n{row}\n", top.join("\n"));
                let topic = Topic { kind: *kind, name, summary };
                let book = Some(format!("language/{chapter}.md"));
                pages.push(Page { topic, text, book });
            }
        }
    }
    pages
}

/// Words of the index whose section is not in the book.
#[cfg(test)]
pub(super) fn lost() -> Vec<&'static str> {
    let is_lost =
        |s: &&Section| section(s.chapter, s.heading).is_none_or(|found| found.1.is_empty());
    SECTIONS.iter().filter(is_lost).flat_map(|s| s.words).copied().collect()
}
