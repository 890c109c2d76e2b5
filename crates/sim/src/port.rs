//! The output port of a node: its link, its queues and what they do when they fill.
//!
//! A [`Queueing`] is shared by the ports of one kind: how many classes there are and how they are
//! served, where arriving packets are marked, and who gives way when there is no room.

use crate::arena::{Arena, Fifo, Handle};
use trama_base::{Picos, Rate, Rng};
use trama_transport::fabric::{CLASSES_MAX, Credits, Overflow, Service};
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
    /// Packets lost on the link.
    pub lost: u64,
    /// Most bytes that ever waited.
    pub peak_bytes: u32,
    /// Times that a class of it was paused.
    pub pauses: u64,
    /// For how long at least one class was.
    pub paused: Picos,
}

/// Bytes that a weight of 1 stands for in a round.
const QUANTUM_BYTES: i32 = 1500;
/// What a port without a reverse names.
const NOWHERE: u32 = u32::MAX;

/// An output port with its link.
#[derive(Debug)]
pub(crate) struct Port {
    /// The node that it belongs to.
    pub(crate) from: u32,
    /// The node at the other end.
    pub(crate) to: u32,
    /// The port of the other direction.
    pub(crate) reverse: u32,
    /// Whether an event will come when the link is free.
    pub(crate) is_waking: bool,
    /// Whether the link is broken: what is sent is lost.
    pub(crate) is_down: bool,
    /// Classes that may not be sent: bit `c` for class `c`.
    pub(crate) paused: u8,
    /// Packets of class 0 served since another one was; or the class whose turn it is.
    turn: u8,
    pub(crate) waiting_bytes: u32,
    waiting: u32,
    pub(crate) busy_until: Picos,
    pub(crate) rate: Rate,
    /// Picoseconds per byte, times 2^16.
    ps_per_byte: u64,
    pub(crate) delay: Picos,
    pub(crate) counters: PortCounters,
    queues: [Fifo; CLASSES_MAX],
    /// By class: bytes that it may still send in its turn.
    deficits: [i32; CLASSES_MAX],
    /// When the next credit may go if there was no burst.
    credit_at: Picos,
    paused_since: Picos,
}

/// What a port does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// It sends this packet.
    Packet(Handle),
    /// Nothing before this time.
    Later(Picos),
    /// Nothing until something else happens.
    Nothing,
}

impl Port {
    pub(crate) fn new(from: u32, to: u32, rate: Rate, delay: Picos) -> Self {
        Self {
            from,
            to,
            reverse: NOWHERE,
            is_waking: false,
            is_down: false,
            paused: 0,
            turn: 0,
            waiting_bytes: 0,
            waiting: 0,
            busy_until: Picos::ZERO,
            rate,
            ps_per_byte: ((8_000_000_000_000_u128 << 16) / u128::from(rate.0)) as u64,
            delay,
            counters: PortCounters::default(),
            queues: [Fifo::EMPTY; CLASSES_MAX],
            deficits: [0; CLASSES_MAX],
            credit_at: Picos::ZERO,
            paused_since: Picos::ZERO,
        }
    }

    /// Pauses a class or lets it go on.
    pub(crate) fn pause(&mut self, now: Picos, class: u8, is_paused: bool) {
        let before = self.paused;
        self.paused = self.paused & !(1 << class) | u8::from(is_paused) << class;
        self.counters.pauses += u64::from(is_paused);
        if before == 0 && self.paused != 0 {
            self.paused_since = now;
        } else if before != 0 && self.paused == 0 {
            self.counters.paused += now - self.paused_since;
        }
    }

    /// Bytes that wait in a class.
    pub(crate) fn class_bytes(&self, class: usize) -> u32 {
        self.queues[class].bytes
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

    /// Marks a packet as it arrives, by what waits before it.
    pub(crate) fn mark(
        &mut self,
        rules: &Queueing,
        arena: &mut Arena,
        handle: Handle,
        rng: &mut Rng,
    ) {
        let Some(marking) = &rules.marking else { return };
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

    /// Puts a packet in a queue that has room for so many bytes; what has to go instead, if
    /// anything.
    pub(crate) fn enqueue(
        &mut self,
        rules: &Queueing,
        arena: &mut Arena,
        handle: Handle,
        room_bytes: u32,
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
        let is_full = bytes > room_bytes;
        match rules.overflow {
            Overflow::Trim { packets, header_bytes } if packet.kind == Kind::Data => {
                let class = rules.class_of(packet.priority);
                if self.queues[class].packets >= packets && !packet.flags.has(Flags::TRIMMED) {
                    return self.trim(rules, arena, handle, header_bytes, room_bytes, rng);
                }
            }
            Overflow::WorstRemaining if is_full => {
                return self.displace(rules, arena, handle);
            }
            _ => {}
        }
        if let Some(credits) = &rules.credits
            && rules.class_of(packet.priority) == 0
            && self.queues[0].packets >= credits.packets
        {
            self.counters.dropped += 1;
            return Some(handle);
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
        room_bytes: u32,
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
        if u32::from(header_bytes) > room_bytes {
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
            .max_by_key(|&(_, at)| arena.get(at).detail)
            .filter(|&(_, at)| arena.get(at).detail > arena.get(arriving).detail);
        let Some((before, _)) = worst else { return Some(arriving) };
        let victim = self.queues[0].remove_behind(arena, before);
        self.waiting_bytes -= u32::from(arena.get(victim).wire_bytes);
        self.waiting -= 1;
        self.push(rules, arena, arriving);
        Some(victim)
    }

    /// What to send next.
    pub(crate) fn dequeue(&mut self, now: Picos, rules: &Queueing, arena: &mut Arena) -> Next {
        if self.waiting == 0 {
            return Next::Nothing;
        }
        let handle = if rules.overflow == Overflow::WorstRemaining {
            self.take_best(arena)
        } else if rules.classes == 1 && self.paused == 0 && rules.credits.is_none() {
            self.queues[0].pop(arena)
        } else {
            match self.next_class(now, rules, arena) {
                Ok(class) => self.queues[class].pop(arena),
                Err(next) => return next,
            }
        };
        let handle = handle.expect("a queue that was chosen has a packet");
        self.waiting_bytes -= u32::from(arena.get(handle).wire_bytes);
        self.waiting -= 1;
        Next::Packet(handle)
    }

    /// The first packet of the flow with the fewest bytes remaining.
    fn take_best(&mut self, arena: &mut Arena) -> Option<Handle> {
        let best = self.queues[0].iter(arena).min_by_key(|&(_, at)| arena.get(at).detail);
        let flow = best.map(|(_, at)| arena.get(at).flow)?;
        let (before, _) = self.queues[0].iter(arena).find(|&(_, at)| arena.get(at).flow == flow)?;
        Some(self.queues[0].remove_behind(arena, before))
    }

    /// The class that is served, or why none is. Something waits.
    fn next_class(&mut self, now: Picos, rules: &Queueing, arena: &Arena) -> Result<usize, Next> {
        let mut later = Next::Nothing;
        let mut open = !self.paused;
        if let Some(credits) = &rules.credits
            && let Some(first) = self.queues[0].first()
        {
            match self.spend_credit(now, credits, arena.get(first).wire_bytes) {
                // Credits go before everything else.
                None if open & 1 != 0 => return Ok(0),
                None => {}
                Some(at) => {
                    later = Next::Later(at);
                    open &= !1;
                }
            }
        }
        let classes = usize::from(rules.classes);
        let is_ready = |class: &usize| open & 1 << class != 0 && self.queues[*class].packets > 0;
        let first = (0..classes).find(is_ready).ok_or(later)?;
        match rules.service {
            Service::Strict => Ok(first),
            Service::FirstFavoured(share) => {
                let other = (1..classes).find(is_ready);
                let chosen = match other {
                    Some(other) if first != 0 || u32::from(self.turn) >= share => other,
                    _ => first,
                };
                self.turn = if chosen == 0 { self.turn.saturating_add(1) } else { 0 };
                Ok(chosen)
            }
            Service::Weighted(weights) => {
                if weights[0] == 0 && first == 0 {
                    return Ok(0);
                }
                let ready: u8 = (0..classes).filter(is_ready).map(|class| 1 << class).sum();
                Ok(self.take_turn(ready, &weights, arena))
            }
        }
    }

    /// Deficit round robin among the classes that are ready: those whose bit is set.
    fn take_turn(&mut self, ready: u8, weights: &[u8; CLASSES_MAX], arena: &Arena) -> usize {
        loop {
            let class = usize::from(self.turn) % CLASSES_MAX;
            let first = self.queues[class].first().filter(|_| ready & 1 << class != 0);
            if let Some(first) = first {
                let bytes = i32::from(arena.get(first).wire_bytes);
                if self.deficits[class] >= bytes {
                    self.deficits[class] -= bytes;
                    return class;
                }
            } else {
                self.deficits[class] = 0;
            }
            // The next one has its turn, with what its weight gives it.
            self.turn = ((class + 1) % CLASSES_MAX) as u8;
            let next = usize::from(self.turn);
            self.deficits[next] += QUANTUM_BYTES * i32::from(weights[next].max(1));
        }
    }

    /// Lets a credit of so many bytes go, or says when it may.
    fn spend_credit(&mut self, now: Picos, credits: &Credits, bytes: u16) -> Option<Picos> {
        let gap = self.serialisation(bytes).scaled(1.0 / credits.share);
        let ahead = Picos(gap.0 * u64::from(credits.burst.saturating_sub(1)));
        let allowed = self.credit_at - ahead;
        if allowed > now {
            return Some(allowed);
        }
        self.credit_at = self.credit_at.max(now) + gap;
        None
    }
}
