//! Switches: packets that arrive are queued and sent on.

use super::event::{Event, Happening};
use super::{Observer, Seen, Simulation};
use crate::arena::Handle;
use crate::buffer::{Charged, PAUSE_BYTES, Tell};
use crate::port::Next;
use trama_transport::fabric::Sharing;
use trama_transport::{Endpoint, Flags};

impl<E: Endpoint, O: Observer> Simulation<E, O> {
    /// A packet has crossed the link of a port.
    pub(super) fn arrive(&mut self, link: u32, handle: Handle) {
        self.record.links += 1;
        let port = &mut self.network.ports[link as usize];
        if port.is_down {
            port.counters.lost += 1;
            return self.lose(link, handle);
        }
        let node = port.to;
        if node < self.network.hosts {
            return self.reach(node, handle);
        }
        let switch = node - self.network.hosts;
        let packet = self.arena.get_mut(handle);
        packet.hops = packet.hops.saturating_add(1);
        let route = &self.network.routes[switch as usize];
        let (rng, attached) = (&mut self.rng, &self.network.attached);
        let balance = self.network.balance;
        match route.port(packet, balance, switch, attached, || rng.next_u64()) {
            Some(out) => self.forward(link, out, handle),
            None => {
                self.record.unroutable += 1;
                self.observer.see(self.now, &Seen::Unroutable { packet, link });
                self.arena.remove(handle);
            }
        }
    }

    /// Sends a packet that came over `link` out of a port of a switch, or queues it.
    fn forward(&mut self, link: u32, out: u32, handle: Handle) {
        let rules = &self.network.queueing;
        let port = &mut self.network.ports[out as usize];
        port.mark(rules, &mut self.arena, handle, &mut self.rng);
        if !port.is_waking
            && port.busy_until <= self.now
            && !port.has_waiting()
            && port.paused == 0
            && rules.credits.is_none()
        {
            return self.send_on(out, handle);
        }
        let packet = self.arena.get(handle);
        let (class, bytes) = (rules.class_of(packet.priority), u32::from(packet.wire_bytes));
        let switch = port.from - self.network.hosts;
        let before = port.waiting_bytes;
        let room = match rules.sharing {
            Sharing::Ports => rules.capacity_bytes.saturating_sub(before),
            Sharing::Dynamic { alpha } => {
                self.network.buffers.room(switch, alpha, port.class_bytes(class))
            }
            Sharing::Lossless { alpha } => {
                let charged = Charged { switch, link, class, bytes };
                match self.network.buffers.charge(charged, alpha, handle.0) {
                    Some(tell) => {
                        self.tell(link, class, tell);
                        u32::MAX
                    }
                    None => 0,
                }
            }
        };
        let rules = &self.network.queueing;
        let port = &mut self.network.ports[out as usize];
        let victim = port.enqueue(rules, &mut self.arena, handle, room, &mut self.rng);
        if let Sharing::Dynamic { .. } = rules.sharing {
            self.network.buffers.change(switch, before, port.waiting_bytes);
        }
        let queue_bytes = port.waiting_bytes;
        let packet = self.arena.get(handle);
        self.observer.see(self.now, &Seen::Queued { packet, port: out, queue_bytes });
        if !port.is_waking && port.has_waiting() {
            port.is_waking = true;
            let at = port.busy_until.max(self.now);
            self.calendar.insert(at, Event::new(Happening::Free { port: out }));
        }
        if let Some(victim) = victim {
            self.record.dropped += 1;
            let packet = self.arena.get(victim);
            self.observer.see(self.now, &Seen::Dropped { packet, port: out });
            self.arena.remove(victim);
        }
    }

    /// Puts a packet on the link of a port of a switch that is free.
    fn send_on(&mut self, out: u32, handle: Handle) {
        if self.arena.get(handle).flags.has(Flags::TELEMETRY) {
            let hop = self.network.ports[out as usize].tell(self.now);
            self.arena.record(handle, hop);
        }
        self.send(out, handle);
    }

    /// Puts a packet on the link of a port that is free.
    pub(super) fn send(&mut self, out: u32, handle: Handle) {
        let port = &mut self.network.ports[out as usize];
        debug_assert!(port.busy_until <= self.now, "a link carries one packet at a time");
        let packet = self.arena.get(handle);
        let bytes = packet.wire_bytes;
        port.busy_until = self.now + port.serialisation(bytes);
        port.counters.packets += 1;
        port.counters.bytes += u64::from(bytes);
        let mut at = port.busy_until + port.delay;
        self.observer.see(self.now, &Seen::Sent { packet, port: out });
        if let Some(faults) = &mut self.faults {
            if port.is_down || faults.loses() {
                port.counters.lost += 1;
                return self.lose(out, handle);
            }
            at += faults.delay();
        }
        self.calendar.insert(at, Event::new(Happening::Arrival { port: out, packet: handle }));
    }

    /// A packet is lost on a link.
    fn lose(&mut self, link: u32, handle: Handle) {
        self.record.lost += 1;
        let packet = self.arena.get(handle);
        self.observer.see(self.now, &Seen::Lost { packet, link });
        self.arena.remove(handle);
    }

    /// The link of a port is free, or may be used again.
    pub(super) fn free(&mut self, out: u32) {
        let port = &mut self.network.ports[out as usize];
        port.is_waking = false;
        if out < self.network.hosts {
            self.pump(out);
            return self.arm(out);
        }
        let rules = &self.network.queueing;
        let before = port.waiting_bytes;
        let handle = match port.dequeue(self.now, rules, &mut self.arena) {
            Next::Packet(handle) => handle,
            Next::Later(at) => {
                port.is_waking = true;
                return self.calendar.insert(at, Event::new(Happening::Free { port: out }));
            }
            Next::Nothing => return,
        };
        let (after, has_more) = (port.waiting_bytes, port.has_waiting());
        if rules.sharing != Sharing::Ports {
            self.leave_buffer(out, handle, before, after);
        }
        self.send_on(out, handle);
        if has_more {
            let port = &mut self.network.ports[out as usize];
            port.is_waking = true;
            self.calendar.insert(port.busy_until, Event::new(Happening::Free { port: out }));
        }
    }

    /// A packet leaves the buffer that the ports of its switch share.
    fn leave_buffer(&mut self, out: u32, handle: Handle, before: u32, after: u32) {
        let switch = self.network.ports[out as usize].from - self.network.hosts;
        match self.network.queueing.sharing {
            Sharing::Ports => {}
            Sharing::Dynamic { .. } => self.network.buffers.change(switch, before, after),
            Sharing::Lossless { alpha } => {
                let class = self.network.queueing.class_of(self.arena.get(handle).priority);
                let charged = Charged { switch, link: 0, class, bytes: before - after };
                let (link, tell) = self.network.buffers.discharge(charged, alpha, handle.0);
                self.tell(link, class, tell);
            }
        }
    }

    /// Sends a pause frame to the other end of a link, behind what is being sent there.
    fn tell(&mut self, link: u32, class: usize, tell: Tell) {
        if tell == Tell::Nothing {
            return;
        }
        let back = &self.network.ports[self.network.ports[link as usize].reverse as usize];
        let start = back.busy_until.max(self.now);
        let at = start + back.serialisation(PAUSE_BYTES) + back.delay;
        let (class, is_paused) = (class as u8, tell == Tell::Pause);
        let event = Happening::Pause { port: link, class, is_paused };
        self.calendar.insert(at, Event::new(event));
    }

    /// A port is told to pause a class, or to go on.
    pub(super) fn pause(&mut self, out: u32, class: u8, is_paused: bool) {
        let port = &mut self.network.ports[out as usize];
        port.pause(self.now, class, is_paused);
        if is_paused || port.is_waking {
            return;
        }
        port.is_waking = true;
        let at = port.busy_until.max(self.now);
        self.calendar.insert(at, Event::new(Happening::Free { port: out }));
    }
}
