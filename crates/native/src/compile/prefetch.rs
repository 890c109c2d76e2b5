//! A stage of a plan: what a packet will be looked up by, without any effect but on caches.
//!
//! A map's entry takes two stages. The first hashes the key, notes the bucket and the hash, and
//! asks for the bucket's line; the next finds the likely entry there, notes it, and asks for its
//! line. An array's value and a pool's index take one.

use super::direct::Key;
use super::function::{Lowering, Memory, Source};
use crate::error::NativeError;
use crate::image::NodeImage;
use crate::prefetch::NOTE_BYTES;
use crate::probe::{Load, Plan, Probe};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, Value, types};
use cranelift_frontend::Variable;
use trama_lang::ir::Program;
use trama_state::mem::direct::{ArrayDirect, MapDirect};
use trama_state::{Shape, StateKind, mem};

/// A stage, with what its code refers to.
pub(crate) struct Stage<'a> {
    pub(crate) program: &'a Program,
    pub(crate) images: &'a [NodeImage],
    pub(crate) plan: &'a Plan,
    pub(crate) stage: usize,
}

/// Number of stages of a plan.
pub(crate) fn stages(program: &Program, plan: &Plan) -> usize {
    let last = |probe: &Probe| plan.stage(probe) + if is_map(program, probe) { 2 } else { 1 };
    plan.probes.iter().map(last).max().unwrap_or(0)
}

fn is_map(program: &Program, probe: &Probe) -> bool {
    matches!(kind(program, probe), StateKind::Map { .. })
}

fn kind<'a>(program: &'a Program, probe: &Probe) -> &'a StateKind {
    &program.nodes[probe.node].states[probe.state.0 as usize].kind
}

/// Where a stage writes.
#[derive(Clone, Copy)]
struct Output {
    /// The notes of the packet.
    notes: Value,
    /// Where the next address goes.
    next: Variable,
}

impl<'a> Lowering<'a, '_> {
    /// Builds a stage.
    pub(super) fn stage(
        &mut self,
        stage: &Stage<'a>,
        notes: Value,
        out: Value,
    ) -> Result<(), NativeError> {
        let next = self.b.declare_var(types::I64);
        self.b.def_var(next, out);
        let output = Output { notes, next };
        let plan = stage.plan;
        let now: Vec<_> =
            (0..).zip(&plan.probes).filter(|(_, probe)| plan.stage(probe) == stage.stage).collect();
        for load in plan.loads.iter().filter(|load| now.iter().any(|(_, p)| p.uses(load))) {
            self.load_value(stage, load, output)?;
        }
        for (n, probe) in now {
            self.first_line(stage, (n, probe), output)?;
        }
        for (n, probe) in (0..).zip(&plan.probes) {
            if is_map(stage.program, probe) && plan.stage(probe) + 1 == stage.stage {
                self.second_line(stage, (n, probe), output)?;
            }
        }
        let end = self.b.use_var(next);
        self.b.ins().return_(&[end]);
        Ok(())
    }

    /// Asks for the first line of an entry, if the packet comes to it.
    fn first_line(
        &mut self,
        stage: &Stage<'a>,
        (n, probe): (usize, &Probe),
        output: Output,
    ) -> Result<(), NativeError> {
        let (node, image) = (&stage.program.nodes[probe.node], &stage.images[probe.node]);
        self.source = Source { node, image, ..self.source };
        let spec = &node.states[probe.state.0 as usize];
        let end = self.b.create_block();
        if is_map(stage.program, probe) {
            let none = self.word(0);
            self.store(Memory::Frame, 8, none, output.notes, n * NOTE_BYTES);
        }
        let has = self.has(crate::probe::INPUT, probe.needs);
        self.go_on_if(has, end);
        for guard in &probe.guards {
            let holds = self.expr(guard)?;
            self.go_on_if(holds, end);
        }
        match spec.kind {
            StateKind::Map { .. } => {
                let map = self.direct(probe.state, mem::Object::as_map_mut, mem::Map::direct)?;
                let words = self.packed_words(&probe.key, &spec.key)?;
                let key = Key { words, bytes: spec.key.bytes() };
                if key.bytes > 0 {
                    self.first_line_of_map(n, &map, &key, output);
                }
            }
            StateKind::Array { .. } => {
                let of = mem::Object::as_array_mut;
                let array = self.direct(probe.state, of, mem::Array::direct)?;
                let index = self.expr(&probe.key[0])?;
                self.line_of_element(array, index, output, end);
            }
            StateKind::Pool { .. } => {
                let of = mem::Object::as_pool_mut;
                let pool = self.direct(probe.state, of, mem::Pool::direct)?;
                let index = self.expr(&probe.key[0])?;
                self.line_of_element(pool.uses, index, output, end);
            }
            _ => return Err(self.wrong_kind(probe.state)),
        }
        self.b.ins().jump(end, &[]);
        self.enter(end);
        Ok(())
    }

    fn first_line_of_map(&mut self, n: usize, map: &MapDirect, key: &Key, output: Output) {
        let hash = self.quick_hash(map.seeds, key);
        let home = self.bucket(map, hash);
        self.store(Memory::Frame, 8, home, output.notes, n * NOTE_BYTES);
        self.store(Memory::Frame, 8, hash, output.notes, n * NOTE_BYTES + 8);
        self.ask_for(home, output);
    }

    fn line_of_element(&mut self, array: ArrayDirect, index: Value, output: Output, end: Block) {
        let len = self.word(array.len);
        let inside = self.b.ins().icmp(IntCC::UnsignedLessThan, index, len);
        self.go_on_if(inside, end);
        let offset = self.b.ins().imul_imm_s(index, array.value_bytes as i64);
        let first = self.address(array.values);
        let at = self.b.ins().iadd(first, offset);
        self.ask_for(at, output);
    }

    /// Finds the likely entry of a map in its bucket, and asks for its line.
    fn second_line(
        &mut self,
        stage: &Stage<'a>,
        (n, probe): (usize, &Probe),
        output: Output,
    ) -> Result<(), NativeError> {
        let (node, image) = (&stage.program.nodes[probe.node], &stage.images[probe.node]);
        self.source = Source { node, image, ..self.source };
        let map = self.direct(probe.state, mem::Object::as_map_mut, mem::Map::direct)?;
        let end = self.b.create_block();
        let home = self.load(Memory::Frame, 8, output.notes, n * NOTE_BYTES);
        self.go_on_if(home, end);
        let hash = self.load(Memory::Frame, 8, output.notes, n * NOTE_BYTES + 8);
        let none = self.word(0);
        self.store(Memory::Frame, 8, none, output.notes, n * NOTE_BYTES);
        let places = self.likely_places(home, hash);
        self.go_on_if(places, end);
        let entry = self.entry_of(&map, home, places);
        self.store(Memory::Frame, 8, entry, output.notes, n * NOTE_BYTES);
        self.ask_for(entry, output);
        self.b.ins().jump(end, &[]);
        self.enter(end);
        Ok(())
    }

    /// Reads a value, which may be another node's, into the locals that stand for it.
    fn load_value(
        &mut self,
        stage: &Stage<'a>,
        load: &Load,
        output: Output,
    ) -> Result<(), NativeError> {
        let (node, image) = (&stage.program.nodes[load.node], &stage.images[load.node]);
        self.source = Source { node, image, ..self.source };
        let at = if load.is_map {
            let map = self.direct(load.state, mem::Object::as_map_mut, mem::Map::direct)?;
            let Some(n) = stage.plan.probe_for(load) else { return Ok(()) };
            let entry = self.load(Memory::Frame, 8, output.notes, n * NOTE_BYTES);
            let value = self.b.ins().iadd_imm_s(entry, map.value_at as i64);
            let none = self.word(0);
            self.select(entry, value, none)
        } else {
            let of = mem::Object::as_array_mut;
            let array = self.direct(load.state, of, mem::Array::direct)?;
            let index = self.expr(&load.key[0])?;
            self.array_value(array, index, |slow| slow.word(0))
        };
        self.found_value(at, &Shape(load.widths.clone()), None, &load.locals());
        Ok(())
    }

    /// Goes on where a condition is not zero; elsewhere at `end`.
    fn go_on_if(&mut self, condition: Value, end: Block) {
        let next = self.b.create_block();
        self.b.ins().brif(condition, next, &[], end, &[]);
        self.enter(next);
    }

    fn ask_for(&mut self, address: Value, output: Output) {
        let at = self.b.use_var(output.next);
        self.store(Memory::Frame, 8, address, at, 0);
        let next = self.b.ins().iadd_imm_s(at, 8);
        self.b.def_var(output.next, next);
    }
}
