//! What a specification must satisfy before an object is made of it.

use crate::spec::{PRECISION_MAX, ROWS_MAX, Shape, StateKind, StateSpec, WINDOW_BYTES_MAX};
use thiserror::Error;
use trama_base::{Nanos, quantity};

/// Most bytes that one object may reserve.
pub const BYTES_MAX: u64 = 8 << 30;

/// Why no object can be made of a specification.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SpecError {
    /// A capacity, length or size of zero.
    #[error("`{name}` has no room: its {what} must be at least 1")]
    Empty {
        /// Name of the object.
        name: String,
        /// Which number it is.
        what: &'static str,
    },
    /// A leaf that is no scalar.
    #[error("`{name}` has a leaf of {width} bits; leaves have 1 to 64, or 128 bits")]
    LeafWidth {
        /// Name of the object.
        name: String,
        /// The width.
        width: u8,
    },
    /// A key or value where the kind has none, or another than the kind has.
    #[error("`{name}`: {rule}")]
    Shape {
        /// Name of the object.
        name: String,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// An entry that is gone in the moment it is written.
    #[error("`{name}` would forget every entry at once: its expiry must be longer than zero")]
    ExpireZero {
        /// Name of the object.
        name: String,
    },
    /// A bucket that never gives a token, or never a second one.
    #[error("`{name}` would never fill: the {what} of a bucket must be at least 1")]
    BucketZero {
        /// Name of the object.
        name: String,
        /// Rate or burst.
        what: &'static str,
    },
    /// An address width without a table.
    #[error("`{name}` has addresses of {bits} bits; longest-prefix match knows 32 and 128")]
    AddressBits {
        /// Name of the object.
        name: String,
        /// The width.
        bits: u8,
    },
    /// A table over which a member's slots would not be a permutation.
    #[error("`{name}` has a lookup table of {size} slots, which is not prime; take {prime}")]
    NotPrime {
        /// Name of the object.
        name: String,
        /// The size.
        size: u32,
        /// The next prime.
        prime: u32,
    },
    /// More members than slots.
    #[error("`{name}` may have {capacity} members but its lookup table only {size} slots")]
    TooManyMembers {
        /// Name of the object.
        name: String,
        /// Most members.
        capacity: u32,
        /// Slots.
        size: u32,
    },
    /// A number of the kind out of its range.
    #[error("`{name}`: its {what} must be {least} to {most}, not {number}")]
    Range {
        /// Name of the object.
        name: String,
        /// Which number it is.
        what: &'static str,
        /// The number.
        number: u64,
        /// The least that is possible.
        least: u64,
        /// The most that is possible.
        most: u64,
    },
    /// More memory than one object may have.
    #[error(
        "`{name}` would reserve {}; the limit for one object is {}",
        quantity::bytes(*bytes), quantity::bytes(BYTES_MAX)
    )]
    TooLarge {
        /// Name of the object.
        name: String,
        /// What it would take.
        bytes: u64,
    },
}

impl StateSpec {
    /// Checks that an object can be made of this: rooms are not empty, shapes fit the kind, and it
    /// takes at most [`BYTES_MAX`].
    pub fn validate(&self) -> Result<(), SpecError> {
        for &width in self.key.0.iter().chain(&self.value.0) {
            if !matches!(width, 1..=64 | 128) {
                return Err(SpecError::LeafWidth { name: self.name.clone(), width });
            }
        }
        match self.kind {
            StateKind::Map { capacity, expire, .. } => {
                self.check_room(capacity, "capacity")?;
                self.check_expire(expire)?;
            }
            StateKind::Array { len } => {
                self.check_room(len, "length")?;
                self.check_shape(self.key.0.is_empty(), "an array has no key but its index")?;
                self.check_shape(!self.value.0.is_empty(), "an array has values")?;
            }
            StateKind::Counter { len } => {
                self.check_room(len, "length")?;
                self.check_shape(self.is_shapeless(), "a counter has no key and no value")?;
            }
            StateKind::Pool { size, expire } => {
                self.check_room(size, "size")?;
                self.check_expire(expire)?;
                self.check_shape(self.is_shapeless(), "a pool has no key and no value")?;
            }
            StateKind::Lpm { address_bits, capacity } => {
                self.check_room(capacity, "capacity")?;
                if !matches!(address_bits, 32 | 128) {
                    let bits = address_bits;
                    return Err(SpecError::AddressBits { name: self.name.clone(), bits });
                }
                let key = Shape(vec![address_bits]);
                self.check_shape(self.key == key, "the key of an LPM table is one address")?;
            }
            StateKind::Bucket { capacity, rate_per_s, burst } => {
                self.check_room(capacity, "capacity")?;
                self.check_bucket(rate_per_s, "rate")?;
                self.check_bucket(burst, "burst")?;
                self.check_shape(self.value.0.is_empty(), "a bucket has no value but its level")?;
                let one = capacity == 1 || !self.key.0.is_empty();
                self.check_shape(one, "a bucket without a key has capacity 1")?;
            }
            StateKind::Maglev { table_size, capacity } => {
                self.check_room(capacity, "capacity")?;
                self.check_maglev(table_size, capacity)?;
            }
            _ => self.check_more()?,
        }
        let bytes = self.bytes_at_capacity();
        if bytes > BYTES_MAX {
            return Err(SpecError::TooLarge { name: self.name.clone(), bytes });
        }
        Ok(())
    }

    /// The kinds whose operations are [`crate::Method`]s.
    fn check_more(&self) -> Result<(), SpecError> {
        if !matches!(self.kind, StateKind::Patterns(_)) {
            self.check_room(self.kind.capacity().try_into().unwrap_or(u32::MAX), "capacity")?;
        }
        let is_valueless = self.value.0.is_empty();
        match self.kind {
            StateKind::Sketch { depth, .. } => {
                self.check_shape(is_valueless, "a sketch has no value but its counts")?;
                self.check_range("number of rows", depth.into(), 1..=ROWS_MAX.into())
            }
            StateKind::Bloom { error_ppm, .. } => {
                self.check_shape(is_valueless, "a Bloom filter has no value")?;
                self.check_range("error in millionths", error_ppm.into(), 1..=500_000)
            }
            StateKind::Ring { .. } => {
                self.check_shape(self.key.0.is_empty(), "a ring has no key")?;
                self.check_shape(!is_valueless, "a ring has values")
            }
            StateKind::Streams { window_bytes, expire, .. } => {
                self.check_expire(expire)?;
                self.check_shape(is_valueless, "a stream buffer has no value but its bytes")?;
                let range = 1..=WINDOW_BYTES_MAX.into();
                self.check_range("window in bytes", window_bytes.into(), range)
            }
            StateKind::Histogram { precision, expire, .. } => {
                self.check_expire(expire)?;
                self.check_shape(is_valueless, "a histogram has no value but its buckets")?;
                self.check_range("precision in bits", precision.into(), 0..=PRECISION_MAX.into())
            }
            _ => self.check_shape(self.is_shapeless(), "a pattern set has no key and no value"),
        }
    }

    fn check_range(
        &self,
        what: &'static str,
        number: u64,
        range: std::ops::RangeInclusive<u64>,
    ) -> Result<(), SpecError> {
        if range.contains(&number) {
            return Ok(());
        }
        let (least, most) = (*range.start(), *range.end());
        Err(SpecError::Range { name: self.name.clone(), what, number, least, most })
    }

    fn is_shapeless(&self) -> bool {
        self.key.0.is_empty() && self.value.0.is_empty()
    }

    fn check_room(&self, room: u32, what: &'static str) -> Result<(), SpecError> {
        if room == 0 {
            return Err(SpecError::Empty { name: self.name.clone(), what });
        }
        Ok(())
    }

    fn check_shape(&self, fits: bool, rule: &'static str) -> Result<(), SpecError> {
        if !fits {
            return Err(SpecError::Shape { name: self.name.clone(), rule });
        }
        Ok(())
    }

    fn check_expire(&self, expire: Option<Nanos>) -> Result<(), SpecError> {
        if expire == Some(Nanos::ZERO) {
            return Err(SpecError::ExpireZero { name: self.name.clone() });
        }
        Ok(())
    }

    fn check_bucket(&self, number: u64, what: &'static str) -> Result<(), SpecError> {
        if number == 0 {
            return Err(SpecError::BucketZero { name: self.name.clone(), what });
        }
        Ok(())
    }

    fn check_maglev(&self, size: u32, capacity: u32) -> Result<(), SpecError> {
        self.check_shape(self.value.0.is_empty(), "the members of a Maglev table are its keys")?;
        if !is_prime(size) {
            // The largest 32-bit prime stands in where none is larger.
            let prime = (size..=u32::MAX).find(|&n| is_prime(n)).unwrap_or(4_294_967_291);
            return Err(SpecError::NotPrime { name: self.name.clone(), size, prime });
        }
        if capacity > size {
            return Err(SpecError::TooManyMembers { name: self.name.clone(), capacity, size });
        }
        Ok(())
    }
}

/// Trial division: at most 32 768 of them, once per object.
fn is_prime(n: u32) -> bool {
    n == 2
        || n > 2
            && !n.is_multiple_of(2)
            && (3..).step_by(2).take_while(|d| d * d <= u64::from(n)).all(|d| u64::from(n) % d != 0)
}

#[cfg(test)]
mod tests;
