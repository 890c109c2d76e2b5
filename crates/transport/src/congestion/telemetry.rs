//! What has changed at the ports of a way from one acknowledgement to the next, from the records
//! that switches append to packets (in-band network telemetry).

use crate::endpoint::{HOPS_MAX, Hop};
use trama_base::Picos;

/// A port between two packets that it has sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Change {
    /// Time between the two, in seconds; above 0.
    pub(super) seconds: f64,
    /// What the port has sent between them, in bytes per second.
    pub(super) sent_bytes_per_s: f64,
    /// Bytes in the queue then and now.
    pub(super) queue_bytes: (f64, f64),
    /// Rate of the port in bytes per second.
    pub(super) rate_bytes_per_s: f64,
}

/// The last records of a way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ports {
    hops: [Hop; HOPS_MAX],
    len: usize,
}

impl Ports {
    /// Takes new records, and says what has changed since the last ones. Nothing is known after the
    /// first records and after a change of the way; ports whose record is no younger than the last
    /// one, because packets have overtaken each other, are left out.
    pub(super) fn take(&mut self, new: &[Hop]) -> impl Iterator<Item = Change> + use<> {
        let new = &new[..new.len().min(HOPS_MAX)];
        let same = |(a, b): (&Hop, &Hop)| (a.port, a.bits_per_s) == (b.port, b.bits_per_s);
        let is_same_way = self.len == new.len() && self.hops.iter().zip(new).all(same);
        let is_younger = self.hops.iter().zip(new).all(|(old, new)| old.time <= new.time);
        let old = *self;
        if !is_same_way || is_younger {
            self.hops[..new.len()].copy_from_slice(new);
            self.len = new.len();
        }
        let now = *self;
        let known = if is_same_way { new.len() } else { 0 };
        (0..known).filter_map(move |index| change(&old.hops[index], &now.hops[index]))
    }

    /// Forgets the last records.
    pub(super) fn clear(&mut self) {
        self.len = 0;
    }
}

fn change(old: &Hop, new: &Hop) -> Option<Change> {
    let seconds = new.time.since(old.time).as_secs_f64();
    let is_known = new.time > old.time && new.sent_bytes >= old.sent_bytes && new.bits_per_s > 0;
    is_known.then(|| Change {
        seconds,
        sent_bytes_per_s: (new.sent_bytes - old.sent_bytes) as f64 / seconds,
        queue_bytes: (old.queue_bytes as f64, new.queue_bytes as f64),
        rate_bytes_per_s: new.bits_per_s as f64 / 8.0,
    })
}

/// The share `weight` of an average that the last `seconds` make, at most all of it.
pub(super) fn weight(seconds: f64, window: Picos) -> f64 {
    (seconds / window.as_secs_f64()).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_those_between_two_records_of_one_way() {
        let hop = |port, us, queue_bytes, sent_bytes| Hop {
            port,
            time: Picos::from_micros(us),
            queue_bytes,
            sent_bytes,
            bits_per_s: 8_000_000_000,
        };
        let mut ports = Ports::default();
        let mut take = |hops: &[Hop]| ports.take(hops).collect::<Vec<_>>();
        assert_eq!(take(&[hop(1, 10, 500, 1000)]), [], "the first record tells nothing");
        let right = Change {
            seconds: 2e-6,
            sent_bytes_per_s: 1e9,
            queue_bytes: (500.0, 700.0),
            rate_bytes_per_s: 1e9,
        };
        assert_eq!(take(&[hop(1, 12, 700, 3000)]), [right]);
        assert_eq!(take(&[hop(1, 11, 600, 2000)]), [], "it was overtaken");
        assert_eq!(take(&[hop(1, 13, 700, 4000)]).len(), 1);
        assert_eq!(take(&[hop(2, 14, 0, 9000)]), [], "another way");
        assert_eq!(take(&[hop(2, 15, 0, 9000)])[0].sent_bytes_per_s, 0.0);
        assert_eq!(take(&[hop(2, 16, 0, 8000)]), [], "a counter does not go back");
    }
}
