//! Prefetching for a batch: while its packets wait, the table lines that they will need travel.
//!
//! The first pass hashes the keys that a packet shows by itself, and asks for the lines of the index
//! and for places in arrays and pools. The second, by when those have come, asks for the entries and
//! hashes the keys that the arrays complete; the third asks for the entries of these. Misses that
//! the packets would take one after the other overlap. Tables that fit the nearer caches are left
//! alone.

use crate::compile::ProbeCode;
use crate::probe::PROBES_MAX;
use trama_state::mem;
use trama_wire::Packet;
use trama_wire::header::HeaderSet;

/// Packets prefetched together: enough to overlap misses, few enough that what arrives first is
/// still near when the last is processed.
pub(crate) const CHUNK: usize = 16;

/// Tables up to this size are left alone.
const NEAR_BYTES: u64 = 128 << 10;

/// The probes of a program by external port.
pub(crate) struct Prefetcher {
    ports: Vec<Vec<CompiledPlan>>,
}

/// The probes for packets that one handler takes at an external port.
pub(crate) struct CompiledPlan {
    /// The handler's patterns: the first plan of a port with one that matches counts.
    pub(crate) patterns: Vec<HeaderSet>,
    /// At most [`PROBES_MAX`].
    pub(crate) early: Vec<Compiled>,
    /// At most [`PROBES_MAX`] less the early ones.
    pub(crate) late: Vec<Compiled>,
}

/// A probe in machine code.
pub(crate) struct Compiled {
    /// Null if what is probed has no second line.
    pub(crate) map: *const mem::Map,
    pub(crate) needs: HeaderSet,
    pub(crate) code: ProbeCode,
}

/// What the probes of one packet found: a hash for each, 0 for those without a second line.
type Hashes = [u64; PROBES_MAX];

impl Prefetcher {
    /// A prefetcher with the plans of each external port.
    pub(crate) fn new(ports: Vec<Vec<CompiledPlan>>) -> Self {
        Self { ports }
    }

    /// True if an object is large enough to be probed.
    pub(crate) fn pays_for(reserved_bytes: u64) -> bool {
        reserved_bytes > NEAR_BYTES
    }

    /// Fetches what at most [`CHUNK`] packets will need.
    ///
    /// # Safety
    /// The objects are alive and nobody changes them meanwhile.
    pub(crate) unsafe fn run(&self, packets: &mut [Box<Packet>]) {
        let mut hashes: [Hashes; CHUNK] = [[0; PROBES_MAX]; CHUNK];
        let mut plans: [Option<&CompiledPlan>; CHUNK] = [None; CHUNK];
        let mut any_late = false;
        // SAFETY: the caller's promise, for all calls.
        unsafe {
            for (lane, packet) in packets.iter_mut().enumerate().take(CHUNK) {
                let Some(plan) = self.plan(packet) else { continue };
                plans[lane] = Some(plan);
                any_late |= !plan.late.is_empty();
                probe(&plan.early, packet, &mut hashes[lane]);
            }
            for (lane, packet) in packets.iter_mut().enumerate().take(CHUNK) {
                let Some(plan) = plans[lane] else { continue };
                fetch_entries(&plan.early, &hashes[lane]);
                probe(&plan.late, packet, &mut hashes[lane]);
            }
            if any_late {
                for (plan, hashes) in plans.iter().zip(&hashes) {
                    plan.iter().for_each(|plan| fetch_entries(&plan.late, hashes));
                }
            }
        }
    }

    /// The plan for a packet.
    #[inline]
    fn plan(&self, packet: &Packet) -> Option<&CompiledPlan> {
        let present = packet.layout().present;
        let plans = self.ports.get(packet.port as usize)?;
        let takes = |plan: &&CompiledPlan| plan.patterns.iter().any(|p| present.contains(*p));
        plans.iter().find(takes)
    }

    /// True if there is nothing to probe for.
    pub(crate) fn is_empty(&self) -> bool {
        self.ports.iter().flatten().all(|plan| plan.early.is_empty() && plan.late.is_empty())
    }
}

/// Runs probes of one stage for a packet.
///
/// # Safety
/// As for [`Prefetcher::run`].
#[inline]
unsafe fn probe(probes: &[Compiled], packet: &mut Packet, hashes: &mut Hashes) {
    let present = packet.layout().present;
    let (data, layout) = packet.parts_mut();
    for (hash, probe) in hashes.iter_mut().zip(probes) {
        // SAFETY: the code reads the packet, arrays and the map's seed, and asks for a line.
        let found = present
            .contains(probe.needs)
            .then(|| unsafe { (probe.code)(&raw mut *packet, data, layout) });
        *hash = found.unwrap_or(0);
    }
}

/// Asks for the entries that a stage's probes lead to.
///
/// # Safety
/// As for [`Prefetcher::run`].
#[inline]
unsafe fn fetch_entries(probes: &[Compiled], hashes: &Hashes) {
    for (&hash, probe) in hashes.iter().zip(probes) {
        if hash != 0 && !probe.map.is_null() {
            // SAFETY: the caller's promise.
            prefetch(unsafe { (*probe.map).entry_address(hash) });
        }
    }
}

/// Asks for the cache line at an address, which may be any.
#[inline]
pub(crate) fn prefetch(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch of any address is harmless; every x86-64 processor has the instruction.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}
