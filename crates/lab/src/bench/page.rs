//! Measurements as one HTML page with SVG plots: no script, nothing to load.

use super::curve::Curve;
use super::measure::Measurement;
use std::fmt::Write as _;
use trama_base::stats::Spread;

/// Size of a plot, and the room around its axes, in pixels.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 300.0;
const MARGIN: f64 = 50.0;

/// Colours of machine code and of what was written by hand.
const COLOURS: [&str; 2] = ["#1f6feb", "#d29922"];

/// The page. `conditions` says in a sentence how the table was measured.
pub fn page(conditions: &str, table: &[Measurement], curves: &[Curve]) -> String {
    let mut html = String::from(HEAD);
    // Writing to a string does not fail.
    let _ = writeln!(html, "<h1>trama bench</h1><p>{conditions}</p>");
    if !table.is_empty() {
        html.push_str(&bars(table));
        html.push_str(&rows(table));
    }
    for curve in curves {
        let (name, about) = (curve.axis.name(), curve.axis.about());
        let _ = writeln!(html, "<h2>{name}: {about}</h2>{}", lines(curve));
    }
    html.push_str("</body></html>\n");
    html
}

const HEAD: &str = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
    <title>trama bench</title><style>body{font:15px/1.5 sans-serif;max-width:52em;margin:2em auto;\
    padding:0 1em}table{border-collapse:collapse}td,th{padding:.2em .8em;text-align:right;\
    border-bottom:1px solid #ddd}td:first-child,th:first-child{text-align:left}\
    svg{display:block;margin:1em 0}</style></head><body>\n";

/// Nanoseconds of each workload, machine code above what was written by hand.
fn bars(table: &[Measurement]) -> String {
    let greatest = table.iter().flat_map(|m| [m.native_ns, m.hand_ns]).flatten();
    let greatest = greatest.map(|s| s.max).fold(1.0, f64::max);
    let room = WIDTH - 2.0 * MARGIN - 60.0;
    let (mut body, mut y) = (String::new(), 10.0);
    for row in table {
        let name = &row.case.workload.name;
        let _ = write!(body, "<text x=\"0\" y=\"{}\">{name}</text>", y + 12.0);
        for (spread, colour) in [row.native_ns, row.hand_ns].into_iter().zip(COLOURS) {
            let Some(spread) = spread else { continue };
            let [min, median, max] =
                [spread.min, spread.median, spread.max].map(|ns| 90.0 + ns / greatest * room);
            let middle = y + 7.0;
            let _ = write!(
                body,
                "<rect x=\"90\" y=\"{y}\" width=\"{:.1}\" height=\"14\" fill=\"{colour}\"/>\
                 <path d=\"M{min:.1} {middle}H{max:.1}\" stroke=\"#000\"/>\
                 <text x=\"{:.1}\" y=\"{}\">{:.1} ns</text>",
                median - 90.0,
                max + 6.0,
                y + 12.0,
                spread.median
            );
            y += 18.0;
        }
        y += 8.0;
    }
    let [native, hand] = COLOURS;
    format!(
        "<p><span style=\"color:{native}\">&#9632;</span> machine code \
         <span style=\"color:{hand}\">&#9632;</span> written by hand</p>{}",
        svg(y, &body)
    )
}

fn rows(table: &[Measurement]) -> String {
    let mut html = String::from(
        "<table><tr><th>workload</th><th>ns per packet</th><th>by hand</th><th>ratio</th>\
         <th>interpreter</th></tr>\n",
    );
    let cell = |spread: Option<Spread>, places: usize| match spread {
        Some(Spread { min, median, max }) => {
            format!("{median:.places$} ({min:.places$}-{max:.places$})")
        }
        None => String::new(),
    };
    for row in table {
        let _ = writeln!(
            html,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            row.case.workload.name,
            cell(row.native_ns, 1),
            cell(row.hand_ns, 1),
            cell(row.ratio, 2),
            cell(row.interpreter_ns, 0)
        );
    }
    html.push_str("</table>\n");
    html
}

/// Nanoseconds over an axis of powers.
fn lines(curve: &Curve) -> String {
    let ns = |m: &Measurement| m.native_ns.map_or(0.0, |s| s.median);
    let greatest = curve.points.iter().map(|(_, m)| ns(m)).fold(1.0, f64::max) * 1.1;
    let power = |at: u32| f64::from(at.max(1)).ln();
    let first = curve.points.first().map_or(0.0, |(at, _)| power(*at));
    let last = curve.points.last().map_or(1.0, |(at, _)| power(*at));
    let x = |at| MARGIN + (power(at) - first) / (last - first).max(1e-9) * (WIDTH - 2.0 * MARGIN);
    let y = |ns: f64| HEIGHT - MARGIN - ns / greatest * (HEIGHT - 2.0 * MARGIN);
    let mut body = format!(
        "<path d=\"M{MARGIN} {MARGIN}V{0}H{1}\" fill=\"none\" stroke=\"#888\"/>",
        HEIGHT - MARGIN,
        WIDTH - MARGIN
    );
    let mut path = String::new();
    for (at, measured) in &curve.points {
        let (x, y) = (x(*at), y(ns(measured)));
        let _ = write!(path, "{}{x:.1} {y:.1}", if path.is_empty() { "M" } else { "L" });
        let _ = write!(
            body,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{0}\"/>\
             <text x=\"{x:.1}\" y=\"{1:.1}\" text-anchor=\"middle\">{2:.0} ns</text>\
             <text x=\"{x:.1}\" y=\"{3}\" text-anchor=\"middle\">{at}</text>",
            COLOURS[0],
            y - 8.0,
            ns(measured),
            HEIGHT - MARGIN + 18.0
        );
    }
    let _ = write!(body, "<path d=\"{path}\" fill=\"none\" stroke=\"{}\"/>", COLOURS[0]);
    svg(HEIGHT, &body)
}

fn svg(height: f64, body: &str) -> String {
    format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">{body}</svg>\n"
    )
}
