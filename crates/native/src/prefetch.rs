//! Prefetching for a batch: while its packets wait, the table lines that they will need travel.
//!
//! One pass hashes the keys and asks for the lines of the index, a second, by when those have
//! come, for the entries, and a third for the entries' neighbours in age where a write will link
//! them anew. Misses that the packets would take one after the other overlap. Tables that fit the
//! nearer caches are left alone.

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
    ports: Vec<Vec<Compiled>>,
}

/// A probe in machine code.
pub(crate) struct Compiled {
    pub(crate) map: *const mem::Map,
    pub(crate) needs: HeaderSet,
    pub(crate) code: ProbeCode,
}

impl Prefetcher {
    /// A prefetcher with the probes of each external port.
    pub(crate) fn new(ports: Vec<Vec<Compiled>>) -> Self {
        Self { ports }
    }

    /// True if a map is large enough to be probed.
    pub(crate) fn pays_for(map: &mem::Map) -> bool {
        map.reserved_bytes() > NEAR_BYTES
    }

    /// Fetches what at most [`CHUNK`] packets will need.
    ///
    /// # Safety
    /// The maps are alive and nobody changes them meanwhile.
    pub(crate) unsafe fn run(&self, packets: &mut [Box<Packet>]) {
        let mut hashes = [[0_u64; PROBES_MAX]; CHUNK];
        let mut active = [0_u32; CHUNK];
        let mut any = 0;
        for (lane, packet) in packets.iter_mut().enumerate().take(CHUNK) {
            let Some(probes) = self.ports.get(packet.port as usize) else { continue };
            let present = packet.layout().present;
            for (n, probe) in probes.iter().enumerate() {
                if present.contains(probe.needs) {
                    let (data, layout) = packet.parts_mut();
                    // SAFETY: the code reads the packet and the map's seed, and asks for a line.
                    hashes[lane][n] = unsafe { (probe.code)(&raw mut **packet, data, layout) };
                    active[lane] |= 1 << n;
                }
            }
            any |= active[lane];
        }
        if any == 0 {
            return;
        }
        for (lane, packet) in packets.iter().enumerate().take(CHUNK) {
            for (n, probe) in self.active(packet, active[lane]) {
                // SAFETY: the caller's promise.
                prefetch(unsafe { (*probe.map).entry_address(hashes[lane][n]) });
            }
        }
    }

    /// The probes of a packet's port whose bit is set.
    #[inline]
    fn active(&self, packet: &Packet, mask: u32) -> impl Iterator<Item = (usize, &Compiled)> {
        let probes = self.ports.get(packet.port as usize).map_or(&[][..], |probes| probes);
        probes.iter().enumerate().filter(move |(n, _)| mask >> n & 1 == 1)
    }

    /// True if there is nothing to probe for.
    pub(crate) fn is_empty(&self) -> bool {
        self.ports.iter().all(Vec::is_empty)
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
