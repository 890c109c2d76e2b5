//! Where the bits of a header field lie, as one load of 1, 2, 4 or 8 bytes, or two of 8.

use trama_wire::header::{FieldDef, FieldRef, HeaderId};

/// The bytes to load for a field and where its bits are in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// First byte, counted from the start of the header.
    pub(crate) byte: i32,
    /// Bytes to load: 1, 2, 4 or 8, or 16 for a field of 128 bits.
    pub(crate) bytes: u8,
    /// Bits below the field in the big-endian number that was loaded.
    pub(crate) shift: u8,
    /// Width of the field in bits.
    pub(crate) width: u8,
}

impl Window {
    /// The smallest window on `field` that stays inside the header's shortest form.
    pub(crate) fn of(field: FieldRef) -> Self {
        let FieldDef { bit, width, .. } = *field.def();
        if width == 128 {
            return Self { byte: i32::from(bit / 8), bytes: 16, shift: 0, width };
        }
        let last_bit = bit + u16::from(width);
        for bytes in [1_u8, 2, 4, 8] {
            let size = u16::from(bytes) * 8;
            let latest = field.header.def().min_len.saturating_sub(u16::from(bytes));
            // Where it makes no difference, a window that ends with the field.
            let byte = last_bit.div_ceil(8).saturating_sub(u16::from(bytes)).min(bit / 8);
            for byte in [byte, (bit / 8).min(latest)] {
                if byte <= latest && byte * 8 + size >= last_bit {
                    let shift = (byte * 8 + size - last_bit) as u8;
                    return Self { byte: i32::from(byte), bytes, shift, width };
                }
            }
        }
        unreachable!("a field of at most 64 bits lies within 8 bytes of its header")
    }

    /// True if the field fills the window.
    pub(crate) fn is_whole(self) -> bool {
        self.width == 128 || u16::from(self.width) == u16::from(self.bytes) * 8
    }

    /// The field's bits within the loaded number.
    pub(crate) fn mask(self) -> u64 {
        ones(self.width) << self.shift
    }
}

/// The number with the lowest `width` bits set, `width` at most 64.
pub(crate) fn ones(width: u8) -> u64 {
    if width >= 64 { u64::MAX } else { (1 << width) - 1 }
}

/// True if no checksum covers the field, so that a plain store writes it.
///
/// Frames, tags and ARP have no checksum that programs see; of IPv6 the pseudo-header has only the
/// addresses, the length and the protocol.
pub(crate) fn is_uncovered(field: FieldRef) -> bool {
    match field.header {
        HeaderId::ETH | HeaderId::VLAN | HeaderId::VLAN2 | HeaderId::ARP => true,
        HeaderId::IP6 => {
            matches!(field.def().name, "version" | "dscp" | "ecn" | "label" | "ttl")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trama_wire::header::HEADERS;

    #[test]
    fn windows_hold_their_field_and_stay_in_the_header() {
        for header in HEADERS {
            for (index, field) in header.fields.iter().enumerate() {
                let at = Window::of(FieldRef { header: header.id, field: index as u8 });
                let start = at.byte as u16 * 8;
                let end = start + u16::from(at.bytes) * 8;
                assert!(start <= field.bit, "{}.{}", header.name, field.name);
                assert_eq!(end - u16::from(at.shift), field.bit + u16::from(field.width));
                assert!(end <= header.min_len * 8, "{}.{}", header.name, field.name);
            }
        }
    }

    #[test]
    fn known_windows() {
        let window = |header: HeaderId, name| Window::of(header.field(name).unwrap());
        let at = |byte, bytes, shift, width| Window { byte, bytes, shift, width };
        assert_eq!(window(HeaderId::ETH, "dst"), at(0, 8, 16, 48));
        assert_eq!(window(HeaderId::ETH, "src"), at(4, 8, 0, 48));
        assert_eq!(window(HeaderId::IP, "frag"), at(6, 2, 0, 13));
        assert_eq!(window(HeaderId::IP6, "label"), at(0, 4, 0, 20));
        assert_eq!(window(HeaderId::TCP, "flags.syn"), at(13, 1, 1, 1));
    }
}
