//! Where packets are while they travel: slots of one cache line, linked into queues by number.
//!
//! What switches tell in a packet is kept apart, because few packets take it along.

use trama_transport::endpoint::HOPS_MAX;
use trama_transport::{Hop, Packet};

/// A packet in the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Handle(pub(crate) u32);

impl Handle {
    /// No packet.
    pub(crate) const NONE: Self = Self(NOTHING);
}

#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Slot {
    packet: Packet,
    /// The next packet of the same queue, or the next free slot.
    next: u32,
    /// Its records; [`NOTHING`] if it has none.
    records: u32,
}

/// The index of nothing.
const NOTHING: u32 = u32::MAX;

/// What switches have told in a packet.
#[derive(Clone, Copy, Debug, Default)]
struct Records {
    len: u8,
    hops: [Hop; HOPS_MAX],
}

/// All packets of a simulation.
#[derive(Debug)]
pub(crate) struct Arena {
    slots: Vec<Slot>,
    free: u32,
    live: u32,
    records: Vec<Records>,
    free_records: Vec<u32>,
}

impl Arena {
    pub(crate) fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: NOTHING,
            live: 0,
            records: Vec::new(),
            free_records: Vec::new(),
        }
    }

    /// Packets that are there.
    pub(crate) fn live(&self) -> u32 {
        self.live
    }

    /// Slots there ever were at once.
    pub(crate) fn peak(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn insert(&mut self, packet: Packet) -> Handle {
        self.live += 1;
        if self.free == NOTHING {
            let index = self.slots.len();
            assert!(index < (1 << 28), "events name packets with 28 bits");
            self.slots.push(Slot { packet, next: NOTHING, records: NOTHING });
            return Handle(index as u32);
        }
        let index = self.free;
        let slot = &mut self.slots[index as usize];
        self.free = slot.next;
        *slot = Slot { packet, next: NOTHING, records: NOTHING };
        Handle(index)
    }

    pub(crate) fn remove(&mut self, handle: Handle) -> Packet {
        self.live -= 1;
        let slot = &mut self.slots[handle.0 as usize];
        if slot.records != NOTHING {
            self.free_records.push(slot.records);
        }
        slot.next = self.free;
        self.free = handle.0;
        slot.packet
    }

    /// Adds what a switch tells in a packet; what is beyond [`HOPS_MAX`] is left out.
    pub(crate) fn record(&mut self, handle: Handle, hop: Hop) {
        let slot = &mut self.slots[handle.0 as usize];
        if slot.records == NOTHING {
            slot.records = self.free_records.pop().unwrap_or_else(|| {
                self.records.push(Records::default());
                self.records.len() as u32 - 1
            });
            self.records[slot.records as usize].len = 0;
        }
        let records = &mut self.records[slot.records as usize];
        if let Some(place) = records.hops.get_mut(usize::from(records.len)) {
            *place = hop;
            records.len += 1;
        }
    }

    /// What switches have told in a packet.
    pub(crate) fn records(&self, handle: Handle) -> &[Hop] {
        match self.slots[handle.0 as usize].records {
            NOTHING => &[],
            index => {
                let records = &self.records[index as usize];
                &records.hops[..usize::from(records.len)]
            }
        }
    }

    pub(crate) fn get(&self, handle: Handle) -> &Packet {
        &self.slots[handle.0 as usize].packet
    }

    pub(crate) fn get_mut(&mut self, handle: Handle) -> &mut Packet {
        &mut self.slots[handle.0 as usize].packet
    }

    fn next(&self, handle: Handle) -> Handle {
        Handle(self.slots[handle.0 as usize].next)
    }

    fn link(&mut self, handle: Handle, next: Handle) {
        self.slots[handle.0 as usize].next = next.0;
    }
}

/// A first-in first-out queue of packets of an arena.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fifo {
    head: Handle,
    tail: Handle,
    /// Packets in it.
    pub(crate) packets: u32,
    /// Their bytes on the wire.
    pub(crate) bytes: u32,
}

impl Fifo {
    pub(crate) const EMPTY: Self =
        Self { head: Handle::NONE, tail: Handle::NONE, packets: 0, bytes: 0 };

    pub(crate) fn push(&mut self, arena: &mut Arena, handle: Handle) {
        arena.link(handle, Handle::NONE);
        if self.packets == 0 {
            self.head = handle;
        } else {
            arena.link(self.tail, handle);
        }
        self.tail = handle;
        self.packets += 1;
        self.bytes += u32::from(arena.get(handle).wire_bytes);
    }

    pub(crate) fn first(&self) -> Option<Handle> {
        (self.packets > 0).then_some(self.head)
    }

    pub(crate) fn pop(&mut self, arena: &Arena) -> Option<Handle> {
        if self.packets == 0 {
            return None;
        }
        let handle = self.head;
        self.head = arena.next(handle);
        self.packets -= 1;
        self.bytes -= u32::from(arena.get(handle).wire_bytes);
        Some(handle)
    }

    /// Takes out the packet behind `before`, or the first one if that is [`Handle::NONE`].
    pub(crate) fn remove_behind(&mut self, arena: &mut Arena, before: Handle) -> Handle {
        if before == Handle::NONE {
            return self.pop(arena).expect("there is a packet to remove");
        }
        let handle = arena.next(before);
        arena.link(before, arena.next(handle));
        if self.tail == handle {
            self.tail = before;
        }
        self.packets -= 1;
        self.bytes -= u32::from(arena.get(handle).wire_bytes);
        handle
    }

    /// The packets in order, each with the one before it.
    pub(crate) fn iter<'a>(
        &self,
        arena: &'a Arena,
    ) -> impl Iterator<Item = (Handle, Handle)> + use<'a> {
        let mut before = Handle::NONE;
        let mut at = self.head;
        (0..self.packets).map(move |_| {
            let here = (before, at);
            before = at;
            at = arena.next(at);
            here
        })
    }
}
