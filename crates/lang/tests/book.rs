//! The examples of the book are programs: they check, and their tests pass.
//!
//! A block marked `trama` in any page is judged by [`verdict`]. After the language name, its mark
//! may say:
//!
//! - `fragment=KIND`: the block is a part of a program and is put into one, see [`Fragment`];
//!   warnings about what the part leaves unused do not count;
//! - `error=CODE`: it must be rejected, with exactly this one code;
//! - `warning=CODE`: it is sound, and must be warned about with exactly this one code;
//! - `template=NAME`: it is what `trama new NAME` writes.
//!
//! A block marked `csv,file=NAME` or `toml,file=NAME` is a file that the programs of its page load.
//! A block marked `text,effects` is part of what `trama check` prints about the handlers of the
//! program before it.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use trama_lang::compile::{Checked, Options, Unit};
use trama_lang::diagnostic::Severity;
use trama_lang::effects;
use trama_lang::engine::Engine;
use trama_lang::files::Files;
use trama_lang::interp::Interpreter;
use trama_lang::testing;

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
    /// The code with which it must be warned about.
    warning: Option<String>,
    /// The name that the template of `trama new` has here.
    template: Option<String>,
    /// Part of its effects.
    effects: Option<String>,
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
            warning: None,
            template: None,
            effects: None,
        };
        for word in words {
            let (word, value) = word.split_once('=').unwrap_or((word, ""));
            match (language, word) {
                ("trama", "fragment") => {
                    let fragment = Fragment::named(value);
                    block.fragment = Some(fragment.ok_or(format!("no fragment `{value}`"))?);
                }
                ("trama", "error") => block.error = Some(value.into()),
                ("trama", "warning") => block.warning = Some(value.into()),
                ("trama", "template") => block.template = Some(value.into()),
                ("text", "effects") => {
                    let before = self.blocks.last_mut().ok_or("no program before it")?;
                    before.effects = Some(block.text.clone());
                }
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

/// The files that a page shows.
struct Shown<'a>(&'a [(String, String)]);

impl Files for Shown<'_> {
    fn read(&self, _from: &str, path: &str) -> Result<(String, String), String> {
        let found = self.0.iter().find(|(name, _)| name == path);
        found.cloned().ok_or_else(|| format!("the page shows no file `{path}`"))
    }
}

/// What is wrong with a block, if anything.
fn verdict(block: &Block, files: &[(String, String)]) -> Result<(), String> {
    let program = match block.fragment {
        Some(fragment) => fragment.wrap(&block.text),
        None => block.text.clone(),
    };
    let files = Shown(files);
    let mut unit = Unit::parse("book.trama", &program, &files);
    let checked = unit.check(&Options::default(), &files);
    expect_messages(block, &unit, &checked)?;
    if block.error.is_some() {
        return Ok(());
    }
    let program = checked.program.ok_or("no message, and no program")?;
    if let Some(wanted) = &block.effects {
        let mut all = String::new();
        for row in effects::effects(&program).iter().flat_map(|node| &node.handlers) {
            // Writing to a String cannot fail.
            let _ = writeln!(all, "{row}");
        }
        if !all.contains(wanted.as_str()) {
            return Err(format!("the effects are others:\n{all}"));
        }
    }
    let outcomes =
        testing::run_all(&unit, unit.main_file(), &files, |_| true, &|program, start| {
            let engine = Interpreter::new(program, start, 0).map_err(|why| why.to_string())?;
            Ok(Box::new(engine) as Box<dyn Engine>)
        });
    let failures: Vec<_> = (outcomes.iter())
        .flat_map(|outcome| outcome.failures.iter().map(move |f| (&outcome.title, f)))
        .map(|(title, f)| format!("\"{title}\" fails in its line {}: {}", f.line, f.message))
        .collect();
    if failures.is_empty() { Ok(()) } else { Err(failures.join("; ")) }
}

/// Compares the messages with those that the block announces.
fn expect_messages(block: &Block, unit: &Unit, checked: &Checked) -> Result<(), String> {
    let with = |severity| {
        let found = checked.diagnostics.iter().filter(move |d| d.severity == severity);
        found.map(|d| d.code).collect::<Vec<_>>()
    };
    let (codes, warnings) = (with(Severity::Error), with(Severity::Warning));
    let as_announced = match (&block.error, &block.warning) {
        (Some(code), _) => codes == [code.as_str()],
        (None, Some(code)) => codes.is_empty() && warnings == [code.as_str()],
        (None, None) => codes.is_empty() && (warnings.is_empty() || block.fragment.is_some()),
    };
    if as_announced {
        return Ok(());
    }
    let shown: Vec<_> = (checked.diagnostics.iter())
        .filter(|d| codes.is_empty() || d.severity == Severity::Error)
        .map(|d| format!("{}: {} `{}`", d.code, d.message, unit.sources.text(d.label.0)))
        .collect();
    Err(if shown.is_empty() { "there are no messages".into() } else { shown.join("; ") })
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

const PASS: &str = "element Pass {\n    port a, b\n    on a(p) { send p to b }\n\
    \x20   on b(p) { send p to a }\n}\n";

#[test]
fn unsound_examples_are_found() {
    assert_eq!(faults_of("trama", PASS), [""; 0], "sound");
    let syntax = faults_of("trama,fragment=statements", "let = 5");
    assert!(syntax[0].starts_with("page.md:3: E0010"), "{syntax:?}");
    let types = faults_of("trama,fragment=statements", "let x: u8 = 300");
    assert!(types[0].starts_with("page.md:3: E0202"), "{types:?}");
    let forgotten = faults_of("trama", &PASS.replace("send p to a", ""));
    assert!(forgotten[0].starts_with("page.md:3: E0401"), "{forgotten:?}");
    let warned = faults_of("trama", &PASS.replace("port a, b", "port a, b\nstate idle: counter"));
    assert!(warned[0].starts_with("page.md:3: W0"), "{warned:?}");
}

#[test]
fn examples_of_mistakes_make_exactly_the_one() {
    let mistake = "let x: u8 = 300";
    assert_eq!(faults_of("trama,fragment=statements,error=E0202", mistake), [""; 0]);
    assert_eq!(faults_of("trama,fragment=statements,error=E0201", mistake).len(), 1, "another");
    let twice = format!("{mistake}\nlet y: u8 = 301");
    assert_eq!(faults_of("trama,fragment=statements,error=E0202", &twice).len(), 1, "two");
    let none = faults_of("trama,error=E0202", PASS);
    assert!(none[0].ends_with("there are no messages"), "{none:?}");
    assert_eq!(faults_of("trama,warning=W0102", PASS).len(), 1, "no warning");
    let idle = PASS.replace("port a, b", "port a, b\nstate idle: counter");
    assert_eq!(faults_of("trama,warning=W0102", &idle), [""; 0]);
    assert_eq!(faults_of("trama,warning=W0101", &idle).len(), 1, "another");
}

#[test]
fn examples_whose_tests_fail_are_found() {
    let with =
        |test: &str| faults_of("trama", &format!("{PASS}\ntest \"t\" for Pass {{ {test} }}"));
    assert_eq!(with("a <- arp { op: 1 }; expect b arp.op == 1"), [""; 0]);
    let wrong = with("a <- arp { op: 1 }; expect b arp.op == 2");
    assert!(wrong[0].starts_with("page.md:3: \"t\" fails in its line 7"), "{wrong:?}");
    assert_eq!(with("a <- arp { op: 1 }").len(), 1, "nothing expects the packet");
}

#[test]
fn effects_that_a_program_does_not_have_are_found() {
    let page = |effects: &str| {
        let text = format!("```trama\n{PASS}```\n```text,effects\n{effects}\n```\n");
        faults(&Page::parse("page.md", &text).expect("the blocks are marked well"))
    };
    assert_eq!(page("on a(eth)\n  sends to  b"), [""; 0]);
    assert_eq!(page("on a(eth)\n  sends to  a").len(), 1);
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
