//! An owned packet with headroom, its layout and its metadata.

use crate::layout::Layout;
use trama_base::Nanos;

/// An Ethernet frame in a buffer of its own.
#[derive(Debug)]
pub struct Packet {
    buffer: Vec<u8>,
    start: u32,
    layout: Layout,
    /// When it arrived.
    pub time: Nanos,
    /// External port: where it entered, or, in an engine's output, where it leaves.
    pub port: u32,
    /// The mark that elements pass along; initially 0.
    pub mark: u32,
}

/// Buffers to reuse.
#[derive(Debug, Default)]
pub struct Pool {
    free: Vec<Box<Packet>>,
}
