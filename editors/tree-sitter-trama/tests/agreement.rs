//! The editor's grammar and the compiler's parser agree.
//!
//! What the compiler parses without a message is a tree without errors here: every program of the
//! project, every example of the book, and programs that were damaged and happen to be sound. What
//! the compiler rejects for its syntax has an error here too, but for a few things that only a
//! compiler needs to know.

use std::path::{Path, PathBuf};
use trama_base::Rng;
use trama_lang::source::SourceMap;
use trama_lang::syntax::codes::CODES;
use trama_lang::syntax::{CONTEXTUAL, KEYWORDS, parse};
use tree_sitter::{Node, Parser, Query};

/// Codes about what a grammar for editors does not look at: what is in texts and numbers, limits,
/// words that are kept, names that are missing, chained comparisons, a line that an `=` is too
/// short for.
const BEYOND: [&str; 12] = [
    "E0003", "E0005", "E0006", "E0007", "E0008", "E0009", "E0013", "E0015", "E0017", "E0019",
    "E0020", "E0021",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn parser() -> Parser {
    let mut parser = Parser::new();
    parser.set_language(&tree_sitter_trama::LANGUAGE.into()).expect("a language of this version");
    parser
}

/// The first error of the tree, as text.
fn fault(parser: &mut Parser, text: &str) -> Option<String> {
    fn first<'t>(node: Node<'t>) -> Option<Node<'t>> {
        if node.is_error() || node.is_missing() {
            return Some(node);
        }
        if !node.has_error() {
            return None;
        }
        let mut cursor = node.walk();
        let children: Vec<_> = node.children(&mut cursor).collect();
        children.into_iter().find_map(first).or(Some(node))
    }
    let tree = parser.parse(text, None).expect("no time limit is set");
    let node = first(tree.root_node())?;
    let line = node.start_position().row + 1;
    let shown: String = text[node.byte_range()].chars().take(60).collect();
    Some(format!("line {line}: {} {shown:?}", node.kind()))
}

/// The compiler has nothing to say about the syntax.
fn is_sound(text: &str) -> bool {
    let mut sources = SourceMap::default();
    let file = sources.add("t", text);
    parse(&sources, file).1.is_empty()
}

fn files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            files(&path, extension, found);
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
}

fn read(folder: &str, extension: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    files(&root().join(folder), extension, &mut found);
    found.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("it can be read");
        (path.display().to_string(), text)
    };
    found.into_iter().map(read).collect()
}

fn programs() -> Vec<(String, String)> {
    let mut all = read("crates", "trama");
    all.extend(read("examples", "trama"));
    all.retain(|(_, text)| is_sound(text));
    all
}

/// The examples of the book as whole programs: as they are, or as part of one.
fn examples() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (page, text) in read("docs/book/src", "md") {
        for (index, block) in text.split("```trama").skip(1).enumerate() {
            let body = block.split_once('\n').map_or("", |(_, rest)| rest);
            let body = body.split("\n```").next().unwrap_or(body);
            let wrapped = [
                body.to_owned(),
                format!("element E {{\n{body}\n}}\n"),
                format!("fn f() {{\n{body}\n}}\n"),
                format!("network n {{\n{body}\n}}\n"),
            ];
            let sound = wrapped.into_iter().find(|text| is_sound(text));
            found.extend(sound.map(|text| (format!("{page}, example {}", index + 1), text)));
        }
    }
    found
}

#[test]
fn every_program_and_every_example_is_understood() {
    let mut parser = parser();
    let all: Vec<_> = programs().into_iter().chain(examples()).collect();
    assert!(all.len() > 150, "{} programs", all.len());
    let wrong: Vec<String> = (all.iter())
        .filter_map(|(name, text)| Some(format!("{name}: {}", fault(&mut parser, text)?)))
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), all.len(), wrong.join("\n"));
}

#[test]
fn what_the_compiler_rejects_has_an_error() {
    let mut parser = parser();
    for code in CODES.iter().filter(|code| !BEYOND.contains(&code.code)) {
        assert!(fault(&mut parser, code.bad).is_some(), "{}: {}", code.code, code.bad);
    }
    for code in CODES {
        assert_eq!(fault(&mut parser, code.good), None, "{}: {}", code.code, code.good);
    }
}

/// Tokens taken out, doubled or put elsewhere: where the result is sound, the tree has no error.
#[test]
fn damaged_programs_that_are_sound_are_understood() {
    let mut parser = parser();
    let mut rng = Rng::stream(2, "grammar");
    let (mut sound, mut rejected, mut noticed) = (0, 0, 0);
    for (name, text) in programs() {
        let words: Vec<(usize, &str)> = text
            .split_inclusive(char::is_whitespace)
            .scan(0, |at, word| {
                let start = *at;
                *at += word.len();
                Some((start, word))
            })
            .collect();
        for _ in 0..40 {
            let pick = (rng.next_u64() % words.len() as u64) as usize;
            let other = (rng.next_u64() % words.len() as u64) as usize;
            let (at, word) = words[pick];
            let mut damaged = text.clone();
            match rng.next_u64() % 3 {
                0 => damaged.replace_range(at..at + word.len(), ""),
                1 => damaged.insert_str(at, word),
                _ => damaged.replace_range(at..at + word.len(), words[other].1),
            }
            let fault = fault(&mut parser, &damaged);
            if is_sound(&damaged) {
                sound += 1;
                let around = &damaged[damaged.floor_char_boundary(at.saturating_sub(80))..];
                let around: String = around.chars().take(200).collect();
                assert_eq!(fault, None, "{name}: {word:?} in {around}");
            } else {
                rejected += 1;
                noticed += usize::from(fault.is_some());
            }
        }
    }
    assert!(sound > 50 && rejected > 200, "{sound} {rejected}");
    assert!(noticed * 10 > rejected * 8, "{noticed} of {rejected} mistakes are noticed");
}

#[test]
fn keywords_are_no_names_and_other_words_are() {
    let mut parser = parser();
    let program = |word: &str| {
        format!(
            "fn f({word}: u8) -> u8 {{ let x = {word} + p.{word}.match\n {word} }}\n\
             element E({word}: u8) {{\n port {word}\n on a(p) {{\n {word} = 1\n {word} in x\n \
             send {word} to {word}\n }}\n}}\n"
        )
    };
    for word in CONTEXTUAL {
        assert_eq!(fault(&mut parser, &program(word)), None, "{word}");
        assert!(is_sound(&program(word)), "{word}");
    }
    for word in KEYWORDS {
        assert!(fault(&mut parser, &format!("fn f({word}: u8) {{ }}")).is_some(), "{word}");
    }
}

#[test]
fn trees_have_the_shape_that_queries_read() {
    let text = "element E { on a(p: ip/tcp) { if p.len > 2 { drop p because \"x\" } } }";
    let tree = parser().parse(text, None).expect("no time limit is set");
    let expected = "(source_file (element name: (identifier) (handler (handler_port port: \
        (identifier)) packet: (identifier) (header_pattern (header_stack (header) (header))) \
        body: (block (expression_statement (if condition: (binary left: (field_access base: \
        (identifier) field: (identifier)) right: (literal (number))) then: (block \
        (drop packet: (identifier) reason: (string (text))))))))))";
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown = squeezed(&tree.root_node().to_sexp());
    assert_eq!(shown, squeezed(expected));
}

#[test]
fn queries_fit_the_grammar() {
    let language = tree_sitter_trama::LANGUAGE.into();
    for (name, text) in [
        ("highlights", tree_sitter_trama::HIGHLIGHTS),
        ("locals", tree_sitter_trama::LOCALS),
        ("folds", tree_sitter_trama::FOLDS),
        ("indents", tree_sitter_trama::INDENTS),
    ] {
        let query = Query::new(&language, text);
        assert!(query.is_ok(), "{name}: {:?}", query.err());
    }
    assert!(Query::new(&language, "(no_such_node) @x").is_err());
}

#[test]
fn any_text_is_survived() {
    let mut parser = parser();
    let mut rng = Rng::stream(4, "noise");
    let pieces =
        ["element", "{", "}", "/*", "*/", "//", "\n", "\"", "{{", "p.", "::", "é", "1.", "\0"];
    for _ in 0..300 {
        let pick = |rng: &mut Rng| pieces[(rng.next_u64() % pieces.len() as u64) as usize];
        let text: String = (0..rng.next_u64() % 60).map(|_| pick(&mut rng)).collect();
        parser.parse(&text, None).expect("it ends");
    }
}
