//! The order in which entries expire, kept so that a packet of a known flow hardly pays for it.
//!
//! Time is cut into epochs, of which some hundred make up the time to live. A list holds the
//! entries by the epoch in which they were last written: writing one again in the same epoch moves
//! nothing, and the only thing that changes is the time in the entry, whose line is at hand. So
//! an entry moves at most once in an epoch, however busy it is.
//!
//! The list knows nothing of the order within an epoch. When the first of an epoch may be gone, its
//! entries are *staged*: those that happen to follow in order of age form a second list, and a heap
//! takes the others. Both give them back one by one at the nanosecond at which they go: by then,
//! the busy ones have moved on, and those left are gone soon. An entry that is written nevertheless
//! goes back to the list; what the heap remembers of it is recognised as out of date when it comes
//! to the top. New entries stage a few of the next epoch ahead of time, so that a flood of them is
//! not met by one operation at the end.
//!
//! All costs are amortised: constant for a write, at most a logarithm for an entry that
//! goes.

use super::direct::AgesDirect;
use super::table::NIL;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Epochs in a time to live, at least.
const EPOCHS: u64 = 64;

/// Entries that a new one stages ahead of time.
const AHEAD: usize = 2;

/// In place of the neighbours of an entry that is in the heap.
const IN_HEAP: [u32; 2] = [NIL - 1; 2];

/// In place of the neighbours of a slot that has no entry.
const NOWHERE: [u32; 2] = [NIL - 2; 2];

/// When an entry was written, and what decides among those written at the same time.
pub(super) trait Stamp: Copy + Ord {
    /// The time of writing.
    fn time_ns(self) -> u64;
}

impl Stamp for u64 {
    fn time_ns(self) -> u64 {
        self
    }
}

/// A time and a turn.
impl Stamp for (u64, u64) {
    fn time_ns(self) -> u64 {
        self.0
    }
}

/// How exactly the order of age is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Precision {
    /// Every write counts: who was written longest ago can be asked for at any time.
    Write,
    /// Only what follows from expiry.
    Epoch,
}

/// Slots in order of age. Their stamps are kept by the owner, who tells them when asked.
#[derive(Debug)]
pub(super) struct Ages<S> {
    /// Time to live; none if only the order matters.
    expire_ns: Option<u64>,
    /// Nothing is gone before this time. The last there is if nothing ever is.
    due_ns: u64,
    /// Length of an epoch, a power of two; zero if every write counts.
    epoch_ns: u64,
    /// For each slot its neighbours: older, younger. Behind the slots, the two lists start and end.
    links: Vec<[u32; 2]>,
    /// Where the list by epoch starts and ends; that of the staged is the next.
    list: u32,
    /// The staged that are out of order, and what was to be until it was written again.
    heap: BinaryHeap<Reverse<(S, u32)>>,
}

impl<S: Stamp> Ages<S> {
    /// An order of so many slots, none of which has an entry.
    pub(super) fn new(slots: u32, expire_ns: Option<u64>, precision: Precision) -> Self {
        let epoch_ns = match (precision, expire_ns) {
            (Precision::Epoch, Some(expire_ns)) => 1 << (expire_ns / EPOCHS).max(1).ilog2(),
            _ => 0,
        };
        let heap_len = if expire_ns.is_some() { slots as usize } else { 0 };
        let mut links = vec![[0; 2]; slots as usize + 2];
        links[slots as usize] = [slots; 2];
        links[slots as usize + 1] = [slots + 1; 2];
        Self {
            expire_ns,
            due_ns: u64::MAX,
            epoch_ns,
            links,
            list: slots,
            heap: BinaryHeap::with_capacity(heap_len),
        }
    }

    /// Bytes that an order of so many slots reserves.
    pub(super) fn bytes(slots: u32, expires: bool) -> u64 {
        let heap_item_bytes = if expires { size_of::<(S, u32)>() as u64 } else { 0 };
        u64::from(slots) * (8 + heap_item_bytes) + 16
    }

    pub(super) fn reserved_bytes(&self) -> u64 {
        (self.links.capacity() * 8 + self.heap.capacity() * size_of::<(S, u32)>()) as u64
    }

    /// What generated code needs to know.
    pub(super) fn direct(&self) -> AgesDirect {
        AgesDirect { due_ns: &raw const self.due_ns, epoch_ns: self.epoch_ns }
    }

    /// True if something may be gone.
    #[inline]
    pub(super) fn is_due(&self, now_ns: u64) -> bool {
        now_ns >= self.due_ns
    }

    /// True if something written at that time is gone.
    #[inline]
    pub(super) fn is_gone(&self, written_ns: u64, now_ns: u64) -> bool {
        self.expire_ns.is_some_and(|expire_ns| now_ns.saturating_sub(written_ns) >= expire_ns)
    }

    /// True if an entry can be written again without [`requeue`](Self::requeue).
    #[inline]
    pub(super) fn is_same_epoch(&self, written_ns: u64, now_ns: u64) -> bool {
        written_ns ^ now_ns < self.epoch_ns
    }

    /// The slot written longest ago, if every write counts, none is gone, and there is one.
    pub(super) fn oldest(&self) -> u32 {
        self.links[self.list as usize][1]
    }

    /// Puts the slot of a new entry at the young end.
    pub(super) fn queue(&mut self, slot: u32, now_ns: u64, stamp: impl Fn(u32) -> S) {
        self.stage_ahead(now_ns, stamp);
        self.link(self.list, slot);
        if let Some(expire_ns) = self.expire_ns {
            self.due_ns = self.due_ns.min(now_ns.saturating_add(expire_ns));
        }
    }

    /// Moves a slot to the young end. The owner has written, or is about to write, its stamp.
    pub(super) fn requeue(&mut self, slot: u32) {
        self.unlink(slot);
        self.link(self.list, slot);
    }

    /// Takes a slot out whose entry is removed.
    pub(super) fn forget(&mut self, slot: u32) {
        self.unlink(slot);
        self.links[slot as usize] = NOWHERE;
    }

    /// Takes out the slot that was written longest ago among those that are gone.
    pub(super) fn next_gone(&mut self, now_ns: u64, stamp: impl Fn(u32) -> S) -> Option<u32> {
        let expire_ns = self.expire_ns?;
        // What was written up to here is gone.
        let horizon_ns = now_ns.checked_sub(expire_ns)?;
        // The first of the staged is the first of all once the rest of its epoch is staged too.
        let mut first = self.first_staged(&stamp);
        let known_ns = first.map_or(horizon_ns, |(stamp, _)| stamp.time_ns());
        if self.stage_epoch(self.epoch(known_ns.min(horizon_ns)), &stamp) {
            first = self.first_staged(&stamp);
        }
        match first {
            Some((stamp, slot)) if stamp.time_ns() <= horizon_ns => {
                if self.links[slot as usize] == IN_HEAP {
                    self.heap.pop();
                }
                self.forget(slot);
                Some(slot)
            }
            _ => {
                let staged_ns = first.map(|(stamp, _)| stamp.time_ns());
                let first_ns = staged_ns.into_iter().chain(self.first_listed_ns(stamp)).min();
                self.due_ns = first_ns.map_or(u64::MAX, |ns| ns.saturating_add(expire_ns));
                None
            }
        }
    }

    /// The staged slot that was written longest ago. What is out of date leaves the heap.
    fn first_staged(&mut self, stamp: &impl Fn(u32) -> S) -> Option<(S, u32)> {
        let in_order = self.first_of(self.staged()).map(|slot| (stamp(slot), slot));
        while let Some(&Reverse((known, slot))) = self.heap.peek() {
            if self.links[slot as usize] == IN_HEAP && stamp(slot) == known {
                return in_order.into_iter().chain([(known, slot)]).min();
            }
            self.heap.pop();
        }
        in_order
    }

    /// Stages the oldest epoch in the list if it is not behind `last`. False if there is none.
    fn stage_epoch(&mut self, last: u64, stamp: &impl Fn(u32) -> S) -> bool {
        let mut epoch = None;
        while let Some(slot) = self.first_of(self.list) {
            let its_epoch = self.epoch(stamp(slot).time_ns());
            if its_epoch > last || epoch.is_some_and(|epoch| epoch != its_epoch) {
                break;
            }
            epoch = Some(its_epoch);
            self.stage(slot, stamp);
        }
        epoch.is_some()
    }

    /// Stages some of the epoch that is next.
    fn stage_ahead(&mut self, now_ns: u64, stamp: impl Fn(u32) -> S) {
        let Some(expire_ns) = self.expire_ns else { return };
        let Some(horizon_ns) = now_ns.checked_sub(expire_ns) else { return };
        if self.epoch_ns <= 1 {
            return;
        }
        for _ in 0..AHEAD {
            let Some(slot) = self.first_of(self.list) else { return };
            if self.epoch(stamp(slot).time_ns()) > self.epoch(horizon_ns) + 1 {
                return;
            }
            self.stage(slot, &stamp);
        }
    }

    fn stage(&mut self, slot: u32, stamp: &impl Fn(u32) -> S) {
        self.unlink(slot);
        let last = self.links[self.staged() as usize][0];
        if last == self.staged() || stamp(last) <= stamp(slot) {
            self.link(self.staged(), slot);
        } else {
            self.links[slot as usize] = IN_HEAP;
            self.heap.push(Reverse((stamp(slot), slot)));
        }
    }

    /// A time before which nothing in the list by epoch was written.
    fn first_listed_ns(&self, stamp: impl Fn(u32) -> S) -> Option<u64> {
        let slot = self.first_of(self.list)?;
        // Others of its epoch may be older.
        Some(stamp(slot).time_ns() & !self.epoch_ns.saturating_sub(1))
    }

    /// Number of the epoch of a time.
    fn epoch(&self, time_ns: u64) -> u64 {
        time_ns >> self.epoch_ns.max(1).trailing_zeros()
    }

    /// Where the list of the staged that are in order starts and ends.
    fn staged(&self) -> u32 {
        self.list + 1
    }

    /// The oldest in a list.
    fn first_of(&self, list: u32) -> Option<u32> {
        let first = self.links[list as usize][1];
        (first != list).then_some(first)
    }

    /// Puts a slot that is in no list at the young end of one.
    fn link(&mut self, list: u32, slot: u32) {
        let last = self.links[list as usize][0];
        self.links[slot as usize] = [last, list];
        self.links[last as usize][1] = slot;
        self.links[list as usize][0] = slot;
    }

    /// Takes a slot out of the list that it is in, if it is not in the heap.
    fn unlink(&mut self, slot: u32) {
        let neighbours = self.links[slot as usize];
        if neighbours != IN_HEAP {
            let [older, younger] = neighbours;
            self.links[older as usize][1] = younger;
            self.links[younger as usize][0] = older;
        }
    }
}
