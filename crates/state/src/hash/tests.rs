use super::*;

/// The definition, word by word as the module's documentation has it.
fn by_definition(seed: u64, bytes: &[u8]) -> u64 {
    let n = bytes.len();
    let le = |part: &[u8]| part.iter().rev().fold(0_u64, |all, &byte| all << 8 | u64::from(byte));
    let (s0, s1) = (seed ^ C0, mix(seed ^ C1, C2));
    let mut acc = s1;
    let mut at = 0;
    while n - at > 16 {
        acc = mix(le(&bytes[at..at + 8]) ^ s0, le(&bytes[at + 8..at + 16]) ^ acc);
        at += 16;
    }
    let (a, b) = match n {
        0 => (0, 0),
        1..=3 => (le(&[bytes[0], bytes[n / 2], bytes[n - 1]]), 0),
        4..=7 => (le(&bytes[..4]), le(&bytes[n - 4..])),
        8..=15 => (le(&bytes[..8]), le(&bytes[n - 8..])),
        _ => (le(&bytes[n - 16..n - 8]), le(&bytes[n - 8..])),
    };
    mix(mix(a ^ s0, b ^ acc) ^ C3, n as u64 ^ C2)
}

/// `n` bytes 0, 1, 2, …
fn counted(n: usize) -> Vec<u8> {
    (0..n).map(|i| i as u8).collect()
}

#[test]
fn the_code_is_the_definition() {
    for n in 0..100 {
        for seed in [0, 1, u64::MAX, 0x1234_5678_9abc_def0] {
            assert_eq!(seeded(seed, &counted(n)), by_definition(seed, &counted(n)), "{n} bytes");
        }
    }
}

#[test]
fn the_stable_hash_never_changes() {
    // Computed from the definition by a program in another language.
    let pinned = [
        (0, 0xbc69_b07a_9105_1bc4),
        (1, 0x1e1f_f279_79d8_0d7c),
        (2, 0xb84d_334e_b3a0_715c),
        (3, 0x3369_2232_8031_46e4),
        (4, 0xfc32_a519_422a_7738),
        (7, 0x8752_e4f8_ef23_3897),
        (8, 0xedfe_8ec7_7b8b_6c6f),
        (13, 0xa3c2_b033_a642_7a38),
        (15, 0xd20f_1c6b_c33c_8e17),
        (16, 0x3e5d_f92c_cecc_0677),
        (17, 0xb01e_1d48_569f_a808),
        (32, 0x5fc5_d6d0_4bcb_bdce),
        (33, 0x6b1c_d1ba_788b_7b0b),
        (37, 0xaf47_2418_cc0b_e2e0),
        (100, 0xdd5a_860f_80a0_eb0e),
    ];
    for (n, hash) in pinned {
        assert_eq!(stable(&counted(n)), hash, "{n} bytes: {:#018x}", stable(&counted(n)));
    }
}

/// The worst bias of any output bit over flips of any input bit, in thousandths.
fn bias(hash: impl Fn(&[u8]) -> u64, len: usize) -> u64 {
    let rounds = 2000;
    let mut rng = trama_base::Rng::new(5);
    let mut worst = 0;
    for bit in 0..len * 8 {
        let mut flips = [0_u64; 64];
        for _ in 0..rounds {
            let mut bytes = vec![0; len];
            rng.fill(&mut bytes);
            let before = hash(&bytes);
            bytes[bit / 8] ^= 1 << (bit % 8);
            let differ = before ^ hash(&bytes);
            for (output, count) in flips.iter_mut().enumerate() {
                *count += differ >> output & 1;
            }
        }
        for count in flips {
            worst = worst.max(count.abs_diff(rounds / 2) * 1000 / rounds);
        }
    }
    worst
}

#[test]
fn every_input_bit_flips_every_output_bit_half_of_the_time() {
    for len in [3, 4, 6, 8, 13, 16, 37] {
        let worst = bias(stable, len);
        assert!(worst < 60, "{len} bytes: bias of {worst} thousandths");
    }
    // Negative control: one multiplication without folding leaves low bits alone.
    let weak = |bytes: &[u8]| word(bytes, 0).wrapping_mul(C2);
    assert!(bias(weak, 8) > 400);
}

#[test]
fn counting_keys_spread_over_buckets() {
    for shift in [0, 32, 48] {
        let mut load = vec![0_u32; 1 << 12];
        for key in 0..1_u32 << 16 {
            load[(stable(&key.to_le_bytes()) >> shift) as usize % (1 << 12)] += 1;
        }
        let most = load.iter().max().unwrap();
        // Sixteen on average; a bucket has forty with a probability of about 3e-7.
        assert!(*most < 40, "{most} of 16 in one bucket, from bit {shift}");
    }
}

/// Keys that differ in one bit fall to different halves of a table about every second time: in
/// each bit of the hash that homes and tags are taken from.
#[test]
fn each_bit_of_a_key_stirs_the_quick_hash() {
    for n in [1, 2, 3, 4, 6, 8, 13, 16, 17, 32, 37, 64] {
        let mut rng = trama_base::Rng::new(n as u64);
        for bit in 0..8 * n {
            let mut flips = [0_u32; 64];
            for _ in 0..256 {
                let hasher = Hasher::new(rng.next_u64());
                let mut key = vec![0; n];
                rng.fill(&mut key);
                let before = hasher.quick(&key);
                key[bit / 8] ^= 1 << (bit % 8);
                let stirred = before ^ hasher.quick(&key);
                for (at, flips) in flips.iter_mut().enumerate() {
                    *flips += (stirred >> at & 1) as u32;
                }
            }
            assert!(flips.iter().all(|flips| (64..192).contains(flips)), "{n} bytes, bit {bit}");
        }
    }
}
