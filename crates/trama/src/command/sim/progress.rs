//! How far a simulation is, on the terminal.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};
use trama_base::{Picos, quantity};
use trama_sim::scenario::Run;

/// Time between two lines.
const EVERY: Duration = Duration::from_millis(200);

pub(super) struct Progress {
    is_shown: bool,
    start: Instant,
    shown: Instant,
    limit: Picos,
}

impl Progress {
    #[allow(clippy::disallowed_methods, reason = "the time that a run takes is shown")]
    pub(super) fn new(is_wanted: bool, limit: Picos) -> Self {
        let now = Instant::now();
        let is_shown = is_wanted && std::io::stderr().is_terminal();
        Self { is_shown, start: now, shown: now, limit }
    }

    #[allow(clippy::disallowed_methods, reason = "the time that a run takes is shown")]
    pub(super) fn show(&mut self, run: &Run) {
        if !self.is_shown || self.shown.elapsed() < EVERY {
            return;
        }
        self.shown = Instant::now();
        let elapsed_s = self.start.elapsed().as_secs_f64();
        let events = run.record().events;
        // Messages tell more of what is left than time, which may be far from its limit.
        let messages = run.arrived() as f64 / run.record().flows.len().max(1) as f64;
        let time = run.now().as_secs_f64() / self.limit.as_secs_f64();
        let left_s = elapsed_s * (1.0 / messages.max(time).max(1e-6) - 1.0);
        eprint!(
            "\r{} simulated, {:.0} % of messages, {} events, {:.1} M/s, \
             about {left_s:.0} s left \x1b[K",
            run.now(),
            100.0 * messages,
            quantity::count(events),
            events as f64 / elapsed_s / 1e6,
        );
        let _ = std::io::stderr().flush();
    }

    /// Ends it; the time since the start in seconds.
    pub(super) fn finish(self) -> f64 {
        if self.is_shown {
            eprint!("\r\x1b[K");
        }
        self.start.elapsed().as_secs_f64()
    }
}
