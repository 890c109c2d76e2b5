//! State objects as state machines: any sequence of operations on a backend and on its model gives
//! the same results, statistics and entries, and no object grows.

use crate::CANARY;
use crate::choices::Choices;
use trama_base::Nanos;
use trama_state::ops::{ArrayOps, BucketOps, CounterOps, LpmOps, MaglevOps, MapOps, PoolOps};
use trama_state::{Shape, StateKind, StateSpec, WhenFull, mem, model};

/// Runs the target.
pub fn run(data: &[u8]) {
    let mut choices = Choices::new(data);
    let spec = spec(&mut choices);
    let other = if CANARY { planted(&spec) } else { spec.clone() };
    let (Ok(mut model), Ok(mut mem)) = (model::Object::new(&spec, 1), mem::Object::new(&other, 1))
    else {
        return assert!(spec.validate().is_err(), "a sound specification was refused: {spec:?}");
    };
    let mut now = Nanos(choices.number(1) as u64);
    while !choices.is_done() {
        now += match choices.below(8) {
            0..=3 => Nanos::ZERO,
            4 | 5 => Nanos(choices.below(4) as u64),
            6 => Nanos(choices.number(1) as u64),
            _ => Nanos(choices.number(4) as u64),
        };
        step(&spec, &mut model, &mut mem, &mut choices, now);
        if choices.one_in(16) {
            inside(&spec, &mut model, &mut mem, now);
        }
    }
    inside(&spec, &mut model, &mut mem, now);
    assert!(CANARY || mem.reserved_bytes() <= spec.bytes_at_capacity(), "{spec:?} has grown");
}

/// A specification of any kind, with small tables.
fn spec(choices: &mut Choices<'_>) -> StateSpec {
    let capacity = choices.pick(&[1, 2, 3, 13, 64, 200]);
    let expire = choices.pick(&[None, Some(1), Some(7), Some(60), Some(1000)]).map(Nanos);
    let when_full = choices.pick(&[WhenFull::Refuse, WhenFull::EvictOldest]);
    let lens = |choices: &mut Choices<'_>| choices.pick(&[0_usize, 1, 2, 4, 8, 13, 16, 33, 37]);
    let (key, value) = (lens(choices), lens(choices));
    let kind = match choices.below(8) {
        0 | 1 => StateKind::Map { capacity, expire, when_full },
        2 => StateKind::Array { len: capacity },
        3 => StateKind::Counter { len: capacity },
        4 => StateKind::Pool { size: capacity, expire },
        5 => StateKind::Lpm { address_bits: choices.pick(&[32, 128]), capacity },
        6 => {
            let (rate_per_s, burst) = (1 << choices.below(30), choices.number(1) as u64 + 1);
            StateKind::Bucket { capacity, rate_per_s, burst }
        }
        _ => StateKind::Maglev { table_size: choices.pick(&[2, 13, 251]), capacity },
    };
    let (key, value) = match kind {
        StateKind::Array { .. } => (0, value.max(1)),
        StateKind::Counter { .. } | StateKind::Pool { .. } => (0, 0),
        StateKind::Lpm { address_bits, .. } => {
            let key = Shape(vec![address_bits]);
            return StateSpec { name: "fuzz".into(), kind, key, value: Shape(vec![8; value]) };
        }
        StateKind::Bucket { .. } => (key, 0),
        StateKind::Maglev { .. } => (key, 0),
        _ => (key, value),
    };
    let [key, value] = [key, value].map(|bytes| Shape(vec![8; bytes]));
    StateSpec { name: "fuzz".into(), kind, key, value }
}

/// The specification of a backend that is wrong in a way that seldom shows.
fn planted(spec: &StateSpec) -> StateSpec {
    let mut wrong = spec.clone();
    match &mut wrong.kind {
        StateKind::Map { expire: Some(expire), .. }
        | StateKind::Pool { expire: Some(expire), .. } => {
            expire.0 += 1;
        }
        StateKind::Map { capacity, .. } => *capacity += 1,
        _ => {}
    }
    wrong
}

/// A key out of a few.
fn key(choices: &mut Choices<'_>, len: usize) -> Vec<u8> {
    let kind = choices.byte() % 64;
    (0..len).map(|i| kind.wrapping_mul(37).wrapping_add((i as u8).wrapping_mul(kind))).collect()
}

fn step(
    spec: &StateSpec,
    model: &mut model::Object,
    mem: &mut mem::Object,
    choices: &mut Choices<'_>,
    now: Nanos,
) {
    use {mem::Object as Mem, model::Object as Model};
    let len = spec.key.bytes();
    let index = match choices.below(16) {
        0 => choices.number(8) as u64,
        _ => choices.number(1) as u64,
    };
    match (model, mem) {
        (Model::Map(a), Mem::Map(b)) => map(spec, a, b, choices, now),
        (Model::Array(a), Mem::Array(b)) => {
            assert_eq!(a.get(index), b.get(index));
            let byte = choices.byte();
            let [left, right] = [a.entry(index), b.entry(index)];
            assert_eq!(left, right);
            [left, right].into_iter().flatten().for_each(|entry| entry[0] = byte);
        }
        (Model::Counter(a), Mem::Counter(b)) => {
            let bytes = choices.number(2) as u64;
            assert_eq!(a.add(index, bytes), b.add(index, bytes));
            assert_eq!(a.get(index), b.get(index));
        }
        (Model::Pool(a), Mem::Pool(b)) => match choices.below(6) {
            0 | 1 => assert_eq!(a.alloc(now), b.alloc(now), "alloc at {now:?}"),
            2 => assert_eq!(a.take(index, now), b.take(index, now), "take {index}"),
            3 => assert_eq!(a.touch(index, now), b.touch(index, now), "touch {index}"),
            4 => assert_eq!(a.free(index, now), b.free(index, now), "free {index}"),
            _ => {
                assert_eq!(a.used(index, now), b.used(index, now), "used {index}");
                assert_eq!(a.len(now), b.len(now));
            }
        },
        (Model::Lpm(a), Mem::Lpm(b)) => lpm(spec, a, b, choices),
        (Model::Bucket(a), Mem::Bucket(b)) => {
            let (key, amount) = (key(choices, len), choices.number(1) as u64);
            assert_eq!(a.take(&key, amount, now), b.take(&key, amount, now), "{key:?} {amount}");
            assert_eq!(BucketOps::len(a), BucketOps::len(b));
        }
        (Model::Maglev(a), Mem::Maglev(b)) => {
            let (member, hash) = (key(choices, len), choices.number(8) as u64);
            if choices.one_in(2) {
                let weight = choices.number(1) as u32;
                assert_eq!(a.set(&member, weight), b.set(&member, weight), "{member:?}");
            }
            assert_eq!(a.pick(hash), b.pick(hash), "{hash}");
        }
        _ => unreachable!("model and backend are of one kind"),
    }
}

fn map(
    spec: &StateSpec,
    a: &mut impl MapOps,
    b: &mut mem::Map,
    choices: &mut Choices<'_>,
    now: Nanos,
) {
    let key = key(choices, spec.key.bytes());
    match choices.below(8) {
        0 | 1 => assert_eq!(a.get(&key, now), MapOps::get(b, &key, now), "get {key:?}"),
        2 | 3 => {
            let value = vec![choices.byte(); spec.value.bytes()];
            assert_eq!(a.put(&key, &value, now), b.put(&key, &value, now), "put {key:?}");
        }
        4 => {
            let [left, right] = [a.entry(&key, now), MapOps::entry(b, &key, now)];
            assert_eq!(left, right, "entry {key:?}");
            for entry in [left, right].into_iter().flatten() {
                entry.iter_mut().for_each(|byte| *byte = byte.wrapping_add(1));
            }
        }
        5 => assert_eq!(a.touch(&key, now), b.touch(&key, now), "touch {key:?}"),
        6 => assert_eq!(a.remove(&key, now), b.remove(&key, now), "remove {key:?}"),
        _ => {
            assert_eq!(a.len(now), MapOps::len(b, now));
            b.expire(now, choices.below(4) as u64);
        }
    }
}

fn lpm(spec: &StateSpec, a: &mut impl LpmOps, b: &mut impl LpmOps, choices: &mut Choices<'_>) {
    let bits = u32::from(spec.key.0[0]);
    let address = match choices.below(2) {
        0 => choices.number(1) << (bits - 8),
        _ => choices.number(bits as usize / 8),
    };
    let prefix_len = choices.byte() % 140;
    match choices.below(4) {
        0 | 1 => {
            let value = vec![choices.byte(); spec.value.bytes()];
            let (left, right) =
                (a.put(address, prefix_len, &value), b.put(address, prefix_len, &value));
            assert_eq!(left, right, "put {address:x}/{prefix_len}");
        }
        2 => assert_eq!(a.remove(address, prefix_len), b.remove(address, prefix_len)),
        _ => {}
    }
    assert_eq!(a.get(address), b.get(address), "get {address:x}");
    assert_eq!(a.len(), b.len());
}

fn inside(spec: &StateSpec, model: &mut model::Object, mem: &mut mem::Object, now: Nanos) {
    assert_eq!(model.stats(now), mem.stats(now), "statistics of {spec:?}");
    assert_eq!(model.entries(now), mem.entries(now), "entries of {spec:?}");
}
