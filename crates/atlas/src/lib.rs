//! The atlas: the published systems that Trama is to contain, and how far it is with each.
//!
//! A published system is not a part of Trama: it is a program, a policy or a backend made of
//! shared parts. This crate says which systems there are, in whose words they were proposed, which
//! [parts](Part) they stand on, and which command shows what works today.
//!
//! The facts live in `systems.txt` beside this crate's manifest; `cargo xtask codegen` turns them
//! into the table that [`registry`] returns, so looking one up parses nothing and cannot fail.
//!
//! ```
//! let system = trama_atlas::find("nfvnice").expect("it is in the registry");
//! assert_eq!((system.venue, system.year), ("SIGCOMM", 2017));
//! assert_eq!(trama_atlas::Progress::of(trama_atlas::registry()).total(), 168);
//! ```
//!
//! What proves a system is an [`Exhibit`](exhibits::Exhibit); what it found is
//! [`Evidence`](evidence::Evidence). `trama prove` prints it.
//!
//! **Invariants:** ids are unique; a system that is not [`Status::NotYet`] names its command; one
//! that [works](Status::Works) has an exhibit.
#![forbid(unsafe_code)]
#![allow(clippy::vec_box, reason = "packets are boxed at the seam to the engine")]

pub mod evidence;
pub mod exhibits;
mod part;
#[rustfmt::skip]
mod systems;
#[cfg(test)]
mod tests;

pub use part::Part;

/// A published system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct System {
    /// Short unique name in lower case, as in `trama atlas ID`.
    pub id: &'static str,
    /// Field of work.
    pub area: Area,
    /// What people call it.
    pub name: &'static str,
    /// Title of the paper.
    pub title: &'static str,
    /// Where the paper appeared.
    pub venue: &'static str,
    /// When the paper appeared.
    pub year: u16,
    /// One sentence that says what it is.
    pub about: &'static str,
    /// The crates of Trama that it stands on.
    pub parts: &'static [Part],
    /// How far Trama is with it.
    pub status: Status,
}

/// A field of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Area {
    /// Network functions.
    Nfv,
    /// Languages and compilers for networks.
    Languages,
    /// Programs in the kernel.
    Ebpf,
    /// Transport protocols and congestion control.
    Transports,
    /// Microservices and their meshes.
    Services,
    /// Host network stacks and RPC.
    Hosts,
    /// Interference, containers and other architectures.
    Isolation,
}

impl Area {
    /// All areas, in the order of the registry.
    pub const ALL: [Self; 7] = [
        Self::Nfv,
        Self::Languages,
        Self::Ebpf,
        Self::Transports,
        Self::Services,
        Self::Hosts,
        Self::Isolation,
    ];

    /// The word for it on the command line.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Nfv => "nfv",
            Self::Languages => "languages",
            Self::Ebpf => "ebpf",
            Self::Transports => "transports",
            Self::Services => "services",
            Self::Hosts => "hosts",
            Self::Isolation => "isolation",
        }
    }

    /// The heading for it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Nfv => "Network functions",
            Self::Languages => "Languages and compilers",
            Self::Ebpf => "Programs in the kernel",
            Self::Transports => "Transports",
            Self::Services => "Services and meshes",
            Self::Hosts => "Host stacks and RPC",
            Self::Isolation => "Isolation, containers, architectures",
        }
    }

    /// The area of that [`id`](Self::id).
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|area| area.id() == id)
    }
}

/// How far Trama is with a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Nothing that a user could run.
    NotYet,
    /// Some of its mechanism can be run; the claim of the paper is not judged.
    Partial {
        /// Command that shows what is there.
        command: &'static str,
    },
    /// The command runs the system, judges it against its claim and shows a negative control.
    Works {
        /// Command that proves it.
        command: &'static str,
    },
}

impl Status {
    /// The words for it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::NotYet => "not yet",
            Self::Partial { .. } => "partial",
            Self::Works { .. } => "works",
        }
    }

    /// What to run, if there is anything.
    pub const fn command(self) -> Option<&'static str> {
        match self {
            Self::NotYet => None,
            Self::Partial { command } | Self::Works { command } => Some(command),
        }
    }
}

/// How many systems are how far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// [`Status::NotYet`].
    pub not_yet: usize,
    /// [`Status::Partial`].
    pub partial: usize,
    /// [`Status::Works`].
    pub works: usize,
}

impl Progress {
    /// Counts `systems`.
    pub fn of<'a>(systems: impl IntoIterator<Item = &'a System>) -> Self {
        let mut progress = Self::default();
        for system in systems {
            match system.status {
                Status::NotYet => progress.not_yet += 1,
                Status::Partial { .. } => progress.partial += 1,
                Status::Works { .. } => progress.works += 1,
            }
        }
        progress
    }

    /// All of them.
    pub const fn total(self) -> usize {
        self.not_yet + self.partial + self.works
    }
}

/// All systems, area by area.
pub const fn registry() -> &'static [System] {
    systems::SYSTEMS
}

/// The systems of an area.
pub fn in_area(area: Area) -> impl Iterator<Item = &'static System> {
    registry().iter().filter(move |system| system.area == area)
}

/// The systems that stand on a part.
pub fn standing_on(part: Part) -> impl Iterator<Item = &'static System> {
    registry().iter().filter(move |system| system.parts.contains(&part))
}

/// The system with that id, or whose name differs from `text` only in case.
pub fn find(text: &str) -> Option<&'static System> {
    registry()
        .iter()
        .find(|system| system.id == text)
        .or_else(|| registry().iter().find(|system| system.name.eq_ignore_ascii_case(text)))
}

/// The system whose id is the fewest edits from a mistyped one; none if that is far off.
pub fn nearest(mistyped: &str) -> Option<&'static System> {
    let edits_max = 1 + mistyped.len() / 4;
    registry()
        .iter()
        .map(|system| (edits(system.id.as_bytes(), mistyped.as_bytes()), system))
        .filter(|(edits, _)| *edits <= edits_max)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, system)| system)
}

/// Insertions, deletions and replacements that turn `a` into `b` (Wagner and Fischer, 1974).
fn edits(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(!x.eq_ignore_ascii_case(y));
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
