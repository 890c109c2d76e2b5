//! The helpers that [`World`] has, as `bpf-helpers(7)` describes them.

use super::maps::{E2BIG, EINVAL, ENOENT};
use super::memory::{CONTEXT, MAPS, Memory, PACKET, RegionId};
use super::world::{Redirect, World};
use super::{Fault, Reply, Rounds};
use crate::object::ContextKind;

/// Room before a packet, of which the kernel keeps 40 bytes for itself.
pub(super) const HEADROOM: usize = 256;
/// The kernel's part of the room.
const FRAME_INFO: usize = 40;
/// Most bytes of a packet that grows.
pub(super) const PACKET_MAX: usize = 3520;
/// Length of an Ethernet header, below which no packet can shrink.
const ETH_LEN: usize = 14;
/// What `redirect` returns when it succeeds: `XDP_REDIRECT`, `TC_ACT_REDIRECT`.
const XDP_REDIRECT: u64 = 4;
const TC_REDIRECT: u64 = 7;

/// Longest text that `trace_printk` keeps.
const TRACE_LINES_MAX: usize = 1024;

impl World {
    /// Calls a helper. long: one dispatch on the number
    pub(super) fn helper(
        &mut self,
        helper: i32,
        args: [u64; 5],
        memory: &mut Memory,
    ) -> Result<Reply, Fault> {
        let [a, b, c, d, e] = args;
        let value = match helper {
            1 => return self.lookup(helper, a, b, memory),
            2 => self.update(helper, [a, b, c, d], memory)?,
            3 => self.delete(helper, a, b, memory)?,
            5 | 125 | 160 | 208 => self.now_ns.cast_signed(),
            6 => self.trace(a, b, memory)?,
            7 => i64::from(self.random()),
            8 | 42 => 0,
            9 => self.store_packet([a, b, c, d], memory)?,
            10 | 11 => self.replace_checksum(helper, [a, b, c, d, e], memory)?,
            12 => return self.tail_call(helper, b, c),
            23 => self.redirect(a),
            25 => self.perf_output([a, b, c, d, e], memory)?,
            26 | 189 => self.load_packet([a, b, c, d], memory)?,
            28 => checksum_difference([a, b, c, d, e], memory)?,
            44 => self.adjust_head(b, memory),
            51 => self.redirect_map(helper, a, b, c)?,
            54 => self.adjust_meta(b, memory),
            65 => self.adjust_tail(b, memory),
            87..=89 => self.queue(helper, [a, b, c], memory)?,
            93 | 94 => 0,
            130 => self.ring_output(helper, [a, b, c], memory)?,
            131 => self.ring_reserve(helper, a, b, memory)?,
            132 | 133 => self.ring_finish(helper, a, memory)?,
            164 => return self.each(helper, a, b, c, memory),
            181 => {
                let rounds = Rounds::Count(a & 0xffff_ffff);
                if a & 0xffff_ffff > 1 << 23 {
                    return Ok(Reply::Value(E2BIG.cast_unsigned()));
                }
                return Ok(Reply::ForEach { function: b, rounds, context: c });
            }
            195 => return self.lookup(helper, a, b, memory),
            _ => return Err(Fault::Unknown { what: "helper", number: helper.into() }),
        };
        Ok(Reply::Value(value.cast_unsigned()))
    }

    /// The index of the map that an argument stands for.
    fn map_index(&self, helper: i32, address: u64) -> Result<usize, Fault> {
        let at = Memory::offset(MAPS, address).filter(|at| *at < self.maps.len());
        at.ok_or(Fault::Argument { helper, reason: "the first argument is no map" })
    }

    fn key(&self, map: usize, address: u64, memory: &Memory) -> Result<Vec<u8>, Fault> {
        let len = self.maps[map].def().key_bytes as usize;
        Ok(memory.read(address, len)?.to_vec())
    }

    fn lookup(
        &mut self,
        helper: i32,
        map: u64,
        key: u64,
        memory: &mut Memory,
    ) -> Result<Reply, Fault> {
        let map = self.map_index(helper, map)?;
        let key = self.key(map, key, memory)?;
        Ok(Reply::Value(self.maps[map].lookup(&key).unwrap_or(0)))
    }

    fn update(&mut self, helper: i32, args: [u64; 4], memory: &mut Memory) -> Result<i64, Fault> {
        let [map, key, value, flags] = args;
        let map = self.map_index(helper, map)?;
        let key = self.key(map, key, memory)?;
        let len = self.maps[map].def().value_bytes as usize;
        let value = memory.read(value, len)?.to_vec();
        Ok(self.maps[map].update(&key, &value, flags, memory))
    }

    fn delete(&mut self, helper: i32, map: u64, key: u64, memory: &Memory) -> Result<i64, Fault> {
        let map = self.map_index(helper, map)?;
        let key = self.key(map, key, memory)?;
        Ok(self.maps[map].delete(&key))
    }

    /// All entries of a map, for a function that is called for each.
    fn each(
        &mut self,
        helper: i32,
        map: u64,
        function: u64,
        context: u64,
        memory: &mut Memory,
    ) -> Result<Reply, Fault> {
        let index = self.map_index(helper, map)?;
        let keys = self.maps[index].keys();
        let width = self.maps[index].def().key_bytes as usize;
        let region = self.keys;
        *memory.bytes_mut(region) = keys.concat();
        memory.open(region, 0..width * keys.len());
        let mut entries = Vec::new();
        for (at, key) in keys.iter().enumerate() {
            if let Some(value) = self.maps[index].lookup(key) {
                entries.push([map, Memory::address(region, at * width), value]);
            }
        }
        Ok(Reply::ForEach { function, rounds: Rounds::Entries(entries), context })
    }

    fn trace(&mut self, text: u64, len: u64, memory: &Memory) -> Result<i64, Fault> {
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let bytes = memory.read(text, len)?;
        let text = String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned();
        if self.traces.len() < TRACE_LINES_MAX {
            self.traces.push(text);
        }
        Ok(len as i64)
    }

    fn tail_call(&mut self, helper: i32, map: u64, index: u64) -> Result<Reply, Fault> {
        let map = self.map_index(helper, map)?;
        let index = (index & 0xffff_ffff) as u32;
        Ok(match self.maps[map].target(index) {
            Some(program) => Reply::TailCall(program),
            None => Reply::Value(ENOENT.cast_unsigned()),
        })
    }

    fn redirect_code(&self) -> u64 {
        if self.context == ContextKind::Xdp { XDP_REDIRECT } else { TC_REDIRECT }
    }

    fn redirect(&mut self, interface: u64) -> i64 {
        self.redirect = Some(Redirect { map: None, target: interface as u32 });
        self.redirect_code().cast_signed()
    }

    /// As the kernel does it, the low bits of the flags are the result when there is no target.
    fn redirect_map(&mut self, helper: i32, map: u64, key: u64, flags: u64) -> Result<i64, Fault> {
        let map = self.map_index(helper, map)?;
        Ok(match self.maps[map].target(key as u32) {
            Some(target) => {
                self.redirect = Some(Redirect { map: Some(map), target });
                self.redirect_code().cast_signed()
            }
            None => (flags & 3).cast_signed(),
        })
    }

    fn perf_output(&mut self, args: [u64; 5], memory: &Memory) -> Result<i64, Fault> {
        let [_, map, _, data, len] = args;
        self.map_index(25, map)?;
        let record = memory.read(data, usize::try_from(len).unwrap_or(usize::MAX))?.to_vec();
        if self.traces.len() >= TRACE_LINES_MAX {
            return Ok(super::maps::ENOSPC);
        }
        self.traces.push(format!("{record:02x?}"));
        Ok(0)
    }

    fn queue(&mut self, helper: i32, args: [u64; 3], memory: &mut Memory) -> Result<i64, Fault> {
        let map = self.map_index(helper, args[0])?;
        let len = self.maps[map].def().value_bytes as usize;
        if helper == 87 {
            let value = memory.read(args[1], len)?.to_vec();
            return Ok(self.maps[map].push(&value, args[2]));
        }
        let place = memory.write(args[1], len)?;
        match self.maps[map].take(helper == 88) {
            Some(value) => place.copy_from_slice(&value),
            None => {
                place.fill(0);
                return Ok(ENOENT);
            }
        }
        Ok(0)
    }

    fn ring_output(&mut self, helper: i32, args: [u64; 3], memory: &Memory) -> Result<i64, Fault> {
        let map = self.map_index(helper, args[0])?;
        let len = usize::try_from(args[2]).unwrap_or(usize::MAX);
        let record = memory.read(args[1], len)?.to_vec();
        Ok(if self.maps[map].submit(record) { 0 } else { super::maps::EAGAIN })
    }

    fn ring_reserve(
        &mut self,
        helper: i32,
        map: u64,
        len: u64,
        memory: &mut Memory,
    ) -> Result<i64, Fault> {
        let map = self.map_index(helper, map)?;
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        if len > 1 << 30 || !self.maps[map].has_room(len) {
            return Ok(0);
        }
        let region = memory.add(len, true);
        self.reserved.push((region, map));
        Ok(Memory::address(region, 0).cast_signed())
    }

    fn ring_finish(&mut self, helper: i32, data: u64, memory: &mut Memory) -> Result<i64, Fault> {
        let is_it = |(region, _): &(RegionId, usize)| Memory::address(*region, 0) == data;
        let at = self
            .reserved
            .iter()
            .position(is_it)
            .ok_or(Fault::Argument { helper, reason: "the first argument was not reserved" })?;
        let (region, map) = self.reserved.swap_remove(at);
        let record = std::mem::take(memory.bytes_mut(region));
        memory.open(region, 0..0);
        if helper == 132 {
            self.maps[map].submit(record);
        }
        Ok(0)
    }

    fn adjust_head(&mut self, delta: u64, memory: &mut Memory) -> i64 {
        let start = self.packet.start as i64 + i64::from(delta as i32);
        let meta = self.packet.start - self.meta;
        let lowest = (FRAME_INFO + meta) as i64;
        if start < lowest || start > self.packet.end as i64 - ETH_LEN as i64 {
            return EINVAL;
        }
        let (from, to) = (self.meta, start as usize - meta);
        memory.bytes_mut(PACKET).copy_within(from..from + meta, to);
        self.meta = to;
        self.packet.start = start as usize;
        self.publish(memory);
        0
    }

    fn adjust_meta(&mut self, delta: u64, memory: &mut Memory) -> i64 {
        let meta = self.meta as i64 + i64::from(delta as i32);
        let len = self.packet.start as i64 - meta;
        // The kernel keeps the length in a byte of words.
        if meta < FRAME_INFO as i64 || !(0..=252).contains(&len) || len % 4 != 0 {
            return EINVAL;
        }
        self.meta = meta as usize;
        self.publish(memory);
        0
    }

    fn adjust_tail(&mut self, delta: u64, memory: &mut Memory) -> i64 {
        let end = self.packet.end as i64 + i64::from(delta as i32);
        let lowest = (self.packet.start + ETH_LEN) as i64;
        if end < lowest || end > (HEADROOM + PACKET_MAX) as i64 {
            return EINVAL;
        }
        let end = end as usize;
        let bytes = memory.bytes_mut(PACKET);
        if end > self.packet.end {
            bytes[self.packet.end..end].fill(0);
        }
        self.packet.end = end;
        self.publish(memory);
        0
    }

    /// Tells the program where the packet is now.
    pub(super) fn publish(&self, memory: &mut Memory) {
        let address = |at: usize| (Memory::address(PACKET, at) as u32).to_le_bytes();
        let places = match self.context {
            ContextKind::Xdp => [0, 4, 8],
            ContextKind::Skb => [76, 80, 140],
            ContextKind::Other => return,
        };
        let context = memory.bytes_mut(CONTEXT);
        for (place, at) in places.into_iter().zip([self.packet.start, self.packet.end, self.meta]) {
            context[place..place + 4].copy_from_slice(&address(at));
        }
        memory.open(PACKET, self.meta..self.packet.end);
    }

    /// The address of a part of the packet; `None` if it is not all there.
    fn part(&self, offset: u64, len: u64) -> Option<(u64, usize)> {
        let len = usize::try_from(len).ok()?;
        let start = self.packet.start.checked_add(usize::try_from(offset as u32).ok()?)?;
        let is_inside = start.checked_add(len)? <= self.packet.end;
        is_inside.then(|| (Memory::address(PACKET, start), len))
    }

    fn load_packet(&self, args: [u64; 4], memory: &mut Memory) -> Result<i64, Fault> {
        let [_, offset, to, len] = args;
        let Some((from, len)) = self.part(offset, len) else {
            let len = usize::try_from(len).unwrap_or(usize::MAX);
            memory.write(to, len)?.fill(0);
            return Ok(super::maps::EFAULT);
        };
        let bytes = memory.read(from, len)?.to_vec();
        memory.write(to, len)?.copy_from_slice(&bytes);
        Ok(0)
    }

    fn store_packet(&self, args: [u64; 4], memory: &mut Memory) -> Result<i64, Fault> {
        let [_, offset, from, len] = args;
        let Some((to, len)) = self.part(offset, len) else { return Ok(super::maps::EFAULT) };
        let bytes = memory.read(from, len)?.to_vec();
        memory.write(to, len)?.copy_from_slice(&bytes);
        Ok(0)
    }

    /// `l3_csum_replace` and `l4_csum_replace`.
    fn replace_checksum(
        &self,
        helper: i32,
        args: [u64; 5],
        memory: &mut Memory,
    ) -> Result<i64, Fault> {
        const MANGLED_ZERO: u64 = 0x20;
        let [_, offset, from, to, flags] = args;
        let Some((at, _)) = self.part(offset, 2) else { return Ok(super::maps::EFAULT) };
        let old = memory.load(at, 16)?;
        let keeps_zero = helper == 11 && flags & MANGLED_ZERO != 0;
        if keeps_zero && old == 0 {
            return Ok(0);
        }
        let (from, to) = match flags & 0xf {
            0 if from != 0 => return Ok(EINVAL),
            0 => (0xffff_ffff, to & 0xffff_ffff),
            2 => (!from & 0xffff, to & 0xffff),
            4 => (!from & 0xffff_ffff, to & 0xffff_ffff),
            _ => return Ok(EINVAL),
        };
        let mut new = !fold(u128::from(!old & 0xffff) + u128::from(from) + u128::from(to)) & 0xffff;
        if keeps_zero && new == 0 {
            new = 0xffff;
        }
        memory.store(at, 16, new)?;
        Ok(0)
    }
}

/// The ones' complement sum of 16-bit words that a wider sum stands for.
fn fold(sum: u128) -> u64 {
    let mut sum = sum;
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u64
}

/// `csum_diff`: the sum of `to` less that of `from`, on top of a seed.
fn checksum_difference(args: [u64; 5], memory: &Memory) -> Result<i64, Fault> {
    let [from, from_len, to, to_len, seed] = args;
    let (from_len, to_len) = (from_len & 0xffff_ffff, to_len & 0xffff_ffff);
    if (from_len | to_len) % 4 != 0 || from_len + to_len > 512 {
        return Ok(EINVAL);
    }
    let mut sum = u128::from(seed & 0xffff_ffff);
    for (start, len, flip) in [(from, from_len, 0xffff_ffff), (to, to_len, 0)] {
        for at in 0..len / 4 {
            sum += u128::from(memory.load(start + 4 * at, 32)? ^ flip);
        }
    }
    Ok(fold(sum).cast_signed())
}
