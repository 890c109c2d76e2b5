//! A queue of frames between two processes, in memory that both map.
//!
//! Each side may be wrong about everything that the other can write: indices, lengths, contents.
//! So each keeps its own index to itself and only ever publishes it; it reads the other's index
//! once per look and accepts it if the distance between the two is possible; a length is read once
//! and accepted if it fits into a slot; bytes are copied out before anyone looks at them. A value
//! that cannot be is a [`Fault`], and says that the other side is broken or hostile.

use crate::mapping::Mapping;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use trama_base::Nanos;
use trama_wire::{Packet, Pool};

/// Slots of a queue; a power of two.
pub(super) const SLOTS: u32 = 512;

/// Bytes of a slot: a frame of common size and its description.
const SLOT_BYTES: usize = 2176;

/// Words of a slot's description.
const WORDS: usize = 8;

/// Longest frame that goes through.
pub(super) const FRAME_BYTES_MAX: usize = SLOT_BYTES - 4 * WORDS;

/// Bytes of the indices: two, each on lines of its own, and the bell.
const HEAD_BYTES: usize = 384;
const TAIL_AT: usize = 0;
const HEAD_AT: usize = 128;
const BELL_AT: usize = 256;

/// Bytes of memory that a queue takes.
pub(super) const QUEUE_BYTES: usize = HEAD_BYTES + SLOTS as usize * SLOT_BYTES;

/// What the other side wrote and cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("it claims that {0} of {SLOTS} slots are used")]
    Index(u32),
    #[error("it wrote a frame of {0} bytes into a slot of {FRAME_BYTES_MAX}")]
    Length(u32),
    #[error("it wrote a message of kind {0}")]
    Kind(u32),
    #[error("it answered {0} instead of what it was asked")]
    Answer(u32),
    #[error("it sent to port {0}, which it has not")]
    Port(u32),
    #[error("it wrote what is no record of its stream {0}")]
    Record(u32),
}

/// Where a queue is.
#[derive(Clone, Debug)]
pub(super) struct Place {
    memory: Arc<Mapping>,
    offset: usize,
}

/// What a slot says besides a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) kind: u32,
    pub(super) port: u32,
    pub(super) mark: u32,
    pub(super) time: Nanos,
    pub(super) number: u32,
}

/// The end that writes.
#[derive(Debug)]
pub(super) struct Writer {
    place: Place,
    tail: u32,
}

/// The end that reads.
#[derive(Debug)]
pub(super) struct Reader {
    place: Place,
    head: u32,
}

impl Place {
    /// The queue that begins at an offset of a mapping.
    pub(super) fn new(memory: &Arc<Mapping>, offset: usize) -> Self {
        assert!(offset + QUEUE_BYTES <= memory.len(), "the queue lies inside the mapping");
        Self { memory: Arc::clone(memory), offset }
    }

    /// Makes it empty; nobody else may use it meanwhile.
    pub(super) fn clear(&self) {
        for at in [TAIL_AT, HEAD_AT, BELL_AT] {
            self.word(at).store(0, Ordering::Release);
        }
    }

    fn word(&self, at: usize) -> &AtomicU32 {
        let address = self.memory.at(self.offset + at, 4);
        // SAFETY: inside the mapping, which lives as long as `self`; offsets are multiples of four;
        // both processes access these words by atomic operations only, and one that does not can
        // make the value wrong but not the access.
        unsafe { AtomicU32::from_ptr(address.cast()) }
    }

    fn slot(&self, index: u32) -> usize {
        HEAD_BYTES + (index % SLOTS) as usize * SLOT_BYTES
    }

    /// The word that is rung when something was written, to be waited on.
    pub(super) fn bell(&self) -> &AtomicU32 {
        self.word(BELL_AT)
    }
}

impl Writer {
    pub(super) fn new(place: Place) -> Self {
        Self { place, tail: 0 }
    }

    /// Slots that are free.
    pub(super) fn free(&self) -> Result<u32, Fault> {
        let head = self.place.word(HEAD_AT).load(Ordering::Acquire);
        let used = self.tail.wrapping_sub(head);
        if used > SLOTS { Err(Fault::Index(used)) } else { Ok(SLOTS - used) }
    }

    /// Writes a frame, of at most [`FRAME_BYTES_MAX`] bytes, into a slot that is free.
    pub(super) fn write(&mut self, note: Note, frame: &[u8]) {
        assert!(frame.len() <= FRAME_BYTES_MAX, "the caller has looked at the length");
        let slot = self.place.slot(self.tail);
        let time = note.time.0;
        let words = [
            note.kind,
            frame.len() as u32,
            note.port,
            note.mark,
            time as u32,
            (time >> 32) as u32,
            note.number,
            0,
        ];
        for (at, word) in words.into_iter().enumerate() {
            self.place.word(slot + 4 * at).store(word, Ordering::Relaxed);
        }
        let to = self.place.memory.at(self.place.offset + slot + 4 * WORDS, frame.len());
        // SAFETY: the target is inside the mapping; no reference to it exists on this side, and the
        // other side reads it only after the index below says that it may.
        unsafe { std::ptr::copy_nonoverlapping(frame.as_ptr(), to, frame.len()) };
        self.tail = self.tail.wrapping_add(1);
    }

    /// Lets the other side see what was written, and rings.
    pub(super) fn publish(&self) {
        self.place.word(TAIL_AT).store(self.tail, Ordering::Release);
        self.place.bell().fetch_add(1, Ordering::Release);
    }

    /// Where it is.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }
}

impl Reader {
    pub(super) fn new(place: Place) -> Self {
        Self { place, head: 0 }
    }

    /// Slots that are full.
    pub(super) fn used(&self) -> Result<u32, Fault> {
        let tail = self.place.word(TAIL_AT).load(Ordering::Acquire);
        let used = tail.wrapping_sub(self.head);
        if used > SLOTS { Err(Fault::Index(used)) } else { Ok(used) }
    }

    /// Copies the oldest full slot out: its note, and its frame into `packet`.
    pub(super) fn read(&mut self, packet: &mut Vec<u8>) -> Result<Note, Fault> {
        let slot = self.place.slot(self.head);
        let word = |at: usize| self.place.word(slot + 4 * at).load(Ordering::Relaxed);
        let (kind, len) = (word(0), word(1));
        if len as usize > FRAME_BYTES_MAX {
            return Err(Fault::Length(len));
        }
        let time = Nanos(u64::from(word(4)) | u64::from(word(5)) << 32);
        let note = Note { kind, port: word(2), mark: word(3), time, number: word(6) };
        packet.clear();
        packet.reserve(len as usize);
        let from = self.place.memory.at(self.place.offset + slot + 4 * WORDS, len as usize);
        // SAFETY: the source is inside the mapping and the target has the capacity. The other side
        // should not write there now; if it does, the bytes are arbitrary, which frames may be.
        unsafe {
            std::ptr::copy_nonoverlapping(from, packet.as_mut_ptr(), len as usize);
            packet.set_len(len as usize);
        }
        self.head = self.head.wrapping_add(1);
        Ok(note)
    }

    /// Lets the other side use the slots that were read.
    pub(super) fn publish(&self) {
        self.place.word(HEAD_AT).store(self.head, Ordering::Release);
    }

    /// Where it is.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }
}

/// A packet with these bytes and what the note says.
pub(super) fn packet(note: Note, frame: &[u8], pool: &mut Pool) -> Box<Packet> {
    let mut packet = pool.take();
    packet.refill(frame);
    (packet.time, packet.port, packet.mark) = (note.time, note.port, note.mark);
    packet
}
