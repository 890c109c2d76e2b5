//! What keys depend on, and who therefore shares an entry.

use super::{Access, AccessKind};
use std::collections::BTreeSet;
use trama_wire::header::{FieldRef, HeaderId};

/// Something that a value depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A header field as the packet brought it.
    Field(FieldRef),
    /// Whether the packet has this header.
    Presence(HeaderId),
    /// The upper-layer protocol number.
    Proto,
    /// The port at which the packet arrived.
    Port,
    /// Another property of the packet: a length, an option, a mark.
    Property,
    /// Payload bytes.
    Payload,
    /// A packet whose headers were put in or taken out.
    Rebuilt,
    /// The time.
    Time,
    /// What a state object answered: its index in the node.
    State(u32),
}

/// A value as the analysis sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Value {
    /// All that it depends on.
    pub(crate) sources: BTreeSet<Source>,
    /// If the value is one of the sources (or a constant) unchanged: which.
    pub(crate) carries: Option<BTreeSet<Source>>,
    /// The one source that it always is.
    pub(crate) exact: Option<Source>,
    /// The number that it always is.
    pub(crate) known: Option<u128>,
}

impl Value {
    /// A value that depends on nothing.
    pub(super) fn constant() -> Self {
        Self { carries: Some(BTreeSet::new()), ..Self::default() }
    }

    /// A number.
    pub(super) fn number(known: u128) -> Self {
        Self { known: Some(known), ..Self::constant() }
    }

    /// A source itself.
    pub(super) fn of(source: Source) -> Self {
        let carries = Some([source].into());
        Self { sources: [source].into(), carries, exact: Some(source), known: None }
    }

    /// Computed from `parts`, and equal to none of them.
    pub(super) fn mixed(parts: impl IntoIterator<Item = Self>) -> Self {
        let sources: BTreeSet<Source> = parts.into_iter().flat_map(|part| part.sources).collect();
        // What depends on nothing is a constant, however it was computed.
        let carries = sources.is_empty().then(BTreeSet::new);
        Self { sources, carries, ..Self::default() }
    }

    /// Either of two values.
    #[must_use]
    pub(super) fn or(mut self, other: Self) -> Self {
        self.sources.extend(other.sources);
        self.exact = self.exact.filter(|exact| other.exact == Some(*exact));
        self.known = self.known.filter(|known| other.known == Some(*known));
        self.carries = self.carries.zip(other.carries).map(|(mut a, b)| {
            a.extend(b);
            a
        });
        self
    }

    /// The same value, chosen by something that depends on `sources`.
    #[must_use]
    pub(super) fn under(mut self, sources: &BTreeSet<Source>) -> Self {
        self.sources.extend(sources);
        self
    }
}

/// What the key of a state operation depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exposure {
    /// Nothing: every packet meets the same entry (or the whole object).
    Global,
    /// The key contains the five-tuple: an entry belongs to one flow, or to both directions of a
    /// connection.
    PerFlow(FlowKey),
    /// Header fields.
    Keyed {
        /// Which.
        fields: BTreeSet<FieldRef>,
        /// The key is these fields unchanged: different values never meet in an entry.
        exact: bool,
    },
    /// Every entry, one after the other: the loops over maps that take all, what they do with the
    /// entry of their round, and clearing. Entries stay apart.
    Each,
    /// Something that is no function of the packet's headers: state, time, payload.
    CrossFlow(BTreeSet<Source>),
}

/// Where the parts of a five-tuple stand among the leaves of a key, and for which protocol if that
/// is no part of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowKey {
    /// Leaf of the source address, then of the source port.
    pub source: (usize, usize),
    /// Leaf of the destination address, then of the destination port.
    pub destination: (usize, usize),
    /// The only protocol that reaches this key, if the key does not tell protocols apart.
    pub protocol: Option<HeaderId>,
}

impl FlowKey {
    /// The same for both directions of a connection.
    fn undirected(self) -> Self {
        let (a, b) = (self.source, self.destination);
        Self { source: a.min(b), destination: a.max(b), ..self }
    }
}

/// Who shares an entry of a state object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Nobody uses it.
    Unused,
    /// Only `init` writes it: everyone reads the same.
    Constant,
    /// The packets of one flow, or of both directions of a connection.
    PerFlow,
    /// Flows that agree in these header fields, or in a function of them.
    Keyed(BTreeSet<FieldRef>),
    /// Flows in no fixed relation.
    CrossFlow,
    /// All packets.
    Global,
}

/// The exposure of a key. `only` is the one transport protocol that the handler sees, if so.
pub(super) fn exposure(key: &[Value], only: Option<HeaderId>) -> Exposure {
    let sources: BTreeSet<Source> = key.iter().flat_map(|leaf| leaf.sources.clone()).collect();
    if sources.is_empty() {
        return Exposure::Global;
    }
    let of_headers =
        |source: &Source| matches!(source, Source::Field(_) | Source::Presence(_) | Source::Proto);
    if !sources.iter().all(of_headers) {
        return Exposure::CrossFlow(sources);
    }
    if let Some(flow) = flow_key(key, only) {
        return Exposure::PerFlow(flow);
    }
    let fields = sources.iter().filter_map(|source| match source {
        Source::Field(field) => Some(*field),
        Source::Proto => HeaderId::IP.field("proto"),
        _ => None,
    });
    Exposure::Keyed {
        fields: fields.collect(),
        exact: key.iter().all(|leaf| leaf.carries.is_some()),
    }
}

/// The role of a source in a five-tuple.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    SourceAddress,
    DestinationAddress,
    SourcePort,
    DestinationPort,
    Protocol,
}

fn role(source: Source) -> Option<Role> {
    let Source::Field(field) = source else {
        return (source == Source::Proto).then_some(Role::Protocol);
    };
    match (field.header, field.def().name) {
        (HeaderId::IP | HeaderId::IP6, "src") => Some(Role::SourceAddress),
        (HeaderId::IP | HeaderId::IP6, "dst") => Some(Role::DestinationAddress),
        (HeaderId::IP, "proto") => Some(Role::Protocol),
        (HeaderId::TCP | HeaderId::UDP | HeaderId::L4, "src") => Some(Role::SourcePort),
        (HeaderId::TCP | HeaderId::UDP | HeaderId::L4, "dst") => Some(Role::DestinationPort),
        _ => None,
    }
}

/// Identifier of ICMP echo messages, which stands for both ports.
fn is_echo_id(source: Source) -> bool {
    matches!(source, Source::Field(f)
        if matches!(f.header, HeaderId::ICMP | HeaderId::ICMP6) && f.def().name == "id")
}

fn flow_key(key: &[Value], only: Option<HeaderId>) -> Option<FlowKey> {
    let leaf = |wanted: Role| {
        key.iter().position(|leaf| {
            let carried = leaf.carries.as_ref();
            carried.is_some_and(|set| {
                let mut rest = set.iter().filter(|source| !is_echo_id(**source)).peekable();
                rest.peek().is_some() && rest.all(|source| role(*source) == Some(wanted))
            })
        })
    };
    let protocol = if leaf(Role::Protocol).is_some() { None } else { Some(only?) };
    Some(FlowKey {
        source: (leaf(Role::SourceAddress)?, leaf(Role::SourcePort)?),
        destination: (leaf(Role::DestinationAddress)?, leaf(Role::DestinationPort)?),
        protocol,
    })
}

/// The scope of an object from all its uses; each with whether it is in `init`.
pub(super) fn scope<'a>(uses: impl Iterator<Item = (bool, &'a Access)> + Clone) -> Scope {
    if uses.clone().next().is_none() {
        return Scope::Unused;
    }
    let running = uses.filter(|(init, _)| !init).map(|(_, access)| access);
    if running.clone().all(|access| access.kind == AccessKind::Read) {
        return Scope::Constant;
    }
    // What is done with every entry alike says nothing about who shares one.
    let apart = |access: &&Access| access.exposure != Exposure::Each;
    let mut running = running.filter(apart).peekable();
    let Some(first) = running.peek().map(|access| &access.exposure) else {
        return Scope::Constant;
    };
    if running.clone().any(|access| access.exposure == Exposure::Global) {
        return Scope::Global;
    }
    match first {
        Exposure::PerFlow(flow) => {
            let same = running.all(|access| match access.exposure {
                Exposure::PerFlow(other) => other.undirected() == flow.undirected(),
                _ => false,
            });
            if same { Scope::PerFlow } else { Scope::CrossFlow }
        }
        Exposure::Keyed { fields, .. } => {
            let same = running.all(|access| match &access.exposure {
                Exposure::Keyed { fields: other, .. } => other == fields,
                _ => false,
            });
            if same { Scope::Keyed(fields.clone()) } else { Scope::CrossFlow }
        }
        Exposure::CrossFlow(_) | Exposure::Global | Exposure::Each => Scope::CrossFlow,
    }
}
