//! `trama bench sim`: packets over links for each second of processor time.

use crate::args::BenchArgs;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::table::Table;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use trama_base::quantity;
use trama_base::stats::Spread;
use trama_lab::bench::{CountError, FABRIC_CASES, FabricCase, FabricError, FabricRun};

/// A case with what was measured of it.
struct Measured {
    case: &'static FabricCase,
    run: FabricRun,
    links_per_s: Spread,
    instructions: Option<f64>,
}

pub(crate) fn bench_sim(args: &BenchArgs, names: &[String]) -> Outcome {
    let found = names.iter().map(|name| FabricCase::find(name)).collect::<Result<Vec<_>, _>>();
    let mut cases = found.map_err(failure)?;
    if cases.is_empty() {
        cases = FABRIC_CASES.iter().collect();
    }
    if let ([case], true) = (&cases[..], args.alone) {
        let run = case.run(args.size.map(usize::from)).map_err(failure)?;
        println!("{}", to_json(&run));
        return Ok(Exit::Ok);
    }
    if args.rounds == 0 || args.alone {
        return Err(Failure::usage("there is at least one round"));
    }
    let program = std::env::current_exe()
        .map_err(|why| Failure::environment(format!("cannot find this program: {why}")))?;
    let mut runs: Vec<Vec<FabricRun>> = vec![Vec::new(); cases.len()];
    for _ in 0..args.rounds {
        for (case, runs) in cases.iter().zip(&mut runs) {
            runs.push(run_apart(&program, case)?);
        }
    }
    let mut measured = Vec::new();
    for (case, runs) in cases.into_iter().zip(runs) {
        let rates: Vec<f64> = runs.iter().map(|run| run.links as f64 / run.cpu_s).collect();
        let links = |text: &str| serde_json::from_str::<Value>(text).ok()?["links"].as_u64();
        let count = || case.instructions(&program, links).map_err(failure);
        let instructions = if args.instructions { Some(count()?) } else { None };
        let links_per_s = Spread::of(&rates).expect("there is a round");
        let memory_bytes = runs.iter().map(|run| run.memory_bytes).max().unwrap_or(0);
        let run = FabricRun { memory_bytes, ..runs[0] };
        measured.push(Measured { case, run, links_per_s, instructions });
    }
    if args.json {
        let all: Vec<Value> = measured.iter().map(measured_json).collect();
        println!("{}", json!({ "world": "sim", "rounds": args.rounds, "cases": all }));
    } else {
        print(&measured, args.rounds);
    }
    Ok(Exit::Ok)
}

/// Runs a case in a process of its own.
fn run_apart(program: &Path, case: &'static FabricCase) -> Result<FabricRun, Failure> {
    let failed = |why: String| failure(FabricError::Process(case.name, why));
    let output = Command::new(program)
        .args(case.arguments(None))
        .output()
        .map_err(|error| failed(error.to_string()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    from_json(&text)
        .ok_or_else(|| failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

fn failure(error: FabricError) -> Failure {
    match error {
        FabricError::Unknown(..) => Failure::usage(error.to_string()),
        FabricError::Count(CountError::Start(_)) => Failure::environment(error.to_string()),
        _ => Failure::environment(error.to_string()),
    }
}

fn to_json(run: &FabricRun) -> Value {
    json!({
        "links": run.links,
        "events": run.events,
        "messages": run.messages,
        "simulated_ps": run.simulated.0,
        "cpu_s": run.cpu_s,
        "memory_bytes": run.memory_bytes,
    })
}

fn from_json(text: &str) -> Option<FabricRun> {
    let value: Value = serde_json::from_str(text).ok()?;
    let number = |key: &str| value[key].as_u64();
    Some(FabricRun {
        links: number("links")?,
        events: number("events")?,
        messages: number("messages")?,
        simulated: trama_base::Picos(number("simulated_ps")?),
        cpu_s: value["cpu_s"].as_f64()?,
        memory_bytes: number("memory_bytes")?,
    })
}

fn measured_json(it: &Measured) -> Value {
    let mut value = to_json(&it.run);
    let Spread { min, median, max } = it.links_per_s;
    value["name"] = it.case.name.into();
    value["links_per_cpu_s"] = json!({ "median": median, "min": min, "max": max });
    value["instructions_per_link"] = it.instructions.into();
    value
}

fn print(measured: &[Measured], rounds: u32) {
    println!(
        "median of {rounds} interleaved rounds (min-max), one core, processor time; world: sim\n"
    );
    let headings = [
        "case",
        "",
        ">packets over a link",
        ">million a second",
        ">instructions",
        ">memory",
        ">for each message",
    ];
    let mut table = Table::new(&headings);
    for it in measured {
        let Spread { min, median, max } = it.links_per_s;
        let each = it.run.memory_bytes / it.run.messages.max(1);
        table.row([
            it.case.name.into(),
            it.case.summary.into(),
            quantity::count(it.run.links),
            format!("{:.1} ({:.1}-{:.1})", median / 1e6, min / 1e6, max / 1e6),
            it.instructions.map_or("-".into(), |it| format!("{it:.0}")),
            quantity::bytes(it.run.memory_bytes),
            quantity::bytes(each),
        ]);
    }
    print!("{}", table.render());
}
