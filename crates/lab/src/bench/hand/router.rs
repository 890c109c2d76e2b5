//! An IPv4 router.

use super::{Counters, Hand, Headers, Verdict};
use super::{amend, bytes, map, object};
use trama_base::Nanos;
use trama_state::ops::{LpmOps as _, MapOps as _};
use trama_state::{StateKind, mem};
use trama_wire::header::HeaderId;
use trama_wire::{Packet, checksum};

const CORRUPT: usize = 0;
const OWN: usize = 1;
const EXPIRED: usize = 2;
const NO_ROUTE: usize = 3;
const TOO_LONG: usize = 4;
const OTHER: usize = 5;

/// A port of the router.
#[derive(Clone, Copy)]
pub(in crate::bench) struct Leg {
    pub(in crate::bench) address: u32,
    pub(in crate::bench) station: u64,
    pub(in crate::bench) mtu: u16,
}

/// Routes by longest prefix, to static neighbours.
pub(in crate::bench) struct Router {
    legs: Vec<Leg>,
    own: mem::Map,
    fib: mem::Lpm,
    counters: Counters,
}

impl Router {
    /// A router with these ports and routes: address and length, port, station.
    pub(in crate::bench) fn new(
        legs: Vec<Leg>,
        routes: impl Iterator<Item = ((u32, u8), u16, u64)>,
    ) -> Self {
        let mut own = map(&[32], &[16], 16, None);
        for (leg, number) in legs.iter().zip(0_u16..) {
            own.put(&leg.address.to_le_bytes(), &number.to_le_bytes(), Nanos::ZERO);
        }
        let kind = StateKind::Lpm { address_bits: 32, capacity: 65_536 };
        let mem::Object::Lpm(mut fib) = object(kind, &[32], &[16, 48]) else {
            unreachable!("a prefix table was asked for")
        };
        for ((address, len), port, station) in routes {
            let mut hop = [0; 10];
            hop[..2].copy_from_slice(&port.to_le_bytes());
            hop[2..].copy_from_slice(&station.to_le_bytes());
            fib.put(address.into(), len, &hop);
        }
        Self { legs, own, fib, counters: Counters::default() }
    }
}

impl Hand for Router {
    fn fetch(&mut self, _packets: &[Box<Packet>]) {}

    #[inline]
    fn handle(&mut self, _place: usize, packet: &mut Packet, now: Nanos) -> Verdict {
        let Some(headers) = Headers::of(packet) else { return Verdict::Drop(OTHER) };
        if !packet.checksum_ok(HeaderId::IP) {
            return Verdict::Drop(CORRUPT);
        }
        let ip = headers.ip;
        let destination = u32::from_be_bytes(bytes(packet.bytes(), ip + 16));
        if self.own.get(&destination.to_le_bytes(), now).is_some() {
            return Verdict::Drop(OWN);
        }
        let life = packet.bytes()[ip + 8];
        if life <= 1 {
            return Verdict::Drop(EXPIRED);
        }
        let Some(hop) = self.fib.get(destination.into()) else { return Verdict::Drop(NO_ROUTE) };
        let (port, station) =
            (u16::from_le_bytes(bytes(hop, 0)), u64::from_le_bytes(bytes(hop, 2)));
        let leg = self.legs[usize::from(port)];
        let frame = packet.bytes_mut();
        if u16::from_be_bytes(bytes(frame, ip + 2)) > leg.mtu {
            return Verdict::Drop(TOO_LONG);
        }
        frame[ip + 8] = life - 1;
        let difference = checksum::difference(u16::from(life) << 8, u16::from(life - 1) << 8);
        amend(frame, ip + 10, difference, false);
        frame[..6].copy_from_slice(&station.to_be_bytes()[2..]);
        frame[6..12].copy_from_slice(&leg.station.to_be_bytes()[2..]);
        Verdict::Leave(port.into())
    }

    fn counters(&mut self) -> &mut Counters {
        &mut self.counters
    }
}
