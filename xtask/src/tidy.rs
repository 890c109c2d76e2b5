//! The structure of the workspace, checked: what ARCHITECTURE.md and STYLE.md promise is true.
//!
//! Each check is a function from text to [`Finding`]s, so each has a test with a bad snippet that
//! must be found. Only [`run`] reads files and starts `cargo metadata`.

mod documents;
mod house;
mod layers;
mod licences;
mod purity;
mod source;

use crate::files::{self, File};
use serde_json::Value;
use std::fmt;
use std::path::Path;
use std::process::Command;

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Path from the workspace's root.
    path: String,
    /// Line, from 1; 0 for the file as a whole.
    line: usize,
    /// Whether it is only to be considered.
    warning: bool,
    /// What it is.
    message: String,
}

impl Finding {
    fn failure(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.into(), line, warning: false, message: message.into() }
    }

    fn warning(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { warning: true, ..Self::failure(path, line, message) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = if self.warning { "warning" } else { "error" };
        let Self { path, line, message, .. } = self;
        match line {
            0 => write!(f, "{level}: {path}: {message}"),
            _ => write!(f, "{level}: {path}:{line}: {message}"),
        }
    }
}

/// Runs all checks and prints what they find. False if anything fails.
pub(crate) fn run(root: &Path) -> bool {
    let findings = match find(root) {
        Ok(findings) => findings,
        Err(message) => {
            eprintln!("tidy: {message}");
            return false;
        }
    };
    for finding in &findings {
        eprintln!("{finding}");
    }
    let warnings = findings.iter().filter(|finding| finding.warning).count();
    let failures = findings.len() - warnings;
    println!("tidy: {failures} errors, {warnings} warnings");
    failures == 0
}

fn find(root: &Path) -> Result<Vec<Finding>, String> {
    let files = files::all(root).map_err(|error| format!("{}: {error}", root.display()))?;
    let own = metadata(root, &["--no-deps"])?;
    let whole = metadata(root, &["--filter-platform", "x86_64-unknown-linux-gnu"])?;

    let mut findings = Vec::new();
    match files.iter().find(|file| file.path == "ARCHITECTURE.md") {
        Some(architecture) => {
            let (table, wrong) = house::table(architecture);
            findings.extend(wrong);
            findings.extend(house::check(&table, &own));
            for file in files.iter().filter(|file| table.is_pure(&file.path)) {
                findings.extend(purity::check(file));
            }
        }
        None => findings.push(Finding::failure("ARCHITECTURE.md", 0, "is missing")),
    }
    findings.extend(house::ceiling(&whole));
    findings.extend(licences::check_own(root));
    findings.extend(licences::check(&files, &whole));
    findings.extend(documents::check(&files));
    for file in &files {
        findings.extend(source::check_text(file));
        if file.path.ends_with(".rs") {
            findings.extend(source::check_rust(file));
        }
    }
    for stale in crate::codegen::stale(root)? {
        findings.push(Finding::failure(&stale.path, 0, "is stale; run `cargo xtask codegen`"));
    }
    Ok(findings)
}

/// What cargo says of the workspace.
fn metadata(root: &Path, options: &[&str]) -> Result<Value, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked"])
        .args(options)
        .current_dir(root)
        .output()
        .map_err(|error| format!("cargo metadata: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr)));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata: {error}"))
}

/// A file made up for a test.
#[cfg(test)]
fn file(path: &str, text: &str) -> File {
    File { path: path.into(), text: text.into() }
}

/// The messages of findings, for tests.
#[cfg(test)]
fn messages(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|finding| format!("{}: {}", finding.line, finding.message)).collect()
}

/// The file with that path.
fn by_path<'a>(files: &'a [File], path: &str) -> Option<&'a File> {
    files.iter().find(|file| file.path == path)
}
