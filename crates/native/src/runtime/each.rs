//! Loops over maps, events that a program generates, and records.
//!
//! A loop keeps where it is in a [`Cursor`] of its own: a handler runs at most once at a time, so
//! one for each loop of the program is enough. Its memory stays for the next time; it has a slot
//! number for each entry that the map ever had at once.
//!
//! **Safety** of the functions here: the cursor is that of the loop that runs, and the map, the
//! frame and what they lead to are alive and used by nobody else meanwhile. Slots stay good through
//! a loop, because its body adds no entry (see [`trama_lang::ir`]).

use crate::frame::Frame;
use std::cmp::Ordering;
use std::ptr;
use std::slice;
use trama_base::Nanos;
use trama_lang::ir::{EventId, StreamId};
use trama_state::mem;

/// Where a loop over a map is.
#[repr(C)]
pub(crate) struct Cursor {
    /// Packed key of the current entry.
    pub(crate) key: *const u8,
    /// Its packed value.
    pub(crate) value: *const u8,
    map: *mut mem::Map,
    slots: Vec<u32>,
    /// Slots before this one are done.
    next: usize,
    /// Entries that may be among the best; at most twice as many as are wanted.
    best: Vec<(u128, u32)>,
    /// How many entries are wanted; 0 for all.
    wanted: usize,
}

impl Default for Cursor {
    fn default() -> Self {
        Self {
            key: ptr::null(),
            value: ptr::null(),
            map: ptr::null_mut(),
            slots: Vec::new(),
            next: 0,
            best: Vec::new(),
            wanted: 0,
        }
    }
}

impl Cursor {
    /// Forgets all but the best.
    fn cut(&mut self, map: &mem::Map) {
        if self.best.len() > self.wanted {
            self.best.select_nth_unstable_by(self.wanted - 1, |a, b| order(map, *a, *b));
            self.best.truncate(self.wanted);
        }
    }
}

/// Which of two ranked entries comes first.
fn order(map: &mem::Map, a: (u128, u32), b: (u128, u32)) -> Ordering {
    b.0.cmp(&a.0).then_with(|| map.key(a.1).cmp(map.key(b.1)))
}

/// Begins a loop over all entries of a map in order; if `wanted` is not 0, over all of them in any
/// order, to be ranked.
pub(crate) unsafe extern "C" fn begin(
    cursor: *mut Cursor,
    map: *mut mem::Map,
    now: u64,
    wanted: u64,
) {
    // SAFETY: the module's rule.
    let (cursor, entries) = unsafe { (&mut *cursor, &mut *map) };
    cursor.map = map;
    cursor.next = 0;
    cursor.wanted = wanted as usize;
    cursor.best.clear();
    if wanted == 0 {
        entries.slots_in_order(Nanos(now), &mut cursor.slots);
    } else {
        entries.slots(Nanos(now), &mut cursor.slots);
    }
}

/// Goes to the next entry; 0 if there is none.
pub(crate) unsafe extern "C" fn next(cursor: *mut Cursor) -> u64 {
    // SAFETY: the module's rule.
    let cursor = unsafe { &mut *cursor };
    let Some(&slot) = cursor.slots.get(cursor.next) else { return 0 };
    cursor.next += 1;
    // SAFETY: the module's rule.
    let map = unsafe { &*cursor.map };
    cursor.key = map.key(slot).as_ptr();
    cursor.value = map.value(slot).as_ptr();
    1
}

/// Ranks the current entry.
pub(crate) unsafe extern "C" fn rank(cursor: *mut Cursor, low: u64, high: u64) {
    // SAFETY: the module's rule.
    let cursor = unsafe { &mut *cursor };
    // SAFETY: the module's rule.
    let map = unsafe { &*cursor.map };
    cursor.best.push((u128::from(high) << 64 | u128::from(low), cursor.slots[cursor.next - 1]));
    if cursor.best.len() >= cursor.wanted.saturating_mul(2) {
        cursor.cut(map);
    }
}

/// Ends the ranking: the loop goes over the best, best first.
pub(crate) unsafe extern "C" fn top(cursor: *mut Cursor) {
    // SAFETY: the module's rule.
    let cursor = unsafe { &mut *cursor };
    // SAFETY: the module's rule.
    let map = unsafe { &*cursor.map };
    cursor.cut(map);
    cursor.best.sort_unstable_by(|a, b| order(map, *a, *b));
    cursor.slots.clear();
    cursor.slots.extend(cursor.best.iter().map(|(_, slot)| slot));
    cursor.next = 0;
}

/// Generates an event with packed arguments; 0 if it is refused. `index` has the node in its upper
/// half and the event in its lower one.
pub(crate) unsafe extern "C" fn generate(
    frame: *mut Frame,
    index: u64,
    delay: u64,
    args: *const u8,
    len: u64,
) -> u64 {
    // SAFETY: the module's rule; the arguments lie in a stack slot of the caller.
    unsafe {
        let args = slice::from_raw_parts(args, len as usize);
        let (node, event) = ((index >> 32) as u32, EventId(index as u32));
        let now = Nanos((*frame).now);
        u64::from((*(*frame).agenda).generate(now, node, event, Nanos(delay), args))
    }
}

/// Emits a record of so many leaves. `index` has the node in its upper half and the stream in its
/// lower one.
pub(crate) unsafe extern "C" fn emit(
    frame: *mut Frame,
    index: u64,
    leaves: *const u128,
    count: u64,
) {
    // SAFETY: the module's rule; leaves lie in a stack slot that is aligned for them.
    unsafe {
        let leaves = slice::from_raw_parts(leaves, count as usize);
        let (node, stream) = ((index >> 32) as u32, StreamId(index as u32));
        (*(*frame).records).emit(Nanos((*frame).now), node, stream, leaves);
    }
}
