//! `trama bench live`: Trama beside what else forwards packets on this machine.

use crate::args::BenchArgs;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::table::Table;
use serde_json::{Value, json};
use trama_base::quantity;
use trama_base::stats::Spread;
use trama_lab::bench::{self, LivePlan, LiveResult, Task};

pub(crate) fn bench_live(args: &BenchArgs) -> Outcome {
    trama_lab::require_root().map_err(Failure::environment)?;
    let trama = std::env::current_exe()
        .map_err(|why| Failure::environment(format!("cannot find this program: {why}")))?;
    let scratch = std::env::temp_dir().join(format!("trama-bench-{}", std::process::id()));
    std::fs::create_dir_all(&scratch)
        .map_err(|why| Failure::environment(format!("{}: {why}", scratch.display())))?;
    let plan =
        LivePlan { rounds: args.rounds, seconds: args.seconds, trama, scratch: scratch.clone() };
    let compared = bench::live(&plan);
    // What stays behind is only temporary.
    let _ = std::fs::remove_dir_all(&scratch);
    let (results, left_out) = compared.map_err(|why| Failure::environment(why.to_string()))?;
    if args.json {
        println!("{}", to_json(&plan, &results, &left_out));
        return Ok(Exit::Ok);
    }
    println!(
        "median of {} interleaved rounds of {} s (min-max) [live]; machine: processor time of all \
         cores with interrupts, sender and receiver included, for each small packet that arrived\n",
        plan.rounds, plan.seconds
    );
    for (task, title) in [(Task::Edge, "filter and translate"), (Task::Bridge, "bridge")] {
        println!("{title}\n");
        print!("{}", table(results.iter().filter(|r| r.contender.task() == task)).render());
        println!();
    }
    left_out.iter().for_each(|why| println!("left out: {why}"));
    Ok(Exit::Ok)
}

fn table<'a>(results: impl Iterator<Item = &'a LiveResult>) -> Table {
    let mut table = Table::new(&[
        "",
        ">TCP Gbit/s",
        ">UDP packets",
        ">machine",
        ">forwarder",
        ">requests/s",
        ">p50",
        ">p99",
    ]);
    for result in results {
        let with = |spread: Option<Spread>, print: &dyn Fn(f64) -> String| {
            spread.map_or_else(String::new, |s| {
                format!("{} ({}-{})", print(s.median), print(s.min), print(s.max))
            })
        };
        let ns = |ns: f64| format!("{ns:.0} ns");
        let us = |us: f64| format!("{us:.0} us");
        table.row([
            result.contender.name().into(),
            with(result.tcp_gbps, &|rate| format!("{rate:.2}")),
            with(result.udp_pps, &quantity::packet_rate),
            with(result.machine_ns, &ns),
            with(result.process_ns, &ns),
            with(result.requests, &|rate| format!("{rate:.0}")),
            with(result.latency_us[0], &us),
            with(result.latency_us[1], &us),
        ]);
    }
    table
}

fn to_json(plan: &LivePlan, results: &[LiveResult], left_out: &[String]) -> Value {
    let spread = |s: Spread| json!({ "min": s.min, "median": s.median, "max": s.max });
    json!({
        "world": "live",
        "rounds": plan.rounds,
        "seconds": plan.seconds,
        "left_out": left_out,
        "results": results.iter().map(|r| json!({
            "name": r.contender.name(),
            "task": if r.contender.task() == Task::Edge { "edge" } else { "bridge" },
            "tcp_gbit_per_s": r.tcp_gbps.map(spread),
            "udp_packets_per_s": r.udp_pps.map(spread),
            "machine_ns_per_packet": r.machine_ns.map(spread),
            "forwarder_ns_per_packet": r.process_ns.map(spread),
            "requests_per_s": r.requests.map(spread),
            "latency_us_p50": r.latency_us[0].map(spread),
            "latency_us_p99": r.latency_us[1].map(spread),
        })).collect::<Vec<_>>(),
    })
}
