//! Packets between handlers: ports, wires, the queue of an event, and where packets end.
//!
//! The order is that of the reference interpreter: what handlers send is delivered first in, first
//! out. A handler that sends one packet while nothing waits, which is the rule, hands it to the
//! next one without the queue.

use crate::compile::Code;
use crate::frame::{Frame, Sent, Slot};
use crate::runtime::packet::take;
use std::collections::VecDeque;
use trama_base::Nanos;
use trama_lang::engine::{NodeReport, Traffic};
use trama_lang::interp::eval_on_packet;
use trama_lang::ir::{Dest, Expr, FANOUT_MAX, HOPS_MAX, Handler, Node, Trigger, reason};
use trama_wire::header::HeaderSet;
use trama_wire::packet::Packet;
use trama_wire::pool::Pool;

/// The handlers of a program, wired up.
pub(crate) struct Network {
    pub(crate) frame: Box<Frame>,
    pub(crate) nodes: Vec<NodeRun>,
    /// What left at each external port.
    pub(crate) sent: Vec<Traffic>,
    queue: VecDeque<Arrival>,
}

/// A node's handlers and counters.
pub(crate) struct NodeRun {
    ports: Vec<PortRun>,
    drops: Box<[u64]>,
    discarded: u64,
    consumed: u64,
}

struct PortRun {
    received: Traffic,
    sent: Traffic,
    wire: Dest,
    /// Handlers that listen here, in source order.
    candidates: Vec<Candidate>,
}

struct Candidate {
    /// The first pattern, which is mostly the only one.
    pattern: HeaderSet,
    more_patterns: Vec<HeaderSet>,
    /// What else the packet must satisfy.
    guard: Option<Box<Expr>>,
    entry: Entry,
    /// Index of the port in the handler's array.
    index: u64,
}

/// A handler, ready to be called.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) code: Code,
    pub(crate) registers: u32,
}

/// A packet on its way to a port of a node.
pub(crate) struct Arrival {
    pub(crate) packet: Box<Packet>,
    pub(crate) node: u32,
    pub(crate) port: u32,
    /// Handlers it has passed in this event.
    pub(crate) hops: u32,
}

impl NodeRun {
    /// The node with the code of its handlers, in their order.
    pub(crate) fn new(node: &Node, code: &[Code]) -> Self {
        let port = |(port, &wire)| PortRun {
            received: Traffic::default(),
            sent: Traffic::default(),
            wire,
            candidates: candidates(port, &node.handlers, code),
        };
        Self {
            ports: (0..).zip(&node.wires).map(port).collect(),
            drops: vec![0; node.reasons.len()].into(),
            discarded: 0,
            consumed: 0,
        }
    }

    /// The node's counters, without those of state objects and logs.
    pub(crate) fn report(&self) -> NodeReport {
        NodeReport {
            received: self.ports.iter().map(|p| p.received).collect(),
            sent: self.ports.iter().map(|p| p.sent).collect(),
            drops: self.drops.to_vec(),
            discarded: self.discarded,
            consumed: self.consumed,
            ..NodeReport::default()
        }
    }
}

/// True if a guard lets a packet in. Guards are rare and short: they are interpreted.
#[cold]
fn permits(guard: &Expr, packet: &Packet) -> bool {
    eval_on_packet(guard, packet, Nanos::ZERO) == 1
}

/// The handlers that listen at a port.
fn candidates(port: u32, handlers: &[Handler], code: &[Code]) -> Vec<Candidate> {
    let candidate = |(handler, &code): (&Handler, &Code)| match &handler.trigger {
        Trigger::Packet { first_port, port_count, patterns, guard, .. } => {
            let index = port.checked_sub(*first_port).filter(|index| index < port_count)?;
            let entry = Entry { code, registers: handler.packets };
            let (&pattern, more) = patterns.split_first()?;
            let more_patterns = more.to_vec();
            let guard = guard.clone().map(Box::new);
            Some(Candidate { pattern, more_patterns, guard, entry, index: index.into() })
        }
        _ => None,
    };
    handlers.iter().zip(code).filter_map(candidate).collect()
}

impl Network {
    /// A network of nodes with so many external ports.
    pub(crate) fn new(frame: Box<Frame>, nodes: Vec<NodeRun>, ports: usize) -> Self {
        Self { frame, nodes, sent: vec![Traffic::default(); ports], queue: VecDeque::new() }
    }

    /// Begins an event.
    #[inline]
    pub(crate) fn begin(&mut self, now: Nanos, pool: &mut Pool) {
        self.frame.now = now.0;
        self.frame.pool = pool;
        self.frame.copies_left = FANOUT_MAX;
    }

    /// Brings a packet to a port of a node, and on until nothing of it is left in the network.
    pub(crate) fn enter(&mut self, arrival: Arrival, output: &mut Vec<Box<Packet>>) {
        let mut next = Some(arrival);
        while let Some(arrival) = next {
            next = self.deliver(arrival, output).or_else(|| self.queue.pop_front());
        }
    }

    /// Runs a handler that starts without a packet: having none, it sends none. `args` are the
    /// packed arguments of an event.
    pub(crate) fn run_alone(&mut self, node: u32, entry: Entry, args: &[u8]) {
        self.call(node, entry, args.as_ptr().expose_provenance() as u64, None);
    }

    /// Gives a packet to the first handler that takes it. What it sends is queued, but for a
    /// packet that would be the next out of the queue anyway: that one is returned.
    #[inline]
    fn deliver(&mut self, arrival: Arrival, output: &mut Vec<Box<Packet>>) -> Option<Arrival> {
        let Arrival { packet, node, port, hops } = arrival;
        let at = &mut self.nodes[node as usize].ports[port as usize];
        at.received.add(packet.len());
        let present = packet.layout().present;
        let takes = |c: &&Candidate| {
            let fits =
                present.contains(c.pattern) || c.more_patterns.iter().any(|p| present.contains(*p));
            fits && c.guard.as_ref().is_none_or(|guard| permits(guard, &packet))
        };
        let why = if hops >= HOPS_MAX {
            reason::HOPS
        } else if let Some(candidate) = at.candidates.iter().find(takes) {
            let (entry, index) = (candidate.entry, candidate.index);
            let sent = self.call(node, entry, index, Some(packet));
            return self.route(node, sent, hops + 1, output);
        } else {
            reason::NO_HANDLER
        };
        self.drop_packet(node, packet, why);
        None
    }

    /// Runs a handler; returns how many packets it sent.
    #[inline]
    fn call(&mut self, node: u32, entry: Entry, index: u64, input: Option<Box<Packet>>) -> usize {
        let run = &mut self.nodes[node as usize];
        let frame = &mut *self.frame;
        let start = frame.sent_start();
        frame.drops = run.drops.as_mut_ptr();
        frame.sent_end = start;
        frame.consumed = 0;
        // SAFETY: the frame is the one that the code was compiled for and has this many registers;
        // its other members were set by `begin` and above.
        unsafe {
            if let Some(packet) = input {
                *frame.slots = Slot::holding(packet);
            }
            (entry.code)(frame, index);
            for register in 0..entry.registers {
                if let Some(left) = take(frame, register.into()) {
                    frame.consumed += 1;
                    (*frame.pool).give(left);
                }
            }
            run.consumed += u64::from(frame.consumed);
            frame.sent_end.offset_from_unsigned(start)
        }
    }

    /// Takes what the last handler run sent to where it goes.
    #[inline]
    fn route(
        &mut self,
        node: u32,
        count: usize,
        hops: u32,
        output: &mut Vec<Box<Packet>>,
    ) -> Option<Arrival> {
        let only = count == 1 && self.queue.is_empty();
        for i in 0..count {
            // SAFETY: the handler wrote `count` entries, each of which owns its packet.
            let (packet, port) = unsafe {
                let Sent { packet, port } = *self.frame.sent_start().add(i);
                (Box::from_raw(packet), port as usize)
            };
            let run = &mut self.nodes[node as usize];
            let at = &mut run.ports[port];
            if at.wire == Dest::Unconnected {
                self.drop_packet(node, packet, reason::NOT_CONNECTED);
                continue;
            }
            at.sent.add(packet.len());
            match at.wire {
                Dest::Node(node, port) => {
                    let arrival = Arrival { packet, node, port, hops };
                    if only {
                        return Some(arrival);
                    }
                    self.queue.push_back(arrival);
                }
                Dest::Out(port) => self.leave(packet, port, output),
                Dest::Discard | Dest::Unconnected => {
                    run.discarded += 1;
                    self.give(packet);
                }
            }
        }
        None
    }

    /// A packet leaves the program.
    #[inline]
    pub(crate) fn leave(
        &mut self,
        mut packet: Box<Packet>,
        port: u32,
        output: &mut Vec<Box<Packet>>,
    ) {
        self.sent[port as usize].add(packet.len());
        packet.port = port;
        packet.time = Nanos(self.frame.now);
        output.push(packet);
    }

    fn drop_packet(&mut self, node: u32, packet: Box<Packet>, reason: u32) {
        self.nodes[node as usize].drops[reason as usize] += 1;
        self.give(packet);
    }

    fn give(&mut self, packet: Box<Packet>) {
        // SAFETY: `begin` set the pool, which the caller of this event holds.
        unsafe { (*self.frame.pool).give(packet) }
    }
}
