//! Probes of programs that observe the kernel.

use super::programs::load;
use super::{Group, Probe, Refusal};
use crate::bpf::btf::{Btf, Kind};
use crate::bpf::{self, AttachType, Attr, Command, ProgramSpec, ProgramType};
use crate::sys::{SysError, check_fd};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use trama_ebpf::insn::constant;

const fn probe(
    id: &'static str,
    what: &'static str,
    enables: &'static str,
    check: fn() -> Result<String, Refusal>,
) -> Probe {
    let needs = "CAP_BPF and CAP_PERFMON";
    Probe { id, group: Group::Tracing, what, enables, needs, check }
}

pub(super) const PROBES: &[Probe] = &[
    probe(
        "raw-tracepoint",
        "a program on a raw tracepoint",
        "scheduler and TCP events",
        raw_tracepoint,
    ),
    probe(
        "btf-tracepoint",
        "a program on a typed tracepoint",
        "events with their arguments",
        || {
            traced(
                AttachType::TraceRawTracepoint,
                ProgramType::Tracing,
                Kind::Typedef,
                "btf_trace_sched_switch",
            )
        },
    ),
    probe("perf-event", "a program on a software clock", "profiles in the kernel", perf_program),
    probe("kprobe", "a program on a kernel function", "tracing of any function", kprobe),
    probe("fprobe", "a program on many kernel functions", "tracing of many functions", fprobe),
    probe("fentry", "a program at a function's entry", "cheap tracing with arguments", || {
        traced(AttachType::TraceFentry, ProgramType::Tracing, Kind::Func, "tcp_v4_connect")
    }),
    probe("lsm", "a program on a security hook", "policies on files and sockets", || {
        traced(AttachType::LsmMac, ProgramType::Lsm, Kind::Func, "bpf_lsm_file_open")
    }),
];

/// The function that the kprobe probes try.
const FUNCTION: &std::ffi::CStr = c"tcp_v4_connect";

fn raw_tracepoint() -> Result<String, Refusal> {
    let program = load(ProgramType::RawTracepoint, 0, &constant(0))?;
    bpf::open_raw_tracepoint(program.as_fd(), Some(c"sched_switch"))?;
    Ok("attached to sched_switch".into())
}

/// Attaches to what is found by its type.
fn traced(
    attach: AttachType,
    kind: ProgramType,
    target: Kind,
    name: &str,
) -> Result<String, Refusal> {
    let btf = Btf::of_kernel();
    let btf = btf.map_err(|error| SysError::of("read(/sys/kernel/btf/vmlinux)", &error))?;
    let target_btf =
        btf.find(target, name).ok_or_else(|| format!("the kernel's types have no {name}"))?;
    let code = constant(0);
    let program = bpf::load(&ProgramSpec { kind, code: &code, attach: attach as u32, target_btf })?;
    bpf::open_raw_tracepoint(program.as_fd(), None)?;
    Ok(format!("attached to {name}"))
}

fn perf_program() -> Result<String, Refusal> {
    let event = perf_event(1, 0, "cpu-clock")?;
    let program = load(ProgramType::PerfEvent, 0, &constant(0))?;
    let target = event.as_raw_fd().cast_unsigned();
    bpf::create_link(program.as_fd(), target, AttachType::PerfEvent, 0)?;
    Ok("attached to cpu-clock".into())
}

fn kprobe() -> Result<String, Refusal> {
    let path = "/sys/bus/event_source/devices/kprobe/type";
    let kind = std::fs::read_to_string(path);
    let kind = kind.map_err(|error| SysError::of(format!("read({path})"), &error))?;
    let kind = kind.trim().parse().map_err(|_| format!("{path} holds no number"))?;
    let program = load(ProgramType::Kprobe, 0, &constant(0))?;
    let event = perf_event(kind, FUNCTION.as_ptr() as u64, "kprobe")?;
    let target = event.as_raw_fd().cast_unsigned();
    bpf::create_link(program.as_fd(), target, AttachType::PerfEvent, 0)?;
    Ok(format!("attached to {}", FUNCTION.to_string_lossy()))
}

fn fprobe() -> Result<String, Refusal> {
    let attach = AttachType::TraceKprobeMulti;
    let program = load(ProgramType::Kprobe, attach as u32, &constant(0))?;
    let symbols = [FUNCTION.as_ptr()];
    let attr = Attr::default()
        .fd(0, &program)
        .u32(8, attach as u32)
        .u32(20, 1)
        .u64(24, symbols.as_ptr() as u64);
    bpf::new_fd(Command::LinkCreate, &attr)?;
    Ok(format!("attached to {}", FUNCTION.to_string_lossy()))
}

/// Opens an event of this process on any processor. `argument` is the function of a kprobe.
pub(super) fn perf_event(kind: u32, argument: u64, name: &str) -> Result<OwnedFd, SysError> {
    /// The first 112 bytes of `struct perf_event_attr`.
    #[repr(C)]
    #[derive(Default)]
    struct EventAttr {
        kind: u32,
        size: u32,
        config: u64,
        sample_period: u64,
        sample_type: u64,
        read_format: u64,
        flags: u64,
        wakeup_events: u32,
        breakpoint: u32,
        config1: u64,
        config2: u64,
        rest: [u64; 5],
    }
    let attr = EventAttr {
        kind,
        size: size_of::<EventAttr>() as u32,
        config1: argument,
        sample_period: 1_000_000,
        ..EventAttr::default()
    };
    let (this_process, any_cpu, no_group, close_on_exec) = (0, -1, -1, 8u64);
    // SAFETY: `attr` is readable for the size that it states.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            std::ptr::from_ref(&attr),
            this_process,
            any_cpu,
            no_group,
            close_on_exec,
        )
    };
    check_fd(i32::try_from(fd).unwrap_or(-1), &format!("perf_event_open({name})"))
}
