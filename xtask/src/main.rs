//! Chores of the workspace: `cargo xtask ci | tidy | codegen [--check] | fuzz`.
//!
//! Only the standard library and `serde_json`, so that the first chore starts within seconds.
#![forbid(unsafe_code)]

mod ci;
mod codegen;
mod files;
mod fuzz;
mod tidy;

use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask COMMAND

  ci                 everything that must pass: format, lints, structure, tests, demo, exhibits
  tidy               the structure of the workspace: dependencies, sources, documents
  codegen [--check]  writes the generated files, or tells which of them are stale
  fuzz smoke         every fuzz target for seconds, and whether each finds its planted fault
  fuzz TARGET S      one of them for S seconds";

/// Exit code for a command line that makes no sense, as in the trama binary.
const USAGE_ERROR: u8 = 2;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = root();
    let ok = match words.as_slice() {
        ["ci"] => ci::run(&root),
        ["tidy"] => tidy::run(&root),
        ["codegen"] => codegen::write(&root),
        ["codegen", "--check"] => codegen::check(&root),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            true
        }
        ["fuzz", rest @ ..] => match fuzz::run(&root, rest) {
            Some(passed) => passed,
            None => {
                eprintln!("{USAGE}");
                return ExitCode::from(USAGE_ERROR);
            }
        },
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(USAGE_ERROR);
        }
    };
    if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The workspace's folder: the one above this crate's.
fn root() -> PathBuf {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    own.parent().expect("xtask lies in the workspace").to_path_buf()
}
