//! What programs take out of bytes: slices of a payload, parts of names, what a protocol says deep
//! inside a message.
//!
//! Each [`Extractor`] is a pure, total function from the bytes of a packet and from scalars to
//! scalars; byte strings are passed as their [leaves](crate::bytes). Both engines call the same
//! functions. The work of each is bounded by the length of what it reads.

use crate::bytes::{ByteString, leaf_count};
use crate::packet::Packet;

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
    ];

    /// True if it reads a packet.
    pub const fn reads_packet(self) -> bool {
        matches!(self, Self::Payload)
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
        }
    }

    /// Its results.
    pub const fn results(self) -> &'static [Part] {
        use Part::{Bytes, Scalar};
        match self {
            Self::Payload | Self::Slice | Self::Lower | Self::Labels => &[Bytes],
            Self::StartsWith | Self::EndsWith | Self::Contains => &[Scalar(1)],
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
        let mut args = Arguments { rest: args, words: leaf_count(self.max) };
        match self.what {
            Extractor::Payload => {
                let Some(packet) = packet else { return };
                let (from, to) = (args.scalar(), args.scalar());
                self.give(between(packet.payload(), from, to), results);
            }
            Extractor::Slice => {
                let (from, to, text) = (args.scalar(), args.scalar(), args.bytes());
                self.give(between(text.as_slice(), from, to), results);
            }
            Extractor::StartsWith => {
                let (text, part) = (args.bytes(), args.bytes());
                answer(text.as_slice().starts_with(part.as_slice()), results);
            }
            Extractor::EndsWith => {
                let (text, part) = (args.bytes(), args.bytes());
                answer(text.as_slice().ends_with(part.as_slice()), results);
            }
            Extractor::Contains => {
                let (text, part) = (args.bytes(), args.bytes());
                answer(contains(text.as_slice(), part.as_slice()), results);
            }
            Extractor::Lower => {
                let text = args.bytes().as_slice().to_ascii_lowercase();
                self.give(&text, results);
            }
            Extractor::Labels => {
                let (count, text) = (args.scalar(), args.bytes());
                self.give(last_labels(text.as_slice(), count), results);
            }
        }
    }

    /// Gives a byte string.
    fn give(self, bytes: &[u8], results: &mut [u128]) {
        ByteString::new(bytes).write_leaves(self.max, results);
    }
}

fn answer(truth: bool, results: &mut [u128]) {
    if let Some(result) = results.first_mut() {
        *result = truth.into();
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
        let Some((first, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        usize::try_from(*first).unwrap_or(usize::MAX)
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
