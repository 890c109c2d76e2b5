//! HPCC (Li et al., "HPCC: High Precision Congestion Control", SIGCOMM 2019, section 3).
//!
//! Switches append to each packet when it left, what it left behind in the queue, and what the port
//! has sent so far; the receiver returns the records. From two of them the sender computes how many
//! bytes are in flight through each port, as a multiple of what fits (equations 1 and 2):
//!
//! ```text
//! u = min(queue, queue before) / (B T) + (bytes sent since) / (time since) / B
//! U = (1 - tau / T) U + (tau / T) max u        tau: time since, at most T
//! ```
//!
//! and sets its window so that it is `eta` of that (algorithm 1):
//!
//! ```text
//! W = Wc / (U / eta) + W_AI     if U >= eta, or after max_stage rounds of the other
//! W = Wc + W_AI                 otherwise
//! ```
//!
//! Every acknowledgement sets `W`, so that the reaction is fast; but the reference `Wc` changes
//! once a round trip, so that a queue is not reacted to twice. Packets are paced at `W / T`.
//!
//! The paper runs over a lossless fabric: a loss does not change the window. After a timeout the
//! last records are forgotten.

use super::telemetry::{Ports, weight};
use super::{Acked, CongestionControl, Setting};
use crate::fabric::{Fabric, Queueing};
use crate::registry;
use crate::stream::{self, Algorithm, Needs};
use trama_base::{Bytes, Picos, Rate, parameters};

parameters! {
    /// Settings; defaults are those of section 5.1.
    pub struct Config {
        /// Share of the link that is aimed at.
        eta: f64 = 0.95,
        /// Rounds of additive increase before one that is multiplicative.
        max_stage: u32 = 5,
        /// Step of the additive increase (W_AI).
        step: Bytes = Bytes(80),
        /// Round trip without waiting (T); that of the fabric if it is not said.
        rtt: Option<Picos> = None,
        /// Lowest rate.
        rate_min: Rate = Rate::from_mbps(100),
        /// Whether the reference changes once a round trip; if not, with each acknowledgement,
        /// which the paper warns of (section 3.2).
        reference: bool = true,
    }
}

/// Bytes that the records of five switches take in a packet (section 4.1).
pub(super) const RECORDS_BYTES: u64 = 42;

/// How streams work that are told of each packet, with room for records in it.
pub(super) fn stream_with_records() -> stream::Config {
    let config = stream::Config::default();
    let header = Bytes(config.header.0 + RECORDS_BYTES);
    stream::Config { header, packets_per_ack: 1, ..config }
}

impl Algorithm for Config {
    fn control(&self, setting: &Setting) -> Box<dyn CongestionControl> {
        Box::new(Hpcc::new(self, *setting))
    }

    fn needs(&self) -> Needs {
        Needs { telemetry: true, ..Needs::default() }
    }

    fn stream() -> stream::Config {
        stream_with_records()
    }

    fn queueing(&self, _: &stream::Config, _: &Fabric) -> Queueing {
        Queueing::lossless(32_000_000)
    }

    fn check(&self) -> Result<(), (&'static str, String)> {
        registry::check_range("eta", self.eta, 0.1, 1.0)?;
        registry::check_range("rate_min", self.rate_min.0, 1_000_000, 1_000_000_000_000)?;
        registry::check_range("rtt", self.rtt.unwrap_or(Picos(1)), Picos(1), Picos::MAX)
    }
}

/// The sender of a flow.
#[derive(Clone, Debug)]
pub struct Hpcc {
    config: Config,
    rtt: Picos,
    window: f64,
    /// Wc: what the window is computed from.
    reference: f64,
    window_min: f64,
    window_max: f64,
    /// U.
    inflight: f64,
    stage: u32,
    /// No change of the reference before this byte is acknowledged.
    reference_until: u64,
    ports: Ports,
}

impl Hpcc {
    /// A flow that begins at the rate of its interface.
    pub fn new(config: &Config, setting: Setting) -> Self {
        let rtt = config.rtt.unwrap_or(setting.base_rtt).max(Picos(1));
        let window = setting.link.bytes_in(rtt).clamp(1, setting.window_bytes_max) as f64;
        Self {
            config: config.clone(),
            rtt,
            window,
            reference: window,
            window_min: (config.rate_min.bytes_in(rtt) as f64).clamp(1.0, window),
            window_max: window,
            inflight: 1.0,
            stage: 0,
            reference_until: 0,
            ports: Ports::default(),
        }
    }

    /// Bytes in flight through the busiest port, as a multiple of what fits.
    pub fn inflight(&self) -> f64 {
        self.inflight
    }

    /// Takes records into the estimate; false if they tell nothing yet.
    fn measure(&mut self, acked: &Acked<'_>) -> bool {
        let rtt_s = self.rtt.as_secs_f64();
        let busiest = self.ports.take(acked.telemetry).map(|port| {
            let fits = port.rate_bytes_per_s * rtt_s;
            let (before, now) = port.queue_bytes;
            (before.min(now) / fits + port.sent_bytes_per_s / port.rate_bytes_per_s, port.seconds)
        });
        let Some((u, seconds)) = busiest.max_by(|a, b| a.0.total_cmp(&b.0)) else { return false };
        let weight = weight(seconds, self.rtt);
        self.inflight = (1.0 - weight) * self.inflight + weight * u;
        true
    }
}

impl CongestionControl for Hpcc {
    fn acknowledge(&mut self, acked: &Acked<'_>) {
        if !self.measure(acked) {
            return;
        }
        let is_round = acked.acknowledged > self.reference_until || !self.config.reference;
        let ratio = self.inflight / self.config.eta;
        let is_multiplicative = ratio >= 1.0 || self.stage >= self.config.max_stage;
        let base = if is_multiplicative { self.reference / ratio } else { self.reference };
        let window = base + self.config.step.0 as f64;
        self.window = window.clamp(self.window_min, self.window_max);
        if is_round {
            self.stage = if is_multiplicative { 0 } else { self.stage + 1 };
            self.reference = self.window;
            self.reference_until = acked.next;
        }
    }

    fn lose(&mut self, _: Picos, _: u64) {}

    fn expire(&mut self, _: Picos, _: u64) {
        self.ports.clear();
    }

    fn window_bytes(&self) -> u64 {
        self.window as u64
    }

    fn pacing(&self) -> Option<Rate> {
        Some(Rate((8.0 * self.window / self.rtt.as_secs_f64()) as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::super::new_reno::tests::{SETTING, acked};
    use super::*;
    use crate::endpoint::Hop;

    /// A port of 10 Gbit/s: 1250 B in a microsecond, 125 kB in the round trip of 100 us.
    fn hop(us: u64, queue_bytes: u64, sent_bytes: u64) -> [Hop; 1] {
        let (time, bits_per_s) = (Picos::from_micros(us), 10_000_000_000);
        [Hop { port: 1, time, queue_bytes, sent_bytes, bits_per_s }]
    }

    fn hear(control: &mut Hpcc, acknowledged: u64, telemetry: &[Hop]) {
        let next = acknowledged + 100_000;
        control.acknowledge(&Acked { acknowledged, next, telemetry, ..acked(1000) });
    }

    #[test]
    fn the_window_follows_what_is_in_flight_from_a_reference_of_the_round() {
        let mut control = Hpcc::new(&Config::default(), SETTING);
        assert_eq!(control.window_bytes(), 125_000);
        assert_eq!(control.pacing(), Some(Rate::from_gbps(10)));
        hear(&mut control, 1000, &hop(0, 0, 0));
        assert_eq!(control.window_bytes(), 125_000, "the first records tell nothing");
        // In 50 us a full link and at least half of 125 kB in the queue: u = 1.5. Half a round
        // trip weighs half: U = 1/2 + 3/4.
        hear(&mut control, 2000, &hop(50, 62_500, 62_500));
        assert_eq!(control.inflight(), 1.0 * 0.5 + 0.5 * 1.0, "the least of both queues is 0");
        hear(&mut control, 3000, &hop(100, 80_000, 125_000));
        assert_eq!(control.inflight(), 1.25);
        // The reference is what it was after the first round: 125 kB * 0.95 + 80 B.
        let reference = 125_000.0 * 0.95 + 80.0;
        assert_eq!(control.window_bytes(), (reference * 0.95 / 1.25 + 80.0) as u64);
        // The same news once more: the window stays, for it is computed from the reference.
        hear(&mut control, 4000, &hop(150, 31_250, 187_500));
        assert_eq!(control.inflight(), 1.25, "half a link of queue again");
        assert_eq!(control.window_bytes(), (reference * 0.95 / 1.25 + 80.0) as u64);
        // The round is over: this is the new reference.
        hear(&mut control, 102_001, &hop(200, 0, 250_000));
        let u = 0.5 * 1.25 + 0.5 * 1.0;
        let window = reference * 0.95 / u + 80.0;
        assert_eq!((control.window_bytes(), control.reference), (window as u64, window));
    }

    #[test]
    fn below_the_target_it_grows_by_steps_and_then_at_once() {
        let mut control = Hpcc::new(&Config { max_stage: 2, ..Config::default() }, SETTING);
        (control.window, control.reference, control.inflight) = (50_000.0, 50_000.0, 0.5);
        let mut time = 0;
        let mut round = |control: &mut Hpcc| {
            time += 100;
            // Half of the link.
            hear(control, time * 10_000, &hop(time, 0, time * 625));
            control.window_bytes()
        };
        round(&mut control);
        assert_eq!(round(&mut control), 50_080);
        assert_eq!(round(&mut control), 50_160);
        assert_eq!(round(&mut control), (50_160.0_f64 * 0.95 / 0.5 + 80.0) as u64);
    }
}
