//! The hash of the language, fixed forever, and its seeded form for tables.
//!
//! With `mix(a, b)` the exclusive or of the low and the high 64 bits of the wide product `a * b`,
//! all words little endian, and the constants
//!
//! ```text
//! C0 = 0x243f6a8885a308d3   C1 = 0x13198a2e03707344      (the first 256 bits of the fraction
//! C2 = 0xa4093822299f31d1   C3 = 0x082efa98ec4e6c89       of pi; C2 has its lowest bit set)
//! ```
//!
//! the hash of `n` bytes under a seed is:
//!
//! ```text
//! s0  = seed ^ C0
//! s1  = mix(seed ^ C1, C2)
//! acc = s1
//! while more than 16 bytes remain: take 16 as words w0, w1;  acc = mix(w0 ^ s0, w1 ^ acc)
//! a, b from the last 16 bytes of the input; if it has fewer:
//!     8 ..= 15:  a = the first 8 bytes,  b = the last 8 bytes (they overlap)
//!     4 ..= 7:   a = the first 4 bytes,  b = the last 4 bytes (they overlap)
//!     1 ..= 3:   a = first byte | byte at n / 2 << 8 | last byte << 16,  b = 0
//!     0:         a = b = 0
//! h   = mix(a ^ s0, b ^ acc)
//! hash = mix(h ^ C3, n ^ C2)
//! ```
//!
//! The construction (folded multiplication) is that of wyhash and foldhash; the function is our own
//! and is not meant to stand against an adversary who can observe hashes. Tables use a secret
//! seed, so that traffic cannot be made to collide without observing them.

const C0: u64 = 0x243f_6a88_85a3_08d3;
const C1: u64 = 0x1319_8a2e_0370_7344;
const C2: u64 = 0xa409_3822_299f_31d1;
const C3: u64 = 0x082e_fa98_ec4e_6c89;

/// The hash that programs see: [`seeded`] with seed 0. The same bytes hash to the same number in
/// every version, on every machine.
pub fn stable(bytes: &[u8]) -> u64 {
    seeded(0, bytes)
}

/// The hash of `bytes` under a seed; the module's documentation defines it.
#[inline]
pub fn seeded(seed: u64, bytes: &[u8]) -> u64 {
    Hasher::new(seed).hash(bytes)
}

/// One of `cells` cells for a hash, for each row another: what sketches and Bloom filters spread
/// their keys by. `mix(hash ^ (row + 1) * C1, C2)`, scaled down to the number of cells.
#[inline]
pub fn spread(hash: u64, row: u32, cells: u64) -> u64 {
    let mixed = mix(hash ^ C1.wrapping_mul(u64::from(row) + 1), C2);
    ((u128::from(mixed) * u128::from(cells)) >> 64) as u64
}

/// A seed made ready to hash many keys.
#[derive(Clone, Copy, Debug)]
pub struct Hasher {
    s0: u64,
    s1: u64,
}

impl Hasher {
    /// Prepares a seed.
    pub const fn new(seed: u64) -> Self {
        Self { s0: seed ^ C0, s1: mix(seed ^ C1, C2) }
    }

    /// The words that [`quick`](Self::quick) mixes keys with, for generated code.
    pub const fn seeds(&self) -> [u64; 2] {
        [self.s0, self.s1]
    }

    /// The same as [`seeded`] with this seed.
    #[inline]
    pub fn hash(&self, bytes: &[u8]) -> u64 {
        let n = bytes.len();
        let mut acc = self.s1;
        let (a, b) = if n >= 16 {
            let mut rest = bytes;
            while rest.len() > 16 {
                acc = mix(word(rest, 0) ^ self.s0, word(rest, 8) ^ acc);
                rest = &rest[16..];
            }
            (word(bytes, n - 16), word(bytes, n - 8))
        } else if n >= 8 {
            (word(bytes, 0), word(bytes, n - 8))
        } else if n >= 4 {
            (half_word(bytes, 0), half_word(bytes, n - 4))
        } else if n > 0 {
            let byte = |at: usize| u64::from(bytes[at]);
            (byte(0) | byte(n / 2) << 8 | byte(n - 1) << 16, 0)
        } else {
            (0, 0)
        };
        let h = mix(a ^ self.s0, b ^ acc);
        mix(h ^ C3, n as u64 ^ C2)
    }

    /// A hash for tables whose keys have all the same length: one multiplication for each 16 bytes,
    /// and one more. Unlike [`hash`](Self::hash) it may change with the version.
    ///
    /// The last multiplication, `mix(h ^ LAST[0], LAST[1])`, is needed: keys in a row, such as the
    /// addresses of a network, make an arithmetic progression of the first product, which for one
    /// seed in some hundred falls to few places.
    #[inline]
    pub fn quick(&self, key: &[u8]) -> u64 {
        mix(self.fold(key) ^ Self::LAST[0], Self::LAST[1])
    }

    /// What the last step of [`quick`](Self::quick) mixes with, for generated code.
    pub const LAST: [u64; 2] = [C3, C2];

    #[inline]
    fn fold(&self, key: &[u8]) -> u64 {
        let n = key.len();
        if (8..=16).contains(&n) {
            return mix(word(key, 0) ^ self.s0, word(key, n - 8) ^ self.s1);
        }
        if (4..=7).contains(&n) {
            let both = half_word(key, 0) | half_word(key, n - 4) << 32;
            return mix(both ^ self.s0, self.s1);
        }
        self.fold_general(key)
    }

    /// As [`fold`](Self::fold), of keys of less than 4 bytes or more than 16.
    fn fold_general(&self, key: &[u8]) -> u64 {
        let n = key.len();
        match n {
            0 => self.s1,
            1..=3 => {
                let byte = |at: usize| u64::from(key[at]);
                let all = byte(0) | byte(n / 2) << 8 | byte(n - 1) << 16;
                mix(all ^ self.s0, self.s1)
            }
            _ => {
                let (pairs, _) = key.as_chunks::<16>();
                let fold = |acc, pair: &[u8; 16]| mix(word(pair, 0) ^ self.s0, word(pair, 8) ^ acc);
                let acc = pairs.iter().fold(self.s1, fold);
                mix(word(key, n - 16) ^ self.s0, word(key, n - 8) ^ acc)
            }
        }
    }
}

/// Folds the 128-bit product of two words.
const fn mix(a: u64, b: u64) -> u64 {
    let product = (a as u128) * (b as u128);
    (product as u64) ^ ((product >> 64) as u64)
}

/// Eight bytes from `at`, little endian.
#[inline]
fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("the slice has eight bytes"))
}

/// Four bytes from `at`, little endian.
#[inline]
fn half_word(bytes: &[u8], at: usize) -> u64 {
    let half: [u8; 4] = bytes[at..at + 4].try_into().expect("the slice has four bytes");
    u64::from(u32::from_le_bytes(half))
}

#[cfg(test)]
mod tests;
