//! When timers are due, so that every core and stage is told of it at the same place in the
//! traffic: between the packets where a single engine would fire them.

use trama_base::Nanos;
use trama_lang::ir::{Program, Trigger};

/// The timers of a program, as far as their times go.
#[derive(Clone, Debug, Default)]
pub(super) struct Ticks {
    start: Nanos,
    periods: Vec<Nanos>,
    /// The earliest time at which one is due.
    next: Option<Nanos>,
}

impl Ticks {
    pub(super) fn new(program: &Program, start: Nanos) -> Self {
        let handlers = program.nodes.iter().flat_map(|node| &node.handlers);
        let mut periods: Vec<Nanos> = handlers
            .filter_map(|handler| match handler.trigger {
                Trigger::Timer { period } => Some(period),
                _ => None,
            })
            .collect();
        periods.sort();
        periods.dedup();
        let mut ticks = Self { start, periods, next: None };
        ticks.next = ticks.after(start);
        ticks
    }

    /// The first multiple of a period after `now`.
    fn after(&self, now: Nanos) -> Option<Nanos> {
        let passed = now.since(self.start).0;
        let next = |period: &Nanos| {
            let multiple = (passed / period.0).checked_add(1)?.checked_mul(period.0)?;
            Some(Nanos(self.start.0.checked_add(multiple)?))
        };
        self.periods.iter().filter_map(next).min()
    }

    /// True if a timer is due at `now`, since the last call that said so.
    pub(super) fn is_due(&mut self, now: Nanos) -> bool {
        let due = self.next.is_some_and(|next| next <= now);
        if due {
            self.next = self.after(now);
        }
        due
    }
}
