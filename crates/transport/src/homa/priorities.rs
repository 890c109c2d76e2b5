//! Which priority a message has before its receiver has said anything (section 3.4).
//!
//! Each receiver watches the lengths of the messages that come to it. It gives as many of the
//! priorities to unscheduled packets as their share of all bytes asks for, and divides lengths so
//! that each of these priorities carries equally many bytes, the highest the shortest messages.

/// Which lengths of messages have which priority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cutoffs {
    /// Tells later ones from earlier ones; 0 for those that every host begins with.
    pub(super) version: u16,
    /// Bytes of the longest message of each level but the last, ascending.
    lengths: Vec<u64>,
}

impl Cutoffs {
    /// Half of the levels, for lengths that double up to `longest_bytes`.
    pub(super) fn initial(levels: u8, longest_bytes: u64) -> Self {
        let count = (levels / 2).max(1);
        let lengths = (1..count).rev().map(|halvings| longest_bytes >> halvings).collect();
        Self { version: 0, lengths }
    }

    /// Levels for unscheduled packets.
    pub(super) fn levels(&self) -> u8 {
        self.lengths.len() as u8 + 1
    }

    /// The level of a message.
    pub(super) fn level(&self, bytes: u64) -> u8 {
        self.lengths.partition_point(|&length| length < bytes) as u8
    }

    /// As it travels: two numbers with four lengths each, and their count.
    pub(super) fn pack(&self) -> (u64, u64, u64) {
        let mut words = [0; 2];
        for (index, &length) in self.lengths.iter().enumerate() {
            words[index / 4] |= u64::from(shorten(length)) << (index % 4 * 16);
        }
        (words[0], words[1], self.lengths.len() as u64)
    }

    /// Reads what travelled; None if it makes no sense.
    pub(super) fn unpack(version: u16, words: [u64; 2], count: u64, levels: u8) -> Option<Self> {
        if count >= u64::from(levels) {
            return None;
        }
        let length = |index: usize| lengthen((words[index / 4] >> (index % 4 * 16)) as u16);
        let lengths: Vec<u64> = (0..count as usize).map(length).collect();
        lengths.is_sorted().then_some(Self { version, lengths })
    }
}

/// A length in 16 bits, rounded up: six for the power of two, ten for what follows.
fn shorten(length: u64) -> u16 {
    let shift = (64 - length.leading_zeros()).saturating_sub(10);
    let rounded = length.div_ceil(1 << shift);
    // Rounding up may need one bit more.
    let (shift, rounded) = if rounded > 1023 { (shift + 1, rounded / 2) } else { (shift, rounded) };
    (shift << 10) as u16 | rounded as u16
}

fn lengthen(short: u16) -> u64 {
    u64::from(short & 1023).checked_shl(u32::from(short >> 10)).unwrap_or(u64::MAX)
}

/// Classes of lengths: four for each power of two.
const CLASSES: usize = 256;
/// Messages after which cutoffs are computed anew.
const MESSAGES: u32 = 100;

/// What a receiver has seen lately.
#[derive(Clone, Debug)]
pub(super) struct Traffic {
    /// Unscheduled bytes by length of their message.
    unscheduled: Vec<u64>,
    bytes: u64,
    messages: u32,
    version: u16,
}

impl Traffic {
    pub(super) fn new() -> Self {
        Self { unscheduled: vec![0; CLASSES], bytes: 0, messages: 0, version: 0 }
    }

    /// Sees a message, of which `unscheduled` bytes need no grant. Sometimes there are new
    /// cutoffs for `levels` priorities, `fixed` of them for unscheduled packets if that is given.
    pub(super) fn see(
        &mut self,
        bytes: u64,
        unscheduled: u64,
        levels: u8,
        fixed: Option<u8>,
    ) -> Option<Cutoffs> {
        self.unscheduled[class_of(bytes)] += unscheduled;
        self.bytes += bytes;
        self.messages += 1;
        if self.messages < MESSAGES || levels < 2 {
            return None;
        }
        let cutoffs = self.divide(levels, fixed);
        // What is older counts half.
        self.unscheduled.iter_mut().for_each(|it| *it /= 2);
        self.bytes /= 2;
        self.messages = 0;
        Some(cutoffs)
    }

    fn divide(&mut self, levels: u8, fixed: Option<u8>) -> Cutoffs {
        self.version = self.version.wrapping_add(1).max(1);
        let unscheduled: u64 = self.unscheduled.iter().sum();
        let share = unscheduled as f64 / self.bytes.max(1) as f64;
        let asked = ((share * f64::from(levels)).round() as u8).clamp(1, levels - 1);
        let count = fixed.unwrap_or(asked);
        let mut lengths = Vec::new();
        let mut below = 0;
        for (class, &bytes) in self.unscheduled.iter().enumerate() {
            below += bytes;
            let is_full = |done: u64| below * u64::from(count) >= unscheduled * (done + 1);
            while lengths.len() + 1 < usize::from(count) && is_full(lengths.len() as u64) {
                lengths.push(longest_of(class));
            }
        }
        Cutoffs { version: self.version, lengths }
    }
}

fn class_of(bytes: u64) -> usize {
    let power = bytes.max(1).ilog2();
    let quarter = if power < 2 { 0 } else { bytes >> (power - 2) & 3 };
    power as usize * 4 + quarter as usize
}

/// The longest message of a class.
fn longest_of(class: usize) -> u64 {
    let (power, quarter) = (class / 4, class as u128 % 4);
    let next = if power < 2 { 2 << power } else { (5 + quarter) << (power - 2) };
    u64::try_from(next - 1).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_gets_equally_many_unscheduled_bytes() {
        let mut traffic = Traffic::new();
        // 60 messages of 100 B, 39 of 1 kB with all of them unscheduled, one of 100 kB with
        // 10 kB: 55 kB of 145 kB need no grant, three levels of eight.
        let lengths = std::iter::repeat_n(100, 60).chain(std::iter::repeat_n(1000, 39));
        for bytes in lengths {
            assert_eq!(traffic.see(bytes, bytes, 8, None), None);
        }
        let cutoffs = traffic.see(100_000, 10_000, 8, None).expect("it was the hundredth");
        assert_eq!(cutoffs.levels(), 3);
        // 100 B lie between 96 and 111, 1000 B between 896 and 1023: the first third of bytes and
        // the second end among the messages of 1 kB.
        assert_eq!(cutoffs.lengths, [1023, 1023]);
        let levels = [100, 1000, 1024, 1 << 40].map(|bytes| cutoffs.level(bytes));
        assert_eq!(levels, [0, 0, 2, 2]);
    }

    #[test]
    fn the_first_cutoffs_double() {
        let cutoffs = Cutoffs::initial(8, 10_000);
        assert_eq!(cutoffs.lengths, [1250, 2500, 5000]);
        assert_eq!(Cutoffs::initial(1, 10_000).levels(), 1);
    }

    #[test]
    fn every_length_is_in_the_class_that_ends_at_or_above_it() {
        for bytes in (0..2000).chain([1 << 40, (1 << 40) + 1, u64::MAX]) {
            let class = class_of(bytes);
            assert!(class < CLASSES && longest_of(class) >= bytes, "{bytes}");
            assert!(class == 0 || longest_of(class - 1) < bytes.max(1) || class < 8, "{bytes}");
        }
    }

    #[test]
    fn cutoffs_travel_in_three_numbers_and_grow_by_less_than_a_hundredth() {
        let lengths = vec![99, 1023, 1025, 10_007, 123_456, 9_999_999, 1 << 39];
        let cutoffs = Cutoffs { version: 3, lengths };
        let (a, b, count) = cutoffs.pack();
        let again = Cutoffs::unpack(3, [a, b], count, 8).expect("it makes sense");
        for (&was, &is) in cutoffs.lengths.iter().zip(&again.lengths) {
            assert!(is >= was && is <= was + was / 100, "{was} {is}");
        }
        assert_eq!(Cutoffs::unpack(3, [a, b], 8, 8), None, "too many");
        assert_eq!(Cutoffs::unpack(3, [b, a], 7, 8), None, "not in order");
    }
}
