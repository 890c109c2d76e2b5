//! Buffers that the ports of a switch share, and who has to pause when they fill.
//!
//! With priority flow control every packet is charged to the link over which it came, class by
//! class. What a link has in the buffer is compared with a threshold that falls as the buffer
//! fills; above it the sender is paused, and what still comes is charged to room that is set aside
//! for that link, its headroom.

use crate::port::Port;
use trama_base::{Bytes, Picos};
use trama_transport::Queueing;
use trama_transport::fabric::{CLASSES_MAX, Sharing};

/// Length of a pause frame in bytes (IEEE 802.1Qbb).
pub(crate) const PAUSE_BYTES: u16 = 64;
/// Longest packet that may be in the way of a pause frame, or of its effect.
const PACKET_BYTES: u64 = 9216;
/// A sender may go on when its share is this far below the threshold.
const RESUME_BYTES: u64 = 3000;

/// What came over a link and waits in the switch at its end, in one class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Charge {
    shared_bytes: u64,
    headroom_bytes: u64,
    is_paused: bool,
}

/// The buffer of one switch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Buffer {
    /// What may be shared.
    capacity_bytes: u64,
    used_bytes: u64,
}

/// The buffers of all switches.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    switches: Vec<Buffer>,
    /// By link and class, if senders are paused.
    charges: Vec<[Charge; CLASSES_MAX]>,
    /// By link: bytes that may come after the sender was told to pause, for all classes.
    headroom_bytes: Vec<u64>,
    /// By packet: the link over which it came.
    came_over: Vec<u32>,
    hosts: u32,
}

/// What has to be told to a sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tell {
    Nothing,
    Pause,
    Resume,
}

impl Buffers {
    pub(crate) fn new(queueing: &Queueing, ports: &[Port], hosts: u32) -> Self {
        let mut buffers = Self { hosts, ..Self::default() };
        if queueing.sharing == Sharing::Ports {
            return buffers;
        }
        let switches = ports.iter().map(|port| port.from.max(port.to) + 1).max().unwrap_or(0);
        let switches = switches.saturating_sub(hosts) as usize;
        let whole = Buffer { capacity_bytes: queueing.capacity_bytes.into(), used_bytes: 0 };
        buffers.switches = vec![whole; switches];
        if let Sharing::Lossless { .. } = queueing.sharing {
            buffers.charges = vec![Default::default(); ports.len()];
            buffers.headroom_bytes = ports.iter().map(headroom_bytes).collect();
            for (index, port) in ports.iter().enumerate() {
                if let Some(buffer) = buffers.switch_of(port.to) {
                    let aside = buffers.headroom_bytes[index];
                    let buffer = &mut buffers.switches[buffer];
                    buffer.capacity_bytes = buffer.capacity_bytes.saturating_sub(aside);
                }
            }
        }
        buffers
    }

    fn switch_of(&self, node: u32) -> Option<usize> {
        node.checked_sub(self.hosts).map(|switch| switch as usize)
    }

    /// The least that a switch has for sharing, with what is set aside for its links.
    pub(crate) fn least(&self) -> Option<(Bytes, Bytes)> {
        let least = self.switches.iter().map(|it| it.capacity_bytes).min()?;
        let aside = self.headroom_bytes.iter().max().copied().unwrap_or(0);
        Some((Bytes(least), Bytes(aside)))
    }

    /// Bytes that a queue of so many may still take, when a queue may grow to `alpha` times what
    /// is free.
    pub(crate) fn room(&self, switch: u32, alpha: f64, queue_bytes: u32) -> u32 {
        let buffer = &self.switches[switch as usize];
        let free = buffer.capacity_bytes.saturating_sub(buffer.used_bytes);
        let most = (alpha * free as f64) as u64;
        most.saturating_sub(queue_bytes.into()).min(free).min(u32::MAX.into()) as u32
    }

    /// The queues of a switch have changed by so many bytes.
    pub(crate) fn change(&mut self, switch: u32, before: u32, after: u32) {
        let buffer = &mut self.switches[switch as usize];
        let used = buffer.used_bytes + u64::from(after);
        buffer.used_bytes = used.checked_sub(before.into()).expect("a buffer is never negative");
    }

    /// Charges a packet that came over a link and waits now. None if there is no room for it.
    pub(crate) fn charge(&mut self, it: Charged, alpha: f64, packet: u32) -> Option<Tell> {
        let threshold = self.threshold(it.switch, alpha);
        let headroom = self.headroom_bytes[it.link as usize];
        let used: u64 = self.charges[it.link as usize].iter().map(|it| it.headroom_bytes).sum();
        let charge = &mut self.charges[it.link as usize][it.class];
        let bytes = u64::from(it.bytes);
        if charge.shared_bytes + bytes <= threshold {
            charge.shared_bytes += bytes;
            self.switches[it.switch as usize].used_bytes += bytes;
        } else if used + bytes <= headroom {
            charge.headroom_bytes += bytes;
        } else {
            return None;
        }
        if self.came_over.len() <= packet as usize {
            self.came_over.resize(packet as usize + 1, u32::MAX);
        }
        self.came_over[packet as usize] = it.link;
        let pauses = !charge.is_paused && charge.headroom_bytes > 0;
        charge.is_paused |= pauses;
        Some(if pauses { Tell::Pause } else { Tell::Nothing })
    }

    /// A packet leaves the buffer; which link it came over, and what to tell its sender.
    pub(crate) fn discharge(&mut self, mut it: Charged, alpha: f64, packet: u32) -> (u32, Tell) {
        it.link = self.came_over[packet as usize];
        let charge = &mut self.charges[it.link as usize][it.class];
        let bytes = u64::from(it.bytes);
        let from_headroom = charge.headroom_bytes.min(bytes);
        charge.headroom_bytes -= from_headroom;
        let rest = bytes - from_headroom;
        charge.shared_bytes = charge.shared_bytes.checked_sub(rest).expect("it was charged");
        self.switches[it.switch as usize].used_bytes -= rest;
        let threshold = self.threshold(it.switch, alpha);
        let charge = &mut self.charges[it.link as usize][it.class];
        let is_low = charge.shared_bytes == 0 || charge.shared_bytes + RESUME_BYTES <= threshold;
        let resumes = charge.is_paused && charge.headroom_bytes == 0 && is_low;
        charge.is_paused &= !resumes;
        (it.link, if resumes { Tell::Resume } else { Tell::Nothing })
    }

    fn threshold(&self, switch: u32, alpha: f64) -> u64 {
        let buffer = &self.switches[switch as usize];
        (alpha * buffer.capacity_bytes.saturating_sub(buffer.used_bytes) as f64) as u64
    }
}

/// A packet as it is charged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Charged {
    pub(crate) switch: u32,
    /// The port at the sending end of the link over which it came.
    pub(crate) link: u32,
    pub(crate) class: usize,
    pub(crate) bytes: u32,
}

/// What may come over a link after the decision to pause: what fits onto it both ways, a packet
/// that is in the way of the pause frame, one that has been begun, and the frame itself.
fn headroom_bytes(port: &Port) -> u64 {
    let frame = port.rate.time_of(PAUSE_BYTES.into());
    let round_trip = Picos(2 * port.delay.0) + frame;
    port.rate.bytes_in(round_trip) + 2 * PACKET_BYTES
}
