//! `trama bench`: nanoseconds per packet on one core.

use crate::args::BenchArgs;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::table::Table;
use serde_json::{Value, json};
use trama_base::quantity;
use trama_base::stats::Spread;
use trama_lab::bench::{self, Measurement, Plan};

pub(crate) fn bench(args: &BenchArgs) -> Outcome {
    if !(60..=9000).contains(&args.frame) || !(1..=65_536).contains(&args.flows) || args.rounds == 0
    {
        return Err(Failure::usage("frames have 60 to 9000 bytes, flows are 1 to 65536")
            .hint("and there is at least one round"));
    }
    let plan = Plan {
        rounds: args.rounds,
        packets: args.packets,
        flows: args.flows,
        frame_bytes: args.frame,
        interpreter: args.interpreter,
    };
    let results = bench::measure(&args.names, &plan).map_err(|why| match why {
        bench::WorkloadError::Unknown { .. } => Failure::usage(why.to_string()),
        _ => Failure::internal(why.to_string()),
    })?;
    if args.json {
        println!("{}", to_json(&plan, &results));
        return Ok(Exit::Ok);
    }
    println!(
        "{} flows, {}-byte frames from memory, copying and parsing included; \
         median of {} interleaved rounds (min-max)\n",
        quantity::count(plan.flows.into()),
        plan.frame_bytes,
        plan.rounds
    );
    let mut table =
        Table::new(&["workload", ">ns/packet", ">min-max", ">rate", ">interpreter", "what"]);
    for result in &results {
        let spread = result.ns_per_packet;
        table.row([
            result.name.into(),
            format!("{:.1}", spread.median),
            format!("{:.1}-{:.1}", spread.min, spread.max),
            quantity::packet_rate(1e9 / spread.median),
            result.interpreter_ns.map_or_else(String::new, |slow| {
                format!("{:.0} ns, {:.0}x", slow.median, slow.median / spread.median)
            }),
            result.about.into(),
        ]);
    }
    print!("{}", table.render());
    Ok(Exit::Ok)
}

fn to_json(plan: &Plan, results: &[Measurement]) -> Value {
    let spread = |s: Spread| json!({ "min": s.min, "median": s.median, "max": s.max });
    json!({
        "flows": plan.flows,
        "frame_bytes": plan.frame_bytes,
        "rounds": plan.rounds,
        "packets_per_round": plan.packets,
        "world": "live, one core, from memory",
        "results": results.iter().map(|r| json!({
            "name": r.name,
            "ns_per_packet": spread(r.ns_per_packet),
            "interpreter_ns": r.interpreter_ns.map(spread),
            "forwarded": r.forwarded,
        })).collect::<Vec<_>>(),
    })
}
