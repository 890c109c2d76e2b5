//! The engine: a program's code, memory and clock behind the [`Engine`] seam.

use crate::compile::{Code, CodeMemory, CodeStats, Compiler, EventCode, ProbeCode};
use crate::error::NativeError;
use crate::frame::Frame;
use crate::image::NodeImage;
use crate::network::{Arrival, Entry as Handler, Network, NodeRun};
use crate::prefetch::{CHUNK, CompiledPlan, Prefetcher};
use crate::probe::{Plan, plans};
use crate::timer::Timers;
use crate::ways::{Outcome, Ways};
use std::slice;
use std::sync::Arc;
use trama_base::{Nanos, Rng};
use trama_lang::agenda::{Agenda, Firing};
use trama_lang::engine::{Engine, Entry, LogLine, Report, Traffic};
use trama_lang::ir::{Dest, Program, Trigger};
use trama_lang::ir_check::validate;
use trama_lang::logs::LogBook;
use trama_lang::records::{Record, RecordBook, RecordSink};
use trama_wire::packet::Packet;
use trama_wire::pool::Pool;

/// A program that runs as machine code. Inputs and outputs are those of [`Engine`].
///
/// It does exactly what [`trama_lang::interp::Interpreter`] does with the same program, packets
/// and times; [`crate::differential`] compares the two.
pub struct NativeEngine {
    program: Arc<Program>,
    network: Network,
    timers: Timers,
    /// Time of the latest event.
    now: Nanos,
    received: Vec<Traffic>,
    unconnected: u64,
    discarded: u64,
    /// Boxed, since generated code reaches it through the frame.
    logs: Box<LogBook>,
    /// Boxed for the same reason, as is the agenda.
    records: Box<RecordBook>,
    agenda: Box<Agenda>,
    /// Handlers of events, by node and event.
    on_event: Vec<Vec<Option<Handler>>>,
    /// Handlers that run when the run ends, with their nodes; none are left once it has.
    on_close: Vec<(u32, Handler)>,
    /// Packed arguments of the event that runs.
    args: Vec<u8>,
    images: Vec<NodeImage>,
    prefetcher: Prefetcher,
    /// By external port.
    events: Vec<Option<EventCode>>,
    ways: Ways,
    /// Dropped after all that calls into it.
    code: CodeMemory,
}

// SAFETY: every raw pointer inside leads to memory that the engine owns, or, during a call, to what
// the caller lent it.
unsafe impl Send for NativeEngine {}

/// How packets are taken through a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fusion {
    /// By one function for each external port, as far as one can have it all.
    Events,
    /// By one function for each handler, and a queue.
    Handlers,
}

/// What to keep of the compilation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Listings {
    /// Sizes only.
    #[default]
    Sizes,
    /// The intermediate code and the disassembly of each handler, too.
    Texts,
}

impl NativeEngine {
    /// Compiles a program and starts it at `start`: makes its state objects, with hash seeds drawn
    /// from `seed`, and runs its `init` handlers. Results do not depend on `seed`.
    pub fn new(
        program: impl Into<Arc<Program>>,
        start: Nanos,
        seed: u64,
    ) -> Result<Self, NativeError> {
        Self::with_listings(program, start, seed, Listings::Sizes)
    }

    /// As [`NativeEngine::new`], keeping listings of the code.
    pub fn with_listings(
        program: impl Into<Arc<Program>>,
        start: Nanos,
        seed: u64,
        listings: Listings,
    ) -> Result<Self, NativeError> {
        Self::with_options(program, start, seed, (listings, Fusion::Events))
    }

    /// As [`NativeEngine::new`], with a choice of how packets are taken through the program, for
    /// comparisons: results do not depend on it.
    pub fn with_fusion(
        program: impl Into<Arc<Program>>,
        start: Nanos,
        seed: u64,
        fusion: Fusion,
    ) -> Result<Self, NativeError> {
        Self::with_options(program, start, seed, (Listings::Sizes, fusion))
    }

    fn with_options(
        program: impl Into<Arc<Program>>,
        start: Nanos,
        seed: u64,
        (listings, fusion): (Listings, Fusion),
    ) -> Result<Self, NativeError> {
        let program = program.into();
        validate(&program)?;
        let mut rng = Rng::stream(seed, "state");
        let images = (0..)
            .zip(&program.nodes)
            .map(|(index, node)| NodeImage::new(index, node, &mut rng))
            .collect::<Result<Vec<_>, _>>()?;
        let mut logs = Box::new(LogBook::new(&program, start));
        let mut frame = frame_for(&program);
        frame.logs = &raw mut *logs;
        let mut records = Box::new(RecordBook::new(&program));
        frame.records = &raw mut *records;
        let mut agenda = Box::new(Agenda::new(&program));
        frame.agenda = &raw mut *agenda;

        let mut compiler = Compiler::new(listings == Listings::Texts)?;
        for (node, image) in program.nodes.iter().zip(&images) {
            for (index, handler) in node.handlers.iter().enumerate() {
                compiler.handler(&frame, node, image, index, handler)?;
            }
        }
        let plans = worthwhile_plans(&program, &images);
        for plan in plans.iter().flatten() {
            compiler.plan(&frame, &program, &images, plan)?;
        }
        let ways = Ways::default();
        if fusion == Fusion::Events {
            for _ in &program.ingress {
                compiler.event(&frame, &program, &images, &ways)?;
            }
        }
        let finished = compiler.finish()?;
        let entries = finished.handlers;
        let prefetcher = Prefetcher::new(compiled_plans(plans, finished.plans));

        let Wired { nodes, timers, inits, on_event, on_close } = wire(&program, entries, start);
        let ports = program.ports.len();
        let mut engine = Self {
            network: Network::new(frame, nodes, ports),
            program,
            timers,
            now: start,
            received: vec![Traffic::default(); ports],
            unconnected: 0,
            discarded: 0,
            logs,
            records,
            agenda,
            on_event,
            on_close,
            args: Vec::new(),
            images,
            prefetcher,
            events: finished.events,
            ways,
            code: finished.memory,
        };
        let mut pool = Pool::default();
        for (node, entry) in inits {
            engine.run_alone(node, entry, &mut pool);
        }
        Ok(engine)
    }

    /// The program that runs.
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// Time of the latest event.
    pub fn now(&self) -> Nanos {
        self.now
    }

    /// What the compiler made of the program.
    pub fn code(&self) -> &CodeStats {
        &self.code.stats
    }

    /// Moves the time to `now`, unless that is in the past, and fires the timers and events that
    /// are due.
    #[inline]
    fn pass_time(&mut self, now: Nanos, pool: &mut Pool) {
        self.now = self.now.max(now);
        if self.next_timeout().is_some_and(|due| due <= self.now) {
            self.fire_due(pool);
        }
    }

    #[inline(never)]
    fn fire_due(&mut self, pool: &mut Pool) {
        loop {
            let is_due = |due: &Nanos| *due <= self.now;
            let timer = self.timers.next_due().filter(is_due);
            let event = self.agenda.next_due().filter(is_due);
            match (timer, event) {
                (Some(timer), event) if event.is_none_or(|event| timer <= event) => {
                    if let Some((node, entry)) = self.timers.take_first(self.now) {
                        self.run_alone(node, entry, pool);
                    }
                }
                (_, Some(_)) => {
                    let firing = self.agenda.take_later(&mut self.args);
                    firing.iter().for_each(|firing| self.fire(*firing, pool));
                    self.run_soon(pool);
                }
                (_, None) => return,
            }
        }
    }

    /// Runs a handler without a packet, then what it generated without a delay.
    fn run_alone(&mut self, node: u32, entry: Handler, pool: &mut Pool) {
        self.network.begin(self.now, pool);
        self.network.run_alone(node, entry, &[]);
        self.run_soon(pool);
    }

    /// Runs what was generated without a delay.
    #[inline]
    fn run_soon(&mut self, pool: &mut Pool) {
        if self.agenda.has_soon() {
            self.run_chain(pool);
        }
    }

    #[inline(never)]
    fn run_chain(&mut self, pool: &mut Pool) {
        while let Some(firing) = self.agenda.take_soon(&mut self.args) {
            self.fire(firing, pool);
        }
    }

    /// Runs the handler of an event, if it has one, with the arguments at hand.
    fn fire(&mut self, Firing { node, event }: Firing, pool: &mut Pool) {
        if let Some(entry) = self.on_event[node as usize][event.0 as usize] {
            self.network.begin(self.now, pool);
            self.network.run_alone(node, entry, &self.args);
        }
    }

    #[inline]
    fn packet(&mut self, packet: Box<Packet>, output: &mut Vec<Box<Packet>>, pool: &mut Pool) {
        self.network.begin(self.now, pool);
        let port = packet.port as usize;
        if let Some(Some(code)) = self.events.get(port) {
            return self.event(*code, packet, output, pool);
        }
        if let Some(received) = self.received.get_mut(port) {
            received.add(packet.len());
        }
        match self.program.ingress.get(port) {
            Some(&Dest::Node(node, port)) => {
                self.network.enter(Arrival { packet, node, port, hops: 0 }, output);
            }
            Some(&Dest::Out(port)) => self.network.leave(packet, port, output),
            Some(Dest::Discard) => {
                self.discarded += 1;
                pool.give(packet);
            }
            Some(Dest::Unconnected) | None => {
                self.unconnected += 1;
                pool.give(packet);
            }
        }
    }
}

impl NativeEngine {
    /// Runs the code of a packet's event, and does with the packet what that says.
    #[inline]
    fn event(
        &mut self,
        code: EventCode,
        mut packet: Box<Packet>,
        output: &mut Vec<Box<Packet>>,
        pool: &mut Pool,
    ) {
        let (data, layout) = packet.parts_mut();
        let packet = Box::into_raw(packet);
        let frame = &raw mut *self.network.frame;
        // SAFETY: the code was compiled for this frame, which `begin` set up; the packet is whole
        // and comes back.
        let (outcome, mut packet) = unsafe {
            let outcome = code(frame, packet, data, layout);
            (outcome, Box::from_raw(packet))
        };
        match self.ways.decode(outcome) {
            Outcome::Leave(port) => {
                packet.port = port;
                packet.time = self.now;
                output.push(packet);
            }
            Outcome::Give => pool.give(packet),
            Outcome::Enter { node, port, hops } => {
                self.network.enter(Arrival { packet, node, port, hops }, output);
            }
        }
    }
}

impl Engine for NativeEngine {
    fn process(
        &mut self,
        input: &mut Vec<Box<Packet>>,
        output: &mut Vec<Box<Packet>>,
        pool: &mut Pool,
    ) {
        let count = input.len();
        let packets = input.as_mut_ptr();
        // SAFETY: none is longer than it was; each packet is read out exactly once below, and
        // until then only its chunk's slice refers to it. `input` is not touched meanwhile.
        unsafe {
            input.set_len(0);
            for first in (0..count).step_by(CHUNK) {
                let size = CHUNK.min(count - first);
                if size > 1 && !self.prefetcher.is_empty() {
                    let chunk = slice::from_raw_parts_mut(packets.add(first), size);
                    // No handler runs: nobody changes the maps.
                    self.prefetcher.run(chunk);
                }
                for n in first..first + size {
                    let packet = packets.add(n).read();
                    self.pass_time(packet.time, pool);
                    self.packet(packet, output, pool);
                    self.run_soon(pool);
                }
            }
        }
    }

    fn advance(&mut self, now: Nanos, _output: &mut Vec<Box<Packet>>, pool: &mut Pool) {
        self.pass_time(now, pool);
    }

    fn finish(&mut self, now: Nanos, _output: &mut Vec<Box<Packet>>, pool: &mut Pool) {
        self.pass_time(now, pool);
        for (node, entry) in std::mem::take(&mut self.on_close) {
            self.run_alone(node, entry, pool);
        }
    }

    #[inline]
    fn next_timeout(&self) -> Option<Nanos> {
        match (self.timers.next_due(), self.agenda.next_due()) {
            (Some(timer), Some(event)) => Some(timer.min(event)),
            (timer, event) => timer.or(event),
        }
    }

    fn set_records(&mut self, sink: Box<dyn RecordSink>) {
        self.records.install(sink);
    }

    fn take_records(&mut self) -> Vec<Record> {
        self.records.take()
    }

    fn report(&mut self) -> Report {
        let mut nodes = Vec::with_capacity(self.images.len());
        for (index, (run, image)) in self.network.nodes.iter().zip(&mut self.images).enumerate() {
            let mut node = run.report();
            node.states = image.states_mut().map(|state| state.stats(self.now)).collect();
            node.logs = self.logs.counts(index);
            node.events = self.agenda.stats(index);
            node.streams = self.records.stats(index);
            nodes.push(node);
        }
        let mut report = Report {
            received: self.received.clone(),
            sent: self.network.sent.clone(),
            nodes,
            unconnected: self.unconnected,
            discarded: self.discarded,
        };
        self.ways.add_to(&mut report);
        report
    }

    fn state(&mut self, node: usize, state: usize) -> Vec<Entry> {
        let entries = self.images[node].state_mut(state).entries(self.now);
        entries.into_iter().map(|(key, value)| Entry { key, value }).collect()
    }

    fn set_state(&mut self, node: usize, state: usize, entries: &[Entry]) -> bool {
        let entries: Vec<_> = entries.iter().map(|e| (e.key.clone(), e.value.clone())).collect();
        self.images[node].state_mut(state).refill(&entries, self.now)
    }

    fn take_logs(&mut self) -> Vec<LogLine> {
        self.logs.take()
    }
}

/// The handlers of a program, by what runs them.
struct Wired {
    nodes: Vec<NodeRun>,
    timers: Timers,
    /// With the node of each.
    inits: Vec<(u32, Handler)>,
    /// By node and event.
    on_event: Vec<Vec<Option<Handler>>>,
    /// With the node of each.
    on_close: Vec<(u32, Handler)>,
}

/// Gives the code of all handlers, in the order of nodes and handlers, to where it runs.
fn wire(program: &Program, mut code: Vec<Code>, start: Nanos) -> Wired {
    let mut wired = Wired {
        nodes: Vec::new(),
        timers: Timers::new(start),
        inits: Vec::new(),
        on_event: Vec::new(),
        on_close: Vec::new(),
    };
    for (index, node) in (0..).zip(&program.nodes) {
        let rest = code.split_off(node.handlers.len());
        let mut on_event = vec![None; node.events.len()];
        for (handler, &code) in node.handlers.iter().zip(&code) {
            let entry = Handler { code, registers: handler.packets };
            match &handler.trigger {
                Trigger::Init => wired.inits.push((index, entry)),
                Trigger::Timer { period } => wired.timers.add(index, entry, *period),
                Trigger::Event { event, .. } => on_event[event.0 as usize] = Some(entry),
                Trigger::Close => wired.on_close.push((index, entry)),
                Trigger::Packet { .. } => {}
            }
        }
        wired.nodes.push(NodeRun::new(node, &code));
        wired.on_event.push(on_event);
        code = rest;
    }
    wired
}

/// The plans of a program by external port, with those probes whose objects are large enough.
fn worthwhile_plans(program: &Program, images: &[NodeImage]) -> Vec<Vec<Plan>> {
    let mut plans = plans(program);
    for plan in plans.iter_mut().flatten() {
        plan.retain(|probe| {
            Prefetcher::pays_for(images[probe.node].reserved_bytes(probe.state.0 as usize))
        });
    }
    plans
}

/// The plans with their code, which comes in the order of the plans' stages.
fn compiled_plans(plans: Vec<Vec<Plan>>, code: Vec<Vec<ProbeCode>>) -> Vec<Vec<CompiledPlan>> {
    let mut code = code.into_iter();
    let mut compiled = |plan: Plan| CompiledPlan {
        patterns: plan.patterns,
        stages: code.next().unwrap_or_default(),
    };
    plans.into_iter().map(|plans| plans.into_iter().map(&mut compiled).collect()).collect()
}

/// A frame with room for any handler and any value of a program.
fn frame_for(program: &Program) -> Box<Frame> {
    let handlers = program.nodes.iter().flat_map(|n| &n.handlers);
    let registers = handlers.map(|h| h.packets as usize).max().unwrap_or(0);
    let states = program.nodes.iter().flat_map(|n| &n.states);
    let value_bytes = states.map(|s| s.value.bytes().max(s.key.bytes())).max().unwrap_or(0);
    Frame::new(registers, value_bytes)
}
