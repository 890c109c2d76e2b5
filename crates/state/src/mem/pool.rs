//! Index pool.

use super::ages::{Ages, Precision};
use super::direct::{ArrayDirect, PoolDirect};
use crate::ops::{Entry, ObjectOps, PoolOps};
use crate::{StateKind, StateSpec, StateStats};
use trama_base::Nanos;

/// A ring of the free indices, and the order in which those in use expire.
///
/// An index in use that is touched costs one cache line, but for the first time in an epoch: see
/// `Ages`.
#[derive(Debug)]
pub struct Pool {
    free: FreeRing,
    uses: Vec<Use>,
    /// Uses so far.
    turn: u64,
    expires: bool,
    ages: Ages<(u64, u64)>,
    stats: StateStats,
}

/// The last use of an index.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct Use {
    time_ns: u64,
    /// Which use it was, from one; zero if the index is free.
    turn: u64,
}

impl Pool {
    /// The pool of a valid specification of that kind.
    pub(super) fn new(spec: &StateSpec) -> Self {
        let StateKind::Pool { size, expire } = spec.kind else {
            unreachable!("a pool was asked for")
        };
        let aging = if expire.is_some() { size } else { 0 };
        Self {
            free: FreeRing::new(size),
            uses: vec![Use::default(); size as usize],
            turn: 0,
            expires: expire.is_some(),
            ages: Ages::new(aging, expire.map(|expire| expire.0), Precision::Epoch),
            stats: StateStats::default(),
        }
    }

    pub(super) fn bytes(size: u32, expires: bool) -> u64 {
        let aging = if expires { size } else { 0 };
        FreeRing::bytes(size)
            + u64::from(size) * size_of::<Use>() as u64
            + Ages::<(u64, u64)>::bytes(aging, expires)
    }

    /// Address of the line that operations on an index in use read: worth prefetching.
    #[inline]
    pub fn use_address(&self, index: u64) -> *const u8 {
        let at = self.uses.get(index as usize);
        at.map_or(std::ptr::null(), |last| std::ptr::from_ref(last).cast())
    }

    /// Where the uses are, for generated code.
    pub fn direct(&mut self) -> PoolDirect {
        let len = self.uses.len() as u64;
        let value_bytes = size_of::<Use>();
        let uses = ArrayDirect { values: self.uses.as_mut_ptr().cast(), len, value_bytes };
        PoolDirect {
            uses,
            turn: &raw mut self.turn,
            ages: self.ages.direct(),
            expires: self.expires,
        }
    }

    /// Bytes that it has reserved.
    pub fn reserved_bytes(&self) -> u64 {
        let uses_bytes = self.uses.capacity() * size_of::<Use>();
        self.free.reserved_bytes() + uses_bytes as u64 + self.ages.reserved_bytes()
    }

    fn is_in_range(&self, index: u64) -> bool {
        index < self.uses.len() as u64
    }

    fn is_used(&self, index: u64) -> bool {
        self.uses.get(index as usize).is_some_and(|last| last.turn != 0)
    }

    #[inline]
    fn let_go(&mut self, now: Nanos) {
        if self.ages.is_due(now.0) {
            self.let_go_due(now);
        }
    }

    #[inline(never)]
    fn let_go_due(&mut self, now: Nanos) {
        while let Some(index) = self.ages.next_gone(now.0, stamps(&self.uses)) {
            self.release(index);
            self.stats.expired += 1;
        }
    }

    fn release(&mut self, index: u32) {
        self.uses[index as usize] = Use::default();
        self.stats.len -= 1;
        self.free.push(index);
    }

    fn occupy(&mut self, index: u32, now: Nanos) {
        self.free.take(index);
        self.turn += 1;
        self.uses[index as usize] = Use { time_ns: now.0, turn: self.turn };
        if self.expires {
            self.ages.queue(index, now.0, stamps(&self.uses));
        }
        self.stats.len += 1;
        self.stats.inserted += 1;
        self.stats.peak = self.stats.peak.max(self.stats.len);
    }

    /// [`PoolOps::touch`] when some index may be free by now.
    #[inline(never)]
    fn touch_when_due(&mut self, index: u64, now: Nanos) -> bool {
        self.let_go_due(now);
        self.touch_held(index, now)
    }

    /// [`PoolOps::touch`] when all that are in use stay so.
    #[inline(always)]
    fn touch_held(&mut self, index: u64, now: Nanos) -> bool {
        let Some(last) = self.uses.get_mut(index as usize) else {
            self.stats.refused += 1;
            return false;
        };
        if last.turn == 0 {
            return false;
        }
        self.turn += 1;
        let last_ns = last.time_ns;
        *last = Use { time_ns: now.0, turn: self.turn };
        if !self.ages.is_same_epoch(last_ns, now.0) {
            self.requeue(index as u32);
        }
        true
    }

    #[inline(never)]
    fn requeue(&mut self, index: u32) {
        if self.expires {
            self.ages.requeue(index);
        }
    }
}

/// Tells the stamps of indices in use.
fn stamps(uses: &[Use]) -> impl Fn(u32) -> (u64, u64) {
    |index| (uses[index as usize].time_ns, uses[index as usize].turn)
}

impl PoolOps for Pool {
    fn alloc(&mut self, now: Nanos) -> Option<u32> {
        self.let_go(now);
        let Some(index) = self.free.first() else {
            self.stats.refused += 1;
            return None;
        };
        self.occupy(index, now);
        Some(index)
    }

    fn take(&mut self, index: u64, now: Nanos) -> bool {
        self.let_go(now);
        if !self.is_in_range(index) || self.is_used(index) {
            self.stats.refused += 1;
            return false;
        }
        self.occupy(index as u32, now);
        true
    }

    #[inline]
    fn touch(&mut self, index: u64, now: Nanos) -> bool {
        if self.ages.is_due(now.0) {
            return self.touch_when_due(index, now);
        }
        self.touch_held(index, now)
    }

    fn free(&mut self, index: u64, now: Nanos) -> bool {
        self.let_go(now);
        self.stats.refused += u64::from(!self.is_in_range(index));
        if !self.is_used(index) {
            return false;
        }
        if self.expires {
            self.ages.forget(index as u32);
        }
        self.release(index as u32);
        true
    }

    #[inline]
    fn used(&mut self, index: u64, now: Nanos) -> bool {
        self.let_go(now);
        self.is_used(index)
    }

    fn len(&mut self, now: Nanos) -> u64 {
        self.let_go(now);
        self.stats.len
    }
}

impl ObjectOps for Pool {
    fn stats(&mut self, now: Nanos) -> StateStats {
        self.let_go(now);
        self.stats
    }

    fn entries(&mut self, now: Nanos) -> Vec<Entry> {
        self.let_go(now);
        let used = (0..self.uses.len() as u64).filter(|&index| self.is_used(index));
        let mut entries: Vec<Entry> =
            used.map(|index| (index.to_le_bytes().to_vec(), Vec::new())).collect();
        entries.sort();
        entries
    }
}

/// The free indices by how long they have been free, at first in ascending order.
///
/// The ring starts and ends at a sentinel behind the indices. Links are kept as differences to the
/// neighbouring index, so zeroed memory *is* the ring of all indices in ascending order: a large
/// pool is made without touching it.
#[derive(Debug)]
struct FreeRing {
    size: u32,
    /// For each node: what to add to `node + 1` to get the next, and to `node - 1` to get the
    /// previous.
    links: Vec<[u32; 2]>,
}

impl FreeRing {
    fn new(size: u32) -> Self {
        let mut ring = Self { size, links: vec![[0; 2]; size as usize + 1] };
        ring.join(size, 0);
        ring
    }

    fn bytes(size: u32) -> u64 {
        (u64::from(size) + 1) * 8
    }

    fn reserved_bytes(&self) -> u64 {
        self.links.capacity() as u64 * 8
    }

    /// The index that has been free longest.
    fn first(&self) -> Option<u32> {
        let first = self.next(self.size);
        (first != self.size).then_some(first)
    }

    /// Takes an index out that is in the ring.
    fn take(&mut self, index: u32) {
        self.join(self.previous(index), self.next(index));
    }

    /// Puts an index that is not in the ring at its end.
    fn push(&mut self, index: u32) {
        self.join(self.previous(self.size), index);
        self.join(index, self.size);
    }

    fn next(&self, node: u32) -> u32 {
        node.wrapping_add(1).wrapping_add(self.links[node as usize][0])
    }

    fn previous(&self, node: u32) -> u32 {
        node.wrapping_sub(1).wrapping_add(self.links[node as usize][1])
    }

    /// Makes two nodes neighbours.
    fn join(&mut self, left: u32, right: u32) {
        self.links[left as usize][0] = right.wrapping_sub(left).wrapping_sub(1);
        self.links[right as usize][1] = left.wrapping_sub(right).wrapping_add(1);
    }
}
