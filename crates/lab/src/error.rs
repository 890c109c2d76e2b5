//! What can go wrong with a lab.

use std::path::PathBuf;
use trama_live::sys::SysError;

/// Why a lab cannot be brought up, used or taken down.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabError {
    /// A name that cannot be part of a namespace's name.
    #[error("`{0}` is no name for a lab: 1 to 16 lower-case letters and digits")]
    Name(String),
    /// There is a lab of this name, and it is in use.
    #[error("lab `{0}` is up; take it down first")]
    Exists(String),
    /// There is no lab of this name.
    #[error("there is no lab `{0}`")]
    NoLab(String),
    /// The topology has no node of this name.
    #[error("lab `{lab}` has no node `{node}`; there are: {}", nodes.join(", "))]
    NoNode {
        /// The lab.
        lab: String,
        /// The name that was asked for.
        node: String,
        /// Its nodes.
        nodes: Vec<String>,
    },
    /// No topology has this name.
    #[error("there is no topology `{name}`; there are: {}", known.join(", "))]
    NoTopology {
        /// The name that was asked for.
        name: String,
        /// Those that there are.
        known: Vec<&'static str>,
    },
    /// The kernel refused.
    #[error("{0}{hint}", hint = hint(.0))]
    System(#[from] SysError),
    /// A file of the lab cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// A program cannot be started.
    #[error("cannot run `{program}`: {source}")]
    Spawn {
        /// The program.
        program: String,
        /// The reason.
        source: std::io::Error,
    },
}

fn hint(error: &SysError) -> &'static str {
    if error.is_permission() { "; labs need root (CAP_SYS_ADMIN, CAP_NET_ADMIN)" } else { "" }
}
