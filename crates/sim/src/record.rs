//! What a simulation records.

use crate::workload::Flow;
use trama_base::Picos;

/// What became of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowRecord {
    /// The flow.
    pub flow: Flow,
    /// When it was submitted: its own time, or that after what it waits for.
    pub submitted: Option<Picos>,
    /// When all of it had arrived.
    pub received: Option<Picos>,
    /// When its sender knew.
    pub acknowledged: Option<Picos>,
}

impl FlowRecord {
    /// Whether it has a deadline and did not arrive by then.
    pub fn is_late(&self) -> bool {
        let in_time = self.completion().is_some_and(|time| time <= self.flow.deadline);
        self.flow.deadline != Picos::MAX && !in_time
    }

    /// From its submission until all of it had arrived.
    pub fn completion(&self) -> Option<Picos> {
        Some(self.received? - self.submitted?)
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
    /// Packets lost on links.
    pub lost: u64,
    /// Packets dropped at full queues.
    pub dropped: u64,
    /// Packets that endpoints have sent.
    pub sent: u64,
}
