//! Runs of scenarios and what is asked of them. Not every test asks for everything.
#![allow(dead_code)]

use trama_sim::Scenario;
use trama_sim::report::Quantiles;
use trama_sim::scenario::Run;

/// A run of a scenario with some keys replaced. Each file that it names has the text of
/// `messages`.
pub(crate) fn run(text: &str, set: &[(&str, &str)], messages: &str) -> Run {
    let set: Vec<_> = set.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect();
    let scenario = Scenario::parse_with(text, &set).expect("it is sound");
    let load = |_: &str| Ok(messages.to_owned());
    let (mut run, _) = scenario.build(&load).expect("it is sound");
    run.run(scenario.general.limit);
    run
}

/// Slowdowns of the messages of more than `above` and up to `to` bytes: the completion time over
/// that of the message alone in packets of 1500 B with headers of 40 B. One that has not arrived
/// counts as if it did at the end.
pub(crate) fn slowdowns(run: &Run, above: u64, to: u64) -> Quantiles {
    let is_of_class = |bytes| bytes > above && bytes <= to;
    let of_class = run.record().flows.iter().filter(|it| is_of_class(it.flow.bytes));
    let slowdown = |it: &trama_sim::FlowRecord| {
        let alone = run.network().unloaded(&it.flow, 1500, 40);
        let completion = it.completion().unwrap_or(run.now() - it.flow.at);
        completion.0 as f64 / alone.0 as f64
    };
    Quantiles::of(of_class.map(slowdown).collect()).expect("there are such messages")
}
