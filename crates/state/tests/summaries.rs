//! What sketches, Bloom filters and histograms promise, measured: errors against the bounds that
//! the papers prove, and the same measurements on objects that are too small, which must fail.

use trama_base::{Nanos, Rng};
use trama_state::mem::Object;
use trama_state::ops::{BloomOps, HistogramOps, SketchOps, StreamsOps};
use trama_state::{Shape, StateKind, StateSpec, WhenFull};

fn object(kind: StateKind) -> Object {
    let name = "measured".to_owned();
    let spec = StateSpec { name, kind, key: Shape(vec![32]), value: Shape::default() };
    Object::new(&spec, 0).expect("the specification is valid")
}

/// Keys with counts as traffic has them: the `n`th key has a share of `1 / n`.
fn zipf() -> Vec<(u32, u64)> {
    (1..=20_000).map(|n| (n * 7919, 200_000 / u64::from(n))).collect()
}

/// The share of keys whose estimate is off by more than `e / width` of the total.
fn share_beyond_bound(width: u32, depth: u32, conservative: bool, claimed_width: u32) -> f64 {
    let mut object = object(StateKind::Sketch { width, depth, conservative, seed: 5 });
    let sketch = object.as_sketch_mut().expect("it is a sketch");
    let keys = zipf();
    for (key, count) in &keys {
        sketch.add(&key.to_le_bytes(), *count);
    }
    assert_eq!(sketch.total(), keys.iter().map(|(_, count)| count).sum::<u64>());
    let bound = std::f64::consts::E / f64::from(claimed_width) * sketch.total() as f64;
    let beyond = keys.iter().filter(|(key, count)| {
        let estimate = sketch.estimate(&key.to_le_bytes());
        assert!(estimate >= *count, "an estimate is never too low");
        (estimate - count) as f64 > bound
    });
    beyond.count() as f64 / keys.len() as f64
}

#[test]
fn a_sketch_keeps_the_bound_of_its_paper() {
    for (width, depth) in [(256, 1), (256, 2), (1024, 4), (4096, 2)] {
        let allowed = (-f64::from(depth)).exp();
        let plain = share_beyond_bound(width, depth, false, width);
        let conservative = share_beyond_bound(width, depth, true, width);
        assert!(plain <= allowed, "{width} x {depth}: {plain} > {allowed}");
        assert!(conservative <= plain, "{width} x {depth}: {conservative} > {plain}");
    }
}

#[test]
fn a_sketch_that_is_too_narrow_is_noticed() {
    let share = share_beyond_bound(64, 2, false, 4096);
    assert!(share > (-2.0_f64).exp(), "only {share} are beyond the bound of a wider sketch");
}

/// The share of strangers that a filter with `keys` members takes for members.
fn false_members(capacity: u32, error_ppm: u32, keys: u32) -> f64 {
    let mut object = object(StateKind::Bloom { capacity, error_ppm, seed: 5 });
    let filter = object.as_bloom_mut().expect("it is a Bloom filter");
    for key in 0..keys {
        filter.insert(&key.to_le_bytes());
    }
    assert!((0..keys).all(|key| filter.contains(&key.to_le_bytes())), "members are members");
    let strangers = 1_000_000..1_200_000_u32;
    let taken = strangers.clone().filter(|key| filter.contains(&key.to_le_bytes())).count();
    taken as f64 / strangers.len() as f64
}

#[test]
fn a_bloom_filter_errs_as_often_as_it_was_told() {
    for (capacity, error_ppm) in [(1000, 10_000), (20_000, 10_000), (20_000, 1000)] {
        let error = f64::from(error_ppm) / 1e6;
        let measured = false_members(capacity, error_ppm, capacity);
        assert!((error * 0.7..error * 1.3).contains(&measured), "{capacity}: {measured}");
        // Beyond its capacity it takes keys in, and errs more.
        assert!(false_members(capacity, error_ppm, 2 * capacity) > 2.0 * error);
    }
}

#[test]
fn a_quantile_is_off_by_no_more_than_its_precision_says() {
    for precision in [0, 2, 4, 7] {
        let (capacity, expire, when_full) = (1, None, WhenFull::Refuse);
        let mut object = object(StateKind::Histogram { capacity, precision, expire, when_full });
        let histogram = object.as_histogram_mut().expect("it is a histogram");
        let mut rng = Rng::new(7);
        let mut numbers: Vec<u64> = (0..5000).map(|_| rng.next_u64() >> rng.below(64)).collect();
        for &number in &numbers {
            assert!(histogram.add(&[0; 4], number, Nanos::ZERO));
        }
        numbers.sort_unstable();
        let allowed = 0.5_f64.powi(i32::from(precision) + 1);
        let mut worst: f64 = 0.0;
        for percent in 0..=100 {
            let rank = (numbers.len() * percent).div_ceil(100).max(1);
            let exact = numbers[rank - 1] as f64;
            let found = histogram.quantile(&[0; 4], percent as u64, 100, Nanos::ZERO);
            let found = found.expect("there are numbers") as f64;
            worst = worst.max((found - exact).abs() / exact.max(1.0));
        }
        assert!(worst <= allowed && worst > allowed / 20.0, "{precision}: {worst} of {allowed}");
    }
}

/// Segments of a known stream in any order, cut and doubled as networks do, give the stream.
#[test]
fn shuffled_segments_give_the_stream() {
    let text: Vec<u8> = (0..4000_u32).map(|i| ((i * i) >> 3) as u8).collect();
    let (capacity, window_bytes, expire) = (4, 512, None);
    let when_full = WhenFull::Refuse;
    for seed in 0..50 {
        let mut rng = Rng::new(seed);
        let mut object = object(StateKind::Streams { capacity, window_bytes, expire, when_full });
        let streams = object.as_streams_mut().expect("it is a stream buffer");
        let origin = rng.next_u64() as u32;
        assert!(streams.open(&[7; 4], origin, Nanos::ZERO));
        let mut taken = Vec::new();
        for _ in 0..100_000 {
            if taken.len() == text.len() {
                break;
            }
            // A sender repeats what is within the window, in no order.
            let from = taken.len() + rng.below(300) as usize;
            let from = from.saturating_sub(rng.below(60) as usize).min(text.len());
            let to = (from + rng.below(200) as usize).min(text.len());
            let offset = origin.wrapping_add(from as u32);
            streams.insert(&[7; 4], offset, &text[from..to], Nanos::ZERO);
            let available = streams.available(&[7; 4], Nanos::ZERO);
            let wanted = rng.below(u64::from(available) + 1) as u32;
            for at in 0..wanted {
                taken.push(streams.read(&[7; 4], at, 1, Nanos::ZERO) as u8);
            }
            assert!(streams.advance(&[7; 4], wanted, Nanos::ZERO));
        }
        assert!(taken == text, "seed {seed}: {} bytes came through", taken.len());
    }
}
