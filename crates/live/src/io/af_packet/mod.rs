//! Interfaces through packet sockets: a shared ring for receiving, batches of `sendmmsg` for
//! sending (`packet(7)`, `Documentation/networking/packet_mmap.rst`).
//!
//! The ring has fixed slots (TPACKET_V2), which hand over each frame as it comes; the blocks of
//! TPACKET_V3 would hold a lone frame back for a millisecond or more. Frames that exceed a slot,
//! which only offloads produce, come through the socket's queue instead (`PACKET_COPY_THRESH`).
//!
//! The kernel processes its own copy of every frame, so an interface that a program shall own
//! must have no addresses. What the host itself sends is not received. Promiscuous mode lasts as
//! long as the socket.

mod ring;
mod send;

pub use ring::PacketSource;
pub(super) use ring::pending_error;
pub use send::PacketSink;

use super::IoError;
use crate::sys::{SysError, set_option, socket};
use std::os::fd::{AsRawFd as _, OwnedFd};

const SOL_PACKET: i32 = 263;
const PACKET_ADD_MEMBERSHIP: i32 = 1;
const PACKET_QDISC_BYPASS: i32 = 20;
const PACKET_MR_PROMISC: u16 = 1;

/// What this backend needs when the kernel answers `EPERM`.
const CAPABILITY: &str = "CAP_NET_RAW";

fn packet_socket(name: &str) -> Result<OwnedFd, IoError> {
    // Protocol 0: nothing is received before the socket is bound.
    let kind = libc::SOCK_RAW | libc::SOCK_NONBLOCK;
    socket(libc::AF_PACKET, kind, 0, "socket(AF_PACKET)")
        .map_err(|error| IoError::on_interface(name, error, CAPABILITY))
}

/// Binds to an interface, for receiving `protocol` frames or, with 0, for sending only.
fn bind(fd: &OwnedFd, index: u32, protocol: u16) -> Result<(), SysError> {
    // SAFETY: all-zero is a valid `sockaddr_ll`.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = protocol.to_be();
    address.sll_ifindex = index.cast_signed();
    // SAFETY: the pointer and the length describe `address`.
    let result = unsafe {
        libc::bind(
            fd.as_raw_fd(),
            std::ptr::from_ref(&address).cast(),
            size_of::<libc::sockaddr_ll>() as libc::socklen_t,
        )
    };
    crate::sys::check(result, "bind(AF_PACKET)").map(drop)
}

/// Has the interface receive frames for other stations too, as long as `fd` is open.
pub(super) fn promiscuous(fd: &OwnedFd, index: u32) -> Result<(), SysError> {
    /// `struct packet_mreq`.
    #[repr(C)]
    #[derive(Clone, Copy)]
    struct Membership {
        index: i32,
        kind: u16,
        address_len: u16,
        address: [u8; 8],
    }
    let kind = PACKET_MR_PROMISC;
    let value = Membership { index: index.cast_signed(), kind, address_len: 0, address: [0; 8] };
    set_option(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &value, "setsockopt(PACKET_MR_PROMISC)")
}

/// A socket whose only use is to keep an interface promiscuous.
pub(super) fn promiscuous_guard(name: &str, index: u32) -> Result<OwnedFd, IoError> {
    let fd = packet_socket(name)?;
    promiscuous(&fd, index).map_err(|error| IoError::on_interface(name, error, CAPABILITY))?;
    Ok(fd)
}
