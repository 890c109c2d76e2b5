//! Receiving from AF_XDP sockets.

use super::super::{Counters, DropReason, IoError, Received, Source, Timing, offload};
use super::ring::Ring;
use super::{Umem, statistics};
use crate::io::endpoint::Device;
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::sync::Arc;
use trama_wire::{Packet, Pool};

/// The receiving half of a queue.
#[derive(Debug)]
pub(super) struct Half {
    pub(super) socket: Arc<OwnedFd>,
    pub(super) umem: Arc<Umem>,
    pub(super) fill: Ring,
    pub(super) receive: Ring,
}

/// Receives from all queues of an interface.
#[derive(Debug)]
pub struct XdpSource {
    device: Device,
    queues: Vec<Half>,
    fds: Vec<RawFd>,
    /// The queue to begin with, so that none starves.
    next: usize,
    /// The driver may leave checksums unfilled.
    repairs: bool,
    counters: Counters,
    /// Keeps the program attached.
    _link: OwnedFd,
    /// Keeps the interface promiscuous.
    _promiscuous: OwnedFd,
}

impl XdpSource {
    pub(super) fn new(
        device: Device,
        queues: Vec<Half>,
        link: OwnedFd,
        promiscuous: OwnedFd,
    ) -> Self {
        Self {
            repairs: device.is_virtual(),
            fds: queues.iter().map(|queue| queue.socket.as_raw_fd()).collect(),
            device,
            queues,
            next: 0,
            counters: Counters::default(),
            _link: link,
            _promiscuous: promiscuous,
        }
    }
}

impl Half {
    /// Copies at most `max` frames out and gives their memory back to the kernel.
    fn take(
        &mut self,
        max: usize,
        repairs: bool,
        counters: &mut Counters,
        out: &mut Vec<Box<Packet>>,
        pool: &mut Pool,
    ) {
        let mut taken = 0;
        while taken < max {
            let Some(descriptor) = self.receive.pop() else { break };
            let mut packet = pool.take();
            let start = self.umem.memory.at(descriptor.address as usize, descriptor.len as usize);
            // SAFETY: just checked to lie inside the shared memory; between the pop and the push
            // below the frame is ours.
            let frame = unsafe { std::slice::from_raw_parts(start, descriptor.len as usize) };
            packet.refill(frame);
            let chunk = u64::from(self.umem.chunk_len);
            // There are as many entries in the fill ring as there are frames.
            self.fill.push_address(descriptor.address / chunk * chunk);
            if repairs {
                let layout = *packet.layout();
                let filled = offload::complete_if_unfilled(packet.bytes_mut(), &layout);
                counters.checksums_completed += u64::from(filled);
            }
            counters.add(packet.bytes().len());
            out.push(packet);
            taken += 1;
        }
        if taken > 0 {
            self.receive.release();
            self.fill.publish();
        }
        if self.fill.needs_wakeup() {
            let flags = libc::MSG_DONTWAIT;
            // SAFETY: no buffer is involved; the call only wakes the driver.
            unsafe { libc::recv(self.socket.as_raw_fd(), std::ptr::null_mut(), 0, flags) };
        }
    }
}

impl Source for XdpSource {
    fn receive(
        &mut self,
        max: usize,
        out: &mut Vec<Box<Packet>>,
        pool: &mut Pool,
    ) -> Result<Received, IoError> {
        let before = out.len();
        for turn in 0..self.queues.len() {
            let room = max - (out.len() - before);
            let index = (self.next + turn) % self.queues.len();
            self.queues[index].take(room, self.repairs, &mut self.counters, out, pool);
        }
        self.next = (self.next + 1) % self.queues.len();
        match out.len() - before {
            0 => {
                for queue in &self.queues {
                    self.device.check_socket(&queue.socket)?;
                }
                Ok(Received::Nothing)
            }
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
        let mut counters = self.counters;
        for queue in &self.queues {
            let kernel = statistics(&queue.socket);
            counters.drop(DropReason::ReceiveTooLong, kernel.receive_dropped);
            counters.drop(DropReason::ReceiveRingFull, kernel.receive_ring_full);
            counters.drop(DropReason::ReceiveNoBuffer, kernel.fill_ring_empty);
        }
        counters
    }
}
