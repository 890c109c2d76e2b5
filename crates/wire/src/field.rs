//! Reading and overwriting the bits of a field.

use crate::checksum;
use crate::header::FieldDef;
use crate::parse::chunk;

/// The field's value, in a header that starts at `at`; bytes beyond the frame read as zero.
#[inline]
pub(crate) fn load(frame: &[u8], at: usize, def: &FieldDef) -> u128 {
    let from = at + usize::from(def.bit / 8);
    match (def.bit % 8, def.width) {
        (0, 8) => frame.get(from).map_or(0, |b| u128::from(*b)),
        (0, 16) => chunk(frame, from).map_or(0, |b| u16::from_be_bytes(*b).into()),
        (0, 32) => chunk(frame, from).map_or(0, |b| u32::from_be_bytes(*b).into()),
        (0, 128) => chunk(frame, from).map_or(0, |b| u128::from_be_bytes(*b)),
        _ => {
            let (to, shift) = extent(at, def);
            let bytes = frame.get(from..to).unwrap_or_default();
            load_bytes(bytes) >> shift & mask(def.width)
        }
    }
}

/// Up to 16 bytes as a big-endian number.
#[inline]
pub(crate) fn load_bytes(bytes: &[u8]) -> u128 {
    bytes.iter().fold(0, |value, byte| value << 8 | u128::from(*byte))
}

/// One past the field's last byte, and the bits that follow the field in that byte.
fn extent(at: usize, def: &FieldDef) -> (usize, u32) {
    let end = u32::from(def.bit) + u32::from(def.width);
    (at + end.div_ceil(8) as usize, end.next_multiple_of(8) - end)
}

/// Ones in the lowest `width` bits.
const fn mask(width: u8) -> u128 {
    if width >= 128 { u128::MAX } else { (1 << width) - 1 }
}

/// Overwrites a field of one, two or four whole bytes, and tells what that adds to the sum of
/// words counted from the header's start (0 if nothing changed). None, and nothing done, for other
/// fields.
#[inline]
pub(crate) fn replace_whole(
    frame: &mut [u8],
    at: usize,
    def: &FieldDef,
    value: u32,
) -> Option<u16> {
    let target = frame.get_mut(at + usize::from(def.bit / 8)..)?;
    let (old, new) = match (def.width, def.bit % 16) {
        (8, half @ (0 | 8)) => {
            let target = target.first_mut()?;
            let old = std::mem::replace(target, value as u8);
            let shift = 8 - half;
            (u16::from(old) << shift, u16::from(value as u8) << shift)
        }
        (16, 0) => {
            let target = target.first_chunk_mut()?;
            let old = std::mem::replace(target, (value as u16).to_be_bytes());
            (u16::from_be_bytes(old), value as u16)
        }
        (32, 0) => {
            let target = target.first_chunk_mut()?;
            let old = u32::from_be_bytes(std::mem::replace(target, value.to_be_bytes()));
            if old == value {
                return Some(0);
            }
            (checksum::sum_u32(old), checksum::sum_u32(value))
        }
        _ => return None,
    };
    Some(if old == new { 0 } else { checksum::difference(old, new) })
}

/// A write of up to 16 bytes that has not been made yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Write {
    /// First byte in the frame.
    pub(crate) from: usize,
    /// One past the last byte.
    pub(crate) to: usize,
    /// What is there, big endian.
    old: u128,
    /// What comes.
    new: u128,
}

impl Write {
    /// The bytes of a field, its neighbours' bits kept, in a header that starts at `at`.
    #[inline]
    pub(crate) fn of_field(frame: &[u8], at: usize, def: &FieldDef, value: u128) -> Self {
        let from = at + usize::from(def.bit / 8);
        if def.bit.is_multiple_of(8) && matches!(def.width, 8 | 16 | 32 | 128) {
            let to = from + usize::from(def.width / 8);
            return Self { from, to, old: load(frame, at, def), new: value & mask(def.width) };
        }
        let (to, shift) = extent(at, def);
        let old = load_bytes(frame.get(from..to).unwrap_or_default());
        let bits = mask(def.width) << shift;
        Self { from, to, old, new: old & !bits | value << shift & bits }
    }

    /// The bytes `from..to`, at most 16 of them.
    pub(crate) fn of_bytes(frame: &[u8], from: usize, to: usize, value: u128) -> Self {
        let old = load_bytes(frame.get(from..to).unwrap_or_default());
        let width = ((to - from) * 8) as u8;
        Self { from, to, old, new: value & mask(width) }
    }

    /// True if the bytes are there already.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        self.old == self.new
    }

    /// Makes the write.
    #[inline]
    pub(crate) fn make(&self, frame: &mut [u8]) {
        let Some(target) = frame.get_mut(self.from..self.to) else { return };
        match target.len() {
            1 => target[0] = self.new as u8,
            2 => target.copy_from_slice(&(self.new as u16).to_be_bytes()),
            4 => target.copy_from_slice(&(self.new as u32).to_be_bytes()),
            len => target.copy_from_slice(&self.new.to_be_bytes()[16 - len..]),
        }
    }

    /// What to add to the sum of covered words that start at `origin` when the write is made; the
    /// write must not reach over 15 bytes at an odd place.
    #[inline]
    pub(crate) fn difference(&self, origin: usize) -> u16 {
        // An odd end leaves the last byte in the upper half of its word.
        let shift = if (self.to - origin) % 2 == 1 { 8 } else { 0 };
        let sum = |value: u128| match u32::try_from(value) {
            Ok(value) if shift == 0 => checksum::sum_u32(value),
            _ => checksum::sum_u128(value << shift),
        };
        checksum::difference(sum(self.old), sum(self.new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::HEADERS;
    use trama_base::Rng;

    #[test]
    fn fields_are_independent_and_hold_what_was_written() {
        let mut rng = Rng::new(1);
        for header in HEADERS {
            let mut frame = vec![0; 64 + 7];
            rng.fill(&mut frame);
            for field in header.fields {
                let before = frame.clone();
                let value = u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64());
                Write::of_field(&frame, 7, field, value).make(&mut frame);
                let kept = value & mask(field.width);
                assert_eq!(load(&frame, 7, field), kept, "{} {}", header.name, field.name);
                let old = load(&before, 7, field);
                Write::of_field(&frame, 7, field, old).make(&mut frame);
                assert_eq!(frame, before, "neighbours of {} {}", header.name, field.name);
            }
        }
    }

    #[test]
    fn whole_fields_are_replaced_as_any_field_is_written() {
        let mut rng = Rng::new(3);
        let fields = HEADERS.iter().flat_map(|header| header.fields);
        let mut whole = 0;
        for field in fields.cycle().take(5_000) {
            let mut frame = [0; 64];
            rng.fill(&mut frame);
            let mut other = frame;
            let old = load(&frame, 6, field);
            let value = if rng.one_in(4) { old as u32 } else { rng.next_u64() as u32 };
            let Some(difference) = replace_whole(&mut frame, 6, field, value) else { continue };
            let write = Write::of_field(&other, 6, field, value.into());
            write.make(&mut other);
            assert_eq!(frame, other, "{}", field.name);
            let expected = if write.is_idle() { 0 } else { write.difference(6) };
            assert_eq!(difference % 0xffff, expected % 0xffff, "{}", field.name);
            whole += 1;
        }
        assert!(whole > 1_000, "{whole}");
    }

    #[test]
    fn differences_follow_the_parity_of_the_place() {
        let mut rng = Rng::new(2);
        for from in 0..24 {
            for len in [1, 2, 3, 4, 6, 8] {
                let mut frame = [0; 40];
                rng.fill(&mut frame);
                let before = checksum::sum(&frame);
                let write = Write::of_bytes(&frame, from, from + len, rng.next_u64().into());
                write.make(&mut frame);
                let after = checksum::add(before, write.difference(0));
                assert_eq!(after % 0xffff, checksum::sum(&frame) % 0xffff, "{len} at {from}");
            }
        }
    }
}
