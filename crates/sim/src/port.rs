//! The output port of a node: its link, its queues and what they do when they fill.
//!
//! A [`Queueing`] is shared by the ports of one kind: how many classes there are and how they are
//! served, where arriving packets are marked, and who gives way when there is no room.

use crate::arena::{Arena, Fifo, Handle};
use trama_base::{Picos, Rate, Rng};
use trama_transport::fabric::{CLASSES_MAX, Credits, Marking, Overflow, Service};
use trama_transport::{Flags, Hop, Kind, Queueing};

/// Counts of a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortCounters {
    /// Bytes sent.
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

/// An output port with its link. What most packets need of it fills one cache line.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Port {
    pub(crate) busy_until: Picos,
    /// Picoseconds per byte, times 2^16.
    ps_per_byte: u64,
    pub(crate) delay: Picos,
    sent_bytes: u64,
    pub(crate) waiting_bytes: u32,
    peak_bytes: u32,
    /// Classes in which packets wait: bit `c` for class `c`.
    ready: u8,
    /// Classes that may not be sent: bit `c` for class `c`.
    pub(crate) paused: u8,
    /// Packets of class 0 served since another one was; or the class whose turn it is.
    turn: u8,
    /// Whether an event will come when the link is free.
    pub(crate) is_waking: bool,
    queues: [Fifo; CLASSES_MAX],
    pub(crate) rate: Rate,
    /// All but what is counted above.
    pub(crate) counters: PortCounters,
    /// The node that it belongs to.
    pub(crate) from: u32,
    /// The port of the other direction.
    pub(crate) reverse: u32,
    /// By class: bytes that it may still send in its turn.
    deficits: [i32; CLASSES_MAX],
    /// When the next credit may go if there was no burst.
    credit_at: Picos,
    paused_since: Picos,
}

const _: () = assert!(std::mem::offset_of!(Port, queues) + size_of::<Fifo>() <= 64);

/// The other end of a port's link, apart from the port: it is all that an arrival needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// The node.
    pub(crate) to: u32,
    /// Whether the link is broken: what is sent is lost.
    pub(crate) is_down: bool,
}

/// Where an arriving packet belongs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Its class.
    pub(crate) class: usize,
    /// Bytes for which there is room.
    pub(crate) room_bytes: u32,
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
    pub(crate) fn new(from: u32, rate: Rate, delay: Picos) -> Self {
        Self {
            busy_until: Picos::ZERO,
            ps_per_byte: ((8_000_000_000_000_u128 << 16) / u128::from(rate.0)) as u64,
            delay,
            sent_bytes: 0,
            waiting_bytes: 0,
            peak_bytes: 0,
            ready: 0,
            paused: 0,
            turn: 0,
            is_waking: false,
            queues: [Fifo::EMPTY; CLASSES_MAX],
            rate,
            counters: PortCounters::default(),
            from,
            reverse: NOWHERE,
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

    /// What it has counted.
    pub(crate) fn counted(&self) -> PortCounters {
        PortCounters { bytes: self.sent_bytes, peak_bytes: self.peak_bytes, ..self.counters }
    }

    /// Begins to send a packet of so many bytes.
    #[inline]
    pub(crate) fn begin(&mut self, now: Picos, bytes: u16) {
        self.busy_until = now + self.serialisation(bytes);
        self.sent_bytes += u64::from(bytes);
    }

    /// Bytes that wait in a class.
    pub(crate) fn class_bytes(&self, class: usize) -> u32 {
        self.queues[class].bytes
    }

    #[inline]
    pub(crate) fn has_waiting(&self) -> bool {
        self.ready != 0
    }

    /// Whether a packet that arrives now can be sent at once.
    #[inline]
    pub(crate) fn is_idle(&self, now: Picos) -> bool {
        !self.is_waking && self.busy_until <= now && self.ready == 0 && self.paused == 0
    }

    /// What the port with this number tells of itself in a packet that it begins to send.
    pub(crate) fn tell(&self, port: u32, now: Picos) -> Hop {
        Hop {
            port,
            time: now,
            queue_bytes: u64::from(self.waiting_bytes),
            sent_bytes: self.sent_bytes,
            bits_per_s: self.rate.0,
        }
    }

    /// Time that a packet of so many bytes occupies the link.
    #[inline]
    pub(crate) fn serialisation(&self, bytes: u16) -> Picos {
        Picos((u64::from(bytes) * self.ps_per_byte) >> 16)
    }

    /// Marks a packet as it arrives, by what waits before it, or as it departs, by what waits
    /// behind it.
    #[inline]
    pub(crate) fn mark(
        &mut self,
        marking: &Marking,
        arena: &mut Arena,
        handle: Handle,
        class: usize,
        rng: &mut Rng,
    ) {
        let waiting = self.queues[class].bytes;
        if waiting <= marking.from_bytes {
            return;
        }
        let packet = arena.get_mut(handle);
        if !packet.flags.has(Flags::ECN_CAPABLE) {
            return;
        }
        if waiting > marking.to_bytes || rng.unit() < marking.share(waiting) {
            packet.flags = packet.flags.with(Flags::CONGESTION);
            self.counters.marked += 1;
        }
    }

    /// Puts a packet in the queue of a class that has room for so many bytes; what has to go
    /// instead, if anything.
    #[inline]
    pub(crate) fn enqueue(
        &mut self,
        rules: &Queueing,
        arena: &mut Arena,
        handle: Handle,
        place: Place,
        rng: &mut Rng,
    ) -> Option<Handle> {
        let packet = arena.get(handle);
        let bytes = u32::from(packet.wire_bytes);
        if let Some(limit) = rules.drop_unscheduled_above_bytes
            && packet.kind == Kind::Data
            && packet.flags.has(Flags::UNSCHEDULED)
            && self.waiting_bytes > limit
        {
            return self.refuse(handle);
        }
        let is_full = bytes > place.room_bytes;
        match rules.overflow {
            Overflow::Drop => {}
            Overflow::Trim { packets, header_bytes } => {
                if packet.kind.is_control() || packet.flags.has(Flags::TRIMMED) {
                    if is_full {
                        return self.refuse(handle);
                    }
                    self.push(0, arena, handle);
                    return None;
                }
                if self.queues[place.class].packets >= packets {
                    return self.trim(arena, handle, place, header_bytes, rng);
                }
            }
            Overflow::WorstRemaining if is_full => return self.displace(arena, handle),
            Overflow::WorstRemaining => {}
        }
        if is_full {
            return self.refuse(handle);
        }
        if let Some(credits) = &rules.credits
            && place.class == 0
            && self.queues[0].packets >= credits.packets
        {
            return self.refuse(handle);
        }
        self.push(place.class, arena, handle);
        None
    }

    #[cold]
    fn refuse(&mut self, handle: Handle) -> Option<Handle> {
        self.counters.dropped += 1;
        Some(handle)
    }

    #[inline]
    fn push(&mut self, class: usize, arena: &mut Arena, handle: Handle) {
        let bytes = self.queues[class].push(arena, handle);
        self.ready |= 1 << class;
        self.waiting_bytes += bytes;
        self.peak_bytes = self.peak_bytes.max(self.waiting_bytes);
    }

    /// A packet has been taken out of a class.
    #[inline]
    fn taken(&mut self, class: usize, bytes: u32) {
        self.waiting_bytes -= bytes;
        if self.queues[class].packets == 0 {
            self.ready &= !(1 << class);
        }
    }

    /// Cuts the payload off an arriving packet, or off the last one that waits.
    fn trim(
        &mut self,
        arena: &mut Arena,
        arriving: Handle,
        place: Place,
        header_bytes: u16,
        rng: &mut Rng,
    ) -> Option<Handle> {
        let Place { class, room_bytes } = place;
        let mut victim = arriving;
        if rng.one_in(2) {
            let before = self.queues[class].iter(arena).last().map(|(before, _)| before);
            if let Some(before) = before {
                victim = self.queues[class].remove_behind(arena, before);
                self.taken(class, u32::from(arena.get(victim).wire_bytes));
                self.push(class, arena, arriving);
            }
        }
        let packet = arena.get_mut(victim);
        packet.wire_bytes = packet.wire_bytes.min(header_bytes);
        packet.flags = packet.flags.with(Flags::TRIMMED);
        self.counters.trimmed += 1;
        if u32::from(header_bytes) > room_bytes {
            return self.refuse(victim);
        }
        self.push(0, arena, victim);
        None
    }

    /// Makes room by dropping the packet with the most bytes remaining, which may be the new one.
    fn displace(&mut self, arena: &mut Arena, arriving: Handle) -> Option<Handle> {
        let worst = self.queues[0]
            .iter(arena)
            .max_by_key(|&(_, at)| arena.get(at).rank())
            .filter(|&(_, at)| arena.get(at).rank() > arena.get(arriving).rank());
        let Some((before, _)) = worst else { return self.refuse(arriving) };
        let victim = self.queues[0].remove_behind(arena, before);
        self.taken(0, u32::from(arena.get(victim).wire_bytes));
        self.push(0, arena, arriving);
        self.refuse(victim)
    }

    /// What to send next.
    #[inline]
    pub(crate) fn dequeue(&mut self, now: Picos, rules: &Queueing, arena: &mut Arena) -> Next {
        if self.ready == 0 {
            return Next::Nothing;
        }
        let mut class = 0;
        let handle = if rules.overflow == Overflow::WorstRemaining {
            self.take_best(arena)
        } else {
            if rules.classes > 1 || self.paused != 0 || rules.credits.is_some() {
                class = match self.next_class(now, rules, arena) {
                    Ok(class) => class,
                    Err(next) => return next,
                };
            }
            self.queues[class].pop(arena)
        };
        let handle = handle.expect("a queue that was chosen has a packet");
        self.taken(class, u32::from(arena.get(handle).wire_bytes));
        Next::Packet(handle)
    }

    /// The first packet of the flow with the fewest bytes remaining.
    fn take_best(&mut self, arena: &mut Arena) -> Option<Handle> {
        let best = self.queues[0].iter(arena).min_by_key(|&(_, at)| arena.get(at).rank());
        let flow = best.map(|(_, at)| arena.get(at).flow)?;
        let (before, _) = self.queues[0].iter(arena).find(|&(_, at)| arena.get(at).flow == flow)?;
        Some(self.queues[0].remove_behind(arena, before))
    }

    /// The class that is served, or why none is. Something waits.
    #[inline]
    fn next_class(&mut self, now: Picos, rules: &Queueing, arena: &Arena) -> Result<usize, Next> {
        let ready = match &rules.credits {
            Some(credits) => self.ready_with_credits(now, credits, arena)?,
            None => self.ready & !self.paused,
        };
        if ready == 0 {
            return Err(Next::Nothing);
        }
        let first = ready.trailing_zeros() as usize;
        match &rules.service {
            Service::Strict => Ok(first),
            Service::FirstFavoured(share) => {
                let others = ready & !1;
                if others == 0 || (first == 0 && u32::from(self.turn) < *share) {
                    self.turn = self.turn.saturating_add(1);
                    return Ok(0);
                }
                self.turn = 0;
                Ok(others.trailing_zeros() as usize)
            }
            Service::Weighted(weights) if weights[0] != 0 || first != 0 => {
                Ok(self.take_turn(ready, weights, arena))
            }
            Service::Weighted(_) => Ok(0),
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

    /// The classes that may be served; class 0 alone if its next packet has a credit's right to go.
    #[cold]
    fn ready_with_credits(
        &mut self,
        now: Picos,
        credits: &Credits,
        arena: &Arena,
    ) -> Result<u8, Next> {
        let open = self.ready & !self.paused;
        let Some(first) = self.queues[0].first().filter(|_| open & 1 != 0) else {
            return Ok(open);
        };
        match self.spend_credit(now, credits, arena.get(first).wire_bytes) {
            // Credits go before everything else.
            None => Ok(1),
            Some(at) if open == 1 => Err(Next::Later(at)),
            Some(_) => Ok(open & !1),
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
