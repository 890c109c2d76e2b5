//! Counters of a run while it goes on: redrawn in place on a terminal, else a line each time.

use crate::output::table::Table;
use std::io::Write;
use trama_base::{Nanos, quantity};
use trama_lang::engine::Engine;
use trama_lang::ir::Program;
use trama_live::run::Progress;

/// What a user sees during a run, on standard error.
pub(crate) struct View {
    ports: Vec<String>,
    nodes: Vec<(String, Vec<String>)>,
    terminal: bool,
    lines: usize,
    last: (Nanos, u64),
}

impl View {
    /// A view of a program's run.
    pub(crate) fn new(program: &Program, terminal: bool) -> Self {
        let nodes = program.nodes.iter().map(|n| (n.name.clone(), n.reasons.clone())).collect();
        let last = (Nanos::ZERO, 0);
        Self { ports: program.ports.clone(), nodes, terminal, lines: 0, last }
    }

    /// Draws what happened so far.
    pub(crate) fn show(&mut self, progress: &Progress, engine: &mut dyn Engine) {
        let interval_s = progress.elapsed.since(self.last.0).as_secs_f64();
        let rate = (progress.packets - self.last.1) as f64 / interval_s.max(1e-9);
        self.last = (progress.elapsed, progress.packets);
        let head = format!(
            "{:>6.1}s  {}  {} packets  {:.0} ns each",
            progress.elapsed.as_secs_f64(),
            quantity::packet_rate(rate),
            quantity::count(progress.packets),
            progress.ns_per_packet().unwrap_or(0.0)
        );
        let report = engine.report();
        let mut text = head;
        text.push('\n');
        if self.terminal {
            let mut table = Table::new(&["port", ">in", ">out"]);
            for (index, port) in self.ports.iter().enumerate() {
                table.row([
                    port.clone(),
                    quantity::count(report.received[index].packets),
                    quantity::count(report.sent[index].packets),
                ]);
            }
            text.push_str(&table.render());
            let mut drops = Table::new(&["drops", "reason", ">packets"]);
            for ((name, reasons), node) in self.nodes.iter().zip(&report.nodes) {
                for (reason, &count) in reasons.iter().zip(&node.drops) {
                    if count > 0 {
                        drops.row([name.clone(), reason.clone(), quantity::count(count)]);
                    }
                }
            }
            if !drops.is_empty() {
                text.push_str(&drops.render());
            }
        }
        let logs: String = (engine.take_logs().iter())
            .map(|line| format!("{}: {}\n", self.nodes[line.node as usize].0, line.text))
            .collect();
        self.clear();
        self.lines = if self.terminal { text.lines().count() } else { 0 };
        // What cannot be shown is still counted; the summary has it.
        let _ = std::io::stderr().write_all((logs + &text).as_bytes());
    }

    /// Takes away what was drawn.
    pub(crate) fn clear(&mut self) {
        if self.lines > 0 {
            // Cursor up, then erase to the end of the screen (ECMA-48).
            eprint!("\x1b[{}A\x1b[J", self.lines);
            self.lines = 0;
        }
    }
}
