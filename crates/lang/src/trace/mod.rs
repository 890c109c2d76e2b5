//! Traces: the way of one packet through a program, copies included.
//!
//! A [`Recorder`] watches the interpreter and keeps what happens in each event while it is on.
//! What it hands out is data; [`render`] makes lines of text from it.

mod render;
#[cfg(test)]
mod tests;

pub use render::render;

use crate::interp::observe::{Cause, Change, Observer, PacketNo, Seen, StateAccess};
use crate::ir::Dest;
use crate::source::Span;
use crate::values;
use trama_base::Nanos;
use trama_wire::header::FieldRef;

/// What happened in one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Time of the event.
    pub now: Nanos,
    /// What began it.
    pub cause: Cause,
    /// The packet that entered, in one line.
    pub packet: Option<String>,
    /// What happened, in order.
    pub steps: Vec<Step>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The statement that did it, if one did.
    pub span: Option<Span>,
    /// The packet that it is about.
    pub packet: Option<PacketNo>,
    /// What it was.
    pub kind: StepKind,
}

/// What happened; indices are those of the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// Delivered to a port of a node.
    Arrives {
        /// Index of the node.
        node: u32,
        /// Index of its port.
        port: u32,
        /// The packet in one line.
        summary: String,
    },
    /// A handler begins.
    Handler {
        /// Index of the node.
        node: u32,
        /// Index of the handler.
        handler: u32,
    },
    /// An `If` was decided.
    Branch {
        /// The condition's value.
        taken: bool,
    },
    /// A state object was read or written.
    State(StateAccess),
    /// A header field was written.
    Field {
        /// Which.
        field: FieldRef,
        /// Before.
        old: u128,
        /// Now.
        new: u128,
    },
    /// Something else about a packet was written.
    Changed {
        /// What.
        what: Change,
        /// False if it was not possible.
        done: bool,
    },
    /// The packet is a new copy.
    Copied {
        /// Of this one.
        of: PacketNo,
    },
    /// Given to a port.
    Sent {
        /// Index of the sending node.
        node: u32,
        /// Index of its port.
        port: u32,
        /// Where its wire ends.
        to: Dest,
    },
    /// Dropped.
    Dropped {
        /// Index of the node.
        node: u32,
        /// Index into its reasons.
        reason: u32,
    },
    /// Neither sent nor dropped when its handler ended.
    Consumed,
    /// Ended at `discard`.
    Discarded,
    /// Entered at an external port that leads nowhere.
    Lost,
    /// Left the program.
    Leaves {
        /// External port.
        port: u32,
        /// The packet in one line.
        summary: String,
    },
    /// Something was taken out of bytes.
    Extracted {
        /// What it was.
        value: String,
    },
    /// A log statement ran.
    Log {
        /// Index of the node.
        node: u32,
        /// Index into its log sites.
        site: u32,
        /// Values of the arguments.
        args: Vec<u128>,
        /// False if a limit suppressed it.
        written: bool,
    },
}

/// Most steps kept of one event; those beyond are not recorded.
pub const STEPS_MAX: usize = 10_000;

/// Keeps what happens while it is on. A host turns it on for the packets that it wants traced and
/// feeds those one at a time.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    on: bool,
    traces: Vec<Trace>,
}

impl Recorder {
    /// Turns recording on or off, from the next event on.
    pub fn record(&mut self, on: bool) {
        self.on = on;
    }

    /// The events recorded since the last call.
    pub fn take(&mut self) -> Vec<Trace> {
        std::mem::take(&mut self.traces)
    }

    fn step(&mut self, span: Option<Span>, packet: Option<PacketNo>, kind: StepKind) {
        if let Some(trace) = self.traces.last_mut()
            && trace.steps.len() < STEPS_MAX
        {
            trace.steps.push(Step { span, packet, kind });
        }
    }
}

impl Observer for Recorder {
    fn listens(&self) -> bool {
        self.on
    }

    fn observe(&mut self, seen: Seen<'_>) {
        match seen {
            Seen::Event { now, cause, packet } => {
                let packet = packet.map(|packet| packet.describe().to_string());
                self.traces.push(Trace { now, cause, packet, steps: Vec::new() });
            }
            Seen::Arrives { packet, node, port, frame } => {
                let summary = frame.describe().to_string();
                self.step(None, Some(packet), StepKind::Arrives { node, port, summary });
            }
            Seen::Handler { packet, node, handler } => {
                self.step(None, packet, StepKind::Handler { node, handler });
            }
            Seen::Branch { span, taken } => {
                self.step(Some(span), None, StepKind::Branch { taken });
            }
            // Locals are temporaries of lowering: what they decide shows in branches and writes.
            Seen::Assigned { .. } => {}
            Seen::State(access) => {
                self.step(Some(access.span), None, StepKind::State(access.clone()));
            }
            Seen::Field { span, packet, field, old, new } => {
                self.step(Some(span), Some(packet), StepKind::Field { field, old, new });
            }
            Seen::Changed { span, packet, what, done, .. } => {
                self.step(Some(span), Some(packet), StepKind::Changed { what, done });
            }
            Seen::Copied { span, of, packet } => {
                self.step(Some(span), Some(packet), StepKind::Copied { of });
            }
            Seen::Sent { span, packet, node, port, to } => {
                self.step(Some(span), Some(packet), StepKind::Sent { node, port, to });
            }
            Seen::Dropped { span, packet, node, reason } => {
                self.step(span, Some(packet), StepKind::Dropped { node, reason });
            }
            Seen::Consumed { packet, .. } => self.step(None, Some(packet), StepKind::Consumed),
            Seen::Discarded { packet } => self.step(None, Some(packet), StepKind::Discarded),
            Seen::Lost { packet } => self.step(None, Some(packet), StepKind::Lost),
            Seen::Leaves { packet, port, frame } => {
                let summary = frame.describe().to_string();
                self.step(None, Some(packet), StepKind::Leaves { port, summary });
            }
            Seen::Extracted { span, extract, values } => {
                let value = values::extracted(extract, values);
                self.step(Some(span), None, StepKind::Extracted { value });
            }
            Seen::Log { span, node, site, args, written } => {
                let args = args.to_vec();
                self.step(Some(span), None, StepKind::Log { node, site, args, written });
            }
        }
    }
}
