//! What a run tells its user: completion times and slowdowns by size, and what the fabric did.

use crate::network::Network;
use crate::record::Record;
use trama_base::Picos;

/// Upper ends in bytes of the classes of message sizes; the last class has none.
const CLASSES: [u64; 5] = [10_000, 100_000, 1_000_000, 10_000_000, u64::MAX];

/// Order statistics of a set of numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantiles {
    /// The mean.
    pub mean: f64,
    /// The smallest number that half of them do not exceed.
    pub p50: f64,
    /// The same for 99 %.
    pub p99: f64,
    /// The same for 99.9 %.
    pub p999: f64,
    /// The largest.
    pub max: f64,
}

impl Quantiles {
    /// Those of `values`; None if there are none.
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_unstable_by(f64::total_cmp);
        let n = values.len();
        let rank = |share: f64| values[((share * n as f64).ceil() as usize).clamp(1, n) - 1];
        (n > 0).then(|| Self {
            mean: values.iter().sum::<f64>() / n as f64,
            p50: rank(0.5),
            p99: rank(0.99),
            p999: rank(0.999),
            max: rank(1.0),
        })
    }
}

/// The messages of a class of sizes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Class {
    /// Messages of the class have more bytes than this,
    pub above_bytes: u64,
    /// and no more than this.
    pub to_bytes: u64,
    /// How many there are.
    pub messages: usize,
    /// Those that had not arrived at the end.
    pub unfinished: usize,
    /// From submission to the arrival of the last byte, in microseconds.
    pub completion_us: Option<Quantiles>,
    /// Completion time as a multiple of what it is when nothing else is on its way.
    pub slowdown: Option<Quantiles>,
}

/// The report of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Simulated time.
    pub duration: Picos,
    /// By class of size; classes without messages are left out.
    pub classes: Vec<Class>,
    /// All messages.
    pub all: Class,
    /// Bytes of messages that arrived, per second and host, as a share of the hosts' rate.
    pub goodput: f64,
    /// Packets dropped at full queues.
    pub dropped: u64,
    /// Packets trimmed by switches.
    pub trimmed: u64,
    /// Packets marked by switches.
    pub marked: u64,
    /// Most bytes that waited at any port, and which.
    pub peak: (u32, String),
    /// Events.
    pub events: u64,
    /// Packets that crossed a link.
    pub links: u64,
}

impl Report {
    /// The report of what was recorded on a network. Sizes of packets and headers say how long a
    /// message takes alone.
    pub fn new(
        record: &Record,
        network: &Network,
        duration: Picos,
        mtu_bytes: u16,
        header_bytes: u16,
    ) -> Self {
        let class = |above: u64, to: u64| {
            let of_class = |bytes: u64| bytes <= to && (bytes > above || above == 0);
            let flows = || record.flows.iter().filter(|it| of_class(it.flow.bytes));
            let done = || flows().filter_map(|it| Some((it, it.completion()?.0 as f64)));
            let alone = |flow| network.unloaded(flow, mtu_bytes, header_bytes).0 as f64;
            Class {
                above_bytes: above,
                to_bytes: to,
                messages: flows().count(),
                unfinished: flows().filter(|it| it.received.is_none()).count(),
                completion_us: Quantiles::of(done().map(|(_, ps)| ps / 1e6).collect()),
                slowdown: Quantiles::of(done().map(|(it, ps)| ps / alone(&it.flow)).collect()),
            }
        };
        let starts = std::iter::once(0).chain(CLASSES);
        let classes = starts.zip(CLASSES).map(|(above, to)| class(above, to));
        let bytes: u64 =
            record.flows.iter().filter(|it| it.received.is_some()).map(|it| it.flow.bytes).sum();
        let capacity =
            network.host_rate().bytes_per_s() * f64::from(network.hosts()) * duration.as_secs_f64();
        let sum = |of: fn(&crate::port::PortCounters) -> u64| {
            network.counters().map(|(_, counters)| of(&counters)).sum()
        };
        let peak = network.counters().map(|(name, it)| (it.peak_bytes, name));
        // Of equal ports the first one is named.
        let peak = peak.fold((0, ""), |best, it| if it.0 > best.0 { it } else { best });
        Self {
            duration,
            classes: classes.filter(|class| class.messages > 0).collect(),
            all: class(0, u64::MAX),
            goodput: if capacity > 0.0 { bytes as f64 / capacity } else { 0.0 },
            dropped: record.dropped,
            trimmed: sum(|it| it.trimmed),
            marked: sum(|it| it.marked),
            peak: (peak.0, peak.1.to_owned()),
            events: record.events,
            links: record.links,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_by_nearest_rank() {
        let values: Vec<f64> = (1..=1000).rev().map(f64::from).collect();
        let it = Quantiles::of(values).expect("there are values");
        assert_eq!(
            (it.mean, it.p50, it.p99, it.p999, it.max),
            (500.5, 500.0, 990.0, 999.0, 1000.0)
        );
        assert_eq!(Quantiles::of(Vec::new()), None);
    }
}
