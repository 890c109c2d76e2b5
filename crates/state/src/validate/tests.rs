use crate::{Shape, StateKind, StateSpec, WhenFull};
use trama_base::Nanos;

fn message(kind: StateKind, key: &[u8], value: &[u8]) -> String {
    let spec = StateSpec {
        name: "seen".into(),
        kind,
        key: Shape(key.to_vec()),
        value: Shape(value.to_vec()),
    };
    spec.validate().map_or_else(|error| error.to_string(), |()| "valid".into())
}

fn map(capacity: u32, expire: Option<u64>) -> StateKind {
    StateKind::Map { capacity, expire: expire.map(Nanos), when_full: WhenFull::Refuse }
}

fn bucket(capacity: u32, rate_per_s: u64, burst: u64) -> StateKind {
    StateKind::Bucket { capacity, rate_per_s, burst }
}

#[test]
fn sound_specifications_are_valid() {
    for (kind, key, value) in [
        (map(1, None), &[][..], &[][..]),
        (map(65_536, Some(1)), &[32, 32, 16, 16, 8], &[64]),
        (StateKind::Array { len: 4 }, &[], &[128]),
        (StateKind::Counter { len: 4 }, &[], &[]),
        (StateKind::Pool { size: 4, expire: None }, &[], &[]),
        (StateKind::Lpm { address_bits: 128, capacity: 10 }, &[128], &[9]),
        (bucket(1, 1, 1), &[], &[]),
        (bucket(9, 1, 1), &[32], &[]),
        (StateKind::Maglev { table_size: 65_537, capacity: 100 }, &[32, 16], &[]),
        (StateKind::Maglev { table_size: 2, capacity: 2 }, &[1], &[]),
    ] {
        assert_eq!(message(kind.clone(), key, value), "valid", "{kind:?}");
    }
}

#[test]
fn every_fault_has_its_message() {
    let lpm = |address_bits, capacity| StateKind::Lpm { address_bits, capacity };
    let maglev = |table_size, capacity| StateKind::Maglev { table_size, capacity };
    for (kind, key, value, part) in [
        (map(0, None), &[8][..], &[][..], "its capacity must be at least 1"),
        (map(1, Some(0)), &[8], &[], "forget every entry at once"),
        (map(1, None), &[65], &[], "leaf of 65 bits"),
        (map(1, None), &[8], &[0], "leaf of 0 bits"),
        (map(u32::MAX, None), &[8], &[], "the limit for one object is"),
        (StateKind::Array { len: 0 }, &[], &[8], "its length"),
        (StateKind::Array { len: 1 }, &[8], &[8], "no key but its index"),
        (StateKind::Array { len: 1 }, &[], &[], "has values"),
        (StateKind::Array { len: u32::MAX }, &[], &[128], "would reserve 68.7 GB"),
        (StateKind::Counter { len: 1 }, &[], &[8], "no key and no value"),
        (StateKind::Pool { size: 0, expire: None }, &[], &[], "its size"),
        (StateKind::Pool { size: 1, expire: Some(Nanos::ZERO) }, &[], &[], "forget every"),
        (StateKind::Pool { size: 1, expire: None }, &[8], &[], "no key and no value"),
        (lpm(64, 1), &[64], &[], "knows 32 and 128"),
        (lpm(32, 1), &[16, 16], &[], "one address"),
        (lpm(32, 0), &[32], &[], "its capacity"),
        (bucket(2, 1, 1), &[], &[], "capacity 1"),
        (bucket(1, 0, 1), &[], &[], "the rate of a bucket"),
        (bucket(1, 1, 0), &[], &[], "the burst of a bucket"),
        (bucket(1, 1, 1), &[], &[8], "no value but its level"),
        (maglev(65_536, 1), &[8], &[], "65536 slots, which is not prime; take 65537"),
        (maglev(1, 1), &[8], &[], "take 2"),
        (maglev(u32::MAX, 1), &[8], &[], "take 4294967291"),
        (maglev(7, 8), &[8], &[], "8 members but its lookup table only 7"),
        (maglev(7, 7), &[], &[8], "members of a Maglev table are its keys"),
    ] {
        let text = message(kind.clone(), key, value);
        assert!(text.starts_with("`seen`") && text.contains(part), "{kind:?}: {text}");
    }
}
