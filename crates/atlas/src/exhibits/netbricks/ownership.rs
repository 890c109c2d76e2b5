//! The same packets come out of every mode; in one address space they are the same memory; and
//! where elements are processes, one that dies takes nobody along.

use super::chain::{Chain, HOP, Mode, START, frame};
use super::check;
use crate::evidence::Evidence;
use trama_base::Nanos;
use trama_lang::engine::{Engine, Entry, LogLine, Report};
use trama_lang::interp::Interpreter;
use trama_lang::records::{Record, RecordSink};
use trama_live::clock;
use trama_live::parallel::Isolation;
use trama_live::signal::{self, Kind};
use trama_wire::{Packet, Pool};

const PACKETS: u32 = 2_000;

fn packets(count: u32) -> Vec<Box<Packet>> {
    let packet = |number| {
        let mut packet = Box::new(Packet::new(&frame(number)));
        packet.time = START;
        packet
    };
    (0..count).map(packet).collect()
}

/// What leaves, in order.
fn run(engine: &mut dyn Engine, mut input: Vec<Box<Packet>>) -> Vec<Box<Packet>> {
    let (mut output, mut pool) = (Vec::new(), Pool::default());
    while !input.is_empty() {
        let rest = input.split_off(input.len().min(64));
        engine.process(&mut input, &mut output, &mut pool);
        input = rest;
    }
    engine.drain(true, &mut output, &mut pool);
    output
}

fn bytes(packets: &[Box<Packet>]) -> Vec<(u32, Vec<u8>)> {
    packets.iter().map(|packet| (packet.port, packet.bytes().to_vec())).collect()
}

/// All modes against the reference interpreter; the control is a chain with another element.
pub(super) fn equality(evidence: &mut Evidence) -> Result<(), String> {
    let chain = Chain::new(4)?;
    let mut reference = Interpreter::new(std::sync::Arc::clone(&chain.program), START, 0)
        .map_err(|error| error.to_string())?;
    let expected = bytes(&run(&mut reference, packets(PACKETS)));
    for mode in [Mode::Together, Mode::Threads, Mode::Processes] {
        let found = bytes(&run(&mut *chain.engine(mode)?, packets(PACKETS)));
        let what = format!("{}: what leaves equals the reference interpreter's", mode.label());
        let detail = format!("{} of {PACKETS} packets, in order", found.len());
        evidence.checks.push(check(what, found == expected && !found.is_empty(), detail));
    }
    let wrong = Chain::of(&HOP.replace("ttl -= 1", "ttl -= 2"), "Hop", 4)?;
    let found = bytes(&run(&mut *wrong.engine(Mode::Together)?, packets(PACKETS)));
    evidence.controls.push(check(
        "an element that counts down by two is found",
        found != expected,
        "its packets differ from the reference's",
    ));
    Ok(())
}

/// Copies each packet, as an engine would that does not trust its elements.
struct Copying(Box<dyn Engine>);

impl Engine for Copying {
    fn process(
        &mut self,
        input: &mut Vec<Box<Packet>>,
        output: &mut Vec<Box<Packet>>,
        pool: &mut Pool,
    ) {
        let mut copies = input.clone();
        // The originals stay here, so that their memory is not used for the copies.
        self.0.process(&mut copies, output, pool);
    }

    fn advance(&mut self, now: Nanos, output: &mut Vec<Box<Packet>>, pool: &mut Pool) {
        self.0.advance(now, output, pool);
    }

    fn finish(&mut self, now: Nanos, output: &mut Vec<Box<Packet>>, pool: &mut Pool) {
        self.0.finish(now, output, pool);
    }

    fn next_timeout(&self) -> Option<Nanos> {
        self.0.next_timeout()
    }

    fn set_records(&mut self, sink: Box<dyn RecordSink>) {
        self.0.set_records(sink);
    }

    fn take_records(&mut self) -> Vec<Record> {
        self.0.take_records()
    }

    fn report(&mut self) -> Report {
        self.0.report()
    }

    fn state(&mut self, node: usize, state: usize) -> Vec<Entry> {
        self.0.state(node, state)
    }

    fn take_logs(&mut self) -> Vec<LogLine> {
        self.0.take_logs()
    }
}

/// How many packets leave in the memory in which they came.
fn in_place(engine: &mut dyn Engine) -> usize {
    let mut kept = 0;
    for batch in packets(PACKETS).chunks_mut(64) {
        let mut input: Vec<Box<Packet>> = batch.iter_mut().map(std::mem::take).collect();
        let before: Vec<*const u8> = input.iter().map(|packet| packet.bytes().as_ptr()).collect();
        let (mut output, mut pool) = (Vec::new(), Pool::new(0));
        engine.process(&mut input, &mut output, &mut pool);
        engine.drain(true, &mut output, &mut pool);
        let after = output.iter().map(|packet| packet.bytes().as_ptr());
        kept += after.zip(before).filter(|(after, before)| after == before).count();
    }
    kept
}

/// Nothing is copied in one address space, however long the chain.
pub(super) fn zero_copy(evidence: &mut Evidence) -> Result<(), String> {
    let chain = Chain::new(16)?;
    for mode in [Mode::Together, Mode::Threads] {
        let kept = in_place(&mut *chain.engine(mode)?);
        evidence.checks.push(check(
            format!(
                "{}: packets leave a chain of 16 in the memory in which they came",
                mode.label()
            ),
            kept == PACKETS as usize,
            format!("{kept} of {PACKETS}"),
        ));
    }
    let kept = in_place(&mut Copying(chain.engine(Mode::Together)?));
    evidence.controls.push(check(
        "an engine that copies packets is found",
        kept == 0,
        format!("{kept} of {PACKETS} in place"),
    ));
    Ok(())
}

/// A stage is killed; the chain goes on, and every packet is accounted for.
pub(super) fn containment(evidence: &mut Evidence) -> Result<(), String> {
    let chain = Chain::new(4)?;
    let mut apart = chain.apart(Isolation::Processes)?;
    let stages = apart.stages();
    let before = run(&mut apart, packets(PACKETS)).len();
    let others = |except: usize| -> Vec<Option<u32>> {
        let stages = stages.now();
        let rest = stages.iter().enumerate().filter(|(index, _)| *index != except);
        rest.map(|(_, stage)| stage.pid).collect()
    };
    let (victim, rest) = (stages.now()[1].pid, others(1));
    let killed = victim.is_some_and(|pid| signal::send(pid, Kind::Kill));
    let (mut entered, mut left) = (PACKETS as usize, before);
    let deadline = clock::monotonic() + Nanos::from_secs(10);
    let recovered = loop {
        let passed = run(&mut apart, packets(PACKETS)).len();
        entered += PACKETS as usize;
        left += passed;
        if passed == PACKETS as usize && stages.now()[1].restarts > 0 {
            break true;
        }
        if clock::monotonic() > deadline {
            break false;
        }
    };
    let stage = stages.now()[1].clone();
    let lost: u64 = stage.lost.values().sum();
    let what = stage.incidents.first().map_or("nothing", |incident| &incident.what);
    evidence.checks.push(check(
        "processes: an element that is killed in mid-traffic is reported and made anew, and the \
         others go on",
        killed && recovered && others(1) == rest && stage.restarts == 1,
        format!("{}: {what}; the other processes are what they were", stage.name),
    ));
    evidence.checks.push(check(
        "processes: every packet left or is counted as lost",
        left as u64 + lost == entered as u64,
        format!("{entered} entered, {left} left, {lost} lost"),
    ));
    Ok(())
}
