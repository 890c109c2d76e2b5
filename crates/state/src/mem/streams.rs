//! Stream buffers.
//!
//! A stream is an entry of a hash table: a header, a bit for each place of the window, and the
//! window, whose places are used in turn. The bits tell which bytes wait behind a gap; those that
//! are available need none. A segment that comes in order is copied as a whole; another byte by
//! byte, once.

use super::Map;
use crate::ops::{Entry, MapOps, ObjectOps, StreamsOps};
use crate::{StateKind, StateSpec, StateStats};
use trama_base::Nanos;

/// Words of four bytes: is it open, start, place of the start, bytes available, bytes waiting.
const HEADER_BYTES: usize = 20;

/// Streams in a hash table.
#[derive(Debug)]
pub struct Streams {
    map: Map,
    window_bytes: usize,
    refused: u64,
}

/// A stream where it lies.
struct Stream<'a> {
    head: Head,
    header: &'a mut [u8],
    bits: &'a mut [u8],
    window: &'a mut [u8],
}

/// What a stream's first bytes say.
#[derive(Clone, Copy, Default)]
struct Head {
    is_open: u32,
    start: u32,
    place: u32,
    available: u32,
    waiting: u32,
}

impl Streams {
    /// The buffers of a valid specification of that kind.
    pub(super) fn new(spec: &StateSpec, seed: u64) -> Self {
        let StateKind::Streams { window_bytes, .. } = spec.kind else {
            unreachable!("stream buffers were asked for")
        };
        let map = Map::new(&spec.lifetime_map(value_bytes(window_bytes)), seed);
        Self { map, window_bytes: window_bytes as usize, refused: 0 }
    }

    pub(super) fn bytes(spec: &StateSpec, window_bytes: u32) -> u64 {
        Map::bytes(&spec.lifetime_map(value_bytes(window_bytes)))
    }

    /// Bytes that it has reserved.
    pub fn reserved_bytes(&self) -> u64 {
        self.map.reserved_bytes()
    }

    fn head(&mut self, key: &[u8], now: Nanos) -> Option<Head> {
        self.map.get(key, now).map(Head::read)
    }

    /// The stream of a key, made if there is none: then it is not open.
    fn write(&mut self, key: &[u8], now: Nanos) -> Option<Stream<'_>> {
        let bits_bytes = self.window_bytes.div_ceil(8);
        let entry = self.map.entry(key, now)?;
        let (header, rest) = entry.split_at_mut(HEADER_BYTES);
        let (bits, window) = rest.split_at_mut(bits_bytes);
        let window = &mut window[..self.window_bytes];
        Some(Stream { head: Head::read(header), header, bits, window })
    }
}

fn value_bytes(window_bytes: u32) -> usize {
    HEADER_BYTES + (window_bytes as usize).div_ceil(8) + window_bytes as usize
}

impl Head {
    fn read(bytes: &[u8]) -> Self {
        let words = bytes.as_chunks().0;
        let word = |index: usize| u32::from_le_bytes(words[index]);
        let [is_open, start, place, available, waiting] = std::array::from_fn(word);
        Self { is_open, start, place, available, waiting }
    }

    fn write(self, bytes: &mut [u8]) {
        let Self { is_open, start, place, available, waiting } = self;
        let words = [is_open, start, place, available, waiting].map(u32::to_le_bytes);
        bytes.copy_from_slice(words.as_flattened());
    }
}

impl Stream<'_> {
    fn close(self) {
        self.head.write(self.header);
    }

    fn open(&mut self, start: u32) {
        if self.head.waiting > 0 {
            self.bits.fill(0);
        }
        self.head = Head { is_open: 1, start, ..Head::default() };
    }

    /// The place of the byte at a distance from the start below the window.
    fn place(&self, distance: usize) -> usize {
        let place = self.head.place as usize + distance;
        if place < self.window.len() { place } else { place - self.window.len() }
    }

    fn is_waiting(&self, place: usize) -> bool {
        self.bits[place / 8] >> (place % 8) & 1 == 1
    }

    fn flip(&mut self, place: usize) {
        self.bits[place / 8] ^= 1 << (place % 8);
    }

    /// Takes the bytes in that fall to the window. False if some lie beyond.
    fn insert(&mut self, offset: u32, bytes: &[u8]) -> bool {
        let distance = i64::from(offset.wrapping_sub(self.head.start) as i32);
        let window = self.window.len() as i64;
        let end = distance + bytes.len() as i64;
        let fits = bytes.is_empty() || end <= window;
        // Those before `from` were consumed or are there.
        let from = distance.max(i64::from(self.head.available));
        let to = end.min(window);
        if from < to {
            let bytes = &bytes[(from - distance) as usize..(to - distance) as usize];
            self.fill(from as usize, bytes);
        }
        fits
    }

    /// Takes bytes in at a distance from the start, not before the available ones.
    fn fill(&mut self, from: usize, bytes: &[u8]) {
        if from == self.head.available as usize && self.head.waiting == 0 {
            let at = self.place(from);
            let whole = bytes.len().min(self.window.len() - at);
            self.window[at..at + whole].copy_from_slice(&bytes[..whole]);
            self.window[..bytes.len() - whole].copy_from_slice(&bytes[whole..]);
            self.head.available += bytes.len() as u32;
            return;
        }
        for (distance, &byte) in (from..).zip(bytes) {
            let place = self.place(distance);
            if !self.is_waiting(place) {
                self.window[place] = byte;
                self.flip(place);
                self.head.waiting += 1;
            }
        }
        self.join();
    }

    /// Makes available what waited for a gap that is no more.
    fn join(&mut self) {
        while self.head.waiting > 0 {
            let place = self.place(self.head.available as usize);
            if !self.is_waiting(place) {
                return;
            }
            self.flip(place);
            self.head.waiting -= 1;
            self.head.available += 1;
        }
    }

    fn advance(&mut self, distance: u32) {
        let window = self.window.len();
        let passed = (distance as usize).min(window);
        for ahead in self.head.available as usize..passed {
            let place = self.place(ahead);
            if self.head.waiting > 0 && self.is_waiting(place) {
                self.flip(place);
                self.head.waiting -= 1;
            }
        }
        self.head.start = self.head.start.wrapping_add(distance);
        self.head.place = ((self.head.place as usize + distance as usize) % window) as u32;
        self.head.available = self.head.available.saturating_sub(distance);
        self.join();
    }
}

impl StreamsOps for Streams {
    fn open(&mut self, key: &[u8], offset: u32, now: Nanos) -> bool {
        let Some(mut stream) = self.write(key, now) else { return false };
        stream.open(offset);
        stream.close();
        true
    }

    fn insert(&mut self, key: &[u8], offset: u32, bytes: &[u8], now: Nanos) -> bool {
        let Some(mut stream) = self.write(key, now) else { return false };
        if stream.head.is_open == 0 {
            stream.open(offset);
        }
        let fits = stream.insert(offset, bytes);
        stream.close();
        self.refused += u64::from(!fits);
        fits
    }

    fn available(&mut self, key: &[u8], now: Nanos) -> u32 {
        self.head(key, now).map_or(0, |head| head.available)
    }

    fn waiting(&mut self, key: &[u8], now: Nanos) -> u32 {
        self.head(key, now).map_or(0, |head| head.waiting)
    }

    fn offset(&mut self, key: &[u8], now: Nanos) -> Option<u32> {
        self.head(key, now).map(|head| head.start)
    }

    fn read(&mut self, key: &[u8], at: u32, size: u8, now: Nanos) -> u64 {
        let (window, bits_bytes) = (self.window_bytes, self.window_bytes.div_ceil(8));
        let Some(entry) = self.map.get(key, now) else { return 0 };
        let head = Head::read(entry);
        let end = u64::from(at) + u64::from(size);
        if !(1..=8).contains(&size) || end > u64::from(head.available) {
            return 0;
        }
        let bytes = &entry[HEADER_BYTES + bits_bytes..];
        let first = head.place as usize + at as usize;
        (first..first + usize::from(size)).fold(0, |all, at| {
            all << 8 | u64::from(bytes[if at < window { at } else { at - window }])
        })
    }

    fn advance(&mut self, key: &[u8], distance: u32, now: Nanos) -> bool {
        if !self.map.touch(key, now) {
            return false;
        }
        if let Some(mut stream) = self.write(key, now) {
            stream.advance(distance & 0x7fff_ffff);
            stream.close();
        }
        true
    }

    fn touch(&mut self, key: &[u8], now: Nanos) -> bool {
        self.map.touch(key, now)
    }

    fn remove(&mut self, key: &[u8], now: Nanos) -> bool {
        self.map.remove(key, now)
    }

    fn clear(&mut self, now: Nanos) {
        self.map.clear(now);
    }

    fn len(&mut self, now: Nanos) -> u64 {
        self.map.len(now)
    }
}

impl ObjectOps for Streams {
    fn stats(&mut self, now: Nanos) -> StateStats {
        let stats = self.map.stats(now);
        StateStats { refused: stats.refused + self.refused, ..stats }
    }

    fn entries(&mut self, now: Nanos) -> Vec<Entry> {
        let shown = |(key, value): Entry| {
            let head = Head::read(&value);
            let words = [head.start, head.available, head.waiting].map(u32::to_le_bytes);
            (key, words.concat())
        };
        self.map.entries(now).into_iter().map(shown).collect()
    }
}
