//! The calendar of pending events.
//!
//! A timing wheel of two levels with a heap for what lies beyond (Varghese and Lauck, SOSP 1987):
//! an event is put into a slot of the near wheel, of the far wheel, or on the heap, and a slot is
//! sorted when its time comes. Events of one time come out in the order in which they were put in,
//! so a run does not depend on how the calendar is built.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use trama_base::Picos;

/// Log2 of the length of a near slot in picoseconds: 8.2 ns.
const NEAR_SHIFT: u32 = 13;
/// Log2 of the number of slots of a wheel.
const SLOTS_LOG2: u32 = 12;
const SLOTS: usize = 1 << SLOTS_LOG2;
/// Log2 of the length of a far slot: 33.6 us, the whole near wheel.
const FAR_SHIFT: u32 = NEAR_SHIFT + SLOTS_LOG2;
/// Log2 of the length of the far wheel: 137 ms.
const BEYOND_SHIFT: u32 = FAR_SHIFT + SLOTS_LOG2;

/// An event with its place in the order of all events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry<E> {
    at: u64,
    order: u64,
    event: E,
}

/// Pending events, taken in the order of time, then of insertion.
#[derive(Debug)]
pub struct Calendar<E> {
    /// Events of the slot that is being taken, latest first.
    current: Vec<Entry<E>>,
    near: Wheel<E>,
    far: Wheel<E>,
    beyond: BinaryHeap<Reverse<Entry<E>>>,
    /// Index, since time zero, of the near slot that is being taken.
    slot: u64,
    inserted: u64,
    len: usize,
}

/// A ring of slots with a bit for each that is not empty.
#[derive(Debug)]
struct Wheel<E> {
    slots: Vec<Vec<Entry<E>>>,
    used: [u64; SLOTS / 64],
}

impl<E> Wheel<E> {
    fn new() -> Self {
        Self { slots: (0..SLOTS).map(|_| Vec::new()).collect(), used: [0; SLOTS / 64] }
    }

    fn push(&mut self, slot: u64, entry: Entry<E>) {
        let index = slot as usize % SLOTS;
        self.used[index / 64] |= 1 << (index % 64);
        self.slots[index].push(entry);
    }

    /// The first slot that is not empty from `slot` to the end of the wheel's turn.
    fn next_used(&self, slot: u64) -> Option<u64> {
        let start = slot as usize % SLOTS;
        let mut word = start / 64;
        let mut bits = self.used[word] & (u64::MAX << (start % 64));
        loop {
            if bits != 0 {
                let index = word * 64 + bits.trailing_zeros() as usize;
                return Some(slot - start as u64 + index as u64);
            }
            word += 1;
            bits = *self.used.get(word)?;
        }
    }

    /// Exchanges a slot's events for an empty list.
    fn take(&mut self, slot: u64, list: &mut Vec<Entry<E>>) {
        let index = slot as usize % SLOTS;
        self.used[index / 64] &= !(1 << (index % 64));
        std::mem::swap(&mut self.slots[index], list);
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
        Self {
            current: Vec::new(),
            near: Wheel::new(),
            far: Wheel::new(),
            beyond: BinaryHeap::new(),
            slot: 0,
            inserted: 0,
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
    pub fn insert(&mut self, at: Picos, event: E) {
        let entry = Entry { at: at.0, order: self.inserted, event };
        self.inserted += 1;
        self.len += 1;
        let slot = at.0 >> NEAR_SHIFT;
        if slot <= self.slot {
            // Rarely more than a few are behind it.
            let place = self.current.partition_point(|e| (e.at, e.order) > (entry.at, entry.order));
            self.current.insert(place, entry);
        } else if slot >> SLOTS_LOG2 == self.slot >> SLOTS_LOG2 {
            self.near.push(slot, entry);
        } else if at.0 >> BEYOND_SHIFT == self.slot >> (BEYOND_SHIFT - NEAR_SHIFT) {
            self.far.push(at.0 >> FAR_SHIFT, entry);
        } else {
            self.beyond.push(Reverse(entry));
        }
    }

    /// Takes the next event.
    pub fn pop(&mut self) -> Option<(Picos, E)> {
        self.pop_until(Picos::MAX)
    }

    /// Takes the next event if it is not later than `end`.
    pub fn pop_until(&mut self, end: Picos) -> Option<(Picos, E)> {
        loop {
            if let Some(entry) = self.current.last() {
                if entry.at > end.0 {
                    return None;
                }
                let taken = (Picos(entry.at), entry.event);
                self.current.pop();
                self.len -= 1;
                return Some(taken);
            }
            if self.len == 0 {
                return None;
            }
            self.turn();
        }
    }

    /// Goes to the next slot that has events.
    fn turn(&mut self) {
        if let Some(slot) = self.near.next_used(self.slot) {
            self.slot = slot;
            self.near.take(slot, &mut self.current);
            self.current.sort_unstable_by_key(|entry| Reverse((entry.at, entry.order)));
            return;
        }
        let far = self.slot >> SLOTS_LOG2;
        if let Some(far) =
            self.far.next_used(far + 1).filter(|_| !(far + 1).is_multiple_of(SLOTS as u64))
        {
            self.slot = far << SLOTS_LOG2;
            let mut list = Vec::new();
            self.far.take(far, &mut list);
            for entry in list.drain(..) {
                self.near.push(entry.at >> NEAR_SHIFT, entry);
            }
            self.far.take(far, &mut list);
            return;
        }
        // The far wheel has turned: its next turn comes from the heap.
        let Some(Reverse(first)) = self.beyond.peek() else { return };
        let turn = first.at >> BEYOND_SHIFT;
        self.slot = turn << (BEYOND_SHIFT - NEAR_SHIFT);
        while let Some(&Reverse(entry)) = self.beyond.peek()
            && entry.at >> BEYOND_SHIFT == turn
        {
            self.beyond.pop();
            if entry.at >> FAR_SHIFT == self.slot >> SLOTS_LOG2 {
                self.near.push(entry.at >> NEAR_SHIFT, entry);
            } else {
                self.far.push(entry.at >> FAR_SHIFT, entry);
            }
        }
    }
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
