//! Interfaces through AF_XDP: the kernel copies frames into and out of memory that we share with
//! it, past its own stack (`Documentation/networking/af_xdp.rst`).
//!
//! A program of five instructions sends the frames of each receive queue to a socket of ours. The
//! link that attaches it belongs to the [`XdpSource`]; when that goes, or the process dies, the
//! kernel detaches the program and the interface is as before.
//!
//! Each queue has memory (a *umem*) of which one half belongs to the source and the other to the
//! sink, so the two share nothing that changes.
//!
//! A VLAN tag that the sender keeps beside the frame (`txvlan` offload of a veth peer) is not seen
//! here; AF_PACKET sees it.

mod receive;
mod ring;
mod send;

pub use receive::XdpSource;
pub use send::XdpSink;

use super::IoError;
use super::af_packet::promiscuous_guard;
use super::endpoint::Device;
use crate::bpf::{self, AttachType, MapType, ProgramSpec, ProgramType};
use crate::mapping::Mapping;
use crate::sys::{SysError, check, get_option, set_option, socket};
use ring::{Offsets, Ring};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::sync::Arc;
use trama_ebpf::insn;

/// Where the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attach {
    /// In the driver.
    Native,
    /// In the stack, for drivers without support.
    Generic,
}

impl Attach {
    /// The mode in a word.
    pub fn text(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Generic => "generic",
        }
    }

    /// `XDP_FLAGS_DRV_MODE` or `XDP_FLAGS_SKB_MODE`.
    fn flag(self) -> u32 {
        match self {
            Self::Native => 1 << 2,
            Self::Generic => 1 << 1,
        }
    }
}

/// Frames to receive into, per queue, and entries of the rings that hold them.
const RECEIVE_FRAMES: u32 = 4096;
/// Frames to send from.
const SEND_FRAMES: u32 = 2048;

/// What this backend needs when the kernel answers `EPERM`.
const CAPABILITY: &str = "CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF (or CAP_SYS_ADMIN)";

/// What it needs when the kernel does not pin the shared memory: the limit is for all of a user's
/// sockets together.
const LOCK_CAPABILITY: &str = "CAP_IPC_LOCK, or a higher limit of locked memory (`ulimit -l`)";

/// Memory shared with the kernel, cut into chunks; receive chunks come first.
#[derive(Debug)]
struct Umem {
    memory: Mapping,
    chunk_len: u32,
}

/// One bound socket, before its halves part.
struct Queue {
    socket: Arc<OwnedFd>,
    umem: Arc<Umem>,
    fill: Ring,
    completion: Ring,
    receive: Ring,
    send: Ring,
}

/// Opens an interface in both directions.
///
/// Frames to other stations come in too, as from AF_PACKET.
pub fn open(device: &Device, attach: Attach) -> Result<(XdpSource, XdpSink), IoError> {
    let on_error = |error| IoError::on_interface(&device.name, error, CAPABILITY);
    let chunk_len = match device.mtu {
        0..=1_700 => 2048,
        1_701..=3_700 => 4096,
        _ => {
            return Err(on_error(SysError::new(
                format!("an MTU of {} exceeds one memory page per frame", device.mtu),
                libc::EMSGSIZE,
            )));
        }
    };
    let map = bpf::create_map(MapType::XskMap, 4, 4, device.queues).map_err(on_error)?;
    let mut queues = Vec::new();
    for index in 0..device.queues {
        let queue = Queue::open(device, index, chunk_len, libc::XDP_COPY);
        let queue = queue.map_err(|source| match source.errno {
            libc::ENOBUFS => IoError::NotPermitted { capability: LOCK_CAPABILITY, source },
            _ => on_error(source),
        })?;
        let fd = queue.socket.as_raw_fd().to_ne_bytes();
        bpf::update_map(map.as_fd(), &index.to_ne_bytes(), &fd).map_err(on_error)?;
        queues.push(queue);
    }
    let program = load_program(&map).map_err(on_error)?;
    let flag = attach.flag();
    let link =
        bpf::create_link(program.as_fd(), device.index, AttachType::Xdp, flag).map_err(on_error)?;
    let promiscuous = promiscuous_guard(&device.name, device.index)?;
    // The first queue's send ring takes everything: copies are made in the calling thread, and the
    // driver chooses its queue itself.
    let mut send = None;
    let mut receive = Vec::new();
    for queue in queues {
        let (half, other) = queue.part();
        receive.push(half);
        send.get_or_insert(other);
    }
    let send = send.expect("an interface has at least one receive queue");
    let source = XdpSource::new(device.try_clone().map_err(on_error)?, receive, link, promiscuous);
    Ok((source, XdpSink::new(device.try_clone().map_err(on_error)?, send)))
}

/// Looks whether the driver can read and write our memory itself. Nothing here uses that yet.
pub(crate) fn try_zero_copy(device: &Device) -> Result<(), SysError> {
    Queue::open(device, 0, 4096, libc::XDP_ZEROCOPY).map(drop)
}

/// Sends each frame to the socket of its receive queue, or on to the stack if there is none.
fn load_program(map: &OwnedFd) -> Result<OwnedFd, SysError> {
    const XDP_PASS: i32 = 2;
    const MAP_BY_FD: u8 = 1;
    const REDIRECT_MAP: i32 = 51;
    /// Offset of `rx_queue_index` in `struct xdp_md`.
    const QUEUE_INDEX: i16 = 16;
    let [map_low, map_high] = insn::wide(insn::R1, MAP_BY_FD, map.as_raw_fd(), 0);
    let code = [
        insn::load_word(insn::R2, insn::R1, QUEUE_INDEX),
        map_low,
        map_high,
        insn::move_imm(insn::R3, XDP_PASS),
        insn::call(REDIRECT_MAP),
        insn::exit(),
    ];
    let kind = ProgramType::Xdp;
    bpf::load(&ProgramSpec { kind, code: &code, attach: AttachType::Xdp as u32, target_btf: 0 })
}

impl Queue {
    fn open(device: &Device, index: u32, chunk_len: u32, mode: u16) -> Result<Self, SysError> {
        let kind = libc::SOCK_RAW | libc::SOCK_NONBLOCK;
        let fd = socket(libc::AF_XDP, kind, 0, "socket(AF_XDP)")?;
        let len = (RECEIVE_FRAMES + SEND_FRAMES) as usize * chunk_len as usize;
        let umem = Umem { memory: Mapping::anonymous(len)?, chunk_len };
        umem.register(&fd)?;
        let size = |name: i32, entries: u32, operation: &str| {
            set_option(&fd, libc::SOL_XDP, name, &entries, operation)
        };
        size(libc::XDP_UMEM_FILL_RING, RECEIVE_FRAMES, "setsockopt(XDP_UMEM_FILL_RING)")?;
        size(libc::XDP_UMEM_COMPLETION_RING, SEND_FRAMES, "setsockopt(XDP_UMEM_COMPLETION_RING)")?;
        size(libc::XDP_RX_RING, RECEIVE_FRAMES, "setsockopt(XDP_RX_RING)")?;
        size(libc::XDP_TX_RING, SEND_FRAMES, "setsockopt(XDP_TX_RING)")?;
        let offsets = Offsets::of(&fd)?;
        let ring = |place: u64, at: &ring::Layout, entries, entry_len| {
            Ring::map(&fd, place, at, entries, entry_len)
        };
        let mut fill = ring(libc::XDP_UMEM_PGOFF_FILL_RING, &offsets.fill, RECEIVE_FRAMES, 8)?;
        let completion =
            ring(libc::XDP_UMEM_PGOFF_COMPLETION_RING, &offsets.completion, SEND_FRAMES, 8)?;
        let receive = ring(0, &offsets.receive, RECEIVE_FRAMES, 16)?;
        let send = ring(0x8000_0000, &offsets.send, SEND_FRAMES, 16)?;
        for frame in 0..RECEIVE_FRAMES {
            fill.push_address(u64::from(frame) * u64::from(chunk_len));
        }
        fill.publish();
        bind(&fd, device.index, index, mode)?;
        let (socket, umem) = (Arc::new(fd), Arc::new(umem));
        Ok(Self { socket, umem, fill, completion, receive, send })
    }

    fn part(self) -> (receive::Half, send::Half) {
        let first = u64::from(RECEIVE_FRAMES) * u64::from(self.umem.chunk_len);
        let chunk = u64::from(self.umem.chunk_len);
        let free = (0..u64::from(SEND_FRAMES)).map(|i| first + i * chunk).collect();
        let receive = receive::Half {
            socket: Arc::clone(&self.socket),
            umem: Arc::clone(&self.umem),
            fill: self.fill,
            receive: self.receive,
        };
        let send = send::Half {
            socket: self.socket,
            umem: self.umem,
            completion: self.completion,
            send: self.send,
            free,
        };
        (receive, send)
    }
}

impl Umem {
    fn register(&self, fd: &OwnedFd) -> Result<(), SysError> {
        /// `struct xdp_umem_reg`.
        #[repr(C)]
        #[derive(Clone, Copy)]
        struct Registration {
            address: u64,
            len: u64,
            chunk_size: u32,
            headroom: u32,
            flags: u32,
            metadata_len: u32,
        }
        let value = Registration {
            address: self.memory.address() as u64,
            len: self.memory.len() as u64,
            chunk_size: self.chunk_len,
            // The kernel keeps 256 bytes before each received frame in any case.
            headroom: 0,
            flags: 0,
            metadata_len: 0,
        };
        set_option(fd, libc::SOL_XDP, libc::XDP_UMEM_REG, &value, "setsockopt(XDP_UMEM_REG)")
    }
}

fn bind(fd: &OwnedFd, interface: u32, queue: u32, mode: u16) -> Result<(), SysError> {
    let address = libc::sockaddr_xdp {
        sxdp_family: libc::AF_XDP as u16,
        sxdp_flags: mode | libc::XDP_USE_NEED_WAKEUP,
        sxdp_ifindex: interface,
        sxdp_queue_id: queue,
        sxdp_shared_umem_fd: 0,
    };
    // SAFETY: the pointer and the length describe `address`.
    let result = unsafe {
        libc::bind(
            fd.as_raw_fd(),
            std::ptr::from_ref(&address).cast(),
            size_of::<libc::sockaddr_xdp>() as libc::socklen_t,
        )
    };
    let mode = if mode == libc::XDP_ZEROCOPY { "XDP_ZEROCOPY" } else { "XDP_COPY" };
    let operation = format!("bind(AF_XDP, {mode}, queue {queue})");
    check(result, &operation).map(drop)
}

/// `struct xdp_statistics`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct Statistics {
    receive_dropped: u64,
    receive_invalid: u64,
    send_invalid: u64,
    receive_ring_full: u64,
    fill_ring_empty: u64,
    send_ring_empty: u64,
}

fn statistics(fd: &OwnedFd) -> Statistics {
    let operation = "getsockopt(XDP_STATISTICS)";
    get_option(fd, libc::SOL_XDP, libc::XDP_STATISTICS, operation).unwrap_or_default()
}
