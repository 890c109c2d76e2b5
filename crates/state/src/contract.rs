//! What each operation of each kind of object means to everyone who is not running it.
//!
//! Effects, sharding, parallelisation, performance contracts and placement are decided from this
//! and from the program, never from the code of a backend. A [`Contract`] belongs to an operation
//! on an object; [`Algebra`] and [`Mapping`] to the object as a whole.

mod methods;

use crate::{Method, StateKind, StateSpec, WhenFull};

/// An operation that a program can do, as the intermediate representation has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the operations are documented at the traits of `ops`")]
pub enum Operation {
    MapGet,
    MapPut,
    /// In-place change of an entry.
    MapUpdate(Combine),
    MapTouch,
    MapRemove,
    MapClear,
    /// A loop over all entries; the figures are those of one entry, without the loop's body.
    MapEach,
    /// Number of entries, of any kind that has one.
    Len,
    ArrayGet,
    /// In-place change of a value.
    ArrayUpdate(Combine),
    Count,
    CounterGet,
    PoolAlloc,
    PoolTake,
    PoolTouch,
    PoolFree,
    PoolUsed,
    LpmPut,
    LpmGet,
    LpmRemove,
    BucketTake,
    MaglevSet,
    MaglevPick,
    /// An operation of the kinds that have them in one form.
    Call(Method),
}

impl Operation {
    /// All operations but calls.
    const WORDS: [Self; 25] = [
        Self::MapGet,
        Self::MapPut,
        Self::MapUpdate(Combine::General),
        Self::MapUpdate(Combine::Commutative),
        Self::MapTouch,
        Self::MapRemove,
        Self::MapClear,
        Self::MapEach,
        Self::Len,
        Self::ArrayGet,
        Self::ArrayUpdate(Combine::General),
        Self::ArrayUpdate(Combine::Commutative),
        Self::Count,
        Self::CounterGet,
        Self::PoolAlloc,
        Self::PoolTake,
        Self::PoolTouch,
        Self::PoolFree,
        Self::PoolUsed,
        Self::LpmPut,
        Self::LpmGet,
        Self::LpmRemove,
        Self::BucketTake,
        Self::MaglevSet,
        Self::MaglevPick,
    ];

    /// All operations.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::WORDS.into_iter().chain(Method::ALL.map(Self::Call))
    }
}

/// How the leaves of an in-place change combine old values and operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Combine {
    /// At least one leaf is set, or depends on what was read before.
    General,
    /// All leaves are summed, or all take a maximum, a minimum or a bitwise operation: the order of
    /// two such changes does not matter.
    Commutative,
}

/// What an operation does to the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Changes nothing. That expired entries are let go is no change: it happens at their time,
    /// whoever looks first.
    Read,
    /// Changes the object; the order of operations matters.
    Write,
    /// Changes it in a way that commutes with other changes of the same operation, and returns
    /// nothing of the old value. On maps that holds as long as no write is refused.
    CommutativeUpdate,
}

/// What part of the object an operation depends on or changes: what decides if it can be sharded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exposure {
    /// The entry of one key, which the operation names.
    Key,
    /// The value at one index, which the operation names.
    Index,
    /// All of it.
    Whole,
}

/// How the cost of an operation is bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The figures hold for every call.
    Always,
    /// The figures hold on average over the keys, for a seed that traffic does not know.
    Expected,
    /// As `Expected`, and averaged over calls: one call may let go many expired entries, but each
    /// of them is let go once.
    Amortised,
    /// The figures, and up to so many short steps over adjacent memory.
    Steps(u64),
}

/// The cost of an operation on the in-memory backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Cache lines of 64 bytes touched.
    pub lines: u32,
    /// Instructions, approximately: a figure for comparing programs, not for adding up cycles.
    pub instructions: u32,
    /// In what sense.
    pub bound: Bound,
}

/// What an operation on an object promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contract {
    /// What it does to the object.
    pub effect: Effect,
    /// To what part of it.
    pub exposure: Exposure,
    /// True if its result depends on the time.
    pub is_timed: bool,
    /// What it costs.
    pub cost: Cost,
}

/// What can be done with several copies of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Algebra {
    /// Copies that took different commutative updates can be made one that took them all.
    pub is_mergeable: bool,
    /// The object can be cut in parts by key or index, each of which serves its part alone.
    pub is_splittable: bool,
    /// What these two mean for this kind, and their limits.
    pub note: &'static str,
}

/// Where else an object of a kind can live, and what is lost there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// In the Linux kernel: types of eBPF maps (`bpf(2)`, `linux/bpf.h`).
    pub ebpf: &'static str,
    /// In a match-action switch (Bosshart et al., SIGCOMM 2013).
    pub switch: &'static str,
}

impl StateSpec {
    /// Bytes that the in-memory backend of this object reserves when it is made. Pages are provided
    /// by the operating system when entries first touch them.
    pub fn bytes_at_capacity(&self) -> u64 {
        crate::mem::bytes(self)
    }

    /// What an operation promises on this object; None if the kind has no such operation.
    pub fn contract(&self, operation: Operation) -> Option<Contract> {
        if operation == Operation::Len {
            return self.contract_of_len();
        }
        if let Operation::Call(method) = operation {
            return self.contract_of_method(method);
        }
        match self.kind {
            StateKind::Map { when_full, .. } => self.contract_of_map(operation, when_full),
            StateKind::Array { .. } | StateKind::Counter { .. } => self.contract_of_flat(operation),
            StateKind::Pool { .. } => self.contract_of_pool(operation),
            StateKind::Lpm { address_bits, capacity } => {
                self.contract_of_lpm(operation, u32::from(address_bits), capacity)
            }
            StateKind::Bucket { .. } => self.contract_of_bucket(operation),
            StateKind::Maglev { table_size, capacity } => {
                self.contract_of_maglev(operation, table_size, capacity)
            }
            // All that these can do but to tell their length are calls.
            _ => None,
        }
    }

    /// What can be done with several copies of this object.
    pub fn algebra(&self) -> Algebra {
        let (is_mergeable, is_splittable, note) = match self.kind {
            StateKind::Map { when_full: WhenFull::Refuse, .. } => (
                true,
                true,
                "Entries of different keys are independent while there is room; times of writing \
                 merge by their maximum. Parts have a capacity each.",
            ),
            StateKind::Map { when_full: WhenFull::EvictOldest, .. } => (
                false,
                true,
                "Which entry is the oldest depends on all writes: parts evict their own oldest.",
            ),
            StateKind::Array { .. } => {
                (true, true, "Exact by index; copies merge if all updates are commutative.")
            }
            StateKind::Counter { .. } => (true, true, "Copies merge by sums."),
            StateKind::Pool { .. } => (
                false,
                true,
                "Parts own ranges of indices: an index stays unique, but which one is given out \
                 changes.",
            ),
            StateKind::Lpm { .. } => (
                false,
                true,
                "Read-mostly: copies follow one writer; parts own ranges of addresses.",
            ),
            StateKind::Bucket { .. } => (
                false,
                !self.key.0.is_empty(),
                "Exact by key. One bucket cannot be cut but by giving parts a share of its rate.",
            ),
            StateKind::Maglev { .. } => {
                (true, false, "A function of its members: copies with the same members are equal.")
            }
            _ => self.algebra_of_methods(),
        };
        Algebra { is_mergeable, is_splittable, note }
    }

    /// Where else this object can live.
    pub fn mapping(&self) -> Mapping {
        let (ebpf, switch) = match self.kind {
            StateKind::Map { expire: None, when_full: WhenFull::Refuse, .. } => (
                "BPF_MAP_TYPE_HASH",
                "exact-match table if the data path only reads it; else hashed register arrays",
            ),
            StateKind::Map { when_full: WhenFull::EvictOldest, .. } => (
                "BPF_MAP_TYPE_LRU_HASH; its eviction order is approximate and may come early",
                "hashed register arrays; an entry makes room at its own index only",
            ),
            StateKind::Map { .. } => (
                "BPF_MAP_TYPE_HASH with the time of writing in the value, checked by readers and \
                 swept by a BPF timer or user space",
                "exact-match table with idle timeouts, coarser than a nanosecond",
            ),
            StateKind::Array { .. } => (
                "BPF_MAP_TYPE_ARRAY; BPF_MAP_TYPE_PERCPU_ARRAY if all updates are commutative",
                "register array, one access per packet",
            ),
            StateKind::Counter { .. } => {
                ("BPF_MAP_TYPE_PERCPU_ARRAY, summed on reading", "indirect counter")
            }
            StateKind::Pool { .. } => (
                "BPF_MAP_TYPE_QUEUE of the free indices and BPF_MAP_TYPE_ARRAY of their times; \
                 taking a given index needs a lock",
                "none: allocation belongs to the control plane",
            ),
            StateKind::Lpm { .. } => (
                "BPF_MAP_TYPE_LPM_TRIE, key in network byte order behind its length",
                "LPM table in TCAM or algorithmic memory, written by the control plane",
            ),
            StateKind::Bucket { .. } => (
                "BPF_MAP_TYPE_HASH with a bpf_spin_lock in the value",
                "meter, whose rate and burst are rounded",
            ),
            StateKind::Maglev { .. } => (
                "BPF_MAP_TYPE_ARRAY of member numbers, replaced as a whole through \
                 BPF_MAP_TYPE_ARRAY_OF_MAPS",
                "register array or action selector, written by the control plane",
            ),
            _ => self.mapping_of_methods(),
        };
        Mapping { ebpf, switch }
    }

    /// True if entries of this object expire or fill with time.
    pub fn is_timed(&self) -> bool {
        match self.kind {
            StateKind::Map { expire, .. }
            | StateKind::Pool { expire, .. }
            | StateKind::Streams { expire, .. }
            | StateKind::Histogram { expire, .. } => expire.is_some(),
            StateKind::Bucket { .. } => true,
            _ => false,
        }
    }

    /// A contract on one key or index, of the object's own timing.
    fn promise(&self, effect: Effect, exposure: Exposure, cost: Cost) -> Option<Contract> {
        Some(Contract { effect, exposure, is_timed: self.is_timed(), cost })
    }

    fn contract_of_len(&self) -> Option<Contract> {
        let (is_timed, bound) = match self.kind {
            StateKind::Array { .. }
            | StateKind::Counter { .. }
            | StateKind::Sketch { .. }
            | StateKind::Patterns(_) => return None,
            StateKind::Bucket { .. } => (false, Bound::Always),
            _ if self.is_timed() => (true, Bound::Amortised),
            _ => (false, Bound::Always),
        };
        let cost = Cost { lines: 1, instructions: 4, bound };
        Some(Contract { effect: Effect::Read, exposure: Exposure::Whole, is_timed, cost })
    }

    fn contract_of_map(&self, operation: Operation, when_full: WhenFull) -> Option<Contract> {
        let evicts = when_full == WhenFull::EvictOldest;
        let ages = evicts || self.is_timed();
        let hit = self.cost_of_search();
        // A write moves the entry to the young end of a list: its two neighbours and the youngest;
        // eviction unlinks the oldest and takes its word out of the index.
        let write = Cost {
            lines: hit.lines + if ages { 3 } else { 0 } + if evicts { 3 } else { 0 },
            instructions: hit.instructions
                + if ages { 50 } else { 20 }
                + if evicts { 60 } else { 0 },
            bound: if self.is_timed() { Bound::Amortised } else { Bound::Expected },
        };
        let update = if evicts { Effect::Write } else { Effect::CommutativeUpdate };
        let (effect, cost) = match operation {
            Operation::MapGet => (Effect::Read, hit),
            Operation::MapPut | Operation::MapUpdate(Combine::General) => (Effect::Write, write),
            Operation::MapUpdate(Combine::Commutative) => (update, write),
            Operation::MapTouch => (update, Cost { bound: Bound::Expected, ..write }),
            Operation::MapRemove => {
                (Effect::Write, Cost { instructions: write.instructions + 30, ..write })
            }
            Operation::MapClear | Operation::MapEach => {
                let is_clear = operation == Operation::MapClear;
                let effect = if is_clear { Effect::Write } else { Effect::Read };
                let cost = Cost { bound: Bound::Steps(self.kind.capacity()), ..write };
                return self.promise(effect, Exposure::Whole, cost);
            }
            _ => return None,
        };
        self.promise(effect, Exposure::Key, cost)
    }

    /// Finding a key in the hash table: a line of the index, then the entry.
    fn cost_of_search(&self) -> Cost {
        let key_words = self.key.bytes().div_ceil(8) as u32;
        let value_words = self.value.bytes().div_ceil(8) as u32;
        let entry_bytes = self.key.bytes() + self.value.bytes() + 16;
        Cost {
            lines: 1 + entry_bytes.div_ceil(64) as u32,
            instructions: 40 + 6 * key_words + 2 * value_words,
            bound: Bound::Expected,
        }
    }

    fn contract_of_flat(&self, operation: Operation) -> Option<Contract> {
        let is_array = matches!(self.kind, StateKind::Array { .. });
        // A value that does not divide a line may lie across one more.
        let bytes = if is_array { self.value.bytes() } else { 16 };
        let lines = bytes.div_ceil(64) as u32 + u32::from(!64_usize.is_multiple_of(bytes.max(1)));
        let words = bytes.div_ceil(8) as u32;
        let cost = Cost { lines, instructions: 6 + 3 * words, bound: Bound::Always };
        let effect = match (operation, is_array) {
            (Operation::ArrayGet, true) | (Operation::CounterGet, false) => Effect::Read,
            (Operation::ArrayUpdate(Combine::General), true) => Effect::Write,
            (Operation::ArrayUpdate(Combine::Commutative), true) | (Operation::Count, false) => {
                Effect::CommutativeUpdate
            }
            _ => return None,
        };
        self.promise(effect, Exposure::Index, cost)
    }

    fn contract_of_pool(&self, operation: Operation) -> Option<Contract> {
        let bound = if self.is_timed() { Bound::Amortised } else { Bound::Always };
        let moved = Cost { lines: 8, instructions: 50, bound };
        match operation {
            Operation::PoolAlloc => self.promise(Effect::Write, Exposure::Whole, moved),
            // These change which index is free longest, so they meet every allocation.
            Operation::PoolTake | Operation::PoolFree | Operation::PoolTouch => {
                self.promise(Effect::Write, Exposure::Whole, moved)
            }
            Operation::PoolUsed => {
                let cost = Cost { lines: 1, instructions: 10, bound };
                self.promise(Effect::Read, Exposure::Index, cost)
            }
            _ => None,
        }
    }

    fn contract_of_lpm(&self, operation: Operation, bits: u32, capacity: u32) -> Option<Contract> {
        let root_bits = crate::mem::lpm_root_bits(capacity);
        let levels = 1 + bits.saturating_sub(root_bits).div_ceil(4);
        let entry_lines = self.cost_of_search().lines;
        let change = Cost {
            // Finding the prefix, the way to its node, and what it hides.
            lines: levels + 4 * entry_lines,
            instructions: 120 + 12 * levels,
            bound: Bound::Steps(1 << root_bits),
        };
        let (effect, cost) = match operation {
            Operation::LpmGet => {
                let lines = levels + entry_lines - 1;
                (Effect::Read, Cost { lines, instructions: 12 + 9 * levels, bound: Bound::Always })
            }
            Operation::LpmPut | Operation::LpmRemove => (Effect::Write, change),
            _ => return None,
        };
        self.promise(effect, Exposure::Whole, cost)
    }

    fn contract_of_bucket(&self, operation: Operation) -> Option<Contract> {
        if operation != Operation::BucketTake {
            return None;
        }
        let search = self.cost_of_search();
        let cost = Cost {
            lines: search.lines + 1,
            instructions: search.instructions + 40,
            bound: Bound::Amortised,
        };
        // A single bucket has one key, so that all takes meet at it.
        self.promise(Effect::Write, Exposure::Key, cost)
    }

    fn contract_of_maglev(
        &self,
        operation: Operation,
        table_size: u32,
        capacity: u32,
    ) -> Option<Contract> {
        let member_lines = self.key.bytes().div_ceil(64) as u32;
        let size = u64::from(table_size);
        let (effect, cost) = match operation {
            Operation::MaglevPick => {
                let bound = Bound::Steps(size * (u64::from(capacity) + u64::from(size.ilog2())));
                (Effect::Read, Cost { lines: 1 + member_lines, instructions: 30, bound })
            }
            Operation::MaglevSet => {
                let bound = Bound::Steps(u64::from(capacity));
                (Effect::Write, Cost { lines: 4, instructions: 100, bound })
            }
            _ => return None,
        };
        self.promise(effect, Exposure::Whole, cost)
    }
}

#[cfg(test)]
mod tests;
