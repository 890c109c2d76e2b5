//! Exhibits: what proves a published system, one module each.
//!
//! An exhibit measures in interleaved rounds, compares with what the paper claims and with a
//! baseline of the same run, holds results against an oracle, and breaks something on purpose to
//! show that the oracle finds it.

mod netbricks;

use crate::evidence::Evidence;
use std::path::PathBuf;

/// How much to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Seconds: that it works; figures are rough.
    Quick,
    /// Minutes.
    Full,
}

/// What an exhibit is given.
pub struct Setting<'a> {
    /// How much to measure.
    pub effort: Effort,
    /// The program `trama`, for exhibits that start it in other network namespaces.
    pub trama: Option<PathBuf>,
    /// Is told what is being done.
    pub progress: &'a mut dyn FnMut(&str),
}

/// What proves a system.
pub struct Exhibit {
    /// Id of the system in the registry.
    pub system: &'static str,
    /// One line: what is shown.
    pub about: &'static str,
    /// Shows it; the error says what kept it from being shown at all.
    pub run: fn(&mut Setting<'_>) -> Result<Evidence, String>,
}

/// All exhibits.
pub fn exhibits() -> &'static [Exhibit] {
    const {
        &[Exhibit {
            system: "netbricks",
            about: "chains of elements in one address space, in threads, in processes and over \
                    veth; programs that break isolation are rejected",
            run: netbricks::run,
        }]
    }
}

/// The exhibit of a system.
pub fn exhibit(system: &str) -> Option<&'static Exhibit> {
    exhibits().iter().find(|exhibit| exhibit.system == system)
}
