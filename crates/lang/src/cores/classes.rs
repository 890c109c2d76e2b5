//! Classes of packets: by which of the header sets that a program asks for they have.

use crate::ir::{Expr, ExprKind, Handler, Program, Trigger};
use crate::ir_parts::walk_stmts;
use std::collections::BTreeSet;
use trama_wire::header::{HeaderId, HeaderSet};

/// Most classes; a program that would need more has one, of which nothing is known.
const CLASSES_MAX: usize = 512;

/// The classes of a program's packets.
#[derive(Clone, Debug)]
pub(super) struct Classes {
    /// The header sets that the program asks for; none if there would be too many classes.
    pub(super) asked: Vec<HeaderSet>,
    /// The union of those that a packet has: one for each class.
    pub(super) all: Vec<HeaderSet>,
}

impl Classes {
    /// The classes of a program.
    pub(super) fn of(program: &Program) -> Self {
        let asked = asked(program);
        let mut unions: BTreeSet<u32> = [0].into();
        for set in &asked {
            let more: Vec<u32> = unions.iter().map(|union| union | set.0).collect();
            unions.extend(more.into_iter().filter(|union| HeaderSet(*union).is_possible()));
            if unions.len() > CLASSES_MAX {
                return Self { asked: Vec::new(), all: vec![HeaderSet::EMPTY] };
            }
        }
        Self { asked, all: unions.into_iter().map(HeaderSet).collect() }
    }

    /// Whether packets of a class have all these headers; none if some have and some have not.
    pub(super) fn has(&self, class: HeaderSet, headers: HeaderSet) -> Option<bool> {
        if class.contains(headers) {
            return Some(true);
        }
        let excluded = headers.iter().any(|id| self.excludes(class, id));
        (excluded || self.asked.contains(&headers)).then_some(false)
    }

    /// Whether no packet of a class has this header.
    pub(super) fn excludes(&self, class: HeaderSet, id: HeaderId) -> bool {
        let with = class.with(id);
        let asks = |set: &HeaderSet| with.contains(*set) && !class.contains(*set);
        !with.is_possible() || self.asked.iter().any(asks)
    }

    /// The class of a packet with these headers.
    pub(super) fn union_of(asked: &[HeaderSet], present: HeaderSet) -> HeaderSet {
        let of = asked.iter().filter(|set| present.contains(**set));
        of.fold(HeaderSet::EMPTY, |union, set| union.union(*set))
    }
}

fn asked(program: &Program) -> Vec<HeaderSet> {
    let mut all = BTreeSet::new();
    for handler in program.nodes.iter().flat_map(|node| &node.handlers) {
        all.extend(asked_by(handler).into_iter().map(|set| set.0));
        if let Trigger::Packet { patterns, .. } = &handler.trigger {
            all.extend(patterns.iter().map(|pattern| pattern.0));
        }
    }
    all.into_iter().map(HeaderSet).collect()
}

/// The header sets that a handler asks for while it runs, or to know if it does.
pub(super) fn asked_by(handler: &Handler) -> Vec<HeaderSet> {
    let mut asked = BTreeSet::new();
    let mut note = |e: &Expr| {
        e.walk(&mut |e| {
            if let ExprKind::Has(_, headers) = e.kind {
                asked.insert(headers.0);
            }
        });
    };
    if let Trigger::Packet { guard, .. } = &handler.trigger {
        guard.iter().for_each(&mut note);
    }
    walk_stmts(&handler.body, &mut |stmt| stmt.kind.exprs().into_iter().for_each(&mut note));
    asked.into_iter().map(HeaderSet).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir_sample::{P, alone, node, on, send, tcp};

    #[test]
    fn classes_are_unions_of_what_is_asked() {
        let ip = HeaderSet::of(HeaderId::ETH).with(HeaderId::IP);
        let arp = HeaderSet::of(HeaderId::ETH).with(HeaderId::ARP);
        let body = || vec![send(P, 1)];
        let handlers =
            vec![on(0, tcp(), &[], body()), on(0, ip, &[], body()), on(0, arp, &[], body())];
        let classes = Classes::of(&alone(node("n", 2, handlers)));
        assert_eq!(classes.all.len(), 4, "nothing, ARP, IP, TCP: {:?}", classes.all);
        let class = Classes::union_of(&classes.asked, tcp().with(HeaderId::VLAN));
        assert_eq!(classes.has(class, ip), Some(true));
        assert_eq!(classes.has(class, arp), Some(false));
        assert_eq!(classes.has(class, HeaderSet::of(HeaderId::VLAN)), None);
    }
}
