//! Rows 0 to 4 have no clock, no thread, no socket and no file: their hosts do.
//!
//! That is what lets one program run live, on a model and in a simulation. Tests are exempt.

use super::Finding;
use super::layers::Layers;
use super::source::has_word;
use crate::files::File;

/// Paths that a pure crate does not mention, with what it uses instead.
const BANNED: [(&str, &str); 9] = [
    ("std::net", "addresses are in `core::net`, sockets in `live`"),
    ("std::fs", "the host passes readers and contents"),
    ("std::thread", "the host has the threads"),
    ("std::process", "only hosts start processes and choose exit codes"),
    ("time::Instant", "the host gives the time"),
    ("time::SystemTime", "the host gives the time"),
    ("libc", "system calls are in `live`"),
    ("nix", "system calls are in `live`"),
    ("tokio", "nothing waits in a pure crate"),
];

/// Checks a file of a pure crate.
pub(super) fn check(file: &File) -> Vec<Finding> {
    if is_test(&file.path) {
        return Vec::new();
    }
    let layers = Layers::of(&file.text);
    let code = without_tests(&layers.code);
    let mut findings = Vec::new();
    let mut fail = |line: usize, path: &str, instead: &str| {
        let finding = Finding::failure(&file.path, line, format!("`{path}` is impure: {instead}"));
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    };
    for (line, path) in imports(code) {
        for (banned, instead) in BANNED {
            if imports_path(&path, banned) {
                fail(line, banned, instead);
            }
        }
    }
    for (index, line) in code.lines().enumerate() {
        for (banned, instead) in BANNED {
            if mentions(line, banned) {
                fail(index + 1, banned, instead);
            }
        }
    }
    findings
}

fn is_test(path: &str) -> bool {
    let exempt = ["/tests/", "/benches/", "/examples/"];
    exempt.iter().any(|part| path.contains(part))
        || path.ends_with("/tests.rs")
        || path.ends_with("/build.rs")
}

/// The code in front of the first inline test module; those come last in a file.
fn without_tests(code: &str) -> &str {
    let tests = code
        .match_indices("#[cfg(test)]")
        .find(|(at, mark)| code[at + mark.len()..].trim_start().starts_with("mod "));
    match tests {
        Some((at, _)) if code[at..].contains('{') => &code[..at],
        _ => code,
    }
}

/// Whether a line of code mentions a path; one word alone counts as the start of a longer path.
fn mentions(line: &str, banned: &str) -> bool {
    if banned.contains("::") {
        return has_word(line, banned);
    }
    line.match_indices(&format!("{banned}::"))
        .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'))
}

/// Whether an import brings in a path or something below it.
fn imports_path(import: &str, banned: &str) -> bool {
    if banned.contains("::") {
        return has_word(import, banned);
    }
    import.strip_prefix(banned).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Line and full path of everything that `use` brings in.
fn imports(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("use ") {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &code[at + 4..];
        let Some(end) = rest.find(';') else { continue };
        let mut paths = Vec::new();
        expand(&rest[..end], "", &mut paths);
        let line = 1 + code[..at].matches('\n').count();
        found.extend(paths.into_iter().map(|path| (line, path)));
    }
    found
}

/// The paths of a use tree: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn expand(tree: &str, prefix: &str, paths: &mut Vec<String>) {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        let path = tree.split_whitespace().next().unwrap_or("");
        paths.push(format!("{prefix}{path}"));
        return;
    };
    let prefix = format!("{prefix}{}", &tree[..open]);
    let inner = tree[open + 1..].strip_suffix('}').unwrap_or(&tree[open + 1..]);
    let (mut depth, mut start) = (0_i32, 0);
    for (at, c) in inner.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                expand(&inner[start..at], &prefix, paths);
                start = at + 1;
            }
            _ => {}
        }
    }
    expand(&inner[start..], &prefix, paths);
}

#[cfg(test)]
mod tests {
    use super::super::{file, messages};
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        let found = messages(&check(&file("crates/wire/src/a.rs", text)));
        found
            .iter()
            .filter_map(|message| message.split_once(" is impure"))
            .map(|m| m.0.into())
            .collect()
    }

    #[test]
    fn impurity_is_found_however_it_is_spelt() {
        assert_eq!(lines("use std::fs;\n"), ["1: `std::fs`"]);
        assert_eq!(
            lines("//! X.\nuse std::{fmt, io, net::{IpAddr, TcpStream}};\n"),
            ["2: `std::net`"]
        );
        assert_eq!(lines("use std::time::{Duration, Instant as I};\n"), ["1: `time::Instant`"]);
        assert_eq!(lines("fn f() { std::thread::yield_now(); }\n"), ["1: `std::thread`"]);
        assert_eq!(
            lines("use std::time;\nfn f() { time::Instant::now(); }\n"),
            ["2: `time::Instant`"]
        );
        assert_eq!(lines("fn f(t: std::time::Instant) {}\n"), ["1: `time::Instant`"]);
        assert_eq!(lines("fn f() { libc::getpid(); }\n"), ["1: `libc`"]);
        assert_eq!(lines("pub use tokio;\nuse nix::sched;\n"), ["1: `tokio`", "2: `nix`"]);
    }

    #[test]
    fn purity_is_not_mistaken() {
        let pure = "//! std::fs is not used.\nuse core::net::Ipv4Addr;\nuse std::io::Read;\n\
                    use crate::unix::libcurl;\n\
                    fn f() { let s = \"std::fs::read\"; self.libc(); }\n";
        assert_eq!(lines(pure), Vec::<String>::new());
        let test = "fn f() {}\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n";
        assert_eq!(lines(test), Vec::<String>::new());
        let late = "#[cfg(test)]\nmod tests;\nuse std::fs;\n";
        assert_eq!(lines(late), ["3: `std::fs`"]);
        assert_eq!(check(&file("crates/wire/tests/a.rs", "use std::fs;\n")), []);
    }
}
