//! Bytes to types.

use super::{Btf, Member, Place, Qualifier, Type};

/// Why bytes are not BTF.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("type information: {0}")]
pub struct BtfError(pub String);

const MAGIC: u16 = 0xeb9f;

/// Most types that are read; the kernel's own are fewer than a quarter of a million.
const TYPES_MAX: usize = 1 << 20;

/// Words of a little-endian table, read in order.
pub(crate) struct Words<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Words<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn next(&mut self) -> Result<u32, BtfError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let word = rest.first_chunk().ok_or_else(|| BtfError("it ends too early".into()))?;
        self.at += 4;
        Ok(u32::from_le_bytes(*word))
    }

    /// The bytes that come next.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<&'a [u8], BtfError> {
        let end = self.at.saturating_add(bytes);
        let taken = self.bytes.get(self.at..end);
        self.at = end;
        taken.ok_or_else(|| BtfError("it ends too early".into()))
    }

    pub(crate) const fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }
}

/// The string at an offset.
pub(crate) fn string(strings: &[u8], offset: u32) -> Result<String, BtfError> {
    let rest = strings.get(offset as usize..);
    let rest = rest.ok_or_else(|| BtfError(format!("there is no string at {offset}")))?;
    let end = rest.iter().position(|byte| *byte == 0);
    let end = end.ok_or_else(|| BtfError(format!("the string at {offset} does not end")))?;
    Ok(String::from_utf8_lossy(&rest[..end]).into_owned())
}

/// A part of `bytes` behind a header.
pub(crate) fn part(bytes: &[u8], header: u32, offset: u32, len: u32) -> Result<&[u8], BtfError> {
    let start = u64::from(header) + u64::from(offset);
    let end = start + u64::from(len);
    let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
    let part = range.and_then(|(start, end)| bytes.get(start..end));
    part.ok_or_else(|| BtfError("a part lies outside of it".into()))
}

/// The header's length; the words behind it come next.
pub(crate) fn header(words: &mut Words<'_>) -> Result<u32, BtfError> {
    let first = words.next()?;
    if first as u16 == MAGIC.swap_bytes() {
        return Err(BtfError("it is big endian".into()));
    }
    if first as u16 != MAGIC || first >> 16 & 0xff != 1 {
        return Err(BtfError("it does not begin like version 1".into()));
    }
    words.next()
}

impl Btf {
    /// Reads the contents of a `.BTF` section or of `/sys/kernel/btf/vmlinux`.
    pub fn read(bytes: &[u8]) -> Result<Self, BtfError> {
        Self::read_with_strings(bytes).map(|(btf, _)| btf)
    }

    /// As [`read`](Self::read), with the strings, to which `.BTF.ext` refers.
    pub(crate) fn read_with_strings(bytes: &[u8]) -> Result<(Self, &[u8]), BtfError> {
        let mut words = Words::new(bytes);
        let len = header(&mut words)?;
        let (types_at, types_len) = (words.next()?, words.next()?);
        let (strings_at, strings_len) = (words.next()?, words.next()?);
        let types = part(bytes, len, types_at, types_len)?;
        let strings = part(bytes, len, strings_at, strings_len)?;
        let mut words = Words::new(types);
        let mut btf = Self::default();
        while !words.is_at_end() {
            if btf.types.len() >= TYPES_MAX {
                return Err(BtfError("there are too many types".into()));
            }
            btf.types.push(read_type(&mut words, strings)?);
        }
        btf.check()?;
        Ok((btf, strings))
    }

    /// Every type that is named is there; nothing that has a size contains itself.
    fn check(&self) -> Result<(), BtfError> {
        for (id, kind) in self.iter() {
            if let Some(target) = kind.targets().into_iter().find(|t| *t as usize > self.len()) {
                return Err(BtfError(format!("type {id} names type {target}, which is not there")));
            }
        }
        // 1: on the way, 2: done. Pointers may point to what contains them.
        let mut seen = vec![0u8; self.len() + 1];
        for (id, _) in self.iter() {
            let mut path = vec![(id, 0)];
            while let Some((at, next)) = path.pop() {
                if next == 0 {
                    if seen[at as usize] == 2 {
                        continue;
                    }
                    seen[at as usize] = 1;
                }
                let inner = self.get(at).map(contained).unwrap_or_default();
                match inner.get(next) {
                    None => seen[at as usize] = 2,
                    Some(target) => {
                        path.push((at, next + 1));
                        match seen[*target as usize] {
                            1 => return Err(BtfError(format!("type {target} contains itself"))),
                            0 => path.push((*target, 0)),
                            _ => {}
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// Types of which a value of this one consists, or which it only renames.
fn contained(kind: &Type) -> Vec<u32> {
    match kind {
        Type::Array { element, .. } => vec![*element],
        Type::Struct { .. } | Type::Typedef { .. } | Type::Qualified { .. } => kind.targets(),
        _ => Vec::new(),
    }
}

/// long: one row for each kind
fn read_type(words: &mut Words<'_>, strings: &[u8]) -> Result<Type, BtfError> {
    let name = string(strings, words.next()?)?;
    let info = words.next()?;
    // Its size, or a type that it names.
    let bytes = words.next()?;
    let target = bytes;
    let (count, kind, flag) = ((info & 0xffff) as usize, info >> 24 & 0x1f, info >> 31 == 1);
    let qualified = |qualifier| Type::Qualified { qualifier, target };
    Ok(match kind {
        1 => {
            let word = words.next()?;
            Type::Int { name, bytes, bits: word as u8, encoding: (word >> 24 & 15) as u8 }
        }
        2 => Type::Pointer(target),
        3 => Type::Array { element: words.next()?, index: words.next()?, len: words.next()? },
        4 | 5 => {
            let mut members = Vec::new();
            for _ in 0..count {
                let name = string(strings, words.next()?)?;
                let (target, place) = (words.next()?, words.next()?);
                let (offset_bits, width_bits) = match flag {
                    true => (place & 0x00ff_ffff, (place >> 24) as u8),
                    false => (place, 0),
                };
                members.push(Member { name, target, offset_bits, width_bits });
            }
            Type::Struct { name, is_union: kind == 5, bytes, members }
        }
        6 | 19 => {
            let mut values = Vec::new();
            for _ in 0..count {
                let name = string(strings, words.next()?)?;
                let low = u64::from(words.next()?);
                let high = if kind == 19 { u64::from(words.next()?) } else { 0 };
                values.push((name, high << 32 | low));
            }
            Type::Enum { name, bytes, signed: flag, values, wide: kind == 19 }
        }
        7 => Type::Forward { name, is_union: flag },
        8 => Type::Typedef { name, target },
        9 => qualified(Qualifier::Volatile),
        10 => qualified(Qualifier::Const),
        11 => qualified(Qualifier::Restrict),
        12 => Type::Function { name, prototype: target, linkage: info & 0xffff },
        13 => {
            let mut parameters = Vec::new();
            for _ in 0..count {
                let name = string(strings, words.next()?)?;
                parameters.push((name, words.next()?));
            }
            Type::Prototype { result: target, parameters }
        }
        14 => Type::Variable { name, target, linkage: words.next()? },
        15 => {
            let mut variables = Vec::new();
            for _ in 0..count {
                let (variable, offset) = (words.next()?, words.next()?);
                variables.push(Place { variable, offset, bytes: words.next()? });
            }
            Type::Section { name, bytes, variables }
        }
        16 => Type::Float { name, bytes },
        17 => Type::DeclarationTag { name, target, component: words.next()? },
        18 => qualified(Qualifier::Tag(name)),
        kind => return Err(BtfError(format!("there is no kind {kind}"))),
    })
}
