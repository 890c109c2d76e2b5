//! What an object file holds: programs, maps, types. Kernel and interpreter load the same.
//!
//! Code here is linked: each program carries the functions that it calls, and names maps by their
//! index in [`Object::maps`] ([`MAP_INDEX`](crate::isa::MAP_INDEX)). The kernel takes it so,
//! with an array of descriptors beside.

use crate::btf::Btf;
use crate::insn::Insn;

/// Programs with the maps they use.
#[derive(Clone, Debug, Default)]
pub struct Object {
    /// Programs in the order of the file.
    pub programs: Vec<Program>,
    /// Maps; code names them by index.
    pub maps: Vec<MapDef>,
    /// Licence that the kernel is told.
    pub license: String,
    /// Types.
    pub btf: Option<Btf>,
}

impl Object {
    /// The program of a name, or the only one.
    pub fn program(&self, name: Option<&str>) -> Option<&Program> {
        match name {
            Some(name) => self.programs.iter().find(|program| program.name == name),
            None => self.programs.first().filter(|_| self.programs.len() == 1),
        }
    }

    /// Index of the map of a name.
    pub fn map(&self, name: &str) -> Option<usize> {
        self.maps.iter().position(|map| map.name == name)
    }
}

/// A program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// Name of its function.
    pub name: String,
    /// Section it came from, which says where it attaches: `xdp`, `tc`, …
    pub section: String,
    /// Code with all its functions; its own first.
    pub code: Vec<Insn>,
    /// Functions by their first slot, the program's own first; empty without type information.
    pub functions: Vec<FunctionInfo>,
    /// Where code came from, by first slot.
    pub lines: Vec<LineInfo>,
}

/// A function of a program and its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionInfo {
    /// First slot.
    pub slot: u32,
    /// BTF type of the function.
    pub type_id: u32,
}

/// Where instructions came from; strings are in the object's type information.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineInfo {
    /// First slot.
    pub slot: u32,
    /// File.
    pub file: String,
    /// The line's text.
    pub text: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1; 0 if not known.
    pub column: u32,
}

/// A map to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MapDef {
    /// Name.
    pub name: String,
    /// Kind, by the kernel's number.
    pub kind: MapKind,
    /// Bytes of a key.
    pub key_bytes: u32,
    /// Bytes of a value.
    pub value_bytes: u32,
    /// Most entries.
    pub entries: u32,
    /// Flags for `BPF_MAP_CREATE`.
    pub flags: u32,
    /// BTF type of the key, or 0.
    pub key_type: u32,
    /// BTF type of the value, or 0.
    pub value_type: u32,
    /// Contents of the only value, for variables of a program.
    pub initial: Option<Vec<u8>>,
    /// Whether programs and users can no longer write it after loading.
    pub frozen: bool,
    /// Entries of a program array: slot and name of the program.
    pub programs: Vec<(u32, String)>,
}

/// A kind of map, by the number in `linux/bpf.h`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MapKind(pub u32);

/// Names and numbers of the kinds; names are those of bpftool.
const KINDS: [(MapKind, &str); 21] = [
    (MapKind::HASH, "hash"),
    (MapKind::ARRAY, "array"),
    (MapKind::PROGRAMS, "prog_array"),
    (MapKind::PERF, "perf_event_array"),
    (MapKind::PER_CPU_HASH, "percpu_hash"),
    (MapKind::PER_CPU_ARRAY, "percpu_array"),
    (MapKind(7), "stack_trace"),
    (MapKind(8), "cgroup_array"),
    (MapKind::LRU_HASH, "lru_hash"),
    (MapKind::LRU_PER_CPU_HASH, "lru_percpu_hash"),
    (MapKind::LPM_TRIE, "lpm_trie"),
    (MapKind(12), "array_of_maps"),
    (MapKind(13), "hash_of_maps"),
    (MapKind::DEVICES, "devmap"),
    (MapKind(15), "sockmap"),
    (MapKind::CPUS, "cpumap"),
    (MapKind::XSK, "xskmap"),
    (MapKind::QUEUE, "queue"),
    (MapKind::STACK, "stack"),
    (MapKind::DEVICE_HASH, "devmap_hash"),
    (MapKind::RING, "ringbuf"),
];

#[allow(missing_docs, reason = "the names are the kernel's")]
impl MapKind {
    pub const HASH: Self = Self(1);
    pub const ARRAY: Self = Self(2);
    pub const PROGRAMS: Self = Self(3);
    pub const PERF: Self = Self(4);
    pub const PER_CPU_HASH: Self = Self(5);
    pub const PER_CPU_ARRAY: Self = Self(6);
    pub const LRU_HASH: Self = Self(9);
    pub const LRU_PER_CPU_HASH: Self = Self(10);
    pub const LPM_TRIE: Self = Self(11);
    pub const DEVICES: Self = Self(14);
    pub const CPUS: Self = Self(16);
    pub const XSK: Self = Self(17);
    pub const QUEUE: Self = Self(22);
    pub const STACK: Self = Self(23);
    pub const DEVICE_HASH: Self = Self(25);
    pub const RING: Self = Self(27);
}

impl MapKind {
    /// The kind of a name.
    pub fn named(name: &str) -> Option<Self> {
        KINDS.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
    }

    /// Whether each CPU has values of its own.
    pub const fn is_per_cpu(self) -> bool {
        matches!(self, Self::PER_CPU_HASH | Self::PER_CPU_ARRAY | Self::LRU_PER_CPU_HASH)
    }
}

impl std::fmt::Display for MapKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match KINDS.iter().find(|(kind, _)| kind == self) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "kind {}", self.0),
        }
    }
}

/// What a program is for, by its number in `linux/bpf.h`, with the point of attachment that the
/// kernel wants to know at loading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProgramKind {
    /// `enum bpf_prog_type`.
    pub number: u32,
    /// `enum bpf_attach_type`, or 0.
    pub attach: u32,
    /// What its context looks like.
    pub context: ContextKind,
}

/// What a program finds in r1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContextKind {
    /// `struct xdp_md`.
    Xdp,
    /// `struct __sk_buff`.
    Skb,
    /// Something else, that only the kernel knows.
    Other,
}

/// Sections and the kinds of their programs: the part before a `/`.
const SECTIONS: [(&str, u32, u32, ContextKind); 17] = [
    ("xdp", 6, 37, ContextKind::Xdp),
    ("xdp.frags", 6, 37, ContextKind::Xdp),
    ("tc", 3, 0, ContextKind::Skb),
    ("tcx", 3, 46, ContextKind::Skb),
    ("classifier", 3, 0, ContextKind::Skb),
    ("action", 4, 0, ContextKind::Skb),
    ("socket", 1, 0, ContextKind::Skb),
    ("kprobe", 2, 0, ContextKind::Other),
    ("tracepoint", 5, 0, ContextKind::Other),
    ("tp", 5, 0, ContextKind::Other),
    ("perf_event", 7, 41, ContextKind::Other),
    ("cgroup_skb", 8, 0, ContextKind::Skb),
    ("sockops", 13, 3, ContextKind::Other),
    ("sk_skb", 14, 0, ContextKind::Skb),
    ("sk_msg", 16, 7, ContextKind::Other),
    ("raw_tp", 17, 0, ContextKind::Other),
    ("raw_tracepoint", 17, 0, ContextKind::Other),
];

impl ProgramKind {
    /// The kind of a section's programs; `None` if the section is not known.
    pub fn of_section(section: &str) -> Option<Self> {
        let head = section.split('/').next().unwrap_or_default();
        let known = SECTIONS.iter().find(|(name, ..)| *name == head)?;
        Some(Self { number: known.1, attach: known.2, context: known.3 })
    }
}
