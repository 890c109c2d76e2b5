//! Sending through an AF_XDP socket.

use super::super::{Counters, DropReason, IoError, Sink};
use super::ring::{Descriptor, Ring};
use super::{CAPABILITY, Umem, statistics};
use crate::io::endpoint::Device;
use crate::sys::SysError;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::Arc;
use trama_wire::{Packet, Pool};

/// Bytes of an Ethernet header with two VLAN tags: what a frame may exceed the MTU by.
const LINK_HEADER_MAX: u32 = 14 + 8;
const LINK_HEADER_MIN: usize = 14;
/// How often the kernel is called without taking a frame before the sender waits.
const IDLE_CALLS_MAX: u32 = 4;
/// How long it waits for the interface to take frames again.
const DRAIN_MS: i32 = 20;

/// The sending half of a queue.
#[derive(Debug)]
pub(super) struct Half {
    pub(super) socket: Arc<OwnedFd>,
    pub(super) umem: Arc<Umem>,
    pub(super) completion: Ring,
    pub(super) send: Ring,
    /// Chunks that hold no frame in flight.
    pub(super) free: Vec<u64>,
}

/// Sends to an interface.
#[derive(Debug)]
pub struct XdpSink {
    device: Device,
    half: Half,
    frame_max: usize,
    counters: Counters,
    /// The kernel's last answer was that the interface is down.
    down: bool,
    failed: bool,
}

impl XdpSink {
    pub(super) fn new(device: Device, half: Half) -> Self {
        let frame_max = (device.mtu + LINK_HEADER_MAX).min(half.umem.chunk_len) as usize;
        Self { device, half, frame_max, counters: Counters::default(), down: false, failed: false }
    }

    /// Copies a frame into the ring, or counts why it cannot be sent.
    fn queue(&mut self, packet: &Packet) -> Result<(), IoError> {
        let bytes = packet.bytes();
        if bytes.len() < LINK_HEADER_MIN {
            self.counters.drop(DropReason::TransmitTooShort, 1);
            return Ok(());
        }
        if bytes.len() > self.frame_max {
            self.counters.drop(DropReason::TransmitTooLong, 1);
            return Ok(());
        }
        if self.half.free.is_empty() {
            self.push_out()?;
        }
        let Some(address) = self.half.free.pop() else {
            let reason = match self.down {
                true => DropReason::InterfaceDown,
                false => DropReason::TransmitRingFull,
            };
            self.counters.drop(reason, 1);
            return Ok(());
        };
        let chunk = self.half.umem.memory.at(address as usize, bytes.len());
        // SAFETY: `chunk` has room for the frame and is ours until the frame is published.
        unsafe { chunk.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        // There are as many entries in the ring as there are chunks.
        let len = u32::try_from(bytes.len()).expect("at most a chunk");
        self.half.send.push(Descriptor { address, len, options: 0 });
        self.counters.add(bytes.len());
        Ok(())
    }

    /// Calls the kernel until it has taken all that is in the ring.
    fn push_out(&mut self) -> Result<(), IoError> {
        self.half.send.publish();
        let mut idle = 0;
        loop {
            self.half.reclaim();
            self.half.send.room();
            let waiting = self.half.send.in_flight();
            if waiting == 0 {
                return Ok(());
            }
            match self.half.kick() {
                Ok(()) => self.down = false,
                Err(error) => self.not_sent(error)?,
            }
            if self.down {
                // The frames stay in the ring until it is up again.
                return Ok(());
            }
            self.half.send.room();
            if self.half.send.in_flight() < waiting {
                idle = 0;
                continue;
            }
            idle += 1;
            if idle == IDLE_CALLS_MAX && !self.half.drained() || idle > IDLE_CALLS_MAX {
                // The frames stay in the ring; the next call tries again.
                self.half.reclaim();
                return Ok(());
            }
        }
    }

    /// What a failed call means: nothing, a lost frame, or the end.
    fn not_sent(&mut self, error: SysError) -> Result<(), IoError> {
        self.down = error.errno == libc::ENETDOWN;
        match error.errno {
            libc::EAGAIN | libc::EINTR | libc::ENOBUFS | libc::ENOMEM => Ok(()),
            // The driver refused the frame that was taken off the ring last.
            libc::EBUSY => {
                self.half.send.room();
                let lost = self.half.send.last_taken();
                self.lose(DropReason::TransmitRingFull, lost);
                Ok(())
            }
            libc::ENETDOWN if self.device.exists() => Ok(()),
            libc::ENETDOWN | libc::ENXIO | libc::EBADF => {
                self.give_up();
                Err(IoError::InterfaceGone { name: self.device.name.clone(), source: error })
            }
            _ => {
                self.give_up();
                Err(IoError::on_interface(&self.device.name, error, CAPABILITY))
            }
        }
    }

    /// What is still in the ring will not be sent.
    fn give_up(&mut self) {
        self.failed = true;
        self.half.send.room();
        for lost in self.half.send.waiting() {
            self.lose(DropReason::SinkFailed, lost);
        }
    }

    /// Takes back that a frame was sent.
    fn lose(&mut self, reason: DropReason, frame: Descriptor) {
        self.counters.frames = self.counters.frames.saturating_sub(1);
        self.counters.bytes = self.counters.bytes.saturating_sub(u64::from(frame.len));
        self.counters.drop(reason, 1);
    }
}

impl Half {
    /// Takes back the chunks of frames that were sent.
    fn reclaim(&mut self) {
        while let Some(address) = self.completion.pop_address() {
            self.free.push(address);
        }
        self.completion.release();
    }

    fn kick(&self) -> Result<(), SysError> {
        let (fd, flags) = (self.socket.as_raw_fd(), libc::MSG_DONTWAIT);
        // SAFETY: no buffer and no address are involved; the call only wakes the kernel.
        let sent = unsafe { libc::sendto(fd, std::ptr::null(), 0, flags, std::ptr::null(), 0) };
        crate::sys::check(i32::try_from(sent).unwrap_or(0), "sendto(AF_XDP)").map(drop)
    }

    /// Waits until the socket takes frames again; false if it does not.
    fn drained(&self) -> bool {
        let mut entry =
            libc::pollfd { fd: self.socket.as_raw_fd(), events: libc::POLLOUT, revents: 0 };
        // SAFETY: one valid entry.
        unsafe { libc::poll(&mut entry, 1, DRAIN_MS) > 0 }
    }
}

impl Sink for XdpSink {
    fn send(&mut self, packets: &mut Vec<Box<Packet>>, pool: &mut Pool) -> Result<(), IoError> {
        let mut result = Ok(());
        for packet in packets.drain(..) {
            if self.failed {
                self.counters.drop(DropReason::SinkFailed, 1);
            } else if let Err(error) = self.queue(&packet) {
                self.counters.drop(DropReason::SinkFailed, 1);
                result = Err(error);
            }
            pool.give(packet);
        }
        if self.failed { result } else { self.push_out() }
    }

    fn flush(&mut self) -> Result<(), IoError> {
        if self.failed { Ok(()) } else { self.push_out() }
    }

    fn counters(&mut self) -> Counters {
        let mut counters = self.counters;
        let kernel = statistics(&self.half.socket);
        counters.drop(DropReason::TransmitTooLong, kernel.send_invalid);
        counters
    }
}
