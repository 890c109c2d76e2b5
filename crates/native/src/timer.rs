//! Timers: when each is due.

use crate::network::Entry;
use trama_base::Nanos;

/// The timers of a program, in the order of nodes, then of handlers.
pub(crate) struct Timers {
    timers: Vec<Timer>,
    start: Nanos,
    /// The earliest time at which one is due; `None` if none ever is.
    next: Option<Nanos>,
}

struct Timer {
    node: u32,
    entry: Entry,
    period: Nanos,
    due: Option<Nanos>,
}

impl Timers {
    /// No timers, of a program that starts at `start`.
    pub(crate) fn new(start: Nanos) -> Self {
        Self { timers: Vec::new(), start, next: None }
    }

    /// Adds a timer behind the others.
    pub(crate) fn add(&mut self, node: u32, entry: Entry, period: Nanos) {
        let due = self.start.0.checked_add(period.0).map(Nanos);
        self.timers.push(Timer { node, entry, period, due });
        self.next = self.earliest();
    }

    /// The earliest time at which one is due; `None` if none ever is.
    #[inline]
    pub(crate) fn next_due(&self) -> Option<Nanos> {
        self.next
    }

    /// Takes the one that is due first, to be run once, and winds it up again.
    pub(crate) fn take_first(&mut self, now: Nanos) -> Option<(u32, Entry)> {
        let first = self.timers.iter().position(|timer| timer.due == self.next)?;
        let timer = &mut self.timers[first];
        let periods = now.since(self.start).0 / timer.period.0 + 1;
        let due = periods.checked_mul(timer.period.0);
        timer.due = due.and_then(|d| d.checked_add(self.start.0)).map(Nanos);
        let fired = (timer.node, timer.entry);
        self.next = self.earliest();
        Some(fired)
    }

    fn earliest(&self) -> Option<Nanos> {
        self.timers.iter().filter_map(|timer| timer.due).min()
    }
}
