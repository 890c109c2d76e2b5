//! Log lines.

use crate::frame::Frame;
use std::slice;
use trama_base::Nanos;
use trama_lang::ir::LogSite;

/// Index of a node and of something of its own, such as a log site, as a word.
pub(crate) fn site_word(node: u32, site: u32) -> u64 {
    u64::from(node) << 32 | u64::from(site)
}

/// Writes the line of a log statement.
///
/// # Safety
/// `frame` is the engine's frame while an event is processed; `index` and `site` name the same log
/// statement of its program; there are `count` arguments.
pub(crate) unsafe extern "C" fn log(
    frame: *mut Frame,
    index: u64,
    site: *const LogSite,
    args: *const u128,
    count: u64,
) {
    // SAFETY: the function's rule; arguments lie in a stack slot that is aligned for them.
    unsafe {
        let args = slice::from_raw_parts(args, count as usize);
        let (node, index) = ((index >> 32) as u32, index as u32);
        (*(*frame).logs).write(Nanos((*frame).now), node, index, &*site, args);
    }
}
