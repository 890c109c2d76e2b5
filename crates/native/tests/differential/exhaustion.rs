//! More flows than a translation has ports: refused, counted, and none translated wrongly.

use std::collections::BTreeMap;
use std::sync::Arc;
use trama_base::Nanos;
use trama_lang::compile::{Options, Unit};
use trama_lang::engine::Engine;
use trama_lang::files::NoFiles;
use trama_lang::ir::Program;
use trama_native::NativeEngine;
use trama_wire::header::HeaderId;
use trama_wire::{Packet, Pool};

const PORTS: usize = 64_512;
const FLOWS: u32 = 70_000;
const PUBLIC: u128 = 0xcb00_7107;
const SERVER: u128 = 0xc633_640a;

/// An inside end: (address, port).
type Inside = (u128, u128);

fn program() -> Arc<Program> {
    let text = "network translated {
    port lan, wan
    lan <-> Nat(public: 203.0.113.7) <-> wan
}
";
    let mut unit = Unit::parse("exhaustion", text, &NoFiles);
    let checked = unit.check(&Options::default(), &NoFiles);
    Arc::new(checked.program.expect("the program is sound"))
}

fn inside(n: u32) -> Inside {
    (0x0a00_0000 + u128::from(n / 40_000), 1000 + u128::from(n % 40_000))
}

fn packet(port: u32, now: Nanos, from: Inside, to: Inside) -> Packet {
    let set = |header: HeaderId, name, value: u128| {
        (header.field(name).expect("the header table has it"), value)
    };
    let ip = vec![set(HeaderId::IP, "src", from.0), set(HeaderId::IP, "dst", to.0)];
    let udp = vec![set(HeaderId::UDP, "src", from.1), set(HeaderId::UDP, "dst", to.1)];
    let stack = [(HeaderId::ETH, vec![]), (HeaderId::IP, ip), (HeaderId::UDP, udp)];
    let mut packet = Packet::build(&stack, b"payload").expect("it can always be built");
    (packet.port, packet.time) = (port, now);
    packet
}

fn run(engine: &mut NativeEngine, pool: &mut Pool, packet: Packet) -> Option<Packet> {
    let mut output = Vec::new();
    engine.process(&mut vec![Box::new(packet)], &mut output, pool);
    output.pop().map(|packet| *packet)
}

fn end(packet: &Packet, address: &str, port: &str) -> Inside {
    let get = |header: HeaderId, name: &str| {
        packet.get(header.field(name).expect("the header table has it"))
    };
    (get(HeaderId::IP, address), get(HeaderId::UDP, port))
}

fn drops(engine: &mut NativeEngine, reason: &str) -> u64 {
    let program = program();
    let report = engine.report();
    let index = program.nodes[0].reasons.iter().position(|r| r == reason);
    report.nodes[0].drops[index.expect("the element has this reason")]
}

#[test]
fn a_translation_out_of_ports_refuses_and_confuses_nobody() {
    let start = Nanos::from_secs(1);
    let mut engine = NativeEngine::new(program(), start, 3).expect("it runs");
    let mut pool = Pool::default();
    let server = (SERVER, 53);
    let mut mapped: BTreeMap<u128, Inside> = BTreeMap::new();
    for n in 0..FLOWS {
        let Some(sent) = run(&mut engine, &mut pool, packet(0, start, inside(n), server)) else {
            continue;
        };
        let (address, port) = end(&sent, "src", "src");
        assert_eq!(address, PUBLIC);
        let before = mapped.insert(port, inside(n));
        assert_eq!(before, None, "public port {port} was given to two");
    }
    assert_eq!(mapped.len(), PORTS, "every port is used");
    let refused = u64::from(FLOWS) - PORTS as u64;
    assert_eq!(drops(&mut engine, "no free port"), refused);
    // Whoever has a port keeps it, and each answer finds its flow.
    for (port, inside) in mapped.iter().step_by(101) {
        let answer = packet(1, start, server, (PUBLIC, *port));
        let sent = run(&mut engine, &mut pool, answer).expect("a mapped port is let in");
        assert_eq!(end(&sent, "dst", "dst"), *inside);
        let again = run(&mut engine, &mut pool, packet(0, start, *inside, server));
        assert_eq!(again.map(|p| end(&p, "src", "src")), Some((PUBLIC, *port)));
    }
    // When their time is over, others get the ports, and old answers find no one.
    let later = start + Nanos::from_secs(301);
    let stranger = packet(1, later, server, (PUBLIC, *mapped.keys().next().expect("there are")));
    assert!(run(&mut engine, &mut pool, stranger).is_none());
    for n in 0..PORTS as u32 {
        let new = packet(0, later, inside(n + FLOWS), server);
        assert!(run(&mut engine, &mut pool, new).is_some(), "flow {n} of the second wave");
    }
    assert_eq!(drops(&mut engine, "no free port"), refused);
}
