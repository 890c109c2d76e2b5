//! What a running handler and its engine share: the memory layout that generated code relies on.
//!
//! **Invariants:** a [`Slot`] is [empty](Frame::empty) or owns its packet; `sent_end` never passes
//! the end of its buffer, which has room for every packet that one event can send, so generated
//! code pushes without a check; addresses of the blank, the sink and the buffers never change.

use trama_lang::agenda::Agenda;
use trama_lang::ir::FANOUT_MAX;
use trama_lang::logs::LogBook;
use trama_lang::records::RecordBook;
use trama_wire::layout::Layout;
use trama_wire::packet::{Packet, READABLE_MIN};
use trama_wire::pool::Pool;

/// Most sends of one handler run: the input and every copy an event may make.
const SENDS_MAX: usize = FANOUT_MAX as usize + 1;

/// A packet register of the running handler.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Slot {
    /// The packet, owned; null if the register is empty.
    pub(crate) packet: *mut Packet,
    /// First byte of the frame; valid for reads of [`READABLE_MIN`] bytes.
    pub(crate) data: *mut u8,
    /// The packet's layout.
    pub(crate) layout: *mut Layout,
}

impl Slot {
    /// A register that holds `packet`.
    pub(crate) fn holding(mut packet: Box<Packet>) -> Self {
        let (data, layout) = packet.parts_mut();
        Self { packet: Box::into_raw(packet), data, layout }
    }
}

/// A packet that a handler handed to a port.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Sent {
    /// The packet, owned.
    pub(crate) packet: *mut Packet,
    /// Index into the node's ports.
    pub(crate) port: u64,
}

/// The state of the running handler. Generated code holds its address.
#[repr(C)]
pub(crate) struct Frame {
    /// Time of the event in nanoseconds.
    pub(crate) now: u64,
    /// End of what was sent: where the next [`Sent`] goes.
    pub(crate) sent_end: *mut Sent,
    /// Packet registers.
    pub(crate) slots: *mut Slot,
    /// Drop counters of the running node, by reason.
    pub(crate) drops: *mut u64,
    /// Where dropped packets go; valid while an event is processed.
    pub(crate) pool: *mut Pool,
    /// Log lines and limits.
    pub(crate) logs: *mut LogBook,
    /// Records on their way to the host.
    pub(crate) records: *mut RecordBook,
    /// Events to come.
    pub(crate) agenda: *mut Agenda,
    /// Copies that the event may still make.
    pub(crate) copies_left: u32,
    /// Packets of the running node that were overwritten or left in a register.
    pub(crate) consumed: u32,
    sent: Box<[Sent]>,
    registers: Box<[Slot]>,
    /// What an empty register shows: no headers and zeros, whichever way it is read. Also the
    /// value of an entry that is not there.
    blank: Box<(Layout, Box<[u8]>)>,
    /// Takes what is written to an empty register.
    sink: Box<[u8; READABLE_MIN]>,
}

impl Frame {
    /// A frame for handlers of at most `registers` packet registers and values of at most
    /// `value_bytes` bytes.
    pub(crate) fn new(registers: usize, value_bytes: usize) -> Box<Self> {
        let zeros = vec![0; READABLE_MIN.max(value_bytes)].into_boxed_slice();
        let mut frame = Box::new(Self {
            now: 0,
            sent_end: std::ptr::null_mut(),
            slots: std::ptr::null_mut(),
            drops: std::ptr::null_mut(),
            pool: std::ptr::null_mut(),
            logs: std::ptr::null_mut(),
            records: std::ptr::null_mut(),
            agenda: std::ptr::null_mut(),
            copies_left: FANOUT_MAX,
            consumed: 0,
            sent: vec![Sent { packet: std::ptr::null_mut(), port: 0 }; SENDS_MAX].into(),
            registers: Box::default(),
            blank: Box::new((Layout::default(), zeros)),
            sink: Box::new([0; READABLE_MIN]),
        });
        frame.registers = vec![frame.empty(); registers.max(1)].into();
        frame.sent_end = frame.sent.as_mut_ptr();
        frame.slots = frame.registers.as_mut_ptr();
        frame
    }

    /// The content of an empty register.
    pub(crate) fn empty(&self) -> Slot {
        Slot {
            packet: std::ptr::null_mut(),
            data: self.blank.1.as_ptr().cast_mut(),
            layout: (&raw const self.blank.0).cast_mut(),
        }
    }

    /// Zeros to read in place of a value that was not found.
    pub(crate) fn zeros(&self) -> *const u8 {
        self.blank.1.as_ptr()
    }

    /// Where writes to an empty register go.
    pub(crate) fn sink(&self) -> *const u8 {
        self.sink.as_ptr()
    }

    /// Where the first [`Sent`] of a handler run is.
    pub(crate) fn sent_start(&mut self) -> *mut Sent {
        self.sent.as_mut_ptr()
    }
}
