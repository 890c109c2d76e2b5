//! Machine code against the reference interpreter: random programs over random packets.
//!
//! `TRAMA_FUZZ_ROUNDS` sets how many programs are tried, `TRAMA_FUZZ_SEED` the first seed; a
//! failure prints the seed of its program.

mod body;
mod expr;
mod packets;
mod program;

use std::sync::Arc;
use trama_base::{Nanos, Rng};
use trama_lang::interp::Interpreter;
use trama_lang::ir::{BinaryOp, Expr, ExprKind, Program, Stmt, StmtKind};
use trama_native::NativeEngine;
use trama_native::differential::{Mismatch, compare, compare_engines};
use trama_wire::Packet;

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
