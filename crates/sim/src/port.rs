//! The output port of a node: its link, its queues and what they do when they fill.
//!
//! A [`Queueing`] is shared by the ports of one kind: how many classes there are and how they are
//! served, where arriving packets are marked, and who gives way when there is no room.

use crate::arena::{Arena, Fifo, Handle};
use trama_base::{Picos, Rate, Rng};
use trama_transport::fabric::{CLASSES_MAX, Overflow, Service};
use trama_transport::{Flags, Hop, Kind, Queueing};

/// Counts of a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortCounters {
    /// Packets sent.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packets dropped for want of room.
    pub dropped: u64,
    /// Packets trimmed.
    pub trimmed: u64,
    /// Packets marked.
    pub marked: u64,
    /// Most bytes that ever waited.
    pub peak_bytes: u32,
}

/// An output port with its link.
#[derive(Debug)]
pub(crate) struct Port {
    /// The node at the other end.
    pub(crate) to: u32,
    /// Index of its [`Queueing`].
    queueing: u16,
    /// Whether an event will come when the link is free.
    pub(crate) is_waking: bool,
    /// Packets of class 0 served since another one was.
    favoured: u8,
    pub(crate) waiting_bytes: u32,
    waiting: u32,
    pub(crate) busy_until: Picos,
    pub(crate) rate: Rate,
    /// Picoseconds per byte, times 2^16.
    ps_per_byte: u64,
    pub(crate) delay: Picos,
    pub(crate) counters: PortCounters,
    queues: [Fifo; CLASSES_MAX],
}

impl Port {
    pub(crate) fn new(to: u32, rate: Rate, delay: Picos, queueing: u16) -> Self {
        Self {
            to,
            queueing,
            is_waking: false,
            favoured: 0,
            waiting_bytes: 0,
            waiting: 0,
            busy_until: Picos::ZERO,
            rate,
            ps_per_byte: ((8_000_000_000_000_u128 << 16) / u128::from(rate.0)) as u64,
            delay,
            counters: PortCounters::default(),
            queues: [Fifo::EMPTY; CLASSES_MAX],
        }
    }

    pub(crate) fn queueing(&self) -> usize {
        usize::from(self.queueing)
    }

    pub(crate) fn has_waiting(&self) -> bool {
        self.waiting > 0
    }

    /// What the port tells of itself in a packet that it begins to send.
    pub(crate) fn tell(&self, now: Picos) -> Hop {
        Hop {
            time: now,
            queue_bytes: u64::from(self.waiting_bytes),
            sent_bytes: self.counters.bytes,
            bits_per_s: self.rate.0,
        }
    }

    /// Time that a packet of so many bytes occupies the link.
    pub(crate) fn serialisation(&self, bytes: u16) -> Picos {
        Picos((u64::from(bytes) * self.ps_per_byte) >> 16)
    }

    /// Marks a packet as it arrives, by what waits before it, or as it departs, by what waits
    /// behind it.
    pub(crate) fn mark(
        &mut self,
        rules: &Queueing,
        arena: &mut Arena,
        handle: Handle,
        rng: &mut Rng,
        departs: bool,
    ) {
        let Some(marking) = rules.marking.as_ref().filter(|it| it.departing == departs) else {
            return;
        };
        let packet = arena.get_mut(handle);
        let waiting = self.queues[rules.class_of(packet.priority)].bytes;
        if waiting <= marking.from_bytes || !packet.flags.has(Flags::ECN_CAPABLE) {
            return;
        }
        if waiting > marking.to_bytes || rng.unit() < marking.share(waiting) {
            packet.flags = packet.flags.with(Flags::CONGESTION);
            self.counters.marked += 1;
        }
    }

    /// Puts a packet in a queue; what has to go instead, if anything.
    pub(crate) fn enqueue(
        &mut self,
        rules: &Queueing,
        arena: &mut Arena,
        handle: Handle,
        rng: &mut Rng,
    ) -> Option<Handle> {
        let packet = arena.get(handle);
        let bytes = u32::from(packet.wire_bytes);
        let is_unscheduled = packet.kind == Kind::Data && packet.flags.has(Flags::UNSCHEDULED);
        if is_unscheduled
            && rules.drop_unscheduled_above_bytes.is_some_and(|limit| self.waiting_bytes > limit)
        {
            self.counters.dropped += 1;
            return Some(handle);
        }
        let is_full = self.waiting_bytes + bytes > rules.capacity_bytes;
        match rules.overflow {
            Overflow::Trim { packets, header_bytes } if packet.kind == Kind::Data => {
                let class = rules.class_of(packet.priority);
                if self.queues[class].packets >= packets && !packet.flags.has(Flags::TRIMMED) {
                    return self.trim(rules, arena, handle, header_bytes, rng);
                }
            }
            Overflow::WorstRemaining if is_full => {
                return self.displace(rules, arena, handle);
            }
            _ => {}
        }
        if is_full {
            self.counters.dropped += 1;
            return Some(handle);
        }
        self.push(rules, arena, handle);
        None
    }

    fn push(&mut self, rules: &Queueing, arena: &mut Arena, handle: Handle) {
        let packet = arena.get(handle);
        let is_header = packet.flags.has(Flags::TRIMMED) || packet.kind.is_control();
        let class = match rules.overflow {
            Overflow::Trim { .. } if is_header => 0,
            _ => rules.class_of(packet.priority),
        };
        self.waiting_bytes += u32::from(packet.wire_bytes);
        self.waiting += 1;
        self.counters.peak_bytes = self.counters.peak_bytes.max(self.waiting_bytes);
        self.queues[class].push(arena, handle);
    }

    /// Cuts the payload off an arriving packet, or off the last one that waits.
    fn trim(
        &mut self,
        rules: &Queueing,
        arena: &mut Arena,
        arriving: Handle,
        header_bytes: u16,
        rng: &mut Rng,
    ) -> Option<Handle> {
        let class = rules.class_of(arena.get(arriving).priority);
        let mut victim = arriving;
        if rng.one_in(2) {
            let before = self.queues[class].iter(arena).last().map(|(before, _)| before);
            if let Some(before) = before {
                victim = self.queues[class].remove_behind(arena, before);
                let bytes = u32::from(arena.get(victim).wire_bytes);
                self.waiting_bytes -= bytes;
                self.waiting -= 1;
                self.push(rules, arena, arriving);
            }
        }
        let packet = arena.get_mut(victim);
        packet.wire_bytes = packet.wire_bytes.min(header_bytes);
        packet.flags = packet.flags.with(Flags::TRIMMED);
        self.counters.trimmed += 1;
        if self.waiting_bytes + u32::from(header_bytes) > rules.capacity_bytes {
            self.counters.dropped += 1;
            return Some(victim);
        }
        self.push(rules, arena, victim);
        None
    }

    /// Makes room by dropping the packet with the most bytes remaining, which may be the new one.
    fn displace(
        &mut self,
        rules: &Queueing,
        arena: &mut Arena,
        arriving: Handle,
    ) -> Option<Handle> {
        self.counters.dropped += 1;
        let worst = self.queues[0]
            .iter(arena)
            .max_by_key(|&(_, at)| arena.get(at).rank())
            .filter(|&(_, at)| arena.get(at).rank() > arena.get(arriving).rank());
        let Some((before, _)) = worst else { return Some(arriving) };
        let victim = self.queues[0].remove_behind(arena, before);
        self.waiting_bytes -= u32::from(arena.get(victim).wire_bytes);
        self.waiting -= 1;
        self.push(rules, arena, arriving);
        Some(victim)
    }

    /// The packet to send next.
    pub(crate) fn dequeue(&mut self, rules: &Queueing, arena: &mut Arena) -> Option<Handle> {
        if self.waiting == 0 {
            return None;
        }
        let handle = if rules.overflow == Overflow::WorstRemaining {
            let best = self.queues[0].iter(arena).min_by_key(|&(_, at)| arena.get(at).rank());
            let flow = best.map(|(_, at)| arena.get(at).flow)?;
            let (before, _) =
                self.queues[0].iter(arena).find(|&(_, at)| arena.get(at).flow == flow)?;
            self.queues[0].remove_behind(arena, before)
        } else {
            let class = self.next_class(rules)?;
            self.queues[class].pop(arena)?
        };
        self.waiting_bytes -= u32::from(arena.get(handle).wire_bytes);
        self.waiting -= 1;
        Some(handle)
    }

    fn next_class(&mut self, rules: &Queueing) -> Option<usize> {
        let classes = &self.queues[..usize::from(rules.classes)];
        let first = classes.iter().position(|queue| queue.packets > 0)?;
        let Service::FirstFavoured(share) = rules.service else { return Some(first) };
        if first != 0 {
            self.favoured = 0;
            return Some(first);
        }
        if u32::from(self.favoured) < share {
            self.favoured += 1;
            return Some(0);
        }
        self.favoured = 0;
        Some(classes[1..].iter().position(|queue| queue.packets > 0).map_or(0, |class| class + 1))
    }
}
