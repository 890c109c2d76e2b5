//! NetBricks (Panda, Han, Jang, Walls, Ratnasamy, Shenker: "NetBricks: Taking the V out of NFV",
//! OSDI 2016): network functions in one address space, isolated by types instead of memory.
//!
//! What is compared: the same chain of 1 to 16 elements, on the same packets and one processor,
//! with elements kept apart in four ways. The element does what the paper's does in its chain
//! (5.2): it swaps the Ethernet addresses and counts the time to live down.

mod chain;
mod ownership;
mod rejected;
mod veth;

use super::{Effort, Setting};
use crate::evidence::{Bound, Check, Claim, Evidence, Measurement, World};
use chain::{Chain, Mode};
use std::collections::BTreeMap;
use trama_base::stats::Spread;
use trama_live::affinity::OneProcessor;

/// Lengths of the chains.
const LENGTHS: [usize; 5] = [1, 2, 4, 8, 16];

/// Rounds by mode and length: nanoseconds per packet.
type Rounds = BTreeMap<(Mode, usize), Vec<f64>>;

/// Runs the exhibit.
pub(super) fn run(setting: &mut Setting<'_>) -> Result<Evidence, String> {
    let mut evidence = Evidence::default();
    (setting.progress)("programs that break isolation");
    rejected::suite(&mut evidence);
    (setting.progress)("the same packets in every mode");
    ownership::equality(&mut evidence)?;
    ownership::zero_copy(&mut evidence)?;
    (setting.progress)("a stage is killed in mid-traffic");
    ownership::containment(&mut evidence)?;

    let rounds = match setting.effort {
        Effort::Quick => 2,
        Effort::Full => 7,
    };
    let mut measured = Rounds::new();
    let mut checks = (Vec::new(), Vec::new());
    let mut veth: Result<String, String> = Ok(String::new());
    {
        // One processor for all: a mode that needs more threads gets no more to run on.
        let _stay = OneProcessor::stay().map_err(|error| error.to_string())?;
        for round in 0..rounds {
            (setting.progress)(&format!("round {} of {rounds}", round + 1));
            for length in lengths(setting.effort) {
                for mode in [Mode::Together, Mode::Threads, Mode::Processes] {
                    let packets = mode.packets(setting.effort) / length.min(4);
                    let ns = Chain::new(length)?.measure(mode, packets)?;
                    measured.entry((mode, length)).or_default().push(ns);
                }
            }
            let [with, without] = chain::cost_of_checks(setting.effort)?;
            checks.0.push(with);
            checks.1.push(without);
            // Namespaces take seconds to make, so that a quick look has one round of them.
            if veth.is_ok() && (round == 0 || setting.effort == Effort::Full) {
                let lengths: Vec<usize> = veth_lengths(setting.effort).collect();
                veth = veth::round(setting.trama.as_deref(), &lengths, setting.effort).map(
                    |(found, mechanism)| {
                        for (length, ns) in found {
                            measured.entry((Mode::Veth, length)).or_default().push(ns);
                        }
                        mechanism
                    },
                );
            }
        }
    }
    figures(&mut evidence, &measured, &checks);
    claims(&mut evidence, &measured, &checks, &veth);
    evidence.limits = limits();
    Ok(evidence)
}

/// A quick look leaves out the longest chain of namespaces.
fn veth_lengths(effort: Effort) -> impl Iterator<Item = usize> {
    lengths(effort).filter(move |length| effort == Effort::Full || *length <= 4)
}

fn lengths(effort: Effort) -> impl Iterator<Item = usize> {
    let quick = effort == Effort::Quick;
    LENGTHS.into_iter().filter(move |length| !quick || [1, 4, 16].contains(length))
}

fn median(measured: &Rounds, mode: Mode, length: usize) -> Option<f64> {
    Spread::of(measured.get(&(mode, length))?).map(|spread| spread.median)
}

fn figures(evidence: &mut Evidence, measured: &Rounds, checks: &(Vec<f64>, Vec<f64>)) {
    for ((mode, length), rounds) in measured {
        let Some(value) = Spread::of(rounds) else { continue };
        let elements = if *length == 1 { "element" } else { "elements" };
        evidence.measurements.push(Measurement {
            what: format!("{length} {elements}, {}", mode.label()),
            value,
            unit: "ns per packet",
            world: World::Live,
            is_baseline: *mode != Mode::Together,
        });
    }
    let what = ["asks for its headers", "asks for none"];
    for (what, rounds) in what.into_iter().zip([&checks.0, &checks.1]) {
        let Some(value) = Spread::of(rounds) else { continue };
        evidence.measurements.push(Measurement {
            what: format!("16 elements in one address space, each {what}"),
            value,
            unit: "ns per packet",
            world: World::Live,
            is_baseline: what.ends_with("none"),
        });
    }
}

fn claims(
    evidence: &mut Evidence,
    measured: &Rounds,
    checks: &(Vec<f64>, Vec<f64>),
    veth: &Result<String, String>,
) {
    let together = |length| median(measured, Mode::Together, length);
    let ratio = |mode, length| Some(median(measured, mode, length)? / together(length)?);
    // What one more element costs, from the shortest and the longest chain.
    let hop = |mode| Some((median(measured, mode, 16)? - median(measured, mode, 1)?) / 15.0);
    let hops = |mode| Some(hop(mode)? / hop(Mode::Together)?);
    let veth = match veth {
        Ok(mechanism) => format!(
            "one element: veth and a process against one address space, throughput of one \
             processor; {mechanism}"
        ),
        Err(why) => format!("not measured: {why}"),
    };
    let claim = |text, paper, measured, bound, how: String| Claim {
        text,
        paper,
        measured,
        bound,
        how,
        world: World::Live,
    };
    evidence.claims = vec![
        claim(
            "one trivial function runs several times as fast as in a container behind a virtual \
             switch (5.3)",
            "about 7x (VMs: about 11x)",
            ratio(Mode::Veth, 1),
            Bound::AtLeast(7.0),
            veth,
        ),
        claim(
            "isolation by memory costs at every hop, isolation by types next to nothing (5.3): \
             cost of a further element in a process against one address space",
            "several times",
            hops(Mode::Processes),
            Bound::AtLeast(7.0),
            "(16 elements - 1) / 15, processes and shared memory against one address space"
                .to_owned(),
        ),
        claim(
            "a chain in one address space beats the same chain with a queue between elements",
            "no figure",
            ratio(Mode::Threads, 16),
            Bound::AtLeast(1.0),
            "16 elements: a thread each with rings against one address space".to_owned(),
        ),
        claim(
            "checks at run time cost little (5.2)",
            "0 to 20 %",
            cost(checks),
            Bound::AtMost(1.20),
            "16 elements that look whether their headers are there against 16 that need not, \
             as a ratio"
                .to_owned(),
        ),
    ];
}

fn cost(checks: &(Vec<f64>, Vec<f64>)) -> Option<f64> {
    Some(Spread::of(&checks.0)?.median / Spread::of(&checks.1)?.median)
}

fn limits() -> Vec<String> {
    vec![
        "virtual machines are not measured: veth and processes stand for the paper's \
         containers behind a virtual switch, and nothing here for its VMs and DPDK"
            .to_owned(),
        "there is no build without checks to compare with: what is measured is the one check \
         that is left at run time, whether a packet has the headers that a handler asks for"
            .to_owned(),
        "the element is the paper's, written for this; ratios in one run are compared, not its \
         absolute rates"
            .to_owned(),
    ]
}

/// A check of the evidence.
fn check(what: impl Into<String>, passed: bool, detail: impl Into<String>) -> Check {
    Check { what: what.into(), passed, detail: detail.into() }
}
