//! What a run tells its user: completion times and slowdowns by size, and what the fabric did.

pub mod csv;
mod html;
pub mod plot;

pub(crate) use html::STYLE;

use crate::record::FlowRecord;
use crate::simulation::{Observer, Simulation};
use trama_base::{Picos, quantity};
use trama_transport::Endpoint;
use trama_transport::endpoint::Counters;

/// Upper ends in bytes of the classes of message sizes; the last class has none.
const CLASSES: [u64; 5] = [10_000, 100_000, 1_000_000, 10_000_000, u64::MAX];

/// Groups of equally many messages by size in the plot of slowdowns.
const SIZE_GROUPS: usize = 20;
/// Points of a distribution in a plot.
const POINTS: usize = 400;

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

/// The network at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// When.
    pub at: Picos,
    /// Bytes in the longest queue of switches.
    pub longest_bytes: f64,
    /// Bytes in the mean of them.
    pub mean_bytes: f64,
    /// What all hosts together send, since the moment before.
    pub bits_per_s: f64,
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
    /// Packets lost on links.
    pub lost: u64,
    /// Packets dropped because no port led to their destination.
    pub unroutable: u64,
    /// Times that a class of a port was paused.
    pub pauses: u64,
    /// For how long ports were paused, in all.
    pub paused: Picos,
    /// Messages that arrived later than their deadline, or not yet.
    pub late: usize,
    /// Most bytes that waited at any port, and which.
    pub peak: (u32, String),
    /// What all endpoints have counted.
    pub endpoints: Counters,
    /// Events.
    pub events: u64,
    /// Packets that crossed a link.
    pub links: u64,
    /// Mean size of a group of messages of similar size, and their slowdowns.
    pub by_size: Vec<(f64, Quantiles)>,
    /// Completion times in microseconds, and the share of messages that took no longer.
    pub completions_us: Vec<(f64, f64)>,
    /// Queues and rates over time.
    pub series: Vec<Moment>,
    /// By port: the share of the time for which it was sending.
    pub utilisation: Vec<(String, f64)>,
}

impl Report {
    /// The report of a simulation as it is now. Sizes of packets and headers say how long a
    /// message takes alone.
    pub fn new<E: Endpoint, O: Observer>(
        run: &Simulation<E, O>,
        packet_bytes: u16,
        header_bytes: u16,
    ) -> Self {
        let (record, network, duration) = (run.record(), run.network(), run.now());
        let done: Vec<Done> = record
            .flows
            .iter()
            .filter_map(|it| Done::new(it, network.unloaded(&it.flow, packet_bytes, header_bytes)))
            .collect();
        let starts = std::iter::once(0).chain(CLASSES);
        let classes = starts.zip(CLASSES).map(|(a, b)| Class::new(a, b, &record.flows, &done));
        let bytes: u64 = done.iter().map(|it| it.bytes).sum();
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
            all: Class::new(0, u64::MAX, &record.flows, &done),
            goodput: if capacity > 0.0 { bytes as f64 / capacity } else { 0.0 },
            dropped: record.dropped,
            trimmed: sum(|it| it.trimmed),
            marked: sum(|it| it.marked),
            lost: record.lost,
            unroutable: record.unroutable,
            pauses: sum(|it| it.pauses),
            paused: Picos(sum(|it| it.paused.0)),
            late: record.flows.iter().filter(|it| it.is_late()).count(),
            peak: (peak.0, peak.1.to_owned()),
            endpoints: run.endpoints().fold(Counters::default(), |sum, it| sum + it.counters()),
            events: record.events,
            links: record.links,
            by_size: by_size(&done),
            completions_us: distribution(done.iter().map(|it| it.completion_us).collect()),
            series: series(run),
            utilisation: network
                .utilisation(duration)
                .map(|(name, share)| (name.to_owned(), share))
                .collect(),
        }
    }

    /// The counts with their names, as they are shown.
    pub fn counts(&self) -> Vec<(&'static str, String)> {
        let ports: Vec<f64> = self.utilisation.iter().map(|(_, share)| *share).collect();
        let busiest = self.utilisation.iter().fold(("", 0.0), |best, (name, share)| {
            if *share > best.1 { (name, *share) } else { best }
        });
        let mean = ports.iter().sum::<f64>() / ports.len().max(1) as f64;
        let longest = Quantiles::of(self.series.iter().map(|it| it.longest_bytes).collect());
        let queue = longest.map_or_else(String::new, |it| {
            let [p50, p99] = [it.p50, it.p99].map(|bytes| quantity::bytes(bytes as u64));
            format!("p50 {p50}, p99 {p99}, ")
        });
        let peak = quantity::bytes(self.peak.0.into());
        let count = quantity::count;
        let optional = [
            ("lost on links", count(self.lost), self.lost),
            ("without a way", count(self.unroutable), self.unroutable),
            ("pauses", format!("{}, {} in all", count(self.pauses), self.paused), self.pauses),
            ("late messages", count(self.late as u64), self.late as u64),
        ];
        let mut counts = vec![
            ("goodput", format!("{:.1} % of the hosts' links", 100.0 * self.goodput)),
            (
                "links",
                format!(
                    "mean {:.1} % busy, {} {:.1} %",
                    100.0 * mean,
                    busiest.0,
                    100.0 * busiest.1
                ),
            ),
            ("longest queue", format!("{queue}at most {peak} ({})", self.peak.1)),
            ("dropped", count(self.dropped)),
            ("trimmed", count(self.trimmed)),
            ("marked", count(self.marked)),
            ("data packets", count(self.endpoints.data_packets)),
            ("sent again", count(self.endpoints.retransmissions)),
            ("timeouts", count(self.endpoints.timeouts)),
        ];
        let seen = optional.into_iter().filter(|(.., number)| *number > 0);
        counts.extend(seen.map(|(name, text, _)| (name, text)));
        counts
    }
}

/// A message that has arrived.
struct Done {
    bytes: u64,
    completion_us: f64,
    slowdown: f64,
}

impl Done {
    fn new(it: &FlowRecord, alone: Picos) -> Option<Self> {
        let completion = it.completion()?.0 as f64;
        let slowdown = completion / alone.0.max(1) as f64;
        Some(Self { bytes: it.flow.bytes, completion_us: completion / 1e6, slowdown })
    }
}

impl Class {
    fn new(above: u64, to: u64, flows: &[FlowRecord], done: &[Done]) -> Self {
        let of_class = |bytes: u64| bytes <= to && (bytes > above || above == 0);
        let done = || done.iter().filter(|it| of_class(it.bytes));
        let messages = flows.iter().filter(|it| of_class(it.flow.bytes)).count();
        Self {
            above_bytes: above,
            to_bytes: to,
            messages,
            unfinished: messages - done().count(),
            completion_us: Quantiles::of(done().map(|it| it.completion_us).collect()),
            slowdown: Quantiles::of(done().map(|it| it.slowdown).collect()),
        }
    }
}

fn by_size(done: &[Done]) -> Vec<(f64, Quantiles)> {
    let mut sorted: Vec<&Done> = done.iter().collect();
    sorted.sort_by_key(|it| it.bytes);
    let group = |group: &[&Done]| {
        let bytes = group.iter().map(|it| it.bytes as f64).sum::<f64>() / group.len() as f64;
        Some((bytes, Quantiles::of(group.iter().map(|it| it.slowdown).collect())?))
    };
    sorted.chunks(done.len().div_ceil(SIZE_GROUPS).max(1)).filter_map(group).collect()
}

/// Points of the cumulative distribution of values.
fn distribution(mut values: Vec<f64>) -> Vec<(f64, f64)> {
    values.sort_unstable_by(f64::total_cmp);
    let n = values.len();
    let point = |index: usize| (values[index], (index + 1) as f64 / n as f64);
    let mut points: Vec<_> = (0..n).step_by(n.div_ceil(POINTS).max(1)).map(point).collect();
    points.extend(n.checked_sub(1).map(point));
    points
}

fn series<E: Endpoint, O: Observer>(run: &Simulation<E, O>) -> Vec<Moment> {
    let ports = run.network().switch_ports().len().max(1) as f64;
    let samples = run.sampler().samples();
    let moments = samples.windows(2).map(|pair| Moment {
        at: pair[1].at,
        longest_bytes: pair[1].longest_bytes.into(),
        mean_bytes: pair[1].waiting_bytes as f64 / ports,
        bits_per_s: 8.0 * (pair[1].sent_bytes - pair[0].sent_bytes) as f64
            / (pair[1].at - pair[0].at).as_secs_f64(),
    });
    moments.collect()
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
