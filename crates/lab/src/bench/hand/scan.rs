//! A detector of port scans by sequential hypothesis testing.

use super::{CHUNK, Counters, Hand, Headers, Verdict};
use super::{bytes, object};
use trama_base::Nanos;
use trama_native::prefetch;
use trama_state::ops::{MapOps as _, RingOps as _};
use trama_state::{StateKind, WhenFull, mem};
use trama_wire::Packet;

const SCAN: usize = 0;
const OTHER: usize = 1;

const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

/// Logarithms of likelihood ratios, in thousandths.
const SUCCESS: i32 = -1386;
const FAILURE: i32 = 1386;
const SCANNER: i32 = 4595;
const BENIGN: i32 = -4595;

const PATIENCE: Nanos = Nanos::from_secs(3);
const PERIOD: Nanos = Nanos::from_secs(1);

/// Source and target as they are packed; the port does not count.
type Contact = [u8; 10];

/// Drops what scanners outside, at port 0, send.
pub(in crate::bench) struct PortScanDetector {
    walks: mem::Map,
    contacts: mem::Map,
    open: mem::Map,
    ends: mem::Ring,
    next_tick: Option<Nanos>,
    keys: [(u64, [u8; 4]); CHUNK],
    counters: Counters,
}

impl PortScanDetector {
    pub(in crate::bench) fn new() -> Self {
        let (capacity, when_full) = (65_536, WhenFull::EvictOldest);
        let table = |key: &[u8], value: &[u8], expire| {
            let kind = StateKind::Map { capacity, expire, when_full };
            match object(kind, key, value) {
                mem::Object::Map(map) => map,
                _ => unreachable!("a map was asked for"),
            }
        };
        let contact = [32, 32, 16];
        let ring = object(StateKind::Ring { capacity, when_full }, &[], &[32, 32, 16, 64]);
        let mem::Object::Ring(ends) = ring else { unreachable!("a ring was asked for") };
        let memory = Some(Nanos::from_secs(3600));
        Self {
            walks: table(&[32], &[32, 1], memory),
            contacts: table(&contact, &[], memory),
            open: table(&contact, &[64], None),
            ends,
            next_tick: None,
            keys: [(0, [0; 4]); CHUNK],
            counters: Counters::default(),
        }
    }

    /// Moves the walk of a source by an outcome.
    fn step(&mut self, source: [u8; 4], by: i32, now: Nanos) {
        let walk =
            self.walks.get(&source, now).map(|walk| (i32::from_le_bytes(bytes(walk, 0)), walk[4]));
        let (ratio, is_scanner) = walk.unwrap_or((0, 0));
        if is_scanner != 0 {
            return;
        }
        let ratio = ratio.wrapping_add(by);
        if ratio <= BENIGN {
            self.walks.remove(&source, now);
            return;
        }
        let [a, b, c, d] = ratio.to_le_bytes();
        self.walks.put(&source, &[a, b, c, d, u8::from(ratio >= SCANNER)], now);
    }

    /// Counts up to eight contacts as failed that had no answer in time, the oldest first.
    #[inline]
    fn settle(&mut self, now: Nanos) {
        for _ in 0..8 {
            let Some(end) = self.ends.peek() else { return };
            let since: [u8; 8] = bytes(end, 10);
            if now.0.wrapping_sub(u64::from_le_bytes(since)) < PATIENCE.0 {
                return;
            }
            let contact: Contact = bytes(end, 0);
            self.ends.pop();
            if self.open.get(&contact, now).is_some_and(|at| at == since) {
                self.open.remove(&contact, now);
                self.step(bytes(&contact, 0), FAILURE, now);
            }
        }
    }

    /// What the timer does, when its time has come.
    fn tick(&mut self, now: Nanos) {
        let next = *self.next_tick.get_or_insert(now + PERIOD);
        if now >= next {
            let periods = (now.0 - next.0) / PERIOD.0;
            (0..1024).for_each(|_| self.settle(now));
            self.next_tick = Some(Nanos(next.0 + (periods + 1) * PERIOD.0));
        }
    }

    /// Source and target of a packet, or of that which it answers.
    #[inline]
    fn contact(frame: &[u8], headers: Headers, is_answer: bool) -> Contact {
        let [a, b] = [12, 16].map(|at| u32::from_be_bytes(bytes(frame, headers.ip + at)));
        let (source, target) = if is_answer { (b, a) } else { (a, b) };
        let mut key = [0; 10];
        key[..4].copy_from_slice(&source.to_le_bytes());
        key[4..8].copy_from_slice(&target.to_le_bytes());
        key
    }

    fn is_scanner(&mut self, place: usize, now: Nanos) -> bool {
        let (hash, source) = self.keys[place];
        let walk = self.walks.get_hashed(hash, &source, now);
        let is_scanner = walk.is_some_and(|walk| walk[4] != 0);
        if is_scanner {
            self.walks.touch_hashed(hash, &source, now);
        }
        is_scanner
    }
}

impl Hand for PortScanDetector {
    fn fetch(&mut self, packets: &[Box<Packet>]) {
        let from_outside = |p: &Packet| Headers::of(p).filter(|_| p.port == 0);
        for (place, packet) in packets.iter().enumerate() {
            if let Some(headers) = from_outside(packet) {
                let mut source: [u8; 4] = bytes(packet.bytes(), headers.ip + 12);
                source.reverse();
                let hash = self.walks.hash(&source);
                prefetch(self.walks.index_address(hash));
                self.keys[place] = (hash, source);
            }
        }
        for (place, packet) in packets.iter().enumerate() {
            if from_outside(packet).is_some() {
                prefetch(self.walks.entry_address(self.keys[place].0));
            }
        }
    }

    #[inline]
    fn handle(&mut self, place: usize, packet: &mut Packet, now: Nanos) -> Verdict {
        self.tick(now);
        let Some(headers) = Headers::of(packet) else { return Verdict::Drop(OTHER) };
        let (frame, from_outside) = (packet.bytes(), packet.port == 0);
        if !headers.is_udp {
            self.settle(now);
            let flags = frame[headers.l4 + 13];
            let is_answer = flags & (SYN | ACK) == SYN | ACK;
            if from_outside && flags & (SYN | ACK) == SYN {
                let contact = Self::contact(frame, headers, false);
                if self.contacts.get(&contact, now).is_none() {
                    let since = now.0.to_le_bytes();
                    let mut end = [0; 18];
                    end[..10].copy_from_slice(&contact);
                    end[10..].copy_from_slice(&since);
                    self.contacts.put(&contact, &[], now);
                    self.open.put(&contact, &since, now);
                    self.ends.push(&end);
                }
            } else if !from_outside && (is_answer || flags & RST != 0) {
                let contact = Self::contact(frame, headers, true);
                if self.open.remove(&contact, now) {
                    let by = if is_answer { SUCCESS } else { FAILURE };
                    self.step(bytes(&contact, 0), by, now);
                }
            }
        }
        if from_outside && self.is_scanner(place, now) {
            return Verdict::Drop(SCAN);
        }
        Verdict::Leave(u32::from(from_outside))
    }

    fn counters(&mut self) -> &mut Counters {
        &mut self.counters
    }
}
