//! Prefetching for a batch: while its packets wait, the table lines that they will need travel.
//!
//! Each handler at an external port has a plan of a few stages ([`crate::probe`]). A stage says
//! which lines are worth having and may read what the stages before it have asked for; all packets
//! pass a stage before any passes the next. So misses that the packets would take one after the
//! other overlap. Tables that fit the nearer caches are left alone.

use crate::compile::ProbeCode;
use crate::probe::PROBES_MAX;
use trama_wire::Packet;
use trama_wire::header::HeaderSet;
use trama_wire::layout::Layout;

/// Packets prefetched together: enough to overlap misses, few enough that what arrives first is
/// still near when the last is processed.
pub(crate) const CHUNK: usize = 16;

/// Tables up to this size are left alone.
const NEAR_BYTES: u64 = 128 << 10;

/// Most lines that one stage asks for: the first line of some entries, the second of others.
pub(crate) const LINES_MAX: usize = 2 * PROBES_MAX;

/// What is known of an entry of a map: first the address of its bucket and its hash, then its own
/// address and nothing; or zero, and nothing, if there is none.
type Note = [u64; 2];

/// Bytes of a note.
pub(crate) const NOTE_BYTES: usize = size_of::<Note>();

/// What the stages of one packet know, by probe. What it holds before the first stage is not read.
pub(crate) type Notes = [Note; PROBES_MAX];

/// The plans of a program by external port.
pub(crate) struct Prefetcher {
    ports: Vec<Vec<CompiledPlan>>,
    notes: Box<[Notes; CHUNK]>,
    /// What a stage of all packets asks for.
    lines: Box<[*const u8; CHUNK * LINES_MAX]>,
    is_empty: bool,
}

/// A packet with its plan.
#[derive(Clone, Copy)]
struct Lane<'a> {
    packet: *mut Packet,
    data: *mut u8,
    layout: *mut Layout,
    stages: &'a [ProbeCode],
}

/// The plan for packets that one handler takes at an external port.
pub(crate) struct CompiledPlan {
    /// The handler's patterns: the first plan of a port with one that matches counts.
    pub(crate) patterns: Vec<HeaderSet>,
    pub(crate) stages: Vec<ProbeCode>,
}

impl Prefetcher {
    /// A prefetcher with the plans of each external port.
    pub(crate) fn new(ports: Vec<Vec<CompiledPlan>>) -> Self {
        let is_empty = ports.iter().flatten().all(|plan| plan.stages.is_empty());
        let notes = Box::new([[[0; 2]; PROBES_MAX]; CHUNK]);
        let lines = Box::new([std::ptr::null(); CHUNK * LINES_MAX]);
        Self { ports, notes, lines, is_empty }
    }

    /// True if an object is large enough to be probed.
    pub(crate) fn pays_for(reserved_bytes: u64) -> bool {
        reserved_bytes > NEAR_BYTES
    }

    /// True if there is nothing to probe for.
    pub(crate) fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// Fetches what at most [`CHUNK`] packets will need.
    ///
    /// # Safety
    /// The objects are alive and nobody changes them meanwhile.
    pub(crate) unsafe fn run(&mut self, packets: &mut [Box<Packet>]) {
        const NOBODY: Lane<'_> = Lane {
            packet: std::ptr::null_mut(),
            data: std::ptr::null_mut(),
            layout: std::ptr::null_mut(),
            stages: &[],
        };
        let mut lanes = [NOBODY; CHUNK];
        let mut most = 0;
        // The plan of the last packet at each of the first ports: most often that of the next, too.
        let mut latest: [(HeaderSet, &[ProbeCode]); 2] = [(HeaderSet::EMPTY, &[]); 2];
        for (lane, packet) in lanes.iter_mut().zip(packets) {
            let present = packet.layout().present;
            let stages = match latest.get(packet.port as usize) {
                Some((same, stages)) if *same == present => stages,
                _ => stages(&self.ports, packet),
            };
            if let Some(latest) = latest.get_mut(packet.port as usize) {
                *latest = (present, stages);
            }
            let (data, layout) = packet.parts_mut();
            *lane = Lane { packet: &raw mut **packet, data, layout, stages };
            most = most.max(stages.len());
        }
        for stage in 0..most {
            let first = self.lines.as_mut_ptr();
            let mut end = first;
            for (lane, notes) in lanes.iter().zip(self.notes.iter_mut()) {
                if let Some(code) = lane.stages.get(stage) {
                    // SAFETY: the caller's promise; the stages of a packet come in order; each
                    // writes at most so many lines as there is room for.
                    end = unsafe { code(lane.packet, lane.data, lane.layout, notes, end) };
                }
            }
            // SAFETY: the code wrote from the first one up to this end.
            let count = unsafe { end.offset_from_unsigned(first) };
            self.lines[..count].iter().for_each(|line| prefetch(*line));
        }
    }
}

/// The stages of the plan for a packet.
#[inline]
fn stages<'a>(ports: &'a [Vec<CompiledPlan>], packet: &Packet) -> &'a [ProbeCode] {
    let present = packet.layout().present;
    let plans = ports.get(packet.port as usize).map_or(&[][..], |plans| plans);
    let takes = |plan: &&CompiledPlan| plan.patterns.iter().any(|p| present.contains(*p));
    plans.iter().find(takes).map_or(&[], |plan| &plan.stages)
}

/// Asks for the cache line at an address, which may be any.
#[inline]
pub fn prefetch(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch of any address is harmless; every x86-64 processor has the instruction.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}
