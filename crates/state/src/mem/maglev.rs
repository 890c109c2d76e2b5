//! Maglev lookup table.

use crate::hash;
use crate::ops::{Entry, MaglevOps, ObjectOps};
use crate::{StateKind, StateSpec, StateStats};
use trama_base::Nanos;

/// A slot without a member yet.
const NONE: u32 = u32::MAX;

/// The members side by side in the order of their bytes, and for each slot the number of its
/// member. [`crate::model::Maglev`] defines which that is.
///
/// The table is made again by the first [`pick`](MaglevOps::pick) after a change; many changes in a
/// row cost that once. With equal weights that takes about `m * ln m` steps for `m` slots (section
/// 3.4 of the paper); with weights far apart up to `m` more for each member.
#[derive(Debug)]
pub struct Maglev {
    capacity: usize,
    member_bytes: usize,
    /// Packed members, sorted.
    members: Vec<u8>,
    /// Of each member.
    weights: Vec<u32>,
    table: Vec<u32>,
    players: Vec<Player>,
    is_stale: bool,
    stats: StateStats,
}

/// A member while the table is made.
#[derive(Clone, Copy, Debug)]
struct Player {
    credit: u64,
    /// The next slot in its order.
    slot: u32,
    skip: u32,
}

impl Maglev {
    /// The table of a valid specification of that kind.
    pub(super) fn new(spec: &StateSpec) -> Self {
        let StateKind::Maglev { table_size, capacity } = spec.kind else {
            unreachable!("a Maglev table was asked for")
        };
        let member_bytes = spec.key.bytes();
        Self {
            capacity: capacity as usize,
            member_bytes,
            members: Vec::with_capacity(capacity as usize * member_bytes),
            weights: Vec::with_capacity(capacity as usize),
            table: vec![0; table_size as usize],
            players: Vec::with_capacity(capacity as usize),
            is_stale: false,
            stats: StateStats::default(),
        }
    }

    pub(super) fn bytes(table_size: u32, capacity: u32, member_bytes: usize) -> u64 {
        let per_member = member_bytes + size_of::<u32>() + size_of::<Player>();
        u64::from(capacity)
            .saturating_mul(per_member as u64)
            .saturating_add(u64::from(table_size) * 4)
    }

    /// Bytes that it has reserved.
    pub fn reserved_bytes(&self) -> u64 {
        let words = self.weights.capacity() + self.table.capacity();
        let players = self.players.capacity() * size_of::<Player>();
        (self.members.capacity() + words * 4 + players) as u64
    }

    fn member(&self, number: usize) -> &[u8] {
        &self.members[number * self.member_bytes..][..self.member_bytes]
    }

    /// The number of a member, or the number that it would have.
    fn search(&self, member: &[u8]) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.weights.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.member(middle).cmp(member) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Ok(middle),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Err(low)
    }

    fn populate(&mut self) {
        let size = self.table.len() as u64;
        self.players.clear();
        for number in 0..self.weights.len() {
            let member = &self.members[number * self.member_bytes..][..self.member_bytes];
            self.players.push(Player {
                credit: 0,
                slot: (hash::seeded(1, member) % size) as u32,
                skip: (hash::seeded(2, member) % (size - 1) + 1) as u32,
            });
        }
        self.table.fill(NONE);
        let greatest = self.weights.iter().copied().max().map_or(0, u64::from);
        let mut free = if self.players.is_empty() { 0 } else { self.table.len() };
        while free > 0 {
            for (number, player) in self.players.iter_mut().enumerate() {
                player.credit += u64::from(self.weights[number]);
                if player.credit >= greatest && free > 0 {
                    player.credit -= greatest;
                    let slot = player.first_free(&self.table);
                    self.table[slot] = number as u32;
                    free -= 1;
                }
            }
        }
    }
}

impl Player {
    fn first_free(&mut self, table: &[u32]) -> usize {
        while table[self.slot as usize] != NONE {
            let next = u64::from(self.slot) + u64::from(self.skip);
            let size = table.len() as u64;
            self.slot = if next < size { next } else { next - size } as u32;
        }
        self.slot as usize
    }
}

impl MaglevOps for Maglev {
    fn set(&mut self, member: &[u8], weight: u32) -> bool {
        assert_eq!(member.len(), self.member_bytes, "a member has the length of its shape");
        let bytes = self.member_bytes;
        match (self.search(member), weight) {
            (Err(_), 0) => return true,
            (Ok(number), _) if self.weights[number] == weight => return true,
            (Ok(number), 0) => {
                self.weights.remove(number);
                self.members.drain(number * bytes..(number + 1) * bytes);
            }
            (Ok(number), _) => self.weights[number] = weight,
            (Err(number), _) => {
                if self.weights.len() == self.capacity {
                    self.stats.refused += 1;
                    return false;
                }
                self.weights.insert(number, weight);
                let at = number * bytes;
                self.members.extend_from_slice(member);
                self.members[at..].rotate_right(bytes);
                self.stats.inserted += 1;
                self.stats.peak = self.stats.peak.max(self.len());
            }
        }
        self.is_stale = true;
        true
    }

    #[inline]
    fn pick(&mut self, hash: u64) -> Option<&[u8]> {
        if self.is_stale {
            self.populate();
            self.is_stale = false;
        }
        if self.weights.is_empty() {
            return None;
        }
        let slot = hash % self.table.len() as u64;
        Some(self.member(self.table[slot as usize] as usize))
    }

    fn len(&self) -> u64 {
        self.weights.len() as u64
    }
}

impl ObjectOps for Maglev {
    fn stats(&mut self, _now: Nanos) -> StateStats {
        StateStats { len: self.len(), ..self.stats }
    }

    fn entries(&mut self, _now: Nanos) -> Vec<Entry> {
        let weights = self.weights.iter().enumerate();
        weights
            .map(|(number, weight)| (self.member(number).to_vec(), weight.to_le_bytes().to_vec()))
            .collect()
    }
}
