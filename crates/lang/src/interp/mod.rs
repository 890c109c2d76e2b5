//! The reference interpreter: what a program means.
//!
//! It exists to be believed. It walks the IR as its comments say, keeps every scalar in a `u128`,
//! and keeps state in the reference models of [`trama_state::model`]. Nothing here is done for
//! speed; the code generators are fast, and are compared with this on every program and packet.
//!
//! How to read it: [`expr`] computes values; `stmt` runs statements, `packets` and `objects` those
//! that touch packets and state, `each` loops over maps, events and records; `event` moves packets
//! between handlers and fires timers.
//! [`observe`] tells whoever wants to know.
//!
//! **Invariants:** no panic for a program that [`validate`] accepts, on any packet and at any time;
//! an observer changes nothing.
#![expect(clippy::vec_box, reason = "packets are boxed at the seam to the host: `Engine`")]

pub mod expr;
pub mod observe;

mod each;
mod event;
mod objects;
mod packets;
mod stmt;
#[cfg(test)]
mod tests;

pub use expr::eval_on_packet;
pub use observe::{Observer, Seen};

use crate::agenda::Agenda;
use crate::engine::{Engine, Entry, LogLine, NodeReport, Report, Traffic};
use crate::ir::{Node, Program};
use crate::ir_check::{Invalid, validate};
use crate::logs::LogBook;
use crate::records::{Record, RecordBook, RecordSink};
use event::{Timer, World};
use std::sync::Arc;
use trama_base::{Nanos, Rng};
use trama_state::SpecError;
use trama_state::model::Object;
use trama_wire::packet::Packet;
use trama_wire::pool::Pool;

/// A program that runs by interpretation. Inputs and outputs are those of [`Engine`].
#[derive(Debug)]
pub struct Interpreter<O = ()> {
    program: Arc<Program>,
    world: World<O>,
}

/// Why a program cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The IR breaks one of its rules: a fault of whoever made it, not of the user's program.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// A state object cannot be made.
    #[error("in `{node}`: {source}")]
    State {
        /// Name of the node.
        node: String,
        /// What is wrong with it.
        source: SpecError,
    },
}

impl Interpreter {
    /// Starts a program at `start`: makes its state objects and runs its `init` handlers. `seed`
    /// feeds whatever draws randomness; results do not depend on it yet.
    pub fn new(
        program: impl Into<Arc<Program>>,
        start: Nanos,
        seed: u64,
    ) -> Result<Self, StartError> {
        Self::with_observer(program, start, seed, ())
    }
}

impl<O: Observer> Interpreter<O> {
    /// As [`Interpreter::new`], with an observer that is told everything from `init` on.
    pub fn with_observer(
        program: impl Into<Arc<Program>>,
        start: Nanos,
        seed: u64,
        observer: O,
    ) -> Result<Self, StartError> {
        let program = program.into();
        validate(&program)?;
        let mut rng = Rng::stream(seed, "state");
        let mut states = Vec::with_capacity(program.nodes.len());
        for node in &program.nodes {
            states.push(make_states(node, &mut rng)?);
        }
        let mut world = World {
            now: start,
            states,
            timers: Timer::all(&program, start),
            logs: LogBook::new(&program, start),
            records: RecordBook::new(&program),
            agenda: Agenda::new(&program),
            closed: false,
            report: empty_report(&program),
            event: event::InFlight::default(),
            output: Vec::new(),
            ended: Vec::new(),
            observer,
        };
        world.run_init(&program);
        Ok(Self { program, world })
    }

    /// The program that runs.
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// Time of the latest event.
    pub fn now(&self) -> Nanos {
        self.world.now
    }

    /// The observer.
    pub fn observer(&self) -> &O {
        &self.world.observer
    }

    /// The observer, to take from it what it collected.
    pub fn observer_mut(&mut self) -> &mut O {
        &mut self.world.observer
    }

    /// Hands over what left and what ended since the last call.
    fn hand_over(&mut self, output: &mut Vec<Box<Packet>>, pool: &mut Pool) {
        output.append(&mut self.world.output);
        for packet in self.world.ended.drain(..) {
            pool.give(packet);
        }
    }
}

impl<O: Observer + Send> Engine for Interpreter<O> {
    fn process(
        &mut self,
        input: &mut Vec<Box<Packet>>,
        output: &mut Vec<Box<Packet>>,
        pool: &mut Pool,
    ) {
        for packet in input.drain(..) {
            self.world.pass_time(&self.program, packet.time);
            self.world.packet_event(&self.program, packet);
        }
        self.hand_over(output, pool);
    }

    fn advance(&mut self, now: Nanos, output: &mut Vec<Box<Packet>>, pool: &mut Pool) {
        self.world.pass_time(&self.program, now);
        self.hand_over(output, pool);
    }

    fn finish(&mut self, now: Nanos, output: &mut Vec<Box<Packet>>, pool: &mut Pool) {
        self.world.pass_time(&self.program, now);
        self.world.close(&self.program);
        self.hand_over(output, pool);
    }

    fn next_timeout(&self) -> Option<Nanos> {
        self.world.next_timeout()
    }

    fn set_records(&mut self, sink: Box<dyn RecordSink>) {
        self.world.records.install(sink);
    }

    fn take_records(&mut self) -> Vec<Record> {
        self.world.records.take()
    }

    fn report(&mut self) -> Report {
        let now = self.world.now;
        let mut report = self.world.report.clone();
        for (i, node) in report.nodes.iter_mut().enumerate() {
            node.states = self.world.states[i].iter_mut().map(|s| s.stats(now)).collect();
            node.logs = self.world.logs.counts(i);
            node.events = self.world.agenda.stats(i);
            node.streams = self.world.records.stats(i);
        }
        report
    }

    fn state(&mut self, node: usize, state: usize) -> Vec<Entry> {
        let entries = self.world.states[node][state].entries(self.world.now);
        entries.into_iter().map(|(key, value)| Entry { key, value }).collect()
    }

    fn set_state(&mut self, node: usize, state: usize, entries: &[Entry]) -> bool {
        let entries: Vec<_> = entries.iter().map(|e| (e.key.clone(), e.value.clone())).collect();
        self.world.states[node][state].refill(&entries, self.world.now)
    }

    fn take_logs(&mut self) -> Vec<LogLine> {
        self.world.logs.take()
    }
}

fn make_states(node: &Node, rng: &mut Rng) -> Result<Vec<Object>, StartError> {
    node.states
        .iter()
        .map(|spec| {
            Object::new(spec, rng.next_u64())
                .map_err(|source| StartError::State { node: node.name.clone(), source })
        })
        .collect()
}

/// The report of a program to which nothing has happened.
fn empty_report(program: &Program) -> Report {
    let ports = |n| vec![Traffic::default(); n];
    let node = |node: &Node| NodeReport {
        received: ports(node.ports.len()),
        sent: ports(node.ports.len()),
        drops: vec![0; node.reasons.len()],
        ..NodeReport::default()
    };
    Report {
        received: ports(program.ports.len()),
        sent: ports(program.ports.len()),
        nodes: program.nodes.iter().map(node).collect(),
        ..Report::default()
    }
}
