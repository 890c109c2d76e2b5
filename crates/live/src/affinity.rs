//! Which processors a thread may run on.

use crate::sys::{SysError, check};

/// Keeps this thread, and the threads and processes that it starts meanwhile, on one processor;
/// dropping it lets this thread go where it could before.
#[derive(Debug)]
pub struct OneProcessor {
    before: libc::cpu_set_t,
}

impl OneProcessor {
    /// Stays on the first of the processors on which this thread may run.
    pub fn stay() -> Result<Self, SysError> {
        let size = size_of::<libc::cpu_set_t>();
        // SAFETY: all-zero is a valid set: the empty one.
        let mut before: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        // SAFETY: the pointer and the size describe `before`.
        check(unsafe { libc::sched_getaffinity(0, size, &mut before) }, "sched_getaffinity")?;
        // SAFETY: as above.
        let mut one: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        // SAFETY: the numbers are below the size of a set.
        let is_allowed = |cpu: &usize| unsafe { libc::CPU_ISSET(*cpu, &before) };
        let first = (0..libc::CPU_SETSIZE as usize).find(is_allowed).unwrap_or(0);
        // SAFETY: as above.
        unsafe { libc::CPU_SET(first, &mut one) };
        // SAFETY: the pointer and the size describe `one`.
        check(unsafe { libc::sched_setaffinity(0, size, &one) }, "sched_setaffinity")?;
        Ok(Self { before })
    }
}

impl Drop for OneProcessor {
    fn drop(&mut self) {
        // SAFETY: the pointer and the size describe `before`. It was valid before.
        unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &self.before) };
    }
}
