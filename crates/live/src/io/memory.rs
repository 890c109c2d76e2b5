//! A capture held in memory and looped, so that a measurement has no file in it.

use super::capture::CaptureSource;
use super::{Counters, IoError, Received, Source, Timing};
use crate::signal::StopFlag;
use std::os::fd::RawFd;
use trama_base::Nanos;
use trama_wire::{Packet, Pool};

/// Most bytes of frames that are held.
pub const BYTES_MAX: u64 = 4 << 30;

/// Gives the frames of a capture from memory.
///
/// Nothing is allocated per packet. In each further round the times go on where the round before
/// ended, with the distances of the capture.
#[derive(Debug)]
pub struct MemorySource {
    bytes: Vec<u8>,
    frames: Vec<Frame>,
    next: usize,
    /// What this round adds to the times of the capture.
    shift: Nanos,
    /// From the first frame of a round to the first of the next, for a part of a capture.
    whole_period: Option<Nanos>,
    counters: Counters,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    start: usize,
    len: u32,
    time: Nanos,
}

impl MemorySource {
    /// Reads the whole capture at `path`.
    pub fn open(path: &str, interface: Option<&str>, stop: &StopFlag) -> Result<Self, IoError> {
        let mut capture = CaptureSource::open(path, interface, stop)?;
        let mut source = Self {
            bytes: Vec::new(),
            frames: Vec::new(),
            next: 0,
            shift: Nanos::ZERO,
            whole_period: None,
            counters: Counters::default(),
        };
        let (mut batch, mut pool) = (Vec::new(), Pool::default());
        while capture.receive(256, &mut batch, &mut pool)? != Received::End {
            for packet in batch.drain(..) {
                source.push(packet.bytes(), packet.time);
                pool.give(packet);
            }
            if source.bytes.len() as u64 > BYTES_MAX {
                return Err(IoError::TooLarge { path: path.into(), limit_bytes: BYTES_MAX });
            }
        }
        Ok(source)
    }

    /// Holds these frames; their times must not decrease.
    pub fn of_frames<'a>(frames: impl IntoIterator<Item = (Nanos, &'a [u8])>) -> Self {
        let mut source = Self {
            bytes: Vec::new(),
            frames: Vec::new(),
            next: 0,
            shift: Nanos::ZERO,
            whole_period: None,
            counters: Counters::default(),
        };
        for (time, frame) in frames {
            source.push(frame, time);
        }
        source
    }

    fn push(&mut self, frame: &[u8], time: Nanos) {
        let len = u32::try_from(frame.len()).expect("a captured frame is below 16 MiB");
        self.frames.push(Frame { start: self.bytes.len(), len, time });
        self.bytes.extend_from_slice(frame);
    }

    /// How many frames it holds.
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// The time of the first frame.
    pub fn first(&self) -> Option<Nanos> {
        self.frames.first().map(|frame| frame.time)
    }

    /// Those of its frames that are wanted, with the times at which they stand in the whole, in
    /// every round.
    pub fn part(&self, mut wanted: impl FnMut(&mut Packet) -> bool) -> Self {
        let mut part = Self::of_frames([]);
        part.whole_period = Some(self.period());
        let mut packet = Packet::default();
        for frame in &self.frames {
            let bytes = &self.bytes[frame.start..frame.start + frame.len as usize];
            packet.refill(bytes);
            if wanted(&mut packet) {
                part.push(bytes, frame.time);
            }
        }
        part
    }

    /// From the first frame of a round to the first of the next: the length of the capture and
    /// the mean distance of its frames.
    fn period(&self) -> Nanos {
        if let Some(period) = self.whole_period {
            return period;
        }
        let (Some(first), Some(last)) = (self.frames.first(), self.frames.last()) else {
            return Nanos::ZERO;
        };
        let length = last.time - first.time;
        let gaps = (self.frames.len() as u64 - 1).max(1);
        length + Nanos((length.0 / gaps).max(1_000))
    }
}

impl Source for MemorySource {
    fn receive(
        &mut self,
        max: usize,
        out: &mut Vec<Box<Packet>>,
        pool: &mut Pool,
    ) -> Result<Received, IoError> {
        let rest = &self.frames[self.next..];
        let count = rest.len().min(max);
        if count == 0 {
            return Ok(Received::End);
        }
        for frame in &rest[..count] {
            let mut packet = pool.take();
            let bytes = &self.bytes[frame.start..frame.start + frame.len as usize];
            packet.refill(bytes);
            packet.time = frame.time + self.shift;
            self.counters.add(bytes.len());
            out.push(packet);
        }
        self.next += count;
        Ok(Received::Some(count))
    }

    fn fds(&self) -> &[RawFd] {
        &[]
    }

    fn timing(&self) -> Timing {
        Timing::Recorded
    }

    fn counters(&mut self) -> Counters {
        self.counters
    }

    fn rewind(&mut self) -> bool {
        if self.frames.is_empty() {
            return false;
        }
        self.next = 0;
        self.shift += self.period();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_continue_in_time() {
        let frames = [(Nanos(100), &[0u8; 60][..]), (Nanos(5_100), &[1; 70])];
        let mut source = MemorySource::of_frames(frames);
        let (mut out, mut pool) = (Vec::new(), Pool::default());
        for _ in 0..2 {
            assert_eq!(source.receive(8, &mut out, &mut pool).ok(), Some(Received::Some(2)));
            assert_eq!(source.receive(8, &mut out, &mut pool).ok(), Some(Received::End));
            assert!(source.rewind());
        }
        let times: Vec<u64> = out.iter().map(|packet| packet.time.0).collect();
        assert_eq!(times, [100, 5_100, 10_100, 15_100]);
        assert_eq!((source.counters().frames, source.counters().bytes), (4, 260));
        assert!(!MemorySource::of_frames([]).rewind());
    }
}
