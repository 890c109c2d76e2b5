//! DCTCP (Alizadeh et al., "Data Center TCP", SIGCOMM 2010, section 3; RFC 8257).
//!
//! Switches mark what finds a queue above a threshold. Once for each window of data the sender
//! takes the share F of bytes that were marked into its estimate `alpha = (1 - g) alpha + g F`, and
//! if any were, reduces its window by the factor `1 - alpha / 2`. Growth and loss are Reno's.

use super::{Acked, CongestionControl, NewReno, Setting};
use crate::fabric::{Fabric, Queueing};
use crate::registry;
use crate::stream::{self, Algorithm, Needs};
use trama_base::{Bytes, Picos, parameters};

parameters! {
    /// Settings.
    pub struct Config {
        /// Weight of a new estimate (RFC 8257: 1/16).
        g: f64 = 0.0625,
        /// The first estimate; 1 is careful, as Linux is.
        alpha_initial: f64 = 1.0,
        /// Queue above which switches mark; 65 packets are the paper's for 10 Gbit/s.
        mark_above: Option<Bytes> = None,
    }
}

impl Algorithm for Config {
    fn control(&self, setting: &Setting) -> Box<dyn CongestionControl> {
        Box::new(Dctcp::new(self, *setting))
    }

    fn needs(&self) -> Needs {
        Needs { marks: true, ..Needs::default() }
    }

    fn queueing(&self, stream: &stream::Config, _: &Fabric) -> Queueing {
        let packet = stream.mtu.0 as u32;
        let mark_above = self.mark_above.map_or(65 * packet, |it| it.0 as u32);
        Queueing::marking(250 * packet, mark_above)
    }

    fn check(&self) -> Result<(), (&'static str, String)> {
        registry::check_range("g", self.g, 0.000_1, 1.0)?;
        registry::check_range("alpha_initial", self.alpha_initial, 0.0, 1.0)
    }
}

/// Data Center TCP.
#[derive(Clone, Debug)]
pub struct Dctcp {
    reno: NewReno,
    g: f64,
    alpha: f64,
    acked_bytes: u64,
    marked_bytes: u64,
    /// The window of data for which bytes are counted ends here.
    window_end: u64,
    /// No second reduction before this byte is acknowledged.
    reduced_until: u64,
}

impl Dctcp {
    /// A controller.
    pub fn new(config: &Config, setting: Setting) -> Self {
        Self {
            reno: NewReno::new(setting),
            g: config.g,
            alpha: config.alpha_initial,
            acked_bytes: 0,
            marked_bytes: 0,
            window_end: 0,
            reduced_until: 0,
        }
    }

    /// The estimated share of marked bytes.
    pub fn alpha(&self) -> f64 {
        self.alpha
    }
}

impl CongestionControl for Dctcp {
    fn acknowledge(&mut self, acked: &Acked<'_>) {
        self.acked_bytes += acked.bytes;
        if acked.is_marked {
            self.marked_bytes += acked.bytes;
        }
        if acked.acknowledged > self.window_end && self.acked_bytes > 0 {
            let share = self.marked_bytes as f64 / self.acked_bytes as f64;
            self.alpha = (1.0 - self.g) * self.alpha + self.g * share;
            self.window_end = acked.next;
            (self.acked_bytes, self.marked_bytes) = (0, 0);
        }
        if acked.is_recovering {
            return;
        }
        if acked.is_marked {
            if acked.acknowledged > self.reduced_until {
                let window = self.reno.window_bytes() as f64;
                self.reno.set((window * (1.0 - self.alpha / 2.0)) as u64);
                self.reduced_until = acked.next;
            }
        } else {
            self.reno.grow(acked.bytes);
        }
    }

    fn lose(&mut self, now: Picos, in_flight_bytes: u64) {
        self.reno.lose(now, in_flight_bytes);
    }

    fn expire(&mut self, now: Picos, in_flight_bytes: u64) {
        self.reno.expire(now, in_flight_bytes);
    }

    fn window_bytes(&self) -> u64 {
        self.reno.window_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::super::new_reno::tests::{SETTING, acked};
    use super::*;

    #[test]
    fn alpha_moves_once_a_window_and_the_window_shrinks_by_half_of_it() {
        let mut control = Dctcp::new(&Config::default(), SETTING);
        control.alpha = 0.5;
        let at =
            |acknowledged, next, is_marked| Acked { acknowledged, next, is_marked, ..acked(1000) };
        control.acknowledge(&at(1000, 10_000, true));
        // All of one segment was marked: alpha = 15/16 * 1/2 + 1/16.
        assert_eq!(control.alpha(), 0.531_25);
        assert_eq!(control.window_bytes(), (10_000.0 * (1.0 - 0.531_25 / 2.0)) as u64);
        let after = control.window_bytes();
        control.acknowledge(&at(2000, 11_000, true));
        assert_eq!(control.window_bytes(), after, "at most once in a window");
        assert_eq!(control.alpha(), 0.531_25, "the window of data is not over");
        control.acknowledge(&at(11_000, 20_000, false));
        // One of two segments was marked.
        assert_eq!(control.alpha(), 15.0 / 16.0 * 0.531_25 + 0.5 / 16.0);
    }
}
