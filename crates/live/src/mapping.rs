//! Memory shared with the kernel: an `mmap` that is unmapped when dropped.

use crate::sys::{SysError, check};
use std::os::fd::RawFd;

/// A readable and writable mapping.
#[derive(Debug)]
pub struct Mapping {
    address: *mut u8,
    len: usize,
}

// SAFETY: a mapping is plain memory owned by this handle; nothing in it is tied to a thread.
unsafe impl Send for Mapping {}
// SAFETY: shared references only give out addresses; whoever reads or writes there must say why
// nobody else does.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// `len` bytes of zeroed private memory, resident from the start.
    pub fn anonymous(len: usize) -> Result<Self, SysError> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE;
        Self::map(len, flags, -1, 0, "mmap(anonymous)")
    }

    /// `len` bytes of what `fd` offers at `offset`, shared with the kernel.
    pub fn shared(fd: RawFd, offset: u64, len: usize, operation: &str) -> Result<Self, SysError> {
        Self::map(len, libc::MAP_SHARED | libc::MAP_POPULATE, fd, offset, operation)
    }

    fn map(
        len: usize,
        flags: i32,
        fd: RawFd,
        offset: u64,
        operation: &str,
    ) -> Result<Self, SysError> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let offset =
            libc::off_t::try_from(offset).map_err(|_| SysError::new(operation, libc::EOVERFLOW))?;
        // SAFETY: the kernel chooses the address, so no existing mapping is replaced.
        let address =
            unsafe { libc::mmap(std::ptr::null_mut(), len, protection, flags, fd, offset) };
        if address == libc::MAP_FAILED {
            return Err(SysError::last(operation));
        }
        let mapping = Self { address: address.cast(), len };
        mapping.inherit(false)?;
        Ok(mapping)
    }

    /// Whether a child that is forked has it too; it has not if nothing is said.
    pub fn inherit(&self, inherit: bool) -> Result<(), SysError> {
        let advice = if inherit { libc::MADV_DOFORK } else { libc::MADV_DONTFORK };
        // SAFETY: the range is that of the mapping; this process sees no difference.
        let result = unsafe { libc::madvise(self.address.cast(), self.len, advice) };
        check(result, "madvise(fork)").map(drop)
    }

    /// The first byte.
    pub fn address(&self) -> *mut u8 {
        self.address
    }

    /// The length in bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the mapping has no bytes; the kernel refuses to make such a one.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The address of the byte at `offset`, from which `len` bytes are inside the mapping.
    ///
    /// Panics otherwise: offsets into shared rings are checked where they are read.
    pub fn at(&self, offset: usize, len: usize) -> *mut u8 {
        let end = offset.checked_add(len).expect("offsets are far below the address space's end");
        assert!(end <= self.len, "{offset}+{len} lies outside a mapping of {}", self.len);
        // SAFETY: just checked to lie inside the mapping.
        unsafe { self.address.add(offset) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: this handle made the mapping and is the only one to unmap it.
        unsafe { libc::munmap(self.address.cast(), self.len) };
    }
}
