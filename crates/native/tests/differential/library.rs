//! Library elements with large tables: what is prefetched along predicted ways, translated keys
//! included, changes nothing, whether the prediction is right or wrong.

use crate::IDLE;
use std::sync::Arc;
use trama_base::{Nanos, Rng};
use trama_lang::compile::{Options, Unit};
use trama_lang::engine::Engine;
use trama_lang::files::NoFiles;
use trama_lang::ir::Program;
use trama_native::NativeEngine;
use trama_native::differential::compare;
use trama_wire::header::HeaderId;
use trama_wire::{Packet, Pool};

fn program(text: &str) -> Arc<Program> {
    let mut unit = Unit::parse("library", text, &NoFiles);
    let checked = unit.check(&Options::default(), &NoFiles);
    Arc::new(checked.program.expect("the program is sound"))
}

/// The hosts and the gateway ask for the edge's addresses, which makes them known to it.
fn introductions(now: Nanos) -> Vec<Packet> {
    let inside = (0..3).map(|host| (0x0a00_0002 + host, 0x0a00_0001, 0));
    let ask = |(sender, target, port): (u64, u64, u32)| {
        let set = |header: HeaderId, name, value: u64| {
            (header.field(name).expect("the header table has it"), u128::from(value))
        };
        let (eth, arp) = (HeaderId::ETH, HeaderId::ARP);
        let fields = vec![
            set(arp, "op", 1),
            set(arp, "sha", 0x0200_0000_0005),
            set(arp, "spa", sender),
            set(arp, "tpa", target),
        ];
        let stack = [(eth, vec![set(eth, "dst", 0xffff_ffff_ffff)]), (arp, fields)];
        let mut packet = Packet::build(&stack, &[]).expect("it can always be built");
        (packet.port, packet.time) = (port, now);
        packet
    };
    inside.chain([(0xcb00_7101, 0xcb00_7107, 1)]).map(ask).collect()
}

/// How many UDP packets of `packets` leave at each of the two ports.
fn forwarded(program: &Arc<Program>, start: Nanos, packets: &[Packet]) -> [usize; 2] {
    let mut engine = NativeEngine::new(Arc::clone(program), start, 1).expect("it runs");
    let (mut output, mut pool) = (Vec::new(), Pool::default());
    let mut input: Vec<_> = packets.iter().map(|packet| Box::new(packet.clone())).collect();
    engine.process(&mut input, &mut output, &mut pool);
    let is_udp = |packet: &Packet| packet.layout().present.has(HeaderId::UDP);
    [0, 1].map(|port| output.iter().filter(|p| p.port == port && is_udp(p)).count())
}

/// A packet between an inside host and an outside one, in either direction; answers go to the
/// public address, at ports of which some are mapped.
fn packet(rng: &mut Rng) -> Packet {
    let set = |header: HeaderId, name, value: u64| {
        (header.field(name).expect("the header table has it"), u128::from(value))
    };
    let outward = rng.below(2) == 0;
    let transport = if rng.below(4) == 0 { HeaderId::TCP } else { HeaderId::UDP };
    let (near, far) = (1024 + rng.below(40), 53);
    let (host, peer) = (0x0a00_0002 + rng.below(3), 0xc633_640a + rng.below(2));
    let (src, dst, sport, dport) = if outward {
        (host, peer, near, far)
    } else {
        (peer, 0xcb00_7107 + rng.below(20) / 19, far, near)
    };
    let (eth, ip) = (HeaderId::ETH, HeaderId::IP);
    let station = if outward { 0x0200_0a00_0001 } else { 0x0200_cb00_7107 };
    let stack = [
        (eth, vec![set(eth, "src", 0x0200_0000_0005), set(eth, "dst", station)]),
        (
            ip,
            vec![
                set(ip, "src", src),
                set(ip, "dst", dst),
                set(ip, "mf", u64::from(rng.below(8) == 0)),
            ],
        ),
        (transport, vec![set(transport, "src", sport), set(transport, "dst", dport)]),
    ];
    let mut packet = Packet::build(&stack, b"payload").expect("it can always be built");
    packet.port = u32::from(!outward);
    packet
}

fn agree(text: &str) {
    let program = program(text);
    for seed in 0..4 {
        let mut rng = Rng::stream(seed, "library");
        let mut now = Nanos::from_secs(1_700_000_000);
        let start = now;
        let mut packets = introductions(start);
        for _ in 0..1500 {
            // Once in a while all flows expire; then the neighbours introduce themselves anew.
            let is_gap = rng.below(300) == 0;
            now += Nanos(if is_gap { 400_000_000_000 } else { 1_000_000 });
            if is_gap {
                packets.extend(introductions(now));
            }
            let mut packet = packet(&mut rng);
            packet.time = now;
            packets.push(packet);
        }
        let through = forwarded(&program, start, &packets);
        assert!(
            through.iter().all(|&n| n > 100),
            "seed {seed}: hardly any gets through {through:?}"
        );
        if let Err(mismatch) = compare(&program, start, &packets, IDLE) {
            panic!("seed {seed}: {mismatch}");
        }
    }
}

#[test]
fn a_firewall_behind_a_translation_agrees() {
    agree(
        "network edge { port lan, wan\n \
         lan <-> Firewall <-> Nat(public: 203.0.113.7) <-> wan }",
    );
}

#[test]
fn an_office_edge_agrees() {
    agree(
        "network edge { port lan, wan\n \
         let inner = Interface(address: 10.0.0.1, subnet: 10.0.0.0/24, \
         mac: 02:00:0a:00:00:01)\n \
         let outer = Interface(address: 203.0.113.7, subnet: 203.0.113.0/24, \
         mac: 02:00:cb:00:71:07, gateway: 203.0.113.1)\n \
         lan <-> inner <-> Firewall <-> Nat(public: 203.0.113.7) <-> outer.up <-> wan }",
    );
}
