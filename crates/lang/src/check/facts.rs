//! What is known about the headers of a packet at one place in a program.
//!
//! A set of *cases*: in each, some headers are present, some absent, the rest unknown. The packet
//! is in one of them. Tests split and refute cases, merging control flow unites them.

use trama_wire::header::{HeaderId, HeaderSet};

/// Most cases kept apart; beyond, only what they have in common is remembered.
const CASES_MAX: usize = 12;

/// VLAN tags.
const TAGS: HeaderSet = HeaderSet::of(HeaderId::VLAN).with(HeaderId::VLAN2);

/// Headers of the link layer.
const LINK: HeaderSet = TAGS.with(HeaderId::ETH);

/// `(a, b)`: a packet with `a` has `b`.
const IMPLIES: [(HeaderId, HeaderId); 17] = [
    (HeaderId::VLAN2, HeaderId::VLAN),
    (HeaderId::VLAN, HeaderId::ETH),
    (HeaderId::ARP, HeaderId::ETH),
    (HeaderId::IP, HeaderId::ETH),
    (HeaderId::IP6, HeaderId::ETH),
    (HeaderId::FRAG6, HeaderId::IP6),
    (HeaderId::TCP, HeaderId::L4),
    (HeaderId::UDP, HeaderId::L4),
    (HeaderId::ICMP, HeaderId::IP),
    (HeaderId::ICMP6, HeaderId::IP6),
    (HeaderId::INNER, HeaderId::ICMP),
    (HeaderId::INNER6, HeaderId::ICMP6),
    (HeaderId::VXLAN, HeaderId::UDP),
    (HeaderId::DNS, HeaderId::UDP),
    (HeaderId::GRE_CHECKSUM, HeaderId::GRE),
    (HeaderId::GRE_KEY, HeaderId::GRE),
    (HeaderId::GRE_SEQ, HeaderId::GRE),
];

/// `(a, b, c)`: a packet with `a` has `b` or `c`.
const IMPLIES_EITHER: [(HeaderId, HeaderId, HeaderId); 4] = [
    (HeaderId::GRE, HeaderId::IP, HeaderId::IP6),
    (HeaderId::L4, HeaderId::IP, HeaderId::IP6),
    (HeaderId::INNER_L4, HeaderId::INNER, HeaderId::INNER6),
    (HeaderId::INNER_ICMP, HeaderId::INNER, HeaderId::INNER6),
];

/// Groups of which a packet has at most one.
const EXCLUDE: [&[HeaderId]; 6] = [
    &[HeaderId::ARP, HeaderId::IP, HeaderId::IP6],
    &[HeaderId::TCP, HeaderId::UDP, HeaderId::ICMP, HeaderId::ICMP6, HeaderId::GRE],
    &[HeaderId::L4, HeaderId::ICMP, HeaderId::ICMP6, HeaderId::GRE],
    &[HeaderId::VXLAN, HeaderId::DNS],
    &[HeaderId::INNER, HeaderId::INNER6],
    &[HeaderId::INNER_L4, HeaderId::INNER_ICMP],
];

/// Headers that are there, headers that are not; the rest may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Case {
    present: HeaderSet,
    absent: HeaderSet,
}

impl Case {
    /// Adds what follows; `None` if the case is impossible.
    fn close(mut self) -> Option<Self> {
        loop {
            let before = self;
            for (a, b) in IMPLIES {
                if self.present.has(a) {
                    self.present = self.present.with(b);
                }
                if self.absent.has(b) {
                    self.absent = self.absent.with(a);
                }
            }
            for (a, b, c) in IMPLIES_EITHER {
                for (one, other) in [(b, c), (c, b)] {
                    if self.absent.has(one) {
                        if self.present.has(a) {
                            self.present = self.present.with(other);
                        }
                        if self.absent.has(other) {
                            self.absent = self.absent.with(a);
                        }
                    }
                }
            }
            for group in EXCLUDE {
                for &a in group.iter().filter(|&&a| before.present.has(a)) {
                    for &b in group.iter().filter(|&&b| b != a) {
                        self.absent = self.absent.with(b);
                    }
                }
            }
            if self.present.intersection(self.absent) != HeaderSet::EMPTY {
                return None;
            }
            if self == before {
                return Some(self);
            }
        }
    }

    /// True if every packet of `other` is one of this case.
    fn covers(&self, other: &Self) -> bool {
        other.present.contains(self.present) && other.absent.contains(self.absent)
    }

    /// What it says about some headers.
    fn only(&self, headers: HeaderSet) -> Self {
        Self {
            present: self.present.intersection(headers),
            absent: self.absent.intersection(headers),
        }
    }

    fn common(&self, other: &Self) -> Self {
        Self {
            present: self.present.intersection(other.present),
            absent: self.absent.intersection(other.absent),
        }
    }
}

/// All headers that a packet with `headers` has; `None` if no packet can have them together.
pub(super) fn closure(headers: HeaderSet) -> Option<HeaderSet> {
    Case { present: headers, absent: HeaderSet::EMPTY }.close().map(|case| case.present)
}

/// What is known about the headers of a packet. No case at all: this place cannot be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    cases: Vec<Case>,
}

impl Facts {
    /// Any frame that a handler gets: it has an Ethernet header.
    pub(super) fn any() -> Self {
        let present = HeaderSet::of(HeaderId::ETH);
        Self { cases: vec![Case { present, absent: HeaderSet::EMPTY }] }
    }

    /// A packet with all headers of at least one of `alternatives`; none: any packet.
    pub(super) fn pattern(alternatives: &[HeaderSet]) -> Self {
        if alternatives.is_empty() { Self::any() } else { Self::any().assume(alternatives) }
    }

    /// Headers that are certainly there.
    pub(super) fn present(&self) -> HeaderSet {
        self.cases.iter().fold(HeaderSet(!0), |all, case| all.intersection(case.present))
    }

    /// Headers that are certainly not there.
    pub(super) fn absent(&self) -> HeaderSet {
        self.cases.iter().fold(HeaderSet(!0), |all, case| all.intersection(case.absent))
    }

    /// True if no packet can be here.
    pub(super) fn is_impossible(&self) -> bool {
        self.cases.is_empty()
    }

    /// True if every packet here has all headers of at least one of `alternatives`.
    pub(super) fn proves(&self, alternatives: &[HeaderSet]) -> bool {
        self.cases
            .iter()
            .all(|case| alternatives.iter().any(|&headers| case.present.contains(headers)))
    }

    /// What is known where the packet has all headers of at least one of `alternatives`.
    pub(super) fn assume(&self, alternatives: &[HeaderSet]) -> Self {
        let cases = self.cases.iter().flat_map(|case| {
            alternatives.iter().filter_map(|&headers| {
                Case { present: case.present.union(headers), ..*case }.close()
            })
        });
        Self::of(cases)
    }

    /// What is known where it has not.
    pub(super) fn refute(&self, alternatives: &[HeaderSet]) -> Self {
        let mut cases = self.cases.clone();
        for &headers in alternatives {
            let mut rest = Vec::new();
            for case in cases {
                let mut so_far = Some(case);
                for id in headers.iter().filter(|&id| !case.present.has(id)) {
                    let Some(with_others) = so_far else { break };
                    let absent = with_others.absent.with(id);
                    rest.extend(Case { absent, ..with_others }.close());
                    let present = with_others.present.with(id);
                    so_far = Case { present, ..with_others }.close();
                }
            }
            cases = Self::of(rest).cases;
        }
        Self { cases }
    }

    /// What is known where two ways meet.
    pub(super) fn join(&self, other: &Self) -> Self {
        Self::of(self.cases.iter().chain(&other.cases).copied())
    }

    /// What is known after a stack of headers was put in.
    pub(super) fn after_insert(&self, stack: &[HeaderId]) -> Self {
        let Some(&first) = stack.first() else { return self.clone() };
        let stack_set = stack.iter().fold(HeaderSet::EMPTY, |set, &id| set.with(id));
        let only_tags = stack_set.0 & !TAGS.0 == 0;
        Self::of(self.cases.iter().filter_map(|case| {
            let kept = if first == HeaderId::ETH || (first == HeaderId::VLAN && !only_tags) {
                Case { present: HeaderSet::EMPTY, absent: HeaderSet::EMPTY }
            } else if !only_tags {
                case.only(LINK)
            } else if case.absent.has(HeaderId::VLAN2) {
                // Few enough tags to find what lies behind them.
                let inner = case.only(HeaderSet(!LINK.0));
                let pushed = if case.present.has(HeaderId::VLAN) { TAGS } else { HeaderSet::EMPTY };
                Case { present: inner.present.union(pushed), ..inner }
            } else {
                Case { present: HeaderSet::EMPTY, absent: HeaderSet::EMPTY }
            };
            let present = kept.present.union(stack_set).with(HeaderId::ETH);
            Case { present, ..kept }.close()
        }))
    }

    /// What is known after a stack took the place of a network header.
    pub(super) fn after_replace(&self, old: HeaderId, stack: &[HeaderId]) -> Self {
        let stack = stack.iter().fold(HeaderSet::EMPTY, |set, &id| set.with(id));
        let quoted = HeaderSet::of(HeaderId::INNER).with(HeaderId::INNER6);
        Self::of(self.cases.iter().filter_map(|case| {
            if quoted.has(old) {
                // Whether the error around it can quote the new one is not asked here.
                let quote = quoted.with(HeaderId::INNER_L4).with(HeaderId::INNER_ICMP);
                return case.only(HeaderSet(!quote.0)).close();
            }
            let v6 = stack.has(HeaderId::IP6);
            let ports = [HeaderId::TCP, HeaderId::UDP, HeaderId::L4];
            let mut present = case.only(LINK).present.union(stack);
            for id in ports.into_iter().filter(|&id| case.present.has(id)) {
                present = present.with(id);
            }
            if case.present.has(HeaderId::ICMP) || case.present.has(HeaderId::ICMP6) {
                present = present.with(if v6 { HeaderId::ICMP6 } else { HeaderId::ICMP });
            }
            Case { present, absent: case.only(LINK).absent }.close()
        }))
    }

    /// What is known after a stack of headers was taken out.
    pub(super) fn after_remove(&self, stack: &[HeaderId]) -> Self {
        let only_tags = stack.iter().all(|&id| TAGS.has(id));
        Self::of(self.cases.iter().filter_map(|case| {
            let eth = HeaderSet::of(HeaderId::ETH);
            let kept = match stack {
                [HeaderId::VLAN] => {
                    let inner = case.only(HeaderSet(!LINK.0));
                    // The second tag, if there is one, is now the first.
                    let tag = HeaderSet::of(HeaderId::VLAN);
                    let (mut present, mut absent) = (inner.present, inner.absent);
                    if case.present.has(HeaderId::VLAN2) {
                        present = present.union(tag);
                    }
                    if case.absent.has(HeaderId::VLAN2) {
                        absent = absent.union(tag);
                    }
                    Case { present, absent }
                }
                _ if only_tags => case.only(HeaderSet(!LINK.0)),
                [HeaderId::ETH | HeaderId::VLAN, ..] => case.only(HeaderSet::EMPTY),
                _ => case.only(LINK),
            };
            Case { present: kept.present.union(eth), ..kept }.close()
        }))
    }

    fn of(cases: impl IntoIterator<Item = Case>) -> Self {
        let mut kept: Vec<Case> = Vec::new();
        for case in cases {
            if kept.iter().any(|k| k.covers(&case)) {
                continue;
            }
            kept.retain(|k| !case.covers(k));
            kept.push(case);
        }
        if kept.len() > CASES_MAX {
            let common = kept.iter().skip(1).fold(kept[0], |all, case| all.common(case));
            kept = vec![common];
        }
        Self { cases: kept }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ids: &[HeaderId]) -> HeaderSet {
        ids.iter().fold(HeaderSet::EMPTY, |set, &id| set.with(id))
    }

    const TCP4: &[HeaderId] = &[HeaderId::IP, HeaderId::TCP];
    const TCP6: &[HeaderId] = &[HeaderId::IP6, HeaderId::TCP];

    #[test]
    fn a_pattern_brings_what_lies_below() {
        let facts = Facts::pattern(&[set(TCP4)]);
        assert!(facts.present().contains(set(&[HeaderId::ETH, HeaderId::L4, HeaderId::TCP])));
        assert!(facts.absent().contains(set(&[HeaderId::UDP, HeaderId::IP6, HeaderId::ARP])));
        assert_eq!(closure(set(&[HeaderId::ARP, HeaderId::TCP])), None);
    }

    #[test]
    fn alternatives_stay_apart_until_a_test_decides() {
        let facts = Facts::pattern(&[set(TCP4), set(TCP6)]);
        assert!(facts.present().has(HeaderId::TCP));
        assert!(!facts.present().has(HeaderId::IP));
        let six = facts.refute(&[set(&[HeaderId::IP])]);
        assert!(six.present().has(HeaderId::IP6), "tcp without ip is over ip6");
        let four = facts.assume(&[set(&[HeaderId::IP])]);
        assert!(four.present().has(HeaderId::IP));
        assert_eq!(four.join(&six).present(), facts.present());
    }

    #[test]
    fn refuting_a_stack_refutes_only_what_was_open() {
        let ip = Facts::pattern(&[set(&[HeaderId::IP])]);
        let rest = ip.refute(&[set(TCP4)]);
        assert!(rest.absent().has(HeaderId::TCP));
        let any = Facts::any().refute(&[set(TCP4)]);
        assert!(!any.absent().has(HeaderId::TCP), "there may be tcp over ip6");
        assert!(any.refute(&[set(TCP6)]).absent().has(HeaderId::TCP));
    }

    #[test]
    fn contradictions_leave_no_case() {
        let tcp = Facts::pattern(&[set(TCP4)]);
        assert!(tcp.assume(&[set(&[HeaderId::UDP])]).is_impossible());
        assert!(tcp.refute(&[set(&[HeaderId::L4])]).is_impossible());
    }

    #[test]
    fn tags_come_and_go() {
        let untagged = Facts::pattern(&[set(TCP4)]).refute(&[set(&[HeaderId::VLAN])]);
        let tagged = untagged.after_insert(&[HeaderId::VLAN]);
        assert!(tagged.present().contains(set(&[HeaderId::VLAN, HeaderId::TCP])));
        assert!(tagged.absent().has(HeaderId::VLAN2) || !tagged.present().has(HeaderId::VLAN2));
        let unknown = Facts::pattern(&[set(TCP4)]).after_insert(&[HeaderId::VLAN]);
        assert!(!unknown.present().has(HeaderId::IP), "it may lie behind too many tags now");
        let back = tagged.after_remove(&[HeaderId::VLAN]);
        assert!(back.present().has(HeaderId::TCP));
    }

    #[test]
    fn an_outer_network_header_hides_the_inner_one() {
        let tcp = Facts::pattern(&[set(TCP4)]);
        let error = tcp.after_insert(&[HeaderId::IP, HeaderId::ICMP]);
        assert!(error.present().has(HeaderId::ICMP));
        assert!(error.absent().has(HeaderId::TCP));
        assert!(!tcp.after_remove(&[HeaderId::IP]).present().has(HeaderId::TCP));
    }

    #[test]
    fn many_cases_collapse_to_what_they_share() {
        let mut facts = Facts::pattern(&[set(TCP4)]);
        for id in [HeaderId::VLAN, HeaderId::VLAN2, HeaderId::FRAG6, HeaderId::INNER] {
            facts = facts.assume(&[set(&[id])]).join(&facts.refute(&[set(&[id])]));
        }
        assert!(facts.cases.len() <= CASES_MAX);
        assert!(facts.present().has(HeaderId::TCP));
    }
}
