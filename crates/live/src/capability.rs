//! The privileges of this process, as the kernel tells them in `/proc/self/status`.

use crate::sys::{SysError, check};

/// The capabilities that something here needs: name and bit, from `linux/capability.h`.
pub const NAMED: [(&str, u32); 7] = [
    ("CAP_NET_ADMIN", 12),
    ("CAP_NET_RAW", 13),
    ("CAP_IPC_LOCK", 14),
    ("CAP_SYS_ADMIN", 21),
    ("CAP_SYS_RESOURCE", 24),
    ("CAP_PERFMON", 38),
    ("CAP_BPF", 39),
];

/// A set of capabilities: bit n is the capability with number n.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities(pub u64);

impl Capabilities {
    /// The effective set of this thread; empty if the kernel does not tell.
    pub fn effective() -> Self {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
        Self::parse(&status)
    }

    fn parse(status: &str) -> Self {
        let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
        Self(line.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0))
    }

    /// Whether the capability with this number is in the set.
    pub fn has(self, bit: u32) -> bool {
        self.0 >> bit & 1 == 1
    }

    /// Gives up all other capabilities of this thread, for good; threads that it starts have no
    /// more either.
    pub fn keep_only(self) -> Result<(), SysError> {
        const VERSION_3: u32 = 0x2008_0522;
        let kept = self.0 & Self::effective().0;
        let header = [VERSION_3, 0];
        let (low, high) = (kept as u32, (kept >> 32) as u32);
        // Effective, permitted, inheritable; twice 32 bits of each.
        let data = [low, low, 0, high, high, 0];
        // SAFETY: both point to what version 3 of the call reads.
        let result = unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), data.as_ptr()) };
        check(i32::try_from(result).unwrap_or(-1), "capset").map(drop)
    }

    /// The set of the capabilities with these names; names that are not in [`NAMED`] add nothing.
    pub fn named(names: &[&str]) -> Self {
        let bits = NAMED.iter().filter(|(name, _)| names.contains(name));
        Self(bits.fold(0, |set, (_, bit)| set | 1 << bit))
    }

    /// The names of those in [`NAMED`] that the set lacks.
    pub fn missing(self) -> Vec<&'static str> {
        NAMED.iter().filter(|(_, bit)| !self.has(*bit)).map(|(name, _)| *name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_gives_up_what_it_does_not_keep() {
        let kept = std::thread::spawn(|| {
            Capabilities::named(&["CAP_NET_RAW"]).keep_only().expect("less is always allowed");
            Capabilities::effective()
        });
        let kept = kept.join().expect("no panic");
        assert_eq!(kept.0, Capabilities::effective().0 & 1 << 13);
    }

    #[test]
    fn the_effective_line_is_read() {
        let set = Capabilities::parse("CapPrm:\t0\nCapEff:\t0000000000003000\n");
        assert!(set.has(12) && set.has(13) && !set.has(21));
        assert_eq!(set.missing()[..2], ["CAP_IPC_LOCK", "CAP_SYS_ADMIN"]);
        assert_eq!(
            set.missing()[1..],
            ["CAP_SYS_ADMIN", "CAP_SYS_RESOURCE", "CAP_PERFMON", "CAP_BPF"]
        );
        assert_eq!(Capabilities::parse("").missing().len(), NAMED.len());
    }
}
