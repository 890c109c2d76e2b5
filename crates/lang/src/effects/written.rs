//! What handlers wrote to a packet, and how its headers moved.

use super::exposure::{Source, Value};
use std::collections::BTreeMap;
use trama_wire::header::{FieldRef, HeaderId, HeaderSet};

/// What was written to a packet.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Written {
    fields: BTreeMap<FieldRef, Value>,
    pub(super) mark: Option<Value>,
    /// Headers moved: fields are no longer those that the packet brought.
    pub(super) rebuilt: bool,
    /// Headers whose presence is no longer what it was, and what it is where that is known.
    moved: BTreeMap<HeaderId, Option<bool>>,
}

impl Written {
    /// What may be in a packet that is either of two.
    pub(crate) fn join(&mut self, other: Self) {
        self.rebuilt |= other.rebuilt;
        let ids: Vec<HeaderId> = self.moved.keys().chain(other.moved.keys()).copied().collect();
        for id in ids {
            let (ours, theirs) = (self.moved.get(&id), other.moved.get(&id));
            let same = if ours == theirs { ours.copied().flatten() } else { None };
            self.moved.insert(id, same);
        }
        // A field that only one path wrote is, on the other, what the packet brought.
        for field in other.fields.keys().chain(&self.fields.keys().copied().collect::<Vec<_>>()) {
            let brought = || Value::of(Source::Field(*field));
            let ours = self.fields.get(field).cloned().unwrap_or_else(brought);
            let theirs = other.fields.get(field).cloned().unwrap_or_else(brought);
            self.fields.insert(*field, ours.or(theirs));
        }
        self.mark = match (self.mark.take(), other.mark) {
            (None, None) => None,
            (ours, theirs) => {
                let brought = || Value::of(Source::Property);
                Some(ours.unwrap_or_else(brought).or(theirs.unwrap_or_else(brought)))
            }
        };
    }

    /// The value of a field: as written, or as the packet brought it. A write to a field that
    /// overlaps (`tcp.flags` and `tcp.flags.syn`, `l4.src` and `tcp.src`) mixes in.
    pub(super) fn read(&self, field: FieldRef) -> Value {
        if self.rebuilt {
            return Value::of(Source::Rebuilt);
        }
        if let Some(value) = self.fields.get(&field) {
            return value.clone();
        }
        let own = Value::of(Source::Field(field));
        let overlapping: Vec<Value> = self
            .fields
            .iter()
            .filter(|(other, _)| overlap(field, **other))
            .map(|(_, value)| value.clone())
            .collect();
        if overlapping.is_empty() {
            return own;
        }
        Value::mixed(overlapping.into_iter().chain([own]))
    }

    /// A write leaves what it overlaps as a mixture.
    pub(super) fn write(&mut self, field: FieldRef, value: Value) {
        let overlapped: Vec<FieldRef> =
            self.fields.keys().copied().filter(|other| overlap(field, *other)).collect();
        for other in overlapped {
            let mixture = Value::mixed([self.read(other), value.clone()]);
            self.fields.insert(other, mixture);
        }
        self.fields.insert(field, value);
    }

    /// Whether the packet has all these headers, where that is known; `brought` tells it of the
    /// packet as it was.
    pub(crate) fn has(
        &self,
        headers: HeaderSet,
        brought: &dyn Fn(HeaderSet) -> Option<bool>,
    ) -> Option<bool> {
        if self.rebuilt {
            return (headers == HeaderSet::EMPTY).then_some(true);
        }
        if self.moved.is_empty() {
            return brought(headers);
        }
        let one = |id: HeaderId| match self.moved.get(&id) {
            Some(known) => *known,
            None => brought(HeaderSet::of(id)),
        };
        let all: Vec<Option<bool>> = headers.iter().map(one).collect();
        if all.contains(&Some(false)) {
            return Some(false);
        }
        all.iter().all(Option::is_some).then_some(true)
    }

    /// Whether this header may be another one than the packet brought, or none.
    pub(super) fn has_moved(&self, id: HeaderId) -> bool {
        self.moved.contains_key(&id)
    }

    /// The frame was cut: whatever lies behind the link header may be gone. What is still there is
    /// as it was.
    pub(super) fn cut(&mut self) {
        for id in (1..HeaderId::COUNT as u8).map(HeaderId) {
            if self.moved.get(&id) != Some(&Some(false)) {
                self.moved.insert(id, None);
            }
        }
    }

    /// Headers were put in, with these values.
    pub(super) fn insert(&mut self, stack: &[(HeaderId, Vec<(FieldRef, Value)>)]) {
        let ids: Vec<HeaderId> = stack.iter().map(|(id, _)| *id).collect();
        match ids[..] {
            [HeaderId::IP, HeaderId::ICMP] => self.quote(),
            [HeaderId::VLAN] => {
                self.carry_over(HeaderId::VLAN, HeaderId::VLAN2);
                self.moved.insert(HeaderId::VLAN2, None);
            }
            _ => return self.rebuilt = true,
        }
        for (id, fields) in stack {
            self.moved.insert(*id, Some(true));
            for field in
                (0..id.def().fields.len() as u8).map(|field| FieldRef { header: *id, field })
            {
                let given = fields.iter().find(|(f, _)| *f == field);
                // What is not given is filled in: a number, if not one of the headers' own.
                let filled = || match field.def().name {
                    "ttl" => Value::number(64),
                    _ => Value::constant(),
                };
                let value = given.map_or_else(filled, |(_, value)| value.clone());
                self.fields.insert(field, value);
            }
        }
    }

    /// Headers were taken out.
    pub(super) fn remove(&mut self, stack: &[HeaderId]) {
        if *stack != [HeaderId::VLAN] {
            return self.rebuilt = true;
        }
        self.carry_over(HeaderId::VLAN2, HeaderId::VLAN);
        for id in [HeaderId::VLAN, HeaderId::VLAN2] {
            self.moved.insert(id, None);
        }
    }

    /// An ICMP error is put in front of an IPv4 datagram: what was outside is now quoted.
    fn quote(&mut self) {
        use HeaderId as Id;
        for (from, to) in [(Id::IP, Id::INNER), (Id::L4, Id::INNER_L4), (Id::ICMP, Id::INNER_ICMP)]
        {
            self.carry_over(from, to);
            self.moved.insert(to, None);
        }
        for gone in [Id::IP6, Id::ARP, Id::TCP, Id::UDP, Id::L4, Id::ICMP6, Id::FRAG6] {
            self.moved.insert(gone, Some(false));
        }
        self.moved.insert(Id::INNER6, None);
    }

    /// The fields of one header become those of the same names of another.
    fn carry_over(&mut self, from: HeaderId, to: HeaderId) {
        for def in to.def().fields {
            let (Some(source), Some(target)) = (from.field(def.name), to.field(def.name)) else {
                continue;
            };
            let value = self.read(source);
            self.fields.insert(target, value);
        }
    }
}

/// True if two different fields share bits.
fn overlap(a: FieldRef, b: FieldRef) -> bool {
    let ports = [HeaderId::TCP, HeaderId::UDP, HeaderId::L4];
    let place = |id: HeaderId| if ports.contains(&id) { HeaderId::L4 } else { id };
    let end = |f: FieldRef| f.def().bit + u16::from(f.def().width);
    a != b && place(a.header) == place(b.header) && a.def().bit < end(b) && b.def().bit < end(a)
}
