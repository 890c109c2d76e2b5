//! Where packets come from and go to: captures, interfaces, memory, nothing.
//!
//! A [`Source`] fills pooled packets, a [`Sink`] empties them; [`endpoint::open`] makes both from
//! the text that a user wrote. A live interface gives both halves at once, since they share rings.
//!
//! | form | mechanism |
//! |---|---|
//! | `FILE`, `-` | [`capture`]: pcap and pcapng, read as a stream |
//! | `mem:FILE` | [`memory`]: a capture held in memory and looped, for measurement |
//! | `if:NAME` | [`af_xdp`] where the kernel allows it, otherwise [`af_packet`] |
//! | `tap:NAME` | [`tap`]: an interface made for the run |
//! | `discard` | [`discard`] |
//!
//! ## What the kernel leaves unfinished
//!
//! On virtual links a sender's kernel may leave checksums to be filled and segments to be cut by
//! hardware that does not exist; a packet-level receiver gets the unfinished frames. The hosts at
//! the other end need no change for that:
//!
//! * AF_PACKET asks for the kernel's notes on each frame (`PACKET_VNET_HDR`). Frames above the MTU
//!   are cut into segments and checksums are completed in [`offload`], exactly as noted.
//! * AF_XDP has no such notes. Attaching a program to a veth makes its driver withdraw segmentation
//!   from the peer. On virtual drivers a transport checksum that holds just the pseudo-header sum,
//!   which is how the kernel leaves it, is completed; a checksum that is wrong in any other way
//!   stays wrong.
//!
//! Both are counted in [`Counters`].

pub mod af_packet;
pub mod af_xdp;
pub mod capture;
pub mod counters;
pub mod discard;
pub mod endpoint;
mod error;
pub mod memory;
pub mod offload;
pub mod tap;

pub use counters::{Counters, DropReason};
pub use error::IoError;

use std::os::fd::RawFd;
use trama_wire::{Packet, Pool};

/// What a call of [`Source::receive`] got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// This many packets, at least one, were appended.
    Some(usize),
    /// Nothing is there now; more may come.
    Nothing,
    /// There will be nothing more.
    End,
}

/// Whose clock the packets of a source carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// [`Packet::time`] is when the packet was captured, and does not decrease.
    Recorded,
    /// The packet has just arrived; the host sets its time.
    Live,
}

/// Gives packets.
pub trait Source: Send {
    /// Appends at most `max` packets to `out`, in buffers from `pool`. Files wait for their bytes,
    /// interfaces do not wait.
    fn receive(
        &mut self,
        max: usize,
        out: &mut Vec<Box<Packet>>,
        pool: &mut Pool,
    ) -> Result<Received, IoError>;

    /// Descriptors that become readable when there is something to receive; none if there always
    /// is.
    fn fds(&self) -> &[RawFd];

    /// Whose clock the packets carry.
    fn timing(&self) -> Timing;

    /// What was received and what was lost, since the start.
    fn counters(&mut self) -> Counters;

    /// Begins anew after the end, with times that go on; false if that is not possible.
    fn rewind(&mut self) -> bool {
        false
    }
}

/// Takes packets.
pub trait Sink: Send {
    /// Sends the packets in order, or counts why one cannot be sent. `packets` is empty
    /// afterwards, its buffers in `pool`.
    ///
    /// An error means that no later packet can be sent either; the packets left over are then
    /// counted as [`DropReason::SinkFailed`].
    fn send(&mut self, packets: &mut Vec<Box<Packet>>, pool: &mut Pool) -> Result<(), IoError>;

    /// Pushes out what is buffered.
    fn flush(&mut self) -> Result<(), IoError>;

    /// What was sent and what was lost, since the start.
    fn counters(&mut self) -> Counters;
}
