//! `trama trace`: matching packets' way through the program.

use crate::args::TraceArgs;
use crate::command::endpoints::{self, Endpoints};
use crate::exit::{Exit, Failure, Outcome};
use crate::files;
use crate::output::diagnostics;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use trama_base::Nanos;
use trama_lang::engine::{Engine, Entry, LogLine, Report};
use trama_lang::filter::Filter;
use trama_lang::interp::Interpreter;
use trama_lang::interp::observe::Cause;
use trama_lang::ir::Program;
use trama_lang::records::{Record, RecordSink};
use trama_lang::source::SourceMap;
use trama_lang::trace::{Recorder, render};
use trama_live::run::{RunOptions, Runner};
use trama_live::signal::StopFlag;
use trama_wire::{Packet, Pool};

pub(crate) fn trace(args: &TraceArgs) -> Outcome {
    let filter = args.filter.as_deref().map(parse_filter).transpose()?;
    let (unit, program) = files::load(&args.program)?;
    let stop = StopFlag::new();
    stop.on_signals().map_err(|why| Failure::environment(why.to_string()))?;
    let inputs = endpoints::inputs(&unit, &program, &args.input)?;
    let opened = Endpoints::open(&program, &inputs, &[], &stop)?;
    if opened.is_live {
        return Err(Failure::usage("a trace needs captures as inputs")
            .hint("record the interface first: tcpdump -i NAME -w FILE"));
    }
    let engine = Tracing::new(program, filter, args, Arc::new(unit.sources), stop.clone())?;
    let shown = Arc::clone(&engine.shown);
    let mut runner = Runner::new(Box::new(engine));
    opened.attach(&mut runner);
    let options = RunOptions { stop, ..RunOptions::default() };
    let summary = runner.run(&options, &mut |_, _| {});
    if let Some(failure) = summary.failures.first() {
        return Err(Failure::usage(failure.error.to_string()));
    }
    if shown.load(Relaxed) == 0 && !args.json {
        eprintln!("no packet matched");
    }
    Ok(Exit::Ok)
}

fn parse_filter(text: &str) -> Result<Filter, Failure> {
    Filter::parse(text).map_err(|messages| {
        let mut sources = SourceMap::default();
        sources.add("filter", text);
        diagnostics::print(&sources, &messages);
        Failure::usage("the filter is wrong")
    })
}

/// The reference interpreter, which prints what happens to the packets that match.
struct Tracing {
    program: Arc<Program>,
    interpreter: Option<Interpreter<Recorder>>,
    filter: Option<Filter>,
    sources: Arc<SourceMap>,
    as_json: bool,
    shown: Arc<AtomicU64>,
    shown_max: u64,
    stop: StopFlag,
}

impl Tracing {
    fn new(
        program: Program,
        filter: Option<Filter>,
        args: &TraceArgs,
        sources: Arc<SourceMap>,
        stop: StopFlag,
    ) -> Result<Self, Failure> {
        let program = Arc::new(program);
        // Made once to see that it can be made; the one that runs starts at the first packet.
        Interpreter::new(Arc::clone(&program), Nanos::ZERO, 0)
            .map_err(|why| Failure::internal(why.to_string()))?;
        let shown = Arc::default();
        let (as_json, shown_max) = (args.json, args.count);
        Ok(Self { program, interpreter: None, filter, sources, as_json, shown, shown_max, stop })
    }

    fn interpreter(&mut self, now: Nanos) -> &mut Interpreter<Recorder> {
        self.interpreter.get_or_insert_with(|| {
            Interpreter::with_observer(Arc::clone(&self.program), now, 0, Recorder::default())
                .expect("it could be made before")
        })
    }

    fn print_traces(&mut self) {
        let Some(interpreter) = &mut self.interpreter else { return };
        let mut follows = false;
        for trace in interpreter.observer_mut().take() {
            // What fires by itself belongs to a packet if it comes right after it.
            let is_event = matches!(trace.cause, Cause::Event { .. } | Cause::Close { .. });
            follows |= trace.packet.is_some();
            let wanted = trace.packet.is_some() || is_event && (follows || self.filter.is_none());
            if !wanted || self.shown.load(Relaxed) >= self.shown_max {
                continue;
            }
            let lines = render(&trace, &self.program, &self.sources);
            if self.as_json {
                println!("{}", json!({ "time_ns": trace.now.0, "lines": lines }));
            } else {
                lines.iter().for_each(|line| println!("{line}"));
                println!();
            }
            self.shown.fetch_add(1, Relaxed);
        }
        if self.shown.load(Relaxed) >= self.shown_max {
            self.stop.raise();
        }
    }
}

impl Engine for Tracing {
    fn process(
        &mut self,
        input: &mut Vec<Box<Packet>>,
        output: &mut Vec<Box<Packet>>,
        pool: &mut Pool,
    ) {
        for packet in input.drain(..) {
            let wanted = self.filter.as_ref().is_none_or(|filter| filter.matches(&packet));
            let interpreter = self.interpreter(packet.time);
            interpreter.observer_mut().record(wanted);
            interpreter.process(&mut vec![packet], output, pool);
            self.print_traces();
        }
    }

    fn advance(&mut self, now: Nanos, output: &mut Vec<Box<Packet>>, pool: &mut Pool) {
        self.interpreter(now).advance(now, output, pool);
    }

    fn finish(&mut self, now: Nanos, output: &mut Vec<Box<Packet>>, pool: &mut Pool) {
        self.interpreter(now).finish(now, output, pool);
        self.print_traces();
    }

    fn next_timeout(&self) -> Option<Nanos> {
        self.interpreter.as_ref().and_then(Engine::next_timeout)
    }

    fn set_records(&mut self, sink: Box<dyn RecordSink>) {
        if let Some(interpreter) = &mut self.interpreter {
            interpreter.set_records(sink);
        }
    }

    fn take_records(&mut self) -> Vec<Record> {
        self.interpreter.as_mut().map(Engine::take_records).unwrap_or_default()
    }

    fn report(&mut self) -> Report {
        self.interpreter.as_mut().map(Engine::report).unwrap_or_default()
    }

    fn state(&mut self, node: usize, state: usize) -> Vec<Entry> {
        self.interpreter.as_mut().map(|i| i.state(node, state)).unwrap_or_default()
    }

    fn take_logs(&mut self) -> Vec<LogLine> {
        self.interpreter.as_mut().map(Engine::take_logs).unwrap_or_default()
    }
}
