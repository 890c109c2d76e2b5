//! What can be seen of an engine from outside, taken at one time, as plain data.
//!
//! A host that runs engines on other threads or in other processes asks them for this; it then
//! stands in for the engine wherever only its counters and state are read.

use crate::engine::{Engine, Entry, LogLine, Report};
use crate::ir::Program;
use crate::records::{Record, RecordSink};
use trama_base::Nanos;
use trama_wire::packet::Packet;
use trama_wire::pool::Pool;

/// Counters, state and log lines of an engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Counters since the start.
    pub report: Report,
    /// Entries of each state object by node and index; none if they were not asked for.
    pub states: Vec<Vec<Vec<Entry>>>,
    /// Log lines not yet taken.
    pub logs: Vec<LogLine>,
}

impl Snapshot {
    /// Counters and log lines only.
    pub fn brief(engine: &mut dyn Engine) -> Self {
        Self { report: engine.report(), states: Vec::new(), logs: engine.take_logs() }
    }

    /// Everything.
    pub fn whole(engine: &mut dyn Engine, program: &Program) -> Self {
        let mut snapshot = Self::brief(engine);
        for (n, node) in program.nodes.iter().enumerate() {
            snapshot.states.push((0..node.states.len()).map(|s| engine.state(n, s)).collect());
        }
        snapshot
    }
}

/// An engine that is over: what comes in goes to the pool, uncounted.
impl Engine for Snapshot {
    fn process(
        &mut self,
        input: &mut Vec<Box<Packet>>,
        _output: &mut Vec<Box<Packet>>,
        pool: &mut Pool,
    ) {
        input.drain(..).for_each(|packet| pool.give(packet));
    }

    fn advance(&mut self, _now: Nanos, _output: &mut Vec<Box<Packet>>, _pool: &mut Pool) {}

    fn finish(&mut self, _now: Nanos, _output: &mut Vec<Box<Packet>>, _pool: &mut Pool) {}

    fn next_timeout(&self) -> Option<Nanos> {
        None
    }

    fn set_records(&mut self, _sink: Box<dyn RecordSink>) {}

    fn take_records(&mut self) -> Vec<Record> {
        Vec::new()
    }

    fn report(&mut self) -> Report {
        self.report.clone()
    }

    fn state(&mut self, node: usize, state: usize) -> Vec<Entry> {
        let states = self.states.get(node).and_then(|states| states.get(state));
        states.cloned().unwrap_or_default()
    }

    fn take_logs(&mut self) -> Vec<LogLine> {
        std::mem::take(&mut self.logs)
    }
}
