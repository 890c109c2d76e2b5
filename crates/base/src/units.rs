//! Reading and writing lengths of time, sizes and rates as people do: `1.5us`, `64kB`, `10Gbps`.

use crate::{Bytes, Picos, Rate};

type Units = [(&'static str, f64)];

const TIMES: [(&str, f64); 6] =
    [("ps", 1.0), ("ns", 1e3), ("us", 1e6), ("ms", 1e9), ("s", 1e12), ("min", 6e13)];
const SIZES: [(&str, f64); 5] = [("B", 1.0), ("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12)];
const RATES: [(&str, f64); 5] =
    [("bps", 1.0), ("kbps", 1e3), ("Mbps", 1e6), ("Gbps", 1e9), ("Tbps", 1e12)];

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
    parse(text, "length of time", &TIMES).map(|ps| Picos(ps as u64))
}

/// A size in bytes, with decimal units: `B`, `kB`, `MB`, `GB`, `TB`.
pub fn bytes(text: &str) -> Result<Bytes, UnitError> {
    parse(text, "size", &SIZES).map(|bytes| Bytes(bytes as u64))
}

/// A rate: `bps`, `kbps`, `Mbps`, `Gbps`, `Tbps`.
pub fn rate(text: &str) -> Result<Rate, UnitError> {
    parse(text, "rate", &RATES).map(|bits_per_s| Rate(bits_per_s as u64))
}

/// Writes a length of time so that reading it gives the same.
pub fn write_duration(it: Picos) -> String {
    write(it.0, &TIMES)
}

/// Writes a size so that reading it gives the same.
pub fn write_bytes(it: Bytes) -> String {
    write(it.0, &SIZES)
}

/// Writes a rate so that reading it gives the same.
pub fn write_rate(it: Rate) -> String {
    write(it.0, &RATES)
}

/// In the largest unit that needs no more than three digits behind the point.
fn write(value: u64, units: &Units) -> String {
    let fits = |unit: u64| value >= unit && u128::from(value) * 1000 % u128::from(unit) == 0;
    let found = units.iter().rev().find(|&&(_, scale)| fits(scale as u64));
    let &(name, scale) = found.unwrap_or(&units[0]);
    let thousandths = (u128::from(value) * 1000 / scale as u128) as u64;
    let digits = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
    format!("{}{name}", digits.trim_end_matches('0').trim_end_matches('.'))
}

fn parse(text: &str, what: &'static str, units: &Units) -> Result<f64, UnitError> {
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
        assert_eq!(bytes("64kB"), Ok(Bytes(64_000)));
        assert_eq!(rate("100Gbps"), Ok(Rate::from_gbps(100)));
    }

    #[test]
    fn quantities_are_written_as_they_can_be_read() {
        for text in ["0ps", "1us", "1.5us", "1.234us", "1001ps", "2min", "1.001s", "350ns"] {
            assert_eq!(
                write_duration(duration(text).expect("a time")),
                text.replace("1001ps", "1.001ns")
            );
        }
        assert_eq!(write_bytes(Bytes(9000)), "9kB");
        assert_eq!(write_bytes(Bytes(1_234_567)), "1234.567kB");
        assert_eq!(write_rate(Rate::from_gbps(25)), "25Gbps");
        for n in [1, 999, 1_000_001, u64::MAX / 3, 65_000, 123_456_789_012] {
            assert_eq!(write_bytes(Bytes(n)).parse::<f64>().ok(), None);
            assert!(n > 1 << 53 || bytes(&write_bytes(Bytes(n))) == Ok(Bytes(n)), "{n}");
        }
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
