//! The runner: moves packets from sources through an engine to sinks.
//!
//! *Replay*: if all sources are recorded, their packets are merged by time, and the time of an
//! event is that of the capture; the run goes as fast as the engine.
//! *Live*: if any source is an interface, all are polled in turn and the time of an event is the
//! wall clock at its arrival. A pipe among them is waited for, so its writer should not pause.
//!
//! In both, a time that would go back is that of the event before. The runner prints nothing: an
//! observer is called at an interval, and what happened is returned as data.

mod inputs;
mod outputs;
mod summary;

pub use summary::{Failure, PortCounters, Progress, RunSummary, StopReason};

use crate::clock;
use crate::io::{Sink, Source, Timing};
use crate::poll::Waiter;
use crate::signal::StopFlag;
pub(crate) use inputs::{Batch, Inputs};
use outputs::Outputs;
use trama_base::Nanos;
use trama_lang::engine::Engine;

/// How a run goes and when it ends.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Most packets given to the engine at once; at least 1.
    pub batch: usize,
    /// How often the sources that can be looped are read; at least 1. With a duration and 0, until
    /// it has passed.
    pub loops: u64,
    /// Ends the run after this much wall time.
    pub duration: Option<Nanos>,
    /// Calls the observer this often.
    pub interval: Option<Nanos>,
    /// Replay: packets come as far apart as they were recorded, divided by this; at once if absent.
    /// More than 0.
    pub pace: Option<f64>,
    /// Never sleeps while waiting for live packets: lower latency for a whole core.
    pub busy_poll: bool,
    /// Live: the longest sleep. Timers and events wake it earlier.
    pub tick: Nanos,
    /// Ends the run when raised.
    pub stop: StopFlag,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            batch: 64,
            loops: 1,
            duration: None,
            interval: None,
            pace: None,
            busy_poll: false,
            tick: Nanos::from_millis(10),
            stop: StopFlag::new(),
        }
    }
}

/// Called at the interval of a run, with what happened so far and the engine.
pub type Observer<'a> = dyn FnMut(&Progress, &mut dyn Engine) + 'a;

/// A program with its inputs and outputs.
pub struct Runner {
    /// What processes the packets.
    pub engine: Box<dyn Engine>,
    inputs: Inputs,
    outputs: Outputs,
}

/// What is counted while running.
struct Meter {
    started: Nanos,
    now: Nanos,
    observed: Nanos,
    progress: Progress,
}

impl Runner {
    /// A runner without inputs and outputs.
    pub fn new(engine: Box<dyn Engine>) -> Self {
        Self { engine, inputs: Inputs::default(), outputs: Outputs::default() }
    }

    /// Packets of `source` enter at external port `port`.
    pub fn add_input(&mut self, port: u32, source: Box<dyn Source>) {
        self.inputs.add(port, source);
    }

    /// Packets that leave at external port `port` go to `sink`; there is one sink for each port.
    /// What leaves at a port without a sink is counted as unrouted.
    pub fn add_output(&mut self, port: u32, sink: Box<dyn Sink>) {
        self.outputs.add(port, sink);
    }

    /// Runs until the sources end, or an option says so.
    pub fn run(&mut self, options: &RunOptions, observer: &mut Observer<'_>) -> RunSummary {
        let started = clock::monotonic();
        let mut meter =
            Meter { started, now: started, observed: started, progress: Progress::default() };
        self.inputs.set_loops(options.loops);
        let live = self.inputs.timings().any(|timing| timing == Timing::Live);
        let stop = match live {
            true => self.live(options, &mut meter, observer),
            false => self.replay(options, &mut meter, observer),
        };
        self.finish(live, &mut meter);
        self.drain(true, &mut Batch::default());
        self.outputs.flush();
        self.update(&mut meter);
        let mut failures = self.inputs.take_failures();
        failures.extend(self.outputs.take_failures());
        RunSummary { progress: meter.progress, stop, failures }
    }

    fn replay(
        &mut self,
        options: &RunOptions,
        meter: &mut Meter,
        observer: &mut Observer<'_>,
    ) -> StopReason {
        let mut batch = Batch::default();
        let size = if options.pace.is_some() { 1 } else { options.batch.max(1) };
        loop {
            if let Some(reason) = self.reason_to_stop(options, meter) {
                return reason;
            }
            self.inputs.merge(size, &mut batch);
            let Some(next) = batch.packets.first().map(|packet| packet.time) else {
                return StopReason::EndOfInput;
            };
            if let Some(reason) = self.pace(next, options, meter, observer) {
                return reason;
            }
            self.process(&mut batch, meter);
            self.observe(options, meter, observer);
        }
    }

    /// Waits until a packet of that time is due, if the replay has a pace.
    fn pace(
        &mut self,
        next: Nanos,
        options: &RunOptions,
        meter: &mut Meter,
        observer: &mut Observer<'_>,
    ) -> Option<StopReason> {
        let (pace, first) = (options.pace?, meter.progress.first_event?);
        let due = meter.started + Nanos((next.since(first).0 as f64 / pace) as u64);
        let mut waiter = Waiter::default();
        loop {
            meter.now = clock::monotonic();
            let rest = due.since(meter.now);
            let reason = self.reason_to_stop(options, meter);
            if reason.is_some() || rest == Nanos::ZERO {
                return reason;
            }
            self.drain(false, &mut Batch::default());
            self.outputs.flush();
            // To be woken early does no harm.
            let _ = waiter.wait(rest.min(options.tick));
            self.observe(options, meter, observer);
        }
    }

    fn live(
        &mut self,
        options: &RunOptions,
        meter: &mut Meter,
        observer: &mut Observer<'_>,
    ) -> StopReason {
        let mut batch = Batch::default();
        let mut waiter = Waiter::default();
        let mut event = Nanos::ZERO;
        loop {
            meter.now = clock::monotonic();
            if let Some(reason) = self.reason_to_stop(options, meter) {
                return reason;
            }
            if self.inputs.all_ended() {
                return StopReason::SourcesGone;
            }
            let mut idle = true;
            for index in 0..self.inputs.len() {
                event = event.max(clock::realtime());
                self.inputs.poll(index, options.batch.max(1), event, &mut batch);
                if !batch.packets.is_empty() {
                    idle = false;
                    self.process(&mut batch, meter);
                }
            }
            let on_the_way = self.drain(false, &mut batch);
            if idle && on_the_way {
                std::thread::yield_now();
            } else if idle && !options.busy_poll {
                self.outputs.flush();
                self.wait(options, meter, event, &mut waiter);
            }
            event = event.max(clock::realtime());
            if self.engine.next_timeout().is_some_and(|due| due <= event) {
                self.advance(event, &mut batch, meter);
            }
            self.observe(options, meter, observer);
        }
    }

    /// Lets the engine process a batch and sends what comes out.
    fn process(&mut self, batch: &mut Batch, meter: &mut Meter) {
        let progress = &mut meter.progress;
        progress.packets += batch.packets.len() as u64;
        progress.bytes += batch.packets.iter().map(|packet| packet.len() as u64).sum::<u64>();
        let (first, last) = (batch.packets.first(), batch.packets.last());
        if let (Some(first), Some(last)) = (first.map(|p| p.time), last.map(|p| p.time)) {
            progress.last_event = Some(last);
            if progress.first_event.is_none() {
                // An engine that waits for its first event to start does so unmeasured.
                progress.first_event = Some(first);
                self.engine.advance(first, &mut batch.output, &mut batch.pool);
            }
        }
        let before = clock::monotonic();
        self.engine.process(&mut batch.packets, &mut batch.output, &mut batch.pool);
        meter.now = clock::monotonic();
        meter.progress.busy += meter.now.since(before);
        self.outputs.route(&mut batch.output, &mut batch.pool);
    }

    /// Ends the engine's run: at the time of the last packet, or now.
    fn finish(&mut self, live: bool, meter: &mut Meter) {
        let last = meter.progress.last_event.unwrap_or_default();
        let end = if live { last.max(clock::realtime()) } else { last };
        let mut batch = Batch::default();
        let before = clock::monotonic();
        self.engine.finish(end, &mut batch.output, &mut batch.pool);
        meter.progress.busy += clock::monotonic().since(before);
        self.outputs.route(&mut batch.output, &mut batch.pool);
    }

    fn advance(&mut self, event: Nanos, batch: &mut Batch, meter: &mut Meter) {
        let before = clock::monotonic();
        self.engine.advance(event, &mut batch.output, &mut batch.pool);
        meter.now = clock::monotonic();
        meter.progress.busy += meter.now.since(before);
        if !batch.output.is_empty() {
            self.outputs.route(&mut batch.output, &mut batch.pool);
            self.outputs.flush();
        }
    }

    /// Sends what an engine on other threads has done; with `wait`, all that it has to do. True if
    /// there is more.
    fn drain(&mut self, wait: bool, batch: &mut Batch) -> bool {
        let more = self.engine.drain(wait, &mut batch.output, &mut batch.pool);
        if !batch.output.is_empty() {
            self.outputs.route(&mut batch.output, &mut batch.pool);
        }
        more
    }

    /// Sleeps until a source has packets, a timer may be due, or the run may end.
    fn wait(&mut self, options: &RunOptions, meter: &Meter, event: Nanos, waiter: &mut Waiter) {
        waiter.clear();
        if !self.inputs.waits_for(waiter) {
            return;
        }
        let mut timeout = options.tick;
        if let Some(due) = self.engine.next_timeout() {
            timeout = timeout.min(due.since(event));
        }
        if let Some(duration) = options.duration {
            timeout = timeout.min((meter.started + duration).since(meter.now));
        }
        // A failure to wait is harmless: the sources tell what is wrong with them.
        let _ = waiter.wait(timeout);
    }

    fn reason_to_stop(&self, options: &RunOptions, meter: &Meter) -> Option<StopReason> {
        let elapsed = meter.now.since(meter.started);
        if options.stop.is_raised() {
            Some(StopReason::Asked)
        } else if options.duration.is_some_and(|duration| elapsed >= duration) {
            Some(StopReason::Duration)
        } else if self.outputs.is_incomplete() {
            Some(StopReason::OutputFailed)
        } else {
            None
        }
    }

    fn observe(&mut self, options: &RunOptions, meter: &mut Meter, observer: &mut Observer<'_>) {
        let Some(interval) = options.interval else { return };
        if meter.now.since(meter.observed) >= interval {
            meter.observed = meter.now;
            self.update(meter);
            observer(&meter.progress, self.engine.as_mut());
        }
    }

    fn update(&mut self, meter: &mut Meter) {
        meter.now = clock::monotonic();
        let progress = &mut meter.progress;
        progress.elapsed = meter.now.since(meter.started);
        progress.inputs = self.inputs.counters();
        progress.outputs = self.outputs.counters();
        progress.unrouted = self.outputs.unrouted();
    }
}

#[cfg(test)]
mod tests;
