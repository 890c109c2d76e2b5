//! Hosts: messages to be sent, packets that arrive, the interface.

use super::event::{Event, Happening};
use super::{Observer, Seen, Simulation};
use crate::arena::Handle;
use std::collections::VecDeque;
use trama_base::Picos;
use trama_transport::{Arrival, Endpoint, Event as Told, FlowId, Message, Outlet};

/// How long hosts take for what arrives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostTimes {
    /// From the interface to the transport.
    pub delay: Picos,
    /// Work on each packet, one after the other.
    pub work: Picos,
}

/// A host with its transport.
pub(super) struct Host<E> {
    pub(super) endpoint: E,
    /// When it will be called; [`Picos::MAX`] if not.
    called_at: Picos,
    /// Packets that the endpoint has not seen yet, with the times of their arrival.
    arrived: VecDeque<(Handle, Picos)>,
    /// When all of them will have been worked on.
    busy_until: Picos,
    /// A packet that the interface has taken and may not send now.
    held: Option<Handle>,
}

impl<E> Host<E> {
    pub(super) fn new(endpoint: E) -> Self {
        Self {
            endpoint,
            called_at: Picos::MAX,
            arrived: VecDeque::new(),
            busy_until: Picos::ZERO,
            held: None,
        }
    }
}

impl<E: Endpoint, O: Observer> Simulation<E, O> {
    /// Submits the messages that are due.
    pub(super) fn submit(&mut self) {
        while let Some(flow) = self.traffic.flows.get(self.submitted as usize)
            && flow.at <= self.now
            && self.submitted < self.independent
        {
            self.submitted += 1;
            self.submit_one(self.submitted - 1);
        }
        if self.submitted < self.independent {
            let next = self.traffic.flows[self.submitted as usize].at;
            self.calendar.insert(next, Event::new(Happening::Submission));
        }
    }

    /// Submits a message.
    pub(super) fn submit_one(&mut self, index: u32) {
        let flow = self.traffic.flows[index as usize];
        let message = Message {
            flow: FlowId(index),
            destination: flow.destination,
            bytes: flow.bytes,
            tag: flow.tag,
            deadline: self.now + flow.deadline,
        };
        self.record.flows[index as usize].submitted = Some(self.now);
        self.observer.see(self.now, &Seen::Submitted { flow: message.flow });
        self.hosts[flow.source.0 as usize].endpoint.submit(self.now, message);
        self.attend(flow.source.0);
    }

    /// A packet has come to the interface of its host.
    pub(super) fn reach(&mut self, node: u32, handle: Handle) {
        if self.host_times == HostTimes::default() {
            return self.deliver(node, handle, self.now);
        }
        let host = &mut self.hosts[node as usize];
        host.busy_until = host.busy_until.max(self.now) + self.host_times.work;
        host.arrived.push_back((handle, self.now));
        let at = host.busy_until + self.host_times.delay;
        self.calendar.insert(at, Event::new(Happening::Ready { host: node }));
    }

    /// The next packet that arrived is ready for its endpoint.
    pub(super) fn ready(&mut self, host: u32) {
        let next = self.hosts[host as usize].arrived.pop_front();
        let (handle, at) = next.expect("a packet that is ready has arrived");
        self.deliver(host, handle, at);
    }

    /// Gives a packet that arrived at `at` to its endpoint.
    fn deliver(&mut self, host: u32, handle: Handle, at: Picos) {
        self.record.delivered += 1;
        let (packet, telemetry) = (self.arena.get(handle), self.arena.records(handle));
        self.observer.see(self.now, &Seen::Delivered { packet, telemetry });
        let arrival = Arrival { packet, at, telemetry };
        self.hosts[host as usize].endpoint.receive(self.now, &arrival);
        self.arena.remove(handle);
        self.attend(host);
    }

    /// A host wanted to be called, unless it was meanwhile.
    pub(super) fn call(&mut self, host: u32) {
        let it = &mut self.hosts[host as usize];
        if it.called_at <= self.now {
            it.called_at = Picos::MAX;
            it.endpoint.timeout(self.now);
            self.attend(host);
        }
    }

    /// Takes what an endpoint has to say after an input.
    pub(super) fn attend(&mut self, host: u32) {
        while let Some(told) = self.hosts[host as usize].endpoint.take_event() {
            match told {
                Told::Received { flow, bytes, .. } => self.received(flow, bytes),
                Told::Acknowledged(flow) => {
                    let record = &mut self.record.flows[flow.0 as usize];
                    assert!(record.received.is_some(), "what is acknowledged has arrived");
                    assert!(record.acknowledged.is_none(), "a message is acknowledged once");
                    record.acknowledged = Some(self.now);
                    self.unfinished -= 1;
                    self.observer.see(self.now, &Seen::Acknowledged { flow });
                }
            }
        }
        if !self.network.ports[host as usize].is_waking {
            self.pump(host);
        }
        self.arm(host);
    }

    /// All of a message has arrived: those that waited for it come nearer.
    fn received(&mut self, flow: FlowId, bytes: u64) {
        let record = &mut self.record.flows[flow.0 as usize];
        assert!(record.received.is_none(), "a message is received once");
        assert_eq!(bytes, record.flow.bytes.max(1), "all bytes of a message arrive");
        record.received = Some(self.now);
        self.observer.see(self.now, &Seen::Received { flow });
        for index in self.successors.range(flow.0) {
            let next = self.successors.flows[index];
            let waits = &mut self.waits[(next - self.independent) as usize];
            *waits -= 1;
            if *waits == 0 {
                let at = self.now + self.traffic.flows[next as usize].at;
                self.calendar.insert(at, Event::new(Happening::Due { flow: next }));
            }
        }
    }

    /// Gives the interface of a host its next packet, if it is free and there is one.
    pub(super) fn pump(&mut self, host: u32) {
        let port = &self.network.ports[host as usize];
        if port.busy_until > self.now {
            return;
        }
        let paused = port.paused;
        let it = &mut self.hosts[host as usize];
        let handle = match it.held.take() {
            Some(handle) => handle,
            None => {
                self.telemetry.clear();
                let paused = paused_priorities(paused, self.network.queueing.classes);
                let mut outlet = Outlet { paused, telemetry: &mut self.telemetry };
                let Some(packet) = it.endpoint.transmit(self.now, &mut outlet) else { return };
                self.record.sent += 1;
                let handle = self.arena.insert(packet);
                for &hop in &self.telemetry {
                    self.arena.record(handle, hop);
                }
                handle
            }
        };
        if paused != 0 {
            let class = self.network.queueing.class_of(self.arena.get(handle).priority);
            if paused & 1 << class != 0 {
                self.hosts[host as usize].held = Some(handle);
                return;
            }
        }
        self.send(host, handle);
        let port = &mut self.network.ports[host as usize];
        port.is_waking = true;
        self.calendar.insert(port.busy_until, Event::new(Happening::Free { port: host }));
    }

    /// Has a host called when it wants to be, unless it will be before.
    pub(super) fn arm(&mut self, host: u32) {
        let it = &mut self.hosts[host as usize];
        let Some(at) = it.endpoint.next_timeout() else { return };
        let port = &self.network.ports[host as usize];
        if port.is_waking && at <= port.busy_until {
            // It will be asked for a packet then, and armed after that.
            return;
        }
        let at = at.max(self.now);
        if at < it.called_at {
            it.called_at = at;
            self.calendar.insert(at, Event::new(Happening::Timeout { host }));
        }
    }
}

/// The priorities of classes that are paused; the last class takes all that is beyond.
fn paused_priorities(classes_paused: u8, classes: u8) -> u8 {
    let last = classes - 1;
    let beyond = if classes_paused & 1 << last != 0 { u8::MAX << last } else { 0 };
    classes_paused | beyond
}
