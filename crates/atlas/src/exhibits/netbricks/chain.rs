//! Chains of elements, and the modes in which they run.

use super::super::Effort;
use std::fmt::Write as _;
use std::sync::Arc;
use trama_base::Nanos;
use trama_lang::compile::{Options, Unit};
use trama_lang::engine::Engine;
use trama_lang::files::NoFiles;
use trama_lang::ir::Program;
use trama_live::clock;
use trama_live::parallel::{Chain as Apart, Isolation, stage_program};
use trama_native::NativeEngine;
use trama_wire::header::HeaderId;
use trama_wire::{Packet, Pool};

/// How elements are kept apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mode {
    /// By types: one piece of machine code.
    Together,
    /// A thread each, with rings between them.
    Threads,
    /// A process each, with queues in shared memory.
    Processes,
    /// A process each in a network namespace of its own, with veth between them.
    Veth,
}

impl Mode {
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Together => "one address space",
            Self::Threads => "threads and rings",
            Self::Processes => "processes and shared memory",
            Self::Veth => "namespaces and veth",
        }
    }

    /// Packets of a round.
    pub(super) const fn packets(self, effort: Effort) -> usize {
        let full = match self {
            Self::Together => 400_000,
            Self::Threads => 100_000,
            Self::Processes | Self::Veth => 40_000,
        };
        match effort {
            Effort::Quick => full / 8,
            Effort::Full => full,
        }
    }
}

/// The paper's element: Ethernet addresses change places, the time to live is counted down.
pub(super) const HOP: &str = "element Hop {
    port a, b
    on a(p: ip) {
        if p.ip.ttl <= 1 { drop p because \"time to live\" } else {
            p.ip.ttl -= 1
            let station = p.eth.src
            p.eth.src = p.eth.dst
            p.eth.dst = station
            send p to b
        }
    }
}
";

/// Packets given to an engine at once.
const BATCH: usize = 64;

/// A chain of elements.
pub(super) struct Chain {
    pub(super) program: Arc<Program>,
}

impl Chain {
    /// So many [`HOP`]s.
    pub(super) fn new(length: usize) -> Result<Self, String> {
        Self::of(HOP, "Hop", length)
    }

    /// So many of an element with the ports `a` and `b`.
    pub(super) fn of(element: &str, name: &str, length: usize) -> Result<Self, String> {
        let mut text = String::from(element);
        text.push_str("network chain { port lan, wan\n");
        for index in 0..length {
            let _ = writeln!(text, "let e{index} = {name}()");
        }
        text.push_str("lan -> e0.a\n");
        for index in 1..length {
            let _ = writeln!(text, "e{}.b -> e{index}.a", index - 1);
        }
        let _ = writeln!(text, "e{}.b -> wan }}", length - 1);
        let mut unit = Unit::parse("chain.trama", &text, &NoFiles);
        let checked = unit.check(&Options::default(), &NoFiles);
        match checked.program {
            Some(program) => Ok(Self { program: Arc::new(program) }),
            None => Err(checked.diagnostics.first().map_or_else(
                || "the chain was rejected".to_owned(),
                |message| format!("the chain was rejected: {}", message.message),
            )),
        }
    }

    /// An engine for the chain, started.
    pub(super) fn engine(&self, mode: Mode) -> Result<Box<dyn Engine>, String> {
        let isolation = match mode {
            Mode::Together => return native(&self.program),
            Mode::Threads => Isolation::Threads,
            Mode::Processes => Isolation::Processes,
            Mode::Veth => return Err("veth is no engine".to_owned()),
        };
        Ok(Box::new(self.apart(isolation)?))
    }

    /// The chain with its elements apart.
    pub(super) fn apart(&self, isolation: Isolation) -> Result<Apart, String> {
        let own = Arc::clone(&self.program);
        let make = move |index, _| native(&Arc::new(stage_program(&own, index)));
        let program = Arc::clone(&self.program);
        Apart::new(program, isolation, Some(START), Box::new(make))
    }

    /// Nanoseconds per packet of one round.
    pub(super) fn measure(&self, mode: Mode, packets: usize) -> Result<f64, String> {
        let mut engine = self.engine(mode)?;
        let mut pool = Pool::default();
        // Memory is touched and processes are running before the clock does.
        forward(&mut *engine, 4 * BATCH, &mut pool);
        let before = clock::monotonic();
        let left = forward(&mut *engine, packets, &mut pool);
        let elapsed = clock::monotonic().since(before);
        if left != packets {
            return Err(format!("{}: {left} of {packets} packets left", mode.label()));
        }
        Ok(elapsed.0 as f64 / packets as f64)
    }
}

/// When chains start.
pub(super) const START: Nanos = Nanos::from_secs(1);

fn native(program: &Arc<Program>) -> Result<Box<dyn Engine>, String> {
    let engine = NativeEngine::new(Arc::clone(program), START, 0);
    Ok(Box::new(engine.map_err(|error| error.to_string())?))
}

/// Gives an engine packets; how many leave.
fn forward(engine: &mut dyn Engine, packets: usize, pool: &mut Pool) -> usize {
    let frame = frame(0);
    let (mut input, mut output) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
    let mut left = 0;
    for batch in 0..packets.div_ceil(BATCH) {
        for _ in 0..BATCH.min(packets - batch * BATCH) {
            let mut packet = pool.take();
            packet.refill(&frame);
            packet.time = START;
            input.push(packet);
        }
        engine.process(&mut input, &mut output, pool);
        left += output.len();
        output.drain(..).for_each(|packet| pool.give(packet));
    }
    engine.drain(true, &mut output, pool);
    left += output.len();
    output.drain(..).for_each(|packet| pool.give(packet));
    left
}

/// A frame of 64 bytes with a number in it.
pub(super) fn frame(number: u32) -> Vec<u8> {
    let set = |header: HeaderId, name, value: u64| {
        (header.field(name).expect("the header table has it"), u128::from(value))
    };
    let (eth, ip, udp) = (HeaderId::ETH, HeaderId::IP, HeaderId::UDP);
    let stack = [
        (eth, vec![set(eth, "src", 0x0200_0000_0001), set(eth, "dst", 0x0200_0000_0002)]),
        (
            ip,
            vec![
                set(ip, "src", 0x0a00_0001),
                set(ip, "dst", 0x0a00_0002),
                set(ip, "id", u64::from(number & 0xffff)),
            ],
        ),
        (udp, vec![set(udp, "src", 1024), set(udp, "dst", 9)]),
    ];
    let mut payload = number.to_be_bytes().to_vec();
    payload.resize(22, 0);
    let packet = Packet::build(&stack, &payload).expect("a UDP packet can always be built");
    packet.bytes().to_vec()
}

/// Nanoseconds per packet of a chain of 16 whose elements ask for headers, and of one whose
/// elements do the same without.
pub(super) fn cost_of_checks(effort: Effort) -> Result<[f64; 2], String> {
    let element = |pattern: &str| {
        format!(
            "element Swap {{ port a, b
                on a(p{pattern}) {{
                    let station = p.eth.src
                    p.eth.src = p.eth.dst
                    p.eth.dst = station
                    send p to b
                }} }}
            "
        )
    };
    let packets = Mode::Together.packets(effort);
    let measure =
        |pattern| Chain::of(&element(pattern), "Swap", 16)?.measure(Mode::Together, packets);
    Ok([measure(": ip/udp")?, measure("")?])
}
