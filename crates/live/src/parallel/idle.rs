//! What a thread does that finds nothing to do: looks again, then lets others run, then sleeps.

use std::time::Duration;

/// Looks before others are let run.
const SPINS: u32 = 64;
/// Looks before sleeping.
const YIELDS: u32 = 192;
/// Longer than a wake-up, short against what people notice.
const SLEEP: Duration = Duration::from_micros(50);

/// How long there was nothing.
#[derive(Debug, Default)]
pub(super) struct Idle {
    rounds: u32,
}

impl Idle {
    /// There was something.
    pub(super) fn reset(&mut self) {
        self.rounds = 0;
    }

    /// There was nothing; waits a little, longer each time.
    pub(super) fn wait(&mut self) {
        self.rounds = self.rounds.saturating_add(1);
        if self.rounds <= SPINS {
            std::hint::spin_loop();
        } else if self.rounds <= YIELDS {
            std::thread::yield_now();
        } else {
            std::thread::sleep(SLEEP);
        }
    }
}
