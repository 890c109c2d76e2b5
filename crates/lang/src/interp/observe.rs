//! What the interpreter tells an observer while it runs: the material of traces and of tests.

use crate::ir::{Dest, Extract, LocalId, TcpOption};
use crate::source::Span;
use trama_base::Nanos;
use trama_wire::header::{FieldRef, HeaderId};
use trama_wire::packet::Packet;

/// Watches a run. Observers see; they cannot change what happens.
pub trait Observer {
    /// One thing happened.
    fn observe(&mut self, seen: Seen<'_>);

    /// True if it wants to be told. What an observation says is collected only then.
    fn listens(&self) -> bool {
        true
    }
}

/// Nobody watches.
impl Observer for () {
    fn observe(&mut self, _: Seen<'_>) {}

    fn listens(&self) -> bool {
        false
    }
}

impl<O: Observer + ?Sized> Observer for &mut O {
    fn observe(&mut self, seen: Seen<'_>) {
        (**self).observe(seen);
    }

    fn listens(&self) -> bool {
        (**self).listens()
    }
}

/// Number of a packet within its event: 0 is the one that entered, copies follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PacketNo(pub u32);

/// What begins an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A packet enters at this external port.
    Packet {
        /// Index into [`Program::ports`](crate::ir::Program::ports).
        port: u32,
    },
    /// A timer is due.
    Timer {
        /// Index of the node.
        node: u32,
        /// Index of its handler.
        handler: u32,
    },
    /// The program starts.
    Init {
        /// Index of the node.
        node: u32,
        /// Index of its handler.
        handler: u32,
    },
}

/// One thing that happened. Handlers run one at a time, so what happens between two
/// [`Seen::Handler`] belongs to the first of them.
#[derive(Debug)]
pub enum Seen<'a> {
    /// An event begins.
    Event {
        /// Its time.
        now: Nanos,
        /// What it is.
        cause: Cause,
        /// The packet that enters, if it is one.
        packet: Option<&'a Packet>,
    },
    /// A packet is delivered to a port of a node.
    Arrives {
        /// Which.
        packet: PacketNo,
        /// Index of the node.
        node: u32,
        /// Index of the node's port.
        port: u32,
        /// Its bytes as they arrive.
        frame: &'a Packet,
    },
    /// A handler begins.
    Handler {
        /// The packet it was chosen for; none for timers and `init`.
        packet: Option<PacketNo>,
        /// Index of the node.
        node: u32,
        /// Index of the handler.
        handler: u32,
    },
    /// An `If` was decided.
    Branch {
        /// The statement.
        span: Span,
        /// The condition's value.
        taken: bool,
    },
    /// A local got a value.
    Assigned {
        /// The statement.
        span: Span,
        /// Which.
        local: LocalId,
        /// Its new value.
        value: u128,
    },
    /// A state object was read or written.
    State(&'a StateAccess),
    /// A header field was written.
    Field {
        /// The statement.
        span: Span,
        /// Whose.
        packet: PacketNo,
        /// Which.
        field: FieldRef,
        /// Its value before.
        old: u128,
        /// Its value now.
        new: u128,
    },
    /// Something else about a packet was written.
    Changed {
        /// The statement.
        span: Span,
        /// Whose.
        packet: PacketNo,
        /// What.
        what: Change,
        /// False if the packet did not permit it, and nothing changed.
        done: bool,
        /// The packet after it.
        frame: &'a Packet,
    },
    /// A packet was copied.
    Copied {
        /// The statement.
        span: Span,
        /// The original.
        of: PacketNo,
        /// The copy.
        packet: PacketNo,
    },
    /// A packet was given to a port.
    Sent {
        /// The statement.
        span: Span,
        /// Which.
        packet: PacketNo,
        /// Index of the sending node.
        node: u32,
        /// Index of its port.
        port: u32,
        /// Where the port's wire ends.
        to: Dest,
    },
    /// A packet was dropped.
    Dropped {
        /// The statement that did it, if one did.
        span: Option<Span>,
        /// Which.
        packet: PacketNo,
        /// Index of the node.
        node: u32,
        /// Index into the node's reasons.
        reason: u32,
    },
    /// A packet was neither sent nor dropped when its handler ended or overwrote it.
    Consumed {
        /// Which.
        packet: PacketNo,
        /// Index of the node.
        node: u32,
    },
    /// A packet ends at `discard`.
    Discarded {
        /// Which.
        packet: PacketNo,
    },
    /// A packet entered at an external port that leads nowhere.
    Lost {
        /// Which.
        packet: PacketNo,
    },
    /// A packet leaves the program.
    Leaves {
        /// Which.
        packet: PacketNo,
        /// External port.
        port: u32,
        /// Its bytes as they leave.
        frame: &'a Packet,
    },
    /// Something was taken out of bytes.
    Extracted {
        /// The statement.
        span: Span,
        /// How.
        extract: Extract,
        /// Leaves of the results.
        values: &'a [u128],
    },
    /// A log statement ran.
    Log {
        /// The statement.
        span: Span,
        /// Index of the node.
        node: u32,
        /// Index into the node's log sites.
        site: u32,
        /// Values of the arguments.
        args: &'a [u128],
        /// False if a limit suppressed it.
        written: bool,
    },
}

/// A change of a packet that is not one of a header field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// This stack of headers was put in.
    Insert(Vec<HeaderId>),
    /// This stack of headers was taken out.
    Remove(Vec<HeaderId>),
    /// The frame was cut to this length in bytes.
    Truncate(u32),
    /// The mark was set.
    Mark {
        /// Before.
        old: u32,
        /// Now.
        new: u32,
    },
    /// Payload bytes were written.
    Payload {
        /// Offset from the start of the payload in bytes.
        offset: u64,
        /// 8, 16, 32 or 64 bits.
        width: u8,
        /// Before.
        old: u128,
        /// Now.
        new: u128,
    },
    /// The value of a TCP option was written.
    TcpOption {
        /// Which.
        option: TcpOption,
        /// Before.
        old: u32,
        /// Now.
        new: u32,
    },
}

/// One use of a state object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateAccess {
    /// The statement.
    pub span: Span,
    /// Index of the node.
    pub node: u32,
    /// Index of the state object.
    pub state: u32,
    /// What was done: the operation's name in the language.
    pub op: &'static str,
    /// Leaves of the key, or the index.
    pub key: Vec<u128>,
    /// Leaves of the value before, if there was an entry.
    pub old: Option<Vec<u128>>,
    /// Leaves of the value after, if there is an entry.
    pub new: Option<Vec<u128>>,
    /// What was read: value leaves, an index, a length, a member.
    pub found: Vec<u128>,
    /// What the operation answered, where it answers yes or no.
    pub answer: Option<bool>,
}
