//! The calendar of pending events.
//!
//! A timing wheel of two levels with a heap for what lies beyond (Varghese and Lauck, SOSP 1987).
//! A slot is a list that is linked backwards: an event is put in front, and the slot is sorted by
//! time when its time comes. The near wheel always spans the same time, and has more and shorter
//! slots when there are more events, so that few have to be sorted.
//!
//! Events of one time come out in the order in which they were put in, so a run does not depend on
//! how the calendar is built. No event needs a number for that: lists are walked newest first,
//! sorting keeps the order of equal times, and what comes down from the far wheel or the heap is
//! put in before anything newer is.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use trama_base::Picos;

/// Log2 of the time in picoseconds that the near wheel spans, and of a far slot: 33.6 us.
const NEAR_SPAN: u32 = 25;
/// Log2 of the number of slots of the far wheel.
const FAR_SLOTS: u32 = 12;
/// Log2 of the time that the far wheel spans: 137 ms.
const FAR_SPAN: u32 = NEAR_SPAN + FAR_SLOTS;
/// Log2 of the numbers of slots that the near wheel may have.
const NEAR_SLOTS: std::ops::RangeInclusive<u32> = 9..=17;
/// The first one.
const NEAR_SLOTS_FIRST: u32 = 13;
/// Events of a slot for which a simple sort is the fastest.
const FEW: usize = 24;
/// The index of nothing.
const NOTHING: u32 = u32::MAX;

/// An event of a wheel.
#[derive(Clone, Copy, Debug)]
struct Entry<E> {
    at: u64,
    event: E,
    /// The one that was put into the same slot before.
    before: u32,
}

/// An event of the heap, with its place in the order of all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Late<E> {
    at: u64,
    order: u64,
    event: E,
}

/// Pending events, taken in the order of time, then of insertion.
#[derive(Debug)]
pub struct Calendar<E> {
    /// Events of the slot that is being taken, latest first.
    current: Vec<(u64, E)>,
    entries: Entries<E>,
    near: Wheel,
    far: Wheel,
    beyond: BinaryHeap<Reverse<Late<E>>>,
    /// Log2 of the length of a near slot in picoseconds.
    near_shift: u32,
    /// The time at which the near wheel began its turn: a multiple of its span.
    start: u64,
    /// Number of the near slot that is being taken.
    slot: usize,
    /// Events put on the heap so far.
    late: u64,
    /// Events taken from the near wheel since it began its turn.
    taken: u64,
    len: usize,
}

/// The events of both wheels.
#[derive(Debug)]
struct Entries<E> {
    entries: Vec<Entry<E>>,
    free: u32,
}

impl<E: Copy> Entries<E> {
    #[inline]
    fn add(&mut self, at: u64, event: E, before: u32) -> u32 {
        let index = self.free;
        if let Some(place) = self.entries.get_mut(index as usize) {
            self.free = place.before;
            *place = Entry { at, event, before };
            return index;
        }
        self.grow(Entry { at, event, before })
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, entry: Entry<E>) -> u32 {
        assert!(self.entries.len() < NOTHING as usize, "events are numbered with 32 bits");
        self.entries.push(entry);
        self.entries.len() as u32 - 1
    }

    /// Gives the places of a list back and shows what was there, newest first.
    #[inline]
    fn take_list(&mut self, newest: u32, mut show: impl FnMut(u64, E)) {
        let mut at = newest;
        while let Some(entry) = self.entries.get_mut(at as usize) {
            show(entry.at, entry.event);
            at = entry.before;
            if at == NOTHING {
                // The list as a whole becomes the beginning of the free ones.
                entry.before = self.free;
                self.free = newest;
            }
        }
    }
}

/// Slots with a bit for each that is not empty.
#[derive(Debug)]
struct Wheel {
    /// By slot: the event that was put in last.
    slots: Vec<u32>,
    used: Vec<u64>,
}

impl Wheel {
    fn new(slots_log2: u32) -> Self {
        let slots = 1 << slots_log2;
        Self { slots: vec![NOTHING; slots], used: vec![0; slots.div_ceil(64)] }
    }

    #[inline]
    fn push<E: Copy>(&mut self, slot: usize, at: u64, event: E, entries: &mut Entries<E>) {
        let place = &mut self.slots[slot];
        if *place == NOTHING {
            self.used[slot / 64] |= 1 << (slot % 64);
        }
        *place = entries.add(at, event, *place);
    }

    /// The first slot from `slot` on that is not empty.
    #[inline]
    fn next_used(&self, slot: usize) -> Option<usize> {
        let mut word = slot / 64;
        let mut bits = *self.used.get(word)? & (u64::MAX << (slot % 64));
        loop {
            if bits != 0 {
                return Some(word * 64 + bits.trailing_zeros() as usize);
            }
            word += 1;
            bits = *self.used.get(word)?;
        }
    }

    /// Empties a slot; its last event.
    #[inline]
    fn take(&mut self, slot: usize) -> u32 {
        self.used[slot / 64] &= !(1 << (slot % 64));
        std::mem::replace(&mut self.slots[slot], NOTHING)
    }
}

impl<E: Copy + Ord> Default for Calendar<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E: Copy + Ord> Calendar<E> {
    /// An empty calendar at time zero.
    pub fn new() -> Self {
        let slots = NEAR_SLOTS_FIRST;
        Self {
            current: Vec::new(),
            entries: Entries { entries: Vec::new(), free: NOTHING },
            near: Wheel::new(slots),
            far: Wheel::new(FAR_SLOTS),
            beyond: BinaryHeap::new(),
            near_shift: NEAR_SPAN - slots,
            start: 0,
            slot: 0,
            late: 0,
            taken: 0,
            len: 0,
        }
    }

    /// Number of pending events.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is pending.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Puts an event in. One for a time that has passed comes next.
    #[inline(always)]
    pub fn insert(&mut self, at: Picos, event: E) {
        self.len += 1;
        let offset = at.0.wrapping_sub(self.start);
        let slot = (offset >> self.near_shift) as usize;
        if offset < 1 << NEAR_SPAN && slot > self.slot {
            self.near.push(slot, at.0, event, &mut self.entries);
        } else {
            self.insert_elsewhere(at.0, event);
        }
    }

    /// Puts an event in that does not belong into a later slot of the near wheel.
    #[cold]
    #[inline(never)]
    fn insert_elsewhere(&mut self, at: u64, event: E) {
        if at < self.start + (1 << NEAR_SPAN) {
            // Rarely more than a few are behind it.
            let place = self.current.iter().rposition(|it| it.0 > at).map_or(0, |it| it + 1);
            self.current.insert(place, (at, event));
        } else if at >> FAR_SPAN == self.start >> FAR_SPAN {
            self.far.push(far_slot(at), at, event, &mut self.entries);
        } else {
            self.beyond.push(Reverse(Late { at, order: self.late, event }));
            self.late += 1;
        }
    }

    /// The event that comes after `skipped` others, if it is known already.
    #[inline]
    pub(crate) fn ahead(&self, skipped: usize) -> Option<E> {
        let place = self.current.len().checked_sub(skipped + 1)?;
        self.current.get(place).map(|&(_, event)| event)
    }

    /// Takes the next event.
    pub fn pop(&mut self) -> Option<(Picos, E)> {
        self.pop_until(Picos::MAX)
    }

    /// Takes the next event if it is not later than `end`.
    #[inline]
    pub fn pop_until(&mut self, end: Picos) -> Option<(Picos, E)> {
        loop {
            if let Some(&(at, event)) = self.current.last() {
                if at > end.0 {
                    return None;
                }
                self.current.pop();
                self.len -= 1;
                return Some((Picos(at), event));
            }
            if self.len == 0 {
                return None;
            }
            self.turn();
        }
    }

    /// Goes to the next slot that has events.
    fn turn(&mut self) {
        let Some(slot) = self.near.next_used(self.slot) else { return self.turn_far() };
        self.slot = slot;
        let newest = self.near.take(slot);
        self.entries.take_list(newest, |at, event| self.current.push((at, event)));
        self.taken += self.current.len() as u64;
        if self.current.len() > FEW {
            self.current.sort_by_key(|it| Reverse(it.0));
            return;
        }
        // Insertion, latest first; what is equal keeps its order.
        let current = &mut self.current[..];
        for sorted in 1..current.len() {
            let it = current[sorted];
            let mut place = sorted;
            while let Some(before) = place.checked_sub(1)
                && current[before].0 < it.0
            {
                current[place] = current[before];
                place = before;
            }
            current[place] = it;
        }
    }

    /// The near wheel is empty: fills it from the next far slot that is not.
    fn turn_far(&mut self) {
        self.fit();
        self.slot = 0;
        if let Some(slot) = self.far.next_used(far_slot(self.start) + 1) {
            self.start = (self.start >> FAR_SPAN << FAR_SPAN) + ((slot as u64) << NEAR_SPAN);
            // The list is newest first; the near slots get the oldest first.
            let mut list = Vec::new();
            let newest = self.far.take(slot);
            self.entries.take_list(newest, |at, event| list.push((at, event)));
            for &(at, event) in list.iter().rev() {
                self.push_near(at, event);
            }
            return;
        }
        // The far wheel has turned: its next turn comes from the heap.
        let Some(Reverse(first)) = self.beyond.peek() else { return };
        let turn = first.at >> FAR_SPAN;
        self.start = turn << FAR_SPAN;
        while let Some(&Reverse(Late { at, event, .. })) = self.beyond.peek()
            && at >> FAR_SPAN == turn
        {
            self.beyond.pop();
            if far_slot(at) == 0 {
                self.push_near(at, event);
            } else {
                self.far.push(far_slot(at), at, event, &mut self.entries);
            }
        }
    }

    fn push_near(&mut self, at: u64, event: E) {
        let slot = ((at - self.start) >> self.near_shift) as usize;
        self.near.push(slot, at, event, &mut self.entries);
    }

    /// Chooses the number of near slots by the events of the last turn: about two for each slot.
    /// The near wheel is empty.
    fn fit(&mut self) {
        let wanted = (self.taken / 2).max(1).ilog2().clamp(*NEAR_SLOTS.start(), *NEAR_SLOTS.end());
        self.taken = 0;
        let now = NEAR_SPAN - self.near_shift;
        // Not for a little more or less.
        if wanted > now || wanted + 2 < now {
            self.near = Wheel::new(wanted);
            self.near_shift = NEAR_SPAN - wanted;
        }
    }
}

/// The slot of the far wheel for a time of its turn.
const fn far_slot(at: u64) -> usize {
    (at >> NEAR_SPAN) as usize & ((1 << FAR_SLOTS) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use trama_base::Rng;

    /// The simplest calendar that is right.
    #[derive(Default)]
    struct Model(BinaryHeap<Reverse<(u64, u64, u32)>>, u64);

    #[test]
    fn events_come_out_as_from_a_heap() {
        for seed in 0..30 {
            let mut rng = Rng::new(seed);
            let (mut calendar, mut model) = (Calendar::new(), Model::default());
            let mut now = 0;
            for step in 0..5_000_u32 {
                if rng.below(5) < 3 || calendar.is_empty() {
                    // From the same instant to far beyond the wheels.
                    let at = now + (rng.next_u64() >> (20 + rng.below(44)));
                    // Often at the same instant as others.
                    let coarse = rng.below(3) * 12;
                    let at = (at >> coarse << coarse).max(now);
                    calendar.insert(Picos(at), step);
                    model.0.push(Reverse((at, model.1, step)));
                    model.1 += 1;
                } else {
                    let (at, event) = calendar.pop().expect("it is not empty");
                    let Some(Reverse((right, _, step))) = model.0.pop() else { unreachable!() };
                    assert_eq!((at.0, event), (right, step), "seed {seed}");
                    now = at.0;
                }
                assert_eq!(calendar.len(), model.0.len());
            }
        }
    }

    #[test]
    fn events_of_one_time_keep_their_order() {
        let mut calendar = Calendar::new();
        for i in 0..100 {
            calendar.insert(Picos(7), i);
        }
        assert_eq!(calendar.pop(), Some((Picos(7), 0)));
        calendar.insert(Picos(7), 100);
        calendar.insert(Picos(3), 101);
        assert_eq!(calendar.pop(), Some((Picos(3), 101)), "the past comes next");
        let rest: Vec<u32> = std::iter::from_fn(|| calendar.pop().map(|(_, e)| e)).collect();
        assert_eq!(rest, (1..=100).collect::<Vec<_>>());
    }
}
