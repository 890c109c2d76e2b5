//! Memory in whole cache lines, zero and untouched until used.

/// Bytes of a cache line.
pub(super) const LINE_BYTES: usize = 64;

/// Words of four bytes in a cache line.
pub(super) const LINE_WORDS: usize = LINE_BYTES / 4;

/// Words that start at a line. Zeroed words are what the allocator provides without touching
/// them, which it does not do for types of a greater alignment: so one line more is reserved, and
/// the first words up to a line stay unused.
#[derive(Debug)]
pub(super) struct Lines {
    words: Vec<u32>,
    /// Where the first line starts.
    first: u8,
}

impl Lines {
    pub(super) fn new(count: u32) -> Self {
        let words = vec![0_u32; (count as usize + 1) * LINE_WORDS];
        let first = words.as_ptr().align_offset(LINE_BYTES).min(LINE_WORDS) as u8;
        Self { words, first }
    }

    /// Bytes that so many lines reserve.
    pub(super) fn bytes(count: u32) -> u64 {
        (u64::from(count) + 1) * LINE_BYTES as u64
    }

    pub(super) fn reserved_bytes(&self) -> u64 {
        self.words.capacity() as u64 * 4
    }

    #[inline]
    pub(super) fn line(&self, number: u32) -> &[u32; LINE_WORDS] {
        let at = usize::from(self.first) + number as usize * LINE_WORDS;
        self.words[at..at + LINE_WORDS].try_into().expect("a line has so many words")
    }

    #[inline]
    pub(super) fn line_mut(&mut self, number: u32) -> &mut [u32; LINE_WORDS] {
        let at = usize::from(self.first) + number as usize * LINE_WORDS;
        (&mut self.words[at..at + LINE_WORDS]).try_into().expect("a line has so many words")
    }
}
