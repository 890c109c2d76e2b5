//! The sinks of a run, found by port.

use super::summary::{Failure, PortCounters};
use crate::io::{DropReason, IoError, Sink};
use trama_wire::{Packet, Pool};

struct Output {
    port: u32,
    sink: Box<dyn Sink>,
    pending: Vec<Box<Packet>>,
    failed: bool,
    /// Packets that came after it failed.
    lost: u64,
}

/// All sinks.
#[derive(Default)]
pub(super) struct Outputs {
    outputs: Vec<Output>,
    /// Index into `outputs` by port.
    by_port: Vec<Option<usize>>,
    unrouted: u64,
    failures: Vec<Failure>,
    incomplete: bool,
}

impl Outputs {
    pub(super) fn add(&mut self, port: u32, sink: Box<dyn Sink>) {
        let at = port as usize;
        if self.by_port.len() <= at {
            self.by_port.resize(at + 1, None);
        }
        assert!(self.by_port[at].is_none(), "port {port} has a sink already");
        self.by_port[at] = Some(self.outputs.len());
        let pending = Vec::new();
        self.outputs.push(Output { port, sink, pending, failed: false, lost: 0 });
    }

    /// Sends each packet to the sink of its port, in order.
    pub(super) fn route(&mut self, packets: &mut Vec<Box<Packet>>, pool: &mut Pool) {
        for packet in packets.drain(..) {
            let index = self.by_port.get(packet.port as usize).copied().flatten();
            match index {
                Some(index) if self.outputs[index].failed => {
                    self.outputs[index].lost += 1;
                    pool.give(packet);
                }
                Some(index) => self.outputs[index].pending.push(packet),
                None => {
                    self.unrouted += 1;
                    pool.give(packet);
                }
            }
        }
        for index in 0..self.outputs.len() {
            let output = &mut self.outputs[index];
            if !output.pending.is_empty() {
                let result = output.sink.send(&mut output.pending, pool);
                self.check(index, result);
            }
        }
    }

    /// Pushes out what the sinks have buffered.
    pub(super) fn flush(&mut self) {
        for index in 0..self.outputs.len() {
            if !self.outputs[index].failed {
                let result = self.outputs[index].sink.flush();
                self.check(index, result);
            }
        }
    }

    fn check(&mut self, index: usize, result: Result<(), IoError>) {
        if let Err(error) = result {
            let output = &mut self.outputs[index];
            output.failed = true;
            self.incomplete |= matches!(error, IoError::Write { .. });
            self.failures.push(Failure { port: output.port, input: false, error });
        }
    }

    /// Whether a capture lacks packets, so that going on would be of no use.
    pub(super) fn is_incomplete(&self) -> bool {
        self.incomplete
    }

    pub(super) fn unrouted(&self) -> u64 {
        self.unrouted
    }

    pub(super) fn counters(&mut self) -> Vec<PortCounters> {
        let of = |output: &mut Output| {
            let mut counters = output.sink.counters();
            counters.drop(DropReason::SinkFailed, output.lost);
            PortCounters { port: output.port, counters }
        };
        self.outputs.iter_mut().map(of).collect()
    }

    pub(super) fn take_failures(&mut self) -> Vec<Failure> {
        std::mem::take(&mut self.failures)
    }
}
