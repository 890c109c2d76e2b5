//! Numbers: bases, multipliers and units.

use super::{Lexer, is_word};
use crate::syntax::ast::Literal;
use crate::syntax::nearest;
use crate::syntax::token::TokenKind;

/// What the letters after a number mean.
enum Unit {
    /// Times so many.
    Times(u128),
    /// So many nanoseconds.
    Nanos(u128),
}

/// Every suffix: multipliers, sizes in bytes, rates in bits or packets per second, times.
const UNITS: &[(&str, Unit)] = &[
    ("k", Unit::Times(1_000)),
    ("M", Unit::Times(1_000_000)),
    ("G", Unit::Times(1_000_000_000)),
    ("T", Unit::Times(1_000_000_000_000)),
    ("Ki", Unit::Times(1 << 10)),
    ("Mi", Unit::Times(1 << 20)),
    ("Gi", Unit::Times(1 << 30)),
    ("B", Unit::Times(1)),
    ("kB", Unit::Times(1_000)),
    ("MB", Unit::Times(1_000_000)),
    ("GB", Unit::Times(1_000_000_000)),
    ("KiB", Unit::Times(1 << 10)),
    ("MiB", Unit::Times(1 << 20)),
    ("GiB", Unit::Times(1 << 30)),
    ("bps", Unit::Times(1)),
    ("kbps", Unit::Times(1_000)),
    ("Mbps", Unit::Times(1_000_000)),
    ("Gbps", Unit::Times(1_000_000_000)),
    ("pps", Unit::Times(1)),
    ("kpps", Unit::Times(1_000)),
    ("Mpps", Unit::Times(1_000_000)),
    ("ns", Unit::Nanos(1)),
    ("us", Unit::Nanos(1_000)),
    ("ms", Unit::Nanos(1_000_000)),
    ("s", Unit::Nanos(1_000_000_000)),
    ("min", Unit::Nanos(60_000_000_000)),
    ("h", Unit::Nanos(3_600_000_000_000)),
    ("d", Unit::Nanos(86_400_000_000_000)),
];

impl Lexer<'_> {
    /// Takes the number that begins here.
    pub(super) fn number(&mut self) {
        let rest = self.rest();
        let after_dot = matches!(
            self.out.tokens.last(),
            Some(t) if t.kind == TokenKind::Symbol(".") && t.span.end as usize == self.at
        );
        let whole = digits(rest);
        let fraction = rest[whole..].strip_prefix('.').map_or(0, digits);
        let decimal = !after_dot && fraction > 0 && rest[whole + 1..].starts_with(char::is_numeric);
        let number = if decimal { whole + 1 + fraction } else { whole };
        let suffix = rest[number..].find(|c| !is_word(c)).unwrap_or(rest.len() - number);
        let is_share = suffix == 0 && rest[number..].starts_with('%') && self.is_after_error();
        let len = if is_share { number + 1 } else { number + suffix };
        let text = &rest[..len];
        let result = if is_share {
            share(&text[..number]).map(|value| int(value, text))
        } else if after_dot {
            parse_digits(text, 10).map(|value| int(value, text))
        } else if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            parse_digits(hex, 16).map(|value| int(value, text))
        } else if let Some(binary) = text.strip_prefix("0b").filter(|b| !b.is_empty()) {
            parse_digits(binary, 2).map(|value| int(value, text))
        } else {
            with_unit(text, number)
        };
        match result {
            Ok(literal) => self.token(TokenKind::Literal(literal), len),
            Err(why) => {
                self.error("E0005", "this number cannot be read", len, &why);
                self.token(TokenKind::Bad, len);
            }
        }
    }

    /// True behind the word `error`, where a number may be a share in per cent.
    fn is_after_error(&self) -> bool {
        let last = self.out.tokens.last();
        last.is_some_and(|token| {
            token.kind == TokenKind::Word && {
                self.text.get(token.span.start as usize..token.span.end as usize) == Some("error")
            }
        })
    }
}

/// Millionths in so many per cent.
fn share(percent: &str) -> Result<u128, String> {
    let (whole, fraction) = percent.split_once('.').unwrap_or((percent, ""));
    if fraction.len() > 4 {
        return Err("shares are millionths: four decimal places of per cent at most".into());
    }
    let value = parse_digits(&format!("{whole}{fraction}"), 10)?;
    let scaled = value.checked_mul(10_u128.pow(4 - fraction.len() as u32));
    scaled.ok_or_else(|| "it does not fit 128 bits".to_string())
}

/// How many digits and underscores begin `text`.
fn digits(text: &str) -> usize {
    text.bytes().take_while(|b| b.is_ascii_digit() || *b == b'_').count()
}

fn int(value: u128, text: &str) -> Literal {
    Literal::Int { value, text: text.to_string() }
}

fn parse_digits(text: &str, radix: u32) -> Result<u128, String> {
    let mut value = 0_u128;
    let mut any = false;
    for c in text.chars().filter(|&c| c != '_') {
        let Some(digit) = c.to_digit(radix) else {
            return Err(format!("`{c}` is not a digit in base {radix}"));
        };
        any = true;
        value = value
            .checked_mul(u128::from(radix))
            .and_then(|v| v.checked_add(u128::from(digit)))
            .ok_or("it does not fit 128 bits")?;
    }
    if any { Ok(value) } else { Err("digits are missing".to_string()) }
}

/// A decimal number whose first `number` bytes are digits, the rest a unit.
fn with_unit(text: &str, number: usize) -> Result<Literal, String> {
    let (mantissa, suffix) = text.split_at(number);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let places = fraction.bytes().filter(u8::is_ascii_digit).count() as u32;
    let value = parse_digits(&format!("{whole}{fraction}"), 10)?;
    let unit = if suffix.is_empty() {
        &Unit::Times(1)
    } else if let Some((_, unit)) = UNITS.iter().find(|(name, _)| *name == suffix) {
        unit
    } else {
        let near = nearest(suffix, UNITS.iter().map(|(name, _)| *name));
        return Err(match near {
            Some(near) => format!("unknown unit `{suffix}`; `{near}` perhaps?"),
            None => format!("unknown unit `{suffix}`"),
        });
    };
    let (Unit::Times(scale) | Unit::Nanos(scale)) = *unit;
    let scaled = value.checked_mul(scale).ok_or("it does not fit 128 bits")?;
    let divisor = 10_u128.checked_pow(places).ok_or("too many decimal places")?;
    if scaled % divisor != 0 {
        return Err(match unit {
            Unit::Times(1) => "numbers are whole; there are no fractions".to_string(),
            Unit::Times(_) => "with its unit it is not a whole number".to_string(),
            Unit::Nanos(_) => "it is not a whole number of nanoseconds".to_string(),
        });
    }
    let exact = scaled / divisor;
    match unit {
        Unit::Times(_) => Ok(int(exact, text)),
        Unit::Nanos(_) => match u64::try_from(exact) {
            Ok(nanos) => Ok(Literal::Duration { nanos, text: text.to_string() }),
            Err(_) => Err("a length of time is at most 584 years".to_string()),
        },
    }
}
