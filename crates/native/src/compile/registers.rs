//! Packet registers in generated code: three variables for each, kept equal to its slot in the
//! frame, and what is known of it where a statement stands.

use super::function::{Lowering, Memory};
use crate::frame::{Sent, Slot};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use cranelift_frontend::Variable;
use std::mem::offset_of;
use trama_lang::ir::{PacketId, Trigger};
use trama_wire::header::HeaderId;
use trama_wire::layout::Layout;

/// A packet register.
#[derive(Clone, Copy)]
pub(super) struct Register {
    packet: Variable,
    data: Variable,
    layout: Variable,
}

/// What is known of a register.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// It holds a packet.
    Full,
    /// It is empty.
    Empty,
    /// One or the other.
    Nothing,
}

impl Known {
    /// What is known where two ways meet.
    pub(super) fn join(self, other: Self) -> Self {
        if self == other { self } else { Self::Nothing }
    }
}

impl Lowering<'_, '_> {
    /// Defines register 0 alone: packet, first byte, layout.
    pub(super) fn define_input(&mut self, [packet, data, layout]: [Value; 3]) {
        let mut variable = |value| {
            let variable = self.b.declare_var(types::I64);
            self.b.def_var(variable, value);
            variable
        };
        let (packet, data, layout) = (variable(packet), variable(data), variable(layout));
        self.registers.push(Register { packet, data, layout });
        self.known.push(Known::Full);
    }

    /// Defines the registers as they are when a handler starts.
    pub(super) fn define_registers(&mut self) {
        let has_input = matches!(self.source.handler.trigger, Trigger::Packet { .. });
        for index in 0..self.source.handler.packets {
            let register = Register {
                packet: self.b.declare_var(types::I64),
                data: self.b.declare_var(types::I64),
                layout: self.b.declare_var(types::I64),
            };
            self.registers.push(register);
            self.known.push(Known::Empty);
            if has_input && index == 0 {
                self.reload(PacketId(index));
                self.known[0] = Known::Full;
            } else {
                self.set_empty(PacketId(index));
            }
        }
    }

    /// The packet in a register; null if it is empty.
    pub(super) fn packet(&mut self, p: PacketId) -> Value {
        self.b.use_var(self.registers[p.0 as usize].packet)
    }

    /// The first byte of a register's frame, for reading.
    pub(super) fn data(&mut self, p: PacketId) -> Value {
        self.b.use_var(self.registers[p.0 as usize].data)
    }

    /// The first byte of a register's frame, for writing: the sink if the register is empty.
    pub(super) fn data_to_write(&mut self, p: PacketId) -> Value {
        let data = self.data(p);
        self.or_sink(p, data)
    }

    /// `place`, or the sink if the register is empty.
    pub(super) fn or_sink(&mut self, p: PacketId, place: Value) -> Value {
        let sink = self.source.frame.sink();
        self.unless_empty(p, place, sink)
    }

    /// `place`, or zeros if the register is empty.
    pub(super) fn or_zeros(&mut self, p: PacketId, place: Value) -> Value {
        let zeros = self.source.frame.zeros();
        self.unless_empty(p, place, zeros)
    }

    fn unless_empty(&mut self, p: PacketId, place: Value, instead: *const u8) -> Value {
        match self.known[p.0 as usize] {
            Known::Full => place,
            Known::Empty => self.address(instead),
            Known::Nothing => {
                let packet = self.packet(p);
                let instead = self.address(instead);
                self.select(packet, place, instead)
            }
        }
    }

    /// A member of the layout of a register's packet.
    pub(super) fn layout(&mut self, p: PacketId, bytes: usize, offset: usize) -> Value {
        let layout = self.b.use_var(self.registers[p.0 as usize].layout);
        self.load(Memory::Layout, bytes, layout, offset)
    }

    /// Offset of a header in the frame, 0 if it is absent.
    pub(super) fn header_offset(&mut self, p: PacketId, header: HeaderId) -> Value {
        if header == HeaderId::ETH {
            return self.word(0);
        }
        self.layout(p, 2, offset_of!(Layout, offset) + 2 * usize::from(header.0))
    }

    /// Makes the variables of a register equal to its slot.
    pub(super) fn reload(&mut self, p: PacketId) {
        let slot = self.slot(p);
        let register = self.registers[p.0 as usize];
        for (variable, offset) in [
            (register.packet, offset_of!(Slot, packet)),
            (register.data, offset_of!(Slot, data)),
            (register.layout, offset_of!(Slot, layout)),
        ] {
            let value = self.load(Memory::Frame, 8, slot, offset);
            self.b.def_var(variable, value);
        }
        if self.event.is_some() {
            let null = self.word(0);
            self.store(Memory::Frame, 8, null, slot, offset_of!(Slot, packet));
        }
    }

    /// Makes the slot of a register equal to its variables, for a routine that works on it: an
    /// event's function keeps its packet in the variables alone.
    pub(super) fn lend(&mut self, p: PacketId) {
        if self.event.is_none() {
            return;
        }
        let slot = self.slot(p);
        let register = self.registers[p.0 as usize];
        for (variable, offset) in [
            (register.packet, offset_of!(Slot, packet)),
            (register.data, offset_of!(Slot, data)),
            (register.layout, offset_of!(Slot, layout)),
        ] {
            let value = self.b.use_var(variable);
            self.store(Memory::Frame, 8, value, slot, offset);
        }
    }

    /// Notes that a register is empty now; its slot must be, too.
    pub(super) fn set_empty(&mut self, p: PacketId) {
        let empty = self.source.frame.empty();
        let register = self.registers[p.0 as usize];
        let packet = self.word(0);
        self.b.def_var(register.packet, packet);
        let data = self.address(empty.data);
        self.b.def_var(register.data, data);
        let layout = self.address(empty.layout);
        self.b.def_var(register.layout, layout);
        self.known[p.0 as usize] = Known::Empty;
    }

    /// Address of a register's slot.
    fn slot(&mut self, p: PacketId) -> Value {
        // SAFETY: nothing is read; registers are as many as the largest handler has.
        let slot = self.source.frame.slots.wrapping_add(p.0 as usize);
        self.address(slot)
    }

    /// Hands the packet of a register that is full to a port, by pushing it on the frame.
    pub(super) fn push_sent(&mut self, p: PacketId, port: Value) {
        let (frame, packet) = (self.frame, self.packet(p));
        let end_at = offset_of!(crate::frame::Frame, sent_end);
        let end = self.load(Memory::Frame, 8, frame, end_at);
        self.store(Memory::Frame, 8, packet, end, offset_of!(Sent, packet));
        self.store(Memory::Frame, 8, port, end, offset_of!(Sent, port));
        let next = self.b.ins().iadd_imm_s(end, size_of::<Sent>() as i64);
        self.store(Memory::Frame, 8, next, frame, end_at);
        let slot = self.slot(p);
        let null = self.word(0);
        self.store(Memory::Frame, 8, null, slot, offset_of!(Slot, packet));
        self.set_empty(p);
    }

    /// True (as an 8-bit truth) if a register holds a packet.
    pub(super) fn is_full(&mut self, p: PacketId) -> Value {
        let packet = self.packet(p);
        self.b.ins().icmp_imm_u(IntCC::NotEqual, packet, 0)
    }
}
