//! Packet operations that generated code does not inline.
//!
//! **Safety** of every function here: `packet` is null (an empty register: reads give 0, writes do
//! nothing) or points to a packet that the running handler owns; `frame` is the engine's frame and
//! `register` the index of one of the handler's registers.

use crate::frame::{Frame, Slot};
use trama_lang::ir::reason;
use trama_wire::header::{FieldRef, HeaderId};
use trama_wire::option::TcpOption;
use trama_wire::packet::Packet;
use trama_wire::pool::Pool;

/// The constant part of an `Insert` or `Replace`: the headers with the fields that are given.
pub(crate) struct InsertPlan {
    /// The header whose place they take.
    pub(crate) replaced: Option<HeaderId>,
    /// Headers, outermost first.
    pub(crate) stack: Vec<(HeaderId, Vec<FieldRef>)>,
}

/// The constant part of a `Remove`: the headers, outermost first.
pub(crate) struct RemovePlan {
    /// Headers, outermost first.
    pub(crate) stack: Vec<HeaderId>,
}

/// A field as a word: header index, field index.
pub(crate) fn field_word(field: FieldRef) -> u64 {
    u64::from(field.header.0) << 8 | u64::from(field.field)
}

fn field_of(word: u64) -> FieldRef {
    FieldRef { header: HeaderId((word >> 8) as u8), field: word as u8 }
}

/// A TCP option as a word.
pub(crate) fn option_word(option: TcpOption) -> u64 {
    match option {
        TcpOption::Mss => 0,
        TcpOption::WindowScale => 1,
        TcpOption::SackPermitted => 2,
        TcpOption::TsVal => 3,
        TcpOption::TsEcr => 4,
    }
}

fn option_of(word: u64) -> TcpOption {
    match word {
        0 => TcpOption::Mss,
        1 => TcpOption::WindowScale,
        2 => TcpOption::SackPermitted,
        3 => TcpOption::TsVal,
        _ => TcpOption::TsEcr,
    }
}

/// Drops the packet of a register for a reason.
pub(crate) unsafe extern "C" fn drop_packet(frame: *mut Frame, register: u64, reason: u64) {
    // SAFETY: the module's rule; `drops` has an entry for each reason of the running node, and
    // code generation admits no other.
    unsafe {
        if let Some(packet) = take(frame, register) {
            *(*frame).drops.add(reason as usize) += 1;
            (*(*frame).pool).give(packet);
        }
    }
}

/// Copies the packet of register `from` into register `to`.
pub(crate) unsafe extern "C" fn copy(frame: *mut Frame, to: u64, from: u64) {
    // SAFETY: the module's rule; `pool` is valid while an event is processed.
    unsafe {
        let source = (*(*frame).slots.add(from as usize)).packet;
        let copied = source.as_ref().and_then(|source| copy_within_limit(&mut *frame, source));
        if let Some(overwritten) = take(frame, to) {
            (*frame).consumed += 1;
            (*(*frame).pool).give(overwritten);
        }
        let slot = match copied {
            Some(packet) => Slot::holding(packet),
            None => (*frame).empty(),
        };
        *(*frame).slots.add(to as usize) = slot;
    }
}

/// # Safety
/// The module's rule.
unsafe fn copy_within_limit(frame: &mut Frame, source: &Packet) -> Option<Box<Packet>> {
    let Some(left) = frame.copies_left.checked_sub(1) else {
        // SAFETY: every node has the built-in reasons.
        unsafe { *frame.drops.add(reason::FANOUT as usize) += 1 };
        return None;
    };
    frame.copies_left = left;
    // SAFETY: `pool` is valid while an event is processed.
    let pool: &mut Pool = unsafe { &mut *frame.pool };
    let mut packet = pool.take();
    packet.copy_from(source);
    Some(packet)
}

/// Empties a register.
///
/// # Safety
/// The module's rule.
pub(crate) unsafe fn take(frame: *mut Frame, register: u64) -> Option<Box<Packet>> {
    // SAFETY: a packet in a register came from `Box::into_raw` and is owned by the register.
    unsafe {
        let slot = (*frame).slots.add(register as usize);
        let packet = (*slot).packet;
        if packet.is_null() {
            return None;
        }
        *slot = (*frame).empty();
        Some(Box::from_raw(packet))
    }
}

/// Writes a field of at most 64 bits and the checksums that cover it.
pub(crate) unsafe extern "C" fn set_field(packet: *mut Packet, field: u64, value: u64) {
    // SAFETY: the module's rule.
    if let Some(packet) = unsafe { packet.as_mut() } {
        packet.set(field_of(field), u128::from(value));
    }
}

/// Writes a field of 128 bits and the checksums that cover it.
pub(crate) unsafe extern "C" fn set_wide(packet: *mut Packet, field: u64, low: u64, high: u64) {
    // SAFETY: the module's rule.
    if let Some(packet) = unsafe { packet.as_mut() } {
        packet.set(field_of(field), u128::from(high) << 64 | u128::from(low));
    }
}

/// Writes payload bytes.
pub(crate) unsafe extern "C" fn set_payload(
    packet: *mut Packet,
    offset: u64,
    width: u64,
    value: u64,
) {
    // SAFETY: the module's rule.
    if let Some(packet) = unsafe { packet.as_mut() } {
        packet.payload_set(offset, width as u8, u128::from(value));
    }
}

/// 1 if the packet has the TCP option.
pub(crate) unsafe extern "C" fn has_tcp_option(packet: *mut Packet, option: u64) -> u64 {
    // SAFETY: the module's rule.
    unsafe { packet.as_ref() }.map_or(0, |p| u64::from(p.has_tcp_option(option_of(option))))
}

/// Value of a TCP option, 0 if it is absent.
pub(crate) unsafe extern "C" fn tcp_option(packet: *mut Packet, option: u64) -> u64 {
    // SAFETY: the module's rule.
    let value = unsafe { packet.as_ref() }.and_then(|p| p.tcp_option(option_of(option)));
    value.map_or(0, u64::from)
}

/// Writes the value of a TCP option that is present.
pub(crate) unsafe extern "C" fn set_tcp_option(packet: *mut Packet, option: u64, value: u64) {
    // SAFETY: the module's rule.
    if let Some(packet) = unsafe { packet.as_mut() } {
        packet.set_tcp_option(option_of(option), value as u32);
    }
}

/// Gives the TCP header exactly these options. `values` has two numbers for each: whether it is
/// there, and its value.
pub(crate) unsafe extern "C" fn set_tcp_options(
    frame: *mut Frame,
    register: u64,
    values: *const [[u128; 2]; TcpOption::ALL.len()],
) {
    // SAFETY: the module's rule; the code passes as many values as there are options.
    unsafe {
        let values = values.read_unaligned();
        let options = values.map(|[is_there, value]| (is_there == 1).then_some(value as u32));
        restructure(frame, register, |packet| {
            packet.set_tcp_options(&options);
            true
        });
    }
}

/// Moves the edges of SACK blocks.
pub(crate) unsafe extern "C" fn shift_sack(packet: *mut Packet, delta: u64) {
    // SAFETY: the module's rule.
    if let Some(packet) = unsafe { packet.as_mut() } {
        packet.shift_sack(delta as u32);
    }
}

/// 1 if the packet has an IPv4 option of a type.
pub(crate) unsafe extern "C" fn has_ip_option(packet: *mut Packet, kind: u64) -> u64 {
    // SAFETY: the module's rule.
    unsafe { packet.as_ref() }.map_or(0, |p| u64::from(p.has_ip_option(kind as u8)))
}

/// 1 if the checksum of a header is right.
pub(crate) unsafe extern "C" fn checksum_ok(packet: *mut Packet, header: u64) -> u64 {
    // SAFETY: the module's rule.
    unsafe { packet.as_ref() }.map_or(0, |p| u64::from(p.checksum_ok(HeaderId(header as u8))))
}

/// Puts headers in; 1 if it was possible. `values` has one number for each field of the plan.
pub(crate) unsafe extern "C" fn insert(
    frame: *mut Frame,
    register: u64,
    plan: *const InsertPlan,
    values: *const u128,
) -> u64 {
    // SAFETY: the module's rule; the plan outlives the code that names it, and the code passes as
    // many values as the plan has fields.
    unsafe {
        let mut next = values;
        let mut stack = Vec::with_capacity((*plan).stack.len());
        for (header, fields) in &(*plan).stack {
            let mut given = Vec::with_capacity(fields.len());
            for &field in fields {
                given.push((field, next.read_unaligned()));
                next = next.add(1);
            }
            stack.push((*header, given));
        }
        restructure(frame, register, |packet| match (*plan).replaced {
            None => packet.insert(&stack),
            Some(old) => packet.replace(old, &stack),
        })
    }
}

/// Takes headers out; 1 if it was possible.
pub(crate) unsafe extern "C" fn remove(
    frame: *mut Frame,
    register: u64,
    plan: *const RemovePlan,
) -> u64 {
    // SAFETY: the module's rule; the plan outlives the code that names it.
    unsafe { restructure(frame, register, |packet| packet.remove(&(*plan).stack)) }
}

/// Cuts the frame to at most `bytes`.
pub(crate) unsafe extern "C" fn truncate(frame: *mut Frame, register: u64, bytes: u64) {
    // SAFETY: the module's rule.
    unsafe {
        restructure(frame, register, |packet| {
            packet.truncate(bytes as u32);
            true
        });
    }
}

/// Changes the packet of a register so that its frame may move.
///
/// # Safety
/// The module's rule.
unsafe fn restructure(
    frame: *mut Frame,
    register: u64,
    change: impl FnOnce(&mut Packet) -> bool,
) -> u64 {
    // SAFETY: the module's rule.
    unsafe {
        let slot = (*frame).slots.add(register as usize);
        let Some(packet) = (*slot).packet.as_mut() else {
            // A send leaves the other members of the slot behind; the caller reads them next.
            *slot = (*frame).empty();
            return 0;
        };
        let done = change(packet);
        ((*slot).data, (*slot).layout) = packet.parts_mut();
        u64::from(done)
    }
}
