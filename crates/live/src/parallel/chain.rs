//! A network whose elements run apart: each in a thread or a process of its own.
//!
//! The thread that calls the engine is the switch between them: it takes what a stage sends and
//! gives it to the next. Packets keep their order on each wire. Between wires there is none, as
//! between separate machines; so that a recorded answer does not overtake its question, a replay
//! lets what entered at one external port come to rest before it goes on with another.
//!
//! Bounded everywhere: at most [`WINDOW`] packets are on their way before more are taken in, and
//! what copies add beyond [`QUEUE_MAX`] at one stage is lost and counted.

use super::Make;
use super::idle::Idle;
use super::process::{JOB_PACKETS_MAX, Process, is_too_long};
use super::shared::FRAME_BYTES_MAX;
use super::ticks::Ticks;
use super::worker::{Done, Hand, Job, Thread, What, Worker};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use trama_base::Nanos;
use trama_lang::engine::{Engine, Entry, EventStats, LogLine, NodeReport, Report, Traffic};
use trama_lang::ir::{Dest, HOPS_MAX, Program, reason};
use trama_lang::records::{Record, RecordBook, RecordSink};
use trama_lang::snapshot::Snapshot;
use trama_wire::{Packet, Pool};

/// Packets on their way at which no more are taken in.
pub const WINDOW: usize = 4096;

/// Most packets that wait for one stage.
pub const QUEUE_MAX: usize = 16_384;

/// How elements are kept apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// A thread for each.
    Threads,
    /// A process for each: one that goes wrong harms nobody else.
    Processes,
}

/// Something that went wrong with a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// The element instance.
    pub stage: String,
    /// What happened.
    pub what: String,
    /// Packets that were lost with it.
    pub lost: u64,
}

/// What became of a stage and of the packets given to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StageReport {
    /// The element instance.
    pub name: String,
    /// Its process, if it has one and that is running.
    pub pid: Option<u32>,
    /// Packets given to it.
    pub given: u64,
    /// Packets that it sent on.
    pub returned: u64,
    /// Packets lost, by reason.
    pub lost: BTreeMap<&'static str, u64>,
    /// What went wrong, the latest last; at most 64 are kept.
    pub incidents: Vec<Incident>,
    /// How often it was made anew: each time its state was empty.
    pub restarts: u64,
}

/// Most incidents of a stage that are kept.
const INCIDENTS_MAX: usize = 64;

/// Packets for a stage that have passed the same number of handlers.
struct Batch {
    hops: u32,
    packets: Vec<Box<Packet>>,
}

struct Stage {
    program: Program,
    worker: Box<dyn Worker>,
    queue: VecDeque<Batch>,
    queued: usize,
    /// Hops and packets of the jobs that it was given.
    jobs: VecDeque<(u32, u64)>,
    received: Vec<Traffic>,
    sent: Vec<Traffic>,
    told: Option<Box<Snapshot>>,
    /// What the present process or thread took in and did not give back.
    absorbed: i64,
    /// When a timer or event of it is due, as far as it has told.
    next: Option<Nanos>,
    /// What those before it told.
    past: NodeReport,
    report: StageReport,
    looped: u64,
}

/// What became of the stages of a [`Chain`], to be looked at while the engine is in other hands.
#[derive(Clone, Debug, Default)]
pub struct Stages(Arc<Mutex<Vec<StageReport>>>);

impl Stages {
    /// As it was when a batch was last processed.
    pub fn now(&self) -> Vec<StageReport> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// An engine whose elements run apart.
pub struct Chain {
    program: Arc<Program>,
    isolation: Isolation,
    make: Arc<Make>,
    stages: Vec<Stage>,
    shared: Stages,
    received: Vec<Traffic>,
    sent: Vec<Traffic>,
    unconnected: u64,
    discarded: u64,
    in_order: bool,
    entered: Option<u32>,
    ticks: Ticks,
    latest: Nanos,
    whole: bool,
    logs: Vec<LogLine>,
    records: RecordBook,
}

/// The program of one stage: an element alone, its ports the external ones.
pub fn stage_program(program: &Program, index: usize) -> Program {
    let mut node = program.nodes[index].clone();
    for (port, wire) in (0..).zip(&mut node.wires) {
        if matches!(wire, Dest::Node(..) | Dest::Out(_)) {
            *wire = Dest::Out(port);
        }
    }
    Program {
        name: node.name.clone(),
        ports: node.ports.clone(),
        ingress: (0..node.ports.len() as u32).map(|port| Dest::Node(0, port)).collect(),
        nodes: vec![node],
    }
}

impl Chain {
    /// Runs each element apart. Stages are made now if the start is known, else at the first event;
    /// `make` gets the number of the node and makes the engine of its [`stage_program`].
    pub fn new(
        program: Arc<Program>,
        isolation: Isolation,
        start: Option<Nanos>,
        make: Box<Make>,
    ) -> Result<Self, String> {
        let mut streams = program.nodes.iter().flat_map(|node| &node.streams);
        let too_long = streams.find(|stream| 16 * stream.shape.0.len() > FRAME_BYTES_MAX);
        if let Some(stream) = too_long.filter(|_| isolation == Isolation::Processes) {
            let name = &stream.name;
            return Err(format!("records of `{name}` do not fit into the queues of processes"));
        }
        let ports = program.ports.len();
        let mut chain = Self {
            isolation,
            make: Arc::from(make),
            stages: Vec::new(),
            shared: Stages::default(),
            received: vec![Traffic::default(); ports],
            sent: vec![Traffic::default(); ports],
            unconnected: 0,
            discarded: 0,
            in_order: start.is_none(),
            entered: None,
            ticks: Ticks::default(),
            latest: Nanos::ZERO,
            whole: false,
            logs: Vec::new(),
            records: RecordBook::new(&program),
            program,
        };
        match start {
            Some(start) => chain.start(start)?,
            None => {
                for index in 0..chain.program.nodes.len() {
                    drop((chain.make)(index, Nanos::ZERO)?);
                }
            }
        }
        Ok(chain)
    }

    /// What becomes of the stages.
    pub fn stages(&self) -> Stages {
        self.shared.clone()
    }

    fn start(&mut self, at: Nanos) -> Result<(), String> {
        self.ticks = Ticks::new(&self.program, at);
        self.latest = at;
        for index in 0..self.program.nodes.len() {
            let program = stage_program(&self.program, index);
            let name = program.name.clone();
            let worker: Box<dyn Worker> = match self.isolation {
                Isolation::Threads => {
                    let engine = (self.make)(index, at)?;
                    Box::new(Thread::start(&name, Hand::new(engine, program.clone()))?)
                }
                Isolation::Processes => {
                    let make = Arc::clone(&self.make);
                    let process = Process::start(&name, index, program.clone(), make, at);
                    Box::new(process.map_err(|error| error.to_string())?)
                }
            };
            let node = &program.nodes[0];
            let ports = vec![Traffic::default(); node.ports.len()];
            self.stages.push(Stage {
                worker,
                queue: VecDeque::new(),
                queued: 0,
                jobs: VecDeque::new(),
                received: ports.clone(),
                sent: ports,
                told: None,
                absorbed: 0,
                next: None,
                past: NodeReport {
                    drops: vec![0; node.reasons.len()],
                    logs: vec![(0, 0); node.log_sites.len()],
                    events: vec![EventStats::default(); node.events.len()],
                    ..NodeReport::default()
                },
                report: StageReport { name, ..StageReport::default() },
                looped: 0,
                program,
            });
        }
        self.share();
        Ok(())
    }

    fn begin(&mut self, at: Nanos) {
        if self.stages.is_empty() {
            self.start(at).expect("stages could be made before the first packet");
        }
    }

    fn share(&self) {
        let reports = self
            .stages
            .iter()
            .map(|stage| StageReport { pid: stage.worker.pid(), ..stage.report.clone() });
        *self.shared.0.lock().unwrap_or_else(PoisonError::into_inner) = reports.collect();
    }

    fn in_flight(&self) -> usize {
        let of = |stage: &Stage| {
            stage.queued + stage.jobs.iter().map(|(_, packets)| *packets as usize).sum::<usize>()
        };
        self.stages.iter().map(of).sum()
    }

    fn is_busy(&self) -> bool {
        self.stages.iter().any(|stage| stage.queued > 0 || !stage.jobs.is_empty())
    }

    /// Takes a packet in at an external port.
    fn enter(&mut self, mut packet: Box<Packet>, output: &mut Vec<Box<Packet>>, pool: &mut Pool) {
        let port = packet.port as usize;
        if let Some(received) = self.received.get_mut(port) {
            received.add(packet.len());
        }
        match self.program.ingress.get(port) {
            Some(&Dest::Node(node, port)) => {
                packet.port = port;
                self.stages[node as usize].take(1, packet, pool);
            }
            Some(&Dest::Out(port)) => self.leave(packet, port, output),
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

    fn leave(&mut self, mut packet: Box<Packet>, port: u32, output: &mut Vec<Box<Packet>>) {
        self.sent[port as usize].add(packet.len());
        packet.port = port;
        output.push(packet);
    }

    /// Gives out what waits and takes back what is done; false if there was nothing to do.
    fn pump(&mut self, output: &mut Vec<Box<Packet>>, pool: &mut Pool) -> bool {
        let mut any = false;
        for index in 0..self.stages.len() {
            any |= self.stages[index].give(self.latest, pool);
            while let Some(mut done) = self.stages[index].worker.poll(pool) {
                any = true;
                let sent = std::mem::take(&mut done.output);
                for record in done.records.drain(..) {
                    self.records.emit(record.time, index as u32, record.stream, &record.leaves);
                }
                let hops = self.stages[index].finish(done, &sent, pool);
                for packet in sent {
                    self.forward(index, hops, packet, output, pool);
                }
            }
            self.stages[index].note_incidents(pool);
        }
        any
    }

    /// Moves a packet along the wire of the port at which a stage sent it.
    fn forward(
        &mut self,
        from: usize,
        hops: u32,
        mut packet: Box<Packet>,
        output: &mut Vec<Box<Packet>>,
        pool: &mut Pool,
    ) {
        let port = packet.port as usize;
        self.stages[from].sent[port].add(packet.len());
        match self.program.nodes[from].wires[port] {
            Dest::Node(node, _) if hops >= HOPS_MAX => {
                self.stages[node as usize].looped += 1;
                pool.give(packet);
            }
            Dest::Node(node, port) => {
                packet.port = port;
                self.stages[node as usize].take(hops + 1, packet, pool);
            }
            Dest::Out(port) => self.leave(packet, port, output),
            // The stage itself counts those, and sends nothing.
            Dest::Discard | Dest::Unconnected => pool.give(packet),
        }
    }

    /// Waits until at most so many packets are on their way.
    fn settle(&mut self, most: usize, output: &mut Vec<Box<Packet>>, pool: &mut Pool) {
        let mut idle = Idle::default();
        while self.in_flight() > most || (most == 0 && self.is_busy()) {
            match self.pump(output, pool) {
                true => idle.reset(),
                false => idle.wait(),
            }
        }
    }

    /// Gives every stage a job without packets, behind all that is on its way.
    fn everyone(&mut self, what: What, output: &mut Vec<Box<Packet>>, pool: &mut Pool) {
        self.settle(0, output, pool);
        for index in 0..self.stages.len() {
            let now = self.latest;
            let mut job = Job { what, packets: Vec::new(), now };
            let mut idle = Idle::default();
            while let Err(back) = self.stages[index].worker.offer(job) {
                job = back;
                if self.stages[index].worker.is_down() {
                    break;
                }
                if !self.pump(output, pool) {
                    idle.wait();
                }
            }
            if !self.stages[index].worker.is_down() {
                self.stages[index].jobs.push_back((0, 0));
            }
        }
        self.settle(0, output, pool);
    }

    fn ask(&mut self, what: What) {
        self.begin(Nanos::ZERO);
        let (mut output, mut pool) = (Vec::new(), Pool::default());
        // What is on its way could not be handed over here: then the last answers stand.
        if self.is_busy() {
            return;
        }
        self.everyone(what, &mut output, &mut pool);
        self.share();
    }
}

impl Stage {
    /// Puts a packet into the queue.
    fn take(&mut self, hops: u32, packet: Box<Packet>, pool: &mut Pool) {
        if self.queued >= QUEUE_MAX {
            return self.lose("queue full", packet, pool);
        }
        if self.worker.copies() && is_too_long(packet.bytes()) {
            return self.lose("frame too long for the queue", packet, pool);
        }
        self.received[packet.port as usize].add(packet.len());
        self.queued += 1;
        match self.queue.back_mut() {
            Some(batch) if batch.hops == hops && batch.packets.len() < JOB_PACKETS_MAX => {
                batch.packets.push(packet);
            }
            _ => self.queue.push_back(Batch { hops, packets: vec![packet] }),
        }
    }

    fn lose(&mut self, why: &'static str, packet: Box<Packet>, pool: &mut Pool) {
        *self.report.lost.entry(why).or_default() += 1;
        pool.give(packet);
    }

    /// Gives the worker what it can take; false if there was nothing to give.
    fn give(&mut self, now: Nanos, pool: &mut Pool) -> bool {
        let mut any = false;
        while let Some(batch) = self.queue.pop_front() {
            let count = batch.packets.len();
            if self.worker.is_down() {
                self.queued -= count;
                for packet in batch.packets {
                    self.lose("stage down", packet, pool);
                }
                any = true;
                continue;
            }
            let now = batch.packets.last().map_or(now, |packet| packet.time);
            let job = Job { what: What::Process, packets: batch.packets, now };
            if let Err(job) = self.worker.offer(job) {
                self.queue.push_front(Batch { hops: batch.hops, packets: job.packets });
                return any;
            }
            any = true;
            self.queued -= count;
            self.report.given += count as u64;
            self.jobs.push_back((batch.hops, count as u64));
        }
        any
    }

    /// A job is done: its hops.
    fn finish(&mut self, mut done: Done, sent: &[Box<Packet>], pool: &mut Pool) -> u32 {
        done.spare.drain(..).for_each(|packet| pool.give(packet));
        if !done.is_job {
            return 0;
        }
        if done.too_long > 0 {
            *self.report.lost.entry("frame too long for the queue").or_default() += done.too_long;
        }
        let (hops, packets) = self.jobs.pop_front().unwrap_or_default();
        self.report.returned += sent.len() as u64;
        if !done.is_lost {
            self.absorbed += packets as i64 - sent.len() as i64 - done.too_long as i64;
        }
        self.next = done.next;
        self.told = done.told.or(self.told.take());
        hops
    }

    /// Counts what failures took with them.
    fn note_incidents(&mut self, _pool: &mut Pool) {
        for incident in self.worker.take_incidents() {
            *self.report.lost.entry("stage failed").or_default() += incident.lost;
            // What it dropped and did not get to tell.
            let mut known = 0;
            if let Some(told) = self.told.take() {
                let node = &told.report.nodes[0];
                add_counts(&mut self.past, node);
                known = node.drops.iter().sum::<u64>() + node.discarded + node.consumed;
            }
            let untold = u64::try_from(self.absorbed - known as i64).unwrap_or(0);
            if untold > 0 {
                *self.report.lost.entry("dropped by the stage before it failed").or_default() +=
                    untold;
            }
            (self.absorbed, self.next) = (0, None);
            self.report.restarts += 1;
            self.report.incidents.push(incident);
            if self.report.incidents.len() > INCIDENTS_MAX {
                self.report.incidents.remove(0);
            }
        }
    }

    /// The node's counters: of now, and of those before.
    fn node_report(&self) -> NodeReport {
        let mut report = self.past.clone();
        report.states = vec![Default::default(); self.program.nodes[0].states.len()];
        if let Some(told) = &self.told {
            add_counts(&mut report, &told.report.nodes[0]);
            report.states.clone_from(&told.report.nodes[0].states);
        }
        report.received.clone_from(&self.received);
        report.sent.clone_from(&self.sent);
        if let Some(told) = &self.told {
            // What ends at `discard` counts as sent, and does not come back.
            let sent = &told.report.nodes[0].sent;
            for (port, wire) in self.program.nodes[0].wires.iter().enumerate() {
                if *wire == Dest::Discard {
                    report.sent[port] = sent[port];
                }
            }
        }
        report.drops[reason::HOPS as usize] += self.looped;
        report
    }
}

fn add_counts(all: &mut NodeReport, more: &NodeReport) {
    all.drops.iter_mut().zip(&more.drops).for_each(|(all, more)| *all += more);
    all.discarded += more.discarded;
    all.consumed += more.consumed;
    for (all, more) in all.logs.iter_mut().zip(&more.logs) {
        *all = (all.0 + more.0, all.1 + more.1);
    }
    for (all, more) in all.events.iter_mut().zip(&more.events) {
        all.generated += more.generated;
        all.fired += more.fired;
        all.refused += more.refused;
        // Those of a process that is gone never fire.
        (all.pending, all.peak) = (more.pending, all.peak.max(more.peak));
    }
}

impl Engine for Chain {
    fn process(
        &mut self,
        input: &mut Vec<Box<Packet>>,
        output: &mut Vec<Box<Packet>>,
        pool: &mut Pool,
    ) {
        let Some(first) = input.first() else { return };
        self.begin(first.time);
        self.whole = false;
        for packet in input.drain(..) {
            self.latest = self.latest.max(packet.time);
            let turned = self.in_order && self.entered.is_some_and(|port| port != packet.port);
            self.entered = Some(packet.port);
            let due = self.next_timeout().is_some_and(|next| next <= self.latest);
            if self.ticks.is_due(self.latest) || due {
                self.everyone(What::Advance, output, pool);
            } else if turned {
                self.settle(0, output, pool);
            }
            self.enter(packet, output, pool);
        }
        self.pump(output, pool);
        self.settle(WINDOW, output, pool);
        self.share();
    }

    fn advance(&mut self, now: Nanos, output: &mut Vec<Box<Packet>>, pool: &mut Pool) {
        self.begin(now);
        self.whole = false;
        self.latest = self.latest.max(now);
        self.ticks.is_due(self.latest);
        self.everyone(What::Advance, output, pool);
        self.share();
    }

    fn finish(&mut self, now: Nanos, output: &mut Vec<Box<Packet>>, pool: &mut Pool) {
        self.advance(now, output, pool);
        self.everyone(What::Finish, output, pool);
        self.share();
    }

    fn next_timeout(&self) -> Option<Nanos> {
        self.stages.iter().filter_map(|stage| stage.next).min()
    }

    fn set_records(&mut self, sink: Box<dyn RecordSink>) {
        self.records.install(sink);
    }

    fn take_records(&mut self) -> Vec<Record> {
        self.records.take()
    }

    fn drain(&mut self, wait: bool, output: &mut Vec<Box<Packet>>, pool: &mut Pool) -> bool {
        match wait {
            true => self.settle(0, output, pool),
            false => {
                self.pump(output, pool);
            }
        }
        self.is_busy()
    }

    fn report(&mut self) -> Report {
        if !self.whole {
            self.ask(What::Brief);
        }
        for (index, stage) in (0..).zip(&mut self.stages) {
            for mut line in stage.told.iter_mut().flat_map(|told| told.logs.drain(..)) {
                line.node = index;
                self.logs.push(line);
            }
        }
        self.logs.sort_by_key(|line| line.time);
        let nodes = self
            .stages
            .iter()
            .enumerate()
            .map(|(n, stage)| NodeReport { streams: self.records.stats(n), ..stage.node_report() });
        Report {
            received: self.received.clone(),
            sent: self.sent.clone(),
            nodes: nodes.collect(),
            unconnected: self.unconnected,
            discarded: self.discarded,
        }
    }

    fn state(&mut self, node: usize, state: usize) -> Vec<Entry> {
        if !self.whole {
            self.ask(What::Whole);
            self.whole = true;
        }
        let told = self.stages.get_mut(node).and_then(|stage| stage.told.as_mut());
        told.map_or_else(Vec::new, |told| told.state(0, state))
    }

    fn take_logs(&mut self) -> Vec<LogLine> {
        self.report();
        std::mem::take(&mut self.logs)
    }
}
