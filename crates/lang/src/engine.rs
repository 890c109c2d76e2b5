//! What runs a program: the seam between a program and its host.
//!
//! The reference interpreter and the code generators implement [`Engine`]; hosts (capture replay,
//! live interfaces, tests, the simulator) drive it. A host gives packets with their arrival time
//! and external port, and takes packets with the external port on which they leave.

use crate::records::{Record, RecordSink, RecordStats};
use trama_base::Nanos;
use trama_state::StateStats;
use trama_wire::packet::Packet;
use trama_wire::pool::Pool;

/// A running program.
///
/// Inputs: [`process`](Self::process), [`advance`](Self::advance) and [`finish`](Self::finish),
/// with times that do not go back (an engine clamps). Getters: [`report`](Self::report),
/// [`state`](Self::state), [`next_timeout`](Self::next_timeout). Outputs: what the inputs append to
/// `output`, [`take_logs`](Self::take_logs), and records.
pub trait Engine: Send {
    /// Takes the packets of `input` in order: each is an event at time [`Packet::time`] that enters
    /// at external port [`Packet::port`]. Appends what leaves to `output`, in the order in which it
    /// was sent, with `port` set to the external port and `time` to the event's. `input` is empty
    /// afterwards; buffers of dropped packets go to `pool`.
    fn process(
        &mut self,
        input: &mut Vec<Box<Packet>>,
        output: &mut Vec<Box<Packet>>,
        pool: &mut Pool,
    );

    /// Lets time pass without a packet: fires due timers and events.
    fn advance(&mut self, now: Nanos, output: &mut Vec<Box<Packet>>, pool: &mut Pool);

    /// Ends the run: as [`advance`](Self::advance), then runs what is to run on closing. A second
    /// call does no more than `advance`.
    fn finish(&mut self, now: Nanos, output: &mut Vec<Box<Packet>>, pool: &mut Pool);

    /// When a timer or event is due next: a host that calls [`advance`](Self::advance) then misses
    /// nothing.
    fn next_timeout(&self) -> Option<Nanos>;

    /// Installs what takes the records that the program emits, from those that are kept on. Until
    /// then at most [`KEPT_MAX`](crate::records::KEPT_MAX) are kept.
    fn set_records(&mut self, sink: Box<dyn RecordSink>);

    /// Takes the records that were kept for lack of a sink.
    fn take_records(&mut self) -> Vec<Record>;

    /// Hands over packets that are still on their way, in engines that work on other threads; with
    /// `wait`, all of them. True if there may be more. Others have none.
    fn drain(&mut self, _wait: bool, _output: &mut Vec<Box<Packet>>, _pool: &mut Pool) -> bool {
        false
    }

    /// Counters since the start.
    fn report(&mut self) -> Report;

    /// The entries of a state object, packed, sorted by key: `node` and `state` index the program.
    fn state(&mut self, node: usize, state: usize) -> Vec<Entry>;

    /// Puts these entries in the place of all that a state object holds, as
    /// [`trama_state::ops::ObjectOps::refill`] says. False if that cannot be done with it.
    fn set_state(&mut self, _node: usize, _state: usize, _entries: &[Entry]) -> bool {
        false
    }

    /// Log and alert lines since the last call; at most [`LOG_LINES_MAX`] are kept, more count as
    /// suppressed.
    fn take_logs(&mut self) -> Vec<LogLine>;
}

/// Most log lines an engine keeps between two calls of [`Engine::take_logs`].
pub const LOG_LINES_MAX: usize = 4096;

/// An entry of a state object. Arrays and counters have an entry for each index that is not zero;
/// pools for each index in use; buckets for each tracked key; keys are then the index or key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Packed key; for indices 8 bytes, little endian; for LPM the address followed by the length.
    pub key: Vec<u8>,
    /// Packed value; for counters packets and bytes; for buckets the tokens left.
    pub value: Vec<u8>,
}

/// A rendered log or alert line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Time of the event.
    pub time: Nanos,
    /// Index of the node.
    pub node: u32,
    /// True for `alert`.
    pub alert: bool,
    /// The text with its arguments filled in.
    pub text: String,
}

/// A number of packets and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Packets.
    pub packets: u64,
    /// Bytes of their frames.
    pub bytes: u64,
}

impl Traffic {
    /// Adds a packet.
    pub fn add(&mut self, bytes: usize) {
        self.packets += 1;
        self.bytes += bytes as u64;
    }
}

/// Counters of a run, by external port and by node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What came in at each external port.
    pub received: Vec<Traffic>,
    /// What left at each external port.
    pub sent: Vec<Traffic>,
    /// One for each node of the program.
    pub nodes: Vec<NodeReport>,
    /// Packets that entered at an external port wired to nothing, or at one that does not exist
    /// (those are in no `received`).
    pub unconnected: u64,
    /// Packets that an external port gave to `discard`.
    pub discarded: u64,
}

/// Counters of an element instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeReport {
    /// What came in at each port.
    pub received: Vec<Traffic>,
    /// What it sent on each port, to `discard` too (drops of unconnected outputs excluded).
    pub sent: Vec<Traffic>,
    /// Packets dropped for each reason in [`Node::reasons`](crate::ir::Node::reasons).
    pub drops: Vec<u64>,
    /// Those of the packets sent that ended at `discard`.
    pub discarded: u64,
    /// Packets that were neither sent nor dropped when their handler ended. The checker excludes
    /// this; it is counted all the same, so that received = sent + drops + consumed - copies holds.
    pub consumed: u64,
    /// One for each state object.
    pub states: Vec<StateStats>,
    /// Log lines written and suppressed, for each site.
    pub logs: Vec<(u64, u64)>,
    /// One for each event.
    pub events: Vec<EventStats>,
    /// One for each stream of records.
    pub streams: Vec<RecordStats>,
}

/// Counters of an event of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventStats {
    /// Times it was generated.
    pub generated: u64,
    /// Times it fired.
    pub fired: u64,
    /// Times it could not be generated: too many pending, too long a chain, too far away.
    pub refused: u64,
    /// Pending now.
    pub pending: u64,
    /// Most that were ever pending at once.
    pub peak: u64,
}

/// Makes an engine that starts at the given time.
type Make = dyn Fn(Nanos) -> Result<Box<dyn Engine>, String> + Send;

/// An engine that starts at the time of its first event, for hosts that do not know it before.
pub struct Deferred {
    engine: Box<dyn Engine>,
    make: Option<Box<Make>>,
    /// Waits for the engine.
    sink: Option<Box<dyn RecordSink>>,
}

impl Deferred {
    /// Behaves like `first` until the first event, then like what `make` makes. `make` must succeed
    /// if it succeeded for `first`; if not, `first` goes on.
    pub fn new(
        first: Box<dyn Engine>,
        make: impl Fn(Nanos) -> Result<Box<dyn Engine>, String> + Send + 'static,
    ) -> Self {
        Self { engine: first, make: Some(Box::new(make)), sink: None }
    }

    fn start(&mut self, at: Nanos) {
        if let Some(Ok(engine)) = self.make.take().map(|make| make(at)) {
            self.engine = engine;
        }
        if let Some(sink) = self.sink.take() {
            self.engine.set_records(sink);
        }
    }
}

impl Engine for Deferred {
    fn process(
        &mut self,
        input: &mut Vec<Box<Packet>>,
        output: &mut Vec<Box<Packet>>,
        pool: &mut Pool,
    ) {
        if let Some(first) = input.first()
            && self.make.is_some()
        {
            self.start(first.time);
        }
        self.engine.process(input, output, pool);
    }

    fn advance(&mut self, now: Nanos, output: &mut Vec<Box<Packet>>, pool: &mut Pool) {
        self.start(now);
        self.engine.advance(now, output, pool);
    }

    fn finish(&mut self, now: Nanos, output: &mut Vec<Box<Packet>>, pool: &mut Pool) {
        self.start(now);
        self.engine.finish(now, output, pool);
    }

    fn next_timeout(&self) -> Option<Nanos> {
        self.engine.next_timeout().filter(|_| self.make.is_none())
    }

    fn set_records(&mut self, sink: Box<dyn RecordSink>) {
        match self.make {
            Some(_) => self.sink = Some(sink),
            None => self.engine.set_records(sink),
        }
    }

    fn take_records(&mut self) -> Vec<Record> {
        if self.make.is_some() { Vec::new() } else { self.engine.take_records() }
    }

    fn report(&mut self) -> Report {
        self.engine.report()
    }

    fn state(&mut self, node: usize, state: usize) -> Vec<Entry> {
        self.engine.state(node, state)
    }

    fn take_logs(&mut self) -> Vec<LogLine> {
        self.engine.take_logs()
    }
}
