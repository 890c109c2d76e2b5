//! The examples of the book are programs: they check, and their tests pass.
//!
//! A block marked `trama` in any page is judged by [`verdict`]. After the language name, its mark
//! may say:
//!
//! - `fragment=KIND`: the block is a part of a program and is put into one, see [`Fragment`];
//!   warnings about what the part leaves unused do not count;
//! - `error=CODE`: it must be rejected, with exactly this one code;
//! - `warnings`: a sound program that is warned about;
//! - `template=NAME`: it is what `trama new NAME` writes.
//!
//! A block marked `csv,file=NAME` or `toml,file=NAME` is a file that the programs of its page load.

use std::path::{Path, PathBuf};
use trama_lang::source::SourceMap;
use trama_lang::syntax::parse;

/// A block of a page.
#[derive(Clone, Debug)]
struct Block {
    /// The page, from the book's source folder.
    page: String,
    /// Line of its opening fence, from 1.
    line: usize,
    text: String,
    fragment: Option<Fragment>,
    /// The code with which it must be rejected.
    error: Option<String>,
    warnings: bool,
    /// The name that the template of `trama new` has here.
    template: Option<String>,
}

/// What part of a program a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fragment {
    /// Items beside a network `book` with the ports `lan` and `wan`.
    Items,
    /// Members of an element with the ports `lan`, `wan` and `tap[4]`.
    Element,
    /// The body of a handler of TCP packets `p` that come from `lan`.
    Handler,
    /// The same, and `send p to wan` follows.
    Statements,
    /// Members of a network with the ports `lan` and `wan`.
    Network,
}

impl Fragment {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "items" => Self::Items,
            "element" => Self::Element,
            "handler" => Self::Handler,
            "statements" => Self::Statements,
            "network" => Self::Network,
            _ => return None,
        })
    }

    /// The program that a part is put into.
    fn wrap(self, text: &str) -> String {
        let handler = |end: &str| {
            format!(
                "record Row {{ dst: prefix<ip4>, weight: u32 }}\n\
                 element Book(rules: table<Row> = []) {{\n\
                 port lan, wan, tap[4]\n\
                 state seen: map<Flow, u32>[1k]\n\
                 state totals: array<u64>[256]\n\
                 state refused: counter\n\
                 on lan(p: ip/tcp) {{\n{text}\n{end}\n}}\n}}\n"
            )
        };
        match self {
            Self::Items => {
                format!("{text}\nnetwork book {{\nport lan, wan\nlan <-> Counter <-> wan\n}}\n")
            }
            Self::Element => format!("element Book {{\nport lan, wan, tap[4]\n{text}\n}}\n"),
            Self::Handler => handler(""),
            Self::Statements => handler("send p to wan"),
            Self::Network => format!("network book {{\nport lan, wan\n{text}\n}}\n"),
        }
    }
}

/// The blocks of a page, and the files that it shows.
#[derive(Debug, Default)]
struct Page {
    blocks: Vec<Block>,
    files: Vec<(String, String)>,
}

impl Page {
    fn parse(name: &str, text: &str) -> Result<Self, String> {
        let mut page = Self::default();
        let mut lines = text.lines().enumerate();
        while let Some((index, line)) = lines.next() {
            let Some(mark) = line.strip_prefix("```") else { continue };
            let mut text = String::new();
            loop {
                let Some((_, line)) = lines.next() else {
                    return Err(format!("{name}:{}: the block is never closed", index + 1));
                };
                if line == "```" {
                    break;
                }
                text.push_str(line);
                text.push('\n');
            }
            page.add(name, index + 1, mark, text)
                .map_err(|why| format!("{name}:{}: {why}", index + 1))?;
        }
        Ok(page)
    }

    fn add(&mut self, page: &str, line: usize, mark: &str, text: String) -> Result<(), String> {
        let mut words = mark.split(',');
        let language = words.next().unwrap_or("");
        let mut block = Block {
            page: page.into(),
            line,
            text,
            fragment: None,
            error: None,
            warnings: false,
            template: None,
        };
        for word in words {
            let (word, value) = word.split_once('=').unwrap_or((word, ""));
            match (language, word) {
                ("trama", "fragment") => {
                    let fragment = Fragment::named(value);
                    block.fragment = Some(fragment.ok_or(format!("no fragment `{value}`"))?);
                }
                ("trama", "error") => block.error = Some(value.into()),
                ("trama", "warnings") => block.warnings = true,
                ("trama", "template") => block.template = Some(value.into()),
                ("csv" | "toml", "file") => {
                    self.files.push((value.into(), block.text.clone()));
                }
                _ => return Err(format!("no mark `{word}` for `{language}`")),
            }
        }
        if language == "trama" {
            self.blocks.push(block);
        }
        Ok(())
    }
}

/// What is wrong with a block, if anything.
fn verdict(block: &Block, _files: &[(String, String)]) -> Result<(), String> {
    let program = match block.fragment {
        Some(fragment) => fragment.wrap(&block.text),
        None => block.text.clone(),
    };
    let mut sources = SourceMap::default();
    let file = sources.add("book.trama", program);
    let (_, messages) = parse(&sources, file);
    let shown: Vec<_> = (messages.iter())
        .map(|m| format!("{}: {} `{}`", m.code, m.message, sources.text(m.label.0)))
        .collect();
    let expected = block.error.iter().filter(|code| code.starts_with("E00"));
    if messages.iter().map(|m| m.code).eq(expected.map(String::as_str)) {
        return Ok(());
    }
    Err(shown.join("; "))
}

/// The verdicts on all blocks of a page that are not sound.
fn faults(page: &Page) -> Vec<String> {
    let judge = |block: &Block| {
        let why = verdict(block, &page.files).err()?;
        Some(format!("{}:{}: {why}", block.page, block.line))
    };
    page.blocks.iter().filter_map(judge).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All pages of the book, sorted by path.
fn pages() -> Vec<Page> {
    let source = root().join("docs/book/src");
    let mut folders = vec![source.clone()];
    let mut paths = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the book is there") {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "md") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("pages are text");
        let name = path.strip_prefix(&source).expect("it was found there").display().to_string();
        Page::parse(&name, &text).expect("the blocks are marked well")
    };
    paths.into_iter().map(read).collect()
}

#[test]
fn every_example_is_sound() {
    let pages = pages();
    let count: usize = pages.iter().map(|page| page.blocks.len()).sum();
    assert!(count > 40, "only {count} blocks were found");
    let faults: Vec<_> = pages.iter().flat_map(faults).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_tutorial_begins_with_the_template() {
    let template = root().join("crates/trama/src/command/template.trama");
    let template = std::fs::read_to_string(template).expect("the template is there");
    let pages = pages();
    let mut blocks = pages.iter().flat_map(|page| &page.blocks);
    let block = blocks.find(|b| b.template.is_some()).expect("the tutorial shows the template");
    let name = block.template.as_deref().unwrap_or_default();
    assert_eq!(block.text, template.replace("NAME", name));
}

/// The faults of one block with this mark and text.
fn faults_of(mark: &str, text: &str) -> Vec<String> {
    let page = format!("# Page\n\n```{mark}\n{text}\n```\n");
    faults(&Page::parse("page.md", &page).expect("the block is marked well"))
}

#[test]
fn unsound_examples_are_found() {
    let faults = faults_of("trama,fragment=statements", "let = 5");
    assert!(faults[0].starts_with("page.md:3: E0010"), "{faults:?}");
    assert_eq!(faults_of("trama,fragment=items,error=E0010", "query q").len(), 1, "another code");
    assert_eq!(faults_of("trama,fragment=items,error=E0015", "query q"), [""; 0]);
    assert_eq!(faults_of("trama,fragment=items,error=E0015", "const A: u8 = 1").len(), 1, "sound");
}

#[test]
fn misspelt_marks_are_refused() {
    let refused = |text: &str| Page::parse("page.md", text).expect_err("the mark is wrong");
    assert_eq!(
        refused("a\n```trama,fragmant=items\n```\n"),
        "page.md:2: no mark `fragmant` for `trama`"
    );
    assert_eq!(refused("```trama,fragment=part\n```\n"), "page.md:1: no fragment `part`");
    assert_eq!(refused("```trama\nelement"), "page.md:1: the block is never closed");
}
