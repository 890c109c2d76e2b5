//! Programs in the kernel: objects loaded, run on given packets, looked at.
//!
//! What is loaded belongs to the handle of it ([`Loaded`]) and goes away with it, or with the
//! process, unless it was pinned.

mod info;
mod load;
mod map;
mod test_run;

pub use info::{MapInfo, ProgramInfo, maps, programs};
pub use load::{LoadError, Loaded, Options, Verified, load, load_with};
pub use map::KernelMap;
pub use test_run::TestRun;
