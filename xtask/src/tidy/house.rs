//! The house: which crate may use which, as the table in ARCHITECTURE.md says.

use super::Finding;
use crate::files::File;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const BEGIN: &str = "<!-- dependencies:begin -->";
const END: &str = "<!-- dependencies:end -->";

/// Rows up to this one are pure.
const PURE_ROW_MAX: u32 = 4;

/// Most packages in the graph, our own included.
const PACKAGES_MAX: usize = 250;

/// A line of the table.
#[derive(Debug, Default)]
struct Room {
    line: usize,
    row: u32,
    /// Crates of Trama and others that it may use.
    uses: BTreeSet<String>,
    /// Those that only its tests and benches may use.
    dev_uses: BTreeSet<String>,
}

/// The table of ARCHITECTURE.md, by short crate name.
#[derive(Debug, Default)]
pub(super) struct Table(BTreeMap<String, Room>);

impl Table {
    /// Whether the file is a source of a pure crate.
    pub(super) fn is_pure(&self, path: &str) -> bool {
        let name = path.strip_prefix("crates/").and_then(|rest| rest.split_once("/src/"));
        name.and_then(|(name, _)| self.0.get(name))
            .is_some_and(|room| room.row <= PURE_ROW_MAX && path.ends_with(".rs"))
    }
}

/// Reads the table, whose columns are crate, row, job, crates of Trama, other crates.
pub(super) fn table(file: &File) -> (Table, Vec<Finding>) {
    let mut table = Table::default();
    let mut findings = Vec::new();
    let begin = file.text.lines().position(|line| line.trim() == BEGIN);
    let end = file.text.lines().position(|line| line.trim() == END);
    let (Some(begin), Some(end)) = (begin, end) else {
        findings.push(Finding::failure(&file.path, 0, format!("has no `{BEGIN}` … `{END}`")));
        return (table, findings);
    };
    let lines = file.text.lines().enumerate().take(end).skip(begin + 1);
    for (index, line) in lines.filter(|(_, line)| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        let [name, row, _job, own, others] = cells.as_slice() else {
            findings.push(Finding::failure(&file.path, index + 1, "five columns are wanted"));
            continue;
        };
        let Ok(row) = row.parse() else {
            findings.push(Finding::failure(&file.path, index + 1, "the row is a number"));
            continue;
        };
        let mut room = Room { line: index + 1, row, ..Room::default() };
        for cell in [own, others] {
            let (uses, dev_uses) = cell.split_once("tests:").unwrap_or((cell, ""));
            room.uses.extend(names(uses));
            room.dev_uses.extend(names(dev_uses));
        }
        table.0.insert(name.trim_matches('`').to_owned(), room);
    }
    findings.extend(upward(&table, &file.path));
    (table, findings)
}

/// The names in backquotes.
fn names(cell: &str) -> impl Iterator<Item = String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned)
}

/// Permissions that point down the house.
fn upward(table: &Table, path: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, room) in &table.0 {
        for used in room.uses.iter().filter_map(|used| table.0.get_key_value(used)) {
            if used.1.row > room.row {
                let message = format!("{name} (row {}) may not use {} below it", room.row, used.0);
                findings.push(Finding::failure(path, room.line, message));
            }
        }
    }
    findings
}

/// Compares the dependencies that cargo sees with the table.
pub(super) fn check(table: &Table, metadata: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    for package in list(metadata, "packages") {
        let name = short(text(package, "name"));
        let manifest = format!("crates/{name}/Cargo.toml");
        seen.insert(name.to_owned());
        let Some(room) = table.0.get(name) else {
            let message = "is not in the dependency table of ARCHITECTURE.md";
            findings.push(Finding::failure(&manifest, 0, message));
            continue;
        };
        let mut used = BTreeSet::new();
        for dependency in list(package, "dependencies") {
            let target = short(text(dependency, "name"));
            let dev = text(dependency, "kind") == "dev";
            let allowed = room.uses.contains(target) || (dev && room.dev_uses.contains(target));
            if !allowed {
                let kind = if dev { "tests may" } else { "may" };
                let message =
                    format!("{name} {kind} not use {target}: ARCHITECTURE.md, line {}", room.line);
                findings.push(Finding::failure(&manifest, 0, message));
            }
            used.insert(target.to_owned());
        }
        for idle in room.uses.union(&room.dev_uses).filter(|allowed| !used.contains(*allowed)) {
            let message = format!("{name} may use {idle} but does not");
            findings.push(Finding::warning("ARCHITECTURE.md", room.line, message));
        }
    }
    for (name, room) in table.0.iter().filter(|(name, _)| !seen.contains(*name)) {
        let message = format!("there is no crate {name}");
        findings.push(Finding::failure("ARCHITECTURE.md", room.line, message));
    }
    findings
}

/// Counts the packages of the whole graph.
pub(super) fn ceiling(metadata: &Value) -> Vec<Finding> {
    let count = list(metadata, "packages").len();
    if count <= PACKAGES_MAX {
        return Vec::new();
    }
    let message = format!("{count} packages in the graph; at most {PACKAGES_MAX}");
    vec![Finding::failure("Cargo.lock", 0, message)]
}

/// A list in cargo's answer; empty if it is not there.
pub(super) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A text in cargo's answer; empty if it is not there.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or("")
}

/// `trama-wire` is called `wire` here, and `trama` itself `trama`.
fn short(package: &str) -> &str {
    package.strip_prefix("trama-").unwrap_or(package)
}

#[cfg(test)]
mod tests {
    use super::super::{file, messages};
    use super::*;
    use serde_json::json;

    const TABLE: &str = "# A\n<!-- dependencies:begin -->\n| crate | row | job | own | others |\n\
                         |---|---|---|---|---|\n| `base` | 0 | x | | |\n\
                         | `wire` | 0 | x | `base` | `csv`; tests: `proptest` |\n\
                         | `live` | 5 | x | `wire` | `libc` |\n<!-- dependencies:end -->\n";

    fn metadata(wire: &[(&str, Option<&str>)]) -> Value {
        let dependencies: Vec<Value> =
            wire.iter().map(|(name, kind)| json!({ "name": name, "kind": kind })).collect();
        json!({ "packages": [
            { "name": "trama-base", "dependencies": [] },
            { "name": "trama-wire", "dependencies": dependencies },
            { "name": "trama-live", "dependencies": [{ "name": "trama-wire" },
                                                     { "name": "libc" }] },
        ] })
    }

    fn found(wire: &[(&str, Option<&str>)]) -> Vec<String> {
        let (table, wrong) = table(&file("ARCHITECTURE.md", TABLE));
        assert_eq!(wrong, []);
        messages(&check(&table, &metadata(wire)))
    }

    const ALLOWED: [(&str, Option<&str>); 3] =
        [("trama-base", None), ("csv", None), ("proptest", Some("dev"))];

    #[test]
    fn what_the_table_allows_passes() {
        assert_eq!(found(&ALLOWED), Vec::<String>::new());
        let (table, _) = table(&file("ARCHITECTURE.md", TABLE));
        assert!(table.is_pure("crates/wire/src/a/b.rs"));
        assert!(!table.is_pure("crates/wire/tests/a.rs"));
        assert!(!table.is_pure("crates/live/src/a.rs"));
    }

    #[test]
    fn an_edge_that_is_not_in_the_table_is_found() {
        let with = |extra| [&ALLOWED[..], &[extra]].concat();
        let wrong = "0: wire may not use libc: ARCHITECTURE.md, line 6";
        assert_eq!(found(&with(("libc", None))), [wrong]);
        assert_eq!(found(&with(("trama-live", None))).len(), 1);
        assert_eq!(found(&with(("proptest", None))).len(), 1, "a test crate is for tests only");
        assert_eq!(found(&ALLOWED[..2]), ["6: wire may use proptest but does not"]);
    }

    #[test]
    fn a_crate_without_a_row_and_a_row_without_a_crate_are_found() {
        let (table, _) = table(&file("ARCHITECTURE.md", TABLE));
        let other = json!({ "packages": [{ "name": "trama-x", "dependencies": [] }] });
        assert_eq!(check(&table, &other).len(), 1 + 3);
    }

    #[test]
    fn a_malformed_table_is_found() {
        let wrong = |text: &str| table(&file("ARCHITECTURE.md", text)).1.len();
        assert_eq!(wrong("# no table\n"), 1);
        assert_eq!(wrong(&TABLE.replace("| 5 |", "| five |")), 1);
        assert_eq!(wrong(&TABLE.replace("| `wire` | 0 | x |", "| `wire` | 0 |")), 1);
        assert_eq!(wrong(&TABLE.replace("`csv`;", "`live`;")), 1, "a row may not use a lower one");
    }

    #[test]
    fn too_many_packages_are_found() {
        let packages = |count: usize| json!({ "packages": vec![json!({}); count] });
        assert_eq!(ceiling(&packages(PACKAGES_MAX)), []);
        assert_eq!(ceiling(&packages(PACKAGES_MAX + 1)).len(), 1);
    }
}
