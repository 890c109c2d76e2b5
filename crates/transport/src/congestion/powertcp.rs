//! PowerTCP (Addanki, Michel and Schmid, "PowerTCP: Pushing the Performance Limits of Datacenter
//! Networks", NSDI 2022, section 3).
//!
//! A queue and its change are two different signals; their product tells both at once. At a port of
//! rate `b` with base round trip `tau`, current is what arrives, voltage is what is in flight
//! (equations 3 to 5):
//!
//! ```text
//! current  lambda = change of the queue + rate of sending
//! voltage  nu     = queue + b tau
//! power    Gamma  = lambda nu / (b^2 tau)          1 when the link is full and nothing waits
//! ```
//!
//! The port with the most power counts, smoothed over `tau`, and the window is (algorithm 1)
//!
//! ```text
//! w = gamma (w of one round trip ago / Gamma + beta) + (1 - gamma) w,    beta = HostBw tau / N
//! ```
//!
//! Packets are paced at `w / tau`. Without records of switches (`theta-powertcp`) the round trip
//! stands for the voltage and its gradient for the current, once a round trip:
//! `Gamma = (change of RTT + 1) RTT / tau` (section 3.5, algorithm 2).
//!
//! A loss does not change the window. Power below 0.01 counts as that, as in the authors' kernel
//! module.

use super::hpcc::stream_with_records;
use super::telemetry::{Ports, weight};
use super::{Acked, CongestionControl, Setting};
use crate::fabric::{Fabric, Queueing};
use crate::registry;
use crate::stream::{self, Algorithm, Needs};
use trama_base::{Picos, Rate, parameters};

parameters! {
    /// Settings.
    pub struct Config {
        /// Weight of the new window (gamma).
        gamma: f64 = 0.9,
        /// Flows that are expected to share a host's link (N): beta is the window of one of them.
        flows: f64 = 10.0,
        /// Round trip without waiting (tau); that of the fabric if it is not said.
        rtt: Option<Picos> = None,
        /// Whether the current counts; if not, power is the voltage alone.
        current: bool = true,
        /// Least current that counts, as a share of the rate; the authors' simulator has 0.5.
        current_min: f64 = 0.0,
    }
}

parameters! {
    /// Settings of the variant without records of switches.
    pub struct ThetaConfig {
        /// Weight of the new window (gamma).
        gamma: f64 = 0.9,
        /// Flows that are expected to share a host's link (N): beta is the window of one of them.
        flows: f64 = 10.0,
        /// Round trip without waiting (tau); that of the fabric if it is not said.
        rtt: Option<Picos> = None,
        /// Whether the current counts; if not, power is the voltage alone.
        current: bool = true,
        /// Least current that counts, as a share of the rate. It is the authors' simulator's, not
        /// the paper's: while a queue drains the round trip falls as fast as time passes, so that
        /// without it there is no power and the window grows without bound.
        current_min: f64 = 0.5,
    }
}

/// Least power that counts.
const POWER_MIN: f64 = 0.01;

fn check(config: &Config) -> Result<(), (&'static str, String)> {
    registry::check_range("gamma", config.gamma, 0.001, 1.0)?;
    registry::check_range("current_min", config.current_min, 0.0, 1.0)?;
    registry::check_range("flows", config.flows, 1.0, 1e9)?;
    registry::check_range("rtt", config.rtt.unwrap_or(Picos(1)), Picos(1), Picos::MAX)
}

impl Algorithm for Config {
    fn control(&self, setting: &Setting) -> Box<dyn CongestionControl> {
        Box::new(PowerTcp::new(self, *setting, Source::Records(Box::default())))
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
        check(self)
    }
}

impl ThetaConfig {
    fn common(&self) -> Config {
        let Self { gamma, flows, rtt, current, current_min } = *self;
        Config { gamma, flows, rtt, current, current_min }
    }
}

impl Algorithm for ThetaConfig {
    fn control(&self, setting: &Setting) -> Box<dyn CongestionControl> {
        Box::new(PowerTcp::new(&self.common(), *setting, Source::Delay(None)))
    }

    fn stream() -> stream::Config {
        stream::Config { packets_per_ack: 1, ..stream::Config::default() }
    }

    fn queueing(&self, _: &stream::Config, _: &Fabric) -> Queueing {
        Queueing::lossless(32_000_000)
    }

    fn check(&self) -> Result<(), (&'static str, String)> {
        check(&self.common())
    }
}

/// Where power is read from.
#[derive(Clone, Debug)]
enum Source {
    /// Records of switches.
    Records(Box<Ports>),
    /// The round trip: the last one, and when it was measured.
    Delay(Option<(Picos, Picos)>),
}

/// The sender of a flow.
#[derive(Clone, Debug)]
pub struct PowerTcp {
    gamma: f64,
    /// Least current; None if it does not count.
    current_min: Option<f64>,
    /// beta, in bytes.
    step: f64,
    rtt: Picos,
    source: Source,
    window: f64,
    /// The window of one round trip ago.
    window_before: f64,
    window_max: f64,
    /// Gamma, smoothed.
    power: f64,
    /// A round trip is over when this byte is acknowledged.
    round_end: u64,
}

impl PowerTcp {
    fn new(config: &Config, setting: Setting, source: Source) -> Self {
        let rtt = config.rtt.unwrap_or(setting.base_rtt).max(Picos(1));
        let fits = setting.link.bytes_in(rtt) as f64;
        let window = fits.clamp(1.0, setting.window_bytes_max as f64);
        Self {
            gamma: config.gamma,
            current_min: config.current.then_some(config.current_min),
            step: fits / config.flows,
            rtt,
            source,
            window,
            window_before: window,
            window_max: window,
            power: 1.0,
            round_end: 0,
        }
    }

    /// The power of the busiest port, smoothed.
    pub fn power(&self) -> f64 {
        self.power
    }

    /// What an acknowledgement tells of power, and for how long it was so, in seconds.
    fn measure(&mut self, acked: &Acked<'_>) -> Option<(f64, f64)> {
        let least = self.current_min;
        let power =
            |current: f64, voltage: f64| voltage * least.map_or(1.0, |least| current.max(least));
        match &mut self.source {
            Source::Records(ports) => {
                let tau = self.rtt.as_secs_f64();
                let powers = ports.take(acked.telemetry).map(|port| {
                    let (before, now) = port.queue_bytes;
                    let rate = port.rate_bytes_per_s;
                    let current = (now - before) / port.seconds + port.sent_bytes_per_s;
                    let voltage = now / (rate * tau) + 1.0;
                    (power(current / rate, voltage), port.seconds)
                });
                powers.max_by(|a, b| a.0.total_cmp(&b.0))
            }
            Source::Delay(last) => {
                let rtt = acked.rtt?.since(acked.held);
                let (before, at) = last.replace((rtt, acked.now))?;
                let seconds = acked.now.since(at).as_secs_f64();
                let gradient = (rtt.as_secs_f64() - before.as_secs_f64()) / seconds;
                let voltage = rtt.as_secs_f64() / self.rtt.as_secs_f64();
                (seconds > 0.0).then_some((power(gradient + 1.0, voltage), seconds))
            }
        }
    }
}

impl CongestionControl for PowerTcp {
    fn acknowledge(&mut self, acked: &Acked<'_>) {
        let is_round = acked.acknowledged > self.round_end;
        let Some((power, seconds)) = self.measure(acked) else { return };
        let weight = weight(seconds, self.rtt);
        self.power = (1.0 - weight) * self.power + weight * power;
        if matches!(self.source, Source::Delay(_)) && !is_round {
            return;
        }
        let new = self.window_before / self.power.max(POWER_MIN) + self.step;
        let window = self.gamma * new + (1.0 - self.gamma) * self.window;
        self.window = window.clamp(1.0, self.window_max);
        if is_round {
            self.window_before = self.window;
            self.round_end = acked.next;
        }
    }

    fn lose(&mut self, _: Picos, _: u64) {}

    fn expire(&mut self, _: Picos, _: u64) {
        match &mut self.source {
            Source::Records(ports) => ports.clear(),
            Source::Delay(last) => *last = None,
        }
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
    use trama_base::Parameters;
    use trama_base::parameter::Parameter;

    fn hop(us: u64, queue_bytes: u64, sent_bytes: u64) -> [Hop; 1] {
        let (time, bits_per_s) = (Picos::from_micros(us), 10_000_000_000);
        [Hop { port: 1, time, queue_bytes, sent_bytes, bits_per_s }]
    }

    #[test]
    fn power_is_current_times_voltage() {
        // 10 Gbit/s and 100 us: 125 kB fit, and beta is 12.5 kB.
        let source = Source::Records(Box::default());
        let mut control = PowerTcp::new(&Config::default(), SETTING, source);
        let hear = |control: &mut PowerTcp, acknowledged, telemetry: &[Hop]| {
            let next = acknowledged + 100_000;
            control.acknowledge(&Acked { acknowledged, next, telemetry, ..acked(1000) });
        };
        hear(&mut control, 1000, &hop(0, 0, 0));
        assert_eq!(control.window_bytes(), 125_000, "the first records tell nothing");
        // In 100 us the queue grows to 125 kB while the link is full: twice the rate arrives and
        // twice what fits is in flight, so power is 4.
        hear(&mut control, 2000, &hop(100, 125_000, 125_000));
        assert_eq!(control.power(), 4.0);
        let window = 0.9 * (125_000.0 / 4.0 + 12_500.0) + 0.1 * 125_000.0;
        assert_eq!(control.window_bytes(), window as u64);
        // It drains at the rate of the link while nothing arrives: no current, whatever waits.
        hear(&mut control, 3000, &hop(150, 62_500, 187_500));
        assert_eq!(control.power(), 2.0, "half a round trip at 0 weighs half");
        // Within the round the window of one round trip ago stays what it was.
        let again = 0.9 * (window / 2.0 + 12_500.0) + 0.1 * window;
        assert_eq!(control.window_bytes(), again as u64);
        // A full link without a queue has power 1.
        hear(&mut control, 4000, &hop(250, 0, 312_500));
        let (current, voltage) = ((125_000.0 - 62_500.0) / 125_000.0, 1.0);
        assert!((control.power() - current * voltage).abs() < 1e-12);
    }

    #[test]
    fn the_round_trip_stands_for_voltage_and_its_gradient_for_current() {
        let config = ThetaConfig::default().common();
        let mut control = PowerTcp::new(&config, SETTING, Source::Delay(None));
        let hear = |control: &mut PowerTcp, us, rtt_us, acknowledged| {
            let (now, rtt) = (Picos::from_micros(us), Some(Picos::from_micros(rtt_us)));
            let next = acknowledged + 100_000;
            control.acknowledge(&Acked { now, rtt, acknowledged, next, ..acked(1000) });
        };
        hear(&mut control, 100, 100, 1000);
        hear(&mut control, 200, 150, 2000);
        // In 100 us it grew by 50 us: 1.5 times the rate; 1.5 times what fits.
        assert!((control.power() - 2.25).abs() < 1e-9);
        let window = 0.9 * (125_000.0 / 2.25 + 12_500.0) + 0.1 * 125_000.0;
        assert_eq!(control.window_bytes(), window as u64);
        hear(&mut control, 250, 150, 3000);
        assert_eq!(control.window_bytes(), window as u64, "once a round trip");
        assert!((control.power() - f64::midpoint(2.25, 1.5)).abs() < 1e-9);
    }

    #[test]
    fn both_variants_have_the_same_settings() {
        let names = |all: Vec<Parameter>| all.iter().map(|it| it.name).collect::<Vec<_>>();
        let (records, delay) = (Config::default(), ThetaConfig::default());
        assert_eq!(names(records.parameters()), names(delay.parameters()));
    }
}
