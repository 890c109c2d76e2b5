//! Swift (Kumar et al., "Swift: Delay is Simple and Effective for Congestion Control in the
//! Datacenter", SIGCOMM 2020, section 3).
//!
//! The round trip is split by the stamps of network cards into what hosts take and what the fabric
//! takes (3.1). Two windows follow one law, one from each delay, and the smaller one counts (3.2,
//! 3.4; algorithm 1, in packets):
//!
//! ```text
//! delay < target:   cwnd = cwnd + ai acked / cwnd       (ai acked, if cwnd < 1)
//! otherwise:        cwnd = cwnd max(1 - beta (delay - target) / delay, 1 - max_decrease)
//! ```
//!
//! the second one once a round trip. The fabric's target grows with the hops of the way and as the
//! window shrinks, so that flows that share a queue come to share it equally (3.5):
//!
//! ```text
//! target = base + hops h + max(0, min(a / sqrt(cwnd) + b, range))
//! a = range / (1 / sqrt(least) - 1 / sqrt(most)),   b = -a / sqrt(most)
//! ```
//!
//! A window of less than a packet is a packet in each `rtt / cwnd`, which is how a thousand senders
//! share a link. After a loss the window falls by `max_decrease`, once a round trip, and after five
//! timeouts in a row to the least.
//!
//! The paper names no figures for most settings; the defaults here follow csg-htsim, whose authors
//! mark them as guesses. The delay of hosts is the one that the simulator's hosts add
//! (`[host]`), and the target for it is fixed.

use super::{Acked, CongestionControl, Setting};
use crate::registry;
use crate::stream::{self, Algorithm};
use trama_base::{Picos, Rate, parameters};

parameters! {
    /// Settings.
    pub struct Config {
        /// Additive increase in packets for each round trip (ai).
        increase: f64 = 1.0,
        /// Strength of a decrease (beta).
        beta: f64 = 0.8,
        /// Most that a decrease takes (max_mdf).
        max_decrease: f64 = 0.5,
        /// Target delay of the fabric for a way without switches and a large window.
        base_target: Picos = Picos::from_micros(20),
        /// Target for each switch on the way (h).
        hop_target: Picos = Picos::from_nanos(3_050),
        /// Most by which a small window raises the target (fs_range); 0 for a fixed target.
        scaling_range: Picos = Picos::from_micros(100),
        /// Window in packets at which the target is raised by all of it (fs_min_cwnd).
        scaling_least: f64 = 0.1,
        /// Window in packets from which on it is not raised (fs_max_cwnd).
        scaling_most: f64 = 100.0,
        /// Target delay of hosts.
        host_target: Picos = Picos::from_micros(100),
        /// Least window, in packets.
        window_min: f64 = 0.001,
        /// Timeouts in a row after which the window is the least.
        timeouts_max: u32 = 5,
    }
}

impl Algorithm for Config {
    fn control(&self, setting: &Setting) -> Box<dyn CongestionControl> {
        Box::new(Swift::new(self, *setting))
    }

    fn stream() -> stream::Config {
        stream::Config { packets_per_ack: 1, ..stream::Config::default() }
    }

    fn check(&self) -> Result<(), (&'static str, String)> {
        registry::check_range("increase", self.increase, 0.000_1, 1000.0)?;
        registry::check_range("beta", self.beta, 0.000_1, 1.0)?;
        registry::check_range("max_decrease", self.max_decrease, 0.000_1, 0.999)?;
        registry::check_range("scaling_least", self.scaling_least, 0.000_1, 1000.0)?;
        let more = self.scaling_least * 1.001;
        registry::check_range("scaling_most", self.scaling_most, more, 1e9)?;
        registry::check_range("window_min", self.window_min, 0.000_1, 1000.0)
    }
}

/// A window that follows a delay.
#[derive(Clone, Copy, Debug)]
struct Window {
    /// In packets.
    packets: f64,
    /// When it last fell; [`Picos::ZERO`] if it did not.
    fell: Picos,
}

/// The sender of a flow.
#[derive(Clone, Debug)]
pub struct Swift {
    config: Config,
    setting: Setting,
    fabric: Window,
    host: Window,
    /// The last round trip.
    rtt: Picos,
    timeouts: u32,
}

impl Swift {
    /// A flow that has not sent anything.
    pub fn new(config: &Config, setting: Setting) -> Self {
        let packets = setting.initial_window_bytes as f64 / setting.segment_bytes as f64;
        let window = Window { packets, fell: Picos::ZERO };
        let rtt = setting.base_rtt.max(Picos(1));
        Self { config: config.clone(), setting, fabric: window, host: window, rtt, timeouts: 0 }
    }

    /// Target delay of the fabric, in picoseconds, on a way with so many switches.
    fn target_ps(&self, switches: u8) -> f64 {
        let Config { base_target, hop_target, scaling_range, .. } = self.config;
        let root = |packets: f64| 1.0 / packets.sqrt();
        let (least, most) = (root(self.config.scaling_least), root(self.config.scaling_most));
        let range = scaling_range.0 as f64;
        let a = range / (least - most);
        let scaling = (a * (root(self.fabric.packets) - most)).clamp(0.0, range);
        base_target.0 as f64 + f64::from(switches) * hop_target.0 as f64 + scaling
    }

    /// The window follows a delay with a target, both in picoseconds.
    fn follow(&self, window: Window, acked: &Acked<'_>, delay_ps: f64, target_ps: f64) -> Window {
        let packets = window.packets;
        if delay_ps < target_ps {
            let acked_packets = acked.bytes as f64 / self.setting.segment_bytes as f64;
            let more = self.config.increase * acked_packets / packets.max(1.0);
            return self.bounded(packets + more, window.fell);
        }
        let over = self.config.beta * (delay_ps - target_ps) / delay_ps;
        self.fall(window, acked.now, over)
    }

    /// Takes a share of a window, once a round trip.
    fn fall(&self, window: Window, now: Picos, share: f64) -> Window {
        if window.fell > Picos::ZERO && now.since(window.fell) < self.rtt {
            return window;
        }
        self.bounded(window.packets * (1.0 - share.min(self.config.max_decrease)), now)
    }

    fn bounded(&self, packets: f64, fell: Picos) -> Window {
        let most = self.setting.window_bytes_max as f64 / self.setting.segment_bytes as f64;
        Window { packets: packets.clamp(self.config.window_min, most), fell }
    }

    fn fall_both(&mut self, now: Picos) {
        let share = self.config.max_decrease;
        (self.fabric, self.host) =
            (self.fall(self.fabric, now, share), self.fall(self.host, now, share));
    }

    fn packets(&self) -> f64 {
        self.fabric.packets.min(self.host.packets)
    }
}

impl CongestionControl for Swift {
    fn acknowledge(&mut self, acked: &Acked<'_>) {
        let Some(rtt) = acked.rtt else { return };
        self.rtt = rtt.max(Picos(1));
        if acked.bytes > 0 {
            self.timeouts = 0;
        }
        let target = self.target_ps(acked.switches);
        let fabric_delay = rtt.since(acked.held).0 as f64;
        self.fabric = self.follow(self.fabric, acked, fabric_delay, target);
        let host_target = self.config.host_target.0 as f64;
        self.host = self.follow(self.host, acked, acked.held.0 as f64, host_target);
    }

    fn lose(&mut self, now: Picos, _: u64) {
        self.timeouts = 0;
        self.fall_both(now);
    }

    fn expire(&mut self, now: Picos, _: u64) {
        self.timeouts += 1;
        if self.timeouts >= self.config.timeouts_max {
            let least = self.bounded(0.0, now);
            (self.fabric, self.host) = (least, least);
        } else {
            self.fall_both(now);
        }
    }

    fn window_bytes(&self) -> u64 {
        ((self.packets() * self.setting.segment_bytes as f64) as u64).max(1)
    }

    fn pacing(&self) -> Option<Rate> {
        // A packet and a window of less: `rtt / cwnd` from one to the next.
        let packets = self.packets();
        let bits = 8.0 * self.setting.segment_bytes as f64;
        let bits_per_s = bits * packets / self.rtt.as_secs_f64();
        (packets < 1.0).then(|| Rate((bits_per_s as u64).clamp(1, self.setting.link.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::new_reno::tests::{SETTING, acked};
    use super::*;

    const US: fn(u64) -> Picos = Picos::from_micros;

    /// An acknowledgement of a packet of 1000 B at a time, with the delays of fabric and hosts.
    fn hear(control: &mut Swift, at_us: u64, fabric_us: u64, host_us: u64) -> f64 {
        let (rtt, held) = (Some(US(fabric_us + host_us)), US(host_us));
        control.acknowledge(&Acked { now: US(at_us), rtt, held, switches: 1, ..acked(1000) });
        control.packets()
    }

    /// A fixed target of 25 us, 20 for the way and 5 for its switch.
    fn fixed() -> Config {
        let (scaling_range, hop_target) = (Picos::ZERO, US(5));
        Config { scaling_range, hop_target, ..Config::default() }
    }

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-9, "{a} instead of {b}");
    }

    #[test]
    fn windows_grow_below_the_target_and_fall_above_it_once_a_round_trip() {
        let mut control = Swift::new(&fixed(), SETTING);
        close(hear(&mut control, 100, 24, 5), 10.1);
        // 40 us are 15 too many: 1 - 0.8 * 15 / 40.
        close(hear(&mut control, 110, 40, 5), 10.1 * 0.7);
        close(hear(&mut control, 150, 40, 5), 10.1 * 0.7);
        close(hear(&mut control, 155, 40, 5), 10.1 * 0.7 * 0.7);
        // No more than half.
        close(hear(&mut control, 2000, 1000, 5), 10.1 * 0.7 * 0.7 / 2.0);
    }

    #[test]
    fn a_slow_host_is_told_from_a_slow_fabric() {
        let mut control = Swift::new(&fixed(), SETTING);
        close(hear(&mut control, 100, 20, 160), 10.0 * (1.0 - 0.8 * 60.0 / 160.0));
        close(control.fabric.packets, 10.1);
    }

    #[test]
    fn the_target_grows_as_the_window_shrinks() {
        let mut control = Swift::new(&Config::default(), SETTING);
        let mut target_us = |packets| {
            control.fabric.packets = packets;
            control.target_ps(2) / 1e6
        };
        close(target_us(100.0), 26.1);
        close(target_us(10_000.0), 26.1);
        close(target_us(0.1), 126.1);
        close(target_us(0.01), 126.1);
        let (least, most) = (10.0_f64.sqrt(), 0.1);
        close(target_us(1.0), 26.1 + 100.0 * (1.0 - most) / (least - most));
    }

    #[test]
    fn less_than_a_packet_is_a_rate() {
        let mut control = Swift::new(&fixed(), SETTING);
        assert_eq!(control.pacing(), None);
        control.fabric.packets = 0.25;
        // 100 us of round trip: a packet of 1000 B in 400 us.
        close(hear(&mut control, 100, 20, 80), 1.25);
        control.fabric.packets = 0.25;
        assert_eq!((control.window_bytes(), control.pacing()), (250, Some(Rate(20_000_000))));
    }

    #[test]
    fn five_timeouts_in_a_row_leave_the_least_window() {
        let mut control = Swift::new(&fixed(), SETTING);
        for round in 1..5 {
            control.expire(US(1000 * round), 10_000);
            close(control.packets(), 10.0 / f64::from(1 << round));
        }
        control.expire(US(5000), 10_000);
        close(control.packets(), 0.001);
    }
}
