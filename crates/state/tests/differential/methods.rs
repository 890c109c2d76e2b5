//! The kinds whose operations are calls: sketches, Bloom filters, rings, stream buffers,
//! histograms and pattern sets.

use super::*;
use std::sync::Arc;
use trama_state::{Method, Operands, Pattern, PatternSet, WhenFull};

/// Offsets of segments begin here, so that they wrap around soon.
const ORIGIN: u32 = u32::MAX - 20;

/// Random operands of a method, packed.
fn operands(method: Method, rng: &mut Rng, value_bytes: usize) -> Vec<u8> {
    let wide = |rng: &mut Rng| if rng.one_in(8) { rng.next_u64() } else { rng.below(40) };
    match method {
        Method::SketchAdd | Method::HistogramAdd => {
            let number = if rng.one_in(4) { rng.next_u64() >> rng.below(64) } else { rng.below(9) };
            number.to_le_bytes().to_vec()
        }
        Method::RingPush => {
            let mut value = vec![0; value_bytes];
            rng.fill(&mut value);
            value
        }
        Method::StreamOpen | Method::StreamInsert => {
            let far = if rng.one_in(20) { rng.next_u64() as u32 } else { rng.below(60) as u32 };
            ORIGIN.wrapping_add(far).to_le_bytes().to_vec()
        }
        Method::StreamRead => {
            let mut packed = (wide(rng) as u32).to_le_bytes().to_vec();
            packed.push(rng.below(10) as u8);
            packed
        }
        Method::StreamAdvance => (wide(rng) as u32 / 3).to_le_bytes().to_vec(),
        Method::HistogramQuantile => {
            let (part, whole) = (wide(rng), rng.below(40));
            [part.to_le_bytes(), whole.to_le_bytes()].concat()
        }
        Method::PatternsNext => (wide(rng) as u32).to_le_bytes().to_vec(),
        _ => Vec::new(),
    }
}

fn compare(left: &StateSpec, right: &StateSpec, rng: &mut Rng) -> Outcome {
    let (mut model, mut mem) = pair(left, right, rng.next_u64());
    let methods: Vec<Method> = Method::ALL.into_iter().filter(|m| m.is_of(&left.kind)).collect();
    let mut now = Nanos::ZERO;
    for _ in 0..200 {
        tick(rng, &mut now);
        let method = *rng.pick(&methods);
        if method.name() == "clear" && !rng.one_in(10) {
            continue;
        }
        let signature = method.signature(left);
        let key = vec![rng.below(6) as u8; signature.key.bytes()];
        let operands = operands(method, rng, left.value.bytes());
        let payload: Vec<u8> = (0..rng.below(40)).map(|_| *rng.pick(b"aabbcABC\x00")).collect();
        let with = Operands { key: &key, operands: &operands, payload: &payload, now };
        let results = vec![0; signature.results.bytes()];
        let (mut ours, mut theirs) = (results.clone(), results);
        let answers = (model.call(method, with, &mut ours), mem.call(method, with, &mut theirs));
        agree((method, with), (answers.0, &ours), (answers.1, &theirs))?;
        if rng.one_in(16) {
            agree_inside(&mut model, &mut mem, now)?;
            has_not_grown(right, &mem)?;
        }
    }
    agree_inside(&mut model, &mut mem, now)
}

fn sketch(width: u32, depth: u32, conservative: bool, seed: u64) -> StateSpec {
    spec(StateKind::Sketch { width, depth, conservative, seed }, 5, 0)
}

fn bloom(capacity: u32, error_ppm: u32, seed: u64) -> StateSpec {
    spec(StateKind::Bloom { capacity, error_ppm, seed }, 13, 0)
}

fn ring(capacity: u32, when_full: WhenFull, value_bytes: usize) -> StateSpec {
    spec(StateKind::Ring { capacity, when_full }, 0, value_bytes)
}

fn streams(capacity: u32, window_bytes: u32, expire: Option<u64>) -> StateSpec {
    let expire = expire.map(Nanos);
    let when_full =
        if window_bytes.is_multiple_of(2) { WhenFull::Refuse } else { WhenFull::EvictOldest };
    spec(StateKind::Streams { capacity, window_bytes, expire, when_full }, 4, 0)
}

fn histogram(capacity: u32, precision: u8, expire: Option<u64>) -> StateSpec {
    let (expire, when_full) = (expire.map(Nanos), WhenFull::EvictOldest);
    spec(StateKind::Histogram { capacity, precision, expire, when_full }, 4, 0)
}

fn patterns(patterns: &[Pattern]) -> StateSpec {
    let set = PatternSet::new(patterns.to_vec()).unwrap();
    spec(StateKind::Patterns(Arc::new(set)), 0, 0)
}

/// Patterns that overlap, contain each other, and count in some places only.
fn some_patterns(rng: &mut Rng) -> Vec<Pattern> {
    (0..=rng.below(90))
        .map(|_| {
            let bytes = (0..=rng.below(4)).map(|_| *rng.pick(b"aabbcAB\x00")).collect::<Vec<_>>();
            let depth = bytes.len() as u32 + rng.below(10) as u32;
            let offset = if rng.one_in(2) { rng.below(20) as u32 } else { 0 };
            Pattern { nocase: rng.one_in(2), offset, depth: rng.one_in(3).then_some(depth), bytes }
        })
        .collect()
}

#[test]
fn every_sketch_agrees() {
    for (width, depth) in [(1, 1), (7, 2), (64, 4), (1000, 32)] {
        for conservative in [false, true] {
            let spec = sketch(width, depth, conservative, 9);
            holds(|rng| compare(&spec, &spec, rng));
        }
    }
}

#[test]
fn every_bloom_filter_agrees() {
    for (capacity, error_ppm) in [(1, 500_000), (3, 10_000), (100, 1), (5000, 1000)] {
        let spec = bloom(capacity, error_ppm, 9);
        holds(|rng| compare(&spec, &spec, rng));
    }
}

#[test]
fn every_ring_agrees() {
    for (capacity, value_bytes) in [(1, 1), (2, 8), (5, 24), (300, 3)] {
        for when_full in [WhenFull::Refuse, WhenFull::EvictOldest] {
            let spec = ring(capacity, when_full, value_bytes);
            holds(|rng| compare(&spec, &spec, rng));
        }
    }
}

#[test]
fn every_stream_buffer_agrees() {
    for capacity in [1, 3, 100] {
        for window_bytes in [1, 8, 33, 64, 1000] {
            for expire in [None, Some(30)] {
                let spec = streams(capacity, window_bytes, expire);
                holds(|rng| compare(&spec, &spec, rng));
            }
        }
    }
}

#[test]
fn every_histogram_agrees() {
    for (capacity, precision) in [(1, 0), (3, 4), (100, 2), (2, 6)] {
        for expire in [None, Some(30)] {
            let spec = histogram(capacity, precision, expire);
            holds(|rng| compare(&spec, &spec, rng));
        }
    }
}

#[test]
fn every_pattern_set_agrees() {
    holds(|rng| compare(&patterns(&[]), &patterns(&[]), rng));
    holds(|rng| {
        let spec = patterns(&some_patterns(rng));
        compare(&spec, &spec, rng)
    });
}

#[test]
fn a_wrong_object_is_noticed() {
    let evict = WhenFull::EvictOldest;
    let of =
        |bytes: &[u8], nocase| vec![Pattern { bytes: bytes.into(), nocase, ..Pattern::default() }];
    let depth = |depth| vec![Pattern { bytes: b"ab".into(), depth, ..Pattern::default() }];
    for (right, wrong) in [
        (sketch(64, 4, false, 9), sketch(64, 4, true, 9)),
        (sketch(8, 2, false, 9), sketch(8, 2, false, 8)),
        (bloom(30, 10_000, 9), bloom(30, 20_000, 9)),
        (bloom(3, 10_000, 9), bloom(3, 10_000, 8)),
        (ring(3, WhenFull::Refuse, 4), ring(3, evict, 4)),
        (ring(3, evict, 4), ring(4, evict, 4)),
        (streams(3, 32, None), streams(3, 34, None)),
        (streams(3, 32, None), streams(3, 32, Some(30))),
        (histogram(3, 4, None), histogram(3, 3, None)),
        (histogram(3, 4, None), histogram(4, 4, None)),
        (patterns(&of(b"aB", false)), patterns(&of(b"aB", true))),
        (patterns(&depth(None)), patterns(&depth(Some(9)))),
    ] {
        parts(|rng| compare(&right, &wrong, rng));
    }
}
