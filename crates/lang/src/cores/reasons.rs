//! What prevents a division, in words.

use super::solve::Object;
use super::uses::{Use, Uses, Who};
use crate::effects::{AccessKind, handler_head};
use crate::ir::{Node, Program, Trigger};
use crate::source::Span;
use std::collections::BTreeSet;
use trama_state::{StateKind, WhenFull};

/// A state object that keeps a program on one core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocker {
    /// Name of the node.
    pub node: String,
    /// Name of the state object.
    pub state: String,
    /// Where it is declared.
    pub declared: Span,
    /// The operation that shows it.
    pub span: Span,
    /// Why its entries cannot be divided.
    pub why: String,
    /// The key comes out of another state object, or the like: what prevents that one's division
    /// comes first.
    pub follows: bool,
    /// What could be done instead.
    pub alternatives: Vec<String>,
}

/// The reasons for these objects.
pub(super) fn blockers(program: &Program, uses: &Uses, objects: &BTreeSet<Object>) -> Vec<Blocker> {
    let mut found: Vec<Blocker> =
        objects.iter().map(|object| blocker(program, uses, *object, objects)).collect();
    found.sort_by_key(|blocker| blocker.follows);
    found
}

/// A handler on each core would go through entries of which one round knows of another.
pub(super) fn not_apart(program: &Program, u: &Use, handler: &str, what: &str) -> Blocker {
    let why = format!(
        "`{handler}` would run on each core, for the entries that it has, but a round of its loop \
         {what}"
    );
    make(program, u, why)
}

/// A handler on each core would meet what `init` puts into each of them.
pub(super) fn begun_everywhere(program: &Program, u: &Use) -> Blocker {
    let head = head(program, u);
    let why = format!("`init` puts entries into it, and `{head}` goes through them on each core");
    make(program, u, why)
}

/// An event would have to fire on the core of a packet, and everywhere or once.
pub(super) fn generated_by_both(node: &Node, handler: usize) -> Blocker {
    let handler = &node.handlers[handler];
    let name = match handler.trigger {
        Trigger::Event { event, .. } => node.events[event.0 as usize].name.clone(),
        _ => String::new(),
    };
    let both = "packets generate it, which belongs to the core of each, and so does a handler \
                that no packet leads to";
    Blocker {
        node: node.name.clone(),
        state: name,
        declared: handler.span,
        span: handler.span,
        why: both.into(),
        follows: false,
        alternatives: vec!["two events, one for each".into()],
    }
}

fn head(program: &Program, u: &Use) -> String {
    let node = &program.nodes[u.node];
    handler_head(node, &node.handlers[u.handler].trigger)
}

// long: one reason after the other.
fn blocker(
    program: &Program,
    uses: &Uses,
    (node, state): Object,
    objects: &BTreeSet<Object>,
) -> Blocker {
    let all: Vec<&Use> = uses.of_state(node, state).collect();
    let written = |u: &&&Use| u.kind != AccessKind::Read;
    let first = all.iter().find(written).expect("an object that is only read prevents nothing");
    let op = |u: &Use| format!("`{}` in `{}`", u.op, head(program, u));
    let spec = &program.nodes[node].states[state];
    let is_whole = match spec.kind {
        StateKind::Pool { .. }
        | StateKind::Lpm { .. }
        | StateKind::Maglev { .. }
        | StateKind::Sketch { .. }
        | StateKind::Bloom { .. }
        | StateKind::Ring { .. }
        | StateKind::Patterns(_) => true,
        StateKind::Map { .. }
        | StateKind::Bucket { .. }
        | StateKind::Streams { .. }
        | StateKind::Histogram { .. } => spec.key.0.is_empty(),
        StateKind::Array { .. } | StateKind::Counter { .. } => false,
    };
    if is_whole {
        return make(program, first, format!("{} concerns all of it", op(first)));
    }
    if let Some(each) = all.iter().find(|u| u.who != Who::Alone && u.is_each) {
        return make(program, each, format!("{} concerns all of it", op(each)));
    }
    if let Some(alone) = all.iter().find(|u| u.who == Who::Alone && !u.is_each) {
        return make(program, alone, format!("{} is not done for a packet", op(alone)));
    }
    if let Some(blind) = all.iter().find(|u| u.key.iter().all(Option::is_none)) {
        if blind.key.is_empty() || blind.is_constant {
            let why = format!("{} meets the same entry for all packets", op(blind));
            return make(program, blind, why);
        }
        let why = format!(
            "{} has a key that is no field of the packet as it enters the program",
            op(blind)
        );
        return Blocker { follows: true, ..make(program, blind, why) };
    }
    let clash = all.iter().flat_map(|a| all.iter().map(move |b| (a, b))).find(|(a, b)| {
        let of = |u: &Use| u.key.iter().flatten().copied().collect::<BTreeSet<_>>();
        a.who == b.who && of(a).is_disjoint(&of(b))
    });
    if let Some((a, b)) = clash {
        let why = format!(
            "{} is keyed by {}, and {} by {} of the same packets",
            op(a),
            fields(a),
            op(b),
            fields(b)
        );
        return make(program, a, why);
    }
    let names: Vec<String> = objects
        .iter()
        .filter(|other| **other != (node, state))
        .map(|(n, s)| format!("`{}.{}`", program.nodes[*n].name, program.nodes[*n].states[*s].name))
        .collect();
    let others = match names.as_slice() {
        [] => "its other uses".to_owned(),
        names => names.join(", "),
    };
    let why = format!("{} is keyed by {}, which does not suit {others}", op(first), fields(first));
    make(program, first, why)
}

fn fields(u: &Use) -> String {
    let names: Vec<String> = u.key.iter().flatten().map(ToString::to_string).collect();
    names.join(", ")
}

fn make(program: &Program, u: &Use, why: String) -> Blocker {
    let node = &program.nodes[u.node];
    let declared = node.state_views.get(u.state).map(|view| view.span).unwrap_or_default();
    Blocker {
        node: node.name.clone(),
        state: node.states[u.state].name.clone(),
        declared,
        span: u.span,
        why,
        follows: false,
        alternatives: alternatives(program, u),
    }
}

fn alternatives(program: &Program, u: &Use) -> Vec<String> {
    let node = &program.nodes[u.node];
    let spec = &node.states[u.state];
    let mut all = Vec::new();
    match spec.kind {
        StateKind::Bucket { .. } if spec.key.0.is_empty() => {
            all.push("`--split-limits` gives each core an equal share of the rate".to_owned());
        }
        StateKind::Map { expire: Some(_), .. }
        | StateKind::Map { when_full: WhenFull::EvictOldest, .. } => {
            all.push(
                "merge: a map that packets only update (`+=`, `|=`, …), and whose entries neither \
                 expire nor make room, is counted on each core and added up"
                    .to_owned(),
            );
        }
        StateKind::Map { .. } | StateKind::Array { .. } | StateKind::Counter { .. } => all.push(
            "merge: an object that packets only update (`+=`, `|=`, …) is counted on each core and \
             added up"
                .to_owned(),
        ),
        _ => {}
    }
    if program.nodes.len() > 1 {
        all.push(format!(
            "`--isolate threads` instead of `--cores` runs `{}` beside the other elements",
            node.name
        ));
    }
    all.push(
        "a lock is not offered: the order of packets, and so the result, would be the scheduler's"
            .to_owned(),
    );
    all
}
