//! The note about a lab in `/run/trama/lab/NAME.json`: enough to take it down after a crash.

use crate::LabError;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Where the notes are.
pub(crate) const DIR: &str = "/run/trama/lab";

/// What is known about a lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Name of its topology.
    pub(crate) topology: String,
    /// The names of its namespaces, as they are bound.
    pub(crate) namespaces: Vec<String>,
    /// The process whose death makes the lab a leftover: its owner, or its builder while it is
    /// being built. A lab that is to stay has none.
    pub(crate) owner: Option<Owner>,
}

/// A process, told apart from a later one with the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Owner {
    pid: u32,
    /// When it started, in clock ticks since boot.
    started: u64,
}

impl Owner {
    pub(crate) fn this_process() -> Self {
        let pid = std::process::id();
        Self { pid, started: start_of(pid).unwrap_or(0) }
    }

    pub(crate) fn is_alive(self) -> bool {
        start_of(self.pid) == Some(self.started)
    }
}

/// When a process started: field 22 of its `stat`, counted behind the name in parentheses, which
/// may contain anything.
fn start_of(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(19)?.parse().ok()
}

impl Record {
    /// Whether nobody needs the lab any more.
    pub(crate) fn is_leftover(&self) -> bool {
        self.owner.is_some_and(|owner| !owner.is_alive())
    }

    /// Writes the note, all of it or nothing.
    pub(crate) fn save(&self, lab: &str) -> Result<(), LabError> {
        let (path, draft) = (path_of(lab), Path::new(DIR).join(format!(".{lab}.draft")));
        let text = serde_json::to_string_pretty(self).expect("strings and numbers serialise");
        std::fs::create_dir_all(DIR)
            .and_then(|()| std::fs::write(&draft, text))
            .and_then(|()| std::fs::rename(&draft, &path))
            .map_err(|source| LabError::File { path, source })
    }

    /// Reads the note about a lab; none if there is no such lab. A note that cannot be understood
    /// is a leftover.
    pub(crate) fn load(lab: &str) -> Option<Self> {
        let text = std::fs::read_to_string(path_of(lab)).ok()?;
        Some(serde_json::from_str(&text).unwrap_or(Self {
            topology: "unknown".into(),
            namespaces: Vec::new(),
            owner: Some(Owner { pid: 0, started: 1 }),
        }))
    }

    /// Forgets a lab.
    pub(crate) fn remove(lab: &str) -> Result<(), LabError> {
        let path = path_of(lab);
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(LabError::File { path, source })
            }
            _ => Ok(()),
        }
    }

    /// The names of all labs with a note, sorted.
    pub(crate) fn names() -> Vec<String> {
        let files = std::fs::read_dir(DIR).into_iter().flatten().flatten();
        let mut names: Vec<String> = files
            .filter_map(|file| {
                let name = file.file_name().into_string().ok()?;
                name.strip_suffix(".json").map(Into::into)
            })
            .collect();
        names.sort();
        names
    }
}

fn path_of(lab: &str) -> PathBuf {
    Path::new(DIR).join(format!("{lab}.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_told_from_a_later_one_with_its_number() {
        let me = Owner::this_process();
        assert!(me.is_alive());
        assert!(!Owner { started: me.started + 1, ..me }.is_alive());
        assert!(!Owner { pid: u32::MAX, started: 0 }.is_alive());
    }

    #[test]
    fn a_record_survives_its_text() {
        let record = Record {
            topology: "pair".into(),
            namespaces: vec!["trama-x-a".into()],
            owner: Some(Owner::this_process()),
        };
        let text = serde_json::to_string(&record).expect("it serialises");
        assert_eq!(serde_json::from_str::<Record>(&text).expect("it was just written"), record);
        assert!(!record.is_leftover());
        assert!(!Record { owner: None, ..record }.is_leftover());
    }
}
