//! A worker that is a process: what it does cannot harm anybody else.
//!
//! Jobs and results go through two queues in [shared memory](super::shared). The child is made by
//! `fork`, so it has the program without reading it again; then it gives up all system calls that
//! it does not need (`seccomp(2)`), so that code that went wrong in it cannot reach outside either.
//!
//! The host looks after it: a child that dies, that does not answer in time, or that writes what
//! cannot be, is killed, and what it was working on is lost and counted. Then a new one is made,
//! with the state of the beginning; after each failure in quick succession it waits longer before
//! it tries again.

use super::Make;
use super::chain::Incident;
use super::shared::{FRAME_BYTES_MAX, Fault, Note, Place, QUEUE_BYTES, Reader, Writer, packet};
use super::worker::{Done, Job, What, Worker};
use crate::clock;
use crate::mapping::Mapping;
use crate::sys::{SysError, check, check_fd};
use std::collections::VecDeque;
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use trama_base::Nanos;
use trama_lang::ir::{Program, StreamId};
use trama_lang::records::Record;
use trama_wire::Pool;

mod child;
mod telling;

use telling::Telling;

/// Most packets of one job: a queue holds it, with its end mark, and its results.
pub(super) const JOB_PACKETS_MAX: usize = 128;

/// Kinds of messages.
mod kind {
    pub(super) const FRAME: u32 = 1;
    /// The end of a job; `port` says what to do.
    pub(super) const END: u32 = 2;
    /// A record of the stream that `port` says: its leaves, 16 bytes each.
    pub(super) const RECORD: u32 = 3;
}

/// A process that does not answer for so long is taken to hang.
const PATIENCE: Nanos = Nanos::from_secs(1);

/// Shortest and longest time before a failed process is made anew.
const PAUSE_MIN: Nanos = Nanos::from_millis(1);
const PAUSE_MAX: Nanos = Nanos::from_secs(1);

/// A process that works so long has recovered.
const RECOVERED: Nanos = Nanos::from_secs(5);

/// A job on its way: its number, what it is, the packets in it, and when it was given.
#[derive(Clone, Copy, Debug)]
struct Given {
    number: u32,
    what: What,
    packets: u64,
    now: Nanos,
    at: Nanos,
}

/// A worker in a process of its own.
pub(super) struct Process {
    name: String,
    index: usize,
    ports: u32,
    make: Arc<Make>,
    program: Program,
    memory: Arc<Mapping>,
    jobs: Writer,
    results: Reader,
    pid: Option<libc::pid_t>,
    started: Nanos,
    pause: Nanos,
    /// When to make it anew.
    retry: Option<Nanos>,
    given: VecDeque<Given>,
    next: u32,
    /// What is emitted so far, by the job that is being done.
    records: Vec<Record>,
    /// What leaves so far, of the job that is being done.
    output: Vec<Box<trama_wire::Packet>>,
    finished: VecDeque<Done>,
    frame: Vec<u8>,
    looks: u32,
    latest: Nanos,
    incidents: Vec<Incident>,
}

impl Process {
    /// Starts it.
    pub(super) fn start(
        name: &str,
        index: usize,
        program: Program,
        make: Arc<Make>,
        start: Nanos,
    ) -> Result<Self, SysError> {
        let memory = Arc::new(memory()?);
        let mut process = Self {
            name: name.into(),
            index,
            ports: program.ports.len() as u32,
            make,
            program,
            jobs: Writer::new(Place::new(&memory, 0)),
            results: Reader::new(Place::new(&memory, QUEUE_BYTES)),
            memory,
            pid: None,
            started: Nanos::ZERO,
            pause: PAUSE_MIN,
            retry: None,
            given: VecDeque::new(),
            next: 0,
            records: Vec::new(),
            output: Vec::new(),
            finished: VecDeque::new(),
            frame: Vec::new(),
            looks: 0,
            latest: start,
            incidents: Vec::new(),
        };
        process.spawn()?;
        Ok(process)
    }

    fn spawn(&mut self) -> Result<(), SysError> {
        let queues = [Place::new(&self.memory, 0), Place::new(&self.memory, QUEUE_BYTES)];
        queues.iter().for_each(Place::clear);
        Telling::of(&self.memory).clear();
        let [jobs, results] = queues;
        self.jobs = Writer::new(jobs.clone());
        self.results = Reader::new(results.clone());
        // A child sees the memory of its own queues, and not that of others.
        self.memory.inherit(true)?;
        // SAFETY: the child runs `child::main`, which never returns.
        let pid = check(unsafe { libc::fork() }, "fork")?;
        if pid == 0 {
            let make = || (self.make)(self.index, self.latest);
            let telling = Telling::of(&self.memory);
            child::main(
                &self.name,
                &make,
                &self.program,
                Reader::new(jobs),
                Writer::new(results),
                telling,
            )
        }
        self.memory.inherit(false)?;
        self.pid = Some(pid);
        self.started = clock::monotonic();
        self.retry = None;
        Ok(())
    }

    /// Ends the child and counts what it had; it is made anew later.
    fn fail(&mut self, what: String, pool: &mut Pool) {
        if let Some(pid) = self.pid.take() {
            // SAFETY: no pointers but the status; the child is ours and not yet reaped.
            unsafe {
                libc::kill(pid, libc::SIGKILL);
                libc::waitpid(pid, &mut 0, 0);
            }
        }
        self.output.drain(..).for_each(|packet| pool.give(packet));
        self.records.clear();
        let lost = self.given.iter().map(|given| given.packets).sum();
        let now = clock::monotonic();
        if now.since(self.started) > RECOVERED {
            self.pause = PAUSE_MIN;
        }
        self.retry = Some(now + self.pause);
        self.pause = Nanos(self.pause.0 * 4).min(PAUSE_MAX);
        self.incidents.push(Incident { stage: self.name.clone(), what, lost });
        // Whoever waits for an answer gets an empty one.
        for given in self.given.drain(..) {
            let (upto, is_job, is_lost) = (given.now, true, true);
            self.finished.push_back(Done { upto, is_job, is_lost, ..Done::default() });
        }
    }

    /// Looks after the child.
    fn look(&mut self, pool: &mut Pool) {
        let now = clock::monotonic();
        let Some(pid) = self.pid else {
            if self.retry.is_some_and(|at| now >= at)
                && let Err(error) = self.spawn()
            {
                self.fail(format!("could not be made anew: {error}"), pool);
            }
            return;
        };
        let mut status = 0;
        // SAFETY: the pointer is to a local; the child is ours.
        let ended = unsafe { libc::waitpid(pid, &mut status, libc::WNOHANG) };
        if ended == pid {
            self.pid = None;
            self.fail(end_of(status), pool);
        } else if self.given.front().is_some_and(|given| now.since(given.at) > PATIENCE) {
            self.fail(format!("did not answer for {PATIENCE}"), pool);
        }
    }

    /// Reads what the child wrote.
    fn read(&mut self, pool: &mut Pool) -> Result<(), Fault> {
        let used = self.results.used()?;
        for _ in 0..used {
            let note = self.results.read(&mut self.frame)?;
            match note.kind {
                kind::FRAME if note.port >= self.ports => return Err(Fault::Port(note.port)),
                kind::FRAME => self.output.push(packet(note, &self.frame, pool)),
                kind::RECORD => self.records.push(self.record(note)?),
                kind::END => {
                    let given = self.given.pop_front().ok_or(Fault::Answer(note.number))?;
                    if note.number != given.number {
                        return Err(Fault::Answer(note.number));
                    }
                    let told = match given.what {
                        What::Brief | What::Whole => Telling::of(&self.memory).read(&self.program),
                        _ => None,
                    };
                    self.finished.push_back(Done {
                        output: std::mem::take(&mut self.output),
                        records: std::mem::take(&mut self.records),
                        next: (note.time > Nanos::ZERO).then_some(note.time),
                        spare: Vec::new(),
                        upto: given.now,
                        told: told.map(Box::new),
                        busy: Nanos(u64::from(note.mark)),
                        is_job: true,
                        is_lost: false,
                        too_long: u64::from(note.port),
                    });
                    // The clock runs for one job at a time.
                    if let Some(next) = self.given.front_mut() {
                        next.at = clock::monotonic();
                    }
                }
                other => return Err(Fault::Kind(other)),
            }
        }
        if used > 0 {
            self.results.publish();
        }
        Ok(())
    }
}

impl Process {
    /// The record that was read last.
    fn record(&self, note: Note) -> Result<Record, Fault> {
        let node = &self.program.nodes[0];
        let stream = node.streams.get(note.port as usize).ok_or(Fault::Record(note.port))?;
        let (leaves, rest) = self.frame.as_chunks::<16>();
        if leaves.len() != stream.shape.0.len() || !rest.is_empty() {
            return Err(Fault::Record(note.port));
        }
        let leaves = leaves.iter().map(|leaf| u128::from_le_bytes(*leaf)).collect();
        Ok(Record { time: note.time, node: 0, stream: StreamId(note.port), leaves })
    }
}

impl Worker for Process {
    fn offer(&mut self, mut job: Job) -> Result<(), Job> {
        self.latest = self.latest.max(job.now);
        if self.pid.is_none() || job.packets.len() > JOB_PACKETS_MAX {
            return Err(job);
        }
        // Room for the job here and for its answer there.
        let room = job.packets.len() as u32 + 1;
        match self.jobs.free() {
            Ok(free) if free >= room => {}
            _ => return Err(job),
        }
        for packet in &job.packets {
            let note = Note {
                kind: kind::FRAME,
                port: packet.port,
                mark: packet.mark,
                time: packet.time,
                number: 0,
            };
            self.jobs.write(note, packet.bytes());
        }
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        let note = Note { kind: kind::END, port: job.what as u32, mark: 0, time: job.now, number };
        self.jobs.write(note, &[]);
        self.jobs.publish();
        wake(self.jobs.place());
        let packets = job.packets.len() as u64;
        let at = clock::monotonic();
        self.given.push_back(Given { number, what: job.what, packets, now: job.now, at });
        let spare = std::mem::take(&mut job.packets);
        // The buffers were copied from; they are of use to the caller at once.
        self.finished.push_back(Done { spare, upto: Nanos::ZERO, ..Done::default() });
        Ok(())
    }

    fn poll(&mut self, pool: &mut Pool) -> Option<Done> {
        if self.pid.is_some()
            && let Err(fault) = self.read(pool)
        {
            self.fail(fault.to_string(), pool);
        }
        self.looks = self.looks.wrapping_add(1);
        if self.finished.is_empty() && (self.pid.is_none() || self.looks.is_multiple_of(16)) {
            self.look(pool);
        }
        self.finished.pop_front()
    }

    fn outstanding(&self) -> usize {
        self.given.len() + self.finished.len()
    }

    fn copies(&self) -> bool {
        true
    }

    fn is_down(&self) -> bool {
        self.pid.is_none()
    }

    fn pid(&self) -> Option<u32> {
        self.pid.and_then(|pid| u32::try_from(pid).ok())
    }

    fn take_incidents(&mut self) -> Vec<Incident> {
        std::mem::take(&mut self.incidents)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(pid) = self.pid.take() {
            // SAFETY: as in `fail`.
            unsafe {
                libc::kill(pid, libc::SIGKILL);
                libc::waitpid(pid, &mut 0, 0);
            }
        }
    }
}

/// True if a frame is too long for a slot.
pub(super) fn is_too_long(frame: &[u8]) -> bool {
    frame.len() > FRAME_BYTES_MAX
}

/// Memory for two queues and for what the child tells, that a child inherits.
fn memory() -> Result<Mapping, SysError> {
    // SAFETY: the name is a C string.
    let fd = unsafe { libc::memfd_create(c"trama-stage".as_ptr(), libc::MFD_CLOEXEC) };
    let fd = check_fd(fd, "memfd_create")?;
    let len = 2 * QUEUE_BYTES + telling::BYTES;
    // SAFETY: no pointers are involved.
    check(unsafe { libc::ftruncate(fd.as_raw_fd(), len as libc::off_t) }, "ftruncate(memfd)")?;
    Mapping::shared(fd.as_raw_fd(), 0, len, "mmap(memfd)")
}

/// How a process ended, in words.
fn end_of(status: libc::c_int) -> String {
    if libc::WIFSIGNALED(status) {
        let signal = libc::WTERMSIG(status);
        let name = match signal {
            libc::SIGSEGV => " (segmentation fault)",
            libc::SIGABRT => " (abort)",
            libc::SIGKILL => " (killed)",
            libc::SIGSYS => " (a system call that it may not make)",
            libc::SIGBUS => " (bus error)",
            libc::SIGILL => " (illegal instruction)",
            _ => "",
        };
        return format!("died of signal {signal}{name}");
    }
    format!("ended with status {}", libc::WEXITSTATUS(status))
}

/// Wakes whoever waits for the bell of a queue.
fn wake(place: &Place) {
    // SAFETY: the word lives during the call; FUTEX_WAKE touches no memory.
    unsafe {
        libc::syscall(libc::SYS_futex, place.bell().as_ptr(), libc::FUTEX_WAKE, 1);
    }
}
