//! Network namespaces: make one, keep it under a name, run code inside it.

use crate::sys::{SysError, c_string, check};
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::{Path, PathBuf};

/// Where named namespaces are bound, so that `ip netns exec` and `nsenter` find them.
pub const NAMED_DIR: &str = "/run/netns";

/// A network namespace, held open by a descriptor.
#[derive(Debug)]
pub struct NetNamespace {
    file: File,
}

impl NetNamespace {
    /// A new namespace with nothing but a loopback interface that is down. It goes away, with all
    /// that is in it, when the last descriptor, process and bound name is gone.
    pub fn new() -> Result<Self, SysError> {
        on_thread(|| {
            // SAFETY: moves only this thread into a new namespace.
            check(unsafe { libc::unshare(libc::CLONE_NEWNET) }, "unshare(CLONE_NEWNET)")?;
            Self::current()
        })
    }

    /// The namespace of this thread.
    pub fn current() -> Result<Self, SysError> {
        Self::open(Path::new("/proc/thread-self/ns/net"))
    }

    /// The namespace bound at `path`.
    pub fn open(path: &Path) -> Result<Self, SysError> {
        match File::open(path) {
            Ok(file) => Ok(Self { file }),
            Err(error) => Err(SysError::of(format!("open({})", path.display()), &error)),
        }
    }

    /// The namespace bound under `name` in [`NAMED_DIR`].
    pub fn named(name: &str) -> Result<Self, SysError> {
        Self::open(&bound_path(name))
    }

    /// Binds it under `name` in [`NAMED_DIR`], which must be free.
    pub fn bind(&self, name: &str) -> Result<(), SysError> {
        let path = bound_path(name);
        let operation = format!("create({})", path.display());
        std::fs::create_dir_all(NAMED_DIR).map_err(|e| SysError::of(operation.as_str(), &e))?;
        File::create_new(&path).map_err(|e| SysError::of(operation.as_str(), &e))?;
        let source = c_string(&format!("/proc/self/fd/{}", self.file.as_raw_fd()), "mount")?;
        let target = c_string(&path.to_string_lossy(), "mount")?;
        // SAFETY: both paths are valid C strings; type and data are ignored for a bind.
        let result = unsafe {
            libc::mount(
                source.as_ptr(),
                target.as_ptr(),
                std::ptr::null(),
                libc::MS_BIND,
                std::ptr::null(),
            )
        };
        check(result, &format!("mount(bind {})", path.display())).map(drop).inspect_err(|_| {
            let _ = std::fs::remove_file(&path);
        })
    }

    /// Runs `f` on a thread inside this namespace: sockets made there stay bound to it.
    pub fn run<T: Send>(&self, f: impl FnOnce() -> T + Send) -> Result<T, SysError> {
        on_thread(|| {
            self.enter()?;
            Ok(f())
        })
    }

    /// Moves this thread into the namespace, for good.
    pub fn enter(&self) -> Result<(), SysError> {
        // SAFETY: the descriptor refers to a namespace, or the kernel answers EINVAL.
        let result = unsafe { libc::setns(self.file.as_raw_fd(), libc::CLONE_NEWNET) };
        check(result, "setns(CLONE_NEWNET)").map(drop)
    }

    /// Duplicates the handle.
    pub fn try_clone(&self) -> Result<Self, SysError> {
        let file = self.file.try_clone().map_err(|error| SysError::of("dup", &error))?;
        Ok(Self { file })
    }
}

impl AsFd for NetNamespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Removes the name of a namespace; no error if there is none.
pub fn unbind(name: &str) -> Result<(), SysError> {
    let path = bound_path(name);
    let operation = format!("umount({})", path.display());
    let target = c_string(&path.to_string_lossy(), &operation)?;
    // SAFETY: the path is a valid C string.
    let result = unsafe { libc::umount2(target.as_ptr(), libc::MNT_DETACH) };
    match check(result, &operation) {
        Ok(_) => {}
        Err(error) if matches!(error.errno, libc::ENOENT | libc::EINVAL) => {}
        Err(error) => return Err(error),
    }
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(SysError::of(format!("unlink({})", path.display()), &error))
        }
        _ => Ok(()),
    }
}

/// The names bound in [`NAMED_DIR`], sorted.
pub fn bound_names() -> Vec<String> {
    let entries = std::fs::read_dir(NAMED_DIR).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Where the namespace `name` is bound.
pub fn bound_path(name: &str) -> PathBuf {
    Path::new(NAMED_DIR).join(name)
}

/// Runs `f` on a thread of its own, so that a change of namespace stays there.
fn on_thread<T: Send>(f: impl FnOnce() -> Result<T, SysError> + Send) -> Result<T, SysError> {
    std::thread::scope(|scope| match scope.spawn(f).join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_not_bound_is_an_error_to_open_and_none_to_remove() {
        let error = NetNamespace::named("trama-no-such").expect_err("nothing is bound there");
        assert_eq!(error.errno, libc::ENOENT);
        assert_eq!(unbind("trama-no-such"), Ok(()));
    }
}
