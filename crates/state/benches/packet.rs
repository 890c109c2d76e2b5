//! What a packet pays for the state operations of a firewall and NAT chain, against a plain map.
//!
//! `cargo bench -p trama-state --bench packet` prints nanoseconds: the operations take turns round
//! by round, so that a change in the machine's load falls on all of them alike. As
//! `packet -- count OPERATION PASSES` it does one operation without reading the clock:
//! the difference between two numbers of passes under callgrind, divided by the 65 536 operations
//! in a pass and less that of `nothing`, is the number of instructions of one.
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock; the crate does not")]
#![allow(clippy::unwrap_used, reason = "a benchmark fails where it is surprised")]

use std::collections::HashMap;
use std::hint::black_box;
use std::time::Instant;
use trama_base::stats::Spread;
use trama_base::{Nanos, Rng};
use trama_state::ops::{ArrayOps, MapOps, PoolOps};
use trama_state::{Shape, StateKind, StateSpec, WhenFull, mem};

const ROUNDS: usize = 15;
const PASS: usize = 1 << 16;
const PASSES: usize = 8;

/// Between two packets.
const STEP: Nanos = Nanos(100);

/// One pass of [`PASS`] operations.
type Pass = Box<dyn FnMut()>;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [count, name, passes] = &arguments[..]
        && count == "count"
    {
        let mut pass = operations(1 << 16).into_iter().find(|(known, _)| known == name).unwrap().1;
        (0..passes.parse::<usize>().unwrap()).for_each(|_| pass());
        return;
    }
    println!("{:<44}{:>8}{:>8}{:>8}  ns per operation", "", "min", "median", "max");
    for flows in [1 << 10, 1 << 16] {
        in_turns(flows);
    }
}

fn in_turns(flows: usize) {
    let mut operations = operations(flows);
    let mut times = vec![Vec::new(); operations.len()];
    for round in 0..=ROUNDS {
        for ((_, pass), times) in operations.iter_mut().zip(&mut times) {
            let start = Instant::now();
            (0..PASSES).for_each(|_| pass());
            let ns = start.elapsed().as_nanos() as f64 / (PASS * PASSES) as f64;
            // The first round warms up.
            times.extend((round > 0).then_some(ns));
        }
    }
    for ((name, _), times) in operations.iter().zip(&times) {
        let what = format!("{name}, {flows} flows");
        let spread = Spread::of(times).unwrap();
        println!("{what:<44}{:>8.1}{:>8.1}{:>8.1}", spread.min, spread.median, spread.max);
    }
}

fn operations(flows: usize) -> Vec<(String, Pass)> {
    vec![
        ("nothing".into(), nothing(flows)),
        ("std_get".into(), std_get(flows)),
        ("map_get".into(), map_get::<13>(flows)),
        ("map_get_4".into(), map_get::<4>(flows)),
        ("map_get_37".into(), map_get::<37>(flows)),
        ("map_miss".into(), map_miss(flows)),
        ("map_touch".into(), map_touch(flows)),
        ("map_put".into(), map_put(flows)),
        ("map_churn".into(), map_churn(flows)),
        ("pool_touch".into(), pool_touch(flows)),
        ("array_get".into(), array_get(flows)),
    ]
}

/// A flow's packed key: the canonical one over IPv4 has 13 bytes.
fn key<const N: usize>(number: u64) -> [u8; N] {
    let mut key = [0; N];
    Rng::new(number).fill(&mut key);
    key
}

/// Packets of flows in random order.
fn draw<const N: usize>(flows: usize, from: u64) -> Vec<[u8; N]> {
    let mut rng = Rng::new(1);
    (0..PASS).map(|_| key(from + rng.below(flows as u64))).collect()
}

fn indices(flows: usize) -> Vec<u64> {
    let mut rng = Rng::new(1);
    (0..PASS).map(|_| rng.below(flows as u64)).collect()
}

fn object(kind: StateKind, key: &[u8], value: &[u8]) -> mem::Object {
    let spec = StateSpec {
        name: "measured".into(),
        kind,
        key: Shape(key.to_vec()),
        value: Shape(value.to_vec()),
    };
    mem::Object::new(&spec, 7).unwrap()
}

/// A map that is full of flows.
fn map<const N: usize>(flows: usize) -> mem::Map {
    let kind = StateKind::Map {
        capacity: flows as u32,
        expire: Some(Nanos::from_secs(60)),
        when_full: WhenFull::Refuse,
    };
    let mem::Object::Map(mut map) = object(kind, &[8; N], &[64]) else { unreachable!() };
    for number in 0..flows as u64 {
        assert!(map.put(&key::<N>(number), &[1; 8], Nanos::ZERO));
    }
    map
}

fn nothing(flows: usize) -> Pass {
    let keys = draw::<13>(flows, 0);
    Box::new(move || {
        for key in &keys {
            black_box(key);
        }
    })
}

fn std_get(flows: usize) -> Pass {
    let keys = draw::<13>(flows, 0);
    let state = foldhash::fast::FixedState::with_seed(3);
    let mut map = HashMap::with_capacity_and_hasher(flows, state);
    map.extend((0..flows as u64).map(|number| (key::<13>(number), 1_u64)));
    Box::new(move || {
        for key in &keys {
            black_box(map.get(black_box(key)));
        }
    })
}

fn map_get<const N: usize>(flows: usize) -> Pass {
    let (keys, mut map) = (draw::<N>(flows, 0), map::<N>(flows));
    Box::new(move || {
        for key in &keys {
            black_box(map.get(black_box(&key[..]), Nanos(5)).map(<[u8]>::as_ptr));
        }
    })
}

fn map_miss(flows: usize) -> Pass {
    let (keys, mut map) = (draw::<13>(flows, 1 << 40), map::<13>(flows));
    Box::new(move || {
        for key in &keys {
            black_box(map.get(black_box(&key[..]), Nanos(5)).map(<[u8]>::as_ptr));
        }
    })
}

fn map_touch(flows: usize) -> Pass {
    let (keys, mut map) = (draw::<13>(flows, 0), map::<13>(flows));
    let mut now = Nanos::ZERO;
    Box::new(move || {
        for key in &keys {
            now += STEP;
            black_box(map.touch(black_box(&key[..]), now));
        }
    })
}

fn map_put(flows: usize) -> Pass {
    let (keys, mut map) = (draw::<13>(flows, 0), map::<13>(flows));
    let mut now = Nanos::ZERO;
    Box::new(move || {
        for key in &keys {
            now += STEP;
            black_box(map.put(black_box(&key[..]), &[2; 8], now));
        }
    })
}

/// Every key is new, and every write lets one go.
fn map_churn(flows: usize) -> Pass {
    let mut map = map::<13>(flows);
    let (mut now, mut number) = (Nanos::ZERO, 1 << 50);
    Box::new(move || {
        for _ in 0..PASS {
            now += Nanos(60_000_000_000 / (flows as u64 / 2));
            number += 1;
            let mut key = [3; 13];
            key[..8].copy_from_slice(&u64::to_le_bytes(number));
            black_box(map.put(black_box(&key[..]), &[2; 8], now));
        }
    })
}

fn pool_touch(flows: usize) -> Pass {
    let kind = StateKind::Pool { size: flows as u32, expire: Some(Nanos::from_secs(60)) };
    let mem::Object::Pool(mut pool) = object(kind, &[], &[]) else { unreachable!() };
    let mut now = Nanos::ZERO;
    while pool.alloc(now).is_some() {}
    let indices = indices(flows);
    Box::new(move || {
        for &index in &indices {
            now += STEP;
            black_box(pool.touch(black_box(index), now));
        }
    })
}

fn array_get(flows: usize) -> Pass {
    let kind = StateKind::Array { len: flows as u32 };
    let mem::Object::Array(array) = object(kind, &[], &[32, 32, 16, 16, 8]) else { unreachable!() };
    let indices = indices(flows);
    Box::new(move || {
        for &index in &indices {
            black_box(array.get(black_box(index)).map(<[u8]>::as_ptr));
        }
    })
}
