//! Waiting until one of several descriptors has something to read.

use crate::sys::SysError;
use std::os::fd::RawFd;
use trama_base::Nanos;

/// What a wait ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// A descriptor is readable, or has an error that a read will report.
    Ready,
    /// The time passed, or a signal came.
    Idle,
}

/// A set of descriptors to wait for.
#[derive(Debug, Default)]
pub struct Waiter {
    entries: Vec<libc::pollfd>,
}

impl Waiter {
    /// Forgets all descriptors.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// Adds a descriptor.
    pub fn add(&mut self, fd: RawFd) {
        self.entries.push(libc::pollfd { fd, events: libc::POLLIN, revents: 0 });
    }

    /// Waits at most `timeout`.
    pub fn wait(&mut self, timeout: Nanos) -> Result<Wake, SysError> {
        let limit = libc::timespec {
            tv_sec: i64::try_from(timeout.0 / 1_000_000_000).unwrap_or(i64::MAX),
            tv_nsec: (timeout.0 % 1_000_000_000).cast_signed(),
        };
        // SAFETY: the pointer and the length describe `entries`; a null mask changes no signals.
        let ready = unsafe {
            libc::ppoll(
                self.entries.as_mut_ptr(),
                self.entries.len() as libc::nfds_t,
                &limit,
                std::ptr::null(),
            )
        };
        match ready {
            0 => Ok(Wake::Idle),
            n if n > 0 => Ok(Wake::Ready),
            _ => match SysError::last("ppoll") {
                error if error.errno == libc::EINTR => Ok(Wake::Idle),
                error => Err(error),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::os::fd::AsRawFd as _;

    #[test]
    fn readiness_and_silence_are_told_apart() {
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        let mut waiter = Waiter::default();
        waiter.add(reader.as_raw_fd());
        assert_eq!(waiter.wait(Nanos::ZERO), Ok(Wake::Idle));
        writer.write_all(b"x").expect("room in the pipe");
        assert_eq!(waiter.wait(Nanos::from_secs(10)), Ok(Wake::Ready));
    }
}
