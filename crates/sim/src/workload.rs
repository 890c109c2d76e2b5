//! Which messages are sent when.

use trama_base::{Picos, Rng};
use trama_transport::HostId;

/// A message of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// When it is submitted.
    pub at: Picos,
    /// From.
    pub source: HostId,
    /// To.
    pub destination: HostId,
    /// Its length.
    pub bytes: u64,
}

/// Every host sends to one other and receives from one other, all at once.
pub fn permutation(hosts: u32, bytes: u64, seed: u64) -> Vec<Flow> {
    let mut rng = Rng::stream(seed, "permutation");
    let mut targets: Vec<u32> = (0..hosts).collect();
    // Sattolo's algorithm: a single cycle, so nobody sends to himself.
    for i in (1..targets.len()).rev() {
        targets.swap(i, rng.below(i as u64) as usize);
    }
    let flow = |(source, destination)| Flow {
        at: Picos::ZERO,
        source: HostId(source),
        destination: HostId(destination),
        bytes,
    };
    (0..hosts).zip(targets).map(flow).collect()
}

/// Hosts `1..=senders` send to host 0, all at once.
pub fn incast(senders: u32, bytes: u64) -> Vec<Flow> {
    let flow = |source| Flow {
        at: Picos::ZERO,
        source: HostId(source),
        destination: HostId(0),
        bytes,
    };
    (1..=senders).map(flow).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permutation_has_everyone_once_and_nobody_to_himself() {
        let flows = permutation(128, 1, 5);
        let mut targets: Vec<u32> = flows.iter().map(|f| f.destination.0).collect();
        targets.sort_unstable();
        assert_eq!(targets, (0..128).collect::<Vec<_>>());
        assert!(flows.iter().all(|f| f.source != f.destination));
    }
}
