//! The book's page of each verb names the flags that the verb has, and no others.

use crate::captures::project;
use std::collections::BTreeSet;
use std::process::Command;

/// What `trama WORDS… --help` prints.
fn help(words: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trama"));
    let output = command.args(words).arg("--help").output().expect("trama runs");
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).expect("help is text")
}

/// The verbs below `words`, from its help.
fn verbs(words: &[&str]) -> Vec<String> {
    let help = help(words);
    let list = help.split_once("Commands:").map_or("", |(_, rest)| rest);
    let lines = list.lines().skip(1).take_while(|line| line.starts_with("  "));
    let first = lines.filter(|line| !line.starts_with("   "));
    first
        .filter_map(|line| line.split_whitespace().next())
        .filter(|verb| *verb != "help")
        .map(str::to_owned)
        .collect()
}

/// Words like `--flag` in a text.
fn flags(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
        .filter(|word| word.starts_with("--") && !word.trim_start_matches('-').is_empty())
        .map(str::to_owned)
        .collect()
}

/// Flags of a verb and of the verbs below it.
fn known(verb: &str) -> BTreeSet<String> {
    let mut known = flags(&help(&[verb]));
    for below in verbs(&[verb]) {
        known.extend(flags(&help(&[verb, &below])));
    }
    known.remove("--help");
    known
}

/// What is wrong with the page of a verb.
fn differences(verb: &str, page: &str) -> Vec<String> {
    let (told, known) = (flags(page), known(verb));
    let untold = known.difference(&told).map(|flag| format!("{verb}: {flag} is not on the page"));
    let unknown = told.difference(&known).map(|flag| format!("{verb}: there is no {flag}"));
    untold.chain(unknown).collect()
}

#[test]
fn the_pages_name_the_flags() {
    let folder = project("docs/book/src/verbs");
    let verbs = verbs(&[]);
    let mut wrong = Vec::new();
    for verb in &verbs {
        match std::fs::read_to_string(folder.join(format!("{verb}.md"))) {
            Ok(page) => wrong.extend(differences(verb, &page)),
            Err(why) => wrong.push(format!("{verb}: no page: {why}")),
        }
    }
    for page in std::fs::read_dir(&folder).expect("the book is there") {
        let name = page.expect("it can be read").file_name().to_string_lossy().into_owned();
        if !verbs.iter().any(|verb| name == format!("{verb}.md")) {
            wrong.push(format!("{name} is the page of no verb"));
        }
    }
    assert!(verbs.len() >= 11, "{verbs:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_page_that_differs_is_found() {
    let found = differences("fmt", "```\ntrama fmt FILE [--chekc]\n```\n");
    assert_eq!(found, ["fmt: --check is not on the page", "fmt: there is no --chekc"]);
}
