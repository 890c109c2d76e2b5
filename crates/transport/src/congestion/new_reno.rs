//! NewReno: slow start, congestion avoidance and halving (RFC 5681; appropriate byte counting with
//! L = 2, RFC 3465).

use super::{Acked, CongestionControl, Setting};
use crate::stream::Algorithm;
use trama_base::{Picos, parameters};

parameters! {
    /// Settings: none.
    pub struct Config {}
}

impl Algorithm for Config {
    fn control(&self, setting: &Setting) -> Box<dyn CongestionControl> {
        Box::new(NewReno::new(*setting))
    }
}

/// The reference point of window-based control.
#[derive(Clone, Debug)]
pub struct NewReno {
    setting: Setting,
    window: u64,
    slow_start_threshold: u64,
    /// Bytes acknowledged towards the next increase in congestion avoidance.
    credit: u64,
}

impl NewReno {
    /// A controller in slow start.
    pub fn new(setting: Setting) -> Self {
        let window = setting.initial_window_bytes;
        Self { setting, window, slow_start_threshold: u64::MAX, credit: 0 }
    }

    /// Grows the window for so many bytes acknowledged.
    pub(super) fn grow(&mut self, bytes: u64) {
        let segment = self.setting.segment_bytes;
        if self.window < self.slow_start_threshold {
            self.window += bytes.min(2 * segment);
        } else {
            self.credit += bytes;
            if self.credit >= self.window {
                self.credit -= self.window;
                self.window += segment;
            }
        }
        self.window = self.window.min(self.setting.window_bytes_max);
    }

    /// Sets the window, and leaves slow start.
    pub(super) fn set(&mut self, window: u64) {
        self.window = window.max(2 * self.setting.segment_bytes);
        self.slow_start_threshold = self.window;
        self.credit = 0;
    }
}

impl CongestionControl for NewReno {
    fn acknowledge(&mut self, acked: &Acked<'_>) {
        if !acked.is_recovering {
            self.grow(acked.bytes);
        }
    }

    fn lose(&mut self, _: Picos, in_flight_bytes: u64) {
        self.set(in_flight_bytes / 2);
    }

    fn expire(&mut self, _: Picos, in_flight_bytes: u64) {
        self.set(in_flight_bytes / 2);
        self.window = self.setting.segment_bytes;
    }

    fn window_bytes(&self) -> u64 {
        self.window
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use trama_base::Rate;

    pub(in super::super) const SETTING: Setting = Setting {
        segment_bytes: 1000,
        initial_window_bytes: 10_000,
        window_bytes_max: 1_000_000,
        link: Rate::from_gbps(10),
        base_rtt: Picos::from_micros(100),
    };

    pub(in super::super) fn acked(bytes: u64) -> Acked<'static> {
        Acked {
            now: Picos::ZERO,
            bytes,
            acknowledged: 0,
            next: 0,
            is_marked: false,
            rtt: None,
            held: Picos::ZERO,
            sent: Picos::ZERO,
            switches: 0,
            is_recovering: false,
            telemetry: &[],
        }
    }

    #[test]
    fn slow_start_doubles_and_avoidance_adds_one_segment_a_window() {
        let mut control = NewReno::new(SETTING);
        for _ in 0..10 {
            control.acknowledge(&acked(1000));
        }
        assert_eq!(control.window_bytes(), 20_000);
        control.lose(Picos::ZERO, 20_000);
        assert_eq!(control.window_bytes(), 10_000);
        for _ in 0..10 {
            control.acknowledge(&acked(1000));
        }
        assert_eq!(control.window_bytes(), 11_000);
        control.expire(Picos::ZERO, 11_000);
        assert_eq!(control.window_bytes(), 1000);
        control.acknowledge(&acked(1000));
        assert_eq!(control.window_bytes(), 2000, "slow start up to half of 11 segments");
    }
}
