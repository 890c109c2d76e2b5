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
    match rng.below(8) {
        0 | 1 => agree(("get", &key), model.get(&key, now), mem.get(&key, now)),
        2 | 3 => agree(("put", &key), model.put(&key, &value, now), mem.put(&key, &value, now)),
        4 => {
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
        5 => agree(("touch", &key), model.touch(&key, now), mem.touch(&key, now)),
        6 => agree(("remove", &key), model.remove(&key, now), mem.remove(&key, now)),
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
