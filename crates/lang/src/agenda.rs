//! The events that a program generated and that have not fired yet.
//!
//! Both engines keep them here, so they refuse the same ones and fire them in the same order. The
//! arguments of an event lie packed in memory that grows with the most events that were ever
//! pending at once, up to the capacity, and is used again; generating an event allocates nothing
//! otherwise.

use crate::engine::EventStats;
use crate::ir::{CHAIN_MAX, EventId, Program};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use trama_base::Nanos;

/// The pending events of a program.
#[derive(Clone, Debug)]
pub struct Agenda {
    /// By node, then by event.
    kinds: Vec<Vec<Kind>>,
    /// Those without a delay, first in first out.
    soon: VecDeque<Pending>,
    /// The others, by due time, then by generation.
    later: BinaryHeap<Reverse<(Nanos, u64, Pending)>>,
    /// Events generated with a delay so far.
    generated: u64,
    /// Events without a delay that may still be generated before something else happens.
    chain_left: u32,
}

/// What is known of the events of one kind.
#[derive(Clone, Debug)]
struct Kind {
    capacity: u32,
    arg_bytes: usize,
    /// Packed arguments, by slot.
    args: Vec<u8>,
    slots: u32,
    free: Vec<u32>,
    stats: EventStats,
}

/// One event, with the slot of its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Pending {
    node: u32,
    event: u32,
    slot: u32,
}

/// An event that fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Firing {
    /// Index of the node.
    pub node: u32,
    /// Index of the event in its node.
    pub event: EventId,
}

impl Agenda {
    /// The agenda of a program of which nothing has run yet.
    pub fn new(program: &Program) -> Self {
        let kind = |event: &crate::ir::Event| Kind {
            capacity: event.capacity,
            arg_bytes: event.shape.bytes(),
            args: Vec::new(),
            slots: 0,
            free: Vec::new(),
            stats: EventStats::default(),
        };
        let kinds = program.nodes.iter().map(|node| node.events.iter().map(kind).collect());
        Self {
            kinds: kinds.collect(),
            soon: VecDeque::new(),
            later: BinaryHeap::new(),
            generated: 0,
            chain_left: CHAIN_MAX,
        }
    }

    /// Generates an event with packed arguments, as many bytes as its shape says. False, and
    /// counted as refused, where the head of [`crate::ir`] says so.
    pub fn generate(
        &mut self,
        now: Nanos,
        node: u32,
        event: EventId,
        delay: Nanos,
        args: &[u8],
    ) -> bool {
        let kind = &mut self.kinds[node as usize][event.0 as usize];
        let has_time = delay > Nanos::ZERO || self.chain_left > 0;
        let due = now.0.checked_add(delay.0).filter(|_| has_time && kind.has_room());
        let Some(due) = due.map(Nanos) else {
            kind.stats.refused += 1;
            return false;
        };
        let slot = kind.keep(args);
        let pending = Pending { node, event: event.0, slot };
        if delay == Nanos::ZERO {
            self.chain_left -= 1;
            self.soon.push_back(pending);
        } else {
            self.later.push(Reverse((due, self.generated, pending)));
            self.generated += 1;
        }
        true
    }

    /// When the next event with a delay is due.
    #[inline]
    pub fn next_due(&self) -> Option<Nanos> {
        self.later.peek().map(|Reverse((due, ..))| *due)
    }

    /// True if an event without a delay waits.
    #[inline]
    pub fn has_soon(&self) -> bool {
        !self.soon.is_empty()
    }

    /// Takes the next event without a delay, and its arguments into `args`. When there is none any
    /// more, the next chain begins.
    pub fn take_soon(&mut self, args: &mut Vec<u8>) -> Option<Firing> {
        let Some(pending) = self.soon.pop_front() else {
            self.chain_left = CHAIN_MAX;
            return None;
        };
        Some(self.fire(pending, args))
    }

    /// Takes the next event with a delay, due or not, and its arguments into `args`.
    pub fn take_later(&mut self, args: &mut Vec<u8>) -> Option<Firing> {
        let Reverse((.., pending)) = self.later.pop()?;
        Some(self.fire(pending, args))
    }

    /// Counters of each event of a node.
    pub fn stats(&self, node: usize) -> Vec<EventStats> {
        self.kinds[node].iter().map(|kind| kind.stats).collect()
    }

    fn fire(&mut self, pending: Pending, args: &mut Vec<u8>) -> Firing {
        let Pending { node, event, slot } = pending;
        let kind = &mut self.kinds[node as usize][event as usize];
        let at = slot as usize * kind.arg_bytes;
        args.clear();
        args.extend_from_slice(&kind.args[at..at + kind.arg_bytes]);
        kind.free.push(slot);
        kind.stats.pending -= 1;
        kind.stats.fired += 1;
        Firing { node, event: EventId(event) }
    }
}

impl Kind {
    fn has_room(&self) -> bool {
        self.stats.pending < u64::from(self.capacity)
    }

    /// Keeps the arguments of one event more; tells in which slot.
    fn keep(&mut self, args: &[u8]) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.args.resize(self.args.len() + self.arg_bytes, 0);
            self.slots += 1;
            self.slots - 1
        });
        let at = slot as usize * self.arg_bytes;
        self.args[at..at + self.arg_bytes].copy_from_slice(args);
        self.stats.generated += 1;
        self.stats.pending += 1;
        self.stats.peak = self.stats.peak.max(self.stats.pending);
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{Event, Node};
    use trama_state::Shape;

    fn agenda(capacity: u32) -> Agenda {
        let event = Event { capacity, shape: Shape(vec![8]), ..Event::default() };
        let node = Node { events: vec![event], ..Node::default() };
        Agenda::new(&Program { nodes: vec![node], ..Program::default() })
    }

    fn generate(agenda: &mut Agenda, now: u64, delay: u64, arg: u8) -> bool {
        agenda.generate(Nanos(now), 0, EventId(0), Nanos(delay), &[arg])
    }

    #[test]
    fn events_fire_by_due_time_then_by_generation() {
        let mut agenda = agenda(10);
        for (delay, arg) in [(5, 1), (3, 2), (5, 3), (4, 4)] {
            assert!(generate(&mut agenda, 10, delay, arg));
        }
        assert_eq!(agenda.next_due(), Some(Nanos(13)));
        let mut args = Vec::new();
        let mut order: Vec<u8> = Vec::new();
        while agenda.take_later(&mut args).is_some() {
            order.extend(&args);
        }
        assert_eq!(order, [2, 4, 1, 3]);
    }

    #[test]
    fn what_finds_no_room_is_refused_and_counted() {
        let mut agenda = agenda(2);
        assert!(generate(&mut agenda, 0, 1, 1) && generate(&mut agenda, 0, 0, 2));
        assert!(!generate(&mut agenda, 0, 1, 3), "full");
        assert!(agenda.take_soon(&mut Vec::new()).is_some());
        assert!(!generate(&mut agenda, 2, u64::MAX, 4), "beyond the end of time");
        let stats = agenda.stats(0)[0];
        let expected = EventStats { generated: 2, fired: 1, refused: 2, pending: 1, peak: 2 };
        assert_eq!(stats, expected);
        assert!(generate(&mut agenda, 0, 1, 5));
        assert_eq!(agenda.kinds[0][0].args.len(), 2, "memory is used again");
    }

    #[test]
    fn a_chain_without_delay_comes_to_its_end() {
        let mut agenda = agenda(1);
        let mut args = Vec::new();
        let mut count = 0;
        generate(&mut agenda, 0, 0, 0);
        while agenda.take_soon(&mut args).is_some() {
            count += 1;
            generate(&mut agenda, 0, 0, 0);
        }
        assert_eq!(count, CHAIN_MAX);
        assert!(generate(&mut agenda, 0, 0, 0), "the next chain is another");
    }
}
