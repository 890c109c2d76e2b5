//! The sources of a run: merged by recorded time, or polled one after the other.

use super::summary::{Failure, PortCounters};
use crate::io::{Received, Source, Timing};
use crate::poll::Waiter;
use std::collections::VecDeque;
use trama_base::Nanos;
use trama_wire::{Packet, Pool};

/// Packets on their way, and the buffers to reuse.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) packets: Vec<Box<Packet>>,
    pub(crate) output: Vec<Box<Packet>>,
    pub(crate) pool: Pool,
}

struct Input {
    port: u32,
    source: Box<dyn Source>,
    /// Packets read ahead, to be merged.
    ahead: VecDeque<Box<Packet>>,
    ended: bool,
    /// How often the source may still be rewound.
    rounds_left: u64,
}

/// All sources.
#[derive(Default)]
pub(crate) struct Inputs {
    inputs: Vec<Input>,
    failures: Vec<Failure>,
    scratch: Vec<Box<Packet>>,
    last: Nanos,
}

impl Inputs {
    pub(crate) fn add(&mut self, port: u32, source: Box<dyn Source>) {
        let ahead = VecDeque::new();
        self.inputs.push(Input { port, source, ahead, ended: false, rounds_left: 0 });
    }

    /// Reads each source `loops` times, or without limit for 0.
    pub(crate) fn set_loops(&mut self, loops: u64) {
        for input in &mut self.inputs {
            input.rounds_left = loops.checked_sub(1).unwrap_or(u64::MAX);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.inputs.len()
    }

    pub(crate) fn timings(&self) -> impl Iterator<Item = Timing> {
        self.inputs.iter().map(|input| input.source.timing())
    }

    pub(crate) fn all_ended(&self) -> bool {
        self.inputs.iter().all(|input| input.ended && input.ahead.is_empty())
    }

    /// Adds the descriptors to wait for; false if a source is always ready.
    pub(crate) fn waits_for(&self, waiter: &mut Waiter) -> bool {
        let mut open = self.inputs.iter().filter(|input| !input.ended);
        open.all(|input| {
            input.source.fds().iter().for_each(|fd| waiter.add(*fd));
            !input.source.fds().is_empty()
        })
    }

    pub(crate) fn counters(&mut self) -> Vec<PortCounters> {
        let of = |input: &mut Input| PortCounters {
            port: input.port,
            counters: input.source.counters(),
        };
        self.inputs.iter_mut().map(of).collect()
    }

    pub(crate) fn take_failures(&mut self) -> Vec<Failure> {
        std::mem::take(&mut self.failures)
    }

    /// Appends at most `max` packets of all sources in the order of their times; none at the end.
    pub(crate) fn merge(&mut self, max: usize, batch: &mut Batch) {
        if let [input] = self.inputs.as_mut_slice() {
            let before = batch.packets.len();
            input.read(max, &mut batch.packets, &mut batch.pool, &mut self.failures);
            for packet in &mut batch.packets[before..] {
                packet.port = input.port;
                self.last = self.last.max(packet.time);
                packet.time = self.last;
            }
            return;
        }
        for _ in 0..max {
            for input in &mut self.inputs {
                if input.ahead.is_empty() {
                    input.read(max, &mut self.scratch, &mut batch.pool, &mut self.failures);
                    input.ahead.extend(self.scratch.drain(..));
                }
            }
            let heads = self.inputs.iter().enumerate();
            let earliest =
                heads.filter_map(|(index, input)| Some((input.ahead.front()?.time, index))).min();
            let Some((time, index)) = earliest else { return };
            let input = &mut self.inputs[index];
            let mut packet = input.ahead.pop_front().expect("it was just looked at");
            self.last = self.last.max(time);
            packet.time = self.last;
            packet.port = input.port;
            batch.packets.push(packet);
        }
    }

    /// Appends what a source has now, stamped with the time of the event.
    pub(crate) fn poll(&mut self, index: usize, max: usize, event: Nanos, batch: &mut Batch) {
        let input = &mut self.inputs[index];
        input.read(max, &mut batch.packets, &mut batch.pool, &mut self.failures);
        for packet in &mut batch.packets {
            packet.port = input.port;
            packet.time = event;
        }
    }
}

impl Input {
    /// Reads once, beginning the next round of a looped source if one ended.
    fn read(
        &mut self,
        max: usize,
        out: &mut Vec<Box<Packet>>,
        pool: &mut Pool,
        failures: &mut Vec<Failure>,
    ) {
        while !self.ended {
            match self.source.receive(max, out, pool) {
                Ok(Received::End) if self.rounds_left > 0 && self.source.rewind() => {
                    self.rounds_left -= 1;
                }
                Ok(Received::End) => self.ended = true,
                Ok(Received::Some(_) | Received::Nothing) => return,
                Err(error) => {
                    self.ended = true;
                    failures.push(Failure { port: self.port, input: true, error });
                }
            }
        }
    }
}
