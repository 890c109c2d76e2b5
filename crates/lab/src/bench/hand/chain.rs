//! Firewall, then Nat.

use super::{CHUNK, Counters, Firewall, Hand, Headers, Nat, Verdict, bytes, flow};
use trama_base::Nanos;
use trama_wire::Packet;

const OTHER: usize = 4;

/// Both, one behind the other.
pub(in crate::bench) struct Chain {
    firewall: Firewall,
    nat: Nat,
    /// Whether the firewall's key of a packet from outside is known.
    is_noted: [bool; CHUNK],
    counters: Counters,
}

impl Chain {
    pub(in crate::bench) fn new(public: u32) -> Self {
        Self {
            firewall: Firewall::new(),
            nat: Nat::new(public),
            is_noted: [false; CHUNK],
            counters: Counters::default(),
        }
    }
}

/// The flow of a packet from outside as the firewall will see it.
#[inline]
fn translated(packet: &Packet, headers: Headers, inside: [u8; 6]) -> [u8; 13] {
    let mut key = flow(packet.bytes(), headers, true);
    key[..4].copy_from_slice(&inside[..4]);
    key[8..10].copy_from_slice(&inside[4..]);
    key
}

impl Hand for Chain {
    fn fetch(&mut self, packets: &[Box<Packet>]) {
        let all = || packets.iter().enumerate().filter_map(|(n, p)| Some((n, p, Headers::of(p)?)));
        for (place, packet, headers) in all() {
            self.nat.fetch_first(place, packet, headers);
            if packet.port == 0 {
                let key = flow(packet.bytes(), headers, false);
                self.firewall.note(place, key, headers.is_udp);
            }
        }
        for (place, packet, headers) in all() {
            if packet.port == 0 {
                self.nat.fetch_second(place, packet, headers);
                self.firewall.fetch_entry(place, headers.is_udp);
                continue;
            }
            let inside = self.nat.likely_inside(packet, headers);
            self.is_noted[place] = inside.is_some();
            if let Some(inside) = inside {
                let key = translated(packet, headers, inside);
                self.firewall.note(place, key, headers.is_udp);
            }
        }
        for (place, packet, headers) in all() {
            if packet.port == 0 {
                self.nat.fetch_third(place, packet, headers);
            } else if self.is_noted[place] {
                self.firewall.fetch_entry(place, headers.is_udp);
            }
        }
    }

    #[inline]
    fn handle(&mut self, place: usize, packet: &mut Packet, now: Nanos) -> Verdict {
        let Some(headers) = Headers::of(packet) else { return Verdict::Drop(OTHER) };
        if packet.port == 0 {
            match self.firewall.judge(place, (packet, headers), true, now) {
                Verdict::Leave(_) => {}
                drop @ Verdict::Drop(_) => return drop,
            }
            return match self.nat.outward(place, packet, headers, now) {
                // Back to the inside, by way of the public address.
                Verdict::Leave(0) => {
                    let key = flow(packet.bytes(), headers, true);
                    self.firewall.note(place, key, headers.is_udp);
                    self.firewall.judge(place, (packet, headers), false, now)
                }
                verdict => verdict,
            };
        }
        match self.nat.inward(packet, headers, now) {
            Verdict::Leave(_) => {}
            drop @ Verdict::Drop(_) => return drop,
        }
        // The mapping may be another one than when the flow was noted.
        let frame = packet.bytes();
        let here = (bytes::<4>(frame, headers.ip + 16), bytes::<2>(frame, headers.l4 + 2));
        if !self.is_noted[place] || !self.firewall.is_noted(place, here) {
            let key = flow(frame, headers, true);
            self.firewall.note(place, key, headers.is_udp);
        }
        self.firewall.judge(place, (packet, headers), false, now)
    }

    fn counters(&mut self) -> &mut Counters {
        &mut self.counters
    }
}
