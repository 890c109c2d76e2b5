//! Curves: the same measurement along an axis.

use super::measure::{Case, Measurement, Plan, measure};
use super::workload::{Workload, WorkloadError};

/// What changes from point to point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Flows, from a thousand to four million, in a set of that many.
    Flows,
    /// Bytes of a frame, from 64 to 1500, through Firewall and Nat.
    Frame,
    /// Elements in a row, from 1 to 16.
    Length,
}

/// A curve.
#[derive(Clone, Debug)]
pub struct Curve {
    /// Its axis.
    pub axis: Axis,
    /// What was measured at each place.
    pub points: Vec<(u32, Measurement)>,
}

impl Axis {
    /// All axes.
    pub const ALL: [Self; 3] = [Self::Flows, Self::Frame, Self::Length];

    /// What its numbers are.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flows => "flows",
            Self::Frame => "bytes of a frame",
            Self::Length => "elements in a row",
        }
    }

    /// What is measured along it.
    pub fn about(self) -> &'static str {
        match self {
            Self::Flows => "a set of 4M flows",
            Self::Frame => "Firewall, then Nat, 16 384 flows",
            Self::Length => "Counters in a row, 1000 flows",
        }
    }

    fn case(self, at: u32) -> Result<Case, WorkloadError> {
        let (name, flows, frame_bytes) = match self {
            Self::Flows => ("tracker".into(), at, 64),
            Self::Frame => ("chain".into(), 16_384, at),
            Self::Length => (format!("counters-{at}"), 1000, 64),
        };
        Ok(Case { workload: Workload::find(&name)?, flows, frame_bytes })
    }

    fn places(self) -> &'static [u32] {
        match self {
            Self::Flows => &[1000, 4000, 16_000, 64_000, 256_000, 1_000_000, 4_000_000],
            Self::Frame => &[64, 128, 256, 512, 1024, 1500],
            Self::Length => &[1, 2, 4, 8, 16],
        }
    }
}

/// Measures a curve, all its points in interleaved rounds.
pub fn curve(axis: Axis, plan: &Plan) -> Result<Curve, WorkloadError> {
    let places = axis.places();
    let cases = places.iter().map(|at| axis.case(*at)).collect::<Result<Vec<_>, _>>()?;
    let measured = measure(&cases, plan)?;
    Ok(Curve { axis, points: places.iter().copied().zip(measured).collect() })
}
