//! Checks of documents: links lead somewhere, examples exist, the book lists its pages.

use super::{Finding, by_path};
use crate::files::File;

const README_LINES_MAX: usize = 150;
const BOOK: &str = "docs/book/src/";
const SUMMARY: &str = "docs/book/src/SUMMARY.md";

/// Documents that stand at the root.
const REQUIRED: [&str; 4] = ["README.md", "CONTRIBUTING.md", "STYLE.md", "CHANGELOG.md"];

/// Checks all documents against all files.
pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = REQUIRED
        .iter()
        .filter(|path| by_path(files, path).is_none())
        .map(|path| Finding::failure(path, 0, "is missing"))
        .collect();
    for file in files.iter().filter(|file| file.path.ends_with(".md")) {
        check_document(file, files, &mut findings);
    }
    check_book(files, &mut findings);
    findings
}

fn check_document(file: &File, files: &[File], findings: &mut Vec<Finding>) {
    let lines = file.text.lines().count();
    if file.path == "README.md" && lines > README_LINES_MAX {
        let message = format!("{lines} lines; at most {README_LINES_MAX}");
        findings.push(Finding::failure(&file.path, 0, message));
    }
    let mut fenced = false;
    for (index, line) in file.text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        for example in examples(line).filter(|example| !exists(example, files)) {
            let message = format!("there is no {example}");
            findings.push(Finding::failure(&file.path, index + 1, message));
        }
        if fenced {
            continue;
        }
        for target in links(line) {
            let path = resolve(&file.path, target);
            if !exists(&path, files) {
                let message = format!("the link to {target} leads nowhere ({path})");
                findings.push(Finding::failure(&file.path, index + 1, message));
            }
        }
    }
}

/// Paths of programs under `examples/` that a line mentions.
fn examples(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && !"/._-".contains(c))
        .filter(|word| word.starts_with("examples/") && word.ends_with(".trama"))
}

/// Targets of the links in a line that lead into the repository.
fn links(line: &str) -> impl Iterator<Item = &str> {
    // Code spans do not contain links.
    let prose = line.split('`').step_by(2);
    prose.flat_map(|text| text.split("](").skip(1)).filter_map(|rest| {
        let target = rest.split(')').next()?.split(['#', ' ']).next()?;
        let outside = target.contains("://") || target.starts_with("mailto:");
        (!target.is_empty() && !outside).then_some(target)
    })
}

/// The path from the root of a link in the document at `from`.
fn resolve(from: &str, target: &str) -> String {
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

/// Whether there is such a file or a folder with files.
fn exists(path: &str, files: &[File]) -> bool {
    // LICENSE is checked by itself and has no ending that makes it a text file.
    path == "LICENSE"
        || files.iter().any(|file| {
            file.path
                .strip_prefix(path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
}

/// Every page of the book is in its table of contents.
fn check_book(files: &[File], findings: &mut Vec<Finding>) {
    let Some(summary) = by_path(files, SUMMARY) else {
        findings.push(Finding::failure(SUMMARY, 0, "is missing"));
        return;
    };
    let listed: Vec<String> =
        summary.text.lines().flat_map(links).map(|target| resolve(SUMMARY, target)).collect();
    let pages = files.iter().filter(|file| {
        file.path.starts_with(BOOK) && file.path.ends_with(".md") && file.path != SUMMARY
    });
    for page in pages.filter(|page| !listed.contains(&page.path)) {
        findings.push(Finding::failure(&page.path, 0, "is not in the book's SUMMARY.md"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::{file, messages};
    use super::*;

    fn workspace(extra: &[(&str, &str)]) -> Vec<File> {
        let base = [
            ("README.md", "Run `examples/edge.trama`, see [the style](STYLE.md#files).\n"),
            ("CONTRIBUTING.md", "[home](./README.md) [web](https://a.b/c) [top](#top)\n"),
            ("STYLE.md", "[licence](LICENSE) [crates](crates/x)\n```\n[no](link)\n```\n"),
            ("CHANGELOG.md", "`[a](b)`\n"),
            ("examples/edge.trama", "// x\n"),
            ("crates/x/src/lib.rs", "//! X.\n"),
            ("docs/book/src/SUMMARY.md", "- [A](a.md)\n- [Draft]()\n"),
            ("docs/book/src/a.md", "[up](../../../README.md)\n"),
        ];
        let kept = base.iter().filter(|(path, _)| extra.iter().all(|(other, _)| other != path));
        kept.chain(extra).map(|(path, text)| file(path, text)).collect()
    }

    fn found(extra: &[(&str, &str)]) -> Vec<String> {
        messages(&check(&workspace(extra)))
    }

    #[test]
    fn good_documents_pass() {
        assert_eq!(found(&[]), Vec::<String>::new());
    }

    #[test]
    fn broken_documents_are_found() {
        let broken = [("CHANGELOG.md", "x\n[a](docs/nothing.md)\n")];
        assert_eq!(
            found(&broken),
            ["2: the link to docs/nothing.md leads nowhere (docs/nothing.md)"]
        );
        let gone = [("CHANGELOG.md", "```\ntrama run examples/gone.trama\n```\n")];
        assert_eq!(found(&gone), ["2: there is no examples/gone.trama"]);
        let long = "x\n".repeat(151);
        assert_eq!(found(&[("README.md", &long)]), ["0: 151 lines; at most 150"]);
        let dead = [("docs/book/src/dead.md", "x\n")];
        assert_eq!(found(&dead), ["0: is not in the book's SUMMARY.md"]);
        assert_eq!(check(&[]).len(), REQUIRED.len() + 1);
    }
}
