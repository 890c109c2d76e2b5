//! Reading lengths of time, sizes and rates as people write them: `1.5us`, `64kB`, `10Gbps`.

use crate::{Picos, Rate};

/// Why a text is no quantity; says what would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitError {
    text: String,
    what: &'static str,
    units: String,
}

impl std::fmt::Display for UnitError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { text, what, units } = self;
        write!(f, "`{text}` is no {what}: a number and one of {units}")
    }
}

impl std::error::Error for UnitError {}

/// A length of time: `ps`, `ns`, `us`, `ms`, `s`, `min`.
pub fn duration(text: &str) -> Result<Picos, UnitError> {
    const UNITS: [(&str, f64); 6] =
        [("ps", 1.0), ("ns", 1e3), ("us", 1e6), ("ms", 1e9), ("s", 1e12), ("min", 6e13)];
    parse(text, "length of time", &UNITS).map(|ps| Picos(ps as u64))
}

/// A size in bytes, with decimal units: `B`, `kB`, `MB`, `GB`, `TB`.
pub fn bytes(text: &str) -> Result<u64, UnitError> {
    const UNITS: [(&str, f64); 5] =
        [("B", 1.0), ("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12)];
    parse(text, "size", &UNITS).map(|bytes| bytes as u64)
}

/// A rate: `bps`, `kbps`, `Mbps`, `Gbps`, `Tbps`.
pub fn rate(text: &str) -> Result<Rate, UnitError> {
    const UNITS: [(&str, f64); 5] =
        [("bps", 1.0), ("kbps", 1e3), ("Mbps", 1e6), ("Gbps", 1e9), ("Tbps", 1e12)];
    parse(text, "rate", &UNITS).map(|bits_per_s| Rate(bits_per_s as u64))
}

fn parse(text: &str, what: &'static str, units: &[(&str, f64)]) -> Result<f64, UnitError> {
    let error = || UnitError {
        text: text.into(),
        what,
        units: units.iter().map(|(unit, _)| *unit).collect::<Vec<_>>().join(", "),
    };
    let split = text.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(error)?;
    let (number, unit) = text.split_at(split);
    let (_, scale) = units.iter().find(|(name, _)| *name == unit).ok_or_else(error)?;
    let number: f64 = number.trim().parse().map_err(|_| error())?;
    let value = (number * scale).round();
    if (0.0..1.8e19).contains(&value) { Ok(value) } else { Err(error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_with_their_units() {
        assert_eq!(duration("1.5us"), Ok(Picos(1_500_000)));
        assert_eq!(duration("2 ms"), Ok(Picos::from_millis(2)));
        assert_eq!(bytes("64kB"), Ok(64_000));
        assert_eq!(rate("100Gbps"), Ok(Rate::from_gbps(100)));
    }

    #[test]
    fn what_is_no_quantity_is_refused_with_the_units() {
        let message = duration("5 parsecs").map_err(|e| e.to_string());
        let right = "`5 parsecs` is no length of time: a number and one of ps, ns, us, ms, s, min";
        assert_eq!(message, Err(right.to_owned()));
        assert!(bytes("64").is_err(), "a size has a unit");
        assert!(bytes("-1kB").is_err());
        assert!(rate("1e99Gbps").is_err());
    }
}
