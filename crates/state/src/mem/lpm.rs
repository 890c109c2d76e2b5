//! Longest-prefix-match table.

use super::table::{Layout, Table};
use crate::ops::{Entry, LpmOps, ObjectOps};
use crate::{StateKind, StateSpec, StateStats};
use trama_base::Nanos;

/// Bits of address that a node looks at, and its cells.
const STRIDE_BITS: u32 = 4;
const FANOUT: usize = 1 << STRIDE_BITS;

/// Most nodes on the way to a prefix: 128 bits less 4 for the root.
const DEPTH_MAX: usize = 31;

/// A multibit trie (Srinivasan and Varghese, TOCS 1999) over a hash table of the prefixes.
///
/// A prefix is expanded to all cells of its node that it covers, so a lookup reads one cell of
/// eight bytes for the root and for each four bits behind it, and then the entry. The root looks at
/// 4 to 16 bits, by the capacity; what is short enough ends there. The hash table holds the
/// values, finds a prefix exactly, and tells which prefix a removed one had hidden.
///
/// A change writes at most as many cells as its node has: 16, or those of the root.
#[derive(Debug)]
pub struct Lpm {
    address_bits: u32,
    root_bits: u32,
    /// Prefixes under their packed address and length.
    prefixes: Table,
    /// The root, then the nodes. Lower half of a cell: slot + 1 of the longest prefix of this node
    /// that covers the cell. Upper half: number of the child. Zero: none.
    cells: Vec<u64>,
    /// For each node the prefixes that end in it and its children; for a free one the next.
    held: Vec<u32>,
    /// Nodes above this number were never used.
    fresh: u32,
    /// First free node up to `fresh`; 0 if there is none.
    free: u32,
    stats: StateStats,
}

/// A prefix: the bits of the address at the top of the number, the rest zero.
#[derive(Clone, Copy)]
struct Prefix {
    bits: u128,
    len: u32,
}

/// How to get to the node in which a prefix ends.
struct Path {
    /// Cells whose children are the nodes on the way.
    cells: [usize; DEPTH_MAX],
    depth: usize,
}

impl Lpm {
    /// The table of a valid specification of that kind.
    pub(super) fn new(spec: &StateSpec, seed: u64) -> Self {
        let plan = Plan::of(spec);
        Self {
            address_bits: plan.address_bits,
            root_bits: plan.root_bits,
            prefixes: Table::new(plan.layout, seed),
            cells: vec![0; plan.cells() as usize],
            held: vec![0; plan.nodes() as usize + 1],
            fresh: 0,
            free: 0,
            stats: StateStats::default(),
        }
    }

    pub(super) fn bytes(spec: &StateSpec) -> u64 {
        let plan = Plan::of(spec);
        let trie = plan.cells().saturating_mul(8).saturating_add((plan.nodes() + 1) * 4);
        plan.layout.bytes().saturating_add(trie)
    }

    /// Bytes that it has reserved.
    pub fn reserved_bytes(&self) -> u64 {
        let trie = self.cells.capacity() * 8 + self.held.capacity() * 4;
        self.prefixes.reserved_bytes() + trie as u64
    }

    /// The address at the top of a number.
    #[inline]
    fn align(&self, address: u128) -> u128 {
        address << (128 - self.address_bits)
    }

    fn prefix(&self, address: u128, prefix_len: u8) -> Option<Prefix> {
        let len = u32::from(prefix_len);
        (len <= self.address_bits).then(|| Prefix { bits: self.align(address), len }.cut(len))
    }

    /// What the hash table knows a prefix by, in the first bytes of an array.
    fn key(&self, prefix: Prefix) -> ([u8; 17], usize) {
        let address_bytes = self.address_bits as usize / 8;
        let mut key = [0; 17];
        let address = prefix.bits >> (128 - self.address_bits);
        key[..16].copy_from_slice(&address.to_le_bytes());
        key[address_bytes] = prefix.len as u8;
        (key, address_bytes + 1)
    }

    fn find(&self, prefix: Prefix) -> Option<u32> {
        let (key, len) = self.key(prefix);
        self.prefixes.find(self.prefixes.hash(&key[..len]), &key[..len])
    }

    fn len_of(&self, slot: u32) -> u32 {
        u32::from(self.prefixes.key(slot)[self.address_bits as usize / 8])
    }

    /// First cell of a node.
    #[inline]
    fn node(&self, number: u32) -> usize {
        (1 << self.root_bits) + (number as usize - 1) * FANOUT
    }

    /// Bits above the node in which prefixes of this length end.
    fn bits_above(&self, len: u32) -> u32 {
        if len <= self.root_bits { 0 } else { self.root_bits + self.depth(len) * STRIDE_BITS }
    }

    /// Nodes between the root and the node in which prefixes longer than the root's end.
    fn depth(&self, len: u32) -> u32 {
        (len - self.root_bits - 1) / STRIDE_BITS
    }

    /// The way to the node of a prefix; nodes that are missing are made.
    fn reach(&mut self, prefix: Prefix) -> Path {
        let mut path = Path { cells: [0; DEPTH_MAX], depth: 0 };
        if prefix.len <= self.root_bits {
            return path;
        }
        let mut cell = (prefix.bits >> (128 - self.root_bits)) as usize;
        let mut rest = prefix.bits << self.root_bits;
        for step in 0..=self.depth(prefix.len) as usize {
            if step > 0 {
                cell = self.child(path.cells[step - 1]) + top_nibble(rest);
                rest <<= STRIDE_BITS;
            }
            path.cells[step] = cell;
            path.depth = step + 1;
            if self.cells[cell] >> 32 == 0 {
                let number = self.take_node();
                self.cells[cell] |= u64::from(number) << 32;
                if step > 0 {
                    self.hold(path.cells[step - 1], 1);
                }
            }
        }
        path
    }

    /// First cell of the node that a cell leads to.
    fn child(&self, cell: usize) -> usize {
        self.node((self.cells[cell] >> 32) as u32)
    }

    /// Changes by how much the node that a cell leads to is held.
    fn hold(&mut self, cell: usize, by: i32) {
        let number = (self.cells[cell] >> 32) as usize;
        self.held[number] = self.held[number].wrapping_add_signed(by);
    }

    fn take_node(&mut self) -> u32 {
        if self.free == 0 {
            self.fresh += 1;
            return self.fresh;
        }
        let number = self.free;
        self.free = self.held[number as usize];
        self.held[number as usize] = 0;
        number
    }

    /// Lets the nodes of a path go that hold nothing any more, from the last.
    fn prune(&mut self, path: &Path) {
        for step in (0..path.depth).rev() {
            let cell = path.cells[step];
            let number = (self.cells[cell] >> 32) as u32;
            if self.held[number as usize] > 0 {
                return;
            }
            self.held[number as usize] = self.free;
            self.free = number;
            self.cells[cell] &= u64::from(u32::MAX);
            if step > 0 {
                self.hold(path.cells[step - 1], -1);
            }
        }
    }

    /// The cells that a prefix covers in its node.
    fn covered(&self, prefix: Prefix, path: &Path) -> std::ops::Range<usize> {
        let (start, bits) = match path.depth {
            0 => (0, self.root_bits),
            depth => (self.child(path.cells[depth - 1]), STRIDE_BITS),
        };
        let above = self.bits_above(prefix.len);
        let first = (prefix.bits << above >> (128 - bits)) as usize;
        let count = 1 << (above + bits - prefix.len);
        start + first..start + first + count
    }

    /// Lets a prefix show in the cells that it covers, but where a longer one does.
    fn paint(&mut self, cells: std::ops::Range<usize>, prefix: Prefix, slot: u32) {
        for cell in cells {
            let shown = self.cells[cell] as u32;
            if shown == 0 || self.len_of(shown - 1) < prefix.len {
                self.cells[cell] = self.cells[cell] >> 32 << 32 | u64::from(slot + 1);
            }
        }
    }

    /// The longest prefix of the same node that a prefix hides.
    fn hidden_by(&self, prefix: Prefix) -> Option<u32> {
        let above = self.bits_above(prefix.len);
        // In a node below the root, a prefix has at least one bit more than there are above.
        let shortest = if above == 0 { 0 } else { above + 1 };
        (shortest..prefix.len).rev().find_map(|len| self.find(prefix.cut(len)))
    }
}

impl Prefix {
    /// Its first bits.
    fn cut(self, len: u32) -> Self {
        let mask = if len == 0 { 0 } else { u128::MAX << (128 - len) };
        Self { bits: self.bits & mask, len }
    }
}

#[inline]
fn top_nibble(bits: u128) -> usize {
    (bits >> 124) as usize
}

impl LpmOps for Lpm {
    fn put(&mut self, address: u128, prefix_len: u8, value: &[u8]) -> bool {
        let Some(prefix) = self.prefix(address, prefix_len) else {
            self.stats.refused += 1;
            return false;
        };
        if let Some(slot) = self.find(prefix) {
            self.prefixes.value_mut(slot).copy_from_slice(value);
            return true;
        }
        if self.prefixes.is_full() {
            self.stats.refused += 1;
            return false;
        }
        let (key, len) = self.key(prefix);
        let slot = self.prefixes.insert(self.prefixes.hash(&key[..len]), &key[..len]);
        self.prefixes.value_mut(slot).copy_from_slice(value);
        let path = self.reach(prefix);
        if path.depth > 0 {
            self.hold(path.cells[path.depth - 1], 1);
        }
        self.paint(self.covered(prefix, &path), prefix, slot);
        self.stats.inserted += 1;
        self.stats.peak = self.stats.peak.max(self.len());
        true
    }

    #[inline]
    fn get(&self, address: u128) -> Option<&[u8]> {
        let bits = self.align(address);
        let mut cell = self.cells[(bits >> (128 - self.root_bits)) as usize];
        let mut rest = bits << self.root_bits;
        let mut best = cell as u32;
        while cell >> 32 != 0 {
            cell = self.cells[self.node((cell >> 32) as u32) + top_nibble(rest)];
            rest <<= STRIDE_BITS;
            let shown = cell as u32;
            best = if shown == 0 { best } else { shown };
        }
        if best == 0 { None } else { Some(self.prefixes.value(best - 1)) }
    }

    fn remove(&mut self, address: u128, prefix_len: u8) -> bool {
        let Some(prefix) = self.prefix(address, prefix_len) else { return false };
        let Some(slot) = self.find(prefix) else { return false };
        let path = self.reach(prefix);
        let shown = self.hidden_by(prefix).map_or(0, |hidden| u64::from(hidden + 1));
        for cell in self.covered(prefix, &path) {
            if self.cells[cell] as u32 == slot + 1 {
                self.cells[cell] = self.cells[cell] >> 32 << 32 | shown;
            }
        }
        self.prefixes.remove(slot);
        if path.depth > 0 {
            self.hold(path.cells[path.depth - 1], -1);
            self.prune(&path);
        }
        true
    }

    fn len(&self) -> u64 {
        u64::from(self.prefixes.len())
    }
}

impl ObjectOps for Lpm {
    fn stats(&mut self, _now: Nanos) -> StateStats {
        StateStats { len: self.len(), ..self.stats }
    }

    fn entries(&mut self, _now: Nanos) -> Vec<Entry> {
        let packed = |slot| (self.prefixes.key(slot).to_vec(), self.prefixes.value(slot).to_vec());
        let mut entries: Vec<Entry> = self.prefixes.slots().map(packed).collect();
        entries.sort();
        entries
    }
}

/// Bits of address that the root of a table looks at: 4 to 16, so that it has up to about eight
/// cells for each prefix and never is most of the memory.
pub(crate) fn root_bits(capacity: u32) -> u32 {
    let wish = capacity.max(1).ilog2() + 3;
    (wish / STRIDE_BITS * STRIDE_BITS).clamp(STRIDE_BITS, 16)
}

/// Sizes that follow from a specification.
struct Plan {
    address_bits: u32,
    root_bits: u32,
    layout: Layout,
}

impl Plan {
    fn of(spec: &StateSpec) -> Self {
        let StateKind::Lpm { address_bits, capacity } = spec.kind else {
            unreachable!("a longest-prefix-match table was asked for")
        };
        let layout = Layout {
            capacity,
            has_stamp: false,
            key_bytes: usize::from(address_bits) / 8 + 1,
            value_bytes: spec.value.bytes(),
        };
        Self { address_bits: u32::from(address_bits), root_bits: root_bits(capacity), layout }
    }

    /// Most nodes: on each level one for each prefix, but not more than there are ways to it.
    fn nodes(&self) -> u64 {
        let levels = (self.root_bits..self.address_bits).step_by(STRIDE_BITS as usize);
        levels.map(|above| u64::from(self.layout.capacity).min(1 << above.min(32))).sum()
    }

    fn cells(&self) -> u64 {
        (1 << self.root_bits) + self.nodes() * FANOUT as u64
    }
}
