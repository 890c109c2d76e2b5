//! Bytes read as choices.

/// A sequence of choices; when the bytes are used up, every choice is the first one.
pub struct Choices<'a> {
    bytes: &'a [u8],
}

impl<'a> Choices<'a> {
    /// Reads these bytes from the front.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// True when there is nothing left to choose by.
    pub fn is_done(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Any byte.
    pub fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        first
    }

    /// A number of `len` bytes, at most 16.
    pub fn number(&mut self, len: usize) -> u128 {
        (0..len).fold(0, |number, _| number << 8 | u128::from(self.byte()))
    }

    /// A number below `n`, which is at most 256 and not 0.
    pub fn below(&mut self, n: usize) -> usize {
        usize::from(self.byte()) % n
    }

    /// One of some things.
    pub fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == n - 1
    }

    /// The next bytes, `len` or as many as there are.
    pub fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.bytes.split_at(len.min(self.bytes.len()));
        self.bytes = rest;
        taken
    }
}
