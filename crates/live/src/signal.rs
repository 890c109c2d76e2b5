//! The wish to stop: a flag that a signal handler, a test or another thread raises.

use crate::sys::{SysError, check};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

/// A flag that asks a run to end; clones are the same flag.
#[derive(Clone, Debug, Default)]
pub struct StopFlag(Arc<AtomicBool>);

/// The flag that the handler raises: leaked by [`StopFlag::on_signals`], hence always valid.
static RAISED: AtomicPtr<AtomicBool> = AtomicPtr::new(std::ptr::null_mut());

impl StopFlag {
    /// A flag that is not raised.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the run to end.
    pub fn raise(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether the run shall end.
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Raises this flag on SIGINT and SIGTERM, instead of dying. A second signal of the same kind
    /// has its usual effect, so that a run that hangs can still be ended.
    ///
    /// The last flag that called this is the one that is raised. A system call that waits returns
    /// with `EINTR`, so that the flag is seen at once.
    pub fn on_signals(&self) -> Result<(), SysError> {
        let flag = Arc::into_raw(Arc::clone(&self.0)).cast_mut();
        RAISED.store(flag, Ordering::Release);
        for signal in [libc::SIGINT, libc::SIGTERM] {
            // SAFETY: all-zero is a valid sigaction: no flags, an empty mask.
            let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
            action.sa_sigaction = raise_flag as extern "C" fn(libc::c_int) as usize;
            action.sa_flags = libc::SA_RESETHAND;
            // SAFETY: the handler only touches an atomic behind a pointer that is never freed.
            let result = unsafe { libc::sigaction(signal, &action, std::ptr::null_mut()) };
            check(result, "sigaction")?;
        }
        Ok(())
    }
}

extern "C" fn raise_flag(_signal: libc::c_int) {
    let flag = RAISED.load(Ordering::Acquire);
    if !flag.is_null() {
        // SAFETY: the pointer came from `Arc::into_raw` and its count is never given back.
        unsafe { (*flag).store(true, Ordering::Release) };
    }
}

/// A signal to another process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// SIGTERM: please end.
    Terminate,
    /// SIGKILL: ends.
    Kill,
}

/// Sends a signal to the process with this number; false if there is none or it is not ours.
pub fn send(pid: u32, kind: Kind) -> bool {
    let signal = match kind {
        Kind::Terminate => libc::SIGTERM,
        Kind::Kill => libc::SIGKILL,
    };
    // Zero and negative numbers would address groups.
    let Ok(pid @ 1..) = libc::pid_t::try_from(pid) else { return false };
    // SAFETY: no pointers are involved.
    unsafe { libc::kill(pid, signal) == 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_raises_the_flag() {
        let flag = StopFlag::new();
        flag.on_signals().expect("handlers can be set");
        assert!(!flag.is_raised());
        // SAFETY: sends a handled signal to this process.
        unsafe { libc::raise(libc::SIGTERM) };
        assert!(flag.is_raised());
    }
}
