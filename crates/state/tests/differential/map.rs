//! Maps of all policies and of many key and value lengths.

use super::*;
use trama_state::WhenFull;
use trama_state::ops::MapOps;

fn map(capacity: u32, expire: Option<u64>, when_full: WhenFull) -> StateKind {
    StateKind::Map { capacity, expire: expire.map(Nanos), when_full }
}

/// A key out of a few dozen, spread over all bytes.
fn key(rng: &mut Rng, bytes: usize, kinds: u64) -> Vec<u8> {
    let mut key = vec![0; bytes];
    Rng::new(rng.below(kinds)).fill(&mut key);
    key
}

fn step(
    model: &mut impl MapOps,
    mem: &mut impl MapOps,
    rng: &mut Rng,
    now: Nanos,
    lens: (usize, usize),
) -> Outcome {
    let key = key(rng, lens.0, 40);
    let mut value = vec![0; lens.1];
    rng.fill(&mut value);
    match rng.below(34) {
        33 => {
            let half: Vec<_> = model.entries(now).into_iter().step_by(2).collect();
            agree("refill", model.refill(&half, now), mem.refill(&half, now))
        }
        32 => {
            model.clear(now);
            mem.clear(now);
            agree("len, cleared", model.len(now), mem.len(now))
        }
        0..8 => agree(("get", &key), model.get(&key, now), mem.get(&key, now)),
        8..16 => agree(("put", &key), model.put(&key, &value, now), mem.put(&key, &value, now)),
        16..20 => {
            let mut left = model.entry(&key, now);
            let mut right = mem.entry(&key, now);
            agree(("entry", &key), &left, &right)?;
            for entry in [&mut left, &mut right].into_iter().flatten() {
                for (old, new) in entry.iter_mut().zip(&value) {
                    *old = old.wrapping_add(*new);
                }
            }
            agree(("entry, changed", &key), left, right)
        }
        20..24 => agree(("touch", &key), model.touch(&key, now), mem.touch(&key, now)),
        24..28 => agree(("remove", &key), model.remove(&key, now), mem.remove(&key, now)),
        _ => agree("len", model.len(now), mem.len(now)),
    }
}

fn compare(left: &StateSpec, right: &StateSpec, rng: &mut Rng) -> Outcome {
    let (mut model, mut mem) = pair(left, right, rng.next_u64());
    let lens = (left.key.bytes(), left.value.bytes());
    let mut now = Nanos(rng.below(1000));
    for _ in 0..400 {
        tick(rng, &mut now);
        step(model.as_map_mut().unwrap(), mem.as_map_mut().unwrap(), rng, now, lens)?;
        if rng.one_in(8) {
            mem.as_map_mut().unwrap().expire(now, 2);
        }
        if rng.one_in(16) {
            agree_inside(&mut model, &mut mem, now)?;
        }
    }
    agree_inside(&mut model, &mut mem, now)
}

#[test]
fn every_policy_agrees() {
    for when_full in [WhenFull::Refuse, WhenFull::EvictOldest] {
        for expire in [None, Some(1), Some(7), Some(60)] {
            for capacity in [1, 2, 13, 64] {
                let spec = spec(map(capacity, expire, when_full), 13, 8);
                holds(|rng| compare(&spec, &spec, rng));
            }
        }
    }
}

#[test]
fn every_length_of_key_and_value_agrees() {
    for key_bytes in (0..=20).chain([31, 32, 33, 37, 40, 41, 64, 100]) {
        for value_bytes in [0, 1, 8, 16, 70] {
            let spec = spec(map(9, Some(50), WhenFull::EvictOldest), key_bytes, value_bytes);
            for seed in 0..8 {
                compare(&spec, &spec, &mut Rng::new(seed)).unwrap();
            }
        }
    }
}

#[test]
fn a_wrong_map_is_noticed() {
    let right = spec(map(13, Some(7), WhenFull::Refuse), 4, 4);
    for wrong in [
        map(14, Some(7), WhenFull::Refuse),
        map(13, Some(8), WhenFull::Refuse),
        map(13, None, WhenFull::Refuse),
        map(13, Some(7), WhenFull::EvictOldest),
    ] {
        parts(|rng| compare(&right, &spec(wrong.clone(), 4, 4), rng));
    }
}

#[test]
fn hashed_forms_are_the_plain_ones() {
    let spec = spec(map(100, Some(10), WhenFull::Refuse), 6, 2);
    let mut object = mem::Object::new(&spec, 3).unwrap();
    let map = object.as_map_mut().unwrap();
    for number in 0..50_u8 {
        let key = [number; 6];
        let hash = map.hash(&key);
        assert!(map.put_hashed(hash, &key, &[number, 1], Nanos(number.into())));
        let slot = map.find(hash, &key, Nanos(number.into())).unwrap();
        assert_eq!(map.value(slot), [number, 1]);
        assert_eq!(map.get(&key, Nanos(number.into())), Some(&[number, 1][..]));
        let address = map.entry_address(hash);
        let entry = map.value(slot).as_ptr();
        assert!(entry.addr() - address.addr() < 64, "an entry of 24 bytes lies in one line");
        assert_eq!(address.addr() % 8, 0);
    }
}

/// Operations around the epochs of expiry, in which a map that only expires keeps its order: many
/// busy entries, steps of the clock by an epoch and to the very nanosecond of expiry, far jumps.
fn compare_epochs(left: &StateSpec, right: &StateSpec, rng: &mut Rng) -> Outcome {
    let StateKind::Map { expire: Some(expire), .. } = left.kind else { unreachable!("it expires") };
    let (mut model, mut mem) = pair(left, right, rng.next_u64());
    let mut now = Nanos(rng.below(3 * expire.0));
    let mut written = now;
    for _ in 0..600 {
        let end = written + expire;
        now = match rng.below(24) {
            0..10 => now,
            10..16 => now + Nanos(rng.below(expire.0 / 50 + 2)),
            16..18 => now + Nanos(expire.0 / 64),
            18..20 => now.max(Nanos(end.0 - 1)),
            20..22 => now.max(end),
            22 => now + Nanos(rng.below(2 * expire.0)),
            _ => now + Nanos(rng.below(1 << 40)),
        };
        let (map, backend) = (model.as_map_mut().unwrap(), mem.as_map_mut().unwrap());
        let key = key(rng, 9, 60);
        match rng.below(16) {
            0..9 => agree(("touch", &key, now), map.touch(&key, now), backend.touch(&key, now))?,
            9..13 => {
                written = now;
                let put = (map.put(&key, &[1], now), backend.put(&key, &[1], now));
                agree(("put", &key, now), put.0, put.1)?;
            }
            13 => agree(("get", &key, now), map.get(&key, now), backend.get(&key, now))?,
            14 => agree(("remove", &key, now), map.remove(&key, now), backend.remove(&key, now))?,
            _ => agree(("len", now), map.len(now), backend.len(now))?,
        }
        if rng.one_in(16) {
            backend.expire(now, 1);
        }
        if rng.one_in(8) {
            agree_inside(&mut model, &mut mem, now)?;
        }
    }
    agree_inside(&mut model, &mut mem, now)?;
    has_not_grown(right, &mem)
}

#[test]
fn every_epoch_agrees() {
    for when_full in [WhenFull::Refuse, WhenFull::EvictOldest] {
        for expire in [63, 128, 1_000, 1 << 20, 5_000_000_007] {
            for capacity in [3, 30, 100] {
                let spec = spec(map(capacity, Some(expire), when_full), 9, 1);
                holds(|rng| compare_epochs(&spec, &spec, rng));
            }
        }
    }
}

#[test]
fn a_nanosecond_of_expiry_is_noticed() {
    let of = |expire| spec(map(30, Some(expire), WhenFull::Refuse), 9, 1);
    for wrong in [999_999, 1_000_001] {
        parts(|rng| compare_epochs(&of(1_000_000), &of(wrong), rng));
    }
}

/// Entries that are written at every step must neither go, nor hold back those that are not.
#[test]
fn a_storm_of_touches_keeps_the_order() {
    const EXPIRE_NS: u64 = 10_000;
    let spec = spec(map(64, Some(EXPIRE_NS), WhenFull::Refuse), 8, 1);
    let (mut model, mut mem) = pair(&spec, &spec, 5);
    let (map, backend) = (model.as_map_mut().unwrap(), mem.as_map_mut().unwrap());
    let mut rng = Rng::new(9);
    for step in 0..20_000_u64 {
        let now = Nanos(step * 7);
        // The first of them come before the table is full.
        let busy = (if step < 16 { step } else { rng.below(16) }).to_le_bytes();
        assert!(map.put(&busy, &[0], now) && backend.put(&busy, &[0], now), "step {step}");
        let idle = (100 + step).to_le_bytes();
        assert_eq!(map.put(&idle, &[0], now), backend.put(&idle, &[0], now), "step {step}");
        assert_eq!(map.len(now), backend.len(now), "step {step}");
    }
    let now = Nanos(20_000 * 7);
    assert!(mem.stats(now).expired > 100, "the idle ones went");
    agree_inside(&mut model, &mut mem, now).unwrap();
}

/// The clock may stand at its last nanosecond, and a time to live may be all there is.
#[test]
fn the_ends_of_time_agree() {
    for expire in [None, Some(1), Some(1 << 63), Some(u64::MAX)] {
        for when_full in [WhenFull::Refuse, WhenFull::EvictOldest] {
            let spec = spec(map(4, expire, when_full), 8, 1);
            for seed in 0..20 {
                let (mut model, mut mem) = pair(&spec, &spec, seed);
                let mut rng = Rng::new(seed);
                for now in [0, 1, 1 << 40, 1 << 63, u64::MAX - 1, u64::MAX] {
                    for _ in 0..12 {
                        let (map, backend) =
                            (model.as_map_mut().unwrap(), mem.as_map_mut().unwrap());
                        step(map, backend, &mut rng, Nanos(now), (8, 1)).unwrap();
                    }
                    agree_inside(&mut model, &mut mem, Nanos(now)).unwrap();
                }
            }
        }
    }
}
