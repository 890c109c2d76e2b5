//! Statements that change, copy and part with packets.

use super::event::Flying;
use super::observe::{Change, Observer, PacketNo, Seen};
use super::stmt::Run;
use crate::ir::{Dest, Expr, FANOUT_MAX, LocalId, PacketId, TcpOption, reason};
use crate::source::Span;
use trama_wire::header::{FieldRef, HeaderId};
use trama_wire::packet::Packet;

impl<O: Observer> Run<'_, O> {
    pub(super) fn set_field(&mut self, p: PacketId, field: FieldRef, value: &Expr, span: Span) {
        let new = self.eval(value);
        let Some(packet) = self.register(p) else { return };
        if !packet.frame.layout().present.has(field.header) {
            return;
        }
        let (no, old) = (packet.no, packet.frame.get(field));
        packet.frame.set(field, new);
        self.world.see(|| Seen::Field { span, packet: no, field, old, new });
    }

    pub(super) fn set_mark(&mut self, p: PacketId, value: &Expr, span: Span) {
        let new = self.eval(value) as u32;
        let Some(packet) = self.register(p) else { return };
        let old = std::mem::replace(&mut packet.frame.mark, new);
        self.changed(p, Change::Mark { old, new }, true, span);
    }

    pub(super) fn set_payload(&mut self, p: PacketId, offset: &Expr, value: &Expr, span: Span) {
        let (new, width) = (self.eval(value), value.width);
        let Ok(offset) = u64::try_from(self.eval(offset)) else { return };
        let Some(packet) = self.register(p) else { return };
        let old = packet.frame.payload_get(offset, width);
        packet.frame.payload_set(offset, width, new);
        let payload_len = packet.frame.payload().len() as u64;
        let done = offset.checked_add((width / 8).into()).is_some_and(|end| end <= payload_len);
        self.changed(p, Change::Payload { offset, width, old, new }, done, span);
    }

    pub(super) fn set_tcp_option(
        &mut self,
        p: PacketId,
        option: TcpOption,
        value: &Expr,
        span: Span,
    ) {
        let new = self.eval(value) as u32;
        let Some(packet) = self.register(p) else { return };
        if let Some(old) = packet.frame.tcp_option(option) {
            packet.frame.set_tcp_option(option, new);
            self.changed(p, Change::TcpOption { option, old, new }, true, span);
        }
    }

    pub(super) fn set_tcp_options(
        &mut self,
        p: PacketId,
        options: &[(Expr, Expr); TcpOption::ALL.len()],
        span: Span,
    ) {
        let new = options.each_ref().map(|(is_there, value)| {
            let (is_there, value) = (self.eval(is_there) == 1, self.eval(value) as u32);
            is_there.then_some(value)
        });
        let Some(packet) = self.register(p) else { return };
        packet.frame.set_tcp_options(&new);
        self.changed(p, Change::TcpOptions(new), true, span);
    }

    pub(super) fn shift_sack(&mut self, p: PacketId, delta: &Expr, span: Span) {
        let delta = self.eval(delta) as u32;
        let Some(packet) = self.register(p) else { return };
        packet.frame.shift_sack(delta);
        self.changed(p, Change::Sack(delta), true, span);
    }

    /// `Insert`, or `Replace` of a network header.
    pub(super) fn insert(
        &mut self,
        p: PacketId,
        replaced: Option<HeaderId>,
        stack: &[(HeaderId, Vec<(FieldRef, Expr)>)],
        ok: LocalId,
        span: Span,
    ) {
        let values: Vec<(HeaderId, Vec<(FieldRef, u128)>)> = stack
            .iter()
            .map(|(id, fields)| (*id, fields.iter().map(|(f, e)| (*f, self.eval(e))).collect()))
            .collect();
        let done = self.register(p).is_some_and(|packet| match replaced {
            None => packet.frame.insert(&values),
            Some(old) => packet.frame.replace(old, &values),
        });
        self.assign(ok, done.into());
        let headers = stack.iter().map(|(id, _)| *id).collect();
        let change = match replaced {
            None => Change::Insert(headers),
            Some(old) => Change::Replace(old, headers),
        };
        self.changed(p, change, done, span);
    }

    pub(super) fn remove(&mut self, p: PacketId, stack: &[HeaderId], ok: LocalId, span: Span) {
        let done = self.register(p).is_some_and(|packet| packet.frame.remove(stack));
        self.assign(ok, done.into());
        self.changed(p, Change::Remove(stack.to_vec()), done, span);
    }

    pub(super) fn truncate(&mut self, p: PacketId, len: &Expr, span: Span) {
        let len = self.eval(len) as u32;
        let Some(packet) = self.register(p) else { return };
        packet.frame.truncate(len);
        self.changed(p, Change::Truncate(len), true, span);
    }

    pub(super) fn copy(&mut self, to: PacketId, from: PacketId, span: Span) {
        let copied = self.packets[from.0 as usize].as_ref().map(|original| {
            let mut frame = Box::new(Packet::new(&[]));
            frame.copy_from(&original.frame);
            (original.no, frame)
        });
        self.forget(to);
        let Some((of, frame)) = copied else { return };
        self.world.event.copies += 1;
        // Timers start without a packet, so number 0 is the one that entered, or nobody's.
        let no = PacketNo(self.world.event.copies);
        self.world.see(|| Seen::Copied { span, of, packet: no });
        let packet = Flying { no, hops: self.hops, frame };
        if no.0 > FANOUT_MAX {
            self.world.drop_packet(packet, self.node_index, reason::FANOUT, Some(span));
        } else {
            self.packets[to.0 as usize] = Some(packet);
        }
    }

    pub(super) fn send(
        &mut self,
        p: PacketId,
        first_port: u32,
        index: u128,
        count: u32,
        span: Span,
    ) {
        let Some(mut packet) = self.packets[p.0 as usize].take() else { return };
        packet.hops = self.hops;
        let node = self.node_index;
        if index >= u128::from(count) {
            return self.world.drop_packet(packet, node, reason::NO_PORT, Some(span));
        }
        let port = first_port + index as u32;
        let to = self.node().wires[port as usize];
        if to == Dest::Unconnected {
            return self.world.drop_packet(packet, node, reason::NOT_CONNECTED, Some(span));
        }
        let counters = &mut self.world.report.nodes[node as usize];
        counters.sent[port as usize].add(packet.frame.len());
        counters.discarded += u64::from(to == Dest::Discard);
        self.world.see(|| Seen::Sent { span, packet: packet.no, node, port, to });
        match to {
            Dest::Node(node, port) => self.world.enqueue(packet, node, port),
            Dest::Out(port) => self.world.leave(packet, port),
            Dest::Discard => self.world.discard(packet),
            Dest::Unconnected => unreachable!("dropped above"),
        }
    }

    pub(super) fn drop(&mut self, p: PacketId, reason: u32, span: Span) {
        if let Some(packet) = self.packets[p.0 as usize].take() {
            self.world.drop_packet(packet, self.node_index, reason, Some(span));
        }
    }

    /// Empties a register; what it held counts as consumed.
    pub(super) fn forget(&mut self, p: PacketId) {
        if let Some(packet) = self.packets[p.0 as usize].take() {
            self.world.consume(packet, self.node_index);
        }
    }

    fn register(&mut self, p: PacketId) -> Option<&mut Flying> {
        self.packets[p.0 as usize].as_mut()
    }

    /// Tells the observer of a change, made or refused, of the packet in a register.
    fn changed(&mut self, p: PacketId, what: Change, done: bool, span: Span) {
        if let Some(packet) = &self.packets[p.0 as usize] {
            let (no, frame) = (packet.no, &*packet.frame);
            self.world.see(|| Seen::Changed { span, packet: no, what, done, frame });
        }
    }
}
