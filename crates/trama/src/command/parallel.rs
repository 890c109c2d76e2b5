//! `trama run --cores` and `--isolate`: a program cut up for several cores, or into its elements.

use crate::args::{Isolate, RunArgs};
use crate::command::endpoints::{self, Binding, Described};
use crate::command::run;
use crate::exit::{Exit, Failure};
use crate::output::{diagnostics, summary::Summary};
use std::sync::Arc;
use trama_base::Nanos;
use trama_lang::compile::Unit;
use trama_lang::cores::{self, Blocker, Division};
use trama_lang::diagnostic::Diagnostic;
use trama_lang::engine::Engine;
use trama_lang::ir::Program;
use trama_live::parallel::{
    Chain, CoreLoad, Cores, Isolation, Loads, MakeSeat, StageReport, Stages, preloaded,
    stage_program,
};
use trama_live::run::RunOptions;

/// Most state objects of which it is told in full why they cannot be divided.
const TOLD_MAX: usize = 6;

/// Who did the work of a run, beside one engine.
#[derive(Default)]
pub(crate) struct Crew {
    /// How the program was cut up.
    pub(crate) division: Option<Division>,
    loads: Option<Loads>,
    preloaded: Vec<CoreLoad>,
    stages: Option<Stages>,
}

impl Crew {
    /// Whether one engine on the thread of the host did it all.
    pub(crate) fn is_in_place(&self) -> bool {
        self.division.is_none() && self.stages.is_none()
    }

    /// What each core did.
    pub(crate) fn loads(&self) -> Vec<CoreLoad> {
        self.loads.as_ref().map_or_else(|| self.preloaded.clone(), Loads::now)
    }

    /// What became of the stages, if elements were kept apart.
    pub(crate) fn stages(&self) -> Vec<StageReport> {
        self.stages.as_ref().map(Stages::now).unwrap_or_default()
    }
}

/// How the program is cut up, if the user asks for cores.
pub(crate) fn division(
    args: &RunArgs,
    unit: &Unit,
    program: &Program,
) -> Result<Option<Division>, Failure> {
    if args.cores.is_none() {
        return Ok(None);
    }
    let options = cores::Options { split_limits: args.split_limits };
    cores::divide(program, options).map(Some).map_err(|blockers| {
        // Those whose key comes out of another object's answer say nothing new.
        let told = blockers.iter().filter(|blocker| !blocker.follows).count().clamp(1, TOLD_MAX);
        let messages: Vec<Diagnostic> = blockers.iter().take(told).map(message).collect();
        diagnostics::print(&unit.sources, &messages);
        let rest: Vec<String> =
            blockers[told..].iter().map(|b| format!("`{}.{}`", b.node, b.state)).collect();
        if !rest.is_empty() {
            eprintln!("and so, or because of these, {}", rest.join(", "));
        }
        let objects = if blockers.len() == 1 { "object keeps" } else { "objects keep" };
        Failure::unfit(format!("{} state {objects} the program on one core", blockers.len()))
    })
}

fn message(blocker: &Blocker) -> Diagnostic {
    let title = format!("`{}.{}` cannot be divided over cores", blocker.node, blocker.state);
    Diagnostic::error("cores", title, blocker.span, blocker.why.clone())
        .other(blocker.declared, "declared here")
        .note(blocker.alternatives.join("\n"))
}

fn maker(
    program: &Program,
    division: &Division,
    count: usize,
    seed: u64,
    interpret: bool,
) -> Box<MakeSeat> {
    let (program, division) = (program.clone(), division.clone());
    Box::new(move |seat, start| {
        let own = Arc::new(division.program(&program, seat, count));
        run::start(&own, start, seed, interpret)
    })
}

/// An engine for the cores that the user asks for.
pub(crate) fn cores(
    args: &RunArgs,
    program: &Program,
    division: Division,
    start: Option<Nanos>,
) -> Result<(Box<dyn Engine>, Crew), Failure> {
    let count = usize::from(args.cores.unwrap_or(1));
    let make = maker(program, &division, count, run::seed(start), args.interpret);
    let engine = Cores::new(Arc::new(program.clone()), division.clone(), count, start, make)
        .map_err(Failure::internal)?;
    let crew = Crew { division: Some(division), loads: Some(engine.loads()), ..Crew::default() };
    Ok((Box::new(engine), crew))
}

/// An engine whose elements are kept apart.
pub(crate) fn chain(
    args: &RunArgs,
    program: &Program,
    start: Option<Nanos>,
) -> Result<(Box<dyn Engine>, Crew), Failure> {
    let isolation = match args.isolate {
        Isolate::Processes => Isolation::Processes,
        Isolate::Threads | Isolate::None => Isolation::Threads,
    };
    let (own, interpret) = (program.clone(), args.interpret);
    let seed = run::seed(start);
    let make = Box::new(move |index, start| {
        run::start(&Arc::new(stage_program(&own, index)), start, seed, interpret)
    });
    let engine = Chain::new(Arc::new(program.clone()), isolation, start, make)
        .map_err(Failure::environment)?;
    let crew = Crew { stages: Some(engine.stages()), ..Crew::default() };
    Ok((Box::new(engine), crew))
}

/// Runs on traces that are cut up before the run, if all inputs are in memory, nothing is to be
/// written or watched, and no timer needs a common time.
pub(crate) fn preloaded(
    args: &RunArgs,
    program: &Program,
    division: &Division,
    inputs: &[Binding],
    options: &RunOptions,
) -> Result<Option<Exit>, Failure> {
    if division.has_keeper || division.lookahead.is_some() || !args.emit.is_empty() || args.tui {
        return Ok(None);
    }
    let Some(traces) = endpoints::traces(inputs, &args.output, &options.stop)? else {
        return Ok(None);
    };
    let count = usize::from(args.cores.unwrap_or(1));
    let make = maker(program, division, count, run::seed(None), args.interpret);
    let plan = preloaded::Plan { program, division, cores: count, warm_up: false };
    let mut outcome = preloaded::run(&plan, &traces, options, &*make).map_err(Failure::internal)?;
    let described = Described {
        inputs: inputs
            .iter()
            .map(|b| (b.port, b.endpoint.to_string(), "cut up before the run".to_owned()))
            .collect(),
        outputs: (0..program.ports.len() as u32)
            .map(|port| (port, "discard".to_owned(), String::new()))
            .collect(),
        is_live: false,
    };
    let crew =
        Crew { division: Some(division.clone()), preloaded: outcome.loads, ..Crew::default() };
    let result = Summary::new(program, &mut outcome.engine, outcome.summary, Vec::new(), described);
    Ok(Some(run::finish(args, &result.with(crew))))
}
