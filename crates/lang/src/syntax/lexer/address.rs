//! Addresses and prefixes: `10.0.0.1`, `10.0.0.0/8`, `2001:db8::1`, `02:00:00:00:00:01`.

use super::{Lexer, is_word};
use crate::diagnostic::Diagnostic;
use crate::syntax::ast::Literal;
use crate::syntax::token::TokenKind;
use core::net::{Ipv4Addr, Ipv6Addr};

/// More than any address has; longer runs of digits and colons are not looked at.
const ADDRESS_BYTES_MAX: usize = 64;

impl Lexer<'_> {
    /// Takes an address or prefix if one begins here; else takes nothing and returns false.
    pub(super) fn address(&mut self) -> bool {
        if let Some(len) = colon_run(self.rest()) {
            self.colon_address(len);
            return true;
        }
        if self.rest().starts_with("::") && !self.rest().starts_with(":::") {
            self.error("E0006", "`::` stands in IPv6 addresses only", 2, "not an address");
            self.token(TokenKind::Bad, 2);
            return true;
        }
        let Some(len) = dotted_run(self.rest()) else { return false };
        match self.rest()[..len].parse::<Ipv4Addr>() {
            Ok(address) => self.ip4(u32::from(address), len),
            Err(_) => {
                self.error(
                    "E0006",
                    "this is not an IPv4 address",
                    len,
                    "each of the four numbers is 0 to 255, without leading zeros",
                );
                self.token(TokenKind::Bad, len);
            }
        }
        true
    }

    fn colon_address(&mut self, len: usize) {
        let text = &self.rest()[..len];
        if let Some(mac) = mac(text) {
            self.token(TokenKind::Literal(Literal::Mac(mac)), len);
        } else if let Ok(address) = text.parse::<Ipv6Addr>() {
            self.ip6(u128::from(address), len);
        } else {
            let groups = text.split(':').filter(|g| !g.is_empty()).count();
            let label = if groups > 8 {
                "an IPv6 address has at most eight groups"
            } else {
                "an IPv6 address has eight groups of up to four hex digits (`::` once for zeros); \
                 an Ethernet address six of two"
            };
            self.error("E0006", "this is not an address", len, label);
            self.token(TokenKind::Bad, len);
        }
    }

    fn ip4(&mut self, address: u32, len: usize) {
        let Some((bits, total)) = self.prefix_len(len, 32) else {
            return self.token(TokenKind::Literal(Literal::Ip4(address)), len);
        };
        let Some(bits) = bits else { return self.token(TokenKind::Bad, total) };
        let masked = if bits == 0 { 0 } else { address & (u32::MAX << (32 - bits)) };
        if masked != address {
            let right = format!("{}/{bits}", Ipv4Addr::from(masked));
            return self.host_bits(total, bits, right);
        }
        self.token(TokenKind::Literal(Literal::Prefix4(address, bits)), total);
    }

    fn ip6(&mut self, address: u128, len: usize) {
        let Some((bits, total)) = self.prefix_len(len, 128) else {
            return self.token(TokenKind::Literal(Literal::Ip6(address)), len);
        };
        let Some(bits) = bits else { return self.token(TokenKind::Bad, total) };
        let masked = if bits == 0 { 0 } else { address & (u128::MAX << (128 - bits)) };
        if masked != address {
            let right = format!("{}/{bits}", Ipv6Addr::from(masked));
            return self.host_bits(total, bits, right);
        }
        self.token(TokenKind::Literal(Literal::Prefix6(address, bits)), total);
    }

    /// The `/len` glued to an address of `len` bytes: `None` if there is none; the length (`None`
    /// after a message) and the bytes of the whole.
    fn prefix_len(&mut self, len: usize, most: u8) -> Option<(Option<u8>, usize)> {
        let digits = self.rest()[len..].strip_prefix('/')?;
        let count = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        if count == 0 {
            return None;
        }
        let total = len + 1 + count;
        match digits[..count].parse::<u8>() {
            Ok(bits) if bits <= most => Some((Some(bits), total)),
            _ => {
                let label = format!("a prefix length here is 0 to {most}");
                self.error("E0006", "this prefix is too long", total, &label);
                Some((None, total))
            }
        }
    }

    fn host_bits(&mut self, len: usize, bits: u8, right: String) {
        let span = self.span(self.at, self.at + len);
        self.diagnose(
            Diagnostic::error(
                "E0007",
                "this prefix has bits beyond its length",
                span,
                format!("only the first {bits} bits may be set"),
            )
            .note("write a prefix with its first address; `x in` a prefix covers all of it")
            .patch(span, right),
        );
        self.token(TokenKind::Bad, len);
    }
}

/// Length of the run of hex digits and colons that begins `text`, if it has two colons at least
/// and is not the beginning of a longer word.
fn colon_run(text: &str) -> Option<usize> {
    if text.starts_with(":::") || (text.starts_with(':') && !text.starts_with("::")) {
        return None;
    }
    let bytes = text.as_bytes();
    let (mut len, mut colons) = (0, 0);
    while let Some(&b) = bytes.get(len) {
        let next_is_digit = bytes.get(len + 1).is_some_and(u8::is_ascii_digit);
        match b {
            b':' => colons += 1,
            b'.' if colons >= 2 && next_is_digit => {}
            _ if b.is_ascii_hexdigit() => {}
            _ => break,
        }
        len += 1;
        if len > ADDRESS_BYTES_MAX {
            return None;
        }
    }
    if text[..len].ends_with(':') && !text[..len].ends_with("::") {
        len -= 1;
        colons -= 1;
    }
    let ends = !text[len..].starts_with(is_word);
    (colons >= 2 && ends).then_some(len)
}

/// Length of four numbers with dots between them that begin `text`.
fn dotted_run(text: &str) -> Option<usize> {
    let mut len = 0;
    for group in 0..4 {
        let digits = text[len..].bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return None;
        }
        len += digits;
        if group < 3 {
            if !text[len..].starts_with('.') {
                return None;
            }
            len += 1;
        }
    }
    (!text[len..].starts_with(is_word)).then_some(len)
}

fn mac(text: &str) -> Option<u64> {
    let mut groups = 0;
    let mut value = 0;
    for group in text.split(':') {
        if group.len() != 2 {
            return None;
        }
        value = value << 8 | u64::from_str_radix(group, 16).ok()?;
        groups += 1;
    }
    (groups == 6).then_some(value)
}
