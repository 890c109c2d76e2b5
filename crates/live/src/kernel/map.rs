//! Maps in the kernel.

use crate::bpf::{Attr, Command, call, new_fd};
use crate::sys::SysError;
use std::os::fd::OwnedFd;
use trama_ebpf::object::{MapDef, MapKind};
use trama_ebpf::vm::Entry;

/// A map with what it was made from.
#[derive(Debug)]
pub struct KernelMap {
    def: MapDef,
    fd: OwnedFd,
    /// Bytes that the kernel copies for a value.
    value_bytes: usize,
}

impl KernelMap {
    /// Makes a map; `btf` has its types.
    pub fn create(def: &MapDef, btf: Option<&OwnedFd>) -> Result<Self, SysError> {
        let mut attr = Attr::default()
            .u32(0, def.kind.0)
            .u32(4, def.key_bytes)
            .u32(8, def.value_bytes)
            .u32(12, def.entries)
            .u32(16, def.flags)
            .name(28, &def.name);
        if let Some(btf) = btf
            && def.value_type != 0
            && is_typed(def.kind)
        {
            attr = attr.fd(48, btf).u32(52, def.key_type).u32(56, def.value_type);
        }
        let fd = new_fd(Command::MapCreate, &attr)?;
        let value_bytes = match def.kind.is_per_cpu() {
            // Each processor's value is rounded up to eight bytes.
            true => def.value_bytes.div_ceil(8) as usize * 8 * possible_processors(),
            false => def.value_bytes as usize,
        };
        Ok(Self { def: def.clone(), fd, value_bytes })
    }

    /// What it was made from.
    pub const fn def(&self) -> &MapDef {
        &self.def
    }

    /// The handle.
    pub const fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    /// The value of a key; of maps with values for each processor all of them in a row, each
    /// rounded up to eight bytes. `None` if there is no entry.
    ///
    /// # Panics
    ///
    /// If the key does not have the map's length.
    pub fn lookup(&self, key: &[u8]) -> Result<Option<Vec<u8>>, SysError> {
        assert_eq!(key.len(), self.def.key_bytes as usize, "the map's length");
        let mut value = vec![0u8; self.value_bytes];
        let mut attr = self.attr(key.as_ptr() as u64).u64(16, value.as_mut_ptr() as u64);
        match call(Command::MapLookup, &mut attr) {
            Ok(_) => Ok(Some(value)),
            Err(error) if error.errno == libc::ENOENT => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes an entry; the value is as for [`lookup`](Self::lookup).
    ///
    /// # Panics
    ///
    /// If key or value do not have the map's lengths.
    pub fn update(&self, key: &[u8], value: &[u8]) -> Result<(), SysError> {
        assert_eq!(key.len(), self.def.key_bytes as usize, "the map's length");
        assert_eq!(value.len(), self.value_bytes, "the map's length");
        let mut attr = self.attr(key.as_ptr() as u64).u64(16, value.as_ptr() as u64);
        call(Command::MapUpdate, &mut attr).map(drop)
    }

    /// Removes an entry; false if there was none.
    ///
    /// # Panics
    ///
    /// If the key does not have the map's length.
    pub fn delete(&self, key: &[u8]) -> Result<bool, SysError> {
        assert_eq!(key.len(), self.def.key_bytes as usize, "the map's length");
        match call(Command::MapDelete, &mut self.attr(key.as_ptr() as u64)) {
            Ok(_) => Ok(true),
            Err(error) if error.errno == libc::ENOENT => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// All entries, in the order of their keys. Entries that programs add or remove meanwhile may
    /// or may not be among them; there are at most as many as the map holds.
    pub fn entries(&self) -> Result<Vec<Entry>, SysError> {
        let mut entries = Vec::new();
        let mut last: Option<Vec<u8>> = None;
        while entries.len() < self.def.entries as usize {
            let mut next = vec![0u8; self.def.key_bytes as usize];
            let from = last.as_ref().map_or(0, |key| key.as_ptr() as u64);
            let mut attr = self.attr(from).u64(16, next.as_mut_ptr() as u64);
            match call(Command::MapNextKey, &mut attr) {
                Ok(_) => {}
                Err(error) if error.errno == libc::ENOENT => break,
                Err(error) => return Err(error),
            }
            if let Some(value) = self.lookup(&next)? {
                entries.push((next.clone(), value));
            }
            last = Some(next);
        }
        entries.sort();
        Ok(entries)
    }

    fn attr(&self, key: u64) -> Attr {
        Attr::default().fd(0, &self.fd).u64(8, key)
    }
}

/// Whether the kernel takes types of keys and values for a kind of map.
fn is_typed(kind: MapKind) -> bool {
    matches!(
        kind,
        MapKind::HASH
            | MapKind::ARRAY
            | MapKind::PER_CPU_HASH
            | MapKind::PER_CPU_ARRAY
            | MapKind::LRU_HASH
            | MapKind::LRU_PER_CPU_HASH
            | MapKind::LPM_TRIE
    )
}

/// Processors that there can be: so many values a map has for each processor.
pub(super) fn possible_processors() -> usize {
    let text = std::fs::read_to_string("/sys/devices/system/cpu/possible").unwrap_or_default();
    let last = text.trim().rsplit([',', '-']).next().and_then(|last| last.parse::<usize>().ok());
    last.unwrap_or(0) + 1
}
