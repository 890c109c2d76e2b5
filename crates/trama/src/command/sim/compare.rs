//! `trama sim compare`: transports, loads and seeds side by side.

use super::{ScenarioText, render};
use crate::args::SimCompareArgs;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::table::Table;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use trama_sim::compare::{self, Job, METRICS, Numbers, Row};

pub(super) fn compare(args: &SimCompareArgs) -> Outcome {
    let text = ScenarioText::read(&args.scenario)?;
    let own = text.parse()?;
    if !args.loads.is_empty() && own.load_key().is_none() {
        return Err(Failure::usage("--loads: the workload of the scenario has no load"));
    }
    let transports = match &args.transports[..] {
        [] => vec![own.transport_name().to_owned()],
        said => said.to_vec(),
    };
    let jobs = compare::jobs(&transports, &args.loads, args.seeds.into());
    let sets: Vec<_> = jobs.iter().map(|job| settings(job, own.load_key())).collect();
    // What is wrong with a job is said before the first one runs.
    for set in &sets {
        text.with(set).parse()?;
    }
    let files: Vec<PathBuf> =
        jobs.iter().map(|job| args.out.join("jobs").join(job.name() + ".json")).collect();
    if args.plan {
        for (set, file) in sets.iter().zip(&files) {
            println!("{}", command(&text.with(set), file));
        }
        return Ok(Exit::Ok);
    }
    let failed =
        |error: std::io::Error| Failure::environment(format!("{}: {error}", args.out.display()));
    std::fs::create_dir_all(args.out.join("jobs")).map_err(failed)?;
    let runs: Vec<ScenarioText> = sets.iter().map(|set| text.with(set)).collect();
    let results = run_all(&runs, &files, args)?;
    let results: Vec<(Job, Numbers)> = jobs.into_iter().zip(results.iter().map(numbers)).collect();
    let rows = compare::rows(&results);
    let page = compare::html(&render::title(&own), &rows);
    std::fs::write(args.out.join("compare.html"), page).map_err(failed)?;
    if args.json {
        println!("{}", to_json(&rows));
    } else {
        print(&rows, args);
    }
    Ok(Exit::Ok)
}

/// What a job replaces in the scenario.
fn settings(job: &Job, load_key: Option<String>) -> Vec<(String, String)> {
    let mut set = vec![
        ("transport.name".to_owned(), job.transport.clone()),
        ("seed".to_owned(), job.seed.to_string()),
    ];
    set.extend(load_key.zip(job.load.clone()));
    set
}

/// The command line of a job.
fn command(text: &ScenarioText, file: &Path) -> String {
    let quote = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
    let mut line = format!("trama sim {} --json", quote(&text.path.display().to_string()));
    for (key, value) in &text.set {
        line += &format!(" --set {}", quote(&format!("{key}={value}")));
    }
    format!("{line} > {}", quote(&file.display().to_string()))
}

/// The reports of all jobs: those that are there already, the others run now.
fn run_all(
    runs: &[ScenarioText],
    files: &[PathBuf],
    args: &SimCompareArgs,
) -> Result<Vec<Value>, Failure> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = args.jobs.unwrap_or(cores).clamp(1, runs.len().max(1));
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<Option<Value>>> = Mutex::new(vec![None; runs.len()]);
    let failure: Mutex<Option<Failure>> = Mutex::new(None);
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let (Some(run), Some(file)) = (runs.get(index), files.get(index)) else { return };
            match run_one(run, file) {
                Ok((report, is_new)) => {
                    let what = if is_new { "" } else { ", done before" };
                    eprintln!("{}{what}", file.display());
                    let mut results = results.lock().expect("no worker panics while it holds it");
                    results[index] = Some(report);
                }
                Err(error) => {
                    next.store(runs.len(), Ordering::Relaxed);
                    *failure.lock().expect("no worker panics while it holds it") = Some(error);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(work);
        }
    });
    if let Some(failure) = failure.into_inner().expect("no worker panics while it holds it") {
        return Err(failure);
    }
    let results = results.into_inner().expect("no worker panics while it holds it");
    Ok(results.into_iter().map(|it| it.expect("every job has a report")).collect())
}

/// The report of a job, and whether it was run for it.
fn run_one(text: &ScenarioText, file: &Path) -> Result<(Value, bool), Failure> {
    let scenario = text.parse()?;
    let fingerprint = render::fingerprint(&scenario);
    let before = std::fs::read_to_string(file).ok();
    let before = before.and_then(|text| serde_json::from_str::<Value>(&text).ok());
    if let Some(report) = before.filter(|it| it["fingerprint"] == fingerprint.as_str()) {
        return Ok((report, false));
    }
    let result = scenario.run(&|name| text.load(name), |_| ());
    let (report, _) = result.map_err(|error| text.failure(&error))?;
    let written = format!("{}\n", render::json(&scenario, &report));
    // Whoever interrupts this finds all of a report or none of it.
    let partial = file.with_extension("part");
    std::fs::write(&partial, &written)
        .and_then(|()| std::fs::rename(&partial, file))
        .map_err(|error| Failure::environment(format!("{}: {error}", file.display())))?;
    // Read back, so that numbers are those that the next comparison will read.
    Ok((serde_json::from_str(&written).expect("it was just written as JSON"), true))
}

/// The numbers of a report that are compared.
fn numbers(report: &Value) -> Numbers {
    let classes = report["classes"].as_array().map_or(&[][..], Vec::as_slice);
    let slowdown = |class: Option<&Value>, which: &str| class?["slowdown"][which].as_f64();
    let (small, large) = (classes.first(), classes.last());
    let all = Some(&report["all"]);
    [
        report["all"]["unfinished"].as_f64(),
        report["goodput"].as_f64().map(|share| 100.0 * share),
        slowdown(all, "mean"),
        slowdown(all, "p99"),
        slowdown(small, "mean"),
        slowdown(small, "p99"),
        slowdown(large, "mean"),
        report["dropped"].as_f64(),
    ]
}

fn print(rows: &[Row], args: &SimCompareArgs) {
    let headings: Vec<String> = ["transport".to_owned(), "load".to_owned()]
        .into_iter()
        .chain(METRICS.iter().map(|name| format!(">{name}")))
        .collect();
    let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
    let mut table = Table::new(&headings);
    for row in rows {
        let mut cells = vec![row.transport.clone(), row.load.clone().unwrap_or("-".into())];
        cells.extend(row.means.map(|it| it.map_or("-".into(), |it| it.to_string())));
        table.row(cells);
    }
    println!("{}", table.render());
    println!(
        "  means of {} seeds with 95 % intervals; small and large are the first and the last class \
         of sizes; world: sim\n  {}",
        args.seeds,
        args.out.join("compare.html").display()
    );
}

fn to_json(rows: &[Row]) -> Value {
    let row = |row: &Row| {
        let numbers = METRICS.iter().zip(row.means).map(|(name, mean)| {
            let mean = mean.map(|it| json!({ "mean": it.value, "half_width": it.half_width }));
            ((*name).to_owned(), mean.into())
        });
        let numbers: serde_json::Map<String, Value> = numbers.collect();
        json!({
            "transport": row.transport,
            "load": row.load,
            "seeds": row.seeds,
            "numbers": numbers,
        })
    };
    json!({ "world": "sim", "rows": rows.iter().map(row).collect::<Vec<_>>() })
}
