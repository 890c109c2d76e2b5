//! Options of TCP (RFC 9293, section 3.1) and IPv4 (RFC 791, section 3.1) headers.

/// A TCP option that programs can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpOption {
    /// Maximum segment size (kind 2).
    Mss,
    /// Window scale (kind 3).
    WindowScale,
    /// SACK permitted (kind 4); its value is 1.
    SackPermitted,
    /// Timestamp value (kind 8).
    TsVal,
    /// Timestamp echo reply (kind 8).
    TsEcr,
}
