//! Generated files: made from data in the repository, committed, and checked to be fresh.
//!
//! `crates/atlas/systems.txt` becomes the table of the `atlas` crate and a page of the book. The
//! programs of the library, the table of headers and the codes of messages become a page each; the
//! words of the language become files that the grammars of editors read.

mod atlas;
mod codes;
mod headers;
mod library;
mod words;

use crate::files::File;
use std::fs;
use std::path::Path;

/// Writes what is stale and says so. False if a source is malformed or a file cannot be written.
pub(crate) fn write(root: &Path) -> bool {
    let stale = match stale(root) {
        Ok(stale) => stale,
        Err(message) => {
            eprintln!("codegen: {message}");
            return false;
        }
    };
    for file in &stale {
        let path = root.join(&file.path);
        let made = path.parent().map_or(Ok(()), fs::create_dir_all);
        if let Err(error) = made.and_then(|()| fs::write(&path, &file.text)) {
            eprintln!("codegen: {}: {error}", file.path);
            return false;
        }
        println!("codegen: wrote {}", file.path);
    }
    if stale.is_empty() {
        println!("codegen: everything is fresh");
    }
    true
}

/// Tells which generated files differ from what [`write()`] would write. False if any does.
pub(crate) fn check(root: &Path) -> bool {
    match stale(root) {
        Ok(stale) if stale.is_empty() => {
            println!("codegen: everything is fresh");
            true
        }
        Ok(stale) => {
            for file in stale {
                eprintln!("codegen: {} is stale; run `cargo xtask codegen`", file.path);
            }
            false
        }
        Err(message) => {
            eprintln!("codegen: {message}");
            false
        }
    }
}

/// The generated files that are not as they should be, as they should be.
pub(crate) fn stale(root: &Path) -> Result<Vec<File>, String> {
    let source = "crates/atlas/systems.txt";
    let text = read(root, source)?;
    let systems = atlas::parse(&text).map_err(|message| format!("{source}:{message}"))?;
    let source = "crates/wire/src/header.rs";
    let text = read(root, source)?;
    let headers = headers::parse(&text).map_err(|message| format!("{source}:{message}"))?;
    let library = library::page(&folder(root, "crates/lang/library", ".trama")?)?;
    let mut codes = folder(root, "crates/lang/src/check/codes", ".rs")?;
    for path in ["crates/lang/src/syntax/codes.rs", "crates/lang/src/filter/codes.rs"] {
        codes.push(File { path: path.into(), text: read(root, path)? });
    }
    let codes = codes::page(&codes)?;
    let source = "crates/lang/src/syntax/token.rs";
    let tokens = read(root, source)?;
    let words = words::words(&tokens).map_err(|message| format!("{source}:{message}"))?;
    let colours = words::text_mate(&tokens).map_err(|message| format!("{source}:{message}"))?;
    let wanted = [
        File { path: "editors/tree-sitter-trama/words.json".into(), text: words },
        File { path: "editors/vscode/syntaxes/trama.tmLanguage.json".into(), text: colours },
        File { path: "crates/atlas/src/systems.rs".into(), text: atlas::rust(&systems) },
        File { path: "docs/book/src/atlas.md".into(), text: atlas::page(&systems) },
        File { path: "docs/book/src/language/headers.md".into(), text: headers::page(&headers) },
        File { path: "docs/book/src/library.md".into(), text: library },
        File { path: "docs/book/src/codes.md".into(), text: codes },
    ];
    let differs = |file: &File| {
        fs::read_to_string(root.join(&file.path)).ok().as_deref() != Some(file.text.as_str())
    };
    Ok(wanted.into_iter().filter(differs).collect())
}

fn read(root: &Path, path: &str) -> Result<String, String> {
    fs::read_to_string(root.join(path)).map_err(|error| format!("{path}: {error}"))
}

/// The files of a folder with this ending, sorted by name.
fn folder(root: &Path, folder: &str, ending: &str) -> Result<Vec<File>, String> {
    let entries = fs::read_dir(root.join(folder)).map_err(|error| format!("{folder}: {error}"))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| format!("{folder}: {error}"))?;
        names.extend(entry.file_name().into_string().ok().filter(|n| n.ends_with(ending)));
    }
    names.sort();
    let file = |name: String| {
        let path = format!("{folder}/{name}");
        read(root, &path).map(|text| File { path, text })
    };
    names.into_iter().map(file).collect()
}
