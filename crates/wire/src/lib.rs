//! Packets: the table of headers, parsing, field access with incremental checksums, structural
//! changes, and capture files.
//!
//! **Invariants:** no I/O beyond the readers and writers that a caller passes in; no panic on any
//! bytes; a header is [present](layout::Layout) only if all of it can be read.
#![forbid(unsafe_code)]

pub mod above;
mod amend;
mod build;
pub mod bytes;
pub mod capture;
pub mod checksum;
pub mod describe;
pub mod extract;
mod field;
pub mod flow;
pub mod header;
mod insert;
pub mod layout;
pub mod option;
pub mod packet;
pub mod parse;
pub mod pool;
mod remove;
pub mod replace;
pub mod rss;
#[cfg(test)]
mod samples;
pub mod stack;
pub mod tcp_options;
mod transport;

pub use flow::FlowKey;
pub use layout::Layout;
pub use packet::Packet;
pub use parse::parse;
pub use pool::Pool;
