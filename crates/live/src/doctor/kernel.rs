//! Probes of the machine and its kernel.

use super::{Group, Probe, Refusal};
use crate::capability::Capabilities;
use crate::sys::{SysError, c_string, check, check_fd};
use std::path::PathBuf;

const fn probe(
    id: &'static str,
    what: &'static str,
    enables: &'static str,
    needs: &'static str,
    check: fn() -> Result<String, Refusal>,
) -> Probe {
    Probe { id, group: Group::Machine, what, enables, needs, check }
}

pub(super) const PROBES: &[Probe] = &[
    probe("kernel", "version of the kernel", "everything live; 6.6 or later for tcx", "", version),
    probe("cpus", "processors that may be used", "one core per worker", "", processors),
    probe(
        "capabilities",
        "privileges of this process",
        "interfaces and kernel programs",
        "",
        capabilities,
    ),
    probe("memlock", "memory that may be locked", "AF_XDP rings without CAP_IPC_LOCK", "", memlock),
    probe("btf", "the kernel's type information", "tracing and struct_ops programs", "", btf),
    probe("cgroup2", "cgroup v2 hierarchy", "programs on cgroups, resource limits", "", cgroup2),
    probe("psi", "pressure stall information", "telling interference from load", "", pressure),
    probe(
        "perf-software",
        "software clock of perf",
        "sampling profiles",
        "CAP_PERFMON",
        perf_software,
    ),
    probe(
        "perf-hardware",
        "hardware cycle counter",
        "cycles and cache misses per packet",
        "CAP_PERFMON",
        perf_hardware,
    ),
    probe("io-uring", "an io_uring", "batched socket and file I/O", "", io_uring),
    probe(
        "userfaultfd",
        "page faults handled in user space",
        "remote and compressed memory",
        "",
        userfaultfd,
    ),
    probe("fuse", "the FUSE device", "file systems in user space", "", fuse),
    probe("overlayfs", "an overlay mount", "container images", "CAP_SYS_ADMIN", overlay),
    probe("kvm", "the virtual machine monitor", "guests", "access to /dev/kvm", kvm),
];

fn read(path: &str) -> Result<String, Refusal> {
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|error| SysError::of(format!("read({path})"), &error))?;
    Ok(text.trim().to_owned())
}

fn version() -> Result<String, Refusal> {
    read("/proc/sys/kernel/osrelease")
}

fn processors() -> Result<String, Refusal> {
    let count = std::thread::available_parallelism()
        .map_err(|error| SysError::of("sched_getaffinity", &error))?;
    let info = read("/proc/cpuinfo")?;
    let field = |name: &str| {
        let line = info.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(':')).map_or("", |(_, value)| value.trim())
    };
    let flags = field("flags");
    let has = |flag: &str| flags.split(' ').any(|word| word == flag);
    let vectors = match (has("avx512f"), has("avx2")) {
        (true, _) => ", AVX-512",
        (_, true) => ", AVX2",
        _ => "",
    };
    Ok(format!("{count} × {}{vectors}", field("model name")))
}

fn capabilities() -> Result<String, Refusal> {
    match Capabilities::effective().missing().as_slice() {
        [] => Ok("all that Trama uses".into()),
        // Only raises limits; nothing depends on it.
        ["CAP_SYS_RESOURCE"] => Ok("all that Trama uses but CAP_SYS_RESOURCE".into()),
        missing => Err(format!("missing: {}", missing.join(", ")).into()),
    }
}

fn memlock() -> Result<String, Refusal> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is valid for writing.
    check(unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &mut limit) }, "getrlimit")?;
    const NEEDED_BYTES: u64 = 16 << 20;
    match limit.rlim_cur {
        libc::RLIM_INFINITY => Ok("unlimited".into()),
        bytes if bytes >= NEEDED_BYTES => Ok(format!("{} MiB", bytes >> 20)),
        bytes if !Capabilities::effective().missing().contains(&"CAP_IPC_LOCK") => {
            Ok(format!("{} KiB, and CAP_IPC_LOCK, to which no limit applies", bytes >> 10))
        }
        bytes => {
            Err(format!("RLIMIT_MEMLOCK is {} KiB; needs 16 MiB or CAP_IPC_LOCK", bytes >> 10)
                .into())
        }
    }
}

fn btf() -> Result<String, Refusal> {
    let path = "/sys/kernel/btf/vmlinux";
    let meta = std::fs::metadata(path);
    let meta = meta.map_err(|error| SysError::of(format!("stat({path})"), &error))?;
    Ok(format!("{} KiB in {path}", meta.len() >> 10))
}

/// Where cgroup v2 is mounted.
pub(super) fn cgroup2_root() -> Result<PathBuf, Refusal> {
    let mounts = read("/proc/self/mounts")?;
    let found = mounts.lines().find_map(|line| {
        let mut words = line.split(' ');
        let (path, kind) = (words.nth(1)?, words.next()?);
        (kind == "cgroup2").then(|| PathBuf::from(path))
    });
    found.ok_or_else(|| "no cgroup2 file system is mounted".into())
}

fn cgroup2() -> Result<String, Refusal> {
    let root = cgroup2_root()?;
    let controllers = read(&root.join("cgroup.controllers").to_string_lossy())?;
    let controllers = if controllers.is_empty() { "no controllers" } else { &controllers };
    Ok(format!("{} ({controllers})", root.display()))
}

fn pressure() -> Result<String, Refusal> {
    let text = read("/proc/pressure/cpu")?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn perf_software() -> Result<String, Refusal> {
    super::tracing::perf_event(1, 0, "cpu-clock")?;
    Ok("cpu-clock".into())
}

fn perf_hardware() -> Result<String, Refusal> {
    super::tracing::perf_event(0, 0, "cpu-cycles")?;
    Ok("cpu-cycles".into())
}

fn io_uring() -> Result<String, Refusal> {
    let mut parameters = [0u32; 30];
    // SAFETY: `struct io_uring_params` has 120 bytes, which the kernel fills.
    let fd = unsafe { libc::syscall(libc::SYS_io_uring_setup, 4u32, parameters.as_mut_ptr()) };
    check_fd(i32::try_from(fd).unwrap_or(-1), "io_uring_setup")?;
    Ok(format!("features {:#x}", parameters[5]))
}

fn userfaultfd() -> Result<String, Refusal> {
    /// Only faults of user space; needs no privilege.
    const USER_MODE_ONLY: i32 = 1;
    let attempt = |flags: i32| {
        // SAFETY: no pointers are involved.
        let fd = unsafe { libc::syscall(libc::SYS_userfaultfd, libc::O_CLOEXEC | flags) };
        check_fd(i32::try_from(fd).unwrap_or(-1), "userfaultfd")
    };
    match attempt(0) {
        Ok(_) => Ok("also for faults in the kernel".into()),
        Err(error) if error.is_permission() => {
            attempt(USER_MODE_ONLY)?;
            Ok("only for faults in user space".into())
        }
        Err(error) => Err(error.into()),
    }
}

fn open(path: &std::ffi::CStr, flags: i32) -> Result<std::os::fd::OwnedFd, SysError> {
    // SAFETY: the path is a C string.
    let fd = unsafe { libc::open(path.as_ptr(), flags | libc::O_CLOEXEC) };
    check_fd(fd, &format!("open({})", path.to_string_lossy()))
}

fn fuse() -> Result<String, Refusal> {
    open(c"/dev/fuse", libc::O_RDWR)?;
    Ok("/dev/fuse opens".into())
}

fn kvm() -> Result<String, Refusal> {
    use std::os::fd::AsRawFd as _;
    const KVM_GET_API_VERSION: libc::c_ulong = 0xae00;
    let device = open(c"/dev/kvm", libc::O_RDWR)?;
    // SAFETY: the request takes no argument.
    let version = unsafe { libc::ioctl(device.as_raw_fd(), KVM_GET_API_VERSION, 0) };
    let version = check(version, "ioctl(KVM_GET_API_VERSION)")?;
    Ok(format!("API version {version}"))
}

/// Mounts in a mount namespace of a thread that ends with the probe.
fn overlay() -> Result<String, Refusal> {
    let attempt = || -> Result<(), SysError> {
        // SAFETY: moves only this thread, which ends here, into a new namespace.
        check(unsafe { libc::unshare(libc::CLONE_NEWNS) }, "unshare(CLONE_NEWNS)")?;
        mount("none", "/", "", libc::MS_REC | libc::MS_PRIVATE, "")?;
        mount("none", "/tmp", "tmpfs", 0, "")?;
        for name in ["lower", "upper", "work", "merged"] {
            let made = std::fs::create_dir(format!("/tmp/{name}"));
            made.map_err(|error| SysError::of("mkdir", &error))?;
        }
        let layers = "lowerdir=/tmp/lower,upperdir=/tmp/upper,workdir=/tmp/work";
        mount("none", "/tmp/merged", "overlay", 0, layers)
    };
    std::thread::scope(|scope| match scope.spawn(attempt).join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    })?;
    Ok("on tmpfs".into())
}

fn mount(
    source: &str,
    target: &str,
    kind: &str,
    flags: libc::c_ulong,
    data: &str,
) -> Result<(), SysError> {
    let operation = format!("mount({kind} on {target})");
    let [source, target, kind, data] = [source, target, kind, data].map(|s| c_string(s, "mount"));
    let (source, target, kind, data) = (source?, target?, kind?, data?);
    // SAFETY: all four are C strings.
    let result = unsafe {
        libc::mount(source.as_ptr(), target.as_ptr(), kind.as_ptr(), flags, data.as_ptr().cast())
    };
    check(result, &operation).map(drop)
}
