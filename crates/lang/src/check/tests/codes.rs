//! The examples of the codes.

use super::{check_with, messages_with};
use crate::check::codes;
use crate::files::Files;
use std::collections::BTreeSet;

/// The files that the examples of tables name.
struct Folder;

impl Files for Folder {
    fn read(&self, _from: &str, path: &str) -> Result<(String, String), String> {
        let text = match path {
            "hosts.csv" => "address,port\n10.0.0.1,80\n",
            "wrong.csv" => "address,prot\n10.0.0.1,80\n",
            _ => return Err(format!("there is no `{path}`")),
        };
        Ok((path.into(), text.into()))
    }
}

#[test]
fn bad_examples_give_their_message_and_no_other() {
    let mut wrong = String::new();
    for doc in codes::all() {
        let (_, checked) = check_with(doc.bad, &Folder);
        let found: Vec<_> = checked.diagnostics.iter().map(|d| d.code).collect();
        if found != [doc.code] {
            wrong += &format!("{} gave {found:?}:\n{}", doc.code, messages_with(doc.bad, &Folder));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn good_examples_give_none() {
    let mut wrong = String::new();
    for doc in codes::all() {
        let found = messages_with(doc.good, &Folder);
        if !found.is_empty() {
            wrong += &format!("{}:\n{found}", doc.code);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn suggested_edits_do_not_add_mistakes() {
    for doc in codes::all() {
        let (_, checked) = check_with(doc.bad, &Folder);
        for diagnostic in checked.diagnostics {
            let Some((span, text)) = diagnostic.patch else { continue };
            let mut patched = doc.bad.to_owned();
            patched.replace_range(span.start as usize..span.end as usize, &text);
            let found = messages_with(&patched, &Folder);
            assert!(!found.contains(doc.code), "{}:\n{patched}\n{found}", doc.code);
        }
    }
}

#[test]
fn codes_are_sorted_within_their_families_and_documented_once() {
    let codes: Vec<_> = codes::all().map(|doc| doc.code).collect();
    let distinct: BTreeSet<_> = codes.iter().collect();
    assert_eq!(distinct.len(), codes.len());
    assert!(codes::explain("E0301").is_some());
    assert!(codes::explain("E9999").is_none());
}

/// Every code that the checker's sources mention is documented, and the other way round.
#[test]
fn codes_in_the_source_are_those_of_the_table() {
    let mut used = BTreeSet::new();
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    used.extend(codes_in(&std::fs::read_to_string(source.join("compile.rs")).unwrap()));
    let mut folders = vec![source.join("check"), source.join("expand")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !matches!(&*name, "codes" | "tests") {
                folders.push(path);
            } else if name.ends_with(".rs") {
                used.extend(codes_in(&std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let documented: BTreeSet<String> = codes::all().map(|doc| doc.code.to_owned()).collect();
    assert_eq!(used, documented);
}

/// String literals of the shape of a code.
fn codes_in(text: &str) -> Vec<String> {
    let is_code = |word: &&str| {
        word.len() == 5
            && word.starts_with(['E', 'W'])
            && word[1..].bytes().all(|b| b.is_ascii_digit())
    };
    text.split('"').filter(is_code).map(str::to_owned).collect()
}
