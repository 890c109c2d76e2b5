//! The clocks that a live run reads.

use trama_base::Nanos;

/// Time since boot that only goes forward: for lengths.
pub fn monotonic() -> Nanos {
    read(libc::CLOCK_MONOTONIC)
}

/// Time since the Unix epoch, which administrators may set: for events.
pub fn realtime() -> Nanos {
    read(libc::CLOCK_REALTIME)
}

/// Processor time that this thread has used: for lengths of work on a machine that others use too.
pub fn thread_cpu() -> Nanos {
    read(libc::CLOCK_THREAD_CPUTIME_ID)
}

fn read(clock: libc::clockid_t) -> Nanos {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is valid for writing; these clocks exist on every Linux, so this cannot fail.
    unsafe { libc::clock_gettime(clock, &mut time) };
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let rest = u64::try_from(time.tv_nsec).unwrap_or(0);
    Nanos::from_secs(seconds) + Nanos(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_advance_and_differ() {
        let (before, after) = (monotonic(), monotonic());
        assert!(before <= after);
        assert!(realtime() > Nanos::from_secs(1_700_000_000));
    }
}
