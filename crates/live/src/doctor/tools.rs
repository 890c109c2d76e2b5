//! Probes of programs that demonstrations and tests use; Trama itself needs none.

use super::{Group, Probe, Refusal};

macro_rules! tools {
    ($($name:literal $enables:literal,)*) => {
        &[$(Probe {
            id: $name,
            group: Group::Tools,
            what: concat!("the program ", $name),
            enables: $enables,
            needs: "",
            check: || find($name),
        },)*]
    };
}

pub(super) const PROBES: &[Probe] = tools![
    "ip" "looking into labs",
    "nft" "a baseline for firewalls and NAT",
    "nginx" "a real web server in labs",
    "wrk" "web load in labs",
    "curl" "a real web client in labs",
    "iperf3" "bulk transfers in labs",
    "dig" "DNS queries in labs",
    "ping" "ICMP in labs",
    "tcpdump" "captures to compare with",
    "tshark" "counts to compare with",
    "ethtool" "looking at offloads",
];

fn find(name: &str) -> Result<String, Refusal> {
    use std::os::unix::fs::PermissionsExt as _;
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Administrators' programs are often left out of users' paths.
    let more = ["/usr/sbin", "/sbin"].map(Into::into);
    let found = std::env::split_paths(&path).chain(more).map(|dir| dir.join(name)).find(|file| {
        std::fs::metadata(file).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
    });
    match found {
        Some(file) => Ok(file.display().to_string()),
        None => Err(format!("`{name}` is in no directory of PATH").into()),
    }
}
