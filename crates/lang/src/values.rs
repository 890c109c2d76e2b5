//! How values read to a person: addresses, times, tags, state entries, log lines.
//!
//! Logs, traces, dumps of state and both engines print through these functions, so a value looks
//! the same wherever it is met.

use crate::engine::Entry;
use crate::ir::{Extract, LogSite, StateView, View};
use core::net::{Ipv4Addr, Ipv6Addr};
use std::fmt::Write;
use trama_base::Nanos;
use trama_state::{Shape, StateKind, StateSpec};
use trama_wire::bytes::{self, ByteString};
use trama_wire::extract::Part;
use trama_wire::header::{FieldDef, FieldType};

/// Points in time before this print as seconds since the origin (simulations start near zero),
/// later ones as a date: a year and a day after the origin.
const DATE_FROM: Nanos = Nanos::from_secs(366 * 86_400);

/// Prints one scalar. Bits beyond what the view can hold are ignored.
pub fn leaf(view: &View, value: u128) -> String {
    match view {
        View::Uint => value.to_string(),
        View::Int(width) => signed(value, *width).to_string(),
        View::Bool => (value & 1 != 0).to_string(),
        View::Mac => mac(value),
        View::Ip4 => Ipv4Addr::from(value as u32).to_string(),
        View::Ip6 => Ipv6Addr::from(value).to_string(),
        // Without its bytes, a byte string is its length.
        View::Bytes(_) => value.to_string(),
        View::Word => format!("{value:#x}"),
        View::Time => time(Nanos(value as u64)),
        View::Duration => Nanos(value as u64).to_string(),
        View::Tag(names) => usize::try_from(value)
            .ok()
            .and_then(|tag| names.get(tag).cloned())
            .unwrap_or_else(|| format!("<tag {value}>")),
    }
}

/// Prints the value of a header field.
pub fn field(def: &FieldDef, value: u128) -> String {
    match def.ty {
        FieldType::Uint => value.to_string(),
        FieldType::Bool => leaf(&View::Bool, value),
        FieldType::Mac => mac(value),
        FieldType::Ip4 => leaf(&View::Ip4, value),
        FieldType::Ip6 => leaf(&View::Ip6, value),
    }
}

/// Prints a point in time: RFC 3339 in UTC with nanoseconds, or seconds since the origin if it is
/// so near the origin that it cannot be a date.
pub fn time(at: Nanos) -> String {
    let (seconds, ns) = (at.0 / 1_000_000_000, at.0 % 1_000_000_000);
    if at < DATE_FROM {
        return format!("{seconds}.{ns:09}s");
    }
    let (year, month, day) = civil_from_days(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ns:09}Z")
}

/// Prints the part that `values` begins with, which has one leaf or is a byte string.
pub fn part(view: &View, values: &[u128]) -> String {
    match (view, values) {
        (View::Bytes(_), _) => {
            ByteString::from_leaves(&values[..leaf_count(view, values)]).to_string()
        }
        (_, [value, ..]) => leaf(view, *value),
        (_, []) => String::new(),
    }
}

/// Number of leaves of the part that `values` begins with; at least 1 if there are any.
pub fn leaf_count(view: &View, values: &[u128]) -> usize {
    let words = if let View::Bytes(words) = view { usize::from(*words) } else { 0 };
    values.len().min(1 + words)
}

/// Prints a key or value of named leaves: `{src: 10.0.0.5, dst: 10.0.0.6}`; a single part without
/// its name; `()` if there is none.
pub fn leaves(views: &[(String, View)], values: &[u128]) -> String {
    let Some((_, first)) = views.first().filter(|_| !values.is_empty()) else { return "()".into() };
    if leaf_count(first, values) == views.len().min(values.len()) {
        return part(first, values);
    }
    let mut out = String::from("{");
    let mut at = 0;
    while let (Some((name, view)), Some(rest @ [_, ..])) = (views.get(at), values.get(at..)) {
        let comma = if at == 0 { "" } else { ", " };
        let _ = write!(out, "{comma}{name}: {}", part(view, rest));
        at += leaf_count(view, rest);
    }
    out.push('}');
    out
}

/// Prints the arguments of an event: their parts, without names, with commas between them.
pub fn arguments(views: &[(String, View)], values: &[u128]) -> String {
    let mut parts = Vec::new();
    let mut at = 0;
    while let (Some((_, view)), Some(rest @ [_, ..])) = (views.get(at), values.get(at..)) {
        parts.push(part(view, rest));
        at += leaf_count(view, rest);
    }
    parts.join(", ")
}

/// Prints what an extractor gave, byte strings in quotes.
pub fn extracted(extract: Extract, values: &[u128]) -> String {
    let mut rest = values;
    let parts = extract.what.results().iter().map(|part| {
        let (own, other) = rest.split_at(rest.len().min(match part {
            Part::Scalar(_) => 1,
            Part::Bytes => bytes::leaf_count(extract.max),
        }));
        rest = other;
        match part {
            Part::Scalar(_) => own.first().copied().unwrap_or_default().to_string(),
            Part::Bytes => format!("\"{}\"", ByteString::from_leaves(own)),
        }
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// Prints an entry of a state object, `KEY → VALUE`, as its kind reads best: a set has only keys,
/// a prefix is `10.0.0.0/8`, a counter `[3] → 5 packets, 320 bytes`.
pub fn entry(spec: &StateSpec, view: &StateView, entry: &Entry) -> String {
    match &spec.kind {
        StateKind::Map { .. } if spec.value.0.is_empty() => key(spec, view, &entry.key),
        StateKind::Pool { .. } => key(spec, view, &entry.key),
        StateKind::Counter { .. } => {
            let (packets, bytes) = (word(&entry.value, 0), word(&entry.value, 8));
            format!("{} → {packets} packets, {bytes} bytes", key(spec, view, &entry.key))
        }
        StateKind::Bucket { .. } => {
            format!("{} → {} tokens", key(spec, view, &entry.key), word(&entry.value, 0))
        }
        StateKind::Maglev { .. } => {
            format!("{} → weight {}", key(spec, view, &entry.key), word(&entry.value, 0))
        }
        StateKind::Sketch { .. } => {
            format!("{} → {}", key(spec, view, &entry.key), word(&entry.value, 0))
        }
        StateKind::Bloom { .. } => {
            format!("{} → {:#018x}", key(spec, view, &entry.key), word(&entry.value, 0))
        }
        StateKind::Streams { .. } => {
            let parts = Shape(vec![32; 3]).unpack(&entry.value);
            let [start, available, waiting] = parts[..] else { return String::new() };
            let key = key(spec, view, &entry.key);
            format!("{key} → offset {start}, {available} bytes available, {waiting} waiting")
        }
        StateKind::Histogram { .. } => {
            format!("{} → {} numbers", key(spec, view, &entry.key), word(&entry.value, 0))
        }
        _ => {
            let value = leaves(&view.value, &spec.value.unpack(&whole(&spec.value, &entry.value)));
            format!("{} → {value}", key(spec, view, &entry.key))
        }
    }
}

/// Prints the key of an entry of a state object.
pub fn key(spec: &StateSpec, view: &StateView, packed: &[u8]) -> String {
    match &spec.kind {
        StateKind::Array { .. }
        | StateKind::Counter { .. }
        | StateKind::Pool { .. }
        | StateKind::Sketch { .. }
        | StateKind::Bloom { .. }
        | StateKind::Ring { .. } => format!("[{}]", word(packed, 0)),
        StateKind::Lpm { address_bits, .. } => {
            let address = Shape(vec![*address_bits]);
            let value = address.unpack(&whole(&address, packed))[0];
            let named = view.key.first().map_or(&View::Uint, |(_, view)| view);
            let prefix_len = packed.get(address.bytes()).copied().unwrap_or(0);
            format!("{}/{prefix_len}", leaf(named, value))
        }
        _ => leaves(&view.key, &spec.key.unpack(&whole(&spec.key, packed))),
    }
}

/// The text of a log line: the site's literal parts with the arguments between them.
pub fn render_log(site: &LogSite, args: &[u128]) -> String {
    let mut out = String::new();
    for (i, text) in site.text.iter().enumerate() {
        out.push_str(text);
        match (site.views.get(i), args.get(i..)) {
            // It was printed with the length before it.
            (None | Some(View::Word), _) | (_, None) => {}
            (Some(view), Some(rest)) => out.push_str(&part(view, rest)),
        }
    }
    out
}

/// The bytes of a shape at the front of `packed`, zeros where it is too short.
fn whole(shape: &Shape, packed: &[u8]) -> Vec<u8> {
    let mut bytes = packed.to_vec();
    bytes.resize(shape.bytes(), 0);
    bytes
}

/// Up to eight bytes at `at`, little endian; what is not there is zero.
fn word(packed: &[u8], at: usize) -> u64 {
    packed.iter().skip(at).take(8).rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
}

/// Two's complement number of `width` bits, 1 to 128.
fn signed(value: u128, width: u8) -> i128 {
    let unused = 128 - u32::from(width.clamp(1, 128));
    ((value << unused) as i128) >> unused
}

fn mac(value: u128) -> String {
    let b = (value as u64).to_be_bytes();
    format!("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", b[2], b[3], b[4], b[5], b[6], b[7])
}

/// Year, month and day of a number of days since 1970-01-01 in the proleptic Gregorian calendar.
///
/// Counts from 1 March of year 0, so that a leap day is the last of its year: an era is 400 years
/// of 146 097 days.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let day = days + 719_468;
    let (era, day_of_era) = (day / 146_097, day % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day_of_month)
}

#[cfg(test)]
mod tests;
