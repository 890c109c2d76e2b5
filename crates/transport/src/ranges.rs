//! Which bytes of a message are there: disjoint ranges in order, merged as they meet.

/// Most ranges kept; what would make one more is refused, as if it had not arrived.
const RANGES_MAX: usize = 4096;

/// A set of byte ranges.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ranges {
    /// `start..end`, in order, none of them touching.
    ranges: Vec<(u64, u64)>,
}

impl Ranges {
    /// Adds `start..end`; returns how many of its bytes were not there before.
    pub(crate) fn add(&mut self, start: u64, end: u64) -> u64 {
        if start >= end {
            return 0;
        }
        // In order is the common case: it extends the last range.
        if let Some(last) = self.ranges.last_mut()
            && last.1 == start
        {
            last.1 = end;
            return end - start;
        }
        let first = self.ranges.partition_point(|&(_, e)| e < start);
        let last = self.ranges.partition_point(|&(s, _)| s <= end);
        if first == last {
            if self.ranges.len() == RANGES_MAX {
                return 0;
            }
            self.ranges.insert(first, (start, end));
            return end - start;
        }
        let joined = (start.min(self.ranges[first].0), end.max(self.ranges[last - 1].1));
        let before: u64 = self.ranges[first..last].iter().map(|&(s, e)| e - s).sum();
        self.ranges[first] = joined;
        self.ranges.drain(first + 1..last);
        joined.1 - joined.0 - before
    }

    /// End of the range that begins at 0: the bytes there without a gap.
    pub(crate) fn prefix(&self) -> u64 {
        self.ranges.first().filter(|&&(start, _)| start == 0).map_or(0, |&(_, end)| end)
    }

    /// The range that contains `at`.
    pub(crate) fn around(&self, at: u64) -> Option<(u64, u64)> {
        let index = self.ranges.partition_point(|&(_, end)| end <= at);
        self.ranges.get(index).copied().filter(|&(start, _)| start <= at)
    }

    /// The first byte from `at` on that is not there.
    pub(crate) fn first_gap(&self, at: u64) -> u64 {
        self.around(at).map_or(at, |(_, end)| end)
    }

    /// Where the range behind `at` begins, if there is one.
    pub(crate) fn next_start(&self, at: u64) -> Option<u64> {
        let index = self.ranges.partition_point(|&(start, _)| start <= at);
        self.ranges.get(index).map(|&(start, _)| start)
    }

    /// The end of the last range.
    pub(crate) fn end(&self) -> u64 {
        self.ranges.last().map_or(0, |&(_, end)| end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trama_base::Rng;

    #[test]
    fn ranges_equal_a_set_of_bytes() {
        let mut rng = Rng::new(3);
        for _ in 0..200 {
            let (mut ranges, mut bytes) = (Ranges::default(), [false; 100]);
            for _ in 0..40 {
                let start = rng.below(100);
                let end = (start + rng.below(20)).min(100);
                let new = (start..end).filter(|&b| !bytes[b as usize]).count() as u64;
                bytes[start as usize..end as usize].fill(true);
                assert_eq!(ranges.add(start, end), new);
                let prefix = bytes.iter().take_while(|&&b| b).count() as u64;
                assert_eq!(ranges.prefix(), prefix);
                let at = rng.below(100);
                let gap = (at..100).find(|&b| !bytes[b as usize]).unwrap_or(100);
                assert_eq!(ranges.first_gap(at), gap);
                assert!(ranges.ranges.windows(2).all(|w| w[0].1 < w[1].0));
            }
        }
    }
}
