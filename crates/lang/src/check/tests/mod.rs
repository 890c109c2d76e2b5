//! Tests of the checker: messages, examples of all codes, lowered programs in the interpreter,
//! mutated programs.

mod bytes;
mod codes;
mod messages;
mod mutation;
mod run;

use crate::compile::{Checked, Options, Unit};
use crate::files::{Files, NoFiles};
use std::fmt::Write;

/// Checks a program that is one piece of text.
fn check_with(text: &str, files: &dyn Files) -> (Unit, Checked) {
    let mut unit = Unit::parse("test.trama", text, files);
    let checked = unit.check(&Options::default(), files);
    (unit, checked)
}

/// All messages about a program: code, place and sentence, then the label at the place.
fn messages(text: &str) -> String {
    messages_with(text, &NoFiles)
}

fn messages_with(text: &str, files: &dyn Files) -> String {
    let (unit, checked) = check_with(text, files);
    let mut out = String::new();
    for d in &checked.diagnostics {
        let (line, column) = unit.sources.line_column(d.label.0);
        let at = &unit.sources.files[d.label.0.file as usize].name;
        let at = if at == "test.trama" { String::new() } else { format!("{at}:") };
        let _ =
            writeln!(out, "{} {at}{line}:{column} {}\n      ^ {}", d.code, d.message, d.label.1);
    }
    out
}
