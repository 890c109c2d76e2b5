//! A layer-4 load balancer.

use super::{CHUNK, Counters, End, FLOW, Hand, Headers, Verdict};
use super::{bytes, flow, map, object, rewrite};
use trama_base::Nanos;
use trama_native::prefetch;
use trama_state::ops::{CounterOps as _, MaglevOps as _, MapOps as _};
use trama_state::{StateKind, hash, mem};
use trama_wire::Packet;

const ELSEWHERE: usize = 0;
const NO_BACKEND: usize = 1;
const STRANGER: usize = 2;
const OTHER: usize = 3;

/// Spreads connections to one address over backends.
pub(in crate::bench) struct Maglev {
    service: u32,
    members: mem::Maglev,
    known: mem::Map,
    connections: mem::Map,
    overflow: mem::Counter,
    keys: [(u64, [u8; 13]); CHUNK],
    counters: Counters,
}

impl Maglev {
    pub(in crate::bench) fn new(service: u32, backends: impl Iterator<Item = u32>) -> Self {
        let table = StateKind::Maglev { table_size: 65_537, capacity: 256 };
        let mem::Object::Maglev(mut members) = object(table, &[32], &[]) else {
            unreachable!("a Maglev table was asked for")
        };
        let mem::Object::Counter(overflow) = object(StateKind::Counter { len: 1 }, &[], &[]) else {
            unreachable!("a counter was asked for")
        };
        let mut known = map(&[32], &[], 256, None);
        for backend in backends {
            members.set(&backend.to_le_bytes(), 1);
            known.entry(&backend.to_le_bytes(), Nanos::ZERO);
        }
        let connections = map(&FLOW, &[32], 65_536, Some(Nanos::from_secs(5 * 60)));
        let keys = [(0, [0; 13]); CHUNK];
        Self { service, members, known, connections, overflow, keys, counters: Counters::default() }
    }

    #[inline]
    fn inward(&mut self, place: usize, packet: &mut Packet, at: Headers, now: Nanos) -> Verdict {
        if u32::from_be_bytes(bytes(packet.bytes(), at.ip + 16)) != self.service {
            return Verdict::Drop(ELSEWHERE);
        }
        let (hash, key) = self.keys[place];
        let backend = if let Some(slot) = self.connections.find(hash, &key, now) {
            let backend = u32::from_le_bytes(bytes(self.connections.value(slot), 0));
            self.connections.touch_hashed(hash, &key, now);
            backend
        } else {
            let Some(member) = self.members.pick(hash::stable(&key)) else {
                return Verdict::Drop(NO_BACKEND);
            };
            let member: [u8; 4] = bytes(member, 0);
            if !self.connections.put_hashed(hash, &key, &member, now) {
                self.overflow.add(0, packet.len() as u64);
            }
            u32::from_le_bytes(member)
        };
        rewrite(packet, at, End::Destination, (backend, None));
        Verdict::Leave(1)
    }

    #[inline]
    fn outward(&mut self, packet: &mut Packet, at: Headers, now: Nanos) -> Verdict {
        let source = u32::from_be_bytes(bytes(packet.bytes(), at.ip + 12));
        if self.known.get(&source.to_le_bytes(), now).is_none() {
            return Verdict::Drop(STRANGER);
        }
        rewrite(packet, at, End::Source, (self.service, None));
        Verdict::Leave(0)
    }
}

impl Hand for Maglev {
    fn fetch(&mut self, packets: &[Box<Packet>]) {
        let from_clients = |p: &Packet| Headers::of(p).filter(|_| p.port == 0);
        for (place, packet) in packets.iter().enumerate() {
            if let Some(headers) = from_clients(packet) {
                let key = flow(packet.bytes(), headers, false);
                let hash = self.connections.hash(&key);
                prefetch(self.connections.index_address(hash));
                self.keys[place] = (hash, key);
            }
        }
        for (place, packet) in packets.iter().enumerate() {
            if from_clients(packet).is_some() {
                prefetch(self.connections.entry_address(self.keys[place].0));
            }
        }
    }

    #[inline]
    fn handle(&mut self, place: usize, packet: &mut Packet, now: Nanos) -> Verdict {
        match (Headers::of(packet), packet.port) {
            (None, _) => Verdict::Drop(OTHER),
            (Some(headers), 0) => self.inward(place, packet, headers, now),
            (Some(headers), _) => self.outward(packet, headers, now),
        }
    }

    fn counters(&mut self) -> &mut Counters {
        &mut self.counters
    }
}
