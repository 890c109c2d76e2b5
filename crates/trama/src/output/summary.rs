//! What a run did: for people and as JSON.

use crate::command::endpoints::Described;
use crate::command::parallel::Crew;
use crate::output::table::Table;
use serde_json::{Value, json};
use std::fmt::Write;
use trama_base::quantity;
use trama_lang::engine::{Engine, LogLine, Report, Traffic};
use trama_lang::ir::{Node, Program};
use trama_live::io::Counters;
use trama_live::parallel::{CoreLoad, Incident};
use trama_live::run::{RunSummary, StopReason};
use trama_state::{StateKind, StateStats};

/// Below so many packets the mean time of one says little.
const FEW: u64 = 100_000;

/// A finished run.
pub(crate) struct Summary<'a> {
    program: &'a Program,
    report: Report,
    logs: Vec<LogLine>,
    /// (element, state, index, packets, bytes) of counters that are not zero.
    counters: Vec<(usize, usize, u64, Traffic)>,
    /// What the runner says.
    pub(crate) run: RunSummary,
    described: Described,
    crew: Crew,
}

impl<'a> Summary<'a> {
    /// Takes the counters out of the engine; `logs` are lines that were taken out of it before and
    /// are to be told again.
    pub(crate) fn new(
        program: &'a Program,
        engine: &mut dyn Engine,
        run: RunSummary,
        mut logs: Vec<LogLine>,
        described: Described,
    ) -> Self {
        let counters = counters(program, engine);
        let report = engine.report();
        logs.extend(engine.take_logs());
        Self { program, report, logs, counters, run, described, crew: Crew::default() }
    }

    /// Adds who did the work.
    pub(crate) fn with(mut self, crew: Crew) -> Self {
        self.crew = crew;
        self
    }

    fn stop(&self) -> &'static str {
        match self.run.stop {
            StopReason::EndOfInput => "end of input",
            StopReason::Asked => "stopped",
            StopReason::Duration => "duration over",
            StopReason::SourcesGone => "no source left",
            StopReason::OutputFailed => "an output failed",
        }
    }

    /// (element, reason, packets) of all drops.
    fn drops(&self) -> Vec<(&str, &str, u64)> {
        let mut drops = Vec::new();
        for (node, report) in self.program.nodes.iter().zip(&self.report.nodes) {
            for (reason, &count) in node.reasons.iter().zip(&report.drops) {
                drops.push((node.name.as_str(), reason.as_str(), count));
            }
            drops.push((&node.name, "discarded", report.discarded));
            drops.push((&node.name, "neither sent nor dropped", report.consumed));
        }
        drops.push(("(input)", "port not connected", self.report.unconnected));
        drops.push(("(input)", "discarded", self.report.discarded));
        drops.retain(|drop| drop.2 > 0);
        drops
    }

    fn logs_of(&self, node: usize) -> (u64, u64) {
        let logs = &self.report.nodes[node].logs;
        logs.iter().fold((0, 0), |sum, site| (sum.0 + site.0, sum.1 + site.1))
    }

    /// The text for people.
    pub(crate) fn render(&self) -> String {
        let mut out = String::new();
        self.render_ports(&mut out);
        self.render_drops(&mut out);
        self.render_states(&mut out);
        self.render_counters(&mut out);
        self.render_events(&mut out);
        for line in &self.logs {
            let kind = if line.alert { "alert" } else { "log" };
            let node = &self.program.nodes[line.node as usize].name;
            let time = trama_lang::values::time(line.time);
            let _ = writeln!(out, "  {kind} {time} {node}: {}", line.text);
        }
        for index in 0..self.program.nodes.len() {
            let (_, suppressed) = self.logs_of(index);
            if suppressed > 0 {
                let name = &self.program.nodes[index].name;
                let _ = writeln!(out, "  {name}: {suppressed} lines suppressed by their limit");
            }
        }
        self.render_ends(&mut out);
        let progress = &self.run.progress;
        let _ = writeln!(
            out,
            "{} packets ({}) in {}: {}",
            quantity::count(progress.packets),
            quantity::bytes(progress.bytes),
            progress.elapsed,
            self.stop()
        );
        if self.crew.is_in_place()
            && let Some(ns) = progress.ns_per_packet()
        {
            let rate = quantity::packet_rate(1e9 / ns);
            let remark = if progress.packets < FEW {
                "; so few packets mostly touch memory for the first time: `trama bench` measures"
            } else {
                ""
            };
            let _ = writeln!(out, "{ns:.0} ns per packet, {rate} per core (engine time{remark})");
        }
        self.render_cores(&mut out);
        self.render_stages(&mut out);
        for failure in &self.run.failures {
            let port = &self.program.ports[failure.port as usize];
            let _ = writeln!(out, "error at {port}: {}", failure.error);
        }
        out
    }

    /// Events and records, of elements that have some.
    fn render_events(&self, out: &mut String) {
        let mut table = Table::new(&["event", ">generated", ">fired", ">pending", ">refused"]);
        let mut emitted = Vec::new();
        for (node, report) in self.program.nodes.iter().zip(&self.report.nodes) {
            for (event, stats) in node.events.iter().zip(&report.events) {
                let counts = [stats.generated, stats.fired, stats.pending, stats.refused];
                let name = format!("{}.{}", node.name, event.name);
                table.row([name].into_iter().chain(counts.map(quantity::count)));
            }
            for (stream, stats) in node.streams.iter().zip(&report.streams) {
                let count = quantity::count(stats.emitted);
                emitted.push(format!("{count} records of {}.{}", node.name, stream.name));
            }
        }
        if !table.is_empty() {
            let _ = writeln!(out, "{}", table.render());
        }
        if !emitted.is_empty() {
            let _ = writeln!(out, "  {}", emitted.join(", "));
        }
    }

    /// What each core did, and how packets found it.
    fn render_cores(&self, out: &mut String) {
        let Some(division) = &self.crew.division else { return };
        let loads = self.crew.loads();
        let total: u64 = loads.iter().map(|load| load.packets).sum();
        let mut table = Table::new(&["core", ">packets", ">share", ">CPU ns each"]);
        for (core, load) in loads.iter().enumerate() {
            let share = 100.0 * load.packets as f64 / total.max(1) as f64;
            let ns = load.busy.0 as f64 / load.packets.max(1) as f64;
            table.row([
                core.to_string(),
                quantity::count(load.packets),
                format!("{share:.1} %"),
                format!("{ns:.0}"),
            ]);
        }
        let _ = writeln!(out, "{}", table.render());
        let mut table = Table::new(&["port", "steered by"]);
        for (name, steering) in self.program.ports.iter().zip(&division.steering) {
            let rules: Vec<String> =
                steering.rules().iter().map(|(rule, _)| rule.to_string()).collect();
            table.row([name.clone(), rules.join("; ")]);
        }
        let _ = writeln!(out, "{}", table.render());
        let mut table = Table::new(&["state", "on the cores"]);
        for (node, row) in self.program.nodes.iter().zip(&division.placements) {
            for (spec, placement) in node.states.iter().zip(row) {
                table.row([format!("{}.{}", node.name, spec.name), placement.word().into()]);
            }
        }
        if !table.is_empty() {
            let _ = writeln!(out, "{}", table.render());
        }
        let _ = writeln!(
            out,
            "{} on {} cores, imbalance {:.2} (the busiest core's packets over the mean)",
            quantity::packet_rate(self.rate()),
            loads.len(),
            imbalance(&loads)
        );
    }

    /// What became of elements that were kept apart.
    fn render_stages(&self, out: &mut String) {
        let stages = self.crew.stages();
        if stages.is_empty() {
            return;
        }
        let mut table = Table::new(&["stage", ">given", ">sent on", ">restarts", "lost"]);
        for stage in &stages {
            let lost: Vec<String> =
                stage.lost.iter().map(|(why, count)| format!("{count} {why}")).collect();
            table.row([
                stage.name.clone(),
                quantity::count(stage.given),
                quantity::count(stage.returned),
                stage.restarts.to_string(),
                lost.join(", "),
            ]);
        }
        let _ = writeln!(out, "{}", table.render());
        for incident in stages.iter().flat_map(|stage| &stage.incidents) {
            let Incident { stage, what, lost } = incident;
            let _ = writeln!(out, "  {stage} {what}: {lost} packets lost; its state began anew");
        }
    }

    fn stages_to_json(&self) -> Value {
        let stages = self.crew.stages();
        Value::from_iter(stages.iter().map(|stage| {
            json!({
                "name": stage.name,
                "given": stage.given,
                "sent_on": stage.returned,
                "restarts": stage.restarts,
                "lost": stage.lost,
                "incidents": stage.incidents.iter().map(|incident| json!({
                    "what": incident.what,
                    "lost": incident.lost,
                })).collect::<Vec<_>>(),
            })
        }))
    }

    /// Packets in a second of wall time.
    fn rate(&self) -> f64 {
        let progress = &self.run.progress;
        progress.packets as f64 / progress.elapsed.as_secs_f64().max(1e-9)
    }

    fn cores_to_json(&self) -> Value {
        let Some(division) = &self.crew.division else { return Value::Null };
        let loads = self.crew.loads();
        let steering = self.program.ports.iter().zip(&division.steering);
        json!({
            "cores": loads.iter().map(|load| json!({
                "packets": load.packets,
                "cpu_ns": load.busy.0,
            })).collect::<Vec<_>>(),
            "imbalance": imbalance(&loads),
            "packets_per_s": self.rate(),
            "symmetric": division.symmetric,
            "steering": steering.map(|(name, steering)| json!({
                "port": name,
                "rules": steering.rules().iter().map(|(rule, _)| rule.to_string())
                    .collect::<Vec<_>>(),
            })).collect::<Vec<_>>(),
            "placements": self.program.nodes.iter().zip(&division.placements)
                .flat_map(|(node, row)| node.states.iter().zip(row).map(|(spec, placement)| json!({
                    "state": format!("{}.{}", node.name, spec.name),
                    "placement": placement.word(),
                })))
                .collect::<Vec<_>>(),
        })
    }

    fn render_ports(&self, out: &mut String) {
        let mut table = Table::new(&["port", ">in", ">bytes", ">out", ">bytes"]);
        for (index, name) in self.program.ports.iter().enumerate() {
            let (received, sent) = (self.report.received[index], self.report.sent[index]);
            table.row([
                name.clone(),
                quantity::count(received.packets),
                quantity::bytes(received.bytes),
                quantity::count(sent.packets),
                quantity::bytes(sent.bytes),
            ]);
        }
        let _ = writeln!(out, "{}", table.render());
    }

    fn render_drops(&self, out: &mut String) {
        let mut table = Table::new(&["dropped by", "reason", ">packets"]);
        for (element, reason, count) in self.drops() {
            table.row([element.into(), reason.into(), quantity::count(count)]);
        }
        if !table.is_empty() {
            let _ = writeln!(out, "{}", table.render());
        }
    }

    fn render_states(&self, out: &mut String) {
        let mut table =
            Table::new(&["state", ">entries", ">peak", ">of", ">expired", ">evicted", ">refused"]);
        for (node, report) in self.program.nodes.iter().zip(&self.report.nodes) {
            for (spec, stats) in node.states.iter().zip(&report.states) {
                let is_fixed = matches!(
                    spec.kind,
                    StateKind::Array { .. } | StateKind::Counter { .. } | StateKind::Patterns(_)
                );
                if is_fixed || *stats == StateStats::default() {
                    continue;
                }
                table.row([
                    format!("{}.{}", node.name, spec.name),
                    quantity::count(stats.len),
                    quantity::count(stats.peak),
                    quantity::count(spec.kind.capacity()),
                    quantity::count(stats.expired),
                    quantity::count(stats.evicted),
                    quantity::count(stats.refused),
                ]);
            }
        }
        if !table.is_empty() {
            let _ = writeln!(out, "{}", table.render());
        }
    }

    fn render_counters(&self, out: &mut String) {
        let mut table = Table::new(&["counter", ">packets", ">bytes"]);
        for &(node, state, index, counted) in &self.counters {
            let spec = &self.program.nodes[node].states[state];
            let place =
                if spec.kind.capacity() == 1 { String::new() } else { format!("[{index}]") };
            table.row([
                format!("{}.{}{place}", self.program.nodes[node].name, spec.name),
                quantity::count(counted.packets),
                quantity::bytes(counted.bytes),
            ]);
        }
        if !table.is_empty() {
            let _ = writeln!(out, "{}", table.render());
        }
    }

    fn render_ends(&self, out: &mut String) {
        let mut table = Table::new(&["", "port", "where", "mechanism", ">frames", "lost"]);
        let lost = |counters: &Counters| {
            let parts: Vec<_> =
                counters.drops().map(|(why, n)| format!("{n} {}", why.text())).collect();
            parts.join(", ")
        };
        let ends = [
            ("from", &self.described.inputs, &self.run.progress.inputs),
            ("to", &self.described.outputs, &self.run.progress.outputs),
        ];
        for (word, described, counters) in ends {
            for (end, counted) in described.iter().zip(counters) {
                table.row([
                    word.into(),
                    self.program.ports[end.0 as usize].clone(),
                    end.1.clone(),
                    end.2.clone(),
                    quantity::count(counted.counters.frames),
                    lost(&counted.counters),
                ]);
            }
        }
        let _ = writeln!(out, "{}", table.render());
    }

    /// The same for machines.
    pub(crate) fn to_json(&self) -> Value {
        let progress = &self.run.progress;
        let nodes = self.program.nodes.iter().enumerate();
        json!({
            "program": self.program.name,
            "stop": self.stop(),
            "packets": progress.packets,
            "bytes": progress.bytes,
            "elapsed_ns": progress.elapsed.0,
            "engine_ns": progress.busy.0,
            "ns_per_packet": progress.ns_per_packet(),
            "ports": self.program.ports.iter().enumerate().map(|(i, name)| json!({
                "name": name,
                "received": traffic(self.report.received[i]),
                "sent": traffic(self.report.sent[i]),
            })).collect::<Vec<_>>(),
            "parallel": self.cores_to_json(),
            "stages": self.stages_to_json(),
            "nodes": nodes.map(|(i, node)| self.node_to_json(i, node)).collect::<Vec<_>>(),
            "unconnected": self.report.unconnected,
            "discarded": self.report.discarded,
            "inputs": ends(self.program, &self.described.inputs, &progress.inputs),
            "outputs": ends(self.program, &self.described.outputs, &progress.outputs),
            "failures": self.run.failures.iter().map(|f| json!({
                "port": self.program.ports[f.port as usize],
                "input": f.input,
                "error": f.error.to_string(),
            })).collect::<Vec<_>>(),
            "logs": self.logs.iter().map(|line| json!({
                "time_ns": line.time.0,
                "element": self.program.nodes[line.node as usize].name,
                "alert": line.alert,
                "text": line.text,
            })).collect::<Vec<_>>(),
        })
    }

    fn node_to_json(&self, index: usize, node: &Node) -> Value {
        let report = &self.report.nodes[index];
        let (written, suppressed) = self.logs_of(index);
        let drops: serde_json::Map<_, _> = (node.reasons.iter().zip(&report.drops))
            .filter(|(_, count)| **count > 0)
            .map(|(reason, count)| (reason.clone(), json!(count)))
            .collect();
        json!({
            "name": node.name,
            "element": node.element,
            "ports": node.ports.iter().enumerate().map(|(i, name)| json!({
                "name": name,
                "received": traffic(report.received[i]),
                "sent": traffic(report.sent[i]),
            })).collect::<Vec<_>>(),
            "drops": drops,
            "discarded": report.discarded,
            "consumed": report.consumed,
            "counters": self.counters.iter().filter(|c| c.0 == index).map(|c| json!({
                "name": node.states[c.1].name,
                "index": c.2,
                "packets": c.3.packets,
                "bytes": c.3.bytes,
            })).collect::<Vec<_>>(),
            "states": node.states.iter().zip(&report.states).map(|(spec, stats)| json!({
                "name": spec.name,
                "kind": spec.kind.to_string(),
                "capacity": spec.kind.capacity(),
                "entries": stats.len,
                "peak": stats.peak,
                "inserted": stats.inserted,
                "expired": stats.expired,
                "evicted": stats.evicted,
                "refused": stats.refused,
            })).collect::<Vec<_>>(),
            "events": node.events.iter().zip(&report.events).map(|(event, stats)| json!({
                "name": event.name,
                "capacity": event.capacity,
                "generated": stats.generated,
                "fired": stats.fired,
                "pending": stats.pending,
                "peak": stats.peak,
                "refused": stats.refused,
            })).collect::<Vec<_>>(),
            "records": node.streams.iter().zip(&report.streams).map(|(stream, stats)| json!({
                "name": stream.name,
                "emitted": stats.emitted,
                "lost": stats.lost,
            })).collect::<Vec<_>>(),
            "log_lines": { "written": written, "suppressed": suppressed },
        })
    }
}

/// Packets of the busiest core over the mean of all.
fn imbalance(loads: &[CoreLoad]) -> f64 {
    let most = loads.iter().map(|load| load.packets).max().unwrap_or(0);
    let all: u64 = loads.iter().map(|load| load.packets).sum();
    if all == 0 { 1.0 } else { most as f64 * loads.len() as f64 / all as f64 }
}

/// The counters of a program that are not zero.
fn counters(program: &Program, engine: &mut dyn Engine) -> Vec<(usize, usize, u64, Traffic)> {
    let mut counters = Vec::new();
    for (n, node) in program.nodes.iter().enumerate() {
        for (s, spec) in node.states.iter().enumerate() {
            if !matches!(spec.kind, StateKind::Counter { .. }) {
                continue;
            }
            for entry in engine.state(n, s) {
                let number = |bytes: &[u8]| {
                    bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
                };
                let packets = number(&entry.value);
                let bytes = number(entry.value.get(8..).unwrap_or_default());
                counters.push((n, s, number(&entry.key), Traffic { packets, bytes }));
            }
        }
    }
    counters
}

fn traffic(traffic: Traffic) -> Value {
    json!({ "packets": traffic.packets, "bytes": traffic.bytes })
}

fn ends(
    program: &Program,
    described: &[(u32, String, String)],
    counters: &[trama_live::run::PortCounters],
) -> Value {
    let one = |(end, counted): (&(u32, String, String), &trama_live::run::PortCounters)| {
        let lost: serde_json::Map<_, _> = (counted.counters.drops())
            .map(|(why, count)| (why.text().to_owned(), json!(count)))
            .collect();
        json!({
            "port": program.ports[end.0 as usize],
            "endpoint": end.1,
            "mechanism": end.2,
            "frames": counted.counters.frames,
            "bytes": counted.counters.bytes,
            "checksums_completed": counted.counters.checksums_completed,
            "frames_segmented": counted.counters.frames_segmented,
            "lost": lost,
        })
    };
    described.iter().zip(counters).map(one).collect()
}
