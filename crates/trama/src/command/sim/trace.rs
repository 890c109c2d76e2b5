//! `trama sim trace`: the life of one message.

use super::ScenarioText;
use crate::args::SimTraceArgs;
use crate::exit::{Exit, Failure, Outcome};
use std::fs::File;
use std::io::{BufWriter, Write as _};
use trama_sim::trace::Follower;
use trama_transport::FlowId;

pub(super) fn trace(args: &SimTraceArgs) -> Outcome {
    let text = ScenarioText::read(&args.scenario)?;
    let scenario = text.parse()?;
    let follower = Follower::new(FlowId(args.flow));
    let built = scenario.build_observed(&|name| text.load(name), follower);
    let (mut run, estimate) = built.map_err(|error| text.failure(&error))?;
    if args.flow as usize >= estimate.messages {
        let last = estimate.messages.saturating_sub(1);
        return Err(Failure::usage(format!("--flow: the messages are 0 to {last}")));
    }
    run.run(scenario.general.limit);
    let follower = run.observer().clone();
    if let Some(path) = &args.pcap {
        File::create(path)
            .and_then(|file| follower.write_capture(run.network(), BufWriter::new(file)))
            .map_err(|error| Failure::environment(format!("{}: {error}", path.display())))?;
    }
    let mut out = BufWriter::new(std::io::stdout().lock());
    follower
        .write_text(run.network(), &mut out)
        .and_then(|()| out.flush())
        .map_err(|error| Failure::environment(format!("standard output: {error}")))?;
    Ok(Exit::Ok)
}
