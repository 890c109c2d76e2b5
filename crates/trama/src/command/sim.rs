//! `trama sim`: a fabric simulated by a scenario.

use crate::args::SimArgs;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::table::Table;
use serde_json::{Value, json};
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use trama_base::quantity;
use trama_sim::report::{Class, Quantiles};
use trama_sim::scenario::ScenarioError;
use trama_sim::{FlowRecord, Report, Scenario};

pub(crate) fn sim(args: &SimArgs) -> Outcome {
    let path = args.scenario.display();
    let text = std::fs::read_to_string(&args.scenario)
        .map_err(|error| Failure::usage(format!("{path}: {error}")))?;
    let mut set = Vec::new();
    for pair in &args.set {
        let (key, value) = pair
            .split_once('=')
            .ok_or_else(|| Failure::usage(format!("--set {pair}: it is KEY=VALUE")))?;
        set.push((key.to_owned(), value.to_owned()));
    }
    if let Some(seed) = args.seed {
        set.push(("seed".into(), seed.to_string()));
    }
    let wrong = |error: ScenarioError| Failure::usage(format!("{path}: {error}"));
    let scenario = Scenario::parse_with(&text, &set).map_err(wrong)?;
    let shows_progress = std::io::stderr().is_terminal() && !args.json;
    let start = std::time::Instant::now();
    let (report, flows) = scenario
        .run(|now, events| {
            if shows_progress {
                let rate = events as f64 / start.elapsed().as_secs_f64();
                eprint!(
                    "\r{now} simulated, {} events, {:.1} M/s ",
                    quantity::count(events),
                    rate / 1e6
                );
                let _ = std::io::stderr().flush();
            }
        })
        .map_err(wrong)?;
    if shows_progress {
        eprintln!();
    }
    if let Some(folder) = &args.out {
        write_flows(folder, &flows)?;
    }
    if args.json {
        println!("{}", to_json(&scenario, &report));
    } else {
        print(&scenario, &report, start.elapsed().as_secs_f64());
    }
    Ok(Exit::Ok)
}

/// One line for each message.
fn write_flows(folder: &Path, flows: &[FlowRecord]) -> Result<(), Failure> {
    let path = folder.join("flows.csv");
    let write = || {
        std::fs::create_dir_all(folder)?;
        let mut file = std::io::BufWriter::new(std::fs::File::create(&path)?);
        writeln!(file, "flow,source,destination,bytes,submitted_ps,received_ps,acknowledged_ps")?;
        for (index, it) in flows.iter().enumerate() {
            let time =
                |at: Option<trama_base::Picos>| at.map_or(String::new(), |at| at.0.to_string());
            let (source, destination) = (it.flow.source.0, it.flow.destination.0);
            let (bytes, at) = (it.flow.bytes, it.flow.at.0);
            let (received, known) = (time(it.received), time(it.acknowledged));
            writeln!(file, "{index},{source},{destination},{bytes},{at},{received},{known}")?;
        }
        file.flush()
    };
    write().map_err(|error| Failure::environment(format!("{}: {error}", path.display())))
}

fn print(scenario: &Scenario, report: &Report, wall_s: f64) {
    if !scenario.title.is_empty() {
        println!("{}\n", scenario.title);
    }
    let headings = [
        "size",
        ">messages",
        ">unfinished",
        ">mean us",
        ">p50",
        ">p99",
        ">p99.9",
        ">max",
        ">slowdown",
        ">p50",
        ">p99",
        ">p99.9",
    ];
    let mut table = Table::new(&headings);
    for class in report.classes.iter().chain([&report.all]) {
        table.row(row(class, std::ptr::eq(class, &report.all)));
    }
    println!("{}", table.render());
    println!(
        "  goodput {:.1} % of the hosts' links; dropped {}, trimmed {}, marked {} packets; at most {} waited ({})",
        100.0 * report.goodput,
        quantity::count(report.dropped),
        quantity::count(report.trimmed),
        quantity::count(report.marked),
        quantity::bytes(report.peak.0.into()),
        report.peak.1,
    );
    println!(
        "  {} simulated in {wall_s:.2} s: {} events, {} packets over a link, {:.1} M/s; world: sim, seed {}",
        report.duration,
        quantity::count(report.events),
        quantity::count(report.links),
        report.links as f64 / wall_s / 1e6,
        scenario.seed,
    );
}

fn row(class: &Class, is_all: bool) -> Vec<String> {
    let name = match (is_all, class.to_bytes) {
        (true, _) => "all".into(),
        (_, u64::MAX) => format!("> {}", quantity::bytes(class.above_bytes)),
        (_, to) => format!("<= {}", quantity::bytes(to)),
    };
    let mut cells = vec![name, class.messages.to_string(), class.unfinished.to_string()];
    let numbers = |it: Option<Quantiles>, digits: usize| {
        let it = it.map(|q| [q.mean, q.p50, q.p99, q.p999, q.max]);
        (0..5).map(move |i| it.map_or("-".into(), |q| format!("{:.digits$}", q[i])))
    };
    cells.extend(numbers(class.completion_us, 1));
    cells.extend(numbers(class.slowdown, 2).take(4));
    cells
}

fn to_json(scenario: &Scenario, report: &Report) -> Value {
    let quantiles = |it: Option<Quantiles>| {
        it.map(
            |q| json!({ "mean": q.mean, "p50": q.p50, "p99": q.p99, "p999": q.p999, "max": q.max }),
        )
    };
    let class = |it: &Class| {
        json!({
            "above_bytes": it.above_bytes,
            "to_bytes": (it.to_bytes != u64::MAX).then_some(it.to_bytes),
            "messages": it.messages,
            "unfinished": it.unfinished,
            "completion_us": quantiles(it.completion_us),
            "slowdown": quantiles(it.slowdown),
        })
    };
    json!({
        "title": scenario.title,
        "seed": scenario.seed,
        "world": "sim",
        "duration_ps": report.duration.0,
        "classes": report.classes.iter().map(class).collect::<Vec<_>>(),
        "all": class(&report.all),
        "goodput": report.goodput,
        "dropped": report.dropped,
        "trimmed": report.trimmed,
        "marked": report.marked,
        "peak": { "bytes": report.peak.0, "port": report.peak.1 },
        "events": report.events,
        "links": report.links,
    })
}
