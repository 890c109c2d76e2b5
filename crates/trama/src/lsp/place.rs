//! File names as the protocol writes them, and a folder for texts that are in no file: the sources
//! of the library and the pages of error codes.

use std::path::{Path, PathBuf};
use trama_lang::doc;
use trama_lang::library;

/// The path of a `file:` URI.
pub(super) fn path_of(uri: &str) -> Option<PathBuf> {
    let rest = uri.strip_prefix("file://")?;
    // A host may stand before the path; it is this machine.
    let path = &rest[rest.find('/')?..];
    let bytes = path.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digits = bytes.get(at + 1..at + 3).filter(|_| byte == b'%');
        let value = digits
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(value.unwrap_or(byte));
        at += if value.is_some() { 3 } else { 1 };
    }
    String::from_utf8(decoded).ok().map(PathBuf::from)
}

/// The `file:` URI of a path.
pub(super) fn uri_of(path: &Path) -> String {
    let path = if path.is_absolute() {
        path.to_path_buf()
    } else {
        std::env::current_dir().unwrap_or_default().join(path)
    };
    let mut uri = String::from("file://");
    for byte in path.to_string_lossy().bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
                uri.push(char::from(byte));
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

/// Where texts of this version may be kept for the user; none without a home.
fn cache() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let cache = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(cache.join("trama").join(env!("CARGO_PKG_VERSION")))
}

/// A file in the cache with this text.
fn kept(folder: &str, name: &str, text: &str) -> Option<PathBuf> {
    let folder = cache()?.join(folder);
    let path = folder.join(name);
    if std::fs::read_to_string(&path).is_ok_and(|old| old == text) {
        return Some(path);
    }
    std::fs::create_dir_all(&folder).ok()?;
    // Another server may write the same: each writes beside it first.
    let temporary = folder.join(format!("{name}.{}", std::process::id()));
    std::fs::write(&temporary, text).and_then(|()| std::fs::rename(&temporary, &path)).ok()?;
    Some(path)
}

/// A file with the text of a library file that messages call `name`.
pub(super) fn library_file(name: &str) -> Option<PathBuf> {
    let (short, text) =
        library::FILES.iter().find(|(short, _)| library::file_name(short) == name)?;
    kept("library", &format!("{short}.trama"), text)
}

/// A file with the page of an error code.
pub(super) fn code_page(code: &str) -> Option<PathBuf> {
    let page = doc::code(code)?;
    kept("codes", &format!("{code}.md"), &page.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_survive_the_way_there_and_back() {
        for path in ["/a/b.trama", "/a b/é%41.trama", "/a?b#c"] {
            assert_eq!(path_of(&uri_of(Path::new(path))), Some(PathBuf::from(path)));
        }
        assert_eq!(path_of("file://host/a%20b"), Some(PathBuf::from("/a b")));
        assert_eq!(path_of("file:///a%zz%4"), Some(PathBuf::from("/a%zz%4")));
        assert_eq!(path_of("untitled:Untitled-1"), None);
        assert_eq!(path_of("file://"), None);
        assert_eq!(path_of("file:///%ff"), None);
    }
}
