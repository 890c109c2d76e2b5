//! What an exhibit found: figures beside claims, checks, and controls that must fail.

use trama_base::stats::Spread;

/// Where a number comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// This machine.
    Live,
    /// A model of a device.
    Device,
    /// A simulation.
    Sim,
}

impl World {
    /// The word for it, as it stands beside numbers.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Live => "[live]",
            Self::Device => "[device model]",
            Self::Sim => "[sim]",
        }
    }
}

/// A number that was measured, over rounds.
#[derive(Clone, Debug)]
pub struct Measurement {
    /// What was measured.
    pub what: String,
    /// Least, middle and largest of the rounds.
    pub value: Spread,
    /// Its unit.
    pub unit: &'static str,
    /// Where it comes from.
    pub world: World,
    /// It is what others are compared with.
    pub is_baseline: bool,
}

/// What a number must be for a claim to hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// Not less.
    AtLeast(f64),
    /// Not more.
    AtMost(f64),
}

impl Bound {
    /// Whether a number keeps it.
    pub fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }
}

/// A claim of the paper beside what was found here.
#[derive(Clone, Debug)]
pub struct Claim {
    /// What the paper says, in our words, with its section.
    pub text: &'static str,
    /// The paper's own figure.
    pub paper: &'static str,
    /// The same figure here: a ratio of medians of one interleaved run; none if it could not be
    /// measured.
    pub measured: Option<f64>,
    /// What it must be.
    pub bound: Bound,
    /// How it was compared, or why it could not be.
    pub how: String,
    /// Where the figure comes from.
    pub world: World,
}

impl Claim {
    /// Whether it holds here; none if it was not measured.
    pub fn holds(&self) -> Option<bool> {
        self.measured.map(|value| self.bound.holds(value))
    }
}

/// Something that must be so, or, for a control, something that must be found out.
#[derive(Clone, Debug)]
pub struct Check {
    /// What.
    pub what: String,
    /// Whether it is so.
    pub passed: bool,
    /// The evidence.
    pub detail: String,
}

/// What an exhibit found.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// The paper's claims.
    pub claims: Vec<Claim>,
    /// All that was measured.
    pub measurements: Vec<Measurement>,
    /// Correctness: outputs and state equal those of the reference, and the like.
    pub checks: Vec<Check>,
    /// Something was broken on purpose: passed if the check that guards it failed.
    pub controls: Vec<Check>,
    /// What was not done, and why.
    pub limits: Vec<String>,
}

/// How an exhibit came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All claims hold, all checks passed and all controls were found out.
    Holds,
    /// Nothing is wrong, but a claim could not be measured here.
    NotShown,
    /// A claim does not hold, a check failed, or a control was not found out.
    Fails,
}

impl Verdict {
    /// The words for it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::NotShown => "not shown here",
            Self::Fails => "does not hold",
        }
    }
}

impl Evidence {
    /// The verdict. An exhibit without a control proves nothing.
    pub fn verdict(&self) -> Verdict {
        let wrong = self.claims.iter().any(|claim| claim.holds() == Some(false))
            || self.checks.iter().chain(&self.controls).any(|check| !check.passed)
            || self.checks.is_empty()
            || self.controls.is_empty();
        if wrong {
            Verdict::Fails
        } else if self.claims.iter().any(|claim| claim.measured.is_none()) {
            Verdict::NotShown
        } else {
            Verdict::Holds
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(passed: bool) -> Check {
        Check { what: "it".into(), passed, detail: String::new() }
    }

    fn claim(measured: Option<f64>) -> Claim {
        Claim {
            text: "faster",
            paper: "7x",
            measured,
            bound: Bound::AtLeast(7.0),
            how: String::new(),
            world: World::Live,
        }
    }

    #[test]
    fn a_verdict_needs_claims_checks_and_controls() {
        let mut evidence = Evidence {
            claims: vec![claim(Some(8.0))],
            checks: vec![check(true)],
            controls: vec![check(true)],
            ..Evidence::default()
        };
        assert_eq!(evidence.verdict(), Verdict::Holds);
        evidence.claims.push(claim(None));
        assert_eq!(evidence.verdict(), Verdict::NotShown);
        evidence.claims.push(claim(Some(6.9)));
        assert_eq!(evidence.verdict(), Verdict::Fails);
        evidence.claims.truncate(1);
        evidence.controls[0].passed = false;
        assert_eq!(evidence.verdict(), Verdict::Fails, "a control that is not found out");
        evidence.controls.clear();
        assert_eq!(evidence.verdict(), Verdict::Fails, "no control at all");
    }
}
