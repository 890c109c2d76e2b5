//! The privileges of this process, as the kernel tells them in `/proc/self/status`.

/// The capabilities that something here needs: name and bit, from `linux/capability.h`.
pub const NAMED: [(&str, u32); 6] = [
    ("CAP_NET_ADMIN", 12),
    ("CAP_NET_RAW", 13),
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

    /// The names of those in [`NAMED`] that the set lacks.
    pub fn missing(self) -> Vec<&'static str> {
        NAMED.iter().filter(|(_, bit)| !self.has(*bit)).map(|(name, _)| *name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_effective_line_is_read() {
        let set = Capabilities::parse("CapPrm:\t0\nCapEff:\t0000000000003000\n");
        assert!(set.has(12) && set.has(13) && !set.has(21));
        assert_eq!(set.missing(), ["CAP_SYS_ADMIN", "CAP_SYS_RESOURCE", "CAP_PERFMON", "CAP_BPF"]);
        assert_eq!(Capabilities::parse("").missing().len(), NAMED.len());
    }
}
