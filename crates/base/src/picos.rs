//! Time, rates and sizes for networks of 100 Gbit/s and more, where a nanosecond is twelve bytes.
//!
//! Simulated fabrics and transports count picoseconds; a 64-bit number of them lasts 213 days.

use crate::Nanos;
use std::fmt;
use std::ops::{Add, AddAssign, Sub};

/// A point in time, or a length of time, in picoseconds. Arithmetic saturates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Picos(pub u64);

impl Picos {
    /// The origin of time, and the empty length.
    pub const ZERO: Self = Self(0);
    /// Later than every event.
    pub const MAX: Self = Self(u64::MAX);

    /// A length of whole nanoseconds.
    pub const fn from_nanos(ns: u64) -> Self {
        Self(ns.saturating_mul(1_000))
    }

    /// A length of whole microseconds.
    pub const fn from_micros(us: u64) -> Self {
        Self(us.saturating_mul(1_000_000))
    }

    /// A length of whole milliseconds.
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms.saturating_mul(1_000_000_000))
    }

    /// A length of seconds, rounded to a picosecond; 0 if it is negative or no number.
    pub fn from_secs_f64(s: f64) -> Self {
        Self((s * 1e12).round() as u64)
    }

    /// This length in seconds.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e12
    }

    /// This length in microseconds.
    pub fn as_micros_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The length from `earlier` to `self`; zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }

    /// This length times a factor, which must not be negative.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self((self.0 as f64 * factor) as u64)
    }
}

impl From<Nanos> for Picos {
    fn from(ns: Nanos) -> Self {
        Self::from_nanos(ns.0)
    }
}

impl From<Picos> for Nanos {
    /// Rounds down.
    fn from(ps: Picos) -> Self {
        Self(ps.0 / 1_000)
    }
}

impl Add for Picos {
    type Output = Self;
    fn add(self, rhs: Self) -> Self {
        Self(self.0.saturating_add(rhs.0))
    }
}

impl AddAssign for Picos {
    fn add_assign(&mut self, rhs: Self) {
        *self = *self + rhs;
    }
}

impl Sub for Picos {
    type Output = Self;
    fn sub(self, rhs: Self) -> Self {
        self.since(rhs)
    }
}

impl fmt::Display for Picos {
    /// Prints whole nanoseconds as [`Nanos`] does, and shorter lengths in picoseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 != 0 && self.0 < 1_000 {
            return write!(f, "{}ps", self.0);
        }
        Nanos::from(*self).fmt(f)
    }
}

/// A data rate in bits per second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(pub u64);

impl Rate {
    /// So many gigabits per second.
    pub const fn from_gbps(gbps: u64) -> Self {
        Self(gbps * 1_000_000_000)
    }

    /// So many megabits per second.
    pub const fn from_mbps(mbps: u64) -> Self {
        Self(mbps * 1_000_000)
    }

    /// How long so many bytes take, rounded up. A rate of zero takes forever.
    pub const fn time_of(self, bytes: u64) -> Picos {
        if self.0 == 0 {
            return Picos::MAX;
        }
        let ps = (bytes as u128 * 8_000_000_000_000).div_ceil(self.0 as u128);
        Picos(if ps > u64::MAX as u128 { u64::MAX } else { ps as u64 })
    }

    /// The bytes that fit into a length of time, rounded down.
    pub const fn bytes_in(self, time: Picos) -> u64 {
        let bytes = self.0 as u128 * time.0 as u128 / 8_000_000_000_000;
        if bytes > u64::MAX as u128 { u64::MAX } else { bytes as u64 }
    }

    /// This rate in bytes per second.
    pub fn bytes_per_s(self) -> f64 {
        self.0 as f64 / 8.0
    }

    /// This rate times a factor, which must not be negative.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self((self.0 as f64 * factor) as u64)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::quantity::bit_rate(self.0 as f64))
    }
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::quantity::bytes(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_time_convert_at_a_rate() {
        let rate = Rate::from_gbps(100);
        assert_eq!(rate.time_of(9000), Picos::from_nanos(720));
        assert_eq!(rate.bytes_in(Picos::from_micros(1)), 12_500);
        assert_eq!(Rate(3).time_of(1), Picos(2_666_666_666_667));
        assert_eq!(Rate(0).time_of(1), Picos::MAX);
    }

    #[test]
    fn lengths_print_with_their_unit() {
        assert_eq!(Picos(80).to_string(), "80ps");
        assert_eq!(Picos::from_nanos(720).to_string(), "720ns");
        assert_eq!(Picos::ZERO.to_string(), "0s");
    }
}
