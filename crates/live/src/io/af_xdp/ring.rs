//! One of the four rings that an AF_XDP socket shares with the kernel: single producer, single
//! consumer, free-running 32-bit indices.

use crate::mapping::Mapping;
use crate::sys::{SysError, get_option};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};

/// Where the parts of a ring are in its mapping: `struct xdp_ring_offset`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Layout {
    producer: u64,
    consumer: u64,
    entries: u64,
    flags: u64,
}

/// The layouts of all four: `struct xdp_mmap_offsets`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Offsets {
    pub(super) receive: Layout,
    pub(super) send: Layout,
    pub(super) fill: Layout,
    pub(super) completion: Layout,
}

impl Offsets {
    pub(super) fn of(fd: &OwnedFd) -> Result<Self, SysError> {
        let operation = "getsockopt(XDP_MMAP_OFFSETS)";
        get_option(fd, libc::SOL_XDP, libc::XDP_MMAP_OFFSETS, operation)
    }
}

/// A frame in the shared memory: `struct xdp_desc`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Descriptor {
    pub(super) address: u64,
    pub(super) len: u32,
    pub(super) options: u32,
}

/// A ring, of which we are the producer or the consumer.
#[derive(Debug)]
pub(super) struct Ring {
    memory: Mapping,
    layout: Layout,
    entries: u32,
    /// Our index: what we have produced or consumed, published or not.
    own: u32,
    /// The other side's index when we last looked.
    other: u32,
}

impl Ring {
    /// Maps the ring of `entries` entries, a power of two, of `entry_len` bytes each.
    pub(super) fn map(
        fd: &OwnedFd,
        place: u64,
        layout: &Layout,
        entries: u32,
        entry_len: u64,
    ) -> Result<Self, SysError> {
        assert!(entries.is_power_of_two(), "the kernel would refuse {entries}");
        let len = layout.entries + u64::from(entries) * entry_len;
        let len = usize::try_from(len).map_err(|_| SysError::new("mmap", libc::EOVERFLOW))?;
        let memory = Mapping::shared(fd.as_raw_fd(), place, len, "mmap(AF_XDP ring)")?;
        Ok(Self { memory, layout: *layout, entries, own: 0, other: 0 })
    }

    fn word(&self, offset: u64) -> &AtomicU32 {
        let pointer = self.memory.at(offset as usize, 4).cast::<u32>();
        // SAFETY: inside the mapping, aligned since the kernel aligns its ring's words, and only
        // accessed as an atomic by both sides.
        unsafe { AtomicU32::from_ptr(pointer) }
    }

    /// Whether the kernel sleeps until it is called.
    pub(super) fn needs_wakeup(&self) -> bool {
        self.word(self.layout.flags).load(Ordering::Relaxed) & libc::XDP_RING_NEED_WAKEUP != 0
    }

    // As the producer.

    /// How many entries can be pushed.
    pub(super) fn room(&mut self) -> u32 {
        self.other = self.word(self.layout.consumer).load(Ordering::Acquire);
        self.entries - self.in_flight()
    }

    /// How many entries the consumer had not taken when [`Self::room`] last looked.
    pub(super) fn in_flight(&self) -> u32 {
        self.own.wrapping_sub(self.other).min(self.entries)
    }

    /// Puts an address after the last entry; there must be room.
    pub(super) fn push_address(&mut self, address: u64) {
        let slot = self.slot(8).cast::<u64>();
        // SAFETY: the slot lies inside the mapping, is aligned, and is ours until published.
        unsafe { slot.write(address) };
        self.own = self.own.wrapping_add(1);
    }

    /// Puts a frame after the last entry; there must be room.
    pub(super) fn push(&mut self, descriptor: Descriptor) {
        let slot = self.slot(16).cast::<Descriptor>();
        // SAFETY: the slot lies inside the mapping, is aligned, and is ours until published.
        unsafe { slot.write(descriptor) };
        self.own = self.own.wrapping_add(1);
    }

    /// Lets the consumer see what was pushed.
    pub(super) fn publish(&mut self) {
        self.word(self.layout.producer).store(self.own, Ordering::Release);
    }

    /// The frame that the consumer took last.
    pub(super) fn last_taken(&self) -> Descriptor {
        self.entry(self.other.wrapping_sub(1))
    }

    /// The frames that the consumer has not taken.
    pub(super) fn waiting(&self) -> Vec<Descriptor> {
        (0..self.in_flight()).map(|i| self.entry(self.other.wrapping_add(i))).collect()
    }

    fn entry(&self, index: u32) -> Descriptor {
        let slot = self.slot_at(index, 16).cast::<Descriptor>();
        // SAFETY: inside the mapping and aligned; the consumer never writes entries.
        unsafe { slot.read() }
    }

    // As the consumer.

    /// Takes the oldest address.
    pub(super) fn pop_address(&mut self) -> Option<u64> {
        if !self.filled() {
            return None;
        }
        let slot = self.slot(8).cast::<u64>();
        // SAFETY: as for `push_address`; the producer has published the slot.
        let address = unsafe { slot.read() };
        self.own = self.own.wrapping_add(1);
        Some(address)
    }

    /// Takes the oldest frame.
    pub(super) fn pop(&mut self) -> Option<Descriptor> {
        if !self.filled() {
            return None;
        }
        let slot = self.slot(16).cast::<Descriptor>();
        // SAFETY: as for `push`; the producer has published the slot.
        let descriptor = unsafe { slot.read() };
        self.own = self.own.wrapping_add(1);
        Some(descriptor)
    }

    /// Gives what was taken back to the producer.
    pub(super) fn release(&mut self) {
        self.word(self.layout.consumer).store(self.own, Ordering::Release);
    }

    fn filled(&mut self) -> bool {
        if self.own == self.other {
            self.other = self.word(self.layout.producer).load(Ordering::Acquire);
        }
        self.own != self.other
    }

    fn slot(&self, entry_len: usize) -> *mut u8 {
        self.slot_at(self.own, entry_len)
    }

    fn slot_at(&self, index: u32, entry_len: usize) -> *mut u8 {
        let index = (index & (self.entries - 1)) as usize;
        self.memory.at(self.layout.entries as usize + index * entry_len, entry_len)
    }
}
