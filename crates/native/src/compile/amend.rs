//! Field writes that checksums follow, without a call: the fields that network functions change in
//! every packet.
//!
//! For these it is evident which checksums are touched (`trama_wire::amend` is the definition and
//! does all other writes): the IPv4 header's, that of TCP or UDP, or both. The difference between
//! the old and the new value is added to each (RFC 1624, equation 3). Ones' complement sums commute
//! with swapping bytes (RFC 1071, section 2B), so everything is added as it lies in memory.

use super::function::{Lowering, Memory};
use crate::runtime::Routine;
use crate::runtime::packet::field_word;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use trama_lang::ir::PacketId;
use trama_wire::header::{FieldRef, HeaderId, HeaderSet};

/// Where the checksum is in an IPv4 header, in a TCP header and in a UDP header.
const CHECKSUM_AT: [i32; 3] = [10, 16, 6];

/// A field that can be written here.
pub(super) struct Amendment {
    field: FieldRef,
    /// Headers without which the write is left to the routine.
    needs: HeaderSet,
    network: bool,
    transport: bool,
    /// First of the two or four bytes in which the field lies, from the start of its header: an
    /// even number.
    byte: i32,
    bytes: u8,
    /// Bits below the field in those bytes, as a big-endian number.
    shift: u8,
}

impl Amendment {
    /// How a field is written, if it is one of these.
    pub(super) fn of(field: FieldRef) -> Option<Self> {
        let def = field.def();
        let own = HeaderSet::of(field.header);
        let (needs, network, transport) = match (field.header, def.bit) {
            // Header length, length, protocol, and the checksum itself.
            (HeaderId::IP, 4 | 16 | 72 | 80) => return None,
            (HeaderId::IP, 96..) => (own.with(HeaderId::L4), true, true),
            (HeaderId::IP, _) => (own, true, false),
            (HeaderId::TCP, 128) | (HeaderId::UDP, 32..) => return None,
            (HeaderId::TCP | HeaderId::UDP | HeaderId::L4, _) => {
                (own.with(HeaderId::L4), false, true)
            }
            _ => return None,
        };
        let byte = def.bit / 16 * 2;
        let bytes = if def.width == 32 && def.bit.is_multiple_of(16) { 4 } else { 2 };
        let shift = ((byte + bytes) * 8).checked_sub(def.bit + u16::from(def.width))?;
        let (byte, bytes, shift) = (i32::from(byte), bytes as u8, shift as u8);
        Some(Self { field, needs, network, transport, byte, bytes, shift })
    }

    fn width(&self) -> u8 {
        self.field.def().width
    }
}

impl Lowering<'_, '_> {
    /// Writes a field; checksums follow.
    pub(super) fn amend(&mut self, p: PacketId, how: &Amendment, new: Value) {
        let end = self.b.create_block();
        if !self.surely_has(p, how.needs) {
            let (slow, fast) = (self.b.create_block(), self.b.create_block());
            self.b.set_cold_block(slow);
            let has = self.has(p, how.needs);
            self.b.ins().brif(has, fast, &[], slow, &[]);
            self.enter(slow);
            let (packet, name) = (self.packet(p), self.word(field_word(how.field)));
            self.call(Routine::SetField, &[packet, name, new]);
            self.b.ins().jump(end, &[]);
            self.enter(fast);
        }
        let (data, offset) = (self.data(p), self.header_offset(p, how.field.header));
        let at = self.b.ins().iadd(data, offset);
        let old = self.load(Memory::Bytes, how.bytes.into(), at, how.byte as usize);
        let new = self.placed(how, old, new);
        let change = self.b.create_block();
        let differs = self.b.ins().bxor(old, new);
        self.b.ins().brif(differs, change, &[], end, &[]);

        self.enter(change);
        self.store(Memory::Bytes, how.bytes.into(), new, at, how.byte as usize);
        let difference = self.difference(how.bytes, old, new);
        if how.network {
            let start = self.header_offset(p, HeaderId::IP);
            let at = self.b.ins().iadd(data, start);
            let stored = self.load(Memory::Bytes, 2, at, CHECKSUM_AT[0] as usize);
            let updated = self.updated(stored, difference);
            self.store(Memory::Bytes, 2, updated, at, CHECKSUM_AT[0] as usize);
        }
        if how.transport {
            self.amend_transport(p, data, difference);
        }
        self.b.ins().jump(end, &[]);
        self.enter(end);
    }

    /// The bytes of the field's place with the new value in it, as they lie in memory.
    fn placed(&mut self, how: &Amendment, old: Value, new: Value) -> Value {
        let bits = how.bytes * 8;
        let up = self.b.ins().ishl_imm_u(new, i64::from(how.shift));
        let swapped = self.swapped(how.bytes, up);
        if how.width() == bits {
            return swapped;
        }
        let ones = super::field::ones(how.width()) << how.shift;
        let own = if bits == 16 {
            u64::from((ones as u16).swap_bytes())
        } else {
            u64::from((ones as u32).swap_bytes())
        };
        let others = self.word(super::field::ones(bits) & !own);
        let kept = self.b.ins().band(old, others);
        self.b.ins().bor(kept, swapped)
    }

    /// A number of two or four bytes with its bytes in the other order.
    fn swapped(&mut self, bytes: u8, value: Value) -> Value {
        let narrow = if bytes == 2 { types::I16 } else { types::I32 };
        let cut = self.b.ins().ireduce(narrow, value);
        let swapped = self.b.ins().bswap(cut);
        self.b.ins().uextend(types::I64, swapped)
    }

    /// The sum of the complement of the old words and of the new ones, at most three words large.
    fn difference(&mut self, bytes: u8, old: Value, new: Value) -> Value {
        let all = self.word(0xffff);
        if bytes == 2 {
            let less = self.b.ins().bxor(old, all);
            return self.b.ins().iadd(less, new);
        }
        let old = self.folded(old);
        let less = self.b.ins().bxor(old, all);
        let (low, high) = (self.b.ins().band(new, all), self.b.ins().ushr_imm_u(new, 16));
        let sum = self.b.ins().iadd(less, low);
        self.b.ins().iadd(sum, high)
    }

    /// The ones' complement sum of the words of a number of at most 32 bits: two foldings at most,
    /// the second for the carry of the first.
    pub(super) fn folded(&mut self, sum: Value) -> Value {
        let mut sum = sum;
        for _ in 0..2 {
            let (low, high) = (self.cut(sum, 64, 16), self.b.ins().ushr_imm_u(sum, 16));
            sum = self.b.ins().iadd(low, high);
        }
        sum
    }

    /// A stored checksum after the covered sum changed.
    fn updated(&mut self, stored: Value, difference: Value) -> Value {
        let all = self.word(0xffff);
        let sum = self.b.ins().bxor(stored, all);
        let sum = self.b.ins().iadd(sum, difference);
        let sum = self.folded(sum);
        self.b.ins().bxor(sum, all)
    }

    /// Updates the checksum of TCP or UDP. One of UDP that is zero says that there is none, and
    /// stays; one that comes out as zero is stored as its complement (RFC 768).
    fn amend_transport(&mut self, p: PacketId, data: Value, difference: Value) {
        let start = self.header_offset(p, HeaderId::L4);
        let header = self.b.ins().iadd(data, start);
        let [tcp, udp] = [HeaderId::TCP, HeaderId::UDP].map(HeaderSet::of);
        let is_udp = match (self.surely_has(p, tcp), self.surely_has(p, udp)) {
            (_, true) => self.word(1),
            (true, _) => self.word(0),
            _ => self.has(p, udp),
        };
        let [_, tcp_at, udp_at] = CHECKSUM_AT.map(|at| self.word(at as u64));
        let offset = self.select(is_udp, udp_at, tcp_at);
        let at = self.b.ins().iadd(header, offset);
        let stored = self.load(Memory::Bytes, 2, at, 0);
        let updated = self.updated(stored, difference);
        let (zero, ones) = (self.word(0), self.word(0xffff));
        let none = self.b.ins().icmp(IntCC::Equal, stored, zero);
        let not_zero = self.select(updated, updated, ones);
        let for_udp = self.select(none, zero, not_zero);
        let new = self.select(is_udp, for_udp, updated);
        self.store(Memory::Bytes, 2, new, at, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_fields() {
        let place = |header: HeaderId, name| {
            let how = Amendment::of(header.field(name).unwrap()).unwrap();
            (how.byte, how.bytes, how.shift)
        };
        assert_eq!(place(HeaderId::IP, "src"), (12, 4, 0));
        assert_eq!(place(HeaderId::IP, "ttl"), (8, 2, 8));
        assert_eq!(place(HeaderId::IP, "ecn"), (0, 2, 0));
        assert_eq!(place(HeaderId::IP, "df"), (6, 2, 14));
        assert_eq!(place(HeaderId::TCP, "flags.syn"), (12, 2, 1));
        assert_eq!(place(HeaderId::TCP, "seq"), (4, 4, 0));
        assert_eq!(place(HeaderId::L4, "dst"), (2, 2, 0));
    }

    #[test]
    fn fields_that_decide_what_is_covered_are_not_written_here() {
        for (header, names) in [
            (HeaderId::IP, &["ihl", "len", "proto", "checksum"][..]),
            (HeaderId::TCP, &["checksum"]),
            (HeaderId::UDP, &["len", "checksum"]),
            (HeaderId::ICMP, &["type"]),
            (HeaderId::IP6, &["src"]),
        ] {
            for name in names {
                let field = header.field(name).unwrap();
                assert!(Amendment::of(field).is_none(), "{header:?} {name}");
            }
        }
    }
}
