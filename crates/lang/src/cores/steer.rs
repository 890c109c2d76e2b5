//! Steering: from a packet to its core.

use super::classes::Classes;
use super::solve::Solution;
use super::uses::{Uses, Who};
use super::{Division, Firing, Placement};
use crate::effects::Source;
use crate::ir::{ExprKind, Program, StmtKind};
use crate::ir_parts::walk_stmts;
use std::collections::BTreeMap;
use std::fmt;
use trama_base::Nanos;
use trama_wire::header::{FieldRef, HeaderId, HeaderSet};
use trama_wire::packet::Packet;
use trama_wire::rss::{SYMMETRIC_KEY, Toeplitz, USUAL_KEY};

/// Entries of the indirection table: as many as a common network card has.
const BUCKETS: u32 = 128;

/// Most combinations of headers whose rule is remembered.
const SEEN_MAX: usize = 64;

/// A part of a packet that can be steered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// A header field.
    Field(FieldRef),
    /// The upper-layer protocol number.
    Protocol,
}

impl Part {
    /// The part that a source is, if packets of one flow agree in it: addresses, ports,
    /// identifiers of connections and networks.
    pub(super) fn of(source: Source) -> Option<Self> {
        let field = match source {
            Source::Field(field) => field,
            Source::Proto => return Some(Self::Protocol),
            _ => return None,
        };
        let name = field.def().name;
        let numbered = [HeaderId::IP, HeaderId::INNER, HeaderId::FRAG6, HeaderId::DNS];
        let is_per_packet = name == "id" && numbered.contains(&field.header);
        let steers = ["src", "dst", "id", "spa", "tpa", "sha", "tha", "proto", "vni", "key"];
        if is_per_packet || !steers.contains(&name) {
            return None;
        }
        // The ports of TCP and UDP are those of `l4`.
        let common = match field.header {
            HeaderId::TCP | HeaderId::UDP => HeaderId::L4.field(name),
            _ => None,
        };
        Some(Self::Field(common.unwrap_or(field)))
    }

    /// Its width in bits.
    pub(super) fn bits(self) -> u8 {
        match self {
            Self::Field(field) => field.def().width,
            Self::Protocol => 8,
        }
    }

    fn value(self, packet: &Packet) -> u128 {
        match self {
            Self::Field(field) => packet.get(field),
            Self::Protocol => u128::from(packet.layout().proto),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(field) => {
                write!(f, "{}.{}", field.header.def().name, field.def().name)
            }
            Self::Protocol => f.write_str("proto"),
        }
    }
}

/// What becomes of packets of one class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A hash of these parts chooses the core.
    By(Vec<Part>),
    /// No state depends on it: by flow, so that packets of a flow keep their order.
    Flow,
    /// All cores take them.
    All,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::By(parts) => {
                let names: Vec<String> = parts.iter().map(ToString::to_string).collect();
                f.write_str(&names.join(", "))
            }
            Self::Flow => f.write_str("flow"),
            Self::All => f.write_str("to all cores"),
        }
    }
}

/// The rules of an external port.
#[derive(Clone, Debug)]
pub struct PortSteering {
    asked: Vec<HeaderSet>,
    /// By the union of the header sets that a packet has.
    rules: BTreeMap<u32, Rule>,
    seen: Vec<(HeaderSet, Rule)>,
}

impl PortSteering {
    /// The rules that occur, each with the headers of its classes' packets, in a stable order.
    pub fn rules(&self) -> Vec<(&Rule, Vec<HeaderSet>)> {
        let mut found: Vec<(&Rule, Vec<HeaderSet>)> = Vec::new();
        for (headers, rule) in &self.rules {
            match found.iter_mut().find(|(other, _)| *other == rule) {
                Some((_, all)) => all.push(HeaderSet(*headers)),
                None => found.push((rule, vec![HeaderSet(*headers)])),
            }
        }
        found
    }

    fn rule(&mut self, present: HeaderSet) -> &Rule {
        if let Some(at) = self.seen.iter().position(|(headers, _)| *headers == present) {
            return &self.seen[at].1;
        }
        if self.seen.len() == SEEN_MAX {
            self.seen.clear();
        }
        let class = Classes::union_of(&self.asked, present);
        // Combinations that the parser does not produce have no class; they use no state.
        let rule = self.rules.get(&class.0).cloned().unwrap_or(Rule::Flow);
        self.seen.push((present, rule));
        &self.seen[self.seen.len() - 1].1
    }
}

/// Where a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// To this core.
    Core(usize),
    /// To each core; the output of the first one counts.
    All,
}

/// Sends packets to cores.
#[derive(Clone, Debug)]
pub struct Steering {
    ports: Vec<PortSteering>,
    toeplitz: Toeplitz,
    cores: usize,
    flow: [Part; 7],
}

impl Steering {
    /// The steering of a division over so many cores, at least 1.
    pub fn new(division: &Division, cores: usize) -> Self {
        let key = if division.symmetric { &SYMMETRIC_KEY } else { &USUAL_KEY };
        let part = |id: HeaderId, name| Part::Field(id.field(name).expect("the table has it"));
        let flow = [
            part(HeaderId::IP, "src"),
            part(HeaderId::IP, "dst"),
            part(HeaderId::IP6, "src"),
            part(HeaderId::IP6, "dst"),
            part(HeaderId::L4, "src"),
            part(HeaderId::L4, "dst"),
            Part::Protocol,
        ];
        let toeplitz = Toeplitz::new(key);
        Self { ports: division.steering.clone(), toeplitz, cores: cores.max(1), flow }
    }

    /// The core of a packet, from its headers and the port at which it enters.
    pub fn target(&mut self, packet: &Packet) -> Target {
        let Some(port) = self.ports.get_mut(packet.port as usize) else { return Target::Core(0) };
        let mut input = Input { toeplitz: &self.toeplitz, hash: 0, len: 0 };
        match port.rule(packet.layout().present) {
            Rule::All => return Target::All,
            Rule::By(parts) => parts.iter().for_each(|part| input.add(*part, packet)),
            Rule::Flow => {
                let present = packet.layout().present;
                for part in self.flow {
                    let is_there = match part {
                        Part::Field(field) => present.has(field.header),
                        Part::Protocol => true,
                    };
                    if is_there {
                        input.add(part, packet);
                    }
                }
            }
        }
        let bucket = input.hash % BUCKETS;
        Target::Core(bucket as usize % self.cores)
    }
}

/// The hash so far: each part adds its bytes, big endian, in whole 16-bit words, as the symmetric
/// key wants it.
struct Input<'a> {
    toeplitz: &'a Toeplitz,
    hash: u32,
    len: usize,
}

impl Input<'_> {
    #[inline]
    fn add(&mut self, part: Part, packet: &Packet) {
        let size = usize::from(part.bits()).div_ceil(16) * 2;
        let bytes = part.value(packet).to_be_bytes();
        self.hash = self.toeplitz.add(self.hash, self.len, &bytes[16 - size..]);
        self.len += size;
    }
}

/// The division that a solution makes.
pub(super) fn division(
    program: &Program,
    classes: &Classes,
    uses: &Uses,
    solution: Solution,
    firings: Vec<Vec<Firing>>,
) -> Division {
    let rule = |stream| match solution.fields.get(&stream) {
        _ if solution.broadcast.contains(&stream) => Rule::All,
        Some(parts) => Rule::By(parts.clone()),
        None => Rule::Flow,
    };
    let steering = (0..program.ports.len()).map(|port| {
        let of = |(class, headers): (usize, &HeaderSet)| (headers.0, rule((port, class)));
        PortSteering {
            asked: classes.asked.clone(),
            rules: classes.all.iter().enumerate().map(of).collect(),
            seen: Vec::new(),
        }
    });
    let merged =
        |object: &(usize, usize)| solution.placements[object.0][object.1] == Placement::Merged;
    let objects = uses.all.iter().map(|u| (u.node, u.state)).filter(merged);
    let operators = objects.map(|(n, s)| ((n, s), uses.operators(program, n, s)));
    let alone = uses.all.iter().filter(|u| u.who == Who::Alone);
    Division {
        steering: steering.collect(),
        has_keeper: !uses.alone.is_empty(),
        alone: uses.alone.clone(),
        operators: operators.filter_map(|(object, all)| Some((object, all?))).collect(),
        gathered: alone.map(|u| (u.node, u.state)).filter(merged).collect(),
        lookahead: lookahead(program, uses),
        has_broadcast: !solution.broadcast.is_empty(),
        placements: solution.placements,
        firings,
        symmetric: solution.symmetric,
    }
}

/// The shortest time after which an event fires that a packet generated with a delay.
fn lookahead(program: &Program, uses: &Uses) -> Option<Nanos> {
    let mut shortest = None;
    for (n, h) in &uses.by_packets {
        walk_stmts(&program.nodes[*n].handlers[*h].body, &mut |stmt| {
            let StmtKind::Generate { delay, .. } = &stmt.kind else { return };
            let least = match delay.kind {
                // Without a delay it belongs to what generated it.
                ExprKind::Const(0) => return,
                ExprKind::Const(delay) => Nanos(u64::try_from(delay).unwrap_or(u64::MAX)),
                _ => Nanos::ZERO,
            };
            shortest = Some(shortest.map_or(least, |other: Nanos| other.min(least)));
        });
    }
    shortest
}
