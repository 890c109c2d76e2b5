//! TIMELY (Mittal et al., "TIMELY: RTT-based Congestion Control for the Datacenter", SIGCOMM 2015,
//! sections 4.2 and 4.3).
//!
//! Data leaves in segments, each at the rate of the interface; the rate is the pause between them.
//! For each segment the round trip is taken without the time that the segment needs to be sent and
//! without what hosts take, as network cards can. Its gradient, smoothed and divided by the least
//! round trip, tells whether the queue grows (algorithm 1):
//!
//! ```text
//! diff     = (1 - alpha) diff + alpha (rtt - rtt before)
//! gradient = diff / rtt_min
//! rtt < low:       R = R + delta
//! rtt > high:      R = R (1 - beta (1 - high / rtt))
//! gradient <= 0:   R = R + N delta       N = 5 from the fifth time in a row on, else 1
//! otherwise:       R = R (1 - beta gradient)
//! ```
//!
//! The gradient alone says nothing of how long a queue is, so that any sharing of the link is a
//! fixed point. `patched` is the repair of Zhu et al. ("ECN or Delay: Lessons Learnt from Analysis
//! of DCQCN and TIMELY", CoNEXT 2016, algorithm 2): between the thresholds
//! `R = delta (1 - w) + R (1 - beta w (rtt - reference) / reference)`, with `w` from 0 to 1 as the
//! gradient goes from -1/4 to 1/4.
//!
//! The paper runs over a lossless fabric: only a timeout changes the rate, which is halved.

use super::{Acked, CongestionControl, Setting};
use crate::fabric::{Fabric, Queueing};
use crate::registry;
use crate::stream::{self, Algorithm};
use trama_base::{Bytes, Picos, Rate, parameters};

parameters! {
    /// Settings.
    pub struct Config {
        /// Weight of a new difference (alpha). The authors' published snippet has 0.02.
        alpha: f64 = 0.875,
        /// Strength of a decrease (beta); 0.008 with `patched`.
        beta: f64 = 0.8,
        /// Step of an increase (delta).
        delta: Rate = Rate::from_mbps(10),
        /// Round trip below which the rate rises whatever the gradient.
        low: Picos = Picos::from_micros(50),
        /// Round trip above which it falls whatever the gradient.
        high: Picos = Picos::from_micros(500),
        /// What the gradient is divided by.
        rtt_min: Picos = Picos::from_micros(20),
        /// Increases in a row after which they are larger.
        hyper_after: u32 = 5,
        /// Length of a segment, for each of which the rate is set.
        segment: Bytes = Bytes(16_000),
        /// Whether a segment leaves at the rate of the interface; if not, each packet is paced.
        bursts: bool = true,
        /// Whether the rate is set once a round trip, as in the simulator of HPCC's authors; if
        /// not, with each segment, as the paper has it: a long queue of segments is then answered
        /// segment by segment.
        once_a_round: bool = false,
        /// Lowest rate; the paper gives none.
        rate_min: Rate = Rate::from_mbps(100),
        /// Rate of a flow at first, as a share of the interface's.
        initial_share: f64 = 1.0,
        /// Whether the repair of 2016 is in place.
        patched: bool = false,
        /// Round trip that the repair aims at.
        reference: Picos = Picos::from_micros(50),
    }
}

impl Algorithm for Config {
    fn control(&self, setting: &Setting) -> Box<dyn CongestionControl> {
        Box::new(Timely::new(self, *setting))
    }

    fn stream() -> stream::Config {
        stream::Config { packets_per_ack: 1, ..stream::Config::default() }
    }

    fn queueing(&self, _: &stream::Config, _: &Fabric) -> Queueing {
        Queueing::lossless(12_000_000)
    }

    fn check(&self) -> Result<(), (&'static str, String)> {
        registry::check_range("alpha", self.alpha, 0.000_1, 1.0)?;
        registry::check_range("beta", self.beta, 0.000_1, 1.0)?;
        registry::check_range("delta", self.delta.0, 10_000, 1_000_000_000_000)?;
        registry::check_range("rate_min", self.rate_min.0, 1_000_000, 1_000_000_000_000)?;
        registry::check_range("segment", self.segment.0, 64, 1_000_000)?;
        registry::check_range("initial_share", self.initial_share, 0.001, 1.0)?;
        registry::check_range("high", self.high, self.low, Picos::from_millis(1000))?;
        for (name, time) in [("rtt_min", self.rtt_min), ("reference", self.reference)] {
            registry::check_range(name, time, Picos::from_nanos(1), Picos::from_millis(1000))?;
        }
        Ok(())
    }
}

/// The rate of a flow.
#[derive(Clone, Debug)]
pub struct Timely {
    config: Config,
    setting: Setting,
    /// In bits per second.
    rate: f64,
    rtt_before: Option<Picos>,
    /// In seconds.
    difference: f64,
    /// Increases in a row by the gradient.
    increases: u32,
    /// Bytes acknowledged of the segment that is next.
    bytes: u64,
    /// A round is over when this byte is acknowledged.
    round_end: u64,
}

impl Timely {
    /// A flow that has not sent anything.
    pub fn new(config: &Config, setting: Setting) -> Self {
        Self {
            config: config.clone(),
            setting,
            rate: setting.link.0 as f64 * config.initial_share,
            rtt_before: None,
            difference: 0.0,
            increases: 0,
            bytes: 0,
            round_end: 0,
        }
    }

    /// The round trip of a segment is known.
    fn complete(&mut self, rtt: Picos) {
        let Some(before) = self.rtt_before.replace(rtt) else { return };
        let Config { alpha, beta, delta, low, high, rtt_min, hyper_after, .. } = self.config;
        let (delta, rtt_s) = (delta.0 as f64, rtt.as_secs_f64());
        let new = rtt_s - before.as_secs_f64();
        self.difference = (1.0 - alpha) * self.difference + alpha * new;
        let gradient = self.difference / rtt_min.as_secs_f64();
        let is_rising = (low..=high).contains(&rtt) && gradient <= 0.0;
        self.increases = if is_rising { self.increases + 1 } else { 0 };
        self.rate = if rtt < low {
            self.rate + delta
        } else if rtt > high {
            self.rate * (1.0 - beta * (1.0 - high.as_secs_f64() / rtt_s))
        } else if self.config.patched {
            let weight = (2.0 * gradient + 0.5).clamp(0.0, 1.0);
            let error = rtt_s / self.config.reference.as_secs_f64() - 1.0;
            delta * (1.0 - weight) + self.rate * (1.0 - beta * weight * error)
        } else if is_rising {
            let steps = if self.increases >= hyper_after { 5.0 } else { 1.0 };
            self.rate + steps * delta
        } else {
            self.rate * (1.0 - beta * gradient).max(0.0)
        };
        self.bound();
    }

    fn bound(&mut self) {
        let least = self.config.rate_min.0 as f64;
        self.rate = self.rate.max(least).min(self.setting.link.0 as f64);
    }
}

impl CongestionControl for Timely {
    fn acknowledge(&mut self, acked: &Acked<'_>) {
        self.bytes += acked.bytes;
        let is_late = acked.acknowledged > self.round_end || !self.config.once_a_round;
        if self.bytes < self.config.segment.0 || !is_late {
            return;
        }
        (self.bytes, self.round_end) = (0, acked.next);
        // The last packet of a segment left when the others had been sent, so that its round trip
        // has the sending time of one packet only.
        if let Some(rtt) = acked.rtt {
            self.complete(rtt.since(acked.held));
        }
    }

    fn lose(&mut self, _: Picos, _: u64) {}

    fn expire(&mut self, _: Picos, _: u64) {
        self.rate /= 2.0;
        self.bound();
    }

    fn window_bytes(&self) -> u64 {
        self.setting.window_bytes_max
    }

    fn pacing(&self) -> Option<Rate> {
        Some(Rate(self.rate as u64))
    }

    fn burst_bytes(&self) -> u64 {
        if self.config.bursts { self.config.segment.0 } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::super::new_reno::tests::{SETTING, acked};
    use super::*;

    /// A flow at 5 Gbit/s that has seen 100 us once.
    fn flow(config: Config) -> Timely {
        let mut control = Timely::new(&Config { initial_share: 0.5, ..config }, SETTING);
        hear(&mut control, 100.0);
        control
    }

    /// A segment of 16 kB with this round trip, 5 us of which hosts took; the rate in Gbit/s.
    fn hear(control: &mut Timely, rtt_us: f64) -> f64 {
        let us = |us: f64| Picos((us * 1e6) as u64);
        for _ in 0..16 {
            let (rtt, held) = (Some(us(rtt_us + 5.0)), us(5.0));
            control.acknowledge(&Acked { rtt, held, ..acked(1000) });
        }
        control.pacing().map_or(0.0, |rate| rate.0 as f64 / 1e9)
    }

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-6, "{a} instead of {b}");
    }

    #[test]
    fn the_rate_follows_the_gradient_between_the_thresholds() {
        let mut control = flow(Config::default());
        // 8 us more: the gradient is 0.875 * 8 / 20 = 0.35.
        close(hear(&mut control, 108.0), 5.0 * (1.0 - 0.8 * 0.35));
        // 10 us less: the difference is 0.125 * 7 - 0.875 * 10 = -7.875 us.
        close(hear(&mut control, 98.0), 3.6 + 0.01);
        for round in 2..=6 {
            let steps = if round >= 5 { 5.0 } else { 1.0 };
            let before = control.rate / 1e9;
            close(hear(&mut control, 98.0), before + steps * 0.01);
        }
    }

    #[test]
    fn outside_the_thresholds_only_the_round_trip_counts() {
        let mut control = flow(Config::default());
        close(hear(&mut control, 1000.0), 5.0 * (1.0 - 0.8 * (1.0 - 0.5)));
        close(hear(&mut control, 40.0), 3.01);
        close(hear(&mut control, 45.0), 3.02);
    }

    #[test]
    fn the_repair_looks_at_the_length_of_the_queue() {
        let mut control = flow(Config { patched: true, beta: 0.008, ..Config::default() });
        // No gradient: w = 1/2; 100 us is twice the reference.
        close(hear(&mut control, 100.0), 0.5 * 0.01 + 5.0 * (1.0 - 0.008 * 0.5));
    }
}
