//! BTF, the kernel's type information: enough to find a type by name and the members of a struct.
//!
//! Format: `Documentation/bpf/btf.rst` of Linux.

use crate::netlink::word;

/// Kinds of types that are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the kernel's")]
pub enum Kind {
    Struct = 4,
    Typedef = 8,
    Func = 12,
}

/// Type information of a kernel.
#[derive(Debug)]
pub struct Btf {
    data: Vec<u8>,
    /// Where the types start and end, and where the strings start.
    types: std::ops::Range<usize>,
    strings: usize,
}

/// A member of a struct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its index among the members.
    pub index: u32,
    /// Where it starts, in bytes.
    pub offset: u32,
}

/// A struct found by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Struct {
    /// Its type number.
    pub id: u32,
    /// Its size in bytes.
    pub size: u32,
    /// Its members.
    pub members: Vec<Member>,
}

impl Struct {
    /// The member with this name.
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }
}

/// One type of the table.
struct Entry {
    id: u32,
    kind: u32,
    name: u32,
    /// Number of members or the like.
    len: usize,
    /// Size in bytes, or the type referred to.
    size: u32,
    /// Where the entry's own data starts.
    body: usize,
}

const MAGIC: u32 = 0xeb9f;

impl Btf {
    /// The running kernel's types.
    pub fn of_kernel() -> std::io::Result<Self> {
        let data = std::fs::read("/sys/kernel/btf/vmlinux")?;
        Self::parse(data).ok_or_else(|| std::io::Error::other("not BTF in this machine's order"))
    }

    fn parse(data: Vec<u8>) -> Option<Self> {
        if word(&data, 0) & 0xffff != MAGIC || data.len() < 24 {
            return None;
        }
        let header = word(&data, 4) as usize;
        let start = header.checked_add(word(&data, 8) as usize)?;
        let end = start.checked_add(word(&data, 12) as usize)?;
        let strings = header.checked_add(word(&data, 16) as usize)?;
        if end > data.len() || strings > data.len() {
            return None;
        }
        Some(Self { data, types: start..end, strings })
    }

    /// The smallest type information that the kernel accepts: one 32-bit integer.
    pub fn minimal() -> Vec<u8> {
        let mut bytes = Vec::new();
        let words = [MAGIC | 1 << 16, 24, 0, 16, 16, 5, 1, 1 << 24, 4, 1 << 24 | 32];
        for word in words {
            bytes.extend_from_slice(&u32::to_ne_bytes(word));
        }
        bytes.extend_from_slice(b"\0int\0");
        bytes
    }

    /// The number of the type with this kind and name.
    pub fn find(&self, kind: Kind, name: &str) -> Option<u32> {
        self.entry(kind, name).map(|entry| entry.id)
    }

    /// The struct with this name.
    pub fn find_struct(&self, name: &str) -> Option<Struct> {
        let entry = self.entry(Kind::Struct, name)?;
        let members = (0..entry.len).map(|index| {
            let at = entry.body + 12 * index;
            Member {
                name: String::from_utf8_lossy(self.text(word(&self.data, at))).into_owned(),
                index: index as u32,
                // Bit-field structs keep the size in the top byte.
                offset: (word(&self.data, at + 8) & 0x00ff_ffff) / 8,
            }
        });
        Some(Struct { id: entry.id, size: entry.size, members: members.collect() })
    }

    fn entry(&self, kind: Kind, name: &str) -> Option<Entry> {
        self.entries()
            .find(|entry| entry.kind == kind as u32 && self.text(entry.name) == name.as_bytes())
    }

    fn entries(&self) -> impl Iterator<Item = Entry> {
        let mut at = self.types.start;
        let mut id = 0;
        std::iter::from_fn(move || {
            if at + 12 > self.types.end {
                return None;
            }
            id += 1;
            let info = word(&self.data, at + 4);
            let (kind, len) = (info >> 24 & 0x1f, (info & 0xffff) as usize);
            let body = at + 12;
            let name = word(&self.data, at);
            let entry = Entry { id, kind, name, len, size: word(&self.data, at + 8), body };
            at = body + body_len(kind, len);
            Some(entry)
        })
    }

    fn text(&self, offset: u32) -> &[u8] {
        let rest = self.data.get(self.strings + offset as usize..).unwrap_or_default();
        let end = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
        &rest[..end]
    }
}

/// Bytes that follow the common part of a type.
fn body_len(kind: u32, len: usize) -> usize {
    match kind {
        // Integers, variables' linkage, declaration tags.
        1 | 14 | 17 => 4,
        3 => 12,
        4 | 5 => 12 * len,
        // Enumerations and function prototypes.
        6 | 13 => 8 * len,
        15 | 19 => 12 * len,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minimal_table_is_read_back() {
        let btf = Btf::parse(Btf::minimal()).expect("it is well-formed");
        let entries: Vec<_> = btf.entries().collect();
        assert_eq!(entries.len(), 1);
        assert_eq!((entries[0].kind, btf.text(entries[0].name)), (1, &b"int"[..]));
        assert_eq!(btf.find(Kind::Struct, "int"), None);
    }

    #[test]
    fn garbage_is_refused() {
        let whole = Btf::minimal();
        for len in 0..whole.len() {
            if let Some(btf) = Btf::parse(whole[..len].to_vec()) {
                assert!(btf.entries().count() <= 1);
            }
        }
        assert!(Btf::parse(vec![0xff; 64]).is_none());
    }
}
