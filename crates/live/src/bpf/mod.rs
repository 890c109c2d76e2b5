//! A thin `bpf(2)`: load programs, make maps, attach links; all owned by descriptors.
//!
//! Nothing is pinned, so whatever was loaded or attached goes away with its handle, and with the
//! process if that dies. Programs and maps of object files are loaded by [`kernel`](crate::kernel).

pub mod btf;

use crate::sys::{SysError, check_fd};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use trama_ebpf::insn::Insn;

/// Argument of `bpf(2)`: the union `bpf_attr`, filled by the offsets of its members.
#[derive(Clone, Debug)]
#[repr(C, align(8))]
pub struct Attr([u8; 144]);

impl Default for Attr {
    fn default() -> Self {
        Self([0; 144])
    }
}

impl Attr {
    /// Sets the 32-bit member at `offset`.
    pub fn u32(mut self, offset: usize, value: u32) -> Self {
        self.0[offset..offset + 4].copy_from_slice(&value.to_ne_bytes());
        self
    }

    /// Sets the 64-bit member at `offset`.
    pub fn u64(mut self, offset: usize, value: u64) -> Self {
        self.0[offset..offset + 8].copy_from_slice(&value.to_ne_bytes());
        self
    }

    /// Sets the 32-bit member at `offset` to a descriptor.
    pub fn fd(self, offset: usize, fd: &impl AsRawFd) -> Self {
        self.u32(offset, fd.as_raw_fd().cast_unsigned())
    }

    /// Sets the name at `offset`: letters, digits, `_` and `.`, of which the kernel takes 15.
    pub fn name(mut self, offset: usize, name: &str) -> Self {
        let fits = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
        for (at, byte) in name.bytes().filter(fits).take(15).enumerate() {
            self.0[offset + at] = byte;
        }
        self
    }

    /// The 32-bit member at `offset`.
    pub fn get(&self, offset: usize) -> u32 {
        let bytes = self.0[offset..offset + 4].try_into().expect("four bytes");
        u32::from_ne_bytes(bytes)
    }
}

/// Commands of `bpf(2)`, by their number in `linux/bpf.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
#[allow(missing_docs, reason = "the names are the kernel's")]
pub enum Command {
    MapCreate = 0,
    MapLookup = 1,
    MapUpdate = 2,
    MapDelete = 3,
    MapNextKey = 4,
    ProgramLoad = 5,
    Pin = 6,
    ProgramAttach = 8,
    ProgramDetach = 9,
    TestRun = 10,
    ProgramNextId = 11,
    MapNextId = 12,
    ProgramById = 13,
    MapById = 14,
    InfoByFd = 15,
    RawTracepointOpen = 17,
    BtfLoad = 18,
    MapFreeze = 22,
    LinkCreate = 28,
}

impl Command {
    fn name(self) -> &'static str {
        match self {
            Self::MapCreate => "BPF_MAP_CREATE",
            Self::MapLookup => "BPF_MAP_LOOKUP_ELEM",
            Self::MapNextKey => "BPF_MAP_GET_NEXT_KEY",
            Self::MapFreeze => "BPF_MAP_FREEZE",
            Self::Pin => "BPF_OBJ_PIN",
            Self::ProgramNextId => "BPF_PROG_GET_NEXT_ID",
            Self::MapNextId => "BPF_MAP_GET_NEXT_ID",
            Self::ProgramById => "BPF_PROG_GET_FD_BY_ID",
            Self::MapById => "BPF_MAP_GET_FD_BY_ID",
            Self::InfoByFd => "BPF_OBJ_GET_INFO_BY_FD",
            Self::MapUpdate => "BPF_MAP_UPDATE_ELEM",
            Self::MapDelete => "BPF_MAP_DELETE_ELEM",
            Self::ProgramLoad => "BPF_PROG_LOAD",
            Self::ProgramAttach => "BPF_PROG_ATTACH",
            Self::ProgramDetach => "BPF_PROG_DETACH",
            Self::TestRun => "BPF_PROG_TEST_RUN",
            Self::RawTracepointOpen => "BPF_RAW_TRACEPOINT_OPEN",
            Self::BtfLoad => "BPF_BTF_LOAD",
            Self::LinkCreate => "BPF_LINK_CREATE",
        }
    }
}

/// Types of programs, by their number in `linux/bpf.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
#[allow(missing_docs, reason = "the names are the kernel's")]
pub enum ProgramType {
    SocketFilter = 1,
    Kprobe = 2,
    SchedCls = 3,
    Xdp = 6,
    PerfEvent = 7,
    SockOps = 13,
    SkMsg = 16,
    RawTracepoint = 17,
    CgroupSockAddr = 18,
    Tracing = 26,
    StructOps = 27,
    Lsm = 29,
    SkLookup = 30,
}

/// Types of maps, by their number in `linux/bpf.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
#[allow(missing_docs, reason = "the names are the kernel's")]
pub enum MapType {
    Hash = 1,
    Array = 2,
    DevMap = 14,
    SockMap = 15,
    CpuMap = 16,
    XskMap = 17,
    StructOps = 26,
    RingBuffer = 27,
}

/// Points of attachment, by their number in `linux/bpf.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
#[allow(missing_docs, reason = "the names are the kernel's")]
pub enum AttachType {
    CgroupSockOps = 3,
    SkMsgVerdict = 7,
    CgroupInet4Connect = 10,
    TraceRawTracepoint = 23,
    TraceFentry = 24,
    LsmMac = 27,
    SkLookup = 36,
    Xdp = 37,
    PerfEvent = 41,
    TraceKprobeMulti = 42,
    TcxIngress = 46,
}

/// What to load.
#[derive(Clone, Copy, Debug)]
pub struct ProgramSpec<'a> {
    /// Type of the program.
    pub kind: ProgramType,
    /// Its instructions.
    pub code: &'a [Insn],
    /// `expected_attach_type`, for the types that want it at loading; otherwise 0.
    pub attach: u32,
    /// BTF type that it attaches to in the kernel; otherwise 0.
    pub target_btf: u32,
}

/// Loads a program under the GPL.
///
/// If the verifier refuses, the error's operation ends with the last line of its log.
pub fn load(spec: &ProgramSpec<'_>) -> Result<OwnedFd, SysError> {
    let mut log = vec![0u8; 16 * 1024];
    let base = Attr::default()
        .u32(0, spec.kind as u32)
        .u32(4, u32::try_from(spec.code.len()).unwrap_or(u32::MAX))
        .u64(8, spec.code.as_ptr() as u64)
        .u64(16, c"GPL".as_ptr() as u64)
        .u32(68, spec.attach)
        .u32(108, spec.target_btf);
    let refused = match new_fd(Command::ProgramLoad, &base) {
        Ok(fd) => return Ok(fd),
        Err(error) if error.errno == libc::EPERM => return Err(error),
        Err(error) => error,
    };
    let logged = base.u32(24, 1).u32(28, 16 * 1024).u64(32, log.as_mut_ptr() as u64);
    if let Ok(fd) = new_fd(Command::ProgramLoad, &logged) {
        return Ok(fd);
    }
    let end = log.iter().position(|byte| *byte == 0).unwrap_or(0);
    let text = String::from_utf8_lossy(&log[..end]).into_owned();
    let line = text.lines().rev().find(|line| !line.starts_with("processed ")).unwrap_or_default();
    Err(match line {
        "" => refused,
        line => SysError::new(format!("{} [{line}]", refused.operation), refused.errno),
    })
}

/// Makes a map of `entries` entries.
pub fn create_map(
    kind: MapType,
    key_len: u32,
    value_len: u32,
    entries: u32,
) -> Result<OwnedFd, SysError> {
    let attr =
        Attr::default().u32(0, kind as u32).u32(4, key_len).u32(8, value_len).u32(12, entries);
    new_fd(Command::MapCreate, &attr)
        .map_err(|error| SysError::new(format!("bpf(BPF_MAP_CREATE, {kind:?})"), error.errno))
}

/// Sets the entry `key` of a map whose keys and values have the lengths of these slices.
pub fn update_map(map: BorrowedFd<'_>, key: &[u8], value: &[u8]) -> Result<(), SysError> {
    let attr =
        Attr::default().fd(0, &map).u64(8, key.as_ptr() as u64).u64(16, value.as_ptr() as u64);
    call(Command::MapUpdate, &mut attr.clone()).map(drop)
}

/// Removes the entry `key` of a map.
pub fn delete_map(map: BorrowedFd<'_>, key: &[u8]) -> Result<(), SysError> {
    let mut attr = Attr::default().fd(0, &map).u64(8, key.as_ptr() as u64);
    call(Command::MapDelete, &mut attr).map(drop)
}

/// Attaches a program to `target`, a descriptor or an interface index, until the link is dropped.
pub fn create_link(
    program: BorrowedFd<'_>,
    target: u32,
    attach: AttachType,
    flags: u32,
) -> Result<OwnedFd, SysError> {
    let attr = Attr::default().fd(0, &program).u32(4, target).u32(8, attach as u32).u32(12, flags);
    new_fd(Command::LinkCreate, &attr)
        .map_err(|error| SysError::new(format!("bpf(BPF_LINK_CREATE, {attach:?})"), error.errno))
}

/// Attaches to a raw tracepoint by name, or, with no name, to the BTF type that the program was
/// loaded for.
pub fn open_raw_tracepoint(
    program: BorrowedFd<'_>,
    name: Option<&std::ffi::CStr>,
) -> Result<OwnedFd, SysError> {
    let attr = Attr::default().u64(0, name.map_or(0, |name| name.as_ptr() as u64)).fd(8, &program);
    new_fd(Command::RawTracepointOpen, &attr)
}

/// Runs a command that returns a descriptor.
pub fn new_fd(command: Command, attr: &Attr) -> Result<OwnedFd, SysError> {
    let operation = format!("bpf({})", command.name());
    check_fd(raw(command, &mut attr.clone()), &operation)
}

/// Runs a command; the kernel may write results into `attr`.
pub fn call(command: Command, attr: &mut Attr) -> Result<i32, SysError> {
    crate::sys::check(raw(command, attr), &format!("bpf({})", command.name()))
}

fn raw(command: Command, attr: &mut Attr) -> i32 {
    // SAFETY: `attr` is readable and writable for its whole length, and the callers in this crate
    // put only addresses into it of buffers that outlive the call, with their lengths.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command as libc::c_int,
            std::ptr::from_mut(attr),
            size_of::<Attr>(),
        )
    };
    i32::try_from(result).unwrap_or(-1)
}
