//! `trama run`: a program on captures and live interfaces.

use crate::args::{Isolate, RunArgs};
use crate::command::endpoints::{self, Endpoints};
use crate::command::parallel::{self, Crew};
use crate::exit::{Exit, Failure, Outcome};
use crate::files;
use crate::output::records::RecordFiles;
use crate::output::{live, summary};
#[cfg(feature = "tui")]
use crate::tui;
use std::hash::{BuildHasher, RandomState};
use std::io::IsTerminal;
use std::sync::Arc;
use trama_base::Nanos;
use trama_lang::engine::{Deferred, Engine, LogLine};
use trama_lang::interp::Interpreter;
use trama_lang::ir::Program;
use trama_live::io::IoError;
use trama_live::run::{Failure as RunFailure, RunOptions, RunSummary, Runner, StopReason};
use trama_live::signal::StopFlag;
use trama_native::NativeEngine;

pub(crate) fn run(args: &RunArgs) -> Outcome {
    let (unit, program) = files::load(&args.program)?;
    let division = parallel::division(args, &unit, &program)?;
    let stop = StopFlag::new();
    stop.on_signals().map_err(|why| Failure::environment(why.to_string()))?;
    let mut options = options(args, stop)?;
    let inputs = endpoints::inputs(&unit, &program, &args.input)?;
    if let Some(division) = &division
        && let Some(outcome) = parallel::preloaded(args, &program, division, &inputs, &options)?
    {
        return Ok(outcome);
    }
    let opened = Endpoints::open(&program, &inputs, &args.output, &options.stop)?;
    if !args.json {
        opened.notices.iter().for_each(|notice| eprintln!("note: {notice}"));
    }

    let records = RecordFiles::open(&program, &args.emit)?;
    let start = opened.is_live.then(trama_live::clock::realtime);
    let (engine, crew) = match division {
        Some(division) => parallel::cores(args, &program, division, start)?,
        None if args.isolate != Isolate::None => parallel::chain(args, &program, start)?,
        None => (engine(program.clone(), start, args.interpret)?, Crew::default()),
    };
    let mut runner = Runner::new(engine);
    runner.engine.set_records(Box::new(records.clone()));
    let described = opened.describe(&program);
    opened.attach(&mut runner);

    let (run, logs) = if args.tui {
        watched(&program, &mut runner, options)?
    } else {
        let terminal = std::io::stderr().is_terminal();
        let mut view = live::View::new(&program, terminal);
        if described.is_live && options.interval.is_none() && terminal {
            options.interval = Some(Nanos::from_secs(1));
        }
        let run = runner.run(&options, &mut |progress, engine| view.show(progress, engine));
        view.clear();
        (run, Vec::new())
    };

    let unwritten = records.finish();
    unwritten.iter().for_each(|why| eprintln!("error: {why}"));
    let result = summary::Summary::new(&program, &mut *runner.engine, run, logs, described);
    let exit = finish(args, &result.with(crew));
    Ok(if unwritten.is_empty() { exit } else { Exit::Environment })
}

/// Prints the summary.
pub(crate) fn finish(args: &RunArgs, result: &summary::Summary<'_>) -> Exit {
    let text = if args.json { format!("{}\n", result.to_json()) } else { result.render() };
    // Standard output belongs to the records, if they go there.
    match args.emit.iter().any(|arg| arg.ends_with("=-")) {
        true => eprint!("{text}"),
        false => print!("{text}"),
    }
    exit(&result.run)
}

/// Runs with the live view; gives the log lines that it showed too.
#[cfg(feature = "tui")]
fn watched(
    program: &Program,
    runner: &mut Runner,
    mut options: RunOptions,
) -> Result<(RunSummary, Vec<LogLine>), Failure> {
    options.interval = Some(tui::INTERVAL);
    let mut view = tui::View::open(program, options.stop.clone())?;
    let run = runner.run(&options, &mut |progress, engine| view.show(progress, engine));
    let logs = view.finish(&run, &mut *runner.engine);
    Ok((run, logs))
}

/// Says that the live view was left out of this build.
#[cfg(not(feature = "tui"))]
fn watched(
    _: &Program,
    _: &mut Runner,
    _: RunOptions,
) -> Result<(RunSummary, Vec<LogLine>), Failure> {
    Err(Failure::usage("this build of trama has no live view")
        .hint("build it with the feature `tui`, which is on by default"))
}

/// A capture that cannot be replayed is the user's mistake, any other failure the machine's.
fn exit(run: &RunSummary) -> Exit {
    let is_foreign = |failure: &RunFailure| matches!(failure.error, IoError::LinkType { .. });
    if run.failures.is_empty() && run.stop != StopReason::OutputFailed {
        Exit::Ok
    } else if run.failures.iter().all(is_foreign) && !run.failures.is_empty() {
        Exit::Usage
    } else {
        Exit::Environment
    }
}

fn options(args: &RunArgs, stop: StopFlag) -> Result<RunOptions, Failure> {
    let duration = args.duration.as_deref().map(time).transpose()?;
    // A measurement that is given a duration goes on until it has passed.
    let loops = if duration.is_some() && args.rounds == 1 { 0 } else { args.rounds };
    let interval = args.stats.as_deref().map(time).transpose()?;
    let pace = args.pace;
    if pace.is_some_and(|pace| !pace.is_finite() || pace <= 0.0) {
        return Err(Failure::usage("--pace takes a number above 0"));
    }
    Ok(RunOptions { loops, duration, interval, pace, stop, ..RunOptions::default() })
}

/// A length of time as the language writes it.
fn time(text: &str) -> Result<Nanos, Failure> {
    trama_lang::syntax::parse_duration(text).filter(|t| *t > Nanos::ZERO).ok_or_else(|| {
        Failure::usage(format!("`{text}` is not a length of time"))
            .hint("write for example 500ms, 10s or 5min")
    })
}

/// The engine; without a start time it starts at the first packet.
pub(crate) fn engine(
    program: Program,
    start: Option<Nanos>,
    interpret: bool,
) -> Result<Box<dyn Engine>, Failure> {
    let program = Arc::new(program);
    let seed = seed(start);
    let make = move |start: Nanos| self::start(&program, start, seed, interpret);
    let engine = match start {
        Some(start) => make(start),
        // Made once now, so that what cannot be compiled is told before the first packet.
        None => make(Nanos::ZERO).map(|first| Box::new(Deferred::new(first, make)) as _),
    };
    engine.map_err(Failure::internal)
}

/// Starts a program on one of the engines.
pub(crate) fn start(
    program: &Arc<Program>,
    start: Nanos,
    seed: u64,
    interpret: bool,
) -> Result<Box<dyn Engine>, String> {
    let program = Arc::clone(program);
    if interpret {
        let engine = Interpreter::new(program, start, seed).map_err(|e| e.to_string())?;
        return Ok(Box::new(engine));
    }
    let engine = NativeEngine::new(program, start, seed).map_err(|e| e.to_string())?;
    Ok(Box::new(engine))
}

/// Seed of the hash functions. Strangers choose the keys of a live run: they must not know where
/// these fall. A replay takes the same steps every time; results do not depend on it.
pub(crate) fn seed(start: Option<Nanos>) -> u64 {
    start.map_or(0, |_| RandomState::new().hash_one(()))
}
