//! Firewall without rules.

use super::{CHUNK, flow, fragments_key, has_more_fragments, map};
use super::{Counters, FLOW, FRAGMENTS, Hand, Headers, Verdict};
use trama_base::Nanos;
use trama_native::prefetch;
use trama_state::mem;
use trama_state::ops::MapOps as _;
use trama_wire::Packet;

const DENIED: usize = 0;
const FULL: usize = 1;
const OTHER: usize = 2;

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

/// A hash and key for each packet of a chunk.
type Keys = [(u64, [u8; 13]); CHUNK];

/// Connections by protocol and state; keys are flows as the inside sees them.
pub(in crate::bench) struct Firewall {
    tcp_open: mem::Map,
    tcp_opening: mem::Map,
    udp: mem::Map,
    fragments: mem::Map,
    keys: Keys,
    counters: Counters,
}

impl Firewall {
    pub(in crate::bench) fn new() -> Self {
        let set = |capacity, seconds| map(&FLOW, &[], capacity, Some(Nanos::from_secs(seconds)));
        Self {
            tcp_open: set(65_536, 124 * 60),
            tcp_opening: set(65_536, 4 * 60),
            udp: set(65_536, 5 * 60),
            fragments: map(&FRAGMENTS, &[], 4096, Some(Nanos::from_secs(30))),
            keys: [(0, [0; 13]); CHUNK],
            counters: Counters::default(),
        }
    }

    /// Hashes the flow of a packet and asks for its bucket.
    #[inline]
    pub(super) fn note(&mut self, place: usize, key: [u8; 13], is_udp: bool) {
        let table = if is_udp { &self.udp } else { &self.tcp_open };
        let hash = table.hash(&key);
        self.keys[place] = (hash, key);
        prefetch(table.index_address(hash));
    }

    /// Asks for the entry of a packet's flow.
    #[inline]
    pub(super) fn fetch_entry(&self, place: usize, is_udp: bool) {
        let table = if is_udp { &self.udp } else { &self.tcp_open };
        prefetch(table.entry_address(self.keys[place].0));
    }

    /// True if the inside end of the flow that was noted is this address and port, big endian.
    #[inline]
    pub(super) fn is_noted(&self, place: usize, (address, port): ([u8; 4], [u8; 2])) -> bool {
        let key = &self.keys[place].1;
        let [a, b, c, d] = address;
        key[..4] == [d, c, b, a] && key[8..10] == [port[1], port[0]]
    }

    fn tcp_known(&mut self, place: usize, flags: u8, now: Nanos) -> bool {
        let (hash, key) = self.keys[place];
        if flags & (RST | FIN) != 0 {
            if self.tcp_open.remove_hashed(hash, &key, now) {
                self.tcp_opening.entry(&key, now);
                return true;
            }
            return self.tcp_opening.touch(&key, now);
        }
        if self.tcp_open.touch_hashed(hash, &key, now) {
            return true;
        }
        if self.tcp_opening.get(&key, now).is_none() {
            return false;
        }
        if flags & ACK != 0 && flags & SYN == 0 {
            self.tcp_opening.remove(&key, now);
            self.tcp_open.entry_hashed(hash, &key, now);
        } else {
            self.tcp_opening.touch(&key, now);
        }
        true
    }

    /// What becomes of a packet whose flow was noted.
    #[inline]
    pub(super) fn judge(
        &mut self,
        place: usize,
        (packet, headers): (&Packet, Headers),
        from_inside: bool,
        now: Nanos,
    ) -> Verdict {
        let frame = packet.bytes();
        let (hash, key) = self.keys[place];
        if headers.is_udp {
            let known = if from_inside {
                self.udp.touch_hashed(hash, &key, now)
            } else {
                self.udp.get_hashed(hash, &key, now).is_some()
            };
            if !known {
                if !from_inside {
                    return Verdict::Drop(DENIED);
                }
                if self.udp.entry_hashed(hash, &key, now).is_none() {
                    return Verdict::Drop(FULL);
                }
            }
        } else {
            let flags = frame[headers.l4 + 13];
            if !self.tcp_known(place, flags, now) {
                if flags & SYN == 0 || flags & ACK != 0 || !from_inside {
                    return Verdict::Drop(DENIED);
                }
                if self.tcp_opening.entry(&key, now).is_none() {
                    return Verdict::Drop(FULL);
                }
            }
        }
        if has_more_fragments(frame, headers.ip) {
            self.fragments.entry(&fragments_key(frame, headers.ip), now);
        }
        Verdict::Leave(u32::from(from_inside))
    }
}

impl Hand for Firewall {
    fn fetch(&mut self, packets: &[Box<Packet>]) {
        for (place, packet) in packets.iter().enumerate() {
            if let Some(headers) = Headers::of(packet) {
                let key = flow(packet.bytes(), headers, packet.port != 0);
                self.note(place, key, headers.is_udp);
            }
        }
        for (place, packet) in packets.iter().enumerate() {
            if let Some(headers) = Headers::of(packet) {
                self.fetch_entry(place, headers.is_udp);
            }
        }
    }

    #[inline]
    fn handle(&mut self, place: usize, packet: &mut Packet, now: Nanos) -> Verdict {
        match Headers::of(packet) {
            Some(headers) => self.judge(place, (packet, headers), packet.port == 0, now),
            None => Verdict::Drop(OTHER),
        }
    }

    fn counters(&mut self) -> &mut Counters {
        &mut self.counters
    }
}
