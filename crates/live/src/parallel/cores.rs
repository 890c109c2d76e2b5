//! A program on several cores.

use super::MakeSeat;
use super::idle::Idle;
use super::worker::{Hand, Job, Thread, What, Worker, locked};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use trama_base::Nanos;
use trama_lang::cores::{Division, Seat, Steering, Target, combine, gather};
use trama_lang::engine::{Engine, Entry, LogLine, Report};
use trama_lang::ir::{Program, StreamId};
use trama_lang::records::{Record, RecordBook, RecordSink};
use trama_lang::snapshot::Snapshot;
use trama_wire::{Packet, Pool};

/// What one core did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CoreLoad {
    /// Packets given to it.
    pub packets: u64,
    /// Processor time that it took.
    pub busy: Nanos,
}

/// What each core did.
#[derive(Clone, Debug)]
pub struct Loads(Arc<Mutex<Vec<CoreLoad>>>);

impl Loads {
    /// As it is now.
    pub fn now(&self) -> Vec<CoreLoad> {
        locked(&self.0).clone()
    }
}

struct Core {
    worker: Thread,
    /// Packets of this batch.
    pending: Vec<Box<Packet>>,
    /// What left and waits for its turn.
    ready: VecDeque<Box<Packet>>,
    records: VecDeque<Record>,
    /// All packets up to this time are done.
    upto: Nanos,
    /// When something of it is due, as far as it has told.
    next: Option<Nanos>,
    /// Jobs after which that is known again: time has passed for it.
    unknown: usize,
    told: Option<Box<Snapshot>>,
}

/// An engine that is several, each on a thread of its own, with packets steered to them.
///
/// What leaves, and what is emitted, comes out in the order of the events' times, within one time
/// in the order of the cores, the keeper being before all: the same at every run. In a live run
/// (`in_order` false) it comes out as it is ready.
pub struct Cores {
    program: Arc<Program>,
    division: Division,
    steering: Steering,
    make: Box<MakeSeat>,
    cores: Vec<Core>,
    /// Runs what is to happen once, on this thread.
    keeper: Option<Hand>,
    kept: VecDeque<Record>,
    /// Saw only what all cores see: its share of sums is taken out.
    shadow: Option<Box<dyn Engine>>,
    count: usize,
    loads: Arc<Mutex<Vec<CoreLoad>>>,
    in_order: bool,
    latest: Nanos,
    whole: Option<Snapshot>,
    logs: Vec<LogLine>,
    records: RecordBook,
    /// Buffers that came back while no pool was at hand.
    spare: Pool,
}

impl Cores {
    /// Runs a division on `count` cores. Engines are made now if the start is known, else at the
    /// first event.
    pub fn new(
        program: Arc<Program>,
        division: Division,
        count: usize,
        start: Option<Nanos>,
        make: Box<MakeSeat>,
    ) -> Result<Self, String> {
        let steering = Steering::new(&division, count);
        let mut cores = Self {
            records: RecordBook::new(&program),
            program,
            division,
            steering,
            make,
            cores: Vec::new(),
            keeper: None,
            kept: VecDeque::new(),
            shadow: None,
            count,
            loads: Arc::new(Mutex::new(vec![CoreLoad::default(); count])),
            in_order: start.is_none(),
            latest: Nanos::ZERO,
            whole: None,
            logs: Vec::new(),
            spare: Pool::default(),
        };
        match start {
            Some(start) => cores.start(start)?,
            // What cannot be made is told before the first packet.
            None => drop((cores.make)(Seat::Core(0), Nanos::ZERO)?),
        }
        Ok(cores)
    }

    fn start(&mut self, at: Nanos) -> Result<(), String> {
        self.latest = at;
        let mut shadow = (self.make)(Seat::Shadow, at)?;
        shadow.set_records(Box::new(|_: Nanos, _: u32, _: StreamId, _: &[u128]| {}));
        self.shadow = Some(shadow);
        if self.division.has_keeper {
            let engine = (self.make)(Seat::Keeper, at)?;
            self.keeper = Some(Hand::new(engine, (*self.program).clone()));
        }
        let gathered: Vec<_> = self.division.gathered.iter().copied().collect();
        for index in 0..self.count {
            let engine = (self.make)(Seat::Core(index), at)?;
            let next = engine.next_timeout();
            let hand = Hand::new(engine, (*self.program).clone()).giving(gathered.clone());
            self.cores.push(Core {
                worker: Thread::start(&format!("core {index}"), hand)?,
                pending: Vec::new(),
                ready: VecDeque::new(),
                records: VecDeque::new(),
                upto: at,
                next,
                unknown: 0,
                told: None,
            });
        }
        Ok(())
    }

    fn begin(&mut self, at: Nanos) {
        if self.cores.is_empty() {
            self.start(at).expect("engines could be made before the first packet");
        }
    }

    /// What each core did, to be looked at while the engine is in other hands.
    pub fn loads(&self) -> Loads {
        Loads(Arc::clone(&self.loads))
    }

    /// Gives a core a job, taking back what is done while its queue is full.
    fn offer(&mut self, core: usize, what: What, packets: Vec<Box<Packet>>, pool: &mut Pool) {
        if what == What::Process {
            locked(&self.loads)[core].packets += packets.len() as u64;
        }
        let mut job = Job { what, packets, now: self.latest };
        let mut idle = Idle::default();
        while let Err(back) = self.cores[core].worker.offer(job) {
            job = back;
            if !self.take_done(pool) {
                idle.wait();
            }
        }
    }

    fn flush(&mut self, core: usize, pool: &mut Pool) {
        if !self.cores[core].pending.is_empty() {
            let packets = std::mem::take(&mut self.cores[core].pending);
            self.offer(core, What::Process, packets, pool);
        }
    }

    fn flush_all(&mut self, pool: &mut Pool) {
        (0..self.count).for_each(|core| self.flush(core, pool));
    }

    /// Takes back what is done; false if nothing was.
    fn take_done(&mut self, pool: &mut Pool) -> bool {
        let mut any = false;
        for (index, core) in self.cores.iter_mut().enumerate() {
            while let Some(mut done) = core.worker.poll(pool) {
                any = true;
                core.ready.extend(done.output.drain(..));
                core.records.extend(done.records.drain(..));
                core.upto = done.upto;
                core.next = done.next;
                core.unknown = core.unknown.saturating_sub(1);
                locked(&self.loads)[index].busy += done.busy;
                core.told = done.told.or(core.told.take());
                done.spare.drain(..).for_each(|packet| pool.give(packet));
            }
        }
        any
    }

    /// Hands over what is ready and cannot be overtaken.
    fn release(&mut self, output: &mut Vec<Box<Packet>>) {
        if !self.in_order {
            for core in &mut self.cores {
                output.extend(core.ready.drain(..));
                core.records.drain(..).for_each(|record| emit(&mut self.records, &record));
            }
            self.kept.drain(..).for_each(|record| emit(&mut self.records, &record));
            return;
        }
        let is_busy = |core: &Core| core.worker.outstanding() > 0 || !core.pending.is_empty();
        // What a core may still send is not older than what it has done.
        let horizon = self.cores.iter().filter(|core| is_busy(core)).map(|core| core.upto).min();
        let is_out = |time: Nanos| horizon.is_none_or(|horizon| time < horizon);
        loop {
            let heads = self.cores.iter().enumerate();
            let first = heads.filter_map(|(at, core)| Some((core.ready.front()?.time, at))).min();
            let Some((_, at)) = first.filter(|(time, _)| is_out(*time)) else { break };
            output.extend(self.cores[at].ready.pop_front());
        }
        loop {
            let mut queues: Vec<&mut VecDeque<Record>> = vec![&mut self.kept];
            queues.extend(self.cores.iter_mut().map(|core| &mut core.records));
            let heads = queues.into_iter().enumerate();
            let times = heads.filter_map(|(at, queue)| Some((queue.front()?.time, at, queue)));
            let Some((time, _, queue)) = times.min_by_key(|(time, at, _)| (*time, *at)) else {
                return;
            };
            if !is_out(time) {
                return;
            }
            queue.pop_front().iter().for_each(|record| emit(&mut self.records, record));
        }
    }

    /// Lets the keeper do something, and takes what it says.
    fn keep(&mut self, what: What, packets: Vec<Box<Packet>>, pool: &mut Pool) -> Option<Snapshot> {
        let mut done = self.keeper.as_mut()?.work(Job { what, packets, now: self.latest });
        self.kept.extend(done.records.drain(..));
        done.output.drain(..).chain(done.spare.drain(..)).for_each(|packet| pool.give(packet));
        done.told.map(|told| *told)
    }

    /// Lets all pass to the latest time; what is due on the keeper finds what the cores counted.
    fn advance_all(&mut self, pool: &mut Pool) {
        self.flush_all(pool);
        for core in 0..self.count {
            self.offer(core, What::Advance, Vec::new(), pool);
            let core = &mut self.cores[core];
            (core.next, core.unknown) = (None, core.worker.outstanding());
        }
        if self.keeper_is_due() {
            self.gather(pool);
        }
        self.keep(What::Advance, Vec::new(), pool);
        if let Some(shadow) = &mut self.shadow {
            shadow.advance(self.latest, &mut Vec::new(), pool);
        }
    }

    fn keeper_is_due(&self) -> bool {
        let next = self.keeper.as_ref().and_then(|keeper| keeper.next_timeout());
        next.is_some_and(|next| next <= self.latest)
    }

    /// Whether something is due before a packet of the latest time.
    fn is_due(&mut self, pool: &mut Pool) -> bool {
        if self.in_order && self.division.lookahead.is_some() {
            self.look_ahead(pool);
        }
        let due = |core: &Core| core.next.is_some_and(|next| next <= self.latest);
        self.keeper_is_due() || self.cores.iter().any(due)
    }

    /// Waits until all is known that packets have generated and that is due by the latest time. As
    /// in parallel simulation, the shortest delay says how far the cores may lag behind (Chandy and
    /// Misra, "Distributed Simulation", 1979).
    fn look_ahead(&mut self, pool: &mut Pool) {
        let ahead = self.division.lookahead.unwrap_or_default();
        let latest = self.latest;
        let lags = |core: &Core| {
            let is_busy = core.worker.outstanding() > 0 || !core.pending.is_empty();
            core.unknown > 0 || is_busy && core.upto + ahead <= latest
        };
        if !self.cores.iter().any(lags) {
            return;
        }
        self.flush_all(pool);
        let mut idle = Idle::default();
        while self.cores.iter().any(lags) {
            if self.take_done(pool) { idle.reset() } else { idle.wait() }
        }
    }

    /// Brings what the cores have counted to the keeper.
    fn gather(&mut self, pool: &mut Pool) {
        if self.division.gathered.is_empty() {
            return;
        }
        let told = self.told(What::Yield, pool);
        let (Some(keeper), Some(shadow)) = (&mut self.keeper, &mut self.shadow) else { return };
        for &(node, state) in &self.division.gathered {
            let own = keeper.engine().state(node, state);
            let copies = told.iter().map(|core| &core.states[node][state][..]);
            let parts: Vec<&[Entry]> = std::iter::once(&own[..]).chain(copies).collect();
            let base = shadow.state(node, state);
            let all = gather(&self.program, &self.division, (node, state), &parts, &base);
            let is_set =
                keeper.engine().set_state(node, state, &all) && shadow.set_state(node, state, &[]);
            assert!(is_set, "what can be merged can be set");
        }
        self.logs.extend(told.into_iter().flat_map(|core| core.logs));
    }

    /// What all cores tell, by core.
    fn told(&mut self, what: What, pool: &mut Pool) -> Vec<Snapshot> {
        self.flush_all(pool);
        for core in 0..self.count {
            self.cores[core].told = None;
            self.offer(core, what, Vec::new(), pool);
        }
        let mut idle = Idle::default();
        while self.cores.iter().any(|core| core.told.is_none()) {
            if self.take_done(pool) { idle.reset() } else { idle.wait() }
        }
        self.cores.iter_mut().filter_map(|core| core.told.take()).map(|told| *told).collect()
    }

    /// A packet for everyone; the first core's output counts.
    fn broadcast(&mut self, packet: Box<Packet>, pool: &mut Pool) {
        self.flush_all(pool);
        let copy = |pool: &mut Pool| {
            let mut copy = pool.take();
            copy.copy_from(&packet);
            copy
        };
        for core in 1..self.count {
            let packets = vec![copy(pool)];
            self.offer(core, What::Echo, packets, pool);
        }
        let (mut input, mut output) = (vec![copy(pool)], Vec::new());
        if let Some(shadow) = &mut self.shadow {
            shadow.process(&mut input, &mut output, pool);
            shadow.take_logs();
        }
        output.drain(..).for_each(|packet| pool.give(packet));
        let for_keeper = copy(pool);
        self.keep(What::Echo, vec![for_keeper], pool);
        self.offer(0, What::Process, vec![packet], pool);
    }

    /// Asks all cores, waits for their answers and puts them together.
    fn ask(&mut self, what: What) -> Snapshot {
        self.begin(Nanos::ZERO);
        let mut pool = std::mem::take(&mut self.spare);
        // Entries go with time: all are to see the same one.
        self.advance_all(&mut pool);
        let keeper = self.keep(what, Vec::new(), &mut pool);
        let told: Vec<Snapshot> = keeper.into_iter().chain(self.told(what, &mut pool)).collect();
        self.spare = pool;
        let shadow = self.shadow.as_mut().expect("engines were made above");
        let shadow = match what {
            What::Whole => Snapshot::whole(&mut **shadow, &self.program),
            _ => Snapshot::brief(&mut **shadow),
        };
        let mut all = combine(&self.program, &self.division, &told, &shadow);
        for (n, node) in all.report.nodes.iter_mut().enumerate() {
            let lost = self.records.stats(n);
            node.streams.iter_mut().zip(lost).for_each(|(all, own)| all.lost = own.lost);
        }
        self.logs.append(&mut all.logs);
        self.logs.sort_by_key(|line| line.time);
        all
    }
}

fn emit(book: &mut RecordBook, record: &Record) {
    book.emit(record.time, record.node, record.stream, &record.leaves);
}

impl Engine for Cores {
    fn process(
        &mut self,
        input: &mut Vec<Box<Packet>>,
        output: &mut Vec<Box<Packet>>,
        pool: &mut Pool,
    ) {
        let Some(first) = input.first() else { return };
        self.begin(first.time);
        self.whole = None;
        for packet in input.drain(..) {
            if packet.time > self.latest {
                self.latest = packet.time;
            }
            if self.is_due(pool) {
                self.advance_all(pool);
            }
            match self.steering.target(&packet) {
                Target::Core(core) => self.cores[core].pending.push(packet),
                Target::All => self.broadcast(packet, pool),
            }
        }
        self.flush_all(pool);
        self.take_done(pool);
        self.release(output);
    }

    fn advance(&mut self, now: Nanos, output: &mut Vec<Box<Packet>>, pool: &mut Pool) {
        self.begin(now);
        self.whole = None;
        self.latest = self.latest.max(now);
        self.advance_all(pool);
        self.take_done(pool);
        self.release(output);
    }

    fn finish(&mut self, now: Nanos, output: &mut Vec<Box<Packet>>, pool: &mut Pool) {
        self.begin(now);
        self.whole = None;
        self.latest = self.latest.max(now);
        self.advance_all(pool);
        self.gather(pool);
        for core in 0..self.count {
            self.offer(core, What::Finish, Vec::new(), pool);
        }
        self.keep(What::Finish, Vec::new(), pool);
        if let Some(shadow) = &mut self.shadow {
            shadow.finish(self.latest, &mut Vec::new(), pool);
        }
        self.drain(true, output, pool);
    }

    fn next_timeout(&self) -> Option<Nanos> {
        let keeper = self.keeper.as_ref().and_then(|keeper| keeper.next_timeout());
        self.cores.iter().filter_map(|core| core.next).chain(keeper).min()
    }

    fn set_records(&mut self, sink: Box<dyn RecordSink>) {
        self.records.install(sink);
    }

    fn take_records(&mut self) -> Vec<Record> {
        self.records.take()
    }

    fn drain(&mut self, wait: bool, output: &mut Vec<Box<Packet>>, pool: &mut Pool) -> bool {
        let mut idle = Idle::default();
        let is_busy = |cores: &[Core]| cores.iter().any(|core| core.worker.outstanding() > 0);
        loop {
            let any = self.take_done(pool);
            let busy = is_busy(&self.cores);
            if !wait || !busy {
                self.release(output);
                return busy;
            }
            if any { idle.reset() } else { idle.wait() }
        }
    }

    fn report(&mut self) -> Report {
        if let Some(whole) = &self.whole {
            return whole.report.clone();
        }
        self.ask(What::Brief).report
    }

    fn state(&mut self, node: usize, state: usize) -> Vec<Entry> {
        if self.whole.is_none() {
            self.whole = Some(self.ask(What::Whole));
        }
        self.whole.as_mut().map_or_else(Vec::new, |whole| whole.state(node, state))
    }

    fn take_logs(&mut self) -> Vec<LogLine> {
        std::mem::take(&mut self.logs)
    }
}
