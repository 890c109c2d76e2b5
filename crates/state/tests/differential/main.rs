//! The backends against the models: random sequences of operations with a clock that does not go
//! back, in objects so small that they are often full, expiring or evicting. Every result is
//! compared, and now and then statistics and entries.
//!
//! Each comparison has a negative control: a backend of a slightly different specification, which
//! it must tell apart from the model.
#![allow(clippy::unwrap_used, reason = "a test fails where it is surprised")]

mod bucket;
mod flat;
mod lpm;
mod maglev;
mod map;
mod methods;
mod pool;

use std::fmt::Debug;
use trama_base::{Nanos, Rng};
use trama_state::{Shape, StateKind, StateSpec, mem, model};

/// Where model and backend part.
type Outcome = Result<(), String>;

/// A specification with byte-sized leaves.
fn spec(kind: StateKind, key_bytes: usize, value_bytes: usize) -> StateSpec {
    StateSpec {
        name: "under_test".into(),
        kind,
        key: Shape(vec![8; key_bytes]),
        value: Shape(vec![8; value_bytes]),
    }
}

/// The model of one specification beside the backend of another, which should be the same.
fn pair(left: &StateSpec, right: &StateSpec, seed: u64) -> (model::Object, mem::Object) {
    let model = model::Object::new(left, seed).expect("the specification is valid");
    (model, mem::Object::new(right, seed).expect("the specification is valid"))
}

/// Compares two results.
fn agree<T: PartialEq + Debug>(what: impl Debug, model: T, mem: T) -> Outcome {
    if model == mem {
        return Ok(());
    }
    Err(format!("{what:?}: the model gives {model:?}, the backend {mem:?}"))
}

/// Compares statistics and entries.
fn agree_inside(model: &mut model::Object, mem: &mut mem::Object, now: Nanos) -> Outcome {
    agree("stats", model.stats(now), mem.stats(now))?;
    agree("entries", model.entries(now), mem.entries(now))
}

/// Checks that an object has never reserved more than what its specification foretold.
fn has_not_grown(spec: &StateSpec, mem: &mem::Object) -> Outcome {
    agree("reserved bytes", spec.bytes_at_capacity(), mem.reserved_bytes())
}

/// Lets time pass: mostly little, often none, seldom so much that all expires.
fn tick(rng: &mut Rng, now: &mut Nanos) {
    let step = match rng.below(16) {
        0..6 => 0,
        6..15 => rng.below(4),
        _ => rng.below(200),
    };
    *now += Nanos(step);
}

/// Runs a comparison over many seeds; it must hold for all of them.
fn holds(mut compare: impl FnMut(&mut Rng) -> Outcome) {
    for seed in 0..200 {
        if let Err(why) = compare(&mut Rng::new(seed)) {
            panic!("seed {seed}: {why}");
        }
    }
}

/// The negative control: the comparison must find a difference within the same seeds.
fn parts(mut compare: impl FnMut(&mut Rng) -> Outcome) {
    assert!((0..200).any(|seed| compare(&mut Rng::new(seed)).is_err()), "nothing was noticed");
}
