//! Object files: ELF with programs, maps and types, as clang makes and libbpf, bpftool and aya read
//! them.
//!
//! **Invariants:** no bytes make reading panic; what is read is linked: every program is complete,
//! and what cannot be made complete is refused with its name.

mod ext;
mod link;
mod maps;
mod read;
mod write;

pub use read::read;
pub use write::write;

use crate::btf::BtfError;

/// Why a file is no object, or none that can be loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ElfError {
    /// The file as a whole.
    #[error("not an eBPF object: {0}")]
    File(String),
    /// A section.
    #[error("section `{name}`: {reason}")]
    Section {
        /// Its name.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// An instruction that refers to something.
    #[error("section `{section}`, slot {slot}: {reason}")]
    Reference {
        /// Section of the instruction.
        section: String,
        /// Its slot in the section.
        slot: usize,
        /// What is wrong.
        reason: String,
    },
    /// A map.
    #[error("map `{name}`: {reason}")]
    Map {
        /// Its name.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// The types.
    #[error(transparent)]
    Btf(#[from] BtfError),
}

/// Relocation of a wide instruction.
const R_BPF_64_64: u32 = 1;
/// Relocation of eight bytes of data.
const R_BPF_64_ABS64: u32 = 2;
/// Relocation of a call.
const R_BPF_64_32: u32 = 10;

/// The section of functions that programs call.
const FUNCTIONS: &str = ".text";
/// The section of maps that types define.
const MAPS: &str = ".maps";
/// The section of maps of old objects.
const OLD_MAPS: &str = "maps";
/// The section of the licence.
const LICENSE: &str = "license";

/// Whether a section holds variables of the programs, and whether they are constant.
fn variables(name: &str) -> Option<bool> {
    let is =
        |head: &str| name == head || name.strip_prefix(head).is_some_and(|r| r.starts_with('.'));
    match () {
        () if is(".rodata") => Some(true),
        () if is(".data") || is(".bss") => Some(false),
        () => None,
    }
}
