//! `BPF_PROG_TEST_RUN`: a program on a given packet.

use crate::bpf::{Attr, Command, call};
use crate::sys::SysError;
use std::os::fd::OwnedFd;

/// What a program did to a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestRun {
    /// Its result.
    pub value: u32,
    /// The packet as it left it.
    pub packet: Vec<u8>,
    /// Mean time of a run in nanoseconds, as the kernel measured it.
    pub duration_ns: u32,
}

/// Longest packet that comes back.
const PACKET_MAX: usize = 64 << 10;

impl TestRun {
    /// Runs a program `repeat` times on copies of a packet of at least 14 bytes.
    pub fn run(program: &OwnedFd, packet: &[u8], repeat: u32) -> Result<Self, SysError> {
        let mut out = vec![0u8; PACKET_MAX];
        let mut attr = Attr::default()
            .fd(0, program)
            .u32(8, packet.len() as u32)
            .u32(12, out.len() as u32)
            .u64(16, packet.as_ptr() as u64)
            .u64(24, out.as_mut_ptr() as u64)
            .u32(32, repeat);
        call(Command::TestRun, &mut attr)?;
        out.truncate(attr.get(12) as usize);
        Ok(Self { value: attr.get(4), packet: out, duration_ns: attr.get(36) })
    }
}
