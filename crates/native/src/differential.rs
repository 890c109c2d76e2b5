//! The comparison that defines correctness: the same program, packets and times through two
//! engines, and everything that can be observed of them held against each other.

use crate::{Fusion, NativeEngine, NativeError};
use std::fmt;
use std::sync::Arc;
use trama_base::Nanos;
use trama_lang::engine::Engine;
use trama_lang::interp::{Interpreter, StartError};
use trama_lang::ir::Program;
use trama_wire::Packet;
use trama_wire::pool::Pool;

/// Packets given to an engine at once, in turn: single ones, a few, a batch.
const BATCHES: [usize; 4] = [1, 3, 32, 7];

/// What differed, or what kept the engines from being compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Mismatch {
    /// The reference refused the program.
    #[error("the reference interpreter: {0}")]
    Reference(#[from] StartError),
    /// The compiler refused the program.
    #[error("the compiler: {0}")]
    Native(#[from] NativeError),
    /// The engines disagree.
    #[error("{what} (after {packets} packets):\n  reference: {reference}\n  subject:   {subject}")]
    Differs {
        /// What was compared.
        what: String,
        /// Packets given to the engines up to there.
        packets: usize,
        /// What the reference says.
        reference: String,
        /// What the subject says.
        subject: String,
    },
}

/// Runs a program by interpretation and as machine code, by whole events and handler by handler,
/// over `packets`, each at its own time and port, with all timers due at their times and, at the
/// end, `idle` after the last packet, when the run is ended; the packets that leave, records,
/// counters, state and logs must be equal.
pub fn compare(
    program: &Arc<Program>,
    start: Nanos,
    packets: &[Packet],
    idle: Nanos,
) -> Result<(), Mismatch> {
    [Fusion::Events, Fusion::Handlers].into_iter().try_for_each(|fusion| {
        let mut reference = Interpreter::new(Arc::clone(program), start, 1)?;
        let mut subject = NativeEngine::with_fusion(Arc::clone(program), start, 2, fusion)?;
        compare_engines(program, [&mut reference, &mut subject], packets, idle)
    })
}

/// As [`compare`], with any two engines: the reference and the subject, just started on `program`.
pub fn compare_engines<'a>(
    program: &'a Program,
    engines: [&'a mut dyn Engine; 2],
    packets: &[Packet],
    idle: Nanos,
) -> Result<(), Mismatch> {
    let mut comparison = Comparison::new(program, engines);
    let mut sizes = BATCHES.iter().cycle();
    let mut rest = packets;
    while !rest.is_empty() {
        let size = sizes.next().map_or(1, |&size| size.min(rest.len()));
        comparison.step(&rest[..size])?;
        rest = &rest[size..];
    }
    comparison.finish(idle)
}

/// Two engines that do the same, step by step: for whoever chooses the next packets by what came
/// out.
pub struct Comparison<'a> {
    program: &'a Program,
    engines: [&'a mut dyn Engine; 2],
    pool: Pool,
    done: usize,
    latest: Nanos,
}

impl<'a> Comparison<'a> {
    /// Compares the reference and the subject, just started on `program`.
    pub fn new(program: &'a Program, engines: [&'a mut dyn Engine; 2]) -> Self {
        Self { program, engines, pool: Pool::default(), done: 0, latest: Nanos::ZERO }
    }

    /// Gives a batch to both engines; the packets that left.
    pub fn step(&mut self, batch: &[Packet]) -> Result<Vec<Box<Packet>>, Mismatch> {
        self.latest = batch.iter().map(|p| p.time).fold(self.latest, Nanos::max);
        self.done += batch.len();
        let (done, pool) = (self.done, &mut self.pool);
        let [expected, found] = self.engines.each_mut().map(|engine| {
            let mut input = batch.iter().map(|p| Box::new(p.clone())).collect();
            let mut output = Vec::new();
            engine.process(&mut input, &mut output, pool);
            (input.len(), output)
        });
        same("packets left in the input", done, &expected.0, &found.0)?;
        same("number of packets that leave", done, &expected.1.len(), &found.1.len())?;
        for (i, (a, b)) in expected.1.iter().zip(&found.1).enumerate() {
            same(&format!("packet {i} that leaves"), done, &Seen::of(a), &Seen::of(b))?;
        }
        let [reference, subject] = &mut self.engines;
        same("next timeout", done, &reference.next_timeout(), &subject.next_timeout())?;
        same_records(done, [&mut **reference, &mut **subject])?;
        Ok(found.1)
    }

    /// Lets `idle` pass after the last packet, ends the run and compares all that can be seen
    /// inside.
    pub fn finish(self, idle: Nanos) -> Result<(), Mismatch> {
        let Self { program, engines: [reference, subject], mut pool, done, latest } = self;
        for end in [latest, latest + idle, latest + idle] {
            for engine in [&mut *reference, &mut *subject] {
                let mut output = Vec::new();
                match end == latest {
                    true => engine.advance(end, &mut output, &mut pool),
                    false => engine.finish(end, &mut output, &mut pool),
                }
                same("packets sent by timers", done, &0, &output.len())?;
            }
            same("next timeout", done, &reference.next_timeout(), &subject.next_timeout())?;
            same_records(done, [&mut *reference, &mut *subject])?;
        }
        same("report", done, &reference.report(), &subject.report())?;
        for (n, node) in program.nodes.iter().enumerate() {
            for (s, spec) in node.states.iter().enumerate() {
                let what = format!("state `{}` of `{}`", spec.name, node.name);
                same(&what, done, &reference.state(n, s), &subject.state(n, s))?;
            }
        }
        same("log lines", done, &reference.take_logs(), &subject.take_logs())
    }
}

/// The records since the last time are the same, one by one.
fn same_records(done: usize, engines: [&mut dyn Engine; 2]) -> Result<(), Mismatch> {
    let [expected, found] = engines.map(|engine| engine.take_records());
    for (i, (a, b)) in expected.iter().zip(&found).enumerate() {
        same(&format!("record {i}"), done, a, b)?;
    }
    same("number of records", done, &expected.len(), &found.len())
}

fn same<T: PartialEq + fmt::Debug>(
    what: &str,
    packets: usize,
    reference: &T,
    subject: &T,
) -> Result<(), Mismatch> {
    if reference == subject {
        return Ok(());
    }
    let [reference, subject] = [reference, subject].map(|value| format!("{value:?}"));
    Err(Mismatch::Differs { what: what.into(), packets, reference, subject })
}

/// All that a host sees of a packet that leaves.
#[derive(PartialEq)]
struct Seen<'a> {
    port: u32,
    time: Nanos,
    mark: u32,
    layout: &'a trama_wire::Layout,
    bytes: &'a [u8],
}

impl<'a> Seen<'a> {
    fn of(packet: &'a Packet) -> Self {
        let (layout, bytes) = (packet.layout(), packet.bytes());
        Self { port: packet.port, time: packet.time, mark: packet.mark, layout, bytes }
    }
}

impl fmt::Debug for Seen<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "port {} time {} mark {} ", self.port, self.time.0, self.mark)?;
        write!(f, "{:?} {:?} ", self.layout.present, self.layout.fault)?;
        self.bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
