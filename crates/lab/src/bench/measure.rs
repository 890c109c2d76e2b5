//! Interleaved rounds.

use super::hand::{self, Hand};
use super::traffic::Traffic;
use super::workload::{Workload, WorkloadError};
use std::sync::Arc;
use trama_base::Nanos;
use trama_base::stats::Spread;
use trama_lang::engine::Engine;
use trama_live::clock;
use trama_wire::{Packet, Pool};

/// Packets given to an engine at once.
const BATCH: usize = 64;

/// Packets of which the function written by hand must make what the program makes.
const COMPARED: usize = 20_000;

/// When measurements start.
const START: Nanos = Nanos::from_secs(1_700_000_000);

/// What to measure beside machine code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Beside {
    /// The same function written by hand, where there is one.
    pub hand: bool,
    /// The reference interpreter, with a hundredth of the packets.
    pub interpreter: bool,
    /// Leave machine code out.
    pub alone: bool,
}

/// How to measure.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Rounds of each workload.
    pub rounds: u32,
    /// Packets of a round.
    pub packets: u32,
    /// What to measure beside machine code.
    pub beside: Beside,
}

/// A workload with its traffic: a line of a table, or a point of a curve.
#[derive(Clone, Debug)]
pub struct Case {
    /// The program.
    pub workload: Workload,
    /// Flows.
    pub flows: u32,
    /// Length of a frame in bytes.
    pub frame_bytes: u32,
}

/// The result for one case: nanoseconds per packet, over the rounds.
#[derive(Clone, Debug)]
pub struct Measurement {
    /// What was measured.
    pub case: Case,
    /// As machine code.
    pub native_ns: Option<Spread>,
    /// Written by hand.
    pub hand_ns: Option<Spread>,
    /// Machine code over hand, round by round: what the two took right after each other.
    pub ratio: Option<Spread>,
    /// On the reference interpreter.
    pub interpreter_ns: Option<Spread>,
    /// Share of the packets that left again.
    pub forwarded: f64,
}

/// What takes packets.
enum Subject {
    Engine(Box<dyn Engine>),
    Hand(Box<dyn Hand>),
}

impl Subject {
    fn process(
        &mut self,
        input: &mut Vec<Box<Packet>>,
        output: &mut Vec<Box<Packet>>,
        pool: &mut Pool,
    ) {
        match self {
            Self::Engine(engine) => engine.process(input, output, pool),
            Self::Hand(hand) => hand::process(&mut **hand, input, output, pool),
        }
    }
}

/// A subject with its traffic.
struct Lane {
    subject: Subject,
    traffic: Arc<Traffic>,
    next: usize,
    now: Nanos,
    sent: u64,
    given: u64,
    rounds_ns: Vec<f64>,
}

impl Lane {
    fn new(subject: Subject, traffic: Arc<Traffic>) -> Self {
        let rounds_ns = Vec::new();
        Self { subject, traffic, next: 0, now: START, sent: 0, given: 0, rounds_ns }
    }

    /// Sends a batch through.
    fn batch(&mut self, size: usize, output: &mut Vec<Box<Packet>>, pool: &mut Pool) {
        // A packet each 100 ns: 10 Mpps of arrival time.
        self.now += Nanos(100 * size as u64);
        let mut input = Vec::with_capacity(size);
        for _ in 0..size {
            let (frame, port) = self.traffic.frame(self.next);
            self.next += 1;
            let mut packet = pool.take();
            packet.refill(frame);
            packet.port = port;
            packet.time = self.now;
            input.push(packet);
        }
        self.subject.process(&mut input, output, pool);
        self.given += size as u64;
        self.sent += output.len() as u64;
    }

    /// Sends `packets` packets through and notes the mean time of one.
    fn round(&mut self, packets: usize, pool: &mut Pool) {
        let mut output = Vec::with_capacity(BATCH);
        let start = clock::monotonic();
        let mut left = packets;
        while left > 0 {
            let batch = left.min(BATCH);
            self.batch(batch, &mut output, pool);
            output.drain(..).for_each(|packet| pool.give(packet));
            left -= batch;
        }
        let elapsed = clock::monotonic().since(start);
        self.rounds_ns.push(elapsed.0 as f64 / packets as f64);
    }

    /// The rounds but the first, which warms caches.
    fn rounds(&self) -> &[f64] {
        &self.rounds_ns[1.min(self.rounds_ns.len())..]
    }
}

/// The lanes of a case.
struct Lanes {
    case: Case,
    native: Option<Lane>,
    hand: Option<Lane>,
    interpreter: Option<Lane>,
}

impl Lanes {
    fn new(case: &Case, beside: Beside) -> Result<Self, WorkloadError> {
        let (workload, flows, frame_bytes) = (&case.workload, case.flows, case.frame_bytes);
        let program = workload.program()?;
        let mut engine = workload.engine(&program, START, false)?;
        let traffic = Arc::new(workload.traffic(&mut *engine, flows, frame_bytes, START)?);
        let lane = |subject| Lane::new(subject, Arc::clone(&traffic));
        let mut native = lane(Subject::Engine(engine));
        let hand = beside.hand.then(|| workload.hand(flows, frame_bytes, START)).flatten();
        let mut hand = hand.map(|hand| lane(Subject::Hand(hand)));
        if let Some(hand) = &mut hand {
            compare(&workload.name, &mut native, hand)?;
        }
        let mut interpreter = None;
        if beside.interpreter {
            let mut slow = workload.engine(&program, START, true)?;
            workload.traffic(&mut *slow, flows, frame_bytes, START)?;
            interpreter = Some(lane(Subject::Engine(slow)));
        }
        let native = (!beside.alone).then_some(native);
        Ok(Self { case: case.clone(), native, hand, interpreter })
    }

    fn round(&mut self, packets: usize, pool: &mut Pool) {
        for lane in [&mut self.native, &mut self.hand].into_iter().flatten() {
            lane.round(packets, pool);
        }
        if let Some(slow) = &mut self.interpreter {
            slow.round((packets / 100).max(BATCH), pool);
        }
    }

    fn finish(self) -> Measurement {
        let spread = |lane: &Option<Lane>| lane.as_ref().and_then(|l| Spread::of(l.rounds()));
        let ratio = self.native.as_ref().zip(self.hand.as_ref()).and_then(|(native, hand)| {
            let pairs = native.rounds().iter().zip(hand.rounds());
            Spread::of(&pairs.map(|(native, hand)| native / hand).collect::<Vec<_>>())
        });
        let first = [&self.native, &self.hand, &self.interpreter].into_iter().flatten().next();
        Measurement {
            native_ns: spread(&self.native),
            hand_ns: spread(&self.hand),
            ratio,
            interpreter_ns: spread(&self.interpreter),
            forwarded: first.map_or(0.0, |lane| lane.sent as f64 / lane.given.max(1) as f64),
            case: self.case,
        }
    }
}

/// Holds what two lanes make of the same packets against each other.
fn compare(name: &str, native: &mut Lane, hand: &mut Lane) -> Result<(), WorkloadError> {
    let mut pool = Pool::default();
    let seen = |packets: &[Box<Packet>]| -> Vec<(u32, Vec<u8>)> {
        packets.iter().map(|packet| (packet.port, packet.bytes().to_vec())).collect()
    };
    for _ in 0..COMPARED.div_ceil(BATCH) {
        let (mut expected, mut found) = (Vec::new(), Vec::new());
        native.batch(BATCH, &mut expected, &mut pool);
        hand.batch(BATCH, &mut found, &mut pool);
        if seen(&expected) != seen(&found) {
            let packets = native.given;
            return Err(WorkloadError::Differs { name: name.into(), packets });
        }
    }
    Ok(())
}

/// Compares what a case's function written by hand, as `change` makes it, sends.
#[cfg(test)]
pub(super) fn compare_with(
    case: &Case,
    change: impl FnOnce(Box<dyn Hand>) -> Box<dyn Hand>,
) -> Result<(), WorkloadError> {
    let beside = Beside { hand: true, ..Beside::default() };
    let mut lanes = Lanes::new(case, beside)?;
    let (Some(native), Some(mut hand)) = (&mut lanes.native, lanes.hand) else { return Ok(()) };
    if let Subject::Hand(inner) = hand.subject {
        hand.subject = Subject::Hand(change(inner));
    }
    compare(&case.workload.name, native, &mut hand)
}

/// Measures cases, all rounds interleaved.
pub fn measure(cases: &[Case], plan: &Plan) -> Result<Vec<Measurement>, WorkloadError> {
    let lanes = cases.iter().map(|case| Lanes::new(case, plan.beside));
    let mut lanes = lanes.collect::<Result<Vec<_>, _>>()?;
    let mut pool = Pool::default();
    for _ in 0..=plan.rounds {
        lanes.iter_mut().for_each(|lanes| lanes.round(plan.packets as usize, &mut pool));
    }
    Ok(lanes.into_iter().map(Lanes::finish).collect())
}
