//! Events: packets in flight between handlers, timers, and where packets end.

use super::expr::eval_on_packet;
use super::observe::{Cause, Observer, PacketNo, Seen};
use super::stmt::Run;
use crate::agenda::{Agenda, Firing};
use crate::engine::Report;
use crate::ir::{Dest, HOPS_MAX, Handler, Node, Program, Trigger, reason};
use crate::logs::LogBook;
use crate::records::RecordBook;
use crate::source::Span;
use std::collections::VecDeque;
use trama_base::Nanos;
use trama_state::model::Object;
use trama_wire::packet::Packet;

/// All that changes while a program runs.
#[derive(Debug)]
pub(super) struct World<O> {
    /// Time of the latest event.
    pub(super) now: Nanos,
    /// State objects by node.
    pub(super) states: Vec<Vec<Object>>,
    /// Timers in the order of nodes, then of handlers.
    pub(super) timers: Vec<Timer>,
    pub(super) logs: LogBook,
    pub(super) records: RecordBook,
    pub(super) agenda: Agenda,
    /// The run has been ended.
    pub(super) closed: bool,
    /// Counters; those of state objects and logs are filled in on demand.
    pub(super) report: Report,
    pub(super) event: InFlight,
    /// Packets that left and wait for the host.
    pub(super) output: Vec<Box<Packet>>,
    /// Packets that went nowhere; their buffers go back to the host's pool.
    pub(super) ended: Vec<Box<Packet>>,
    pub(super) observer: O,
}

/// What belongs to the current event alone.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    /// Packets to deliver, first in first out.
    queue: VecDeque<Arrival>,
    /// Copies made, those beyond the limit included.
    pub(super) copies: u32,
}

/// A packet on its way through the program.
#[derive(Debug)]
pub(super) struct Flying {
    pub(super) no: PacketNo,
    /// Handlers it has passed in this event.
    pub(super) hops: u32,
    pub(super) frame: Box<Packet>,
}

#[derive(Debug)]
struct Arrival {
    packet: Flying,
    node: u32,
    port: u32,
}

/// A timer handler and when it is due next; never again if that is beyond the end of time.
#[derive(Debug)]
pub(super) struct Timer {
    node: u32,
    handler: u32,
    start: Nanos,
    period: Nanos,
    due: Option<Nanos>,
}

impl Timer {
    /// The timers of a program that starts at `start`.
    pub(super) fn all(program: &Program, start: Nanos) -> Vec<Self> {
        let mut timers = Vec::new();
        for (node, handler, h) in handlers(program) {
            if let Trigger::Timer { period } = h.trigger {
                let due = start.0.checked_add(period.0).map(Nanos);
                timers.push(Self { node, handler, start, period, due });
            }
        }
        timers
    }

    /// The first multiple of the period after `start` that is later than `now`.
    fn due_after(&self, now: Nanos) -> Option<Nanos> {
        let periods = now.since(self.start).0 / self.period.0 + 1;
        periods.checked_mul(self.period.0)?.checked_add(self.start.0).map(Nanos)
    }
}

impl<O: Observer> World<O> {
    /// Runs the `init` handlers.
    pub(super) fn run_init(&mut self, program: &Program) {
        for (node, handler, h) in handlers(program) {
            if h.trigger == Trigger::Init {
                self.handler_event(program, Cause::Init { node, handler }, &[]);
            }
        }
    }

    /// Moves the time to `now`, unless that is in the past, and fires the timers and events that
    /// are due.
    pub(super) fn pass_time(&mut self, program: &Program, now: Nanos) {
        self.now = self.now.max(now);
        loop {
            let timers = self.timers.iter().enumerate();
            let timer = timers.filter_map(|(i, timer)| Some((timer.due?, i))).min();
            let timer = timer.filter(|(due, _)| *due <= self.now);
            let event = self.agenda.next_due().filter(|due| *due <= self.now);
            match (timer, event) {
                (Some((due, i)), event) if event.is_none_or(|event| due <= event) => {
                    let timer = &mut self.timers[i];
                    timer.due = timer.due_after(self.now);
                    let (node, handler) = (timer.node, timer.handler);
                    self.handler_event(program, Cause::Timer { node, handler }, &[]);
                }
                (_, Some(_)) => {
                    let mut args = Vec::new();
                    let firing = self.agenda.take_later(&mut args);
                    firing.iter().for_each(|firing| self.generated_event(program, *firing, &args));
                }
                (_, None) => return,
            }
        }
    }

    /// Ends the run, unless it has ended.
    pub(super) fn close(&mut self, program: &Program) {
        if std::mem::replace(&mut self.closed, true) {
            return;
        }
        for (node, handler, h) in handlers(program) {
            if h.trigger == Trigger::Close {
                self.handler_event(program, Cause::Close { node, handler }, &[]);
            }
        }
    }

    /// When something is due next.
    pub(super) fn next_timeout(&self) -> Option<Nanos> {
        self.timers.iter().filter_map(|timer| timer.due).chain(self.agenda.next_due()).min()
    }

    /// A packet enters at its external port.
    pub(super) fn packet_event(&mut self, program: &Program, frame: Box<Packet>) {
        let port = frame.port;
        self.begin(Cause::Packet { port }, Some(&*frame));
        if let Some(received) = self.report.received.get_mut(port as usize) {
            received.add(frame.len());
        }
        let packet = Flying { no: PacketNo(0), hops: 0, frame };
        match program.ingress.get(port as usize) {
            Some(&Dest::Node(node, port)) => self.enqueue(packet, node, port),
            Some(&Dest::Out(port)) => self.leave(packet, port),
            Some(Dest::Discard) => {
                self.report.discarded += 1;
                self.discard(packet);
            }
            Some(Dest::Unconnected) | None => {
                self.report.unconnected += 1;
                self.see(|| Seen::Lost { packet: PacketNo(0) });
                self.ended.push(packet.frame);
            }
        }
        self.deliver_all(program);
        self.run_soon(program);
    }

    /// A handler runs without a packet, with these arguments if it was generated; then what it
    /// generated without a delay.
    fn handler_event(&mut self, program: &Program, cause: Cause, args: &[u8]) {
        self.lone_event(program, cause, args);
        self.run_soon(program);
    }

    fn lone_event(&mut self, program: &Program, cause: Cause, args: &[u8]) {
        let Some((node, handler)) = cause.handler() else { return };
        self.begin(cause, None);
        Run::new(program, self, node, handler, None, 0).with_arguments(args).run();
        self.deliver_all(program);
    }

    /// An event fires that the program generated with a delay.
    fn generated_event(&mut self, program: &Program, firing: Firing, args: &[u8]) {
        if let Some(cause) = cause_of(program, firing) {
            self.handler_event(program, cause, args);
        }
    }

    /// Runs what was generated without a delay.
    fn run_soon(&mut self, program: &Program) {
        let mut args = Vec::new();
        while let Some(firing) = self.agenda.take_soon(&mut args) {
            if let Some(cause) = cause_of(program, firing) {
                self.lone_event(program, cause, &args);
            }
        }
    }

    fn begin(&mut self, cause: Cause, packet: Option<&Packet>) {
        self.event.copies = 0;
        let now = self.now;
        self.see(|| Seen::Event { now, cause, packet });
    }

    fn deliver_all(&mut self, program: &Program) {
        while let Some(arrival) = self.event.queue.pop_front() {
            self.deliver(program, arrival);
        }
    }

    /// Gives a packet to the first handler that takes it.
    fn deliver(&mut self, program: &Program, arrival: Arrival) {
        let Arrival { packet, node, port } = arrival;
        let frame = &*packet.frame;
        self.report.nodes[node as usize].received[port as usize].add(frame.len());
        self.see(|| Seen::Arrives { packet: packet.no, node, port, frame });
        if packet.hops >= HOPS_MAX {
            return self.drop_packet(packet, node, reason::HOPS, None);
        }
        match takes(&program.nodes[node as usize], port, frame) {
            None => self.drop_packet(packet, node, reason::NO_HANDLER, None),
            Some((handler, index)) => {
                Run::new(program, self, node, handler, Some(packet), index).run();
            }
        }
    }

    pub(super) fn enqueue(&mut self, packet: Flying, node: u32, port: u32) {
        self.event.queue.push_back(Arrival { packet, node, port });
    }

    /// A packet leaves the program at an external port.
    pub(super) fn leave(&mut self, packet: Flying, port: u32) {
        let Flying { no, mut frame, .. } = packet;
        self.report.sent[port as usize].add(frame.len());
        self.see(|| Seen::Leaves { packet: no, port, frame: &frame });
        frame.port = port;
        frame.time = self.now;
        self.output.push(frame);
    }

    /// A packet ends at `discard`; the caller counts it where it was given up.
    pub(super) fn discard(&mut self, packet: Flying) {
        self.see(|| Seen::Discarded { packet: packet.no });
        self.ended.push(packet.frame);
    }

    pub(super) fn drop_packet(
        &mut self,
        packet: Flying,
        node: u32,
        reason: u32,
        span: Option<Span>,
    ) {
        self.report.nodes[node as usize].drops[reason as usize] += 1;
        self.see(|| Seen::Dropped { span, packet: packet.no, node, reason });
        self.ended.push(packet.frame);
    }

    /// A handler forgot a packet.
    pub(super) fn consume(&mut self, packet: Flying, node: u32) {
        self.report.nodes[node as usize].consumed += 1;
        self.see(|| Seen::Consumed { packet: packet.no, node });
        self.ended.push(packet.frame);
    }

    /// Tells the observer, if it listens.
    pub(super) fn see<'a>(&mut self, seen: impl FnOnce() -> Seen<'a>) {
        if self.observer.listens() {
            self.observer.observe(seen());
        }
    }
}

/// The first handler of `node` that takes a packet at `port`, and the index within its port array.
fn takes(node: &Node, port: u32, packet: &Packet) -> Option<(u32, u32)> {
    let present = packet.layout().present;
    (0..).zip(&node.handlers).find_map(|(i, handler)| match &handler.trigger {
        Trigger::Packet { first_port, port_count, patterns, guard, .. } => {
            let index = port.checked_sub(*first_port).filter(|index| index < port_count)?;
            let matches = patterns.iter().any(|pattern| present.contains(*pattern));
            let permits = |guard| eval_on_packet(guard, packet, Nanos::ZERO) == 1;
            (matches && guard.as_ref().is_none_or(permits)).then_some((i, index))
        }
        _ => None,
    })
}

/// What a firing of an event is the cause of: its handler, if it has one.
fn cause_of(program: &Program, Firing { node, event }: Firing) -> Option<Cause> {
    let handlers = &program.nodes[node as usize].handlers;
    let is_own = |h: &Handler| matches!(h.trigger, Trigger::Event { event: e, .. } if e == event);
    let handler = handlers.iter().position(is_own)? as u32;
    Some(Cause::Event { node, handler })
}

/// Every handler with the indices of its node and its own.
fn handlers(program: &Program) -> impl Iterator<Item = (u32, u32, &Handler)> {
    (0..)
        .zip(&program.nodes)
        .flat_map(|(n, node)| (0..).zip(&node.handlers).map(move |(h, handler)| (n, h, handler)))
}
