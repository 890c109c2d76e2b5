//! The order in which entries expire, kept so that a packet of a known flow hardly pays for it.
//!
//! Time is cut into epochs, of which some hundred make up the time to live. A list holds the
//! entries by the epoch in which they were last written: writing one again in the same epoch moves
//! nothing, and the only thing that changes is the time in the entry, whose line is at hand. So
//! an entry moves at most once in an epoch, however busy it is.
//!
//! The list knows nothing of the order within an epoch. When the first of an epoch may be gone, a
//! heap takes the entries of that epoch over, and gives them back one by one at the nanosecond at
//! which they go: by then, the busy ones have moved on, and those left are gone soon. An entry
//! that is written nevertheless goes back to the list; what the heap remembers of it is
//! recognised as out of date when it comes to the top. New entries move a few of the next epoch to
//! the heap ahead of time, so that a flood of them is not met by one operation at the end.
//!
//! All costs are amortised: constant for a write, a logarithm for an entry that goes.

use super::table::NIL;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Epochs in a time to live, at least.
const EPOCHS: u64 = 64;

/// Entries that a new one moves to the heap ahead of time.
const AHEAD: usize = 2;

/// In place of the neighbours of an entry that is in the heap.
const STAGED: [u32; 2] = [NIL - 1; 2];

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
    oldest: u32,
    youngest: u32,
    /// For each slot its neighbours in the list: older, younger.
    links: Vec<[u32; 2]>,
    /// What is gone next, and what was to be until it was written again.
    staged: BinaryHeap<Reverse<(S, u32)>>,
}

impl<S: Stamp> Ages<S> {
    /// An order of so many slots, none of which has an entry.
    pub(super) fn new(slots: u32, expire_ns: Option<u64>, precision: Precision) -> Self {
        let epoch_ns = match (precision, expire_ns) {
            (Precision::Epoch, Some(expire_ns)) => 1 << (expire_ns / EPOCHS).max(1).ilog2(),
            _ => 0,
        };
        let heap_len = if expire_ns.is_some() { slots as usize } else { 0 };
        Self {
            expire_ns,
            due_ns: u64::MAX,
            epoch_ns,
            oldest: NIL,
            youngest: NIL,
            links: vec![[0; 2]; slots as usize],
            staged: BinaryHeap::with_capacity(heap_len),
        }
    }

    /// Bytes that an order of so many slots reserves.
    pub(super) fn bytes(slots: u32, expires: bool) -> u64 {
        let heap_item_bytes = if expires { size_of::<(S, u32)>() as u64 } else { 0 };
        u64::from(slots) * (8 + heap_item_bytes)
    }

    pub(super) fn reserved_bytes(&self) -> u64 {
        (self.links.capacity() * 8 + self.staged.capacity() * size_of::<(S, u32)>()) as u64
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

    /// The slot that was written longest ago, if every write counts and none is gone.
    pub(super) fn oldest(&self) -> u32 {
        self.oldest
    }

    /// Puts the slot of a new entry at the young end.
    pub(super) fn queue(&mut self, slot: u32, now_ns: u64, stamp: impl Fn(u32) -> S) {
        self.stage_ahead(now_ns, stamp);
        self.link_youngest(slot);
        if let Some(expire_ns) = self.expire_ns {
            self.due_ns = self.due_ns.min(now_ns.saturating_add(expire_ns));
        }
    }

    /// Moves a slot to the young end. The owner has written, or is about to write, its stamp.
    pub(super) fn requeue(&mut self, slot: u32) {
        if slot != self.youngest {
            self.unlink(slot);
            self.link_youngest(slot);
        }
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
        loop {
            // The heap has the first of all once it has the rest of the epoch of its top.
            let top = self.staged.peek().copied();
            let top_ns = top.map_or(horizon_ns, |Reverse((staged, _))| staged.time_ns());
            self.stage_epoch(self.epoch(top_ns.min(horizon_ns)), &stamp);
            let Some(&Reverse((staged, slot))) = self.staged.peek() else { break };
            let is_current = self.links[slot as usize] == STAGED && stamp(slot) == staged;
            if is_current && staged.time_ns() > horizon_ns {
                break;
            }
            self.staged.pop();
            if is_current {
                self.links[slot as usize] = NOWHERE;
                return Some(slot);
            }
        }
        self.due_ns = self.first_due(expire_ns, stamp);
        None
    }

    /// Moves the oldest epoch in the list to the heap if it is not behind `last`.
    fn stage_epoch(&mut self, last: u64, stamp: &impl Fn(u32) -> S) {
        let mut epoch = None;
        while self.oldest != NIL {
            let stamp = stamp(self.oldest);
            let its_epoch = self.epoch(stamp.time_ns());
            if its_epoch > last || epoch.is_some_and(|epoch| epoch != its_epoch) {
                return;
            }
            epoch = Some(its_epoch);
            self.stage_oldest(stamp);
        }
    }

    /// Moves some of the epoch that is next to the heap.
    fn stage_ahead(&mut self, now_ns: u64, stamp: impl Fn(u32) -> S) {
        let Some(expire_ns) = self.expire_ns else { return };
        let Some(horizon_ns) = now_ns.checked_sub(expire_ns) else { return };
        if self.epoch_ns <= 1 {
            return;
        }
        for _ in 0..AHEAD {
            if self.oldest == NIL {
                return;
            }
            let stamp = stamp(self.oldest);
            if self.epoch(stamp.time_ns()) > self.epoch(horizon_ns) + 1 {
                return;
            }
            self.stage_oldest(stamp);
        }
    }

    fn stage_oldest(&mut self, stamp: S) {
        let slot = self.oldest;
        self.unlink(slot);
        self.links[slot as usize] = STAGED;
        self.staged.push(Reverse((stamp, slot)));
    }

    /// A time before which nothing is gone of what is in the heap and in the list.
    fn first_due(&self, expire_ns: u64, stamp: impl Fn(u32) -> S) -> u64 {
        let staged = self.staged.peek().map(|Reverse((staged, _))| staged.time_ns());
        let listed = (self.oldest != NIL).then(|| {
            let written_ns = stamp(self.oldest).time_ns();
            written_ns & !self.epoch_ns.saturating_sub(1)
        });
        let first_ns = staged.into_iter().chain(listed).min();
        first_ns.map_or(u64::MAX, |first_ns| first_ns.saturating_add(expire_ns))
    }

    /// Number of the epoch of a time.
    fn epoch(&self, time_ns: u64) -> u64 {
        time_ns >> self.epoch_ns.max(1).ilog2()
    }

    fn link_youngest(&mut self, slot: u32) {
        let older = self.youngest;
        self.links[slot as usize] = [older, NIL];
        if older == NIL {
            self.oldest = slot;
        } else {
            self.links[older as usize][1] = slot;
        }
        self.youngest = slot;
    }

    /// Takes a slot out of the list, if it is there and not in the heap.
    fn unlink(&mut self, slot: u32) {
        let neighbours = self.links[slot as usize];
        if neighbours == STAGED {
            return;
        }
        let [older, younger] = neighbours;
        if older == NIL {
            self.oldest = younger;
        } else {
            self.links[older as usize][1] = younger;
        }
        if younger == NIL {
            self.youngest = older;
        } else {
            self.links[younger as usize][0] = older;
        }
    }
}
