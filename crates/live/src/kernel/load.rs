//! Loading an object: types, maps, programs.

use super::map::KernelMap;
use crate::bpf::{Attr, Command, call, new_fd};
use crate::sys::SysError;
use std::os::fd::{AsRawFd as _, OwnedFd};
use trama_ebpf::object::{MapDef, Object, Program, ProgramKind};
use trama_ebpf::told::{FUNCTION_BYTES, LINE_BYTES, Records, told};

/// An object in the kernel.
#[derive(Debug)]
pub struct Loaded {
    /// Maps in the object's order.
    pub maps: Vec<KernelMap>,
    /// Programs in the object's order.
    pub programs: Vec<Verified>,
    /// What could not be told to the kernel, which runs the programs all the same.
    pub notices: Vec<String>,
}

/// A program that the kernel accepted.
#[derive(Debug)]
pub struct Verified {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub kind: ProgramKind,
    /// The handle.
    pub fd: OwnedFd,
    /// What the verifier said; empty unless it was asked for.
    pub log: String,
}

/// How to load.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Whether to keep the verifier's statistics and log of programs that it accepts.
    pub verbose: bool,
}

/// Why an object was not loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The section says of no kind what its programs are for.
    #[error("program `{name}`: nothing is known of programs of section `{section}`")]
    Section {
        /// The program.
        name: String,
        /// Its section.
        section: String,
    },
    /// A map.
    #[error("map `{name}`: {error}")]
    Map {
        /// Its name.
        name: String,
        /// What the kernel said.
        error: SysError,
    },
    /// A program.
    #[error("program `{name}`: {error}{}", tail(.log))]
    Program {
        /// Its name.
        name: String,
        /// What the kernel said.
        error: SysError,
        /// What the verifier said.
        log: String,
    },
}

/// The last lines of a verifier's log, indented, without its statistics.
fn tail(log: &str) -> String {
    const LINES: usize = 12;
    let lines: Vec<&str> = log.lines().filter(|line| !line.starts_with("processed ")).collect();
    let last = lines.len().saturating_sub(LINES);
    lines[last..].iter().map(|line| format!("\n    {line}")).collect()
}

/// Bytes of log that are asked for: as many as the kernel gives.
const LOG_BYTES: usize = 16 << 20;

/// Loads an object.
pub fn load(object: &Object) -> Result<Loaded, LoadError> {
    load_with(object, Options::default())
}

/// Loads an object.
pub fn load_with(object: &Object, options: Options) -> Result<Loaded, LoadError> {
    let mut notices = Vec::new();
    let told = told(object);
    let btf = told.as_ref().and_then(|told| {
        let attr = Attr::default().u64(0, told.btf.as_ptr() as u64).u32(16, told.btf.len() as u32);
        new_fd(Command::BtfLoad, &attr)
            .map_err(|error| notices.push(format!("the kernel did not take the types: {error}")))
            .ok()
    });
    let mut maps = Vec::with_capacity(object.maps.len());
    for def in &object.maps {
        maps.push(make_map(def, btf.as_ref())?);
    }
    let fds: Vec<i32> = maps.iter().map(|map| map.fd().as_raw_fd()).collect();
    let mut programs = Vec::with_capacity(object.programs.len());
    for (index, program) in object.programs.iter().enumerate() {
        let records = told.as_ref().map(|told| &told.programs[index]);
        let types = btf.as_ref().zip(records);
        programs.push(load_program(program, &object.license, &fds, types, options)?);
    }
    let loaded = Loaded { maps, programs, notices };
    loaded.fill_program_arrays(object)?;
    Ok(loaded)
}

impl Loaded {
    /// The program of a name, or the only one.
    pub fn program(&self, name: Option<&str>) -> Option<&Verified> {
        match name {
            Some(name) => self.programs.iter().find(|program| program.name == name),
            None => self.programs.first().filter(|_| self.programs.len() == 1),
        }
    }

    fn fill_program_arrays(&self, object: &Object) -> Result<(), LoadError> {
        for (def, map) in object.maps.iter().zip(&self.maps) {
            for (slot, name) in &def.programs {
                let Some(program) = self.program(Some(name)) else { continue };
                let fd = program.fd.as_raw_fd().to_ne_bytes();
                map.update(&slot.to_ne_bytes(), &fd)
                    .map_err(|error| LoadError::Map { name: def.name.clone(), error })?;
            }
        }
        Ok(())
    }
}

fn make_map(def: &MapDef, btf: Option<&OwnedFd>) -> Result<KernelMap, LoadError> {
    let on_error = |error| LoadError::Map { name: def.name.clone(), error };
    let map = KernelMap::create(def, btf).map_err(on_error)?;
    if let Some(initial) = &def.initial {
        map.update(&0u32.to_ne_bytes(), initial).map_err(on_error)?;
    }
    if def.frozen {
        let mut attr = Attr::default().fd(0, map.fd());
        call(Command::MapFreeze, &mut attr).map_err(on_error)?;
    }
    Ok(map)
}

fn load_program(
    program: &Program,
    license: &str,
    maps: &[i32],
    types: Option<(&OwnedFd, &Records)>,
    options: Options,
) -> Result<Verified, LoadError> {
    let kind = ProgramKind::of_section(&program.section).ok_or_else(|| LoadError::Section {
        name: program.name.clone(),
        section: program.section.clone(),
    })?;
    let license = std::ffi::CString::new(license).unwrap_or_default();
    let mut attr = Attr::default()
        .u32(0, kind.number)
        .u32(4, program.code.len() as u32)
        .u64(8, program.code.as_ptr() as u64)
        .u64(16, license.as_ptr() as u64)
        .name(48, &program.name)
        .u32(68, kind.attach)
        .u64(120, maps.as_ptr() as u64);
    if let Some((btf, records)) = types
        && !records.functions.is_empty()
    {
        attr = attr
            .fd(72, btf)
            .u32(76, FUNCTION_BYTES)
            .u64(80, records.functions.as_ptr() as u64)
            .u32(88, records.functions.len() as u32 / FUNCTION_BYTES)
            .u32(92, LINE_BYTES)
            .u64(96, records.lines.as_ptr() as u64)
            .u32(104, records.lines.len() as u32 / LINE_BYTES);
    }
    let verified = |fd, log| Verified { name: program.name.clone(), kind, fd, log };
    if !options.verbose
        && let Ok(fd) = new_fd(Command::ProgramLoad, &attr)
    {
        return Ok(verified(fd, String::new()));
    }
    // With a log: to show why it was refused, or because the log was asked for.
    let mut log = vec![0u8; LOG_BYTES];
    attr = attr.u32(24, 1 | 4).u32(28, LOG_BYTES as u32).u64(32, log.as_mut_ptr() as u64);
    let result = new_fd(Command::ProgramLoad, &attr);
    let end = log.iter().position(|byte| *byte == 0).unwrap_or(log.len());
    let log = String::from_utf8_lossy(&log[..end]).into_owned();
    match result {
        Ok(fd) => Ok(verified(fd, log)),
        Err(error) => Err(LoadError::Program { name: program.name.clone(), error, log }),
    }
}
