//! Arrays and counters.

use super::*;
use trama_state::ops::{ArrayOps, CounterOps};

/// Now and then, puts half of what there is in the place of all.
fn refill(model: &mut model::Object, mem: &mut mem::Object, rng: &mut Rng) -> Outcome {
    if !rng.one_in(10) {
        return Ok(());
    }
    let half: Vec<_> = model.entries(Nanos::ZERO).into_iter().step_by(2).collect();
    agree("refill", model.refill(&half, Nanos::ZERO), mem.refill(&half, Nanos::ZERO))
}

fn compare_arrays(left: &StateSpec, right: &StateSpec, rng: &mut Rng) -> Outcome {
    let (mut model, mut mem) = pair(left, right, rng.next_u64());
    for _ in 0..200 {
        let index = if rng.one_in(20) { rng.next_u64() } else { rng.below(10) };
        let (array, backend) = (model.as_array_mut().unwrap(), mem.as_array_mut().unwrap());
        agree(("get", index), array.get(index), backend.get(index))?;
        let mut entries = (array.entry(index), backend.entry(index));
        agree(("entry", index), &entries.0, &entries.1)?;
        let number = rng.below(3) as u8;
        for entry in [&mut entries.0, &mut entries.1].into_iter().flatten() {
            entry.fill(number);
        }
        refill(&mut model, &mut mem, rng)?;
        agree_inside(&mut model, &mut mem, Nanos::ZERO)?;
    }
    Ok(())
}

fn compare_counters(left: &StateSpec, right: &StateSpec, rng: &mut Rng) -> Outcome {
    let (mut model, mut mem) = pair(left, right, rng.next_u64());
    for _ in 0..200 {
        let index = if rng.one_in(20) { rng.next_u64() } else { rng.below(10) };
        let bytes = rng.next_u64();
        let (pairs, backend) = (model.as_counter_mut().unwrap(), mem.as_counter_mut().unwrap());
        agree(("add", index), pairs.add(index, bytes), backend.add(index, bytes))?;
        agree(("get", index), pairs.get(index), backend.get(index))?;
        refill(&mut model, &mut mem, rng)?;
        agree_inside(&mut model, &mut mem, Nanos::ZERO)?;
    }
    Ok(())
}

#[test]
fn every_array_agrees() {
    for (len, value_bytes) in [(1, 1), (7, 8), (8, 24), (300, 3)] {
        let spec = spec(StateKind::Array { len }, 0, value_bytes);
        holds(|rng| compare_arrays(&spec, &spec, rng));
    }
    let wrong = spec(StateKind::Array { len: 9 }, 0, 4);
    parts(|rng| compare_arrays(&spec(StateKind::Array { len: 8 }, 0, 4), &wrong, rng));
}

#[test]
fn every_counter_agrees() {
    for len in [1, 7, 300] {
        let spec = spec(StateKind::Counter { len }, 0, 0);
        holds(|rng| compare_counters(&spec, &spec, rng));
    }
    let wrong = spec(StateKind::Counter { len: 9 }, 0, 0);
    parts(|rng| compare_counters(&spec(StateKind::Counter { len: 8 }, 0, 0), &wrong, rng));
}
