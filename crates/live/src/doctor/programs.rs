//! Probes of programs that run in the kernel's network stack.

use super::kernel::cgroup2_root;
use super::site::Site;
use super::struct_ops;
use super::{Group, Probe, Refusal};
use crate::bpf::{self, AttachType, Attr, Command, MapType, ProgramSpec, ProgramType};
use crate::sys::SysError;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use trama_ebpf::insn::{Insn, constant};

const fn probe(
    id: &'static str,
    what: &'static str,
    enables: &'static str,
    check: fn() -> Result<String, Refusal>,
) -> Probe {
    let needs = "CAP_BPF, CAP_NET_ADMIN and CAP_SYS_ADMIN";
    Probe { id, group: Group::Programs, what, enables, needs, check }
}

pub(super) const PROBES: &[Probe] = &[
    probe("bpf", "loading a program", "everything below", || {
        load(ProgramType::SocketFilter, 0, &constant(0))?;
        Ok("a socket filter loads".into())
    }),
    probe("xdp-native", "XDP in the driver of a veth", "programs before the stack", || xdp(1 << 2)),
    probe("xdp-generic", "XDP behind the driver", "programs on any interface", || xdp(1 << 1)),
    probe("tcx", "a program on the tcx hook", "programs for what leaves, too", tcx),
    probe("xskmap", "a map of AF_XDP sockets", "if:NAME", || map(MapType::XskMap, 4)),
    probe("devmap", "a map of interfaces", "XDP forwarding", || map(MapType::DevMap, 4)),
    probe("cpumap", "a map of processors", "XDP scaling to other cores", || {
        map(MapType::CpuMap, 4)
    }),
    probe("ringbuf", "a ring buffer", "events from programs", || {
        let page = 4096;
        bpf::create_map(MapType::RingBuffer, 0, 0, page)?;
        Ok("made and removed".into())
    }),
    probe("sockmap", "a socket map with a message program", "socket short cuts", sockmap),
    probe("sk-lookup", "a program that chooses the socket", "services on any address", sk_lookup),
    probe(
        "cgroup-connect",
        "a program on a cgroup's connect",
        "service addresses without a proxy",
        || cgroup(ProgramType::CgroupSockAddr, AttachType::CgroupInet4Connect),
    ),
    probe("cgroup-sockops", "a program on a cgroup's TCP events", "TCP events and options", || {
        cgroup(ProgramType::SockOps, AttachType::CgroupSockOps)
    }),
    probe(
        "tcp-cc",
        "TCP congestion control by struct_ops",
        "congestion control programs",
        struct_ops::tcp,
    ),
    probe("sched-ext", "CPU scheduling by struct_ops", "scheduler programs", struct_ops::scheduler),
    probe("test-run", "running a program on given packets", "three-world tests", test_run),
    probe("live-frames", "test runs that send their frames", "generating packets", live_frames),
];

pub(super) fn load(kind: ProgramType, attach: u32, code: &[Insn]) -> Result<OwnedFd, SysError> {
    bpf::load(&ProgramSpec { kind, code, attach, target_btf: 0 })
}

const XDP_DROP: i32 = 1;
const XDP_PASS: i32 = 2;

fn xdp(flags: u32) -> Result<String, Refusal> {
    let site = Site::new()?;
    let program = load(ProgramType::Xdp, AttachType::Xdp as u32, &constant(XDP_PASS))?;
    // A link to an interface is looked for in the namespace of the caller.
    site.namespace
        .run(|| bpf::create_link(program.as_fd(), site.near, AttachType::Xdp, flags))??;
    Ok("attached to a veth".into())
}

fn tcx() -> Result<String, Refusal> {
    const NEXT: i32 = -1;
    let site = Site::new()?;
    let attach = AttachType::TcxIngress;
    let program = load(ProgramType::SchedCls, attach as u32, &constant(NEXT))?;
    site.namespace.run(|| bpf::create_link(program.as_fd(), site.near, attach, 0))??;
    Ok("attached to a veth".into())
}

fn map(kind: MapType, value_len: u32) -> Result<String, Refusal> {
    bpf::create_map(kind, 4, value_len, 1)?;
    Ok("made and removed".into())
}

fn sockmap() -> Result<String, Refusal> {
    let map = bpf::create_map(MapType::SockMap, 4, 4, 1)?;
    let attach = AttachType::SkMsgVerdict;
    let program = load(ProgramType::SkMsg, 0, &constant(1))?;
    let attr = Attr::default().fd(0, &map).fd(4, &program).u32(8, attach as u32);
    bpf::call(Command::ProgramAttach, &mut attr.clone())?;
    bpf::call(Command::ProgramDetach, &mut attr.clone())?;
    Ok("program attached to a map".into())
}

fn sk_lookup() -> Result<String, Refusal> {
    let site = Site::new()?;
    let attach = AttachType::SkLookup;
    let program = load(ProgramType::SkLookup, attach as u32, &constant(1))?;
    let namespace = site.namespace.as_fd().as_raw_fd().cast_unsigned();
    bpf::create_link(program.as_fd(), namespace, attach, 0)?;
    Ok("attached to a namespace".into())
}

/// Attaches to a cgroup of its own below this process's view of the hierarchy.
fn cgroup(kind: ProgramType, attach: AttachType) -> Result<String, Refusal> {
    let name = format!("trama-doctor-{}-{}", std::process::id(), attach as u32);
    let path = cgroup2_root()?.join(name);
    let made = std::fs::create_dir(&path);
    made.map_err(|error| SysError::of(format!("mkdir({})", path.display()), &error))?;
    let result = attach_to_cgroup(&path, kind, attach);
    // It has no members, so it can be removed.
    let removed = std::fs::remove_dir(&path);
    result?;
    removed.map_err(|error| SysError::of(format!("rmdir({})", path.display()), &error))?;
    Ok("attached to a cgroup".into())
}

fn attach_to_cgroup(
    path: &std::path::Path,
    kind: ProgramType,
    attach: AttachType,
) -> Result<(), SysError> {
    let directory = std::fs::File::open(path).map_err(|error| SysError::of("open", &error))?;
    let expected = if kind == ProgramType::SockOps { 0 } else { attach as u32 };
    let program = load(kind, expected, &constant(1))?;
    let target = directory.as_raw_fd().cast_unsigned();
    bpf::create_link(program.as_fd(), target, attach, 0).map(drop)
}

fn test_run() -> Result<String, Refusal> {
    let program = load(ProgramType::Xdp, 0, &constant(XDP_PASS))?;
    let frame = [0u8; 64];
    let repeat = 1000;
    let mut attr = Attr::default()
        .fd(0, &program)
        .u32(8, frame.len() as u32)
        .u64(16, frame.as_ptr() as u64)
        .u32(32, repeat);
    bpf::call(Command::TestRun, &mut attr)?;
    match (attr.get(4).cast_signed(), attr.get(36)) {
        (XDP_PASS, duration_ns) => Ok(format!("a program that returns takes {duration_ns} ns")),
        (verdict, _) => Err(format!("the program returned {verdict} instead of {XDP_PASS}").into()),
    }
}

fn live_frames() -> Result<String, Refusal> {
    const LIVE_FRAMES: u32 = 1 << 1;
    let program = load(ProgramType::Xdp, 0, &constant(XDP_DROP))?;
    let frame = [0u8; 64];
    let mut attr = Attr::default()
        .fd(0, &program)
        .u32(8, frame.len() as u32)
        .u64(16, frame.as_ptr() as u64)
        .u32(32, 64)
        .u32(64, LIVE_FRAMES);
    bpf::call(Command::TestRun, &mut attr)?;
    Ok("64 frames made and dropped".into())
}
