//! Queues and rates over time, in bounded memory.
//!
//! Samples are taken at equal distances. When there are too many, every second one is forgotten and
//! the distance doubles, so that a run of any length has about a thousand.

use crate::network::Network;
use trama_base::Picos;

/// Samples at which every second one is forgotten.
const SAMPLES_MAX: usize = 2048;
/// The first distance between samples.
const EVERY: Picos = Picos::from_nanos(100);

/// The queues of switches at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// When.
    pub at: Picos,
    /// Bytes in the longest queue of all ports.
    pub longest_bytes: u32,
    /// Bytes in all of them.
    pub waiting_bytes: u64,
    /// Bytes that hosts have sent so far.
    pub sent_bytes: u64,
}

/// A series of samples.
#[derive(Clone, Debug)]
pub struct Sampler {
    every: Picos,
    next: Picos,
    samples: Vec<Sample>,
    watched: Vec<u32>,
    /// Bytes that wait at the watched ports, sample by sample.
    queues: Vec<u32>,
}

impl Default for Sampler {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl Sampler {
    /// Samples these ports besides all together.
    pub fn new(watched: Vec<u32>) -> Self {
        Self { every: EVERY, next: Picos::ZERO, samples: Vec::new(), watched, queues: Vec::new() }
    }

    /// When the next sample is due.
    pub(crate) const fn next(&self) -> Picos {
        self.next
    }

    /// Takes the samples that are due by `now`, before anything happens at that time.
    pub(crate) fn take(&mut self, now: Picos, network: &Network) {
        let ports = network.switch_ports();
        let sample = Sample {
            at: Picos::ZERO,
            longest_bytes: ports.iter().map(|port| port.waiting_bytes).max().unwrap_or(0),
            waiting_bytes: ports.iter().map(|port| u64::from(port.waiting_bytes)).sum(),
            sent_bytes: network.ports[..network.hosts as usize]
                .iter()
                .map(|port| port.counters.bytes)
                .sum(),
        };
        while self.next <= now {
            self.samples.push(Sample { at: self.next, ..sample });
            let queue = |&port: &u32| network.ports[port as usize].waiting_bytes;
            self.queues.extend(self.watched.iter().map(queue));
            if self.samples.len() == SAMPLES_MAX {
                self.thin();
            }
            self.next += self.every;
        }
    }

    /// Forgets every second sample.
    fn thin(&mut self) {
        let width = self.watched.len();
        for index in 0..SAMPLES_MAX / 2 {
            self.samples[index] = self.samples[2 * index];
            self.queues.copy_within(2 * index * width..(2 * index + 1) * width, index * width);
        }
        self.samples.truncate(SAMPLES_MAX / 2);
        self.queues.truncate(SAMPLES_MAX / 2 * width);
        self.every = Picos(2 * self.every.0);
        // The last one that is kept is two of the old distances before the next one.
        self.next = self.samples[SAMPLES_MAX / 2 - 1].at;
    }

    /// What was sampled, in order of time.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// The watched ports.
    pub fn watched(&self) -> &[u32] {
        &self.watched
    }

    /// Bytes that waited at a watched port, by its place among them, sample by sample.
    pub fn queue(&self, place: usize) -> impl Iterator<Item = u32> {
        self.queues.chunks(self.watched.len().max(1)).map(move |row| row[place])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::{Plan, Star, Topology as _};
    use trama_transport::{Balance, Queueing};

    #[test]
    fn samples_keep_their_distance_however_long_it_takes() {
        let load = |_: &str| Err(String::new());
        let (queueing, balance) = (Queueing::drop_tail(1), Balance::Flow);
        let plan = Plan { queueing, balance, load: &load };
        let network = Star::default().build(&plan).expect("it is sound");
        let mut sampler = Sampler::new(vec![16, 17]);
        for us in [1, 2, 50, 51, 3_000, 800_000, 800_001] {
            let now = Picos::from_micros(us);
            if now >= sampler.next() {
                sampler.take(now, &network);
            }
            assert!(sampler.next() > now);
            let samples = sampler.samples();
            assert!(samples.len() < SAMPLES_MAX);
            let gap = samples[1].at - samples[0].at;
            assert!(samples.windows(2).all(|pair| pair[1].at - pair[0].at == gap));
            assert_eq!(sampler.queue(1).count(), samples.len());
        }
    }
}
