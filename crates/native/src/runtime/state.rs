//! State operations. Keys and values are packed (see [`trama_state::spec`]).
//!
//! **Safety** of every function here: the object is alive and used by nobody else meanwhile (the
//! engine owns it and runs one handler at a time); a key, value or member has as many bytes as the
//! function is told, or as the object's shape says. A returned pointer is null (nothing there) or
//! valid until the next operation on the object.

use std::ptr;
use std::slice;
use trama_base::Nanos;
use trama_state::mem;
use trama_state::ops::{
    ArrayOps as _, BloomOps as _, BucketOps as _, CounterOps as _, HistogramOps as _, LpmOps as _,
    MaglevOps as _, MapOps as _, PoolOps as _, RingOps as _, StreamsOps as _,
};

/// What [`pool_alloc`] returns when there is no index.
pub(crate) const NO_INDEX: u64 = u64::MAX;

/// # Safety
/// The module's rule.
unsafe fn packed<'a>(bytes: *const u8, len: u64) -> &'a [u8] {
    // SAFETY: the module's rule.
    unsafe { slice::from_raw_parts(bytes, len as usize) }
}

fn address(found: Option<&[u8]>) -> *const u8 {
    found.map_or(ptr::null(), <[u8]>::as_ptr)
}

fn address_mut(found: Option<&mut [u8]>) -> *mut u8 {
    found.map_or(ptr::null_mut(), <[u8]>::as_mut_ptr)
}

/// The fixed hash of packed operands.
pub(crate) unsafe extern "C" fn hash(bytes: *const u8, len: u64) -> u64 {
    // SAFETY: the module's rule.
    trama_state::hash::stable(unsafe { packed(bytes, len) })
}

/// The value of a key.
pub(crate) unsafe extern "C" fn map_get(
    map: *mut mem::Map,
    key: *const u8,
    key_len: u64,
    now: u64,
) -> *const u8 {
    // SAFETY: the module's rule.
    unsafe { address((*map).get(packed(key, key_len), Nanos(now))) }
}

/// The value of a key, made if need be; null if there was no room.
pub(crate) unsafe extern "C" fn map_entry(
    map: *mut mem::Map,
    key: *const u8,
    key_len: u64,
    now: u64,
) -> *mut u8 {
    // SAFETY: the module's rule.
    unsafe { address_mut((*map).entry(packed(key, key_len), Nanos(now))) }
}

/// Sets the time of writing of an entry; 0 if there is none.
pub(crate) unsafe extern "C" fn map_touch(
    map: *mut mem::Map,
    key: *const u8,
    key_len: u64,
    now: u64,
) -> u64 {
    // SAFETY: the module's rule.
    unsafe { u64::from((*map).touch(packed(key, key_len), Nanos(now))) }
}

/// Removes an entry; 0 if there was none.
pub(crate) unsafe extern "C" fn map_remove(
    map: *mut mem::Map,
    key: *const u8,
    key_len: u64,
    now: u64,
) -> u64 {
    // SAFETY: the module's rule.
    unsafe { u64::from((*map).remove(packed(key, key_len), Nanos(now))) }
}

/// Removes all entries.
pub(crate) unsafe extern "C" fn map_clear(map: *mut mem::Map, now: u64) {
    // SAFETY: the module's rule.
    unsafe { (*map).clear(Nanos(now)) }
}

/// Entries of a map, indices in use, tracked keys, prefixes or members.
pub(crate) unsafe extern "C" fn len(object: *mut mem::Object, now: u64) -> u64 {
    // SAFETY: the module's rule.
    match unsafe { &mut *object } {
        mem::Object::Map(map) => map.len(Nanos(now)),
        mem::Object::Pool(pool) => pool.len(Nanos(now)),
        mem::Object::Lpm(lpm) => lpm.len(),
        mem::Object::Bucket(bucket) => bucket.len(),
        mem::Object::Maglev(maglev) => maglev.len(),
        mem::Object::Bloom(bloom) => bloom.len(),
        mem::Object::Ring(ring) => ring.len(),
        mem::Object::Streams(streams) => streams.len(Nanos(now)),
        mem::Object::Histogram(histogram) => histogram.len(Nanos(now)),
        // Code generation admits no length of these.
        mem::Object::Array(_)
        | mem::Object::Counter(_)
        | mem::Object::Sketch(_)
        | mem::Object::Patterns(_) => 0,
    }
}

/// The value at an index.
pub(crate) unsafe extern "C" fn array_get(array: *mut mem::Array, index: u64) -> *const u8 {
    // SAFETY: the module's rule.
    unsafe { address((*array).get(index)) }
}

/// The value at an index, to be changed.
pub(crate) unsafe extern "C" fn array_entry(array: *mut mem::Array, index: u64) -> *mut u8 {
    // SAFETY: the module's rule.
    unsafe { address_mut((*array).entry(index)) }
}

/// Counts a packet and its bytes.
pub(crate) unsafe extern "C" fn count(counter: *mut mem::Counter, index: u64, bytes: u64) {
    // SAFETY: the module's rule. A refusal is counted by the object and seen by nobody else.
    let _in_range = unsafe { (*counter).add(index, bytes) };
}

/// Packets and bytes at an index, written to `out`.
pub(crate) unsafe extern "C" fn counter_get(
    counter: *mut mem::Counter,
    index: u64,
    out: *mut [u64; 2],
) {
    // SAFETY: the module's rule; `out` is a stack slot of the caller.
    unsafe {
        let (packets, bytes) = (*counter).get(index).unwrap_or_default();
        out.write_unaligned([packets, bytes]);
    }
}

/// Takes the index that has been free longest, or [`NO_INDEX`].
pub(crate) unsafe extern "C" fn pool_alloc(pool: *mut mem::Pool, now: u64) -> u64 {
    // SAFETY: the module's rule.
    unsafe { (*pool).alloc(Nanos(now)).map_or(NO_INDEX, u64::from) }
}

/// Takes an index; 0 if it is not free.
pub(crate) unsafe extern "C" fn pool_take(pool: *mut mem::Pool, index: u64, now: u64) -> u64 {
    // SAFETY: the module's rule.
    unsafe { u64::from((*pool).take(index, Nanos(now))) }
}

/// Restarts the time to live of an index; 0 if it is not in use.
pub(crate) unsafe extern "C" fn pool_touch(pool: *mut mem::Pool, index: u64, now: u64) -> u64 {
    // SAFETY: the module's rule.
    unsafe { u64::from((*pool).touch(index, Nanos(now))) }
}

/// Gives an index back; 0 if it is not in use.
pub(crate) unsafe extern "C" fn pool_free(pool: *mut mem::Pool, index: u64, now: u64) -> u64 {
    // SAFETY: the module's rule.
    unsafe { u64::from((*pool).free(index, Nanos(now))) }
}

/// 1 if an index is in use.
pub(crate) unsafe extern "C" fn pool_used(pool: *mut mem::Pool, index: u64, now: u64) -> u64 {
    // SAFETY: the module's rule.
    unsafe { u64::from((*pool).used(index, Nanos(now))) }
}

/// Inserts a prefix; 0 if there was no room or the length is too great.
pub(crate) unsafe extern "C" fn lpm_put(
    lpm: *mut mem::Lpm,
    address: *const u128,
    prefix_len: u64,
    value: *const u8,
    value_len: u64,
) -> u64 {
    // SAFETY: the module's rule; the address is a stack slot of the caller.
    unsafe {
        let address = address.read_unaligned();
        u64::from((*lpm).put(address, prefix_len as u8, packed(value, value_len)))
    }
}

/// The value of the longest prefix.
pub(crate) unsafe extern "C" fn lpm_get(lpm: *mut mem::Lpm, at: *const u128) -> *const u8 {
    // SAFETY: the module's rule; the address is a stack slot of the caller.
    unsafe { address((*lpm).get(at.read_unaligned())) }
}

/// Removes a prefix; 0 if it was not there.
pub(crate) unsafe extern "C" fn lpm_remove(
    lpm: *mut mem::Lpm,
    address: *const u128,
    prefix_len: u64,
) -> u64 {
    // SAFETY: the module's rule; the address is a stack slot of the caller.
    unsafe { u64::from((*lpm).remove(address.read_unaligned(), prefix_len as u8)) }
}

/// Takes tokens; 0 if the bucket holds fewer.
pub(crate) unsafe extern "C" fn bucket_take(
    bucket: *mut mem::Bucket,
    key: *const u8,
    key_len: u64,
    amount: u64,
    now: u64,
) -> u64 {
    // SAFETY: the module's rule.
    unsafe { u64::from((*bucket).take(packed(key, key_len), amount, Nanos(now))) }
}

/// Sets a member's weight; 0 if there was no room.
pub(crate) unsafe extern "C" fn maglev_set(
    maglev: *mut mem::Maglev,
    member: *const u8,
    member_len: u64,
    weight: u64,
) -> u64 {
    // SAFETY: the module's rule.
    unsafe { u64::from((*maglev).set(packed(member, member_len), weight as u32)) }
}

/// The member that a hash falls to.
pub(crate) unsafe extern "C" fn maglev_pick(maglev: *mut mem::Maglev, hash: u64) -> *const u8 {
    // SAFETY: the module's rule.
    unsafe { address((*maglev).pick(hash)) }
}
