//! CUBIC (RFC 9438): the window follows a cubic function of the time since the last loss.

use super::{Acked, CongestionControl, Setting};
use crate::registry;
use crate::stream::Algorithm;
use trama_base::{Picos, parameters};

parameters! {
    /// Settings.
    pub struct Config {
        /// Steepness, in segments per second cubed (RFC 9438, section 5).
        c: f64 = 0.4,
        /// What remains of the window after a loss (section 4.6).
        beta: f64 = 0.7,
    }
}

impl Algorithm for Config {
    fn control(&self, setting: &Setting) -> Box<dyn CongestionControl> {
        Box::new(Cubic::new(self.clone(), *setting))
    }

    fn check(&self) -> Result<(), (&'static str, String)> {
        registry::check_range("c", self.c, 0.001, 1000.0)?;
        registry::check_range("beta", self.beta, 0.01, 0.99)
    }
}

/// The default of most hosts of the Internet.
#[derive(Clone, Debug)]
pub struct Cubic {
    config: Config,
    setting: Setting,
    /// Slow start, and the window in bytes.
    window: f64,
    slow_start_threshold: f64,
    /// The window at the last loss, in bytes.
    window_max: f64,
    /// Start of the current stage of congestion avoidance.
    epoch: Option<Epoch>,
    rtt: Picos,
}

#[derive(Clone, Copy, Debug)]
struct Epoch {
    start: Picos,
    /// When the window will be what it was at the last loss, in seconds from the start.
    k: f64,
    /// The window that Reno would have by now, in bytes (section 4.3).
    reno: f64,
}

impl Cubic {
    /// A controller in slow start.
    pub fn new(config: Config, setting: Setting) -> Self {
        Self {
            config,
            setting,
            window: setting.initial_window_bytes as f64,
            slow_start_threshold: f64::INFINITY,
            window_max: 0.0,
            epoch: None,
            rtt: setting.base_rtt,
        }
    }

    fn avoid(&mut self, acked: &Acked<'_>) {
        let (c, beta) = (self.config.c, self.config.beta);
        let segment = self.setting.segment_bytes as f64;
        let window = self.window;
        let window_max = self.window_max;
        let epoch = self.epoch.get_or_insert_with(|| {
            let k = ((window_max - window).max(0.0) / segment / c).cbrt();
            Epoch { start: acked.now, k, reno: window }
        });
        let elapsed = acked.now.since(epoch.start).as_secs_f64() + self.rtt.as_secs_f64();
        let target = c * (elapsed - epoch.k).powi(3) * segment + window_max.max(window);
        let target = target.clamp(window, 1.5 * window);
        let alpha = if epoch.reno >= window_max { 1.0 } else { 3.0 * (1.0 - beta) / (1.0 + beta) };
        epoch.reno += alpha * segment * acked.bytes as f64 / window;
        let cubic = window + (target - window) * acked.bytes as f64 / window;
        self.window = cubic.max(epoch.reno);
    }

    fn reduce(&mut self) {
        // Fast convergence (section 4.7): a flow that was reduced again leaves room for others.
        self.window_max = if self.window < self.window_max {
            self.window * f64::midpoint(1.0, self.config.beta)
        } else {
            self.window
        };
        self.window = (self.window * self.config.beta).max(2.0 * self.setting.segment_bytes as f64);
        self.slow_start_threshold = self.window;
        self.epoch = None;
    }
}

impl CongestionControl for Cubic {
    fn acknowledge(&mut self, acked: &Acked<'_>) {
        if let Some(rtt) = acked.rtt {
            self.rtt = rtt;
        }
        if acked.is_recovering {
            return;
        }
        if self.window < self.slow_start_threshold {
            self.window += (acked.bytes.min(2 * self.setting.segment_bytes)) as f64;
        } else {
            self.avoid(acked);
        }
        self.window = self.window.min(self.setting.window_bytes_max as f64);
    }

    fn lose(&mut self, _: Picos, _: u64) {
        self.reduce();
    }

    fn expire(&mut self, _: Picos, _: u64) {
        self.reduce();
        self.window = self.setting.segment_bytes as f64;
    }

    fn window_bytes(&self) -> u64 {
        self.window as u64
    }
}

#[cfg(test)]
mod tests {
    use super::super::new_reno::tests::{SETTING, acked};
    use super::*;

    #[test]
    fn the_window_comes_back_to_its_maximum_after_k() {
        let setting = Setting { window_bytes_max: 10_000_000, ..SETTING };
        let mut control = Cubic::new(Config::default(), setting);
        control.window = 1_000_000.0;
        control.lose(Picos::ZERO, 0);
        assert_eq!(control.window_bytes(), 700_000);
        // K = cbrt(300 segments / 0.4) = 9.09 s (section 4.2).
        let window_at = |control: &mut Cubic, ms: u64| {
            control.acknowledge(&Acked { now: Picos::from_millis(ms), ..acked(700_000) });
            control.window_bytes()
        };
        let mut last = 0;
        for ms in (0..=9_000).step_by(100) {
            last = window_at(&mut control, ms);
        }
        assert!((990_000..=1_005_000).contains(&last), "{last}");
    }
}
