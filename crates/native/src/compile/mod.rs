//! IR to machine code, one function for each handler.
//!
//! A handler becomes `extern "C" fn(frame, index)`: it finds its input in register 0 of the
//! [`Frame`], the index within a port array in `index`, and bakes in the addresses of its node's
//! state objects, tables and log sites, which the engine keeps where they are.
//!
//! Values of up to 64 bits are 64-bit words with zeros above their width; values of 128 bits are
//! `i128`. Expressions are evaluated where they stand, both arms of a `Select` included; that is
//! sound because they are total.

mod expr;
mod extract;
pub(crate) mod field;
mod function;
mod listing;
mod prefetch;
mod registers;
mod state;
mod stmt;

pub use listing::{CodeStats, HandlerCode};

use crate::error::NativeError;
use crate::frame::Frame;
use crate::image::NodeImage;
use crate::probe::{Plan, Probe};
use crate::runtime::Routine;
use cranelift_codegen::Context;
use cranelift_codegen::ir::{AbiParam, FuncRef, Function, Signature, types};
use cranelift_codegen::settings::{self, Configurable};
use cranelift_frontend::FunctionBuilderContext;
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{FuncId, Linkage, Module, default_libcall_names};
use trama_lang::ir::{Handler, Node, Program, Trigger};
use trama_lang::source::Span;
use trama_wire::layout::Layout;
use trama_wire::packet::Packet;

/// A compiled handler.
///
/// # Safety
/// Call it with the frame it was compiled for, set up for its node, with its input, if its trigger
/// has one, in register 0 and the other registers empty.
pub(crate) type Code = unsafe extern "C" fn(*mut Frame, u64);

/// A compiled probe: packet, first byte and layout to a hash.
///
/// # Safety
/// Call it with the parts of one packet, while the map that it probes is alive and not changed.
pub(crate) type ProbeCode = unsafe extern "C" fn(*mut Packet, *mut u8, *mut Layout) -> u64;

/// Compiles handlers into memory that it owns.
pub(crate) struct Compiler {
    module: JITModule,
    context: Context,
    builder: FunctionBuilderContext,
    routines: Vec<FuncId>,
    signature: Signature,
    listing: CodeStats,
    pending: Vec<FuncId>,
    pending_probes: Vec<FuncId>,
}

/// Code that can be called, in the order in which it was compiled.
pub(crate) struct Finished {
    pub(crate) memory: CodeMemory,
    pub(crate) handlers: Vec<Code>,
    pub(crate) probes: Vec<ProbeCode>,
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
            pending_probes: Vec::new(),
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

    /// Compiles one probe of a plan.
    pub(crate) fn probe(
        &mut self,
        frame: &Frame,
        program: &Program,
        images: &[NodeImage],
        plan: &Plan,
        probe: &Probe,
    ) -> Result<(), NativeError> {
        let (node, image) = (&program.nodes[probe.node], &images[probe.node]);
        let failed = |error: String| NativeError::Codegen { node: node.name.clone(), error };
        let mut signature = self.module.make_signature();
        signature.params.extend([AbiParam::new(types::I64); 3]);
        signature.returns.push(AbiParam::new(types::I64));
        let id = self
            .module
            .declare_anonymous_function(&signature)
            .map_err(|e| failed(e.to_string()))?;
        self.module.clear_context(&mut self.context);
        self.context.func.signature = signature;
        let handler = Handler {
            trigger: Trigger::Init,
            locals: plan.loads.iter().flat_map(|load| load.widths.iter().copied()).collect(),
            packets: 1,
            body: Vec::new(),
            span: Span::default(),
        };
        let mut routines = Routines { module: &mut self.module, ids: &self.routines };
        function::lower_probe(
            &mut self.context.func,
            &mut self.builder,
            &mut routines,
            function::Source { frame, node, image, handler: &handler },
            (images, plan, probe),
        )?;
        self.module.define_function(id, &mut self.context).map_err(|e| failed(format!("{e:?}")))?;
        self.pending_probes.push(id);
        Ok(())
    }

    /// Makes the code executable.
    pub(crate) fn finish(mut self) -> Result<Finished, NativeError> {
        self.module.finalize_definitions().map_err(|e| NativeError::Host(e.to_string()))?;
        let start = |id: &FuncId| self.module.get_finalized_function(*id);
        // SAFETY: handlers were compiled with the signature of `Code`.
        let handler = |id| unsafe { std::mem::transmute::<*const u8, Code>(start(id)) };
        // SAFETY: probes were compiled with the signature of `ProbeCode`.
        let probe = |id| unsafe { std::mem::transmute::<*const u8, ProbeCode>(start(id)) };
        let handlers = self.pending.iter().map(handler).collect();
        let probes = self.pending_probes.iter().map(probe).collect();
        let memory = CodeMemory { module: Some(self.module), stats: self.listing };
        Ok(Finished { memory, handlers, probes })
    }
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
