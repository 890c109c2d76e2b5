//! Programs and maps that are in the kernel, whoever loaded them.

use crate::bpf::{Attr, Command, call, new_fd};
use crate::sys::SysError;
use std::os::fd::OwnedFd;
use trama_ebpf::object::MapKind;

/// A program in the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramInfo {
    /// Number that the kernel gave it.
    pub id: u32,
    /// Its type, by number.
    pub kind: u32,
    /// Its name; at most 15 letters.
    pub name: String,
    /// Bytes of its code after the verifier.
    pub code_bytes: u32,
    /// Bytes of its machine code.
    pub machine_bytes: u32,
    /// Instructions that the verifier went through.
    pub verified: u32,
    /// Numbers of its maps.
    pub maps: Vec<u32>,
}

/// A map in the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapInfo {
    /// Number that the kernel gave it.
    pub id: u32,
    /// Its kind.
    pub kind: MapKind,
    /// Its name; at most 15 letters.
    pub name: String,
    /// Bytes of a key.
    pub key_bytes: u32,
    /// Bytes of a value.
    pub value_bytes: u32,
    /// Most entries.
    pub entries: u32,
}

/// Bytes of `struct bpf_prog_info` and `struct bpf_map_info` that are asked for.
const INFO_BYTES: usize = 256;

/// Most maps of a program that are told.
const MAPS_MAX: usize = 64;

/// All programs.
pub fn programs() -> Result<Vec<ProgramInfo>, SysError> {
    all(Command::ProgramNextId, Command::ProgramById, ProgramInfo::of)
}

/// All maps.
pub fn maps() -> Result<Vec<MapInfo>, SysError> {
    all(Command::MapNextId, Command::MapById, MapInfo::of)
}

/// Asks for all objects of a kind by their numbers. Those that go away meanwhile are left out.
fn all<T>(
    next: Command,
    by_id: Command,
    of: fn(&OwnedFd) -> Result<T, SysError>,
) -> Result<Vec<T>, SysError> {
    let mut found = Vec::new();
    let mut last = 0;
    loop {
        let mut attr = Attr::default().u32(0, last);
        match call(next, &mut attr) {
            Ok(_) => last = attr.get(4),
            Err(error) if error.errno == libc::ENOENT => return Ok(found),
            Err(error) => return Err(error),
        }
        match new_fd(by_id, &Attr::default().u32(0, last)).and_then(|fd| of(&fd)) {
            Ok(info) => found.push(info),
            Err(error) if error.errno == libc::ENOENT => {}
            Err(error) => return Err(error),
        }
    }
}

impl ProgramInfo {
    /// What the kernel tells about a program.
    pub fn of(program: &OwnedFd) -> Result<Self, SysError> {
        let mut maps = vec![0u32; MAPS_MAX];
        let mut info = [0u8; INFO_BYTES];
        put(&mut info, 52, &(MAPS_MAX as u32).to_ne_bytes());
        put(&mut info, 56, &(maps.as_mut_ptr() as u64).to_ne_bytes());
        ask(program, &mut info)?;
        maps.truncate(word(&info, 52) as usize);
        Ok(Self {
            id: word(&info, 4),
            kind: word(&info, 0),
            name: name(&info[64..80]),
            code_bytes: word(&info, 20),
            machine_bytes: word(&info, 16),
            verified: word(&info, 216),
            maps,
        })
    }
}

impl MapInfo {
    /// What the kernel tells about a map.
    pub fn of(map: &OwnedFd) -> Result<Self, SysError> {
        let mut info = [0u8; INFO_BYTES];
        ask(map, &mut info)?;
        Ok(Self {
            id: word(&info, 4),
            kind: MapKind(word(&info, 0)),
            name: name(&info[24..40]),
            key_bytes: word(&info, 8),
            value_bytes: word(&info, 12),
            entries: word(&info, 16),
        })
    }
}

fn ask(fd: &OwnedFd, info: &mut [u8; INFO_BYTES]) -> Result<(), SysError> {
    let attr = Attr::default().fd(0, fd);
    let mut attr = attr.u32(4, INFO_BYTES as u32).u64(8, info.as_mut_ptr() as u64);
    call(Command::InfoByFd, &mut attr).map(drop)
}

fn put(info: &mut [u8], at: usize, bytes: &[u8]) {
    info[at..at + bytes.len()].copy_from_slice(bytes);
}

fn word(info: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(info[at..at + 4].try_into().expect("four bytes"))
}

fn name(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}
