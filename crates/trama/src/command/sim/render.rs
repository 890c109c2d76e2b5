//! A report of a simulation as text and as JSON.

use crate::output::table::Table;
use serde_json::{Value, json};
use std::fmt::Write as _;
use trama_base::quantity;
use trama_sim::report::{Class, Quantiles};
use trama_sim::{Report, Scenario};

/// What the run is called.
pub(super) fn title(scenario: &Scenario) -> String {
    match scenario.general.title.as_str() {
        "" => format!("{} simulated", scenario.transport_name()),
        title => title.to_owned(),
    }
}

/// The scenario with all its settings, as it could be written.
pub(super) fn settings(scenario: &Scenario) -> String {
    let mut text = String::new();
    for (table, settings) in scenario.settings() {
        if !table.is_empty() {
            let _ = writeln!(text, "\n[{table}]");
        }
        for it in settings {
            let _ = writeln!(text, "{} = \"{}\"  # {}", it.name, it.value, it.meaning);
        }
    }
    text
}

/// What tells reports of different settings apart.
pub(super) fn fingerprint(scenario: &Scenario) -> String {
    format!("{:016x}", scenario.fingerprint())
}

pub(super) fn text(scenario: &Scenario, report: &Report, elapsed_s: f64) -> String {
    let mut text = format!("{}\n\n", title(scenario));
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
    let _ = writeln!(text, "{}", table.render());
    let mut counts = Table::new(&["", ""]);
    for (name, value) in report.counts() {
        counts.row(vec![name.into(), value]);
    }
    let body = counts.render();
    // Its heading says nothing.
    let _ = writeln!(text, "{}", body.split_once('\n').map_or("", |(_, rows)| rows));
    let _ = writeln!(
        text,
        "  {} simulated in {elapsed_s:.2} s: {} events, {} packets over a link, {:.1} M/s; \
         world: sim, seed {}",
        report.duration,
        quantity::count(report.events),
        quantity::count(report.links),
        report.links as f64 / elapsed_s / 1e6,
        scenario.general.seed,
    );
    text
}

fn row(class: &Class, is_all: bool) -> Vec<String> {
    let mut cells =
        vec![class.name(is_all), class.messages.to_string(), class.unfinished.to_string()];
    let numbers = |it: Option<Quantiles>, digits: usize| {
        let it = it.map(|q| [q.mean, q.p50, q.p99, q.p999, q.max]);
        (0..5).map(move |i| it.map_or("-".into(), |q| format!("{:.digits$}", q[i])))
    };
    cells.extend(numbers(class.completion_us, 1));
    cells.extend(numbers(class.slowdown, 2).take(4));
    cells
}

pub(super) fn json(scenario: &Scenario, report: &Report) -> Value {
    let settings: serde_json::Map<_, _> = scenario
        .settings()
        .into_iter()
        .map(|(table, settings)| {
            let pairs = settings.into_iter().map(|it| (it.name.to_owned(), it.value.into()));
            (
                if table.is_empty() { "general".into() } else { table },
                Value::Object(pairs.collect()),
            )
        })
        .collect();
    let endpoints = &report.endpoints;
    json!({
        "title": title(scenario),
        "transport": scenario.transport_name(),
        "seed": scenario.general.seed,
        "world": "sim",
        "fingerprint": fingerprint(scenario),
        "settings": settings,
        "duration_ps": report.duration.0,
        "classes": report.classes.iter().map(class).collect::<Vec<_>>(),
        "all": class(&report.all),
        "goodput": report.goodput,
        "dropped": report.dropped,
        "trimmed": report.trimmed,
        "marked": report.marked,
        "lost": report.lost,
        "unroutable": report.unroutable,
        "pauses": report.pauses,
        "paused_ps": report.paused.0,
        "late": report.late,
        "data_packets": endpoints.data_packets,
        "retransmissions": endpoints.retransmissions,
        "timeouts": endpoints.timeouts,
        "peak": { "bytes": report.peak.0, "port": report.peak.1 },
        "events": report.events,
        "links": report.links,
    })
}

fn class(it: &Class) -> Value {
    let quantiles = |it: Option<Quantiles>| {
        it.map(
            |q| json!({ "mean": q.mean, "p50": q.p50, "p99": q.p99, "p999": q.p999, "max": q.max }),
        )
    };
    json!({
        "above_bytes": it.above_bytes,
        "to_bytes": (it.to_bytes != u64::MAX).then_some(it.to_bytes),
        "messages": it.messages,
        "unfinished": it.unfinished,
        "completion_us": quantiles(it.completion_us),
        "slowdown": quantiles(it.slowdown),
    })
}
