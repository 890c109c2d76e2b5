//! What a second core brings: the same traces on one core and on several, in turn.
//!
//! Traces lie in memory, cut up beforehand as a card with several receive queues would, and each
//! engine has seen all of its flows before the clock runs.

use super::{Workload, WorkloadError};
use std::sync::Arc;
use trama_base::Nanos;
use trama_base::stats::Spread;
use trama_lang::cores::{Division, Options, divide};
use trama_lang::engine::Engine;
use trama_lang::ir::Program;
use trama_live::io::memory::MemorySource;
use trama_live::parallel::CoreLoad;
use trama_live::parallel::preloaded::{self, Outcome, Plan};
use trama_live::run::RunOptions;
use trama_native::NativeEngine;

/// How to measure.
#[derive(Clone, Copy, Debug)]
pub struct CoresPlan {
    /// Cores to compare one with.
    pub cores: usize,
    /// Rounds; in each, every program runs on one core and on all of them.
    pub rounds: u32,
    /// Packets in a run, in all.
    pub packets: u32,
    /// Flows in the traffic.
    pub flows: u32,
    /// Length of a frame in bytes.
    pub frame_bytes: u32,
}

/// What was found about a program.
#[derive(Clone, Debug)]
pub enum CoresResult {
    /// It runs on several cores.
    Measured {
        /// Name of the workload.
        name: String,
        /// Packets in a second on one core.
        one: Spread,
        /// Packets in a second on several.
        several: Spread,
        /// The second by the first, round by round.
        speedup: Spread,
        /// Processor time of a packet on several cores by that on one.
        cost: Spread,
        /// The busiest core's packets by the mean of all.
        imbalance: f64,
    },
    /// These state objects keep it on one.
    Kept {
        /// Name of the workload.
        name: String,
        /// Node and name of each object.
        objects: Vec<String>,
    },
}

struct Case {
    name: String,
    program: Arc<Program>,
    division: Division,
    traces: Vec<(u32, MemorySource)>,
    loops: u64,
    rounds: Vec<[Round; 2]>,
    imbalance: f64,
}

/// One run.
#[derive(Clone, Copy, Debug)]
struct Round {
    per_second: f64,
    cpu_ns: f64,
}

/// When the flows of a trace begin, and how far its packets are apart: as at 10 million a second.
const START: Nanos = Nanos::from_secs(1);
const GAP: Nanos = Nanos(100);

/// Measures workloads on one core and on several.
pub fn cores(workloads: &[Workload], plan: &CoresPlan) -> Result<Vec<CoresResult>, WorkloadError> {
    let mut cases = Vec::new();
    let mut kept = Vec::new();
    for workload in workloads {
        match case(workload, plan)? {
            Ok(case) => cases.push(case),
            Err(result) => kept.push(result),
        }
    }
    for _ in 0..plan.rounds {
        for case in &mut cases {
            let one = case.run(1)?;
            let several = case.run(plan.cores)?;
            case.rounds.push([one, several]);
        }
    }
    Ok(cases.iter().filter_map(Case::result).chain(kept).collect())
}

fn case(workload: &Workload, plan: &CoresPlan) -> Result<Result<Case, CoresResult>, WorkloadError> {
    let (name, program) = (workload.name.clone(), workload.program()?);
    let division = match divide(&program, Options { split_limits: true }) {
        Ok(division) => division,
        Err(blockers) => {
            let object = |b: &trama_lang::cores::Blocker| format!("{}.{}", b.node, b.state);
            let direct = blockers.iter().filter(|b| !b.follows);
            return Ok(Err(CoresResult::Kept { name, objects: direct.map(object).collect() }));
        }
    };
    let mut engine = workload.engine(&program, START, false)?;
    let traffic = workload.traffic(&mut *engine, plan.flows, plan.frame_bytes, START)?;
    let frames = || {
        let at = |i: usize| (START + Nanos(GAP.0 * i as u64), traffic.frame(i));
        (0..traffic.len()).map(at)
    };
    let trace = |port: u32| {
        let own = frames().filter(|(_, (_, entered))| *entered == port);
        (port, MemorySource::of_frames(own.map(|(time, (frame, _))| (time, frame))))
    };
    let traces = (0..program.ports.len() as u32).map(trace).collect();
    // One more, before the clock runs.
    let loops = u64::from(plan.packets).div_ceil(traffic.len() as u64) + 1;
    let rounds = Vec::new();
    Ok(Ok(Case { name, program, division, traces, loops, rounds, imbalance: 1.0 }))
}

impl Case {
    fn run(&mut self, cores: usize) -> Result<Round, WorkloadError> {
        let (own, division) = (Arc::clone(&self.program), self.division.clone());
        let make = move |seat, start| -> Result<Box<dyn Engine>, String> {
            let program = division.program(&own, seat, cores);
            let engine = NativeEngine::new(program, start, 0).map_err(|why| why.to_string())?;
            Ok(Box::new(engine))
        };
        let plan = Plan { program: &self.program, division: &self.division, cores, warm_up: true };
        let options = RunOptions { loops: self.loops, ..RunOptions::default() };
        let Outcome { summary, measured, .. } =
            preloaded::run(&plan, &self.traces, &options, &make)
                .map_err(|message| WorkloadError::Engine { name: self.name.clone(), message })?;
        let sum = |number: fn(&CoreLoad) -> u64| measured.iter().map(number).sum::<u64>() as f64;
        let packets = sum(|load| load.packets).max(1.0);
        if cores > 1 {
            let busiest = measured.iter().map(|load| load.packets).max().unwrap_or(0) as f64;
            self.imbalance = busiest * measured.len() as f64 / packets;
        }
        let seconds = summary.progress.elapsed.as_secs_f64().max(1e-9);
        Ok(Round { per_second: packets / seconds, cpu_ns: sum(|load| load.busy.0) / packets })
    }

    fn result(&self) -> Option<CoresResult> {
        let spread = |number: &dyn Fn(&[Round; 2]) -> f64| {
            Spread::of(&self.rounds.iter().map(number).collect::<Vec<_>>())
        };
        Some(CoresResult::Measured {
            name: self.name.clone(),
            one: spread(&|[one, _]| one.per_second)?,
            several: spread(&|[_, several]| several.per_second)?,
            speedup: spread(&|[one, several]| several.per_second / one.per_second)?,
            cost: spread(&|[one, several]| several.cpu_ns / one.cpu_ns.max(1e-9))?,
            imbalance: self.imbalance,
        })
    }
}
