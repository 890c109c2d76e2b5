//! Byte strings of bounded length: names, slices of a payload, labels.
//!
//! A program's IR has scalars only, so a byte string travels as *leaves*: its length (16 bits),
//! then its bytes in words of 128 bits, the first byte lowest, with zeros behind the last one. Two
//! byte strings are equal if their leaves are.

use std::fmt;

/// Most bytes of a byte string.
pub const LEN_MAX: usize = 255;

/// Bytes in one word.
const WORD: usize = 16;

/// At most [`LEN_MAX`] bytes, without allocation.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ByteString {
    len: u8,
    /// Zero behind `len`.
    bytes: [u8; LEN_MAX + 1],
}

/// Number of leaves of a byte string of at most `max` bytes.
pub const fn leaf_count(max: u8) -> usize {
    1 + (max as usize).div_ceil(WORD)
}

impl Default for ByteString {
    fn default() -> Self {
        Self { len: 0, bytes: [0; LEN_MAX + 1] }
    }
}

impl ByteString {
    /// The bytes, of which those beyond [`LEN_MAX`] are cut off.
    pub fn new(bytes: &[u8]) -> Self {
        let mut out = Self::default();
        out.extend(bytes);
        out
    }

    /// Appends bytes; false if not all of them had room.
    pub fn extend(&mut self, more: &[u8]) -> bool {
        let at = usize::from(self.len);
        let taken = more.len().min(LEN_MAX - at);
        self.bytes[at..at + taken].copy_from_slice(&more[..taken]);
        self.len = (at + taken) as u8;
        taken == more.len()
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// The byte string that leaves stand for. A length beyond the words is cut to them, and what
    /// stands behind the length is ignored.
    pub fn from_leaves(leaves: &[u128]) -> Self {
        let Some((len, words)) = leaves.split_first() else { return Self::default() };
        let mut bytes = [0; LEN_MAX + 1];
        for (to, word) in bytes.chunks_exact_mut(WORD).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        let room = (words.len() * WORD).min(LEN_MAX);
        let len = usize::try_from(*len).map_or(room, |len| len.min(room));
        bytes[len..].fill(0);
        Self { len: len as u8, bytes }
    }

    /// Writes the leaves of the byte string, cut to `max` bytes; there are [`leaf_count`] of them.
    pub fn write_leaves(&self, max: u8, out: &mut [u128]) {
        let cut = Self::new(&self.as_slice()[..usize::from(self.len.min(max))]);
        let Some((len, words)) = out.split_first_mut() else { return };
        *len = cut.len.into();
        for (word, bytes) in words.iter_mut().zip(cut.bytes.as_chunks().0) {
            *word = u128::from_le_bytes(*bytes);
        }
    }

    /// The leaves of the byte string, cut to `max` bytes.
    pub fn leaves(&self, max: u8) -> Vec<u128> {
        let mut out = vec![0; leaf_count(max)];
        self.write_leaves(max, &mut out);
        out
    }
}

impl fmt::Display for ByteString {
    /// Text where all of it is printable ASCII, else hexadecimal digits after `0x`; `""` for
    /// nothing. A name that came over the wire can therefore not disturb a terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.as_slice();
        if bytes.is_empty() {
            return f.write_str("\"\"");
        }
        if bytes.iter().all(|byte| matches!(byte, b' '..=b'~')) {
            return bytes.iter().try_for_each(|byte| write!(f, "{}", char::from(*byte)));
        }
        f.write_str("0x")?;
        bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ByteString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_hold_what_was_written() {
        let text: Vec<u8> = (0..=255).collect();
        for len in [0, 1, 15, 16, 17, 254, 255, 256] {
            let bytes = ByteString::new(&text[..len]);
            assert_eq!(bytes.as_slice(), &text[..len.min(LEN_MAX)]);
            for max in [1, 15, 16, 17, 255] {
                let leaves = bytes.leaves(max);
                assert_eq!(leaves.len(), leaf_count(max));
                let kept = len.min(max.into());
                assert_eq!(ByteString::from_leaves(&leaves).as_slice(), &text[..kept], "{len}");
            }
        }
        assert_eq!(ByteString::new(b"ab").leaves(20), [2, 0x6261, 0]);
    }

    #[test]
    fn strange_leaves_are_bounded() {
        let long = ByteString::from_leaves(&[u128::MAX, 0x6261]);
        assert_eq!(long.as_slice().len(), 16);
        assert_eq!(ByteString::from_leaves(&[1, 0x6261]), ByteString::new(b"a"));
        assert_eq!(ByteString::from_leaves(&[5]), ByteString::default());
        assert_eq!(ByteString::from_leaves(&[]), ByteString::default());
    }

    #[test]
    fn only_harmless_text_prints_as_text() {
        assert_eq!(ByteString::new(b"www.example.com").to_string(), "www.example.com");
        assert_eq!(ByteString::new(b"\x1b[2J").to_string(), "0x1b5b324a");
        assert_eq!(ByteString::default().to_string(), "\"\"");
    }
}
