//! One handler: the function around its statements, and the vocabulary the other files build with.

use super::Routines;
use super::event::Event;
use super::prefetch::Stage;
use super::registers::{Known, Register};
use crate::error::NativeError;
use crate::frame::Frame;
use crate::image::NodeImage;
use crate::probe::INPUT;
use crate::runtime::Routine;
use cranelift_codegen::ir::{
    self, AliasRegion, AliasRegionData, FuncRef, InstBuilder, MemFlagsData, StackSlotData,
    StackSlotKind, Type, Value, types,
};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext, Variable};
use std::collections::BTreeMap;
use trama_lang::ir::{Handler, Label, Node, PacketId, StateId, StmtKind, Trigger};
use trama_lang::ir_parts::walk_stmts;
use trama_wire::header::{HeaderId, HeaderSet};

/// What a handler is compiled from.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) frame: &'a Frame,
    pub(crate) node: &'a Node,
    pub(crate) image: &'a NodeImage,
    pub(crate) handler: &'a Handler,
}

/// Memory that never overlaps: a store to one kind does not disturb loads from another.
#[derive(Clone, Copy)]
pub(super) enum Memory {
    /// The [`Frame`] and its registers.
    Frame,
    /// Layouts of packets.
    Layout,
    /// Bytes of frames, and the blank and the sink that stand for those of empty registers.
    Bytes,
    /// Values of state objects and zeros in their place.
    Value,
    /// Stack slots.
    Stack,
    /// Constants.
    Constant,
}

/// The translation of one handler.
pub(super) struct Lowering<'a, 'f> {
    pub(super) source: Source<'a>,
    pub(super) b: FunctionBuilder<'f>,
    pub(super) routines: &'a mut Routines<'a>,
    imported: BTreeMap<usize, FuncRef>,
    regions: [AliasRegion; 5],
    /// Address of the [`Frame`]; without meaning in a probe.
    pub(super) frame: Value,
    /// Variables of the locals.
    pub(super) locals: Vec<Variable>,
    /// Variables of the packet registers.
    pub(super) registers: Vec<Register>,
    /// What is known of the registers at the current place.
    pub(super) known: Vec<Known>,
    /// Headers that the input has for certain, as long as its register is full.
    pub(super) sure: HeaderSet,
    /// The event, if it is one that is built and not a handler alone.
    pub(super) event: Option<Event<'a>>,
    /// Where a break goes, and what is known of the registers there so far.
    pub(super) labels: BTreeMap<u32, (ir::Block, Option<Vec<Known>>)>,
}

/// Builds the function of a handler.
pub(crate) fn lower<'a>(
    function: &mut ir::Function,
    context: &mut FunctionBuilderContext,
    routines: &'a mut Routines<'a>,
    source: Source<'a>,
) -> Result<(), NativeError> {
    let mut lowering = Lowering::new(function, context, routines, source);
    let index = lowering.parameter(1);
    lowering.define_locals(index);
    lowering.define_registers();
    lowering.sure = sure_headers(source.handler);
    if lowering.list(&source.handler.body)? {
        lowering.end_handler();
    }
    lowering.finish();
    Ok(())
}

/// Builds the function of the events of packets that enter at an external port: frame, packet,
/// first byte and layout to an outcome.
pub(crate) fn lower_event<'a>(
    function: &mut ir::Function,
    context: &mut FunctionBuilderContext,
    routines: &'a mut Routines<'a>,
    source: Source<'a>,
    (event, external, to): (Event<'a>, u32, (u32, u32)),
) -> Result<(), NativeError> {
    let mut lowering = Lowering::new(function, context, routines, source);
    let parts = [1, 2, 3].map(|n| lowering.parameter(n));
    lowering.define_input(parts);
    lowering.event = Some(event);
    lowering.begin_event(external, to)?;
    lowering.finish();
    Ok(())
}

/// Builds the function of a stage of a plan.
pub(crate) fn lower_stage<'a>(
    function: &mut ir::Function,
    context: &mut FunctionBuilderContext,
    routines: &'a mut Routines<'a>,
    source: Source<'a>,
    stage: &Stage<'a>,
) -> Result<(), NativeError> {
    let mut lowering = Lowering::new(function, context, routines, source);
    let [packet, data, layout, notes, out] = [0, 1, 2, 3, 4].map(|n| lowering.parameter(n));
    lowering.define_locals(packet);
    lowering.define_input([packet, data, layout]);
    lowering.stage(stage, notes, out)?;
    lowering.finish();
    Ok(())
}

/// The headers that every packet has which a handler takes, and keeps as long as it is in the
/// input's register.
fn sure_headers(handler: &Handler) -> HeaderSet {
    match &handler.trigger {
        Trigger::Packet { patterns, .. } if !restructures(handler) => {
            patterns.iter().copied().reduce(HeaderSet::intersection).unwrap_or_default()
        }
        _ => HeaderSet::EMPTY,
    }
}

/// True if a handler may change the headers or the length of what is in the input's register.
pub(super) fn restructures(handler: &Handler) -> bool {
    let mut changes = false;
    walk_stmts(&handler.body, &mut |stmt| {
        changes |= match stmt.kind {
            StmtKind::Insert(p, ..)
            | StmtKind::Remove(p, ..)
            | StmtKind::Replace(p, ..)
            | StmtKind::SetTcpOptions(p, _)
            | StmtKind::Truncate(p, _)
            | StmtKind::Copy(p, _) => p == INPUT,
            _ => false,
        };
    });
    changes
}

/// The type of values of a width.
pub(super) fn type_of(width: u8) -> Type {
    if width > 64 { types::I128 } else { types::I64 }
}

impl<'a, 'f> Lowering<'a, 'f> {
    fn new(
        function: &'f mut ir::Function,
        context: &'f mut FunctionBuilderContext,
        routines: &'a mut Routines<'a>,
        source: Source<'a>,
    ) -> Self {
        let mut b = FunctionBuilder::new(function, context);
        let entry = b.create_block();
        b.append_block_params_for_function_params(entry);
        b.switch_to_block(entry);
        b.seal_block(entry);
        let frame = b.block_params(entry)[0];
        let mut user_id = 0;
        let regions = ["frame", "layout", "bytes", "value", "stack"].map(|name| {
            user_id += 1;
            let region = AliasRegionData { user_id, description: name.into() };
            b.func.dfg.alias_regions.insert(region)
        });
        Self {
            source,
            b,
            routines,
            imported: BTreeMap::new(),
            regions,
            frame,
            locals: Vec::new(),
            registers: Vec::new(),
            known: Vec::new(),
            sure: HeaderSet::EMPTY,
            event: None,
            labels: BTreeMap::new(),
        }
    }

    /// A parameter of the function; only before anything else is built.
    fn parameter(&mut self, n: usize) -> Value {
        let entry = self.b.current_block().expect("the function was begun");
        self.b.block_params(entry)[n]
    }

    fn finish(mut self) {
        self.b.seal_all_blocks();
        let config = self.routines.config();
        self.b.finalize(config);
    }
}

impl Lowering<'_, '_> {
    pub(super) fn define_locals(&mut self, index: Value) {
        for &width in &self.source.handler.locals {
            let variable = self.b.declare_var(type_of(width));
            let zero = self.constant(width, 0);
            self.b.def_var(variable, zero);
            self.locals.push(variable);
        }
        if let Trigger::Packet { index_local: Some(local), .. } = self.source.handler.trigger {
            let width = self.source.handler.locals[local.0 as usize];
            let index = self.resize(index, 64, width);
            self.b.def_var(self.locals[local.0 as usize], index);
        }
        if let Trigger::Event { event, params } = &self.source.handler.trigger {
            // The index is the address of the packed arguments.
            let shape = &self.source.node.events[event.0 as usize].shape;
            self.load_leaves(index, shape, params);
        }
    }

    /// True if the packet of a register has these headers, whatever way led here.
    pub(super) fn surely_has(&self, p: PacketId, headers: HeaderSet) -> bool {
        // Who has either transport has its ports.
        let ports = [HeaderId::TCP, HeaderId::UDP].iter().any(|&id| self.sure.has(id));
        let sure = if ports { self.sure.with(HeaderId::L4) } else { self.sure };
        p == INPUT && self.known[0] == Known::Full && sure.contains(headers)
    }

    /// A constant of a width.
    pub(super) fn constant(&mut self, width: u8, value: u128) -> Value {
        let low = self.b.ins().iconst(types::I64, value as i64);
        if width <= 64 {
            return low;
        }
        let high = self.b.ins().iconst(types::I64, (value >> 64) as i64);
        self.b.ins().iconcat(low, high)
    }

    /// A 64-bit constant.
    pub(super) fn word(&mut self, value: u64) -> Value {
        self.b.ins().iconst(types::I64, value as i64)
    }

    /// The address of something that outlives the code.
    pub(super) fn address<T>(&mut self, of: *const T) -> Value {
        self.b.ins().iconst(types::I64, of.addr() as i64)
    }

    /// Flags for an access that is known to be in bounds.
    pub(super) fn memory(&self, memory: Memory) -> MemFlagsData {
        let region = match memory {
            Memory::Frame => self.regions[0],
            Memory::Layout => self.regions[1],
            Memory::Bytes => self.regions[2],
            Memory::Value => self.regions[3],
            Memory::Stack => self.regions[4],
            Memory::Constant => return MemFlagsData::new().with_notrap().with_readonly(),
        };
        MemFlagsData::new().with_notrap().with_alias_region(Some(region))
    }

    /// Loads an unsigned little-endian number of 1, 2, 4 or 8 bytes as a word, or one of 16.
    pub(super) fn load(&mut self, memory: Memory, bytes: usize, at: Value, offset: usize) -> Value {
        let (flags, offset) = (self.memory(memory), offset as i32);
        match bytes {
            1 => self.b.ins().uload8(types::I64, flags, at, offset),
            2 => self.b.ins().uload16(types::I64, flags, at, offset),
            4 => self.b.ins().uload32(flags, at, offset),
            8 => self.b.ins().load(types::I64, flags, at, offset),
            _ => self.b.ins().load(types::I128, flags, at, offset),
        }
    }

    /// Stores a number in little-endian order.
    pub(super) fn store(
        &mut self,
        memory: Memory,
        bytes: usize,
        value: Value,
        at: Value,
        offset: usize,
    ) {
        let (flags, offset) = (self.memory(memory), offset as i32);
        match bytes {
            1 => self.b.ins().istore8(flags, value, at, offset),
            2 => self.b.ins().istore16(flags, value, at, offset),
            4 => self.b.ins().istore32(flags, value, at, offset),
            _ => self.b.ins().store(flags, value, at, offset),
        };
    }

    /// Calls a routine that returns nothing.
    pub(super) fn call(&mut self, routine: Routine, args: &[Value]) {
        let function = self.import(routine);
        self.b.ins().call(function, args);
    }

    /// Calls a routine that returns a word.
    pub(super) fn call_word(&mut self, routine: Routine, args: &[Value]) -> Value {
        let function = self.import(routine);
        let call = self.b.ins().call(function, args);
        self.b.inst_results(call)[0]
    }

    fn import(&mut self, routine: Routine) -> FuncRef {
        if let Some(&function) = self.imported.get(&(routine as usize)) {
            return function;
        }
        let function = self.routines.import(self.b.func, routine);
        self.imported.insert(routine as usize, function);
        function
    }

    /// The address of new memory on the stack.
    pub(super) fn stack(&mut self, bytes: usize) -> Value {
        let size = bytes.max(1) as u32;
        // Arrays of 128-bit numbers are read as such by routines.
        let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, size, 4);
        let slot = self.b.create_sized_stack_slot(slot);
        self.b.ins().stack_addr(types::I64, slot, 0)
    }

    /// Time of the event.
    pub(super) fn now(&mut self) -> Value {
        let flags = self.memory(Memory::Constant);
        let offset = std::mem::offset_of!(Frame, now) as i32;
        self.b.ins().load(types::I64, flags, self.frame, offset)
    }

    /// Widens or cuts a value, filling with zeros.
    pub(super) fn resize(&mut self, value: Value, from: u8, to: u8) -> Value {
        match (from > 64, to > 64) {
            (true, true) => value,
            (false, true) => self.b.ins().uextend(types::I128, value),
            (true, false) => {
                let low = self.b.ins().ireduce(types::I64, value);
                self.cut(low, 64, to)
            }
            (false, false) => self.cut(value, from, to),
        }
    }

    /// Clears the bits above `width` of a word that may have bits up to `from`.
    pub(super) fn cut(&mut self, value: Value, from: u8, width: u8) -> Value {
        if width >= from || width >= 64 {
            return value;
        }
        let mask = self.word(super::field::ones(width));
        self.b.ins().band(value, mask)
    }

    /// `then` if the condition is not zero, else `or`.
    ///
    /// Wide values are chosen by halves: Cranelift turns a `select` on a comparison of its operands
    /// into a minimum or maximum, which it cannot lower for 128 bits.
    pub(super) fn select(&mut self, condition: Value, then: Value, or: Value) -> Value {
        if self.b.func.dfg.value_type(then) != types::I128 {
            return self.b.ins().select(condition, then, or);
        }
        let (then_low, then_high) = self.b.ins().isplit(then);
        let (or_low, or_high) = self.b.ins().isplit(or);
        let low = self.b.ins().select(condition, then_low, or_low);
        let high = self.b.ins().select(condition, then_high, or_high);
        self.b.ins().iconcat(low, high)
    }

    /// A register's truth as a word of 0 or 1.
    pub(super) fn bit(&mut self, truth: Value) -> Value {
        self.b.ins().uextend(types::I64, truth)
    }

    /// The error of a program that validation should have refused.
    pub(super) fn ill_formed(&self, what: &str) -> NativeError {
        NativeError::IllFormed(format!("{what} in a handler of `{}`", self.source.node.name))
    }

    /// The error for an operation that the kind of a state object does not have.
    pub(super) fn wrong_kind(&self, state: StateId) -> NativeError {
        self.ill_formed(&format!("operation of another kind on state {}", state.0))
    }

    /// The block of a label.
    pub(super) fn label(&self, label: Label) -> Result<ir::Block, NativeError> {
        let target = self.labels.get(&label.0).map(|(block, _)| *block);
        target.ok_or_else(|| self.ill_formed("break to an unknown label"))
    }
}
