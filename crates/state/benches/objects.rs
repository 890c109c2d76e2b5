//! Nanoseconds per operation of the in-memory backends, at sizes in and beyond the caches.
//!
//! `cargo bench -p trama-state` prints the least, median and greatest of the rounds. The keys come
//! from an array that is read in order, so that a figure is that of the operation.
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock; the crate does not")]
#![allow(clippy::unwrap_used, reason = "a benchmark fails where it is surprised")]

use std::hint::black_box;
use std::time::Instant;
use trama_base::stats::Spread;
use trama_base::{Nanos, Rng};
use trama_state::ops::{BucketOps, LpmOps, MapOps, PoolOps};
use trama_state::{Shape, StateKind, StateSpec, WhenFull, hash, mem};

const ROUNDS: usize = 7;
const OPERATIONS: usize = 1 << 20;

type FlowKey = [u8; 13];

fn main() {
    println!("{:<34}{:>8}{:>8}{:>8}  ns per operation", "", "min", "median", "max");
    hashes();
    for entries in [1 << 10, 1 << 16, 1 << 20] {
        maps(entries, 8);
        maps(entries, 16);
        other_hash_map(entries);
    }
    for routes in [10_000, 1_000_000] {
        lpm32(routes);
    }
    for routes in [10_000, 100_000] {
        lpm128(routes);
    }
    buckets();
    pool();
}

/// Prints the time of one of `count` operations that each call of `round` does.
fn measure(what: &str, count: usize, mut round: impl FnMut()) {
    round();
    let times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            round();
            start.elapsed().as_nanos() as f64 / count as f64
        })
        .collect();
    let spread = Spread::of(&times).unwrap();
    println!("{what:<34}{:>8.1}{:>8.1}{:>8.1}", spread.min, spread.median, spread.max);
}

fn flow_key(number: u64) -> FlowKey {
    let mut key = [0; 13];
    Rng::new(number).fill(&mut key);
    key
}

/// Keys below `entries` in random order.
fn draw(entries: usize, from: u64) -> Vec<FlowKey> {
    let mut rng = Rng::new(1);
    (0..OPERATIONS).map(|_| flow_key(from + rng.below(entries as u64))).collect()
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

fn hashes() {
    let keys = draw(1 << 16, 0);
    measure("hash of 13 bytes", keys.len(), || {
        let hasher = hash::Hasher::new(black_box(3));
        black_box(keys.iter().fold(0, |all, key| all ^ hasher.hash(key)));
    });
    measure("hash of 13 bytes, foldhash", keys.len(), || {
        use std::hash::BuildHasher;
        let state = foldhash::fast::FixedState::with_seed(black_box(3));
        black_box(keys.iter().fold(0, |all, key| all ^ state.hash_one(&key[..])));
    });
}

fn maps(entries: usize, value_bytes: usize) {
    let kind = StateKind::Map {
        capacity: entries as u32,
        expire: Some(Nanos::from_secs(1)),
        when_full: WhenFull::Refuse,
    };
    let flow = [32, 32, 16, 16, 8];
    let mut object = object(kind, &flow, &vec![8; value_bytes]);
    let map = object.as_map_mut().unwrap();
    let value = vec![1; value_bytes];
    let mut now = Nanos::ZERO;
    let label = |what: &str| format!("map {what}, {entries} entries, {value_bytes} B");
    for number in 0..entries as u64 {
        assert!(map.put(&flow_key(number), &value, now));
    }
    let (hits, misses) = (draw(entries, 0), draw(entries, 1 << 40));
    measure(&label("hit"), OPERATIONS, || {
        black_box(
            hits.iter().filter(|key| map.get(&key[..], now).is_some_and(|v| v[0] == 1)).count(),
        );
    });
    measure(&label("miss"), OPERATIONS, || {
        black_box(misses.iter().filter(|key| map.get(&key[..], now).is_some()).count());
    });
    measure(&label("hit, prefetched"), OPERATIONS, || {
        black_box(hits.chunks(32).map(|batch| batched(map, batch, now)).sum::<usize>());
    });
    measure(&label("put"), OPERATIONS, || {
        for key in &hits {
            now += Nanos(1);
            black_box(map.put(key, &value, now));
        }
    });
    // Every entry written is new, and every write lets one go.
    let fresh: Vec<FlowKey> = (0..OPERATIONS as u64).map(|n| flow_key(n + (1 << 50))).collect();
    measure(&label("put new, expire one"), OPERATIONS, || {
        for key in &fresh {
            now += Nanos(1_000_000_000 / (entries as u64 / 2));
            black_box(map.put(key, &value, now));
        }
    });
}

/// Looks a batch up in the order that generated code does: hash all, touch all, find all.
fn batched(map: &mem::Map, batch: &[FlowKey], now: Nanos) -> usize {
    let mut hashes = [0; 32];
    for (hash, key) in hashes.iter_mut().zip(batch) {
        *hash = map.hash(key);
    }
    for &hash in &hashes {
        black_box(map.touch_line(hash));
    }
    let found = |(&hash, key): (&u64, &FlowKey)| map.get_hashed(hash, key, now).is_some();
    hashes.iter().zip(batch).filter(|&pair| found(pair)).count()
}

/// The baseline: the standard library's table, which has neither expiry nor a fixed capacity.
fn other_hash_map(entries: usize) {
    let mut map = std::collections::HashMap::with_capacity_and_hasher(
        entries,
        foldhash::fast::FixedState::with_seed(3),
    );
    map.extend((0..entries as u64).map(|number| (flow_key(number), [1_u8; 8])));
    let hits = draw(entries, 0);
    measure(&format!("std HashMap hit, {entries} entries"), OPERATIONS, || {
        black_box(hits.iter().filter(|key| map.get(*key).is_some_and(|v| v[0] == 1)).count());
    });
}

fn lpm32(routes: u32) {
    let mut object = object(StateKind::Lpm { address_bits: 32, capacity: routes }, &[32], &[32]);
    let table = object.as_lpm_mut().unwrap();
    let mut rng = Rng::new(2);
    while table.len() < routes.into() {
        // Lengths as in the global table: mostly 24, many 20 to 23, few shorter.
        let len = [24, 24, 24, 24, 24, 24, 22, 22, 23, 21, 20, 19, 16][rng.below(13) as usize];
        assert!(table.put(u128::from(rng.next_u64() as u32), len, &[1; 4]));
    }
    table.put(0, 0, &[2; 4]);
    let addresses: Vec<u32> = (0..OPERATIONS).map(|_| rng.next_u64() as u32).collect();
    measure(&format!("lpm32 lookup, {routes} routes"), OPERATIONS, || {
        let get = |&address: &u32| table.get(address.into()).map_or(0, |value| u64::from(value[0]));
        black_box(addresses.iter().map(get).sum::<u64>());
    });
    let changes = &addresses[..1 << 16];
    measure(&format!("lpm32 remove and put, {routes}"), changes.len(), || {
        for &address in changes {
            black_box(table.remove(address.into(), 24));
            black_box(table.put(address.into(), 24, &[1; 4]));
        }
    });
}

fn lpm128(routes: u32) {
    let mut object = object(StateKind::Lpm { address_bits: 128, capacity: routes }, &[128], &[32]);
    let table = object.as_lpm_mut().unwrap();
    let mut rng = Rng::new(2);
    let mut networks = Vec::new();
    while table.len() < routes.into() {
        // Mostly /48 and /32 of a few registries.
        let registry = [0x2001, 0x2400, 0x2600, 0x2800, 0x2a00, 0x2c00][rng.below(6) as usize];
        let address = registry << 112 | u128::from(rng.next_u64()) << 48;
        let len = [48, 48, 48, 44, 40, 32, 32, 29][rng.below(8) as usize];
        table.put(address, len, &[1; 4]);
        networks.push(address);
    }
    let addresses: Vec<u128> =
        (0..OPERATIONS).map(|_| *rng.pick(&networks) ^ u128::from(rng.next_u64())).collect();
    measure(&format!("lpm128 lookup, {routes} routes"), OPERATIONS, || {
        let get = |&address: &u128| table.get(address).map_or(0, |value| u64::from(value[0]));
        black_box(addresses.iter().map(get).sum::<u64>());
    });
}

fn buckets() {
    for (capacity, key) in [(1, &[][..]), (1 << 16, &[32][..])] {
        let kind = StateKind::Bucket { capacity, rate_per_s: 1_000_000, burst: 1_000 };
        let mut object = object(kind, key, &[]);
        let bucket = object.as_bucket_mut().unwrap();
        let (mut rng, mut now) = (Rng::new(1), Nanos::ZERO);
        let keys: Vec<[u8; 4]> =
            (0..OPERATIONS).map(|_| (rng.below(capacity.into()) as u32).to_le_bytes()).collect();
        measure(&format!("bucket take, {capacity} keys"), OPERATIONS, || {
            for packed in &keys {
                now += Nanos(100);
                black_box(bucket.take(&packed[..key.len() * 4], 1, now));
            }
        });
    }
}

fn pool() {
    let kind = StateKind::Pool { size: 1 << 16, expire: Some(Nanos(50_000)) };
    let mut object = object(kind, &[], &[]);
    let pool = object.as_pool_mut().unwrap();
    let mut now = Nanos::ZERO;
    measure("pool alloc, expire one", OPERATIONS, || {
        for _ in 0..OPERATIONS {
            now += Nanos(1);
            black_box(pool.alloc(now));
        }
    });
}
