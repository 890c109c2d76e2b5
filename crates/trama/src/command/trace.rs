//! `trama trace`: matching packets' way through the program.

use crate::args::TraceArgs;
use crate::command::endpoints::{self, Endpoints};
use crate::exit::{Exit, Failure, Outcome};
use crate::files;
use crate::output::diagnostics;
use trama_lang::filter::Filter;
use trama_lang::source::SourceMap;
use trama_lang::trace::{self, PacketTrace};
use trama_live::run::replay;
use trama_live::signal::StopFlag;

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
    let mut tracer = trace::Tracer::new(program).map_err(|why| Failure::internal(why.to_string()))?;
    let mut shown = 0;
    let summary = replay(opened.into_sources(), &stop, &mut |packet| {
        let wanted = filter.as_ref().is_none_or(|filter| filter.matches(&packet));
        if let Some(trace) = tracer.packet(packet, wanted) {
            print(&unit.sources, &trace, args.json);
            shown += 1;
        }
        shown < args.count
    });
    if let Err(why) = summary {
        return Err(Failure::usage(why.to_string()));
    }
    if shown == 0 && !args.json {
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

fn print(sources: &SourceMap, trace: &PacketTrace, as_json: bool) {
    let _ = (sources, trace, as_json);
}
