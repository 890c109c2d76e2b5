//! Receiving from a packet socket's ring.

use super::super::offload::{self, NOTES_LEN, Notes};
use super::super::{Counters, DropReason, IoError, Received, Source, Timing};
use super::{CAPABILITY, SOL_PACKET, bind, packet_socket, promiscuous};
use crate::io::endpoint::Device;
use crate::mapping::Mapping;
use crate::sys::{SysError, get_option, set_option};
use std::collections::VecDeque;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU32, Ordering};
use trama_wire::{Packet, Pool};

const PACKET_RX_RING: i32 = 5;
const PACKET_STATISTICS: i32 = 6;
const PACKET_COPY_THRESH: i32 = 7;
const PACKET_VERSION: i32 = 10;
const PACKET_VNET_HDR: i32 = 15;
const PACKET_IGNORE_OUTGOING: i32 = 23;
const TPACKET_V2: i32 = 1;
const ETH_P_ALL: u16 = 3;

/// The kernel owns the slot.
const STATUS_KERNEL: u32 = 0;
/// The whole frame is in the socket's queue.
const STATUS_COPY: u32 = 1 << 1;
const STATUS_VLAN_VALID: u32 = 1 << 4;
const STATUS_VLAN_TYPE_VALID: u32 = 1 << 6;

/// Memory of a ring, however large its slots.
const RING_BYTES: usize = 8 << 20;
const BLOCK_BYTES: usize = 128 << 10;
/// What a slot holds before the frame: its header, an address, the notes, alignment.
const SLOT_OVERHEAD: usize = 128;
/// Longest frame that the kernel makes: a 64 KiB datagram with its tags.
const FRAME_MAX: usize = 65_536 + 64;

/// `struct tpacket2_hdr`.
#[repr(C)]
struct SlotHeader {
    status: AtomicU32,
    len: u32,
    captured: u32,
    mac: u16,
    net: u16,
    seconds: u32,
    nanoseconds: u32,
    vlan_tci: u16,
    vlan_type: u16,
    padding: [u8; 4],
}

/// `struct tpacket_req`.
#[repr(C)]
#[derive(Clone, Copy)]
struct RingRequest {
    block_size: u32,
    block_count: u32,
    frame_size: u32,
    frame_count: u32,
}

/// `struct tpacket_stats`; reading resets it.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Statistics {
    packets: u32,
    drops: u32,
}

/// Receives from an interface through a packet socket.
#[derive(Debug)]
pub struct PacketSource {
    fds: [RawFd; 1],
    socket: OwnedFd,
    device: Device,
    ring: Mapping,
    slot_len: usize,
    slots: usize,
    next: usize,
    /// Segments cut from a frame beyond what a call may return.
    cut: VecDeque<Box<Packet>>,
    queued: Vec<u8>,
    frame: Vec<u8>,
    segment: Vec<u8>,
    counters: Counters,
}

impl PacketSource {
    /// Opens the interface for receiving.
    pub fn open(device: &Device) -> Result<Self, IoError> {
        let socket = packet_socket(&device.name)?;
        let on_error = |error| IoError::on_interface(&device.name, error, CAPABILITY);
        let needed = device.mtu as usize + SLOT_OVERHEAD + 32;
        let slot_len = needed.next_power_of_two().clamp(2048, BLOCK_BYTES);
        let ring = set_up(&socket, slot_len).map_err(on_error)?;
        bind(&socket, device.index, ETH_P_ALL).map_err(on_error)?;
        promiscuous(&socket, device.index).map_err(on_error)?;
        Ok(Self {
            fds: [socket.as_raw_fd()],
            socket,
            device: device.try_clone().map_err(on_error)?,
            ring,
            slot_len,
            slots: RING_BYTES / slot_len,
            next: 0,
            cut: VecDeque::new(),
            queued: Vec::new(),
            frame: Vec::new(),
            segment: Vec::new(),
            counters: Counters::default(),
        })
    }

    /// Takes the next slot if the kernel has filled it.
    fn take(&mut self, out: &mut Vec<Box<Packet>>, pool: &mut Pool, room: usize) -> bool {
        let at = self.next * self.slot_len;
        let slot = self.ring.at(at, self.slot_len).cast::<SlotHeader>();
        // SAFETY: `slot` points to an aligned header inside the ring; the status word is only
        // accessed as an atomic, by us and by the kernel.
        let status = unsafe { &(*slot).status };
        let flags = status.load(Ordering::Acquire);
        if flags == STATUS_KERNEL {
            return false;
        }
        // SAFETY: until the status is given back the slot is ours; all fields are plain integers.
        let (captured, len, mac, tci, kind) = unsafe {
            let header = &*slot;
            (header.captured, header.len, header.mac, header.vlan_tci, header.vlan_type)
        };
        let (mac, captured) = (usize::from(mac), captured as usize);
        let kind = if flags & STATUS_VLAN_TYPE_VALID != 0 { kind } else { 0x8100 };
        let tag = (flags & STATUS_VLAN_VALID != 0).then_some([kind, tci]);
        if flags & STATUS_COPY != 0 {
            self.take_queued(tag, out, pool, room);
        } else if captured < len as usize || mac < NOTES_LEN || mac + captured > self.slot_len {
            self.counters.drop(DropReason::ReceiveTooLong, 1);
        } else {
            // SAFETY: `at` checked that the slot lies inside the ring, the condition above that
            // the frame lies inside the slot, which is ours until the status is given back.
            let bytes = unsafe {
                let start = self.ring.at(at + mac - NOTES_LEN, NOTES_LEN + captured);
                std::slice::from_raw_parts(start, NOTES_LEN + captured)
            };
            let (notes, frame) = bytes.split_at(NOTES_LEN);
            let notes = Notes::read(notes.try_into().expect("split at the length"));
            self.deliver(notes, tag, frame, out, pool, room);
        }
        // SAFETY: as above; `self.ring` still owns the slot.
        unsafe { (*slot).status.store(STATUS_KERNEL, Ordering::Release) };
        self.next = (self.next + 1) % self.slots;
        true
    }

    /// Takes a frame that was too long for its slot from the socket's queue.
    fn take_queued(
        &mut self,
        tag: Option<[u16; 2]>,
        out: &mut Vec<Box<Packet>>,
        pool: &mut Pool,
        room: usize,
    ) {
        let mut bytes = std::mem::take(&mut self.queued);
        bytes.resize(NOTES_LEN + FRAME_MAX, 0);
        let fd = self.socket.as_raw_fd();
        let flags = libc::MSG_DONTWAIT | libc::MSG_TRUNC;
        // SAFETY: the pointer and the length describe `bytes`.
        let got = unsafe { libc::recv(fd, bytes.as_mut_ptr().cast(), bytes.len(), flags) };
        match usize::try_from(got) {
            Ok(got) if got > NOTES_LEN && got <= bytes.len() => {
                let (notes, frame) = bytes[..got].split_at(NOTES_LEN);
                let notes = Notes::read(notes.try_into().expect("split at the length"));
                self.deliver(notes, tag, frame, out, pool, room);
            }
            _ => self.counters.drop(DropReason::ReceiveTooLong, 1),
        }
        self.queued = bytes;
    }

    /// Puts the tag back that the kernel took off, does what the notes say, and hands the packet
    /// or packets over.
    fn deliver(
        &mut self,
        mut notes: Notes,
        tag: Option<[u16; 2]>,
        frame: &[u8],
        out: &mut Vec<Box<Packet>>,
        pool: &mut Pool,
        room: usize,
    ) {
        let mut tagged = std::mem::take(&mut self.frame);
        let mut frame = frame;
        if let (Some([kind, tci]), Some((addresses, rest))) = (tag, frame.split_at_checked(12)) {
            tagged.clear();
            tagged.extend_from_slice(addresses);
            tagged.extend_from_slice(&kind.to_be_bytes());
            tagged.extend_from_slice(&tci.to_be_bytes());
            tagged.extend_from_slice(rest);
            frame = &tagged;
            if let Some(partial) = &mut notes.checksum {
                partial.start += 4;
            }
        }
        match notes.segments {
            Some(segments) => self.cut(segments, frame, out, pool, room),
            None => {
                let mut packet = pool.take();
                packet.refill(frame);
                if let Some(partial) = notes.checksum
                    && offload::complete(packet.bytes_mut(), partial)
                {
                    self.counters.checksums_completed += 1;
                }
                self.counters.add(frame.len());
                out.push(packet);
            }
        }
        self.frame = tagged;
    }

    fn cut(
        &mut self,
        segments: offload::Segments,
        frame: &[u8],
        out: &mut Vec<Box<Packet>>,
        pool: &mut Pool,
        mut room: usize,
    ) {
        let (cut, counters) = (&mut self.cut, &mut self.counters);
        let whole = offload::segment(frame, segments, &mut self.segment, |segment| {
            let mut packet = pool.take();
            packet.refill(segment);
            counters.add(segment.len());
            if room > 0 {
                room -= 1;
                out.push(packet);
            } else {
                cut.push_back(packet);
            }
        });
        if whole {
            counters.frames_segmented += 1;
        } else {
            counters.drop(DropReason::ReceiveUnsegmentable, 1);
        }
    }
}

impl Source for PacketSource {
    fn receive(
        &mut self,
        max: usize,
        out: &mut Vec<Box<Packet>>,
        pool: &mut Pool,
    ) -> Result<Received, IoError> {
        let before = out.len();
        while out.len() - before < max {
            if let Some(packet) = self.cut.pop_front() {
                out.push(packet);
                continue;
            }
            let room = max - (out.len() - before);
            if !self.take(out, pool, room) {
                break;
            }
        }
        match out.len() - before {
            0 => self.device.check_socket(&self.socket).map(|()| Received::Nothing),
            n => Ok(Received::Some(n)),
        }
    }

    fn fds(&self) -> &[RawFd] {
        &self.fds
    }

    fn timing(&self) -> Timing {
        Timing::Live
    }

    fn counters(&mut self) -> Counters {
        let name = "getsockopt(PACKET_STATISTICS)";
        let read = get_option::<Statistics>(&self.socket, SOL_PACKET, PACKET_STATISTICS, name);
        if let Ok(Statistics { drops, .. }) = read {
            self.counters.drop(DropReason::ReceiveRingFull, u64::from(drops));
        }
        self.counters
    }
}

/// Asks for the ring and what comes with each frame; the order of the options matters.
fn set_up(socket: &OwnedFd, slot_len: usize) -> Result<Mapping, SysError> {
    let option = |name: i32, value: i32, operation: &str| {
        set_option(socket, SOL_PACKET, name, &value, operation)
    };
    option(PACKET_VERSION, TPACKET_V2, "setsockopt(PACKET_VERSION)")?;
    option(PACKET_VNET_HDR, 1, "setsockopt(PACKET_VNET_HDR)")?;
    option(PACKET_IGNORE_OUTGOING, 1, "setsockopt(PACKET_IGNORE_OUTGOING)")?;
    option(PACKET_COPY_THRESH, 1, "setsockopt(PACKET_COPY_THRESH)")?;
    // Room for the frames that exceed a slot; without CAP_NET_ADMIN up to the system's limit.
    let queue_bytes = 8 << 20;
    let forced = set_option(
        socket,
        libc::SOL_SOCKET,
        libc::SO_RCVBUFFORCE,
        &queue_bytes,
        "setsockopt(SO_RCVBUFFORCE)",
    );
    if forced.is_err() {
        let operation = "setsockopt(SO_RCVBUF)";
        set_option(socket, libc::SOL_SOCKET, libc::SO_RCVBUF, &queue_bytes, operation)?;
    }
    let request = RingRequest {
        block_size: BLOCK_BYTES as u32,
        block_count: (RING_BYTES / BLOCK_BYTES) as u32,
        frame_size: slot_len as u32,
        frame_count: (RING_BYTES / slot_len) as u32,
    };
    set_option(socket, SOL_PACKET, PACKET_RX_RING, &request, "setsockopt(PACKET_RX_RING)")?;
    Mapping::shared(socket.as_raw_fd(), 0, RING_BYTES, "mmap(PACKET_RX_RING)")
}

/// The error that an asynchronous event left on a socket, if any; asking clears it.
pub(in crate::io) fn pending_error(socket: &impl AsRawFd) -> Option<SysError> {
    let name = "getsockopt(SO_ERROR)";
    match get_option::<i32>(socket, libc::SOL_SOCKET, libc::SO_ERROR, name) {
        Ok(0) => None,
        Ok(errno) => Some(SysError::new("interface event", errno)),
        Err(error) => Some(error),
    }
}

const _: () = assert!(size_of::<SlotHeader>() == 32);
