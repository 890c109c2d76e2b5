//! Maps of the kernel, in memory of our own: what `Documentation/bpf/maps.rst` of Linux says.
//!
//! Values live in a region of [`Memory`], so that programs can keep pointers to them. A machine has
//! one CPU: maps with values for each CPU have one value.

use super::memory::{Memory, RegionId};
use crate::object::{MapDef, MapKind};
use std::collections::{BTreeMap, VecDeque};

/// `ENOENT` as helpers return it.
pub(super) const ENOENT: i64 = -2;
/// `EAGAIN`: a ring buffer is full.
pub(super) const EAGAIN: i64 = -11;
/// `EFAULT`: bytes beyond the end of the packet.
pub(super) const EFAULT: i64 = -14;
/// `E2BIG`: no room for another entry.
pub(super) const E2BIG: i64 = -7;
/// `EEXIST`.
pub(super) const EEXIST: i64 = -17;
/// `EINVAL`.
pub(super) const EINVAL: i64 = -22;
/// `ENOSPC`.
pub(super) const ENOSPC: i64 = -28;

/// Flag of an update: the key must be new.
pub(super) const NO_EXIST: u64 = 1;
/// Flag of an update: the key must be there.
pub(super) const EXIST: u64 = 2;

/// Most bytes that the values of all maps may take.
pub const BYTES_MAX: u64 = 1 << 30;

/// Why a map cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("map `{name}`: {reason}")]
pub struct MapError {
    /// Its name.
    pub name: String,
    /// What is wrong.
    pub reason: String,
}

/// A key with its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// A map.
#[derive(Clone, Debug)]
pub struct Map {
    def: MapDef,
    region: RegionId,
    /// Bytes from one value to the next.
    stride: usize,
    store: Store,
}

#[derive(Clone, Debug)]
enum Store {
    /// Values by index.
    Array,
    /// Places of values by key; of maps that forget, when each was used.
    Hash { index: BTreeMap<Vec<u8>, u32>, places: Places, used: Option<Uses> },
    /// Places of values by length of prefix and masked key.
    Lpm { index: BTreeMap<(u32, Vec<u8>), u32>, places: Places },
    /// Indices that programs give away: programs, interfaces, processors, sockets.
    Targets(BTreeMap<u32, u32>),
    /// Values in a row.
    Queue(VecDeque<Vec<u8>>),
    /// What was sent to user space.
    Ring { records: VecDeque<Vec<u8>>, bytes: usize },
}

/// Places for values: those given back, and the first that was never taken.
#[derive(Clone, Debug, Default)]
struct Places {
    free: Vec<u32>,
    fresh: u32,
}

impl Places {
    fn take(&mut self, entries: u32) -> Option<u32> {
        let fresh = || (self.fresh < entries).then_some(self.fresh);
        let place = self.free.pop().or_else(fresh)?;
        self.fresh = self.fresh.max(place + 1);
        Some(place)
    }
}

/// When places were used last, counted in uses.
#[derive(Clone, Debug, Default)]
struct Uses {
    last: BTreeMap<u32, u64>,
    clock: u64,
}

impl Uses {
    fn note(&mut self, place: u32) {
        self.clock += 1;
        self.last.insert(place, self.clock);
    }
}

impl Map {
    /// Makes a map; its values are a region of `memory`.
    pub fn new(def: &MapDef, memory: &mut Memory) -> Result<Self, MapError> {
        let error = |reason: &str| MapError { name: def.name.clone(), reason: reason.into() };
        let stride = u64::from(def.value_bytes).div_ceil(8) * 8;
        let bytes = stride.saturating_mul(def.entries.into());
        let wants = |key: bool, value: bool| {
            let key_is_right = (def.key_bytes != 0) == key;
            let value_is_right = (def.value_bytes != 0) == value;
            if key_is_right && value_is_right && def.entries != 0 {
                Ok(())
            } else {
                Err(error("its sizes make no sense"))
            }
        };
        if bytes > BYTES_MAX {
            return Err(error("it is too big"));
        }
        let (store, held) = match def.kind {
            MapKind::ARRAY | MapKind::PER_CPU_ARRAY => {
                wants(true, true)?;
                (Store::Array, bytes)
            }
            MapKind::HASH | MapKind::PER_CPU_HASH => {
                wants(true, true)?;
                let index = BTreeMap::new();
                (Store::Hash { index, places: Places::default(), used: None }, 0)
            }
            MapKind::LRU_HASH | MapKind::LRU_PER_CPU_HASH => {
                wants(true, true)?;
                let used = Some(Uses::default());
                let index = BTreeMap::new();
                (Store::Hash { index, places: Places::default(), used }, 0)
            }
            MapKind::LPM_TRIE => {
                wants(true, true)?;
                if def.key_bytes <= 4 {
                    return Err(error("a key has a length of 4 bytes and an address"));
                }
                (Store::Lpm { index: BTreeMap::new(), places: Places::default() }, 0)
            }
            MapKind::PROGRAMS
            | MapKind::PERF
            | MapKind::DEVICES
            | MapKind::DEVICE_HASH
            | MapKind::CPUS
            | MapKind::XSK => {
                wants(true, true)?;
                (Store::Targets(BTreeMap::new()), 0)
            }
            MapKind::QUEUE | MapKind::STACK => {
                wants(false, true)?;
                (Store::Queue(VecDeque::new()), 0)
            }
            MapKind::RING => (Store::Ring { records: VecDeque::new(), bytes: 0 }, 0),
            kind => return Err(error(&format!("the interpreter has no {kind} maps"))),
        };
        let held = usize::try_from(held).map_err(|_| error("it is too big"))?;
        let region = memory.add(held, !def.frozen);
        if let Some(initial) = &def.initial {
            let bytes = memory.bytes_mut(region);
            let len = initial.len().min(bytes.len());
            bytes[..len].copy_from_slice(&initial[..len]);
        }
        Ok(Self { def: def.clone(), region, stride: stride as usize, store })
    }

    /// What it was made from.
    pub const fn def(&self) -> &MapDef {
        &self.def
    }

    /// The address of a value; `None` if there is no such entry.
    pub fn lookup(&mut self, key: &[u8]) -> Option<u64> {
        let place = match &mut self.store {
            Store::Array => {
                let index = u32::from_le_bytes(key.try_into().ok()?);
                (index < self.def.entries).then_some(index)?
            }
            Store::Hash { index, used, .. } => {
                let place = *index.get(key)?;
                if let Some(used) = used {
                    used.note(place);
                }
                place
            }
            Store::Lpm { index, .. } => longest(index, key)?,
            _ => return None,
        };
        Some(self.address(place))
    }

    /// The address of the first byte of a value of an array of variables.
    pub fn direct(&self, offset: u32) -> Option<u64> {
        let is_inside = offset < self.def.value_bytes && matches!(self.store, Store::Array);
        is_inside.then(|| Memory::address(self.region, offset as usize))
    }

    fn address(&self, place: u32) -> u64 {
        Memory::address(self.region, place as usize * self.stride)
    }

    /// Writes an entry; the result is what the helper returns.
    pub fn update(&mut self, key: &[u8], value: &[u8], flags: u64, memory: &mut Memory) -> i64 {
        if flags & !4 > EXIST {
            return EINVAL;
        }
        let is_new = flags & NO_EXIST != 0;
        let must_exist = flags & EXIST != 0;
        let place = match &mut self.store {
            Store::Array => {
                let Ok(index) = key.try_into().map(u32::from_le_bytes) else { return EINVAL };
                if index >= self.def.entries {
                    return E2BIG;
                }
                if is_new {
                    return EEXIST;
                }
                index
            }
            Store::Hash { index, places, used } => {
                let known = index.get(key).copied();
                match known {
                    Some(_) if is_new => return EEXIST,
                    None if must_exist => return ENOENT,
                    _ => {}
                }
                let room = || places.take(self.def.entries);
                let forgotten = || used.as_ref().and_then(|used| oldest(index, used));
                let place = known.or_else(room);
                let found = place.map(|place| (place, None)).or_else(forgotten);
                let Some((place, forget)) = found else { return E2BIG };
                if let Some(key) = forget {
                    index.remove(&key);
                }
                index.insert(key.to_vec(), place);
                if let Some(used) = used {
                    used.note(place);
                }
                place
            }
            Store::Lpm { index, places } => {
                let Some(key) = prefix(key) else { return EINVAL };
                match index.get(&key).copied() {
                    Some(_) if is_new => return EEXIST,
                    None if must_exist => return ENOENT,
                    Some(place) => place,
                    None => {
                        let Some(place) = places.take(self.def.entries) else { return ENOSPC };
                        index.insert(key, place);
                        place
                    }
                }
            }
            Store::Targets(targets) => {
                let (Ok(key), Some(value)) = (key.try_into().map(u32::from_le_bytes), word(value))
                else {
                    return EINVAL;
                };
                if key >= self.def.entries && self.def.kind != MapKind::DEVICE_HASH {
                    return E2BIG;
                }
                targets.insert(key, value);
                return 0;
            }
            Store::Queue(_) | Store::Ring { .. } => return EINVAL,
        };
        let at = place as usize * self.stride;
        memory.grow(self.region, at + self.stride);
        memory.bytes_mut(self.region)[at..at + value.len()].copy_from_slice(value);
        0
    }

    /// Removes an entry; the result is what the helper returns.
    pub fn delete(&mut self, key: &[u8]) -> i64 {
        match &mut self.store {
            Store::Hash { index, places, .. } => match index.remove(key) {
                Some(place) => places.free.push(place),
                None => return ENOENT,
            },
            Store::Lpm { index, places } => match prefix(key).and_then(|key| index.remove(&key)) {
                Some(place) => places.free.push(place),
                None => return ENOENT,
            },
            Store::Targets(targets) => {
                let key = key.try_into().map(u32::from_le_bytes);
                if key.ok().and_then(|key| targets.remove(&key)).is_none() {
                    return ENOENT;
                }
            }
            _ => return EINVAL,
        }
        0
    }

    /// The number that an index gives away: a program, an interface.
    pub fn target(&self, index: u32) -> Option<u32> {
        match &self.store {
            Store::Targets(targets) => targets.get(&index).copied(),
            _ => None,
        }
    }

    /// Appends to a queue or stack.
    pub fn push(&mut self, value: &[u8], flags: u64) -> i64 {
        let Store::Queue(values) = &mut self.store else { return EINVAL };
        if values.len() as u64 >= u64::from(self.def.entries) {
            if flags & EXIST == 0 {
                return E2BIG;
            }
            values.pop_front();
        }
        values.push_back(value.to_vec());
        0
    }

    /// The next value of a queue or stack.
    pub fn take(&mut self, remove: bool) -> Option<Vec<u8>> {
        let is_stack = self.def.kind == MapKind::STACK;
        let Store::Queue(values) = &mut self.store else { return None };
        match (is_stack, remove) {
            (true, true) => values.pop_back(),
            (true, false) => values.back().cloned(),
            (false, true) => values.pop_front(),
            (false, false) => values.front().cloned(),
        }
    }

    /// Whether a record of so many bytes fits a ring buffer.
    pub fn has_room(&self, len: usize) -> bool {
        match &self.store {
            // Each record has a header and is rounded up to 8 bytes.
            Store::Ring { bytes, .. } => {
                bytes + len.div_ceil(8) * 8 + 8 <= self.def.entries as usize
            }
            _ => false,
        }
    }

    /// Gives a record to user space; false if there is no room.
    pub fn submit(&mut self, record: Vec<u8>) -> bool {
        if !self.has_room(record.len()) {
            return false;
        }
        if let Store::Ring { records, bytes } = &mut self.store {
            *bytes += record.len().div_ceil(8) * 8 + 8;
            records.push_back(record);
        }
        true
    }

    /// Takes the records that programs gave to user space.
    pub fn records(&mut self) -> Vec<Vec<u8>> {
        match &mut self.store {
            Store::Ring { records, bytes } => {
                *bytes = 0;
                records.drain(..).collect()
            }
            _ => Vec::new(),
        }
    }

    /// All keys, in order.
    pub fn keys(&self) -> Vec<Vec<u8>> {
        match &self.store {
            Store::Array => (0..self.def.entries).map(|i| i.to_le_bytes().to_vec()).collect(),
            Store::Hash { index, .. } => index.keys().cloned().collect(),
            Store::Lpm { index, .. } => {
                let whole = |(len, address): &(u32, Vec<u8>)| {
                    [&len.to_le_bytes()[..], &address[..]].concat()
                };
                index.keys().map(whole).collect()
            }
            Store::Targets(targets) => targets.keys().map(|k| k.to_le_bytes().to_vec()).collect(),
            Store::Queue(_) | Store::Ring { .. } => Vec::new(),
        }
    }

    /// All entries, in the order of their keys.
    pub fn entries(&self, memory: &Memory) -> Vec<Entry> {
        let bytes = memory.bytes(self.region);
        let value = |place: u32| {
            let at = place as usize * self.stride;
            bytes[at..at + self.def.value_bytes as usize].to_vec()
        };
        let keys = self.keys();
        match &self.store {
            Store::Array => keys.into_iter().zip((0..self.def.entries).map(value)).collect(),
            Store::Hash { index, .. } => {
                keys.into_iter().zip(index.values().copied().map(value)).collect()
            }
            Store::Lpm { index, .. } => {
                keys.into_iter().zip(index.values().copied().map(value)).collect()
            }
            Store::Targets(targets) => {
                keys.into_iter().zip(targets.values().map(|v| v.to_le_bytes().to_vec())).collect()
            }
            Store::Queue(_) | Store::Ring { .. } => Vec::new(),
        }
    }
}

/// The place that was used longest ago, with its key.
fn oldest(index: &BTreeMap<Vec<u8>, u32>, used: &Uses) -> Option<(u32, Option<Vec<u8>>)> {
    let (key, place) = index.iter().min_by_key(|(_, place)| used.last.get(place))?;
    Some((*place, Some(key.clone())))
}

fn word(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

/// Length and masked address of a key of a trie. `None` if the length is too great.
fn prefix(key: &[u8]) -> Option<(u32, Vec<u8>)> {
    let (len, address) = (word(key)?, &key[4..]);
    (len as usize <= address.len() * 8).then(|| (len, masked(address, len)))
}

/// An address with the bits beyond `len` zero.
fn masked(address: &[u8], len: u32) -> Vec<u8> {
    let mask = |(at, byte): (usize, &u8)| match (len as usize).saturating_sub(at * 8) {
        0 => 0,
        kept @ 1..=7 => byte & !(0xff >> kept),
        _ => *byte,
    };
    address.iter().enumerate().map(mask).collect()
}

/// The place of the longest prefix that contains a key and is not longer than it.
fn longest(index: &BTreeMap<(u32, Vec<u8>), u32>, key: &[u8]) -> Option<u32> {
    let (most, address) = prefix(key)?;
    (0..=most).rev().find_map(|len| index.get(&(len, masked(address.as_slice(), len))).copied())
}
