//! A report as one HTML page without scripts.

use super::plot::{Axis, Line, Plot, escape};
use super::{Class, Quantiles, Report};
use std::fmt::Write as _;
use trama_base::quantity;

/// How pages look.
pub(crate) const STYLE: &str = "body{font:14px sans-serif;margin:2em;max-width:1200px}\
table{border-collapse:collapse;margin:1em 0}td,th{padding:.2em .6em;text-align:right}\
th{border-bottom:1px solid #888}td:first-child,th:first-child{text-align:left}\
.plots{display:flex;flex-wrap:wrap;gap:1em}pre{background:#f4f4f4;padding:1em}";

/// Ports of a group that the map shows one by one; of more it shows the busiest of neighbours.
const CELLS_MAX: usize = 1024;

impl Report {
    /// The page. `settings` is the scenario with all its settings.
    pub fn html(&self, title: &str, settings: &str) -> String {
        let mut page = format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{0}</title>\
             <style>{STYLE}</style><h1>{0}</h1>\n<p>World: sim. {1} of simulated time.</p>\n",
            escape(title),
            self.duration
        );
        self.write_table(&mut page);
        self.write_counts(&mut page);
        page.push_str("<div class=\"plots\">\n");
        for plot in self.plots() {
            page.push_str(&plot.svg());
        }
        page.push_str("</div>\n<h2>Links</h2>\n");
        self.write_map(&mut page);
        let _ = writeln!(page, "<h2>Settings</h2><pre>{}</pre></html>", escape(settings));
        page
    }

    fn write_table(&self, page: &mut String) {
        page.push_str(
            "<table><tr><th>size<th>messages<th>unfinished<th>mean us<th>p50<th>p99<th>p99.9\
             <th>max<th>slowdown<th>p50<th>p99<th>p99.9</tr>\n",
        );
        for class in self.classes.iter().chain([&self.all]) {
            let name = class.name(std::ptr::eq(class, &self.all));
            let (n, missing) = (class.messages, class.unfinished);
            let _ = write!(page, "<tr><td>{}<td>{n}<td>{missing}", escape(&name));
            let cells = |it: Option<Quantiles>| {
                it.map_or([f64::NAN; 5], |q| [q.mean, q.p50, q.p99, q.p999, q.max])
            };
            for value in cells(class.completion_us) {
                let _ = write!(page, "<td>{value:.1}");
            }
            for value in &cells(class.slowdown)[..4] {
                let _ = write!(page, "<td>{value:.2}");
            }
            page.push_str("</tr>\n");
        }
        page.push_str("</table>\n");
    }

    fn write_counts(&self, page: &mut String) {
        page.push_str("<table>");
        for (name, value) in self.counts() {
            let _ = write!(page, "<tr><td>{name}<td>{value}</tr>");
        }
        page.push_str("</table>\n");
    }

    fn plots(&self) -> Vec<Plot<'static>> {
        let linear = |label| Axis { label, is_log: false };
        let log = |label| Axis { label, is_log: true };
        let line = |name: &str, points| Line { name: name.into(), points, ..Line::default() };
        let by_size = |which: fn(&Quantiles) -> f64| {
            self.by_size.iter().map(|(bytes, q)| (*bytes, which(q))).collect()
        };
        let series = |value: fn(&super::Moment) -> f64| {
            self.series.iter().map(|it| (it.at.as_micros_f64(), value(it))).collect()
        };
        vec![
            Plot {
                title: "Slowdown by size",
                x: log("message size (B)"),
                y: log("slowdown"),
                lines: vec![
                    line("p50", by_size(|q| q.p50)),
                    line("p99", by_size(|q| q.p99)),
                    line("max", by_size(|q| q.max)),
                ],
            },
            Plot {
                title: "Distribution of completion times",
                x: log("completion time (us)"),
                y: linear("share of messages"),
                lines: vec![line("all", self.completions_us.clone())],
            },
            Plot {
                title: "Queues",
                x: linear("time (us)"),
                y: linear("bytes"),
                lines: vec![
                    line("longest of all ports", series(|it| it.longest_bytes)),
                    line("mean of all ports", series(|it| it.mean_bytes)),
                ],
            },
            Plot {
                title: "Sent by all hosts",
                x: linear("time (us)"),
                y: linear("bit/s"),
                lines: vec![line("all", series(|it| it.bits_per_s))],
            },
        ]
    }

    /// A cell for each port, the darker the busier, in groups by the first word of its name.
    fn write_map(&self, page: &mut String) {
        let group = |name: &str| name.split(' ').next().unwrap_or_default().to_owned();
        for ports in self.utilisation.chunk_by(|a, b| group(&a.0) == group(&b.0)) {
            let per_cell = ports.len().div_ceil(CELLS_MAX);
            let columns = 64;
            let cells: Vec<_> = ports
                .chunks(per_cell)
                .filter_map(|near| near.iter().max_by(|a, b| a.1.total_cmp(&b.1)))
                .collect();
            let height = 12 * cells.len().div_ceil(columns);
            let _ = writeln!(
                page,
                "<p>{} ({} ports)</p><svg width=\"{}\" height=\"{height}\">",
                escape(&group(&ports[0].0)),
                quantity::count(ports.len() as u64),
                12 * columns.min(cells.len()),
            );
            for (index, (name, share)) in cells.into_iter().enumerate() {
                let (x, y) = (12 * (index % columns), 12 * (index / columns));
                let light = 96.0 - 60.0 * share.clamp(0.0, 1.0);
                let _ = writeln!(
                    page,
                    "<rect x=\"{x}\" y=\"{y}\" width=\"11\" height=\"11\" \
                     fill=\"hsl(14 80% {light:.0}%)\"><title>{}: {:.1} %</title></rect>",
                    escape(name),
                    100.0 * share
                );
            }
            page.push_str("</svg>\n");
        }
    }
}

impl Class {
    /// What it is called in tables.
    pub fn name(&self, is_all: bool) -> String {
        match (is_all, self.to_bytes) {
            (true, _) => "all".into(),
            (_, u64::MAX) => format!("> {}", quantity::bytes(self.above_bytes)),
            (_, to) => format!("<= {}", quantity::bytes(to)),
        }
    }
}
