//! Types to bytes.

use super::{Btf, Qualifier, Type};
use std::collections::BTreeMap;

/// Strings, each once; offset 0 is the empty one.
#[derive(Debug)]
pub(crate) struct Strings {
    bytes: Vec<u8>,
    known: BTreeMap<String, u32>,
}

impl Strings {
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0], known: BTreeMap::from([(String::new(), 0)]) }
    }

    /// The offset of a string.
    pub(crate) fn add(&mut self, text: &str) -> u32 {
        if let Some(known) = self.known.get(text) {
            return *known;
        }
        let at = u32::try_from(self.bytes.len()).expect("strings are few");
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(0);
        self.known.insert(text.to_owned(), at);
        at
    }
}

impl Btf {
    /// The contents of a `.BTF` section.
    pub fn write(&self) -> Vec<u8> {
        self.write_with(Strings::new())
    }

    /// As [`write`](Self::write), with strings that `.BTF.ext` refers to first.
    pub(crate) fn write_with(&self, mut strings: Strings) -> Vec<u8> {
        let mut words = Vec::new();
        for kind in &self.types {
            write_type(kind, &mut strings, &mut words);
        }
        let types_len = words.len() as u32 * 4;
        let header = [0xeb9f | 1 << 16, 24, 0, types_len, types_len, strings.bytes.len() as u32];
        let all = header.into_iter().chain(words);
        let mut bytes: Vec<u8> = all.flat_map(u32::to_le_bytes).collect();
        bytes.extend_from_slice(&strings.bytes);
        bytes
    }
}

/// Number of the kind; count or linkage; flag; size or type; then what follows.
/// long: one row for each kind
fn write_type(kind: &Type, strings: &mut Strings, words: &mut Vec<u32>) {
    let name = strings.add(kind.name());
    let mut tail = Vec::new();
    let (number, count, flag, word) = match kind {
        Type::Int { bytes, bits, encoding, .. } => {
            tail.push(u32::from(*encoding) << 24 | u32::from(*bits));
            (1, 0, false, *bytes)
        }
        Type::Pointer(target) => (2, 0, false, *target),
        Type::Array { element, index, len } => {
            tail.extend([*element, *index, *len]);
            (3, 0, false, 0)
        }
        Type::Struct { is_union, bytes, members, .. } => {
            let flag = members.iter().any(|member| member.width_bits != 0);
            for member in members {
                let width = u32::from(member.width_bits) << 24;
                let name = strings.add(&member.name);
                tail.extend([name, member.target, member.offset_bits | width]);
            }
            (if *is_union { 5 } else { 4 }, members.len(), flag, *bytes)
        }
        Type::Enum { bytes, signed, values, wide, .. } => {
            for (name, value) in values {
                tail.extend([strings.add(name), *value as u32]);
                tail.extend(wide.then_some((value >> 32) as u32));
            }
            (if *wide { 19 } else { 6 }, values.len(), *signed, *bytes)
        }
        Type::Forward { is_union, .. } => (7, 0, *is_union, 0),
        Type::Typedef { target, .. } => (8, 0, false, *target),
        Type::Qualified { qualifier, target } => {
            let number = match qualifier {
                Qualifier::Volatile => 9,
                Qualifier::Const => 10,
                Qualifier::Restrict => 11,
                Qualifier::Tag(_) => 18,
            };
            (number, 0, false, *target)
        }
        Type::Function { prototype, linkage, .. } => (12, *linkage as usize, false, *prototype),
        Type::Prototype { result, parameters } => {
            for (name, target) in parameters {
                tail.extend([strings.add(name), *target]);
            }
            (13, parameters.len(), false, *result)
        }
        Type::Variable { target, linkage, .. } => {
            tail.push(*linkage);
            (14, 0, false, *target)
        }
        Type::Section { bytes, variables, .. } => {
            for place in variables {
                tail.extend([place.variable, place.offset, place.bytes]);
            }
            (15, variables.len(), false, *bytes)
        }
        Type::Float { bytes, .. } => (16, 0, false, *bytes),
        Type::DeclarationTag { target, component, .. } => {
            tail.push(*component);
            (17, 0, false, *target)
        }
    };
    let info = number << 24 | u32::from(flag) << 31 | count as u32;
    words.extend([name, info, word]);
    words.append(&mut tail);
}
