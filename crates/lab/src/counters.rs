//! The kernel's own counts of an interface, read inside its namespace.

use crate::LabError;
use trama_live::namespace::NetNamespace;
use trama_live::sys::SysError;

/// What an interface received and sent, as `/proc/net/dev` tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkCounters {
    /// Frames received.
    pub received_frames: u64,
    /// Their bytes.
    pub received_bytes: u64,
    /// Frames lost on receiving.
    pub received_dropped: u64,
    /// Frames sent.
    pub sent_frames: u64,
    /// Their bytes.
    pub sent_bytes: u64,
    /// Frames lost on sending.
    pub sent_dropped: u64,
}

pub(crate) fn read(namespace: &NetNamespace, interface: &str) -> Result<LinkCounters, LabError> {
    let text = namespace.run(|| std::fs::read_to_string("/proc/thread-self/net/dev"))?;
    let text = text.map_err(|error| SysError::of("read(/proc/net/dev)", &error))?;
    let found = parse(&text, interface);
    Ok(found.ok_or_else(|| SysError::new(format!("/proc/net/dev: {interface}"), 19))?)
}

fn parse(text: &str, interface: &str) -> Option<LinkCounters> {
    let line = text.lines().find_map(|line| {
        let (name, counts) = line.split_once(':')?;
        (name.trim() == interface).then_some(counts)
    })?;
    let counts: Vec<u64> =
        line.split_whitespace().map(str::parse).collect::<Result<_, _>>().ok()?;
    let at = |index: usize| counts.get(index).copied();
    Some(LinkCounters {
        received_bytes: at(0)?,
        received_frames: at(1)?,
        received_dropped: at(3)?,
        sent_bytes: at(8)?,
        sent_frames: at(9)?,
        sent_dropped: at(11)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_an_interface_is_found() {
        let text = "Inter-|   Receive\n face |bytes\n\
                    eth0:  10 1 0 2 0 0 0 0  20 3 0 4 0 0 0 0\n";
        let counters = parse(text, "eth0").expect("the line is there");
        assert_eq!((counters.received_frames, counters.sent_dropped), (1, 4));
        assert_eq!(parse(text, "eth1"), None);
    }
}
