//! Failed system calls as values: which operation, on what, with which errno.

use std::ffi::CString;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// A system call that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{operation}: {} ({})", errno_name(*errno), errno_text(*errno))]
pub struct SysError {
    /// What was attempted, as a call with its decisive argument: `bind(AF_XDP)`.
    pub operation: String,
    /// The kernel's answer.
    pub errno: i32,
}

impl SysError {
    /// The error that the thread's last failed call left behind.
    pub fn last(operation: impl Into<String>) -> Self {
        let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO);
        Self { operation: operation.into(), errno }
    }

    /// An error of the standard library; kinds without an errno become `EIO`.
    pub fn of(operation: impl Into<String>, error: &std::io::Error) -> Self {
        let errno = error.raw_os_error().unwrap_or(libc::EIO);
        Self { operation: operation.into(), errno }
    }

    /// An errno that the kernel delivered in a message.
    pub fn new(operation: impl Into<String>, errno: i32) -> Self {
        Self { operation: operation.into(), errno }
    }

    /// Whether the kernel refused for want of a privilege.
    pub fn is_permission(&self) -> bool {
        matches!(self.errno, libc::EPERM | libc::EACCES)
    }
}

/// The symbol of an errno, `EPERM`; its number for those that nothing here meets.
pub fn errno_name(errno: i32) -> String {
    let name = match errno {
        libc::EPERM => "EPERM",
        libc::ENOENT => "ENOENT",
        libc::EINTR => "EINTR",
        libc::EIO => "EIO",
        libc::ENXIO => "ENXIO",
        libc::E2BIG => "E2BIG",
        libc::EBADF => "EBADF",
        libc::EAGAIN => "EAGAIN",
        libc::ENOMEM => "ENOMEM",
        libc::EACCES => "EACCES",
        libc::EFAULT => "EFAULT",
        libc::EBUSY => "EBUSY",
        libc::EEXIST => "EEXIST",
        libc::ENODEV => "ENODEV",
        libc::ENOTDIR => "ENOTDIR",
        libc::EINVAL => "EINVAL",
        libc::EMFILE => "EMFILE",
        libc::ENOTTY => "ENOTTY",
        libc::ENOSPC => "ENOSPC",
        libc::EROFS => "EROFS",
        libc::EPIPE => "EPIPE",
        libc::ERANGE => "ERANGE",
        libc::ENOSYS => "ENOSYS",
        libc::EPROTO => "EPROTO",
        libc::EMSGSIZE => "EMSGSIZE",
        libc::EPROTONOSUPPORT => "EPROTONOSUPPORT",
        libc::EOPNOTSUPP => "EOPNOTSUPP",
        libc::EAFNOSUPPORT => "EAFNOSUPPORT",
        libc::EADDRINUSE => "EADDRINUSE",
        libc::ENETDOWN => "ENETDOWN",
        libc::ENOBUFS => "ENOBUFS",
        // The kernel's internal "not supported", which leaks from struct_ops and LSM attachment.
        524 => "ENOTSUPP",
        _ => return format!("errno {errno}"),
    };
    name.to_owned()
}

fn errno_text(errno: i32) -> String {
    if errno == 524 {
        return "operation is not supported".into();
    }
    let text = std::io::Error::from_raw_os_error(errno).to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

/// Turns the -1 of a system call into an error.
pub(crate) fn check(result: libc::c_int, operation: &str) -> Result<libc::c_int, SysError> {
    if result < 0 { Err(SysError::last(operation)) } else { Ok(result) }
}

/// Turns the -1 of a call that returns a new descriptor into an error, and owns the descriptor.
pub(crate) fn check_fd(result: libc::c_int, operation: &str) -> Result<OwnedFd, SysError> {
    let fd = check(result, operation)?;
    // SAFETY: the call succeeded and gave us a descriptor that nobody else knows of.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Opens a socket, closed on exec.
pub(crate) fn socket(
    domain: i32,
    kind: i32,
    protocol: i32,
    operation: &str,
) -> Result<OwnedFd, SysError> {
    // SAFETY: no pointers are involved.
    check_fd(unsafe { libc::socket(domain, kind | libc::SOCK_CLOEXEC, protocol) }, operation)
}

/// Sets a socket option to a plain value.
pub(crate) fn set_option<T: Copy>(
    fd: &impl AsRawFd,
    level: i32,
    name: i32,
    value: &T,
    operation: &str,
) -> Result<(), SysError> {
    // SAFETY: the pointer and the length describe `value`, which outlives the call.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            name,
            std::ptr::from_ref(value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    };
    check(result, operation).map(drop)
}

/// Reads a socket option that is a plain value whose all-zero pattern is valid.
pub(crate) fn get_option<T: Copy + Default>(
    fd: &impl AsRawFd,
    level: i32,
    name: i32,
    operation: &str,
) -> Result<T, SysError> {
    let mut value = T::default();
    let mut len = size_of::<T>() as libc::socklen_t;
    // SAFETY: the pointer and the length describe `value`; the callers' types are plain integers
    // and structs of them, valid whatever the kernel writes.
    let result = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            level,
            name,
            std::ptr::from_mut(&mut value).cast(),
            &mut len,
        )
    };
    check(result, operation)?;
    Ok(value)
}

/// A path or name for the kernel; embedded zeros, which no valid name has, become `EINVAL`.
pub(crate) fn c_string(text: &str, operation: &str) -> Result<CString, SysError> {
    CString::new(text).map_err(|_| SysError::new(operation, libc::EINVAL))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_operation_and_the_errno() {
        let error = SysError::new("bind(AF_XDP)", libc::EOPNOTSUPP);
        assert_eq!(error.to_string(), "bind(AF_XDP): EOPNOTSUPP (operation not supported)");
        assert!(!error.is_permission());
        assert!(SysError::new("bpf", libc::EPERM).is_permission());
    }
}
