//! The yardstick: network functions written by hand in Rust, as one would without a compiler for
//! them, on the same packets and the same state objects.
//!
//! They do what the library's elements do with TCP and UDP over IPv4, fragments included; other
//! packets they drop, which elements do not, so those must not be measured with them. They work on
//! batches: first every key of sixteen packets is hashed and the lines of the tables are asked for,
//! then the packets are handled one by one with the hashes at hand. Addresses and ports are
//! rewritten with one update of each checksum (RFC 1624). What they send is compared with what
//! the compiled program sends before either is timed.

mod chain;
mod firewall;
mod maglev;
mod nat;
mod router;
mod scan;

pub(super) use chain::Chain;
pub(super) use firewall::Firewall;
pub(super) use maglev::Maglev;
pub(super) use nat::Nat;
pub(super) use router::{Leg, Router};
pub(super) use scan::PortScanDetector;

use trama_base::Nanos;
use trama_state::{Shape, StateKind, StateSpec, WhenFull, mem};
use trama_wire::header::HeaderId;
use trama_wire::parse::protocol;
use trama_wire::{Packet, Pool, checksum};

/// Packets whose state is fetched together.
pub(super) const CHUNK: usize = 16;

/// A network function between two external ports, 0 inside and 1 outside.
pub(super) trait Hand {
    /// Asks for the state of up to [`CHUNK`] packets, which [`handle`](Self::handle) gets next, in
    /// the same order.
    fn fetch(&mut self, packets: &[Box<Packet>]);

    /// Handles the packet at a place of the chunk: the port on which it leaves, or why it is
    /// dropped.
    fn handle(&mut self, place: usize, packet: &mut Packet, now: Nanos) -> Verdict;

    /// Counters of the packets that came and left.
    fn counters(&mut self) -> &mut Counters;
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It leaves at a port.
    Leave(u32),
    /// It is dropped, counted under a number of the function's own.
    Drop(usize),
}

/// What everybody counts: packets and bytes of each port, and drops.
#[derive(Debug, Default)]
pub(super) struct Counters {
    received: [[u64; 2]; 2],
    sent: [[u64; 2]; 2],
    drops: [u64; 8],
}

/// Takes a batch through a function, like [`trama_lang::engine::Engine::process`].
pub(super) fn process(
    hand: &mut dyn Hand,
    input: &mut Vec<Box<Packet>>,
    output: &mut Vec<Box<Packet>>,
    pool: &mut Pool,
) {
    let mut rest = std::mem::take(input);
    while !rest.is_empty() {
        let behind = rest.split_off(rest.len().min(CHUNK));
        hand.fetch(&rest);
        for (place, mut packet) in rest.drain(..).enumerate() {
            let (port, len, now) = (packet.port as usize, packet.len() as u64, packet.time);
            let verdict = hand.handle(place, &mut packet, now);
            let counters = hand.counters();
            add(&mut counters.received[port], len);
            match verdict {
                Verdict::Leave(port) => {
                    add(&mut counters.sent[port as usize], len);
                    packet.port = port;
                    output.push(packet);
                }
                Verdict::Drop(reason) => {
                    counters.drops[reason] += 1;
                    pool.give(packet);
                }
            }
        }
        rest = behind;
    }
}

fn add(pair: &mut [u64; 2], bytes: u64) {
    pair[0] += 1;
    pair[1] += bytes;
}

/// Where the headers of a TCP or UDP packet over IPv4 are.
#[derive(Clone, Copy)]
pub(super) struct Headers {
    pub(super) ip: usize,
    pub(super) l4: usize,
    pub(super) is_udp: bool,
}

impl Headers {
    /// Those of a packet, if it has them.
    #[inline]
    pub(super) fn of(packet: &Packet) -> Option<Self> {
        let layout = packet.layout();
        if !(layout.present.has(HeaderId::IP) && layout.present.has(HeaderId::L4)) {
            return None;
        }
        let at = |id: HeaderId| usize::from(layout.offset[usize::from(id.0)]);
        let is_udp = layout.proto == protocol::UDP;
        Some(Self { ip: at(HeaderId::IP), l4: at(HeaderId::L4), is_udp })
    }
}

/// Bytes from `at`.
#[inline]
pub(super) fn bytes<const N: usize>(frame: &[u8], at: usize) -> [u8; N] {
    frame[at..at + N].try_into().expect("the slice has so many bytes")
}

/// A five-tuple as programs pack it; `reversed` with the ends exchanged.
#[inline]
pub(super) fn flow(frame: &[u8], headers: Headers, reversed: bool) -> [u8; 13] {
    let [a, b] = [12, 16].map(|at| u32::from_be_bytes(bytes(frame, headers.ip + at)));
    let [p, q] = [0, 2].map(|at| u16::from_be_bytes(bytes(frame, headers.l4 + at)));
    let ((a, b), (p, q)) = if reversed { ((b, a), (q, p)) } else { ((a, b), (p, q)) };
    let low = u64::from(a) | u64::from(b) << 32;
    let high = u64::from(p) | u64::from(q) << 16 | u64::from(frame[headers.ip + 9]) << 32;
    let mut key = [0; 13];
    key[..8].copy_from_slice(&low.to_le_bytes());
    key[8..].copy_from_slice(&high.to_le_bytes()[..5]);
    key
}

/// Which end of a packet is rewritten.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Source,
    Destination,
}

/// Writes the address of one end, and its port if there is one to write; checksums follow.
#[inline]
pub(super) fn rewrite(packet: &mut Packet, at: Headers, end: End, to: (u32, Option<u16>)) {
    let (address_at, port_at) = match end {
        End::Source => (at.ip + 12, at.l4),
        End::Destination => (at.ip + 16, at.l4 + 2),
    };
    let frame = packet.bytes_mut();
    let old = u32::from_be_bytes(bytes(frame, address_at));
    let old_port = u16::from_be_bytes(bytes(frame, port_at));
    let (new, new_port) = (to.0, to.1.unwrap_or(old_port));
    if (old, old_port) == (new, new_port) {
        return;
    }
    frame[address_at..address_at + 4].copy_from_slice(&new.to_be_bytes());
    frame[port_at..port_at + 2].copy_from_slice(&new_port.to_be_bytes());
    let address = checksum::difference(checksum::sum_u32(old), checksum::sum_u32(new));
    let both = checksum::add(address, checksum::difference(old_port, new_port));
    if old != new {
        amend(frame, at.ip + 10, address, false);
    }
    amend(frame, at.l4 + if at.is_udp { 6 } else { 16 }, both, at.is_udp);
}

/// Adds a difference to a stored checksum.
#[inline]
pub(super) fn amend(frame: &mut [u8], at: usize, difference: u16, is_udp: bool) {
    let stored = u16::from_be_bytes(bytes(frame, at));
    if is_udp && stored == 0 {
        return;
    }
    let new = match checksum::update(stored, difference) {
        0 if is_udp => 0xffff,
        new => new,
    };
    frame[at..at + 2].copy_from_slice(&new.to_be_bytes());
}

/// The backend of a map or set that refuses when full.
pub(super) fn map(key: &[u8], value: &[u8], capacity: u32, expire: Option<Nanos>) -> mem::Map {
    let kind = StateKind::Map { capacity, expire, when_full: WhenFull::Refuse };
    match object(kind, key, value) {
        mem::Object::Map(map) => map,
        _ => unreachable!("a map was asked for"),
    }
}

/// The backend of a state object.
pub(super) fn object(kind: StateKind, key: &[u8], value: &[u8]) -> mem::Object {
    let (key, value) = (Shape(key.into()), Shape(value.into()));
    let spec = StateSpec { name: "hand".into(), kind, key, value };
    mem::Object::new(&spec, 7).expect("a valid specification")
}

/// Widths of the leaves of a five-tuple.
pub(super) const FLOW: [u8; 5] = [32, 32, 16, 16, 8];

/// Widths of the leaves of what tells the fragments of a datagram from others.
pub(super) const FRAGMENTS: [u8; 4] = [32, 32, 16, 8];

/// What tells the fragments of a datagram from those of others, as programs pack it.
pub(super) fn fragments_key(frame: &[u8], ip: usize) -> [u8; 11] {
    let mut key = [0; 11];
    for (to, from, len) in [(0, 12, 4), (4, 16, 4), (8, 4, 2)] {
        key[to..to + len].copy_from_slice(&frame[ip + from..ip + from + len]);
        key[to..to + len].reverse();
    }
    key[10] = frame[ip + 9];
    key
}

/// True if more fragments follow.
#[inline]
pub(super) fn has_more_fragments(frame: &[u8], ip: usize) -> bool {
    frame[ip + 6] & 0x20 != 0
}
