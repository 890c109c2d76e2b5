//! What a simulation records.

use crate::workload::Flow;
use trama_base::Picos;

/// What became of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowRecord {
    /// The flow.
    pub flow: Flow,
    /// When all of it had arrived.
    pub received: Option<Picos>,
    /// When its sender knew.
    pub acknowledged: Option<Picos>,
}

impl FlowRecord {
    /// From its submission until all of it had arrived.
    pub fn completion(&self) -> Option<Picos> {
        self.received.map(|at| at - self.flow.at)
    }
}

/// What a simulation has recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// By flow, in the order of submission.
    pub flows: Vec<FlowRecord>,
    /// Events taken.
    pub events: u64,
    /// Packets that crossed a link.
    pub links: u64,
    /// Packets dropped because no port leads to their destination.
    pub unroutable: u64,
    /// Packets that reached their destination.
    pub delivered: u64,
    /// Packets dropped at full queues.
    pub dropped: u64,
    /// Packets that endpoints have sent.
    pub sent: u64,
}
