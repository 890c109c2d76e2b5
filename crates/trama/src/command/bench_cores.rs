//! `trama bench cores`: what a second core brings.

use crate::args::BenchArgs;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::table::Table;
use serde_json::{Value, json};
use trama_base::quantity;
use trama_base::stats::Spread;
use trama_lab::bench::{self, CoresPlan, CoresResult, Workload};

pub(crate) fn bench_cores(args: &BenchArgs) -> Outcome {
    let names = &args.names[1..];
    let chosen = if names.is_empty() {
        Ok(bench::workloads())
    } else {
        names.iter().map(|name| Workload::find(name)).collect()
    };
    let workloads = chosen.map_err(|why| Failure::usage(why.to_string()))?;
    let plan = CoresPlan {
        cores: usize::from(args.cores),
        rounds: args.rounds,
        packets: args.packets,
        flows: args.flows,
        frame_bytes: args.frame,
    };
    let there = std::thread::available_parallelism().map_or(1, usize::from);
    if there < plan.cores {
        return Err(Failure::environment(format!(
            "there are {there} processors here, and {} cores to measure",
            plan.cores
        )));
    }
    let results =
        bench::cores(&workloads, &plan).map_err(|why| Failure::internal(why.to_string()))?;
    if args.json {
        println!("{}", to_json(&plan, &results));
    } else {
        print(&plan, &results);
    }
    Ok(Exit::Ok)
}

fn print(plan: &CoresPlan, results: &[CoresResult]) {
    println!(
        "{} flows, {}-byte frames from memory, cut up for the cores beforehand; median of {} \
         rounds (min-max), in each of which every program runs on 1 and on {} cores [live]\n",
        quantity::count(plan.flows.into()),
        plan.frame_bytes,
        plan.rounds,
        plan.cores
    );
    let several = format!(">{} cores", plan.cores);
    let mut table =
        Table::new(&["", ">1 core", &several, ">speed-up", ">CPU of a packet", ">imbalance"]);
    let mut rest = Vec::new();
    for result in results {
        match result {
            CoresResult::Measured { name, one, several, speedup, cost, imbalance } => {
                let times = |s: &Spread| format!("{:.2}x ({:.2}-{:.2})", s.median, s.min, s.max);
                table.row([
                    name.clone(),
                    quantity::packet_rate(one.median),
                    quantity::packet_rate(several.median),
                    times(speedup),
                    times(cost),
                    format!("{imbalance:.3}"),
                ]);
            }
            CoresResult::Kept { name, objects } => {
                rest.push(format!("{name}: kept on one core by {}", objects.join(", ")));
            }
        }
    }
    print!("{}", table.render());
    if !rest.is_empty() {
        println!("\n{}", rest.join("\n"));
    }
}

fn to_json(plan: &CoresPlan, results: &[CoresResult]) -> Value {
    let spread = |s: &Spread| json!({ "min": s.min, "median": s.median, "max": s.max });
    let one = |result: &CoresResult| match result {
        CoresResult::Measured { name, one, several, speedup, cost, imbalance } => json!({
            "name": name,
            "one_packets_per_s": spread(one),
            "several_packets_per_s": spread(several),
            "speedup": spread(speedup),
            "cpu_per_packet_ratio": spread(cost),
            "imbalance": imbalance,
        }),
        CoresResult::Kept { name, objects } => json!({ "name": name, "kept_by": objects }),
    };
    json!({
        "cores": plan.cores,
        "rounds": plan.rounds,
        "packets": plan.packets,
        "flows": plan.flows,
        "frame_bytes": plan.frame_bytes,
        "results": results.iter().map(one).collect::<Vec<_>>(),
    })
}
