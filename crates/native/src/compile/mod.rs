//! IR to machine code: one function for each handler, one for all events of an external port
//! (`event`), and some for each plan of what to prefetch (`prefetch`).
//!
//! A handler becomes `extern "C" fn(frame, index)`: it finds its input in register 0 of the
//! [`Frame`], in `index` the index within a port array or the address of the packed arguments of an
//! event, and bakes in the addresses of its node's
//! state objects, tables and log sites, which the engine keeps where they are.
//!
//! Values of up to 64 bits are 64-bit words with zeros above their width; values of 128 bits are
//! `i128`. Expressions are evaluated where they stand, both arms of a `Select` included; that is
//! sound because they are total.

mod amend;
mod direct;
mod each;
mod event;
mod expr;
mod extract;
pub(crate) mod field;
mod function;
mod listing;
mod method;
mod prefetch;
mod registers;
mod state;
mod stmt;

pub use listing::{CodeStats, HandlerCode};

use crate::error::NativeError;
use crate::frame::Frame;
use crate::image::NodeImage;
use crate::prefetch::Notes;
use crate::probe::Plan;
use crate::runtime::Routine;
use crate::ways::Ways;
use cranelift_codegen::Context;
use cranelift_codegen::ir::{AbiParam, FuncRef, Function, Signature, types};
use cranelift_codegen::settings::{self, Configurable};
use cranelift_frontend::FunctionBuilderContext;
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{FuncId, Linkage, Module, default_libcall_names};
use trama_lang::ir::{Dest, Handler, Node, Program, Trigger};
use trama_lang::source::Span;
use trama_wire::layout::Layout;
use trama_wire::packet::Packet;

/// A compiled handler.
///
/// # Safety
/// Call it with the frame it was compiled for, set up for its node, with its input, if its trigger
/// has one, in register 0 and the other registers empty. If its trigger is an event, the second
/// argument is the address of its packed arguments.
pub(crate) type Code = unsafe extern "C" fn(*mut Frame, u64);

/// A compiled event: frame, packet, first byte and layout to an outcome.
///
/// # Safety
/// Call it with the frame it was compiled for, set up for an event, and the parts of one packet.
pub(crate) type EventCode =
    unsafe extern "C" fn(*mut Frame, *mut Packet, *mut u8, *mut Layout) -> u64;

/// A stage of a plan: packet, first byte and layout, what the stages of this packet know, and where
/// to write addresses worth prefetching; returns where it stopped writing.
///
/// # Safety
/// Call it with the parts of one packet, after the stages before it, while nobody changes the
/// objects; there is room for [`LINES_MAX`](crate::prefetch::LINES_MAX) addresses.
pub(crate) type ProbeCode = unsafe extern "C" fn(
    *mut Packet,
    *mut u8,
    *mut Layout,
    *mut Notes,
    *mut *const u8,
) -> *mut *const u8;

/// Compiles handlers into memory that it owns.
pub(crate) struct Compiler {
    module: JITModule,
    context: Context,
    builder: FunctionBuilderContext,
    routines: Vec<FuncId>,
    signature: Signature,
    listing: CodeStats,
    pending: Vec<FuncId>,
    pending_plans: Vec<Vec<FuncId>>,
    pending_events: Vec<Option<FuncId>>,
}

/// Code that can be called, in the order in which it was compiled.
pub(crate) struct Finished {
    pub(crate) memory: CodeMemory,
    pub(crate) handlers: Vec<Code>,
    /// By plan, then by stage.
    pub(crate) plans: Vec<Vec<ProbeCode>>,
    /// By external port.
    pub(crate) events: Vec<Option<EventCode>>,
}

/// Finished code; it is freed when this is dropped.
pub(crate) struct CodeMemory {
    module: Option<JITModule>,
    pub(crate) stats: CodeStats,
}

impl Drop for CodeMemory {
    fn drop(&mut self) {
        if let Some(module) = self.module.take() {
            // SAFETY: the engine that runs the code owns this and drops it last.
            unsafe { module.free_memory() };
        }
    }
}

impl Compiler {
    /// A compiler for the processor it runs on. With `listings`, it keeps the intermediate code and
    /// the disassembly of every handler.
    pub(crate) fn new(listings: bool) -> Result<Self, NativeError> {
        let mut flags = settings::builder();
        for (name, value) in [
            ("opt_level", "speed"),
            ("use_colocated_libcalls", "false"),
            ("is_pic", "false"),
            ("enable_verifier", if cfg!(debug_assertions) { "true" } else { "false" }),
        ] {
            flags.set(name, value).map_err(|e| NativeError::Host(e.to_string()))?;
        }
        let isa = cranelift_native::builder()
            .map_err(|e| NativeError::Host(e.to_owned()))?
            .finish(settings::Flags::new(flags))
            .map_err(|e| NativeError::Host(e.to_string()))?;
        let mut builder = JITBuilder::with_isa(isa, default_libcall_names());
        for routine in Routine::ALL {
            builder.symbol(routine.name(), routine.address());
        }
        let mut module = JITModule::new(builder);
        let routines = Routine::ALL
            .iter()
            .map(|&routine| declare(&mut module, routine))
            .collect::<Result<_, _>>()?;
        let mut signature = module.make_signature();
        signature.params.extend([AbiParam::new(types::I64); 2]);
        Ok(Self {
            context: module.make_context(),
            module,
            builder: FunctionBuilderContext::new(),
            routines,
            signature,
            listing: CodeStats::new(listings),
            pending: Vec::new(),
            pending_plans: Vec::new(),
            pending_events: Vec::new(),
        })
    }

    /// Compiles one handler. Its code can be had from [`finish`](Self::finish), in the order of
    /// these calls.
    pub(crate) fn handler(
        &mut self,
        frame: &Frame,
        node: &Node,
        image: &NodeImage,
        index: usize,
        handler: &Handler,
    ) -> Result<(), NativeError> {
        let failed = |error: String| NativeError::Codegen { node: node.name.clone(), error };
        let id = self
            .module
            .declare_anonymous_function(&self.signature)
            .map_err(|e| failed(e.to_string()))?;
        self.module.clear_context(&mut self.context);
        self.context.func.signature = self.signature.clone();
        self.context.set_disasm(self.listing.keeps_text());
        let mut routines = Routines { module: &mut self.module, ids: &self.routines };
        function::lower(
            &mut self.context.func,
            &mut self.builder,
            &mut routines,
            function::Source { frame, node, image, handler },
        )?;
        let clif = self.listing.keeps_text().then(|| self.context.func.display().to_string());
        self.module.define_function(id, &mut self.context).map_err(|e| failed(format!("{e:?}")))?;
        self.listing.add(node, index, handler, clif, self.context.compiled_code());
        self.pending.push(id);
        Ok(())
    }

    /// Compiles the stages of a plan.
    pub(crate) fn plan(
        &mut self,
        frame: &Frame,
        program: &Program,
        images: &[NodeImage],
        plan: &Plan,
    ) -> Result<(), NativeError> {
        let leaves = plan.loads.iter().flat_map(|load| load.widths.iter().copied());
        let handler = nothing(leaves.collect());
        let mut stages = Vec::new();
        for stage in 0..prefetch::stages(program, plan) {
            let (node, image) = (&program.nodes[plan.probes[0].node], &images[0]);
            let failed = |error: String| NativeError::Codegen { node: node.name.clone(), error };
            let signature = self.signature_of(5);
            let id = self
                .module
                .declare_anonymous_function(&signature)
                .map_err(|e| failed(e.to_string()))?;
            self.module.clear_context(&mut self.context);
            self.context.func.signature = signature;
            let mut routines = Routines { module: &mut self.module, ids: &self.routines };
            function::lower_stage(
                &mut self.context.func,
                &mut self.builder,
                &mut routines,
                function::Source { frame, node, image, handler: &handler },
                &prefetch::Stage { program, images, plan, stage },
            )?;
            self.module
                .define_function(id, &mut self.context)
                .map_err(|e| failed(format!("{e:?}")))?;
            stages.push(id);
        }
        self.pending_plans.push(stages);
        Ok(())
    }

    /// The signature of a function from so many words to one.
    fn signature_of(&self, parameters: usize) -> Signature {
        let mut signature = self.module.make_signature();
        signature.params.extend(vec![AbiParam::new(types::I64); parameters]);
        signature.returns.push(AbiParam::new(types::I64));
        signature
    }

    /// Compiles the events of the next external port.
    pub(crate) fn event(
        &mut self,
        frame: &Frame,
        program: &Program,
        images: &[NodeImage],
        ways: &Ways,
    ) -> Result<(), NativeError> {
        let external = self.pending_events.len() as u32;
        let Some(&Dest::Node(to, port)) = program.ingress.get(external as usize) else {
            self.pending_events.push(None);
            return Ok(());
        };
        let (node, image) = (&program.nodes[to as usize], &images[to as usize]);
        let failed = |error: String| NativeError::Codegen { node: node.name.clone(), error };
        let signature = self.signature_of(4);
        let id = self
            .module
            .declare_anonymous_function(&signature)
            .map_err(|e| failed(e.to_string()))?;
        self.module.clear_context(&mut self.context);
        self.context.func.signature = signature;
        self.context.set_disasm(self.listing.keeps_text());
        let nothing = nothing(Vec::new());
        let mut routines = Routines { module: &mut self.module, ids: &self.routines };
        function::lower_event(
            &mut self.context.func,
            &mut self.builder,
            &mut routines,
            function::Source { frame, node, image, handler: &nothing },
            (event::Event::new(program, images, ways), external, (to, port)),
        )?;
        let clif = self.listing.keeps_text().then(|| self.context.func.display().to_string());
        self.module.define_function(id, &mut self.context).map_err(|e| failed(format!("{e:?}")))?;
        let name = format!("events at {}", program.ports[external as usize]);
        self.listing.add_event(name, clif, self.context.compiled_code());
        self.pending_events.push(Some(id));
        Ok(())
    }

    /// Makes the code executable.
    pub(crate) fn finish(mut self) -> Result<Finished, NativeError> {
        self.module.finalize_definitions().map_err(|e| NativeError::Host(e.to_string()))?;
        let start = |id: &FuncId| self.module.get_finalized_function(*id);
        // SAFETY: handlers were compiled with the signature of `Code`.
        let handler = |id| unsafe { std::mem::transmute::<*const u8, Code>(start(id)) };
        // SAFETY: stages were compiled with the signature of `ProbeCode`.
        let probe = |id| unsafe { std::mem::transmute::<*const u8, ProbeCode>(start(id)) };
        // SAFETY: events were compiled with the signature of `EventCode`.
        let event = |id| unsafe { std::mem::transmute::<*const u8, EventCode>(start(id)) };
        let handlers = self.pending.iter().map(handler).collect();
        let events = self.pending_events.iter().map(|id| id.as_ref().map(event)).collect();
        let plans = self.pending_plans.iter().map(|ids| ids.iter().map(probe).collect()).collect();
        let memory = CodeMemory { module: Some(self.module), stats: self.listing };
        Ok(Finished { memory, handlers, plans, events })
    }
}

/// A handler that does nothing, with these locals.
fn nothing(locals: Vec<u8>) -> Handler {
    let (trigger, body, span) = (Trigger::Init, Vec::new(), Span::default());
    Handler { trigger, locals, packets: 1, body, span }
}

fn declare(module: &mut JITModule, routine: Routine) -> Result<FuncId, NativeError> {
    let mut signature = module.make_signature();
    signature.params.extend(vec![AbiParam::new(types::I64); routine.params()]);
    if routine.returns() {
        signature.returns.push(AbiParam::new(types::I64));
    }
    module
        .declare_function(routine.name(), Linkage::Import, &signature)
        .map_err(|e| NativeError::Host(e.to_string()))
}

/// The routines, to be named in a function.
pub(crate) struct Routines<'a> {
    module: &'a mut JITModule,
    ids: &'a [FuncId],
}

impl Routines<'_> {
    /// A reference to a routine in `function`.
    fn import(&mut self, function: &mut Function, routine: Routine) -> FuncRef {
        self.module.declare_func_in_func(self.ids[routine as usize], function)
    }

    /// What the target is like, for finishing a function.
    fn config(&self) -> cranelift_codegen::isa::TargetFrontendConfig {
        self.module.target_config()
    }
}
