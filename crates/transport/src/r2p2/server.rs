//! A server: requests that arrive, one after the other worked on, answered.

use crate::packet::{FlowId, HostId, Packet};
use crate::ranges::Ranges;
use std::collections::VecDeque;
use trama_base::Picos;

/// A request that is being received.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) client: HostId,
    pub(super) bytes: u64,
    received: Ranges,
    received_bytes: u64,
    /// Whether the router has sent it, and wants to know when it has ended.
    pub(super) is_routed: bool,
    /// Whether it waits for the worker, or is being worked on.
    pub(super) is_submitted: bool,
}

impl Request {
    pub(super) fn new(packet: &Packet) -> Self {
        Self {
            client: packet.source,
            bytes: packet.extent.max(1),
            received: Ranges::default(),
            received_bytes: 0,
            is_routed: false,
            is_submitted: false,
        }
    }

    /// Takes a packet; false if it brought nothing new.
    pub(super) fn take(&mut self, packet: &Packet) -> bool {
        let end = packet.sequence.saturating_add(u64::from(packet.payload_bytes)).min(self.bytes);
        let new = self.received.add(packet.sequence, end);
        self.received_bytes += new;
        self.is_routed |= super::is_routed(packet);
        new > 0
    }

    pub(super) fn is_complete(&self) -> bool {
        self.received_bytes == self.bytes
    }
}

/// Workers that take what waits in the order of its arrival.
#[derive(Debug, Default)]
pub(super) struct Workers {
    waiting: VecDeque<(FlowId, Picos)>,
    /// What is worked on, and when that ends.
    busy: Option<(FlowId, Picos)>,
}

impl Workers {
    /// Submits a request that takes so long.
    pub(super) fn submit(&mut self, now: Picos, flow: FlowId, takes: Picos) {
        self.waiting.push_back((flow, takes));
        self.begin(now);
    }

    fn begin(&mut self, now: Picos) {
        if self.busy.is_none()
            && let Some((flow, takes)) = self.waiting.pop_front()
        {
            self.busy = Some((flow, now + takes));
        }
    }

    /// When the work that is being done ends.
    pub(super) fn next_timeout(&self) -> Option<Picos> {
        self.busy.map(|(_, end)| end)
    }

    /// A request that has ended by now. The next one begins when it did.
    pub(super) fn ended(&mut self, now: Picos) -> Option<FlowId> {
        let (flow, end) = self.busy.filter(|&(_, end)| end <= now)?;
        self.busy = None;
        self.begin(end);
        Some(flow)
    }
}
