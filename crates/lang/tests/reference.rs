//! Numbers, words and texts in the language reference are those of the code.

use std::path::Path;
use trama_lang::check::{
    CAPACITY_MAX, DEPTH_MAX, PENDING_MAX, STATEMENTS_MAX, headers, network, tables, types,
};
use trama_lang::compile::FILES_MAX;
use trama_lang::engine::LOG_LINES_MAX;
use trama_lang::ir::{CHAIN_MAX, FANOUT_MAX, HOPS_MAX, reason};
use trama_lang::records::KEPT_MAX;
use trama_lang::syntax::{CONTEXTUAL, KEYWORDS, RESERVED};
use trama_lang::syntax::{FILE_BYTES_MAX, HEIGHT_MAX, NESTING_MAX};
use trama_state::BYTES_MAX as STATE_BYTES_MAX;
use trama_wire::header::{HEADERS, HeaderId};
use trama_wire::parse::{EXTENSIONS_MAX, TAGS_MAX};
use trama_wire::stack::{may_begin, may_follow};

fn text(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    std::fs::read_to_string(path).expect("the file is there")
}

fn page(name: &str) -> String {
    text(&format!("docs/book/src/language/{name}.md"))
}

/// `16384` as `16 384`.
fn spaced(number: u64) -> String {
    let digits = number.to_string();
    let lead = digits.len() % 3;
    let (first, rest) = digits.split_at(lead);
    let groups = rest.as_bytes().chunks(3).map(|c| String::from_utf8_lossy(c).into_owned());
    let mut all: Vec<String> = groups.collect();
    if !first.is_empty() {
        all.insert(0, first.to_owned());
    }
    all.join(" ")
}

/// Rows of a table of limits that are not in the page.
fn missing(page: &str, rows: &[(&str, u64)]) -> Vec<String> {
    let row = |&(what, number): &(&str, u64)| format!("| {what} | {} |", spaced(number));
    rows.iter().map(row).filter(|row| !page.contains(row.as_str())).collect()
}

#[test]
fn limits_are_those_of_the_code() {
    let page = page("limits");
    let rows = [
        ("files of a program, imports included", FILES_MAX as u64),
        ("nesting of statements and expressions, with functions expanded", DEPTH_MAX.into()),
        ("statements of a handler, with functions expanded", STATEMENTS_MAX as u64),
        ("scalar parts of a value", types::LEAVES_MAX as u64),
        ("bytes of a byte string", trama_wire::bytes::LEN_MAX as u64),
        ("headers that a program declares", headers::HEADERS_MAX as u64),
        ("bytes of a declared header", headers::HEADER_BYTES_MAX.into()),
        ("rows of a table", tables::ROWS_MAX as u64),
        ("instances of elements", network::NODES_MAX as u64),
        ("nesting of blocks, expressions, types and patterns", NESTING_MAX.into()),
        ("operators on top of each other in one expression", HEIGHT_MAX.into()),
        ("handlers that a packet passes in one event", HOPS_MAX.into()),
        ("copies in one event", FANOUT_MAX.into()),
        (
            "events without a delay that one packet, timer or delayed event brings about",
            CHAIN_MAX.into(),
        ),
        ("records kept for a host without a place for them", KEPT_MAX as u64),
        ("VLAN tags of a frame", TAGS_MAX as u64),
        ("IPv6 extension headers", EXTENSIONS_MAX as u64),
        ("log lines kept for the host", LOG_LINES_MAX as u64),
        ("rows of a sketch", trama_state::spec::ROWS_MAX.into()),
    ];
    assert_eq!(missing(&page, &rows), [""; 0]);
    assert_eq!(missing(&page, &[("copies in one event", 7)]).len(), 1, "a wrong number is found");
    assert_eq!(FILE_BYTES_MAX, 1 << 20);
    assert!(page.contains("| bytes of a source file | 1 MiB |"));
    assert_eq!(STATE_BYTES_MAX, 8 << 30);
    assert!(page.contains("| memory of one state object | 8 GiB |"));
    assert_eq!(tables::BYTES_MAX, 64 << 20);
    assert!(page.contains("| bytes of a table's file | 64 MiB |"));
    assert_eq!(trama_state::spec::WINDOW_BYTES_MAX, 16 << 20);
    assert!(page.contains("| window of one stream of a stream buffer | 16 MiB |"));
    let patterns = (trama_state::PATTERNS_MAX, trama_state::PATTERN_BYTES_MAX);
    assert_eq!((patterns, trama_state::SET_BYTES_MAX), ((65_536, 4096), 1 << 20));
    assert!(page.contains("| 65 536, of 4 096 bytes each and 1 MiB together |"));
    let capacity = spaced(CAPACITY_MAX);
    let row = format!("| entries, values or slots of one state object | 64 Mi = {capacity} |");
    assert!(page.contains(&row));
    let row = format!("| pending events of one kind | 16 Mi = {} |", spaced(PENDING_MAX));
    assert!(page.contains(&row));
    let levels = network::NESTING_MAX;
    assert!(page.contains(&format!("| networks in networks | {levels} levels |")));
}

#[test]
fn keywords_are_those_of_the_lexer() {
    let page = page("lexical");
    let blocks: Vec<Vec<&str>> = (page.split("```text\n").skip(1))
        .map(|block| block.split("```").next().unwrap_or_default())
        .map(|block| block.split_whitespace().collect())
        .collect();
    assert_eq!(blocks[0], KEYWORDS);
    assert_eq!(blocks[1], CONTEXTUAL);
    assert_eq!(blocks[2], RESERVED);
}

#[test]
fn built_in_drop_reasons_are_those_of_the_code() {
    let page = page("drops");
    for reason in reason::BUILT_IN {
        assert!(page.contains(&format!("| {reason} | ")), "`{reason}` is not in the page");
    }
    assert!(!page.contains("| out of luck | "), "the page does not hold just anything");
}

#[test]
fn headers_stand_on_each_other_as_the_page_says() {
    let page = page("statements");
    let row = |what: &str, fits: &dyn Fn(HeaderId) -> bool| {
        let names: Vec<_> = (HEADERS.iter())
            .filter(|header| fits(header.id))
            .map(|header| format!("`{}`", header.name))
            .collect();
        (!names.is_empty()).then(|| format!("| {what} | {} |", names.join(", ")))
    };
    let begin = row("nothing: where a stack begins", &may_begin);
    let rest = HEADERS.iter().filter_map(|below| {
        row(&format!("`{}`", below.name), &|above| may_follow(below.id, above))
    });
    let rows: Vec<_> = begin.into_iter().chain(rest).collect();
    let missing: Vec<_> = rows.iter().filter(|row| !page.contains(row.as_str())).collect();
    assert!(missing.is_empty(), "{missing:#?}");
    let table = page.split("| header | may be followed by |\n|---|---|\n").nth(1);
    let table = table.and_then(|rest| rest.split("\n\n").next()).unwrap_or_default();
    assert_eq!(table.lines().count(), rows.len(), "no other rows");
}

/// Codes of messages in the sources below a folder, tests left out.
fn codes_below(folder: &Path, codes: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        if path.ends_with("tests") || path.ends_with("tests.rs") {
            continue;
        } else if path.is_dir() {
            codes_below(&path, codes);
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("sources are text");
        let is_code = |word: &&str| {
            word.len() == 5
                && word.starts_with(['E', 'W'])
                && word[1..].bytes().all(|b| b.is_ascii_digit())
        };
        codes.extend(text.split('"').filter(is_code).map(str::to_owned));
    }
}

#[test]
fn every_code_is_in_the_page_of_codes() {
    let page = text("docs/book/src/codes.md");
    let mut codes = Vec::new();
    codes_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut codes);
    assert!(codes.iter().any(|code| code == "E0401"), "codes are found");
    // E0008 is about a file that is too long to be an example.
    codes.retain(|code| code != "E0008" && !page.contains(&format!("\n### {code}: ")));
    assert_eq!(codes, [""; 0]);
}
