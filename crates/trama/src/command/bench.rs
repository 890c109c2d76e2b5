//! `trama bench`: nanoseconds per packet on one core.

use crate::args::{BenchArgs, BenchAxis, BenchSubject};
use crate::exit::{Exit, Failure, Outcome};
use crate::output::table::Table;
use serde_json::{Value, json};
use trama_base::quantity;
use trama_base::stats::Spread;
use trama_lab::bench::{
    self, Axis, Beside, Case, Curve, Measurement, Plan, Workload, WorkloadError,
};

/// Most flows.
const FLOWS_MAX: u32 = 4_000_000;

pub(crate) fn bench(args: &BenchArgs) -> Outcome {
    if args.names == ["live"] {
        return super::bench_live::bench_live(args);
    }
    if let Some((first, cases)) = args.names.split_first()
        && first == "sim"
    {
        return super::bench_sim::bench_sim(args, cases);
    }
    let in_range = (60..=9000).contains(&args.frame)
        && (1..=FLOWS_MAX).contains(&args.flows)
        && args.rounds > 0
        && args.packets > 0;
    if !in_range {
        return Err(Failure::usage("frames have 60 to 9000 bytes, flows are 1 to 4 million")
            .hint("and there is at least one round and one packet"));
    }
    if args.names.first().is_some_and(|name| name == "cores") {
        return super::bench_cores::bench_cores(args);
    }
    let plan = Plan { rounds: args.rounds, packets: args.packets, beside: beside(args) };
    let curves: Vec<Axis> = args.curve.iter().map(|axis| axis_of(*axis)).collect();
    let only_curves = !curves.is_empty() && args.names.is_empty() && !args.instructions;
    let cases = if only_curves { Vec::new() } else { cases(args).map_err(failure)? };
    let results = bench::measure(&cases, &plan).map_err(failure)?;
    let measured = curves.into_iter().map(|axis| bench::curve(axis, &plan));
    let curves = measured.collect::<Result<Vec<Curve>, _>>().map_err(failure)?;
    let instructions = if args.instructions { count(&cases)? } else { Vec::new() };

    let conditions = format!(
        "{} flows, {}-byte frames from memory, copying and parsing included; \
         median of {} interleaved rounds (min-max)",
        quantity::count(args.flows.into()),
        args.frame,
        plan.rounds
    );
    if let Some(path) = &args.page {
        std::fs::write(path, bench::page(&conditions, &results, &curves))
            .map_err(|why| Failure::usage(format!("cannot write {}: {why}", path.display())))?;
    }
    if args.json {
        println!("{}", to_json(args, &results, &instructions, &curves));
    } else {
        print(&conditions, &results, &instructions, &curves);
    }
    Ok(Exit::Ok)
}

fn beside(args: &BenchArgs) -> Beside {
    match args.only {
        None => Beside { hand: true, interpreter: args.interpreter, alone: false },
        Some(BenchSubject::Native) => Beside::default(),
        Some(BenchSubject::Hand) => Beside { hand: true, alone: true, interpreter: false },
        Some(BenchSubject::Interpreter) => Beside { interpreter: true, alone: true, hand: false },
    }
}

fn axis_of(axis: BenchAxis) -> Axis {
    match axis {
        BenchAxis::Flows => Axis::Flows,
        BenchAxis::Frame => Axis::Frame,
        BenchAxis::Length => Axis::Length,
    }
}

fn cases(args: &BenchArgs) -> Result<Vec<Case>, WorkloadError> {
    let chosen = if args.names.is_empty() {
        bench::workloads()
    } else {
        args.names.iter().map(|name| Workload::find(name)).collect::<Result<_, _>>()?
    };
    let case = |workload| Case { workload, flows: args.flows, frame_bytes: args.frame };
    Ok(chosen.into_iter().map(case).collect())
}

fn failure(why: WorkloadError) -> Failure {
    match why {
        WorkloadError::Unknown { .. } => Failure::usage(why.to_string()),
        _ => Failure::internal(why.to_string()),
    }
}

/// Instructions per packet of each case: as machine code, and by hand.
fn count(cases: &[Case]) -> Result<Vec<[Option<f64>; 2]>, Failure> {
    let program = std::env::current_exe()
        .map_err(|why| Failure::environment(format!("cannot find this program: {why}")))?;
    let of = |case: &Case, subject: &str| {
        bench::instructions(&program, case, subject)
            .map_err(|why| Failure::environment(why.to_string()))
    };
    let both = |case: &Case| {
        let hand = case.workload.has_hand().then(|| of(case, "hand")).transpose()?;
        Ok([Some(of(case, "native")?), hand])
    };
    cases.iter().map(both).collect()
}

fn print(
    conditions: &str,
    results: &[Measurement],
    instructions: &[[Option<f64>; 2]],
    curves: &[Curve],
) {
    if !results.is_empty() {
        println!("{conditions}\n");
        print!("{}", table(results, instructions).render());
    }
    for curve in curves {
        println!("\n{}: {}\n", curve.axis.name(), curve.axis.about());
        let mut table = Table::new(&[&format!(">{}", curve.axis.name()), ">ns/packet", ">min-max"]);
        for (at, point) in &curve.points {
            table.row([
                quantity::count(u64::from(*at)),
                median(point.native_ns, 1),
                range(point.native_ns, 1),
            ]);
        }
        print!("{}", table.render());
    }
}

fn table(results: &[Measurement], instructions: &[[Option<f64>; 2]]) -> Table {
    let mut headings =
        vec!["workload", ">ns/packet", ">min-max", ">rate", ">by hand", ">ratio", ">min-max"];
    if !instructions.is_empty() {
        headings.extend([">instructions", ">by hand"]);
    }
    headings.extend([">interpreter", "what"]);
    let mut table = Table::new(&headings);
    for (n, result) in results.iter().enumerate() {
        let native = result.native_ns;
        let mut row = vec![
            result.case.workload.name.clone(),
            median(native, 1),
            range(native, 1),
            native.map_or_else(String::new, |s| quantity::packet_rate(1e9 / s.median)),
            median(result.hand_ns, 1),
            median(result.ratio, 2),
            range(result.ratio, 2),
        ];
        if let Some(counted) = instructions.get(n) {
            row.extend(counted.map(|c| c.map_or_else(String::new, |c| format!("{c:.0}"))));
        }
        row.push(result.interpreter_ns.map_or_else(String::new, |slow| {
            let times =
                native.map_or_else(String::new, |s| format!(", {:.0}x", slow.median / s.median));
            format!("{:.0} ns{times}", slow.median)
        }));
        row.push(result.case.workload.about.clone());
        table.row(row);
    }
    table
}

fn median(spread: Option<Spread>, places: usize) -> String {
    spread.map_or_else(String::new, |s| format!("{:.places$}", s.median))
}

fn range(spread: Option<Spread>, places: usize) -> String {
    spread.map_or_else(String::new, |s| format!("{:.places$}-{:.places$}", s.min, s.max))
}

fn to_json(
    args: &BenchArgs,
    results: &[Measurement],
    instructions: &[[Option<f64>; 2]],
    curves: &[Curve],
) -> Value {
    let spread = |s: Spread| json!({ "min": s.min, "median": s.median, "max": s.max });
    let measured = |m: &Measurement| {
        json!({
            "name": m.case.workload.name,
            "flows": m.case.flows,
            "frame_bytes": m.case.frame_bytes,
            "ns_per_packet": m.native_ns.map(spread),
            "hand_ns": m.hand_ns.map(spread),
            "ratio_to_hand": m.ratio.map(spread),
            "interpreter_ns": m.interpreter_ns.map(spread),
            "forwarded": m.forwarded,
        })
    };
    let row = |(n, m): (usize, &Measurement)| {
        let mut row = measured(m);
        if let Some([native, hand]) = instructions.get(n) {
            row["instructions"] = json!({ "native": native, "hand": hand });
        }
        row
    };
    json!({
        "flows": args.flows,
        "frame_bytes": args.frame,
        "rounds": args.rounds,
        "packets_per_round": args.packets,
        "world": "live, one core, from memory",
        "results": results.iter().enumerate().map(row).collect::<Vec<_>>(),
        "curves": curves.iter().map(|curve| json!({
            "axis": curve.axis.name(),
            "about": curve.axis.about(),
            "points": curve.points.iter().map(|(at, point)| {
                json!({ "at": at, "measured": measured(point) })
            }).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    })
}
