//! Maglev tables of a few sizes, with weights near and far apart.

use super::*;
use trama_state::ops::MaglevOps;

fn maglev(table_size: u32, capacity: u32, member_bytes: usize) -> StateSpec {
    spec(StateKind::Maglev { table_size, capacity }, member_bytes, 0)
}

fn compare(left: &StateSpec, right: &StateSpec, rng: &mut Rng) -> Outcome {
    let (mut model, mut mem) = pair(left, right, rng.next_u64());
    for _ in 0..80 {
        let mut member = vec![0; left.key.bytes()];
        Rng::new(rng.below(9)).fill(&mut member);
        let weight = match rng.below(8) {
            0 | 1 => 0,
            2 => rng.next_u64() as u32,
            3 => u32::MAX,
            _ => 1 + rng.below(4) as u32,
        };
        let (table, backend) = (model.as_maglev_mut().unwrap(), mem.as_maglev_mut().unwrap());
        let set = (table.set(&member, weight), backend.set(&member, weight));
        agree(("set", &member, weight), set.0, set.1)?;
        for _ in 0..rng.below(20) {
            let hash = rng.next_u64();
            agree(("pick", hash), table.pick(hash), backend.pick(hash))?;
        }
        agree("len", table.len(), backend.len())?;
        agree_inside(&mut model, &mut mem, Nanos::ZERO)?;
    }
    Ok(())
}

#[test]
fn every_table_agrees() {
    for (table_size, capacity, member_bytes) in
        [(2, 1, 4), (2, 2, 4), (7, 7, 5), (13, 4, 0), (251, 6, 16), (251, 40, 6)]
    {
        let spec = maglev(table_size, capacity, member_bytes);
        holds(|rng| compare(&spec, &spec, rng));
    }
}

#[test]
fn a_wrong_table_is_noticed() {
    for wrong in [maglev(257, 6, 4), maglev(251, 5, 4)] {
        parts(|rng| compare(&maglev(251, 6, 4), &wrong, rng));
    }
}

/// Slots of each of `weights.len()` members, set in an order drawn from `rng`.
fn shares(rng: &mut Rng, table_size: u32, weights: &[u32]) -> Vec<u32> {
    let spec = maglev(table_size, 100, 4);
    let mut object = mem::Object::new(&spec, rng.next_u64()).unwrap();
    let table = object.as_maglev_mut().unwrap();
    let mut left: Vec<u32> = (0..weights.len() as u32).collect();
    while !left.is_empty() {
        let number = left.swap_remove(rng.below(left.len() as u64) as usize);
        assert!(table.set(&number.to_le_bytes(), weights[number as usize]));
    }
    let mut member = |slot| table.pick(slot).map(|m| u32::from_le_bytes(m.try_into().unwrap()));
    (0..table_size.into()).map(|slot| member(slot).unwrap()).collect()
}

#[test]
fn the_order_of_arrival_does_not_matter() {
    let weights = [3, 1, 4, 1, 5, 9, 2, 6];
    let first = shares(&mut Rng::new(1), 509, &weights);
    assert_eq!(first, shares(&mut Rng::new(2), 509, &weights));
    assert_ne!(first, shares(&mut Rng::new(2), 509, &[3, 1, 4, 1, 5, 9, 2, 7]));
}

#[test]
fn slots_follow_the_weights_and_mostly_stay() {
    let size = 65_537;
    let before = shares(&mut Rng::new(1), size, &[10, 20, 30, 40]);
    for (number, percent) in [(0, 10), (1, 20), (2, 30), (3, 40)] {
        let count = before.iter().filter(|&&member| member == number).count();
        let expected = size as usize * percent / 100;
        assert!(count.abs_diff(expected) <= 4, "{count} slots of {expected} for {number}");
    }
    let after = shares(&mut Rng::new(1), size, &[10, 20, 30, 40, 10]);
    let moved = before.iter().zip(&after).filter(|(a, b)| a != b && **b != 4).count();
    // The new member must take a tenth; the paper tolerates a few percent of collateral moves.
    assert!(moved < size as usize / 10, "{moved} slots changed between old members");
}
