//! Memory in whole cache lines, zero and untouched until used.

/// Bytes of a cache line.
pub(super) const LINE_BYTES: usize = 64;

const LINE_WORDS: usize = LINE_BYTES / 8;

/// Words that start at a line. Zeroed words are what the allocator provides without touching
/// them, which it does not do for types of a greater alignment: so one line more is reserved, and
/// the first words up to a line stay unused.
#[derive(Debug)]
pub(super) struct Lines {
    words: Vec<u64>,
    /// Where the first line starts.
    first: usize,
}

impl Lines {
    pub(super) fn new(count: u64) -> Self {
        let words = vec![0_u64; (count as usize + 1) * LINE_WORDS];
        let first = words.as_ptr().align_offset(LINE_BYTES).min(LINE_WORDS);
        Self { words, first }
    }

    /// Bytes that so many lines reserve.
    pub(super) fn bytes(count: u64) -> u64 {
        count.saturating_add(1).saturating_mul(LINE_BYTES as u64)
    }

    pub(super) fn reserved_bytes(&self) -> u64 {
        self.words.capacity() as u64 * 8
    }

    #[inline]
    pub(super) fn line(&self, number: u64) -> &[u64; LINE_WORDS] {
        let at = self.first + number as usize * LINE_WORDS;
        self.words[at..at + LINE_WORDS].try_into().expect("a line has so many words")
    }

    #[inline]
    pub(super) fn line_mut(&mut self, number: u64) -> &mut [u64; LINE_WORDS] {
        let at = self.first + number as usize * LINE_WORDS;
        (&mut self.words[at..at + LINE_WORDS]).try_into().expect("a line has so many words")
    }
}
