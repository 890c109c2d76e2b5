//! Licences: ours is there, and those of the crates that we use are in deny.toml's list.

use super::house::{list, text};
use super::{Finding, by_path};
use crate::files::File;
use serde_json::Value;
use std::collections::BTreeSet;

/// Checks LICENSE and the licence of every package in cargo's answer.
pub(super) fn check(files: &[File], metadata: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(deny) = by_path(files, "deny.toml") else {
        return vec![Finding::failure("deny.toml", 0, "is missing")];
    };
    let allowed = allow_list(&deny.text);
    if allowed.is_empty() {
        findings.push(Finding::failure("deny.toml", 0, "allows no licence"));
    }
    for package in list(metadata, "packages") {
        let expression = text(package, "license");
        if !is_allowed(expression, &allowed) {
            let name = text(package, "name");
            let message = format!("{name} has the licence `{expression}`, which is not allowed");
            findings.push(Finding::failure("deny.toml", 0, message));
        }
    }
    findings
}

/// The quoted texts of the `allow = [ … ]` list.
fn allow_list(deny: &str) -> BTreeSet<&str> {
    let Some((_, rest)) = deny.split_once("\nallow = [") else { return BTreeSet::new() };
    let list = rest.split(']').next().unwrap_or("");
    list.split('"').skip(1).step_by(2).collect()
}

/// Whether an SPDX expression can be met with the allowed licences. Parentheses are read as in
/// `(MIT OR Apache-2.0) AND Unicode-3.0`; nothing in use nests them deeper.
fn is_allowed(expression: &str, allowed: &BTreeSet<&str>) -> bool {
    let choice = |text: &str| {
        text.replace('/', " OR ").split(" OR ").any(|all| {
            all.split(" AND ").all(|one| allowed.contains(one.trim_matches(['(', ')', ' '])))
        })
    };
    if expression.contains('(') {
        return conjuncts(expression).iter().all(|part| choice(part));
    }
    choice(expression)
}

/// Splits at each `AND` that stands outside parentheses.
fn conjuncts(expression: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = 0_i32;
    for word in expression.split_whitespace() {
        depth += word.matches('(').count() as i32;
        if word == "AND" && depth == 0 {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(' ');
            part.push_str(word);
        }
        depth -= word.matches(')').count() as i32;
    }
    parts
}

/// LICENSE is the text that the manifests name.
pub(super) fn check_own(root: &std::path::Path) -> Vec<Finding> {
    match std::fs::read_to_string(root.join("LICENSE")) {
        Ok(text) if text.contains("Apache License") && text.contains("Version 2.0") => Vec::new(),
        Ok(_) => vec![Finding::failure("LICENSE", 0, "is not the Apache License, version 2.0")],
        Err(error) => vec![Finding::failure("LICENSE", 0, error.to_string())],
    }
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;
    use serde_json::json;

    const DENY: &str =
        "[licenses]\nallow = [\n  \"MIT\",\n  \"Apache-2.0\",\n  \"Unicode-3.0\",\n]\n";

    fn count(licence: Option<&str>) -> usize {
        let metadata = json!({ "packages": [{ "name": "x", "license": licence }] });
        check(&[file("deny.toml", DENY)], &metadata).len()
    }

    #[test]
    fn allowed_licences_pass() {
        for licence in [
            "MIT",
            "MIT OR Apache-2.0",
            "MIT/Apache-2.0",
            "GPL-2.0 OR MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 AND MIT",
        ] {
            assert_eq!(count(Some(licence)), 0, "{licence}");
        }
    }

    #[test]
    fn other_licences_are_found() {
        for licence in ["EUPL-1.2", "MIT AND GPL-2.0", "(MIT OR GPL-2.0) AND MPL-2.0", ""] {
            assert_eq!(count(Some(licence)), 1, "{licence}");
        }
        assert_eq!(count(None), 1, "no licence is no permission");
        assert_eq!(check(&[], &json!({})).len(), 1, "deny.toml must be there");
        assert_eq!(check_own(std::path::Path::new("no/such/folder")).len(), 1);
        assert_eq!(check_own(&crate::root()), []);
    }
}
