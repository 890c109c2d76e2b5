//! Traces in memory on several cores: each core has its share of the frames before the run begins.
//!
//! A card with several receive queues hashes packets itself, so that cores never hand packets to
//! each other. Here the hash is computed when the traces are loaded; what is measured afterwards is
//! what the cores do.

use super::{CoreLoad, MakeSeat};
use crate::clock;
use crate::io::Counters;
use crate::io::memory::MemorySource;
use crate::run::{Batch, Inputs, PortCounters, Progress, RunOptions, RunSummary, StopReason};
use std::sync::Barrier;
use trama_base::Nanos;
use trama_lang::cores::{Division, Seat, Steering, Target, combine};
use trama_lang::engine::{Engine, LogLine};
use trama_lang::ir::{Program, StreamId};
use trama_lang::snapshot::Snapshot;
use trama_wire::{Packet, Pool};

/// What a run came to.
pub struct Outcome {
    /// Counters and state of the program as a whole.
    pub engine: Snapshot,
    /// What the runner says.
    pub summary: RunSummary,
    /// What each core did.
    pub loads: Vec<CoreLoad>,
    /// What each core did while the clock ran.
    pub measured: Vec<CoreLoad>,
}

/// One core while it runs.
struct Core {
    engine: Box<dyn Engine>,
    inputs: Inputs,
    /// Packets to take before the clock runs, and taken so far.
    warm: u64,
    taken: u64,
    /// What was done while it ran.
    measured: CoreLoad,
    /// Sent by external port.
    sent: Vec<Counters>,
    steering: Steering,
    progress: Progress,
    echo: Vec<Box<Packet>>,
    logs: Vec<LogLine>,
}

/// What to run, and how.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    /// The program.
    pub program: &'a Program,
    /// How it is cut up. It must have no [keeper](Division::has_keeper): cores have no common time
    /// here.
    pub division: &'a Division,
    /// Over how many cores.
    pub cores: usize,
    /// Each core takes its part of the traces once before the clock runs.
    pub warm_up: bool,
}

/// Runs a program on traces; what leaves and what is emitted is discarded.
pub fn run(
    plan: &Plan<'_>,
    traces: &[(u32, MemorySource)],
    options: &RunOptions,
    make: &MakeSeat,
) -> Result<Outcome, String> {
    let Plan { program, division, cores, warm_up } = *plan;
    let steering = Steering::new(division, cores);
    let start = traces.iter().filter_map(|(_, trace)| trace.first()).min().unwrap_or_default();
    let mut shadow = seated(make, Seat::Shadow, start)?;
    let mut all = Vec::new();
    for core in 0..cores {
        let (mut inputs, mut warm) = (Inputs::default(), 0);
        for (port, trace) in traces {
            let mut steering = steering.clone();
            let part = trace.part(|packet| {
                packet.port = *port;
                match steering.target(packet) {
                    Target::Core(target) => target == core,
                    Target::All => true,
                }
            });
            warm += if warm_up { part.len() as u64 } else { 0 };
            inputs.add(*port, Box::new(part));
        }
        inputs.set_loops(options.loops);
        all.push(Core {
            warm,
            taken: 0,
            measured: CoreLoad::default(),
            engine: seated(make, Seat::Core(core), start)?,
            inputs,
            sent: vec![Counters::default(); program.ports.len()],
            steering: steering.clone(),
            progress: Progress::default(),
            echo: Vec::new(),
            logs: Vec::new(),
        });
    }
    let began = Barrier::new(cores + 1);
    let (mut stop, mut elapsed) = (StopReason::EndOfInput, Nanos::ZERO);
    std::thread::scope(|scope| {
        let began = &began;
        let run = |(index, core): (usize, &mut Core)| -> StopReason {
            core.run(index, division.has_broadcast, options, began)
        };
        let handles: Vec<_> =
            all.iter_mut().enumerate().map(|core| scope.spawn(move || run(core))).collect();
        began.wait();
        let before = clock::monotonic();
        for handle in handles {
            match handle.join() {
                Ok(StopReason::EndOfInput) => {}
                Ok(other) => stop = other,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        elapsed = clock::monotonic().since(before);
    });
    feed_shadow(&mut *shadow, traces, &steering, division, options);
    Ok(finish(program, division, all, shadow, stop, elapsed))
}

/// An engine whose records nobody wants.
fn seated(make: &MakeSeat, seat: Seat, start: Nanos) -> Result<Box<dyn Engine>, String> {
    let mut engine = make(seat, start)?;
    engine.set_records(Box::new(|_: Nanos, _: u32, _: StreamId, _: &[u128]| {}));
    Ok(engine)
}

impl Core {
    fn run(
        &mut self,
        index: usize,
        has_broadcast: bool,
        options: &RunOptions,
        began: &Barrier,
    ) -> StopReason {
        let before = clock::thread_cpu();
        let mut began = Some(began);
        let stop = self.work(index, has_broadcast, options, &mut began);
        let after = clock::thread_cpu();
        self.progress.busy = after.since(before);
        if let Some(began) = began.take() {
            // There was no more than the warming up.
            began.wait();
        } else {
            self.measured.busy = after.since(self.measured.busy);
            self.measured.packets = self.taken - self.measured.packets;
        }
        stop
    }

    /// Works until something ends it; waits for the others where the clock begins to run.
    fn work(
        &mut self,
        index: usize,
        has_broadcast: bool,
        options: &RunOptions,
        began: &mut Option<&Barrier>,
    ) -> StopReason {
        let mut batch = Batch::default();
        let mut started = clock::monotonic();
        loop {
            if self.taken >= self.warm
                && let Some(began) = began.take()
            {
                began.wait();
                started = clock::monotonic();
                self.measured = CoreLoad { packets: self.taken, busy: clock::thread_cpu() };
            }
            if options.stop.is_raised() {
                return StopReason::Asked;
            }
            let now = clock::monotonic();
            if options.duration.is_some_and(|duration| now.since(started) >= duration) {
                return StopReason::Duration;
            }
            self.inputs.merge(options.batch.max(1), &mut batch);
            let Some(last) = batch.packets.last() else { return StopReason::EndOfInput };
            self.progress.last_event = Some(last.time);
            self.taken += batch.packets.len() as u64;
            match has_broadcast {
                true => self.with_broadcasts(index, &mut batch),
                false => {
                    self.count(&batch.packets);
                    self.engine.process(&mut batch.packets, &mut batch.output, &mut batch.pool);
                }
            }
            for packet in batch.output.drain(..) {
                self.sent[packet.port as usize].add(packet.len());
                batch.pool.give(packet);
            }
        }
    }

    fn count(&mut self, packets: &[Box<Packet>]) {
        self.progress.packets += packets.len() as u64;
        self.progress.bytes += packets.iter().map(|packet| packet.len() as u64).sum::<u64>();
    }

    /// Gives the engine a batch in which some packets are for all cores: what those make leave is
    /// sent by the first core only.
    fn with_broadcasts(&mut self, index: usize, batch: &mut Batch) {
        let mut own = Vec::with_capacity(batch.packets.len());
        for packet in batch.packets.drain(..) {
            if index == 0 || self.steering.target(&packet) != Target::All {
                own.push(packet);
                continue;
            }
            self.progress.packets += own.len() as u64;
            self.engine.process(&mut own, &mut batch.output, &mut batch.pool);
            self.echo.push(packet);
            let mut dropped = Vec::new();
            self.logs.append(&mut self.engine.take_logs());
            self.engine.process(&mut self.echo, &mut dropped, &mut batch.pool);
            self.engine.take_logs();
            dropped.drain(..).for_each(|packet| batch.pool.give(packet));
        }
        self.count(&own);
        self.engine.process(&mut own, &mut batch.output, &mut batch.pool);
        batch.packets = own;
    }
}

/// Shows the shadow what every core saw.
fn feed_shadow(
    shadow: &mut dyn Engine,
    traces: &[(u32, MemorySource)],
    steering: &Steering,
    division: &Division,
    options: &RunOptions,
) {
    if !division.has_broadcast {
        return;
    }
    let mut inputs = Inputs::default();
    for (port, trace) in traces {
        let mut steering = steering.clone();
        let part = trace.part(|packet| {
            packet.port = *port;
            steering.target(packet) == Target::All
        });
        inputs.add(*port, Box::new(part));
    }
    inputs.set_loops(options.loops);
    let mut batch = Batch::default();
    loop {
        inputs.merge(64, &mut batch);
        if batch.packets.is_empty() {
            return;
        }
        shadow.process(&mut batch.packets, &mut batch.output, &mut batch.pool);
        batch.output.drain(..).for_each(|packet| batch.pool.give(packet));
    }
}

fn finish(
    program: &Program,
    division: &Division,
    mut cores: Vec<Core>,
    mut shadow: Box<dyn Engine>,
    stop: StopReason,
    elapsed: Nanos,
) -> Outcome {
    let latest = cores.iter().filter_map(|core| core.progress.last_event).max();
    let mut told = Vec::new();
    let mut pool = Pool::default();
    let mut progress = Progress { elapsed, last_event: latest, ..Progress::default() };
    let mut sent = vec![Counters::default(); program.ports.len()];
    for core in &mut cores {
        core.engine.advance(latest.unwrap_or_default(), &mut Vec::new(), &mut pool);
        let mut own = Snapshot::whole(&mut *core.engine, program);
        own.logs.splice(0..0, core.logs.drain(..));
        told.push(own);
        progress.packets += core.progress.packets;
        progress.bytes += core.progress.bytes;
        progress.busy += core.progress.busy;
        for (all, own) in sent.iter_mut().zip(&core.sent) {
            all.frames += own.frames;
            all.bytes += own.bytes;
        }
    }
    shadow.advance(latest.unwrap_or_default(), &mut Vec::new(), &mut pool);
    let engine = combine(program, division, &told, &Snapshot::whole(&mut *shadow, program));
    let ports = (0..).zip(sent);
    progress.outputs = ports.map(|(port, counters)| PortCounters { port, counters }).collect();
    for core in &mut cores {
        for (at, own) in core.inputs.counters().into_iter().enumerate() {
            match progress.inputs.get_mut(at) {
                Some(all) => {
                    all.counters.frames += own.counters.frames;
                    all.counters.bytes += own.counters.bytes;
                }
                None => progress.inputs.push(own),
            }
        }
    }
    let load = |core: &Core| CoreLoad { packets: core.progress.packets, busy: core.progress.busy };
    let loads = cores.iter().map(load).collect();
    let summary = RunSummary { progress, stop, failures: Vec::new() };
    let measured = cores.iter().map(|core| core.measured).collect();
    Outcome { engine, summary, loads, measured }
}
