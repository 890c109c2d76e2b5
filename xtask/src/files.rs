//! The text files of the workspace, as tidy and codegen see them.

use std::fs;
use std::io;
use std::path::Path;

/// A text file of the workspace.
#[derive(Debug, Clone)]
pub(crate) struct File {
    /// Path from the workspace's root, with `/`.
    pub(crate) path: String,
    /// What it says.
    pub(crate) text: String,
}

/// Folders that hold nothing of ours.
const SKIPPED_FOLDERS: [&str; 4] = ["target", "out", ".git", "book/book"];

/// File names and endings that are text.
const TEXT_ENDINGS: [&str; 10] =
    [".rs", ".md", ".toml", ".trama", ".txt", ".csv", ".tsv", ".yaml", ".ci/run", ".gitignore"];

/// Reads all text files below `root`, sorted by path.
pub(crate) fn all(root: &Path) -> io::Result<Vec<File>> {
    let mut files = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            let kind = entry.file_type()?;
            if kind.is_dir() && !is_skipped(&path) {
                folders.push(path);
            } else if kind.is_file() && TEXT_ENDINGS.iter().any(|ending| path.ends_with(ending)) {
                let bytes = fs::read(entry.path())?;
                files.push(File { path, text: String::from_utf8_lossy(&bytes).into_owned() });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn is_skipped(path: &str) -> bool {
    SKIPPED_FOLDERS.iter().any(|skipped| path == *skipped || path.ends_with(&format!("/{skipped}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_source_is_found_and_build_output_is_not() {
        let files = all(&crate::root()).expect("the workspace can be read");
        assert!(files.iter().any(|file| file.path == "xtask/src/files.rs"));
        assert!(files.iter().all(|file| !file.path.starts_with("target/")));
        assert!(is_skipped("docs/book/book") && is_skipped("crates/x/target"));
        assert!(!is_skipped("docs/book"));
    }
}
