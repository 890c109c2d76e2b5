//! Capture files: pcap (microseconds and nanoseconds, both byte orders) and pcapng.
//!
//! [`Reader`] and [`Writer`] work on any `Read` and `Write` that a caller hands in, so the same
//! code serves files, pipes and memory. Formats: draft-ietf-opsawg-pcap and
//! draft-ietf-opsawg-pcapng. The rare and intricate blocks (file, section and interface headers
//! with their options) are decoded by the `pcap-parser` crate, packets here, without allocation.

mod link;
mod reader;
mod source;
mod writer;

pub use link::LinkType;
pub use reader::Reader;
pub use writer::{Format, Writer};

use trama_base::Nanos;

/// Longest record or block in bytes; a file that claims more is refused.
pub const RECORD_BYTES_MAX: u32 = 16 << 20;

/// One captured packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// When it was captured, since the Unix epoch. A simple packet block of pcapng has no time;
    /// it gets that of the record before.
    pub time: Nanos,
    /// Length of the frame on the wire in bytes.
    pub wire_len: u32,
    /// Index into [`Reader::interfaces`].
    pub interface: u32,
    /// The captured bytes.
    pub data: &'a [u8],
}

/// Where packets of a capture were seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name, empty if the file has none.
    pub name: String,
    /// What its packets begin with.
    pub link: LinkType,
}

/// Why a capture cannot be read (on).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The underlying reader failed.
    #[error("cannot read the capture: {0}")]
    Io(#[from] std::io::Error),
    /// The file has no bytes.
    #[error("the capture is empty: not even a file header")]
    Empty,
    /// The first bytes are no known format's.
    #[error("neither pcap nor pcapng: the file begins with {0:02x?}")]
    Unknown([u8; 4]),
    /// The file is compressed.
    #[error("the capture is compressed with {0}: decompress it first")]
    Compressed(&'static str),
    /// The file ends within a record or block; all whole records have been returned.
    #[error("the capture ends in the middle of a record, after {records} whole ones")]
    Truncated {
        /// Whole records before.
        records: u64,
    },
    /// A record or block claims an absurd length.
    #[error(
        "the record after {records} claims {len} bytes, more than the limit of {RECORD_BYTES_MAX}"
    )]
    TooLong {
        /// Whole records before.
        records: u64,
        /// The claimed length in bytes.
        len: u32,
    },
    /// A block contradicts itself.
    #[error("the capture is damaged after {records} records: {what}")]
    Malformed {
        /// Whole records before.
        records: u64,
        /// The contradiction.
        what: &'static str,
    },
    /// The packets are not Ethernet frames.
    #[error("the capture holds {0} packets; only Ethernet can be replayed")]
    NotEthernet(LinkType),
}

#[cfg(test)]
mod tests;
