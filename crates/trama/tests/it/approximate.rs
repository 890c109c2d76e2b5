//! What queries compute with an error, beside exact results over real captures: the error is never
//! greater than what was asked for, and greater where a greater one was asked for.

use crate::queries::{Frames, Seen, all_captures, field, rows, seen};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// A part of the captures: each is run several times, on both engines.
fn some_captures() -> Option<impl Iterator<Item = (PathBuf, Frames)>> {
    Some(all_captures()?.into_iter().step_by(4))
}

/// The greatest error of quantiles of the lengths of packets by source, as parts of the exact
/// values, and how many were looked at.
fn quantile_error(error: &str) -> Option<(f64, usize)> {
    let text = format!(
        "query lengths = packets(ip)
         |> group(source: ip.src) [16k] {error} {{
             low: quantile(len, 1, 10), middle: quantile(len, 1, 2), high: quantile(len, 99, 100),
             least: quantile(len, 0, 1), most: quantile(len, 1, 1), when: quantile(now, 1, 2),
             packets: count(),
         }}
         |> emit"
    );
    let parts = [("low", 1, 10), ("middle", 1, 2), ("high", 99, 100), ("least", 0, 1)];
    let (mut worst, mut looked_at): (f64, _) = (0.0, 0);
    for (_, frames) in some_captures()? {
        let mut exact: BTreeMap<u32, Vec<Seen>> = BTreeMap::new();
        for packet in seen(&frames) {
            exact.entry(packet.src).or_default().push(packet);
        }
        let found = rows(&text, &frames);
        assert_eq!(found.len(), exact.len());
        for row in &found {
            let own = &exact[&(field(row, "source") as u32)];
            assert_eq!(field(row, "packets"), own.len() as u128);
            let sorted = |value: fn(&Seen) -> u64| {
                let mut all: Vec<u64> = own.iter().map(value).collect();
                all.sort_unstable();
                all
            };
            let (lengths, times) = (sorted(|p| p.len), sorted(|p| p.time));
            let at = |all: &[u64], part: usize, whole: usize| {
                all[(all.len() * part).div_ceil(whole).max(1) - 1] as f64
            };
            let lengths = parts
                .into_iter()
                .chain([("most", 1, 1)])
                .map(|(name, part, whole)| (field(row, name) as f64, at(&lengths, part, whole)));
            let times = [(field(row, "when") as f64, at(&times, 1, 2))];
            for (found, exact) in lengths.chain(times) {
                worst = worst.max((found - exact).abs() / exact);
                looked_at += 1;
            }
        }
    }
    Some((worst, looked_at))
}

#[test]
fn quantiles_keep_the_error_that_was_asked_for() {
    for (error, most) in [("", 0.032), ("error 1%", 0.01)] {
        let Some((worst, looked_at)) = quantile_error(error) else { return };
        println!("{error}: at most {:.3}% off, {looked_at} quantiles", worst * 100.0);
        assert!(worst <= most, "{error}: {worst}");
        assert!(looked_at > 500, "{looked_at} quantiles");
    }
    // The negative control: with less precision the same oracle finds greater errors.
    let Some((worst, _)) = quantile_error("error 20%") else { return };
    assert!(worst > 0.032 && worst <= 0.2, "{worst}");
}

/// How many pairs of sources and destinations are missing, and how many there are.
fn missing_pairs(bounds: &str) -> Option<(u64, u64)> {
    let text = format!(
        "query spread = packets(ip)
         |> distinct(ip.src, ip.dst, len) {bounds}
         |> group(source: ip.src) [16k] {{ others: count() }} |> emit"
    );
    let (mut missing, mut all) = (0, 0);
    for (_, frames) in some_captures()? {
        let different: BTreeSet<_> = seen(&frames).iter().map(|p| (p.src, p.dst, p.len)).collect();
        let mut exact: BTreeMap<u128, u64> = BTreeMap::new();
        different.iter().for_each(|(src, ..)| *exact.entry((*src).into()).or_default() += 1);
        let found: BTreeMap<u128, u64> = rows(&text, &frames)
            .iter()
            .map(|row| (field(row, "source"), field(row, "others") as u64))
            .collect();
        for (source, exact) in exact {
            let found = found.get(&source).copied().unwrap_or(0);
            assert!(found <= exact, "nothing passes twice: {found} of {exact}");
            missing += exact - found;
            all += exact;
        }
    }
    Some((missing, all))
}

#[test]
fn a_filter_overlooks_no_more_than_was_asked_for() {
    for (bounds, most) in [("[64k]", 0.0), ("[4k] error 1%", 0.01), ("[4k] error 0.01%", 0.0001)] {
        let Some((missing, all)) = missing_pairs(bounds) else { return };
        println!("{bounds}: {missing} of {all} are missing");
        assert!(missing as f64 <= most * all as f64, "{bounds}: {missing} of {all}");
        assert!(all > 500, "{all} in all");
    }
    // The negative control: a filter that is too small overlooks more.
    let Some((missing, all)) = missing_pairs("[16] error 1%") else { return };
    assert!(missing as f64 > 0.01 * all as f64, "{missing} of {all}");
}

/// Of sources in windows of 10 s: all, those whose bytes are too high by more than the bound of
/// the sketch allows, and the highest excess.
fn sketch_excess(columns: u32, limit: u64) -> Option<(usize, usize, u64)> {
    const WINDOW: u64 = 10_000_000_000;
    let text = format!(
        "network watched {{ port lan, wan
         lan <-> HeavyHittersSketch(limit: {limit}, every: 10s, columns: {columns}, hosts: 16k) \
         <-> wan }}"
    );
    let (mut all, mut beyond, mut excess) = (0, 0, 0);
    for (path, frames) in some_captures()? {
        let mut exact: BTreeMap<(u64, u32), u64> = BTreeMap::new();
        let mut totals: BTreeMap<u64, u64> = BTreeMap::new();
        for packet in seen(&frames) {
            let start = packet.time / WINDOW * WINDOW;
            *exact.entry((start, packet.src)).or_default() += packet.len;
            *totals.entry(start).or_default() += packet.len;
        }
        let key = |row| (field(row, "window_start") as u64, field(row, "source") as u32);
        let found: BTreeMap<(u64, u32), u64> =
            rows(&text, &frames).iter().map(|row| (key(row), field(row, "bytes") as u64)).collect();
        for (key, bytes) in exact {
            let told = found.get(&key).copied();
            assert!(bytes < limit || told.is_some(), "{key:?} is overlooked: {}", path.display());
            let Some(told) = told else { continue };
            assert!(told >= bytes, "{key:?} has {told} of {bytes}: {}", path.display());
            let bound = std::f64::consts::E * totals[&key.0] as f64 / f64::from(columns);
            beyond += usize::from((told - bytes) as f64 > bound);
            excess = excess.max(told - bytes);
            all += 1;
        }
    }
    Some((all, beyond, excess))
}

#[test]
fn heavy_hitters_by_a_sketch_are_all_there_and_hardly_too_high() {
    for (columns, limit) in [(4096, 1), (4096, 5_000), (64, 1)] {
        let Some((all, beyond, excess)) = sketch_excess(columns, limit) else { return };
        println!("{columns} columns: {beyond} of {all} beyond the bound, at most {excess} B more");
        assert!(beyond as f64 <= 0.018 * all as f64, "{columns}: {beyond} of {all}");
        assert!(all > 50, "{all} sources");
        // The negative control: where sources share cells, the oracle sees that.
        assert!(columns == 4096 || excess > 0, "64 columns are exact?");
    }
}
