//! Who uses which state object with which key, in terms of packets as they enter the program.

use super::classes::{self, Classes};
use super::steer::Part;
use crate::effects::{
    Access, AccessKind, Arrival, Exposure, Generated, Passage, Value, Written, join_generated, run,
};
use crate::ir::{Dest, Node, Program, Trigger};
use crate::source::Span;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use trama_wire::header::{HeaderId, HeaderSet};

/// Who does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    /// Packets that enter at this external port and are of this class.
    Packets(usize, usize),
    /// A handler that no packet leads to.
    Alone,
}

/// A state operation as some packets or a timer meet it.
#[derive(Clone, Debug)]
pub(super) struct Use {
    pub(super) who: Who,
    pub(super) node: usize,
    pub(super) handler: usize,
    pub(super) state: usize,
    pub(super) op: &'static str,
    pub(super) kind: AccessKind,
    /// For each leaf of the key the part of the packet that it is, if it is one.
    pub(super) key: Vec<Option<Part>>,
    /// Nothing decides the key.
    pub(super) is_constant: bool,
    /// It concerns every entry, each for itself.
    pub(super) is_each: bool,
    pub(super) span: Span,
}

/// What decides how a handler runs.
type Seen = (usize, usize, Written, Vec<Option<bool>>);

/// All uses of a program, those of `init` excepted.
#[derive(Default)]
pub(super) struct Uses {
    pub(super) all: Vec<Use>,
    /// The handlers, by node and index, that packets lead to: their own, and those of the events
    /// that they generate.
    pub(super) by_packets: BTreeSet<(usize, usize)>,
    /// The header sets of which a handler's doings depend, by node and index.
    asked: BTreeMap<(usize, usize), Vec<HeaderSet>>,
    /// Runs that were made: by node, handler, what was written before, and the answers about the
    /// header sets.
    passages: BTreeMap<Seen, Rc<Passage>>,
    /// Those that something else leads to: timers, the end of the run, and the events that these
    /// and `init` generate.
    pub(super) alone: BTreeSet<(usize, usize)>,
}

impl Uses {
    /// Runs the network for packets of each class at each external port, then what else happens.
    pub(super) fn of(program: &Program, classes: &Classes) -> Self {
        let mut uses = Self::default();
        for port in 0..program.ports.len() {
            for class in 0..classes.all.len() {
                uses.packets(program, classes, port, class);
            }
        }
        for (n, node) in program.nodes.iter().enumerate() {
            uses.alone(n, node);
        }
        uses
    }

    pub(super) fn of_state(&self, node: usize, state: usize) -> impl Iterator<Item = &Use> {
        self.all.iter().filter(move |u| u.node == node && u.state == state)
    }

    pub(super) fn of_handler(&self, node: usize, handler: usize) -> impl Iterator<Item = &Use> {
        self.all.iter().filter(move |u| u.node == node && u.handler == handler)
    }

    fn packets(&mut self, program: &Program, classes: &Classes, port: usize, class: usize) {
        let present = classes.all[class];
        let has = |headers: HeaderSet| classes.has(present, headers);
        // What is known of the packets at each input of a node, until nothing is new, and what the
        // handlers there do with them.
        let mut known: BTreeMap<(u32, u32), Written> = BTreeMap::new();
        let mut passages: BTreeMap<(usize, usize, u32), Rc<Passage>> = BTreeMap::new();
        let mut todo = Vec::new();
        if let Dest::Node(n, p) = program.ingress[port] {
            known.insert((n, p), Written::default());
            todo.push((n, p));
        }
        while let Some(place) = todo.pop() {
            let (n, node) = (place.0 as usize, &program.nodes[place.0 as usize]);
            let written = known[&place].clone();
            for h in matching(node, place.1, &written, &has) {
                let passage = self.passage(node, (n, h), &written, &has);
                passages.insert((n, h, place.1), Rc::clone(&passage));
                for (out, sent) in &passage.sent {
                    let Dest::Node(n, p) = node.wires[*out as usize] else { continue };
                    let mut joined = sent.clone();
                    if let Some(before) = known.get(&(n, p)) {
                        joined = before.clone();
                        joined.join(sent.clone());
                        if joined == *before {
                            continue;
                        }
                    }
                    known.insert((n, p), joined);
                    todo.push((n, p));
                }
            }
        }
        let mut generated: BTreeMap<usize, Generated> = BTreeMap::new();
        for ((n, h, _), passage) in passages {
            join_generated(generated.entry(n).or_default(), passage.generated.clone());
            self.by_packets.insert((n, h));
            self.add(Who::Packets(port, class), n, h, passage.accesses.clone());
        }
        for (n, generated) in generated {
            for (h, passage) in fired(&program.nodes[n], generated) {
                self.by_packets.insert((n, h));
                self.add(Who::Packets(port, class), n, h, passage.accesses);
            }
        }
    }

    /// What a handler does with packets of which this is known. Classes that it does not tell apart
    /// need one run.
    fn passage(
        &mut self,
        node: &Node,
        (n, h): (usize, usize),
        written: &Written,
        has: &dyn Fn(HeaderSet) -> Option<bool>,
    ) -> Rc<Passage> {
        let handler = &node.handlers[h];
        let asked = self.asked.entry((n, h)).or_insert_with(|| {
            let mut asked: BTreeSet<u32> = [HeaderId::INNER, HeaderId::INNER6]
                .map(|id| HeaderSet::of(id).0)
                .into_iter()
                .collect();
            for set in classes::asked_by(handler) {
                asked.insert(set.0);
                asked.extend(set.iter().map(|id| HeaderSet::of(id).0));
            }
            asked.into_iter().map(HeaderSet).collect()
        });
        let answers: Vec<Option<bool>> = asked.iter().map(|set| has(*set)).collect();
        let passage = self.passages.entry((n, h, written.clone(), answers)).or_insert_with(|| {
            let arrival = Arrival { written: written.clone(), has, args: None };
            Rc::new(run(node, handler, &arrival))
        });
        Rc::clone(passage)
    }

    fn alone(&mut self, n: usize, node: &Node) {
        let mut generated = Generated::new();
        for (h, handler) in node.handlers.iter().enumerate() {
            if matches!(handler.trigger, Trigger::Packet { .. } | Trigger::Event { .. }) {
                continue;
            }
            let arrival = Arrival { written: Written::default(), has: &|_| None, args: None };
            let passage = run(node, handler, &arrival);
            join_generated(&mut generated, passage.generated);
            if handler.trigger != Trigger::Init {
                self.alone.insert((n, h));
                self.add(Who::Alone, n, h, passage.accesses);
            }
        }
        for (h, passage) in fired(node, generated) {
            self.alone.insert((n, h));
            self.add(Who::Alone, n, h, passage.accesses);
        }
    }

    fn add(&mut self, who: Who, node: usize, handler: usize, accesses: Vec<(Access, Vec<Value>)>) {
        let uses = accesses.into_iter().map(|(access, key)| Use {
            who,
            node,
            handler,
            state: access.index as usize,
            op: access.op,
            kind: access.kind,
            is_constant: key.iter().all(|leaf| leaf.sources.is_empty()),
            key: key.iter().map(|leaf| leaf.exact.and_then(Part::of)).collect(),
            is_each: access.exposure == Exposure::Each,
            span: access.span,
        });
        self.all.extend(uses);
    }
}

/// The handlers of events that are generated with these arguments, and of those that they generate.
fn fired(node: &Node, mut generated: Generated) -> Vec<(usize, Passage)> {
    loop {
        let mut passages = Vec::new();
        let mut more = Generated::new();
        for (h, handler) in node.handlers.iter().enumerate() {
            let Trigger::Event { event, .. } = handler.trigger else { continue };
            let Some(args) = generated.get(&event.0).cloned() else { continue };
            let arrival = Arrival { written: Written::default(), has: &|_| None, args: Some(args) };
            let passage = run(node, handler, &arrival);
            join_generated(&mut more, passage.generated.clone());
            passages.push((h, passage));
        }
        if !join_generated(&mut generated, more) {
            return passages;
        }
    }
}

/// The handlers that a packet at a port of a node may come to.
fn matching(
    node: &Node,
    port: u32,
    written: &Written,
    has: &dyn Fn(HeaderSet) -> Option<bool>,
) -> Vec<usize> {
    let mut found = Vec::new();
    for (h, handler) in node.handlers.iter().enumerate() {
        let Trigger::Packet { first_port, port_count, patterns, guard, .. } = &handler.trigger
        else {
            continue;
        };
        if !(*first_port..first_port + port_count).contains(&port) {
            continue;
        }
        let matches = |pattern: &HeaderSet| written.has(*pattern, has);
        let certain = patterns.is_empty() || patterns.iter().any(|p| matches(p) == Some(true));
        if certain || patterns.iter().any(|p| matches(p).is_none()) {
            found.push(h);
        }
        if certain && guard.is_none() {
            break;
        }
    }
    found
}
