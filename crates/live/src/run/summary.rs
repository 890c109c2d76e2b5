//! What a run did, as data.

use crate::io::{Counters, IoError};
use trama_base::Nanos;

/// What happened since a run began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Wall time.
    pub elapsed: Nanos,
    /// Time inside the engine.
    pub busy: Nanos,
    /// Packets given to the engine.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Time of the first packet.
    pub first_event: Option<Nanos>,
    /// Time of the last packet.
    pub last_event: Option<Nanos>,
    /// Packets that left at a port without a sink.
    pub unrouted: u64,
    /// One for each source.
    pub inputs: Vec<PortCounters>,
    /// One for each sink.
    pub outputs: Vec<PortCounters>,
}

impl Progress {
    /// Mean time in the engine per packet, in nanoseconds; none before the first packet.
    pub fn ns_per_packet(&self) -> Option<f64> {
        (self.packets > 0).then(|| self.busy.0 as f64 / self.packets as f64)
    }
}

/// Counts of the source or sink at a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortCounters {
    /// The external port.
    pub port: u32,
    /// What went through and what was lost.
    pub counters: Counters,
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// All sources were read to the end.
    EndOfInput,
    /// The stop flag was raised.
    Asked,
    /// The duration had passed.
    Duration,
    /// Every source of a live run ended or failed.
    SourcesGone,
    /// A capture could not be written.
    OutputFailed,
}

/// A source or sink that failed.
#[derive(Debug)]
pub struct Failure {
    /// The external port.
    pub port: u32,
    /// Whether it was a source.
    pub input: bool,
    /// What happened.
    pub error: IoError,
}

/// The end of a run.
#[derive(Debug)]
pub struct RunSummary {
    /// What happened.
    pub progress: Progress,
    /// Why it ended.
    pub stop: StopReason,
    /// What failed on the way.
    pub failures: Vec<Failure>,
}
