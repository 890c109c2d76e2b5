//! Which path the next packet takes.

use super::{Config, Spray};
use trama_base::Rng;

/// A path is left out for a round if it trimmed more than this many packets and more than twice
/// the average of all paths.
const TRIMMED_MIN: u32 = 4;

/// The paths of a sender, in the order in which they are taken.
#[derive(Debug)]
pub(super) struct Paths {
    order: Vec<u16>,
    next: usize,
    /// By path: packets trimmed lately; halved each round.
    trimmed: Vec<u32>,
}

impl Paths {
    pub(super) fn new(paths: u16) -> Self {
        let trimmed = vec![0; usize::from(paths)];
        Self { order: Vec::new(), next: 0, trimmed }
    }

    /// The path of the next packet.
    pub(super) fn take(&mut self, config: &Config, rng: &mut Rng) -> u16 {
        let paths = self.trimmed.len() as u64;
        match config.spray {
            Spray::Random => rng.below(paths) as u16,
            Spray::PerFlow => {
                if self.order.is_empty() {
                    self.order.push(rng.below(paths) as u16);
                }
                self.order[0]
            }
            Spray::Permute => {
                if self.next == self.order.len() {
                    self.reshuffle(config, rng);
                }
                self.next += 1;
                self.order[self.next - 1]
            }
        }
    }

    /// Learns that a packet on a path was trimmed.
    pub(super) fn punish(&mut self, path: u16) {
        if let Some(count) = self.trimmed.get_mut(usize::from(path)) {
            *count += 1;
        }
    }

    fn reshuffle(&mut self, config: &Config, rng: &mut Rng) {
        let sum: u32 = self.trimmed.iter().sum();
        let is_outlier = |count: u32| {
            count > TRIMMED_MIN && u64::from(count) * self.trimmed.len() as u64 > 2 * u64::from(sum)
        };
        let all = 0..self.trimmed.len() as u16;
        self.order.clear();
        self.order.extend(all.clone().filter(|&path| {
            !config.penalises_paths || !is_outlier(self.trimmed[usize::from(path)])
        }));
        if self.order.is_empty() {
            self.order.extend(all);
        }
        for i in (1..self.order.len()).rev() {
            self.order.swap(i, rng.below(i as u64 + 1) as usize);
        }
        for count in &mut self.trimmed {
            *count -= *count / 8;
        }
        self.next = 0;
    }
}
