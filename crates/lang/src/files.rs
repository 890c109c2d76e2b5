//! Where a program's other files come from. The language does no I/O: its host gives it text.

/// Gives the text of files that a program names: imports and tables.
pub trait Files {
    /// The text of `path`, which the source file called `from` names. Returns the name under which
    /// messages shall speak of the file, and its text; or a sentence that says why not.
    fn read(&self, from: &str, path: &str) -> Result<(String, String), String>;
}

/// No files at all: for programs that are one piece of text.
#[derive(Debug, Default)]
pub struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _from: &str, path: &str) -> Result<(String, String), String> {
        Err(format!("`{path}` cannot be read here: the program is not in a file"))
    }
}
