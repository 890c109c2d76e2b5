//! Nanoseconds per packet of compiled programs: 64-byte packets of many flows from memory, copied
//! into their buffers, parsed, processed and given back, on one core.
//!
//! `cargo bench -p trama-native` prints the least, median and greatest of interleaved rounds.
//! Arguments: a part of the names of the programs to measure, the number of flows, that of rounds.
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock; the crate does not")]
#![allow(clippy::unwrap_used, reason = "a benchmark fails where it is surprised")]

mod edge;

use std::sync::Arc;
use std::time::Instant;
use trama_base::stats::Spread;
use trama_base::{Nanos, Rng};
use trama_lang::engine::Engine;
use trama_lang::interp::Interpreter;
use trama_native::NativeEngine;
use trama_wire::header::HeaderId;
use trama_wire::{Packet, Pool};

const ROUNDS: usize = 9;
const FLOWS: usize = 64_000;
const PACKETS: usize = 1 << 19;
const BATCH: usize = 64;

/// Frames with the external port each enters at.
type Traffic = Vec<(u32, [u8; 64])>;

/// A program under measurement.
struct Subject {
    name: String,
    engine: Box<dyn Engine>,
    traffic: Traffic,
    pool: Pool,
    now: Nanos,
}

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| !arg.starts_with('-'));
    let wanted = args.next().unwrap_or_default();
    let flows = args.next().map_or(FLOWS, |arg| arg.parse().unwrap());
    let rounds = args.next().map_or(ROUNDS, |arg| arg.parse().unwrap());
    println!("{flows} flows, batches of {BATCH}, {rounds} rounds of {PACKETS} packets");
    compile_times();
    let mut subjects: Vec<Subject> = edge::programs()
        .iter()
        .flat_map(|p| subjects_of(p, flows))
        .filter(|s| s.name.contains(&wanted))
        .collect();
    let mut times = vec![Vec::new(); subjects.len() + 1];
    for _ in 0..rounds {
        times[0].push(copy_and_parse(&traffic("wire", flows)));
        for (subject, times) in subjects.iter_mut().zip(&mut times[1..]) {
            times.push(subject.round(PACKETS));
        }
    }
    println!("{:<28}{:>8}{:>8}{:>8}  ns per packet{:>8}", "", "min", "median", "max", "Mpps");
    let names = std::iter::once("copy and parse alone").chain(subjects.iter().map(|s| &*s.name));
    for (name, times) in names.zip(&times) {
        let spread = Spread::of(times).unwrap();
        let rate = 1e3 / spread.median;
        println!(
            "{name:<28}{:>8.1}{:>8.1}{:>8.1}{rate:>22.2}",
            spread.min, spread.median, spread.max
        );
    }
    let program = edge::programs().pop().unwrap();
    let engine = Interpreter::new(program, Nanos(1), 0).unwrap();
    let mut slow = Subject::new("edge".into(), Box::new(engine), traffic("edge", flows));
    println!("for comparison, the interpreter: {:.0} ns", slow.round(1 << 16));
}

/// Time from a program to an engine that is ready.
fn compile_times() {
    for program in edge::programs() {
        let (name, program) = (program.name.clone(), Arc::new(program));
        let times: Vec<f64> = (0..5)
            .map(|_| {
                let start = Instant::now();
                NativeEngine::new(Arc::clone(&program), Nanos(1), 0).unwrap();
                start.elapsed().as_secs_f64() * 1e3
            })
            .collect();
        let engine = NativeEngine::new(program, Nanos(1), 0).unwrap();
        let code = engine.code();
        let (handlers, bytes) = (code.handlers.len(), code.code_bytes());
        let spread = Spread::of(&times).unwrap();
        println!(
            "compile {name:<10} {handlers} handlers, {bytes} bytes: {:.1} {:.1} {:.1} ms \
             (min median max)",
            spread.min, spread.median, spread.max
        );
    }
}

/// The program with outgoing packets, and with both ways mixed.
fn subjects_of(program: &trama_lang::ir::Program, flows: usize) -> Vec<Subject> {
    let program = Arc::new(program.clone());
    let engine = || Box::new(NativeEngine::new(Arc::clone(&program), Nanos(1), 7).unwrap());
    let out = traffic(&program.name, flows);
    let mut both = Subject::new(format!("{} both ways", program.name), engine(), out.clone());
    both.traffic = answered(&out, &mut both, flows);
    vec![Subject::new(format!("{} outward", program.name), engine(), out), both]
}

impl Subject {
    fn new(name: String, engine: Box<dyn Engine>, traffic: Traffic) -> Self {
        Self { name, engine, traffic, pool: Pool::default(), now: Nanos(1) }
    }

    /// Sends packets through; nanoseconds for each. All must come out.
    fn round(&mut self, packets: usize) -> f64 {
        let (mut input, mut output) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
        let mut left = 0;
        let start = Instant::now();
        for batch in 0..packets / BATCH {
            self.now += Nanos::from_micros(10);
            let first = batch * BATCH % (self.traffic.len() - BATCH);
            for (port, frame) in &self.traffic[first..first + BATCH] {
                let mut packet = self.pool.take();
                packet.refill(frame);
                (packet.port, packet.time) = (*port, self.now);
                input.push(packet);
            }
            self.engine.process(&mut input, &mut output, &mut self.pool);
            left += output.len();
            output.drain(..).for_each(|packet| self.pool.give(packet));
        }
        let elapsed = start.elapsed().as_nanos() as f64;
        assert_eq!(left, packets, "{}: every packet comes out", self.name);
        elapsed / packets as f64
    }
}

fn copy_and_parse(traffic: &Traffic) -> f64 {
    let mut pool = Pool::default();
    let mut batch = Vec::with_capacity(BATCH);
    let start = Instant::now();
    for n in 0..PACKETS / BATCH {
        let first = n * BATCH % (traffic.len() - BATCH);
        for (_, frame) in &traffic[first..first + BATCH] {
            let mut packet = pool.take();
            packet.refill(frame);
            batch.push(packet);
        }
        batch.drain(..).for_each(|packet| pool.give(packet));
    }
    start.elapsed().as_nanos() as f64 / PACKETS as f64
}

/// Packets of random flows from the inside.
fn traffic(seed: &str, count: usize) -> Traffic {
    let mut rng = Rng::stream(1, seed);
    let flows: Vec<[u8; 64]> = (0..count as u32).map(|n| frame(&mut rng, n)).collect();
    (0..count * 4).map(|n| (0, if n < count { flows[n] } else { *rng.pick(&flows) })).collect()
}

/// A TCP packet from inside endpoint `n` to somewhere.
fn frame(rng: &mut Rng, n: u32) -> [u8; 64] {
    let field = |id: HeaderId, name| id.field(name).unwrap();
    let (ip, tcp) = (HeaderId::IP, HeaderId::TCP);
    let stack = [
        (
            ip,
            vec![
                (field(ip, "src"), u128::from(0x0a00_0000 + n / 16)),
                (field(ip, "dst"), u128::from(rng.below(1 << 32))),
            ],
        ),
        (
            tcp,
            vec![
                (field(tcp, "src"), u128::from(20_000 + n % 16)),
                (field(tcp, "dst"), 443),
                (field(tcp, "flags"), 0x10),
            ],
        ),
    ];
    let packet = Packet::build(&stack, &[0; 10]).unwrap();
    packet.bytes().try_into().unwrap()
}

/// Half of the packets replaced by answers to what came out for them.
fn answered(out: &Traffic, subject: &mut Subject, flows: usize) -> Traffic {
    let mut mixed = out.clone();
    for (n, (_, frame)) in out.iter().enumerate() {
        let mut packet = Box::new(Packet::new(frame));
        packet.time = subject.now;
        let mut output = Vec::new();
        subject.engine.process(&mut vec![packet], &mut output, &mut subject.pool);
        let seen = output.pop().unwrap();
        if n >= flows && n % 2 == 0 {
            let mut back = [0; 64];
            back.copy_from_slice(seen.bytes());
            for (a, b, len) in [(26, 30, 4), (34, 36, 2)] {
                let (left, right) = back.split_at_mut(b);
                left[a..a + len].swap_with_slice(&mut right[..len]);
            }
            mixed[n] = (1, back);
        }
    }
    mixed
}
