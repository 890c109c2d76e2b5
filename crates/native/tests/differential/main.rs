//! Machine code against the reference interpreter: random programs over random packets.
//!
//! `TRAMA_FUZZ_ROUNDS` sets how many programs are tried, `TRAMA_FUZZ_SEED` the first seed; a
//! failure prints the seed of its program.

mod body;
mod captures;
mod each;
mod exhaustion;
mod expr;
mod library;
mod limits;
mod mutant;
mod packets;
mod program;

use std::sync::Arc;
use trama_base::{Nanos, Rng};
use trama_lang::engine::Engine;
use trama_lang::interp::Interpreter;
use trama_lang::ir::Program;
use trama_native::NativeEngine;
use trama_native::differential::{Mismatch, compare, compare_engines};
use trama_wire::header::HeaderId;
use trama_wire::{Packet, Pool};

const START: Nanos = Nanos(1_000_000_000);
const IDLE: Nanos = Nanos(1 << 33);
const PACKETS: usize = 100;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// The program and the packets of a seed.
fn case(seed: u64) -> (Program, Vec<Packet>) {
    let program = program::program(&mut Rng::stream(seed, "program"));
    let ports = program.ports.len() as u32;
    let packets = packets::stream(&mut Rng::stream(seed, "packets"), START, ports, PACKETS);
    (program, packets)
}

#[test]
fn random_programs_agree_with_the_reference() {
    let first = number("TRAMA_FUZZ_SEED", 1);
    for seed in first..first + number("TRAMA_FUZZ_ROUNDS", 300) {
        let (program, packets) = case(seed);
        let program = Arc::new(program);
        if let Err(mismatch) = compare(&program, START, &packets, IDLE) {
            panic!("TRAMA_FUZZ_SEED={seed} TRAMA_FUZZ_ROUNDS=1: {mismatch}");
        }
    }
}

/// The negative control: each deliberate fault is noticed within some hundred programs.
#[test]
fn a_wrong_engine_is_found() {
    const PROGRAMS: u64 = 1000;
    for fault in mutant::FAULTS {
        let found = (1..=PROGRAMS).find(|&seed| {
            let (program, packets) = case(seed);
            let mut wrong = program.clone();
            mutant::apply(&mut wrong, fault);
            let mut reference = Interpreter::new(program.clone(), START, 1).expect("well-formed");
            let mut subject = NativeEngine::new(wrong, START, 2).expect("well-formed");
            let engines = [&mut reference as &mut dyn Engine, &mut subject];
            let verdict = compare_engines(&program, engines, &packets, IDLE);
            matches!(verdict, Err(Mismatch::Differs { .. }))
        });
        let Some(seed) = found else {
            panic!("{PROGRAMS} programs did not show `{}`", fault.name);
        };
        println!("`{}` shows in program {seed}", fault.name);
    }
}

/// The generator reaches what it is meant to reach.
#[test]
fn random_programs_do_something() {
    let (mut received, mut sent, mut dropped, mut logged, mut entries) = (0, 0, 0, 0, 0);
    for seed in 1..=100 {
        let (program, packets) = case(seed);
        let mut engine = NativeEngine::new(program, START, 0).expect("well-formed");
        let mut input = packets.into_iter().map(Box::new).collect();
        let mut output = Vec::new();
        engine.process(&mut input, &mut output, &mut Pool::default());
        let report = engine.report();
        received += report.nodes.iter().flat_map(|n| &n.received).map(|t| t.packets).sum::<u64>();
        dropped += report.nodes.iter().flat_map(|n| &n.drops).sum::<u64>();
        entries += report.nodes.iter().flat_map(|n| &n.states).map(|s| s.inserted).sum::<u64>();
        sent += output.len();
        logged += engine.take_logs().len();
    }
    println!("{received} received, {sent} sent, {dropped} dropped, {logged} lines, {entries} new");
    assert!(received > 5_000 && sent > 2_000 && dropped > 1_000);
    assert!(logged > 500 && entries > 500);
}

/// What events of several handlers rely on: a packet has at most one network and one transport
/// header, and its ports with either transport.
#[test]
fn headers_of_one_layer_exclude_each_other() {
    let layers = [
        &[HeaderId::ARP, HeaderId::IP, HeaderId::IP6][..],
        &[HeaderId::TCP, HeaderId::UDP, HeaderId::ICMP, HeaderId::ICMP6],
    ];
    let mut rng = Rng::stream(5, "layers");
    for seed in 0..200 {
        for mut packet in packets::stream(&mut Rng::stream(seed, "packets"), START, 2, PACKETS) {
            let at = rng.below(packet.len().max(1) as u64) as usize;
            if let Some(byte) = packet.bytes_mut().get_mut(at) {
                *byte = rng.next_u64() as u8;
            }
            packet.parse();
            let present = packet.layout().present;
            for layer in layers {
                assert!(layer.iter().filter(|id| present.has(**id)).count() <= 1, "{present:?}");
            }
            let transport = present.has(HeaderId::TCP) || present.has(HeaderId::UDP);
            assert_eq!(present.has(HeaderId::L4), transport, "{present:?}");
        }
    }
}
