//! State operations without a call: an entry that is there, when nothing is due to expire.
//!
//! Everything else goes to the operation itself, in a block of its own out of the way. So the two
//! need not agree on more than where things lie ([`trama_state::mem::direct`]) and what the usual
//! case is.

use super::function::{Lowering, Memory};
use crate::runtime::Routine;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, Value, types};
use trama_lang::ir::PacketId;
use trama_state::hash::Hasher;
use trama_state::mem::direct::{AgesDirect, ArrayDirect, MapDirect, PoolDirect, bucket};
use trama_wire::header::{HeaderId, HeaderSet};

/// Longest key, in bytes, that is compared in place.
const KEY_MAX: usize = 64;

/// A word with the lowest bit of each byte set.
const LOW_BITS: u64 = 0x0101_0101_0101_0101;

/// A packed key in registers: little-endian words, zeros behind the last byte.
pub(super) struct Key {
    pub(super) words: Vec<Value>,
    pub(super) bytes: usize,
}

/// What an operation does with an entry that is there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Reads it.
    Read,
    /// Makes it young.
    Touch,
    /// Makes it young; one that is not there is made.
    Write,
}

/// A block for the unusual case, and one where both meet again with a word.
struct Detour {
    slow: Block,
    end: Block,
}

impl Lowering<'_, '_> {
    /// The address of the value of a key, or null: looked for here, and if that is not the usual
    /// case by `slowly`.
    pub(super) fn map_value(
        &mut self,
        map: &MapDirect,
        key: &Key,
        access: Access,
        slowly: impl FnOnce(&mut Self) -> Value,
    ) -> Value {
        let refreshes = access != Access::Read && map.is_ordered;
        if refreshes || key.bytes == 0 || key.bytes > KEY_MAX {
            return slowly(self);
        }
        let detour = self.detour();
        let now = self.unless_due(map.ages, &detour);
        let hash = self.quick_hash(map.seeds, key);
        let home = self.bucket(map, hash);
        let places = self.likely_places(home, hash);
        let (likely, unlikely) = (self.b.create_block(), self.b.create_block());
        self.b.ins().brif(places, likely, &[], unlikely, &[]);

        self.enter(unlikely);
        let zero = self.word(0);
        if access != Access::Write {
            // Nothing with this tag here: then it is nowhere, unless the bucket overflowed.
            let flags = self.memory(Memory::Value);
            let rest = self.b.ins().load(types::I64, flags, home, bucket::REST);
            self.b.ins().brif(rest, detour.slow, &[], detour.end, &[zero.into()]);
        } else {
            self.b.ins().jump(detour.slow, &[]);
        }

        self.enter(likely);
        let entry = self.entry_of(map, home, places);
        let differs = self.differs(entry, key);
        let same = self.b.create_block();
        self.b.ins().brif(differs, detour.slow, &[], same, &[]);
        self.enter(same);
        if let (Access::Touch | Access::Write, Some(at)) = (access, map.written_at) {
            let flags = self.memory(Memory::Value);
            let written = self.b.ins().load(types::I64, flags, entry, at as i32);
            self.unless_other_epoch(written, now, map.ages, &detour);
            self.store(Memory::Value, 8, now, entry, at);
        }
        let value = self.b.ins().iadd_imm_s(entry, map.value_at as i64);
        self.b.ins().jump(detour.end, &[value.into()]);
        self.meet(&detour, slowly)
    }

    /// Address of a value, or what `slowly` makes of an index that is out of range.
    pub(super) fn array_value(
        &mut self,
        array: ArrayDirect,
        index: Value,
        slowly: impl FnOnce(&mut Self) -> Value,
    ) -> Value {
        let detour = self.detour();
        let at = self.element(array, index, &detour);
        self.b.ins().jump(detour.end, &[at.into()]);
        self.meet(&detour, slowly)
    }

    /// Counts a packet at an index, or does what `slowly` does if that is out of range.
    pub(super) fn count_pair(
        &mut self,
        pairs: ArrayDirect,
        [index, bytes]: [Value; 2],
        slowly: impl FnOnce(&mut Self) -> Value,
    ) {
        let detour = self.detour();
        let at = self.element(pairs, index, &detour);
        let one = self.word(1);
        for (offset, more) in [(0, one), (8, bytes)] {
            let old = self.load(Memory::Value, 8, at, offset);
            let new = self.b.ins().iadd(old, more);
            self.store(Memory::Value, 8, new, at, offset);
        }
        self.b.ins().jump(detour.end, &[one.into()]);
        self.meet(&detour, slowly);
    }

    /// 1 if an index of a pool is in use.
    pub(super) fn pool_used(
        &mut self,
        pool: PoolDirect,
        index: Value,
        slowly: impl FnOnce(&mut Self) -> Value,
    ) -> Value {
        let detour = self.detour();
        self.unless_due(pool.ages, &detour);
        let at = self.element(pool.uses, index, &detour);
        let turn = self.load(Memory::Value, 8, at, 8);
        let used = self.b.ins().icmp_imm_u(IntCC::NotEqual, turn, 0);
        let used = self.bit(used);
        self.b.ins().jump(detour.end, &[used.into()]);
        self.meet(&detour, slowly)
    }

    /// 1 if an index of a pool is in use; its life starts anew then.
    pub(super) fn pool_touch(
        &mut self,
        pool: PoolDirect,
        index: Value,
        slowly: impl FnOnce(&mut Self) -> Value,
    ) -> Value {
        let detour = self.detour();
        let now = self.unless_due(pool.ages, &detour);
        let at = self.element(pool.uses, index, &detour);
        let turn = self.load(Memory::Value, 8, at, 8);
        let held = self.b.create_block();
        self.b.ins().brif(turn, held, &[], detour.slow, &[]);
        self.enter(held);
        if pool.expires {
            let last = self.load(Memory::Value, 8, at, 0);
            self.unless_other_epoch(last, now, pool.ages, &detour);
        }
        let counter = self.address(pool.turn);
        let turn = self.load(Memory::Value, 8, counter, 0);
        let turn = self.b.ins().iadd_imm_s(turn, 1);
        self.store(Memory::Value, 8, turn, counter, 0);
        self.store(Memory::Value, 8, now, at, 0);
        self.store(Memory::Value, 8, turn, at, 8);
        let one = self.word(1);
        self.b.ins().jump(detour.end, &[one.into()]);
        self.meet(&detour, slowly)
    }

    /// 1 if the checksum of the IPv4 header is right: summed here if there are no options.
    pub(super) fn ip_checksum_ok(&mut self, p: PacketId) -> Value {
        let detour = self.detour();
        let has = self.has(p, HeaderSet::of(HeaderId::IP));
        let present = self.b.create_block();
        self.b.ins().brif(has, present, &[], detour.slow, &[]);
        self.enter(present);
        let (data, start) = (self.data(p), self.header_offset(p, HeaderId::IP));
        let at = self.b.ins().iadd(data, start);
        let first = self.load(Memory::Bytes, 1, at, 0);
        let plain = self.b.ins().icmp_imm_u(IntCC::Equal, first, 0x45);
        let short = self.b.create_block();
        self.b.ins().brif(plain, short, &[], detour.slow, &[]);
        self.enter(short);
        // Five words of 32 bits, whose sum has at most 35: three foldings to 16.
        let mut sum = self.load(Memory::Bytes, 4, at, 0);
        for offset in [4, 8, 12, 16] {
            let word = self.load(Memory::Bytes, 4, at, offset);
            sum = self.b.ins().iadd(sum, word);
        }
        let (low, high) = (self.cut(sum, 64, 32), self.b.ins().ushr_imm_u(sum, 32));
        let sum = self.b.ins().iadd(low, high);
        let sum = self.folded(sum);
        let sum = self.folded(sum);
        // A sum of zeros alone is right, too: `checksum::is_whole`.
        let ones = self.b.ins().icmp_imm_u(IntCC::Equal, sum, 0xffff);
        let zeros = self.b.ins().icmp_imm_u(IntCC::Equal, sum, 0);
        let right = self.b.ins().bor(ones, zeros);
        let right = self.bit(right);
        self.b.ins().jump(detour.end, &[right.into()]);
        self.meet(&detour, |slow| slow.ask(Routine::ChecksumOk, p, HeaderId::IP.0.into()))
    }

    /// The hash of a key: [`trama_state::hash::Hasher::quick`].
    pub(super) fn quick_hash(&mut self, [s0, s1]: [u64; 2], key: &Key) -> Value {
        let n = key.bytes;
        let (s0, mut acc) = (self.word(s0), self.word(s1));
        if n < 8 {
            let first = key.words[0];
            let spread = if n < 4 {
                let places = [(0, 0), (n / 2, 8), (n - 1, 16)];
                let bytes = places.map(|(byte, up)| self.moved(first, byte as i64 * 8, up, 0xff));
                let low = self.b.ins().bor(bytes[0], bytes[1]);
                self.b.ins().bor(low, bytes[2])
            } else {
                let ones = u64::from(u32::MAX);
                let low = self.moved(first, 0, 0, ones);
                let high = self.moved(first, (n as i64 - 4) * 8, 32, ones);
                self.b.ins().bor(low, high)
            };
            let a = self.b.ins().bxor(spread, s0);
            let folded = self.mix(a, acc);
            return self.last_mix(folded);
        }
        let pairs = if n > 16 { n / 16 } else { 0 };
        let last = n.saturating_sub(16);
        for at in (0..pairs).map(|pair| pair * 16).chain([last]) {
            let high_at = if at == last { n - 8 } else { at + 8 };
            let (low, high) = (self.word_at(key, at), self.word_at(key, high_at));
            let a = self.b.ins().bxor(low, s0);
            let b = self.b.ins().bxor(high, acc);
            acc = self.mix(a, b);
        }
        self.last_mix(acc)
    }

    fn last_mix(&mut self, folded: Value) -> Value {
        let [a, b] = Hasher::LAST.map(|word| self.word(word));
        let a = self.b.ins().bxor(folded, a);
        self.mix(a, b)
    }

    /// Address of the bucket where the search for a hash starts.
    pub(super) fn bucket(&mut self, map: &MapDirect, hash: Value) -> Value {
        let upper = self.b.ins().ushr_imm_u(hash, 32);
        let scaled = self.b.ins().imul_imm_s(upper, i64::from(map.bucket_count));
        let number = self.b.ins().ushr_imm_u(scaled, 32);
        let offset = self.b.ins().imul_imm_s(number, bucket::BYTES);
        let first = self.address(map.buckets);
        self.b.ins().iadd(first, offset)
    }

    /// The highest bit of each byte, among the first eight tags of a bucket, that has the tag of a
    /// hash; maybe of some behind the first that have not.
    pub(super) fn likely_places(&mut self, home: Value, hash: Value) -> Value {
        let flags = self.memory(Memory::Value);
        let tags = self.b.ins().load(types::I64, flags, home, bucket::TAGS);
        let low = self.b.ins().band_imm_u(hash, 0xff);
        let tag = self.b.ins().bor_imm_u(low, i64::from(bucket::TAG_BIT));
        let low_bits = self.word(LOW_BITS);
        let everywhere = self.b.ins().imul(tag, low_bits);
        let differ = self.b.ins().bxor(tags, everywhere);
        let less = self.b.ins().isub(differ, low_bits);
        let tops = self.word(LOW_BITS << 7);
        let same = self.b.ins().band_not(tops, differ);
        self.b.ins().band(less, same)
    }

    /// Address of the entry in the lowest of `places`, of which there is one.
    pub(super) fn entry_of(&mut self, map: &MapDirect, home: Value, places: Value) -> Value {
        let bit = self.b.ins().ctz(places);
        let place = self.b.ins().ushr_imm_u(bit, 3);
        let offset = self.b.ins().ishl_imm_u(place, 2);
        let at = self.b.ins().iadd(home, offset);
        let slot = self.load(Memory::Value, 4, at, bucket::SLOTS as usize);
        let offset = self.b.ins().imul_imm_s(slot, i64::from(map.stride));
        let first = self.address(map.entries);
        self.b.ins().iadd(first, offset)
    }

    /// Not zero if the key of an entry is another one.
    fn differs(&mut self, entry: Value, key: &Key) -> Value {
        let flags = self.memory(Memory::Value);
        if key.bytes < 8 {
            let there = self.b.ins().load(types::I64, flags, entry, 0);
            let differs = self.b.ins().bxor(there, key.words[0]);
            let ones = (1_u64 << (key.bytes * 8)) - 1;
            let mask = self.word(ones);
            return self.b.ins().band(differs, mask);
        }
        let whole = (0..key.bytes / 8).map(|word| word * 8);
        let last = (!key.bytes.is_multiple_of(8)).then_some(key.bytes - 8);
        let mut differs = None;
        for at in whole.chain(last) {
            let there = self.b.ins().load(types::I64, flags, entry, at as i32);
            let wanted = self.word_at(key, at);
            let here = self.b.ins().bxor(there, wanted);
            differs = Some(match differs {
                None => here,
                Some(so_far) => self.b.ins().bor(so_far, here),
            });
        }
        differs.expect("a key of eight bytes has a word")
    }

    /// The eight bytes of a key from `at`.
    fn word_at(&mut self, key: &Key, at: usize) -> Value {
        let (word, bits) = (at / 8, (at % 8) as i64 * 8);
        if bits == 0 {
            return key.words[word];
        }
        let low = self.b.ins().ushr_imm_u(key.words[word], bits);
        let high = self.b.ins().ishl_imm_u(key.words[word + 1], 64 - bits);
        self.b.ins().bor(low, high)
    }

    /// Some bits of a word, moved down and then up.
    fn moved(&mut self, word: Value, down: i64, up: i64, ones: u64) -> Value {
        let low = self.b.ins().ushr_imm_u(word, down);
        let mask = self.word(ones);
        let cut = self.b.ins().band(low, mask);
        self.b.ins().ishl_imm_u(cut, up)
    }

    /// Folds the 128-bit product of two words.
    fn mix(&mut self, a: Value, b: Value) -> Value {
        let a = self.b.ins().uextend(types::I128, a);
        let b = self.b.ins().uextend(types::I128, b);
        let product = self.b.ins().imul(a, b);
        let (low, high) = self.b.ins().isplit(product);
        self.b.ins().bxor(low, high)
    }

    /// Address of an element; takes the detour if the index is out of range.
    fn element(&mut self, array: ArrayDirect, index: Value, detour: &Detour) -> Value {
        let len = self.word(array.len);
        let inside = self.b.ins().icmp(IntCC::UnsignedLessThan, index, len);
        let go_on = self.b.create_block();
        self.b.ins().brif(inside, go_on, &[], detour.slow, &[]);
        self.enter(go_on);
        let offset = self.b.ins().imul_imm_s(index, array.value_bytes as i64);
        let first = self.address(array.values);
        self.b.ins().iadd(first, offset)
    }

    /// Takes the detour if something is due; the time of the event.
    fn unless_due(&mut self, ages: AgesDirect, detour: &Detour) -> Value {
        let (now, due) = (self.now(), self.address(ages.due_ns));
        let due = self.load(Memory::Value, 8, due, 0);
        let is_due = self.b.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, now, due);
        let go_on = self.b.create_block();
        self.b.ins().brif(is_due, detour.slow, &[], go_on, &[]);
        self.enter(go_on);
        now
    }

    /// Takes the detour if an entry written at that time must be moved.
    fn unless_other_epoch(&mut self, written: Value, now: Value, ages: AgesDirect, to: &Detour) {
        let between = self.b.ins().bxor(written, now);
        let epoch = self.word(ages.epoch_ns);
        let same = self.b.ins().icmp(IntCC::UnsignedLessThan, between, epoch);
        let go_on = self.b.create_block();
        self.b.ins().brif(same, go_on, &[], to.slow, &[]);
        self.enter(go_on);
    }

    fn detour(&mut self) -> Detour {
        let (slow, end) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(slow);
        self.b.append_block_param(end, types::I64);
        Detour { slow, end }
    }

    /// Builds the detour, and goes on where both ways meet.
    fn meet(&mut self, detour: &Detour, slowly: impl FnOnce(&mut Self) -> Value) -> Value {
        self.enter(detour.slow);
        let value = slowly(self);
        self.b.ins().jump(detour.end, &[value.into()]);
        self.enter(detour.end);
        self.b.block_params(detour.end)[0]
    }

    /// Goes on in a block to which all jumps are made.
    pub(super) fn enter(&mut self, block: Block) {
        self.b.switch_to_block(block);
        self.b.seal_block(block);
    }
}
