//! DCQCN (Zhu et al., "Congestion Control for Large-Scale RDMA Deployments", SIGCOMM 2015,
//! section 3).
//!
//! Switches mark with a probability that grows with the queue (RED). The receiver of marked packets
//! sends a notification (CNP), at most one in 50 us for each flow. At a notification the sender
//! remembers its rate as the target, `Rt = Rc`, and cuts it, `Rc = Rc (1 - alpha / 2)`, where
//! `alpha = (1 - g) alpha + g`; each 55 us without one `alpha = (1 - g) alpha` (equations 1 and 2).
//!
//! Between notifications a timer and a counter of bytes each raise the rate, and count their
//! rounds. Up to five rounds go half the way back to the target (fast recovery); when one of the
//! two has had more, the target rises by a step (additive increase), and when both have, by a step
//! that grows from round to round (hyper increase, figure 7).
//!
//! The paper runs over a lossless fabric and says nothing of loss; here a loss counts as a
//! notification. The lost packets alone are sent again, where the first RDMA cards sent all that
//! followed.

use super::{Acked, CongestionControl, Setting};
use crate::fabric::{Fabric, Marking, Queueing};
use crate::registry;
use crate::stream::{self, Algorithm, Needs};
use trama_base::{Bytes, Picos, Rate, parameters};

parameters! {
    /// Settings; defaults are those of figure 14 where it has them.
    pub struct Config {
        /// Weight of a notification in `alpha`.
        g: f64 = 1.0 / 256.0,
        /// Time without notification after which `alpha` falls (K).
        alpha_timer: Picos = Picos::from_micros(55),
        /// Time between two notifications of a receiver (N).
        notify_every: Picos = Picos::from_micros(50),
        /// Time after which the rate rises.
        rise_timer: Picos = Picos::from_micros(55),
        /// Bytes after which the rate rises.
        rise_bytes: Bytes = Bytes(10_000_000),
        /// Rounds of fast recovery (F).
        fast_rounds: u32 = 5,
        /// Step of the additive increase.
        rate_step: Rate = Rate::from_mbps(40),
        /// Step of the hyper increase; the paper gives none.
        hyper_step: Rate = Rate::from_mbps(100),
        /// Whether each notification sets the target to the rate, as the paper has it; if not, only
        /// the first one since the rate rose does, as in network cards (`clamp_tgt_rate`).
        clamp_target: bool = true,
        /// Lowest rate; the paper gives none.
        rate_min: Rate = Rate::from_mbps(10),
        /// Queue from which on packets are marked.
        mark_from: Bytes = Bytes(5_000),
        /// Queue above which all are.
        mark_to: Bytes = Bytes(200_000),
        /// Share that is marked just below.
        mark_share: f64 = 0.01,
    }
}

impl Algorithm for Config {
    fn control(&self, setting: &Setting) -> Box<dyn CongestionControl> {
        Box::new(Dcqcn::new(self, *setting))
    }

    fn needs(&self) -> Needs {
        Needs { marks: true, notify_every: Some(self.notify_every), ..Needs::default() }
    }

    fn stream() -> stream::Config {
        stream::Config { packets_per_ack: 1, ..stream::Config::default() }
    }

    fn queueing(&self, _: &stream::Config, _: &Fabric) -> Queueing {
        let mut queueing = Queueing::lossless(12_000_000);
        queueing.marking = Some(Marking {
            from_bytes: self.mark_from.0 as u32,
            to_bytes: self.mark_to.0 as u32,
            share_max: self.mark_share,
            departing: true,
        });
        queueing
    }

    fn check(&self) -> Result<(), (&'static str, String)> {
        registry::check_range("g", self.g, 0.000_01, 1.0)?;
        registry::check_range("mark_share", self.mark_share, 0.0, 1.0)?;
        registry::check_range("mark_to", self.mark_to.0, self.mark_from.0 + 1, 4_000_000_000)?;
        registry::check_range("rise_bytes", self.rise_bytes.0, 1000, u64::MAX)?;
        registry::check_range("rate_min", self.rate_min.0, 1_000_000, 1_000_000_000_000)?;
        for (name, timer) in [("alpha_timer", self.alpha_timer), ("rise_timer", self.rise_timer)] {
            registry::check_range(name, timer, Picos::from_nanos(100), Picos::MAX)?;
        }
        Ok(())
    }
}

/// The reaction point of a flow.
#[derive(Clone, Debug)]
pub struct Dcqcn {
    config: Config,
    setting: Setting,
    /// Rc and Rt, in bits per second.
    rate: f64,
    target: f64,
    alpha: f64,
    /// When `alpha` last changed, or would have.
    alpha_since: Picos,
    /// Rounds of the timer and of the counter since the last notification.
    timer_rounds: u32,
    byte_rounds: u32,
    bytes: u64,
    rises_at: Picos,
}

impl Dcqcn {
    /// A flow that begins at the rate of its interface.
    pub fn new(config: &Config, setting: Setting) -> Self {
        let rate = setting.link.0 as f64;
        Self {
            config: config.clone(),
            setting,
            rate,
            target: rate,
            alpha: 1.0,
            alpha_since: Picos::ZERO,
            timer_rounds: 0,
            byte_rounds: 0,
            bytes: 0,
            rises_at: Picos::MAX,
        }
    }

    /// The estimate of congestion.
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    fn cut(&mut self, now: Picos) {
        // All the times at which it would have fallen since; none before the first notification.
        let periods = now.since(self.alpha_since).0 / self.config.alpha_timer.0;
        if self.alpha_since > Picos::ZERO {
            self.alpha *= (1.0 - self.config.g).powf(periods as f64);
        }
        if self.config.clamp_target || self.timer_rounds + self.byte_rounds > 0 {
            self.target = self.rate;
        }
        self.rate *= 1.0 - self.alpha / 2.0;
        self.rate = self.rate.max(self.config.rate_min.0 as f64);
        self.alpha = (1.0 - self.config.g) * self.alpha + self.config.g;
        self.alpha_since = now;
        (self.timer_rounds, self.byte_rounds, self.bytes) = (0, 0, 0);
        self.rises_at = now + self.config.rise_timer;
    }

    fn rise(&mut self) {
        let (more, fewer) =
            (self.timer_rounds.max(self.byte_rounds), self.timer_rounds.min(self.byte_rounds));
        let fast = self.config.fast_rounds;
        if fewer > fast {
            self.target += f64::from(fewer - fast) * self.config.hyper_step.0 as f64;
        } else if more > fast {
            self.target += self.config.rate_step.0 as f64;
        }
        self.target = self.target.min(self.setting.link.0 as f64);
        self.rate = f64::midpoint(self.rate, self.target);
        if self.setting.link.0 as f64 - self.rate < 1.0 {
            // There is nothing to rise to.
            self.rises_at = Picos::MAX;
        }
    }
}

impl CongestionControl for Dcqcn {
    fn acknowledge(&mut self, _: &Acked<'_>) {}

    fn lose(&mut self, now: Picos, _: u64) {
        self.cut(now);
    }

    fn expire(&mut self, now: Picos, _: u64) {
        self.cut(now);
    }

    fn notify(&mut self, now: Picos) {
        self.cut(now);
    }

    fn send(&mut self, _: Picos, bytes: u64) {
        self.bytes += bytes;
        if self.bytes >= self.config.rise_bytes.0 && self.rises_at != Picos::MAX {
            self.bytes = 0;
            self.byte_rounds += 1;
            self.rise();
        }
    }

    fn timeout(&mut self, now: Picos) {
        if now >= self.rises_at {
            self.rises_at = now + self.config.rise_timer;
            self.timer_rounds += 1;
            self.rise();
        }
    }

    fn next_timeout(&self) -> Option<Picos> {
        (self.rises_at != Picos::MAX).then_some(self.rises_at)
    }

    fn window_bytes(&self) -> u64 {
        self.setting.window_bytes_max
    }

    fn pacing(&self) -> Option<Rate> {
        Some(Rate(self.rate as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::super::new_reno::tests::SETTING;
    use super::*;

    fn gbps(control: &Dcqcn) -> f64 {
        control.pacing().map_or(0.0, |rate| rate.0 as f64 / 1e9)
    }

    #[test]
    fn a_notification_cuts_by_half_of_alpha_and_time_lets_alpha_fall() {
        let mut control = Dcqcn::new(&Config::default(), SETTING);
        assert_eq!((gbps(&control), control.next_timeout()), (10.0, None));
        let us = Picos::from_micros;
        control.notify(us(1000));
        // alpha was 1: half the rate remains, and alpha stays 1.
        assert_eq!((gbps(&control), control.alpha()), (5.0, 1.0));
        control.notify(us(1050));
        assert_eq!(gbps(&control), 2.5);
        // Two periods of 55 us pass: alpha = (255/256)^2.
        control.notify(us(1170));
        let alpha = (255.0_f64 / 256.0).powi(2);
        assert!((gbps(&control) - 2.5 * (1.0 - alpha / 2.0)).abs() < 1e-8);
        assert!((control.alpha() - (255.0 / 256.0 * alpha + 1.0 / 256.0)).abs() < 1e-12);
    }

    #[test]
    fn rates_recover_by_halves_then_by_steps_then_by_growing_steps() {
        let mut control = Dcqcn::new(&Config::default(), SETTING);
        let mut now = Picos::from_micros(10);
        control.notify(now);
        control.notify(now);
        // From 2.5 to the target of 5 Gbit/s in five rounds of halves.
        for round in 1..=5 {
            now += Picos::from_micros(55);
            assert_eq!(control.next_timeout(), Some(now));
            control.timeout(now);
            let right = 5.0 - 2.5 / f64::from(1 << round);
            assert!((gbps(&control) - right).abs() < 1e-8, "{round}");
        }
        let before = gbps(&control);
        now += Picos::from_micros(55);
        control.timeout(now);
        assert!(
            (gbps(&control) - f64::midpoint(before, 5.04)).abs() < 1e-8,
            "one step of 40 Mbit/s"
        );
        // Six rounds of the counter as well: min(T, BC) = 6 is one more than five.
        for _ in 0..5 {
            control.send(now, 10_000_000);
        }
        let (before, target) = (gbps(&control), 5.04 + 5.0 * 0.04);
        control.send(now, 10_000_000);
        let right = f64::midpoint(before, target + 0.1);
        assert!((gbps(&control) - right).abs() < 1e-8, "{} {right}", gbps(&control));
        // A notification starts it all again.
        control.notify(now);
        control.timeout(now + Picos::from_micros(55));
        assert!((control.target / 1e9 - right).abs() < 1e-8, "fast recovery aims at the old rate");
    }
}
