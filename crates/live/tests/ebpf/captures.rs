//! Recorded frames.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use trama_wire::capture::Reader;

/// Frames of each file.
const FRAMES: usize = 200;

/// Our own captures, and those beside the checkout or where `TRAMA_CAPTURES` says.
pub(crate) fn all() -> Vec<PathBuf> {
    let own = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/captures"));
    let usual = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/captures");
    let others = PathBuf::from(std::env::var("TRAMA_CAPTURES").unwrap_or(usual.into()));
    let mut found = Vec::new();
    for folder in [own, others] {
        let Ok(entries) = folder.read_dir() else {
            crate::clang::skip(&format!("no captures at {}", folder.display()));
            continue;
        };
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        found.extend(paths.filter(|path| {
            path.extension().is_some_and(|e| e == "pcap" || e == "pcapng" || e == "cap")
        }));
    }
    found.sort();
    found
}

/// The first frames of a file, whatever its link type: to a program, bytes are bytes.
pub(crate) fn frames(path: &Path) -> Vec<Vec<u8>> {
    let file = BufReader::new(File::open(path).expect("the file is there"));
    let Ok(mut reader) = Reader::new(file) else { return Vec::new() };
    let mut frames = Vec::new();
    while let Ok(Some(record)) = reader.next() {
        frames.push(record.data.to_vec());
        if frames.len() == FRAMES {
            break;
        }
    }
    frames
}
