//! A host without a kernel: maps in memory, time and chance from outside.

use super::helper::{HEADROOM, PACKET_MAX};
use super::maps::{Entry, Map, MapError};
use super::memory::{CONTEXT, MAPS, Memory, PACKET, RegionId};
use super::{Fault, Host, Limits, Reply, Stopped, run};
use crate::graph::{Code, CodeError};
use crate::object::{ContextKind, Object, ProgramKind};
use std::sync::Arc;
use trama_base::Rng;

/// Maps, time and the packet of the current run.
#[derive(Debug)]
pub struct World {
    pub(super) maps: Vec<Map>,
    pub(super) codes: Vec<Arc<Code>>,
    pub(super) context: ContextKind,
    pub(super) now_ns: u64,
    /// Where the packet is in its region.
    pub(super) packet: std::ops::Range<usize>,
    /// Where its metadata starts.
    pub(super) meta: usize,
    pub(super) redirect: Option<Redirect>,
    pub(super) traces: Vec<String>,
    /// Records of ring buffers that were reserved and not yet given away.
    pub(super) reserved: Vec<(RegionId, usize)>,
    /// Keys while a function is called for each entry of a map.
    pub(super) keys: RegionId,
    rng: Rng,
}

/// Where a program sends a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// The map that gave the target, if one did.
    pub map: Option<usize>,
    /// What it gave: an interface, a processor or a socket; without a map an interface.
    pub target: u32,
}

/// An object with its maps, ready to run.
#[derive(Debug)]
pub struct Machine {
    world: World,
    memory: Memory,
    programs: Vec<(String, ContextKind)>,
    /// Regions that stay from run to run.
    regions: usize,
}

/// Why an object cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MachineError {
    /// A map.
    #[error(transparent)]
    Map(#[from] MapError),
    /// A program.
    #[error("program `{name}`: {error}")]
    Code {
        /// Its name.
        name: String,
        /// What is wrong.
        error: CodeError,
    },
}

/// What a run starts from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Run<'a> {
    /// The frame; for programs without a packet their context.
    pub packet: &'a [u8],
    /// Time that the clocks show, in nanoseconds.
    pub now_ns: u64,
    /// Index of the interface on which it arrived.
    pub interface: u32,
    /// Receive queue.
    pub queue: u32,
    /// How long it may run.
    pub limits: Limits,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The program's result, of which hooks see 32 bits.
    pub value: u32,
    /// The frame as the program left it.
    pub packet: Vec<u8>,
    /// Where it is to go, if the result says so.
    pub redirect: Option<Redirect>,
    /// Instructions that ran.
    pub steps: u64,
}

/// Bytes of a `struct xdp_md` and of a `struct __sk_buff`.
const XDP_CONTEXT: usize = 24;
const SKB_CONTEXT: usize = 192;

impl Machine {
    /// Makes the maps and checks the code of an object. `seed` feeds the helper for randomness.
    pub fn new(object: &Object, seed: u64) -> Result<Self, MachineError> {
        let mut memory = Memory::new();
        let mut maps = Vec::with_capacity(object.maps.len());
        for def in &object.maps {
            maps.push(Map::new(def, &mut memory)?);
        }
        let mut codes = Vec::with_capacity(object.programs.len());
        let mut programs = Vec::with_capacity(object.programs.len());
        for program in &object.programs {
            let code = Code::new(program.code.clone())
                .map_err(|error| MachineError::Code { name: program.name.clone(), error })?;
            codes.push(Arc::new(code));
            let kind = ProgramKind::of_section(&program.section);
            let context = kind.map_or(ContextKind::Other, |kind| kind.context);
            programs.push((program.name.clone(), context));
        }
        for map in &mut maps {
            for (slot, name) in map.def().programs.clone() {
                if let Some(at) = programs.iter().position(|(known, _)| *known == name) {
                    map.update(&slot.to_le_bytes(), &(at as u32).to_le_bytes(), 0, &mut memory);
                }
            }
        }
        let world = World {
            maps,
            codes,
            context: ContextKind::Other,
            now_ns: 0,
            packet: 0..0,
            meta: 0,
            redirect: None,
            traces: Vec::new(),
            reserved: Vec::new(),
            keys: memory.add(0, false),
            rng: Rng::stream(seed, "ebpf"),
        };
        let regions = memory.count();
        Ok(Self { world, memory, programs, regions })
    }

    /// Runs the program of an index in the object.
    pub fn run(&mut self, program: usize, input: &Run<'_>) -> Result<Verdict, Stopped> {
        let code = Arc::clone(&self.world.codes[program]);
        self.prepare(self.programs[program].1, input);
        let context = Memory::address(CONTEXT, 0);
        let ended = run(code, context, &mut self.world, &mut self.memory, input.limits);
        // Records that were reserved and neither given away nor discarded.
        self.world.reserved.clear();
        self.memory.keep(self.regions);
        let (value, steps) = ended?;
        let range = self.world.packet.clone();
        let packet = self.memory.bytes(PACKET)[range].to_vec();
        Ok(Verdict { value: value as u32, packet, redirect: self.world.redirect, steps })
    }

    /// Places packet and context.
    fn prepare(&mut self, context: ContextKind, input: &Run<'_>) {
        let world = &mut self.world;
        world.context = context;
        world.now_ns = input.now_ns;
        world.redirect = None;
        let len = input.packet.len();
        let (bytes, context_bytes) = match context {
            ContextKind::Xdp => (room(input.packet), vec![0; XDP_CONTEXT]),
            ContextKind::Skb => (room(input.packet), vec![0; SKB_CONTEXT]),
            ContextKind::Other => (Vec::new(), input.packet.to_vec()),
        };
        let has_packet = context != ContextKind::Other;
        world.packet = if has_packet { HEADROOM..HEADROOM + len } else { 0..0 };
        world.meta = world.packet.start;
        self.memory.set(PACKET, bytes, true);
        self.memory.set(CONTEXT, context_bytes, context != ContextKind::Xdp);
        world.publish(&mut self.memory);
        let context_bytes = self.memory.bytes_mut(CONTEXT);
        let mut put = |at: usize, word: u32| {
            context_bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
        };
        match context {
            ContextKind::Xdp => {
                put(12, input.interface);
                put(16, input.queue);
            }
            ContextKind::Skb => {
                put(0, len as u32);
                let ether_type = input.packet.get(12..14).map_or([0; 2], |b| [b[0], b[1]]);
                put(16, u16::from_le_bytes(ether_type).into());
                put(36, input.interface);
                put(40, input.interface);
            }
            ContextKind::Other => {}
        }
    }

    /// The map of an index in the object.
    pub fn map(&self, index: usize) -> &Map {
        &self.world.maps[index]
    }

    /// Entries of the map of an index, in the order of their keys.
    pub fn entries(&self, index: usize) -> Vec<Entry> {
        self.world.maps[index].entries(&self.memory)
    }

    /// Writes an entry of the map of an index; the result is 0 or a negative error number.
    pub fn update(&mut self, index: usize, key: &[u8], value: &[u8]) -> i64 {
        let def = self.world.maps[index].def();
        let fits = (def.key_bytes, def.value_bytes) == (key.len() as u32, value.len() as u32);
        if !fits {
            return super::maps::EINVAL;
        }
        self.world.maps[index].update(key, value, 0, &mut self.memory)
    }

    /// Takes the records that programs gave to the ring buffer of an index.
    pub fn records(&mut self, index: usize) -> Vec<Vec<u8>> {
        self.world.maps[index].records()
    }

    /// Takes what programs printed.
    pub fn traces(&mut self) -> Vec<String> {
        std::mem::take(&mut self.world.traces)
    }
}

/// A frame with the kernel's room before it and as much behind it as it can grow.
fn room(packet: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; HEADROOM + packet.len().max(PACKET_MAX)];
    bytes[HEADROOM..HEADROOM + packet.len()].copy_from_slice(packet);
    bytes
}

impl World {
    pub(super) fn random(&mut self) -> u32 {
        self.rng.next_u64() as u32
    }
}

impl Host for World {
    fn call(&mut self, helper: i32, args: [u64; 5], memory: &mut Memory) -> Result<Reply, Fault> {
        self.helper(helper, args, memory)
    }

    fn call_kernel(&mut self, function: i32, _: [u64; 5], _: &mut Memory) -> Result<u64, Fault> {
        Err(Fault::Unknown { what: "function of the kernel", number: function.into() })
    }

    fn map(&self, index: u32) -> Result<u64, Fault> {
        let unknown = Fault::Unknown { what: "map", number: index.into() };
        let known = (index as usize) < self.maps.len();
        if known { Ok(Memory::address(MAPS, index as usize)) } else { Err(unknown) }
    }

    fn map_value(&self, index: u32, offset: u32) -> Result<u64, Fault> {
        let unknown = Fault::Unknown { what: "map with variables", number: index.into() };
        self.maps.get(index as usize).and_then(|map| map.direct(offset)).ok_or(unknown)
    }

    fn program(&self, number: u32) -> Option<Arc<Code>> {
        self.codes.get(number as usize).map(Arc::clone)
    }
}
