//! The model of stream buffers.

use super::keyed::Keyed;
use crate::ops::{Entry, ObjectOps, StreamsOps};
use crate::{StateKind, StateSpec, StateStats};
use std::collections::BTreeMap;
use trama_base::Nanos;

/// The streams: for each the offset of its start, and its bytes by their distance from there.
#[derive(Clone, Debug)]
pub struct Streams {
    window_bytes: u32,
    streams: Keyed<Stream>,
}

#[derive(Clone, Debug)]
struct Stream {
    start: u32,
    bytes: BTreeMap<u32, u8>,
}

impl Streams {
    /// The buffers of a valid specification of that kind.
    pub(super) fn new(spec: &StateSpec) -> Self {
        let StateKind::Streams { window_bytes, .. } = spec.kind else {
            unreachable!("stream buffers were asked for")
        };
        Self { window_bytes, streams: Keyed::new(spec) }
    }
}

impl Stream {
    fn at(start: u32) -> Self {
        Self { start, bytes: BTreeMap::new() }
    }

    fn available(&self) -> u32 {
        (0..).zip(self.bytes.keys()).take_while(|(place, key)| place == *key).count() as u32
    }
}

impl StreamsOps for Streams {
    fn open(&mut self, key: &[u8], offset: u32, now: Nanos) -> bool {
        let stream = self.streams.write(key, now, || Stream::at(offset));
        stream.map(|stream| *stream = Stream::at(offset)).is_some()
    }

    fn insert(&mut self, key: &[u8], offset: u32, bytes: &[u8], now: Nanos) -> bool {
        let window = i64::from(self.window_bytes);
        let Some(stream) = self.streams.write(key, now, || Stream::at(offset)) else {
            return false;
        };
        let mut fits = true;
        for (place, &byte) in (0_i64..).zip(bytes) {
            // The distance of the segment as a signed number of 32 bits.
            let distance = i64::from(offset.wrapping_sub(stream.start) as i32) + place;
            fits &= distance < window;
            if (0..window).contains(&distance) {
                stream.bytes.entry(distance as u32).or_insert(byte);
            }
        }
        self.streams.refused += u64::from(!fits);
        fits
    }

    fn available(&mut self, key: &[u8], now: Nanos) -> u32 {
        self.streams.get(key, now).map_or(0, |stream| stream.available())
    }

    fn waiting(&mut self, key: &[u8], now: Nanos) -> u32 {
        self.streams.get(key, now).map_or(0, |s| s.bytes.len() as u32 - s.available())
    }

    fn offset(&mut self, key: &[u8], now: Nanos) -> Option<u32> {
        self.streams.get(key, now).map(|stream| stream.start)
    }

    fn read(&mut self, key: &[u8], at: u32, size: u8, now: Nanos) -> u64 {
        let Some(stream) = self.streams.get(key, now) else { return 0 };
        let end = u64::from(at) + u64::from(size);
        if !(1..=8).contains(&size) || end > u64::from(stream.available()) {
            return 0;
        }
        stream.bytes.range(at..end as u32).fold(0, |all, (_, byte)| all << 8 | u64::from(*byte))
    }

    fn advance(&mut self, key: &[u8], distance: u32, now: Nanos) -> bool {
        if !self.streams.touch(key, now) {
            return false;
        }
        let distance = distance & 0x7fff_ffff;
        if let Some(stream) = self.streams.get(key, now) {
            stream.start = stream.start.wrapping_add(distance);
            let ahead = stream.bytes.split_off(&distance);
            stream.bytes =
                ahead.into_iter().map(|(place, byte)| (place - distance, byte)).collect();
        }
        true
    }

    fn touch(&mut self, key: &[u8], now: Nanos) -> bool {
        self.streams.touch(key, now)
    }

    fn remove(&mut self, key: &[u8], now: Nanos) -> bool {
        self.streams.remove(key, now)
    }

    fn clear(&mut self, now: Nanos) {
        self.streams.clear(now);
    }

    fn len(&mut self, now: Nanos) -> u64 {
        self.streams.stats(now).len
    }
}

impl ObjectOps for Streams {
    fn stats(&mut self, now: Nanos) -> StateStats {
        self.streams.stats(now)
    }

    fn entries(&mut self, now: Nanos) -> Vec<Entry> {
        let packed = |(key, stream): (&Vec<u8>, &Stream)| {
            let available = stream.available();
            let waiting = stream.bytes.len() as u32 - available;
            let value = [stream.start, available, waiting].map(u32::to_le_bytes).concat();
            (key.clone(), value)
        };
        self.streams.all(now).map(packed).collect()
    }
}
