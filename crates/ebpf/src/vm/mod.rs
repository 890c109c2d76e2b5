//! The interpreter: what a program does, with every access to memory checked.
//!
//! It follows the [`Effect`]s of the table. Maps and helpers are behind [`Host`]; [`World`] is one
//! in memory, without a kernel. Where the kernel's verifier would have refused a program, this ends
//! with a [`Fault`] that says what happened: nothing here trusts the program.
//!
//! **Invariants:** no panic, whatever the code and the packet; a run ends after [`Limits::steps`].

mod call;
mod helper;
mod maps;
mod memory;
#[cfg(test)]
mod tests;
mod world;

pub use maps::{BYTES_MAX, Entry, Map, MapError};
pub use memory::{Memory, RegionId};
pub use world::{Machine, MachineError, Redirect, Run, Verdict, World};

use crate::graph::Code;
use crate::insn::Insn;
use crate::isa::term::{Inputs, Numbers};
use crate::isa::{Callee, Effect, Fetch, Row, Wide};
use memory::{FUNCTIONS, STACK};

/// What ends a program that the kernel would not have run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// An access outside of what the program may touch.
    #[error("access to {len} bytes at {address:#x}, which are not the program's")]
    Access {
        /// First byte.
        address: u64,
        /// How many.
        len: usize,
    },
    /// A write to what can only be read.
    #[error("write to read-only memory at {address:#x}")]
    ReadOnly {
        /// First byte.
        address: u64,
    },
    /// A helper or kernel function that the host does not have.
    #[error("there is no {what} {number}")]
    Unknown {
        /// Kind of thing.
        what: &'static str,
        /// Its number.
        number: i64,
    },
    /// An argument of a helper that makes no sense.
    #[error("helper {helper}: {reason}")]
    Argument {
        /// Its number.
        helper: i32,
        /// What is wrong.
        reason: &'static str,
    },
    /// Too many instructions.
    #[error("the program did not end after {0} instructions")]
    Steps(u64),
    /// Too many functions within each other.
    #[error("more than {FRAMES} functions within each other")]
    Frames,
    /// The kernel's memory, of which there is none here.
    #[error("the interpreter has no {0}")]
    Missing(&'static str),
}

/// A fault with the slot where it happened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("slot {slot}: {fault}")]
pub struct Stopped {
    /// Slot of the instruction.
    pub slot: usize,
    /// What happened.
    pub fault: Fault,
}

/// Functions within each other, as in the kernel.
pub const FRAMES: usize = 8;

/// Bytes of stack of each function.
pub const FRAME_BYTES: usize = 512;

/// How long a program may run.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most instructions.
    pub steps: u64,
    /// After how many rounds a `may_goto` is taken.
    pub rounds: u64,
}

impl Default for Limits {
    /// Ten million instructions; the kernel's eight million rounds.
    fn default() -> Self {
        Self { steps: 10_000_000, rounds: 8 << 20 }
    }
}

/// What a helper asks the interpreter for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To go on with this in r0.
    Value(u64),
    /// To go on with another program, if there is one; else with the error in r0.
    TailCall(u32),
    /// To call a function for each of these pairs of first arguments until it returns not 0, and
    /// go on with the number of calls in r0. The last argument is the same each time.
    ForEach {
        /// Address of the function.
        function: u64,
        /// First arguments: all but the context.
        rounds: Rounds,
        /// Passed on.
        context: u64,
    },
}

/// The rounds of a helper that calls back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rounds {
    /// The number of the round as first and the context as second argument.
    Count(u64),
    /// Map, address of a key, address of a value; then the context.
    Entries(Vec<[u64; 3]>),
}

/// Maps and helpers: what a program finds around it.
pub trait Host {
    /// Calls a helper.
    fn call(&mut self, helper: i32, args: [u64; 5], memory: &mut Memory) -> Result<Reply, Fault>;

    /// Calls a function of the kernel by its BTF type.
    fn call_kernel(
        &mut self,
        function: i32,
        args: [u64; 5],
        memory: &mut Memory,
    ) -> Result<u64, Fault>;

    /// What stands for the map of an index.
    fn map(&self, index: u32) -> Result<u64, Fault>;

    /// Where the value of a map of variables is, with an offset.
    fn map_value(&self, index: u32, offset: u32) -> Result<u64, Fault>;

    /// Code of the program with this number, for tail calls.
    fn program(&self, number: u32) -> Option<std::sync::Arc<Code>>;
}

/// A program in the middle of a run.
struct Interpreter<'a, H> {
    host: &'a mut H,
    memory: &'a mut Memory,
    code: std::sync::Arc<Code>,
    slot: usize,
    steps: u64,
    rounds: u64,
    tail_calls: u32,
    limits: Limits,
}

/// Tail calls within a run, as in the kernel.
const TAIL_CALLS: u32 = 33;

/// How a step ended.
enum Next {
    /// With this slot.
    Slot(usize),
    /// By leaving the function.
    Exit,
    /// In another program.
    Program,
}

/// Runs a program on `context`; the result is r0. Also tells how many instructions ran.
pub fn run<H: Host>(
    code: std::sync::Arc<Code>,
    context: u64,
    host: &mut H,
    memory: &mut Memory,
    limits: Limits,
) -> Result<(u64, u64), Stopped> {
    memory.set(STACK, vec![0; FRAMES * FRAME_BYTES], true);
    let (slot, steps, rounds) = (0, 0, 0);
    let mut run = Interpreter { host, memory, code, slot, steps, rounds, tail_calls: 0, limits };
    let result = run.function(0, [context, 0, 0, 0, 0], 0);
    match result {
        Ok(value) => Ok((value, run.steps)),
        Err(fault) => Err(Stopped { slot: run.slot, fault }),
    }
}

impl<H: Host> Interpreter<'_, H> {
    /// Runs a function from its first slot to its exit.
    fn function(&mut self, start: usize, args: [u64; 5], depth: usize) -> Result<u64, Fault> {
        if depth >= FRAMES {
            return Err(Fault::Frames);
        }
        let mut registers = [0u64; 16];
        registers[1..6].copy_from_slice(&args);
        registers[10] = Memory::address(STACK, (depth + 1) * FRAME_BYTES);
        self.slot = start;
        loop {
            self.steps += 1;
            if self.steps > self.limits.steps {
                return Err(Fault::Steps(self.limits.steps));
            }
            let insn = self.code.insns()[self.slot];
            let row = self.code.row(self.slot).expect("checked code goes to instructions only");
            match self.step(row, insn, &mut registers, depth)? {
                Next::Slot(slot) => self.slot = slot,
                Next::Exit => return Ok(registers[0]),
                Next::Program => {
                    // The context stays where it was; the rest is lost.
                    self.slot = 0;
                }
            }
        }
    }

    fn step(
        &mut self,
        row: &'static Row,
        insn: Insn,
        registers: &mut [u64; 16],
        depth: usize,
    ) -> Result<Next, Fault> {
        let (dst, src) = (usize::from(insn.dst()), usize::from(insn.src()));
        let imm = i64::from(insn.immediate).cast_unsigned();
        let offset = i64::from(insn.offset).cast_unsigned();
        let inputs =
            Inputs { dst: registers[dst], src: registers[src], r0: registers[0], imm, old: 0 };
        let next = self.slot + row.slots();
        match &row.effect {
            Effect::Set(term) => registers[dst] = term.eval(&mut Numbers, &inputs),
            Effect::Load { bits, signed } => {
                let value = self.memory.load(inputs.src.wrapping_add(offset), *bits)?;
                registers[dst] = match signed {
                    true => crate::isa::term::Domain::sign_extend(&mut Numbers, *bits, value),
                    false => value,
                };
            }
            Effect::Store { bits, value } => {
                let value = value.eval(&mut Numbers, &inputs);
                self.memory.store(inputs.dst.wrapping_add(offset), *bits, value)?;
            }
            Effect::Atomic { bits, new, fetch } => {
                let address = inputs.dst.wrapping_add(offset);
                let old = self.memory.load(address, *bits)?;
                let new = new.eval(&mut Numbers, &Inputs { old, ..inputs });
                self.memory.store(address, *bits, new)?;
                match fetch {
                    Fetch::None => {}
                    Fetch::Src => registers[src] = old,
                    Fetch::R0 => registers[0] = old,
                }
            }
            Effect::LoadPacket { bits, index } => {
                let index = index.eval(&mut Numbers, &inputs);
                match call::packet_bytes(self.memory, index, *bits) {
                    Some(value) => registers[0] = value,
                    None => {
                        registers[0] = 0;
                        return Ok(Next::Exit);
                    }
                }
            }
            Effect::Jump { taken, .. } => {
                let goes = taken.as_ref().is_none_or(|t| t.eval(&mut Numbers, &inputs) != 0);
                return Ok(Next::Slot(if goes { self.target(self.slot) } else { next }));
            }
            Effect::MayJump => {
                self.rounds += 1;
                let goes = self.rounds > self.limits.rounds;
                return Ok(Next::Slot(if goes { self.target(self.slot) } else { next }));
            }
            Effect::Call(callee) => return self.call(*callee, insn, registers, depth),
            Effect::Exit => return Ok(Next::Exit),
            Effect::Wide(kind) => registers[dst] = self.wide(*kind, insn)?,
            Effect::CastAddress => return Err(Fault::Missing("address spaces")),
        }
        Ok(Next::Slot(next))
    }

    fn target(&self, slot: usize) -> usize {
        self.code.target(slot).expect("checked code goes to instructions only")
    }

    fn wide(&self, kind: Wide, insn: Insn) -> Result<u64, Fault> {
        let high = self.code.insns()[self.slot + 1].immediate.cast_unsigned();
        let low = insn.immediate.cast_unsigned();
        match kind {
            Wide::Number => Ok(u64::from(high) << 32 | u64::from(low)),
            Wide::MapIndex => self.host.map(low),
            Wide::MapValueIndex => self.host.map_value(low, high),
            Wide::Function => {
                let slot = self.slot as i64 + 1 + i64::from(insn.immediate);
                let slot = usize::try_from(slot).expect("checked code goes to instructions only");
                Ok(Memory::address(FUNCTIONS, slot))
            }
            Wide::MapFd | Wide::MapValueFd => Err(Fault::Missing("maps by descriptor")),
            Wide::Variable => Err(Fault::Missing("variables of the kernel")),
        }
    }
}
