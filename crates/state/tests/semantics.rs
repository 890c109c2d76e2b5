//! What the models define, as examples with numbers that can be checked by hand.

use trama_base::Nanos;
use trama_state::model::Object;
use trama_state::ops::{ArrayOps, BucketOps, CounterOps, LpmOps, MaglevOps, MapOps, PoolOps};
use trama_state::{Shape, StateKind, StateSpec, WhenFull};

const S: u64 = 1_000_000_000;

fn object(kind: StateKind, key: &[u8], value: &[u8]) -> Object {
    let name = "example".to_owned();
    let spec = StateSpec { name, kind, key: Shape(key.to_vec()), value: Shape(value.to_vec()) };
    Object::new(&spec, 0).expect("the example is valid")
}

#[test]
fn an_entry_is_gone_when_its_time_is_over_and_not_a_nanosecond_before() {
    let kind = StateKind::Map { capacity: 1, expire: Some(Nanos(10)), when_full: WhenFull::Refuse };
    let mut object = object(kind, &[8], &[8]);
    let map = object.as_map_mut().unwrap();
    assert!(map.put(&[1], &[7], Nanos(100)));
    assert_eq!(map.get(&[1], Nanos(109)), Some(&[7][..]));
    assert!(!map.put(&[2], &[8], Nanos(109)), "there is no room yet");
    assert!(map.put(&[2], &[8], Nanos(110)), "now there is");
    assert_eq!(map.get(&[1], Nanos(110)), None);
    assert_eq!(map.entry(&[2], Nanos(115)), Some(&mut [8][..]));
    assert!(map.touch(&[2], Nanos(124)) && !map.touch(&[2], Nanos(134)));
    let stats = object.stats(Nanos(134));
    assert_eq!((stats.len, stats.peak, stats.inserted), (0, 1, 2));
    assert_eq!((stats.expired, stats.evicted, stats.refused), (2, 0, 1));
}

#[test]
fn the_entry_written_longest_ago_makes_room() {
    let kind = StateKind::Map { capacity: 2, expire: None, when_full: WhenFull::EvictOldest };
    let mut object = object(kind, &[8], &[]);
    let map = object.as_map_mut().unwrap();
    assert!(map.put(&[1], &[], Nanos(0)) && map.put(&[2], &[], Nanos(0)));
    assert!(map.touch(&[1], Nanos(0)), "at the same time, yet after the other");
    assert!(map.put(&[3], &[], Nanos(0)));
    assert_eq!(object.entries(Nanos(0)), [(vec![1], vec![]), (vec![3], vec![])]);
    assert_eq!(object.stats(Nanos(0)).evicted, 1);
}

#[test]
fn a_pool_gives_what_has_been_free_longest() {
    let mut object = object(StateKind::Pool { size: 3, expire: Some(Nanos(10)) }, &[], &[]);
    let pool = object.as_pool_mut().unwrap();
    assert_eq!([0, 1, 2].map(|now| pool.alloc(Nanos(now))), [Some(0), Some(1), Some(2)]);
    assert_eq!(pool.alloc(Nanos(3)), None);
    assert!(pool.touch(0, Nanos(4)));
    assert!(pool.free(2, Nanos(5)) && !pool.free(2, Nanos(5)));
    // Index 1 expires at 11, index 0 at 14; index 2 has been free since 5.
    assert_eq!([20, 20, 20].map(|now| pool.alloc(Nanos(now))), [Some(2), Some(1), Some(0)]);
    assert!(!pool.take(3, Nanos(20)) && !pool.take(0, Nanos(20)));
    let stats = object.stats(Nanos(20));
    assert_eq!((stats.len, stats.inserted, stats.expired, stats.refused), (3, 6, 2, 3));
}

#[test]
fn a_bucket_counts_to_the_nanosecond() {
    let kind = StateKind::Bucket { capacity: 1, rate_per_s: 3, burst: 6 };
    let mut object = object(kind, &[], &[]);
    let bucket = object.as_bucket_mut().unwrap();
    assert!(!bucket.take(&[], 7, Nanos(0)), "more than it ever holds");
    assert!(bucket.take(&[], 6, Nanos(0)), "it starts full");
    // A token takes a third of a second, rounded up to a nanosecond.
    assert!(!bucket.take(&[], 1, Nanos(333_333_333)));
    assert!(bucket.take(&[], 1, Nanos(333_333_334)));
    assert!(bucket.take(&[], 2, Nanos(S)), "the rounding is not lost");
    assert!(!bucket.take(&[], 1, Nanos(S)));
    assert!(bucket.take(&[], 6, Nanos(9 * S)) && !bucket.take(&[], 1, Nanos(9 * S)));
}

#[test]
fn a_full_bucket_makes_room_for_another_key() {
    let kind = StateKind::Bucket { capacity: 2, rate_per_s: 1, burst: 2 };
    let mut object = object(kind, &[8], &[]);
    let buckets = object.as_bucket_mut().unwrap();
    assert!(buckets.take(&[1], 2, Nanos(0)) && buckets.take(&[2], 1, Nanos(0)));
    assert!(!buckets.take(&[3], 1, Nanos(S - 1)), "neither is full");
    assert!(buckets.take(&[3], 1, Nanos(S)), "the second is");
    let tokens = |n: u64| n.to_le_bytes().to_vec();
    assert_eq!(object.entries(Nanos(S)), [(vec![1], tokens(1)), (vec![3], tokens(1))]);
}

#[test]
fn indices_out_of_range_read_nothing_and_are_refused() {
    let mut array = object(StateKind::Array { len: 2 }, &[], &[16]);
    let values = array.as_array_mut().unwrap();
    values.entry(1).unwrap()[0] = 5;
    assert_eq!((values.get(0), values.get(2)), (Some(&[0, 0][..]), None));
    assert_eq!(values.entry(u64::MAX), None);
    assert_eq!(array.entries(Nanos(0)), [(1_u64.to_le_bytes().to_vec(), vec![5, 0])]);
    assert_eq!(array.stats(Nanos(0)).refused, 1);
    let mut counter = object(StateKind::Counter { len: 2 }, &[], &[]);
    let pairs = counter.as_counter_mut().unwrap();
    assert!(pairs.add(1, 60) && pairs.add(1, u64::MAX) && !pairs.add(2, 1));
    assert_eq!((pairs.get(1), pairs.get(2)), (Some((2, 59)), None));
}

#[test]
fn the_longest_prefix_decides() {
    let kind = StateKind::Lpm { address_bits: 32, capacity: 3 };
    let mut object = object(kind, &[32], &[8]);
    let table = object.as_lpm_mut().unwrap();
    assert!(table.put(0x0a01_02ff, 8, &[8]) && table.put(0x0a01_0200, 24, &[24]));
    assert!(table.put(0, 0, &[0]) && !table.put(1, 32, &[32]) && !table.put(1, 33, &[33]));
    let get = |address| table.get(address).map(|value| value[0]);
    assert_eq!([0x0a01_0205, 0x0a01_0305, 0x0b01_0205].map(get), [Some(24), Some(8), Some(0)]);
    // The packed address is little endian.
    assert_eq!(object.entries(Nanos(0))[1], (vec![0, 0, 0, 10, 8], vec![8]));
    assert_eq!(object.stats(Nanos(0)).refused, 2);
}

#[test]
fn equal_members_share_a_maglev_table_equally() {
    let kind = StateKind::Maglev { table_size: 13, capacity: 3 };
    let mut object = object(kind, &[8], &[]);
    let table = object.as_maglev_mut().unwrap();
    assert_eq!(table.pick(5), None);
    assert!([1, 2, 3].iter().all(|&member| table.set(&[member], 1)) && !table.set(&[4], 1));
    let mut slots = [0; 4];
    for hash in 13..26 {
        let member = table.pick(hash).expect("there are members").to_vec();
        assert_eq!(table.pick(hash - 13), Some(&member[..]));
        slots[usize::from(member[0])] += 1;
    }
    assert_eq!(slots, [0, 5, 4, 4], "the first in order takes the odd slot");
    assert!(table.set(&[1], 0) && table.set(&[9], 0));
    assert_eq!(table.len(), 2);
}
