//! What is known at one place in a handler: if it can be reached, where each packet is, and which
//! headers it has.

use super::facts::Facts;
use crate::source::Span;

/// How a packet went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// `send`
    Sent,
    /// `drop`
    Dropped,
}

impl How {
    /// The participle.
    pub(super) const fn participle(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Dropped => "dropped",
        }
    }
}

/// Where a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Own {
    /// In the hands of the handler.
    Held,
    /// Gone on every way that leads here.
    Gone(Span, How),
    /// Gone on some ways that lead here, not on others.
    MaybeGone {
        /// Where and how it went.
        gone: (Span, How),
        /// End of a way on which it did not.
        held: Span,
    },
    /// A mistake about it was reported: nothing more is said.
    Reported,
}

/// What is known about a packet variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PacketState {
    /// Where it is.
    pub(super) own: Own,
    /// Its headers.
    pub(super) facts: Facts,
}

/// What is known at one place.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    /// False after `return`, `break`, `continue`.
    pub(super) reachable: bool,
    /// One for each packet variable in scope, in order of declaration.
    pub(super) packets: Vec<PacketState>,
    /// Grows when the headers of any packet change, so that what a condition told before is
    /// forgotten.
    pub(super) epoch: u32,
}

impl Flow {
    /// The start of a handler without a packet.
    pub(super) fn start() -> Self {
        Self { reachable: true, packets: Vec::new(), epoch: 0 }
    }

    /// A place that no way leads to.
    pub(super) fn unreachable(&self) -> Self {
        Self { reachable: false, ..self.clone() }
    }

    /// What is known where several ways, each with its end, meet that parted at `base`.
    ///
    /// What the ways have in common is often just what was known before they parted; the facts of
    /// `base` are kept then, so that cases do not pile up.
    pub(super) fn merge(base: &Self, ways: impl IntoIterator<Item = (Self, Span)>) -> Self {
        let mut ways = ways.into_iter();
        let Some((mut flow, mut end)) = ways.next() else { return base.unreachable() };
        for (other, other_end) in ways {
            let keeps_end = flow.reachable;
            flow = flow.join(end, other, other_end);
            end = if keeps_end { end } else { other_end };
        }
        if flow.reachable && flow.epoch == base.epoch {
            for (now, before) in flow.packets.iter_mut().zip(&base.packets) {
                let (a, b) = (&now.facts, &before.facts);
                if a.present() == b.present() && a.absent() == b.absent() {
                    now.facts = before.facts.clone();
                }
            }
        }
        flow
    }

    /// What is known where this way, which ends at `here_end`, meets another.
    fn join(self, here_end: Span, other: Self, other_end: Span) -> Self {
        if !self.reachable {
            return Self { epoch: self.epoch.max(other.epoch), ..other };
        }
        if !other.reachable {
            return Self { epoch: self.epoch.max(other.epoch), ..self };
        }
        let packets = self
            .packets
            .into_iter()
            .zip(other.packets)
            .map(|(a, b)| PacketState {
                own: join_own(a.own, here_end, b.own, other_end),
                facts: a.facts.join(&b.facts),
            })
            .collect();
        Self { reachable: true, packets, epoch: self.epoch.max(other.epoch) }
    }
}

fn join_own(a: Own, a_end: Span, b: Own, b_end: Span) -> Own {
    match (a, b) {
        (Own::Reported, _) | (_, Own::Reported) => Own::Reported,
        (Own::Held, Own::Held) => Own::Held,
        (Own::Gone(span, how), Own::Gone(..)) => Own::Gone(span, how),
        (Own::Gone(span, how), Own::Held) => Own::MaybeGone { gone: (span, how), held: b_end },
        (Own::Held, Own::Gone(span, how)) => Own::MaybeGone { gone: (span, how), held: a_end },
        (maybe @ Own::MaybeGone { .. }, _) | (_, maybe @ Own::MaybeGone { .. }) => maybe,
    }
}
