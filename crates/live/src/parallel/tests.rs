//! Stages that run apart do what they do together, and survive each other.

use super::shared::{FRAME_BYTES_MAX, Fault, Note, Place, QUEUE_BYTES, Reader, SLOTS, Writer};
use super::*;
use crate::mapping::Mapping;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use trama_lang::compile::{Options, Unit};
use trama_lang::engine::{Entry, LogLine, Report};
use trama_lang::files::NoFiles;
use trama_lang::interp::Interpreter;
use trama_lang::ir::Program;
use trama_lang::records::{Record, RecordSink};
use trama_wire::header::HeaderId;
use trama_wire::{Packet, Pool};

/// Counts, marks, and counts again; every seventh is dropped on the way.
const CHAIN: &str = "
element Tag(number: u16) {
    port a, b
    state seen: map<u16, u64>[1k]
    state turn: array<u64>[1]
    on a(p: ip/udp) {
        seen[p.udp.src] += 1
        turn[0] += 1
        p.ip.id = number
        p.udp.dst = (p.udp.dst + 1) as u16
        if turn[0] % 7 == 0 && number == 2 { drop p because \"seventh\" } else { send p to b }
    }
    on b(p: ip/udp) { send p to a }
}
network n { port lan, wan
    let one = Tag(number: 1)
    let two = Tag(number: 2)
    let three = Tag(number: 3)
    lan <-> one <-> two <-> three <-> wan
}";

fn program(text: &str) -> Arc<Program> {
    let mut unit = Unit::parse("test.trama", text, &NoFiles);
    let checked = unit.check(&Options::default(), &NoFiles);
    let messages: Vec<_> = checked.diagnostics.iter().map(|d| d.message.clone()).collect();
    Arc::new(checked.program.unwrap_or_else(|| panic!("{messages:?}")))
}

fn packet(number: u32) -> Box<Packet> {
    let set = |header: HeaderId, name, value: u32| {
        (header.field(name).expect("the header has it"), u128::from(value))
    };
    let (ip, udp) = (HeaderId::IP, HeaderId::UDP);
    let stack = [
        (HeaderId::ETH, vec![]),
        (ip, vec![set(ip, "src", 0x0a00_0001 + number % 5), set(ip, "dst", 0x0a00_0100)]),
        (udp, vec![set(udp, "src", 1000 + number % 3), set(udp, "dst", 53)]),
    ];
    let mut packet = Box::new(Packet::build(&stack, &number.to_be_bytes()).expect("it fits"));
    packet.time = Nanos(1_000_000 + u64::from(number));
    packet
}

fn interpreter(program: &Program, start: Nanos) -> Box<dyn Engine> {
    Box::new(Interpreter::new(program.clone(), start, 0).expect("it runs"))
}

fn chain(program: &Arc<Program>, isolation: Isolation) -> Chain {
    let own = Arc::clone(program);
    let make = move |index, start| Ok(interpreter(&stage_program(&own, index), start));
    Chain::new(Arc::clone(program), isolation, None, Box::new(make)).expect("it starts")
}

/// Gives an engine packets with these numbers, in batches; what leaves.
fn feed(engine: &mut dyn Engine, numbers: std::ops::Range<u32>) -> Vec<Box<Packet>> {
    let (mut output, mut pool) = (Vec::new(), Pool::default());
    let numbers: Vec<u32> = numbers.collect();
    for batch in numbers.chunks(50) {
        engine.process(&mut batch.iter().map(|n| packet(*n)).collect(), &mut output, &mut pool);
    }
    engine.drain(true, &mut output, &mut pool);
    output
}

fn frames(packets: &[Box<Packet>]) -> Vec<(u32, Nanos, Vec<u8>)> {
    packets.iter().map(|p| (p.port, p.time, p.bytes().to_vec())).collect()
}

#[test]
fn stages_apart_do_what_they_do_together() {
    let _alone = alone();
    let program = program(CHAIN);
    let mut together = interpreter(&program, packet(0).time);
    let expected = frames(&feed(&mut *together, 0..1000));
    assert_eq!(expected.len(), 1000 - 1000 / 7);
    for isolation in [Isolation::Threads, Isolation::Processes] {
        let mut apart = chain(&program, isolation);
        assert!(frames(&feed(&mut apart, 0..1000)) == expected, "{isolation:?}");
        for node in 0..3 {
            for state in 0..2 {
                assert_eq!(apart.state(node, state), together.state(node, state), "{isolation:?}");
            }
        }
        assert_eq!(apart.report(), together.report(), "{isolation:?}");
        assert!(apart.stages().now().iter().all(|stage| stage.lost.is_empty()));
    }
}

#[test]
fn both_directions_pass_and_loops_end() {
    let program = program(
        "element Loop { port a, b, c
            on a(p) { send p to b }
            on c(p) { send p to b } }
         element Back { port x, y
            on x(p) { send p to y } }
         network n { port lan
            let l = Loop()
            let k = Back()
            lan -> l.a
            l.b -> k.x
            k.y -> l.c }",
    );
    let mut together = interpreter(&program, packet(0).time);
    assert!(feed(&mut *together, 0..10).is_empty());
    let mut apart = chain(&program, Isolation::Threads);
    assert!(feed(&mut apart, 0..10).is_empty());
    let drops = |report: Report| report.nodes.iter().flat_map(|n| n.drops.clone()).sum::<u64>();
    assert_eq!(drops(apart.report()), 10, "a packet that runs in circles ends as one drop");
    assert_eq!(drops(together.report()), 10);
}

/// Held by tests with processes: each is to find the memory of its own.
static PROCESSES: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    PROCESSES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Feeds, does something to the second stage in the middle, and feeds on until it works again.
fn disturb(make: Box<Make>, harm: impl Fn(u32)) -> (u64, u64, StageReport, Report) {
    let _alone = alone();
    let program = program(CHAIN);
    let chain = Chain::new(program, Isolation::Processes, None, make);
    let mut chain = chain.expect("it starts");
    let stages = chain.stages();
    let (mut entered, mut left) = (2_000, feed(&mut chain, 0..2_000).len() as u64);
    let pid = stages.now()[1].pid.expect("it runs in a process");
    let others = [stages.now()[0].pid, stages.now()[2].pid];
    harm(pid);
    let mut next = 2_000;
    let give_up = crate::clock::monotonic() + Nanos::from_secs(20);
    loop {
        let passed = feed(&mut chain, next..next + 500).len() as u64;
        (entered, left, next) = (entered + 500, left + passed, next + 500);
        let now = stages.now();
        assert_eq!([now[0].pid, now[2].pid], others, "the other stages are what they were");
        if now[1].restarts > 0 && now[1].pid.is_some_and(|new| new != pid) && passed > 400 {
            break;
        }
        assert!(crate::clock::monotonic() < give_up, "it did not recover: {now:?}");
    }
    let report = chain.report();
    (entered, left, stages.now()[1].clone(), report)
}

fn plain() -> Box<Make> {
    let program = program(CHAIN);
    Box::new(move |index, start| Ok(interpreter(&stage_program(&program, index), start)))
}

/// Every packet that entered left, was dropped with a reason, or is counted as lost.
fn check_balance((entered, left, stage, report): &(u64, u64, StageReport, Report)) {
    let drops: u64 = report.nodes.iter().flat_map(|node| &node.drops).sum();
    let lost: u64 = stage.lost.values().sum();
    assert_eq!(*entered, left + drops + lost, "{stage:?}");
}

fn signal(pid: u32, signal: libc::c_int) {
    // SAFETY: signals a child of this process.
    assert_eq!(unsafe { libc::kill(pid as libc::pid_t, signal) }, 0);
}

#[test]
fn a_stage_that_dies_is_replaced_and_the_rest_goes_on() {
    let ends = [
        (libc::SIGKILL, "killed"),
        (libc::SIGSEGV, "segmentation fault"),
        (libc::SIGABRT, "abort"),
    ];
    for (number, word) in ends {
        let result = disturb(plain(), |pid| signal(pid, number));
        let incident = result.2.incidents.first().expect("it is reported");
        assert!(incident.what.contains(word), "{incident:?}");
        check_balance(&result);
    }
}

#[test]
fn a_stage_that_hangs_is_replaced() {
    let result = disturb(plain(), |pid| signal(pid, libc::SIGSTOP));
    let incident = result.2.incidents.first().expect("it is reported");
    assert!(incident.what.contains("did not answer"), "{incident:?}");
    assert!(incident.lost > 0);
    check_balance(&result);
}

/// What a hostile stage does.
type Trick = fn(&Hostile);

/// Does what it should until the packet with this number, and then what it must not, once in the
/// life of this host.
struct Hostile {
    inner: Box<dyn Engine>,
    trick: Trick,
    memory: (usize, usize),
    armed: bool,
}

const TRIGGER: u64 = 1_000_000 + 2_100;

impl Engine for Hostile {
    fn process(
        &mut self,
        input: &mut Vec<Box<Packet>>,
        output: &mut Vec<Box<Packet>>,
        pool: &mut Pool,
    ) {
        if self.armed && input.iter().any(|packet| packet.time.0 == TRIGGER) {
            (self.trick)(self);
        }
        self.inner.process(input, output, pool);
    }

    fn advance(&mut self, now: Nanos, output: &mut Vec<Box<Packet>>, pool: &mut Pool) {
        self.inner.advance(now, output, pool);
    }

    fn finish(&mut self, now: Nanos, output: &mut Vec<Box<Packet>>, pool: &mut Pool) {
        self.inner.finish(now, output, pool);
    }

    fn next_timeout(&self) -> Option<Nanos> {
        self.inner.next_timeout()
    }

    fn set_records(&mut self, sink: Box<dyn RecordSink>) {
        self.inner.set_records(sink);
    }

    fn take_records(&mut self) -> Vec<Record> {
        self.inner.take_records()
    }

    fn report(&mut self) -> Report {
        self.inner.report()
    }

    fn state(&mut self, node: usize, state: usize) -> Vec<Entry> {
        self.inner.state(node, state)
    }

    fn take_logs(&mut self) -> Vec<LogLine> {
        self.inner.take_logs()
    }
}

/// Makes the second stage hostile; it knows the memory that it shares with its host.
fn hostile(trick: Trick) -> Box<Make> {
    let (program, host) = (program(CHAIN), std::process::id());
    Box::new(move |index, start| {
        let inner = interpreter(&stage_program(&program, index), start);
        if index != 1 {
            return Ok(inner);
        }
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
        let range = |line: &str| {
            let (from, to) = line.split(' ').next()?.split_once('-')?;
            let number = |text| usize::from_str_radix(text, 16).ok();
            Some((number(from)?, number(to)?))
        };
        let own: Vec<_> =
            maps.lines().filter(|line| line.contains("trama-stage")).filter_map(range).collect();
        // In the host there is none or several, and nothing is done with them.
        let is_child = std::process::id() != host;
        assert!(!is_child || own.len() == 1, "a stage sees its own memory only");
        let memory = own.first().copied().unwrap_or_default();
        Ok(Box::new(Hostile { inner, trick, memory, armed: true }))
    })
}

#[test]
fn a_stage_that_writes_garbage_is_found_out() {
    let tricks: [(Trick, &str); 2] = [
        (
            |hostile| {
                // SAFETY: a test of what happens if a process spoils memory that it can write.
                unsafe {
                    std::ptr::write_bytes((hostile.memory.0 + QUEUE_BYTES) as *mut u8, 0xa5, 64)
                };
                // Or it would write what is right before anybody looks.
                loop {
                    std::hint::spin_loop();
                }
            },
            "slots are used",
        ),
        (
            |hostile| {
                let slots = hostile.memory.0 + QUEUE_BYTES + 384;
                let len = QUEUE_BYTES - 384;
                // SAFETY: as above.
                unsafe { std::ptr::write_bytes(slots as *mut u8, 0xa5, len) };
                let tail = (hostile.memory.0 + QUEUE_BYTES) as *mut u32;
                // SAFETY: as above.
                unsafe { tail.write_volatile(tail.read_volatile().wrapping_add(3)) };
                loop {
                    std::hint::spin_loop();
                }
            },
            "wrote a frame of",
        ),
    ];
    for (trick, word) in tricks {
        let result = disturb(hostile(trick), |_| {});
        let incident = result.2.incidents.first().expect("it is reported");
        assert!(incident.what.contains(word), "{incident:?}");
        check_balance(&result);
    }
}

#[test]
fn a_stage_cannot_reach_outside() {
    let result = disturb(hostile(|_| drop(std::fs::read("/etc/hostname"))), |_| {});
    let incident = result.2.incidents.first().expect("it is reported");
    assert!(incident.what.contains("a system call that it may not make"), "{incident:?}");
    check_balance(&result);
}

#[test]
fn frames_that_do_not_fit_are_counted() {
    let _alone = alone();
    let program = program(CHAIN);
    let mut chain = chain(&program, Isolation::Processes);
    let mut long = packet(0);
    let mut bytes = long.bytes().to_vec();
    bytes.resize(FRAME_BYTES_MAX + 1, 0);
    long.refill(&bytes);
    let (mut output, mut pool) = (Vec::new(), Pool::default());
    chain.process(&mut vec![long, packet(1)], &mut output, &mut pool);
    chain.drain(true, &mut output, &mut pool);
    assert_eq!(output.len(), 1);
    chain.report();
    let expected = BTreeMap::from([("frame too long for the queue", 1)]);
    assert_eq!(chain.stages().now()[0].lost, expected);
}

#[test]
fn queues_between_processes_check_what_they_read() {
    let memory = Arc::new(Mapping::anonymous(QUEUE_BYTES).expect("there is memory"));
    let place = || Place::new(&memory, 0);
    let (mut writer, mut reader) = (Writer::new(place()), Reader::new(place()));
    let mut frame = Vec::new();
    for round in 0..2 * SLOTS {
        assert_eq!(writer.free(), Ok(SLOTS));
        let note = Note { kind: 1, port: round, mark: 7, time: Nanos(1 << 40), number: 3 };
        writer.write(note, &round.to_be_bytes());
        writer.publish();
        assert_eq!(reader.used(), Ok(1));
        assert_eq!(reader.read(&mut frame), Ok(note));
        assert_eq!(frame, round.to_be_bytes());
        reader.publish();
    }
    let word = |at: usize, value: u32| {
        // SAFETY: inside the mapping, and nobody else uses it.
        unsafe { memory.at(at, 4).cast::<u32>().write(value) };
    };
    word(128, 77);
    assert!(matches!(writer.free(), Err(Fault::Index(_))));
    word(0, 5_000);
    assert!(matches!(reader.used(), Err(Fault::Index(_))));
    // The length of the slot that is read next.
    word(384 + 4, u32::MAX);
    assert_eq!(reader.read(&mut frame), Err(Fault::Length(u32::MAX)));
}

#[test]
fn ticks_come_where_a_timer_is_due() {
    let program = program(
        "element E { port a
            state n: counter
            on a(p) { drop p because \"taken\" }
            every 10ms { log \"ten\" }
            every 25ms { log \"twenty-five\" } }",
    );
    let ms = Nanos::from_millis;
    let mut ticks = ticks::Ticks::new(&program, ms(100));
    let due: Vec<u64> = (100..160).filter(|now| ticks.is_due(ms(*now))).collect();
    assert_eq!(due, [110, 120, 125, 130, 140, 150]);
    assert!(ticks.is_due(ms(1_000)) && !ticks.is_due(ms(1_000)), "what was missed comes once");
}
