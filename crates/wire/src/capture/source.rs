//! A buffered reader that hands out whole units of a length the caller names.

use std::io::{ErrorKind, Read, Result};
use std::ops::Range;

/// Bytes asked for at a time.
const CHUNK: usize = 64 << 10;

/// Buffered input. Memory grows with the bytes that arrive, not with the lengths that a file
/// claims.
#[derive(Debug)]
pub(crate) struct Source<R> {
    reader: R,
    buffer: Vec<u8>,
    /// The bytes read and not yet taken.
    ready: Range<usize>,
}

impl<R: Read> Source<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, buffer: Vec::new(), ready: 0..0 }
    }

    /// The next `len` bytes, or fewer if the input ends before; they stay until taken.
    pub(crate) fn peek(&mut self, len: usize) -> Result<&[u8]> {
        while self.ready.len() < len {
            if !self.read_more(len)? {
                break;
            }
        }
        let len = len.min(self.ready.len());
        Ok(&self.buffer[self.ready.start..self.ready.start + len])
    }

    /// Takes bytes that [`Source::peek`] has returned; they stay readable by [`Source::taken`]
    /// until the next `peek`.
    pub(crate) fn take(&mut self, len: usize) -> Range<usize> {
        let from = self.ready.start;
        self.ready.start = (from + len).min(self.ready.end);
        from..self.ready.start
    }

    /// Bytes taken last.
    pub(crate) fn taken(&self, range: Range<usize>) -> &[u8] {
        &self.buffer[range]
    }

    /// Reads once, with room for `len` bytes if so many arrive. False at the end of the input.
    fn read_more(&mut self, len: usize) -> Result<bool> {
        if self.ready.start > 0 {
            self.buffer.copy_within(self.ready.clone(), 0);
            self.ready = 0..self.ready.len();
        }
        let missing = len - self.ready.len();
        let room = self.ready.end + missing.clamp(CHUNK / 2, CHUNK);
        if self.buffer.len() < room {
            self.buffer.resize(room, 0);
        }
        loop {
            match self.reader.read(&mut self.buffer[self.ready.end..]) {
                Ok(0) => return Ok(false),
                Ok(n) => {
                    self.ready.end += n;
                    return Ok(true);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}
