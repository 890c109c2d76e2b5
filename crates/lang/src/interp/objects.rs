//! Operations on state objects.

use super::expr::mask;
use super::observe::{Observer, Seen, StateAccess};
use super::stmt::Run;
use crate::ir::{StateId, StateOp, Update, UpdateOp};
use crate::source::Span;
use trama_base::Nanos;
use trama_state::model::Object;
use trama_state::ops::{
    ArrayOps, BloomOps, BucketOps, CounterOps, HistogramOps, LpmOps, MaglevOps, MapOps, ObjectOps,
    PoolOps, RingOps, StreamsOps,
};
use trama_state::{Method, Operands, Shape, StateSpec};

/// What an operation gives back.
#[derive(Debug, Default)]
struct Outcome {
    /// Yes or no, for operations that answer so.
    answer: bool,
    /// Leaves for the operation's result locals, if there was something; else those become 0.
    found: Option<Vec<u128>>,
}

/// An operation with its operands evaluated.
struct Call<'a> {
    spec: &'a StateSpec,
    op: &'a StateOp,
    /// Leaves of the key, index, prefix, member or hash.
    key: &'a [u128],
    /// The other operands: leaves of a value, operands of updates, an amount, a weight.
    rest: &'a [u128],
    /// The payload of the packet that the operation names.
    payload: &'a [u8],
    now: Nanos,
}

impl<O: Observer> Run<'_, O> {
    pub(super) fn state(&mut self, id: StateId, op: &StateOp, span: Span) {
        let operands: Vec<u128> = op.operands().into_iter().map(|e| self.eval(e)).collect();
        let (key, rest) = operands.split_at(op.key().len());
        let spec = &self.node().states[id.0 as usize];
        let packet = match op {
            StateOp::Call { packet: Some(p), .. } => self.packets[p.0 as usize].as_ref(),
            _ => None,
        };
        let payload = packet.map_or(&[][..], |flying| flying.frame.payload());
        let call = Call { spec, op, key, rest, payload, now: self.world.now };
        let listens = self.world.observer.listens();
        let object = &mut self.world.states[self.node_index as usize][id.0 as usize];

        let old = if listens { peek(object, &call) } else { None };
        let outcome = call.apply(object);
        let new = if listens { peek(object, &call) } else { None };

        let results = op.found();
        let found = outcome.found.unwrap_or_else(|| vec![0; results.len()]);
        for (local, value) in results.into_iter().zip(&found) {
            self.assign(local, *value);
        }
        if let Some(local) = op.answer() {
            self.assign(local, outcome.answer.into());
        }
        if listens {
            let access = StateAccess {
                span,
                node: self.node_index,
                state: id.0,
                op: op.name(),
                key: key.to_vec(),
                old,
                new,
                found,
                answer: op.answer().map(|_| outcome.answer),
            };
            self.world.see(|| Seen::State(&access));
        }
    }
}

impl Call<'_> {
    fn apply(&self, object: &mut Object) -> Outcome {
        if let StateOp::Call { method, .. } = self.op {
            return self.method(*method, object);
        }
        match object {
            Object::Map(map) => self.map(map),
            Object::Array(array) => self.array(array),
            Object::Counter(counter) => self.counter(counter),
            Object::Pool(pool) => self.pool(pool),
            Object::Lpm(lpm) => self.lpm(lpm),
            Object::Bucket(bucket) => self.bucket(bucket),
            Object::Maglev(maglev) => self.maglev(maglev),
            Object::Bloom(bloom) => number(bloom.len()),
            Object::Ring(ring) => number(ring.len()),
            Object::Streams(streams) => number(streams.len(self.now)),
            Object::Histogram(histogram) => number(histogram.len(self.now)),
            Object::Sketch(_) | Object::Patterns(_) => self.mismatch(),
        }
    }

    fn method(&self, method: Method, object: &mut Object) -> Outcome {
        let signature = method.signature(self.spec);
        let (key, operands) =
            (pack(&signature.key, self.key), pack(&signature.operands, self.rest));
        let mut found = vec![0; signature.results.bytes()];
        let (payload, now) = (self.payload, self.now);
        let with = Operands { key: &key, operands: &operands, payload, now };
        let answer = object.call(method, with, &mut found);
        Outcome { answer, found: answer.then(|| signature.results.unpack(&found)) }
    }

    fn map(&self, map: &mut impl MapOps) -> Outcome {
        if matches!(self.op, StateOp::Len(_)) {
            return number(map.len(self.now));
        }
        if matches!(self.op, StateOp::MapClear) {
            map.clear(self.now);
            return yes_or_no(true);
        }
        let (key, now) = (&*pack(&self.spec.key, self.key), self.now);
        match self.op {
            StateOp::MapGet { .. } => self.leaves(map.get(key, now)),
            StateOp::MapPut { .. } => {
                yes_or_no(map.put(key, &pack(&self.spec.value, self.rest), now))
            }
            StateOp::MapUpdate { updates, .. } => {
                let entry = map.entry(key, now);
                yes_or_no(entry.map(|value| self.update(updates, value)).is_some())
            }
            StateOp::MapTouch { .. } => yes_or_no(map.touch(key, now)),
            StateOp::MapRemove { .. } => yes_or_no(map.remove(key, now)),
            _ => self.mismatch(),
        }
    }

    fn array(&self, array: &mut impl ArrayOps) -> Outcome {
        match self.op {
            StateOp::ArrayGet { .. } => self.leaves(array.get(self.index())),
            StateOp::ArrayUpdate { updates, .. } => {
                let value = array.entry(self.index());
                yes_or_no(value.map(|value| self.update(updates, value)).is_some())
            }
            _ => self.mismatch(),
        }
    }

    fn counter(&self, counter: &mut impl CounterOps) -> Outcome {
        match self.op {
            StateOp::Count { .. } => yes_or_no(counter.add(self.index(), self.rest[0] as u64)),
            StateOp::CounterGet { .. } => {
                let pair = counter.get(self.index());
                let found = pair.map(|(packets, bytes)| vec![packets.into(), bytes.into()]);
                Outcome { answer: found.is_some(), found }
            }
            _ => self.mismatch(),
        }
    }

    fn pool(&self, pool: &mut impl PoolOps) -> Outcome {
        let now = self.now;
        match self.op {
            StateOp::PoolAlloc { .. } => {
                let found = pool.alloc(now).map(|index| vec![index.into()]);
                Outcome { answer: found.is_some(), found }
            }
            StateOp::PoolTake { .. } => yes_or_no(pool.take(self.index(), now)),
            StateOp::PoolTouch { .. } => yes_or_no(pool.touch(self.index(), now)),
            StateOp::PoolFree { .. } => yes_or_no(pool.free(self.index(), now)),
            StateOp::PoolUsed { .. } => yes_or_no(pool.used(self.index(), now)),
            StateOp::Len(_) => number(pool.len(now)),
            _ => self.mismatch(),
        }
    }

    fn lpm(&self, lpm: &mut impl LpmOps) -> Outcome {
        match (self.op, self.key) {
            (StateOp::LpmGet { .. }, &[address]) => self.leaves(lpm.get(address)),
            (StateOp::LpmPut { .. }, &[address, prefix_len]) => {
                let value = pack(&self.spec.value, self.rest);
                yes_or_no(lpm.put(address, prefix_len as u8, &value))
            }
            (StateOp::LpmRemove { .. }, &[address, prefix_len]) => {
                yes_or_no(lpm.remove(address, prefix_len as u8))
            }
            (StateOp::Len(_), _) => number(lpm.len()),
            _ => self.mismatch(),
        }
    }

    fn bucket(&self, bucket: &mut impl BucketOps) -> Outcome {
        match self.op {
            StateOp::BucketTake { .. } => {
                let key = pack(&self.spec.key, self.key);
                yes_or_no(bucket.take(&key, self.rest[0] as u64, self.now))
            }
            StateOp::Len(_) => number(bucket.len()),
            _ => self.mismatch(),
        }
    }

    fn maglev(&self, maglev: &mut impl MaglevOps) -> Outcome {
        match self.op {
            StateOp::MaglevSet { .. } => {
                let member = pack(&self.spec.key, self.key);
                yes_or_no(maglev.set(&member, self.rest[0] as u32))
            }
            StateOp::MaglevPick { .. } => {
                let member = maglev.pick(self.index());
                let found = member.map(|member| self.spec.key.unpack(member));
                Outcome { answer: found.is_some(), found }
            }
            StateOp::Len(_) => number(maglev.len()),
            _ => self.mismatch(),
        }
    }

    /// Applies updates to a packed value, one after the other.
    fn update(&self, updates: &[Update], packed: &mut [u8]) {
        let mut leaves = self.spec.value.unpack(packed);
        for (update, operand) in updates.iter().zip(self.rest) {
            let leaf = update.leaf as usize;
            leaves[leaf] = combine(update.op, self.spec.value.0[leaf], leaves[leaf], *operand);
        }
        packed.copy_from_slice(&pack(&self.spec.value, &leaves));
    }

    fn index(&self) -> u64 {
        self.key[0] as u64
    }

    /// A packed value that was found, or not.
    fn leaves(&self, packed: Option<&[u8]>) -> Outcome {
        let found = packed.map(|packed| self.spec.value.unpack(packed));
        Outcome { answer: found.is_some(), found }
    }

    fn mismatch(&self) -> ! {
        unreachable!("validation lets no `{}` at `{}` pass", self.op.name(), self.spec.name)
    }
}

/// The new value of a leaf of `width` bits.
pub(super) fn combine(op: UpdateOp, width: u8, old: u128, operand: u128) -> u128 {
    match op {
        UpdateOp::Set => operand,
        UpdateOp::Add => old.wrapping_add(operand) & mask(width),
        UpdateOp::Max => old.max(operand),
        UpdateOp::Min => old.min(operand),
        UpdateOp::Or => old | operand,
        UpdateOp::And => old & operand,
        UpdateOp::Xor => old ^ operand,
    }
}

fn yes_or_no(answer: bool) -> Outcome {
    Outcome { answer, found: None }
}

fn number(value: u64) -> Outcome {
    Outcome { answer: true, found: Some(vec![value.into()]) }
}

pub(super) fn pack(shape: &Shape, leaves: &[u128]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(shape.bytes());
    shape.pack(leaves, &mut packed);
    packed
}

/// The entry that an operation is about, for the observer: its leaves; nothing if there is none.
/// Asking changes no result: an object lets go what has expired at whatever it is asked.
fn peek(object: &mut Object, call: &Call<'_>) -> Option<Vec<u128>> {
    if matches!(
        call.op,
        StateOp::MapClear
            | StateOp::Len(_)
            | StateOp::PoolAlloc { .. }
            | StateOp::MaglevPick { .. }
            | StateOp::Call { .. }
    ) {
        return None;
    }
    let (key, now, value) = (call.key, call.now, &call.spec.value);
    match object {
        Object::Map(map) => map.get(&pack(&call.spec.key, key), now).map(|v| value.unpack(v)),
        Object::Array(array) => array.get(call.index()).map(|v| value.unpack(v)),
        Object::Counter(counter) => {
            counter.get(call.index()).map(|(packets, bytes)| vec![packets.into(), bytes.into()])
        }
        Object::Pool(pool) => pool.used(call.index(), now).then(Vec::new),
        Object::Lpm(lpm) => match *key {
            [address, prefix_len] => {
                let bits = call.spec.key.0[0];
                let ignored = mask(bits.saturating_sub(prefix_len as u8));
                let prefix = pack(&Shape(vec![bits, 8]), &[address & !ignored, prefix_len]);
                listed(lpm, now, &prefix, value)
            }
            _ => lpm.get(key[0]).map(|v| value.unpack(v)),
        },
        Object::Bucket(bucket) => listed(bucket, now, &pack(&call.spec.key, key), &Shape(vec![64])),
        Object::Maglev(maglev) => listed(maglev, now, &pack(&call.spec.key, key), &Shape(vec![32])),
        // All their operations but the length are calls.
        _ => None,
    }
}

/// The value that an object lists for a key.
fn listed(object: &mut impl ObjectOps, now: Nanos, key: &[u8], value: &Shape) -> Option<Vec<u128>> {
    let entry = object.entries(now).into_iter().find(|(listed, _)| listed == key);
    entry.map(|(_, packed)| value.unpack(&packed))
}
