//! What goes wrong: packets lost or late at random, links and switches that fail.

use super::event::{Event, Happening};
use super::{Observer, Simulation};
use trama_base::{Picos, Rng};
use trama_transport::Endpoint;

/// What happens to packets on links at random.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Impairments {
    /// Share of packets that are lost or arrive damaged, which is the same.
    pub loss: f64,
    /// Share of packets that take another way within the link and are late.
    pub late: f64,
    /// How much later those are, at most.
    pub late_by: Picos,
}

/// The state of random faults.
#[derive(Debug)]
pub(super) struct Faults {
    impairments: Impairments,
    rng: Rng,
}

impl Faults {
    pub(super) fn new(impairments: Impairments, seed: u64) -> Self {
        Self { impairments, rng: Rng::stream(seed, "faults") }
    }

    /// Whether the next packet is lost.
    pub(super) fn loses(&mut self) -> bool {
        self.impairments.loss > 0.0 && self.rng.unit() < self.impairments.loss
    }

    /// How much later than usual the next packet arrives.
    pub(super) fn delay(&mut self) -> Picos {
        if self.impairments.late > 0.0 && self.rng.unit() < self.impairments.late {
            return self.impairments.late_by.scaled(self.rng.unit());
        }
        Picos::ZERO
    }
}

/// A change of the network while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// When.
    pub at: Picos,
    /// The ports whose links change; the other direction changes too.
    pub ports: Vec<u32>,
    /// Whether they work from then on.
    pub is_up: bool,
    /// Whether all switches learn of it now and find new ways.
    pub reroutes: bool,
}

impl<E: Endpoint, O: Observer> Simulation<E, O> {
    /// Has links fail and come back; `changes` are in order of time.
    pub fn schedule(&mut self, changes: Vec<Change>, seed: u64) {
        assert!(changes.is_sorted_by_key(|change| change.at), "changes are in order of time");
        for change in &changes {
            self.calendar.insert(change.at, Event::new(Happening::Change));
        }
        self.changes = changes.into();
        self.faults.get_or_insert_with(|| Faults::new(Impairments::default(), seed));
    }

    /// Has packets lost or late at random on all links.
    pub fn impair(&mut self, impairments: Impairments, seed: u64) {
        self.faults = Some(Faults::new(impairments, seed));
    }

    /// The next change is due.
    pub(super) fn change(&mut self) {
        let change = self.changes.pop_front().expect("an event for each change");
        for port in change.ports {
            let reverse = self.network.ports[port as usize].reverse;
            self.network.ports[port as usize].is_down = !change.is_up;
            self.network.ports[reverse as usize].is_down = !change.is_up;
        }
        if change.reroutes {
            self.network.reroute();
        }
    }
}
