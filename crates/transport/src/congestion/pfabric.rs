//! pFabric (Alizadeh et al., "pFabric: Minimal Near-Optimal Datacenter Transport", SIGCOMM 2013).
//!
//! Each packet carries how many bytes of its message remain. A port holds little; when it is full
//! it drops the packet with the most bytes remaining, and it sends the earliest packet of the
//! message with the fewest (section 4.1; [`crate::fabric::Overflow::WorstRemaining`]). So senders
//! need little control (4.2): they begin at the full rate with a window of a bandwidth-delay
//! product, take only timeouts for losses, of three round trips, then start slowly again; after
//! five timeouts in a row they send probes of one byte until one is acknowledged.
//!
//! The interface of a host sends the message with the fewest bytes remaining first, as if it were
//! a port of the fabric.

use super::{Acked, CongestionControl, NewReno, Setting};
use crate::fabric::{Fabric, Overflow, Queueing};
use crate::registry;
use crate::stream::{self, Algorithm, Needs};
use trama_base::{Bytes, Picos, parameters};

parameters! {
    /// Settings.
    pub struct Config {
        /// First window; a bandwidth-delay product if it is not said.
        first_window: Option<Bytes> = None,
        /// Most that the window grows to, as a multiple of the first one.
        growth_max: f64 = 1.25,
        /// Retransmission timeout; three round trips without waiting if it is not said.
        timeout: Option<Picos> = None,
        /// Timeouts in a row after which probes are sent.
        probe_after: u32 = 5,
        /// What a port of a switch holds; two bandwidth-delay products if it is not said.
        port_buffer: Option<Bytes> = None,
        /// Whether switches know of remaining bytes; if not they are plain queues, an ablation.
        ranks: bool = true,
    }
}

/// Round trips of a timeout.
const TIMEOUT_ROUND_TRIPS: u64 = 3;

impl Config {
    fn capacity(&self, packet_bytes: u64, fabric: &Fabric) -> u32 {
        let buffer = self.port_buffer.map_or(2 * fabric.bandwidth_delay_bytes(), |it| it.0);
        buffer.clamp(2 * packet_bytes, u32::MAX.into()) as u32
    }
}

impl Algorithm for Config {
    fn control(&self, setting: &Setting) -> Box<dyn CongestionControl> {
        Box::new(Pfabric::new(self, *setting))
    }

    fn needs(&self) -> Needs {
        Needs { shortest_first: true, ..Needs::default() }
    }

    fn stream() -> stream::Config {
        stream::Config { header: Bytes(40), packets_per_ack: 1, ..stream::Config::default() }
    }

    fn queueing(&self, stream: &stream::Config, fabric: &Fabric) -> Queueing {
        let mut queueing = Queueing::drop_tail(self.capacity(stream.mtu.0, fabric));
        if self.ranks {
            queueing.overflow = Overflow::WorstRemaining;
        }
        queueing
    }

    fn check(&self) -> Result<(), (&'static str, String)> {
        registry::check_range("growth_max", self.growth_max, 1.0, 1e6)?;
        registry::check_range("probe_after", self.probe_after, 1, 1 << 20)?;
        if self.timeout.is_some_and(|it| it == Picos::ZERO) {
            return Err(("timeout", "a timeout is longer than nothing".into()));
        }
        Ok(())
    }
}

/// The control of a message: Reno's growth up to a limit, fixed timeouts, probes.
#[derive(Clone, Debug)]
pub struct Pfabric {
    reno: NewReno,
    segment_bytes: u64,
    timeout: Picos,
    probe_after: u32,
    /// Timeouts since something was acknowledged.
    expired: u32,
}

impl Pfabric {
    /// A controller.
    pub fn new(config: &Config, setting: Setting) -> Self {
        let segment_bytes = setting.segment_bytes;
        let first = config.first_window.unwrap_or(Bytes(setting.link.bytes_in(setting.base_rtt)));
        // Whole packets, and the one that is being sent.
        let packets = first.0.div_ceil(segment_bytes).max(1);
        let most = (packets as f64 * config.growth_max) as u64;
        let setting = Setting {
            initial_window_bytes: packets * segment_bytes,
            window_bytes_max: (most * segment_bytes).min(setting.window_bytes_max),
            ..setting
        };
        Self {
            reno: NewReno::new(setting),
            segment_bytes,
            timeout: config.timeout.unwrap_or(Picos(TIMEOUT_ROUND_TRIPS * setting.base_rtt.0)),
            probe_after: config.probe_after,
            expired: 0,
        }
    }
}

impl CongestionControl for Pfabric {
    fn acknowledge(&mut self, acked: &Acked<'_>) {
        self.expired = 0;
        self.reno.grow(acked.bytes);
    }

    fn lose(&mut self, _: Picos, _: u64) {}

    fn expire(&mut self, now: Picos, _: u64) {
        self.expired = self.expired.saturating_add(1);
        // Half of the window, not of what is in flight: acknowledgements may all be on their way.
        self.reno.expire(now, self.reno.window_bytes());
    }

    fn window_bytes(&self) -> u64 {
        if self.is_probing() { self.segment_bytes } else { self.reno.window_bytes() }
    }

    fn fixed_timeout(&self) -> Option<Picos> {
        Some(self.timeout)
    }

    fn is_probing(&self) -> bool {
        self.expired >= self.probe_after
    }
}

#[cfg(test)]
mod tests {
    use super::super::new_reno::tests::{SETTING, acked};
    use super::*;
    use trama_base::Rate;

    /// Twelve segments of 1000 B are on their way at 10 Gbit/s in 9.6 us.
    fn control() -> Pfabric {
        let (link, base_rtt) = (Rate::from_gbps(10), Picos::from_nanos(9_600));
        Pfabric::new(&Config::default(), Setting { link, base_rtt, ..SETTING })
    }

    #[test]
    fn it_begins_with_a_bandwidth_delay_product_and_grows_by_a_quarter_at_most() {
        let mut control = control();
        assert_eq!(control.window_bytes(), 12_000);
        (0..100).for_each(|_| control.acknowledge(&acked(1000)));
        assert_eq!(control.window_bytes(), 15_000);
        // No packet that overtakes another one is taken for a loss.
        control.lose(Picos::ZERO, 12_000);
        assert_eq!(control.window_bytes(), 15_000);
    }

    #[test]
    fn a_timeout_is_three_round_trips_and_leads_to_slow_start_up_to_half_the_window() {
        let mut control = control();
        assert_eq!(control.fixed_timeout(), Some(Picos::from_nanos(28_800)));
        control.expire(Picos::ZERO, 12_000);
        assert_eq!(control.window_bytes(), 1000);
        let windows: Vec<u64> = (0..7)
            .map(|_| {
                control.acknowledge(&acked(1000));
                control.window_bytes()
            })
            .collect();
        // Slow start to six segments, then one more for each window.
        assert_eq!(windows, [2000, 3000, 4000, 5000, 6000, 6000, 6000]);
        assert_eq!(control.fixed_timeout(), Some(Picos::from_nanos(28_800)), "without backoff");
    }

    #[test]
    fn five_timeouts_in_a_row_lead_to_probes_until_one_is_acknowledged() {
        let mut control = control();
        for times in 1..=6 {
            control.expire(Picos::ZERO, 1000);
            assert_eq!(control.is_probing(), times >= 5);
        }
        control.acknowledge(&acked(1));
        assert!(!control.is_probing());
        assert_eq!(control.window_bytes(), 1001, "it starts slowly again");
        (0..4).for_each(|_| control.expire(Picos::ZERO, 1000));
        assert!(!control.is_probing(), "the count began anew");
    }
}
