//! Congestion control: how much of a stream may be in flight, and how fast.
//!
//! A controller sees what acknowledgements tell and answers with a window and, if it paces, a rate.
//! It is told of a loss once for each window in which there is one (RFC 5681, section 3.2).

pub mod cubic;
pub mod dcqcn;
pub mod dctcp;
pub mod hpcc;
pub mod new_reno;
pub mod pfabric;
pub mod powertcp;
pub mod swift;
mod telemetry;
pub mod timely;

pub use cubic::Cubic;
pub use dcqcn::Dcqcn;
pub use dctcp::Dctcp;
pub use hpcc::Hpcc;
pub use new_reno::NewReno;
pub use pfabric::Pfabric;
pub use powertcp::PowerTcp;
pub use swift::Swift;
pub use timely::Timely;

use crate::endpoint::Hop;
use trama_base::{Picos, Rate};

/// What an acknowledgement tells.
#[derive(Clone, Copy, Debug)]
pub struct Acked<'a> {
    /// Now.
    pub now: Picos,
    /// Bytes that are acknowledged for the first time, selectively or not.
    pub bytes: u64,
    /// Bytes acknowledged without a gap.
    pub acknowledged: u64,
    /// First byte never sent.
    pub next: u64,
    /// Whether these bytes met congestion (ECE, RFC 3168).
    pub is_marked: bool,
    /// From sending to acknowledgement of what is acknowledged.
    pub rtt: Option<Picos>,
    /// The part of it that the hosts at both ends took (Swift, SIGCOMM 2020, 3.1).
    pub held: Picos,
    /// When what is acknowledged was sent.
    pub sent: Picos,
    /// Switches on the way of the acknowledgement.
    pub switches: u8,
    /// Whether a loss is being repaired.
    pub is_recovering: bool,
    /// What the switches on the way of the data have told.
    pub telemetry: &'a [Hop],
}

/// A congestion controller of one stream.
pub trait CongestionControl {
    /// Learns from an acknowledgement.
    fn acknowledge(&mut self, acked: &Acked<'_>);

    /// Learns that packets were lost, with so many bytes in flight; once for each window.
    fn lose(&mut self, now: Picos, in_flight_bytes: u64);

    /// Learns that nothing has come back for a retransmission timeout.
    fn expire(&mut self, now: Picos, in_flight_bytes: u64);

    /// Learns that so many bytes are sent.
    fn send(&mut self, now: Picos, bytes: u64) {
        let _ = (now, bytes);
    }

    /// Learns that the receiver tells of marks ([`crate::stream::Needs::notify_every`]).
    fn notify(&mut self, now: Picos) {
        let _ = now;
    }

    /// Lets time pass: called at [`next_timeout`](Self::next_timeout) or later.
    fn timeout(&mut self, now: Picos) {
        let _ = now;
    }

    /// When a timer of the controller is due, such as one that raises a rate.
    fn next_timeout(&self) -> Option<Picos> {
        None
    }

    /// Bytes that may be in flight. Less than a packet is a packet whose rate [`Self::pacing`]
    /// limits.
    fn window_bytes(&self) -> u64;

    /// The rate at which packets leave; None if the window alone limits them.
    fn pacing(&self) -> Option<Rate> {
        None
    }

    /// The retransmission timeout, if it has a fixed length. Losses are then known by it alone,
    /// and not by packets that overtake.
    fn fixed_timeout(&self) -> Option<Picos> {
        None
    }

    /// Whether packets are probes, of one byte.
    fn is_probing(&self) -> bool {
        false
    }

    /// Bytes that leave at the rate of the interface before [`Self::pacing`] makes them wait: 0 to
    /// pace each packet.
    fn burst_bytes(&self) -> u64 {
        0
    }
}

/// What controllers need to know of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Payload bytes of a full packet.
    pub segment_bytes: u64,
    /// Bytes that may be in flight at first.
    pub initial_window_bytes: u64,
    /// Most bytes that may be in flight.
    pub window_bytes_max: u64,
    /// Rate of the host's interface.
    pub link: Rate,
    /// Round trip without waiting.
    pub base_rtt: Picos,
}

#[cfg(test)]
mod tests {
    use super::new_reno::tests::{SETTING, acked};
    use super::*;
    use crate::stream::Algorithm;
    use trama_base::Rng;

    /// Random acknowledgements, marks, records, losses and timeouts: the window stays between a
    /// byte and the most, the rate above 0 and at most that of the link.
    fn check<A: Algorithm>() {
        for seed in 0..40 {
            let mut rng = Rng::stream(seed, "congestion");
            let mut control = A::default().control(&SETTING);
            let (mut now, mut acknowledged, mut sent_bytes) = (Picos::ZERO, 0, 0);
            for _ in 0..400 {
                now += Picos(rng.below(200_000_000));
                sent_bytes += rng.below(200_000);
                let hops = [Hop {
                    port: rng.below(20) as u32 / 19,
                    time: Picos(now.0 - rng.below(now.0 + 1) / 10),
                    queue_bytes: rng.below(2_000_000),
                    sent_bytes,
                    bits_per_s: 10_000_000_000,
                }];
                match rng.below(12) {
                    0 => control.lose(now, rng.below(1_000_000)),
                    1 => control.expire(now, rng.below(1_000_000)),
                    2 => control.notify(now),
                    3 => control.send(now, rng.below(2000)),
                    _ => {
                        acknowledged += rng.below(3000);
                        control.acknowledge(&Acked {
                            now,
                            acknowledged,
                            next: acknowledged + rng.below(100_000),
                            is_marked: rng.one_in(4),
                            rtt: Some(Picos(rng.below(2_000_000_000))),
                            held: Picos(rng.below(300_000_000)),
                            switches: rng.below(8) as u8,
                            is_recovering: rng.one_in(5),
                            telemetry: &hops[..rng.below(2) as usize],
                            ..acked(rng.below(3000))
                        });
                    }
                }
                if control.next_timeout().is_some_and(|at| at <= now) {
                    control.timeout(now);
                }
                let window = control.window_bytes();
                assert!((1..=SETTING.window_bytes_max).contains(&window), "{window} B");
                if let Some(rate) = control.pacing() {
                    assert!(rate > Rate(0) && rate <= SETTING.link, "{rate}");
                }
            }
        }
    }

    #[test]
    fn windows_and_rates_stay_within_their_bounds() {
        check::<new_reno::Config>();
        check::<cubic::Config>();
        check::<dctcp::Config>();
        check::<dcqcn::Config>();
        check::<hpcc::Config>();
        check::<powertcp::Config>();
        check::<powertcp::ThetaConfig>();
        check::<timely::Config>();
        check::<swift::Config>();
    }
}
