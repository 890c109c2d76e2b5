//! Things taken out of bytes.

use std::slice;
use trama_lang::ir::Extract;
use trama_wire::packet::Packet;

/// Computes the results of an extractor.
///
/// # Safety
/// `packet` is null or points to a packet that the running handler owns; `extract` outlives the
/// code that names it; `counts` has the number of arguments in its lower half and that of results
/// in its upper one, and so many numbers are at `args` and `results`.
pub(crate) unsafe extern "C" fn extract(
    packet: *mut Packet,
    extract: *const Extract,
    args: *const u128,
    results: *mut u128,
    counts: u64,
) {
    // SAFETY: the function's rule; both arrays are stack slots that are aligned for their numbers.
    unsafe {
        let args = slice::from_raw_parts(args, counts as u32 as usize);
        let results = slice::from_raw_parts_mut(results, (counts >> 32) as usize);
        (*extract).run(packet.as_ref(), args, results);
    }
}
