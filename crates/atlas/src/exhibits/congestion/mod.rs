//! Congestion control in the simulated world: what its exhibits have in common.

mod delay;
mod records;

pub(super) use delay::{swift, timely};
pub(super) use records::{hpcc, powertcp};

use crate::evidence::{Bound, Check, Claim, Evidence, Measurement, World};
use trama_base::stats::Spread;
use trama_sim::Scenario;

/// A key of a scenario with its value.
type Key = (&'static str, &'static str);

/// A scenario with a transport and some keys replaced.
fn scenario(text: &str, name: &str, set: &[&[(&str, &str)]]) -> Result<Scenario, String> {
    let owned = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
    let mut keys: Vec<_> = set.iter().copied().flatten().map(owned).collect();
    keys.push(("transport.name".into(), name.into()));
    Scenario::parse_with(text, &keys).map_err(|error| error.to_string())
}

fn no_files(_: &str) -> Result<String, String> {
    Err("there are no files".into())
}

/// Takes a figure into the evidence; its median.
fn measure(evidence: &mut Evidence, what: String, unit: &'static str, values: &[f64]) -> f64 {
    let value = Spread::of(values).unwrap_or(Spread { min: 0.0, median: 0.0, max: 0.0 });
    let world = World::Sim;
    evidence.measurements.push(Measurement { what, value, unit, world, is_baseline: false });
    value.median
}

/// Marks the last figure as a baseline.
fn as_baseline(evidence: &mut Evidence) {
    if let Some(last) = evidence.measurements.last_mut() {
        last.is_baseline = true;
    }
}

fn claim(text: &'static str, paper: &'static str, figure: f64, bound: Bound, how: &str) -> Claim {
    let (measured, how) = (Some(figure), how.to_owned());
    Claim { text, paper, measured, bound, how, world: World::Sim }
}

fn check(what: &str, passed: bool, detail: String) -> Check {
    Check { what: what.to_owned(), passed, detail }
}
