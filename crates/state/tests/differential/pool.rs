//! Index pools with and without expiry.

use super::*;
use trama_state::ops::PoolOps;

fn pool(size: u32, expire: Option<u64>) -> StateSpec {
    spec(StateKind::Pool { size, expire: expire.map(Nanos) }, 0, 0)
}

fn step(
    model: &mut impl PoolOps,
    mem: &mut impl PoolOps,
    rng: &mut Rng,
    now: Nanos,
    size: u64,
) -> Outcome {
    let index = if rng.one_in(50) { rng.next_u64() } else { rng.below(size + 1) };
    match rng.below(8) {
        0..3 => agree("alloc", model.alloc(now), mem.alloc(now)),
        3 => agree(("take", index), model.take(index, now), mem.take(index, now)),
        4 => agree(("touch", index), model.touch(index, now), mem.touch(index, now)),
        5 => agree(("free", index), model.free(index, now), mem.free(index, now)),
        6 => agree(("used", index), model.used(index, now), mem.used(index, now)),
        _ => agree("len", model.len(now), mem.len(now)),
    }
}

fn compare(left: &StateSpec, right: &StateSpec, rng: &mut Rng) -> Outcome {
    let (mut model, mut mem) = pair(left, right, rng.next_u64());
    let StateKind::Pool { size, .. } = left.kind else { unreachable!("it is a pool") };
    let mut now = Nanos(rng.below(1000));
    for _ in 0..400 {
        tick(rng, &mut now);
        let (model_pool, mem_pool) = (model.as_pool_mut().unwrap(), mem.as_pool_mut().unwrap());
        step(model_pool, mem_pool, rng, now, size.into())?;
        if rng.one_in(16) {
            agree_inside(&mut model, &mut mem, now)?;
        }
    }
    agree_inside(&mut model, &mut mem, now)
}

#[test]
fn every_pool_agrees() {
    for size in [1, 2, 5, 64, 65, 130] {
        for expire in [None, Some(1), Some(9), Some(100)] {
            let spec = pool(size, expire);
            holds(|rng| compare(&spec, &spec, rng));
        }
    }
}

#[test]
fn a_wrong_pool_is_noticed() {
    for wrong in [pool(6, Some(9)), pool(5, Some(10)), pool(5, None)] {
        parts(|rng| compare(&pool(5, Some(9)), &wrong, rng));
    }
}

/// Indices in use that are touched within epochs and beyond, and that expire in order.
#[test]
fn every_epoch_agrees() {
    for expire in [127, 5_000, 1 << 30] {
        let spec = pool(40, Some(expire));
        holds(|rng| {
            let (mut model, mut mem) = pair(&spec, &spec, 0);
            let mut now = Nanos(rng.below(expire));
            for _ in 0..600 {
                now += Nanos(match rng.below(12) {
                    0..6 => 0,
                    6..9 => rng.below(expire / 40 + 2),
                    9 | 10 => expire / 64,
                    _ => rng.below(expire + 2),
                });
                let (left, right) = (model.as_pool_mut().unwrap(), mem.as_pool_mut().unwrap());
                let index = rng.below(40);
                match rng.below(8) {
                    0..5 => agree("touch", left.touch(index, now), right.touch(index, now))?,
                    // Which index is free longest tells the order in which they expired.
                    _ => agree("alloc", left.alloc(now), right.alloc(now))?,
                }
                if rng.one_in(16) {
                    agree_inside(&mut model, &mut mem, now)?;
                }
            }
            agree_inside(&mut model, &mut mem, now)?;
            has_not_grown(&spec, &mem)
        });
    }
}
