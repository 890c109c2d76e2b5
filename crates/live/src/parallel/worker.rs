//! An engine that works elsewhere: jobs go there, results come back in the same order.

use super::chain::Incident;
use super::idle::Idle;
use super::ring::{Consumer, Producer, ring};
use crate::clock;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use trama_base::Nanos;
use trama_lang::engine::{Engine, LogLine};
use trama_lang::ir::{Program, StreamId};
use trama_lang::records::Record;
use trama_lang::snapshot::Snapshot;
use trama_wire::{Packet, Pool};

/// Jobs on their way to one worker: enough to keep it busy, few enough to bound the delay.
pub(super) const JOBS: usize = 64;

/// Idle packets that a worker keeps for its copies; more go back.
const KEPT: usize = 256;

/// What a worker is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// Process the packets.
    Process,
    /// Process the packets; what leaves and what is logged, another worker says.
    Echo,
    /// Let time pass.
    Advance,
    /// Tell the counters.
    Brief,
    /// Tell the counters and all state.
    Whole,
    /// Tell what is in the objects to give up, and empty them.
    Yield,
    /// Let time pass, then end the run.
    Finish,
}

/// A job for a worker.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) what: What,
    pub(super) packets: Vec<Box<Packet>>,
    /// The time of the last packet, or to pass to.
    pub(super) now: Nanos,
}

/// A job that was done.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// What leaves.
    pub(super) output: Vec<Box<Packet>>,
    /// Buffers that are no longer needed, and the vector that held the input.
    pub(super) spare: Vec<Box<Packet>>,
    /// All packets up to this time are done.
    pub(super) upto: Nanos,
    /// Records, in the order in which they were emitted.
    pub(super) records: Vec<Record>,
    /// When a timer or event of it is due next.
    pub(super) next: Option<Nanos>,
    /// What was asked for.
    pub(super) told: Option<Box<Snapshot>>,
    /// Processor time inside the engine.
    pub(super) busy: Nanos,
    /// It is a job, and not only buffers that come back.
    pub(super) is_job: bool,
    /// It was lost with the worker.
    pub(super) is_lost: bool,
    /// Packets that left but were too long to come back.
    pub(super) too_long: u64,
}

/// The host's side of a worker.
pub(super) trait Worker: Send {
    /// Gives it a job, or the job back if its queue is full.
    fn offer(&mut self, job: Job) -> Result<(), Job>;

    /// A job that it has done, if there is one.
    fn poll(&mut self, pool: &mut Pool) -> Option<Done>;

    /// Jobs that it has not done yet.
    fn outstanding(&self) -> usize;

    /// Whether frames go to it by copying, so that they must not be too long.
    fn copies(&self) -> bool {
        false
    }

    /// Whether nothing can be given to it, because it failed and is not made anew yet.
    fn is_down(&self) -> bool {
        false
    }

    /// Its process, if it has one.
    fn pid(&self) -> Option<u32> {
        None
    }

    /// What went wrong since the last call.
    fn take_incidents(&mut self) -> Vec<Incident> {
        Vec::new()
    }
}

/// What does the jobs, on whichever side of a ring.
pub(super) struct Hand {
    engine: Box<dyn Engine>,
    program: Program,
    pool: Pool,
    /// Lines that the engine wrote and that nobody asked for yet.
    logs: Vec<LogLine>,
    records: Arc<Mutex<Vec<Record>>>,
    /// Objects to give up, by node and index.
    gives: Vec<(usize, usize)>,
}

impl Hand {
    pub(super) fn new(mut engine: Box<dyn Engine>, program: Program) -> Self {
        let records = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&records);
        let keep = move |time: Nanos, node: u32, stream: StreamId, leaves: &[u128]| {
            locked(&kept).push(Record { time, node, stream, leaves: leaves.to_vec() });
        };
        engine.set_records(Box::new(keep));
        let (pool, logs, gives) = (Pool::default(), Vec::new(), Vec::new());
        Self { engine, program, pool, logs, records, gives }
    }

    /// Gives up these objects when it is asked to.
    pub(super) fn giving(self, gives: Vec<(usize, usize)>) -> Self {
        Self { gives, ..self }
    }

    pub(super) fn pool(&mut self) -> &mut Pool {
        &mut self.pool
    }

    pub(super) fn engine(&mut self) -> &mut dyn Engine {
        &mut *self.engine
    }

    /// When something is due next.
    pub(super) fn next_timeout(&self) -> Option<Nanos> {
        self.engine.next_timeout()
    }

    /// Does a job.
    pub(super) fn work(&mut self, mut job: Job) -> Done {
        let before = clock::thread_cpu();
        let mut done = Done { upto: job.now, is_job: true, ..Done::default() };
        let count = job.packets.len();
        match job.what {
            What::Process => {
                self.engine.process(&mut job.packets, &mut done.output, &mut self.pool);
            }
            What::Echo => {
                done.records = std::mem::take(&mut *locked(&self.records));
                self.logs.append(&mut self.engine.take_logs());
                self.engine.process(&mut job.packets, &mut done.output, &mut self.pool);
                self.engine.take_logs();
                locked(&self.records).clear();
                done.output.drain(..).for_each(|packet| self.pool.give(packet));
            }
            What::Advance => self.engine.advance(job.now, &mut done.output, &mut self.pool),
            What::Brief => done.told = Some(Box::new(Snapshot::brief(&mut *self.engine))),
            What::Whole => {
                done.told = Some(Box::new(Snapshot::whole(&mut *self.engine, &self.program)));
            }
            What::Yield => done.told = Some(Box::new(self.give_up())),
            What::Finish => {
                self.engine.finish(job.now, &mut done.output, &mut self.pool);
            }
        }
        done.records.append(&mut locked(&self.records));
        done.next = self.engine.next_timeout();
        if let Some(told) = &mut done.told {
            self.logs.append(&mut told.logs);
            told.logs = std::mem::take(&mut self.logs);
        }
        done.spare = job.packets;
        let back = self.pool.idle().saturating_sub(KEPT).min(count);
        done.spare.extend((0..back).map(|_| self.pool.take()));
        done.busy = clock::thread_cpu().since(before);
        done
    }
}

impl Hand {
    /// What is in the objects to give up; they are empty then.
    fn give_up(&mut self) -> Snapshot {
        let mut told = Snapshot::brief(&mut *self.engine);
        told.states = self.program.nodes.iter().map(|n| vec![vec![]; n.states.len()]).collect();
        for &(node, state) in &self.gives {
            told.states[node][state] = self.engine.state(node, state);
            let emptied = self.engine.set_state(node, state, &[]);
            assert!(emptied, "what can be merged can be emptied");
        }
        told
    }
}

/// What a mutex guards. What is in it is whole between any two changes, whatever happened to who
/// made them.
pub(super) fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A worker on a thread of its own.
pub(super) struct Thread {
    jobs: Option<Producer<Job>>,
    done: Consumer<Done>,
    outstanding: usize,
    handle: Option<JoinHandle<()>>,
}

impl Thread {
    /// Starts it.
    pub(super) fn start(name: &str, mut hand: Hand) -> Result<Self, String> {
        let (jobs, mut todo) = ring::<Job>(JOBS);
        let (mut results, done) = ring::<Done>(JOBS);
        let work = move || {
            let mut idle = Idle::default();
            loop {
                let closed = todo.is_closed();
                match todo.pop() {
                    Some(job) => {
                        idle.reset();
                        // There is room: as many results as jobs, and no more jobs at a time.
                        if results.push(hand.work(job)).is_err() {
                            return;
                        }
                    }
                    None if closed => return,
                    None => idle.wait(),
                }
            }
        };
        let builder = std::thread::Builder::new().name(name.into());
        let handle = builder.spawn(work).map_err(|error| format!("a thread: {error}"))?;
        Ok(Self { jobs: Some(jobs), done, outstanding: 0, handle: Some(handle) })
    }
}

impl Worker for Thread {
    fn offer(&mut self, job: Job) -> Result<(), Job> {
        if self.outstanding == JOBS {
            return Err(job);
        }
        let Some(jobs) = &mut self.jobs else { return Err(job) };
        jobs.push(job)?;
        self.outstanding += 1;
        Ok(())
    }

    fn poll(&mut self, _pool: &mut Pool) -> Option<Done> {
        let gone = self.done.is_closed();
        let done = self.done.pop();
        if done.is_some() {
            self.outstanding -= 1;
        } else if gone
            && self.outstanding > 0
            && let Some(handle) = self.handle.take()
        {
            // An engine that panics is a fault of Trama: it goes on as one, on this thread.
            if let Err(panic) = handle.join() {
                std::panic::resume_unwind(panic);
            }
            self.outstanding = 0;
        }
        done
    }

    fn outstanding(&self) -> usize {
        self.outstanding
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(handle) = self.handle.take() {
            // Its panic, if any, was told by `poll` or is told by the thread itself.
            let _ = handle.join();
        }
    }
}
