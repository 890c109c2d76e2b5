//! Names and records of DNS messages (RFC 1035, section 4.1).
//!
//! **Invariants:** a compression pointer is followed only to a place before the name that it stands
//! in, and so on, strictly backwards; a name has at most 255 bytes; at most [`RECORDS_MAX`] records
//! are looked at. So every message ends, whoever wrote it.

use crate::bytes::ByteString;

/// Most records of a message that are walked over.
pub(super) const RECORDS_MAX: usize = 256;

/// Most bytes of a name on the wire (RFC 1035, section 2.3.4).
const NAME_BYTES_MAX: usize = 255;

/// Types of records whose data is one name, or a name behind a few bytes: those bytes.
const NAMED: [(u16, usize); 6] = [(2, 0), (5, 0), (12, 0), (15, 2), (33, 6), (39, 0)];

/// A question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) name: ByteString,
    pub(super) kind: u16,
    pub(super) class: u16,
}

/// An answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) name: ByteString,
    pub(super) kind: u16,
    pub(super) class: u16,
    /// Seconds.
    pub(super) ttl: u32,
    /// The name that the data is or ends with, for types whose data does; else the data, cut.
    pub(super) data: ByteString,
    pub(super) ip4: Option<u32>,
    pub(super) ip6: Option<u128>,
}

/// The first question of a message.
pub(super) fn question(message: &[u8]) -> Option<Question> {
    if word(message, 4)? == 0 {
        return None;
    }
    let (name, at) = name(message, 12)?;
    Some(Question { name, kind: word(message, at)?, class: word(message, at + 2)? })
}

/// The answer with this index.
pub(super) fn answer(message: &[u8], index: usize) -> Option<Record> {
    let (questions, answers) = (word(message, 4)?, word(message, 6)?);
    if index >= usize::from(answers) || usize::from(questions) + index >= RECORDS_MAX {
        return None;
    }
    let mut at = 12;
    for _ in 0..questions {
        at = skip_name(message, at)? + 4;
    }
    for _ in 0..index {
        let fixed = skip_name(message, at)?;
        at = fixed + 10 + usize::from(word(message, fixed + 8)?);
    }
    let (name, fixed) = name(message, at)?;
    let (kind, class) = (word(message, fixed)?, word(message, fixed + 2)?);
    let ttl = u32::from(word(message, fixed + 4)?) << 16 | u32::from(word(message, fixed + 6)?);
    let from = fixed + 10;
    let data = message.get(from..from + usize::from(word(message, fixed + 8)?))?;
    let named = NAMED.iter().find(|(known, _)| *known == kind);
    let target = named.and_then(|(_, skip)| self::name(message, from + skip));
    Some(Record {
        name,
        kind,
        class,
        ttl,
        data: target.map_or_else(|| ByteString::new(data), |(name, _)| name),
        ip4: (kind == 1).then(|| data.try_into().ok().map(u32::from_be_bytes)).flatten(),
        ip6: (kind == 28).then(|| data.try_into().ok().map(u128::from_be_bytes)).flatten(),
    })
}

/// The name at `at`, its labels with dots between them, and where what follows it begins.
fn name(message: &[u8], at: usize) -> Option<(ByteString, usize)> {
    let mut name = ByteString::default();
    let (mut at, mut start, mut wire_bytes) = (at, at, 1);
    let mut behind = None;
    loop {
        match *message.get(at)? {
            0 => return Some((name, behind.unwrap_or(at + 1))),
            len @ 1..=63 => {
                let label = message.get(at + 1..at + 1 + usize::from(len))?;
                wire_bytes += 1 + label.len();
                if wire_bytes > NAME_BYTES_MAX {
                    return None;
                }
                if !name.as_slice().is_empty() {
                    name.extend(b".");
                }
                name.extend(label);
                at += 1 + label.len();
            }
            0xc0.. => {
                behind = behind.or(Some(at + 2));
                let target = usize::from(word(message, at)? & 0x3fff);
                if target >= start {
                    return None;
                }
                (at, start) = (target, target);
            }
            // Reserved (RFC 6891, section 5).
            _ => return None,
        }
    }
}

/// Where what follows the name at `at` begins.
fn skip_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            len @ 1..=63 => at += 1 + usize::from(len),
            0xc0.. => return Some(at + 2),
            _ => return None,
        }
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|word| u16::from_be_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message with these numbers of questions and answers.
    fn message(questions: u16, answers: u16, rest: &[u8]) -> Vec<u8> {
        let mut out = vec![0; 12];
        out[4..6].copy_from_slice(&questions.to_be_bytes());
        out[6..8].copy_from_slice(&answers.to_be_bytes());
        out.extend_from_slice(rest);
        out
    }

    fn text(name: &[u8]) -> ByteString {
        ByteString::new(name)
    }

    #[test]
    fn questions_and_answers_are_read() {
        let rest = b"\x03www\x07example\x03com\0\0\x01\0\x01\
            \xc0\x0c\0\x05\0\x01\0\0\x01\0\0\x06\x03web\xc0\x10\
            \xc0\x2d\0\x01\0\x01\0\0\0\x3c\0\x04\x0a\0\0\x05";
        let message = message(1, 2, rest);
        let expected = Question { name: text(b"www.example.com"), kind: 1, class: 1 };
        assert_eq!(question(&message), Some(expected));
        let alias = answer(&message, 0).unwrap();
        assert_eq!((alias.kind, alias.ttl, alias.data), (5, 256, text(b"web.example.com")));
        let host = answer(&message, 1).unwrap();
        assert_eq!((host.name, host.ip4), (text(b"web.example.com"), Some(0x0a00_0005)));
        assert_eq!((host.data, host.ip6), (text(b"\x0a\0\0\x05"), None));
        assert_eq!(answer(&message, 2), None);
        for len in 0..message.len() {
            assert_eq!(answer(&message[..len], 1), None, "{len}");
        }
    }

    #[test]
    fn loops_and_forward_pointers_are_no_names() {
        let is_name = |rest: &[u8]| question(&message(1, 0, rest)).is_some();
        assert!(is_name(b"\x01a\0\0\x01\0\x01"));
        assert!(is_name(b"\0\0\x01\0\x01"), "the root");
        assert!(!is_name(b"\xc0\x0c\0\x01\0\x01"), "to itself");
        assert!(!is_name(b"\x01a\xc0\x0c\0\x01\0\x01"), "to its own beginning");
        assert!(!is_name(b"\xc0\x12\0\x01\0\x01\x01a\0"), "forward");
        assert!(!is_name(b"\x41a\0\0\x01\0\x01"), "reserved");
        let pair = b"\x01a\xc0\x12\0\x01\x01b\xc0\x0c\0\x01\0\x01";
        assert!(!is_name(pair), "to each other");
        assert_eq!(answer(&message(0, 0xffff, &[0; 4000]), 0xfffe), None);
    }

    #[test]
    fn names_have_a_limit() {
        let labels = |count: usize| [b"\x3f".to_vec(), vec![b'x'; 63]].concat().repeat(count);
        let with = |count| message(1, 0, &[labels(count), vec![0, 0, 1, 0, 1]].concat());
        assert_eq!(question(&with(3)).unwrap().name.as_slice().len(), 191);
        assert_eq!(question(&with(4)), None);
    }
}
