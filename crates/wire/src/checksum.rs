//! The Internet checksum: ones' complement sums (RFC 1071) and their incremental update (RFC 1624).
//!
//! A *sum* here is a 16-bit ones' complement sum of big-endian words; the *checksum* stored in a
//! header is its complement. Two sums are equal as ones' complement numbers if they are equal, or
//! if one is `0x0000` and the other `0xffff`.

/// The ones' complement sum of `bytes` as big-endian 16-bit words, the last one padded with zero
/// (RFC 1071, section 1). Taken eight bytes at a time.
pub fn sum(bytes: &[u8]) -> u16 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut total = 0_u64;
    // Sums commute with swapping bytes (RFC 1071, section 2B): add in the machine's order, and
    // swap once at the end.
    for word in words {
        let (next, carry) = total.overflowing_add(u64::from_ne_bytes(*word));
        total = next + u64::from(carry);
    }
    // What is left, in the machine's order too; by halves, which cost less than a copy.
    let mut last = 0_u64;
    let (halves, rest) = rest.as_chunks::<4>();
    for half in halves {
        last += u64::from(u32::from_ne_bytes(*half));
    }
    let (pairs, rest) = rest.as_chunks::<2>();
    for pair in pairs {
        last += u64::from(u16::from_ne_bytes(*pair));
    }
    if let [byte] = rest {
        last += u64::from(u16::from_ne_bytes([*byte, 0]));
    }
    let (next, carry) = total.overflowing_add(last);
    u16::from_be(fold64(next + u64::from(carry)))
}

/// The checksum to store in a header whose covered bytes, the checksum field as zero, have this
/// sum.
pub const fn finish(sum: u16) -> u16 {
    !sum
}

/// The ones' complement sum of two sums.
pub const fn add(a: u16, b: u16) -> u16 {
    let (total, carry) = a.overflowing_add(b);
    total + carry as u16
}

/// What to add to a sum when covered words with the sum `old` are replaced by words with the sum
/// `new`.
pub const fn difference(old: u16, new: u16) -> u16 {
    add(!old, new)
}

/// The stored checksum after the covered sum changed by `difference` (RFC 1624, equation 3).
pub const fn update(checksum: u16, difference: u16) -> u16 {
    !add(!checksum, difference)
}

/// The sum of the eight 16-bit words of `value`.
pub const fn sum_u128(value: u128) -> u16 {
    let (total, carry) = ((value >> 64) as u64).overflowing_add(value as u64);
    fold64(total + carry as u64)
}

/// The sum of the two 16-bit words of `value`.
pub const fn sum_u32(value: u32) -> u16 {
    add((value >> 16) as u16, value as u16)
}

/// True if a sum that includes the stored checksum says that the covered bytes are unharmed.
pub const fn is_whole(sum: u16) -> bool {
    sum == 0xffff || sum == 0
}

const fn fold64(total: u64) -> u16 {
    let total = (total >> 32) + (total & 0xffff_ffff);
    let total = (total >> 16) + (total & 0xffff);
    let total = (total >> 16) + (total & 0xffff);
    ((total >> 16) + (total & 0xffff)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use trama_base::Rng;

    /// RFC 1071, section 1, word by word.
    fn by_definition(bytes: &[u8]) -> u16 {
        let mut total = 0_u32;
        for pair in bytes.chunks(2) {
            total += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
            total = (total & 0xffff) + (total >> 16);
        }
        total as u16
    }

    #[test]
    fn the_example_of_the_rfc() {
        let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(sum(&bytes), 0xddf2);
        assert_eq!(finish(sum(&bytes)), 0x220d);
    }

    #[test]
    fn fast_sum_is_the_defined_one() {
        let mut rng = Rng::new(1);
        for len in 0..200 {
            let mut bytes = vec![0; len];
            rng.fill(&mut bytes);
            assert_eq!(sum(&bytes), by_definition(&bytes), "{len} bytes");
            bytes.fill(0xff);
            assert_eq!(sum(&bytes), by_definition(&bytes), "{len} bytes of ones");
        }
    }

    #[test]
    fn update_is_a_new_computation() {
        let mut rng = Rng::new(2);
        for _ in 0..10_000 {
            let mut bytes = [0_u8; 20];
            rng.fill(&mut bytes);
            bytes[0] = 0x45;
            let before = finish(sum(&bytes));
            let at = 2 * (1 + rng.below(9) as usize);
            let old = sum(&bytes[at..at + 2]);
            // The zeros of ones' complement are where naive updates go wrong.
            let new = *rng.pick(&[0, 0xffff, rng.clone().next_u64() as u16]);
            bytes[at..at + 2].copy_from_slice(&new.to_be_bytes());
            assert_eq!(update(before, difference(old, new)), finish(sum(&bytes)));
        }
    }

    #[test]
    fn wide_words_sum_as_their_halves() {
        let value = 0xfedc_ba98_7654_3210_ffff_ffff_0000_8000_u128;
        assert_eq!(sum_u128(value), sum(&value.to_be_bytes()));
        assert_eq!(sum_u32(0xffff_8001), sum(&[0xff, 0xff, 0x80, 0x01]));
    }
}
