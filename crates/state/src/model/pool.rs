//! The model of an index pool.

use crate::ops::{Entry, ObjectOps, PoolOps};
use crate::{StateKind, StateSpec, StateStats};
use std::collections::BTreeMap;
use trama_base::Nanos;

/// Two queues, of the free indices and of those in use, each in the order in which they joined it.
#[derive(Clone, Debug)]
pub struct Pool {
    expire: Option<Nanos>,
    slots: Vec<Slot>,
    /// Free indices by [`Slot::turn`]: the first has been free longest.
    free: BTreeMap<u64, u32>,
    /// Indices in use by [`Slot::turn`]: the first was touched longest ago.
    used: BTreeMap<u64, u32>,
    turns: u64,
    stats: StateStats,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    used: bool,
    touched: Nanos,
    /// Its place in the queue it is in.
    turn: u64,
}

impl Pool {
    /// The pool of a valid specification of that kind.
    pub(super) fn new(spec: &StateSpec) -> Self {
        let StateKind::Pool { size, expire } = spec.kind else {
            unreachable!("a pool was asked for")
        };
        let slot = |index| Slot { used: false, touched: Nanos::ZERO, turn: u64::from(index) };
        Self {
            expire,
            slots: (0..size).map(slot).collect(),
            free: (0..size).map(|index| (u64::from(index), index)).collect(),
            used: BTreeMap::new(),
            turns: u64::from(size),
            stats: StateStats::default(),
        }
    }

    /// Frees what has expired, in the order in which it did.
    fn let_go(&mut self, now: Nanos) {
        let Some(expire) = self.expire else { return };
        while let Some((_, &index)) = self.used.first_key_value() {
            if now.since(self.slots[index as usize].touched) < expire {
                break;
            }
            self.enqueue(index, false, now);
            self.stats.expired += 1;
        }
    }

    /// Moves an index to the end of the queue of the free or the used.
    fn enqueue(&mut self, index: u32, used: bool, now: Nanos) {
        let slot = &mut self.slots[index as usize];
        let leaves = if slot.used { &mut self.used } else { &mut self.free };
        leaves.remove(&slot.turn);
        *slot = Slot { used, touched: now, turn: self.turns };
        let joins = if used { &mut self.used } else { &mut self.free };
        joins.insert(self.turns, index);
        self.turns += 1;
    }

    fn occupy(&mut self, index: u32, now: Nanos) {
        self.enqueue(index, true, now);
        self.stats.inserted += 1;
        self.stats.peak = self.stats.peak.max(self.used.len() as u64);
    }

    fn in_range(&mut self, index: u64) -> bool {
        let within = index < self.slots.len() as u64;
        self.stats.refused += u64::from(!within);
        within
    }
}

impl PoolOps for Pool {
    fn alloc(&mut self, now: Nanos) -> Option<u32> {
        self.let_go(now);
        let Some((_, &index)) = self.free.first_key_value() else {
            self.stats.refused += 1;
            return None;
        };
        self.occupy(index, now);
        Some(index)
    }

    fn take(&mut self, index: u64, now: Nanos) -> bool {
        self.let_go(now);
        if !self.in_range(index) {
            return false;
        }
        if self.slots[index as usize].used {
            self.stats.refused += 1;
            return false;
        }
        self.occupy(index as u32, now);
        true
    }

    fn touch(&mut self, index: u64, now: Nanos) -> bool {
        self.let_go(now);
        if !self.in_range(index) || !self.slots[index as usize].used {
            return false;
        }
        self.enqueue(index as u32, true, now);
        true
    }

    fn free(&mut self, index: u64, now: Nanos) -> bool {
        self.let_go(now);
        if !self.in_range(index) || !self.slots[index as usize].used {
            return false;
        }
        self.enqueue(index as u32, false, now);
        true
    }

    fn used(&mut self, index: u64, now: Nanos) -> bool {
        self.let_go(now);
        index < self.slots.len() as u64 && self.slots[index as usize].used
    }

    fn len(&mut self, now: Nanos) -> u64 {
        self.let_go(now);
        self.used.len() as u64
    }
}

impl ObjectOps for Pool {
    fn stats(&mut self, now: Nanos) -> StateStats {
        StateStats { len: self.len(now), ..self.stats }
    }

    fn entries(&mut self, now: Nanos) -> Vec<Entry> {
        self.let_go(now);
        let index_bytes = |&index: &u32| u64::from(index).to_le_bytes().to_vec();
        let mut entries: Vec<Entry> =
            self.used.values().map(|index| (index_bytes(index), Vec::new())).collect();
        entries.sort();
        entries
    }
}
