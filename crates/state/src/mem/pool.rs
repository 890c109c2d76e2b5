//! Index pool.

use crate::ops::{Entry, ObjectOps, PoolOps};
use crate::{StateKind, StateSpec, StateStats};
use trama_base::Nanos;

/// Two rings through the indices: the free ones, and those in use by the time of their last touch.
///
/// Each ring starts and ends at a sentinel behind the indices. Links are kept as differences to
/// the neighbouring index, so zeroed memory *is* the ring of all indices in ascending order: a
/// large pool is made without touching it.
#[derive(Debug)]
pub struct Pool {
    size: u32,
    expires: bool,
    /// Time to live; without meaning if indices stay in use.
    expire_ns: u64,
    /// For each node: what to add to `node + 1` to get the next, and to `node - 1` to get the
    /// previous.
    links: Vec<[u32; 2]>,
    /// One bit for each index.
    in_use: Vec<u64>,
    /// Time of the last touch; empty if indices stay in use.
    touched_ns: Vec<u64>,
    /// No index expires before this time.
    due_ns: u64,
    stats: StateStats,
}

impl Pool {
    /// The pool of a valid specification of that kind.
    pub(super) fn new(spec: &StateSpec) -> Self {
        let StateKind::Pool { size, expire } = spec.kind else {
            unreachable!("a pool was asked for")
        };
        let times = if expire.is_some() { size as usize } else { 0 };
        let mut pool = Self {
            size,
            expires: expire.is_some(),
            expire_ns: expire.map_or(u64::MAX, |expire| expire.0),
            links: vec![[0; 2]; size as usize + 2],
            in_use: vec![0; size.div_ceil(64) as usize],
            touched_ns: vec![0; times],
            due_ns: u64::MAX,
            stats: StateStats::default(),
        };
        pool.join(pool.free_ring(), 0);
        pool.join(pool.used_ring(), pool.used_ring());
        pool
    }

    pub(super) fn bytes(size: u32, expires: bool) -> u64 {
        let times = if expires { u64::from(size) * 8 } else { 0 };
        (u64::from(size) + 2) * 8 + u64::from(size.div_ceil(64)) * 8 + times
    }

    /// Bytes that it has reserved.
    pub fn reserved_bytes(&self) -> u64 {
        (self.links.capacity() + self.in_use.capacity() + self.touched_ns.capacity()) as u64 * 8
    }

    fn free_ring(&self) -> u32 {
        self.size
    }

    fn used_ring(&self) -> u32 {
        self.size + 1
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

    /// Moves an index from where it is to the end of a ring.
    fn move_to(&mut self, ring: u32, index: u32) {
        self.join(self.previous(index), self.next(index));
        self.join(self.previous(ring), index);
        self.join(index, ring);
    }

    fn is_used(&self, index: u64) -> bool {
        index < u64::from(self.size) && self.in_use[index as usize / 64] >> (index % 64) & 1 == 1
    }

    #[inline]
    fn let_go(&mut self, now: Nanos) {
        if now.0 >= self.due_ns && self.expires {
            self.let_go_due(now);
        }
    }

    fn let_go_due(&mut self, now: Nanos) {
        loop {
            let index = self.next(self.used_ring());
            if index == self.used_ring() {
                self.due_ns = u64::MAX;
                return;
            }
            let touched_ns = self.touched_ns[index as usize];
            if now.0.saturating_sub(touched_ns) < self.expire_ns {
                self.due_ns = touched_ns.saturating_add(self.expire_ns);
                return;
            }
            self.release(index);
            self.stats.expired += 1;
        }
    }

    fn release(&mut self, index: u32) {
        self.in_use[index as usize / 64] &= !(1 << (index % 64));
        self.stats.len -= 1;
        self.move_to(self.free_ring(), index);
    }

    fn occupy(&mut self, index: u32, now: Nanos) {
        self.in_use[index as usize / 64] |= 1 << (index % 64);
        self.stats.len += 1;
        self.stats.inserted += 1;
        self.stats.peak = self.stats.peak.max(self.stats.len);
        self.rejuvenate(index, now);
    }

    fn rejuvenate(&mut self, index: u32, now: Nanos) {
        if self.expires {
            self.touched_ns[index as usize] = now.0;
            self.due_ns = self.due_ns.min(now.0.saturating_add(self.expire_ns));
        }
        self.move_to(self.used_ring(), index);
    }
}

impl PoolOps for Pool {
    fn alloc(&mut self, now: Nanos) -> Option<u32> {
        self.let_go(now);
        let index = self.next(self.free_ring());
        if index == self.free_ring() {
            self.stats.refused += 1;
            return None;
        }
        self.occupy(index, now);
        Some(index)
    }

    fn take(&mut self, index: u64, now: Nanos) -> bool {
        self.let_go(now);
        if index >= u64::from(self.size) || self.is_used(index) {
            self.stats.refused += 1;
            return false;
        }
        self.occupy(index as u32, now);
        true
    }

    fn touch(&mut self, index: u64, now: Nanos) -> bool {
        self.let_go(now);
        self.stats.refused += u64::from(index >= u64::from(self.size));
        if !self.is_used(index) {
            return false;
        }
        self.rejuvenate(index as u32, now);
        true
    }

    fn free(&mut self, index: u64, now: Nanos) -> bool {
        self.let_go(now);
        self.stats.refused += u64::from(index >= u64::from(self.size));
        if !self.is_used(index) {
            return false;
        }
        self.release(index as u32);
        true
    }

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
        let used = (0..u64::from(self.size)).filter(|&index| self.is_used(index));
        let mut entries: Vec<Entry> =
            used.map(|index| (index.to_le_bytes().to_vec(), Vec::new())).collect();
        entries.sort();
        entries
    }
}
