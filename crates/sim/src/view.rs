//! What one port holds and carries during a part of a run: how a bottleneck is looked at.

use crate::simulation::{Observer, Simulation};
use trama_base::Picos;
use trama_transport::Endpoint;

/// Which part of a run is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// From when.
    pub from: Picos,
    /// Until when.
    pub to: Picos,
    /// Rates are those of so long; it is above 0.
    pub step: Picos,
}

/// A port during a span.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// Most bytes that waited at any time before the span.
    pub peak_bytes: f64,
    /// Bytes that waited at the port, in ascending order; a sample each few microseconds.
    pub queue_bytes: Vec<f64>,
    /// Rate of the port in bits per second, step by step.
    pub rates: Vec<f64>,
    /// Rates of the hosts during the span, in bits per second.
    pub hosts: Vec<f64>,
    /// Packets dropped in the span, anywhere.
    pub dropped: u64,
    /// Times that a sender was paused since the start, anywhere.
    pub pauses: u64,
}

impl View {
    /// Runs a simulation that has not begun to the end of a span, and looks at a port.
    pub fn of<E: Endpoint, O: Observer>(run: &mut Simulation<E, O>, port: u32, span: Span) -> Self {
        let sent = |run: &Simulation<E, O>| -> Vec<u64> {
            run.network().counters().map(|(_, it)| it.bytes).collect()
        };
        run.watch(vec![port]);
        run.run(span.from);
        let port = port as usize;
        let peak = run.network().counters().nth(port).map_or(0, |(_, it)| it.peak_bytes);
        let (first, dropped) = (sent(run), run.record().dropped);
        let (mut rates, mut before) = (Vec::new(), first[port]);
        let mut at = span.from;
        while at + span.step <= span.to {
            at += span.step;
            run.run(at);
            let now = sent(run)[port];
            rates.push(8.0 * (now - before) as f64 / span.step.as_secs_f64());
            before = now;
        }
        run.run(span.to);
        let pairs = run.sampler().samples().iter().zip(run.sampler().queue(0));
        let late = pairs.filter(|(sample, _)| sample.at > span.from);
        let mut queue: Vec<f64> = late.map(|(_, bytes)| f64::from(bytes)).collect();
        queue.sort_by(f64::total_cmp);
        let duration = (span.to - span.from).as_secs_f64();
        let hosts = first.iter().zip(sent(run)).take(run.network().hosts() as usize);
        Self {
            peak_bytes: peak.into(),
            queue_bytes: queue,
            rates,
            hosts: hosts.map(|(a, b)| 8.0 * (b - a) as f64 / duration).collect(),
            dropped: run.record().dropped - dropped,
            pauses: run.network().counters().map(|(_, it)| it.pauses).sum(),
        }
    }

    /// Mean of the bytes that waited.
    pub fn mean_queue(&self) -> f64 {
        self.queue_bytes.iter().sum::<f64>() / self.queue_bytes.len().max(1) as f64
    }

    /// The bytes that a share of the samples do not exceed; 0 without samples.
    pub fn queue_rank(&self, share: f64) -> f64 {
        let last = self.queue_bytes.len().saturating_sub(1);
        self.queue_bytes.get((share * last as f64) as usize).copied().unwrap_or(0.0)
    }

    /// Mean rate of the port.
    pub fn rate(&self) -> f64 {
        self.rates.iter().sum::<f64>() / self.rates.len().max(1) as f64
    }

    /// Least rate of the port over a step.
    pub fn rate_min(&self) -> f64 {
        self.rates.iter().copied().fold(f64::INFINITY, f64::min)
    }
}
