//! Probes of operations that the kernel lets programs implement (struct_ops).

use super::Refusal;
use crate::bpf::btf::{Btf, Kind, Struct};
use crate::bpf::{self, Attr, Command, MapType, ProgramSpec, ProgramType};
use crate::sys::SysError;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use trama_ebpf::insn::constant;

/// The operations without which the kernel does not register a congestion control.
const OPERATIONS: [&str; 3] = ["ssthresh", "undo_cwnd", "cong_avoid"];

/// Registers a congestion control that nobody uses, and takes it back.
pub(super) fn tcp() -> Result<String, Refusal> {
    let btf = kernel_types()?;
    let find = |name: &str| {
        btf.find_struct(name).ok_or_else(|| format!("the kernel has no struct {name}"))
    };
    let operations = find("tcp_congestion_ops")?;
    let value = find("bpf_struct_ops_tcp_congestion_ops")?;
    let (programs, bytes) = implement(&operations, &value)?;
    let map = register(&value, &bytes)?;
    // Taken back at once; otherwise the kernel would do it when the map's descriptor closes.
    bpf::delete_map(map.as_fd(), &0u32.to_ne_bytes())?;
    drop(programs);
    Ok("registered and removed".into())
}

fn kernel_types() -> Result<Btf, Refusal> {
    Ok(Btf::of_kernel().map_err(|error| SysError::of("read(/sys/kernel/btf/vmlinux)", &error))?)
}

/// Loads a program for each operation; returns them with the value that refers to them.
fn implement(operations: &Struct, value: &Struct) -> Result<(Vec<OwnedFd>, Vec<u8>), Refusal> {
    let member = |of: &Struct, name: &str| {
        of.member(name).cloned().ok_or_else(|| format!("there is no member {name}"))
    };
    let data = member(value, "data")?.offset as usize;
    let mut bytes = vec![0u8; value.size as usize];
    let mut programs = Vec::new();
    for name in OPERATIONS {
        let member = member(operations, name)?;
        let program = bpf::load(&ProgramSpec {
            kind: ProgramType::StructOps,
            code: &constant(10),
            attach: member.index,
            target_btf: operations.id,
        })?;
        let at = data + member.offset as usize;
        let fd = i64::from(program.as_raw_fd()).to_ne_bytes();
        bytes.get_mut(at..at + 8).ok_or("a member lies outside its struct")?.copy_from_slice(&fd);
        programs.push(program);
    }
    let at = data + member(operations, "name")?.offset as usize;
    let name = b"trama_probe\0";
    let place = bytes.get_mut(at..at + name.len()).ok_or("a member lies outside its struct")?;
    place.copy_from_slice(name);
    Ok((programs, bytes))
}

fn register(value: &Struct, bytes: &[u8]) -> Result<OwnedFd, Refusal> {
    let types = Btf::minimal();
    let loaded = bpf::new_fd(
        Command::BtfLoad,
        &Attr::default().u64(0, types.as_ptr() as u64).u32(16, types.len() as u32),
    )?;
    let attr = Attr::default()
        .u32(0, MapType::StructOps as u32)
        .u32(4, 4)
        .u32(8, value.size)
        .u32(12, 1)
        .fd(48, &loaded)
        .u32(60, value.id);
    let map = bpf::new_fd(Command::MapCreate, &attr)?;
    bpf::update_map(map.as_fd(), &0u32.to_ne_bytes(), bytes)?;
    Ok(map)
}

/// Looks whether the kernel has the scheduler class; replacing the scheduler would be no probe.
pub(super) fn scheduler() -> Result<String, Refusal> {
    let state = "/sys/kernel/sched_ext/state";
    let text = std::fs::read_to_string(state);
    let text = text.map_err(|error| SysError::of(format!("read({state})"), &error))?;
    match kernel_types()?.find(Kind::Struct, "bpf_struct_ops_sched_ext_ops") {
        Some(_) => Ok(text.trim().to_owned()),
        None => Err("the kernel has no struct bpf_struct_ops_sched_ext_ops".into()),
    }
}
