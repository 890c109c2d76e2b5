//! The output port of a node: its link, its queues and what they do when they fill.
//!
//! A [`Discipline`] is shared by the ports of one kind: how many classes there are and how they are
//! served, where arriving packets are marked, and who gives way when there is no room.

use crate::arena::{Arena, Fifo, Handle};
use trama_base::{Picos, Rate, Rng};
use trama_transport::{Flags, Kind};

/// Most classes of a port.
pub const CLASSES_MAX: usize = 8;

/// How a port queues packets.
#[derive(Clone, Debug, PartialEq)]
pub struct Discipline {
    /// Number of classes, 1 to [`CLASSES_MAX`]; a packet's priority chooses, the last class takes
    /// what is beyond.
    pub classes: u8,
    /// Who is served first.
    pub service: Service,
    /// Bytes that all classes together hold.
    pub capacity_bytes: u32,
    /// An arriving packet is marked if it finds more than so many bytes waiting in its class
    /// (RFC 3168; a single threshold on the instantaneous queue as in DCTCP, SIGCOMM 2010, 3.1).
    pub mark_above_bytes: Option<u32>,
    /// What happens to a packet that finds no room.
    pub overflow: Overflow,
    /// Unscheduled packets that find more than so many bytes are dropped (Aeolus, SIGCOMM 2020).
    pub drop_unscheduled_above_bytes: Option<u32>,
}

/// In which order classes are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// The first class that has a packet.
    Strict,
    /// Class 0 gets so many packets for each one of the others while both wait.
    FirstFavoured(u32),
}

/// What happens to a packet that finds no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// It is dropped.
    Drop,
    /// Data packets beyond so many in the last class lose their payload and go to class 0; half of
    /// the time it is the packet at the end of the queue instead (NDP, SIGCOMM 2017, 3.1).
    Trim {
        /// Data packets that wait at most.
        packets: u32,
        /// Length of what remains.
        header_bytes: u16,
    },
    /// The packet with the most bytes remaining is dropped, and the first packet of the flow with
    /// the fewest is sent (pFabric, SIGCOMM 2013, 4.1). Needs one class.
    WorstRemaining,
}

impl Discipline {
    /// One queue that drops what does not fit.
    pub const fn drop_tail(capacity_bytes: u32) -> Self {
        Self {
            classes: 1,
            service: Service::Strict,
            capacity_bytes,
            mark_above_bytes: None,
            overflow: Overflow::Drop,
            drop_unscheduled_above_bytes: None,
        }
    }

    /// One queue that marks above a threshold.
    pub const fn marking(capacity_bytes: u32, mark_above_bytes: u32) -> Self {
        let mut discipline = Self::drop_tail(capacity_bytes);
        discipline.mark_above_bytes = Some(mark_above_bytes);
        discipline
    }

    /// A short queue that trims, and one for headers that is served ten times as often.
    pub const fn trimming(packets: u32, header_bytes: u16, capacity_bytes: u32) -> Self {
        let mut discipline = Self::drop_tail(capacity_bytes);
        discipline.classes = 2;
        discipline.service = Service::FirstFavoured(10);
        discipline.overflow = Overflow::Trim { packets, header_bytes };
        discipline
    }

    /// Strict priorities that share a buffer.
    pub const fn priorities(classes: u8, capacity_bytes: u32) -> Self {
        let mut discipline = Self::drop_tail(capacity_bytes);
        discipline.classes = classes;
        discipline
    }

    fn class_of(&self, priority: u8) -> usize {
        usize::from(priority.min(self.classes - 1))
    }
}

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
    /// Index of the discipline.
    discipline: u16,
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
    pub(crate) fn new(to: u32, rate: Rate, delay: Picos, discipline: u16) -> Self {
        Self {
            to,
            discipline,
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

    pub(crate) fn discipline(&self) -> usize {
        usize::from(self.discipline)
    }

    pub(crate) fn has_waiting(&self) -> bool {
        self.waiting > 0
    }

    pub(crate) fn waiting_packets(&self) -> u32 {
        self.waiting
    }

    /// Time that a packet of so many bytes occupies the link.
    pub(crate) fn serialisation(&self, bytes: u16) -> Picos {
        Picos((u64::from(bytes) * self.ps_per_byte) >> 16)
    }

    /// Marks a packet as it arrives, by what waits before it.
    pub(crate) fn mark(&mut self, rules: &Discipline, arena: &mut Arena, handle: Handle) {
        let Some(threshold) = rules.mark_above_bytes else { return };
        let packet = arena.get_mut(handle);
        let class = rules.class_of(packet.priority);
        if self.queues[class].bytes > threshold && packet.flags.has(Flags::ECN_CAPABLE) {
            packet.flags = packet.flags.with(Flags::CONGESTION);
            self.counters.marked += 1;
        }
    }

    /// Puts a packet in a queue; what has to go instead, if anything.
    pub(crate) fn enqueue(
        &mut self,
        rules: &Discipline,
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

    fn push(&mut self, rules: &Discipline, arena: &mut Arena, handle: Handle) {
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
        rules: &Discipline,
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
        rules: &Discipline,
        arena: &mut Arena,
        arriving: Handle,
    ) -> Option<Handle> {
        self.counters.dropped += 1;
        let worst = self.queues[0]
            .iter(arena)
            .max_by_key(|&(_, at)| arena.get(at).detail)
            .filter(|&(_, at)| arena.get(at).detail > arena.get(arriving).detail);
        let Some((before, _)) = worst else { return Some(arriving) };
        let victim = self.queues[0].remove_behind(arena, before);
        self.waiting_bytes -= u32::from(arena.get(victim).wire_bytes);
        self.waiting -= 1;
        self.push(rules, arena, arriving);
        Some(victim)
    }

    /// The packet to send next.
    pub(crate) fn dequeue(&mut self, rules: &Discipline, arena: &mut Arena) -> Option<Handle> {
        if self.waiting == 0 {
            return None;
        }
        let handle = if rules.overflow == Overflow::WorstRemaining {
            let best = self.queues[0].iter(arena).min_by_key(|&(_, at)| arena.get(at).detail);
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

    fn next_class(&mut self, rules: &Discipline) -> Option<usize> {
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
