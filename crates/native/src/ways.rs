//! The ways that packets take through a program, each with one pair of counts; what every one of
//! them says about ports and nodes; and what becomes of a packet at its end.

use std::cell::{RefCell, UnsafeCell};
use trama_lang::engine::{Report, Traffic};

/// A counter of the report that a packet moves on by taking a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    /// Came in at an external port.
    Entered(u32),
    /// Came in at a node's port.
    Received(u32, u32),
    /// Was sent on a node's port.
    Sent(u32, u32),
    /// Was dropped by a node for a reason.
    Dropped(u32, u32),
    /// Was given to `discard` by a node.
    Discarded(u32),
    /// Was still held when a node's handler ended.
    Consumed(u32),
    /// Left at an external port.
    Left(u32),
}

/// What becomes of a packet where generated code ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It leaves at an external port.
    Leave(u32),
    /// Its buffer is free.
    Give,
    /// It arrives at a port of a node, having passed so many handlers.
    Enter {
        /// Index of the node.
        node: u32,
        /// Index of the port.
        port: u32,
        /// Handlers passed.
        hops: u32,
    },
}

/// The outcome that frees the buffer, as a word; numbers below it are external ports.
const GIVE: u64 = 1 << 32;

/// Packets and bytes, for generated code to count on.
type Pair = UnsafeCell<[u64; 2]>;

/// Ways that stand side by side, with the counters of each.
struct Group {
    pairs: Box<[Pair]>,
    counts: Vec<Vec<Count>>,
}

/// All ways of a program. Addresses of what was added stay good as long as this.
#[derive(Default)]
pub(crate) struct Ways {
    groups: RefCell<Vec<Group>>,
    outcomes: RefCell<Vec<Box<[u64]>>>,
    entries: RefCell<Vec<Outcome>>,
}

impl Ways {
    /// Adds ways side by side: the first one's packets and bytes, 8 bytes each.
    pub(crate) fn add(&self, counts: Vec<Vec<Count>>) -> *const [u64; 2] {
        let pairs: Box<[Pair]> = counts.iter().map(|_| Pair::default()).collect();
        let first = pairs.first().map_or(std::ptr::null(), |pair| pair.get().cast_const());
        self.groups.borrow_mut().push(Group { pairs, counts });
        first
    }

    /// An outcome as a word.
    pub(crate) fn outcome(&self, outcome: Outcome) -> u64 {
        match outcome {
            Outcome::Leave(port) => port.into(),
            Outcome::Give => GIVE,
            Outcome::Enter { .. } => {
                let mut entries = self.entries.borrow_mut();
                let known = entries.iter().position(|entry| *entry == outcome);
                let index = known.unwrap_or_else(|| {
                    entries.push(outcome);
                    entries.len() - 1
                });
                GIVE + 1 + index as u64
            }
        }
    }

    /// Outcomes as words side by side.
    pub(crate) fn add_outcomes(&self, outcomes: &[Outcome]) -> *const u64 {
        let words: Box<[u64]> = outcomes.iter().map(|outcome| self.outcome(*outcome)).collect();
        let first = words.as_ptr();
        self.outcomes.borrow_mut().push(words);
        first
    }

    /// The outcome of a word.
    #[inline]
    pub(crate) fn decode(&mut self, word: u64) -> Outcome {
        match word.checked_sub(GIVE) {
            None => Outcome::Leave(word as u32),
            Some(0) => Outcome::Give,
            Some(entry) => self.entries.get_mut()[entry as usize - 1],
        }
    }

    /// Adds what was counted to a report.
    pub(crate) fn add_to(&mut self, report: &mut Report) {
        for group in self.groups.get_mut() {
            for (pair, counts) in group.pairs.iter_mut().zip(&group.counts) {
                let [packets, bytes] = *pair.get_mut();
                counts.iter().for_each(|count| count.add(report, Traffic { packets, bytes }));
            }
        }
    }
}

impl Count {
    /// Adds packets that took the way to a report.
    fn add(self, report: &mut Report, more: Traffic) {
        let node = |node: u32| node as usize;
        let traffic = match self {
            Self::Entered(port) => &mut report.received[port as usize],
            Self::Left(port) => &mut report.sent[port as usize],
            Self::Received(n, port) => &mut report.nodes[node(n)].received[port as usize],
            Self::Sent(n, port) => &mut report.nodes[node(n)].sent[port as usize],
            Self::Dropped(n, reason) => {
                report.nodes[node(n)].drops[reason as usize] += more.packets;
                return;
            }
            Self::Discarded(n) => {
                report.nodes[node(n)].discarded += more.packets;
                return;
            }
            Self::Consumed(n) => {
                report.nodes[node(n)].consumed += more.packets;
                return;
            }
        };
        traffic.packets += more.packets;
        traffic.bytes += more.bytes;
    }
}
