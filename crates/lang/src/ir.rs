//! The intermediate representation: what a checked program *is*, for every consumer.
//!
//! The reference interpreter, the code generators, the effect rows and (later) symbolic execution
//! read this and nothing above it. Its design follows from them:
//!
//! - **Scalars only.** Records, options, enums and tuples are flattened by lowering, and byte
//!   strings as [`trama_wire::bytes`] says. A value is an unsigned number of 1 to 64 bits, or 128.
//!   Signedness is in the operator.
//! - **Expressions are pure and total**; everything with an effect is a statement. Division by zero
//!   gives zero, the remainder by zero gives the dividend, shifts by the width or more give zero
//!   (`ShrS`: the sign). A result is always truncated to its width.
//! - **Structured.** No gotos: `If`, bounded `Loop`, `Block` with `Break`. There is no recursion
//!   and functions are expanded, so a handler is a finite tree and its cost has a bound.
//! - **State operations are whole**: a symbolic key, all value leaves at once; `MapUpdate` keeps
//!   commutative updates visible as such.
//! - A program is **instantiated**: parameters are constants, networks are flat.
//!
//! # Events
//!
//! The unit of execution is an event: a packet at a port, a due timer, or an event that the program
//! itself generated. A handler runs atomically. The packets it sends are queued in the order sent
//! and delivered, first in first out, before the next event is taken. A packet that has passed
//! [`HOPS_MAX`] handlers within one event is dropped with [`reason::HOPS`]. A packet at a port
//! where no handler's pattern matches is dropped with [`reason::NO_HANDLER`]; at an unconnected
//! output with [`reason::NOT_CONNECTED`]. `now` is the event's time and never goes back: a host
//! clamps. Timers are checked before each packet and when the host advances time: a timer with
//! period `d` is first due at `start + d`; when due it fires once, at the current time, and is due
//! again at the first multiple of `d` after `start` that is later than now (missed firings are
//! skipped). What is due fires in the order in which it is due; at the same time timers come first,
//! in the order of nodes, then of handlers.
//!
//! [`StmtKind::Generate`] makes an event of the node's own. With a delay it is due that much later
//! and fires like a timer: once, at the current time, in the order of due times and, at the same
//! time, of generation. Without one it fires right after the current event and what that one sent,
//! in the order of generation, before anything else. Of each [`Event`] at most `capacity` are
//! pending; one more is refused, and so is a delay that ends beyond the end of time, and the event
//! without a delay that comes after [`CHAIN_MAX`] others since the last packet, timer or event with
//! a delay. A pending event has left the count of pending ones when its handler runs.
//!
//! When its host ends a run ([`Engine::finish`](crate::engine::Engine::finish)), time passes to the
//! end, then the handlers of [`Trigger::Close`] run once, in the order of nodes, then of handlers,
//! each as an event with what it generates without a delay; events that are still pending then
//! never fire.
//!
//! # Records
//!
//! [`StmtKind::Emit`] gives a record to the host, at once and in order ([`crate::records`]).
//!
//! # Loops over maps
//!
//! [`StmtKind::ForEach`] runs its body for the entries that a map has when it begins, in the order
//! of their packed keys, or for the best of them. While it runs, its body may change the entry of
//! the current round, with the round's own key locals as the key, and no other entry of that map:
//! so there is nothing to say about entries that come and go.
//!
//! # Packet registers
//!
//! A register holds a packet or is empty. `Send` and `Drop` empty it; a packet that a register
//! still holds when the handler ends, or when `Copy` overwrites it, counts as *consumed*. The
//! checker admits no use of an empty register; the engines agree on it all the same: whatever is
//! read from it is 0, what is written to it has no effect (`Insert` and `Remove` were not
//! possible), and sending, dropping or copying it does nothing (a copy of nothing empties the
//! target). A copy has the mark and the number of hops of its original.

use crate::source::Span;
use trama_base::Nanos;
use trama_state::{Method, Shape, StateSpec};
pub use trama_wire::extract::{Extract, Extractor};
use trama_wire::header::{FieldRef, HeaderId, HeaderSet};
pub use trama_wire::option::TcpOption;

/// Most handlers that one packet passes within one event.
pub const HOPS_MAX: u32 = 64;

/// Most packets that one event may produce, which it does by [`StmtKind::Copy`]. A copy beyond that
/// counts as made and dropped at once with [`reason::FANOUT`]: its register is empty.
pub const FANOUT_MAX: u32 = 1024;

/// Most events without a delay that one packet, timer or event with a delay brings about, directly
/// or through each other.
pub const CHAIN_MAX: u32 = 1024;

/// Drop reasons that every element has; its own come after them.
pub mod reason {
    /// No handler's pattern matched.
    pub const NO_HANDLER: u32 = 0;
    /// The output port is wired to nothing.
    pub const NOT_CONNECTED: u32 = 1;
    /// The packet ran in circles.
    pub const HOPS: u32 = 2;
    /// The index of a port array was out of range.
    pub const NO_PORT: u32 = 3;
    /// The event produced too many packets.
    pub const FANOUT: u32 = 4;
    /// A structural change (insert, remove) was impossible on this packet.
    pub const UNFIT: u32 = 5;
    /// Texts of the built-in reasons, by index.
    pub const BUILT_IN: [&str; 6] = [
        "no handler for this packet",
        "output not connected",
        "too many hops",
        "no such port",
        "too many copies",
        "headers do not permit the change",
    ];
}

/// A checked, instantiated program: one flat network of element instances.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// Name of the network (or of the single element) that was instantiated.
    pub name: String,
    /// External ports, in order of declaration (port arrays expanded, named `lan[0]`, …).
    pub ports: Vec<String>,
    /// Where a packet that enters at each external port goes.
    pub ingress: Vec<Dest>,
    /// Element instances.
    pub nodes: Vec<Node>,
}

/// Where a wire ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dest {
    /// Input of a node: index into [`Program::nodes`], index into [`Node::ports`].
    Node(u32, u32),
    /// An external port: the packet leaves the program.
    Out(u32),
    /// Nowhere.
    Unconnected,
    /// Given up on purpose: `-> discard`.
    Discard,
}

/// An element instance.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// Unique path, for example `fw` or `edge.nat`.
    pub name: String,
    /// Name of the element it is an instance of.
    pub element: String,
    /// Ports, arrays expanded; a handler and a send address them by index.
    pub ports: Vec<String>,
    /// Where each port's output goes.
    pub wires: Vec<Dest>,
    /// State objects.
    pub states: Vec<StateSpec>,
    /// How each state object's leaves read to a person, for dumps and traces.
    pub state_views: Vec<StateView>,
    /// Constant tables.
    pub tables: Vec<Table>,
    /// Drop reasons: the built-in ones, then the element's own.
    pub reasons: Vec<String>,
    /// Log and alert sites.
    pub log_sites: Vec<LogSite>,
    /// Events that the node generates for itself.
    pub events: Vec<Event>,
    /// Kinds of records that it emits.
    pub streams: Vec<Stream>,
    /// Handlers, in source order: the first one that matches takes the packet.
    pub handlers: Vec<Handler>,
}

/// How to print a leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum View {
    /// Unsigned number.
    Uint,
    /// Two's complement number of this many bits.
    Int(u8),
    /// Truth value.
    Bool,
    /// Ethernet address.
    Mac,
    /// IPv4 address.
    Ip4,
    /// IPv6 address.
    Ip6,
    /// Point in time.
    Time,
    /// Length of time.
    Duration,
    /// Tag of an enum or option; the names by value.
    Tag(Vec<String>),
    /// Length of a byte string; this many leaves with its bytes follow, each a [`View::Word`].
    Bytes(u8),
    /// Bytes of a byte string, which print with its length.
    Word,
}

/// Names and views of the leaves of a state object's keys and values.
#[derive(Clone, Debug, Default)]
pub struct StateView {
    /// One (dotted name, view) for each key leaf.
    pub key: Vec<(String, View)>,
    /// One (dotted name, view) for each value leaf.
    pub value: Vec<(String, View)>,
    /// The declaration.
    pub span: Span,
}

/// An event that a node generates for itself.
#[derive(Clone, Debug, Default)]
pub struct Event {
    /// Name in the program.
    pub name: String,
    /// Most that are pending at once.
    pub capacity: u32,
    /// Widths of the leaves of the parameters.
    pub shape: Shape,
    /// One (dotted name, view) for each leaf.
    pub views: Vec<(String, View)>,
}

/// A stream of records.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    /// Name in the program.
    pub name: String,
    /// Widths of the leaves of a record.
    pub shape: Shape,
    /// One (dotted name, view) for each leaf.
    pub views: Vec<(String, View)>,
}

/// A constant table: rows of scalar columns.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Name of the parameter or constant it came from.
    pub name: String,
    /// Widths of the columns in bits.
    pub columns: Vec<u8>,
    /// Rows; each has a value for every column.
    pub rows: Vec<Vec<u128>>,
}

/// A `log` or `alert` statement.
#[derive(Clone, Debug)]
pub struct LogSite {
    /// True for `alert`.
    pub alert: bool,
    /// Literal text between the arguments: one more than there are arguments.
    pub text: Vec<String>,
    /// How each argument prints.
    pub views: Vec<View>,
    /// Most messages per second; a token bucket of that rate and a burst of the same number
    /// (at least 1). Suppressed messages are counted.
    pub limit_per_s: Option<u64>,
}

/// A handler of an element instance.
#[derive(Clone, Debug)]
pub struct Handler {
    /// What runs it.
    pub trigger: Trigger,
    /// Width in bits of each local. All start as zero.
    pub locals: Vec<u8>,
    /// Number of packet registers; the input is register 0. Handlers that no packet runs have no
    /// input and start with no packet.
    pub packets: u32,
    /// Statements.
    pub body: Vec<Stmt>,
    /// The handler's source.
    pub span: Span,
}

/// What runs a handler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// Once, before the first event, at the start time.
    Init,
    /// A packet arrives at one of the ports `first_port .. first_port + port_count` and has all
    /// headers of at least one of `patterns` (an empty pattern matches every packet).
    Packet {
        /// Index into [`Node::ports`].
        first_port: u32,
        /// 1, or the length of a port array.
        port_count: u32,
        /// Local that receives the index within the array, if the handler names it.
        index_local: Option<LocalId>,
        /// Alternatives.
        patterns: Vec<HeaderSet>,
        /// If there is one, it must be 1 for the packet as well (1 bit, over register 0 alone).
        guard: Option<Expr>,
    },
    /// Every `period`.
    Timer {
        /// Not zero.
        period: Nanos,
    },
    /// An event that the node generated. At most one handler of a node has it.
    Event {
        /// Which.
        event: EventId,
        /// Locals that receive the leaves of its arguments.
        params: Vec<LocalId>,
    },
    /// Once, when the host ends the run.
    Close,
}

/// Index into [`Handler::locals`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalId(pub u32);

/// A packet register of a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PacketId(pub u32);

/// Index into [`Node::states`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StateId(pub u32);

/// Index into [`Node::tables`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TableId(pub u32);

/// Index into [`Node::events`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EventId(pub u32);

/// Index into [`Node::streams`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StreamId(pub u32);

/// Target of a `Break`: the `Block` or `Loop` with that label. Unique within a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Label(pub u32);

/// A pure, total expression with the width of its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expr {
    /// What it computes.
    pub kind: ExprKind,
    /// Width of the value in bits: 1 to 64, or 128.
    pub width: u8,
}

/// What an expression computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExprKind {
    /// A constant, already within the width.
    Const(u128),
    /// A local.
    Local(LocalId),
    /// Time of the event, 64 bits of nanoseconds.
    Now,
    /// A header field. Lowering guarantees that the header is present whenever the value is used;
    /// where it is not (the untaken arm of a `Select`), the value is 0 or arbitrary but reading
    /// it is safe.
    Field(PacketId, FieldRef),
    /// 1 if the packet has all these headers.
    Has(PacketId, HeaderSet),
    /// A property of the packet that is not a stored field.
    Meta(PacketId, Meta),
    /// Payload bytes at an offset from the start of the payload, big endian, as many as the width
    /// says (8, 16, 32 or 64 bits); 0 if any of them lies beyond the end of the datagram.
    Payload(PacketId, Box<Expr>),
    /// Operands have the same width, which is also the result's, except that comparisons give 1
    /// bit and the right operand of a shift may have any width.
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// Bitwise complement within the width (logical not for 1 bit).
    Not(Box<Expr>),
    /// Zero-extends or truncates to the width.
    Cast(Box<Expr>),
    /// Sign-extends to the width, which is not less than the operand's.
    SignExtend(Box<Expr>),
    /// Second operand if the first (1 bit) is 1, else third. Only the chosen one matters; both are
    /// safe to compute.
    Select(Box<Expr>, Box<Expr>, Box<Expr>),
    /// A cell of a constant table: row, column. 0 if the row is out of range.
    Table(TableId, Box<Expr>, u32),
    /// [`trama_state::hash::stable`] of the packed operands; 64 bits.
    Hash(Vec<Expr>),
}

/// A property of a packet that is not a stored field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meta {
    /// Frame length in bytes; 32 bits.
    Len,
    /// Payload length in bytes up to the end of the datagram; 32 bits.
    PayloadLen,
    /// Offset of a header in the frame; 32 bits, 0 if absent.
    Offset(HeaderId),
    /// Upper-layer protocol number (behind IPv6 extension headers); 8 bits.
    Proto,
    /// The mark that elements pass along with a packet; 32 bits, initially 0.
    Mark,
    /// 1 if the TCP header has the option; needs TCP.
    HasTcpOption(TcpOption),
    /// Value of the TCP option, 0 if it is absent; 32 bits.
    TcpOption(TcpOption),
    /// 1 if the IPv4 header has an option of this type (RFC 791 option-type octet).
    HasIpOption(u8),
    /// 1 if the checksum of this header (IP, TCP, UDP, ICMP, ICMP6) is right (or absent where
    /// that is allowed). False for a header that is absent or not whole in the capture.
    ChecksumOk(HeaderId),
}

/// Operators over two scalars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOp {
    /// Wrapping sum.
    Add,
    /// Wrapping difference.
    Sub,
    /// Wrapping product. Not defined for 128 bits (lowering refuses it).
    Mul,
    /// Unsigned quotient, 0 for a zero divisor. Not for 128 bits.
    DivU,
    /// Unsigned remainder, the dividend for a zero divisor. Not for 128 bits.
    RemU,
    /// Signed quotient (wrapping), 0 for a zero divisor. Not for 128 bits.
    DivS,
    /// Signed remainder (wrapping), the dividend for a zero divisor. Not for 128 bits.
    RemS,
    /// Bitwise and.
    And,
    /// Bitwise or.
    Or,
    /// Bitwise exclusive or.
    Xor,
    /// Left shift.
    Shl,
    /// Logical right shift.
    ShrU,
    /// Arithmetic right shift.
    ShrS,
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Unsigned less.
    LtU,
    /// Unsigned less or equal.
    LeU,
    /// Signed less.
    LtS,
    /// Signed less or equal.
    LeS,
}

/// A statement with its place in the source.
#[derive(Clone, Debug)]
pub struct Stmt {
    /// What it does.
    pub kind: StmtKind,
    /// Where it came from.
    pub span: Span,
}

/// What a statement does.
#[derive(Clone, Debug)]
pub enum StmtKind {
    /// Stores a value (of the local's width).
    Assign(LocalId, Expr),
    /// Runs one of two bodies; the condition has 1 bit.
    If(Expr, Vec<Stmt>, Vec<Stmt>),
    /// Runs the body for `var` = `from`, `from + 1`, … while `var < to`, at most `bound` times.
    /// `Break` with `label` ends it; `Break` with `continue_label` ends the round. Afterwards `var`
    /// holds the value at which the loop ended: that of the round that broke out of it, else the
    /// first one that was not run.
    Loop {
        /// Target of `Break`.
        label: Label,
        /// Ends the current round only.
        continue_label: Label,
        /// Loop variable, 64 bits, not assigned in the body; it wraps around like any number.
        var: LocalId,
        /// First value, 64 bits.
        from: Expr,
        /// First value beyond, 64 bits; evaluated once.
        to: Expr,
        /// Most rounds.
        bound: u32,
        /// Body.
        body: Vec<Stmt>,
    },
    /// Runs the body for entries of a map: all of them in the order of their packed keys, or the
    /// best. Each round begins by storing the entry in the locals, which then keep what the last
    /// round left in them. An entry that an earlier round changed cannot come again. `Break` as for
    /// `Loop`.
    ForEach {
        /// Target of `Break`.
        label: Label,
        /// Ends the current round only.
        continue_label: Label,
        /// The map.
        state: StateId,
        /// One for each leaf of the key, not assigned in the body.
        key: Vec<LocalId>,
        /// One for each leaf of the value.
        value: Vec<LocalId>,
        /// Which entries, if not all.
        top: Option<Top>,
        /// Body.
        body: Vec<Stmt>,
    },
    /// Runs the body; `Break` with the label leaves it.
    Block(Label, Vec<Stmt>),
    /// Leaves the block or loop with that label. What follows in the same list is unreachable.
    Break(Label),
    /// Ends the handler.
    Return,

    /// Writes a header field of a packet that has the header. If the field is covered by an IPv4
    /// header, TCP, UDP, ICMP or ICMPv6 checksum (pseudo-headers and quoted packets included),
    /// those are updated incrementally (RFC 1624): what was right stays right, what was wrong
    /// stays wrong. Writing a checksum field itself just writes it.
    SetField(PacketId, FieldRef, Expr),
    /// Writes the packet's mark, 32 bits.
    SetMark(PacketId, Expr),
    /// Writes payload bytes at an offset, big endian, width 8, 16, 32 or 64; checksums follow as
    /// for fields. No effect if any byte lies beyond the datagram.
    SetPayload(PacketId, Expr, Expr),
    /// Writes the value of a TCP option that is present (checksum follows); else no effect.
    SetTcpOption(PacketId, TcpOption, Expr),
    /// Puts a stack of headers into the packet: in front of the frame if the first is `eth`,
    /// behind the MAC addresses if it is `vlan`, else behind the link headers. Fields not given are
    /// filled: versions, lengths, protocol numbers, EtherTypes, checksums, `ttl` 64; others 0.
    /// Ethernet padding is cut off first when a network header is inserted. Afterwards the packet
    /// is parsed anew. The local (1 bit) tells if it was possible; if not, nothing changed.
    Insert(PacketId, Vec<(HeaderId, Vec<(FieldRef, Expr)>)>, LocalId),
    /// Takes a stack of headers out: what `Insert` of the same stack put in. EtherType or protocol
    /// of what remains is kept right. The local (1 bit) tells if it was possible.
    Remove(PacketId, Vec<HeaderId>, LocalId),
    /// Puts a stack in the place of a network header, the packet's own or the one that an ICMP
    /// error quotes, as [`trama_wire::Packet::replace`] says; fields as for `Insert`. The local
    /// (1 bit) tells if it was possible; if not, nothing changed.
    Replace(PacketId, HeaderId, Vec<(HeaderId, Vec<(FieldRef, Expr)>)>, LocalId),
    /// Gives the TCP header exactly these options, as [`trama_wire::Packet::set_tcp_options`] says:
    /// for each of [`TcpOption::ALL`] whether it is there (1 bit) and its value (32 bits).
    SetTcpOptions(PacketId, Box<[(Expr, Expr); TcpOption::ALL.len()]>),
    /// Adds a number (32 bits) to the edges of all blocks of the SACK option, if there is one.
    ShiftSack(PacketId, Expr),
    /// Cuts the frame to at most so many bytes (32 bits), not below 14, and parses it anew. Lengths
    /// and checksums in the headers stay as they are.
    Truncate(PacketId, Expr),
    /// Copies the second packet into the first register.
    Copy(PacketId, PacketId),
    /// Hands a packet to a port (plus an index below `count`, for port arrays: one that is not
    /// drops it with [`reason::NO_PORT`]); the register is empty afterwards.
    Send {
        /// What.
        packet: PacketId,
        /// Index into [`Node::ports`].
        first_port: u32,
        /// Index within a port array, 64 bits.
        index: Option<Expr>,
        /// 1, or the length of the array.
        count: u32,
    },
    /// Drops a packet; the reason is an index into [`Node::reasons`].
    Drop(PacketId, u32),
    /// Emits a log line with these arguments.
    Log(u32, Vec<Expr>),
    /// Generates an event of the node; `ok` is 0 if it was refused.
    Generate {
        /// Which.
        event: EventId,
        /// Leaves of its arguments.
        args: Vec<Expr>,
        /// 64 bits of nanoseconds.
        delay: Expr,
        /// 1 bit.
        ok: LocalId,
    },
    /// Emits a record with these leaves.
    Emit(StreamId, Vec<Expr>),
    /// Computes something of bytes: of a packet's, if the extractor reads one, and of scalars.
    /// Arguments and results have the widths that the extractor says.
    Extract {
        /// The packet, if the extractor reads one.
        packet: Option<PacketId>,
        /// Which extractor.
        extract: Extract,
        /// Leaves of the arguments.
        args: Vec<Expr>,
        /// One for each leaf of the results.
        results: Vec<LocalId>,
    },
    /// An operation on a state object.
    State(StateId, StateOp),
}

/// The choice of the entries for which `by`, which may name the locals of key and value, is
/// greatest as an unsigned number: at most `count` of them, greatest first, equals in the order of
/// their packed keys. `by` is evaluated with the locals of each entry before the first round.
#[derive(Clone, Debug)]
pub struct Top {
    /// Most entries; at least 1.
    pub count: u32,
    /// What is compared.
    pub by: Expr,
}

/// An operation on a state object. Key expressions are the leaves of the key, in order; result
/// locals have the leaves' widths.
#[derive(Clone, Debug)]
pub enum StateOp {
    /// Reads an entry. Without one `found` is 0 and the value locals are 0.
    MapGet {
        /// Leaves of the key.
        key: Vec<Expr>,
        /// 1 bit.
        found: LocalId,
        /// One for each value leaf.
        value: Vec<LocalId>,
    },
    /// Writes an entry, new or not; its time of writing becomes now. `ok` is 0 if there was no
    /// room.
    MapPut {
        /// Leaves of the key.
        key: Vec<Expr>,
        /// Leaves of the value.
        value: Vec<Expr>,
        /// 1 bit.
        ok: LocalId,
    },
    /// Changes leaves of an entry in place, after making a zero entry if there was none; its time
    /// of writing becomes now. `ok` is 0 if there was no room.
    MapUpdate {
        /// Leaves of the key.
        key: Vec<Expr>,
        /// What happens to which value leaf.
        updates: Vec<Update>,
        /// 1 bit.
        ok: LocalId,
    },
    /// Sets the time of writing of an entry to now, if there is one.
    MapTouch {
        /// Leaves of the key.
        key: Vec<Expr>,
        /// 1 bit.
        found: LocalId,
    },
    /// Removes an entry.
    MapRemove {
        /// Leaves of the key.
        key: Vec<Expr>,
        /// 1 bit: there was one.
        found: LocalId,
    },
    /// Removes all entries of a map.
    MapClear,
    /// Number of entries of a map, tracked keys of a bucket, used indices of a pool, prefixes of
    /// an LPM table, members of a Maglev table, keys of a Bloom filter, a stream buffer or a
    /// histogram, values of a ring; 64 bits.
    Len(LocalId),

    /// Reads a value; zero if the index (64 bits) is out of range.
    ArrayGet {
        /// Index.
        index: Expr,
        /// One for each value leaf.
        value: Vec<LocalId>,
    },
    /// Changes leaves of a value; refused and counted if the index is out of range.
    ArrayUpdate {
        /// Index.
        index: Expr,
        /// What happens to which value leaf.
        updates: Vec<Update>,
    },

    /// Adds one packet and so many bytes (64 bits) to a pair; refused if out of range.
    Count {
        /// Index, 64 bits.
        index: Expr,
        /// Bytes.
        bytes: Expr,
    },
    /// Reads a pair; zeros if out of range.
    CounterGet {
        /// Index, 64 bits.
        index: Expr,
        /// 64 bits.
        packets: LocalId,
        /// 64 bits.
        bytes: LocalId,
    },

    /// Takes the free index that has been free longest (initially 0, 1, 2, …).
    PoolAlloc {
        /// 1 bit: there was one.
        found: LocalId,
        /// 32 bits.
        index: LocalId,
    },
    /// Takes a given index (64 bits) if it is free.
    PoolTake {
        /// Which.
        index: Expr,
        /// 1 bit: it was free.
        ok: LocalId,
    },
    /// Restarts the time to live of an index in use.
    PoolTouch {
        /// Which, 64 bits.
        index: Expr,
        /// 1 bit: it is in use.
        ok: LocalId,
    },
    /// Gives an index back.
    PoolFree {
        /// Which, 64 bits.
        index: Expr,
        /// 1 bit: it was in use.
        ok: LocalId,
    },
    /// Asks if an index is in use, changing nothing.
    PoolUsed {
        /// Which, 64 bits.
        index: Expr,
        /// 1 bit.
        used: LocalId,
    },

    /// Inserts or replaces a prefix; bits of the address beyond the length are ignored. `ok` is 0
    /// if there was no room or the length is too great.
    LpmPut {
        /// 32 or 128 bits.
        address: Expr,
        /// 8 bits.
        prefix_len: Expr,
        /// Leaves of the value.
        value: Vec<Expr>,
        /// 1 bit.
        ok: LocalId,
    },
    /// Value of the longest prefix that contains the address.
    LpmGet {
        /// 32 or 128 bits.
        address: Expr,
        /// 1 bit.
        found: LocalId,
        /// One for each value leaf.
        value: Vec<LocalId>,
    },
    /// Removes exactly this prefix.
    LpmRemove {
        /// 32 or 128 bits.
        address: Expr,
        /// 8 bits.
        prefix_len: Expr,
        /// 1 bit: it was there.
        found: LocalId,
    },

    /// Takes tokens from the bucket of a key if it holds as many. A key without room to be tracked
    /// is refused: `ok` is 0.
    BucketTake {
        /// Leaves of the key; empty for a single bucket.
        key: Vec<Expr>,
        /// Tokens, 64 bits.
        amount: Expr,
        /// 1 bit.
        ok: LocalId,
    },

    /// Adds a member, or sets its weight; weight 0 removes it. `ok` is 0 if there was no room.
    MaglevSet {
        /// Leaves of the member.
        member: Vec<Expr>,
        /// 32 bits.
        weight: Expr,
        /// 1 bit.
        ok: LocalId,
    },
    /// The member that a hash (64 bits) falls to.
    MaglevPick {
        /// Hash.
        hash: Expr,
        /// 1 bit: there is any member.
        found: LocalId,
        /// One for each leaf of the member.
        member: Vec<LocalId>,
    },

    /// An operation of a sketch, Bloom filter, ring, stream buffer, histogram or pattern set.
    /// [`Method::signature`] says which parts there are and how wide they are.
    Call {
        /// Which.
        method: Method,
        /// The packet whose payload goes in; an empty register has none.
        packet: Option<PacketId>,
        /// Leaves of the key.
        key: Vec<Expr>,
        /// The other operands.
        operands: Vec<Expr>,
        /// What is found: zeros after a no.
        results: Vec<LocalId>,
        /// 1 bit: yes or no.
        answer: Option<LocalId>,
    },
}

/// An in-place change of one value leaf.
#[derive(Clone, Debug)]
pub struct Update {
    /// Index of the leaf.
    pub leaf: u32,
    /// How the old value and the operand combine.
    pub op: UpdateOp,
    /// The operand, of the leaf's width.
    pub operand: Expr,
}

/// How an update combines old value and operand. All but `Set` commute with themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateOp {
    /// The operand.
    Set,
    /// Wrapping sum.
    Add,
    /// Unsigned maximum.
    Max,
    /// Unsigned minimum.
    Min,
    /// Bitwise or.
    Or,
    /// Bitwise and.
    And,
    /// Bitwise exclusive or.
    Xor,
}
