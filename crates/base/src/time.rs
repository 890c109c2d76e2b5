//! Time as the host gives it: nanoseconds since an origin that the host chooses.
//!
//! Captures use the Unix epoch, simulations start at zero, live runs use the wall clock.
//! Components compare and subtract times; none of them may ask for one.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};

/// A point in time, or a length of time, in nanoseconds.
///
/// Arithmetic saturates: a component that is handed a hostile time stays defined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanos(pub u64);

impl Nanos {
    /// The origin of time, and the empty length.
    pub const ZERO: Self = Self(0);
    /// Later than every event.
    pub const MAX: Self = Self(u64::MAX);

    /// A length of whole microseconds.
    pub const fn from_micros(us: u64) -> Self {
        Self(us.saturating_mul(1_000))
    }

    /// A length of whole milliseconds.
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms.saturating_mul(1_000_000))
    }

    /// A length of whole seconds.
    pub const fn from_secs(s: u64) -> Self {
        Self(s.saturating_mul(1_000_000_000))
    }

    /// This length in seconds.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// The length from `earlier` to `self`; zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }
}

impl Add for Nanos {
    type Output = Self;
    fn add(self, rhs: Self) -> Self {
        Self(self.0.saturating_add(rhs.0))
    }
}

impl AddAssign for Nanos {
    fn add_assign(&mut self, rhs: Self) {
        *self = *self + rhs;
    }
}

impl Sub for Nanos {
    type Output = Self;
    fn sub(self, rhs: Self) -> Self {
        self.since(rhs)
    }
}

impl fmt::Display for Nanos {
    /// Prints a length with the unit in which it reads best: `250ns`, `1.5ms`, `5min`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 6] = [
            (3_600_000_000_000, "h"),
            (60_000_000_000, "min"),
            (1_000_000_000, "s"),
            (1_000_000, "ms"),
            (1_000, "us"),
            (1, "ns"),
        ];
        if self.0 == 0 {
            return f.write_str("0s");
        }
        for (index, (scale, unit)) in UNITS.into_iter().enumerate() {
            if self.0 >= scale {
                // 124min reads better than 2.067h, and 90s than 1.5min.
                if let Some((smaller, unit)) = UNITS[..3].get(index + 1)
                    && !self.0.is_multiple_of(scale)
                    && self.0.is_multiple_of(*smaller)
                {
                    return write!(f, "{}{unit}", self.0 / smaller);
                }
                return if self.0.is_multiple_of(scale) {
                    write!(f, "{}{unit}", self.0 / scale)
                } else {
                    let text = format!("{:.3}", self.0 as f64 / scale as f64);
                    write!(f, "{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
                };
            }
        }
        unreachable!("a non-zero length is at least one nanosecond")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_print_in_the_unit_that_reads_best() {
        let cases = [
            (0, "0s"),
            (7, "7ns"),
            (1_500, "1.5us"),
            (2_000_000, "2ms"),
            (300_000_000_000, "5min"),
            (7_440_000_000_000, "124min"),
            (90_000_000_000, "90s"),
            (1_234_567_891, "1.235s"),
        ];
        for (ns, text) in cases {
            assert_eq!(Nanos(ns).to_string(), text);
        }
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Nanos::MAX + Nanos(1), Nanos::MAX);
        assert_eq!(Nanos(1) - Nanos(2), Nanos::ZERO);
    }
}
