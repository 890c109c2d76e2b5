//! What was compiled: sizes always, texts on demand.

use cranelift_codegen::CompiledCode;
use trama_lang::ir::{Handler, Node, Trigger};

/// What the compiler made of a program. How long it took is for hosts to measure: nothing in this
/// crate reads a clock.
#[derive(Clone, Debug, Default)]
pub struct CodeStats {
    /// Handlers in the order of nodes, then as in the source.
    pub handlers: Vec<HandlerCode>,
    /// The functions for whole events, by external port; those wired to no node have none.
    pub events: Vec<HandlerCode>,
    texts: bool,
}

/// The code of one handler.
#[derive(Clone, Debug)]
pub struct HandlerCode {
    /// The node and the handler's trigger, for example `fw: packet at lan` or `nat: timer 1s`.
    pub name: String,
    /// Bytes of machine code.
    pub code_bytes: usize,
    /// Bytes of its stack frame.
    pub stack_bytes: u32,
    /// Cranelift's intermediate code, before optimisation, if asked for. Calls name routines by
    /// number: see [`CodeStats::routines`].
    pub clif: Option<String>,
    /// Disassembly, if asked for.
    pub assembly: Option<String>,
}

impl CodeStats {
    pub(super) fn new(texts: bool) -> Self {
        Self { texts, ..Self::default() }
    }

    pub(super) fn keeps_text(&self) -> bool {
        self.texts
    }

    /// Bytes of machine code of all handlers and events.
    pub fn code_bytes(&self) -> usize {
        self.handlers.iter().chain(&self.events).map(|h| h.code_bytes).sum()
    }

    /// Names of the routines that listings call as `u0:0`, `u0:1`, …
    pub fn routines() -> impl Iterator<Item = &'static str> {
        crate::runtime::Routine::ALL.iter().map(|r| r.name())
    }

    pub(super) fn add(
        &mut self,
        node: &Node,
        index: usize,
        handler: &Handler,
        clif: Option<String>,
        code: Option<&CompiledCode>,
    ) {
        let name = format!("{}: {}", node.name, trigger(node, index, handler));
        self.handlers.push(described(name, clif, code));
    }

    pub(super) fn add_event(
        &mut self,
        name: String,
        clif: Option<String>,
        code: Option<&CompiledCode>,
    ) {
        self.events.push(described(name, clif, code));
    }
}

fn described(name: String, clif: Option<String>, code: Option<&CompiledCode>) -> HandlerCode {
    let stack = |c: &CompiledCode| c.buffer.frame_layout().map_or(0, |f| f.frame_to_fp_offset);
    HandlerCode {
        name,
        code_bytes: code.map_or(0, |c| c.code_buffer().len()),
        stack_bytes: code.map_or(0, stack),
        clif,
        assembly: code.and_then(|c| c.vcode.clone()),
    }
}

fn trigger(node: &Node, index: usize, handler: &Handler) -> String {
    match &handler.trigger {
        Trigger::Init => "init".into(),
        Trigger::Timer { period } => format!("timer {period}"),
        Trigger::Event { event, .. } => {
            let event = node.events.get(event.0 as usize);
            format!("event {}", event.map_or("?", |event| &event.name))
        }
        Trigger::Close => "close".into(),
        Trigger::Packet { first_port, patterns, .. } => {
            let port = node.ports.get(*first_port as usize).map_or("?", |p| p);
            let patterns: Vec<_> = patterns.iter().map(|p| format!("{p:?}")).collect();
            format!("handler {index}, packet at {port} {}", patterns.join(" or "))
        }
    }
}
