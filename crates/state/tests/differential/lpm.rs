//! Prefix tables of both widths, with prefixes that nest and that share nodes.

use super::*;
use trama_state::ops::{LpmOps, ObjectOps};

fn lpm(address_bits: u8, capacity: u32) -> StateSpec {
    let kind = StateKind::Lpm { address_bits, capacity };
    StateSpec { key: Shape(vec![address_bits]), ..spec(kind, 0, 4) }
}

/// An address near one of three, so that prefixes of all lengths nest and part.
fn address(rng: &mut Rng, bits: u8) -> u128 {
    let base = [0x2001_0db8_0000_0000_dead_beef_0a01_0203, 0, u128::MAX][rng.below(3) as usize];
    let flip = match rng.below(3) {
        0 => 0,
        1 => 1 << rng.below(bits.into()),
        _ => u128::from(rng.next_u64()) & 0xff << rng.below(bits.into()),
    };
    base ^ flip
}

fn step(model: &mut impl LpmOps, mem: &mut impl LpmOps, rng: &mut Rng, bits: u8) -> Outcome {
    let address = address(rng, bits);
    let len = if rng.one_in(20) { bits + rng.below(4) as u8 } else { rng.below(bits.into()) as u8 };
    let value = (rng.next_u64() as u32).to_le_bytes();
    match rng.below(8) {
        0..3 => {
            let at = ("put", address, len);
            agree(at, model.put(address, len, &value), mem.put(address, len, &value))
        }
        3 | 4 => {
            agree(("remove", address, len), model.remove(address, len), mem.remove(address, len))
        }
        5 => agree("len", model.len(), mem.len()),
        _ => agree(("get", address), model.get(address), mem.get(address)),
    }
}

fn compare(left: &StateSpec, right: &StateSpec, rng: &mut Rng) -> Outcome {
    let (mut model, mut mem) = pair(left, right, rng.next_u64());
    let StateKind::Lpm { address_bits, .. } = left.kind else { unreachable!("it is a table") };
    for _ in 0..300 {
        step(model.as_lpm_mut().unwrap(), mem.as_lpm_mut().unwrap(), rng, address_bits)?;
        if rng.one_in(32) {
            agree_inside(&mut model, &mut mem, Nanos::ZERO)?;
        }
    }
    // Nothing may be left of prefixes that were removed, nor any node be lost.
    let (model_table, mem_table) = (model.as_lpm_mut().unwrap(), mem.as_lpm_mut().unwrap());
    for (key, _) in model_table.entries(Nanos::ZERO) {
        let (len, bytes) = key.split_last().expect("the length is there");
        let mut wide = [0; 16];
        wide[..bytes.len()].copy_from_slice(bytes);
        let address = u128::from_le_bytes(wide);
        agree("clear", model_table.remove(address, *len), mem_table.remove(address, *len))?;
        agree("get", model_table.get(address), mem_table.get(address))?;
    }
    for _ in 0..100 {
        step(model_table, mem_table, rng, address_bits)?;
    }
    agree_inside(&mut model, &mut mem, Nanos::ZERO)
}

#[test]
fn every_table_agrees() {
    for capacity in [1, 3, 20, 200, 5000] {
        for bits in [32, 128] {
            let spec = lpm(bits, capacity);
            for seed in 0..60 {
                compare(&spec, &spec, &mut Rng::new(seed)).unwrap();
            }
        }
    }
}

#[test]
fn the_longest_prefix_wins_at_every_length() {
    for bits in [32_u8, 128] {
        let mut object = mem::Object::new(&lpm(bits, 200), 1).unwrap();
        let table = object.as_lpm_mut().unwrap();
        for len in (0..=bits).rev() {
            assert!(table.put(u128::MAX, len, &[len, 0, 0, 0]));
        }
        for len in 0..=bits {
            // Equal in the first `len` bits and no further.
            let address = if len == bits { u128::MAX } else { !(1 << (bits - 1 - len)) };
            assert_eq!(table.get(address), Some(&[len, 0, 0, 0][..]));
        }
    }
}

#[test]
fn a_wrong_table_is_noticed() {
    parts(|rng| compare(&lpm(32, 3), &lpm(32, 4), rng));
    parts(|rng| compare(&lpm(32, 20), &lpm(128, 20), rng));
}
