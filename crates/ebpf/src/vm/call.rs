//! Calls: of helpers, of the program's functions, of other programs.

use super::memory::{FUNCTIONS, Memory, PACKET};
use super::{Callee, Fault, Host, Insn, Interpreter, Next, Reply, Rounds, TAIL_CALLS};

impl<H: Host> Interpreter<'_, H> {
    pub(super) fn call(
        &mut self,
        callee: Callee,
        insn: Insn,
        registers: &mut [u64; 16],
        depth: usize,
    ) -> Result<Next, Fault> {
        let args = [registers[1], registers[2], registers[3], registers[4], registers[5]];
        let here = self.slot;
        let reply = match callee {
            Callee::Helper => self.host.call(insn.immediate, args, self.memory)?,
            Callee::Register => {
                let number = registers[usize::from(insn.dst())];
                let helper = i32::try_from(number)
                    .map_err(|_| Fault::Unknown { what: "helper", number: number as i64 })?;
                self.host.call(helper, args, self.memory)?
            }
            Callee::Kernel => {
                Reply::Value(self.host.call_kernel(insn.immediate, args, self.memory)?)
            }
            Callee::Local => Reply::Value(self.inner(self.target(here), args, depth)?),
        };
        registers[0] = match reply {
            Reply::Value(value) => value,
            Reply::TailCall(number) => match self.tail_call(number) {
                true => {
                    registers[1] = args[0];
                    return Ok(Next::Program);
                }
                false => super::maps::ENOENT.cast_unsigned(),
            },
            Reply::ForEach { function, rounds, context } => {
                self.rounds(function, &rounds, context, depth)?
            }
        };
        Ok(Next::Slot(here + 1))
    }

    /// Runs a function and comes back, from another program too if it went on with one.
    fn inner(&mut self, start: usize, args: [u64; 5], depth: usize) -> Result<u64, Fault> {
        let (code, slot) = (std::sync::Arc::clone(&self.code), self.slot);
        let value = self.function(start, args, depth + 1)?;
        (self.code, self.slot) = (code, slot);
        Ok(value)
    }

    /// Goes on with another program; false if there is none, or there were too many.
    fn tail_call(&mut self, number: u32) -> bool {
        let code = self.host.program(number).filter(|_| self.tail_calls < TAIL_CALLS);
        let found = code.is_some();
        if let Some(code) = code {
            self.tail_calls += 1;
            self.code = code;
        }
        found
    }

    /// Calls a function for each round until it returns not 0; the number of calls.
    fn rounds(
        &mut self,
        function: u64,
        rounds: &Rounds,
        context: u64,
        depth: usize,
    ) -> Result<u64, Fault> {
        let start = Memory::offset(FUNCTIONS, function)
            .filter(|slot| self.code.row(*slot).is_some())
            .ok_or(Fault::Access { address: function, len: 1 })?;
        let total = match rounds {
            Rounds::Count(count) => *count,
            Rounds::Entries(entries) => entries.len() as u64,
        };
        for round in 0..total {
            let args = match rounds {
                Rounds::Count(_) => [round, context, 0, 0, 0],
                Rounds::Entries(entries) => {
                    let [map, key, value] = entries[round as usize];
                    [map, key, value, context, 0]
                }
            };
            if self.inner(start, args, depth)? != 0 {
                return Ok(round + 1);
            }
        }
        Ok(total)
    }
}

/// So many bits of the packet, big endian; `None` beyond its end.
pub(super) fn packet_bytes(memory: &Memory, index: u64, bits: u8) -> Option<u64> {
    let start = memory.start(PACKET) as u64;
    let at = usize::try_from(start.checked_add(index)?).ok()?;
    let bytes = memory.read(Memory::address(PACKET, at), usize::from(bits / 8)).ok()?;
    Some(bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}
