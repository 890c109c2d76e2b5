//! Network address and port translation.

use super::{CHUNK, Counters, End, FRAGMENTS, Hand, Headers, Verdict};
use super::{bytes, fragments_key, has_more_fragments, map, object, rewrite};
use trama_base::Nanos;
use trama_native::prefetch;
use trama_state::ops::{ArrayOps as _, MapOps as _, PoolOps as _};
use trama_state::{StateKind, mem};
use trama_wire::Packet;

const PORTS: u32 = 64_512;
const FIRST_PORT: u16 = 1024;

const NO_PORT: usize = 0;
const NO_MAPPING: usize = 1;
const ELSEWHERE: usize = 2;
const OTHER: usize = 3;

/// The mappings of one protocol.
struct Mappings {
    /// Ports in use; for TCP those of open connections.
    settled: mem::Pool,
    /// Ports of TCP connections that open or close; for UDP none.
    opening: mem::Pool,
    out: mem::Map,
    back: mem::Array,
}

/// Translates to one public address.
pub(in crate::bench) struct Nat {
    public: u32,
    udp: Mappings,
    tcp: Mappings,
    fragments: mem::Map,
    /// A hash and an inside end for each packet of a chunk.
    keys: [(u64, [u8; 6]); CHUNK],
    counters: Counters,
}

impl Mappings {
    fn new(settled_s: u64, opening_s: u64) -> Self {
        let pool = |seconds| {
            let kind = StateKind::Pool { size: PORTS, expire: Some(Nanos::from_secs(seconds)) };
            match object(kind, &[], &[]) {
                mem::Object::Pool(pool) => pool,
                _ => unreachable!("a pool was asked for"),
            }
        };
        let back = object(StateKind::Array { len: PORTS }, &[], &[32, 16]);
        let mem::Object::Array(back) = back else { unreachable!("an array was asked for") };
        let out = map(&[32, 16], &[16], PORTS, None);
        Self { settled: pool(settled_s), opening: pool(opening_s), out, back }
    }

    /// Restarts the life of a port in use.
    #[inline]
    fn touch(&mut self, index: u64, is_settled: bool, now: Nanos) -> bool {
        let (to, from) = if is_settled {
            (&mut self.settled, &mut self.opening)
        } else {
            (&mut self.opening, &mut self.settled)
        };
        to.touch(index, now) || (from.free(index, now) && to.take(index, now))
    }

    /// A free port, the inside's own if possible.
    fn take(&mut self, port: u16, is_udp: bool, now: Nanos) -> Option<u64> {
        let own = u64::from(port.wrapping_sub(FIRST_PORT));
        if is_udp {
            if port >= FIRST_PORT && self.settled.take(own, now) {
                return Some(own);
            }
            return self.settled.alloc(now).map(u64::from);
        }
        if port >= FIRST_PORT && !self.settled.used(own, now) && self.opening.take(own, now) {
            return Some(own);
        }
        for _ in 0..64 {
            let free = u64::from(self.opening.alloc(now)?);
            if !self.settled.used(free, now) {
                return Some(free);
            }
            self.opening.free(free, now);
        }
        None
    }

    /// Makes a mapping for an inside end.
    fn open(&mut self, inside: [u8; 6], is_udp: bool, now: Nanos) -> Option<u16> {
        let port = u16::from_le_bytes([inside[4], inside[5]]);
        let index = self.take(port, is_udp, now)?;
        let outside = index as u16 + FIRST_PORT;
        let place = self.back.entry(index)?;
        let old: [u8; 6] = bytes(place, 0);
        place.copy_from_slice(&inside);
        if self.out.get(&old, now) == Some(&outside.to_le_bytes()) {
            self.out.remove(&old, now);
        }
        self.out.put(&inside, &outside.to_le_bytes(), now);
        Some(outside)
    }

    /// The inside end of a port, if that is in use.
    #[inline]
    fn inside(&mut self, outside: u16, is_udp: bool, now: Nanos) -> Option<(u64, [u8; 6])> {
        let index = u64::from(outside.checked_sub(FIRST_PORT)?);
        let used = self.settled.used(index, now) || (!is_udp && self.opening.used(index, now));
        let inside = self.back.get(index).filter(|_| used)?;
        Some((index, bytes(inside, 0)))
    }
}

impl Nat {
    pub(in crate::bench) fn new(public: u32) -> Self {
        Self {
            public,
            udp: Mappings::new(5 * 60, 5 * 60),
            tcp: Mappings::new(124 * 60, 4 * 60),
            fragments: map(&FRAGMENTS, &[32, 1], 4096, Some(Nanos::from_secs(30))),
            keys: [(0, [0; 6]); CHUNK],
            counters: Counters::default(),
        }
    }

    fn mappings(&mut self, is_udp: bool) -> &mut Mappings {
        if is_udp { &mut self.udp } else { &mut self.tcp }
    }

    /// The first lines of a packet's mapping; for one from outside, of the inside end.
    #[inline]
    pub(super) fn fetch_first(&mut self, place: usize, packet: &Packet, headers: Headers) {
        let frame = packet.bytes();
        if packet.port != 0 {
            let port = u16::from_be_bytes(bytes(frame, headers.l4 + 2));
            let index = u64::from(port.wrapping_sub(FIRST_PORT));
            let mappings = self.mappings(headers.is_udp);
            prefetch(mappings.back.get(index).map_or(std::ptr::null(), <[u8]>::as_ptr));
            prefetch(mappings.settled.use_address(index));
            return;
        }
        let address = u32::from_be_bytes(bytes(frame, headers.ip + 12));
        let port = u16::from_be_bytes(bytes(frame, headers.l4));
        let mut key = [0; 6];
        key[..4].copy_from_slice(&address.to_le_bytes());
        key[4..].copy_from_slice(&port.to_le_bytes());
        let out = &self.mappings(headers.is_udp).out;
        let hash = out.hash(&key);
        prefetch(out.index_address(hash));
        self.keys[place] = (hash, key);
    }

    /// The entry of a packet from inside.
    #[inline]
    pub(super) fn fetch_second(&mut self, place: usize, packet: &Packet, headers: Headers) {
        if packet.port == 0 {
            let hash = self.keys[place].0;
            prefetch(self.mappings(headers.is_udp).out.entry_address(hash));
        }
    }

    /// The port's use, once the entry has come: most often a port is mapped to itself.
    #[inline]
    pub(super) fn fetch_third(&mut self, place: usize, packet: &Packet, headers: Headers) {
        if packet.port == 0 {
            let (hash, key) = self.keys[place];
            let mappings = self.mappings(headers.is_udp);
            if let Some(value) = mappings.out.get_hashed(hash, &key, Nanos::ZERO) {
                let port = u16::from_le_bytes([value[0], value[1]]);
                let index = u64::from(port.wrapping_sub(FIRST_PORT));
                prefetch(mappings.settled.use_address(index));
            }
        }
    }

    /// The inside end to which a packet from outside goes, without any effect.
    #[inline]
    pub(super) fn likely_inside(&self, packet: &Packet, headers: Headers) -> Option<[u8; 6]> {
        let port = u16::from_be_bytes(bytes(packet.bytes(), headers.l4 + 2));
        let mappings = if headers.is_udp { &self.udp } else { &self.tcp };
        let inside = mappings.back.get(u64::from(port.checked_sub(FIRST_PORT)?))?;
        Some(bytes(inside, 0))
    }

    /// Translates a packet from inside.
    #[inline]
    pub(super) fn outward(
        &mut self,
        place: usize,
        packet: &mut Packet,
        headers: Headers,
        now: Nanos,
    ) -> Verdict {
        let (hash, key) = self.keys[place];
        let is_udp = headers.is_udp;
        let is_settled = is_udp || is_settled(packet, headers);
        let mappings = self.mappings(is_udp);
        let known = mappings.out.get_hashed(hash, &key, now);
        let known = known.map(|port| u16::from_le_bytes([port[0], port[1]]));
        let known = known.filter(|port| {
            let index = u64::from(port - FIRST_PORT);
            if is_udp {
                mappings.settled.touch(index, now)
            } else {
                mappings.touch(index, is_settled, now)
            }
        });
        let Some(outside) = known.or_else(|| self.mappings(is_udp).open(key, is_udp, now)) else {
            return Verdict::Drop(NO_PORT);
        };
        let public = self.public;
        self.remember_fragments(packet, headers, (public, false), now);
        rewrite(packet, headers, End::Source, (public, Some(outside)));
        if u32::from_be_bytes(bytes(packet.bytes(), headers.ip + 16)) != public {
            return Verdict::Leave(1);
        }
        self.let_in(packet, headers, now, false)
    }

    /// Translates a packet from outside.
    #[inline]
    pub(super) fn inward(&mut self, packet: &mut Packet, at: Headers, now: Nanos) -> Verdict {
        if u32::from_be_bytes(bytes(packet.bytes(), at.ip + 16)) != self.public {
            return Verdict::Drop(ELSEWHERE);
        }
        self.let_in(packet, at, now, !at.is_udp)
    }

    #[inline]
    fn let_in(
        &mut self,
        packet: &mut Packet,
        headers: Headers,
        now: Nanos,
        touches: bool,
    ) -> Verdict {
        let port = u16::from_be_bytes(bytes(packet.bytes(), headers.l4 + 2));
        let is_udp = headers.is_udp;
        let Some((index, inside)) = self.mappings(is_udp).inside(port, is_udp, now) else {
            return Verdict::Drop(NO_MAPPING);
        };
        if touches {
            self.tcp.touch(index, is_settled(packet, headers), now);
        }
        let address = u32::from_le_bytes(bytes(&inside, 0));
        self.remember_fragments(packet, headers, (address, true), now);
        let port = u16::from_le_bytes(bytes(&inside, 4));
        rewrite(packet, headers, End::Destination, (address, Some(port)));
        Verdict::Leave(0)
    }

    #[inline]
    fn remember_fragments(&mut self, packet: &Packet, at: Headers, to: (u32, bool), now: Nanos) {
        if has_more_fragments(packet.bytes(), at.ip) {
            let [a, b, c, d] = to.0.to_le_bytes();
            let key = fragments_key(packet.bytes(), at.ip);
            self.fragments.put(&key, &[a, b, c, d, u8::from(to.1)], now);
        }
    }
}

/// True if a segment shows a connection that is neither opening nor closing.
#[inline]
fn is_settled(packet: &Packet, headers: Headers) -> bool {
    packet.bytes()[headers.l4 + 13] & 0x07 == 0
}

impl Hand for Nat {
    fn fetch(&mut self, packets: &[Box<Packet>]) {
        for (place, packet) in packets.iter().enumerate() {
            if let Some(headers) = Headers::of(packet) {
                self.fetch_first(place, packet, headers);
            }
        }
        for (place, packet) in packets.iter().enumerate() {
            if let Some(headers) = Headers::of(packet) {
                self.fetch_second(place, packet, headers);
            }
        }
        for (place, packet) in packets.iter().enumerate() {
            if let Some(headers) = Headers::of(packet) {
                self.fetch_third(place, packet, headers);
            }
        }
    }

    #[inline]
    fn handle(&mut self, place: usize, packet: &mut Packet, now: Nanos) -> Verdict {
        match (Headers::of(packet), packet.port) {
            (None, _) => Verdict::Drop(OTHER),
            (Some(headers), 0) => self.outward(place, packet, headers, now),
            (Some(headers), _) => self.inward(packet, headers, now),
        }
    }

    fn counters(&mut self) -> &mut Counters {
        &mut self.counters
    }
}
