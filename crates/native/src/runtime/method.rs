//! Operations that have one form: of sketches, Bloom filters, rings, stream buffers, histograms and
//! pattern sets.

use std::slice;
use trama_base::Nanos;
use trama_state::{Method, Operands, mem};
use trama_wire::packet::Packet;

/// The constant part of a call.
pub(crate) struct CallPlan {
    /// The operation.
    pub(crate) method: Method,
    /// Bytes of the packed key.
    pub(crate) key_bytes: usize,
    /// Bytes of the packed operands.
    pub(crate) operand_bytes: usize,
    /// Bytes of the packed results.
    pub(crate) result_bytes: usize,
}

/// Carries out an operation; 0 for a no, and then the results are not written.
///
/// # Safety
/// As in [`super::state`]; the object has the operation, the three places have as many bytes as the
/// plan says, and the packet is null or owned by the running handler.
pub(crate) unsafe extern "C" fn call(
    object: *mut mem::Object,
    plan: *const CallPlan,
    key: *const u8,
    operands: *const u8,
    results: *mut u8,
    packet: *const Packet,
    now: u64,
) -> u64 {
    // SAFETY: the function's rule.
    unsafe {
        let plan = &*plan;
        let payload = packet.as_ref().map_or(&[][..], Packet::payload);
        let with = Operands {
            key: slice::from_raw_parts(key, plan.key_bytes),
            operands: slice::from_raw_parts(operands, plan.operand_bytes),
            payload,
            now: Nanos(now),
        };
        let results = slice::from_raw_parts_mut(results, plan.result_bytes);
        u64::from((*object).call(plan.method, with, results))
    }
}
