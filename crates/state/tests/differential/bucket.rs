//! Token buckets, single and keyed, slow and fast, up to the ends of the numbers.

use super::*;
use trama_state::ops::BucketOps;

fn bucket(capacity: u32, rate_per_s: u64, burst: u64, key_bytes: usize) -> StateSpec {
    spec(StateKind::Bucket { capacity, rate_per_s, burst }, key_bytes, 0)
}

fn compare(left: &StateSpec, right: &StateSpec, step_ns: u64, rng: &mut Rng) -> Outcome {
    let (mut model, mut mem) = pair(left, right, rng.next_u64());
    let StateKind::Bucket { burst, .. } = left.kind else { unreachable!("it is a bucket") };
    let mut now = Nanos(rng.below(1000));
    for _ in 0..400 {
        if rng.one_in(2) {
            now += Nanos(rng.below(step_ns));
        }
        let mut key = vec![0; left.key.bytes()];
        Rng::new(rng.below(12)).fill(&mut key);
        let amount = match rng.below(16) {
            0 => burst,
            1 => burst.saturating_add(1),
            _ => rng.below(burst / 2 + 2),
        };
        let (buckets, backend) = (model.as_bucket_mut().unwrap(), mem.as_bucket_mut().unwrap());
        let taken = (buckets.take(&key, amount, now), backend.take(&key, amount, now));
        agree(("take", &key, amount, now), taken.0, taken.1)?;
        agree("len", buckets.len(), backend.len())?;
        if rng.one_in(16) {
            agree_inside(&mut model, &mut mem, now)?;
        }
    }
    agree_inside(&mut model, &mut mem, now)
}

const S: u64 = 1_000_000_000;

#[test]
fn every_bucket_agrees() {
    for (rate_per_s, burst, step_ns) in [
        (1, 1, 2 * S),
        (3, 7, S),
        (1_000_000, 1500, 500_000),
        (S, 100, 60),
        (7 * S + 3, 100, 30),
        (u64::MAX, u64::MAX, 2),
        (1, u64::MAX, u64::MAX / 300),
        (u64::MAX, 1, u64::MAX / 300),
    ] {
        for (capacity, key_bytes) in [(1, 0), (1, 4), (4, 4), (10, 13), (64, 16)] {
            let spec = bucket(capacity, rate_per_s, burst, key_bytes);
            holds(|rng| compare(&spec, &spec, step_ns, rng));
        }
    }
}

#[test]
fn a_wrong_bucket_is_noticed() {
    let right = bucket(4, 3, 7, 4);
    for wrong in [bucket(5, 3, 7, 4), bucket(4, 4, 7, 4), bucket(4, 3, 8, 4)] {
        parts(|rng| compare(&right, &wrong, S, rng));
    }
}
