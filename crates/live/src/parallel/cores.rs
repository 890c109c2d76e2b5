//! A program on several cores.

use super::Make;
use super::idle::Idle;
use super::ticks::Ticks;
use super::worker::{Hand, Job, Thread, What, Worker};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use trama_base::Nanos;
use trama_lang::cores::{Division, Steering, Target, combine};
use trama_lang::engine::{Engine, Entry, LogLine, Report};
use trama_lang::ir::Program;
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

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    // Numbers are whole between any two of their changes, whatever happened to who made them.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Core {
    worker: Thread,
    /// Packets of this batch.
    pending: Vec<Box<Packet>>,
    /// What left and waits for its turn.
    ready: VecDeque<Box<Packet>>,
    upto: Nanos,
    told: Option<Box<Snapshot>>,
}

/// An engine that is several, each on a thread of its own, with packets steered to them.
///
/// What leaves comes out in the order of the events' times, and within one time in the order of the
/// cores: the same at every run. In a live run (`in_order` false) it comes out as it is ready.
pub struct Cores {
    program: Arc<Program>,
    division: Division,
    steering: Steering,
    make: Box<Make>,
    cores: Vec<Core>,
    /// Saw only what all cores see: its share of sums is taken out.
    shadow: Option<Box<dyn Engine>>,
    count: usize,
    loads: Arc<Mutex<Vec<CoreLoad>>>,
    in_order: bool,
    ticks: Ticks,
    latest: Nanos,
    whole: Option<Snapshot>,
    logs: Vec<LogLine>,
    /// Buffers that came back while no pool was at hand.
    spare: Pool,
}

impl Cores {
    /// Runs a division on `count` cores. Engines are made now if the start is known, else at the
    /// first event; `make` gets the number of the core, and `count` for the shadow.
    pub fn new(
        program: Arc<Program>,
        division: Division,
        count: usize,
        start: Option<Nanos>,
        make: Box<Make>,
    ) -> Result<Self, String> {
        let steering = Steering::new(&division, count);
        let mut cores = Self {
            program,
            division,
            steering,
            make,
            cores: Vec::new(),
            shadow: None,
            count,
            loads: Arc::new(Mutex::new(vec![CoreLoad::default(); count])),
            in_order: start.is_none(),
            ticks: Ticks::default(),
            latest: Nanos::ZERO,
            whole: None,
            logs: Vec::new(),
            spare: Pool::default(),
        };
        match start {
            Some(start) => cores.start(start)?,
            // What cannot be made is told before the first packet.
            None => drop((cores.make)(0, Nanos::ZERO)?),
        }
        Ok(cores)
    }

    fn start(&mut self, at: Nanos) -> Result<(), String> {
        self.ticks = Ticks::new(&self.program, at);
        self.latest = at;
        self.shadow = Some((self.make)(self.count, at)?);
        for index in 0..self.count {
            let engine = (self.make)(index, at)?;
            let hand = Hand::new(engine, (*self.program).clone());
            self.cores.push(Core {
                worker: Thread::start(&format!("core {index}"), hand)?,
                pending: Vec::new(),
                ready: VecDeque::new(),
                upto: at,
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
                core.upto = done.upto;
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
            self.cores.iter_mut().for_each(|core| output.extend(core.ready.drain(..)));
            return;
        }
        let is_busy = |core: &Core| core.worker.outstanding() > 0 || !core.pending.is_empty();
        // What a core may still send is not older than what it has done.
        let horizon = self.cores.iter().filter(|core| is_busy(core)).map(|core| core.upto).min();
        loop {
            let heads = self.cores.iter().enumerate();
            let first = heads.filter_map(|(at, core)| Some((core.ready.front()?.time, at))).min();
            let Some((time, at)) = first else { return };
            if horizon.is_some_and(|horizon| time >= horizon) {
                return;
            }
            output.extend(self.cores[at].ready.pop_front());
        }
    }

    /// Lets all cores pass to the latest time.
    fn advance_all(&mut self, pool: &mut Pool) {
        self.flush_all(pool);
        for core in 0..self.count {
            self.offer(core, What::Advance, Vec::new(), pool);
        }
        if let Some(shadow) = &mut self.shadow {
            shadow.advance(self.latest, &mut Vec::new(), pool);
        }
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
        self.offer(0, What::Process, vec![packet], pool);
    }

    /// Asks all cores, waits for their answers and puts them together.
    fn ask(&mut self, what: What) -> Snapshot {
        self.begin(Nanos::ZERO);
        let mut pool = std::mem::take(&mut self.spare);
        // Entries go with time: all are to see the same one.
        self.advance_all(&mut pool);
        for core in 0..self.count {
            self.cores[core].told = None;
            self.offer(core, what, Vec::new(), &mut pool);
        }
        let mut idle = Idle::default();
        while self.cores.iter().any(|core| core.told.is_none()) {
            match self.take_done(&mut pool) {
                true => idle.reset(),
                false => idle.wait(),
            }
        }
        self.spare = pool;
        let told: Vec<Snapshot> =
            self.cores.iter_mut().filter_map(|core| core.told.take()).map(|told| *told).collect();
        let shadow = self.shadow.as_mut().expect("engines were made above");
        let shadow = match what {
            What::Whole => Snapshot::whole(&mut **shadow, &self.program),
            _ => Snapshot::brief(&mut **shadow),
        };
        let mut all = combine(&self.program, &self.division, &told, &shadow);
        self.logs.append(&mut all.logs);
        all
    }
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
            if self.ticks.is_due(self.latest) {
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
        self.ticks.is_due(self.latest);
        self.advance_all(pool);
        self.take_done(pool);
        self.release(output);
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
