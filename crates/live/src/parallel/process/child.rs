//! The child's side: does jobs until it is killed.

use super::kind;
use super::telling::Telling;
use crate::parallel::idle::Idle;
use crate::parallel::shared::{Note, Reader, Writer, packet};
use crate::parallel::worker::{Hand, Job, What};
use std::sync::atomic::Ordering;
use trama_base::Nanos;
use trama_lang::engine::Engine;
use trama_lang::ir::Program;

/// Looks at the queue before waiting in the kernel.
const LOOKS: u32 = 256;

/// Exit status of a child whose engine could not be made, or panicked.
const FAILED: i32 = 101;

/// Runs the child, and never returns.
pub(super) fn main(
    name: &str,
    make: &dyn Fn() -> Result<Box<dyn Engine>, String>,
    program: &Program,
    jobs: Reader,
    results: Writer,
    telling: Telling<'_>,
) -> ! {
    let run = std::panic::AssertUnwindSafe(|| {
        settle(name);
        let Ok(engine) = make() else { return };
        if !confine() {
            return;
        }
        work(Hand::new(engine, program.clone()), jobs, results, telling);
    });
    // Unwinding must not reach what the parent was doing.
    let _ = std::panic::catch_unwind(run);
    // SAFETY: ends this process without running what the parent registered for its end.
    unsafe { libc::_exit(FAILED) }
}

/// Makes the child end with its parent, and leaves the user's signals to that.
fn settle(name: &str) {
    let name: String = format!("trama {name}").chars().take(15).collect();
    let name = std::ffi::CString::new(name).unwrap_or_default();
    // SAFETY: plain calls; the name is a C string that outlives the call.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        libc::prctl(libc::PR_SET_NAME, name.as_ptr());
        libc::signal(libc::SIGINT, libc::SIG_IGN);
        libc::signal(libc::SIGTERM, libc::SIG_DFL);
        // The standard library looks into these two for overflowing stacks; here they just kill.
        libc::signal(libc::SIGSEGV, libc::SIG_DFL);
        libc::signal(libc::SIGBUS, libc::SIG_DFL);
    }
}

fn work(mut hand: Hand, mut jobs: Reader, mut results: Writer, telling: Telling<'_>) {
    let mut frame = Vec::new();
    let mut packets = Vec::new();
    loop {
        // The parent is trusted, but its words are checked like any: a fault ends the child.
        let Ok(note) = next(&mut jobs, &mut frame) else { return };
        if note.kind == kind::FRAME {
            packets.push(packet(note, &frame, hand.pool()));
            continue;
        }
        let what = match note.port {
            0 => What::Process,
            1 => What::Echo,
            2 => What::Advance,
            3 => What::Brief,
            4 => What::Whole,
            5 => What::Yield,
            _ => What::Finish,
        };
        let job = Job { what, packets: std::mem::take(&mut packets), now: note.time };
        let mut done = hand.work(job);
        if let Some(told) = done.told.take() {
            telling.write(&told);
        }
        let mut too_long = 0;
        for record in done.records.drain(..) {
            let (kind, port, time) = (kind::RECORD, record.stream.0, record.time);
            let bytes: Vec<u8> = record.leaves.iter().flat_map(|l| l.to_le_bytes()).collect();
            if bytes.len() <= super::FRAME_BYTES_MAX {
                put(&mut results, Note { kind, port, time, ..Note::default() }, &bytes);
            }
        }
        for packet in done.output.drain(..) {
            let (port, mark, time) = (packet.port, packet.mark, packet.time);
            if packet.bytes().len() <= super::FRAME_BYTES_MAX {
                let note = Note { kind: kind::FRAME, port, mark, time, number: 0 };
                put(&mut results, note, packet.bytes());
            } else {
                too_long += 1;
            }
            hand.pool().give(packet);
        }
        done.spare.drain(..).for_each(|packet| hand.pool().give(packet));
        // Zero says that nothing is due.
        let next = done.next.unwrap_or(Nanos::ZERO);
        let busy = u32::try_from(done.busy.0).unwrap_or(u32::MAX);
        let end = Note { kind: kind::END, port: too_long, mark: busy, time: next, ..note };
        put(&mut results, end, &[]);
        results.publish();
    }
}

/// The next message, waited for.
fn next(jobs: &mut Reader, frame: &mut Vec<u8>) -> Result<Note, crate::parallel::shared::Fault> {
    let mut looks = 0;
    loop {
        let bell = jobs.place().bell().load(Ordering::Acquire);
        if jobs.used()? > 0 {
            let note = jobs.read(frame);
            jobs.publish();
            return note;
        }
        looks += 1;
        match looks {
            0..LOOKS => std::hint::spin_loop(),
            _ => wait(jobs.place().bell(), bell),
        }
    }
}

/// Sleeps until the bell has rung since it was looked at, at most for a while.
fn wait(bell: &std::sync::atomic::AtomicU32, seen: u32) {
    let limit = libc::timespec { tv_sec: 0, tv_nsec: 100_000_000 };
    // SAFETY: the word and the limit live during the call.
    unsafe {
        libc::syscall(libc::SYS_futex, bell.as_ptr(), libc::FUTEX_WAIT, seen, &raw const limit);
    }
}

/// Writes a message, waiting for room.
fn put(results: &mut Writer, note: Note, frame: &[u8]) {
    let mut idle = Idle::default();
    while results.free() == Ok(0) {
        results.publish();
        idle.wait();
    }
    results.write(note, frame);
}

/// Gives up every system call but those for memory, waiting and ending; any other kills. False if
/// the kernel refuses.
fn confine() -> bool {
    let allowed = [
        libc::SYS_futex,
        libc::SYS_sched_yield,
        libc::SYS_nanosleep,
        libc::SYS_clock_nanosleep,
        libc::SYS_clock_gettime,
        libc::SYS_getrandom,
        libc::SYS_brk,
        libc::SYS_mmap,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_madvise,
        libc::SYS_mprotect,
        libc::SYS_rt_sigreturn,
        libc::SYS_exit,
        libc::SYS_exit_group,
    ];
    // linux/audit.h: AUDIT_ARCH_AARCH64, AUDIT_ARCH_X86_64.
    const ARCHITECTURE: u32 = if cfg!(target_arch = "aarch64") { 0xc000_00b7 } else { 0xc000_003e };
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let jump = |k: u32, jt: u8, jf: u8| libc::sock_filter {
        code: (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16,
        jt,
        jf,
        k,
    };
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let answer = libc::BPF_RET | libc::BPF_K;
    // struct seccomp_data: nr at 0, arch at 4, the arguments from 16 on, 8 bytes each.
    let mut filter = vec![
        statement(load, 4),
        jump(ARCHITECTURE, 1, 0),
        statement(answer, libc::SECCOMP_RET_KILL_PROCESS),
        statement(load, 0),
    ];
    // Memory is never made executable: generated code was made before.
    for (at, call) in allowed.iter().enumerate() {
        let rest = (allowed.len() - at) as u8;
        filter.push(jump(*call as u32, rest, 0));
    }
    filter.push(statement(answer, libc::SECCOMP_RET_KILL_PROCESS));
    // Third argument of mmap and mprotect: the protection. Others have no such bit in use.
    filter.push(statement(load, 0));
    filter.push(jump(libc::SYS_mmap as u32, 1, 0));
    filter.push(jump(libc::SYS_mprotect as u32, 0, 3));
    filter.push(statement(load, 32));
    filter.push(libc::sock_filter {
        code: (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16,
        jt: 0,
        jf: 1,
        k: libc::PROT_EXEC as u32,
    });
    filter.push(statement(answer, libc::SECCOMP_RET_KILL_PROCESS));
    filter.push(statement(answer, libc::SECCOMP_RET_ALLOW));
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the program and its instructions live during the calls, which copy them.
    unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) == 0
    }
}
