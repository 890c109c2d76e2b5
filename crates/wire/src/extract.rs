//! What programs take out of bytes: slices of a payload, parts of names, what a protocol says deep
//! inside a message.
//!
//! Each [`Extractor`] is a pure, total function from the bytes of a packet and from scalars to
//! scalars; byte strings are passed as their [leaves](crate::bytes). Both engines call the same
//! functions. The work of each is bounded by the length of what it reads.

mod dns;
mod quic;
mod tls;

use crate::bytes::{ByteString, leaf_count};
use crate::header::HeaderId;
use crate::packet::Packet;
use core::net::{Ipv4Addr, Ipv6Addr};
use std::fmt;

/// An extractor with the size of the byte strings that it takes and gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Extract {
    /// What it does.
    pub what: Extractor,
    /// Most bytes of each byte string; longer results are cut.
    pub max: u8,
}

/// What an extractor does. `s` and `t` are byte strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extractor {
    /// Payload bytes `from..to` (32 bits each), as far as the datagram has them.
    Payload,
    /// `s[from..to]` (32 bits each), as far as `s` has them.
    Slice,
    /// `s` begins with `t`.
    StartsWith,
    /// `s` ends with `t`.
    EndsWith,
    /// `t` stands somewhere in `s`.
    Contains,
    /// `s` with ASCII letters in lower case.
    Lower,
    /// The last `n` (32 bits) of the parts of `s` that dots separate; all of `s` if it has fewer.
    Labels,
    /// `s` with one byte (8 bits) behind it, if it has room.
    Push,
    /// An IPv4 address (32 bits) as text.
    Ip4Text,
    /// An IPv6 address (128 bits) as text (RFC 5952).
    Ip6Text,
    /// The first question of a DNS message: if there is one, its name, type and class.
    DnsQuestion,
    /// An answer of a DNS message by its index (32 bits): if there is one, its name, type, class,
    /// time to live in seconds, data (a name, where it is one), IPv4 and IPv6 address, if any.
    DnsAnswer,
    /// What the TLS client that begins in a TCP segment says: if there is one, if its message is
    /// whole, the highest version, the name of the server if it is there, the first protocol.
    TlsClientHello,
    /// The same of a QUIC client in a UDP datagram.
    QuicClientHello,
    /// The name of the server alone, if it is there: TLS over TCP.
    TlsServerName,
    /// The same of a QUIC client in a UDP datagram.
    QuicServerName,
}

/// A parameter or result of an extractor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A scalar of this many bits.
    Scalar(u8),
    /// A byte string of at most [`Extract::max`] bytes.
    Bytes,
}

impl Extractor {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Payload,
        Self::Slice,
        Self::StartsWith,
        Self::EndsWith,
        Self::Contains,
        Self::Lower,
        Self::Labels,
        Self::Push,
        Self::Ip4Text,
        Self::Ip6Text,
        Self::DnsQuestion,
        Self::DnsAnswer,
        Self::TlsClientHello,
        Self::QuicClientHello,
        Self::TlsServerName,
        Self::QuicServerName,
    ];

    /// True if it reads a packet.
    pub const fn reads_packet(self) -> bool {
        !matches!(
            self,
            Self::Slice
                | Self::StartsWith
                | Self::EndsWith
                | Self::Contains
                | Self::Lower
                | Self::Labels
                | Self::Push
                | Self::Ip4Text
                | Self::Ip6Text
        )
    }

    /// Its parameters.
    pub const fn parameters(self) -> &'static [Part] {
        use Part::{Bytes, Scalar};
        match self {
            Self::Payload => &[Scalar(32), Scalar(32)],
            Self::Slice => &[Scalar(32), Scalar(32), Bytes],
            Self::StartsWith | Self::EndsWith | Self::Contains => &[Bytes, Bytes],
            Self::Lower => &[Bytes],
            Self::Labels => &[Scalar(32), Bytes],
            Self::Push => &[Scalar(8), Bytes],
            Self::Ip4Text | Self::DnsAnswer => &[Scalar(32)],
            Self::Ip6Text => &[Scalar(128)],
            Self::DnsQuestion
            | Self::TlsClientHello
            | Self::QuicClientHello
            | Self::TlsServerName
            | Self::QuicServerName => &[],
        }
    }

    /// Its results.
    pub const fn results(self) -> &'static [Part] {
        use Part::{Bytes, Scalar};
        match self {
            Self::Payload
            | Self::Slice
            | Self::Lower
            | Self::Labels
            | Self::Push
            | Self::Ip4Text
            | Self::Ip6Text => &[Bytes],
            Self::StartsWith | Self::EndsWith | Self::Contains => &[Scalar(1)],
            Self::DnsQuestion => &[Scalar(1), Bytes, Scalar(16), Scalar(16)],
            Self::DnsAnswer => &[
                Scalar(1),
                Bytes,
                Scalar(16),
                Scalar(16),
                Scalar(32),
                Bytes,
                Scalar(1),
                Scalar(32),
                Scalar(1),
                Scalar(128),
            ],
            Self::TlsClientHello | Self::QuicClientHello => {
                &[Scalar(1), Scalar(1), Scalar(16), Scalar(1), Bytes, Bytes]
            }
            Self::TlsServerName | Self::QuicServerName => &[Scalar(1), Bytes],
        }
    }
}

impl Extract {
    /// Widths in bits of the leaves of the parameters.
    pub fn argument_widths(self) -> Vec<u8> {
        self.widths(self.what.parameters())
    }

    /// Widths in bits of the leaves of the results.
    pub fn result_widths(self) -> Vec<u8> {
        self.widths(self.what.results())
    }

    fn widths(self, parts: &[Part]) -> Vec<u8> {
        let words = leaf_count(self.max) - 1;
        let mut out = Vec::new();
        for part in parts {
            match part {
                Part::Scalar(width) => out.push(*width),
                Part::Bytes => {
                    out.push(16);
                    out.extend(std::iter::repeat_n(128, words));
                }
            }
        }
        out
    }

    /// Computes the results from the leaves of the arguments. All are zero if there is no packet
    /// and one is needed. Slices of another length than the widths say are read as if filled up
    /// with zeros, and filled as far as they go.
    pub fn run(self, packet: Option<&Packet>, args: &[u128], results: &mut [u128]) {
        results.fill(0);
        let args = Arguments { rest: args, words: leaf_count(self.max) };
        let results = Results { rest: results, max: self.max };
        match packet {
            Some(packet) if self.what.reads_packet() => self.what.read(packet, args, results),
            _ => self.what.compute(args, results),
        }
    }
}

impl Extractor {
    /// What is read from a packet.
    fn read(self, packet: &Packet, mut args: Arguments<'_>, mut results: Results<'_>) {
        let has = |id| packet.layout().present.has(id);
        let payload = packet.payload();
        match self {
            Self::Payload => {
                let (from, to) = (args.scalar(), args.scalar());
                results.bytes(&ByteString::new(between(payload, from, to)));
            }
            Self::DnsQuestion if has(HeaderId::DNS) => {
                if let Some(question) = dns::question(payload) {
                    results.scalar(1_u8);
                    results.bytes(&question.name);
                    results.scalar(question.kind);
                    results.scalar(question.class);
                }
            }
            Self::DnsAnswer if has(HeaderId::DNS) => {
                if let Some(record) = dns::answer(payload, args.scalar()) {
                    results.record(&record);
                }
            }
            Self::TlsClientHello if has(HeaderId::TCP) => results.hello(tls::in_segment(payload)),
            Self::QuicClientHello if has(HeaderId::UDP) => {
                results.hello(quic::in_datagram(payload))
            }
            Self::TlsServerName if has(HeaderId::TCP) => {
                results.optional(tls::in_segment(payload).and_then(|hello| hello.server_name));
            }
            Self::QuicServerName if has(HeaderId::UDP) => {
                results.optional(quic::in_datagram(payload).and_then(|hello| hello.server_name));
            }
            _ => {}
        }
    }

    /// What is computed from arguments alone.
    fn compute(self, mut args: Arguments<'_>, mut results: Results<'_>) {
        match self {
            Self::Slice => {
                let (from, to, text) = (args.scalar(), args.scalar(), args.bytes());
                results.bytes(&ByteString::new(between(text.as_slice(), from, to)));
            }
            Self::StartsWith => {
                let (text, part) = (args.bytes(), args.bytes());
                results.scalar(text.as_slice().starts_with(part.as_slice()));
            }
            Self::EndsWith => {
                let (text, part) = (args.bytes(), args.bytes());
                results.scalar(text.as_slice().ends_with(part.as_slice()));
            }
            Self::Contains => {
                let (text, part) = (args.bytes(), args.bytes());
                results.scalar(contains(text.as_slice(), part.as_slice()));
            }
            Self::Lower => results.bytes(&args.bytes().to_ascii_lowercase()),
            Self::Labels => {
                let (count, text) = (args.scalar(), args.bytes());
                results.bytes(&ByteString::new(last_labels(text.as_slice(), count)));
            }
            Self::Push => {
                let (byte, mut text) = (args.scalar(), args.bytes());
                text.extend(&[byte as u8]);
                results.bytes(&text);
            }
            Self::Ip4Text => results.text(Ipv4Addr::from(args.scalar() as u32)),
            Self::Ip6Text => results.text(Ipv6Addr::from(args.wide())),
            _ => {}
        }
    }
}

/// Results not yet given.
struct Results<'a> {
    rest: &'a mut [u128],
    max: u8,
}

impl Results<'_> {
    fn scalar(&mut self, value: impl Into<u128>) {
        self.leaves(1, |own, _| own[0] = value.into());
    }

    fn bytes(&mut self, bytes: &ByteString) {
        self.leaves(leaf_count(self.max), |own, max| bytes.write_leaves(max, own));
    }

    fn text(&mut self, value: impl fmt::Display) {
        self.bytes(&ByteString::new(value.to_string().as_bytes()));
    }

    /// Fills the next leaves, if there are so many.
    fn leaves(&mut self, count: usize, fill: impl FnOnce(&mut [u128], u8)) {
        let rest = std::mem::take(&mut self.rest);
        if let Some((own, others)) = rest.split_at_mut_checked(count) {
            fill(own, self.max);
            self.rest = others;
        }
    }

    fn optional(&mut self, found: Option<ByteString>) {
        self.scalar(found.is_some());
        self.bytes(&found.unwrap_or_default());
    }

    fn record(&mut self, record: &dns::Record) {
        self.scalar(1_u8);
        self.bytes(&record.name);
        self.scalar(record.kind);
        self.scalar(record.class);
        self.scalar(record.ttl);
        self.bytes(&record.data);
        self.scalar(record.ip4.is_some());
        self.scalar(record.ip4.unwrap_or_default());
        self.scalar(record.ip6.is_some());
        self.scalar(record.ip6.unwrap_or_default());
    }

    fn hello(&mut self, hello: Option<tls::ClientHello>) {
        if let Some(hello) = hello {
            self.scalar(1_u8);
            self.scalar(hello.complete);
            self.scalar(hello.version);
            self.optional(hello.server_name);
            self.bytes(&hello.alpn);
        }
    }
}

/// Arguments not yet taken.
struct Arguments<'a> {
    rest: &'a [u128],
    /// Leaves of a byte string.
    words: usize,
}

impl Arguments<'_> {
    fn scalar(&mut self) -> usize {
        usize::try_from(self.wide()).unwrap_or(usize::MAX)
    }

    fn wide(&mut self) -> u128 {
        let Some((first, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        *first
    }

    fn bytes(&mut self) -> ByteString {
        let (own, rest) = self.rest.split_at(self.words.min(self.rest.len()));
        self.rest = rest;
        ByteString::from_leaves(own)
    }
}

/// The bytes `from..to`, as far as there are any.
fn between(bytes: &[u8], from: usize, to: usize) -> &[u8] {
    let to = to.min(bytes.len());
    bytes.get(from.min(to)..to).unwrap_or_default()
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    part.is_empty() || text.windows(part.len()).any(|window| window == part)
}

/// What follows the dot before the last `count` labels.
fn last_labels(text: &[u8], count: usize) -> &[u8] {
    let Some(before) = count.checked_sub(1) else { return &[] };
    let dots = text.iter().enumerate().rev().filter(|(_, byte)| **byte == b'.');
    match dots.map(|(at, _)| at).nth(before) {
        Some(dot) => &text[dot + 1..],
        None => text,
    }
}

#[cfg(test)]
mod tests;
