//! Two-sided traffic of many flows, made by asking the program itself for its translations.
//!
//! One side is generated: UDP packets of flows from inside hosts, or the SYNs of clients. Each is
//! given to the program once, which opens its state; what comes out is turned round, as an echoing
//! peer would, and is the other side. So a translator's choice of ports needs no model here.

use trama_base::{Nanos, Rng};
use trama_lang::engine::Engine;
use trama_wire::header::{FieldRef, HeaderId};
use trama_wire::{Packet, Pool};

/// Inside hosts; a /24 has room for them.
const HOSTS: u32 = 200;

/// 11.0.0.0: the first of the clients that have addresses of their own.
const CLIENTS: u32 = 0x0b00_0000;

/// What traffic to make.
#[derive(Clone, Copy, Debug)]
pub struct TrafficPlan {
    /// Flows in all.
    pub flows: u32,
    /// Length of each frame in bytes, at least 60.
    pub frame_bytes: u32,
    /// Where the flows go to: this address, or as many from it on as there are destinations.
    pub destination: u32,
    /// Flows that share one inside address and port; they differ in their destination.
    pub destinations: u32,
    /// Ethernet address of the station that the inside sends to.
    pub station: u64,
    /// External ports: where the flows enter, and where they leave.
    pub ports: (u32, u32),
    /// What the flows are.
    pub opening: Opening,
}

/// What the packets of a flow are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// UDP, from the inside hosts.
    Datagram,
    /// TCP: a SYN from a client with an address of its own, and the SYN, ACK that answers it.
    Handshake,
}

/// Frames with the port at which each enters, in the order in which they are sent.
#[derive(Debug, Default)]
pub struct Traffic {
    /// All frames, one after the other, each of the same length.
    bytes: Vec<u8>,
    frame_bytes: usize,
    ports: Vec<u32>,
}

impl Traffic {
    /// Number of frames.
    pub fn len(&self) -> usize {
        self.ports.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.ports.is_empty()
    }

    /// Bytes and port of a frame; the index wraps round.
    pub fn frame(&self, index: usize) -> (&[u8], u32) {
        let index = index % self.ports.len();
        let start = index * self.frame_bytes;
        (&self.bytes[start..start + self.frame_bytes], self.ports[index])
    }

    /// Opens the flows in `engine` and returns both sides' frames in random order, the same for
    /// the same plan and seed. The number of flows that the program did not let through is the
    /// second result.
    pub fn make(plan: &TrafficPlan, engine: &mut dyn Engine, now: Nanos) -> (Self, u32) {
        let mut pool = Pool::default();
        let frame_bytes = plan.frame_bytes as usize;
        let mut traffic = Self { frame_bytes, ..Self::default() };
        let mut lost = 0;
        let (mut input, mut output) = (Vec::new(), Vec::new());
        for forward in openings(plan) {
            let mut packet = pool.take();
            packet.refill(&forward);
            packet.port = plan.ports.0;
            packet.time = now;
            input.push(packet);
            engine.process(&mut input, &mut output, &mut pool);
            match output.iter_mut().find(|p| p.port == plan.ports.1) {
                Some(sent) => {
                    turn_round(sent);
                    if plan.opening == Opening::Handshake {
                        sent.set(field(HeaderId::TCP, "flags"), 0x12);
                    }
                    traffic.push(&forward, plan.ports.0);
                    traffic.push(sent.bytes(), plan.ports.1);
                }
                None => lost += 1,
            }
            output.drain(..).for_each(|p| pool.give(p));
        }
        traffic.shuffle();
        (traffic, lost)
    }

    fn push(&mut self, frame: &[u8], port: u32) {
        let from = self.bytes.len();
        self.bytes.extend_from_slice(&frame[..frame.len().min(self.frame_bytes)]);
        self.bytes.resize(from + self.frame_bytes, 0);
        self.ports.push(port);
    }

    fn shuffle(&mut self) {
        let mut rng = Rng::stream(1, "bench traffic");
        for index in (1..self.ports.len()).rev() {
            let other = rng.below(index as u64 + 1) as usize;
            self.ports.swap(index, other);
            let (before, behind) = self.bytes.split_at_mut(index * self.frame_bytes);
            if let Some(frame) = before.get_mut(other * self.frame_bytes..) {
                let [a, b] = [frame, behind].map(|half| half.get_mut(..self.frame_bytes));
                if let (Some(a), Some(b), true) = (a, b, other != index) {
                    a.swap_with_slice(b);
                }
            }
        }
    }
}

/// The first packets of all flows, in the order in which they are opened.
pub(super) fn openings(plan: &TrafficPlan) -> impl Iterator<Item = Vec<u8>> {
    (0..plan.flows).map(|flow| forward_frame(plan, flow))
}

pub(super) fn field(header: HeaderId, name: &str) -> FieldRef {
    header.field(name).expect("the header table has it")
}

/// The Ethernet address of an inside host, by number.
pub(super) const fn host_mac(host: u32) -> u64 {
    0x0200_0000_0000 | host as u64
}

/// The address of an inside host, by number.
pub(super) const fn host_address(host: u32) -> u32 {
    0x0a00_0000 | (host + 2)
}

/// The inside hosts, by number.
pub(super) fn hosts() -> std::ops::Range<u32> {
    0..HOSTS
}

/// The first packet of a flow.
fn forward_frame(plan: &TrafficPlan, flow: u32) -> Vec<u8> {
    let endpoint = flow / plan.destinations;
    let host = endpoint % HOSTS;
    let (eth, ip) = (HeaderId::ETH, HeaderId::IP);
    let (source, transport) = match plan.opening {
        Opening::Datagram => {
            let udp = HeaderId::UDP;
            let port = u128::from(1024 + endpoint / HOSTS);
            (host_address(host), (udp, vec![(field(udp, "src"), port), (field(udp, "dst"), 53)]))
        }
        Opening::Handshake => {
            let tcp = HeaderId::TCP;
            let ports = [(field(tcp, "src"), 1024), (field(tcp, "dst"), 80)];
            let fields = ports.into_iter().chain([(field(tcp, "flags"), 0x02)]).collect();
            (CLIENTS + endpoint, (tcp, fields))
        }
    };
    let stack = [
        (
            eth,
            vec![
                (field(eth, "src"), u128::from(host_mac(host))),
                (field(eth, "dst"), u128::from(plan.station)),
            ],
        ),
        (
            ip,
            vec![
                (field(ip, "src"), u128::from(source)),
                (field(ip, "dst"), u128::from(plan.destination + flow % plan.destinations)),
            ],
        ),
        transport,
    ];
    let header_bytes = if plan.opening == Opening::Datagram { 42 } else { 54 };
    let payload = vec![0x5a; (plan.frame_bytes as usize).saturating_sub(header_bytes)];
    let packet = Packet::build(&stack, &payload).expect("such a packet can always be built");
    packet.bytes().to_vec()
}

/// Makes a packet its own answer: addresses and ports change sides.
pub(super) fn turn_round(packet: &mut Packet) {
    for (header, a, b) in
        [(HeaderId::ETH, "src", "dst"), (HeaderId::IP, "src", "dst"), (HeaderId::L4, "src", "dst")]
    {
        if packet.layout().present.has(header) {
            let (a, b) = (field(header, a), field(header, b));
            let (x, y) = (packet.get(a), packet.get(b));
            packet.set(a, y);
            packet.set(b, x);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: TrafficPlan = TrafficPlan {
        flows: 65_536,
        frame_bytes: 64,
        destination: 0xc633_640a,
        destinations: 2,
        station: 1,
        ports: (0, 1),
        opening: Opening::Datagram,
    };

    #[test]
    fn flows_are_distinct() {
        let mut seen: Vec<_> = (0..PLAN.flows).map(|f| forward_frame(&PLAN, f)).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), PLAN.flows as usize);
        assert!(seen.iter().all(|frame| frame.len() == 64));
    }

    #[test]
    fn an_answer_is_a_valid_packet() {
        let mut packet = Packet::new(&forward_frame(&PLAN, 7));
        turn_round(&mut packet);
        assert!(packet.checksum_ok(HeaderId::IP) && packet.checksum_ok(HeaderId::UDP));
        assert_eq!(packet.get(field(HeaderId::UDP, "src")), 53);
    }
}
